// Registers of the 82574L (Intel 82574 GbE Controller Family Datasheet, 10) that the 82540EM has not, by offset, what they
// are after a reset, and what a guest can write of those that do nothing but keep it. The others are in e1000-registers.ts.

import { ringAt } from "./descriptor-ring.ts";
import * as R from "./e1000-registers.ts";
import { NVM_IDLE } from "./e1000e-nvm.ts";

export const CTRL_DUPLICATE = 0x0004;
export const CTRL_EXT = 0x0018;
export const EIAC = 0x00dc;
export const IAM = 0x00e0;
export const IVAR = 0x00e4;
/** One a vector, up to 00F8h. */
export const EITR = 0x00e8;
export const VECTORS = 5;
export const EEWR = 0x102c;
export const PSRCTL = 0x2170;
export const RXDCTL = 0x2828;
export const RSRPD = 0x2c00;
export const RXDCTL1 = 0x2928;
export const TARC = [0x3840, 0x3940] as const;
export const RUC = 0x40a4;
export const IAC = 0x4100;
export const RXCSUM = 0x5000;
export const RFCTL = 0x5008;
export const MRQC = 0x5818;
export const GCR = 0x5b00;
export const SWSM = 0x5b50;
export const PBACLR = 0x5b68;
export const RETA = 0x5c00;
export const RSSRK = 0x5c80;

/** Rings by their queue. */
export const RECEIVE_RINGS = [ringAt(R.RDBAL), ringAt(0x2900)] as const;
export const TRANSMIT_RINGS = [ringAt(R.TDBAL), ringAt(0x3900)] as const;

/** CTRL (10.2.2.1): bus masters may be disabled, speed and duplex be forced; flow control has been negotiated. */
export const CTRL_BITS = {
  fullDuplex: 0x1,
  masterDisable: 0x4,
  speed: 0x300,
  forceSpeed: 0x800,
  forceDuplex: 0x1000,
  flowControl: 0x1800_0000,
} as const;
const CTRL_SPEED_SHIFT = 8;

/** STATUS (10.2.2.2). */
export const STATUS_BITS = {
  fullDuplex: 0x1,
  speed1000: 0x80,
  phyReset: 0x400,
  master: 0x8_0000,
} as const;
const STATUS_SPEED_SHIFT = 6;

/** CTRL_EXT (10.2.2.5): checks that clear themselves, a speed that is not negotiated, how masks and causes are cleared. */
export const CTRL_EXT_BITS = {
  selfClearing: 0x3000,
  speedBypass: 0x8000,
  messageMasks: 0x0100_0000,
  readMasks: 0x0800_0000,
  timersClear: 0x2000_0000,
  clearsPending: 0x8000_0000,
} as const;

/** Causes of interrupts besides those of the 82540EM (10.2.4.1). */
export const CAUSE = {
  smallPacket: 0x1_0000,
  acknowledged: 0x2_0000,
  receive: [0x10_0000, 0x20_0000],
  transmit: [0x40_0000, 0x80_0000],
  other: 0x100_0000,
  asserted: 0x8000_0000,
} as const;
/** What the bit for other causes is the sum of. */
export const OTHER_CAUSES = 0x7_0244;
/** Causes that can be enabled. */
export const MASKABLE = 0x01f7_82d7;

/** TARC (10.2.7.10): the queue is on. */
export const TARC_ENABLE = 0x400;
/** IVAR (10.2.4.9): every descriptor that is written back interrupts. */
export const IVAR_EVERY_WRITE_BACK = 0x8000_0000;

/** RXCSUM (10.2.6.15): checksums of IP and of TCP and UDP; a hash instead of an identification. */
export const RXCSUM_BITS = { ip: 0x100, transport: 0x200, hash: 0x2000 } as const;
/** RFCTL (10.2.6.16). */
export const RFCTL_BITS = {
  noIpv6: 0x400,
  noIpv6Checksums: 0x800,
  noAcknowledgements: 0x1000,
  noAcknowledgingData: 0x2000,
  noSplitFragments: 0x4000,
  extended: 0x8000,
  noIpv6Extensions: 0x1_0000,
  noNewIpv6Extensions: 0x2_0000,
} as const;

/** RCTL (10.2.6.1): loopback, descriptors that split packets, sizes of buffers in KiB. */
export const RCTL_LOOPBACK = 0xc0;
export const RCTL_MAC_LOOPBACK = 0x40;
export const RCTL_DESCRIPTORS = 0xc00;
export const RCTL_SPLIT = 0x400;
export const RCTL_FLEXIBLE_SHIFT = 27;

const ALL = 0xffff_ffff;
const LOW = 0xffff;
/** Pointers into the packet buffer. */
const POINTER = 0x1fff;
const RING_BASE = 0xffff_fff0;
/** Registers that are not here. */
const NOTHING = 0;

interface Kept {
  /** Bits that a write changes. */
  writes: number;
  /** Bits that a read shows. */
  reads: number;
}
const keep = (writes: number, reads = ALL): Kept => ({ writes, reads });
const ringRows = (first: number): [number, Kept][] => [
  [first, keep(RING_BASE)],
  [first + 4, keep(ALL)],
  [first + 8, keep(R.RING_LENGTH)],
  [first + 16, keep(LOW)],
  [first + 24, keep(LOW)],
];

