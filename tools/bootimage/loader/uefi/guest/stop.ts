// The end without a kernel: back to the firmware, which goes on with its next boot option, or a restart where its
// services have ended (UEFI 2.10, 8.5.1).

import { NO_KEY } from "../../core/firmware";
import { readInput } from "../../core/input";
import { load64 } from "../../core/x86";
import { milliseconds } from "./clock";
import { isLeaving } from "./memory";
import { RUNTIME_SERVICES, systemTable } from "./services";
import { LOAD_ERROR } from "./status";
import { call4, exit } from "./uefi";

const RESET_SYSTEM: u64 = 104;
const RESET_COLD: u64 = 0;
/** Milliseconds for a person to read what went wrong. */
const READING_TIME: u64 = 60_000;

/** Does not return. */
export function stop(): void {
  const end = milliseconds() + READING_TIME;
  while (milliseconds() < end) {
    // Without boot services there is no keyboard.
    if (!isLeaving() && readInput() !== NO_KEY) break;
  }
  if (isLeaving()) {
    call4(load64(systemTable(RUNTIME_SERVICES) + RESET_SYSTEM), RESET_COLD, LOAD_ERROR, 0, 0);
  }
  exit(LOAD_ERROR);
}
