// Hardware task switches (legacy protected mode). Follows Intel SDM vol. 3A, chapter 7.

import {
  REGS,
  S_CPL,
  S_CR0,
  S_CR3,
  S_CR4,
  S_EFLAGS,
  S_FAULT,
  S_GDT_BASE,
  S_RIP,
  S_TRAP,
} from "../../state";
import { push } from "../integer/stack";
import { systemRead, systemWrite } from "../memory/access";
import {
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
  LDTR,
  markAccessed,
  Seg,
  SS,
  setNull,
  setSegment,
  setVm86Segment,
  TR,
  updateMode,
} from "../memory/segments";
import { flushTlb } from "../memory/tlb";
import { loadPdptes } from "../memory/walk";
import { GP, NP, raiseCode, SSF, TS } from "../processor/fault";
import { NT, STATUS, setStatusFlags, VM } from "../processor/flags";
import { STEP_DONE, TASK_SWITCH } from "../processor/hardware_breakpoints";
import { checkVirtualInterrupt } from "../system/flag_writes";

export const TASK_JMP: i32 = 0;
export const TASK_CALL: i32 = 1;
export const TASK_IRET: i32 = 2;
export const TASK_INT: i32 = 3;

/**
 * Switches to the task of TSS `selector`; S_RIP is the return address of the old task, `saved` are
 * its flags.
 * Returns false with a fault pending; faults after the point of commitment belong to the new task.
 */
export function switchTask(
  selector: u32,
  reason: i32,
  saved: u32,
  hasCode: bool,
  code: u32,
  ext: u32,
): bool {
  const error = (selector & 0xfffc) | ext;
  const bad: u32 = reason == TASK_IRET ? TS : GP;
  if ((selector & 4) != 0 || !fetchDescriptor(selector)) {
    raiseCode(bad, error);
    return false;
  }
  if (load<u32>(S_FAULT) != 0) return false;
  const attr = descAttr();
  const type = attr & 0x1f;
  const wanted = reason == TASK_IRET ? type == 3 || type == 11 : type == 1 || type == 9;
  if (!wanted) {
    raiseCode(bad, error);
    return false;
  }
  if ((attr & ATTR_P) == 0) {
    raiseCode(NP, error);
    return false;
  }
  const big = (type & 8) != 0;
  const base = descBase();
  const limit = descLimit();
  const least: u32 = big ? 0x67 : 0x2b;
  if (least > limit) {
    raiseCode(TS, error);
    return false;
  }
  const oldBig = (Seg.attr(TR) & 8) != 0;
  const oldBase = Seg.base(TR);
  const oldSelector = Seg.selector(TR);

  // Read the new task's state before anything changes.
  const n = big ? 4 : 2;
  const first: u64 = big ? 0x20 : 0x0e;
  const newCr3 = big ? systemRead(base + 0x1c, 4) : 0;
  const eip = systemRead(base + first, n);
  let flags = <u32>systemRead(base + first + <u64>n, n);
  const registers = base + first + <u64>(n * 2);
  const segments = base + (big ? 0x48 : 0x22);
  const ldt = <u32>systemRead(base + (big ? 0x60 : 0x2a), 2);
  const trap = big ? <u32>systemRead(base + 0x64, 2) & 1 : 0;
  for (let i = 0; i < 8; i++) systemRead(registers + <u64>(i * n), n);
  systemRead(segments + <u64>((big ? 4 : 2) * 5), 2);
  if (load<u32>(S_FAULT) != 0) return false;

  // Save the old task.
  const on = oldBig ? 4 : 2;
  const oldFirst = oldBase + (oldBig ? 0x20 : 0x0e);
  systemWrite(oldFirst, on, load<u64>(S_RIP));
  systemWrite(oldFirst + <u64>on, on, <u64>saved);
  for (let i = 0; i < 8; i++)
    systemWrite(oldFirst + <u64>((2 + i) * on), on, load<u64>(REGS + (i << 3)));
  const oldSegments = oldBase + (oldBig ? 0x48 : 0x22);
  const count = oldBig ? 6 : 4;
  for (let i = 0; i < count; i++)
    systemWrite(oldSegments + <u64>(i * (oldBig ? 4 : 2)), 2, <u64>Seg.selector(i));
  if (load<u32>(S_FAULT) != 0) return false;
  if (reason == TASK_JMP || reason == TASK_IRET) setBusy(oldSelector, false);
  if (reason == TASK_CALL || reason == TASK_INT) {
    systemWrite(base, 2, <u64>oldSelector);
    flags |= NT;
  }
  if (reason != TASK_IRET) setBusy(selector, true);
  if (load<u32>(S_FAULT) != 0) return false;

  // Commit.
  setSegment(TR, selector & 0xffff, base, limit, (attr & ~0x1f) | (big ? 11 : 3));
  store<u64>(S_CR0, load<u64>(S_CR0) | 8);
  if (big && (load<u32>(S_CR0) & 0x80000000) != 0) {
    store<u64>(S_CR3, newCr3);
    if ((load<u32>(S_CR4) & 0x20) != 0) loadPdptes(newCr3);
    flushTlb();
  }
  store<u64>(S_RIP, big ? eip : eip & 0xffff);
  setStatusFlags(flags);
  store<u32>(S_EFLAGS, flags & ~STATUS & 0x3f7f00);
  for (let i = 0; i < 8; i++) {
    const v = systemRead(registers + <u64>(i * n), n);
    if (big) store<u64>(REGS + (i << 3), v);
    else store<u64>(REGS + (i << 3), (load<u64>(REGS + (i << 3)) & 0xffff0000) | v);
  }
  const step: i32 = big ? 4 : 2;
  const es = <u32>systemRead(segments, 2);
  const cs = <u32>systemRead(segments + <u64>step, 2);
  const ss = <u32>systemRead(segments + <u64>(step * 2), 2);
  const ds = <u32>systemRead(segments + <u64>(step * 3), 2);
  const fs = big ? <u32>systemRead(segments + 16, 2) : 0;
  const gs = big ? <u32>systemRead(segments + 20, 2) : 0;
  // Selectors are in place even if a descriptor turns out to be bad.
  setNull(ES, es);
  setNull(DS, ds);
  setNull(FS, fs);
  setNull(GS, gs);
  setNull(SS, ss);
  setNull(LDTR, ldt);
  if ((flags & VM) != 0) {
    store<u32>(S_CPL, 3);
    setVm86Segment(CS, cs);
    setVm86Segment(SS, ss);
    setVm86Segment(ES, es);
    setVm86Segment(DS, ds);
    setVm86Segment(FS, fs);
    setVm86Segment(GS, gs);
    updateMode();
    checkVirtualInterrupt();
    noteTrap(reason, trap);
    return load<u32>(S_FAULT) == 0;
  }
  store<u32>(S_CPL, cs & 3);
  if ((ldt & 0xfffc) != 0) {
    if ((ldt & 4) != 0 || !fetchDescriptor(ldt) || (descAttr() & 0x9f) != 0x82)
      return late(TS, ldt, ext);
    installDescriptor(LDTR, ldt);
  }
  if (!loadTaskCode(cs, ext)) return false;
  if ((ss & 0xfffc) == 0 || !fetchDescriptor(ss)) return late(TS, ss, ext);
  const a = descAttr();
  if ((ss & 3) != (cs & 3) || descDpl() != (cs & 3) || (a & 0x1a) != 0x12) return late(TS, ss, ext);
  if ((a & ATTR_P) == 0) return late(SSF, ss, ext);
  markAccessed();
  installDescriptor(SS, ss);
  if (!loadTaskData(DS, ds, ext)) return false;
  if (!loadTaskData(ES, es, ext)) return false;
  if (!loadTaskData(FS, fs, ext)) return false;
  if (!loadTaskData(GS, gs, ext)) return false;
  updateMode();
  if (eip > <u64>Seg.limit(CS)) return late(GP, 0, ext);
  if (hasCode) push(<u64>code, big ? 4 : 2);
  noteTrap(reason, trap);
  return load<u32>(S_FAULT) == 0;
}

