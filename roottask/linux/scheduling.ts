// Policies, priorities, nice values and processors of threads: sched(7), nice(2), sched_setaffinity(2), personality(2).
// What is set is remembered, told and inherited, and the rules who may set what are Linux's; a processor is shared
// evenly whatever they say. A thread runs on those of its set. Left out: SCHED_DEADLINE, whose promises would not be kept.

import { Utcb } from "../libhedron/utcb";
import { CAP_SYS_NICE, hasCapability } from "../libroottask/credentials";
import { E2BIG, EACCES, EFAULT, EINVAL, EPERM, ESRCH } from "../libroottask/errno";
import { allow } from "../libroottask/migration";
import { meantId } from "../libroottask/pid_numbers";
import { allProcessors } from "../libroottask/processors";
import { firstProgram, Program, sees, Thread } from "../libroottask/program";
import { firstMember, isRemains, nextMember, threadOrRemains } from "../libroottask/remains";
import { copyFrom, copyTo, get32, got, put32, put64 } from "../libroottask/space";
import { RLIMIT_NICE, RLIMIT_RTPRIO } from "./limit_numbers";
import { LinuxThread, limitOf, linuxThread } from "./state";

const SCHED_FIFO: u32 = 1;
const SCHED_RR: u32 = 2;
const SCHED_BATCH: u32 = 3;
export const SCHED_IDLE: u32 = 5;
const SCHED_EXT: u32 = 7;
const SCHED_RESET_ON_FORK: u32 = 0x4000_0000;
const RT_PRIORITY_MAX: u32 = 99;

const NICE_MIN: i32 = -20;
const NICE_MAX: i32 = 19;

/** What sched_rr_get_interval(2) tells, nanoseconds: SCHED_RR, and what is neither that nor SCHED_FIFO. */
const RR_INTERVAL: u64 = 100_000_000;
const FAIR_INTERVAL: u64 = 4_000_000;

/** Thread `id` of the tree of `thread`, or what is left of it, itself for 0; null where there is none. */
function threadOf(thread: Thread, id: i32): Thread | null {
  if (id === 0) return thread;
  const found = threadOrRemains(meantId(id as u32));
  return found !== null && sees(thread.program, found.program) ? found : null;
}

export function isRealTime(policy: u32): bool {
  return policy === SCHED_FIFO || policy === SCHED_RR;
}

function isPolicy(policy: u32): bool {
  return policy <= SCHED_BATCH || policy === SCHED_IDLE;
}

function sameOwner(thread: Thread, other: Thread): bool {
  const own = thread.credentials;
  const its = other.credentials;
  return own.effectiveUser === its.effectiveUser || own.effectiveUser === its.user;
}

/** The limit on nice values of `other`, which are 20 less, lets it have `nice`. */
function limitLets(other: Thread, nice: i32): bool {
  return ((20 - nice) as u64) <= load<u64>(limitOf(other.program, RLIMIT_NICE));
}

/** What is asked for by `schedule`. */
let wantedPolicy: u32 = 0;
let wantedPriority: u32 = 0;
let wantedNice: i32 = 0;
let wantedReset: bool = false;

/** `other` may be scheduled as is wanted by somebody without CAP_SYS_NICE. */
function mayAnybody(thread: Thread, other: Thread): bool {
  const its = linuxThread(other);
  if (!sameOwner(thread, other)) return false;
  if (isRealTime(wantedPolicy)) {
    const most = load<u64>(limitOf(other.program, RLIMIT_RTPRIO));
    if (wantedPolicy !== its.policy && most === 0) return false;
    if (wantedPriority > its.priority && (wantedPriority as u64) > most) return false;
  } else if (
    wantedPolicy !== SCHED_IDLE &&
    wantedNice < its.nice &&
    !limitLets(other, wantedNice)
  ) {
    return false;
  }
  if (its.policy === SCHED_IDLE && wantedPolicy !== SCHED_IDLE && !limitLets(other, its.nice)) {
    return false;
  }
  return its.resetOnFork === 0 || wantedReset;
}

