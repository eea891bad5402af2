// Pictures that are kept: what is taken over, what of it is told as another one, and parts that are packed and unpacked.

import { expect, test } from "vitest";
import { Random } from "../cputest/random.ts";
import type { PixelOrder } from "../devices/pixel-order.ts";
import type { Rectangle } from "../picture-difference.ts";
import { CHUNK, type KeptPicture, packedRoom } from "./kept-picture.ts";
import { emptyPicture, pixelsOf } from "./testing/pictures.ts";

async function pictures(width: number, height: number): Promise<[KeptPicture, KeptPicture]> {
  const both: [KeptPicture, KeptPicture] = [await emptyPicture(), await emptyPicture()];
  for (const picture of both) picture.resize(width, height);
  return both;
}

const whole = ({ width, height }: KeptPicture): Rectangle => ({ x: 0, y: 0, width, height });

/** Bytes R, G, B, 255 of a pixel. */
function shown(pixel: number, order: PixelOrder): number {
  const [a, b, c] = new Uint8Array(Uint32Array.of(pixel).buffer) as unknown as [
    number,
    number,
    number,
  ];
  const [red, green, blue] = order === "rgba" ? [a, b, c] : [c, b, a];
  return 0xff00_0000 | (blue << 16) | (green << 8) | red | 0;
}

/** How lines of a random picture look: each kind is one that a code of the format is for, or nearly. */
const LOOKS = ["plain", "few", "many", "steps", "small steps", "noise", "again"] as const;

function randomLine(random: Random, width: number, above: Uint32Array): Uint32Array {
  const look = random.pick([...LOOKS]);
  if (look === "again") return above.slice();
  const any = (): number => random.below(0x1_0000_0000);
  const colours = Array.from({ length: look === "few" ? 2 + random.below(9) : 1 }, any);
  const bias = any();
  const step = [0, 1, 2, 4, 5, 16, 17][random.below(7)] as number;
  return Uint32Array.from({ length: width }, (_, x) => {
    if (look === "plain" || look === "few") return random.pick(colours);
    if (look === "noise") return any();
    if (look === "many") return x * 0x010203;
    const bytes = [0, 8, 16, 24].map((shift) => {
      const own = look === "steps" ? random.below(step + 1) : random.below(2);
      return (((above[x] as number) >>> shift) + (bias >>> shift) + own) & 255;
    });
    return new Uint32Array(Uint8Array.from(bytes).buffer)[0] as number;
  });
}

test("random pictures come back whole, pixel by pixel, in whatever order they are stored", async () => {
  const random = new Random(1);
  for (let round = 0; round < 300; round++) {
    const [width, height] = [1 + random.below(3 * CHUNK), 1 + random.below(12)];
    const [source, copy] = await pictures(width, height);
    const order: PixelOrder = random.oneIn(2) ? "rgba" : "bgrx";
    const want: number[] = [];
    let line: Uint32Array = new Uint32Array(width);
    for (let y = 0; y < height; y++) {
      line = randomLine(random, width, line);
      want.push(...Array.from(line, (pixel) => shown(pixel, order)));
      source.take(y, line, order);
    }
    expect(pixelsOf(source)).toEqual(Int32Array.from(want));
    const packed = source.pack(whole(source));
    expect(packed.length).toBeLessThanOrEqual(packedRoom(source));
    expect(copy.unpack(whole(copy), packed)).toBe(true);
    expect(pixelsOf(copy)).toEqual(pixelsOf(source));
  }
});

test("a part holds all that has changed, and what is unpacked in its place is the picture", async () => {
  const random = new Random(2);
  const [width, height] = [5 * CHUNK + 7, 40];
  const [source, copy] = await pictures(width, height);
  const pixels = new Uint32Array(width * height);
  for (let round = 0; round < 200; round++) {
    const [first, lines] = [random.below(height), 1 + random.below(16)];
    const end = Math.min(height, first + lines);
    for (let i = random.below(4); i > 0; i--) {
      const at = (first + random.below(end - first)) * width + random.below(width);
      pixels[at] = random.below(0x1_0000_0000);
    }
    const part = source.take(first, pixels.slice(first * width, end * width), "bgrx");
    if (part !== undefined) expect(copy.unpack(part, source.pack(part))).toBe(true);
    expect(pixelsOf(copy).subarray(first * width, end * width)).toEqual(
      pixelsOf(source).subarray(first * width, end * width),
    );
  }
});

