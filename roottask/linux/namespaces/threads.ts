// In which namespaces of host names, of IPC and, for its children, of ids and times a thread is: it has those of who made it, until clone(2), unshare(2) or setns(2)
// gives it others.

import { ENOMEM } from "../../libroottask/errno";
import { Thread } from "../../libroottask/program";
import { CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWTIME, CLONE_NEWUTS } from "../clone_flags";
import { newHostNamespace } from "../host_names";
import { newIpcNamespace } from "../ipc/lifetime";
import { linuxThread } from "../state";
import { enterPids, madePids, newPids } from "./pid";
import { dropNamespace, keepNamespace } from "./records";
import { enterChildrenTimes, newTimes } from "./time";

/** Kinds of namespace that there can be several of, with those of mounts. */
export const OWN_NAMESPACES: u64 = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWTIME;

/** Gives a new thread the namespaces of `parent`. */
export function inheritNamespaces(thread: Thread, parent: Thread): void {
  const own = linuxThread(thread);
  const from = linuxThread(parent);
  own.hostNamespace = keepNamespace(from.hostNamespace);
  own.ipcNamespace = keepNamespace(from.ipcNamespace);
  own.childrenPids = keepNamespace(from.childrenPids);
  own.childrenTimes = keepNamespace(from.childrenTimes);
}

/** `thread` ends, or has never begun. */
export function leaveNamespaces(thread: Thread): void {
  enterHostNamespace(thread, 0);
  enterIpcNamespace(thread, 0);
  enterPids(thread, 0);
  enterChildrenTimes(thread, 0);
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

/** Those that are made for a call: 0 for none. */
let host: usize = 0;
let ipc: usize = 0;
let times: usize = 0;
let pids: usize = 0;

function dropMade(): void {
  dropNamespace(host);
  dropNamespace(ipc);
  dropNamespace(times);
  dropNamespace(pids);
}

/** Makes those that `flags` say for `thread`. Returns 0 or a negative error. */
function makeNamespaces(thread: Thread, flags: u64): i64 {
  if ((flags & CLONE_NEWUTS) !== 0) {
    host = changetype<usize>(newHostNamespace(thread.program));
    if (host === 0) return -ENOMEM;
  }
  if ((flags & CLONE_NEWIPC) !== 0) {
    ipc = changetype<usize>(newIpcNamespace());
    if (ipc === 0) return -ENOMEM;
  }
  if ((flags & CLONE_NEWTIME) !== 0) {
    times = changetype<usize>(newTimes(linuxThread(thread).childrenTimes));
    if (times === 0) return -ENOMEM;
  }
  if ((flags & CLONE_NEWPID) === 0) return 0;
  const error = newPids(linuxThread(thread).childrenPids);
  if (error === 0) pids = madePids;
  return error;
}

/** Gives `thread` namespaces of its own where `flags` say so, and none of them where one cannot be made: 0 or a negative error. */
export function ownNamespaces(thread: Thread, flags: u64): i64 {
  host = 0;
  ipc = 0;
  times = 0;
  pids = 0;
  const error = makeNamespaces(thread, flags);
  if (error === 0) {
    if (host !== 0) enterHostNamespace(thread, host);
    if (ipc !== 0) enterIpcNamespace(thread, ipc);
    if (times !== 0) enterChildrenTimes(thread, times);
    if (pids !== 0) enterPids(thread, pids);
  }
  dropMade();
  return error;
}