/**
 * The T bit of the new TSS makes a debug trap before the task's first instruction. JMP, CALL and IRET that switch tasks
 * are not stepped (SDM vol. 3B, 18.3.1.5 and 18.4.4).
 */
function noteTrap(reason: i32, trap: u32): void {
  const bits = (trap != 0 ? TASK_SWITCH : 0) | (reason != TASK_INT ? STEP_DONE : 0);
  store<u32>(S_TRAP, load<u32>(S_TRAP) | bits);
}

function late(vector: u32, selector: u32, ext: u32): bool {
  updateMode();
  raiseCode(vector, (selector & 0xfffc) | ext);
  return false;
}

function loadTaskCode(cs: u32, ext: u32): bool {
  if ((cs & 0xfffc) == 0 || !fetchDescriptor(cs)) return late(TS, cs, ext);
  const a = descAttr();
  if ((a & (ATTR_S | 8)) != (ATTR_S | 8)) return late(TS, cs, ext);
  if ((a & 4) != 0 ? descDpl() > (cs & 3) : descDpl() != (cs & 3)) return late(TS, cs, ext);
  if ((a & ATTR_P) == 0) return late(NP, cs, ext);
  markAccessed();
  installDescriptor(CS, cs);
  return true;
}

function loadTaskData(seg: i32, selector: u32, ext: u32): bool {
  if ((selector & 0xfffc) == 0) return true;
  if (!fetchDescriptor(selector)) return late(TS, selector, ext);
  const a = descAttr();
  if ((a & ATTR_S) == 0 || (a & 0xa) == 8) return late(TS, selector, ext);
  if ((a & 0xc) != 0xc && (descDpl() < (selector & 3) || descDpl() < load<u32>(S_CPL)))
    return late(TS, selector, ext);
  if ((a & ATTR_P) == 0) return late(NP, selector, ext);
  markAccessed();
  installDescriptor(seg, selector);
  return true;
}

function setBusy(selector: u32, busy: bool): void {
  const at = load<u64>(S_GDT_BASE) + <u64>(selector & 0xfff8) + 5;
  const v = systemRead(at, 1);
  systemWrite(at, 1, busy ? v | 2 : v & ~2);
}
