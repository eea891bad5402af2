// A VGA in colour text mode with 80 × 25 cells. IBM VGA: graphics controller at 3CEh, CRT controller at 3D4h, text
// memory at B8000h.

import { inb, outb, store16 } from "./x86";

export const VGA_GRAPHICS: i32 = 0x3ce;
const GRAPHICS_MISC: i32 = 6;
/** Alphanumeric mode, text memory at B8000h. */
const MISC_MASK: i32 = 0xd;
const MISC_TEXT: i32 = 0xc;
export const VGA_CRTC: i32 = 0x3d4;
const CRTC_START: i32 = 0xc;
const CRTC_CURSOR: i32 = 0xe;

export const VGA_COLUMNS: u32 = 80;
export const VGA_ROWS: u32 = 25;
/** Physical address of text memory. */
export const VGA_TEXT: u64 = 0xb8000;
export const VGA_TEXT_END: u64 = 0xc0000;

/** Whether there is such a screen: a port that nobody answers reads as ones. */
export function isVgaText(): bool {
  outb(VGA_GRAPHICS, GRAPHICS_MISC);
  return (inb(VGA_GRAPHICS + 1) & MISC_MASK) === MISC_TEXT;
}

/** Sets a pair of CRT controller registers, high byte first. */
function setPair(register: i32, value: u32): void {
  outb(VGA_CRTC, register);
  outb(VGA_CRTC + 1, <i32>(value >> 8));
  outb(VGA_CRTC, register + 1);
  outb(VGA_CRTC + 1, <i32>(value & 0xff));
}

/** Shows text memory from a cell on, which is 0 for the first page. */
export function showVgaFrom(cell: u32): void {
  setPair(CRTC_START, cell);
}

/** Puts the cursor on a cell of text memory. */
export function putVgaCursor(cell: u32): void {
  setPair(CRTC_CURSOR, cell);
}

/** Writes `count` cells to the page at the virtual address `page`, from a column of a row on. */
export function writeVgaCells(page: u64, cells: usize, column: u32, row: u32, count: u32): void {
  const at = page + <u64>((row * VGA_COLUMNS + column) << 1);
  for (let i: u32 = 0; i < count; i++) {
    store16(at + <u64>(i << 1), <u64>load<u16>(cells + (i << 1)));
  }
}
