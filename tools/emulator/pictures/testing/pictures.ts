// Pictures for tests: empty ones, and what is in them.

import { guestModule } from "../../../asc/guest.ts";
import { KeptPicture } from "../kept-picture.ts";
import { PICTURES_GUEST } from "../options.ts";

/** A picture of no size. */
export const emptyPicture = async (): Promise<KeptPicture> =>
  KeptPicture.of((await guestModule(PICTURES_GUEST)).wasm);

/** Its pixels, line by line, without those that do not show. */
export function pixelsOf(picture: KeptPicture): Int32Array {
  const { width, height, pitch, pixels } = picture;
  const words = new Int32Array(pixels.buffer, pixels.byteOffset, pixels.length / 4);
  const out = new Int32Array(width * height);
  for (let y = 0; y < height; y++) {
    out.set(words.subarray(y * pitch, y * pitch + width), y * width);
  }
  return out;
}
