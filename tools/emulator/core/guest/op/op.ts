// The micro-op record: one decoded instruction, and what handlers need to read operands and to end.
// A handler takes its record and returns the next one, or 0 to leave the block loop.

import {
  FAULT_AGAIN,
  FAULT_ERROR,
  FAULT_SET,
  FAULT_UNIMPLEMENTED,
  OP_AUX,
  OP_BASE,
  OP_COUNT,
  OP_DISP,
  OP_DST,
  OP_EA,
  OP_HANDLER,
  OP_IMM,
  OP_INDEX,
  OP_OFFSET,
  OP_SCALE,
  OP_SIZE,
  OP_SRC,
  OP_SUB,
  OP_WIDTH,
  RBP,
  RSP,
  S_AGAIN,
  S_BUDGET,
  S_FAULT,
  S_LIN_MASK,
  S_RIP,
  S_RIP_BASE,
  S_STOP,
  STOP_CODE,
  STOP_MIDDLE,
} from "../../state";
import { clearNonCanonical, Mem, nonCanonical, setWrapping } from "../memory/access";
import { Host } from "../memory/physical";
import { Seg, SS, segmentLinear } from "../memory/segments";
import { NO_ADDRESS } from "../processor/control_bits";
import { GP, raiseCode } from "../processor/fault";

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

/** The record's fields: what each holds is said in state.ts, which declares where it lies. */
// biome-ignore format: a field a line
@unmanaged
class Fields {
  @inline get h(): u32 { return load<u32>(changetype<usize>(this), OP_HANDLER); }
  @inline set h(v: u32) { store<u32>(changetype<usize>(this), v, OP_HANDLER); }
  @inline get dst(): u16 { return load<u16>(changetype<usize>(this), OP_DST); }
  @inline set dst(v: u16) { store<u16>(changetype<usize>(this), v, OP_DST); }
  @inline get src(): u16 { return load<u16>(changetype<usize>(this), OP_SRC); }
  @inline set src(v: u16) { store<u16>(changetype<usize>(this), v, OP_SRC); }
  @inline get base(): u16 { return load<u16>(changetype<usize>(this), OP_BASE); }
  @inline set base(v: u16) { store<u16>(changetype<usize>(this), v, OP_BASE); }
  @inline get index(): u16 { return load<u16>(changetype<usize>(this), OP_INDEX); }
  @inline set index(v: u16) { store<u16>(changetype<usize>(this), v, OP_INDEX); }
  @inline get scale(): u8 { return load<u8>(changetype<usize>(this), OP_SCALE); }
  @inline set scale(v: u8) { store<u8>(changetype<usize>(this), v, OP_SCALE); }
  @inline get ea(): u8 { return load<u8>(changetype<usize>(this), OP_EA); }
  @inline set ea(v: u8) { store<u8>(changetype<usize>(this), v, OP_EA); }
  @inline get off(): u16 { return load<u16>(changetype<usize>(this), OP_OFFSET); }
  @inline set off(v: u16) { store<u16>(changetype<usize>(this), v, OP_OFFSET); }
  @inline get disp(): i64 { return load<i64>(changetype<usize>(this), OP_DISP); }
  @inline set disp(v: i64) { store<i64>(changetype<usize>(this), v, OP_DISP); }
  @inline get imm(): i64 { return load<i64>(changetype<usize>(this), OP_IMM); }
  @inline set imm(v: i64) { store<i64>(changetype<usize>(this), v, OP_IMM); }
  @inline get idx(): u16 { return load<u16>(changetype<usize>(this), OP_COUNT); }
  @inline set idx(v: u16) { store<u16>(changetype<usize>(this), v, OP_COUNT); }
  @inline get sub(): u8 { return load<u8>(changetype<usize>(this), OP_SUB); }
  @inline set sub(v: u8) { store<u8>(changetype<usize>(this), v, OP_SUB); }
  @inline get size(): u8 { return load<u8>(changetype<usize>(this), OP_WIDTH); }
  @inline set size(v: u8) { store<u8>(changetype<usize>(this), v, OP_WIDTH); }
  @inline get aux(): u32 { return load<u32>(changetype<usize>(this), OP_AUX); }
  @inline set aux(v: u32) { store<u32>(changetype<usize>(this), v, OP_AUX); }
}

@unmanaged
export class Op extends Fields {
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
    return load<u32>(S_STOP) != 0 ? leaveStopped(this) : changetype<usize>(this) + OP_SIZE;
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
  if ((ea & EA_CHECK) != 0) return segmentLinear((ea >> 2) & 7, a, size, writing);
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
  if (load<u32>(S_FAULT) == FAULT_AGAIN) {
    store<u32>(S_AGAIN, changetype<u32>(op));
    setWrapping(NO_ADDRESS);
    return 0;
  }
  if (nonCanonical) {
    clearNonCanonical();
    // In 64-bit mode, what RSP and RBP address is in the stack segment unless FS or GS is asked for.
    const segment = (<i32>op.ea & EA_SEGMENT) >> 2;
    const based = op.base == RSP || op.base == RBP;
    const pending = (load<u32>(S_FAULT) & 0xff) == GP;
    if (
      pending &&
      op.ea < <u8>EA_BASE &&
      (segment == SS || (segment == 0 && based && in64BitMode()))
    )
      store<u32>(S_FAULT, FAULT_SET | FAULT_ERROR | 12);
  }
  setWrapping(NO_ADDRESS);
  store<u64>(S_RIP, op.rip());
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) - <i32>op.idx);
  return 0;
}

/** The instruction is complete, and S_STOP is set. */
export function leaveStopped(op: Op): usize {
  if (load<u32>(S_STOP) == STOP_CODE) store<u32>(S_STOP, STOP_CODE | STOP_MIDDLE);
  return leaveAfter(op);
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
  if (op.ea == EA_REGISTER) return readRegister(<usize>op.src, size);
  return readLinear(op.address(size, false), size);
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
  return Host.load(p, size);
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
