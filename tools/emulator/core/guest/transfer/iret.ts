// IRET in all modes. Follows Intel SDM vol. 2, IRET/IRETD/IRETQ.

import { RSP, S_CPL, S_EFLAGS, S_FAULT, S_NMI_BLOCKED, S_RIP } from "../../state";
import { drop, peek, stackFault } from "../integer/stack";
import { systemRead } from "../memory/access";
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
  dropInnerSegments,
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
  setNull,
  setSegment,
  setVm86Segment,
  TR,
  updateMode,
  vm86,
} from "../memory/segments";
import { canonical } from "../memory/walk";
import { failed } from "../op/leave";
import { leaveTo, Op } from "../op/op";
import { GP, NP, raiseCode, SSF } from "../processor/fault";
import { AC, ID, IF, IOPL, NT, RF, STATUS, TF, VIF, VIP, VM } from "../processor/flags";
import { writeFlags } from "../system/flag_writes";
import { switchTask, TASK_IRET } from "./task";

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
