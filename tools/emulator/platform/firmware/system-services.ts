// The rest of the BIOS: equipment (11h), memory size (12h), serial ports (14h), system (15h) but for memory and
// power, and printer (17h), after Ralf Brown's interrupt list. PS/2 mouse functions are left out and say so with CF.

import type { Board } from "../pc.ts";
import type { BiosStateHolder } from "./bios-state.ts";
import type { Registers } from "./registers.ts";
import { BIOS_CODE, CONFIGURATION_TABLE } from "./rom.ts";

const BDA = 0x400;
const EQUIPMENT = BDA + 0x10;
const MEMORY_KIB = BDA + 0x13;

/** Of 110, 150, 300, 600, 1200, 2400, 4800 and 9600 baud. */
const BAUD_DIVISORS = [1047, 768, 384, 192, 96, 48, 24, 12] as const;
const SERIAL_TIMED_OUT = 0x80;

const EBDA_SEGMENT = BDA + 0x0e;
const UNSUPPORTED = 0x86;

export class SystemServices {
  readonly #board: Board;
  readonly #bios: BiosStateHolder;

  constructor(board: Board, bios: BiosStateHolder) {
    this.#board = board;
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

  /** INT 15h but for memory and power; false means "not yet" (a wait). */
  system(r: Registers): boolean {
    r.carry = false;
    switch (r.ah) {
      // Nobody objects to a medium's ejection; waiting for a device, and its end, are for programs to hook.
      case 0x52:
        r.ah = 0;
        return true;
      case 0x90:
      case 0x91:
        return true;
      case 0x86:
        return this.#wait(r);
      case 0xc0:
        r.es = BIOS_CODE;
        r.bx = CONFIGURATION_TABLE;
        r.ah = 0;
        return true;
      case 0xc1:
        r.es = r.word(EBDA_SEGMENT);
        return true;
      // The key goes on as it is.
      case 0x4f:
        r.carry = true;
        return true;
    }
    r.carry = true;
    r.ah = UNSUPPORTED;
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

  /** Floppies in the equipment word: bit 0 says that there are any, bits 7:6 how many besides. */
  setFloppies(r: Registers, count: number): void {
    const others = r.word(EQUIPMENT) & ~0xc1;
    r.setWord(EQUIPMENT, count === 0 ? others : others | 1 | ((Math.min(count, 4) - 1) << 6));
  }

  printer(r: Registers): void {
    r.ah = 0x30;
  }
}
