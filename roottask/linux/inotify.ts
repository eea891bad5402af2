// Watching files: inotify_init(2), inotify_add_watch(2), inotify_rm_watch(2) (fs/notify/inotify/inotify_user.c).

import { Utcb } from "../libhedron/utcb";
import { MAY_READ } from "../libroottask/credentials";
import { fileAt } from "../libroottask/descriptors";
import { EBADF, EEXIST, EINVAL, EMFILE, ENOMEM, ENOSPC, ENOTDIR } from "../libroottask/errno";
import {
  addMark,
  endMark,
  hasRoomForMark,
  IN_ALL_EVENTS,
  IN_EXCL_UNLINK,
  IN_ISDIR,
  IN_ONESHOT,
  IN_UNMOUNT,
  markNumbered,
  markOn,
} from "../libroottask/file_events";
import { hasRoomForInstance, instanceOf, isInotify, openInotify } from "../libroottask/inotify";
import { IN_IGNORED, IN_Q_OVERFLOW, Instance } from "../libroottask/inotify_queue";
import { O_CLOEXEC, O_NONBLOCK, O_PATH, OpenFile } from "../libroottask/open_file";
import { giveDescriptor } from "../libroottask/open_path";
import { permit } from "../libroottask/permission";
import { Program } from "../libroottask/program";
import { KIND_DIRECTORY, Node, walkNode } from "../libroottask/tree";
import { AT_FDCWD, nodeAt } from "./lookup";

const IN_ONLYDIR: u32 = 0x0100_0000;
const IN_DONT_FOLLOW: u32 = 0x0200_0000;
const IN_MASK_CREATE: u32 = 0x1000_0000;
const IN_MASK_ADD: u32 = 0x2000_0000;
const IN_KNOWN: u32 =
  IN_ALL_EVENTS |
  IN_UNMOUNT |
  IN_Q_OVERFLOW |
  IN_IGNORED |
  IN_ONLYDIR |
  IN_DONT_FOLLOW |
  IN_EXCL_UNLINK |
  IN_MASK_CREATE |
  IN_MASK_ADD |
  IN_ISDIR |
  IN_ONESHOT;
/** What a mark keeps of a mask. */
const IN_KEPT: u32 = IN_ALL_EVENTS | IN_EXCL_UNLINK | IN_ONESHOT;

function makeInstance(program: Program, flags: u32): i64 {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) return -EINVAL;
  if (!hasRoomForInstance()) return -EMFILE;
  const file = openInotify(flags & O_NONBLOCK);
  return file === null ? -ENOMEM : giveDescriptor(program, file, flags);
}

/** inotify_init(). */
export function sysInotifyInit(program: Program, _regs: Utcb): i64 {
  return makeInstance(program, 0);
}

/** inotify_init1(flags). */
export function sysInotifyInit1(program: Program, regs: Utcb): i64 {
  return makeInstance(program, regs.rdi as u32);
}

/** The instance that `file` is, or null. */
function instanceAt(file: OpenFile): Instance | null {
  return isInotify(file) ? instanceOf(file) : null;
}

/** Changes the mark on `node`, or makes one: its number or a negative error. */
function watchNode(instance: Instance, node: Node, mask: u32): i64 {
  const kept = mask & IN_KEPT;
  const present = markOn(instance, node);
  if (present !== null) {
    if ((mask & IN_MASK_CREATE) !== 0) return -EEXIST;
    present.mask = (mask & IN_MASK_ADD) !== 0 ? present.mask | kept : kept;
    return present.watch as i64;
  }
  if (!hasRoomForMark()) return -ENOSPC;
  const mark = addMark(instance, node, kept);
  return mark === null ? -ENOMEM : (mark.watch as i64);
}

/** inotify_add_watch(fd, path, mask). */
export function sysInotifyAddWatch(program: Program, regs: Utcb): i64 {
  const mask = regs.rdx as u32;
  if (mask === 0 || (mask & ~IN_KNOWN) !== 0) return -EINVAL;
  const file = fileAt(program.files, regs.rdi);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  if ((mask & (IN_MASK_ADD | IN_MASK_CREATE)) === (IN_MASK_ADD | IN_MASK_CREATE)) return -EINVAL;
  const instance = instanceAt(file);
  if (instance === null) return -EINVAL;
  const error = nodeAt(program, AT_FDCWD, regs.rsi, (mask & IN_DONT_FOLLOW) === 0);
  if (error !== 0) return error;
  const node = walkNode as Node;
  if ((mask & IN_ONLYDIR) !== 0 && node.kind !== KIND_DIRECTORY) return -ENOTDIR;
  const refused = permit(node, MAY_READ);
  return refused !== 0 ? refused : watchNode(instance, node, mask);
}

/** inotify_rm_watch(fd, watch). */
export function sysInotifyRmWatch(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  const instance = instanceAt(file);
  if (instance === null) return -EINVAL;
  const mark = markNumbered(instance, regs.rsi as i32);
  if (mark === null) return -EINVAL;
  endMark(mark);
  return 0;
}
