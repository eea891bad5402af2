// Far transfers: JMP, CALL, RET across segments, call gates, task gates.
// Follows Intel SDM vol. 3A, 5.8 and vol. 2, the instructions' pages.

import { RSP, S_CPL, S_FAULT, S_RIP } from "../../state";
import { drop, peek, setStackPointer, stackFault, stackLinear, stackMask } from "../integer/stack";
import { systemRead } from "../memory/access";
import { canonical } from "../memory/canonical";
import {
  ATTR_DB,
  ATTR_L,
  ATTR_P,
  ATTR_S,
  CS,
  descAddress,
  descAttr,
  descBase,
  descDpl,
  descHigh,
  descLimit,
  descLow,
  dropInnerSegments,
  fetchDescriptor,
  longMode,
  markAccessed,
  realStyle,
  Seg,
  SS,
  setCpl,
  setSegment,
  TR,
  updateMode,
  vm86,
} from "../memory/segments";
import { failed, goTo } from "../op/leave";
import { Op, readLinear } from "../op/op";
import { GP, NP } from "../processor/fault";
import { eflags } from "../processor/flags";
import {
  enterFlatStack,
  enterInnerStack,
  openInnerStack,
  openStackOfTss64,
  pushNew,
} from "./inner_stack";
import { enterReturnSegment, findReturnSegment, loadReturnStack, pushReturnPoint } from "./returns";
import { switchTask, TASK_CALL, TASK_JMP } from "./task";

/** JMP, CALL ptr16:16, ptr16:32: selector in `aux`, offset in `imm`; `sub` 1 for CALL. */
export function farDirect(op: Op): usize {
  return farTo(op, op.aux, <u64>op.imm, op.sub == 1);
}

/** JMP, CALL m16:16, m16:32, m16:64. */
export function farIndirect(op: Op): usize {
  const size = <i32>op.size;
  const at = op.address(size + 2, false);
  const offset = readLinear(at, size);
  const selector = <u32>readLinear(at + <u64>size, 2);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  return farTo(op, selector, offset, op.sub == 1);
}

function farTo(op: Op, selector: u32, offset: u64, call: bool): usize {
  const size = <i32>op.size;
  selector &= 0xffff;
  if (realStyle()) {
    if (offset > <u64>(vm86() ? 0xffff : Seg.limit(CS))) return failed(op, GP, 0);
    if (call && !pushReturnPoint(op, size)) return stackFault(op);
    setSegment(CS, selector, <u64>(selector << 4), Seg.limit(CS), Seg.attr(CS));
    updateMode();
    return goTo(op, offset);
  }
  const code = selector & 0xfffc;
  if (code == 0) return failed(op, GP, 0);
  if (!fetchDescriptor(selector)) return failed(op, GP, code);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const attr = descAttr();
  const cpl = load<u32>(S_CPL);
  const rpl = selector & 3;
  if ((attr & ATTR_S) == 0) return farSystem(op, selector, attr, call);
  if ((attr & 8) == 0) return failed(op, GP, code);
  if ((attr & 4) != 0 ? descDpl() > cpl : rpl > cpl || descDpl() != cpl)
    return failed(op, GP, code);
  if ((attr & ATTR_P) == 0) return failed(op, NP, code);
  const to64 = longMode() && (attr & ATTR_L) != 0;
  if (to64 && (attr & ATTR_DB) != 0) return failed(op, GP, code);
  if (to64 ? !canonical(offset) : offset > <u64>descLimit()) return failed(op, GP, 0);
  const base = descBase();
  const limit = descLimit();
  markAccessed();
  const finalAttr = descAttr();
  if (call && !pushReturnPoint(op, size)) return stackFault(op);
  setSegment(CS, code | cpl, base, limit, finalAttr);
  updateMode();
  return goTo(op, offset);
}

