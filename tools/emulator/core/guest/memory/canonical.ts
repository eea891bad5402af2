// Canonical linear addresses. Follows Intel SDM vol. 1, 3.3.7.1, and vol. 3A, 4.1.1 and 4.5: an access, a branch and a
// stack have the width of the paging mode; a register that holds an address for later takes what the processor has.

import { S_CR4 } from "../../state";
import { CR4_LA57 } from "../processor/control_bits";
import { hasBit, LEAF7_ECX } from "../processor/model";

/** Whether bits 63 to 47 are all alike. */
function canonical48(linear: u64): bool {
  return (linear + 0x800000000000) >> 48 == 0;
}

/** Whether bits 63 to 56 are all alike. */
function canonical57(linear: u64): bool {
  return (linear + 0x100000000000000) >> 57 == 0;
}

/** Whether `linear` can be accessed or executed: 48 bits, 57 with 5-level paging. */
export function canonical(linear: u64): bool {
  return canonical48(linear) || ((load<u64>(S_CR4) & CR4_LA57) != 0 && canonical57(linear));
}

/** Width of linear addresses that CPUID reports. */
export function linearBits(): u32 {
  return hasBit(LEAF7_ECX, 16) ? 57 : 48;
}

/**
 * Whether the bases of segments and descriptor tables, MSRs with addresses and INVPCID take `linear`: the width is the
 * processor's, whatever paging mode it is in.
 */
export function canonicalBase(linear: u64): bool {
  return canonical48(linear) || (linearBits() == 57 && canonical57(linear));
}
