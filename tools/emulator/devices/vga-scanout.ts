// What a VGA shows: video memory as the CRTC, the sequencer and the attribute controller make a picture of it
// (FreeVGA: "CRT Controller Registers", "VGA Text Mode Operation", "Graphics Mode Operation"; IBM VGA technical
// reference). Sizes and colours are those of QEMU's screen dumps. Panning by single pixels is left out.

import { type PixelOrder, toRgba } from "./pixel-order.ts";
import {
  bytesPerPixel,
  DISPI_BPP,
  DISPI_ENABLE,
  DISPI_X_OFFSET,
  DISPI_XRES,
  DISPI_Y_OFFSET,
  DISPI_YRES,
  EIGHT_BIT_DAC,
  ENABLED,
  linearPitch,
  showsText,
  type VgaState,
  VRAM_BYTES,
} from "./vga-state.ts";

/** Registers and memory of a VGA. */
export interface VideoSource {
  readonly state: VgaState;
  readonly memory: Uint8Array;
}

/** A picture that is drawn by rows: lines that show the same stretch of video memory, such as a row of characters. */
export interface Scanout {
  readonly kind: "text" | "graphics" | "blank";
  readonly width: number;
  readonly height: number;
  readonly rows: number;
  readonly rowLines: number;
  /** First byte of video memory that a row shows, and the one behind the last. */
  span(row: number): readonly [start: number, end: number];
  readonly order: PixelOrder;
  /** Draws a row, or so many from there on, at their places in a picture of `width` × `height` pixels of that order. */
  draw(row: number, pixels: Uint32Array, rows?: number): void;
}

/** Draws rows one by one. */
const oneByOne =
  (draw: (row: number, pixels: Uint32Array) => void): Scanout["draw"] =>
  (row, pixels, rows = 1) => {
    for (let at = row; at < row + rows; at++) draw(at, pixels);
  };

/** Characters as they are on the screen, row by row. */
export interface TextScreen {
  columns: number;
  rows: number;
  /** Pairs of character and attribute. */
  cells: Uint8Array;
  /** Cell under the cursor, undefined where none shows. Lines are counted in the cell, `last` included. */
  cursor?: { column: number; row: number; first: number; last: number };
  /** Attribute bit 7 lets a character blink; otherwise it makes the background bright. */
  blink: boolean;
  /** Colours 0–15 of attributes, 0xRRGGBB. */
  palette: number[];
}

/** What blinks, in a picture of one instant. */
export interface BlinkPhase {
  cursor: boolean;
  characters: boolean;
}

const MAX_TEXT_ROWS = 100;
const GLYPH_STRIDE = 32;
const BLACK = packed(0);

/** A colour 0xRRGGBB as a pixel whose bytes are R, G, B, 255 in memory. */
function packed(rgb: number): number {
  return (0xff000000 | ((rgb & 0xff) << 16) | (rgb & 0xff00) | ((rgb >> 16) & 0xff)) >>> 0;
}

/** Colour `index` of the palette, 0xRRGGBB; of six bits the lowest fills up. */
function dacColour({ dac, dacMask, dispi }: VgaState, index: number): number {
  const at = (index & dacMask) * 3;
  const isWide = ((dispi[DISPI_ENABLE] as number) & EIGHT_BIT_DAC) !== 0;
  const part = (i: number): number => {
    const v = dac[at + i] as number;
    return isWide ? v : ((v & 0x3f) << 2) | ((v & 1) * 3);
  };
  return (part(0) << 16) | (part(1) << 8) | part(2);
}

/** The sixteen colours of text and planar modes, 0xRRGGBB, through the attribute controller's palette. */
function attributeColours(state: VgaState): number[] {
  const { attribute } = state;
  const select = attribute[0x14] as number;
  const isPaged = ((attribute[0x10] as number) & 0x80) !== 0;
  return Array.from({ length: 16 }, (_, i) => {
    const entry = attribute[i] as number;
    const index = isPaged
      ? ((select & 0xf) << 4) | (entry & 0xf)
      : ((select & 0xc) << 4) | (entry & 0x3f);
    return dacColour(state, index);
  });
}

const colourTable = (state: VgaState): Uint32Array =>
  Uint32Array.from({ length: 256 }, (_, i) => packed(dacColour(state, i)));

