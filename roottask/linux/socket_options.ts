// Options of sockets: getsockopt(2), setsockopt(2), those of SOL_SOCKET (socket(7), unix(7)).

import { Utcb } from "../libhedron/utcb";
import {
  dropProgram,
  INSTRUCTION_BYTES,
  INSTRUCTIONS_MAX,
  isProgram,
  newProgramRoom,
} from "../libroottask/classic_bpf";
import { CAP_NET_ADMIN, capable } from "../libroottask/credentials";
import {
  EDOM,
  EFAULT,
  EINVAL,
  ENOENT,
  ENOMEM,
  ENOPROTOOPT,
  EOPNOTSUPP,
  EPERM,
} from "../libroottask/errno";
import { packetInstructions } from "../libroottask/packet_filter";
import { seenId } from "../libroottask/pid_numbers";
import { Program, Thread } from "../libroottask/program";
import { AF_UNIX, cookieOf, LISTENING, Socket, socketOf, takeError } from "../libroottask/socket";
import { copyFrom, copyTo, get32, got, put32 } from "../libroottask/space";
import { bindToDevice, bindToIndex, tellDevice } from "./bound_device";
import {
  getInetOption,
  INFO_BYTES,
  IPPROTO_IP,
  IPPROTO_IPV6,
  levelError,
  setInetOption,
} from "./inet_options";
import { AF_NETLINK, netlinkOptions } from "./netlink";
import { netlinkOption, SOL_NETLINK, setNetlinkOption } from "./netlink_options";
import { AF_PACKET, getPacketOption, SOL_PACKET, setPacketOption } from "./packet_sockets";
import { socketErrorOf, socketFile } from "./sockets";

const SOL_SOCKET: i32 = 1;

const SO_DEBUG: u32 = 1;
const SO_REUSEADDR: u32 = 2;
const SO_TYPE: u32 = 3;
const SO_ERROR: u32 = 4;
const SO_DONTROUTE: u32 = 5;
const SO_BROADCAST: u32 = 6;
const SO_SNDBUF: u32 = 7;
const SO_RCVBUF: u32 = 8;
const SO_KEEPALIVE: u32 = 9;
const SO_OOBINLINE: u32 = 10;
const SO_PRIORITY: u32 = 12;
const SO_LINGER: u32 = 13;
const SO_REUSEPORT: u32 = 15;
const SO_PASSCRED: u32 = 16;
const SO_PEERCRED: u32 = 17;
const SO_RCVLOWAT: u32 = 18;
const SO_SNDLOWAT: u32 = 19;
const SO_RCVTIMEO: u32 = 20;
const SO_SNDTIMEO: u32 = 21;
const SO_BINDTODEVICE: u32 = 25;
const SO_ATTACH_FILTER: u32 = 26;
const SO_DETACH_FILTER: u32 = 27;
const SO_TIMESTAMP: u32 = 29;
const SO_ACCEPTCONN: u32 = 30;
const SO_TIMESTAMPNS: u32 = 35;
const SO_LOCK_FILTER: u32 = 44;
const SO_COOKIE: u32 = 57;
const SO_BINDTOIFINDEX: u32 = 62;
const SO_TIMESTAMP_NEW: u32 = 63;
const SO_TIMESTAMPNS_NEW: u32 = 64;
const SO_SNDBUFFORCE: u32 = 32;
const SO_RCVBUFFORCE: u32 = 33;
const SO_PROTOCOL: u32 = 38;
const SO_DOMAIN: u32 = 39;

/** Options that are on or off. Those on ports and broadcasts are looked at in libroottask/inet.ts. */
const SWITCHES: u64 =
  ((1 as u64) << SO_DEBUG) |
  ((1 as u64) << SO_REUSEADDR) |
  ((1 as u64) << SO_DONTROUTE) |
  ((1 as u64) << SO_BROADCAST) |
  ((1 as u64) << SO_KEEPALIVE) |
  ((1 as u64) << SO_OOBINLINE) |
  ((1 as u64) << SO_REUSEPORT);

/** Buffers are twice what is asked for, and of this size at least and at most (net.core.wmem_max, twice). */
/** Most that may be forced. */
const FORCED_MAX: i32 = 0x3fff_ffff;
const SEND_MIN: u32 = 4608;
const RECEIVE_MIN: u32 = 2304;
const BUFFER_MAX: u32 = 212_992;

/** struct sock_fprog: a length of 16 bits, and at 8 an address. */
const FPROG_BYTES: u32 = 16;

