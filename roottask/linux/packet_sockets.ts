// The family AF_PACKET (packet(7)): its addresses, and what sockets.ts asks of a family. Rings in shared memory
// (PACKET_RX_RING) and groups of sockets that share packets (PACKET_FANOUT) are not there.

import { LO_INDEX } from "../libroottask/bound_device";
import { CAP_NET_RAW, capable } from "../libroottask/credentials";
import { noteAddresses } from "../libroottask/datagram_queue";
import {
  EAGAIN,
  EFAULT,
  EINVAL,
  EMSGSIZE,
  ENOBUFS,
  ENODEV,
  ENOMEM,
  ENOPROTOOPT,
  ENOTTY,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  ESOCKTNOSUPPORT,
} from "../libroottask/errno";
import { allocate } from "../libroottask/heap";
import { carryFrame } from "../libroottask/lo";
import { FIONREAD, OpenFile } from "../libroottask/open_file";
import {
  addMembership,
  addTap,
  dropTap,
  initTaps,
  LINK_HEAD,
  Membership,
  PacketOwn,
  packetOf,
  removeMembership,
} from "../libroottask/packet_tap";
import { POLLERR, POLLIN, POLLOUT, POLLRDNORM, POLLWRNORM } from "../libroottask/poll_events";
import { Program, Thread } from "../libroottask/program";
import {
  address,
  awaitAt,
  closeSocket,
  Message,
  MSG_DONTWAIT,
  MSG_ERRQUEUE,
  MSG_PEEK,
  MSG_TRUNC,
  mayWait,
  NAME_OWN,
  newSocket,
  Protocol,
  SIOCOUTQ,
  SOCK_DGRAM,
  SOCK_RAW,
  Socket,
  socketOf,
  takeError,
  untilOf,
} from "../libroottask/socket";
import {
  beginReceipt,
  blankMessage,
  freeMessage,
  messageError,
  noteMessage,
  setReceivedFlags,
  takeFirst,
} from "../libroottask/socket_messages";
import { copyFrom, get32, got, put32 } from "../libroottask/space";
import { fillBytes, Transfer, takeBytes } from "../libroottask/transfer";
import { READABLE } from "../libroottask/watches";
import { tellControl } from "./control_messages";
import { ARPHRD_LOOPBACK, interfaceIoctl, LO_MTU, NO_COMMAND } from "./interfaces";
import { setFamilyError } from "./socket_address";

export const AF_PACKET: u32 = 17;
export const SOL_PACKET: i32 = 263;
/** struct sockaddr_ll: family, protocol, interface, kind of hardware, of packet, and an address of up to 8 bytes. */
const ADDRESS_BYTES: u32 = 20;
const ADDRESS_HEAD: u32 = 12;
const HARDWARE_BYTES: u32 = 6;
/** Bytes of a VLAN's tag, by which frames may be longer. */
const TAG_BYTES: u32 = 4;
/** Memberships that a socket may have. */
const MEMBERSHIPS_MAX: u32 = 64;

/** Options of SOL_PACKET. */
const PACKET_ADD_MEMBERSHIP: u32 = 1;
const PACKET_DROP_MEMBERSHIP: u32 = 2;
const PACKET_STATISTICS: u32 = 6;
const PACKET_COPY_THRESH: u32 = 7;
const PACKET_AUXDATA: u32 = 8;
const PACKET_ORIGDEV: u32 = 9;
const PACKET_VERSION: u32 = 10;
const PACKET_HDRLEN: u32 = 11;
const PACKET_RESERVE: u32 = 12;
const PACKET_IGNORE_OUTGOING: u32 = 23;
/** Those that are on or off. */
const SWITCHES: u32 = (1 << PACKET_AUXDATA) | (1 << PACKET_ORIGDEV);
/** struct tpacket_hdr, tpacket2_hdr and tpacket3_hdr. */
const HEAD_VERSION1: u32 = 32;
const HEAD_VERSION2: u32 = 32;
const HEAD_VERSION3: u32 = 48;
/** struct tpacket_auxdata, and its status: it is the program's, and its checksum is not there yet. */
const AUXDATA_BYTES: u32 = 20;
const STATUS_USER: u32 = 1;
const STATUS_PARTIAL: u32 = 8;

const protocol = changetype<Protocol>(memory.data(128));
const space = memory.data(24, 8);

function notThere(): i64 {
  return -EOPNOTSUPP;
}

