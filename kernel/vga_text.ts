// The kernel's lines on the screen, where that is a VGA in colour text mode with 80 x 25 cells. They are in the
// second text page, which is made the visible one, so that a program that writes to the first one finds nothing
// changed there. When a program gets the text memory, its page is shown and the kernel leaves the screen alone.
// IBM VGA: graphics controller at 0x3CE, CRT controller at 0x3D4.

import { inb, outb } from "./x86";

const GRAPHICS: i32 = 0x3ce;
const GRAPHICS_MISC: i32 = 6;
/** Alphanumeric mode, text memory at 0xB8000. */
const MISC_MASK: i32 = 0xd;
const MISC_TEXT: i32 = 0xc;
const CRTC: i32 = 0x3d4;
const CRTC_START: i32 = 0xc;
const CRTC_CURSOR: i32 = 0xe;

const COLUMNS: u32 = 80;
const ROWS: u32 = 25;
/** Cells from the first text page to the second, and where that is. */
const PAGE_CELLS: u32 = 0x800;
const FIRST_PAGE: u64 = 0xb8000;
const MEMORY_END: u64 = 0xc0000;
const PAGE: usize = 0xb9000;
const ROW_BYTES: u32 = COLUMNS * 2;
/** A blank, bright white on black. */
const BLANK: u16 = 0x0f20;
const NEW_LINE: i32 = 10;

let active: bool = false;
let row: u32 = 0;
let column: u32 = 0;

/** Sets a pair of CRT controller registers, high byte first. */
function setPair(register: i32, value: u32): void {
  outb(CRTC, register);
  outb(CRTC + 1, <i32>(value >> 8));
  outb(CRTC, register + 1);
  outb(CRTC + 1, <i32>(value & 0xff));
}

function clearRow(index: u32): void {
  const start = PAGE + index * ROW_BYTES;
  for (let at: u32 = 0; at < ROW_BYTES; at += 2) store<u16>(start + at, BLANK);
}

function showCursor(): void {
  setPair(CRTC_CURSOR, PAGE_CELLS + row * COLUMNS + column);
}

/** Clears the kernel's page and shows it, if there is such a screen. */
export function openScreen(): void {
  outb(GRAPHICS, GRAPHICS_MISC);
  if ((inb(GRAPHICS + 1) & MISC_MASK) !== MISC_TEXT) return;
  for (let i: u32 = 0; i < ROWS; i++) clearRow(i);
  row = 0;
  column = 0;
  setPair(CRTC_START, PAGE_CELLS);
  showCursor();
  active = true;
}

function newLine(): void {
  column = 0;
  if (row < ROWS - 1) {
    row++;
    return;
  }
  memory.copy(PAGE, PAGE + ROW_BYTES, (ROWS - 1) * ROW_BYTES);
  clearRow(row);
}

/** Prints a byte, which moves on to the next row where it is a line feed or the row is full. */
export function putOnScreen(byte: i32): void {
  if (!active) return;
  if (byte === NEW_LINE) {
    newLine();
    showCursor();
    return;
  }
  store<u16>(PAGE + row * ROW_BYTES + column * 2, (BLANK & 0xff00) | <u16>(byte & 0xff));
  if (++column === COLUMNS) newLine();
}

/** Physical memory from `start` on is about to become a program's: if that has text memory, so does the screen. */
export function yieldScreen(start: u64, bytes: u64): void {
  if (!active || start >= MEMORY_END || start + bytes <= FIRST_PAGE) return;
  active = false;
  setPair(CRTC_START, 0);
  setPair(CRTC_CURSOR, 0);
}
