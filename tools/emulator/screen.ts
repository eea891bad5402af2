// The screen of a machine's VGA for those who look at it from outside: text rows, pixels, bytes of colour.

import type { Picture, Vga } from "./devices/vga.ts";

/** The text screen, one string a row with trailing blanks cut off; undefined in graphics modes. */
export function textRows(vga: Vga): string[] | undefined {
  const text = vga.textCells();
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

/** A picture as image libraries and canvases take it. */
export function rgbaPicture({ width, height, pixels }: Picture): RgbaPicture {
  const data = new Uint8ClampedArray(width * height * 4);
  pixels.forEach((p, i) => {
    data.set([(p >> 16) & 0xff, (p >> 8) & 0xff, p & 0xff, 0xff], i * 4);
  });
  return { width, height, data };
}
