// The instruction that is being decoded: where its bytes are, its prefixes, ModRM, and the record it becomes.
// Follows Intel SDM vol. 2, chapter 2.

import { KEY_FLAT, KEY_SIZE, OP_SIZE, REGS, S_RIP_BASE, S_ZERO } from "../../state";
import { CS, DS, FS, GS, SS } from "../memory/segments";
import {
  EA_BASE,
  EA_CHECK,
  EA_MASK16,
  EA_MASK32,
  EA_REGISTER,
  generalProtection,
  Op,
  undefinedOpcode,
  unimplemented,
} from "../op/op";

/** The last instruction ends its block. */
export let endsBlock: bool = false;
/** The instruction reaches beyond the bytes given. */
export let overrun: bool = false;

// ---- State of the instruction being decoded
export let start: usize = 0;
let p: usize = 0;
export let limit: usize = 0;
/** Code size: 0 16, 1 32, 2 64 bits. */
export let mode: u32 = 0;
export let flat: bool = false;
export let rex: u32 = 0;
/** Operand size prefix 0x66. */
export let prefix66: bool = false;
/** 0, 0xF2 or 0xF3: the last one. */
export let prefixRep: u32 = 0;
export let lock: bool = false;
export let segmentOverride: i32 = -1;
/** Operand size in bytes: 2, 4, 8. */
export let opSize: i32 = 4;
/** Address size in bytes. */
export let addressSize: i32 = 8;
export let modrmByte: u32 = 0;
export let mod: u32 = 0;
/** reg and r/m fields with their REX bits. */
export let reg: u32 = 0;
export let rm: u32 = 0;
export let op: Op = changetype<Op>(0);

export function handlerOf(fn: (op: Op) => usize): u32 {
  return load<u32>(changetype<usize>(fn));
}

export function use(fn: (op: Op) => usize): void {
  op.h = load<u32>(changetype<usize>(fn));
}

/** An instruction that leaves its block. */
export function useEnd(fn: (op: Op) => usize): void {
  op.h = load<u32>(changetype<usize>(fn));
  endsBlock = true;
}

export function ud(): void {
  useEnd(undefinedOpcode);
}

/** Exists, but not here yet. */
export function notYet(): void {
  useEnd(unimplemented);
}

export function fetch8(): u32 {
  if (p >= limit) {
    overrun = true;
    return 0;
  }
  return <u32>load<u8>(p++);
}

/** The byte `n` places ahead, or 0 beyond the bytes given. */
export function peek8(n: u32): u32 {
  return p + n < limit ? <u32>load<u8>(p + n) : 0;
}

/** Sets REX as a VEX prefix implies it. */
export function setRex(value: u32): void {
  rex = value;
}

export function fetch16(): u32 {
  const a = fetch8();
  return a | (fetch8() << 8);
}

export function fetch32(): u32 {
  if (p + 4 <= limit) {
    const v = load<u32>(p);
    p += 4;
    return v;
  }
  const a = fetch16();
  return a | (fetch16() << 16);
}

export function fetch64(): u64 {
  const a = <u64>fetch32();
  return a | ((<u64>fetch32()) << 32);
}

export function signed8(): i64 {
  return <i64>(<i8>fetch8());
}

/** Immediate of the operand size; at most 32 bits, sign-extended. */
export function immediate(size: i32): i64 {
  if (size == 1) return <i64>(<i8>fetch8());
  if (size == 2) return <i64>(<i16>fetch16());
  return <i64>(<i32>fetch32());
}

/** Address of general-purpose register `n` of `size` bytes. */
export function gpr(n: u32, size: i32): u16 {
  if (size == 1 && rex == 0 && n >= 4 && n < 8) return <u16>(REGS + ((n - 4) << 3) + 1);
  return <u16>(REGS + (n << 3));
}

export function sizeIndex(size: i32): i32 {
  return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
}

function fetchModrm(): void {
  modrmByte = fetch8();
  mod = modrmByte >> 6;
  reg = ((modrmByte >> 3) & 7) | ((rex & 4) << 1);
  rm = (modrmByte & 7) | ((rex & 1) << 3);
}

