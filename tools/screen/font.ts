// The 8×16 font of all our screens, in the order of code page 437: drawn on a grid of 5×8, but for accented letters,
// which are a letter and a mark, and lines, blocks and shades, which are computed. Each character's Unicode code
// point is that of the Unicode Consortium's mapping table CP437.TXT; 00h–1Fh and 7Fh are what the IBM PC shows there.

/** Lines of a character, a byte each, bit 7 leftmost. */
export const GLYPH_LINES = 16;

/** The code page's characters in their order; the one without a shape of its own, 00h, is a blank. */
export const CODE_PAGE_437 =
  " ☺☻♥♦♣♠•◘○◙♂♀♪♫☼►◄↕‼¶§▬↨↑↓→←∟↔▲▼" +
  " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_" +
  "`abcdefghijklmnopqrstuvwxyz{|}~⌂" +
  "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»" +
  "░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀" +
  "αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0";

/** Eight rows each, a row a base-32 digit whose bits are five columns. Row 6 stands on the base line, row 7 is below it. */
const ASCII =
  "00000000 44444040 aa000000 aavavaa0 4fke5u40 op248j30 ck8l9id0 44000000 " +
  "24888420 84222480 04lel400 044v4400 00000448 000v0000 00000440 11248gg0 " +
  "ehjlphe0 4c4444e0 eh1248v0 v2421he0 26aiv220 vgu11he0 68guhhe0 v1244440 " +
  "ehhehhe0 ehhf12c0 00400400 00400448 248g8420 00v0v000 84212480 eh124040 " +
  "ehnlngf0 ehhvhhh0 uhhuhhu0 ehggghe0 sihhhis0 vggugvv0 vggugggg ehgnhhf0 " +
  "hhhvhhh0 e44444e0 72222ic0 hikokih0 gggggggv hrlhhhh0 hhpljhh0 ehhhhhe0 " +
  "uhhuggg0 ehhhlid0 uhhukih0 fgge11u0 v4444440 hhhhhhe0 hhhhha40 hhhllla0 " +
  "hha4ahh0 hha44440 v1248gv0 e88888e0 gg842110 e22222e0 4ah00000 0000000v " +
  "84000000 00e1fhf0 ggmphhu0 00egghe0 11djhhf0 00ehvge0 698s8880 00fhhf1e " +
  "ggmphhh0 40c444e0 2062222c ggikoki0 c44444e0 00qlllh0 00mphhh0 00ehhhe0 " +
  "00uhhugg 00fhhf11 00mpggg0 00fge1u0 88s88960 00hhhjd0 00hhha40 00hhlla0 " +
  "00ha4ah0 00hhhf1e 00v248v0 24484420 44444444 84424480 008l2000";

/** The same of the code page's other signs and letters, and of an i without its dot. */
const SIGNS: Readonly<Record<string, string>> = {
  "☺": "0ehrhlhe",
  "☻": "0evlvhve",
  "♥": "0avvve40",
  "♦": "04evve40",
  "♣": "4e4vv4e0",
  "♠": "4evvv4e0",
  "•": "000ee000",
  "◘": "vvvhhvvv",
  "○": "00ehhe00",
  "◙": "vvhllhvv",
  "♂": "735ehhe0",
  "♀": "ehhe4e40",
  "♪": "65444cs0",
  "♫": "f9f99rr0",
  "☼": "0lerel00",
  "◄": "137f7310",
  "↕": "4el4le40",
  "‼": "aaaaa0a0",
  "¶": "fttd5550",
  "§": "fgehhe1u",
  "▬": "0000vvv0",
  "↨": "4el4le4v",
  "↑": "4el44440",
  "↓": "4444le40",
  "→": "0042v240",
  "←": "0048v840",
  "∟": "0000ggv0",
  "↔": "00ahvha0",
  "▲": "0044eev0",
  "▼": "00vee440",
  "⌂": "004ahhv0",
  ı: "00c444e0",
  æ: "00q5fkf0",
  Æ: "fkkvkkn0",
  "¢": "04fkkf40",
  "£": "698s88v0",
  "¥": "hhav4v40",
  "₧": "sistkkj0",
  ƒ: "254e44k8",
  ª: "e1fhf0v0",
  º: "ehhhe0v0",
  "¿": "4048ghe0",
  "⌐": "000vgg00",
  "¬": "000v1100",
  "½": "ghi4bh27",
  "¼": "ghi4l710",
  "¡": "40444440",
  "«": "005aka50",
  "»": "00ka5ak0",
  α: "00diiid0",
  ß: "ehhuhhug",
  Γ: "vhggggg0",
  π: "00vaaaa0",
  Σ: "vg848gv0",
  σ: "00fiiic0",
  µ: "00hhhjtg",
  τ: "00v44430",
  Φ: "4ellle40",
  Θ: "ehhvhhe0",
  Ω: "ehhhaar0",
  δ: "684ehhe0",
  "∞": "000ala00",
  φ: "002elle8",
  ε: "00egcge0",
  "∩": "0ehhhhh0",
  "≡": "00v0v0v0",
  "±": "044v44v0",
  "≥": "842480v0",
  "≤": "248420v0",
  "⌠": "25444444",
  "⌡": "444444k8",
  "÷": "040v0400",
  "≈": "009m9m00",
  "°": "4a400000",
  "√": "7444kc40",
  ⁿ: "siii0000",
  "²": "c24e0000",
};

