// Errors: one line each, begun and ended here, with what is between printed by who knows it. After it the caller
// returns false up to runLoader(), which lets the firmware stop.

import { endLine, freshLine, print, printBytes, printHex, put } from "./console";
import { firmware } from "./firmware";

/** Begins the line of an error. */
export function beginError(): void {
  freshLine();
  print("error: ");
}

/** Begins the line of an error that a file of the image has. */
export function beginFileError(path: usize, length: i32): void {
  beginError();
  printBytes(path, length);
  print(": ");
}

/** Ends the line; false, for the caller to return. */
export function endError(): bool {
  endLine();
  return false;
}

/** A whole line about a file; false, for the caller to return. */
export function failFile(path: usize, length: i32, what: string): bool {
  beginFileError(path, length);
  print(what);
  return endError();
}

/** A whole line; false, for the caller to return. */
export function fail(what: string): bool {
  beginError();
  print(what);
  return endError();
}

/** "status 0x…", and its name where it has one. */
export function printStatus(status: u64): void {
  print("status ");
  printHex(status);
  const nameOf = firmware.statusName;
  if (nameOf === null) return;
  const name = nameOf(status);
  if (name.length === 0) return;
  print(" (");
  print(name);
  put(41);
}
