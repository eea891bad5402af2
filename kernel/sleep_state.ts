// The registers and tables by which a machine goes to sleep and wakes up: PM1 and general-purpose event blocks,
// named by the FADT as I/O ports, and the FACS with the waking vector. ACPI Specification 6.5, 4.8 and 5.2.10.

import { facsAddress, fadtTable } from "./acpi";
import { inw, outb, outw, pause } from "./x86";

// Offsets in the FADT: ports, and bytes of the blocks.
const PM1A_EVENTS: usize = 56;
const PM1B_EVENTS: usize = 60;
const PM1A_CONTROL: usize = 64;
const PM1B_CONTROL: usize = 68;
const GPE0: usize = 80;
const GPE1: usize = 84;
const PM1_EVENTS_BYTES: usize = 88;
const GPE0_BYTES: usize = 92;
const GPE1_BYTES: usize = 93;

// Offsets in the FACS.
const LENGTH: usize = 4;
const WAKING_VECTOR: usize = 12;
const X_WAKING_VECTOR: usize = 24;
const X_WAKING_VECTOR_END: u32 = 32;

/** PM1 status: the machine has woken up; cleared by writing 1. */
const WAK_STS: i32 = 1 << 15;
const SLP_TYP: i32 = 7 << 10;
const SLP_TYP_SHIFT: u32 = 10;
const SLP_EN: i32 = 1 << 13;

let vector: u32 = 0;
let extendedVector: u64 = 0;

/** The port that the FADT has at `offset`, 0 for none. */
function port(offset: usize): i32 {
  return <i32>load<u32>(fadtTable() + offset);
}

/** A register of 16 bits that is split over two ports, of which the second may not be there. */
function readBoth(first: usize, second: usize): i32 {
  return inw(port(first)) | (port(second) !== 0 ? inw(port(second)) : 0);
}

/** Whether the machine has what `enterSleepState` and the waking vector need. */
export function hasSleepStates(): bool {
  if (fadtTable() === 0 || facsAddress() === 0) return false;
  return port(PM1A_EVENTS) !== 0 && port(PM1A_CONTROL) !== 0;
}

/** Tells the firmware to go on at `address`, below 1 MiB, in real mode. */
export function setWakingVector(address: u32): void {
  const facs = facsAddress();
  vector = load<u32>(facs + WAKING_VECTOR);
  store<u32>(facs + WAKING_VECTOR, address);
  if (load<u32>(facs + LENGTH) < X_WAKING_VECTOR_END) return;
  // Where it is not 0 it comes first, and in protected mode.
  extendedVector = load<u64>(facs + X_WAKING_VECTOR);
  store<u64>(facs + X_WAKING_VECTOR, 0);
}

/** Puts the vectors back that `setWakingVector` has replaced: they are user space's. */
export function restoreWakingVector(): void {
  const facs = facsAddress();
  store<u32>(facs + WAKING_VECTOR, vector);
  if (load<u32>(facs + LENGTH) < X_WAKING_VECTOR_END) return;
  store<u64>(facs + X_WAKING_VECTOR, extendedVector);
}

/**
 * Writes the sleep types, 3 bits each. It returns when the machine has woken up from a state that keeps the CPU's
 * context (S1); from others the firmware goes to the waking vector.
 */
export function enterSleepState(typeA: u32, typeB: u32): void {
  const control = (readBoth(PM1A_CONTROL, PM1B_CONTROL) & ~SLP_TYP) | SLP_EN;
  outw(port(PM1A_EVENTS), WAK_STS);
  if (port(PM1B_EVENTS) !== 0) outw(port(PM1B_EVENTS), WAK_STS);
  outw(port(PM1A_CONTROL), control | <i32>(typeA << SLP_TYP_SHIFT));
  if (port(PM1B_CONTROL) !== 0) outw(port(PM1B_CONTROL), control | <i32>(typeB << SLP_TYP_SHIFT));
  while ((readBoth(PM1A_EVENTS, PM1B_EVENTS) & WAK_STS) === 0) pause();
}

/** The enable bits are the second half of a block. */
function disableGpes(block: usize, bytes: usize): void {
  const start = port(block);
  if (start === 0) return;
  const end = <i32>load<u8>(fadtTable() + bytes);
  for (let at = end >> 1; at < end; at++) outb(start + at, 0);
}

/** No event interrupts until user space, which has slept through them, asks for it again. */
export function disableEvents(): void {
  const enable = <i32>load<u8>(fadtTable() + PM1_EVENTS_BYTES) >> 1;
  outw(port(PM1A_EVENTS) + enable, 0);
  if (port(PM1B_EVENTS) !== 0) outw(port(PM1B_EVENTS) + enable, 0);
  disableGpes(GPE0, GPE0_BYTES);
  disableGpes(GPE1, GPE1_BYTES);
}
