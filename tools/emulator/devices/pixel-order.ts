// The bytes of pixels in memory: as canvases and image libraries take them, and as linear modes of 32 bits have them (VBE 3.0,
// "Direct Color Fields"; Bochs' display interface).

/** R, G, B, 255; or B, G, R and a byte that shows nothing. */
export type PixelOrder = "rgba" | "bgrx";

/** Makes R, G, B, 255 of pixels B, G, R, X in their place. Hosts are little endian, as WebAssembly is. */
export function toRgba(pixels: Uint32Array): void {
  // Signed numbers are what engines compute with.
  const words = new Int32Array(pixels.buffer, pixels.byteOffset, pixels.length);
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as number;
    const swapped = (word << 16) | (word >>> 16);
    words[i] = (swapped & 0x00ff_00ff) | (word & 0x0000_ff00) | -0x0100_0000;
  }
}
