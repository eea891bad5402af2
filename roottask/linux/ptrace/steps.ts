// Single steps of tracees: the trap flag while they run. The code around handlers (signal_frame.ts), which Linux has not, is
// stepped through without telling anybody.

import { Utcb } from "../../libhedron/utcb";
import { ALL_REGISTERS } from "../../libroottask/portals";
import { Thread } from "../../libroottask/program";
import { RFLAGS_TF } from "../../libroottask/rflags";
import { isSignalCode } from "../signal_frame";
import { linuxThread } from "../state";
import { RUNS_STEP, RUNS_STEP_EMULATED, Tracee, traceeOf } from "./tracee";

/** The tracer of `record` wants to see each instruction. */
export function steps(record: Tracee): bool {
  return record.runs === RUNS_STEP || record.runs === RUNS_STEP_EMULATED;
}

/** The trap flag that `record` has for its tracer's sake goes. */
export function disarmStep(regs: Utcb, record: Tracee): void {
  if (record.forced === 0) return;
  record.forced = 0;
  regs.rflags &= ~RFLAGS_TF;
  regs.mtd |= ALL_REGISTERS;
}

/** A call or event of `thread` has come: its registers are its program's. */
export function beginTraced(thread: Thread, regs: Utcb): void {
  const record = traceeOf(thread);
  if (record !== null) disarmStep(regs, record);
}

/** `thread` is about to go on in user mode: where it is to step, it comes back behind one instruction. */
export function armStep(thread: Thread, regs: Utcb): void {
  const record = traceeOf(thread);
  if (record === null) return;
  record.entering = isSignalCode(regs.rip) ? 1 : 0;
  const leaves = record.entering !== 0 && linuxThread(thread).deferred !== 0;
  if ((!steps(record) && !leaves) || (regs.rflags & RFLAGS_TF) !== 0) return;
  record.forced = 1;
  regs.rflags |= RFLAGS_TF;
  regs.mtd |= ALL_REGISTERS;
}

/** `thread` is in the code around handlers, behind which its tracer may look at it. */
export function isBetween(thread: Thread, regs: Utcb): bool {
  return traceeOf(thread) !== null && isSignalCode(regs.rip);
}
