// The family AF_UNIX (unix(7)): names in the file tree and abstract ones, connections, and what sockets.ts asks of a family.

import { MAY_WRITE } from "../libroottask/credentials";
import {
  EADDRINUSE,
  ECONNREFUSED,
  EEXIST,
  EINVAL,
  EISCONN,
  ENOENT,
  ENOMEM,
  ENOTCONN,
  EOPNOTSUPP,
  EPROTONOSUPPORT,
  EPROTOTYPE,
  ESOCKTNOSUPPORT,
} from "../libroottask/errno";
import { makeNode } from "../libroottask/file_names";
import { keepMount } from "../libroottask/mount_users";
import { Node } from "../libroottask/node";
import { OpenFile } from "../libroottask/open_file";
import { permit } from "../libroottask/permission";
import { Program, Thread } from "../libroottask/program";
import {
  ADDRESS_MAX,
  AF_UNIX,
  AF_UNSPEC,
  addPending,
  address,
  CONNECTED,
  closeSocket,
  keepSocket,
  LISTENING,
  letGo,
  MSG_OOB,
  mayWait,
  NAME_OWN,
  newSocket,
  noteOwner,
  Protocol,
  SOCK_DGRAM,
  SOCK_RAW,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  Socket,
  setPeer,
  socketOf,
  takeError,
  takePending,
  UNCONNECTED,
  UNIX_NAME_MAX,
} from "../libroottask/socket";
import { receivedFrom } from "../libroottask/socket_messages";
import { Transfer } from "../libroottask/transfer";
import {
  KIND_SOCKET,
  walk,
  walkDirectory,
  walkDirectoryMount,
  walkMount,
  walkName,
  walkNameLength,
  walkNode,
  walkToName,
} from "../libroottask/tree";
import {
  abstractSocket,
  awaitPlace,
  closeUnix,
  ioctlUnix,
  leavePeer,
  listSocket,
  losePeer,
  maySend,
  nameSocket,
  pairSockets,
  peerOf,
  pollUnix,
  receiveMessage,
  sendMessage,
  shutUnix,
} from "../libroottask/unix_socket";
import { interfaceIoctl, NO_COMMAND } from "./interfaces";
import { FAMILY_BYTES, setFamilyError } from "./socket_address";

const ADDRESS_BYTES: u32 = FAMILY_BYTES + UNIX_NAME_MAX;
const protocol = changetype<Protocol>(memory.data(128));
if (offsetof<Protocol>() > 128) ERROR("storage of a protocol");

/** Length of the name in the address of `length` bytes that has been read: of a path up to its NUL; or a negative error. */
function nameLength(length: u32): i64 {
  if (length <= FAMILY_BYTES || length > ADDRESS_BYTES) return -EINVAL;
  if ((load<u16>(address) as u32) !== AF_UNIX) return -EINVAL;
  const bytes = length - FAMILY_BYTES;
  if (load<u8>(address + FAMILY_BYTES) === 0) return bytes as i64;
  let end: u32 = 0;
  while (end < bytes && load<u8>(address + FAMILY_BYTES + end) !== 0) end++;
  return end as i64;
}

function isAbstract(): bool {
  return load<u8>(address + FAMILY_BYTES) === 0;
}

/** Why nothing has been found or made: a negative error. */
let findError: i64 = 0;

/** What the address names, of `length` bytes of name, for one of `type`; null, and an error in `findError`. */
function findSocket(program: Program, length: u32, type: u32): Socket | null {
  const name = address + FAMILY_BYTES;
  let found: Socket | null = null;
  findError = -ECONNREFUSED;
  if (isAbstract()) {
    found = abstractSocket(type, name, length);
  } else {
    const error = walk(program.directoryMount, program.directory, name, length, true);
    const node = walkNode;
    findError = error !== 0 ? error : -ENOENT;
    if (error !== 0 || node === null) return null;
    findError = permit(node, MAY_WRITE);
    if (findError !== 0) return null;
    findError = -ECONNREFUSED;
    if (node.kind !== KIND_SOCKET) return null;
    found = changetype<Socket | null>(node.object);
  }
  if (found === null) return null;
  findError = -EPROTOTYPE;
  return found.type === type ? found : null;
}

let lastName: u32 = 0;
const AUTOMATIC_BYTES: u32 = 6;
const automatic = memory.data(6);

/** Gives `socket` an abstract name of five digits. */
function bindAutomatically(socket: Socket): i64 {
  if (socket.nameLength !== 0) return 0;
  const name = automatic;
  do {
    lastName = (lastName + 1) & 0xf_ffff;
    store<u8>(name, 0);
    for (let i: u32 = 0; i < 5; i++) {
      const digit = (lastName >> (16 - i * 4)) & 15;
      store<u8>(name + 1 + i, (digit < 10 ? 48 + digit : 87 + digit) as u8);
    }
  } while (abstractSocket(socket.type, name, AUTOMATIC_BYTES) !== null);
  return listSocket(socket, name, AUTOMATIC_BYTES) ? 0 : -ENOMEM;
}

