// Integer arithmetic and logic: ADD OR ADC SBB AND SUB XOR CMP TEST in all operand forms. 32- and 64-bit forms have a handler each (they are hot); 8- and 16-bit forms share one per form.
// Follows Intel SDM vol. 2, the instructions' pages.

import { S_FAULT } from "../../state";
import { Mem, readForWrite } from "../memory/access";
import { Op, Reg } from "../op/op";
import { Flags } from "../processor/flags";

export const ADD: i32 = 0;
export const OR: i32 = 1;
export const ADC: i32 = 2;
export const SBB: i32 = 3;
export const AND: i32 = 4;
export const SUB: i32 = 5;
export const XOR: i32 = 6;
export const CMP: i32 = 7;
export const TEST: i32 = 8;

class Alu {
  /** Result of operation `k` on zero-extended operands; sets the flags. */
  @inline static run<T>(k: i32, a: u64, b: u64): u64 {
    let r: u64;
    if (k == ADD) {
      r = a + b;
      Flags.add<T>(a, b, r);
    } else if (k == ADC) {
      r = a + b + Flags.c();
      Flags.add<T>(a, b, r);
    } else if (k == SBB) {
      r = a - b - Flags.c();
      Flags.sub<T>(a, b, r);
    } else if (k == SUB || k == CMP) {
      r = a - b;
      Flags.sub<T>(a, b, r);
    } else {
      r = k == OR ? a | b : k == XOR ? a ^ b : a & b;
      Flags.logic<T>(r);
    }
    return r;
  }

  @inline static rr<T>(op: Op, k: i32): usize {
    const r = Alu.run<T>(k, Reg.get<T>(<usize>op.dst), Reg.get<T>(<usize>op.src));
    if (k < CMP) Reg.set<T>(<usize>op.dst, r);
    return op.next();
  }

  @inline static ri<T>(op: Op, k: i32): usize {
    const r = Alu.run<T>(k, Reg.get<T>(<usize>op.dst), <u64>(<T>op.imm));
    if (k < CMP) Reg.set<T>(<usize>op.dst, r);
    return op.next();
  }

  @inline static rm<T>(op: Op, k: i32): usize {
    const b = Mem.read<T>(op.address(sizeof<T>(), false));
    if (load<u32>(S_FAULT) != 0) return op.fault();
    const r = Alu.run<T>(k, Reg.get<T>(<usize>op.dst), b);
    if (k < CMP) Reg.set<T>(<usize>op.dst, r);
    return op.next();
  }

  @inline static memory<T>(op: Op, k: i32, b: u64): usize {
    const at = op.address(sizeof<T>(), k < CMP);
    if (k >= CMP) {
      const a = Mem.read<T>(at);
      if (load<u32>(S_FAULT) != 0) return op.fault();
      Alu.run<T>(k, a, b);
      return op.next();
    }
    const host = Mem.writable<T>(at);
    if (host != 0) {
      store<T>(host, <T>Alu.run<T>(k, <u64>load<T>(host), b));
      return op.next();
    }
    const a = readForWrite(at, sizeof<T>());
    if (load<u32>(S_FAULT) != 0) return op.fault();
    Mem.write<T>(at, Alu.run<T>(k, a, b));
    return op.done();
  }

  /** 8- and 16-bit forms: operation in `sub`. */
  @inline static dynamic<T>(k: i32, a: u64, b: u64): u64 {
    switch (k) {
      case ADD:
        return Alu.run<T>(ADD, a, b);
      case OR:
        return Alu.run<T>(OR, a, b);
      case ADC:
        return Alu.run<T>(ADC, a, b);
      case SBB:
        return Alu.run<T>(SBB, a, b);
      case XOR:
        return Alu.run<T>(XOR, a, b);
      case SUB:
      case CMP:
        return Alu.run<T>(SUB, a, b);
      default:
        return Alu.run<T>(AND, a, b);
    }
  }

