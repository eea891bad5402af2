// What the specializer makes of handlers, against the handlers themselves: snippets with random operands and states,
// page faults and misses of the TLB among them, each run by the interpreter and compiled, record by record and block by
// block. All of the CPU's state and of the snippet's memory must be the same.

import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../../asc/guest.ts";
import { CORE_GUEST } from "../core/options.ts";
import { S_AGAIN, S_CPL, S_INSN_INDEX, S_MXCSR, S_TMP0, STATE, STATE_SIZE } from "../core/state.ts";
import { EmulatedCpu, NotImplemented } from "../cputest/emulator.ts";
import { ISA_FEATURES, listForms } from "../cputest/forms.ts";
import { Generator, type TestCase } from "../cputest/generate.ts";
import { CODE_SIZE, Field, Memory } from "../cputest/record.ts";
import { loadCore } from "../host/core.ts";
import { CoreCode } from "./core-code.ts";
import { CALLED, TAILS } from "./specialize.ts";
import { CompiledCore, type Unit } from "./testdata/compiled-records.ts";

/** Page frames of the snippets' code (cputest/emulator.ts). */
const CODE_FRAME = 0x100;
const CODE_PAGES = 2;

let code: CoreCode;

beforeAll(async () => {
  code = new CoreCode((await guestModule(CORE_GUEST)).wasm);
});

/** Fields that mean nothing between instructions. */
const UNOBSERVED = new Set<number>();
for (let n = 0; n < 192; n++) UNOBSERVED.add(S_TMP0 + n);
for (let n = 0; n < 4; n++) UNOBSERVED.add(S_AGAIN + n).add(S_INSN_INDEX + n);

/** Snippets are programs. */
const SNIPPET_CPL = 3;

/** An interpreter and a core that compiles. */
async function pair(unit: Unit) {
  let compiled: CompiledCore | undefined;
  let memory: WebAssembly.Memory | undefined;
  const interpreted = await EmulatedCpu.create(async (imports) => {
    const core = await loadCore(imports);
    memory = core.exports.memory;
    return core;
  });
  const other = await EmulatedCpu.create(
    CompiledCore.from(loadCore, code, unit, (core) => {
      compiled = core;
    }),
  );
  const core = compiled as CompiledCore;
  /** The first difference that running compiled makes, or undefined. It is compiled when `earlier` has been run. */
  const difference = (
    { before }: TestCase,
    { before: earlier }: Pick<TestCase, "before"> = { before },
  ): string | undefined => {
    core.same = false;
    interpreted.run(earlier);
    other.run(earlier);
    // What compiled code takes for granted about MXCSR and CPL is what the snippet begins with.
    const view = new DataView(core.exports.memory.buffer);
    view.setUint32(S_MXCSR, before.u32(Field.mxcsr), true);
    view.setUint32(S_CPL, SNIPPET_CPL, true);
    core.compile(CODE_FRAME, CODE_PAGES);
    core.same = true;
    const a = interpreted.run(before);
    const b = other.run(before);
    core.forget();
    const at = a.bytes.findIndex((byte, n) => byte !== b.bytes[n]);
    if (at >= 0) return `record, byte ${at}`;
    const x = new Uint8Array((memory as WebAssembly.Memory).buffer, STATE, STATE_SIZE);
    const y = new Uint8Array(view.buffer, STATE, STATE_SIZE);
    const wrong = x.findIndex((byte, n) => byte !== y[n] && !UNOBSERVED.has(STATE + n));
    return wrong < 0 ? undefined : `state, 0x${(STATE + wrong).toString(16)}`;
  };
  return { core, difference };
}

