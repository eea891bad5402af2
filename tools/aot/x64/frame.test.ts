// Where functions set up their frame, and which calls leave it for good.

import { describe, expect, test } from "vitest";
import { I32, type ValType } from "../../wasm/types.ts";
import { i32Const } from "../../wasm/writer.ts";
import { codeOf, type TestFunction } from "./disassemble.ts";

const get = (n: number): number[] => [0x20, n];
const params: ValType[] = [I32, I32];
const results: ValType[] = [I32];
const call = (n: number): number[] => [0x10, n];
/** A function of the same type that is only called. */
const callee: TestFunction = { params, results, code: [...get(0), ...get(1), 0x6a] };
/** f1(f1(a, b), a) */
const twoCalls = [...get(0), ...get(1), ...call(1), ...get(0), ...call(1)];
const lines = (code: number[], more: TestFunction[] = [callee]): string[] =>
  codeOf([{ params, results, code }, ...more]);
const place = (text: string[], pattern: RegExp): number => text.findIndex((l) => pattern.test(l));

describe("the frame", () => {
  test("is set up behind a way out that makes no calls", () => {
    // if (!a) return b; return f1(f1(a, b), a) + 1
    const code = [
      ...[...get(0), 0x45, 0x04, 0x40, ...get(1), 0x0f, 0x0b],
      ...[...twoCalls, ...i32Const(1), 0x6a],
    ];
    const text = lines(code);
    expect(place(text, /^ret/)).toBeLessThan(place(text, /^push/));
    expect(text.filter((l) => l.startsWith("push")).length).toBe(
      text.filter((l) => l.startsWith("pop")).length,
    );
  });

  test("is left before a join with a way that has none", () => {
    // if (a) global = f1(f1(a, b), a); return b
    const code = [...get(0), 0x04, 0x40, ...twoCalls, 0x24, 0, 0x0b, ...i32Const(7)];
    const text = lines(code);
    expect(place(text, /^(test|cmp)/)).toBe(0);
    expect(place(text, /^push/)).toBeGreaterThan(0);
  });

  test("is never set up in a loop", () => {
    // do { if (a & 1) a = f1(f1(a, b), a) } while (--a); return a
    const code = [
      ...[0x03, 0x40, ...get(0), ...i32Const(1), 0x71, 0x04, 0x40, ...twoCalls, 0x21, 0, 0x0b],
      ...[...get(0), ...i32Const(1), 0x6b, 0x22, 0, 0x0d, 0, 0x0b, ...get(0)],
    ];
    const text = lines(code);
    expect(place(text, /^push/)).toBe(0);
  });
});

describe("a call whose results are returned", () => {
  test("is a jump", () => {
    const text = lines([...get(1), ...get(0), ...call(1)]);
    expect(text[text.length - 1]).toMatch(/^jmp /);
    expect(place(text, /^(call|push|sub)/)).toBe(-1);
  });

  test("is a call where it may come back, and runs out of stack in the end", () => {
    const ends = ([own, other]: [number, number]) =>
      lines(
        [...get(1), ...get(0), ...call(own)],
        [{ params, results, code: [...get(1), ...get(0), ...call(other)] }],
      ).filter((line) => line.startsWith("call"));
    expect(ends([0, 0])).toHaveLength(1);
    expect(ends([1, 0])).toHaveLength(1);
  });

  test("leaves the frame first", () => {
    const text = lines(twoCalls);
    const last = text[text.length - 1];
    expect(last).toMatch(/^jmp /);
    expect(text.filter((l) => l.startsWith("call"))).toHaveLength(1);
    expect(place(text, /^pop/)).toBe(text.length - 2);
  });

  test("stays a call where arguments are on the stack", () => {
    const many: ValType[] = Array.from({ length: 7 }, () => I32);
    const code = [...many.flatMap(() => get(0)), ...call(1)];
    const text = lines(code, [{ params: many, results, code: get(6) }]);
    expect(text[text.length - 1]).toBe("ret");
  });

  test("stays a call where something follows", () => {
    const text = lines([...get(0), ...get(1), ...call(1), ...i32Const(3), 0x24, 0]);
    expect(text[text.length - 1]).toBe("ret");
  });
});
