// What is typed on a terminal, byte by byte, as termios(3) has it: c_iflag, signals, editing of lines, echo. Where the manual
// leaves something open it is done as Linux does it, which the same bytes typed on Linux tell.

import { POLLIN, POLLRDNORM } from "../libroottask/poll_events";
import { SIGINT, SIGQUIT, SIGTSTP } from "../linux/signal_numbers";
import { signalForeground } from "./job_control";
import {
  beginShowing,
  beginShown,
  continues,
  echoes,
  flush,
  forgetShown,
  show,
  showKept,
  showRaw,
  takeBackColumn,
  wipeCharacter,
} from "./line_output";
import { INPUT_BYTES, inputAt, markEnd, putInput, Terminal, tell } from "./terminal";
import {
  BRKINT,
  character,
  DISABLED,
  ECHOCTL,
  ECHOE,
  ECHOK,
  ECHOKE,
  ECHONL,
  ECHOPRT,
  ICANON,
  ICRNL,
  IEXTEN,
  IGNBRK,
  IGNCR,
  INLCR,
  ISIG,
  ISTRIP,
  IUCLC,
  IXANY,
  IXON,
  NOFLSH,
  PARMRK,
  VEOF,
  VEOL,
  VEOL2,
  VERASE,
  VINTR,
  VKILL,
  VLNEXT,
  VQUIT,
  VREPRINT,
  VSTART,
  VSTOP,
  VSUSP,
  VWERASE,
} from "./termios";

const NEWLINE: u8 = 10;
const RETURN: u8 = 13;
const CIRCUMFLEX: u8 = 94;
const BACKSPACE: u8 = 8;
const SLASH: u8 = 47;
const BACKSLASH: u8 = 92;
/** PARMRK's mark. */
const MARK: u8 = 255;

/** Whether `value` is the character at `place` of c_cc, which has a function. */
function is(terminal: Terminal, value: u8, place: u32): bool {
  return value !== DISABLED && value === character(terminal.settings, place);
}

function local(terminal: Terminal, flag: u32): bool {
  return (terminal.settings.lflag & flag) !== 0;
}

function wants(terminal: Terminal, flag: u32): bool {
  return (terminal.settings.iflag & flag) !== 0;
}

/** Bytes of input that there are. */
export function inputCount(terminal: Terminal): u32 {
  return terminal.head - terminal.tail;
}

/**
 * How many bytes may be typed now, at least. A line that does not end in time takes one after the other in its last place,
 * so that it can end.
 */
export function inputRoom(terminal: Terminal): u32 {
  const used = inputCount(terminal);
  const left = INPUT_BYTES - used;
  const room = wants(terminal, PARMRK) ? (left + 2) / 3 : left;
  if (room > 1) return room - 1;
  return terminal.canonical !== 0 && terminal.lines === terminal.tail ? 1 : 0;
}

function finishErasing(terminal: Terminal): void {
  if (terminal.erasing === 0) return;
  showRaw(terminal, SLASH);
  terminal.erasing = 0;
}

/** What has been typed and not been read is forgotten. */
export function forgetInput(terminal: Terminal): void {
  terminal.head = 0;
  terminal.tail = 0;
  terminal.lines = 0;
  terminal.erasing = 0;
  for (let at: u32 = 0; at < INPUT_BYTES; at++) markEnd(terminal, at, false);
  const flushed = terminal.flushedInput;
  flushed(terminal);
}

/** A letter or a digit of Latin-1, or "_": what a word consists of. */
function isWord(value: u8): bool {
  const letter = value | 32;
  if (value === 95 || (value >= 48 && value <= 57) || (letter >= 97 && letter <= 122)) return true;
  return value >= 0xc0 && value !== 0xd7 && value !== 0xf7;
}

/** Shows that the whole line goes, where its characters are not to be taken off one by one; false where they are. */
function kill(terminal: Terminal): bool {
  if (!echoes(terminal)) {
    terminal.head = terminal.lines;
    return true;
  }
  if (local(terminal, ECHOK) && local(terminal, ECHOKE) && local(terminal, ECHOE)) return false;
  terminal.head = terminal.lines;
  finishErasing(terminal);
  show(terminal, character(terminal.settings, VKILL));
  if (local(terminal, ECHOK)) showRaw(terminal, NEWLINE);
  return true;
}

