// The records of programs and their threads. A program has what its threads share: address space, open
// files, directory, numbers in log and summary. A thread has what runs: kernel objects, handler EC and its
// message, what it waits for. Thread records come in slots that are used again, kernel objects and all
// (thread.ts); ids are Linux's process and thread ids.

import { Utcb } from "../libhedron/utcb";
import { WORD_THREADS, WORD_WAITERS } from "../libhrstd/mediator_layout";
import { initAreas, Space } from "./areas";
import { monotonic } from "./clock";
import { Credentials, initCredentials } from "./credentials";
import { FsState } from "./fs_state";
import { create, destroy } from "./heap";
import { Mount } from "./mount";
import { allocatePages } from "./pages";
import { forgetNumbers, initPidNamespaces, numberIn, PIDS, PidNamespace } from "./pid_namespace";
import { initSpaceSlots } from "./space_slots";
import { Transfer } from "./transfer";
import { Node } from "./tree";

export const ABI_LINUX: u32 = 0;
export const ABI_NATIVE: u32 = 1;

export const STATE_NEW: u32 = 0;
export const STATE_RUNNING: u32 = 1;
export const STATE_EXITED: u32 = 2;
export const STATE_KILLED: u32 = 3;
export const STATE_FAILED: u32 = 4;

/** Threads and programs there can be at a time. */
export const THREADS_MAX: u32 = 1023;
export const PROGRAMS_MAX: u32 = 1023;

/**
 * Signal number by which a program ends that waits for ever, outlives its entry, or is told to die
 * (linux/signal_numbers.ts).
 */
export const SIGKILL: u32 = 9;

/** How the last wait of a thread ended; WAIT_NONE while it lasts. */
export const WAIT_NONE: u32 = 0;
export const WAIT_WOKEN: u32 = 1;
export const WAIT_INTERRUPTED: u32 = 2;
export const WAIT_TIMED_OUT: u32 = 3;

/** Storage for what a personality keeps per thread, zero when the thread begins. */
export const THREAD_PERSONALITY_BYTES: u32 = 512;

