// What plugs into the 8042: a PS/2 keyboard (scan code sets 1 and 2, IBM PS/2 "Keyboard/Auxiliary
// device controller") and a PS/2 mouse with wheel (IntelliMouse ID 3). Typematic repeat is left to
// whoever presses the keys.

import type { Device, DeviceKind, Slot } from "./device.ts";

/** The 8042's view of a device. */
export interface Ps2Device {
  hasData(): boolean;
  /** The next byte; `translate` turns scan code set 2 into set 1. */
  takeByte(translate: boolean): number;
  /** A byte from the host. */
  command(value: number): void;
  /** Data appeared. */
  onData: () => void;
}

const ACK = 0xfa;
const RESEND = 0xfe;
const SELF_TEST_PASSED = 0xaa;
const QUEUE_LIMIT = 256;

/**
 * Set 2 codes by set 1 code (index), for the keys of a US keyboard that have one byte in both sets
 * (IBM PS/2 technical reference, "Scan code tables"). Keys with an E0 prefix share the codes.
 */
const SET2_OF_SET1: readonly number[] = [
  0x00, 0x76, 0x16, 0x1e, 0x26, 0x25, 0x2e, 0x36, 0x3d, 0x3e, 0x46, 0x45, 0x4e, 0x55, 0x66, 0x0d,
  0x15, 0x1d, 0x24, 0x2d, 0x2c, 0x35, 0x3c, 0x43, 0x44, 0x4d, 0x54, 0x5b, 0x5a, 0x14, 0x1c, 0x1b,
  0x23, 0x2b, 0x34, 0x33, 0x3b, 0x42, 0x4b, 0x4c, 0x52, 0x0e, 0x12, 0x5d, 0x1a, 0x22, 0x21, 0x2a,
  0x32, 0x31, 0x3a, 0x41, 0x49, 0x4a, 0x59, 0x7c, 0x11, 0x29, 0x58, 0x05, 0x06, 0x04, 0x0c, 0x03,
  0x0b, 0x83, 0x0a, 0x01, 0x09, 0x77, 0x7e, 0x6c, 0x75, 0x7d, 0x7b, 0x6b, 0x73, 0x74, 0x79, 0x69,
  0x72, 0x7a, 0x70, 0x71, 0x84, 0x60, 0x61, 0x78, 0x07, 0x0f, 0x17, 0x1f,
];
const SET1_OF_SET2 = new Map(SET2_OF_SET1.map((two, one) => [two, one]));

const BREAK = 0xf0;

export class Ps2Keyboard implements Device, Ps2Device {
  readonly name: string;
  state = {
    queue: [] as number[],
    scanning: true,
    set: 2,
    leds: 0,
    /** Command that waits for its argument, 0 for none. */
    pending: 0,
    /** The translator has seen a break prefix. */
    breakSeen: false,
    last: 0,
  };
  onData: () => void = () => {};

  constructor(slot: Slot) {
    this.name = slot.name;
  }

  reset(): void {
    this.state = {
      queue: [],
      scanning: true,
      set: 2,
      leds: 0,
      pending: 0,
      breakSeen: false,
      last: 0,
    };
  }

  hasData(): boolean {
    return this.state.queue.length > 0;
  }

  takeByte(translate: boolean): number {
    const s = this.state;
    if (translate && s.queue[0] === BREAK && s.queue.length > 1) {
      s.queue.shift();
      s.breakSeen = true;
    }
    const byte = s.queue.shift() ?? s.last;
    s.last = byte;
    if (!translate) return byte;
    const release = s.breakSeen ? 0x80 : 0;
    s.breakSeen = false;
    // Answers (ACK, self test) and the E0 and E1 prefixes pass the translator unchanged.
    return byte > 0x84 ? byte : (SET1_OF_SET2.get(byte) ?? byte) | release;
  }

  /** A key goes down or up. `code` is its set 1 code, 0–0x5B; `extended` keys send E0 first. */
  key(code: number, down: boolean, extended = false): void {
    const s = this.state;
    if (!s.scanning || s.queue.length > QUEUE_LIMIT) return;
    const one = code & 0x7f;
    if (extended) s.queue.push(0xe0);
    if (s.set === 1) s.queue.push(one | (down ? 0 : 0x80));
    else {
      if (!down) s.queue.push(BREAK);
      s.queue.push(SET2_OF_SET1[one] ?? one);
    }
    this.onData();
  }

  #reply(...bytes: number[]): void {
    this.state.queue.push(...bytes);
    this.onData();
  }

  command(value: number): void {
    const s = this.state;
    const pending = s.pending;
    s.pending = 0;
    if (pending !== 0 && value < 0xed) {
      if (pending === 0xf0 && value === 0) this.#reply(ACK, s.set);
      else {
        if (pending === 0xed) s.leds = value & 7;
        if (pending === 0xf0 && value >= 1 && value <= 2) s.set = value;
        this.#reply(ACK);
      }
      return;
    }
    switch (value) {
      case 0xed:
      case 0xf0:
      case 0xf3:
        s.pending = value;
        this.#reply(ACK);
        break;
      case 0xee:
        this.#reply(0xee);
        break;
      case 0xf2:
        this.#reply(ACK, 0xab, 0x83);
        break;
      case 0xf4:
        s.scanning = true;
        this.#reply(ACK);
        break;
      case 0xf5:
      case 0xf6:
        s.queue = [];
        s.scanning = value === 0xf6;
        s.set = 2;
        this.#reply(ACK);
        break;
      case 0xff:
        this.reset();
        this.#reply(ACK, SELF_TEST_PASSED);
        break;
      case RESEND:
        this.#reply(s.last);
        break;
      default:
        this.#reply(RESEND);
    }
  }
}