/** Shows that the `length` bytes from `at` on, one character, are erased by the character at `place`. */
function showErased(terminal: Terminal, at: u32, length: u32, place: u32): void {
  const value = inputAt(terminal, at);
  if (local(terminal, ECHOPRT)) {
    if (terminal.erasing === 0) {
      showRaw(terminal, BACKSLASH);
      terminal.erasing = 1;
    }
    show(terminal, value);
    for (let i: u32 = 1; i < length; i++) {
      showRaw(terminal, inputAt(terminal, at + i));
      takeBackColumn(terminal);
    }
  } else if (place === VERASE && !local(terminal, ECHOE)) {
    show(terminal, character(terminal.settings, VERASE));
  } else {
    wipeCharacter(terminal, value);
  }
}

/** VERASE, VWERASE or VKILL. */
function erase(terminal: Terminal, place: u32): void {
  if (terminal.head === terminal.lines) return;
  if (place === VKILL && kill(terminal)) return;
  let inWord = false;
  while (terminal.head !== terminal.lines) {
    let at = terminal.head;
    let value: u8 = 0;
    do value = inputAt(terminal, --at);
    while (continues(terminal, value) && at !== terminal.lines);
    // Half a character stays.
    if (continues(terminal, value)) break;
    if (place === VWERASE) {
      if (isWord(value)) inWord = true;
      else if (inWord) break;
    }
    const length = terminal.head - at;
    terminal.head = at;
    if (echoes(terminal)) showErased(terminal, at, length, place);
    if (place === VERASE) break;
  }
  if (terminal.head === terminal.lines && echoes(terminal)) finishErasing(terminal);
}

/** Output goes on, or stops. */
export function setStopped(terminal: Terminal, stopped: bool): void {
  if ((terminal.stopped !== 0) === stopped) return;
  terminal.stopped = stopped ? 1 : 0;
  // What has been typed by now is shown later, too.
  if (stopped) flush(terminal);
  const changed = terminal.flowChanged;
  changed(terminal);
  if (!stopped) tell(terminal, 0);
}

/** Output goes on, with what was to be shown meanwhile, unless TCOOFF has stopped it. */
export function goOn(terminal: Terminal): void {
  if (terminal.stoppedByCall !== 0) return;
  setStopped(terminal, false);
  showKept(terminal);
}

/** What has been typed goes, with what was about to be shown of it. */
function forgetAll(terminal: Terminal): void {
  forgetShown(terminal);
  const flushOutput = terminal.flushOutput;
  flushOutput(terminal);
  forgetInput(terminal);
}

/** VINTR, VQUIT or VSUSP has been typed. */
function signalTyped(terminal: Terminal, value: u8, signal: u32): void {
  if (!local(terminal, NOFLSH)) {
    forgetAll(terminal);
  }
  signalForeground(terminal, signal);
  if (wants(terminal, IXON)) goOn(terminal);
  if (echoes(terminal)) show(terminal, value);
  else beginShowing(terminal);
  tell(terminal, 0);
}

/** Puts `value` into the input, twice where it would be taken for a mark. */
function keep(terminal: Terminal, value: u8): void {
  if (value === MARK && wants(terminal, PARMRK)) putInput(terminal, value);
  markEnd(terminal, terminal.head, false);
  putInput(terminal, value);
}

/** The line ends with `value`. */
function endLine(terminal: Terminal, value: u8): void {
  markEnd(terminal, terminal.head, true);
  putInput(terminal, value);
  terminal.lines = terminal.head;
  tell(terminal, POLLIN | POLLRDNORM);
}

/** Shows `value`; a newline that ICRNL has made as one, another like control characters. */
function showTyped(terminal: Terminal, value: u8, made: bool): void {
  if (!echoes(terminal)) return;
  finishErasing(terminal);
  if (made) {
    showRaw(terminal, value);
    return;
  }
  if (terminal.lines === terminal.head) beginShown(terminal);
  show(terminal, value);
}

/** A byte that means itself, or a newline that ICRNL has `made`. */
function receivePlain(terminal: Terminal, value: u8, made: bool): void {
  showTyped(terminal, value, made);
  keep(terminal, value);
  if (terminal.canonical === 0) tell(terminal, POLLIN | POLLRDNORM);
}

function reprint(terminal: Terminal, value: u8): void {
  finishErasing(terminal);
  show(terminal, value);
  showRaw(terminal, NEWLINE);
  for (let at = terminal.lines; at !== terminal.head; at++) show(terminal, inputAt(terminal, at));
}

