// FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IOC_FSGETXATTR and FS_IOC_FSSETXATTR of ioctl(2): ioctl_iflags(2), ioctl_fsx in
// xfsctl(3), with arguments read and checked in the order of Linux 6.1 (fs/ioctl.c). What the flags do is
// libroottask/file_flags.ts.

import { Space } from "../libroottask/areas";
import { CAP_LINUX_IMMUTABLE, capable } from "../libroottask/credentials";
import { EFAULT, EINVAL, ENOTTY, EOPNOTSUPP, EPERM, EROFS } from "../libroottask/errno";
import {
  FS_APPEND_FL,
  FS_IMMUTABLE_FL,
  FS_NOATIME_FL,
  FS_NODUMP_FL,
} from "../libroottask/file_flags";
import { markChanged } from "../libroottask/file_time";
import { isReadOnly } from "../libroottask/mount";
import { OpenFile } from "../libroottask/open_file";
import { owns } from "../libroottask/permission";
import { copyFrom, copyTo, get32, got, put32 } from "../libroottask/space";
import { isComputed, KIND_DIRECTORY, KIND_FILE, Node } from "../libroottask/tree";

const FS_IOC_GETFLAGS: u32 = 0x8008_6601;
const FS_IOC_SETFLAGS: u32 = 0x4008_6602;
const FS_IOC_FSGETXATTR: u32 = 0x801c_581f;
const FS_IOC_FSSETXATTR: u32 = 0x401c_5820;

/** Not one of these commands. */
export const NO_FLAGS_COMMAND: i64 = -515;

/** What a tmpfs lets be set. */
const SETTABLE: u32 = FS_IMMUTABLE_FL | FS_APPEND_FL | FS_NODUMP_FL | FS_NOATIME_FL;
/** FS_SYNC_FL, FS_DAX_FL and FS_PROJINHERIT_FL, which struct fsxattr has, too. */
const FS_SYNC_FL: u32 = 8;
const FS_DAX_FL: u32 = 0x0200_0000;
const FS_PROJINHERIT_FL: u32 = 0x2000_0000;

/** FS_XFLAG_… */
const XFLAG_IMMUTABLE: u32 = 8;
const XFLAG_APPEND: u32 = 0x10;
const XFLAG_SYNC: u32 = 0x20;
const XFLAG_NOATIME: u32 = 0x40;
const XFLAG_NODUMP: u32 = 0x80;
const XFLAG_PROJINHERIT: u32 = 0x200;
const XFLAG_EXTSIZE: u32 = 0x800;
const XFLAG_EXTSZINHERIT: u32 = 0x1000;
const XFLAG_DAX: u32 = 0x8000;
const XFLAG_COWEXTSIZE: u32 = 0x1_0000;
const XFLAGS_COMMON: u32 =
  XFLAG_SYNC |
  XFLAG_IMMUTABLE |
  XFLAG_APPEND |
  XFLAG_NODUMP |
  XFLAG_NOATIME |
  XFLAG_DAX |
  XFLAG_PROJINHERIT;

/** struct fsxattr: flags, hint of extents, their number, project, hint of extents that are copied, u32 each; then spare. */
const FSX_BYTES: u32 = 28;
const EXTENT_HINT: usize = 4;
const PROJECT: usize = 12;
const COPY_HINT: usize = 16;
const fsx = memory.data(28);
/** What no project is. */
const NO_PROJECT: u32 = 0xffff_ffff;

/** The flag `to` where `all` have `from`. */
function translated(all: u32, from: u32, to: u32): u32 {
  return (all & from) !== 0 ? to : 0;
}

function extendedOf(flags: u32): u32 {
  return (
    translated(flags, FS_IMMUTABLE_FL, XFLAG_IMMUTABLE) |
    translated(flags, FS_APPEND_FL, XFLAG_APPEND) |
    translated(flags, FS_NODUMP_FL, XFLAG_NODUMP) |
    translated(flags, FS_NOATIME_FL, XFLAG_NOATIME)
  );
}

