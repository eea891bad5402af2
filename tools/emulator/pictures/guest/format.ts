// Packed parts of pictures. A picture is lines of chunks of 64 pixels R, G, B, 255; a line of zeros is above the first. A
// packed part is a code for each chunk, line by line, zeros up to a multiple of 16 bytes, and then what the codes need, one
// chunk behind the other:
//
// - 0: nothing: the chunk is as the one above it.
// - 1–8, so many colours: these, four bytes each, and for each but the first a word of 64 bits of the pixels that have it,
//   the leftmost in bit 0.
// - 9, 10, 11: how each of the three bytes of a pixel differs from the one above it, less a bias of three bytes and a zero,
//   which comes first, in 0, 2 or 4 bits. The bytes, without the fourth of each pixel, are four rows of 48: of 2 bits all
//   four share 48 bytes, the first in the lowest bits; of 4 bits the first two do, and the last two.
// - 12: the three bytes of each pixel.

export const CHUNK_PIXELS = 64;
export const CHUNK_BYTES: usize = 256;

export const ABOVE: u32 = 0;
export const MOST_COLOURS: u32 = 8;
export const SAME_STEP: u32 = 9;
export const TWO_BITS: u32 = 10;
export const FOUR_BITS: u32 = 11;
export const WHOLE: u32 = 12;

const COLOUR: u32 = 4;
const MASK: u32 = 8;
const BIAS: u32 = 4;
/** Sixteen pixels without their fourth bytes. */
export const ROW: u32 = 48;

/** Bytes that a code needs; a code that there is not needs more than there are. */
export function neededBy(code: u32): usize {
  if (code == ABOVE) return 0;
  if (code <= MOST_COLOURS) return <usize>(code * COLOUR + (code - 1) * MASK);
  if (code == SAME_STEP) return <usize>BIAS;
  if (code == TWO_BITS) return <usize>(BIAS + ROW);
  if (code == FOUR_BITS) return <usize>(BIAS + 2 * ROW);
  if (code == WHOLE) return <usize>(4 * ROW);
  return 0x7fff_ffff;
}

/** Bytes that the codes of so many chunks take. */
export function codesOf(chunks: u32): usize {
  return (<usize>chunks + 15) & ~15;
}
