// A mouse or a tablet on USB: the one tells how far it has moved, the other where it is (HID 1.11, appendix E.10; HID Usage
// Tables 1.12, section 4).

import { HidDevice, type HidKind, type HidState, MOST_WAITING } from "./hid-device.ts";

/** Where a tablet's right and lower edges are. */
export const TABLET_EDGE = 0x7fff;
/** How far a tablet goes for a step of who only tells movements: a picture's width in a thousand of them. */
const TABLET_STEP = TABLET_EDGE / 1000;
const MOST = 127;

// Five buttons as bits, three bits to fill.
// biome-ignore format: an item a line would be long
const BUTTONS = [
  0x05, 0x01, 0x09, 0x02, 0xa1, 0x01, 0x09, 0x01, 0xa1, 0x00,
  0x05, 0x09, 0x19, 0x01, 0x29, 0x05, 0x15, 0x00, 0x25, 0x01, 0x95, 0x05, 0x75, 0x01, 0x81, 0x02,
  0x95, 0x01, 0x75, 0x03, 0x81, 0x01, 0x05, 0x01,
];
const WHEEL = [0x09, 0x38, 0x15, 0x81, 0x25, 0x7f, 0x35, 0, 0x45, 0, 0x75, 8, 0x95, 1, 0x81, 6];
const END = [0xc0, 0xc0];

const MOUSE: HidKind = {
  product: "USB mouse",
  boot: 2,
  reports: [
    ...BUTTONS,
    // X and Y, relative, a byte each, and the wheel like them.
    ...[0x09, 0x30, 0x09, 0x31, 0x15, 0x81, 0x25, 0x7f, 0x75, 8, 0x95, 2, 0x81, 6],
    ...[...WHEEL, ...END],
  ],
  reportBytes: 4,
  interval: 4,
};

const TABLET: HidKind = {
  product: "USB tablet",
  boot: 0,
  reports: [
    ...BUTTONS,
    // X and Y, absolute, 16 bits each up to the edge.
    ...[0x09, 0x30, 0x09, 0x31, 0x15, 0, 0x26, 0xff, 0x7f, 0x35, 0, 0x46, 0xff, 0x7f],
    ...[0x75, 16, 0x95, 2, 0x81, 2],
    ...[...WHEEL, ...END],
  ],
  reportBytes: 6,
  interval: 4,
};

/** Movements that have not been told: to the right, downwards, and of the wheel away from the user. */
interface Movement {
  buttons: number;
  dx: number;
  dy: number;
  dz: number;
}

interface PointerState extends HidState {
  moves: Movement[];
  buttons: number;
  x: number;
  y: number;
}

export class UsbPointer extends HidDevice<PointerState> {
  state: PointerState;
  protected readonly bootBytes = 3;
  readonly isTablet: boolean;

  constructor(isTablet: boolean, now: () => number) {
    super(isTablet ? TABLET : MOUSE, now);
    this.isTablet = isTablet;
    this.state = this.#fresh();
  }

  #fresh(): PointerState {
    return { ...this.freshHid(), moves: [], buttons: 0, x: 0, y: 0 };
  }

  reset(): void {
    this.state = this.#fresh();
  }

  /**
   * The pointer moves by `dx` to the right, `dy` upwards and `dz` steps of the wheel away from the user, or to a place that
   * is known (0 to `TABLET_EDGE`); `buttons` are held from now on.
   */
  move(
    dx: number,
    dy: number,
    dz: number,
    buttons: number,
    at: { x: number; y: number } | undefined,
  ): void {
    const s = this.state;
    const within = (v: number): number => Math.min(TABLET_EDGE, Math.max(0, Math.round(v)));
    s.x = within(at?.x ?? s.x + dx * TABLET_STEP);
    s.y = within(at?.y ?? s.y - dy * TABLET_STEP);
    const isSame = buttons === s.buttons;
    s.buttons = buttons;
    const last = s.moves.at(-1);
    // What has not been told of one movement goes with the next, as long as no button comes between.
    if (last !== undefined && (isSame || s.moves.length >= MOST_WAITING)) {
      last.dx += dx;
      last.dy -= dy;
      last.dz += dz;
      last.buttons = buttons;
    } else s.moves.push({ buttons, dx, dy: -dy, dz });
    this.wake();
  }

  protected nextReport(): number[] | undefined {
    const move = this.state.moves[0];
    if (move === undefined) return undefined;
    const step = (v: number): number => Math.max(-MOST, Math.min(MOST, v));
    const [dx, dy, dz] = [step(move.dx), step(move.dy), step(move.dz)];
    move.dx -= dx;
    move.dy -= dy;
    move.dz -= dz;
    const isTold = move.dz === 0 && (this.isTablet || (move.dx === 0 && move.dy === 0));
    if (isTold) this.state.moves.shift();
    return this.#report(move.buttons, dx, dy, dz);
  }

  protected current(): number[] {
    return this.#report(this.state.buttons, 0, 0, 0);
  }

  #report(buttons: number, dx: number, dy: number, dz: number): number[] {
    const { x, y } = this.state;
    return this.isTablet
      ? [buttons, x & 0xff, x >> 8, y & 0xff, y >> 8, dz & 0xff]
      : [buttons, dx & 0xff, dy & 0xff, dz & 0xff];
  }
}
