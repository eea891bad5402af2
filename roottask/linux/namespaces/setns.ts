// setns(2): a thread enters namespaces that a file of /proc/PID/ns means, or those that a process is in. Left out: of the kinds
// that have but their first namespace there is only that to enter, where everybody is.

import { Utcb } from "../../libhedron/utcb";
import { CAP_SYS_ADMIN, CAP_SYS_CHROOT, capable } from "../../libroottask/credentials";
import { usableFileAt } from "../../libroottask/descriptors";
import { EBADF, EINVAL, EPERM, ESRCH, EUSERS } from "../../libroottask/errno";
import { changeTimePage } from "../../libroottask/mediator";
import { Namespace } from "../../libroottask/mount";
import { joinNamespace } from "../../libroottask/namespaces";
import { Thread } from "../../libroottask/program";
import {
  CLONE_NEWIPC,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  NAMESPACES,
} from "../clone_flags";
import { mayInspect } from "../inspect";
import { undoAll } from "../ipc/undo";
import { isProcessFile, processOf } from "../pidfd";
import { linuxThread } from "../state";
import { flagOf, isNamespaceFile, meantBy } from "./files";
import { enterPids, pidNamespaceAt, recordOfPids } from "./pid";
import { enterHostNamespace, enterIpcNamespace } from "./threads";
import { enterChildrenTimes, joinTimes } from "./time";

/** `thread` may enter namespaces of the kinds in `flags`: 0 or a negative error. Those of `alone` share nothing with others. */
function permitKinds(thread: Thread, flags: u64, alone: bool): i64 {
  // Nobody gets rights back by entering the namespace of users that he is in.
  if ((flags & CLONE_NEWUSER) !== 0) return -EINVAL;
  const program = thread.program;
  const shared = program.alive > 1 || program.space.users > 1;
  const crowded = (flags & CLONE_NEWTIME) !== 0 && shared;
  if (crowded && flags === CLONE_NEWTIME) return -EUSERS;
  if (!capable(CAP_SYS_ADMIN)) return -EPERM;
  if ((flags & CLONE_NEWNS) !== 0) {
    if (!capable(CAP_SYS_CHROOT)) return -EPERM;
    if (alone && thread.fs.users !== 1) return -EINVAL;
  }
  return crowded ? -EUSERS : 0;
}

/** Children of `thread` may begin in the PID namespace whose record is at `pids`: the one it is in, or one below it. */
function mayEnterPids(thread: Thread, pids: usize): bool {
  const own = thread.program.pidNamespace;
  let namespace = pidNamespaceAt(pids);
  while (namespace !== null && namespace !== own) namespace = namespace.parent;
  return namespace === own;
}

/** Enters what is given for each of the kinds in `flags`. Returns 0 or a negative error. */
function enter(
  thread: Thread,
  flags: u64,
  mounts: usize,
  host: usize,
  ipc: usize,
  pids: usize,
  times: usize,
): i64 {
  if ((flags & CLONE_NEWTIME) !== 0) {
    enterChildrenTimes(thread, times);
    joinTimes(thread.program, times);
    changeTimePage(thread.program);
  }
  if ((flags & CLONE_NEWPID) !== 0) {
    if (!mayEnterPids(thread, pids)) return -EINVAL;
    enterPids(thread, pids);
  }
  if ((flags & CLONE_NEWNS) !== 0) joinNamespace(thread.fs, changetype<Namespace>(mounts));
  if ((flags & CLONE_NEWUTS) !== 0) enterHostNamespace(thread, host);
  if ((flags & CLONE_NEWIPC) !== 0) {
    undoAll(thread.program);
    enterIpcNamespace(thread, ipc);
  }
  return 0;
}

/** Enters the namespaces of the kinds in `flags` that the process of `other` is in. */
function enterThose(thread: Thread, other: Thread | null, flags: u64): i64 {
  if (flags === 0 || (flags & ~NAMESPACES) !== 0) return -EINVAL;
  if (other === null) return -ESRCH;
  if (!mayInspect(thread, other)) return -EPERM;
  const error = permitKinds(thread, flags, flags === CLONE_NEWNS);
  if (error !== 0) return error;
  const its = linuxThread(other);
  const mounts = changetype<usize>(other.fs.namespace);
  const pids = recordOfPids(other.program.pidNamespace);
  const times = other.program.timeNamespace;
  return enter(thread, flags, mounts, its.hostNamespace, its.ipcNamespace, pids, times);
}

/** setns(fd, kinds). */
export function sysSetns(thread: Thread, regs: Utcb): i64 {
  const file = usableFileAt(thread.files, regs.rdi);
  if (file === null) return -EBADF;
  const flags = regs.rsi as u32 as u64;
  if (isProcessFile(file)) {
    const process = processOf(file);
    return enterThose(thread, process === null ? null : process.threads, flags);
  }
  if (!isNamespaceFile(file.node)) return -EINVAL;
  const flag = flagOf(file.node);
  if (flags !== 0 && flags !== flag) return -EINVAL;
  const error = permitKinds(thread, flag, true);
  if (error !== 0) return error;
  const meant = meantBy(file.node);
  return enter(thread, flag, meant, meant, meant, meant, meant);
}
