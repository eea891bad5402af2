// Look-ups of the TLB in the values that handlers compute.
import { describe, expect, it } from "vitest";
import { TLB_ENTRIES, TLB_ENTRY_SIZE } from "../core/state.ts";
import { binary, I32_ADD, I32_AND, I64_ADD, I64_AND, I64_SHR_U, unary, WRAP } from "./fold.ts";
import { fetchTest, linearOfEntry } from "./near-pages.ts";
import { I32, I64, i32, i64, local, type Value } from "./value.ts";

const tlb = local(I32, 1);
const register = local(I64, 2);
/** An address of 16-bit code in a segment of real mode. */
const short = binary(I64_ADD, binary(I64_AND, register, i64(0xffffn)), i64(0x20000n));

describe("the address of a TLB entry", () => {
  it.each([
    ["any", register],
    ["a short", short],
  ])("tells %s linear address", (_, linear) => {
    expect(linearOfEntry(fetchTest(linear, tlb).entry, tlb)).toBe(linear);
  });

  it("is none without the hash that a long address has", () => {
    const unhashed = (linear: Value): Value => {
      const number = unary(WRAP, binary(I64_SHR_U, linear, i64(9n)));
      const index = binary(I32_AND, number, i32((TLB_ENTRIES - 1) * TLB_ENTRY_SIZE));
      return binary(I32_ADD, tlb, index);
    };
    expect(linearOfEntry(unhashed(short), tlb)).toBe(short);
    expect(linearOfEntry(unhashed(register), tlb)).toBeUndefined();
  });
});
