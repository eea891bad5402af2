// Parts of pictures as they travel from one process to another: what repeats beside or above itself is told once, and of
// every other pixel the three bytes that show.
//
// A packed part is a sequence of 32-bit words, little endian: pieces from above, each a word of its kind (bits 30 and 31)
// and its length in pixels (bits 0–29), and what belongs to it: the pixels themselves, three bytes each and zeros up to the
// next word; the pixel that repeats; or nothing for those that are as the line above has them.

import type { PixelOrder } from "../devices/pixel-order.ts";
import { MessageError } from "./messages.ts";

const LITERAL = 0;
const RUN = 1;
const ABOVE = 2;
const KIND_SHIFT = 30;
const LENGTH_MASK = (1 << KIND_SHIFT) - 1;
/** Pixels that repeat and are fewer stay among those that do not: a piece between two others takes up to four words. */
const SHORTEST = 6;
/** Of every so many pixels of a line one is tried, and where less than one of so many repeats, none is looked for. */
const TRIED = 7;
const PROMISING = 8;
/** Pixels that are copied one by one sooner than as a block. */
const LONG = 48;
const COLOUR = 0xff_ffff;
const OPAQUE = -0x100_0000;

/** As many words as `count` pixels take at most. */
export const packedWords = (count: number): number => Math.ceil((count * 3) / 4) + 2;

const literalWords = (count: number): number => Math.ceil((count * 3) / 4);

/**
 * Packs a part of a picture, line by line, into `out` from the word `at` on, where there must be room for `packedWords` of
 * it. Returns the word behind it.
 */
export function packPixels(pixels: Int32Array, width: number, out: Int32Array, at = 0): number {
  const { length } = pixels;
  let used = at;
  /** Where pixels begin that belong to no piece yet. */
  let open = 0;
  let i = 0;
  let lineEnd = 0;
  while (i < length) {
    if (i >= lineEnd) {
      lineEnd = (Math.floor(i / width) + 1) * width;
      if (!isPromising(pixels, i, lineEnd, width)) {
        i = lineEnd;
        continue;
      }
    }
    const pixel = pixels[i] as number;
    let run = i + 1;
    while (run < length && pixels[run] === pixel) run++;
    let above = i;
    if (i >= width) while (above < length && pixels[above] === pixels[above - width]) above++;
    const end = Math.max(run, above);
    if (end - i < SHORTEST) {
      // A run that is too short from here on is so from its other pixels on.
      i = run === end ? Math.max(i + 1, end - 1) : i + 1;
      continue;
    }
    if (open < i) used = packLiteral(pixels, open, i, out, used);
    const kind = above >= run ? ABOVE : RUN;
    out[used++] = (kind << KIND_SHIFT) | (end - i);
    if (kind === RUN) out[used++] = pixel;
    i = end;
    open = end;
  }
  return open < length ? packLiteral(pixels, open, length, out, used) : used;
}

/** Whether enough of a line repeats: others, of photographs say, are not worth a look at each pixel. */
function isPromising(pixels: Int32Array, start: number, end: number, width: number): boolean {
  let repeats = 0;
  for (let i = start + 1; i < end; i += TRIED) {
    const pixel = pixels[i];
    if (pixel === pixels[i - 1] || (i >= width && pixel === pixels[i - width])) repeats++;
  }
  return repeats * TRIED * PROMISING >= end - start;
}

function packLiteral(
  pixels: Int32Array,
  start: number,
  end: number,
  out: Int32Array,
  at: number,
): number {
  out[at++] = end - start;
  const whole = end - ((end - start) & 3);
  let i = start;
  for (; i < whole; i += 4) {
    const b = pixels[i + 1] as number;
    const c = pixels[i + 2] as number;
    out[at] = ((pixels[i] as number) & COLOUR) | (b << 24);
    out[at + 1] = ((b >>> 8) & 0xffff) | (c << 16);
    out[at + 2] = ((c >>> 16) & 0xff) | ((pixels[i + 3] as number) << 8);
    at += 3;
  }
  if (i < end) {
    const rest = [0, 1, 2].map((n) => (i + n < end ? (pixels[i + n] as number) & COLOUR : 0));
    const [a, b, c] = rest as [number, number, number];
    const words = [a | (b << 24), (b >>> 8) | (c << 16), c >>> 16].slice(0, end - i);
    for (const word of words) out[at++] = word;
  }
  return at;
}

/** What becomes R, G, B, 255 of a pixel, of one that `isSwapped` of its bytes B, G, R. */
function toCanvas(pixel: number, isSwapped: boolean): number {
  if (!isSwapped) return pixel | OPAQUE;
  return ((pixel & 0xff) << 16) | (pixel & 0xff00) | ((pixel >>> 16) & 0xff) | OPAQUE;
}

/**
 * Unpacks a part whose lines have `width` pixels to as many as `out` holds, as bytes R, G, B, 255. Throws `MessageError` if
 * the pieces do not make up these.
 */
export function unpackPixels(
  packed: Int32Array,
  width: number,
  order: PixelOrder,
  out: Int32Array,
): void {
  const { length } = out;
  const isSwapped = order === "bgrx";
  let to = 0;
  let at = 0;
  while (at < packed.length) {
    const piece = packed[at++] as number;
    const [kind, count] = [piece >>> KIND_SHIFT, piece & LENGTH_MASK];
    const words = kind === LITERAL ? literalWords(count) : kind === RUN ? 1 : 0;
    const isBroken = kind > ABOVE || (kind === ABOVE && to < width) || at + words > packed.length;
    if (isBroken || count > length - to) {
      throw new MessageError(`packed pixels: a piece of ${count} pixels at ${to} of ${length}`);
    }
    const end = to + count;
    if (kind === LITERAL) {
      unpackLiteral(packed, at, isSwapped, out, to, end);
    } else if (kind === RUN) {
      const pixel = toCanvas(packed[at] as number, isSwapped);
      if (count > LONG) out.fill(pixel, to, end);
      else for (let i = to; i < end; i++) out[i] = pixel;
    } else if (count > LONG && count <= width) {
      out.copyWithin(to, to - width, end - width);
    } else {
      // Longer than a line, it repeats what it has just written.
      for (let i = to; i < end; i++) out[i] = out[i - width] as number;
    }
    at += words;
    to = end;
  }
  if (to !== length) throw new MessageError(`packed pixels: ${to} of ${length}`);
}

function unpackLiteral(
  packed: Int32Array,
  at: number,
  isSwapped: boolean,
  out: Int32Array,
  start: number,
  end: number,
): void {
  const whole = end - ((end - start) & 3);
  let i = start;
  for (; i < whole; i += 4) {
    const a = packed[at] as number;
    const b = packed[at + 1] as number;
    const c = packed[at + 2] as number;
    at += 3;
    out[i] = toCanvas(a, isSwapped);
    out[i + 1] = toCanvas((a >>> 24) | (b << 8), isSwapped);
    out[i + 2] = toCanvas((b >>> 16) | (c << 16), isSwapped);
    out[i + 3] = toCanvas(c >>> 8, isSwapped);
  }
  const [a = 0, b = 0, c = 0] = packed.subarray(at, at + end - i);
  const rest = [a, (a >>> 24) | (b << 8), (b >>> 16) | (c << 16)];
  for (let n = 0; i < end; i++, n++) out[i] = toCanvas(rest[n] as number, isSwapped);
}
