// Open files as objects: what open(2) makes and descriptors share (POSIX: open file description), with the
// operations of its kind. An operation may wait (thread.ts, waitFor): it gets the calling thread, whose hold
// on the file keeps it until the call is over. The functions here check what is the same for every kind.

import { PAGE_SIZE } from "../libhedron/abi";
import { EBADF, EINVAL, ENODEV, ENOTTY, EOPNOTSUPP, EPERM, ESPIPE } from "./errno";
import {
  IN_ACCESS,
  IN_CLOSE_NOWRITE,
  IN_CLOSE_WRITE,
  IN_MODIFY,
  IN_OPEN,
  noteFile,
} from "./file_events";
import { isAppendOnly, isImmutable } from "./file_flags";
import { changeLock, LOCK_NONE } from "./file_lock";
import { create, destroy } from "./heap";
import { HeldLock } from "./held_locks";
import { Mount } from "./mount";
import { addWriter, dropMount, keepMount } from "./mount_users";
import { allocatePages, releasePages } from "./pages";
import { POLL_READY } from "./poll_events";
import { Thread } from "./program";
import { releaseRecords } from "./record_locks";
import { closePieces, openPieces, PIECE_BYTES, Transfer } from "./transfer";
import { dispose, dropEntry, Entry, KIND_BLOCK, KIND_DIRECTORY, KIND_FILE, Node } from "./tree";
import { stopWatching } from "./watches";

/** Flags of open(2), include/uapi/asm-generic/fcntl.h. */
export const O_ACCMODE: u32 = 3;
export const O_RDONLY: u32 = 0;
export const O_WRONLY: u32 = 1;
export const O_RDWR: u32 = 2;
export const O_CREAT: u32 = 0o100;
export const O_EXCL: u32 = 0o200;
export const O_NOCTTY: u32 = 0o400;
export const O_TRUNC: u32 = 0o1000;
export const O_APPEND: u32 = 0o2000;
/** Bytes that can be read at once, include/uapi/asm-generic/ioctls.h. */
export const FIONREAD: u32 = 0x541b;

export const O_NONBLOCK: u32 = 0o4000;
export const O_DSYNC: u32 = 0o10000;
/** Signals tell of what happens to the file (linux/file_signals.ts). */
export const O_ASYNC: u32 = 0o20000;
/** Nothing follows from it but for pipes. */
export const O_DIRECT: u32 = 0o40000;
export const O_LARGEFILE: u32 = 0o100000;
export const O_DIRECTORY: u32 = 0o200000;
export const O_NOFOLLOW: u32 = 0o400000;
export const O_NOATIME: u32 = 0o1000000;
export const O_CLOEXEC: u32 = 0o2000000;
/** With O_DSYNC. */
export const O_SYNC: u32 = 0o4000000;
export const O_PATH: u32 = 0o10000000;
/** O_TMPFILE without the O_DIRECTORY that goes with it. */
export const O_TMPFILE: u32 = 0o20000000;

/** What F_GETFL tells of the flags a file was opened with. */
const LASTING: u32 =
  O_ACCMODE |
  O_APPEND |
  O_NONBLOCK |
  O_DSYNC |
  O_ASYNC |
  O_DIRECT |
  O_LARGEFILE |
  O_DIRECTORY |
  O_NOFOLLOW |
  O_NOATIME |
  O_SYNC |
  O_PATH |
  O_TMPFILE;
/** What F_SETFL changes, beside O_ASYNC. */
export const O_SETTABLE: u32 = O_APPEND | O_NONBLOCK | O_DIRECT | O_NOATIME;

export const SEEK_SET: u32 = 0;
export const SEEK_CUR: u32 = 1;
export const SEEK_END: u32 = 2;
export const SEEK_DATA: u32 = 3;
export const SEEK_HOLE: u32 = 4;

/** What a kind does with the position of an open file. */
export const POSITION_NONE: u32 = 0;
/** There are calls with a position, but it makes no difference. */
export const POSITION_IGNORED: u32 = 1;
export const POSITION_KEPT: u32 = 2;