/** Priorities that everybody may give. */
const PRIORITY_MAX: u32 = 6;

const SECOND: i64 = 1_000_000_000;
const MICROSECOND: i64 = 1000;
const value = memory.data(128, 8);
if (INFO_BYTES > 128) ERROR("storage of an option");

/** Puts the `size` bytes in `value` where the program wants them, as many as it has room for. */
function putValue(program: Program, regs: Utcb, size: u32): i64 {
  if (!get32(program.space, regs.r8)) return -EFAULT;
  if ((got as i32) < 0) return -EINVAL;
  const bytes = min<u32>(got as u32, size);
  if (!copyTo(program.space, regs.r10, value, bytes)) return -EFAULT;
  return put32(program.space, regs.r8, bytes) ? 0 : -EFAULT;
}

/** What a buffer that is forced to `wanted` bytes has of them: no more than all sockets may have. */
function forcedBuffer(wanted: u32): u32 {
  return max<i32>(min<i32>(wanted as i32, FORCED_MAX), 0) as u32;
}

/** What an option that is an int is; -1 where there is none of that number. */
function intOption(socket: Socket, option: u32): i64 {
  switch (option) {
    case SO_TYPE:
      return socket.type as i64;
    case SO_ERROR:
      return -takeError(socket);
    case SO_SNDBUF:
      return socket.sendBuffer as i64;
    case SO_RCVBUF:
      return socket.receiveBuffer as i64;
    case SO_PASSCRED:
      return socket.passesCredentials as i64;
    case SO_RCVLOWAT:
      return socket.receiveLow as i64;
    case SO_SNDLOWAT:
      return 1;
    case SO_PRIORITY:
      return socket.priority as i64;
    case SO_ACCEPTCONN:
      return socket.state === LISTENING ? 1 : 0;
    case SO_PROTOCOL:
      return socket.number as i64;
    case SO_DOMAIN:
      return socket.protocol.family as i64;
    case SO_LOCK_FILTER:
      return socket.filterLocked as i64;
    case SO_BINDTOIFINDEX:
      return socket.device as i64;
    case SO_TIMESTAMP:
    case SO_TIMESTAMPNS:
    case SO_TIMESTAMP_NEW:
    case SO_TIMESTAMPNS_NEW:
      return socket.stamps === option ? 1 : 0;
    default:
      if (option > 63 || (SWITCHES & ((1 as u64) << option)) === 0) return -1;
      return (socket.options & ((1 as u64) << option)) !== 0 ? 1 : 0;
  }
}

/** An option of another level than SOL_SOCKET, which local sockets have none of. */
function getOther(program: Program, socket: Socket, level: i32, option: u32, regs: Utcb): i64 {
  if (socket.protocol.family === AF_UNIX) return -EOPNOTSUPP;
  if (socket.protocol.family === AF_NETLINK) {
    if (level !== SOL_NETLINK) return -ENOPROTOOPT;
    if (!get32(program.space, regs.r8)) return -EFAULT;
    if ((got as i32) < 0) return -EINVAL;
    const found = netlinkOption(netlinkOptions(socket), option);
    if (found < 0) return found;
    if (got < 4) return -EINVAL;
    store<u32>(value, found as u32);
    return putValue(program, regs, 4);
  }
  if (socket.protocol.family === AF_PACKET) {
    if (level !== SOL_PACKET) return -ENOPROTOOPT;
    if (!get32(program.space, regs.r8)) return -EFAULT;
    const space = got as i32;
    if (space < 0) return -EINVAL;
    store<u32>(value, 0);
    copyFrom(program.space, value, regs.r10, min<u32>(space as u32, 4));
    const bytes = getPacketOption(socket, option, value, space as u32);
    return bytes < 0 ? bytes : putValue(program, regs, bytes as u32);
  }
  const unknown = levelError(socket, level);
  if (unknown !== 0) return unknown;
  if (!get32(program.space, regs.r8)) return -EFAULT;
  const room = got as i32;
  // Of IPv6 any length is one, do_ipv6_getsockopt() of Linux.
  if (room < 0 && level !== IPPROTO_IPV6) return -EINVAL;
  const size = getInetOption(socket, level, option, value);
  if (size < 0) return size;
  // A small number of IPv4's fits into a byte.
  const fits = level === IPPROTO_IP && room > 0 && room < 4 && load<u32>(value) < 256;
  const bytes = min<u32>(room as u32, fits ? 1 : (size as u32));
  // How long it is, is told before the value.
  if (!put32(program.space, regs.r8, bytes)) return -EFAULT;
  return copyTo(program.space, regs.r10, value, bytes) ? 0 : -EFAULT;
}

