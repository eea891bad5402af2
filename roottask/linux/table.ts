// The system call table of the Linux personality: number → function, as arch/x86/entry/syscalls/
// syscall_64.tbl numbers them. Each family fills in its part. A call without an entry returns -ENOSYS and
// is reported once per program, so that a missing one is seen.

import { MTD_GPR_ACDB, MTD_RFLAGS, MTD_RIP_LEN, MTD_RSP } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import { endLine, line, say, sayDecimal, sayText } from "../libroottask/console";
import { ENOSYS } from "../libroottask/errno";
import { Process } from "../libroottask/process";
import { deliverPending } from "./signals";
import { Task, taskOf } from "./task";

/** A system call: arguments are in RDI, RSI, RDX, R10, R8 and R9 of `regs`, the result goes to RAX. */
export type SystemCall = (process: Process, regs: Utcb) => i64;

export const SYSTEM_CALLS: u32 = 512;

/** Interrupts on, and the bit that is always set. */
const RFLAGS: u64 = 0x202;

const handlers = memory.data(512 * 4);

/** Enters `handler` for system call `number`. */
export function on(number: u32, handler: SystemCall): void {
  store<usize>(handlers + number * 4, changetype<usize>(handler));
}

function reportMissing(process: Process, task: Task, number: u64): void {
  if (number < (SYSTEM_CALLS as u64)) {
    const slot = changetype<usize>(task) + offsetof<Task>("missing") + ((number >> 3) as u32);
    const bit = ((1 as u32) << ((number & 7) as u32)) as u8;
    if ((load<u8>(slot) & bit) !== 0) return;
    store<u8>(slot, load<u8>(slot) | bit);
  }
  line("system call ");
  sayDecimal(number);
  say(" of ");
  sayText(process.name, process.nameLength);
  say(" is not supported: ENOSYS");
  endLine();
}

/** Handles the system call in the UTCB of `process`: user RIP is in RCX, user RSP in R11. */
export function linuxCall(process: Process): void {
  const regs = process.utcb;
  const number = regs.rax;
  regs.rip = regs.rcx;
  regs.rsp = regs.r11;
  regs.rflags = RFLAGS;
  regs.mtd = MTD_GPR_ACDB | MTD_RIP_LEN | MTD_RSP | MTD_RFLAGS;
  let handler: usize = 0;
  if (number < (SYSTEM_CALLS as u64)) handler = load<usize>(handlers + (number as u32) * 4);
  const task = taskOf(process);
  if (handler === 0) {
    reportMissing(process, task, number);
    regs.rax = -ENOSYS as u64;
    return;
  }
  const result = changetype<SystemCall>(handler)(process, regs);
  if (task.returning !== 0) {
    task.returning = 0;
  } else {
    regs.rax = result as u64;
  }
  if ((task.pending & ~task.mask) !== 0) deliverPending(process, task, regs);
}
