// What becomes of a system call of a thread that is watched (seccomp(2), __seccomp_filter() of Linux 6.1).

import { Utcb } from "../../libhedron/utcb";
import { ENOSYS } from "../../libroottask/errno";
import { Thread } from "../../libroottask/program";
import { SYS_exit, SYS_read, SYS_rt_sigreturn, SYS_write } from "../numbers";
import { EVENT_SECCOMP } from "../ptrace/numbers";
import { traceEvent, wantsEvent } from "../ptrace/stops";
import { suspendsFilters } from "../ptrace/tracee";
import { SIGKILL, SIGSYS } from "../signal_numbers";
import {
  INFO_ADDRESS,
  INFO_ARCHITECTURE,
  INFO_CALL,
  INFO_ERROR,
  signalInfo,
} from "../signal_queue";
import { fillInfo, force, killPending, signalPending } from "../signals";
import { linuxThread } from "../state";
import { endAlone } from "../threads";
import { DATA_BYTES } from "./filter_program";
import { askFilters } from "./filters";
import {
  MODE_STRICT,
  RET_ACTION,
  RET_ALLOW,
  RET_ERRNO,
  RET_KILL_THREAD,
  RET_LOG,
  RET_TRACE,
  RET_TRAP,
  RET_USER_NOTIF,
} from "./numbers";

/** AUDIT_ARCH_X86_64: a little-endian 64-bit machine of ELF number 62. */
const ARCHITECTURE: u32 = 0xc000_003e;
/** si_code of SIGSYS: SYS_SECCOMP. */
const SYS_SECCOMP: i32 = 1;
const ERRNO_MAX: u32 = 4095;

/** struct seccomp_data of the call that is looked at. */
const data = memory.data(64);

function describe(number: u32, regs: Utcb): void {
  store<u32>(data, number);
  store<u32>(data, ARCHITECTURE, 4);
  store<u64>(data, regs.rip, 8);
  store<u64>(data, regs.rdi, 16);
  store<u64>(data, regs.rsi, 24);
  store<u64>(data, regs.rdx, 32);
  store<u64>(data, regs.r10, 40);
  store<u64>(data, regs.r8, 48);
  store<u64>(data, regs.r9, 56);
}

if (DATA_BYTES !== 64) ERROR("struct seccomp_data");

/** `thread` gets the signal of the call `number`, for which a filter has given `reason`; it dies of it where it is to. */
function signal(thread: Thread, number: u32, reason: u32, dies: bool, regs: Utcb): void {
  fillInfo(SIGSYS, SYS_SECCOMP);
  store<u32>(signalInfo + INFO_ERROR, reason);
  store<u64>(signalInfo + INFO_ADDRESS, regs.rip);
  store<u32>(signalInfo + INFO_CALL, number);
  store<u32>(signalInfo + INFO_ARCHITECTURE, ARCHITECTURE);
  force(thread, SIGSYS, dies);
}

function isStrictlyAllowed(number: u32): bool {
  return (
    number === SYS_read ||
    number === SYS_write ||
    number === SYS_exit ||
    number === SYS_rt_sigreturn
  );
}

/** A filter of `thread` asks its tracer about the call, which that may change: the other filters are asked about that again. */
function tracerLets(thread: Thread, regs: Utcb, reason: u32): bool {
  const own = linuxThread(thread);
  if (asksAgain || !wantsEvent(thread, EVENT_SECCOMP)) {
    if (!asksAgain) regs.rax = -ENOSYS as i64 as u64;
    return asksAgain;
  }
  regs.rax = -ENOSYS as i64 as u64;
  traceEvent(thread, EVENT_SECCOMP, reason as u64);
  if (signalPending(thread)) thread.alerted = 1;
  if (killPending(thread) || (own.call as i32) < 0) return false;
  regs.rax = own.call;
  asksAgain = true;
  const passed = passes(thread, regs);
  asksAgain = false;
  return passed;
}

/** The tracer has been asked already. */
let asksAgain: bool = false;

/**
 * The call in `regs` of `thread`, which is watched, may be made; `regs.rip` is behind its SYSCALL. False: it is not, RAX
 * is what it returns, and a signal may be pending. A thread that ends by it does not return.
 */
export function passes(thread: Thread, regs: Utcb): bool {
  const number = regs.rax as u32;
  if (suspendsFilters(thread)) return true;
  if (linuxThread(thread).seccomp === MODE_STRICT) {
    if (!isStrictlyAllowed(number)) endAlone(thread, SIGKILL);
    return true;
  }
  describe(number, regs);
  const answer = askFilters(thread, data);
  const reason = answer & ~RET_ACTION;
  switch (answer & RET_ACTION) {
    case RET_ALLOW:
    case RET_LOG:
      return true;
    case RET_ERRNO:
      regs.rax = -(min<u32>(reason, ERRNO_MAX) as i64) as u64;
      return false;
    case RET_TRAP:
      signal(thread, number, reason, false, regs);
      return false;
    case RET_TRACE:
      return tracerLets(thread, regs, reason);
    // Nobody listens.
    case RET_USER_NOTIF:
      regs.rax = -ENOSYS as i64 as u64;
      return false;
    case RET_KILL_THREAD:
      if (thread.program.alive > 1) endAlone(thread, SIGSYS);
      break;
    default:
      break;
  }
  signal(thread, number, reason, true, regs);
  return false;
}
