// The tree of /proc. Its directories look at what there is whenever they are walked through or read: processes and threads
// come and go as entries, descriptors as links. Files are computed when they are read (process.ts, system.ts).
//
// A process sees those that descend from the same line of the start file, as in a PID namespace.

import { decimal } from "../../tools/screen/guest/digits";
import {
  ANONYMOUS_EPOLL,
  ANONYMOUS_EVENTFD,
  ANONYMOUS_INOTIFY,
  ANONYMOUS_SIGNALFD,
  ANONYMOUS_TIMERFD,
} from "../libroottask/anonymous_file";
import { fileAt, filesRoom } from "../libroottask/descriptors";
import { EACCES, EINVAL, EIO, ENOMEM, EPERM, ESRCH } from "../libroottask/errno";
import { FsState } from "../libroottask/fs_state";
import { allocate, create, destroy, release } from "../libroottask/heap";
import { Mount } from "../libroottask/mount";
import {
  FileOperations,
  newOperations,
  OpenFile,
  POSITION_KEPT,
  SEEK_CUR,
  SEEK_SET,
  seekFrom,
} from "../libroottask/open_file";
import { memoryScoreOf } from "../libroottask/out_of_memory";
import {
  currentThread,
  firstProgram,
  isInit,
  Program,
  programWithId,
  sharesLine,
  Thread,
  threadWithId,
} from "../libroottask/program";
import { firstMember, isRemains, nextMember, threadOrRemains } from "../libroottask/remains";
import { copyLiteral } from "../libroottask/text";
import { Transfer } from "../libroottask/transfer";
import {
  detach,
  Entry,
  entryOf,
  KIND_ANONYMOUS,
  KIND_DIRECTORY,
  KIND_FILE,
  KIND_LINK,
  KIND_PIPE,
  KIND_SOCKET,
  Node,
  Refresh,
} from "../libroottask/tree";
import { mayInspect } from "../linux/inspect";
import {
  childrenPidsFile,
  childrenTimesFile,
  initNamespaceFiles,
  isNamespaceFile,
  NAMESPACE_CGROUP,
  NAMESPACE_IPC,
  NAMESPACE_MOUNTS,
  NAMESPACE_NET,
  NAMESPACE_PID,
  NAMESPACE_TIME,
  NAMESPACE_USER,
  NAMESPACE_UTS,
  namespaceFile,
} from "../linux/namespaces/files";
import { setProcessDirectories } from "../linux/pidfd";
import { passAnyway } from "../linux/ptrace/memory";
import { linuxProgram, linuxThread } from "../linux/state";
import { addNode, name } from "./entries";
import { fdinfo } from "./fdinfo";
import * as mounts from "./mounts";
import { namespaceText } from "./namespace_text";
import { readPagemap } from "./page_details";
import * as process from "./process";
import { END, readSequence, restartSequence, Sequence } from "./sequence";
import { addSystemFiles, hasOwnRecords, showSystemFile } from "./system_files";
import { timeOffsets, writeTimeOffsets } from "./time_offsets";
import {
  begin,
  byte,
  hex,
  initWriter,
  number,
  signed,
  text,
  textLength,
  textStart,
} from "./writer";
import { writeFilter, writeName, writeScore } from "./writing";

