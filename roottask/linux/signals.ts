// Signals a program's threads send each other or earn by an exception: actions, masks, the alternate stack, and
// the default action; signal_frame.ts builds the frames. Nobody else sends signals. Stopping and continuing are ignored.

import { EXC_PF, EXC_UD } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import { endLine, say, sayDecimal, sayText } from "../libroottask/console";
import { endProgram } from "../libroottask/domain";
import { EFAULT, EFBIG, EINTR, EINVAL, ENOMEM, EPERM, ESRCH } from "../libroottask/errno";
import { LOG_ERROR, lineAbout, MODULE_PROGRAMS } from "../libroottask/log";
import { inMediator, leaveMediator } from "../libroottask/mediator";
import { Program, STATE_KILLED, Thread, threadWithId } from "../libroottask/program";
import { copyFrom, copyTo, FAULT_MEMORY, faultReason } from "../libroottask/space";
import { kick } from "../libroottask/thread";
import { FILE_MAX } from "../libroottask/tree";
import { addressOf, codeOf, signalOf } from "./exception_signal";
import {
  hasLeft,
  leaveHandler,
  onAlternate,
  popFrame,
  poppedMask,
  pushFrame,
  SI_USER,
  SS_DISABLE,
  SS_ONSTACK,
} from "./signal_frame";
import {
  SIGCHLD,
  SIGCONT,
  SIGKILL,
  SIGPIPE,
  SIGSEGV,
  SIGSTOP,
  SIGURG,
  SIGWINCH,
  SIGXFSZ,
} from "./signal_numbers";
import { ACTION_BYTES, actionOf, linuxThread, SIGNALS } from "./state";
import { waitForever } from "./wait";

const SIG_DFL: u64 = 0;
const SIG_IGN: u64 = 1;

const SA_ONSTACK: u64 = 0x0800_0000;
const SA_RESTORER: u64 = 0x0400_0000;
const SA_NODEFER: u64 = 0x4000_0000;
const SA_RESETHAND: u64 = 0x8000_0000;

const MINSIGSTKSZ: u64 = 2048;

/** How rt_sigprocmask changes the mask. */
const SIG_BLOCK: u32 = 0;
const SIG_UNBLOCK: u32 = 1;
const SIG_SETMASK: u32 = 2;
/** Bytes of a signal set. */
const SET_BYTES: u32 = 8;

const SI_TKILL: i32 = -6;

/** A signal set or a stack_t on its way from or to a program. */
const buffer = memory.data(48);

function bit(signal: u32): u64 {
  return (1 as u64) << ((signal - 1) as u64);
}

/** SIGKILL and SIGSTOP, as a set. */
const UNBLOCKABLE: u64 = ((1 as u64) << (SIGKILL - 1)) | ((1 as u64) << (SIGSTOP - 1));

function ignoredByDefault(signal: u32): bool {
  return signal === SIGCHLD || signal === SIGCONT || signal === SIGURG || signal === SIGWINCH;
}

/** The program of `thread` dies of `signal`, which nobody handles. Does not return. */
function die(thread: Thread, signal: u32): void {
  const program = thread.program;
  lineAbout(program, LOG_ERROR, MODULE_PROGRAMS, "killed ");
  sayDecimal(program.number as u64);
  say(" (");
  sayText(program.name, program.nameLength);
  say(") by signal ");
  sayDecimal(signal as u64);
  endLine();
  endProgram(thread, STATE_KILLED, signal);
}

/**
 * Lets the handler of `signal` run next, with the signal's `code` and, for exceptions, `address`. False: it has no stack.
 */
