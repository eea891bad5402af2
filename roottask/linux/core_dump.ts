// Core dumps (core(5)): what a program had and was when it died of a signal, as an ELF file `core` in its working directory
// (fs/coredump.c and fs/binfmt_elf.c of Linux 6.1: what is dumped, in which order, and where RLIMIT_CORE cuts it). The file
// is put together here; core_notes.ts has the notes, core_name.ts another name.

import { MEM_R, MEM_W, MEM_X, PAGE_SIZE } from "../libhedron/abi";
import { Utcb } from "../libhedron/utcb";
import { Area, MARK_DONT_DUMP, MARK_LOADED, MARK_UNREADABLE, Space } from "../libroottask/areas";
import { deadline } from "../libroottask/clock";
import { actAs } from "../libroottask/credentials";
import { closeFile, fileAt } from "../libroottask/descriptors";
import { EM_X86_64, PF_R, PF_W, PF_X, PT_LOAD, SEGMENT_SIZE } from "../libroottask/elf";
import { removeName } from "../libroottask/file_names";
import { frameAt } from "../libroottask/file_pages";
import { findImage, imageEnd, imageOffset, imageWritable, nextImage } from "../libroottask/images";
import {
  endCall,
  O_CREAT,
  O_EXCL,
  O_LARGEFILE,
  O_NOFOLLOW,
  O_WRONLY,
} from "../libroottask/open_file";
import { openPath } from "../libroottask/open_path";
import { Thread } from "../libroottask/program";
import { nextPresent, pointerTo, present } from "../libroottask/space";
import { kickAll, waitFor } from "../libroottask/thread";
import { dispose, Node, seeFrom, walkNode, walkToName } from "../libroottask/tree";
import { beginFile, emit, endFile, isCut, skip } from "./core_file";
import { coreName } from "./core_name";
import { keepInfo, notesSize, putNotes } from "./core_notes";
import { RLIMIT_CORE } from "./limit_numbers";
import { SIGSTOP } from "./signal_numbers";
import { processSignals, signalBit } from "./signal_queue";
import { linuxProgram, softLimit } from "./state";

const PAGE: u64 = 4096;
const HEADER_BYTES: u32 = 64;
const ET_CORE: u16 = 4;
const PT_NOTE: u32 = 4;
/** Segments that the header has room for. */
const SEGMENTS_MAX: u32 = 0xfffe;
/** QUIT, ILL, TRAP, ABRT, BUS, FPE, SEGV, XCPU, XFSZ, SYS (signal(7), action Core). */
const SIGNALS_OF_CORE: u64 =
  (1 << 2) |
  (1 << 3) |
  (1 << 4) |
  (1 << 5) |
  (1 << 6) |
  (1 << 7) |
  (1 << 10) |
  (1 << 23) |
  (1 << 24) |
  (1 << 30);
/** How long at a time it is waited for other threads to come to rest, nanoseconds, and how often. */
const MOMENT: u64 = 100_000;
const MOMENTS: u32 = 10_000;

const name = memory.data(4096);
const block = memory.data(64);

/** What is dumped, as /proc/PID/coredump_filter has it (include/linux/sched/coredump.h). */
const DUMP_ANON_PRIVATE: u32 = 1;
const DUMP_ANON_SHARED: u32 = 2;
const DUMP_MAPPED_PRIVATE: u32 = 4;
const DUMP_MAPPED_SHARED: u32 = 8;
const DUMP_ELF_HEADERS: u32 = 16;
/** That of the process that dies. */
let filter: u32 = 0;

function dumps(what: u32): bool {
  return (filter & what) !== 0;
}

/** A piece of an area, as a segment has it. */
let pieceStart: u64 = 0;
let pieceEnd: u64 = 0;
/** Bytes of it that are in the file. */
let pieceBytes: u64 = 0;

/** Something in the piece has been touched; of a private mapping of a file: written to. */
function isChanged(space: Space, area: Area): bool {
  const node = area.node;
  let at = nextPresent(space, pieceStart, pieceEnd);
  if (node === null) return at < pieceEnd;
  while (at < pieceEnd) {
    const index = (area.offset + (at - area.start)) / PAGE;
    if (pointerTo(space, at, 0) !== frameAt(node, index)) return true;
    at = nextPresent(space, at + PAGE, pieceEnd);
  }
  return false;
}

