// Packed pixels are unpacked to the colours that they had, and what is broken is refused.

import { expect, test } from "vitest";
import { Random } from "../cputest/random.ts";
import type { PixelOrder } from "../devices/pixel-order.ts";
import { MessageError } from "./messages.ts";
import { packedWords, packPixels, unpackPixels } from "./packed-pixels.ts";

function packed(width: number, pixels: readonly number[]): Int32Array {
  const out = new Int32Array(packedWords(pixels.length));
  return out.subarray(0, packPixels(Int32Array.from(pixels), width, out));
}

function unpacked(words: Int32Array, width: number, count: number, order: PixelOrder): number[] {
  const out = new Int32Array(count);
  unpackPixels(words, width, order, out);
  return [...out];
}

/** Bytes R, G, B, 255 of a pixel of bytes B, G, R, X. */
const swapped = (pixel: number): number => {
  const [b, g, r] = new Uint8Array(Int32Array.of(pixel).buffer);
  return new Int32Array(Uint8Array.of(r as number, g as number, b as number, 255).buffer)[0] ?? 0;
};

const COLOURS = [0, 1, 0xff00_0000, 0xffff_ffff, 0x4000_0001, 0x8000_0004, 0x0012_3456];

/** Lines of runs of few colours or of any, some of them several times. */
function randomPicture(random: Random, width: number): number[] {
  const picture: number[] = [];
  for (let lines = 1 + random.below(8); lines > 0; lines--) {
    const line: number[] = [];
    const isNoise = random.oneIn(3);
    while (line.length < width) {
      const pixel = isNoise ? random.below(0x1_0000_0000) : random.pick(COLOURS);
      const run = Array<number>(1 + random.below(isNoise ? 2 : 90)).fill(pixel);
      line.push(...run.slice(0, width - line.length));
    }
    for (let times = 1 + random.below(4); times > 0; times--) picture.push(...line);
  }
  return picture;
}

test("random pictures come back with the colours that they had, and never take more than three bytes a pixel", () => {
  const random = new Random(1);
  for (let i = 0; i < 3000; i++) {
    const width = 1 + random.below(i % 2 === 0 ? 12 : 150);
    const pixels = randomPicture(random, width);
    const words = packed(width, pixels);
    expect(words.length).toBeLessThanOrEqual(packedWords(pixels.length));
    const opaque = pixels.map((pixel) => pixel | 0xff00_0000 | 0);
    expect(unpacked(words, width, pixels.length, "rgba")).toEqual(opaque);
    expect(unpacked(words, width, pixels.length, "bgrx")).toEqual(pixels.map(swapped));
  }
});

test("pixels are packed behind what is there already", () => {
  const pixels = [5, 6, 7, 8, 9, 10, 11];
  const out = new Int32Array(3 + packedWords(7)).fill(77);
  const end = packPixels(Int32Array.from(pixels), 7, out, 3);
  expect([...out.subarray(0, 3)]).toEqual([77, 77, 77]);
  expect(out.subarray(3, end)).toEqual(packed(7, pixels));
});

test("a plain picture becomes two words, and lines that repeat one piece", () => {
  expect(packed(1920, Array(1920 * 1200).fill(7)).length).toBe(2);
  const line = Array.from({ length: 100 }, (_, x) => x * x);
  expect(packed(100, Array(50).fill(line).flat()).length).toBe(1 + 75 + 1);
});

test("few pixels that repeat among others cost no more than these", () => {
  const random = new Random(3);
  for (let i = 0; i < 200; i++) {
    const pixels: number[] = [];
    while (pixels.length < 4000) {
      const pixel = random.below(0x1_0000_0000);
      for (let run = 1 + random.below(10); run > 0; run--) pixels.push(pixel);
    }
    expect(packed(4000, pixels).length).toBeLessThanOrEqual(packedWords(pixels.length));
  }
});

test.each([
  ["too few pixels", [(1 << 30) | 15, 1]],
  ["too many", [(1 << 30) | 17, 1]],
  ["more than memory holds", [0x3fff_ffff, 1]],
  ["a piece that is cut off", [16, 1, 2, 3]],
  ["a run without its pixel", [(1 << 30) | 16]],
  ["a first line as above", [(2 << 30) | 16]],
  ["an unknown kind", [(3 << 30) | 16]],
  ["nothing", []],
])("refused: %s", (_, words) => {
  expect(() => unpacked(Int32Array.from(words), 4, 16, "bgrx")).toThrow(MessageError);
});

test("any words are pixels or refused", () => {
  const random = new Random(2);
  for (let i = 0; i < 5000; i++) {
    const words = Array.from({ length: random.below(9) }, () =>
      random.oneIn(2) ? random.below(20) : (random.below(4) << 30) | random.below(20),
    );
    try {
      expect(unpacked(Int32Array.from(words), 4, 16, "rgba").length).toBe(16);
    } catch (error) {
      expect(error).toBeInstanceOf(MessageError);
    }
  }
});