/** Lines that the CRTC displays. */
function displayedLines({ crtc }: VgaState): number {
  const overflow = crtc[7] as number;
  return ((crtc[0x12] as number) | ((overflow & 2) << 7) | ((overflow & 0x40) << 3)) + 1;
}

const startAddress = ({ crtc }: VgaState): number =>
  ((crtc[0x0c] as number) << 8) | (crtc[0x0d] as number);

interface TextGeometry {
  columns: number;
  rows: number;
  /** Lines of a character. */
  lines: number;
  /** Cell of the upper left corner, and cells from one row to the next. */
  start: number;
  pitch: number;
}

function textGeometry(state: VgaState): TextGeometry {
  const { crtc } = state;
  const lines = ((crtc[9] as number) & 31) + 1;
  return {
    columns: (crtc[1] as number) + 1,
    rows: Math.min(MAX_TEXT_ROWS, Math.floor(displayedLines(state) / lines)),
    lines,
    start: startAddress(state),
    pitch: (crtc[0x13] as number) * 2,
  };
}

/** Cell n of text has its character in plane 0 and its attribute in plane 1 of the even address 2n. */
const cellAddress = (cell: number): number => cell * 2 * 4;

/** The characters on the screen; undefined in graphics modes. */
export function textScreen({ state, memory }: VideoSource): TextScreen | undefined {
  if (!showsText(state)) return undefined;
  const { columns, rows, lines, start, pitch } = textGeometry(state);
  const { crtc } = state;
  const cells = new Uint8Array(columns * rows * 2);
  for (let i = 0; i < columns * rows; i++) {
    const at = cellAddress(start + Math.floor(i / columns) * pitch + (i % columns));
    cells[i * 2] = memory[at] ?? 0;
    cells[i * 2 + 1] = memory[at + 1] ?? 0;
  }
  const at = (((crtc[0x0e] as number) << 8) | (crtc[0x0f] as number)) - start;
  const [row, column] = pitch > 0 ? [Math.floor(at / pitch), at % pitch] : [0, at];
  const first = (crtc[0x0a] as number) & 31;
  const last = Math.min((crtc[0x0b] as number) & 31, lines - 1);
  const isOn = ((crtc[0x0a] as number) & 0x20) === 0 && first <= last;
  const isInside = at >= 0 && row < rows && column < columns;
  return {
    columns,
    rows,
    cells,
    ...(isOn && isInside ? { cursor: { column, row, first, last } } : {}),
    blink: ((state.attribute[0x10] as number) & 8) !== 0,
    palette: attributeColours(state),
  };
}

/** Offset in plane 2 of font `n` (FreeVGA, "Character Map Select"). */
function fontBase(n: number): number {
  return (n & 3) * 0x4000 + (n & 4 ? 0x2000 : 0);
}

/** The fonts of characters with attribute bit 3 clear and set. */
function fontBases({ sequencer }: VgaState): readonly [number, number] {
  const select = sequencer[3] as number;
  return [
    fontBase((select & 3) | ((select >> 2) & 4)),
    fontBase(((select >> 2) & 3) | ((select >> 3) & 4)),
  ];
}

/** Bytes of video memory with the fonts that are in use. */
export function fontSpans(state: VgaState): (readonly [start: number, end: number])[] {
  return fontBases(state).map((base) => [base * 4, (base + 256 * GLYPH_STRIDE) * 4] as const);
}

/** The first and the last of the characters C0–DF, whose eighth column is also their ninth. */
const LINE_DRAWING = [0xc0, 0xdf] as const;

/** Pixels of a character, and how wide each is. Of columns of doubled width none has nine dots, as in QEMU. */
function characterWidth({ sequencer }: VgaState): { dots: 8 | 9; scale: 1 | 2 } {
  const mode = sequencer[1] as number;
  if (mode & 8) return { dots: 8, scale: 2 };
  return { dots: mode & 1 ? 8 : 9, scale: 1 };
}

