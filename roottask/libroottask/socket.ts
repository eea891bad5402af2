// Sockets of all families (socket(7)): their record, what a family does with one, and waiting. A socket has a queue of
// what has been sent to it (socket_messages.ts). What descriptors do with one is in socket_file.ts.

import { dropProgram } from "./classic_bpf";
import { monotonic } from "./clock";
import { actor } from "./credentials";
import { EAGAIN, EINTR, EINVAL } from "./errno";
import { create, destroy, release } from "./heap";
import { Mount } from "./mount";
import { O_NONBLOCK, O_RDWR, OpenFile, openNode } from "./open_file";
import { POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "./poll_events";
import { Thread, WAIT_INTERRUPTED, WAIT_TIMED_OUT } from "./program";
import { waitUntil } from "./readiness";
import { Transfer } from "./transfer";
import { dispose, KIND_SOCKET, Node, newNode } from "./tree";
import { notify, READABLE } from "./watches";

export const AF_UNSPEC: u32 = 0;
export const AF_UNIX: u32 = 1;

export const SOCK_STREAM: u32 = 1;
export const SOCK_DGRAM: u32 = 2;
export const SOCK_RAW: u32 = 3;
export const SOCK_SEQPACKET: u32 = 5;

/** States of a socket. */
export const UNCONNECTED: u32 = 0;
export const LISTENING: u32 = 1;
export const CONNECTED: u32 = 2;
/** Of streams of the family AF_INET: the other side has not answered. */
export const CONNECTING: u32 = 3;

/** Directions that are shut down. */
export const SHUT_RECEIVE: u32 = 1;
export const SHUT_SEND: u32 = 2;
export const SHUT_BOTH: u32 = 3;

/** Flags of send(2) and recv(2). */
export const MSG_OOB: u32 = 1;
export const MSG_PEEK: u32 = 2;
export const MSG_CTRUNC: u32 = 8;
export const MSG_TRUNC: u32 = 0x20;
export const MSG_DONTWAIT: u32 = 0x40;
export const MSG_WAITALL: u32 = 0x100;
/** What has gone wrong with what was sent (error_queue.ts). */
export const MSG_ERRQUEUE: u32 = 0x2000;
export const MSG_NOSIGNAL: u32 = 0x4000;
/** More follows, and belongs to the same datagram. */
export const MSG_MORE: u32 = 0x8000;

/** Whether what comes next is, or was, urgent. */
export const SIOCATMARK: u32 = 0x8905;
/** Bytes that have not been taken (TIOCOUTQ). */
export const SIOCOUTQ: u32 = 0x5411;

/** Storage of a name of the family AF_UNIX, and its longest. */
export const UNIX_NAME_MAX: u32 = 108;

/** What may be sent and not been taken, by default, bytes with those that a message costs. */
export const BUFFER_BYTES: u32 = 212_992;
export const MESSAGE_COST: u32 = 768;

/** Bytes of the largest address of any family (struct sockaddr_storage); an address is in `address` between steps. */
export const ADDRESS_MAX: u32 = 128;
export const address = memory.data(128, 8);

/** What is in a queue: a datagram, or bytes of a stream. */
@unmanaged
export class Message {
  next: Message | null;
  /** Who is charged for it; its name is that of the sender. */
  sender: Socket;
  data: usize;
  /** Bytes of storage there, and of contents. */
  capacity: u32;
  length: u32;
  /** Bytes that have been taken. */
  taken: u32;
  charge: u32;
  /** Open files that go with it, and how many. */
  rights: usize;
  rightCount: u32;
  process: u32;
  user: u32;
  group: u32;
  /** Where it comes from and goes to in the family AF_INET or AF_INET6 (inet.ts). */
  fromHigh: u64;
  fromLow: u64;
  toHigh: u64;
  toLow: u64;
  fromPort: u32;
  toPort: u32;
  /** IP_TTL and IP_TOS of its sender, or of IPv6 hop limit and traffic class. */
  hops: u32;
  service: u32;
  /** It came to a socket with IP_PKTINFO or IPV6_RECVPKTINFO. */
  noted: u32;
  /** When it was put into a queue, nanoseconds since 1970. */
  time: i64;
}

@unmanaged
export class Socket {
  /** Its open file, those that have it as peer, and messages from it. */
  refs: u32;
  protocol: Protocol;
  type: u32;
  /** What SO_PROTOCOL tells. */
  number: u32;
  state: u32;
  /** Its open file is gone. */
  dead: u32;
  shut: u32;
  /** What the next call returns, as an error number. */
  error: u32;
  node: Node;
  /** Its open file, where there is one. */
  file: OpenFile | null;
  /** The last search that has come here, and the next one found by it (socket_garbage.ts). */
  search: u64;
  nextFound: Socket | null;
  peer: Socket | null;
  first: Message | null;
  last: Message | null;
  messages: u32;
  /** Of a local stream: the message in its queue that is an out-of-band byte (unix_urgent.ts). */
  urgent: Message | null;
  /** What it is charged for. */
  charged: u32;
  /** Of one that listens: connections that nobody has accepted, first and last, how many, and how many there may be. */
  pending: Socket | null;
  lastPending: Socket | null;
  pendingCount: u32;
  backlog: u32;
  /** Its neighbours among those that wait like it: to be accepted, or for a place among these (tcp_socket.ts). */
  previousPending: Socket | null;
  nextPending: Socket | null;
  /** Its name, bytes of sun_path; and the node of the tree that it is bound to. */
  name: usize;
  nameLength: u32;
  bound: Node | null;
  boundMount: Mount | null;
  /** What it is found by that has an abstract name (unix_socket.ts), 0 for nothing. */
  listed: usize;
  /** Whom SO_PEERCRED tells of, and what a peer is told of this one. */
  peerProcess: u32;
  peerUser: u32;
  peerGroup: u32;
  process: u32;
  user: u32;
  group: u32;
  passesCredentials: u32;
  sendBuffer: u32;
  receiveBuffer: u32;
  /** SO_RCVLOWAT. */
  receiveLow: u32;
  /** Time limits of calls, nanoseconds, 0 for none. */
  sendTime: u64;
  receiveTime: u64;
  /** Options that change nothing: a bit per SO_…. */
  options: u64;
  /** SO_ATTACH_FILTER: a program (packet_filter.ts), its instructions, and that it stays (SO_LOCK_FILTER). */
  filter: usize;
  filterLength: u32;
  filterLocked: u32;
  /** SO_TIMESTAMP and its like: which of them, 0 for none; and when what was received last came, 0 for never. */
  stamps: u32;
  stamp: i64;
  /** SO_LINGER: on, and seconds. */
  lingers: u32;
  lingerTime: u32;
  /** SO_PRIORITY. */
  priority: u32;
  /** SO_BINDTODEVICE: the number of the interface that it is bound to, 0 for none (bound_device.ts). */
  device: u32;
  /** It has been asked to send, and had no room: who has the file is told when it has (linux/file_signals.ts). */
  lacksRoom: u32;
  /** What its family keeps beyond this record. */
  own: usize;
  previous: Socket | null;
  next: Socket | null;
}

/** Whose name is asked for: its own, its peer's, its peer's when that may have gone. */
export const NAME_OWN: u32 = 0;
export const NAME_PEER: u32 = 1;
export const NAME_ACCEPTED: u32 = 2;

/** Comes with an address of `length` bytes in `address`; 0 or a negative error. */
export type BindOperation = (thread: Thread, socket: Socket, length: u32) => i64;
/** The same, and may wait. */
export type ConnectOperation = (thread: Thread, file: OpenFile, length: u32) => i64;
export type ListenOperation = (thread: Thread, socket: Socket, backlog: u32) => i64;
/** A connection has come out of the queue: whether it may be had (0), or a negative error. */
export type AcceptOperation = (thread: Thread, file: OpenFile) => i64;
/** Puts a name into `address`, NAME_… says whose: its length, or a negative error. */
export type NameOperation = (socket: Socket, whose: u32) => i64;
/** SHUT_… directions; 0 or a negative error. */
export type ShutOperation = (socket: Socket, directions: u32) => i64;
/** Sends with MSG_… flags, to the address of `length` bytes in `address` unless that is 0: bytes or a negative error. */
export type SendOperation = (
  thread: Thread,
  file: OpenFile,
  transfer: Transfer,
  length: u32,
  flags: u32,
) => i64;
/** Receives with MSG_… flags: bytes, 0 at the end, or a negative error; `endReceipt` comes behind. */
export type ReceiveOperation = (
  thread: Thread,
  file: OpenFile,
  transfer: Transfer,
  flags: u32,
) => i64;
/** Puts the name of who sent what has been received into `address`: its length, 0 for none. */
export type SenderOperation = (socket: Socket) => u32;
export type PollSocketOperation = (socket: Socket) => u32;
export type IoctlSocketOperation = (
  thread: Thread,
  socket: Socket,
  command: u32,
  argument: u64,
) => i64;
/** The socket's open file is gone. */
export type CloseOperation = (socket: Socket) => void;

/** What a family does with its sockets of one kind. */
@unmanaged
export class Protocol {
  /** AF_…, and what SO_PROTOCOL tells of its sockets at first. */
  family: u32;
  number: u32;
  /** Bytes at `own` of a socket, where it has that. */
  ownBytes: u32;
  /** Of AF_INET6: what a socket becomes that takes the form of AF_INET (IPV6_ADDRFORM). */
  four: Protocol | null;
  bind: BindOperation;
  connect: ConnectOperation;
  listen: ListenOperation;
  accept: AcceptOperation;
  name: NameOperation;
  shut: ShutOperation;
  send: SendOperation;
  receive: ReceiveOperation;
  sender: SenderOperation;
  poll: PollSocketOperation;
  ioctl: IoctlSocketOperation;
  close: CloseOperation;
}

/** Operations of the open files of sockets (socket_file.ts). */
export const socketOperations = memory.data(64);
let sockets: Socket | null = null;

/** Must be called before a socket is made. */
export function forgetSockets(): void {
  sockets = null;
}

/** The first of all sockets there are. */
export function firstSocket(): Socket | null {
  return sockets;
}

export function isSocket(file: OpenFile): bool {
  return changetype<usize>(file.operations) === socketOperations;
}

export function socketOf(file: OpenFile): Socket {
  return changetype<Socket>(file.node.object);
}

/** A socket without an open file; null when memory is out. */
export function newSocket(protocol: Protocol, type: u32): Socket | null {
  const node = newNode(KIND_SOCKET, 0o777);
  if (node === null) return null;
  const socket = create<Socket>();
  if (socket === null) {
    dispose(node);
    return null;
  }
  node.links = 1;
  node.operations = socketOperations;
  node.object = changetype<usize>(socket);
  node.owner = actor.fileUser;
  node.group = actor.fileGroup;
  socket.refs = 1;
  socket.protocol = protocol;
  socket.type = type;
  socket.number = protocol.number;
  socket.node = node;
  socket.sendBuffer = BUFFER_BYTES;
  socket.receiveBuffer = BUFFER_BYTES;
  socket.receiveLow = 1;
  socket.next = sockets;
  const first = sockets;
  if (first !== null) first.previous = socket;
  sockets = socket;
  return socket;
}

/** What no other socket is told by (SO_COOKIE, sock_diag(7)). */
export function cookieOf(socket: Socket): u64 {
  return socket.node.inode as u64;
}

/** An open file on `socket`; null, and the socket is gone, when memory is out. */
export function openSocket(socket: Socket, flags: u32): OpenFile | null {
  const file = openNode(socket.node, O_RDWR | flags);
  if (file === null) closeSocket(socket);
  else socket.file = file;
  return file;
}

const SO_OOBINLINE: u64 = 10;

/** Urgent bytes come to `socket` among the others (SO_OOBINLINE). */
export function inlinesUrgent(socket: Socket): bool {
  return ((socket.options >> SO_OOBINLINE) & 1) !== 0;
}

export function keepSocket(socket: Socket): void {
  socket.refs++;
}

export function letGo(socket: Socket): void {
  if (--socket.refs !== 0) return;
  if (socket.nameLength !== 0) release(socket.name, UNIX_NAME_MAX);
  if (socket.filter !== 0) dropProgram(socket.filter, socket.filterLength);
  if (socket.own !== 0) release(socket.own, socket.protocol.ownBytes);
  destroy<Socket>(socket);
}

/** The socket's open file is gone, or it never had one. */
export function closeSocket(socket: Socket): void {
  socket.dead = 1;
  const close = socket.protocol.close;
  close(socket);
  notify(socket.node, 0);
  const previous = socket.previous;
  const next = socket.next;
  if (previous === null) sockets = next;
  else previous.next = next;
  if (next !== null) next.previous = previous;
  const node = socket.node;
  node.object = 0;
  node.links = 0;
  dispose(node);
  letGo(socket);
}

/** Who calls is who is told as the peer of `socket`. */
export function noteOwner(socket: Socket, process: u32): void {
  socket.process = process;
  socket.user = actor.effectiveUser;
  socket.group = actor.effectiveGroup;
}

/** `a` has `b` as its peer, and tells who that is. */
export function setPeer(a: Socket, b: Socket): void {
  dropPeer(a);
  b.refs++;
  a.peer = b;
  a.peerProcess = b.process;
  a.peerUser = b.user;
  a.peerGroup = b.group;
}

export function dropPeer(socket: Socket): void {
  const peer = socket.peer;
  socket.peer = null;
  if (peer !== null) letGo(peer);
}

/** `file` does not let its calls wait, or the MSG_… `flags` of this one do not. */
export function mayWait(file: OpenFile, flags: u32): bool {
  return (file.flags & O_NONBLOCK) === 0 && (flags & MSG_DONTWAIT) === 0;
}

/** The time until which a call that may wait `time` nanoseconds (0: for ever) does, as monotonic nanoseconds. */
export function untilOf(time: u64): u64 {
  return time === 0 ? 0 : monotonic() + time;
}

/** Waits for `key` of the node of `at`. Returns 0, -EAGAIN where time is up, or -EINTR. */
export function awaitAt(thread: Thread, at: Socket, key: u64, end: u64): i64 {
  const outcome = waitUntil(thread, changetype<usize>(at.node), key, end);
  if (outcome === WAIT_INTERRUPTED) {
    if (end !== 0) thread.limited = 1;
    return -EINTR;
  }
  return outcome === WAIT_TIMED_OUT ? -EAGAIN : 0;
}

/** The socket's error, which is told once, as a negative number; 0 for none. */
export function takeError(socket: Socket): i64 {
  const error = socket.error;
  socket.error = 0;
  return -(error as i64);
}

/** Adds `socket`, which a client has as its peer, to those that `listener` accepts. */
export function addPending(listener: Socket, socket: Socket): void {
  listener.pendingCount++;
  notify(listener.node, POLLIN | POLLRDNORM);
  const last = listener.lastPending;
  if (last === null) listener.pending = socket;
  else last.nextPending = socket;
  listener.lastPending = socket;
}

/** Takes the first of those that `listener` accepts; null where there is none. */
export function popPending(listener: Socket): Socket | null {
  const socket = listener.pending;
  if (socket === null) return null;
  const next = socket.nextPending;
  listener.pending = next;
  if (next === null) listener.lastPending = null;
  listener.pendingCount--;
  socket.nextPending = null;
  return socket;
}

/** What `takePending` has taken. */
export let accepted: Socket | null = null;

/** Waits for a connection to `listener`, and takes it: 0 or a negative error. */
export function takePending(thread: Thread, listener: Socket, mayWait: bool): i64 {
  const end = untilOf(listener.receiveTime);
  while (listener.pending === null) {
    if (listener.state !== LISTENING) return -EINVAL;
    if (!mayWait) return -EAGAIN;
    const local = listener.protocol.family === AF_UNIX;
    if (local && (listener.shut & SHUT_RECEIVE) !== 0) return -EINVAL;
    const error = awaitAt(thread, listener, READABLE, end);
    if (error !== 0) return error;
  }
  accepted = popPending(listener);
  notify(listener.node, POLLOUT | POLLWRNORM);
  return 0;
}
