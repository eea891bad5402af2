// Resource limits: getrlimit(2), setrlimit(2), prlimit(2). Each is kept to where what it limits is given; that on resident
// pages (RLIMIT_RSS) means nothing, as on Linux, and there are no locks that RLIMIT_LOCKS counts.

import { Utcb } from "../libhedron/utcb";
import { CAP_SYS_RESOURCE, capable } from "../libroottask/credentials";
import { FILES_HARD, FILES_SOFT, filesMost } from "../libroottask/descriptors";
import { EFAULT, EINVAL, EPERM, ESRCH } from "../libroottask/errno";
import { setPregrant } from "../libroottask/pregrant";
import { Program, Thread } from "../libroottask/program";
import { copyFrom, copyTo } from "../libroottask/space";
import { watchCpuLimit } from "./cpu_limit";
import { isOneUser, visibleThread } from "./inspect";
import {
  RLIM_INFINITY,
  RLIMIT_AS,
  RLIMIT_CORE,
  RLIMIT_CPU,
  RLIMIT_DATA,
  RLIMIT_FSIZE,
  RLIMIT_MEMLOCK,
  RLIMIT_MSGQUEUE,
  RLIMIT_NICE,
  RLIMIT_NOFILE,
  RLIMIT_RTPRIO,
  RLIMIT_SIGPENDING,
  RLIMIT_STACK,
} from "./limit_numbers";
import { limitStack } from "./memory_limits";
import { limitOf, RLIMIT_BYTES, RLIMITS } from "./state";

/** What Linux gives of memory that stays and of message queues, in bytes. */
const LOCKED_BYTES: u64 = 8 << 20;
const QUEUES_BYTES: u64 = 819_200;
/** Signals that may queue, by default: Linux takes a number that grows with the machine's memory. */
const SIGNALS_QUEUED: u64 = 4096;

/** Default stack of a program, also what is mapped. */
export const STACK_SIZE: u64 = 8 << 20;

/** struct rlimit64: the limit, and what it may be raised to. That which is asked for, and that which was. */
const wanted = memory.data(16);
const before = memory.data(16);

function setLimit(program: Program, resource: u32, soft: u64, hard: u64): void {
  const limit = limitOf(program, resource);
  store<u64>(limit, soft);
  store<u64>(limit + 8, hard);
  if (resource === RLIMIT_NOFILE) program.filesLimit = soft as u32;
  else if (resource === RLIMIT_FSIZE) program.fileLimit = soft;
}

/** The limits that a new process has that nobody made. */
export function usualLimits(program: Program): void {
  for (let resource: u32 = 0; resource < RLIMITS; resource++) {
    setLimit(program, resource, RLIM_INFINITY, RLIM_INFINITY);
  }
  setLimit(program, RLIMIT_STACK, STACK_SIZE, RLIM_INFINITY);
  setLimit(program, RLIMIT_SIGPENDING, SIGNALS_QUEUED, SIGNALS_QUEUED);
  setLimit(program, RLIMIT_CORE, 0, RLIM_INFINITY);
  setLimit(program, RLIMIT_NICE, 0, 0);
  setLimit(program, RLIMIT_RTPRIO, 0, 0);
  setLimit(program, RLIMIT_MSGQUEUE, QUEUES_BYTES, QUEUES_BYTES);
  setLimit(program, RLIMIT_MEMLOCK, LOCKED_BYTES, LOCKED_BYTES);
  setLimit(program, RLIMIT_NOFILE, FILES_SOFT as u64, FILES_HARD as u64);
}

/** What a new program of the start file starts with. */
export function initLimits(program: Program): void {
  usualLimits(program);
  program.space.growthLimit = STACK_SIZE;
}

function isUnlimited(program: Program, resource: u32): bool {
  return load<u64>(limitOf(program, resource)) === RLIM_INFINITY;
}

/** Lets the mediator hand out memory by itself, if it is to, unless a limit on memory would have to be looked at. */
export function pregrantMemory(program: Program): void {
  const free = isUnlimited(program, RLIMIT_DATA) && isUnlimited(program, RLIMIT_AS);
  const mayGrant = free && program.space.locksNew === 0;
  setPregrant(program.space, mayGrant ? program.pregrant : 0);
}

/** `wanted` is a limit that the caller may set in place of the one at `limit`: 0 or a negative error. */
function checkWanted(resource: u32, limit: usize): i64 {
  const hard = load<u64>(wanted + 8);
  if (load<u64>(wanted) > hard) return -EINVAL;
  // More descriptors than a table may have cannot be had.
  if (resource === RLIMIT_NOFILE && hard > (load<u32>(filesMost()) as u64)) return -EPERM;
  return hard > load<u64>(limit + 8) && !capable(CAP_SYS_RESOURCE) ? -EPERM : 0;
}

/** The limit of `program` has become `wanted`: what follows at once. */
function enforce(program: Program, resource: u32): void {
  setLimit(program, resource, load<u64>(wanted), load<u64>(wanted + 8));
  if (program.alive === 0) return;
  if (resource === RLIMIT_CPU) watchCpuLimit(program);
  if (resource === RLIMIT_STACK) limitStack(program.space, load<u64>(wanted));
  if (resource === RLIMIT_AS || resource === RLIMIT_DATA) pregrantMemory(program);
}

/** Makes a limit of `target` `wanted` where it `changes`, and `before` what it was. Returns 0 or a negative error. */
function exchange(target: Program, resource: u64, changes: bool): i64 {
  if (resource >= (RLIMITS as u64)) return -EINVAL;
  const limit = limitOf(target, resource as u32);
  const error = changes ? checkWanted(resource as u32, limit) : 0;
  if (error !== 0) return error;
  memory.copy(before, limit, RLIMIT_BYTES);
  if (changes) enforce(target, resource as u32);
  return 0;
}

function getWanted(program: Program, address: u64): bool {
  return copyFrom(program.space, wanted, address, RLIMIT_BYTES);
}

function putBefore(program: Program, address: u64): i64 {
  return copyTo(program.space, address, before, RLIMIT_BYTES) ? 0 : -EFAULT;
}

/** `thread` may ask for limits of `target`, or set them: its own, those of its own user, or all with CAP_SYS_RESOURCE. */
function mayLimit(thread: Thread, target: Thread): bool {
  if (thread === target || capable(CAP_SYS_RESOURCE)) return true;
  return isOneUser(thread.credentials, target.credentials);
}

/** prlimit64(pid, resource, new, old). */
export function sysPrlimit(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const changes = regs.rdx !== 0;
  if (changes && !getWanted(program, regs.rdx)) return -EFAULT;
  const target = (regs.rdi as u32) === 0 ? thread : visibleThread(thread, regs.rdi as u32);
  if (target === null) return -ESRCH;
  if (!mayLimit(thread, target)) return -EPERM;
  const error = exchange(target.program, regs.rsi, changes);
  return error !== 0 || regs.r10 === 0 ? error : putBefore(program, regs.r10);
}

/** getrlimit(resource, limit). */
export function sysGetrlimit(program: Program, regs: Utcb): i64 {
  const error = exchange(program, regs.rdi, false);
  return error === 0 ? putBefore(program, regs.rsi) : error;
}

/** setrlimit(resource, limit). */
export function sysSetrlimit(program: Program, regs: Utcb): i64 {
  return getWanted(program, regs.rsi) ? exchange(program, regs.rdi, true) : -EFAULT;
}
