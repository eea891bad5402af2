// open(2): finds or makes the node a path names and puts an open file on it into a descriptor table.

import { truncateContents } from "./contents";
import { MAY_EXECUTE, MAY_READ, MAY_WRITE } from "./credentials";
import { closeFile, fileAt, hasFreeDescriptor, installFile, replaceFile } from "./descriptors";
import {
  EACCES,
  EEXIST,
  EINVAL,
  EISDIR,
  ELOOP,
  EMFILE,
  ENOENT,
  ENOMEM,
  ENOSPC,
  ENOTDIR,
  EOPNOTSUPP,
  EPERM,
} from "./errno";
import { IN_MODIFY, noteCreated, noteFile } from "./file_events";
import { isAppendOnly } from "./file_flags";
import { inherit } from "./file_names";
import { enterSystem, hasInode, systemOf } from "./file_system";
import { markCreated, markModified } from "./file_time";
import { hasFlag, Mount, MS_NODEV, permitChange } from "./mount";
import { dropMount, keepMount } from "./mount_users";
import {
  dropFile,
  endCall,
  findThrough,
  hold,
  noteOpen,
  O_ACCMODE,
  O_APPEND,
  O_CLOEXEC,
  O_CREAT,
  O_DIRECTORY,
  O_EXCL,
  O_LARGEFILE,
  O_NOATIME,
  O_NOCTTY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  O_TMPFILE,
  O_TRUNC,
  O_WRONLY,
  OpenFile,
  openNode,
  writable,
} from "./open_file";
import { owns, permit, permitNew } from "./permission";
import { Program, Thread } from "./program";
import {
  attach,
  dispose,
  dropEntry,
  Entry,
  KIND_BLOCK,
  KIND_DEVICE,
  KIND_DIRECTORY,
  KIND_FILE,
  KIND_LINK,
  keepEntry,
  Node,
  newNode,
  root,
  rootMount,
  walk,
  walkDirectory,
  walkDirectoryMount,
  walkEntry,
  walkMount,
  walkName,
  walkNameLength,
  walkNode,
  walkSlash,
  walkToFile,
} from "./tree";
import { countWriter, mayWriteTo } from "./write_access";

/** Puts `file`, which has no user yet, into the lowest free descriptor of the program, or drops it: a negative error. */
export function giveDescriptor(program: Program, file: OpenFile, flags: u32): i64 {
  const fd = installFile(program.files, file, 0, program.filesLimit, (flags & O_CLOEXEC) !== 0);
  dropFile(file);
  return fd;
}

/** An open file on `node`, which the call of `thread` holds; null when memory is out, and what nobody has goes. */
function openHeld(thread: Thread, node: Node, flags: u32): OpenFile | null {
  const file = openNode(node, flags);
  if (file === null) dispose(node);
  else hold(thread, file);
  return file;
}

/** As `openDescriptor`, for open(2): who may write keeps the file from being run. */
function openFound(
  thread: Thread,
  mount: Mount | null,
  node: Node,
  entry: Entry | null,
  flags: u32,
): i64 {
  const file = openHeld(thread, node, flags);
  if (file === null) return -ENOMEM;
  if (writable(file)) countWriter(file);
  return finishOpening(thread, file, mount, entry, flags);
}

/**
 * An open file on `node`, found through `mount` and by `entry` where it was by a name, in the lowest free descriptor of the
 * thread's program, or a negative error. May wait.
 */
export function openDescriptor(
  thread: Thread,
  mount: Mount | null,
  node: Node,
  entry: Entry | null,
  flags: u32,
): i64 {
  const file = openHeld(thread, node, flags);
  return file === null ? -ENOMEM : finishOpening(thread, file, mount, entry, flags);
}

function finishOpening(
  thread: Thread,
  file: OpenFile,
  mount: Mount | null,
  entry: Entry | null,
  flags: u32,
): i64 {
  findThrough(file, mount);
  // While it waits, the name may go.
  if (entry !== null) keepEntry(entry);
  file.entry = entry;
  if ((flags & O_PATH) === 0) {
    const open = file.operations.open;
    // It counts for the opening alone.
    file.flags |= flags & O_NOCTTY;
    const error = open(thread, file);
    file.flags &= ~O_NOCTTY;
    if (error !== 0) return error;
  }
  const program = thread.program;
  const closing = (flags & O_CLOEXEC) !== 0;
  const fd = installFile(program.files, file, 0, program.filesLimit, closing);
  if (fd >= 0) noteOpen(file);
  return fd;
}

