// Sockets of the family AF_UNIX that are in messages to each other alone: nobody can ever receive them, so they are let go
// (unix(7); Linux: net/unix/garbage.c). Looked for when a socket has lost its last user outside of messages. What a
// program has, what a call works with, and what waits to be sent counts as outside.

import { OpenFile } from "./open_file";
import { AF_UNIX, firstSocket, isSocket, Message, Socket, socketOf } from "./socket";
import { dropRights, letFileGo } from "./socket_messages";

/** Sockets that have been found, and whose messages have not been looked at. */
let found: Socket | null = null;
/** Number of the search that goes on, or of the last one. */
let search: u64 = 0;
let collecting: bool = false;
/** Sockets that have been lost since the last search, and sockets that it has come by. */
let owed: u32 = 0;
let kept: u32 = 0;
/** One of so many sockets must be lost before the next search. */
const SHARE: u32 = 32;

function isLocal(socket: Socket): bool {
  return socket.protocol.family === AF_UNIX;
}

function find(socket: Socket): void {
  if (socket.search === search) return;
  socket.search = search;
  socket.nextFound = found;
  found = socket;
}

/** Finds the sockets that are in messages to `socket`. */
function findIn(socket: Socket): void {
  let message = socket.first;
  while (message !== null) {
    for (let i: u32 = 0; i < message.rightCount; i++) {
      const file = changetype<OpenFile>(load<usize>(message.rights + i * 4));
      if (isSocket(file) && isLocal(socketOf(file))) find(socketOf(file));
    }
    message = message.next;
  }
}

function isOutside(file: OpenFile): bool {
  return file.users !== file.inFlight;
}

/** Finds the sockets that somebody can reach. */
function findReachable(): void {
  search++;
  found = null;
  let socket = firstSocket();
  while (socket !== null) {
    const file = socket.file;
    if (file !== null && isLocal(socket) && isOutside(file)) find(socket);
    socket = socket.next;
  }
  while (found !== null) {
    const next = found as Socket;
    found = next.nextFound;
    findIn(next);
    let waits = next.pending;
    while (waits !== null) {
      findIn(waits);
      waits = waits.nextPending;
    }
  }
}

/** What the messages to `socket` take along is let go. */
function emptyMessages(socket: Socket): void {
  let message: Message | null = socket.first;
  while (message !== null) {
    if (message.rightCount !== 0) dropRights(message);
    message = message.next;
  }
}

/** Lets go what cannot be reached. Its files are kept while their messages are emptied. */
function collect(): void {
  findReachable();
  kept = 0;
  let garbage: Socket | null = null;
  let socket = firstSocket();
  while (socket !== null) {
    kept++;
    const file = socket.file;
    // One without users is on its way out already.
    const used = file !== null && file.users !== 0;
    if (file !== null && used && isLocal(socket) && socket.search !== search) {
      file.users++;
      socket.nextFound = garbage;
      garbage = socket;
    }
    socket = socket.next;
  }
  socket = garbage;
  while (socket !== null) {
    emptyMessages(socket);
    let waits = socket.pending;
    while (waits !== null) {
      emptyMessages(waits);
      waits = waits.nextPending;
    }
    socket = socket.nextFound;
  }
  while (garbage !== null) {
    const file = garbage.file as OpenFile;
    garbage = garbage.nextFound;
    letFileGo(file);
  }
}

function collectNow(): void {
  collecting = true;
  owed = 0;
  collect();
  collecting = false;
}

/** `file` is in messages alone: where it is a socket, it may be in its own. Long searches are made for several at once. */
export function lostOutside(file: OpenFile): void {
  if (collecting || !isSocket(file) || !isLocal(socketOf(file))) return;
  owed++;
  if (owed >= kept / SHARE) collectNow();
}

/** A process has ended: the search that is owed is made. */
export function collectOwed(): void {
  if (owed !== 0 && !collecting) collectNow();
}
