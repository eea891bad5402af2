// The end without a kernel: back to the firmware, which goes on with its next boot option.

import { NO_KEY } from "../../core/firmware";
import { milliseconds } from "./clock";
import { readKey } from "./keyboard";
import { LOAD_ERROR } from "./status";
import { exit } from "./uefi";

/** Milliseconds for a person to read what went wrong. */
const READING_TIME: u64 = 60_000;

/** Does not return. */
export function stop(): void {
  const end = milliseconds() + READING_TIME;
  while (milliseconds() < end) {
    if (readKey() !== NO_KEY) break;
  }
  exit(LOAD_ERROR);
}
