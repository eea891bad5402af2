// Registers of the 82540EM (Intel PCI/PCI-X Family of Gigabit Ethernet Controllers Software Developer's Manual, 317453,
// 13), by offset, and what a guest can write of those that do nothing but keep it.

export const CTRL = 0x0000;
export const STATUS = 0x0008;
export const EECD = 0x0010;
export const EERD = 0x0014;
export const MDIC = 0x0020;
export const VET = 0x0038;
export const ICR = 0x00c0;
export const ITR = 0x00c4;
export const ICS = 0x00c8;
export const IMS = 0x00d0;
export const IMC = 0x00d8;
export const RCTL = 0x0100;
export const TCTL = 0x0400;
export const LEDCTL = 0x0e00;
export const PBA = 0x1000;
export const RDBAL = 0x2800;
export const RDBAH = 0x2804;
export const RDLEN = 0x2808;
export const RDH = 0x2810;
export const RDT = 0x2818;
export const TDBAL = 0x3800;
export const TDBAH = 0x3804;
export const TDLEN = 0x3808;
export const TDH = 0x3810;
export const TDT = 0x3818;
export const MTA = 0x5200;
export const RA = 0x5400;
export const VFTA = 0x5600;
export const MANC = 0x5820;

/** Statistics (13.7), which a read of each, or of the upper half, sets to 0. */
export const isStatistic = (register: number): boolean => register >= 0x4000 && register <= 0x40fc;
export const MPC = 0x4010;
export const PRC64 = 0x405c;
export const GPRC = 0x4074;
export const BPRC = 0x4078;
export const MPRC = 0x407c;
export const GPTC = 0x4080;
export const GORCL = 0x4088;
export const GOTCL = 0x4090;
export const RNBC = 0x40a0;
export const ROC = 0x40ac;
export const TORL = 0x40c0;
export const TOTL = 0x40c8;
export const TPR = 0x40d0;
export const TPT = 0x40d4;
export const PTC64 = 0x40d8;
export const MPTC = 0x40f0;
export const BPTC = 0x40f4;
export const TSCTC = 0x40f8;
/** Bits of CTRL: reset, VLAN mode, reset of the PHY (13.4.1). */
export const CTRL_RST = 0x0400_0000;
export const CTRL_VME = 0x4000_0000;
export const CTRL_PHY_RST = 0x8000_0000;

export const STATUS_LINK_UP = 2;

/** Bits of RCTL (13.4.22). */
export const RCTL_BITS = {
  enable: 0x2,
  storeBad: 0x4,
  unicastPromiscuous: 0x8,
  multicastPromiscuous: 0x10,
  longPackets: 0x20,
  broadcasts: 0x8000,
  vlanFilter: 0x4_0000,
  largerBuffers: 0x200_0000,
  stripCrc: 0x400_0000,
} as const;
export const BUFFER_SIZE_SHIFT = 16;

/** TCTL (13.4.33): the transmitter is on. */
export const TCTL_EN = 2;

/** Causes of interrupts (13.4.17). */
export const CAUSE = {
  transmitWrittenBack: 0x01,
  transmitQueueEmpty: 0x02,
  linkChange: 0x04,
  receiveMinimum: 0x10,
  receiveOverrun: 0x40,
  receiveTimer: 0x80,
  mdioDone: 0x200,
} as const;

const ALL = 0xffff_ffff;
/** A ring's length is in units of 128 bytes and below 1 MiB (13.4.27, 13.4.38). */
export const RING_LENGTH = 0x000f_ff80;

/** Registers without an effect of their own: what of a write they keep. */
const PLAIN: Readonly<Record<number, number>> = {
  // CTRL_EXT's software definable pins, flow control (13.4.4, 13.4.7 to 13.4.10).
  24: 0x0000_0ff0,
  40: ALL,
  44: 0xffff,
  48: 0xffff,
  [VET]: ALL,
  [ITR]: 0xffff,
  368: 0xffff,
  376: ALL,
  // TIPG, AIFS (13.4.34, 13.4.35).
  1040: 0x3fff_ffff,
  1112: 0xffff,
  [LEDCTL]: ALL,
  [PBA]: ALL,
  // Flow control thresholds, FIFO heads and tails for diagnosis (13.4.23, 13.8).
  8544: 0x8000_fff8,
  8552: 0xfff8,
  9232: 0x1fff,
  9240: 0x1fff,
  9248: 0x1fff,
  9256: 0x1fff,
  9264: 0x1fff,
  13328: 0x07ff,
  13336: 0x07ff,
  13344: 0x1fff,
  13352: 0x1fff,
  13360: 0x1fff,
  [RDBAL]: ALL,
  [RDBAH]: ALL,
  [RDLEN]: RING_LENGTH,
  [RDH]: 0xffff,
  // Delays of interrupts (13.4.30, 13.4.32, 13.4.43, 13.4.45) and thresholds of descriptors: nothing waits here.
  10272: 0xffff,
  10280: ALL,
  10284: 0xffff,
  11264: 0x0fff,
  [TDBAL]: ALL,
  [TDBAH]: ALL,
  [TDLEN]: RING_LENGTH,
  [TDH]: 0xffff,
  14368: 0xffff,
  14376: ALL,
  14380: 0xffff,
  14384: ALL,
  // RXCSUM: packets always say that their checksums are the guest's to look at.
  20480: 0x0000_07ff,
  // Wake up: kept, and never done.
  22528: ALL,
  22536: ALL,
  22544: ALL,
  22584: ALL,
};

interface Range {
  first: number;
  count: number;
  keeps: number;
}

/** Tables: multicast, addresses, VLANs, and those of wake up. */
const TABLES: readonly Range[] = [
  { first: MTA, count: 128, keeps: ALL },
  { first: RA, count: 32, keeps: ALL },
  { first: VFTA, count: 128, keeps: ALL },
  { first: 0x5840, count: 7, keeps: ALL },
  { first: 0x5880, count: 4, keeps: ALL },
  { first: 0x5a00, count: 32, keeps: ALL },
  { first: 0x5f00, count: 7, keeps: 0x07ff },
];

/** Bits that a write changes of a register that only keeps them; undefined for others. */
export const keptBits = (register: number): number | undefined =>
  PLAIN[register] ??
  TABLES.find(({ first, count }) => register >= first && register < first + 4 * count)?.keeps;

/** Registers of the manual that are not here: filters of wake up, the packet buffer's memory (13.8.11). */
export const isMissing = (register: number): boolean => register >= 0x9000;

/** What registers are after a reset, the others being 0: link up at 1000 Mb/s full duplex, as a cable has it. */
export const RESET_VALUES: Readonly<Record<number, number>> = {
  [CTRL]: 0x0014_0240,
  [STATUS]: 0x8008_0783,
  [VET]: 0x8100,
  [LEDCTL]: 0x0000_0602,
  [PBA]: 0x0010_0030,
  [MANC]: 0x0022_2300,
};

/** The counter of frames of this size, with the check sequence; `first` is that of 64 bytes (13.7.19 to 13.7.24). */
export function sizeCounter(first: number, bytes: number): number {
  const limits = [64, 127, 255, 511, 1023];
  const n = limits.findIndex((limit) => bytes <= limit);
  return first + 4 * (n < 0 ? limits.length : n);
}
