// What a person types, on the firmware's keyboard or on the serial line. A terminal's cursor keys are escape sequences
// (ECMA-48 and what VT100, VT220 and xterm made of it); an Escape that nothing follows for a while is the key.

import { hasSerialLine } from "./console";
import {
  firmware,
  KEY_DELETE,
  KEY_DOWN,
  KEY_END,
  KEY_HOME,
  KEY_LEFT,
  KEY_RIGHT,
  KEY_UP,
  NO_KEY,
} from "./firmware";
import { receiveByte } from "./serial_line";
import { pause } from "./x86";

export const KEY_BACKSPACE: i32 = 8;
export const KEY_TAB: i32 = 9;
export const KEY_ENTER: i32 = 13;
export const KEY_ESCAPE: i32 = 27;

const LINE_FEED: i32 = 10;
const RUBOUT: i32 = 127;
/** Milliseconds in which the rest of a sequence comes, over slow lines too. */
const SEQUENCE_WAIT: u64 = 100;
/** Bounds that wait where the firmware's clock stands still. */
const SEQUENCE_SPINS: i32 = 10_000_000;

/** A key from either, or NO_KEY; sequences that mean no key here are swallowed. */
export function readInput(): i32 {
  const key = firmware.readKey();
  if (key !== NO_KEY) return plain(key);
  if (!hasSerialLine()) return NO_KEY;
  const byte = receiveByte();
  return byte === KEY_ESCAPE ? sequence() : plain(byte);
}

function plain(key: i32): i32 {
  if (key === LINE_FEED) return KEY_ENTER;
  return key === RUBOUT ? KEY_BACKSPACE : key;
}

/** The next byte of a sequence, or -1 where none comes in time. */
function awaitByte(): i32 {
  const start = firmware.milliseconds();
  for (let spins = 0; spins < SEQUENCE_SPINS; spins++) {
    const byte = receiveByte();
    if (byte >= 0) return byte;
    if (firmware.milliseconds() - start >= SEQUENCE_WAIT) break;
    pause();
  }
  return -1;
}

/** What follows an Escape: `[` or `O`, numbers, a final byte. */
function sequence(): i32 {
  const introducer = awaitByte();
  if (introducer < 0) return KEY_ESCAPE;
  if (introducer !== 0x5b && introducer !== 0x4f) return NO_KEY;
  let number = 0;
  let counting = true;
  // Parameters and intermediates are 0x20 to 0x3F; more than some of them is noise.
  for (let i = 0; i < 16; i++) {
    const byte = awaitByte();
    if (byte < 0) return NO_KEY;
    if (byte >= 0x40) return byte === 0x7e ? numbered(number) : lettered(byte);
    // Only the first number counts: the second one tells of Shift and the like.
    if (byte === 0x3b) counting = false;
    else if (counting && byte >= 48 && byte < 58 && number < 100) number = number * 10 + byte - 48;
  }
  return NO_KEY;
}

function lettered(final: i32): i32 {
  if (final === 0x41) return KEY_UP;
  if (final === 0x42) return KEY_DOWN;
  if (final === 0x43) return KEY_RIGHT;
  if (final === 0x44) return KEY_LEFT;
  if (final === 0x48) return KEY_HOME;
  if (final === 0x46) return KEY_END;
  // Enter of the keypad.
  return final === 0x4d ? KEY_ENTER : NO_KEY;
}

function numbered(number: i32): i32 {
  if (number === 1 || number === 7) return KEY_HOME;
  if (number === 4 || number === 8) return KEY_END;
  return number === 3 ? KEY_DELETE : NO_KEY;
}
