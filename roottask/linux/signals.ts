// Signals a program's threads send each other or earn by an exception: actions, masks, the alternate stack, frames
// as arch/x86/kernel/signal.c builds them, and the default action. Nobody else sends signals. Stopping and
// continuing are ignored; the floating-point state is left in the registers, not put into the frame.

import {
  EVENT_PAGE_FAULT,
  MTD_GPR_ACDB,
  MTD_GPR_BSD,
  MTD_GPR_R8_R15,
  MTD_RFLAGS,
  MTD_RIP_LEN,
  MTD_RSP,
} from "../libhedron/abi";
import { recall, smUp } from "../libhedron/hypercalls";
import { Utcb } from "../libhedron/utcb";
import { endLine, line, say, sayDecimal, sayText } from "../libroottask/console";
import { EFAULT, EINTR, EINVAL, ENOMEM, EPERM, ESRCH } from "../libroottask/errno";
import { endProcess, Process, STATE_KILLED, threadOf, WAIT_NONE } from "../libroottask/process";
import { BLOCK_EC, BLOCK_SLEEP } from "../libroottask/selectors";
import {
  copyFrom,
  copyTo,
  FAULT_BEYOND_FILE,
  FAULT_MEMORY,
  FAULT_RIGHTS,
  faultReason,
} from "../libroottask/space";
import { SIGNALS, Task, taskOf } from "./task";

export const SIGILL: u32 = 4;
export const SIGTRAP: u32 = 5;
export const SIGABRT: u32 = 6;
export const SIGBUS: u32 = 7;
export const SIGFPE: u32 = 8;
export const SIGKILL: u32 = 9;
export const SIGSEGV: u32 = 11;
export const SIGCHLD: u32 = 17;
export const SIGCONT: u32 = 18;
export const SIGSTOP: u32 = 19;
export const SIGURG: u32 = 23;
export const SIGWINCH: u32 = 28;

const SIG_DFL: u64 = 0;
const SIG_IGN: u64 = 1;

const SA_ONSTACK: u64 = 0x0800_0000;
const SA_RESTORER: u64 = 0x0400_0000;
const SA_NODEFER: u64 = 0x4000_0000;
const SA_RESETHAND: u64 = 0x8000_0000;

const SS_ONSTACK: u32 = 1;
const SS_DISABLE: u32 = 2;
const MINSIGSTKSZ: u64 = 2048;

const SI_USER: i32 = 0;
const SI_TKILL: i32 = -6;

/** struct kernel_sigaction: handler, flags, restorer, mask. */
export const ACTION_BYTES: u32 = 32;

/** Layout of struct rt_sigframe: restorer, struct ucontext, siginfo. */
const FRAME_CONTEXT: u32 = 8;
const CONTEXT_STACK: u32 = 16;
const CONTEXT_REGISTERS: u32 = 40;
const CONTEXT_MASK: u32 = CONTEXT_REGISTERS + 256;
const FRAME_INFO: u32 = FRAME_CONTEXT + CONTEXT_MASK + 8;
const INFO_BYTES: u32 = 128;
const FRAME_BYTES: u32 = FRAME_INFO + INFO_BYTES;
/** CS, GS, FS and SS of a 64-bit program. */
const CS_SELECTORS: u64 = ((0x2b_0000 as u64) << 32) | 0x33;

const ALL_REGISTERS: u64 =
  MTD_GPR_ACDB | MTD_GPR_BSD | MTD_GPR_R8_R15 | MTD_RIP_LEN | MTD_RSP | MTD_RFLAGS;
/** Flags a program may have: arithmetic, direction, trap, alignment check. */
const USER_FLAGS: u64 = 0x4_0dd5;

const frame = memory.data(512);

function bit(signal: u32): u64 {
  return (1 as u64) << ((signal - 1) as u64);
}

function actionOf(task: Task, signal: u32): usize {
  return task.actions + (signal - 1) * ACTION_BYTES;
}

function ignoredByDefault(signal: u32): bool {
  return signal === SIGCHLD || signal === SIGCONT || signal === SIGURG || signal === SIGWINCH;
}

/** `process` dies of `signal`, which nobody handles. Does not return. */
function die(process: Process, signal: u32): void {
  line("killed ");
  sayDecimal(process.number as u64);
  say(" (");
  sayText(process.name, process.nameLength);
  say(") by signal ");
  sayDecimal(signal as u64);
  endLine();
  endProcess(process, STATE_KILLED, signal);
}