/** A file nobody names yet, for the last walk's place or for O_TMPFILE; null when memory is out. */
function newFile(directory: Node, mode: u32): Node | null {
  const node = newNode(KIND_FILE, mode & 0o7777);
  if (node === null) return null;
  const system = systemOf(directory);
  if (system !== null) enterSystem(node, system);
  markCreated(node);
  inherit(node, directory);
  return node;
}

function createFile(thread: Thread, flags: u32, mode: u32): i64 {
  const directory = walkDirectory as Node;
  const mount = walkDirectoryMount;
  let refused = permitChange(mount);
  if (refused === 0) refused = permitNew(directory);
  if (refused !== 0) return refused;
  if (!hasInode(directory)) return -ENOSPC;
  const node = newFile(directory, mode);
  if (node === null) return -ENOMEM;
  const attached = attach(directory, node, walkName, walkNameLength);
  if (attached !== 0) {
    dispose(node);
    return attached;
  }
  markModified(directory);
  noteCreated(node.names as Entry);
  return openFound(thread, mount, node, node.names, flags);
}

function openTemporary(
  thread: Thread,
  mount: Mount | null,
  directory: Node,
  flags: u32,
  mode: u32,
): i64 {
  if (directory.kind !== KIND_DIRECTORY) return -ENOTDIR;
  let refused = permitChange(mount);
  if (refused === 0) refused = permit(directory, MAY_WRITE | MAY_EXECUTE);
  if (refused !== 0) return refused;
  // What is computed makes no files.
  if (directory.refresh !== 0) return -EOPNOTSUPP;
  if (!hasInode(directory)) return -ENOSPC;
  const node = newFile(directory, mode);
  if (node === null) return -ENOMEM;
  if ((flags & O_EXCL) === 0) node.linkable = 1;
  return openFound(thread, mount, node, null, flags);
}

/** `node`, which was found through `mount`, may be opened with `flags`: 0 or a negative error. */
function mayOpen(mount: Mount | null, node: Node, flags: u32): i64 {
  if ((flags & O_PATH) !== 0) return 0;
  const special = node.kind === KIND_DEVICE || node.kind === KIND_BLOCK;
  if (special && hasFlag(mount, MS_NODEV)) return -EACCES;
  const mode = flags & O_ACCMODE;
  let wanted: u32 = mode === O_WRONLY ? 0 : MAY_READ;
  if (mode !== O_RDONLY || (flags & O_TRUNC) !== 0) wanted |= MAY_WRITE;
  const refused = permit(node, wanted);
  if (refused !== 0) return refused;
  if (isAppendOnly(node)) {
    if (mode !== O_RDONLY && (flags & O_APPEND) === 0) return -EPERM;
    if ((flags & O_TRUNC) !== 0) return -EPERM;
  }
  if ((flags & O_NOATIME) !== 0 && !owns(node)) return -EPERM;
  // What is no file of the file system's can be written to all the same.
  return (wanted & MAY_WRITE) !== 0 && node.kind === KIND_FILE ? permitChange(mount) : 0;
}

/** Waits until no lease stands against opening `node` with `flags`, or against cutting it; 0 or a negative error. */
type LeaseBreak = (thread: Thread, node: Node, flags: u32) => i64;

function noLease(_thread: Thread, _node: Node, _flags: u32): i64 {
  return 0;
}

let breakLease: LeaseBreak = noLease;

/** The personality has leases (fcntl(2), F_SETLEASE). */
export function setLeaseBreak(hook: LeaseBreak): void {
  breakLease = hook;
}

/** The same for `node`, found through `mount` by `entry`, which stay meanwhile. */
export function awaitLease(
  thread: Thread,
  mount: Mount | null,
  node: Node,
  entry: Entry | null,
  flags: u32,
): i64 {
  if (node.leases === 0) return 0;
  node.users++;
  keepMount(mount);
  if (entry !== null) keepEntry(entry);
  const error = breakLease(thread, node, flags);
  if (entry !== null) dropEntry(entry);
  node.users--;
  dispose(node);
  dropMount(mount);
  return error;
}

