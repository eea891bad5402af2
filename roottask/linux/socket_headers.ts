// Messages with headers: sendmsg(2), recvmsg(2), sendmmsg(2), recvmmsg(2), and the control messages that go along
// (cmsg(3)): descriptors and credentials (unix(7)), and those of inet_control.ts.

import { Utcb } from "../libhedron/utcb";
import {
  CAP_SETGID,
  CAP_SETUID,
  CAP_SYS_ADMIN,
  Credentials,
  hasCapability,
} from "../libroottask/credentials";
import { cameTime } from "../libroottask/datagram_queue";
import { closeFile, fileAt, installFile } from "../libroottask/descriptors";
import {
  EBADF,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  ENOMEM,
  EPERM,
  ESRCH,
  ETOOMANYREFS,
} from "../libroottask/errno";
import { allocate, release } from "../libroottask/heap";
import { AF_INET, AF_INET6 } from "../libroottask/inet";
import { OpenFile } from "../libroottask/open_file";
import { meantId, seenId } from "../libroottask/pid_numbers";
import { Program, programWithId, Thread, threadWithId } from "../libroottask/program";
import {
  ADDRESS_MAX,
  CONNECTED,
  MSG_CTRUNC,
  MSG_DONTWAIT,
  MSG_OOB,
  SOCK_STREAM,
  Socket,
  socketOf,
} from "../libroottask/socket";
import {
  clearAncillary,
  endReceipt,
  mayFly,
  RIGHTS_MAX,
  receivedFlags,
  receivedFrom,
  receivedGroup,
  receivedProcess,
  receivedRightCount,
  receivedRights,
  receivedUser,
  setRights,
  setSender,
} from "../libroottask/socket_messages";
import { copyFrom, put32, put64 } from "../libroottask/space";
import {
  beginControls,
  beginTelling,
  CONTROL_HEAD,
  controlData,
  controlLevel,
  controlSize,
  controlType,
  cutTelling,
  endControl,
  nextControl,
  tellAt,
  tellControl,
  tellCut,
  tellHead,
  tellLeft,
} from "./control_messages";
import { checkStreamControl, setOutgoing, tellDatagram } from "./inet_control";
import { AF_PACKET, tellPacket } from "./packet_sockets";
import { readAddress } from "./socket_address";
import { putSender, sendTo, socketErrorOf, socketFile } from "./sockets";
import { readVector } from "./transfer";
import { packetsError } from "./unix_sockets";

const MSG_CMSG_CLOEXEC: u32 = 0x4000_0000;
/** Headers of 32 bits, which only calls of 32 bits have. */
const MSG_CMSG_COMPAT: u32 = 0x8000_0000;

import { AT_ONCE, endOfTimespec, isOver, putRest, timeLimit } from "./time_limit";

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

const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;
const SCM_CREDENTIALS: i32 = 2;
const CREDENTIALS_BYTES: u32 = 12;
const SO_TIMESTAMPNS: u32 = 35;
const SO_TIMESTAMPNS_NEW: u32 = 64;
const SECOND: i64 = 1_000_000_000;
const time = memory.data(16, 8);
const credentials = memory.data(12, 4);
/** Control messages of a call are shorter (net.core.optmem_max). */
const CONTROLS_MAX: u64 = 20_480;

