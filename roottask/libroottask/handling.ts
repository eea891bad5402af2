// The time that handlers work for their threads, by the TSC (system_time.ts).

import { rdtsc } from "../libhedron/x86";
import { Thread } from "./program";

/** The handler of `thread` begins to work, or goes on. */
export function beginHandling(thread: Thread): void {
  thread.handledSince = rdtsc();
}

/** It stops, or waits. */
export function endHandling(thread: Thread): void {
  const now = rdtsc();
  thread.handledTicks += now - thread.handledSince;
  thread.handledSince = now;
}