/** What a node is: in the lower half of its `object`; the upper is the id of the process or thread it is about. */
const STAT: u32 = 1;
const STATUS: u32 = 2;
const STATM: u32 = 3;
const CMDLINE: u32 = 4;
const COMM: u32 = 5;
const ENVIRON: u32 = 6;
const MAPS: u32 = 7;
const SMAPS: u32 = 8;
const LIMITS: u32 = 9;
const MOUNTS: u32 = 10;
const MOUNTINFO: u32 = 11;
const EXE: u32 = 12;
const CWD: u32 = 13;
const ROOT: u32 = 14;
const SELF: u32 = 15;
const THREAD_SELF: u32 = 16;
const DIRECTORY: u32 = 17;
const LOGIN: u32 = 18;
const SCORE: u32 = 60;
const SCORE_SET: u32 = 61;
const CGROUP: u32 = 62;
const CORE_FILTER: u32 = 64;
const TIME_OFFSETS: u32 = 65;
const AUXV: u32 = 66;
const IDENTITY_MAP: u32 = 67;
const PERSONALITY: u32 = 68;
const PAGEMAP: u32 = 63;
const ROLLUP: u32 = 69;
const GROUPS_ALLOWED: u32 = 70;
const WAITS_IN: u32 = 71;
const TIMER_SLACK: u32 = 72;
const MEMORY: u32 = 73;
/** With the kind of namespace; FOR_CHILDREN is the one that children begin in. */
const NAMESPACE: u32 = 200;
const FOR_CHILDREN: u32 = 8;
/** In place of the id of a process that has gone: nobody has it. */
const NOBODY: u32 = 0xffff;
/** A descriptor of a process, whose number is the node's, as a link or, with INFO, as a file. */
const DESCRIPTOR: u32 = 0x4000;
const INFO: u32 = 0x8000;
const SHIFT: u32 = 16;

const storage = memory.data(64);
const listStorage = memory.data(64);
const unsplicedStorage = memory.data(64);

function whatOf(node: Node): u32 {
  return (node.object as u32) & ((1 << SHIFT) - 1);
}

function idOf(node: Node): u32 {
  return (node.object as u32) >> SHIFT;
}

/** The program that a node is about: of a process, or of a thread; null where that has gone. */
function programOf(node: Node): Program | null {
  const id = idOf(node);
  const thread = threadWithId(id);
  return thread !== null ? thread.program : programWithId(id);
}

/** The descriptor table of the thread that a node is about, a process' first one; 0 where that has gone. */
function filesOf(node: Node): usize {
  const thread = threadWithId(idOf(node));
  return thread === null ? 0 : thread.files;
}

/**
 * Linux has no splice_read() for what `what`, in a node with `object`, is: files of processes but the lists, and those with
 * records of their own (fs/proc/base.c, proc_net.c, ipc/util.c, kernel/configs.c).
 */
function isUnspliced(what: u32, object: u32): bool {
  if (object >> SHIFT !== 0) return true;
  return hasOwnRecords(what);
}

/** Puts a new node of `kind` by the name in `name`; null when memory is out. */
function add(directory: Node, length: u32, kind: u32, mode: u32, object: u32): Node | null {
  const node = addNode(directory, length, kind, mode, object as usize);
  if (node === null || kind !== KIND_FILE) return node;
  const what = object & ((1 << SHIFT) - 1);
  const lists = what === MOUNTS || what === MOUNTINFO;
  node.operations = lists ? listStorage : isUnspliced(what, object) ? unsplicedStorage : storage;
  return node;
}

function addFile(directory: Node, literal: string, what: u32, mode: u32): void {
  const id = idOf(directory) << SHIFT;
  add(directory, copyLiteral(name, literal), KIND_FILE, mode, id | what);
}

function addLink(directory: Node, literal: string, what: u32, refresh: Refresh): void {
  const id = idOf(directory) << SHIFT;
  const node = add(directory, copyLiteral(name, literal), KIND_LINK, 0o777, id | what);
  if (node !== null) node.refresh = changetype<usize>(refresh);
}

function addDirectory(directory: Node, literal: string, refresh: Refresh): void {
  const id = idOf(directory) << SHIFT;
  const node = add(directory, copyLiteral(name, literal), KIND_DIRECTORY, 0o555, id | DIRECTORY);
  if (node !== null) node.refresh = changetype<usize>(refresh);
}

/** Takes `entry` out of its directory with all that is in it. */
function remove(entry: Entry): void {
  const node = entry.node;
  for (let inner = node.entries; inner !== null; inner = node.entries) remove(inner);
  detach(entry);
}

/** Makes the text that has been written the target of link `node`. */
function setTarget(node: Node): void {
  if (node.capacity !== 0) release(node.data, node.capacity);
  node.capacity = 0;
  node.size = 0;
  node.data = allocate(textLength());
  if (node.data === 0) return;
  node.capacity = textLength();
  node.size = textLength() as u64;
  memory.copy(node.data, textStart(), textLength());
}

