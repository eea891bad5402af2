// Trace events for `-d`: reported through env.trace while their bit is set in the mask.

import { TRACE_INTERRUPT, TRACE_RESET } from "../../protocol";
import { S_CPU, S_RIP } from "../../state";
import { trace } from "./env";

let mask: u32 = 0;
export function setTraceMask(value: u32): void {
  mask = value;
}

/** a = vector | kind << 8 (KIND_*), b = error code, c = low half of RIP. */
export function traceInterrupt(vector: u32, kind: i32, code: u32): void {
  if (traces(TRACE_INTERRUPT))
    trace(load<i32>(S_CPU), TRACE_INTERRUPT, vector | ((<u32>kind) << 8), code, load<u32>(S_RIP));
}

export function traceReset(vector: u32): void {
  if (traces(TRACE_RESET)) trace(load<i32>(S_CPU), TRACE_RESET, vector, 0, 0);
}

/** Whether an event is asked for. */
export function traces(event: i32): bool {
  return ((mask >> <u32>event) & 1) !== 0;
}

/** a and b = RIP, c = bytes of code for TRACE_DECODED. */
export function traceBlock(event: i32, rip: u64, length: u32): void {
  trace(load<i32>(S_CPU), event, <u32>rip, <u32>(rip >> 32), length);
}
