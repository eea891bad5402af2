// Open files of inotify(7): events are read as struct inotify_event with the name behind it.

import {
  ANONYMOUS_INOTIFY,
  closeAnonymous,
  newAnonymousOperations,
  openAnonymous,
} from "./anonymous_file";
import { EAGAIN, EFAULT, EINTR, EINVAL, ENOTTY } from "./errno";
import { initFileEvents, Mark, removeMark } from "./file_events";
import {
  EVENT_BYTES,
  Event,
  eventBytes,
  freeEvent,
  freeInstance,
  Instance,
  initInotifyQueues,
  newInstance,
  takeEvent,
} from "./inotify_queue";
import { dropFile, FIONREAD, O_NONBLOCK, O_RDWR, OpenFile } from "./open_file";
import { POLLIN, POLLRDNORM } from "./poll_events";
import { Thread } from "./program";
import { waitAt } from "./readiness";
import { put32 } from "./space";
import { fillBytes, Transfer } from "./transfer";
import { READABLE } from "./watches";

/** Instances there may be by default, of all users together. */
const INSTANCES_MAX: u64 = 128;

const storage = memory.data(64);
/** An event as it is read: the longest name fills 256 bytes. */
const record = memory.data(288);
const limits = memory.data(8);
let instances: u32 = 0;

/** Where the number of instances is that there may be (u64): /proc/sys/fs/inotify/max_user_instances. */
export function maxUserInstances(): usize {
  return limits;
}

export function isInotify(file: OpenFile): bool {
  return changetype<usize>(file.operations) === storage;
}

export function instanceOf(file: OpenFile): Instance {
  return changetype<Instance>(file.node.object);
}

export function hasRoomForInstance(): bool {
  return (instances as u64) < load<u64>(maxUserInstances());
}

/** An open file on a new instance, to be read alone, with `flags`; null when memory is out. */
export function openInotify(flags: u32): OpenFile | null {
  const file = openAnonymous(storage, flags);
  if (file === null) return null;
  file.flags &= ~O_RDWR;
  instances++;
  const instance = newInstance(file.node);
  file.node.object = changetype<usize>(instance);
  if (instance !== null) return file;
  dropFile(file);
  return null;
}

/** Passes one event on: its bytes, or -EFAULT, and the event has gone all the same. */
function pass(instance: Instance, event: Event, transfer: Transfer): i64 {
  const bytes = eventBytes(event);
  memory.fill(record, 0, bytes);
  store<i32>(record, event.watch);
  store<u32>(record + 4, event.mask);
  store<u32>(record + 8, event.cookie);
  store<u32>(record + 12, bytes - EVENT_BYTES);
  memory.copy(record + EVENT_BYTES, event.name, event.nameLength);
  freeEvent(instance, event);
  return fillBytes(transfer, record, bytes) === bytes ? (bytes as i64) : -EFAULT;
}

function read(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  const instance = instanceOf(file);
  while (instance.first === null) {
    if ((file.flags & O_NONBLOCK) !== 0) return -EAGAIN;
    if (!waitAt(thread, file.node, READABLE)) return -EINTR;
  }
  let done: i64 = 0;
  let event = instance.first;
  while (event !== null) {
    if ((eventBytes(event) as u64) > transfer.left) return done === 0 ? -EINVAL : done;
    const passed = pass(instance, takeEvent(instance) as Event, transfer);
    if (passed < 0) return passed;
    done += passed;
    event = instance.first;
  }
  return done;
}

function poll(file: OpenFile): u32 {
  return instanceOf(file).first === null ? 0 : POLLIN | POLLRDNORM;
}

function ioctl(thread: Thread, file: OpenFile, command: u32, argument: u64): i64 {
  if (command !== FIONREAD) return -ENOTTY;
  return put32(thread.program.space, argument, instanceOf(file).bytes) ? 0 : -EFAULT;
}

function release(file: OpenFile): void {
  instances--;
  const instance = instanceOf(file);
  if (changetype<usize>(instance) !== 0) {
    while (instance.marks !== 0) removeMark(changetype<Mark>(instance.marks));
    freeInstance(instance);
  }
  closeAnonymous(file);
}

export function initInotify(): void {
  initFileEvents();
  initInotifyQueues();
  store<u64>(maxUserInstances(), INSTANCES_MAX);
  const operations = newAnonymousOperations(storage, ANONYMOUS_INOTIFY);
  operations.read = read;
  operations.poll = poll;
  operations.ioctl = ioctl;
  operations.release = release;
  operations.signals = 1;
}
