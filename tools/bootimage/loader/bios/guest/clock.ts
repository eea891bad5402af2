// Time by the BIOS's timer tick, 1193182 / 65536 Hz (IBM PC/AT Technical Reference, INT 08h): the count at 0040:006C
// starts over at midnight.

import { load32 } from "../../core/x86";
import { bios } from "./bios";
import { clear } from "./registers";

const TICKS: u64 = 0x46c;
const TICKS_PER_DAY: u32 = 0x18_00b0;
const PIT_HZ: u64 = 1_193_182;
const PIT_PERIOD: u64 = 65536;
const MEMORY_SIZE: i32 = 0x12;

let last: u32 = 0;
let elapsed: u64 = 0;
let started: bool = false;

/** Milliseconds since the first call, in steps of 55. */
export function milliseconds(): u64 {
  // Interrupts are off outside of BIOS calls: any call lets the tick in.
  clear();
  bios(MEMORY_SIZE);
  const now = <u32>load32(TICKS);
  if (!started) {
    started = true;
    last = now;
  }
  // A count that went back has passed midnight.
  elapsed += now >= last ? now - last : now + TICKS_PER_DAY - min(last, TICKS_PER_DAY);
  last = now;
  return (elapsed * PIT_PERIOD * 1000) / PIT_HZ;
}
