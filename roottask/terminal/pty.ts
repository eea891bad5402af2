// Pseudoterminals (pty(7)): a terminal whose other end is an open file, the master. What the terminal shows waits in a ring
// for the master to read; what the master writes is typed, and waits on the wire while the terminal has no room.

import { create, destroy } from "../libroottask/heap";
import { allocatePages, releasePages } from "../libroottask/pages";
import { POLLIN, POLLOUT, POLLPRI, POLLRDNORM, POLLWRNORM } from "../libroottask/poll_events";
import { detach, dispose, Entry, KIND_ANONYMOUS, Node, newNode } from "../libroottask/tree";
import { notify } from "../libroottask/watches";
import { hangUp } from "./job_control";
import { forgetInput, inputRoom, modeChanged, receive } from "./line_input";
import { beginShowing, flush } from "./line_output";
import { destroyTerminal, newTerminal, Terminal, tell } from "./terminal";
import {
  B38400,
  CREAD,
  CS8,
  CSIZE,
  character,
  IXON,
  PARENB,
  setDefaults,
  VSTART,
  VSTOP,
} from "./termios";

/** Bytes that wait for the master, and for the terminal: powers of two, one behind the other in one piece of memory. */
const RING_BYTES: u32 = 16384;
const WIRE_BYTES: u32 = 8192;
const MEMORY_ORDER: u32 = 3;
const SPEED: u32 = 38_400;

/** Pseudoterminals there can be at a time. */
export const PTYS_MAX: u32 = 256;
/** Major number of the slaves. */
const SLAVE_MAJOR: u32 = 136;

/** What the master is told in packet mode (tty_ioctl(4), TIOCPKT). */
const PACKET_FLUSHREAD: u32 = 1;
const PACKET_FLUSHWRITE: u32 = 2;
const PACKET_STOP: u32 = 4;
const PACKET_START: u32 = 8;
const PACKET_NOSTOP: u32 = 16;
const PACKET_DOSTOP: u32 = 32;
/** The characters that PACKET_DOSTOP is about: ^S, ^Q (pty_set_termios() of Linux). */
export const USUAL_STOP: u8 = 0x13;
export const USUAL_START: u8 = 0x11;

@unmanaged
export class Pty {
  number: u32;
  terminal: Terminal;
  /** What is waited for at the master. */
  node: Node;
  /** The slave's name in /dev/pts. */
  slave: Node;
  memory: usize;
  /** Bytes ever shown, ever read by the master, ever typed, ever taken by the terminal, modulo 2^32. */
  shown: u32;
  read: u32;
  typed: u32;
  taken: u32;
  /** The slave cannot be opened yet (TIOCSPTLCK); it has been opened; the master is gone. */
  locked: u32;
  used: u32;
  closed: u32;
  /** Packet mode, PACKET_… that have not been told, and whether STOP and START stop the output. */
  packet: u32;
  /** The master's own writing has been stopped (TCXONC at the master). */
  halted: u32;
  status: u32;
  stops: u32;
}

const numbers = memory.data(256 * 4);

/** Must be called first. */
export function initPtys(): void {
  memory.fill(numbers, 0, PTYS_MAX * 4);
}

function ptyOf(terminal: Terminal): Pty {
  return changetype<Pty>(terminal.object);
}

/** Bytes that the master can read. */
export function shownCount(pty: Pty): u32 {
  return pty.shown - pty.read;
}

/** Bytes that the master can write. */
export function wireRoom(pty: Pty): u32 {
  return pty.halted !== 0 ? 0 : WIRE_BYTES - (pty.typed - pty.taken);
}

function room(terminal: Terminal): u32 {
  const pty = ptyOf(terminal);
  return RING_BYTES - shownCount(pty);
}

function send(terminal: Terminal, bytes: usize, length: u32): void {
  const pty = ptyOf(terminal);
  if (pty.closed !== 0) return;
  for (let i: u32 = 0; i < length && shownCount(pty) < RING_BYTES; i++) {
    store<u8>(pty.memory + (pty.shown & (RING_BYTES - 1)), load<u8>(bytes + i));
    pty.shown++;
  }
  notify(pty.node, POLLIN | POLLRDNORM);
}

/** Copies up to `length` bytes for the master to `target`, and forgets them: how many. */
export function takeShown(pty: Pty, target: usize, length: u32): u32 {
  const count = min<u32>(length, shownCount(pty));
  for (let i: u32 = 0; i < count; i++) {
    store<u8>(target + i, load<u8>(pty.memory + (pty.read & (RING_BYTES - 1))));
    pty.read++;
  }
  if (count !== 0) tell(pty.terminal, POLLOUT | POLLWRNORM);
  return count;
}

/** The terminal takes what is on the wire, as far as it has room. */
function takeTyped(terminal: Terminal): void {
  const pty = ptyOf(terminal);
  const before = pty.taken;
  // What has been kept is shown with what is typed next, and not because there is room for it.
  if (before === pty.typed || inputRoom(terminal) === 0) return;
  beginShowing(terminal);
  while (pty.taken !== pty.typed && inputRoom(terminal) !== 0) {
    const at = pty.memory + RING_BYTES + (pty.taken & (WIRE_BYTES - 1));
    pty.taken++;
    receive(terminal, load<u8>(at));
  }
  flush(terminal);
  if (before !== pty.taken) notify(pty.node, POLLOUT | POLLWRNORM);
}

/** Stops what the master writes, or lets it go on. */
export function halt(pty: Pty, on: bool): void {
  pty.halted = on ? 1 : 0;
  if (!on) notify(pty.node, POLLOUT | POLLWRNORM);
}

