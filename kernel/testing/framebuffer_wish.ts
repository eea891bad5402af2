// A kernel whose Multiboot 2 header asks for a framebuffer of a certain mode, and which is no Multiboot 1 kernel, so
// that loaders take it by that header: loaders for BIOS machines leave the screen in text mode otherwise.
// Multiboot2 Specification 2.0, 3.1.3 to 3.1.10.

const HEADER_MAGIC_1 = 0x1badb002;
const HEADER_MAGIC_2 = 0xe85250d6;
const TAG_INFORMATION = 1;
const TAG_FRAMEBUFFER = 5;
const TAG_ALIGN_MODULES = 6;
const OPTIONAL = 1;
/** Bytes of the two tags that come in the place of one. */
const ROOM = 32;

export interface FramebufferWish {
  width: number;
  height: number;
  /** Bits of a pixel. */
  depth: number;
}

/** A copy of the kernel's image in which the optional information request has become the wish. Throws if it has none. */
export function withFramebuffer(kernel: Uint8Array, wish: FramebufferWish): Uint8Array {
  const image = Uint8Array.from(kernel);
  const view = new DataView(image.buffer);
  const find = (magic: number, step: number): number => {
    for (let at = 0; at < 0x8000; at += step) if (view.getUint32(at, true) === magic) return at;
    throw new Error(`no header with magic 0x${magic.toString(16)}`);
  };
  view.setUint32(find(HEADER_MAGIC_1, 4), 0, true);
  const header = find(HEADER_MAGIC_2, 8);
  const end = header + view.getUint32(header + 8, true);
  for (let at = header + 16; at < end; ) {
    const [type, flags] = [view.getUint16(at, true), view.getUint16(at + 2, true)];
    const next = at + ((view.getUint32(at + 4, true) + 7) & ~7);
    if (type === TAG_INFORMATION && flags === OPTIONAL && next - at === ROOM) {
      image.fill(0, at, next);
      view.setUint32(at, TAG_FRAMEBUFFER | (OPTIONAL << 16), true);
      [20, wish.width, wish.height, wish.depth].forEach((word, i) => {
        view.setUint32(at + 4 + 4 * i, word, true);
      });
      view.setUint32(at + 24, TAG_ALIGN_MODULES, true);
      view.setUint32(at + 28, 8, true);
      return image;
    }
    at = next;
  }
  throw new Error("no optional information request to put the wish in place of");
}
