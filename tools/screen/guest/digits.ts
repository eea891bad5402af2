// Numbers as ASCII digits, most significant first, in memory that the caller has.

/** Bytes that any number needs, in either base. */
export const DIGITS_MAX: u32 = 20;

/** Writes `value` in decimal to `target` (room for DIGITS_MAX bytes); returns the number of digits. */
export function decimal(target: usize, value: u64): u32 {
  let digits: u32 = 1;
  for (let rest = value / 10; rest !== 0; rest /= 10) digits++;
  let rest = value;
  for (let i = digits; i > 0; i--) {
    store<u8>(target + i - 1, 48 + ((rest % 10) as u8));
    rest /= 10;
  }
  return digits;
}

/**
 * Writes `value` in hexadecimal, small letters, to `target`, at least `width` digits with zeroes in front; room for
 * DIGITS_MAX bytes or, if there are more, `width`. Returns the number of digits.
 */
export function hexadecimal(target: usize, value: u64, width: u32): u32 {
  let digits: u32 = 1;
  for (let rest = value >> 4; rest !== 0; rest >>= 4) digits++;
  if (digits < width) digits = width;
  let rest = value;
  for (let i = digits; i > 0; i--) {
    const digit = (rest & 15) as u8;
    store<u8>(target + i - 1, digit < 10 ? 48 + digit : 87 + digit);
    rest >>= 4;
  }
  return digits;
}
