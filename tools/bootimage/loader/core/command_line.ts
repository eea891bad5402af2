// The kernel's command line while it can be edited: one line of bytes with a place to type at.

/** Bytes of a command line, without the zero that ends it. */
export const MOST_COMMAND_LINE: i32 = 4095;

const buffer: usize = memory.data(4096, 8);
let length: i32 = 0;
let cursor: i32 = 0;

/** The text; a zero byte is behind it. */
export function commandLine(): usize {
  return buffer;
}

export function commandLineLength(): i32 {
  return length;
}

/** Place to type at, from 0 to the length. */
export function cursorPlace(): i32 {
  return cursor;
}

/** Sets the text and puts the cursor behind it; false where it is too long. */
export function setCommandLine(start: usize, bytes: i32): bool {
  if (bytes > MOST_COMMAND_LINE) return false;
  memory.copy(buffer, start, bytes);
  length = bytes;
  cursor = bytes;
  store<u8>(buffer + length, 0);
  return true;
}

/** Inserts a character at the cursor, where there is room. */
export function insert(code: u8): void {
  if (length === MOST_COMMAND_LINE) return;
  memory.copy(buffer + cursor + 1, buffer + cursor, length - cursor);
  store<u8>(buffer + cursor, code);
  length++;
  cursor++;
  store<u8>(buffer + length, 0);
}

/** Deletes the character under the cursor. */
export function deleteNext(): void {
  if (cursor === length) return;
  memory.copy(buffer + cursor, buffer + cursor + 1, length - cursor - 1);
  length--;
  store<u8>(buffer + length, 0);
}

/** Deletes the character before the cursor. */
export function deleteBefore(): void {
  if (cursor === 0) return;
  cursor--;
  deleteNext();
}

/** Moves the cursor by some characters, not over the ends. */
export function moveCursor(by: i32): void {
  cursor = max(0, min(length, cursor + by));
}
