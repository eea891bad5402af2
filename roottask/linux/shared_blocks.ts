// FICLONE, FICLONERANGE and FIDEDUPERANGE of ioctl(2): files that are to share blocks (ioctl_ficlone(2),
// ioctl_fideduperange(2)). Files of no file system here can, so what is asked for is looked at, and then refused.

import { fileOf } from "../libroottask/descriptors";
import { EBADF, EFAULT, EINVAL, EISDIR, ENOMEM, EOPNOTSUPP, EXDEV } from "../libroottask/errno";
import { O_APPEND, O_PATH, OpenFile, readable, writable } from "../libroottask/open_file";
import { Thread } from "../libroottask/program";
import { copyFrom } from "../libroottask/space";
import { KIND_DIRECTORY, KIND_FILE } from "../libroottask/tree";

const FICLONE: u32 = 0x4004_9409;
const FICLONERANGE: u32 = 0x4020_940d;
const FIDEDUPERANGE: u32 = 0xc018_9436;
/** What is none of these. */
export const NO_SHARING_COMMAND: i64 = 1;

/** struct file_clone_range; struct file_dedupe_range without its targets, and each of those. */
const CLONE_BYTES: u32 = 32;
const DEDUPE_BYTES: u32 = 24;
const TARGET_BYTES: u32 = 32;
/** A page: more targets are not taken. */
const DEDUPE_MAX: u32 = 4096;
const argument = memory.data(4096, 8);

/** Files are of kinds, and open so, that one can be copied to the other: 0 or a negative error. */
export function checkCopy(input: OpenFile, output: OpenFile): i64 {
  if (input.node.kind === KIND_DIRECTORY || output.node.kind === KIND_DIRECTORY) return -EISDIR;
  if (input.node.kind !== KIND_FILE || output.node.kind !== KIND_FILE) return -EINVAL;
  if (!readable(input) || !writable(output) || (output.flags & O_APPEND) !== 0) return -EBADF;
  return 0;
}

/** Both are of one file system. What is in none has one for its kind: pipes, sockets, files of memfd_create(2). */
function inOneSystem(one: OpenFile, other: OpenFile): bool {
  if (one.node.system !== other.node.system) return false;
  return one.node.system !== 0 || one.node.kind === other.node.kind;
}

/** FICLONE of what descriptor `fd` has: vfs_clone_file_range() of Linux. */
function clone(thread: Thread, output: OpenFile, fd: u64): i64 {
  const input = fileOf(thread, fd);
  if (input === null || (input.flags & O_PATH) !== 0) return -EBADF;
  if (!inOneSystem(input, output)) return -EXDEV;
  const error = checkCopy(input, output);
  return error !== 0 ? error : -EOPNOTSUPP;
}

/** FIDEDUPERANGE: vfs_dedupe_file_range() of Linux. */
function dedupe(thread: Thread, input: OpenFile, address: u64): i64 {
  const space = thread.program.space;
  if (!copyFrom(space, argument, address, DEDUPE_BYTES)) return -EFAULT;
  const bytes = DEDUPE_BYTES + (load<u16>(argument + 16) as u32) * TARGET_BYTES;
  if (bytes > DEDUPE_MAX) return -ENOMEM;
  if (!copyFrom(space, argument, address, bytes)) return -EFAULT;
  const reserved = (load<u16>(argument + 18) as u32) | load<u32>(argument + 20);
  if (!readable(input) || reserved !== 0) return -EINVAL;
  if (input.node.kind === KIND_DIRECTORY) return -EISDIR;
  return input.node.kind === KIND_FILE ? -EOPNOTSUPP : -EINVAL;
}

/** ioctl(fd, command, argument) where it is about shared blocks: a negative error, or NO_SHARING_COMMAND. */
export function sharingIoctl(thread: Thread, file: OpenFile, command: u32, value: u64): i64 {
  switch (command) {
    case FICLONE:
      return clone(thread, file, value as u32 as u64);
    case FICLONERANGE:
      if (!copyFrom(thread.program.space, argument, value, CLONE_BYTES)) return -EFAULT;
      return clone(thread, file, load<u64>(argument) as u32 as u64);
    case FIDEDUPERANGE:
      return dedupe(thread, file, value);
    default:
      return NO_SHARING_COMMAND;
  }
}
