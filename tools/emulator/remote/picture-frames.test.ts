// Frames come out of a stream as they went into it, however the stream is cut, and what is no such stream is refused.

import { expect, test } from "vitest";
import { Random } from "../cputest/random.ts";
import { MessageError } from "./messages.ts";
import { unpackPixels } from "./packed-pixels.ts";
import { FrameWriter, type PictureFrame, type ReadBytes, readFrames } from "./picture-frames.ts";
import { encodeMessage } from "./wire.ts";

const [WIDTH, HEIGHT] = [37, 11];
const picture = {
  ...{ width: WIDTH, height: HEIGHT, order: "rgba" as const },
  pixels: Int32Array.from({ length: WIDTH * HEIGHT }, (_, i) => (i * i) | 0xff00_0000),
};

/** Reads from bytes; each time into other memory, as browsers do. */
function readerOf(bytes: Uint8Array): ReadBytes {
  let at = 0;
  return async (into) => {
    if (at + into.length > bytes.length) return undefined;
    const memory = new Uint8Array(structuredClone(into.buffer), into.byteOffset, into.length);
    memory.set(bytes.subarray(at, at + into.length));
    at += into.length;
    return memory;
  };
}

/** The frames of a stream, with bytes that stay. */
async function framesOf(bytes: Uint8Array): Promise<PictureFrame[]> {
  const frames: PictureFrame[] = [];
  for await (const frame of readFrames(readerOf(bytes))) {
    frames.push("bytes" in frame ? { ...frame, bytes: frame.bytes.slice() } : frame);
  }
  return frames;
}

/** A frame of any message. */
function framed(message: { kind: string }): Uint8Array {
  const bytes = encodeMessage(message);
  const out = new Uint8Array(4 + bytes.length);
  new DataView(out.buffer).setUint32(0, bytes.length, true);
  out.set(bytes, 4);
  return out;
}

test("parts of a picture arrive with the pixels that they had", async () => {
  const random = new Random(1);
  const writer = new FrameWriter();
  for (let round = 0; round < 50; round++) {
    const parts = Array.from({ length: 1 + random.below(5) }, () => {
      const [x, y] = [random.below(WIDTH), random.below(HEIGHT)];
      const isWide = random.oneIn(3);
      const width = isWide ? WIDTH : 1 + random.below(WIDTH - x);
      return { x: isWide ? 0 : x, y, width, height: 1 + random.below(HEIGHT - y) };
    });
    writer.begin(parts);
    writer.message({ kind: "size", width: WIDTH, height: HEIGHT });
    for (const part of parts) writer.part(part, picture);
    writer.message({ kind: "shown" });
    const frames = await framesOf(writer.written);
    expect(frames[0]).toEqual({ kind: "size", width: WIDTH, height: HEIGHT });
    expect(frames.at(-1)).toEqual({ kind: "shown" });
    expect(frames.length).toBe(parts.length + 2);
    for (const [i, part] of parts.entries()) {
      const frame = frames[i + 1];
      if (frame?.kind !== "packed-pixels") throw new Error("expected pixels");
      expect(frame).toMatchObject({ ...part, order: "rgba" });
      const words = new Int32Array(frame.bytes.buffer, frame.bytes.byteOffset);
      const out = new Int32Array(part.width * part.height);
      unpackPixels(words, part.width, frame.order, out);
      const want = out.map(
        (_, at) =>
          picture.pixels[
            (part.y + Math.floor(at / part.width)) * WIDTH + part.x + (at % part.width)
          ] as number,
      );
      expect(out).toEqual(want);
    }
  }
});

test("a stream that ends within a frame ends", async () => {
  const whole = Buffer.concat([framed({ kind: "shown" }), framed({ kind: "shown" })]);
  for (let length = 0; length < whole.length; length++) {
    const frames = await framesOf(whole.subarray(0, length));
    expect(frames.length).toBe(length < whole.length / 2 ? 0 : 1);
  }
});

test.each([
  ["an empty frame", Uint8Array.of(0, 0, 0, 0)],
  ["a frame that is larger than any", Uint8Array.of(0, 0, 0, 0xff)],
  ["a frame of half a word", Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 0, 0, 0)],
  ["no header", Uint8Array.of(8, 0, 0, 0, 4, 0, 0, 0, 0x78, 0x78, 0x78, 0x78)],
  ["another message", framed({ kind: "status" })],
  ["a size that is none", framed({ kind: "size", width: -1, height: 1 } as { kind: string })],
  [
    "pixels of no order",
    framed({ kind: "packed-pixels", x: 0, y: 0, width: 1, height: 1 } as never),
  ],
])("refused: %s", async (_, bytes) => {
  await expect(framesOf(bytes)).rejects.toThrow(MessageError);
});
