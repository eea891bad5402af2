// A campaign's points: moments of virtual time at which a machine is stopped and its snapshot goes to a file of the
// campaign's folder, together with what ended the run up to there. A machine that was restored at one point stops
// at each later one, too: a snapshot drops translations, so both have to take the same ones.

import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import { Random } from "../cputest/random.ts";
import type { Machine, MachineOptions } from "../host/machine.ts";
import type { Snapshot, Stop } from "../index.ts";

/** The last point of a guest that ends by itself is its end, which has this much time. */
const PATIENCE = 2;

export interface Plan {
  /** What `structuredClone` takes: paths, no functions. */
  options: MachineOptions;
  /** Moments in order, virtual ns. */
  times: number[];
}

export interface Point {
  stop: Stop["kind"];
  hash: string;
  snapshot: Snapshot;
}

const planFile = (folder: string): string => join(folder, "plan");
const pointFile = (folder: string, index: number): string => join(folder, `point-${index}`);

export function writePlan(folder: string, plan: Plan): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(planFile(folder), serialize(plan));
}

export const readPlan = (folder: string): Plan => deserialize(readFileSync(planFile(folder)));

export function writePoint(folder: string, index: number, point: Point): void {
  writeFileSync(pointFile(folder, index), serialize(point));
}

export const readPoint = (folder: string, index: number): Point =>
  deserialize(readFileSync(pointFile(folder, index)));

/** `count` moments before `end` (virtual ns) in order, and one behind them: `end`, or when the guest ends by itself. */
export function randomTimes(count: number, end: number, ends: boolean, seed: number): number[] {
  const random = new Random(seed);
  const times = Array.from({ length: count }, () => random.below(end));
  return [...times.sort((a, b) => a - b), ends ? PATIENCE * end : end];
}

/** Runs up to `time`, or to what ends the run before. */
export function advance(machine: Machine, time: number): Point {
  const stop = machine.runSync({ nanoseconds: time - machine.core.time() }).kind;
  return { stop, hash: machine.stateHash(), snapshot: machine.snapshot() };
}
