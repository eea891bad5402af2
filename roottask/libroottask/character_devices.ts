// /dev/null, /dev/zero, /dev/full, /dev/random and /dev/urandom (null(4), full(4), random(4)): where reading and writing
// goes.

import { MEM_R, MEM_W } from "../libhedron/abi";
import { registerDevice } from "./device_numbers";
import { EFAULT, EINVAL, ENOSPC } from "./errno";
import { FileOperations, newOperations, OpenFile, POSITION_IGNORED, setBacking } from "./open_file";
import { POLLIN, POLLRDNORM } from "./poll_events";
import { Thread } from "./program";
import { randomBytes } from "./random";
import { put32 } from "./space";
import { nextRun, pass, runLength, Transfer } from "./transfer";

/** Device numbers: major 1, minors of drivers/char/mem.c. */
const MEMORY_MAJOR: u32 = 1;
export const DEVICE_NULL: u32 = (MEMORY_MAJOR << 8) | 3;
export const DEVICE_ZERO: u32 = (MEMORY_MAJOR << 8) | 5;
export const DEVICE_FULL: u32 = (MEMORY_MAJOR << 8) | 7;
export const DEVICE_RANDOM: u32 = (MEMORY_MAJOR << 8) | 8;
export const DEVICE_URANDOM: u32 = (MEMORY_MAJOR << 8) | 9;

/** Bits of entropy, which there are always as many as there can be (include/uapi/linux/random.h). */
const RNDGETENTCNT: u32 = 0x8004_5200;
const ENTROPY: u32 = 256;

function readNull(_thread: Thread, _file: OpenFile, _transfer: Transfer, _position: i64): i64 {
  return 0;
}

function discard(_thread: Thread, _file: OpenFile, transfer: Transfer, _position: i64): i64 {
  return transfer.left as i64;
}

function fillZero(to: usize, length: u32): void {
  memory.fill(to, 0, length);
}

function fillAll(transfer: Transfer, fill: (to: usize, length: u32) => void): i64 {
  let done: i64 = 0;
  while (transfer.left !== 0) {
    const to = nextRun(transfer, MEM_W);
    if (to === 0) return done === 0 ? -EFAULT : done;
    fill(to, runLength);
    done += runLength as i64;
    pass(transfer, runLength);
  }
  return done;
}

function readZero(_thread: Thread, _file: OpenFile, transfer: Transfer, _position: i64): i64 {
  return fillAll(transfer, fillZero);
}

function readRandom(_thread: Thread, _file: OpenFile, transfer: Transfer, _position: i64): i64 {
  return fillAll(transfer, randomBytes);
}

/** What is written is read, as Linux reads it, and adds nothing. */
function writeRandom(_thread: Thread, _file: OpenFile, transfer: Transfer, _position: i64): i64 {
  let done: i64 = 0;
  while (transfer.left !== 0) {
    if (nextRun(transfer, MEM_R) === 0) return done === 0 ? -EFAULT : done;
    done += runLength as i64;
    pass(transfer, runLength);
  }
  return done;
}

function refuse(_thread: Thread, _file: OpenFile, _transfer: Transfer, _position: i64): i64 {
  return -ENOSPC;
}

/** /dev/random can be waited for, although there is nothing to wait for. */
function pollRandom(_file: OpenFile): u32 {
  return POLLIN | POLLRDNORM;
}

function ioctlRandom(thread: Thread, _file: OpenFile, command: u32, argument: u64): i64 {
  if (command !== RNDGETENTCNT) return -EINVAL;
  return put32(thread.program.space, argument, ENTROPY) ? 0 : -EFAULT;
}

/** lseek(2) succeeds and stays at the beginning. */
function seekNowhere(_file: OpenFile, _offset: i64, _whence: u32): i64 {
  return 0;
}

function mapZeroes(_file: OpenFile, _shared: bool, _writing: bool): i64 {
  setBacking(null);
  return 0;
}

const nullStorage = memory.data(64);
const zeroStorage = memory.data(64);
const fullStorage = memory.data(64);
const randomStorage = memory.data(64);
const urandomStorage = memory.data(64);

function device(storage: usize): FileOperations {
  const operations = newOperations(storage);
  operations.seek = seekNowhere;
  operations.position = POSITION_IGNORED;
  return operations;
}

export function initCharacterDevices(): void {
  const nothing = device(nullStorage);
  nothing.read = readNull;
  nothing.write = discard;
  const zero = device(zeroStorage);
  zero.read = readZero;
  zero.write = discard;
  zero.map = mapZeroes;
  const full = device(fullStorage);
  full.read = readZero;
  full.write = refuse;
  const random = device(randomStorage);
  random.read = readRandom;
  random.write = writeRandom;
  random.poll = pollRandom;
  random.ioctl = ioctlRandom;
  const urandom = device(urandomStorage);
  urandom.read = readRandom;
  urandom.write = writeRandom;
  urandom.ioctl = ioctlRandom;
  registerDevice(DEVICE_NULL, nullStorage);
  registerDevice(DEVICE_ZERO, zeroStorage);
  registerDevice(DEVICE_FULL, fullStorage);
  registerDevice(DEVICE_RANDOM, randomStorage);
  registerDevice(DEVICE_URANDOM, urandomStorage);
}