/** Schedules `other` as is wanted. Returns 0 or a negative error. */
function schedule(thread: Thread, other: Thread): i64 {
  if (!isPolicy(wantedPolicy) || wantedPriority > RT_PRIORITY_MAX) return -EINVAL;
  if (isRealTime(wantedPolicy) !== (wantedPriority !== 0)) return -EINVAL;
  if (!hasCapability(thread.credentials, CAP_SYS_NICE) && !mayAnybody(thread, other)) return -EPERM;
  const its = linuxThread(other);
  its.policy = wantedPolicy;
  its.priority = wantedPriority;
  its.resetOnFork = wantedReset ? 1 : 0;
  if (!isRealTime(wantedPolicy) && wantedPolicy !== SCHED_IDLE) its.nice = wantedNice;
  return 0;
}

/** What is wanted is what `its` has. */
function wantAsIs(its: LinuxThread): void {
  wantedPolicy = its.policy;
  wantedPriority = its.priority;
  wantedNice = its.nice;
  wantedReset = its.resetOnFork !== 0;
}

/** sched_setscheduler(tid, policy, parameters); `keep` is sched_setparam(tid, parameters). */
function setScheduler(thread: Thread, id: i32, policy: i32, address: u64, keep: bool): i64 {
  if (id < 0 || address === 0) return -EINVAL;
  if (!get32(thread.program.space, address)) return -EFAULT;
  const priority = got as u32;
  const other = threadOf(thread, id);
  if (other === null) return -ESRCH;
  wantAsIs(linuxThread(other));
  if (!keep) {
    wantedPolicy = (policy as u32) & ~SCHED_RESET_ON_FORK;
    wantedReset = ((policy as u32) & SCHED_RESET_ON_FORK) !== 0;
  }
  wantedPriority = priority;
  return schedule(thread, other);
}

export function sysSchedSetscheduler(thread: Thread, regs: Utcb): i64 {
  if ((regs.rsi as i32) < 0) return -EINVAL;
  return setScheduler(thread, regs.rdi as i32, regs.rsi as i32, regs.rdx, false);
}

export function sysSchedSetparam(thread: Thread, regs: Utcb): i64 {
  return setScheduler(thread, regs.rdi as i32, 0, regs.rsi, true);
}

/** sched_getscheduler(tid). */
export function sysSchedGetscheduler(thread: Thread, regs: Utcb): i64 {
  if ((regs.rdi as i32) < 0) return -EINVAL;
  const other = threadOf(thread, regs.rdi as i32);
  if (other === null) return -ESRCH;
  const its = linuxThread(other);
  return (its.policy | (its.resetOnFork !== 0 ? SCHED_RESET_ON_FORK : 0)) as i64;
}

/** sched_getparam(tid, parameters). */
export function sysSchedGetparam(thread: Thread, regs: Utcb): i64 {
  if ((regs.rdi as i32) < 0 || regs.rsi === 0) return -EINVAL;
  const other = threadOf(thread, regs.rdi as i32);
  if (other === null) return -ESRCH;
  return put32(thread.program.space, regs.rsi, linuxThread(other).priority) ? 0 : -EFAULT;
}

/** sched_get_priority_max(policy). */
export function sysSchedGetPriorityMax(_program: Program, regs: Utcb): i64 {
  const policy = regs.rdi as u32;
  if (isRealTime(policy)) return RT_PRIORITY_MAX as i64;
  return policy <= SCHED_EXT && policy !== SCHED_BATCH + 1 ? 0 : -EINVAL;
}

/** sched_get_priority_min(policy). */
export function sysSchedGetPriorityMin(program: Program, regs: Utcb): i64 {
  return isRealTime(regs.rdi as u32) ? 1 : sysSchedGetPriorityMax(program, regs);
}

/** sched_rr_get_interval(tid, interval). */
export function sysSchedRrGetInterval(thread: Thread, regs: Utcb): i64 {
  if ((regs.rdi as i32) < 0) return -EINVAL;
  const other = threadOf(thread, regs.rdi as i32);
  if (other === null) return -ESRCH;
  const policy = linuxThread(other).policy;
  let interval = policy === SCHED_RR ? RR_INTERVAL : FAIR_INTERVAL;
  if (policy === SCHED_FIFO) interval = 0;
  const space = thread.program.space;
  return put64(space, regs.rsi, 0) && put64(space, regs.rsi + 8, interval) ? 0 : -EFAULT;
}

/** struct sched_attr, and as much of it as its first version had. */
@unmanaged
class Attributes {
  size: u32;
  policy: u32;
  flags: u64;
  nice: i32;
  priority: u32;
  runtime: u64;
  deadline: u64;
  period: u64;
  utilMin: u32;
  utilMax: u32;
}

