// Rotations are one instruction: handlers compute them as two shifts, 32-bit ones in 64 bits. What nobody can see is not
// computed.

import { expect, test } from "vitest";
import {
  binary,
  I32_AND,
  I64_ADD,
  I64_AND,
  I64_OR,
  I64_SHL,
  I64_SHR_U,
  unary,
  WRAP,
} from "./fold.ts";
import { I64, i32, i64, local, type Value } from "./value.ts";

const I32_ROTL = 0x77;
const I64_ROTL = 0x89;
const I64_LT_U = 0x54;
const I64_GT_U = 0x56;
const I64_LE_U = 0x58;
const I64_GE_U = 0x5a;

function shifted(value: Value, up: bigint, down: bigint): Value {
  return binary(I64_OR, binary(I64_SHR_U, value, i64(down)), binary(I64_SHL, value, i64(up)));
}

test("shifts by counts that add up to the width are a rotation", () => {
  const register = local(I64, 1);
  const rotated = shifted(register, 5n, 59n);
  expect([rotated.op, rotated.a, rotated.b?.bits]).toEqual([I64_ROTL, register, 5n]);
  expect(shifted(register, 5n, 58n).op).toBe(I64_OR);

  const low = binary(I64_AND, register, i64(0xffffffffn));
  for (const result of [
    unary(WRAP, shifted(low, 7n, 25n)),
    binary(I64_AND, shifted(low, 7n, 25n), i64(0xffffffffn)).a as Value,
  ])
    expect([result.op, result.b?.n]).toEqual([I32_ROTL, 7]);
  // What is above the low half is no part of a rotation in 32 bits.
  expect(unary(WRAP, shifted(register, 7n, 25n)).op).toBe(WRAP);
  expect(binary(I64_AND, shifted(low, 7n, 25n), i64(0x1ffffffffn)).a?.op).toBe(I64_OR);
});

test("what a mask removes is not computed: registers whose low half has been replaced", () => {
  const [old, part, other] = [local(I64, 1), local(I64, 2, 16), local(I64, 3)];
  const register = binary(I64_OR, binary(I64_AND, old, i64(~0xffffn)), part);
  const low = (value: Value): Value => binary(I64_AND, value, i64(0xffffn));
  expect(low(register)).toBe(part);
  const sum = low(binary(I64_ADD, binary(I64_ADD, register, other), i64(4n))).a as Value;
  expect(sum.a?.a).toBe(part);
  // Carries out of the low half are wanted here.
  const wide = binary(I64_AND, binary(I64_ADD, register, other), i64(0x1ffffn)).a as Value;
  expect(wide.a).toBe(register);
  const half = binary(I32_AND, unary(WRAP, register), i32(0xffff));
  expect(half.op === WRAP && half.a).toBe(part);
});

test("a comparison that the width of an operand decides is known", () => {
  const byte = local(I64, 1, 8);
  expect(binary(I64_LE_U, byte, i64(0xffn)).n).toBe(1);
  expect(binary(I64_LE_U, byte, i64(0xfen)).op).toBe(I64_LE_U);
  expect(binary(I64_LT_U, byte, i64(0x100n)).n).toBe(1);
  expect(binary(I64_GT_U, byte, i64(0xffn)).n).toBe(0);
  expect(binary(I64_GE_U, byte, i64(0x100n)).n).toBe(0);
  expect(binary(I64_GE_U, byte, i64(0xffn)).op).toBe(I64_GE_U);
});

test("what a mask needs of a shifted value goes by the count's low 6 bits", () => {
  const [x, y] = [local(I64, 1), local(I64, 2)];
  const upper = binary(I64_AND, y, i64(0xff00n));
  for (const by of [8n, 64n + 8n, (1n << 63n) + 8n]) {
    const either = binary(I64_OR, x, upper);
    const low = binary(I64_AND, binary(I64_SHR_U, either, i64(by)), i64(0xffn));
    // The second operand's bits are those that the mask takes.
    expect(low.a?.a?.op).toBe(I64_OR);
  }
  const huge = binary(I64_SHR_U, binary(I64_OR, x, upper), i64(1n << 62n));
  // A count of 0 moves nothing: the second operand has none of the low byte.
  expect(binary(I64_AND, huge, i64(0xffn)).a).toBe(x);
});
