// INT 1Ah, AH=B1h: the PCI BIOS (PCI BIOS specification 2.1, real-mode interface). The 32-bit entry point and
// interrupt routing are left out.

import type { Board } from "../pc.ts";
import type { Registers } from "./registers.ts";

const ADDRESS = 0xcf8;
const DATA = 0xcfc;
const ENABLE = 0x80000000;

const OK = 0x00;
const UNSUPPORTED = 0x81;
const BAD_VENDOR = 0x83;
const NOT_FOUND = 0x86;
const BAD_REGISTER = 0x87;

const SIGNATURE = 0x20494350; // "PCI "
const VERSION = 0x0210;
/** Configuration mechanism 1. */
const MECHANISM = 1;
const FUNCTIONS = 256;
const NOBODY = 0xffff;

export class PciServices {
  readonly #board: Board;

  constructor(board: Board) {
    this.#board = board;
  }

  /** `place` is the bus in the upper byte, device and function in the lower. */
  #select(place: number, register: number): number {
    this.#board.ports.write(ADDRESS, (ENABLE | (place << 8) | (register & 0xfc)) >>> 0, 4);
    return DATA + (register & 3);
  }

  #read(place: number, register: number, size: number): number {
    return this.#board.ports.read(this.#select(place, register), size);
  }

  serve(r: Registers): void {
    const status = this.#function(r);
    r.ah = status;
    r.carry = status !== OK;
  }

  #function(r: Registers): number {
    switch (r.al) {
      case 0x01:
        r.al = MECHANISM;
        r.bx = VERSION;
        // The last bus is 0.
        r.cx &= 0xff00;
        r.setWide("rdx", SIGNATURE);
        r.setWide("rdi", 0);
        return OK;
      case 0x02: {
        const [device, vendor] = [r.cx, r.dx];
        if (vendor === NOBODY) return BAD_VENDOR;
        return this.#find(
          r,
          (place) => this.#read(place, 0, 4) === ((device << 16) | vendor) >>> 0,
        );
      }
      case 0x03: {
        const wanted = r.wide("rcx") & 0xffffff;
        return this.#find(r, (place) => this.#read(place, 8, 4) >>> 8 === wanted);
      }
      case 0x08:
      case 0x09:
      case 0x0a:
      case 0x0b:
      case 0x0c:
      case 0x0d:
        return this.#access(r, 1 << ((r.al - 8) % 3), r.al >= 0x0b);
      default:
        return UNSUPPORTED;
    }
  }

  /** The function number SI among those on bus 0 that match, into BX. */
  #find(r: Registers, matches: (place: number) => boolean): number {
    let left = r.si;
    for (let place = 0; place < FUNCTIONS; place++) {
      if (this.#read(place, 0, 2) === NOBODY || !matches(place)) continue;
      if (left-- === 0) {
        r.bx = place;
        return OK;
      }
    }
    return NOT_FOUND;
  }

  /** Register DI of function BX, from or to CL, CX or ECX. */
  #access(r: Registers, size: number, write: boolean): number {
    const register = r.di;
    if (register > 0xff || register % size !== 0) return BAD_REGISTER;
    const port = this.#select(r.bx, register);
    const { ports } = this.#board;
    if (write) ports.write(port, r.wide("rcx") & (size === 4 ? -1 : (1 << (8 * size)) - 1), size);
    else if (size === 4) r.setWide("rcx", ports.read(port, 4));
    else if (size === 2) r.cx = ports.read(port, 2);
    else r.cx = (r.cx & 0xff00) | ports.read(port, 1);
    return OK;
  }
}
