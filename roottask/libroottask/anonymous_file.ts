// Open files on nodes that have no place in the tree: event descriptors. Each has a node of its own, which goes with it.

import { FileOperations, newOperations, O_RDWR, OpenFile, openNode } from "./open_file";
import { dispose, KIND_ANONYMOUS, newNode } from "./tree";

/** What /proc/PID/fd calls them. */
export const ANONYMOUS_EVENTFD: u16 = 1;
export const ANONYMOUS_EPOLL: u16 = 2;
export const ANONYMOUS_INOTIFY: u16 = 3;
export const ANONYMOUS_TIMERFD: u16 = 4;
export const ANONYMOUS_SIGNALFD: u16 = 5;
export const ANONYMOUS_PIDFD: u16 = 6;

/** Mode of anonymous files as fstat(2) tells it; they have no type. */
const MODE: u32 = 0o600;

/** lseek(2) succeeds and stays at the beginning. */
function seekNowhere(_file: OpenFile, _offset: i64, _whence: u32): i64 {
  return 0;
}

/** Makes the 64 bytes at `storage` a record for a kind of event descriptor, which refuses everything but to seek. */
export function newAnonymousOperations(storage: usize, anonymous: u16): FileOperations {
  const operations = newOperations(storage);
  operations.seek = seekNowhere;
  operations.anonymous = anonymous;
  return operations;
}

/** An open file with `operations` (a FileOperations) and the flags O_RDWR | `flags`; null when memory is out. */
export function openAnonymous(operations: usize, flags: u32): OpenFile | null {
  const node = newNode(KIND_ANONYMOUS, MODE);
  if (node === null) return null;
  node.links = 1;
  node.operations = operations;
  const file = openNode(node, O_RDWR | flags);
  if (file === null) {
    node.links = 0;
    dispose(node);
  }
  return file;
}

/** The open file on a node that counts as named, as Linux has it, is about to go: the node goes with it. */
export function closeAnonymous(file: OpenFile): void {
  file.node.object = 0;
  file.node.links = 0;
}
