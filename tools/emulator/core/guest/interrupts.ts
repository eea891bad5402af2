// Delivery of interrupts and exceptions in real, protected, VM86 and long mode, and IRET.
// Follows Intel SDM vol. 3A, chapter 6 (6.12, 6.14, 6.15 double fault) and vol. 2, INT n and IRET.

import {
  FAULT_ERROR,
  FAULT_UNIMPLEMENTED,
  REGS,
  S_BUDGET,
  S_CPL,
  S_CR4,
  S_EFLAGS,
  S_FAULT,
  S_FAULT_CODE,
  S_IDT_BASE,
  S_IDT_LIMIT,
  S_KEY,
  S_NMI_BLOCKED,
  S_RIP,
  S_TRAP,
  SEG_ATTR,
  SEG_SELECTOR,
  SEG_VALID,
} from "../state";
import { drop, peek, setStackPointer, stackFault, stackMask } from "./data";
import {
  AC,
  eflags,
  ID,
  IF,
  IOPL,
  NT,
  RF,
  STATUS,
  setStatusFlags,
  TF,
  VIF,
  VIP,
  VM,
} from "./flags";
import { reportDebug, STEP_DONE } from "./hardware_breakpoints";
import { canonical, Mem, raiseCode, systemRead } from "./memory";
import { faultAt, leaveTo, Op, writeLinear } from "./op";
import {
  ATTR_DB,
  ATTR_L,
  ATTR_P,
  ATTR_S,
  CS,
  code64,
  DS,
  descAttr,
  descBase,
  descDpl,
  descLimit,
  ES,
  FS,
  fetchDescriptor,
  GP,
  GS,
  installDescriptor,
  longMode,
  markAccessed,
  NP,
  protectedMode,
  Seg,
  SS,
  SSF,
  setCpl,
  setNull,
  setSegment,
  TR,
  TS,
  updateMode,
  vm86,
} from "./segments";
import { switchTask, TASK_INT, TASK_IRET } from "./task";
import { traceInterrupt } from "./tracing";

const RSP: usize = REGS + 32;

/** Kinds of events, as the IDT sees them. */
export const HARDWARE: i32 = 0;
export const EXTERNAL: i32 = 1;
export const SOFTWARE: i32 = 2;

/** EXT bit of error codes raised while an event is delivered. */
let ext: u32 = 0;

/** Writes all of EFLAGS that `mask` selects, then updates the mode. */
export function writeFlags(value: u32, mask: u32): void {
  const old = eflags();
  const f = (old & ~mask) | (value & mask);
  setStatusFlags(f);
  store<u32>(S_EFLAGS, f & ~STATUS & 0x3fff00);
  if (((old ^ f) & (TF | RF | AC | VM)) != 0) updateMode();
}

// ---- A stack that is written before it becomes current

let newSp: u64 = 0;
let newMask: u64 = 0;
let newBase: u64 = 0;
let newLimit: u32 = 0;
let newExpandDown: bool = false;
let newBig: bool = false;
let stackError: u32 = 0;

