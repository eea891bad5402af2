// The font: every character of code page 437 has a shape, of its own, and frames fit together.

import { expect, test } from "vitest";
import { CODE_PAGE_437, GLYPH_LINES, textFont } from "./font.ts";

const font = textFont();
const rows = (code: number) => [...font.subarray(code * GLYPH_LINES, (code + 1) * GLYPH_LINES)];
const codeOf = (character: string) => [...CODE_PAGE_437].indexOf(character);

test("every character but blanks has a shape of its own", () => {
  const shapes = new Map<string, string>();
  const blanks = [0x00, 0x20, 0xff];
  [...CODE_PAGE_437].forEach((character, code) => {
    const shape = rows(code).join();
    expect(shape.replaceAll(/[0,]/g, "") === "", `${code}`).toBe(blanks.includes(code));
    if (blanks.includes(code)) return;
    expect(shapes.get(shape), `${character} looks like another`).toBeUndefined();
    shapes.set(shape, character);
  });
  expect(CODE_PAGE_437).toHaveLength(256);
});

test("ASCII is where it is in ASCII", () => {
  for (let code = 0x20; code < 0x7f; code++)
    expect(codeOf(String.fromCharCode(code)) % 0x100).toBe(code === 0x20 ? 0 : code);
});

test("letters with marks keep to their letter", () => {
  const base = rows(codeOf("e"));
  for (const accented of "éèêë") {
    const glyph = rows(codeOf(accented));
    expect(glyph.slice(5)).toEqual(base.slice(5));
    expect(glyph.slice(0, 5)).not.toEqual(base.slice(0, 5));
  }
});

test("frames meet their neighbours at the edges of the cell", () => {
  // ─ and │ as far as the edges, ┌ from their middles on, █ everything.
  expect(rows(0xc4)).toContain(0xff);
  expect(new Set(rows(0xb3)).size).toBe(1);
  expect((rows(0xda)[15] as number) & (rows(0xb3)[0] as number)).not.toBe(0);
  expect(rows(0xda).some((row) => (row & 1) === 1)).toBe(true);
  expect(rows(0xda)[0]).toBe(0);
  expect(rows(0xdb).every((row) => row === 0xff)).toBe(true);
});
