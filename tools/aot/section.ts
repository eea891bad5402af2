// A section of the object while it grows: bytes, the symbols in them, the fields to relocate.

import type { AddressTable, Relocation } from "../elf/object.ts";

/** A growing section with its relocations and symbols. */
export class SectionBuilder {
  readonly name: string;
  readonly writable: boolean;
  private readonly parts: Uint8Array[] = [];
  private length = 0;
  /** Size in memory, bytes; what lies beyond the content is zero. */
  memSize = 0;
  readonly relocations: Omit<Relocation, "section">[] = [];
  readonly addresses: Omit<AddressTable, "section" | "target">[] = [];
  readonly symbols: { name: string; offset: number; size: number }[] = [];

  constructor(name: string, writable: boolean) {
    this.name = name;
    this.writable = writable;
  }

  /**
   * Appends `bytes` under a name and returns their offset; `align` is a power of two. A `size`
   * beyond the bytes is a tail of zeros, possible at the section's end only.
   */
  define(name: string, bytes: Uint8Array, align: number, size = bytes.length): number {
    const pad = -this.memSize & (align - 1);
    const offset = this.memSize + pad;
    if (this.memSize !== this.length) throw new Error(`${name} follows the tail of ${this.name}`);
    if (pad) this.parts.push(new Uint8Array(pad));
    this.parts.push(bytes);
    this.length = offset + bytes.length;
    this.memSize = offset + size;
    this.symbols.push({ name, offset, size });
    return offset;
  }

  data(): Uint8Array {
    const out = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}