/** Pushes on the stack that `newSp` and its kin describe; the CPL has been set for it. */
function pushNew(v: u64, size: i32): void {
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

function useCurrentStack(): void {
  newMask = stackMask();
  newSp = load<u64>(RSP) & newMask;
  newBase = Seg.base(SS);
  newLimit = Seg.limit(SS);
  newExpandDown = (Seg.attr(SS) & 0xc) == 4;
  newBig = (Seg.attr(SS) & ATTR_DB) != 0;
  stackError = ext;
}

// ---- Delivery

/**
 * Delivers one event with return address S_RIP. Returns false with another fault pending; state is
 * then unchanged (except for stack memory).
 */
function deliver(vector: u32, kind: i32, hasCode: bool, code: u32): bool {
  ext = kind == SOFTWARE ? 0 : 1;
  traceInterrupt(vector, kind, code);
  if (!protectedMode()) return deliverReal(vector);
  if (longMode()) return deliverLong(vector, kind, hasCode, code);
  return deliverProtected(vector, kind, hasCode, code);
}

function pushedFlags(vector: u32, kind: i32): u32 {
  // Faults push RF so that an instruction breakpoint does not hit again.
  const f = eflags();
  return kind == HARDWARE && vector != 1 && vector != 3 && vector != 4 && vector != 18 ? f | RF : f;
}

function deliverReal(vector: u32): bool {
  if (vector * 4 + 3 > load<u32>(S_IDT_LIMIT)) {
    raiseCode(GP, 0);
    return false;
  }
  const entry = <u32>systemRead(load<u64>(S_IDT_BASE) + <u64>(vector * 4), 4);
  if (load<u32>(S_FAULT) != 0) return false;
  useCurrentStack();
  pushNew(<u64>(eflags() & 0xffff), 2);
  pushNew(<u64>Seg.selector(CS), 2);
  pushNew(load<u64>(S_RIP), 2);
  if (load<u32>(S_FAULT) != 0) return false;
  setStackPointer(newSp);
  store<u32>(S_EFLAGS, load<u32>(S_EFLAGS) & ~(IF | TF | AC | RF));
  setSegment(CS, entry >> 16, <u64>((entry >> 16) << 4), Seg.limit(CS), Seg.attr(CS));
  store<u64>(S_RIP, <u64>(entry & 0xffff));
  updateMode();
  return true;
}

/** Checks the handler's code segment (its descriptor has been fetched); returns the new CPL or -1. */
function handlerPrivilege(selector: u32): i32 {
  const cpl = load<u32>(S_CPL);
  const error = (selector & 0xfffc) | ext;
  const attr = descAttr();
  if ((attr & (ATTR_S | 8)) != (ATTR_S | 8) || descDpl() > cpl) {
    raiseCode(GP, error);
    return -1;
  }
  if (longMode() && (attr & (ATTR_L | ATTR_DB)) != ATTR_L) {
    raiseCode(GP, error);
    return -1;
  }
  if ((attr & ATTR_P) == 0) {
    raiseCode(NP, error);
    return -1;
  }
  return (attr & 4) != 0 ? <i32>cpl : <i32>descDpl();
}

function deliverLong(vector: u32, kind: i32, hasCode: bool, code: u32): bool {
  const gateCode = vector * 8 + 2 + ext;
  if (vector * 16 + 15 > load<u32>(S_IDT_LIMIT)) {
    raiseCode(GP, gateCode);
    return false;
  }
  const at = load<u64>(S_IDT_BASE) + <u64>(vector * 16);
  const low = systemRead(at, 8);
  const high = systemRead(at + 8, 8);
  if (load<u32>(S_FAULT) != 0) return false;
  const access = <u32>(low >> 40);
  const type = access & 0x1f;
  const cpl = load<u32>(S_CPL);
  if ((type != 14 && type != 15) || (kind == SOFTWARE && ((access >> 5) & 3) < cpl)) {
    raiseCode(GP, gateCode);
    return false;
  }
  if ((access & 0x80) == 0) {
    raiseCode(NP, gateCode);
    return false;
  }
  const selector = <u32>(low >> 16) & 0xffff;
  if ((selector & 0xfffc) == 0) {
    raiseCode(GP, ext);
    return false;
  }
  if (!fetchDescriptor(selector)) {
    raiseCode(GP, (selector & 0xfffc) | ext);
    return false;
  }
  if (load<u32>(S_FAULT) != 0) return false;
  const level = handlerPrivilege(selector);
  if (level < 0) return false;
  const target = (low & 0xffff) | ((low >> 32) & 0xffff0000) | (high << 32);
  const ist = <u32>(low >> 32) & 7;
  newMask = 0xffffffffffffffff;
  stackError = ext;
  if (ist != 0 || level != <i32>cpl) {
    const offset: u32 = ist != 0 ? 0x1c + ist * 8 : 4 + <u32>level * 8;
    if (offset + 7 > Seg.limit(TR)) {
      raiseCode(TS, (Seg.selector(TR) & 0xfffc) | ext);
      return false;
    }
    newSp = systemRead(Seg.base(TR) + <u64>offset, 8);
    if (load<u32>(S_FAULT) != 0) return false;
  } else newSp = load<u64>(RSP);
  if (!canonical(target)) {
    raiseCode(GP, ext);
    return false;
  }
  newSp &= ~15;
  const selectorSs = Seg.selector(SS);
  const rsp = (load<u32>(S_KEY) & 3) == 2 ? load<u64>(RSP) : <u64>load<u32>(RSP);
  setCpl(<u32>level);
  pushNew(<u64>selectorSs, 8);
  pushNew(rsp, 8);
  pushNew(<u64>pushedFlags(vector, kind), 8);
  pushNew(<u64>Seg.selector(CS), 8);
  pushNew(load<u64>(S_RIP), 8);
  if (hasCode) pushNew(<u64>code, 8);
  if (load<u32>(S_FAULT) != 0) {
    setCpl(cpl);
    return false;
  }
  markAccessed();
  store<u64>(RSP, newSp);
  if (level != <i32>cpl) setNull(SS, <u32>level);
  installDescriptor(CS, (selector & 0xfffc) | <u32>level);
  store<u64>(S_RIP, target);
  finishFlags(type);
  return true;
}

function finishFlags(type: u32): void {
  let f = load<u32>(S_EFLAGS) & ~(TF | NT | RF | VM);
  if ((type & 1) == 0) f &= ~IF;
  store<u32>(S_EFLAGS, f);
  updateMode();
}

function deliverProtected(vector: u32, kind: i32, hasCode: bool, code: u32): bool {
  const gateCode = vector * 8 + 2 + ext;
  if (vector * 8 + 7 > load<u32>(S_IDT_LIMIT)) {
    raiseCode(GP, gateCode);
    return false;
  }
  const gate = systemRead(load<u64>(S_IDT_BASE) + <u64>(vector * 8), 8);
  if (load<u32>(S_FAULT) != 0) return false;
  const access = <u32>(gate >> 40);
  const type = access & 0x1f;
  const cpl = load<u32>(S_CPL);
  const known = type == 5 || type == 6 || type == 7 || type == 14 || type == 15;
  if (!known || (kind == SOFTWARE && ((access >> 5) & 3) < cpl)) {
    raiseCode(GP, gateCode);
    return false;
  }
  if ((access & 0x80) == 0) {
    raiseCode(NP, gateCode);
    return false;
  }
  const selector = <u32>(gate >> 16) & 0xffff;
  if (type == 5) return switchTask(selector, TASK_INT, hasCode, code, ext);
  if ((selector & 0xfffc) == 0) {
    raiseCode(GP, ext);
    return false;
  }
  if (!fetchDescriptor(selector)) {
    raiseCode(GP, (selector & 0xfffc) | ext);
    return false;
  }
  if (load<u32>(S_FAULT) != 0) return false;
  const level = handlerPrivilege(selector);
  if (level < 0) return false;
  const fromVm = vm86();
  if (fromVm && level != 0) {
    raiseCode(GP, (selector & 0xfffc) | ext);
    return false;
  }
  const size: i32 = type >= 14 ? 4 : 2;
  const csBase = descBase();
  const csLimit = descLimit();
  const csAttr = descAttr() | 1;
  const target = <u64>(<u32>gate & 0xffff) | (size == 4 ? (gate >> 32) & 0xffff0000 : 0);
  const flags = pushedFlags(vector, kind);
  const oldSs = Seg.selector(SS);
  const oldSp = load<u64>(RSP);
  if (target > <u64>csLimit) {
    raiseCode(GP, ext);
    return false;
  }
  markAccessed();
  if (level == <i32>cpl && !fromVm) {
    useCurrentStack();
    pushFrame(flags, size, hasCode, code);
    if (load<u32>(S_FAULT) != 0) return false;
    setStackPointer(newSp);
  } else {
    if (!loadInnerStack(<u32>level, ext)) return false;
    const ssSelector = innerSelector;
    const ssBase = newBase;
    const ssLimit = newLimit;
    const ssAttr = innerAttr;
    setCpl(<u32>level);
    if (fromVm) {
      pushNew(<u64>Seg.selector(GS), size);
      pushNew(<u64>Seg.selector(FS), size);
      pushNew(<u64>Seg.selector(DS), size);
      pushNew(<u64>Seg.selector(ES), size);
    }
    pushNew(<u64>oldSs, size);
    pushNew(oldSp & 0xffffffff, size);
    pushFrame(flags, size, hasCode, code);
    if (load<u32>(S_FAULT) != 0) {
      setCpl(cpl);
      return false;
    }
    if (fromVm) {
      setNull(GS, 0);
      setNull(FS, 0);
      setNull(DS, 0);
      setNull(ES, 0);
    }
    setSegment(SS, ssSelector, ssBase, ssLimit, ssAttr);
    if (newBig) store<u64>(RSP, newSp);
    else store<u16>(RSP, <u16>newSp);
  }
  setSegment(CS, (selector & 0xfffc) | <u32>level, csBase, csLimit, csAttr);
  store<u64>(S_RIP, target);
  finishFlags(type);
  return true;
}

function pushFrame(flags: u32, size: i32, hasCode: bool, code: u32): void {
  pushNew(<u64>flags, size);
  pushNew(<u64>Seg.selector(CS), size);
  pushNew(load<u64>(S_RIP), size);
  if (hasCode) pushNew(<u64>code, size);
}

export let innerSelector: u32 = 0;
export let innerAttr: u32 = 0;

/** Finds SS:ESP of privilege `level` in the TSS, checks it, and makes it the stack that pushNew writes. */
export function loadInnerStack(level: u32, extBit: u32): bool {
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

/** For call gates: the stack found by loadInnerStack. */
export function pushInner(v: u64, size: i32): void {
  pushNew(v, size);
}
export function innerBase(): u64 {
  return newBase;
}
export function innerLimit(): u32 {
  return newLimit;
}
export function innerSp(): u64 {
  return newSp;
}
export function innerBig(): bool {
  return newBig;
}
/** Long-mode call gates push on a flat stack at `sp`. */
export function useFlatStack(sp: u64): void {
  newMask = 0xffffffffffffffff;
  newSp = sp;
  stackError = 0;
}

function contributory(vector: u32): bool {
  return vector == 0 || (vector >= 10 && vector <= 13);
}

/** Set when a third fault ended the CPU. */
export let tripleFault: bool = false;
export function clearTripleFault(): void {
  tripleFault = false;
}

/** Delivers with escalation to double and triple fault. */
export function deliverWithEscalation(vector: u32, kind: i32, hasCode: bool, code: u32): void {
  let v = vector;
  // A delivery takes time like an instruction, so that a storm of faults reaches the end of its slice.
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) - 1);
  for (;;) {
    store<u32>(S_FAULT, 0);
    if (deliver(v, kind, hasCode, code)) return;
    const second = load<u32>(S_FAULT);
    if ((second & FAULT_UNIMPLEMENTED) != 0) return;
    const w = second & 0xff;
    const benign = kind != HARDWARE;
    if (!benign && v == 8) {
      store<u32>(S_FAULT, 0);
      tripleFault = true;
      return;
    }
    if (
      !benign &&
      ((contributory(v) && contributory(w)) || (v == 14 && (contributory(w) || w == 14)))
    ) {
      v = 8;
      hasCode = true;
      code = 0;
    } else {
      v = w;
      hasCode = (second & FAULT_ERROR) != 0;
      code = load<u32>(S_FAULT_CODE);
    }
    kind = HARDWARE;
  }
}

