// seccomp(2), and PR_SET_SECCOMP of prctl(2): strict mode, and filters. Left out: listeners (SECCOMP_FILTER_FLAG_NEW_LISTENER),
// so that SECCOMP_RET_USER_NOTIF is answered as where nobody listens; calls are not logged.

import { Utcb } from "../../libhedron/utcb";
import {
  dropProgram,
  INSTRUCTION_BYTES,
  INSTRUCTIONS_MAX,
  newProgramRoom,
} from "../../libroottask/classic_bpf";
import { CAP_SYS_ADMIN, capable } from "../../libroottask/credentials";
import { EACCES, EFAULT, EINVAL, ENOMEM, EOPNOTSUPP, ESRCH } from "../../libroottask/errno";
import { bypassMediator } from "../../libroottask/mediator";
import { seenId } from "../../libroottask/pid_numbers";
import { Thread } from "../../libroottask/program";
import { copyFrom, copyTo, get32, got } from "../../libroottask/space";
import { linuxThread } from "../state";
import { isFilterProgram } from "./filter_program";
import { addFilter, descends, shareFilters } from "./filters";
import {
  MODE_FILTER,
  MODE_NONE,
  MODE_STRICT,
  RET_ALLOW,
  RET_ERRNO,
  RET_KILL_PROCESS,
  RET_KILL_THREAD,
  RET_LOG,
  RET_TRACE,
  RET_TRAP,
  RET_USER_NOTIF,
} from "./numbers";

/** Operations of seccomp(2). */
const SET_MODE_STRICT: u32 = 0;
const SET_MODE_FILTER: u32 = 1;
const GET_ACTION_AVAIL: u32 = 2;
const GET_NOTIF_SIZES: u32 = 3;

/** SECCOMP_FILTER_FLAG_…: for all threads, LOG, SPEC_ALLOW, and to say ESRCH of a thread that is in the way. */
const FLAG_TSYNC: u32 = 1;
const FLAG_TSYNC_ESRCH: u32 = 16;
const FLAGS: u32 = FLAG_TSYNC | 2 | 4 | FLAG_TSYNC_ESRCH;

/** struct sock_fprog: a length of 16 bits, and at 8 an address. */
const FPROG_BYTES: u32 = 16;
/** struct seccomp_notif, seccomp_notif_resp and seccomp_data: bytes, 16 bits each. */
const NOTIF_SIZES: u64 = 80 | (24 << 16) | (64 << 32);

const buffer = memory.data(16);

/** `thread` may be watched by `mode` from now on. */
function mayAssign(thread: Thread, mode: u32): bool {
  const now = linuxThread(thread).seccomp;
  return now === MODE_NONE || now === mode;
}

function setStrict(thread: Thread): i64 {
  if (!mayAssign(thread, MODE_STRICT)) return -EINVAL;
  linuxThread(thread).seccomp = MODE_STRICT;
  bypassMediator(thread);
  return 0;
}

/** Id of a thread beside `thread` that has filters which that has not, 0 for none. */
function strangerTo(thread: Thread): u32 {
  let other = thread.program.threads;
  while (other !== null) {
    const mode = linuxThread(other).seccomp;
    const alike = mode === MODE_NONE || (mode === MODE_FILTER && descends(thread, other));
    if (other !== thread && !alike) return seenId(other.id);
    other = other.next;
  }
  return 0;
}

/** All threads beside `thread` get its filters, and what it may not gain. */
function synchronize(thread: Thread): void {
  const own = linuxThread(thread);
  let other = thread.program.threads;
  while (other !== null) {
    if (other !== thread) {
      shareFilters(other, thread);
      if (own.noNewPrivileges !== 0) linuxThread(other).noNewPrivileges = 1;
      bypassMediator(other);
    }
    other = other.next;
  }
}

/** Puts the checked filter of `length` instructions at `program` before those of `thread`; it is the thread's then. */
function attach(thread: Thread, program: usize, length: u32, flags: u32): i64 {
  if (!mayAssign(thread, MODE_FILTER)) return -EINVAL;
  if ((flags & FLAG_TSYNC) !== 0) {
    const stranger = strangerTo(thread);
    if (stranger !== 0) return (flags & FLAG_TSYNC_ESRCH) !== 0 ? -ESRCH : (stranger as i64);
  }
  if (!addFilter(thread, program, length)) return -ENOMEM;
  linuxThread(thread).seccomp = MODE_FILTER;
  bypassMediator(thread);
  if ((flags & FLAG_TSYNC) !== 0) synchronize(thread);
  return 0;
}

/** Adds the filter that struct sock_fprog at `address` tells of. */
function setFilter(thread: Thread, flags: u32, address: u64): i64 {
  if ((flags & ~FLAGS) !== 0) return -EINVAL;
  const space = thread.program.space;
  if (!copyFrom(space, buffer, address, FPROG_BYTES)) return -EFAULT;
  const length = load<u16>(buffer) as u32;
  const from = load<u64>(buffer + 8);
  if (length === 0 || length > INSTRUCTIONS_MAX) return -EINVAL;
  if (linuxThread(thread).noNewPrivileges === 0 && !capable(CAP_SYS_ADMIN)) return -EACCES;
  const program = newProgramRoom(length);
  if (program === 0) return -ENOMEM;
  let result: i64 = -EFAULT;
  if (copyFrom(space, program, from, length * INSTRUCTION_BYTES)) {
    result = isFilterProgram(program, length) ? attach(thread, program, length, flags) : -EINVAL;
  }
  if (result !== 0) dropProgram(program, length);
  return result;
}

function isAction(action: u32): bool {
  switch (action) {
    case RET_KILL_PROCESS:
    case RET_KILL_THREAD:
    case RET_TRAP:
    case RET_ERRNO:
    case RET_USER_NOTIF:
    case RET_TRACE:
    case RET_LOG:
    case RET_ALLOW:
      return true;
    default:
      return false;
  }
}

/** seccomp(operation, flags, arguments): 0, the id of a thread that is in the way, or a negative error. */
export function sysSeccomp(thread: Thread, regs: Utcb): i64 {
  const space = thread.program.space;
  const flags = regs.rsi as u32;
  const address = regs.rdx;
  switch (regs.rdi as u32) {
    case SET_MODE_STRICT:
      return flags !== 0 || address !== 0 ? -EINVAL : setStrict(thread);
    case SET_MODE_FILTER:
      return setFilter(thread, flags, address);
    case GET_ACTION_AVAIL:
      if (flags !== 0) return -EINVAL;
      if (!get32(space, address)) return -EFAULT;
      return isAction(got as u32) ? 0 : -EOPNOTSUPP;
    case GET_NOTIF_SIZES:
      if (flags !== 0) return -EINVAL;
      store<u64>(buffer, NOTIF_SIZES);
      return copyTo(space, address, buffer, 6) ? 0 : -EFAULT;
    default:
      return -EINVAL;
  }
}

/** prctl(PR_SET_SECCOMP, mode, filter). */
export function setSeccomp(thread: Thread, mode: u64, filter: u64): i64 {
  if (mode === (MODE_STRICT as u64)) return setStrict(thread);
  return mode === (MODE_FILTER as u64) ? setFilter(thread, 0, filter) : -EINVAL;
}
