// Sockets: socket(2), socketpair(2), bind(2), listen(2), accept(2), connect(2), shutdown(2), getsockname(2), sendmsg(2),
// recvmsg(2) and their shorter forms, of the family AF_UNIX (libroottask/unix_socket.ts). Other families are refused with
// EAFNOSUPPORT. Options are in socket_options.ts.

import { Utcb } from "../libhedron/utcb";
import {
  CAP_SETGID,
  CAP_SETUID,
  CAP_SYS_ADMIN,
  Credentials,
  hasCapability,
  MAY_WRITE,
} from "../libroottask/credentials";
import { closeFile, fileAt, fileOf, installFile } from "../libroottask/descriptors";
import {
  EADDRINUSE,
  EAFNOSUPPORT,
  EBADF,
  ECONNREFUSED,
  EEXIST,
  EFAULT,
  EINVAL,
  EISCONN,
  EMSGSIZE,
  ENOBUFS,
  ENOENT,
  ENOMEM,
  ENOTCONN,
  ENOTSOCK,
  EOPNOTSUPP,
  EPERM,
  EPROTONOSUPPORT,
  EPROTOTYPE,
  ESOCKTNOSUPPORT,
} from "../libroottask/errno";
import { makeNode } from "../libroottask/file_names";
import { allocate, release } from "../libroottask/heap";
import { dropFile, O_CLOEXEC, O_NONBLOCK, O_PATH, OpenFile } from "../libroottask/open_file";
import { giveDescriptor } from "../libroottask/open_path";
import { permit } from "../libroottask/permission";
import { Program, Thread } from "../libroottask/program";
import { copyFrom, copyTo, get32, got, put32, put64 } from "../libroottask/space";
import { transferOf } from "../libroottask/transfer";
import {
  KIND_SOCKET,
  Node,
  walk,
  walkDirectory,
  walkName,
  walkNameLength,
  walkNode,
  walkToName,
} from "../libroottask/tree";
import {
  abstractSocket,
  accepted,
  addPending,
  awaitPlace,
  CONNECTED,
  clearAncillary,
  closeSocket,
  dropPeer,
  endReceipt,
  isSocket,
  keepSocket,
  LISTENING,
  letGo,
  listSocket,
  MSG_DONTWAIT,
  maySend,
  NAME_MAX,
  nameSocket,
  newSocket,
  noteOwner,
  openSocket,
  pairSockets,
  peerError,
  peerOf,
  RIGHTS_MAX,
  receivedFlags,
  receivedFrom,
  receivedGroup,
  receivedProcess,
  receivedRightCount,
  receivedRights,
  receivedUser,
  receiveMessage,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  Socket,
  sendMessage,
  setPeer,
  setRights,
  setSender,
  shutSocket,
  socketOf,
  takePending,
  UNCONNECTED,
} from "../libroottask/unix_socket";
import { pipeResult } from "./signals";
import { linuxProgram } from "./state";
import { readVector, TRANSFER_MAX, userRange } from "./transfer";

const AF_UNSPEC: u16 = 0;
const AF_UNIX: u32 = 1;
const AF_MAX: u32 = 46;
const SOCK_TYPES: u32 = 15;
const SOCK_RAW: u32 = 3;
const SOCK_TYPE_MAX: u32 = 10;
const SOMAXCONN: u32 = 4096;

/** struct sockaddr_un: family, then the name. */
const FAMILY_BYTES: u32 = 2;
const ADDRESS_BYTES: u32 = FAMILY_BYTES + NAME_MAX;
/** Bytes of the largest address of any family. */
const ADDRESS_MAX: u32 = 128;
const address = memory.data(128);

const MSG_OOB: u32 = 1;
const MSG_CTRUNC: u32 = 8;
const MSG_NOSIGNAL: u32 = 0x4000;
const MSG_CMSG_CLOEXEC: u32 = 0x4000_0000;

/** The socket's file behind descriptor `fd`, which the call holds; null, and an error in `socketError`. */
let socketError: i64 = 0;

export function socketFile(thread: Thread, fd: u64): OpenFile | null {
  const file = fileOf(thread, fd);
  socketError = -EBADF;
  if (file === null || (file.flags & O_PATH) !== 0) return null;
  socketError = -ENOTSOCK;
  return isSocket(file) ? file : null;
}

export function socketErrorOf(): i64 {
  return socketError;
}

