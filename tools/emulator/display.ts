// The screen of a machine as a viewer keeps it: the current picture, what of it changed since the last look, the text
// in it; and the keys and the pointer of whoever sits before it. Every viewer has a display of its own.

import type { Key } from "./devices/keys.ts";
import { type PixelOrder, toRgba } from "./devices/pixel-order.ts";
import type { Vga } from "./devices/vga.ts";
import {
  type BlinkPhase,
  fontSpans,
  type Scanout,
  scanoutOf,
  type TextScreen,
  textScreen,
} from "./devices/vga-scanout.ts";
import type { VideoChanges } from "./devices/video-changes.ts";
import type { Machine } from "./machine.ts";

export interface Rectangle {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What a look at the screen has found. */
export interface Look {
  /** The picture has another size than at the look before. */
  resized: boolean;
  /** Parts of the picture that have changed, from above; the whole after a change of size or of how pixels are stored. */
  changed: Rectangle[];
}

/** 70 pictures a second: the cursor shows for 8 of 16 (IBM VGA technical reference), characters for 16 of 32. */
const PICTURE_NS = 1e9 / 70;
const CURSOR_PICTURES = 8;
const CHARACTER_PICTURES = 16;

/** Rows of up to as many lines are compared and reported as one. */
const BAND_LINES = 16;

const NOTHING: Look = { resized: false, changed: [] };

export interface DisplayOptions {
  /** The cursor and characters blink in virtual time; otherwise both always show. */
  blinking?: boolean;
}

export class Display {
  readonly #machine: Machine;
  readonly #vga: Vga;
  readonly #blinking: boolean;
  #width = 0;
  #height = 0;
  #pixels = new Uint32Array(0);
  #order: PixelOrder = "rgba";
  #since = 0;
  #phase: BlinkPhase = { cursor: true, characters: true };
  #cursor = "";
  /** Buttons of the pointer that are held. */
  #buttons = 0;

  private constructor(machine: Machine, vga: Vga, options: DisplayOptions) {
    this.#machine = machine;
    this.#vga = vga;
    this.#blinking = options.blinking ?? false;
  }

  /** Undefined if the machine has no display adapter. */
  static of(machine: Machine, options: DisplayOptions = {}): Display | undefined {
    const { vga } = machine.board;
    return vga && new Display(machine, vga, options);
  }

  /** Pixels, as of the last look. */
  get width(): number {
    return this.#width;
  }

  get height(): number {
    return this.#height;
  }

