// Shifts and rotates, double shifts, bit tests and scans.
// Follows Intel SDM vol. 2. Where OF is undefined (counts above 1) the formula of count 1 is used.

import { RCX, S_FAULT } from "../../state";
import { Mem, readForWrite } from "../memory/access";
import { EA_REGISTER, Op, Reg, readLinear, readRm, writeLinear, writeRegister } from "../op/op";
import { eflags, Flags, STATUS, setCarry, setStatusFlags } from "../processor/flags";
import { readForWriteFast } from "./alu";

/** `sub` flag: the count is CL. */
export const BY_CL: u8 = 8;

class Shift {
  /** Operation `k` (reg field of group 2) on `a` by masked, non-zero `count`. */
  @inline static run<T>(k: i32, a: u64, count: u64): u64 {
    const bits = <u64>(sizeof<T>() * 8);
    const top = bits - 1;
    let r: u64;
    switch (k) {
      case 0: {
        // ROL
        const n = count & top;
        r = n == 0 ? a : (a << n) | (a >> (bits - n));
        const cf = r & 1;
        Flags.carryOverflow(cf, ((r >> top) & 1) ^ cf);
        return r;
      }
      case 1: {
        // ROR
        const n = count & top;
        r = n == 0 ? a : (a >> n) | (a << (bits - n));
        Flags.carryOverflow((r >> top) & 1, ((r >> top) ^ (r >> (top - 1))) & 1);
        return r;
      }
      case 2: {
        // RCL
        let n = count;
        if (sizeof<T>() < 4) n = count % (bits + 1);
        let cf = Flags.c();
        if (n == 0) r = a;
        else {
          r = (a << n) | (cf << (n - 1));
          if (n > 1) r |= a >> (bits + 1 - n);
          cf = (a >> (bits - n)) & 1;
        }
        Flags.carryOverflow(cf, ((r >> top) & 1) ^ cf);
        return r;
      }
      case 3: {
        // RCR
        let n = count;
        if (sizeof<T>() < 4) n = count % (bits + 1);
        let cf = Flags.c();
        if (n == 0) r = a;
        else {
          r = (a >> n) | (cf << (bits - n));
          if (n > 1) r |= a << (bits + 1 - n);
          cf = (a >> (n - 1)) & 1;
        }
        Flags.carryOverflow(cf, ((r >> top) ^ (r >> (top - 1))) & 1);
        return r;
      }
      case 5: {
        // SHR
        r = a >> count;
        Flags.shift<T>(r, (a >> (count - 1)) & 1, (a >> top) & 1);
        return r;
      }
      case 7: {
        // SAR
        const s = <i64>(a << (64 - bits)) >> (64 - bits);
        r = <u64>(s >> count);
        Flags.shift<T>(r, <u64>(s >> (count - 1)) & 1, 0);
        return r;
      }
      default: {
        // SHL
        r = a << count;
        const cf = count > bits ? 0 : (a >> (bits - count)) & 1;
        Flags.shift<T>(r, cf, ((r >> top) & 1) ^ cf);
        return r;
      }
    }
  }

  @inline static any<T>(op: Op): usize {
    const k = <i32>(op.sub & 7);
    const mask: u64 = sizeof<T>() == 8 ? 63 : 31;
    const count = ((op.sub & BY_CL) != 0 ? <u64>load<u8>(RCX) : <u64>op.imm) & mask;
    if (op.ea == EA_REGISTER) {
      const p = <usize>op.src;
      if (count == 0) {
        if (sizeof<T>() == 4) store<u64>(p, <u64>load<u32>(p));
        return op.next();
      }
      Reg.set<T>(p, shiftBy<T>(k, Reg.get<T>(p), count));
      return op.next();
    }
    const at = op.address(sizeof<T>(), true);
    const a = readForWriteFast<T>(at);
    if (load<u32>(S_FAULT) != 0) return op.fault();
    if (count == 0) return op.next();
    Mem.write<T>(at, shiftBy<T>(k, a, count));
    return op.done();
  }
}

