// One VNC client: the RFB protocol 3.3, 3.7 and 3.8 (RFC 6143) over any connection, with raw and zlib rectangles,
// changes of size, keys and pointer. Whatever a client sends that is no message of the protocol ends its connection.

import { createCipheriv, randomBytes, timingSafeEqual } from "node:crypto";
import { constants, createDeflate, type Deflate } from "node:zlib";
import { type Key, keyOfName } from "../../devices/keys.ts";
import type { Display, Rectangle } from "../../display.ts";
import { keyOfKeysym } from "./keysyms.ts";
import { convert, formatBytes, OWN_FORMAT, readFormat } from "./pixel-format.ts";

const VERSION = "RFB 003.008\n";
const SECURITY_NONE = 1;
const SECURITY_VNC = 2;
const CHALLENGE_BYTES = 16;
const ENCODING_RAW = 0;
const ENCODING_ZLIB = 6;
const DESKTOP_SIZE = -223;
const MAX_ENCODINGS = 1024;
/** Rectangles that are remembered for a client. */
const MAX_PARTS = 256;
/** Text of a clipboard that is skipped; more than this is no clipboard. */
const MAX_CUT_TEXT = 1 << 20;
const WHEEL_UP = 8;
const WHEEL_DOWN = 16;

/** What a session needs of its surroundings. */
export interface RfbConnection {
  write(bytes: Uint8Array): void;
  close(): void;
  /** Bytes that the client has not read. */
  readonly unread: number;
}

export interface RfbOptions {
  title: string;
  display: Display;
  /** VNC authentication; an empty password lets nobody in. */
  password?: () => string;
}

type Step = "version" | "security" | "challenge" | "init" | "messages" | "closed";

/** DES with the password's bits the other way round in each byte, as VNC has it (RFC 6143, 7.2.2). */
function response(password: string, challenge: Uint8Array): Uint8Array {
  const key = new Uint8Array(8);
  const bytes = new TextEncoder().encode(password).subarray(0, 8);
  bytes.forEach((byte, i) => {
    for (let bit = 0; bit < 8; bit++)
      if ((byte >> bit) & 1) key[i] = (key[i] as number) | (0x80 >> bit);
  });
  // Triple DES with one key three times is DES.
  const cipher = createCipheriv("des-ede3-ecb", new Uint8Array([...key, ...key, ...key]), null);
  cipher.setAutoPadding(false);
  return cipher.update(challenge);
}

function numbers(...parts: [bytes: 1 | 2 | 4, value: number][]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, [bytes]) => sum + bytes, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [bytes, value] of parts) {
    if (bytes === 1) view.setUint8(at, value);
    else if (bytes === 2) view.setUint16(at, value);
    else view.setUint32(at, value);
    at += bytes;
  }
  return out;
}

export class RfbSession {
  readonly #options: RfbOptions;
  readonly #connection: RfbConnection;
  #step: Step = "version";
  #minor = 8;
  #received: Uint8Array = new Uint8Array(0);
  /** Bytes of a clipboard that are still to come, and are not kept. */
  #skipped = 0;
  readonly #challenge = randomBytes(CHALLENGE_BYTES);
  #format = OWN_FORMAT;
  #encodings: readonly number[] = [];
  #deflate: Deflate | undefined;
  /** The client wants an update: of what has changed, or of everything. */
  #wanted: "nothing" | "changes" | "everything" = "nothing";
  /** What has changed since the last update. */
  #changed: Rectangle[] = [];
  #resized = false;
  /** The size that the client knows. */
  #size = { width: 0, height: 0 };
  #sending = false;
  readonly #held = new Map<number, Key>();
  #pointer: { x: number; y: number } | undefined;

  constructor(options: RfbOptions, connection: RfbConnection) {
    this.#options = options;
    this.#connection = connection;
    this.#send(new TextEncoder().encode(VERSION));
  }