function onAlternate(task: Task, rsp: u64): bool {
  return task.stackSize !== 0 && rsp > task.stackBase && rsp - task.stackBase <= task.stackSize;
}

function fillFrame(task: Task, regs: Utcb, restorer: u64, address: u64): void {
  memory.fill(frame, 0, FRAME_BYTES);
  store<u64>(frame, restorer);
  const context = frame + FRAME_CONTEXT;
  store<u64>(context + CONTEXT_STACK, task.stackBase);
  store<u32>(context + CONTEXT_STACK + 8, task.stackSize === 0 ? SS_DISABLE : task.stackFlags);
  store<u64>(context + CONTEXT_STACK + 16, task.stackSize);
  const words = context + CONTEXT_REGISTERS;
  store<u64>(words, regs.r8);
  store<u64>(words + 8, regs.r9);
  store<u64>(words + 16, regs.r10);
  store<u64>(words + 24, regs.r11);
  store<u64>(words + 32, regs.r12);
  store<u64>(words + 40, regs.r13);
  store<u64>(words + 48, regs.r14);
  store<u64>(words + 56, regs.r15);
  store<u64>(words + 64, regs.rdi);
  store<u64>(words + 72, regs.rsi);
  store<u64>(words + 80, regs.rbp);
  store<u64>(words + 88, regs.rbx);
  store<u64>(words + 96, regs.rdx);
  store<u64>(words + 104, regs.rax);
  store<u64>(words + 112, regs.rcx);
  store<u64>(words + 120, regs.rsp);
  store<u64>(words + 128, regs.rip);
  store<u64>(words + 136, regs.rflags);
  store<u64>(words + 144, CS_SELECTORS);
  store<u64>(words + 168, task.mask);
  store<u64>(words + 176, address);
  store<u64>(context + CONTEXT_MASK, task.mask);
}

/** Lets the handler of `signal` run next; `info` is filled in behind number and code. False: no stack for it. */
function enterHandler(
  process: Process,
  task: Task,
  regs: Utcb,
  signal: u32,
  code: i32,
  address: u64,
): bool {
  const action = actionOf(task, signal);
  const flags = load<u64>(action + 8);
  let top = regs.rsp - 128;
  const alternate = (flags & SA_ONSTACK) !== 0 && task.stackSize !== 0;
  if (alternate && !onAlternate(task, regs.rsp)) top = task.stackBase + task.stackSize;
  const at = ((top - (FRAME_BYTES as u64)) & ~(15 as u64)) - 8;
  fillFrame(task, regs, load<u64>(action + 16), address);
  store<u32>(frame + FRAME_INFO, signal);
  store<i32>(frame + FRAME_INFO + 8, code);
  if (code > SI_USER) store<u64>(frame + FRAME_INFO + 16, address);
  else store<u32>(frame + FRAME_INFO + 16, process.leader.id);
  if ((flags & SA_RESTORER) === 0 || !copyTo(process.space, at, frame, FRAME_BYTES)) return false;
  regs.rip = load<u64>(action);
  regs.rsp = at;
  regs.rdi = signal as u64;
  regs.rsi = at + (FRAME_INFO as u64);
  regs.rdx = at + (FRAME_CONTEXT as u64);
  regs.rax = 0;
  regs.rflags &= ~(0x500 as u64);
  regs.mtd = ALL_REGISTERS;
  task.mask |= load<u64>(action + 24);
  if ((flags & SA_NODEFER) === 0) task.mask |= bit(signal);
  if ((flags & SA_RESETHAND) !== 0) store<u64>(action, SIG_DFL);
  return true;
}

/** Acts on the lowest signal that is pending and not blocked, before the program goes on. */
export function deliverPending(process: Process, task: Task, regs: Utcb): void {
  const ready = task.pending & ~task.mask;
  const signal = (ctz<u64>(ready) as u32) + 1;
  task.pending &= ~bit(signal);
  const handler = load<u64>(actionOf(task, signal));
  if (handler === SIG_IGN) return;
  if (handler === SIG_DFL) {
    if (!ignoredByDefault(signal) && signal !== SIGSTOP) die(process, signal);
    return;
  }
  if (!enterHandler(process, task, regs, signal, SI_TKILL, 0)) die(process, SIGSEGV);
}

