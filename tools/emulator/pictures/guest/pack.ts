// Packs parts of pictures (format.ts).

import {
  ABOVE,
  CHUNK_BYTES,
  codesOf,
  FOUR_BITS,
  MOST_COLOURS,
  neededBy,
  ROW,
  SAME_STEP,
  TWO_BITS,
  WHOLE,
} from "./format";
import { Sixteen } from "./rows";

/** The pixels that have each colour but the first. */
const MASKS = memory.data(64);
/** With so many colours found and more pixels than these left, there are too many. */
const FEW: u32 = 2;
const LEFT_BY_FEW: u64 = 40;
const SOME: u32 = 4;
const LEFT_BY_SOME: u64 = 20;

/** Whether two chunks are the same. */
function isSame(a: usize, b: usize): bool {
  const end = a + CHUNK_BYTES;
  while (a < end) {
    const low = v128.xor(v128.load(a), v128.load(b));
    const high = v128.xor(v128.load(a, 16), v128.load(b, 16));
    if (v128.any_true(v128.or(low, high))) return false;
    a += 32;
    b += 32;
  }
  return true;
}

class Pack {
  /** Which of sixteen pixels are of a colour. */
  @inline static sixteen(at: usize, colour: v128): u64 {
    const a = i32x4.eq(v128.load(at), colour);
    const b = i32x4.eq(v128.load(at, 16), colour);
    const c = i32x4.eq(v128.load(at, 32), colour);
    const d = i32x4.eq(v128.load(at, 48), colour);
    const low = i16x8.narrow_i32x4_s(a, b);
    const high = i16x8.narrow_i32x4_s(c, d);
    return <u64>(<u32>i8x16.bitmask(i8x16.narrow_i16x8_s(low, high)));
  }

  @inline static steps(at: usize, above: usize, bias: v128): v128 {
    return i8x16.sub(i8x16.sub(v128.load(at), v128.load(above)), bias);
  }

  /** Three vectors of steps, each of sixteen bytes, of sixteen pixels; `n` chooses. */
  @inline static stepsOf(n: i32, at: usize, above: usize, bias: v128): v128 {
    if (n == 0)
      return Sixteen.first(Pack.steps(at, above, bias), Pack.steps(at + 16, above + 16, bias));
    if (n == 1)
      return Sixteen.second(
        Pack.steps(at + 16, above + 16, bias),
        Pack.steps(at + 32, above + 32, bias),
      );
    return Sixteen.third(
      Pack.steps(at + 32, above + 32, bias),
      Pack.steps(at + 48, above + 48, bias),
    );
  }

  @inline static twoBits(n: i32, at: usize, above: usize, bias: v128, out: usize): void {
    const low = v128.or(
      Pack.stepsOf(n, at, above, bias),
      i16x8.shl(Pack.stepsOf(n, at + 64, above + 64, bias), 2),
    );
    const high = v128.or(
      i16x8.shl(Pack.stepsOf(n, at + 128, above + 128, bias), 4),
      i16x8.shl(Pack.stepsOf(n, at + 192, above + 192, bias), 6),
    );
    v128.store(out + ((<usize>n) << 4), v128.or(low, high));
  }

  @inline static fourBits(n: i32, at: usize, above: usize, bias: v128, out: usize): void {
    const low = Pack.stepsOf(n, at, above, bias);
    const high = i16x8.shl(Pack.stepsOf(n, at + 64, above + 64, bias), 4);
    v128.store(out + ((<usize>n) << 4), v128.or(low, high));
  }
}

/** Writes the colours of a chunk; how many these are, or 0 if too many. */
function packColours(at: usize, out: usize): u32 {
  let left: u64 = u64.MAX_VALUE;
  let colours: u32 = 0;
  while (left != 0) {
    if (colours == FEW && popcnt(left) > LEFT_BY_FEW) return 0;
    if (colours == SOME && popcnt(left) > LEFT_BY_SOME) return 0;
    if (colours == MOST_COLOURS) return 0;
    const colour = load<u32>(at + ((<usize>ctz(left)) << 2));
    const all = i32x4.splat(colour);
    const pixels =
      Pack.sixteen(at, all) |
      (Pack.sixteen(at + 64, all) << 16) |
      (Pack.sixteen(at + 128, all) << 32) |
      (Pack.sixteen(at + 192, all) << 48);
    store<u32>(out + ((<usize>colours) << 2), colour);
    if (colours > 0) store<u64>(MASKS + ((<usize>(colours - 1)) << 3), pixels);
    left &= ~pixels;
    colours++;
  }
  memory.copy(out + ((<usize>colours) << 2), MASKS, (<usize>(colours - 1)) << 3);
  return colours;
}

