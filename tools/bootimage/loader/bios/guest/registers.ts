// The registers of a BIOS call and the call itself. One block serves all calls: `clear` it, set what goes in, call
// `interrupt`, read what came out.

import { bios_call } from "./stub";

/** Bit 0 and bit 6 of FLAGS. */
export const CARRY: u16 = 0x1;
export const ZERO: u16 = 0x40;

/** What goes into a BIOS call and comes out of it; the layout is known to asm/bios-call.ts. */
@unmanaged
export class Registers {
  eax: u32;
  ebx: u32;
  ecx: u32;
  edx: u32;
  esi: u32;
  edi: u32;
  ebp: u32;
  ds: u16;
  es: u16;
  flags: u16;
  unused: u16;
}

export const registers = changetype<Registers>(memory.data(offsetof<Registers>(), 4));

export function clear(): void {
  memory.fill(changetype<usize>(registers), 0, offsetof<Registers>());
}

/** INT `vector`; whether it ended without carry. */
export function interrupt(vector: i32): bool {
  bios_call(vector, changetype<usize>(registers));
  return (registers.flags & CARRY) === 0;
}

/** AH, AL and AX as they came back. */
export function ah(): u32 {
  return (registers.eax >> 8) & 0xff;
}

export function al(): u32 {
  return registers.eax & 0xff;
}

/** Segment and offset of conventional memory. */
export function segmentOf(address: usize): u16 {
  return <u16>(address >> 4);
}

export function offsetOf(address: usize): u32 {
  return <u32>(address & 15);
}
