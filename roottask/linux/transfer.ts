// Reading and writing through descriptors: read(2), pread(2), readv(2), preadv2(2) and their counterparts,
// sendfile(2), copy_file_range(2). Vectors are checked whole before a byte is passed.

import { Utcb } from "../libhedron/utcb";
import { SPACE_END, Space } from "../libroottask/areas";
import { writeEnd } from "../libroottask/contents";
import { fileOf } from "../libroottask/descriptors";
import {
  EBADF,
  EFAULT,
  EFBIG,
  EINVAL,
  ENOMEM,
  EOPNOTSUPP,
  EOVERFLOW,
  EPERM,
  ESPIPE,
  EXDEV,
} from "../libroottask/errno";
import { isImmutable } from "../libroottask/file_flags";
import {
  BUFFER_BYTES,
  callBuffer,
  hasRead,
  hasWrite,
  O_APPEND,
  O_NONBLOCK,
  O_PATH,
  OpenFile,
  POSITION_KEPT,
  POSITION_NONE,
  readable,
  readFile,
  readFileAt,
  SEEK_CUR,
  writable,
  writeFile,
  writeFileAt,
} from "../libroottask/open_file";
import { isPipe } from "../libroottask/pipe";
import { Program, Thread } from "../libroottask/program";
import { noteRead } from "../libroottask/shared_files";
import { copyFrom, get64, got, put64 } from "../libroottask/space";
import { canSplice, fileToPipe } from "../libroottask/splice";
import { openPieces, PIECE_BYTES, Transfer, transferOf } from "../libroottask/transfer";
import { FILE_MAX, KIND_ANONYMOUS, KIND_DIRECTORY, KIND_FILE } from "../libroottask/tree";
import { checkCopy } from "./shared_blocks";
import { pipeResult, sizeResult } from "./signals";

/** Largest transfer of one call: MAX_RW_COUNT of Linux. */
export const TRANSFER_MAX: u64 = 0x7fff_f000;
/** Most pieces of a vector: UIO_MAXIOV. */
export const VECTORS_MAX: u64 = 1024;

/** Flags of preadv2 and pwritev2. HIPRI, DSYNC and SYNC ask for speed or order, which needs nothing here. */
const RWF_HIPRI: u64 = 1;
const RWF_HINTS: u64 = 7;
const RWF_APPEND: u64 = 16;
const RWF_NOAPPEND: u64 = 32;
/** Position of a transfer that is the file's own. */
export const OWN: i64 = -1;

/** [address, address + length) can be a program's memory at all. */
export function userRange(address: u64, length: u64): bool {
  return length <= SPACE_END && address <= SPACE_END - length;
}

/** `result` of a write of `thread`: signals tell it of limits and of broken pipes. */
export function written(thread: Thread, result: i64): i64 {
  return pipeResult(thread, sizeResult(thread, result));
}

/** A transfer of `length` bytes from `position` of `file` on, or its own, would end where no position is. */
function beyondPositions(file: OpenFile, position: i64, length: u64): bool {
  const start = position === OWN ? file.position : position;
  return (((start as u64) + length) as i64) < 0;
}

/** Reads or writes what `thread.transfer` says, at `position` or, with OWN, at the file's own. */
function move(thread: Thread, file: OpenFile, position: i64, writing: bool): i64 {
  const transfer = thread.transfer;
  if (position === OWN) {
    if (writing) return written(thread, writeFile(thread, file, transfer));
    return readFile(thread, file, transfer);
  }
  if (writing) return written(thread, writeFileAt(thread, file, transfer, position));
  return readFileAt(thread, file, transfer, position);
}

/** A transfer of one piece: the buffer is at RSI, its length in RDX. */
function plain(thread: Thread, regs: Utcb, position: i64, writing: bool): i64 {
  const file = fileOf(thread, regs.rdi);
  if (file === null) return -EBADF;
  if (writing ? !writable(file) : !readable(file)) return -EBADF;
  if (writing ? !hasWrite(file) : !hasRead(file)) return -EINVAL;
  if (!userRange(regs.rsi, regs.rdx)) return -EFAULT;
  const length = min<u64>(regs.rdx, TRANSFER_MAX);
  transferOf(thread.transfer, thread.program.space, regs.rsi, length);
  if (beyondPositions(file, position, regs.rdx)) return -EINVAL;
  const result = move(thread, file, position, writing);
  if (!writing) noteRead(thread, file, regs.rdi, result);
  return result;
}

