// Trace events for `-d`: reported through env.trace while their bit is set in the mask.

import { S_CPU, S_RIP } from "../state";
import { trace } from "./env";

/** Event numbers: bit n of the mask turns on event n. */
export const TRACE_INTERRUPT: i32 = 0;
export const TRACE_RESET: i32 = 1;

let mask: u32 = 0;
export function setTraceMask(value: u32): void {
  mask = value;
}

/** a = vector | kind << 8 (0 exception, 1 external, 2 software), b = error code, c = low half of RIP. */
export function traceInterrupt(vector: u32, kind: i32, code: u32): void {
  if ((mask & 1) != 0)
    trace(load<i32>(S_CPU), TRACE_INTERRUPT, vector | ((<u32>kind) << 8), code, load<u32>(S_RIP));
}

export function traceReset(vector: u32): void {
  if ((mask & 2) != 0) trace(load<i32>(S_CPU), TRACE_RESET, vector, 0, 0);
}
