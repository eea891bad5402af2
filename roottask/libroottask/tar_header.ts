// One block of a tar archive as a header: POSIX.1-1988 ustar, its V7 and GNU relatives. What tar writers
// disagree about is read as any of them means it: numbers in octal or base-256 (GNU tar manual, "Storing
// files larger than 8 GB"), checksums over unsigned or signed bytes.

/** Bytes of a header and of the unit that data is padded to. */
export const BLOCK: u32 = 512;

/** Fields: offset in the header, and its length where it is not a constant of the reader's. */
export const NAME: u32 = 0;
export const NAME_LENGTH: u32 = 100;
export const MODE: u32 = 100;
export const SIZE: u32 = 124;
export const TIME: u32 = 136;
const CHECKSUM: u32 = 148;
export const TYPE: u32 = 156;
export const LINK: u32 = 157;
export const LINK_LENGTH: u32 = 100;
export const MAGIC: u32 = 257;
export const PREFIX: u32 = 345;
export const PREFIX_LENGTH: u32 = 155;
/** GNU tar's old sparse headers: four segments, "more follow", size of the unpacked file. */
export const SPARSE_SEGMENTS: u32 = 386;
export const SPARSE_MORE: u32 = 482;
export const SPARSE_SIZE: u32 = 483;

/** Lengths of the numeric fields. */
export const SHORT_NUMBER: u32 = 8;
export const LONG_NUMBER: u32 = 12;

/** Type flags: ustar's, then GNU tar's, then the pax headers (X is Solaris's). */
export const TYPE_OLD_FILE: u8 = 0;
export const TYPE_FILE: u8 = 48;
export const TYPE_HARD_LINK: u8 = 49;
export const TYPE_SYMBOLIC_LINK: u8 = 50;
export const TYPE_CHARACTER_DEVICE: u8 = 51;
export const TYPE_BLOCK_DEVICE: u8 = 52;
export const TYPE_DIRECTORY: u8 = 53;
export const TYPE_FIFO: u8 = 54;
export const TYPE_CONTIGUOUS: u8 = 55;
export const TYPE_DUMP_DIRECTORY: u8 = 68;
export const TYPE_LONG_LINK: u8 = 75;
export const TYPE_LONG_NAME: u8 = 76;
export const TYPE_CONTINUATION: u8 = 77;
export const TYPE_OLD_LONG_NAMES: u8 = 78;
export const TYPE_SPARSE: u8 = 83;
export const TYPE_VOLUME: u8 = 86;
export const TYPE_PAX: u8 = 120;
export const TYPE_SOLARIS_PAX: u8 = 88;
export const TYPE_GLOBAL_PAX: u8 = 103;

/** The field that `headerNumber` read last holds a number of at most 64 bits. */
export let numberRight: bool = true;

/** Two's complement, big endian; bit 7 of the first byte is the mark, bit 6 the sign. */
function base256(field: usize, length: u32): i64 {
  const first = load<u8>(field);
  let value = (first & 0x3f) as i64;
  if ((first & 0x40) !== 0) value -= 0x40;
  for (let i: u32 = 1; i < length; i++) {
    if (value > i64.MAX_VALUE >> 8 || value < i64.MIN_VALUE >> 8) {
      numberRight = false;
      return 0;
    }
    value = (value << 8) | (load<u8>(field + i) as i64);
  }
  return value;
}

/**
 * Value of a numeric field: base-256, or octal digits between blanks, ended by a blank, a NUL or the field.
 * A blank field is 0. Sets `numberRight`.
 */
export function headerNumber(field: usize, length: u32): i64 {
  numberRight = true;
  if ((load<u8>(field) & 0x80) !== 0) return base256(field, length);
  let i: u32 = load<u8>(field) === 0 ? 1 : 0;
  while (i < length && load<u8>(field + i) === 32) i++;
  let value: i64 = 0;
  for (; i < length; i++) {
    const digit = load<u8>(field + i);
    if (digit === 0 || digit === 32) break;
    if (digit < 48 || digit > 55) {
      numberRight = false;
      return 0;
    }
    value = (value << 3) | ((digit - 48) as i64);
  }
  return value;
}

/** The block's checksum is that of its bytes, taken as unsigned (POSIX) or signed (some old writers). */
export function isHeader(block: usize): bool {
  let sum: i64 = SHORT_NUMBER * 32;
  let signed: i64 = sum;
  for (let i: u32 = 0; i < BLOCK; i++) {
    if (i >= CHECKSUM && i < CHECKSUM + SHORT_NUMBER) continue;
    sum += load<u8>(block + i) as i64;
    signed += load<i8>(block + i) as i64;
  }
  const recorded = headerNumber(block + CHECKSUM, SHORT_NUMBER);
  return numberRight && (recorded === sum || recorded === signed) && !isZero(block);
}

/** The block marks the archive's end. */
export function isZero(block: usize): bool {
  for (let i: u32 = 0; i < BLOCK; i += 8) if (load<u64>(block + i) !== 0) return false;
  return true;
}
