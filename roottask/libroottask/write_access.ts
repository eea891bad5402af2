// A file that programs run is not written to, and one that is open for writing is not run: ETXTBSY of open(2), truncate(2)
// and execve(2). As on Linux, files of memfd_create(2) do not count as open for writing by the descriptor they come with.

import { ETXTBSY } from "./errno";
import { OpenFile } from "./open_file";
import { KIND_FILE, Node } from "./tree";

/** 0, or -ETXTBSY where a program runs `node`. */
export function mayWriteTo(node: Node): i64 {
  return node.executions === 0 ? 0 : -ETXTBSY;
}

/** 0, or -ETXTBSY where somebody has `node` open for writing. */
export function mayRun(node: Node): i64 {
  return node.writers === 0 ? 0 : -ETXTBSY;
}

/** `file`, which may write, counts as a writer of its node until it is dropped. */
export function countWriter(file: OpenFile): void {
  if (file.node.kind !== KIND_FILE) return;
  file.counted = 1;
  file.node.writers++;
}