/** Bytes of the piece, which begins at `offset` of its file, that belong into the dump though nothing of it was changed. */
function sizeOfUnchanged(area: Area, offset: u64): u64 {
  if (dumps(DUMP_MAPPED_PRIVATE)) return pieceEnd - pieceStart;
  const begins = offset === 0 && (area.rights & MEM_R) !== 0;
  return begins && dumps(DUMP_ELF_HEADERS) ? PAGE : 0;
}

/** Bytes of the piece that belong into the file: vma_dump_size(). */
function sizeOfPiece(space: Space, area: Area, loaded: bool): u64 {
  const whole = pieceEnd - pieceStart;
  const node = area.node;
  if ((area.marks & MARK_DONT_DUMP) !== 0) return 0;
  if (loaded) {
    if (imageWritable && dumps(DUMP_ANON_PRIVATE)) return whole;
    return sizeOfUnchanged(area, imageOffset);
  }
  if (node !== null && area.shared !== 0) {
    return dumps(node.names === null ? DUMP_ANON_SHARED : DUMP_MAPPED_SHARED) ? whole : 0;
  }
  if (dumps(DUMP_ANON_PRIVATE) && isChanged(space, area)) return whole;
  return node === null ? 0 : sizeOfUnchanged(area, area.offset + (pieceStart - area.start));
}

type Step = (space: Space, area: Area) => void;

/** Does `step` for each piece of the areas of `space`, in the order of addresses. */
function forPieces(space: Space, step: Step): void {
  let area = space.areas;
  while (area !== null) {
    let at = area.start;
    while (area.fixed === 0 && at < area.end) {
      const loaded = (area.marks & MARK_LOADED) !== 0 && findImage(space, at);
      pieceStart = at;
      pieceEnd = area.end;
      if (loaded) pieceEnd = imageEnd;
      else if ((area.marks & MARK_LOADED) !== 0) pieceEnd = nextImage(space, at, area.end);
      pieceBytes = sizeOfPiece(space, area, loaded);
      at = pieceEnd;
      step(space, area);
    }
    area = area.next;
  }
}

let pieces: u32 = 0;

function count(_space: Space, _area: Area): void {
  pieces++;
}

/** Where the contents of the next segment go. */
let contentsAt: u64 = 0;

function flagsOf(area: Area): u32 {
  let flags: u32 = 0;
  if ((area.rights & MEM_R) !== 0 && (area.marks & MARK_UNREADABLE) === 0) flags |= PF_R;
  if ((area.rights & MEM_W) !== 0) flags |= PF_W;
  if ((area.rights & MEM_X) !== 0) flags |= PF_X;
  return flags;
}

function emitSegment(type: u32, flags: u32, at: u64, address: u64, bytes: u64, size: u64): void {
  memory.fill(block, 0, SEGMENT_SIZE);
  store<u32>(block, type);
  store<u32>(block + 4, flags);
  store<u64>(block + 8, at);
  store<u64>(block + 16, address);
  store<u64>(block + 32, bytes);
  store<u64>(block + 40, size);
  store<u64>(block + 48, type === PT_LOAD ? PAGE : 4);
  emit(block, SEGMENT_SIZE);
}

function describe(_space: Space, area: Area): void {
  emitSegment(PT_LOAD, flagsOf(area), contentsAt, pieceStart, pieceBytes, pieceEnd - pieceStart);
  contentsAt += pieceBytes;
}

/** Pages that were never touched stay out, unless a file has them. */
function contents(space: Space, area: Area): void {
  const end = pieceStart + pieceBytes;
  const isImage = (area.marks & MARK_LOADED) !== 0 && findImage(space, pieceStart);
  for (let at = pieceStart; at < end && !isCut(); at += PAGE) {
    const there = present(space, at) || area.node !== null || isImage;
    const page = there ? pointerTo(space, at, 0) : 0;
    if (page === 0) skip(PAGE);
    else emit(page, PAGE_SIZE);
  }
}

