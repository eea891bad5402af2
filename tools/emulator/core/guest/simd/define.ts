// How families of instructions enter the opcode table: one call defines the legacy, VEX.128 and VEX.256
// forms of an operation that share a lane function.

import { Op } from "../op/op";
import { AVX, MMX, SSE2 } from "./features";
import {
  floatNarrow,
  floatPacked,
  floatScalar32,
  floatScalar64,
  laneCount,
  laneMemory,
  laneRegister,
} from "./forms";
import { mmxHigh, mmxJoined, mmxLane } from "./mmx";
import {
  DEST_V,
  entryAt,
  FULL,
  IMM8,
  L1_AVX2,
  Lane,
  LEGACY,
  LIG,
  member,
  P66,
  put,
  REG_M,
  RM_M,
  V_NONE,
  V_X,
  VEX_W0,
  VEX_W1,
} from "./table";

export type Handler = (op: Op) => usize;

/** Both VEX.W encodings. */
export function vex(
  key: u32,
  reg: i32,
  mem: i32,
  lane: i32,
  kinds: u32,
  size: u32,
  flags: u32,
  feature: u32,
  immShift: u32,
): void {
  put(entryAt(VEX_W0, key), reg, mem, lane, kinds, size, flags, feature, immShift);
  put(entryAt(VEX_W1, key), reg, mem, lane, kinds, size, flags, feature, immShift);
}

/** Integer operation of two sources, VEX.256 with AVX2. `flags`: IMM8. */
export function integer(key: u32, f: Lane, feature: u32, flags: u32 = 0): void {
  const r = laneRegister.index;
  const m = laneMemory.index;
  put(entryAt(LEGACY, key | P66), r, m, f.index, V_NONE, FULL, flags, feature, 0);
  vex(key | P66, r, m, f.index, V_X, FULL, flags | L1_AVX2, AVX, 0);
}

/** Integer operation of one source of `size` bytes; `prefix` is part of `key`. */
export function integerUnary(key: u32, f: Lane, feature: u32, size: u32, flags: u32 = 0): void {
  const r = laneRegister.index;
  const m = laneMemory.index;
  put(entryAt(LEGACY, key), r, m, f.index, V_NONE, size, flags, feature, 0);
  vex(key, r, m, f.index, V_NONE, size, flags | L1_AVX2, AVX, 0);
}

/** Bitwise and shuffling operations on floating-point registers: VEX.256 in AVX, immediate split by `immShift`. */
export function bitwise(
  key: u32,
  f: Lane,
  feature: u32,
  flags: u32 = 0,
  immShift: u32 = 0,
  vvvv: u32 = V_X,
): void {
  const r = laneRegister.index;
  const m = laneMemory.index;
  put(entryAt(LEGACY, key), r, m, f.index, V_NONE, FULL, flags, feature, immShift);
  vex(key, r, m, f.index, vvvv, FULL, flags, AVX, immShift);
}

/** Shift by a count in a register or memory, and its MMX form. */
export function shiftCount(opcode: u32, f: Lane): void {
  const h = laneCount.index;
  put(entryAt(LEGACY, opcode | P66), h, h, f.index, V_NONE, 16, 0, SSE2, 0);
  vex(opcode | P66, h, h, f.index, V_X, 16, L1_AVX2, AVX, 0);
  mmx(opcode, f);
}

/** Shift by an immediate: member `reg` of group `opcode`. */
export function shiftImmediate(opcode: u32, reg: u32, f: Lane, inMmx: bool): void {
  const h = laneRegister.index;
  member(LEGACY, opcode | P66, reg, h, 0, f.index, V_NONE, FULL, IMM8 | DEST_V, SSE2);
  member(VEX_W0, opcode | P66, reg, h, 0, f.index, V_X, FULL, IMM8 | L1_AVX2 | DEST_V, AVX);
  member(VEX_W1, opcode | P66, reg, h, 0, f.index, V_X, FULL, IMM8 | L1_AVX2 | DEST_V, AVX);
  if (inMmx)
    member(LEGACY, opcode, reg, mmxLane.index, 0, f.index, REG_M | RM_M, 8, IMM8 | DEST_V, MMX);
}

/** MMX form, element-wise. */
export function mmx(key: u32, f: Lane, flags: u32 = 0): void {
  const h = mmxLane.index;
  put(entryAt(LEGACY, key), h, h, f.index, REG_M | RM_M, 8, flags, MMX, 0);
}