function bind(_thread: Thread, socket: Socket, length: u32): i64 {
  if (length < ADDRESS_BYTES || (load<u16>(address) as u32) !== AF_PACKET) return -EINVAL;
  const index = load<u32>(address + 4);
  if (index !== 0 && index !== LO_INDEX) return -ENODEV;
  const own = packetOf(socket);
  own.index = index;
  own.kind = bswap<u16>(load<u16>(address + 2)) as u32;
  return 0;
}

function connect(_thread: Thread, _file: OpenFile, _length: u32): i64 {
  return notThere();
}

function listen(_thread: Thread, _socket: Socket, _backlog: u32): i64 {
  return notThere();
}

function accept(_thread: Thread, _file: OpenFile): i64 {
  return notThere();
}

function shut(_socket: Socket, _directions: u32): i64 {
  return notThere();
}

function putName(kind: u32, index: u32, type: u32): void {
  memory.fill(address, 0, ADDRESS_BYTES);
  store<u16>(address, AF_PACKET as u16);
  store<u16>(address + 2, bswap<u16>(kind as u16));
  store<u32>(address + 4, index);
  if (index === 0) return;
  store<u16>(address + 8, ARPHRD_LOOPBACK as u16);
  store<u8>(address + 10, type as u8);
  store<u8>(address + 11, HARDWARE_BYTES as u8);
}

function name(socket: Socket, whose: u32): i64 {
  if (whose !== NAME_OWN) return -EOPNOTSUPP;
  const own = packetOf(socket);
  putName(own.kind, own.index, 0);
  return ADDRESS_HEAD + (own.index === 0 ? 0 : HARDWARE_BYTES);
}

/** What has been received last: kind, PACKET_…, where from, whole and told length, and that its checksum is not there. */
let cameKind: u32 = 0;
let cameType: u32 = 0;
let cameFrom: u64 = 0;
let cameLength: u32 = 0;
let cameKept: u32 = 0;
let camePartial: bool = false;
let came: bool = false;

function sender(_socket: Socket): u32 {
  if (!came) return 0;
  putName(cameKind, LO_INDEX, cameType);
  store<u64>(address + ADDRESS_HEAD, cameFrom);
  return ADDRESS_BYTES;
}

/** Tells what PACKET_AUXDATA asks for of the packet that has been received last. */
export function tellPacket(program: Program, socket: Socket): void {
  if (((packetOf(socket).options >> PACKET_AUXDATA) & 1) === 0) return;
  memory.fill(space, 0, AUXDATA_BYTES);
  store<u32>(space, camePartial ? STATUS_USER | STATUS_PARTIAL : STATUS_USER);
  store<u32>(space + 4, cameLength);
  store<u32>(space + 8, cameKept);
  store<u16>(space + 14, (socket.type === SOCK_RAW ? LINK_HEAD : 0) as u16);
  tellControl(program, SOL_PACKET, PACKET_AUXDATA as i32, space, AUXDATA_BYTES);
}

const FLAGS: u32 = MSG_PEEK | MSG_DONTWAIT | MSG_TRUNC | MSG_ERRQUEUE;

function awaitPacket(thread: Thread, socket: Socket, waits: bool, end: u64): i64 {
  while (socket.first === null) {
    const failed = takeError(socket);
    if (failed !== 0) return failed;
    if (!waits) return -EAGAIN;
    const error = awaitAt(thread, socket, READABLE, end);
    if (error !== 0) return error;
  }
  return 0;
}

function receive(thread: Thread, file: OpenFile, transfer: Transfer, flags: u32): i64 {
  const socket = socketOf(file);
  beginReceipt();
  came = false;
  // What recvmsg(2) knows beside is of others.
  if ((flags & 0xffff & ~FLAGS) !== 0) return -EINVAL;
  if ((flags & MSG_ERRQUEUE) !== 0) return -EAGAIN;
  const error = awaitPacket(thread, socket, mayWait(file, flags), untilOf(socket.receiveTime));
  beginReceipt();
  if (error !== 0) return error;
  const message = socket.first as Message;
  const bytes = min<u64>(transfer.left, message.length as u64) as u32;
  const copied = fillBytes(transfer, message.data, bytes);
  const result = (flags & MSG_TRUNC) !== 0 ? message.length : bytes;
  if (bytes < message.length) setReceivedFlags(MSG_TRUNC);
  noteMessage(message, (flags & MSG_PEEK) !== 0);
  noteAddresses(message);
  came = true;
  cameKind = message.service;
  cameType = message.hops;
  cameFrom = message.fromLow;
  cameLength = message.toPort;
  cameKept = message.length;
  camePartial = message.fromPort !== 0;
  if ((flags & MSG_PEEK) === 0) {
    packetOf(socket).queued -= message.charge;
    freeMessage(takeFirst(socket));
  }
  return copied < bytes ? -EFAULT : (result as i64);
}

