// Data movement: MOV, MOVZX, MOVSX, LEA, XCHG, CMOVcc, SETcc, BSWAP, PUSH, POP and their kin.
// Follows Intel SDM vol. 2; stack addressing vol. 1, 6.2.

import { KEY_FLAT, KEY_STACK32, REGS, S_FAULT, S_KEY } from "../state";
import { readForWriteFast } from "./alu";
import { condition, eflags, Flags, STATUS, Sx, setStatusFlags } from "./flags";
import { canonicalRange, Mem, readForWrite, WRITE } from "./memory";
import {
  EA_REGISTER,
  faultAt,
  Op,
  offsetOf,
  Reg,
  readLinear,
  readRm,
  writeLinear,
  writeRegister,
  writeRm,
} from "./op";
import { SS, SSF, segmentAddress } from "./segments";

const RAX: usize = REGS;
const RCX: usize = REGS + 8;
const RDX: usize = REGS + 16;
const RSP: usize = REGS + 32;
const RBP: usize = REGS + 40;

class Move {
  @inline static rr<T>(op: Op): usize {
    Reg.set<T>(<usize>op.dst, Reg.get<T>(<usize>op.src));
    return op.next();
  }
  @inline static ri<T>(op: Op): usize {
    Reg.set<T>(<usize>op.dst, <u64>op.imm);
    return op.next();
  }
  @inline static rm<T>(op: Op): usize {
    const v = Mem.read<T>(op.address(sizeof<T>(), false));
    if (load<u32>(S_FAULT) != 0) return op.fault();
    Reg.set<T>(<usize>op.dst, v);
    return op.next();
  }
  @inline static mr<T>(op: Op): usize {
    Mem.write<T>(op.address(sizeof<T>(), true), Reg.get<T>(<usize>op.dst));
    if (load<u32>(S_FAULT) != 0) return op.fault();
    return op.done();
  }
  @inline static mi<T>(op: Op): usize {
    Mem.write<T>(op.address(sizeof<T>(), true), <u64>(<T>op.imm));
    if (load<u32>(S_FAULT) != 0) return op.fault();
    return op.done();
  }
  /** MOVZX to 32 or 64 bits (the same: the upper half becomes 0). */
  @inline static zxr<T>(op: Op): usize {
    store<u64>(<usize>op.dst, Reg.get<T>(<usize>op.src));
    return op.next();
  }
  @inline static zxm<T>(op: Op): usize {
    const v = Mem.read<T>(op.address(sizeof<T>(), false));
    if (load<u32>(S_FAULT) != 0) return op.fault();
    store<u64>(<usize>op.dst, v);
    return op.next();
  }
  /** MOVSX, MOVSXD from T to D. */
  @inline static sxr<T, D>(op: Op): usize {
    Reg.set<D>(<usize>op.dst, <u64>Sx.of<T>(Reg.get<T>(<usize>op.src)));
    return op.next();
  }
  @inline static sxm<T, D>(op: Op): usize {
    const v = Mem.read<T>(op.address(sizeof<T>(), false));
    if (load<u32>(S_FAULT) != 0) return op.fault();
    Reg.set<D>(<usize>op.dst, <u64>Sx.of<T>(v));
    return op.next();
  }
}

function movRR8(op: Op): usize {
  return Move.rr<u8>(op);
}

function movRR16(op: Op): usize {
  return Move.rr<u16>(op);
}

function movRR32(op: Op): usize {
  return Move.rr<u32>(op);
}

function movRR64(op: Op): usize {
  return Move.rr<u64>(op);
}

/** MOV form RR, by size index. */
export const MOV_RR: StaticArray<(op: Op) => usize> = [movRR8, movRR16, movRR32, movRR64];

function movRI8(op: Op): usize {
  return Move.ri<u8>(op);
}

function movRI16(op: Op): usize {
  return Move.ri<u16>(op);
}

function movRI32(op: Op): usize {
  return Move.ri<u32>(op);
}

function movRI64(op: Op): usize {
  return Move.ri<u64>(op);
}

