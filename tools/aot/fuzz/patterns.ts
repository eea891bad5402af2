// Code as programs have it and random expressions seldom do: loops that count up over memory, conditions
// of conditions, fields of bits, reversed bytes. What an optimiser looks for, and what only looks like it.

import { I32, I64, type ValType } from "../../wasm/types.ts";
import { type Bytes, i32Const, i64Const, uleb } from "../../wasm/writer.ts";
import type { Random } from "./random.ts";

/** What a pattern takes from the generator of the function around it. */
export interface Surroundings {
  r: Random;
  expr(type: ValType, depth: number): Bytes;
  statement(depth: number): Bytes;
  /** A new i32 local that nothing else assigns. */
  counter(): number;
  /** Makes code inside a block or if with these results, to whose label it may branch. */
  inBlock(results: ValType[], make: () => Bytes): Bytes;
  /** Makes code inside a block and a loop, to whose labels it may branch. */
  inLoop(make: () => Bytes): Bytes;
}

/** eq, ne and the signed and unsigned orders of i32. */
const COMPARE = [0x46, 0x47, 0x48, 0x49, 0x4a, 0x4b, 0x4c, 0x4d, 0x4e, 0x4f];
const EQZ = 0x45;

/** An i32 whose truth is a combination of comparisons, often of the same values. */
export function condition(s: Surroundings, depth: number): Bytes {
  const { r } = s;
  if (depth <= 0 || r.chance(25)) {
    if (r.chance(20)) return bits(s, depth);
    return [...s.expr(I32, 1), ...s.expr(I32, r.below(2)), r.pick(COMPARE)];
  }
  const a = condition(s, depth - 1);
  const kind = r.below(7);
  // An expression with two ends.
  if (kind === 0)
    return [...a, 0x04, I32, ...inside(s, depth), 0x05, ...i32Const(r.below(2)), 0x0b];
  if (kind === 1)
    return [...a, 0x04, I32, ...i32Const(r.below(2)), 0x05, ...inside(s, depth), 0x0b];
  const b = condition(s, depth - 1);
  switch (kind) {
    case 2:
      return [...a, ...b, 0x71, EQZ];
    case 3:
      return [...a, ...b, 0x71];
    case 4:
      return [...a, ...b, 0x72];
    case 5:
      // a ? b : constant
      return [...b, ...i32Const(r.below(3)), ...a, 0x1b];
    default:
      return [...i32Const(r.below(3)), ...b, ...a, 0x1b];
  }
}

function inside(s: Surroundings, depth: number): Bytes {
  return s.inBlock([I32], () => condition(s, depth - 1));
}

/** Some bits of a value: shifted, cut off, masked. */
function bits(s: Surroundings, depth: number): Bytes {
  const { r } = s;
  const mask = r.pick([1, 2, 3, 0xff, 0x80, 0x8000, 0xffff, 0x7fffffff, -1, -256, r.u32()]);
  if (r.chance(50)) {
    const shift = r.pick([0x74, 0x75, 0x76]);
    return [...s.expr(I32, depth), ...i32Const(r.below(34)), shift, ...i32Const(mask), 0x71];
  }
  const shift = r.pick([0x86, 0x87, 0x88]);
  const shifted = [...s.expr(I64, depth), ...i64Const(BigInt(r.below(66))), shift];
  if (r.chance(50)) return [...shifted, 0xa7, ...i32Const(mask), 0x71];
  const wide = [...shifted, ...i64Const(BigInt(mask) << BigInt(r.below(33))), 0x83];
  return r.chance(50) ? [...wide, 0xa7] : [...wide, 0x50];
}

/** A statement under a condition, or one of two. */
export function choice(s: Surroundings, depth: number): Bytes {
  const statement = (): Bytes => s.inBlock([], () => s.statement(depth));
  const code = [...condition(s, 3), 0x04, 0x40, ...statement()];
  if (s.r.chance(60)) code.push(0x05, ...statement());
  return [...code, 0x0b];
}

/** An i32 with its bytes reversed, or nearly. */
export function reversed(s: Surroundings, depth: number): Bytes {
  const { r } = s;
  const local = s.counter();
  const masks = [0xff00ff00 | 0, 0x00ff00ff];
  if (r.chance(30)) masks[r.below(2)] = r.u32() | 0;
  const [high, low] = masks as [number, number];
  const count = r.chance(80) ? 8 : r.below(33);
  return [
    ...[
      ...s.expr(I32, depth),
      0x22,
      ...uleb(local),
      ...i32Const(high),
      0x71,
      ...i32Const(count),
      0x77,
    ],
    ...[
      0x20,
      ...uleb(local),
      ...i32Const(low),
      0x71,
      ...i32Const(8),
      0x78,
      r.pick([0x72, 0x72, 0x73, 0x6a]),
    ],
  ];
}

