// Capability range descriptors for the user side of tests.

import { CRD_BASE_SHIFT, CRD_ORDER_SHIFT, CRD_PERM_SHIFT } from "../abi.ts";

/** Kind, first index, log2 of the number of indices, permissions. */
export function crd(kind: number, base: bigint | number, order = 0, attr = 0x1f): bigint {
  return (
    (BigInt(base) << BigInt(CRD_BASE_SHIFT)) |
    BigInt((order << CRD_ORDER_SHIFT) | (attr << CRD_PERM_SHIFT) | kind)
  );
}