/** A byte of a line: true where it has a function in the editing of lines. */
function edits(terminal: Terminal, value: u8): bool {
  const extended = local(terminal, IEXTEN);
  if (is(terminal, value, VERASE)) erase(terminal, VERASE);
  else if (is(terminal, value, VKILL)) erase(terminal, VKILL);
  else if (extended && is(terminal, value, VWERASE)) erase(terminal, VWERASE);
  else if (extended && is(terminal, value, VLNEXT)) {
    terminal.literal = 1;
    if (echoes(terminal)) {
      finishErasing(terminal);
      if (local(terminal, ECHOCTL)) {
        showRaw(terminal, CIRCUMFLEX);
        showRaw(terminal, BACKSPACE);
      }
    }
  } else if (extended && echoes(terminal) && is(terminal, value, VREPRINT)) {
    reprint(terminal, value);
  } else if (value === NEWLINE) {
    if (echoes(terminal) || local(terminal, ECHONL)) showRaw(terminal, NEWLINE);
    endLine(terminal, value);
  } else if (is(terminal, value, VEOF)) {
    endLine(terminal, DISABLED);
  } else if (is(terminal, value, VEOL) || (extended && is(terminal, value, VEOL2))) {
    if (echoes(terminal)) {
      if (terminal.lines === terminal.head) beginShown(terminal);
      show(terminal, value);
    }
    if (value === MARK && wants(terminal, PARMRK)) putInput(terminal, value);
    endLine(terminal, value);
  } else return false;
  return true;
}

/** STOP and START; true where `value` is one. */
function controlsFlow(terminal: Terminal, value: u8): bool {
  if (!wants(terminal, IXON)) return false;
  if (is(terminal, value, VSTART)) {
    goOn(terminal);
    // What has been shown by now has moved the cursor, even if it is forgotten.
    beginShowing(terminal);
    return true;
  }
  if (!is(terminal, value, VSTOP)) return false;
  setStopped(terminal, true);
  return true;
}

function signalFor(terminal: Terminal, value: u8): u32 {
  if (!local(terminal, ISIG)) return 0;
  if (is(terminal, value, VINTR)) return SIGINT;
  if (is(terminal, value, VQUIT)) return SIGQUIT;
  return is(terminal, value, VSUSP) ? SIGTSTP : 0;
}

/** What ISTRIP and IUCLC make of a byte. */
function mapped(terminal: Terminal, typed: u8): u8 {
  const value = wants(terminal, ISTRIP) ? typed & 0x7f : typed;
  if (!wants(terminal, IUCLC) || !local(terminal, IEXTEN)) return value;
  const capital =
    (value >= 65 && value <= 90) || (value >= 0xc0 && value <= 0xde && value !== 0xd7);
  return capital ? value | 32 : value;
}

/** One byte has been typed, for which there is room. What is shown is sent by `flush`. */
export function receive(terminal: Terminal, typed: u8): void {
  let value = mapped(terminal, typed);
  // A line that is too long has its last place taken again and again.
  if (inputCount(terminal) === INPUT_BYTES) terminal.head--;
  if (terminal.literal !== 0) {
    terminal.literal = 0;
    receivePlain(terminal, value, false);
    return;
  }
  if (controlsFlow(terminal, value)) return;
  const signal = signalFor(terminal, value);
  if (signal !== 0) {
    signalTyped(terminal, value, signal);
    return;
  }
  if (terminal.stopped !== 0 && wants(terminal, IXON) && wants(terminal, IXANY)) goOn(terminal);
  let made = false;
  if (value === RETURN) {
    if (wants(terminal, IGNCR)) return;
    made = wants(terminal, ICRNL);
    if (made) value = NEWLINE;
  } else if (value === NEWLINE && wants(terminal, INLCR)) {
    value = RETURN;
  }
  if (terminal.canonical !== 0 && edits(terminal, value)) return;
  receivePlain(terminal, value, made);
}

/** The line has been interrupted: a break. */
export function receiveBreak(terminal: Terminal): void {
  if (wants(terminal, IGNBRK)) return;
  if (wants(terminal, BRKINT)) {
    if (!local(terminal, NOFLSH)) {
      forgetAll(terminal);
    }
    signalForeground(terminal, SIGINT);
    return;
  }
  if (wants(terminal, PARMRK)) {
    putInput(terminal, MARK);
    putInput(terminal, 0);
  }
  keep(terminal, 0);
  tell(terminal, POLLIN | POLLRDNORM);
}

/** ICANON has been set or cleared: what has been typed so far is a line, or no lines are told apart. */
export function modeChanged(terminal: Terminal): void {
  const canonical = local(terminal, ICANON);
  for (let at: u32 = 0; at < INPUT_BYTES; at++) markEnd(terminal, at, false);
  if (canonical && terminal.head !== terminal.tail) {
    markEnd(terminal, terminal.head - 1, true);
    terminal.lines = terminal.head;
  } else {
    terminal.lines = terminal.tail;
  }
  terminal.erasing = 0;
  terminal.literal = 0;
  terminal.canonical = canonical ? 1 : 0;
}
