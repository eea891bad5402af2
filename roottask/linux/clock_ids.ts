// Clocks of clock_gettime(2), include/uapi/linux/time.h.

export const CLOCK_REALTIME: u32 = 0;
export const CLOCK_MONOTONIC: u32 = 1;
export const CLOCK_PROCESS_CPUTIME: u32 = 2;
export const CLOCK_THREAD_CPUTIME: u32 = 3;
export const CLOCK_MONOTONIC_RAW: u32 = 4;
export const CLOCK_REALTIME_COARSE: u32 = 5;
export const CLOCK_MONOTONIC_COARSE: u32 = 6;
export const CLOCK_BOOTTIME: u32 = 7;
export const CLOCK_REALTIME_ALARM: u32 = 8;
export const CLOCK_BOOTTIME_ALARM: u32 = 9;
export const CLOCK_TAI: u32 = 11;

/** Timers of clock `id` wake a machine that is suspended. */
export function isAlarmClock(id: u32): bool {
  return id === CLOCK_REALTIME_ALARM || id === CLOCK_BOOTTIME_ALARM;
}
