// Instructions that exist in VEX encoding alone: broadcasts, 128-bit inserts and permutes across lanes,
// masked moves, gathers, VZEROUPPER. Follows Intel SDM vol. 2, chapter 5 (V… instructions).

import { KEY_SIZE, S_EFLAGS, S_FAULT, S_KEY, S_LIN_MASK, S_TMP1, S_TMP2, S_YMM } from "../../state";
import { canonicalRange, clearNonCanonical, Mem, probe } from "../memory/access";
import { WRITE } from "../memory/rights";
import { segmentLinear } from "../memory/segments";
import { checksAlignment } from "../memory/tlb";
import { EA_CHECK, EA_REGISTER, leaveTo, Op, offsetOf } from "../op/op";
import { PAGE_MASK } from "../processor/control_bits";
import { TF } from "../processor/flags";
import {
  beginFloat,
  endFloat,
  memorySource,
  memoryStore,
  source,
  Vec,
  WIDE256,
  writable,
} from "./access";

// ---- Broadcasts: lane functions for laneCount, which gives both lanes the same source

export function vpbroadcastb(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i8x16.splat(load<i8>(b)));
}

export function vpbroadcastw(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i16x8.splat(load<i16>(b)));
}

export function vbroadcastss(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i32x4.splat(load<i32>(b)));
}

export function vbroadcastsd(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, i64x2.splat(load<i64>(b)));
}

export function vbroadcastf128(d: usize, a: usize, b: usize, i: u32): void {
  v128.store(d, v128.load(b));
}

// ---- 128-bit halves

export function vinsertf128(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = source(op);
  if (b === 0) return op.fault();
  const v = v128.load(b);
  const a = Vec.first(op);
  const d: usize = op.dst;
  const low = (op.imm & 1) !== 0 ? v128.load(a) : v;
  const high = (op.imm & 1) !== 0 ? v : v128.load(a, 16);
  v128.store(d, low);
  v128.store(d, high, 16);
  return op.next();
}

export function vextractf128(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const from = <usize>op.dst + ((<usize>op.imm & 1) << 4);
  if (op.ea === EA_REGISTER) {
    v128.store(op.src, v128.load(from));
    Vec.clearUpper(op.src);
    return op.next();
  }
  if (!memoryStore(op, from, 16)) return op.fault();
  return op.done();
}

class Permute {
  @inline static half(a: usize, b: usize, i: u32): v128 {
    if ((i & 8) !== 0) return i64x2.splat(0);
    return v128.load(((i & 2) !== 0 ? b : a) + ((i & 1) << 4));
  }
}

/** VPERM2F128, VPERM2I128. */
export function vperm2f128(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = source(op);
  if (b === 0) return op.fault();
  const a = Vec.first(op);
  const i = <u32>op.imm;
  const low = Permute.half(a, b, i);
  const high = Permute.half(a, b, i >> 4);
  v128.store(op.dst, low);
  v128.store(op.dst, high, 16);
  return op.next();
}

/** VPERMQ, VPERMPD with an immediate. */
export function vpermq(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = source(op);
  if (b === 0) return op.fault();
  const i = <u32>op.imm;
  for (let n: u32 = 0; n < 4; n++) {
    store<u64>(S_TMP1 + (n << 3), load<u64>(b + (((i >> (n << 1)) & 3) << 3)));
  }
  memory.copy(op.dst, S_TMP1, 32);
  return op.next();
}

/** VPERMD, VPERMPS: indices in VEX.vvvv. */
export function vpermd(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const b = source(op);
  if (b === 0) return op.fault();
  const a = Vec.first(op);
  for (let n: u32 = 0; n < 8; n++) {
    store<u32>(S_TMP1 + (n << 2), load<u32>(b + ((load<u32>(a + (n << 2)) & 7) << 2)));
  }
  memory.copy(op.dst, S_TMP1, 32);
  return op.next();
}