/** MOV form RI, by size index. */
export const MOV_RI: StaticArray<(op: Op) => usize> = [movRI8, movRI16, movRI32, movRI64];

function movRM8(op: Op): usize {
  return Move.rm<u8>(op);
}

function movRM16(op: Op): usize {
  return Move.rm<u16>(op);
}

function movRM32(op: Op): usize {
  return Move.rm<u32>(op);
}

function movRM64(op: Op): usize {
  return Move.rm<u64>(op);
}

/** MOV form RM, by size index. */
export const MOV_RM: StaticArray<(op: Op) => usize> = [movRM8, movRM16, movRM32, movRM64];

function movMR8(op: Op): usize {
  return Move.mr<u8>(op);
}

function movMR16(op: Op): usize {
  return Move.mr<u16>(op);
}

function movMR32(op: Op): usize {
  return Move.mr<u32>(op);
}

function movMR64(op: Op): usize {
  return Move.mr<u64>(op);
}

/** MOV form MR, by size index. */
export const MOV_MR: StaticArray<(op: Op) => usize> = [movMR8, movMR16, movMR32, movMR64];

function movMI8(op: Op): usize {
  return Move.mi<u8>(op);
}

function movMI16(op: Op): usize {
  return Move.mi<u16>(op);
}

function movMI32(op: Op): usize {
  return Move.mi<u32>(op);
}

function movMI64(op: Op): usize {
  return Move.mi<u64>(op);
}

/** MOV form MI, by size index. */
export const MOV_MI: StaticArray<(op: Op) => usize> = [movMI8, movMI16, movMI32, movMI64];

function movZXR8(op: Op): usize {
  return Move.zxr<u8>(op);
}

function movZXR16(op: Op): usize {
  return Move.zxr<u16>(op);
}

function movZXR32(op: Op): usize {
  return Move.zxr<u32>(op);
}

export const MOV_ZXR: StaticArray<(op: Op) => usize> = [movZXR8, movZXR16, movZXR32];

function movZXM8(op: Op): usize {
  return Move.zxm<u8>(op);
}

function movZXM16(op: Op): usize {
  return Move.zxm<u16>(op);
}

function movZXM32(op: Op): usize {
  return Move.zxm<u32>(op);
}

export const MOV_ZXM: StaticArray<(op: Op) => usize> = [movZXM8, movZXM16, movZXM32];

function movSXR8to16(op: Op): usize {
  return Move.sxr<u8, u16>(op);
}

function movSXR8to32(op: Op): usize {
  return Move.sxr<u8, u32>(op);
}

function movSXR8to64(op: Op): usize {
  return Move.sxr<u8, u64>(op);
}

function movSXR16to16(op: Op): usize {
  return Move.sxr<u16, u16>(op);
}

function movSXR16to32(op: Op): usize {
  return Move.sxr<u16, u32>(op);
}

function movSXR16to64(op: Op): usize {
  return Move.sxr<u16, u64>(op);
}

function movSXR32to16(op: Op): usize {
  return Move.sxr<u32, u16>(op);
}

function movSXR32to32(op: Op): usize {
  return Move.sxr<u32, u32>(op);
}

function movSXR32to64(op: Op): usize {
  return Move.sxr<u32, u64>(op);
}

/** MOVSX, by source size index * 3 + destination size index - 1. */
export const MOV_SXR: StaticArray<(op: Op) => usize> = [
  movSXR8to16,
  movSXR8to32,
  movSXR8to64,
  movSXR16to16,
  movSXR16to32,
  movSXR16to64,
  movSXR32to16,
  movSXR32to32,
  movSXR32to64,
];

function movSXM8to16(op: Op): usize {
  return Move.sxm<u8, u16>(op);
}

function movSXM8to32(op: Op): usize {
  return Move.sxm<u8, u32>(op);
}

function movSXM8to64(op: Op): usize {
  return Move.sxm<u8, u64>(op);
}

function movSXM16to16(op: Op): usize {
  return Move.sxm<u16, u16>(op);
}

