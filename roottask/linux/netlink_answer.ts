// Answers of netlink (netlink(7)): messages that are put one behind the other, and go to the queue of who has asked, in
// one datagram or in several.

import { ENOBUFS } from "../libroottask/errno";
import { Thread } from "../libroottask/program";
import { Socket } from "../libroottask/socket";
import { append, makeMessage, messageError } from "../libroottask/socket_messages";
import { closePieces, transferOf } from "../libroottask/transfer";

/** struct nlmsghdr: length, type, flags, sequence number, port. */
export const HEAD_BYTES: u32 = 16;
export const NLMSG_ERROR: u32 = 2;
export const NLMSG_DONE: u32 = 3;
export const NLM_F_REQUEST: u32 = 1;
export const NLM_F_MULTI: u32 = 2;
export const NLM_F_ACK: u32 = 4;
export const NLM_F_DUMP: u32 = 0x300;

/** Room for an answer, and how full it may be when another message of a list begins. */
export const ANSWER_MAX: u32 = 8192;
const PART_MAX: u32 = 3072;

/** The answer that is being made, how long it is, and where its last message begins. */
let answer: usize = 0;
let answerLength: u32 = 0;
let messageStart: u32 = 0;
/** Whose it is, with what port, and the request. */
let answerThread: Thread = changetype<Thread>(0);
let answerSocket: Socket = changetype<Socket>(0);
let answerPort: u32 = 0;
let answerTo: usize = 0;
/** Why it could not be delivered: a negative error, or 0. */
let answerError: i64 = 0;

/** An answer to the request at `to` begins, in ANSWER_MAX bytes at `room`. */
export function beginAnswer(
  thread: Thread,
  socket: Socket,
  port: u32,
  to: usize,
  room: usize,
): void {
  answer = room;
  answerThread = thread;
  answerSocket = socket;
  answerPort = port;
  answerTo = to;
  answerError = 0;
  memory.fill(answer, 0, ANSWER_MAX);
  answerLength = 0;
}

/** The queue of `socket` holds as much as it may. */
export function isFull(socket: Socket): bool {
  return socket.charged > socket.receiveBuffer;
}

/** Puts `length` bytes at `data` into the queue of `socket`, in a call of `thread`: 0 or a negative error. */
export function deliverBytes(thread: Thread, socket: Socket, data: usize, length: u32): i64 {
  const transfer = thread.transfer;
  closePieces(transfer);
  transferOf(transfer, null, data as u64, length as u64);
  const message = makeMessage(thread, socket, transfer, length);
  if (message === null) return messageError;
  append(socket, message);
  return 0;
}

/** What there is of the answer goes, as one datagram. Parts of a list have what room there is for messages (ENOBUFS). */
function deliver(listed: bool): void {
  const length = answerLength;
  answerLength = 0;
  if (length === 0 || answerError !== 0) return;
  if (!listed && isFull(answerSocket)) answerSocket.error = ENOBUFS as u32;
  else answerError = deliverBytes(answerThread, answerSocket, answer, length);
  memory.fill(answer, 0, length);
}

/** The answer ends: 0, or a negative error where there was no room for it. */
export function endAnswer(): i64 {
  deliver(false);
  return answerError;
}

/** `bytes` bytes, zeroes at first, of the answer. */
export function put(bytes: u32): usize {
  const at = answer + answerLength;
  answerLength += (bytes + 3) & ~3;
  return at;
}

/** Begins a message with the head of the request. */
export function beginMessage(type: u32, flags: u32): void {
  if (answerLength > PART_MAX) deliver(true);
  messageStart = answerLength;
  const at = put(HEAD_BYTES);
  store<u16>(at + 4, type as u16);
  store<u16>(at + 6, flags as u16);
  store<u32>(at + 8, load<u32>(answerTo + 8));
  store<u32>(at + 12, answerPort);
}

export function endMessage(): void {
  store<u32>(answer + messageStart, answerLength - messageStart);
}

/** Puts an attribute of `bytes` bytes, zeroes at first: where they are. */
export function attribute(type: u32, bytes: u32): usize {
  const at = put(4 + bytes);
  store<u16>(at, (4 + bytes) as u16);
  store<u16>(at + 2, type as u16);
  return at + 4;
}

/** Puts an attribute that is a number of 32 bits. */
export function number(type: u32, value: u32): void {
  store<u32>(attribute(type, 4), value);
}

/** Says how the request has ended; what was wrong comes back whole. */
export function putError(error: i64): void {
  const bytes: u32 = error === 0 ? HEAD_BYTES : load<u32>(answerTo);
  beginMessage(NLMSG_ERROR, 0);
  store<i32>(put(4), error as i32);
  const quoted = min<u32>(bytes, ANSWER_MAX - answerLength);
  memory.copy(put(quoted), answerTo, quoted);
  endMessage();
}

/** A list ends, with an error or 0, `apart` in a datagram of its own. */
export function putDone(error: i64, apart: bool): void {
  if (apart) deliver(true);
  beginMessage(NLMSG_DONE, NLM_F_MULTI);
  store<i32>(put(4), error as i32);
  endMessage();
}

/** What `findAttribute` has found, and its bytes. */
export let foundAt: usize = 0;
export let foundBytes: u32 = 0;

/** Looks for attribute `type` behind `from` bytes of the request at `to` of `length` bytes: 1, 0, or -1 where they are malformed. */
export function findAttribute(to: usize, length: u32, from: u32, type: u32): i32 {
  let at = from;
  while (at + 4 <= length) {
    const bytes = load<u16>(to + at) as u32;
    if (bytes < 4 || bytes > length - at) return -1;
    if ((load<u16>(to + at + 2) as u32) === type) {
      foundAt = to + at + 4;
      foundBytes = bytes - 4;
      return 1;
    }
    at += (bytes + 3) & ~3;
  }
  return 0;
}
