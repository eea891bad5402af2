// When objects of System V and message queues of POSIX go: with the line of the start file, or with the thread or process that has part in them.

import { Program, Thread } from "../../libroottask/program";
import { freeSegments, initSegments } from "./memory";
import { freeQueues } from "./messages";
import { freeIpcSpace, knownIpcSpace } from "./objects";
import { leaveQueue } from "./posix_notify";
import { freePosixQueues, initPosixQueues } from "./posix_queue";
import { freeSets } from "./semaphores";
import { leaveSleep } from "./sleepers";
import { undoAll } from "./undo";

/** Must be called before any program runs. */
export function initIpc(): void {
  initSegments();
  initPosixQueues(leaveQueue);
}

/** `thread` ends, wherever it is. */
export function leaveIpc(thread: Thread): void {
  leaveSleep(thread);
}

/** No thread of `program` is left. */
export function endIpc(program: Program): void {
  undoAll(program);
}

/** The record of `program` is about to go: with that of a line's first process all of its line's objects. */
export function forgetIpc(program: Program): void {
  if (program.entry !== program) return;
  const space = knownIpcSpace(program);
  if (space === null) return;
  freeSegments(space);
  freeSets(space);
  freeQueues(space);
  freePosixQueues(space);
  freeIpcSpace(program, space);
}
