// From bytes to characters of the font: UTF-8 (RFC 3629), of which malformed sequences become U+FFFD as the Unicode
// Standard recommends it (chapter 3, "Substitution of Maximal Subparts"), and control sequences of terminals
// (ECMA-48, 5.4), which a log may have and a screen of ours does not show.

import { screen_font } from "./symbol";
import { load16 } from "./x86";

/** Result of `decode`: there is no character yet. */
export const PENDING: i32 = -1;
const REPLACEMENT: i32 = 0xfffd;
const ESCAPE: i32 = 27;
/** What stands for characters that the font does not have: a square. */
const MISSING: u32 = 0xfe;
const CHARACTERS: u32 = 256;
const CODE_POINTS: u64 = 256 * 16;

/** Bytes that are still to come of a character, its bits so far, and what the next byte has to be between. */
let missing: u32 = 0;
let bits: u32 = 0;
let lowest: u32 = 0x80;
let highest: u32 = 0xbf;
/** 1 behind ESC, 2 in a control sequence. */
let sequence: u32 = 0;
/** A byte that ended a malformed sequence and is to be looked at again, or -1. */
let again: i32 = -1;

function begin(byte: u32): i32 {
  if (byte < 0x80) return <i32>byte;
  lowest = 0x80;
  highest = 0xbf;
  if (byte >= 0xc2 && byte < 0xe0) {
    missing = 1;
    bits = byte & 0x1f;
  } else if (byte >= 0xe0 && byte < 0xf0) {
    missing = 2;
    bits = byte & 0xf;
    if (byte === 0xe0) lowest = 0xa0;
    if (byte === 0xed) highest = 0x9f;
  } else if (byte >= 0xf0 && byte < 0xf5) {
    missing = 3;
    bits = byte & 7;
    if (byte === 0xf0) lowest = 0x90;
    if (byte === 0xf4) highest = 0x8f;
  } else return REPLACEMENT;
  return PENDING;
}

/** What an ASCII character means within a control sequence: nothing is shown of it. */
function inSequence(code: i32): i32 {
  if (sequence === 1) sequence = code === 0x5b ? 2 : 0;
  else if (code >= 0x40 && code < 0x7f) sequence = 0;
  return PENDING;
}

/**
 * Takes the next byte of a text: the code point that it completes, or PENDING. Where it ends a malformed sequence
 * there are two, U+FFFD and what `decodeAgain` says.
 */
export function decode(byte: u32): i32 {
  if (missing === 0) {
    const code = begin(byte);
    if (sequence !== 0 && code !== PENDING) {
      if (code >= 0x20 && code < 0x7f) return inSequence(code);
      sequence = 0;
    }
    if (code !== ESCAPE) return code;
    sequence = 1;
    return PENDING;
  }
  if (byte < lowest || byte > highest) {
    missing = 0;
    again = <i32>byte;
    return REPLACEMENT;
  }
  lowest = 0x80;
  highest = 0xbf;
  bits = (bits << 6) | (byte & 0x3f);
  missing--;
  return missing === 0 ? <i32>bits : PENDING;
}

/** What comes of the byte that has ended a malformed sequence, if the last one did. */
export function decodeAgain(): i32 {
  if (again < 0) return PENDING;
  const byte = <u32>again;
  again = -1;
  return decode(byte);
}

/** The font's character for a code point. */
export function glyphOf(code: u32): u32 {
  if (code >= 0x20 && code < 0x7f) return code;
  const points = screen_font() + CODE_POINTS;
  for (let glyph: u32 = 1; glyph < CHARACTERS; glyph++) {
    if (<u32>load16(points + <u64>(glyph << 1)) === code) return glyph;
  }
  return MISSING;
}
