// SCSI commands of a disk or a CD (SPC-3, SBC-2, MMC-5), as USB's bulk-only transport carries them: it tells of itself and
// its medium, reads and writes. Data go in pieces, so that a command costs no more than its host asks for.

import type { Disk } from "../../media/disk.ts";
import { inquiry, tableOfContents } from "../ata/cd-answers.ts";
import {
  INVALID_COMMAND,
  INVALID_FIELD,
  NO_SENSE,
  OUT_OF_RANGE,
  type Sense,
  senseData,
  UNREADABLE,
  UNWRITABLE,
  WRITE_PROTECTED,
} from "../ata/sense.ts";

/** Data that a command moves: an answer, or the medium's from a sector on. */
interface Moving {
  toHost: boolean;
  /** Bytes. */
  left: number;
  answer: Uint8Array | null;
  sector: number;
  /** Bytes of `sector` that have been moved to the host, or have come from it. */
  within: number;
  /** What has come of a sector that is not whole yet. */
  part: Uint8Array;
}

export interface ScsiState {
  sense: Sense;
  moving: Moving | null;
}

export const freshScsiState = (): ScsiState => ({ sense: NO_SENSE, moving: null });

const NOTHING = new Uint8Array(0);
const MAX_PIECE = 1 << 20;
/** Sectors that are looked at together where nothing is moved. */
const VERIFY_STEP = 256;
const be32 = (n: number): number[] => [
  (n >>> 24) & 255,
  (n >>> 16) & 255,
  (n >>> 8) & 255,
  n & 255,
];
const be64 = (n: number): number[] => [...be32(Math.floor(n / 2 ** 32)), ...be32(n >>> 0)];
const text = (s: string, length: number): number[] =>
  [...s.padEnd(length).slice(0, length)].map((c) => c.charCodeAt(0));

/** A command descriptor block. */
class Block {
  readonly #bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }
  at(n: number): number {
    return this.#bytes[n] ?? 0;
  }
  be16(n: number): number {
    return this.at(n) * 256 + this.at(n + 1);
  }
  be24(n: number): number {
    return this.at(n) * 0x1_0000 + this.be16(n + 1);
  }
  be32(n: number): number {
    return this.be16(n) * 0x1_0000 + this.be16(n + 2);
  }
  be64(n: number): number {
    return this.be32(n) * 2 ** 32 + this.be32(n + 4);
  }
}

export class ScsiDisk {
  state = freshScsiState();
  readonly #disk: Disk;
  readonly #serial: string;

  constructor(disk: Disk, serial: string) {
    this.#disk = disk;
    this.#serial = serial;
  }

