// CDs that boot, after the El Torito specification.

/**
 * A CD with a boot catalogue for `boot`: sectors of 2048 bytes, boot record at 17, catalogue at 20, image at 21.
 * `media` is the catalogue's type of emulation, `count` how many sectors of 512 bytes it says are to be loaded.
 */
export function bootCd(boot: Uint8Array, media: number, count = 4): Uint8Array {
  const image = new Uint8Array(2048 * 21 + Math.ceil(boot.length / 2048) * 2048);
  const view = new DataView(image.buffer);
  const text = new TextEncoder();
  image[2048 * 17] = 0;
  image.set(text.encode("CD001"), 2048 * 17 + 1);
  image[2048 * 17 + 6] = 1;
  image.set(text.encode("EL TORITO SPECIFICATION"), 2048 * 17 + 7);
  view.setUint32(2048 * 17 + 0x47, 20, true);
  const catalogue = 2048 * 20;
  image[catalogue] = 1;
  view.setUint16(catalogue + 28, 0x55aa, true);
  view.setUint16(catalogue + 30, 0xaa55, true);
  // The validation entry's words add up to 0.
  view.setUint16(catalogue + 28, (0x10000 - 0xaa55 - 1) & 0xffff, true);
  image[catalogue + 32] = 0x88;
  image[catalogue + 33] = media;
  view.setUint16(catalogue + 38, count, true);
  view.setUint32(catalogue + 40, 21, true);
  image.set(boot, 2048 * 21);
  return image;
}
