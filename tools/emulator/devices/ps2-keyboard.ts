// A PS/2 keyboard with scan code sets 1 to 3 (IBM Personal System/2 hardware interface technical
// reference, "Keyboard"). Typematic repeat is left to whoever presses the keys; the commands that make
// keys of set 3 typematic or not are not known, as in QEMU.

import type { Device, DeviceKind, Slot } from "./device.ts";
import { ACK, Ps2Device, QUEUE_LIMIT, RESEND, SELF_TEST_PASSED } from "./ps2.ts";
import { keyBytes, type ScanCodeSet } from "./scan-codes.ts";

const SET_LEDS = 0xed;
const ECHO = 0xee;
const SCAN_CODE_SET = 0xf0;
const IDENTIFY = 0xf2;
const SET_RATE = 0xf3;
const ENABLE = 0xf4;
const RESET_DISABLE = 0xf5;
const RESET_ENABLE = 0xf6;
const ALL_TYPEMATIC = 0xfa;
const SET_MAKE_BREAK = 0xfc;
const RESET = 0xff;

const freshState = () => ({
  replies: [] as number[],
  queue: [] as number[],
  last: 0,
  scanning: true,
  set: 2 as ScanCodeSet,
  leds: 0,
  /** Command that waits for its argument, 0 for none. */
  pending: 0,
});

export class Ps2Keyboard extends Ps2Device implements Device {
  readonly name: string;
  state = freshState();

  constructor(slot: Slot) {
    super();
    this.name = slot.name;
  }

  reset(): void {
    this.state = freshState();
  }

  /** A key goes down or up. `code` is its set 1 code, 0–0x7F; `extended` keys have a prefix E0. */
  key(code: number, down: boolean, extended = false): void {
    const s = this.state;
    if (!s.scanning || s.queue.length > QUEUE_LIMIT) return;
    s.queue.push(...keyBytes(s.set, code & 0x7f, down, extended));
    this.onData();
  }

  command(value: number): void {
    const s = this.state;
    const { pending } = s;
    s.pending = 0;
    if (pending !== 0) {
      this.#argument(pending, value);
      return;
    }
    switch (value) {
      case SET_LEDS:
      case SCAN_CODE_SET:
      case SET_RATE:
      case SET_MAKE_BREAK:
        s.pending = value;
        this.reply(ACK);
        break;
      case ECHO:
        this.reply(ECHO);
        break;
      case IDENTIFY:
        this.reply(ACK, 0xab, 0x83);
        break;
      case ENABLE:
        s.scanning = true;
        this.reply(ACK);
        break;
      case RESET_DISABLE:
      case RESET_ENABLE:
        this.state = { ...freshState(), last: s.last, scanning: value === RESET_ENABLE };
        this.reply(ACK);
        break;
      case RESET:
        this.state = { ...freshState(), last: s.last };
        this.reply(ACK, SELF_TEST_PASSED);
        break;
      case RESEND:
        this.reply(s.last);
        break;
      // Nothing is to be done for these; 0 is no command, but acknowledged as QEMU does.
      case ALL_TYPEMATIC:
      case 0:
        this.reply(ACK);
        break;
      default:
        this.reply(RESEND);
    }
  }

  #argument(command: number, value: number): void {
    const s = this.state;
    if (command !== SCAN_CODE_SET) {
      if (command === SET_LEDS) s.leds = value & 7;
      this.reply(ACK);
    } else if (value === 0) {
      this.reply(ACK, s.set);
    } else if (value === 1 || value === 2 || value === 3) {
      s.set = value;
      this.reply(ACK);
    } else {
      this.reply(RESEND);
    }
  }
}

export const ps2Keyboard: DeviceKind = {
  name: "ps2-keyboard",
  what: "PS/2 keyboard",
  builtIn: true,
  create: (slot) => new Ps2Keyboard(slot),
};
