// The Internet checksum (RFC 1071).

/** Sum of the 16-bit words, in network order, of bytes `from` … `to - 1`; a last odd byte is the upper half of a word. */
export function sumOfWords(bytes: Uint8Array, from: number, to: number, start = 0): number {
  let sum = start;
  const end = Math.min(to, bytes.length);
  let at = from;
  for (; at + 1 < end; at += 2) sum += ((bytes[at] as number) << 8) | (bytes[at + 1] as number);
  if (at < end) sum += (bytes[at] as number) << 8;
  return sum;
}

/** The checksum that belongs to a sum of less than 2^32. */
export function checksumOf(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}
