// A campaign's process: node resume.ts FOLDER FROM TO restores the snapshot of point FROM and runs on through the
// points up to TO. Prints a `Resumed` as JSON.

import { Machine } from "../host/machine.ts";
import { differences } from "./difference.ts";
import { advance, type Point, readPlan, readPoint } from "./points.ts";

/** Differences that are told of. */
const SHOWN = 8;

export interface Resumed {
  /** Points that were compared. */
  compared: number;
  /** The first point at which something differs, and what. */
  differs?: { point: number; lines: string[] };
}

function compare(found: Point, expected: Point): string[] {
  const lines: string[] = [];
  if (found.stop !== expected.stop) {
    lines.push(`the run ended with "${found.stop}", expected "${expected.stop}"`);
  }
  for (const line of differences(found.snapshot, expected.snapshot)) {
    if (lines.length === SHOWN) return [...lines, "and more"];
    lines.push(line);
  }
  if (lines.length === 0 && found.hash !== expected.hash) {
    lines.push("the state's hash, though the snapshots are the same");
  }
  return lines;
}

async function resume(folder: string, from: number, to: number): Promise<Resumed> {
  const { options, times } = readPlan(folder);
  const machine = await Machine.create(options);
  const start = readPoint(folder, from);
  machine.restore(start.snapshot);
  const restored = { ...start, hash: machine.stateHash(), snapshot: machine.snapshot() };
  for (let point = from; point <= to; point++) {
    const [found, expected] =
      point === from
        ? [restored, start]
        : [advance(machine, times[point] as number), readPoint(folder, point)];
    const lines = compare(found, expected);
    if (lines.length > 0) return { compared: point - from + 1, differs: { point, lines } };
  }
  return { compared: to - from + 1 };
}

const [folder = "", from = "", to = ""] = process.argv.slice(2);
process.stdout.write(JSON.stringify(await resume(folder, Number(from), Number(to))));