function signalFor(event: u32): u32 {
  switch (event) {
    case 0:
    case 16:
    case 19:
      return SIGFPE;
    case 1:
    case 3:
      return SIGTRAP;
    case 6:
      return SIGILL;
    case 10:
    case 11:
    case 12:
    case 17:
      return SIGBUS;
    case EVENT_PAGE_FAULT:
      return faultReason === FAULT_BEYOND_FILE ? SIGBUS : SIGSEGV;
    default:
      return SIGSEGV;
  }
}

/** si_code of an exception: how the CPU's complaint is told to the handler. */
function codeFor(event: u32): i32 {
  if (event === EVENT_PAGE_FAULT) return faultReason === FAULT_RIGHTS ? 2 : 1;
  if (event === 13) return 0x80;
  return event === 6 ? 2 : 1;
}

/** The exception `event` of `process`: 0 when a handler of the program takes it, else the signal it dies of. */
export function linuxException(process: Process, event: u32): u32 {
  // Out of memory: Linux's choice for the victim, and no handler is asked.
  if (event === EVENT_PAGE_FAULT && faultReason === FAULT_MEMORY) return SIGKILL;
  const task = taskOf(process);
  const regs = process.utcb;
  const signal = signalFor(event);
  const handler = load<u64>(actionOf(task, signal));
  const blocked = (task.mask & bit(signal)) !== 0;
  if (handler === SIG_DFL || handler === SIG_IGN || blocked) return signal;
  const address = event === EVENT_PAGE_FAULT ? regs.qual1 : regs.rip;
  return enterHandler(process, task, regs, signal, codeFor(event), address) ? 0 : signal;
}

/** Raises `signal` in `process`, which `sender` belongs to; a thread that runs or sleeps is interrupted. */
function raise(sender: Process, process: Process, signal: u32): void {
  const task = taskOf(process);
  const handler = load<u64>(actionOf(task, signal));
  if (handler === SIG_IGN) return;
  if (handler === SIG_DFL && ignoredByDefault(signal)) return;
  task.pending |= bit(signal);
  if (signal === SIGKILL || signal === SIGSTOP) task.mask &= ~bit(signal);
  if (process === sender || (task.pending & ~task.mask) === 0) return;
  if (process.waiting === WAIT_NONE) {
    recall(process.block + BLOCK_EC);
  } else if (process.woken === 0) {
    process.woken = 1;
    process.interrupted = 1;
    smUp(process.block + BLOCK_SLEEP);
  }
}

/** Sends `signal` to thread `target` of the program of `process`. */
function sendTo(process: Process, target: u64, signal: u64): i64 {
  if (signal > (SIGNALS as u64)) return -EINVAL;
  const thread = threadOf(process, target as u32);
  if (thread === null) return -ESRCH;
  if (signal !== 0) raise(process, thread, signal as u32);
  return 0;
}

/** A thread recalled for a signal: delivers it before the program goes on. */
export function linuxRecall(process: Process): void {
  const task = taskOf(process);
  if ((task.pending & ~task.mask) !== 0) deliverPending(process, task, process.utcb);
}

/** kill(pid, signal): the own process, or its group. */
export function sysKill(process: Process, regs: Utcb): i64 {
  const id = regs.rdi as i32;
  const own = process.leader.id as i32;
  if (id !== 0 && id !== -1 && id !== own && id !== -own) return -ESRCH;
  return sendTo(process, process.id as u64, regs.rsi & 0xffff_ffff);
}

/** tkill(tid, signal). */
export function sysTkill(process: Process, regs: Utcb): i64 {
  return sendTo(process, regs.rdi, regs.rsi & 0xffff_ffff);
}

/** tgkill(pid, tid, signal). */
export function sysTgkill(process: Process, regs: Utcb): i64 {
  if ((regs.rdi as i32) !== (process.leader.id as i32)) return -ESRCH;
  return sendTo(process, regs.rsi, regs.rdx & 0xffff_ffff);
}

/** rt_sigaction(signal, new, old, size). */
export function sysSigaction(process: Process, regs: Utcb): i64 {
  const signal = regs.rdi;
  if (regs.r10 !== 8 || signal === 0 || signal > (SIGNALS as u64)) return -EINVAL;
  const action = actionOf(taskOf(process), signal as u32);
  if (regs.rsi !== 0) {
    if (signal === (SIGKILL as u64) || signal === (SIGSTOP as u64)) return -EINVAL;
    if (!copyFrom(process.space, frame, regs.rsi, ACTION_BYTES)) return -EFAULT;
  }
  if (regs.rdx !== 0 && !copyTo(process.space, regs.rdx, action, ACTION_BYTES)) return -EFAULT;
  if (regs.rsi !== 0) memory.copy(action, frame, ACTION_BYTES);
  return 0;
}

