// Waits without a time limit. On Linux a program whose threads all wait for each other does so for ever; the
// roottask has other programs to run, and nobody else wakes a program's threads.

import { endLine, sayText } from "../libroottask/console";
import { endProgram } from "../libroottask/domain";
import { LOG_ERROR, lineAbout, MODULE_LINUX } from "../libroottask/log";
import { STATE_KILLED, Thread } from "../libroottask/program";
import { waitFor } from "../libroottask/thread";
import { SIGKILL } from "./signal_numbers";

/** Every thread of the program but `thread` waits without a time limit. */
function othersStuck(thread: Thread): bool {
  let other = thread.program.threads;
  while (other !== null) {
    const stuck = other.waiting !== 0 && other.forever !== 0;
    if (other !== thread && !stuck) return false;
    other = other.next;
  }
  return true;
}

/**
 * Waits for `key` of `channel` or a signal: WAIT_WOKEN or WAIT_INTERRUPTED. Ends the program where no thread
 * of it is left to wake another.
 */
export function waitForever(thread: Thread, channel: usize, key: u64): u32 {
  if (othersStuck(thread)) {
    const program = thread.program;
    lineAbout(program, LOG_ERROR, MODULE_LINUX, "all threads wait for each other: ");
    sayText(program.name, program.nameLength);
    endLine();
    endProgram(thread, STATE_KILLED, SIGKILL);
  }
  return waitFor(thread, channel, key, 0);
}
