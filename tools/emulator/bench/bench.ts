// Speed of the emulator: each workload runs here, in QEMU's TCG and, in protected mode, in v86, where these are
// installed, in one go. All must come to the same result.

import { hasQemu } from "../../testing/host-tools.ts";
import { prepareForRun } from "../host/engine.ts";
import { compiledWorkloads } from "./compiled-workloads.ts";
import { findCompiler } from "./compiler.ts";
import { legacyWorkloads } from "./legacy-workloads.ts";
import {
  best,
  bestInTurns,
  hasV86,
  type Measurement,
  type OwnMeasurement,
  runHere,
  runInQemu,
  runInV86,
} from "./measure.ts";
import { hasSystem, runSystemHere, runSystemInQemu, systemCalls } from "./system-calls.ts";
import type { Workload } from "./workload.ts";
import { workloads } from "./workloads.ts";

/** The loops, each for one kind of work. */
const LOOPS: readonly Workload[] = [...workloads, ...legacyWorkloads];

/** Part of the rounds run before measuring: what is hot must be compiled by the optimizing tier by then. */
const WARM_UP = 0.25;
/** Time for that compiler, which works in the background. */
const WARM_UP_MS = 50;

/** What is measured: the compiled tier with its usual threshold. */
const ACCEL = { kind: "jit" } as const;

export interface BenchRow {
  workload: Workload;
  emulator: OwnMeasurement;
  /** Undefined where QEMU is not installed. */
  qemu: Measurement | undefined;
  /** Undefined for 64-bit code, which v86 does not run, and where v86 is not installed. */
  v86?: Measurement | undefined;
}

export interface BenchOptions {
  /** Workloads whose names contain one of these; all without. */
  names?: readonly string[];
  /** Zig's compiler, for where gcc is not. */
  zig?: string | undefined;
  /** Called with each row as it is there. */
  onRow?: (row: BenchRow) => void;
}

function agree(workload: Workload, expected: bigint, who: string, { result }: Measurement): void {
  if (result === expected) return;
  throw new Error(
    `bench: ${workload.name}: the emulator's result is ${expected.toString(16)}, ${who}'s ${result.toString(16)}`,
  );
}

/** Measures all workloads, or those that are chosen. Throws `Error` when results differ. */
export async function runBench({ names = [], zig, onRow }: BenchOptions = {}): Promise<BenchRow[]> {
  const compiler = findCompiler(zig);
  const all = [...LOOPS, ...(compiler === undefined ? [] : await compiledWorkloads(compiler))];
  const chosen = [...all, ...(hasSystem ? [systemCalls] : [])].filter(
    (w) => names.length === 0 || names.some((n) => w.name.includes(n)),
  );
  const [first] = chosen;
  if (first === undefined) {
    throw new Error(
      `bench: no workload is called ${names.join(" or ")}; there are ${[...all, systemCalls].map((w) => w.name).join("; ")}`,
    );
  }
  const startUp = hasQemu
    ? (await best(() => runInQemu(first === systemCalls ? (LOOPS[0] as Workload) : first, 0))).ms
    : undefined;
  const rows: BenchRow[] = [];
  for (const workload of chosen) {
    const isSystem = workload === systemCalls;
    const here = (rounds: number): Promise<OwnMeasurement> =>
      isSystem ? runSystemHere(rounds, ACCEL) : runHere(workload, rounds, ACCEL);
    await here(Math.ceil(workload.rounds * WARM_UP));
    await new Promise((resolve) => setTimeout(resolve, WARM_UP_MS));
    const before = isSystem && hasQemu ? (await best(() => runSystemInQemu(1))).ms : startUp;
    const [emulator, qemu] = await bestInTurns(
      () => here(workload.rounds),
      async () => {
        if (!hasQemu) return undefined;
        return await (isSystem ? runSystemInQemu(workload.rounds) : runInQemu(workload));
      },
    );
    const row: BenchRow = { workload, emulator, qemu: undefined };
    if (before !== undefined && qemu !== undefined) {
      row.qemu = { ms: Math.max(qemu.ms - before, 0), result: qemu.result };
      agree(workload, emulator.result, "QEMU", row.qemu);
    }
    if (hasV86 && workload.bits === 32) {
      row.v86 = await runInV86(workload);
      agree(workload, emulator.result, "v86", row.v86);
    }
    rows.push(row);
    onRow?.(row);
  }
  return rows;
}