@unmanaged
export class OpenFile {
  operations: FileOperations;
  node: Node;
  /** Flags of open(2) that last. */
  flags: u32;
  /** Descriptors that share it, and calls that work with it. */
  users: u32;
  /** Those of them that are messages (socket_messages.ts). */
  inFlight: u32;
  /** The next one that is to be freed. */
  nextDropped: OpenFile | null;
  /** Whom signals tell about it, and of what (linux/file_signals.ts); 0 for nobody. */
  signals: usize;
  /** The lock it has on its node (file_lock.ts). */
  held: HeldLock | null;
  /** The position, unless a mediator changes it as well: then it is in the lower half of the u64 at `word`. */
  ownPosition: i64;
  word: usize;
  /** The window it has (shared_files.ts), or 0; small reads since it had none, and how many make one worth its while. */
  share: usize;
  smallReads: u32;
  patience: u32;
  /** The name it was found by, unless it has none; and whether who watches was told that it is open. */
  entry: Entry | null;
  told: u32;
  /** It is among the writers of its node (write_access.ts). */
  counted: u32;
  /** The mount it was found through, null where it has no place; and whether it counts there as a writer. */
  mount: Mount | null;
  writes: u32;
  /** What its kind keeps of it. */
  object: usize;
  /** The first of the epoll entries on it (epoll.ts). */
  interests: usize;

  get position(): i64 {
    return this.word === 0 ? this.ownPosition : (load<u32>(this.word) as i64);
  }

  set position(value: i64) {
    if (this.word !== 0) {
      if (value >= 0 && value <= (0xffff_ffff as i64)) {
        store<u32>(this.word, value as u32);
        return;
      }
      // The number 0 is no window's: the mediator leaves the file alone.
      store<u64>(this.word, 0);
      this.word = 0;
    }
    this.ownPosition = value;
  }
}

/** Result of `backing`: the node a mapping takes its pages from, null for zeroes. */
export let backingNode: Node | null = null;

export function setBacking(node: Node | null): void {
  backingNode = node;
}

/** Comes before the file gets a descriptor, and may wait; 0 or a negative error. */
export type OpenOperation = (thread: Thread, file: OpenFile) => i64;
/** Bytes passed, or a negative error. `position` is where a kind with positions reads or writes. */
export type TransferOperation = (
  thread: Thread,
  file: OpenFile,
  transfer: Transfer,
  position: i64,
) => i64;
/** The new position, or a negative error. */
export type SeekOperation = (file: OpenFile, offset: i64, whence: u32) => i64;
/** POLL… events that are true now. */
export type PollOperation = (file: OpenFile) => u32;
export type IoctlOperation = (thread: Thread, file: OpenFile, command: u32, argument: u64) => i64;
/** Sets the size; 0 or a negative error. */
export type TruncateOperation = (thread: Thread, file: OpenFile, size: i64) => i64;
/** fallocate(2); 0 or a negative error. */
export type AllocateOperation = (
  thread: Thread,
  file: OpenFile,
  mode: u32,
  offset: i64,
  length: i64,
) => i64;
/** Calls `setBacking` for a mapping; 0 or a negative error. */
export type MapOperation = (file: OpenFile, shared: bool, writing: bool) => i64;
/** The node that is told when the file becomes ready: its own, unless several names lead to one thing. */
export type SourceOperation = (file: OpenFile) => Node;
/** What has been written is made safe; 0 or a negative error. */
export type FlushOperation = (thread: Thread, file: OpenFile) => i64;
/** The last user is gone. */
export type ReleaseOperation = (file: OpenFile) => void;

/** What a kind of file does. A record from `newOperations` refuses everything. */
@unmanaged
export class FileOperations {
  open: OpenOperation;
  read: TransferOperation;
  write: TransferOperation;
  seek: SeekOperation;
  poll: PollOperation;
  ioctl: IoctlOperation;
  truncate: TruncateOperation;
  allocate: AllocateOperation;
  map: MapOperation;
  source: SourceOperation;
  /** fsync(2) does not ask kinds of file that have nothing to make safe. */
  flush: FlushOperation;
  release: ReleaseOperation;
  /** The thread at work closes a descriptor on it. */
  close: ReleaseOperation;
  /** POSITION_…. */
  position: u32;
  /** Signals can tell what happens to it (O_ASYNC). */
  signals: u16;
  /** What one without a name in the tree is called, ANONYMOUS_…. */
  anonymous: u16;
  /** Calls that move bytes between files neither read nor write it (splice(2)). */
  unspliced: u32;
}

function opens(_thread: Thread, _file: OpenFile): i64 {
  return 0;
}

function noTransfer(_thread: Thread, _file: OpenFile, _transfer: Transfer, _position: i64): i64 {
  return -EINVAL;
}

function noSeek(_file: OpenFile, _offset: i64, _whence: u32): i64 {
  return -ESPIPE;
}

function alwaysReady(_file: OpenFile): u32 {
  return POLL_READY;
}

function noIoctl(_thread: Thread, _file: OpenFile, _command: u32, _argument: u64): i64 {
  return -ENOTTY;
}

