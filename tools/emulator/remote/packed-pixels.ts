// Parts of pictures as they travel over a WebSocket: what repeats beside or above itself is told once. A browser takes ten
// times as long to receive a megabyte as this takes to make it of a picture, and most pictures are text and plain areas.
//
// A packed part is a sequence of 32-bit words, little endian: pieces from above, each a word of its kind (bits 30 and 31)
// and its length in pixels (bits 0–29), and what belongs to it: the pixels themselves, the one that repeats, or nothing for
// those that are as the line above has them.

import { type FromMachine, MessageError } from "./messages.ts";
import { PictureBuffers } from "./picture-buffers.ts";

const LITERAL = 0;
const RUN = 1;
const ABOVE = 2;
const KIND_SHIFT = 30;
const LENGTH_MASK = (1 << KIND_SHIFT) - 1;
/** Pixels that repeat and are fewer stay among those that do not. */
const SHORTEST = 4;

type Pixels = Extract<FromMachine, { kind: "pixels" }>;
/** A part of the picture whose `bytes` are packed. */
export type PackedPixels = Omit<Pixels, "kind"> & { kind: "packed-pixels" };

/**
 * What is sent instead of `message`: packed if that takes three quarters of the bytes or less. It is packed into one of
 * `buffers`, which is the caller's to give back.
 */
export function packPixels(message: Pixels, buffers = new PictureBuffers()): Pixels | PackedPixels {
  const { bytes, width } = message;
  const pixels = wordsOf(bytes);
  const { buffer, length } = buffers.take(Math.floor((pixels.length * 3) / 4));
  const words = packWords(pixels, width, new Int32Array(buffer, 0, length));
  if (words === undefined) {
    buffers.giveBack(buffer);
    return message;
  }
  return {
    ...message,
    kind: "packed-pixels",
    bytes: new Uint8Array(words.buffer, words.byteOffset, words.byteLength),
  };
}

/**
 * The part as it was, in one of `buffers`, which is the caller's to give back. Throws `MessageError` if the pieces do not
 * make up its `width` times `height` pixels.
 */
export function unpackPixels(message: PackedPixels, buffers = new PictureBuffers()): Pixels {
  const { bytes, width, height } = message;
  const { buffer, length, byteLength } = buffers.take(width * height);
  unpackWords(wordsOf(bytes), width, new Int32Array(buffer, 0, length));
  return { ...message, kind: "pixels", bytes: new Uint8Array(buffer, 0, byteLength) };
}

/** Pixels as words, which must begin at multiples of four. */
function wordsOf(bytes: Uint8Array): Int32Array {
  const { buffer, byteOffset, length } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Int32Array(buffer, byteOffset, length >>> 2);
}

/** The part of `out` that has been written; undefined if there is not enough of it. */
function packWords(
  pixels: Int32Array,
  width: number,
  out: Int32Array<ArrayBuffer>,
): Int32Array<ArrayBuffer> | undefined {
  const { length } = pixels;
  const limit = out.length;
  let used = 0;
  /** Where pixels begin that belong to no piece yet. */
  let open = 0;
  const closeLiteral = (end: number): boolean => {
    const count = end - open;
    if (count === 0) return true;
    if (used + 1 + count > limit) return false;
    out[used++] = count;
    out.set(pixels.subarray(open, end), used);
    used += count;
    return true;
  };
  let at = 0;
  while (at < length) {
    const pixel = pixels[at] as number;
    let run = at + 1;
    while (run < length && pixels[run] === pixel) run++;
    let above = at;
    if (at >= width) while (above < length && pixels[above] === pixels[above - width]) above++;
    const end = Math.max(run, above);
    if (end - at < SHORTEST) {
      at++;
      // What is not shorter is found out early.
      if (used + at - open > limit) return undefined;
      continue;
    }
    if (!closeLiteral(at) || used + 2 > limit) return undefined;
    const kind = above >= run ? ABOVE : RUN;
    out[used++] = (kind << KIND_SHIFT) | (end - at);
    if (kind === RUN) out[used++] = pixel;
    at = end;
    open = end;
  }
  return closeLiteral(length) ? out.subarray(0, used) : undefined;
}

function unpackWords(packed: Int32Array, width: number, out: Int32Array): void {
  const { length } = out;
  let to = 0;
  let at = 0;
  while (at < packed.length) {
    const piece = packed[at++] as number;
    const [kind, count] = [piece >>> KIND_SHIFT, piece & LENGTH_MASK];
    const words = kind === LITERAL ? count : kind === RUN ? 1 : 0;
    const isBroken = kind > ABOVE || (kind === ABOVE && to < width) || at + words > packed.length;
    if (isBroken || count > length - to) {
      throw new MessageError(`packed pixels: a piece of ${count} pixels at ${to} of ${length}`);
    }
    if (kind === LITERAL) out.set(packed.subarray(at, at + count), to);
    else if (kind === RUN) out.fill(packed[at] as number, to, to + count);
    // Longer than a line, it repeats what it has just written.
    else for (let i = to; i < to + count; i++) out[i] = out[i - width] as number;
    at += words;
    to += count;
  }
  if (to !== length) throw new MessageError(`packed pixels: ${to} of ${length}`);
}