function shiftBy<T>(k: i32, a: u64, count: u64): u64 {
  return Shift.run<T>(k, a, count);
}

function shift8(op: Op): usize {
  return Shift.any<u8>(op);
}
function shift16(op: Op): usize {
  return Shift.any<u16>(op);
}
export function shift32(op: Op): usize {
  return Shift.any<u32>(op);
}
function shift64(op: Op): usize {
  return Shift.any<u64>(op);
}
/** Group 2, by size index; `sub` = operation | BY_CL. */
export const SHIFT: StaticArray<(op: Op) => usize> = [shift8, shift16, shift32, shift64];

// Hot forms: register by a non-zero immediate.
export function shl32i(op: Op): usize {
  const p = <usize>op.src;
  const a = <u64>load<u32>(p);
  const r = a << (<u64>op.imm);
  Flags.shift<u32>(r, (r >> 32) & 1, ((r >> 31) ^ (r >> 32)) & 1);
  store<u64>(p, r & 0xffffffff);
  return op.next();
}
export function shl64i(op: Op): usize {
  const p = <usize>op.src;
  const a = load<u64>(p);
  const n = <u64>op.imm;
  const r = a << n;
  const cf = (a >> (64 - n)) & 1;
  Flags.shift<u64>(r, cf, (r >> 63) ^ cf);
  store<u64>(p, r);
  return op.next();
}
export function shr32i(op: Op): usize {
  const p = <usize>op.src;
  const a = <u64>load<u32>(p);
  const n = <u64>op.imm;
  Flags.shift<u32>(a >> n, (a >> (n - 1)) & 1, a >> 31);
  store<u64>(p, a >> n);
  return op.next();
}
export function shr64i(op: Op): usize {
  const p = <usize>op.src;
  const a = load<u64>(p);
  const n = <u64>op.imm;
  Flags.shift<u64>(a >> n, (a >> (n - 1)) & 1, a >> 63);
  store<u64>(p, a >> n);
  return op.next();
}
export function sar32i(op: Op): usize {
  const p = <usize>op.src;
  const a = <i64>load<i32>(p);
  const n = <u64>op.imm;
  Flags.shift<u32>(<u64>(a >> n), <u64>(a >> (n - 1)) & 1, 0);
  store<u64>(p, <u64>(a >> n) & 0xffffffff);
  return op.next();
}
export function sar64i(op: Op): usize {
  const p = <usize>op.src;
  const a = load<i64>(p);
  const n = <u64>op.imm;
  Flags.shift<u64>(<u64>(a >> n), <u64>(a >> (n - 1)) & 1, 0);
  store<i64>(p, a >> n);
  return op.next();
}

/** SHLD (`sub` 0), SHRD (1), | BY_CL. */
export function doubleShift(op: Op): usize {
  const size = <i32>op.size;
  const bits = <u64>(size * 8);
  const count = ((op.sub & BY_CL) != 0 ? <u64>load<u8>(RCX) : <u64>op.imm) & (size == 8 ? 63 : 31);
  const b =
    size == 8 ? load<u64>(<usize>op.dst) : load<u64>(<usize>op.dst) & (((<u64>1) << bits) - 1);
  const at = op.ea == EA_REGISTER ? 0 : op.address(size, true);
  const a = op.ea == EA_REGISTER ? readRm(op, size) : readForWrite(at, size);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  if (count == 0) {
    if (op.ea == EA_REGISTER && size == 4) writeRegister(<usize>op.src, 4, a);
    return op.next();
  }
  let r: u64;
  let cf: u64;
  if (size == 2) {
    // Counts above 16 are undefined; the three-word rotation that processors do.
    const left = (op.sub & 1) == 0;
    if (left) {
      const wide = (a << 32) | (b << 16) | a;
      r = (wide << count) >> 32;
      cf = ((wide << (count - 1)) >> 47) & 1;
    } else {
      const wide = (a << 32) | (b << 16) | a;
      r = wide >> count;
      cf = (wide >> (count - 1)) & 1;
    }
    r &= 0xffff;
  } else if ((op.sub & 1) == 0) {
    r = (a << count) | (b >> (bits - count));
    cf = (a >> (bits - count)) & 1;
  } else {
    r = (a >> count) | (b << (bits - count));
    cf = (a >> (count - 1)) & 1;
  }
  const ov = ((r ^ a) >> (bits - 1)) & 1;
  if (size == 8) Flags.shift<u64>(r, cf, ov);
  else if (size == 4) Flags.shift<u32>(r, cf, ov);
  else Flags.shift<u16>(r, cf, ov);
  if (op.ea == EA_REGISTER) {
    writeRegister(<usize>op.src, size, r);
    return op.next();
  }
  writeLinear(at, size, r);
  return op.done();
}

