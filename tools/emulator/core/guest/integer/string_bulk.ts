// Repeated MOVS, STOS, LODS, CMPS and SCAS many elements at a time: as many as lie in one page on each side, in either
// direction, with the effect of doing them one by one. Follows Intel SDM vol. 2, REP/REPE/REPNE. Where this is not
// possible (devices, watched pages, decoded code, the edges of segments and pages) `stringOp` does the next element.

import { KEY_FLAT, RAX, RCX, RDI, RSI, S_KEY } from "../../state";
import { hostOfRun } from "../memory/access";
import { Host } from "../memory/physical";
import { READ, WRITE } from "../memory/rights";
import { DS, ES, FS, Seg, SS, segmentRoom } from "../memory/segments";
import { readRegister, writeRegister } from "../op/op";
import { Flags } from "../processor/flags";

export const MOVS: u8 = 0;
export const CMPS: u8 = 1;
export const STOS: u8 = 2;
export const LODS: u8 = 3;
export const SCAS: u8 = 4;

/** Adds `by` to the pointer or counter at `p`, which has the address size of `mask`. */
export function advance(p: usize, mask: u64, by: i64): void {
  const v = load<u64>(p) + <u64>by;
  if (mask == 0xffff) store<u16>(p, <u16>v);
  else store<u64>(p, v & mask);
}

/** Flags of CMP with operands of `size` bytes. */
export function compare(a: u64, b: u64, size: i32): void {
  if (size == 8) Flags.sub<u64>(a, b, a - b);
  else if (size == 4) Flags.sub<u32>(a, b, a - b);
  else if (size == 2) Flags.sub<u16>(a, b, a - b);
  else Flags.sub<u8>(a, b, a - b);
}

/** Whether offsets in `seg` are linear addresses, or up to the base of FS and GS. */
function unchecked64(seg: i32): bool {
  const key = load<u32>(S_KEY);
  return (key & 3) == 2 || ((key & KEY_FLAT) != 0 && (seg == ES || seg == SS || seg == DS));
}

/** Host address of the first element of the side last looked at by `reachSide`. */
let host: usize = 0;

/**
 * How many elements, `count` at most, one side of the instruction can do from offset `at` on; 0 if none, with a page
 * fault pending if there is one. `host` is where the first one lies.
 */
function reachSide(
  seg: i32,
  at: u64,
  size: i32,
  mask: u64,
  down: bool,
  write: i32,
  count: u64,
): u64 {
  let linear = at;
  let room = down ? at + <u64>size : mask - at + 1;
  // With 64-bit offsets all of them are in front of the end, and `mask - at + 1` may be 0.
  if (!down && mask + 1 == 0) room = 0x1000;
  if (!unchecked64(seg)) {
    const inside = segmentRoom(seg, at, size, write != READ, down);
    if (inside < room) room = inside;
    if (room < <u64>size) return 0;
    linear = (at + Seg.base(seg)) & 0xffffffff;
  } else if (seg >= FS) linear += Seg.base(seg);
  const inPage = <u64>(<u32>linear & 0xfff);
  if (inPage + <u64>size > 0x1000) return 0;
  const page = down ? inPage + <u64>size : 0x1000 - inPage;
  if (page < room) room = page;
  let n = room / <u64>size;
  if (n > count) n = count;
  if (n == 0) return 0;
  const length = <u32>n * <u32>size;
  host = hostOfRun(linear, down ? <u32>inPage + <u32>size - length : <u32>inPage, length, write);
  return host == 0 ? 0 : n;
}

/**
 * Does up to `count` elements of `kind` and returns how many, `affordable` at most; 0 if the next one has to be done by
 * itself, or if it faults, with the fault pending. CMPS and SCAS stop behind the element that ends a repetition with
 * ZF other than `whileEqual`, with the flags of the last element.
 */
export function bulk(
  kind: u8,
  source: i32,
  size: i32,
  mask: u64,
  down: bool,
  count: u64,
  whileEqual: bool,
): u64 {
  let n = count;
  let from: usize = 0;
  let to: usize = 0;
  if (kind != STOS && kind != SCAS) {
    n = reachSide(source, load<u64>(RSI) & mask, size, mask, down, READ, n);
    if (n == 0) return 0;
    from = host;
  }
  if (kind != LODS) {
    const write = kind == MOVS || kind == STOS ? WRITE : READ;
    n = reachSide(ES, load<u64>(RDI) & mask, size, mask, down, write, n);
    if (n == 0) return 0;
    to = host;
  }
  if (kind == CMPS) n = compareRun(from, to, size, down, n, whileEqual);
  else if (kind == SCAS) n = scanRun(to, size, down, n, whileEqual);
  const length = <usize>n * <usize>size;
  const back = down ? length - <usize>size : 0;
  if (kind == MOVS) move(from - back, to - back, size, down, length);
  else if (kind == STOS) fill(to - back, size, length);
  else if (kind == LODS) {
    const last = down ? from - back : from + length - <usize>size;
    writeRegister(RAX, size, Host.load(last, size));
  }
  const step = down ? -(<i64>length) : <i64>length;
  if (kind != STOS && kind != SCAS) advance(RSI, mask, step);
  if (kind != LODS) advance(RDI, mask, step);
  advance(RCX, mask, -(<i64>n));
  return n;
}

