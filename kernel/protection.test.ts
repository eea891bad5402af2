// What keeps the kernel's mistakes small, on CPUs that have it: control bits, the window's page tables, and
// what becomes of a kernel that does what it must not. A faulty kernel is one whose entry for system calls
// has been overwritten in the memory of the emulated machine before it starts.

import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { Assembler, byte, qword, r15, rax, rbx, rsp } from "../tools/asm/index.ts";
import { builtCore, Machine } from "../tools/emulator/host/index.ts";
import { elfSymbols, type SymbolTable } from "../tools/emulator/inspect/symbols.ts";
import { WINDOW } from "./asm/index.ts";
import { buildKernel } from "./build.ts";
import {
  CPU_STACK,
  KERNEL_DATA,
  KERNEL_RODATA,
  KERNEL_STACK_SIZE,
  KERNEL_TEXT,
  TSS_IST1,
} from "./layout.ts";
import { KERNEL_GUEST } from "./options.ts";
import { buildHostile, comparableEvents, expectedEvents } from "./testing/hostile.ts";
import { PROBE_BASE } from "./testing/probe.ts";

const LIMIT = { instructions: 400_000_000 };
const PRESENT = 1n;
const WRITABLE = 2n;
const USER = 4n;
const LARGE = 0x80n;
const NO_EXECUTE = 1n << 63n;
const ADDRESS = 0x000f_ffff_ffff_f000n;
/** CR4; the default model has neither SMAP nor UMIP. */
const PGE = 1n << 7n;
const UMIP = 1n << 11n;
const PCIDE = 1n << 17n;
const SMEP = 1n << 20n;
const SMAP = 1n << 21n;

let kernel: Uint8Array;
let symbols: SymbolTable;
let hostile: Uint8Array;

beforeAll(async () => {
  const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
  kernel = buildKernel(wasm, sourceMap);
  const found = elfSymbols({ name: "kernel", data: kernel });
  if (found === undefined) throw new Error("the kernel has no symbols");
  symbols = found;
  hostile = buildHostile();
});

async function machine(cpu: "default" | "max", cpus = 2): Promise<Machine> {
  const modules = [{ file: hostile, name: "hostile" }];
  const core = await builtCore();
  return Machine.create({ core, kernel, modules, cpu, cpus, memory: "256M", vga: false });
}

/** Physical address of a symbol in the window. */
function physical(name: string): number {
  const address = symbols.address(name);
  if (address === undefined) throw new Error(`no symbol ${name}`);
  return Number(BigInt.asUintN(32, address));
}

/** Every entry of the window that maps something, with the offset in the window and the size of what it maps. */
function* windowPages(m: Machine): Generator<{ at: number; bytes: number; entry: bigint }> {
  const read = (table: bigint, index: number) => m.ram.read64(Number(table) + index * 8) ?? 0n;
  const pointers = read(BigInt(physical("kernel_pml4")), 511) & ADDRESS;
  for (let i = 0; i < 4; i++) {
    const directory = read(pointers, 504 + i) & ADDRESS;
    for (let j = 0; j < 512; j++) {
      const entry = read(directory, j);
      const at = (i * 512 + j) * 0x20_0000;
      if (entry & LARGE) yield { at, bytes: 0x20_0000, entry };
      else {
        for (let k = 0; k < 512; k++) {
          yield { at: at + k * 4096, bytes: 4096, entry: read(entry & ADDRESS, k) };
        }
      }
    }
  }
}

