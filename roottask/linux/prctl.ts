// prctl(2): names, what happens at the parent's end, dumpability, capabilities that are kept, bounded and ambient. Left
// out: speculation controls, machine checks, the layout of memory (PR_SET_MM), names of mappings.

import { Utcb } from "../libhedron/utcb";
import {
  CAP_LAST,
  CAP_SETPCAP,
  Credentials,
  copyCredentials,
  hasCapability,
} from "../libroottask/credentials";
import { EFAULT, EINVAL, ENOMEM, EPERM } from "../libroottask/errno";
import { Thread } from "../libroottask/program";
import { copyText, copyTo, put32, put64 } from "../libroottask/space";
import { become, SECBIT_KEEP_CAPS } from "./credentials";
import { setSeccomp } from "./seccomp/calls";
import { LinuxThread, linuxProgram, linuxThread, NAME_BYTES, SIGNALS } from "./state";

/** Options, include/uapi/linux/prctl.h. */
const PR_SET_PDEATHSIG: u32 = 1;
const PR_GET_PDEATHSIG: u32 = 2;
const PR_GET_DUMPABLE: u32 = 3;
const PR_SET_DUMPABLE: u32 = 4;
const PR_GET_KEEPCAPS: u32 = 7;
const PR_SET_KEEPCAPS: u32 = 8;
const PR_GET_TIMING: u32 = 13;
const PR_SET_TIMING: u32 = 14;
const PR_SET_NAME: u32 = 15;
const PR_GET_NAME: u32 = 16;
const PR_GET_SECCOMP: u32 = 21;
const PR_SET_SECCOMP: u32 = 22;
const PR_CAPBSET_READ: u32 = 23;
const PR_CAPBSET_DROP: u32 = 24;
const PR_GET_TSC: u32 = 25;
const PR_GET_SECUREBITS: u32 = 27;
const PR_SET_SECUREBITS: u32 = 28;
const PR_SET_TIMERSLACK: u32 = 29;
const PR_GET_TIMERSLACK: u32 = 30;
const PR_SET_CHILD_SUBREAPER: u32 = 36;
const PR_GET_CHILD_SUBREAPER: u32 = 37;
const PR_SET_NO_NEW_PRIVS: u32 = 38;
const PR_GET_NO_NEW_PRIVS: u32 = 39;
const PR_GET_TID_ADDRESS: u32 = 40;
const PR_SET_THP_DISABLE: u32 = 41;
const PR_GET_THP_DISABLE: u32 = 42;
const PR_CAP_AMBIENT: u32 = 47;

const PR_CAP_AMBIENT_IS_SET: u64 = 1;
const PR_CAP_AMBIENT_RAISE: u64 = 2;
const PR_CAP_AMBIENT_LOWER: u64 = 3;
const PR_CAP_AMBIENT_CLEAR_ALL: u64 = 4;

/** The time stamp counter may be read. */
const PR_TSC_ENABLE: u32 = 1;

/** Bits of `securebits`, and for each the one above that locks it (include/uapi/linux/securebits.h). */
const SECURE_BITS: u64 = 0x555;
const SECURE_LOCKS: u64 = SECURE_BITS << 1;
const SECBIT_NO_CAP_AMBIENT_RAISE: u32 = 0x40;

/** Gives `thread` other `securebits`, as a copy of what it acts as. */
function setSecurebits(thread: Thread, bits: u32): i64 {
  const next = copyCredentials(thread.credentials);
  if (next === null) return -ENOMEM;
  next.securebits = bits;
  become(thread, next);
  return 0;
}

function setKeepCaps(thread: Thread, value: u64): i64 {
  if (value > 1) return -EINVAL;
  const bits = thread.credentials.securebits;
  // Locked.
  if ((bits & (SECBIT_KEEP_CAPS << 1)) !== 0) return -EPERM;
  const kept = bits & ~SECBIT_KEEP_CAPS;
  return setSecurebits(thread, value !== 0 ? kept | SECBIT_KEEP_CAPS : kept);
}

function changeSecurebits(thread: Thread, wanted: u64): i64 {
  const own = thread.credentials;
  const bits = own.securebits as u64;
  const locked = ((bits & SECURE_LOCKS) >> 1) & (bits ^ wanted);
  const unlocks = bits & SECURE_LOCKS & ~wanted;
  if (locked !== 0 || unlocks !== 0 || (wanted & ~(SECURE_LOCKS | SECURE_BITS)) !== 0)
    return -EPERM;
  if (!hasCapability(own, CAP_SETPCAP)) return -EPERM;
  return setSecurebits(thread, wanted as u32);
}

function isIn(set: u64, capability: u64): bool {
  return ((set >> capability) & 1) !== 0;
}

function dropBounding(thread: Thread, capability: u64): i64 {
  if (!hasCapability(thread.credentials, CAP_SETPCAP)) return -EPERM;
  if (capability > CAP_LAST) return -EINVAL;
  const next = copyCredentials(thread.credentials);
  if (next === null) return -ENOMEM;
  next.bounding &= ~((1 as u64) << capability);
  become(thread, next);
  return 0;
}

/** May `capability` be added to the ambient set of `own`? */
function mayRaise(own: Credentials, capability: u64): bool {
  const had = isIn(own.permitted, capability) && isIn(own.inheritable, capability);
  return had && (own.securebits & SECBIT_NO_CAP_AMBIENT_RAISE) === 0;
}

