// Exceptions and interrupts, after the entry stub has saved the registers: from user space in the
// current EC, from the kernel on the stack.

import { EXC_GP, EXC_MC, EXC_PF, NUM_EXC, NUM_GSI } from "./abi";
import { HAZARD_SCHEDULE, thisCpu } from "./cpu";
import { Ec } from "./ec";
import { gsiInterrupt } from "./gsi";
import { clearErrors, endOfInterrupt } from "./lapic";
import { FRAME_RIP, FRAME_VEC, VEC_GSI, VEC_IPI_RRQ, VEC_LVT_ERROR, VEC_LVT_TIMER } from "./layout";
import { panic, panicTrap } from "./panic";
import { msr_fault_resume, rdmsr_fault, wrmsr_fault } from "./symbol";
import { checkTimeouts } from "./timeout";
import { cr2 } from "./x86";

/** Completes the state of the current EC, which has raised an exception, for the message to its handler. */
export function prepareEvent(ec: Ec): void {
  const vector = <u32>ec.vec;
  if (vector === EXC_MC) panic("machine check");
  if (vector === EXC_PF) ec.cr2 = cr2();
}

/** Handles an interrupt; the continuation of whoever was interrupted stays as it is. */
export function interrupt(vector: u32): void {
  if (vector >= <u32>NUM_EXC && vector < <u32>NUM_EXC + NUM_GSI) {
    gsiInterrupt(vector - VEC_GSI);
    return;
  }
  if (vector === VEC_LVT_TIMER) checkTimeouts();
  else if (vector === VEC_LVT_ERROR) clearErrors();
  // Somebody has changed the ready queue, recalled the EC, or changed its ports: run() looks after it.
  else if (vector === VEC_IPI_RRQ) thisCpu().hazard |= HAZARD_SCHEDULE;
  // Anything else is spurious and must not be ended.
  else return;
  endOfInterrupt();
}

/**
 * A trap in kernel mode: an interrupt while idle, or a fault. `frame` is the linear-memory address of
 * vector, error code and the CPU's interrupt frame.
 */
export function kernelTrap(frame: usize): void {
  const vector = <u32>load<u64>(frame);
  if (vector >= <u32>NUM_EXC) {
    interrupt(vector);
    return;
  }
  const ripAt = frame + (FRAME_RIP - FRAME_VEC);
  const rip = load<u64>(ripAt);
  if (vector === EXC_GP && (rip === rdmsr_fault() || rip === wrmsr_fault())) {
    store<u64>(ripAt, msr_fault_resume());
    return;
  }
  panicTrap(frame, cr2());
}
