// INT 15h: how much memory there is and where, moves between extended addresses, the A20 gate (ACPI 6.4, 15.1 for
// E820h; Ralf Brown's interrupt list for the others).

import type { MemoryMap } from "../memory-map.ts";
import { MIB } from "../memory-map.ts";
import type { Board } from "../pc.ts";
import type { BiosFaults, MemoryService } from "./faults.ts";
import type { GuestSpace } from "./guest-space.ts";
import type { Registers } from "./registers.ts";

const SMAP = 0x534d4150;
const UNSUPPORTED = 0x86;
const RANGE_BYTES = 20;
/** With extended attributes, of which bit 0 says that the range counts. */
const ATTRIBUTED_RANGE_BYTES = 24;
const RANGE_COUNTS = 1;

/** Most words of AH=87h. */
const MAX_MOVED_WORDS = 0x8000;
/** AH=88h tells no more than 64 MiB. */
const MAX_EXTENDED_KIB = 63 * 1024;
const MAX_LOW_BYTES = 15 * MIB;
const BLOCK_BYTES = 65536;
/** AX=2403h: by the keyboard controller and by port 92h. */
const A20_METHODS = 3;
const PORT_A20 = 0x92;

export class MemoryServices {
  readonly #board: Board;
  readonly #space: GuestSpace;
  readonly #map: MemoryMap;
  readonly #ranges: readonly { start: number; length: number; type: number }[];
  readonly #services: readonly MemoryService[];
  readonly #a20IsStuck: boolean;

  constructor(board: Board, space: GuestSpace, map: MemoryMap, faults: BiosFaults) {
    this.#board = board;
    this.#space = space;
    this.#map = map;
    this.#ranges = faults.memory?.ranges ?? map.ranges;
    this.#services = faults.memory?.services ?? ["e820", "e801", "88"];
    this.#a20IsStuck = faults.a20?.stuck?.includes("bios") ?? false;
  }

  /** False for a function that is not of memory. */
  serve(r: Registers): boolean {
    const done = this.#function(r);
    if (done === undefined) return false;
    r.carry = !done;
    if (!done) r.ah = UNSUPPORTED;
    return true;
  }

  /** Whether the function has succeeded; undefined if it is none of these. */
  #function(r: Registers): boolean | undefined {
    switch (r.ah) {
      case 0x24:
        return this.#a20(r);
      case 0x87:
        return this.#moveBlock(r);
      case 0x88:
        if (!this.#services.includes("88")) return false;
        r.ax = Math.min(MAX_EXTENDED_KIB, Math.floor(this.#extended() / 1024));
        return true;
      case 0xe8:
        if (r.al === 0x20) return this.#services.includes("e820") && this.#range(r);
        if (r.al === 0x01) return this.#services.includes("e801") && this.#size(r, false);
        if (r.al === 0x81) return this.#services.includes("e801") && this.#size(r, true);
        return false;
      default:
        return undefined;
    }
  }

  /** Bytes from 1 MiB on that are RAM in one piece. */
  #extended(): number {
    return this.#map.ranges.find((range) => range.start === MIB)?.length ?? 0;
  }

  #a20(r: Registers): boolean {
    const { ports } = this.#board;
    const now = ports.read(PORT_A20, 1);
    switch (r.al) {
      case 0x00:
      case 0x01:
        // Bit 0 would reset.
        if (!this.#a20IsStuck) this.#board.setA20(r.al === 1);
        break;
      case 0x02:
        r.al = (now >> 1) & 1;
        break;
      case 0x03:
        r.bx = A20_METHODS;
        break;
      default:
        return false;
    }
    r.ah = 0;
    return true;
  }

  /** AH=87h: CX words by the descriptors at ES:SI, source at 10h, target at 18h. */
  #moveBlock(r: Registers): boolean {
    const table = r.at("es", r.si);
    const base = (at: number): number =>
      (r.word(at + 2) | (r.byte(at + 4) << 16) | (r.byte(at + 7) << 24)) >>> 0;
    const words = Math.min(r.cx, MAX_MOVED_WORDS);
    this.#space.write(base(table + 0x18), this.#space.read(base(table + 0x10), words * 2));
    r.ah = 0;
    return true;
  }

  /** AX=E820h: EBX is the number of the range, 0 ends. */
  #range(r: Registers): boolean {
    const index = r.wide("rbx");
    const range = this.#ranges[index];
    const room = r.wide("rcx");
    if (r.wide("rdx") !== SMAP || range === undefined || room < RANGE_BYTES) return false;
    const bytes = room >= ATTRIBUTED_RANGE_BYTES ? ATTRIBUTED_RANGE_BYTES : RANGE_BYTES;
    const view = new DataView(new ArrayBuffer(bytes));
    view.setBigUint64(0, BigInt(range.start), true);
    view.setBigUint64(8, BigInt(range.length), true);
    view.setUint32(16, range.type, true);
    if (bytes === ATTRIBUTED_RANGE_BYTES) view.setUint32(20, RANGE_COUNTS, true);
    this.#space.write(r.at("es", r.di), new Uint8Array(view.buffer));
    r.eax = SMAP;
    r.setWide("rcx", bytes);
    r.setWide("rbx", index + 1 < this.#ranges.length ? index + 1 : 0);
    return true;
  }

  /** AX=E801h and, in 32-bit registers, E881h: KiB between 1 and 16 MiB, 64 KiB blocks above. */
  #size(r: Registers, wide: boolean): boolean {
    const bytes = this.#extended();
    const low = Math.min(MAX_LOW_BYTES, bytes);
    const kib = low / 1024;
    const blocks = Math.floor((bytes - low) / BLOCK_BYTES);
    if (wide) {
      r.eax = kib;
      r.setWide("rbx", blocks);
      r.setWide("rcx", kib);
      r.setWide("rdx", blocks);
      return true;
    }
    r.ax = kib;
    r.bx = blocks;
    r.cx = kib;
    r.dx = blocks;
    return true;
  }
}
