// A screen of text: cells of a character and its colours, with a place where the next character goes, on a linear
// framebuffer or in a VGA's text memory. What should be on the screen and what is there are both kept in memory, so
// that `flushScreen` draws the cells that differ and nothing else: a screen that scrolls is never read or copied.

import { decode, decodeAgain, glyphOf, PENDING } from "./character";
import { drawCells, framebufferColumns, framebufferRows, openFramebuffer } from "./framebuffer";
import { VGA_COLUMNS, VGA_ROWS, writeVgaCells } from "./vga";

/** A larger screen has its rest left black. */
const MAX_COLUMNS: u32 = 256;
const MAX_ROWS: u32 = 128;
/** Light grey on black. */
const ATTRIBUTE: u8 = 0x07;
const BLANK: u32 = 32;
const TAB: u32 = 8;

const wanted: usize = memory.data(65536);
const shown: usize = memory.data(65536);
if (MAX_COLUMNS * MAX_ROWS * 2 > 65536) ERROR("cells");

/** Virtual address of a page of VGA text memory, 0 where the screen is a framebuffer. */
let vgaPage: u64 = 0;
let columns: u32 = 0;
let rows: u32 = 0;
/** Bytes from a row to the next, a multiple of eight. */
let stride: u32 = 0;
let column: u32 = 0;
let row: u32 = 0;
let attribute: u8 = ATTRIBUTE;
/** Rows that may differ from what is shown. */
let firstChanged: u32 = 0;
let endChanged: u32 = 0;

export function screenColumns(): u32 {
  return columns;
}

/** 0 where no screen is open. */
export function screenRows(): u32 {
  return rows;
}

/** The cell that the next character goes to, counted from the first row's first. */
export function screenCursor(): u32 {
  return row * columns + min<u32>(column, columns - 1);
}

function open(width: u32, height: u32): void {
  columns = min<u32>(width, MAX_COLUMNS);
  rows = min<u32>(height, MAX_ROWS);
  stride = (columns * 2 + 7) & ~7;
  attribute = ATTRIBUTE;
  // No cell is like this one, so that all are drawn.
  memory.fill(shown, 0xff, stride * rows);
  clearScreen();
}

/**
 * Takes a framebuffer, whose description `isFramebuffer` has accepted, and clears it; `fields` is the address of its
 * colour fields or 0, `at` the virtual address of its first pixel.
 */
export function openPixelScreen(description: usize, fields: usize, at: u64): void {
  vgaPage = 0;
  openFramebuffer(description, fields, at);
  open(framebufferColumns(), framebufferRows());
}

/** Takes the VGA text page at a virtual address and clears it. */
export function openVgaScreen(page: u64): void {
  vgaPage = page;
  open(VGA_COLUMNS, VGA_ROWS);
}

/** Nothing is drawn any more. */
export function closeScreen(): void {
  rows = 0;
}

/** Foreground in bits 3:0, background in bits 7:4, of the 16 colours of a VGA. */
export function setScreenColor(value: u8): void {
  attribute = value;
}

/** Where the next character goes; beyond the last column or row it is the last one. */
export function moveOnScreen(x: u32, y: u32): void {
  if (rows === 0) return;
  column = min<u32>(x, columns - 1);
  row = min<u32>(y, rows - 1);
}

function blank(from: usize, bytes: u32): void {
  const cell = <u64>(((<u32>attribute) << 8) | BLANK);
  const cells = cell * 0x0001_0001_0001_0001;
  for (let i: u32 = 0; i < bytes; i += 8) store<u64>(from + i, cells);
}

function changed(first: u32, end: u32): void {
  firstChanged = min<u32>(firstChanged, first);
  endChanged = max<u32>(endChanged, end);
}

/** Blanks in the current colours everywhere, and the next character goes to the first cell. */
export function clearScreen(): void {
  blank(wanted, stride * rows);
  column = 0;
  row = 0;
  firstChanged = 0;
  endChanged = rows;
}

function newLine(): void {
  column = 0;
  if (row + 1 < rows) {
    row++;
    return;
  }
  memory.copy(wanted, wanted + stride, stride * (rows - 1));
  blank(wanted + stride * (rows - 1), stride);
  changed(0, rows);
}

function putGlyph(glyph: u32): void {
  // A row that is just full goes on in the next one with the next character only, as on terminals.
  if (column === columns) newLine();
  const at = wanted + row * stride + (column << 1);
  store<u16>(at, <u16>(((<u32>attribute) << 8) | glyph));
  column++;
  changed(row, row + 1);
}

/** Puts the character of a code point, or does what a control character asks for: BS, HT, LF, CR; others do nothing. */
export function putOnScreen(code: u32): void {
  if (rows === 0) return;
  if (code >= 32) putGlyph(glyphOf(code));
  else if (code === 10) newLine();
  else if (code === 13) column = 0;
  else if (code === 8 && column > 0) column--;
  else if (code === 9) {
    const stop = min<u32>((column & ~(TAB - 1)) + TAB, columns);
    while (column < stop) putGlyph(BLANK);
  }
}

/** The next byte of a text in UTF-8. */
export function putByteOnScreen(byte: u32): void {
  if (rows === 0) return;
  let code = decode(byte);
  while (code !== PENDING) {
    putOnScreen(<u32>code);
    code = decodeAgain();
  }
}

function draw(cells: usize, x: u32, y: u32, count: u32): void {
  if (vgaPage !== 0) writeVgaCells(vgaPage, cells, x, y, count);
  else drawCells(cells, x, y, count);
}

/** Draws the cells of a row that are not as shown: those in a row of one colour at once. */
function flushRow(y: u32): void {
  const cells = wanted + y * stride;
  const old = shown + y * stride;
  let x: u32 = 0;
  while (x < columns) {
    if ((x & 3) === 0 && load<u64>(cells + (x << 1)) === load<u64>(old + (x << 1))) {
      x += 4;
      continue;
    }
    const cell = load<u16>(cells + (x << 1));
    if (cell === load<u16>(old + (x << 1))) {
      x++;
      continue;
    }
    const from = x;
    while (x < columns) {
      const next = load<u16>(cells + (x << 1));
      if (next >> 8 !== cell >> 8 || next === load<u16>(old + (x << 1))) break;
      store<u16>(old + (x << 1), next);
      x++;
    }
    draw(cells + (from << 1), from, y, x - from);
  }
}

/** Brings what has been put on the screen there. */
export function flushScreen(): void {
  for (let y = firstChanged; y < endChanged && y < rows; y++) flushRow(y);
  firstChanged = rows;
  endChanged = 0;
}