/** getsockopt(fd, level, option, value, length). */
export function sysGetsockopt(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketErrorOf();
  const level = regs.rsi as i32;
  const socket = socketOf(file);
  const option = regs.rdx as u32;
  if (level !== SOL_SOCKET) return getOther(program, socket, level, option, regs);
  // An error that cannot be told stays.
  if (!get32(program.space, regs.r8)) return -EFAULT;
  if ((got as i32) < 0) return -EINVAL;
  memory.fill(value, 0, 16);
  if (option === SO_PEERCRED) {
    const local = socket.protocol.family === AF_UNIX;
    const known = local && (socket.peer !== null || socket.peerProcess !== 0);
    store<u32>(value, seenId(socket.peerProcess));
    store<u32>(value + 4, known ? socket.peerUser : 0xffff_ffff);
    store<u32>(value + 8, known ? socket.peerGroup : 0xffff_ffff);
    return putValue(program, regs, 12);
  }
  if (option === SO_RCVTIMEO || option === SO_SNDTIMEO) {
    const time = (option === SO_RCVTIMEO ? socket.receiveTime : socket.sendTime) as i64;
    store<i64>(value, time / SECOND);
    store<i64>(value + 8, (time % SECOND) / MICROSECOND);
    return putValue(program, regs, 16);
  }
  if (option === SO_LINGER) {
    store<u32>(value, socket.lingers);
    store<u32>(value + 4, socket.lingerTime);
    return putValue(program, regs, 8);
  }
  if (option === SO_COOKIE) {
    // Less room than it needs is an error of this option's alone.
    if (got < 8) return -EINVAL;
    store<u64>(value, cookieOf(socket));
    return putValue(program, regs, 8);
  }
  if (option === SO_BINDTODEVICE) return tellDevice(program, socket, regs, got as u32);
  if (option === SO_ATTACH_FILTER) return getFilter(program, socket, regs);
  const found = intOption(socket, option);
  if (found < 0) return -ENOPROTOOPT;
  store<i32>(value, found as i32);
  return putValue(program, regs, 4);
}

/** SO_GET_FILTER: the instructions, and how many there are. */
function getFilter(program: Program, socket: Socket, regs: Utcb): i64 {
  const room = got;
  const length = socket.filterLength;
  if (room !== 0 && length !== 0) {
    if ((room as u32) < length) return -EINVAL;
    const bytes = length * INSTRUCTION_BYTES;
    if (!copyTo(program.space, regs.r10, socket.filter, bytes)) return -EFAULT;
  }
  return put32(program.space, regs.r8, length) ? 0 : -EFAULT;
}

function dropFilter(socket: Socket): void {
  if (socket.filter !== 0) dropProgram(socket.filter, socket.filterLength);
  socket.filter = 0;
  socket.filterLength = 0;
}

/** SO_ATTACH_FILTER: struct sock_fprog of `length` bytes at `at` tells of the program. */
function setFilter(program: Program, socket: Socket, at: u64, length: u32): i64 {
  if (length !== FPROG_BYTES) return -EINVAL;
  if (!copyFrom(program.space, value, at, FPROG_BYTES)) return -EFAULT;
  if (socket.filterLocked !== 0) return -EPERM;
  const count = load<u16>(value) as u32;
  const from = load<u64>(value + 8);
  if (count === 0 || count > INSTRUCTIONS_MAX || from === 0) return -EINVAL;
  const room = newProgramRoom(count);
  if (room === 0) return -ENOMEM;
  let error: i64 = 0;
  if (!copyFrom(program.space, room, from, count * INSTRUCTION_BYTES)) error = -EFAULT;
  else if (!isProgram(room, count, packetInstructions)) error = -EINVAL;
  if (error !== 0) {
    dropProgram(room, count);
    return error;
  }
  dropFilter(socket);
  socket.filter = room;
  socket.filterLength = count;
  return 0;
}

/** SO_RCVTIMEO and SO_SNDTIMEO: a struct timeval. */
function setTime(socket: Socket, option: u32): i64 {
  const seconds = load<i64>(value);
  const rest = load<i64>(value + 8);
  if (rest < 0 || rest >= SECOND / MICROSECOND) return -EDOM;
  const time = seconds < 0 ? 1 : min<i64>(seconds, 1_000_000_000) * SECOND + rest * MICROSECOND;
  if (option === SO_RCVTIMEO) socket.receiveTime = time as u64;
  else socket.sendTime = time as u64;
  return 0;
}