/** Marks by their combining character, three lines each, from the top line on; those of a small letter one line lower. */
const MARKS: Readonly<Record<string, string>> = {
  "\u0300": "842",
  "\u0301": "248",
  "\u0302": "04a",
  "\u0303": "09m",
  "\u0308": "0aa",
  "\u030a": "4a4",
};
/** The mark below a letter. */
const CEDILLA = "\u0327";
const CEDILLA_LINES = "42c";

/** Screen lines for each row of the grid: strokes are one line thick, limbs two long. */
const ROW_LINES = [1, 2, 2, 1, 2, 2, 1, 2] as const;
const TOP = 2;
/** The same of a capital letter with a mark above. */
const LOW_ROW_LINES = [1, 1, 2, 1, 1, 2, 1, 2] as const;
const LOW_TOP = 4;
const BELOW = 13;
/** Pixels from a cell's left edge to the grid. */
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

const rowMask = (digit: string): number => Number.parseInt(digit, 32) << (3 - LEFT);

function letter(rows: string, top = TOP, heights: readonly number[] = ROW_LINES): Uint8Array {
  const glyph = new Uint8Array(GLYPH_LINES);
  let y = top;
  heights.forEach((lines, i) => {
    paint(glyph, y, y + lines, rowMask(rows[i] as string));
    y += lines;
  });
  return glyph;
}

function mark(glyph: Uint8Array, rows: string, top: number): Uint8Array {
  [...rows].forEach((digit, i) => {
    paint(glyph, top + i, top + i + 1, rowMask(digit));
  });
  return glyph;
}

/** Columns 3 or 2 and 5 of a vertical line, lines 7 or 6 and 8 of a horizontal one. */
function frame(arms: string): Uint8Array {
  const glyph = new Uint8Array(GLYPH_LINES);
  const [up, right, down, left] = [...arms].map(Number) as [number, number, number, number];
  const columns = [0, 0x10, 0x28] as const;
  const rows = [[], [7], [6, 8]] as const;
  paint(glyph, 0, down === 0 && right + left > 0 ? 9 : 8, columns[up as 0 | 1 | 2]);
  paint(glyph, up === 0 && right + left > 0 ? 6 : 7, GLYPH_LINES, columns[down as 0 | 1 | 2]);
  for (const y of rows[left as 0 | 1 | 2]) paint(glyph, y, y + 1, up + down === 4 ? 0xe8 : 0xf0);
  for (const y of rows[right as 0 | 1 | 2]) paint(glyph, y, y + 1, up + down === 4 ? 0x2f : 0x1f);
  return glyph;
}

function solid(from: number, to: number, mask: number): Uint8Array {
  const glyph = new Uint8Array(GLYPH_LINES);
  paint(glyph, from, to, mask);
  return glyph;
}

/** Two lines by turns. */
function shade(even: number, odd: number): Uint8Array {
  return new Uint8Array(GLYPH_LINES).map((_, y) => (y % 2 === 0 ? even : odd));
}

/** What is neither drawn on the grid nor a frame. */
function blocks(): Map<number, Uint8Array> {
  const arrow = Uint8Array.from({ length: GLYPH_LINES }, (_, y) =>
    y > 2 && y < 13 ? (0xff << (8 - (y < 8 ? y - 2 : 13 - y))) & 0xff : 0,
  );
  return new Map([
    [0x10, arrow],
    [0xb0, shade(0x22, 0x88)],
    [0xb1, shade(0x55, 0xaa)],
    [0xb2, shade(0xdd, 0x77)],
    [0xdb, solid(0, GLYPH_LINES, 0xff)],
    [0xdc, solid(8, GLYPH_LINES, 0xff)],
    [0xdd, solid(0, GLYPH_LINES, 0xf0)],
    [0xde, solid(0, GLYPH_LINES, 0x0f)],
    [0xdf, solid(0, 8, 0xff)],
    [0xfa, solid(7, 8, 0x10)],
    [0xf9, solid(6, 8, 0x18)],
    [0xfe, solid(5, 11, 0x7e)],
  ]);
}

/** A character that is drawn, or a letter with a mark; undefined for others. */
function drawn(character: string, ascii: readonly string[]): Uint8Array | undefined {
  const rowsOf = (one: string): string | undefined =>
    SIGNS[one] ?? (one >= " " && one < "\u0080" ? ascii[one.charCodeAt(0) - 0x20] : undefined);
  const [base = "", combining] = [...character.normalize("NFD")];
  const rows = rowsOf(base === "i" && combining !== undefined ? "ı" : base);
  if (rows === undefined) return undefined;
  if (combining === undefined) return letter(rows);
  if (combining === CEDILLA) return mark(letter(rows), CEDILLA_LINES, BELOW);
  const lines = MARKS[combining] as string;
  return base < "a"
    ? mark(letter(rows, LOW_TOP, LOW_ROW_LINES), lines, 0)
    : mark(letter(rows), lines, 1);
}

/** The 256 characters of code page 437, `GLYPH_LINES` bytes each, bit 7 of a byte leftmost. */
export function textFont(): Uint8Array {
  const font = new Uint8Array(256 * GLYPH_LINES);
  const frames = FRAMES.split(" ");
  const ascii = ASCII.split(" ");
  const computed = blocks();
  [...CODE_PAGE_437].forEach((character, code) => {
    const arms = frames[code - FIRST_FRAME];
    const glyph = computed.get(code) ?? (arms ? frame(arms) : drawn(character, ascii));
    if (glyph) font.set(glyph, code * GLYPH_LINES);
  });
  return font;
}
