// Byte strings: comparison, hashing, copying of literals, numbers in text. Strings are pointer and length, bytes
// are taken as they are; a `string` argument is always a literal of ASCII characters.

export function bytesEqual(a: usize, aLength: u32, b: usize, bLength: u32): bool {
  if (aLength !== bLength) return false;
  return memory.compare(a, b, aLength) === 0;
}

/** Prime and beginning of FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv. */
const PRIME: u32 = 0x0100_0193;
const BASIS: u32 = 0x811c_9dc5;

/** A number that differs for most byte strings. */
export function hashOf(name: usize, length: u32): u32 {
  let hash = BASIS;
  for (let i: u32 = 0; i < length; i++) hash = (hash ^ (load<u8>(name + i) as u32)) * PRIME;
  return hash;
}

export function equalsLiteral(text: usize, length: u32, literal: string): bool {
  if (length !== (literal.length as u32)) return false;
  for (let i: u32 = 0; i < length; i++) {
    if ((load<u8>(text + i) as i32) !== literal.charCodeAt(i)) return false;
  }
  return true;
}

/** The text begins with the characters of `literal`. */
export function beginsWith(text: usize, length: u32, literal: string): bool {
  const head = literal.length as u32;
  return length >= head && equalsLiteral(text, head, literal);
}

/** Copies the characters of `literal` to `target`; returns their number. */
export function copyLiteral(target: usize, literal: string): u32 {
  for (let i = 0; i < literal.length; i++) store<u8>(target + i, literal.charCodeAt(i));
  return literal.length as u32;
}

/** Bytes before the first NUL, at most `limit`. */
export function terminatedLength(text: usize, limit: u32): u32 {
  let length: u32 = 0;
  while (length < limit && load<u8>(text + length) !== 0) length++;
  return length;
}

/** Value of the decimal digits in [text, text + length), or -1 where it is not a number below 2^53. */
export function parseDecimal(text: usize, length: u32): i64 {
  if (length === 0 || length > 15) return -1;
  let value: i64 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const digit = (load<u8>(text + i) as i32) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
