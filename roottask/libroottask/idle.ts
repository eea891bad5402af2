// Threads that serve others and wait to be asked. They do not keep a run from ending: once everybody else has ended, or
// waits for what nobody does, they are told.

import { allStuck } from "./deadlock";
import { firstProgram, Thread } from "./program";
import { waitAt } from "./readiness";
import { Node } from "./tree";
import { wakeThread } from "./wait_queue";

/** States of a thread that serves others: it works, waits to be asked, or has been told that nobody will ask. */
const IDLE_NOT: u32 = 0;
const IDLE_WAITS: u32 = 1;
const IDLE_TOLD: u32 = 2;

/** Results of `waitToBeAsked`. */
export const ASK_PERHAPS: u32 = 0;
export const ASK_SIGNAL: u32 = 1;
export const ASK_NOBODY: u32 = 2;

/** Waits for `key` of `node` as a server does: until somebody asks perhaps, a signal comes, or nobody is left who could ask. */
export function waitToBeAsked(thread: Thread, node: Node, key: u64): u32 {
  if (allStuck(thread)) return ASK_NOBODY;
  thread.idle = IDLE_WAITS;
  const woken = waitAt(thread, node, key);
  const told = thread.idle === IDLE_TOLD;
  thread.idle = IDLE_NOT;
  if (told) return ASK_NOBODY;
  return woken ? ASK_PERHAPS : ASK_SIGNAL;
}

/** Tells servers that wait that nobody is left who could ask. False where there are none. */
export function endServices(): bool {
  let any = false;
  let program = firstProgram();
  while (program !== null) {
    let thread = program.threads;
    while (thread !== null) {
      if (thread.idle === IDLE_WAITS) {
        thread.idle = IDLE_TOLD;
        wakeThread(thread);
        any = true;
      }
      thread = thread.next;
    }
    program = program.next;
  }
  return any;
}