  /** Begins a command; false if it ends with CHECK CONDITION. */
  command(bytes: Uint8Array): boolean {
    const b = new Block(bytes);
    const s = this.state;
    s.moving = null;
    const { sense } = s;
    s.sense = NO_SENSE;
    const code = b.at(0);
    const isCd = this.#disk.kind === "cdrom";
    switch (code) {
      case 0x00: // TEST UNIT READY
      case 0x1b: // START STOP UNIT
      case 0x1e: // PREVENT ALLOW MEDIUM REMOVAL
        return true;
      case 0x03: // REQUEST SENSE
        return this.#answer([...senseData(sense)], b.at(4));
      case 0x12: // INQUIRY
        return this.#inquiry(b);
      case 0x1a: // MODE SENSE(6)
        return this.#modeSense(b.at(2), b.at(4), false);
      case 0x5a: // MODE SENSE(10)
        return this.#modeSense(b.at(2), b.be16(7), true);
      case 0x23: // READ FORMAT CAPACITIES
        return this.#answer(
          [0, 0, 0, 8, ...be32(this.#lastSectors()), 2, 0, ...this.#size(2)],
          b.be16(7),
        );
      case 0x25: // READ CAPACITY(10)
        return this.#answer(
          [...be32(Math.min(this.#disk.sectors - 1, 0xffff_ffff)), ...this.#size(4)],
          8,
        );
      case 0x9e: // SERVICE ACTION IN(16): READ CAPACITY(16)
        if ((b.at(1) & 0x1f) !== 0x10) return this.#check(INVALID_FIELD);
        return this.#answer(
          [...be64(this.#disk.sectors - 1), ...this.#size(4), ...new Array<number>(20).fill(0)],
          b.be32(10),
        );
      case 0xa0: // REPORT LUNS
        return this.#answer([0, 0, 0, 8, 0, 0, 0, 0, ...new Array<number>(8).fill(0)], b.be32(6));
      case 0x08:
        return this.#move(true, b.be24(1) & 0x1f_ffff, b.at(4) || 256);
      case 0x28:
        return this.#move(true, b.be32(2), b.be16(7));
      case 0xa8:
        return this.#move(true, b.be32(2), b.be32(6));
      case 0x88:
        return this.#move(true, b.be64(2), b.be32(10));
      case 0x0a:
        return this.#move(false, b.be24(1) & 0x1f_ffff, b.at(4) || 256);
      case 0x2a:
        return this.#move(false, b.be32(2), b.be16(7));
      case 0xaa:
        return this.#move(false, b.be32(2), b.be32(6));
      case 0x8a:
        return this.#move(false, b.be64(2), b.be32(10));
      case 0x2f: // VERIFY(10), without data to compare
        if (b.at(1) & 2) return this.#check(INVALID_FIELD);
        return this.#verify(b.be32(2), b.be16(7));
      case 0x35: // SYNCHRONIZE CACHE(10)
      case 0x91: // SYNCHRONIZE CACHE(16)
        return this.#disk.flush() || this.#check(UNWRITABLE);
      case 0x43: {
        // READ TOC/PMA/ATIP
        const format = b.at(2) & 0xf || b.at(9) >> 6;
        const toc = isCd
          ? tableOfContents(this.#disk.sectors, format, b.at(6), (b.at(1) & 2) !== 0)
          : undefined;
        return toc === undefined ? this.#check(INVALID_FIELD) : this.#answer(toc, b.be16(7));
      }
    }
    return this.#check(INVALID_COMMAND);
  }

  #check(sense: Sense): false {
    this.state.sense = sense;
    this.state.moving = null;
    return false;
  }

  #answer(bytes: readonly number[], limit: number): true {
    const answer = Uint8Array.from(bytes.slice(0, limit));
    const rest = { sector: 0, within: 0, part: NOTHING };
    this.state.moving = { toHost: true, left: answer.length, answer, ...rest };
    return true;
  }

  #lastSectors(): number {
    return Math.min(this.#disk.sectors, 0xffff_ffff);
  }

  #size(bytes: 2 | 4): number[] {
    return be32(this.#disk.sectorBytes).slice(4 - bytes);
  }

  #inquiry(b: Block): boolean {
    const isCd = this.#disk.kind === "cdrom";
    const type = isCd ? 5 : 0;
    if (b.at(1) & 1) {
      const serial = text(this.#serial, this.#serial.length);
      const pages: Readonly<Record<number, readonly number[]>> = {
        0: [0x00, 0x80],
        128: serial,
      };
      const page = pages[b.at(2)];
      if (page === undefined) return this.#check(INVALID_FIELD);
      return this.#answer([type, b.at(2), 0, page.length, ...page], b.be16(3));
    }
    if (b.at(2) !== 0) return this.#check(INVALID_FIELD);
    if (isCd) return this.#answer(inquiry(), b.be16(3));
    // A disk of SPC-3 that can be taken out, and 31 bytes that follow.
    const head = [type, 0x80, 5, 2, 31, 0, 0, 0];
    return this.#answer(
      [...head, ...text("TRIHEDRN", 8), ...text("USB stick", 16), ...text("1.0", 4)],
      b.be16(3),
    );
  }

  /** The header alone, and the caching page where it is asked for: there is no cache that FLUSH would not reach. */
  #modeSense(page: number, limit: number, long: boolean): boolean {
    const wanted = page & 0x3f;
    if (page >> 6 === 3 || (wanted !== 0x3f && wanted !== 0x08)) return this.#check(INVALID_FIELD);
    const caching = [0x08, 0x12, 0x04, ...new Array<number>(17).fill(0)];
    const readOnly = this.#disk.readOnly ? 0x80 : 0;
    const header = long
      ? [0, 6 + caching.length, 0, readOnly, 0, 0, 0, 0]
      : [3 + caching.length, 0, readOnly, 0];
    return this.#answer([...header, ...caching], limit);
  }

  /** Whether the medium can be read there. */
  #verify(sector: number, count: number): boolean {
    const disk = this.#disk;
    if (sector + count > disk.sectors) return this.#check(OUT_OF_RANGE);
    for (let at = sector; at < sector + count; at += VERIFY_STEP) {
      const step = Math.min(VERIFY_STEP, sector + count - at);
      if (disk.read(at, step) === undefined) return this.#check(UNREADABLE);
    }
    return true;
  }

  #move(toHost: boolean, sector: number, count: number): boolean {
    const disk = this.#disk;
    if (!toHost && disk.readOnly) return this.#check(WRITE_PROTECTED);
    if (sector + count > disk.sectors) return this.#check(OUT_OF_RANGE);
    const left = count * disk.sectorBytes;
    this.state.moving = { toHost, left, answer: null, sector, within: 0, part: NOTHING };
    return true;
  }

  /**
   * Up to `length` bytes of what the command has for its host, or undefined where the medium fails: the command has ended, or
   * is as it was and `again` will be called.
   */
  read(length: number, again: () => void): Uint8Array | undefined {
    const m = this.state.moving;
    if (m === null || !m.toHost) return NOTHING;
    const count = Math.min(length, m.left, MAX_PIECE);
    if (m.answer !== null) {
      const at = m.answer.length - m.left;
      m.left -= count;
      return m.answer.slice(at, at + count);
    }
    const unit = this.#disk.sectorBytes;
    const sectors = Math.ceil((m.within + count) / unit);
    const bytes = this.#disk.read(m.sector, sectors, again);
    if (bytes === undefined) {
      if (!this.#disk.waits) this.#check(UNREADABLE);
      return undefined;
    }
    const from = m.within;
    m.sector += Math.floor((from + count) / unit);
    m.within = (from + count) % unit;
    m.left -= count;
    return bytes.subarray(from, from + count);
  }

  /** What the host sends for the command, no more than it takes; false where the medium fails. */
  write(bytes: Uint8Array): boolean {
    const m = this.state.moving;
    if (m === null) return true;
    const unit = this.#disk.sectorBytes;
    const all = new Uint8Array(m.part.length + bytes.length);
    all.set(m.part);
    all.set(bytes, m.part.length);
    const whole = all.length - (all.length % unit);
    m.left -= bytes.length;
    m.part = all.slice(whole);
    if (whole > 0 && !this.#disk.write(m.sector, all.subarray(0, whole))) {
      return this.#check(UNWRITABLE);
    }
    m.sector += whole / unit;
    return true;
  }
}
