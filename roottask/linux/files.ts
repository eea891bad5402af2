// Descriptors: read(2), write(2), their vector and positional forms, lseek(2), close(2), dup(2), fcntl(2),
// ioctl(2), poll(2), select(2), sendfile(2). No file here ever blocks: standard input is at its end, output always goes through.

import { Utcb } from "../libhedron/utcb";
import { put } from "../libroottask/console";
import { EBADF, EFAULT, EFBIG, EINVAL, ENOTTY, ESPIPE } from "../libroottask/errno";
import {
  closeFile,
  closeOnExec,
  FILES_MAX,
  fileAt,
  installFile,
  isStream,
  O_APPEND,
  O_NONBLOCK,
  OpenFile,
  readable,
  readFile,
  readFileAt,
  replaceFile,
  seekFile,
  setCloseOnExec,
  writable,
  writeFile,
  writeFileAt,
} from "../libroottask/files";
import { Program, Thread } from "../libroottask/program";
import { copyFrom, copyTo, get64, got, put64 } from "../libroottask/space";
import {
  FILE_MAX,
  KIND_CONSOLE,
  KIND_DIRECTORY,
  KIND_FILE,
  Node,
  reserve,
  resize,
} from "../libroottask/tree";
import { sleep, timespec } from "./time";

const CLOEXEC: u64 = 0o2000000;
/** Largest transfer of one call, MAX_RW_COUNT of Linux. */
const TRANSFER_MAX: u64 = 0x7fff_f000;
const VECTORS_MAX: u64 = 1024;

const F_DUPFD: u32 = 0;
const F_GETFD: u32 = 1;
const F_SETFD: u32 = 2;
const F_GETFL: u32 = 3;
const F_SETFL: u32 = 4;
const F_GETLK: u32 = 5;
const F_SETLK: u32 = 6;
const F_SETLKW: u32 = 7;
const F_DUPFD_CLOEXEC: u32 = 1030;

const POLLIN: u32 = 1;
const POLLOUT: u32 = 4;
const POLLHUP: u32 = 16;
const POLLNVAL: u32 = 32;

const entry = memory.data(16);

/** read(fd, buffer, count). */
export function sysRead(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  if (file === null) return -EBADF;
  return readFile(program.space, file, regs.rsi, min<u64>(regs.rdx, TRANSFER_MAX));
}

/** write(fd, buffer, count). */
export function sysWrite(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  if (file === null) return -EBADF;
  return writeFile(program.space, file, regs.rsi, min<u64>(regs.rdx, TRANSFER_MAX));
}

/** pread64(fd, buffer, count, offset). */
export function sysPread(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  if (file === null) return -EBADF;
  const count = min<u64>(regs.rdx, TRANSFER_MAX);
  return readFileAt(program.space, file, regs.rsi, count, regs.r10 as i64);
}

/** pwrite64(fd, buffer, count, offset). */
export function sysPwrite(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  if (file === null) return -EBADF;
  const count = min<u64>(regs.rdx, TRANSFER_MAX);
  return writeFileAt(program.space, file, regs.rsi, count, regs.r10 as i64);
}

/** One piece of a vector transfer; `position` -1 is the file's own. */
function transfer(
  program: Program,
  file: OpenFile,
  address: u64,
  length: u64,
  position: i64,
  writing: bool,
): i64 {
  const space = program.space;
  if (position < 0) {
    return writing
      ? writeFile(space, file, address, length)
      : readFile(space, file, address, length);
  }
  return writing
    ? writeFileAt(space, file, address, length, position)
    : readFileAt(space, file, address, length, position);
}

/** readv(2), writev(2) and, with `position` not -1, preadv(2), pwritev(2). */
function vector(program: Program, regs: Utcb, position: i64, writing: bool): i64 {
  const file = fileAt(program.files, regs.rdi);
  if (file === null) return -EBADF;
  if (regs.rdx > VECTORS_MAX) return -EINVAL;
  if (position >= 0 && isStream(file.node)) return -ESPIPE;
  let done: i64 = 0;
  for (let i: u64 = 0; i < regs.rdx; i++) {
    if (!copyFrom(program.space, entry, regs.rsi + i * 16, 16)) {
      return done === 0 ? -EFAULT : done;
    }
    const address = load<u64>(entry);
    const length = load<u64>(entry + 8);
    if ((length as i64) < 0) return done === 0 ? -EINVAL : done;
    if (length === 0) continue;
    const piece = min<u64>(length, TRANSFER_MAX - (done as u64));
    const at = position < 0 ? -1 : position + done;
    const result = transfer(program, file, address, piece, at, writing);
    if (result < 0) return done === 0 ? result : done;
    done += result;
    if ((result as u64) < length) break;
  }
  return done;
}

