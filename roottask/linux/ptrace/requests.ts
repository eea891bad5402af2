// ptrace(2): the requests of a tracer, in the order of ptrace_request() and arch_ptrace() of Linux. Left out: single blocks, and
// what is about programs of 32 bits, filters and restartable sequences.

import { Utcb } from "../../libhedron/utcb";
import { EFAULT, EINVAL, EIO, ESRCH } from "../../libroottask/errno";

import { Thread } from "../../libroottask/program";
import { copyFrom, copyTo, put64 } from "../../libroottask/space";
import { kick } from "../../libroottask/thread";
import { archPrctl } from "../identity";
import { visibleThread } from "../inspect";
import { fillSender } from "../signal_calls";
import { SIGKILL } from "../signal_numbers";
import {
  copyQueued,
  INFO_BYTES,
  INFO_CODE,
  SI_USER,
  signalInfo,
  UNBLOCKABLE,
} from "../signal_queue";
import { raise, retarget } from "../signals";
import { linuxThread, SIGNALS } from "../state";
import { describeCall } from "./call_info";
import { peek, peeked, poke } from "./memory";
import * as n from "./numbers";
import {
  getFloats,
  getRegisters,
  getSet,
  peekUser,
  pokeUser,
  setFloats,
  setRegisters,
  setSet,
} from "./registers";
import {
  infoOf,
  letGo,
  RUNS,
  RUNS_STEP,
  RUNS_STEP_EMULATED,
  RUNS_TO_CALL,
  RUNS_TO_EMULATED,
  Tracee,
  traceeOf,
  trap,
} from "./tracee";
import { attach, checkOptions, letFree, traceMe } from "./tracing";

/** Bytes of a signal set, and of struct ptrace_peeksiginfo_args. */
const SET_BYTES: u64 = 8;
const PEEK_BYTES: u32 = 16;
/** PTRACE_PEEKSIGINFO_SHARED: of the process. */
const PEEK_SHARED: u32 = 1;

const buffer = memory.data(128);

/** Goes on as `request` says; false where it is none of those. */
function runsOf(request: u64): i32 {
  if (request === n.PTRACE_CONT) return RUNS as i32;
  if (request === n.PTRACE_SYSCALL) return RUNS_TO_CALL as i32;
  if (request === n.PTRACE_SINGLESTEP) return RUNS_STEP as i32;
  if (request === n.PTRACE_SYSEMU) return RUNS_TO_EMULATED as i32;
  return request === n.PTRACE_SYSEMU_SINGLESTEP ? (RUNS_STEP_EMULATED as i32) : -1;
}

function resume(record: Tracee, runs: u32, signal: u64): i64 {
  if (signal > (SIGNALS as u64)) return -EIO;
  record.runs = runs;
  letGo(record, signal as u32);
  return 0;
}

function detach(record: Tracee, signal: u64): i64 {
  if (signal > (SIGNALS as u64)) return -EIO;
  letFree(record, signal as u32);
  return 0;
}

/** PTRACE_KILL: SIGKILL, as its tracer would send it. */
function kill(tracer: Thread, record: Tracee): i64 {
  fillSender(tracer, record.program, SIGKILL as u64, SI_USER);
  raise(tracer, record.program, null, SIGKILL);
  return 0;
}

/** PTRACE_INTERRUPT: it stops by PTRACE_EVENT_STOP, unless it does so already. */
function interrupt(record: Tracee): i64 {
  if (record.seized === 0) return -EIO;
  const thread = record.thread;
  if (thread === null) return -ESRCH;
  trap(record);
  if (record.stopped === 0) kick(thread);
  return 0;
}

/** PTRACE_LISTEN: it stays in the stop of its process, but for what changes that. */
function listen(record: Tracee): i64 {
  if (record.seized === 0 || record.hasInfo === 0) return -EIO;
  if (load<u32>(infoOf(record) + INFO_CODE) >> 8 !== n.EVENT_STOP) return -EIO;
  record.listening = 1;
  // What has come meanwhile is told at once.
  if (record.trapping !== 0) trap(record);
  return 0;
}

function getInfo(tracer: Thread, record: Tracee, data: u64): i64 {
  if (record.hasInfo === 0) return -EINVAL;
  return copyTo(tracer.program.space, data, infoOf(record), INFO_BYTES) ? 0 : -EFAULT;
}

function setInfo(tracer: Thread, record: Tracee, data: u64): i64 {
  if (!copyFrom(tracer.program.space, buffer, data, INFO_BYTES)) return -EFAULT;
  if (record.hasInfo === 0) return -EINVAL;
  memory.copy(infoOf(record), buffer, INFO_BYTES);
  return 0;
}

/** PTRACE_PEEKSIGINFO: signals that are queued for `thread` or its process, from one on: how many. */
function peekInfos(tracer: Thread, thread: Thread, address: u64, data: u64): i64 {
  const space = tracer.program.space;
  if (!copyFrom(space, buffer, address, PEEK_BYTES)) return -EFAULT;
  const first = load<u64>(buffer);
  const flags = load<u32>(buffer + 8);
  const count = load<i32>(buffer + 12);
  if ((flags & ~PEEK_SHARED) !== 0 || count < 0) return -EINVAL;
  const id: u32 = (flags & PEEK_SHARED) !== 0 ? 0 : thread.id;
  let done: i32 = 0;
  while (done < count && copyQueued(thread.program, id, first + (done as u64), signalInfo)) {
    const to = data + (done as u64) * (INFO_BYTES as u64);
    if (!copyTo(space, to, signalInfo, INFO_BYTES)) return done === 0 ? -EFAULT : (done as i64);
    done++;
  }
  return done as i64;
}

