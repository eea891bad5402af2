// Times of files: utimensat(2), and what came before it: utime(2), utimes(2), futimesat(2).

import { Utcb } from "../libhedron/utcb";
import { MAY_WRITE } from "../libroottask/credentials";
import { fileAt } from "../libroottask/descriptors";
import { EBADF, EFAULT, EINVAL, EPERM, EROFS } from "../libroottask/errno";
import { IN_ACCESS, IN_ATTRIB, IN_MODIFY, noteFile } from "../libroottask/file_events";
import { isFixed, isImmutable } from "../libroottask/file_flags";
import { clockNanoseconds, clockSeconds, markChanged } from "../libroottask/file_time";
import { isReadOnly, Mount } from "../libroottask/mount";
import { O_PATH } from "../libroottask/open_file";
import { owns, permit } from "../libroottask/permission";
import { Program } from "../libroottask/program";
import { copyFrom } from "../libroottask/space";
import { Entry, Node } from "../libroottask/tree";
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  base,
  baseEntry,
  baseMount,
  nodeOrDescriptor,
} from "./lookup";

/** Two timespecs of a program. */
const times = memory.data(32);
const UTIME_NOW: i64 = 0x3fff_ffff;
const UTIME_OMIT: i64 = 0x3fff_fffe;
/** Bytes of struct timespec. */
const TIMESPEC: usize = 16;

/** The fraction of the timespec at `at` is one. */
function validTime(at: usize): bool {
  const fraction = load<i64>(at + 8);
  if (fraction === UTIME_NOW || fraction === UTIME_OMIT) return true;
  return fraction >= 0 && fraction < 1_000_000_000;
}

/** Both times that were read are valid. */
function validTimes(): bool {
  return validTime(times) && validTime(times + TIMESPEC);
}

/** Gives `node` the times that were read: its owner may, and whoever may write where both are the present. */
function setTimes(mount: Mount | null, node: Node, entry: Entry | null): i64 {
  if (isReadOnly(mount)) return -EROFS;
  const access = load<i64>(times + 8);
  const modification = load<i64>(times + TIMESPEC + 8);
  const now = access === UTIME_NOW && modification === UTIME_NOW;
  if (now ? isImmutable(node) : isFixed(node)) return -EPERM;
  if (!owns(node)) {
    if (!now) return -EPERM;
    const refused = permit(node, MAY_WRITE);
    if (refused !== 0) return refused;
  }
  markChanged(node);
  if (access !== UTIME_OMIT) {
    node.accessTime = access === UTIME_NOW ? clockSeconds : load<i64>(times);
    node.accessNanoseconds = access === UTIME_NOW ? clockNanoseconds : (access as u32);
  }
  if (modification !== UTIME_OMIT) {
    node.time = modification === UTIME_NOW ? clockSeconds : load<i64>(times + TIMESPEC);
    node.nanoseconds = modification === UTIME_NOW ? clockNanoseconds : (modification as u32);
  }
  let event = IN_ATTRIB;
  if (modification === UTIME_OMIT) event = IN_ACCESS;
  else if (access === UTIME_OMIT) event = IN_MODIFY;
  noteFile(node, entry, event);
  return 0;
}

/** utimensat(fd, path, times, flags): times of access and modification; without a path those of the descriptor. */
export function sysUtimensat(program: Program, regs: Utcb): i64 {
  if (regs.rdx !== 0) {
    if (!copyFrom(program.space, times, regs.rdx, 2 * (TIMESPEC as u32))) return -EFAULT;
    if (load<i64>(times + 8) === UTIME_OMIT && load<i64>(times + TIMESPEC + 8) === UTIME_OMIT) {
      return 0;
    }
  } else {
    store<i64>(times + 8, UTIME_NOW);
    store<i64>(times + TIMESPEC + 8, UTIME_NOW);
  }
  if (regs.rsi === 0 && (regs.rdi as i32) !== (AT_FDCWD as i32)) {
    const file = fileAt(program.files, regs.rdi);
    if (regs.r10 !== 0) return -EINVAL;
    if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
    return validTimes() ? setTimes(file.mount, file.node, file.entry) : -EINVAL;
  }
  if ((regs.r10 & ~(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH)) !== 0) return -EINVAL;
  if (regs.rsi === 0) return -EFAULT;
  const error = nodeOrDescriptor(program, regs.rdi, regs.rsi, regs.r10);
  if (error !== 0) return error;
  return validTimes() ? setTimes(baseMount, base, baseEntry) : -EINVAL;
}

/** Both times are the present. */
function takeNow(): void {
  store<i64>(times + 8, UTIME_NOW);
  store<i64>(times + TIMESPEC + 8, UTIME_NOW);
}

/** Gives the file at `path` seen from `fd`, or `fd` itself where there is no path, the times that were read. */
function setTimesAt(program: Program, fd: u64, path: u64): i64 {
  if (path === 0 && (fd as i32) !== (AT_FDCWD as i32)) {
    const file = fileAt(program.files, fd);
    return file === null || (file.flags & O_PATH) !== 0
      ? -EBADF
      : setTimes(file.mount, file.node, file.entry);
  }
  const error = nodeOrDescriptor(program, fd, path, 0);
  return error === 0 ? setTimes(baseMount, base, baseEntry) : error;
}

/** utime(path, times): two times in seconds. */
export function sysUtime(program: Program, regs: Utcb): i64 {
  if (regs.rsi === 0) {
    takeNow();
  } else {
    if (!copyFrom(program.space, times, regs.rsi, 16)) return -EFAULT;
    store<i64>(times + TIMESPEC, load<i64>(times + 8));
    store<i64>(times + 8, 0);
    store<i64>(times + TIMESPEC + 8, 0);
  }
  return setTimesAt(program, AT_FDCWD, regs.rdi);
}

/** Two times at `address` in seconds and microseconds, for `times`: 0 or a negative error. */
function readTimevals(program: Program, address: u64): i64 {
  if (address === 0) {
    takeNow();
    return 0;
  }
  if (!copyFrom(program.space, times, address, 2 * (TIMESPEC as u32))) return -EFAULT;
  for (let at = times; at <= times + TIMESPEC; at += TIMESPEC) {
    const micros = load<i64>(at + 8);
    if (micros < 0 || micros >= 1_000_000) return -EINVAL;
    store<i64>(at + 8, micros * 1000);
  }
  return 0;
}

/** futimesat(fd, path, times). */
export function sysFutimesat(program: Program, regs: Utcb): i64 {
  const error = readTimevals(program, regs.rdx);
  return error === 0 ? setTimesAt(program, regs.rdi, regs.rsi) : error;
}

/** utimes(path, times). */
export function sysUtimes(program: Program, regs: Utcb): i64 {
  const error = readTimevals(program, regs.rsi);
  return error === 0 ? setTimesAt(program, AT_FDCWD, regs.rdi) : error;
}
