// Waits that nobody ends. On Linux threads that wait for each other do so for ever; the roottask has other programs to
// run and a run to end, so it ends such a program.

import { alarmsAreSet } from "./alarms";
import { firstProgram, Program, Thread } from "./program";

/** The program whose end the roottask waits for: it starts none meanwhile, so nobody new will come who could wake others. */
let awaited: Program | null = null;

/** Somebody outside of the machine may wake programs: at a terminal. */
let outsiders: bool = false;

export function setOutsiders(there: bool): void {
  outsiders = there;
}

export function setAwaited(program: Program | null): void {
  awaited = program;
}

/** The program that is waited for and has not ended, if it should be looked at: everybody is stuck now. */
export function stuckAwaited(): Program | null {
  const program = awaited;
  return program !== null && program.ending === 0 && allStuck(null) ? program : null;
}

/** Every thread of `program` but `except` waits without a time limit. */
function isStuck(program: Program, except: Thread | null): bool {
  let thread = program.threads;
  while (thread !== null) {
    const stuck = thread.waiting !== 0 && thread.forever !== 0;
    if (thread !== except && !stuck) return false;
    thread = thread.next;
  }
  return true;
}

/** Nobody but `except` is left who could wake a thread that waits for something programs share, and no alarm is set. */
export function allStuck(except: Thread | null): bool {
  if (awaited === null || outsiders || alarmsAreSet()) return false;
  let program = firstProgram();
  while (program !== null) {
    if (!isStuck(program, except)) return false;
    program = program.next;
  }
  return true;
}
