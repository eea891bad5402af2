// One instruction of any mode into one micro-op record. Follows Intel SDM vol. 2, chapter 2.

import { beginInstruction, decodePrefixes, endInstruction, overrun } from "./cursor";
import { decodeOneByte } from "./one_byte";

/**
 * Decodes the instruction at host address `bytes` (of which `available` may be read) into the record at
 * `at`. Returns its length. `offset` is its page offset, `index` its number in the block.
 */
export function decodeOne(
  at: usize,
  bytes: usize,
  available: u32,
  offset: u32,
  index: i32,
  key: u32,
): u32 {
  beginInstruction(at, bytes, available, index, key);
  const b = decodePrefixes();
  if (overrun) return 0;
  decodeOneByte(b);
  return endInstruction(offset);
}
