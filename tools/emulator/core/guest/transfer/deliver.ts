// Delivery of interrupts and exceptions in real, protected, VM86 and long mode. Follows Intel SDM vol. 3A,
// chapter 6 (6.12, 6.14, 6.15 double fault).

import { KIND_EXTERNAL, KIND_HARDWARE, KIND_SOFTWARE } from "../../protocol";
import {
  FAULT_ERROR,
  FAULT_UNIMPLEMENTED,
  RSP,
  S_CPL,
  S_EFLAGS,
  S_FAULT,
  S_FAULT_CODE,
  S_IDT_BASE,
  S_IDT_LIMIT,
  S_KEY,
  S_REPEAT,
  S_RIP,
} from "../../state";
import { clearNonCanonical, systemRead } from "../memory/access";
import { canonical } from "../memory/canonical";
import {
  ATTR_DB,
  ATTR_L,
  ATTR_P,
  ATTR_S,
  CS,
  DS,
  descAttr,
  descBase,
  descDpl,
  descLimit,
  ES,
  FS,
  fetchDescriptor,
  GS,
  installDescriptor,
  longMode,
  markAccessed,
  protectedMode,
  Seg,
  SS,
  setCpl,
  setNull,
  setSegment,
  updateMode,
  vm86,
} from "../memory/segments";
import { GP, NP, raiseCode } from "../processor/fault";
import { AC, eflags, IF, NT, RF, TF, VM } from "../processor/flags";
import { spend } from "../processor/latency";
import { traceInterrupt } from "../processor/tracing";
import {
  alignStack,
  enterFlatStack,
  enterInnerStack,
  keepCurrentStack,
  openCurrentStack,
  openFlatStack,
  openInnerStack,
  openStackOfTss64,
  pushNew,
} from "./inner_stack";
import { switchTask, TASK_INT } from "./task";

/** EXT bit of error codes raised while an event is delivered. */
let ext: u32 = 0;

/**
 * Delivers one event with return address S_RIP. Returns false with another fault pending; state is
 * then unchanged (except for stack memory).
 */
export function deliver(vector: u32, kind: i32, hasCode: bool, code: u32): bool {
  ext = kind == KIND_SOFTWARE ? 0 : 1;
  traceInterrupt(vector, kind, code);
  if (!protectedMode()) return deliverReal(vector);
  if (longMode()) return deliverLong(vector, kind, hasCode, code);
  return deliverProtected(vector, kind, hasCode, code);
}

/**
 * EFLAGS as they are pushed. RF is set by faults and by interrupts between iterations of a string instruction, so
 * that an instruction breakpoint does not hit again (SDM vol. 3B, 18.3.1.1). A debug trap between iterations
 * leaves it clear, whatever that section says: the recorded vectors of a real CPU have it so.
 */
function pushedFlags(vector: u32, kind: i32): u32 {
  const f = eflags();
  if (kind == KIND_SOFTWARE) return f;
  if (kind == KIND_EXTERNAL) return load<u32>(S_REPEAT) != 0 ? f | RF : f;
  return isFault(vector) ? f | RF : f;
}

/** Neither trap nor abort; a debug exception is a fault when it comes from an instruction that failed. */
function isFault(vector: u32): bool {
  if (vector == 1) return debugFault;
  return vector != 3 && vector != 4 && vector != 8 && vector != 18;
}

/** The debug exception in delivery is a fault that is no instruction breakpoint: general detect. */
let debugFault: bool = false;

function deliverReal(vector: u32): bool {
  if (vector * 4 + 3 > load<u32>(S_IDT_LIMIT)) {
    raiseCode(GP, 0);
    return false;
  }
  const entry = <u32>systemRead(load<u64>(S_IDT_BASE) + <u64>(vector * 4), 4);
  if (load<u32>(S_FAULT) != 0) return false;
  openCurrentStack(ext);
  pushNew(<u64>(eflags() & 0xffff), 2);
  pushNew(<u64>Seg.selector(CS), 2);
  pushNew(load<u64>(S_RIP), 2);
  if (load<u32>(S_FAULT) != 0) return false;
  keepCurrentStack();
  store<u32>(S_EFLAGS, load<u32>(S_EFLAGS) & ~(IF | TF | AC | RF));
  setSegment(CS, entry >> 16, <u64>((entry >> 16) << 4), Seg.limit(CS), Seg.attr(CS));
  store<u64>(S_RIP, <u64>(entry & 0xffff));
  updateMode();
  return true;
}

/** Fetches and checks the handler's code segment; returns the new CPL or -1. */
function handlerPrivilege(selector: u32): i32 {
  const cpl = load<u32>(S_CPL);
  const error = (selector & 0xfffc) | ext;
  if ((selector & 0xfffc) == 0) {
    raiseCode(GP, ext);
    return -1;
  }
  if (!fetchDescriptor(selector)) {
    raiseCode(GP, error);
    return -1;
  }
  if (load<u32>(S_FAULT) != 0) return -1;
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
  if ((type != 14 && type != 15) || (kind == KIND_SOFTWARE && ((access >> 5) & 3) < cpl)) {
    raiseCode(GP, gateCode);
    return false;
  }
  if ((access & 0x80) == 0) {
    raiseCode(NP, gateCode);
    return false;
  }
  const selector = <u32>(low >> 16) & 0xffff;
  const level = handlerPrivilege(selector);
  if (level < 0) return false;
  const target = (low & 0xffff) | ((low >> 32) & 0xffff0000) | (high << 32);
  const ist = <u32>(low >> 32) & 7;
  if (ist != 0 || level != <i32>cpl) {
    if (!openStackOfTss64(ist != 0 ? 0x1c + ist * 8 : 4 + <u32>level * 8, ext)) return false;
  } else openFlatStack(load<u64>(RSP), ext);
  if (!canonical(target)) {
    raiseCode(GP, ext);
    return false;
  }
  alignStack();
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
  enterFlatStack(<u32>level, level != <i32>cpl);
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
  if (!known || (kind == KIND_SOFTWARE && ((access >> 5) & 3) < cpl)) {
    raiseCode(GP, gateCode);
    return false;
  }
  if ((access & 0x80) == 0) {
    raiseCode(NP, gateCode);
    return false;
  }
  const selector = <u32>(gate >> 16) & 0xffff;
  if (type == 5)
    return switchTask(selector, TASK_INT, pushedFlags(vector, kind), hasCode, code, ext);
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
    openCurrentStack(ext);
    pushFrame(flags, size, hasCode, code);
    if (load<u32>(S_FAULT) != 0) return false;
    keepCurrentStack();
  } else {
    if (!openInnerStack(<u32>level, ext)) return false;
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
    enterInnerStack();
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
  // A delivery takes time, so that a storm of faults reaches the end of its slice.
  spend(1);
  for (;;) {
    store<u32>(S_FAULT, 0);
    clearNonCanonical();
    if (deliver(v, kind, hasCode, code)) {
      store<u32>(S_REPEAT, 0);
      return;
    }
    const second = load<u32>(S_FAULT);
    if ((second & FAULT_UNIMPLEMENTED) != 0) return;
    const w = second & 0xff;
    const benign = kind != KIND_HARDWARE;
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
    kind = KIND_HARDWARE;
  }
}

/** Delivers the pending fault of the instruction at S_RIP. */
export function deliverFault(): void {
  const fault = load<u32>(S_FAULT);
  const vector = fault & 0xff;
  debugFault = vector == 1;
  deliverWithEscalation(vector, KIND_HARDWARE, (fault & FAULT_ERROR) != 0, load<u32>(S_FAULT_CODE));
  debugFault = false;
}