/** setsockopt(fd, level, option, value, length). */
export function sysSetsockopt(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const file = socketFile(thread, regs.rdi);
  if (file === null) return socketErrorOf();
  const length = regs.r8 as i32;
  if (length < 0) return -EINVAL;
  const level = regs.rsi as i32;
  const socket = socketOf(file);
  const option = regs.rdx as u32;
  if (level !== SOL_SOCKET) {
    if (socket.protocol.family === AF_UNIX) return -EOPNOTSUPP;
    if (socket.protocol.family === AF_PACKET) {
      if (level !== SOL_PACKET) return -ENOPROTOOPT;
      return setPacketOption(program, socket, option, regs.r10, length as u32);
    }
    if (socket.protocol.family === AF_NETLINK) {
      if (level !== SOL_NETLINK) return -ENOPROTOOPT;
      return setNetlinkOption(program, netlinkOptions(socket), option, regs.r10, length as u32);
    }
    return setInetOption(program, socket, level, option, regs.r10, length as u32);
  }
  if (option === SO_BINDTODEVICE) return bindToDevice(program, socket, regs.r10, length as u32);
  const timed = option === SO_RCVTIMEO || option === SO_SNDTIMEO;
  if (length < 4) return -EINVAL;
  if (!copyFrom(program.space, value, regs.r10, 4)) return -EFAULT;
  if (timed && length < 16) return -EINVAL;
  if (timed && !copyFrom(program.space, value, regs.r10, 16)) return -EFAULT;
  if (timed) return setTime(socket, option);
  const wanted = load<u32>(value);
  switch (option) {
    case SO_LINGER:
      if (length < 8) return -EINVAL;
      if (!copyFrom(program.space, value, regs.r10, 8)) return -EFAULT;
      socket.lingers = wanted !== 0 ? 1 : 0;
      if (wanted !== 0) socket.lingerTime = load<u32>(value + 4);
      return 0;
    case SO_RCVLOWAT:
      socket.receiveLow = (wanted as i32) < 0 ? 0x7fff_ffff : max<u32>(wanted, 1);
      return 0;
    case SO_PRIORITY:
      if (wanted > PRIORITY_MAX && !capable(CAP_NET_ADMIN)) return -EPERM;
      socket.priority = wanted;
      return 0;
    case SO_SNDBUF:
      socket.sendBuffer = max<u32>(min<u32>(wanted, BUFFER_MAX) * 2, SEND_MIN);
      return 0;
    case SO_RCVBUF:
      socket.receiveBuffer = max<u32>(min<u32>(wanted, BUFFER_MAX) * 2, RECEIVE_MIN);
      return 0;
    case SO_SNDBUFFORCE:
      if (!capable(CAP_NET_ADMIN)) return -EPERM;
      socket.sendBuffer = max<u32>(forcedBuffer(wanted) * 2, SEND_MIN);
      return 0;
    case SO_RCVBUFFORCE:
      if (!capable(CAP_NET_ADMIN)) return -EPERM;
      socket.receiveBuffer = max<u32>(forcedBuffer(wanted) * 2, RECEIVE_MIN);
      return 0;
    case SO_ATTACH_FILTER:
      return setFilter(program, socket, regs.r10, length as u32);
    case SO_DETACH_FILTER:
      if (socket.filterLocked !== 0) return -EPERM;
      if (socket.filter === 0) return -ENOENT;
      dropFilter(socket);
      return 0;
    case SO_LOCK_FILTER:
      if (socket.filterLocked !== 0 && wanted === 0) return -EPERM;
      socket.filterLocked = wanted !== 0 ? 1 : 0;
      return 0;
    case SO_TIMESTAMP:
    case SO_TIMESTAMPNS:
    case SO_TIMESTAMP_NEW:
    case SO_TIMESTAMPNS_NEW:
      socket.stamps = wanted !== 0 ? option : 0;
      return 0;
    case SO_BINDTOIFINDEX:
      return bindToIndex(socket, wanted as i32);
    case SO_PASSCRED:
      socket.passesCredentials = wanted !== 0 ? 1 : 0;
      return 0;
    default:
      break;
  }
  if (option > 63 || (SWITCHES & ((1 as u64) << option)) === 0) return -ENOPROTOOPT;
  const bit = (1 as u64) << option;
  socket.options = wanted !== 0 ? socket.options | bit : socket.options & ~bit;
  return 0;
}
