// INT 15h, AH=53h: Advanced Power Management in real mode (APM BIOS Interface Specification 1.2, 4). There is a machine that is
// on or off, on mains; entry points for protected mode are not there, and the installation check says so.

import { SLEEP_TYPE_S5, SLP_EN } from "../../devices/acpi-pm.ts";
import { PM_BASE } from "../../devices/chipset.ts";
import type { Board } from "../pc.ts";
import type { BiosStateHolder } from "./bios-state.ts";
import type { Registers } from "./registers.ts";

const VERSION = 0x0102;
const SIGNATURE = 0x504d;
const ALL_DEVICES = 1;
const OFF = 3;
const ON_MAINS = 0x01;
const UNKNOWN = 0xff;
const NO_BATTERY = 0x80;

/** PM1a control behind PMBASE (ACPI 6.4, 4.8.3.2). */
const PM1_CONTROL = 4;

/** Error codes (appendix A). */
const NO_16_BIT = 0x06;
const NO_32_BIT = 0x08;
const NOT_SUPPORTED = 0x0c;
const NO_EVENTS = 0x80;

export class PowerServices {
  readonly #board: Board;
  readonly #bios: BiosStateHolder;

  constructor(board: Board, bios: BiosStateHolder) {
    this.#board = board;
    this.#bios = bios;
  }

  /** AL is the function; false means "not yet" (the CPU is idle). */
  serve(r: Registers): boolean {
    r.carry = false;
    switch (r.al) {
      case 0x00:
        r.ax = VERSION;
        r.bx = SIGNATURE;
        r.cx = 0;
        return true;
      case 0x01:
      case 0x04:
      case 0x06:
      case 0x08:
      case 0x0f:
        return true;
      case 0x02:
        return fail(r, NO_16_BIT);
      case 0x03:
        return fail(r, NO_32_BIT);
      case 0x05:
        return this.#idle();
      case 0x07:
        if (r.bx === ALL_DEVICES && r.cx === OFF) this.#powerOff();
        return true;
      case 0x0a:
        r.bx = (ON_MAINS << 8) | UNKNOWN;
        r.cx = (NO_BATTERY << 8) | UNKNOWN;
        r.dx = 0xffff;
        r.si = 0;
        return true;
      case 0x0b:
        return fail(r, NO_EVENTS);
      case 0x0e:
        r.ax = VERSION;
        return true;
      case 0x10:
        // Neither standby nor anything that wakes it up, and no batteries.
        r.bx = 0;
        r.cx = 0;
        return true;
      default:
        return fail(r, NOT_SUPPORTED);
    }
  }

  /** Until the next interrupt: the stub halts between calls. */
  #idle(): boolean {
    const s = this.#bios.state;
    s.isIdle = !s.isIdle;
    return !s.isIdle;
  }

  #powerOff(): void {
    this.#board.ports.write(PM_BASE + PM1_CONTROL, SLP_EN | (SLEEP_TYPE_S5 << 10), 2);
  }
}

function fail(r: Registers, code: number): boolean {
  r.carry = true;
  r.ah = code;
  return true;
}
