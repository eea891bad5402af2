// TSC ticks as time, for the roottask's clocks and those in programs, which must agree to the nanosecond.

export const NANOSECONDS: u64 = 1_000_000_000;

/** Nanoseconds in `ticks` of a counter of `hertz`. */
export function toNanoseconds(ticks: u64, hertz: u64): u64 {
  return (ticks / hertz) * NANOSECONDS + ((ticks % hertz) * NANOSECONDS) / hertz;
}