function enterHandler(thread: Thread, regs: Utcb, signal: u32, code: i32, address: u64): bool {
  const own = linuxThread(thread);
  const action = actionOf(thread.program, signal);
  const flags = load<u64>(action + 8);
  if ((flags & SA_RESTORER) === 0) return false;
  // A mask that was set for a wait alone ends with the handler.
  const mask = own.suspended !== 0 ? own.resumeMask : own.mask;
  const alternate = (flags & SA_ONSTACK) !== 0;
  if (!pushFrame(thread, regs, action, alternate, mask, signal, code, address)) return false;
  own.suspended = 0;
  own.mask |= load<u64>(action + 24);
  if ((flags & SA_NODEFER) === 0) own.mask |= bit(signal);
  if ((flags & SA_RESETHAND) !== 0) store<u64>(action, SIG_DFL);
  return true;
}

/** The set of `size` bytes at `address` is the mask of `thread` for a wait. Returns 0, -EINVAL or -EFAULT. */
export function suspendMask(thread: Thread, address: u64, size: u64): i64 {
  if (size !== (SET_BYTES as u64)) return -EINVAL;
  const own = linuxThread(thread);
  if (!copyFrom(thread.program.space, buffer, address, SET_BYTES)) return -EFAULT;
  own.resumeMask = own.mask;
  own.suspended = 1;
  own.mask = load<u64>(buffer) & ~UNBLOCKABLE;
  return 0;
}

/** The mask is again what it was before `suspendMask`, if it was called and no handler has been entered. */
export function endSuspension(thread: Thread): void {
  const own = linuxThread(thread);
  if (own.suspended === 0) return;
  own.suspended = 0;
  own.mask = own.resumeMask;
}

/** A signal waits to be taken by `thread`. */
export function signalPending(thread: Thread): bool {
  const own = linuxThread(thread);
  return (own.pending & ~own.mask) !== 0;
}

/** Acts on the lowest signal that is pending and not blocked, before the program goes on. */
export function deliverPending(thread: Thread, regs: Utcb): void {
  const own = linuxThread(thread);
  const ready = own.pending & ~own.mask;
  const signal = (ctz<u64>(ready) as u32) + 1;
  own.pending &= ~bit(signal);
  const code = (own.toProgram & bit(signal)) !== 0 ? SI_USER : SI_TKILL;
  own.toProgram &= ~bit(signal);
  const handler = load<u64>(actionOf(thread.program, signal));
  if (handler === SIG_IGN || handler === SIG_DFL) {
    const deadly = handler === SIG_DFL && !ignoredByDefault(signal) && signal !== SIGSTOP;
    if (deadly) die(thread, signal);
    endSuspension(thread);
    return;
  }
  if (!enterHandler(thread, regs, signal, code, 0)) die(thread, SIGSEGV);
}

/** The exception `event` of `thread`: 0 when a handler of the program takes it, else the signal it dies of. */
export function linuxException(thread: Thread, event: u32): u32 {
  // Out of memory: Linux's choice for the victim, and no handler is asked.
  if (event === EXC_PF && faultReason === FAULT_MEMORY) return SIGKILL;
  const own = linuxThread(thread);
  const regs = thread.utcb;
  if (event === EXC_UD && hasLeft(regs.rip)) {
    goOn(thread, regs);
    return 0;
  }
  const signal = signalOf(event);
  own.trap = event as u64;
  own.trapError = regs.qual0;
  if (event === EXC_PF) own.faultAddress = regs.qual1;
  const handler = load<u64>(actionOf(thread.program, signal));
  const blocked = (own.mask & bit(signal)) !== 0;
  if (handler === SIG_DFL || handler === SIG_IGN || blocked) return signal;
  const code = codeOf(thread, event, regs);
  return enterHandler(thread, regs, signal, code, addressOf(event, regs)) ? 0 : SIGSEGV;
}

/**
 * Raises `signal` in `thread`, for the whole program where `toProgram` is set; unless it is the `sender`
 * itself, it is made to look at it.
 */