/** read(fd, buffer, count). */
export function sysRead(thread: Thread, regs: Utcb): i64 {
  return plain(thread, regs, OWN, false);
}

/** write(fd, buffer, count). */
export function sysWrite(thread: Thread, regs: Utcb): i64 {
  return plain(thread, regs, OWN, true);
}

/** The position of a positional call, from `value`: -EINVAL where it is negative, -ESPIPE where there is none. */
function positionOf(thread: Thread, fd: u64, value: i64): i64 {
  if (value < 0) return -EINVAL;
  const file = fileOf(thread, fd);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  return file.operations.position === POSITION_NONE ? -ESPIPE : value;
}

/** pread64(fd, buffer, count, offset). */
export function sysPread(thread: Thread, regs: Utcb): i64 {
  const position = positionOf(thread, regs.rdi, regs.r10 as i64);
  return position < 0 ? position : plain(thread, regs, position, false);
}

/** pwrite64(fd, buffer, count, offset). */
export function sysPwrite(thread: Thread, regs: Utcb): i64 {
  const position = positionOf(thread, regs.rdi, regs.r10 as i64);
  return position < 0 ? position : plain(thread, regs, position, true);
}

/** Copies a vector of `count` pieces to `transfer` and checks it: 0 or a negative error. */
export function readVector(transfer: Transfer, space: Space, address: u64, count: u64): i64 {
  if (count > VECTORS_MAX) return -EINVAL;
  if (!openPieces(transfer, space, count as u32)) return -ENOMEM;
  if (!copyFrom(space, transfer.pieces, address, (count as u32) * PIECE_BYTES)) return -EFAULT;
  for (let i: u32 = 0; i < (count as u32); i++) {
    if (load<i64>(transfer.pieces + i * PIECE_BYTES + 8) < 0) return -EINVAL;
  }
  let total: u64 = 0;
  for (let i: u32 = 0; i < (count as u32); i++) {
    const piece = transfer.pieces + i * PIECE_BYTES;
    const length = load<u64>(piece + 8);
    if (!userRange(load<u64>(piece), length)) return -EFAULT;
    const counted = min<u64>(length, TRANSFER_MAX - total);
    store<u64>(piece + 8, counted);
    total += counted;
  }
  transfer.left = total;
  return 0;
}

/** RWF_… in `flags` are known: 0 or -EOPNOTSUPP. */
export function checkTransferFlags(flags: u64): i64 {
  return (flags & ~(RWF_HINTS | RWF_APPEND | RWF_NOAPPEND)) !== 0 ? -EOPNOTSUPP : 0;
}

/** Reads or writes what `thread.transfer` says, at `position` or, with OWN, at the file's own, with RWF_… `flags`. */
export function moveBytes(
  thread: Thread,
  file: OpenFile,
  position: i64,
  flags: u64,
  writing: bool,
): i64 {
  const appending = flags & (RWF_APPEND | RWF_NOAPPEND);
  if (appending === 0 || file.operations.position !== POSITION_KEPT) {
    return move(thread, file, position, writing);
  }
  const before = file.flags & O_APPEND;
  file.flags = (file.flags & ~O_APPEND) | (appending === RWF_APPEND ? O_APPEND : 0);
  const result = move(thread, file, position, writing);
  file.flags = (file.flags & ~O_APPEND) | before;
  return result;
}

/** A transfer of many pieces: the vector is at RSI, RDX pieces long. */
function vector(thread: Thread, regs: Utcb, position: i64, flags: u64, writing: bool): i64 {
  const file = fileOf(thread, regs.rdi);
  if (file === null) return -EBADF;
  if ((file.flags & O_PATH) !== 0) return -EBADF;
  // From 6.9 on it is told first what the open file is not for.
  const error = readVector(thread.transfer, thread.program.space, regs.rsi, regs.rdx);
  if (error !== 0) return error;
  if (writing ? !writable(file) : !readable(file)) return -EBADF;
  if (writing ? !hasWrite(file) : !hasRead(file)) return -EINVAL;
  if (thread.transfer.left === 0) return 0;
  if (beyondPositions(file, position, thread.transfer.left)) return -EINVAL;
  const wrong = checkTransferFlags(flags);
  if (wrong !== 0) return wrong;
  // A directory is read by nothing that knows of flags, to say that it is one.
  if (file.node.kind === KIND_DIRECTORY && (flags & ~RWF_HIPRI) !== 0) return -EOPNOTSUPP;
  const appending = flags & (RWF_APPEND | RWF_NOAPPEND);
  if (appending === (RWF_APPEND | RWF_NOAPPEND)) return -EINVAL;
  return moveBytes(thread, file, position, flags, writing);
}

