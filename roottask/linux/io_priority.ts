// Priorities of input and output: ioprio_set(2), ioprio_get(2), as block/ioprio.c of Linux 6.1 checks them. They are
// remembered, told and inherited; no disk is there for which they would count.

import { Utcb } from "../libhedron/utcb";
import { CAP_SYS_ADMIN, CAP_SYS_NICE, capable, hasCapability } from "../libroottask/credentials";
import { EINVAL, EPERM, ESRCH } from "../libroottask/errno";
import { firstProgram, Thread } from "../libroottask/program";
import { firstMember, nextMember } from "../libroottask/remains";
import { isMeant, isRealTime, SCHED_IDLE } from "./scheduling";
import { linuxThread } from "./state";

/** include/uapi/linux/ioprio.h: whom a call is about, less 1 as getpriority(2) has it. */
const WHO_PROCESS: u32 = 0;
const WHO_USER: u32 = 2;

/** A value is a class, shifted, and a level in it. */
const CLASS_SHIFT: u32 = 13;
const LEVELS: u32 = 8;
const CLASS_NONE: u32 = 0;
const CLASS_REALTIME: u32 = 1;
const CLASS_BEST_EFFORT: u32 = 2;
const CLASS_IDLE: u32 = 3;

function ioValue(priorityClass: u32, level: u32): u32 {
  return (priorityClass << CLASS_SHIFT) | level;
}

/** The caller may set `value` at all: 0, -EPERM or -EINVAL. */
export function permitPriority(value: u32): i64 {
  const priorityClass = (value >> CLASS_SHIFT) & 7;
  const level = value & ((1 << CLASS_SHIFT) - 1);
  if (priorityClass === CLASS_REALTIME && !capable(CAP_SYS_ADMIN) && !capable(CAP_SYS_NICE)) {
    return -EPERM;
  }
  if (priorityClass === CLASS_NONE) return level === 0 ? 0 : -EINVAL;
  if (priorityClass === CLASS_IDLE) return 0;
  return priorityClass > CLASS_IDLE || level >= LEVELS ? -EINVAL : 0;
}

/** What counts for `thread`: where it has none of its own, one follows from how it is scheduled. */
function effective(thread: Thread): u32 {
  const own = linuxThread(thread);
  if (own.ioPriority >> CLASS_SHIFT !== CLASS_NONE) return own.ioPriority;
  const level = ((own.nice + 20) as u32) / 5;
  if (own.policy === SCHED_IDLE) return ioValue(CLASS_IDLE, level);
  return ioValue(isRealTime(own.policy) ? CLASS_REALTIME : CLASS_BEST_EFFORT, level);
}

function setOf(thread: Thread, other: Thread, value: u32): i64 {
  const own = thread.credentials;
  const user = other.credentials.user;
  const same = user === own.effectiveUser || user === own.user;
  if (!same && !hasCapability(own, CAP_SYS_NICE)) return -EPERM;
  linuxThread(other).ioPriority = value;
  return 0;
}

/** ioprio_set(which, who, value). */
export function sysIoprioSet(thread: Thread, regs: Utcb): i64 {
  const which = (regs.rdi as u32) - 1;
  const value = regs.rdx as u32;
  const wrong = permitPriority(value);
  if (wrong !== 0) return wrong;
  if (which > WHO_USER) return -EINVAL;
  let result: i64 = -ESRCH;
  let program = firstProgram();
  while (program !== null) {
    let other = firstMember(program);
    while (other !== null) {
      if (isMeant(thread, which, regs.rsi as u32, other)) {
        result = setOf(thread, other, value);
        if (result !== 0) return result;
      }
      other = nextMember(other);
    }
    program = program.next;
  }
  return result;
}

/** ioprio_get(which, who): what a process has, or the best that counts for those of a group or user. */
export function sysIoprioGet(thread: Thread, regs: Utcb): i64 {
  const which = (regs.rdi as u32) - 1;
  if (which > WHO_USER) return -EINVAL;
  let best: i64 = -ESRCH;
  let program = firstProgram();
  while (program !== null) {
    let other = firstMember(program);
    while (other !== null) {
      if (isMeant(thread, which, regs.rsi as u32, other)) {
        const found = which === WHO_PROCESS ? linuxThread(other).ioPriority : effective(other);
        best = best < 0 ? (found as i64) : min<i64>(best, found as i64);
      }
      other = nextMember(other);
    }
    program = program.next;
  }
  return best;
}