/** Open files of `count` descriptors at `at` go along: 0 or a negative error. */
function takeRights(program: Program, at: usize, count: u32): i64 {
  if (count === 0) return 0;
  if (count > RIGHTS_MAX) return -EINVAL;
  if (!mayFly(count)) return -ETOOMANYREFS;
  const list = allocate(count * 4);
  if (list === 0) return -ENOMEM;
  let error: i64 = 0;
  let taken: u32 = 0;
  while (taken < count && error === 0) {
    const file = fileAt(program.files, load<u32>(at + taken * 4));
    if (file === null) {
      error = -EBADF;
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

/** The sender says that it is who the struct ucred at `at` says: 0 or a negative error. */
function claim(thread: Thread, at: usize): i64 {
  const process = meantId(load<u32>(at));
  const user = load<u32>(at + 4);
  const group = load<u32>(at + 8);
  if (!mayClaim(thread, process, user, group)) return -EPERM;
  if (threadWithId(process) === null && programWithId(process) === null) return -ESRCH;
  setSender(process, user, group);
  return 0;
}

/** Reads what is to go along from `length` bytes at `from`: 0 or a negative error. */
function readControl(thread: Thread, from: usize, length: u32): i64 {
  let rights: usize = 0;
  let count: u32 = 0;
  beginControls(from, length);
  let found = nextControl();
  while (found > 0) {
    if (controlLevel === SOL_SOCKET) {
      if (controlType === SCM_RIGHTS) {
        // One list is enough for all programs there are.
        if (count !== 0) return -EINVAL;
        if (controlSize / 4 > RIGHTS_MAX) return -EINVAL;
        rights = controlData;
        count = controlSize / 4;
      } else if (controlType === SCM_CREDENTIALS) {
        if (controlSize !== CREDENTIALS_BYTES) return -EINVAL;
        const error = claim(thread, controlData);
        if (error !== 0) return error;
      } else {
        return -EINVAL;
      }
    }
    found = nextControl();
  }
  return found < 0 ? found : takeRights(thread.program, rights, count);
}

/** Reads the struct msghdr at `at` and its vector, into the call's transfer, and the name of one who `sends`: 0 or an error. */
function readHeader(thread: Thread, at: u64, sends: bool): i64 {
  const program = thread.program;
  const to = changetype<usize>(header);
  if (!copyFrom(program.space, to, at, HEADER_BYTES)) return -EFAULT;
  if ((header.nameLength as i32) < 0) return -EINVAL;
  const named = sends && header.name !== 0 && header.nameLength !== 0;
  const length = min<u32>(header.nameLength, ADDRESS_MAX) as i32;
  if (named && readAddress(program, header.name, length) !== 0) return -EFAULT;
  if (header.vectorLength > 1024) return -EMSGSIZE;
  return readVector(thread.transfer, program.space, header.vector, header.vectorLength);
}

function isInet(socket: Socket): bool {
  return socket.protocol.family === AF_INET || socket.protocol.family === AF_INET6;
}

/** Sends the message whose header is at `at`. */
function sendHeader(thread: Thread, file: OpenFile, at: u64, flags: u32): i64 {
  const error = readHeader(thread, at, true);
  if (error !== 0) return error;
  const name = header.name;
  const length = min<u32>(header.nameLength, ADDRESS_MAX) as i32;
  clearAncillary();
  const bytes = header.controlLength;
  if (bytes === 0) return sendTo(thread, file, name, length, flags);
  if (bytes >= CONTROLS_MAX) return -ENOBUFS;
  const size = bytes as u32;
  const controls = allocate(size);
  if (controls === 0) return -ENOBUFS;
  if (!copyFrom(thread.program.space, controls, header.control, size)) {
    release(controls, size);
    return -EFAULT;
  }
  const socket = socketOf(file);
  const unconnected = packetsError(socket);
  if (unconnected !== 0) {
    release(controls, size);
    return unconnected;
  }
  if (isInet(socket) && socket.type !== SOCK_STREAM) {
    // What they mean depends on where the datagram goes. Sending one does not wait.
    setOutgoing(controls, size);
    const result = sendTo(thread, file, name, length, flags);
    setOutgoing(0, 0);
    release(controls, size);
    return result;
  }
  let wrong: i64 = 0;
  if (!isInet(socket)) wrong = readControl(thread, controls, size);
  else if (socket.state === CONNECTED) wrong = checkStreamControl(controls, size);
  release(controls, size);
  return wrong !== 0 ? wrong : sendTo(thread, file, name, length, flags);
}

/** sendmsg(fd, header, flags). */
export function sysSendmsg(thread: Thread, regs: Utcb): i64 {
  if (((regs.rdx as u32) & MSG_CMSG_COMPAT) !== 0) return -EINVAL;
  const file = socketFile(thread, regs.rdi);
  return file === null ? socketErrorOf() : sendHeader(thread, file, regs.rsi, regs.rdx as u32);
}

function putCredentials(program: Program): void {
  store<u32>(credentials, seenId(receivedProcess));
  store<u32>(credentials + 4, receivedUser);
  store<u32>(credentials + 8, receivedGroup);
  tellControl(program, SOL_SOCKET, SCM_CREDENTIALS, credentials, CREDENTIALS_BYTES);
}

/** Tells when the message has come: seconds, and microseconds or nanoseconds. */
function putTime(program: Program, socket: Socket): void {
  const fine = socket.stamps === SO_TIMESTAMPNS || socket.stamps === SO_TIMESTAMPNS_NEW;
  const rest = cameTime % SECOND;
  store<i64>(time, cameTime / SECOND);
  store<i64>(time + 8, fine ? rest : rest / 1000);
  tellControl(program, SOL_SOCKET, socket.stamps as i32, time, 16);
}

/** Gives the program descriptors for the open files that came along, as many as there is room for. */
function putRights(program: Program, closing: bool): void {
  const room = tellLeft < (CONTROL_HEAD as u64) ? 0 : (tellLeft - (CONTROL_HEAD as u64)) / 4;
  const count = min<u64>(room, receivedRightCount as u64) as u32;
  let given: u32 = 0;
  while (given < count) {
    const file = changetype<OpenFile>(load<usize>(receivedRights + given * 4));
    const fd = installFile(program.files, file, 0, program.filesLimit, closing);
    if (fd < 0) break;
    const to = tellAt + ((CONTROL_HEAD + given * 4) as u64);
    if (!put32(program.space, to, fd as u32)) {
      closeFile(program.files, fd as u64);
      break;
    }
    given++;
  }
  if (given < receivedRightCount) cutTelling();
  if (given === 0) return;
  tellHead(program, SOL_SOCKET, SCM_RIGHTS, given * 4);
  endControl(given * 4);
}

/** Receives a message into what the header at `at` says. */
function receiveHeader(thread: Thread, file: OpenFile, at: u64, flags: u32): i64 {
  const program = thread.program;
  const socket = socketOf(file);
  const error = readHeader(thread, at, false);
  if (error !== 0) return error;
  const name = header.name;
  const into = header.control;
  const room = header.controlLength;
  const receive = socket.protocol.receive;
  const result = receive(thread, file, thread.transfer, flags);
  if (result < 0) {
    endReceipt();
    return result;
  }
  beginTelling(into, room);
  // The end of a stream has nobody's.
  const hasSender = receivedFrom !== null || socket.type === SOCK_STREAM;
  if (isInet(socket)) {
    if (socket.type !== SOCK_STREAM && receivedFrom !== null) {
      if (socket.stamps !== 0) putTime(program, socket);
      tellDatagram(program, socket);
    }
  } else if (socket.protocol.family === AF_PACKET) {
    if (socket.stamps !== 0) putTime(program, socket);
    tellPacket(program, socket);
  } else if (hasSender && socket.passesCredentials !== 0) {
    putCredentials(program);
  }
  if (receivedRightCount !== 0) putRights(program, (flags & MSG_CMSG_CLOEXEC) !== 0);
  let told: u32 = receivedFlags | (flags & MSG_CMSG_CLOEXEC);
  if (tellCut) told |= MSG_CTRUNC;
  let stored = put32(program.space, at + HEADER_FLAGS, told);
  stored = stored && put64(program.space, at + HEADER_CONTROL, tellAt - into);
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
  if (((regs.rdx as u32) & MSG_CMSG_COMPAT) !== 0) return -EINVAL;
  const file = socketFile(thread, regs.rdi);
  return file === null ? socketErrorOf() : receiveHeader(thread, file, regs.rsi, regs.rdx as u32);
}

/** struct mmsghdr: a struct msghdr, and the bytes of its message. */
const ENTRY_BYTES: u64 = 64;
const ENTRY_LENGTH: u64 = 56;
const MSG_WAITFORONE: u32 = 0x1_0000;

/** sendmmsg(fd, headers, count, flags): how many have been sent. */
export function sysSendmmsg(thread: Thread, regs: Utcb): i64 {
  if (((regs.r10 as u32) & MSG_CMSG_COMPAT) !== 0) return -EINVAL;
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketErrorOf();
  const count = min<u32>(regs.rdx as u32, 1024);
  for (let i: u32 = 0; i < count; i++) {
    const at = regs.rsi + (i as u64) * ENTRY_BYTES;
    const result = sendHeader(thread, file, at, regs.r10 as u32);
    if (result < 0) return i === 0 ? result : (i as i64);
    if (!put32(thread.program.space, at + ENTRY_LENGTH, result as u32)) return -EFAULT;
  }
  return count as i64;
}

/** Receives up to `count` messages, of which the time limit `end` stops those that come behind it: how many, or an error. */
function receiveMany(thread: Thread, file: OpenFile, regs: Utcb, end: u64): i64 {
  const count = regs.rdx as u32;
  let flags = regs.r10 as u32;
  for (let i: u32 = 0; i < count; i++) {
    const at = regs.rsi + (i as u64) * ENTRY_BYTES;
    const result = receiveHeader(thread, file, at, flags & ~MSG_WAITFORONE);
    if (result < 0) return i === 0 ? result : (i as i64);
    if (!put32(thread.program.space, at + ENTRY_LENGTH, result as u32)) {
      return i === 0 ? -EFAULT : (i as i64);
    }
    if ((flags & MSG_WAITFORONE) !== 0) flags |= MSG_DONTWAIT;
    // The limit is looked at when a message has come, and no wait ends by it.
    if (end === AT_ONCE || isOver(end)) return (i + 1) as i64;
    if ((receivedFlags & MSG_OOB) !== 0) return (i + 1) as i64;
  }
  return count as i64;
}

/** recvmmsg(fd, headers, count, flags, timespec): how many have been received; what is left goes to the timespec. */
export function sysRecvmmsg(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  if (((regs.r10 as u32) & MSG_CMSG_COMPAT) !== 0) return -EINVAL;
  const error = endOfTimespec(program, regs.r8);
  if (error !== 0) return error;
  const end = timeLimit;
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketErrorOf();
  const received = receiveMany(thread, file, regs, end);
  if (regs.r8 === 0 || received <= 0) return received;
  return putRest(program, regs.r8, end, 1) ? received : -EFAULT;
}
