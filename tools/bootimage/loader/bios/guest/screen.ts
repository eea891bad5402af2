// The text screen by INT 10h (IBM VGA Technical Reference): page 0 of the mode that the BIOS starts with, 80 x 25
// cells as a rule.

import { load8, load16 } from "../../core/x86";
import { bios } from "./bios";
import { clear, registers } from "./registers";

const VIDEO: i32 = 0x10;
const SET_MODE: u32 = 0x00;
const SET_CURSOR: u32 = 0x02;
const SCROLL_UP: u32 = 0x06;
const WRITE_CELL: u32 = 0x09;

/** BIOS data area: mode, columns, highest row (0 with BIOSes older than EGA). */
const BDA_MODE: u64 = 0x449;
const BDA_COLUMNS: u64 = 0x44a;
const BDA_HIGHEST_ROW: u64 = 0x484;
const COLOUR_80: u32 = 3;
const MONOCHROME: u32 = 7;
const DEFAULT_COLUMNS: u32 = 80;
const DEFAULT_ROWS: u32 = 25;

const NORMAL: u8 = 0x07;
const NEW_LINE: u32 = 10;
const BLANK: u32 = 32;

let attribute: u8 = NORMAL;
let column: u32 = 0;
let row: u32 = 0;
/** Whether the screen is still one for text. */
let isText: bool = true;

export function columns(): u32 {
  const value = <u32>load16(BDA_COLUMNS);
  return value >= 40 && value <= 255 ? value : DEFAULT_COLUMNS;
}

export function rows(): u32 {
  const highest = <u32>load8(BDA_HIGHEST_ROW);
  return highest >= 20 && highest < 128 ? highest + 1 : DEFAULT_ROWS;
}

function call(function_: u32, low: u32): void {
  registers.eax = (function_ << 8) | low;
  bios(VIDEO);
}

/** A text mode, cleared. */
export function initScreen(): void {
  clear();
  const mode = <u32>load8(BDA_MODE) & 0x7f;
  if (mode !== COLOUR_80 && mode !== MONOCHROME) call(SET_MODE, COLOUR_80);
  screenClear();
}

/** From here on nothing is printed: a graphics mode has been set. */
export function leaveText(): void {
  isText = false;
}

/** Scrolls up by `lines`, 0 for all of them; what is new is blank. */
function scroll(lines: u32): void {
  clear();
  registers.ebx = (<u32>attribute) << 8;
  registers.edx = ((rows() - 1) << 8) | (columns() - 1);
  call(SCROLL_UP, lines);
}

function showCursor(): void {
  clear();
  registers.edx = (row << 8) | column;
  call(SET_CURSOR, 0);
}

export function screenClear(): void {
  if (!isText) return;
  scroll(0);
  screenAt(0, 0);
}

/** Column and row from 0 on. */
export function screenAt(x: u32, y: u32): void {
  if (!isText) return;
  column = min(x, columns() - 1);
  row = min(y, rows() - 1);
  showCursor();
}

/** An attribute of VGA text. */
export function screenColor(value: u8): void {
  attribute = value;
}

function newLine(): void {
  column = 0;
  if (row + 1 < rows()) row++;
  else scroll(1);
}

/** ASCII; wraps at the right and scrolls at the bottom. */
export function screenPut(code: u32): void {
  if (!isText) return;
  if (code === NEW_LINE) {
    newLine();
  } else {
    clear();
    registers.ebx = attribute;
    registers.ecx = 1;
    call(WRITE_CELL, code < BLANK ? BLANK : code);
    if (++column === columns()) newLine();
  }
  showCursor();
}
