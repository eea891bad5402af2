// The rest of the BIOS: equipment (11h), memory size (12h), serial ports (14h), system (15h), printer
// (17h) and time (1Ah), after Ralf Brown's interrupt list. PCI BIOS, APM and PS/2 mouse functions are
// left out and say so with CF.

import type { MemoryMap } from "../memory-map.ts";
import { MIB } from "../memory-map.ts";
import type { Board } from "../pc.ts";
import type { BiosStateHolder } from "./bios-state.ts";
import type { Registers } from "./registers.ts";

const BDA = 0x400;
const EQUIPMENT = BDA + 0x10;
const MEMORY_KIB = BDA + 0x13;
const TICKS = BDA + 0x6c;
const MIDNIGHT = BDA + 0x70;

/** Of 110, 150, 300, 600, 1200, 2400, 4800 and 9600 baud. */
const BAUD_DIVISORS = [1047, 768, 384, 192, 96, 48, 24, 12] as const;
const SERIAL_TIMED_OUT = 0x80;

const SMAP = 0x534d4150;
const UNSUPPORTED = 0x86;

export class SystemServices {
  readonly #board: Board;
  readonly #map: MemoryMap;
  readonly #bios: BiosStateHolder;

  constructor(board: Board, map: MemoryMap, bios: BiosStateHolder) {
    this.#board = board;
    this.#map = map;
    this.#bios = bios;
  }

  equipment(r: Registers): void {
    r.ax = r.word(EQUIPMENT);
  }

  memorySize(r: Registers): void {
    r.ax = r.word(MEMORY_KIB);
  }

  /** INT 14h on port DX of the data area: AH 0 sets up, 1 sends, 2 receives, 3 tells the status. */
  serial(r: Registers): void {
    const { ports } = this.#board;
    const port = r.dx < 4 ? r.word(BDA + r.dx * 2) : 0;
    const command = r.ah;
    if (port === 0 || command > 3) return;
    if (command === 0) {
      const divisor = BAUD_DIVISORS[r.al >> 5] as number;
      ports.write(port + 3, 0x80, 1);
      ports.write(port, divisor & 0xff, 1);
      ports.write(port + 1, divisor >> 8, 1);
      ports.write(port + 3, r.al & 0x1f, 1);
    } else if (command === 1) {
      ports.write(port, r.al, 1);
    }
    const status = ports.read(port + 5, 1);
    if (command === 2) {
      if (!(status & 1)) {
        r.ah = SERIAL_TIMED_OUT | status;
        return;
      }
      r.al = ports.read(port, 1);
    } else if (command !== 1) {
      r.al = ports.read(port + 6, 1);
    }
    r.ah = status;
  }

  /** INT 15h; false means "not yet" (a wait). */
  system(r: Registers): boolean {
    r.carry = false;
    switch (r.ah) {
      case 0x24:
        return this.#a20(r);
      case 0x86:
        return this.#wait(r);
      case 0x87:
        this.#moveBlock(r);
        return true;
      case 0x88:
        r.ax = Math.min(0xfc00, (this.#map.ramBytes - MIB) / 1024);
        return true;
      case 0xe8:
        if (r.al === 0x20) return this.#memoryMap(r);
        if (r.al === 0x01) return this.#bigMemory(r);
        break;
    }
    r.carry = true;
    r.ah = UNSUPPORTED;
    return true;
  }

  #a20(r: Registers): boolean {
    const { ports } = this.#board;
    const now = ports.read(0x92, 1);
    if (r.al <= 1) ports.write(0x92, r.al === 1 ? now | 2 : now & ~2 & 0xfe, 1);
    else if (r.al === 2) r.al = (now >> 1) & 1;
    else if (r.al === 3) r.bx = 3;
    r.ah = 0;
    return true;
  }

  /** AH=86h: CX:DX microseconds. The stub halts between calls. */
  #wait(r: Registers): boolean {
    const now = this.#board.scheduler.clock.now();
    const s = this.#bios.state;
    if (s.waitUntil < 0) s.waitUntil = now + ((r.cx << 16) | r.dx) * 1000;
    if (now < s.waitUntil) return false;
    s.waitUntil = -1;
    return true;
  }

  /** AH=87h: CX words by the descriptors at ES:SI, source at 10h, target at 18h. */
  #moveBlock(r: Registers): void {
    const table = r.at("es", r.si);
    const base = (at: number): number =>
      r.word(at + 2) | (r.byte(at + 4) << 16) | (r.byte(at + 7) << 24);
    const bytes = r.ram.read(base(table + 0x10) >>> 0, r.cx * 2);
    r.ram.write(base(table + 0x18) >>> 0, bytes);
    r.ah = 0;
  }

  /** AX=E820h: EBX is the number of the range, 0 ends. */
  #memoryMap(r: Registers): boolean {
    const index = r.wide("rbx");
    const range = this.#map.ranges[index];
    if (r.wide("rdx") !== SMAP || range === undefined || r.wide("rcx") < 20) {
      r.carry = true;
      r.ah = UNSUPPORTED;
      return true;
    }
    const view = new DataView(new ArrayBuffer(20));
    view.setBigUint64(0, BigInt(range.start), true);
    view.setBigUint64(8, BigInt(range.length), true);
    view.setUint32(16, range.type, true);
    r.ram.write(r.at("es", r.di), new Uint8Array(view.buffer));
    r.eax = SMAP;
    r.setWide("rcx", 20);
    r.setWide("rbx", index + 1 < this.#map.ranges.length ? index + 1 : 0);
    return true;
  }

  /** AX=E801h: KiB between 1 and 16 MiB, 64 KiB blocks above. */
  #bigMemory(r: Registers): boolean {
    const top = this.#map.ranges.find((x) => x.start === MIB);
    const bytes = top?.length ?? 0;
    const low = Math.min(15 * MIB, bytes);
    r.ax = low / 1024;
    r.bx = Math.floor((bytes - low) / 65536);
    r.cx = r.ax;
    r.dx = r.bx;
    return true;
  }

  printer(r: Registers): void {
    r.ah = 0x30;
  }

  /** INT 1Ah: ticks since midnight, RTC time and date. */
  time(r: Registers): void {
    r.carry = false;
    const rtc = (index: number): number => {
      this.#board.ports.write(0x70, index, 1);
      return this.#board.ports.read(0x71, 1);
    };
    switch (r.ah) {
      case 0x00:
        r.cx = r.word(TICKS + 2);
        r.dx = r.word(TICKS);
        r.al = r.byte(MIDNIGHT);
        r.setByte(MIDNIGHT, 0);
        break;
      case 0x01:
        r.setWord(TICKS + 2, r.cx);
        r.setWord(TICKS, r.dx);
        break;
      case 0x02:
        r.cx = (rtc(4) << 8) | rtc(2);
        r.dx = rtc(0) << 8;
        break;
      case 0x04:
        r.cx = (rtc(0x32) << 8) | rtc(9);
        r.dx = (rtc(8) << 8) | rtc(7);
        break;
      default:
        r.carry = true;
    }
  }

  /** Sets the tick counter from the clock, as power-on does. */
  setTicks(r: Registers, secondsOfDay: number): void {
    const ticks = Math.floor((secondsOfDay * 1193182) / 65536);
    r.setWord(TICKS, ticks & 0xffff);
    r.setWord(TICKS + 2, ticks >>> 16);
  }
}
