// Object selectors of the roottask: a few of its own behind the kernel's, then a block per thread, then one
// per program and one per space, then a block per processor.

import { PROGRAMS_MAX, THREADS_MAX } from "./program";
import { SPACES_MAX } from "./space_slots";

/** Semaphores of the lock (lock.ts). */
export const SEL_LOCK: u64 = 64;
export const SEL_LOCK_HAND: u64 = 65;
/** What exists only while the roottask measures. */
export const SEL_MEASURED_EC: u64 = 66;
export const SEL_MEASURED_PT: u64 = 67;
export const SEL_MEASURED_PD: u64 = 68;
/** What listens at the serial line (terminal/serial.ts). */
export const SEL_SERIAL_INTERRUPT: u64 = 71;
export const SEL_SERIAL_EC: u64 = 72;
export const SEL_SERIAL_SC: u64 = 73;

/** Positions in a processor's block: portals for the exceptions of the roottask's ECs there, and who handles them. */
export const OWN_EVENTS: u64 = 0;
export const OWN_HANDLER: u64 = 32;
/** See thread.ts. */
export const DECOY_EC: u64 = 33;
export const DECOY_PT: u64 = 34;
/** See linux/extended_state.ts. */
export const STATE_EC: u64 = 35;
export const STATE_PT: u64 = 36;
/** Selectors per processor, as an order. */
const PROCESSOR_ORDER: u64 = 6;

/** Selectors per thread, as an order. */
export const THREAD_ORDER: u64 = 6;
const THREADS: u64 = 0x1000;

/** Positions in a thread's block; the 32 event portals come first, aligned to be delegated at once. */
export const THREAD_EVENTS: u64 = 0;
export const THREAD_SERVICES: u64 = 32;
export const THREAD_SYSCALL: u64 = 40;
/** Asks whether the handler is at rest. */
export const THREAD_PROBE: u64 = 41;
export const THREAD_HANDLER: u64 = 42;
export const THREAD_SLEEP: u64 = 43;
/** These two are new for every thread, the others stay with the slot. */
export const THREAD_EC: u64 = 44;
export const THREAD_SC: u64 = 45;
/** As THREAD_SYSCALL, for the place where a program finds it that makes its calls by messages. */
export const THREAD_DIRECT: u64 = 46;

const PROGRAMS: u64 = THREADS + (((THREADS_MAX as u64) + 1) << THREAD_ORDER);
const SPACES: u64 = PROGRAMS + (PROGRAMS_MAX as u64) + 1;
const PROCESSORS: u64 = SPACES + (SPACES_MAX as u64) + 1;

/** First selector of the block of thread slot `slot` (1…THREADS_MAX). */
export function threadBlock(slot: u32): u64 {
  return THREADS + ((slot as u64) << THREAD_ORDER);
}

/** Semaphore that tells when no thread of the program in slot `slot` (1…PROGRAMS_MAX) is left. */
export function programDone(slot: u32): u64 {
  return PROGRAMS + (slot as u64);
}

/** First selector of the block of `processor` (processors.ts). */
export function processorBlock(processor: u32): u64 {
  return PROCESSORS + ((processor as u64) << PROCESSOR_ORDER);
}

/** PD of the space in slot `slot` (1…SPACES_MAX). */
export function spaceDomain(slot: u32): u64 {
  return SPACES + (slot as u64);
}
