// Asynchronous I/O: io_setup(2), io_submit(2), io_getevents(2), io_pgetevents(2), io_cancel(2), io_destroy(2). As on Linux's
// own tmpfs, pipes and sockets, reads and writes are done when they are submitted; what waits afterwards are polls.

import { Utcb } from "../../libhedron/utcb";
import { monotonic } from "../../libroottask/clock";
import { fileOf } from "../../libroottask/descriptors";
import { EAGAIN, EBADF, EFAULT, EINPROGRESS, EINTR, EINVAL, ENOMEM } from "../../libroottask/errno";
import { addToEventfd, isEventfd } from "../../libroottask/eventfd";
import { expire } from "../../libroottask/expiry";
import {
  endCall,
  hasRead,
  hasWrite,
  O_PATH,
  OpenFile,
  POSITION_NONE,
  readable,
  writable,
} from "../../libroottask/open_file";
import { Program, Thread } from "../../libroottask/program";
import { waitForWatches } from "../../libroottask/readiness";
import { copyFrom, copyTo, get32, get64, got, put32, put64 } from "../../libroottask/space";
import { transferOf } from "../../libroottask/transfer";
import { FILE_MAX, KIND_DIRECTORY } from "../../libroottask/tree";
import { watchFor } from "../../libroottask/watches";
import { permitPriority } from "../io_priority";
import { endSuspension, suspendMask } from "../signals";
import { AT_ONCE, isOver, NEVER } from "../time_limit";
import {
  checkTransferFlags,
  moveBytes,
  OWN,
  readVector,
  TRANSFER_MAX,
  userRange,
} from "../transfer";
import {
  addEvent,
  Context,
  contextAt,
  destroyContext,
  dropContext,
  EVENT_BYTES,
  eventAt,
  hasRoomForRequest,
  makeContext,
  ringHead,
  setRingHead,
} from "./contexts";
import { cancelPoll, polled, startPoll } from "./polls";

/** Operations, include/uapi/linux/aio_abi.h. */
const IOCB_CMD_PREAD: u32 = 0;
const IOCB_CMD_PWRITE: u32 = 1;
const IOCB_CMD_FSYNC: u32 = 2;
const IOCB_CMD_FDSYNC: u32 = 3;
const IOCB_CMD_POLL: u32 = 5;
const IOCB_CMD_PREADV: u32 = 7;
const IOCB_CMD_PWRITEV: u32 = 8;
/** Flags of a request: an eventfd is told, and the priority counts. */
const IOCB_FLAG_RESFD: u32 = 1;
const IOCB_FLAG_IOPRIO: u32 = 2;
/** RWF_… that there are. */
const RWF_KNOWN: u32 = 0x1f;
const SECOND: i64 = 1_000_000_000;

/** struct iocb. */
@unmanaged
class Request {
  data: u64;
  key: u32;
  rwFlags: u32;
  operation: u16;
  priority: u16;
  fd: u32;
  buffer: u64;
  bytes: u64;
  offset: i64;
  reserved: u64;
  flags: u32;
  told: u32;
}

const IOCB_BYTES: u32 = 64;
const IOCB_KEY: u64 = 8;
if (offsetof<Request>() !== 64) ERROR("IOCB_BYTES");
const iocb = memory.data(64);
/** struct timespec, or where a mask is and its size. */
const pair = memory.data(16);

/** io_setup(requests, context). */
export function sysIoSetup(program: Program, regs: Utcb): i64 {
  const requests = regs.rdi as u32;
  if (!get64(program.space, regs.rsi)) return -EFAULT;
  if (got !== 0 || requests === 0) return -EINVAL;
  const at = makeContext(program, requests);
  if (at < 0) return at;
  if (put64(program.space, regs.rsi, at as u64)) return 0;
  destroyContext(program, contextAt(program, at as u64) as Context, at as u64);
  return -EFAULT;
}

/** io_destroy(context). */
export function sysIoDestroy(program: Program, regs: Utcb): i64 {
  const context = contextAt(program, regs.rdi);
  if (context === null) return -EINVAL;
  destroyContext(program, context, regs.rdi);
  return 0;
}

/** Reads or writes as `request` says; what came of it is in `done`, unless the request is refused: a negative error. */
let done: i64 = 0;

