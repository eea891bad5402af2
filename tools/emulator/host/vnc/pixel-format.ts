// Pixels in the form that a VNC client asks for (RFC 6143, 7.4).

export interface PixelFormat {
  /** Bytes a pixel: 1, 2 or 4. */
  bytes: 1 | 2 | 4;
  bigEndian: boolean;
  /** Greatest value and place of red, green and blue. */
  max: readonly [number, number, number];
  shift: readonly [number, number, number];
}

/** What the server offers: 32 bits, little endian, 0x00RRGGBB. */
export const OWN_FORMAT: PixelFormat = {
  bytes: 4,
  bigEndian: false,
  max: [255, 255, 255],
  shift: [16, 8, 0],
};

/** The 16 bytes of a PIXEL_FORMAT. */
export function formatBytes({ bytes, bigEndian, max, shift }: PixelFormat): Uint8Array {
  const out = new Uint8Array(16);
  const view = new DataView(out.buffer);
  out.set([bytes * 8, 24, bigEndian ? 1 : 0, 1]);
  max.forEach((value, i) => {
    view.setUint16(4 + 2 * i, value);
  });
  out.set(shift, 10);
  return out;
}

/** Reads a PIXEL_FORMAT; undefined for what cannot be served: colour maps, and values that fit into no pixel. */
export function readFormat(given: Uint8Array): PixelFormat | undefined {
  const view = new DataView(given.buffer, given.byteOffset, 16);
  const bits = given[0];
  if ((bits !== 8 && bits !== 16 && bits !== 32) || given[3] === 0) return undefined;
  const max = [4, 6, 8].map((at) => view.getUint16(at)) as [number, number, number];
  const shift = [...given.subarray(10, 13)] as [number, number, number];
  for (let i = 0; i < 3; i++) {
    const [greatest, place] = [max[i] as number, shift[i] as number];
    const isMask = (greatest & (greatest + 1)) === 0;
    if (!isMask || place + Math.log2(greatest + 1) > bits) return undefined;
  }
  return { bytes: (bits / 8) as 1 | 2 | 4, bigEndian: given[2] !== 0, max, shift };
}

/** Bytes R, G, B, A as pixels of a format. */
export function convert(rgba: Uint8ClampedArray, format: PixelFormat): Uint8Array {
  const { bytes, bigEndian, max, shift } = format;
  const count = rgba.length / 4;
  const out = new Uint8Array(count * bytes);
  const view = new DataView(out.buffer);
  const levels = max.map((greatest, i) =>
    Array.from({ length: 256 }, (_, value) => {
      const scaled = Math.round((value * greatest) / 255);
      return (scaled << (shift[i] as number)) >>> 0;
    }),
  ) as [number[], number[], number[]];
  for (let i = 0; i < count; i++) {
    const pixel =
      ((levels[0][rgba[i * 4] as number] as number) |
        (levels[1][rgba[i * 4 + 1] as number] as number) |
        (levels[2][rgba[i * 4 + 2] as number] as number)) >>>
      0;
    if (bytes === 4) view.setUint32(i * 4, pixel, !bigEndian);
    else if (bytes === 2) view.setUint16(i * 2, pixel, !bigEndian);
    else out[i] = pixel;
  }
  return out;
}
