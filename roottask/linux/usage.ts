// What processes have used: getrusage(2), times(2), and what is told of children that are waited for. All CPU time counts
// as the user's; that of the roottask's work for a program is its own.

import { Utcb } from "../libhedron/utcb";
import { monotonic } from "../libroottask/clock";
import { EFAULT, EINVAL } from "../libroottask/errno";
import { Program, Thread } from "../libroottask/program";
import { copyTo } from "../libroottask/space";
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

const TMS_BYTES: u32 = 32;
/** Of struct tms: the children's user time. */
const CUTIME: u32 = 16;

const buffer = memory.data(144);

/** The rusage that was filled in last. */
export function usage(): usize {
  return buffer;
}

function fill(microseconds: u64, peak: u32): void {
  memory.fill(buffer, 0, RUSAGE_BYTES);
  store<u64>(buffer, microseconds / MICROSECONDS);
  store<u64>(buffer + 8, microseconds % MICROSECONDS);
  store<u64>(buffer + MAXRSS, (peak as u64) * PAGE_KIB);
}

/** Fills in the rusage of `child`, which has ended or is stopped, and of the children it has waited for. */
export function fillUsage(child: Program): void {
  const own = child.ended !== 0 ? child.peak : child.space.peak;
  fill(timeOfProgram(child) + child.childrenTime, max<u32>(own, child.childrenPeak));
}

/** `parent` has waited for the end of `child`: what that has used is its children's. */
export function addUsage(parent: Program, child: Program): void {
  parent.childrenTime += child.usedTime + child.childrenTime;
  parent.childrenPeak = max<u32>(parent.childrenPeak, max<u32>(child.peak, child.childrenPeak));
}

/** getrusage(who, usage). */
export function sysGetrusage(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const who = regs.rdi as i32;
  if (who === RUSAGE_SELF) fill(timeOfProgram(program), program.space.peak);
  else if (who === RUSAGE_THREAD) fill(timeOfThread(thread), program.space.peak);
  else if (who === RUSAGE_CHILDREN) fill(program.childrenTime, program.childrenPeak);
  else return -EINVAL;
  return copyTo(program.space, regs.rsi, buffer, RUSAGE_BYTES) ? 0 : -EFAULT;
}

/** times(tms): the time since the roottask's start, in ticks. */
export function sysTimes(program: Program, regs: Utcb): i64 {
  if (regs.rdi !== 0) {
    memory.fill(buffer, 0, TMS_BYTES);
    store<u64>(buffer, timeOfProgram(program) / (MICROSECONDS / TICKS));
    store<u64>(buffer + CUTIME, program.childrenTime / (MICROSECONDS / TICKS));
    if (!copyTo(program.space, regs.rdi, buffer, TMS_BYTES)) return -EFAULT;
  }
  return (monotonic() / ((1000 * MICROSECONDS) / TICKS)) as i64;
}
