// The end of the line: says what the kernel ran into and stops this CPU. Nothing here allocates or
// depends on per-CPU state, because it has to work from a double fault.

import { beginLine, endLine, print, printHex, printLine } from "./console";
import { cli, hlt } from "./x86";

/** Stops this CPU for good, keeping the kernel lock, so that no other CPU goes on with broken state. */
export function stop(): void {
  for (;;) {
    cli();
    hlt();
  }
}

/** A state from which the kernel cannot go on; `reason` names what is missing or broken. */
export function panic(reason: string): void {
  beginLine("panic: ");
  print(reason);
  endLine();
  stop();
}

/**
 * A trap in kernel code. `frame` is the linear-memory address of vector, error code, RIP, CS, RFLAGS,
 * RSP, SS as 64-bit words.
 */
export function panicTrap(frame: usize, cr2: u64): void {
  beginLine("panic: trap in kernel code, vector ");
  printHex(load<u64>(frame));
  print(" error ");
  printHex(load<u64>(frame, 8));
  print(" rip ");
  printHex(load<u64>(frame, 16));
  print(" rsp ");
  printHex(load<u64>(frame, 40));
  print(" cr2 ");
  printHex(cr2);
  endLine();
  printLine(
    "panic: this is a kernel bug; look up rip in kernel.elf32 with addr2line or objdump -dl",
  );
  stop();
}
