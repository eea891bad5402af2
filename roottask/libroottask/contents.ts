// The contents of regular files: the one place that reads, writes, extends and cuts them, whoever asks. Where
// they lie is file_pages.ts. What lies between the old end and a write behind it is a hole.

import { PAGE_BITS, PAGE_SIZE } from "../libhedron/abi";
import { EFAULT, EFBIG, EINVAL, ENOSPC, EOPNOTSUPP, EPERM } from "./errno";
import {
  clearBytes,
  contentsAt,
  runLength as contentsLength,
  cutContents,
  dropPages,
  frameAt,
  frameToWrite,
  reserveFrame,
  unreserveFrame,
} from "./file_pages";
import { pagesForFiles, pagesLeft } from "./file_system";
import { markModified } from "./file_time";
import { FALLOC_KEEP_SIZE, FALLOC_PUNCH_HOLE } from "./open_file";
import { noteWriter } from "./permission";
import { F_SEAL_GROW, F_SEAL_SHRINK, isWriteSealed } from "./seals";
import { closeWindows } from "./shared_files";
import { unmapPages } from "./space";
import { fillBytes, Transfer, takeBytes } from "./transfer";
import { FILE_MAX, Node } from "./tree";

const PAGE_MASK: u64 = PAGE_SIZE - 1;
const ALL: u64 = ~(0 as u64);

/** Fills `transfer` from byte `position` on: the number of bytes, 0 at the end, or -EFAULT. */
export function readContents(node: Node, transfer: Transfer, position: i64): i64 {
  const start = position as u64;
  if (start >= node.size || transfer.left === 0) return 0;
  const count = min<u64>(transfer.left, node.size - start);
  let done: u64 = 0;
  while (done < count) {
    const source = contentsAt(node, start + done, count - done);
    const length = contentsLength;
    const filled = fillBytes(transfer, source, length);
    done += filled as u64;
    if (filled < length) break;
  }
  return done === 0 ? -EFAULT : (done as i64);
}

/** The frame of page `index` to write to, or 0 where there is no room for another. */
function roomFor(node: Node, index: u64): usize {
  if (frameAt(node, index) === 0 && pagesForFiles() === 0) return 0;
  return frameToWrite(node, index);
}

/** Where writes end for who has `limit`: at 0 where that is negative and not the one that means none, as on Linux. */
export function writeEnd(limit: u64): u64 {
  return (limit as i64) < -1 ? 0 : min<u64>(limit, FILE_MAX as u64);
}

/**
 * Writes `transfer` from byte `position` on, no further than byte `limit`: the number of bytes, -EFBIG at
 * the limit, -ENOSPC, -EPERM where a seal forbids it, or -EFAULT.
 */
export function writeContents(node: Node, transfer: Transfer, position: i64, limit: u64): i64 {
  if (transfer.left === 0) return 0;
  const start = position as u64;
  const end = writeEnd(limit);
  if (start >= end) return -EFBIG;
  const count = min<u64>(transfer.left, end - start);
  if (isWriteSealed(node)) return -EPERM;
  if (node.windows !== 0) closeWindows(node);
  const fixed = (node.seals & F_SEAL_GROW) !== 0;
  let done: u64 = 0;
  let error: i64 = 0;
  while (done < count) {
    const at = start + done;
    const within = (at & PAGE_MASK) as u32;
    const length = min<u64>((PAGE_SIZE - within) as u64, count - done) as u32;
    error = fixed && at + (length as u64) > node.size ? -EPERM : 0;
    const frame = error === 0 ? roomFor(node, at >> PAGE_BITS) : 0;
    if (frame === 0) {
      if (done === 0) return error === 0 ? -ENOSPC : error;
      break;
    }
    const taken = takeBytes(transfer, frame + within, length);
    done += taken as u64;
    // As on a tmpfs of Linux, the file reaches to where the write began also when nothing could be read for it. What has been
    // read for it may be a mapping of the file, and be there now: it is looked at again.
    const grown = start + done > node.size;
    if (grown) node.size = start + done;
    if (taken < length && !grown) break;
  }
  noteWriter(node);
  markModified(node);
  return done === 0 ? -EFAULT : (done as i64);
}

/** Sets the size, within `limit`. Returns 0, -EINVAL, -EFBIG, or -EPERM where a seal forbids it. */
export function truncateContents(node: Node, size: i64, limit: u64): i64 {
  if (size < 0) return -EINVAL;
  const wanted = size as u64;
  if (wanted > limit && wanted > node.size) return -EFBIG;
  if (wanted < node.size && (node.seals & F_SEAL_SHRINK) !== 0) return -EPERM;
  if (wanted > node.size && (node.seals & F_SEAL_GROW) !== 0) return -EPERM;
  if (node.windows !== 0) closeWindows(node);
  if (wanted <= node.size) {
    unmapPages(node, (wanted + PAGE_MASK) >> PAGE_BITS, ALL, true);
    cutContents(node, wanted);
  }
  node.size = wanted;
  noteWriter(node);
  markModified(node);
  return 0;
}

/** Makes [start, end) a hole; the size stays. Returns 0, -EPERM or -ENOSPC. */
function punchHole(node: Node, start: u64, end: u64): i64 {
  const first = (start + PAGE_MASK) >> PAGE_BITS;
  const last = end >> PAGE_BITS;
  if (isWriteSealed(node)) return -EPERM;
  if (node.windows !== 0) closeWindows(node);
  if (first > last) return clearBytes(node, start, end) ? 0 : -ENOSPC;
  unmapPages(node, first, last, false);
  const dropped = dropPages(node, first, last);
  const cleared =
    clearBytes(node, start, first << PAGE_BITS) && clearBytes(node, last << PAGE_BITS, end);
  return dropped && cleared ? 0 : -ENOSPC;
}

/** Keeps a frame for each page of [first, last), or for none: 0 or -ENOSPC. */
function reservePages(node: Node, first: u64, last: u64): i64 {
  const room = min<u32>(pagesForFiles(), pagesLeft(node));
  if (last - first > (room as u64) + (node.pageCount as u64)) return -ENOSPC;
  for (let index = first; index < last; index++) {
    if (pagesForFiles() !== 0 && reserveFrame(node, index) >= 0) continue;
    for (let at = first; at < index; at++) unreserveFrame(node, at);
    return -ENOSPC;
  }
  return 0;
}

/** fallocate(2): reserves space, or makes [offset, offset + length) a hole. */
export function allocateContents(node: Node, mode: u32, offset: i64, length: i64, limit: u64): i64 {
  if (offset < 0 || length <= 0) return -EINVAL;
  if (offset + length < 0) return -EFBIG;
  if ((mode & ~(FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE)) !== 0) return -EOPNOTSUPP;
  const start = offset as u64;
  const end = start + (length as u64);
  let error: i64 = 0;
  if ((mode & FALLOC_PUNCH_HOLE) !== 0) {
    error = punchHole(node, start, end);
  } else {
    if (end > limit && end > node.size) return -EFBIG;
    if (end > node.size && (node.seals & F_SEAL_GROW) !== 0) return -EPERM;
    if (node.windows !== 0) closeWindows(node);
    error = reservePages(node, start >> PAGE_BITS, (end + PAGE_MASK) >> PAGE_BITS);
    if (error === 0 && (mode & FALLOC_KEEP_SIZE) === 0) node.size = max<u64>(node.size, end);
  }
  if (error === 0) markModified(node);
  return error;
}
