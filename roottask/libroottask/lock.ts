// Mutual exclusion between the roottask's threads of control: its main EC and the handler ECs of all
// threads share every data structure.
//
// Who finds the lock held looks for a moment whether it becomes free, where there is another processor that could free
// it, and then sleeps. Who lets go wakes a sleeper, and the lock is free meanwhile: were it the sleeper's already, it would
// be held for as long as that takes to run, and everybody else would have to sleep as well. A sleeper to which somebody
// else was quicker gets the lock from the hands of who lets go next.

import { ROOT_SEL_PD, SUCCESS } from "../libhedron/abi";
import { createSm, smDown, smUp } from "../libhedron/hypercalls";
import { pause } from "../libhedron/x86";
import { processorCount } from "./processors";
import { SEL_LOCK, SEL_LOCK_HAND } from "./selectors";

/** 1 while somebody has the lock. */
const held = memory.data(4);
/** Sleepers that nobody has woken yet; those among all who have been woken in vain, and get the lock from hand to hand. */
const sleepers = memory.data(4);
const hungry = memory.data(4);

/** How often is looked whether the lock is free: longer than most calls take. */
const LOOKS: u32 = 1000;

/** Creates the kernel objects. Returns the kernel's status. */
export function initLock(): u64 {
  store<u32>(held, 0);
  store<u32>(sleepers, 0);
  store<u32>(hungry, 0);
  const status = createSm(SEL_LOCK, ROOT_SEL_PD, 0);
  return status === SUCCESS ? createSm(SEL_LOCK_HAND, ROOT_SEL_PD, 0) : status;
}

function take(): bool {
  return atomic.load<u32>(held) === 0 && atomic.cmpxchg<u32>(held, 0, 1) === 0;
}

/** Takes one from `count`, unless that is 0: whether it has. */
function claim(count: usize): bool {
  let before = atomic.load<u32>(count);
  while (before !== 0) {
    const found = atomic.cmpxchg<u32>(count, before, before - 1);
    if (found === before) return true;
    before = found;
  }
  return false;
}

/** Takes the lock if it becomes free soon. */
function takeSoon(): bool {
  if (processorCount() === 1) return false;
  for (let looks: u32 = 0; looks < LOOKS; looks++) {
    if (take()) return true;
    pause();
  }
  return false;
}

export function enter(): void {
  if (atomic.cmpxchg<u32>(held, 0, 1) === 0 || takeSoon()) return;
  atomic.add<u32>(sleepers, 1);
  if (take()) {
    // Who has claimed it wakes it up all the same.
    if (!claim(sleepers)) smDown(SEL_LOCK, 0);
    return;
  }
  smDown(SEL_LOCK, 0);
  if (take() || takeSoon()) return;
  atomic.add<u32>(hungry, 1);
  // Only who has the lock claims one of these.
  if (take()) claim(hungry);
  else smDown(SEL_LOCK_HAND, 0);
}

export function leave(): void {
  atomic.xchg<u32>(held, 0);
  while (atomic.load<u32>(hungry) !== 0 && take()) {
    if (claim(hungry)) {
      smUp(SEL_LOCK_HAND);
      return;
    }
    atomic.xchg<u32>(held, 0);
  }
  if (claim(sleepers)) smUp(SEL_LOCK);
}
