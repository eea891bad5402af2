// Bytes on their way between a caller and a file: pieces of a program's memory, or of the roottask's own,
// of which some have been passed. Files take them or fill them run by run, a run being what lies in one
// piece for the roottask: at most a page of a program.

import { MEM_R, MEM_W } from "../libhedron/abi";
import { Space } from "./areas";
import { allocate, release } from "./heap";
import { inPage, pointerTo } from "./space";

/** Pieces that need no storage of their own. */
const INLINE: u32 = 2;
/** A piece: address and length, as struct iovec. */
export const PIECE_BYTES: u32 = 16;

@unmanaged
export class Transfer {
  /** Whose memory the pieces are; null for the roottask's own. */
  space: Space | null;
  pieces: usize;
  count: u32;
  /** The piece in work, and how much of it has been passed. */
  index: u32;
  passed: u64;
  /** Bytes left in all. */
  left: u64;
  inline0: u64;
  inline1: u64;
  inline2: u64;
  inline3: u64;
}

/** Room for `count` pieces, which the caller fills in; false when memory is out. */
export function openPieces(transfer: Transfer, space: Space | null, count: u32): bool {
  transfer.space = space;
  transfer.count = count;
  transfer.index = 0;
  transfer.passed = 0;
  transfer.left = 0;
  transfer.pieces =
    count <= INLINE
      ? changetype<usize>(transfer) + offsetof<Transfer>("inline0")
      : allocate(count * PIECE_BYTES);
  return transfer.pieces !== 0;
}

/** Gives back the storage of the pieces. */
export function closePieces(transfer: Transfer): void {
  if (transfer.count > INLINE && transfer.pieces !== 0) {
    release(transfer.pieces, transfer.count * PIECE_BYTES);
  }
  transfer.count = 0;
  transfer.pieces = 0;
}

/** Makes `transfer` the `length` bytes at `address`. */
export function transferOf(
  transfer: Transfer,
  space: Space | null,
  address: u64,
  length: u64,
): void {
  openPieces(transfer, space, 1);
  store<u64>(transfer.pieces, address);
  store<u64>(transfer.pieces + 8, length);
  transfer.left = length;
}

/** Bytes left of the piece in work, or of the next one where that is done. */
export function pieceBytes(transfer: Transfer): u64 {
  let piece = transfer.pieces + transfer.index * PIECE_BYTES;
  if (transfer.passed !== 0 && transfer.passed === load<u64>(piece + 8)) {
    transfer.index++;
    transfer.passed = 0;
    piece += PIECE_BYTES;
  }
  return min<u64>(load<u64>(piece + 8) - transfer.passed, transfer.left);
}

/** Bytes at the pointer `nextRun` returned. */
export let runLength: u32 = 0;

/** The next run, for use with `rights`: the roottask's pointer, or 0 where the program may not use it so. */
export function nextRun(transfer: Transfer, rights: u32): usize {
  let piece = transfer.pieces + transfer.index * PIECE_BYTES;
  while (load<u64>(piece + 8) === transfer.passed) {
    transfer.index++;
    transfer.passed = 0;
    piece += PIECE_BYTES;
  }
  const address = load<u64>(piece) + transfer.passed;
  const rest = min<u64>(load<u64>(piece + 8) - transfer.passed, transfer.left);
  const space = transfer.space;
  if (space === null) {
    runLength = min<u64>(rest, 0x4000_0000) as u32;
    return address as usize;
  }
  runLength = inPage(address, rest);
  return pointerTo(space, address, rights);
}

/** `bytes` of the current run have been passed. */
export function pass(transfer: Transfer, bytes: u32): void {
  transfer.passed += bytes as u64;
  transfer.left -= bytes as u64;
}

const copy = memory.data(64);
if (offsetof<Transfer>() > 64) ERROR("copy");

/** How many bytes, up to `length`, `takeBytes` would take now. */
export function readyBytes(transfer: Transfer, length: u32): u32 {
  memory.copy(copy, changetype<usize>(transfer), offsetof<Transfer>());
  const rest = changetype<Transfer>(copy);
  let done: u32 = 0;
  while (done < length && rest.left !== 0 && nextRun(rest, MEM_R) !== 0) {
    const bytes = min<u32>(runLength, length - done);
    pass(rest, bytes);
    done += bytes;
  }
  return done;
}

/** Takes up to `length` bytes to `target`: how many, fewer where the program's memory cannot be read. */
export function takeBytes(transfer: Transfer, target: usize, length: u32): u32 {
  let done: u32 = 0;
  while (done < length && transfer.left !== 0) {
    const from = nextRun(transfer, MEM_R);
    if (from === 0) break;
    const bytes = min<u32>(runLength, length - done);
    memory.copy(target + done, from, bytes);
    pass(transfer, bytes);
    done += bytes;
  }
  return done;
}

/** Fills in `length` bytes from `source`: how many, fewer where the program's memory cannot be written. */
export function fillBytes(transfer: Transfer, source: usize, length: u32): u32 {
  let done: u32 = 0;
  while (done < length && transfer.left !== 0) {
    const to = nextRun(transfer, MEM_W);
    if (to === 0) break;
    const bytes = min<u32>(runLength, length - done);
    memory.copy(to, source + done, bytes);
    pass(transfer, bytes);
    done += bytes;
  }
  return done;
}