/** Writes the steps from the chunk above in as few bits as hold them; the code, or 0 if these are too many. */
function packSteps(at: usize, above: usize, out: usize): u32 {
  let least = i8x16.splat(127);
  let most = i8x16.splat(-128);
  for (let i: usize = 0; i < CHUNK_BYTES; i += 16) {
    const step = i8x16.sub(v128.load(at + i), v128.load(above + i));
    least = i8x16.min_s(least, step);
    most = i8x16.max_s(most, step);
  }
  least = i8x16.min_s(least, i64x2.shuffle(least, least, 1, 0));
  least = i8x16.min_s(least, i32x4.shuffle(least, least, 1, 0, 3, 2));
  most = i8x16.max_s(most, i64x2.shuffle(most, most, 1, 0));
  most = i8x16.max_s(most, i32x4.shuffle(most, most, 1, 0, 3, 2));
  const bias = v128.and(least, i32x4.splat(0xff_ffff));
  const range = i8x16.sub(most, least);
  const wide =
    i8x16.extract_lane_u(range, 0) |
    i8x16.extract_lane_u(range, 1) |
    i8x16.extract_lane_u(range, 2);
  if (wide > 15) return 0;
  store<u32>(out, i32x4.extract_lane(bias, 0));
  if (wide == 0) return SAME_STEP;
  out += 4;
  if (wide < 4) {
    Pack.twoBits(0, at, above, bias, out);
    Pack.twoBits(1, at, above, bias, out);
    Pack.twoBits(2, at, above, bias, out);
    return TWO_BITS;
  }
  for (let half: usize = 0; half < CHUNK_BYTES; half += CHUNK_BYTES / 2) {
    Pack.fourBits(0, at + half, above + half, bias, out);
    Pack.fourBits(1, at + half, above + half, bias, out);
    Pack.fourBits(2, at + half, above + half, bias, out);
    out += <usize>ROW;
  }
  return FOUR_BITS;
}

function packWhole(at: usize, out: usize): u32 {
  const end = at + CHUNK_BYTES;
  while (at < end) {
    const b = v128.load(at, 16);
    const c = v128.load(at, 32);
    v128.store(out, Sixteen.first(v128.load(at), b));
    v128.store(out, Sixteen.second(b, c), 16);
    v128.store(out, Sixteen.third(c, v128.load(at, 48)), 32);
    at += 64;
    out += <usize>ROW;
  }
  return WHOLE;
}

/**
 * Packs `lines` lines of `chunks` chunks at `at`, `pitch` bytes apart, to `out`, which must have room for the codes and for
 * every chunk whole. Returns the address behind it.
 */
export function pack(at: usize, pitch: usize, chunks: u32, lines: u32, out: usize): usize {
  const rest = codesOf(chunks * lines);
  memory.fill(out, 0, rest);
  let code = out;
  out += rest;
  for (let y: u32 = 0; y < lines; y++) {
    let from = at;
    for (let x: u32 = 0; x < chunks; x++) {
      const above = from - pitch;
      let kind = ABOVE;
      if (!isSame(from, above)) {
        kind = packColours(from, out);
        // Many colours take as much as steps that are small.
        if (kind == 0 || kind > SOME) {
          const step = packSteps(from, above, out + neededBy(kind));
          if (step != 0 && (kind == 0 || neededBy(step) < neededBy(kind))) {
            if (kind != 0) memory.copy(out, out + neededBy(kind), neededBy(step));
            kind = step;
          }
        }
        if (kind == 0) kind = packWhole(from, out);
      }
      store<u8>(code++, kind);
      out += neededBy(kind);
      from += CHUNK_BYTES;
    }
    at += pitch;
  }
  return out;
}
