// The memory of new processes: a copy of their parent's, page by page as one of them writes (libroottask/space.ts,
// copySpace), or the same (CLONE_VM of clone(2)).

import { SUCCESS } from "../libhedron/abi";
import { domainOf, startProgram } from "../libroottask/domain";
import { EAGAIN, ENOMEM } from "../libroottask/errno";
import { giveMediator, giveTimePage } from "../libroottask/mediator";
import { seenBy } from "../libroottask/pid_numbers";
import { grant, takeBack } from "../libroottask/pregrant";
import { Program, STATE_RUNNING, Thread } from "../libroottask/program";
import { copySpace, put32 } from "../libroottask/space";
import { startThread } from "../libroottask/thread";
import { pregrantMemory } from "./limits";
import { giveSignalCode } from "./signal_frame";

/** Gives `child` a copy of its parent's memory. False when memory is out. */
function copyMemory(child: Program, parent: Program): bool {
  const space = domainOf(child);
  if (space === null) return false;
  child.space = space;
  if (!giveSignalCode(child) || !giveMediator(child) || !giveTimePage(child)) return false;
  takeBack(parent.space);
  const copied = copySpace(parent.space, space);
  grant(parent.space);
  if (copied) pregrantMemory(child);
  return copied;
}

/**
 * Gives `child` memory and lets it run: a copy of what `parent` has or, where it `borrows`, the same. Its id is put to
 * `tid`, unless that is 0, where the child can write to it. Returns 0 or a negative error.
 */
export function startChild(child: Program, parent: Program, borrows: bool, tid: u64): i64 {
  if (borrows) {
    child.space = parent.space;
    child.space.users++;
  } else if (!copyMemory(child, parent)) {
    return -ENOMEM;
  }
  if (tid !== 0) put32(child.space, tid, seenBy(child, child.id));
  child.state = STATE_RUNNING;
  const status = borrows ? startThread(child.threads as Thread, parent) : startProgram(child);
  return status === SUCCESS ? 0 : -EAGAIN;
}