export class Ps2Mouse implements Device, Ps2Device {
  readonly name: string;
  state = {
    queue: [] as number[],
    reporting: false,
    remote: false,
    wrap: false,
    scale2: false,
    resolution: 2,
    rate: 100,
    /** Last three sample rates: 200, 100, 80 turns the wheel on. */
    knock: [] as number[],
    wheel: false,
    pending: 0,
    dx: 0,
    dy: 0,
    dz: 0,
    buttons: 0,
    last: 0,
  };
  onData: () => void = () => {};

  constructor(slot: Slot) {
    this.name = slot.name;
  }

  reset(): void {
    this.state = {
      queue: [],
      reporting: false,
      remote: false,
      wrap: false,
      scale2: false,
      resolution: 2,
      rate: 100,
      knock: [],
      wheel: false,
      pending: 0,
      dx: 0,
      dy: 0,
      dz: 0,
      buttons: 0,
      last: 0,
    };
  }

  hasData(): boolean {
    return this.state.queue.length > 0;
  }

  takeByte(): number {
    const byte = this.state.queue.shift() ?? this.state.last;
    this.state.last = byte;
    return byte;
  }

  /** Moves by (dx right, dy up, dz wheel) with `buttons` held: 1 left, 2 right, 4 middle. */
  move(dx: number, dy: number, dz: number, buttons: number): void {
    const s = this.state;
    s.dx += dx;
    s.dy += dy;
    s.dz += dz;
    s.buttons = buttons & 7;
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
    const z = s.wheel ? clamp(s.dz, 7) : s.dz;
    s.dx -= x;
    s.dy -= y;
    s.dz -= z;
    s.queue.push(8 | s.buttons | (x < 0 ? 0x10 : 0) | (y < 0 ? 0x20 : 0), x & 0xff, y & 0xff);
    if (s.wheel) s.queue.push(-z & 0xff);
  }

  #reply(...bytes: number[]): void {
    this.state.queue.push(...bytes);
    this.onData();
  }

  command(value: number): void {
    const s = this.state;
    const pending = s.pending;
    s.pending = 0;
    if (s.wrap && value !== 0xec && value !== 0xff) {
      this.#reply(value);
      return;
    }
    if (pending === 0xe8 || pending === 0xf3) {
      this.#argument(pending, value);
      return;
    }
    switch (value) {
      case 0xe6:
      case 0xe7:
        s.scale2 = value === 0xe7;
        this.#reply(ACK);
        break;
      case 0xe8:
      case 0xf3:
        s.pending = value;
        this.#reply(ACK);
        break;
      case 0xe9:
        this.#reply(ACK, this.#status(), s.resolution, s.rate);
        break;
      case 0xea:
      case 0xf0:
        s.remote = value === 0xf0;
        this.#reply(ACK);
        break;
      case 0xeb:
        this.#reply(ACK);
        this.#packet();
        break;
      case 0xec:
      case 0xee:
        s.wrap = value === 0xee;
        this.#reply(ACK);
        break;
      case 0xf2:
        this.#reply(ACK, s.wheel ? 3 : 0);
        break;
      case 0xf4:
      case 0xf5:
        s.reporting = value === 0xf4;
        this.#reply(ACK);
        break;
      case 0xf6:
        this.reset();
        this.#reply(ACK);
        break;
      case 0xff:
        this.reset();
        this.#reply(ACK, SELF_TEST_PASSED, 0);
        break;
      default:
        this.#reply(RESEND);
    }
  }

  #argument(command: number, value: number): void {
    const s = this.state;
    if (command === 0xe8) s.resolution = value & 3;
    else {
      s.rate = value;
      s.knock = [...s.knock.slice(-2), value];
      if (s.knock.join() === "200,100,80") s.wheel = true;
    }
    this.#reply(ACK);
  }

  #status(): number {
    const s = this.state;
    const buttons = ((s.buttons & 1) << 2) | ((s.buttons & 2) >> 1) | ((s.buttons & 4) >> 1);
    return (s.remote ? 0x40 : 0) | (s.reporting ? 0x20 : 0) | (s.scale2 ? 0x10 : 0) | buttons;
  }
}

export const ps2Keyboard: DeviceKind = {
  name: "ps2-keyboard",
  what: "PS/2 keyboard",
  builtIn: true,
  create: (slot) => new Ps2Keyboard(slot),
};

export const ps2Mouse: DeviceKind = {
  name: "ps2-mouse",
  what: "PS/2 mouse with wheel",
  builtIn: true,
  create: (slot) => new Ps2Mouse(slot),
};
