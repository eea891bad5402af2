// Tables of firmware: little-endian fields, and ACPI's header (ACPI 6.4, 5.2.6).

/** OEM ID (6 bytes) and OEM table ID (8). */
export const OEM = "TRIHED";
export const OEM_TABLE = "TRIHEDRN";
const CREATOR = "TRIH";
const HEADER_BYTES = 36;

/** A table under construction: little-endian fields after the common header. */
export class Table {
  #bytes: number[] = [];

  u8(...values: number[]): this {
    for (const v of values) this.#bytes.push(v & 0xff);
    return this;
  }

  u16(value: number): this {
    return this.u8(value, value >>> 8);
  }

  u32(value: number): this {
    return this.u8(value, value >>> 8, value >>> 16, value >>> 24);
  }

  u64(value: number): this {
    return this.u32(value % 2 ** 32).u32(Math.floor(value / 2 ** 32));
  }

  text(value: string): this {
    return this.u8(...new TextEncoder().encode(value));
  }

  append(data: Uint8Array): this {
    return this.u8(...data);
  }

  /** Generic address structure in I/O space (5.2.3.2): `bits` wide, access size 1 byte, 2 word, 3 dword. */
  gas(port: number, bits: number, access: number): this {
    return this.u8(port === 0 ? 0 : 1, bits, 0, access).u64(port);
  }

  get length(): number {
    return this.#bytes.length;
  }

  raw(): Uint8Array {
    return Uint8Array.from(this.#bytes);
  }

  /** With the standard header in front and a correct checksum. */
  finish(signature: string, revision: number): Uint8Array {
    const length = HEADER_BYTES + this.#bytes.length;
    const header = new Table()
      .text(signature)
      .u32(length)
      .u8(revision, 0)
      .text(OEM)
      .text(OEM_TABLE)
      .u32(1)
      .text(CREATOR)
      .u32(1);
    const out = Uint8Array.from([...header.#bytes, ...this.#bytes]);
    out[9] = checksum(out);
    return out;
  }
}

/** The byte that makes `data` sum up to 0. */
export function checksum(data: Uint8Array): number {
  return -data.reduce((sum, b) => sum + b, 0) & 0xff;
}