function textScanout(source: VideoSource, text: TextScreen, phase: BlinkPhase): Scanout {
  const { state, memory } = source;
  const { start, pitch, lines, columns, rows } = textGeometry(state);
  const { dots, scale } = characterWidth(state);
  const fonts = fontBases(state);
  const colours = text.palette.map(packed);
  const repeatsLines = ((state.attribute[0x10] as number) & 4) !== 0;
  const width = columns * dots * scale;
  const drawCell = (pixels: Uint32Array, row: number, column: number): void => {
    const character = text.cells[(row * columns + column) * 2] as number;
    const attribute = text.cells[(row * columns + column) * 2 + 1] as number;
    const font = fonts[attribute & 8 ? 1 : 0] as number;
    const back = colours[(attribute >> 4) & (text.blink ? 7 : 15)] as number;
    const isHidden = text.blink && attribute >= 0x80 && !phase.characters;
    const front = isHidden ? back : (colours[attribute & 15] as number);
    const { cursor } = text;
    const hasCursor = phase.cursor && cursor?.row === row && cursor.column === column;
    const isLine = character >= LINE_DRAWING[0] && character <= LINE_DRAWING[1];
    for (let y = 0; y < lines; y++) {
      const inCursor = hasCursor && y >= cursor.first && y <= cursor.last;
      const glyph = inCursor
        ? 0xff
        : (memory[(font + character * GLYPH_STRIDE + y) * 4 + 2] as number);
      const ninth = inCursor || (repeatsLines && isLine) ? glyph & 1 : 0;
      const bits = (glyph << 1) | ninth;
      const colour = inCursor ? (colours[attribute & 15] as number) : front;
      let at = (row * lines + y) * width + column * dots * scale;
      for (let x = 0; x < dots; x++) {
        const pixel = bits & (0x100 >> x) ? colour : back;
        pixels[at++] = pixel;
        if (scale === 2) pixels[at++] = pixel;
      }
    }
  };
  return {
    kind: "text",
    order: "rgba",
    width,
    height: rows * lines,
    rows,
    rowLines: lines,
    span: (row) => {
      const at = cellAddress(start + row * pitch);
      return [at, at + cellAddress(columns)];
    },
    draw: oneByOne((row, pixels) => {
      for (let column = 0; column < columns; column++) drawCell(pixels, row, column);
    }),
  };
}

/** Draws `count` pixels from byte `at` of video memory. */
type LineReader = (at: number, count: number, pixels: Uint32Array, to: number) => void;

const wide5 = (v: number): number => (v << 3) | (v >> 2);
const wide6 = (v: number): number => (v << 2) | (v >> 4);

/** A pixel of 15 or 16 bits as 0xRRGGBB; of 15 the lower bits of each colour stay 0, as in QEMU. */
function rgbOfWord(word: number, bits: number): number {
  if (bits === 15) return ((word & 0x7c00) << 9) | ((word & 0x3e0) << 6) | ((word & 31) << 3);
  return (wide5(word >> 11) << 16) | (wide6((word >> 5) & 63) << 8) | wide5(word & 31);
}

/** Pixels by their words of 15 and 16 bits; made when they are first needed. */
const wordTables = new Map<number, Uint32Array>();

function wordTable(bits: number): Uint32Array {
  let table = wordTables.get(bits);
  if (table === undefined) {
    table = Uint32Array.from({ length: 0x10000 }, (_, word) => packed(rgbOfWord(word, bits)));
    wordTables.set(bits, table);
  }
  return table;
}

/** Readers for each width of a pixel: a screen of millions of them is drawn in a few milliseconds. */
function linearReader({ state, memory }: VideoSource, order: PixelOrder): LineReader {
  const bits = state.dispi[DISPI_BPP] as number;
  const bytes = bytesPerPixel(state);
  if (bits <= 8) {
    const table = colourTable(state);
    return (at, count, pixels, to) => {
      for (let x = 0; x < count; x++) pixels[to + x] = table[memory[at + x] ?? 0] as number;
    };
  }
  if (bits <= 16) {
    const table = wordTable(bits === 15 ? 15 : 16);
    return (at, count, pixels, to) => {
      for (let x = 0, from = at; x < count; x++, from += 2) {
        const word = (memory[from] ?? 0) | ((memory[from + 1] ?? 0) << 8);
        pixels[to + x] = table[word] as number;
      }
    };
  }
  if (bytes === 4) {
    const words = new Uint32Array(memory.buffer, memory.byteOffset, memory.length >> 2);
    return (at, count, pixels, to) => {
      const line = words.subarray(at >> 2, (at >> 2) + count);
      pixels.set(line, to);
      pixels.fill(0, to + line.length, to + count);
      if (order === "rgba") toRgba(pixels.subarray(to, to + count));
    };
  }
  return (at, count, pixels, to) => {
    for (let x = 0, from = at; x < count; x++, from += bytes) {
      const low = ((memory[from] ?? 0) << 16) | ((memory[from + 1] ?? 0) << 8);
      pixels[to + x] = 0xff000000 | low | (memory[from + 2] ?? 0);
    }
  };
}

