// Random bytes as code in every mode: whatever a guest executes, `run` returns at its deadline or with a
// reason, and never throws. Also what no guest of the other tests does on purpose: code that changes
// itself, and repeated string instructions over code.

import { beforeAll, describe, expect, test } from "vitest";
import { loadCore } from "../host/core.ts";
import { type CoreExports, type CoreImports, PageKind, RunExit } from "./interface.ts";
import {
  ACTIVE,
  REGS,
  S_ACTIVITY,
  S_CPL,
  S_CR0,
  S_CR3,
  S_CR4,
  S_EFER,
  S_EFLAGS,
  S_GDT_BASE,
  S_GDT_LIMIT,
  S_IDT_BASE,
  S_IDT_LIMIT,
  S_RIP,
  S_SEG,
  S_XCR0,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_STRIDE,
  SEG_VALID,
} from "./state.ts";

const RAM = 16 << 20;
const CODE = 0x4000;
const CODE_SIZE = 0x8000;
const GDT = 0x3000;
const TABLES = 0x10_0000;
const MODES = ["real", "protected 16-bit", "protected 32-bit", "long"] as const;
const CS = 1;

/** Bytes that lead into the less trodden parts of the opcode maps. */
const PREFIXES = [
  0x0f, 0x66, 0x67, 0xf2, 0xf3, 0xf0, 0x65, 0xc4, 0xc5, 0x38, 0x3a, 0xcd, 0xcf, 0xd9,
];

/** xorshift32: the test is the same every time. */
function generator(seed: number): () => number {
  let x = seed >>> 0;
  return () => {
    x ^= x << 13;
    x >>>= 0;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x;
  };
}

class Bench {
  readonly core: CoreExports;
  readonly view: DataView;
  readonly ram: DataView;

  constructor(core: CoreExports) {
    this.core = core;
    core.create(1, RAM, 1);
    core.map_pages(0, RAM / 4096, PageKind.Ram);
    this.view = new DataView(core.memory.buffer);
    this.ram = new DataView(core.memory.buffer, core.ram_base(), RAM);
  }

  static async make(random: () => number): Promise<Bench> {
    const imports: CoreImports = {
      port_read: () => random(),
      port_write: () => {},
      mmio_read: () => random(),
      mmio_write: () => {},
      interrupt_acknowledge: () => random() & 0xff,
      apic_eoi: () => {},
      trace: () => {},
    };
    return new Bench((await loadCore(imports)).exports);
  }

  segment(n: number, selector: number, limit: number, attributes: number): void {
    const at = S_SEG + n * SEG_STRIDE;
    this.view.setBigUint64(at + SEG_BASE, 0n, true);
    this.view.setUint32(at + SEG_LIMIT, limit, true);
    this.view.setUint32(at + SEG_SELECTOR, selector, true);
    this.view.setUint32(at + SEG_ATTR, attributes, true);
    this.view.setUint32(at + SEG_VALID, 1, true);
  }

  set64(field: number, value: bigint): void {
    this.view.setBigUint64(field, value, true);
  }

  register(n: number): bigint {
    return this.view.getBigUint64(REGS + n * 8, true);
  }

  /** A CPU in `mode` (index into MODES) with flat segments; long mode maps the RAM to itself. */
  enter(mode: number, cpl: number, rip: number): void {
    const { core, view, ram } = this;
    core.reset_cpu(0);
    ram.setBigUint64(TABLES, BigInt(TABLES + 0x1007), true);
    ram.setBigUint64(TABLES + 0x1000, BigInt(TABLES + 0x2007), true);
    for (let i = 0; i < 512; i++) {
      ram.setBigUint64(TABLES + 0x2000 + i * 8, BigInt((i % 8) * 0x20_0000 + 0x87), true);
    }
    const big = mode >= 2 ? 0x4000 : 0;
    for (let n = 0; n < 6; n++) {
      if (mode === 0) this.segment(n, 0, 0xffff, 0x93);
      else this.segment(n, (n * 8 + 8) | cpl, 0xffff_ffff, 0x8093 | big | (cpl << 5));
    }
    if (mode > 0)
      this.segment(CS, 8 | cpl, 0xffff_ffff, (mode === 3 ? 0xa09b : 0x809b | big) | (cpl << 5));
    view.setUint32(S_CPL, cpl, true);
    this.set64(S_CR0, mode === 0 ? 0x10n : mode === 3 ? 0x8000_0011n : 0x11n);
    this.set64(S_CR3, BigInt(TABLES));
    this.set64(S_CR4, 0x5_0620n);
    this.set64(S_XCR0, 7n);
    this.set64(S_EFER, mode === 3 ? 0xd01n : 0n);
    this.set64(S_RIP, BigInt(rip));
    this.set64(REGS + 32, 0x9000n);
    view.setUint32(S_EFLAGS, 0, true);
    view.setUint32(S_ACTIVITY, ACTIVE, true);
    core.cpu_state_changed(0);
  }

