// Loads and stores of segment registers and of their bases. Follows Intel SDM vol. 2, MOV, POP, LDS, SWAPGS,
// WRFSBASE, and vol. 3A, 6.8.3 (the shadow after MOV SS and POP SS).

import { RSP, S_CR4, S_FAULT, S_KERNEL_GS, S_SHADOW, SHADOW_SS } from "../../state";
import { drop, peek, push, stackFault } from "../integer/stack";
import { canonicalBase } from "../memory/canonical";
import { loadDataSegment, Seg, SS, updateMode } from "../memory/segments";
import { failed, goAfter, requireRing0 } from "../op/leave";
import {
  EA_REGISTER,
  Op,
  readLinear,
  readRegister,
  readRm,
  undefinedOpcode,
  writeRegister,
  writeRm,
} from "../op/op";
import { GP } from "../processor/fault";

/** MOV Sreg, r/m16: segment in `sub`. */
export function movToSegment(op: Op): usize {
  const v = <u32>readRm(op, 2);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  loadDataSegment(<i32>op.sub, v);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  if (op.sub == SS) shadow(SHADOW_SS);
  return goAfter(op);
}

export function movFromSegment(op: Op): usize {
  const v = <u64>Seg.selector(<i32>op.sub);
  if (op.ea == EA_REGISTER) writeRegister(<usize>op.src, <i32>op.size, v);
  else writeRm(op, 2, v);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  return op.done();
}

export function pushSegment(op: Op): usize {
  const size = <i32>op.size;
  const v = <u64>Seg.selector(<i32>op.sub);
  if (size == 4) {
    // A 32-bit push of a segment register writes 16 bits.
    const sp = load<u64>(RSP);
    push(v, 4);
    if (load<u32>(S_FAULT) != 0) {
      store<u64>(RSP, sp);
      return stackFault(op);
    }
  } else push(v, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  return op.done();
}

export function popSegment(op: Op): usize {
  const size = <i32>op.size;
  const v = <u32>peek(0, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  loadDataSegment(<i32>op.sub, v);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  drop(size);
  if (op.sub == SS) shadow(SHADOW_SS);
  return goAfter(op);
}

/** Holds interrupts back for one instruction, after MOV SS and POP SS debug traps as well. */
export function shadow(kind: u32): void {
  store<u32>(S_SHADOW, kind);
  updateMode();
}

export function swapgs(op: Op): usize {
  if (!requireRing0()) return op.fault();
  const base = Seg.base(5);
  store<u64>(Seg.at(5), load<u64>(S_KERNEL_GS));
  store<u64>(S_KERNEL_GS, base);
  return op.next();
}

/** RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE: segment in `sub` & 7, write if bit 3. */
export function segmentBase(op: Op): usize {
  if ((load<u64>(S_CR4) & 0x10000) == 0) return undefinedOpcode(op);
  const size = <i32>op.size;
  const at = Seg.at(<i32>(op.sub & 7));
  if ((op.sub & 8) == 0) {
    writeRegister(<usize>op.src, size, load<u64>(at));
    return op.next();
  }
  const v = readRegister(<usize>op.src, size);
  if (!canonicalBase(v)) return failed(op, GP, 0);
  store<u64>(at, v);
  return op.next();
}

/** LES, LDS, LSS, LFS, LGS: segment in `sub`. */
export function loadFarPointer(op: Op): usize {
  const size = <i32>op.size;
  const at = op.address(size + 2, false);
  const offset = readLinear(at, size);
  const selector = <u32>readLinear(at + <u64>size, 2);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  loadDataSegment(<i32>op.sub, selector);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  writeRegister(<usize>op.dst, size, offset);
  return goAfter(op);
}
