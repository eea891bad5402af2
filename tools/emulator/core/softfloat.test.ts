// Software floating point against V8's arithmetic (round to nearest) and against exact integer arithmetic
// (the other rounding modes). Flags, NaNs and the x87 are compared with real CPUs in cputest/.
import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../../asc/guest.ts";
import { Random } from "../cputest/random.ts";

const ENTRY = `
import { Sf } from "./guest/softfloat/format";
import * as F from "./guest/softfloat/sse";
export function begin(mxcsr: u32): void { Sf.begin(mxcsr); }
export function flags(): u32 { return Sf.flags; }
export function f64(op: u32, a: u64, b: u64): u64 {
  if (op == 0) return F.add<u64>(a, b);
  if (op == 1) return F.subtract<u64>(a, b);
  if (op == 2) return F.multiply<u64>(a, b);
  if (op == 3) return F.divide<u64>(a, b);
  return F.squareRoot<u64>(a);
}
export function f32(op: u32, a: u32, b: u32): u32 {
  if (op == 0) return F.add<u32>(a, b);
  if (op == 1) return F.subtract<u32>(a, b);
  if (op == 2) return F.multiply<u32>(a, b);
  if (op == 3) return F.divide<u32>(a, b);
  return F.squareRoot<u32>(a);
}
export function narrow(a: u64): u32 { return F.narrow(a); }
export function fma(a: u64, b: u64, c: u64): u64 { return F.multiplyAdd<u64>(a, b, c, 0, 0); }
`;

interface Functions {
  begin(mxcsr: number): void;
  flags(): number;
  f64(op: number, a: bigint, b: bigint): bigint;
  f32(op: number, a: number, b: number): number;
  narrow(a: bigint): number;
  fma(a: bigint, b: bigint, c: bigint): bigint;
}

const MASKED = 0x1f80;
const PE = 0x20;
const view = new DataView(new ArrayBuffer(8));

function toDouble(bits: bigint): number {
  view.setBigUint64(0, bits);
  return view.getFloat64(0);
}

function ofDouble(value: number): bigint {
  view.setFloat64(0, value);
  return view.getBigUint64(0);
}

function toSingle(bits: number): number {
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

function ofSingle(value: number): number {
  view.setFloat32(0, value);
  return view.getUint32(0);
}

const OPERATIONS: readonly [string, (a: number, b: number) => number][] = [
  ["sum", (a, b) => a + b],
  ["difference", (a, b) => a - b],
  ["product", (a, b) => a * b],
  ["quotient", (a, b) => a / b],
  ["square root", (a) => Math.sqrt(a)],
];

let soft: Functions;

beforeAll(async () => {
  // Less optimised than the core: the same results, sooner.
  const { wasm } = await guestModule({
    entry: "tools/emulator/core/softfloat-entry.ts",
    args: ["--use", "abort="],
    optimize: 1,
    debug: false,
    sources: { "tools/emulator/core/softfloat-entry.ts": ENTRY },
  });
  const { instance } = await WebAssembly.instantiate(wasm, {});
  soft = instance.exports as unknown as Functions;
});

describe("binary64, to nearest", () => {
  it.each(OPERATIONS)("%s equals V8's", (name, exact) => {
    const op = OPERATIONS.findIndex(([other]) => other === name);
    const random = new Random(1, op);
    for (let i = 0; i < 20_000; i++) {
      const a = random.float64();
      const b = random.oneIn(8) ? a : random.float64();
      const expected = exact(toDouble(a), toDouble(b));
      soft.begin(MASKED);
      const got = toDouble(BigInt.asUintN(64, soft.f64(op, a, b)));
      if (!Object.is(got, expected)) {
        expect.fail(`${name} of 0x${a.toString(16)}, 0x${b.toString(16)}: ${got}, not ${expected}`);
      }
    }
  });
});

describe("binary32, to nearest", () => {
  it.each(OPERATIONS)("%s equals V8's, rounded once", (name, exact) => {
    const op = OPERATIONS.findIndex(([other]) => other === name);
    const random = new Random(2, op);
    for (let i = 0; i < 20_000; i++) {
      const a = random.float32();
      const b = random.float32();
      // A binary64 result of binary32 operands rounds to binary32 without double rounding (Figueroa, 1995).
      const expected = Math.fround(exact(toSingle(a), toSingle(b)));
      soft.begin(MASKED);
      const got = toSingle(soft.f32(op, a, b) >>> 0);
      if (!Object.is(got, expected)) {
        expect.fail(`${name} of 0x${a.toString(16)}, 0x${b.toString(16)}: ${got}, not ${expected}`);
      }
    }
  });

  it("narrowing equals Math.fround", () => {
    const random = new Random(3);
    for (let i = 0; i < 20_000; i++) {
      const a = random.float64();
      if (Number.isNaN(toDouble(a))) continue;
      soft.begin(MASKED);
      expect(soft.narrow(a) >>> 0).toBe(ofSingle(toDouble(a)));
    }
  });
});

describe("directed rounding", () => {
  /** Exact value of a finite binary64 as a multiple of 2^-1074. */
  const scaled = (bits: bigint): bigint => {
    const exponent = (bits >> 52n) & 0x7ffn;
    const fraction = bits & 0xf_ffff_ffff_ffffn;
    const magnitude = exponent === 0n ? fraction : (fraction | (1n << 52n)) << (exponent - 1n);
    return bits >> 63n ? -magnitude : magnitude;
  };
  const isFinite64 = (bits: bigint): boolean => ((bits >> 52n) & 0x7ffn) !== 0x7ffn;

  it("brackets the exact sum and product between down and up, with PE only if they differ", () => {
    const random = new Random(4);
    let checked = 0;
    for (let i = 0; i < 20_000; i++) {
      const a = random.float64();
      const b = random.float64();
      for (const op of [0, 2]) {
        soft.begin(MASKED | 0x2000);
        const down = BigInt.asUintN(64, soft.f64(op, a, b));
        const inexact = (soft.flags() & PE) !== 0;
        soft.begin(MASKED | 0x4000);
        const up = BigInt.asUintN(64, soft.f64(op, a, b));
        if (![a, b, down, up].every(isFinite64)) continue;
        const exact = op === 0 ? scaled(a) + scaled(b) : scaled(a) * scaled(b);
        const unit = op === 0 ? 1n : 1n << 1074n;
        checked++;
        expect(scaled(down) * unit <= exact && exact <= scaled(up) * unit).toBe(true);
        expect(inexact).toBe(scaled(down) !== scaled(up));
        // Neighbours, or equal.
        if (inexact) expect(ofDouble(toDouble(down))).not.toBe(up);
      }
    }
    expect(checked).toBeGreaterThan(10_000);
  });
});

describe("fused multiply-add", () => {
  it("rounds once: the low half of a product survives", () => {
    const a = 1 + 2 ** -30;
    soft.begin(MASKED);
    const error = soft.fma(ofDouble(a), ofDouble(a), ofDouble(-(a * a)));
    expect(toDouble(BigInt.asUintN(64, error))).toBe(2 ** -60);
  });

  it("signals invalid for infinity times zero", () => {
    soft.begin(MASKED);
    soft.fma(ofDouble(Number.POSITIVE_INFINITY), 0n, ofDouble(1));
    expect(soft.flags()).toBe(1);
  });
});
