// Machine instructions of the lowering, between IR and encoder: what each `Inst.op` means, the
// registers of each target, and the calling convention (System V AMD64 ABI, 3.2.3).

import { F32, type Signature, type Type, V128 } from "../ir/ir.ts";
import type { RegisterSet } from "../regalloc/lir.ts";
import {
  R8,
  R9,
  R10,
  R11,
  R12,
  R13,
  R14,
  R15,
  RAX,
  RBP,
  RBX,
  RCX,
  RDI,
  RDX,
  RSI,
  XMM0,
} from "./encoder.ts";

export const M = {
  Mov: 0, // dst ← src
  MovImm: 1, // dst ← aux (bigint)
  Zext32: 2, // dst ← low half of src, never elided
  FConst: 3, // dst ← aux (bits); size 4 or 8
  Add: 4, // three-address; srcs[1] or imm
  Alu: 5, // sub: ALU.*; same; srcs[1], imm or mem
  Lea: 6,
  Imul: 7, // same; srcs[1] or mem
  ImulImm: 8,
  ShiftImm: 9, // sub: SHIFT.*; same
  ShiftCl: 10,
  Neg: 11,
  Not: 12,
  Div: 13, // sub: DIV.*; srcs: dividend (RAX), divisor
  MulHi: 14, // sub: 1 signed; srcs: a (RAX), b
  Clz: 15,
  Ctz: 16,
  Popcnt: 17,
  Ext: 18, // size: source bytes; sub: 1 signed; imm: result bytes
  Load: 19, // size: memory bytes; sub: 1 signed; imm: result bytes
  Store: 20, // srcs[aux as value index] or imm
  FLoad: 21,
  FStore: 22,
  CmpSet: 23,
  CmpBr: 24,
  CmpSel: 25,
  CmpTrap: 26, // aux: trap kind
  FAlu: 27, // sub: opcode; same; srcs[1] or mem
  FUnary: 28, // sub: opcode (sqrt, cvt between floats); srcs[0] or mem
  FMask: 29, // sub: 0x54 andps, 0x57 xorps; imm: pool offset of the mask
  FMinMax: 30, // sub: opcode of minsd or maxsd
  FCopysign: 31,
  FRound: 32, // sub: 0 nearest, 1 floor, 2 ceil, 3 trunc
  FromInt: 33, // imm: bytes of the integer; sub: 1 signed
  ToInt: 34, // imm: bytes of the integer; sub: 1 signed; aux: true for saturating
  Bitcast: 35, // sub: 1 to integer
  Call: 36, // aux: symbol
  CallIndirect: 37, // imm: type number; aux: table
  StoreOut: 38, // imm: offset from RSP
  LoadOut: 39,
  LoadIn: 40, // imm: offset in the incoming area
  StoreIn: 41,
  Jump: 42,
  Switch: 43, // aux: succ numbers
  Return: 44,
  Trap: 45, // sub: kind
  Xchg: 46, // same
  Xadd: 47,
  RmwLoop: 48, // sub: ALU.*
  Cmpxchg: 49,
  Fence: 50,
  Code: 51, // aux: bytes of an intrinsic
  SymbolAddress: 52, // aux: name
  AluStore: 53, // memory destination: sub: ALU.*; last src or imm
  TailCall: 54, // aux: symbol
  TailCallIndirect: 55, // as CallIndirect
  Bswap: 56, // same
  Vector: 57, // sub: opcode behind 0xfd; imm: lane or count; aux: lanes of a shuffle
} as const;

export const DIV = { DivS: 0, DivU: 1, RemS: 2, RemU: 3 } as const;
export const CMP = { Cmp: 0, Test: 1, Ucomis: 2, Bt: 3 } as const;
/** Condition codes beyond the hardware's: ordered equality of floats and its inverse. */
export const CC_FEQ = 16;
export const CC_FNE = 17;

export const INT_ARGS = [RDI, RSI, RDX, RCX, R8, R9];
export const SSE_ARGS = [0, 1, 2, 3, 4, 5, 6, 7].map((n) => XMM0 + n);
export const INT_RESULTS = [RAX, RDX];
export const SSE_RESULTS = [XMM0, XMM0 + 1];

const mask = (registers: number[]): number => registers.reduce((m, r) => m | (1 << r), 0);

export const CALLEE_SAVED = [RBX, RBP, R12, R13, R14, R15];
export const CALLER_SAVED_MASK =
  mask([RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11]) | (0xffff << XMM0);

/** XMM15 is left to the emitter for parallel moves and multi-instruction float operations. */
const SSE = Array.from({ length: 15 }, (_, n) => XMM0 + n);
const GENERAL = [RAX, RCX, RDX, RSI, RDI, R8, R9, R10, R11, RBX, RBP, R12, R13, R14];

/** Registers to allocate, `limit` of each class at most: with a window R15 holds its base. */
export function registerSet(window: boolean, limit = 16): RegisterSet {
  const general = window ? GENERAL : [...GENERAL, R15];
  return {
    general: general.slice(0, limit),
    sse: SSE.slice(0, limit),
    calleeSaved: mask(CALLEE_SAVED),
  };
}

export interface Assignment {
  /** Register per parameter or result, or -1. */
  registers: number[];
  /** Offset in the stack area per parameter or result, or -1. */
  offsets: number[];
  /** Bytes of the stack area. */
  size: number;
}

function assign(types: Type[], ints: number[], floats: number[], start: number): Assignment {
  const registers: number[] = [];
  const offsets: number[] = [];
  let i = 0;
  let x = 0;
  let size = start;
  for (const type of types) {
    const register = type >= F32 ? floats[x++] : ints[i++];
    registers.push(register ?? -1);
    if (register === undefined) {
      // Vectors are aligned to their size.
      if (type === V128) size = (size + 15) & ~15;
      offsets.push(size);
      size += type === V128 ? 16 : 8;
    } else offsets.push(-1);
  }
  return { registers, offsets, size };
}

export function assignParams(types: Type[]): Assignment {
  return assign(types, INT_ARGS, SSE_ARGS, 0);
}

/**
 * Bytes of the stack arguments behind which the stack results are. Where functions make tail calls,
 * every caller leaves room for the arguments of any function (`tailArea` bytes): the callee may put
 * those of its tail call there, however many there are.
 */
export function argumentArea(params: Type[], tailArea: number): number {
  return Math.max(assignParams(params).size, tailArea);
}

/**
 * Results beyond RAX, RDX, XMM0 and XMM1 go to the caller's outgoing area, behind the stack
 * arguments: the ABI has no multiple results, so this part is ours.
 */
export function assignResults(types: Type[], argumentBytes: number): Assignment {
  return assign(types, INT_RESULTS, SSE_RESULTS, argumentBytes);
}

/** Whether all parameters and results of a function are passed in registers. */
export function passesInRegisters({ params, results }: Signature): boolean {
  return (
    assignParams(params).size === 0 &&
    assignResults(results, 0).registers.every((register) => register >= 0)
  );
}
