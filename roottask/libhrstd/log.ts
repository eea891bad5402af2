// Logging, for native programs: a line has a level and who says it in front, "[ INFO] hello_native: ", and goes to
// standard output where the level is one the program lets through.
//
//   info().text("read ").unsigned(bytes).text(" bytes").line();

import { out, silence, Text } from "./text";

export const LOG_OFF: u32 = 0;
export const LOG_ERROR: u32 = 1;
export const LOG_WARN: u32 = 2;
export const LOG_INFO: u32 = 3;
export const LOG_DEBUG: u32 = 4;
export const LOG_TRACE: u32 = 5;

let name: string = "";
let most: u32 = LOG_INFO;

/** Lines come from `program` and are printed up to `level` (LOG_…); LOG_INFO until this is called. */
export function startLog(program: string, level: u32): void {
  name = program;
  most = level;
}

function begin(level: u32, label: string): Text {
  return level <= most ? out().text(label).text(name).text(": ") : silence();
}

export function error(): Text {
  return begin(LOG_ERROR, "[ERROR] ");
}

export function warn(): Text {
  return begin(LOG_WARN, "[ WARN] ");
}

export function info(): Text {
  return begin(LOG_INFO, "[ INFO] ");
}

export function debug(): Text {
  return begin(LOG_DEBUG, "[DEBUG] ");
}

export function trace(): Text {
  return begin(LOG_TRACE, "[TRACE] ");
}
