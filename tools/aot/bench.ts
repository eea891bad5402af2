// Benchmarks: each program of bench/ runs as a Linux executable made by this compiler, in V8 on the same
// wasm, and, where gcc is installed, as the same algorithm in C. Prints processor time, ratios and
// code size. The results must be equal.

import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { guestModule } from "../asc/guest.ts";
import { linkElf } from "../elf/index.ts";
import type { ObjectFile } from "../elf/object.ts";
import { compile } from "./compile.ts";
import { LINUX_SEGMENTS } from "./link.ts";
import { ALU, Encoder, R12, R13, RAX, RBX, RDI, RDX, RSI } from "./x64/encoder.ts";

const DIRECTORY = fileURLToPath(new URL("./bench/", import.meta.url));

export interface BenchRow {
  program: string;
  /** Best processor time of one run, in milliseconds. */
  compiled: number;
  v8: number;
  ratio: number;
  /** The same algorithm in C by gcc -O2, where that is installed. */
  gcc: number | undefined;
  /** Bytes of machine code. */
  codeSize: number;
}

export interface BenchResult {
  rows: BenchRow[];
  /** Of the ratios to V8. */
  geometricMean: number;
  /** Of the ratios to gcc, where that is installed. */
  geometricMeanGcc: number | undefined;
}

/** Entry file around a bench program: main calls the timer, which calls run. */
function entrySource(program: string): string {
  return `import { run } from "./${program}";
@external("stub", "bench") declare function bench(): void;
export { run };
export function main(): i32 { bench(); return 0; }`;
}

/** Compiles one bench program with asc; the module exports `run(): i64` and `main`. */
async function compileGuest(program: string): Promise<Uint8Array> {
  const entry = `tools/aot/bench/entry-${program}.ts`;
  const { wasm } = await guestModule({
    entry,
    args: ["--use", "abort=", "--memoryBase", "1024"],
    debug: false,
    sources: { [entry]: entrySource(program) },
  });
  return wasm;
}

/** The routine `bench`: times `run` and writes (result, nanoseconds) pairs to standard output. */
function timer(rounds: number): ObjectFile {
  const e = new Encoder();
  const rip = (symbol: string, disp = 0) => ({ base: -1, index: -1, scale: 1, disp, symbol });
  const clock = (to: string): void => {
    // clock_gettime(CLOCK_PROCESS_CPUTIME_ID, to): other programs do not count
    e.movImm32(RDI, 2);
    e.lea(8, RSI, rip(to));
    e.movImm32(RAX, 228);
    e.raw([0x0f, 0x05]);
  };
  for (const r of [RBX, R12, R13]) e.push(r);
  e.movImm32(RBX, rounds);
  const again = e.length;
  clock("timer_before");
  e.callSymbol("run");
  e.store(8, RAX, rip("timer_out"));
  clock("timer_after");
  e.load(8, false, 8, RAX, rip("timer_after"));
  e.aluRM(8, ALU.SUB, RAX, rip("timer_before"));
  e.rr(0, true, 0x69, RAX, RAX);
  e.u32(1_000_000_000);
  e.aluRM(8, ALU.ADD, RAX, rip("timer_after", 8));
  e.aluRM(8, ALU.SUB, RAX, rip("timer_before", 8));
  e.store(8, RAX, rip("timer_out", 8));
  e.movImm32(RDI, 1);
  e.lea(8, RSI, rip("timer_out"));
  e.movImm32(RDX, 16);
  e.movImm32(RAX, 1);
  e.raw([0x0f, 0x05]);
  e.aluRI(4, ALU.SUB, RBX, 1);
  e.raw([0x0f, 0x85]);
  e.u32(again - (e.length + 4));
  for (const r of [R13, R12, RBX]) e.pop(r);
  e.u8(0xc3);
  const symbol = (name: string, section: number, value: number) => ({
    name,
    section,
    value: BigInt(value),
    size: 0,
    kind: "none" as const,
    global: name === "bench",
  });
  return {
    name: "timer",
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
        name: ".data",
        writable: true,
        executable: false,
        align: 16,
        data: new Uint8Array(48),
        memSize: 48,
      },
    ],
    symbols: [
      symbol("bench", 0, 0),
      symbol("timer_before", 1, 0),
      symbol("timer_after", 1, 16),
      symbol("timer_out", 1, 32),
    ],
    relocations: e.fixups.map((f) => ({ section: 0, ...f })),
  };
}

interface Timing {
  /** Best processor time of one run, in milliseconds. */
  ms: number;
  result: bigint;
}

/** Best time of the runs that the program `file` reports, and the result. */
function timeProcess(file: string, rounds: number): Timing {
  const { stdout, status, signal, error } = spawnSync(file, [String(rounds)]);
  if (error) throw error;
  if (status !== 0) throw new Error(`the program ended with ${signal ?? `status ${status}`}`);
  const view = new DataView(stdout.buffer, stdout.byteOffset, stdout.length);
  let ms = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++)
    ms = Math.min(ms, Number(view.getBigUint64(i * 16 + 8, true)) / 1e6);
  return { ms, result: view.getBigInt64(0, true) };
}

/** Writes the program made by this compiler to `file`; returns the bytes of its code. */
function buildCompiled(wasm: Uint8Array, rounds: number, file: string): number {
  const object = compile(wasm, { target: "linux", name: "bench" });
  const elf = linkElf({
    objects: [object, timer(rounds)],
    segments: LINUX_SEGMENTS,
    entry: "_start",
    class: 64,
  });
  writeFileSync(file, elf);
  chmodSync(file, 0o755);
  return object.sections[0]?.data.length ?? 0;
}

