// Clocks of CPU time: those of the calling process and thread, and those with an id that is made of a process or thread
// id (clock_getcpuclockid(3); include/linux/posix-timers_types.h). There are three kinds
// of such clocks: two of all time, which differ in resolution, and one of the program's own alone.

import { meantId } from "../libroottask/pid_numbers";
import { Program, programWithId, sees, Thread, threadWithId } from "../libroottask/program";
import { userTimeOfProgram, userTimeOfThread } from "../libroottask/system_time";
import { timeOfProgram, timeOfThread } from "../libroottask/thread";
import { CLOCK_PROCESS_CPUTIME, CLOCK_THREAD_CPUTIME } from "./clock_ids";

/** Low bits of an id: what is counted, 3 for a clock behind a descriptor; whose, a thread's or a process's. */
const KIND: u32 = 3;
const KIND_USER: u32 = 1;
const KIND_SCHEDULED: u32 = 2;
const KIND_DESCRIPTOR: u32 = 3;
const OF_THREAD: u32 = 4;
const ID_SHIFT: u32 = 3;

/** Resolution of clocks that Linux advances by its tick, nanoseconds. */
const TICK: i64 = 4_000_000;
const MICROSECOND: u64 = 1000;

/** Whose clock `findCpuClock` has found: a process's, or a thread's, which is not null then. */
export let clockProgram: Program = changetype<Program>(0);
export let clockThread: Thread | null = null;
/** It is of the program's own time alone. */
let clockIsUser: bool = false;

/** `id` is of a clock of CPU time, if there is such a clock at all. */
export function isCpuClock(id: u32): bool {
  return id === CLOCK_PROCESS_CPUTIME || id === CLOCK_THREAD_CPUTIME || (id as i32) < 0;
}

/** `id` is a clock of what programs use themselves, without calls. */
export function isUserClock(id: u32): bool {
  return (id as i32) < 0 && (id & KIND) === KIND_USER;
}

/** Nanoseconds between two times that the clock can show. */
export function resolutionOfCpuClock(id: u32): i64 {
  return (id as i32) >= 0 || (id & KIND) === KIND_SCHEDULED ? 1 : TICK;
}

/** The process that `thread` means by `id`; where it only reads, its own thread id means its process. */
function processOf(thread: Thread, id: u32, reads: bool): Program | null {
  if (id === 0 || (reads && id === thread.id)) return thread.program;
  const found = programWithId(id);
  return found !== null && sees(thread.program, found) ? found : null;
}

/** Finds the clock of CPU time `id` of `thread`, to read it or to set a timer by it. False where there is none. */
export function findCpuClock(thread: Thread, id: u32, reads: bool): bool {
  clockProgram = thread.program;
  clockThread = null;
  clockIsUser = isUserClock(id);
  if ((id as i32) >= 0) {
    if (id === CLOCK_THREAD_CPUTIME) clockThread = thread;
    return true;
  }
  if ((id & KIND) === KIND_DESCRIPTOR) return false;
  const whose = meantId(~((id as i32) >> ID_SHIFT) as u32);
  if ((id & OF_THREAD) !== 0) {
    const other = whose === 0 ? thread : threadWithId(whose);
    clockThread = other;
    return other !== null && other.program === thread.program;
  }
  const program = processOf(thread, whose, reads);
  if (program === null) return false;
  clockProgram = program;
  return true;
}

/** CPU time of `program`, or of `thread` where that is not null, or with `user` that of their own, in nanoseconds. */
export function cpuTimeOf(program: Program, thread: Thread | null, user: bool): u64 {
  if (user && thread === null) return userTimeOfProgram(program) * MICROSECOND;
  const all = thread === null ? timeOfProgram(program) : timeOfThread(thread);
  return (user ? userTimeOfThread(thread as Thread, all) : all) * MICROSECOND;
}

/** What the clock that was found last shows, in nanoseconds. */
export function cpuTime(): u64 {
  return cpuTimeOf(clockProgram, clockThread, clockIsUser);
}
