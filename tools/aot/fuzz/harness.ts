// Runs compiled functions as a Linux process and V8 on the same wasm, and compares results, traps,
// memory and globals. The process makes many calls: a trap's signal handler records where it
// happened and goes on with the next call.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { linkElf } from "../../elf/index.ts";
import type { ObjectFile, ObjectSection, Relocation } from "../../elf/object.ts";
import { FIRST_SECTION, IMAGE_BASE } from "../../pe/index.ts";
import { I32, type ValType } from "../../wasm/types.ts";
import { type CompileOptions, compile } from "../compile.ts";
import { TRAP_MESSAGES, TrapKind } from "../ir/ir.ts";
import { LINUX_SEGMENTS, linkUefi } from "../link.ts";
import { exportSymbol } from "../names.ts";
import type { TargetName } from "../targets/target.ts";
import {
  ALU,
  at,
  CC,
  Encoder,
  R8,
  R9,
  R12,
  R13,
  R14,
  R15,
  RAX,
  RBP,
  RBX,
  RCX,
  RDI,
  RDX,
  RSI,
  RSP,
} from "../x64/encoder.ts";
import { firmwareProcess, LOAD_ADDRESS } from "./firmware.ts";

export interface Call {
  name: string;
  params: ValType[];
  results: ValType[];
  /** Signed integers. */
  args: bigint[];
}

export interface Outcome {
  /** Trap kind, or 0. */
  trap: number;
  results: bigint[];
}

export interface RunResult {
  outcomes: Outcome[];
  /** The initial pages of memory after all calls. */
  memory: Uint8Array;
}

export interface NativeOptions extends Partial<CompileOptions> {
  /** Bytes that the module reaches as `symbol.area`: what they hold after all calls is returned. */
  area?: number;
}

export interface NativeResult extends RunResult {
  area: Uint8Array;
}

/** Programs of target native need a page at address 0, which only root may map. */
export class NotMappedError extends Error {}

/** Whether this host can run the processes. */
export { runsLinuxPrograms as canRunNative } from "../../testing/host-tools.ts";

/** Bytes per call: address, 6 arguments, status, RAX, RDX. */
const ENTRY = 80;
const STATUS = 56;
const CALLEE_LOST = 1n;
const MAGIC = 0x1122334455667788n;

/** Bytes for signal handlers: an overflow leaves no stack to them. */
const HANDLER_STACK = 16_384;
const SIGALTSTACK = 131;

