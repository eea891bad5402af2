// What the BIOS's services remember that guests do not see in memory: the state of the device "bios-services".

import type { BootEntry } from "../../media/disk.ts";

/** What kinds of media to try, in order. */
export type BootOrder = readonly ("disk" | "cdrom")[];
export const BOOT_ORDER: BootOrder = ["disk", "cdrom"];

export interface BiosState {
  /** For the next boot. */
  order: BootOrder;
  /** Virtual time at which INT 15h, AH=86h returns, ns; -1 while nobody waits. */
  waitUntil: number;
  /** Status of the last INT 13h. */
  diskStatus: number;
  /** VBE mode number. */
  vbeMode: number;
  /** The CD (by its drive number) that emulates a floppy, and the boot entry that says which. */
  floppy: { cd: number; entry: BootEntry } | undefined;
}

export const freshState = (): BiosState => ({
  order: BOOT_ORDER,
  waitUntil: -1,
  diskStatus: 0,
  vbeMode: 3,
  floppy: undefined,
});

/** Where services find the state: a snapshot may replace it. */
export interface BiosStateHolder {
  readonly state: BiosState;
}
