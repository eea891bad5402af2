// Bit manipulation in general-purpose registers: BMI1, BMI2 (VEX-encoded) and ADX. POPCNT, LZCNT, TZCNT,
// MOVBE and CRC32 are with the integer instructions.
// Follows Intel SDM vol. 2, instruction pages; PF and AF, undefined there, come from the result.

import { RDX, S_FAULT } from "../../state";
import { Op, readRm } from "../op/op";
import { CF, Flags, OF, setStatusFlags, statusFlags, ZF } from "../processor/flags";
import { vexReady, WIDE64 } from "./access";

class Bits {
  /** The r/m operand of 4 or 8 bytes; check S_FAULT. */
  @inline static operand(op: Op): u64 {
    return vexReady() ? readRm(op, Bits.size(op)) : 0;
  }
  @inline static size(op: Op): i32 {
    return (op.sub & WIDE64) != 0 ? 8 : 4;
  }
  @inline static wide(op: Op): bool {
    return (op.sub & WIDE64) != 0;
  }
  /** VEX.vvvv operand. */
  @inline static second(op: Op): u64 {
    const p: usize = op.aux & 0xffff;
    return Bits.wide(op) ? load<u64>(p) : <u64>load<u32>(p);
  }
  @inline static put(op: Op, v: u64): void {
    store<u64>(op.dst, Bits.wide(op) ? v : v & 0xffffffff);
  }
  /** SF and ZF by the result, OF = 0, CF as given. */
  @inline static flags(op: Op, v: u64, cf: bool): void {
    if (Bits.wide(op)) Flags.shift<u64>(v, cf ? 1 : 0, 0);
    else Flags.shift<u32>(v, cf ? 1 : 0, 0);
  }
}

export function andn(op: Op): usize {
  const b = Bits.operand(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const r = ~Bits.second(op) & b;
  Bits.put(op, r);
  Bits.flags(op, r, false);
  return op.next();
}

export function blsr(op: Op): usize {
  const b = Bits.operand(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const r = b & (b - 1);
  Bits.put(op, r);
  Bits.flags(op, r, b == 0);
  return op.next();
}

export function blsmsk(op: Op): usize {
  const b = Bits.operand(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const r = b ^ (b - 1);
  Bits.put(op, r);
  Bits.flags(op, r, b == 0);
  return op.next();
}

export function blsi(op: Op): usize {
  const b = Bits.operand(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const r = b & (0 - b);
  Bits.put(op, r);
  Bits.flags(op, r, b != 0);
  return op.next();
}

export function bextr(op: Op): usize {
  const b = Bits.operand(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const control = Bits.second(op);
  const start = control & 0xff;
  const length = (control >> 8) & 0xff;
  let r: u64 = start > 63 ? 0 : b >> start;
  if (length < 64) r &= ((<u64>1) << length) - 1;
  Bits.put(op, r);
  setStatusFlags(r == 0 ? ZF : 0);
  return op.next();
}

export function bzhi(op: Op): usize {
  const b = Bits.operand(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const n = Bits.second(op) & 0xff;
  const width: u64 = Bits.wide(op) ? 64 : 32;
  const r = n < width ? b & (((<u64>1) << n) - 1) : b;
  Bits.put(op, r);
  Bits.flags(op, r, n >= width);
  return op.next();
}

/** PDEP: bits of the vvvv operand go to the set positions of the r/m mask. */
export function pdep(op: Op): usize {
  let mask = Bits.operand(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  let v = Bits.second(op);
  let r: u64 = 0;
  while (mask != 0) {
    const bit = mask & (0 - mask);
    if ((v & 1) != 0) r |= bit;
    v >>= 1;
    mask ^= bit;
  }
  Bits.put(op, r);
  return op.next();
}

export function pext(op: Op): usize {
  let mask = Bits.operand(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const v = Bits.second(op);
  let r: u64 = 0;
  let at: u64 = 1;
  while (mask != 0) {
    const bit = mask & (0 - mask);
    if ((v & bit) != 0) r |= at;
    at <<= 1;
    mask ^= bit;
  }
  Bits.put(op, r);
  return op.next();
}

/** MULX: high half to the reg operand, low half to vvvv; the high half wins if they are one. */
export function mulx(op: Op): usize {
  const b = Bits.operand(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const low: usize = op.aux & 0xffff;
  if (!Bits.wide(op)) {
    const product = <u64>load<u32>(RDX) * b;
    store<u64>(low, product & 0xffffffff);
    store<u64>(op.dst, product >> 32);
    return op.next();
  }
  const a = load<u64>(RDX);
  const al = a & 0xffffffff;
  const ah = a >> 32;
  const bl = b & 0xffffffff;
  const bh = b >> 32;
  const ll = al * bl;
  const middle = ah * bl + (ll >> 32);
  const cross = al * bh + (middle & 0xffffffff);
  store<u64>(low, a * b);
  store<u64>(op.dst, ah * bh + (middle >> 32) + (cross >> 32));
  return op.next();
}

export function rorx(op: Op): usize {
  const b = Bits.operand(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  Bits.put(op, Bits.wide(op) ? rotr<u64>(b, op.imm) : <u64>rotr<u32>(<u32>b, <u32>op.imm));
  return op.next();
}

export function shlx(op: Op): usize {
  const b = Bits.operand(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  Bits.put(op, b << (Bits.second(op) & (Bits.wide(op) ? 63 : 31)));
  return op.next();
}

export function shrx(op: Op): usize {
  const b = Bits.operand(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  Bits.put(op, b >> (Bits.second(op) & (Bits.wide(op) ? 63 : 31)));
  return op.next();
}

export function sarx(op: Op): usize {
  const b = Bits.operand(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const n = Bits.second(op);
  Bits.put(op, Bits.wide(op) ? <u64>(<i64>b >> <i64>(n & 63)) : <u64>(<i32>b >> <i32>(n & 31)));
  return op.next();
}

class Carry {
  /** Adds r/m and a flag to the reg operand; the carry goes back to the same flag, the others stay. */
  @inline static add(op: Op, flag: u32): usize {
    const b = readRm(op, Bits.size(op));
    if (load<u32>(S_FAULT) != 0) return op.fault();
    const flags = statusFlags();
    const carry: u64 = (flags & flag) != 0 ? 1 : 0;
    let out: bool;
    if (Bits.wide(op)) {
      const a = load<u64>(op.dst);
      const sum = a + b;
      const r = sum + carry;
      out = sum < a || r < sum;
      store<u64>(op.dst, r);
    } else {
      const r = <u64>load<u32>(op.dst) + b + carry;
      out = r >> 32 != 0;
      store<u64>(op.dst, r & 0xffffffff);
    }
    setStatusFlags(out ? flags | flag : flags & ~flag);
    return op.next();
  }
}

export function adcx(op: Op): usize {
  return Carry.add(op, CF);
}

export function adox(op: Op): usize {
  return Carry.add(op, OF);
}