function plainOf(extended: u32): u32 {
  return (
    translated(extended, XFLAG_IMMUTABLE, FS_IMMUTABLE_FL) |
    translated(extended, XFLAG_APPEND, FS_APPEND_FL) |
    translated(extended, XFLAG_NODUMP, FS_NODUMP_FL) |
    translated(extended, XFLAG_NOATIME, FS_NOATIME_FL) |
    translated(extended, XFLAG_SYNC, FS_SYNC_FL) |
    translated(extended, XFLAG_DAX, FS_DAX_FL) |
    translated(extended, XFLAG_PROJINHERIT, FS_PROJINHERIT_FL)
  );
}

/** The node has flags: of a file or a directory that is kept. */
function hasFlags(node: Node): bool {
  const kept = node.kind === KIND_DIRECTORY || (node.kind === KIND_FILE && node.operations === 0);
  return kept && !isComputed(node);
}

/** What `fsx` asks for beside flags: 0 or a negative error. */
function checkExtended(node: Node): i64 {
  let extended = load<u32>(fsx);
  if (load<u32>(fsx + PROJECT) === NO_PROJECT) return -EINVAL;
  if ((extended & XFLAG_EXTSIZE) !== 0 && node.kind !== KIND_FILE) return -EINVAL;
  if ((extended & XFLAG_EXTSZINHERIT) !== 0 && node.kind !== KIND_DIRECTORY) return -EINVAL;
  // Without a hint there is none to heed.
  if (load<u32>(fsx + EXTENT_HINT) === 0) extended &= ~(XFLAG_EXTSIZE | XFLAG_EXTSZINHERIT);
  if (load<u32>(fsx + COPY_HINT) === 0) extended &= ~XFLAG_COWEXTSIZE;
  const hints =
    load<u32>(fsx + EXTENT_HINT) | load<u32>(fsx + COPY_HINT) | load<u32>(fsx + PROJECT);
  return (extended & ~XFLAGS_COMMON) !== 0 || hints !== 0 ? -EOPNOTSUPP : 0;
}

/** Gives the node of `file` `flags`, and what `fsx` says where it is `extended`. Returns 0 or a negative error. */
function setFlags(file: OpenFile, flags: u32, extended: bool): i64 {
  const node = file.node;
  if (isReadOnly(file.mount)) return -EROFS;
  if (!hasFlags(node)) return -ENOTTY;
  if (!owns(node)) return -EPERM;
  const changed = (node.flags ^ flags) & (FS_APPEND_FL | FS_IMMUTABLE_FL);
  if (changed !== 0 && !capable(CAP_LINUX_IMMUTABLE)) return -EPERM;
  const wrong = extended ? checkExtended(node) : 0;
  if (wrong !== 0) return wrong;
  if ((flags & ~SETTABLE) !== 0) return -EOPNOTSUPP;
  node.flags = flags;
  markChanged(node);
  return 0;
}

function tellExtended(space: Space, node: Node, argument: u64): i64 {
  if (!hasFlags(node)) return -ENOTTY;
  memory.fill(fsx, 0, FSX_BYTES);
  store<u32>(fsx, extendedOf(node.flags));
  return copyTo(space, argument, fsx, FSX_BYTES) ? 0 : -EFAULT;
}

/** ioctl(fd, command, argument) where it is about flags of files: 0, a negative error, or NO_FLAGS_COMMAND. */
export function flagsIoctl(space: Space, file: OpenFile, command: u32, argument: u64): i64 {
  switch (command) {
    case FS_IOC_GETFLAGS:
      if (!hasFlags(file.node)) return -ENOTTY;
      return put32(space, argument, file.node.flags) ? 0 : -EFAULT;
    case FS_IOC_SETFLAGS:
      return get32(space, argument) ? setFlags(file, got as u32, false) : -EFAULT;
    case FS_IOC_FSGETXATTR:
      return tellExtended(space, file.node, argument);
    case FS_IOC_FSSETXATTR:
      if (!copyFrom(space, fsx, argument, FSX_BYTES)) return -EFAULT;
      return setFlags(file, plainOf(load<u32>(fsx)), true);
    default:
      return NO_FLAGS_COMMAND;
  }
}
