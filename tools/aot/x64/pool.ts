// Read-only constants of the generated code: float literals and the masks of sign operations.

/** Offsets of the 16-byte masks at the start of the pool. */
export const MASK = { Abs64: 0, Sign64: 16, Abs32: 32, Sign32: 48 } as const;

export class ConstantPool {
  private bytes = new Uint8Array(256);
  private length = 64;
  private readonly known = new Map<string, number>();
  used = false;

  constructor() {
    const view = new DataView(this.bytes.buffer);
    for (let i = 0; i < 16; i += 8) {
      view.setBigUint64(MASK.Abs64 + i, 0x7fffffffffffffffn, true);
      view.setBigUint64(MASK.Sign64 + i, 0x8000000000000000n, true);
    }
    for (let i = 0; i < 16; i += 4) {
      view.setUint32(MASK.Abs32 + i, 0x7fffffff, true);
      view.setUint32(MASK.Sign32 + i, 0x80000000, true);
    }
  }

  /** Offset of a constant of `size` bytes (4, 8 or 16) with the given bits. */
  offset(bits: bigint, size: number): number {
    this.used = true;
    const key = `${size}:${bits}`;
    let offset = this.known.get(key);
    if (offset === undefined) {
      offset = (this.length + size - 1) & -size;
      this.length = offset + size;
      if (this.length > this.bytes.length) {
        const bigger = new Uint8Array(this.bytes.length * 2);
        bigger.set(this.bytes);
        this.bytes = bigger;
      }
      const view = new DataView(this.bytes.buffer);
      if (size === 4) view.setUint32(offset, Number(bits), true);
      else view.setBigUint64(offset, BigInt.asUintN(64, bits), true);
      if (size === 16) view.setBigUint64(offset + 8, bits >> 64n, true);
      this.known.set(key, offset);
    }
    return offset;
  }

  content(): Uint8Array {
    return this.bytes.subarray(0, this.length);
  }
}
