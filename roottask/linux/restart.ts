// Calls that a signal has interrupted: which begin again, and which return EINTR (signal(7), "Interruption of system
// calls and library functions by signal handlers" and "by stop signals").

import { MTD_RIP_LEN } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import { EINTR } from "../libroottask/errno";
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
  SYS_restart_syscall,
  SYS_rt_sigsuspend,
  SYS_rt_sigtimedwait,
  SYS_select,
  SYS_semop,
  SYS_semtimedop,
  SYS_vfork,
} from "./numbers";
import { LinuxThread, linuxThread } from "./state";

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

/** What is left of its time is known to the kernel: it goes on by restart_syscall(2). */
function continuesByCall(number: u32): bool {
  return number === SYS_nanosleep || number === SYS_clock_nanosleep || number === SYS_poll;
}

/** The call that call `number` of `thread` goes on with. */
export function continuedCall(thread: Thread, number: u64): u64 {
  const restarts = linuxThread(thread).restarts;
  return number === (SYS_restart_syscall as u64) && restarts !== 0 ? (restarts as u64) : number;
}

/** restart_syscall() where nothing is to go on. */
export function sysRestartSyscall(_thread: Thread, _regs: Utcb): i64 {
  return -EINTR;
}

/** Even a stop that nobody handles ends the call. */
function endsAlways(number: u32): bool {
  return (
    number === SYS_epoll_wait ||
    number === SYS_epoll_pwait ||
    number === SYS_epoll_pwait2 ||
    number === SYS_io_getevents ||
    number === SYS_restart_syscall ||
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

/** What tracers see in place of a result: ERESTARTSYS, ERESTARTNOINTR, ERESTARTNOHAND, ERESTART_RESTARTBLOCK (include/linux/errno.h). */
const RESTARTS_SYS: i64 = 512;
const RESTARTS_ALWAYS: i64 = 513;
const RESTARTS_UNHANDLED: i64 = 514;
const RESTARTS_BLOCK: i64 = 516;

/** The result, as tracers see it, of the call of `own` that has been interrupted. */
function shownResult(own: LinuxThread): i64 {
  const number = (own.interrupted & ~LIMITED) - 1;
  if (beginsAlways(number)) return -RESTARTS_ALWAYS;
  if ((own.interrupted & LIMITED) !== 0 || endsAlways(number)) return -EINTR;
  if (continuesByCall(number)) return -RESTARTS_BLOCK;
  return endsWithHandler(number) ? -RESTARTS_UNHANDLED : -RESTARTS_SYS;
}

/** A tracer is to see what has become of the call of `thread`, which may begin again. */
export function showInterrupted(thread: Thread, regs: Utcb): void {
  const own = linuxThread(thread);
  if (own.interrupted !== 0) regs.rax = shownResult(own) as u64;
}

/** It has seen it: one whose number or result it has changed does not begin again. */
export function hideInterrupted(thread: Thread, regs: Utcb): void {
  const own = linuxThread(thread);
  if (own.interrupted === 0) return;
  if ((own.call as i32) >= 0 && regs.rax === (shownResult(own) as u64)) regs.rax = -EINTR as u64;
  else own.interrupted = 0;
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
  if (handled) own.restarts = 0;
  if (limited) return;
  const ends = handled ? !restarts || endsWithHandler(number) : endsAlways(number);
  if (ends && !beginsAlways(number)) return;
  // Who is looked at is seen to go on by a call for that.
  const continues = thread.direct !== 0 && continuesByCall(number);
  if (continues) own.restarts = number;
  regs.rax = (continues ? SYS_restart_syscall : number) as u64;
  regs.rip -= SYSCALL_BYTES;
  regs.mtd |= MTD_RIP_LEN;
}
