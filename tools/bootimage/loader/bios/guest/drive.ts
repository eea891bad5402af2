// The drive that the loader was started from, by INT 13h: packets (Phoenix Enhanced Disk Drive specification 3.0,
// AH = 41h, 42h, 48h) or, where the BIOS has none, cylinder, head and sector (IBM PC/AT Technical Reference, AH = 02h,
// 08h). Sectors have 512 or 2048 bytes; the image's id, which its volume descriptor has too, tells whether they are
// taken for the right ones. Everything passes through the bounce buffer, in pieces that every BIOS takes.

import { print, printDecimal, printHex } from "../../core/console";
import { beginError, endError, printStatus } from "../../core/failure";
import { BLOCK } from "../../core/firmware";
import { IMAGE_ID_BYTES, imageId } from "../../core/parameters";
import { copy_physical } from "../../core/stub";
import { BOUNCE } from "../layout";
import { bios } from "./bios";
import { NO_STATUS, NOTHING_READ, OUT_OF_REACH } from "./disk_status";
import { ah, al, clear, offsetOf, registers, segmentOf } from "./registers";

const DISK: i32 = 0x13;
const RESET: u32 = 0x0000;
const READ_SECTORS: u32 = 0x0200;
const GET_GEOMETRY: u32 = 0x0800;
const CHECK_EXTENSIONS: u32 = 0x4100;
const READ_PACKET: u32 = 0x4200;
const GET_PARAMETERS: u32 = 0x4800;

const SIGNATURE: u32 = 0x55aa;
const SIGNATURE_BACK: u32 = 0xaa55;
/** Bit 0 of CX: AH = 42h to 44h, 47h and 48h. */
const HAS_PACKETS: u32 = 1;

const TRIES: i32 = 3;
/** Blocks in one packet: Phoenix BIOSes take up to 127 sectors of 512 bytes, and the buffer has 64 KiB. */
const PIECE_BLOCKS: u32 = 31;
const SMALL_SECTOR: u32 = 512;
/** Highest cylinder that AH = 02h can name. */
const MAX_CYLINDER: u64 = 1023;
/** Until AH = 08h says otherwise: a floppy disk of 1.44 MB. */
const FLOPPY_TRACK: u32 = 18;
const FLOPPY_HEADS: u32 = 2;

/** Volume descriptor (ECMA-119, 8.4) and where in it the image's id is. */
const VOLUME_DESCRIPTOR_BLOCK: u32 = 16;
const IMAGE_ID_OFFSET: u64 = 883;

/** Disk address packet. */
@unmanaged
class Packet {
  bytes: u8;
  reserved: u8;
  sectors: u16;
  offset: u16;
  segment: u16;
  first: u64;
}

const packet = changetype<Packet>(memory.data(offsetof<Packet>(), 8));
/** The answer of AH = 48h: version 1 is enough. */
const PARAMETERS_BYTES: u16 = 26;
const SECTOR_BYTES: usize = 24;
const parameters: usize = memory.data(32, 4);

let drive: u32 = 0;
let hasPackets: bool = false;
let sectorBytes: u32 = SMALL_SECTOR;
let trackSectors: u32 = FLOPPY_TRACK;
let heads: u32 = FLOPPY_HEADS;
/** Sectors that the last call has read, at most as many as it was asked for. */
let done: u32 = 0;

/** The BIOS's number of the drive. */
export function driveNumber(): u32 {
  return drive;
}

function call(function_: u32): bool {
  registers.eax = function_;
  registers.edx = (registers.edx & ~0xff) | drive;
  return bios(DISK);
}

function detectPackets(): bool {
  clear();
  registers.ebx = SIGNATURE;
  if (!call(CHECK_EXTENSIONS) || (registers.ebx & 0xffff) !== SIGNATURE_BACK) return false;
  return (registers.ecx & HAS_PACKETS) !== 0;
}

/** Bytes per sector as AH = 48h has them, 0 where it does not answer or they are none that the image can be read by. */
function reportedSectorBytes(): u32 {
  memory.fill(parameters, 0, PARAMETERS_BYTES);
  store<u16>(parameters, PARAMETERS_BYTES);
  clear();
  registers.ds = segmentOf(parameters);
  registers.esi = offsetOf(parameters);
  if (!call(GET_PARAMETERS)) return 0;
  const bytes = <u32>load<u16>(parameters, SECTOR_BYTES);
  return bytes === SMALL_SECTOR || bytes === BLOCK ? bytes : 0;
}

function detectGeometry(): void {
  clear();
  if (!call(GET_GEOMETRY)) return;
  const sectors = registers.ecx & 63;
  if (sectors === 0) return;
  trackSectors = sectors;
  heads = ((registers.edx >> 8) & 0xff) + 1;
}

