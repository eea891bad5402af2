// IDENTIFY DEVICE and IDENTIFY PACKET DEVICE (ATA8-ACS, 7.16 and 7.17). Modes, limits and features are those of
// QEMU's drives; names are ours.

import { type Geometry, physical, sectorsOf } from "../../media/geometry.ts";

const IDENTIFY_WORDS = 256;
/** Sectors that READ MULTIPLE and WRITE MULTIPLE move at once, at most. */
export const MAX_MULTIPLE = 16;
export const NCQ_TAGS = 32;
const MAX_28_BITS = 0x0fff_ffff;
export const FIRMWARE = "1.0";
export const DISK_MODEL = "TRIHEDRON HARDDISK";
export const CD_MODEL = "TRIHEDRON DVD-ROM";

/** Word 80: ATA/ATAPI-4 to -7. */
const ATA_VERSIONS = 0xf0;
/** Word 81: ATA/ATAPI-5. */
const MINOR_VERSION = 0x16;
const ATAPI_VERSIONS = 0x1e;
/** Bits 15:14 of words that would read 0 or all ones otherwise. */
const VALID = 0x4000;

const WORD_82 = { smart: 0x0001, writeCache: 0x0020, nop: 0x4000 } as const;
const WORD_83 = { lba48: 0x0400, flush: 0x1000, flushExt: 0x2000 } as const;
const WORD_84 = { generalPurposeLogs: 0x0020 } as const;
/** Word 49: DMA, block addresses, IORDY. */
const CAPABILITIES = { dma: 0x0100, lba: 0x0200, iordy: 0x0800 } as const;
/** Word 93: the reset of a cable's device 0 went well, and it has 80 wires. */
const HARDWARE_RESET = VALID | 0x2001;

export interface DiskFacts {
  serial: string;
  sectors: number;
  /** What INITIALIZE DEVICE PARAMETERS has set. */
  current: Geometry;
  multiple: number;
  dmaMode: number;
  writeCache: boolean;
  smart: boolean;
  /** On Serial ATA. */
  queued: boolean;
}

class Words {
  readonly bytes = new Uint8Array(IDENTIFY_WORDS * 2);
  readonly #view = new DataView(this.bytes.buffer);

  set(word: number, value: number): void {
    this.#view.setUint16(word * 2, value, true);
  }

  set32(word: number, value: number): void {
    this.#view.setUint32(word * 2, value, true);
  }

  /** Characters in pairs, the first one in the upper half of its word. */
  text(word: number, words: number, value: string): void {
    const padded = value.padEnd(words * 2);
    for (let i = 0; i < words * 2; i++) {
      this.bytes[word * 2 + (i ^ 1)] = padded.charCodeAt(i) & 0x7f;
    }
  }

  /** The modes that there are, and which of them is chosen. */
  modes(word: number, kind: number, supported: number, chosen: number): void {
    const selected = chosen >> 3 === kind ? 1 << (8 + (chosen & 7)) : 0;
    this.set(word, supported | selected);
  }
}

function common(w: Words, serial: string, model: string, dmaMode: number): void {
  w.text(10, 10, serial);
  // Buffer type, its size and bytes of ECC: retired, but looked at by old hosts.
  w.set(20, 3);
  w.set(21, 512);
  w.set(22, 4);
  w.text(23, 4, FIRMWARE);
  w.text(27, 20, model);
  w.set(48, 1);
  w.modes(62, 2, 7, dmaMode);
  w.modes(63, 4, 7, dmaMode);
  w.modes(88, 8, 0x3f, dmaMode);
}

export function identifyDisk(f: DiskFacts): Uint8Array {
  const w = new Words();
  const { cylinders, heads, sectors } = physical(f.sectors);
  w.set(0, 0x0040);
  w.set(1, cylinders);
  w.set(3, heads);
  w.set(4, 512 * sectors);
  w.set(5, 512);
  w.set(6, sectors);
  common(w, f.serial, DISK_MODEL, f.dmaMode);
  w.set(47, 0x8000 | MAX_MULTIPLE);
  w.set(49, CAPABILITIES.iordy | CAPABILITIES.lba | CAPABILITIES.dma);
  w.set(51, 0x200);
  w.set(52, 0x200);
  // Words 54–58, 64–70 and 88 are valid.
  w.set(53, 7);
  w.set(54, f.current.cylinders);
  w.set(55, f.current.heads);
  w.set(56, f.current.sectors);
  w.set32(57, sectorsOf(f.current));
  w.set(59, f.multiple > 0 ? 0x100 | f.multiple : 0);
  w.set32(60, Math.min(f.sectors, MAX_28_BITS));
  w.set(64, 3);
  for (let word = 65; word <= 68; word++) w.set(word, 120);
  if (f.queued) {
    w.set(75, NCQ_TAGS - 1);
    w.set(76, 0x0100);
  }
  w.set(80, ATA_VERSIONS);
  w.set(81, MINOR_VERSION);
  const logs = f.queued ? WORD_84.generalPurposeLogs : 0;
  w.set(82, WORD_82.nop | WORD_82.writeCache | WORD_82.smart);
  w.set(83, VALID | WORD_83.flushExt | WORD_83.flush | WORD_83.lba48);
  w.set(84, VALID | logs);
  w.set(85, WORD_82.nop | (f.writeCache ? WORD_82.writeCache : 0) | (f.smart ? WORD_82.smart : 0));
  w.set(86, WORD_83.flushExt | WORD_83.flush | WORD_83.lba48);
  w.set(87, VALID | logs);
  w.set(93, HARDWARE_RESET);
  w.set32(100, f.sectors >>> 0);
  w.set32(102, Math.floor(f.sectors / 2 ** 32));
  // A physical sector is a logical one.
  w.set(106, 0x6000);
  return w.bytes;
}

export function identifyPacketDevice(serial: string, dmaMode: number): Uint8Array {
  const w = new Words();
  // A packet device: CD, removable, DRQ within 50 µs, packets of 12 bytes.
  w.set(0, 0x85c0);
  common(w, serial, CD_MODEL, dmaMode);
  w.set(49, CAPABILITIES.lba | CAPABILITIES.dma);
  w.set(53, 7);
  w.set(64, 3);
  w.set(65, 0xb4);
  w.set(66, 0xb4);
  w.set(67, 0x12c);
  w.set(68, 0xb4);
  w.set(71, 30);
  w.set(72, 30);
  w.set(80, ATAPI_VERSIONS);
  return w.bytes;
}
