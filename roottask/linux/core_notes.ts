// The notes of a core dump (fs/binfmt_elf.c, fill_note_info() and write_note_info() of Linux 6.1): of the process, and of
// each of its threads, the one that has died first. Structures are those of include/uapi/linux/elfcore.h for x86-64. They
// are put together twice, the first time to be measured.

import { Utcb } from "../libhedron/utcb";
import { MARK_LOADED, Space } from "../libroottask/areas";
import {
  findImage,
  imageEnd,
  imageMount,
  imageNode,
  imageOffset,
  nextImage,
} from "../libroottask/images";
import { Mount } from "../libroottask/mount";
import { Program, Thread, threadWithId } from "../libroottask/program";
import { copyFrom } from "../libroottask/space";
import { userTimeOfProgram, userTimeOfThread } from "../libroottask/system_time";
import { timeOfProgram, timeOfThread } from "../libroottask/thread";
import { Node, PATH_MAX, pathOf } from "../libroottask/tree";
import { emit } from "./core_file";
import { readState, xsaveBytes } from "./extended_state";
import { INFO_BYTES, signalInfo } from "./signal_queue";
import { LinuxThread, linuxThread, NAME_BYTES } from "./state";
import { copyUserRegisters } from "./user_registers";

const NT_PRSTATUS: u32 = 1;
const NT_FPREGSET: u32 = 2;
const NT_PRPSINFO: u32 = 3;
const NT_AUXV: u32 = 6;
const NT_X86_XSTATE: u32 = 0x202;
const NT_FILE: u32 = 0x4649_4c45;
const NT_SIGINFO: u32 = 0x5349_4749;

/** Bytes of what FXSAVE stores. */
const FXSAVE_BYTES: u32 = 512;

const PAGE: u64 = 4096;
const MICROSECONDS: u64 = 1_000_000;
const STATUS_BYTES: u32 = 336;
/** Of struct elf_prstatus: signal, code; sets; ids; times; registers; whether there are those of floating point. */
const STATUS_CURRENT: u32 = 12;
const STATUS_PENDING: u32 = 16;
const STATUS_BLOCKED: u32 = 24;
const STATUS_IDS: u32 = 32;
const STATUS_TIMES: u32 = 48;
const STATUS_REGISTERS: u32 = 112;
const STATUS_HAS_FLOATS: u32 = 328;
/** struct elf_prpsinfo: state, nice value, ids, name, arguments. */
const PROCESS_BYTES: u32 = 136;
const PROCESS_IDS: u32 = 16;
const PROCESS_NAME: u32 = 40;
const PROCESS_ARGUMENTS: u32 = 56;
const ARGUMENTS_MAX: u32 = 80;
/** The number of the call in them. */
const REGISTERS_CALL: u32 = 120;

const STORAGE_BYTES: u32 = 512;
const storage = memory.data(512);
const head = memory.data(24);
const path = memory.data(4096);

/** Nothing is written: bytes are counted. */
let measuring: bool = false;
let measured: u64 = 0;

function put(from: usize, length: u32): void {
  if (measuring) measured += length as u64;
  else emit(from, length);
}

function put64(value: u64): void {
  store<u64>(head, value);
  put(head, 8);
}

/** Fills up with zeroes what has `length` bytes to a multiple of 4. */
function fill4(length: u32): void {
  store<u32>(head, 0);
  put(head, -length & 3);
}

/** Begins a note of `bytes` bytes: "CORE", or "LINUX" of what is not System V's. */
function begin(type: u32, bytes: u32): void {
  const linux = type === NT_X86_XSTATE;
  memory.fill(head, 0, 24);
  store<u32>(head, linux ? 6 : 5);
  store<u32>(head + 4, bytes);
  store<u32>(head + 8, type);
  store<u64>(head + 12, linux ? 0x58_554e_494c : 0x4552_4f43);
  put(head, 20);
}

function note(type: u32, from: usize, bytes: u32): void {
  begin(type, bytes);
  put(from, bytes);
  fill4(bytes);
}