/** The thread that looks; null before there is one. */
function ownThread(): Thread | null {
  const thread = currentThread();
  return changetype<usize>(thread) === 0 || thread.id === 0 ? null : thread;
}

function refreshSelf(node: Node): void {
  const thread = ownThread();
  begin();
  if (thread !== null) {
    number(thread.program.id as u64);
    if (whatOf(node) === THREAD_SELF) {
      text("/task/");
      number(thread.id as u64);
    }
  }
  setTarget(node);
}

/** exe, cwd, root: links that lead to a node, whatever its name is. */
function refreshLink(node: Node): void {
  const program = programOf(node);
  const what = whatOf(node);
  let target: Node | null = null;
  let mount: Mount | null = null;
  if (program !== null && program.ended === 0) {
    const thread = threadWithId(idOf(node));
    if (what === EXE) {
      target = program.executable;
      mount = program.executableMount;
    } else if (thread !== null) {
      const fs = thread.fs;
      target = what === CWD ? fs.directory : fs.root;
      mount = what === CWD ? fs.directoryMount : fs.rootMount;
    }
  }
  begin();
  if (target !== null) process.path(mount, target, null);
  setTarget(node);
  node.target = target;
  node.targetMount = changetype<usize>(mount);
}

function anonymousName(node: Node): string {
  if (node.kind === KIND_SOCKET) return "socket:[";
  return node.kind === KIND_PIPE ? "pipe:[" : "anon_inode:[";
}

/** What Linux calls the kinds of file without a name, ANONYMOUS_…. */
function kindName(kind: u16): string {
  switch (kind) {
    case ANONYMOUS_EVENTFD:
      return "anon_inode:[eventfd]";
    case ANONYMOUS_EPOLL:
      return "anon_inode:[eventpoll]";
    case ANONYMOUS_INOTIFY:
      return "anon_inode:inotify";
    case ANONYMOUS_TIMERFD:
      return "anon_inode:[timerfd]";
    case ANONYMOUS_SIGNALFD:
      return "anon_inode:[signalfd]";
    default:
      return "anon_inode:[pidfd]";
  }
}

/** A descriptor: a link to what it is open on. */
function refreshDescriptor(node: Node): void {
  const files = filesOf(node);
  const file: OpenFile | null = files === 0 ? null : fileAt(files, node.device as u64);
  const target: Node | null = file === null ? null : file.node;
  const mount: Mount | null = file === null ? null : file.mount;
  const found: Entry | null = file === null ? null : file.entry;
  begin();
  if (target !== null) {
    const placed = target.names !== null || target.kind === KIND_FILE;
    if (isNamespaceFile(target)) {
      namespaceText(target);
    } else if (placed || target.kind === KIND_DIRECTORY) {
      process.path(mount, target, found);
    } else {
      const operations = changetype<FileOperations>(target.operations);
      if (target.kind === KIND_ANONYMOUS && operations.anonymous !== 0) {
        text(kindName(operations.anonymous));
      } else {
        text(anonymousName(target));
        number(target.inode as u64);
        byte(93);
      }
    }
  }
  setTarget(node);
  node.target = target;
  node.targetMount = changetype<usize>(mount);
}

/** The open descriptors of the process, as links or files about them. */
function refreshDescriptors(directory: Node): void {
  const files = filesOf(directory);
  const infos = whatOf(directory) === INFO;
  let entry = directory.entries;
  while (entry !== null) {
    const next: Entry | null = entry.next;
    if (files === 0 || fileAt(files, entry.node.device as u64) === null) remove(entry);
    entry = next;
  }
  for (let fd: u32 = 0; files !== 0 && fd < filesRoom(files); fd++) {
    if (fileAt(files, fd as u64) === null) continue;
    const length = decimal(name, fd as u64);
    if (entryOf(directory, name, length) !== null) continue;
    const object = (idOf(directory) << SHIFT) | (infos ? INFO : DESCRIPTOR);
    const node = add(
      directory,
      length,
      infos ? KIND_FILE : KIND_LINK,
      infos ? 0o400 : 0o700,
      object,
    );
    if (node === null) continue;
    node.device = fd;
    if (!infos) node.refresh = changetype<usize>(refreshDescriptor);
  }
}

