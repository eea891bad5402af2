// Bytes from a file to a pipe, from a pipe to a file and between pipes: what splice(2), tee(2) and sendfile(2) do.
// Where Linux shares pages these are copies, but for buffers that go whole from one pipe to another.

import { MEM_R, PAGE_SIZE } from "../libhedron/abi";
import { DEVICE_NULL } from "./character_devices";
import { EAGAIN, EFAULT, EINVAL, ENOMEM } from "./errno";
import { allocate, release } from "./heap";
import { OpenFile, readFile, readFileAt, writeFile, writeFileAt } from "./open_file";
import { awaitBytes, awaitRoom, noteAdded, noteTaken, pipeOf } from "./pipe";
import {
  addBuffer,
  BUFFER_CLOSED,
  bufferAt,
  consume,
  copyBuffer,
  freeBufferPage,
  isEmpty,
  isFull,
  moveBuffer,
  newBufferPage,
  usedBuffers,
} from "./pipe_buffers";
import { POLLIN } from "./poll_events";
import { Thread } from "./program";
import { AF_UNIX, CONNECTED, SOCK_STREAM, socketOf } from "./socket";
import { nextRun, pass, runLength, Transfer, transferOf } from "./transfer";
import {
  KIND_ANONYMOUS,
  KIND_BLOCK,
  KIND_DEVICE,
  KIND_DIRECTORY,
  KIND_FILE,
  KIND_SOCKET,
} from "./tree";

/** The longest message there is, net.core.wmem_max. */
const MESSAGE_MOST: u32 = 212_992;

/** Position of a file that is its own. */
export const OWN_POSITION: i64 = -1;

/** Reads up to `length` bytes from `from` of `input` into a buffer of `output`'s: how many, 0 at the end, or an error. */
function fillBuffer(
  thread: Thread,
  input: OpenFile,
  from: i64,
  output: OpenFile,
  length: u32,
): i64 {
  const page = newBufferPage();
  if (page === 0) return -ENOMEM;
  const transfer = thread.transfer;
  transferOf(transfer, null, page as u64, length as u64);
  const bytes =
    from === OWN_POSITION
      ? readFile(thread, input, transfer)
      : readFileAt(thread, input, transfer, from);
  if (bytes > 0) {
    // While that waited, others may have filled the pipe.
    const error = awaitRoom(thread, output, true);
    if (error === 0) {
      addBuffer(pipeOf(output.node), page, bytes as u32, BUFFER_CLOSED);
      return bytes;
    }
    freeBufferPage(page);
    return error;
  }
  freeBufferPage(page);
  return bytes;
}

/** Puts the `length` bytes at `from` into buffers of `output`'s: how many, or a negative error where it is none. */
function putBuffers(thread: Thread, from: usize, length: u32, output: OpenFile): i64 {
  let done: u32 = 0;
  while (done < length) {
    const error = awaitRoom(thread, output, true);
    const page: usize = error === 0 ? newBufferPage() : 0;
    if (page === 0) return done !== 0 ? (done as i64) : error !== 0 ? error : -ENOMEM;
    const piece = min<u32>(PAGE_SIZE as u32, length - done);
    memory.copy(page, from + done, piece);
    addBuffer(pipeOf(output.node), page, piece, BUFFER_CLOSED);
    done += piece;
  }
  return done as i64;
}

/** One message of `input`, or as much of it as there is room for, up to `count` bytes; the rest of it is lost, as by read(2). */
function messageToPipe(thread: Thread, input: OpenFile, output: OpenFile, count: u64): i64 {
  const pipe = pipeOf(output.node);
  const room = (pipe.slots - usedBuffers(pipe)) * (PAGE_SIZE as u32);
  const length = min<u64>(count, min<u32>(room, MESSAGE_MOST) as u64) as u32;
  const place = allocate(length);
  if (place === 0) return -ENOMEM;
  transferOf(thread.transfer, null, place as u64, length as u64);
  const bytes = readFile(thread, input, thread.transfer);
  const done = bytes > 0 ? putBuffers(thread, place, bytes as u32, output) : bytes;
  release(place, length);
  if (done > 0) noteAdded(output.node);
  return done;
}

/** A read of `input` would not wait. */
function hasBytes(input: OpenFile): bool {
  const poll = input.operations.poll;
  return (poll(input) & POLLIN) !== 0;
}

