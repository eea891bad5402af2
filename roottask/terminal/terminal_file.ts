// Open files on terminals: /dev/ttyS0, /dev/console, /dev/tty and the slaves of pseudoterminals.

import { EAGAIN, EFAULT, EINTR, EIO, ENODEV, ENOMEM, ENXIO } from "../libroottask/errno";
import { create, destroy } from "../libroottask/heap";
import {
  FileOperations,
  newOperations,
  O_NOCTTY,
  O_NONBLOCK,
  OpenFile,
  readable,
} from "../libroottask/open_file";
import {
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLOUT,
  POLLRDNORM,
  POLLWRNORM,
} from "../libroottask/poll_events";
import { Thread } from "../libroottask/program";
import { waitAt } from "../libroottask/readiness";
import { Transfer, takeBytes } from "../libroottask/transfer";
import { Node } from "../libroottask/tree";
import { WRITABLE } from "../libroottask/watches";
import { checkChange, takeIfFree } from "./job_control";
import { beginShowing, EXPANSION, flush, putOutput } from "./line_output";
import { hasInput, isDead, readTerminal } from "./reading";
import { Terminal, TerminalFile, terminalOf } from "./terminal";
import { terminalIoctl } from "./terminal_ioctl";
import { character, TOSTOP, VMIN, VTIME } from "./termios";

/** Device numbers (Documentation/admin-guide/devices.txt). */
export const DEVICE_TTY: u32 = (5 << 8) | 0;
export const DEVICE_CONSOLE: u32 = (5 << 8) | 1;
export const DEVICE_TTYS0: u32 = (4 << 8) | 64;

/** Bytes that are written at once. */
const PIECE: u32 = 256;
const piece = memory.data(256);

export function fileOfTerminal(file: OpenFile): TerminalFile {
  return changetype<TerminalFile>(file.object);
}

/** Makes `file` one on `terminal`; 0 or -ENOMEM. */
export function attachTerminal(file: OpenFile, terminal: Terminal, console: bool): i64 {
  const own = create<TerminalFile>();
  if (own === null) return -ENOMEM;
  own.terminal = terminal;
  own.hangups = terminal.hangups;
  own.console = console ? 1 : 0;
  file.object = changetype<usize>(own);
  terminal.opens++;
  const opened = terminal.opened;
  opened(terminal);
  return 0;
}

/** Opens `terminal` for `thread`, whose session gets it where it has none and nobody has it. */
export function openTerminal(
  thread: Thread,
  file: OpenFile,
  terminal: Terminal,
  console: bool,
): i64 {
  const error = attachTerminal(file, terminal, console);
  if (error !== 0) return error;
  const wants = (file.flags & O_NOCTTY) === 0 && !console && readable(file);
  if (wants) takeIfFree(thread.program, terminal);
  return 0;
}

let serialTerminal: Terminal | null = null;

export function setSerialTerminal(terminal: Terminal): void {
  serialTerminal = terminal;
}

function openSerial(thread: Thread, file: OpenFile): i64 {
  const terminal = serialTerminal;
  if (terminal === null) return -ENODEV;
  return openTerminal(thread, file, terminal, file.node.device === DEVICE_CONSOLE);
}

/** /dev/tty: the controlling terminal of whoever opens it. */
function openOwn(thread: Thread, file: OpenFile): i64 {
  const terminal = terminalOf(thread.program);
  return terminal === null ? -ENXIO : openTerminal(thread, file, terminal, false);
}

function read(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  return readTerminal(thread, fileOfTerminal(file), transfer, (file.flags & O_NONBLOCK) === 0);
}

/** How many bytes can be written now, all of them tabs. */
function writeRoom(terminal: Terminal): u32 {
  if (terminal.stopped !== 0) return 0;
  const room = terminal.room;
  return room(terminal) / EXPANSION;
}

function write(thread: Thread, file: OpenFile, transfer: Transfer, _position: i64): i64 {
  const own = fileOfTerminal(file);
  const terminal = own.terminal;
  if (isDead(own)) return -EIO;
  if ((terminal.settings.lflag & TOSTOP) !== 0 && own.console === 0) {
    const refused = checkChange(thread, terminal);
    if (refused !== 0) return refused;
  }
  beginShowing(terminal);
  flush(terminal);
  let done: i64 = 0;
  while (transfer.left !== 0) {
    if (isDead(own)) return done === 0 ? -EIO : done;
    const room = writeRoom(terminal);
    if (room === 0) {
      if ((file.flags & O_NONBLOCK) !== 0) return done === 0 ? -EAGAIN : done;
      if (!waitAt(thread, terminal.node, WRITABLE)) return done === 0 ? -EINTR : done;
      continue;
    }
    const wanted = min<u64>(transfer.left, min<u32>(room, PIECE) as u64) as u32;
    const taken = takeBytes(transfer, piece, wanted);
    for (let at: u32 = 0; at < taken; at++) putOutput(terminal, load<u8>(piece + at));
    flush(terminal);
    done += taken as i64;
    if (taken < wanted) return done === 0 ? -EFAULT : done;
  }
  return done;
}

function poll(file: OpenFile): u32 {
  const own = fileOfTerminal(file);
  const terminal = own.terminal;
  if (isDead(own)) return POLLIN | POLLRDNORM | POLLOUT | POLLWRNORM | POLLERR | POLLHUP;
  const settings = terminal.settings;
  const least = character(settings, VTIME) === 0 ? (character(settings, VMIN) as u32) : 1;
  let events: u32 = 0;
  if (hasInput(terminal, max<u32>(least, 1))) events |= POLLIN | POLLRDNORM;
  if (writeRoom(terminal) !== 0) events |= POLLOUT | POLLWRNORM;
  return events;
}

function ioctl(thread: Thread, file: OpenFile, command: u32, argument: u64): i64 {
  return terminalIoctl(thread, file, fileOfTerminal(file), command, argument);
}

function source(file: OpenFile): Node {
  return file.object === 0 ? file.node : fileOfTerminal(file).terminal.node;
}

function release(file: OpenFile): void {
  if (file.object === 0) return;
  const own = fileOfTerminal(file);
  const terminal = own.terminal;
  destroy<TerminalFile>(own);
  if (--terminal.opens === 0) terminal.exclusive = 0;
  const closed = terminal.closed;
  closed(terminal);
}

const serialStorage = memory.data(64);
const ownStorage = memory.data(64);

/** Makes the record at `storage` the operations of a terminal, but for how it is opened. */
export function terminalOperations(storage: usize): FileOperations {
  const operations = newOperations(storage);
  operations.read = read;
  operations.write = write;
  operations.poll = poll;
  operations.ioctl = ioctl;
  operations.source = source;
  operations.release = release;
  operations.signals = 1;
  return operations;
}

/** Must be called before a terminal is opened. */
export function initTerminalFiles(): void {
  serialTerminal = null;
  terminalOperations(serialStorage).open = openSerial;
  terminalOperations(ownStorage).open = openOwn;
}

/** Operations of DEVICE_TTY, DEVICE_CONSOLE and DEVICE_TTYS0. */
export function operationsOf(device: u32): usize {
  return device === DEVICE_TTY ? ownStorage : serialStorage;
}
