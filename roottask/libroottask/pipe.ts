// Pipes, with a name (FIFOs) and without: pipe(7), fifo(7). What is in one is in pipe_buffers.ts; it exists while an
// open file does. Readers and writers are open files, whose last one of a kind wakes the other side when it goes.

import { PAGE_SIZE } from "../libhedron/abi";
import { EAGAIN, EFAULT, EINTR, ENFILE, ENOMEM, ENOTTY, ENXIO, EPIPE, ESPIPE } from "./errno";
import { markModified } from "./file_time";
import {
  FIONREAD,
  newOperations,
  O_DIRECT,
  O_NONBLOCK,
  OpenFile,
  readable,
  setKind,
  writable,
} from "./open_file";
import {
  addBuffer,
  BUFFER_PACKET,
  bufferAt,
  bytesIn,
  consume,
  createPipe,
  destroyPipe,
  dropBuffer,
  extendLast,
  freeBufferPage,
  initPipeBuffers,
  isEmpty,
  isFull,
  lastTakes,
  newBufferPage,
  Pipe,
} from "./pipe_buffers";
import { POLLERR, POLLHUP, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "./poll_events";
import { Thread } from "./program";
import { waitAt } from "./readiness";
import { lackMemory, put32 } from "./space";
import { fillBytes, Transfer, takeBytes } from "./transfer";
import { KIND_PIPE, Node } from "./tree";
import { wake } from "./wait_queue";
import { EVERYBODY, notePassed, notify, OPENED, READABLE, WRITABLE } from "./watches";

/** `object` of an open file that counts as reader or writer; of one that has seen no writer yet, LONE + writerOpens. */
const JOINED: u32 = 1;
const LONE: u32 = 2;

/** `file` is an end of a pipe. */
export function isPipe(file: OpenFile): bool {
  return file.node.kind === KIND_PIPE && file.node.object !== 0;
}

/** The pipe that `node`, of KIND_PIPE and open, is. */
export function pipeOf(node: Node): Pipe {
  return changetype<Pipe>(node.object);
}

/** Counts `file` among those that are open on its node. False where there is no pipe for it. */
export function joinPipe(file: OpenFile): bool {
  const node = file.node;
  if (node.object === 0) node.object = changetype<usize>(createPipe());
  if (node.object === 0) return false;
  const pipe = pipeOf(node);
  pipe.files++;
  if (readable(file)) {
    pipe.readers++;
    pipe.readerOpens++;
  }
  if (writable(file)) {
    pipe.writers++;
    pipe.writerOpens++;
  }
  file.object = JOINED;
  return true;
}

/** Opens a FIFO: waits for the other side, unless it is opened for both. A pipe without a name (/dev/fd) waits for nobody. */
function open(thread: Thread, file: OpenFile): i64 {
  const node = file.node;
  if (node.names === null) return joinPipe(file) ? 0 : -ENFILE;
  const reads = readable(file);
  const writes = writable(file);
  const waits = (file.flags & O_NONBLOCK) === 0;
  if (!reads && !waits && (node.object === 0 || pipeOf(node).readers === 0)) return -ENXIO;
  if (!joinPipe(file)) return -ENFILE;
  const pipe = pipeOf(node);
  wake(changetype<usize>(node), OPENED, EVERYBODY);
  if (reads && writes) return 0;
  if ((reads ? pipe.writers : pipe.readers) !== 0) return 0;
  if (!waits) {
    file.object = LONE + pipe.writerOpens;
    return 0;
  }
  const before = reads ? pipe.writerOpens : pipe.readerOpens;
  while ((reads ? pipe.writerOpens : pipe.readerOpens) === before) {
    if (!waitAt(thread, node, OPENED)) return -EINTR;
  }
  return 0;
}

/** Makes `file` not count any more. */
function release(file: OpenFile): void {
  if (file.object === 0) return;
  const node = file.node;
  const pipe = pipeOf(node);
  if (readable(file)) pipe.readers--;
  if (writable(file)) pipe.writers--;
  if (--pipe.files === 0) {
    node.object = 0;
    // Without a name it goes, although it counts as having one, as on Linux.
    if (node.names === null) node.links = 0;
    destroyPipe(pipe);
  } else if ((pipe.readers === 0) !== (pipe.writers === 0)) {
    notify(node, 0);
  }
}

/** Fills `transfer` with what is there: bytes, 0 where there are none, or -EFAULT. */
function takeFrom(pipe: Pipe, transfer: Transfer): i64 {
  let done: i64 = 0;
  while (transfer.left !== 0 && !isEmpty(pipe)) {
    const buffer = bufferAt(pipe, pipe.tail);
    const wanted = min<u64>(transfer.left, buffer.length as u64) as u32;
    const bytes = fillBytes(transfer, buffer.page + buffer.offset, wanted);
    if (bytes < wanted) return done === 0 ? -EFAULT : done;
    done += bytes as i64;
    if ((buffer.flags & BUFFER_PACKET) !== 0) {
      // What did not fit is lost.
      dropBuffer(pipe);
      break;
    }
    consume(pipe, bytes);
  }
  return done;
}

/** Waits for bytes where it `mayWait`: 1 where there are some, 0 where there will not be any, -EAGAIN or -EINTR. */
export function awaitBytes(thread: Thread, file: OpenFile, mayWait: bool): i64 {
  const node = file.node;
  const pipe = pipeOf(node);
  while (isEmpty(pipe)) {
    if (pipe.writers === 0) return 0;
    if (!mayWait) return -EAGAIN;
    if (!waitAt(thread, node, READABLE)) return -EINTR;
  }
  return 1;
}

/** Something has been taken from the pipe that `node` is, which may have been full before. */
export function noteTaken(node: Node, wasFull: bool): void {
  if (wasFull && !isFull(pipeOf(node))) notify(node, POLLOUT | POLLWRNORM);
  else notePassed(node, POLLOUT);
}

/** Something has been added to the pipe that `node` is. */
export function noteAdded(node: Node): void {
  notify(node, POLLIN | POLLRDNORM);
}

/** Fills `transfer` with what is there once there is something: bytes, or a negative error. */
export function readPipe(thread: Thread, file: OpenFile, transfer: Transfer, mayWait: bool): i64 {
  const node = file.node;
  const pipe = pipeOf(node);
  if (transfer.left === 0) return 0;
  const found = awaitBytes(thread, file, mayWait);
  if (found <= 0) return found;
  const wasFull = isFull(pipe);
  const done = takeFrom(pipe, transfer);
  noteTaken(node, wasFull);
  return done;
}

function read(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  return readPipe(thread, file, transfer, (file.flags & O_NONBLOCK) === 0);
}

/** Puts the next page of `transfer` into a buffer, of which one is free: bytes, -ENOMEM or -EFAULT. */
function putInto(pipe: Pipe, transfer: Transfer, packet: bool): i64 {
  const page = newBufferPage();
  if (page === 0) return -ENOMEM;
  const wanted = min<u64>(transfer.left, PAGE_SIZE as u64) as u32;
  if (takeBytes(transfer, page, wanted) < wanted) {
    freeBufferPage(page);
    return -EFAULT;
  }
  addBuffer(pipe, page, wanted, packet ? BUFFER_PACKET : 0);
  return wanted as i64;
}

/** Waits for a free buffer where it `mayWait`: 0, -EPIPE where nobody will read, -EAGAIN or -EINTR. */
export function awaitRoom(thread: Thread, file: OpenFile, mayWait: bool): i64 {
  const node = file.node;
  const pipe = pipeOf(node);
  while (true) {
    if (pipe.readers === 0) {
      thread.broken = 1;
      return -EPIPE;
    }
    if (!isFull(pipe)) return 0;
    if (!mayWait) return -EAGAIN;
    if (!waitAt(thread, node, WRITABLE)) return -EINTR;
  }
}

/** Writes all of `transfer` unless something comes in between: what there is of it then is in the pipe. */
function write(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  const node = file.node;
  const pipe = pipeOf(node);
  const packet = (file.flags & O_DIRECT) !== 0;
  const mayWait = (file.flags & O_NONBLOCK) === 0;
  if (transfer.left === 0) return 0;
  let done: i64 = 0;
  let error: i64 = 0;
  // What is more than whole pages goes to what is there already, so that short writes fill pages.
  const rest = (transfer.left & ((PAGE_SIZE as u64) - 1)) as u32;
  if (pipe.readers !== 0 && rest !== 0 && !packet && lastTakes(pipe, rest)) {
    if (!extendLast(pipe, transfer, rest)) return -EFAULT;
    done = rest as i64;
    noteAdded(node);
  }
  while (transfer.left !== 0 && error === 0) {
    error = awaitRoom(thread, file, mayWait);
    if (error !== 0) break;
    const bytes = putInto(pipe, transfer, packet);
    if (bytes < 0) {
      error = bytes;
      if (bytes === -ENOMEM && done === 0) lackMemory();
    } else {
      done += bytes;
      noteAdded(node);
    }
  }
  if (done !== 0) markModified(node);
  return done === 0 ? error : done;
}

function poll(file: OpenFile): u32 {
  const pipe = pipeOf(file.node);
  let events: u32 = 0;
  if (readable(file)) {
    if (!isEmpty(pipe)) events |= POLLIN | POLLRDNORM;
    if (pipe.writers === 0 && file.object !== LONE + pipe.writerOpens) events |= POLLHUP;
  }
  if (writable(file)) {
    if (!isFull(pipe)) events |= POLLOUT | POLLWRNORM;
    if (pipe.readers === 0) events |= POLLERR;
  }
  return events;
}

function ioctl(thread: Thread, file: OpenFile, command: u32, argument: u64): i64 {
  if (command !== FIONREAD) return -ENOTTY;
  return put32(thread.program.space, argument, bytesIn(pipeOf(file.node))) ? 0 : -EFAULT;
}

function noSpace(_thread: Thread, _file: OpenFile, _mode: u32, _offset: i64, _length: i64): i64 {
  return -ESPIPE;
}

const storage = memory.data(64);

export function initPipes(): void {
  initPipeBuffers();
  const pipes = newOperations(storage);
  pipes.open = open;
  pipes.read = read;
  pipes.write = write;
  pipes.poll = poll;
  pipes.ioctl = ioctl;
  pipes.allocate = noSpace;
  pipes.release = release;
  pipes.signals = 1;
  setKind(KIND_PIPE, pipes);
}
