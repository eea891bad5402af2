// The screen of a machine as a viewer keeps it: the current picture, what of it changed since the last look, the text
// in it; and the keys and the pointer of whoever sits before it. Every viewer has a display of its own.

import type { Key } from "./devices/keys.ts";
import { type PixelOrder, toRgba } from "./devices/pixel-order.ts";
import { TABLET_EDGE } from "./devices/usb/usb-pointer.ts";
import type { Vga } from "./devices/vga.ts";
import { type Scanout, scanoutOf, type TextScreen, textScreen } from "./devices/vga-scanout.ts";
import type { Machine } from "./machine.ts";
import { BAND_LINES, difference, join, type Rectangle } from "./picture-difference.ts";
import { type Redraw, ScreenWatch } from "./screen-watch.ts";

export type { Rectangle } from "./picture-difference.ts";

/** What a look at the screen has found. */
export interface Look {
  /** The picture has another size than at the look before. */
  resized: boolean;
  /** Parts of the picture that have changed, from above; the whole after a change of size or of how pixels are stored. */
  changed: Rectangle[];
}

const NOTHING: Look = { resized: false, changed: [] };

export interface DisplayOptions {
  /** The cursor and characters blink in virtual time; otherwise both always show. */
  blinking?: boolean;
}

export class Display {
  readonly #machine: Machine;
  readonly #vga: Vga;
  readonly #watch: ScreenWatch;
  #width = 0;
  #height = 0;
  #pixels = new Uint32Array(0);
  #order: PixelOrder = "rgba";
  /** Buttons of the pointer that are held. */
  #buttons = 0;

  private constructor(machine: Machine, vga: Vga, options: DisplayOptions) {
    this.#machine = machine;
    this.#vga = vga;
    this.#watch = new ScreenWatch(machine, vga, options.blinking ?? false);
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
    const { kind, width, height } = scanoutOf(this.#vga, this.#watch.phase);
    return { kind, width, height };
  }

  // ---- Looking

  /** Brings the picture up to date. It costs next to nothing where the guest has drawn nothing. */
  look(): Look {
    const redraw = this.#watch.look();
    if (redraw === undefined) return NOTHING;
    const { width, height, order } = redraw.scanout;
    const resized = width !== this.#width || height !== this.#height;
    if (resized) {
      this.#width = width;
      this.#height = height;
      this.#pixels = new Uint32Array(width * height);
    }
    this.#order = order;
    const drawn = this.#draw(redraw);
    if (!redraw.isFresh) return { resized, changed: drawn };
    return { resized, changed: width > 0 && height > 0 ? [{ x: 0, y: 0, width, height }] : [] };
  }

  /** Draws the rows that may be different, and finds out where they are. */
  #draw({ scanout, isStale }: Redraw): Rectangle[] {
    const { rows, rowLines, width } = scanout;
    const perBand = Math.max(1, Math.floor(BAND_LINES / rowLines));
    const found: Rectangle[] = [];
    let before = new Uint32Array(0);
    for (let first = 0; first < rows; first += perBand) {
      const end = Math.min(rows, first + perBand);
      const [y, height] = [first * rowLines, (end - first) * rowLines];
      const band = this.#pixels.subarray(y * width, (y + height) * width);
      let touched = false;
      for (let row = first; row < end; row++) {
        if (!isStale(row)) continue;
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

  // ---- Keys and pointer

  /** A key goes down or up. */
  key({ code, extended }: Pick<Key, "code" | "extended">, down: boolean): void {
    this.#machine.input({ kind: "key", code, extended, down });
  }

  /**
   * The pointer moves by `dx` to the right, `dy` downwards, and `dz` steps of the wheel towards the user; `at` is the pixel
   * that it comes to, where that is known, `buttons` what is held from now on: the sum of 1 left, 2 right, 4 middle, 8 and
   * 16 at the sides.
   */
  movePointer(
    dx: number,
    dy: number,
    dz = 0,
    { at, buttons = this.#buttons }: { at?: { x: number; y: number }; buttons?: number } = {},
  ): void {
    this.#buttons = buttons & 31;
    const part = (v: number, size: number): number =>
      Math.round((v * TABLET_EDGE) / Math.max(1, size - 1));
    const place = at && { at: { x: part(at.x, this.width), y: part(at.y, this.height) } };
    const moved = { dx, dy: -dy, dz: -dz, buttons: this.#buttons };
    this.#machine.input({ kind: "pointer", ...moved, ...place });
  }
}