  @inline static smallRegister<T>(op: Op, b: u64): usize {
    const k = <i32>op.sub;
    const r = Alu.dynamic<T>(k, Reg.get<T>(<usize>op.dst), b);
    if (k < CMP) Reg.set<T>(<usize>op.dst, r);
    return op.next();
  }

  @inline static smallMemory<T>(op: Op, b: u64): usize {
    const k = <i32>op.sub;
    const at = op.address(sizeof<T>(), k < CMP);
    if (k >= CMP) {
      const a = Mem.read<T>(at);
      if (load<u32>(S_FAULT) != 0) return op.fault();
      Alu.dynamic<T>(k, a, b);
      return op.next();
    }
    const a = readForWriteFast<T>(at);
    if (load<u32>(S_FAULT) != 0) return op.fault();
    Mem.write<T>(at, Alu.dynamic<T>(k, a, b));
    return op.done();
  }
}

/** Read half of a read-modify-write: faults as a write. */
export function readForWriteFast<T>(at: u64): u64 {
  const host = Mem.writable<T>(at);
  return host != 0 ? <u64>load<T>(host) : readForWrite(at, sizeof<T>());
}

export function addRR32(op: Op): usize {
  return Alu.rr<u32>(op, ADD);
}

export function addRR64(op: Op): usize {
  return Alu.rr<u64>(op, ADD);
}

function orRR32(op: Op): usize {
  return Alu.rr<u32>(op, OR);
}

function orRR64(op: Op): usize {
  return Alu.rr<u64>(op, OR);
}

function adcRR32(op: Op): usize {
  return Alu.rr<u32>(op, ADC);
}

function adcRR64(op: Op): usize {
  return Alu.rr<u64>(op, ADC);
}

function sbbRR32(op: Op): usize {
  return Alu.rr<u32>(op, SBB);
}

function sbbRR64(op: Op): usize {
  return Alu.rr<u64>(op, SBB);
}

function andRR32(op: Op): usize {
  return Alu.rr<u32>(op, AND);
}

function andRR64(op: Op): usize {
  return Alu.rr<u64>(op, AND);
}

export function subRR32(op: Op): usize {
  return Alu.rr<u32>(op, SUB);
}

export function subRR64(op: Op): usize {
  return Alu.rr<u64>(op, SUB);
}

export function xorRR32(op: Op): usize {
  return Alu.rr<u32>(op, XOR);
}

function xorRR64(op: Op): usize {
  return Alu.rr<u64>(op, XOR);
}

function cmpRR32(op: Op): usize {
  return Alu.rr<u32>(op, CMP);
}

export function cmpRR64(op: Op): usize {
  return Alu.rr<u64>(op, CMP);
}

function testRR32(op: Op): usize {
  return Alu.rr<u32>(op, TEST);
}

function testRR64(op: Op): usize {
  return Alu.rr<u64>(op, TEST);
}

export function smallRR8(op: Op): usize {
  return Alu.smallRegister<u8>(op, Reg.get<u8>(<usize>op.src));
}

function smallRR16(op: Op): usize {
  return Alu.smallRegister<u16>(op, Reg.get<u16>(<usize>op.src));
}

/** Form RR: by size index (0: 8, 1: 16 bits). */
export const SMALL_RR: StaticArray<(op: Op) => usize> = [smallRR8, smallRR16];

/** Form RR: by operation * 2 + (1 for 64 bits). */
export const ALU_RR: StaticArray<(op: Op) => usize> = [
  addRR32,
  addRR64,
  orRR32,
  orRR64,
  adcRR32,
  adcRR64,
  sbbRR32,
  sbbRR64,
  andRR32,
  andRR64,
  subRR32,
  subRR64,
  xorRR32,
  xorRR64,
  cmpRR32,
  cmpRR64,
  testRR32,
  testRR64,
];

export function addRI32(op: Op): usize {
  return Alu.ri<u32>(op, ADD);
}

export function addRI64(op: Op): usize {
  return Alu.ri<u64>(op, ADD);
}

function orRI32(op: Op): usize {
  return Alu.ri<u32>(op, OR);
}

