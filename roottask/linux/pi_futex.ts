// Futexes that are locks with priority inheritance: FUTEX_LOCK_PI, FUTEX_LOCK_PI2, FUTEX_TRYLOCK_PI, FUTEX_UNLOCK_PI, and
// FUTEX_WAKE_OP (futex(2)). The word is the owner's thread id. There is one priority, so who waits first comes first.

import { Utcb } from "../libhedron/utcb";
import { monotonic } from "../libroottask/clock";
import {
  EAGAIN,
  EDEADLK,
  EFAULT,
  EINTR,
  EINVAL,
  ENOSYS,
  EPERM,
  ESRCH,
  ETIMEDOUT,
} from "../libroottask/errno";
import { meantId, seenBy, seenId } from "../libroottask/pid_numbers";
import {
  firstProgram,
  Thread,
  threadWithId,
  WAIT_INTERRUPTED,
  WAIT_TIMED_OUT,
} from "../libroottask/program";
import { waitUntil } from "../libroottask/readiness";
import { exchange32, get32, got } from "../libroottask/space";
import { waiting, wake } from "../libroottask/wait_queue";
import {
  FUTEX_CLOCK_REALTIME,
  FUTEX_OWNER_DIED,
  FUTEX_PRIVATE,
  FUTEX_TID_MASK,
  FUTEX_WAITERS,
  wakeCount,
} from "./futex_operations";
import { findFutex, futexChannel, futexKey, lockChannel, lockChannelOf } from "./futex_place";
import { linuxThread } from "./state";
import { absoluteEnd } from "./time_limit";
import { userRange } from "./transfer";

const FUTEX_WAKE_OP: u32 = 5;
const FUTEX_LOCK_PI: u32 = 6;
const FUTEX_UNLOCK_PI: u32 = 7;
const FUTEX_TRYLOCK_PI: u32 = 8;
const FUTEX_LOCK_PI2: u32 = 13;

/** Gives the lock at `address`, which has been found, to the first of those who wait for it: 0, or -EFAULT. */
function passLock(thread: Thread, address: u64, bits: u32): i64 {
  const space = thread.program.space;
  const next = waiting(lockChannel(), futexKey);
  const value = next === null ? bits : seenBy(next.program, next.id) | FUTEX_WAITERS | bits;
  let done = exchange32(space, address, value);
  while (done === 0) done = exchange32(space, address, value);
  if (done < 0) return -EFAULT;
  wake(lockChannel(), futexKey, 1);
  return 0;
}

/** Takes the lock, which has been found, where nobody has it: 1; 0 where somebody else does, who knows then that there are others. */
function takeLock(thread: Thread, address: u64): i64 {
  return takeLockFor(thread, thread, address, false);
}

/** As `takeLock` in the memory of `caller`, for `thread`; with a `crowd` others are about to wait for it as well. */
export function takeLockFor(caller: Thread, thread: Thread, address: u64, crowd: bool): i64 {
  const space = caller.program.space;
  if (!get32(space, address)) return -EFAULT;
  // The program's threads take and give it up without a call, while nobody waits.
  while (true) {
    const value = got as u32;
    const owner = value & FUTEX_TID_MASK;
    const own = seenBy(thread.program, thread.id);
    if (owner === own) return -EDEADLK;
    let wanted = value | FUTEX_WAITERS;
    if (owner === 0) {
      const others = crowd || waiting(lockChannel(), futexKey) !== null;
      wanted = (value & FUTEX_OWNER_DIED) | own | (others ? FUTEX_WAITERS : 0);
    }
    const done = exchange32(space, address, wanted);
    if (done < 0) return -EFAULT;
    if (done === 0) continue;
    if (owner === 0) return 1;
    // It is told that there are others before it is looked for.
    return threadWithId(meantId(owner)) === null ? -ESRCH : 0;
  }
}

/** Waits for the lock until monotonic time `end` in nanoseconds, 0 for ever. */
function lock(thread: Thread, address: u64, end: u64): i64 {
  const space = thread.program.space;
  const taken = takeLock(thread, address);
  if (taken !== 0) return min<i64>(taken, 0);
  linuxThread(thread).lockAddress = address;
  const outcome = waitUntil(thread, lockChannel(), futexKey, end);
  linuxThread(thread).lockAddress = 0;
  // Whoever gave it away has named this thread.
  if (!get32(space, address)) return -EFAULT;
  if (((got as u32) & FUTEX_TID_MASK) === seenId(thread.id)) return 0;
  if (outcome === WAIT_TIMED_OUT) return -ETIMEDOUT;
  return outcome === WAIT_INTERRUPTED ? -EINTR : -EAGAIN;
}

function unlock(thread: Thread, address: u64): i64 {
  if (!get32(thread.program.space, address)) return -EFAULT;
  if (((got as u32) & FUTEX_TID_MASK) !== seenId(thread.id)) return -EPERM;
  return passLock(thread, address, 0);
}