/** VMOVDDUP: 8 bytes of memory, or 32 with L = 1. */
export function vmovddup(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const wide = (op.sub & WIDE256) != 0;
  const b = op.ea == EA_REGISTER ? <usize>op.src : memorySource(op, wide ? 32 : 8);
  if (b == 0) return op.fault();
  const low = v128.load64_splat(b);
  if (wide) v128.store(op.dst, v128.load64_splat(b, 16), 16);
  v128.store(op.dst, low);
  if (!wide) Vec.clearUpper(op.dst);
  return op.next();
}

// ---- VZEROUPPER (L = 0), VZEROALL (L = 1)

export function vzero(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const count: usize = (load<u32>(S_KEY) & KEY_SIZE) === 2 ? 16 : 8;
  for (let n: usize = 0; n < count; n++) {
    const p = S_YMM + (n << 5);
    if ((op.sub & WIDE256) !== 0) v128.store(p, i64x2.splat(0));
    Vec.clearUpper(p);
  }
  return op.next();
}

// ---- Masked moves: the mask is VEX.vvvv; elements with a clear mask bit are not accessed

/** Reads an element without alignment check: masked moves and gathers never raise #AC. */
function readElement(a: u64, size: u32): u64 {
  if ((a & (size - 1)) == 0 || !checksAlignment()) {
    return size == 8 ? Mem.read<u64>(a) : Mem.read<u32>(a);
  }
  if (!canonicalRange(a, size)) return 0;
  let v: u64 = 0;
  for (let n: u32 = 0; n < size; n++) v |= Mem.read<u8>(a + n) << (n << 3);
  return v;
}

function writeElement(a: u64, size: u32, v: u64): void {
  if ((a & (size - 1)) == 0 || !checksAlignment()) {
    if (size == 8) Mem.write<u64>(a, v);
    else Mem.write<u32>(a, v);
    return;
  }
  for (let n: u32 = 0; n < size; n++) Mem.write<u8>(a + n, v >> (n << 3));
}

class Masked {
  @inline static bytes(op: Op): u32 {
    return (op.sub & WIDE256) != 0 ? 32 : 16;
  }

  @inline static selected(mask: usize, n: u32, size: u32): bool {
    return load<i8>(mask + n + size - 1) < 0;
  }

  /** Address of the element at byte `n`, as an access of its own: only selected elements can fault. */
  @inline static address(op: Op, n: u32, size: u32, writing: bool): u64 {
    if ((op.ea & EA_CHECK) != 0) {
      return segmentLinear((op.ea >> 2) & 7, offsetOf(op) + <u64>n, size, writing);
    }
    return (op.address(size, writing) + <u64>n) & load<u64>(S_LIN_MASK);
  }

  @inline static load(op: Op, size: u32): usize {
    if (!Vec.ready(op)) return op.fault();
    const mask = Vec.first(op);
    const bytes = Masked.bytes(op);
    for (let n: u32 = 0; n < bytes; n += size) {
      let v: u64 = 0;
      if (Masked.selected(mask, n, size)) {
        v = readElement(Masked.address(op, n, size, false), size);
        if (load<u32>(S_FAULT) != 0) return op.fault();
      }
      if (size == 8) store<u64>(S_TMP1 + n, v);
      else store<u32>(S_TMP1 + n, <u32>v);
    }
    v128.store(op.dst, v128.load(S_TMP1));
    if (bytes == 32) v128.store(op.dst, v128.load(S_TMP1, 16), 16);
    else Vec.clearUpper(op.dst);
    return op.next();
  }

  @inline static store(op: Op, size: u32): usize {
    if (!Vec.ready(op)) return op.fault();
    const mask = Vec.first(op);
    const bytes = Masked.bytes(op);
    for (let n: u32 = 0; n < bytes; n += size) {
      if (!Masked.selected(mask, n, size)) continue;
      const a = Masked.address(op, n, size, true);
      const last = a + size - 1;
      if (!canonicalRange(a, size) || !probe(a, 1, WRITE, 1)) return op.fault();
      if (last >> 12 != a >> 12 && !probe(last & PAGE_MASK, 1, WRITE, 1)) return op.fault();
    }
    for (let n: u32 = 0; n < bytes; n += size) {
      if (!Masked.selected(mask, n, size)) continue;
      const from = <usize>op.dst + n;
      const v = size == 8 ? load<u64>(from) : <u64>load<u32>(from);
      writeElement(Masked.address(op, n, size, true), size, v);
    }
    return load<u32>(S_FAULT) != 0 ? op.fault() : op.done();
  }
}