/** The type that socket(2) is asked for, without flags: 0 or a negative error. */
function checkType(family: u32, type: u32, protocol: u32): i64 {
  const kind = type & SOCK_TYPES;
  if ((type & ~(SOCK_TYPES | O_CLOEXEC | O_NONBLOCK)) !== 0) return -EINVAL;
  if (family >= AF_MAX) return -EAFNOSUPPORT;
  if (kind > SOCK_TYPE_MAX || (kind as i32) < 0) return -EINVAL;
  if (family !== AF_UNIX) return -EAFNOSUPPORT;
  if (protocol !== 0 && protocol !== AF_UNIX) return -EPROTONOSUPPORT;
  const known =
    kind === SOCK_STREAM || kind === SOCK_DGRAM || kind === SOCK_SEQPACKET || kind === SOCK_RAW;
  return known ? 0 : -ESOCKTNOSUPPORT;
}

/** Raw local sockets are those of datagrams. */
function typeOfSocket(type: u32): u32 {
  const kind = type & SOCK_TYPES;
  return kind === SOCK_RAW ? SOCK_DGRAM : kind;
}

/** A new socket with its open file, of the type that socket(2) is asked for; null when memory is out. */
function makeSocket(type: u32): OpenFile | null {
  const socket = newSocket(typeOfSocket(type));
  return socket === null ? changetype<OpenFile | null>(0) : openSocket(socket, type & O_NONBLOCK);
}

/** socket(family, type, protocol). */
export function sysSocket(program: Program, regs: Utcb): i64 {
  const type = regs.rsi as u32;
  const error = checkType(regs.rdi as u32, type, regs.rdx as u32);
  if (error !== 0) return error;
  const file = makeSocket(type);
  return file === null ? -ENOMEM : giveDescriptor(program, file, type);
}

/** socketpair(family, type, protocol, descriptors). */
export function sysSocketpair(program: Program, regs: Utcb): i64 {
  const type = regs.rsi as u32;
  const error = checkType(regs.rdi as u32, type, regs.rdx as u32);
  if (error !== 0) return error;
  const first = makeSocket(type);
  if (first === null) return -ENOMEM;
  const second = makeSocket(type);
  if (second === null) {
    dropFile(first);
    return -ENOMEM;
  }
  const a = socketOf(first);
  const b = socketOf(second);
  noteOwner(a, program.id);
  noteOwner(b, program.id);
  pairSockets(a, b);
  const one = giveDescriptor(program, first, type);
  const other = giveDescriptor(program, second, type);
  if (one >= 0 && other >= 0) {
    if (
      put32(program.space, regs.r10, one as u32) &&
      put32(program.space, regs.r10 + 4, other as u32)
    ) {
      return 0;
    }
  }
  if (one >= 0) closeFile(program.files, one as u64);
  if (other >= 0) closeFile(program.files, other as u64);
  if (one < 0) return one;
  return other < 0 ? other : -EFAULT;
}

/** Reads an address of `length` bytes at `from` of the program: 0 or a negative error. */
function readAddress(program: Program, from: u64, length: i32): i64 {
  if (length < 0 || (length as u32) > ADDRESS_MAX) return -EINVAL;
  memory.fill(address, 0, ADDRESS_MAX);
  return copyFrom(program.space, address, from, length as u32) ? 0 : -EFAULT;
}

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

/** What the address names, of `length` bytes of name, for one of `type`; null, and an error in `socketError`. */
function findSocket(program: Program, length: u32, type: u32): Socket | null {
  const name = address + FAMILY_BYTES;
  let found: Socket | null = null;
  socketError = -ECONNREFUSED;
  if (isAbstract()) {
    found = abstractSocket(type, name, length);
  } else {
    const error = walk(program.directory, name, length, true);
    const node = walkNode;
    socketError = error !== 0 ? error : -ENOENT;
    if (error !== 0 || node === null) return null;
    socketError = permit(node, MAY_WRITE);
    if (socketError !== 0) return null;
    socketError = -ECONNREFUSED;
    if (node.kind !== KIND_SOCKET) return null;
    found = changetype<Socket | null>(node.object);
  }
  if (found === null) return null;
  socketError = -EPROTOTYPE;
  return found.type === type ? found : null;
}

let lastName: u32 = 0;
const AUTOMATIC_BYTES: u32 = 6;

