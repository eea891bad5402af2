// What processes have used: getrusage(2), times(2), and what is told of children that are waited for. CPU time
// is parted by libroottask/system_time.ts.

import { Utcb } from "../libhedron/utcb";
import { monotonic } from "../libroottask/clock";
import { EFAULT, EINVAL } from "../libroottask/errno";
import { Program, Thread } from "../libroottask/program";
import { copyTo } from "../libroottask/space";
import { userTimeOfProgram, userTimeOfThread } from "../libroottask/system_time";
import { timeOfProgram, timeOfThread } from "../libroottask/thread";

const RUSAGE_SELF: i32 = 0;
const RUSAGE_CHILDREN: i32 = -1;
const RUSAGE_THREAD: i32 = 1;

export const RUSAGE_BYTES: u32 = 144;
/** Of struct rusage: the largest resident set in KiB. */
const MAXRSS: u32 = 32;
const PAGE_KIB: u64 = 4;

const MICROSECONDS: u64 = 1_000_000;
/** Ticks per second of times(2). */
const TICKS: u64 = 100;
/** Microseconds of one. */
const TICK: u64 = MICROSECONDS / TICKS;

const TMS_BYTES: u32 = 32;
/** Of struct tms: the children's user time. */
const CUTIME: u32 = 16;

const buffer = memory.data(144);

/** The rusage that was filled in last. */
export function usage(): usize {
  return buffer;
}

function fill(user: u64, system: u64, peak: u32): void {
  memory.fill(buffer, 0, RUSAGE_BYTES);
  store<u64>(buffer, user / MICROSECONDS);
  store<u64>(buffer + 8, user % MICROSECONDS);
  store<u64>(buffer + 16, system / MICROSECONDS);
  store<u64>(buffer + 24, system % MICROSECONDS);
  store<u64>(buffer + MAXRSS, (peak as u64) * PAGE_KIB);
}

/** Fills in the rusage of `child`, which has ended or is stopped, and of the children it has waited for. */
export function fillUsage(child: Program): void {
  const own = child.ended !== 0 ? child.peak : child.space.peak;
  const all = timeOfProgram(child);
  const user = userTimeOfProgram(child);
  const others = child.childrenSystemTime;
  fill(user + child.childrenTime - others, all - user + others, max<u32>(own, child.childrenPeak));
}

/** `parent` has waited for the end of `child`: what that has used is its children's. */
export function addUsage(parent: Program, child: Program): void {
  parent.childrenTime += child.usedTime + child.childrenTime;
  parent.childrenSystemTime += child.usedTime - userTimeOfProgram(child) + child.childrenSystemTime;
  parent.childrenPeak = max<u32>(parent.childrenPeak, max<u32>(child.peak, child.childrenPeak));
}

/** getrusage(who, usage). */
export function sysGetrusage(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const who = regs.rdi as i32;
  if (who === RUSAGE_SELF) {
    const all = timeOfProgram(program);
    const user = userTimeOfProgram(program);
    fill(user, all - user, program.space.peak);
  } else if (who === RUSAGE_THREAD) {
    const all = timeOfThread(thread);
    const user = userTimeOfThread(thread, all);
    fill(user, all - user, program.space.peak);
  } else if (who === RUSAGE_CHILDREN) {
    const system = program.childrenSystemTime;
    fill(program.childrenTime - system, system, program.childrenPeak);
  } else {
    return -EINVAL;
  }
  return copyTo(program.space, regs.rsi, buffer, RUSAGE_BYTES) ? 0 : -EFAULT;
}

/** times(tms): the time since the roottask's start, in ticks. */
export function sysTimes(program: Program, regs: Utcb): i64 {
  if (regs.rdi !== 0) {
    memory.fill(buffer, 0, TMS_BYTES);
    const all = timeOfProgram(program);
    const user = userTimeOfProgram(program);
    const system = program.childrenSystemTime;
    store<u64>(buffer, user / TICK);
    store<u64>(buffer + 8, (all - user) / TICK);
    store<u64>(buffer + CUTIME, (program.childrenTime - system) / TICK);
    store<u64>(buffer + CUTIME + 8, system / TICK);
    if (!copyTo(program.space, regs.rdi, buffer, TMS_BYTES)) return -EFAULT;
  }
  return (monotonic() / (1000 * TICK)) as i64;
}