/** The routine `run` that the module's main calls, and its call list. */
function driver(calls: Call[], pages: number, area: number): ObjectFile {
  const e = new Encoder();
  const rip = (symbol: string, disp = 0) => ({ base: -1, index: -1, scale: 1, disp, symbol });
  const saved = [RBX, RBP, R12, R13, R14, R15];
  for (const r of saved) e.push(r);
  e.aluRI(8, ALU.SUB, RSP, 8);
  e.store(8, RSP, rip("driver_stack"));
  e.store(8, R15, rip("driver_window"));
  e.lea(8, RDI, rip("driver_stack_t"));
  e.movImm(RSI, 0n);
  e.movImm32(RAX, SIGALTSTACK);
  e.raw([0x0f, 0x05]);
  // rt_sigaction(signal, action, 0, 8) for SIGILL, SIGBUS, SIGFPE, SIGSEGV
  for (const signal of [4, 7, 8, 11]) {
    e.movImm32(RDI, signal);
    e.lea(8, RSI, rip("driver_action"));
    e.movImm(RDX, 0n);
    e.movImm32(10, 8);
    e.movImm32(RAX, 13);
    e.raw([0x0f, 0x05]);
  }
  const next = e.length;
  e.load(8, false, 8, RBX, rip("driver_current"));
  e.lea(8, RAX, rip("driver_calls", calls.length * ENTRY));
  e.aluRR(8, ALU.CMP, RBX, RAX);
  e.u8(0x0f);
  e.u8(0x80 | CC.AE);
  const toEnd = e.length;
  e.u32(0);
  e.load(8, false, 8, R15, rip("driver_window"));
  [RDI, RSI, RDX, RCX, R8, R9].forEach((r, i) => {
    e.load(8, false, 8, r, at(RBX, 8 + i * 8));
  });
  for (const r of [RBP, R12, R13, R14]) e.movImm(r, MAGIC + BigInt(r));
  e.rm(0, false, 0xff, 2, at(RBX));
  e.store(8, RAX, at(RBX, 64));
  e.store(8, RDX, at(RBX, 72));
  const lost: number[] = [];
  const expect = (): void => {
    e.u8(0x0f);
    e.u8(0x80 | CC.NE);
    lost.push(e.length);
    e.u32(0);
  };
  e.aluRM(8, ALU.CMP, RBX, rip("driver_current"));
  expect();
  e.aluRM(8, ALU.CMP, RSP, rip("driver_stack"));
  expect();
  e.aluRM(8, ALU.CMP, R15, rip("driver_window"));
  expect();
  for (const r of [RBP, R12, R13, R14]) {
    e.movImm(RAX, MAGIC + BigInt(r));
    e.aluRR(8, ALU.CMP, RAX, r);
    expect();
  }
  const advance = e.length;
  e.aluMI(8, ALU.ADD, rip("driver_current"), ENTRY);
  e.u8(0xe9);
  e.u32(next - (e.length + 4));
  for (const from of lost) e.patch32(from, e.length - (from + 4));
  e.load(8, false, 8, RBX, rip("driver_current"));
  e.storeImm(8, Number(CALLEE_LOST), at(RBX, STATUS));
  e.load(8, false, 8, RSP, rip("driver_stack"));
  e.u8(0xe9);
  e.u32(advance - (e.length + 4));
  // handler(signal, info, context): RIP is at 168 in ucontext.
  const handler = e.length;
  e.load(8, false, 8, RAX, at(RDX, 168));
  e.load(8, false, 8, RBX, rip("driver_current"));
  e.store(8, RAX, at(RBX, STATUS));
  e.load(8, false, 8, RSP, rip("driver_stack"));
  e.u8(0xe9);
  e.u32(advance - (e.length + 4));
  // What the host does with references: they stay what they are.
  const same = e.length;
  e.movRR(8, RAX, RDI);
  e.u8(0xc3);
  e.patch32(toEnd, e.length - (toEnd + 4));
  const write = (size: number): void => {
    e.movImm32(RDI, 1);
    e.movImm32(RDX, size);
    e.movImm32(RAX, 1);
    e.raw([0x0f, 0x05]);
  };
  e.lea(8, RSI, rip("driver_calls"));
  write(calls.length * ENTRY);
  e.load(8, false, 8, RSI, rip("driver_window"));
  write(pages * 65536);
  e.lea(8, RSI, rip("area"));
  write(area);
  e.aluRI(8, ALU.ADD, RSP, 8);
  e.load(8, false, 8, R15, rip("driver_window"));
  for (const r of saved.slice().reverse()) e.pop(r);
  e.u8(0xc3);

  const end = 64 + calls.length * ENTRY;
  const data = new Uint8Array(end + 24);
  const view = new DataView(data.buffer);
  const relocations: Relocation[] = e.fixups.map((f) => ({ section: 0, ...f }));
  const abs = (offset: number, symbol: string, addend = 0): void => {
    relocations.push({ section: 1, offset, kind: "abs64", symbol, addend });
  };
  abs(16, "driver_calls");
  // struct kernel_sigaction: handler, flags, restorer, mask; the flags are SA_SIGINFO, SA_RESTORER,
  // SA_ONSTACK and SA_NODEFER.
  abs(24, "driver_handler");
  view.setBigUint64(32, 0x4c000004n, true);
  abs(40, "driver_handler");
  // stack_t: address, flags, size
  abs(end, "area", area);
  view.setBigUint64(end + 16, BigInt(HANDLER_STACK), true);
  calls.forEach((call, i) => {
    const base = 64 + i * ENTRY;
    relocations.push({
      section: 1,
      offset: base,
      kind: "abs64",
      symbol: exportSymbol(call.name),
      scope: "global",
      addend: 0,
    });
    call.args.forEach((arg, n) => {
      // The upper half of a 32-bit argument is undefined at a call: anything may be there.
      const bits =
        call.params[n] === I32
          ? BigInt.asUintN(32, arg) | 0xdeadbeef00000000n
          : BigInt.asUintN(64, arg);
      view.setBigUint64(base + 8 + n * 8, bits, true);
    });
  });
  const section = (name: string, bytes: Uint8Array, code: boolean): ObjectSection => ({
    name,
    writable: !code,
    executable: code,
    align: 16,
    data: bytes,
    memSize: bytes.length,
  });
  const symbol = (name: string, index: number, value: number) => ({
    name,
    section: index,
    value: BigInt(value),
    size: 0,
    kind: "none" as const,
    global: name === "run" || name === "area" || name === "same",
  });
  return {
    name: "driver",
    sections: [
      section(".text", e.bytes.slice(0, e.length), true),
      section(".data", data, false),
      { ...section(".bss", new Uint8Array(0), false), memSize: area + HANDLER_STACK },
    ],
    symbols: [
      symbol("run", 0, 0),
      symbol("same", 0, same),
      symbol("driver_handler", 0, handler),
      symbol("driver_stack", 1, 0),
      symbol("driver_window", 1, 8),
      symbol("driver_current", 1, 16),
      symbol("driver_action", 1, 24),
      symbol("driver_calls", 1, 64),
      symbol("driver_stack_t", 1, end),
      symbol("area", 2, 0),
    ],
    relocations,
  };
}

