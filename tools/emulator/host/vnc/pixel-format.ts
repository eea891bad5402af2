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

const ARRAYS = { 1: Uint8Array, 2: Uint16Array, 4: Uint32Array } as const;

/** A pixel with its bytes in the format's order, as this little-endian program stores it. */
function stored(pixel: number, { bytes, bigEndian }: PixelFormat): number {
  if (!bigEndian || bytes === 1) return pixel;
  if (bytes === 2) return ((pixel & 0xff) << 8) | (pixel >>> 8);
  const swapped =
    (pixel << 24) | ((pixel & 0xff00) << 8) | ((pixel >>> 8) & 0xff00) | (pixel >>> 24);
  return swapped >>> 0;
}

/** What each value of a colour contributes to a pixel. */
const levels = (format: PixelFormat, colour: 0 | 1 | 2): Uint32Array =>
  Uint32Array.from({ length: 256 }, (_, value) => {
    const scaled = Math.round((value * format.max[colour]) / 255);
    return stored((scaled << format.shift[colour]) >>> 0, format);
  });

/** Bytes R, G, B, A, at a multiple of 4 in their buffer, as pixels of a format. */
export function convert(rgba: Uint8ClampedArray, format: PixelFormat): Uint8Array {
  const words = new Uint32Array(rgba.buffer, rgba.byteOffset, rgba.length >> 2);
  const [red, green, blue] = [levels(format, 0), levels(format, 1), levels(format, 2)];
  const out = new ARRAYS[format.bytes](words.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    out[i] =
      (red[word & 255] as number) |
      (green[(word >> 8) & 255] as number) |
      (blue[(word >> 16) & 255] as number);
  }
  return new Uint8Array(out.buffer);
}
