// Random numbers for the fuzzer, and the values at which instructions change what they do.

import { I32, type ValType } from "../../wasm/types.ts";

/** Deterministic random numbers (splitmix32). */
export class Random {
  private state: number;
  constructor(seed: number) {
    this.state = seed | 0;
  }

  u32(): number {
    this.state = (this.state + 0x9e3779b9) | 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }

  /** 0 ≤ result < n. */
  below(n: number): number {
    return this.u32() % n;
  }

  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  pick<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }
}

export const I32_EDGES = [
  0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 33, 63, 64, 127, 128, 255, 256, 0x7fff, 0x8000, 0xffff,
  0x10000, 0x7fffffff, -0x80000000, -0x7fffffff, -1, -2, -128, -129, -255, -256, -32768, -65536,
  0x55555555, 10, 100, 1000,
];
export const I64_EDGES = [
  ...I32_EDGES.map(BigInt),
  0x80000000n,
  0xffffffffn,
  0x100000000n,
  0x7fffffffffffffffn,
  -0x8000000000000000n,
  -0x7fffffffffffffffn,
  -0x80000001n,
  0x123456789abcdef0n,
  0x5555555555555555n,
  1n << 53n,
  1n << 62n,
];
export const F64_EDGES = [
  0,
  -0,
  1,
  -1,
  0.5,
  -0.5,
  1.5,
  2.5,
  -2.5,
  0.1,
  3.7,
  -3.7,
  1e10,
  4503599627370496,
  2251799813685248.5,
  2147483647,
  2147483648,
  -2147483648,
  -2147483649,
  -2147483648.9,
  4294967295,
  4294967295.9,
  4294967296,
  -0.9999,
  2 ** 63 - 1024,
  -(2 ** 63),
  2 ** 64,
  2 ** 64 - 2048,
  1e300,
  -1e300,
  5e-324,
  2.2250738585072014e-308,
  Infinity,
  -Infinity,
  NaN,
];

const view = new DataView(new ArrayBuffer(8));

export function f64BitsOf(x: number): bigint {
  view.setFloat64(0, x);
  return view.getBigUint64(0);
}

export function f32BitsOf(x: number): number {
  view.setFloat32(0, x);
  return view.getUint32(0);
}

/** A random argument, edge values preferred. */
export function randomArgument(r: Random, type: ValType): bigint {
  if (type === I32) return BigInt(r.chance(60) ? r.pick(I32_EDGES) : r.u32() | 0);
  return BigInt.asIntN(64, r.chance(60) ? r.pick(I64_EDGES) : r.u64());
}
