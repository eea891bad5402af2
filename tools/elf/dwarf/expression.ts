// DWARF expressions that say where a value is. DWARF 4, 2.5 and 2.6; register numbers of the AMD64 psABI, figure 3.36.

import { Bytes } from "./bytes.ts";

const Op = {
  const8u: 0x0e,
  plus: 0x22,
  reg0: 0x50,
  breg0: 0x70,
  fbreg: 0x91,
  dereferenceSize: 0x94,
  stackValue: 0x9f,
} as const;

const DWARF_NUMBERS = [0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15];
const XMM0 = 17;

/** DWARF's number of a general register in the order of instruction encodings (RAX, RCX, RDX, RBX, RSP, …). */
export function dwarfRegister(encoding: number): number {
  return DWARF_NUMBERS[encoding] as number;
}

/** DWARF's number of XMM register `n`. */
export function dwarfXmm(n: number): number {
  return XMM0 + n;
}

function bytes(content: Bytes): number[] {
  return [...content.data()];
}

/** The value is in a register. */
export function inRegister(register: number): number[] {
  return register < 32 ? [Op.reg0 + register] : bytes(new Bytes(8).u8(0x90).uleb(register));
}

/** The value is in memory, `offset` bytes from the CFA, which is the frame base. */
export function inFrame(offset: number): number[] {
  return bytes(new Bytes(8).u8(Op.fbreg).sleb(offset));
}

/** The value is a constant of 8 bytes. */
export function constant(value: bigint): number[] {
  return bytes(new Bytes(8).u8(Op.const8u).word(value).u8(Op.stackValue));
}

/** The value is the sum of `base` (a register) and the low 4 bytes of another value that is in a register or in the frame. */
export function windowPointer(
  base: number,
  low: { register: number } | { frame: number },
): number[] {
  const out = new Bytes(8);
  if ("register" in low) out.u8(Op.breg0 + low.register).sleb(0);
  else out.u8(Op.fbreg).sleb(low.frame).u8(Op.dereferenceSize).u8(4);
  return bytes(
    out
      .u8(Op.breg0 + base)
      .sleb(0)
      .u8(Op.plus)
      .u8(Op.stackValue),
  );
}
