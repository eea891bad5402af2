// INT n, INT3, INT1 and INTO. Follows Intel SDM vol. 2 and vol. 3B, 20.3 (INT n in virtual-8086 mode).

import { KIND_HARDWARE, KIND_SOFTWARE } from "../../protocol";
import { S_CR4, S_EFLAGS, S_FAULT, S_RIP, S_TRAP } from "../../state";
import { systemRead } from "../memory/access";
import { Seg, TR, vm86 } from "../memory/segments";
import { faultAt, leaveAfter, leaveTo, Op } from "../op/op";
import { GP, raiseCode } from "../processor/fault";
import { Flags, IOPL, TF } from "../processor/flags";
import { reportDebug, STEP_DONE } from "../processor/hardware_breakpoints";
import { deliver } from "./deliver";

export function into(op: Op): usize {
  return Flags.o() != 0 ? softwareInterrupt(op) : leaveAfter(op);
}

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
  if (!deliver(vector, vector == 1 && op.sub == 1 ? KIND_HARDWARE : KIND_SOFTWARE, false, 0)) {
    store<u64>(S_RIP, here);
    return faultAt(op);
  }
  return leaveTo(op, load<u64>(S_RIP));
}
