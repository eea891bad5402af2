// Whose a terminal is: controlling terminals, foreground process groups, what happens to others that use it, and hanging up
// (credentials(7), setsid(2), tty_ioctl(4)). Processes are told by signals.

import { EINTR, EIO, ENOTTY, EPERM, ESRCH } from "../libroottask/errno";
import { OpenFile, readable } from "../libroottask/open_file";
import { firstProgram, Program, Thread } from "../libroottask/program";
import { SIGCONT, SIGHUP, SIGTTIN, SIGTTOU } from "../linux/signal_numbers";
import { SI_KERNEL } from "../linux/signal_queue";
import { fillInfo, raise, turnsDown } from "../linux/signals";
import { Terminal, TerminalFile, tell, terminalOf } from "./terminal";

/** `program` has not ended. */
function lives(program: Program): bool {
  return program.alive !== 0 && program.ending === 0;
}

/** `signal` comes to all of process group `group` from the terminal; `sender` looks at its own anyway. */
export function signalGroup(sender: Thread | null, group: u32, signal: u32): void {
  if (group === 0) return;
  let program = firstProgram();
  while (program !== null) {
    if (program.group === group && lives(program)) {
      fillInfo(signal, SI_KERNEL);
      raise(sender, program, null, signal);
    }
    program = program.next;
  }
}

/** `signal` comes to the foreground of `terminal`. */
export function signalForeground(terminal: Terminal, signal: u32): void {
  signalGroup(null, terminal.group, signal);
}

/** No process of `group` has a parent of its session outside of it, who could let it go on. */
export function isOrphaned(group: u32): bool {
  let program = firstProgram();
  while (program !== null) {
    const parent = program.parent;
    if (program.group === group && lives(program) && parent !== null) {
      if (parent.group !== group && parent.session === program.session) return false;
    }
    program = program.next;
  }
  return true;
}

/**
 * `thread` wants to do what is the foreground's on `terminal`: 0 where it may, -EINTR where `signal` has been sent to its
 * group, so that it comes again, -EIO where that would be in vain.
 */
export function checkForeground(thread: Thread, terminal: Terminal, signal: u32): i64 {
  const program = thread.program;
  if (terminalOf(program) !== terminal || terminal.group === 0) return 0;
  if (program.group === terminal.group) return 0;
  if (turnsDown(thread, signal)) return signal === SIGTTIN ? -EIO : 0;
  if (isOrphaned(program.group)) return -EIO;
  signalGroup(thread, program.group, signal);
  return -EINTR;
}

/** The same for a read from `file`. */
export function checkRead(thread: Thread, file: TerminalFile): i64 {
  return file.console !== 0 ? 0 : checkForeground(thread, file.terminal, SIGTTIN);
}

/** The same for a change of the terminal, or a write to it that TOSTOP is against. */
export function checkChange(thread: Thread, terminal: Terminal): i64 {
  return checkForeground(thread, terminal, SIGTTOU);
}

function isLeader(program: Program): bool {
  return program.session === program.id;
}

function become(program: Program, terminal: Terminal): void {
  program.terminal = changetype<usize>(terminal);
  terminal.session = program.session;
  terminal.group = program.group;
}

/** A terminal has been opened: a session's leader that has none gets it, where nobody has it. */
export function takeIfFree(program: Program, terminal: Terminal): void {
  if (isLeader(program) && program.terminal === 0 && terminal.session === 0) {
    become(program, terminal);
  }
}

/** No process of `session` has a controlling terminal any more. */
function release(session: u32): void {
  if (session === 0) return;
  let program = firstProgram();
  while (program !== null) {
    if (program.session === session) program.terminal = 0;
    program = program.next;
  }
}

/** ioctl(TIOCSCTTY): `steals` takes it from another session. */
export function take(program: Program, file: OpenFile, terminal: Terminal, steals: bool): i64 {
  if (isLeader(program) && terminal.session === program.session) return 0;
  if (!isLeader(program) || program.terminal !== 0) return -EPERM;
  if (terminal.session !== 0) {
    if (!steals) return -EPERM;
    release(terminal.session);
  }
  if (!readable(file) && !steals) return -EPERM;
  become(program, terminal);
  return 0;
}

/** The leader of a session gives its terminal up, by ioctl(TIOCNOTTY) or its end: the foreground is told. */
function giveUpSession(program: Program, terminal: Terminal, ends: bool): void {
  signalGroup(null, terminal.group, SIGHUP);
  if (!ends) signalGroup(null, terminal.group, SIGCONT);
  const session = program.session;
  terminal.session = 0;
  terminal.group = 0;
  release(session);
}

/** ioctl(TIOCNOTTY). */
export function giveUp(program: Program, terminal: Terminal): i64 {
  if (terminalOf(program) !== terminal) return -ENOTTY;
  if (isLeader(program)) giveUpSession(program, terminal, false);
  program.terminal = 0;
  return 0;
}

/** `program` has ended. */
export function terminalOfEnded(program: Program): void {
  const terminal = terminalOf(program);
  if (terminal === null) return;
  if (isLeader(program)) giveUpSession(program, terminal, true);
  program.terminal = 0;
}

/** Some living process is in process group `group`; its session, or 0. */
function sessionOfGroup(group: u32): u32 {
  let program = firstProgram();
  while (program !== null) {
    if (program.group === group && program.ended === 0) return program.session;
    program = program.next;
  }
  return 0;
}

/** ioctl(TIOCSPGRP), the caller of which may change the terminal. */
export function setForeground(program: Program, terminal: Terminal, group: u32): i64 {
  if (terminalOf(program) !== terminal || terminal.session !== program.session) return -ENOTTY;
  const session = sessionOfGroup(group);
  if (session === 0) return -ESRCH;
  if (session !== program.session) return -EPERM;
  terminal.group = group;
  return 0;
}

/**
 * Its other end is gone, or vhangup(2) says so: who has it open finds the end of file, its session loses it and the leader
 * is told.
 */
export function hangUp(terminal: Terminal): void {
  terminal.hangups++;
  const hungUp = terminal.hungUp;
  hungUp(terminal);
  const session = terminal.session;
  terminal.session = 0;
  terminal.group = 0;
  let program: Program | null = session === 0 ? null : firstProgram();
  while (program !== null) {
    if (program.session === session && isLeader(program) && lives(program)) {
      fillInfo(SIGHUP, SI_KERNEL);
      raise(null, program, null, SIGHUP);
      fillInfo(SIGCONT, SI_KERNEL);
      raise(null, program, null, SIGCONT);
    }
    program = program.next;
  }
  release(session);
  tell(terminal, 0);
}

/** vhangup(2) of `program`. */
export function hangUpOwn(program: Program): void {
  const terminal = terminalOf(program);
  if (terminal !== null) hangUp(terminal);
}
