// FUTEX_WAIT_REQUEUE_PI and FUTEX_CMP_REQUEUE_PI (futex(2)): who waits for a condition goes on to wait for the lock that it
// is to have afterwards, without running in between. The first who is requeued gets the lock where nobody has it.

import { Utcb } from "../libhedron/utcb";
import { EAGAIN, EFAULT, EINTR, EINVAL, ETIMEDOUT } from "../libroottask/errno";
import { seenId } from "../libroottask/pid_numbers";
import { Thread, WAIT_TIMED_OUT } from "../libroottask/program";
import { waitUntil } from "../libroottask/readiness";
import { get32, got } from "../libroottask/space";
import { moveBehind, waiting, wakeThread } from "../libroottask/wait_queue";
import { FUTEX_PRIVATE, FUTEX_TID_MASK } from "./futex_operations";
import { findFutex, futexChannel, futexKey, lockChannel } from "./futex_place";
import { takeLockFor } from "./pi_futex";
import { linuxThread } from "./state";

export const FUTEX_WAIT_REQUEUE_PI: u32 = 11;
export const FUTEX_CMP_REQUEUE_PI: u32 = 12;

/** The first who waits for the futex that has been found waits to be requeued: FUTEX_WAKE is not for it. */
export function firstIsRequeued(): bool {
  const first = waiting(futexChannel, futexKey);
  return first !== null && linuxThread(first).requeueAddress !== 0;
}

/** FUTEX_WAIT_REQUEUE_PI until monotonic time `end` in nanoseconds, 0 for ever. */
export function waitToBeRequeued(thread: Thread, regs: Utcb, end: u64): i64 {
  const space = thread.program.space;
  const own = linuxThread(thread);
  const lock = regs.r8;
  if (regs.rdi === lock || (lock & 3) !== 0) return -EINVAL;
  const isPrivate = ((regs.rsi as u32) & FUTEX_PRIVATE) !== 0;
  if (!get32(space, lock)) return -EFAULT;
  findFutex(space, lock, isPrivate);
  const channel = futexChannel;
  const key = futexKey;
  findFutex(space, regs.rdi, isPrivate);
  if (!get32(space, regs.rdi)) return -EFAULT;
  if (got !== (regs.rdx & 0xffff_ffff)) return -EAGAIN;
  if (channel === futexChannel && key === futexKey) return -EINVAL;
  own.requeueAddress = lock;
  const outcome = waitUntil(thread, futexChannel, futexKey, end);
  own.requeueAddress = 0;
  const requeued = own.lockAddress !== 0;
  own.lockAddress = 0;
  // Whoever gave the lock away has named this thread.
  if (!get32(space, lock)) return -EFAULT;
  if (((got as u32) & FUTEX_TID_MASK) === seenId(thread.id)) return 0;
  if (outcome === WAIT_TIMED_OUT) return -ETIMEDOUT;
  return requeued ? -EAGAIN : -EINTR;
}

/** FUTEX_CMP_REQUEUE_PI: how many have got the lock or wait for it now, or a negative error. */
export function requeueToLock(thread: Thread, regs: Utcb): i64 {
  const space = thread.program.space;
  const lock = regs.r8;
  const requeues = regs.r10 as i32;
  if ((regs.rdx as u32) !== 1 || requeues < 0 || regs.rdi === lock || (lock & 3) !== 0)
    return -EINVAL;
  const isPrivate = ((regs.rsi as u32) & FUTEX_PRIVATE) !== 0;
  findFutex(space, regs.rdi, isPrivate);
  const channel = futexChannel;
  const key = futexKey;
  findFutex(space, lock, isPrivate);
  if (channel === futexChannel && key === futexKey) return -EINVAL;
  if (!get32(space, regs.rdi)) return -EFAULT;
  if (got !== (regs.r9 & 0xffff_ffff)) return -EAGAIN;
  let count: i64 = 0;
  let next = waiting(channel, key);
  while (next !== null && count <= (requeues as i64)) {
    const own = linuxThread(next);
    // It has to wait for this lock.
    if (own.requeueAddress !== lock) return -EINVAL;
    if (count === 0) {
      const taken = takeLockFor(thread, next, lock, requeues !== 0);
      if (taken < 0) return taken;
      if (taken !== 0) wakeThread(next);
      else requeue(next, lock);
    } else {
      requeue(next, lock);
    }
    count++;
    next = waiting(channel, key);
  }
  return count;
}

/** `next` waits for the lock that has been found, behind those who do. */
function requeue(next: Thread, lock: u64): void {
  linuxThread(next).lockAddress = lock;
  moveBehind(next, lockChannel(), futexKey);
}
