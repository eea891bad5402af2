// Characters on a linear framebuffer: any width, height and bytes per line, 8 bits a pixel by VGA's palette, 15 to 32
// bits by fields of red, green and blue. It is only written to, never read, line by line and 8 bytes at a time where
// pixels allow, since that is what write-combining memory is fast at. The description is that of Multiboot
// (Multiboot2 Specification 2.0, 3.6.12; Multiboot Specification 0.6.96, 3.3, "framebuffer_*").

import { screen_font } from "./symbol";
import { load8, store32, store64 } from "./x86";

// Offsets in the description.
const ADDRESS: usize = 0;
const PITCH: usize = 8;
const WIDTH: usize = 12;
const HEIGHT: usize = 16;
const DEPTH: usize = 20;
const KIND: usize = 21;
/** Bytes of it, without the colours. */
export const FRAMEBUFFER_BYTES: usize = 22;
/** Bytes of the colours of one with fields: position and size, in bits, of red, green and blue. */
export const FIELD_BYTES: usize = 6;

const KIND_INDEXED: u8 = 0;
const KIND_FIELDS: u8 = 1;
/** Physical addresses have no more bits. */
const ADDRESS_BITS: u64 = 52;

const GLYPH_WIDTH: u32 = 8;
const GLYPH_HEIGHT: u32 = 16;
/** Screens of this many pixels in a line get characters of twice the size, and so on, up to `MAX_SCALE`. */
const SCALE_WIDTH: u32 = 1280;
const MAX_SCALE: u32 = 4;

let base: u64 = 0;
let pitch: u64 = 0;
let width: u32 = 0;
let height: u32 = 0;
/** Bytes of a pixel. */
let depth: u32 = 0;
/** Screen pixels of a side of one of a character's. */
let scale: u32 = 1;
/** The colours of VGA's palette as pixels. */
const colors: usize = memory.data(16 * 4);
/** For each of the 16 combinations of four pixels of a character, these pixels in the colours of `painted`. */
const patterns: usize = memory.data(16 * 64);
let patternBytes: u32 = 0;
let painted: i32 = -1;

/** Whether a description makes sense: of a screen that has room for a character and lies where memory can be. */
export function isFramebuffer(description: usize): bool {
  const bits = <u32>load<u8>(description, DEPTH);
  const kind = load<u8>(description, KIND);
  const address = load<u64>(description, ADDRESS);
  const line = <u64>load<u32>(description, WIDTH) * <u64>((bits + 7) >> 3);
  const isKnown =
    kind === KIND_FIELDS
      ? bits === 15 || bits === 16 || bits === 24 || bits === 32
      : kind === KIND_INDEXED && bits === 8;
  if (!isKnown || address === 0 || address >> ADDRESS_BITS !== 0) return false;
  if (
    load<u32>(description, WIDTH) < GLYPH_WIDTH ||
    load<u32>(description, HEIGHT) < GLYPH_HEIGHT
  ) {
    return false;
  }
  return (
    line <= <u64>load<u32>(description, PITCH) &&
    (address + framebufferBytes(description)) >> ADDRESS_BITS === 0
  );
}

/** Physical address of its first pixel. */
export function framebufferAddress(description: usize): u64 {
  return load<u64>(description, ADDRESS);
}

/** Bytes from the first pixel to the end of the last line. */
export function framebufferBytes(description: usize): u64 {
  return <u64>load<u32>(description, PITCH) * <u64>load<u32>(description, HEIGHT);
}

/** An intensity of 8 bits in a field of `size` bits at `position`. */
function field(intensity: u32, position: u32, size: u32): u32 {
  if (size === 0 || position > 31) return 0;
  return (size < 8 ? intensity >> (8 - size) : intensity << min<u32>(size - 8, 24)) << position;
}

/** Fields as six bytes, from the loader where it says so; those of a depth are always the same on PCs. */
function findColors(fields: usize, bits: u32): void {
  let sizes: u32 = bits === 15 ? 0x555 : bits === 16 ? 0x565 : 0x888;
  let redAt = ((sizes >> 4) & 15) + (sizes & 15);
  let greenAt = sizes & 15;
  let blueAt: u32 = 0;
  if (fields !== 0 && load<u8>(fields, 1) !== 0 && load<u8>(fields, 3) !== 0) {
    redAt = load<u8>(fields);
    greenAt = load<u8>(fields, 2);
    blueAt = load<u8>(fields, 4);
    const red = min<u32>(load<u8>(fields, 1), 15);
    const green = min<u32>(load<u8>(fields, 3), 15);
    sizes = (red << 8) | (green << 4) | min<u32>(load<u8>(fields, 5), 15);
  }
  for (let i: u32 = 0; i < 16; i++) {
    const bright: u32 = i & 8 ? 0x55 : 0;
    const red = (i & 4 ? 0xaa : 0) + bright;
    // Dark yellow is brown.
    const green = (i === 6 ? 0x55 : i & 2 ? 0xaa : 0) + bright;
    const blue = (i & 1 ? 0xaa : 0) + bright;
    const pixel =
      field(red, redAt, sizes >> 8) |
      field(green, greenAt, (sizes >> 4) & 15) |
      field(blue, blueAt, sizes & 15);
    store<u32>(colors + (i << 2), pixel);
  }
}

