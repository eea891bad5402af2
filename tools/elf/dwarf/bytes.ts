// A growing little-endian byte string in the encodings of DWARF 4, section 7.6 (LEB128) and 7.5 (forms). Remembers
// where addresses of code and offsets into debug sections stand, for those who relocate them.

/** Names of the sections that other debug sections point into. */
export type DebugTarget =
  | ".debug_abbrev"
  | ".debug_frame"
  | ".debug_line"
  | ".debug_loc"
  | ".debug_ranges";

/** A field that changes when code or a debug section moves. */
export interface OpenDebugField {
  offset: number;
  size: 4 | 8;
  /** The debug section it points into; undefined for an address of code. */
  target: DebugTarget | undefined;
  /** The field holds the distance from itself. */
  relative: boolean;
  /** Address or offset that the field stands for. */
  value: bigint;
}

export class Bytes {
  #bytes = new Uint8Array(256);
  #length = 0;
  readonly addressSize: 4 | 8;
  readonly open: OpenDebugField[] = [];

  constructor(addressSize: 4 | 8) {
    this.addressSize = addressSize;
  }

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    if (this.#length === this.#bytes.length) {
      const more = new Uint8Array(this.#length * 2);
      more.set(this.#bytes);
      this.#bytes = more;
    }
    this.#bytes[this.#length++] = value;
    return this;
  }

  u16(value: number): this {
    return this.u8(value).u8(value >> 8);
  }

  u32(value: number): this {
    return this.u16(value).u16(value >>> 16);
  }

  /** A number as wide as an address; its low part where addresses have 4 bytes. */
  word(value: bigint): this {
    this.u32(Number(BigInt.asUintN(32, value)));
    return this.addressSize === 4 ? this : this.u32(Number(BigInt.asUintN(32, value >> 32n)));
  }

  /** An address of code. */
  address(value: bigint): this {
    this.#open(this.addressSize, undefined, false, value);
    return this.word(value);
  }

  /** The distance from here to an address of code, 4 bytes; what a linker fills in. */
  relativeAddress(value: bigint): this {
    this.#open(4, undefined, true, value);
    return this.u32(0);
  }

  #open(size: 4 | 8, target: DebugTarget | undefined, relative: boolean, value: bigint): void {
    this.open.push({ offset: this.#length, size, target, relative, value });
  }

  /** An offset in another debug section. */
  sectionOffset(target: DebugTarget, value: number): this {
    this.#open(4, target, false, BigInt(value));
    return this.u32(value);
  }

  uleb(value: number): this {
    let rest = value;
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    return this.u8(rest);
  }

  /** A signed number of at most 32 bits. */
  sleb(value: number): this {
    let rest = value;
    for (;;) {
      const low = rest & 0x7f;
      rest >>= 7;
      const done = (rest === 0 && (low & 0x40) === 0) || (rest === -1 && (low & 0x40) !== 0);
      this.u8(done ? low : low | 0x80);
      if (done) return this;
    }
  }

  /** UTF-8 and a zero byte. */
  text(value: string): this {
    for (const byte of new TextEncoder().encode(value)) this.u8(byte);
    return this.u8(0);
  }

  /** A block with its length in front, as DW_FORM_exprloc has it. */
  block(content: Bytes): this {
    return this.uleb(content.length).append(content);
  }

  append(other: Bytes): this {
    const start = this.#length;
    for (const field of other.open) this.open.push({ ...field, offset: start + field.offset });
    for (let i = 0; i < other.#length; i++) this.u8(other.#bytes[i] as number);
    return this;
  }

  /** Overwrites a 32-bit field. */
  patch32(offset: number, value: number): void {
    for (let i = 0; i < 4; i++) this.#bytes[offset + i] = value >>> (8 * i);
  }

  data(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }
}
