// Memory types of pages. Page-attribute table: entry 1, which PWT selects and which firmware has as write-through,
// becomes write-combining, for framebuffers; nothing else of the kernel's selects it. Intel SDM vol. 3A, 11.12.

import { IA32_PAT } from "./msr_number";
import { cpuid, wrmsr } from "./x86";

/** CPUID leaf 1, EDX. */
const CPUID_PAT: u32 = 1 << 16;
/** The table after reset but for entry 1: WB, WC, UC-, UC, WB, WT, UC-, UC. */
const TYPES: u64 = 0x0007_0406_0007_0106;

/** Sets this CPU's table; all CPUs have to have the same. Without one, such pages are write-through. */
export function enableWriteCombining(): void {
  const out = memory.data(16);
  cpuid(1, 0, out);
  if (load<u32>(out, 12) & CPUID_PAT) wrmsr(IA32_PAT, TYPES);
}
