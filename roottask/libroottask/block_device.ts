// Block devices whose contents a program has: a disk driver, say. Who reads or writes one takes its turn, leaves a request
// and waits; the program that serves the device takes the request and answers it (block_service.ts). One request is under
// way at a time, and its bytes are in the device's own buffer, so that what a hostile server costs is bounded.

import { REQUEST_FLUSH } from "../libhrstd/block_layout";
import { EINTR, EIO } from "./errno";
import { create, destroy } from "./heap";
import { giveTurn, setTurnEnd } from "./open_file";
import { allocatePages, releasePages } from "./pages";
import { POLLIN } from "./poll_events";
import { Thread } from "./program";
import { waitUnlessKilled } from "./readiness";
import { dispose, Node } from "./tree";
import { wake } from "./wait_queue";
import { notify } from "./watches";

/** REQUEST_BYTES as an order of pages. */
const REQUEST_ORDER: u32 = 4;

/** Nothing is asked for; somebody has asked; the server knows of it; it has answered. */
const IDLE: u32 = 0;
export const ASKED: u32 = 1;
export const TAKEN: u32 = 2;
const ANSWERED: u32 = 3;

/** Keys of waits at a device: for the turn, and for the answer. */
const TURN: u64 = 0;
const ANSWER: u64 = 1;
/** One that is woken may have been killed. */
const EVERYBODY: u64 = ~(0 as u64);

@unmanaged
export class BlockDevice {
  /** Its node in /dev; null once its server is gone. */
  node: Node | null;
  /** The node whose readiness tells its server of requests. */
  control: Node;
  minor: u32;
  readOnly: u32;
  sectors: u64;
  /** Open files of it, and its server. */
  users: u32;
  /** REQUEST_BYTES for what is read or written. */
  buffer: usize;
  /** Somebody has the turn. */
  turn: u32;
  state: u32;
  /** The request that is under way: a number that no other one has had, REQUEST_…, where, and how many sectors. */
  id: u64;
  kind: u32;
  count: u32;
  sector: u64;
  /** 0, or the negative error that answers it. */
  result: i64;
}

const DEVICES: u32 = 16;
/** The device of each minor number, or 0. */
const devices = memory.data(64);

/** Must be called before the first device. */
export function initBlockDevices(): void {
  memory.fill(devices, 0, DEVICES * 4);
  setTurnEnd(endTurn);
}

/** The device with that minor number, or null. */
export function blockDevice(minor: u32): BlockDevice | null {
  return minor < DEVICES ? changetype<BlockDevice | null>(load<usize>(devices + minor * 4)) : null;
}

/** The first minor number that is free; negative where none is. */
export function freeMinor(): i32 {
  for (let minor: u32 = 0; minor < DEVICES; minor++) {
    if (load<usize>(devices + minor * 4) === 0) return minor as i32;
  }
  return -1;
}

/** A device with a free minor number, used by its server alone; null when memory is out. */
export function newBlockDevice(minor: u32, control: Node): BlockDevice | null {
  const device = create<BlockDevice>();
  if (device === null) return null;
  device.buffer = allocatePages(REQUEST_ORDER);
  if (device.buffer === 0) {
    destroy<BlockDevice>(device);
    return null;
  }
  device.minor = minor;
  device.control = control;
  control.users++;
  device.users = 1;
  store<usize>(devices + minor * 4, changetype<usize>(device));
  return device;
}

/** One user less; the last one takes the device with it. */
export function dropBlockDevice(device: BlockDevice): void {
  device.users--;
  if (device.users !== 0) return;
  store<usize>(devices + device.minor * 4, 0);
  releasePages(device.buffer, REQUEST_ORDER);
  const control = device.control;
  destroy<BlockDevice>(device);
  control.users--;
  dispose(control);
}

function channelOf(device: BlockDevice): usize {
  return changetype<usize>(device);
}

/** The call with the turn is over. A request that the server knows of keeps the device until it has answered. */
function endTurn(at: usize): void {
  const device = changetype<BlockDevice>(at);
  device.turn = 0;
  if (device.state !== TAKEN) {
    device.state = IDLE;
    wake(channelOf(device), TURN, EVERYBODY);
  }
  dropBlockDevice(device);
}

/**
 * Waits until nobody else works with the device; the thread has the turn until its call is over. False where it has been
 * killed: other signals wait, as at Linux's disks.
 */
function takeTurn(thread: Thread, device: BlockDevice): bool {
  // A request that it was killed behind is the server's still.
  if (thread.turn === channelOf(device)) return device.state === IDLE;
  giveTurn(thread);
  while (device.turn !== 0 || device.state !== IDLE) {
    if (!waitUnlessKilled(thread, channelOf(device), TURN)) return false;
  }
  device.turn = 1;
  device.users++;
  thread.turn = channelOf(device);
  return true;
}

/** Asks the server, in a turn, and waits for its answer: 0 or a negative error. The call keeps the turn. */
export function request(
  thread: Thread,
  device: BlockDevice,
  kind: u32,
  sector: u64,
  count: u32,
): i64 {
  if (!takeTurn(thread, device)) return -EINTR;
  if (device.node === null) return -EIO;
  device.kind = kind;
  device.sector = sector;
  device.count = count;
  device.id++;
  device.state = ASKED;
  notify(device.control, POLLIN);
  while (device.state !== ANSWERED) {
    if (!waitUnlessKilled(thread, channelOf(device), ANSWER)) return -EINTR;
  }
  device.state = IDLE;
  return device.result;
}

/** The server answers what it has taken, or is gone: 0 or a negative error. */
export function answer(device: BlockDevice, result: i64): void {
  device.result = result;
  if (device.turn !== 0) {
    device.state = ANSWERED;
    wake(channelOf(device), ANSWER, EVERYBODY);
    return;
  }
  // Who asked has been killed.
  device.state = IDLE;
  wake(channelOf(device), TURN, EVERYBODY);
}

/** The server is gone: nobody answers any more. */
export function endBlockDevice(device: BlockDevice): void {
  device.node = null;
  if (device.state === ASKED || device.state === TAKEN) answer(device, -EIO);
  dropBlockDevice(device);
}

/** Lets everything that has been written be made safe; what fails is not told. */
export function flushAll(thread: Thread): void {
  for (let minor: u32 = 0; minor < DEVICES; minor++) {
    const device = blockDevice(minor);
    if (device === null || device.node === null || device.readOnly !== 0) continue;
    request(thread, device, REQUEST_FLUSH, 0, 0);
  }
  giveTurn(thread);
}
