// High halves of 128-bit products, from products of 32-bit halves: wasm has no wider product than 64 bits.

const LOW: u64 = 0xffffffff;

/**
 * High half of the unsigned product. Each product waits for as few others as can be; what carries from the middle ones is
 * at most 2^64 - 1.
 */
export function productHigh(a: u64, b: u64): u64 {
  const al = a & LOW;
  const ah = a >> 32;
  const bl = b & LOW;
  const bh = b >> 32;
  const middle = ah * bl;
  const carried = ((al * bl) >> 32) + (middle & LOW) + al * bh;
  return ah * bh + (middle >> 32) + (carried >> 32);
}

/** The same of a square, whose middle products are one: twice that, and the rest, halved. */
export function squareHigh(a: u64): u64 {
  const low = a & LOW;
  const high = a >> 32;
  return high * high + ((high * low + ((low * low) >> 33)) >> 31);
}

/** The same of the signed product: the upper halves have the sign. The three that carry would not fit together. */
export function signedProductHigh(a: i64, b: i64): i64 {
  const al = a & LOW;
  const ah = a >> 32;
  const bl = b & LOW;
  const bh = b >> 32;
  const middle = ah * bl + <i64>(<u64>(al * bl) >> 32);
  const other = al * bh + (middle & LOW);
  return ah * bh + (middle >> 32) + (other >> 32);
}