function orRI64(op: Op): usize {
  return Alu.ri<u64>(op, OR);
}

function adcRI32(op: Op): usize {
  return Alu.ri<u32>(op, ADC);
}

function adcRI64(op: Op): usize {
  return Alu.ri<u64>(op, ADC);
}

function sbbRI32(op: Op): usize {
  return Alu.ri<u32>(op, SBB);
}

function sbbRI64(op: Op): usize {
  return Alu.ri<u64>(op, SBB);
}

export function andRI32(op: Op): usize {
  return Alu.ri<u32>(op, AND);
}

function andRI64(op: Op): usize {
  return Alu.ri<u64>(op, AND);
}

function subRI32(op: Op): usize {
  return Alu.ri<u32>(op, SUB);
}

export function subRI64(op: Op): usize {
  return Alu.ri<u64>(op, SUB);
}

function xorRI32(op: Op): usize {
  return Alu.ri<u32>(op, XOR);
}

function xorRI64(op: Op): usize {
  return Alu.ri<u64>(op, XOR);
}

function cmpRI32(op: Op): usize {
  return Alu.ri<u32>(op, CMP);
}

function cmpRI64(op: Op): usize {
  return Alu.ri<u64>(op, CMP);
}

function testRI32(op: Op): usize {
  return Alu.ri<u32>(op, TEST);
}

function testRI64(op: Op): usize {
  return Alu.ri<u64>(op, TEST);
}

export function smallRI8(op: Op): usize {
  return Alu.smallRegister<u8>(op, <u64>(<u8>op.imm));
}

function smallRI16(op: Op): usize {
  return Alu.smallRegister<u16>(op, <u64>(<u16>op.imm));
}

/** Form RI: by size index (0: 8, 1: 16 bits). */
export const SMALL_RI: StaticArray<(op: Op) => usize> = [smallRI8, smallRI16];

/** Form RI: by operation * 2 + (1 for 64 bits). */
export const ALU_RI: StaticArray<(op: Op) => usize> = [
  addRI32,
  addRI64,
  orRI32,
  orRI64,
  adcRI32,
  adcRI64,
  sbbRI32,
  sbbRI64,
  andRI32,
  andRI64,
  subRI32,
  subRI64,
  xorRI32,
  xorRI64,
  cmpRI32,
  cmpRI64,
  testRI32,
  testRI64,
];

function addRM32(op: Op): usize {
  return Alu.rm<u32>(op, ADD);
}

function addRM64(op: Op): usize {
  return Alu.rm<u64>(op, ADD);
}

function orRM32(op: Op): usize {
  return Alu.rm<u32>(op, OR);
}

function orRM64(op: Op): usize {
  return Alu.rm<u64>(op, OR);
}

function adcRM32(op: Op): usize {
  return Alu.rm<u32>(op, ADC);
}

function adcRM64(op: Op): usize {
  return Alu.rm<u64>(op, ADC);
}

function sbbRM32(op: Op): usize {
  return Alu.rm<u32>(op, SBB);
}

function sbbRM64(op: Op): usize {
  return Alu.rm<u64>(op, SBB);
}

function andRM32(op: Op): usize {
  return Alu.rm<u32>(op, AND);
}

function andRM64(op: Op): usize {
  return Alu.rm<u64>(op, AND);
}

function subRM32(op: Op): usize {
  return Alu.rm<u32>(op, SUB);
}

export function subRM64(op: Op): usize {
  return Alu.rm<u64>(op, SUB);
}

function xorRM32(op: Op): usize {
  return Alu.rm<u32>(op, XOR);
}

function xorRM64(op: Op): usize {
  return Alu.rm<u64>(op, XOR);
}

export function cmpRM32(op: Op): usize {
  return Alu.rm<u32>(op, CMP);
}

function cmpRM64(op: Op): usize {
  return Alu.rm<u64>(op, CMP);
}

function testRM32(op: Op): usize {
  return Alu.rm<u32>(op, TEST);
}

