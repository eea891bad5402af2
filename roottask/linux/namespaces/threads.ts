// In which namespaces of host names, of IPC and, for its children, of ids a thread is: it has those of who made it, until clone(2), unshare(2) or setns(2)
// gives it others.

import { ENOMEM } from "../../libroottask/errno";
import { Thread } from "../../libroottask/program";
import { CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWUTS } from "../clone_flags";
import { newHostNamespace } from "../host_names";
import { newIpcNamespace } from "../ipc/lifetime";
import { linuxThread } from "../state";
import { enterPids, madePids, newPids } from "./pid";
import { dropNamespace, keepNamespace, OwnNamespace } from "./records";

/** Kinds of namespace that there can be several of, with those of mounts. */
export const OWN_NAMESPACES: u64 = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID;

/** Gives a new thread the namespaces of `parent`. */
export function inheritNamespaces(thread: Thread, parent: Thread): void {
  const own = linuxThread(thread);
  const from = linuxThread(parent);
  own.hostNamespace = keepNamespace(from.hostNamespace);
  own.ipcNamespace = keepNamespace(from.ipcNamespace);
  own.childrenPids = keepNamespace(from.childrenPids);
}

/** `thread` ends, or has never begun. */
export function leaveNamespaces(thread: Thread): void {
  enterHostNamespace(thread, 0);
  enterIpcNamespace(thread, 0);
  enterPids(thread, 0);
}

/** `thread` is in the namespace of host names at `address` from now on, 0 for its line's first. */
export function enterHostNamespace(thread: Thread, address: usize): void {
  const own = linuxThread(thread);
  const old = own.hostNamespace;
  own.hostNamespace = keepNamespace(address);
  dropNamespace(old);
}

/** The same of IPC. */
export function enterIpcNamespace(thread: Thread, address: usize): void {
  const own = linuxThread(thread);
  const old = own.ipcNamespace;
  own.ipcNamespace = keepNamespace(address);
  dropNamespace(old);
}

/** Gives `thread` namespaces of its own where `flags` say so, and none of them where one cannot be made: 0 or a negative error. */
export function ownNamespaces(thread: Thread, flags: u64): i64 {
  let host: OwnNamespace | null = null;
  let ipc: OwnNamespace | null = null;
  if ((flags & CLONE_NEWUTS) !== 0) {
    host = newHostNamespace(thread.program);
    if (host === null) return -ENOMEM;
  }
  if ((flags & CLONE_NEWIPC) !== 0) {
    ipc = newIpcNamespace();
    if (ipc === null) {
      dropNamespace(changetype<usize>(host));
      return -ENOMEM;
    }
  }
  if ((flags & CLONE_NEWPID) !== 0) {
    const error = newPids(linuxThread(thread).childrenPids);
    if (error !== 0) {
      dropNamespace(changetype<usize>(host));
      dropNamespace(changetype<usize>(ipc));
      return error;
    }
    enterPids(thread, madePids);
    dropNamespace(madePids);
  }
  if (host !== null) {
    enterHostNamespace(thread, changetype<usize>(host));
    dropNamespace(changetype<usize>(host));
  }
  if (ipc !== null) {
    enterIpcNamespace(thread, changetype<usize>(ipc));
    dropNamespace(changetype<usize>(ipc));
  }
  return 0;
}