/** Code of the programs of targets kernel and native: above every address a pointer can reach. */
const HIGH_TEXT = 0x4_0000_0000n;

/**
 * `start` for the targets without one of their own: maps the memory (for native at address 0, for
 * kernel anywhere, R15 tells), fills it with the data segments and calls `run`.
 */
function starter(target: "kernel" | "native", pages: number, data: ObjectSection[]): ObjectFile {
  const e = new Encoder();
  const rip = (symbol: string, disp = 0) => ({ base: -1, index: -1, scale: 1, disp, symbol });
  const syscall = (number: number): void => {
    e.movImm32(RAX, number);
    e.raw([0x0f, 0x05]);
  };
  const native = target === "native";
  // mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS [| MAP_FIXED], -1, 0)
  e.movImm(RDI, 0n);
  e.movImm32(RSI, pages * 65536);
  e.movImm32(RDX, 3);
  e.movImm32(10, native ? 0x32 : 0x22);
  e.movImm(R8, -1n);
  e.movImm(R9, 0n);
  syscall(9);
  e.movRR(8, R15, RAX);
  e.aluRI(8, ALU.CMP, RAX, -4095);
  e.raw([0x72, 12]);
  e.movImm32(RDI, NOT_MAPPED);
  e.movImm32(RAX, 231);
  e.raw([0x0f, 0x05]);
  const blob: number[] = [];
  for (const section of data) {
    e.lea(8, RSI, rip("starter_data", blob.length));
    e.movImm32(RDI, Number(BigInt.asUintN(32, section.address ?? 0n)));
    e.aluRR(8, ALU.ADD, RDI, R15);
    e.movImm32(RCX, section.data.length);
    e.raw([0xf3, 0xa4]);
    blob.push(...section.data);
  }
  e.callSymbol("run");
  e.movImm(RDI, 0n);
  syscall(231);
  const bytes = Uint8Array.from(blob);
  return {
    name: "starter",
    sections: [
      {
        name: ".text",
        writable: false,
        executable: true,
        align: 16,
        data: e.bytes.slice(0, e.length),
        memSize: e.length,
      },
      {
        name: ".rodata",
        writable: false,
        executable: false,
        align: 16,
        data: bytes,
        memSize: bytes.length,
      },
    ],
    symbols: [
      { name: "start", section: 0, value: 0n, size: 0, kind: "func", global: true },
      { name: "starter_data", section: 1, value: 0n, size: 0, kind: "none", global: false },
    ],
    relocations: e.fixups.map((f) => ({ section: 0, ...f })),
  };
}

