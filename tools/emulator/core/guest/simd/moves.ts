// Moves between vector registers, memory and general-purpose registers, element insertion and
// extraction, sign masks. Follows Intel SDM vol. 2: MOVAPS, MOVUPS, MOVSS, MOVLPS, MOVD, PINSRx, PEXTRx, …

import { S_FAULT } from "../../state";
import { Mem, probe } from "../memory/access";
import { WRITE } from "../memory/rights";
import { EA_REGISTER, Op } from "../op/op";
import { memorySource, memoryStore, VEX, Vec, WIDE64, WIDE256 } from "./access";

class Copy {
  /** Copies 16 or 32 bytes; VEX.128 clears the upper half. */
  @inline static full(op: Op, d: usize, s: usize): void {
    v128.store(d, v128.load(s));
    if ((op.sub & VEX) != 0) {
      if ((op.sub & WIDE256) != 0) v128.store(d, v128.load(s, 16), 16);
      else Vec.clearUpper(d);
    }
  }
  @inline static end(op: Op, d: usize): usize {
    if ((op.sub & VEX) != 0) Vec.clearUpper(d);
    return op.next();
  }
}

// ---- Whole registers

export function moveRegister(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  Copy.full(op, op.dst, op.src);
  return op.next();
}

/** The store opcode with a register as destination. */
export function moveReversed(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  Copy.full(op, op.src, op.dst);
  return op.next();
}

export function moveLoad(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = memorySource(op, op.size);
  if (b == 0) return op.fault();
  Copy.full(op, op.dst, b);
  return op.next();
}

export function moveStore(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  if (!memoryStore(op, op.dst, op.size)) return op.fault();
  return op.done();
}

// ---- 32 and 64 bits

/** MOVSS, MOVSD between registers: the rest comes from the first source. */
export function moveScalar32(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const v = load<u32>(op.src);
  v128.store(op.dst, v128.load(Vec.first(op)));
  store<u32>(op.dst, v);
  return Copy.end(op, op.dst);
}

export function moveScalar64(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const v = load<u64>(op.src);
  v128.store(op.dst, v128.load(Vec.first(op)));
  store<u64>(op.dst, v);
  return Copy.end(op, op.dst);
}

/** The store opcode between registers: the r/m register is written. */
export function moveScalarReversed32(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const v = load<u32>(op.dst);
  if ((op.sub & VEX) != 0) v128.store(op.src, v128.load(Vec.first(op)));
  store<u32>(op.src, v);
  return Copy.end(op, op.src);
}

export function moveScalarReversed64(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const v = load<u64>(op.dst);
  if ((op.sub & VEX) != 0) v128.store(op.src, v128.load(Vec.first(op)));
  store<u64>(op.src, v);
  return Copy.end(op, op.src);
}

/** 32 or 64 bits, zero-extended: MOVSS, MOVSD, MOVQ from memory. */
export function loadZero(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const size: u32 = op.size;
  const b = memorySource(op, size);
  if (b == 0) return op.fault();
  v128.store(op.dst, size == 8 ? v128.load64_zero(b) : v128.load32_zero(b));
  return Copy.end(op, op.dst);
}

/** MOVQ xmm, xmm. */
export function moveQuad(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  store<u64>(op.dst, load<u64>(op.src));
  store<u64>(op.dst, 0, 8);
  return Copy.end(op, op.dst);
}

export function moveQuadReversed(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  store<u64>(op.src, load<u64>(op.dst));
  store<u64>(op.src, 0, 8);
  return Copy.end(op, op.src);
}

/** MOVHPS, MOVHPD to memory. */
export function storeHigh(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  if (!memoryStore(op, <usize>op.dst + 8, 8)) return op.fault();
  return op.done();
}

class Half {
  @inline static put(op: Op, low: u64, high: u64): usize {
    store<u64>(op.dst, low);
    store<u64>(op.dst, high, 8);
    return Copy.end(op, op.dst);
  }
}

/** MOVLPS, MOVLPD from memory. */
export function loadLow(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = memorySource(op, 8);
  if (b == 0) return op.fault();
  return Half.put(op, load<u64>(b), load<u64>(Vec.first(op), 8));
}

/** MOVHPS, MOVHPD from memory. */
export function loadHigh(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = memorySource(op, 8);
  if (b == 0) return op.fault();
  return Half.put(op, load<u64>(Vec.first(op)), load<u64>(b));
}

export function movhlps(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  return Half.put(op, load<u64>(op.src, 8), load<u64>(Vec.first(op), 8));
}

export function movlhps(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  return Half.put(op, load<u64>(Vec.first(op)), load<u64>(op.src));
}

// ---- General-purpose registers

/** MOVD, MOVQ xmm, r/m. */
export function fromGeneral(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const wide = (op.sub & WIDE64) != 0;
  let b: usize = op.src;
  if (op.ea != EA_REGISTER) {
    b = memorySource(op, wide ? 8 : 4);
    if (b == 0) return op.fault();
  }
  return Half.put(op, wide ? load<u64>(b) : <u64>load<u32>(b), 0);
}

