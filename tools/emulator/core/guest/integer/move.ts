// Data movement: MOV, MOVZX, MOVSX, MOVBE, LEA, CMOVcc, SETcc, BSWAP, XLAT, conversions. Follows Intel SDM vol. 2.

import { RAX, RDX, S_FAULT } from "../../state";
import { Mem } from "../memory/access";
import { Op, offsetOf, Reg, readRm, writeRegister, writeRm } from "../op/op";
import { condition, eflags, Sx, setStatusFlags } from "../processor/flags";

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

export function movRR32(op: Op): usize {
  return Move.rr<u32>(op);
}

export function movRR64(op: Op): usize {
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

export function movRI32(op: Op): usize {
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

export function movRM32(op: Op): usize {
  return Move.rm<u32>(op);
}

export function movRM64(op: Op): usize {
  return Move.rm<u64>(op);
}

/** MOV form RM, by size index. */
export const MOV_RM: StaticArray<(op: Op) => usize> = [movRM8, movRM16, movRM32, movRM64];

function movMR8(op: Op): usize {
  return Move.mr<u8>(op);
}

export function movMR16(op: Op): usize {
  return Move.mr<u16>(op);
}

export function movMR32(op: Op): usize {
  return Move.mr<u32>(op);
}

export function movMR64(op: Op): usize {
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

export function movMI64(op: Op): usize {
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

export function movZXM8(op: Op): usize {
  return Move.zxm<u8>(op);
}

export function movZXM16(op: Op): usize {
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

export function movSXR32to64(op: Op): usize {
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
