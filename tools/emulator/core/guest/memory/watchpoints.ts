// Watchpoints of the debugger outside (see op/debugger.ts): accesses are compared in the slow paths.

import { DEBUG_WATCHPOINTS } from "../../state";
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

/** Notes an access of kind 1 (write) or 2 (read); the CPU stops after the instruction. */
export function noteAccess(linear: u64, size: i32, kind: u32): void {
  for (let i = 0; i < watching; i++) {
    const at = DEBUG_WATCHPOINTS + (i << 4);
    const first = load<u64>(at);
    if ((load<u32>(at, 12) & kind) == 0) continue;
    if (linear + <u64>size <= first || first + <u64>load<u32>(at, 8) <= linear) continue;
    watchHit = i + 1;
    leaveNow();
    return;
  }
}
