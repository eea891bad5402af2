// unshare(2): what a thread shares with others it has alone from then on. Left out: namespaces but those of
// mounts, host names, IPC, ids and times.

import { Utcb } from "../libhedron/utcb";
import { CAP_SYS_ADMIN, capable } from "../libroottask/credentials";
import { mayOwnFiles, ownFiles, ownFsState } from "../libroottask/domain";
import { EINVAL, EMFILE, ENOMEM, EPERM } from "../libroottask/errno";
import { ownNamespace } from "../libroottask/namespaces";
import { Thread } from "../libroottask/program";
import {
  CLONE_FILES,
  CLONE_FS,
  CLONE_NEWIPC,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWUSER,
  CLONE_SIGHAND,
  CLONE_SYSVSEM,
  CLONE_THREAD,
  CLONE_VM,
  NAMESPACES,
} from "./clone_flags";
import { undoAll } from "./ipc/undo";
import { hasOtherPids } from "./namespaces/pid";
import { OWN_NAMESPACES, ownNamespaces } from "./namespaces/threads";
import { actionsAreShared } from "./signal_actions";

const KNOWN: u64 =
  CLONE_THREAD | CLONE_FS | CLONE_SIGHAND | CLONE_VM | CLONE_FILES | CLONE_SYSVSEM | NAMESPACES;

/** `flags` with those that they bring along. */
function completed(flags: u64): u64 {
  let all = flags;
  if ((all & CLONE_NEWUSER) !== 0) all |= CLONE_THREAD | CLONE_FS;
  if ((all & CLONE_VM) !== 0) all |= CLONE_SIGHAND;
  if ((all & CLONE_SIGHAND) !== 0) all |= CLONE_THREAD;
  return (all & CLONE_NEWNS) !== 0 ? all | CLONE_FS : all;
}

/** Something that cannot be parted is shared. */
function isBound(thread: Thread, flags: u64): bool {
  const program = thread.program;
  const parted = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM;
  if ((flags & parted) !== 0 && program.alive > 1) return true;
  if ((flags & (CLONE_SIGHAND | CLONE_VM)) !== 0 && actionsAreShared(program)) return true;
  return (flags & CLONE_VM) !== 0 && program.space.users > 1;
}

/** unshare(flags). */
export function sysUnshare(thread: Thread, regs: Utcb): i64 {
  const flags = completed(regs.rdi);
  if ((flags & ~KNOWN) !== 0 || isBound(thread, flags)) return -EINVAL;
  if ((flags & NAMESPACES & ~CLONE_NEWUSER) !== 0 && !capable(CAP_SYS_ADMIN)) return -EPERM;
  if ((flags & NAMESPACES & ~(CLONE_NEWNS | OWN_NAMESPACES)) !== 0) return -EINVAL;
  if ((flags & CLONE_NEWPID) !== 0 && hasOtherPids(thread)) return -EINVAL;
  const files = (flags & CLONE_FILES) !== 0;
  if (files && !mayOwnFiles(thread)) return -EMFILE;
  if ((flags & CLONE_FS) !== 0 && !ownFsState(thread)) return -ENOMEM;
  if ((flags & CLONE_NEWNS) !== 0) {
    const error = ownNamespace(thread.fs);
    if (error !== 0) return error;
  }
  if (files && !ownFiles(thread)) return -ENOMEM;
  // What semaphores undo is of one namespace.
  if ((flags & (CLONE_SYSVSEM | CLONE_NEWIPC)) !== 0) undoAll(thread.program);
  return ownNamespaces(thread, flags);
}