function getMask(tracer: Thread, thread: Thread, size: u64, data: u64): i64 {
  if (size !== SET_BYTES) return -EINVAL;
  const own = linuxThread(thread);
  const mask = own.suspended !== 0 ? own.resumeMask : own.mask;
  return put64(tracer.program.space, data, mask) ? 0 : -EFAULT;
}

function setMask(tracer: Thread, thread: Thread, size: u64, data: u64): i64 {
  if (size !== SET_BYTES) return -EINVAL;
  if (!copyFrom(tracer.program.space, buffer, data, SET_BYTES as u32)) return -EFAULT;
  const own = linuxThread(thread);
  own.suspended = 0;
  own.mask = load<u64>(buffer) & ~UNBLOCKABLE;
  retarget(thread);
  return 0;
}

function setOptions(tracer: Thread, record: Tracee, options: u64): i64 {
  const wrong = checkOptions(tracer, options);
  if (wrong === 0) record.options = options as u32;
  return wrong;
}

/** Requests to a tracee that stands in a stop. */
function ask(tracer: Thread, record: Tracee, regs: Utcb): i64 {
  const thread = record.thread as Thread;
  const address = regs.rdx;
  const data = regs.r10;
  const request = regs.rdi;
  const runs = runsOf(request);
  if (runs >= 0) return resume(record, runs as u32, data);
  switch (request) {
    case n.PTRACE_PEEKTEXT:
    case n.PTRACE_PEEKDATA:
      if (!peek(thread.program.space, address)) return -EIO;
      return put64(tracer.program.space, data, peeked) ? 0 : -EFAULT;
    case n.PTRACE_POKETEXT:
    case n.PTRACE_POKEDATA:
      return poke(thread.program.space, address, data) ? 0 : -EIO;
    case n.PTRACE_PEEKUSR:
      return peekUser(tracer, thread, address, data);
    case n.PTRACE_POKEUSR:
      return pokeUser(thread, address, data);
    case n.PTRACE_GETREGS:
      return getRegisters(tracer, thread, data);
    case n.PTRACE_SETREGS:
      return setRegisters(tracer, thread, data);
    case n.PTRACE_GETFPREGS:
      return getFloats(tracer, thread, data);
    case n.PTRACE_SETFPREGS:
      return setFloats(tracer, thread, data);
    case n.PTRACE_GETREGSET:
      return getSet(tracer, thread, address, data);
    case n.PTRACE_SETREGSET:
      return setSet(tracer, thread, address, data);
    case n.PTRACE_DETACH:
      return detach(record, data);
    case n.PTRACE_ARCH_PRCTL:
      return archPrctl(thread, thread.utcb, tracer.program.space, data, address);
    default:
      return askMore(tracer, record, thread, request, address, data);
  }
}

/** The rest of them: what is about signals and stops. */
function askMore(
  tracer: Thread,
  record: Tracee,
  thread: Thread,
  request: u64,
  address: u64,
  data: u64,
): i64 {
  switch (request) {
    case n.PTRACE_OLDSETOPTIONS:
    case n.PTRACE_SETOPTIONS:
      return setOptions(tracer, record, data);
    case n.PTRACE_GETEVENTMSG:
      return put64(tracer.program.space, data, record.message) ? 0 : -EFAULT;
    case n.PTRACE_GETSIGINFO:
      return getInfo(tracer, record, data);
    case n.PTRACE_SETSIGINFO:
      return setInfo(tracer, record, data);
    case n.PTRACE_LISTEN:
      return listen(record);
    case n.PTRACE_PEEKSIGINFO:
      return peekInfos(tracer, thread, address, data);
    case n.PTRACE_GETSIGMASK:
      return getMask(tracer, thread, address, data);
    case n.PTRACE_SETSIGMASK:
      return setMask(tracer, thread, address, data);
    case n.PTRACE_GET_SYSCALL_INFO:
      return describeCall(tracer, thread, record, address, data);
    default:
      return -EIO;
  }
}

/** ptrace(request, id, address, data). */
export function sysPtrace(thread: Thread, regs: Utcb): i64 {
  const request = regs.rdi;
  if (request === n.PTRACE_TRACEME) return traceMe(thread);
  const id = regs.rsi as u32;
  if (request === n.PTRACE_ATTACH) return attach(thread, id, false, 0, 0);
  if (request === n.PTRACE_SEIZE) return attach(thread, id, true, regs.rdx, regs.r10);
  const other = visibleThread(thread, id);
  if (other === null) return -ESRCH;
  const record = traceeOf(other);
  if (record === null || record.tracer !== thread || record.thread === null) return -ESRCH;
  if (request === n.PTRACE_KILL) return kill(thread, record);
  if (request === n.PTRACE_INTERRUPT) return interrupt(record);
  if (record.stopped === 0 || record.listening !== 0) return -ESRCH;
  return ask(thread, record, regs);
}
