// Reading from a terminal: by lines (termios(3), "Canonical mode") or by MIN and TIME.

import { monotonic } from "../libroottask/clock";
import { EAGAIN, EFAULT, EINTR } from "../libroottask/errno";
import { Thread, WAIT_INTERRUPTED } from "../libroottask/program";
import { waitUntil } from "../libroottask/readiness";
import { fillBytes, Transfer } from "../libroottask/transfer";
import { READABLE } from "../libroottask/watches";
import { checkRead } from "./job_control";
import { inputCount } from "./line_input";
import { endsLine, inputAt, markEnd, Terminal, TerminalFile } from "./terminal";
import { character, DISABLED, VMIN, VTIME } from "./termios";

/** A unit of TIME, nanoseconds. */
const TENTH: u64 = 100_000_000;

/** Bytes that are taken at once. As on Linux, those that cannot be stored are lost. */
export const PIECE: u32 = 64;
const piece = memory.data(64);
/** What is in `piece` is the end of a line. */
let hasEnded = false;

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

/** The next byte is the mark of an end of file; it is taken. */
function takeEndOfFile(terminal: Terminal): bool {
  const at = terminal.tail;
  if (at === terminal.lines || !endsLine(terminal, at)) return false;
  if (inputAt(terminal, at) !== DISABLED) return false;
  markEnd(terminal, at, false);
  terminal.tail++;
  return true;
}

/** Moves at most `most` bytes into `piece`, at most to the end of a line where lines are read: their number. */
function takePiece(terminal: Terminal, most: u32): u32 {
  const byLines = terminal.canonical !== 0;
  const end = byLines ? terminal.lines : terminal.head;
  let count: u32 = 0;
  while (count < most && terminal.tail !== end) {
    const at = terminal.tail;
    const ends = byLines && endsLine(terminal, at);
    if (ends && inputAt(terminal, at) === DISABLED) break;
    store<u8>(piece + count++, inputAt(terminal, at));
    terminal.tail++;
    if (!ends) continue;
    markEnd(terminal, at, false);
    hasEnded = true;
    break;
  }
  return count;
}

/** Takes what there is, or a line, or as much of one as there is room for: bytes, or -EFAULT. */
function takeBytes(terminal: Terminal, transfer: Transfer): i64 {
  const byLines = terminal.canonical !== 0;
  if (byLines && takeEndOfFile(terminal)) return 0;
  let done: i64 = 0;
  hasEnded = false;
  while (transfer.left !== 0 && !hasEnded) {
    const count = takePiece(terminal, min<u64>(transfer.left, PIECE as u64) as u32);
    // An end of file behind what fills the buffer belongs to it.
    if (byLines && !hasEnded) hasEnded = takeEndOfFile(terminal);
    if (count === 0) break;
    const filled = fillBytes(transfer, piece, count);
    done += filled as i64;
    if (filled < count) return done === 0 ? -EFAULT : done;
  }
  if (!byLines) terminal.lines = terminal.tail;
  return done;
}

/** Takes what has been typed, and lets more come. */
function takeInput(terminal: Terminal, transfer: Transfer): i64 {
  const done = takeBytes(terminal, transfer);
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
