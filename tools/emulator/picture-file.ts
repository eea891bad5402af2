// Pictures as files: PNG (ISO/IEC 15948), and PPM (Netpbm's P6).

import { encode } from "fast-png";
import type { RgbaPicture } from "./screen.ts";

export const PICTURE_FORMATS = ["ppm", "png"] as const;
export type PictureFormat = (typeof PICTURE_FORMATS)[number];

/** Bytes R, G, B of each pixel: screens have no transparency. */
function opaque({ width, height, data }: RgbaPicture): Uint8Array {
  const rgb = new Uint8Array(width * height * 3);
  for (let from = 0, to = 0; from < data.length; from += 4, to += 3) {
    rgb[to] = data[from] as number;
    rgb[to + 1] = data[from + 1] as number;
    rgb[to + 2] = data[from + 2] as number;
  }
  return rgb;
}

/** A picture of no pixels, as a screen shows that is off, becomes a black one: neither format has empty ones. */
function visible(picture: RgbaPicture): RgbaPicture {
  if (picture.width > 0 && picture.height > 0) return picture;
  return { width: 1, height: 1, data: new Uint8ClampedArray([0, 0, 0, 255]) };
}

/** The contents of a file that shows a picture. */
export function pictureFile(picture: RgbaPicture, format: PictureFormat): Uint8Array {
  const shown = visible(picture);
  const { width, height } = shown;
  const data = opaque(shown);
  if (format === "png") return encode({ width, height, data, channels: 3, depth: 8 });
  const header = new TextEncoder().encode(`P6\n${width} ${height}\n255\n`);
  const file = new Uint8Array(header.length + data.length);
  file.set(header);
  file.set(data, header.length);
  return file;
}