function raise(sender: Thread, thread: Thread, signal: u32, toProgram: bool): void {
  const own = linuxThread(thread);
  const handler = load<u64>(actionOf(thread.program, signal));
  if (handler === SIG_IGN) return;
  if (handler === SIG_DFL && ignoredByDefault(signal)) return;
  // A signal that is pending already keeps what it came with.
  if (toProgram && (own.pending & bit(signal)) === 0) own.toProgram |= bit(signal);
  own.pending |= bit(signal);
  if (signal === SIGKILL || signal === SIGSTOP) own.mask &= ~bit(signal);
  if (thread !== sender && (own.pending & ~own.mask) !== 0) kick(thread);
}

/**
 * `result` of a call of `thread` that would make a file larger: where the program's own limit is what stands
 * against it, a signal tells it (setrlimit(2), RLIMIT_FSIZE).
 */
export function sizeResult(thread: Thread, result: i64): i64 {
  if (result === -EFBIG && thread.program.fileLimit < (FILE_MAX as u64)) {
    raise(thread, thread, SIGXFSZ, false);
  }
  return result;
}

/** `result` of a call of `thread` that has written: a signal tells it of a pipe that nobody reads (pipe(7)). */
export function pipeResult(thread: Thread, result: i64): i64 {
  if (thread.broken !== 0) raise(thread, thread, SIGPIPE, false);
  thread.broken = 0;
  return result;
}

/** Sends `signal` to thread `target` of the program of `sender`. */
function sendTo(sender: Thread, target: u64, signal: u64): i64 {
  if (signal > (SIGNALS as u64)) return -EINVAL;
  const thread = threadWithId(target as u32);
  if (thread === null || thread.program !== sender.program) return -ESRCH;
  if (signal !== 0) raise(sender, thread, signal as u32, false);
  return 0;
}

/** A thread of the program of `sender` that lets `signal` in: the sender itself, or else any; or the sender. */
function receiver(sender: Thread, signal: u32): Thread {
  if ((linuxThread(sender).mask & bit(signal)) === 0) return sender;
  let thread = sender.program.threads;
  while (thread !== null) {
    if ((linuxThread(thread).mask & bit(signal)) === 0) return thread;
    thread = thread.next;
  }
  return sender;
}

/** A thread recalled for a signal: delivers it before the program goes on. */
export function linuxRecall(thread: Thread): void {
  const own = linuxThread(thread);
  if ((own.pending & ~own.mask) === 0) return;
  const regs = thread.utcb;
  if (inMediator(thread, regs.rip)) leaveMediator(thread, regs);
  deliverPending(thread, regs);
}

/** kill(pid, signal): the own process, or its group. */
export function sysKill(thread: Thread, regs: Utcb): i64 {
  const id = regs.rdi as i32;
  const own = thread.program.id as i32;
  if (id !== 0 && id !== -1 && id !== own && id !== -own) return -ESRCH;
  const signal = regs.rsi & 0xffff_ffff;
  if (signal > (SIGNALS as u64)) return -EINVAL;
  if (signal === 0) return 0;
  raise(thread, receiver(thread, signal as u32), signal as u32, true);
  return 0;
}

/** tkill(tid, signal). */
export function sysTkill(thread: Thread, regs: Utcb): i64 {
  if ((regs.rdi as i32) <= 0) return -EINVAL;
  return sendTo(thread, regs.rdi, regs.rsi & 0xffff_ffff);
}

/** tgkill(pid, tid, signal). */
export function sysTgkill(thread: Thread, regs: Utcb): i64 {
  if ((regs.rdi as i32) <= 0 || (regs.rsi as i32) <= 0) return -EINVAL;
  if ((regs.rdi as i32) !== (thread.program.id as i32)) return -ESRCH;
  return sendTo(thread, regs.rsi, regs.rdx & 0xffff_ffff);
}

