// The tables: every measurement on every machine, as it is and related to the cheapest native call of the same machine,
// with the thesis' figures beside them; and the three ways of a foreign system call.

import type { Measurement, Spread } from "./lines.ts";
import { CHEAPEST, KERNEL_PARTS, MEDIATED } from "./names.ts";
import { find, type Place, type Run } from "./results.ts";
import { type Bar, thesisTicks } from "./thesis.ts";

/** Heads of columns. */
const TITLES: Record<Place, string> = {
  emulator: "emulator",
  qemu: "QEMU",
  reference: "reference",
  kvm: "KVM",
  linux: "Linux",
};
const CALLS = ["set_tid_address", "fstat", "open"];

/** What counts of a measurement: instructions where they are known, else ticks. */
export function countOf(measurement: Measurement | undefined): Spread | undefined {
  return measurement?.instructions ?? measurement?.ticks;
}

function median(run: Run | undefined, name: string): number | undefined {
  return countOf(find(run, name))?.median;
}

/** A number as a table shows it; "-" where there is none. */
export function formatNumber(value: number | undefined): string {
  if (value === undefined) return "-";
  if (value >= 1e7) return `${(value / 1e6).toFixed(1)}M`;
  return Number.isInteger(value) ? `${value}` : value.toFixed(1);
}

/** `value` through the cheapest native call, where both are known. */
function ratio(value: number | undefined, cheapest: number | undefined): string {
  if (value === undefined || !cheapest) return "-";
  const times = value / cheapest;
  return times >= 1000 ? times.toFixed(0) : times.toPrecision(3);
}

/** Columns of text, the first one to the left and the others to the right. */
function columns(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>(
    (most, row) => row.map((cell, at) => Math.max(most[at] ?? 0, cell.length)),
    [],
  );
  return rows
    .map((row) =>
      row
        .map((cell, at) =>
          at === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[at] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** The names that the runs have, in the order in which they are printed first. */
function namesIn(runs: readonly Run[]): string[] {
  const names = runs.flatMap((run) => run.measurements.map(({ name }) => name));
  return [...new Set(names)];
}

function cheapestOf(run: Run, runs: readonly Run[]): number | undefined {
  // Linux has no native call; where the same processor ran this kernel, that one's counts.
  const of = run.place === "linux" ? runs.find(({ place }) => place === "kvm") : run;
  return median(of, CHEAPEST);
}

function systemOf(place: Place, name: string): Bar["system"] {
  if (place === "linux") return "Linux";
  return /^(hop|file)\./.test(name) ? "Hedron with hop" : "Hedron";
}

/** Medians of all measurements, with their ratios to the cheapest native call; the thesis' are those of its Hedron. */
export function formatTable(runs: readonly Run[]): string {
  const thesisCheapest = thesisTicks(CHEAPEST, "Hedron");
  const head = ["median", ...runs.flatMap(({ place }) => [TITLES[place], "ratio"])];
  const rows = namesIn(runs).map((name) => {
    const cells = runs.flatMap((run) => {
      const value = median(run, name);
      return [formatNumber(value), ratio(value, cheapestOf(run, runs))];
    });
    const thesis = thesisTicks(name, systemOf("emulator", name));
    return [name, ...cells, formatNumber(thesis), ratio(thesis, thesisCheapest)];
  });
  return columns([[...head, "thesis", "ratio"], ...rows]);
}

/** The same system call as Linux has it, on this system, and with a hop in front, as ratios to the cheapest native call. */
export function formatForeignCalls(runs: readonly Run[]): string {
  const linux = runs.find(({ place }) => place === "linux");
  const systems = runs.filter(({ place }) => place !== "linux");
  const thesisCheapest = thesisTicks(CHEAPEST, "Hedron");
  const rows = CALLS.flatMap((call) => [
    [
      call,
      "thesis",
      ratio(thesisTicks(`call.${call}`, "Linux"), thesisCheapest),
      ratio(thesisTicks(`call.${call}`, "Hedron"), thesisCheapest),
      ratio(thesisTicks(`hop.${call}`, "Hedron with hop"), thesisCheapest),
      "-",
      "-",
    ],
    ...systems.map((run) => {
      const cheapest = median(run, CHEAPEST);
      const of = (name: string) => ratio(median(run, name), cheapest);
      // Cycles of Linux and instructions of another machine have nothing to do with each other.
      const asLinux = run.place === "kvm" ? ratio(median(linux, `call.${call}`), cheapest) : "-";
      return [
        "",
        TITLES[run.place],
        asLinux,
        of(`call.${call}`),
        of(`hop.${call}`),
        of(`hybrid.${call}`),
        of(`${MEDIATED}call.${call}`),
      ];
    }),
  ]);
  return columns([
    [
      "ratio to the cheapest native call",
      "",
      "as Linux",
      "on Hedron",
      "with a hop",
      "by message",
      "mediated",
    ],
    ...rows,
  ]);
}

/** Processes, memory and signals beside what the kernel has to do for them, on machines where both were measured. */
export function formatKernelParts(runs: readonly Run[]): string {
  const rows = [...KERNEL_PARTS].flatMap(([name, parts]) =>
    runs.flatMap((run) => {
      const value = median(run, name);
      const each = parts.map((part) => median(run, part) ?? Number.NaN);
      const kernel = each.reduce((sum, one) => sum + one, 0);
      if (value === undefined || Number.isNaN(kernel)) return [];
      const times = ratio(value, kernel);
      return [[name, TITLES[run.place], formatNumber(value), formatNumber(kernel), times]];
    }),
  );
  return columns([["processes, memory, signals", "", "median", "kernel alone", "ratio"], ...rows]);
}

/** What was measured where, a line each. */
export function formatPlaces(runs: readonly Run[]): string {
  return columns(
    runs.map(({ place, what, tick, date, host }) => [TITLES[place], what, tick, date, host]),
  );
}
