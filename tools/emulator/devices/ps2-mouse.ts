// A PS/2 mouse (IBM Personal System/2 hardware interface technical reference, "Auxiliary device"),
// with a wheel after the sample rates 200, 100, 80 (ID 3) and two more buttons after 200, 200, 80
// (ID 4), as Microsoft's IntelliMouse and IntelliMouse Explorer have them.

import type { Device, DeviceKind, Slot } from "./device.ts";
import { ACK, Ps2Device, QUEUE_LIMIT, RESEND, SELF_TEST_PASSED } from "./ps2.ts";

const SCALE_1_1 = 0xe6;
const SCALE_2_1 = 0xe7;
const SET_RESOLUTION = 0xe8;
const STATUS = 0xe9;
const STREAM = 0xea;
const POLL = 0xeb;
const RESET_WRAP = 0xec;
const WRAP = 0xee;
const REMOTE = 0xf0;
const IDENTIFY = 0xf2;
const SET_RATE = 0xf3;
const ENABLE = 0xf4;
const DISABLE = 0xf5;
const DEFAULTS = 0xf6;
const RESET = 0xff;

/** Sequences of sample rates that turn the wheel and the buttons on, and the ID from then on. */
const KNOCKS: Readonly<Record<string, number>> = { "200,100,80": 3, "200,200,80": 4 };

const defaults = () => ({
  reporting: false,
  remote: false,
  wrap: false,
  scale2: false,
  resolution: 2,
  rate: 100,
});

const freshState = () => ({
  ...defaults(),
  replies: [] as number[],
  queue: [] as number[],
  last: 0,
  /** The last three sample rates. */
  knock: [] as number[],
  /** 0 plain, 3 with a wheel, 4 with five buttons. */
  id: 0,
  pending: 0,
  dx: 0,
  dy: 0,
  dz: 0,
  buttons: 0,
});

export class Ps2Mouse extends Ps2Device implements Device {
  readonly name: string;
  state = freshState();

  constructor(slot: Slot) {
    super();
    this.name = slot.name;
  }

  reset(): void {
    this.state = freshState();
  }

  /** Moves by (dx right, dy up, dz wheel) with `buttons` held: 1 left, 2 right, 4 middle, 8 and 16 at the sides. */
  move(dx: number, dy: number, dz: number, buttons: number): void {
    const s = this.state;
    s.dx += dx;
    s.dy += dy;
    s.dz += dz;
    s.buttons = buttons & 31;
    if (!s.reporting || s.remote || s.queue.length > QUEUE_LIMIT) return;
    do this.#packet();
    while (s.dx !== 0 || s.dy !== 0 || s.dz !== 0);
    this.onData();
  }

  #packet(): void {
    const s = this.state;
    const clamp = (v: number, limit: number): number => Math.max(-limit, Math.min(limit, v));
    const x = clamp(s.dx, 255);
    const y = clamp(s.dy, 255);
    const z = s.id === 0 ? s.dz : clamp(s.dz, 7);
    s.dx -= x;
    s.dy -= y;
    s.dz -= z;
    const signs = (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0);
    s.queue.push(8 | (s.buttons & 7) | signs, x & 0xff, y & 0xff);
    if (s.id === 3) s.queue.push(-z & 0xff);
    else if (s.id === 4) s.queue.push((-z & 0x0f) | ((s.buttons & 0x18) << 1));
  }

  command(value: number): void {
    const s = this.state;
    const { pending } = s;
    s.pending = 0;
    if (pending !== 0) {
      this.#argument(pending, value);
      return;
    }
    if (s.wrap && value !== RESET_WRAP && value !== RESET) {
      this.reply(value);
      return;
    }
    switch (value) {
      case SCALE_1_1:
      case SCALE_2_1:
        s.scale2 = value === SCALE_2_1;
        this.reply(ACK);
        break;
      case SET_RESOLUTION:
      case SET_RATE:
        s.pending = value;
        this.reply(ACK);
        break;
      case STATUS:
        this.reply(ACK, this.#status(), s.resolution, s.rate);
        break;
      case STREAM:
      case REMOTE:
        s.remote = value === REMOTE;
        this.reply(ACK);
        break;
      case POLL:
        if (s.queue.length <= QUEUE_LIMIT) this.#packet();
        this.reply(ACK);
        break;
      case RESET_WRAP:
      case WRAP:
        s.wrap = value === WRAP;
        this.reply(ACK);
        break;
      case IDENTIFY:
        this.reply(ACK, s.id);
        break;
      case ENABLE:
      case DISABLE:
        s.reporting = value === ENABLE;
        this.reply(ACK);
        break;
      case DEFAULTS:
        Object.assign(s, defaults());
        this.reply(ACK);
        break;
      case RESET:
        this.state = { ...freshState(), last: s.last };
        this.reply(ACK, SELF_TEST_PASSED, 0);
        break;
      case RESEND:
        this.reply(s.last);
        break;
      default:
        this.reply(RESEND);
    }
  }

  #argument(command: number, value: number): void {
    const s = this.state;
    if (command === SET_RESOLUTION) s.resolution = value;
    else {
      s.rate = value;
      s.knock = [...s.knock.slice(-2), value];
      s.id = KNOCKS[s.knock.join()] ?? s.id;
    }
    this.reply(ACK);
  }

  /** Bits 2, 1 and 0 are the left, middle and right button. */
  #status(): number {
    const s = this.state;
    const buttons = ((s.buttons & 1) << 2) | ((s.buttons & 2) >> 1) | ((s.buttons & 4) >> 1);
    return (s.remote ? 0x40 : 0) | (s.reporting ? 0x20 : 0) | (s.scale2 ? 0x10 : 0) | buttons;
  }
}

export const ps2Mouse: DeviceKind = {
  name: "ps2-mouse",
  what: "PS/2 mouse with wheel",
  builtIn: true,
  create: (slot) => new Ps2Mouse(slot),
};
