// What recipes of vector operations are made of: the vocabulary of instructions, the forms of operands, and
// opcodes that several of them use. Encodings are from the Intel SDM vol. 2. Recipes may overwrite XMM15.

import { vectorOpcode } from "../../../wasm/simd.ts";
import { type Address, type Encoder, XMM15 } from "../encoder.ts";
import type { ConstantPool } from "../pool.ts";
import { POOL_SYMBOL } from "../symbols.ts";

/** Operands of a recipe: registers, -1 where it has none. */
interface Operands {
  to: number;
  a: number;
  b: number;
  c: number;
  temp: number;
  /** Lane, or shift count where it is constant. */
  imm: number;
  constantCount: boolean;
  /** Of a shuffle, from the lowest byte up. */
  lanes: bigint;
}

/** Vocabulary of the recipes. */
export class VectorCode {
  readonly e: Encoder;
  readonly o: Operands;
  private readonly pool: ConstantPool;

  constructor(e: Encoder, pool: ConstantPool, operands: Operands) {
    this.e = e;
    this.pool = pool;
    this.o = operands;
  }

  /** An instruction with prefix 66: `dst ← dst op src`. */
  op(opcode: number, dst: number, src: number): void {
    this.e.rr(0x66, false, opcode, dst, src);
  }

  /** With another prefix, or none. */
  ps(prefix: number, opcode: number, dst: number, src: number): void {
    this.e.rr(prefix, false, opcode, dst, src);
  }

  opImm(opcode: number, dst: number, src: number, imm: number): void {
    this.op(opcode, dst, src);
    this.e.u8(imm);
  }

  private constant(bits: bigint): Address {
    const disp = this.pool.offset(bits, 16);
    return { base: -1, index: -1, scale: 1, disp, symbol: POOL_SYMBOL };
  }

  /** `dst ← dst op constant`; with MOVDQA, a load. */
  opConst(opcode: number, dst: number, bits: bigint): void {
    this.e.rm(0x66, false, opcode, dst, this.constant(bits));
  }

  load(dst: number, bits: bigint): void {
    this.opConst(MOVDQA, dst, bits);
  }

  move(dst: number, src: number): void {
    if (dst !== src) this.e.rr(0, false, 0x0f28, dst, src);
  }

  zero(dst: number): void {
    this.op(PXOR, dst, dst);
  }

  ones(dst: number): void {
    this.op(PCMPEQD, dst, dst);
  }

  /** Shift by a constant: `opcode` and /digit of groups 12…14. */
  shift([opcode, digit]: readonly [number, number], dst: number, count: number): void {
    this.opImm(opcode, digit, dst, count);
  }
}

/** How a vector operation becomes machine code. */
export interface VectorRecipe {
  /** The result overwrites the first operand. */
  same: boolean;
  /** Operands in reverse order. */
  swapped: boolean;
  /** The operands are read before anything is written: they may share a register with the result. */
  early: boolean;
  /** The second operand is a shift count, an immediate where it is constant. */
  count: boolean;
  /** Vector registers besides. */
  temps: number;
  emit(v: VectorCode): void;
}

export const VECTOR_RECIPES: (VectorRecipe | undefined)[] = [];

export const MOVD = 0x0f6e;
const MOVDQA = 0x0f6f;
export const PXOR = 0x0fef;
export const POR = 0x0feb;
export const PAND = 0x0fdb;
export const PCMPEQD = 0x0f76;
export const PSHUFB = 0x0f3800;
export const PSHUFD = 0x0f70;
export const PTEST = 0x0f3817;
export const PMADDUBSW = 0x0f3804;
export const PMADDWD = 0x0ff5;
export const PADDD = 0x0ffe;
export const PADDQ = 0x0fd4;
export const PSUBQ = 0x0ffb;
export const PMULUDQ = 0x0ff4;
export const ANDPS = 0x0f54;
export const ANDNPS = 0x0f55;
export const ORPS = 0x0f56;
export const XORPS = 0x0f57;
export const ADD = 0x0f58;
export const SUB = 0x0f5c;
export const MIN = 0x0f5d;
export const MAX = 0x0f5f;
export const CMP = 0x0fc2;
export const CVTDQ2PS = 0x0f5b;
/** Shifts by constants: opcode and /digit. */
export const PSRLW = [0x0f71, 2] as const;
export const PSRLD = [0x0f72, 2] as const;
export const PSRAD = [0x0f72, 4] as const;
export const PSRLQ = [0x0f73, 2] as const;
export const PSLLQ = [0x0f73, 6] as const;
export const PSRLDQ = [0x0f73, 3] as const;

/** A value in every lane of `width` bits. */
export function lanes(width: number, value: bigint): bigint {
  let bits = 0n;
  for (let i = 0; i < 128; i += width) bits |= BigInt.asUintN(width, value) << BigInt(i);
  return bits;
}

export function recipe(
  name: string,
  form: Partial<VectorRecipe>,
  emit: VectorRecipe["emit"],
): void {
  VECTOR_RECIPES[vectorOpcode(name)] = {
    same: false,
    swapped: false,
    early: false,
    count: false,
    temps: 0,
    ...form,
    emit,
  };
}

export const SAME = { same: true };
export const EARLY = { early: true };

/** One instruction `to ← to op b`. */
export function binary(name: string, opcode: number, prefix = 0x66, swapped = false): void {
  recipe(name, { same: true, swapped }, (v) => v.ps(prefix, opcode, v.o.to, v.o.b));
}

/** One instruction `to ← op a`. */
export function unary(name: string, opcode: number, prefix = 0x66): void {
  recipe(name, EARLY, (v) => v.ps(prefix, opcode, v.o.to, v.o.a));
}

/** To what another recipe makes of the same operands, its complement. */
export function complement(name: string, of: string): void {
  const original = VECTOR_RECIPES[vectorOpcode(of)] as VectorRecipe;
  recipe(name, original, (v) => {
    original.emit(v);
    v.ones(XMM15);
    v.op(PXOR, v.o.to, XMM15);
  });
}

/** The same with the operands in reverse order. */
export function mirror(name: string, of: string): void {
  const original = VECTOR_RECIPES[vectorOpcode(of)] as VectorRecipe;
  recipe(name, { ...original, swapped: !original.swapped }, original.emit);
}
