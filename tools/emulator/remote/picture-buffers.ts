// Buffers that parts of pictures travel in between a worker and its page, to and fro: new ones are memory that the host maps
// and clears page by page, which takes several times as long as copying a picture into one.

/** As many as are on their way at a time; the smallest of more is let go. */
const KEPT = 4;

export class PictureBuffers {
  readonly #spare: ArrayBuffer[] = [];

  /** `pixels` words to write to: of a buffer that has come back, if one is large enough. Their contents are anything. */
  take(pixels: number): Uint32Array<ArrayBuffer> {
    const at = this.#spare.findIndex(({ byteLength }) => byteLength >= pixels * 4);
    const buffer = at < 0 ? new ArrayBuffer(pixels * 4) : this.#spare.splice(at, 1)[0];
    return new Uint32Array(buffer as ArrayBuffer, 0, pixels);
  }

  /** A buffer that nobody reads any more. */
  giveBack(buffer: ArrayBuffer): void {
    this.#spare.push(buffer);
    this.#spare.sort((a, b) => a.byteLength - b.byteLength);
    if (this.#spare.length > KEPT) this.#spare.shift();
  }
}
