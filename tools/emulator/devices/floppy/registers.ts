// Registers and status bytes of the 82077AA (Intel datasheet, 2.1 and 4.0).

/** Digital output register. */
export const DOR = { drive: 0x03, running: 0x04, dmaGate: 0x08 } as const;
/** Main status register; the lower four bits are drives that seek. */
export const MSR = { busy: 0x10, nonDma: 0x20, toHost: 0x40, request: 0x80 } as const;
/** Data rate select register. */
export const DSR = { rate: 0x03, powerDown: 0x40, reset: 0x80 } as const;
/** Digital input register. */
export const DISK_CHANGED = 0x80;
/** Status register B of the PS/2, of which QEMU shows motors and the lowest bit of the drive. */
export const SRB_FIXED = 0xc0;
export const SRB_DRIVE_0 = 0x20;

/** Status register 0. */
export const ST0 = {
  head: 0x04,
  equipment: 0x10,
  seekEnd: 0x20,
  abnormal: 0x40,
  invalid: 0x80,
  polling: 0xc0,
} as const;
/** Status register 1. */
export const ST1 = {
  missingMark: 0x01,
  notWritable: 0x02,
  noData: 0x04,
  overrun: 0x10,
  dataError: 0x20,
  endOfCylinder: 0x80,
} as const;
/** Status register 2. */
export const ST2 = {
  notSatisfied: 0x04,
  equal: 0x08,
  wrongCylinder: 0x10,
  dataError: 0x20,
  controlMark: 0x40,
} as const;
/** Status register 3: bits 5 and 3 are always set. */
export const ST3 = { fixed: 0x28, trackZero: 0x10, protectedMedium: 0x40 } as const;

/** Third byte of CONFIGURE. */
export const CONFIG = { impliedSeek: 0x40, noFifo: 0x20, noPolling: 0x10 } as const;

/** How a command has ended; the drive and its head are added to `st0`. */
export interface Ending {
  st0: number;
  st1: number;
  st2: number;
}

export const NORMAL: Ending = { st0: 0, st1: 0, st2: 0 };
export const failed = (st1: number, st2 = 0): Ending => ({ st0: ST0.abnormal, st1, st2 });
