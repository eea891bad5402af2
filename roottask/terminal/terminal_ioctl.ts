// What ioctl(2) does with terminals (tty_ioctl(4), include/uapi/asm-generic/ioctls.h). Left out: line disciplines other than
// the first, modem lines, and what virtual consoles have.

import { EFAULT, EINVAL, EIO, ENOTTY } from "../libroottask/errno";
import { OpenFile } from "../libroottask/open_file";
import { meantId, seenId } from "../libroottask/pid_numbers";
import { Program, Thread } from "../libroottask/program";
import { copyFrom, copyTo, get32, got, put32 } from "../libroottask/space";
import { SIGWINCH } from "../linux/signal_numbers";
import { checkChange, giveUp, setForeground, signalGroup, take } from "./job_control";
import { forgetInput, goOn, inputRoom, modeChanged, receive, setStopped } from "./line_input";
import { beginShowing, flush } from "./line_output";
import { isDead, readableBytes } from "./reading";
import { Terminal, TerminalFile, tell, terminalOf } from "./terminal";
import {
  CHARACTERS,
  character,
  ICANON,
  IXON,
  NCC,
  TERMIO_BYTES,
  TERMIOS_BYTES,
  TERMIOS2_BYTES,
  Termios,
  VSTART,
  VSTOP,
  WINSIZE_BYTES,
} from "./termios";

const TCGETS: u32 = 0x5401;
const TCSETS: u32 = 0x5402;
const TCSETSF: u32 = 0x5404;
const TCGETA: u32 = 0x5405;
const TCSETA: u32 = 0x5406;
const TCSETAF: u32 = 0x5408;
const TCSBRK: u32 = 0x5409;
export const TCXONC: u32 = 0x540a;
export const TCFLSH: u32 = 0x540b;
const TIOCEXCL: u32 = 0x540c;
const TIOCNXCL: u32 = 0x540d;
const TIOCSCTTY: u32 = 0x540e;
const TIOCGPGRP: u32 = 0x540f;
const TIOCSPGRP: u32 = 0x5410;
const TIOCOUTQ: u32 = 0x5411;
const TIOCSTI: u32 = 0x5412;
const TIOCGWINSZ: u32 = 0x5413;
const TIOCSWINSZ: u32 = 0x5414;
/** Bytes that can be read at once. */
export const FIONREAD: u32 = 0x541b;
const TIOCNOTTY: u32 = 0x5422;
const TIOCGETD: u32 = 0x5424;
const TCSBRKP: u32 = 0x5425;
const TIOCSBRK: u32 = 0x5427;
const TIOCCBRK: u32 = 0x5428;
const TIOCGSID: u32 = 0x5429;
const TCGETS2: u32 = 0x802c_542a;
const TCSETS2: u32 = 0x402c_542b;
const TCSETSF2: u32 = 0x402c_542d;
const TIOCGDEV: u32 = 0x8004_5432;
const TIOCGEXCL: u32 = 0x8004_5440;

/** What TCXONC and TCFLSH are asked for. */
export const TCOOFF: u64 = 0;
export const TCOON: u64 = 1;
export const TCIOFF: u64 = 2;
export const TCION: u64 = 3;
const TCIFLUSH: u64 = 0;
export const TCOFLUSH: u64 = 1;
export const TCIOFLUSH: u64 = 2;

const buffer = memory.data(64);

function settingsAddress(terminal: Terminal): usize {
  return changetype<usize>(terminal.settings);
}

/** The settings in `buffer`, complete, are those of `terminal`. */
function setSettings(terminal: Terminal): void {
  const settings = terminal.settings;
  const before = settings.lflag;
  const flow = settings.iflag & IXON;
  memory.copy(settingsAddress(terminal), buffer, TERMIOS2_BYTES);
  const changed = terminal.settingsChanged;
  changed(terminal);
  if (((before ^ settings.lflag) & ICANON) !== 0) modeChanged(terminal);
  if (flow !== 0 && (settings.iflag & IXON) === 0) {
    goOn(terminal);
    flush(terminal);
  }
  tell(terminal, 0);
}

/** TCSETS and its like, with `bytes` of a struct termios or termios2 at `address`. */
function set(thread: Thread, terminal: Terminal, address: u64, bytes: u32, forgets: bool): i64 {
  const refused = checkChange(thread, terminal);
  if (refused !== 0) return refused;
  memory.copy(buffer, settingsAddress(terminal), TERMIOS2_BYTES);
  if (!copyFrom(thread.program.space, buffer, address, bytes)) return -EFAULT;
  if (forgets) forgetInput(terminal);
  setSettings(terminal);
  return 0;
}

