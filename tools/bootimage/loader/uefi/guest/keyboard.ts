// The keyboard: EFI_SIMPLE_TEXT_INPUT_PROTOCOL of the system table, UEFI 2.10, 12.3; scan codes, table 12.2.

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
import { load64 } from "../../core/x86";
import { bootService, CONSOLE_IN, physical, STALL, systemTable } from "./services";
import { SUCCESS } from "./status";
import { call1, call2 } from "./uefi";

const READ_KEY_STROKE: u64 = 8;
/** Microseconds that one look without a key takes. */
const PAUSE: u64 = 1000;
const SCAN_ESCAPE: u16 = 0x17;
const ESCAPE: i32 = 27;

/** EFI_INPUT_KEY: scan code, then UTF-16. */
const key: usize = memory.data(4, 8);

function keyOf(scanCode: u16): i32 {
  switch (scanCode) {
    case 0x01:
      return KEY_UP;
    case 0x02:
      return KEY_DOWN;
    case 0x03:
      return KEY_RIGHT;
    case 0x04:
      return KEY_LEFT;
    case 0x05:
      return KEY_HOME;
    case 0x06:
      return KEY_END;
    case 0x08:
      return KEY_DELETE;
    case SCAN_ESCAPE:
      return ESCAPE;
    default:
      return NO_KEY;
  }
}

/** ASCII, KEY_…, or NO_KEY after a millisecond without one. */
export function readKey(): i32 {
  const input = systemTable(CONSOLE_IN);
  if (input === 0 || call2(load64(input + READ_KEY_STROKE), input, physical(key)) !== SUCCESS) {
    call1(bootService(STALL), PAUSE);
    return NO_KEY;
  }
  const character = load<u16>(key, 2);
  if (character === 0) return keyOf(load<u16>(key));
  return character < 0x80 ? <i32>character : NO_KEY;
}