export function sysReadv(program: Program, regs: Utcb): i64 {
  return vector(program, regs, -1, false);
}

export function sysWritev(program: Program, regs: Utcb): i64 {
  return vector(program, regs, -1, true);
}

/** preadv(fd, vector, count, low, high): on x86-64 the whole offset is in `low`. */
export function sysPreadv(program: Program, regs: Utcb): i64 {
  return (regs.r10 as i64) < 0 ? -EINVAL : vector(program, regs, regs.r10 as i64, false);
}

export function sysPwritev(program: Program, regs: Utcb): i64 {
  return (regs.r10 as i64) < 0 ? -EINVAL : vector(program, regs, regs.r10 as i64, true);
}

/** preadv2: offset -1 is the file's own position; flags are hints. */
export function sysPreadv2(program: Program, regs: Utcb): i64 {
  return vector(program, regs, max<i64>(regs.r10 as i64, -1), false);
}

export function sysPwritev2(program: Program, regs: Utcb): i64 {
  return vector(program, regs, max<i64>(regs.r10 as i64, -1), true);
}

/** lseek(fd, offset, whence). */
export function sysLseek(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  return file === null ? -EBADF : seekFile(file, regs.rsi as i64, regs.rdx as u32);
}

export function sysClose(program: Program, regs: Utcb): i64 {
  return closeFile(program.files, regs.rdi);
}

/** close_range(first, last, flags): flag 4 marks instead of closing. */
export function sysCloseRange(program: Program, regs: Utcb): i64 {
  const first = regs.rdi as u32;
  const last = regs.rsi as u32;
  if (first > last || (regs.rdx & ~(6 as u64)) !== 0) return -EINVAL;
  for (let fd = first; fd <= last && fd < FILES_MAX; fd++) {
    if (fileAt(program.files, fd as u64) === null) continue;
    if ((regs.rdx & 4) !== 0) setCloseOnExec(program.files, fd, true);
    else closeFile(program.files, fd as u64);
  }
  return 0;
}

export function sysDup(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  return file === null ? -EBADF : installFile(program.files, file, 0, false);
}

function duplicateTo(program: Program, from: u64, to: u64, closing: bool): i64 {
  const file = fileAt(program.files, from);
  if (file === null || (to & 0xffff_ffff) >= (FILES_MAX as u64)) return -EBADF;
  replaceFile(program.files, file, to as u32, closing);
  return (to & 0xffff_ffff) as i64;
}

export function sysDup2(program: Program, regs: Utcb): i64 {
  if ((regs.rdi as u32) === (regs.rsi as u32)) {
    return fileAt(program.files, regs.rdi) === null ? -EBADF : (regs.rsi as i64);
  }
  return duplicateTo(program, regs.rdi, regs.rsi, false);
}

export function sysDup3(program: Program, regs: Utcb): i64 {
  if ((regs.rdi as u32) === (regs.rsi as u32) || (regs.rdx & ~CLOEXEC) !== 0) return -EINVAL;
  return duplicateTo(program, regs.rdi, regs.rsi, regs.rdx !== 0);
}

/** fcntl(fd, command, argument). Locks always succeed: nobody else holds one. */
export function sysFcntl(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  if (file === null) return -EBADF;
  const fd = regs.rdi as u32;
  const command = regs.rsi as u32;
  if (command === F_DUPFD || command === F_DUPFD_CLOEXEC) {
    if (regs.rdx >= (FILES_MAX as u64)) return -EINVAL;
    return installFile(program.files, file, regs.rdx as u32, command === F_DUPFD_CLOEXEC);
  }
  if (command === F_GETFD) return closeOnExec(program.files, fd) ? 1 : 0;
  if (command === F_SETFD) {
    setCloseOnExec(program.files, fd, (regs.rdx & 1) !== 0);
    return 0;
  }
  if (command === F_GETFL) return file.flags as i64;
  if (command === F_SETFL) {
    const settable = O_APPEND | O_NONBLOCK;
    file.flags = (file.flags & ~settable) | ((regs.rdx as u32) & settable);
    return 0;
  }
  if (command === F_GETLK || command === F_SETLK || command === F_SETLKW) return 0;
  return -EINVAL;
}

