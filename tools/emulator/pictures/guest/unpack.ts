// Unpacks parts of pictures (format.ts) in their places.

import {
  ABOVE,
  CHUNK_BYTES,
  codesOf,
  MOST_COLOURS,
  neededBy,
  ROW,
  SAME_STEP,
  TWO_BITS,
  WHOLE,
} from "./format";
import { Sixteen } from "./rows";

function unpackColours(from: usize, colours: u32, at: usize): void {
  const only = Sixteen.opaque(v128.load_splat<u32>(from));
  for (let i: usize = 0; i < CHUNK_BYTES; i += 16) v128.store(at + i, only);
  let masks = from + ((<usize>colours) << 2);
  const bits = i32x4(1, 2, 4, 8);
  for (let n: u32 = 1; n < colours; n++) {
    from += 4;
    const colour = Sixteen.opaque(v128.load_splat<u32>(from));
    let mask = load<u64>(masks);
    for (let to = at; mask != 0; to += 16) {
      const has = i32x4.eq(v128.and(i32x4.splat(<i32>mask), bits), bits);
      v128.store(to, v128.bitselect(colour, v128.load(to), has));
      mask >>= 4;
    }
    masks += 8;
  }
}

class Unpack {
  @inline static step(at: usize, above: usize, by: v128): void {
    v128.store(at, Sixteen.opaque(i8x16.add(v128.load(above), by)));
  }

  /** Adds steps of sixteen pixels. */
  @inline static steps(at: usize, above: usize, bias: v128, x: v128, y: v128, z: v128): void {
    Unpack.step(at, above, i8x16.add(bias, Sixteen.pixels0(x)));
    Unpack.step(at + 16, above + 16, i8x16.add(bias, Sixteen.pixels1(x, y)));
    Unpack.step(at + 32, above + 32, i8x16.add(bias, Sixteen.pixels2(y, z)));
    Unpack.step(at + 48, above + 48, i8x16.add(bias, Sixteen.pixels3(z)));
  }
}

function unpackSteps(code: u32, from: usize, at: usize, above: usize): void {
  const bias = v128.load_splat<u32>(from);
  from += 4;
  if (code == SAME_STEP) {
    for (let i: usize = 0; i < CHUNK_BYTES; i += 16) Unpack.step(at + i, above + i, bias);
    return;
  }
  const width = code == TWO_BITS ? 2 : 4;
  const mask = i8x16.splat(code == TWO_BITS ? 3 : 15);
  const end = at + CHUNK_BYTES;
  while (at < end) {
    const x = v128.load(from);
    const y = v128.load(from, 16);
    const z = v128.load(from, 32);
    for (let shift = 0; shift < 8; shift += width) {
      Unpack.steps(
        at,
        above,
        bias,
        v128.and(i16x8.shr_u(x, shift), mask),
        v128.and(i16x8.shr_u(y, shift), mask),
        v128.and(i16x8.shr_u(z, shift), mask),
      );
      at += 64;
      above += 64;
    }
    from += <usize>ROW;
  }
}

function unpackWhole(from: usize, at: usize): void {
  const end = at + CHUNK_BYTES;
  while (at < end) {
    const x = v128.load(from);
    const y = v128.load(from, 16);
    const z = v128.load(from, 32);
    v128.store(at, Sixteen.opaque(Sixteen.pixels0(x)));
    v128.store(at, Sixteen.opaque(Sixteen.pixels1(x, y)), 16);
    v128.store(at, Sixteen.opaque(Sixteen.pixels2(y, z)), 32);
    v128.store(at, Sixteen.opaque(Sixteen.pixels3(z)), 48);
    at += 64;
    from += <usize>ROW;
  }
}

/**
 * Unpacks what is at `from` up to `end` to `lines` lines of `chunks` chunks at `at`, `pitch` bytes apart, below whose first
 * there is a line. Whether it was such a part, to the last byte.
 */
export function unpack(
  from: usize,
  end: usize,
  at: usize,
  pitch: usize,
  chunks: u32,
  lines: u32,
): bool {
  let code = from;
  const rest = codesOf(chunks * lines);
  if (rest > end - from) return false;
  from += rest;
  for (let y: u32 = 0; y < lines; y++) {
    let to = at;
    for (let x: u32 = 0; x < chunks; x++) {
      const kind: u32 = load<u8>(code++);
      const needed = neededBy(kind);
      if (needed > end - from) return false;
      const above = to - pitch;
      if (kind == ABOVE) memory.copy(to, above, CHUNK_BYTES);
      else if (kind <= MOST_COLOURS) unpackColours(from, kind, to);
      else if (kind == WHOLE) unpackWhole(from, to);
      else unpackSteps(kind, from, to, above);
      from += needed;
      to += CHUNK_BYTES;
    }
    at += pitch;
  }
  return from == end;
}
