// Kernels for tests: ELF files and bzImages of a few bytes with the headers that a test asks for.

export interface TestSegment {
  vaddr: number;
  paddr?: number;
  data: Uint8Array;
  /** Bytes in memory; those of the file unless stated. */
  memory?: number;
}

export interface TestSection {
  name: number;
  type: number;
  address: number;
  data: Uint8Array;
  align: number;
}

export interface TestElf {
  wide?: boolean;
  machine?: number;
  entry: number;
  segments: TestSegment[];
  sections?: TestSection[];
}

const align = (value: number, to: number) => Math.ceil(value / to) * to;

/** An executable whose first segment begins at offset 0x1000 of the file. */
export function elfFile({
  wide = false,
  machine,
  entry,
  segments,
  sections = [],
}: TestElf): Uint8Array {
  const phdr = wide ? 56 : 32;
  const shdr = wide ? 64 : 40;
  let size = 0x1000;
  const place = (bytes: number) => {
    const at = size;
    size = align(size + bytes, 16);
    return at;
  };
  const offsets = segments.map(({ data }) => place(data.length));
  const contents = sections.map(({ data }) => place(data.length));
  const table = place(shdr * sections.length);
  const file = new Uint8Array(size);
  const view = new DataView(file.buffer);
  const word = (at: number, value: number) =>
    wide ? view.setBigUint64(at, BigInt(value), true) : view.setUint32(at, value, true);
  const words = wide ? 8 : 4;
  view.setUint32(0, 0x464c457f, true);
  file.set([wide ? 2 : 1, 1, 1], 4);
  view.setUint16(16, 2, true);
  view.setUint16(18, machine ?? (wide ? 62 : 3), true);
  view.setUint32(20, 1, true);
  word(24, entry);
  word(24 + words, wide ? 64 : 52);
  word(24 + 2 * words, sections.length > 0 ? table : 0);
  const rest = 24 + 3 * words + 4;
  const numbers = [wide ? 64 : 52, phdr, segments.length, shdr, sections.length, 0];
  for (const [index, value] of numbers.entries()) view.setUint16(rest + 2 * index, value, true);
  for (const [index, { vaddr, paddr = vaddr, data, memory = data.length }] of segments.entries()) {
    const at = (wide ? 64 : 52) + index * phdr;
    view.setUint32(at, 1, true);
    const fields = [offsets[index] as number, vaddr, paddr, data.length, memory];
    if (wide) view.setUint32(at + 4, 7, true);
    for (const [field, value] of fields.entries()) {
      word(at + (wide ? 8 : 4) + field * words, value);
    }
    file.set(data, offsets[index] as number);
  }
  for (const [index, section] of sections.entries()) {
    const at = table + index * shdr;
    view.setUint32(at, section.name, true);
    view.setUint32(at + 4, section.type, true);
    word(at + 8 + words, section.address);
    word(at + 8 + 2 * words, contents[index] as number);
    word(at + 8 + 3 * words, section.data.length);
    word(at + 8 + 4 * words + 8, section.align);
    file.set(section.data, contents[index] as number);
  }
  return file;
}

/** A Multiboot 1 header. */
export function header1(flags: number, ...fields: number[]): Uint8Array {
  const words = [0x1bad_b002, flags, -(0x1bad_b002 + flags) >>> 0, ...fields];
  const header = new DataView(new ArrayBuffer(4 * words.length));
  for (const [index, value] of words.entries()) header.setUint32(4 * index, value, true);
  return new Uint8Array(header.buffer);
}

/** A Multiboot 2 header: tags of type, flags and fields of 32 bits; the end is added. */
export function header2(...tags: [number, number, ...number[]][]): Uint8Array {
  const all: [number, number, ...number[]][] = [...tags, [0, 0]];
  const sizes = all.map(([, , ...fields]) => 8 + 4 * fields.length);
  const length = sizes.reduce((sum, size) => sum + align(size, 8), 16);
  const header = new DataView(new ArrayBuffer(length));
  const magic = 0xe852_50d6;
  for (const [index, value] of [magic, 0, length, -(magic + length) >>> 0].entries()) {
    header.setUint32(4 * index, value >>> 0, true);
  }
  let at = 16;
  for (const [index, [type, flags, ...fields]] of all.entries()) {
    header.setUint16(at, type, true);
    header.setUint16(at + 2, flags, true);
    header.setUint32(at + 4, sizes[index] as number, true);
    for (const [field, value] of fields.entries())
      header.setUint32(at + 8 + 4 * field, value >>> 0, true);
    at += align(sizes[index] as number, 8);
  }
  return new Uint8Array(header.buffer);
}

/** Bytes in which every place can be told from every other nearby. */
export function pattern(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8) * 13 + seed) & 0xff);
}

/** The data of a segment with a header at its start. */
export function withHeader(header: Uint8Array, length: number, seed = 1): Uint8Array {
  const data = pattern(Math.max(length, header.length), seed);
  data.set(header);
  return data;
}

export interface TestLinux {
  version?: number;
  loadflags?: number;
  xloadflags?: number;
  prefAddress?: number;
  initSize?: number;
  relocatable?: boolean;
  alignment?: number;
  initrdMax?: number;
  cmdlineSize?: number;
  payload?: Uint8Array;
}

/** A bzImage with one sector of setup code behind the boot sector. */
export function bzImage(options: TestLinux = {}): Uint8Array {
  const payload = options.payload ?? pattern(5000, 9);
  const file = new Uint8Array(1024 + payload.length);
  const view = new DataView(file.buffer);
  view.setUint8(0x1f1, 1);
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint16(0x200, 0x6aeb, true);
  view.setUint32(0x202, 0x5372_6448, true);
  view.setUint16(0x206, options.version ?? 0x20f, true);
  view.setUint8(0x211, options.loadflags ?? 1);
  view.setUint32(0x22c, options.initrdMax ?? 0x7fff_ffff, true);
  view.setUint32(0x230, options.alignment ?? 0x20_0000, true);
  view.setUint8(0x234, options.relocatable ? 1 : 0);
  view.setUint16(0x236, options.xloadflags ?? 0, true);
  view.setUint32(0x238, options.cmdlineSize ?? 2047, true);
  view.setBigUint64(0x258, BigInt(options.prefAddress ?? 0x100_0000), true);
  view.setUint32(0x260, options.initSize ?? 0x10_0000, true);
  file.set(payload, 1024);
  return file;
}
