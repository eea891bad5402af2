// Semaphore: a counter and a first-come first-served queue of ECs. Those of the kernel's own domain
// stand for interrupts (gsi.ts).

import { PERM_SM_DOWN, PERM_SM_UP } from "./abi";
import { CONT_DOWN_BAD_CAP, CONT_DOWN_SUCCESS, CONT_DOWN_TIMEOUT, Ec } from "./ec";
import { addRef, dropRef, Kobject, TYPE_SM } from "./kobject";
import { initKobject, Pd } from "./pd";
import { Queue } from "./queue";
import { releaseWaiting } from "./sc";
import { allocObject } from "./slab";
import { cancelTimeout, setTimeoutOf } from "./timeout";

@unmanaged
export class Sm extends Kobject {
  counter: u64;
  /** First of the waiting ECs: the head of `queueOf`. */
  waiting: Ec;
}

/** A semaphore known to `owner` under selector `base`; null when memory is out. */
export function createSm(owner: Pd, base: u32, counter: u64): Sm {
  const sm = changetype<Sm>(allocObject(offsetof<Sm>()));
  if (changetype<usize>(sm) === 0) return sm;
  initKobject(sm, TYPE_SM, owner, base, PERM_SM_UP | PERM_SM_DOWN);
  sm.counter = counter;
  return sm;
}

function queueOf(sm: Sm): Queue<Ec> {
  return changetype<Queue<Ec>>(changetype<usize>(sm) + offsetof<Sm>("waiting"));
}

/** Lets a waiting EC go on with `cont`. */
function wake(sm: Sm, ec: Ec, cont: u32): void {
  queueOf(sm).remove(ec);
  ec.semaphore = changetype<Sm>(0);
  cancelTimeout(ec);
  ec.cont = cont;
  releaseWaiting(ec);
  dropRef(ec);
}

export function up(sm: Sm): void {
  const queue = queueOf(sm);
  if (queue.isEmpty()) sm.counter++;
  else wake(sm, queue.head, CONT_DOWN_SUCCESS);
}

/**
 * Takes one from the counter, or all of it if `zero`, and returns true; or queues `ec`, which may not
 * go on then. `deadline` is a TSC value, 0 for none.
 */
export function down(sm: Sm, ec: Ec, zero: bool, deadline: u64): bool {
  if (sm.counter !== 0) {
    sm.counter = zero ? 0 : sm.counter - 1;
    return true;
  }
  addRef(ec);
  ec.semaphore = sm;
  ec.cont = CONT_DOWN_SUCCESS;
  queueOf(sm).enqueue(ec);
  if (deadline !== 0) setTimeoutOf(ec, deadline);
  return false;
}

/** The deadline of a waiting EC has passed. */
export function timedOut(ec: Ec): void {
  wake(ec.semaphore, ec, CONT_DOWN_TIMEOUT);
}

/** The semaphore's capability is gone: nobody will ever call `up`. */
export function retireSm(sm: Sm): void {
  const queue = queueOf(sm);
  while (!queue.isEmpty()) wake(sm, queue.head, CONT_DOWN_BAD_CAP);
}