/** Sign-extends the 12 lowest bits. */
function signed12(value: u32): u32 {
  return (((value << 20) as i32) >> 20) as u32;
}

/** The new word of FUTEX_WAKE_OP. */
function operate(operation: u32, old: u32, argument: u32): u32 {
  if (operation === 0) return argument;
  if (operation === 1) return old + argument;
  if (operation === 2) return old | argument;
  return operation === 3 ? old & ~argument : old ^ argument;
}

function compare(comparison: u32, old: i32, argument: i32): bool {
  if (comparison === 0) return old === argument;
  if (comparison === 1) return old !== argument;
  if (comparison === 2) return old < argument;
  if (comparison === 3) return old <= argument;
  return comparison === 4 ? old > argument : old >= argument;
}

/** FUTEX_WAKE_OP: changes a second futex, wakes who waits for the first and, by what the second was, for that. */
function wakeOperation(thread: Thread, regs: Utcb): i64 {
  const space = thread.program.space;
  const second = regs.r8;
  const code = regs.r9 as u32;
  const operation = (code >> 28) & 7;
  const comparison = (code >> 24) & 15;
  let argument = signed12(code >> 12);
  if ((second & 3) !== 0) return -EINVAL;
  // FUTEX_OP_OPARG_SHIFT: the argument is a bit's number.
  if (code >> 31 !== 0) argument = (1 as u32) << (argument & 31);
  const shared = ((regs.rsi as u32) & FUTEX_PRIVATE) === 0;
  if (!userRange(second, 4) || (shared && !get32(space, second))) return -EFAULT;
  if (operation > 4) return -ENOSYS;
  if (!get32(space, second)) return -EFAULT;
  let old: u32 = 0;
  let done: i32 = 0;
  while (done === 0) {
    old = got as u32;
    done = exchange32(space, second, operate(operation, old, argument));
  }
  if (done < 0) return -EFAULT;
  if (comparison > 5) return -ENOSYS;
  let woken = wake(futexChannel, futexKey, wakeCount(regs.rdx));
  if (compare(comparison, old as i32, signed12(code) as i32)) {
    findFutex(space, second, ((regs.rsi as u32) & FUTEX_PRIVATE) !== 0);
    woken += wake(futexChannel, futexKey, wakeCount(regs.r10));
  }
  return woken as i64;
}

/** futex(2), the operations of this file on the futex that has been found; `command` is without its flags. */
export function lockFutex(thread: Thread, regs: Utcb, command: u32): i64 {
  const realtime = ((regs.rsi as u32) & FUTEX_CLOCK_REALTIME) !== 0;
  if (realtime && command !== FUTEX_LOCK_PI2) return -ENOSYS;
  if (command === FUTEX_WAKE_OP) return wakeOperation(thread, regs);
  if (command === FUTEX_UNLOCK_PI) return unlock(thread, regs.rdi);
  if (command === FUTEX_TRYLOCK_PI) {
    const taken = takeLock(thread, regs.rdi);
    return taken === 0 ? -EAGAIN : min<i64>(taken, 0);
  }
  if (command !== FUTEX_LOCK_PI && command !== FUTEX_LOCK_PI2) return -ENOSYS;
  const ofDay = realtime || command === FUTEX_LOCK_PI;
  const end = absoluteEnd(thread.program, regs.r10, ofDay);
  if (end < 0) return end;
  if (end !== 0 && (end as u64) <= monotonic()) {
    const taken = takeLock(thread, regs.rdi);
    return taken === 0 ? -ETIMEDOUT : min<i64>(taken, 0);
  }
  return lock(thread, regs.rdi, end as u64);
}

/** Where `other` waits for a lock that `thread`, which leaves, has: passes it on. */
function passIfOwned(thread: Thread, other: Thread): void {
  const space = other.program.space;
  const address = linuxThread(other).lockAddress;
  if (other.waiting === 0 || address === 0 || !get32(space, address)) return;
  const owner = (got as u32) & FUTEX_TID_MASK;
  const died = ((got as u32) & FUTEX_OWNER_DIED) !== 0;
  if (owner !== seenBy(other.program, thread.id) && (owner !== 0 || !died)) return;
  // Channel and key are those that it waits for.
  findFutex(space, address, other.channel === lockChannelOf(changetype<usize>(space)));
  passLock(other, address, FUTEX_OWNER_DIED);
}

/** `thread` leaves: locks that it has go to those who wait for them, in other processes, too. */
export function leaveLocks(thread: Thread): void {
  let program = firstProgram();
  while (program !== null) {
    let other: Thread | null = program.personality === 0 ? null : program.threads;
    while (other !== null) {
      const next: Thread | null = other.next;
      passIfOwned(thread, other);
      other = next;
    }
    program = program.next;
  }
}
