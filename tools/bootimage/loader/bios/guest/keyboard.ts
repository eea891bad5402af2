// The keyboard by INT 16h: AH = 01h asks for a key, AH = 00h takes it (IBM PC/AT Technical Reference). Keys without
// a character have AL = 0 or, on newer keyboards, E0h, and are known by their scan code.

import {
  KEY_DELETE,
  KEY_DOWN,
  KEY_END,
  KEY_HOME,
  KEY_LEFT,
  KEY_RIGHT,
  KEY_UP,
  NO_KEY,
} from "../../core/firmware";
import { bios, waitForInterrupt } from "./bios";
import { ah, al, clear, registers, ZERO } from "./registers";

const KEYBOARD: i32 = 0x16;
const TAKE: u32 = 0x0000;
const ASK: u32 = 0x0100;
const GREY: u32 = 0xe0;

function isWaiting(): bool {
  clear();
  registers.eax = ASK;
  bios(KEYBOARD);
  return (registers.flags & ZERO) === 0;
}

function keyOf(scanCode: u32): i32 {
  switch (scanCode) {
    case 0x47:
      return KEY_HOME;
    case 0x48:
      return KEY_UP;
    case 0x4b:
      return KEY_LEFT;
    case 0x4d:
      return KEY_RIGHT;
    case 0x4f:
      return KEY_END;
    case 0x50:
      return KEY_DOWN;
    case 0x53:
      return KEY_DELETE;
    default:
      return NO_KEY;
  }
}

/** ASCII, KEY_…, or NO_KEY after a tick without one: who waits for keys does not keep the CPU busy. */
export function readKey(): i32 {
  if (!isWaiting()) {
    waitForInterrupt();
    if (!isWaiting()) return NO_KEY;
  }
  clear();
  registers.eax = TAKE;
  bios(KEYBOARD);
  const character = al();
  return character === 0 || character === GREY ? keyOf(ah()) : <i32>character;
}