const ATTRIBUTES_BYTES: u32 = offsetof<Attributes>() as u32;
const ATTRIBUTES_FIRST: u32 = 48;
const PAGE: u32 = 4096;
const attributes = changetype<Attributes>(memory.data(56, 8));

const FLAG_RESET_ON_FORK: u64 = 1;
const FLAG_KEEP_POLICY: u64 = 8;
const FLAG_KEEP_PARAMS: u64 = 16;
const FLAGS: u64 = FLAG_RESET_ON_FORK | FLAG_KEEP_POLICY | FLAG_KEEP_PARAMS;

/** sched_getattr(tid, attributes, size, flags). */
export function sysSchedGetattr(thread: Thread, regs: Utcb): i64 {
  const size = regs.rdx as u32;
  if (regs.rsi === 0 || (regs.rdi as i32) < 0 || (regs.r10 as u32) !== 0) return -EINVAL;
  if (size > PAGE || size < ATTRIBUTES_FIRST) return -EINVAL;
  const other = threadOf(thread, regs.rdi as i32);
  if (other === null) return -ESRCH;
  const its = linuxThread(other);
  memory.fill(changetype<usize>(attributes), 0, ATTRIBUTES_BYTES);
  attributes.size = min<u32>(size, ATTRIBUTES_BYTES);
  attributes.policy = its.policy;
  attributes.flags = its.resetOnFork !== 0 ? FLAG_RESET_ON_FORK : 0;
  if (isRealTime(its.policy)) attributes.priority = its.priority;
  else attributes.nice = its.nice;
  const from = changetype<usize>(attributes);
  return copyTo(thread.program.space, regs.rsi, from, attributes.size) ? 0 : -EFAULT;
}

/** Reads struct sched_attr at `address`; 0, or a negative error. */
function readAttributes(thread: Thread, address: u64): i64 {
  const space = thread.program.space;
  const to = changetype<usize>(attributes);
  memory.fill(to, 0, ATTRIBUTES_BYTES);
  if (!get32(space, address)) return -EFAULT;
  const size = got === 0 ? ATTRIBUTES_FIRST : (got as u32);
  let fits = size >= ATTRIBUTES_FIRST && size <= PAGE;
  for (let at = ATTRIBUTES_BYTES; fits && at < size; at++) {
    if (!copyFrom(space, to, address + (at as u64), 1)) return -EFAULT;
    fits = load<u8>(to) === 0;
  }
  if (!fits) return put32(space, address, ATTRIBUTES_BYTES) ? -E2BIG : -EFAULT;
  return copyFrom(space, to, address, min<u32>(size, ATTRIBUTES_BYTES)) ? 0 : -EFAULT;
}

/** sched_setattr(tid, attributes, flags). */
export function sysSchedSetattr(thread: Thread, regs: Utcb): i64 {
  if (regs.rsi === 0 || (regs.rdi as i32) < 0 || (regs.rdx as u32) !== 0) return -EINVAL;
  const error = readAttributes(thread, regs.rsi);
  if (error !== 0) return error;
  const keeps = (attributes.flags & FLAG_KEEP_POLICY) !== 0;
  if ((attributes.policy as i32) < 0) return -EINVAL;
  const other = threadOf(thread, regs.rdi as i32);
  if (other === null) return -ESRCH;
  if ((attributes.flags & ~FLAGS) !== 0) return -EINVAL;
  wantAsIs(linuxThread(other));
  // Who keeps its policy keeps what becomes of it at a fork: __sched_setscheduler() of Linux.
  if (!keeps) {
    wantedPolicy = attributes.policy;
    wantedReset = (attributes.flags & FLAG_RESET_ON_FORK) !== 0;
  }
  if ((attributes.flags & FLAG_KEEP_PARAMS) === 0) {
    wantedPriority = attributes.priority;
    wantedNice = max<i32>(min<i32>(attributes.nice, NICE_MAX), NICE_MIN);
  }
  return schedule(thread, other);
}

/** Bytes of a set of processors. */
const SET_BYTES: u32 = 8;
const set = memory.data(8);

/** sched_getaffinity(tid, size, mask): its bytes. */
export function sysSchedGetaffinity(thread: Thread, regs: Utcb): i64 {
  const size = regs.rsi as u32;
  // Linux compares bits, of which it has a number of 32 bits.
  if (size * 8 === 0 || size % SET_BYTES !== 0) return -EINVAL;
  const other = threadOf(thread, regs.rdi as i32);
  if (other === null) return -ESRCH;
  if (!put64(thread.program.space, regs.rdx, other.processors)) return -EFAULT;
  return SET_BYTES as i64;
}

