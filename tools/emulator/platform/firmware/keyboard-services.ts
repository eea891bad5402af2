// INT 09h and 16h: scan codes into the buffer in the BIOS data area, and its contents to programs (Ralf
// Brown's interrupt list, INT 16h; memory list, segment 40h: 17h, 18h, 1Ah, 1Ch, 80h, 82h, 96h). Left
// out: composing characters with Alt and the keypad, and the hooks INT 15h, AH=4Fh and AH=85h.

import type { Board } from "../pc.ts";
import type { BiosMachine } from "./bios.ts";
import type { BiosStateHolder } from "./bios-state.ts";
import { keyCode } from "./key-codes.ts";
import type { Registers } from "./registers.ts";

const BDA = 0x400;
const FLAGS = BDA + 0x17;
const HELD = BDA + 0x18;
const HEAD = BDA + 0x1a;
const TAIL = BDA + 0x1c;
const BUFFER_START = BDA + 0x80;
const BUFFER_END = BDA + 0x82;
const PREFIXES = BDA + 0x96;

/** Bits of FLAGS. */
const SHIFT_RIGHT = 0x01;
const SHIFT_LEFT = 0x02;
const CONTROL = 0x04;
const ALT = 0x08;
const SCROLL_LOCK = 0x10;
const NUM_LOCK = 0x20;
const CAPS_LOCK = 0x40;
const INSERT = 0x80;

/** Bits of HELD; the locks and Insert have the same bits as in FLAGS. */
const CONTROL_LEFT = 0x01;
const ALT_LEFT = 0x02;
const SYSTEM_REQUEST = 0x04;

/** Bits of PREFIXES. */
const PAUSE_SEQUENCE = 0x01;
const EXTENDED = 0x02;
const CONTROL_RIGHT = 0x04;
const ALT_RIGHT = 0x08;
export const ENHANCED_KEYBOARD = 0x10;

const KEY_CONTROL = 0x1d;
const KEY_SHIFT_LEFT = 0x2a;
const KEY_SHIFT_RIGHT = 0x36;
const KEY_ALT = 0x38;
const KEY_SYSTEM_REQUEST = 0x54;
const KEY_DELETE = 0x53;
/** Locks and Insert by their keys. */
const TOGGLES: Readonly<Record<number, number>> = {
  58: CAPS_LOCK,
  69: NUM_LOCK,
  70: SCROLL_LOCK,
  82: INSERT,
};

const PREFIX_E0 = 0xe0;
const PREFIX_E1 = 0xe1;
const RELEASED = 0x80;

/** AH=09h: AH=0Ah and 10h–12h are supported. */
const FUNCTIONALITY = 0x30;
/** AH=0Ah: ID of an enhanced keyboard behind a translating controller. */
const KEYBOARD_ID = 0x41ab;
const WARM_START = 0x1234;
const RESET_FLAG = BDA + 0x72;

/** Questions for a key with no more than this between them are one wait, ns. */
const IDLE_GAP = 50_000;
/** An answer takes this part of the time that the program has waited. */
const IDLE_PART = 8;
const IDLE_LONGEST = 1_000_000;

export class KeyboardServices {
  readonly #board: Board;
  readonly #machine: Pick<BiosMachine, "board" | "passTime">;
  readonly #bios: BiosStateHolder;

  constructor(machine: Pick<BiosMachine, "board" | "passTime">, bios: BiosStateHolder) {
    this.#machine = machine;
    this.#board = machine.board;
    this.#bios = bios;
  }

  /** INT 09h: a byte from the keyboard, and the end of the interrupt. */
  interrupt(r: Registers): void {
    const { ports } = this.#board;
    // IRQ 1 says that there is a byte; a byte of the mouse is not for this handler.
    if ((ports.read(0x64, 1) & 0x21) === 1) this.#byte(r, ports.read(0x60, 1));
    ports.write(0x20, 0x20, 1);
  }

