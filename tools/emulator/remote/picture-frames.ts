// A screen as a stream of bytes: frames, each its length (32 bits, little endian, a multiple of four) and a message as
// `wire.ts` writes it. A picture is any number of parts and a frame that ends it.

import type { Rectangle } from "../picture-difference.ts";
import { type KeptPicture, packedRoom } from "../pictures/kept-picture.ts";
import { MessageError } from "./messages.ts";
import { decodeMessage, encodeMessage } from "./wire.ts";

/** What a frame says. */
export type PictureFrame =
  /** The picture has another size from now on, if it is another. */
  | { kind: "size"; width: number; height: number }
  /** A part of it, as a `KeptPicture` packs it. */
  | (Rectangle & { kind: "packed-pixels"; bytes: Uint8Array })
  /** The picture is complete. */
  | { kind: "shown" };

const LENGTH_BYTES = 4;
const WORD = 4;
/** More than any screen's: 16 MiB of video memory hold 16 million pixels of a byte. */
const MAX_FRAME = 128 << 20;
const MAX_SIDE = 1 << 16;

/** Writes frames into a buffer that is used again for the next ones. */
export class FrameWriter {
  #bytes = new Uint8Array(0);
  #used = 0;

  /** Begins anew, with room for `parts`; what was written is valid no more. */
  begin(parts: readonly Rectangle[]): void {
    this.#used = 0;
    const room = parts.reduce((sum, part) => sum + packedRoom(part) + ROOM, ROOM);
    if (this.#bytes.length < room) this.#bytes = new Uint8Array(room);
  }

  get written(): Uint8Array {
    return this.#bytes.subarray(0, this.#used);
  }

  message(frame: Exclude<PictureFrame, { kind: "packed-pixels" }>): void {
    this.#frame(encodeMessage(frame), 0);
  }

  /** A part of `picture`. */
  part(part: Rectangle, picture: KeptPicture): void {
    const packed = picture.pack(part);
    const head = encodeMessage({ kind: "packed-pixels", ...part });
    this.#bytes.set(packed, this.#used + LENGTH_BYTES + head.length);
    this.#frame(head, packed.length);
  }

  #frame(head: Uint8Array, payload: number): void {
    new DataView(this.#bytes.buffer).setUint32(this.#used, head.length + payload, true);
    this.#bytes.set(head, this.#used + LENGTH_BYTES);
    this.#used += LENGTH_BYTES + head.length + payload;
  }
}

/** Bytes for frames without pixels, and for the header of one with some. */
const ROOM = 512;

/** Fills `into` with the next bytes; undefined at the end of the stream. The array's buffer may be another one then. */
export type ReadBytes = (
  into: Uint8Array<ArrayBuffer>,
) => Promise<Uint8Array<ArrayBuffer> | undefined>;

/**
 * The frames of a stream; the bytes of one are at the beginning of a buffer that is the caller's, which `room` gives for so
 * many bytes or more. Throws `MessageError` for what is no such stream; one that ends within a frame ends.
 */
export async function* readFrames(
  read: ReadBytes,
  room: (bytes: number) => ArrayBuffer,
): AsyncGenerator<PictureFrame> {
  let buffer = new ArrayBuffer(LENGTH_BYTES);
  for (;;) {
    const length = await read(new Uint8Array(buffer, 0, LENGTH_BYTES));
    if (length === undefined) return;
    buffer = length.buffer;
    const bytes = new DataView(buffer).getUint32(0, true);
    if (bytes < LENGTH_BYTES || bytes > MAX_FRAME || bytes % WORD !== 0) {
      throw new MessageError(`a frame of ${bytes} bytes`);
    }
    const frame = await read(new Uint8Array(room(bytes), 0, bytes));
    if (frame === undefined) return;
    yield checkedFrame(decodeMessage(frame));
  }
}

/** What is in a frame, if it is one. Throws `MessageError`. */
function checkedFrame(value: Record<string, unknown>): PictureFrame {
  const { kind, bytes } = value;
  const side = (name: string): number => {
    const given = value[name];
    if (Number.isInteger(given) && (given as number) >= 0 && (given as number) < MAX_SIDE) {
      return given as number;
    }
    throw new MessageError(`${name}: expected a number of pixels below ${MAX_SIDE}`);
  };
  if (kind === "shown") return { kind };
  const [width, height] = [side("width"), side("height")];
  if (kind === "size") return { kind, width, height };
  if (kind !== "packed-pixels") throw new MessageError("expected a part of a picture");
  const part = { x: side("x"), y: side("y"), width, height };
  return { kind, ...part, bytes: bytes as Uint8Array };
}