function linearScanout(source: VideoSource, asStored: boolean): Scanout {
  const { state } = source;
  const { dispi } = state;
  const width = dispi[DISPI_XRES] as number;
  const bytes = bytesPerPixel(state);
  const pitch = linearPitch(state);
  // Lines beyond video memory do not exist, whatever the guest has asked for.
  const fitting = Math.floor(VRAM_BYTES / Math.max(1, pitch));
  const height = width === 0 ? 0 : Math.min(dispi[DISPI_YRES] as number, fitting);
  const start =
    (dispi[DISPI_Y_OFFSET] as number) * pitch + (dispi[DISPI_X_OFFSET] as number) * bytes;
  const order = asStored && bytes === 4 ? "bgrx" : "rgba";
  const read = linearReader(source, order);
  return {
    kind: "graphics",
    order,
    width,
    height,
    rows: height,
    rowLines: 1,
    span: (row) => [start + row * pitch, start + row * pitch + width * bytes],
    // Lines without gaps are one.
    draw:
      pitch === width * bytes
        ? (row, pixels, rows = 1) => read(start + row * pitch, rows * width, pixels, row * width)
        : oneByOne((row, pixels) => read(start + row * pitch, width, pixels, row * width)),
  };
}

/** Registers of a mode that the VGA's own graphics show. */
interface GraphicsMode {
  /** Character clocks of a line: eight dots each. */
  clocks: number;
  /** Bits of a pixel come from: four planes, pairs of bits of two planes (CGA), whole bytes. */
  shift: "planes" | "pairs" | "bytes";
  start: number;
  pitch: number;
  /** The line from which on the picture starts again at address 0. */
  split: number;
  height: number;
  /** Scan lines of a row of the CRTC, and how often each is repeated. */
  rowScans: number;
  repeat: number;
  /** Mode control, CRTC register 0x17. */
  control: number;
}

const MODE_ROW_SCAN_A13 = 1;
const MODE_ROW_SCAN_A14 = 2;
const MODE_WRAP_A15 = 0x20;
const MODE_BYTE = 0x40;

function graphicsMode(state: VgaState): GraphicsMode {
  const { crtc, graphics } = state;
  const at = (i: number): number => crtc[i] as number;
  const shifts = ["planes", "pairs", "bytes", "bytes"] as const;
  return {
    clocks: at(1) + 1,
    shift: shifts[((graphics[5] as number) >> 5) & 3] ?? "planes",
    start: startAddress(state),
    pitch: at(0x13) * 2,
    split: at(0x18) | ((at(7) & 0x10) << 4) | ((at(9) & 0x40) << 3),
    height: displayedLines(state),
    rowScans: (at(9) & 31) + 1,
    repeat: at(9) & 0x80 ? 2 : 1,
    control: at(0x17),
  };
}

/** Address in the planes of character clock `counter` in scan line `scan` of its row (FreeVGA, "CRTC Mode Control"). */
function planeAddress({ control, shift }: GraphicsMode, counter: number, scan: number): number {
  // Chained planes hold their bytes without gaps here, so that whole bytes need no other address.
  if (shift === "bytes") return counter & 0xffff;
  const carried = control & MODE_WRAP_A15 ? 15 : 13;
  let address = control & MODE_BYTE ? counter : (counter << 1) | ((counter >> carried) & 1);
  if (!(control & MODE_ROW_SCAN_A13)) address = (address & ~0x2000) | ((scan & 1) << 13);
  if (!(control & MODE_ROW_SCAN_A14)) address = (address & ~0x4000) | ((scan & 2) << 13);
  return address & 0xffff;
}

/** Draws one line: `counter` is the address of its first character clock. */
type ClockReader = (counter: number, scan: number, pixels: Uint32Array, to: number) => void;