/** readv(fd, vector, count). */
export function sysReadv(thread: Thread, regs: Utcb): i64 {
  return vector(thread, regs, OWN, 0, false);
}

/** writev(fd, vector, count). */
export function sysWritev(thread: Thread, regs: Utcb): i64 {
  return vector(thread, regs, OWN, 0, true);
}

/** preadv(fd, vector, count, low, high): on x86-64 the whole offset is in `low`. */
export function sysPreadv(thread: Thread, regs: Utcb): i64 {
  const position = positionOf(thread, regs.rdi, regs.r10 as i64);
  return position < 0 ? position : vector(thread, regs, position, 0, false);
}

/** pwritev(fd, vector, count, low, high). */
export function sysPwritev(thread: Thread, regs: Utcb): i64 {
  const position = positionOf(thread, regs.rdi, regs.r10 as i64);
  return position < 0 ? position : vector(thread, regs, position, 0, true);
}

function vector2(thread: Thread, regs: Utcb, writing: bool): i64 {
  let position = regs.r10 as i64;
  if (position !== OWN) {
    position = positionOf(thread, regs.rdi, position);
    if (position < 0) return position;
  }
  return vector(thread, regs, position, regs.r9, writing);
}

/** preadv2(fd, vector, count, low, high, flags): offset -1 is the file's own position. */
export function sysPreadv2(thread: Thread, regs: Utcb): i64 {
  return vector2(thread, regs, false);
}

/** pwritev2(fd, vector, count, low, high, flags). */
export function sysPwritev2(thread: Thread, regs: Utcb): i64 {
  return vector2(thread, regs, true);
}

/** One piece of a copy: up to `length` bytes through `buffer`. Returns what arrived, or a negative error. */
function copyPiece(
  thread: Thread,
  input: OpenFile,
  output: OpenFile,
  from: i64,
  to: i64,
  buffer: usize,
  length: u64,
): i64 {
  const transfer = thread.transfer;
  transferOf(transfer, null, buffer as u64, min<u64>(length, BUFFER_BYTES as u64));
  const read = readFileAt(thread, input, transfer, from);
  if (read <= 0) return read;
  transferOf(transfer, null, buffer as u64, read as u64);
  return to === OWN
    ? writeFile(thread, output, transfer)
    : writeFileAt(thread, output, transfer, to);
}

/** Copies `length` bytes from `from` of `input` to `to` of `output`, or its own position. */
function copyBetween(
  thread: Thread,
  input: OpenFile,
  output: OpenFile,
  from: i64,
  to: i64,
  length: u64,
): i64 {
  const buffer = callBuffer(thread);
  if (buffer === 0) return -ENOMEM;
  let done: i64 = 0;
  let result: i64 = 0;
  while ((done as u64) < length) {
    const target = to === OWN ? OWN : to + done;
    const left = length - (done as u64);
    result = copyPiece(thread, input, output, from + done, target, buffer, left);
    if (result <= 0) break;
    done += result;
  }
  // What has stopped it may be told by a signal, though bytes have gone before.
  written(thread, result);
  return done === 0 ? result : done;
}

/** Position of a call: what `positionOfCall` has found last. */
let callPosition: i64 = 0;

/** Reads the position at `address`, or takes that of `file` where there is no address: 0 or -EFAULT. */
function positionOfCall(program: Program, file: OpenFile, address: u64): i64 {
  callPosition = file.position;
  if (address === 0) return 0;
  if (!get64(program.space, address)) return -EFAULT;
  callPosition = got as i64;
  return 0;
}

/** Moves the position at `address`, or that of `file`, on. */
function advance(program: Program, file: OpenFile, address: u64, position: i64): i64 {
  if (address === 0) file.position = position;
  else if (!put64(program.space, address, position as u64)) return -EFAULT;
  return 0;
}