/** Sends `transfer` as a frame, with a head of ours where the socket has none of its own. */
function send(_thread: Thread, file: OpenFile, transfer: Transfer, length: u32, _flags: u32): i64 {
  const socket = socketOf(file);
  const own = packetOf(socket);
  const raw = socket.type === SOCK_RAW;
  let kind = own.kind;
  let index = own.index;
  let to: u64 = 0;
  if (length !== 0) {
    if (length < ADDRESS_BYTES) return -EINVAL;
    kind = bswap<u16>(load<u16>(address + 2)) as u32;
    index = load<u32>(address + 4);
    to = load<u64>(address + ADDRESS_HEAD) & 0xffff_ffff_ffff;
    if (length < (load<u8>(address + 11) as u32) + ADDRESS_HEAD) return -EINVAL;
  }
  if (index !== LO_INDEX) return -ENXIO;
  const bytes = transfer.left;
  const head: u32 = raw ? 0 : LINK_HEAD;
  if (bytes > ((LO_MTU + (raw ? LINK_HEAD : 0) + TAG_BYTES) as u64)) return -EMSGSIZE;
  if (raw && bytes < (LINK_HEAD as u64)) return -EINVAL;
  const frame = blankMessage(socket, (bytes as u32) + head);
  if (frame === null) return messageError;
  if (takeBytes(transfer, frame.data + head, bytes as u32) < (bytes as u32)) {
    freeMessage(frame);
    return -EFAULT;
  }
  if (!raw) {
    store<u64>(frame.data, to);
    store<u16>(frame.data + LINK_HEAD - 2, bswap<u16>(kind as u16));
  }
  carryFrame(frame, socket);
  return bytes as i64;
}

function poll(socket: Socket): u32 {
  const there: u32 = socket.first === null ? 0 : POLLIN | POLLRDNORM;
  return there | POLLOUT | POLLWRNORM | (socket.error !== 0 ? POLLERR : 0);
}

function ioctl(thread: Thread, socket: Socket, command: u32, argument: u64): i64 {
  const told = interfaceIoctl(thread.program, command, argument, true);
  if (told !== NO_COMMAND) return told;
  if (command !== FIONREAD && command !== SIOCOUTQ) return -ENOTTY;
  const first = socket.first;
  const bytes: u32 = command === FIONREAD && first !== null ? first.length : 0;
  return put32(thread.program.space, argument, bytes) ? 0 : -EFAULT;
}

function close(socket: Socket): void {
  dropTap(socket);
  while (socket.first !== null) freeMessage(takeFirst(socket));
}

/** Finds the membership that `space` asks for; null where there is none. */
function membershipOf(own: PacketOwn): Membership | null {
  let one = own.memberships;
  while (one !== null) {
    const asked = load<u32>(space) === one.index && load<u32>(space + 4) === one.kind;
    if (asked && load<u64>(space + 8) === one.address) return one;
    one = one.next;
  }
  return null;
}

function drop(own: PacketOwn, one: Membership): void {
  if (--one.count !== 0) return;
  removeMembership(own, one);
}

/** PACKET_ADD_MEMBERSHIP and PACKET_DROP_MEMBERSHIP: struct packet_mreq of `length` bytes at `from`. */
function setMembership(program: Program, socket: Socket, adds: bool, from: u64, length: u32): i64 {
  const own = packetOf(socket);
  memory.fill(space, 0, 16);
  if (length < 16) return -EINVAL;
  if (!copyFrom(program.space, space, from, 16)) return -EFAULT;
  const bytes = load<u16>(space + 6) as u32;
  const one = membershipOf(own);
  // Who drops what is not there is told nothing, as on Linux.
  if (!adds) {
    if (one !== null) drop(own, one);
    return 0;
  }
  if (load<u32>(space) !== LO_INDEX) return -ENODEV;
  if (bytes > HARDWARE_BYTES) return -EINVAL;
  if (one !== null) {
    one.count++;
    return 0;
  }
  if (own.membershipCount >= MEMBERSHIPS_MAX) return -ENOBUFS;
  const made = addMembership(own);
  if (made === null) return -ENOBUFS;
  made.index = LO_INDEX;
  made.kind = load<u32>(space + 4);
  made.address = load<u64>(space + 8);
  made.count = 1;
  return 0;
}

