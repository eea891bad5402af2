// Structures that may grow: the caller says how large its own is, and what the kernel does not know of it has to be zero
// (copy_struct_from_user() of Linux).

import { Space } from "../libroottask/areas";
import { E2BIG, EFAULT } from "../libroottask/errno";
import { copyFrom, inPage } from "../libroottask/space";

const PIECE_BYTES: u32 = 64;
const pieceOfRest = memory.data(64);

/** Bytes [from, to) of `space`: 0 where they are zero, -E2BIG where not, -EFAULT. */
function checkZero(space: Space, from: u64, to: u64): i64 {
  let at = from;
  while (at < to) {
    const piece = min<u32>(inPage(at, to - at), PIECE_BYTES);
    if (!copyFrom(space, pieceOfRest, at, piece)) return -EFAULT;
    for (let i: u32 = 0; i < piece; i++) if (load<u8>(pieceOfRest + i) !== 0) return -E2BIG;
    at += piece as u64;
  }
  return 0;
}

/** Copies what there is of a structure of `known` bytes from the caller's of `size` at `address`: 0, -E2BIG or -EFAULT. */
export function copyExtensible(
  space: Space,
  target: usize,
  known: u32,
  address: u64,
  size: u64,
): i64 {
  const common = min<u64>(size, known as u64);
  const wrong = checkZero(space, address + common, address + size);
  if (wrong !== 0) return wrong;
  return copyFrom(space, target, address, common as u32) ? 0 : -EFAULT;
}