/** A socket that wants to know who sends has a name when it sends or connects (SO_PASSCRED in unix(7)). */
function bindForCredentials(socket: Socket): i64 {
  return socket.passesCredentials !== 0 ? bindAutomatically(socket) : 0;
}

/** Binds `socket` to a path of `length` bytes in the address: the node, or null and an error in `findError`. */
function makeName(program: Program, length: u32): Node | null {
  findError = walkToName(program.directoryMount, program.directory, address + FAMILY_BYTES, length);
  if (findError !== 0) return null;
  const directory = walkDirectory as Node;
  const mount = walkDirectoryMount;
  findError = makeNode(KIND_SOCKET, 0o777 & ~program.fs.umask);
  if (findError !== 0) return null;
  findError = walk(mount, directory, walkName, walkNameLength, false);
  return findError === 0 ? walkNode : null;
}

function bind(thread: Thread, socket: Socket, length: u32): i64 {
  const program = thread.program;
  if (length === FAMILY_BYTES && (load<u16>(address) as u32) === AF_UNIX) {
    return bindAutomatically(socket);
  }
  const bytes = nameLength(length);
  if (bytes < 0) return bytes;
  if (isAbstract()) {
    if (socket.nameLength !== 0) return -EINVAL;
    const name = address + FAMILY_BYTES;
    if (abstractSocket(socket.type, name, bytes as u32) !== null) return -EADDRINUSE;
    return listSocket(socket, name, bytes as u32) ? 0 : -ENOMEM;
  }
  if (socket.nameLength !== 0) {
    const lost = walkToName(
      program.directoryMount,
      program.directory,
      address + FAMILY_BYTES,
      bytes as u32,
    );
    if (lost !== 0) return lost;
    return walkNode === null ? -EINVAL : -EADDRINUSE;
  }
  const node = makeName(program, bytes as u32);
  const mount = walkMount;
  if (node === null) return findError === -EEXIST ? -EADDRINUSE : findError;
  if (!nameSocket(socket, address + FAMILY_BYTES, min<u32>((bytes as u32) + 1, UNIX_NAME_MAX))) {
    return -ENOMEM;
  }
  node.object = changetype<usize>(socket);
  node.users++;
  socket.bound = node;
  keepMount(mount);
  socket.boundMount = mount;
  return 0;
}

function listen(thread: Thread, socket: Socket, backlog: u32): i64 {
  if (socket.type === SOCK_DGRAM) return -EOPNOTSUPP;
  if (socket.nameLength === 0 || socket.state === CONNECTED) return -EINVAL;
  socket.backlog = backlog;
  socket.state = LISTENING;
  noteOwner(socket, thread.program.id);
  return 0;
}

/** Connects to `listener`, which the caller keeps: 0 or a negative error. */
function connectTo(thread: Thread, file: OpenFile, listener: Socket): i64 {
  const socket = socketOf(file);
  const error = awaitPlace(thread, socket, listener, mayWait(file, 0));
  if (error !== 0) return error;
  if (socket.state !== UNCONNECTED) return socket.state === CONNECTED ? -EISCONN : -EINVAL;
  const served = newSocket(protocol, socket.type);
  if (served === null) return -ENOMEM;
  if (listener.nameLength !== 0 && !nameSocket(served, listener.name, listener.nameLength)) {
    closeSocket(served);
    return -ENOMEM;
  }
  noteOwner(socket, thread.program.id);
  served.process = listener.process;
  served.user = listener.user;
  served.group = listener.group;
  served.passesCredentials = listener.passesCredentials;
  pairSockets(socket, served);
  addPending(listener, served);
  return 0;
}

function connect(thread: Thread, file: OpenFile, length: u32): i64 {
  const program = thread.program;
  const socket = socketOf(file);
  if (socket.type === SOCK_DGRAM) {
    if (length < FAMILY_BYTES) return -EINVAL;
    if ((load<u16>(address) as u32) === AF_UNSPEC) {
      losePeer(socket);
      return 0;
    }
  }
  const bytes = nameLength(length);
  if (bytes < 0) return bytes;
  const unnamed = bindForCredentials(socket);
  if (unnamed !== 0) return unnamed;
  const other = findSocket(program, bytes as u32, socket.type);
  if (other === null) return findError;
  if (socket.type === SOCK_DGRAM) {
    const refused = maySend(socket, other);
    if (refused !== 0) return refused;
    leavePeer(socket, other);
    setPeer(socket, other);
    socket.state = CONNECTED;
    return 0;
  }
  if (other.state !== LISTENING) return -ECONNREFUSED;
  keepSocket(other);
  const result = connectTo(thread, file, other);
  letGo(other);
  return result;
}

function accept(thread: Thread, file: OpenFile): i64 {
  const listener = socketOf(file);
  if (listener.type === SOCK_DGRAM) return -EOPNOTSUPP;
  if (listener.state !== LISTENING) return -EINVAL;
  return takePending(thread, listener, mayWait(file, 0));
}

