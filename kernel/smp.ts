// Application processors. Not started yet: the HIP lists them without the online flag, as the interface
// has it for CPUs that cannot be used.

import { beginLine, endLine, printDecimal } from "./console";
import { cpuCount } from "./cpu";

export function startProcessors(): void {
  if (cpuCount() <= 1) return;
  beginLine("CPUs not started: ");
  printDecimal(<u64>cpuCount() - 1);
  endLine();
}
