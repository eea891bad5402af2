// The lists of mounts: /proc/PID/mounts, mountinfo (proc_pid_mountinfo(5), fs/proc_namespace.c of Linux 6.1), as far as a
// process can reach them from its root, and waiting for changes of them.

import { EINVAL, ENOMEM } from "../libroottask/errno";
import { FileSystem, TYPE_PROC, TYPE_ROOTFS } from "../libroottask/file_system";
import { FsState } from "../libroottask/fs_state";
import { create, destroy } from "../libroottask/heap";
import {
  isReadOnly,
  Mount,
  MS_NOATIME,
  MS_NODEV,
  MS_NODIRATIME,
  MS_NOEXEC,
  MS_NOSUID,
  MS_NOSYMFOLLOW,
  MS_RDONLY,
  MS_RELATIME,
  Namespace,
} from "../libroottask/mount";
import { leaveNamespace } from "../libroottask/mount_tree";
import { OpenFile } from "../libroottask/open_file";
import { totalPages } from "../libroottask/pages";
import { POLLERR, POLLIN, POLLPRI, POLLRDNORM } from "../libroottask/poll_events";
import { dominatingGroup } from "../libroottask/propagation";
import { Node, pathOf, pathOutside, pathRemoved, pathWithin, seeFrom } from "../libroottask/tree";
import { END, restartSequence, Sequence } from "./sequence";
import { byte, number, octal, text } from "./writer";

/** Flags of a file system that are told (mount(2)). */
const MS_SYNCHRONOUS: u32 = 0x10;
const MS_MANDLOCK: u32 = 0x40;
const MS_DIRSYNC: u32 = 0x80;
const MS_LAZYTIME: u32 = 0x200_0000;
/** Mode that the root of a tmpfs has by itself, and what it may take of memory: a half. */
const TMPFS_MODE: u32 = 0o1777;

/** What an open list keeps: whose it is, and what the reader knows of its changes. */
@unmanaged
class List extends Sequence {
  namespace: Namespace;
  events: u32;
}

/** Opens the list of `state`, null where its process has gone: 0 or a negative error. */
export function openList(file: OpenFile, state: FsState | null): i64 {
  if (state === null) return -EINVAL;
  const list = create<List>();
  if (list === null) return -ENOMEM;
  const namespace = state.namespace;
  namespace.users++;
  list.namespace = namespace;
  list.events = namespace.events;
  file.object = changetype<usize>(list);
  return 0;
}

export function closeList(file: OpenFile): void {
  if (file.object === 0) return;
  const list = changetype<List>(file.object);
  const namespace = list.namespace;
  restartSequence(list);
  destroy<List>(list);
  leaveNamespace(namespace);
}

/** A change is an error and an exception, once. */
export function pollList(file: OpenFile): u32 {
  const list = changetype<List>(file.object);
  const ready = POLLIN | POLLRDNORM;
  if (list.events === list.namespace.events) return ready;
  list.events = list.namespace.events;
  return ready | POLLERR | POLLPRI;
}

/** What is told of changes. */
export function sourceOfList(file: OpenFile): Node {
  return changetype<List>(file.object).namespace.node;
}

/** The bytes with those that would part columns in octal; `hash` is whether "#" would. */
function escaped(from: usize, count: u32, hash: bool): void {
  for (let i: u32 = 0; i < count; i++) {
    const value = load<u8>(from + i);
    const parts = value === 32 || value === 9 || value === 10 || value === 92;
    if (parts || (hash && value === 35)) {
      byte(92);
      octal(value as u32, 3);
    } else {
      byte(value);
    }
  }
}

function typeName(system: FileSystem): string {
  if (system.type === TYPE_PROC) return "proc";
  return system.type === TYPE_ROOTFS ? "rootfs" : "tmpfs";
}

function source(mount: Mount): void {
  if (mount.source === 0) text("none");
  else escaped(mount.source, mount.sourceLength, true);
}

function option(set: bool, name: string): void {
  if (set) text(name);
}

