// Open files that a program's mediator reads by itself: their contents are mapped into the program, to be read, and
// their position is a word that both sides change. A program has a few such windows, given to files that are read often
// in small pieces. Whatever changes contents, anybody's, takes the windows on them away first, and a read that is under
// way there faults or finds its word changed: then the roottask does it.
//
// The word is a number that no other window has had, and the position. The program can write to it: the position may be
// any, as after lseek(2), and the number only tells the mediator whether to go on.

import { MEM_R, MEM_W, PAGE_SIZE } from "../libhedron/abi";
import {
  FILE_ENTRIES,
  FILE_ENTRIES_PAGE,
  FILE_ENTRY_BYTES,
  FILE_NUMBER,
  FILE_SIZE,
  FILE_WINDOW,
  FILE_WINDOWS,
  FILE_WORD,
  FILE_WORDS_PAGE,
  WINDOW_BYTES,
  WINDOWS,
} from "../libhrstd/mediator_layout";
import { isWatched } from "./file_events";
import { frameAt, framesUntil, inOnePiece } from "./file_pages";
import { create, destroy, PIECE_MAX } from "./heap";
import { OpenFile, POSITION_KEPT, readable } from "./open_file";
import { allocatePages, releasePages } from "./pages";
import { grant, takeBack } from "./pregrant";
import { Program, Thread, tellThreads } from "./program";
import { block, mirror } from "./space";
import { KIND_FILE, Node } from "./tree";

const PAGE: u64 = 4096;
const LARGE_PAGE: u64 = 0x20_0000;
/** Largest read that counts, bytes; the mediator makes no larger one. */
const SMALL: i64 = 0x1_0000;
/** Small reads after which a file gets a window; so many times more after each that has been taken away. */
const PATIENCE: u32 = 4;
const PATIENCE_GROWTH: u32 = 4;
const PATIENCE_MAX: u32 = 1 << 20;

/** A window of a program on an open file. */
@unmanaged
class Share {
  next: Share | null;
  file: OpenFile;
  program: Program;
  slot: u32;
  number: u32;
}

let shares: Share | null = null;
let lastNumber: u32 = 0;

function windowOf(slot: u32): u64 {
  return (FILE_WINDOWS as u64) + (slot as u64) * (WINDOW_BYTES as u64);
}

/** Largest file that gets a window, bytes: beside it there is room for a shift within a large page. */
const FILE_LIMIT: u64 = 0x1000_0000;

/** Address of the first byte: in the archive, or in the first frame. */
function firstByte(node: Node): u64 {
  return (node.pages === 0 ? node.data : frameAt(node, 0)) as u64;
}

function firstPage(node: Node): u64 {
  return firstByte(node) & ~(PAGE - 1);
}

/** Gives the window on `node` at `place` the pages of its contents, with `rights`: one piece, or frame after frame. */
function mirrorContents(program: Program, place: u64, node: Node, rights: u32): void {
  if (node.pages === 0) {
    mirror(program.space, place, firstPage(node), pagesOf(node), rights);
    return;
  }
  const count = pagesOf(node);
  let done: u32 = 0;
  while (done < count) {
    const frame = frameAt(node, done as u64);
    let run: u32 = 1;
    while (done + run < count && frameAt(node, (done + run) as u64) === frame + run * PAGE_SIZE)
      run++;
    mirror(program.space, place + (done as u64) * PAGE, frame as u64, run, rights);
    done += run;
  }
}

/** Where window `slot` has the first page of `node`: so that large pages stay large. */
function placeOf(slot: u32, node: Node): u64 {
  return windowOf(slot) + (firstPage(node) & (LARGE_PAGE - PAGE));
}

/** Prepares the pages of a Linux program for windows. False when memory is out. */
export function giveWindows(program: Program): bool {
  const space = program.space;
  program.fileEntries = allocatePages(0);
  program.fileWords = allocatePages(0);
  if (program.fileEntries === 0 || program.fileWords === 0) return false;
  space.top = FILE_WINDOWS;
  if (block(space, FILE_WINDOWS, windowOf(WINDOWS)) !== 0) return false;
  if (block(space, FILE_ENTRIES_PAGE, FILE_WORDS_PAGE + PAGE_SIZE) !== 0) return false;
  tellThreads(program);
  space.words = program.fileWords;
  grant(space);
  mirror(space, FILE_ENTRIES_PAGE, program.fileEntries as u64, 1, MEM_R);
  mirror(space, FILE_WORDS_PAGE, program.fileWords as u64, 1, MEM_R | MEM_W);
  return true;
}

/** Takes all windows of `program` away. */
export function closeProgramWindows(program: Program): void {
  let share = shares;
  while (share !== null) {
    const next: Share | null = share.next;
    if (share.program === program) closeWindow(share.file);
    share = next;
  }
}

/** A thread of `program` is to have another descriptor table than the rest: mediators cannot know what a descriptor is. */
export function separateFiles(program: Program): void {
  closeProgramWindows(program);
  program.separateFiles = 1;
}