  #byte(r: Registers, byte: number): void {
    const prefixes = r.byte(PREFIXES);
    if (byte === PREFIX_E0 || byte === PREFIX_E1) {
      r.setByte(PREFIXES, prefixes | (byte === PREFIX_E0 ? EXTENDED : PAUSE_SEQUENCE));
      return;
    }
    const key = byte & 0x7f;
    // Pause is E1 1D 45 E1 9D C5: Ctrl and Num Lock that are neither.
    if (prefixes & PAUSE_SEQUENCE) {
      if (key !== KEY_CONTROL) r.setByte(PREFIXES, prefixes & ~PAUSE_SEQUENCE);
      return;
    }
    r.setByte(PREFIXES, prefixes & ~EXTENDED);
    this.#key(r, key, byte < RELEASED, (prefixes & EXTENDED) !== 0);
  }

  #key(r: Registers, key: number, down: boolean, extended: boolean): void {
    const set = (address: number, bit: number, on: boolean): void => {
      r.setByte(address, on ? r.byte(address) | bit : r.byte(address) & ~bit);
    };
    switch (key) {
      case KEY_SHIFT_LEFT:
      case KEY_SHIFT_RIGHT:
        // With the prefix it is a Shift that the keyboard makes up around navigation keys.
        if (!extended) set(FLAGS, key === KEY_SHIFT_LEFT ? SHIFT_LEFT : SHIFT_RIGHT, down);
        return;
      case KEY_CONTROL:
        set(extended ? PREFIXES : HELD, extended ? CONTROL_RIGHT : CONTROL_LEFT, down);
        set(FLAGS, CONTROL, (r.byte(HELD) & CONTROL_LEFT) + (r.byte(PREFIXES) & CONTROL_RIGHT) > 0);
        return;
      case KEY_ALT:
        set(extended ? PREFIXES : HELD, extended ? ALT_RIGHT : ALT_LEFT, down);
        set(FLAGS, ALT, (r.byte(HELD) & ALT_LEFT) + (r.byte(PREFIXES) & ALT_RIGHT) > 0);
        return;
      case KEY_SYSTEM_REQUEST:
        set(HELD, SYSTEM_REQUEST, down);
        return;
    }
    const lock = TOGGLES[key] ?? 0;
    // Ctrl-Pause sends Scroll Lock with the prefix; Insert is also the keypad's.
    if (lock !== 0 && (lock === INSERT || !extended)) {
      const held = r.byte(HELD);
      if (down && !(held & lock)) r.setByte(FLAGS, r.byte(FLAGS) ^ lock);
      set(HELD, lock, down);
      if (lock !== INSERT) return;
    }
    if (down) this.#pressed(r, key, extended);
  }

  #pressed(r: Registers, key: number, extended: boolean): void {
    const flags = r.byte(FLAGS);
    if (key === KEY_DELETE && (flags & (CONTROL | ALT)) === (CONTROL | ALT)) {
      r.setWord(RESET_FLAG, WARM_START);
      this.#board.ports.write(0x64, 0xfe, 1);
      return;
    }
    const code = keyCode(key, extended, {
      shift: (flags & (SHIFT_LEFT | SHIFT_RIGHT)) !== 0,
      control: (flags & CONTROL) !== 0,
      alt: (flags & ALT) !== 0,
      capsLock: (flags & CAPS_LOCK) !== 0,
      numLock: (flags & NUM_LOCK) !== 0,
    });
    if (code !== 0) this.#enqueue(r, code);
  }

  #next(r: Registers, position: number): number {
    return position + 2 >= r.word(BUFFER_END) ? r.word(BUFFER_START) : position + 2;
  }

  /** False if the buffer is full. */
  #enqueue(r: Registers, code: number): boolean {
    const tail = r.word(TAIL);
    const next = this.#next(r, tail);
    if (next === r.word(HEAD)) return false;
    r.setWord(BDA + tail, code);
    r.setWord(TAIL, next);
    return true;
  }

  /** INT 16h; false means that no key is there yet. */
  serve(r: Registers): boolean {
    switch (r.ah) {
      case 0x00:
      case 0x10:
        return this.#read(r, r.ah === 0x10);
      case 0x01:
      case 0x11:
        this.#peek(r, r.ah === 0x11);
        break;
      case 0x02:
        r.al = r.byte(FLAGS);
        break;
      case 0x05:
        r.al = this.#enqueue(r, r.cx) ? 0 : 1;
        break;
      case 0x09:
        r.al = FUNCTIONALITY;
        break;
      case 0x0a:
        r.bx = KEYBOARD_ID;
        break;
      case 0x12:
        r.ax = (this.#heldKeys(r) << 8) | r.byte(FLAGS);
        break;
      // AH=10h to 12h are there.
      case 0x92:
        r.ah = 0x80;
        break;
      // Capabilities of a 122-key keyboard, which this is not.
      case 0x6f:
        if (r.al === 0x08) r.ah = 0x02;
        break;
    }
    return true;
  }

  /** AH of AH=12h: 7 SysReq, 6 Caps, 5 Num, 4 Scroll Lock, 3 and 2 right Alt and Ctrl, 1 and 0 left ones. */
  #heldKeys(r: Registers): number {
    const held = r.byte(HELD);
    return (
      (held & SYSTEM_REQUEST ? 0x80 : 0) |
      (held & (CAPS_LOCK | NUM_LOCK | SCROLL_LOCK | ALT_LEFT | CONTROL_LEFT)) |
      (r.byte(PREFIXES) & (ALT_RIGHT | CONTROL_RIGHT))
    );
  }

  /** AH=00h and 10h. */
  #read(r: Registers, enhanced: boolean): boolean {
    const head = r.word(HEAD);
    if (head === r.word(TAIL)) return false;
    r.ax = asRead(r.word(BDA + head), enhanced);
    r.setWord(HEAD, this.#next(r, head));
    return true;
  }

  /** AH=01h and 11h: ZF says that there is none. */
  #peek(r: Registers, enhanced: boolean): void {
    const head = r.word(HEAD);
    const empty = head === r.word(TAIL);
    r.zero = empty;
    if (empty) this.#idle();
    else r.ax = asRead(r.word(BDA + head), enhanced);
  }

  /**
   * No key is there. A program that asks again and again waits for one, or for the time in which one may come: the
   * longer it has done so the longer an answer takes, up to IDLE_LONGEST, so that a menu's countdown costs little.
   */
  #idle(): void {
    const { clock } = this.#board.scheduler;
    const polls = this.#bios.state.keyPolls;
    const now = clock.now();
    if (polls.last < 0 || now - polls.last > IDLE_GAP) polls.since = now;
    this.#machine.passTime(Math.min(IDLE_LONGEST, Math.floor((now - polls.since) / IDLE_PART)));
    polls.last = clock.now();
  }
}

/** Programs that know nothing of added keys get them as the keys that they double. */
function asRead(code: number, enhanced: boolean): number {
  if (enhanced) return code;
  if (code === 0xe00d || code === 0xe00a) return 0x1c00 | (code & 0xff);
  if (code === 0xe02f) return 0x352f;
  return (code & 0xff) === 0xe0 && code >> 8 !== 0 ? code & 0xff00 : code;
}
