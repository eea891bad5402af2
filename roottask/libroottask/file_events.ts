// What happens to files, for those who watch them (inotify(7)). A watch is a mark on a node. An event reaches the marks of
// the node and, with the node's name, those of the directory it has been found in (fs/notify/fsnotify.c of Linux 6.1).

import { lastIn, previousIn } from "./balanced_tree";
import { showReads } from "./file_pages";
import { create, destroy } from "./heap";
import { IN_IGNORED, Instance, queueEvent } from "./inotify_queue";
import { enterTree, Keyed, leaveTree, withOrder } from "./keyed_tree";
import { Entry, Node } from "./node";
import { totalPages } from "./pages";
import { isRemoved, KIND_DIRECTORY, setNodeGone, setWatchesEnd } from "./tree";

/** Events, include/uapi/linux/inotify.h. */
export const IN_ACCESS: u32 = 1;
export const IN_MODIFY: u32 = 2;
export const IN_ATTRIB: u32 = 4;
export const IN_CLOSE_WRITE: u32 = 8;
export const IN_CLOSE_NOWRITE: u32 = 0x10;
export const IN_OPEN: u32 = 0x20;
export const IN_MOVED_FROM: u32 = 0x40;
export const IN_MOVED_TO: u32 = 0x80;
export const IN_CREATE: u32 = 0x100;
export const IN_DELETE: u32 = 0x200;
export const IN_DELETE_SELF: u32 = 0x400;
export const IN_MOVE_SELF: u32 = 0x800;
export const IN_ALL_EVENTS: u32 = 0xfff;
export const IN_UNMOUNT: u32 = 0x2000;
export const IN_ISDIR: u32 = 0x4000_0000;
/** Of a mark: names that have been taken away count no more; it is for one event. */
export const IN_EXCL_UNLINK: u32 = 0x0400_0000;
export const IN_ONESHOT: u32 = 0x8000_0000;

/** A name has become another one in the same directory (FS_RENAME, as dnotify has it); for directories' signals alone. */
export const IN_RENAME: u32 = 0x1000_0000;

/** Watches of all instances together by default. */
const WATCHES_MAX: u32 = 65536;

/** By its number in a tree of its instance. */
@unmanaged
export class Mark extends Keyed {
  node: Node;
  instance: Instance;
  watch: i32;
  /** Events, IN_EXCL_UNLINK, IN_ONESHOT. */
  mask: u32;
  /** The open file that asked for signals of what happens, in which table, and its descriptor; 0 where events are queued. */
  file: usize;
  table: usize;
  fd: u32;
  /** Neighbours among those of the node. */
  previousOfNode: Mark | null;
  nextOfNode: Mark | null;
}

/** Marks there are: nothing has to be looked at where there are none. */
let marks: u32 = 0;
let lastCookie: u32 = 0;

function firstOf(node: Node): Mark | null {
  return changetype<Mark | null>(node.marks);
}

/** The mark of `instance` on `node`, or null. */
export function markOn(instance: Instance, node: Node): Mark | null {
  let mark = firstOf(node);
  while (mark !== null && mark.instance !== instance) mark = mark.nextOfNode;
  return mark;
}

function marksOf(instance: Instance): usize {
  return changetype<usize>(instance) + offsetof<Instance>("marks");
}

/** The mark of `instance` with that number, or null. */
export function markNumbered(instance: Instance, watch: i32): Mark | null {
  return changetype<Mark | null>(withOrder(marksOf(instance), watch as u64));
}

/** The newest mark of `instance`, and the one that is next older; null where there is none. */
export function newestMark(instance: Instance): Mark | null {
  return changetype<Mark | null>(lastIn(marksOf(instance)));
}

export function olderMark(mark: Mark): Mark | null {
  return changetype<Mark | null>(previousIn(mark));
}

const limits = memory.data(8);

/** Where the number of watches is that there may be (u64): /proc/sys/fs/inotify/max_user_watches. */
export function maxUserWatches(): usize {
  return limits;
}

/** There can be another mark. */
export function hasRoomForMark(): bool {
  // Programs may set more than memory has room for: a page of RAM a watch is far from that.
  if (marks >= max<u32>(WATCHES_MAX, totalPages())) return false;
  return (marks as u64) < load<u64>(maxUserWatches());
}

/** What happens in windows (shared_files.ts) would not be seen. */
function showReadsIn(node: Node): void {
  showReads(node);
  let entry = node.entries;
  while (entry !== null) {
    showReads(entry.node);
    entry = entry.next;
  }
}

/** Marks `node` for `instance`; null when memory is out. */
export function addMark(instance: Instance, node: Node, mask: u32): Mark | null {
  const mark = create<Mark>();
  if (mark === null) return null;
  mark.node = node;
  mark.instance = instance;
  instance.lastWatch = instance.lastWatch === i32.MAX_VALUE ? 1 : instance.lastWatch + 1;
  mark.watch = instance.lastWatch;
  mark.mask = mask;
  const ofNode = firstOf(node);
  mark.nextOfNode = ofNode;
  if (ofNode !== null) ofNode.previousOfNode = mark;
  node.marks = changetype<usize>(mark);
  mark.order = mark.watch as u64;
  enterTree(marksOf(instance), mark);
  marks++;
  showReadsIn(node);
  return mark;
}

/** The marks of open files are those of one instance, which has no queue. */
const signalled = changetype<Instance>(memory.data(offsetof<Instance>()));

type TellOperation = (mark: Mark) => void;

function nobody(_mark: Mark): void {}

let tellFile: TellOperation = nobody;

/** `telling` sends the signal of an open file's mark. */
export function setTellFile(telling: TellOperation): void {
  tellFile = telling;
}