/** Gives `socket` an abstract name of five digits. */
function bindAutomatically(socket: Socket): i64 {
  if (socket.nameLength !== 0) return 0;
  const name = address + FAMILY_BYTES;
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

/** Binds `socket` to a path of `length` bytes in the address: the node, or null and an error in `socketError`. */
function makeName(program: Program, length: u32): Node | null {
  socketError = walkToName(program.directory, address + FAMILY_BYTES, length);
  if (socketError !== 0) return null;
  const directory = walkDirectory as Node;
  socketError = makeNode(KIND_SOCKET, 0o777 & ~linuxProgram(program).umask);
  if (socketError !== 0) return null;
  socketError = walk(directory, walkName, walkNameLength, false);
  return socketError === 0 ? walkNode : null;
}

/** bind(fd, address, length). */
export function sysBind(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketError;
  const socket = socketOf(file);
  const error = readAddress(program, regs.rsi, regs.rdx as i32);
  if (error !== 0) return error;
  const length = regs.rdx as u32;
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
    const lost = walkToName(program.directory, address + FAMILY_BYTES, bytes as u32);
    if (lost !== 0) return lost;
    return walkNode === null ? -EINVAL : -EADDRINUSE;
  }
  const node = makeName(program, bytes as u32);
  if (node === null) return socketError === -EEXIST ? -EADDRINUSE : socketError;
  if (!nameSocket(socket, address + FAMILY_BYTES, min<u32>((bytes as u32) + 1, NAME_MAX))) {
    return -ENOMEM;
  }
  node.object = changetype<usize>(socket);
  node.users++;
  socket.bound = node;
  return 0;
}

/** listen(fd, backlog). */
export function sysListen(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketError;
  const socket = socketOf(file);
  if (socket.type === SOCK_DGRAM) return -EOPNOTSUPP;
  if (socket.nameLength === 0 || socket.state === CONNECTED) return -EINVAL;
  socket.backlog = min<u32>(regs.rsi as u32, SOMAXCONN);
  socket.state = LISTENING;
  noteOwner(socket, thread.program.id);
  return 0;
}

/** `file` does not let its calls wait, or `flags` of this one do not. */
function mayWait(file: OpenFile, flags: u32): bool {
  return (file.flags & O_NONBLOCK) === 0 && (flags & MSG_DONTWAIT) === 0;
}

/** Connects to `listener`, which the caller keeps: 0 or a negative error. */
function connectTo(thread: Thread, file: OpenFile, listener: Socket): i64 {
  const socket = socketOf(file);
  const error = awaitPlace(thread, socket, listener, mayWait(file, 0));
  if (error !== 0) return error;
  if (socket.state !== UNCONNECTED) return socket.state === CONNECTED ? -EISCONN : -EINVAL;
  const served = newSocket(socket.type);
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

/** connect(fd, address, length). */
export function sysConnect(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketError;
  const socket = socketOf(file);
  const error = readAddress(program, regs.rsi, regs.rdx as i32);
  if (error !== 0) return error;
  if (socket.type === SOCK_DGRAM) {
    if ((regs.rdx as u32) < FAMILY_BYTES) return -EINVAL;
    if (load<u16>(address) === AF_UNSPEC) {
      dropPeer(socket);
      socket.state = UNCONNECTED;
      return 0;
    }
  }
  const bytes = nameLength(regs.rdx as u32);
  if (bytes < 0) return bytes;
  if (socket.type !== SOCK_DGRAM && socket.state === LISTENING) return -EINVAL;
  const other = findSocket(program, bytes as u32, socket.type);
  if (other === null) return socketError;
  if (socket.type === SOCK_DGRAM) {
    const refused = maySend(socket, other);
    if (refused !== 0) return refused;
    setPeer(socket, other);
    socket.state = CONNECTED;
    return 0;
  }
  if (other.state !== LISTENING) return -ECONNREFUSED;
  if (socket.state === CONNECTED) return -EISCONN;
  keepSocket(other);
  const result = connectTo(thread, file, other);
  letGo(other);
  return result;
}

/** Puts the name of `socket` (none where null) where the program wants it, as much as fits: 0 or a negative error. */
function putName(program: Program, socket: Socket | null, to: u64, lengthAt: u64): i64 {
  if (!get32(program.space, lengthAt)) return -EFAULT;
  const room = got as i32;
  if (room < 0) return -EINVAL;
  memory.fill(address, 0, ADDRESS_MAX);
  store<u16>(address, AF_UNIX as u16);
  const bytes: u32 = socket === null ? 0 : socket.nameLength;
  if (socket !== null) memory.copy(address + FAMILY_BYTES, socket.name, bytes);
  const length = FAMILY_BYTES + bytes;
  if (!copyTo(program.space, to, address, min<u32>(room as u32, length))) return -EFAULT;
  return put32(program.space, lengthAt, length) ? 0 : -EFAULT;
}

function accept(thread: Thread, regs: Utcb, flags: u32): i64 {
  const program = thread.program;
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) return -EINVAL;
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketError;
  const listener = socketOf(file);
  if (listener.type === SOCK_DGRAM) return -EOPNOTSUPP;
  if (listener.state !== LISTENING) return -EINVAL;
  const error = takePending(thread, listener, mayWait(file, 0));
  if (error !== 0) return error;
  const socket = accepted as Socket;
  const opened = openSocket(socket, flags & O_NONBLOCK);
  if (opened === null) return -ENOMEM;
  const fd = giveDescriptor(program, opened, flags);
  if (fd < 0 || regs.rsi === 0) return fd;
  const told = putName(program, socket.peer, regs.rsi, regs.rdx);
  if (told === 0) return fd;
  closeFile(program.files, fd as u64);
  return told;
}

