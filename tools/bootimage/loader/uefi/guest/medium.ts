// The medium: the block device whose primary volume descriptor has the id of the image that this loader was made for,
// read by EFI_BLOCK_IO_PROTOCOL (UEFI 2.10, 13.9). Which of its partitions the loader came from does not matter.

import { fail } from "../../core/failure";
import { BLOCK } from "../../core/firmware";
import { IMAGE_ID_BYTES, imageId } from "../../core/parameters";
import { copy_physical } from "../../core/stub";
import { load8, load64 } from "../../core/x86";
import { BLOCK_IO, DEVICE_PATH, LOADED_IMAGE } from "./guid";
import { allocate } from "./memory";
import { handleAt, locateHandles, protocolOf, word } from "./services";
import { DEVICE_ERROR, INVALID_PARAMETER, NO_MEDIA, NOT_FOUND, SUCCESS } from "./status";
import { call2, call5, image_handle } from "./uefi";

/** Offsets in the protocol. */
const MEDIA: u64 = 8;
const RESET: u64 = 16;
const READ_BLOCKS: u64 = 24;
/** Offsets in EFI_BLOCK_IO_MEDIA. */
const MEDIA_ID: u64 = 0;
const MEDIA_PRESENT: u64 = 5;
const LOGICAL_PARTITION: u64 = 6;
const BLOCK_SIZE: u64 = 12;
const IO_ALIGN: u64 = 16;
const LAST_BLOCK: u64 = 24;
/** EFI_LOADED_IMAGE_PROTOCOL.DeviceHandle. */
const DEVICE_HANDLE: u64 = 24;

/** The primary volume descriptor: ECMA-119, 6.7.1 and 8.4; the image id is in its area for application use. */
const DESCRIPTOR_BLOCK: u32 = 16;
const IMAGE_ID: u64 = 883;
/** "CD001" behind the type, little-endian. */
const STANDARD_ID: u64 = 0x31_3030_4443;

const ATTEMPTS: i32 = 3;
/** Bytes of one request: firmware that fails with large ones gets small ones. */
const LARGE: u64 = 4 << 20;
const SMALL: u64 = 64 << 10;
const LARGEST_BLOCK: u32 = 64 << 10;
/** Device path nodes, 10.2: type, subtype, u16 length. */
const END_TYPE: u8 = 0x7f;
const MAX_NODES: i32 = 64;

/** The protocol of the medium found, or 0. */
let medium: u64 = 0;
/** For what cannot be read to its place: SMALL bytes and two blocks more. */
let bounce: u64 = 0;
const BOUNCE_BYTES: u64 = SMALL + 2 * 65536;

function mediaOf(protocol: u64): u64 {
  return load64(protocol + MEDIA);
}

/** Whole blocks of the device, `count` of them that fit the device's alignment; tries again after an error. */
function readDevice(protocol: u64, block: u64, bytes: u64, to: u64): u64 {
  let status: u64 = DEVICE_ERROR;
  for (let i = 0; i < ATTEMPTS; i++) {
    // The id changes with the medium, and with some firmware after a reset.
    const id = <u64>word(mediaOf(protocol) + MEDIA_ID);
    status = call5(load64(protocol + READ_BLOCKS), protocol, id, block, bytes, to);
    if (status === SUCCESS || status === INVALID_PARAMETER || status === NO_MEDIA) return status;
    call2(load64(protocol + RESET), protocol, 0);
  }
  return status;
}

