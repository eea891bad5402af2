// What open files on block devices do. Bytes come from the server whenever they are read and go to it before a write is over:
// nothing is kept here, and whoever writes a part of a sector reads the sector first, within the same turn.

import {
  REQUEST_BYTES,
  REQUEST_FLUSH,
  REQUEST_READ,
  REQUEST_WRITE,
  SECTOR_BYTES,
} from "../libhrstd/block_layout";
import { BlockDevice, blockDevice, dropBlockDevice, request } from "./block_device";
import { CAP_SYS_ADMIN, capable } from "./credentials";
import { majorOf, minorOf, openAbsent } from "./device_numbers";
import { EACCES, EFAULT, EINVAL, ENOSPC, ENOTTY, ENXIO, EOPNOTSUPP, EPERM } from "./errno";
import {
  FALLOC_KEEP_SIZE,
  FALLOC_PUNCH_HOLE,
  newOperations,
  O_DSYNC,
  OpenFile,
  POSITION_KEPT,
  SEEK_CUR,
  SEEK_END,
  seekFrom,
  setKind,
} from "./open_file";
import { Thread } from "./program";
import { put32, put64 } from "./space";
import { fillBytes, readyBytes, Transfer, takeBytes } from "./transfer";
import { KIND_BLOCK } from "./tree";

/** Major number of block devices that are numbered as they come (include/uapi/linux/major.h, BLOCK_EXT_MAJOR). */
export const BLOCK_MAJOR: u32 = 259;

/** Requests of ioctl(2), include/uapi/linux/fs.h. */
const BLKROGET: u32 = 0x125e;
const BLKGETSIZE: u32 = 0x1260;
const BLKFLSBUF: u32 = 0x1261;
const BLKSSZGET: u32 = 0x1268;
const BLKIOMIN: u32 = 0x1278;
const BLKIOOPT: u32 = 0x1279;
const BLKALIGNOFF: u32 = 0x127a;
const BLKPBSZGET: u32 = 0x127b;
const BLKBSZGET: u32 = 0x8008_1270;
const BLKGETSIZE64: u32 = 0x8008_1272;
/** Bytes of a block as file systems have them. */
const BLOCK_BYTES: u32 = 4096;

/** Modes of fallocate(2) that Linux knows of block devices, FALLOC_FL_ZERO_RANGE and FALLOC_FL_NO_HIDE_STALE among them. */
const FALLOC_BLOCK: u32 = FALLOC_KEEP_SIZE | FALLOC_PUNCH_HOLE | 4 | 16;

const storage = memory.data(64);

function deviceOf(file: OpenFile): BlockDevice {
  return changetype<BlockDevice>(file.object);
}

function bytesOf(device: BlockDevice): i64 {
  return (device.sectors * (SECTOR_BYTES as u64)) as i64;
}

function open(thread: Thread, file: OpenFile): i64 {
  const number = file.node.device;
  const device = majorOf(number) === BLOCK_MAJOR ? blockDevice(minorOf(number)) : null;
  if (device === null) return openAbsent(thread, file);
  if (device.node === null) return -ENXIO;
  device.users++;
  file.object = changetype<usize>(device);
  return 0;
}

function release(file: OpenFile): void {
  if (file.object !== 0) dropBlockDevice(deviceOf(file));
}

/** Bytes at `position` that one request can have, of `left`. */
function pieceAt(position: i64, left: i64): u32 {
  const skipped = (position as u32) % SECTOR_BYTES;
  return min<i64>(left, (REQUEST_BYTES - skipped) as i64) as u32;
}

function sectorsOf(bytes: u32): u32 {
  return (bytes + SECTOR_BYTES - 1) / SECTOR_BYTES;
}

/** Passes what can be passed of `transfer`: bytes, or a negative error where there are none. */
function passAll(
  thread: Thread,
  file: OpenFile,
  transfer: Transfer,
  start: i64,
  passPiece: (thread: Thread, file: OpenFile, transfer: Transfer, position: i64, bytes: u32) => i64,
): i64 {
  const device = deviceOf(file);
  const total = min<i64>(transfer.left as i64, bytesOf(device) - start);
  let done: i64 = 0;
  while (done < total) {
    const bytes = pieceAt(start + done, total - done);
    const passed = passPiece(thread, file, transfer, start + done, bytes);
    if (passed < 0) return done === 0 ? passed : done;
    done += passed;
    if (passed < (bytes as i64)) break;
  }
  return done;
}

function readPiece(
  thread: Thread,
  file: OpenFile,
  transfer: Transfer,
  position: i64,
  bytes: u32,
): i64 {
  const device = deviceOf(file);
  const skipped = (position as u32) % SECTOR_BYTES;
  const sector = (position as u64) / (SECTOR_BYTES as u64);
  const error = request(thread, device, REQUEST_READ, sector, sectorsOf(skipped + bytes));
  if (error !== 0) return error;
  const filled = fillBytes(transfer, device.buffer + skipped, bytes);
  return filled === 0 ? -EFAULT : (filled as i64);
}

