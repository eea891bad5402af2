// The clocks of linux/time.ts from the time page, without a system call.

import {
  TIME_EPOCH,
  TIME_HERTZ,
  TIME_MONOTONIC,
  TIME_ORIGIN,
  TIME_PAGE,
  TIME_SINCE_BOOT,
} from "../../libhrstd/mediator_layout";
import { NANOSECONDS, toNanoseconds } from "../../libhrstd/ticks";
import {
  CLOCK_BOOTTIME,
  CLOCK_MONOTONIC,
  CLOCK_MONOTONIC_COARSE,
  CLOCK_MONOTONIC_RAW,
  CLOCK_REALTIME,
  CLOCK_REALTIME_COARSE,
  CLOCK_TAI,
} from "../../linux/clock_ids";
import { load64, rdtsc, store64 } from "./x86";

/** Nanoseconds since the roottask's start. */
function monotonic(): u64 {
  const ticks = rdtsc() - load64(TIME_PAGE + TIME_ORIGIN);
  return toNanoseconds(ticks, load64(TIME_PAGE + TIME_HERTZ));
}

/** Seconds since 1970 at the roottask's start. */
function epoch(): u64 {
  return load64(TIME_PAGE + TIME_EPOCH);
}

/** The clock can be read here: processor times and clocks that there are none of are the roottask's to answer. */
export function isLocal(clock: u32): bool {
  switch (clock) {
    case CLOCK_REALTIME:
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_REALTIME_COARSE:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOTTIME:
    case CLOCK_TAI:
      return true;
    default:
      return false;
  }
}

function putTime(address: u64, seconds: u64, rest: u64): void {
  store64(address, seconds);
  store64(address + 8, rest);
}

/** clock_gettime(2) of a clock that is local. */
export function readClock(clock: u32, address: u64): void {
  const ahead = clock === CLOCK_BOOTTIME ? TIME_SINCE_BOOT : TIME_MONOTONIC;
  const real = clock === CLOCK_REALTIME || clock === CLOCK_REALTIME_COARSE || clock === CLOCK_TAI;
  const now = monotonic() + (real ? 0 : load64(TIME_PAGE + ahead));
  const seconds = now / NANOSECONDS;
  putTime(address, real ? seconds + epoch() : seconds, now % NANOSECONDS);
}

/** gettimeofday(2); 0 for an address that is not wanted. */
export function readTimeOfDay(time: u64, zone: u64): void {
  if (time !== 0) {
    const now = monotonic();
    putTime(time, now / NANOSECONDS + epoch(), (now % NANOSECONDS) / 1000);
  }
  if (zone !== 0) store64(zone, 0);
}

/** time(2): seconds since 1970. */
export function readSeconds(): u64 {
  return monotonic() / NANOSECONDS + epoch();
}