/** accept(fd, address, length). */
export function sysAccept(thread: Thread, regs: Utcb): i64 {
  return accept(thread, regs, 0);
}

/** accept4(fd, address, length, flags). */
export function sysAccept4(thread: Thread, regs: Utcb): i64 {
  return accept(thread, regs, regs.r10 as u32);
}

/** getsockname(fd, address, length). */
export function sysGetsockname(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  return file === null ? socketError : putName(thread.program, socketOf(file), regs.rsi, regs.rdx);
}

/** getpeername(fd, address, length). */
export function sysGetpeername(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketError;
  const peer = socketOf(file).peer;
  return peer === null ? -ENOTCONN : putName(thread.program, peer, regs.rsi, regs.rdx);
}

/** shutdown(fd, how). */
export function sysShutdown(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketError;
  const how = regs.rsi as u32;
  if (how > 2) return -EINVAL;
  shutSocket(socketOf(file), how + 1);
  return 0;
}

/** Sends the call's transfer; a name of `length` bytes at `to` says where to, unless it is 0. */
function send(thread: Thread, file: OpenFile, to: u64, length: i32, flags: u32): i64 {
  const socket = socketOf(file);
  let target: Socket | null = null;
  if ((flags & MSG_OOB) !== 0) return -EOPNOTSUPP;
  if (socket.type === SOCK_SEQPACKET && socket.state !== CONNECTED) return -ENOTCONN;
  if (to !== 0 && length !== 0 && socket.type !== SOCK_SEQPACKET) {
    if (socket.type === SOCK_STREAM) return socket.state === CONNECTED ? -EISCONN : -EOPNOTSUPP;
    const error = readAddress(thread.program, to, length);
    if (error !== 0) return error;
    const bytes = nameLength(length as u32);
    if (bytes < 0) return bytes;
    if (thread.transfer.left > ((socket.sendBuffer - 32) as u64)) return -EMSGSIZE;
    target = findSocket(thread.program, bytes as u32, socket.type);
    if (target === null) return socketError;
    const refused = maySend(socket, target);
    if (refused !== 0) return refused;
  } else {
    target = peerOf(socket);
    if (target === null) return peerError;
  }
  return sendMessage(thread, socket, target, thread.transfer, mayWait(file, flags));
}

/** A signal tells of a socket that nobody reads, unless `flags` say otherwise. */
function sent(thread: Thread, result: i64, flags: u32): i64 {
  if ((flags & MSG_NOSIGNAL) !== 0) thread.broken = 0;
  return pipeResult(thread, result);
}

/** sendto(fd, buffer, length, flags, address, length). */
export function sysSendto(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  if (!userRange(regs.rsi, regs.rdx)) return -EFAULT;
  if (file === null) return socketError;
  transferOf(thread.transfer, thread.program.space, regs.rsi, min<u64>(regs.rdx, TRANSFER_MAX));
  clearAncillary();
  return sent(
    thread,
    send(thread, file, regs.r8, regs.r9 as i32, regs.r10 as u32),
    regs.r10 as u32,
  );
}