/** Operand size by bit 0 of opcode `b`: one byte, or the full size. */
export function sizeBy(b: u32): i32 {
  return (b & 1) == 0 ? 1 : opSize;
}

/** The same for port instructions, which know no 64-bit operand. */
export function portSize(b: u32): i32 {
  const size = sizeBy(b);
  return size == 8 ? 4 : size;
}

/** Decodes a ModRM byte whose mod field is ignored: both fields are registers. */
export function decodeRegisters(): void {
  fetchModrm();
  op.ea = EA_REGISTER;
}

/** Decodes ModRM, SIB and displacement. A register r/m is left to `registers`. */
export function decodeModrm(): void {
  fetchModrm();
  if (mod == 3) {
    op.ea = EA_REGISTER;
    return;
  }
  let segment: i32 = DS;
  op.index = <u16>S_ZERO;
  op.scale = 0;
  if (addressSize == 2) {
    segment = decode16();
  } else {
    let base = modrmByte & 7;
    op.disp = 0;
    if (base == 4) {
      const sib = fetch8();
      const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
      if (index != 4) {
        op.index = <u16>(REGS + (index << 3));
        op.scale = <u8>(sib >> 6);
      }
      base = sib & 7;
      if (base == 5 && mod == 0) {
        op.base = <u16>S_ZERO;
        op.disp = <i64>(<i32>fetch32());
      } else {
        const b = base | ((rex & 1) << 3);
        op.base = <u16>(REGS + (b << 3));
        if (b == 4 || b == 5) segment = SS;
      }
    } else if (base == 5 && mod == 0) {
      op.disp = <i64>(<i32>fetch32());
      if (mode == 2) {
        // RIP-relative: completed when the length is known.
        op.base = <u16>S_RIP_BASE;
        ripRelative = true;
      } else op.base = <u16>S_ZERO;
    } else {
      const b = base | ((rex & 1) << 3);
      op.base = <u16>(REGS + (b << 3));
      if (b == 5) segment = SS;
    }
    if (mod == 1) op.disp += signed8();
    else if (mod == 2) op.disp += <i64>(<i32>fetch32());
  }
  setSegmentOf(segment);
}

let ripRelative: bool = false;

/** Sets `ea` for the default segment `segment` or the override. */
export function setSegmentOf(segment: i32): void {
  if (segmentOverride >= 0) segment = segmentOverride;
  let ea: i32 = 0;
  if (mode == 2) {
    if (addressSize == 4) ea = EA_MASK32;
    if (segment == FS || segment == GS) ea |= EA_BASE | (segment << 2);
  } else {
    ea = (addressSize == 2 ? EA_MASK16 : EA_MASK32) | (segment << 2);
    if (!flat || segment == FS || segment == GS || segment == CS) ea |= EA_CHECK;
  }
  op.ea = <u8>ea;
}

function decode16(): i32 {
  let segment: i32 = DS;
  const form = modrmByte & 7;
  op.base = <u16>S_ZERO;
  op.disp = 0;
  if (form == 6 && mod == 0) {
    op.disp = <i64>fetch16();
  } else {
    // BX+SI BX+DI BP+SI BP+DI SI DI BP BX
    const hasBp = form == 2 || form == 3 || form == 6;
    if (hasBp) segment = SS;
    if (form < 4) {
      op.base = <u16>(REGS + ((hasBp ? 5 : 3) << 3));
      op.index = <u16>(REGS + (((form & 1) != 0 ? 7 : 6) << 3));
    } else {
      const r = form == 4 ? 6 : form == 5 ? 7 : form == 6 ? 5 : 3;
      op.base = <u16>(REGS + (r << 3));
    }
    if (mod == 1) op.disp = signed8();
    else if (mod == 2) op.disp = <i64>(<i16>fetch16());
  }
  return segment;
}

/** Fills dst with the reg field's register and src with the r/m register. */
export function registers(regSize: i32, rmSize: i32): void {
  op.dst = gpr(reg, regSize);
  if (mod == 3) op.src = gpr(rm, rmSize);
}

/** ModRM and both register fields of one size. */
export function modrmOf(size: i32): void {
  decodeModrm();
  registers(size, size);
  op.size = <u8>size;
}

/** LOCK is allowed on this instruction: its destination is memory. */
export let lockable: bool = false;

