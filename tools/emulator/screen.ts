// The screen of a machine's VGA for those who look at it from outside: text rows, pixels, bytes of colour.

import type { Vga } from "./devices/vga.ts";
import { scanoutOf, textScreen } from "./devices/vga-scanout.ts";

/** The text screen, one string a row with trailing blanks cut off; undefined in graphics modes. */
export function textRows(vga: Vga): string[] | undefined {
  const text = textScreen(vga);
  if (text === undefined) return undefined;
  return Array.from({ length: text.rows }, (_, y) => {
    let row = "";
    for (let x = 0; x < text.columns; x++) {
      const c = text.cells[(y * text.columns + x) * 2] as number;
      row += c >= 0x20 && c < 0x7f ? String.fromCharCode(c) : c === 0 ? " " : ".";
    }
    return row.trimEnd();
  });
}

export interface RgbaPicture {
  width: number;
  height: number;
  /** Bytes R, G, B, A (always 255), row by row. */
  data: Uint8ClampedArray;
}

/** A picture: 32-bit pixels 0x00RRGGBB, row by row. */
export interface Picture {
  width: number;
  height: number;
  pixels: Uint32Array;
}

/** The whole screen as canvases and image libraries take it; what blinks is shown. */
export function rgbaPicture(vga: Vga): RgbaPicture {
  const scanout = scanoutOf(vga, { cursor: true, characters: true });
  const { width, height, rows } = scanout;
  const pixels = new Uint32Array(width * height);
  for (let row = 0; row < rows; row++) scanout.draw(row, pixels);
  return { width, height, data: new Uint8ClampedArray(pixels.buffer) };
}

/** The same as numbers. */
export function picture(vga: Vga): Picture {
  const { width, height, data } = rgbaPicture(vga);
  const pixels = new Uint32Array(width * height);
  for (let i = 0; i < pixels.length; i++) {
    const at = i * 4;
    pixels[i] =
      ((data[at] as number) << 16) | ((data[at + 1] as number) << 8) | (data[at + 2] as number);
  }
  return { width, height, pixels };
}