/** struct termio: 16 bits of each set of flags, the line discipline, the first characters. */
function getShort(program: Program, terminal: Terminal, address: u64): i64 {
  const settings = settingsAddress(terminal);
  memory.fill(buffer, 0, TERMIO_BYTES);
  for (let set: u32 = 0; set < 4; set++) {
    store<u16>(buffer + set * 2, load<u16>(settings + set * 4));
  }
  store<u8>(buffer + 8, terminal.settings.line);
  memory.copy(buffer + 9, settings + CHARACTERS, NCC);
  return copyTo(program.space, address, buffer, TERMIO_BYTES) ? 0 : -EFAULT;
}

/** TCSETA and its like: the upper halves of the flags and the other characters stay. */
function setShort(thread: Thread, terminal: Terminal, address: u64, forgets: bool): i64 {
  const refused = checkChange(thread, terminal);
  if (refused !== 0) return refused;
  const from = buffer + TERMIOS2_BYTES;
  memory.copy(buffer, settingsAddress(terminal), TERMIOS2_BYTES);
  if (!copyFrom(thread.program.space, from, address, TERMIO_BYTES)) return -EFAULT;
  for (let set: u32 = 0; set < 4; set++) store<u16>(buffer + set * 4, load<u16>(from + set * 2));
  changetype<Termios>(buffer).line = load<u8>(from + 8);
  memory.copy(buffer + CHARACTERS, from + 9, NCC);
  if (forgets) forgetInput(terminal);
  setSettings(terminal);
  return 0;
}

/** Another size: the foreground is told. */
export function resize(terminal: Terminal, size: u64): void {
  if (terminal.size === size) return;
  terminal.size = size;
  signalGroup(null, terminal.group, SIGWINCH);
}

function flow(thread: Thread, terminal: Terminal, argument: u64): i64 {
  const refused = checkChange(thread, terminal);
  if (refused !== 0) return refused;
  if (argument > TCION) return -EINVAL;
  if (argument === TCOOFF) {
    if (terminal.stoppedByCall === 0) {
      terminal.stoppedByCall = 1;
      setStopped(terminal, true);
    }
  } else if (argument === TCOON) {
    if (terminal.stoppedByCall !== 0) {
      terminal.stoppedByCall = 0;
      setStopped(terminal, false);
    }
  } else {
    sendCharacter(terminal, character(terminal.settings, argument === TCIOFF ? VSTOP : VSTART));
  }
  return 0;
}

/** Sends `sent`, 0 for none, ahead of a stopped terminal's output, unless TCOOFF has stopped it (tty_send_xchar() of Linux). */
function sendCharacter(terminal: Terminal, sent: u8): void {
  if (sent === 0 || terminal.stoppedByCall !== 0) return;
  const stopped = terminal.stopped !== 0;
  store<u8>(buffer, sent);
  const send = terminal.send;
  if (stopped) setStopped(terminal, false);
  send(terminal, buffer, 1);
  if (stopped) setStopped(terminal, true);
}

function flushQueues(thread: Thread, terminal: Terminal, argument: u64): i64 {
  const refused = checkChange(thread, terminal);
  if (refused !== 0) return refused;
  if (argument > TCIOFLUSH) return -EINVAL;
  if (argument !== TCOFLUSH) {
    forgetInput(terminal);
    const drained = terminal.drained;
    drained(terminal);
  }
  if (argument !== TCIFLUSH) {
    const flushOutput = terminal.flushOutput;
    flushOutput(terminal);
  }
  return 0;
}

/** TIOCSTI: as if the byte had been typed. */
function type(program: Program, terminal: Terminal, address: u64): i64 {
  if (!copyFrom(program.space, buffer, address, 1)) return -EFAULT;
  if (inputRoom(terminal) === 0) return 0;
  beginShowing(terminal);
  receive(terminal, load<u8>(buffer));
  flush(terminal);
  return 0;
}

function foregroundFrom(thread: Thread, terminal: Terminal, address: u64): i64 {
  const program = thread.program;
  const refused = checkChange(thread, terminal);
  if (refused !== 0) return refused === -EIO ? -ENOTTY : refused;
  if (!get32(program.space, address)) return -EFAULT;
  if ((got as i32) < 0) return -EINVAL;
  return setForeground(program, terminal, meantId(got as u32));
}