function noTruncate(_thread: Thread, _file: OpenFile, _size: i64): i64 {
  return -EINVAL;
}

function noAllocate(_thread: Thread, _file: OpenFile, _mode: u32, _offset: i64, _length: i64): i64 {
  return -ENODEV;
}

function noMap(_file: OpenFile, _shared: bool, _writing: bool): i64 {
  return -ENODEV;
}

function isSafe(_thread: Thread, _file: OpenFile): i64 {
  return 0;
}

function itself(file: OpenFile): Node {
  return file.node;
}

function nothingToRelease(_file: OpenFile): void {}

/** Makes the 64 bytes at `storage` a record that refuses everything. */
export function newOperations(storage: usize): FileOperations {
  const operations = changetype<FileOperations>(storage);
  operations.open = opens;
  operations.read = noTransfer;
  operations.write = noTransfer;
  operations.seek = noSeek;
  operations.poll = alwaysReady;
  operations.ioctl = noIoctl;
  operations.truncate = noTruncate;
  operations.allocate = noAllocate;
  operations.map = noMap;
  operations.source = itself;
  operations.flush = isSafe;
  operations.release = nothingToRelease;
  operations.close = nothingToRelease;
  operations.position = POSITION_NONE;
  operations.signals = 0;
  operations.anonymous = 0;
  operations.unspliced = 0;
  return operations;
}

/** Storage of one FileOperations: kinds have it as `memory.data(64)`, which takes literals alone. */
const OPERATIONS_BYTES: usize = 64;
if (offsetof<FileOperations>() > OPERATIONS_BYTES) ERROR("OPERATIONS_BYTES");

/** Operations of the kinds of node. */
const kinds = memory.data(64);

/** Open files on nodes of `kind` have these operations, unless the node has its own. */
export function setKind(kind: u32, operations: FileOperations): void {
  store<usize>(kinds + kind * 4, changetype<usize>(operations));
}

/** An open file on `node` with no user yet; null when memory is out. */
export function openNode(node: Node, flags: u32): OpenFile | null {
  const file = create<OpenFile>();
  if (file === null) return null;
  const own = node.operations;
  file.operations = changetype<FileOperations>(
    own !== 0 ? own : load<usize>(kinds + node.kind * 4),
  );
  file.node = node;
  file.flags = flags & LASTING;
  node.users++;
  return file;
}

function nobody(_file: OpenFile): void {}

let forgetInterests: ReleaseOperation = nobody;

/** `forget` takes a file that is about to go out of the epoll instances that know it. */
export function setForget(forget: ReleaseOperation): void {
  forgetInterests = forget;
}

let forgetSignals: ReleaseOperation = nobody;

/** `forget` frees what the personality has at `signals` of a file that is about to go. */
export function setForgetSignals(forget: ReleaseOperation): void {
  forgetSignals = forget;
}

let forgetLease: ReleaseOperation = nobody;

/** `forget` takes away the lease that a file has which is about to go. */
export function setForgetLease(forget: ReleaseOperation): void {
  forgetLease = forget;
}

let lostOutside: ReleaseOperation = nobody;

/** `lost` is told of a file that only messages have. */
export function setLost(lost: ReleaseOperation): void {
  lostOutside = lost;
}

/** Comes behind a user's going: frees an open file that has none any more. */
export function dropFile(file: OpenFile): void {
  if (file.users !== 0) {
    if (file.users === file.inFlight) lostOutside(file);
    return;
  }
  if (file.interests !== 0) forgetInterests(file);
  if (file.signals !== 0) forgetSignals(file);
  const node = file.node;
  const entry = file.entry;
  if (file.told !== 0) {
    noteFile(node, entry, writable(file) ? IN_CLOSE_WRITE : IN_CLOSE_NOWRITE);
  }
  const release = file.operations.release;
  release(file);
  file.held = changeLock(node, file.held, LOCK_NONE, 0);
  if (node.records !== 0) releaseRecords(node, changetype<usize>(file));
  if (node.leases !== 0) forgetLease(file);
  if (file.counted !== 0) node.writers--;
  const mount = file.mount;
  if (mount !== null && file.writes !== 0) addWriter(mount, -1);
  destroy<OpenFile>(file);
  if (entry !== null) dropEntry(entry);
  node.users--;
  dispose(node);
  dropMount(mount);
}

/** `file`, which is new, was found through `mount`. */
export function findThrough(file: OpenFile, mount: Mount | null): void {
  file.mount = mount;
  keepMount(mount);
  const kind = file.node.kind;
  if (mount === null || !writable(file) || (kind !== KIND_FILE && kind !== KIND_DIRECTORY)) return;
  file.writes = 1;
  addWriter(mount, 1);
}

