// XCHG, XADD, CMPXCHG and CMPXCHG8B/16B. Follows Intel SDM vol. 2.

import { RAX, RCX, RDX, REGS, S_FAULT } from "../../state";
import { canonicalRange, Mem } from "../memory/access";
import { WRITE } from "../memory/rights";
import { EA_REGISTER, Op, Reg, writeLinear, writeRegister } from "../op/op";
import { eflags, Flags, STATUS, setStatusFlags } from "../processor/flags";
import { readForWriteFast } from "./alu";
import { alignmentGp } from "./stack";

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
