// What a stopped terminal is to show of what has been typed, until it goes on: bytes and operations, as Linux has them in its echo
// buffer (drivers/tty/n_tty.c), because settings and cursor count when they are shown. Where there is too much the oldest goes.

import { allocatePages } from "../libroottask/pages";
import { Terminal } from "./terminal";

/** In front of an operation, and the byte itself as one. */
export const KEPT_MARK: u8 = 0xff;
/** Operations beside control characters, which are shown with a circumflex; the last two have an argument. */
export const KEPT_TAKE_BACK: u8 = 0x80;
export const KEPT_BEGIN: u8 = 0x81;
export const KEPT_BACK: u8 = 0x82;
export const KEPT_TAB: u8 = 0x83;
export const KEPT_AS_IS: u8 = 0x84;

const BYTES: u32 = 4096;
/** What is kept behind a call: ECHO_DISCARD_WATERMARK. */
const WATERMARK: u32 = 3808;

/** What `nextKept` has found; a byte that is no operation is KEPT_MARK with that as its argument. */
export let keptOperation: u8 = 0;
export let keptArgument: u8 = 0;

function takeByte(terminal: Terminal): u8 {
  return load<u8>(terminal.kept + terminal.keptFrom++);
}

/** Takes the first that is kept; false where there is none. */
export function nextKept(terminal: Terminal): bool {
  if (terminal.keptFrom === terminal.keptEnd) {
    forgetKept(terminal);
    return false;
  }
  keptOperation = KEPT_MARK;
  keptArgument = takeByte(terminal);
  if (keptArgument !== KEPT_MARK) return true;
  keptOperation = takeByte(terminal);
  if (keptOperation === KEPT_TAB || keptOperation === KEPT_AS_IS) keptArgument = takeByte(terminal);
  return true;
}

/** Makes room for another operation. */
function makeRoom(terminal: Terminal): void {
  if (terminal.keptEnd + 3 <= BYTES) return;
  if (terminal.keptFrom < BYTES - WATERMARK) {
    while (terminal.keptFrom < BYTES - WATERMARK) nextKept(terminal);
  }
  const left = terminal.keptEnd - terminal.keptFrom;
  memory.copy(terminal.kept, terminal.kept + terminal.keptFrom, left);
  terminal.keptFrom = 0;
  terminal.keptEnd = left;
}

function put(terminal: Terminal, value: u8): void {
  store<u8>(terminal.kept + terminal.keptEnd++, value);
}

/** There is storage, with room for another operation. */
function isReady(terminal: Terminal): bool {
  if (terminal.kept === 0) terminal.kept = allocatePages(0);
  if (terminal.kept === 0) return false;
  makeRoom(terminal);
  return true;
}

/** Keeps a byte that is to be shown as output is. */
export function keepByte(terminal: Terminal, value: u8): void {
  if (!isReady(terminal)) return;
  if (value === KEPT_MARK) put(terminal, value);
  put(terminal, value);
}

/** Keeps an operation, with its argument where it has one. */
export function keepOperation(terminal: Terminal, operation: u8, argument: u8): void {
  if (!isReady(terminal)) return;
  put(terminal, KEPT_MARK);
  put(terminal, operation);
  if (operation === KEPT_TAB || operation === KEPT_AS_IS) put(terminal, argument);
}

/** Forgets the oldest where there is more than stays behind a call. */
export function limitKept(terminal: Terminal): void {
  while (terminal.keptEnd - terminal.keptFrom >= WATERMARK) nextKept(terminal);
}

/** What has been kept is forgotten. */
export function forgetKept(terminal: Terminal): void {
  terminal.keptFrom = 0;
  terminal.keptEnd = 0;
}