/** Default operand size of stack and near-branch instructions. */
export function stackSize(): i32 {
  if (mode == 2) return prefix66 ? 2 : 8;
  return opSize;
}

/** Relative branch of displacement size `size` (1, 2, 4). Intel ignores 0x66 in 64-bit mode. */
export function relative(size: i32): void {
  const displacement =
    size == 1 ? signed8() : size == 2 ? <i64>(<i16>fetch16()) : <i64>(<i32>fetch32());
  // `decodeOne` adds the page offset of the next instruction.
  op.disp = displacement;
  ripRelative = true;
  op.size = mode == 2 ? 8 : <u8>opSize;
}

export function branchDisplacement(): i32 {
  return mode != 2 && opSize == 2 ? 2 : 4;
}

/** LOCK is allowed on this instruction if `allowed`, and its destination is memory. */
export function allowLock(allowed: bool): void {
  lockable = allowed;
}

/** Begins the instruction at host address `bytes`, which becomes the record at `at`. */
/** Clears a record. The engine calls a function of its own for `memory.fill`, which takes longer than so few bytes. */
function clear(at: usize): void {
  const none = i64x2.splat(0);
  v128.store(at, none);
  v128.store(at, none, 16);
  store<u64>(at, 0, OP_SIZE - 8);
}

export function beginInstruction(
  at: usize,
  bytes: usize,
  available: u32,
  index: i32,
  key: u32,
): void {
  op = changetype<Op>(at);
  clear(at);
  start = bytes;
  p = bytes;
  // One byte beyond the 15 allowed, to notice that an instruction is too long.
  limit = bytes + (available > 16 ? 16 : available);
  mode = key & KEY_SIZE;
  flat = (key & KEY_FLAT) != 0;
  rex = 0;
  prefix66 = false;
  prefixRep = 0;
  lock = false;
  lockable = false;
  segmentOverride = -1;
  endsBlock = false;
  overrun = false;
  ripRelative = false;
  op.base = <u16>S_ZERO;
  op.index = <u16>S_ZERO;
  op.idx = <u16>index;
}

/** Takes prefixes and the first opcode byte, which it returns, and settles operand and address size. */
export function decodePrefixes(): u32 {
  let prefix67 = false;
  let b: u32;
  for (;;) {
    b = fetch8();
    if (overrun) return 0;
    if (p - start > 15) break;
    if (b == 0x66) prefix66 = true;
    else if (b == 0x67) prefix67 = true;
    else if (b == 0xf2 || b == 0xf3) prefixRep = b;
    else if (b == 0xf0) lock = true;
    else if (b == 0x2e || b == 0x36 || b == 0x3e || b == 0x26) {
      if (mode != 2) segmentOverride = <i32>((b >> 3) & 3);
    } else if (b == 0x64) segmentOverride = FS;
    else if (b == 0x65) segmentOverride = GS;
    else if (mode == 2 && (b & 0xf0) == 0x40) {
      // REX counts only directly before the opcode.
      rex = b;
      continue;
    } else break;
    rex = 0;
  }
  if (mode == 2) {
    opSize = (rex & 8) != 0 ? 8 : prefix66 ? 2 : 4;
    addressSize = prefix67 ? 4 : 8;
  } else {
    opSize = (mode == 1) != prefix66 ? 4 : 2;
    addressSize = (mode == 1) != prefix67 ? 4 : 2;
  }
  op.size = <u8>opSize;
  return b;
}

/** Completes the record of the instruction at page offset `offset`; returns its length, 0 on `overrun`. */
export function endInstruction(offset: u32): u32 {
  const length = <u32>(p - start);
  if (length > 15) {
    // Too long whatever it is, even where the bytes beyond cannot be read.
    overrun = false;
    op.off = <u16>((offset & 0xfff) | (15 << 12));
    useEnd(generalProtection);
    return 15;
  }
  if (overrun) return 0;
  // Every encoding has a handler; a hole in a table must show itself as one.
  if (op.h == 0) notYet();
  op.off = <u16>((offset & 0xfff) | (length << 12));
  if (ripRelative) op.disp += <i64>(offset + length);
  if (lock && (!lockable || op.ea == EA_REGISTER)) ud();
  return length;
}