/** recvfrom(fd, buffer, length, flags, address, length). */
export function sysRecvfrom(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  if (!userRange(regs.rsi, regs.rdx)) return -EFAULT;
  if (file === null) return socketError;
  const flags = regs.r10 as u32;
  if ((flags & MSG_OOB) !== 0) return socketOf(file).type === SOCK_STREAM ? -EINVAL : -EOPNOTSUPP;
  transferOf(thread.transfer, thread.program.space, regs.rsi, min<u64>(regs.rdx, TRANSFER_MAX));
  const socket = socketOf(file);
  let result = receiveMessage(thread, socket, thread.transfer, flags, mayWait(file, flags));
  if (result >= 0 && regs.r8 !== 0) {
    const error = putSender(thread.program, socket, regs.r8, regs.r9);
    if (error < 0) result = error;
  }
  endReceipt();
  return result;
}

/** Tells the name of who sent the message that has been received; one without a name has an address without bytes. */
function putSender(program: Program, socket: Socket, to: u64, lengthAt: u64): i64 {
  const from = receivedFrom;
  if (from !== null && from.nameLength !== 0) return putName(program, from, to, lengthAt);
  if (!get32(program.space, lengthAt)) return -EFAULT;
  if ((got as i32) < 0) return -EINVAL;
  return put32(program.space, lengthAt, 0) ? 0 : -EFAULT;
}

/** struct msghdr. */
@unmanaged
class Header {
  name: u64;
  nameLength: u32;
  pad0: u32;
  vector: u64;
  vectorLength: u64;
  control: u64;
  controlLength: u64;
  flags: u32;
  pad1: u32;
}

const HEADER_BYTES: u32 = offsetof<Header>() as u32;
const HEADER_CONTROL: u64 = 40;
const HEADER_FLAGS: u64 = 48;
const HEADER_NAME_LENGTH: u64 = 8;
const header = changetype<Header>(memory.data(56, 8));

/** struct cmsghdr: length with itself, level, type. */
const CONTROL_HEAD: u32 = 16;
const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;
const SCM_CREDENTIALS: i32 = 2;
const CREDENTIALS_BYTES: u32 = 12;
const control = memory.data(16);

/** Open files of `count` descriptors at `at` of the program go along: 0 or a negative error. */
function takeRights(program: Program, at: u64, count: u32): i64 {
  if (count === 0) return 0;
  if (count > RIGHTS_MAX) return -EINVAL;
  const list = allocate(count * 4);
  if (list === 0) return -ENOMEM;
  let error: i64 = 0;
  let taken: u32 = 0;
  while (taken < count && error === 0) {
    if (!get32(program.space, at + ((taken * 4) as u64))) error = -EFAULT;
    const file = error === 0 ? fileAt(program.files, got) : null;
    if (file === null) {
      error = error === 0 ? -EBADF : error;
    } else {
      file.users++;
      store<usize>(list + taken * 4, changetype<usize>(file));
      taken++;
    }
  }
  if (error === 0) {
    setRights(list, count);
    return 0;
  }
  for (let i: u32 = 0; i < taken; i++) changetype<OpenFile>(load<usize>(list + i * 4)).users--;
  release(list, count * 4);
  return error;
}

/** `credentials` may say that they are these. */
function mayClaim(thread: Thread, process: u32, user: u32, group: u32): bool {
  const own: Credentials = thread.credentials;
  const users = user === own.user || user === own.effectiveUser || user === own.savedUser;
  const groups = group === own.group || group === own.effectiveGroup || group === own.savedGroup;
  return (
    (process === thread.program.id || hasCapability(own, CAP_SYS_ADMIN)) &&
    (users || hasCapability(own, CAP_SETUID)) &&
    (groups || hasCapability(own, CAP_SETGID))
  );
}

function claim(thread: Thread, at: u64): i64 {
  if (!copyFrom(thread.program.space, control, at, CREDENTIALS_BYTES)) return -EFAULT;
  const process = load<u32>(control);
  const user = load<u32>(control + 4);
  const group = load<u32>(control + 8);
  if (!mayClaim(thread, process, user, group)) return -EPERM;
  setSender(process, user, group);
  return 0;
}

