// The kernel's interface for user programs. Its numbers are declared once, in the kernel's room, and have the
// published names; here is what only the user side needs.

import { CRD_BASE_SHIFT, CRD_ORDER_SHIFT, CRD_PERM_SHIFT } from "../../kernel/abi";

export * from "../../kernel/abi";

/** A capability range descriptor: `base` is a page, port or selector number, the range 2^order of them. */
export function crd(kind: u32, base: u64, order: u64, rights: u32): u64 {
  const permissions = (rights as u64) << CRD_PERM_SHIFT;
  return (base << CRD_BASE_SHIFT) | (order << CRD_ORDER_SHIFT) | permissions | (kind as u64);
}
