// Packed and scalar arithmetic on wasm's own instructions where it is sure of the result and the flags, against software
// floating point (softfloat.test.ts): on either side of every border up to which it is, with PE set and not.
import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../../asc/guest.ts";

const ENTRY = `
import { S_MXCSR, S_TMP0 } from "./state";
import * as Lanes from "./guest/simd/float";
import { Sf } from "./guest/softfloat/format";
import * as Soft from "./guest/softfloat/sse";
const A: usize = S_TMP0;
const B: usize = S_TMP0 + 16;
const D: usize = S_TMP0 + 32;
export function at(): usize { return A; }
function begin(mxcsr: u32): void {
  store<u32>(S_MXCSR, mxcsr);
  Sf.begin(mxcsr);
}
function soft<T>(op: u32, a: T, b: T): T {
  if (op == 0) return Soft.add<T>(a, b);
  if (op == 1) return Soft.subtract<T>(a, b);
  if (op == 2) return Soft.multiply<T>(a, b);
  return Soft.divide<T>(a, b);
}
export function expected64(op: u32, mxcsr: u32): u32 {
  begin(mxcsr);
  for (let i: usize = 0; i < 16; i += 8) store<u64>(D + i, soft<u64>(op, load<u64>(A + i), load<u64>(B + i)));
  return Sf.flags | (mxcsr & 63);
}
export function expected32(op: u32, mxcsr: u32): u32 {
  begin(mxcsr);
  for (let i: usize = 0; i < 16; i += 4) store<u32>(D + i, soft<u32>(op, load<u32>(A + i), load<u32>(B + i)));
  return Sf.flags | (mxcsr & 63);
}
export function packed64(op: u32, mxcsr: u32): u32 {
  begin(mxcsr);
  if (op == 0) Lanes.addpd(D, A, B, 0);
  else if (op == 1) Lanes.subpd(D, A, B, 0);
  else if (op == 2) Lanes.mulpd(D, A, B, 0);
  else Lanes.divpd(D, A, B, 0);
  return Sf.flags | (mxcsr & 63);
}
export function packed32(op: u32, mxcsr: u32): u32 {
  begin(mxcsr);
  if (op == 0) Lanes.addps(D, A, B, 0);
  else if (op == 1) Lanes.subps(D, A, B, 0);
  else if (op == 2) Lanes.mulps(D, A, B, 0);
  else Lanes.divps(D, A, B, 0);
  return Sf.flags | (mxcsr & 63);
}
export function scalar64(op: u32, mxcsr: u32): u32 {
  begin(mxcsr);
  for (let i: usize = 0; i < 16; i += 8) {
    if (op == 0) Lanes.addsd(D + i, A + i, B + i, 0);
    else if (op == 1) Lanes.subsd(D + i, A + i, B + i, 0);
    else if (op == 2) Lanes.mulsd(D + i, A + i, B + i, 0);
    else Lanes.divsd(D + i, A + i, B + i, 0);
  }
  return Sf.flags | (mxcsr & 63);
}
export function scalar32(op: u32, mxcsr: u32): u32 {
  begin(mxcsr);
  for (let i: usize = 0; i < 16; i += 4) {
    if (op == 0) Lanes.addss(D + i, A + i, B + i, 0);
    else if (op == 1) Lanes.subss(D + i, A + i, B + i, 0);
    else if (op == 2) Lanes.mulss(D + i, A + i, B + i, 0);
    else Lanes.divss(D + i, A + i, B + i, 0);
  }
  return Sf.flags | (mxcsr & 63);
}
`;

type Run = (op: number, mxcsr: number) => number;

interface Functions {
  memory: WebAssembly.Memory;
  at(): number;
  expected64: Run;
  expected32: Run;
  packed64: Run;
  packed32: Run;
  scalar64: Run;
  scalar32: Run;
}

