// INT n, INT3, INT1 and INTO. Follows Intel SDM vol. 2 and vol. 3B, 20.3 (INT n in virtual-8086 mode).

import { KIND_HARDWARE, KIND_SOFTWARE } from "../../protocol";
import { RSP, S_CR4, S_EFLAGS, S_FAULT, S_RIP, S_TRAP } from "../../state";
import { push, stackFault } from "../integer/stack";
import { systemRead } from "../memory/access";
import { CS, Seg, setVm86Segment, TR, updateMode, vm86 } from "../memory/segments";
import { failed, goAfter, goTo } from "../op/leave";
import { faultAt, Op } from "../op/op";
import { CR4_VME } from "../processor/control_bits";
import { GP } from "../processor/fault";
import { eflags, Flags, IF, IOPL, RF, TF, VIF } from "../processor/flags";
import { reportDebug, STEP_DONE } from "../processor/hardware_breakpoints";
import { hasVirtualIf, virtualFlags } from "../system/flag_writes";
import { deliver } from "./deliver";

export function into(op: Op): usize {
  return Flags.o() != 0 ? softwareInterrupt(op) : goAfter(op);
}

/** Who handles an INT n of virtual-8086 mode: the protected-mode handler, the program, its monitor by #GP(0). */
const HANDLER: i32 = 0;
const PROGRAM: i32 = 1;
const MONITOR: i32 = 2;

/** The methods of SDM vol. 3B, table 20-2; check S_FAULT. A bitmap that the TSS does not hold is the monitor's. */
function whoHandles(vector: u32): i32 {
  const handler = (load<u32>(S_EFLAGS) & IOPL) == IOPL ? HANDLER : MONITOR;
  if ((load<u64>(S_CR4) & CR4_VME) == 0) return handler;
  // The redirection bitmap is the 32 bytes below the I/O permission bitmap.
  const limit = <u64>Seg.limit(TR);
  if (limit < 0x67) return MONITOR;
  const at = systemRead(Seg.base(TR) + 0x66, 2) - 32 + <u64>(vector >> 3);
  if (at > limit) return MONITOR;
  const redirect = systemRead(Seg.base(TR) + at, 1);
  return ((redirect >> <u64>(vector & 7)) & 1) == 0 ? PROGRAM : handler;
}

/** INT n by the virtual-8086 program's own vector table, at linear address 0. */
function interruptProgram(op: Op, vector: u32): usize {
  const entry = <u32>systemRead(<u64>(vector * 4), 4);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const ifIsVirtual = hasVirtualIf();
  const before = load<u64>(RSP);
  push(<u64>(ifIsVirtual ? virtualFlags() : eflags()), 2);
  push(<u64>Seg.selector(CS), 2);
  push(op.nextRip(), 2);
  if (load<u32>(S_FAULT) != 0) {
    store<u64>(RSP, before);
    return stackFault(op);
  }
  enteredHandler();
  store<u32>(S_EFLAGS, load<u32>(S_EFLAGS) & ~(TF | RF | (ifIsVirtual ? VIF : IF)));
  setVm86Segment(CS, entry >> 16);
  updateMode();
  return goTo(op, <u64>(entry & 0xffff));
}

/** The handler is entered with TF clear: no single-step trap for the INT itself. */
function enteredHandler(): void {
  if ((load<u32>(S_EFLAGS) & TF) != 0) store<u32>(S_TRAP, load<u32>(S_TRAP) | STEP_DONE);
}

/** INT: vector in `imm`; `sub` 0 INT n, 1 INT3 or INTO or INT1 (which are not redirected in virtual-8086 mode). */
export function softwareInterrupt(op: Op): usize {
  const vector = <u32>op.imm;
  if (vm86() && op.sub == 0) {
    const who = whoHandles(vector);
    if (load<u32>(S_FAULT) != 0) return op.fault();
    if (who == MONITOR) return failed(op, GP, 0);
    if (who == PROGRAM) return interruptProgram(op, vector);
  }
  const next = op.nextRip();
  const here = op.rip();
  // INT1 is a debug exception itself, and reports what MOV SS held back.
  if (vector == 1 && op.sub == 1) {
    reportDebug(load<u32>(S_TRAP) & 15);
    store<u32>(S_TRAP, 0);
  }
  enteredHandler();
  store<u64>(S_RIP, next);
  // INT1 is an event of hardware kind: no DPL check.
  if (!deliver(vector, vector == 1 && op.sub == 1 ? KIND_HARDWARE : KIND_SOFTWARE, false, 0)) {
    store<u64>(S_RIP, here);
    return faultAt(op);
  }
  return goTo(op, load<u64>(S_RIP));
}