  code(at: number, bytes: readonly number[]): void {
    bytes.forEach((b, i) => {
      this.ram.setUint8(at + i, b);
    });
    this.core.ram_written(at, bytes.length);
  }
}

describe("random bytes as code", () => {
  test.each(MODES.map((name, mode) => [name, mode] as const))(
    "%s mode: every run ends with a reason",
    async (_name, mode) => {
      const random = generator(0x1234_5678 + mode);
      const bench = await Bench.make(random);
      const { core, view, ram } = bench;
      const exits = new Set<number>();
      for (let round = 0; round < 150; round++) {
        for (let i = 0; i < CODE_SIZE; i++) {
          const byte = (random() & 3) === 0 ? PREFIXES[random() % PREFIXES.length] : random();
          ram.setUint8(CODE + i, (byte as number) & 0xff);
        }
        core.ram_written(CODE, CODE_SIZE);
        for (let i = 0; i < 64; i++) {
          ram.setUint32(GDT + i * 8, random(), true);
          ram.setUint32(GDT + i * 8 + 4, random() & 0xff_ffff, true);
        }
        const cpl = mode > 0 && (random() & 1) !== 0 ? 3 : 0;
        bench.enter(mode, cpl, CODE + (random() & 0x7fff));
        for (let n = 0; n < 16; n++) {
          view.setUint32(REGS + n * 8, (random() & 3) === 0 ? random() : random() & 0xffff, true);
        }
        bench.set64(S_GDT_BASE, BigInt(GDT));
        view.setUint32(S_GDT_LIMIT, 511, true);
        bench.set64(S_IDT_BASE, BigInt(mode === 0 ? 0 : CODE));
        view.setUint32(S_IDT_LIMIT, 0xfff, true);
        for (let v = 0; v < 256; v++) ram.setUint32(v * 4, CODE + (random() & 0x7fff), true);
        const before = core.time();
        const exit = core.run(before + 5000);
        exits.add(exit);
        expect(exit).toBeGreaterThanOrEqual(RunExit.Deadline);
        expect(exit, "an encoding without a handler").not.toBe(RunExit.Unimplemented);
        expect(core.time()).toBeGreaterThan(before);
      }
      expect(exits).toContain(mode === 0 ? RunExit.Deadline : RunExit.TripleFault);
    },
  );
});

describe("code that changes", () => {
  let bench: Bench;
  const HLT = 0xf4;
  beforeAll(async () => {
    bench = await Bench.make(() => 0);
  });

  function run(rip: number): void {
    bench.enter(2, 0, rip);
    expect(bench.core.run(bench.core.time() + 100_000)).toBe(RunExit.Dead);
  }

  test("an instruction rewritten by the one before it executes as rewritten", () => {
    // mov byte [0x4008], 0x43 (inc ebx) over inc eax; the byte is in the same block.
    bench.code(0x4000, [0x31, 0xc0, 0xc6, 0x05, 0x09, 0x40, 0, 0, 0x43, 0x40, HLT]);
    run(0x4000);
    expect([bench.register(0), bench.register(3)]).toEqual([0n, 1n]);
  });

  test("a loop that patches its own immediate sees every value", () => {
    // mov ecx,10; L: add eax, imm32; inc dword [L+1]; dec ecx; jnz L
    bench.code(0x5000, [
      ...[0x31, 0xc0, 0xb9, 10, 0, 0, 0],
      ...[0x05, 1, 0, 0, 0, 0xff, 0x05, 0x08, 0x50, 0, 0, 0x49, 0x75, 0xf2, HLT],
    ]);
    run(0x5000);
    expect(bench.register(0)).toBe(55n);
  });

  test("REP STOSB over the code behind it", () => {
    // mov edi, 0x6010; mov ecx, 4; mov al, 0x43; rep stosb; then 4 × inc eax become inc ebx.
    bench.code(0x6000, [
      ...[0xbf, 0x10, 0x60, 0, 0, 0xb9, 4, 0, 0, 0, 0xb0, 0x43, 0xf3, 0xaa, 0x90, 0x90],
      ...[0x40, 0x40, 0x40, 0x40, HLT],
    ]);
    run(0x6000);
    expect(bench.register(3)).toBe(4n);
  });

  test("data beside code keeps the code", () => {
    // A counter in the page of the loop, 64 bytes away: mov ecx,1000; L: inc dword [0x7100]; loop L
    bench.code(0x7000, [0xb9, 0xe8, 3, 0, 0, 0xff, 0x05, 0, 0x71, 0, 0, 0xe2, 0xf8, HLT]);
    bench.ram.setUint32(0x7100, 0, true);
    run(0x7000);
    expect(bench.ram.getUint32(0x7100, true)).toBe(1000);
  });
});
