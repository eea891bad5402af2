// The part `system` of the target bench: measures wherever it can, prints tables, draws figures and keeps the results.

import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { hasQemu } from "../testing/host-tools.ts";
import { compareResults, formatComparison } from "./compare.ts";
import { drawFigures } from "./figures.ts";
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
import { formatForeignCalls, formatPlaces, formatTable } from "./table.ts";

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

/** Measures on every machine there is; `say` gets a line about each one. */
async function measureEverywhere(say: (line: string) => void): Promise<Run[]> {
  const runs: Run[] = [];
  say("measuring in the emulator (minutes)");
  runs.push(await measureInEmulator(BUILT));
  if (hasQemu) {
    say("measuring on QEMU (minutes)");
    runs.push(await measureInQemu(BUILT));
  } else {
    say("QEMU is left out: it is not installed");
  }
  runs.push(...readResults(REFERENCE).runs);
  const noKvm = kvmProblem();
  if (noKvm === undefined) {
    say("measuring under KVM");
    try {
      runs.push(await measureUnderKvm(BUILT));
    } catch (error) {
      say(`KVM is left out: ${(error as Error).message.split("\n")[0]}`);
    }
  } else {
    say(`KVM is left out: ${noKvm}`);
  }
  const noLinux = linuxProblem();
  if (noLinux === undefined) runs.push(measureOnLinux(BUILT));
  else say(`Linux is left out: ${noLinux}`);
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

/** Measures the reference kernel on QEMU and makes the record anew. */
async function record(kernel: string, say: (line: string) => void): Promise<void> {
  say("measuring the reference kernel on QEMU (minutes)");
  const run = await measureInQemu(
    { ...BUILT, kernel },
    "reference",
    "the reference kernel on QEMU",
  );
  writeFileSync(REFERENCE, formatResults({ version: 1, runs: [run] }));
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
  say(`\n${formatTable(runs)}\n\n${formatForeignCalls(runs)}\n\n${formatPlaces(runs)}`);
  if (before !== undefined) say(`\n${formatComparison(compareResults(before, results))}`);
  say(`\nkept in ${RESULTS}; figures: ${FOLDER}/index.html`);
}
