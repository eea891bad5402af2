// The micro-op record: one decoded instruction, and what handlers need to read operands and to end.
// A handler takes its record and returns the next one, or 0 to leave the block loop.

import {
  FAULT_ERROR,
  FAULT_SET,
  FAULT_UNIMPLEMENTED,
  OP_SIZE,
  REGS,
  S_BUDGET,
  S_FAULT,
  S_LIN_MASK,
  S_RIP,
  S_RIP_BASE,
  S_STOP,
} from "../../state";
import { clearNonCanonical, Mem, nonCanonical, setWrapping } from "../memory/access";
import { Seg, SS, segmentAddress } from "../memory/segments";
import { NO_ADDRESS } from "../processor/control_bits";
import { raiseCode } from "../processor/fault";

/** `ea` bits 0–1: address mask. */
export const EA_MASK32: i32 = 1;
export const EA_MASK16: i32 = 2;
/** `ea` bits 2–4: the segment, 0 in 64-bit mode unless it is FS or GS. */
const EA_SEGMENT: i32 = 0x1c;
/** `ea` bit 5: add the segment's base (FS, GS in 64-bit mode). */
export const EA_BASE: i32 = 0x20;
/** `ea` bit 6: legacy segment with limit and type check. */
export const EA_CHECK: i32 = 0x40;
/** The r/m operand is the register `src`. */
export const EA_REGISTER: u8 = 0xff;

@unmanaged
export class Op {
  /** Table index of the handler. */
  h: u32;
  /** Address of the register operand that is written (or the reg field's register). */
  dst: u16;
  /** Address of the other register operand (or the r/m field's register). */
  src: u16;
  /** Effective address: [base] + ([index] << scale) + disp. */
  base: u16;
  index: u16;
  scale: u8;
  ea: u8;
  /** Bits 0–11: page offset of the instruction, bits 12–15: its length. */
  off: u16;
  /** Displacement, or page-relative branch target. */
  disp: i64;
  /** Immediate, or for branches two links: taken (low), not taken (high). */
  imm: i64;
  /** Instructions before this one in the block. */
  idx: u16;
  /** Sub-operation: opcode byte, condition code. */
  sub: u8;
  /** Operand size in bytes (2, 4, 8), where the handler does not imply it. */
  size: u8;
  /** Arena generation of the links, or more of the opcode. */
  aux: u32;

  @inline next(): usize {
    return changetype<usize>(this) + OP_SIZE;
  }

  /** RIP of this instruction. */
  @inline rip(): u64 {
    return (load<u64>(S_RIP_BASE) + <u64>(this.off & 0xfff)) & load<u64>(S_LIN_MASK);
  }

  /** RIP of the next instruction. */
  @inline nextRip(): u64 {
    return (
      (load<u64>(S_RIP_BASE) + <u64>((this.off & 0xfff) + (this.off >> 12))) & load<u64>(S_LIN_MASK)
    );
  }

  /** Leaves the block with a fault pending: RIP stays at this instruction. */
  @inline fault(): usize {
    return faultAt(this);
  }

  /** End of an instruction that may have written memory or called a device. */
  @inline done(): usize {
    return load<u32>(S_STOP) != 0 ? leaveAfter(this) : changetype<usize>(this) + OP_SIZE;
  }

  /** Effective address of an access of `size` bytes; on a segment fault S_FAULT is set and accesses do nothing. */
  @inline address(size: i32, writing: bool): u64 {
    const a =
      load<u64>(<usize>this.base) + (load<u64>(<usize>this.index) << (<u64>this.scale)) + this.disp;
    return this.ea == 0 ? a : addressSlow(this, a, size, writing);
  }
}

function addressSlow(op: Op, a: u64, size: i32, writing: bool): u64 {
  const ea = <i32>op.ea;
  if ((ea & EA_MASK32) != 0) a &= 0xffffffff;
  else if ((ea & EA_MASK16) != 0) a &= 0xffff;
  if ((ea & EA_CHECK) != 0) return segmentAddress((ea >> 2) & 7, a, size, writing);
  if ((ea & EA_BASE) != 0) a += Seg.base((ea >> 2) & 7);
  return a;
}

