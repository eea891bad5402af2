// Waits without a time limit, by which a program may end (libroottask/deadlock.ts).

import { endLine, sayText } from "../libroottask/console";
import { allStuck } from "../libroottask/deadlock";
import { endProgram } from "../libroottask/domain";
import { LOG_ERROR, lineAbout, MODULE_LINUX } from "../libroottask/log";
import { STATE_KILLED, Thread } from "../libroottask/program";
import { waitFor } from "../libroottask/thread";
import { SIGKILL } from "./signal_numbers";

/** Ends the program of `thread`, which would wait for ever. Does not return. */
function giveUp(thread: Thread): void {
  const program = thread.program;
  lineAbout(program, LOG_ERROR, MODULE_LINUX, "all threads wait for each other: ");
  sayText(program.name, program.nameLength);
  endLine();
  endProgram(thread, STATE_KILLED, SIGKILL);
}

/**
 * Waits for `key` of `channel`, or a signal: WAIT_WOKEN or WAIT_INTERRUPTED. Ends the program where no thread of any is
 * left to wake another.
 */
export function waitForever(thread: Thread, channel: usize, key: u64): u32 {
  if (allStuck(thread)) giveUp(thread);
  return waitFor(thread, channel, key, 0);
}
