// Packed pixels are unpacked to what they were, and what is broken is refused.

import { expect, test } from "vitest";
import { Random } from "../cputest/random.ts";
import { MessageError } from "./messages.ts";
import { type PackedPixels, packPixels, unpackPixels } from "./packed-pixels.ts";

const part = (width: number, pixels: readonly number[]) => ({
  ...{ kind: "pixels" as const, x: 3, y: 5, width, height: pixels.length / width },
  ...{ order: "bgrx" as const, bytes: new Uint8Array(Uint32Array.from(pixels).buffer) },
});

function packed(width: number, pixels: readonly number[]): PackedPixels {
  const message = packPixels(part(width, pixels));
  if (message.kind !== "packed-pixels") throw new Error("was not packed");
  return message;
}

const COLOURS = [0, 1, 0xff00_0000, 0xffff_ffff, 0x4000_0001, 0x8000_0004];

/** Lines of runs of few colours, some of them several times. */
function randomPicture(random: Random, width: number): number[] {
  const picture: number[] = [];
  for (let lines = 1 + random.below(8); lines > 0; lines--) {
    const line: number[] = [];
    while (line.length < width) {
      const run = Array<number>(1 + random.below(9)).fill(random.pick(COLOURS));
      line.push(...run.slice(0, width - line.length));
    }
    for (let times = 1 + random.below(4); times > 0; times--) picture.push(...line);
  }
  return picture;
}

test("random pictures of few colours come back as they were", () => {
  const random = new Random(1);
  let packedOnes = 0;
  for (let i = 0; i < 2000; i++) {
    const width = 1 + random.below(40);
    const pixels = randomPicture(random, width);
    const message = packPixels(part(width, pixels));
    if (message.kind === "packed-pixels") packedOnes++;
    const back = message.kind === "pixels" ? message : unpackPixels(message);
    expect(Buffer.compare(back.bytes, part(width, pixels).bytes)).toBe(0);
    expect(message.bytes.length).toBeLessThanOrEqual(pixels.length * 4);
  }
  expect(packedOnes).toBeGreaterThan(1000);
});

test("a plain picture becomes two words, and lines that repeat one piece", () => {
  expect(packed(1920, Array(1920 * 1200).fill(7)).bytes.length).toBe(8);
  const line = Array.from({ length: 100 }, (_, x) => x * x);
  expect(packed(100, Array(50).fill(line).flat()).bytes.length).toBe(4 + 400 + 4);
});

test("what does not become shorter stays as it is", () => {
  const pixels = Array.from({ length: 1000 }, (_, i) => (i * 2654435761) >>> 0);
  expect(packPixels(part(10, pixels))).toEqual(part(10, pixels));
});

test("pixels at any place of a buffer are packed", () => {
  const { bytes, ...rest } = part(4, Array(64).fill(9));
  const moved = new Uint8Array(bytes.length + 3);
  moved.set(bytes, 3);
  const message = packPixels({ ...rest, bytes: moved.subarray(3) });
  expect(message).toEqual(packed(4, Array(64).fill(9)));
});

test.each([
  ["too few pixels", [(1 << 30) | 15, 1]],
  ["too many", [(1 << 30) | 17, 1]],
  ["more than memory holds", [0x7fff_ffff, 1]],
  ["a piece that is cut off", [16, 1, 2, 3]],
  ["a run without its pixel", [(1 << 30) | 16]],
  ["a first line as above", [(2 << 30) | 16]],
  ["an unknown kind", [(3 << 30) | 16]],
  ["nothing", []],
])("refused: %s", (_, words) => {
  const bytes = new Uint8Array(Int32Array.from(words).buffer);
  const message: PackedPixels = { ...part(4, Array(16).fill(0)), kind: "packed-pixels", bytes };
  expect(() => unpackPixels(message)).toThrow(MessageError);
});

test("any bytes are pixels or refused", () => {
  const random = new Random(2);
  for (let i = 0; i < 5000; i++) {
    const words = Array.from({ length: random.below(9) }, () =>
      random.oneIn(2) ? random.below(20) : (random.below(4) << 30) | random.below(20),
    );
    const bytes = new Uint8Array(Int32Array.from(words).buffer);
    const cut = bytes.subarray(0, bytes.length - random.below(Math.min(4, bytes.length + 1)));
    const message: PackedPixels = {
      ...part(4, Array(16).fill(0)),
      kind: "packed-pixels",
      bytes: cut,
    };
    try {
      expect(unpackPixels(message).bytes.length).toBe(64);
    } catch (error) {
      expect(error).toBeInstanceOf(MessageError);
    }
  }
});
