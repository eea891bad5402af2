// Reading a directory entry by entry, "." and ".." first. A position is the cookie of the entry that comes
// next, so that reading goes on at the right place whatever has been made or removed meanwhile.

import { entryFrom } from "./directory_entries";
import { Entry, Node, refreshNode } from "./tree";

/** Positions of "." and "..". */
const DOT: u64 = 0;
const DOTDOT: u64 = 1;

const dots = memory.data<u8>([46, 46]);

let directory: Node = changetype<Node>(0);
let position: u64 = 0;
let following: Entry | null = null;

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
  following = entryFrom(node, from);
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
  if (position === DOTDOT) return found(directory.parent as Node, dots, 2, DOTDOT + 1);
  const entry = following;
  if (entry === null) return false;
  following = entry.next;
  return found(entry.node, entry.name, entry.nameLength, entry.cookie + 1);
}