function testRM64(op: Op): usize {
  return Alu.rm<u64>(op, TEST);
}

function smallRM8(op: Op): usize {
  const b = Mem.read<u8>(op.address(1, false));
  if (load<u32>(S_FAULT) != 0) return op.fault();
  return Alu.smallRegister<u8>(op, b);
}

function smallRM16(op: Op): usize {
  const b = Mem.read<u16>(op.address(2, false));
  if (load<u32>(S_FAULT) != 0) return op.fault();
  return Alu.smallRegister<u16>(op, b);
}

/** Form RM: by size index (0: 8, 1: 16 bits). */
export const SMALL_RM: StaticArray<(op: Op) => usize> = [smallRM8, smallRM16];

/** Form RM: by operation * 2 + (1 for 64 bits). */
export const ALU_RM: StaticArray<(op: Op) => usize> = [
  addRM32,
  addRM64,
  orRM32,
  orRM64,
  adcRM32,
  adcRM64,
  sbbRM32,
  sbbRM64,
  andRM32,
  andRM64,
  subRM32,
  subRM64,
  xorRM32,
  xorRM64,
  cmpRM32,
  cmpRM64,
  testRM32,
  testRM64,
];

function addMR32(op: Op): usize {
  return Alu.memory<u32>(op, ADD, Reg.get<u32>(<usize>op.dst));
}

function addMR64(op: Op): usize {
  return Alu.memory<u64>(op, ADD, Reg.get<u64>(<usize>op.dst));
}

function orMR32(op: Op): usize {
  return Alu.memory<u32>(op, OR, Reg.get<u32>(<usize>op.dst));
}

function orMR64(op: Op): usize {
  return Alu.memory<u64>(op, OR, Reg.get<u64>(<usize>op.dst));
}

function adcMR32(op: Op): usize {
  return Alu.memory<u32>(op, ADC, Reg.get<u32>(<usize>op.dst));
}

function adcMR64(op: Op): usize {
  return Alu.memory<u64>(op, ADC, Reg.get<u64>(<usize>op.dst));
}

function sbbMR32(op: Op): usize {
  return Alu.memory<u32>(op, SBB, Reg.get<u32>(<usize>op.dst));
}

function sbbMR64(op: Op): usize {
  return Alu.memory<u64>(op, SBB, Reg.get<u64>(<usize>op.dst));
}

function andMR32(op: Op): usize {
  return Alu.memory<u32>(op, AND, Reg.get<u32>(<usize>op.dst));
}

function andMR64(op: Op): usize {
  return Alu.memory<u64>(op, AND, Reg.get<u64>(<usize>op.dst));
}

function subMR32(op: Op): usize {
  return Alu.memory<u32>(op, SUB, Reg.get<u32>(<usize>op.dst));
}

function subMR64(op: Op): usize {
  return Alu.memory<u64>(op, SUB, Reg.get<u64>(<usize>op.dst));
}

function xorMR32(op: Op): usize {
  return Alu.memory<u32>(op, XOR, Reg.get<u32>(<usize>op.dst));
}

function xorMR64(op: Op): usize {
  return Alu.memory<u64>(op, XOR, Reg.get<u64>(<usize>op.dst));
}

function cmpMR32(op: Op): usize {
  return Alu.memory<u32>(op, CMP, Reg.get<u32>(<usize>op.dst));
}

function cmpMR64(op: Op): usize {
  return Alu.memory<u64>(op, CMP, Reg.get<u64>(<usize>op.dst));
}

function testMR32(op: Op): usize {
  return Alu.memory<u32>(op, TEST, Reg.get<u32>(<usize>op.dst));
}

function testMR64(op: Op): usize {
  return Alu.memory<u64>(op, TEST, Reg.get<u64>(<usize>op.dst));
}

function smallMR8(op: Op): usize {
  return Alu.smallMemory<u8>(op, Reg.get<u8>(<usize>op.dst));
}

function smallMR16(op: Op): usize {
  return Alu.smallMemory<u16>(op, Reg.get<u16>(<usize>op.dst));
}

