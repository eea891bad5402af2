// A keyboard on USB: reports of the boot protocol, the keys that are held as bits and up to six usages (HID 1.11, appendix
// B.1 and C).

import { HidDevice, type HidKind, type HidState, MOST_WAITING } from "./hid-device.ts";
import { FIRST_MODIFIER, usageOf } from "./hid-usages.ts";

const KEYS = 6;
/** More keys are held than a report has room for. */
const ROLL_OVER = 1;

// Eight bits for the modifiers, a byte that is none, five lights with three bits to fill, six usages.
// biome-ignore format: an item a line would be long
const REPORTS = [
  0x05, 0x01, 0x09, 0x06, 0xa1, 0x01,
  0x05, 0x07, 0x19, 0xe0, 0x29, 0xe7, 0x15, 0x00, 0x25, 0x01, 0x75, 0x01, 0x95, 0x08, 0x81, 0x02,
  0x95, 0x01, 0x75, 0x08, 0x81, 0x01,
  0x95, 0x05, 0x75, 0x01, 0x05, 0x08, 0x19, 0x01, 0x29, 0x05, 0x91, 0x02,
  0x95, 0x01, 0x75, 0x03, 0x91, 0x01,
  0x95, 0x06, 0x75, 0x08, 0x15, 0x00, 0x26, 0xff, 0x00, 0x05, 0x07, 0x19, 0x00, 0x2a, 0xff, 0x00, 0x81, 0x00,
  0xc0,
];

const KEYBOARD: HidKind = {
  product: "USB keyboard",
  boot: 1,
  reports: REPORTS,
  reportBytes: 2 + KEYS,
  interval: 7,
};

interface KeyboardState extends HidState {
  /** Bits of the modifiers that are held, and usages of the other keys, in the order in which they went down. */
  modifiers: number;
  held: number[];
  /** Bits of the lights that the host has lit: 1 Num Lock, 2 Caps Lock, 4 Scroll Lock. */
  lights: number;
  /** Reports that have not been sent. */
  reports: number[][];
}

export class UsbKeyboard extends HidDevice<KeyboardState> {
  state: KeyboardState;
  protected readonly bootBytes = 2 + KEYS;

  constructor(now: () => number) {
    super(KEYBOARD, now);
    this.state = this.#fresh();
  }

  #fresh(): KeyboardState {
    return { ...this.freshHid(), modifiers: 0, held: [], lights: 0, reports: [] };
  }

  reset(): void {
    this.state = this.#fresh();
  }

  /** A key goes down or up, by its set 1 code. */
  key(code: number, down: boolean, extended: boolean): void {
    const usage = usageOf(code, extended);
    if (usage === undefined) return;
    const s = this.state;
    if (usage >= FIRST_MODIFIER) {
      const bit = 1 << (usage - FIRST_MODIFIER);
      s.modifiers = down ? s.modifiers | bit : s.modifiers & ~bit;
    } else {
      s.held = s.held.filter((other) => other !== usage);
      if (down) s.held.push(usage);
    }
    if (s.reports.length >= MOST_WAITING) s.reports.pop();
    s.reports.push(this.current());
    this.wake();
  }

  protected nextReport(): number[] | undefined {
    return this.state.reports.shift();
  }

  protected current(): number[] {
    const { modifiers, held } = this.state;
    const usages =
      held.length > KEYS
        ? new Array<number>(KEYS).fill(ROLL_OVER)
        : Array.from({ length: KEYS }, (_, i) => held[i] ?? 0);
    return [modifiers, 0, ...usages];
  }

  protected override output(bytes: Uint8Array): void {
    this.state.lights = bytes[0] ?? 0;
  }
}
