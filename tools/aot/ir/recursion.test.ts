// Small functions that call themselves have copies of themselves inside: what they return, where they trap, and
// that larger ones stay as they are.

import { describe, expect, test } from "vitest";
import { I32, I64 } from "../../wasm/types.ts";
import { type Bytes, i32Const, i64Const } from "../../wasm/writer.ts";
import { canRunNative } from "../fuzz/harness.ts";
import { codeOf } from "../x64/disassemble.ts";
import { FIRST_FUNCTION, inBoth, type RunFunction } from "./testing.ts";

const get = (n: number): number[] => [0x20, n];
const self = [0x10, FIRST_FUNCTION];
const minus = (n: number, by: number): number[] => [...get(n), ...i32Const(by), 0x6b];
const fib = (call: Bytes): Bytes => [
  ...[...get(0), ...i32Const(2), 0x48, 0x04, I32, ...get(0), 0x05],
  ...[...minus(0, 1), ...call, ...minus(0, 2), ...call, 0x6a, 0x0b],
];
/** ackermann(m, n): a call is the argument of a call. */
const ackermann: Bytes = [
  ...[...get(0), 0x45, 0x04, I32, ...get(1), ...i32Const(1), 0x6a, 0x05],
  ...[...get(1), 0x45, 0x04, I32, ...minus(0, 1), ...i32Const(1), ...self, 0x05],
  ...[...minus(0, 1), ...get(0), ...minus(1, 1), ...self, ...self, 0x0b, 0x0b],
];
/** 100 / n + f(n - 2), down to 5: even numbers divide by zero. */
const divided: Bytes = [
  ...[...get(0), ...i32Const(5), 0x46, 0x04, I32, ...i32Const(7), 0x05],
  ...[...i32Const(100), ...get(0), 0x6d, ...minus(0, 2), ...self, 0x6a, 0x0b],
];
/** Adds n to the word at 0 and goes on with n / 2; returns nothing. */
const written: Bytes = [
  ...[...get(0), 0x45, 0x04, 0x40, 0x0f, 0x0b],
  ...[...i32Const(0), ...i32Const(0), 0x28, 2, 0, ...get(0), 0x6a, 0x36, 2, 0],
  ...[...get(0), ...i32Const(1), 0x76, ...self],
];
const wide: Bytes = [
  ...[...get(0), 0x50, 0x04, I64, ...i64Const(1n), 0x05],
  ...[...get(0), ...get(0), ...i64Const(1n), 0x7d, ...self, 0x7e, 0x0b],
];

const cases: { f: RunFunction; args: bigint[][] }[] = [
  {
    f: { name: "fib", params: [I32], results: [I32], code: fib(self) },
    args: [[0n], [1n], [2n], [3n], [17n]],
  },
  {
    f: { name: "ackermann", params: [I32, I32], results: [I32], code: ackermann },
    args: [
      [0n, 5n],
      [1n, 0n],
      [2n, 3n],
      [3n, 3n],
    ],
  },
  {
    f: { name: "divided", params: [I32], results: [I32], code: divided },
    args: [[5n], [9n], [8n], [2n]],
  },
  { f: { name: "written", params: [I32], code: written }, args: [[0n], [1n], [1000n]] },
  {
    f: { name: "wide", params: [I64], results: [I64], code: wide },
    args: [[0n], [1n], [20n]],
  },
];

describe.skipIf(!canRunNative)("a function inside itself", () => {
  test.each(cases)("$f.name returns and traps as in V8", ({ f, args }) => {
    const { native, v8 } = inBoth(
      [f],
      args.map((values) => [f.name, ...values]),
    );
    expect(native.outcomes).toEqual(v8.outcomes);
    expect(native.memory).toEqual(v8.memory);
  });
});

const callsOf = (code: Bytes): number =>
  codeOf([{ params: [I32], results: [I32], code }]).filter((line) => line.startsWith("call"))
    .length;

/** In the module that is listed it is the first function. */
const listed = fib([0x10, 0]);

test("a small function has its body in place of each call", () => {
  expect(callsOf(listed)).toBe(4);
});

test("a large function has its calls", () => {
  const filler = Array.from({ length: 20 }, (_, n) => [
    ...[...i32Const(n * 4), ...get(0), ...i32Const(n + 3), 0x6c, 0x36, 2, 0],
  ]).flat();
  expect(callsOf([...filler, ...listed])).toBe(2);
});

test("a function with a loop has its calls", () => {
  const loop = [0x03, 0x40, ...minus(0, 1), 0x22, 0, 0x0d, 0, 0x0b];
  expect(callsOf([...loop, ...listed])).toBe(2);
});