function movSXM16to32(op: Op): usize {
  return Move.sxm<u16, u32>(op);
}

function movSXM16to64(op: Op): usize {
  return Move.sxm<u16, u64>(op);
}

function movSXM32to16(op: Op): usize {
  return Move.sxm<u32, u16>(op);
}

function movSXM32to32(op: Op): usize {
  return Move.sxm<u32, u32>(op);
}

function movSXM32to64(op: Op): usize {
  return Move.sxm<u32, u64>(op);
}

/** MOVSX, by source size index * 3 + destination size index - 1. */
export const MOV_SXM: StaticArray<(op: Op) => usize> = [
  movSXM8to16,
  movSXM8to32,
  movSXM8to64,
  movSXM16to16,
  movSXM16to32,
  movSXM16to64,
  movSXM32to16,
  movSXM32to32,
  movSXM32to64,
];

/** MOVZX to 16 bits. */
export function movzx8to16(op: Op): usize {
  const v = readRm(op, 1);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  store<u16>(<usize>op.dst, <u16>v);
  return op.next();
}

export function lea64(op: Op): usize {
  const a = load<u64>(<usize>op.base) + (load<u64>(<usize>op.index) << (<u64>op.scale)) + op.disp;
  store<u64>(<usize>op.dst, a);
  return op.next();
}

/** LEA with any operand and address size. */
export function lea(op: Op): usize {
  writeRegister(<usize>op.dst, op.size, offsetOf(op));
  return op.next();
}

class Exchange {
  @inline static any<T>(op: Op): usize {
    const r = <usize>op.dst;
    if (op.ea == EA_REGISTER) {
      const v = Reg.get<T>(<usize>op.src);
      Reg.set<T>(<usize>op.src, Reg.get<T>(r));
      Reg.set<T>(r, v);
      return op.next();
    }
    const at = op.address(sizeof<T>(), true);
    const v = readForWriteFast<T>(at);
    if (load<u32>(S_FAULT) != 0) return op.fault();
    Mem.write<T>(at, Reg.get<T>(r));
    Reg.set<T>(r, v);
    return op.done();
  }

  @inline static add<T>(op: Op): usize {
    const r = <usize>op.dst;
    const b = Reg.get<T>(r);
    if (op.ea == EA_REGISTER) {
      const a = Reg.get<T>(<usize>op.src);
      const sum = a + b;
      Flags.add<T>(a, b, sum);
      Reg.set<T>(r, a);
      Reg.set<T>(<usize>op.src, sum);
      return op.next();
    }
    const at = op.address(sizeof<T>(), true);
    const a = readForWriteFast<T>(at);
    if (load<u32>(S_FAULT) != 0) return op.fault();
    const sum = a + b;
    Flags.add<T>(a, b, sum);
    Mem.write<T>(at, sum);
    Reg.set<T>(r, a);
    return op.done();
  }

  @inline static compare<T>(op: Op): usize {
    const accumulator = Reg.get<T>(RAX);
    if (op.ea == EA_REGISTER) {
      const p = <usize>op.src;
      const a = Reg.get<T>(p);
      Flags.sub<T>(accumulator, a, accumulator - a);
      if (a == accumulator) Reg.set<T>(p, Reg.get<T>(<usize>op.dst));
      else Reg.set<T>(RAX, a);
      return op.next();
    }
    const at = op.address(sizeof<T>(), true);
    const a = readForWriteFast<T>(at);
    if (load<u32>(S_FAULT) != 0) return op.fault();
    Flags.sub<T>(accumulator, a, accumulator - a);
    if (a == accumulator) Mem.write<T>(at, Reg.get<T>(<usize>op.dst));
    else {
      // The destination is written in either case.
      Mem.write<T>(at, a);
      Reg.set<T>(RAX, a);
    }
    return op.done();
  }
}

function xchg8(op: Op): usize {
  return Exchange.any<u8>(op);
}

function xchg16(op: Op): usize {
  return Exchange.any<u16>(op);
}

