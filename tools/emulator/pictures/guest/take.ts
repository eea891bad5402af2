// Takes lines over into a picture, and finds out where they are others than before.

import { CHUNK_BYTES, CHUNK_PIXELS } from "./format";
import { Sixteen } from "./rows";

/** The chunks and lines that differ, as four words: the first of each, and those behind the last. */
const BOX = memory.data(16);

export function box(): usize {
  return BOX;
}

class Take {
  /** Four pixels as the picture has them. */
  @inline static ordered(v: v128, isSwapped: bool): v128 {
    if (!isSwapped) return Sixteen.opaque(v);
    return Sixteen.opaque(
      i8x16.shuffle(v, v, 2, 1, 0, 3, 6, 5, 4, 7, 10, 9, 8, 11, 14, 13, 12, 15),
    );
  }

  /** Copies a chunk of so many pixels; whether it is another one than before. */
  @inline static takeChunk(from: usize, to: usize, count: u32, isSwapped: bool): bool {
    let changed = i32x4.splat(0);
    const end = from + (((<usize>count) << 2) & ~15);
    while (from < end) {
      const now = Take.ordered(v128.load(from), isSwapped);
      changed = v128.or(changed, v128.xor(now, v128.load(to)));
      v128.store(to, now);
      from += 16;
      to += 16;
    }
    let isChanged = v128.any_true(changed);
    for (let rest = count & 3; rest > 0; rest--) {
      const now = orderedPixel(load<u32>(from), isSwapped);
      if (load<u32>(to) != now) isChanged = true;
      store<u32>(to, now);
      from += 4;
      to += 4;
    }
    return isChanged;
  }

  @inline static takeLines(
    from: usize,
    to: usize,
    pitch: usize,
    width: u32,
    lines: u32,
    isSwapped: bool,
  ): bool {
    let left: u32 = u32.MAX_VALUE;
    let right: u32 = 0;
    let top: u32 = u32.MAX_VALUE;
    let bottom: u32 = 0;
    for (let y: u32 = 0; y < lines; y++) {
      let at = to;
      let isChanged = false;
      for (let x: u32 = 0; x < width; x += CHUNK_PIXELS) {
        const count = min<u32>(CHUNK_PIXELS, width - x);
        if (Take.takeChunk(from, at, count, isSwapped)) {
          const chunk = x / CHUNK_PIXELS;
          isChanged = true;
          left = min(left, chunk);
          right = max(right, chunk + 1);
        }
        from += (<usize>count) << 2;
        at += CHUNK_BYTES;
      }
      if (isChanged) {
        top = min(top, y);
        bottom = y + 1;
      }
      to += pitch;
    }
    store<u32>(BOX, left);
    store<u32>(BOX, top, 4);
    store<u32>(BOX, right, 8);
    store<u32>(BOX, bottom, 12);
    return bottom > 0;
  }
}

/** The same of one. */
function orderedPixel(pixel: u32, isSwapped: bool): u32 {
  const colour = isSwapped ? bswap<u32>(pixel) >>> 8 : pixel;
  return colour | 0xff00_0000;
}

/**
 * Copies `lines` lines of `width` pixels, one behind the other, at `from` to the picture's at `to`, whose lines are `pitch`
 * bytes apart; `isSwapped` pixels are B, G, R and anything, others R, G, B and anything. Whether some are others than before:
 * `box` has then where.
 */
export function take(
  from: usize,
  to: usize,
  pitch: usize,
  width: u32,
  lines: u32,
  isSwapped: bool,
): bool {
  return isSwapped
    ? Take.takeLines(from, to, pitch, width, lines, true)
    : Take.takeLines(from, to, pitch, width, lines, false);
}