/** `master`: the file is the other end of a pseudoterminal, which need not be the caller's own. */
function ownership(
  thread: Thread,
  file: OpenFile,
  terminal: Terminal,
  command: u32,
  argument: u64,
  master: bool,
): i64 {
  const program = thread.program;
  const space = program.space;
  if (command === TIOCSCTTY) return take(program, file, terminal, (argument as u32) === 1);
  if (command === TIOCNOTTY) return giveUp(program, terminal);
  if (command === TIOCSPGRP) return foregroundFrom(thread, terminal, argument);
  if (!master && terminalOf(program) !== terminal) return -ENOTTY;
  if (command === TIOCGPGRP) return put32(space, argument, seenId(terminal.group)) ? 0 : -EFAULT;
  if (terminal.session === 0) return -ENOTTY;
  return put32(space, argument, seenId(terminal.session)) ? 0 : -EFAULT;
}

function getSettings(program: Program, terminal: Terminal, address: u64, bytes: u32): i64 {
  return copyTo(program.space, address, settingsAddress(terminal), bytes) ? 0 : -EFAULT;
}

/** What both ends of a terminal understand; -ENOTTY where it is something else. */
export function commonIoctl(
  thread: Thread,
  file: OpenFile,
  terminal: Terminal,
  command: u32,
  argument: u64,
  master: bool,
): i64 {
  const program = thread.program;
  const space = program.space;
  if (command === TCGETS) return getSettings(program, terminal, argument, TERMIOS_BYTES);
  if (command === TCGETS2) return getSettings(program, terminal, argument, TERMIOS2_BYTES);
  if (command >= TCSETS && command <= TCSETSF) {
    return set(thread, terminal, argument, TERMIOS_BYTES, command === TCSETSF);
  }
  if (command >= TCSETS2 && command <= TCSETSF2) {
    return set(thread, terminal, argument, TERMIOS2_BYTES, command === TCSETSF2);
  }
  if (command === TCGETA) return getShort(program, terminal, argument);
  if (command >= TCSETA && command <= TCSETAF) {
    return setShort(thread, terminal, argument, command === TCSETAF);
  }
  switch (command) {
    case TIOCGWINSZ: {
      store<u64>(buffer, terminal.size);
      return copyTo(space, argument, buffer, WINSIZE_BYTES) ? 0 : -EFAULT;
    }
    case TIOCSWINSZ: {
      if (!copyFrom(space, buffer, argument, WINSIZE_BYTES)) return -EFAULT;
      resize(terminal, load<u64>(buffer));
      return 0;
    }
    case TIOCSCTTY:
    case TIOCNOTTY:
    case TIOCGPGRP:
    case TIOCSPGRP:
    case TIOCGSID:
      return ownership(thread, file, terminal, command, argument, master);
    case TIOCOUTQ:
    case TIOCGETD:
      return put32(space, argument, 0) ? 0 : -EFAULT;
    case TCSBRK:
    case TCSBRKP:
    case TIOCSBRK:
    case TIOCCBRK:
      // What has been written has gone out; a break means nothing to our other ends.
      return checkChange(thread, terminal);
    case TIOCEXCL:
    case TIOCNXCL:
      terminal.exclusive = command === TIOCEXCL ? 1 : 0;
      return 0;
    case TIOCGEXCL:
      return put32(space, argument, terminal.exclusive) ? 0 : -EFAULT;
    case TIOCGDEV:
      return put32(space, argument, terminal.device) ? 0 : -EFAULT;
    default:
      return -ENOTTY;
  }
}

/** ioctl(2) on a terminal. */
export function terminalIoctl(
  thread: Thread,
  file: OpenFile,
  own: TerminalFile,
  command: u32,
  argument: u64,
): i64 {
  const terminal = own.terminal;
  if (isDead(own)) return command === TIOCSPGRP ? -ENOTTY : -EIO;
  if (command === FIONREAD) {
    return put32(thread.program.space, argument, readableBytes(terminal)) ? 0 : -EFAULT;
  }
  if (command === TCXONC) return flow(thread, terminal, argument);
  if (command === TCFLSH) return flushQueues(thread, terminal, argument);
  if (command === TIOCSTI) return type(thread.program, terminal, argument);
  return commonIoctl(thread, file, terminal, command, argument, false);
}