test("nothing is told of pixels that are the same, and of a pixel no more than its chunk", async () => {
  const [source] = await pictures(4 * CHUNK, 8);
  const lines = new Uint32Array(4 * CHUNK * 8);
  expect(source.take(0, lines, "rgba")).toEqual(whole(source));
  expect(source.take(0, lines, "rgba")).toBeUndefined();
  // What shows nothing is no change.
  lines.fill(0x7700_0000);
  expect(source.take(0, lines, "rgba")).toBeUndefined();
  lines[3 * 4 * CHUNK + 2 * CHUNK + 5] = 1;
  expect(source.take(0, lines, "rgba")).toEqual({ x: 2 * CHUNK, y: 3, width: CHUNK, height: 1 });
  expect(source.take(0, lines, "rgba")).toBeUndefined();
});

const lengthOf = async (
  height: number,
  pixel: (x: number, y: number) => number,
): Promise<number> => {
  const width = 16 * CHUNK;
  const [source] = await pictures(width, height);
  const all = Uint32Array.from({ length: width * height }, (_, at) =>
    pixel(at % width, Math.floor(at / width)),
  );
  source.take(0, all, "rgba");
  return source.pack(whole(source)).length / (width * height);
};

test("pictures take less than their pixels: bytes a pixel", async () => {
  expect(await lengthOf(64, () => 0x123456)).toBeLessThan(0.02);
  expect(await lengthOf(64, (_, y) => y * 0x010305)).toBeLessThan(0.1);
  // Of text the colours and a bit.
  expect(await lengthOf(64, (x, y) => ((x * 7 + y * y) % 5 < 2 ? 0xffffff : 0))).toBeLessThan(0.3);
  // A gradient whose bytes overflow now and then.
  expect(await lengthOf(64, (x, y) => x * 0x010101 + y * 0x030205)).toBeLessThan(0.6);
  const random = new Random(3);
  expect(await lengthOf(64, () => random.below(0x100_0000))).toBeLessThan(3.1);
});

test("a picture of another size begins black, however large", async () => {
  const [source, copy] = await pictures(10, 10);
  source.take(0, new Uint32Array(100).fill(0x123456), "rgba");
  source.resize(3000, 2000);
  expect(source.pixels.some((byte) => byte !== 0)).toBe(false);
  expect(source.take(1999, new Uint32Array(3000).fill(7), "rgba")).toMatchObject({ y: 1999 });
  copy.resize(3000, 2000);
  expect(copy.unpack(whole(copy), source.pack(whole(source)))).toBe(true);
  expect(pixelsOf(copy)[1999 * 3000 + 5]).toBe(0xff00_0007 | 0);
  source.resize(0, 0);
  expect(source.pixels.length).toBe(0);
});

test("what is no part is refused, and writes to nothing but the picture", async () => {
  const [source, copy] = await pictures(2 * CHUNK, 2);
  const noise = new Random(4);
  source.take(
    0,
    Uint32Array.from({ length: 4 * CHUNK }, () => noise.below(1 << 24)),
    "rgba",
  );
  const packed = source.pack(whole(source)).slice();
  for (const length of [0, 1, 16, 17, packed.length - 4, packed.length - 1]) {
    expect(copy.unpack(whole(copy), packed.subarray(0, length))).toBe(false);
  }
  expect(copy.unpack(whole(copy), Uint8Array.from([...packed, 0, 0, 0, 0]))).toBe(false);
  for (const place of [
    { x: 1, y: 0, width: CHUNK, height: 1 },
    { x: CHUNK, y: 0, width: 2 * CHUNK, height: 2 },
    { x: 0, y: 1, width: 2 * CHUNK, height: 2 },
    { x: 2 * CHUNK, y: 0, width: CHUNK, height: 1 },
  ]) {
    expect(copy.unpack(place, packed)).toBe(false);
  }
  expect(copy.unpack(whole(copy), new Uint8Array(1 << 20))).toBe(false);
  const random = new Random(5);
  for (let i = 0; i < 3000; i++) {
    const bytes = Uint8Array.from({ length: random.below(90) * 4 }, (_, at) =>
      at < 16 ? random.below(14) : random.below(256),
    );
    copy.unpack(whole(copy), bytes);
  }
  expect(copy.unpack(whole(copy), packed)).toBe(true);
  expect(pixelsOf(copy)).toEqual(pixelsOf(source));
});