function clockReader({ state, memory }: VideoSource, mode: GraphicsMode): ClockReader {
  const { clocks, shift } = mode;
  const scale = (state.sequencer[1] as number) & 8 ? 2 : 1;
  if (shift === "bytes") {
    const table = colourTable(state);
    return (counter, scan, pixels, to) => {
      let at = to;
      for (let clock = 0; clock < clocks; clock++) {
        const cell = planeAddress(mode, counter + clock, scan) * 4;
        for (let x = 0; x < 4; x++) {
          const pixel = table[memory[cell + x] as number] as number;
          for (let i = 0; i < 2 * scale; i++) pixels[at++] = pixel;
        }
      }
    };
  }
  const colours = attributeColours(state).map(packed);
  const enabled = (state.attribute[0x12] as number) & 15;
  const indexOf = (cell: number, x: number): number => {
    if (shift === "pairs") {
      const plane = x >> 2;
      const place = 6 - 2 * (x & 3);
      const low = ((memory[cell + plane] as number) >> place) & 3;
      return low | ((((memory[cell + plane + 2] as number) >> place) & 3) << 2);
    }
    let index = 0;
    for (let p = 0; p < 4; p++) {
      index |= (((memory[cell + p] as number) >> (7 - x)) & 1) << p;
    }
    return index;
  };
  return (counter, scan, pixels, to) => {
    let at = to;
    for (let clock = 0; clock < clocks; clock++) {
      const cell = planeAddress(mode, counter + clock, scan) * 4;
      for (let x = 0; x < 8; x++) {
        const pixel = colours[indexOf(cell, x) & enabled] as number;
        for (let i = 0; i < scale; i++) pixels[at++] = pixel;
      }
    }
  };
}

/** The whole of the VGA's own four planes: what graphics modes may show. */
const PLANES_BYTES = 0x40000;

function graphicsScanout(source: VideoSource): Scanout {
  const mode = graphicsMode(source.state);
  const { clocks, height, rowScans, repeat, start, pitch, split } = mode;
  const width = clocks * 8 * ((source.state.sequencer[1] as number) & 8 ? 2 : 1);
  const read = clockReader(source, mode);
  /** Address of a line's first character clock, and its scan line in its row. */
  const place = (y: number): [counter: number, scan: number] => {
    const isBelow = y > split;
    const scanLine = Math.floor((isBelow ? y - split - 1 : y) / repeat);
    const row = Math.floor(scanLine / rowScans);
    return [(isBelow ? 0 : start) + row * pitch, scanLine % rowScans];
  };
  const isSimple = (mode.control & 3) === 3 && mode.shift !== "pairs";
  return {
    kind: "graphics",
    order: "rgba",
    width,
    height,
    rows: height,
    rowLines: 1,
    span: (y) => {
      const [counter, scan] = place(y);
      const from = planeAddress(mode, counter, scan) * 4;
      const to = planeAddress(mode, counter + clocks - 1, scan) * 4 + 4;
      return isSimple && from < to ? [from, to] : [0, PLANES_BYTES];
    },
    draw: oneByOne((y, pixels) => read(...place(y), pixels, y * width)),
  };
}

function blankScanout(width: number, height: number): Scanout {
  return {
    kind: "blank",
    order: "rgba",
    width,
    height,
    rows: height,
    rowLines: 1,
    span: () => [0, 0],
    draw: (row, pixels, rows = 1) => {
      pixels.fill(BLACK, row * width, (row + rows) * width);
    },
  };
}

/** Bit of the attribute controller's index register without which nothing shows (FreeVGA, "Palette Address Source"). */
const PALETTE_ADDRESS_SOURCE = 0x20;

/**
 * What the registers make of video memory now. It is valid until one of them changes. Pixels are R, G, B, 255, or
 * `asStored`: those that are 32 bits in video memory are left as they are there.
 */
export function scanoutOf(source: VideoSource, phase: BlinkPhase, asStored = false): Scanout {
  const { state } = source;
  if ((state.dispi[DISPI_ENABLE] as number) & ENABLED) return linearScanout(source, asStored);
  const text = textScreen(source);
  const scanout = text === undefined ? graphicsScanout(source) : textScanout(source, text, phase);
  if (state.attributeIndex & PALETTE_ADDRESS_SOURCE) return scanout;
  return blankScanout(scanout.width, scanout.height);
}
