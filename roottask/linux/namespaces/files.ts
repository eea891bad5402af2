// What the links in /proc/PID/ns lead to (namespaces(7), ioctl_ns(2)): a file for each namespace, that tells by its number
// which one it is, and keeps it while it is open. There are namespaces of mounts, host names, IPC, ids and times; of every other kind there
// is the first one alone, in the first namespace of users, which root owns.

import { EFAULT, EINVAL, ENOMEM, ENOTTY, EPERM } from "../../libroottask/errno";
import { FS_IMMUTABLE_FL } from "../../libroottask/file_flags";
import { Namespace } from "../../libroottask/mount";
import { leaveNamespace } from "../../libroottask/mount_tree";
import { firstNamespace } from "../../libroottask/namespaces";
import { newOperations, O_CLOEXEC, OpenFile } from "../../libroottask/open_file";
import { openDescriptor } from "../../libroottask/open_path";
import { Thread } from "../../libroottask/program";
import { put32 } from "../../libroottask/space";
import { KIND_FILE, Node, newNode } from "../../libroottask/tree";
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
} from "../clone_flags";
import { linuxThread } from "../state";
import { pidNamespaceAt, recordOfPids } from "./pid";
import { dropNamespace, keepNamespace, OwnNamespace } from "./records";

/** Kinds, below KINDS. */
export const NAMESPACE_CGROUP: u32 = 0;
export const NAMESPACE_IPC: u32 = 1;
export const NAMESPACE_MOUNTS: u32 = 2;
export const NAMESPACE_NET: u32 = 3;
export const NAMESPACE_PID: u32 = 4;
export const NAMESPACE_TIME: u32 = 5;
export const NAMESPACE_USER: u32 = 6;
export const NAMESPACE_UTS: u32 = 7;
const KINDS: u32 = 8;

const NS_GET_USERNS: u32 = 0xb701;
const NS_GET_PARENT: u32 = 0xb702;
const NS_GET_NSTYPE: u32 = 0xb703;
const NS_GET_OWNER_UID: u32 = 0xb704;

/** Where numbers of namespaces begin, behind those of the first ones (PROC_…_INIT_INO of include/linux/proc_ns.h). */
const OTHERS_FIRST: u32 = 0xf000_0001;
const NUMBERS: u32 = 0x0fff_ffff;

/** A FileOperations for each kind, by which files tell theirs. */
const operations = memory.data(8 * 64);
const OPERATIONS_BYTES: u32 = 64;
/** A Node for each kind, 0 before somebody has asked for it. */
const files = memory.data(8 * 8);

function kindName(kind: u32): string {
  switch (kind) {
    case NAMESPACE_CGROUP:
      return "cgroup";
    case NAMESPACE_IPC:
      return "ipc";
    case NAMESPACE_MOUNTS:
      return "mnt";
    case NAMESPACE_NET:
      return "net";
    case NAMESPACE_PID:
      return "pid";
    case NAMESPACE_TIME:
      return "time";
    case NAMESPACE_USER:
      return "user";
    default:
      return "uts";
  }
}

function flagOfKind(kind: u32): u64 {
  switch (kind) {
    case NAMESPACE_CGROUP:
      return CLONE_NEWCGROUP;
    case NAMESPACE_IPC:
      return CLONE_NEWIPC;
    case NAMESPACE_MOUNTS:
      return CLONE_NEWNS;
    case NAMESPACE_NET:
      return CLONE_NEWNET;
    case NAMESPACE_PID:
      return CLONE_NEWPID;
    case NAMESPACE_TIME:
      return CLONE_NEWTIME;
    case NAMESPACE_USER:
      return CLONE_NEWUSER;
    default:
      return CLONE_NEWUTS;
  }
}

/** Number of the first namespace of `kind`, but of mounts. */
function firstNumber(kind: u32): u32 {
  switch (kind) {
    case NAMESPACE_IPC:
      return 0xefff_ffff;
    case NAMESPACE_UTS:
      return 0xefff_fffe;
    case NAMESPACE_USER:
      return 0xefff_fffd;
    case NAMESPACE_PID:
      return 0xefff_fffc;
    case NAMESPACE_CGROUP:
      return 0xefff_fffb;
    case NAMESPACE_TIME:
      return 0xefff_fffa;
    default:
      return 0xf000_0000;
  }
}

/** The file of `namespace` of `kind`; 0 when memory is out. */
function newFile(kind: u32, namespace: usize): usize {
  const node = newNode(KIND_FILE, 0o444);
  if (node === null) return 0;
  node.users++;
  node.links = 1;
  node.inode = namespace === 0 ? firstNumber(kind) : OTHERS_FIRST + (node.inode & NUMBERS);
  node.object = namespace;
  node.operations = operations + kind * OPERATIONS_BYTES;
  node.flags = FS_IMMUTABLE_FL;
  return changetype<usize>(node);
}

function firstFile(kind: u32): Node | null {
  const at = files + ((kind as usize) << 3);
  if (load<usize>(at) === 0) store<usize>(at, newFile(kind, 0));
  return changetype<Node | null>(load<usize>(at));
}

/** The file of the namespace of mounts `namespace`; null when memory is out. */
export function mountsFile(namespace: Namespace): Node | null {
  if (namespace.file === 0) {
    namespace.file = newFile(NAMESPACE_MOUNTS, changetype<usize>(namespace));
  }
  return changetype<Node | null>(namespace.file);
}