/** Effective address as LEA sees it: without segment base. */
export function offsetOf(op: Op): u64 {
  const a = load<u64>(<usize>op.base) + (load<u64>(<usize>op.index) << (<u64>op.scale)) + op.disp;
  if ((op.ea & EA_MASK32) != 0) return a & 0xffffffff;
  if ((op.ea & EA_MASK16) != 0) return a & 0xffff;
  return a;
}

export function in64BitMode(): bool {
  return load<u64>(S_LIN_MASK) != 0xffffffff;
}

export function faultAt(op: Op): usize {
  if (nonCanonical) {
    clearNonCanonical();
    // In 64-bit mode, what RSP and RBP address is in the stack segment unless FS or GS is asked for.
    const segment = (<i32>op.ea & EA_SEGMENT) >> 2;
    const based = op.base == REGS + 32 || op.base == REGS + 40;
    if (op.ea < <u8>EA_BASE && (segment == SS || (segment == 0 && based && in64BitMode())))
      store<u32>(S_FAULT, FAULT_SET | FAULT_ERROR | 12);
  }
  setWrapping(NO_ADDRESS);
  store<u64>(S_RIP, op.rip());
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) - <i32>op.idx);
  return 0;
}

/** The instruction is complete; leaves the block after it. */
export function leaveAfter(op: Op): usize {
  store<u64>(S_RIP, op.nextRip());
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) - <i32>op.idx - 1);
  return 0;
}

/** The instruction is complete and has set the next RIP. */
export function leaveTo(op: Op, rip: u64): usize {
  store<u64>(S_RIP, rip);
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) - <i32>op.idx - 1);
  return 0;
}

/** #UD. */
export function undefinedOpcode(op: Op): usize {
  store<u32>(S_FAULT, FAULT_SET | 6);
  return faultAt(op);
}

/** An instruction that exists but is not implemented. */
export function unimplemented(op: Op): usize {
  store<u32>(S_FAULT, FAULT_UNIMPLEMENTED);
  return faultAt(op);
}

/** #GP(0). */
export function generalProtection(op: Op): usize {
  raiseCode(13, 0);
  return faultAt(op);
}

// ---- Generic operands, for instructions that are rare enough

/** Reads the r/m operand, `size` 1, 2, 4 or 8. */
export function readRm(op: Op, size: i32): u64 {
  if (op.ea == EA_REGISTER) {
    const p = <usize>op.src;
    if (size == 8) return load<u64>(p);
    if (size == 4) return <u64>load<u32>(p);
    if (size == 2) return <u64>load<u16>(p);
    return <u64>load<u8>(p);
  }
  const a = op.address(size, false);
  return readLinear(a, size);
}

/** Writes the r/m operand. */
export function writeRm(op: Op, size: i32, v: u64): void {
  if (op.ea == EA_REGISTER) {
    writeRegister(<usize>op.src, size, v);
    return;
  }
  writeLinear(op.address(size, true), size, v);
}

/** Writes a register as an instruction does: 32-bit results clear the upper half. */
export function writeRegister(p: usize, size: i32, v: u64): void {
  if (size == 8) store<u64>(p, v);
  else if (size == 4) store<u64>(p, v & 0xffffffff);
  else if (size == 2) store<u16>(p, <u16>v);
  else store<u8>(p, <u8>v);
}

export function readRegister(p: usize, size: i32): u64 {
  if (size == 8) return load<u64>(p);
  if (size == 4) return <u64>load<u32>(p);
  if (size == 2) return <u64>load<u16>(p);
  return <u64>load<u8>(p);
}

export function readLinear(a: u64, size: i32): u64 {
  if (size == 8) return Mem.read<u64>(a);
  if (size == 4) return Mem.read<u32>(a);
  if (size == 2) return Mem.read<u16>(a);
  return Mem.read<u8>(a);
}

export function writeLinear(a: u64, size: i32, v: u64): void {
  if (size == 8) Mem.write<u64>(a, v);
  else if (size == 4) Mem.write<u32>(a, v);
  else if (size == 2) Mem.write<u16>(a, v);
  else Mem.write<u8>(a, v);
}

export class Reg {
  /** Stores a register of type T, zero-extending 32-bit values. */
  @inline static set<T>(p: usize, v: u64): void {
    if (sizeof<T>() == 4) store<u64>(p, v & 0xffffffff);
    else store<T>(p, <T>v);
  }
  @inline static get<T>(p: usize): u64 {
    return <u64>load<T>(p);
  }
}