/** Comparisons of i32: signed and unsigned. */
const LESS = [0x48, 0x49];
const LESS_OR_EQUAL = [0x4c, 0x4d];
const GREATER = [0x4a, 0x4b];
const GREATER_OR_EQUAL = [0x4e, 0x4f];
const NOT_EQUAL = 0x47;

/**
 * for (i = start; i < end; i += step), up or down, with accesses at i * scale + constant, products of what does
 * not change, and a statement. Starts and ends are also such that the counter wraps or the loop is left at once;
 * the end is a constant or not, the test before the body or behind it.
 */
export function countedLoop(s: Surroundings, depth: number): Bytes {
  const { r } = s;
  const i = uleb(s.counter());
  const start = r.pick([0, 0, 0, 1, 2, 100, -3, 0x7ffffffd, -0x80000000]);
  const down = r.chance(25);
  const step = r.pick([1, 1, 1, 2, 4, 8, 3]) * (down ? -1 : 1);
  const rounds = r.chance(60) ? 1 + r.below(6) : r.pick([8, 16, 17, 24, 32, 33]);
  const inclusive = down ? GREATER_OR_EQUAL : LESS_OR_EQUAL;
  const compare = r.pick([...(down ? GREATER : LESS), ...inclusive, NOT_EQUAL]);
  const end = (start + step * (inclusive.includes(compare) ? rounds - 1 : rounds)) | 0;
  const limit = uleb(s.counter());
  const isConstant = r.chance(60);
  const isNear = r.chance(75);
  const opaque: Bytes = isNear
    ? [...s.expr(I32, 1), ...i32Const(31), 0x71, ...i32Const(end), 0x6a]
    : s.expr(I32, 1);
  const bound: Bytes = isConstant ? i32Const(end) : [0x20, ...limit];
  // A counter that wraps would go on for a long time: a second one ends such a loop.
  const isShort = (isConstant || isNear) && start >= 0 && start <= 100;
  const ends = isShort && !down && compare !== NOT_EQUAL;
  const left = uleb(s.counter());
  const isBounded = !ends || r.chance(30);
  const index = (): Bytes => {
    const scale = r.below(4);
    const scaled: Bytes =
      scale === 0
        ? [0x20, ...i]
        : r.chance(60)
          ? [0x20, ...i, ...i32Const(scale), 0x74]
          : [0x20, ...i, ...i32Const(r.pick([3, 5, 8, 12, 192])), 0x6c];
    const added = r.chance(70) ? [...i32Const(r.pick([4, 64, 1024, 4000, -4, -1])), 0x6a] : [];
    // Mostly inside memory.
    const cut = start >= 0 && start < 1000 && r.chance(70) ? [] : [...i32Const(0x3fff), 0x71];
    return [...scaled, ...added, ...cut];
  };
  const access = (): Bytes => {
    const offset = uleb(r.pick([0, 0, 8, 100]));
    switch (r.below(4)) {
      case 0:
        return [...index(), 0x20, ...i, 0x3a, 0, ...offset];
      case 1:
        return [...index(), ...s.expr(I32, 2), 0x36, 0, ...offset];
      case 2:
        return [
          ...index(),
          ...s.expr(I64, 1),
          0x20,
          ...i,
          r.pick([0xac, 0xad]),
          0x7e,
          0x37,
          0,
          ...offset,
        ];
      default:
        return [...index(), 0x20, ...i, ...index(), 0x28, 0, ...offset, 0x6a, 0x36, 0, ...offset];
    }
  };
  const body = s.inLoop(() => {
    const code: Bytes = [];
    for (let n = 1 + r.below(2); n > 0; n--) code.push(...access());
    if (r.chance(40)) code.push(...choice(s, depth - 1));
    else if (r.chance(50)) code.push(...s.statement(depth - 1));
    return code;
  });
  const leave: Bytes = [0x0d, 1];
  const countDown: Bytes = [0x20, ...left, EQZ, ...leave].concat(
    [0x20, ...left, ...i32Const(1), 0x6b, 0x21],
    left,
  );
  const test: Bytes = [0x20, ...i, ...bound, compare];
  const next: Bytes = [0x20, ...i, ...i32Const(step), 0x6a, 0x21, ...i];
  const inside: Bytes = [...(isBounded ? countDown : []), ...body, ...next];
  return [
    ...[...i32Const(start), 0x21, ...i, ...i32Const(r.pick([8, 40])), 0x21, ...left],
    ...(isConstant ? [] : [...opaque, 0x21, ...limit]),
    ...[0x02, 0x40, 0x03, 0x40],
    ...(r.chance(70)
      ? [...test, EQZ, ...leave, ...inside, 0x0c, 0]
      : [...inside, ...test, 0x0d, 0]),
    ...[0x0b, 0x0b],
  ];
}