/** Delivers the pending fault of the instruction at S_RIP. */
export function deliverFault(): void {
  const fault = load<u32>(S_FAULT);
  deliverWithEscalation(
    fault & 0xff,
    HARDWARE,
    (fault & FAULT_ERROR) != 0,
    load<u32>(S_FAULT_CODE),
  );
}

// ---- INT n, INT3, INTO, INT1

/** INT: vector in `imm`; `sub` 0 INT n, 1 INT3 or INTO or INT1 (no IOPL check in VM86). */
export function softwareInterrupt(op: Op): usize {
  const vector = <u32>op.imm;
  if (vm86() && op.sub == 0 && (load<u32>(S_EFLAGS) & IOPL) != IOPL) {
    if ((load<u32>(S_CR4) & 1) == 0) {
      raiseCode(GP, 0);
      return op.fault();
    }
    const map = systemRead(Seg.base(TR) + 0x66, 2);
    const redirect = systemRead(Seg.base(TR) + map - 32 + <u64>(vector >> 3), 1);
    if (load<u32>(S_FAULT) != 0) return op.fault();
    if ((redirect >> <u64>(vector & 7)) & 1) {
      raiseCode(GP, 0);
      return op.fault();
    }
  }
  const next = op.nextRip();
  const here = op.rip();
  // INT1 is a debug exception itself, and reports what MOV SS held back.
  if (vector == 1 && op.sub == 1) {
    reportDebug(load<u32>(S_TRAP) & 15);
    store<u32>(S_TRAP, 0);
  }
  // The handler is entered with TF clear: no single-step trap for the INT itself.
  if ((load<u32>(S_EFLAGS) & TF) != 0) store<u32>(S_TRAP, load<u32>(S_TRAP) | STEP_DONE);
  store<u64>(S_RIP, next);
  // INT1 is an event of hardware kind: no DPL check.
  if (!deliver(vector, vector == 1 && op.sub == 1 ? HARDWARE : SOFTWARE, false, 0)) {
    store<u64>(S_RIP, here);
    return faultAt(op);
  }
  return leaveTo(op, load<u64>(S_RIP));
}