/**
 * BT, BTS, BTR, BTC: `sub` 0…3; with `aux` 1 the bit number is the register `dst` and reaches beyond the
 * operand in memory, otherwise `imm`.
 */
export function bitTest(op: Op): usize {
  const size = <i32>op.size;
  const bits = <u64>(size * 8);
  const k = <i32>op.sub;
  let n: i64 = op.imm;
  if (op.aux == 1) {
    if (size == 8) n = load<i64>(<usize>op.dst);
    else if (size == 4) n = <i64>load<i32>(<usize>op.dst);
    else n = <i64>load<i16>(<usize>op.dst);
  }
  const bit = <u64>n & (bits - 1);
  let at: u64 = 0;
  let a: u64;
  if (op.ea == EA_REGISTER) a = readRm(op, size);
  else {
    const saved = op.disp;
    if (op.aux == 1) op.disp = saved + (n >> (size == 8 ? 6 : size == 4 ? 5 : 4)) * <i64>size;
    at = op.address(size, k != 0);
    op.disp = saved;
    a = k == 0 ? readLinear(at, size) : readForWrite(at, size);
  }
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const mask = (<u64>1) << bit;
  setCarry((a >> bit) & 1);
  if (k == 0) return op.next();
  const r = k == 1 ? a | mask : k == 2 ? a & ~mask : a ^ mask;
  if (op.ea == EA_REGISTER) {
    writeRegister(<usize>op.src, size, r);
    return op.next();
  }
  writeLinear(at, size, r);
  return op.done();
}

function setZeroFlag(z: bool): void {
  const f = eflags() & STATUS & ~0x40;
  setStatusFlags(z ? f | 0x40 : f);
}

/** BSF (`sub` 0), BSR (1): a zero source leaves the destination alone. */
export function bitScan(op: Op): usize {
  const size = <i32>op.size;
  const v = readRm(op, size);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  setZeroFlag(v == 0);
  if (v != 0) writeRegister(<usize>op.dst, size, op.sub == 0 ? ctz<u64>(v) : 63 - clz<u64>(v));
  else if (size == 4) store<u64>(<usize>op.dst, load<u64>(<usize>op.dst));
  return op.next();
}

/** POPCNT (`sub` 0), TZCNT (1), LZCNT (2). */
export function bitCount(op: Op): usize {
  const size = <i32>op.size;
  const v = readRm(op, size);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  let r: u64;
  if (op.sub == 0) {
    r = popcnt<u64>(v);
    setStatusFlags(v == 0 ? 0x40 : 0);
  } else {
    const bits = <u64>(size * 8);
    if (op.sub == 1) r = v == 0 ? bits : ctz<u64>(v);
    else r = clz<u64>(v) - (64 - bits);
    setStatusFlags((v == 0 ? 1 : 0) | (r == 0 ? 0x40 : 0));
  }
  writeRegister(<usize>op.dst, size, r);
  return op.next();
}