/** Exit status when memory cannot be mapped (address 0 needs a privilege). */
const NOT_MAPPED = 99;

/** Trap kind by the offset of its UD2 in `.text`. */
function trapTable(object: ObjectFile): Map<number, number> {
  const index = object.sections.findIndex((s) => s.name === ".rodata.traps");
  const section = object.sections[index];
  const kinds = new Map<number, number>();
  if (!section) return kinds;
  const view = new DataView(section.data.buffer, section.data.byteOffset);
  const table = object.addressTables?.find((t) => t.section === index);
  table?.addends.forEach((offset, i) => {
    kinds.set(offset, view.getUint16(table.offset + i * table.stride + 8, true));
  });
  return kinds;
}

/** A Linux executable that runs the calls in the target's way, and where the code of the module is in it. */
function executable(
  object: ObjectFile,
  calls: ObjectFile,
  target: TargetName,
  pages: number,
): { elf: Uint8Array; textBase: bigint } {
  if (target === "uefi") {
    return {
      elf: firmwareProcess(linkUefi(object, calls)),
      textBase: FIRST_SECTION - IMAGE_BASE + LOAD_ADDRESS,
    };
  }
  const data = object.sections.filter((section) => section.name === ".wasm.data");
  const objects = [object, calls];
  if (target !== "linux") {
    // Fixed sections stand behind all others: no index changes.
    object.sections = object.sections.filter((section) => !data.includes(section));
    objects.push(starter(target, pages, data));
  }
  const textBase = target === "linux" ? 0x400000n : HIGH_TEXT;
  const elf = linkElf({
    objects,
    segments: LINUX_SEGMENTS.map((s) => (s.name === "text" ? { ...s, vaddr: textBase } : s)),
    entry: target === "linux" ? "_start" : "start",
    class: 64,
  });
  return { elf, textBase };
}