/** A local socket of a stream, which does not wait where the splice does not; others do by their own flags alone. */
function isUnixStream(input: OpenFile): bool {
  if (input.node.kind !== KIND_SOCKET || socketOf(input).type !== SOCK_STREAM) return false;
  return socketOf(input).protocol.family === AF_UNIX;
}

/** A socket whose messages are whole. */
function hasMessages(input: OpenFile): bool {
  return input.node.kind === KIND_SOCKET && socketOf(input).type !== SOCK_STREAM;
}

/** Bytes of `input` from `at` on that are in one buffer of a pipe: up to the end of a page of a file, or of a message. */
function restOfPiece(input: OpenFile, at: i64): u32 {
  const page = PAGE_SIZE as u32;
  if (!isUnixStream(input)) return page - ((at as u32) & (page - 1));
  const message = socketOf(input).first;
  return message === null ? page : min<u32>(page, message.length - message.taken);
}

/** Bytes of `input`, which is no pipe, can go into a pipe. */
export function canSplice(input: OpenFile): bool {
  if (input.operations.unspliced !== 0) return false;
  const kind = input.node.kind;
  if (kind === KIND_DEVICE) return input.node.device !== DEVICE_NULL;
  return kind === KIND_FILE || kind === KIND_BLOCK || kind === KIND_SOCKET;
}

/**
 * Passes up to `count` bytes from `from` of `input` (OWN_POSITION: its own) to the pipe that `output` is, as many as
 * there is room for once there is any. Bytes, or a negative error.
 */
export function fileToPipe(
  thread: Thread,
  input: OpenFile,
  from: i64,
  output: OpenFile,
  count: u64,
  mayWait: bool,
): i64 {
  const error = awaitRoom(thread, output, mayWait);
  if (error !== 0) return error;
  if (count === 0) return 0;
  if (!canSplice(input)) return -EINVAL;
  if (hasMessages(input)) return messageToPipe(thread, input, output, count);
  const isConnected = isUnixStream(input) && socketOf(input).state === CONNECTED;
  if (!mayWait && isConnected && !hasBytes(input)) return -EAGAIN;
  const pipe = pipeOf(output.node);
  let done: i64 = 0;
  while ((done as u64) < count && !isFull(pipe)) {
    const own = from === OWN_POSITION;
    const at = own ? input.position : from + done;
    const rest = restOfPiece(input, at);
    const length = min<u64>(count - (done as u64), rest as u64) as u32;
    const bytes = fillBuffer(thread, input, own ? OWN_POSITION : at, output, length);
    if (bytes <= 0) {
      if (done === 0) return bytes;
      break;
    }
    done += bytes;
    // What is there is enough; of a terminal one line, as another read would take its end of input.
    const kind = input.node.kind;
    if (kind === KIND_SOCKET && !hasBytes(input)) break;
    if (kind === KIND_DEVICE && ((bytes as u32) < length || !hasBytes(input))) break;
  }
  if (done > 0) noteAdded(output.node);
  return done;
}

/** Writes the first buffer of the pipe, up to `length` bytes, to `to` of `output`: how many, or a negative error. */
function writeBuffer(thread: Thread, input: OpenFile, output: OpenFile, to: i64, length: u64): i64 {
  const pipe = pipeOf(input.node);
  const buffer = bufferAt(pipe, pipe.tail);
  const bytes = min<u64>(length, buffer.length as u64);
  const transfer = thread.transfer;
  transferOf(transfer, null, (buffer.page as u64) + (buffer.offset as u64), bytes);
  const result =
    to === OWN_POSITION
      ? writeFile(thread, output, transfer)
      : writeFileAt(thread, output, transfer, to);
  if (result > 0) consume(pipe, result as u32);
  return result;
}

/** The negative error that has stopped the last `pipeToFile`, whatever had gone before; 0 where none has. */
export let stopped: i64 = 0;

/**
 * Passes up to `count` bytes from the pipe that `input` is to `to` of `output` (OWN_POSITION: its own), as many as there
 * are once there are any. Bytes, or a negative error.
 */
