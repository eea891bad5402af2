// Faults of the loader itself: the interrupt descriptor table of long mode (Intel SDM vol. 3A, 6.14.1) and the one
// line that each exception becomes.

import { endLine, print, printDecimal, printHex } from "../../core/console";
import { firmware } from "../../core/firmware";
import { CODE64, EXCEPTIONS, FAULT_ENTRY_BYTES } from "../layout";
import { fault_entries, idt } from "./symbol";
import { hlt } from "./x86";

/** Present, 64-bit interrupt gate. */
const INTERRUPT_GATE: u32 = 0x8e00;

let faulting: bool = false;

/** Fills in the table that the stubs load after every BIOS call. */
export function initFaults(): void {
  const table = <usize>idt();
  const first = <u32>fault_entries();
  for (let vector = 0; vector < EXCEPTIONS; vector++) {
    const entry = first + vector * FAULT_ENTRY_BYTES;
    const gate = table + <usize>(vector << 4);
    store<u32>(gate, (CODE64 << 16) | (entry & 0xffff));
    store<u32>(gate, (entry & 0xffff_0000) | INTERRUPT_GATE, 4);
    store<u64>(gate, 0, 8);
  }
}

/** Called by the stubs; does not return. */
export function fault(vector: u64, errorCode: u64, rip: u64, cr2: u64): void {
  // A fault on the way to its own line: nothing is left to try.
  if (faulting) for (;;) hlt();
  faulting = true;
  endLine();
  print("The boot loader has a fault: exception ");
  printDecimal(vector);
  print(" at RIP ");
  printHex(rip);
  print(", error code ");
  printHex(errorCode);
  print(", CR2 ");
  printHex(cr2);
  endLine();
  firmware.stop();
}
