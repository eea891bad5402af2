// A picture that is kept, in the memory of a WebAssembly module (guest/) that compares, packs and unpacks parts of it with
// vectors: on the one side of a stream of pictures what pages are to show, on the other what a page shows.

import type { PixelOrder } from "../devices/pixel-order.ts";
import type { Rectangle } from "../picture-difference.ts";

/** The module's functions (guest/index.ts); addresses and sizes are numbers of bytes. */
interface Exports {
  readonly memory: WebAssembly.Memory;
  take(
    from: number,
    to: number,
    pitch: number,
    width: number,
    lines: number,
    isSwapped: number,
  ): number;
  box(): number;
  pack(at: number, pitch: number, chunks: number, lines: number, out: number): number;
  unpack(
    from: number,
    end: number,
    at: number,
    pitch: number,
    chunks: number,
    lines: number,
  ): number;
}

/** Pixels that are packed together (guest/format.ts). */
export const CHUNK = 64;
const CHUNK_BYTES = CHUNK * 4;
/** A chunk at its longest, with its code. */
const CHUNK_PACKED = 193;
/** Where the picture begins: the module's own data is below. */
const BASE = 0x1_0000;
const PAGE = 0x1_0000;
/** What is written behind the last chunk before it turns out to be too long. */
const SLACK = 1024;

const chunksOf = (pixels: number): number => Math.ceil(pixels / CHUNK);

/** Bytes that a part takes at most when it is packed. */
export const packedRoom = ({ width, height }: Pick<Rectangle, "width" | "height">): number =>
  chunksOf(width) * height * CHUNK_PACKED + SLACK;

export class KeptPicture {
  readonly #module: Exports;
  width = 0;
  height = 0;

  private constructor(module: Exports) {
    this.#module = module;
  }

  /** An empty picture; `wasm` is the module. */
  static async of(wasm: Uint8Array | WebAssembly.Module): Promise<KeptPicture> {
    const module =
      wasm instanceof WebAssembly.Module ? wasm : await WebAssembly.compile(wasm as BufferSource);
    const { exports } = await WebAssembly.instantiate(module, {});
    return new KeptPicture(exports as unknown as Exports);
  }

  /** Pixels from one line in memory to the next. */
  get pitch(): number {
    return chunksOf(this.width) * CHUNK;
  }

  /** The picture has another size from now on, and is black. */
  resize(width: number, height: number): void {
    Object.assign(this, { width, height });
    const { memory } = this.#module;
    const pages = Math.ceil((this.#end + this.#room) / PAGE);
    const missing = pages - memory.buffer.byteLength / PAGE;
    if (missing > 0) memory.grow(missing);
    new Uint8Array(memory.buffer, BASE, this.#end - BASE).fill(0);
  }

  /** Its pixels R, G, B, 255, `pitch` of them in each line; those behind `width` are anything. */
  get pixels(): Uint8ClampedArray<ArrayBuffer> {
    const { memory } = this.#module;
    return new Uint8ClampedArray(
      memory.buffer as ArrayBuffer,
      this.#address(0),
      this.pitch * this.height * 4,
    );
  }

  /** Takes over whole lines from `y` on; the smallest part known to hold all that are others than before. */
  take(y: number, lines: Uint32Array, order: PixelOrder): Rectangle | undefined {
    const { width } = this;
    const { memory, take, box } = this.#module;
    const from = this.#end;
    new Uint32Array(memory.buffer, from, lines.length).set(lines);
    const count = lines.length / width;
    const isSwapped = order === "bgrx" ? 1 : 0;
    if (!take(from, this.#address(y), this.#pitchBytes, width, count, isSwapped)) return undefined;
    const [left, top, right, bottom] = new Uint32Array(memory.buffer, box(), 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    const x = left * CHUNK;
    return {
      x,
      y: y + top,
      width: Math.min(width, right * CHUNK) - x,
      height: bottom - top,
    };
  }

  /** A part of it, as `take` tells them or of whole lines, packed. It is valid until the next call. */
  pack({ x, y, width, height }: Rectangle): Uint8Array {
    const { memory, pack } = this.#module;
    const out = this.#end;
    const at = this.#address(y) + x * 4;
    const end = pack(at, this.#pitchBytes, chunksOf(width), height, out);
    return new Uint8Array(memory.buffer, out, end - out);
  }

  /** Takes over a packed part. False if it is none: what it was to replace is anything then. */
  unpack({ x, y, width, height }: Rectangle, packed: Uint8Array): boolean {
    const isInside = x % CHUNK === 0 && x + width <= this.width && y + height <= this.height;
    if (!isInside || packed.length > this.#room) return false;
    const { memory, unpack } = this.#module;
    const from = this.#end;
    new Uint8Array(memory.buffer, from, packed.length).set(packed);
    const at = this.#address(y) + x * 4;
    const end = from + packed.length;
    return unpack(from, end, at, this.#pitchBytes, chunksOf(width), height) !== 0;
  }

  get #pitchBytes(): number {
    return chunksOf(this.width) * CHUNK_BYTES;
  }

  /** Of the first pixel of a line; above the first line is one of zeros. */
  #address(y: number): number {
    return BASE + this.#pitchBytes * (y + 1);
  }

  /** Behind the picture is room for what comes and goes. */
  get #end(): number {
    return this.#address(this.height);
  }

  get #room(): number {
    return packedRoom(this) + this.width * this.height;
  }
}