/** Compiles the module, runs the calls as a process and returns what happened. */
export function runNative(
  wasm: Uint8Array,
  calls: Call[],
  pages: number,
  options: NativeOptions = {},
): NativeResult {
  const { area = 0, target = "linux" } = options;
  const object = compile(wasm, { target, name: "test", ...options });
  const { elf, textBase } = executable(object, driver(calls, pages, area), target, pages);
  const dir = mkdtempSync(join(tmpdir(), "aot-"));
  try {
    const file = join(dir, "program");
    writeFileSync(file, elf);
    chmodSync(file, 0o755);
    const size = calls.length * ENTRY;
    const run = spawnSync(file, { maxBuffer: 1 << 28, timeout: 20_000 });
    if (run.status === NOT_MAPPED) throw new NotMappedError("address 0 cannot be mapped");
    if (run.status !== 0 || run.stdout.length !== size + pages * 65536 + area) {
      throw new Error(
        `the program ended with ${run.signal ?? run.error?.message ?? `status ${run.status}`} after ${run.stdout.length} bytes`,
      );
    }
    const out = new DataView(run.stdout.buffer, run.stdout.byteOffset);
    const kinds = trapTable(object);
    const outcomes = calls.map((call, i): Outcome => {
      const base = i * ENTRY;
      const status = out.getBigUint64(base + STATUS, true);
      if (status === CALLEE_LOST)
        throw new Error(`${call.name} does not preserve callee-saved registers`);
      if (status !== 0n) {
        const kind = kinds.get(Number(status - textBase));
        // Where there is no UD2, memory was not there.
        return { trap: kind ?? TrapKind.MemoryBounds, results: [] };
      }
      const results = call.results.map((type, n) => {
        const bits = out.getBigUint64(base + 64 + n * 8, true);
        return type === I32 ? BigInt.asIntN(32, bits) : BigInt.asIntN(64, bits);
      });
      return { trap: 0, results };
    });
    const rest = new Uint8Array(run.stdout.subarray(size));
    const memory = rest.subarray(0, pages * 65536);
    return { outcomes, memory, area: rest.subarray(pages * 65536) };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

const V8_MESSAGES: [RegExp, number][] = [
  [/unreachable/, TrapKind.Unreachable],
  [/(divide|remainder) by zero/, TrapKind.DivideByZero],
  [/divide result unrepresentable/, TrapKind.IntegerOverflow],
  [/float unrepresentable/, TrapKind.FloatToInt],
  [
    /table index is out of bounds|table access out of bounds|table or element|element segment/,
    TrapKind.TableBounds,
  ],
  [/null function|signature mismatch/, TrapKind.IndirectCall],
  [/memory access out of bounds/, TrapKind.MemoryBounds],
  [/unaligned/, TrapKind.Unaligned],
];

/** The same calls in V8. */
export function runV8(wasm: Uint8Array, calls: Call[], pages: number): RunResult {
  const module = new WebAssembly.Module(wasm as BufferSource);
  const { exports } = new WebAssembly.Instance(module, {
    stub: { run: () => undefined, same: (reference: unknown) => reference },
  });
  const outcomes = calls.map((call): Outcome => {
    const f = exports[call.name] as (...args: (number | bigint)[]) => unknown;
    const args = call.args.map((a, i) =>
      call.params[i] === I32 ? Number(BigInt.asIntN(32, a)) : a,
    );
    try {
      const value = f(...args);
      const values = (call.results.length === 1 ? [value] : (value ?? [])) as (number | bigint)[];
      return { trap: 0, results: values.map((v) => BigInt(v)) };
    } catch (error) {
      if (!(error instanceof WebAssembly.RuntimeError)) throw error;
      const kind = V8_MESSAGES.find(([pattern]) => pattern.test(error.message))?.[1];
      if (kind === undefined) throw new Error(`V8 trap not known: ${error.message}`);
      return { trap: kind, results: [] };
    }
  });
  const memory = exports.memory as WebAssembly.Memory | undefined;
  return {
    outcomes,
    memory: new Uint8Array(memory?.buffer ?? new ArrayBuffer(0), 0, pages * 65536).slice(),
  };
}

/**
 * Equal traps, but for two freedoms: V8 has one message for table index and table bounds, and where
 * an atomic access is both unaligned and out of bounds either may be reported.
 */
function sameTrap(a: number, b: number): boolean {
  const merge = (k: number): number => (k === TrapKind.TableIndex ? TrapKind.TableBounds : k);
  if (a === TrapKind.Unaligned && b === TrapKind.MemoryBounds) return true;
  return merge(a) === merge(b);
}

/** Describes the first difference of two runs, or returns undefined. */
export function difference(calls: Call[], native: RunResult, v8: RunResult): string | undefined {
  for (let i = 0; i < calls.length; i++) {
    const call = calls[i] as Call;
    const a = native.outcomes[i] as Outcome;
    const b = v8.outcomes[i] as Outcome;
    const show = (o: Outcome): string =>
      o.trap ? `trap: ${TRAP_MESSAGES[o.trap]}` : o.results.join(", ");
    if (!sameTrap(a.trap, b.trap) || a.results.join() !== b.results.join()) {
      return `call ${i}: ${call.name}(${call.args.join(", ")}): compiled ${show(a)}; V8 ${show(b)}`;
    }
  }
  for (let i = 0; i < v8.memory.length; i++) {
    if (native.memory[i] !== v8.memory[i]) {
      return `memory at ${i}: compiled ${native.memory[i]}; V8 ${v8.memory[i]}`;
    }
  }
  return undefined;
}
