// CRC32 of SSE4.2, the one instruction of the set that works on general-purpose registers. Follows Intel SDM
// vol. 2.

import { S_FAULT } from "../../state";
import { Op, readRm } from "../op/op";

/** CRC32 with the Castagnoli polynomial, bit-reversed 0x82F63B78. */
export function crc32(op: Op): usize {
  const size = <i32>op.size;
  const v = readRm(op, size);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  let crc = load<u32>(<usize>op.dst);
  for (let i = 0; i < size; i++) {
    crc ^= <u32>(v >> <u64>(i * 8)) & 0xff;
    for (let k = 0; k < 8; k++) crc = (crc >> 1) ^ (0x82f63b78 & (0 - (crc & 1)));
  }
  store<u64>(<usize>op.dst, <u64>crc);
  return op.next();
}
