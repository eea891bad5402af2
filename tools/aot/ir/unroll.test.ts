// Loops that count are run several iterations at once: how often that is, what they compute, for all ways of counting
// and bounds at the ends of the numbers, and which loops stay as they are.

import { describe, expect, test } from "vitest";
import { I32, I64, type ValType } from "../../wasm/types.ts";
import { type Bytes, i32Const, i64Const } from "../../wasm/writer.ts";
import { canRunNative } from "../fuzz/harness.ts";
import { codeOf } from "../x64/disassemble.ts";
import { inBoth, type RunFunction } from "./testing.ts";

const get = (n: number): number[] => [0x20, n];
const set = (n: number): number[] => [0x21, n];
const EQZ = 0x45;
const COMPARE = {
  "!=": [0x47, 0x52],
  "<": [0x48, 0x53],
  "<u": [0x49, 0x54],
  ">": [0x4a, 0x55],
  ">u": [0x4b, 0x56],
  "<=": [0x4c, 0x57],
  "<=u": [0x4d, 0x58],
  ">=": [0x4e, 0x59],
  ">=u": [0x4f, 0x5a],
} as const;
type Comparison = keyof typeof COMPARE;

/** What loops do here: locals 0 and 1 are counter and bound, 2 the result, 3 counts down to the end of the test. */
interface Loop {
  type: ValType;
  compare: Comparison;
  step: number;
  /** The test stands behind the body. */
  bottom?: boolean;
  /** Start and bound, if they are constants. */
  start?: bigint;
  bound?: bigint;
  /** The value of the counter at which the loop is left, by a branch inside. */
  leave?: bigint;
  /** Nothing but the test ends the loop. */
  plain?: boolean;
}

/**
 * result = result * 31 + counter, and the same for what stands at address 0, in a loop; returns result ^ counter.
 */
function code({ type, compare, step, bottom, start, bound, leave, plain }: Loop): Bytes {
  const wide = type === I64;
  const constant = (x: bigint): Bytes => (wide ? i64Const(x) : i32Const(Number(x)));
  const [add, multiply, xor] = wide ? [0x7c, 0x7e, 0x85] : [0x6a, 0x6c, 0x73];
  const [load, store] = wide ? [0x29, 0x37] : [0x28, 0x36];
  const stop = bound === undefined ? get(1) : constant(bound);
  const goesOn = [...get(0), ...stop, COMPARE[compare][wide ? 1 : 0] as number];
  const body = [
    // What never ends is left after a hundred iterations.
    ...(plain ? [] : [...get(3), EQZ, 0x0d, 1, ...get(3), ...i32Const(1), 0x6b, ...set(3)]),
    ...(leave === undefined ? [] : [...get(0), ...constant(leave), wide ? 0x51 : 0x46, 0x0d, 1]),
    ...[...get(2), ...constant(31n), multiply, ...get(0), add, ...set(2)],
    ...[...i32Const(0), ...i32Const(0), load, 2, 0, ...constant(31n), multiply, ...get(0), add],
    ...[store, 2, 0],
    ...[...get(0), ...constant(BigInt(step)), add, ...set(0)],
  ];
  return [
    ...(start === undefined ? [] : [...constant(start), ...set(0)]),
    ...[...i32Const(100), ...set(3), 0x02, 0x40, 0x03, 0x40],
    ...(bottom ? [...body, ...goesOn, 0x0d, 0] : [...goesOn, EQZ, 0x0d, 1, ...body, 0x0c, 0]),
    ...[0x0b, 0x0b, ...get(2), ...get(0), xor],
  ];
}

function functionOf(name: string, loop: Loop): RunFunction {
  const { type } = loop;
  return { name, params: [type, type], results: [type], locals: [type, I32], code: code(loop) };
}

const HOLDS: Record<string, (a: bigint, b: bigint) => boolean> = {
  "!=": (a, b) => a !== b,
  "<": (a, b) => a < b,
  ">": (a, b) => a > b,
  "<=": (a, b) => a <= b,
  ">=": (a, b) => a >= b,
};

/** Whether the loop's test ends it in less than fifty iterations. */
function ends({ type, compare, step }: Loop, start: bigint, bound: bigint): boolean {
  const as = compare.endsWith("u") ? BigInt.asUintN : BigInt.asIntN;
  const holds = HOLDS[compare.replace("u", "")] as (a: bigint, b: bigint) => boolean;
  const width = type === I64 ? 64 : 32;
  for (let n = 1n; n < 50n; n++) {
    if (!holds(as(width, start + n * BigInt(step)), as(width, bound))) return true;
  }
  return false;
}

/** Values at the ends of signed and unsigned numbers, and a few between. */
function edges(type: ValType): bigint[] {
  const half = type === I64 ? 1n << 63n : 1n << 31n;
  return [0n, 1n, 5n, 16n, half - 1n, half - 6n, -half, 7n - half, -1n, -6n];
}

