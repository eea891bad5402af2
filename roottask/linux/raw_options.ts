// Options of raw sockets beyond those of all: ICMP_FILTER (raw(7)), ICMP6_FILTER and IPV6_CHECKSUM (RFC 3542, sections 3.1
// and 3.2).

import { EFAULT, EINVAL, ENOPROTOOPT, EOPNOTSUPP } from "../libroottask/errno";
import { AF_INET6, Inet, IPPROTO_ICMP, IPPROTO_ICMPV6, inetOf } from "../libroottask/inet";
import { Program } from "../libroottask/program";
import { SOCK_RAW, Socket } from "../libroottask/socket";
import { copyFrom, get32, got } from "../libroottask/space";

/** Levels of options. */
export const SOL_RAW: i32 = 255;
export const SOL_ICMPV6: i32 = 58;
const IPPROTO_IPV6: i32 = 41;
const ICMP_FILTER: u32 = 1;
const IPV6_CHECKSUM: u32 = 7;
/** Of IPv4 a word, of IPv6 a bit for each type. */
const FILTER4_BYTES: u32 = 4;
const FILTER6_BYTES: u32 = 32;

function isSix(socket: Socket): bool {
  return socket.protocol.family === AF_INET6;
}

/** The option is one of these. */
export function isRawOption(socket: Socket, level: i32, number: u32): bool {
  if (socket.type !== SOCK_RAW) return false;
  if (level === SOL_RAW) return true;
  if (!isSix(socket)) return false;
  if (level === IPPROTO_IPV6) return number === IPV6_CHECKSUM;
  return level === SOL_ICMPV6;
}

/** Bytes of the filter that the option of its level is, or a negative error where there is none. */
function filterBytes(socket: Socket, number: u32): i64 {
  const six = isSix(socket);
  if (six && socket.number !== IPPROTO_ICMPV6) return -EOPNOTSUPP;
  if (number !== ICMP_FILTER) return -ENOPROTOOPT;
  if (!six && socket.number !== IPPROTO_ICMP) return -EOPNOTSUPP;
  return six ? FILTER6_BYTES : FILTER4_BYTES;
}

function filterAt(socket: Socket): usize {
  return socket.own + offsetof<Inet>("filter0");
}

/** Sets one of these options to the `length` bytes at `from`: 0 or a negative error. */
export function setRawOption(
  program: Program,
  socket: Socket,
  level: i32,
  number: u32,
  from: u64,
  length: u32,
): i64 {
  if (level === (isSix(socket) ? SOL_ICMPV6 : SOL_RAW)) {
    const bytes = filterBytes(socket, number);
    if (bytes < 0) return bytes;
    const given = min<u32>(length, bytes as u32);
    return copyFrom(program.space, filterAt(socket), from, given) ? 0 : -EFAULT;
  }
  if (number !== IPV6_CHECKSUM) return -ENOPROTOOPT;
  if (length < 4) return -EINVAL;
  if (!get32(program.space, from)) return -EFAULT;
  const value = got as i32;
  // ICMPv6 has its checksum where it has it.
  if (socket.number === IPPROTO_ICMPV6 && level === IPPROTO_IPV6) return -EINVAL;
  if (value > 0 && (value & 1) !== 0) return -EINVAL;
  inetOf(socket).checksumAt = value < 0 ? -1 : value;
  return 0;
}

/** Puts the value of one of these options into `storage`: its bytes, or a negative error. */
export function getRawOption(socket: Socket, level: i32, number: u32, storage: usize): i64 {
  if (level === (isSix(socket) ? SOL_ICMPV6 : SOL_RAW)) {
    const bytes = filterBytes(socket, number);
    if (bytes > 0) memory.copy(storage, filterAt(socket), bytes as usize);
    return bytes;
  }
  if (number !== IPV6_CHECKSUM) return -ENOPROTOOPT;
  store<i32>(storage, inetOf(socket).checksumAt);
  return 4;
}
