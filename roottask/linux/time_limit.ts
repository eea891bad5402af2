// Time limits of calls that wait for descriptors: when a wait ends, and what is left of it.

import { bootTime, monotonic } from "../libroottask/clock";
import { EFAULT, EINVAL } from "../libroottask/errno";
import { Program } from "../libroottask/program";
import { copyFrom, copyTo } from "../libroottask/space";
import { CLOCK_MONOTONIC } from "./clock_ids";
import { clockOffset } from "./namespaces/time";
import { timespec } from "./time";

/** Ends that are no time: there is no limit, or nothing is waited for. Others are monotonic nanoseconds. */
export const NEVER: u64 = 0;
export const AT_ONCE: u64 = ~(0 as u64);

const SECOND: u64 = 1_000_000_000;
const MILLISECOND: u64 = 1_000_000;
const MICROSECOND: u64 = 1000;
const MICROSECONDS: i64 = 1_000_000;
/** Longest limit that counts as one, seconds. */
const SECONDS_MAX: i64 = 1_000_000_000;

const value = memory.data(16);

/** The result of `endOfTimespec` and `endOfTimeval`. */
export let timeLimit: u64 = NEVER;

function endOf(nanoseconds: u64): u64 {
  return nanoseconds === 0 ? AT_ONCE : monotonic() + nanoseconds;
}

/** The end of a wait of so many milliseconds; negative ones are for ever. */
export function endOfMilliseconds(milliseconds: i32): u64 {
  return milliseconds < 0 ? NEVER : endOf((milliseconds as u64) * MILLISECOND);
}

/** Sets `timeLimit` to the end of a wait of the timespec at `address`, none at 0. 0, -EFAULT or -EINVAL. */
export function endOfTimespec(program: Program, address: u64): i64 {
  timeLimit = NEVER;
  if (address === 0) return 0;
  const time = timespec(program, address);
  if (time < 0) return time;
  timeLimit = endOf(time as u64);
  return 0;
}

/**
 * The end of a wait until the timespec at `address`, a time of day or a monotonic one: monotonic nanoseconds, 0 (for ever)
 * where there is none, -EFAULT or -EINVAL.
 */
export function absoluteEnd(program: Program, address: u64, ofDay: bool): i64 {
  if (address === 0) return 0;
  const time = timespec(program, address);
  if (time < 0) return time;
  const ahead = ofDay ? bootTime() * (SECOND as i64) : clockOffset(program, CLOCK_MONOTONIC);
  return max<i64>(time - ahead, 1);
}

/** The same for a timeval, whose microseconds may be more than a second's, as select(2) takes them. */
export function endOfTimeval(program: Program, address: u64): i64 {
  timeLimit = NEVER;
  if (address === 0) return 0;
  if (!copyFrom(program.space, value, address, 16)) return -EFAULT;
  const micros = load<i64>(value + 8);
  const seconds = load<i64>(value) + micros / MICROSECONDS;
  if (seconds < 0 || micros % MICROSECONDS < 0) return -EINVAL;
  const whole = (min<i64>(seconds, SECONDS_MAX) as u64) * SECOND;
  timeLimit = endOf(whole + ((micros % MICROSECONDS) as u64) * MICROSECOND);
  return 0;
}

/** A wait that ends at `end` is over now. */
export function isOver(end: u64): bool {
  return end !== NEVER && monotonic() >= end;
}

/**
 * Writes what is left until `end` to `address`, in seconds and units of `unit` nanoseconds; nothing where that never was
 * or does not end. False where it cannot be written.
 */
export function putRest(program: Program, address: u64, end: u64, unit: u64): bool {
  if (end === NEVER || end === AT_ONCE) return true;
  const now = monotonic();
  const rest = end > now ? end - now : 0;
  store<u64>(value, rest / SECOND);
  store<u64>(value + 8, (rest % SECOND) / unit);
  return copyTo(program.space, address, value, 16);
}