describe.each(["default", "max"] as const)("on the model %s", (model) => {
  it("every CPU has the control bits that CPUID offers", async () => {
    const m = await machine(model);
    expect(m.runSync({ ...LIMIT, until: "probe starts" }).kind).toBe("matched");
    const wanted = PGE | PCIDE | SMEP | (model === "max" ? SMAP | UMIP : 0n);
    for (const cpu of m.cpus) {
      expect(cpu.wide("cr4") & (PGE | PCIDE | SMEP | SMAP | UMIP)).toBe(wanted);
      expect(cpu.wide("cr0") & 0x1_0000n).toBe(0x1_0000n);
      expect(cpu.wide("efer") & 0x800n).toBe(0x800n);
    }
  });

  it("the window is writable or executable, nothing is both, nothing is for users", async () => {
    const m = await machine(model);
    m.runSync({ ...LIMIT, until: "probe starts" });
    for (const { at, entry } of windowPages(m)) {
      if (!(entry & PRESENT)) continue;
      expect(entry & USER).toBe(0n);
      const isText = at >= KERNEL_TEXT && at < KERNEL_RODATA;
      expect((entry & NO_EXECUTE) === 0n, at.toString(16)).toBe(isText);
      const isConstant = at >= KERNEL_TEXT && at < KERNEL_DATA;
      expect((entry & WRITABLE) !== 0n, at.toString(16)).toBe(!isConstant);
    }
  });

  it("the page below every stack is missing, and no other", async () => {
    const m = await machine(model);
    m.runSync({ ...LIMIT, until: "probe starts" });
    const missing = new Set<number>();
    for (const { at, entry } of windowPages(m)) if (!(entry & PRESENT)) missing.add(at);
    const guards = new Set([physical("boot_stack") - 4096]);
    for (const cpu of m.cpus) {
      // The task register leads to the interrupt stacks, GS to the kernel stack.
      const tss = Number(cpu.segment("tr").base - WINDOW);
      for (let i = 0; i < 3; i++) {
        const end = (m.ram.read64(tss + TSS_IST1 + 8 * i) ?? 0n) - WINDOW;
        guards.add(Number(end) - 2 * 4096);
      }
      const kernelGs = cpu.wide("kernel_gs_base");
      const gs = kernelGs >= WINDOW ? kernelGs : cpu.segment("gs").base;
      const stack = (m.ram.read64(Number(gs - WINDOW) + CPU_STACK) ?? 0n) - WINDOW;
      // Its last word is taken: the kernel's stack starts in front of it.
      const end = Math.ceil(Number(stack) / 4096) * 4096;
      guards.add(end - KERNEL_STACK_SIZE - 4096);
    }
    expect([...missing].sort()).toEqual([...guards].sort());
  });

  it("hostile user code meets what the manual says", async () => {
    const m = await machine(model);
    const stop = m.runSync({ ...LIMIT, until: "attacks end" });
    expect(stop.kind).toBe("matched");
    expect(comparableEvents(m.serialOutput)).toEqual(expectedEvents(model === "max"));
  });
});

/** Overwrites a function of the kernel in the machine's memory. */
function patch(m: Machine, name: string, code: (a: Assembler) => void): void {
  const a = new Assembler({ bits: 64, name: "fault" });
  a.section(".text");
  code(a);
  const text = a.object().sections.find((section) => section.name === ".text");
  if (text === undefined) throw new Error("no code");
  m.ram.write(physical(name), text.data);
}

/** Runs a kernel whose system call entry is `code`; what it says when it panics. */
async function faulty(model: "default" | "max", code: (a: Assembler) => void): Promise<string> {
  const m = await machine(model, 1);
  patch(m, "on_syscall", code);
  m.runSync({ ...LIMIT, until: "panic" });
  m.runSync({ instructions: 1_000_000 });
  return /panic: .*?(?= rsp)/.exec(m.serialOutput)?.[0] ?? m.serialOutput;
}

const at = (a: Assembler, address: bigint) => a.form("Mov_r64_imm64", rax, address);
const readUser = (a: Assembler) => [at(a, BigInt(PROBE_BASE)), a.mov(rbx, qword(rax))];
const inKernel = (what: string) => `panic: trap in kernel code, vector 0xe error 0x${what}`;

describe("a kernel that", () => {
  it("reads a user page is stopped by SMAP", async () => {
    expect(await faulty("max", readUser)).toBe(inKernel("1"));
  });

  it("reads a user page in an exception of a program that has set AC is stopped as well", async () => {
    const m = await machine("max", 1);
    expect(m.runSync({ ...LIMIT, until: "MOV to CR3" }).kind).toBe("matched");
    patch(m, "on_trap", readUser);
    const cpu = m.cpus[0];
    if (cpu === undefined) throw new Error("no CPU");
    while (cpu.cpl !== 3) m.step();
    cpu.rflags |= 0x4_0000n;
    cpu.commit();
    m.runSync({ ...LIMIT, until: "panic" });
    m.runSync({ instructions: 1_000_000 });
    expect(m.serialOutput).toContain(inKernel("1"));
  });

  it.each(["default", "max"] as const)(
    "jumps to a user page is stopped by SMEP, %s",
    async (cpu) => {
      expect(await faulty(cpu, (a) => [at(a, BigInt(PROBE_BASE)), a.jmp(rax)])).toBe(
        inKernel("11"),
      );
    },
  );

  it.each([
    ["text", KERNEL_TEXT],
    ["constants", KERNEL_RODATA],
  ])("writes to its %s is stopped", async (_name, address) => {
    const write = (a: Assembler) => a.mov(byte(r15, { disp: address }), 0);
    expect(await faulty("default", (a) => [write(a)])).toBe(inKernel("3"));
  });

  it.each([
    ["constants", KERNEL_RODATA],
    ["data", KERNEL_DATA],
    ["low memory", 0x1000],
  ])("runs its %s is stopped", async (_name, address) => {
    const jump = (a: Assembler) => [at(a, WINDOW + BigInt(address)), a.jmp(rax)];
    expect(await faulty("default", jump)).toBe(inKernel("11"));
  });

  it.each(["default", "max"] as const)("outgrows its stack says so, %s", async (cpu) => {
    const text = await faulty(cpu, (a) => {
      const again = a.label();
      a.push(rsp);
      a.jmp(again);
    });
    expect(text).toBe("panic: kernel stack overflow, vector 0x8 error 0x0");
  });
});
