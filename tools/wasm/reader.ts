// Byte cursor over a wasm file: LEB128 integers, names, and errors that carry section and offset.
// Follows the WebAssembly core specification, 5.2 "Values".

/** What is wrong with a module and where; `message` is complete, one line. */
export class WasmError extends Error {
  readonly section: string;
  readonly offset: number;
  constructor(section: string, offset: number, problem: string) {
    super(`${section}, offset 0x${offset.toString(16)}: ${problem}`);
    this.name = "WasmError";
    this.section = section;
    this.offset = offset;
  }
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

export class Reader {
  readonly bytes: Uint8Array;
  pos: number;
  end: number;
  section: string;

  constructor(bytes: Uint8Array, pos = 0, end = bytes.length, section = "header") {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
    this.section = section;
  }

  fail(problem: string, offset = this.pos): never {
    throw new WasmError(this.section, offset, problem);
  }

  /** Refuses a construct of a proposal this compiler does not implement. */
  unsupported(proposal: string, what: string, offset = this.pos): never {
    this.fail(`${what} belongs to the ${proposal} proposal, which is not supported`, offset);
  }

  u8(): number {
    if (this.pos >= this.end) this.fail("unexpected end of the section");
    return this.bytes[this.pos++] as number;
  }

  u32le(): number {
    if (this.pos + 4 > this.end) this.fail("unexpected end of the section");
    const b = this.bytes;
    const p = this.pos;
    this.pos += 4;
    return (
      ((b[p] as number) |
        ((b[p + 1] as number) << 8) |
        ((b[p + 2] as number) << 16) |
        ((b[p + 3] as number) << 24)) >>>
      0
    );
  }

  /** A number of 16 bytes. */
  u128(): bigint {
    let bits = 0n;
    for (let shift = 0n; shift < 128n; shift += 32n) bits |= BigInt(this.u32le()) << shift;
    return bits;
  }

  /** Unsigned LEB128, 32 bit. */
  u32(): number {
    const start = this.pos;
    let result = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8();
      if (shift === 28 && byte > 0x0f) {
        this.fail(
          byte & 0x80
            ? "integer representation too long: at most 5 bytes"
            : "integer too large for 32 bits",
          start,
        );
      }
      result |= (byte & 0x7f) << shift;
      if (byte < 0x80) return result >>> 0;
    }
  }

  /** Signed LEB128, 32 bit. */
  s32(): number {
    const start = this.pos;
    let result = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8();
      if (shift === 28) {
        if (byte & 0x80) this.fail("integer representation too long: at most 5 bytes", start);
        const high = byte & 0x78;
        if (high !== 0 && high !== 0x78) this.fail("integer too large for 32 bits", start);
        return result | (byte << 28);
      }
      result |= (byte & 0x7f) << shift;
      if (byte < 0x80) return byte & 0x40 ? result | (-1 << (shift + 7)) : result;
    }
  }

  /** Signed LEB128, 33 bit, as block types use; returns a safe integer. */
  s33(): number {
    const start = this.pos;
    let result = 0;
    for (let i = 0; i < 5; i++) {
      const byte = this.u8();
      if (i === 4) {
        if (byte & 0x80) this.fail("integer representation too long: at most 5 bytes", start);
        const high = byte & 0x70;
        if (high !== 0 && high !== 0x70) this.fail("integer too large for 33 bits", start);
      }
      result += (byte & 0x7f) * 2 ** (7 * i);
      if (byte < 0x80) return byte & 0x40 ? result - 2 ** (7 * (i + 1)) : result;
    }
    return this.fail("integer representation too long: at most 5 bytes", start);
  }

  /** Signed LEB128, 64 bit. */
  s64(): bigint {
    const start = this.pos;
    let low = 0;
    let result = 0n;
    for (let i = 0; i < 10; i++) {
      const byte = this.u8();
      if (i === 9) {
        if (byte & 0x80) this.fail("integer representation too long: at most 10 bytes", start);
        if (byte !== 0 && byte !== 0x7f) this.fail("integer too large for 64 bits", start);
      }
      if (i < 4) {
        low |= (byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
          return BigInt(byte & 0x40 ? low | (-1 << (7 * (i + 1))) : low);
        }
        if (i === 3) result = BigInt(low);
      } else {
        result |= BigInt(byte & 0x7f) << BigInt(7 * i);
        if (byte < 0x80) {
          if (byte & 0x40) result -= 1n << BigInt(7 * (i + 1));
          return BigInt.asIntN(64, result);
        }
      }
    }
    return this.fail("integer representation too long: at most 10 bytes", start);
  }

  take(length: number): Uint8Array {
    if (length > this.end - this.pos) {
      this.fail(`${length} bytes expected, ${this.end - this.pos} left in the section`);
    }
    const part = this.bytes.subarray(this.pos, this.pos + length);
    this.pos += length;
    return part;
  }

  /** A UTF-8 name with its length prefix. A byte order mark is a character like any other. */
  name(): string {
    const start = this.pos;
    const raw = this.take(this.u32());
    try {
      return utf8.decode(raw);
    } catch {
      return this.fail("malformed UTF-8 in a name", start);
    }
  }
}
