// The pairs of machines that a campaign can compare.

import type { Variant } from "./machine-pair.ts";

export interface TierPair {
  name: string;
  believed: Variant;
  doubted: Variant;
}

const INTERPRETER: Variant = { accel: { kind: "interp" } };
/** Entries of a block until it is compiled: some loops of a program come to that, and run interpreted before. */
const SOON = 8;

export const TIERS: readonly TierPair[] = [
  {
    name: "jit,threshold=0",
    believed: INTERPRETER,
    doubted: { accel: { kind: "jit", threshold: 0 } },
  },
  {
    name: `jit,threshold=${SOON}`,
    believed: INTERPRETER,
    doubted: { accel: { kind: "jit", threshold: SOON } },
  },
];
