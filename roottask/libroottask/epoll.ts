// Instances of epoll(7): which descriptors a program is interested in, and those of them that may be ready. An entry
// is told by the watch on its file's node and joins the list of the ready; whoever asks looks whether it is so. An
// instance can be in another one, at most NESTS deep.

import { PAGE_SIZE } from "../libhedron/abi";
import {
  ANONYMOUS_EPOLL,
  closeAnonymous,
  newAnonymousOperations,
  openAnonymous,
} from "./anonymous_file";
import { firstIn, nextIn } from "./balanced_tree";
import { ELOOP, ENOMEM, ENOSPC } from "./errno";
import { create, destroy } from "./heap";
import { enterTree, Keyed, leaveTree, withOrder } from "./keyed_tree";
import { OpenFile, setForget, sourceOf } from "./open_file";
import { totalPages } from "./pages";
import { POLLERR, POLLHUP, POLLIN, POLLRDNORM } from "./poll_events";
import { notify, unwatch, Watch, watch } from "./watches";

/** Flags among the events of an entry, include/uapi/linux/eventpoll.h. */
export const EPOLLEXCLUSIVE: u32 = 1 << 28;
export const EPOLLWAKEUP: u32 = 1 << 29;
export const EPOLLONESHOT: u32 = 1 << 30;
export const EPOLLET: u32 = 1 << 31;
const FLAGS: u32 = EPOLLEXCLUSIVE | EPOLLWAKEUP | EPOLLONESHOT | EPOLLET;
/** Instances between an instance and the one that is furthest inside. */
const NESTS: u32 = 4;
/** Share of RAM that entries may have in all, as a divisor. */
const SHARE: u64 = 25;

@unmanaged
export class Epoll {
  file: OpenFile;
  /** The tree of all entries, and the list of those that may be ready, first come first. */
  entries: usize;
  firstReady: Interest | null;
  lastReady: Interest | null;
  /** The last search that has come here, and the depth it found. */
  visited: u64;
  depth: u32;
}

/** An entry: what an instance wants to know of an open file by one of its descriptors. */
@unmanaged
export class Interest extends Keyed {
  epoll: Epoll;
  file: OpenFile;
  fd: u32;
  events: u32;
  data: u64;
  watch: Watch;
  /** Its neighbours among the entries on the same open file. */
  otherPrevious: Interest | null;
  other: Interest | null;
  /** It is in the list of the ready. */
  ready: u32;
  previousReady: Interest | null;
  nextReady: Interest | null;
}

let count: u64 = 0;
/** Number of a search through instances, or of an event on its way through them. */
let search: u64 = 0;
/** An event is on its way. */
let telling: bool = false;

function addReady(entry: Interest): void {
  if (entry.ready !== 0) return;
  const epoll = entry.epoll;
  const last = epoll.lastReady;
  entry.ready = 1;
  entry.nextReady = null;
  entry.previousReady = last;
  if (last === null) epoll.firstReady = entry;
  else last.nextReady = entry;
  epoll.lastReady = entry;
}

export function dropReady(entry: Interest): void {
  if (entry.ready === 0) return;
  const epoll = entry.epoll;
  const previous = entry.previousReady;
  const next = entry.nextReady;
  if (previous === null) epoll.firstReady = next;
  else previous.nextReady = next;
  if (next === null) epoll.lastReady = previous;
  else next.previousReady = previous;
  entry.ready = 0;
}

/** `entry` stays ready, behind those that have not been looked at. */
export function requeueReady(entry: Interest): void {
  dropReady(entry);
  addReady(entry);
}

/** Passes on that `epoll` may be ready: once for each event, however many ways lead to it. */
function tell(epoll: Epoll): void {
  const outermost = !telling;
  if (outermost) search++;
  else if (epoll.visited === search) return;
  telling = true;
  epoll.visited = search;
  notify(epoll.file.node, POLLIN | POLLRDNORM);
  if (outermost) telling = false;
}

function told(made: Watch, events: u32): bool {
  const entry = changetype<Interest>(made.owner);
  const wanted = entry.events & ~FLAGS;
  if (wanted === 0 || (events !== 0 && (events & wanted) === 0)) return false;
  addReady(entry);
  const epoll = entry.epoll;
  // Who shares an event with others takes it if somebody waits for it.
  const takes = epoll.file.node.watches !== 0;
  tell(epoll);
  return takes;
}

/** POLL… events of an entry that it asks for and that are true now. */
export function eventsOf(entry: Interest): u32 {
  const poll = entry.file.operations.poll;
  return poll(entry.file) & entry.events & ~FLAGS;
}

const storage = memory.data(64);

export function isEpoll(file: OpenFile): bool {
  return changetype<usize>(file.operations) === storage;
}

export function epollOf(file: OpenFile): Epoll {
  return changetype<Epoll>(file.node.object);
}

/** An open file that is an instance; null when memory is out. */
export function openEpoll(): OpenFile | null {
  const epoll = create<Epoll>();
  if (epoll === null) return null;
  const file = openAnonymous(storage, 0);
  if (file === null) {
    destroy<Epoll>(epoll);
    return null;
  }
  epoll.file = file;
  file.node.object = changetype<usize>(epoll);
  return file;
}

function entriesOf(epoll: Epoll): usize {
  return changetype<usize>(epoll) + offsetof<Epoll>("entries");
}

/** What the entry for `fd` of `file` is found by. */
function orderOf(file: OpenFile, fd: u32): u64 {
  return ((fd as u64) << 32) | (changetype<usize>(file) as u64);
}

/** The entry for descriptor `fd`, which means `file`, or null. */
export function interestIn(epoll: Epoll, file: OpenFile, fd: u32): Interest | null {
  return changetype<Interest | null>(withOrder(entriesOf(epoll), orderOf(file, fd)));
}

