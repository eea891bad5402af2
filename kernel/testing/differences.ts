// Where this kernel answers the interface's probe (interface_probe.ts) otherwise than the reference, and why. The
// test of the probe holds both to it: a line that is not here is equal, one that is here is as it says.

export interface Difference {
  /** What the reference prints, a whole line. */
  reference: string;
  /** What this kernel prints instead. */
  here: string;
  why: string;
}

const SELECTORS = "selectors end at 2^26: the reference wraps around and finds another capability";
const PORTS =
  "a range of ports that is not naturally aligned gives nothing: the reference makes one that is neither side's";

export const DIFFERENCES: readonly Difference[] = [
  {
    reference: "call: beyond the last selector: status 4000220000",
    here: "call: beyond the last selector: status 4",
    why: SELECTORS,
  },
  {
    reference: "create_pd: beyond the last selector: status 0",
    here: "create_pd: beyond the last selector: status 4",
    why: SELECTORS,
  },
  {
    reference: "sm_ctrl up: beyond the last selector: status 0",
    here: "sm_ctrl up: beyond the last selector: status 4",
    why: SELECTORS,
  },
  {
    reference: "pd_ctrl delegate: ports, base inside its block: status 0",
    here: "pd_ctrl delegate: ports, base inside its block: status 0 rdx 0",
    why: PORTS,
  },
  {
    reference: "pd_ctrl delegate: ports, window's base inside its block: status 0 rdx 3fd1fe",
    here: "pd_ctrl delegate: ports, window's base inside its block: status 0 rdx 0",
    why: PORTS,
  },
  {
    reference: "pd_ctrl delegate: ports, last of a block: status 0",
    here: "pd_ctrl delegate: ports, last of a block: status 0 rdx 0",
    why: PORTS,
  },
  {
    reference: "pd_ctrl delegate: ports into a window elsewhere: status 0 rdx fffffffffffffffe",
    here: "pd_ctrl delegate: ports into a window elsewhere: status 0 rdx 0",
    why: "ranges that have nothing in common give a null CRD: the reference's is garbage",
  },
  {
    reference: "pd_ctrl access page: as it has to be: status 0",
    here: "pd_ctrl access page: as it has to be: status 6",
    why: "the page belongs to virtual machines, which do not exist here and are not announced",
  },
  {
    reference: "pd_ctrl lookup: after a base inside its block: status 0 rsi 40000f",
    here: "pd_ctrl lookup: after a base inside its block: status 0 rsi 0",
    why: "a revoked range that is not aligned is the block its base lies in: the reference leaves out what is before the base",
  },
  {
    reference: "assign_gsi: signal without permission to up: status 0",
    here: "assign_gsi: signal without permission to up: status 4",
    why: "interrupts up the semaphore, so that binding them takes the permission to up",
  },
  {
    reference: "sm_ctrl down: the one that was not told: status 1",
    here: "sm_ctrl down: the one that was not told: status 0 rsi ffffffffffffffff",
    why: "a down to zero leaves signals that it did not tell: the reference loses them",
  },
  {
    reference: "wait for a semaphore that ends: rdi 0",
    here: "wait for a semaphore that ends: rdi 4",
    why: "all who wait for a revoked semaphore learn it: the reference ups it once where signals are bound to it",
  },
];

/** The lines this kernel has to print where the reference printed `lines`. */
export function expectedHere(lines: readonly string[]): string[] {
  const here = new Map(DIFFERENCES.map((each) => [each.reference, each.here]));
  return lines.map((line) => here.get(line) ?? line);
}
