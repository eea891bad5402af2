// The processors that threads run on. Programs know them by numbers from 0 on: the roottask's own is the first, then come
// the others that the kernel has online, in its order. A kernel object is bound to one by the kernel's own number.

import { hipCpuOnline, hipCpus } from "../libhedron/hip";

/** As many as a set of processors has bits. */
export const PROCESSORS_MAX: u32 = 64;

/** The kernel's number of each. */
const numbers = memory.data(64 * 4);
let count: u32 = 1;
/** Microseconds that threads have used each, in SCs that are gone. */
const used = memory.data(64 * 8);

/** Must be called before threads are made: the roottask runs on CPU `own` of those that `hip` describes. */
export function initProcessors(own: u32, hip: usize): void {
  oneProcessor(own);
  const described = hipCpus(hip);
  for (let cpu: u32 = 0; cpu < described && count < PROCESSORS_MAX; cpu++) {
    if (cpu === own || !hipCpuOnline(hip, cpu)) continue;
    store<u32>(numbers + count * 4, cpu);
    count++;
  }
}

/** One processor, the kernel's CPU `own`. */
export function oneProcessor(own: u32): void {
  store<u32>(numbers, own);
  count = 1;
  memory.fill(used, 0, PROCESSORS_MAX * 8);
}

/** An SC on `processor` that goes has used it for `time` microseconds. */
export function noteUse(processor: u32, time: u64): void {
  const at = used + processor * 8;
  store<u64>(at, load<u64>(at) + time);
}

/** Microseconds that SCs on `processor` that have gone have used it. */
export function usedBefore(processor: u32): u64 {
  return load<u64>(used + processor * 8);
}

export function processorCount(): u32 {
  return count;
}

/** The set of all processors: bit n is number n. */
export function allProcessors(): u64 {
  return count === PROCESSORS_MAX ? ~(0 as u64) : ((1 as u64) << (count as u64)) - 1;
}

/** The kernel's number of `processor`. */
export function cpuOf(processor: u32): u32 {
  return load<u32>(numbers + processor * 4);
}
