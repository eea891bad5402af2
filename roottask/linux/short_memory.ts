// System calls and memory that is out. What a call needs of its caller's memory is made as by a fault, and what follows is
// the same: where too little is left then, the largest process is ended (out_of_memory.ts), be it the caller, and a call
// that could not have a page is done again once there is room, instead of telling that its address is none, or that a pipe
// has no memory (Linux: mm/oom_kill.c, for faults in the kernel and pages that it needs).

import { deadline } from "../libroottask/clock";
import { endProgram } from "../libroottask/domain";
import { isMemoryShort, isSpared, makeRoom, reportEnd } from "../libroottask/out_of_memory";
import { SIGKILL, STATE_KILLED, Thread, WAIT_TIMED_OUT } from "../libroottask/program";
import { lackError } from "../libroottask/space";
import { waitFor } from "../libroottask/thread";

/** How long a thread waits for another process to end before it looks again, nanoseconds. */
const MOMENT: u64 = 2_000_000;

/**
 * The call of `thread` has come to `result`, and its space had `before` pages before: looks whether memory is out. True
 * where the call is to be done again; does not return where the program is the one to end.
 */
export function mustRepeat(thread: Thread, result: i64, before: u32): bool {
  const program = thread.program;
  if (program.ending !== 0) return false;
  const failed = lackError !== 0 && result === lackError;
  if (!failed && program.space.resident <= before) return false;
  if (!isMemoryShort()) return failed;
  if (makeRoom(program)) {
    return failed && waitFor(thread, 0, 0, deadline(MOMENT)) === WAIT_TIMED_OUT;
  }
  if (isSpared(program)) return false;
  reportEnd(program);
  endProgram(thread, STATE_KILLED, SIGKILL);
  return false;
}
