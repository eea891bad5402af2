// Reading from a terminal: by lines (termios(3), "Canonical mode") or by MIN and TIME.

import { monotonic } from "../libroottask/clock";
import { EAGAIN, EFAULT, EINTR } from "../libroottask/errno";
import { Thread, WAIT_INTERRUPTED } from "../libroottask/program";
import { waitUntil } from "../libroottask/readiness";
import { fillBytes, Transfer } from "../libroottask/transfer";
import { READABLE } from "../libroottask/watches";
import { checkRead } from "./job_control";
import { inputCount } from "./line_input";
import {
  endsLine,
  inputAt,
  inputPointer,
  inputRun,
  markEnd,
  Terminal,
  TerminalFile,
} from "./terminal";
import { character, DISABLED, VMIN, VTIME } from "./termios";

/** A unit of TIME, nanoseconds. */
const TENTH: u64 = 100_000_000;

/** Opened before the terminal was last hung up. */
export function isDead(file: TerminalFile): bool {
  return file.hangups !== file.terminal.hangups;
}

/** There are at least `least` bytes to be read, or a line. */
export function hasInput(terminal: Terminal, least: u32): bool {
  if (terminal.canonical !== 0) return terminal.lines !== terminal.tail;
  return inputCount(terminal) >= least;
}

/** Bytes that FIONREAD tells: without the marks for ends of file. */
export function readableBytes(terminal: Terminal): u32 {
  if (terminal.canonical === 0) return inputCount(terminal);
  let count: u32 = 0;
  for (let at = terminal.tail; at !== terminal.lines; at++) {
    if (!endsLine(terminal, at) || inputAt(terminal, at) !== DISABLED) count++;
  }
  return count;
}

/** How much of what may be taken is one run of the buffer, up to the end of a line where lines are read. */
function runOf(terminal: Terminal, most: u32): u32 {
  const end = terminal.canonical !== 0 ? terminal.lines : terminal.head;
  const run = min<u32>(inputRun(terminal.tail, end - terminal.tail), most);
  if (terminal.canonical === 0) return run;
  let length: u32 = 0;
  while (length < run && !endsLine(terminal, terminal.tail + length)) length++;
  return length;
}

/** The next byte is the mark of an end of file; it is taken. */
function takeEndOfFile(terminal: Terminal): bool {
  const at = terminal.tail;
  if (at === terminal.lines || !endsLine(terminal, at)) return false;
  if (inputAt(terminal, at) !== DISABLED) return false;
  markEnd(terminal, at, false);
  terminal.tail++;
  return true;
}

/** Takes a line, or as much of one as there is room for: bytes, or -EFAULT. */
function takeLine(terminal: Terminal, transfer: Transfer): i64 {
  let done: i64 = 0;
  while (terminal.tail !== terminal.lines) {
    // An end of file behind what fills the buffer belongs to it.
    if (takeEndOfFile(terminal) || transfer.left === 0) break;
    const wanted = runOf(terminal, min<u64>(transfer.left, 0xffff_ffff) as u32);
    const ends = wanted === 0;
    const length: u32 = ends ? 1 : wanted;
    const taken = fillBytes(transfer, inputPointer(terminal, terminal.tail), length);
    if (ends && taken !== 0) markEnd(terminal, terminal.tail, false);
    terminal.tail += taken;
    done += taken as i64;
    if (taken < length) return done === 0 ? -EFAULT : done;
    if (ends) break;
  }
  return done;
}

/** Takes what there is: bytes, or -EFAULT. */
function takeBytes(terminal: Terminal, transfer: Transfer): i64 {
  let done: i64 = 0;
  while (transfer.left !== 0 && terminal.tail !== terminal.head) {
    const length = runOf(terminal, min<u64>(transfer.left, 0xffff_ffff) as u32);
    const taken = fillBytes(transfer, inputPointer(terminal, terminal.tail), length);
    terminal.tail += taken;
    done += taken as i64;
    if (taken < length) return done === 0 ? -EFAULT : done;
  }
  terminal.lines = terminal.tail;
  return done;
}

/** Takes what has been typed, and lets more come. */
function takeInput(terminal: Terminal, transfer: Transfer): i64 {
  const done =
    terminal.canonical !== 0 ? takeLine(terminal, transfer) : takeBytes(terminal, transfer);
  const drained = terminal.drained;
  drained(terminal);
  return done;
}

/** Reads once the settings allow it: bytes, 0 at the end or where TIME is over, or a negative error. */
export function readTerminal(
  thread: Thread,
  file: TerminalFile,
  transfer: Transfer,
  mayWait: bool,
): i64 {
  const terminal = file.terminal;
  if (isDead(file)) return 0;
  const refused = checkRead(thread, file);
  if (refused !== 0) return refused;
  let done: i64 = 0;
  let last = monotonic();
  while (transfer.left !== 0) {
    if (isDead(file)) break;
    const least = max<u32>(character(terminal.settings, VMIN) as u32, 1);
    const time = (character(terminal.settings, VTIME) as u64) * TENTH;
    if (hasInput(terminal, 1)) {
      const byLines = terminal.canonical !== 0;
      const taken = takeInput(terminal, transfer);
      if (taken < 0) return done === 0 ? taken : done;
      done += taken;
      if (byLines || done >= (least as i64)) break;
      last = monotonic();
      continue;
    }
    // Without MIN the time runs from the beginning, with it from byte to byte.
    const byTime = terminal.canonical === 0 && character(terminal.settings, VMIN) === 0;
    const timed = terminal.canonical === 0 && (byTime || (time !== 0 && done !== 0));
    const end = last + time;
    if (timed && end <= monotonic()) break;
    if (!mayWait) return done === 0 ? -EAGAIN : done;
    const outcome = waitUntil(thread, changetype<usize>(terminal.node), READABLE, timed ? end : 0);
    if (outcome === WAIT_INTERRUPTED) return done === 0 ? -EINTR : done;
  }
  return done;
}
