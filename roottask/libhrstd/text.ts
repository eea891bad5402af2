// Printing: text is put together piece by piece and goes to standard output or standard error when a line ends or the
// buffer is full. Every piece returns the text, so that a line reads as one:
//
//   out().text("sum ").decimal(sum).text(", mean ").float(mean, 3).line();

import { decimal, hexadecimal } from "../../tools/screen/guest/digits";
import { load8 } from "../libhedron/x86";
import { FLOAT_TEXT, floatText } from "./decimal";
import { stderr, stdout } from "./services";

/** Bytes that are kept before they are sent. */
const ROOM: u32 = 1024;
const NEWLINE: u32 = 10;
const BLANK: u32 = 32;
const HEX_DIGITS: u32 = 16;

const TO_OUTPUT: u32 = 0;
const TO_ERROR: u32 = 1;
const TO_NOBODY: u32 = 2;

/** Characters of one number. */
const number = memory.data(332);
if (FLOAT_TEXT !== 332) ERROR("FLOAT_TEXT");

@unmanaged
export class Text {
  target: u32;
  length: u32;

  private get buffer(): usize {
    return changetype<usize>(this) + offsetof<Text>();
  }

  /** Sends what is kept. */
  flush(): Text {
    const length = this.length;
    this.length = 0;
    if (length === 0) return this;
    if (this.target === TO_OUTPUT) stdout(this.buffer, length);
    else if (this.target === TO_ERROR) stderr(this.buffer, length);
    return this;
  }

  byte(value: u32): Text {
    if (this.target === TO_NOBODY) return this;
    if (this.length === ROOM) this.flush();
    store<u8>(this.buffer + this.length, value);
    this.length++;
    return this;
  }

  /** `length` bytes at `start` of this program's memory, as they are. */
  bytes(start: usize, length: u32): Text {
    for (let i: u32 = 0; i < length; i++) this.byte(load<u8>(start + i));
    return this;
  }

  /** A character, in UTF-8; half of a surrogate pair becomes U+FFFD. */
  character(code: u32): Text {
    if (code < 0x80) return this.byte(code);
    if (code < 0x800) return this.byte(0xc0 | (code >> 6)).byte(0x80 | (code & 63));
    if ((code >= 0xd800 && code < 0xe000) || code > 0x10_ffff) return this.character(0xfffd);
    if (code < 0x1_0000) this.byte(0xe0 | (code >> 12));
    else this.byte(0xf0 | (code >> 18)).byte(0x80 | ((code >> 12) & 63));
    return this.byte(0x80 | ((code >> 6) & 63)).byte(0x80 | (code & 63));
  }

  text(literal: string): Text {
    for (let i = 0; i < literal.length; i++) {
      const code = literal.charCodeAt(i) as u32;
      const next = i + 1 < literal.length ? (literal.charCodeAt(i + 1) as u32) : 0;
      if (code >= 0xd800 && code < 0xdc00 && next >= 0xdc00 && next < 0xe000) {
        this.character(0x1_0000 + ((code - 0xd800) << 10) + (next - 0xdc00));
        i++;
      } else {
        this.character(code);
      }
    }
    return this;
  }

  /** The NUL-terminated text at `address`, which may be anywhere in the address space. */
  terminated(address: u64): Text {
    for (let at = address; load8(at) !== 0; at++) this.byte(load8(at) as u32);
    return this;
  }

  /** The first `length` characters of the number, with blanks in front up to `width` characters. */
  private aligned(length: u32, width: u32): Text {
    for (let i = length; i < width; i++) this.byte(BLANK);
    return this.bytes(number, length);
  }

  /** An unsigned integer, at least `width` characters with blanks in front. */
  unsigned(value: u64, width: u32 = 0): Text {
    return this.aligned(decimal(number, value), width);
  }

  /** A signed integer, as `unsigned`. */
  decimal(value: i64, width: u32 = 0): Text {
    if (value >= 0) return this.unsigned(value as u64, width);
    store<u8>(number, 45);
    return this.aligned(1 + decimal(number + 1, -value as u64), width);
  }

  /** "0x" and at least `width` hexadecimal digits, at most 16 of them zeroes in front. */
  hex(value: u64, width: u32 = 1): Text {
    this.byte(48).byte(120);
    return this.bytes(number, hexadecimal(number, value, min<u32>(width, HEX_DIGITS)));
  }

  /** `decimals` digits behind the point, correctly rounded (decimal.ts). */
  float(value: f64, decimals: u32): Text {
    return this.bytes(number, floatText(number, value, decimals));
  }

  boolean(value: bool): Text {
    return this.text(value ? "true" : "false");
  }

  /** Ends the line and sends it. */
  line(): Text {
    return this.byte(NEWLINE).flush();
  }
}

const output = memory.data(1032);
const error = memory.data(1032);
const nobody = memory.data(1032);
if (offsetof<Text>() + ROOM !== 1032) ERROR("ROOM");

/** Standard output. */
export function out(): Text {
  return changetype<Text>(output);
}

/** Standard error. */
export function err(): Text {
  const text = changetype<Text>(error);
  text.target = TO_ERROR;
  return text;
}

/** Goes nowhere. */
export function silence(): Text {
  const text = changetype<Text>(nobody);
  text.target = TO_NOBODY;
  return text;
}
