// One benchmark in one emulator. Times are processor time of all threads, so that other programs do not count; start-up
// does not count either.

import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { QEMU } from "../../testing/host-tools.ts";
import { Machine, type MachineOptions } from "../host/machine.ts";
import { benchKernel } from "./frame.ts";
import { benchKernel32 } from "./frame32.ts";
import { kernelRom } from "./v86/rom.ts";
import { MARK_END, MARK_START, type Workload } from "./workload.ts";

const MEMORY_MIB = 128;
const DEBUG_EXIT = { iobase: 0xf4, iosize: 4 };
const RESULT_BYTES = 8;
/** v86's debug console has no listener: results come over COM1. */
const COM1 = 0x3f8;
/** A run's time is the best of so many: what disturbs only adds. */
const REPEATS = 3;

export interface Measurement {
  /** Processor time, milliseconds. */
  ms: number;
  /** What the workload returned. */
  result: bigint;
}

export interface OwnMeasurement extends Measurement {
  instructions: number;
  /** What the compiled tier did from power-on to the end; undefined without one. */
  tier?: { compilations: number; compileMs: number; share: number };
}

/** Processor time of this process so far, milliseconds. */
export const processorMs = (): number => {
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
  accel?: MachineOptions["accel"],
): Promise<OwnMeasurement> {
  const output: number[] = [];
  let ms = 0;
  let instructions = 0;
  const machine = await Machine.create({
    kernel: benchKernel(workload, rounds),
    kernelName: workload.name,
    memory: `${MEMORY_MIB}M`,
    cpus: workload.cpus ?? 1,
    ...(accel === undefined ? {} : { accel }),
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
  const result = resultOf(Uint8Array.from(output), "the emulator", workload);
  return { ms, instructions, result, ...tierOf(machine) };
}

/** What the machine's compiled tier has done. */
export function tierOf(machine: Machine): Pick<OwnMeasurement, "tier"> {
  const statistics = machine.tierStatistics;
  if (statistics === undefined) return {};
  const { compilations, compileMs, instructions } = statistics;
  return { tier: { compilations, compileMs, share: instructions / machine.core.instructions() } };
}

/** Processor time of the children in what the shell's `times` prints: 0m1.25s 0m0.03s in its second line. */
function childrenMs(text: string): number {
  const line = text.trim().split("\n").at(-1) ?? "";
  const parts = [...line.matchAll(/(\d+)m([\d.]+)s/g)];
  if (parts.length !== 2) throw new Error(`bench: the shell's times printed ${line}`);
  return parts.reduce((sum, [, m, s]) => sum + Number(m) * 60_000 + Number(s) * 1000, 0);
}

/** Processor time of a QEMU process with these options, milliseconds. */
export async function qemuProcessMs(options: readonly string[]): Promise<number> {
  const { stdout } = await execa("sh", [
    ...["-c", '"$0" "$@" >&2; times', QEMU],
    ...["-accel", "tcg", "-cpu", "max", "-machine", "q35", "-nodefaults", "-display", "none"],
    ...["-no-reboot", ...options],
  ]);
  return childrenMs(stdout);
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
    const ms = await qemuProcessMs([
      ...["-m", `${MEMORY_MIB}M`, "-smp", String(workload.cpus ?? 1)],
      ...["-kernel", kernel, "-debugcon", `file:${console}`],
      ...["-device", `isa-debug-exit,iobase=${DEBUG_EXIT.iobase},iosize=${DEBUG_EXIT.iosize}`],
    ]);
    const output = await readFile(console);
    return { ms, result: resultOf(output, "QEMU", workload) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Whether v86 is installed, which is not among this project's packages: v86/package.json says how. */
export const hasV86 = existsSync(join(import.meta.dirname, "v86/node_modules/v86"));

/** Runs a workload of protected mode in v86, in a process of its own. */
export async function runInV86(workload: Workload, rounds = workload.rounds): Promise<Measurement> {
  const directory = await mkdtemp(join(tmpdir(), "emu-bench-"));
  try {
    const rom = join(directory, "rom");
    await writeFile(rom, kernelRom(benchKernel32(workload, rounds, COM1)));
    const loader = fileURLToPath(new URL("../../loader/register.mjs", import.meta.url));
    const script = fileURLToPath(new URL("v86/run.ts", import.meta.url));
    const { stdout } = await execa(process.execPath, [
      ...["--import", loader, script, rom, String(MEMORY_MIB), String(REPEATS)],
    ]);
    const { ms, result } = JSON.parse(stdout) as { ms: number; result: string };
    return { ms, result: BigInt(result) };
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** The run that took the least time. */
export async function best<T extends Measurement>(run: () => Promise<T>): Promise<T> {
  const [least] = await bestInTurns(run, () => Promise.resolve(undefined));
  return least;
}

/** The same of two kinds of runs, in turns, so that what disturbs for longer disturbs both. The second may be left out. */
export async function bestInTurns<T extends Measurement, U extends Measurement | undefined>(
  run: () => Promise<T>,
  other: () => Promise<U>,
): Promise<[T, U]> {
  let least: [T, U] = [await run(), await other()];
  for (let i = 1; i < REPEATS; i++) {
    const next: [T, U] = [await run(), await other()];
    least = [lesser(least[0], next[0]), lesser(least[1], next[1])];
  }
  return least;
}

function lesser<T extends Measurement | undefined>(a: T, b: T): T {
  return a !== undefined && b !== undefined && b.ms < a.ms ? b : a;
}
