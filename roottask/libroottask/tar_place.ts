// Entries of the archive into the file tree. A later entry replaces an earlier one of its name, whatever kind
// they are, but a directory that has entries stays and one that is named again only changes mode and time:
// what GNU tar does when it extracts. Links in the directories of a name are followed.

import { ELOOP, ENAMETOOLONG, ENOMEM } from "./errno";
import { skip, skipLink } from "./tar_log";
import {
  cleaned,
  cleanedLength,
  cleanName,
  NAME_CLIMBS,
  NAME_EMPTY,
  NAME_LONG,
  NAME_OK,
} from "./tar_name";
import {
  attach,
  detach,
  dispose,
  entryOf,
  KIND_DIRECTORY,
  KIND_FILE,
  KIND_LINK,
  makeDirectories,
  NAME_MAX,
  Node,
  newNode,
  PATH_MAX,
  root,
  rootMount,
  setTime,
  walk,
  walkNode,
} from "./tree";

/** Mode of directories that the archive uses without naming them. */
const DIRECTORY_MODE: u32 = 0o755;

/** What the headers say about an entry. */
@unmanaged
export class TarEntry {
  /** As the archive has it, not yet cleaned. */
  name: usize;
  nameLength: u32;
  /** Target of a link. */
  link: usize;
  linkLength: u32;
  /** Permission bits. */
  mode: u32;
  /** Modification time. */
  seconds: i64;
  nanoseconds: u32;
  data: usize;
  size: u32;
  /** Bytes at `data` that were allocated for it, 0 for data in the archive. */
  capacity: u32;
}

function nameReason(error: u32): string {
  switch (error) {
    case NAME_EMPTY:
      return "its name is empty";
    case NAME_LONG:
      return "its name is longer than 4095 bytes";
    case NAME_CLIMBS:
      return "its name has a component ..";
    default:
      return "its name is that of the root";
  }
}

function pathReason(error: i64): string {
  if (error === -ENOMEM) return "out of memory";
  if (error === -ELOOP) return "too many symbolic links on its way";
  if (error === -ENAMETOOLONG) return "a component of its name is longer than 255 bytes";
  return "its name goes through something that is not a directory";
}

function refuse(entry: TarEntry, why: string): void {
  skip(entry.name, entry.nameLength, why);
}

/** Cleans the entry's name. False after a line where it can't be used. */
function named(entry: TarEntry): bool {
  const error = cleanName(entry.name, entry.nameLength, false);
  if (error === NAME_OK) return true;
  refuse(entry, nameReason(error));
  return false;
}

/** Start of what is behind the last "/" of the cleaned name. */
function lastComponent(): u32 {
  let start = cleanedLength;
  while (start > 0 && load<u8>(cleaned + start - 1) !== 47) start--;
  return start;
}

/** Makes the directories above the cleaned name. Returns the one it belongs into, or null after a line. */
function directoryOf(entry: TarEntry, start: u32): Node | null {
  let error = makeDirectories(cleaned, start, DIRECTORY_MODE, entry.seconds);
  if (error === 0 && cleanedLength - start > NAME_MAX) error = -ENAMETOOLONG;
  if (error === 0) return walkNode;
  refuse(entry, pathReason(error));
  return null;
}

/** Gives `node` the cleaned name, in place of what has it; a node that gets no name is freed. */
function place(entry: TarEntry, node: Node): void {
  if (cleanedLength === 0) {
    refuse(entry, nameReason(NAME_OK));
    dispose(node);
    return;
  }
  const start = lastComponent();
  const directory = directoryOf(entry, start);
  if (directory === null) {
    dispose(node);
    return;
  }
  const last = cleaned + start;
  const length = cleanedLength - start;
  const present = entryOf(directory, last, length);
  if (present !== null) {
    if (present.node === node) return;
    if (present.node.entries !== null) {
      refuse(entry, "a directory with entries has its name");
      dispose(node);
      return;
    }
  }
  if (attach(directory, node, last, length) !== 0) {
    refuse(entry, pathReason(-ENOMEM));
    dispose(node);
  } else if (present !== null) {
    detach(present);
  }
}

/** A node with the entry's mode and time, or null after a line. */
function newPlaced(entry: TarEntry, kind: u32): Node | null {
  const node = newNode(kind, kind === KIND_LINK ? 0o777 : entry.mode);
  if (node === null) refuse(entry, pathReason(-ENOMEM));
  else setTime(node, entry.seconds, entry.nanoseconds);
  return node;
}

/** The directory that has the cleaned name already, or null. */
function presentDirectory(): Node | null {
  if (cleanedLength === 0) return root();
  const found = walk(rootMount(), root(), cleaned, cleanedLength, false) === 0 ? walkNode : null;
  return found !== null && found.kind === KIND_DIRECTORY ? found : null;
}

export function placeDirectory(entry: TarEntry): void {
  if (!named(entry)) return;
  const present = presentDirectory();
  if (present !== null) {
    present.mode = entry.mode;
    setTime(present, entry.seconds, entry.nanoseconds);
    return;
  }
  const node = newPlaced(entry, KIND_DIRECTORY);
  if (node !== null) place(entry, node);
}

export function placeFile(entry: TarEntry): void {
  if (!named(entry)) return;
  const node = newPlaced(entry, KIND_FILE);
  if (node === null) return;
  node.data = entry.data;
  node.size = entry.size as u64;
  node.base = entry.size;
  node.capacity = entry.capacity;
  place(entry, node);
}

export function placeSymbolicLink(entry: TarEntry): void {
  if (entry.linkLength === 0) {
    refuse(entry, "symbolic link without a target");
    return;
  }
  if (entry.linkLength >= PATH_MAX) {
    refuse(entry, "symbolic link with a target longer than 4095 bytes");
    return;
  }
  if (!named(entry)) return;
  const node = newPlaced(entry, KIND_LINK);
  if (node === null) return;
  node.data = entry.link;
  node.size = entry.linkLength as u64;
  place(entry, node);
}

/** A hard link is another name of the node that the target, not followed, is at this point of the archive. */
export function placeHardLink(entry: TarEntry): void {
  const error = cleanName(entry.link, entry.linkLength, true);
  const found =
    error === NAME_OK &&
    cleanedLength !== 0 &&
    walk(rootMount(), root(), cleaned, cleanedLength, false) === 0
      ? walkNode
      : null;
  if (found === null || found.kind === KIND_DIRECTORY) {
    const why = found === null ? "hard link to what is not there," : "hard link to a directory,";
    skipLink(entry.name, entry.nameLength, why, entry.link, entry.linkLength);
    return;
  }
  if (named(entry)) place(entry, found);
}