/** Single registers. */
const PLAIN: ReadonlyMap<number, Kept> = new Map([
  [0x1c, keep(ALL)],
  // Flow control (10.2.2.12 to 10.2.2.15).
  [0x28, keep(ALL)],
  [0x2c, keep(LOW)],
  [0x30, keep(LOW)],
  [R.VET, keep(LOW)],
  [R.ITR, keep(LOW)],
  [EIAC, keep(ALL)],
  [IAM, keep(ALL)],
  [IVAR, keep(ALL)],
  [0x170, keep(LOW)],
  // TIPG, AIT.
  [0x410, keep(ALL)],
  [0x458, keep(ALL, LOW)],
  [R.LEDCTL, keep(ALL)],
  [0xf00, keep(ALL)],
  [0xf08, keep(ALL)],
  [0xf10, keep(ALL)],
  [R.PBA, keep(ALL)],
  [0x1008, keep(ALL, 0x3f)],
  // Management's view of the NVM, flash (10.2.2.8, 10.2.3).
  [0x1010, keep(ALL)],
  [0x1014, keep(NOTHING)],
  [0x1018, keep(NOTHING)],
  [0x101c, keep(NOTHING)],
  [0x1020, keep(NOTHING)],
  [0x1028, keep(LOW)],
  [EEWR, keep(NOTHING)],
  [0x1030, keep(ALL)],
  [0x1034, keep(ALL)],
  [0x1038, keep(ALL)],
  [0x103c, keep(ALL)],
  [0x1050, keep(ALL)],
  [0x2160, keep(0x8000_fff8)],
  [0x2168, keep(0xfff8)],
  [0x2410, keep(ALL, POINTER)],
  [0x2418, keep(ALL, POINTER)],
  [0x2420, keep(ALL, POINTER)],
  [0x2428, keep(ALL, POINTER)],
  [0x2430, keep(ALL, POINTER)],
  ...ringRows(R.RDBAL),
  ...ringRows(0x2900),
  // Delays of interrupts (10.2.4.3, 10.2.6.11 to 10.2.6.14, 10.2.7.11, 10.2.7.13): nothing waits here.
  [0x2820, keep(LOW)],
  [0x282c, keep(LOW)],
  [0x2c08, keep(LOW)],
  [RXDCTL1, keep(ALL)],
  [RSRPD, keep(0xfff)],
  [0x3410, keep(ALL, POINTER)],
  [0x3418, keep(ALL, POINTER)],
  [0x3420, keep(ALL, POINTER)],
  [0x3428, keep(ALL, POINTER)],
  [0x3430, keep(ALL, POINTER)],
  ...ringRows(R.TDBAL),
  ...ringRows(0x3900),
  [0x3820, keep(LOW)],
  [0x3828, keep(ALL)],
  [0x382c, keep(LOW)],
  [0x3928, keep(ALL)],
  [TARC[0], keep(ALL, 0x7800_07ff)],
  [TARC[1], keep(ALL, 0x7800_07ff)],
  [RXCSUM, keep(ALL)],
  [RFCTL, keep(ALL)],
  // Wake up and management: kept, and never done.
  [0x5800, keep(ALL)],
  [0x5808, keep(ALL)],
  [0x5810, keep(ALL)],
  [MRQC, keep(ALL)],
  [R.MANC, keep(ALL)],
  [0x5824, keep(ALL)],
  [0x5828, keep(ALL)],
  [0x5830, keep(ALL)],
  [0x5838, keep(ALL)],
  [0x5860, keep(ALL)],
  // PCIe (10.2.5): statistics and semaphores among them.
  [0x5b08, keep(ALL)],
  [0x5b10, keep(ALL)],
  [0x5b14, keep(ALL)],
  [0x5b18, keep(ALL)],
  [0x5b1c, keep(ALL)],
  [0x5b20, keep(ALL)],
  [0x5b24, keep(ALL)],
  [0x5b28, keep(ALL)],
  [0x5b2c, keep(ALL)],
  [0x5b30, keep(ALL)],
  [SWSM, keep(ALL)],
  [0x5b64, keep(ALL)],
  [PBACLR, keep(0x1f)],
  [0x5f40, keep(LOW)],
  // Time stamps (10.2.8.4): kept, and no clock runs.
  [0xb600, keep(ALL)],
  [0xb604, keep(ALL)],
  [0xb608, keep(ALL)],
  [0xb60c, keep(ALL)],
  [0xb610, keep(ALL)],
  [0xb614, keep(ALL)],
  [0xb618, keep(ALL)],
  [0xb61c, keep(ALL)],
  [0xb620, keep(ALL)],
  [0xb624, keep(ALL)],
  [0xb628, keep(ALL)],
  [0xb62c, keep(ALL)],
  [0xb630, keep(ALL)],
  [0xb634, keep(ALL)],
  [0xb638, keep(ALL)],
]);

