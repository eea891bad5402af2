// What instruction selection folds: tests of bits, conversions that change nothing, operands in memory.

import { describe, expect, test } from "vitest";
import { I32, I64 } from "../../wasm/types.ts";
import { i32Const, i64Const } from "../../wasm/writer.ts";
import { codeOf } from "./disassemble.ts";

const get = (n: number): number[] => [0x20, n];
/** `if (condition) global 0 = 1`: the condition meets a branch. */
const branch = (condition: number[]): number[] => [
  ...condition,
  0x04,
  0x40,
  ...i32Const(1),
  0x24,
  0,
  0x0b,
];

describe("tests of bits", () => {
  test("a bit shifted down and masked is tested where it is", () => {
    // wrap(x >> 8) & 1
    const bit = [...get(0), ...i64Const(8n), 0x88, 0xa7, ...i32Const(1), 0x71];
    const lines = codeOf([{ params: [I64], code: branch(bit) }]);
    expect(lines[0]).toBe("test edi,100h");
  });

  test("a bit that no immediate reaches takes BT", () => {
    // wrap(x >>> 63)
    const lines = codeOf([
      { params: [I64], code: branch([...get(0), ...i64Const(63n), 0x88, 0xa7]) },
    ]);
    expect(lines.slice(0, 2)).toEqual(["bt rdi,3Fh", expect.stringMatching(/^jae /)]);
  });

  test("the sign that an arithmetic shift copies is not cut off", () => {
    // (x >> 30) & 4: a copy of the sign
    const sign = [...get(0), ...i32Const(30), 0x75, ...i32Const(4), 0x71];
    const lines = codeOf([{ params: [I32], code: branch(sign) }]);
    expect(lines.slice(0, 2)).toEqual([
      expect.stringMatching(/^sar /),
      expect.stringMatching(/^test .*,4$/),
    ]);
  });

  test("a field in memory is tested there, with the size of its load", () => {
    const byte = [...get(0), 0x2d, 0, 5];
    expect(codeOf([{ params: [I32], code: branch(byte) }])[0]).toBe("cmp byte ptr [r15+rdi+5],0");
    const flag = [...get(0), 0x28, 2, 8, ...i32Const(2), 0x71];
    expect(codeOf([{ params: [I32], code: branch(flag) }])[0]).toBe("test dword ptr [r15+rdi+8],2");
  });

  test("a load with another use is loaded once", () => {
    const code = [
      ...get(0),
      0x28,
      2,
      8,
      0x22,
      0,
      ...i32Const(2),
      0x71,
      0x04,
      0x7f,
      ...get(0),
      0x05,
      ...i32Const(0),
      0x0b,
    ];
    const lines = codeOf([{ params: [I32], results: [I32], code }]);
    expect(lines.filter((l) => l.includes("[r15+rdi+8]"))).toEqual(["mov eax,[r15+rdi+8]"]);
  });
});

test("cutting off zeros takes no instruction", () => {
  // wrap(x & 0xfff) + 1
  const code = [...get(0), ...i64Const(0xfffn), 0x83, 0xa7, ...i32Const(1), 0x6a];
  const lines = codeOf([{ params: [I64], results: [I32], code }]);
  expect(lines.filter((l) => l.startsWith("mov e"))).toEqual([]);
});

test("an i32 operation reads the low half of an i64 in place", () => {
  // wrap(x) + y
  const code = [...get(0), 0xa7, ...get(1), 0x6a];
  const lines = codeOf([{ params: [I64, I32], results: [I32], code }]);
  expect(lines).toEqual(["lea eax,[rdi+rsi]", "ret"]);
});

test("a counter in a global is incremented in memory", () => {
  const code = [0x23, 0, ...i32Const(1), 0x6a, 0x24, 0];
  const lines = codeOf([{ code }]);
  expect(lines).toEqual([expect.stringMatching(/^add dword ptr \[.*\],1$/), "ret"]);
});