/** Form MR: by size index (0: 8, 1: 16 bits). */
export const SMALL_MR: StaticArray<(op: Op) => usize> = [smallMR8, smallMR16];

/** Form MR: by operation * 2 + (1 for 64 bits). */
export const ALU_MR: StaticArray<(op: Op) => usize> = [
  addMR32,
  addMR64,
  orMR32,
  orMR64,
  adcMR32,
  adcMR64,
  sbbMR32,
  sbbMR64,
  andMR32,
  andMR64,
  subMR32,
  subMR64,
  xorMR32,
  xorMR64,
  cmpMR32,
  cmpMR64,
  testMR32,
  testMR64,
];

function addMI32(op: Op): usize {
  return Alu.memory<u32>(op, ADD, <u64>(<u32>op.imm));
}

function addMI64(op: Op): usize {
  return Alu.memory<u64>(op, ADD, <u64>(<u64>op.imm));
}

function orMI32(op: Op): usize {
  return Alu.memory<u32>(op, OR, <u64>(<u32>op.imm));
}

function orMI64(op: Op): usize {
  return Alu.memory<u64>(op, OR, <u64>(<u64>op.imm));
}

function adcMI32(op: Op): usize {
  return Alu.memory<u32>(op, ADC, <u64>(<u32>op.imm));
}

function adcMI64(op: Op): usize {
  return Alu.memory<u64>(op, ADC, <u64>(<u64>op.imm));
}

function sbbMI32(op: Op): usize {
  return Alu.memory<u32>(op, SBB, <u64>(<u32>op.imm));
}

function sbbMI64(op: Op): usize {
  return Alu.memory<u64>(op, SBB, <u64>(<u64>op.imm));
}

function andMI32(op: Op): usize {
  return Alu.memory<u32>(op, AND, <u64>(<u32>op.imm));
}

function andMI64(op: Op): usize {
  return Alu.memory<u64>(op, AND, <u64>(<u64>op.imm));
}

function subMI32(op: Op): usize {
  return Alu.memory<u32>(op, SUB, <u64>(<u32>op.imm));
}

function subMI64(op: Op): usize {
  return Alu.memory<u64>(op, SUB, <u64>(<u64>op.imm));
}

function xorMI32(op: Op): usize {
  return Alu.memory<u32>(op, XOR, <u64>(<u32>op.imm));
}

function xorMI64(op: Op): usize {
  return Alu.memory<u64>(op, XOR, <u64>(<u64>op.imm));
}

function cmpMI32(op: Op): usize {
  return Alu.memory<u32>(op, CMP, <u64>(<u32>op.imm));
}

function cmpMI64(op: Op): usize {
  return Alu.memory<u64>(op, CMP, <u64>(<u64>op.imm));
}

function testMI32(op: Op): usize {
  return Alu.memory<u32>(op, TEST, <u64>(<u32>op.imm));
}

function testMI64(op: Op): usize {
  return Alu.memory<u64>(op, TEST, <u64>(<u64>op.imm));
}

export function smallMI8(op: Op): usize {
  return Alu.smallMemory<u8>(op, <u64>(<u8>op.imm));
}

function smallMI16(op: Op): usize {
  return Alu.smallMemory<u16>(op, <u64>(<u16>op.imm));
}

/** Form MI: by size index (0: 8, 1: 16 bits). */
export const SMALL_MI: StaticArray<(op: Op) => usize> = [smallMI8, smallMI16];

/** Form MI: by operation * 2 + (1 for 64 bits). */
export const ALU_MI: StaticArray<(op: Op) => usize> = [
  addMI32,
  addMI64,
  orMI32,
  orMI64,
  adcMI32,
  adcMI64,
  sbbMI32,
  sbbMI64,
  andMI32,
  andMI64,
  subMI32,
  subMI64,
  xorMI32,
  xorMI64,
  cmpMI32,
  cmpMI64,
  testMI32,
  testMI64,
];
