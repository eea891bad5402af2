// Resource limits: getrlimit(2), setrlimit(2), prlimit(2). Those on descriptors and on the size of files are
// kept to; the others are remembered.

import { Utcb } from "../libhedron/utcb";
import { FILES_MAX } from "../libroottask/descriptors";
import { EFAULT, EINVAL, EPERM, ESRCH } from "../libroottask/errno";
import { setPregrant } from "../libroottask/pregrant";
import { Program } from "../libroottask/program";
import { copyFrom, copyTo } from "../libroottask/space";
import { limitOf, RLIMIT_BYTES, RLIMITS } from "./state";

const RLIMIT_FSIZE: u32 = 1;
const RLIMIT_DATA: u32 = 2;
const RLIMIT_STACK: u32 = 3;
const RLIMIT_CORE: u32 = 4;
const RLIMIT_NOFILE: u32 = 7;
const RLIMIT_MEMLOCK: u32 = 8;
const RLIMIT_AS: u32 = 9;
const RLIMIT_SIGPENDING: u32 = 11;
const RLIMIT_MSGQUEUE: u32 = 12;
const RLIMIT_NICE: u32 = 13;
const RLIMIT_RTPRIO: u32 = 14;
/** What Linux gives of memory that stays and of message queues, in bytes. */
const LOCKED_BYTES: u64 = 8 << 20;
const QUEUES_BYTES: u64 = 819_200;
/** Signals that may queue, by default: Linux takes a number that grows with the machine's memory. */
const SIGNALS_QUEUED: u64 = 4096;
const RLIM_INFINITY: u64 = ~(0 as u64);

/** Default stack of a program, also what is mapped. */
export const STACK_SIZE: u64 = 8 << 20;

/** struct rlimit64: the limit, and what it may be raised to. */
const wanted = memory.data(16);

function setLimit(program: Program, resource: u32, soft: u64, hard: u64): void {
  const limit = limitOf(program, resource);
  store<u64>(limit, soft);
  store<u64>(limit + 8, hard);
  if (resource === RLIMIT_NOFILE) program.filesLimit = soft as u32;
  else if (resource === RLIMIT_FSIZE) program.fileLimit = soft;
}

/** What a new program starts with. */
export function initLimits(program: Program): void {
  for (let resource: u32 = 0; resource < RLIMITS; resource++) {
    setLimit(program, resource, RLIM_INFINITY, RLIM_INFINITY);
  }
  setLimit(program, RLIMIT_STACK, STACK_SIZE, RLIM_INFINITY);
  setLimit(program, RLIMIT_SIGPENDING, SIGNALS_QUEUED, SIGNALS_QUEUED);
  setLimit(program, RLIMIT_CORE, 0, 0);
  setLimit(program, RLIMIT_NICE, 0, 0);
  setLimit(program, RLIMIT_RTPRIO, 0, 0);
  setLimit(program, RLIMIT_MSGQUEUE, QUEUES_BYTES, QUEUES_BYTES);
  setLimit(program, RLIMIT_MEMLOCK, LOCKED_BYTES, LOCKED_BYTES);
  setLimit(program, RLIMIT_NOFILE, FILES_MAX as u64, FILES_MAX as u64);
}

function isUnlimited(program: Program, resource: u32): bool {
  return load<u64>(limitOf(program, resource)) === RLIM_INFINITY;
}

/** Lets the mediator hand out memory by itself, if it is to, unless a limit on memory would have to be looked at. */
export function pregrantMemory(program: Program): void {
  const mayGrant = isUnlimited(program, RLIMIT_DATA) && isUnlimited(program, RLIMIT_AS);
  setPregrant(program.space, mayGrant ? program.pregrant : 0);
}

/** Changes a limit to what is at `address` of the program, and puts what it was to `old`; either may be 0. */
function change(program: Program, resource: u64, address: u64, old: u64): i64 {
  if (address !== 0 && !copyFrom(program.space, wanted, address, RLIMIT_BYTES)) return -EFAULT;
  if ((resource & 0xffff_ffff) >= (RLIMITS as u64)) return -EINVAL;
  const limit = limitOf(program, resource as u32);
  const soft = load<u64>(wanted);
  const hard = load<u64>(wanted + 8);
  if (address !== 0) {
    if (soft > hard) return -EINVAL;
    // More descriptors than a table has cannot be had.
    if ((resource as u32) === RLIMIT_NOFILE && hard > (FILES_MAX as u64)) return -EPERM;
  }
  if (old !== 0 && !copyTo(program.space, old, limit, RLIMIT_BYTES)) return -EFAULT;
  if (address !== 0) {
    setLimit(program, resource as u32, soft, hard);
    pregrantMemory(program);
  }
  return 0;
}

/** prlimit64(pid, resource, new, old), of the own program. */
export function sysPrlimit(program: Program, regs: Utcb): i64 {
  if ((regs.rdi as u32) !== 0 && (regs.rdi as u32) !== program.id) return -ESRCH;
  return change(program, regs.rsi, regs.rdx, regs.r10);
}

/** getrlimit(resource, limit). */
export function sysGetrlimit(program: Program, regs: Utcb): i64 {
  if (regs.rdi >= (RLIMITS as u64)) return -EINVAL;
  return regs.rsi === 0 ? -EFAULT : change(program, regs.rdi, 0, regs.rsi);
}

/** setrlimit(resource, limit). */
export function sysSetrlimit(program: Program, regs: Utcb): i64 {
  return regs.rsi === 0 ? -EFAULT : change(program, regs.rdi, regs.rsi, 0);
}
