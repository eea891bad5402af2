// What firmware loads into plane 2 of a VGA for text modes: our font, at the distances that the VGA has it at.

import { GLYPH_LINES, textFont } from "../../../screen/font.ts";

/** Bytes of a character in plane 2: 16 lines, then 16 that text modes do not show. */
export const GLYPH_STRIDE = 32;

/** The 256 characters, `GLYPH_STRIDE` bytes each. */
export function vgaFont(): Uint8Array {
  const font = textFont();
  const plane = new Uint8Array(256 * GLYPH_STRIDE);
  for (let code = 0; code < 256; code++) {
    const glyph = font.subarray(code * GLYPH_LINES, (code + 1) * GLYPH_LINES);
    plane.set(glyph, code * GLYPH_STRIDE);
  }
  return plane;
}