function xchg32(op: Op): usize {
  return Exchange.any<u32>(op);
}

function xchg64(op: Op): usize {
  return Exchange.any<u64>(op);
}

/** XCHG, by size index. */
export const XCHG: StaticArray<(op: Op) => usize> = [xchg8, xchg16, xchg32, xchg64];

function xadd8(op: Op): usize {
  return Exchange.add<u8>(op);
}

function xadd16(op: Op): usize {
  return Exchange.add<u16>(op);
}

function xadd32(op: Op): usize {
  return Exchange.add<u32>(op);
}

function xadd64(op: Op): usize {
  return Exchange.add<u64>(op);
}

/** XADD, by size index. */
export const XADD: StaticArray<(op: Op) => usize> = [xadd8, xadd16, xadd32, xadd64];

function cmpxchg8(op: Op): usize {
  return Exchange.compare<u8>(op);
}

function cmpxchg16(op: Op): usize {
  return Exchange.compare<u16>(op);
}

function cmpxchg32(op: Op): usize {
  return Exchange.compare<u32>(op);
}

function cmpxchg64(op: Op): usize {
  return Exchange.compare<u64>(op);
}

/** CMPXCHG, by size index. */
export const CMPXCHG: StaticArray<(op: Op) => usize> = [cmpxchg8, cmpxchg16, cmpxchg32, cmpxchg64];

/** CMPXCHG8B, CMPXCHG16B (size 8): ZF alone changes. */
export function cmpxchgPair(op: Op): usize {
  const half = <i32>op.size;
  const at = op.address(half * 2, true);
  if (half == 8 && (at & 15) != 0) {
    return alignmentGp(op);
  }
  // Both halves are one operand: #GP before a page fault of the first.
  if (!canonicalRange(at, half * 2, WRITE)) return op.fault();
  let low: u64;
  let high: u64;
  if (half == 8) {
    low = readForWriteFast<u64>(at);
    high = readForWriteFast<u64>(at + 8);
  } else {
    low = readForWriteFast<u32>(at);
    high = readForWriteFast<u32>(at + 4);
  }
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const mask: u64 = half == 8 ? 0xffffffffffffffff : 0xffffffff;
  const equal = low == (load<u64>(RAX) & mask) && high == (load<u64>(RDX) & mask);
  if (equal) {
    const newLow = load<u64>(REGS + 24);
    const newHigh = load<u64>(RCX);
    writeLinear(at, half, newLow);
    writeLinear(at + <u64>half, half, newHigh);
  } else {
    writeRegister(RAX, half, low);
    writeRegister(RDX, half, high);
  }
  const f = eflags() & STATUS & ~0x40;
  setStatusFlags(equal ? f | 0x40 : f);
  return op.done();
}

export function cmov(op: Op): usize {
  const size = <i32>op.size;
  const v = readRm(op, size);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  if (condition(<i32>op.sub)) writeRegister(<usize>op.dst, size, v);
  else if (size == 4) store<u64>(<usize>op.dst, <u64>load<u32>(<usize>op.dst));
  return op.next();
}

export function setcc(op: Op): usize {
  writeRm(op, 1, condition(<i32>op.sub) ? 1 : 0);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  return op.done();
}

export function bswap(op: Op): usize {
  const p = <usize>op.dst;
  if (op.size == 8) store<u64>(p, bswap64(load<u64>(p)));
  else store<u64>(p, bswap64(load<u64>(p)) >> 32);
  return op.next();
}

function bswap64(v: u64): u64 {
  v = ((v >> 8) & 0x00ff00ff00ff00ff) | ((v & 0x00ff00ff00ff00ff) << 8);
  v = ((v >> 16) & 0x0000ffff0000ffff) | ((v & 0x0000ffff0000ffff) << 16);
  return rotl<u64>(v, 32);
}