describe("compiled handlers", () => {
  const all = Object.keys(ISA_FEATURES);
  for (const [unit, bits, cases, seed, isas, least] of [
    ["record", 64, 1200, 1, all, 250],
    ["block", 64, 1200, 2, all, 140],
    ["block", 32, 900, 3, all, 140],
    ["record", 64, 600, 4, ["x87"], 20],
  ] as const) {
    const what = isas === all ? "" : ` of ${isas.join(", ")}`;
    it(`do what the interpreter does, by ${unit}, in ${bits}-bit code${what}`, async () => {
      const { core, difference } = await pair(unit);
      const generator = new Generator(listForms([...isas], bits), seed, 0, true, bits);
      const wrong: string[] = [];
      for (let n = 0; n < cases; n++) {
        const test = generator.next();
        try {
          const found = difference(test);
          if (found) wrong.push(`${n} ${test.forms.map((form) => form.name).join(" ")}: ${found}`);
        } catch (error) {
          if (!(error instanceof NotImplemented)) throw error;
        }
      }
      expect(wrong).toEqual([]);
      expect(core.inlined.size).toBeGreaterThan(least);
    });
  }

  const forms = { 32: listForms(["base"], 32), 64: listForms(["base"], 64) };

  /** A snippet of these bytes, with all else random. */
  const snippet = (bits: 32 | 64, bytes: readonly number[]): TestCase => {
    const test = new Generator(forms[bits], 1, 0, false, bits).next();
    const { before } = test;
    before.bytes.fill(0xcc, Field.code, Field.code + CODE_SIZE);
    before.bytes.set(bytes, Field.code);
    before.setU32(Field.codeLength, bytes.length);
    before.setU64(Field.rip, BigInt(before.u32(Field.codeAddress)));
    return test;
  };

  it("keep addresses that later records change the registers of", async () => {
    const { difference } = await pair("block");
    // pop eax; push 24; add eax, 0x7ffffffe; pop ecx; push ecx; xor eax, eax; pop edx
    const bytes = [0x58, 0x6a, 24, 5, 0xfe, 0xff, 0xff, 0x7f, 0x59, 0x51, 0x31, 0xc0, 0x5a];
    const test = snippet(32, bytes);
    test.before.setGpr(4, BigInt(Memory.windowA + 64));
    expect(difference(test)).toBeUndefined();
  });

  it("say which segment an address that is not canonical was in", async () => {
    const { difference } = await pair("record");
    for (const modrm of [0x7d, 0x7b]) {
      // fstp tbyte ptr [rbp]; fstp tbyte ptr [rbx]: #SS and #GP
      const test = snippet(64, [0xdb, modrm, 0]);
      for (const register of [3, 5]) test.before.setGpr(register, 0x7fff_ffff_fffbn);
      expect(difference(test)).toBeUndefined();
    }
  });

  it("divide by what was there when they were compiled, and by all else", async () => {
    const { core, difference } = await pair("block");
    const divisors = [
      0n,
      7n,
      0x102n,
      0xfff9n,
      1_000_003n,
      0xffff_ffffn,
      1n << 63n,
      (1n << 64n) - 1n,
    ];
    const dividends = [
      [0n, 0x1234_5678_9abc_def1n],
      [5n, 0xffff_fffbn],
      [(1n << 64n) - 1n, (1n << 64n) - 1000n],
    ] as const;
    // div, idiv of rbx, ebx, bx, bl
    const codes = [[0x48, 0xf7], [0xf7], [0x66, 0xf7], [0xf6]];
    const modules = new Set<string>();
    const wrong: string[] = [];
    for (const code of codes) {
      for (const modrm of [0xf3, 0xfb]) {
        const division = (divisor: bigint, [high, low]: readonly [bigint, bigint]): TestCase => {
          const test = snippet(64, [...code, modrm]);
          test.before.setGpr(0, low);
          test.before.setGpr(2, high);
          test.before.setGpr(3, divisor);
          return test;
        };
        for (const usual of divisors)
          for (const divisor of [usual, usual + 1n])
            for (const dividend of dividends) {
              const found = difference(division(divisor, dividend), division(usual, [0n, 5n]));
              if (found) wrong.push(`${code} ${modrm} ${dividend} / ${divisor}: ${found}`);
              modules.add(core.lastModule.toString());
            }
      }
    }
    expect(wrong).toEqual([]);
    // Code for each divisor, and without one for 0 and for -1.
    expect(modules.size).toBeGreaterThan(codes.length * divisors.length);
  });
});

describe("functions that regions call", () => {
  it("are the core's", () => {
    for (const name of [...Object.keys(CALLED), ...TAILS])
      expect([name, code.functionNamed(name)]).toEqual([name, expect.any(Number)]);
  });
});
