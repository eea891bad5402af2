// A terminal: its settings, the bytes that have been typed and not been read, whose it is, and what its other end is.
// line_input.ts takes what is typed, line_output.ts what is written, job_control.ts says who may.

import { create, destroy } from "../libroottask/heap";
import { allocatePages, releasePages } from "../libroottask/pages";
import { Program } from "../libroottask/program";
import { dispose, KIND_ANONYMOUS, Node, newNode } from "../libroottask/tree";
import { notify } from "../libroottask/watches";
import { Termios } from "./termios";

/** Bytes of input that are kept, and a mark for each that ends a line. */
export const INPUT_BYTES: u32 = 4096;
const INPUT_MASK: u32 = INPUT_BYTES - 1;

/** Sends `length` bytes to the other end, which has room for them. */
export type Send = (terminal: Terminal, bytes: usize, length: u32) => void;
/** Bytes that the other end has room for. */
export type Room = (terminal: Terminal) => u32;
/** Something about the terminal is over or has changed, that its other end wants to know. */
export type Happened = (terminal: Terminal) => void;

@unmanaged
export class Terminal {
  settings: Termios;
  /** struct winsize. */
  size: u64;
  /** Session whose controlling terminal it is, and the process group in the foreground, 0 for none. */
  session: u32;
  group: u32;
  /** INPUT_BYTES bytes, then as many marks; a page of each. */
  input: usize;
  /** Bytes ever typed, ever read, and those before the last end of a line, modulo 2^32. */
  head: u32;
  tail: u32;
  lines: u32;
  /** Column of the cursor, and that at which the line that is typed begins. */
  column: u32;
  lineColumn: u32;
  /** Lines are read: what ICANON has said last. */
  canonical: u32;
  /** Between the \ and the / of what ECHOPRT shows as erased; the next byte is taken as it is. */
  erasing: u32;
  literal: u32;
  /** Output waits for the START character, or for TCOON. */
  stopped: u32;
  /** By TCOOFF: the START character is not enough. */
  stoppedByCall: u32;
  /** What has been typed meanwhile is shown when it goes on (kept_echo.ts): storage, 0 for none, and where it begins and ends. */
  kept: usize;
  keptFrom: u32;
  keptEnd: u32;
  /** TIOCEXCL. */
  exclusive: u32;
  /** What is waited for, and what is told to those who look at many. */
  node: Node;
  device: u32;
  /** Open files on it. */
  opens: u32;
  /** Times it has been hung up: files opened before the last one are dead. */
  hangups: u32;
  send: Send;
  room: Room;
  /** There is room for input again; what had been typed is forgotten; STOP and START; what is on its way out is forgotten. */
  drained: Happened;
  flushedInput: Happened;
  flowChanged: Happened;
  flushOutput: Happened;
  settingsChanged: Happened;
  /** One more file is open on it, or one less. */
  opened: Happened;
  closed: Happened;
  /** It has been hung up. */
  hungUp: Happened;
  /** What its other end keeps. */
  object: usize;
}

/** What an open file on a terminal is. */
@unmanaged
export class TerminalFile {
  terminal: Terminal;
  hangups: u32;
  /** Opened as /dev/console, which job control leaves alone. */
  console: u32;
}

function nothing(_terminal: Terminal): void {}

/** A terminal with default settings to be filled in; null when memory is out. */
export function newTerminal(device: u32, send: Send, room: Room): Terminal | null {
  const terminal = create<Terminal>();
  if (terminal === null) return null;
  const settings = create<Termios>();
  const node = newNode(KIND_ANONYMOUS, 0);
  terminal.input = allocatePages(1);
  if (settings === null || node === null || terminal.input === 0) {
    if (settings !== null) destroy<Termios>(settings);
    if (node !== null) dispose(node);
    if (terminal.input !== 0) releasePages(terminal.input, 1);
    destroy<Terminal>(terminal);
    return null;
  }
  memory.fill(terminal.input, 0, 2 * INPUT_BYTES);
  node.links = 1;
  terminal.node = node;
  terminal.settings = settings;
  terminal.device = device;
  terminal.send = send;
  terminal.room = room;
  terminal.drained = nothing;
  terminal.flushedInput = nothing;
  terminal.flowChanged = nothing;
  terminal.flushOutput = nothing;
  terminal.settingsChanged = nothing;
  terminal.opened = nothing;
  terminal.closed = nothing;
  terminal.hungUp = nothing;
  terminal.canonical = 1;
  return terminal;
}

export function destroyTerminal(terminal: Terminal): void {
  const node = terminal.node;
  node.links = 0;
  dispose(node);
  releasePages(terminal.input, 1);
  if (terminal.kept !== 0) releasePages(terminal.kept, 0);
  destroy<Termios>(terminal.settings);
  destroy<Terminal>(terminal);
}

export function inputAt(terminal: Terminal, index: u32): u8 {
  return load<u8>(terminal.input + (index & INPUT_MASK));
}

/** The byte ends a line: it is a newline, an end-of-line character, or DISABLED for the end of file. */
export function endsLine(terminal: Terminal, index: u32): bool {
  return load<u8>(terminal.input + INPUT_BYTES + (index & INPUT_MASK)) !== 0;
}

export function markEnd(terminal: Terminal, index: u32, ends: bool): void {
  store<u8>(terminal.input + INPUT_BYTES + (index & INPUT_MASK), ends ? 1 : 0);
}

export function putInput(terminal: Terminal, value: u8): void {
  store<u8>(terminal.input + (terminal.head & INPUT_MASK), value);
  terminal.head++;
}

/** Tells those who look at the terminal that it may be ready for `events`, POLL…; 0 for any. */
export function tell(terminal: Terminal, events: u32): void {
  notify(terminal.node, events);
}

/** The controlling terminal of `program`, or null. */
export function terminalOf(program: Program): Terminal | null {
  return changetype<Terminal | null>(program.terminal);
}