const OPERATIONS = ["sum", "difference", "product", "quotient"];
/** All exceptions masked; with PE set; with denormals as zeros and results flushed; rounding up; PE unmasked. */
const MODES = [0x1f80, 0x1fa0, 0x9fc0, 0x9fe0, 0x5f80, 0x0f80];

/** Values with exponents on either side of each of `borders`, with few, half, and all bits of a significand of `bits`. */
function values(bits: number, borders: readonly number[]): bigint[] {
  const width = BigInt(bits);
  const ones = (1n << width) - 1n;
  const half = width / 2n;
  const significands = [0n, 1n, ones, 1n << (half + 1n), 1n << half, 1n << (half - 1n)];
  const found: bigint[] = [];
  for (const border of borders) {
    for (const exponent of [border - 1, border])
      for (const significand of significands) found.push((BigInt(exponent) << width) | significand);
  }
  return found;
}

const DOUBLES = values(52, [1, 0x200, 0x202, 0x3ff, 0x600, 0x602, 0x7ff]);
const SINGLES = values(23, [1, 0x40, 0x42, 0x7f, 0xc0, 0xc2, 0xff]);

let core: Functions;

beforeAll(async () => {
  const { wasm } = await guestModule({
    entry: "tools/emulator/core/quick-float-entry.ts",
    args: [
      "--use",
      "abort=",
      "--enable",
      "simd",
      "--memoryBase",
      "524288",
      "--initialMemory",
      "16",
    ],
    optimize: 1,
    debug: false,
    sources: { "tools/emulator/core/quick-float-entry.ts": ENTRY },
  });
  const { instance } = await WebAssembly.instantiate(wasm, {});
  core = instance.exports as unknown as Functions;
});

/** Runs both on all pairs of values, in vectors of elements of `size` bytes, every second one negative. */
function compare(all: readonly bigint[], size: 4 | 8, got: Run, expected: Run, op: number): void {
  const sign = 1n << BigInt(8 * size - 1);
  const at = core.at();
  const view = new DataView(core.memory.buffer);
  const put = (address: number, bits: bigint): void => {
    if (size === 8) view.setBigUint64(address, bits, true);
    else view.setUint32(address, Number(bits), true);
  };
  const result = (): string =>
    `${view.getBigUint64(at + 32, true).toString(16)} ${view.getBigUint64(at + 40, true).toString(16)}`;
  const elements = 16 / size;
  for (const mxcsr of MODES) {
    for (let i = 0; i < all.length; i++) {
      for (let j = 0; j < all.length; j++) {
        for (let e = 0; e < elements; e++) {
          // Other elements have neighbours of the first one's values, so that most vectors are of one kind.
          const [a, b] = [all[(i + (e >> 1)) % all.length], all[(j + (e & 1)) % all.length]];
          put(at + e * size, (a as bigint) | (i % 2 === 1 ? sign : 0n));
          put(at + 16 + e * size, (b as bigint) | (j % 2 === 1 ? sign : 0n));
        }
        const flags = expected(op, mxcsr);
        const want = `${result()} ${flags.toString(16)}`;
        const have = `${got(op, mxcsr).toString(16)}`;
        const given = `${result()} ${have}`;
        if (given !== want) {
          const pair = `${all[i]?.toString(16)}, ${all[j]?.toString(16)}`;
          expect.fail(`${pair} with MXCSR ${mxcsr.toString(16)}: ${given}, not ${want}`);
        }
      }
    }
  }
}

describe.each(OPERATIONS.map((name, op) => [name, op] as const))("the %s", (_name, op) => {
  it("of packed binary64 values is the software's", () => {
    compare(DOUBLES, 8, core.packed64, core.expected64, op);
  });
  it("of scalar binary64 values is the software's", () => {
    compare(DOUBLES, 8, core.scalar64, core.expected64, op);
  });
  it("of packed binary32 values is the software's", () => {
    compare(SINGLES, 4, core.packed32, core.expected32, op);
  });
  it("of scalar binary32 values is the software's", () => {
    compare(SINGLES, 4, core.scalar32, core.expected32, op);
  });
});
