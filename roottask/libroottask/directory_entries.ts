// The entries of a directory: a list in the order of their places, a tree of the places, and one of the names. The names
// of a node are a list.

import { Link, noSum, plant, uproot } from "./balanced_tree";
import { Entry, Node } from "./node";
import { hashOf } from "./text";

function namesOf(directory: Node): usize {
  return changetype<usize>(directory) + offsetof<Node>("entryNames");
}

function placesOf(directory: Node): usize {
  return changetype<usize>(directory) + offsetof<Node>("entryPlaces");
}

/** What `entry` is in the tree of places. */
function placeOf(entry: Entry): Link {
  return changetype<Link>(changetype<usize>(entry) + offsetof<Entry>("placeParent"));
}

/** The entry that `place` is of, null for none. */
function entryAt(place: Link | null): Entry | null {
  if (place === null) return null;
  return changetype<Entry>(changetype<usize>(place) - offsetof<Entry>("placeParent"));
}

/** Less than 0 where the name comes in front of that of `entry`, 0 where it is the same; the order means nothing else. */
function compare(hash: u32, name: usize, length: u32, entry: Entry): i32 {
  if (hash !== entry.hash) return hash < entry.hash ? -1 : 1;
  if (length !== entry.nameLength) return length < entry.nameLength ? -1 : 1;
  return memory.compare(name, entry.name, length);
}

/** The entry of `directory` by that name, or null. */
export function entryOf(directory: Node, name: usize, length: u32): Entry | null {
  const hash = hashOf(name, length);
  let at = changetype<Entry | null>(directory.entryNames);
  while (at !== null) {
    const order = compare(hash, name, length, at);
    if (order === 0) return at;
    at = changetype<Entry | null>(order < 0 ? at.low : at.high);
  }
  return null;
}

/** The last entry of `directory` whose place is `from` or in front of it, or null. */
export function entryUpTo(directory: Node, from: u64): Entry | null {
  let found: Entry | null = null;
  let at = entryAt(changetype<Link | null>(directory.entryPlaces));
  while (at !== null) {
    if (at.cookie > from) {
      at = entryAt(changetype<Link | null>(at.placeLow));
    } else {
      found = at;
      at = entryAt(changetype<Link | null>(at.placeHigh));
    }
  }
  return found;
}

/** The first entry of `directory` whose place is `from` or behind it, or null. */
export function entryFrom(directory: Node, from: u64): Entry | null {
  let found: Entry | null = null;
  let at = entryAt(changetype<Link | null>(directory.entryPlaces));
  while (at !== null) {
    if (at.cookie < from) {
      at = entryAt(changetype<Link | null>(at.placeHigh));
    } else {
      found = at;
      at = entryAt(changetype<Link | null>(at.placeLow));
    }
  }
  return found;
}

/** Enters `entry`, whose name nobody has there, into its directory; its place is behind all others. */
export function enterDirectory(entry: Entry): void {
  const directory = entry.directory;
  directory.size++;
  entry.hash = hashOf(entry.name, entry.nameLength);
  let parent: Entry | null = null;
  let low = false;
  let at = changetype<Entry | null>(directory.entryNames);
  while (at !== null) {
    parent = at;
    low = compare(entry.hash, entry.name, entry.nameLength, at) < 0;
    at = changetype<Entry | null>(low ? at.low : at.high);
  }
  plant(namesOf(directory), parent, low, entry, noSum);
  const last = directory.lastEntry;
  entry.next = null;
  entry.previous = last;
  if (last === null) directory.entries = entry;
  else last.next = entry;
  directory.lastEntry = entry;
  // The last one has nothing behind it.
  const before: Link | null = last === null ? null : placeOf(last);
  plant(placesOf(directory), before, false, placeOf(entry), noSum);
}

/** Takes `entry` out of its directory. */
export function leaveDirectory(entry: Entry): void {
  const directory = entry.directory;
  directory.size--;
  uproot(namesOf(directory), entry, noSum);
  uproot(placesOf(directory), placeOf(entry), noSum);
  const previous = entry.previous;
  const next = entry.next;
  if (previous === null) directory.entries = next;
  else previous.next = next;
  if (next === null) directory.lastEntry = previous;
  else next.previous = previous;
}

/** Makes `entry` the newest name of its node. */
export function enterNames(entry: Entry): void {
  const node = entry.node;
  const first = node.names;
  entry.other = first;
  entry.otherPrevious = null;
  if (first !== null) first.otherPrevious = entry;
  node.names = entry;
}

/** Takes `entry` out of the names of its node. */
export function leaveNames(entry: Entry): void {
  const node = entry.node;
  const previous = entry.otherPrevious;
  const other = entry.other;
  if (previous === null) node.names = other;
  else previous.other = other;
  if (other !== null) other.otherPrevious = previous;
}
