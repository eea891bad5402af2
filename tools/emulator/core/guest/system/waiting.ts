// HLT, PAUSE, MONITOR, MWAIT, and the counters that a CPU reads: RDTSC, RDPMC. Follows Intel SDM vol. 2.

import {
  HALTED,
  RAX,
  RCX,
  RDX,
  S_ACTIVITY,
  S_CPL,
  S_CR4,
  S_FAULT,
  S_INSN_INDEX,
  S_MONITOR,
  S_TSC_AUX,
} from "../../state";
import { Mem } from "../memory/access";
import { failed, requireRing0 } from "../op/leave";
import { leaveAfter, leaveTo, Op, undefinedOpcode } from "../op/op";
import { readTsc } from "../processor/clock";
import { cpuCount } from "../processor/cpus";
import { budgetAfter, GP, leaveSoon } from "../processor/fault";
import { charge, PAUSE, RDTSC, spend } from "../processor/latency";

export function hlt(op: Op): usize {
  if (!requireRing0()) return op.fault();
  store<u32>(S_ACTIVITY, HALTED);
  leaveSoon();
  return leaveAfter(op);
}

/** PAUSE: with other CPUs waiting their turn, the rest of the slice passes idle. */
export function pause(op: Op): usize {
  charge(PAUSE);
  if (cpuCount > 1) {
    const left = budgetAfter(op.idx);
    if (left > 0) {
      spend(left);
      return leaveTo(op, op.nextRip());
    }
  }
  return op.next();
}

/** MONITOR (`sub` 0) arms an address; MWAIT (1) is a hint that ends like HLT would, at once. */
export function monitorMwait(op: Op): usize {
  if (load<u32>(S_CPL) != 0) return undefinedOpcode(op);
  if (op.sub == 0) {
    if (<u32>load<u64>(RCX) != 0) return failed(op, GP, 0);
    const at = op.address(1, false);
    Mem.read<u8>(at);
    if (load<u32>(S_FAULT) != 0) return op.fault();
    store<u64>(S_MONITOR, at);
    return op.next();
  }
  if ((<u32>load<u64>(RCX) & ~1) != 0) return failed(op, GP, 0);
  return pause(op);
}

/** RDTSC (`sub` 0), RDTSCP (1). */
export function rdtsc(op: Op): usize {
  if ((load<u64>(S_CR4) & 4) != 0 && load<u32>(S_CPL) != 0) return failed(op, GP, 0);
  store<u32>(S_INSN_INDEX, <u32>op.idx);
  const t = readTsc();
  store<u32>(S_INSN_INDEX, 0);
  charge(RDTSC);
  store<u64>(RAX, t & 0xffffffff);
  store<u64>(RDX, t >> 32);
  if (op.sub == 1) store<u64>(RCX, load<u64>(S_TSC_AUX) & 0xffffffff);
  return op.next();
}

/** RDPMC: the three fixed and four general counters count nothing. */
export function rdpmc(op: Op): usize {
  if (load<u32>(S_CPL) != 0 && (load<u64>(S_CR4) & 0x100) == 0) return failed(op, GP, 0);
  return failed(op, GP, 0);
}