/** Gives back what `giveWindows` has taken, from a space that others may use still. */
export function takeWindows(program: Program): void {
  closeProgramWindows(program);
  const space = program.space;
  if (program.fileWords !== 0 && space.words === program.fileWords) {
    takeBack(space);
    space.words = 0;
    space.pregrant = 0;
    mirror(space, FILE_ENTRIES_PAGE, program.fileEntries as u64, 1, 0);
    mirror(space, FILE_WORDS_PAGE, program.fileWords as u64, 1, 0);
  }
  if (program.fileEntries !== 0) releasePages(program.fileEntries, 0);
  if (program.fileWords !== 0) releasePages(program.fileWords, 0);
  program.fileEntries = 0;
  program.fileWords = 0;
}

function pagesOf(node: Node): u32 {
  return ((firstByte(node) + node.size - firstPage(node) + PAGE - 1) / PAGE) as u32;
}

function entryOf(program: Program, fd: u32): usize {
  return program.fileEntries + fd * FILE_ENTRY_BYTES;
}

/** Lets descriptor `fd` mean the window of `share`. */
function enter(share: Share, fd: u32): void {
  const node = share.file.node;
  const entry = entryOf(share.program, fd);
  store<u64>(entry + FILE_WINDOW, placeOf(share.slot, node) + (firstByte(node) & (PAGE - 1)));
  store<u32>(entry + FILE_SIZE, node.size as u32);
  store<u32>(entry + FILE_NUMBER, share.number);
  store<u64>(entry + FILE_WORD, (FILE_WORDS_PAGE as u64) + ((share.slot * 8) as u64));
}

/** Descriptor `fd`, which means `file`, will mean something else. */
export function forgetDescriptor(file: OpenFile, fd: u32): void {
  const share = changetype<Share>(file.share);
  // Another program's descriptors that mean the same are told of again when they are read.
  if (fd < (FILE_ENTRIES as u32)) store<u64>(entryOf(share.program, fd) + FILE_WORD, 0);
}

function freeSlot(program: Program): u32 {
  let slot: u32 = 0;
  let share = shares;
  while (share !== null) {
    if (share.program === program && share.slot === slot) {
      slot++;
      share = shares;
    } else {
      share = share.next;
    }
  }
  return slot;
}

function open(program: Program, file: OpenFile, fd: u32): void {
  const slot = freeSlot(program);
  const node = file.node;
  if (slot === WINDOWS || node.size === 0 || file.position > (0xffff_ffff as i64)) return;
  const share = create<Share>();
  if (share === null) return;
  lastNumber++;
  share.file = file;
  share.program = program;
  share.slot = slot;
  share.number = lastNumber;
  share.next = shares;
  shares = share;
  const word = program.fileWords + slot * 8;
  const position = file.position;
  store<u64>(word, ((lastNumber as u64) << 32) | (position as u64));
  file.word = word;
  file.share = changetype<usize>(share);
  node.windows++;
  mirrorContents(program, placeOf(slot, node), node, MEM_R);
  enter(share, fd);
}

/** All contents of `node` are there, in pages that have nothing but contents of files: the archive's, or its own. */
function hasOwnPages(node: Node): bool {
  if (node.size > FILE_LIMIT) return false;
  if (inOnePiece(node)) return node.capacity === 0 || node.capacity > PIECE_MAX;
  const pages = (node.size + PAGE - 1) / PAGE;
  return framesUntil(node, pages) === pages;
}

/**
 * Descriptor `fd` of `thread`, which has passed its call on, has been read: gives the file a window where that
 * pays. `result` is what the read has come to.
 */
export function noteRead(thread: Thread, file: OpenFile, fd: u64, result: i64): void {
  const number = fd as u32;
  if (thread.frame === 0 || number >= (FILE_ENTRIES as u32) || result <= 0 || result > SMALL)
    return;
  if (thread.program.separateFiles !== 0) return;
  if (file.share !== 0) {
    const share = changetype<Share>(file.share);
    if (file.word !== 0 && share.program === thread.program) enter(share, number);
    return;
  }
  const node = file.node;
  if (node.kind !== KIND_FILE || node.operations !== 0 || !readable(file)) return;
  if (file.operations.position !== POSITION_KEPT || isWatched(node)) return;
  if (file.patience === 0) file.patience = PATIENCE;
  if (++file.smallReads >= file.patience && hasOwnPages(node)) open(thread.program, file, number);
}

/** Takes the window on `file` away, if it has one. */
export function closeWindow(file: OpenFile): void {
  if (file.share === 0) return;
  const share = changetype<Share>(file.share);
  const program = share.program;
  const node = file.node;
  for (let fd: u32 = 0; fd < (FILE_ENTRIES as u32); fd++) {
    const entry = entryOf(program, fd);
    if (load<u32>(entry + FILE_NUMBER) === share.number) store<u64>(entry + FILE_WORD, 0);
  }
  const position = file.position;
  store<u64>(program.fileWords + share.slot * 8, 0);
  file.word = 0;
  file.share = 0;
  file.position = position;
  file.smallReads = 0;
  file.patience = min<u32>(file.patience * PATIENCE_GROWTH, PATIENCE_MAX);
  node.windows--;
  mirrorContents(program, placeOf(share.slot, node), node, 0);
  if (shares === share) {
    shares = share.next;
  } else {
    let at = shares as Share;
    while (at.next !== share) at = at.next as Share;
    at.next = share.next;
  }
  destroy<Share>(share);
}

/** The contents of `node` are about to change: takes all windows on it away. */
export function closeWindows(node: Node): void {
  let share = shares;
  while (share !== null) {
    const next: Share | null = share.next;
    if (share.file.node === node) closeWindow(share.file);
    share = next;
  }
}