/** One packet to `address` in the bounce buffer; 0 or the status, and how far it came in `done`. */
function readPacket(first: u64, count: u32, address: u32): u32 {
  packet.bytes = <u8>offsetof<Packet>();
  packet.reserved = 0;
  packet.sectors = <u16>count;
  packet.offset = <u16>(address & 15);
  packet.segment = <u16>(address >> 4);
  packet.first = first;
  clear();
  registers.ds = segmentOf(changetype<usize>(packet));
  registers.esi = offsetOf(changetype<usize>(packet));
  if (!call(READ_PACKET)) return status();
  done = min(<u32>packet.sectors, count);
  return done === 0 ? NOTHING_READ : 0;
}

/** The same by geometry: no further than the track. */
function readTrack(first: u64, count: u32, address: u32): u32 {
  const track = first / trackSectors;
  const sector = <u32>(first % trackSectors);
  const cylinder = track / heads;
  if (cylinder > MAX_CYLINDER) return OUT_OF_REACH;
  const most = min(count, trackSectors - sector);
  clear();
  registers.ebx = address & 15;
  registers.es = <u16>(address >> 4);
  registers.ecx = ((<u32>(cylinder & 0xff)) << 8) | ((<u32>(cylinder >> 8)) << 6) | (sector + 1);
  registers.edx = (<u32>(track % heads)) << 8;
  if (!call(READ_SECTORS | most)) return status();
  // AL is the number of sectors with some BIOSes, and without a meaning with others.
  const told = al();
  done = told > 0 && told < most ? told : most;
  return 0;
}

/** AH, which is never a success with carry. */
function status(): u32 {
  done = 0;
  const value = ah();
  return value === 0 ? NO_STATUS : value;
}

function readOnce(first: u64, count: u32, address: u32): u32 {
  return hasPackets ? readPacket(first, count, address) : readTrack(first, count, address);
}

/** `count` sectors or part of them, with a reset of the drive before every further try. */
function readWithTries(first: u64, count: u32, address: u32): u32 {
  let result: u32 = 0;
  for (let i = 0; i < TRIES; i++) {
    if (i > 0) {
      clear();
      call(RESET);
    }
    result = readOnce(first, count, address);
    if (result === 0) return 0;
  }
  return result;
}

/** Sectors that fit the bounce buffer; where many at once fail, one at a time may not. */
function readSectors(first: u64, count: u32): u32 {
  let at: u32 = 0;
  let single = false;
  while (at < count) {
    const want = single ? 1 : count - at;
    const result = readWithTries(first + at, want, BOUNCE + at * sectorBytes);
    if (result === 0) {
      at += done;
    } else {
      if (want === 1) return result;
      single = true;
    }
  }
  return 0;
}

/** Blocks of the image to physical memory; 0 or the BIOS's status (AH). */
export function readBlocks(block: u32, count: u32, to: u64): u64 {
  const perBlock = BLOCK / sectorBytes;
  let at: u32 = 0;
  while (at < count) {
    const blocks = min(count - at, PIECE_BLOCKS);
    const result = readSectors((<u64>block + at) * perBlock, blocks * perBlock);
    if (result !== 0) return result;
    copy_physical(to + <u64>at * BLOCK, BOUNCE, <u64>blocks * BLOCK);
    at += blocks;
  }
  return 0;
}

/** What the last attempt on the volume descriptor ended with; 0 where it has been read. */
let descriptorStatus: u32 = 0;

/** Whether the drive, with sectors of that size, holds the image. */
function holdsImage(bytes: u32): bool {
  sectorBytes = bytes;
  const perBlock = BLOCK / bytes;
  descriptorStatus = readSectors(VOLUME_DESCRIPTOR_BLOCK * perBlock, perBlock);
  if (descriptorStatus !== 0) return false;
  return memory.compare(BOUNCE + <usize>IMAGE_ID_OFFSET, imageId(), IMAGE_ID_BYTES) === 0;
}

/** One line and false where the drive is not to be read, or does not hold the image. */
function refuse(status: u32): bool {
  beginError();
  print("BIOS drive ");
  printHex(drive);
  if (status === 0) {
    print(" does not hold the image that this boot loader belongs to");
  } else {
    print(": read error at LBA ");
    printDecimal(VOLUME_DESCRIPTOR_BLOCK);
    print(" (blocks of 2048 bytes), ");
    printStatus(status);
  }
  return endError();
}

/**
 * Finds out how the drive is read; false, after one line, where it cannot be or does not hold the image that the loader
 * belongs to.
 */
export function openDrive(number: u32): bool {
  drive = number;
  hasPackets = detectPackets();
  if (!hasPackets) {
    detectGeometry();
    return holdsImage(SMALL_SECTOR) || refuse(descriptorStatus);
  }
  const reported = reportedSectorBytes();
  const likely = reported === BLOCK ? BLOCK : SMALL_SECTOR;
  if (holdsImage(likely)) return true;
  const status = descriptorStatus;
  return holdsImage(likely === BLOCK ? SMALL_SECTOR : BLOCK) || refuse(status);
}
