// The 8259A pair is not used: its vectors are moved away from the exceptions and all lines masked.
// 8259A datasheet, "initialization command words".

import { outb } from "./x86";

const MASTER: i32 = 0x20;
const SLAVE: i32 = 0xa0;
/** Spurious interrupts of masked PICs arrive at the last vectors before the local APIC's spurious one. */
const MASTER_VECTOR: i32 = 0xf0;
const SLAVE_VECTOR: i32 = 0xf8;

export function disablePic(): void {
  outb(MASTER, 0x11);
  outb(SLAVE, 0x11);
  outb(MASTER + 1, MASTER_VECTOR);
  outb(SLAVE + 1, SLAVE_VECTOR);
  outb(MASTER + 1, 4);
  outb(SLAVE + 1, 2);
  outb(MASTER + 1, 1);
  outb(SLAVE + 1, 1);
  outb(MASTER + 1, 0xff);
  outb(SLAVE + 1, 0xff);
}