/** The threads of the process. */
function refreshTasks(directory: Node): void {
  const program = programWithId(idOf(directory));
  let entry = directory.entries;
  while (entry !== null) {
    const next: Entry | null = entry.next;
    const thread = threadOrRemains(idOf(entry.node));
    if (thread === null || thread.program !== program) remove(entry);
    entry = next;
  }
  let thread: Thread | null = program === null ? null : firstMember(program);
  while (thread !== null) {
    addIfNew(directory, thread.id, refreshTask);
    thread = nextMember(thread);
  }
}

function addIfNew(directory: Node, id: u32, refresh: Refresh): void {
  const length = decimal(name, id as u64);
  if (entryOf(directory, name, length) !== null) return;
  const node = add(directory, length, KIND_DIRECTORY, 0o555, (id << SHIFT) | DIRECTORY);
  if (node === null) return;
  node.refresh = changetype<usize>(refresh);
  const thread = threadOrRemains(id);
  if (thread === null) return;
  node.owner = thread.credentials.effectiveUser;
  node.group = thread.credentials.effectiveGroup;
}

/** What processes and threads have in common; made when somebody looks for the first time. */
function fill(directory: Node): void {
  addFile(directory, "stat", STAT, 0o444);
  addFile(directory, "status", STATUS, 0o444);
  addFile(directory, "statm", STATM, 0o444);
  addFile(directory, "cmdline", CMDLINE, 0o444);
  addFile(directory, "comm", COMM, 0o644);
  addFile(directory, "environ", ENVIRON, 0o400);
  addFile(directory, "auxv", AUXV, 0o400);
  addFile(directory, "personality", PERSONALITY, 0o400);
  addFile(directory, "uid_map", IDENTITY_MAP, 0o644);
  addFile(directory, "gid_map", IDENTITY_MAP, 0o644);
  addFile(directory, "maps", MAPS, 0o444);
  addFile(directory, "mem", MEMORY, 0o600);
  addFile(directory, "smaps", SMAPS, 0o444);
  addFile(directory, "smaps_rollup", ROLLUP, 0o444);
  addFile(directory, "pagemap", PAGEMAP, 0o400);
  addFile(directory, "setgroups", GROUPS_ALLOWED, 0o644);
  addFile(directory, "wchan", WAITS_IN, 0o444);
  addFile(directory, "limits", LIMITS, 0o644);
  addFile(directory, "oom_score", SCORE, 0o444);
  addFile(directory, "oom_score_adj", SCORE_SET, 0o644);
  addFile(directory, "cgroup", CGROUP, 0o444);
  addFile(directory, "coredump_filter", CORE_FILTER, 0o644);
  addFile(directory, "loginuid", LOGIN, 0o644);
  addFile(directory, "sessionid", LOGIN, 0o444);
  addFile(directory, "mounts", MOUNTS, 0o444);
  addFile(directory, "mountinfo", MOUNTINFO, 0o444);
  addLink(directory, "exe", EXE, refreshLink);
  addLink(directory, "cwd", CWD, refreshLink);
  addLink(directory, "root", ROOT, refreshLink);
  addDirectory(directory, "fd", refreshDescriptors);
  addDirectory(directory, "fdinfo", refreshDescriptors);
  addDirectory(directory, "ns", refreshNamespaces);
  const infos = entryOf(directory, name, copyLiteral(name, "fdinfo"));
  if (infos !== null) infos.node.object = ((idOf(directory) << SHIFT) | INFO) as usize;
}

function refreshTask(directory: Node): void {
  if (directory.entries === null) fill(directory);
}

function refreshProcess(directory: Node): void {
  if (directory.entries !== null) return;
  fill(directory);
  addFile(directory, "timens_offsets", TIME_OFFSETS, 0o644);
  addFile(directory, "timerslack_ns", TIMER_SLACK, 0o666);
  addDirectory(directory, "task", refreshTasks);
}

