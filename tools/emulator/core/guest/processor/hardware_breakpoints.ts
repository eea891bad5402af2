// The guest's own debug registers: instruction, data and port breakpoints, single step, RF. While one of
// them is in use instructions run one at a time and data accesses take the slow paths.
// Follows Intel SDM vol. 3B, 18.2 (debug registers) and 18.3 (debug exceptions).

import { S_CR4, S_DEBUGCTL, S_DR, S_EFLAGS, S_TRAP } from "../../state";
import { RF, TF } from "./flags";

const DR6: usize = S_DR + 48;
const DR7: usize = S_DR + 56;

/** DR6.BS and BT. */
export const SINGLE_STEP: u32 = 0x4000;
export const TASK_SWITCH: u32 = 0x8000;
/** S_TRAP: the instruction that is being stepped does not trap. */
export const STEP_DONE: u32 = 0x80000000;

/** S_TRAP: what DR6 reports. */
export const TRAP_BITS: u32 = 0xc00f;
/** IA32_DEBUGCTL.BTF: a single step goes to the next branch. */
export const BTF: u32 = 2;

const KIND_EXECUTE: u32 = 0;
const KIND_WRITE: u32 = 1;
const KIND_PORT: u32 = 2;
const KIND_ACCESS: u32 = 3;

/** Whether a breakpoint is enabled. */
export function breakpointsSet(): bool {
  return (load<u32>(DR7) & 0xff) != 0;
}

/** Whether instructions must run one at a time: TF, RF or an enabled breakpoint. */
export function needsSingle(): bool {
  return (load<u32>(S_EFLAGS) & (TF | RF)) != 0 || breakpointsSet();
}

function enabled(n: i32): bool {
  return ((load<u32>(DR7) >> (n * 2)) & 3) != 0;
}

function kindOf(n: i32): u32 {
  return (load<u32>(DR7) >> (16 + n * 4)) & 3;
}

/** Length of breakpoint `n`, bytes: LEN 00 1, 01 2, 11 4, 10 8. */
function lengthOf(n: i32): u64 {
  const len = (load<u32>(DR7) >> (18 + n * 4)) & 3;
  return len == 2 ? 8 : <u64>len + 1;
}

/** Whether an enabled breakpoint watches data. */
export function watchesData(): bool {
  if (!breakpointsSet()) return false;
  for (let n = 0; n < 4; n++) if (enabled(n) && (kindOf(n) & 1) != 0) return true;
  return false;
}

/** DR6 bits of the instruction breakpoints on linear address `linear`; RF holds them off. */
export function instructionBreakpoints(linear: u64): u32 {
  if (!breakpointsSet() || (load<u32>(S_EFLAGS) & RF) != 0) return 0;
  let bits: u32 = 0;
  for (let n = 0; n < 4; n++) {
    if (enabled(n) && kindOf(n) == KIND_EXECUTE && load<u64>(S_DR + (n << 3)) == linear)
      bits |= 1 << n;
  }
  return bits;
}

/** Notes a data access for the trap after the instruction. */
export function noteData(linear: u64, size: i32, writing: bool): void {
  for (let n = 0; n < 4; n++) {
    if (!enabled(n)) continue;
    const kind = kindOf(n);
    if (kind != KIND_ACCESS && (kind != KIND_WRITE || !writing)) continue;
    const length = lengthOf(n);
    const first = load<u64>(S_DR + (n << 3)) & ~(length - 1);
    if (linear < first + length && first < linear + <u64>size)
      store<u32>(S_TRAP, load<u32>(S_TRAP) | (1 << n));
  }
}

/** Notes a port access (only with CR4.DE). */
export function notePort(port: i32, size: i32): void {
  if (!breakpointsSet() || (load<u32>(S_CR4) & 8) == 0) return;
  for (let n = 0; n < 4; n++) {
    if (!enabled(n) || kindOf(n) != KIND_PORT) continue;
    const length = lengthOf(n);
    const first = load<u64>(S_DR + (n << 3)) & ~(length - 1);
    if (<u64>port < first + length && first < <u64>(port + size))
      store<u32>(S_TRAP, load<u32>(S_TRAP) | (1 << n));
  }
}

/** Enters `bits` into DR6, where stale B0–B3 go and all else stays, and clears DR7.GD and BTF, as #DB does. */
export function reportDebug(bits: u32): void {
  store<u64>(DR6, (load<u64>(DR6) & ~15) | <u64>bits);
  store<u64>(DR7, load<u64>(DR7) & ~0x2000);
  store<u64>(S_DEBUGCTL, load<u64>(S_DEBUGCTL) & ~(<u64>BTF));
}
