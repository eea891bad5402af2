// Clocks, randomness, signals, the program's end, and the sockets that no program has: WASI preview 1's clock_*,
// random_get, sched_yield, proc_* and sock_*.

import {
  call2,
  call3,
  exit,
  SYS_CLOCK_GETRES,
  SYS_CLOCK_GETTIME,
  SYS_GETPID,
  SYS_GETRANDOM,
  SYS_KILL,
  SYS_SCHED_YIELD,
} from "./calls";
import { find } from "./descriptors";
import { E2BIG, EINVAL, ENOSYS, ENOTSUP, EOVERFLOW, errorOf, SUCCESS } from "./errno";
import { FDFLAGS_NONBLOCK } from "./files";
import { SOCKET } from "./rights";
import { absolute, isInside, scratch, WORDS } from "./scratch";
import { load64 } from "./x86";

const CLOCK_THREAD_CPUTIME: u32 = 3;
const SDFLAGS_WR: u32 = 2;

/** Stores the nanoseconds that a clock call answers. */
function clock(call: u64, id: u32, at: u32): i32 {
  if (!isInside(at, 8)) return EOVERFLOW;
  if (id > CLOCK_THREAD_CPUTIME) return EINVAL;
  const words = scratch(WORDS);
  const error = errorOf(call2(call, id, words));
  if (error === SUCCESS) store<u64>(at, load64(words) * 1000000000 + load64(words + 8));
  return error;
}

export function clock_time_get(id: u32, precision: u64, at: u32): i32 {
  return clock(SYS_CLOCK_GETTIME, id, at);
}

export function clock_res_get(id: u32, at: u32): i32 {
  return clock(SYS_CLOCK_GETRES, id, at);
}

export function random_get(buffer: u32, length: u32): i32 {
  if (!isInside(buffer, length)) return EOVERFLOW;
  if (length > 0x7fffffff) return E2BIG;
  let done: u32 = 0;
  while (done < length) {
    const result = call3(SYS_GETRANDOM, absolute(buffer + done), length - done, 0);
    // EINTR
    if (result === -4) continue;
    if (result < 0) return errorOf(result);
    done += <u32>result;
  }
  return SUCCESS;
}

export function sched_yield(): i32 {
  return errorOf(call2(SYS_SCHED_YIELD, 0, 0));
}

export function proc_exit(status: u32): void {
  exit(status);
}

/** WASI's numbers are those of Linux up to SIGTERM, then one less: it has no SIGSTKFLT. */
export function proc_raise(signal: u32): i32 {
  const SIGTERM: u32 = 15;
  const SIGVTALRM: u32 = 25;
  const SIGSYS: u32 = 30;
  if (signal === 0 || (signal > SIGVTALRM && signal !== SIGSYS)) return ENOSYS;
  const number = signal > SIGTERM ? signal + 1 : signal;
  return errorOf(call2(SYS_KILL, call2(SYS_GETPID, 0, 0), number));
}

/** What every call of a socket answers. */
function socket(fd: u32): i32 {
  const error = find(fd, SOCKET);
  return error !== SUCCESS ? error : ENOTSUP;
}

export function sock_accept(fd: u32, flags: u32, at: u32): i32 {
  return (flags & 0xffff & ~FDFLAGS_NONBLOCK) !== 0 ? ENOTSUP : socket(fd);
}

export function sock_recv(fd: u32, iovecs: u32, count: u32, flags: u32, at: u32, out: u32): i32 {
  if (!isInside(iovecs, (<u64>count) << 3) || !isInside(at, 4) || !isInside(out, 4)) {
    return EOVERFLOW;
  }
  return (flags & 0xffff) !== 0 ? ENOTSUP : socket(fd);
}

export function sock_send(fd: u32, iovecs: u32, count: u32, flags: u32, at: u32): i32 {
  if (!isInside(iovecs, (<u64>count) << 3) || !isInside(at, 4)) return EOVERFLOW;
  return socket(fd);
}

/** `how` is RD, WR, or both; Node takes WR alone. */
export function sock_shutdown(fd: u32, how: u32): i32 {
  return (how & 0xff & ~SDFLAGS_WR) !== 0 ? ENOTSUP : socket(fd);
}