const comparisons = Object.keys(COMPARE) as Comparison[];
const steps = [1, 3, -4];

describe.skipIf(!canRunNative)("a loop computes what it does in V8", () => {
  test.each(comparisons)("with a test for %s", (compare) => {
    const functions: RunFunction[] = [];
    const calls: [string, ...bigint[]][] = [];
    for (const type of [I32, I64] as ValType[]) {
      for (const step of steps) {
        for (const bottom of [false, true]) {
          const free = functionOf(`f${functions.length}`, { type, compare, step, bottom });
          functions.push(free);
          const loop: Loop = { type, compare, step, bottom, plain: true };
          const plain = functionOf(`f${functions.length}`, loop);
          functions.push(plain);
          for (const start of edges(type)) {
            for (const bound of edges(type)) {
              calls.push([free.name, start, bound]);
              if (ends(loop, start, bound)) calls.push([plain.name, start, bound]);
            }
          }
          for (const rounds of [7n, 8n, 9n, 32n, 33n]) {
            // Around the number of iterations, and with a way out in the middle.
            const start = step < 0 ? 1000n : -3n;
            const bound = start + BigInt(step) * rounds;
            for (const leave of [undefined, start + BigInt(step) * 5n]) {
              const loop: Loop = { type, compare, step, bottom, start, bound };
              if (leave !== undefined) loop.leave = leave;
              const fixed = functionOf(`f${functions.length}`, loop);
              functions.push(fixed);
              calls.push([fixed.name, 0n, 0n]);
            }
          }
        }
      }
    }
    const { native, v8 } = inBoth(functions, calls);
    expect(native.outcomes).toEqual(v8.outcomes);
    expect(native.memory).toEqual(v8.memory);
  });

  test("where it stores, loads and traps", () => {
    // for (; x < y; x += 4) memory[x] = 100 / (memory[x] + 50 - x), which is zero once
    const divide: Bytes = [
      ...[0x02, 0x40, 0x03, 0x40, ...get(0), ...get(1), 0x48, EQZ, 0x0d, 1],
      ...[...get(0), ...i32Const(100), ...get(0), 0x28, 2, 0, ...i32Const(48), 0x6a],
      ...[...get(0), 0x6b, 0x6d, 0x36, 2, 0],
      ...[...get(0), ...i32Const(4), 0x6a, ...set(0), 0x0c, 0, 0x0b, 0x0b],
    ];
    const f: RunFunction = { name: "divide", params: [I32, I32], code: divide };
    const { native, v8 } = inBoth(
      [f],
      [
        ["divide", 0n, 44n],
        ["divide", 0n, 200n],
        ["divide", 65_500n, 70_000n],
        ["divide", -8n, 8n],
      ],
    );
    expect(native.outcomes).toEqual(v8.outcomes);
    expect(native.memory).toEqual(v8.memory);
  });
});

/** for (x = 0; x < bound; x += 1) { body } */
function counted(bound: Bytes, body: Bytes): string[] {
  const code = [
    ...[...i32Const(0), ...set(0), 0x02, 0x40, 0x03, 0x40],
    ...[...get(0), ...bound, 0x48, EQZ, 0x0d, 1, ...body],
    ...[...get(0), ...i32Const(1), 0x6a, ...set(0), 0x0c, 0, 0x0b, 0x0b],
  ];
  return codeOf(
    [
      { params: [I32, I32], code },
      { params: [I32], code: [] },
    ],
    "linux",
  );
}
const clear: Bytes = [...get(0), ...i32Const(0), 0x3a, 0, 16];
const count = (lines: string[], pattern: RegExp): number =>
  lines.filter((line) => pattern.test(line)).length;

test("a number of iterations that is known needs one test for several, and no rest", () => {
  const lines = counted(i32Const(64), clear);
  expect(count(lines, /^mov byte/)).toBe(8);
  expect(count(lines, /^cmp/)).toBe(1);
  expect(lines.some((line) => /\[r15\+\w+\+17h\],0/.test(line))).toBe(true);
});

test("a bound that is not known leaves a rest to the loop", () => {
  const lines = counted(get(1), clear);
  expect(count(lines, /^mov byte/)).toBe(5);
});

test("a loop that calls stays as it is", () => {
  const lines = counted(i32Const(64), [...get(0), 0x10, 1]);
  expect(count(lines, /^call/)).toBe(1);
});

test("a kernel's loops stay as they are", () => {
  const code = [
    ...[0x02, 0x40, 0x03, 0x40, ...get(0), ...get(1), 0x48, EQZ, 0x0d, 1, ...clear],
    ...[...get(0), ...i32Const(1), 0x6a, ...set(0), 0x0c, 0, 0x0b, 0x0b],
  ];
  expect(count(codeOf([{ params: [I32, I32], code }], "kernel"), /^mov byte/)).toBe(1);
});
