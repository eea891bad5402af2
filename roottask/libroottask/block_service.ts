// /dev/block-service, through which programs serve block devices: who opens it offers a device, which is then in /dev, reads
// requests and writes answers (libhrstd/block_layout.ts), until it closes the file. What it gets wrong is refused and
// changes nothing: a request stays until its answer has come whole.

import {
  ANSWER_ERROR,
  ANSWER_HEADER_BYTES,
  ANSWER_ID,
  ANSWER_RESERVED,
  BLOCK_VERSION,
  OFFER_BYTES,
  OFFER_FLAGS,
  OFFER_NAME,
  OFFER_NAME_BYTES,
  OFFER_READ_ONLY,
  OFFER_SECTORS,
  OFFER_VERSION,
  REQUEST_COUNT,
  REQUEST_HEADER_BYTES,
  REQUEST_ID,
  REQUEST_KIND,
  REQUEST_READ,
  REQUEST_SECTOR,
  REQUEST_WRITE,
  SECTOR_BYTES,
} from "../libhrstd/block_layout";
import {
  ASKED,
  answer,
  BlockDevice,
  endBlockDevice,
  freeMinor,
  newBlockDevice,
  TAKEN,
} from "./block_device";
import { BLOCK_MAJOR } from "./block_file";
import { addDevice, directoryNamed } from "./devices";
import { EAGAIN, EEXIST, EFAULT, EINTR, EINVAL, ENOENT, ENOMEM, ENOSPC, ENOTCONN } from "./errno";
import { ASK_NOBODY, ASK_SIGNAL, waitToBeAsked } from "./idle";
import { newOperations, O_NONBLOCK, OpenFile } from "./open_file";
import { POLLERR, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "./poll_events";
import { Thread } from "./program";
import { equalsLiteral } from "./text";
import { fillBytes, Transfer, takeBytes } from "./transfer";
import { attach, detach, dispose, entryOf, KIND_BLOCK, Node, newNode } from "./tree";
import { READABLE } from "./watches";

/** Device number: major 10, a minor of those that everybody may use (Documentation/admin-guide/devices.txt). */
const DEVICE_BLOCK_SERVICE: u32 = (10 << 8) | 240;
/** Owner's rights, and those of group 6, which distributions call disk. */
const DISK_MODE: u32 = 0o660;
const DISK_GROUP: u32 = 6;
/** A device's bytes are a position of a file. */
const SECTORS_MAX: u64 = 1 << 54;
const ERROR_MAX: u32 = 4095;

const SLASH: u8 = 47;

const storage = memory.data(64);
const message = memory.data(48);
let devicesDirectory: Node | null = null;

function deviceOf(file: OpenFile): BlockDevice {
  return changetype<BlockDevice>(file.object);
}

/** Bytes of the offered name, or 0 where it is none. */
function nameLength(): u32 {
  const name = message + OFFER_NAME;
  let length: u32 = 0;
  while (length < OFFER_NAME_BYTES && load<u8>(name + length) !== 0) {
    if (load<u8>(name + length) === SLASH) return 0;
    length++;
  }
  if (length === OFFER_NAME_BYTES) return 0;
  return equalsLiteral(name, length, ".") || equalsLiteral(name, length, "..") ? 0 : length;
}

/** Puts the device into /dev. 0, or a negative error. */
function nameDevice(device: BlockDevice, length: u32): i64 {
  const node = newNode(KIND_BLOCK, DISK_MODE);
  if (node === null) return -ENOMEM;
  node.device = (BLOCK_MAJOR << 8) | device.minor;
  node.owner = 0;
  node.group = DISK_GROUP;
  if (attach(devicesDirectory as Node, node, message + OFFER_NAME, length) !== 0) {
    dispose(node);
    return -ENOMEM;
  }
  node.users++;
  device.node = node;
  return 0;
}

function offer(file: OpenFile, transfer: Transfer): i64 {
  if (transfer.left !== (OFFER_BYTES as u64)) return -EINVAL;
  if (takeBytes(transfer, message, OFFER_BYTES) !== OFFER_BYTES) return -EFAULT;
  const flags = load<u32>(message + OFFER_FLAGS);
  const sectors = load<u64>(message + OFFER_SECTORS);
  const length = nameLength();
  if (load<u32>(message + OFFER_VERSION) !== BLOCK_VERSION) return -EINVAL;
  if ((flags & ~OFFER_READ_ONLY) !== 0 || length === 0) return -EINVAL;
  if (sectors === 0 || sectors > SECTORS_MAX) return -EINVAL;
  if (entryOf(devicesDirectory as Node, message + OFFER_NAME, length) !== null) return -EEXIST;
  const minor = freeMinor();
  if (minor < 0) return -ENOSPC;
  const device = newBlockDevice(minor as u32, file.node);
  if (device === null) return -ENOMEM;
  device.sectors = sectors;
  device.readOnly = flags & OFFER_READ_ONLY;
  const error = nameDevice(device, length);
  if (error !== 0) {
    endBlockDevice(device);
    return error;
  }
  file.object = changetype<usize>(device);
  return OFFER_BYTES as i64;
}

/** Bytes behind the header of the request under way, or of its answer. */
function bytesOf(device: BlockDevice, kind: u32): u32 {
  return device.kind === kind ? device.count * SECTOR_BYTES : 0;
}

function takeAnswer(file: OpenFile, transfer: Transfer): i64 {
  const device = deviceOf(file);
  const length = transfer.left;
  if (length < (ANSWER_HEADER_BYTES as u64)) return -EINVAL;
  if (takeBytes(transfer, message, ANSWER_HEADER_BYTES) !== ANSWER_HEADER_BYTES) return -EFAULT;
  const error = load<u32>(message + ANSWER_ERROR);
  if (error > ERROR_MAX || load<u32>(message + ANSWER_RESERVED) !== 0) return -EINVAL;
  if (device.state !== TAKEN || load<u64>(message + ANSWER_ID) !== device.id) return -ENOENT;
  const bytes = error === 0 ? bytesOf(device, REQUEST_READ) : 0;
  if (length !== ((ANSWER_HEADER_BYTES + bytes) as u64)) return -EINVAL;
  if (takeBytes(transfer, device.buffer, bytes) !== bytes) return -EFAULT;
  answer(device, -(error as i64));
  return length as i64;
}

function write(_thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  return file.object === 0 ? offer(file, transfer) : takeAnswer(file, transfer);
}

/** The next request, 0 bytes where nobody is left who could ask. Whose memory is too short for it loses nothing. */
function read(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  if (file.object === 0) return -ENOTCONN;
  const device = deviceOf(file);
  while (device.state !== ASKED) {
    if ((file.flags & O_NONBLOCK) !== 0) return -EAGAIN;
    const outcome = waitToBeAsked(thread, device.control, READABLE);
    if (outcome === ASK_NOBODY) return 0;
    if (outcome === ASK_SIGNAL) return -EINTR;
  }
  const bytes = bytesOf(device, REQUEST_WRITE);
  const length = (REQUEST_HEADER_BYTES + bytes) as u64;
  if (transfer.left < length) return -EINVAL;
  store<u64>(message + REQUEST_ID, device.id);
  store<u32>(message + REQUEST_KIND, device.kind);
  store<u32>(message + REQUEST_COUNT, device.count);
  store<u64>(message + REQUEST_SECTOR, device.sector);
  if (fillBytes(transfer, message, REQUEST_HEADER_BYTES) !== REQUEST_HEADER_BYTES) return -EFAULT;
  if (fillBytes(transfer, device.buffer, bytes) !== bytes) return -EFAULT;
  device.state = TAKEN;
  return length as i64;
}

function poll(file: OpenFile): u32 {
  if (file.object === 0) return POLLOUT | POLLWRNORM | POLLERR;
  const state = deviceOf(file).state;
  if (state === ASKED) return POLLIN | POLLRDNORM;
  return state === TAKEN ? POLLOUT | POLLWRNORM : 0;
}

/** Takes the device's name in /dev away; others that it has been given lead nowhere from now on. */
function takeName(node: Node): void {
  let name = node.names;
  while (name !== null && name.directory !== devicesDirectory) name = name.other;
  if (name !== null) detach(name);
}

/** The server has gone. */
function release(file: OpenFile): void {
  if (file.object === 0) return;
  const device = deviceOf(file);
  const node = device.node as Node;
  takeName(node);
  node.users--;
  dispose(node);
  endBlockDevice(device);
}

/** Adds it to /dev. False when memory is out. */
export function addBlockService(): bool {
  const operations = newOperations(storage);
  operations.read = read;
  operations.write = write;
  operations.poll = poll;
  operations.release = release;
  devicesDirectory = directoryNamed("dev", 0o755);
  return (
    devicesDirectory !== null && addDevice("block-service", DEVICE_BLOCK_SERVICE, 0o600, storage)
  );
}
