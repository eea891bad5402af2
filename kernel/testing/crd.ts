// Capability range descriptors for the user side of tests.

/** Kind, first index, log2 of the number of indices, permissions. */
export function crd(kind: number, base: bigint | number, order = 0, attr = 0x1f): bigint {
  return (BigInt(base) << 12n) | BigInt((order << 7) | (attr << 2) | kind);
}
