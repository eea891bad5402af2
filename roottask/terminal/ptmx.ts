// /dev/ptmx, each open of which is the master of a new pseudoterminal, and the slaves in /dev/pts (pts(4), ptmx(4)).

import { decimal } from "../../tools/screen/guest/digits";
import { installFile } from "../libroottask/descriptors";
import { EAGAIN, EFAULT, EINTR, EINVAL, EIO, ENOMEM, ENOSPC } from "../libroottask/errno";
import {
  dropFile,
  newOperations,
  O_ACCMODE,
  O_CLOEXEC,
  O_NOCTTY,
  O_NONBLOCK,
  OpenFile,
  openNode,
} from "../libroottask/open_file";
import {
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLPRI,
  POLLRDNORM,
  POLLWRNORM,
} from "../libroottask/poll_events";
import { Thread } from "../libroottask/program";
import { waitAt } from "../libroottask/readiness";
import { get32, got, put32 } from "../libroottask/space";
import { fillBytes, Transfer, takeBytes } from "../libroottask/transfer";
import { attach, dispose, KIND_DEVICE, Node, newNode } from "../libroottask/tree";
import { READABLE, WRITABLE } from "../libroottask/watches";
import { signalGroup } from "./job_control";
import {
  closePty,
  forgetShown,
  halt,
  isAlone,
  newPty,
  Pty,
  ptyWith,
  shownCount,
  takeShown,
  type,
  USUAL_START,
  USUAL_STOP,
  wireRoom,
} from "./pty";
import { PIECE as READ_PIECE } from "./reading";
import { openTerminal, terminalOperations } from "./terminal_file";
import {
  commonIoctl,
  FIONREAD,
  TCFLSH,
  TCIOFF,
  TCIOFLUSH,
  TCION,
  TCOFLUSH,
  TCOOFF,
  TCOON,
  TCXONC,
} from "./terminal_ioctl";

export const DEVICE_PTMX: u32 = (5 << 8) | 2;

/** Who owns a slave's group, and who may use it, as distributions mount devpts: the group tty, to write. */
const TTY_GROUP: u32 = 5;
const SLAVE_MODE: u32 = 0o620;

const TIOCPKT: u32 = 0x5420;
const TIOCGPTPEER: u32 = 0x5441;
const TIOCGPTN: u32 = 0x8004_5430;
const TIOCSPTLCK: u32 = 0x4004_5431;
const TIOCSIG: u32 = 0x4004_5436;
const TIOCGPKT: u32 = 0x8004_5438;
const TIOCGPTLCK: u32 = 0x8004_5439;
const SIGNALS: u64 = 64;

/** Bytes that are passed at once. */
const PIECE: u32 = 256;
const piece = memory.data(256);
const name = memory.data(24);
const masterStorage = memory.data(64);
const slaveStorage = memory.data(64);
let directory: Node | null = null;

function ptyOf(file: OpenFile): Pty {
  return changetype<Pty>(file.object);
}

/** Puts the slave into /dev/pts. False when memory is out. */
function nameSlave(thread: Thread, pty: Pty): bool {
  const slaves = directory as Node;
  const node = newNode(KIND_DEVICE, SLAVE_MODE);
  if (node === null) return false;
  node.operations = slaveStorage;
  node.device = pty.terminal.device;
  node.owner = thread.credentials.fileUser;
  node.group = TTY_GROUP;
  if (attach(slaves, node, name, decimal(name, pty.number as u64)) !== 0) {
    dispose(node);
    return false;
  }
  pty.slave = node;
  return true;
}

function openMaster(thread: Thread, file: OpenFile): i64 {
  const pty = newPty();
  if (pty === null) return -ENOSPC;
  file.object = changetype<usize>(pty);
  if (nameSlave(thread, pty)) return 0;
  file.object = 0;
  closePty(pty);
  return -ENOMEM;
}

function openSlave(thread: Thread, file: OpenFile): i64 {
  const pty = ptyWith(file.node.device & 255);
  if (pty === null || pty.slave !== file.node || pty.locked !== 0) return -EIO;
  return openTerminal(thread, file, pty.terminal, false);
}

/** In packet mode a byte stands in front of what is read: 0, or, alone, what has happened. */
function readStatus(pty: Pty, transfer: Transfer): i64 {
  store<u8>(piece, pty.status as u8);
  pty.status = 0;
  return fillBytes(transfer, piece, 1) === 0 ? -EFAULT : 1;
}

function read(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  const pty = ptyOf(file);
  if (transfer.left === 0) return 0;
  while (shownCount(pty) === 0 && pty.status === 0) {
    if (isAlone(pty)) return -EIO;
    if ((file.flags & O_NONBLOCK) !== 0) return -EAGAIN;
    if (!waitAt(thread, pty.node, READABLE)) return -EINTR;
  }
  let done: i64 = 0;
  let head: u32 = 0;
  if (pty.packet !== 0) {
    if (pty.status !== 0) return readStatus(pty, transfer);
    store<u8>(piece, 0);
    head = 1;
  }
  do {
    const most = min<u64>(transfer.left, READ_PIECE as u64) as u32;
    const count = head + takeShown(pty, piece + head, most - head);
    head = 0;
    const filled = fillBytes(transfer, piece, count);
    done += filled as i64;
    if (filled < count) return done === 0 ? -EFAULT : done;
  } while (transfer.left !== 0 && shownCount(pty) !== 0);
  return done;
}