/** Puts the name of `socket` (none where null) into the address: its length. */
function putName(socket: Socket | null): u32 {
  memory.fill(address, 0, ADDRESS_MAX);
  store<u16>(address, AF_UNIX as u16);
  const bytes: u32 = socket === null ? 0 : socket.nameLength;
  if (socket !== null) memory.copy(address + FAMILY_BYTES, socket.name, bytes);
  return FAMILY_BYTES + bytes;
}

function name(socket: Socket, whose: u32): i64 {
  if (whose === NAME_OWN) return putName(socket) as i64;
  const peer = socket.peer;
  return peer === null ? -ENOTCONN : (putName(peer) as i64);
}

function sender(_socket: Socket): u32 {
  const from = receivedFrom;
  return from === null || from.nameLength === 0 ? 0 : putName(from);
}

function shut(socket: Socket, directions: u32): i64 {
  shutUnix(socket, directions);
  return 0;
}

/** What `targetOf` has not found is told once the message is made. */
let findLate: bool = false;

/** The socket that `from` sends to, with a name of `length` bytes in the address or, for 0, its peer; null and `findError`. */
function targetOf(thread: Thread, from: Socket, length: u32): Socket | null {
  findLate = false;
  if (length === 0 || from.type === SOCK_SEQPACKET) {
    findError = -ENOTCONN;
    if (from.type !== SOCK_STREAM) {
      findError = bindForCredentials(from);
      if (findError !== 0) return null;
      // As newer kernels do; in 6.1 a missing peer is told first.
      findError = -ENOTCONN;
      findLate = true;
    }
    return peerOf(from);
  }
  findError = from.state === CONNECTED ? -EISCONN : -EOPNOTSUPP;
  if (from.type === SOCK_STREAM) return null;
  const bytes = nameLength(length);
  findError = bytes;
  if (bytes < 0) return null;
  findError = bindForCredentials(from);
  if (findError !== 0) return null;
  findLate = true;
  const target = findSocket(thread.program, bytes as u32, from.type);
  if (target === null) return null;
  findError = maySend(from, target);
  return findError === 0 ? target : null;
}

/** What sending gives at a socket of packets before anything else: 0 or a negative error. */
export function packetsError(socket: Socket): i64 {
  if (socket.type !== SOCK_SEQPACKET || socket.protocol.family !== AF_UNIX) return 0;
  const failed = takeError(socket);
  if (failed !== 0) return failed;
  return socket.state === CONNECTED ? 0 : -ENOTCONN;
}

function send(thread: Thread, file: OpenFile, transfer: Transfer, length: u32, flags: u32): i64 {
  const socket = socketOf(file);
  const stream = socket.type === SOCK_STREAM;
  const urgent = (flags & MSG_OOB) !== 0;
  if (urgent && (stream ? transfer.left === 0 : socket.type === SOCK_DGRAM)) return -EOPNOTSUPP;
  const unconnected = packetsError(socket);
  if (unconnected !== 0) return unconnected;
  if (urgent && !stream) return -EOPNOTSUPP;
  const target = targetOf(thread, socket, length);
  if (target === null && !findLate) return findError;
  return sendMessage(thread, socket, target, findError, transfer, urgent, mayWait(file, flags));
}

function receive(thread: Thread, file: OpenFile, transfer: Transfer, flags: u32): i64 {
  const socket = socketOf(file);
  if ((flags & MSG_OOB) !== 0 && socket.type !== SOCK_STREAM) return -EOPNOTSUPP;
  return receiveMessage(thread, socket, transfer, flags, mayWait(file, flags));
}

function ioctl(thread: Thread, socket: Socket, command: u32, argument: u64): i64 {
  const told = interfaceIoctl(thread.program, command, argument, false);
  return told === NO_COMMAND ? ioctlUnix(thread, socket, command, argument) : told;
}

/** Raw local sockets are those of datagrams. */
function kindOf(type: u32): u32 {
  return type === SOCK_RAW ? SOCK_DGRAM : type;
}

/** A socket of `type` and protocol `number`, as socket(2) has them; null, and an error in `familyError`. */
export function newUnixSocket(type: u32, number: u32): Socket | null {
  const known =
    type === SOCK_STREAM || type === SOCK_DGRAM || type === SOCK_SEQPACKET || type === SOCK_RAW;
  setFamilyError(-EPROTONOSUPPORT);
  if (number !== 0 && number !== AF_UNIX) return null;
  setFamilyError(known ? -ENOMEM : -ESOCKTNOSUPPORT);
  return known ? newSocket(protocol, kindOf(type)) : changetype<Socket | null>(0);
}

/** Comes before a socket is made. */
export function initUnixSockets(): void {
  lastName = 0;
  protocol.family = AF_UNIX;
  protocol.number = 0;
  protocol.ownBytes = 0;
  protocol.bind = bind;
  protocol.connect = connect;
  protocol.listen = listen;
  protocol.accept = accept;
  protocol.name = name;
  protocol.shut = shut;
  protocol.send = send;
  protocol.receive = receive;
  protocol.sender = sender;
  protocol.poll = pollUnix;
  protocol.ioctl = ioctl;
  protocol.close = closeUnix;
}
