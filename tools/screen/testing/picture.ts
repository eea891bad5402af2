// A picture read as text: each cell is looked up among the characters of the font. Pixels are 0xRRGGBB.

import { CODE_PAGE_437, GLYPH_LINES, textFont } from "../font.ts";

export interface Picture {
  width: number;
  height: number;
  pixels: Uint32Array;
}

const GLYPH_WIDTH = 8;
/** Stands for what is no character in two colours. */
const UNKNOWN = "\ufffd";

function shapes(): Map<string, string> {
  const font = textFont();
  const known = new Map<string, string>();
  [...CODE_PAGE_437].forEach((character, code) => {
    const shape = font.subarray(code * GLYPH_LINES, (code + 1) * GLYPH_LINES).join();
    if (!known.has(shape)) known.set(shape, character);
  });
  return known;
}

/** A cell's character, and its colours: the one of its upper left pixel counts as background. */
function characterAt(
  { width, pixels }: Picture,
  left: number,
  top: number,
  scale: number,
  known: Map<string, string>,
): string {
  const background = pixels[top * width + left];
  let front: number | undefined;
  const lines: number[] = [];
  for (let y = 0; y < GLYPH_LINES * scale; y++) {
    let bits = 0;
    for (let x = 0; x < GLYPH_WIDTH * scale; x++) {
      const pixel = pixels[(top + y) * width + left + x];
      const isFront = pixel !== background;
      if (isFront) {
        front ??= pixel;
        if (pixel !== front) return UNKNOWN;
      }
      if (x % scale === 0) bits = (bits << 1) | Number(isFront);
      else if (Number(isFront) !== (bits & 1)) return UNKNOWN;
    }
    if (y % scale === 0) lines.push(bits);
    else if (lines.at(-1) !== bits) return UNKNOWN;
  }
  return known.get(lines.join()) ?? known.get(lines.map((bits) => bits ^ 0xff).join()) ?? UNKNOWN;
}

/** The rows of text on a picture, without blanks at their ends. */
export function textOfPicture(picture: Picture, scale = 1): string[] {
  const known = shapes();
  const rows: string[] = [];
  const [cellWidth, cellHeight] = [GLYPH_WIDTH * scale, GLYPH_LINES * scale];
  for (let y = 0; y + cellHeight <= picture.height; y += cellHeight) {
    let row = "";
    for (let x = 0; x + cellWidth <= picture.width; x += cellWidth) {
      row += characterAt(picture, x, y, scale, known);
    }
    rows.push(row.trimEnd());
  }
  return rows;
}

/** A portable pixmap of 8 bits a colour, as QEMU's `screendump` writes it. Netpbm, ppm(5), "P6". */
export function readPixmap(file: Uint8Array): Picture {
  const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(
    Buffer.from(file.subarray(0, 64)).toString("latin1"),
  );
  if (!header) throw new Error("not a portable pixmap (P6) of 8 bits");
  const [width, height] = [Number(header[1]), Number(header[2])];
  const pixels = new Uint32Array(width * height);
  let at = header[0].length;
  for (let i = 0; i < pixels.length; i++, at += 3) {
    pixels[i] = ((file[at] ?? 0) << 16) | ((file[at + 1] ?? 0) << 8) | (file[at + 2] ?? 0);
  }
  return { width, height, pixels };
}
