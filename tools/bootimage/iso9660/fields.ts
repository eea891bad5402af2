// Numbers, texts and dates as ECMA-119 (ISO 9660) writes them.

/** 16 bits in both orders of bytes (7.2.3). */
export function setBoth16(view: DataView, at: number, value: number): void {
  view.setUint16(at, value, true);
  view.setUint16(at + 2, value, false);
}

/** 32 bits in both orders of bytes (7.3.3). */
export function setBoth32(view: DataView, at: number, value: number): void {
  view.setUint32(at, value, true);
  view.setUint32(at + 4, value, false);
}

/** A text's ASCII bytes, filled up with blanks. */
export function paddedText(text: string, length: number): Uint8Array {
  return new TextEncoder().encode(text.padEnd(length)).subarray(0, length);
}

/** UTF-16, big-endian, as Joliet has it. */
export function utf16(text: string): Uint8Array {
  const bytes = new Uint8Array(2 * text.length);
  for (let at = 0; at < text.length; at++) {
    bytes[2 * at] = text.charCodeAt(at) >> 8;
    bytes[2 * at + 1] = text.charCodeAt(at) & 0xff;
  }
  return bytes;
}

/** The same, filled up with blanks to `length` bytes. */
export function paddedUtf16(text: string, length: number): Uint8Array {
  return utf16(text.padEnd(length / 2)).subarray(0, length);
}

/** Everything in an image has one time, so that images are reproducible: 1 January 1980, 0:00, the first of FAT. */
export const RECORD_TIME = Uint8Array.of(80, 1, 1, 0, 0, 0, 0);
/** The same as a volume descriptor has it (8.4.26.1). */
export const VOLUME_TIME = new Uint8Array([...new TextEncoder().encode("1980010100000000"), 0]);
/** A time of which nothing is known. */
export const NO_TIME = new Uint8Array([...new TextEncoder().encode("0".repeat(16)), 0]);
