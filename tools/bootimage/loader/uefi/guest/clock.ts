// Time: the time-stamp counter, measured once against the firmware's Stall (UEFI 2.10, 7.5.4).

import { bootService, STALL } from "./services";
import { call1 } from "./uefi";
import { rdtsc } from "./x86";

/** Milliseconds that the measurement takes. */
const MEASURED: u64 = 20;

let start: u64 = 0;
let ticksPerMillisecond: u64 = 1;
/** What was answered last: processors may have counters of their own. */
let latest: u64 = 0;

export function initClock(): void {
  start = rdtsc();
  call1(bootService(STALL), MEASURED * 1000);
  ticksPerMillisecond = max<u64>((rdtsc() - start) / MEASURED, 1);
}

/** Since the start; works without the firmware. */
export function milliseconds(): u64 {
  const now = rdtsc();
  if (now > start) latest = max(latest, (now - start) / ticksPerMillisecond);
  return latest;
}