function copyElement(to: usize, from: usize, size: i32): void {
  if (size == 8) store<u64>(to, load<u64>(from));
  else if (size == 4) store<u32>(to, load<u32>(from));
  else if (size == 2) store<u16>(to, load<u16>(from));
  else store<u8>(to, load<u8>(from));
}

/** Moves `length` bytes from the lowest address of each side on. */
function move(from: usize, to: usize, size: i32, down: bool, length: usize): void {
  // A destination inside the reach of the source repeats what has just been written.
  const repeats = down ? to < from && from - to < length : to > from && to - from < length;
  if (!repeats) memory.copy(to, from, length);
  else if (down)
    for (let i = length; i != 0; ) {
      i -= <usize>size;
      copyElement(to + i, from + i, size);
    }
  else if (to - from == 1 && size == 1) memory.fill(to, load<u8>(from), length);
  else for (let i: usize = 0; i < length; i += <usize>size) copyElement(to + i, from + i, size);
}

function fill(to: usize, size: i32, length: usize): void {
  const v = load<u64>(RAX);
  if (size == 1 || v == 0) memory.fill(to, <u8>v, length);
  else if (size == 8) for (let i: usize = 0; i < length; i += 8) store<u64>(to + i, v);
  else if (size == 4) for (let i: usize = 0; i < length; i += 4) store<u32>(to + i, <u32>v);
  else for (let i: usize = 0; i < length; i += 2) store<u16>(to + i, <u16>v);
}

/** A bit for each byte of 16: whether it belongs to elements that are equal. */
function equalBytes(a: v128, b: v128, size: i32): u32 {
  if (size == 1) return i8x16.bitmask(i8x16.eq(a, b));
  if (size == 2) return i8x16.bitmask(i16x8.eq(a, b));
  if (size == 4) return i8x16.bitmask(i32x4.eq(a, b));
  return i8x16.bitmask(i64x2.eq(a, b));
}

/** Number of the first elements, from 1 on, at which the comparison of `a` and `b` ends; `n` if none does. */
function compareRun(a: usize, b: usize, size: i32, down: bool, n: u64, whileEqual: bool): u64 {
  const end = <u32>n;
  const step = down ? -size : size;
  const lanes = 16 / size;
  const ends: u32 = whileEqual ? 0xffff : 0;
  let i: u32 = 0;
  if (!down)
    for (; i + lanes <= end; i += lanes) {
      const at = <usize>i * <usize>size;
      const stop = equalBytes(v128.load(a + at), v128.load(b + at), size) ^ ends;
      if (stop != 0) {
        i += <u32>ctz(stop) / size;
        break;
      }
    }
  for (; i < end - 1; i++) {
    const at = <usize>(<i32>i * step);
    if ((Host.load(a + at, size) == Host.load(b + at, size)) != whileEqual) break;
  }
  if (i > end - 1) i = end - 1;
  const at = <usize>(<i32>i * step);
  compare(Host.load(a + at, size), Host.load(b + at, size), size);
  return <u64>i + 1;
}

/** The same with the accumulator for `a`. */
function scanRun(b: usize, size: i32, down: bool, n: u64, whileEqual: bool): u64 {
  const end = <u32>n;
  const step = down ? -size : size;
  const lanes = 16 / size;
  const ends: u32 = whileEqual ? 0xffff : 0;
  const a = readRegister(RAX, size);
  let wide: v128;
  if (size == 1) wide = i8x16.splat(<i8>a);
  else if (size == 2) wide = i16x8.splat(<i16>a);
  else if (size == 4) wide = i32x4.splat(<i32>a);
  else wide = i64x2.splat(<i64>a);
  let i: u32 = 0;
  if (!down)
    for (; i + lanes <= end; i += lanes) {
      const stop = equalBytes(wide, v128.load(b + <usize>i * <usize>size), size) ^ ends;
      if (stop != 0) {
        i += <u32>ctz(stop) / size;
        break;
      }
    }
  for (; i < end - 1; i++)
    if ((a == Host.load(b + <usize>(<i32>i * step), size)) != whileEqual) break;
  if (i > end - 1) i = end - 1;
  compare(a, Host.load(b + <usize>(<i32>i * step), size), size);
  return <u64>i + 1;
}