// ---- IRET

function returnFlagsMask(cpl: u32, iopl: u32, size: i32): u32 {
  let mask: u32 = STATUS | TF | 0x400 | NT | RF | AC | ID;
  if (cpl <= iopl) mask |= IF;
  if (cpl == 0) mask |= IOPL | VIF | VIP;
  return size == 2 ? mask & 0xffff : mask;
}

export function iret(op: Op): usize {
  const size = <i32>op.size;
  store<u32>(S_NMI_BLOCKED, 0);
  if (!protectedMode()) return iretReal(op, size, 0x3000 | IF);
  if (vm86()) {
    if ((load<u32>(S_EFLAGS) & IOPL) != IOPL) {
      raiseCode(GP, 0);
      return op.fault();
    }
    return iretReal(op, size, IF);
  }
  if ((load<u32>(S_EFLAGS) & NT) != 0) {
    if (longMode()) {
      raiseCode(GP, 0);
      return op.fault();
    }
    const link = <u32>systemRead(Seg.base(TR), 2);
    store<u64>(S_RIP, op.nextRip());
    if (load<u32>(S_FAULT) != 0 || !switchTask(link, TASK_IRET, false, 0, 0)) return op.fault();
    return leaveTo(op, load<u64>(S_RIP));
  }
  const rip = peek(0, size);
  const cs = <u32>peek(size, size) & 0xffff;
  const flags = <u32>peek(size * 2, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  const cpl = load<u32>(S_CPL);
  if (!longMode() && size == 4 && (flags & VM) != 0 && cpl == 0)
    return iretToVm86(op, rip, cs, flags);
  const rpl = cs & 3;
  const code = cs & 0xfffc;
  if (code == 0) return failed(op, GP, 0);
  if (!fetchDescriptor(cs)) return failed(op, GP, code);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const attr = descAttr();
  if ((attr & (ATTR_S | 8)) != (ATTR_S | 8) || rpl < cpl) return failed(op, GP, code);
  if ((attr & 4) != 0 ? descDpl() > rpl : descDpl() != rpl) return failed(op, GP, code);
  if ((attr & ATTR_P) == 0) return failed(op, NP, code);
  const to64 = longMode() && (attr & ATTR_L) != 0;
  if (to64 && (attr & ATTR_DB) != 0) return failed(op, GP, code);
  if (to64 ? !canonical(rip) : rip > <u64>descLimit()) return failed(op, GP, 0);
  const csBase = descBase();
  const csLimit = descLimit();
  const mask = returnFlagsMask(cpl, (load<u32>(S_EFLAGS) >> 12) & 3, size);
  markAccessed();
  const csAttr = descAttr();
  const fullFrame = code64();
  if (rpl == cpl && !fullFrame) {
    drop(size * 3);
    setSegment(CS, cs, csBase, csLimit, csAttr);
    writeFlags(flags, mask);
    updateMode();
    return leaveTo(op, rip);
  }
  const sp = peek(size * 3, size);
  const ss = <u32>peek(size * 4, size) & 0xffff;
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  if ((ss & 0xfffc) == 0) {
    if (!to64 || rpl == 3 || (ss & 3) != rpl) return failed(op, GP, 0);
    setNull(SS, ss);
  } else {
    const ssCode = ss & 0xfffc;
    if (!fetchDescriptor(ss)) return failed(op, GP, ssCode);
    if (load<u32>(S_FAULT) != 0) return op.fault();
    const a = descAttr();
    if ((ss & 3) != rpl || (a & 0x1a) != 0x12 || descDpl() != rpl) return failed(op, GP, ssCode);
    if ((a & ATTR_P) == 0) return failed(op, SSF, ssCode);
    markAccessed();
    installDescriptor(SS, ss);
  }
  setSegment(CS, cs, csBase, csLimit, csAttr);
  store<u32>(S_CPL, rpl);
  writeFlags(flags, mask);
  updateMode();
  if (to64) store<u64>(RSP, sp);
  else if ((Seg.attr(SS) & ATTR_DB) != 0) store<u64>(RSP, sp & 0xffffffff);
  else store<u16>(RSP, <u16>sp);
  if (rpl > cpl) dropInnerSegments(rpl);
  return leaveTo(op, rip);
}

export function failed(op: Op, vector: u32, code: u32): usize {
  raiseCode(vector, code);
  return op.fault();
}

/**
 * After a return to less privilege: data segments that are more privileged become null. Only the selector
 * and the rights go; a base stays, as 64-bit code goes on using those of FS and GS.
 */
export function dropInnerSegments(cpl: u32): void {
  for (let seg = 0; seg < 6; seg++) {
    if (seg == CS || seg == SS) continue;
    const s = Seg.at(seg);
    const a = load<u32>(s, SEG_ATTR);
    const conforming = (a & 0xc) == 0xc;
    const usable = load<u32>(s, SEG_VALID) != 0;
    if (usable && ((a & ATTR_S) == 0 || conforming || ((a >> 5) & 3) >= cpl)) continue;
    store<u32>(s, 0, SEG_SELECTOR);
    store<u32>(s, 0, SEG_VALID);
  }
  updateMode();
}

function iretReal(op: Op, size: i32, extra: u32): usize {
  const ip = peek(0, size);
  const cs = <u32>peek(size, size) & 0xffff;
  const flags = <u32>peek(size * 2, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  if (ip > 0xffff && vm86()) return failed(op, GP, 0);
  drop(size * 3);
  setSegment(CS, cs, <u64>(cs << 4), vm86() ? 0xffff : Seg.limit(CS), Seg.attr(CS));
  let mask: u32 = STATUS | TF | 0x400 | NT | RF | AC | ID | extra;
  if (size == 2) mask &= 0xffff;
  writeFlags(flags, mask);
  updateMode();
  return leaveTo(op, ip);
}

function iretToVm86(op: Op, ip: u64, cs: u32, flags: u32): usize {
  const sp = peek(12, 4);
  const ss = <u32>peek(16, 4) & 0xffff;
  const es = <u32>peek(20, 4) & 0xffff;
  const ds = <u32>peek(24, 4) & 0xffff;
  const fs = <u32>peek(28, 4) & 0xffff;
  const gs = <u32>peek(32, 4) & 0xffff;
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  if (ip > 0xffff) return failed(op, GP, 0);
  store<u32>(S_CPL, 3);
  writeFlags(flags, 0x3f7fd5);
  setVm86Segment(CS, cs);
  setVm86Segment(SS, ss);
  setVm86Segment(ES, es);
  setVm86Segment(DS, ds);
  setVm86Segment(FS, fs);
  setVm86Segment(GS, gs);
  store<u64>(RSP, sp);
  updateMode();
  return leaveTo(op, ip & 0xffff);
}

export function setVm86Segment(seg: i32, selector: u32): void {
  setSegment(seg, selector, <u64>(selector << 4), 0xffff, 0xf3);
}