/** Passes up to `count` bytes from `from` of `input` to `output`, as do_splice_direct() of Linux checks them. */
function passDirectly(
  thread: Thread,
  input: OpenFile,
  from: i64,
  output: OpenFile,
  count: u64,
): i64 {
  if (beyondPositions(output, OWN, count)) return -EINVAL;
  if ((output.flags & O_APPEND) !== 0) return -EINVAL;
  const seek = input.operations.seek;
  if (seek(input, 0, SEEK_CUR) === -ESPIPE) return -EINVAL;
  if (count === 0) return 0;
  if (!canSplice(input)) return -EINVAL;
  // What is computed when it is read has no size.
  const sized = input.node.kind === KIND_FILE && input.node.operations === 0;
  if (sized && (from as u64) >= input.node.size) return 0;
  const refuses = output.node.kind === KIND_ANONYMOUS || output.operations.unspliced !== 0;
  if (refuses) return -EINVAL;
  return copyBetween(thread, input, output, from, OWN, count);
}

/** sendfile(out, in, position, count): the position is written back, whatever has become of it. */
export function sysSendfile(thread: Thread, regs: Utcb): i64 {
  const space = thread.program.space;
  const result = sendFile(thread, regs);
  if (result > 0 || regs.rdx === 0) return result;
  return get64(space, regs.rdx) && put64(space, regs.rdx, got) ? result : -EFAULT;
}

/** The same but for that: fs/read_write.c, do_sendfile(). */
function sendFile(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  if (regs.rdx !== 0 && !get64(program.space, regs.rdx)) return -EFAULT;
  const input = fileOf(thread, regs.rsi);
  if (input === null || !readable(input)) return -EBADF;
  if (regs.rdx !== 0 && input.operations.position === POSITION_NONE) return -ESPIPE;
  const wrong = positionOfCall(program, input, regs.rdx);
  if (wrong !== 0) return wrong;
  const from = callPosition;
  if (from < 0 || (regs.r10 as i64) < 0 || from + (regs.r10 as i64) < 0) return -EINVAL;
  const output = fileOf(thread, regs.rdi);
  if (output === null || !writable(output)) return -EBADF;
  if (from === FILE_MAX && regs.r10 !== 0) return -EOVERFLOW;
  const count = min<u64>(regs.r10, TRANSFER_MAX);
  const mayWait = (output.flags & O_NONBLOCK) === 0;
  // What has no positions is read where it is.
  const at = input.operations.position === POSITION_NONE ? OWN : from;
  const done = isPipe(output)
    ? written(thread, fileToPipe(thread, input, at, output, count, mayWait))
    : passDirectly(thread, input, from, output, count);
  if (done <= 0) return done;
  const error = advance(program, input, regs.rdx, from + done);
  return error === 0 ? done : error;
}

/** copy_file_range(in, position, out, position, count, flags): fs/read_write.c, generic_copy_file_checks(). */
export function sysCopyFileRange(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const input = fileOf(thread, regs.rdi);
  const output = fileOf(thread, regs.rdx);
  if (output === null || input === null) return -EBADF;
  if (((output.flags | input.flags) & O_PATH) !== 0) return -EBADF;
  let error = positionOfCall(program, input, regs.rsi);
  if (error !== 0) return error;
  const from = callPosition;
  error = positionOfCall(program, output, regs.r10);
  if (error !== 0) return error;
  const to = callPosition;
  if (regs.r9 !== 0) return -EINVAL;
  error = checkCopy(input, output);
  if (error !== 0) return error;
  if (input.node.system !== output.node.system) return -EXDEV;
  if (isImmutable(output.node)) return -EPERM;
  let count = regs.r8;
  if ((from as u64) + count < (from as u64) || (to as u64) + count < (to as u64)) return -EOVERFLOW;
  const size = input.node.size as i64;
  count = from >= size ? 0 : min<u64>(count, (size - from) as u64);
  const limit = writeEnd(program.fileLimit) as i64;
  if (to >= limit) return written(thread, -EFBIG);
  count = min<u64>(count, (limit - to) as u64);
  // Ranges of one file must not overlap.
  const same = input.node === output.node;
  if (same && to + (count as i64) > from && to < from + (count as i64)) return -EINVAL;
  if (from < 0 || to < 0) return -EINVAL;
  if (count === 0) return 0;
  const done = copyBetween(thread, input, output, from, to, min<u64>(count, TRANSFER_MAX));
  if (done <= 0) return done;
  error = advance(program, input, regs.rsi, from + done);
  return error !== 0 ? error : advance(program, output, regs.r10, to + done) === 0 ? done : -EFAULT;
}