export function pipeToFile(
  thread: Thread,
  input: OpenFile,
  output: OpenFile,
  to: i64,
  count: u64,
  mayWait: bool,
): i64 {
  const kind = output.node.kind;
  if (kind === KIND_DIRECTORY || kind === KIND_ANONYMOUS) return -EINVAL;
  if (output.operations.unspliced !== 0) return -EINVAL;
  const found = awaitBytes(thread, input, mayWait);
  stopped = 0;
  if (found <= 0) return found;
  const pipe = pipeOf(input.node);
  const wasFull = isFull(pipe);
  let done: i64 = 0;
  let result: i64 = 0;
  while ((done as u64) < count && !isEmpty(pipe)) {
    const at = to === OWN_POSITION ? OWN_POSITION : to + done;
    result = writeBuffer(thread, input, output, at, count - (done as u64));
    if (result <= 0) break;
    done += result;
  }
  noteTaken(input.node, wasFull);
  stopped = min<i64>(result, 0);
  return done === 0 ? result : done;
}

/** Waits until something can go from one pipe to the other: 1, 0 where nothing will, or a negative error. */
function awaitBoth(thread: Thread, input: OpenFile, output: OpenFile, mayWait: bool): i64 {
  const from = pipeOf(input.node);
  const to = pipeOf(output.node);
  let first = true;
  while (first || isEmpty(from) || isFull(to)) {
    first = false;
    const found = awaitBytes(thread, input, mayWait);
    if (found < 0) return found;
    const error = awaitRoom(thread, output, mayWait);
    if (error !== 0) return error;
    if (found === 0 && isEmpty(from)) return 0;
  }
  return 1;
}

/** Passes up to `count` bytes between pipes, as many as can go at once. Bytes, or a negative error. */
export function pipeToPipe(
  thread: Thread,
  input: OpenFile,
  output: OpenFile,
  count: u64,
  mayWait: bool,
): i64 {
  const ready = awaitBoth(thread, input, output, mayWait);
  if (ready <= 0) return ready;
  const from = pipeOf(input.node);
  const to = pipeOf(output.node);
  const wasFull = isFull(from);
  let done: u64 = 0;
  while (done < count && !isEmpty(from) && !isFull(to)) {
    const buffer = bufferAt(from, from.tail);
    const left = count - done;
    if (left >= (buffer.length as u64)) {
      done += buffer.length as u64;
      moveBuffer(from, to);
    } else if (copyBuffer(buffer, left as u32, to)) {
      consume(from, left as u32);
      done = count;
    } else if (done === 0) {
      return -ENOMEM;
    } else {
      break;
    }
  }
  noteTaken(input.node, wasFull);
  noteAdded(output.node);
  return done as i64;
}

/** Copies up to `count` bytes between pipes, which stay in the first. Bytes, or a negative error. */
export function copyPipe(
  thread: Thread,
  input: OpenFile,
  output: OpenFile,
  count: u64,
  mayWait: bool,
): i64 {
  const ready = awaitBoth(thread, input, output, mayWait);
  if (ready <= 0) return ready;
  const from = pipeOf(input.node);
  const to = pipeOf(output.node);
  let done: u64 = 0;
  for (let at = from.tail; at !== from.head && done < count && !isFull(to); at++) {
    const buffer = bufferAt(from, at);
    const length = min<u64>(count - done, buffer.length as u64) as u32;
    if (!copyBuffer(buffer, length, to)) break;
    done += length as u64;
  }
  noteAdded(output.node);
  return done === 0 ? -ENOMEM : (done as i64);
}

/**
 * Passes what `transfer` says to the pipe that `output` is, as much as there is room for once there is any: vmsplice(2).
 * Every page of the program's makes a buffer. Bytes, or a negative error.
 */
export function memoryToPipe(
  thread: Thread,
  output: OpenFile,
  transfer: Transfer,
  mayWait: bool,
): i64 {
  const error = awaitRoom(thread, output, mayWait);
  if (error !== 0) return error;
  const pipe = pipeOf(output.node);
  let done: i64 = 0;
  while (transfer.left !== 0 && !isFull(pipe)) {
    const from = nextRun(transfer, MEM_R);
    if (from === 0) return done === 0 ? -EFAULT : done;
    const page = newBufferPage();
    if (page === 0) return done === 0 ? -ENOMEM : done;
    const length = runLength;
    memory.copy(page, from, length);
    pass(transfer, length);
    addBuffer(pipe, page, length, BUFFER_CLOSED);
    done += length as i64;
  }
  if (done !== 0) noteAdded(output.node);
  return done;
}
