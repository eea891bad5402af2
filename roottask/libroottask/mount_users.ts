// Who uses mounts, and what becomes of them then: a mount lives while it has a place or a user, a file system while it has a
// mount.

import { freeSystem, TYPE_TMPFS } from "./file_system";
import { destroy, release } from "./heap";
import { Entry, FileSystem, Mount, Node } from "./node";
import { detach, dispose, dropEntry, endWatches, KIND_DIRECTORY, keepEntry } from "./tree";

/** `mount`, where there is one, is used once more. */
export function keepMount(mount: Mount | null): void {
  if (mount === null) return;
  mount.users++;
}

/** The same once less; one that has gone from its namespace goes with its last user. */
export function dropMount(mount: Mount | null): void {
  if (mount === null) return;
  mount.users--;
  freeMount(mount);
}

/** The number of those who may write through `mount` changes by `by`: 1 or -1. */
export function addWriter(mount: Mount, by: i32): void {
  mount.writers += by;
  mount.system.writers += by;
}

/** Frees a mount that is nowhere and has no user, and its file system with its last mount. */
export function freeMount(mount: Mount): void {
  if (mount.users !== 0 || mount.namespace !== null) return;
  const system = mount.system;
  const node = mount.root;
  const entry = mount.rootEntry;
  if (mount.source !== 0) release(mount.source, mount.sourceLength);
  destroy<Mount>(mount);
  if (entry !== null) dropEntry(entry);
  system.mounts--;
  node.users--;
  dispose(node);
  if (system.mounts === 0) endFileSystem(system);
}

/** `mount` stands on `node` of `parent` from now on; `entry` is that node's name where it is no directory. */
export function putOn(mount: Mount, parent: Mount, node: Node, entry: Entry | null): void {
  mount.parent = parent;
  mount.point = node;
  mount.entry = entry;
  node.users++;
  if (entry !== null) keepEntry(entry);
  mount.nextOnPoint = changetype<Mount | null>(node.covers);
  node.covers = changetype<usize>(mount);
  const last = parent.lastChild;
  if (last === null) parent.children = mount;
  else last.nextChild = mount;
  parent.lastChild = mount;
}

/** `mount` leaves its place. */
export function takeOff(mount: Mount): void {
  const parent = mount.parent;
  const node = mount.point;
  const entry = mount.entry;
  if (parent === null || node === null) return;
  let before: Mount | null = null;
  let at = parent.children as Mount;
  while (at !== mount) {
    before = at;
    at = at.nextChild as Mount;
  }
  if (before === null) parent.children = mount.nextChild;
  else before.nextChild = mount.nextChild;
  if (mount.nextChild === null) parent.lastChild = before;
  const first = changetype<Mount>(node.covers);
  if (first === mount) {
    node.covers = changetype<usize>(mount.nextOnPoint);
  } else {
    let other = first;
    while (other.nextOnPoint !== mount) other = other.nextOnPoint as Mount;
    other.nextOnPoint = mount.nextOnPoint;
  }
  mount.parent = null;
  mount.point = null;
  mount.entry = null;
  mount.nextChild = null;
  mount.nextOnPoint = null;
  if (entry !== null) dropEntry(entry);
  node.users--;
  dispose(node);
}

/** The last mount of `system` has gone: its tree goes, and watches in it end. What is computed stays. */
function endFileSystem(system: FileSystem): void {
  if (system.type !== TYPE_TMPFS) return;
  const root = system.root;
  let at = root;
  while (true) {
    const entry = at.entries;
    if (entry === null) {
      if (at === root) break;
      at = at.parent as Node;
      detach(at.entries as Entry);
      continue;
    }
    const node = entry.node;
    if (node.marks !== 0) endWatches(node);
    if (node.kind === KIND_DIRECTORY && node.entries !== null) at = node;
    else detach(entry);
  }
  if (root.marks !== 0) endWatches(root);
  // Its "." and "..", which nothing else takes away, and the parent that it is to itself.
  root.links = 0;
  root.parent = null;
  system.mounts++;
  dispose(root);
  system.mounts--;
  freeSystem(system);
}
