// Sockets: socket(2), socketpair(2), bind(2), listen(2), accept(2), connect(2), shutdown(2), getsockname(2), sendto(2),
// recvfrom(2). What they do is a matter of the family: unix_sockets.ts,
// inet_sockets.ts, netlink.ts, packet_sockets.ts. sendmsg(2) and recvmsg(2) are in
// socket_headers.ts, options in socket_options.ts.

import { Utcb } from "../libhedron/utcb";
import { closeFile, fileOf, freeDescriptor } from "../libroottask/descriptors";
import {
  EAFNOSUPPORT,
  EBADF,
  ECONNABORTED,
  EFAULT,
  EINVAL,
  ENOMEM,
  ENOTSOCK,
  EOPNOTSUPP,
} from "../libroottask/errno";
import { AF_INET, AF_INET6 } from "../libroottask/inet";
import { dropFile, O_CLOEXEC, O_NONBLOCK, O_PATH, OpenFile } from "../libroottask/open_file";
import { giveDescriptor } from "../libroottask/open_path";
import { Program, Thread } from "../libroottask/program";
import {
  AF_UNIX,
  accepted,
  isSocket,
  MSG_NOSIGNAL,
  NAME_ACCEPTED,
  NAME_OWN,
  NAME_PEER,
  noteOwner,
  openSocket,
  Socket,
  socketOf,
} from "../libroottask/socket";
import { clearAncillary, dropUnsent, endReceipt } from "../libroottask/socket_messages";
import { put32 } from "../libroottask/space";
import { transferOf } from "../libroottask/transfer";
import { pairSockets } from "../libroottask/unix_socket";
import { newInetSocket } from "./inet_sockets";
import { AF_NETLINK, newNetlinkSocket } from "./netlink";
import { AF_PACKET, newPacketSocket } from "./packet_sockets";
import { pipeResult } from "./signals";
import { familyError, putAddress, readAddress, setFamilyError } from "./socket_address";
import { TRANSFER_MAX, userRange } from "./transfer";
import { newUnixSocket } from "./unix_sockets";

const AF_MAX: u32 = 46;
const SOCK_TYPES: u32 = 15;
const SOCK_TYPE_MAX: u32 = 10;
const SOMAXCONN: u32 = 4096;

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

/** A socket of `family` and `type`, without flags, as socket(2) is asked for; null, and an error in `familyError`. */
function socketFor(family: u32, type: u32, number: u32): Socket | null {
  switch (family) {
    case AF_UNIX:
      return newUnixSocket(type, number);
    case AF_INET:
    case AF_INET6:
      return newInetSocket(family, type, number);
    case AF_NETLINK:
      return newNetlinkSocket(type, number);
    case AF_PACKET:
      return newPacketSocket(type, number);
    default:
      setFamilyError(-EAFNOSUPPORT);
      return null;
  }
}

/** What a type may be made of. */
const TYPE_AND_FLAGS: u32 = SOCK_TYPES | O_CLOEXEC | O_NONBLOCK;

/** A new socket with its open file, as socket(2) is asked for; null, and an error in `familyError`. */
function makeSocket(family: u32, type: u32, number: u32): OpenFile | null {
  const kind = type & SOCK_TYPES;
  setFamilyError(-EINVAL);
  if ((type & ~TYPE_AND_FLAGS) !== 0) return null;
  setFamilyError(-EAFNOSUPPORT);
  if (family >= AF_MAX) return null;
  setFamilyError(-EINVAL);
  if (kind > SOCK_TYPE_MAX) return null;
  const socket = socketFor(family, kind, number);
  if (socket === null) return null;
  const file = openSocket(socket, type & O_NONBLOCK);
  if (file === null) setFamilyError(-ENOMEM);
  return file;
}

/** socket(family, type, protocol). */
export function sysSocket(program: Program, regs: Utcb): i64 {
  const type = regs.rsi as u32;
  const file = makeSocket(regs.rdi as u32, type, regs.rdx as u32);
  return file === null ? familyError : giveDescriptor(program, file, type);
}

/** socketpair(family, type, protocol, descriptors): the numbers come first, and stay where they were put if it fails. */
export function sysSocketpair(program: Program, regs: Utcb): i64 {
  const type = regs.rsi as u32;
  if ((type & ~TYPE_AND_FLAGS) !== 0) return -EINVAL;
  const table = program.files;
  const one = freeDescriptor(table, 0, program.filesLimit);
  if (one < 0) return one;
  const other = freeDescriptor(table, (one as u32) + 1, program.filesLimit);
  if (other < 0) return other;
  if (!put32(program.space, regs.r10, one as u32)) return -EFAULT;
  if (!put32(program.space, regs.r10 + 4, other as u32)) return -EFAULT;
  const first = makeSocket(regs.rdi as u32, type, regs.rdx as u32);
  if (first === null) return familyError;
  const second = makeSocket(regs.rdi as u32, type, regs.rdx as u32);
  if (second === null) {
    dropFile(first);
    return familyError;
  }
  const a = socketOf(first);
  const b = socketOf(second);
  if (a.protocol.family !== AF_UNIX) {
    dropFile(first);
    dropFile(second);
    return -EOPNOTSUPP;
  }
  noteOwner(a, program.id);
  noteOwner(b, program.id);
  pairSockets(a, b);
  // These are the numbers that were free, and have their room.
  giveDescriptor(program, first, type);
  giveDescriptor(program, second, type);
  return 0;
}

