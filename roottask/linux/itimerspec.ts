// struct itimerspec and the times in it, for timers with descriptors (timerfd_create(2)) and with signals
// (timer_create(2)): interval, then value, each seconds and nanoseconds.

import { bootTime, monotonic } from "../libroottask/clock";
import { currentThread } from "../libroottask/program";
import { CLOCK_REALTIME, CLOCK_REALTIME_ALARM, CLOCK_TAI } from "./clock_ids";
import { clockOffset } from "./namespaces/time";

export const SPEC_BYTES: u32 = 32;
/** Where the value is. */
export const SPEC_VALUE: usize = 16;

const SECOND: i64 = 1_000_000_000;
/** Times beyond this, in seconds, are this: what nanoseconds in an i64 have room for. */
const SECONDS_MAX: i64 = 9_000_000_000;

/** An itimerspec on its way from or to a program. */
export const spec = memory.data(32);

/** Seconds and nanoseconds at `at` are a time. */
function isTime(at: usize): bool {
  return load<i64>(at) >= 0 && load<u64>(at + 8) < (SECOND as u64);
}

/** Both times of `spec` are such. */
export function isSpec(): bool {
  return isTime(spec) && isTime(spec + SPEC_VALUE);
}

/** The time at `at` in nanoseconds. */
export function timeAt(at: usize): i64 {
  return min<i64>(load<i64>(at), SECONDS_MAX) * SECOND + load<i64>(at + 8);
}

/** Fills in `spec` from nanoseconds. */
export function fillSpec(value: u64, interval: u64): void {
  store<u64>(spec, interval / (SECOND as u64));
  store<u64>(spec + 8, interval % (SECOND as u64));
  store<u64>(spec + SPEC_VALUE, value / (SECOND as u64));
  store<u64>(spec + SPEC_VALUE + 8, value % (SECOND as u64));
}

export function isRealtime(clock: u32): bool {
  return clock === CLOCK_REALTIME || clock === CLOCK_REALTIME_ALARM || clock === CLOCK_TAI;
}

/** When a timer of `clock` of the calling process is due that is set to `value`, as monotonic nanoseconds; 0 for 0, which is never. */
export function dueTime(clock: u32, value: i64, absolute: bool): u64 {
  if (value === 0) return 0;
  if (!absolute) return monotonic() + (value as u64);
  const ahead = isRealtime(clock)
    ? bootTime() * SECOND
    : clockOffset(currentThread().program, clock);
  return max<i64>(value - ahead, 1) as u64;
}
