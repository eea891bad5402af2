// CRC32 of SSE4.2, the one instruction of the set that works on general-purpose registers. Follows Intel SDM
// vol. 2.

import { S_FAULT } from "../../state";
import { Op, readRm } from "../op/op";

/** The Castagnoli polynomial, bits reversed. */
const POLYNOMIAL: u32 = 0x82f63b78;
/** Table k, of 256 words each: what a byte leaves behind with k more bytes of zeros after it. */
const TABLES: usize = memory.data(8 * 1024, 16);

export function initCrc32(): void {
  for (let byte: u32 = 0; byte < 256; byte++) {
    let crc = byte;
    for (let k = 0; k < 8; k++) crc = (crc >> 1) ^ (POLYNOMIAL & (0 - (crc & 1)));
    store<u32>(TABLES + (byte << 2), crc);
  }
  for (let at: usize = 1024; at < 8 * 1024; at += 4) {
    const before = load<u32>(TABLES + at - 1024);
    store<u32>(TABLES + at, load<u32>(TABLES + ((before & 0xff) << 2)) ^ (before >> 8));
  }
}

/** CRC32 with the Castagnoli polynomial: all bytes of the operand at once, each by the table of its place. */
export function crc32(op: Op): usize {
  const size = <u32>op.size;
  const v = readRm(op, size);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const before = load<u32>(<usize>op.dst);
  // What the operand has no bits for stays, moved to the lower end.
  let crc: u32 = size < 4 ? before >> (size << 3) : 0;
  let rest = v ^ before;
  for (let table = TABLES + ((size - 1) << 10); table >= TABLES; table -= 1024) {
    crc ^= load<u32>(table + ((<u32>rest & 0xff) << 2));
    rest >>= 8;
  }
  store<u64>(<usize>op.dst, <u64>crc);
  return op.next();
}
