// Sending signals and waiting for them: kill(2), tkill(2), rt_sigqueueinfo(2), pause(2), sigsuspend(2),
// sigtimedwait(2).

import { Utcb } from "../libhedron/utcb";
import { monotonic } from "../libroottask/clock";
import { CAP_KILL, hasCapability } from "../libroottask/credentials";
import { E2BIG, EAGAIN, EFAULT, EINTR, EINVAL, EPERM, ESRCH } from "../libroottask/errno";
import { meantId, seenBy } from "../libroottask/pid_numbers";
import {
  firstProgram,
  Program,
  programWithId,
  sees,
  Thread,
  threadWithId,
  WAIT_TIMED_OUT,
} from "../libroottask/program";
import { waitUntil } from "../libroottask/readiness";
import { isRemains, threadOrRemains } from "../libroottask/remains";
import { copyFrom, copyTo } from "../libroottask/space";
import { SIGBUS, SIGCONT, SIGFPE, SIGILL, SIGSEGV, SIGSYS } from "./signal_numbers";
import {
  INFO_BYTES,
  INFO_CODE,
  INFO_PID,
  INFO_UID,
  SI_KERNEL,
  SI_TKILL,
  SI_USER,
  signalInfo,
  takeSignal,
  UNBLOCKABLE,
} from "./signal_queue";
import { fillInfo, raise, SET_BYTES, signalPending, suspendMask } from "./signals";
import { linuxThread, SIGNALS } from "./state";
import { timespec } from "./time";
import { waitForever } from "./wait";

const set = memory.data(8);

/** Makes `signalInfo` that of a `signal` that `sender` sends to `program`. */
export function fillSender(sender: Thread, program: Program, signal: u64, code: i32): void {
  fillInfo(signal as u32, code);
  store<u32>(signalInfo + INFO_PID, seenBy(program, sender.program.id));
  store<u32>(signalInfo + INFO_UID, sender.credentials.user);
}

/** `sender` may send `signal` to `program`: one's own user, or all with CAP_KILL; SIGCONT goes round its session. */
function maySignal(sender: Thread, program: Program, signal: u64): bool {
  const target = program.threads === null ? program.remains : program.threads;
  if (target === null || program === sender.program) return true;
  const own = sender.credentials;
  const other = target.credentials;
  if (own.effectiveUser === other.savedUser || own.effectiveUser === other.user) return true;
  if (own.user === other.savedUser || own.user === other.user) return true;
  if (hasCapability(own, CAP_KILL)) return true;
  return signal === (SIGCONT as u64) && program.session === sender.program.session;
}

/** `sender` sends `signal`, which is none where 0, to all of `program`, as kill(2) does. */
function signalProgram(sender: Thread, program: Program, signal: u64): void {
  if (signal === 0) return;
  fillSender(sender, program, signal, SI_USER);
  raise(sender, program, null, signal as u32);
}

/** The process with this id, or with a thread that has it; null where there is none. */
function processWith(id: u32): Program | null {
  const thread = threadWithId(id);
  return thread !== null ? thread.program : programWithId(id);
}

/** kill(2) with `id` of `sender`, above 0 of a process, means `program`. */
function isMeant(sender: Program, program: Program, id: i32): bool {
  if (!sees(sender, program)) return false;
  if (id > 0) return program === processWith(id as u32);
  if (id === -1) {
    return program !== sender && program !== program.entry && seenBy(sender, program.id) !== 1;
  }
  return program.group === (id === 0 ? sender.group : (-id as u32));
}

/** What kill(2) and wait4(2) call processes and groups, as an id: groups are below -1. */
export function idOfNumber(number: i32): i32 {
  if (number >= -1) return number === -1 ? -1 : (meantId(number as u32) as i32);
  return -(meantId(-number as u32) as i32);
}

/** kill(pid, signal): processes and groups that descend from the same line of the start file; the own one last. */
export function sysKill(thread: Thread, regs: Utcb): i64 {
  const signal = regs.rsi & 0xffff_ffff;
  const number = regs.rdi as i32;
  const id = idOfNumber(number);
  const own = thread.program;
  const meansOwn = isMeant(own, own, id);
  let found = meansOwn;
  let permitted = meansOwn;
  const known = signal <= (SIGNALS as u64);
  let program = firstProgram();
  while (program !== null) {
    if (program !== own && isMeant(own, program, id)) {
      found = true;
      if (known && maySignal(thread, program, signal)) {
        permitted = true;
        signalProgram(thread, program, signal);
      }
    }
    program = program.next;
  }
  if (!found) return -ESRCH;
  if (!known) return -EINVAL;
  if (meansOwn) signalProgram(thread, own, signal);
  // With -1 those that may not be told are passed over.
  return permitted || id === -1 ? 0 : -EPERM;
}