/** Tables: first register, number of registers, what they keep. */
const TABLES: readonly (readonly [first: number, count: number, kept: Kept])[] = [
  // VLAN filters of management.
  [0x5010, 4, keep(ALL)],
  [R.MTA, 128, keep(ALL)],
  [R.RA, 32, keep(ALL)],
  [R.VFTA, 128, keep(ALL)],
  // Addresses, filters and patterns of wake up and management.
  [0x5840, 7, keep(ALL)],
  [0x5880, 4, keep(ALL)],
  [0x5890, 8, keep(ALL)],
  [0x5a00, 32, keep(ALL)],
  [RETA, 32, keep(ALL)],
  [RSSRK, 32, keep(ALL)],
  [0x5f00, 11, keep(ALL, 0x7ff)],
  [0x9000, 255, keep(ALL, 0xf)],
  [0x9400, 255, keep(ALL)],
  [0x9800, 255, keep(ALL)],
  // The packet buffer's memory.
  [0x1_0000, 10240, keep(ALL)],
];

/** What a register that only keeps values keeps; undefined for others. */
export const keptOf = (register: number): Kept | undefined =>
  PLAIN.get(register) ??
  TABLES.find(([first, count]) => register >= first && register < first + 4 * count)?.[2];

/** Where registers are besides, for drivers of older controllers (10.2.1.1): first, number, first of those meant. */
const ALIASES: readonly (readonly [first: number, count: number, meant: number])[] = [
  [0x40, 32, R.RA],
  [0x108, 1, 0x2820],
  [0x110, 3, 0x2800],
  [0x120, 1, 0x2810],
  [0x128, 1, 0x2818],
  [0x160, 1, 0x2168],
  [0x168, 1, 0x2160],
  [0x420, 3, 0x3800],
  [0x430, 1, 0x3810],
  [0x438, 1, 0x3818],
  [0x440, 1, 0x3820],
  [0x600, 128, R.VFTA],
  [0x8000, 1, 0x2410],
  [0x8008, 1, 0x2418],
  [0x8010, 1, 0x3410],
  [0x8018, 1, 0x3418],
];

/** The register that an offset means. */
export function registerAt(offset: number): number {
  const register = offset & ~3;
  const alias = ALIASES.find(([first, n]) => register >= first && register < first + 4 * n);
  return alias === undefined ? register : alias[2] + register - alias[0];
}

/** Counters that a read sets to 0. */
export const isStatistic = (register: number): boolean =>
  R.isStatistic(register) || register === IAC;

/** STATUS shows what is forced and what is negotiated: 1000 Mb/s full duplex. */
export function shownStatus(status: number, control: number, extended: number): number {
  const isForced = (control & CTRL_BITS.forceSpeed) | (extended & CTRL_EXT_BITS.speedBypass);
  const speed = isForced ? (control & CTRL_BITS.speed) >> CTRL_SPEED_SHIFT : 2;
  const isFull = control & CTRL_BITS.forceDuplex ? control & CTRL_BITS.fullDuplex : 1;
  return (
    status |
    (control & CTRL_BITS.masterDisable ? 0 : STATUS_BITS.master) |
    (speed >= 2 ? STATUS_BITS.speed1000 : speed << STATUS_SPEED_SHIFT) |
    (isFull ? STATUS_BITS.fullDuplex : 0)
  );
}

/** Of EECD presence, that the NVM has been read, and its size are not the guest's to write (10.2.2.3). */
export const EECD_READ_ONLY = 0x7b00;
/** Latencies in GCR (10.2.5.1). */
export const GCR_READ_ONLY = 0x0680_0000;

/** What registers are after a reset, the others being 0: link up at 1000 Mb/s full duplex, as a cable has it. */
export const RESET_VALUES: Readonly<Record<number, number>> = Object.fromEntries([
  [R.CTRL, 0x0014_0241],
  [R.STATUS, 0x0000_0202],
  [R.EECD, 0x0000_0300],
  [R.EERD, NVM_IDLE],
  [R.VET, 0x8100],
  [0x410, 0x0060_2008],
  [R.LEDCTL, 0x0006_8302],
  [0xf00, 0x8],
  [0xf10, 0x30d],
  [R.PBA, 0x0014_0014],
  [0x1008, 0x28],
  [0x1010, 0x8000_0000],
  [0x1028, 0x2],
  [EEWR, NVM_IDLE],
  [0x1030, 0xc000_0000],
  [0x1050, 0x1],
  [PSRCTL, 0x0004_0402],
  [RXDCTL, 0x1_0000],
  [RXDCTL1, 0x1_0000],
  [0x3410, 0x600],
  [0x3418, 0x600],
  [0x3420, 0x600],
  [0x3428, 0x600],
  [TARC[0], 0x403],
  [TARC[1], 0x403],
  [RXCSUM, RXCSUM_BITS.ip | RXCSUM_BITS.transport],
  [R.MANC, 0x1000_0000],
  [GCR, 0x0680_0200],
  [0x5b30, 0x2000_0004],
  [SWSM, 1],
  [0xb634, 0x88f7],
  [0xb638, 0x319],
]);
