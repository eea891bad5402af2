// The terminals in the file tree.

import { addDevice, directoryNamed } from "../libroottask/devices";
import { setLeaving } from "../linux/children";
import { setHangingUp } from "../linux/vhangup";
import { hangUpOwn, terminalOfEnded } from "./job_control";
import { DEVICE_PTMX, initPtmx } from "./ptmx";
import { initPtys } from "./pty";
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
  initPtys();
  setLeaving(terminalOfEnded);
  setHangingUp(hangUpOwn);
  return initSerialTerminal(cpu);
}

/** Adds them. False when memory is out. */
export function addTerminals(): bool {
  const slaves = directoryNamed("dev/pts", 0o755);
  return (
    slaves !== null &&
    addDevice("ptmx", DEVICE_PTMX, 0o666, initPtmx(slaves)) &&
    addDevice("console", DEVICE_CONSOLE, 0o600, operationsOf(DEVICE_CONSOLE)) &&
    addDevice("tty", DEVICE_TTY, 0o666, operationsOf(DEVICE_TTY)) &&
    addDevice("ttyS0", DEVICE_TTYS0, 0o600, operationsOf(DEVICE_TTYS0))
  );
}