/** The mark of `file`, by its node, for descriptors of `table`; null where there is none. */
export function fileMark(node: Node, table: usize, file: usize): Mark | null {
  let mark = firstOf(node);
  while (mark !== null && (mark.file !== file || mark.table !== table)) mark = mark.nextOfNode;
  return mark;
}

/** Marks `node` for `file`, which is open by `table`; null when memory is out. */
export function addFileMark(node: Node, table: usize, file: usize, mask: u32): Mark | null {
  const mark = addMark(signalled, node, mask);
  if (mark === null) return null;
  mark.table = table;
  mark.file = file;
  return mark;
}

/** A descriptor of `file` in `table` is closed: nobody is told of what happens any more. */
export function forgetFileMark(node: Node, table: usize, file: usize): void {
  const mark = fileMark(node, table, file);
  if (mark !== null) removeMark(mark);
}

/** Takes a mark away, without a word. */
export function removeMark(mark: Mark): void {
  const previousOfNode = mark.previousOfNode;
  const nextOfNode = mark.nextOfNode;
  if (previousOfNode === null) mark.node.marks = changetype<usize>(nextOfNode);
  else previousOfNode.nextOfNode = nextOfNode;
  if (nextOfNode !== null) nextOfNode.previousOfNode = previousOfNode;
  leaveTree(marksOf(mark.instance), mark);
  destroy<Mark>(mark);
  marks--;
}

/** The same, and its instance is told. */
export function endMark(mark: Mark): void {
  if (mark.file === 0) queueEvent(mark.instance, mark.watch, IN_IGNORED, 0, 0, 0);
  removeMark(mark);
}

/** Tells the marks of `node` of `event`, about `name` in it where there is one; `removed` is whether that has gone. */
function tell(node: Node, event: u32, cookie: u32, name: usize, length: u32, removed: bool): void {
  let mark = firstOf(node);
  while (mark !== null) {
    const next: Mark | null = mark.nextOfNode;
    const excluded = removed && (mark.mask & IN_EXCL_UNLINK) !== 0;
    if ((mark.mask & event & (IN_ALL_EVENTS | IN_RENAME)) !== 0 && !excluded) {
      if (mark.file !== 0) tellFile(mark);
      else queueEvent(mark.instance, mark.watch, event, cookie, name, length);
      if ((mark.mask & IN_ONESHOT) !== 0) endMark(mark);
    }
    mark = next;
  }
}

function kindBit(node: Node): u32 {
  return node.kind === KIND_DIRECTORY ? IN_ISDIR : 0;
}

/** `event` has happened to `node` alone, whatever its names are. What moves or goes is not said to be a directory. */
export function noteNode(node: Node, event: u32): void {
  if (node.marks !== 0) tell(node, event, 0, 0, 0, false);
}

/** `event` has happened to `node`, which was found by `entry`, or by its newest name. */
export function noteFile(node: Node, entry: Entry | null, event: u32): void {
  if (marks === 0) return;
  const found = entry !== null && entry.node === node ? entry : node.names;
  const mask = event | kindBit(node);
  let removed = false;
  if (found !== null) {
    removed = isRemoved(found);
    const directory = found.directory;
    if (directory.marks !== 0) tell(directory, mask, 0, found.name, found.nameLength, removed);
  }
  if (node.marks !== 0) tell(node, mask, 0, 0, 0, removed);
}

/** The name `entry` is there, and its node. */
export function noteCreated(entry: Entry): void {
  noteName(entry, IN_CREATE | kindBit(entry.node));
}

/** `event` has happened to the name `entry`, whose node may have gone. */
export function noteName(entry: Entry, event: u32): void {
  const directory = entry.directory;
  if (directory.marks !== 0) tell(directory, event, 0, entry.name, entry.nameLength, false);
}

/** `node` has moved from the name at `name` in `from` to that of `entry`. */
export function noteMove(node: Node, from: Node, name: usize, length: u32, entry: Entry): void {
  if (marks === 0) return;
  lastCookie++;
  const bit = kindBit(node);
  const to = entry.directory;
  if (from.marks !== 0) {
    if (from === to) tell(from, IN_RENAME | bit, 0, name, length, false);
    tell(from, IN_MOVED_FROM | bit, lastCookie, name, length, false);
  }
  if (to.marks !== 0) {
    tell(to, IN_MOVED_TO | bit, lastCookie, entry.name, entry.nameLength, false);
  }
}

/** Reads of `node` have to be seen here: it is watched, or a directory that it is in. */
export function isWatched(node: Node): bool {
  if (marks === 0) return false;
  if (node.marks !== 0) return true;
  let entry = node.names;
  while (entry !== null && entry.directory.marks === 0) entry = entry.other;
  return entry !== null;
}

/** `node` is about to be freed: its watches end. */
function nodeGone(node: Node): void {
  tell(node, IN_DELETE_SELF, 0, 0, 0, false);
  for (let mark = firstOf(node); mark !== null; mark = firstOf(node)) endMark(mark);
}

/** The file system of `node` goes: its watches end. */
function endMarks(node: Node): void {
  for (let mark = firstOf(node); mark !== null; mark = firstOf(node)) {
    if (mark.file === 0) {
      queueEvent(mark.instance, mark.watch, IN_UNMOUNT | kindBit(node), 0, 0, 0);
    }
    endMark(mark);
  }
}

/** Comes before the first watch. */
export function initFileEvents(): void {
  store<u64>(maxUserWatches(), WATCHES_MAX as u64);
  setNodeGone(nodeGone);
  setWatchesEnd(endMarks);
}