/** ioctl: no descriptor is a terminal. */
export function sysIoctl(program: Program, regs: Utcb): i64 {
  return fileAt(program.files, regs.rdi) === null ? -EBADF : -ENOTTY;
}

/** fsync(2), fdatasync(2), syncfs(2), flock(2), fadvise64(2): nothing to do. */
export function sysNothing(program: Program, regs: Utcb): i64 {
  return fileAt(program.files, regs.rdi) === null ? -EBADF : 0;
}

export function resizeTo(node: Node, size: u64): i64 {
  if (node.kind !== KIND_FILE || size > (FILE_MAX as u64)) return -EINVAL;
  const error = reserve(node, max<u32>(size as u32, 1));
  return error === 0 ? resize(node, size as u32) : error;
}

/** ftruncate(fd, length). */
export function sysFtruncate(program: Program, regs: Utcb): i64 {
  const file = fileAt(program.files, regs.rdi);
  if (file === null) return -EBADF;
  return writable(file) ? resizeTo(file.node, regs.rsi) : -EINVAL;
}

function eventsOf(file: OpenFile, wanted: u32): u32 {
  if (file.node.kind === KIND_CONSOLE && !writable(file)) return POLLHUP;
  return wanted & (POLLIN | POLLOUT);
}

function pollAll(program: Program, address: u64, count: u64): i64 {
  let ready: i64 = 0;
  if (count > (FILES_MAX as u64)) return -EINVAL;
  for (let i: u64 = 0; i < count; i++) {
    if (!copyFrom(program.space, entry, address + i * 8, 8)) return -EFAULT;
    const fd = load<i32>(entry);
    let events: u32 = 0;
    if (fd >= 0) {
      const file = fileAt(program.files, fd as u64);
      events = file === null ? POLLNVAL : eventsOf(file, load<u16>(entry + 4) as u32);
    }
    if (events !== 0) ready++;
    store<u16>(entry + 6, events as u16);
    if (!copyTo(program.space, address + i * 8, entry, 8)) return -EFAULT;
  }
  return ready;
}

/** poll(fds, count, milliseconds). */
export function sysPoll(thread: Thread, regs: Utcb): i64 {
  const ready = pollAll(thread.program, regs.rdi, regs.rsi);
  const wait = regs.rdx as i32;
  if (ready === 0 && wait > 0) sleep(thread, (wait as u64) * 1_000_000);
  return ready;
}

/** ppoll(fds, count, timespec, mask). */
export function sysPpoll(thread: Thread, regs: Utcb): i64 {
  const ready = pollAll(thread.program, regs.rdi, regs.rsi);
  if (ready !== 0 || regs.rdx === 0) return ready;
  const wait = timespec(thread.program, regs.rdx);
  if (wait < 0) return wait;
  sleep(thread, wait as u64);
  return 0;
}

/** The sets of select(2): one bit per descriptor, 1024 at most. */
const SET_BYTES: u32 = 128;
const set = memory.data(128);

/** Keeps the bits of the set at `address` whose descriptors are ready; their number, or a negative error. */
function selectSet(program: Program, address: u64, count: u32, event: u32): i64 {
  if (address === 0) return 0;
  const bytes = ((count + 63) / 64) * 8;
  if (!copyFrom(program.space, set, address, bytes)) return -EFAULT;
  let ready: i64 = 0;
  for (let fd: u32 = 0; fd < bytes * 8; fd++) {
    const slot = set + (fd >> 3);
    const mask = ((1 as u32) << (fd & 7)) as u8;
    if ((load<u8>(slot) & mask) === 0) continue;
    const file = fd < count ? fileAt(program.files, fd as u64) : null;
    if (fd < count && file === null) return -EBADF;
    if (file !== null && event !== 0) ready++;
    else store<u8>(slot, load<u8>(slot) & ~mask);
  }
  return copyTo(program.space, address, set, bytes) ? ready : -EFAULT;
}