function read(thread: Thread, file: OpenFile, transfer: Transfer, position: i64): i64 {
  if (position >= bytesOf(deviceOf(file))) return 0;
  return passAll(thread, file, transfer, position, readPiece);
}

/** Brings the first and the last sector of a write into the buffer where it covers a part of them. */
function readEdges(thread: Thread, device: BlockDevice, sector: u64, skipped: u32, end: u32): i64 {
  const last = sectorsOf(end) - 1;
  const endsWithin = end % SECTOR_BYTES !== 0;
  if (endsWithin && last !== 0) {
    const error = request(thread, device, REQUEST_READ, sector + (last as u64), 1);
    if (error !== 0) return error;
    memory.copy(device.buffer + last * SECTOR_BYTES, device.buffer, SECTOR_BYTES);
  }
  const firstIsPartial = skipped !== 0 || (endsWithin && last === 0);
  return firstIsPartial ? request(thread, device, REQUEST_READ, sector, 1) : 0;
}

function writePiece(
  thread: Thread,
  file: OpenFile,
  transfer: Transfer,
  position: i64,
  bytes: u32,
): i64 {
  const device = deviceOf(file);
  const skipped = (position as u32) % SECTOR_BYTES;
  const sector = (position as u64) / (SECTOR_BYTES as u64);
  // What can be copied is known before anything is read: no more than that is written.
  const ready = readyBytes(transfer, bytes);
  if (ready === 0) return -EFAULT;
  const edges = readEdges(thread, device, sector, skipped, skipped + ready);
  if (edges !== 0) return edges;
  if (takeBytes(transfer, device.buffer + skipped, ready) !== ready) return -EFAULT;
  const error = request(thread, device, REQUEST_WRITE, sector, sectorsOf(skipped + ready));
  return error === 0 ? (ready as i64) : error;
}

function write(thread: Thread, file: OpenFile, transfer: Transfer, position: i64): i64 {
  const device = deviceOf(file);
  if (device.readOnly !== 0) return -EPERM;
  if (transfer.left === 0) return 0;
  if (position >= bytesOf(device)) return -ENOSPC;
  const done = passAll(thread, file, transfer, position, writePiece);
  if (done <= 0 || (file.flags & O_DSYNC) === 0) return done;
  const error = flush(thread, file);
  return error === 0 ? done : error;
}

function flush(thread: Thread, file: OpenFile): i64 {
  return request(thread, deviceOf(file), REQUEST_FLUSH, 0, 0);
}

/** lseek(2): a device has an end, and nobody tells its holes. */
function seek(file: OpenFile, offset: i64, whence: u32): i64 {
  if (whence > SEEK_END) return -EINVAL;
  const end = bytesOf(deviceOf(file));
  const base = whence === SEEK_END ? end : whence === SEEK_CUR ? file.position : 0;
  const position = seekFrom(base, offset);
  if (position < 0 || position > end) return -EINVAL;
  file.position = position;
  return position;
}

function tell32(thread: Thread, argument: u64, value: u32): i64 {
  return put32(thread.program.space, argument, value) ? 0 : -EFAULT;
}

function tell64(thread: Thread, argument: u64, value: u64): i64 {
  return put64(thread.program.space, argument, value) ? 0 : -EFAULT;
}

function ioctl(thread: Thread, file: OpenFile, command: u32, argument: u64): i64 {
  const device = deviceOf(file);
  switch (command) {
    case BLKGETSIZE64:
      return tell64(thread, argument, bytesOf(device) as u64);
    case BLKGETSIZE:
      return tell64(thread, argument, device.sectors);
    case BLKSSZGET:
    case BLKPBSZGET:
    case BLKIOMIN:
      return tell32(thread, argument, SECTOR_BYTES);
    case BLKIOOPT:
    case BLKALIGNOFF:
      return tell32(thread, argument, 0);
    case BLKBSZGET:
      return tell32(thread, argument, BLOCK_BYTES);
    case BLKROGET:
      return tell32(thread, argument, device.readOnly);
    case BLKFLSBUF:
      return capable(CAP_SYS_ADMIN) ? flush(thread, file) : -EACCES;
    default:
      return -ENOTTY;
  }
}

/** fallocate(2): there is nothing that a server could be asked for. */
function allocate(_thread: Thread, file: OpenFile, mode: u32, offset: i64, length: i64): i64 {
  if ((mode & ~FALLOC_BLOCK) !== 0) return -EOPNOTSUPP;
  const left = bytesOf(deviceOf(file)) - offset;
  if (left <= 0 || (length > left && (mode & FALLOC_KEEP_SIZE) === 0)) return -EINVAL;
  const bytes = min<i64>(length, left);
  return ((offset | bytes) & ((SECTOR_BYTES - 1) as i64)) !== 0 ? -EINVAL : -EOPNOTSUPP;
}

export function initBlockFiles(): void {
  const operations = newOperations(storage);
  operations.open = open;
  operations.release = release;
  operations.read = read;
  operations.write = write;
  operations.seek = seek;
  operations.ioctl = ioctl;
  operations.flush = flush;
  operations.allocate = allocate;
  operations.position = POSITION_KEPT;
  setKind(KIND_BLOCK, operations);
}
