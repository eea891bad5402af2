// Descriptors themselves: close(2), dup(2), fcntl(2), ioctl(2), lseek(2), ftruncate(2), fallocate(2), and
// the calls that ask for order on a disk, of which there is none.

import { Utcb } from "../libhedron/utcb";
import { flushAll } from "../libroottask/block_device";
import {
  closeFile,
  closeOnExec,
  FILES_MAX,
  fileAt,
  fileOf,
  filesRoom,
  installFile,
  replaceFile,
  setCloseOnExec,
  usableFileAt,
} from "../libroottask/descriptors";
import { mayOwnFiles, ownFiles } from "../libroottask/domain";
import { EBADF, EFAULT, EINVAL, EMFILE, ENOMEM, EPERM, ESPIPE } from "../libroottask/errno";
import { isAppendOnly } from "../libroottask/file_flags";
import {
  allocateFile,
  O_APPEND,
  O_ASYNC,
  O_CLOEXEC,
  O_NOATIME,
  O_NONBLOCK,
  O_PATH,
  O_SETTABLE,
  OpenFile,
  readable,
  seekFile,
  truncateFile,
  writable,
} from "../libroottask/open_file";
import { owns } from "../libroottask/permission";
import { Program, Thread } from "../libroottask/program";
import { addSeals } from "../libroottask/seals";
import { get32, got, put32 } from "../libroottask/space";
import { KIND_BLOCK, KIND_DIRECTORY, KIND_FILE, KIND_PIPE } from "../libroottask/tree";
import { notifyOfDirectory } from "./directory_signals";
import { flagsIoctl, NO_FLAGS_COMMAND } from "./file_flags";
import {
  asyncIoctl,
  fileSignal,
  NO_OWNER_COMMAND,
  ownerIoctl,
  ownerNumber,
  setAsync,
  setFileSignal,
  setOwnerNumber,
  setOwnerStructure,
  tellOwner,
} from "./file_signals";
import { leaseType, setLease } from "./leases";
import { pipeSize, setPipeSize } from "./pipe";
import { isRecordCommand, recordLock } from "./record_locks";
import { NO_SHARING_COMMAND, sharingIoctl } from "./shared_blocks";
import { sizeResult } from "./signals";
import { blockSizeOf } from "./stat";

const CLOSE_RANGE_UNSHARE: u64 = 2;
const CLOSE_RANGE_CLOEXEC: u64 = 4;

const F_DUPFD: u32 = 0;
const F_GETFD: u32 = 1;
const F_SETFD: u32 = 2;
const F_GETFL: u32 = 3;
const F_SETFL: u32 = 4;
const F_SETOWN: u32 = 8;
const F_GETOWN: u32 = 9;
const F_SETSIG: u32 = 10;
const F_GETSIG: u32 = 11;
const F_SETOWN_EX: u32 = 15;
const F_GETOWN_EX: u32 = 16;
const F_SETLEASE: u32 = 1024;
const F_GETLEASE: u32 = 1025;
const F_NOTIFY: u32 = 1026;
const F_DUPFD_CLOEXEC: u32 = 1030;
const F_SETPIPE_SZ: u32 = 1031;
const F_GETPIPE_SZ: u32 = 1032;
const F_ADD_SEALS: u32 = 1033;
const F_GET_SEALS: u32 = 1034;
const FD_CLOEXEC: u64 = 1;

/** Of every file, include/uapi/asm-generic/ioctls.h. */
/** Whatever the file is (include/uapi/linux/fs.h). */
const FIGETBSZ: u32 = 2;
const FIONBIO: u32 = 0x5421;
const FIOASYNC: u32 = 0x5452;
const FIONCLEX: u32 = 0x5450;
const FIOCLEX: u32 = 0x5451;

/** lseek(fd, offset, whence). */
export function sysLseek(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  return file === null ? -EBADF : seekFile(file, regs.rsi as i64, regs.rdx as u32);
}

/** close(fd). */
export function sysClose(program: Program, regs: Utcb): i64 {
  return closeFile(program.files, regs.rdi);
}

/** close_range(first, last, flags). */
export function sysCloseRange(thread: Thread, regs: Utcb): i64 {
  const first = regs.rdi as u32;
  const last = regs.rsi as u32;
  const known = CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC;
  if (first > last || (regs.rdx & 0xffff_ffff & ~known) !== 0) return -EINVAL;
  const unshares = (regs.rdx & CLOSE_RANGE_UNSHARE) !== 0;
  // What is closed up to the last one is not copied.
  const closesRest = (regs.rdx & CLOSE_RANGE_CLOEXEC) === 0 && last >= filesRoom(thread.files);
  if (unshares && !mayOwnFiles(thread, closesRest ? first : FILES_MAX)) return -EMFILE;
  if (unshares && !ownFiles(thread)) return -ENOMEM;
  const files = thread.files;
  for (let fd = first; fd <= last && fd < filesRoom(files); fd++) {
    if (fileAt(files, fd as u64) === null) continue;
    if ((regs.rdx & CLOSE_RANGE_CLOEXEC) !== 0) setCloseOnExec(files, fd, true);
    else closeFile(files, fd as u64);
  }
  return 0;
}

