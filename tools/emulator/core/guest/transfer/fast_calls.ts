// SYSCALL, SYSRET, SYSENTER, SYSEXIT. Follows Intel SDM vol. 2 and vol. 3A, 5.8.7 and 5.8.8; where processors of AMD's differ,
// AMD64 APM vol. 3: SYSCALL and SYSRET are there in compatibility and legacy mode, SYSENTER and SYSEXIT not in long mode.

import {
  R11,
  RCX,
  RDX,
  RSP,
  S_CPL,
  S_CSTAR,
  S_EFER,
  S_EFLAGS,
  S_LSTAR,
  S_SFMASK,
  S_STAR,
  S_SYSENTER_CS,
  S_SYSENTER_EIP,
  S_SYSENTER_ESP,
  S_TRAP,
} from "../../state";
import { canonical } from "../memory/canonical";
import {
  CS,
  code64,
  longMode,
  protectedMode,
  SS,
  setSegment,
  updateMode,
} from "../memory/segments";
import { failed, goTo, requireRing0 } from "../op/leave";
import { Op, undefinedOpcode } from "../op/op";
import { GP } from "../processor/fault";
import { eflags, IF, RF, STATUS, setStatusFlags, TF, VM } from "../processor/flags";
import { SINGLE_STEP, STEP_DONE } from "../processor/hardware_breakpoints";
import { isAmd } from "../processor/model";

/** SYSCALL and SYSRET trap by the TF that they leave, not by the one they find (SDM vol. 3B, 18.3.1.4). */
function stepByNewFlags(): void {
  const step = (load<u32>(S_EFLAGS) & TF) != 0 ? SINGLE_STEP : 0;
  store<u32>(S_TRAP, load<u32>(S_TRAP) | STEP_DONE | step);
}

/** SYSCALL outside long mode: flags stay but for IF, RF and VM, and nothing is in R11. */
function legacySyscall(op: Op): usize {
  const star = load<u64>(S_STAR);
  store<u64>(RCX, op.nextRip() & 0xffffffff);
  store<u32>(S_EFLAGS, load<u32>(S_EFLAGS) & ~(VM | IF | RF));
  const cs = <u32>(star >> 32) & 0xfffc;
  setSegment(CS, cs, 0, 0xffffffff, 0xc09b);
  setSegment(SS, cs + 8, 0, 0xffffffff, 0xc093);
  store<u32>(S_CPL, 0);
  updateMode();
  return goTo(op, star & 0xffffffff);
}

/** SYSRET to code of 32 bits outside long mode: IF is set. */
function legacySysret(op: Op): usize {
  if (!requireRing0()) return op.fault();
  const base = <u32>(load<u64>(S_STAR) >> 48);
  store<u32>(S_EFLAGS, load<u32>(S_EFLAGS) | IF);
  setSegment(CS, base | 3, 0, 0xffffffff, 0xc0fb);
  setSegment(SS, ((base + 8) & 0xffff) | 3, 0, 0xffffffff, 0xc0f3);
  store<u32>(S_CPL, 3);
  updateMode();
  return goTo(op, load<u64>(RCX) & 0xffffffff);
}

export function syscall(op: Op): usize {
  if ((load<u64>(S_EFER) & 1) == 0) return undefinedOpcode(op);
  const wide = code64();
  if (!wide && (!isAmd() || !protectedMode())) return undefinedOpcode(op);
  if (!longMode()) return legacySyscall(op);
  const star = load<u64>(S_STAR);
  store<u64>(RCX, op.nextRip());
  const before = eflags() & ~RF;
  store<u64>(R11, <u64>before);
  const flags = before & ~(<u32>load<u64>(S_SFMASK));
  setStatusFlags(flags);
  store<u32>(S_EFLAGS, flags & ~STATUS & 0x3fff00);
  const cs = <u32>(star >> 32) & 0xfffc;
  setSegment(CS, cs, 0, 0xffffffff, 0xa09b);
  setSegment(SS, cs + 8, 0, 0xffffffff, 0xc093);
  store<u32>(S_CPL, 0);
  updateMode();
  stepByNewFlags();
  return goTo(op, load<u64>(wide ? S_LSTAR : S_CSTAR));
}

export function sysret(op: Op): usize {
  if ((load<u64>(S_EFER) & 1) == 0) return undefinedOpcode(op);
  if (!code64() && (!isAmd() || !protectedMode())) return undefinedOpcode(op);
  if (!longMode()) return legacySysret(op);
  if (!requireRing0()) return op.fault();
  const star = load<u64>(S_STAR);
  const wide = op.size == 8;
  const target = wide ? load<u64>(RCX) : load<u64>(RCX) & 0xffffffff;
  if (!canonical(target)) return failed(op, GP, 0);
  const base = <u32>(star >> 48);
  const flags = (<u32>load<u64>(R11) & 0x3c7fd7) | 2;
  setStatusFlags(flags);
  store<u32>(S_EFLAGS, flags & ~STATUS & 0x3fff00);
  setSegment(CS, ((base + (wide ? 16 : 0)) & 0xffff) | 3, 0, 0xffffffff, wide ? 0xa0fb : 0xc0fb);
  setSegment(SS, ((base + 8) & 0xffff) | 3, 0, 0xffffffff, 0xc0f3);
  store<u32>(S_CPL, 3);
  updateMode();
  stepByNewFlags();
  return goTo(op, target);
}

export function sysenter(op: Op): usize {
  if (longMode() && isAmd()) return undefinedOpcode(op);
  if (!protectedMode()) return failed(op, GP, 0);
  const cs = <u32>load<u64>(S_SYSENTER_CS);
  if ((cs & 0xfffc) == 0) return failed(op, GP, 0);
  const long = longMode();
  store<u32>(S_EFLAGS, load<u32>(S_EFLAGS) & ~(VM | IF | RF));
  setSegment(CS, cs & 0xfffc, 0, 0xffffffff, long ? 0xa09b : 0xc09b);
  setSegment(SS, (cs & 0xfffc) + 8, 0, 0xffffffff, 0xc093);
  store<u32>(S_CPL, 0);
  updateMode();
  const mask: u64 = long ? 0xffffffffffffffff : 0xffffffff;
  store<u64>(RSP, load<u64>(S_SYSENTER_ESP) & mask);
  return goTo(op, load<u64>(S_SYSENTER_EIP) & mask);
}

export function sysexit(op: Op): usize {
  if (longMode() && isAmd()) return undefinedOpcode(op);
  const cs = <u32>load<u64>(S_SYSENTER_CS);
  if (!protectedMode() || load<u32>(S_CPL) != 0 || (cs & 0xfffc) == 0) return failed(op, GP, 0);
  const wide = op.size == 8;
  const rip = load<u64>(RDX);
  const rsp = load<u64>(RCX);
  if (wide && (!canonical(rip) || !canonical(rsp))) return failed(op, GP, 0);
  const selector = (cs & 0xfffc) + (wide ? 32 : 16);
  setSegment(CS, selector | 3, 0, 0xffffffff, wide ? 0xa0fb : 0xc0fb);
  setSegment(SS, (selector + 8) | 3, 0, 0xffffffff, 0xc0f3);
  store<u32>(S_CPL, 3);
  updateMode();
  store<u64>(RSP, wide ? rsp : rsp & 0xffffffff);
  return goTo(op, wide ? rip : rip & 0xffffffff);
}