@unmanaged
export class Program {
  /** Its slot, 1…PROGRAMS_MAX. */
  slot: u32;
  /** Process id: the id of its first thread. */
  id: u32;
  /** The program of the start file that it descends from, or itself; it is to all that do what init is elsewhere. */
  entry: Program;
  /** Who waits for it; null where it is its own `entry`. */
  parent: Program | null;
  /** Ids of its process group and session. */
  group: u32;
  session: u32;
  /** Id of who has started it, where it is its own `entry`: its group and session at first, and nobody else is seen by it. */
  starter: u32;
  /** The PID namespace that it is in, null for its line's. */
  pidNamespace: PidNamespace | null;
  /** It is the first of one, which signals without a handler do not reach (SIGNAL_UNKILLABLE of Linux). */
  unkillable: u32;
  /** It has ended as the first of one, in which others have still to go. */
  closing: u32;
  /** Where it is in time namespaces (linux/namespaces/time.ts), 0 for the first. */
  timeNamespace: usize;
  /** The page that it reads clocks from (mediator.ts), 0 for that of all. */
  timePage: usize;
  /** Its controlling terminal, 0 for none. */
  terminal: usize;
  /** Signal its parent gets at its end, 0 for none. */
  exitSignal: u32;
  /** Nothing runs any more, and all but the record has been given back. */
  ended: u32;
  /** It has called execve(2). */
  replaced: u32;
  /** Number in the log, in order of start; its descendants have the same. */
  number: u32;
  abi: u32;
  /** Its system calls go to a mediator where the kernel lets them. */
  mediated: u32;
  /** What it may hand out by itself where the program's limits let it, bytes; 0 is nothing. */
  pregrant: u64;
  state: u32;
  /** Exit status, signal number, or the loader's error. */
  status: u32;
  /** There is a core dump of it. */
  dumped: u32;
  /** It has ended: no thread of it may go on. */
  ending: u32;
  /** Threads that have not ended. */
  alive: u32;
  threads: Thread | null;
  /** What is left of its first thread once that has ended (remains.ts), null before. */
  remains: Thread | null;
  /** The one that calls execve(2), null for none: others come to their end at their next call or event. */
  survivor: Thread | null;
  /** Path as written in the start file. */
  name: usize;
  nameLength: u32;
  space: Space;
  /** What execve(2) has made ready, with its pages for files, while it waits for other threads to end. */
  nextSpace: Space | null;
  nextEntries: usize;
  nextWords: usize;
  /** Pages for files that its mediator reads (shared_files.ts), 0 where it has none. */
  fileEntries: usize;
  fileWords: usize;
  /** Descriptor table, working directory and umask of that of its threads which has the lock, or had it last; 0 for none. */
  files: usize;
  fs: FsState;
  /** Its threads have had different descriptor tables since it began or was replaced. */
  separateFiles: u32;
  executable: Node | null;
  executableMount: Mount | null;
  /** Descriptors it opens are below this (RLIMIT_NOFILE). */
  filesLimit: u32;
  /** Largest size its writes may give a file (RLIMIT_FSIZE). */
  fileLimit: u64;
  /** What the personality keeps per program, and its size. */
  personality: usize;
  personalityBytes: u32;
  /** What the personality has of its signals and of what it does at each, 0 for nothing. */
  signals: usize;
  actions: usize;
  /** What the personality has of descriptors that mean it, 0 for nothing. */
  processFiles: usize;
  /** When it began, as monotonic nanoseconds. */
  since: u64;
  /** CPU time of threads of it that have ended, and of children that were waited for, in microseconds. */
  usedTime: u64;
  childrenTime: u64;
  /** Ticks that handlers of threads of it that have ended worked for it, and microseconds that they did for children. */
  handledTicks: u64;
  childrenSystemTime: u64;
  /** Microseconds of the program's own that were told last, of which there are never fewer (system_time.ts). */
  toldUserTime: u64;
  /** Pages it had at most, once it has ended; and the most that a child that was waited for had. */
  peak: u32;
  childrenPeak: u32;
  /** System calls of a foreign program, service calls of any. */
  calls: u64;
  faults: u64;
  /** How much sooner it is ended when memory is out, -1000 (never) to 1000, and the least it may be without rights. */
  memoryScore: i32;
  leastMemoryScore: i32;
  /** What it and all that descend from it weigh while one is looked for to end (out_of_memory.ts). */
  weight: i64;
  /** What is kept for the summary. */
  result: usize;
  /** Objects of System V that all have who descend from it, where it is its own `entry` (linux/ipc/objects.ts); 0 for none. */
  ipc: usize;
  /** Keys that all have who descend from it, where it is its own `entry` (linux/keys/records.ts); 0 for none. */
  keys: usize;
  /** Names that it has given its host, where it is its own `entry` (linux/host_names.ts), 0 for none. */
  hostNames: usize;
  /** What it calls core dumps, where it is its own `entry` (linux/core_name.ts), 0 where it has not said. */
  corePattern: usize;
  /** Next of all programs. */
  next: Program | null;

  get directory(): Node {
    return this.fs.directory;
  }

  get directoryMount(): Mount {
    return this.fs.directoryMount;
  }
}

@unmanaged
export class Thread {
  /** Its slot, 1…THREADS_MAX; the slot's storage and kernel objects stay when the thread ends. */
  slot: u32;
  /** First selector of the slot. */
  block: u64;
  /** Stack and message buffer of its handler EC. */
  stack: usize;
  utcb: Utcb;
  /** Registers it starts with: REGISTERS_BYTES. */
  registers: usize;
  personality: usize;
  /** Where the bytes of its call are. */
  transfer: Transfer;
  /** Page of its mediator, 0 where it has never had one. */
  page: usize;
  /** The processor that it runs on (processors.ts), to which the slot's kernel objects are bound. */
  processor: u32;
  /** Next free slot. */
  nextFree: Thread | null;