/** dup(fd). */
export function sysDup(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  return file === null ? -EBADF : installFile(program.files, file, 0, program.filesLimit, false);
}

function duplicateTo(program: Program, from: u64, to: u32, closing: bool): i64 {
  const file = fileAt(program.files, from);
  if (file === null || to >= program.filesLimit) return -EBADF;
  const error = replaceFile(program.files, file, to, closing);
  return error !== 0 ? error : (to as i64);
}

/** dup2(fd, fd). */
export function sysDup2(program: Program, regs: Utcb): i64 {
  const to = regs.rsi as u32;
  if ((regs.rdi as u32) === to) {
    return fileAt(program.files, regs.rdi) === null ? -EBADF : (to as i64);
  }
  return duplicateTo(program, regs.rdi, to, false);
}

/** dup3(fd, fd, flags). */
export function sysDup3(program: Program, regs: Utcb): i64 {
  const flags = regs.rdx as u32;
  if ((regs.rdi as u32) === (regs.rsi as u32) || (flags & ~O_CLOEXEC) !== 0) return -EINVAL;
  return duplicateTo(program, regs.rdi, regs.rsi as u32, flags !== 0);
}

/** Sets the flags that fcntl and FIONBIO may change to `wanted` of `settable`. */
function setFlags(file: OpenFile, settable: u32, wanted: u32): i64 {
  file.flags = (file.flags & ~settable) | (wanted & settable);
  return 0;
}

/** F_SETFL of `wanted` is allowed: what only grows is appended to, and others' times of access are theirs. */
function maySetFlags(file: OpenFile, wanted: u32): bool {
  const changed = file.flags ^ wanted;
  if ((changed & O_APPEND) !== 0 && isAppendOnly(file.node)) return false;
  return (changed & wanted & O_NOATIME) === 0 || owns(file.node);
}

/** F_ADD_SEALS. */
function seal(file: OpenFile, seals: u32): i64 {
  if (!writable(file)) return -EPERM;
  return file.node.kind === KIND_FILE ? addSeals(file.node, seals) : -EINVAL;
}

/** fcntl(fd, command, argument). */
export function sysFcntl(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const file = fileOf(thread, regs.rdi);
  if (file === null) return -EBADF;
  const fd = regs.rdi as u32;
  const command = regs.rsi as u32;
  switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC: {
      const limit = program.filesLimit;
      if ((regs.rdx & 0xffff_ffff) >= (limit as u64)) return -EINVAL;
      const closing = command === F_DUPFD_CLOEXEC;
      return installFile(program.files, file, regs.rdx as u32, limit, closing);
    }
    case F_GETFD:
      return closeOnExec(program.files, fd) ? (FD_CLOEXEC as i64) : 0;
    case F_SETFD:
      setCloseOnExec(program.files, fd, (regs.rdx & FD_CLOEXEC) !== 0);
      return 0;
    case F_GETFL:
      return file.flags as i64;
    default:
      if ((file.flags & O_PATH) !== 0) return -EBADF;
  }
  if (command === F_SETFL) {
    if (!maySetFlags(file, regs.rdx as u32)) return -EPERM;
    const error = setAsync(file, fd, (regs.rdx & (O_ASYNC as u64)) !== 0);
    return error !== 0 ? error : setFlags(file, O_SETTABLE, regs.rdx as u32);
  }
  if (command === F_SETPIPE_SZ) return setPipeSize(file, regs.rdx as u32);
  if (command === F_GETPIPE_SZ) return pipeSize(file);
  if (command === F_GETOWN) return ownerNumber(thread, file);
  if (command === F_SETOWN) return setOwnerNumber(thread, file, regs.rdx as i32);
  if (command === F_SETOWN_EX) return setOwnerStructure(thread, file, regs.rdx);
  if (command === F_GETOWN_EX) return tellOwner(thread, file, regs.rdx);
  if (command === F_SETLEASE) return setLease(thread, file, fd, regs.rdx as u32);
  if (command === F_GETLEASE) return leaseType(file);
  if (command === F_NOTIFY) return notifyOfDirectory(thread, file, fd, regs.rdx as u32);
  if (command === F_SETSIG) return setFileSignal(file, regs.rdx as u32);
  if (command === F_GETSIG) return fileSignal(file);
  if (command === F_ADD_SEALS) return seal(file, regs.rdx as u32);
  if (command === F_GET_SEALS) {
    return file.node.kind === KIND_FILE ? (file.node.seals as i64) : -EINVAL;
  }
  return isRecordCommand(command) ? recordLock(thread, file, command, regs.rdx) : -EINVAL;
}

