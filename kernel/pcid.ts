// Process-context identifiers, which mark a domain's translations in the TLBs: a switch between domains
// drops none. Intel SDM vol. 3A, 4.10.1 and 4.10.4. Every domain has a number of its own while there are
// enough; the others, and all of them on CPUs without PCIDs, have number 0, with which a switch drops
// everything but the window. A number may be given away again at once: a new domain counts as stale on all
// CPUs (Pd.staleOn), so that what its predecessor left is dropped before it runs.

import { hasPcids } from "./protection";

/** CR3[63]: keep what the TLB has of the number that is loaded. */
export const CR3_KEEP: u64 = (<u64>1) << 63;

const WORDS: u32 = 64;
/** A bit for each of the 4,096 numbers; set: in use. */
const used: usize = memory.data(512, 8);
let next: u32 = 0;

/** A free number, or 0. */
export function allocPcid(): u32 {
  if (!hasPcids()) return 0;
  // Number 0 is never free.
  store<u64>(used, load<u64>(used) | 1);
  for (let i: u32 = 0; i < WORDS; i++) {
    const word = (next + i) % WORDS;
    const free = ~load<u64>(used + (word << 3));
    if (free === 0) continue;
    const bit = <u32>ctz<u64>(free);
    store<u64>(used + (word << 3), ~free | ((<u64>1) << bit));
    next = word;
    return (word << 6) | bit;
  }
  return 0;
}

export function freePcid(pcid: u32): void {
  const at = used + ((pcid >> 6) << 3);
  store<u64>(at, load<u64>(at) & ~((<u64>1) << (pcid & 63)));
}
