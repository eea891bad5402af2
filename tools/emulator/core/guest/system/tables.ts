// Descriptor tables and the inspection of descriptors: SGDT … LTR, LAR, LSL, VERR, VERW, ARPL. Follows Intel SDM
// vol. 2 and vol. 3A, chapters 2 and 5.

import { S_CPL, S_FAULT, S_GDT_BASE, S_GDT_LIMIT, S_IDT_BASE, S_IDT_LIMIT } from "../../state";
import { systemRead, systemWrite } from "../memory/access";
import { canonicalBase } from "../memory/canonical";
import {
  ATTR_S,
  code64,
  descAddress,
  descAttr,
  descBase,
  descDpl,
  descHigh,
  descLimit,
  fetchDescriptor,
  LDTR,
  longMode,
  realStyle,
  Seg,
  setNull,
  setSegment,
  TR,
} from "../memory/segments";
import { failed, goAfter, maySeeSystemState, requireRing0 } from "../op/leave";
import {
  EA_REGISTER,
  Op,
  readLinear,
  readRm,
  undefinedOpcode,
  writeLinear,
  writeRegister,
  writeRm,
} from "../op/op";
import { GP, NP } from "../processor/fault";
import { eflags, STATUS, setStatusFlags } from "../processor/flags";
import { charge, SERIALIZING } from "../processor/latency";

/** SGDT (`sub` 0), SIDT (1). */
export function storeTable(op: Op): usize {
  if (!maySeeSystemState()) return op.fault();
  const wide = code64();
  const at = op.address(wide ? 10 : 6, true);
  const base = load<u64>(op.sub == 0 ? S_GDT_BASE : S_IDT_BASE);
  const limit = load<u32>(op.sub == 0 ? S_GDT_LIMIT : S_IDT_LIMIT);
  writeLinear(at, 2, <u64>limit);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  writeLinear(at + 2, wide ? 8 : 4, base);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  return op.done();
}

/** LGDT (`sub` 0), LIDT (1). */
export function loadTable(op: Op): usize {
  if (!requireRing0()) return op.fault();
  const wide = code64();
  const at = op.address(wide ? 10 : 6, false);
  const limit = <u32>readLinear(at, 2);
  let base = readLinear(at + 2, wide ? 8 : 4);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  if (!wide && op.size == 2) base &= 0xffffff;
  if (!canonicalBase(base)) return failed(op, GP, 0);
  store<u64>(op.sub == 0 ? S_GDT_BASE : S_IDT_BASE, base);
  store<u32>(op.sub == 0 ? S_GDT_LIMIT : S_IDT_LIMIT, limit);
  charge(SERIALIZING);
  return goAfter(op);
}

/** SLDT (`sub` 6), STR (7). */
export function storeSystemSelector(op: Op): usize {
  if (realStyle()) return undefinedOpcode(op);
  if (!maySeeSystemState()) return op.fault();
  const v = <u64>Seg.selector(<i32>op.sub);
  if (op.ea == EA_REGISTER) writeRegister(<usize>op.src, <i32>op.size, v);
  else writeRm(op, 2, v);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  return op.done();
}

export function lldt(op: Op): usize {
  if (realStyle()) return undefinedOpcode(op);
  if (!requireRing0()) return op.fault();
  const selector = <u32>readRm(op, 2);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const code = selector & 0xfffc;
  if (code == 0) {
    setNull(LDTR, selector);
    return goAfter(op);
  }
  if ((selector & 4) != 0 || !fetchDescriptor(selector)) return failed(op, GP, code);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  if ((descAttr() & 0x1f) != 2) return failed(op, GP, code);
  if ((descAttr() & 0x80) == 0) return failed(op, NP, code);
  return installSystem(op, LDTR, selector);
}

