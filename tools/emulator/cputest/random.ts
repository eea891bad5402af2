// Seeded random numbers (xoshiro128**, Blackman and Vigna) and the operand values that find bugs: edges
// of the integer ranges and of the floating-point formats of the Intel SDM vol. 1, chapter 4.

export class Random {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  /** `seed` and `stream` are taken modulo 2^32; equal pairs give equal sequences on every host. */
  constructor(seed: number, stream = 0) {
    let x = (seed ^ Math.imul(stream + 1, 0x9e3779b9)) >>> 0;
    const next = (): number => {
      x = (x + 0x9e3779b9) >>> 0;
      let z = x;
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
      return (z ^ (z >>> 16)) >>> 0;
    };
    this.#a = next();
    this.#b = next();
    this.#c = next();
    this.#d = next() | 1;
  }

  u32(): number {
    const x = Math.imul(this.#b, 5);
    const result = Math.imul((x << 7) | (x >>> 25), 9) >>> 0;
    const t = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= t;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** Integer in [0, limit). */
  below(limit: number): number {
    return Math.floor((this.u32() / 0x1_0000_0000) * limit);
  }

  /** True once in `n`. */
  oneIn(n: number): boolean {
    return this.below(n) === 0;
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }

  fill(bytes: Uint8Array, from: number, to: number): void {
    for (let i = from; i < to; i++) bytes[i] = this.u32() >>> 24;
  }

  /** A 64-bit integer with a bias to edges of the 8, 16, 32 and 64-bit ranges and to small numbers. */
  integer(): bigint {
    switch (this.below(8)) {
      case 0:
        return BigInt(this.below(4));
      case 1: {
        const bits = this.pick([7, 8, 15, 16, 31, 32, 63, 64]);
        return BigInt.asUintN(64, (1n << BigInt(bits)) + BigInt(this.below(5) - 2));
      }
      case 2:
        return BigInt.asUintN(64, -BigInt(this.below(70)));
      case 3:
        return BigInt(this.below(70));
      case 4:
        return BigInt(this.u32());
      case 5:
        return 1n << BigInt(this.below(64));
      default:
        return this.u64();
    }
  }

  /** Bits of an IEEE binary32 (or the low half of a random one) with a bias to edges. */
  float32(): number {
    const sign = (this.u32() & 0x8000_0000) >>> 0;
    switch (this.below(10)) {
      case 0:
        return (sign | this.pick(FLOAT32_EDGES)) >>> 0;
      case 1:
        return (sign | this.pick(FLOAT32_EDGES)) >>> 0;
      case 2:
        return (sign | (this.u32() & 0x007f_ffff)) >>> 0;
      case 3: {
        const value = new DataView(new ArrayBuffer(4));
        value.setFloat32(0, this.below(2) ? this.below(2000) / 2 : 2 ** (20 + this.below(50)));
        return (sign | value.getUint32(0)) >>> 0;
      }
      case 4:
        return this.u32();
      case 5:
        return (sign | ((1 + this.below(30)) << 23) | (this.u32() & 0x7f_ffff)) >>> 0;
      case 6:
        return (sign | ((225 + this.below(30)) << 23) | (this.u32() & 0x7f_ffff)) >>> 0;
      default:
        return (sign | ((117 + this.below(20)) << 23) | (this.u32() & this.#mantissaMask())) >>> 0;
    }
  }

  /** Bits of an IEEE binary64 with a bias to edges, to the range of binary32 and to whole numbers. */
  float64(): bigint {
    const sign = BigInt(this.u32() >>> 31) << 63n;
    const fraction = this.u64() & 0xf_ffff_ffff_ffffn & this.#mantissaMask64();
    switch (this.below(11)) {
      case 0:
        return sign | this.pick(FLOAT64_EDGES);
      case 1:
        return sign | this.pick(FLOAT64_EDGES);
      case 2:
        return sign | fraction;
      case 3: {
        const value = new DataView(new ArrayBuffer(8));
        value.setFloat64(0, this.below(2) ? this.below(2000) / 2 : 2 ** (20 + this.below(50)));
        return sign | value.getBigUint64(0);
      }
      case 4:
        return this.u64();
      case 5:
        return sign | (BigInt(1 + this.below(60)) << 52n) | fraction;
      case 6:
        return sign | (BigInt(1980 + this.below(67)) << 52n) | fraction;
      case 7:
        return (
          sign |
          (BigInt(1023 + this.pick([-150, -149, -127, -126, 126, 127, 128])) << 52n) |
          fraction
        );
      default:
        return sign | (BigInt(1013 + this.below(20)) << 52n) | fraction;
    }
  }

  /** Sign/exponent (16 bits) and significand (64 bits) of an x87 double extended value. */
  float80(): { high: number; low: bigint } {
    const sign = this.u32() & 0x8000;
    const integer = 1n << 63n;
    const fraction = this.u64() & 0x7fff_ffff_ffff_ffffn & this.#mantissaMask80();
    switch (this.below(14)) {
      case 0:
      case 1: {
        const [high, low] = this.pick(FLOAT80_EDGES);
        return { high: sign | high, low };
      }
      case 2:
        return { high: sign, low: fraction };
      case 3:
        return { high: sign | (1 + this.below(70)), low: integer | fraction };
      case 4:
        return { high: sign | (0x7ffe - this.below(70)), low: integer | fraction };
      case 5:
        return { high: this.u32() & 0xffff, low: this.u64() };
      case 6:
        return {
          high: sign | (0x3fff + this.below(70)),
          low: integer | (fraction & (~0n << BigInt(this.below(63)))),
        };
      case 7:
        return {
          high:
            sign |
            (0x3fff + this.pick([-1074, -1022, -1023, 1023, 1024, -149, -126, -127, 127, 128])),
          low: integer | fraction,
        };
      case 8:
        return {
          high: sign | (0x3fff + this.below(64)),
          low: BigInt.asUintN(64, integer | fraction),
        };
      default:
        return { high: sign | (0x3ff5 + this.below(20)), low: integer | fraction };
    }
  }

  #mantissaMask(): number {
    return this.oneIn(3) ? ~((1 << this.below(24)) - 1) >>> 0 : 0xffff_ffff;
  }
  #mantissaMask64(): bigint {
    return this.oneIn(3) ? ~((1n << BigInt(this.below(53))) - 1n) : -1n;
  }
  #mantissaMask80(): bigint {
    return this.oneIn(3) ? ~((1n << BigInt(this.below(64))) - 1n) : -1n;
  }
}

/** ±0, denormals, smallest and largest normal, 1, neighbours of 1, infinity, SNaN, QNaN, integer limits. */
const FLOAT32_EDGES: readonly number[] = [
  0, 0, 1, 2, 0x7f_ffff, 0x80_0000, 0x80_0001, 0x3f80_0000, 0x3f7f_ffff, 0x3f80_0001, 0x3f00_0000,
  0x4000_0000, 0x3fc0_0000, 0x7f7f_ffff, 0x7f80_0000, 0x7f80_0000, 0x7f80_0001, 0x7fa0_0000,
  0x7fc0_0000, 0x7fff_ffff, 0x4f00_0000, 0x4eff_ffff, 0x5f00_0000, 0x5eff_ffff, 0x4780_0000,
  0x4b00_0000, 0x4b80_0000,
];

const FLOAT64_EDGES: readonly bigint[] = [
  0n,
  0n,
  1n,
  2n,
  0xf_ffff_ffff_ffffn,
  0x10_0000_0000_0000n,
  0x10_0000_0000_0001n,
  0x3ff0_0000_0000_0000n,
  0x3fef_ffff_ffff_ffffn,
  0x3ff0_0000_0000_0001n,
  0x3fe0_0000_0000_0000n,
  0x4000_0000_0000_0000n,
  0x3ff8_0000_0000_0000n,
  0x7fef_ffff_ffff_ffffn,
  0x7ff0_0000_0000_0000n,
  0x7ff0_0000_0000_0000n,
  0x7ff0_0000_0000_0001n,
  0x7ff4_0000_0000_0000n,
  0x7ff8_0000_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x41e0_0000_0000_0000n,
  0x41df_ffff_ffe0_0000n,
  0x41df_ffff_ffc0_0000n,
  0x43e0_0000_0000_0000n,
  0x43df_ffff_ffff_ffffn,
  0x4330_0000_0000_0000n,
  0x4340_0000_0000_0000n,
  0x47ef_ffff_e000_0000n,
  0x47ef_ffff_f000_0000n,
  0x3810_0000_0000_0000n,
  0x380f_ffff_f000_0000n,
  0x36a0_0000_0000_0000n,
  0x3690_0000_0000_0000n,
];

const FLOAT80_EDGES: readonly (readonly [number, bigint])[] = [
  [0, 0n],
  [0, 0n],
  [0, 1n],
  [0, 0x7fff_ffff_ffff_ffffn],
  [0, 1n << 63n],
  [1, 1n << 63n],
  [0x3fff, 1n << 63n],
  [0x3ffe, 0xffff_ffff_ffff_ffffn],
  [0x3fff, (1n << 63n) | 1n],
  [0x3ffe, 1n << 63n],
  [0x4000, 1n << 63n],
  [0x3fff, 3n << 62n],
  [0x7ffe, 0xffff_ffff_ffff_ffffn],
  [0x7fff, 1n << 63n],
  [0x7fff, 1n << 63n],
  [0x7fff, (1n << 63n) | 1n],
  [0x7fff, 3n << 62n],
  [0x7fff, 0xffff_ffff_ffff_ffffn],
  [0x7fff, 0n],
  [0x7fff, 1n],
  [0x4000, 0n],
  [0x3fff, 0x7fff_ffff_ffff_ffffn],
  [0x400e, 1n << 63n],
  [0x401e, 1n << 63n],
  [0x403e, 1n << 63n],
  [0x403d, 0xffff_ffff_ffff_ffffn],
  [0x401d, 0xffff_ffff_0000_0000n],
  [0x4000, 0xc90f_daa2_2168_c235n],
  [0x3ffe, 0xc90f_daa2_2168_c235n],
  [0x403a, 0xde0b_6b3a_763f_ffffn],
  [0x403a, 0xde0b_6b3a_7640_0000n],
];
