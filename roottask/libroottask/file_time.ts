// Times of files: the clock's nanosecond, as stat(2) shows it.

import { bootTime, monotonic } from "./clock";
import { Node } from "./tree";

const SECOND: u64 = 1_000_000_000;

/** Seconds since 1970 and nanoseconds, set by `readFileClock`. */
export let clockSeconds: i64 = 0;
export let clockNanoseconds: u32 = 0;

export function readFileClock(): void {
  const now = monotonic();
  clockSeconds = bootTime() + ((now / SECOND) as i64);
  clockNanoseconds = (now % SECOND) as u32;
}

/** The node's state has changed now: mode, links, name. */
export function markChanged(node: Node): void {
  readFileClock();
  node.changeTime = clockSeconds;
  node.changeNanoseconds = clockNanoseconds;
}

/** The node's contents have changed now: a file's bytes, a directory's entries. */
export function markModified(node: Node): void {
  markChanged(node);
  node.time = clockSeconds;
  node.nanoseconds = clockNanoseconds;
}

/** The node is new. */
export function markCreated(node: Node): void {
  markModified(node);
  node.accessTime = clockSeconds;
  node.accessNanoseconds = clockNanoseconds;
}