function ownFile(kind: u32, address: usize): Node | null {
  if (address === 0) return firstFile(kind);
  const namespace = changetype<OwnNamespace>(address);
  if (namespace.file === 0) namespace.file = newFile(kind, address);
  return changetype<Node | null>(namespace.file);
}

/** The file of the namespace of `kind` that `thread`, null for process 1, is in; null when memory is out. */
export function namespaceFile(kind: u32, thread: Thread | null): Node | null {
  if (kind === NAMESPACE_MOUNTS) {
    return mountsFile(thread === null ? firstNamespace() : thread.fs.namespace);
  }
  if (thread === null) return firstFile(kind);
  if (kind === NAMESPACE_UTS) return ownFile(kind, linuxThread(thread).hostNamespace);
  if (kind === NAMESPACE_IPC) return ownFile(kind, linuxThread(thread).ipcNamespace);
  if (kind === NAMESPACE_TIME) return ownFile(kind, thread.program.timeNamespace);
  if (kind === NAMESPACE_PID) return ownFile(kind, recordOfPids(thread.program.pidNamespace));
  return firstFile(kind);
}

/**
 * The file of the PID namespace that children of `thread` begin in; null where that has no first process yet, or when memory
 * is out.
 */
export function childrenPidsFile(thread: Thread): Node | null {
  const record = linuxThread(thread).childrenPids;
  const namespace = pidNamespaceAt(record);
  return namespace !== null && namespace.init === 0 ? null : ownFile(NAMESPACE_PID, record);
}

/** The file of the time namespace that children of `thread` begin in; null when memory is out. */
export function childrenTimesFile(thread: Thread): Node | null {
  return ownFile(NAMESPACE_TIME, linuxThread(thread).childrenTimes);
}

/** NS_GET_PARENT of the PID namespace that `file` means: a descriptor of the one it is in, where `thread` is there or above. */
function parentOfPids(thread: Thread, file: OpenFile): i64 {
  const namespace = pidNamespaceAt(file.object);
  if (namespace === null) return -EPERM;
  const parent = namespace.parent;
  const own = thread.program.pidNamespace;
  let above = parent;
  while (above !== null && above !== own) above = above.parent;
  if (above !== own) return -EPERM;
  const found = ownFile(NAMESPACE_PID, recordOfPids(parent));
  return found === null ? -ENOMEM : openDescriptor(thread, null, found, null, O_CLOEXEC);
}

/** `node` is the file of a namespace. */
export function isNamespaceFile(node: Node): bool {
  const own = node.operations;
  return own >= operations && own < operations + KINDS * OPERATIONS_BYTES;
}

function kindOf(node: Node): u32 {
  return ((node.operations - operations) as u32) / OPERATIONS_BYTES;
}

/** CLONE_NEW… of the namespace that `node` is the file of. */
export function flagOf(node: Node): u64 {
  return flagOfKind(kindOf(node));
}

/** The Namespace of mounts, or the OwnNamespace, that `node`, the file of one, means; 0 for the first of another kind. */
export function meantBy(node: Node): usize {
  return node.object;
}

/** What links call the kind of namespace that `node` is the file of. */
export function nameOfKind(node: Node): string {
  return kindName(kindOf(node));
}

/** ioctl_ns(2). */
function ioctl(thread: Thread, file: OpenFile, command: u32, argument: u64): i64 {
  const kind = kindOf(file.node);
  switch (command) {
    case NS_GET_USERNS: {
      // Nobody sees what is above the first one.
      if (kind === NAMESPACE_USER) return -EPERM;
      const users = namespaceFile(NAMESPACE_USER, thread);
      return users === null ? -ENOMEM : openDescriptor(thread, null, users, null, O_CLOEXEC);
    }
    case NS_GET_PARENT:
      if (kind === NAMESPACE_PID) return parentOfPids(thread, file);
      return kind === NAMESPACE_USER ? -EPERM : -EINVAL;
    case NS_GET_NSTYPE:
      return flagOfKind(kind) as i64;
    case NS_GET_OWNER_UID:
      if (kind !== NAMESPACE_USER) return -EINVAL;
      return put32(thread.program.space, argument, 0) ? 0 : -EFAULT;
    default:
      return -ENOTTY;
  }
}

function open(_thread: Thread, file: OpenFile): i64 {
  const namespace = file.node.object;
  file.object = namespace;
  if (namespace === 0) return 0;
  if (kindOf(file.node) === NAMESPACE_MOUNTS) changetype<Namespace>(namespace).users++;
  else keepNamespace(namespace);
  return 0;
}

function release(file: OpenFile): void {
  if (file.object === 0) return;
  if (kindOf(file.node) === NAMESPACE_MOUNTS) {
    leaveNamespace(changetype<Namespace>(file.object));
  } else {
    dropNamespace(file.object);
  }
}

/** Must be called before a link is looked at. */
export function initNamespaceFiles(): void {
  for (let kind: u32 = 0; kind < KINDS; kind++) {
    const made = newOperations(operations + kind * OPERATIONS_BYTES);
    made.ioctl = ioctl;
    made.open = open;
    made.release = release;
  }
  memory.fill(files, 0, (KINDS as usize) << 3);
}
