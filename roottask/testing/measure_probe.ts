// The measuring library with a handle for tests (libhrstd/measure.test.ts), which play the counter and the work.

import { measuredLine, measureWith, parseLimit, prefixNames } from "../libhrstd/measure";
import { after, before, work } from "./host";

export { measuredLength, startMeasuring } from "../libhrstd/measure";

const buffer = memory.data(64);

export function textBuffer(): usize {
  return buffer;
}

export function line(): usize {
  return measuredLine();
}

export function measureWork(repetitions: u32, calls: u32, divisor: u64): bool {
  return measureWith("some.", "4k", repetitions, calls, divisor, before, work, after);
}

/** Of the text in the buffer. */
export function limit(): u32 {
  return parseLimit(buffer as u64);
}

export function usePrefix(): void {
  prefixNames(buffer as u64);
}