/** sched_setaffinity(tid, size, mask): a processor that is there has to be in it; a thread elsewhere moves there. */
export function sysSchedSetaffinity(thread: Thread, regs: Utcb): i64 {
  store<u64>(set, 0);
  const size = min<u32>(regs.rsi as u32, SET_BYTES);
  if (!copyFrom(thread.program.space, set, regs.rdx, size)) return -EFAULT;
  const other = threadOf(thread, regs.rdi as i32);
  if (other === null) return -ESRCH;
  if (!sameOwner(thread, other) && !hasCapability(thread.credentials, CAP_SYS_NICE)) return -EPERM;
  const allowed = load<u64>(set) & allProcessors();
  if (allowed === 0) return -EINVAL;
  if (isRemains(other)) other.processors = allowed;
  else allow(other, allowed);
  return 0;
}

/** Whom getpriority(2) and setpriority(2) mean: a thread, a process group, a user. */
const PRIO_PROCESS: u32 = 0;
const PRIO_PGRP: u32 = 1;
const PRIO_USER: u32 = 2;

/** `which` and `who` of the calling thread mean `other`. */
export function isMeant(thread: Thread, which: u32, who: u32, other: Thread): bool {
  if (!sees(thread.program, other.program)) return false;
  if (which === PRIO_PROCESS) return other.id === (who === 0 ? thread.id : meantId(who));
  if (which === PRIO_PGRP) {
    return other.program.group === (who === 0 ? thread.program.group : meantId(who));
  }
  return other.credentials.user === (who === 0 ? thread.credentials.user : who);
}

/** The largest of 20 less the nice values of those meant, 0 where there are none. */
function highestPriority(thread: Thread, which: u32, who: u32): i64 {
  let highest: i64 = 0;
  let program = firstProgram();
  while (program !== null) {
    let other = firstMember(program);
    while (other !== null) {
      if (isMeant(thread, which, who, other)) {
        highest = max<i64>(highest, 20 - linuxThread(other).nice);
      }
      other = nextMember(other);
    }
    program = program.next;
  }
  return highest;
}

/** getpriority(which, who): 20 less the lowest nice value. */
export function sysGetpriority(thread: Thread, regs: Utcb): i64 {
  if ((regs.rdi as u32) > PRIO_USER) return -EINVAL;
  const found = highestPriority(thread, regs.rdi as u32, regs.rsi as u32);
  return found === 0 ? -ESRCH : found;
}

/** Gives `other` the nice value `nice`. Returns 0 or a negative error. */
function setNice(thread: Thread, other: Thread, nice: i32): i64 {
  const own = thread.credentials;
  const its = other.credentials;
  const may = hasCapability(own, CAP_SYS_NICE);
  if (its.user !== own.effectiveUser && its.effectiveUser !== own.effectiveUser && !may) {
    return -EPERM;
  }
  if (nice < linuxThread(other).nice && !may && !limitLets(other, nice)) return -EACCES;
  linuxThread(other).nice = nice;
  return 0;
}

/** setpriority(which, who, nice). */
export function sysSetpriority(thread: Thread, regs: Utcb): i64 {
  if ((regs.rdi as u32) > PRIO_USER) return -EINVAL;
  const nice = max<i32>(min<i32>(regs.rdx as i32, NICE_MAX), NICE_MIN);
  let result: i64 = -ESRCH;
  let program = firstProgram();
  while (program !== null) {
    let other = firstMember(program);
    while (other !== null) {
      if (isMeant(thread, regs.rdi as u32, regs.rsi as u32, other)) {
        const error = setNice(thread, other, nice);
        if (error !== 0 || result === -ESRCH) result = error;
      }
      other = nextMember(other);
    }
    program = program.next;
  }
  return result;
}

/** personality(persona): what it was; 0xffffffff asks alone. Of its flags STICKY_TIMEOUTS counts (poll.ts). */
export function sysPersonality(thread: Thread, regs: Utcb): i64 {
  const own = linuxThread(thread);
  const before = own.personality;
  if ((regs.rdi as u32) !== 0xffff_ffff) own.personality = regs.rdi as u32;
  return before as i64;
}
