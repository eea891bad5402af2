// The end of the line: says what the kernel ran into and stops this CPU. Nothing here allocates or
// depends on per-CPU state, because it has to work from a double fault.

import { printBacktrace } from "./backtrace";
import { beginLine, endLine, print, printHex } from "./console";
import { parkOthers } from "./lapic";
import { printPosition } from "./source_line";
import { isInWindow, isWindowPage } from "./window";
import { cli, hlt, ud2 } from "./x86";

/** Whether a trap would reach panicTrap, and the local APIC answers. */
let trapsWork: bool = false;

/** From now on a panic can show where it comes from by a trap, and stop other CPUs. */
export function trapsAreReady(): void {
  trapsWork = true;
}

/** Stops the machine: all other CPUs go back to waiting for a start, this one halts. */
export function stop(): void {
  if (trapsWork) parkOthers();

  for (;;) {
    cli();
    hlt();
  }
}

/** Something outside the kernel makes it impossible to start; `reason` says what to change. */
export function fatal(reason: string): void {
  beginLine("fatal: ");
  print(reason);
  endLine();
  stop();
}

/** A state from which the kernel cannot go on; `reason` names what is missing or broken. */
export function panic(reason: string): void {
  beginLine("panic: ");
  print(reason);
  endLine();
  if (trapsWork) ud2();
  stop();
}

/**
 * A trap in kernel code. `frame` is the linear-memory address of vector, error code, RIP, CS, RFLAGS,
 * RSP, SS as 64-bit words.
 */
export function panicTrap(frame: usize, cr2: u64): void {
  const rip = load<u64>(frame, 16);
  const stack = load<u64>(frame, 40);
  beginLine("panic: ");
  // The only pages missing in the window are those below stacks.
  print(isInWindow(cr2) && !isWindowPage(cr2) ? "kernel stack overflow" : "trap in kernel code");
  print(", vector ");
  printHex(load<u64>(frame));
  print(" error ");
  printHex(load<u64>(frame, 8));
  print(" rsp ");
  printHex(stack);
  print(" cr2 ");
  printHex(cr2);
  print(" rip ");
  printHex(rip);
  printPosition(rip);
  printBacktrace(rip, stack);
  endLine();
  stop();
}
