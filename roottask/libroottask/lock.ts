// Mutual exclusion between the roottask's threads of control: its main EC and the handler ECs of all
// processes share every data structure. A benaphore: an atomic counter, and a semaphore for the waiters.

import { ROOT_PD } from "../libhedron/abi";
import { createSm, smDown, smUp } from "../libhedron/hypercalls";
import { SEL_LOCK, SEL_PARK } from "./selectors";

const waiters = memory.data(4);

/** Creates the kernel objects. Returns the kernel's status. */
export function initLock(): u64 {
  store<u32>(waiters, 0);
  const status = createSm(SEL_LOCK, ROOT_PD, 0);
  return status === 0 ? createSm(SEL_PARK, ROOT_PD, 0) : status;
}

export function enter(): void {
  if (atomic.add<u32>(waiters, 1) !== 0) smDown(SEL_LOCK, 0);
}

export function leave(): void {
  if (atomic.sub<u32>(waiters, 1) !== 1) smUp(SEL_LOCK);
}

/** Ends the calling thread of control: nobody ever ups this semaphore. */
export function park(): void {
  leave();
  while (true) smDown(SEL_PARK, 0);
}
