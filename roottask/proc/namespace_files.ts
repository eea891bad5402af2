// What the links in /proc/PID/ns lead to (namespaces(7), ioctl_ns(2)): a file for each namespace, that tells by its number
// which one it is. There are namespaces of mounts; of every other kind there is the first one alone, in the first namespace
// of users, which root owns.

import { EFAULT, EINVAL, ENOMEM, ENOTTY, EPERM } from "../libroottask/errno";
import { FS_IMMUTABLE_FL } from "../libroottask/file_flags";
import { Namespace } from "../libroottask/mount";
import { newOperations, O_CLOEXEC, OpenFile } from "../libroottask/open_file";
import { openDescriptor } from "../libroottask/open_path";
import { Thread } from "../libroottask/program";
import { put32 } from "../libroottask/space";
import { KIND_FILE, Node, newNode } from "../libroottask/tree";
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
} from "../linux/clone_flags";
import { byte, number, text } from "./writer";

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

/** Where numbers of namespaces of mounts begin, behind those of the first ones (PROC_…_INIT_INO of include/linux/proc_ns.h). */
const MOUNTS_FIRST: u32 = 0xf000_0001;
const NUMBERS: u32 = 0x0fff_ffff;

const operations = memory.data(64);
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

function flagOf(kind: u32): u64 {
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

function newFile(kind: u32, inode: u32): usize {
  const node = newNode(KIND_FILE, 0o444);
  if (node === null) return 0;
  node.users++;
  node.links = 1;
  node.inode = inode;
  node.object = kind as usize;
  node.operations = operations;
  node.flags = FS_IMMUTABLE_FL;
  return changetype<usize>(node);
}

/** The file of the namespace of `kind` that who is in `mounts` is in; null when memory is out. */
export function namespaceFile(kind: u32, mounts: Namespace): Node | null {
  if (kind === NAMESPACE_MOUNTS) {
    const inode = MOUNTS_FIRST + (mounts.node.inode & NUMBERS);
    if (mounts.file === 0) mounts.file = newFile(kind, inode);
    return changetype<Node | null>(mounts.file);
  }
  const at = files + ((kind as usize) << 3);
  if (load<usize>(at) === 0) store<usize>(at, newFile(kind, firstNumber(kind)));
  return changetype<Node | null>(load<usize>(at));
}

/** `node` is the file of a namespace. */
export function isNamespaceFile(node: Node): bool {
  return node.operations === operations;
}

/** Writes what a link to `node`, the file of a namespace, is: its kind and its number. */
export function namespaceText(node: Node): void {
  text(kindName(node.object as u32));
  text(":[");
  number(node.inode as u64);
  byte(93);
}

/** ioctl_ns(2). */
function ioctl(thread: Thread, file: OpenFile, command: u32, argument: u64): i64 {
  const kind = file.node.object as u32;
  switch (command) {
    case NS_GET_USERNS: {
      // Nobody sees what is above the first one.
      if (kind === NAMESPACE_USER) return -EPERM;
      const users = namespaceFile(NAMESPACE_USER, thread.fs.namespace);
      return users === null ? -ENOMEM : openDescriptor(thread, null, users, null, O_CLOEXEC);
    }
    case NS_GET_PARENT:
      return kind === NAMESPACE_USER || kind === NAMESPACE_PID ? -EPERM : -EINVAL;
    case NS_GET_NSTYPE:
      return flagOf(kind) as i64;
    case NS_GET_OWNER_UID:
      if (kind !== NAMESPACE_USER) return -EINVAL;
      return put32(thread.program.space, argument, 0) ? 0 : -EFAULT;
    default:
      return -ENOTTY;
  }
}

/** Must be called before a link is looked at. */
export function initNamespaceFiles(): void {
  newOperations(operations).ioctl = ioctl;
  memory.fill(files, 0, (KINDS as usize) << 3);
}
