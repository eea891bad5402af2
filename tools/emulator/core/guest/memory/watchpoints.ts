// Watchpoints of the debugger outside (see op/debugger.ts): accesses are compared in the slow paths.

import { DEBUG_WATCHPOINTS, FAULT_AGAIN, S_COARSE, S_FAULT } from "../../state";
import { PAGE_MASK } from "../processor/control_bits";
import { leaveNow } from "../processor/fault";

/** Number of watchpoints. */
export let watching: i32 = 0;
export function setWatching(n: i32): void {
  watching = n;
}
/** 1 + number of the watchpoint hit by the current instruction, 0 for none. */
export let watchHit: u32 = 0;
export function clearWatchHit(): void {
  watchHit = 0;
}

export function watchedPage(tag: u64): bool {
  for (let i = 0; i < watching; i++) {
    const at = DEBUG_WATCHPOINTS + (i << 4);
    const first = load<u64>(at);
    if ((first & PAGE_MASK) == tag || ((first + load<u32>(at, 8) - 1) & PAGE_MASK) == tag)
      return true;
  }
  return false;
}

/**
 * Notes an access of kind 1 (write) or 2 (read); the CPU stops after the instruction. Compiled code is left first, which
 * does not expect a read to end anything: FAULT_AGAIN is pending then, and nothing may be accessed.
 */
export function noteAccess(linear: u64, size: i32, kind: u32): void {
  for (let i = 0; i < watching; i++) {
    const at = DEBUG_WATCHPOINTS + (i << 4);
    const first = load<u64>(at);
    if ((load<u32>(at, 12) & kind) == 0) continue;
    if (linear + <u64>size <= first || first + <u64>load<u32>(at, 8) <= linear) continue;
    if (load<u32>(S_COARSE) != 0) {
      store<u32>(S_FAULT, FAULT_AGAIN);
      return;
    }
    watchHit = i + 1;
    leaveNow();
    return;
  }
}