/** Thread `id` of a process that `sender` knows, of process `group` where that is not 0, or what is left of it; or null. */
function knownThread(sender: Thread, group: u32, id: u64): Thread | null {
  const thread = threadOrRemains(meantId(id as u32));
  if (thread === null || !sees(sender.program, thread.program)) return null;
  return group === 0 || thread.program.id === meantId(group) ? thread : null;
}

/** Sends `signal` to thread `target`, of process `group` where that is not 0. */
function sendTo(sender: Thread, group: u32, target: u64, signal: u64): i64 {
  const thread = knownThread(sender, group, target);
  if (thread === null) return -ESRCH;
  if (signal > (SIGNALS as u64)) return -EINVAL;
  if (!maySignal(sender, thread.program, signal)) return -EPERM;
  if (signal === 0 || isRemains(thread)) return 0;
  fillSender(sender, thread.program, signal, SI_TKILL);
  return raise(sender, thread.program, thread, signal as u32) ? 0 : -EAGAIN;
}

/** tkill(tid, signal). */
export function sysTkill(thread: Thread, regs: Utcb): i64 {
  if ((regs.rdi as i32) <= 0) return -EINVAL;
  return sendTo(thread, 0, regs.rdi, regs.rsi & 0xffff_ffff);
}

/** tgkill(pid, tid, signal). */
export function sysTgkill(thread: Thread, regs: Utcb): i64 {
  if ((regs.rdi as i32) <= 0 || (regs.rsi as i32) <= 0) return -EINVAL;
  return sendTo(thread, regs.rdi as u32, regs.rsi, regs.rdx & 0xffff_ffff);
}

/** Sends `signal` with `signalInfo`, which has been read, to `target` of `program` or, with null, to all of it. */
export function sendInfo(
  sender: Thread,
  program: Program,
  target: Thread | null,
  signal: u64,
): i64 {
  if (signal > (SIGNALS as u64)) return -EINVAL;
  if (!maySignal(sender, program, signal)) return -EPERM;
  if (signal === 0 || (target !== null && isRemains(target))) return 0;
  store<u32>(signalInfo, signal as u32);
  return raise(sender, program, target, signal as u32) ? 0 : -EAGAIN;
}

/** The part of a siginfo_t that the kernel has; what is behind it is only looked at where si_code says nothing known. */
const KERNEL_INFO: u32 = 48;
/** SI_DETHREAD and SI_ASYNCNL, which are lowest and alone, and NSIGPOLL. */
const SI_DETHREAD: i32 = -7;
const SI_ASYNCNL: i32 = -60;
const MOST_CODES: i32 = 6;
const ANY_SIGNAL: u32 = 0xffff_ffff;

/** The greatest si_code that `signal` has of its own (NSIGILL and its like), or that any other has. */
function mostCodes(signal: u32): i32 {
  if (signal === SIGILL) return 11;
  if (signal === SIGFPE) return 15;
  if (signal === SIGSEGV) return 9;
  if (signal === SIGBUS) return 5;
  return signal === SIGSYS ? 2 : MOST_CODES;
}

/** A siginfo_t of `signal` with `code` is of a form that the kernel knows: known_siginfo_layout() of Linux. */
function isKnownInfo(signal: u32, code: i32): bool {
  if (code === SI_KERNEL || code === SI_ASYNCNL) return true;
  return code > SI_USER ? code <= mostCodes(signal) : code >= SI_DETHREAD;
}

/**
 * Reads `signalInfo` from `address`, for `signal` or with ANY_SIGNAL the one it is about: 0, -EFAULT, or -E2BIG where it has
 * more than the kernel knows.
 */
function readInfo(thread: Thread, address: u64, signal: u32): i64 {
  const space = thread.program.space;
  memory.fill(signalInfo, 0, INFO_BYTES);
  if (!copyFrom(space, signalInfo, address, KERNEL_INFO)) return -EFAULT;
  const about = signal === ANY_SIGNAL ? load<u32>(signalInfo) : signal;
  if (isKnownInfo(about, load<i32>(signalInfo + INFO_CODE))) return 0;
  const rest = signalInfo + KERNEL_INFO;
  if (!copyFrom(space, rest, address + KERNEL_INFO, INFO_BYTES - KERNEL_INFO)) return -EFAULT;
  for (let at: u32 = 0; at < INFO_BYTES - KERNEL_INFO; at += 8) {
    if (load<u64>(rest + at) !== 0) return -E2BIG;
  }
  return 0;
}