  /** Thread id; 0 while the slot is free. */
  id: u32;
  program: Program;
  /** The set of those that it may run on. */
  processors: u64;
  /** Whom it acts as. */
  credentials: Credentials;
  /** Its descriptor table, working directory and umask, 0 before it has them. */
  files: usize;
  fs: FsState;
  /** Next of the program's threads. */
  next: Thread | null;
  /** Where its mediator keeps the program's registers, 0 where it has none. */
  frame: usize;
  /** All its calls are messages: somebody looks at each (bypassMediator()). */
  direct: u32;
  /** Where it enters user mode. */
  entryRip: u64;
  entryRsp: u64;
  entryFlags: u64;
  /** It goes on with what an event has told, segment bases included (migration.ts). */
  moved: u32;
  /** Where its program sees its EC's UTCB. */
  utcbAddress: u64;
  /** Slot of the thread whose floating-point and vector state it begins with, 0 for the initial state. */
  likeSlot: u32;
  /** CPU time of kernel objects that it has had before, in microseconds. */
  usedTime: u64;
  /** Ticks of the TSC that its handler has worked for it, and when it began to; those of its own time told last as a program's. */
  handledTicks: u64;
  handledSince: u64;
  toldUserTime: u64;
  /** Open files its call works with (open_file.ts). */
  held0: usize;
  held1: usize;
  /** Storage its call works with, of a size open_file.ts knows. */
  buffer: usize;
  /** The block device at which its call has the turn (block_device.ts). */
  turn: usize;
  /** What its call watches for readiness, the first of the watches (readiness.ts). */
  watches: usize;
  /** Its call has written to a pipe that nobody reads. */
  broken: u32;
  /** A signal has come for it before its call has begun: its next wait ends at once. */
  alerted: u32;
  /** A signal has ended a wait of its call that a socket's time limits. */
  limited: u32;
  /** Id of the thread that it lends its memory to, and waits for; of the one that waits for it so (vfork(2)); 0 for none. */
  lends: u32;
  lender: u32;
  /** It is in the queue of waiting threads. */
  waiting: u32;
  /** WAIT_…: how the wait ended. */
  outcome: u32;
  /** What it waits for: an object and a key, compared by whoever wakes; and whether without a time limit. */
  channel: usize;
  key: u64;
  forever: u32;
  /** Whose lock of a range it waits for, and for whom (record_locks.ts); 0 for none. */
  recordAwaited: usize;
  recordOwner: usize;
  /** Of a futex: which wakes are for it (FUTEX_WAIT_BITSET). */
  bits: u32;
  /** IDLE_…: it waits for others to ask it for something, and has nothing to do otherwise (idle.ts). */
  idle: u32;
  /** Its neighbours in the list that it is in while it waits, which list that is, and its turn among all (wait_queue.ts). */
  waitPrevious: Thread | null;
  waitList: usize;
  waitTurn: u64;
  /** What else it waits for: so many pairs of channel and key, u64 each, and which of them has been woken (futex_waitv(2)). */
  choices: usize;
  choiceCount: u32;
  choice: u32;
  waitNext: Thread | null;
}

/** Bytes of a UTCB that hold the registers of an exception message. */
export const REGISTERS_BYTES: u32 = offsetof<Utcb>() as u32;

/** Whose portal was called last by those who have the lock, or whose wait has ended. */
let current: Thread = changetype<Thread>(0);

/** The thread whose call or event is handled now. */
export function currentThread(): Thread {
  return current;
}

/** `thread` has got the lock. */
export function setCurrentThread(thread: Thread): void {
  current = thread;
}

/** `thread` goes on, with the lock: what its program has of it is that thread's. */
export function resumeThread(thread: Thread): void {
  setCurrentThread(thread);
  thread.program.files = thread.files;
  thread.program.fs = thread.fs;
}

/** One past the largest id, as Linux has it by default. */
export const IDS: u32 = PIDS;
const IDS_ORDER: u32 = 5;
/** Mark of an id whose thread has ended while its program goes by it. */
const RESERVED: usize = 1;

/** Where ids begin again. */
const IDS_AGAIN: u32 = 300;

let ids: usize = 0;
const numbering = memory.data(8);
const slots = memory.data(1024 * 4);
const programSlots = memory.data(1024);
let programs: Program | null = null;
let started: u32 = 0;
/** Threads that have been given an id so far. */
let begun: u64 = 0;