/** Whether gcc is installed and makes programs for this machine. */
function hasGcc(): boolean {
  const { status, stdout } = spawnSync("gcc", ["-dumpmachine"], { encoding: "utf8" });
  return status === 0 && stdout.startsWith("x86_64");
}

/** Writes the same program in C, compiled by gcc -O2, to `file`. */
function buildC(program: string, file: string): void {
  const sources = [program, "timer"].map((name) => join(DIRECTORY, `${name}.c`));
  // Each file on its own, as the timer must not see what run() does.
  const { status, stderr } = spawnSync("gcc", ["-O2", "-o", file, ...sources], {
    encoding: "utf8",
  });
  if (status !== 0) throw new Error(`gcc refuses ${program}.c: ${stderr}`);
}

/** The function `run` of the module in V8. */
async function instantiateInV8(wasm: Uint8Array): Promise<() => bigint> {
  const module = await WebAssembly.compile(wasm as BufferSource);
  const instance = await WebAssembly.instantiate(module, { stub: { bench: () => undefined } });
  return instance.exports.run as () => bigint;
}

/** Best time in V8 after warm-up, and the first result. */
async function timeV8(run: () => bigint, rounds: number): Promise<Timing> {
  const result = run();
  // The optimizing tier compiles in the background: give it time and calls.
  for (let i = 0; i < 4; i++) {
    run();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  let ms = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++) {
    const before = process.cpuUsage();
    run();
    const { user, system } = process.cpuUsage(before);
    ms = Math.min(ms, (user + system) / 1000);
  }
  return { ms, result };
}

/** Takes the better time of two. */
function better(a: Timing | undefined, b: Timing): Timing {
  if (a && a.result !== b.result) throw new Error(`two runs return ${a.result} and ${b.result}`);
  return a && a.ms <= b.ms ? a : b;
}

/**
 * Runs all programs (or those named) and returns the table. What is compared runs in turns, `turns`
 * times `rounds` runs each, so that a busy moment of the machine does not decide.
 */
export async function runBench(names: string[] = [], rounds = 7, turns = 3): Promise<BenchResult> {
  const programs = readdirSync(DIRECTORY)
    .filter((file) => file.endsWith(".ts"))
    .map((file) => basename(file, ".ts"))
    .filter((name) => names.length === 0 || names.includes(name));
  const gcc = hasGcc();
  const rows: BenchRow[] = [];
  const directory = mkdtempSync(join(tmpdir(), "aot-bench-"));
  try {
    for (const program of programs) {
      const wasm = await compileGuest(program);
      const ownFile = join(directory, program);
      const cFile = join(directory, `${program}-c`);
      const codeSize = buildCompiled(wasm, rounds, ownFile);
      if (gcc) buildC(program, cFile);
      const inV8 = await instantiateInV8(wasm);
      let own: Timing | undefined;
      let v8: Timing | undefined;
      let c: Timing | undefined;
      for (let turn = 0; turn < turns; turn++) {
        own = better(own, timeProcess(ownFile, rounds));
        v8 = better(v8, await timeV8(inV8, rounds));
        if (gcc) c = better(c, timeProcess(cFile, rounds));
      }
      if (!own || !v8) throw new Error("a benchmark takes one turn at least");
      if (own.result !== v8.result) {
        throw new Error(`${program}: the compiled program returns ${own.result}, V8 ${v8.result}`);
      }
      if (c && c.result !== own.result) {
        throw new Error(
          `${program}: the compiled program returns ${own.result}, gcc's ${c.result}`,
        );
      }
      rows.push({
        program,
        compiled: own.ms,
        v8: v8.ms,
        ratio: own.ms / v8.ms,
        gcc: c?.ms,
        codeSize,
      });
    }
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
  const mean = (ratios: number[]): number =>
    Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);
  return {
    rows,
    geometricMean: mean(rows.map((r) => r.ratio)),
    geometricMeanGcc: gcc ? mean(rows.map((r) => r.compiled / (r.gcc as number))) : undefined,
  };
}

/** The table as text. */
export function formatBench(result: BenchResult): string {
  const { rows, geometricMean, geometricMeanGcc } = result;
  const line = (name: string, cells: string[]): string =>
    name.padEnd(14) + cells.map((cell) => cell.padStart(13)).join("");
  const ratio = (value: number): string => value.toFixed(2);
  const withGcc = geometricMeanGcc !== undefined;
  return [
    line("program", [
      "aot (ms)",
      "V8 (ms)",
      "aot/V8",
      ...(withGcc ? ["gcc -O2 (ms)", "aot/gcc"] : []),
      "code (B)",
    ]),
    ...rows.map((r) =>
      line(r.program, [
        r.compiled.toFixed(2),
        r.v8.toFixed(2),
        ratio(r.ratio),
        ...(r.gcc === undefined ? [] : [r.gcc.toFixed(2), ratio(r.compiled / r.gcc)]),
        String(r.codeSize),
      ]),
    ),
    line("geometric mean", [
      "",
      "",
      ratio(geometricMean),
      ...(withGcc ? ["", ratio(geometricMeanGcc)] : []),
      "",
    ]),
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(formatBench(await runBench(process.argv.slice(2))));
}