  #send(...parts: Uint8Array[]): void {
    for (const part of parts) this.#connection.write(part);
  }

  /** Ends the session, and lets go of what is held. */
  close(): void {
    if (this.#step === "closed") return;
    this.#step = "closed";
    for (const key of this.#held.values()) this.#options.display.key(key, false);
    this.#held.clear();
    this.#deflate?.close();
    this.#connection.close();
  }

  /** Bytes of the client. */
  receive(received: Uint8Array): void {
    const bytes = this.#withoutSkipped(received);
    const all = new Uint8Array(this.#received.length + bytes.length);
    all.set(this.#received);
    all.set(bytes, this.#received.length);
    let rest: Uint8Array = all;
    while (this.#step !== "closed") {
      const used = this.#take(rest);
      if (used === 0) break;
      rest = this.#withoutSkipped(rest.subarray(used));
    }
    this.#received = rest.slice();
  }

  #withoutSkipped(bytes: Uint8Array): Uint8Array {
    const skipped = Math.min(this.#skipped, bytes.length);
    this.#skipped -= skipped;
    return bytes.subarray(skipped);
  }

  /** Takes one message; how many bytes it has, or 0 if it is not complete. */
  #take(bytes: Uint8Array): number {
    switch (this.#step) {
      case "version":
        return bytes.length < 12 ? 0 : this.#version(bytes);
      case "security":
        if (bytes.length < 1) return 0;
        this.#security(bytes[0] as number);
        return 1;
      case "challenge":
        if (bytes.length < CHALLENGE_BYTES) return 0;
        this.#judge(bytes.subarray(0, CHALLENGE_BYTES));
        return CHALLENGE_BYTES;
      case "init":
        if (bytes.length < 1) return 0;
        this.#init();
        return 1;
      default:
        return bytes.length < 1 ? 0 : this.#message(bytes);
    }
  }

  #version(bytes: Uint8Array): number {
    const match = /^RFB 003\.00([3-8])\n$/.exec(
      new TextDecoder("latin1").decode(bytes.subarray(0, 12)),
    );
    if (match === null) {
      this.close();
      return 12;
    }
    this.#minor = Number(match[1]);
    const kind = this.#options.password === undefined ? SECURITY_NONE : SECURITY_VNC;
    if (this.#minor < 7) {
      this.#send(numbers([4, kind]));
      if (kind === SECURITY_VNC) this.#askPassword();
      else this.#step = "init";
    } else {
      this.#send(Uint8Array.of(1, kind));
      this.#step = "security";
    }
    return 12;
  }

  #security(kind: number): void {
    const wanted = this.#options.password === undefined ? SECURITY_NONE : SECURITY_VNC;
    if (kind !== wanted) this.close();
    else if (kind === SECURITY_VNC) this.#askPassword();
    else {
      if (this.#minor >= 8) this.#send(numbers([4, 0]));
      this.#step = "init";
    }
  }

  #askPassword(): void {
    this.#send(this.#challenge);
    this.#step = "challenge";
  }

  #judge(answer: Uint8Array): void {
    const password = this.#options.password?.() ?? "";
    const right = password !== "" && timingSafeEqual(answer, response(password, this.#challenge));
    this.#send(numbers([4, right ? 0 : 1]));
    if (right) {
      this.#step = "init";
      return;
    }
    if (this.#minor >= 8) {
      const reason = new TextEncoder().encode("Authentication failed");
      this.#send(numbers([4, reason.length]), reason);
    }
    this.close();
  }

  #init(): void {
    const { display, title } = this.#options;
    display.look();
    this.#size = { width: display.width, height: display.height };
    const name = new TextEncoder().encode(title);
    this.#send(
      numbers([2, display.width], [2, display.height]),
      formatBytes(OWN_FORMAT),
      numbers([4, name.length]),
      name,
    );
    this.#step = "messages";
  }

  // ---- Messages of the client (RFC 6143, 7.5)

  #message(bytes: Uint8Array): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const has = (length: number): boolean => bytes.length >= length;
    switch (bytes[0]) {
      case 0: {
        if (!has(20)) return 0;
        const format = readFormat(bytes.subarray(4, 20));
        if (format === undefined) this.close();
        else this.#format = format;
        return 20;
      }
      case 2: {
        if (!has(4)) return 0;
        const count = view.getUint16(2);
        if (count > MAX_ENCODINGS) {
          this.close();
          return 4;
        }
        if (!has(4 + 4 * count)) return 0;
        this.#encodings = Array.from({ length: count }, (_, i) => view.getInt32(4 + 4 * i));
        return 4 + 4 * count;
      }
      case 3:
        if (!has(10)) return 0;
        this.#want(bytes[1] === 0 ? "everything" : "changes");
        return 10;
      case 4:
        if (!has(8)) return 0;
        this.#key(view.getUint32(4), bytes[1] !== 0);
        return 8;
      case 5:
        if (!has(6)) return 0;
        this.#move(bytes[1] as number, view.getUint16(2), view.getUint16(4));
        return 6;
      case 6: {
        if (!has(8)) return 0;
        const length = view.getUint32(4);
        if (length > MAX_CUT_TEXT) this.close();
        else this.#skipped = length;
        return 8;
      }
      default:
        this.close();
        return bytes.length;
    }
  }

  #key(keysym: number, down: boolean): void {
    const { display } = this.#options;
    const found = keyOfKeysym(keysym);
    const key = found?.key ?? this.#held.get(keysym);
    if (found === undefined || key === undefined) return;
    if (!down) {
      this.#held.delete(keysym);
      display.key(key, false);
      return;
    }
    const isShift = ({ name }: Key): boolean => name === "shift" || name === "shift_r";
    const isHeld = [...this.#held.values()].some(isShift);
    const shift = keyOfName("shift") as Key;
    this.#held.set(keysym, key);
    // Clients without a keyboard send symbols alone: the key that makes them needs Shift.
    const adds = found.shift === true && !isHeld;
    if (adds) display.key(shift, true);
    display.key(key, true);
    if (adds) display.key(shift, false);
  }

  #move(mask: number, x: number, y: number): void {
    const { display } = this.#options;
    const before = this.#pointer ?? { x, y };
    this.#pointer = { x, y };
    const buttons = (mask & 1) | ((mask & 2) << 1) | ((mask & 4) >> 1);
    const wheel = mask & WHEEL_UP ? -1 : mask & WHEEL_DOWN ? 1 : 0;
    display.movePointer(x - before.x, y - before.y, wheel, { at: { x, y }, buttons });
  }

  // ---- Updates (RFC 6143, 7.6.1)

  #want(what: "changes" | "everything"): void {
    if (this.#wanted !== "everything") this.#wanted = what;
    void this.update();
  }

  /** Sends what has changed, if the client waits for it and reads. To be called some times a second. */
  async update(): Promise<void> {
    if (this.#step !== "messages" || this.#sending) return;
    const { display } = this.#options;
    const { resized, changed } = display.look();
    this.#changed.push(...changed);
    // Somebody who looks away for long gets everything.
    if (this.#changed.length > MAX_PARTS) this.#changed = [{ x: 0, y: 0, ...this.#size }];
    this.#resized ||= resized;
    if (this.#wanted === "nothing" || this.#connection.unread > 0) return;
    const whole = { x: 0, y: 0, ...this.#size };
    if (this.#resized && this.#encodings.includes(DESKTOP_SIZE)) {
      this.#resized = false;
      this.#size = { width: display.width, height: display.height };
      this.#changed = [{ x: 0, y: 0, ...this.#size }];
      this.#wanted = "nothing";
      const { width, height } = this.#size;
      this.#send(
        numbers(
          [1, 0],
          [1, 0],
          [2, 1],
          [2, 0],
          [2, 0],
          [2, width],
          [2, height],
          [4, DESKTOP_SIZE >>> 0],
        ),
      );
      return;
    }
    const parts = (this.#wanted === "everything" ? [whole] : this.#changed)
      .map((part) => this.#inside(part))
      .filter(({ width, height }) => width > 0 && height > 0);
    if (parts.length === 0) return;
    this.#changed = [];
    this.#wanted = "nothing";
    this.#sending = true;
    try {
      this.#send(numbers([1, 0], [1, 0], [2, parts.length]));
      for (const part of parts) await this.#rectangle(part);
    } finally {
      this.#sending = false;
    }
  }

  /** What of a rectangle is both on the screen and in the picture that the client has. */
  #inside({ x, y, width, height }: Rectangle): Rectangle {
    const { display } = this.#options;
    return {
      x,
      y,
      width: Math.min(x + width, this.#size.width, display.width) - x,
      height: Math.min(y + height, this.#size.height, display.height) - y,
    };
  }

  async #rectangle(part: Rectangle): Promise<void> {
    const pixels = convert(this.#options.display.part(part), this.#format);
    const zlib = this.#encodings.includes(ENCODING_ZLIB);
    const { x, y, width, height } = part;
    const header = numbers(
      [2, x],
      [2, y],
      [2, width],
      [2, height],
      [4, zlib ? ENCODING_ZLIB : ENCODING_RAW],
    );
    if (!zlib) {
      this.#send(header, pixels);
      return;
    }
    const packed = await this.#compress(pixels);
    this.#send(header, numbers([4, packed.length]), packed);
  }

  /** All rectangles of a connection are one zlib stream. */
  #compress(pixels: Uint8Array): Promise<Uint8Array> {
    this.#deflate ??= createDeflate({ level: 1 });
    const deflate = this.#deflate;
    const chunks: Buffer[] = [];
    const collect = (chunk: Buffer): void => {
      chunks.push(chunk);
    };
    deflate.on("data", collect);
    return new Promise((resolve) => {
      deflate.write(pixels);
      deflate.flush(constants.Z_SYNC_FLUSH, () => {
        deflate.off("data", collect);
        resolve(Buffer.concat(chunks));
      });
    });
  }
}