function ambient(thread: Thread, operation: u64, capability: u64, rest: u64): i64 {
  const own = thread.credentials;
  let set: u64 = 0;
  if (operation === PR_CAP_AMBIENT_CLEAR_ALL) {
    if ((capability | rest) !== 0) return -EINVAL;
  } else {
    if (rest !== 0 || capability > CAP_LAST) return -EINVAL;
    const bit = (1 as u64) << capability;
    if (operation === PR_CAP_AMBIENT_IS_SET) return isIn(own.ambient, capability) ? 1 : 0;
    if (operation === PR_CAP_AMBIENT_RAISE) {
      if (!mayRaise(own, capability)) return -EPERM;
      set = own.ambient | bit;
    } else if (operation === PR_CAP_AMBIENT_LOWER) {
      set = own.ambient & ~bit;
    } else {
      return -EINVAL;
    }
  }
  const next = copyCredentials(own);
  if (next === null) return -ENOMEM;
  next.ambient = set;
  become(thread, next);
  return 0;
}

const buffer = memory.data(16);

/** What is behind 15 bytes of the name is not looked at. */
function setName(thread: Thread, address: u64): i64 {
  memory.fill(buffer, 0, NAME_BYTES);
  if (copyText(thread.program.space, buffer, address, NAME_BYTES - 1) === -1) return -EFAULT;
  memory.copy(nameOf(thread), buffer, NAME_BYTES);
  return 0;
}

function nameOf(thread: Thread): usize {
  return changetype<usize>(linuxThread(thread)) + offsetof<LinuxThread>("name0");
}

function putInt(thread: Thread, address: u64, value: u32): i64 {
  return put32(thread.program.space, address, value) ? 0 : -EFAULT;
}

/** Options about the process and its end. */
function processOption(thread: Thread, option: u32, regs: Utcb): i64 {
  const own = linuxThread(thread);
  const program = linuxProgram(thread.program);
  const value = regs.rsi;
  switch (option) {
    case PR_SET_PDEATHSIG:
      if (value > (SIGNALS as u64)) return -EINVAL;
      own.parentDeath = value as u32;
      return 0;
    case PR_GET_PDEATHSIG:
      return putInt(thread, value, own.parentDeath);
    case PR_GET_DUMPABLE:
      return program.dumpable as i64;
    case PR_SET_DUMPABLE:
      if (value > 1) return -EINVAL;
      program.dumpable = value as u32;
      return 0;
    case PR_SET_CHILD_SUBREAPER:
      program.subreaper = value !== 0 ? 1 : 0;
      return 0;
    case PR_GET_CHILD_SUBREAPER:
      return putInt(thread, value, program.subreaper);
    case PR_SET_THP_DISABLE:
      if ((regs.rdx | regs.r10 | regs.r8) !== 0) return -EINVAL;
      program.smallPages = value !== 0 ? 1 : 0;
      return 0;
    case PR_GET_THP_DISABLE:
      if ((value | regs.rdx | regs.r10 | regs.r8) !== 0) return -EINVAL;
      return program.smallPages as i64;
    default:
      return threadOption(thread, option, regs);
  }
}

/** Options about the thread. */
function threadOption(thread: Thread, option: u32, regs: Utcb): i64 {
  const own = linuxThread(thread);
  const value = regs.rsi;
  const rest = regs.rdx | regs.r10 | regs.r8;
  switch (option) {
    case PR_SET_NAME:
      return setName(thread, value);
    case PR_GET_NAME:
      return copyTo(thread.program.space, value, nameOf(thread), NAME_BYTES) ? 0 : -EFAULT;
    case PR_GET_TSC:
      return putInt(thread, value, PR_TSC_ENABLE);
    // Times are counted by clocks, not by processes.
    case PR_SET_TIMING:
      return value === 0 ? 0 : -EINVAL;
    case PR_GET_TIMING:
      return 0;
    case PR_GET_SECCOMP:
      return own.seccomp as i64;
    case PR_SET_SECCOMP:
      return setSeccomp(thread, value, regs.rdx);
    case PR_SET_TIMERSLACK:
      own.timerSlack = (value as i64) <= 0 ? own.usualSlack : value;
      return 0;
    case PR_GET_TIMERSLACK:
      return own.timerSlack as i64;
    case PR_SET_NO_NEW_PRIVS:
      if (value !== 1 || rest !== 0) return -EINVAL;
      own.noNewPrivileges = 1;
      return 0;
    case PR_GET_NO_NEW_PRIVS:
      return (value | rest) !== 0 ? -EINVAL : (own.noNewPrivileges as i64);
    case PR_GET_TID_ADDRESS:
      return put64(thread.program.space, value, own.clearTid) ? 0 : -EFAULT;
    default:
      return -EINVAL;
  }
}

/** prctl(option, …). */
export function sysPrctl(thread: Thread, regs: Utcb): i64 {
  const value = regs.rsi;
  const credentials = thread.credentials;
  const option = regs.rdi as u32;
  switch (option) {
    case PR_GET_KEEPCAPS:
      return (credentials.securebits & SECBIT_KEEP_CAPS) !== 0 ? 1 : 0;
    case PR_SET_KEEPCAPS:
      return setKeepCaps(thread, value);
    case PR_CAPBSET_READ:
      return value > CAP_LAST ? -EINVAL : isIn(credentials.bounding, value) ? 1 : 0;
    case PR_CAPBSET_DROP:
      return dropBounding(thread, value);
    case PR_GET_SECUREBITS:
      return credentials.securebits as i64;
    case PR_SET_SECUREBITS:
      return changeSecurebits(thread, value);
    case PR_CAP_AMBIENT:
      return ambient(thread, value, regs.rdx, regs.r10 | regs.r8);
    default:
      return processOption(thread, option, regs);
  }
}
