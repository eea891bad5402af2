// What ioctl(2) tells of network interfaces (netdevice(7)): there is lo, which nobody may change, as where CAP_NET_ADMIN is
// missing. Sockets of every family can be asked, for addresses those of AF_INET alone.

import { LO_INDEX } from "../libroottask/bound_device";
import { EFAULT, EINVAL, ENODEV, EPERM } from "../libroottask/errno";
import { AF_INET } from "../libroottask/inet";
import { Program } from "../libroottask/program";
import { copyFrom, copyTo, get32, get64, got, put32 } from "../libroottask/space";

/** The interface, its flags (UP, LOOPBACK, RUNNING), the kind of its hardware address and its MTU. */
export const LO_FLAGS: u32 = 0x49;
export const ARPHRD_LOOPBACK: u32 = 772;
export const LO_MTU: u32 = 65_536;
export const LO_QUEUE: u32 = 1000;
/** 127.0.0.1 and 255.0.0.0, the first byte lowest. */
const ADDRESS: u32 = 0x0100_007f;
const MASK: u32 = 0xff;

const SIOCGIFNAME: u32 = 0x8910;
const SIOCGIFCONF: u32 = 0x8912;
const SIOCGIFFLAGS: u32 = 0x8913;
const SIOCGIFADDR: u32 = 0x8915;
const SIOCGIFDSTADDR: u32 = 0x8917;
const SIOCGIFBRDADDR: u32 = 0x8919;
const SIOCGIFNETMASK: u32 = 0x891b;
const SIOCGIFMETRIC: u32 = 0x891d;
const SIOCGIFMTU: u32 = 0x8921;
const SIOCGIFHWADDR: u32 = 0x8927;
const SIOCGIFINDEX: u32 = 0x8933;
const SIOCGIFTXQLEN: u32 = 0x8942;

const SIOCSIFFLAGS: u32 = 0x8914;
const SIOCSIFADDR: u32 = 0x8916;
const SIOCSIFDSTADDR: u32 = 0x8918;
const SIOCSIFBRDADDR: u32 = 0x891a;
const SIOCSIFNETMASK: u32 = 0x891c;
const SIOCSIFMETRIC: u32 = 0x891e;
const SIOCSIFMTU: u32 = 0x8922;
const SIOCSIFNAME: u32 = 0x8923;
const SIOCSIFHWADDR: u32 = 0x8924;
const SIOCADDMULTI: u32 = 0x8931;
const SIOCDELMULTI: u32 = 0x8932;
const SIOCSIFHWBROADCAST: u32 = 0x8937;
const SIOCSIFTXQLEN: u32 = 0x8943;

/** struct ifreq: a name, then what it is about. */
const REQUEST_BYTES: u32 = 40;
export const NAME_BYTES: u32 = 16;
const request = memory.data(40, 8);

/** Not one of these commands. */
export const NO_COMMAND: i64 = -515;

/** The name at `at` is lo's. */
export function isLoName(at: usize): bool {
  return (load<u32>(at) & 0xff_ffff) === LO_NAME;
}

/** "lo" and its NUL, the first byte lowest. */
export const LO_NAME: u32 = 0x00_6f6c;
export const LO_NAME_BYTES: u32 = 3;

function putAddress(value: u32): void {
  store<u64>(request + NAME_BYTES, 0);
  store<u64>(request + NAME_BYTES + 8, 0);
  store<u16>(request + NAME_BYTES, AF_INET as u16);
  store<u32>(request + NAME_BYTES + 4, value);
}

/** Answers a command about addresses. */
function tellAddress(command: u32): bool {
  switch (command) {
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
      putAddress(ADDRESS);
      return true;
    case SIOCGIFBRDADDR:
      putAddress(0);
      return true;
    case SIOCGIFNETMASK:
      putAddress(MASK);
      return true;
    default:
      return false;
  }
}

/** Answers a command about the interface itself. */
function tellOther(command: u32): bool {
  const at = request + NAME_BYTES;
  switch (command) {
    case SIOCGIFFLAGS:
      store<u16>(at, LO_FLAGS as u16);
      return true;
    case SIOCGIFMETRIC:
      store<u32>(at, 0);
      return true;
    case SIOCGIFMTU:
      store<u32>(at, LO_MTU);
      return true;
    case SIOCGIFTXQLEN:
      store<u32>(at, LO_QUEUE);
      return true;
    case SIOCGIFINDEX:
      store<u32>(at, LO_INDEX);
      return true;
    case SIOCGIFHWADDR:
      store<u64>(at, 0);
      store<u64>(at + 8, 0);
      store<u16>(at, ARPHRD_LOOPBACK as u16);
      return true;
    default:
      return false;
  }
}

/** The command changes an interface; those about addresses are of sockets of AF_INET. */
function isChange(command: u32, inet: bool): bool {
  switch (command) {
    case SIOCSIFADDR:
    case SIOCSIFDSTADDR:
    case SIOCSIFBRDADDR:
    case SIOCSIFNETMASK:
      return inet;
    case SIOCSIFFLAGS:
    case SIOCSIFMETRIC:
    case SIOCSIFMTU:
    case SIOCSIFNAME:
    case SIOCSIFHWADDR:
    case SIOCADDMULTI:
    case SIOCDELMULTI:
    case SIOCSIFHWBROADCAST:
    case SIOCSIFTXQLEN:
      return true;
    default:
      return false;
  }
}

/** SIOCGIFCONF: all interfaces that have an address, as many as there is room for. */
function listAll(program: Program, argument: u64): i64 {
  const space = program.space;
  if (!get32(space, argument)) return -EFAULT;
  const room = got as i32;
  if (!get64(space, argument + 8)) return -EFAULT;
  const to = got;
  if (to === 0) return put32(space, argument, REQUEST_BYTES) ? 0 : -EFAULT;
  if (room < 0) return -EINVAL;
  if (room < (REQUEST_BYTES as i32)) return put32(space, argument, 0) ? 0 : -EFAULT;
  memory.fill(request, 0, REQUEST_BYTES);
  store<u32>(request, LO_NAME);
  putAddress(ADDRESS);
  if (!copyTo(space, to, request, REQUEST_BYTES)) return -EFAULT;
  return put32(space, argument, REQUEST_BYTES) ? 0 : -EFAULT;
}

/** ioctl(2) about interfaces: 0, a negative error, or NO_COMMAND where it is about something else. */
export function interfaceIoctl(program: Program, command: u32, argument: u64, inet: bool): i64 {
  if (command === SIOCGIFCONF) return listAll(program, argument);
  if (isChange(command, inet)) {
    return copyFrom(program.space, request, argument, REQUEST_BYTES) ? -EPERM : -EFAULT;
  }
  const byName = tellAddress(command) ? inet : tellOther(command);
  if (!byName && command !== SIOCGIFNAME) return NO_COMMAND;
  if (!copyFrom(program.space, request, argument, REQUEST_BYTES)) return -EFAULT;
  if (command === SIOCGIFNAME) {
    if (load<u32>(request + NAME_BYTES) !== LO_INDEX) return -ENODEV;
    memory.fill(request, 0, NAME_BYTES);
    store<u32>(request, LO_NAME);
  } else {
    if (!isLoName(request)) return -ENODEV;
    if (!tellAddress(command)) tellOther(command);
  }
  return copyTo(program.space, argument, request, REQUEST_BYTES) ? 0 : -EFAULT;
}
