// The terminals in the file tree.

import { addDevice } from "../libroottask/devices";
import { setLeaving } from "../linux/children";
import { terminalOfEnded } from "./job_control";
import { initSerialTerminal } from "./serial";
import {
  DEVICE_CONSOLE,
  DEVICE_TTY,
  DEVICE_TTYS0,
  initTerminalFiles,
  operationsOf,
} from "./terminal_file";

/** Must be called before a terminal is opened; `cpu` is the roottask's. False when memory is out. */
export function initTerminals(cpu: u32): bool {
  initTerminalFiles();
  setLeaving(terminalOfEnded);
  return initSerialTerminal(cpu);
}

/** Adds them. False when memory is out. */
export function addTerminals(): bool {
  return (
    addDevice("console", DEVICE_CONSOLE, 0o600, operationsOf(DEVICE_CONSOLE)) &&
    addDevice("tty", DEVICE_TTY, 0o666, operationsOf(DEVICE_TTY)) &&
    addDevice("ttyS0", DEVICE_TTYS0, 0o600, operationsOf(DEVICE_TTYS0))
  );
}