/** `file` has been opened: those who watch are told. */
export function noteOpen(file: OpenFile): void {
  if ((file.flags & O_PATH) !== 0) return;
  file.told = 1;
  noteFile(file.node, file.entry, IN_OPEN);
}

/** `event` has happened to `file` where bytes have passed or a call has succeeded: returns that result. */
function note(file: OpenFile, event: u32, happened: bool, result: i64): i64 {
  if (happened && file.told !== 0) noteFile(file.node, file.entry, event);
  return result;
}

function letGo(file: usize): void {
  if (file === 0) return;
  const held = changetype<OpenFile>(file);
  held.users--;
  dropFile(held);
}

/** Keeps `file` until the call of `thread` is over; a call holds two at most. */
export function hold(thread: Thread, file: OpenFile): void {
  file.users++;
  if (thread.held0 === 0) thread.held0 = changetype<usize>(file);
  else thread.held1 = changetype<usize>(file);
}

/** Size of `callBuffer`, as an order of pages and in bytes. */
const BUFFER_ORDER: u32 = 4;
export const BUFFER_BYTES: u32 = PAGE_SIZE << BUFFER_ORDER;

/** BUFFER_BYTES of storage for the call of `thread`, until it is over; 0 when memory is out. */
export function callBuffer(thread: Thread): usize {
  if (thread.buffer === 0) thread.buffer = allocatePages(BUFFER_ORDER);
  return thread.buffer;
}

/** `bytes` of storage for a call of `thread` that passes no bytes, until it is over; 0 when memory is out. */
export function callStorage(thread: Thread, bytes: u32): usize {
  const pieces = (bytes + PIECE_BYTES - 1) / PIECE_BYTES;
  return openPieces(thread.transfer, null, pieces) ? thread.transfer.pieces : 0;
}

type EndTurn = (device: usize) => void;

function noTurn(_device: usize): void {}

let endTurn: EndTurn = noTurn;

/** `end` takes the block device that a call has had the turn at (block_device.ts). */
export function setTurnEnd(end: EndTurn): void {
  endTurn = end;
}

/** Ends the turn at a block device that the call of `thread` has, if it has one. */
export function giveTurn(thread: Thread): void {
  const device = thread.turn;
  thread.turn = 0;
  if (device !== 0) endTurn(device);
}

/** The call of `thread` is over, or it will never go on: what it held is let go. */
export function endCall(thread: Thread): void {
  const kept = thread.held0 | thread.buffer | thread.transfer.pieces | thread.watches | thread.turn;
  if (kept !== 0) letGoAll(thread);
}

function letGoAll(thread: Thread): void {
  stopWatching(thread);
  giveTurn(thread);
  if (thread.buffer !== 0) releasePages(thread.buffer, BUFFER_ORDER);
  thread.buffer = 0;
  const first = thread.held0;
  const second = thread.held1;
  thread.held0 = 0;
  thread.held1 = 0;
  letGo(first);
  letGo(second);
  closePieces(thread.transfer);
}

/** What to watch for the readiness of `file`. */
export function sourceOf(file: OpenFile): Node {
  const source = file.operations.source;
  return source(file);
}

/** It can be waited for: its kind has a readiness of its own (epoll_ctl(2), EPERM). */
export function canPoll(file: OpenFile): bool {
  return file.operations.poll !== alwaysReady;
}

/** Its kind can be read at all, whatever it was opened for. */
export function hasRead(file: OpenFile): bool {
  return file.operations.read !== noTransfer;
}

export function hasWrite(file: OpenFile): bool {
  return file.operations.write !== noTransfer;
}

export function readable(file: OpenFile): bool {
  const access = file.flags & O_ACCMODE;
  return (access === O_RDONLY || access === O_RDWR) && (file.flags & O_PATH) === 0;
}

export function writable(file: OpenFile): bool {
  const access = file.flags & O_ACCMODE;
  return (access === O_WRONLY || access === O_RDWR) && (file.flags & O_PATH) === 0;
}

/** read(2): at and past the file's position. */
export function readFile(thread: Thread, file: OpenFile, transfer: Transfer): i64 {
  if (!readable(file)) return -EBADF;
  const read = file.operations.read;
  const result = read(thread, file, transfer, file.position);
  if (result > 0 && file.operations.position === POSITION_KEPT) file.position += result;
  return note(file, IN_ACCESS, result > 0, result);
}