/** What has been read claims to come from the kernel, or from tkill(2), which only the thread itself takes. */
export function isForged(): bool {
  const code = load<i32>(signalInfo + INFO_CODE);
  return code >= 0 || code === SI_TKILL;
}

/** Reads `signalInfo` for pidfd_send_signal(2), which lets it be about no other signal: -EINVAL. */
export function readInfoOf(thread: Thread, address: u64, signal: u64): i64 {
  const error = readInfo(thread, address, ANY_SIGNAL);
  if (error !== 0) return error;
  return (load<u32>(signalInfo) as u64) === signal ? 0 : -EINVAL;
}

/** rt_sigqueueinfo(pid, signal, info). */
export function sysSigqueueinfo(thread: Thread, regs: Utcb): i64 {
  const signal = regs.rsi & 0xffff_ffff;
  const error = readInfo(thread, regs.rdx, signal as u32);
  if (error !== 0) return error;
  const id = meantId(regs.rdi as u32);
  if (isForged() && id !== thread.id) return -EPERM;
  const program = processWith(id);
  if (program === null || !sees(thread.program, program)) return -ESRCH;
  return sendInfo(thread, program, null, signal);
}

/** rt_tgsigqueueinfo(pid, tid, signal, info). */
export function sysTgsigqueueinfo(thread: Thread, regs: Utcb): i64 {
  const signal = regs.rdx & 0xffff_ffff;
  const error = readInfo(thread, regs.r10, signal as u32);
  if (error !== 0) return error;
  if ((regs.rdi as i32) <= 0 || (regs.rsi as i32) <= 0) return -EINVAL;
  if (isForged() && meantId(regs.rsi as u32) !== thread.id) return -EPERM;
  const target = knownThread(thread, regs.rdi as u32, regs.rsi & 0xffff_ffff);
  if (target === null) return -ESRCH;
  return sendInfo(thread, target.program, target, signal);
}

/** pause(): waits for a signal. */
export function sysPause(thread: Thread, _regs: Utcb): i64 {
  while (!signalPending(thread)) waitForever(thread, 0, 0);
  return -EINTR;
}

/** rt_sigsuspend(set, size): the same with another mask, which ends when the signal's handler has run. */
export function sysSigsuspend(thread: Thread, regs: Utcb): i64 {
  const error = suspendMask(thread, regs.rdi, regs.rsi);
  return error === 0 ? sysPause(thread, regs) : error;
}

/** rt_sigtimedwait(set, info, timespec, size): takes a signal of the set, also one that is not blocked. */
export function sysSigtimedwait(thread: Thread, regs: Utcb): i64 {
  const space = thread.program.space;
  if (regs.r10 !== (SET_BYTES as u64)) return -EINVAL;
  if (!copyFrom(space, set, regs.rdi, SET_BYTES)) return -EFAULT;
  const wanted = load<u64>(set) & ~UNBLOCKABLE;
  const time = regs.rdx === 0 ? -1 : timespec(thread.program, regs.rdx);
  if (regs.rdx !== 0 && time < 0) return time;
  const signal = awaitSignal(
    thread,
    wanted,
    regs.rdx === 0 ? 0 : monotonic() + (time as u64),
    time,
  );
  if (signal <= 0 || regs.rsi === 0) return signal;
  return copyTo(space, regs.rsi, signalInfo, INFO_BYTES) ? signal : -EFAULT;
}

/** The next signal of `wanted`, until monotonic time `end` (0: for ever): -EAGAIN then, -EINTR where another comes. */
function awaitSignal(thread: Thread, wanted: u64, end: u64, time: i64): i64 {
  let signal = takeSignal(thread, wanted);
  if (signal === 0 && time !== 0) {
    const own = linuxThread(thread);
    own.awaited = wanted;
    const outcome = waitUntil(thread, 0, 0, end);
    own.awaited = 0;
    signal = takeSignal(thread, wanted);
    if (signal === 0 && outcome !== WAIT_TIMED_OUT) return -EINTR;
  }
  return signal === 0 ? -EAGAIN : (signal as i64);
}
