// What the CPU offers against the kernel's own mistakes: SMEP and SMAP (the kernel neither runs nor touches
// user pages: UTCBs and boot modules are reached through the window), UMIP, and PCIDs. Intel SDM vol. 3A,
// 2.5, 4.6 and 4.10.1. CR0.WP and no-execute are set by the boot stub.

import { hasOption } from "./command_line";
import { cpuid, cr4, set_cr4 } from "./x86";

const CR4_PGE: u64 = 1 << 7;
const CR4_UMIP: u64 = 1 << 11;
const CR4_PCIDE: u64 = 1 << 17;
const CR4_SMEP: u64 = 1 << 20;
const CR4_SMAP: u64 = 1 << 21;

/** What the boot CPU has, as bits of CR4. */
let bits: u64 = 0;

function readBits(): u64 {
  const out = memory.data(16);
  let found = CR4_PGE;
  cpuid(0, 0, out);
  const maxLeaf = load<u32>(out);
  cpuid(1, 0, out);
  if (load<u32>(out, 8) & (1 << 17)) found |= CR4_PCIDE;
  if (maxLeaf < 7) return found;
  cpuid(7, 0, out);
  if (load<u32>(out, 4) & (1 << 7)) found |= CR4_SMEP;
  if (load<u32>(out, 4) & (1 << 20)) found |= CR4_SMAP;
  if (load<u32>(out, 8) & (1 << 2)) found |= CR4_UMIP;
  return found;
}

/** Reads CPUID on the boot CPU, once. */
export function detectProtection(): void {
  bits = readBits() & ~(hasOption("nopcid") ? CR4_PCIDE : 0);
}

/** Whether the CPU this runs on has all that the boot CPU has. */
export function hasAllProtection(): bool {
  return (readBits() & bits) === bits;
}

/** On every CPU, while CR3 holds a root with PCID 0. */
export function enableProtection(): void {
  set_cr4(cr4() | bits);
}

/** Whether entries from user mode have to clear AC, which lets the kernel touch user pages. */
export function hasSmap(): bool {
  return (bits & CR4_SMAP) !== 0;
}

export function hasPcids(): bool {
  return (bits & CR4_PCIDE) !== 0;
}