/** MOVBE: `sub` 0 loads, 1 stores. */
export function movbe(op: Op): usize {
  const size = <i32>op.size;
  const shift = <u64>(64 - size * 8);
  if (op.sub == 0) {
    const v = readRm(op, size);
    if (load<u32>(S_FAULT) != 0) return op.fault();
    writeRegister(<usize>op.dst, size, bswap64(v) >> shift);
    return op.next();
  }
  writeRm(op, size, bswap64(load<u64>(<usize>op.dst)) >> shift);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  return op.done();
}

/** CBW, CWDE, CDQE. */
export function convertA(op: Op): usize {
  if (op.size == 8) store<i64>(RAX, <i64>load<i32>(RAX));
  else if (op.size == 4) store<u64>(RAX, <u64>(<u32>(<i32>load<i16>(RAX))));
  else store<i16>(RAX, <i16>load<i8>(RAX));
  return op.next();
}

/** CWD, CDQ, CQO. */
export function convertD(op: Op): usize {
  if (op.size == 8) store<i64>(RDX, load<i64>(RAX) >> 63);
  else if (op.size == 4) store<u64>(RDX, <u64>(<u32>(load<i32>(RAX) >> 31)));
  else store<i16>(RDX, load<i16>(RAX) >> 15);
  return op.next();
}

export function nop(op: Op): usize {
  return op.next();
}

/** XLAT: the base register is (E|R)BX; AL is added here. */
export function xlat(op: Op): usize {
  const saved = op.disp;
  op.disp = saved + <i64>load<u8>(RAX);
  const a = op.address(1, false);
  op.disp = saved;
  const v = Mem.read<u8>(a);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  store<u8>(RAX, <u8>v);
  return op.next();
}

export function lahf(op: Op): usize {
  store<u8>(RAX + 1, <u8>((eflags() & 0xd5) | 2));
  return op.next();
}

export function sahf(op: Op): usize {
  setStatusFlags((eflags() & 0x800) | (<u32>load<u8>(RAX + 1) & 0xd5));
  return op.next();
}

// ---- Stack

export function alignmentGp(op: Op): usize {
  store<u32>(S_FAULT, 0x300 | 13);
  store<u32>(S_FAULT + 4, 0);
  return faultAt(op);
}

/** A fault of a stack access: a non-canonical address is #SS(0) here. */
export function stackFault(op: Op): usize {
  if ((load<u32>(S_FAULT) & 0xff) == 13) store<u32>(S_FAULT, 0x300 | SSF);
  return faultAt(op);
}

/** Stack pointer mask: 64, 32 or 16 bits. */
export function stackMask(): u64 {
  const key = load<u32>(S_KEY);
  if ((key & 3) == 2) return 0xffffffffffffffff;
  return (key & KEY_STACK32) != 0 ? 0xffffffff : 0xffff;
}

export function stackPointer(): u64 {
  return load<u64>(RSP) & stackMask();
}

export function setStackPointer(v: u64): void {
  const key = load<u32>(S_KEY);
  if ((key & 3) == 2) store<u64>(RSP, v);
  else if ((key & KEY_STACK32) != 0) store<u64>(RSP, v & 0xffffffff);
  else store<u16>(RSP, <u16>v);
}

/** Linear address of stack offset `sp`. */
export function stackLinear(sp: u64, size: i32, writing: bool): u64 {
  if ((load<u32>(S_KEY) & KEY_FLAT) != 0) return sp;
  return segmentAddress(SS, sp, size, writing);
}

/** Pushes in any mode; RSP moves only if the write succeeds. */
export function push(v: u64, size: i32): void {
  if (load<u32>(S_FAULT) != 0) return;
  const sp = (load<u64>(RSP) - <u64>size) & stackMask();
  writeLinear(stackLinear(sp, size, true), size, v);
  if (load<u32>(S_FAULT) == 0) setStackPointer(sp);
}

/** Reads `offset` bytes above the top of the stack, in any mode. */
export function peek(offset: i32, size: i32): u64 {
  const sp = (load<u64>(RSP) + <u64>offset) & stackMask();
  return readLinear(stackLinear(sp, size, false), size);
}

