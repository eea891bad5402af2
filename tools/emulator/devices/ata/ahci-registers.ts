// Registers of an AHCI host bus adapter (AHCI 1.3.1, 3): offsets and bits.

export const HBA = { cap: 0x00, ghc: 0x04, is: 0x08, pi: 0x0c, vs: 0x10 } as const;

export const GHC = { reset: 1, interrupts: 2, ahci: 0x8000_0000 } as const;

/** Registers of port n begin at `PORTS + n * PORT_BYTES`. */
export const PORTS = 0x100;
export const PORT_BYTES = 0x80;

export const PORT = {
  clb: 0x00,
  clbu: 0x04,
  fb: 0x08,
  fbu: 0x0c,
  is: 0x10,
  ie: 0x14,
  cmd: 0x18,
  tfd: 0x20,
  sig: 0x24,
  ssts: 0x28,
  sctl: 0x2c,
  serr: 0x30,
  sact: 0x34,
  ci: 0x38,
} as const;

/** PxIS and PxIE. */
export const IRQ = {
  register: 1 << 0,
  pioSetup: 1 << 1,
  dmaSetup: 1 << 2,
  deviceBits: 1 << 3,
  region: 1 << 5,
  overflow: 1 << 24,
  interfaceFatal: 1 << 27,
  busFatal: 1 << 29,
  taskFile: 1 << 30,
} as const;
/** What PxIE keeps. */
export const IRQ_BITS = 0xfdc0_00ff;

export const CMD = {
  start: 1 << 0,
  spinUp: 1 << 1,
  powerOn: 1 << 2,
  override: 1 << 3,
  receive: 1 << 4,
  slot: 0x1f << 8,
  receiving: 1 << 14,
  running: 1 << 15,
  /** The device is ATAPI, and what is for its LED: the guest's. */
  kept: 0x0300_0000,
} as const;

export const SLOTS = 32;
/** Number of the last port, 32 slots, AHCI alone, 1.5 Gbit/s, native command queuing, addresses of 64 bits. */
export const capabilities = (ports: number): number =>
  ((ports - 1) | ((SLOTS - 1) << 8) | (1 << 18) | (1 << 20) | (1 << 30) | (1 << 31)) >>> 0;
/** AHCI 1.0. */
export const VERSION = 0x0001_0000;

/** PxSSTS with a device: communication, 1.5 Gbit/s, active. */
export const LINK_UP = 0x113;
/** PxTFD and PxSIG before the device has sent its signature. */
export const NO_STATUS = 0x7f;
export const NO_SIGNATURE = 0xffff_ffff;
