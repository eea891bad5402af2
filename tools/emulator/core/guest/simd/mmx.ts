// MMX: the integer lane functions on 64-bit registers, which alias the x87 stack; moves between MMX,
// general-purpose and XMM registers; EMMS. Follows Intel SDM vol. 1, chapter 9, and vol. 2.

import { S_FTAG, S_FTOP, S_TMP1, S_TMP2 } from "../../state";
import { EA_REGISTER, Op } from "../op/op";
import {
  beginFloat,
  endFloat,
  enterMmx,
  memorySource,
  memoryStore,
  mmxReady,
  source,
  Vec,
  WIDE64,
  writeMmx,
} from "./access";
import { maskedBytes } from "./moves";

class Mm {
  /** The r/m operand as 64 bits in S_TMP2, upper half 0; false with a fault pending. */
  @inline static fetch(op: Op): bool {
    if (!mmxReady()) return false;
    const b = source(op);
    if (b == 0) return false;
    store<u64>(S_TMP2, op.ea != EA_REGISTER && op.size == 4 ? <u64>load<u32>(b) : load<u64>(b));
    store<u64>(S_TMP2, 0, 8);
    return true;
  }

  @inline static run(op: Op): void {
    store<u64>(S_TMP1, load<u64>(op.dst));
    store<u64>(S_TMP1, 0, 8);
    call_indirect<void>(
      Vec.lane(op),
      <usize>S_TMP1,
      <usize>S_TMP1,
      <usize>S_TMP2,
      <u32>op.imm & 0xff,
    );
  }
}

/** Element-wise operation. */
export function mmxLane(op: Op): usize {
  if (!Mm.fetch(op)) return op.fault();
  Mm.run(op);
  enterMmx();
  writeMmx(op.dst, load<u64>(S_TMP1));
  return op.next();
}

/** PUNPCKHxx: the upper half of what the low unpack gives. */
export function mmxHigh(op: Op): usize {
  if (!Mm.fetch(op)) return op.fault();
  Mm.run(op);
  enterMmx();
  writeMmx(op.dst, load<u64>(S_TMP1, 8));
  return op.next();
}

/** Packs and horizontal operations: both operands side by side in one vector. */
export function mmxJoined(op: Op): usize {
  if (!Mm.fetch(op)) return op.fault();
  const high = load<u64>(S_TMP2);
  store<u64>(S_TMP2, load<u64>(op.dst));
  store<u64>(S_TMP2, high, 8);
  call_indirect<void>(Vec.lane(op), <usize>S_TMP1, <usize>S_TMP2, <usize>S_TMP2, <u32>op.imm);
  enterMmx();
  writeMmx(op.dst, load<u64>(S_TMP1));
  return op.next();
}

// ---- Moves

export function movqLoad(op: Op): usize {
  if (!Mm.fetch(op)) return op.fault();
  enterMmx();
  writeMmx(op.dst, load<u64>(S_TMP2));
  return op.next();
}

export function movqReversed(op: Op): usize {
  if (!mmxReady()) return op.fault();
  enterMmx();
  writeMmx(op.src, load<u64>(op.dst));
  return op.next();
}

/** MOVQ m64, mm and MOVNTQ. */
export function movqStore(op: Op): usize {
  if (!mmxReady()) return op.fault();
  if (!memoryStore(op, op.dst, 8)) return op.fault();
  enterMmx();
  return op.done();
}

/** MOVD, MOVQ mm, r/m. */
export function mmxFromGeneral(op: Op): usize {
  if (!mmxReady()) return op.fault();
  const wide = (op.sub & WIDE64) != 0;
  let b: usize = op.src;
  if (op.ea != EA_REGISTER) {
    b = memorySource(op, wide ? 8 : 4);
    if (b == 0) return op.fault();
  }
  const v = wide ? load<u64>(b) : <u64>load<u32>(b);
  enterMmx();
  writeMmx(op.dst, v);
  return op.next();
}