/** Far transfer through a call gate, task gate or TSS. */
function farSystem(op: Op, selector: u32, attr: u32, call: bool): usize {
  const code = selector & 0xfffc;
  const cpl = load<u32>(S_CPL);
  const type = attr & 0xf;
  const long = longMode();
  const known = long ? type == 12 : type == 1 || type == 9 || type == 5 || type == 4 || type == 12;
  if (!known) return failed(op, GP, code);
  if (descDpl() < cpl || descDpl() < (selector & 3)) return failed(op, GP, code);
  if ((attr & ATTR_P) == 0) return failed(op, NP, code);
  if (type == 1 || type == 9 || type == 5) {
    const tss = type == 5 ? descLow >> 16 : selector;
    const here = op.rip();
    store<u64>(S_RIP, op.nextRip());
    if (!switchTask(tss, call ? TASK_CALL : TASK_JMP, eflags(), false, 0, 0)) {
      if (Seg.selector(TR) != (tss & 0xffff)) store<u64>(S_RIP, here);
      else return goTo(op, load<u64>(S_RIP));
      return op.fault();
    }
    return goTo(op, load<u64>(S_RIP));
  }
  const gateLow = descLow;
  const gateHigh = descHigh;
  const target = gateLow >> 16;
  let offset = <u64>((gateLow & 0xffff) | (type == 12 ? gateHigh & 0xffff0000 : 0));
  if (long) {
    const upper = systemRead(descAddress + 8, 8);
    if (load<u32>(S_FAULT) != 0) return op.fault();
    if (((upper >> 40) & 0x1f) != 0) return failed(op, GP, code);
    offset |= upper << 32;
  }
  const targetCode = target & 0xfffc;
  if (targetCode == 0) return failed(op, GP, 0);
  if (!fetchDescriptor(target)) return failed(op, GP, targetCode);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const a = descAttr();
  if ((a & (ATTR_S | 8)) != (ATTR_S | 8) || descDpl() > cpl) return failed(op, GP, targetCode);
  if (long && (a & (ATTR_L | ATTR_DB)) != ATTR_L) return failed(op, GP, targetCode);
  if ((a & ATTR_P) == 0) return failed(op, NP, targetCode);
  const base = descBase();
  const limit = descLimit();
  const conforming = (a & 4) != 0;
  const dpl = descDpl();
  if (long ? !canonical(offset) : offset > <u64>limit) return failed(op, GP, 0);
  markAccessed();
  const csAttr = descAttr();
  const size: i32 = long ? 8 : type == 12 ? 4 : 2;
  if (!call && !conforming && dpl != cpl) return failed(op, GP, targetCode);
  if (call && !conforming && dpl < cpl) {
    const oldSs = Seg.selector(SS);
    const oldSp = load<u64>(RSP);
    if (long) {
      if (!openStackOfTss64(4 + dpl * 8, 0)) return op.fault();
      setCpl(dpl);
      pushNew(<u64>oldSs, 8);
      pushNew(oldSp, 8);
    } else {
      if (!openInnerStack(dpl, 0)) return op.fault();
      // Parameters are read from the old stack first.
      const count = <i32>(gateHigh & 31);
      setCpl(dpl);
      pushNew(<u64>oldSs, size);
      pushNew(oldSp & stackMask(), size);
      for (let i = count - 1; i >= 0; i--) {
        const sp = (oldSp + <u64>(i * size)) & stackMask();
        pushNew(readLinear(stackLinear(sp, size, false), size), size);
      }
    }
    pushNew(<u64>Seg.selector(CS), size);
    pushNew(op.nextRip(), size);
    if (load<u32>(S_FAULT) != 0) {
      setCpl(cpl);
      return op.fault();
    }
    if (long) enterFlatStack(dpl, true);
    else enterInnerStack();
    setSegment(CS, targetCode | dpl, base, limit, csAttr);
  } else {
    if (call && !pushReturnPoint(op, size)) return stackFault(op);
    setSegment(CS, targetCode | cpl, base, limit, csAttr);
  }
  updateMode();
  return goTo(op, offset);
}

/** RETF, RETF imm16. */
export function retFar(op: Op): usize {
  const size = <i32>op.size;
  const extra = op.imm;
  const offset = peek(0, size);
  const selector = <u32>peek(size, size) & 0xffff;
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  if (realStyle()) {
    if (offset > <u64>(vm86() ? 0xffff : Seg.limit(CS))) return failed(op, GP, 0);
    drop(<i64>(size * 2) + extra);
    setSegment(CS, selector, <u64>(selector << 4), Seg.limit(CS), Seg.attr(CS));
    updateMode();
    return goTo(op, offset);
  }
  const rpl = selector & 3;
  if (!findReturnSegment(selector, offset)) return op.fault();
  if (rpl == load<u32>(S_CPL)) {
    drop(<i64>(size * 2) + extra);
    enterReturnSegment();
    updateMode();
    return goTo(op, offset);
  }
  const at = size * 2 + <i32>extra;
  const sp = peek(at, size);
  const ss = <u32>peek(at + size, size) & 0xffff;
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  if (!loadReturnStack(ss, rpl)) return op.fault();
  enterReturnSegment();
  store<u32>(S_CPL, rpl);
  updateMode();
  setStackPointer(sp + <u64>extra);
  dropInnerSegments(rpl);
  return goTo(op, offset);
}
