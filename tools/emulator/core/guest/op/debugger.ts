// What a debugger outside plants in the machine: breakpoints by linear address, tested by an op at the
// start of a block, and watchpoints, tested in the slow paths of memory accesses (their pages get no TLB
// entry). Neither is visible to the guest. Accesses of fetches and page walks are not watched.

import {
  DEBUG_BREAKPOINTS,
  DEBUG_WATCHPOINTS,
  OP_SIZE,
  S_BUDGET,
  S_RIP,
  S_RIP_BASE,
} from "../../state";
import { arenaFlush } from "../memory/code_pages";
import { CS, Seg } from "../memory/segments";
import { flushAllCpus } from "../memory/tlb";
import { setWatching, watching } from "../memory/watchpoints";
import { leaveNow } from "../processor/fault";
import { Op } from "./op";

const MAX_BREAKPOINTS: i32 = 256;

export let breakpointCount: i32 = 0;

/** The executing CPU stands before a breakpoint. */
export let breakpointHit: bool = false;

export function clearBreakpointHit(): void {
  breakpointHit = false;
}

function find(address: u64): i32 {
  for (let i = 0; i < breakpointCount; i++) {
    if (load<u64>(DEBUG_BREAKPOINTS + (i << 3)) === address) return i;
  }
  return -1;
}

export function set_breakpoint(address: u64, on: u32): void {
  const at = find(address);
  if (on !== 0 && at < 0 && breakpointCount < MAX_BREAKPOINTS) {
    store<u64>(DEBUG_BREAKPOINTS + (breakpointCount << 3), address);
    breakpointCount++;
  } else if (on === 0 && at >= 0) {
    breakpointCount--;
    const last = load<u64>(DEBUG_BREAKPOINTS + (breakpointCount << 3));
    store<u64>(DEBUG_BREAKPOINTS + (at << 3), last);
  } else return;
  arenaFlush();
}

/** Whether some breakpoint has this offset in its page: blocks are shared by all mappings of a page. */
export function breaksAt(offset: u32): bool {
  for (let i = 0; i < breakpointCount; i++) {
    if ((load<u32>(DEBUG_BREAKPOINTS + (i << 3)) & 0xfff) === offset) return true;
  }
  return false;
}

/** The op before an instruction at such an offset: stops if its linear address is a breakpoint. */
export function breakpointOp(op: Op): usize {
  const rip = load<u64>(S_RIP_BASE) + op.disp;
  let linear = rip;
  if (op.size !== 2) linear = (rip + Seg.base(CS)) & 0xffffffff;
  if (find(linear) < 0) return changetype<usize>(op) + OP_SIZE;
  store<u64>(S_RIP, rip);
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) - <i32>op.idx);
  breakpointHit = true;
  leaveNow();
  return 0;
}

// ---- Watchpoints: u64 address, u32 length, u32 kinds (1 write, 2 read)

export function add_watchpoint(address: u64, length: u32, kinds: u32): void {
  if (watching >= 8) return;
  const at = DEBUG_WATCHPOINTS + (watching << 4);
  store<u64>(at, address);
  store<u32>(at, length, 8);
  store<u32>(at, kinds, 12);
  setWatching(watching + 1);
  flushAllCpus();
}

export function clear_watchpoints(): void {
  setWatching(0);
  flushAllCpus();
}
