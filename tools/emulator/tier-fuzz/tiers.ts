// The pairs of machines that a campaign can compare.

import type { Variant } from "./machine-pair.ts";

export interface TierPair {
  name: string;
  believed: Variant;
  doubted: Variant;
}

export const TIERS: readonly TierPair[] = [{ name: "interpreter", believed: {}, doubted: {} }];
