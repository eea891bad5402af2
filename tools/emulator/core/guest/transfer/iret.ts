// IRET in all modes. Follows Intel SDM vol. 2, IRET/IRETD/IRETQ, and vol. 3B, 20.3.3 (virtual interrupts).

import { RSP, S_CPL, S_EFLAGS, S_FAULT, S_NMI_BLOCKED, S_RIP } from "../../state";
import { drop, hostOfStack, peek, stackFault } from "../integer/stack";
import { systemRead } from "../memory/access";
import {
  ATTR_DB,
  CS,
  code64,
  DS,
  dropInnerSegments,
  ES,
  FS,
  GS,
  longMode,
  protectedMode,
  Seg,
  SS,
  setSegment,
  setVm86Segment,
  TR,
  updateMode,
  vm86,
} from "../memory/segments";
import { failed, goTo } from "../op/leave";
import { Op } from "../op/op";
import { GP, raiseCode } from "../processor/fault";
import { AC, eflags, ID, IF, IOPL, NT, RF, STATUS, TF, VIF, VIP, VM } from "../processor/flags";
import {
  checkVirtualInterrupt,
  hasVirtualIf,
  setFlags,
  writeVirtualFlags,
} from "../system/flag_writes";
import {
  enterReturnSegment,
  enterUsualSegments,
  findReturnSegment,
  loadReturnStack,
} from "./returns";
import { switchTask, TASK_IRET } from "./task";

function returnFlagsMask(cpl: u32, iopl: u32, size: i32): u32 {
  let mask: u32 = STATUS | TF | 0x400 | NT | RF | AC | ID;
  if (cpl <= iopl) mask |= IF;
  if (cpl == 0) mask |= IOPL | VIF | VIP;
  return size == 2 ? mask & 0xffff : mask;
}

/** What IRETQ pops: RIP, CS, RFLAGS, RSP, SS. */
const FRAME_SIZE: u64 = 40;
const FRAME_RSP: usize = 24;
const FRAME_SS: usize = 32;

class Frame {
  /** Field `n` of the frame, at the host address `host` if the TLB has it there. */
  @inline static field(host: usize, n: i32, size: i32): u64 {
    return host != 0 ? load<u64>(host + (n << 3)) : peek(n * size, size);
  }
}

export function iret(op: Op): usize {
  const size = <i32>op.size;
  store<u32>(S_NMI_BLOCKED, 0);
  if (!protectedMode()) return iretReal(op, size, 0x3000 | IF);
  if (vm86()) {
    if ((load<u32>(S_EFLAGS) & IOPL) == IOPL) return iretReal(op, size, IF);
    if (!hasVirtualIf() || size == 4) return failed(op, GP, 0);
    return iretVirtual(op);
  }
  if ((load<u32>(S_EFLAGS) & NT) != 0) {
    if (longMode()) {
      raiseCode(GP, 0);
      return op.fault();
    }
    const link = <u32>systemRead(Seg.base(TR), 2);
    store<u64>(S_RIP, op.nextRip());
    if (load<u32>(S_FAULT) != 0 || !switchTask(link, TASK_IRET, eflags() & ~NT, false, 0, 0))
      return op.fault();
    return goTo(op, load<u64>(S_RIP));
  }
  const host = size == 8 && code64() ? hostOfStack(FRAME_SIZE) : 0;
  const rip = Frame.field(host, 0, size);
  const cs = <u32>Frame.field(host, 1, size) & 0xffff;
  const flags = <u32>Frame.field(host, 2, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  const cpl = load<u32>(S_CPL);
  if (!longMode() && size == 4 && (flags & VM) != 0 && cpl == 0)
    return iretToVm86(op, rip, cs, flags);
  const rpl = cs & 3;
  const mask = returnFlagsMask(cpl, (load<u32>(S_EFLAGS) >> 12) & 3, size);
  if (host != 0 && enterUsualSegments(cs, rip, load<u16>(host, FRAME_SS)))
    return enterPrivilege(op, rpl, rip, flags, mask, load<u64>(host, FRAME_RSP));
  if (!findReturnSegment(cs, rip)) return op.fault();
  if (rpl == cpl && !code64()) {
    drop(size * 3);
    enterReturnSegment();
    setFlags(flags, mask);
    updateMode();
    return goTo(op, rip);
  }
  const sp = Frame.field(host, 3, size);
  const ss = <u32>Frame.field(host, 4, size) & 0xffff;
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  if (!loadReturnStack(ss, rpl)) return op.fault();
  enterReturnSegment();
  return enterPrivilege(op, rpl, rip, flags, mask, sp);
}

/** Goes on at `rip` with the privilege, flags and stack of an outer level or, in 64-bit code, of this one. CS and SS are loaded. */
function enterPrivilege(op: Op, rpl: u32, rip: u64, flags: u32, mask: u32, sp: u64): usize {
  const outwards = rpl > load<u32>(S_CPL);
  store<u32>(S_CPL, rpl);
  setFlags(flags, mask);
  updateMode();
  if (code64()) store<u64>(RSP, sp);
  else if ((Seg.attr(SS) & ATTR_DB) != 0) store<u64>(RSP, sp & 0xffffffff);
  else store<u16>(RSP, <u16>sp);
  if (outwards) dropInnerSegments(rpl);
  return goTo(op, rip);
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
  setFlags(flags, mask);
  updateMode();
  return goTo(op, ip);
}

/** 16-bit IRET of a virtual-8086 program whose IF is VIF (SDM vol. 3B, 20.3.3.2). */
function iretVirtual(op: Op): usize {
  const ip = peek(0, 2);
  const cs = <u32>peek(2, 2);
  const flags = <u32>peek(4, 2);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  if (!writeVirtualFlags(flags)) return failed(op, GP, 0);
  drop(6);
  setVm86Segment(CS, cs);
  updateMode();
  return goTo(op, ip);
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
  setFlags(flags, 0x3f7fd5);
  setVm86Segment(CS, cs);
  setVm86Segment(SS, ss);
  setVm86Segment(ES, es);
  setVm86Segment(DS, ds);
  setVm86Segment(FS, fs);
  setVm86Segment(GS, gs);
  store<u64>(RSP, sp);
  updateMode();
  // Its fault is one of the instruction that is returned to.
  checkVirtualInterrupt();
  return goTo(op, ip & 0xffff);
}