describe("reversed bytes", () => {
  test("are BSWAP, by rotates and masks", () => {
    // rotl(x & 0xff00ff00, 8) | rotr(x & 0x00ff00ff, 8)
    const code = [
      ...[...get(0), ...i32Const(0xff00ff00 | 0), 0x71, ...i32Const(8), 0x77],
      ...[...get(0), ...i32Const(0x00ff00ff), 0x71, ...i32Const(8), 0x78, 0x72],
    ];
    expect(codeOf([{ params: [I32], results: [I32], code }])).toEqual([
      "mov eax,edi",
      "bswap eax",
      "ret",
    ]);
  });

  test("are not found where a byte is missing", () => {
    const code = [
      ...[...get(0), ...i32Const(0xff00ff00 | 0), 0x71, ...i32Const(8), 0x77],
      ...[...get(0), ...i32Const(0x000000ff), 0x71, ...i32Const(8), 0x78, 0x72],
    ];
    const lines = codeOf([{ params: [I32], results: [I32], code }]);
    expect(lines.join()).not.toContain("bswap");
  });

  test("of 64 bits are found through three rounds of shifts", () => {
    const pairs = (count: bigint, mask: bigint, x: number[]): number[] => [
      ...[...x, ...i64Const(count), 0x88, ...i64Const(mask), 0x83],
      ...[...x, ...i64Const(mask), 0x83, ...i64Const(count), 0x86, 0x84],
    ];
    const bytes = pairs(8n, 0x00ff00ff00ff00ffn, get(0));
    const words = pairs(16n, 0x0000ffff0000ffffn, get(0));
    const code = [...bytes, 0x21, 0, ...words, ...i64Const(32n), 0x8a];
    const lines = codeOf([{ params: [I64], results: [I64], code }]);
    expect(lines).toEqual(["mov rax,rdi", "bswap rax", "ret"]);
  });
});

describe("the zero flag of what computed a value", () => {
  const decrement = [...get(0), ...i32Const(3), 0x71, 0x22, 0];
  test("saves the test of it, across a store", () => {
    // x &= 3; mem[y] = x; if (x) …
    const store = [...get(1), ...get(0), 0x36, 2, 0];
    const code = [...decrement, 0x1a, ...store, ...branch(get(0))];
    const lines = codeOf([{ params: [I32, I32], code }]);
    expect(lines.map((l) => l.split(" ")[0]).slice(0, 3)).toEqual(["and", "mov", "je"]);
  });

  test("is not taken where something else has set it since", () => {
    const other = [...get(1), ...i32Const(5), 0x6c, 0x24, 0];
    const code = [...decrement, 0x1a, ...other, ...branch(get(0))];
    const lines = codeOf([{ params: [I32, I32], code }]);
    expect(lines.some((l) => l.startsWith("test"))).toBe(true);
  });

  test("does not tell of a value that was rotated since", () => {
    const code = [...decrement, ...i32Const(5), 0x77, 0x22, 0, 0x24, 0, ...branch(get(0))];
    const lines = codeOf([{ params: [I32, I32], code }]);
    expect(lines.some((l) => l.startsWith("test"))).toBe(true);
  });
});

test("a global is tested in memory", () => {
  const lines = codeOf([{ code: [0x23, 0, 0x04, 0x40, ...i32Const(1), 0x24, 0, 0x0b] }]);
  expect(lines[0]).toMatch(/^cmp dword ptr \[.*\],0$/);
});

test("addresses near the window's base are made from R15", () => {
  // extend(x) + window + 8
  const code = [...get(0), 0xad, ...i64Const(0xfffffffe00000008n), 0x7c];
  expect(codeOf([{ params: [I32], results: [I64], code }])).toEqual(["lea rax,[r15+rdi+8]", "ret"]);
});

test("a loop that counts from a constant below its bound is not tested before", () => {
  // for (x = 0; x < 10; x++) global = x
  const code = [
    ...[...i32Const(0), 0x21, 0, 0x02, 0x40, 0x03, 0x40],
    ...[...get(0), ...i32Const(10), 0x48, 0x45, 0x0d, 1],
    ...[...get(0), 0x24, 0, ...get(0), ...i32Const(1), 0x6a, 0x21, 0, 0x0c, 0, 0x0b, 0x0b],
  ];
  const lines = codeOf([{ params: [I32, I32], code }]);
  expect(lines.filter((l) => l.startsWith("cmp"))).toHaveLength(1);
  expect(lines.filter((l) => l.startsWith("j"))).toHaveLength(1);
});

test("the test of a loop stands above it too", () => {
  // for (; x < y; x++) global = x
  const code = [
    ...[0x02, 0x40, 0x03, 0x40, ...get(0), ...get(1), 0x48, 0x45, 0x0d, 1],
    ...[...get(0), 0x24, 0, ...get(0), ...i32Const(1), 0x6a, 0x21, 0, 0x0c, 0, 0x0b, 0x0b],
  ];
  const lines = codeOf([{ params: [I32, I32], code }]);
  expect(lines.filter((l) => l.startsWith("cmp"))).toHaveLength(2);
  expect(lines.some((l) => l.startsWith("jmp"))).toBe(false);
});
