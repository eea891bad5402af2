// Measuring: a function is called over and over, every call is timed by the time-stamp counter, and a line says how
// many there were and the least, median and 99th percentile of their ticks (docs/benchmarks.md).

import { decimal } from "../../tools/screen/guest/digits";
import { load8 } from "../libhedron/x86";
import { measure_begin, measure_end } from "./stub";

/** Most repetitions of a measurement. */
export const REPETITIONS_MAX: u32 = 1000;
/** A repetition that makes more calls is done once, without warm-up, and makes up for no others. */
const CALLS_MAX: u32 = 20_000;
/** Repetitions of the measurement of nothing. */
const EMPTY_REPETITIONS: u32 = 1000;
/** Part of the repetitions that come before those that count. */
const WARM_UP: u32 = 10;

const PERCENT: u32 = 100;
const MEDIAN: u32 = 50;
const HIGH: u32 = 99;

const samples = memory.data(8 * 1000);
const text = memory.data(256);
let length: u32 = 0;
/** What stands in front of every name, and its length. */
const PREFIX_MAX: u32 = 32;
const prefix = memory.data(32);
let prefixLength: u32 = 0;

/** What reading the counter costs, in ticks; subtracted from every sample. */
let overhead: u64 = 0;
/** Limits that the program was given. */
let mostRepetitions: u32 = REPETITIONS_MAX;
let mostCalls: u32 = 0xffff_ffff;

/** Text of the line that the last measurement printed, and its length. */
export function measuredLine(): usize {
  return text;
}

export function measuredLength(): u32 {
  return length;
}

function nothing(): void {}

function swap(a: u32, b: u32): void {
  const value = load<u64>(samples + a * 8);
  store<u64>(samples + a * 8, load<u64>(samples + b * 8));
  store<u64>(samples + b * 8, value);
}

/** Lets the sample at `start` sink to its place in the heap of `count` samples. */
function sink(start: u32, count: u32): void {
  let parent = start;
  while (true) {
    let child: u32 = 2 * parent + 1;
    if (child >= count) return;
    if (child + 1 < count && load<u64>(samples + child * 8) < load<u64>(samples + child * 8 + 8)) {
      child++;
    }
    if (load<u64>(samples + parent * 8) >= load<u64>(samples + child * 8)) return;
    swap(parent, child);
    parent = child;
  }
}

/** Sorts the samples by heapsort: no memory, and the same work whatever they are. */
function sort(count: u32): void {
  for (let start = count / 2; start > 0; start--) sink(start - 1, count);
  for (let end = count; end > 1; end--) {
    swap(0, end - 1);
    sink(0, end - 1);
  }
}

/** The sample that `percent` of `count` sorted ones do not exceed: nearest rank. */
function percentile(count: u32, percent: u32): u64 {
  const rank = (count * percent + PERCENT - 1) / PERCENT;
  return load<u64>(samples + (rank - 1) * 8);
}

/** Appends a literal to the line. */
function add(literal: string): void {
  for (let i = 0; i < literal.length; i++) store<u8>(text + length++, literal.charCodeAt(i));
}

function addNumber(value: u64): void {
  length += decimal(text + length, value);
}

/** Makes the line of the measurement whose `count` samples are in the table. */
function summarize(name: string, size: string, count: u32): void {
  sort(count);
  length = 0;
  add("BENCH ");
  memory.copy(text + length, prefix, prefixLength);
  length += prefixLength;
  add(name);
  add(size);
  add(" n=");
  addNumber(count as u64);
  add(" min=");
  addNumber(load<u64>(samples));
  add(" median=");
  addNumber(percentile(count, MEDIAN));
  add(" p99=");
  addNumber(percentile(count, HIGH));
  add("\n");
}

/**
 * Sets the most repetitions of a measurement and the most calls in one repetition, 0 where they stay, and measures what
 * measuring costs: the line about it, `timer.overhead`, is the first to be printed.
 */
export function startMeasuring(repetitions: u32, calls: u32): void {
  if (repetitions !== 0) mostRepetitions = min<u32>(repetitions, REPETITIONS_MAX);
  if (calls !== 0) mostCalls = calls;
  overhead = 0;
  const count = min<u32>(mostRepetitions, EMPTY_REPETITIONS);
  take(count, 1, nothing, nothing, nothing);
  summarize("timer.overhead", "", count);
  overhead = percentile(count, MEDIAN);
}

function take(
  count: u32,
  divisor: u64,
  before: () => void,
  work: () => void,
  after: () => void,
): void {
  for (let i: u32 = 0; i < count; i++) {
    before();
    const start = measure_begin();
    work();
    const ticks = measure_end() - start;
    after();
    store<u64>(samples + i * 8, (ticks - min<u64>(ticks, overhead)) / divisor);
  }
}

/**
 * Measures `work`, which makes `calls` calls, at most `repetitions` times; `before` and `after` are called around each
 * repetition and not timed. A sample is the time of a repetition through `divisor`. The name is `name` and `size`
 * behind it. False where a repetition needs more calls than the program was told to make: there is no line then.
 */
export function measureWith(
  name: string,
  size: string,
  repetitions: u32,
  calls: u32,
  divisor: u64,
  before: () => void,
  work: () => void,
  after: () => void,
): bool {
  if (calls > mostCalls) return false;
  const most = min<u32>(min<u32>(repetitions, REPETITIONS_MAX), mostRepetitions);
  const count = max<u32>(1, min<u32>(most, CALLS_MAX / calls));
  const warmUp = calls > CALLS_MAX ? 0 : (count + WARM_UP - 1) / WARM_UP;
  take(warmUp, divisor, before, work, after);
  take(count, divisor, before, work, after);
  summarize(name, size, count);
  return true;
}

/** Measures `work`, a single call, as often as the program was told to. */
export function measure(name: string, work: () => void): void {
  measureWith(name, "", REPETITIONS_MAX, 1, 1, nothing, work, nothing);
}

/** Puts the text at absolute address `start`, which ends with a NUL, in front of every name, up to 32 bytes of it. */
export function prefixNames(start: u64): void {
  prefixLength = 0;
  while (prefixLength < PREFIX_MAX && load8(start + (prefixLength as u64)) !== 0) {
    store<u8>(prefix + prefixLength, load8(start + (prefixLength as u64)) as u8);
    prefixLength++;
  }
}

/** The limit that an argument of a program gives: a decimal number with a NUL behind it, else 0. */
export function parseLimit(argument: u64): u32 {
  let value: u64 = 0;
  let at = argument;
  while (load8(at) >= 48 && load8(at) <= 57 && value <= 0xffff_ffff) {
    value = value * 10 + load8(at) - 48;
    at++;
  }
  return load8(at) === 0 && value <= 0xffff_ffff ? (value as u32) : 0;
}
