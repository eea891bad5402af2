// Floating-point numbers as decimal text, correctly rounded: the value, which is an integer times a power of two, is
// scaled by a power of ten and rounded to an integer of as many bits as it takes; ties go to the even one, as printf(3)
// does by default.

/** Digits behind the point, at most: ten to this power is below 2^67. */
export const DECIMALS_MAX: u32 = 20;
/** Characters of the longest text: sign, 309 digits, point, DECIMALS_MAX digits. */
export const FLOAT_TEXT: u32 = 332;

/** 32-bit words, the least significant first: 1024 bits of the largest value and 67 for the scale, and one to spare. */
const words = memory.data(36 * 4);
/** Words in use. */
let used: u32 = 0;

const EXPONENT_BITS: u64 = 52;
const FRACTION: u64 = (1 << 52) - 1;
const EXPONENT_MAX: u32 = 0x7ff;
/** Exponent of the least significant bit of a number whose exponent field is 0 or 1. */
const EXPONENT_BASE: i32 = -1074;

const BILLION: u64 = 1_000_000_000;
const BILLION_DIGITS: u32 = 9;
/** Digits of the largest integer, in groups of nine. */
const DIGITS: u32 = 342;
const digits = memory.data(342);

function word(index: u32): u64 {
  return load<u32>(words + index * 4) as u64;
}

function setWord(index: u32, value: u64): void {
  store<u32>(words + index * 4, value as u32);
}

function multiply(factor: u32): void {
  let carry: u64 = 0;
  for (let i: u32 = 0; i < used; i++) {
    carry += word(i) * (factor as u64);
    setWord(i, carry);
    carry >>= 32;
  }
  if (carry !== 0) setWord(used++, carry);
}

function shiftLeft(count: u32): void {
  const whole = count / 32;
  const part = (count % 32) as u64;
  for (let i = used; i-- > 0; ) {
    const value = word(i) << part;
    setWord(i + whole + 1, (i + 1 === used ? 0 : word(i + whole + 1)) | (value >> 32));
    setWord(i + whole, value);
  }
  for (let i: u32 = 0; i < whole; i++) setWord(i, 0);
  used += whole + 1;
  trim();
}

function trim(): void {
  while (used > 0 && word(used - 1) === 0) used--;
}

function bit(index: u32): bool {
  return index / 32 < used && ((word(index / 32) >> ((index % 32) as u64)) & 1) !== 0;
}

/** Any bit below `index` is set. */
function anyBelow(index: u32): bool {
  for (let i: u32 = 0; i < used && i * 32 < index; i++) {
    const bits = index - i * 32;
    const mask: u64 = bits >= 32 ? 0xffff_ffff : ((1 as u64) << (bits as u64)) - 1;
    if ((word(i) & mask) !== 0) return true;
  }
  return false;
}

/** Divides by 2^`count`, rounding to the nearest, ties to even. */
function shiftRight(count: u32): void {
  const half = bit(count - 1);
  const below = anyBelow(count - 1);
  const whole = count / 32;
  const part = (count % 32) as u64;
  const length = used;
  used = whole >= length ? 0 : length - whole;
  for (let i: u32 = 0; i < used; i++) {
    const high = i + whole + 1 < length ? word(i + whole + 1) : 0;
    setWord(i, ((high << 32) | word(i + whole)) >> part);
  }
  trim();
  if (half && (below || bit(0))) increment();
}

function increment(): void {
  for (let i: u32 = 0; i < used; i++) {
    const sum = word(i) + 1;
    setWord(i, sum);
    if (sum >> 32 === 0) return;
  }
  setWord(used++, 1);
}

/** Divides by a billion; the remainder. */
function divide(): u64 {
  let rest: u64 = 0;
  for (let i = used; i-- > 0; ) {
    rest = (rest << 32) | word(i);
    setWord(i, rest / BILLION);
    rest %= BILLION;
  }
  trim();
  return rest;
}

/** The integer as digits at the end of `digits`, at least `least` of them; their number. */
function toDigits(least: u32): u32 {
  let at = DIGITS;
  while (used > 0) {
    let group = divide();
    for (let i: u32 = 0; i < BILLION_DIGITS; i++) {
      store<u8>(digits + --at, 48 + ((group % 10) as u8));
      group /= 10;
    }
  }
  while (at < DIGITS && load<u8>(digits + at) === 48) at++;
  while (DIGITS - at < least) store<u8>(digits + --at, 48);
  return DIGITS - at;
}

function copyName(target: usize, name: string): u32 {
  for (let i = 0; i < name.length; i++) store<u8>(target + i, name.charCodeAt(i));
  return name.length as u32;
}

/**
 * Writes `value` with `decimals` digits behind the point (more than DECIMALS_MAX count as that) to `target`, which has
 * room for FLOAT_TEXT bytes; returns the number of characters. Not a number is "nan", the infinities are "inf".
 */
export function floatText(target: usize, value: f64, decimals: u32): u32 {
  const bits = reinterpret<u64>(value);
  const exponent = ((bits >> EXPONENT_BITS) as u32) & EXPONENT_MAX;
  const fraction = bits & FRACTION;
  const places = min<u32>(decimals, DECIMALS_MAX);
  let at = target;
  if (exponent === EXPONENT_MAX && fraction !== 0) return copyName(target, "nan");
  if (bits >> 63 !== 0) store<u8>(at++, 45);
  if (exponent === EXPONENT_MAX) return ((at - target) as u32) + copyName(at, "inf");
  const integer = exponent === 0 ? fraction : fraction | (FRACTION + 1);
  setWord(0, integer);
  setWord(1, integer >> 32);
  used = 2;
  trim();
  for (let i: u32 = 0; i < places; i++) multiply(10);
  const shift = EXPONENT_BASE + (max<u32>(exponent, 1) as i32) - 1;
  if (shift > 0 && used > 0) shiftLeft(shift as u32);
  else if (shift < 0) shiftRight(-shift as u32);
  const count = toDigits(places + 1);
  const from = digits + DIGITS - count;
  memory.copy(at, from, count - places);
  at += count - places;
  if (places !== 0) {
    store<u8>(at++, 46);
    memory.copy(at, from + count - places, places);
    at += places;
  }
  return (at - target) as u32;
}