/** The file of the namespace that the link `node` of `thread`, null for process 1, leads to; null for none. */
function namespaceOf(node: Node, thread: Thread | null): Node | null {
  const kind = namespaceKind(node);
  const children = ((whatOf(node) - NAMESPACE) & FOR_CHILDREN) !== 0;
  if (!children || thread === null) return namespaceFile(kind, thread);
  return kind === NAMESPACE_PID ? childrenPidsFile(thread) : childrenTimesFile(thread);
}

/** The namespace that a process or thread is in. */
function refreshNamespace(node: Node): void {
  const program = programOf(node);
  const thread = threadWithId(idOf(node));
  let file: Node | null = null;
  if (thread !== null || (program !== null && isInit(program))) {
    file = namespaceOf(node, thread);
  }
  begin();
  if (file !== null) namespaceText(file);
  setTarget(node);
  node.target = file;
  node.targetMount = 0;
}

function namespaceKind(node: Node): u32 {
  return (whatOf(node) - NAMESPACE) & (FOR_CHILDREN - 1);
}

function refreshNamespaces(directory: Node): void {
  if (directory.entries !== null) return;
  addLink(directory, "cgroup", NAMESPACE + NAMESPACE_CGROUP, refreshNamespace);
  addLink(directory, "ipc", NAMESPACE + NAMESPACE_IPC, refreshNamespace);
  addLink(directory, "mnt", NAMESPACE + NAMESPACE_MOUNTS, refreshNamespace);
  addLink(directory, "net", NAMESPACE + NAMESPACE_NET, refreshNamespace);
  addLink(directory, "pid", NAMESPACE + NAMESPACE_PID, refreshNamespace);
  const children = NAMESPACE + FOR_CHILDREN;
  addLink(directory, "pid_for_children", children + NAMESPACE_PID, refreshNamespace);
  addLink(directory, "time", NAMESPACE + NAMESPACE_TIME, refreshNamespace);
  addLink(directory, "time_for_children", children + NAMESPACE_TIME, refreshNamespace);
  addLink(directory, "user", NAMESPACE + NAMESPACE_USER, refreshNamespace);
  addLink(directory, "uts", NAMESPACE + NAMESPACE_UTS, refreshNamespace);
}

let processes: Node = changetype<Node>(0);

/** What is in `directory`, and it itself, is about nobody from now on. */
function disown(directory: Node): void {
  directory.object = ((NOBODY << SHIFT) | whatOf(directory)) as usize;
  let entry = directory.entries;
  while (entry !== null) {
    disown(entry.node);
    entry = entry.next;
  }
}

/** The process has gone: who has its files open is not to see the next one with its id by them. */
function forgetProcess(program: Program): void {
  const entry = entryOf(processes, name, decimal(name, program.id as u64));
  if (entry === null || idOf(entry.node) !== program.id) return;
  disown(entry.node);
  remove(entry);
}

function isVisible(program: Program): bool {
  const thread = ownThread();
  return program.id !== 0 && (thread === null || sharesLine(thread.program, program));
}

function refreshProcesses(directory: Node): void {
  let entry = directory.entries;
  while (entry !== null) {
    const next: Entry | null = entry.next;
    const id = idOf(entry.node);
    const program: Program | null = id === 0 ? null : programWithId(id);
    if (id !== 0 && (program === null || !isVisible(program))) remove(entry);
    entry = next;
  }
  let program = firstProgram();
  while (program !== null) {
    if (isVisible(program)) addIfNew(directory, program.id, refreshProcess);
    program = program.next;
  }
}