function transferBytes(thread: Thread, request: Request, file: OpenFile, writing: bool): i64 {
  const vectored = request.operation >= (IOCB_CMD_PREADV as u16);
  const flags = request.rwFlags;
  if ((request.flags & IOCB_FLAG_IOPRIO) !== 0) {
    const refused = permitPriority(request.priority as u32);
    if (refused !== 0) return refused;
  }
  const wrong = checkTransferFlags(flags & ~RWF_KNOWN ? u64.MAX_VALUE : (flags as u64));
  if (wrong !== 0) return wrong;
  if (writing ? !writable(file) : !readable(file)) return -EBADF;
  const able = writing ? hasWrite(file) : hasRead(file);
  if (!able || file.node.kind === KIND_DIRECTORY) return -EINVAL;
  const transfer = thread.transfer;
  const space = thread.program.space;
  if (vectored) {
    const error = readVector(transfer, space, request.buffer, request.bytes);
    if (error !== 0) return error;
  } else {
    if (!userRange(request.buffer, request.bytes)) return -EFAULT;
    transferOf(transfer, space, request.buffer, min<u64>(request.bytes, TRANSFER_MAX));
  }
  const offset = request.offset;
  if (offset < 0 || (transfer.left as i64) > FILE_MAX - offset) return -EINVAL;
  const position = file.operations.position === POSITION_NONE ? OWN : offset;
  done = moveBytes(thread, file, position, flags as u64, writing);
  return 0;
}

function flushFile(thread: Thread, request: Request, file: OpenFile): i64 {
  if (request.buffer !== 0 || request.offset !== 0) return -EINVAL;
  if (request.bytes !== 0 || request.rwFlags !== 0) return -EINVAL;
  const flush = file.operations.flush;
  if (file.operations.position === POSITION_NONE) return -EINVAL;
  done = flush(thread, file);
  return 0;
}

function poll(
  context: Context,
  request: Request,
  address: u64,
  file: OpenFile,
  told: OpenFile | null,
): i64 {
  if (request.buffer > 0xffff || request.offset !== 0) return -EINVAL;
  if (request.bytes !== 0 || request.rwFlags !== 0) return -EINVAL;
  const wanted = request.buffer as u32;
  const result = startPoll(context, file, told, wanted, request.data, address);
  done = polled as i64;
  return result;
}

/** Does what `request` says: 0 where that is over, 1 where an event comes later, or a negative error where it is refused. */
function perform(
  thread: Thread,
  context: Context,
  request: Request,
  address: u64,
  file: OpenFile,
  told: OpenFile | null,
): i64 {
  switch (request.operation as u32) {
    case IOCB_CMD_PREAD:
    case IOCB_CMD_PREADV:
      return transferBytes(thread, request, file, false);
    case IOCB_CMD_PWRITE:
    case IOCB_CMD_PWRITEV:
      return transferBytes(thread, request, file, true);
    case IOCB_CMD_FSYNC:
    case IOCB_CMD_FDSYNC:
      return flushFile(thread, request, file);
    case IOCB_CMD_POLL:
      return poll(context, request, address, file, told);
    default:
      return -EINVAL;
  }
}

/** Submits the request at `address`: 0 or a negative error (io_submit_one()). */
function submit(thread: Thread, context: Context, address: u64): i64 {
  const space = thread.program.space;
  if (!copyFrom(space, iocb, address, IOCB_BYTES)) return -EFAULT;
  const request = changetype<Request>(iocb);
  if (request.reserved !== 0 || (request.bytes as i64) < 0) return -EINVAL;
  if (!hasRoomForRequest(context)) return -EAGAIN;
  const file = fileOf(thread, request.fd as u64);
  if (file === null || (file.flags & O_PATH) !== 0) return -EBADF;
  let told: OpenFile | null = null;
  if ((request.flags & IOCB_FLAG_RESFD) !== 0) {
    told = fileOf(thread, request.told as u64);
    if (told === null || (told.flags & O_PATH) !== 0) return -EBADF;
    if (!isEventfd(told)) return -EINVAL;
  }
  if (!put32(space, address + IOCB_KEY, 0)) return -EFAULT;
  // While it waits, others submit.
  const data = request.data;
  const result = perform(thread, context, request, address, file, told);
  if (result !== 0) return min<i64>(result, 0);
  addEvent(context, data, address, done);
  if (told !== null) addToEventfd(told);
  return 0;
}

/** io_submit(context, count, requests). */
export function sysIoSubmit(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  if ((regs.rsi as i64) < 0) return -EINVAL;
  const context = contextAt(program, regs.rdi);
  if (context === null) return -EINVAL;
  const count = min<u64>(regs.rsi, context.events as u64);
  const list = regs.rdx;
  context.users++;
  let submitted: u64 = 0;
  let error: i64 = 0;
  while (submitted < count) {
    if (!get64(program.space, list + submitted * 8)) error = -EFAULT;
    else error = submit(thread, context, got);
    endCall(thread);
    if (error !== 0 || context.dead !== 0) break;
    submitted++;
  }
  dropContext(context);
  return submitted !== 0 ? (submitted as i64) : error;
}