function putTime(at: usize, microseconds: u64): void {
  store<u64>(at, microseconds / MICROSECONDS);
  store<u64>(at + 8, microseconds % MICROSECONDS);
}

/** Ids of a thread or process, of its parent, its group and its session at `at`. */
function putIds(at: usize, id: u32, program: Program): void {
  const parent = program.parent;
  store<u32>(at, id);
  store<u32>(at + 4, parent === null ? 0 : parent.id);
  store<u32>(at + 8, program.group);
  store<u32>(at + 12, program.session);
}

/** struct user_regs_struct of `regs`. */
function putRegisters(at: usize, thread: Thread, regs: Utcb): void {
  copyUserRegisters(thread, regs, at);
  // It is in no system call that would begin again.
  store<u64>(at + REGISTERS_CALL, ~(0 as u64));
}

function putStatus(thread: Thread, regs: Utcb, signal: u32): void {
  memory.fill(storage, 0, STATUS_BYTES);
  store<u32>(storage, signal);
  store<u16>(storage + STATUS_CURRENT, signal as u16);
  store<u64>(storage + STATUS_PENDING, linuxThread(thread).pending);
  store<u64>(storage + STATUS_BLOCKED, linuxThread(thread).mask);
  const program = thread.program;
  putIds(storage + STATUS_IDS, thread.id, program);
  const first = thread.id === program.id;
  const all = first ? timeOfProgram(program) : timeOfThread(thread);
  const user = first ? userTimeOfProgram(program) : userTimeOfThread(thread, all);
  const others = program.childrenSystemTime;
  putTime(storage + STATUS_TIMES, user);
  putTime(storage + STATUS_TIMES + 16, all - user);
  putTime(storage + STATUS_TIMES + 32, program.childrenTime - others);
  putTime(storage + STATUS_TIMES + 48, others);
  putRegisters(storage + STATUS_REGISTERS, thread, regs);
  store<u32>(storage + STATUS_HAS_FLOATS, 1);
  note(NT_PRSTATUS, storage, STATUS_BYTES);
}

/** The extended state of `thread`, as a kernel tells it that can. */
function putState(thread: Thread, processor: u32): void {
  const state = readState(thread, processor);
  if (state === 0) return;
  note(NT_FPREGSET, state, FXSAVE_BYTES);
  const bytes = xsaveBytes();
  if (bytes !== 0) note(NT_X86_XSTATE, state, bytes);
}

/** The first thread of the program of `thread`, or where that has ended `thread` itself. */
function leaderOf(thread: Thread): Thread {
  const leader = threadWithId(thread.program.id);
  return leader === null ? thread : leader;
}

function putProcess(thread: Thread): void {
  const program = thread.program;
  const space = program.space;
  memory.fill(storage, 0, PROCESS_BYTES);
  // It runs, or waits for the thread that has died.
  const leader = leaderOf(thread);
  store<u8>(storage, leader === thread ? 0 : 2);
  store<u8>(storage + 1, leader === thread ? 82 : 68);
  store<u8>(storage + 3, linuxThread(leader).nice as u8);
  store<u32>(storage + PROCESS_IDS, leader.credentials.user);
  store<u32>(storage + PROCESS_IDS + 4, leader.credentials.group);
  putIds(storage + PROCESS_IDS + 8, program.id, program);
  putName(leader, storage + PROCESS_NAME);
  const given = space.argumentsEnd - space.argumentsStart;
  const length = min<u64>(given, (ARGUMENTS_MAX - 1) as u64) as u32;
  const to = storage + PROCESS_ARGUMENTS;
  if (!copyFrom(space, to, space.argumentsStart, length)) memory.fill(to, 0, ARGUMENTS_MAX);
  for (let i: u32 = 0; i < length; i++) {
    if (load<u8>(to + i) === 0) store<u8>(to + i, 32);
  }
  note(NT_PRPSINFO, storage, PROCESS_BYTES);
}

