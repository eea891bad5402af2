// Speed of the emulator: each workload runs here and, where it is installed, in QEMU's TCG, in one go. Times
// are processor time of all threads, so that other programs do not count; start-up does not count either.

import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { hasQemu, QEMU } from "../../testing/host-tools.ts";
import { Machine } from "../host/machine.ts";
import { benchKernel, MARK_END, MARK_START, type Workload } from "./frame.ts";
import { workloads } from "./workloads.ts";

const MEMORY_MIB = 128;
const DEBUG_EXIT = { iobase: 0xf4, iosize: 4 };
const RESULT_BYTES = 8;
/** Part of the rounds run before measuring: what is hot must be compiled by the optimizing tier by then. */
const WARM_UP = 0.25;
/** Time for that compiler, which works in the background. */
const WARM_UP_MS = 50;
/** A run's time is the best of so many: what disturbs only adds. */
const REPEATS = 2;

export interface Measurement {
  /** Processor time, milliseconds. */
  ms: number;
  /** RAX at the end. */
  result: bigint;
}

export interface BenchRow {
  workload: Workload;
  emulator: Measurement & { instructions: number };
  /** Undefined where QEMU is not installed. */
  qemu: Measurement | undefined;
}

const processorMs = (): number => {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
};

function resultOf(bytes: Uint8Array, who: string, workload: Workload): bigint {
  const end = bytes.length - RESULT_BYTES;
  if (end < 1 || bytes[end - 1] !== MARK_END) {
    throw new Error(`bench: ${workload.name}: ${who} did not come to its end`);
  }
  return new DataView(bytes.buffer, bytes.byteOffset + end).getBigUint64(0, true);
}

/** Runs a workload in the emulator; time and instructions are those between its marks. */
export async function runHere(
  workload: Workload,
  rounds = workload.rounds,
): Promise<BenchRow["emulator"]> {
  const output: number[] = [];
  let ms = 0;
  let instructions = 0;
  const machine = await Machine.create({
    kernel: benchKernel(workload, rounds),
    kernelName: workload.name,
    memory: `${MEMORY_MIB}M`,
    debugExit: DEBUG_EXIT,
    onDebugConsole: (byte) => {
      if (output.length === 0 && byte === MARK_START) {
        instructions = machine.core.instructions();
        ms = processorMs();
      } else if (output.length === 1 && byte === MARK_END) {
        ms = processorMs() - ms;
        instructions = machine.core.instructions() - instructions;
      }
      output.push(byte);
    },
  });
  const stop = machine.runSync();
  if (stop.kind !== "debug-exit") {
    throw new Error(`bench: ${workload.name}: ${stop.kind}\n${await machine.report(0)}`);
  }
  return { ms, instructions, result: resultOf(Uint8Array.from(output), "the emulator", workload) };
}

/** Processor time of the children in what the shell's `times` prints: 0m1.25s 0m0.03s in its second line. */
function childrenMs(text: string): number {
  const line = text.trim().split("\n").at(-1) ?? "";
  const parts = [...line.matchAll(/(\d+)m([\d.]+)s/g)];
  if (parts.length !== 2) throw new Error(`bench: the shell's times printed ${line}`);
  return parts.reduce((sum, [, m, s]) => sum + Number(m) * 60_000 + Number(s) * 1000, 0);
}

/** Runs a workload in QEMU; the time is that of the whole process, to a hundredth of a second. */
export async function runInQemu(
  workload: Workload,
  rounds = workload.rounds,
): Promise<Measurement> {
  const directory = await mkdtemp(join(tmpdir(), "emu-bench-"));
  try {
    const kernel = join(directory, "kernel");
    const console = join(directory, "console");
    await writeFile(kernel, benchKernel(workload, rounds));
    const { stdout } = await execa("sh", [
      ...["-c", '"$0" "$@" >&2; times', QEMU],
      ...["-accel", "tcg", "-machine", "q35", "-nodefaults", "-display", "none", "-no-reboot"],
      ...["-m", `${MEMORY_MIB}M`, "-kernel", kernel, "-debugcon", `file:${console}`],
      ...["-device", `isa-debug-exit,iobase=${DEBUG_EXIT.iobase},iosize=${DEBUG_EXIT.iosize}`],
    ]);
    const output = await readFile(console);
    return { ms: childrenMs(stdout), result: resultOf(output, "QEMU", workload) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function best<T extends Measurement>(run: () => Promise<T>): Promise<T> {
  let least = await run();
  for (let i = 1; i < REPEATS; i++) {
    const next = await run();
    if (next.ms < least.ms) least = next;
  }
  return least;
}

/** Measures all workloads, or those whose names contain one of `names`. */
export async function runBench(names: readonly string[] = []): Promise<BenchRow[]> {
  const chosen = workloads.filter(
    (w) => names.length === 0 || names.some((name) => w.name.includes(name)),
  );
  const [first] = chosen;
  if (first === undefined) {
    throw new Error(
      `bench: no workload is called ${names.join(" or ")}; there are ${workloads.map((w) => w.name).join("; ")}`,
    );
  }
  const startUp = hasQemu ? (await best(() => runInQemu(first, 0))).ms : undefined;
  const rows: BenchRow[] = [];
  for (const workload of chosen) {
    await runHere(workload, Math.ceil(workload.rounds * WARM_UP));
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
    const emulator = await best(() => runHere(workload));
    let qemu: Measurement | undefined;
    if (startUp !== undefined) {
      const { ms, result } = await best(() => runInQemu(workload));
      qemu = { ms: Math.max(ms - startUp, 0), result };
      if (result !== emulator.result) {
        throw new Error(
          `bench: ${workload.name}: the emulator's result is ${emulator.result.toString(16)}, QEMU's ${result.toString(16)}`,
        );
      }
    }
    rows.push({ workload, emulator, qemu });
  }
  return rows;
}

const formatRatio = (ratio: number): string => ratio.toFixed(ratio < 0.1 ? 3 : 2);

/** The table as text. The ratio is the emulator's time through QEMU's. */
export function formatBench(rows: readonly BenchRow[]): string {
  const line = (...[name = "", ms = "", rate = "", qemu = "", ratio = "", what = ""]: string[]) =>
    `${name.padEnd(18)}${ms.padStart(10)}${rate.padStart(10)}${qemu.padStart(11)}${ratio.padStart(8)}   ${what}`.trimEnd();
  const ratios = rows.flatMap(({ emulator, qemu }) => (qemu?.ms ? [emulator.ms / qemu.ms] : []));
  const mean = Math.exp(ratios.reduce((sum, r) => sum + Math.log(r), 0) / ratios.length);
  return [
    line("workload", "emu (ms)", "Minstr/s", "QEMU (ms)", "ratio", "what it does"),
    ...rows.map(({ workload, emulator, qemu }) =>
      line(
        workload.name,
        emulator.ms.toFixed(0),
        (emulator.instructions / emulator.ms / 1000).toFixed(1),
        qemu ? qemu.ms.toFixed(0) : "-",
        qemu?.ms ? formatRatio(emulator.ms / qemu.ms) : "-",
        workload.what,
      ),
    ),
    ...(ratios.length > 0 ? [line("geometric mean", "", "", "", formatRatio(mean))] : []),
  ].join("\n");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(formatBench(await runBench(process.argv.slice(2))));
}