/** Copies up to `most` events to `address`, behind the `before` that are there: how many, or -EFAULT. */
function takeEvents(program: Program, context: Context, address: u64, most: u64): i64 {
  let taken: u64 = 0;
  let head = ringHead(context);
  while (taken < most && head !== context.tail) {
    const event = eventAt(context, head);
    const to = address + taken * (EVENT_BYTES as u64);
    if (event === 0 || !copyTo(program.space, to, event, EVENT_BYTES)) return -EFAULT;
    head = (head + 1) % context.events;
    taken++;
  }
  if (taken !== 0) setRingHead(context, head);
  return taken as i64;
}

/** Waits until `least` of up to `most` events are there, or until `end`: how many have been taken, or a negative error. */
function waitForEvents(
  thread: Thread,
  context: Context,
  least: i64,
  most: i64,
  address: u64,
  end: u64,
): i64 {
  const program = thread.program;
  let found: i64 = 0;
  let watched = false;
  while (true) {
    expire();
    const at = address + (found as u64) * (EVENT_BYTES as u64);
    let result = takeEvents(program, context, at, (most - found) as u64);
    if (result > 0) found += result;
    if (context.dead !== 0) result = -EINVAL;
    if (result < 0) return found !== 0 ? found : result;
    if (found >= least || end === AT_ONCE || isOver(end)) return found;
    if (!watched && !watchFor(thread, context.node)) return found !== 0 ? found : -ENOMEM;
    watched = true;
    if (!waitForWatches(thread, end)) return found !== 0 ? found : -EINTR;
  }
}

/** The end of the wait that the timespec at `address` limits, in `waitEnd`; -EFAULT where it cannot be read. */
let waitEnd: u64 = NEVER;

function readEnd(program: Program, address: u64): i64 {
  waitEnd = NEVER;
  if (address === 0) return 0;
  if (!copyFrom(program.space, pair, address, 16)) return -EFAULT;
  const seconds = load<i64>(pair);
  const rest = load<i64>(pair + 8);
  // Nobody checks it: what makes no time is over, or far away.
  if (seconds >= SECOND) return 0;
  const length = seconds < -SECOND ? -1 : seconds * SECOND + rest;
  waitEnd = length <= 0 ? AT_ONCE : monotonic() + (length as u64);
  return 0;
}

function getEvents(thread: Thread, regs: Utcb): i64 {
  const context = contextAt(thread.program, regs.rdi);
  const least = regs.rsi as i64;
  const most = regs.rdx as i64;
  if (context === null || least > most || least < 0) return -EINVAL;
  context.users++;
  const result = waitForEvents(thread, context, least, most, regs.r10, waitEnd);
  dropContext(context);
  return result;
}

/** io_getevents(context, least, most, events, timespec). */
export function sysIoGetevents(thread: Thread, regs: Utcb): i64 {
  const error = readEnd(thread.program, regs.r8);
  return error === 0 ? getEvents(thread, regs) : error;
}

/** io_pgetevents(context, least, most, events, timespec, {mask, size}). */
export function sysIoPgetevents(thread: Thread, regs: Utcb): i64 {
  const program = thread.program;
  const error = readEnd(program, regs.r8);
  if (error !== 0) return error;
  let mask: u64 = 0;
  let size: u64 = 0;
  if (regs.r9 !== 0) {
    if (!copyFrom(program.space, pair, regs.r9, 16)) return -EFAULT;
    mask = load<u64>(pair);
    size = load<u64>(pair + 8);
  }
  const masked = mask === 0 ? 0 : suspendMask(thread, mask, size);
  if (masked !== 0) return masked;
  const result = getEvents(thread, regs);
  if (result !== -EINTR) endSuspension(thread);
  return result;
}

/** io_cancel(context, request, event): a request that is cancelled has its event all the same. */
export function sysIoCancel(program: Program, regs: Utcb): i64 {
  if (!get32(program.space, regs.rsi + IOCB_KEY)) return -EFAULT;
  if (got !== 0) return -EINVAL;
  const context = contextAt(program, regs.rdi);
  if (context === null || !cancelPoll(context, regs.rsi)) return -EINVAL;
  return -EINPROGRESS;
}