/** Writes the text of file `what` about `program`, which is one record. */
function ofProcess(what: u32, program: Program, thread: Thread | null, single: bool): void {
  switch (what) {
    case STAT:
      process.stat(program, thread, single);
      return;
    case STATUS:
      process.status(program, thread);
      return;
    case STATM:
      process.statm(program);
      return;
    case COMM:
      process.comm(program, thread);
      return;
    case LIMITS:
      process.limits(program);
      return;
    case SCORE:
      number(program.alive === 0 ? 0 : memoryScoreOf(program));
      byte(10);
      return;
    case SCORE_SET:
      signed(program.memoryScore as i64);
      byte(10);
      return;
    case CORE_FILTER:
      if (program.ended !== 0) return;
      hex(linuxProgram(program).dumpFilter as u64, 8);
      byte(10);
      return;
    case IDENTITY_MAP:
      process.identityMap();
      return;
    case PERSONALITY:
      if (thread === null) return;
      hex(linuxThread(thread).personality as u64, 8);
      byte(10);
      return;
    case TIME_OFFSETS:
      if (thread !== null && !isRemains(thread)) timeOffsets(thread);
      return;
    case ROLLUP:
      process.rollup(program);
      return;
    case GROUPS_ALLOWED:
      text("allow\n");
      return;
    case WAITS_IN:
      // Where a thread waits in a kernel is told to debuggers of that kernel; there is none.
      byte(48);
      return;
    case TIMER_SLACK:
      if (thread === null) return;
      number(linuxThread(thread).timerSlack);
      byte(10);
      return;
    case CGROUP:
      text("0::/\n");
      return;
    case LOGIN:
      // Nobody has logged in.
      number(u32.MAX_VALUE as u64);
      return;
    default:
      return;
  }
}

/** Writes record `key` of the text of `file`: the key of the next one, or END. */
function show(file: OpenFile, key: u64): u64 {
  const node = file.node;
  const what = whatOf(node);
  const id = idOf(node);
  if (id === 0) return showSystemFile(what, currentThread().program, key);
  const program = programOf(node);
  if (program === null) return END;
  if (what === MAPS || what === SMAPS) return process.maps(program, key, what === SMAPS);
  if (what === INFO) {
    const owner = threadOrRemains(id);
    if (owner !== null && !isRemains(owner)) fdinfo(owner, node.device);
    return END;
  }
  const parent = node.names === null ? node : (node.names as Entry).directory;
  // A directory below "task" is about one thread.
  const task = parent.refresh === changetype<usize>(refreshTask);
  ofProcess(what, program, threadOrRemains(id), task);
  return END;
}

/** Where the reader of `file` is; null when memory is out. */
function placeIn(file: OpenFile): Sequence | null {
  if (file.object === 0) file.object = changetype<usize>(create<Sequence>());
  return changetype<Sequence | null>(file.object);
}

/** Nobody has `file` open any more. */
function closeText(file: OpenFile): void {
  const sequence = changetype<Sequence | null>(file.object);
  if (sequence === null) return;
  restartSequence(sequence);
  destroy<Sequence>(sequence);
}

/** mem: memory of the process of `node`, as who traces it has it (proc_pid_mem(5)). How many bytes, or a negative error. */
function passProcessMemory(
  reader: Thread,
  node: Node,
  transfer: Transfer,
  position: i64,
  writes: bool,
): i64 {
  const target = threadOrRemains(idOf(node));
  if (target === null) return -ESRCH;
  if (!mayInspect(reader, target)) return -EACCES;
  const space = process.spaceOf(target.program);
  if (space === null || transfer.left === 0) return 0;
  const passed = passAnyway(space, transfer, position as u64, writes);
  return passed === 0 ? -EIO : (passed as i64);
}

/** Passes what is no text, but memory of `program`. */
function readMemory(what: u32, program: Program, transfer: Transfer, position: i64): i64 {
  const space = process.spaceOf(program);
  if (what === PAGEMAP) return readPagemap(space, transfer, position);
  if (space === null) return 0;
  if (what === AUXV) return process.auxiliaryVector(space, transfer, position);
  return what === CMDLINE
    ? process.cmdline(space, transfer, position)
    : process.environ(space, transfer, position);
}