/** `bytes` from byte `from` of the device, in requests of `most` bytes at most. */
function readBytes(protocol: u64, from: u64, bytes: u64, to: u64, most: u64): u64 {
  const media = mediaOf(protocol);
  const size = <u64>word(media + BLOCK_SIZE);
  const align = max<u64>(word(media + IO_ALIGN), 1);
  if (size === 0 || size > LARGEST_BLOCK) return NO_MEDIA;
  if (from + bytes < from || (from + bytes - 1) / size > load64(media + LAST_BLOCK)) {
    return INVALID_PARAMETER;
  }
  for (let done: u64 = 0; done < bytes; ) {
    const at = from + done;
    const left = bytes - done;
    const inside = at % size;
    if (inside === 0 && left >= size && (to + done) % align === 0) {
      const piece = (min<u64>(left, most) / size) * size;
      const status = readDevice(protocol, at / size, piece, to + done);
      if (status !== SUCCESS) return status;
      done += piece;
      continue;
    }
    const piece = min<u64>(left, SMALL);
    const whole = ((inside + piece + size - 1) / size) * size;
    const status = readDevice(protocol, at / size, whole, bounce);
    if (status !== SUCCESS) return status;
    copy_physical(to + done, bounce + inside, piece);
    done += piece;
  }
  return SUCCESS;
}

/** See `Firmware.readBlocks`. */
export function readBlocks(block: u32, count: u32, to: u64): u64 {
  if (medium === 0) return NOT_FOUND;
  const from = <u64>block * BLOCK;
  const bytes = <u64>count * BLOCK;
  if (bytes === 0) return SUCCESS;
  const status = readBytes(medium, from, bytes, to, LARGE);
  return status === SUCCESS || bytes <= SMALL ? status : readBytes(medium, from, bytes, to, SMALL);
}

/** Whether the device path of a device is a beginning of the path of what the loader came from. */
function leadsToLoader(path: u64, loader: u64): bool {
  if (path === 0 || loader === 0) return false;
  let at: u64 = 0;
  for (let i = 0; i < MAX_NODES; i++) {
    if (<u8>load8(path + at) === END_TYPE) return true;
    const length = load8(path + at + 2) | (load8(path + at + 3) << 8);
    if (length < 4) return false;
    for (let j: u64 = 0; j < length; j++) {
      if (load8(path + at + j) !== load8(loader + at + j)) return false;
    }
    at += length;
  }
  return false;
}

/** Whether the device holds the image. */
function hasImage(protocol: u64): bool {
  const descriptor = bounce + SMALL;
  const from = <u64>DESCRIPTOR_BLOCK * BLOCK;
  // Not through the bounce buffer's beginning, which reading may use.
  if (readBytes(protocol, from, BLOCK, descriptor, SMALL) !== SUCCESS) return false;
  if ((load64(descriptor + 1) & 0xff_ffff_ffff) !== STANDARD_ID) return false;
  for (let i = 0; i < IMAGE_ID_BYTES; i++) {
    if (<u8>load8(descriptor + IMAGE_ID + i) !== load<u8>(imageId() + i)) return false;
  }
  return true;
}

/**
 * Finds the medium: where several have the image, the one that the loader came from counts, and whole devices before
 * partitions. False after an error has been printed: none has it.
 */
export function findMedium(): bool {
  bounce = allocate(BOUNCE_BYTES, 0x1_0000_0000);
  if (bounce === 0) return fail("there is no memory to look for the image with");
  const image = protocolOf(image_handle(), LOADED_IMAGE);
  const loader = image === 0 ? 0 : protocolOf(load64(image + DEVICE_HANDLE), DEVICE_PATH);
  let best: i32 = 4;
  const count = locateHandles(BLOCK_IO);
  for (let i: u64 = 0; i < count; i++) {
    const handle = handleAt(i);
    const protocol = protocolOf(handle, BLOCK_IO);
    if (protocol === 0 || mediaOf(protocol) === 0) continue;
    if (load8(mediaOf(protocol) + MEDIA_PRESENT) === 0) continue;
    const other = leadsToLoader(protocolOf(handle, DEVICE_PATH), loader) ? 0 : 2;
    const partition = load8(mediaOf(protocol) + LOGICAL_PARTITION) === 0 ? 0 : 1;
    const rank = other + partition;
    if (rank >= best || !hasImage(protocol)) continue;
    best = rank;
    medium = protocol;
  }
  return medium !== 0 || fail("no disk, stick or CD holds the image that this loader belongs to");
}
