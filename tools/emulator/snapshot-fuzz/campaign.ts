// Snapshots at random points of a guest's run: a machine that is restored from one in a process of its own must be
// in the same state as the first machine at every later point.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { Machine, type MachineOptions } from "../host/machine.ts";
import { advance, randomTimes, writePlan, writePoint } from "./points.ts";
import type { Resumed } from "./resume.ts";

const RESUME = fileURLToPath(new URL("./resume.ts", import.meta.url));
const LOADER = fileURLToPath(new URL("../../loader/register.mjs", import.meta.url));

export interface Campaign {
  /** What `structuredClone` takes: paths, no functions. */
  options: MachineOptions;
  /** Random points, beside the end. */
  points: number;
  seed: number;
  /** Virtual time of the last point, ns; measured by a run of its own if absent, so that the guest must end. */
  end?: number;
  /** Later points that each restored machine goes on to; all of them by default. */
  reach?: number;
  /** For the snapshots; made if it is not there. */
  folder: string;
  say?(line: string): void;
}

const ms = (nanoseconds: number): string => `${(nanoseconds / 1e6).toFixed(3)} ms`;

/** Virtual time of the guest's end, ns. */
async function measure(options: MachineOptions): Promise<number> {
  const machine = await Machine.create(options);
  machine.runSync();
  return machine.core.time();
}

/** Takes the snapshots; returns the number of points up to the last one or to the guest's end, which is a point. */
async function record({ options, folder, say }: Campaign, times: number[]): Promise<number> {
  const machine = await Machine.create(options);
  for (const [index, time] of times.entries()) {
    const point = advance(machine, time);
    writePoint(folder, index, point);
    const { pages } = point.snapshot;
    say?.(`point ${index} at ${ms(machine.core.time())}: ${pages.size} pages, ${point.stop}`);
    if (point.stop !== "limit") return index + 1;
  }
  return times.length;
}

/** Restores point `from` in a new process, which goes on to point `to`. Throws `Error` if the process fails. */
export function resume(folder: string, from: number, to: number): Resumed {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", LOADER, RESUME, folder, String(from), String(to)],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`the process that goes on from point ${from} died: ${stderr}`);
  return JSON.parse(stdout);
}

/**
 * Returns one line for each difference at the first point where there is one; none if all is well. A guest that
 * ends before there is a point to restore is no proof, and one line too.
 */
export async function runCampaign(campaign: Campaign): Promise<string[]> {
  const { options, points, seed, folder, say } = campaign;
  const end = campaign.end ?? (await measure(options));
  const times = randomTimes(points, end, campaign.end === undefined, seed);
  writePlan(folder, { options, times });
  const last = (await record(campaign, times)) - 1;
  if (last === 0) return ["the guest ended before the first point: nothing was compared"];
  for (let from = 0; from < last; from++) {
    const to = Math.min(last, from + (campaign.reach ?? last));
    const { compared, differs } = resume(folder, from, to);
    if (differs !== undefined) {
      const where = `restored at point ${from}, at point ${differs.point}`;
      return differs.lines.map((line) => `${where}: ${line}`);
    }
    say?.(`restored at point ${from}: the same at ${compared} points`);
  }
  return [];
}
