// Mutual exclusion between the roottask's threads of control: its main EC and the handler ECs of all
// threads share every data structure. A benaphore: an atomic counter, and a semaphore for the waiters.

import { ROOT_SEL_PD } from "../libhedron/abi";
import { createSm, smDown, smUp } from "../libhedron/hypercalls";
import { SEL_LOCK } from "./selectors";

const waiters = memory.data(4);

/** Creates the kernel object. Returns the kernel's status. */
export function initLock(): u64 {
  store<u32>(waiters, 0);
  return createSm(SEL_LOCK, ROOT_SEL_PD, 0);
}

export function enter(): void {
  if (atomic.add<u32>(waiters, 1) !== 0) smDown(SEL_LOCK, 0);
}

export function leave(): void {
  if (atomic.sub<u32>(waiters, 1) !== 1) smUp(SEL_LOCK);
}
