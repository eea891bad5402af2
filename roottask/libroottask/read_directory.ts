// Reading a directory entry by entry, "." and ".." first, then the youngest entries first, as a tmpfs of Linux has them
// (fs/libfs.c), or in a computed directory in the order of their making. A position tells the cookies of the entries that
// come next, so that reading goes on at the right place whatever has been made or removed meanwhile.

import { entryFrom, entryUpTo } from "./directory_entries";
import { Entry, isComputed, Node, refreshNode } from "./tree";

/** Positions of "." and "..". */
const DOT: u64 = 0;
const DOTDOT: u64 = 1;
/** Behind both, where all entries are to come. Those of cookies up to any higher position are, of the youngest first. */
const START: u64 = 2;

const dots = memory.data<u8>([46, 46]);

let directory: Node = changetype<Node>(0);
let position: u64 = 0;
let following: Entry | null = null;
let youngestFirst: bool = false;

/** The entry that `readEntry` found: its node and name, and the position behind it. */
export let entryNode: Node = changetype<Node>(0);
export let entryName: usize = 0;
export let entryNameLength: u32 = 0;
export let entryEnd: u64 = 0;

/** Begins at position `from` of `node`, which is a directory. */
export function openEntries(node: Node, from: u64): void {
  directory = node;
  position = from;
  refreshNode(node);
  youngestFirst = !isComputed(node);
  if (!youngestFirst) following = entryFrom(node, from);
  else following = from <= START ? node.lastEntry : entryUpTo(node, from);
}

function found(node: Node, name: usize, length: u32, end: u64): bool {
  entryNode = node;
  entryName = name;
  entryNameLength = length;
  entryEnd = end;
  position = end;
  return true;
}

/** Goes to the next entry; false where there is none. */
export function readEntry(): bool {
  if (position === DOT) return found(directory, dots, 1, DOTDOT);
  if (position === DOTDOT) return found(directory.parent as Node, dots, 2, START);
  const entry = following;
  if (entry === null) return false;
  following = youngestFirst ? entry.previous : entry.next;
  const end = youngestFirst ? entry.cookie - 1 : entry.cookie + 1;
  return found(entry.node, entry.name, entry.nameLength, end);
}
