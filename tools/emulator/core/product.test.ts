// High halves of 128-bit products against exact integers: random operands, and those whose partial products carry most.
// Instructions, with their flags, are compared with real CPUs in cputest/.
import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../../asc/guest.ts";
import { Random } from "../cputest/random.ts";

const ENTRY = `export { productHigh, signedProductHigh, squareHigh } from "./guest/integer/product";`;

interface Functions {
  productHigh(a: bigint, b: bigint): bigint;
  signedProductHigh(a: bigint, b: bigint): bigint;
  squareHigh(a: bigint): bigint;
}

const EDGES = [
  ...[0n, 1n, 2n, 0x7fff_ffffn, 0x8000_0000n, 0xffff_fffen, 0xffff_ffffn, 0x1_0000_0000n],
  ...[0x1_ffff_ffffn, 0x7fff_ffff_ffff_ffffn, 0x8000_0000_0000_0000n, 0xffff_ffff_0000_0000n],
  ...[0xffff_ffff_0000_0001n, 0xffff_fffe_ffff_ffffn, 0xffff_ffff_ffff_fffen],
  0xffff_ffff_ffff_ffffn,
];

/** Pairs of edges, and of random numbers. */
function* operands(): Generator<[bigint, bigint]> {
  for (const a of EDGES) for (const b of EDGES) yield [a, b];
  const random = new Random(11);
  const next = (): bigint => (BigInt(random.u32()) << 32n) | BigInt(random.u32());
  for (let i = 0; i < 20_000; i++) yield [next(), next()];
}

let core: Functions;

beforeAll(async () => {
  const { wasm } = await guestModule({
    entry: "tools/emulator/core/product-entry.ts",
    args: ["--use", "abort="],
    optimize: 1,
    debug: false,
    sources: { "tools/emulator/core/product-entry.ts": ENTRY },
  });
  const { instance } = await WebAssembly.instantiate(wasm, {});
  core = instance.exports as unknown as Functions;
});

describe("the high half of a product", () => {
  it("is exact without signs", () => {
    for (const [a, b] of operands()) {
      const high = BigInt.asUintN(64, core.productHigh(a, b));
      if (high !== (a * b) >> 64n) expect.fail(`0x${a.toString(16)} * 0x${b.toString(16)}`);
    }
  });

  it("is exact with signs", () => {
    for (const [a, b] of operands()) {
      const [x, y] = [BigInt.asIntN(64, a), BigInt.asIntN(64, b)];
      const high = BigInt.asIntN(64, core.signedProductHigh(x, y));
      if (high !== (x * y) >> 64n) expect.fail(`${x} * ${y}`);
    }
  });

  it("is exact for squares", () => {
    for (const [a] of operands()) {
      const high = BigInt.asUintN(64, core.squareHigh(a));
      if (high !== (a * a) >> 64n) expect.fail(`0x${a.toString(16)} squared`);
    }
  });
});
