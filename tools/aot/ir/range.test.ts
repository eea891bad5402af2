// What ranges of integers allow, seen in the machine code: where a pointer cannot wrap its constant is
// part of the address, elsewhere it is not.

import { describe, expect, test } from "vitest";
import { I32, I64, type ValType } from "../../wasm/types.ts";
import { i32Const, uleb } from "../../wasm/writer.ts";
import { codeOf } from "../x64/disassemble.ts";

const get = (n: number): number[] => [0x20, n];
const LT_S = 0x48;
const LT_U = 0x49;
const ADD = [0x6a];
const load8 = [0x2d, 0, 0];
const store8 = [0x3a, 0, 0];
const params: ValType[] = [I32, I32];

/** for (local 0 = start; local 0 < end; local 0 += step) body */
function loop(start: number[], compare: number, end: number[], step: number[], body: number[]) {
  return [
    ...start,
    ...[0x21, 0, 0x02, 0x40, 0x03, 0x40],
    ...[...get(0), ...end, compare, 0x45, 0x0d, 1],
    ...body,
    ...[...get(0), ...step, 0x6a, 0x21, 0, 0x0c, 0, 0x0b, 0x0b],
  ];
}
const clear = [...get(0), ...i32Const(0x1000), ...ADD, ...i32Const(0), ...store8];
const isFolded = (lines: string[]): boolean => lines.some((l) => /\[r15\+\w+\+1000h\],0/.test(l));

describe("a constant of a pointer is part of the address", () => {
  test("where a loop counts up to a constant", () => {
    const code = loop(i32Const(2), LT_S, i32Const(5000), i32Const(1), clear);
    expect(isFolded(codeOf([{ params, code }]))).toBe(true);
  });

  test("where a loop counts up to an unsigned limit below 2³¹", () => {
    const code = loop(i32Const(0), LT_U, i32Const(0x7fff0000), i32Const(4), clear);
    expect(isFolded(codeOf([{ params, code }]))).toBe(true);
  });

  test("where a test bounds it", () => {
    const code = [...get(0), ...i32Const(4096), LT_U, 0x04, 0x40, ...clear, 0x0b];
    expect(isFolded(codeOf([{ params, code }]))).toBe(true);
  });

  /** x = start; do { memory[x + 0x1000] = 0; x += 3 } while (x compare 5000) */
  const bottom = (start: number, compare: number[]): number[] => [
    ...[...i32Const(start), 0x21, 0, 0x03, 0x40, ...clear],
    ...[...get(0), ...i32Const(3), ...ADD, 0x22, 0, ...i32Const(5000), ...compare, 0x0d, 0, 0x0b],
  ];
  const isFoldedIn = (code: number[]): boolean => isFolded(codeOf([{ params, code }]));
  const NE = 0x47;
  const EQ = 0x46;

  test("where the test of a loop stands at its end", () => {
    expect(isFoldedIn(bottom(2, [LT_S]))).toBe(true);
    expect(isFoldedIn(bottom(-2, [LT_S]))).toBe(false);
  });

  test("where a loop counts until it meets the end", () => {
    expect(isFoldedIn(bottom(2, [NE]))).toBe(true);
    expect(isFoldedIn(bottom(2, [EQ, 0x45]))).toBe(true);
    // It goes past the end.
    expect(isFoldedIn(bottom(1, [NE]))).toBe(false);
    expect(isFoldedIn(bottom(5003, [NE]))).toBe(false);
  });

  test("but not behind the test's other outcome", () => {
    const code = [...get(0), ...i32Const(4096), LT_U, 0x04, 0x40, 0x05, ...clear, 0x0b];
    expect(isFolded(codeOf([{ params, code }]))).toBe(false);
  });

  test("but not where the step may go beyond the sign", () => {
    const code = loop(i32Const(0), LT_S, i32Const(0x7fffffff), i32Const(4), clear);
    expect(isFolded(codeOf([{ params, code }]))).toBe(false);
  });

  test("but not where the start may be negative", () => {
    const code = loop(get(1), LT_S, i32Const(5000), i32Const(1), clear);
    expect(isFolded(codeOf([{ params, code }]))).toBe(false);
  });

  test("but not where an unsigned limit is too high", () => {
    const code = loop(i32Const(0), LT_U, i32Const(-1), i32Const(1), clear);
    expect(isFolded(codeOf([{ params, code }]))).toBe(false);
  });
});

test("constants inside an index are part of the address", () => {
  // for (x = 0; x < 100; x++) memory[((x + 5) * 12 + (x + 1)) << 2] = 0
  const index = [
    ...[...get(0), ...i32Const(5), ...ADD, ...i32Const(12), 0x6c],
    ...[...get(0), ...i32Const(1), ...ADD, ...ADD, ...i32Const(2), 0x74],
  ];
  const store = [...index, ...i32Const(0), 0x36, 2, 0];
  const lines = codeOf([
    { params, code: loop(i32Const(0), LT_S, i32Const(100), i32Const(1), store) },
  ]);
  expect(lines.some((l) => /^mov dword ptr \[r15\+\w+\*4\+0F4h\],0$/.test(l))).toBe(true);
  const far = codeOf([
    { params, code: loop(i32Const(-6), LT_S, i32Const(100), i32Const(1), store) },
  ]);
  expect(far.some((l) => l.includes("0F4h"))).toBe(false);
});

test("an index of which the shift loses nothing is scaled by the address", () => {
  const body = [
    ...get(0),
    ...i32Const(2),
    0x74,
    ...i32Const(0x1000),
    ...ADD,
    ...i32Const(0),
    0x36,
    2,
    0,
  ];
  const bounded = loop(i32Const(0), LT_S, i32Const(5000), i32Const(1), body);
  expect(codeOf([{ params, code: bounded }])).toContainEqual(
    expect.stringMatching(/^mov dword ptr \[r15\+\w+\*4\+1000h\],0$/),
  );
  const free = loop(get(1), LT_S, i32Const(5000), i32Const(1), body);
  expect(codeOf([{ params, code: free }])).not.toContainEqual(expect.stringContaining("r15+rax*4"));
});

test("what is not negative is extended for nothing", () => {
  const body = [...[0x41, ...uleb(0)], ...get(0), 0xac, 0x37, 3, 0];
  const code = loop(i32Const(0), LT_S, i32Const(5000), i32Const(1), body);
  expect(codeOf([{ params: [I32, I64], code }]).join()).not.toContain("movsxd");
});

test("bytes are extended and multiplied without leaving their range", () => {
  // load8(p) * 16 + 0x1000 as a pointer
  const code = [
    ...[...get(0), ...load8, ...i32Const(16), 0x6c, ...i32Const(0x1000), ...ADD],
    ...[...i32Const(0), ...store8],
  ];
  expect(isFolded(codeOf([{ params, code }]))).toBe(true);
});
