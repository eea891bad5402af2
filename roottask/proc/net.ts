// What /proc/net tells: the interface lo, and the sockets of the families AF_INET, AF_INET6 and AF_UNIX (proc(5)).

import { AF_INET, AF_INET6, Inet, inetOf } from "../libroottask/inet";
import {
  AF_UNIX,
  CONNECTED,
  firstSocket,
  LISTENING,
  SOCK_STREAM,
  Socket,
} from "../libroottask/socket";
import { tcpState } from "../libroottask/tcp_socket";
import { END } from "./sequence";
import { byte, bytes, number, padded, text } from "./writer";

/** `value` as `width` hexadecimal digits, with capital letters. */
function capitals(value: u64, width: u32): void {
  for (let i = width; i > 0; i--) {
    const digit = ((value >> ((i - 1) * 4)) & 15) as u8;
    byte(digit < 10 ? 48 + digit : 55 + digit);
  }
}

/** Nothing is counted on lo. */
export function dev(): void {
  text("Inter-|   Receive                                                |  Transmit\n");
  text(
    " face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed\n",
  );
  text(
    "    lo:       0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n",
  );
}

export function ifInet6(): void {
  text("00000000000000000000000000000001 01 80 10 80       lo\n");
}

/** There is no route but to this machine itself, which is not in this table. */
export function route(): void {
  text("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT");
  text("                                                       \n");
}

/** There is nobody beyond lo. */
export function arp(): void {
  text("IP address       HW type     Flags       HW address            Mask     Device\n");
}

/** Sockets of `family` and of streams or datagrams; with `ports`, those that have one. */
function countOf(family: u32, stream: bool, ports: bool): u64 {
  let count: u64 = 0;
  let socket = firstSocket();
  while (socket !== null) {
    const isOne = socket.protocol.family === family && (socket.type === SOCK_STREAM) === stream;
    const counts = isOne && (!ports || (socket.own !== 0 && inetOf(socket).localPort !== 0));
    if (counts) count++;
    socket = socket.next;
  }
  return count;
}

function inUse(name: string, count: u64): void {
  text(name);
  text(": inuse ");
  number(count);
}

/** sockstat, or with `six` sockstat6. */
export function counts(six: bool): void {
  if (six) {
    inUse("TCP6", countOf(AF_INET6, true, true));
    byte(10);
    inUse("UDP6", countOf(AF_INET6, false, true));
    text("\nUDPLITE6: inuse 0\nRAW6: inuse 0\nFRAG6: inuse 0 memory 0\n");
    return;
  }
  let all: u64 = 0;
  let socket = firstSocket();
  while (socket !== null) {
    all++;
    socket = socket.next;
  }
  text("sockets: used ");
  number(all);
  byte(10);
  inUse("TCP", countOf(AF_INET, true, true));
  text(" orphan 0 tw 0 alloc ");
  number(countOf(AF_INET, true, false) + countOf(AF_INET6, true, false));
  text(" mem 0\n");
  inUse("UDP", countOf(AF_INET, false, true));
  text(" mem 0\nUDPLITE: inuse 0\nRAW: inuse 0\nFRAG: inuse 0 memory 0\n");
}

function address(high: u64, low: u64, port: u32, six: bool): void {
  if (six) {
    capitals(high & 0xffff_ffff, 8);
    capitals(high >> 32, 8);
    capitals(low & 0xffff_ffff, 8);
  }
  capitals(low >> 32, 8);
  byte(58);
  capitals(port as u64, 4);
  byte(32);
}

function stateOf(socket: Socket): u32 {
  if (socket.type === SOCK_STREAM) return tcpState(socket);
  return socket.state === CONNECTED ? 1 : 7;
}

function line(socket: Socket, index: u32, six: bool, stream: bool): void {
  const inet: Inet = inetOf(socket);
  const waiting: u32 = socket.state === LISTENING ? socket.pendingCount : inet.queued;
  padded(index as u64, stream ? 4 : 5);
  text(": ");
  address(inet.localHigh, inet.localLow, inet.localPort, six);
  address(inet.remoteHigh, inet.remoteLow, inet.remotePort, six);
  capitals(stateOf(socket) as u64, 2);
  text(" 00000000:");
  capitals(waiting as u64, 8);
  text(" 00:00000000 00000000 ");
  padded(socket.node.owner as u64, 5);
  text("        0 ");
  number(socket.node.inode as u64);
  text(stream ? " 1 0000000000000000 100 0 0 10 0\n" : " 2 0000000000000000 0\n");
}

function heading(six: bool, stream: bool): void {
  if (!stream) byte(32);
  text("  sl  local_address ");
  if (six) text("                        ");
  text(six ? "remote_address                        " : "rem_address   ");
  text("st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode");
  if (!stream) text(" ref pointer drops");
  byte(10);
}

/** `socket` is of those that are listed. */
function isListed(socket: Socket, six: bool, stream: bool): bool {
  const kind = (socket.type === SOCK_STREAM) === stream;
  if (socket.protocol.family !== (six ? AF_INET6 : AF_INET) || !kind) return false;
  return socket.own !== 0 && inetOf(socket).localPort !== 0;
}

/**
 * The sockets of a family that have a port, of streams or of datagrams: record `key` (sequence.ts), the first of which is
 * the heading; the others are numbered as they come.
 */
export function sockets(six: bool, stream: bool, key: u64): u64 {
  if (key === 0) {
    heading(six, stream);
    return 1;
  }
  let index: u64 = 1;
  let socket = firstSocket();
  while (socket !== null) {
    if (isListed(socket, six, stream) && index++ === key) {
      line(socket, (key - 1) as u32, six, stream);
      return key + 1;
    }
    socket = socket.next;
  }
  return END;
}

/** The name of a local socket: an abstract one with "@" for each NUL, a path up to its own. */
function localName(socket: Socket): void {
  if (socket.nameLength === 0) return;
  byte(32);
  if (load<u8>(socket.name) !== 0) {
    bytes(socket.name, socket.nameLength - 1);
    return;
  }
  for (let at: u32 = 0; at < socket.nameLength; at++) {
    const value = load<u8>(socket.name + at);
    byte(value === 0 ? 64 : value);
  }
}

/** References as those of Linux that does nothing with the socket: its own two, and its peer's. */
function localLine(socket: Socket): void {
  const peer = socket.peer;
  text("0000000000000000: ");
  capitals(peer !== null && peer.peer === socket ? 3 : 2, 8);
  text(socket.state === LISTENING ? " 00000000 00010000 " : " 00000000 00000000 ");
  capitals(socket.type as u64, 4);
  text(socket.state === CONNECTED ? " 03 " : " 01 ");
  padded(socket.node.inode as u64, 5);
  localName(socket);
  byte(10);
}

/** The local sockets: record `key`, as in `sockets`. */
export function localSockets(key: u64): u64 {
  if (key === 0) {
    text("Num       RefCount Protocol Flags    Type St Inode Path\n");
    return 1;
  }
  let index: u64 = 1;
  let socket = firstSocket();
  while (socket !== null) {
    if (socket.protocol.family === AF_UNIX && index++ === key) {
      localLine(socket);
      return key + 1;
    }
    socket = socket.next;
  }
  return END;
}