/** MOVD, MOVQ r/m, xmm. */
export function toGeneral(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const wide = (op.sub & WIDE64) != 0;
  if (op.ea == EA_REGISTER) {
    store<u64>(op.src, wide ? load<u64>(op.dst) : <u64>load<u32>(op.dst));
    return op.next();
  }
  if (!memoryStore(op, op.dst, wide ? 8 : 4)) return op.fault();
  return op.done();
}

/** MOVNTI. */
export function movnti(op: Op): usize {
  if (!memoryStore(op, op.dst, (op.sub & WIDE64) != 0 ? 8 : 4)) return op.fault();
  return op.done();
}

export function movmskps(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  let mask: u32 = i32x4.bitmask(v128.load(op.src));
  if ((op.sub & WIDE256) != 0) mask |= (<u32>i32x4.bitmask(v128.load(op.src, 16))) << 4;
  store<u64>(op.dst, <u64>mask);
  return op.next();
}

export function movmskpd(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  let mask: u32 = i64x2.bitmask(v128.load(op.src));
  if ((op.sub & WIDE256) != 0) mask |= (<u32>i64x2.bitmask(v128.load(op.src, 16))) << 2;
  store<u64>(op.dst, <u64>mask);
  return op.next();
}

export function pmovmskb(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  let mask: u32 = i8x16.bitmask(v128.load(op.src));
  if ((op.sub & WIDE256) != 0) mask |= (<u32>i8x16.bitmask(v128.load(op.src, 16))) << 16;
  store<u64>(op.dst, <u64>mask);
  return op.next();
}

class Element {
  @inline static insert<T>(op: Op): usize {
    if (!Vec.ready(op)) return op.fault();
    let b: usize = op.src;
    if (op.ea != EA_REGISTER) {
      b = memorySource(op, sizeof<T>());
      if (b == 0) return op.fault();
    }
    const v = load<T>(b);
    const d: usize = op.dst;
    v128.store(d, v128.load(Vec.first(op)));
    store<T>(d + (((<u32>op.imm * sizeof<T>()) & 15) as usize), v);
    return Copy.end(op, d);
  }

  @inline static extract<T>(op: Op): usize {
    if (!Vec.ready(op)) return op.fault();
    const from = <usize>op.dst + (((<u32>op.imm * sizeof<T>()) & 15) as usize);
    if (op.ea == EA_REGISTER) {
      store<u64>(op.src, <u64>load<T>(from));
      return op.next();
    }
    if (!memoryStore(op, from, sizeof<T>())) return op.fault();
    return op.done();
  }
}

export function pinsrb(op: Op): usize {
  return Element.insert<u8>(op);
}
export function pinsrw(op: Op): usize {
  return Element.insert<u16>(op);
}
/** PINSRD, PINSRQ. */
export function pinsrdq(op: Op): usize {
  return (op.sub & WIDE64) != 0 ? Element.insert<u64>(op) : Element.insert<u32>(op);
}
export function pextrb(op: Op): usize {
  return Element.extract<u8>(op);
}
/** PEXTRW of SSE4.1, with a memory form. */
export function pextrwMemory(op: Op): usize {
  return Element.extract<u16>(op);
}
/** PEXTRD, PEXTRQ, EXTRACTPS. */
export function pextrdq(op: Op): usize {
  return (op.sub & WIDE64) != 0 ? Element.extract<u64>(op) : Element.extract<u32>(op);
}
export function extractps(op: Op): usize {
  return Element.extract<u32>(op);
}
/** PEXTRW r32, xmm: the general register is in the reg field. */
export function pextrw(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  store<u64>(op.dst, <u64>load<u16>(<usize>op.src + (((<u32>op.imm & 7) << 1) as usize)));
  return op.next();
}

/** INSERTPS with a memory operand: the source selector is 0. */
export function insertpsMemory(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = memorySource(op, 4);
  if (b == 0) return op.fault();
  call_indirect<void>(Vec.lane(op), <usize>op.dst, Vec.first(op), b, <u32>op.imm & 0x3f);
  return Copy.end(op, op.dst);
}

// ---- Masked store

/** MASKMOVDQU: bytes of `dst` whose mask byte in `src` has bit 7 set, to [DS:rDI]. */
export function maskmovdqu(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  return maskedBytes(op, op.dst, op.src, 16) ? op.done() : op.fault();
}

/** Stores the selected bytes of `size`; the whole range must be writable. */
export function maskedBytes(op: Op, from: usize, mask: usize, size: u32): bool {
  const a = op.address(size, true);
  // Checked in two halves, as to alignment and to which fault comes first.
  if (!probe(a, 8, WRITE, 1) || !probe(a, size, WRITE, 1)) return false;
  for (let n: u32 = 0; n < size; n++) {
    if (load<i8>(mask + n) < 0) Mem.write<u8>(a + n, <u64>load<u8>(from + n));
  }
  return load<u32>(S_FAULT) == 0;
}