export function ltr(op: Op): usize {
  if (realStyle()) return undefinedOpcode(op);
  if (!requireRing0()) return op.fault();
  const selector = <u32>readRm(op, 2);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const code = selector & 0xfffc;
  if (code == 0) return failed(op, GP, 0);
  if ((selector & 4) != 0 || !fetchDescriptor(selector)) return failed(op, GP, code);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const type = descAttr() & 0x1f;
  if (type != 9 && (type != 1 || longMode())) return failed(op, GP, code);
  if ((descAttr() & 0x80) == 0) return failed(op, NP, code);
  return installSystem(op, TR, selector);
}

/** Installs the system descriptor last fetched, with the upper half of its base in long mode. */
function installSystem(op: Op, seg: i32, selector: u32): usize {
  let base = descBase();
  const limit = descLimit();
  let attr = descAttr();
  const at = descAddress;
  const high = descHigh;
  if (longMode()) {
    const upper = systemRead(at + 8, 8);
    if (load<u32>(S_FAULT) != 0) return op.fault();
    if (((upper >> 40) & 0x1f) != 0) return failed(op, GP, selector & 0xfffc);
    base |= upper << 32;
    if (!canonicalBase(base)) return failed(op, GP, selector & 0xfffc);
  }
  if (seg == TR) {
    attr |= 2;
    systemWrite(at + 4, 4, <u64>(high | 0x200));
    if (load<u32>(S_FAULT) != 0) return op.fault();
  }
  setSegment(seg, selector, base, limit, attr);
  return goAfter(op);
}

/** LAR (`sub` 0), LSL (1). */
export function larLsl(op: Op): usize {
  if (realStyle()) return undefinedOpcode(op);
  const selector = <u32>readRm(op, 2) & 0xffff;
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const ok = inspectable(selector, op.sub);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  if (ok)
    writeRegister(
      <usize>op.dst,
      <i32>op.size,
      <u64>(op.sub == 0 ? (descHigh & 0xf0ff00) | (descHigh & 0xf0000) : descLimit()),
    );
  const f = eflags() & STATUS & ~0x40;
  setStatusFlags(ok ? f | 0x40 : f);
  return op.next();
}

/** VERR (`sub` 2), VERW (3). */
export function verify(op: Op): usize {
  if (realStyle()) return undefinedOpcode(op);
  const selector = <u32>readRm(op, 2) & 0xffff;
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const ok = inspectable(selector, op.sub);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const f = eflags() & STATUS & ~0x40;
  setStatusFlags(ok ? f | 0x40 : f);
  return op.next();
}

export function arpl(op: Op): usize {
  if (realStyle()) return undefinedOpcode(op);
  const a = readRm(op, 2);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const b = <u64>load<u16>(<usize>op.dst);
  const less = (a & 3) < (b & 3);
  if (less) {
    writeRm(op, 2, (a & ~3) | (b & 3));
    if (load<u32>(S_FAULT) != 0) return op.fault();
  }
  const f = eflags() & STATUS & ~0x40;
  setStatusFlags(less ? f | 0x40 : f);
  return op.done();
}

/** LAR (`sub` 0), LSL (1), VERR (2), VERW (3): ZF tells whether the selector can be used. */
export function inspectable(selector: u32, kind: u8): bool {
  if ((selector & 0xfffc) == 0 || !fetchDescriptor(selector)) return false;
  if (load<u32>(S_FAULT) != 0) return false;
  const attr = descAttr();
  const type = attr & 0x1f;
  const code = (attr & 0x18) == 0x18;
  const conforming = (attr & 0x1c) == 0x1c;
  if (!conforming) {
    if (load<u32>(S_CPL) > descDpl() || (selector & 3) > descDpl()) return false;
  }
  if (kind >= 2) {
    if ((attr & ATTR_S) == 0) return false;
    if (kind == 3) return !code && (attr & 2) != 0;
    return !code || (attr & 2) != 0;
  }
  if ((attr & ATTR_S) != 0) return true;
  if (longMode()) {
    if (type == 2 || type == 9 || type == 11) return true;
    return kind == 0 && type == 12;
  }
  if (type == 1 || type == 2 || type == 3 || type == 9 || type == 11) return true;
  return kind == 0 && (type == 4 || type == 5 || type == 12);
}
