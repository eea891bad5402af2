// When objects of System V and message queues of POSIX go: with their namespace, the first of which is that of a line of the
// start file, or with the thread or process that has part in them.

import { Program, Thread } from "../../libroottask/program";
import { newOwnNamespace, OwnNamespace } from "../namespaces/records";
import { initSegments, leaveSegments } from "./memory";
import { freeQueues } from "./messages";
import { freeIpcSpace, newIpcSpace } from "./objects";
import { leaveQueue } from "./posix_notify";
import { initPosixQueues, leavePosixQueues } from "./posix_queue";
import { IpcSpace } from "./records";
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

/** Nobody is in the namespace that has `space`. */
function leaveSpace(space: IpcSpace): void {
  leaveSegments(space);
  freeSets(space);
  freeQueues(space);
  leavePosixQueues(space);
  space.left = 1;
  freeIpcSpace(space);
}

function freeContents(contents: usize): void {
  leaveSpace(changetype<IpcSpace>(contents));
}

/** An empty namespace with one user; null when memory is out. */
export function newIpcNamespace(): OwnNamespace | null {
  const space = newIpcSpace();
  if (space === null) return null;
  const namespace = newOwnNamespace(changetype<usize>(space), freeContents);
  if (namespace === null) leaveSpace(space);
  return namespace;
}

/** The record of `program` is about to go: with that of a line's first process all of its line's objects. */
export function forgetIpc(program: Program): void {
  if (program.entry !== program || program.ipc === 0) return;
  leaveSpace(changetype<IpcSpace>(program.ipc));
  program.ipc = 0;
}