function selectAll(program: Program, regs: Utcb): i64 {
  if ((regs.rdi as i32) < 0 || regs.rdi > ((SET_BYTES * 8) as u64)) return -EINVAL;
  const count = regs.rdi as u32;
  const readers = selectSet(program, regs.rsi, count, POLLIN);
  if (readers < 0) return readers;
  const writers = selectSet(program, regs.rdx, count, POLLOUT);
  if (writers < 0) return writers;
  const others = selectSet(program, regs.r10, count, 0);
  return others < 0 ? others : readers + writers;
}

/** select(count, readers, writers, others, timeval): every open file is ready. */
export function sysSelect(thread: Thread, regs: Utcb): i64 {
  const ready = selectAll(thread.program, regs);
  if (ready !== 0 || regs.r8 === 0) return ready;
  if (!copyFrom(thread.program.space, entry, regs.r8, 16)) return -EFAULT;
  const seconds = load<i64>(entry);
  const micros = load<i64>(entry + 8);
  if (seconds < 0 || micros < 0 || micros >= 1_000_000) return -EINVAL;
  return sleep(thread, (min<i64>(seconds, 1_000_000_000) * 1_000_000_000 + micros * 1000) as u64);
}

/** pselect6(count, readers, writers, others, timespec, mask). */
export function sysPselect(thread: Thread, regs: Utcb): i64 {
  const ready = selectAll(thread.program, regs);
  if (ready !== 0 || regs.r8 === 0) return ready;
  const wait = timespec(thread.program, regs.r8);
  return wait < 0 ? wait : sleep(thread, wait as u64);
}

/** Copies `length` bytes between files; `from` and `to` are positions, -1 the file's own. */
function copyBetween(input: OpenFile, output: OpenFile, from: i64, to: i64, length: u64): i64 {
  if (!readable(input) || !writable(output) || (output.flags & O_APPEND) !== 0) return -EBADF;
  if (input.node.kind !== KIND_FILE) return -EINVAL;
  const start = from < 0 ? input.position : from;
  if (start >= (input.node.size as i64)) return 0;
  const count = min<u64>(length, (input.node.size as u64) - (start as u64)) as u32;
  if (output.node.kind === KIND_CONSOLE) {
    put(input.node.data + (start as u32), count);
  } else if (output.node.kind === KIND_FILE) {
    const target = to < 0 ? output.position : to;
    if (target > (FILE_MAX as i64) || count > FILE_MAX - (target as u32)) return -EFBIG;
    const end = (target as u32) + count;
    const error = resize(output.node, max<u32>(end, output.node.size));
    if (error !== 0) return error;
    memory.copy(output.node.data + (target as u32), input.node.data + (start as u32), count);
    if (to < 0) output.position = end as i64;
  } else if (output.node.kind === KIND_DIRECTORY) {
    return -EBADF;
  }
  if (from < 0) input.position = start + (count as i64);
  return count as i64;
}

/** Reads the position at `address`, through `got`; -1 where there is none. */
function positionAt(program: Program, address: u64): i64 {
  if (address === 0) return -1;
  if (!get64(program.space, address)) return -EFAULT;
  return (got as i64) < 0 ? -EINVAL : (got as i64);
}

/** Moves the position at `address` on. */
function advance(program: Program, address: u64, position: i64, count: i64): void {
  if (address !== 0 && count > 0) put64(program.space, address, (position + count) as u64);
}

/** sendfile(out, in, position, count). */
export function sysSendfile(program: Program, regs: Utcb): i64 {
  const output = fileAt(program.files, regs.rdi);
  const input = fileAt(program.files, regs.rsi);
  if (output === null || input === null) return -EBADF;
  const from = positionAt(program, regs.rdx);
  if (from < -1) return from;
  const count = copyBetween(input, output, from, -1, min<u64>(regs.r10, TRANSFER_MAX));
  advance(program, regs.rdx, from, count);
  return count;
}

/** copy_file_range(in, position, out, position, count, flags). */
export function sysCopyFileRange(program: Program, regs: Utcb): i64 {
  const input = fileAt(program.files, regs.rdi);
  const output = fileAt(program.files, regs.rdx);
  if (output === null || input === null) return -EBADF;
  if (output.node.kind !== KIND_FILE) return -EINVAL;
  const from = positionAt(program, regs.rsi);
  if (from < -1) return from;
  const to = positionAt(program, regs.r10);
  if (to < -1) return to;
  const count = copyBetween(input, output, from, to, min<u64>(regs.r8, TRANSFER_MAX));
  advance(program, regs.rsi, from, count);
  advance(program, regs.r10, to, count);
  return count;
}