/** ioctl(fd, command, argument): what every file knows; the rest is its kind's. */
export function sysIoctl(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const file = fileOf(thread, regs.rdi);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  const command = regs.rsi as u32;
  if (command === FIOCLEX || command === FIONCLEX) {
    setCloseOnExec(program.files, regs.rdi as u32, command === FIOCLEX);
    return 0;
  }
  if (command === FIONBIO) {
    if (!get32(program.space, regs.rdx)) return -EFAULT;
    return setFlags(file, O_NONBLOCK, got !== 0 ? O_NONBLOCK : 0);
  }
  if (command === FIGETBSZ) {
    return put32(program.space, regs.rdx, blockSizeOf(file.node)) ? 0 : -EFAULT;
  }
  if (command === FIOASYNC) return asyncIoctl(program, file, regs.rdi as u32, regs.rdx);
  const owner = ownerIoctl(thread, file, command, regs.rdx);
  if (owner !== NO_OWNER_COMMAND) return owner;
  const flagged = flagsIoctl(program.space, file, command, regs.rdx);
  if (flagged !== NO_FLAGS_COMMAND) return flagged;
  const shared = sharingIoctl(thread, file, command, regs.rdx);
  if (shared !== NO_SHARING_COMMAND) return shared;
  const ioctl = file.operations.ioctl;
  return ioctl(thread, file, command, regs.rdx);
}

/** fsync(2), fdatasync(2): files, directories and block devices; nothing else can be asked for. */
export function sysFsync(thread: Thread, regs: Utcb): i64 {
  const file = fileOf(thread, regs.rdi);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  const kind = file.node.kind;
  if (kind !== KIND_FILE && kind !== KIND_DIRECTORY && kind !== KIND_BLOCK) return -EINVAL;
  const flush = file.operations.flush;
  return flush(thread, file);
}

/** sync(2): of all block devices; whatever fails there is not told. */
export function sysSync(thread: Thread, _regs: Utcb): i64 {
  flushAll(thread);
  return 0;
}

/** syncfs(2): as fsync, of everything. */
export function sysSyncfs(program: Program, regs: Utcb): i64 {
  return usableFileAt(program.files, regs.rdi) === null ? -EBADF : 0;
}

/** Last advice of posix_fadvise(2). */
const FADV_NOREUSE: u64 = 5;

/** fadvise64(fd, offset, length, advice): there is nothing that could be fetched ahead. */
export function sysFadvise(program: Program, regs: Utcb): i64 {
  const file = usableFileAt(program.files, regs.rdi);
  if (file === null) return -EBADF;
  if (file.node.kind === KIND_PIPE) return -ESPIPE;
  return (regs.rdx as i64) < 0 || regs.r10 > FADV_NOREUSE ? -EINVAL : 0;
}

/** readahead(fd, offset, count): as with advice, there is nothing that could be fetched ahead. */
export function sysReadahead(program: Program, regs: Utcb): i64 {
  const file = usableFileAt(program.files, regs.rdi);
  if (file === null || !readable(file)) return -EBADF;
  return file.node.kind === KIND_FILE && (regs.rdx as i64) >= 0 ? 0 : -EINVAL;
}

/** SYNC_FILE_RANGE_WAIT_BEFORE, _WRITE, _WAIT_AFTER. */
const SYNC_FLAGS: u64 = 7;

/** sync_file_range(fd, offset, count, flags): what is written has been passed on; no disk is told, as on Linux. */
export function sysSyncFileRange(program: Program, regs: Utcb): i64 {
  const file = usableFileAt(program.files, regs.rdi);
  if (file === null) return -EBADF;
  const start = regs.rsi as i64;
  const end = (regs.rsi + regs.rdx) as i64;
  if ((regs.r10 & ~SYNC_FLAGS) !== 0 || start < 0 || end < start) return -EINVAL;
  const kind = file.node.kind;
  return kind === KIND_FILE || kind === KIND_DIRECTORY || kind === KIND_BLOCK ? 0 : -ESPIPE;
}

/** ftruncate(fd, length). */
export function sysFtruncate(thread: Thread, regs: Utcb): i64 {
  const size = regs.rsi as i64;
  if (size < 0) return -EINVAL;
  const file = fileOf(thread, regs.rdi);
  if (file === null) return -EBADF;
  return sizeResult(thread, truncateFile(thread, file, size));
}

/** fallocate(fd, mode, offset, length). */
export function sysFallocate(thread: Thread, regs: Utcb): i64 {
  const file = fileOf(thread, regs.rdi);
  if (file === null) return -EBADF;
  const mode = regs.rsi as u32;
  const result = allocateFile(thread, file, mode, regs.rdx as i64, regs.r10 as i64);
  return sizeResult(thread, result);
}
