// Who and where a program is: ids, names, limits, resources, thread-local bases, and the calls of C
// libraries' start-up that have one sensible answer for a single-threaded program run by root.

import { MTD_FS_GS } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import { SPACE_END, Space } from "../libroottask/areas";
import { monotonic } from "../libroottask/clock";
import { endProgram } from "../libroottask/domain";
import { EFAULT, EINVAL, ENODEV, ENOSYS, EPERM } from "../libroottask/errno";
import { freePages, totalPages } from "../libroottask/pages";
import { seenId } from "../libroottask/pid_numbers";
import { Program, STATE_EXITED, Thread } from "../libroottask/program";
import { randomBytes } from "../libroottask/random";
import { copyTo, inPage, put32, put64 } from "../libroottask/space";
import { copyLiteral } from "../libroottask/text";
import { CLOCK_BOOTTIME } from "./clock_ids";
import { hostNames, NAME_FIELD } from "./host_names";
import { clockOffset } from "./namespaces/time";
import { tellEvent } from "./ptrace/hooks";
import { EVENT_EXIT } from "./ptrace/numbers";
import { linuxThread } from "./state";
import { TRANSFER_MAX, userRange } from "./transfer";

const ARCH_SET_GS: u64 = 0x1001;
const ARCH_SET_FS: u64 = 0x1002;
const ARCH_GET_FS: u64 = 0x1003;
const ARCH_GET_GS: u64 = 0x1004;
const ARCH_GET_CPUID: u64 = 0x1011;
const ARCH_SET_CPUID: u64 = 0x1012;

/** Flags of getrandom(2). */
const GRND_NONBLOCK: u32 = 1;
const GRND_RANDOM: u32 = 2;
const GRND_INSECURE: u32 = 4;

const UTS_FIELD: u32 = 65;
const UTS_BYTES: u32 = 390;
const SECOND: u64 = 1_000_000_000;

const BUFFER_BYTES: u32 = 512;
const buffer = memory.data(512);

export function sysGetpid(program: Program, _regs: Utcb): i64 {
  return seenId(program.id) as i64;
}

export function sysGettid(thread: Thread, _regs: Utcb): i64 {
  return seenId(thread.id) as i64;
}

/** exit_group(status). */
export function sysExitGroup(thread: Thread, regs: Utcb): i64 {
  tellEvent(thread, EVENT_EXIT, (regs.rdi & 0xff) << 8);
  endProgram(thread, STATE_EXITED, (regs.rdi & 0xff) as u32);
  return 0;
}

/** uname(utsname). */
export function sysUname(program: Program, regs: Utcb): i64 {
  memory.fill(buffer, 0, UTS_BYTES);
  copyLiteral(buffer, "Linux");
  memory.copy(buffer + UTS_FIELD, hostNames(program), NAME_FIELD);
  copyLiteral(buffer + UTS_FIELD * 2, "6.1.0");
  copyLiteral(buffer + UTS_FIELD * 3, "#1 Trihedron");
  copyLiteral(buffer + UTS_FIELD * 4, "x86_64");
  memory.copy(buffer + UTS_FIELD * 5, hostNames(program) + NAME_FIELD, NAME_FIELD);
  return copyTo(program.space, regs.rdi, buffer, UTS_BYTES) ? 0 : -EFAULT;
}

/** arch_prctl(code, address): bases of FS and GS, and whether CPUID faults. */
export function sysArchPrctl(thread: Thread, regs: Utcb): i64 {
  return archPrctl(thread, regs, thread.program.space, regs.rdi, regs.rsi);
}

/** The same for `thread`, whose registers are `regs`; what is told goes to `space`. */
export function archPrctl(thread: Thread, regs: Utcb, space: Space, code: u64, address: u64): i64 {
  const own = linuxThread(thread);
  if (code === ARCH_GET_FS) return put64(space, address, own.fsBase) ? 0 : -EFAULT;
  if (code === ARCH_GET_GS) return put64(space, address, own.gsBase) ? 0 : -EFAULT;
  // CPUID can always be executed: there are no faults to be had of it.
  if (code === ARCH_GET_CPUID) return 1;
  if (code === ARCH_SET_CPUID) return -ENODEV;
  if (code !== ARCH_SET_FS && code !== ARCH_SET_GS) return -EINVAL;
  if (address >= SPACE_END) return -EPERM;
  if (code === ARCH_SET_FS) own.fsBase = address;
  else own.gsBase = address;
  regs.fsBase = own.fsBase;
  regs.gsBase = own.gsBase;
  regs.mtd |= MTD_FS_GS;
  return 0;
}

/** set_tid_address(address). */
export function sysSetTidAddress(thread: Thread, regs: Utcb): i64 {
  linuxThread(thread).clearTid = regs.rdi;
  return seenId(thread.id) as i64;
}

/** rseq(2) and others whose absence every C library expects: not worth a line in the log. */
export function sysAbsent(_program: Program, _regs: Utcb): i64 {
  return -ENOSYS;
}

/** sysinfo(info). */
export function sysSysinfo(program: Program, regs: Utcb): i64 {
  memory.fill(buffer, 0, 112);
  // A second that has begun counts.
  const up = monotonic() + (clockOffset(program, CLOCK_BOOTTIME) as u64);
  store<u64>(buffer, (up + SECOND - 1) / SECOND);
  store<u64>(buffer + 32, (totalPages() as u64) << 12);
  store<u64>(buffer + 40, (freePages() as u64) << 12);
  store<u16>(buffer + 80, 1);
  store<u32>(buffer + 104, 1);
  return copyTo(program.space, regs.rdi, buffer, 112) ? 0 : -EFAULT;
}

/** getcpu(cpu, node, cache). */
export function sysGetcpu(thread: Thread, regs: Utcb): i64 {
  const space = thread.program.space;
  if (regs.rdi !== 0 && !put32(space, regs.rdi, thread.processor)) return -EFAULT;
  return regs.rsi !== 0 && !put32(space, regs.rsi, 0) ? -EFAULT : 0;
}

/** getrandom(buffer, size, flags): what has been filled in where an address that may not be written to comes. */
export function sysGetrandom(program: Program, regs: Utcb): i64 {
  const flags = regs.rdx as u32;
  const source = flags & (GRND_RANDOM | GRND_INSECURE);
  if ((flags & ~(GRND_NONBLOCK | source)) !== 0 || source === (GRND_RANDOM | GRND_INSECURE)) {
    return -EINVAL;
  }
  const size = min<u64>(regs.rsi, TRANSFER_MAX);
  if (!userRange(regs.rdi, size)) return -EFAULT;
  let done: u64 = 0;
  while (done < size) {
    const address = regs.rdi + done;
    const piece = inPage(address, min<u64>(size - done, BUFFER_BYTES as u64));
    randomBytes(buffer, piece);
    if (!copyTo(program.space, address, buffer, piece)) return done === 0 ? -EFAULT : (done as i64);
    done += piece as u64;
  }
  return done as i64;
}
