// Locks of ranges of files: F_GETLK, F_SETLK, F_SETLKW of fcntl(2), and their F_OFD_ forms, as fs/locks.c checks them.

import {
  EAGAIN,
  EBADF,
  EDEADLK,
  EFAULT,
  EINTR,
  EINVAL,
  ENOLCK,
  EOVERFLOW,
} from "../libroottask/errno";
import {
  OpenFile,
  readable,
  SEEK_CUR,
  SEEK_END,
  SEEK_SET,
  writable,
} from "../libroottask/open_file";
import { seenId } from "../libroottask/pid_numbers";
import { Thread, WAIT_INTERRUPTED } from "../libroottask/program";
import {
  conflictingRecord,
  NOBODY,
  ownRecord,
  RECORD_NONE,
  RECORD_READ,
  RECORD_WRITE,
  RecordLock,
  recordChannel,
  setAwaitedRecord,
  setRecord,
  wouldDeadlock,
} from "../libroottask/record_locks";
import { copyFrom, copyTo } from "../libroottask/space";
import { sizeOf } from "../libroottask/tree";
import { waitForever } from "./wait";

const F_GETLK: u32 = 5;
const F_SETLKW: u32 = 7;
const F_OFD_GETLK: u32 = 36;
const F_OFD_SETLKW: u32 = 38;

/** struct flock: type, whence, start, length, process. Types are RECORD_…. */
const FLOCK_BYTES: u32 = 32;
const FLOCK_WHENCE: usize = 2;
const FLOCK_START: usize = 8;
const FLOCK_LENGTH: usize = 16;
const FLOCK_PID: usize = 24;
const flock = memory.data(32);

/** First and last byte of the range that `findRange` has found last. */
let first: u64 = 0;
let last: u64 = 0;

/** `command` of fcntl(2) is about record locks. */
export function isRecordCommand(command: u32): bool {
  return (command >= F_GETLK && command <= F_SETLKW) || isOwnCommand(command);
}

/** The lock belongs to the open file, not to the process. */
function isOwnCommand(command: u32): bool {
  return command >= F_OFD_GETLK && command <= F_OFD_SETLKW;
}

/** Works out the range of the struct flock that was read. Returns 0, -EINVAL or -EOVERFLOW. */
function findRange(file: OpenFile): i64 {
  const whence = load<u16>(flock + FLOCK_WHENCE) as u32;
  let base: i64 = 0;
  if (whence === SEEK_CUR) base = file.position;
  else if (whence === SEEK_END) base = sizeOf(file.node) as i64;
  else if (whence !== SEEK_SET) return -EINVAL;
  const offset = load<i64>(flock + FLOCK_START);
  const length = load<i64>(flock + FLOCK_LENGTH);
  if (offset > i64.MAX_VALUE - base) return -EOVERFLOW;
  const start = base + offset;
  if (start < 0) return -EINVAL;
  first = start as u64;
  last = i64.MAX_VALUE as u64;
  if (length > 0) {
    if (length - 1 > i64.MAX_VALUE - start) return -EOVERFLOW;
    last = (start + length - 1) as u64;
  } else if (length < 0) {
    if (start + length < 0) return -EINVAL;
    first = (start + length) as u64;
    last = (start - 1) as u64;
  }
  return 0;
}

/** F_GETLK and F_OFD_GETLK: tells of a lock that is in the way, or that there is none. */
function tell(thread: Thread, file: OpenFile, own: bool, address: u64): i64 {
  const type = load<u16>(flock) as u32;
  // An unlocked range asks for a lock of the open file itself.
  if (type > RECORD_WRITE && !(own && type === RECORD_NONE)) return -EINVAL;
  const error = findRange(file);
  if (error !== 0) return error;
  if (own && load<i32>(flock + FLOCK_PID) !== 0) return -EINVAL;
  const owner = own ? changetype<usize>(file) : thread.program.files;
  const found =
    type === RECORD_NONE
      ? ownRecord(file.node, owner, first, last)
      : conflictingRecord(file.node, owner, type, first, last);
  if (found === null) store<u16>(flock, RECORD_NONE as u16);
  else describe(found);
  return copyTo(thread.program.space, address, flock, FLOCK_BYTES) ? 0 : -EFAULT;
}

function describe(lock: RecordLock): void {
  store<u16>(flock, lock.type as u16);
  store<u16>(flock + FLOCK_WHENCE, SEEK_SET as u16);
  store<u64>(flock + FLOCK_START, lock.start);
  const open = lock.end === (i64.MAX_VALUE as u64);
  store<u64>(flock + FLOCK_LENGTH, open ? 0 : lock.end - lock.start + 1);
  const holder = lock.process;
  store<i32>(flock + FLOCK_PID, holder === NOBODY ? holder : (seenId(holder as u32) as i32));
}

/** Sets a lock, for which it may wait. */
function change(thread: Thread, file: OpenFile, own: bool, waits: bool): i64 {
  const error = findRange(file);
  if (error !== 0) return error;
  const type = load<u16>(flock) as u32;
  if (type > RECORD_NONE) return -EINVAL;
  if (type === RECORD_READ && !readable(file)) return -EBADF;
  if (type === RECORD_WRITE && !writable(file)) return -EBADF;
  if (own && load<i32>(flock + FLOCK_PID) !== 0) return -EINVAL;
  const node = file.node;
  const owner = own ? changetype<usize>(file) : thread.program.files;
  const process = own ? NOBODY : (thread.program.id as i32);
  const start = first;
  const end = last;
  while (type !== RECORD_NONE) {
    const other = conflictingRecord(node, owner, type, start, end);
    if (other === null) break;
    if (!waits) return -EAGAIN;
    if (!own && wouldDeadlock(owner, other.owner)) return -EDEADLK;
    setAwaitedRecord(thread, owner, other.owner);
    const outcome = waitForever(thread, recordChannel(node), 0);
    setAwaitedRecord(thread, 0, 0);
    if (outcome === WAIT_INTERRUPTED) return -EINTR;
  }
  return setRecord(node, owner, process, type, start, end) ? 0 : -ENOLCK;
}

/** A record lock by `command` of fcntl(2); struct flock is at `address`. May wait. */
export function recordLock(thread: Thread, file: OpenFile, command: u32, address: u64): i64 {
  if (!copyFrom(thread.program.space, flock, address, FLOCK_BYTES)) return -EFAULT;
  const own = isOwnCommand(command);
  if (command === F_GETLK || command === F_OFD_GETLK) return tell(thread, file, own, address);
  return change(thread, file, own, command === F_SETLKW || command === F_OFD_SETLKW);
}