function mountOptions(mount: Mount): void {
  const flags = mount.flags;
  option((flags & MS_NOSUID) !== 0, ",nosuid");
  option((flags & MS_NODEV) !== 0, ",nodev");
  option((flags & MS_NOEXEC) !== 0, ",noexec");
  option((flags & MS_NOATIME) !== 0, ",noatime");
  option((flags & MS_NODIRATIME) !== 0, ",nodiratime");
  option((flags & MS_RELATIME) !== 0, ",relatime");
  option((flags & MS_NOSYMFOLLOW) !== 0, ",nosymfollow");
}

function numbered(name: string, value: u64, suffix: string): void {
  text(name);
  number(value);
  text(suffix);
}

function generalOptions(system: FileSystem): void {
  option((system.flags & MS_SYNCHRONOUS) !== 0, ",sync");
  option((system.flags & MS_DIRSYNC) !== 0, ",dirsync");
  option((system.flags & MS_MANDLOCK) !== 0, ",mand");
  option((system.flags & MS_LAZYTIME) !== 0, ",lazytime");
}

/** Options of a tmpfs, where they are not what it has by itself (shmem_show_options()). */
function ownOptions(system: FileSystem): void {
  if (system.listed === 0) return;
  const half = totalPages() / 2;
  if (system.pagesMax !== half) numbered(",size=", (system.pagesMax as u64) * 4, "k");
  if (system.inodesMax !== half) numbered(",nr_inodes=", system.inodesMax as u64, "");
  if (system.mode !== TMPFS_MODE) {
    text(",mode=");
    octal(system.mode, 3);
  }
  if (system.owner !== 0) numbered(",uid=", system.owner as u64, "");
  if (system.group !== 0) numbered(",gid=", system.group as u64, "");
}

const path = memory.data(4096);
const inside = memory.data(4096);

function mountLine(mount: Mount): void {
  const length = pathOf(mount, mount.root, path);
  if (length < 0 || pathOutside) return;
  source(mount);
  byte(32);
  escaped(path, length as u32, false);
  byte(32);
  text(typeName(mount.system));
  text(isReadOnly(mount) ? " ro" : " rw");
  generalOptions(mount.system);
  mountOptions(mount);
  ownOptions(mount.system);
  text(" 0 0\n");
}

function infoLine(mount: Mount): void {
  const length = pathOf(mount, mount.root, path);
  if (length < 0 || pathOutside) return;
  const system = mount.system;
  const parent = mount.parent;
  number(mount.id as u64);
  byte(32);
  number((parent === null ? mount.id : parent.id) as u64);
  text(" 0:");
  number(system.device as u64);
  byte(32);
  const inner = pathWithin(mount, inside);
  if (inner >= 0) escaped(inside, inner as u32, false);
  if (inner < 0 || pathRemoved) text("//deleted");
  byte(32);
  escaped(path, length as u32, false);
  text((mount.flags & MS_RDONLY) !== 0 ? " ro" : " rw");
  mountOptions(mount);
  if (mount.group !== 0) numbered(" shared:", mount.group as u64, "");
  if (mount.master !== 0) {
    numbered(" master:", mount.master as u64, "");
    const group = dominatingGroup(mount);
    if (group !== 0 && group !== mount.master) numbered(" propagate_from:", group as u64, "");
  }
  option(mount.unbindable !== 0, " unbindable");
  text(" - ");
  text(typeName(system));
  byte(32);
  source(mount);
  text(system.readOnly !== 0 ? " ro" : " rw");
  generalOptions(system);
  ownOptions(system);
  byte(10);
}

/** Where in the list the reader of `file` is. */
export function placeIn(file: OpenFile): Sequence {
  return changetype<List>(file.object);
}

/**
 * Line `key` of the list that `file` is open on, counted from 0, as `state` of the process it is about sees it, with more
 * columns for mountinfo: the number of the next one, END where there is none.
 */
export function lineOf(file: OpenFile, key: u64, state: FsState, reader: FsState, info: bool): u64 {
  let mount = changetype<List>(file.object).namespace.first;
  for (let index: u64 = 0; mount !== null && index < key; index++) mount = mount.next;
  if (mount === null) return END;
  seeFrom(state.rootMount, state.root);
  if (info) infoLine(mount);
  else mountLine(mount);
  seeFrom(reader.rootMount, reader.root);
  return key + 1;
}
