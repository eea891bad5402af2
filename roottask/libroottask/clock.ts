// Time: the TSC at the rate the HIP gives, and the date of the CMOS real-time clock (MC146818A) read once.

import { inb, outb, rdtsc } from "../libhedron/x86";
import {
  TIME_EPOCH,
  TIME_HERTZ,
  TIME_MONOTONIC,
  TIME_ORIGIN,
  TIME_PROCESSORS,
  TIME_SINCE_BOOT,
} from "../libhrstd/mediator_layout";
import { NANOSECONDS, toNanoseconds } from "../libhrstd/ticks";
import { processorCount } from "./processors";

export const CMOS_PORT: u32 = 0x70;

const SECONDS: i32 = 0x00;
const MINUTES: i32 = 0x02;
const HOURS: i32 = 0x04;
const DAY: i32 = 0x07;
const MONTH: i32 = 0x08;
const YEAR: i32 = 0x09;
const STATUS_A: i32 = 0x0a;
const STATUS_B: i32 = 0x0b;

const UPDATING: i32 = 0x80;
const BINARY: i32 = 0x04;
const HOURS_24: i32 = 0x02;
const PM: i32 = 0x80;
const PATIENCE: u32 = 100_000;
/** Nanoseconds after which nobody waits any more: some 30 years, which no TSC counts past 64 bits in. */
const FARTHEST: u64 = 1_000_000_000_000_000_000;

let hertz: u64 = NANOSECONDS;
let origin: u64 = 0;
/** Seconds since 1970 at `origin`. */
let epoch: i64 = 0;

function cmos(register: i32): i32 {
  outb(CMOS_PORT, register);
  return inb(CMOS_PORT + 1);
}

function unpack(value: i32, binary: bool): i32 {
  return binary ? value : (value >> 4) * 10 + (value & 15);
}

/** Days from 1970-01-01 to the given date of the Gregorian calendar. */
export function daysSinceEpoch(year: i32, month: i32, day: i32): i64 {
  const shifted = month <= 2 ? year - 1 : year;
  const monthFromMarch = (month + 9) % 12;
  const dayOfYear = (153 * monthFromMarch + 2) / 5 + day - 1;
  const days = 365 * shifted + shifted / 4 - shifted / 100 + shifted / 400 + dayOfYear;
  return (days - 719_468) as i64;
}

function readDate(): i64 {
  let polls: u32 = 0;
  while ((cmos(STATUS_A) & UPDATING) !== 0 && polls < PATIENCE) polls++;
  const status = cmos(STATUS_B);
  const binary = (status & BINARY) !== 0;
  const rawHours = cmos(HOURS);
  let hours = unpack(rawHours & ~PM, binary);
  if ((status & HOURS_24) === 0) {
    hours = hours % 12;
    if ((rawHours & PM) !== 0) hours += 12;
  }
  const year = 2000 + unpack(cmos(YEAR), binary);
  const days = daysSinceEpoch(year, unpack(cmos(MONTH), binary), unpack(cmos(DAY), binary));
  const minutes = hours * 60 + unpack(cmos(MINUTES), binary);
  return days * 86_400 + ((minutes * 60 + unpack(cmos(SECONDS), binary)) as i64);
}

/** Starts the clocks; `kilohertz` is the TSC rate, 0 where the kernel does not know it. */
export function startClock(kilohertz: u32): void {
  hertz = kilohertz === 0 ? NANOSECONDS : (kilohertz as u64) * 1000;
  origin = rdtsc();
  epoch = readDate();
}

/** `startClock` has been called. */
export function clockRuns(): bool {
  return origin !== 0;
}

/** Nanoseconds since the roottask started. */
export function monotonic(): u64 {
  return toNanoseconds(rdtsc() - origin, hertz);
}

/** Fills in the page from which programs compute the same, and whether there is more than one processor. */
export function fillTimePage(page: usize): void {
  store<u64>(page + TIME_HERTZ, hertz);
  store<u64>(page + TIME_ORIGIN, origin);
  store<i64>(page + TIME_EPOCH, epoch);
  store<u64>(page + TIME_PROCESSORS, processorCount() as u64);
  moveTimePage(page, 0, 0);
}

/** Microseconds in `ticks` of the TSC. */
export function microsecondsOf(ticks: u64): u64 {
  return toNanoseconds(ticks, hertz) / 1000;
}

/** Lets programs that read clocks from `page` see those ahead by so many nanoseconds. */
export function moveTimePage(page: usize, ahead: i64, sinceBoot: i64): void {
  store<i64>(page + TIME_MONOTONIC, ahead);
  store<i64>(page + TIME_SINCE_BOOT, sinceBoot);
}

/** Seconds since 1970 when the roottask started; add `monotonic`. */
export function bootTime(): i64 {
  return epoch;
}

/** The TSC value `duration` nanoseconds from now, at most `FARTHEST`. */
export function deadline(duration: u64): u64 {
  const nanoseconds = min<u64>(duration, FARTHEST);
  const whole = (nanoseconds / NANOSECONDS) * hertz;
  const part = ((nanoseconds % NANOSECONDS) * (hertz / 1000)) / 1_000_000;
  return rdtsc() + whole + part;
}