function emitHeader(segments: u32): void {
  memory.fill(block, 0, HEADER_BYTES);
  store<u32>(block, 0x464c_457f);
  // 64 bits, little-endian, version 1.
  store<u32>(block + 4, 0x0001_0102);
  store<u16>(block + 16, ET_CORE);
  store<u16>(block + 18, EM_X86_64);
  store<u32>(block + 20, 1);
  store<u64>(block + 32, HEADER_BYTES as u64);
  store<u16>(block + 52, HEADER_BYTES as u16);
  store<u16>(block + 54, SEGMENT_SIZE as u16);
  store<u16>(block + 56, segments as u16);
  emit(block, HEADER_BYTES);
}

/** Lets the other threads of the program of `thread` come to rest, with their registers in their messages. False: they do not. */
function stopOthers(thread: Thread): bool {
  const program = thread.program;
  const state = processSignals(program);
  if (state === null) return false;
  if (program.alive === 1) return true;
  state.stopped = SIGSTOP;
  kickAll(program, thread);
  for (let moment: u32 = 0; moment < MOMENTS; moment++) {
    let rest = true;
    let other = program.threads;
    while (other !== null) {
      if (other !== thread && other.waiting === 0) rest = false;
      other = other.next;
    }
    if (rest) return true;
    waitFor(thread, 0, 0, deadline(MOMENT));
  }
  return false;
}

/** Makes the file, in place of one that was there: null where it cannot be. */
function create(thread: Thread, signal: u32): Node | null {
  const program = thread.program;
  actAs(thread.credentials);
  seeFrom(thread.fs.rootMount, thread.fs.root);
  const length = coreName(thread, signal, name);
  if (length === 0) return null;
  const mount = program.directoryMount;
  const directory = program.directory;
  if (walkToName(mount, directory, name, length) !== 0) return null;
  if (walkNode !== null) removeName(false);
  const flags = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_LARGEFILE;
  const mode = 0o600 & ~thread.fs.umask;
  const fd = openPath(thread, mount, directory, name, length, flags, mode);
  endCall(thread);
  if (fd < 0) return null;
  const file = fileAt(thread.files, fd as u64);
  if (file === null) return null;
  const node = file.node;
  node.users++;
  closeFile(thread.files, fd as u64);
  return node;
}

/**
 * The program of `thread`, whose registers are `regs`, dies of `signal`, of which `signalInfo` tells: its core dump is
 * written where it is to have one. True where there is one.
 */
export function dumpCore(thread: Thread, regs: Utcb, signal: u32): bool {
  const program = thread.program;
  if ((SIGNALS_OF_CORE & signalBit(signal)) === 0) return false;
  if (softLimit(program, RLIMIT_CORE) < PAGE || linuxProgram(program).dumpable !== 1) return false;
  if (program.ending !== 0 || program.survivor !== null) return false;
  keepInfo();
  filter = linuxProgram(program).dumpFilter;
  if (!stopOthers(thread)) return false;
  const file = create(thread, signal);
  if (file === null) return false;
  beginFile(thread, file, softLimit(program, RLIMIT_CORE));
  write(thread, regs, signal);
  file.users--;
  dispose(file);
  return true;
}

function write(thread: Thread, regs: Utcb, signal: u32): void {
  const space = thread.program.space;
  pieces = 0;
  forPieces(space, count);
  if (pieces > SEGMENTS_MAX) return;
  const segments = pieces + 1;
  const notesAt = (HEADER_BYTES + segments * SEGMENT_SIZE) as u64;
  const size = notesSize(thread, regs, signal);
  emitHeader(segments);
  emitSegment(PT_NOTE, 0, notesAt, 0, size, 0);
  contentsAt = (notesAt + size + PAGE - 1) & ~(PAGE - 1);
  const first = contentsAt;
  forPieces(space, describe);
  putNotes(thread, regs, signal);
  skip(first - notesAt - size);
  forPieces(space, contents);
  endFile();
}