/** The name of `thread`: what it has been given, else the last part of its program's path. */
export function putName(thread: Thread, to: usize): void {
  const own = changetype<usize>(linuxThread(thread)) + offsetof<LinuxThread>("name0");
  if (load<u8>(own) !== 0) {
    memory.copy(to, own, NAME_BYTES - 1);
    return;
  }
  const program = thread.program;
  let start = program.nameLength;
  while (start > 0 && load<u8>(program.name + start - 1) !== 47) start--;
  memory.copy(to, program.name + start, min<u32>(program.nameLength - start, NAME_BYTES - 1));
}

/** What is done with a piece of a file that is mapped. */
type Mapped = (start: u64, end: u64, mount: Mount | null, node: Node, offset: u64) => void;

/** Does `step` for each piece of the areas of `space` that has a file. */
function forFiles(space: Space, step: Mapped): void {
  let area = space.areas;
  while (area !== null) {
    const node = area.node;
    const loaded = (area.marks & MARK_LOADED) !== 0;
    if (node !== null) step(area.start, area.end, area.mount, node, area.offset);
    let at = area.start;
    while (loaded && at < area.end) {
      const start = at;
      const found = findImage(space, at);
      at = found ? imageEnd : nextImage(space, at, area.end);
      if (found) step(start, at, imageMount, imageNode as Node, imageOffset);
    }
    area = area.next;
  }
}

/** Length of the path of `node` with its NUL, which is in `path` then. */
function pathBytes(mount: Mount | null, node: Node): u32 {
  const length = node.names === null ? -1 : pathOf(mount, node, path);
  const known = length < 0 || length >= (PATH_MAX as i64) ? 0 : (length as u32);
  store<u8>(path + known, 0);
  return known + 1;
}

let files: u64 = 0;
let nameBytes: u32 = 0;

function countFile(_start: u64, _end: u64, mount: Mount | null, node: Node, _offset: u64): void {
  files++;
  nameBytes += pathBytes(mount, node);
}

function putPlace(start: u64, end: u64, _mount: Mount | null, _node: Node, offset: u64): void {
  put64(start);
  put64(end);
  put64(offset / PAGE);
}

function putPath(_start: u64, _end: u64, mount: Mount | null, node: Node, _offset: u64): void {
  const bytes = pathBytes(mount, node);
  put(path, bytes);
}

function putFiles(space: Space): void {
  files = 0;
  nameBytes = 0;
  forFiles(space, countFile);
  if (files === 0) return;
  const bytes = 16 + (files as u32) * 24 + nameBytes;
  begin(NT_FILE, bytes);
  put64(files);
  put64(PAGE);
  forFiles(space, putPlace);
  forFiles(space, putPath);
  fill4(bytes);
}

/** The auxiliary vector, as it is where the program has found it. */
function putAuxiliary(space: Space): void {
  const bytes = (space.auxiliaryEnd - space.auxiliaryStart) as u32;
  if (bytes === 0 || bytes > STORAGE_BYTES) return;
  if (copyFrom(space, storage, space.auxiliaryStart, bytes)) note(NT_AUXV, storage, bytes);
}

/** All notes of the program of `thread`, which has died with `regs` of `signal`. */
export function putNotes(thread: Thread, regs: Utcb, signal: u32): void {
  const program = thread.program;
  const space = program.space;
  putStatus(thread, regs, signal);
  putProcess(thread);
  note(NT_SIGINFO, info, INFO_BYTES);
  putAuxiliary(space);
  putFiles(space);
  putState(thread, thread.processor);
  let other = program.threads;
  while (other !== null) {
    if (other !== thread) {
      putStatus(other, other.utcb, signal);
      putState(other, thread.processor);
    }
    other = other.next;
  }
}

/** siginfo_t of the signal: what others are told meanwhile does not change it. */
const info = memory.data(128);

/** `signalInfo` is that of the signal that a dump is made for. */
export function keepInfo(): void {
  memory.copy(info, signalInfo, INFO_BYTES);
}

/** Bytes of what `putNotes` writes. */
export function notesSize(thread: Thread, regs: Utcb, signal: u32): u64 {
  measuring = true;
  measured = 0;
  putNotes(thread, regs, signal);
  measuring = false;
  return measured;
}
