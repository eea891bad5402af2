// The 8×16 font that firmware loads into plane 2 of a VGA for text modes: printable ASCII drawn on a
// grid of 5×8, and code page 437's lines, blocks and shades, which are computed. Other characters of
// the code page (accents, Greek, mathematics) are left out and show as a small square.

/** Bytes of a character in plane 2: 16 lines, then 16 that text modes do not show. */
export const GLYPH_STRIDE = 32;
const LINES = 16;

/**
 * Characters 20h–7Eh, eight rows each, a row a base-32 digit whose bits are five columns from left to
 * right. Row 6 stands on the base line, row 7 is below it.
 */
const ASCII =
  "00000000 44444040 aa000000 aavavaa0 4fke5u40 op248j30 ck8l9id0 44000000 " +
  "24888420 84222480 04lel400 044v4400 00000448 000v0000 00000440 11248gg0 " +
  "ehjlphe0 4c4444e0 eh1248v0 v2421he0 26aiv220 vgu11he0 68guhhe0 v1244440 " +
  "ehhehhe0 ehhf12c0 04404400 04404480 248g8420 00v0v000 84212480 eh124040 " +
  "ehnlngf0 ehhvhhh0 uhhuhhu0 ehggghe0 sihhhis0 vggugvv0 vggugggg ehgnhhf0 " +
  "hhhvhhh0 e44444e0 72222ic0 hikokih0 gggggggv hrlhhhh0 hhpljhh0 ehhhhhe0 " +
  "uhhuggg0 ehhhlid0 uhhukih0 fgge11u0 v4444440 hhhhhhe0 hhhhha40 hhhllla0 " +
  "hha4ahh0 hha44440 v1248gv0 e88888e0 gg842110 e22222e0 4ah00000 0000000v " +
  "84000000 00e1fhf0 ggmphhu0 00egghe0 11djhhf0 00ehvge0 698s8880 00fhhf1e " +
  "ggmphhh0 40c444e0 2062222c ggikoki0 c44444e0 00qlllh0 00mphhh0 00ehhhe0 " +
  "00uhhugg 00fhhf11 00mpggg0 00fge1u0 88s88960 00hhhjd0 00hhha40 00hhlla0 " +
  "00ha4ah0 00hhhf1e 00v248v0 24484420 44444444 84424480 008l2000";
/** Screen lines for each row of the grid: strokes are one line thick, limbs two long. */
const ROW_LINES = [1, 2, 2, 1, 2, 2, 1, 2] as const;
const TOP = 2;
const LEFT = 1;

/** Lines of code page 437 from B3h to DAh: weight (0–2) of the arms up, right, down, left. */
const FRAMES =
  "1010 1011 1012 2021 0021 0012 2022 2020 0022 2002 2001 1002 0011 1100 1101 0111 1110 0101 1111 1210 " +
  "2120 2200 0220 2202 0222 2220 0202 2222 1202 2101 0212 0121 2100 1200 0210 0120 2121 1212 1001 0110";
const FIRST_FRAME = 0xb3;

/** Sets lines `from`–`to` - 1 of a glyph to have the bits of `mask` too. */
function paint(glyph: Uint8Array, from: number, to: number, mask: number): void {
  for (let y = from; y < to; y++) glyph[y] = (glyph[y] as number) | mask;
}

function letter(rows: string): Uint8Array {
  const glyph = new Uint8Array(GLYPH_STRIDE);
  let y = TOP;
  ROW_LINES.forEach((lines, i) => {
    paint(glyph, y, y + lines, Number.parseInt(rows[i] as string, 32) << (3 - LEFT));
    y += lines;
  });
  return glyph;
}

/** Columns 3 or 2 and 5 of a vertical line, lines 7 or 6 and 8 of a horizontal one. */
function frame(arms: string): Uint8Array {
  const glyph = new Uint8Array(GLYPH_STRIDE);
  const [up, right, down, left] = [...arms].map(Number) as [number, number, number, number];
  const columns = [0, 0x10, 0x28] as const;
  const rows = [[], [7], [6, 8]] as const;
  paint(glyph, 0, down === 0 && right + left > 0 ? 9 : 8, columns[up as 0 | 1 | 2]);
  paint(glyph, up === 0 && right + left > 0 ? 6 : 7, LINES, columns[down as 0 | 1 | 2]);
  for (const y of rows[left as 0 | 1 | 2]) paint(glyph, y, y + 1, up + down === 4 ? 0xe8 : 0xf0);
  for (const y of rows[right as 0 | 1 | 2]) paint(glyph, y, y + 1, up + down === 4 ? 0x2f : 0x1f);
  return glyph;
}

function solid(from: number, to: number, mask: number): Uint8Array {
  const glyph = new Uint8Array(GLYPH_STRIDE);
  paint(glyph, from, to, mask);
  return glyph;
}

/** Two lines by turns. */
function shade(even: number, odd: number): Uint8Array {
  return new Uint8Array(GLYPH_STRIDE).map((_, y) => (y >= LINES ? 0 : y % 2 === 0 ? even : odd));
}

/** The 256 characters, `GLYPH_STRIDE` bytes each, bit 7 of a byte leftmost. */
export function textFont(): Uint8Array {
  const font = new Uint8Array(256 * GLYPH_STRIDE);
  const put = (code: number, glyph: Uint8Array): void => font.set(glyph, code * GLYPH_STRIDE);
  const missing = solid(6, 11, 0x3c);
  for (let code = 1; code < 255; code++) put(code, missing);
  ASCII.split(" ").forEach((rows, i) => {
    put(0x20 + i, letter(rows));
  });
  FRAMES.split(" ").forEach((arms, i) => {
    put(FIRST_FRAME + i, frame(arms));
  });
  put(0xb0, shade(0x22, 0x88));
  put(0xb1, shade(0x55, 0xaa));
  put(0xb2, shade(0xdd, 0x77));
  put(0xdb, solid(0, LINES, 0xff));
  put(0xdc, solid(8, LINES, 0xff));
  put(0xdd, solid(0, LINES, 0xf0));
  put(0xde, solid(0, LINES, 0x0f));
  put(0xdf, solid(0, 8, 0xff));
  put(0xfa, solid(7, 8, 0x10));
  put(0xf9, solid(6, 8, 0x18));
  put(0xfe, solid(5, 11, 0x7e));
  put(
    0x10,
    Uint8Array.from({ length: GLYPH_STRIDE }, (_, y) =>
      y > 2 && y < 13 ? (0xff << (8 - (y < 8 ? y - 2 : 13 - y))) & 0xff : 0,
    ),
  );
  return font;
}