/** What has been shown and not been read by the master is forgotten. */
export function forgetShown(pty: Pty): void {
  if (shownCount(pty) === 0) return;
  pty.read = pty.shown;
  tell(pty.terminal, POLLOUT | POLLWRNORM);
}

/** `length` bytes are typed, for which the wire has room. */
export function type(pty: Pty, bytes: usize, length: u32): void {
  for (let i: u32 = 0; i < length; i++) {
    store<u8>(pty.memory + RING_BYTES + (pty.typed & (WIRE_BYTES - 1)), load<u8>(bytes + i));
    pty.typed++;
  }
  takeTyped(pty.terminal);
}

/** In packet mode the master learns of `told`, which takes `undone` back. */
function report(pty: Pty, told: u32, undone: u32): void {
  if (pty.packet === 0) return;
  pty.status = (pty.status & ~undone) | told;
  notify(pty.node, POLLIN | POLLPRI | POLLRDNORM);
}

function inputFlushed(terminal: Terminal): void {
  report(ptyOf(terminal), PACKET_FLUSHREAD, 0);
}

function outputFlushed(terminal: Terminal): void {
  report(ptyOf(terminal), PACKET_FLUSHWRITE, 0);
}

function flowChanged(terminal: Terminal): void {
  if (terminal.stopped !== 0) report(ptyOf(terminal), PACKET_STOP, PACKET_START);
  else report(ptyOf(terminal), PACKET_START, PACKET_STOP);
}

function settingsChanged(terminal: Terminal): void {
  const settings = terminal.settings;
  const pty = ptyOf(terminal);
  settings.cflag = (settings.cflag & ~(CSIZE | PARENB)) | CS8 | CREAD;
  const usual =
    character(settings, VSTOP) === USUAL_STOP && character(settings, VSTART) === USUAL_START;
  const stops: u32 = (settings.iflag & IXON) !== 0 && usual ? 1 : 0;
  if (stops === pty.stops) return;
  pty.stops = stops;
  if (stops !== 0) report(pty, PACKET_DOSTOP, PACKET_NOSTOP);
  else report(pty, PACKET_NOSTOP, PACKET_DOSTOP);
}

function slaveOpened(terminal: Terminal): void {
  ptyOf(terminal).used = 1;
}

/** The slave has been opened and is not any more. */
export function isAlone(pty: Pty): bool {
  return pty.used !== 0 && pty.terminal.opens === 0;
}

function free(pty: Pty): void {
  store<usize>(numbers + pty.number * 4, 0);
  destroyTerminal(pty.terminal);
  const node = pty.node;
  node.links = 0;
  dispose(node);
  releasePages(pty.memory, MEMORY_ORDER);
  destroy<Pty>(pty);
}

function slaveClosed(terminal: Terminal): void {
  const pty = ptyOf(terminal);
  if (terminal.opens !== 0) return;
  if (pty.closed !== 0) free(pty);
  else notify(pty.node, 0);
}

/** What had been typed is gone, and settings are as at first: TTY_DRIVER_RESET_TERMIOS of Linux. */
function slaveHungUp(terminal: Terminal): void {
  forgetInput(terminal);
  setDefaults(terminal.settings, B38400 | CS8 | CREAD, SPEED);
  modeChanged(terminal);
  settingsChanged(terminal);
}

/** The pseudoterminal with this number, or null. */
export function ptyWith(number: u32): Pty | null {
  return number < PTYS_MAX ? changetype<Pty | null>(load<usize>(numbers + number * 4)) : null;
}

/** A pseudoterminal with the lowest free number, locked; null where there is no more room. */
export function newPty(): Pty | null {
  let number: u32 = 0;
  while (number < PTYS_MAX && ptyWith(number) !== null) number++;
  if (number === PTYS_MAX) return null;
  const pty = create<Pty>();
  const terminal = newTerminal((SLAVE_MAJOR << 8) | number, send, room);
  const node = newNode(KIND_ANONYMOUS, 0);
  const ring = allocatePages(MEMORY_ORDER);
  if (pty === null || terminal === null || node === null || ring === 0) {
    if (pty !== null) destroy<Pty>(pty);
    if (terminal !== null) destroyTerminal(terminal);
    if (node !== null) dispose(node);
    if (ring !== 0) releasePages(ring, MEMORY_ORDER);
    return null;
  }
  node.links = 1;
  setDefaults(terminal.settings, B38400 | CS8 | CREAD, SPEED);
  terminal.object = changetype<usize>(pty);
  terminal.drained = takeTyped;
  terminal.flushedInput = inputFlushed;
  terminal.flushOutput = outputFlushed;
  terminal.flowChanged = flowChanged;
  terminal.settingsChanged = settingsChanged;
  terminal.opened = slaveOpened;
  terminal.closed = slaveClosed;
  terminal.hungUp = slaveHungUp;
  pty.number = number;
  pty.terminal = terminal;
  pty.node = node;
  pty.memory = ring;
  pty.locked = 1;
  pty.stops = 1;
  store<usize>(numbers + number * 4, changetype<usize>(pty));
  return pty;
}

/** The master is closed: the terminal is hung up, and its name goes. */
export function closePty(pty: Pty): void {
  pty.closed = 1;
  const slave = pty.slave;
  if (changetype<usize>(slave) !== 0) {
    const entry = slave.names;
    if (entry !== null) detach(entry as Entry);
  }
  hangUp(pty.terminal);
  if (pty.terminal.opens === 0) free(pty);
}
