// Regular files, directories and links as open files. A directory's position counts entries (getdents64).

import { PAGE_BITS } from "../libhedron/abi";
import { allocateContents, readContents, truncateContents, writeContents } from "./contents";
import { EFAULT, EINVAL, EISDIR, ENOTTY, ENXIO, EPERM } from "./errno";
import { nextContents, nextHole, setCloseWindows } from "./file_pages";
import {
  FIONREAD,
  newOperations,
  OpenFile,
  POSITION_KEPT,
  SEEK_CUR,
  SEEK_DATA,
  SEEK_END,
  SEEK_SET,
  seekFrom,
  setBacking,
  setKind,
} from "./open_file";
import { Thread } from "./program";
import { isWriteSealed } from "./seals";
import { closeWindow, closeWindows } from "./shared_files";
import { put32 } from "./space";
import { Transfer } from "./transfer";
import { KIND_DIRECTORY, KIND_FILE, KIND_LINK, Node } from "./tree";

function read(_thread: Thread, file: OpenFile, transfer: Transfer, position: i64): i64 {
  return readContents(file.node, transfer, position);
}

function write(thread: Thread, file: OpenFile, transfer: Transfer, position: i64): i64 {
  return writeContents(file.node, transfer, position, thread.program.fileLimit);
}

function truncate(thread: Thread, file: OpenFile, size: i64): i64 {
  return truncateContents(file.node, size, thread.program.fileLimit);
}

function allocate(thread: Thread, file: OpenFile, mode: u32, offset: i64, length: i64): i64 {
  return allocateContents(file.node, mode, offset, length, thread.program.fileLimit);
}

function seek(file: OpenFile, offset: i64, whence: u32): i64 {
  const size = file.node.size as i64;
  let position: i64 = 0;
  if (whence === SEEK_SET) position = seekFrom(0, offset);
  else if (whence === SEEK_CUR) position = seekFrom(file.position, offset);
  else if (whence === SEEK_END) position = seekFrom(size, offset);
  else position = seekContents(file.node, offset, whence);
  if (position >= 0) file.position = position;
  return position;
}

/** SEEK_DATA and SEEK_HOLE: the end of the file begins a hole. */
function seekContents(node: Node, offset: i64, whence: u32): i64 {
  const size = node.size as i64;
  if (offset < 0 || offset >= size) return -ENXIO;
  const first = (offset as u64) >> PAGE_BITS;
  const end = (((size - 1) as u64) >> PAGE_BITS) + 1;
  const data = whence === SEEK_DATA;
  const found = data ? nextContents(node, first, end) : nextHole(node, first, end);
  if (data && found === end) return -ENXIO;
  return min<i64>(max<i64>((found << PAGE_BITS) as i64, offset), size);
}

function ioctl(thread: Thread, file: OpenFile, command: u32, argument: u64): i64 {
  if (command !== FIONREAD) return -ENOTTY;
  const left = (file.node.size as i64) - file.position;
  return put32(thread.program.space, argument, left as u32) ? 0 : -EFAULT;
}

function map(file: OpenFile, shared: bool, writing: bool): i64 {
  if (shared && writing && isWriteSealed(file.node)) return -EPERM;
  setBacking(file.node);
  return 0;
}

function readDirectory(_thread: Thread, _file: OpenFile, _transfer: Transfer, _at: i64): i64 {
  return -EISDIR;
}

function seekDirectory(file: OpenFile, offset: i64, whence: u32): i64 {
  if (whence !== SEEK_SET && whence !== SEEK_CUR) return -EINVAL;
  const position = seekFrom(whence === SEEK_SET ? 0 : file.position, offset);
  if (position >= 0) file.position = position;
  return position;
}

const regular = memory.data(64);
const directory = memory.data(64);
const link = memory.data(64);

export function initRegularFiles(): void {
  setCloseWindows(closeWindows);
  const files = newOperations(regular);
  files.read = read;
  files.write = write;
  files.seek = seek;
  files.ioctl = ioctl;
  files.truncate = truncate;
  files.allocate = allocate;
  files.map = map;
  files.release = closeWindow;
  files.position = POSITION_KEPT;
  setKind(KIND_FILE, files);
  const directories = newOperations(directory);
  directories.read = readDirectory;
  directories.write = readDirectory;
  directories.seek = seekDirectory;
  directories.position = POSITION_KEPT;
  setKind(KIND_DIRECTORY, directories);
  // Nothing can be done with an open link (O_PATH) but to close it, and to ask what it is.
  setKind(KIND_LINK, newOperations(link));
}