  /** The picture as of the last look: bytes R, G, B, 255, row by row. It may change with the next. */
  get data(): Uint8ClampedArray<ArrayBuffer> {
    if (this.#order === "rgba") return new Uint8ClampedArray(this.#pixels.buffer);
    const { width, height } = this;
    return this.part({ x: 0, y: 0, width, height });
  }

  /** The bytes R, G, B, 255 of a part of it. */
  part(rectangle: Rectangle): Uint8ClampedArray<ArrayBuffer> {
    const pixels = new Uint32Array(rectangle.width * rectangle.height);
    this.#copy(rectangle, pixels);
    if (this.#order !== "rgba") toRgba(pixels);
    return new Uint8ClampedArray(pixels.buffer);
  }

  /**
   * A part of it as it is kept: for large screens whose pixels somebody else can turn. It is written to `out`, which has room
   * for its pixels and no more.
   */
  storedPart(
    rectangle: Rectangle,
    out = new Uint32Array(rectangle.width * rectangle.height),
  ): { order: PixelOrder; bytes: Uint8Array<ArrayBuffer> } {
    this.#copy(rectangle, out);
    return {
      order: this.#order,
      bytes: new Uint8Array(out.buffer, out.byteOffset, out.byteLength),
    };
  }

  #copy({ x, y, width, height }: Rectangle, out: Uint32Array): void {
    const first = y * this.#width + x;
    if (width === this.#width) {
      out.set(this.#pixels.subarray(first, first + width * height));
      return;
    }
    for (let line = 0; line < height; line++) {
      const at = first + line * this.#width;
      out.set(this.#pixels.subarray(at, at + width), line * width);
    }
  }

  /** The characters on the screen now; undefined in graphics modes. */
  text(): TextScreen | undefined {
    return textScreen(this.#vga);
  }

  /** What kind of picture shows now, and its size in pixels. */
  mode(): Pick<Scanout, "kind" | "width" | "height"> {
    const { kind, width, height } = scanoutOf(this.#vga, this.#phase);
    return { kind, width, height };
  }

  // ---- Looking

  /** Brings the picture up to date. It costs next to nothing where the guest has drawn nothing. */
  look(): Look {
    const changes = this.#vga.changesNow();
    const before = this.#phase;
    const phase = this.#phaseNow();
    this.#phase = phase;
    const blinked = phase.cursor !== before.cursor || phase.characters !== before.characters;
    const isFresh = changes.anySince(this.#since);
    if (!isFresh && !blinked) return NOTHING;
    const scanout = scanoutOf(this.#vga, phase, true);
    // Pixels of different orders cannot be compared.
    const reordered = scanout.order !== this.#order;
    this.#order = scanout.order;
    const resized = scanout.width !== this.#width || scanout.height !== this.#height;
    if (resized) {
      this.#width = scanout.width;
      this.#height = scanout.height;
      this.#pixels = new Uint32Array(scanout.width * scanout.height);
    }
    const drawn = this.#draw(scanout, changes, resized || reordered, blinked);
    this.#since = changes.look();
    if (!resized && !reordered) return { resized, changed: drawn };
    const { width, height } = this;
    return { resized, changed: width > 0 && height > 0 ? [{ x: 0, y: 0, width, height }] : [] };
  }

  #phaseNow(): BlinkPhase {
    if (!this.#blinking) return { cursor: true, characters: true };
    const pictures = Math.floor(this.#machine.core.time() / PICTURE_NS);
    return {
      cursor: Math.floor(pictures / CURSOR_PICTURES) % 2 === 0,
      characters: Math.floor(pictures / CHARACTER_PICTURES) % 2 === 0,
    };
  }

  /** Draws the rows that may be different, and finds out where they are. */
  #draw(scanout: Scanout, changes: VideoChanges, all: boolean, blinked: boolean): Rectangle[] {
    const { state } = this.#vga;
    const since = this.#since;
    const { rows, rowLines, width } = scanout;
    const isText = scanout.kind === "text";
    const cursor = this.#cursorKey(isText);
    const cursorMoved = cursor !== this.#cursor;
    this.#cursor = cursor;
    const everything =
      all ||
      changes.modeSince(since) ||
      // Few rows: which of them have the cursor or blink is not worth finding out.
      (isText && (blinked || cursorMoved)) ||
      (isText && fontSpans(state).some((span) => changes.glyphsSince(since, ...span)));
    const perBand = Math.max(1, Math.floor(BAND_LINES / rowLines));
    const found: Rectangle[] = [];
    let before = new Uint32Array(0);
    for (let first = 0; first < rows; first += perBand) {
      const end = Math.min(rows, first + perBand);
      const [y, height] = [first * rowLines, (end - first) * rowLines];
      const band = this.#pixels.subarray(y * width, (y + height) * width);
      let touched = false;
      for (let row = first; row < end; row++) {
        if (!everything && !changes.bytesSince(since, ...scanout.span(row))) continue;
        if (!touched) {
          if (before.length < band.length) before = new Uint32Array(band.length);
          before.set(band);
          touched = true;
        }
        scanout.draw(row, this.#pixels);
      }
      const box = touched ? difference(before, band, width, height) : undefined;
      if (box !== undefined) join(found, { ...box, y: box.y + y });
    }
    return found;
  }

  #cursorKey(isText: boolean): string {
    if (!isText) return "";
    const { crtc } = this.#vga.state;
    return [crtc[0x0a], crtc[0x0b], crtc[0x0e], crtc[0x0f]].join();
  }

  // ---- Keys and pointer

  /** A key goes down or up. */
  key({ code, extended }: Pick<Key, "code" | "extended">, down: boolean): void {
    this.#machine.input({ kind: "key", code, extended, down });
  }

  /** The pointer moves by `dx` to the right, `dy` downwards, and `dz` steps of the wheel towards the user. */
  movePointer(dx: number, dy: number, dz = 0): void {
    const buttons = this.#buttons;
    this.#machine.input({ kind: "pointer", dx, dy: -dy, dz: -dz, buttons });
  }

  /** The pointer's buttons that are held from now on: the sum of 1 left, 2 right, 4 middle, 8 and 16 at the sides. */
  holdButtons(buttons: number): void {
    this.#buttons = buttons & 31;
    this.movePointer(0, 0);
  }
}

/** The smallest part that holds all pixels in which two pictures of one size differ. */
function difference(
  a: Uint32Array,
  b: Uint32Array,
  width: number,
  height: number,
): Rectangle | undefined {
  let [left, right, top, bottom] = [width, -1, -1, -1];
  for (let y = 0; y < height; y++) {
    const line = y * width;
    let x = 0;
    while (x < width && a[line + x] === b[line + x]) x++;
    if (x === width) continue;
    let end = width - 1;
    while (a[line + end] === b[line + end]) end--;
    if (top < 0) top = y;
    bottom = y;
    left = Math.min(left, x);
    right = Math.max(right, end);
  }
  if (top < 0) return undefined;
  return { x: left, y: top, width: right - left + 1, height: bottom - top + 1 };
}

/** Adds a part to those above it: to the last one where that touches it and is about as wide. */
function join(parts: Rectangle[], next: Rectangle): void {
  const last = parts.at(-1);
  if (last !== undefined && last.y + last.height >= next.y) {
    const x = Math.min(last.x, next.x);
    const width = Math.max(last.x + last.width, next.x + next.width) - x;
    const height = next.y + next.height - last.y;
    const apart = last.width * last.height + next.width * next.height;
    if (width * height <= 2 * apart) {
      parts[parts.length - 1] = { x, y: last.y, width, height };
      return;
    }
  }
  parts.push(next);
}
