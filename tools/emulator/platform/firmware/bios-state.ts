// What the BIOS's services remember that guests do not see in memory: the state of the device "bios-services".

import type { BootEntry } from "../../media/el-torito.ts";
import type { DriveClass } from "./drives.ts";

/** What a machine boots from: a kind of media, or what a network card's ROM brings, which our BIOS passes over. */
export type BootKind = DriveClass | "network";
/** What to try, in order. */
export type BootOrder = readonly BootKind[];
export const BOOT_ORDER: readonly DriveClass[] = ["disk", "floppy", "cdrom"];

/** QEMU's letters (hw/i386/pc.c, boot_device2nibble). */
const BOOT_LETTERS: Readonly<Record<string, BootKind>> = {
  a: "floppy",
  b: "floppy",
  c: "disk",
  d: "cdrom",
  n: "network",
};

/**
 * What -boot's letters stand for, and behind them what they leave out, as QEMU's BIOS has it. Throws an `Error` of one
 * line for a letter that is none.
 */
export function bootOrderOf(letters: string): BootOrder {
  const kinds = [...letters].map((letter) => {
    const kind = BOOT_LETTERS[letter];
    if (kind === undefined) {
      throw new Error(
        `expected a (floppy), c (hard disk), d (CD) and n (network), not "${letter}"`,
      );
    }
    return kind;
  });
  return [...new Set([...kinds, ...BOOT_ORDER])];
}

export interface BiosState {
  /** For the next boot. */
  order: BootOrder;
  /** Place among what is tried of the medium that was started last; -1 as long as none was. */
  started: number;
  /** Virtual time at which INT 15h, AH=86h returns, ns; -1 while nobody waits. */
  waitUntil: number;
  /** A program has said that the CPU is idle (APM), and waits for an interrupt. */
  isIdle: boolean;
  /** Since when programs ask for keys in vain, and when the last one did, virtual ns; -1 for never. */
  keyPolls: { since: number; last: number };
  /** VBE mode number. */
  vbeMode: number;
  /** The CD (by its drive number) that was booted from, by which entry, and whether its emulation goes on. */
  cdBoot: { cd: number; entry: BootEntry; emulates: boolean } | undefined;
  /** How often the door of each drive has been locked. */
  locks: Record<number, number>;
  /** How often each fault that a test has asked for has happened. */
  failed: Record<number, number>;
}

export const freshState = (): BiosState => ({
  order: BOOT_ORDER,
  started: -1,
  waitUntil: -1,
  isIdle: false,
  keyPolls: { since: -1, last: -1 },
  vbeMode: 3,
  cdBoot: undefined,
  locks: {},
  failed: {},
});

/** Where services find the state: a snapshot may replace it. */
export interface BiosStateHolder {
  readonly state: BiosState;
}
