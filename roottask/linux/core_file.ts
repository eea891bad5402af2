// The file that a core dump is written to, from its beginning to its end: what is left out are holes, and nothing comes
// behind what RLIMIT_CORE has no room for (dump_emit() in fs/coredump.c).

import { writeContents } from "../libroottask/contents";
import { endCall } from "../libroottask/open_file";
import { Thread } from "../libroottask/program";
import { transferOf } from "../libroottask/transfer";
import { Node } from "../libroottask/tree";

/** Who is dumped, and to where. */
let writer: Thread = changetype<Thread>(0);
let target: Node = changetype<Node>(0);
/** Bytes of the file so far, those behind them that are to be a hole, and those that count. */
let position: u64 = 0;
let skipped: u64 = 0;
let written: u64 = 0;
let limit: u64 = 0;
let cut: bool = false;

/** Begins the dump of `thread`, whose calls are over, to `file`, which is empty, with up to `bytes` beside holes. */
export function beginFile(thread: Thread, file: Node, bytes: u64): void {
  writer = thread;
  target = file;
  position = 0;
  skipped = 0;
  written = 0;
  limit = bytes;
  cut = false;
}

/** Nothing that is added comes into the file any more. */
export function isCut(): bool {
  return cut;
}

/** Adds `length` bytes of the roottask's at `from`. */
export function emit(from: usize, length: u32): void {
  if (cut || length === 0) return;
  position += skipped;
  skipped = 0;
  cut = written + (length as u64) > limit;
  if (cut) return;
  const transfer = writer.transfer;
  transferOf(transfer, null, from as u64, length as u64);
  const done = writeContents(target, transfer, position as i64, writer.program.fileLimit);
  endCall(writer);
  cut = done !== (length as i64);
  position += length as u64;
  written += length as u64;
}

/** The next `bytes` are a hole. */
export function skip(bytes: u64): void {
  skipped += bytes;
}

const zero = memory.data(8);

/** Ends the file where it ends with a hole. */
export function endFile(): void {
  if (skipped === 0) return;
  skipped--;
  emit(zero, 1);
}
