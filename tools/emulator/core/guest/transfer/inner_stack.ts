// The stack of a more privileged handler or procedure: found in the TSS, checked, and written before it becomes
// current. Follows Intel SDM vol. 3A, 5.8.5 and 6.12.1.

import { RSP, S_FAULT } from "../../state";
import { setStackPointer, stackMask } from "../integer/stack";
import { Mem, systemRead } from "../memory/access";
import { canonical } from "../memory/canonical";
import {
  ATTR_DB,
  ATTR_P,
  descAttr,
  descBase,
  descDpl,
  descLimit,
  fetchDescriptor,
  markAccessed,
  Seg,
  SS,
  setNull,
  setSegment,
  TR,
} from "../memory/segments";
import { writeLinear } from "../op/op";
import { raiseCode, SSF, TS } from "../processor/fault";

let newSp: u64 = 0;
let newMask: u64 = 0;
let newBase: u64 = 0;
let newLimit: u32 = 0;
let newExpandDown: bool = false;
let newBig: bool = false;
let stackError: u32 = 0;

/** Pushes on the stack that `newSp` and its kin describe; the CPL has been set for it. */
export function pushNew(v: u64, size: i32): void {
  if (load<u32>(S_FAULT) != 0) return;
  const sp = (newSp - <u64>size) & newMask;
  if (newMask != 0xffffffffffffffff) {
    const last = sp + <u64>size - 1;
    const ok = newExpandDown
      ? sp > <u64>newLimit && last <= (newBig ? 0xffffffff : 0xffff)
      : last <= <u64>newLimit;
    if (!ok) {
      raiseCode(SSF, stackError);
      return;
    }
    writeLinear((newBase + sp) & 0xffffffff, size, v);
  } else {
    if (!canonical(sp)) {
      raiseCode(SSF, stackError);
      return;
    }
    Mem.write<u64>(sp, v);
  }
  newSp = sp;
}

/** Pushes go to SS:rSP as it is; a limit violation is #SS(`error`). */
export function openCurrentStack(error: u32): void {
  newMask = stackMask();
  newSp = load<u64>(RSP) & newMask;
  newBase = Seg.base(SS);
  newLimit = Seg.limit(SS);
  newExpandDown = (Seg.attr(SS) & 0xc) == 4;
  newBig = (Seg.attr(SS) & ATTR_DB) != 0;
  stackError = error;
}

let innerSelector: u32 = 0;
let innerAttr: u32 = 0;

/** Finds SS:ESP of privilege `level` in the TSS, checks it, and makes it the stack that pushNew writes. */
export function openInnerStack(level: u32, extBit: u32): bool {
  const tr = (Seg.selector(TR) & 0xfffc) | extBit;
  const big = (Seg.attr(TR) & 8) != 0;
  const offset: u32 = big ? 4 + level * 8 : 2 + level * 4;
  if (offset + (big ? 5 : 3) > Seg.limit(TR)) {
    raiseCode(TS, tr);
    return false;
  }
  const base = Seg.base(TR);
  newSp = systemRead(base + <u64>offset, big ? 4 : 2);
  innerSelector = <u32>systemRead(base + <u64>(offset + (big ? 4 : 2)), 2);
  if (load<u32>(S_FAULT) != 0) return false;
  const code = (innerSelector & 0xfffc) | extBit;
  if ((innerSelector & 0xfffc) == 0) {
    raiseCode(TS, extBit);
    return false;
  }
  if (!fetchDescriptor(innerSelector)) {
    raiseCode(TS, code);
    return false;
  }
  if (load<u32>(S_FAULT) != 0) return false;
  const attr = descAttr();
  if ((innerSelector & 3) != level || descDpl() != level || (attr & 0x1a) != 0x12) {
    raiseCode(TS, code);
    return false;
  }
  if ((attr & ATTR_P) == 0) {
    raiseCode(SSF, code);
    return false;
  }
  markAccessed();
  innerAttr = descAttr();
  newBase = descBase();
  newLimit = descLimit();
  newExpandDown = (attr & 4) != 0;
  newBig = (attr & ATTR_DB) != 0;
  newMask = newBig ? 0xffffffff : 0xffff;
  stackError = code;
  return load<u32>(S_FAULT) == 0;
}

/** Pushes go to the flat 64-bit stack that ends at `sp`; a non-canonical address is #SS(`error`). */
export function openFlatStack(sp: u64, error: u32): void {
  newMask = 0xffffffffffffffff;
  newSp = sp;
  stackError = error;
}

/** Makes the flat stack at byte `offset` of the 64-bit TSS the one that pushNew writes; `ext` as in error codes. */
export function openStackOfTss64(offset: u32, ext: u32): bool {
  if (offset + 7 > Seg.limit(TR)) {
    raiseCode(TS, (Seg.selector(TR) & 0xfffc) | ext);
    return false;
  }
  openFlatStack(systemRead(Seg.base(TR) + <u64>offset, 8), ext);
  return load<u32>(S_FAULT) == 0;
}

/** Aligns the stack to 16 bytes, as 64-bit interrupt delivery does. */
export function alignStack(): void {
  newSp &= ~15;
}

/** Takes over the pushes on the current stack. */
export function keepCurrentStack(): void {
  setStackPointer(newSp);
}

/** Makes the inner stack that openInnerStack found the current one. */
export function enterInnerStack(): void {
  setSegment(SS, innerSelector, newBase, newLimit, innerAttr);
  if (newBig) store<u64>(RSP, newSp);
  else store<u16>(RSP, <u16>newSp);
}

/** Makes a flat 64-bit stack the current one; SS becomes null with RPL `level` if the privilege changes. */
export function enterFlatStack(level: u32, privilegeChanges: bool): void {
  store<u64>(RSP, newSp);
  if (privilegeChanges) setNull(SS, level);
}