/** MOVD, MOVQ r/m, mm. */
export function mmxToGeneral(op: Op): usize {
  if (!mmxReady()) return op.fault();
  const wide = (op.sub & WIDE64) != 0;
  if (op.ea == EA_REGISTER) {
    enterMmx();
    store<u64>(op.src, wide ? load<u64>(op.dst) : <u64>load<u32>(op.dst));
    return op.next();
  }
  if (!memoryStore(op, op.dst, wide ? 8 : 4)) return op.fault();
  enterMmx();
  return op.done();
}

export function movq2dq(op: Op): usize {
  if (!mmxReady() || !Vec.sseReady()) return op.fault();
  enterMmx();
  store<u64>(op.dst, load<u64>(op.src));
  store<u64>(op.dst, 0, 8);
  return op.next();
}

export function movdq2q(op: Op): usize {
  if (!mmxReady() || !Vec.sseReady()) return op.fault();
  enterMmx();
  writeMmx(op.dst, load<u64>(op.src));
  return op.next();
}

export function mmxPmovmskb(op: Op): usize {
  if (!mmxReady()) return op.fault();
  enterMmx();
  store<u64>(op.dst, <u64>(i8x16.bitmask(v128.load(op.src)) & 0xff));
  return op.next();
}

export function mmxPinsrw(op: Op): usize {
  if (!mmxReady()) return op.fault();
  let b: usize = op.src;
  if (op.ea != EA_REGISTER) {
    b = memorySource(op, 2);
    if (b == 0) return op.fault();
  }
  const shift = (<u64>op.imm & 3) << 4;
  const v = (load<u64>(op.dst) & ~((<u64>0xffff) << shift)) | ((<u64>load<u16>(b)) << shift);
  enterMmx();
  writeMmx(op.dst, v);
  return op.next();
}

export function mmxPextrw(op: Op): usize {
  if (!mmxReady()) return op.fault();
  enterMmx();
  store<u64>(op.dst, (load<u64>(op.src) >> ((<u64>op.imm & 3) << 4)) & 0xffff);
  return op.next();
}

export function maskmovq(op: Op): usize {
  if (!mmxReady()) return op.fault();
  enterMmx();
  return maskedBytes(op, op.dst, op.src, 8) ? op.done() : op.fault();
}

export function emms(op: Op): usize {
  if (!mmxReady()) return op.fault();
  store<u32>(S_FTOP, 0);
  store<u32>(S_FTAG, 0);
  return op.next();
}

// ---- Conversions with XMM registers

/** CVTPS2PI, CVTPD2PI and truncating forms. */
export function floatToMmx(op: Op): usize {
  if (!mmxReady() || !Vec.sseReady()) return op.fault();
  const b = source(op);
  if (b == 0) return op.fault();
  beginFloat();
  call_indirect<void>(Vec.lane(op), <usize>S_TMP1, b, b, <u32>0);
  // The transition to MMX comes before #XM.
  enterMmx();
  if (!endFloat()) return op.fault();
  writeMmx(op.dst, load<u64>(S_TMP1));
  return op.next();
}

/** CVTPI2PS (8 bytes of result) and CVTPI2PD (16); a memory source leaves the x87 state alone. */
export function mmxToFloat(op: Op): usize {
  if (!Vec.sseReady()) return op.fault();
  const register = op.ea == EA_REGISTER;
  if (register && !mmxReady()) return op.fault();
  const b = source(op);
  if (b == 0) return op.fault();
  beginFloat();
  v128.store(S_TMP1, v128.load(op.dst));
  call_indirect<void>(Vec.lane(op), <usize>S_TMP1, b, b, <u32>0);
  // The transition to MMX comes before #XM.
  if (register) enterMmx();
  if (!endFloat()) return op.fault();
  v128.store(op.dst, v128.load(S_TMP1));
  return op.next();
}
