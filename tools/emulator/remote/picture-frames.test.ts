// Frames come out of a stream as they went into it, however the stream is cut, and what is no such stream is refused.

import { expect, test } from "vitest";
import { Random } from "../cputest/random.ts";
import type { Rectangle } from "../picture-difference.ts";
import { emptyPicture, pixelsOf } from "../pictures/testing/pictures.ts";
import { MessageError } from "./messages.ts";
import { FrameWriter, type PictureFrame, type ReadBytes, readFrames } from "./picture-frames.ts";
import { encodeMessage } from "./wire.ts";

const [WIDTH, HEIGHT] = [150, 11];

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

/** The frames of a stream. */
async function framesOf(bytes: Uint8Array): Promise<PictureFrame[]> {
  const frames: PictureFrame[] = [];
  const room = (length: number): ArrayBuffer => new ArrayBuffer(length);
  for await (const frame of readFrames(readerOf(bytes), room)) frames.push(frame);
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

test("parts of a picture arrive with the pixels that they have", async () => {
  const random = new Random(1);
  const [source, copy] = [await emptyPicture(), await emptyPicture()];
  source.resize(WIDTH, HEIGHT);
  copy.resize(WIDTH, HEIGHT);
  const writer = new FrameWriter();
  for (let round = 0; round < 50; round++) {
    const parts: Rectangle[] = [];
    for (let y = random.below(3); y < HEIGHT; y += 1 + random.below(4)) {
      const line = Uint32Array.from({ length: WIDTH }, () => random.below(0x1_0000_0000));
      const part = source.take(y, line, "rgba");
      if (part !== undefined) parts.push(part);
    }
    writer.begin(parts);
    writer.message({ kind: "size", width: WIDTH, height: HEIGHT });
    for (const part of parts) writer.part(part, source);
    writer.message({ kind: "shown" });
    const frames = await framesOf(writer.written);
    expect(frames[0]).toEqual({ kind: "size", width: WIDTH, height: HEIGHT });
    expect(frames.at(-1)).toEqual({ kind: "shown" });
    expect(frames.length).toBe(parts.length + 2);
    for (const [i, part] of parts.entries()) {
      const frame = frames[i + 1];
      if (frame?.kind !== "packed-pixels") throw new Error("expected pixels");
      expect(frame).toMatchObject(part);
      expect(copy.unpack(frame, frame.bytes)).toBe(true);
    }
    expect(pixelsOf(copy)).toEqual(pixelsOf(source));
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
  ["pixels of no place", framed({ kind: "packed-pixels", x: 0, width: 1, height: 1 } as never)],
])("refused: %s", async (_, bytes) => {
  await expect(framesOf(bytes)).rejects.toThrow(MessageError);
});