function openPresent(
  thread: Thread,
  mount: Mount | null,
  node: Node,
  found: Entry | null,
  flags: u32,
): i64 {
  const writing = (flags & O_ACCMODE) !== O_RDONLY;
  if ((flags & (O_CREAT | O_EXCL)) === (O_CREAT | O_EXCL)) return -EEXIST;
  if (node.kind === KIND_LINK && (flags & O_PATH) === 0) {
    return (flags & O_DIRECTORY) !== 0 ? -ENOTDIR : -ELOOP;
  }
  if (node.kind === KIND_DIRECTORY) {
    const changing = writing || (flags & O_TRUNC) !== 0;
    if ((changing && (flags & O_PATH) === 0) || (flags & O_CREAT) !== 0) return -EISDIR;
  } else if ((flags & O_DIRECTORY) !== 0) {
    return -ENOTDIR;
  }
  const entry = found === null ? node.names : found;
  const refused = mayOpen(mount, node, flags);
  if (refused !== 0) return refused;
  const changes = (writing || (flags & O_TRUNC) !== 0) && (flags & O_PATH) === 0;
  const busy = changes ? mayWriteTo(node) : 0;
  if (busy !== 0) return busy;
  if ((flags & O_PATH) === 0) {
    const leased = awaitLease(thread, mount, node, entry, flags);
    if (leased !== 0) return leased;
  }
  if ((flags & O_TRUNC) !== 0 && node.kind === KIND_FILE) {
    const emptied = truncateContents(node, 0, thread.program.fileLimit);
    if (emptied !== 0) return emptied;
    noteFile(node, entry, IN_MODIFY);
  }
  return openFound(thread, mount, node, entry, flags);
}

/** What of `wanted` counts: with O_PATH nothing else of what an open may do. */
function countingFlags(wanted: u32): u32 {
  if ((wanted & O_PATH) === 0) return wanted | O_LARGEFILE;
  return wanted & (O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/** `flags` of an open go together: 0 or -EINVAL. With O_PATH those that count for nothing may be anything. */
export function checkFlags(flags: u32): i64 {
  if ((flags & O_PATH) !== 0) return 0;
  const makes = (flags & O_CREAT) !== 0;
  if ((flags & O_TMPFILE) === 0) return makes && (flags & O_DIRECTORY) !== 0 ? -EINVAL : 0;
  const whole = (flags & O_DIRECTORY) !== 0 && (flags & O_ACCMODE) !== O_RDONLY;
  return whole && !makes ? 0 : -EINVAL;
}

/**
 * Opens `path`, seen from directory `base` of `mount`, for the program of `thread`, whose call holds the file then. Returns a
 * descriptor or a negative error number. May wait.
 */
export function openPath(
  thread: Thread,
  mount: Mount | null,
  base: Node,
  path: usize,
  length: u32,
  wanted: u32,
  mode: u32,
): i64 {
  const flags = countingFlags(wanted);
  const wrong = checkFlags(flags);
  if (wrong !== 0) return wrong;
  const temporary = (flags & O_TMPFILE) !== 0;
  const program = thread.program;
  if (!hasFreeDescriptor(program.files, program.filesLimit)) return -EMFILE;
  const follow = (flags & O_NOFOLLOW) === 0 && (flags & (O_CREAT | O_EXCL)) !== (O_CREAT | O_EXCL);
  const creates = (flags & O_CREAT) !== 0;
  const error = creates
    ? walkToFile(mount, base, path, length, follow)
    : walk(mount, base, path, length, follow);
  if (error !== 0) return error;
  if (creates && walkSlash) return -EISDIR;
  const node = walkNode;
  if (node === null) return creates ? createFile(thread, flags, mode) : -ENOENT;
  if (temporary) return openTemporary(thread, walkMount, node, flags, mode);
  return openPresent(thread, walkMount, node, walkEntry, flags);
}

/** The same for `node`, which is known without a path: found through `mount`, with a name of it where it has one. */
export function openKnown(
  thread: Thread,
  mount: Mount,
  node: Node,
  entry: Entry | null,
  wanted: u32,
): i64 {
  const flags = countingFlags(wanted);
  const wrong = checkFlags(flags);
  if (wrong !== 0) return wrong;
  if ((flags & O_TMPFILE) !== 0) return openTemporary(thread, mount, node, flags, 0);
  return openPresent(thread, mount, node, entry, flags);
}

/**
 * Makes standard stream `fd` of `program`, which does not run yet, the file at `path` seen from the root: 0 or a negative
 * error. A FIFO, which has to be waited for, is none.
 */
export function openStandard(program: Program, fd: u32, path: usize, length: u32, flags: u32): i64 {
  const thread = program.threads as Thread;
  const opened = openPath(thread, rootMount(), root(), path, length, flags | O_NONBLOCK, 0o644);
  if (opened >= 0) {
    const file = fileAt(program.files, opened as u64) as OpenFile;
    file.flags &= ~O_NONBLOCK;
    // There is room: every table begins with these descriptors.
    replaceFile(program.files, file, fd, false);
    closeFile(program.files, opened as u64);
  }
  endCall(thread);
  return min<i64>(opened, 0);
}
