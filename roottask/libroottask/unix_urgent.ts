// Out-of-band bytes of local streams (unix(7), SIOCATMARK of unix_ioctl(), manage_oob() of Linux 6.18): the last byte that is sent
// with MSG_OOB is a message of its own, which a call with that flag takes out of its turn. What is left of it then, a mark
// without bytes, ends what is read at once, as the byte itself does.

import { EFAULT, EINVAL, EOPNOTSUPP } from "./errno";
import { inlinesUrgent, Message, MSG_OOB, MSG_PEEK, SOCK_STREAM, Socket } from "./socket";
import { freeMessage, noteMessage, setReceivedFlags, takeFirst } from "./socket_messages";
import { fillBytes, Transfer } from "./transfer";

/** All bytes of `message` have been taken: it is a mark. */
function isMark(message: Message): bool {
  return message.taken === message.length;
}

/** The first message of `socket` is done with. */
function dropFirst(socket: Socket): void {
  freeMessage(takeFirst(socket));
}

/** The message in front of `message` in the queue of `socket`, and the one in front of that; null for none. */
let before: Message | null = null;
let beforeThat: Message | null = null;

function findBefore(socket: Socket, message: Message): void {
  before = null;
  beforeThat = null;
  let at = socket.first;
  while (at !== null && at !== message) {
    beforeThat = before;
    before = at;
    at = at.next;
  }
}

/** Takes the mark right in front of `message` away: one mark is enough. */
function joinMarks(socket: Socket, message: Message): void {
  findBefore(socket, message);
  const mark = before;
  if (mark === null || !isMark(mark)) return;
  const previous = beforeThat;
  if (previous === null) {
    dropFirst(socket);
    return;
  }
  previous.next = message;
  socket.messages--;
  freeMessage(mark);
}

/**
 * The message that a read goes on with which has come to `message` of the queue of `socket`, and has `some` bytes already; null
 * where it ends there or nothing else has come. What a read without MSG_PEEK passes over is gone.
 */
export function passUrgent(
  socket: Socket,
  message: Message,
  peek: bool,
  some: bool,
): Message | null {
  let at: Message | null = message;
  if (isMark(message)) {
    if (some && (socket.urgent === null || socket.urgent === message)) return null;
    at = message.next;
    if (!peek) dropFirst(socket);
    if (at === null) return null;
  }
  if (at !== socket.urgent) return at;
  if (some) return null;
  const inlines = inlinesUrgent(socket);
  if (peek) return inlines ? at : at.next;
  socket.urgent = null;
  if (inlines) return at;
  dropFirst(socket);
  return socket.first;
}

/** recv(2) with MSG_OOB: 1, or a negative error. */
export function takeUrgent(socket: Socket, transfer: Transfer, flags: u32): i64 {
  const message = socket.urgent;
  if (message === null || inlinesUrgent(socket)) return -EINVAL;
  const peek = (flags & MSG_PEEK) !== 0;
  if (!peek) {
    socket.urgent = null;
    joinMarks(socket, message);
  }
  const wanted = min<u64>(transfer.left, 1) as u32;
  const filled = fillBytes(transfer, message.data, wanted);
  if (!peek) message.taken = message.length;
  if (filled < wanted) return -EFAULT;
  noteMessage(message, peek);
  setReceivedFlags(MSG_OOB);
  return 1;
}

/** What SIOCATMARK tells of `socket`: 1, 0 or a negative error. */
export function atMark(socket: Socket): i64 {
  if (socket.type !== SOCK_STREAM) return -EOPNOTSUPP;
  const first = socket.first;
  if (first === null) return 0;
  const urgent = socket.urgent;
  if (first === urgent) return 1;
  return isMark(first) && (urgent === null || first.next === urgent) ? 1 : 0;
}