/** pread(2). */
export function readFileAt(thread: Thread, file: OpenFile, transfer: Transfer, position: i64): i64 {
  if (position < 0) return -EINVAL;
  if ((file.flags & O_PATH) !== 0) return -EBADF;
  if (file.operations.position === POSITION_NONE) return -ESPIPE;
  if (!readable(file)) return -EBADF;
  const read = file.operations.read;
  const result = read(thread, file, transfer, position);
  return note(file, IN_ACCESS, result > 0, result);
}

/** Where a write goes that is asked for at `position`. */
function writePosition(file: OpenFile, position: i64): i64 {
  const appends = (file.flags & O_APPEND) !== 0 && file.operations.position === POSITION_KEPT;
  // A block device has no end to append to: the flag says nothing there.
  return appends && file.node.kind !== KIND_BLOCK ? (file.node.size as i64) : position;
}

/** write(2). */
export function writeFile(thread: Thread, file: OpenFile, transfer: Transfer): i64 {
  if (!writable(file)) return -EBADF;
  const at = writePosition(file, file.position);
  const write = file.operations.write;
  const result = write(thread, file, transfer, at);
  if (result > 0 && file.operations.position === POSITION_KEPT) file.position = at + result;
  return note(file, IN_MODIFY, result > 0, result);
}

/** pwrite(2); on a file that appends the position counts for nothing, as on Linux. */
export function writeFileAt(
  thread: Thread,
  file: OpenFile,
  transfer: Transfer,
  position: i64,
): i64 {
  if (position < 0) return -EINVAL;
  if ((file.flags & O_PATH) !== 0) return -EBADF;
  if (file.operations.position === POSITION_NONE) return -ESPIPE;
  if (!writable(file)) return -EBADF;
  const write = file.operations.write;
  const result = write(thread, file, transfer, writePosition(file, position));
  return note(file, IN_MODIFY, result > 0, result);
}

/** lseek(2). */
export function seekFile(file: OpenFile, offset: i64, whence: u32): i64 {
  if ((file.flags & O_PATH) !== 0) return -EBADF;
  if (whence > SEEK_HOLE) return -EINVAL;
  const seek = file.operations.seek;
  return seek(file, offset, whence);
}

/** ftruncate(2). */
export function truncateFile(thread: Thread, file: OpenFile, size: i64): i64 {
  if (size < 0) return -EINVAL;
  if ((file.flags & O_PATH) !== 0) return -EBADF;
  if (!writable(file)) return -EINVAL;
  if (isAppendOnly(file.node)) return -EPERM;
  const truncate = file.operations.truncate;
  const result = truncate(thread, file, size);
  return note(file, IN_MODIFY, result === 0, result);
}

/** Modes of fallocate(2), include/uapi/linux/falloc.h: at most one operation, and whether the size stays. */
export const FALLOC_KEEP_SIZE: u32 = 1;
export const FALLOC_PUNCH_HOLE: u32 = 2;
const FALLOC_COLLAPSE_RANGE: u32 = 8;
const FALLOC_INSERT_RANGE: u32 = 32;
/** With FALLOC_ZERO_RANGE, FALLOC_UNSHARE_RANGE and FALLOC_WRITE_ZEROES. */
const FALLOC_OPERATIONS: u32 = 0xfa;

/** fallocate(2). */
export function allocateFile(
  thread: Thread,
  file: OpenFile,
  mode: u32,
  offset: i64,
  length: i64,
): i64 {
  if ((file.flags & O_PATH) !== 0) return -EBADF;
  if (offset < 0 || length <= 0) return -EINVAL;
  const operation = mode & ~FALLOC_KEEP_SIZE;
  if ((operation & ~FALLOC_OPERATIONS) !== 0 || (operation & (operation - 1)) !== 0) {
    return -EOPNOTSUPP;
  }
  const keeps = operation === FALLOC_PUNCH_HOLE;
  const moves = operation === FALLOC_COLLAPSE_RANGE || operation === FALLOC_INSERT_RANGE;
  if ((keeps && mode === operation) || (moves && mode !== operation)) return -EOPNOTSUPP;
  if (!writable(file)) return -EBADF;
  if ((operation !== 0 && isAppendOnly(file.node)) || isImmutable(file.node)) return -EPERM;
  const allocate = file.operations.allocate;
  const result = allocate(thread, file, mode, offset, length);
  return note(file, IN_MODIFY, result === 0, result);
}

/** The position `offset` from `base`, or -EINVAL where it is none. */
export function seekFrom(base: i64, offset: i64): i64 {
  const position = base + offset;
  return position < 0 || (offset > 0 && position < base) ? -EINVAL : position;
}