function read(thread: Thread, file: OpenFile, transfer: Transfer, position: i64): i64 {
  const node = file.node;
  const what = whatOf(node);
  if (idOf(node) !== 0) {
    const program = programOf(node);
    if (program === null) return -ESRCH;
    if (what === MEMORY) return passProcessMemory(thread, node, transfer, position, false);
    const memory = what === PAGEMAP || what === CMDLINE || what === ENVIRON || what === AUXV;
    if (memory) return readMemory(what, program, transfer, position);
  }
  const sequence = placeIn(file);
  return sequence === null ? -ENOMEM : readSequence(sequence, file, transfer, position, show);
}

/** What the process of `node` has of the file system, null where it has gone. */
function fsStateOf(node: Node): FsState | null {
  const id = idOf(node);
  let thread = threadWithId(id);
  const program = thread === null ? programWithId(id) : null;
  if (program !== null) thread = program.threads;
  return thread === null ? null : thread.fs;
}

function openMounts(_thread: Thread, file: OpenFile): i64 {
  return mounts.openList(file, fsStateOf(file.node));
}

function showMount(file: OpenFile, key: u64): u64 {
  const state = fsStateOf(file.node);
  if (state === null) return END;
  return mounts.lineOf(file, key, state, currentThread().fs, whatOf(file.node) === MOUNTINFO);
}

function readMounts(_thread: Thread, file: OpenFile, transfer: Transfer, position: i64): i64 {
  return readSequence(mounts.placeIn(file), file, transfer, position, showMount);
}

/** Root gets as far as here with any file. */
function write(thread: Thread, file: OpenFile, transfer: Transfer, position: i64): i64 {
  const node = file.node;
  if (idOf(node) === 0) return -EIO;
  // The first namespace has all ids, and what it has does not change.
  if (whatOf(node) === IDENTITY_MAP) return -EPERM;
  if (whatOf(node) === TIME_OFFSETS) {
    return writeTimeOffsets(threadWithId(idOf(node)), transfer, position);
  }
  if (whatOf(node) === MEMORY) return passProcessMemory(thread, node, transfer, position, true);
  if (whatOf(node) === COMM) return writeName(thread, threadOrRemains(idOf(node)), transfer);
  if (whatOf(node) === CORE_FILTER) return writeFilter(programOf(node), transfer);
  if (whatOf(node) !== SCORE_SET) return -EINVAL;
  const program = programOf(node);
  return program === null ? -ESRCH : writeScore(program, transfer);
}

/** There is no end to seek from. */
function seek(file: OpenFile, offset: i64, whence: u32): i64 {
  if (whence !== SEEK_SET && whence !== SEEK_CUR) return -EINVAL;
  const position = seekFrom(whence === SEEK_SET ? 0 : file.position, offset);
  if (position >= 0) file.position = position;
  return position;
}

/** Makes the record at `at` the operations of files that are texts. */
function textOperations(at: usize): FileOperations {
  const operations = newOperations(at);
  operations.read = read;
  operations.release = closeText;
  operations.write = write;
  operations.seek = seek;
  operations.position = POSITION_KEPT;
  return operations;
}

/** Fills `directory`, which is /proc. False when memory is out. */
export function fillProc(directory: Node): bool {
  if (!initWriter()) return false;
  initNamespaceFiles();
  textOperations(storage);
  textOperations(unsplicedStorage).unspliced = 1;
  const lists = newOperations(listStorage);
  lists.open = openMounts;
  lists.release = mounts.closeList;
  lists.read = readMounts;
  lists.write = write;
  lists.seek = seek;
  lists.poll = mounts.pollList;
  lists.source = mounts.sourceOfList;
  lists.position = POSITION_KEPT;
  processes = directory;
  setProcessDirectories(programOf, forgetProcess, changetype<usize>(refreshProcess));
  directory.mode = 0o555;
  addLink(directory, "self", SELF, refreshSelf);
  addLink(directory, "thread-self", THREAD_SELF, refreshSelf);
  begin();
  text("self/mounts");
  const length = copyLiteral(name, "mounts");
  const link = add(directory, length, KIND_LINK, 0o777, 0);
  if (link !== null) setTarget(link);
  addSystemFiles(directory, addFile);
  directory.refresh = changetype<usize>(refreshProcesses);
  return true;
}
