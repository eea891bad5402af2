// Rotations are one instruction: handlers compute them as two shifts, 32-bit ones in 64 bits.

import { expect, test } from "vitest";
import { binary, I64_AND, I64_OR, I64_SHL, I64_SHR_U, unary, WRAP } from "./fold.ts";
import { I64, i64, local, type Value } from "./value.ts";

const I32_ROTL = 0x77;
const I64_ROTL = 0x89;

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
