// A section of the object while it grows: bytes, the symbols in them, the fields to relocate.

import type { Relocation } from "../elf/object.ts";

/** A growing section with its relocations and symbols. */
export class SectionBuilder {
  readonly name: string;
  readonly writable: boolean;
  private readonly parts: Uint8Array[] = [];
  length = 0;
  readonly relocations: Omit<Relocation, "section">[] = [];
  readonly symbols: { name: string; offset: number; size: number }[] = [];

  constructor(name: string, writable: boolean) {
    this.name = name;
    this.writable = writable;
  }

  align(to: number): void {
    const pad = -this.length & (to - 1);
    if (pad) this.append(new Uint8Array(pad));
  }

  append(bytes: Uint8Array): number {
    const offset = this.length;
    this.parts.push(bytes);
    this.length += bytes.length;
    return offset;
  }

  define(name: string, bytes: Uint8Array, align: number): number {
    this.align(align);
    const offset = this.append(bytes);
    this.symbols.push({ name, offset, size: bytes.length });
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
