// A picture in the page's memory, and what of it is to be put on the canvas.

import { join, type Rectangle } from "../picture-difference.ts";
import { KeptPicture } from "../pictures/kept-picture.ts";
import type { ScreenRows } from "../remote/screen-feed.ts";
import { takeRows } from "../remote/taken-rows.ts";
import type { PictureChange } from "./backend.ts";

export class PagePicture {
  readonly #kept: KeptPicture;
  readonly #onChange: (change: PictureChange) => void;
  #image: ImageData | undefined;

  private constructor(kept: KeptPicture, onChange: (change: PictureChange) => void) {
    this.#kept = kept;
    this.#onChange = onChange;
  }

  /** With the module at an address. Rejects with `TypeError` if it does not come. */
  static async load(module: URL, onChange: (change: PictureChange) => void): Promise<PagePicture> {
    const name = module.pathname.replace(/^.*\//, "");
    const response = await fetch(module).catch((error: Error) => {
      throw new TypeError(`${name}: ${error.message}`);
    });
    if (!response.ok) throw new TypeError(`${name}: the server answers ${response.status}`);
    const kept = await KeptPicture.of(new Uint8Array(await response.arrayBuffer()));
    return new PagePicture(kept, onChange);
  }

  /** A picture of this size begins, black. */
  resize(width: number, height: number): void {
    const isOther = width !== this.#kept.width || height !== this.#kept.height;
    this.#kept.resize(width, height);
    this.#resized(isOther);
  }

  /** A canvas that gets a size is black: one of the same size stays as it is until it is drawn anew. */
  #resized(isOther: boolean): void {
    const { width, height, pitch, pixels } = this.#kept;
    if (isOther) this.#onChange({ kind: "size", width, height });
    const isEmpty = width === 0 || height === 0;
    this.#image = isEmpty ? undefined : new ImageData(pixels, pitch, height);
  }

  /** Takes over a packed part. False if it is none. */
  unpack(part: Rectangle, packed: Uint8Array): boolean {
    if (!this.#kept.unpack(part, packed)) return false;
    this.#show(part);
    return true;
  }

  /** Takes over what may have changed. */
  take(rows: ScreenRows, memory: ArrayBuffer): void {
    const { width, height, isFresh } = rows;
    const isOther = width !== this.#kept.width || height !== this.#kept.height;
    const parts: Rectangle[] = [];
    takeRows(this.#kept, rows, memory, (part) => join(parts, part));
    if (isFresh) this.#resized(isOther);
    if (isFresh) this.#show({ x: 0, y: 0, width, height });
    else for (const part of parts) this.#show(part);
  }

  #show({ x, y, width, height }: Rectangle): void {
    const image = this.#image;
    if (image !== undefined) this.#onChange({ kind: "part", image, x, y, width, height });
  }
}