/**
 * Makes the framebuffer of a description, for which `isFramebuffer` is true, the one that is drawn to; `at` is the
 * virtual address of its first pixel, `fields` the address of its fields or 0. It becomes black.
 */
export function openFramebuffer(description: usize, fields: usize, at: u64): void {
  base = at;
  pitch = load<u32>(description, PITCH);
  width = load<u32>(description, WIDTH);
  height = load<u32>(description, HEIGHT);
  const bits = <u32>load<u8>(description, DEPTH);
  depth = (bits + 7) >> 3;
  scale = max<u32>(1, min<u32>(width / SCALE_WIDTH, MAX_SCALE));
  if (height < scale * GLYPH_HEIGHT) scale = 1;
  patternBytes = 4 * scale * depth;
  painted = -1;
  if (load<u8>(description, KIND) === KIND_INDEXED) {
    for (let i: u32 = 0; i < 16; i++) store<u32>(colors + (i << 2), i);
  } else findColors(fields, bits);
  blacken();
}

/** Columns of characters that the framebuffer has room for. */
export function framebufferColumns(): u32 {
  return width / (GLYPH_WIDTH * scale);
}

export function framebufferRows(): u32 {
  return height / (GLYPH_HEIGHT * scale);
}

function blacken(): void {
  const bytes = <u64>(width * depth);
  for (let y: u32 = 0; y < height; y++) {
    const line = base + <u64>y * pitch;
    let x: u64 = 0;
    for (; x + 8 <= bytes; x += 8) store64(line + x, 0);
    // The last 4 to 7 bytes of a line: pixels of 24 bits end anywhere.
    if (x < bytes && bytes >= 8) store64(line + bytes - 8, 0);
  }
}

/** Paints the patterns in the colours of a text attribute: foreground in bits 3:0, background in bits 7:4. */
function paint(attribute: i32): void {
  painted = attribute;
  const front = load<u32>(colors + ((attribute & 15) << 2));
  const back = load<u32>(colors + (((attribute >> 4) & 15) << 2));
  for (let pattern: u32 = 0; pattern < 16; pattern++) {
    let at = patterns + pattern * patternBytes;
    for (let bit: u32 = 8; bit !== 0; bit >>= 1) {
      const pixel = pattern & bit ? front : back;
      for (let copy: u32 = 0; copy < scale; copy++) {
        for (let i: u32 = 0; i < depth; i++) store<u8>(at++, <u8>(pixel >> (i << 3)));
      }
    }
  }
}

/** Writes one of the patterns, whose bytes are a multiple of four. */
function putPattern(at: u64, pattern: u32): void {
  const from = patterns + pattern * patternBytes;
  let i: u32 = 0;
  for (; i + 8 <= patternBytes; i += 8) store64(at + <u64>i, load<u64>(from + i));
  if (i < patternBytes) store32(at + <u64>i, <u64>load<u32>(from + i));
}

/** Draws `count` cells, glyph in the low byte and one attribute for all in the high one, from a column of a row on. */
export function drawCells(cells: usize, column: u32, row: u32, count: u32): void {
  const attribute = <i32>load<u8>(cells, 1);
  if (attribute !== painted) paint(attribute);
  const font = screen_font();
  const step = <u64>patternBytes;
  let line = base + <u64>(row * GLYPH_HEIGHT * scale) * pitch + <u64>column * 2 * step;
  for (let y: u32 = 0; y < GLYPH_HEIGHT; y++) {
    for (let copy: u32 = 0; copy < scale; copy++) {
      let at = line;
      for (let i: u32 = 0; i < count; i++) {
        const glyph = <u32>load<u8>(cells + (i << 1));
        const bits = <u32>load8(font + <u64>((glyph << 4) + y));
        putPattern(at, bits >> 4);
        putPattern(at + step, bits & 15);
        at += step << 1;
      }
      line += pitch;
    }
  }
}
