// What every program has as descriptors 0, 1 and 2: standard input is a pipe whose writer is gone, standard
// output and error are pipes into the log. Bytes go in by pages, as into a pipe of Linux: of a page that
// cannot be read whole nothing is written.

import { put } from "./console";
import { EFAULT, ENOTTY, ESPIPE } from "./errno";
import { FIONREAD, newOperations, OpenFile } from "./open_file";
import { POLLHUP, POLLOUT, POLLWRNORM } from "./poll_events";
import { Thread } from "./program";
import { put32 } from "./space";
import { Transfer, takeBytes } from "./transfer";
import { KIND_PIPE, Node, newNode } from "./tree";

const MODE: u32 = 0o600;
const PAGE: u32 = 4096;

const inputStorage = memory.data(64);
const outputStorage = memory.data(64);
const page = memory.data(4096);
let input: Node | null = null;
let output: Node | null = null;

function readEnd(_thread: Thread, _file: OpenFile, _transfer: Transfer, _position: i64): i64 {
  return 0;
}

function pollEnd(_file: OpenFile): u32 {
  return POLLHUP;
}

function writeLog(_thread: Thread, _file: OpenFile, transfer: Transfer, _position: i64): i64 {
  let done: i64 = 0;
  while (transfer.left !== 0) {
    const wanted = min<u64>(transfer.left, PAGE as u64) as u32;
    if (takeBytes(transfer, page, wanted) !== wanted) return done === 0 ? -EFAULT : done;
    put(page, wanted);
    done += wanted as i64;
  }
  return done;
}

function noSpace(_thread: Thread, _file: OpenFile, _mode: u32, _offset: i64, _length: i64): i64 {
  return -ESPIPE;
}

/** Nothing waits in any of them. */
function ioctl(thread: Thread, _file: OpenFile, command: u32, argument: u64): i64 {
  if (command !== FIONREAD) return -ENOTTY;
  return put32(thread.program.space, argument, 0) ? 0 : -EFAULT;
}

function pollLog(_file: OpenFile): u32 {
  return POLLOUT | POLLWRNORM;
}

/** A node outside the tree, which nobody can remove. */
function stream(storage: usize): Node | null {
  const node = newNode(KIND_PIPE, MODE);
  if (node === null) return null;
  node.operations = storage;
  node.links = 1;
  return node;
}

/** False when memory is out. */
export function initStandardStreams(): bool {
  const end = newOperations(inputStorage);
  end.read = readEnd;
  end.poll = pollEnd;
  end.ioctl = ioctl;
  const log = newOperations(outputStorage);
  log.write = writeLog;
  log.allocate = noSpace;
  log.poll = pollLog;
  log.ioctl = ioctl;
  input = stream(inputStorage);
  output = stream(outputStorage);
  return input !== null && output !== null;
}

export function standardInput(): Node {
  return input as Node;
}

export function standardOutput(): Node {
  return output as Node;
}