export function maskLoad32(op: Op): usize {
  return Masked.load(op, 4);
}
export function maskLoad64(op: Op): usize {
  return Masked.load(op, 8);
}
export function maskStore32(op: Op): usize {
  return Masked.store(op, 4);
}
export function maskStore64(op: Op): usize {
  return Masked.store(op, 8);
}

// ---- Gathers: `imm` is the address of the index register, S_TMP2 the index of the element at hand

/** A fault after elements have been gathered gives way to a pending single-step trap. */
function interrupted(op: Op, gathered: bool): usize {
  if (!gathered || (load<u32>(S_EFLAGS) & TF) == 0) return op.fault();
  store<u32>(S_FAULT, 0);
  clearNonCanonical();
  return leaveTo(op, op.rip());
}

class Gather {
  /** `size`: bytes of an element, `indexSize`: bytes of an index. Progress survives a fault. */
  @inline static run(op: Op, size: u32, indexSize: u32): usize {
    if (!Vec.ready(op)) return op.fault();
    const mask = Vec.first(op);
    const d: usize = op.dst;
    const indices = <usize>op.imm;
    const width: u32 = (op.sub & WIDE256) !== 0 ? 32 : 16;
    const count = width / (size > indexSize ? size : indexSize);
    let gathered = false;
    for (let n: u32 = 0; n < count; n++) {
      const m = mask + n * size;
      if (Masked.selected(m, 0, size)) {
        const index: i64 =
          indexSize == 8 ? load<i64>(indices + (n << 3)) : <i64>load<i32>(indices + (n << 2));
        store<i64>(S_TMP2, index);
        const a = op.address(size, false);
        const v = readElement(a, size);
        if (load<u32>(S_FAULT) != 0) return interrupted(op, gathered);
        gathered = true;
        if (size == 8) store<u64>(d + (n << 3), v);
        else store<u32>(d + (n << 2), <u32>v);
      }
      if (size == 8) store<u64>(m, 0);
      else store<u32>(m, 0);
    }
    // Bits beyond the gathered elements are cleared, in the mask too.
    const bytes = count * size;
    memory.fill(d + bytes, 0, 32 - bytes);
    memory.fill(mask, 0, 32);
    return op.next();
  }
}

export function gatherDword32(op: Op): usize {
  return Gather.run(op, 4, 4);
}
export function gatherDword64(op: Op): usize {
  return Gather.run(op, 8, 4);
}
export function gatherQword32(op: Op): usize {
  return Gather.run(op, 4, 8);
}
export function gatherQword64(op: Op): usize {
  return Gather.run(op, 8, 8);
}

// ---- VCVTPS2PH: the destination is the r/m operand, half as wide as the source

export function storeHalves(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const f = Vec.lane(op);
  const s: usize = op.dst;
  const wide = (op.sub & WIDE256) !== 0;
  beginFloat();
  call_indirect<void>(f, <usize>S_TMP1, s, s, <u32>op.imm);
  if (wide) call_indirect<void>(f, <usize>S_TMP1 + 8, s + 16, s + 16, <u32>op.imm);
  else store<u64>(S_TMP1, 0, 8);
  if (op.ea === EA_REGISTER) {
    if (!endFloat()) return op.fault();
    v128.store(op.src, v128.load(S_TMP1));
    Vec.clearUpper(op.src);
    return op.next();
  }
  const a = op.address(op.size, true);
  if (!writable(a, op.size)) return op.fault();
  if (!endFloat()) return op.fault();
  if (!memoryStore(op, S_TMP1, op.size)) return op.fault();
  return op.done();
}
