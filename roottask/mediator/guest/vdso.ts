// The functions of the vDSO, vdso(7): called by C libraries by the System V convention, with the errors of system
// calls. An address that cannot be written to is a fault, as on Linux.

import { TIME_PAGE, TIME_PROCESSORS } from "../../libhrstd/mediator_layout";
import { SYS_clock_getres, SYS_clock_gettime, SYS_getcpu } from "../../linux/numbers";
import { system_call } from "./stub";
import { isLocal, readClock, readSeconds, readTimeOfDay } from "./time";
import { load64, store32, store64 } from "./x86";

export function __vdso_clock_gettime(clock: u32, address: u64): i32 {
  if (!isLocal(clock)) return system_call(SYS_clock_gettime, clock as u64, address) as i32;
  readClock(clock, address);
  return 0;
}

export function __vdso_clock_getres(clock: u32, address: u64): i32 {
  if (!isLocal(clock)) return system_call(SYS_clock_getres, clock as u64, address) as i32;
  if (address !== 0) {
    store64(address, 0);
    store64(address + 8, 1);
  }
  return 0;
}

export function __vdso_gettimeofday(time: u64, zone: u64): i32 {
  readTimeOfDay(time, zone);
  return 0;
}

export function __vdso_time(address: u64): i64 {
  const now = readSeconds();
  if (address !== 0) store64(address, now);
  return now as i64;
}

/** Of several processors no register that can be read here tells which. */
export function __vdso_getcpu(cpu: u64, node: u64, _cache: u64): i32 {
  if (load64(TIME_PAGE + TIME_PROCESSORS) !== 1) return system_call(SYS_getcpu, cpu, node) as i32;
  if (cpu !== 0) store32(cpu, 0);
  if (node !== 0) store32(node, 0);
  return 0;
}
