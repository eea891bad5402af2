// PTRACE_GET_SYSCALL_INFO of ptrace(2): struct ptrace_syscall_info of a tracee that stands in a stop at a system call.

import { Utcb } from "../../libhedron/utcb";
import { EFAULT } from "../../libroottask/errno";
import { Thread } from "../../libroottask/program";
import { copyTo } from "../../libroottask/space";
import { SIGTRAP } from "../signal_numbers";
import { INFO_CODE } from "../signal_queue";
import { linuxThread } from "../state";
import { EVENT_SECCOMP, MARK_OF_CALLS, MESSAGE_ENTRY, MESSAGE_EXIT } from "./numbers";
import { infoOf, Tracee } from "./tracee";

/** PTRACE_SYSCALL_INFO_…: what kind of stop it is. */
const ENTRY: u8 = 1;
const EXIT: u8 = 2;
const SECCOMP: u8 = 3;

/** AUDIT_ARCH_X86_64: a little-endian 64-bit machine of ELF number 62. */
const ARCHITECTURE: u32 = 0xc000_003e;
/** Where what is said of the stop begins, and what it has: number and arguments; result and whether it is an error. */
const OF_STOP: u32 = 24;
const CALL_BYTES: u32 = 56;
const RESULT_BYTES: u32 = 9;
const INFO_BYTES: u32 = 88;
const ERRNO_MAX: i64 = 4095;

const info = memory.data(88);

function putCall(at: usize, thread: Thread, regs: Utcb): void {
  store<u64>(at, linuxThread(thread).call);
  store<u64>(at + 8, regs.rdi);
  store<u64>(at + 16, regs.rsi);
  store<u64>(at + 24, regs.rdx);
  store<u64>(at + 32, regs.r10);
  store<u64>(at + 40, regs.r8);
  store<u64>(at + 48, regs.r9);
}

/** Fills `info` in: how many bytes it has. */
function fill(thread: Thread, record: Tracee): u32 {
  const regs = thread.utcb;
  const at = info + OF_STOP;
  memory.fill(info, 0, INFO_BYTES);
  store<u32>(info + 4, ARCHITECTURE);
  store<u64>(info + 8, regs.rip);
  store<u64>(info + 16, regs.rsp);
  const code: u32 = record.hasInfo === 0 ? 0 : load<u32>(infoOf(record) + INFO_CODE);
  if (code === (SIGTRAP | (EVENT_SECCOMP << 8))) {
    store<u8>(info, SECCOMP);
    putCall(at, thread, regs);
    store<u32>(at + CALL_BYTES, record.message as u32);
    return OF_STOP + CALL_BYTES + 4;
  }
  if (code !== (SIGTRAP | MARK_OF_CALLS)) return OF_STOP;
  if (record.message === MESSAGE_ENTRY) {
    store<u8>(info, ENTRY);
    putCall(at, thread, regs);
    return OF_STOP + CALL_BYTES;
  }
  if (record.message !== MESSAGE_EXIT) return OF_STOP;
  const result = regs.rax as i64;
  const fails = result < 0 && result >= -ERRNO_MAX;
  store<u8>(info, EXIT);
  store<i64>(at, result);
  store<u8>(at + 8, fails ? 1 : 0);
  return OF_STOP + RESULT_BYTES;
}

/** Tells up to `size` bytes to `data` of the tracer: how many there are, or -EFAULT. */
export function describeCall(
  tracer: Thread,
  thread: Thread,
  record: Tracee,
  size: u64,
  data: u64,
): i64 {
  const bytes = fill(thread, record);
  const told = min<u64>(size, bytes as u64) as u32;
  return copyTo(tracer.program.space, data, info, told) ? (bytes as i64) : -EFAULT;
}