/** Reads what is to go along from `length` bytes at `from`: 0 or a negative error. */
function readControl(thread: Thread, from: u64, length: u64): i64 {
  const program = thread.program;
  let rights: u64 = 0;
  let count: u32 = 0;
  let at: u64 = 0;
  while (length >= (CONTROL_HEAD as u64) && at <= length - (CONTROL_HEAD as u64)) {
    if (!copyFrom(program.space, control, from + at, CONTROL_HEAD)) return -EFAULT;
    const bytes = load<u64>(control);
    if (bytes < (CONTROL_HEAD as u64) || bytes > length - at) return -EINVAL;
    const type = load<i32>(control + 12);
    if (load<i32>(control + 8) === SOL_SOCKET) {
      const data = from + at + (CONTROL_HEAD as u64);
      const size = bytes - (CONTROL_HEAD as u64);
      if (type === SCM_RIGHTS) {
        // One list is enough for all programs there are.
        if (count !== 0) return -EINVAL;
        if (size / 4 > (RIGHTS_MAX as u64)) return -EINVAL;
        rights = data;
        count = (size / 4) as u32;
      } else if (type === SCM_CREDENTIALS) {
        if (size !== (CREDENTIALS_BYTES as u64)) return -EINVAL;
        const error = claim(thread, data);
        if (error !== 0) return error;
      } else {
        return -EINVAL;
      }
    }
    at += (bytes + 7) & ~(7 as u64);
  }
  return takeRights(program, rights, count);
}

/** Reads the struct msghdr at `at` and its vector, into the call's transfer: 0 or a negative error. */
function readHeader(thread: Thread, at: u64): i64 {
  const program = thread.program;
  const to = changetype<usize>(header);
  if (!copyFrom(program.space, to, at, HEADER_BYTES)) return -EFAULT;
  if ((header.nameLength as i32) < 0) return -EINVAL;
  if (header.vectorLength > 1024) return -EMSGSIZE;
  return readVector(thread.transfer, program.space, header.vector, header.vectorLength);
}

/** Sends the message whose header is at `at`. */
function sendHeader(thread: Thread, file: OpenFile, at: u64, flags: u32): i64 {
  let error = readHeader(thread, at);
  if (error !== 0) return error;
  const name = header.name;
  const length = min<u32>(header.nameLength, ADDRESS_MAX) as i32;
  clearAncillary();
  if (header.controlLength !== 0) {
    if (header.controlLength > 0x7fff_ffff) return -ENOBUFS;
    error = readControl(thread, header.control, header.controlLength);
    if (error !== 0) return error;
  }
  return sent(thread, send(thread, file, name, length, flags), flags);
}

/** sendmsg(fd, header, flags). */
export function sysSendmsg(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  return file === null ? socketError : sendHeader(thread, file, regs.rsi, regs.rdx as u32);
}

/** Where control messages go next, and how many bytes are left there. */
let controlAt: u64 = 0;
let controlLeft: u64 = 0;
let controlCut: bool = false;

/** Begins a control message of `bytes`: how many of them fit, or -1 where not even its head does. */
function beginControl(space: Program, type: i32, bytes: u32): i64 {
  if (controlLeft < (CONTROL_HEAD as u64)) {
    controlCut = true;
    return -1;
  }
  const fits = min<u64>(bytes as u64, controlLeft - (CONTROL_HEAD as u64));
  if (fits < (bytes as u64)) controlCut = true;
  store<u64>(control, (CONTROL_HEAD as u64) + fits);
  store<i32>(control + 8, SOL_SOCKET);
  store<i32>(control + 12, type);
  return copyTo(space.space, controlAt, control, CONTROL_HEAD) ? (fits as i64) : -1;
}

function endControl(bytes: u64): void {
  const whole = min<u64>(((CONTROL_HEAD as u64) + bytes + 7) & ~(7 as u64), controlLeft);
  controlAt += whole;
  controlLeft -= whole;
}

function putCredentials(program: Program): void {
  const fits = beginControl(program, SCM_CREDENTIALS, CREDENTIALS_BYTES);
  if (fits < 0) return;
  store<u32>(control, receivedProcess);
  store<u32>(control + 4, receivedUser);
  store<u32>(control + 8, receivedGroup);
  copyTo(program.space, controlAt + (CONTROL_HEAD as u64), control, fits as u32);
  endControl(fits as u64);
}