/** bind(fd, address, length). */
export function sysBind(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketError;
  const error = readAddress(thread.program, regs.rsi, regs.rdx as i32);
  if (error !== 0) return error;
  const socket = socketOf(file);
  const bind = socket.protocol.bind;
  return bind(thread, socket, regs.rdx as u32);
}

/** listen(fd, backlog). */
export function sysListen(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketError;
  const socket = socketOf(file);
  const listen = socket.protocol.listen;
  return listen(thread, socket, min<u32>(regs.rsi as u32, SOMAXCONN));
}

/** connect(fd, address, length): the address comes before what kind of file it is. */
export function sysConnect(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  if (file === null && socketError !== -ENOTSOCK) return socketError;
  const error = readAddress(thread.program, regs.rsi, regs.rdx as i32);
  if (error !== 0) return error;
  if (file === null) return -ENOTSOCK;
  const connect = socketOf(file).protocol.connect;
  return connect(thread, file, regs.rdx as u32);
}

function accept(thread: Thread, regs: Utcb, flags: u32): i64 {
  const program = thread.program;
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK)) !== 0) return -EINVAL;
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketError;
  const take = socketOf(file).protocol.accept;
  const error = take(thread, file);
  if (error !== 0) return error;
  const socket = accepted as Socket;
  const opened = openSocket(socket, flags & O_NONBLOCK);
  if (opened === null) return -ENOMEM;
  const fd = giveDescriptor(program, opened, flags);
  if (fd < 0 || regs.rsi === 0) return fd;
  const name = socket.protocol.name;
  const length = name(socket, NAME_ACCEPTED);
  const told = length < 0 ? -ECONNABORTED : putAddress(program, length as u32, regs.rsi, regs.rdx);
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

function tellName(thread: Thread, regs: Utcb, whose: u32): i64 {
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketError;
  const socket = socketOf(file);
  const name = socket.protocol.name;
  const length = name(socket, whose);
  return length < 0 ? length : putAddress(thread.program, length as u32, regs.rsi, regs.rdx);
}

/** getsockname(fd, address, length). */
export function sysGetsockname(thread: Thread, regs: Utcb): i64 {
  return tellName(thread, regs, NAME_OWN);
}

/** getpeername(fd, address, length). */
export function sysGetpeername(thread: Thread, regs: Utcb): i64 {
  return tellName(thread, regs, NAME_PEER);
}

/** shutdown(fd, how). */
export function sysShutdown(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketError;
  const how = regs.rsi as u32;
  if (how > 2) return -EINVAL;
  const socket = socketOf(file);
  const shut = socket.protocol.shut;
  return shut(socket, how + 1);
}

/** Sends the call's transfer; a name of `length` bytes at `to` says where to, unless it is 0. */
export function sendTo(thread: Thread, file: OpenFile, to: u64, length: i32, flags: u32): i64 {
  const named = to !== 0 && length !== 0;
  if (named) {
    const error = readAddress(thread.program, to, length);
    if (error !== 0) {
      dropUnsent();
      return error;
    }
  }
  const send = socketOf(file).protocol.send;
  const result = send(thread, file, thread.transfer, named ? (length as u32) : 0, flags);
  dropUnsent();
  // A signal tells of a socket that nobody reads, unless the flags say otherwise.
  if ((flags & MSG_NOSIGNAL) !== 0) thread.broken = 0;
  return pipeResult(thread, result);
}

/** sendto(fd, buffer, length, flags, address, length). */
export function sysSendto(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  const length = min<u64>(regs.rdx, TRANSFER_MAX);
  if (!userRange(regs.rsi, length)) return -EFAULT;
  if (file === null) return socketError;
  transferOf(thread.transfer, thread.program.space, regs.rsi, length);
  clearAncillary();
  return sendTo(thread, file, regs.r8, regs.r9 as i32, regs.r10 as u32);
}

/** recvfrom(fd, buffer, length, flags, address, length). */
export function sysRecvfrom(thread: Thread, regs: Utcb): i64 {
  const file = socketFile(thread, regs.rdi);
  const length = min<u64>(regs.rdx, TRANSFER_MAX);
  if (!userRange(regs.rsi, length)) return -EFAULT;
  if (file === null) return socketError;
  transferOf(thread.transfer, thread.program.space, regs.rsi, length);
  const receive = socketOf(file).protocol.receive;
  let result = receive(thread, file, thread.transfer, regs.r10 as u32);
  if (result >= 0 && regs.r8 !== 0) {
    const error = putSender(thread.program, socketOf(file), regs.r8, regs.r9);
    if (error < 0) result = error;
  }
  endReceipt();
  return result;
}

/** Tells the name of who sent the message that has been received; one without a name has an address without bytes. */
export function putSender(program: Program, socket: Socket, to: u64, lengthAt: u64): i64 {
  const sender = socket.protocol.sender;
  return putAddress(program, sender(socket), to, lengthAt);
}
