// openat2(2): open(2) whose flags are checked, and whose walk can be kept from leaving a directory or following links.
// fs/open.c, build_open_flags() and fs/namei.c of Linux 6.1.

import { Utcb } from "../libhedron/utcb";
import { E2BIG, EAGAIN, EINVAL, ENOENT } from "../libroottask/errno";
import {
  O_ACCMODE,
  O_APPEND,
  O_ASYNC,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECT,
  O_DIRECTORY,
  O_DSYNC,
  O_EXCL,
  O_LARGEFILE,
  O_NOATIME,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_SYNC,
  O_TMPFILE,
  O_TRUNC,
} from "../libroottask/open_file";
import { openPath } from "../libroottask/open_path";
import { Thread } from "../libroottask/program";
import { limitWalk, RESOLVE_BENEATH, RESOLVE_IN_ROOT } from "../libroottask/tree";
import { copyExtensible } from "./extensible_structure";
import { base, baseMount, findBase, path, readPath } from "./lookup";

/** struct open_how: flags, mode and RESOLVE_…, u64 each. */
const how = memory.data(24);
const HOW_BYTES: u32 = 24;
const MODE: usize = 8;
const RESOLVE: usize = 16;
/** Larger ones than a page are not looked at. */
const HOW_MOST: u64 = 4096;

/** A byte that no absolute path begins with. */
const relative = memory.data(1);

/** What is open already is enough: always so here, unless something is to be made or emptied. */
const RESOLVE_CACHED: u64 = 32;
const RESOLVE_KNOWN: u64 = 63;

const FLAGS_KNOWN: u32 =
  O_ACCMODE |
  O_CREAT |
  O_EXCL |
  O_NOCTTY |
  O_TRUNC |
  O_APPEND |
  O_NONBLOCK |
  O_DSYNC |
  O_ASYNC |
  O_DIRECT |
  O_LARGEFILE |
  O_DIRECTORY |
  O_NOFOLLOW |
  O_NOATIME |
  O_CLOEXEC |
  O_SYNC |
  O_PATH |
  O_TMPFILE;
/** What may be said with O_PATH. */
const PATH_FLAGS: u32 = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
/** A flag of the kernel's own that is taken out in silence (FMODE_NONOTIFY). */
const STRIPPED: u64 = 0x400_0000;

/** What `how` says makes sense: 0, -EINVAL or -EAGAIN. */
function checkHow(): i64 {
  const all = load<u64>(how) & ~STRIPPED;
  const mode = load<u64>(how + MODE);
  const resolve = load<u64>(how + RESOLVE);
  if ((all & ~(FLAGS_KNOWN as u64)) !== 0 || (resolve & ~RESOLVE_KNOWN) !== 0) return -EINVAL;
  const scopes = (RESOLVE_BENEATH | RESOLVE_IN_ROOT) as u64;
  if ((resolve & scopes) === scopes) return -EINVAL;
  const flags = all as u32;
  const makes = (flags & (O_CREAT | O_TMPFILE)) !== 0;
  if ((mode & ~(makes ? 0o7777 : 0)) !== 0) return -EINVAL;
  const temporary = (flags & O_TMPFILE) !== 0;
  if ((flags & O_DIRECTORY) !== 0 && (flags & O_CREAT) !== 0) return -EINVAL;
  if (temporary && ((flags & O_DIRECTORY) === 0 || (flags & O_ACCMODE) === O_RDONLY))
    return -EINVAL;
  if ((flags & O_PATH) !== 0 && (flags & ~PATH_FLAGS) !== 0) return -EINVAL;
  const changes = makes || (flags & O_TRUNC) !== 0;
  return changes && (resolve & RESOLVE_CACHED) !== 0 ? -EAGAIN : 0;
}

/** openat2(fd, path, how, size). */
export function sysOpenat2(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  if (regs.r10 < (HOW_BYTES as u64)) return -EINVAL;
  if (regs.r10 > HOW_MOST) return -E2BIG;
  let error = copyExtensible(program.space, how, HOW_BYTES, regs.rdx, regs.r10);
  if (error === 0) error = checkHow();
  if (error !== 0) return error;
  const length = readPath(program, path, regs.rsi);
  if (length < 0) return length;
  if (length === 0) return -ENOENT;
  const flags = (load<u64>(how) & ~STRIPPED) as u32;
  const mode = (load<u64>(how + MODE) as u32) & ~program.fs.umask;
  const resolve = load<u64>(how + RESOLVE) as u32;
  // With a root of its own, an absolute path begins at the descriptor, too.
  const seen = (resolve & RESOLVE_IN_ROOT) !== 0 ? relative : path;
  error = findBase(program, regs.rdi, seen, length as u32);
  if (error !== 0) return error;
  limitWalk(resolve);
  const fd = openPath(thread, baseMount, base, path, length as u32, flags, mode);
  // Where there was no walk at all.
  limitWalk(0);
  // A tmpfs keeps no names that are not there.
  return fd === -ENOENT && ((resolve as u64) & RESOLVE_CACHED) !== 0 ? -EAGAIN : fd;
}
