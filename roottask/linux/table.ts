// The system call table of the Linux personality: number → function, as arch/x86/entry/syscalls/
// syscall_64.tbl numbers them. Each family fills in its part. A call without an entry returns -ENOSYS and
// is named in the log when the program has ended, so that a missing one is seen.

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

/** Remembers that `number` was asked for; numbers beyond the table count as its last. */
function noteMissing(task: Task, number: u64): void {
  const entry = min<u64>(number, (SYSTEM_CALLS - 1) as u64) as u32;
  const slot = changetype<usize>(task) + offsetof<Task>("missing") + (entry >> 3);
  store<u8>(slot, load<u8>(slot) | (((1 as u32) << (entry & 7)) as u8));
}

/** Names the calls `process` made that are not there; called when it has ended. */
export function reportMissing(process: Process): void {
  if (process.personality === 0) return;
  const missing = process.personality + offsetof<Task>("missing");
  let found = false;
  for (let number: u32 = 0; number < SYSTEM_CALLS; number++) {
    if ((load<u8>(missing + (number >> 3)) & (((1 as u32) << (number & 7)) as u8)) === 0) continue;
    if (!found) {
      line("");
      sayText(process.name, process.nameLength);
      say(" made system calls that are not supported (ENOSYS):");
      found = true;
    }
    say(" ");
    if (number === SYSTEM_CALLS - 1) say("beyond ");
    sayDecimal(number as u64);
  }
  if (found) endLine();
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
    noteMissing(task, number);
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
