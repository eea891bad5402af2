// The contents of regular files: the one place that reads, writes, extends and cuts them, whoever asks. A
// file from the archive is read where the archive lies and copied on the first change. What lies between
// the old end and a write behind it reads as zeroes.

import { MEM_R } from "../libhedron/abi";
import { EFAULT, EFBIG, EINVAL, ENOSPC, EOPNOTSUPP } from "./errno";
import { markModified } from "./file_time";
import { allocate, release } from "./heap";
import { noteWriter } from "./permission";
import { closeWindows } from "./shared_files";
import { fillBytes, nextRun, pass, runLength, Transfer, takeBytes } from "./transfer";
import { FILE_MAX, Node } from "./tree";

/** Modes of fallocate(2). */
const FALLOC_KEEP_SIZE: u32 = 1;
const FALLOC_PUNCH_HOLE: u32 = 2;

/** Nothing stands in the way of a change within `size` bytes: `reserve` would do nothing. */
function hasRoom(node: Node, size: u32): bool {
  return size <= node.capacity && node.capacity !== 0 && node.windows === 0;
}

/**
 * Comes before every change: takes the windows of mediators on the contents away, and makes room for `size`
 * bytes (at most FILE_MAX) the node may write to, and keeps as many as are in them. Returns 0 or -ENOSPC.
 */
function reserve(node: Node, size: u32): i64 {
  if (node.windows !== 0) closeWindows(node);
  if (size <= node.capacity && node.capacity !== 0) return 0;
  let capacity: u32 = 4096;
  while (capacity < size) capacity <<= 1;
  const data = allocate(capacity);
  if (data === 0) return -ENOSPC;
  memory.copy(data, node.data, min<u32>(node.size, size));
  if (node.capacity !== 0) release(node.data, node.capacity);
  node.data = data;
  node.capacity = capacity;
  return 0;
}

/** Makes the bytes from the end to `size` part of the file, as zeroes; there is room. */
function extend(node: Node, size: u32): void {
  if (size <= node.size) return;
  memory.fill(node.data + node.size, 0, size - node.size);
  node.size = size;
}

/** Fills `transfer` from byte `position` on: the number of bytes, 0 at the end, or -EFAULT. */
export function readContents(node: Node, transfer: Transfer, position: i64): i64 {
  if (position >= (node.size as i64) || transfer.left === 0) return 0;
  const start = position as u32;
  const count = min<u64>(transfer.left, (node.size - start) as u64) as u32;
  const done = fillBytes(transfer, node.data + start, count);
  return done === 0 ? -EFAULT : (done as i64);
}

/**
 * Writes `transfer` from byte `position` on, no further than byte `limit`: the number of bytes, -EFBIG at
 * the limit, -ENOSPC, or -EFAULT.
 */
export function writeContents(node: Node, transfer: Transfer, position: i64, limit: u64): i64 {
  if (transfer.left === 0) return 0;
  const end = min<u64>(limit, FILE_MAX as u64);
  if ((position as u64) >= end) return -EFBIG;
  const start = position as u32;
  const count = min<u64>(transfer.left, end - (position as u64)) as u32;
  // Nothing of the file changes where nothing can be read.
  const from = nextRun(transfer, MEM_R);
  if (from === 0) return -EFAULT;
  noteWriter(node);
  const size = max<u32>(start + count, node.size);
  let done: u32 = 0;
  if (hasRoom(node, size)) {
    extend(node, start);
    done = min<u32>(runLength, count);
    memory.copy(node.data + start, from, done);
    pass(transfer, done);
  } else {
    // The run may be the file's own memory, which is not there any more.
    const error = reserve(node, size);
    if (error !== 0) return error;
    extend(node, start);
  }
  done += takeBytes(transfer, node.data + start + done, count - done);
  node.size = max<u32>(node.size, start + done);
  markModified(node);
  return done as i64;
}

/** Sets the size, within `limit`. Returns 0, -EINVAL, -EFBIG or -ENOSPC. */
export function truncateContents(node: Node, size: i64, limit: u64): i64 {
  if (size < 0) return -EINVAL;
  const wanted = size as u64;
  if (wanted > (FILE_MAX as u64) || (wanted > limit && wanted > (node.size as u64))) return -EFBIG;
  const error = reserve(node, size as u32);
  if (error !== 0) return error;
  extend(node, size as u32);
  node.size = size as u32;
  noteWriter(node);
  markModified(node);
  return 0;
}

/** fallocate(2): reserves space, or makes [offset, offset + length) zeroes. */
export function allocateContents(node: Node, mode: u32, offset: i64, length: i64, limit: u64): i64 {
  if (offset < 0 || length <= 0) return -EINVAL;
  if ((mode & ~(FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE)) !== 0) return -EOPNOTSUPP;
  if (mode === FALLOC_PUNCH_HOLE) return -EOPNOTSUPP;
  if (offset + length < 0 || offset + length > (FILE_MAX as i64)) return -EFBIG;
  const end = (offset + length) as u32;
  if ((mode & FALLOC_PUNCH_HOLE) !== 0) {
    const error = reserve(node, node.size);
    if (error !== 0) return error;
    const last = min<u32>(end, node.size);
    if ((offset as u32) < last) memory.fill(node.data + (offset as u32), 0, last - (offset as u32));
    markModified(node);
    return 0;
  }
  const keep = (mode & FALLOC_KEEP_SIZE) !== 0;
  if (!keep && (end as u64) > limit && end > node.size) return -EFBIG;
  const error = reserve(node, max<u32>(end, node.size));
  if (error !== 0) return error;
  if (!keep) extend(node, end);
  markModified(node);
  return 0;
}
