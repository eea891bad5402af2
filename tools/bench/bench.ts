// The part `system` of the target bench: measures wherever it can, prints tables, draws figures and keeps the results.

import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { hasQemu } from "../testing/host-tools.ts";
import { compareResults, formatComparison } from "./compare.ts";
import { drawFigures } from "./figures.ts";
import { MEDIATED } from "./names.ts";
import { figureFile, formatPage } from "./page.ts";
import {
  BUILT,
  kvmProblem,
  linuxProblem,
  measureInEmulator,
  measureInQemu,
  measureOnLinux,
  measureUnderKvm,
} from "./places.ts";
import { formatResults, type Results, type Run, readResults } from "./results.ts";
import { formatForeignCalls, formatKernelParts, formatPlaces, formatTable } from "./table.ts";

const FOLDER = "build/bench";
const RESULTS = `${FOLDER}/results.json`;
/** What the reference kernel needs, recorded: it is not built here. */
const REFERENCE = fileURLToPath(new URL("./reference.json", import.meta.url));

export interface BenchOptions {
  /** Results to compare these with. */
  compare?: string;
  /** A build of the reference kernel: it is measured, and the record is made anew. */
  reference?: string;
}

/** A machine to measure on. */
interface Machine {
  name: string;
  /** Why there is none here. */
  problem: string | undefined;
  measure: () => Run[] | Promise<Run[]>;
}

const machines = (): Machine[] => [
  {
    name: "the emulator",
    problem: undefined,
    measure: async () => [await measureInEmulator(BUILT)],
  },
  {
    name: "QEMU",
    problem: hasQemu ? undefined : "it is not installed",
    measure: async () => [await measureInQemu(BUILT)],
  },
  {
    name: "the reference kernel",
    problem: undefined,
    measure: () => readResults(REFERENCE).runs,
  },
  { name: "KVM", problem: kvmProblem(), measure: async () => [await measureUnderKvm(BUILT)] },
  { name: "Linux", problem: linuxProblem(), measure: () => [measureOnLinux(BUILT)] },
];

/** Measures on every machine there is; `say` gets a line about each one, and why one is left out. */
async function measureEverywhere(say: (line: string) => void): Promise<Run[]> {
  const runs: Run[] = [];
  for (const { name, problem, measure } of machines()) {
    if (problem !== undefined) {
      say(`${name} is left out: ${problem}`);
      continue;
    }
    say(`measuring: ${name}`);
    try {
      runs.push(...(await measure()));
    } catch (error) {
      // Minutes of the others' work are worth keeping.
      say(`${name} is left out: ${(error as Error).message.split("\n")[0]}`);
    }
  }
  return runs;
}

/** Writes results, figures and page. */
function keep(results: Results): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(RESULTS, formatResults(results));
  const figures = drawFigures(results.runs);
  for (const figure of figures) writeFileSync(`${FOLDER}/${figureFile(figure)}`, figure.svg);
  writeFileSync(`${FOLDER}/index.html`, formatPage(results, figures));
}

/** What programs measured with a mediator was the same without: that kernel has no entry for one. */
function withoutMediator(run: Run): Run {
  const measurements = run.measurements.filter(({ name }) => !name.startsWith(MEDIATED));
  return { ...run, measurements };
}

/** Measures the reference kernel on QEMU and makes the record anew. */
async function record(kernel: string, say: (line: string) => void): Promise<void> {
  say("measuring the reference kernel on QEMU (minutes)");
  const run = await measureInQemu(
    { ...BUILT, kernel },
    "reference",
    "the reference kernel on QEMU",
  );
  writeFileSync(REFERENCE, formatResults({ version: 1, runs: [withoutMediator(run)] }));
}

/** Measures, prints and keeps. Throws an error of one line where files to compare with are not what they should be. */
export async function benchSystem(
  { compare, reference }: BenchOptions,
  say: (line: string) => void = console.log,
): Promise<void> {
  const before = compare === undefined ? undefined : readResults(compare);
  if (reference !== undefined) await record(reference, say);
  const results: Results = { version: 1, runs: await measureEverywhere(say) };
  keep(results);
  const { runs } = results;
  const tables = [formatTable, formatForeignCalls, formatKernelParts, formatPlaces];
  for (const format of tables) say(`\n${format(runs)}`);
  if (before !== undefined) say(`\n${formatComparison(compareResults(before, results))}`);
  say(`\nkept in ${RESULTS}; figures: ${FOLDER}/index.html`);
}
