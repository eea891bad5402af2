// Bytes through pipes without the program's memory: splice(2), tee(2), and vmsplice(2), which has it on one side.

import { Utcb } from "../libhedron/utcb";
import { fileOf } from "../libroottask/descriptors";
import { EBADF, EFAULT, EINVAL, ESPIPE } from "../libroottask/errno";
import {
  O_APPEND,
  O_NONBLOCK,
  O_PATH,
  OpenFile,
  POSITION_NONE,
  readable,
  writable,
} from "../libroottask/open_file";
import { isPipe, readPipe } from "../libroottask/pipe";
import { Thread } from "../libroottask/program";
import { get64, got, put64 } from "../libroottask/space";
import {
  copyPipe,
  fileToPipe,
  memoryToPipe,
  OWN_POSITION,
  pipeToFile,
  pipeToPipe,
  stopped,
} from "../libroottask/splice";
import { sizeResult } from "./signals";
import { readVector, TRANSFER_MAX, written } from "./transfer";

const SPLICE_F_NONBLOCK: u32 = 2;
/** Those and MOVE, MORE and GIFT, which ask for speed. */
const SPLICE_FLAGS: u32 = 15;

/** A splice of `thread` between `input` and `output` waits, unless it or one of these says that it does not. */
function waits(flags: u32, input: OpenFile, output: OpenFile): bool {
  return (flags & SPLICE_F_NONBLOCK) === 0 && ((input.flags | output.flags) & O_NONBLOCK) === 0;
}

/** The position of a splice that is given at `address` for a file that is no pipe, or OWN_POSITION; or a negative error. */
let position: i64 = 0;

function readPosition(thread: Thread, file: OpenFile, address: u64): i64 {
  position = OWN_POSITION;
  if (address === 0) return 0;
  if (isPipe(file)) return -ESPIPE;
  if (!get64(thread.program.space, address)) return -EFAULT;
  position = got as i64;
  return 0;
}

/** `file` cannot be used at `at`, which was given at `address`. */
function isWrongPlace(file: OpenFile, address: u64, at: i64): bool {
  return address !== 0 && (at < 0 || file.operations.position === POSITION_NONE);
}

/** The position at `address`, if there is one, is `done` bytes further on. */
function advance(thread: Thread, address: u64, from: i64, done: i64): i64 {
  if (address === 0 || done <= 0) return done;
  return put64(thread.program.space, address, (from + done) as u64) ? done : -EFAULT;
}

/** splice(in, position, out, position, length, flags). */
export function sysSplice(thread: Thread, regs: Utcb): i64 {
  const flags = regs.r9 as u32;
  if (regs.r8 === 0) return 0;
  if ((flags & ~SPLICE_FLAGS) !== 0) return -EINVAL;
  const input = fileOf(thread, regs.rdi);
  if (input === null || (input.flags & O_PATH) !== 0) return -EBADF;
  const output = fileOf(thread, regs.rdx);
  if (output === null || (output.flags & O_PATH) !== 0) return -EBADF;
  if (isPipe(input) && regs.rsi !== 0) return -ESPIPE;
  let error = readPosition(thread, output, regs.r10);
  if (error !== 0) return error;
  const to = position;
  error = readPosition(thread, input, regs.rsi);
  if (error !== 0) return error;
  const from = position;
  if (!readable(input) || !writable(output)) return -EBADF;
  if (isWrongPlace(output, regs.r10, to) || isWrongPlace(input, regs.rsi, from)) return -EINVAL;
  const count = min<u64>(regs.r8, TRANSFER_MAX);
  if (isPipe(input)) {
    if (isPipe(output)) {
      if (input.node === output.node) return -EINVAL;
      const mayWait = waits(flags, input, output);
      return written(thread, pipeToPipe(thread, input, output, count, mayWait));
    }
    if ((output.flags & O_APPEND) !== 0) return -EINVAL;
    const mayWait = waits(flags, input, input);
    const done = written(thread, pipeToFile(thread, input, output, to, count, mayWait));
    if (done > 0) sizeResult(thread, stopped);
    return advance(thread, regs.r10, to, done);
  }
  if (!isPipe(output)) return -EINVAL;
  const mayWait = waits(flags, output, output);
  const done = written(thread, fileToPipe(thread, input, from, output, count, mayWait));
  return advance(thread, regs.rsi, from, done);
}

/** tee(in, out, length, flags). */
export function sysTee(thread: Thread, regs: Utcb): i64 {
  const flags = regs.r10 as u32;
  if ((flags & ~SPLICE_FLAGS) !== 0) return -EINVAL;
  if (regs.rdx === 0) return 0;
  const input = fileOf(thread, regs.rdi);
  const output = fileOf(thread, regs.rsi);
  if (input === null || output === null || !readable(input) || !writable(output)) return -EBADF;
  if (!isPipe(input) || !isPipe(output) || input.node === output.node) return -EINVAL;
  const count = min<u64>(regs.rdx, TRANSFER_MAX);
  return written(thread, copyPipe(thread, input, output, count, waits(flags, input, output)));
}

/** vmsplice(fd, vector, count, flags): what goes into the pipe is a copy, whatever becomes of the memory. */
export function sysVmsplice(thread: Thread, regs: Utcb): i64 {
  const flags = regs.r10 as u32;
  if ((flags & ~SPLICE_FLAGS) !== 0) return -EINVAL;
  const file = fileOf(thread, regs.rdi);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  const transfer = thread.transfer;
  const error = readVector(transfer, thread.program.space, regs.rsi, regs.rdx);
  if (error !== 0) return error;
  if (transfer.left === 0) return 0;
  if (!isPipe(file)) return -EBADF;
  const mayWait = (flags & SPLICE_F_NONBLOCK) === 0;
  if (!writable(file)) return readPipe(thread, file, transfer, mayWait);
  return written(thread, memoryToPipe(thread, file, transfer, mayWait));
}
