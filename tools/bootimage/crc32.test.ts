// Against the published check values (RFC 3720, B.4; the catalogue's "123456789") and Node's zlib where it has one.

import zlib from "node:zlib";
import { expect, test } from "vitest";
import { crc32, crc32c } from "./crc32.ts";

const text = new TextEncoder().encode("123456789");

test("has the published check values", () => {
  expect(crc32(text)).toBe(0xcbf43926);
  expect(crc32c(text)).toBe(0xe3069283);
  expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
  expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
  expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => 31 - i))).toBe(0x113fdb5c);
  expect(crc32c(new Uint8Array())).toBe(0);
});

test("goes on where it stopped, at any place and alignment", () => {
  const bytes = Uint8Array.from({ length: 100 }, (_, i) => (i * 37) & 0xff);
  for (let cut = 0; cut <= 100; cut++) {
    const [front, rest] = [bytes.subarray(0, cut), bytes.subarray(cut)];
    expect(crc32c(rest, crc32c(front))).toBe(crc32c(bytes));
    expect(crc32(rest, crc32(front))).toBe(crc32(bytes));
  }
});

const zlibCrc32 = (zlib as { crc32?: (data: Uint8Array) => number }).crc32;
test.skipIf(zlibCrc32 === undefined)("is zlib's for every length", () => {
  for (let length = 0; length < 70; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * i + length) & 0xff);
    expect(crc32(bytes)).toBe(zlibCrc32?.(bytes));
  }
});