/** Must be called first. False when memory is out. */
export function initPrograms(): bool {
  ids = allocatePages(IDS_ORDER);
  store<u32>(pidMax(), IDS);
  store<u32>(lastPid(), 0);
  programs = null;
  init = null;
  started = 0;
  begun = 0;
  memory.fill(slots, 0, (THREADS_MAX + 1) * 4);
  memory.fill(programSlots, 0, PROGRAMS_MAX + 1);
  initCredentials();
  initPidNamespaces();
  initSpaceSlots();
  initAreas();
  return ids !== 0;
}

/**
 * Tells the mediators in `space` how many threads there wait for a futex, before anything is read that comes behind; the
 * way into a mediator ends in IRET, which waits for the program's stores likewise.
 */
export function tellWaiters(space: Space): void {
  if (space.words !== 0) atomic.store<u32>(space.words + WORD_WAITERS, space.futexWaiters);
}

/** Tells the mediator of `program` how many threads there are, and how many wait. */
export function tellThreads(program: Program): void {
  const words = program.fileWords;
  if (words === 0) return;
  store<u32>(words + WORD_THREADS, program.alive);
  tellWaiters(program.space);
}

/** Threads and processes since the start, whatever has become of them. */
export function begunThreads(): u64 {
  return begun;
}

/** The next program is number 1 again: those before were none that anybody started. */
export function restartNumbers(): void {
  started = 0;
}

/** First of the programs that have not been freed; `next` leads on, newest first. */
export function firstProgram(): Program | null {
  return programs;
}

/** The thread slot `slot`, which portals have been made for. */
export function slotAt(slot: u32): Thread {
  return changetype<Thread>(load<usize>(slots + slot * 4));
}

export function enterSlot(thread: Thread): void {
  store<usize>(slots + thread.slot * 4, changetype<usize>(thread));
}

/** Where one past the largest id is (u32), as programs set it: /proc/sys/kernel/pid_max; IDS counts as well. */
export function pidMax(): usize {
  return numbering;
}

/** Where the id is that was given last (u32). */
export function lastPid(): usize {
  return numbering + 4;
}

/** The first free id behind the last one and below `end`, or from IDS_AGAIN on; 0 where there is none. */
function freeId(end: u32): u32 {
  const last = load<u32>(lastPid());
  for (let id = last + 1; id < end; id++) if (load<usize>(ids + id * 4) === 0) return id;
  const begin = min<u32>(IDS_AGAIN, last + 1);
  for (let id = begin; id < end; id++) if (load<usize>(ids + id * 4) === 0) return id;
  return 0;
}

/** A thread more can have an id. */
export function hasFreeId(): bool {
  return freeId(min<u32>(load<u32>(pidMax()), IDS)) !== 0;
}

/** `id`, nobody's so far, is that of `entry`. */
function enterId(id: u32, entry: usize): void {
  forgetNumbers(id);
  store<usize>(ids + id * 4, entry);
}

/** Gives `thread` an id nobody has: upwards from the last one, then from IDS_AGAIN on. */
export function takeId(thread: Thread): void {
  let id = freeId(min<u32>(load<u32>(pidMax()), IDS));
  // A line of the start file begins whatever the last one has set; there are more ids than slots.
  if (id === 0) id = freeId(IDS);
  begun++;
  store<u32>(lastPid(), id);
  enterId(id, changetype<usize>(thread));
  thread.id = id;
}

/**
 * Puts `program`, the first of its line, into group and session of who has started it, as a shell's child is before anybody
 * says setsid(2): they have an id, the highest that is free, and nothing else is seen of them.
 */
export function joinStarter(program: Program): void {
  let id = IDS - 1;
  while (idIsTaken(id)) id--;
  enterId(id, RESERVED);
  program.starter = id;
  program.group = id;
  program.session = id;
}

/** `program` leads a group and a session of its own: setsid(2). */
export function leadSession(program: Program): void {
  program.group = program.id;
  program.session = program.id;
}

/** `id` may be one of a thread. */
export function isId(id: u32): bool {
  return id !== 0 && id < min<u32>(load<u32>(pidMax()), IDS);
}

