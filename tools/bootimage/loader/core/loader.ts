// The loader from its start on either firmware to the jump into a kernel.

import { initConsole, printLine } from "./console";
import { firmware } from "./firmware";

/** Starts what the image says. Returns only where there is nothing to start and the firmware takes over again. */
export function runLoader(): void {
  initConsole();
  printLine("Trihedron boot loader");
  firmware.stop();
}
