// INT 10h, AH=0Bh and 10h: attribute registers and the digital-to-analog converter's colours (Ralf Brown's interrupt
// list).

import type { GuestSpace } from "./guest-space.ts";
import type { Registers } from "./registers.ts";
import type { VideoHardware } from "./video-hardware.ts";

const MODE_CONTROL = 0x10;
const OVERSCAN = 0x11;
const COLOUR_SELECT = 0x14;
/** Mode control: attribute bit 7 blinks; the palette's upper two bits come from colour select. */
const BLINK = 0x08;
const SIXTEEN_PAGES = 0x80;
/** Palette registers, and the border behind them in tables. */
const PALETTE = 16;
/** Weights of red, green and blue in grey, of 256. */
const GREY = [77, 151, 28] as const;

export class PaletteServices {
  readonly #hardware: VideoHardware;
  readonly #space: GuestSpace;

  constructor(hardware: VideoHardware, space: GuestSpace) {
    this.#hardware = hardware;
    this.#space = space;
  }

  /** AH=0Bh: border (BH=0) or the palette of a CGA mode (BH=1), BL the colour. */
  background(r: Registers): void {
    const h = this.#hardware;
    const value = r.bx & 0xff;
    if (r.bx >> 8 === 0) {
      // Intensity is bit 4 of a palette register.
      const colour = (value & 7) | ((value & 8) << 1);
      h.setAttribute(OVERSCAN, colour);
      if (h.vga?.isText) return;
      h.setAttribute(0, colour);
      for (const i of [1, 2, 3]) h.setAttribute(i, (h.attribute(i) & 0x2f) | (value & 0x10));
    } else {
      for (const i of [1, 2, 3]) h.setAttribute(i, (h.attribute(i) & ~1) | (value & 1));
    }
  }

  /** AH=10h. */
  serve(r: Registers): void {
    const h = this.#hardware;
    const [bh, bl] = [r.bx >> 8, r.bx & 0xff];
    const buffer = r.at("es", r.dx);
    switch (r.al) {
      case 0x00:
        if (bl <= COLOUR_SELECT) h.setAttribute(bl, bh);
        break;
      case 0x01:
        h.setAttribute(OVERSCAN, bh);
        break;
      case 0x02:
        this.#space.read(buffer, PALETTE + 1).forEach((value, i) => {
          h.setAttribute(i < PALETTE ? i : OVERSCAN, value);
        });
        break;
      case 0x03:
        h.setAttribute(MODE_CONTROL, (h.attribute(MODE_CONTROL) & ~BLINK) | (bl & 1 ? BLINK : 0));
        break;
      case 0x07:
        if (bl <= COLOUR_SELECT) r.bx = (h.attribute(bl) << 8) | bl;
        break;
      case 0x08:
        r.bx = (h.attribute(OVERSCAN) << 8) | bl;
        break;
      case 0x09:
        this.#space.write(
          buffer,
          Uint8Array.from({ length: PALETTE + 1 }, (_, i) =>
            h.attribute(i < PALETTE ? i : OVERSCAN),
          ),
        );
        break;
      case 0x13:
        this.#colourPage(bl, bh);
        break;
      case 0x1a: {
        const sixteen = (h.attribute(MODE_CONTROL) & SIXTEEN_PAGES) !== 0;
        const select = h.attribute(COLOUR_SELECT) & 15;
        r.bx = ((sixteen ? select : select >> 2) << 8) | (sixteen ? 1 : 0);
        break;
      }
      default:
        this.#colours(r, buffer);
    }
  }

  /** AX=1013h: BL 0 chooses between 4 and 16 pages (BH), 1 a page. */
  #colourPage(what: number, value: number): void {
    const h = this.#hardware;
    const control = h.attribute(MODE_CONTROL);
    if (what === 0) {
      h.setAttribute(MODE_CONTROL, (control & ~SIXTEEN_PAGES) | ((value & 1) << 7));
    } else {
      h.setAttribute(COLOUR_SELECT, control & SIXTEEN_PAGES ? value & 15 : (value & 3) << 2);
    }
  }

  /** AX=1010h to 101Bh on the converter's colours. */
  #colours(r: Registers, buffer: number): void {
    const h = this.#hardware;
    switch (r.al) {
      case 0x10:
        h.setColours(r.bx & 0xff, Uint8Array.of(r.dx >> 8, r.cx >> 8, r.cx & 0xff));
        break;
      case 0x12:
        h.setColours(r.bx & 0xff, this.#space.read(buffer, Math.min(r.cx, 256) * 3));
        break;
      case 0x15: {
        const [red, green, blue] = h.colours(r.bx & 0xff, 1) as unknown as [number, number, number];
        r.dx = (red << 8) | (r.dx & 0xff);
        r.cx = (green << 8) | blue;
        break;
      }
      case 0x17:
        this.#space.write(buffer, h.colours(r.bx & 0xff, Math.min(r.cx, 256)));
        break;
      case 0x18:
        h.colourMask = r.bx & 0xff;
        break;
      case 0x19:
        r.bx = (r.bx & 0xff00) | h.colourMask;
        break;
      case 0x1b:
        this.#toGrey(r.bx & 0xff, Math.min(r.cx, 256));
        break;
    }
  }

  /** AX=101Bh. */
  #toGrey(first: number, count: number): void {
    const values = this.#hardware.colours(first, count);
    for (let i = 0; i < values.length; i += 3) {
      const sum = GREY.reduce((s, weight, c) => s + weight * (values[i + c] as number), 0x80);
      values.fill(Math.min(0x3f, sum >> 8), i, i + 3);
    }
    this.#hardware.setColours(first, values);
  }
}
