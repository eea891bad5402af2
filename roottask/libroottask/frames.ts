// Frames that several spaces have at a time: after fork(2) both sides have the same ones until one of them writes. A
// frame has a count of those that have it beyond the first; counts are in leaves for 8 MiB each, made when one of their
// frames is shared first, and kept.

import { allocatePages, releasePages } from "./pages";

const FRAME_BITS: u32 = 12;
const LEAF_BITS: u32 = 23;
const LEAF_MASK: usize = ((1 as usize) << LEAF_BITS) - 1;
const COUNT_MAX: u32 = 0xffff;

/** A pointer per 8 MiB below 4 GiB. */
const leaves = memory.data(512 * 4);

/** Must be called before frames are shared, or storage is taken from the heap. */
export function initFrames(): void {
  memory.fill(leaves, 0, 512 * 4);
}

function countOf(frame: usize, leaf: usize): usize {
  return leaf + (((frame & LEAF_MASK) >> FRAME_BITS) << 1);
}

/** How many have `frame` beyond the first. */
export function othersWith(frame: usize): u32 {
  const leaf = load<usize>(leaves + ((frame >> LEAF_BITS) << 2));
  return leaf === 0 ? 0 : load<u16>(countOf(frame, leaf));
}

/** More than one space has `frame`. */
export function isShared(frame: usize): bool {
  return othersWith(frame) !== 0;
}

/** One more has `frame`. False when memory is out. */
export function shareFrame(frame: usize): bool {
  const place = leaves + ((frame >> LEAF_BITS) << 2);
  let leaf = load<usize>(place);
  if (leaf === 0) {
    leaf = allocatePages(0);
    if (leaf === 0) return false;
    store<usize>(place, leaf);
  }
  const count = countOf(frame, leaf);
  const value = load<u16>(count) as u32;
  if (value === COUNT_MAX) return false;
  store<u16>(count, (value + 1) as u16);
  return true;
}

/** One that had `frame` has it no more; it is free when nobody has it. */
export function dropFrame(frame: usize): void {
  const leaf = load<usize>(leaves + ((frame >> LEAF_BITS) << 2));
  if (leaf !== 0) {
    const count = countOf(frame, leaf);
    const value = load<u16>(count) as u32;
    if (value !== 0) {
      store<u16>(count, (value - 1) as u16);
      return;
    }
  }
  releasePages(frame, 0);
}