/** rt_sigprocmask(how, new, old, size). */
export function sysSigprocmask(process: Process, regs: Utcb): i64 {
  const task = taskOf(process);
  if (regs.r10 !== 8) return -EINVAL;
  const old = task.mask;
  if (regs.rsi !== 0) {
    if (!copyFrom(process.space, frame, regs.rsi, 8)) return -EFAULT;
    const set = load<u64>(frame);
    const how = regs.rdi as u32;
    if (how > 2) return -EINVAL;
    if (how === 0) task.mask |= set;
    else if (how === 1) task.mask &= ~set;
    else task.mask = set;
    task.mask &= ~(bit(SIGKILL) | bit(SIGSTOP));
  }
  store<u64>(frame, old);
  return regs.rdx !== 0 && !copyTo(process.space, regs.rdx, frame, 8) ? -EFAULT : 0;
}

/** rt_sigpending(set, size). */
export function sysSigpending(process: Process, regs: Utcb): i64 {
  const task = taskOf(process);
  store<u64>(frame, task.pending & task.mask);
  return copyTo(process.space, regs.rdi, frame, 8) ? 0 : -EFAULT;
}

/** rt_sigsuspend and pause: nobody will ever send a signal, so it is as if one without effect came. */
export function sysSigsuspend(_process: Process, _regs: Utcb): i64 {
  return -EINTR;
}

/** sigaltstack(new, old). */
export function sysSigaltstack(process: Process, regs: Utcb): i64 {
  const task = taskOf(process);
  const inUse = onAlternate(task, regs.rsp);
  memory.fill(frame + 24, 0, 24);
  store<u64>(frame + 24, task.stackBase);
  store<u32>(frame + 32, task.stackSize === 0 ? SS_DISABLE : inUse ? SS_ONSTACK : 0);
  store<u64>(frame + 40, task.stackSize);
  if (regs.rdi !== 0) {
    if (!copyFrom(process.space, frame, regs.rdi, 24)) return -EFAULT;
    if (inUse) return -EPERM;
    const flags = load<u32>(frame + 8);
    if ((flags & SS_DISABLE) !== 0) {
      task.stackSize = 0;
      task.stackBase = 0;
    } else {
      if (flags !== 0 && flags !== SS_ONSTACK) return -EINVAL;
      if (load<u64>(frame + 16) < MINSIGSTKSZ) return -ENOMEM;
      task.stackBase = load<u64>(frame);
      task.stackSize = load<u64>(frame + 16);
    }
  }
  return regs.rsi !== 0 && !copyTo(process.space, regs.rsi, frame + 24, 24) ? -EFAULT : 0;
}

/** rt_sigreturn: RSP points behind the restorer's address, at the context of the frame. */
export function sysSigreturn(process: Process, regs: Utcb): i64 {
  const task = taskOf(process);
  const context = frame + FRAME_CONTEXT;
  if (!copyFrom(process.space, context, regs.rsp, CONTEXT_MASK + 8)) {
    die(process, SIGSEGV);
    return 0;
  }
  const words = context + CONTEXT_REGISTERS;
  regs.r8 = load<u64>(words);
  regs.r9 = load<u64>(words + 8);
  regs.r10 = load<u64>(words + 16);
  regs.r11 = load<u64>(words + 24);
  regs.r12 = load<u64>(words + 32);
  regs.r13 = load<u64>(words + 40);
  regs.r14 = load<u64>(words + 48);
  regs.r15 = load<u64>(words + 56);
  regs.rdi = load<u64>(words + 64);
  regs.rsi = load<u64>(words + 72);
  regs.rbp = load<u64>(words + 80);
  regs.rbx = load<u64>(words + 88);
  regs.rdx = load<u64>(words + 96);
  regs.rax = load<u64>(words + 104);
  regs.rcx = load<u64>(words + 112);
  regs.rsp = load<u64>(words + 120);
  regs.rip = load<u64>(words + 128);
  regs.rflags = (load<u64>(words + 136) & USER_FLAGS) | 0x202;
  regs.mtd = ALL_REGISTERS;
  task.mask = load<u64>(context + CONTEXT_MASK) & ~(bit(SIGKILL) | bit(SIGSTOP));
  task.returning = 1;
  return 0;
}
