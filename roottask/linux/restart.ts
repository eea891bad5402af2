// Calls that a signal has interrupted: which begin again, and which return EINTR (signal(7), "Interruption of system
// calls and library functions by signal handlers" and "by stop signals").

import { MTD_RIP_LEN } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import { Thread } from "../libroottask/program";
import {
  SYS_clock_nanosleep,
  SYS_clone,
  SYS_clone3,
  SYS_epoll_pwait,
  SYS_epoll_pwait2,
  SYS_epoll_wait,
  SYS_fork,
  SYS_io_getevents,
  SYS_io_pgetevents,
  SYS_msgrcv,
  SYS_msgsnd,
  SYS_nanosleep,
  SYS_pause,
  SYS_poll,
  SYS_ppoll,
  SYS_pselect6,
  SYS_rt_sigsuspend,
  SYS_rt_sigtimedwait,
  SYS_select,
  SYS_semop,
  SYS_semtimedop,
  SYS_vfork,
} from "./numbers";
import { linuxThread } from "./state";

/** Length of SYSCALL. */
const SYSCALL_BYTES: u64 = 2;

/** A handler's end is the end of the call, whatever SA_RESTART says. */
function endsWithHandler(number: u32): bool {
  switch (number) {
    case SYS_pause:
    case SYS_rt_sigsuspend:
    case SYS_nanosleep:
    case SYS_clock_nanosleep:
    case SYS_poll:
    case SYS_ppoll:
    case SYS_select:
    case SYS_pselect6:
    case SYS_msgsnd:
    case SYS_msgrcv:
    case SYS_io_pgetevents:
      return true;
    default:
      return endsAlways(number);
  }
}

/** Even a stop that nobody handles ends the call. */
function endsAlways(number: u32): bool {
  return (
    number === SYS_epoll_wait ||
    number === SYS_epoll_pwait ||
    number === SYS_epoll_pwait2 ||
    number === SYS_io_getevents ||
    number === SYS_rt_sigtimedwait ||
    number === SYS_semop ||
    number === SYS_semtimedop
  );
}

/** It begins again whatever a handler says: who makes somebody takes the signals that have come before (kernel/fork.c, copy_process()). */
function beginsAlways(number: u32): bool {
  return (
    number === SYS_clone || number === SYS_clone3 || number === SYS_fork || number === SYS_vfork
  );
}

/** Beside the number of a call: it had a time limit of a socket's, SO_RCVTIMEO or SO_SNDTIMEO, and does not begin again. */
const LIMITED: u32 = 1 << 31;

/** The call of `thread`, of this number, has been interrupted: `settleCall` says what comes of it. */
export function interruptCall(thread: Thread, number: u64, limited: bool): void {
  linuxThread(thread).interrupted = ((number as u32) + 1) | (limited ? LIMITED : 0);
}

/**
 * Where the call of `thread` has been interrupted, and is not settled yet, it begins again or returns what it has: by
 * whether a handler runs next, and that handler's SA_RESTART.
 */
export function settleCall(thread: Thread, regs: Utcb, handled: bool, restarts: bool): void {
  const own = linuxThread(thread);
  if (own.interrupted === 0) return;
  const number = (own.interrupted & ~LIMITED) - 1;
  const limited = (own.interrupted & LIMITED) !== 0;
  own.interrupted = 0;
  if (handled) own.sleepEnd = 0;
  if (limited) return;
  const ends = handled ? !restarts || endsWithHandler(number) : endsAlways(number);
  if (ends && !beginsAlways(number)) return;
  regs.rax = number as u64;
  regs.rip -= SYSCALL_BYTES;
  regs.mtd |= MTD_RIP_LEN;
}
