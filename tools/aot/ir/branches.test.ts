// Control flow as the passes leave it, seen in the machine code: conditions of conditions, joins whose
// predecessors know the way, and repeated questions.

import { describe, expect, test } from "vitest";
import { I32, type ValType } from "../../wasm/types.ts";
import { i32Const } from "../../wasm/writer.ts";
import { codeOf } from "../x64/disassemble.ts";

const get = (n: number): number[] => [0x20, n];
const EQZ = 0x45;
const AND = 0x71;
const OR = 0x72;
const LT_S = 0x48;
const SELECT = 0x1b;
const less = (a: number, b: number): number[] => [...get(a), ...get(b), LT_S];
/** `if (condition) global 0 = 1`. */
const when = (condition: number[]): number[] => [
  ...condition,
  0x04,
  0x40,
  ...i32Const(1),
  0x24,
  0,
  0x0b,
];
/** `if (condition) then else otherwise`, of type i32. */
const choose = (condition: number[], then: number[], otherwise: number[]): number[] => [
  ...condition,
  0x04,
  0x7f,
  ...then,
  0x05,
  ...otherwise,
  0x0b,
];
const params: ValType[] = [I32, I32, I32, I32];
const mnemonics = (lines: string[]): string[] => lines.map((l) => l.split(" ")[0] as string);
const isNumberMade = (m: string): boolean => m.startsWith("set") || m.startsWith("cmov");

describe("a branch on two conditions", () => {
  test.each([
    ["and", [...less(0, 1), ...less(2, 3), AND]],
    ["or", [...less(0, 1), ...less(2, 3), OR]],
    ["select", [...less(2, 3), ...i32Const(0), ...less(0, 1), SELECT]],
    ["not both", [...less(0, 1), ...less(2, 3), AND, EQZ]],
    ["three", [...less(0, 1), ...less(2, 3), AND, ...less(1, 2), OR]],
  ])("is two branches: %s", (_, condition) => {
    const lines = mnemonics(codeOf([{ params, code: when(condition) }]));
    expect(lines.filter(isNumberMade)).toEqual([]);
    expect(lines.filter((m) => m === "test")).toEqual([]);
    expect(lines.filter((m) => m === "cmp").length).toBeGreaterThanOrEqual(2);
  });

  test("that is a number too is computed once", () => {
    const both = [...less(0, 1), ...less(2, 3), AND, 0x22, 0];
    const lines = mnemonics(codeOf([{ params, results: [I32], code: [...when(both), ...get(0)] }]));
    expect(lines.filter((m) => m === "cmp").length).toBe(2);
  });
});

describe("a join whose predecessors know the way", () => {
  test("is left out where constants come in", () => {
    // if (a < b ? c : 1) …
    const lines = mnemonics(
      codeOf([{ params, code: when(choose(less(0, 1), less(2, 3), i32Const(1))) }]),
    );
    expect(lines.filter(isNumberMade)).toEqual([]);
    expect(lines).not.toContain("test");
  });

  test("passes values on that are needed behind it", () => {
    // x = a < b ? (global = 1, 0) : c; if (x) return x + a; return d
    const code = [
      ...choose(less(0, 1), [...i32Const(1), 0x24, 0, ...i32Const(0)], get(2)),
      0x22,
      2,
      0x04,
      0x40,
      ...get(2),
      ...get(0),
      0x6a,
      0x0f,
      0x0b,
      ...get(3),
    ];
    const lines = codeOf([{ params, results: [I32], code }]);
    expect(lines).not.toContain("xor edx,edx");
    expect(mnemonics(lines).filter((m) => m === "test")).toEqual(["test"]);
  });
});

test("a question is asked once", () => {
  // if (a < b) { if (a < b) global = 1; if (a >= b) global = 2 }
  const inner = [...when(less(0, 1)), ...when([...get(0), ...get(1), 0x4e])];
  const lines = mnemonics(codeOf([{ params, code: [...less(0, 1), 0x04, 0x40, ...inner, 0x0b] }]));
  expect(lines.filter((m) => m === "cmp")).toEqual(["cmp"]);
});
