// Entry point for the core's decoder: finds vector (and BMI) instructions and completes their micro-op
// record. The decoder has parsed prefixes and opcode before `simdFind`, and ModRM before `simdDecode`.
// Follows Intel SDM vol. 2A, 2.3 (VEX) and the opcode tables in define*.ts.

import { KEY_SIZE, REGS, S_KEY, S_YMM } from "../../state";
import { EA_REGISTER, Op } from "../op/op";
import { CHECK_ALIGNED, mmxRegister, VEX, WIDE64, WIDE256 } from "./access";
import { defineExtensions } from "./define-avx";
import { defineFloat } from "./define-float";
import { defineInteger } from "./define-integer";
import { defineMoves } from "./define-moves";
import { AVX2, has } from "./features";
import {
  ALIGNED,
  BY_LENGTH,
  DEST_V,
  Entry,
  find,
  GROUP,
  groupEntry,
  IMM3,
  IMM8,
  IS4,
  L0,
  L1,
  L1_AVX2,
  LIG,
  NO_MODRM,
  REGISTER_AVX2,
  UNALIGNED,
  V_REGISTER,
  VSIB,
} from "./table";

/** Fills the opcode table; once per instance, before anything is decoded. */
export function initSimd(): void {
  defineMoves();
  defineInteger();
  defineFloat();
  defineExtensions();
}

/**
 * Looks an opcode up. `map`: 1 = 0F, 2 = 0F 38, 3 = 0F 3A; `pp`: 0 none, 1 = 66, 2 = F3, 3 = F2 (a legacy
 * F2 or F3 wins over 66); `w`: VEX.W. Returns a token for the other functions, or 0 if the opcode is not
 * one of these instructions in this CPU model.
 */
export function simdFind(map: u32, pp: u32, opcode: u32, vex: bool, w: u32): usize {
  return find(vex ? 1 + w : 0, ((map - 1) << 10) | (pp << 8) | opcode);
}

/** An imm8 follows ModRM, SIB and displacement. */
export function simdHasImmediate(token: usize): bool {
  return (changetype<Entry>(token).flags & IMM8) != 0;
}

export function simdHasModRm(token: usize): bool {
  return (changetype<Entry>(token).flags & NO_MODRM) == 0;
}

/** The memory operand's index is a vector register; only a memory operand is possible then. */
export function simdIndexed(token: usize): bool {
  return (changetype<Entry>(token).flags & VSIB) != 0;
}

/**
 * Completes `op`, whose address fields (`base`, `index`, `scale`, `ea`, `disp`) are set; for a register r/m
 * operand (`rm` ≥ 0) `ea` is set here. `reg`: ModRM.reg, `rm`: ModRM.rm, extended by REX or VEX, or -1 for
 * memory; `vvvv` as a register number (0 for 1111b), `l`: VEX.L, `w`: REX.W or VEX.W, `operandSize`: 2, 4
 * or 8 by prefixes. Returns false for #UD.
 */
export function simdDecode(
  op: Op,
  token: usize,
  vex: bool,
  reg: u32,
  rm: i32,
  vvvv: u32,
  l: u32,
  w: u32,
  operandSize: u32,
  immediate: u32,
): bool {
  let e = changetype<Entry>(token);
  let flags: u32 = e.flags;
  if ((flags & GROUP) != 0) {
    e = groupEntry(e, reg & 7);
    flags = e.flags;
  }
  const memory = rm < 0;
  const handler: u32 = memory ? e.mem : e.reg;
  if (handler == 0) return false;
  const code64 = (load<u32>(S_KEY) & KEY_SIZE) == 2;
  let sub: u32 = 0;
  let size: u32 = e.size;
  if (vex) {
    if ((flags & LIG) != 0) l = 0;
    if ((flags & L0) != 0 && l != 0) return false;
    if ((flags & L1) != 0 && l == 0) return false;
    if (l != 0 && (flags & L1_AVX2) != 0 && !has(AVX2)) return false;
    if (!memory && (flags & REGISTER_AVX2) != 0 && !has(AVX2)) return false;
    sub = VEX;
    if (l != 0) sub |= WIDE256;
    if ((flags & ALIGNED) != 0) sub |= CHECK_ALIGNED;
  } else {
    l = 0;
    if ((size & 0x7f) == 16 && (flags & UNALIGNED) == 0) sub = CHECK_ALIGNED;
  }
  if (w != 0 && code64) sub |= WIDE64;
  size = (size & BY_LENGTH) != 0 ? (size & 0x7f) << l : size;
  if (size == 0) size = operandSize;
  const kinds: u32 = e.kinds;
  let dst = register(kinds & 3, reg);
  let first = dst;
  if (vex) {
    const v = memory && (flags & V_REGISTER) != 0 ? 0 : (kinds >> 4) & 3;
    if (v != 0) {
      first = register(v - 1, vvvv);
      if ((flags & DEST_V) != 0) dst = first;
    } else if (vvvv != 0) return false;
  } else if ((flags & DEST_V) != 0) {
    dst = register((kinds >> 2) & 3, <u32>rm);
    first = dst;
  }
  if (!memory) {
    op.ea = <u8>EA_REGISTER;
    op.src = <u16>register((kinds >> 2) & 3, <u32>rm);
  }
  if ((flags & IS4) != 0) {
    // The fourth operand's address takes the place of the immediate; a legacy one is XMM0.
    const fourth = vex ? register(0, (immediate >> 4) & (code64 ? 15 : 7)) : register(0, 0);
    op.imm = <i64>(((<u64>(fourth + 16)) << 32) | <u64>fourth);
  } else if ((flags & IMM8) == 0) {
    op.imm = <i64>e.immShift;
  } else {
    immediate &= !vex && (flags & IMM3) != 0 ? 7 : 0xff;
    op.imm = <i64>(((<u64>(immediate >> e.immShift)) << 32) | <u64>immediate);
  }
  op.h = handler;
  op.dst = <u16>dst;
  op.aux = <u32>first | ((<u32>e.lane) << 16);
  op.sub = <u8>sub;
  op.size = <u8>size;
  return true;
}

function register(kind: u32, n: u32): usize {
  if (kind == 1) return REGS + <usize>((n & 15) << 3);
  if (kind == 2) return mmxRegister(n & 7);
  return S_YMM + <usize>((n & 15) << 5);
}
