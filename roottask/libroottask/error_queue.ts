// What has gone wrong with datagrams that were sent (ip(7), IP_RECVERR; ipv6(7), IPV6_RECVERR): messages in a queue of the
// socket's own, each with the beginning of the datagram that it is about, which recvmsg(2) takes by MSG_ERRQUEUE.

import { EAGAIN, EFAULT } from "./errno";
import { Inet, inetOf } from "./inet";
import { Message, MSG_ERRQUEUE, MSG_TRUNC, Socket } from "./socket";
import { blankMessage, freeMessage, noteMessage, setReceivedFlags } from "./socket_messages";
import { fillBytes, Transfer } from "./transfer";
import { notify } from "./watches";

/** struct sock_extended_err: error, origin, type and code, information. */
export const EXTENDED_BYTES: u32 = 16;
/** Whose error it is: this machine's, ICMP's, ICMPv6's. */
export const ORIGIN_LOCAL: u8 = 1;
export const ORIGIN_ICMP: u8 = 2;
export const ORIGIN_ICMP6: u8 = 3;

/** In front of the datagram: a struct sock_extended_err, and the address of who found the error. */
const HEAD_BYTES: u32 = EXTENDED_BYTES + 16;

/** The last error that has been taken: its struct sock_extended_err, and who found it. */
export const extended = memory.data(16, 8);
export let offenderHigh: u64 = 0;
export let offenderLow: u64 = 0;
/** A message that has been received last is an error. */
export let tookError: bool = false;

export function forgetError(): void {
  tookError = false;
}

/**
 * Puts an error about the `length` bytes at `data` into the queue of `socket`, found by who is at the address: null where that
 * is full. Where the datagram went, and how the error came, is for the caller to fill in.
 */
export function queueError(
  socket: Socket,
  error: i32,
  origin: u8,
  type: u32,
  code: u32,
  information: u32,
  high: u64,
  low: u64,
  data: usize,
  length: u32,
): Message | null {
  const inet = inetOf(socket);
  if (inet.queued >= socket.receiveBuffer) return null;
  const message = blankMessage(socket, HEAD_BYTES + length);
  if (message === null) return null;
  const at = message.data;
  store<i32>(at, error);
  store<u8>(at + 4, origin);
  store<u8>(at + 5, type as u8);
  store<u8>(at + 6, code as u8);
  store<u32>(at + 8, information);
  store<u64>(at + EXTENDED_BYTES, high);
  store<u64>(at + EXTENDED_BYTES + 8, low);
  memory.copy(at + HEAD_BYTES, data, length);
  inet.queued += message.charge;
  const last = inet.lastError;
  if (last === null) inet.errors = message;
  else last.next = message;
  inet.lastError = message;
  notify(socket.node, 0);
  return message;
}

function popError(inet: Inet): Message {
  const message = inet.errors as Message;
  inet.errors = message.next;
  if (inet.errors === null) inet.lastError = null;
  inet.queued -= message.charge;
  return message;
}

function isIcmp(message: Message): bool {
  return load<u8>(message.data + 4) !== ORIGIN_LOCAL;
}

/** Takes the first error of `socket` into `extended`, with what `take` makes of the message: bytes, or a negative error. */
export function takeQueued(
  socket: Socket,
  transfer: Transfer,
  take: (message: Message) => void,
): i64 {
  const inet = inetOf(socket);
  if (inet.errors === null) return -EAGAIN;
  const message = popError(inet);
  const length = message.length - HEAD_BYTES;
  const bytes = min<u64>(transfer.left, length as u64) as u32;
  const copied = fillBytes(transfer, message.data + HEAD_BYTES, bytes);
  memory.copy(extended, message.data, EXTENDED_BYTES);
  offenderHigh = load<u64>(message.data + EXTENDED_BYTES);
  offenderLow = load<u64>(message.data + EXTENDED_BYTES + 8);
  // What the next call would have returned is that of the next error, sock_dequeue_err_skb() of Linux.
  const next = inet.errors;
  if (next !== null && isIcmp(next)) {
    socket.error = load<u32>(next.data);
    notify(socket.node, 0);
  } else if (isIcmp(message)) {
    socket.error = 0;
  }
  setReceivedFlags(MSG_ERRQUEUE | (bytes < length ? MSG_TRUNC : 0));
  noteMessage(message, false);
  take(message);
  tookError = true;
  freeMessage(message);
  return copied < bytes ? -EFAULT : (bytes as i64);
}

/** Frees what is in the queue of `socket`. */
export function dropErrors(socket: Socket): void {
  const inet = inetOf(socket);
  while (inet.errors !== null) freeMessage(popError(inet));
}
