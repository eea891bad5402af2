// Pipes: pipe(2), pipe2(2), and their sizes by fcntl(2).

import { Utcb } from "../libhedron/utcb";
import { closeFile, installFile } from "../libroottask/descriptors";
import { EBADF, EFAULT, EINVAL, ENFILE } from "../libroottask/errno";
import {
  dropFile,
  O_CLOEXEC,
  O_DIRECT,
  O_NONBLOCK,
  O_RDONLY,
  O_WRONLY,
  OpenFile,
  openNode,
} from "../libroottask/open_file";
import { isPipe, joinPipe, pipeOf } from "../libroottask/pipe";
import { resizePipe } from "../libroottask/pipe_buffers";
import { Program } from "../libroottask/program";
import { copyTo } from "../libroottask/space";
import { dispose, KIND_PIPE, Node, newNode } from "../libroottask/tree";

/** Mode of a pipe without a name, as fstat(2) tells it. */
const MODE: u32 = 0o600;
const PAGE: u32 = 4096;

/** Both descriptors, on their way to the program. */
const pair = memory.data(8);

/** An end of the pipe that `node` is, in the program's lowest free descriptor; or a negative error. */
function openEnd(program: Program, node: Node, flags: u32): i64 {
  const file = openNode(node, flags);
  if (file === null) return -ENFILE;
  let result: i64 = -ENFILE;
  if (joinPipe(file)) {
    const closing = (flags & O_CLOEXEC) !== 0;
    result = installFile(program.files, file, 0, program.filesLimit, closing);
  }
  dropFile(file);
  return result;
}

/** Opens both ends of the pipe that `node` is and tells the program at `address`; 0 or a negative error. */
function openEnds(program: Program, node: Node, address: u64, flags: u32): i64 {
  const reader = openEnd(program, node, O_RDONLY | (flags & ~O_DIRECT));
  if (reader < 0) return reader;
  const writer = openEnd(program, node, O_WRONLY | flags);
  if (writer >= 0) {
    store<i32>(pair, reader as i32);
    store<i32>(pair + 4, writer as i32);
    if (copyTo(program.space, address, pair, 8)) return 0;
    closeFile(program.files, writer as u64);
  }
  closeFile(program.files, reader as u64);
  return writer < 0 ? writer : -EFAULT;
}

function makePipe(program: Program, address: u64, flags: u32): i64 {
  if ((flags & ~(O_CLOEXEC | O_NONBLOCK | O_DIRECT)) !== 0) return -EINVAL;
  const node = newNode(KIND_PIPE, MODE);
  if (node === null) return -ENFILE;
  node.users = 1;
  node.links = 1;
  const result = openEnds(program, node, address, flags);
  node.users--;
  if (node.object === 0) node.links = 0;
  dispose(node);
  return result;
}

/** pipe(descriptors). */
export function sysPipe(program: Program, regs: Utcb): i64 {
  return makePipe(program, regs.rdi, 0);
}

/** pipe2(descriptors, flags). */
export function sysPipe2(program: Program, regs: Utcb): i64 {
  return makePipe(program, regs.rdi, regs.rsi as u32);
}

/** F_GETPIPE_SZ: bytes it can hold. */
export function pipeSize(file: OpenFile): i64 {
  if (!isPipe(file)) return -EBADF;
  return (pipeOf(file.node).slots * PAGE) as i64;
}

/** F_SETPIPE_SZ: the size it has then, or a negative error. */
export function setPipeSize(file: OpenFile, size: u32): i64 {
  if (!isPipe(file)) return -EBADF;
  return resizePipe(pipeOf(file.node), size);
}
