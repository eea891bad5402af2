// Logarithms of powers of two, which are exact but reported as inexact: what is denormal is then an underflow (Intel SDM
// vol. 1, 8.5.5; the cases are a processor's answers).

import { expect, test } from "vitest";
import { type Assembler, ax, eax, mem, tbyte } from "../../asm/index.ts";
import { Machine } from "../host/machine.ts";
import { guest } from "../platform/testdata/guest.ts";

/** Exception flags of the status word. */
const FLAGS = 0x3f;
const DE = 2;
const UE = 16;
const PE = 32;
/** 0.5 and 4 as sign and exponent; the significand is 1. */
const HALF = 0x3ffe;
const FOUR = 0x4001;
const ONE = 1n << 63n;
const DENORMAL = 0x4629_a39d_a720_0000n;

function number(a: Assembler, name: string, exponent: number, significand: bigint): void {
  a.label(name);
  a.dq(significand).dw(exponent);
}

/** The exception flags of y times log2(x). */
async function flagsOf(y: [number, bigint], x: number): Promise<number> {
  const kernel = guest((a) => {
    a.fninit()
      .fld(tbyte(mem("y")))
      .fld(tbyte(mem("x")))
      .fyl2x();
    a.xor(eax, eax).fnstsw(ax).call("hex").jmp("poweroff");
    number(a, "y", ...y);
    number(a, "x", x, ONE);
  });
  const machine = await Machine.create({ kernel, memory: "4M" });
  machine.runSync({ instructions: 10_000 });
  return Number.parseInt(machine.serialOutput, 16) & FLAGS;
}

test.each([
  ["a denormal by minus one", [0x8000, DENORMAL], HALF, DE | UE | PE],
  ["a denormal by two", [0, DENORMAL], FOUR, DE | PE],
  ["the least normal number by minus one", [1, ONE], HALF, PE],
  ["one by minus one", [0x3fff, ONE], HALF, PE],
] satisfies [string, [number, bigint], number, number][])("%s", async (_, y, x, flags) => {
  expect(await flagsOf(y, x)).toBe(flags);
});