function write(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  const pty = ptyOf(file);
  let done: i64 = 0;
  while (transfer.left !== 0) {
    const room = wireRoom(pty);
    if (room === 0) {
      if ((file.flags & O_NONBLOCK) !== 0) return done === 0 ? -EAGAIN : done;
      if (!waitAt(thread, pty.node, WRITABLE)) return done === 0 ? -EINTR : done;
      continue;
    }
    const wanted = min<u64>(transfer.left, min<u32>(room, PIECE) as u64) as u32;
    const taken = takeBytes(transfer, piece, wanted);
    type(pty, piece, taken);
    done += taken as i64;
    if (taken < wanted) return done === 0 ? -EFAULT : done;
  }
  return done;
}

function poll(file: OpenFile): u32 {
  const pty = ptyOf(file);
  let events: u32 = 0;
  if (shownCount(pty) !== 0) events |= POLLIN | POLLRDNORM;
  if (pty.status !== 0) events |= POLLIN | POLLPRI | POLLRDNORM;
  if (isAlone(pty)) events |= POLLHUP;
  if (wireRoom(pty) !== 0) events |= POLLOUT | POLLWRNORM;
  return events;
}

/** TIOCGPTPEER: a descriptor of the slave, wherever /dev/pts is. */
function openPeer(thread: Thread, pty: Pty, flags: u32): i64 {
  if ((flags & ~(O_ACCMODE | O_NOCTTY | O_CLOEXEC | O_NONBLOCK)) !== 0) return -EINVAL;
  const file = openNode(pty.slave, flags);
  if (file === null) return -ENOMEM;
  file.flags |= flags & O_NOCTTY;
  const error = openSlave(thread, file);
  file.flags &= ~O_NOCTTY;
  const program = thread.program;
  const closing = (flags & O_CLOEXEC) !== 0;
  const fd = error !== 0 ? error : installFile(program.files, file, 0, program.filesLimit, closing);
  dropFile(file);
  return fd;
}

function setPacket(pty: Pty, on: bool): void {
  if (on && pty.packet === 0) pty.status = 0;
  pty.packet = on ? 1 : 0;
  if (!on) pty.status = 0;
}

/** TCXONC at the master: of what it writes, and STOP and START as bytes that it types. */
function flow(pty: Pty, argument: u64): i64 {
  if (argument > TCION) return -EINVAL;
  if (argument === TCOOFF || argument === TCOON) {
    halt(pty, argument === TCOOFF);
    return 0;
  }
  // Who has been stopped sends nothing.
  if (pty.halted !== 0) return 0;
  // The characters are the master's own, which nobody changes.
  store<u8>(piece, argument === TCIOFF ? USUAL_STOP : USUAL_START);
  type(pty, piece, 1);
  return 0;
}

/** TCFLSH at the master: what it has not read. What it has written is the terminal's input already. */
function flushQueues(pty: Pty, argument: u64): i64 {
  if (argument > TCIOFLUSH) return -EINVAL;
  if (argument !== TCOFLUSH) forgetShown(pty);
  return 0;
}

function ioctl(thread: Thread, file: OpenFile, command: u32, argument: u64): i64 {
  const pty = ptyOf(file);
  const space = thread.program.space;
  switch (command) {
    case TIOCGPTN:
      return put32(space, argument, pty.number) ? 0 : -EFAULT;
    case TIOCGPTLCK:
      return put32(space, argument, pty.locked) ? 0 : -EFAULT;
    case TIOCGPKT:
      return put32(space, argument, pty.packet) ? 0 : -EFAULT;
    case FIONREAD:
      return put32(space, argument, shownCount(pty)) ? 0 : -EFAULT;
    case TIOCSPTLCK:
    case TIOCPKT: {
      if (!get32(space, argument)) return -EFAULT;
      const on = (got as u32) !== 0;
      if (command === TIOCPKT) setPacket(pty, on);
      else pty.locked = on ? 1 : 0;
      return 0;
    }
    case TIOCSIG: {
      if (argument === 0 || argument > SIGNALS) return -EINVAL;
      signalGroup(thread, pty.terminal.group, argument as u32);
      return 0;
    }
    case TCXONC:
      return flow(pty, argument);
    case TCFLSH:
      return flushQueues(pty, argument);
    case TIOCGPTPEER:
      return openPeer(thread, pty, argument as u32);
    default:
      return commonIoctl(thread, file, pty.terminal, command, argument, true);
  }
}

function source(file: OpenFile): Node {
  return file.object === 0 ? file.node : ptyOf(file).node;
}

function release(file: OpenFile): void {
  if (file.object !== 0) closePty(ptyOf(file));
}

/** Must be called before a master is opened; slaves get their names in `slaves`. The operations of /dev/ptmx. */
export function initPtmx(slaves: Node): usize {
  directory = slaves;
  terminalOperations(slaveStorage).open = openSlave;
  const masters = newOperations(masterStorage);
  masters.open = openMaster;
  masters.read = read;
  masters.write = write;
  masters.poll = poll;
  masters.ioctl = ioctl;
  masters.source = source;
  masters.release = release;
  return masterStorage;
}
