// A soak's plan and what it keeps in its folder. Times are whole slices of virtual time, at which every run looks at the outside
// world anyway: a run that stops there is the same as one that does not.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { deserialize, serialize } from "node:v8";
import { Random } from "../cputest/random.ts";
import { Machine, type MachineOptions } from "../host/machine.ts";
import type { Snapshot } from "../index.ts";
import type { Accel } from "../jit/accel.ts";
import { type FrameOnItsWay, Wire } from "./wire.ts";

/** Slices of virtual time, ns (machine.ts). */
const SLICE_NS = 2_000_000;

/** How a leg is executed: nothing of it may show. */
export interface Manner {
  accel: Accel;
  skipWaits: boolean;
}

const MANNERS: readonly Manner[] = [
  { accel: { kind: "jit" }, skipWaits: true },
  { accel: { kind: "jit" }, skipWaits: false },
  { accel: { kind: "jit", threshold: 2000 }, skipWaits: true },
  { accel: { kind: "jit", threshold: 300_000 }, skipWaits: true },
  { accel: { kind: "interp" }, skipWaits: true },
];

export interface SoakPlan {
  /** What `structuredClone` takes: paths, no functions. */
  options: MachineOptions;
  /** When the states are compared, virtual ns, in order; the last one is the end. */
  marks: number[];
  /** When the machine is saved, thrown away and restored, in order. */
  saves: number[];
  /** Of the legs between saves: one more than these. */
  manners: Manner[];
}

/** A machine's state at the end of a leg, with what its snapshot does not hold. */
interface Saved {
  snapshot: Snapshot;
  onTheirWay: readonly FrameOnItsWay[];
}

/** What is compared. */
export interface Mark {
  hash: string;
  instructions: number;
  /** SHA-256 of the serial output. */
  output: string;
}

const wholeSlices = (time: number): number => Math.max(1, Math.floor(time / SLICE_NS)) * SLICE_NS;

/** `saves` random moments before `end`, and a mark each `every` ns and at the end. */
export function soakPlan(
  options: MachineOptions,
  { end, every, saves, seed }: { end: number; every: number; saves: number; seed: number },
): SoakPlan {
  const random = new Random(seed);
  const last = wholeSlices(end);
  const times = Array.from({ length: saves }, () => wholeSlices(random.below(last)));
  const marks: number[] = [];
  for (let time = wholeSlices(every); time < last; time += wholeSlices(every)) marks.push(time);
  return {
    options,
    marks: [...marks, last],
    saves: times.sort((a, b) => a - b),
    manners: Array.from({ length: saves + 1 }, () => random.pick(MANNERS)),
  };
}

const planFile = (folder: string): string => join(folder, "soak");
const savedFile = (folder: string, name: string): string => join(folder, `saved-${name}`);

export function writeSoakPlan(folder: string, plan: SoakPlan): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(planFile(folder), serialize(plan));
}

export const readSoakPlan = (folder: string): SoakPlan =>
  deserialize(readFileSync(planFile(folder)));

export function writeSaved(folder: string, name: string, machine: Machine, wire: Wire): void {
  const saved: Saved = { snapshot: machine.snapshot(), onTheirWay: wire.state };
  writeFileSync(savedFile(folder, name), serialize(saved));
}

export const readSaved = (folder: string, name: string): Saved =>
  deserialize(readFileSync(savedFile(folder, name)));

/** The plan's machine, at power-on or as it was saved, and what its cards are connected to. */
export async function machineOf(
  plan: SoakPlan,
  manner: Partial<Manner>,
  saved?: Saved,
): Promise<{ machine: Machine; wire: Wire }> {
  const machine = await Machine.create({ ...plan.options, ...manner });
  const wire = new Wire(machine);
  if (saved !== undefined) {
    machine.restore(saved.snapshot);
    wire.goOn(saved.onTheirWay);
  }
  return { machine, wire };
}

/** Runs to each of the marks up to `end`, and to that. A guest that stops before is a mark, and the last one. */
export function* runTo(machine: Machine, marks: readonly number[], end: number): Generator<Mark> {
  for (const time of [...marks.filter((t) => t > machine.core.time() && t < end), end]) {
    const stop = machine.runSync({ nanoseconds: time - machine.core.time() }).kind;
    if (stop !== "limit") throw new Error(`the guest stopped by itself: ${stop}`);
    if (!marks.includes(time)) continue;
    const output = createHash("sha256").update(machine.serialOutput, "latin1").digest("hex");
    yield { hash: machine.stateHash(), instructions: machine.core.instructions(), output };
  }
}