/** Gives `thread` the id `id` in place of the one that it has. False where somebody has that. */
export function takeChosenId(thread: Thread, id: u32): bool {
  if (load<usize>(ids + id * 4) !== 0) return false;
  store<usize>(ids + thread.id * 4, 0);
  store<usize>(ids + id * 4, changetype<usize>(thread));
  thread.id = id;
  forgetNumbers(id);
  return true;
}

/** Somebody has `id`. */
export function idIsTaken(id: u32): bool {
  return load<usize>(ids + id * 4) !== 0;
}

/** The thread is gone; its id is free unless its program goes by it. */
export function dropThreadId(thread: Thread): void {
  store<usize>(ids + thread.id * 4, thread.id === thread.program.id ? RESERVED : 0);
}

/** `thread`, alone in its program, goes by the program's id from now on. */
export function takeLeaderId(thread: Thread): void {
  store<usize>(ids + thread.id * 4, 0);
  thread.id = thread.program.id;
  store<usize>(ids + thread.id * 4, changetype<usize>(thread));
}

/** The living thread with this id, or null. */
export function threadWithId(id: u32): Thread | null {
  if (id >= IDS) return null;
  const entry = load<usize>(ids + id * 4);
  return entry <= RESERVED ? null : changetype<Thread>(entry);
}

/**
 * A new record in a free slot, or null when slots or memory are out: a child of `parent`, or an entry of the start file,
 * numbered for the log.
 */
export function newProgramRecord(parent: Program | null): Program | null {
  let slot: u32 = 1;
  while (slot <= PROGRAMS_MAX && load<u8>(programSlots + slot) !== 0) slot++;
  if (slot > PROGRAMS_MAX) return null;
  const program = create<Program>();
  if (program === null) return null;
  store<u8>(programSlots + slot, 1);
  program.slot = slot;
  program.parent = parent;
  program.entry = parent === null ? program : parent.entry;
  program.number = parent === null ? ++started : parent.number;
  program.state = STATE_NEW;
  program.since = monotonic();
  program.next = programs;
  programs = program;
  return program;
}

/** Process 1 (linux/init_process.ts), null where nobody has made it. */
let init: Program | null = null;
const INIT: u32 = 1;

/** `program` is process 1. */
export function isInit(program: Program): bool {
  return program === init;
}

/** The record of process 1, which takes no slot and no number; null when memory is out. */
export function newInitRecord(): Program | null {
  const program = create<Program>();
  if (program === null) return null;
  program.id = INIT;
  program.group = INIT;
  program.session = INIT;
  program.entry = program;
  program.state = STATE_RUNNING;
  program.ending = 1;
  program.ended = 1;
  store<usize>(ids + INIT * 4, RESERVED);
  program.next = programs;
  programs = program;
  init = program;
  return program;
}

/** `other` descends from the same line of the start file as `program`, or is process 1. */
export function sharesLine(program: Program, other: Program): bool {
  return other.entry === program.entry || isInit(other);
}

/** `program` sees `other`: it does so, and is in the PID namespace of `program` or below it. */
export function sees(program: Program, other: Program): bool {
  return sharesLine(program, other) && numberIn(program.pidNamespace, other.id) !== 0;
}

type Forget = (program: Program) => void;

function nothingToForget(_program: Program): void {}

let forget: Forget = nothingToForget;

/** The personality wants to know when a program's record goes. */
export function setForget(hook: Forget): void {
  forget = hook;
}

/** The program with process id `id`, which may have ended, or null. */
export function programWithId(id: u32): Program | null {
  let program = programs;
  while (program !== null && program.id !== id) program = program.next;
  return program;
}

/** Frees the record; nothing else of the program is left. */
export function freeProgramRecord(program: Program): void {
  forget(program);
  if (program.id !== 0) store<usize>(ids + program.id * 4, 0);
  if (program.starter !== 0) store<usize>(ids + program.starter * 4, 0);
  store<u8>(programSlots + program.slot, 0);
  if (programs === program) {
    programs = program.next;
  } else {
    let at = programs as Program;
    while (at.next !== program) at = at.next as Program;
    at.next = program.next;
  }
  destroy<Program>(program);
}
