// /proc, and the links of /dev that lead there.

import { addDeviceLink, directoryNamed } from "../libroottask/devices";
import { fillProc } from "./nodes";

/** Adds them. False when memory is out. */
export function addProc(): bool {
  const directory = directoryNamed("proc", 0o555);
  return (
    directory !== null &&
    fillProc(directory) &&
    addDeviceLink("fd", "/proc/self/fd") &&
    addDeviceLink("stdin", "/proc/self/fd/0") &&
    addDeviceLink("stdout", "/proc/self/fd/1") &&
    addDeviceLink("stderr", "/proc/self/fd/2")
  );
}