/** The first of the entries of `epoll`, by their descriptors, and the one behind `entry`; null where there is none. */
export function firstInterest(epoll: Epoll): Interest | null {
  return changetype<Interest | null>(firstIn(entriesOf(epoll)));
}

export function nextInterest(entry: Interest): Interest | null {
  return changetype<Interest | null>(nextIn(entry));
}

/** Instances below `epoll`, on the longest way; more than NESTS where `target` is among them. */
function depthBelow(epoll: Epoll, target: Epoll, depth: u32): u32 {
  if (epoll.visited === search) return epoll.depth;
  let deepest: u32 = 0;
  let entry = firstInterest(epoll);
  while (entry !== null && deepest <= NESTS) {
    if (isEpoll(entry.file)) {
      const inner = epollOf(entry.file);
      const found = inner === target || depth > NESTS;
      const below = found ? NESTS : depthBelow(inner, target, depth + 1);
      deepest = max<u32>(deepest, below + 1);
    }
    entry = nextInterest(entry);
  }
  epoll.visited = search;
  epoll.depth = deepest;
  return deepest;
}

/** Instances that `epoll` is in, on the longest way. */
function depthAbove(epoll: Epoll): u32 {
  if (epoll.visited === search) return epoll.depth;
  let highest: u32 = 0;
  let entry = changetype<Interest | null>(epoll.file.interests);
  while (entry !== null) {
    highest = max<u32>(highest, depthAbove(entry.epoll) + 1);
    entry = entry.other;
  }
  epoll.visited = search;
  epoll.depth = highest;
  return highest;
}

/** `inner` can be put into `epoll`: there is no circle then, and no way of more than NESTS. */
function mayContain(epoll: Epoll, inner: Epoll): bool {
  search++;
  const below = depthBelow(inner, epoll, 0);
  if (inner === epoll || below > NESTS) return false;
  search++;
  return below + 1 + depthAbove(epoll) <= NESTS;
}

/** Looks whether an entry is ready from the beginning. */
function begin(entry: Interest): void {
  if (eventsOf(entry) === 0) return;
  addReady(entry);
  tell(entry.epoll);
}

/** EPOLL_CTL_ADD of a descriptor that is not there yet: 0, -ELOOP, -ENOSPC or -ENOMEM. */
export function addInterest(epoll: Epoll, file: OpenFile, fd: u32, events: u32, data: u64): i64 {
  if (isEpoll(file) && !mayContain(epoll, epollOf(file))) return -ELOOP;
  const room = ((totalPages() as u64) * (PAGE_SIZE as u64)) / SHARE;
  if ((count + 1) * (offsetof<Interest>() as u64) > room) return -ENOSPC;
  const entry = create<Interest>();
  if (entry === null) return -ENOMEM;
  const exclusive = (events & EPOLLEXCLUSIVE) !== 0;
  const made = watch(sourceOf(file), told, changetype<usize>(entry), exclusive);
  if (made === null) {
    destroy<Interest>(entry);
    return -ENOMEM;
  }
  count++;
  entry.watch = made;
  entry.epoll = epoll;
  entry.file = file;
  entry.fd = fd;
  entry.events = events | POLLERR | POLLHUP;
  entry.data = data;
  entry.order = orderOf(file, fd);
  enterTree(entriesOf(epoll), entry);
  const first = changetype<Interest | null>(file.interests);
  entry.other = first;
  if (first !== null) first.otherPrevious = entry;
  file.interests = changetype<usize>(entry);
  begin(entry);
  return 0;
}

/** EPOLL_CTL_MOD. */
export function changeInterest(entry: Interest, events: u32, data: u64): void {
  entry.events = events | POLLERR | POLLHUP;
  entry.data = data;
  begin(entry);
}

/** Takes `entry` out of the list of its file. */
function leaveFile(entry: Interest): void {
  const previous = entry.otherPrevious;
  const other = entry.other;
  if (previous === null) entry.file.interests = changetype<usize>(other);
  else previous.other = other;
  if (other !== null) other.otherPrevious = previous;
}

/** EPOLL_CTL_DEL. */
export function removeInterest(entry: Interest): void {
  dropReady(entry);
  leaveFile(entry);
  leaveTree(entriesOf(entry.epoll), entry);
  unwatch(entry.watch);
  destroy<Interest>(entry);
  count--;
}

/** `file` is about to go: no instance knows it any more. */
function forgetInterests(file: OpenFile): void {
  while (file.interests !== 0) removeInterest(changetype<Interest>(file.interests));
}

/** What `entry` asked for has been told once more: it waits for the next event, or for nothing. */
export function delivered(entry: Interest): void {
  if ((entry.events & EPOLLONESHOT) !== 0) entry.events &= FLAGS;
  if ((entry.events & (EPOLLONESHOT | EPOLLET)) !== 0) dropReady(entry);
  else requeueReady(entry);
}

function poll(file: OpenFile): u32 {
  const epoll = epollOf(file);
  let entry = epoll.firstReady;
  while (entry !== null) {
    if (eventsOf(entry) !== 0) return POLLIN | POLLRDNORM;
    dropReady(entry);
    entry = epoll.firstReady;
  }
  return 0;
}

function release(file: OpenFile): void {
  const epoll = epollOf(file);
  while (epoll.entries !== 0) removeInterest(changetype<Interest>(epoll.entries));
  closeAnonymous(file);
  destroy<Epoll>(epoll);
}

export function initEpoll(): void {
  count = 0;
  setForget(forgetInterests);
  const operations = newAnonymousOperations(storage, ANONYMOUS_EPOLL);
  operations.poll = poll;
  operations.release = release;
}