/** MMX form of a pack or a horizontal operation. */
export function mmxPair(key: u32, f: Lane): void {
  const h = mmxJoined.index;
  put(entryAt(LEGACY, key), h, h, f.index, REG_M | RM_M, 8, 0, MMX, 0);
}

/** MMX unpacks: the low ones read 4 bytes of memory, the high ones use the low lane function. */
export function mmxUnpack(low: u32, high: u32, f: Lane): void {
  const l = mmxLane.index;
  const h = mmxHigh.index;
  put(entryAt(LEGACY, low), l, l, f.index, REG_M | RM_M, 4, 0, MMX, 0);
  put(entryAt(LEGACY, high), h, h, f.index, REG_M | RM_M, 8, 0, MMX, 0);
}

/** Packed floating-point operation with exceptions; `vvvv` V_NONE for one source. */
export function packed(
  key: u32,
  f: Lane,
  feature: u32,
  vvvv: u32,
  flags: u32 = 0,
  size: u32 = FULL,
  immShift: u32 = 0,
): void {
  const h = floatPacked.index;
  put(entryAt(LEGACY, key), h, h, f.index, V_NONE, size, flags, feature, immShift);
  vex(key, h, h, f.index, vvvv, size, flags, AVX, immShift);
}

export function scalar32(key: u32, f: Lane, feature: u32, flags: u32 = 0, size: u32 = 4): void {
  const h = floatScalar32.index;
  put(entryAt(LEGACY, key), h, h, f.index, V_NONE, size, flags, feature, 0);
  vex(key, h, h, f.index, V_X, size, flags | LIG, AVX, 0);
}

export function scalar64(key: u32, f: Lane, feature: u32, flags: u32 = 0, size: u32 = 8): void {
  const h = floatScalar64.index;
  put(entryAt(LEGACY, key), h, h, f.index, V_NONE, size, flags, feature, 0);
  vex(key, h, h, f.index, V_X, size, flags | LIG, AVX, 0);
}

/** Packed conversion to narrower elements. */
export function narrowing(key: u32, f: Lane, feature: u32): void {
  const h = floatNarrow.index;
  put(entryAt(LEGACY, key), h, h, f.index, V_NONE, FULL, 0, feature, 0);
  vex(key, h, h, f.index, V_NONE, FULL, 0, AVX, 0);
}

/** Legacy and VEX (L = 0 only or by `flags`) entries with a handler of its own. */
export function both(
  key: u32,
  reg: i32,
  mem: i32,
  kinds: u32,
  vvvv: u32,
  size: u32,
  flags: u32,
  vexFlags: u32,
  feature: u32,
): void {
  put(entryAt(LEGACY, key), reg, mem, 0, kinds, size, flags, feature, 0);
  vex(key, reg, mem, 0, kinds | vvvv, size, vexFlags, AVX, 0);
}

/** A legacy entry with a handler of its own. */
export function legacy(
  key: u32,
  reg: i32,
  mem: i32,
  lane: i32,
  kinds: u32,
  size: u32,
  flags: u32,
  feature: u32,
): void {
  put(entryAt(LEGACY, key), reg, mem, lane, kinds, size, flags, feature, 0);
}

/** The upper lane of an operation defined before sees its immediate shifted. */
export function setImmediateShift(key: u32, shift: u32): void {
  for (let e = LEGACY; e <= VEX_W1; e++) entryAt(e, key).immShift = <u8>shift;
}

/** More flags for an operation defined before. */
export function addFlags(key: u32, flags: u32): void {
  for (let e = LEGACY; e <= VEX_W1; e++) {
    const entry = entryAt(e, key);
    entry.flags = <u16>(entry.flags | flags);
  }
}

/** The memory form of an operation defined before has a handler and operand size of its own. */
export function setMemory(key: u32, handler: i32, size: u32): void {
  for (let e = LEGACY; e <= VEX_W1; e++) {
    const entry = entryAt(e, key);
    entry.mem = <u16>handler;
    entry.size = <u8>size;
  }
}

/** A faster handler for an operation defined before. */
export function setHandler(key: u32, handler: i32): void {
  for (let e = LEGACY; e <= VEX_W1; e++) {
    entryAt(e, key).reg = <u16>handler;
    entryAt(e, key).mem = <u16>handler;
  }
}
