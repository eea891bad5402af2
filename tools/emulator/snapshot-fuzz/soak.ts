// A long run of a machine, twice: once as it is, and once as legs, each in a process of its own that restores what the one
// before it has saved, and executed in another manner. At each mark both must be in the same state. The run that is not
// saved loses no translation and has no turn of its CPUs cut, so that this compares with a run without snapshots.

import { type ChildProcess, spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { differences } from "./difference.ts";
import { type Mark, readSaved, type SoakPlan, writeSoakPlan } from "./soak-plan.ts";

const LEG = fileURLToPath(new URL("./soak-leg.ts", import.meta.url));
const LOADER = fileURLToPath(new URL("../../loader/register.mjs", import.meta.url));
/** Differences that are told of. */
const SHOWN = 20;

export interface Soaked {
  /** One line for each difference at the first mark where there is one; none if all is well. */
  differences: string[];
  /** Marks at which both runs were in the same state. */
  equal: number;
  restores: number;
  instructions: number;
}

/** Marks of one of the runs, in order, as they come. */
class Marks {
  readonly found: Mark[] = [];
  #child: ChildProcess | undefined;

  /** Runs a process of the soak to its end. Throws `Error` if it fails. */
  async run(folder: string, ...args: string[]): Promise<void> {
    const child = spawn(process.execPath, ["--import", LOADER, LEG, folder, ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    let said = "";
    child.stderr.on("data", (text) => {
      said += text;
    });
    const ended = new Promise<number | null>((done) => child.once("close", done));
    for await (const line of createInterface({ input: child.stdout })) {
      this.found.push(JSON.parse(line));
      this.onMark();
    }
    if ((await ended) !== 0) throw new Error(`the soak's process ${args.join(" ")} died: ${said}`);
  }

  onMark: () => void = () => {};

  kill(): void {
    this.#child?.kill("SIGKILL");
  }
}

const same = (a: Mark, b: Mark): boolean =>
  a.hash === b.hash && a.instructions === b.instructions && a.output === b.output;

/** What differs at mark `index`, by running both up to there again. */
async function explain(plan: SoakPlan, folder: string, index: number): Promise<string[]> {
  const leg = plan.saves.filter((time) => time < (plan.marks[index] as number)).length;
  const again = new Marks();
  await again.run(folder, "whole", String(index));
  await again.run(folder, String(leg), String(index));
  const whole = readSaved(folder, "whole-at-mark").snapshot;
  const inLegs = readSaved(folder, `${leg}-at-mark`).snapshot;
  const lines: string[] = [];
  for (const line of differences(inLegs, whole)) {
    if (lines.length === SHOWN) return [...lines, "and more"];
    lines.push(line);
  }
  return lines.length > 0 ? lines : ["the states' hashes, though the snapshots are the same"];
}

/** Throws `Error` where a process dies. */
export async function runSoak(
  plan: SoakPlan,
  folder: string,
  say: (line: string) => void = () => {},
): Promise<Soaked> {
  writeSoakPlan(folder, plan);
  const whole = new Marks();
  const legs = new Marks();
  let equal = 0;
  let differs = -1;
  const compare = (): void => {
    while (differs < 0) {
      const [a, b] = [whole.found[equal], legs.found[equal]];
      if (a === undefined || b === undefined) return;
      if (!same(a, b)) {
        differs = equal;
        whole.kill();
        legs.kill();
        return;
      }
      const seconds = (plan.marks[equal] as number) / 1e9;
      say(
        `${seconds} s: the same, ${(a.instructions / 1e9).toFixed(2)} thousand million instructions`,
      );
      equal++;
    }
  };
  whole.onMark = compare;
  legs.onMark = compare;
  let restores = 0;
  const inLegs = async (): Promise<void> => {
    for (const leg of plan.manners.keys()) {
      await legs.run(folder, String(leg));
      if (leg === 0) continue;
      restores++;
      rmSync(join(folder, `saved-${leg - 2}`), { force: true });
    }
  };
  const ends = await Promise.allSettled([whole.run(folder, "whole"), inLegs()]);
  const instructions = whole.found[equal - 1]?.instructions ?? 0;
  const result = { equal, restores, instructions };
  if (differs >= 0) {
    const at = `at ${(plan.marks[differs] as number) / 1e9} s, after ${restores} restores`;
    const lines = await explain(plan, folder, differs);
    return { ...result, differences: lines.map((line) => `${at}: ${line}`) };
  }
  const failed = ends.find((end) => end.status === "rejected");
  if (failed !== undefined) throw failed.reason;
  return { ...result, differences: [] };
}