const formatRatio = (ratio: number): string => ratio.toFixed(ratio < 0.1 ? 3 : 2);

const COLUMNS = [
  ["workload", 19],
  ["emu (ms)", -9],
  ["Minstr/s", -10],
  ["compiled", -10],
  ["regions", -9],
  ["(ms)", -7],
  ["QEMU (ms)", -11],
  ["ratio", -7],
  ["v86 (ms)", -10],
  ["ratio", -7],
] as const;

function line(values: readonly string[], what: string): string {
  const cells = COLUMNS.map(([, width], i) => {
    const value = values[i] ?? "";
    return width > 0 ? value.padEnd(width) : value.padStart(-width);
  });
  return `${cells.join("")}   ${what}`.trimEnd();
}

const ratioTo = (other: Measurement | undefined, own: Measurement): number[] =>
  other?.ms ? [own.ms / other.ms] : [];

const geometricMean = (ratios: readonly number[]): number =>
  Math.exp(ratios.reduce((sum, ratio) => sum + Math.log(ratio), 0) / ratios.length);

export const formatHead = (): string =>
  line(
    COLUMNS.map(([name]) => name),
    "what it does",
  );

export function formatRow({ workload, emulator, qemu, v86 }: BenchRow): string {
  const { ms, instructions, tier } = emulator;
  const time = (other: Measurement | undefined): [string, string] => {
    const [ratio] = ratioTo(other, emulator);
    return [other ? other.ms.toFixed(0) : "-", ratio === undefined ? "-" : formatRatio(ratio)];
  };
  const share = tier === undefined ? "-" : `${(100 * tier.share).toFixed(1)} %`;
  return line(
    [
      workload.name,
      ms.toFixed(0),
      (instructions / ms / 1000).toFixed(1),
      share,
      tier === undefined ? "-" : String(tier.compilations),
      tier === undefined ? "-" : tier.compileMs.toFixed(0),
      ...time(qemu),
      ...time(v86),
    ],
    workload.what,
  );
}

/** The means: of everything, and without what QEMU is slow at for reasons of its own. */
export function formatMeans(rows: readonly BenchRow[]): string[] {
  const mean = (name: string, chosen: readonly BenchRow[]): string[] => {
    const qemu = chosen.flatMap(({ emulator, qemu: other }) => ratioTo(other, emulator));
    const v86 = chosen.flatMap(({ emulator, v86: other }) => ratioTo(other, emulator));
    if (qemu.length === 0 && v86.length === 0) return [];
    const cell = (ratios: readonly number[]): string =>
      ratios.length === 0 ? "" : formatRatio(geometricMean(ratios));
    return [line([name, "", "", "", "", "", "", cell(qemu), "", cell(v86)], "")];
  };
  const loops = rows.filter(({ workload }) => LOOPS.includes(workload));
  const usual = loops.filter(({ workload: { special, extra } }) => !special && !extra);
  const programs = rows.filter((row) => !loops.includes(row) && !row.workload.extra);
  return [
    ...mean("geometric mean", rows),
    ...(usual.length < loops.length ? mean("loops without *", usual) : []),
    ...(loops.length > 0 && programs.length > 0 ? mean("programs", programs) : []),
  ];
}

/** The table as text. A ratio is the emulator's time through the other's: below 1 it is faster. */
export const formatBench = (rows: readonly BenchRow[]): string =>
  [formatHead(), ...rows.map(formatRow), ...formatMeans(rows)].join("\n");

/**
 * Measures and prints the table row by row, in an engine prepared as the command prepares its own: otherwise what V8's
 * other threads still optimize of the compiler of regions is measured with whichever guest comes first. Throws as
 * `runBench` does.
 */
export async function printBench(options: BenchOptions = {}): Promise<void> {
  prepareForRun();
  console.log(formatHead());
  const rows = await runBench({ ...options, onRow: (row) => console.log(formatRow(row)) });
  for (const text of formatMeans(rows)) console.log(text);
  if (!hasV86) console.log("v86 is not here: npm ci --prefix tools/emulator/bench/v86");
}