/** rt_sigaction(signal, new, old, size). */
export function sysSigaction(program: Program, regs: Utcb): i64 {
  const signal = regs.rdi;
  if (regs.r10 !== (SET_BYTES as u64) || signal === 0 || signal > (SIGNALS as u64)) return -EINVAL;
  const action = actionOf(program, signal as u32);
  if (regs.rsi !== 0) {
    if (signal === (SIGKILL as u64) || signal === (SIGSTOP as u64)) return -EINVAL;
    if (!copyFrom(program.space, buffer, regs.rsi, ACTION_BYTES)) return -EFAULT;
  }
  if (regs.rdx !== 0 && !copyTo(program.space, regs.rdx, action, ACTION_BYTES)) return -EFAULT;
  if (regs.rsi !== 0) memory.copy(action, buffer, ACTION_BYTES);
  return 0;
}

/** rt_sigprocmask(how, new, old, size). */
export function sysSigprocmask(thread: Thread, regs: Utcb): i64 {
  const own = linuxThread(thread);
  if (regs.r10 !== (SET_BYTES as u64)) return -EINVAL;
  const old = own.mask;
  if (regs.rsi !== 0) {
    if (!copyFrom(thread.program.space, buffer, regs.rsi, 8)) return -EFAULT;
    const set = load<u64>(buffer);
    const how = regs.rdi as u32;
    if (how === SIG_BLOCK) own.mask |= set;
    else if (how === SIG_UNBLOCK) own.mask &= ~set;
    else if (how === SIG_SETMASK) own.mask = set;
    else return -EINVAL;
    own.mask &= ~UNBLOCKABLE;
  }
  store<u64>(buffer, old);
  return regs.rdx !== 0 && !copyTo(thread.program.space, regs.rdx, buffer, 8) ? -EFAULT : 0;
}

/** rt_sigpending(set, size). */
export function sysSigpending(thread: Thread, regs: Utcb): i64 {
  const own = linuxThread(thread);
  store<u64>(buffer, own.pending & own.mask);
  return copyTo(thread.program.space, regs.rdi, buffer, 8) ? 0 : -EFAULT;
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

/** sigaltstack(new, old). */
export function sysSigaltstack(thread: Thread, regs: Utcb): i64 {
  const own = linuxThread(thread);
  const inUse = onAlternate(own, regs.rsp);
  memory.fill(buffer + 24, 0, 24);
  store<u64>(buffer + 24, own.stackBase);
  store<u32>(buffer + 32, own.stackSize === 0 ? SS_DISABLE : inUse ? SS_ONSTACK : 0);
  store<u64>(buffer + 40, own.stackSize);
  if (regs.rdi !== 0) {
    if (!copyFrom(thread.program.space, buffer, regs.rdi, 24)) return -EFAULT;
    if (inUse) return -EPERM;
    const flags = load<u32>(buffer + 8);
    if ((flags & SS_DISABLE) !== 0) {
      own.stackSize = 0;
      own.stackBase = 0;
    } else {
      if (flags !== 0 && flags !== SS_ONSTACK) return -EINVAL;
      if (load<u64>(buffer + 16) < MINSIGSTKSZ) return -ENOMEM;
      own.stackBase = load<u64>(buffer);
      own.stackSize = load<u64>(buffer + 16);
    }
  }
  return regs.rsi !== 0 && !copyTo(thread.program.space, regs.rsi, buffer + 24, 24) ? -EFAULT : 0;
}

/** rt_sigreturn: RSP points behind the restorer's address, at the context of the frame. */
export function sysSigreturn(thread: Thread, regs: Utcb): i64 {
  if (!leaveHandler(thread, regs)) die(thread, SIGSEGV);
  linuxThread(thread).returning = 1;
  return 0;
}

/** The thread has its extended state from before the handler again: the rest of rt_sigreturn. */
function goOn(thread: Thread, regs: Utcb): void {
  const own = linuxThread(thread);
  if (!popFrame(thread, regs)) die(thread, SIGSEGV);
  own.mask = poppedMask & ~UNBLOCKABLE;
  if (signalPending(thread)) deliverPending(thread, regs);
}