/** Gives the program descriptors for the open files that came along, as many as there is room for. */
function putRights(program: Program, closing: bool): void {
  const room = controlLeft < (CONTROL_HEAD as u64) ? 0 : (controlLeft - (CONTROL_HEAD as u64)) / 4;
  const count = min<u64>(room, receivedRightCount as u64) as u32;
  let given: u32 = 0;
  while (given < count) {
    const file = changetype<OpenFile>(load<usize>(receivedRights + given * 4));
    const fd = installFile(program.files, file, 0, program.filesLimit, closing);
    if (fd < 0) break;
    const to = controlAt + ((CONTROL_HEAD + given * 4) as u64);
    if (!put32(program.space, to, fd as u32)) {
      closeFile(program.files, fd as u64);
      break;
    }
    given++;
  }
  if (given < receivedRightCount) controlCut = true;
  if (given === 0) return;
  store<u64>(control, (CONTROL_HEAD + given * 4) as u64);
  store<i32>(control + 8, SOL_SOCKET);
  store<i32>(control + 12, SCM_RIGHTS);
  copyTo(program.space, controlAt, control, CONTROL_HEAD);
  endControl((given * 4) as u64);
}

/** Receives a message into what the header at `at` says. */
function receiveHeader(thread: Thread, file: OpenFile, at: u64, flags: u32): i64 {
  const program = thread.program;
  const socket = socketOf(file);
  const error = readHeader(thread, at);
  if (error !== 0) return error;
  const name = header.name;
  const into = header.control;
  const room = header.controlLength;
  if ((flags & MSG_OOB) !== 0) return socket.type === SOCK_STREAM ? -EINVAL : -EOPNOTSUPP;
  const result = receiveMessage(thread, socket, thread.transfer, flags, mayWait(file, flags));
  if (result < 0) {
    endReceipt();
    return result;
  }
  controlAt = into;
  controlLeft = room;
  controlCut = false;
  // The end of a stream has nobody's.
  const hasSender = receivedFrom !== null || socket.type === SOCK_STREAM;
  if (hasSender && socket.passesCredentials !== 0) putCredentials(program);
  if (receivedRightCount !== 0) putRights(program, (flags & MSG_CMSG_CLOEXEC) !== 0);
  let told: u32 = receivedFlags | (flags & MSG_CMSG_CLOEXEC);
  if (controlCut) told |= MSG_CTRUNC;
  let stored = put32(program.space, at + HEADER_FLAGS, told);
  stored = stored && put64(program.space, at + HEADER_CONTROL, controlAt - into);
  if (stored && name !== 0) {
    stored = putSender(program, socket, name, at + HEADER_NAME_LENGTH) === 0;
  } else if (stored) {
    stored = put32(program.space, at + HEADER_NAME_LENGTH, 0);
  }
  endReceipt();
  return stored ? result : -EFAULT;
}

/** recvmsg(fd, header, flags). */
export function sysRecvmsg(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  return file === null ? socketError : receiveHeader(thread, file, regs.rsi, regs.rdx as u32);
}

/** struct mmsghdr: a struct msghdr, and the bytes of its message. */
const ENTRY_BYTES: u64 = 64;
const ENTRY_LENGTH: u64 = 56;
const MSG_WAITFORONE: u32 = 0x1_0000;

/** sendmmsg(fd, headers, count, flags): how many have been sent. */
export function sysSendmmsg(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketError;
  const count = min<u32>(regs.rdx as u32, 1024);
  for (let i: u32 = 0; i < count; i++) {
    const at = regs.rsi + (i as u64) * ENTRY_BYTES;
    const result = sendHeader(thread, file, at, regs.r10 as u32);
    if (result < 0) return i === 0 ? result : (i as i64);
    if (!put32(thread.program.space, at + ENTRY_LENGTH, result as u32)) return -EFAULT;
  }
  return count as i64;
}

/** recvmmsg(fd, headers, count, flags, timeout): how many have been received; a time limit is refused. */
export function sysRecvmmsg(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketError;
  if (regs.r8 !== 0) return -EINVAL;
  const count = min<u32>(regs.rdx as u32, 1024);
  let flags = regs.r10 as u32;
  for (let i: u32 = 0; i < count; i++) {
    const at = regs.rsi + (i as u64) * ENTRY_BYTES;
    const result = receiveHeader(thread, file, at, flags & ~MSG_WAITFORONE);
    if (result < 0) return i === 0 ? result : (i as i64);
    if (!put32(thread.program.space, at + ENTRY_LENGTH, result as u32)) return -EFAULT;
    if ((flags & MSG_WAITFORONE) !== 0) flags |= MSG_DONTWAIT;
  }
  return count as i64;
}
