// The end of a loader that has nothing to start: a key, then the BIOS boots again.

import { NO_KEY } from "../../core/firmware";
import { inb, outb, store16 } from "../../core/x86";
import { bios } from "./bios";
import { readKey } from "./keyboard";
import { clear } from "./registers";

/** BIOS Boot Specification 1.01, 6.7: start over with the boot devices; no device could be booted. */
const BOOTSTRAP: i32 = 0x19;
const BOOT_FAILED: i32 = 0x18;
/** BIOS data area: a reset without the memory test. */
const RESET_FLAG: u64 = 0x472;
const WARM: u64 = 0x1234;
/** Reset control register of chipsets: system reset, reset CPU. */
const RESET_CONTROL: i32 = 0xcf9;
/** Keyboard controller: pulse the reset line. */
const KEYBOARD_COMMAND: i32 = 0x64;
const PULSE_RESET: i32 = 0xfe;
const DELAY_PORT: i32 = 0x80;

export function stop(): void {
  while (readKey() === NO_KEY) {}
  clear();
  bios(BOOTSTRAP);
  // Neither comes back with a BIOS that has them.
  bios(BOOT_FAILED);
  store16(RESET_FLAG, WARM);
  outb(RESET_CONTROL, 2);
  outb(RESET_CONTROL, 6);
  for (;;) {
    outb(KEYBOARD_COMMAND, PULSE_RESET);
    inb(DELAY_PORT);
  }
}
