// What is computed before a loop instead of in it, seen in the machine code.

import { describe, expect, test } from "vitest";
import { I32, type ValType } from "../../wasm/types.ts";
import { i32Const } from "../../wasm/writer.ts";
import { type Line, listingOf } from "../x64/disassemble.ts";

const get = (n: number): number[] => [0x20, n];
const params: ValType[] = [I32, I32, I32];
/** do { global 0 = value } while (--x) */
const loop = (value: number[]): number[] => [
  ...[0x03, 0x40, ...value, 0x24, 0],
  ...[...get(0), ...i32Const(1), 0x6b, 0x22, 0, 0x0d, 0, 0x0b],
];
/** Whether an instruction of `code` stands in front of the place to which its loop goes back. */
function isBefore(code: number[], mnemonic: string): boolean {
  const lines = listingOf([{ params, code }]);
  const jumps = lines.filter((l) => /^jn?e /.test(l.text));
  const back = /([0-9A-F]+)h?$/.exec((jumps[jumps.length - 1] as Line).text);
  const line = lines.find((l) => l.text.startsWith(mnemonic));
  if (!line || !back) throw new Error(`no ${mnemonic}, or no loop`);
  return line.address < Number.parseInt(back[1] as string, 16);
}

describe("before the loop", () => {
  test("stands a product of what does not change", () => {
    const code = loop([...get(1), ...get(2), 0x6c]);
    expect(isBefore(code, "imul")).toBe(true);
  });

  test("stands what only such a product needs", () => {
    const code = loop([...get(1), ...i32Const(5), 0x73, ...get(2), 0x6c]);
    expect(isBefore(code, "imul")).toBe(true);
    expect(isBefore(code, "xor")).toBe(true);
  });
});

describe("in the loop", () => {
  test("stays a product of what changes", () => {
    const code = loop([...get(1), ...get(0), 0x6c]);
    expect(isBefore(code, "imul")).toBe(false);
  });

  test("stays what may trap: the loop may not get there", () => {
    const code = loop([...get(1), ...get(2), 0x6e]);
    expect(isBefore(code, "div")).toBe(false);
  });

  test("stays a load: memory may change, and may be a device", () => {
    const code = loop([...get(1), 0x28, 2, 0, ...i32Const(7), 0x6c]);
    expect(isBefore(code, "imul")).toBe(false);
  });
});
