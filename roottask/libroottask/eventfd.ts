// Event counters: eventfd(2). A read takes the count, or 1 of a semaphore's; a write adds to it.

import {
  ANONYMOUS_EVENTFD,
  closeAnonymous,
  newAnonymousOperations,
  openAnonymous,
} from "./anonymous_file";
import { EAGAIN, EFAULT, EINTR, EINVAL } from "./errno";
import { create, destroy } from "./heap";
import { O_NONBLOCK, OpenFile } from "./open_file";
import { POLLERR, POLLIN, POLLOUT } from "./poll_events";
import { Thread } from "./program";
import { waitAt } from "./readiness";
import { fillBytes, pieceBytes, Transfer, takeBytes } from "./transfer";
import { notify, READABLE, WRITABLE } from "./watches";

/** Bytes of a count. */
const COUNT_BYTES: u32 = 8;
/** No count is this; the largest is one less. */
const BEYOND: u64 = ~(0 as u64);

@unmanaged
class Counter {
  count: u64;
  semaphore: u32;
  /** Which of all there were it is. */
  number: u32;
}

const storage = memory.data(64);
const value = memory.data(8);

let made: u32 = 0;

export function isEventfd(file: OpenFile): bool {
  return changetype<usize>(file.operations) === storage;
}

function counterOf(file: OpenFile): Counter {
  return changetype<Counter>(file.node.object);
}

export function countOf(file: OpenFile): u64 {
  return counterOf(file).count;
}

/** Its number among all that have been made, from 0. */
export function eventfdNumber(file: OpenFile): u32 {
  return counterOf(file).number;
}

/** An open file that counts from `count`; null when memory is out. */
export function openEventfd(count: u32, semaphore: bool, flags: u32): OpenFile | null {
  const counter = create<Counter>();
  if (counter === null) return null;
  counter.count = count as u64;
  counter.semaphore = semaphore ? 1 : 0;
  counter.number = made++;
  const file = openAnonymous(storage, flags);
  if (file === null) destroy<Counter>(counter);
  else file.node.object = changetype<usize>(counter);
  return file;
}

function read(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  const counter = counterOf(file);
  if (transfer.left < (COUNT_BYTES as u64)) return -EINVAL;
  while (counter.count === 0) {
    if ((file.flags & O_NONBLOCK) !== 0) return -EAGAIN;
    if (!waitAt(thread, file.node, READABLE)) return -EINTR;
  }
  const taken = counter.semaphore !== 0 ? (1 as u64) : counter.count;
  counter.count -= taken;
  notify(file.node, POLLOUT);
  store<u64>(value, taken);
  return fillBytes(transfer, value, COUNT_BYTES) === COUNT_BYTES ? (COUNT_BYTES as i64) : -EFAULT;
}

/** Each piece of a vector is a count, up to one that is longer than that. */
function write(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  let done: i64 = 0;
  let whole = true;
  do {
    whole = pieceBytes(transfer) === (COUNT_BYTES as u64);
    const result = writeCount(thread, file, transfer);
    if (result < 0) return done === 0 ? result : done;
    done += result;
  } while (whole && transfer.left !== 0);
  return done;
}

function writeCount(thread: Thread, file: OpenFile, transfer: Transfer): i64 {
  const counter = counterOf(file);
  if (pieceBytes(transfer) < (COUNT_BYTES as u64)) return -EINVAL;
  if (takeBytes(transfer, value, COUNT_BYTES) !== COUNT_BYTES) return -EFAULT;
  const added = load<u64>(value);
  if (added === BEYOND) return -EINVAL;
  while (BEYOND - counter.count <= added) {
    if ((file.flags & O_NONBLOCK) !== 0) return -EAGAIN;
    if (!waitAt(thread, file.node, WRITABLE)) return -EINTR;
  }
  counter.count += added;
  notify(file.node, POLLIN);
  return COUNT_BYTES as i64;
}

/** Adds 1 to the count of `file`, unless it is the largest already. */
export function addToEventfd(file: OpenFile): void {
  const counter = counterOf(file);
  if (counter.count < BEYOND) counter.count++;
  notify(file.node, POLLIN);
}

function poll(file: OpenFile): u32 {
  const count = counterOf(file).count;
  let events: u32 = 0;
  if (count !== 0) events |= POLLIN;
  if (count === BEYOND) events |= POLLERR;
  if (count < BEYOND - 1) events |= POLLOUT;
  return events;
}

function release(file: OpenFile): void {
  destroy<Counter>(counterOf(file));
  closeAnonymous(file);
}

export function initEventfds(): void {
  const operations = newAnonymousOperations(storage, ANONYMOUS_EVENTFD);
  operations.read = read;
  operations.write = write;
  operations.poll = poll;
  operations.release = release;
}
