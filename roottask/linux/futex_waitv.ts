// futex_waitv(2): waits for one of several futexes, kernel/futex/syscalls.c of Linux 6.1.

import { Utcb } from "../libhedron/utcb";
import { deadline, monotonic } from "../libroottask/clock";
import { EAGAIN, EFAULT, EINTR, EINVAL, ENOMEM, ETIMEDOUT } from "../libroottask/errno";
import { callStorage } from "../libroottask/open_file";
import { Thread, WAIT_INTERRUPTED, WAIT_WOKEN } from "../libroottask/program";
import { copyFrom, get32, got } from "../libroottask/space";
import { waitFor } from "../libroottask/thread";
import { CHOICE_BYTES } from "../libroottask/wait_queue";
import { CLOCK_MONOTONIC, CLOCK_REALTIME } from "./clock_ids";
import { FUTEX_PRIVATE } from "./futex_operations";
import { checkFutex, findFutex, futexChannel, futexKey } from "./futex_place";
import { countWaiter } from "./threads";
import { absoluteEnd } from "./time_limit";
import { waitForever } from "./wait";

/** struct futex_waitv: value u64, address u64, flags u32, 32 bits that are 0. */
const WAITER_BYTES: u32 = 24;
const ADDRESS: usize = 8;
const FLAGS: usize = 16;
const RESERVED: usize = 20;
const WAITERS_MAX: u32 = 128;
/** The futex is of 32 bits, which all are. */
const FUTEX_32: u32 = 2;
const ALL_BITS: u32 = 0xffff_ffff;

/** Copies `count` waiters at `address` to `waiters`: 0, -EFAULT, or -EINVAL for flags that there are not. */
function readWaiters(thread: Thread, waiters: usize, address: u64, count: u32): i64 {
  for (let i: u32 = 0; i < count; i++) {
    const waiter = waiters + i * WAITER_BYTES;
    const from = address + ((i * WAITER_BYTES) as u64);
    if (!copyFrom(thread.program.space, waiter, from, WAITER_BYTES)) return -EFAULT;
    const flags = load<u32>(waiter + FLAGS);
    if ((flags & ~(FUTEX_32 | FUTEX_PRIVATE)) !== 0 || (flags & FUTEX_32) === 0) return -EINVAL;
    if (load<u32>(waiter + RESERVED) !== 0) return -EINVAL;
  }
  return 0;
}

/** Finds what the futexes of `waiters` are known by, for `choices`: 0, -EINVAL or -EFAULT. */
function findChoices(thread: Thread, waiters: usize, choices: usize, count: u32): i64 {
  const space = thread.program.space;
  for (let i: u32 = 0; i < count; i++) {
    const waiter = waiters + i * WAITER_BYTES;
    const address = load<u64>(waiter + ADDRESS);
    const own = (load<u32>(waiter + FLAGS) & FUTEX_PRIVATE) !== 0;
    const wrong = checkFutex(space, address, own);
    if (wrong !== 0) return wrong;
    findFutex(space, address, own);
    store<u64>(choices + i * CHOICE_BYTES, futexChannel as u64);
    store<u64>(choices + i * CHOICE_BYTES + 8, futexKey);
  }
  return 0;
}

/** All futexes have the values that are waited with: 0, -EFAULT or -EAGAIN. */
function checkValues(thread: Thread, waiters: usize, count: u32): i64 {
  for (let i: u32 = 0; i < count; i++) {
    const waiter = waiters + i * WAITER_BYTES;
    if (!get32(thread.program.space, load<u64>(waiter + ADDRESS))) return -EFAULT;
    if (got !== load<u64>(waiter)) return -EAGAIN;
  }
  return 0;
}

/** Waits for one of `choices` until monotonic time `end` in nanoseconds, 0 for ever: its index, or a negative error. */
function waitForChoice(thread: Thread, choices: usize, count: u32, end: u64): i64 {
  let outcome: u32 = 0;
  thread.bits = ALL_BITS;
  thread.choices = choices;
  thread.choiceCount = count;
  if (end === 0) {
    outcome = waitForever(thread, choices, 0);
  } else {
    const now = monotonic();
    if (end > now) outcome = waitFor(thread, choices, 0, deadline(end - now));
  }
  thread.choiceCount = 0;
  if (outcome === WAIT_INTERRUPTED) return -EINTR;
  return outcome === WAIT_WOKEN ? (thread.choice as i64) : -ETIMEDOUT;
}

/** futex_waitv(waiters, count, flags, timespec, clock). */
export function sysFutexWaitv(thread: Thread, regs: Utcb): i64 {
  const count = regs.rsi as u32;
  if (regs.rdx !== 0 || count === 0 || count > WAITERS_MAX || regs.rdi === 0) return -EINVAL;
  let end: i64 = 0;
  if (regs.r10 !== 0) {
    const clock = regs.r8 as u32;
    if (clock !== CLOCK_REALTIME && clock !== CLOCK_MONOTONIC) return -EINVAL;
    end = absoluteEnd(thread.program, regs.r10, clock === CLOCK_REALTIME);
    if (end < 0) return end;
  }
  const waiters = callStorage(thread, count * (WAITER_BYTES + CHOICE_BYTES));
  if (waiters === 0) return -ENOMEM;
  const choices = waiters + count * WAITER_BYTES;
  let result = readWaiters(thread, waiters, regs.rdi, count);
  if (result === 0) result = findChoices(thread, waiters, choices, count);
  if (result !== 0) return result;
  // A waiter is counted before the futex is looked at.
  countWaiter(thread.program.space, 1);
  result = checkValues(thread, waiters, count);
  if (result === 0) result = waitForChoice(thread, choices, count, end as u64);
  countWaiter(thread.program.space, -1);
  return result;
}
