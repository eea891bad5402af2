// How the CPU time of programs is parted: what handlers work for a thread, in calls, faults and other events, is the system's, the
// rest is the program's own. Handlers are timed by the TSC (handling.ts), so that what others take from them meanwhile counts as well;
// the kernel tells the sum. As on Linux neither part ever becomes less (cputime_adjust() in kernel/sched/cputime.c).

import { microsecondsOf } from "./clock";
import { Program, Thread } from "./program";
import { timeOfProgram } from "./thread";

/** The program's own of `all` microseconds, of which handlers had `ticks`, where `told` were told before. */
function userPart(all: u64, ticks: u64, told: u64): u64 {
  const system = min<u64>(microsecondsOf(ticks), all);
  return max<u64>(all - system, min<u64>(told, all));
}

/** Of the `all` microseconds of CPU time that `thread` has used, those in its program. */
export function userTimeOfThread(thread: Thread, all: u64): u64 {
  const own = userPart(all, thread.handledTicks, thread.toldUserTime);
  thread.toldUserTime = own;
  return own;
}

/** Microseconds of CPU time that all threads of `program` have used in it. */
export function userTimeOfProgram(program: Program): u64 {
  let ticks = program.handledTicks;
  let thread = program.threads;
  while (thread !== null) {
    ticks += thread.handledTicks;
    thread = thread.next;
  }
  const own = userPart(timeOfProgram(program), ticks, program.toldUserTime);
  program.toldUserTime = own;
  return own;
}