/** Sets an option of SOL_PACKET to the `length` bytes at `from`: 0 or a negative error. */
export function setPacketOption(
  program: Program,
  socket: Socket,
  option: u32,
  from: u64,
  length: u32,
): i64 {
  const own = packetOf(socket);
  if (option === PACKET_ADD_MEMBERSHIP || option === PACKET_DROP_MEMBERSHIP) {
    return setMembership(program, socket, option === PACKET_ADD_MEMBERSHIP, from, length);
  }
  const switches = option < 32 && ((SWITCHES >> option) & 1) !== 0;
  const known =
    switches ||
    option === PACKET_IGNORE_OUTGOING ||
    option === PACKET_COPY_THRESH ||
    option === PACKET_VERSION ||
    option === PACKET_RESERVE;
  if (!known) return -ENOPROTOOPT;
  const exact = option === PACKET_COPY_THRESH || option === PACKET_VERSION;
  if (length < 4 || (length !== 4 && exact)) return -EINVAL;
  if (!get32(program.space, from)) return -EFAULT;
  const value = got as u32;
  if (option === PACKET_VERSION) {
    if (value > 2) return -EINVAL;
    own.version = value;
  } else if (option === PACKET_COPY_THRESH) {
    own.copyThreshold = value;
  } else if (option === PACKET_RESERVE) {
    if ((value as i32) < 0) return -EINVAL;
    own.reserve = value;
  } else {
    if (option === PACKET_IGNORE_OUTGOING && value > 1) return -EINVAL;
    const bit = (1 as u32) << option;
    own.options = value !== 0 ? own.options | bit : own.options & ~bit;
  }
  return 0;
}

/** Puts the value of an option of SOL_PACKET into `storage`, which has what was given: its bytes, or a negative error. */
export function getPacketOption(socket: Socket, option: u32, storage: usize, room: u32): i64 {
  const own = packetOf(socket);
  let value: u32 = 0;
  switch (option) {
    case PACKET_STATISTICS:
      store<u32>(storage, own.packets + own.drops);
      store<u32>(storage + 4, own.drops);
      own.packets = 0;
      own.drops = 0;
      return 8;
    case PACKET_VERSION:
      value = own.version;
      break;
    case PACKET_RESERVE:
      value = own.reserve;
      break;
    case PACKET_HDRLEN: {
      const version = load<u32>(storage);
      if (room < 4 || version > 2) return -EINVAL;
      value = version === 2 ? HEAD_VERSION3 : version === 1 ? HEAD_VERSION2 : HEAD_VERSION1;
      break;
    }
    case PACKET_AUXDATA:
    case PACKET_ORIGDEV:
    case PACKET_IGNORE_OUTGOING:
      value = (own.options >> option) & 1;
      break;
    default:
      return -ENOPROTOOPT;
  }
  store<u32>(storage, value);
  return 4;
}

/** A socket of `type` for packets of kind `number`, as socket(2) has them; null, and an error in `familyError`. */
export function newPacketSocket(type: u32, number: u32): Socket | null {
  setFamilyError(-EPERM);
  if (!capable(CAP_NET_RAW)) return null;
  setFamilyError(-ESOCKTNOSUPPORT);
  if (type !== SOCK_RAW && type !== SOCK_DGRAM) return null;
  setFamilyError(-ENOMEM);
  const socket = newSocket(protocol, type);
  if (socket === null) return null;
  socket.own = allocate(offsetof<PacketOwn>() as u32);
  if (socket.own === 0) {
    closeSocket(socket);
    return null;
  }
  packetOf(socket).kind = bswap<u16>(number as u16) as u32;
  addTap(socket);
  return socket;
}

/** Comes before a socket is made. */
export function initPacketSockets(): void {
  initTaps();
  protocol.family = AF_PACKET;
  protocol.number = 0;
  protocol.ownBytes = offsetof<PacketOwn>() as u32;
  protocol.bind = bind;
  protocol.connect = connect;
  protocol.listen = listen;
  protocol.accept = accept;
  protocol.name = name;
  protocol.shut = shut;
  protocol.send = send;
  protocol.receive = receive;
  protocol.sender = sender;
  protocol.poll = poll;
  protocol.ioctl = ioctl;
  protocol.close = close;
}