export function drop(bytes: i64): void {
  setStackPointer((load<u64>(RSP) + bytes) & stackMask());
}

export class Stack {
  /** 64-bit push; check S_FAULT. */
  @inline static push64(v: u64): void {
    const sp = load<u64>(RSP) - 8;
    Mem.write<u64>(sp, v);
    if (load<u32>(S_FAULT) == 0) store<u64>(RSP, sp);
  }
}

export function pushR64(op: Op): usize {
  Stack.push64(load<u64>(<usize>op.dst));
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  return op.done();
}

export function popR64(op: Op): usize {
  const sp = load<u64>(RSP);
  const v = Mem.read<u64>(sp);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  store<u64>(RSP, sp + 8);
  store<u64>(<usize>op.dst, v);
  return op.next();
}

/** PUSH register in any mode and size. */
export function pushR(op: Op): usize {
  push(load<u64>(<usize>op.dst), <i32>op.size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  return op.done();
}

export function pushI(op: Op): usize {
  push(<u64>op.imm, <i32>op.size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  return op.done();
}

export function popR(op: Op): usize {
  const size = <i32>op.size;
  const v = peek(0, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  drop(size);
  writeRegister(<usize>op.dst, size, v);
  return op.next();
}

/** PUSH r/m. */
export function pushRm(op: Op): usize {
  const v = readRm(op, <i32>op.size);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  push(v, <i32>op.size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  return op.done();
}

/** POP r/m: the address is computed after RSP has moved. */
export function popRm(op: Op): usize {
  const size = <i32>op.size;
  const v = peek(0, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  const before = load<u64>(RSP);
  drop(size);
  if (op.ea == EA_REGISTER) {
    writeRegister(<usize>op.src, size, v);
    return op.next();
  }
  writeLinear(op.address(size, true), size, v);
  if (load<u32>(S_FAULT) != 0) {
    store<u64>(RSP, before);
    return op.fault();
  }
  return op.done();
}

export function pusha(op: Op): usize {
  const size = <i32>op.size;
  const before = load<u64>(RSP);
  for (let i = 0; i < 8; i++) {
    push(i == 4 ? before : load<u64>(REGS + (i << 3)), size);
    if (load<u32>(S_FAULT) != 0) {
      store<u64>(RSP, before);
      return stackFault(op);
    }
  }
  return op.done();
}

export function popa(op: Op): usize {
  const size = <i32>op.size;
  // All reads first: a fault leaves the registers alone.
  for (let i = 0; i < 8; i++) peek(i * size, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  for (let i = 7; i >= 0; i--) {
    if (i != 4) writeRegister(REGS + (i << 3), size, peek((7 - i) * size, size));
  }
  drop(size * 8);
  return op.next();
}

/** ENTER imm16, imm8: the writes happen one by one, RSP and RBP change only if all of them succeed. */
export function enter(op: Op): usize {
  const size = <i32>op.size;
  const level = <i32>(op.aux & 31);
  const before = load<u64>(RSP);
  const mask = stackMask();
  let bp = load<u64>(RBP);
  push(bp, size);
  const frame = load<u64>(RSP);
  for (let i = 1; i < level; i++) {
    bp -= <u64>size;
    const at = bp & mask;
    push(readLinear(stackLinear(at, size, false), size), size);
  }
  if (level > 0) push(frame, size);
  const sp = (load<u64>(RSP) - <u64>op.imm) & mask;
  // The final top of the stack must be writable.
  readForWrite(stackLinear(sp, 1, true), 1);
  if (load<u32>(S_FAULT) != 0) {
    store<u64>(RSP, before);
    return stackFault(op);
  }
  setStackPointer(sp);
  writeRegister(RBP, size, frame);
  return op.done();
}

export function leave(op: Op): usize {
  const size = <i32>op.size;
  const mask = stackMask();
  const bp = load<u64>(RBP) & mask;
  const v = readLinear(stackLinear(bp, size, false), size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  setStackPointer((bp + <u64>size) & mask);
  writeRegister(RBP, size, v);
  return op.next();
}
