// Trees of mounts (mount_namespaces(7), fs/namespace.c of Linux 6.1): how mounts come into a namespace, go, move and are
// copied. Who may do that, and what stands against it, is linux/mounts.ts.

import { ENOSPC } from "./errno";
import { allocate, destroy } from "./heap";
import { Mount, Namespace, newMount } from "./mount";
import { freeMount, putOn, takeOff } from "./mount_users";
import { dispose, Entry, isRemoved, KIND_DIRECTORY, keepEntry, Node } from "./tree";

/** Mounts that a namespace may have, as fs.mount-max of Linux. */
export const MOUNTS_MAX: u32 = 100000;

export function destroyNamespace(namespace: Namespace): void {
  const node = namespace.node;
  destroy<Namespace>(namespace);
  node.users--;
  dispose(node);
}

type Changed = (namespace: Namespace) => void;

function nothingToTell(_namespace: Namespace): void {}

let changed: Changed = nothingToTell;

/** `tell` tells those who wait that mounts have changed (namespaces.ts). */
export function setMountsChanged(tell: Changed): void {
  changed = tell;
}

/** The mount tree of `namespace` has changed. */
export function noteMounts(namespace: Namespace): void {
  namespace.events++;
  changed(namespace);
}

export function enterNamespace(mount: Mount, namespace: Namespace): void {
  const last = namespace.last;
  mount.namespace = namespace;
  mount.previous = last;
  mount.next = null;
  if (last === null) namespace.first = mount;
  else last.next = mount;
  namespace.last = mount;
  namespace.count++;
}

function leave(mount: Mount, namespace: Namespace): void {
  const previous = mount.previous;
  const next = mount.next;
  if (previous === null) namespace.first = next;
  else previous.next = next;
  if (next === null) namespace.last = previous;
  else next.previous = previous;
  mount.namespace = null;
  namespace.count--;
}

/** The mount behind `at` in the tree of `top`, parents first; null behind the last. */
export function following(at: Mount, top: Mount): Mount | null {
  if (at.children !== null) return at.children;
  let from = at;
  while (from !== top) {
    if (from.nextChild !== null) return from.nextChild;
    from = from.parent as Mount;
  }
  return null;
}

/** Mounts in the tree of `top`. */
export function countTree(top: Mount): u32 {
  let count: u32 = 0;
  let at: Mount | null = top;
  while (at !== null) {
    count++;
    at = following(at, top);
  }
  return count;
}

/** `node` can be given something to stand on it: it has not been removed. */
export function canCarry(node: Node, entry: Entry | null): bool {
  return node.links !== 0 && (entry === null || !isRemoved(entry));
}

/** What a mount on `node`, found by `entry`, keeps of the name. */
export function nameOfPoint(node: Node, entry: Entry | null): Entry | null {
  return node.kind === KIND_DIRECTORY ? null : entry;
}

/** Puts the tree of `top`, which stands nowhere, on `node` of `parent`. Returns 0 or -ENOSPC, and nothing has changed then. */
export function mountTree(top: Mount, parent: Mount, node: Node, entry: Entry | null): i64 {
  const namespace = parent.namespace as Namespace;
  if (countTree(top) > MOUNTS_MAX - namespace.count) return -ENOSPC;
  putOn(top, parent, node, nameOfPoint(node, entry));
  let at: Mount | null = top;
  while (at !== null) {
    enterNamespace(at, namespace);
    at = following(at, top);
  }
  noteMounts(namespace);
  return 0;
}

/** `top`, which is there, moves with all that stands on it to `node` of `parent`. */
export function moveTree(top: Mount, parent: Mount, node: Node, entry: Entry | null): void {
  takeOff(top);
  putOn(top, parent, node, nameOfPoint(node, entry));
  noteMounts(parent.namespace as Namespace);
}

/** Takes the tree of `top` away, whoever uses it: what is used goes with its last user. */
export function unmountTree(top: Mount): void {
  let at = top;
  while (true) {
    const child = at.children;
    if (child !== null) {
      at = child;
      continue;
    }
    const parent = at.parent;
    const last = at === top;
    const namespace = at.namespace;
    takeOff(at);
    if (namespace !== null) {
      leave(at, namespace);
      if (last) noteMounts(namespace);
    }
    freeMount(at);
    if (last) return;
    at = parent as Mount;
  }
}

/** A name goes, or its node does: what stands on it in whatever namespace goes, too. */
export function unmountFrom(node: Node, entry: Entry | null): void {
  let mount = changetype<Mount | null>(node.covers);
  while (mount !== null) {
    const next: Mount | null = mount.nextOnPoint;
    const name = mount.entry;
    if (name === null || name === entry) {
      unmountTree(mount);
      // Of what has gone with it something may have been the next.
      mount = changetype<Mount | null>(node.covers);
    } else {
      mount = next;
    }
  }
}

/** Something stands on `node`, found by `entry`, in `namespace`. */
export function isMountPoint(namespace: Namespace, node: Node, entry: Entry | null): bool {
  let mount = changetype<Mount | null>(node.covers);
  while (mount !== null) {
    const name = mount.entry;
    if (mount.namespace === namespace && (name === null || name === entry)) return true;
    mount = mount.nextOnPoint;
  }
  return false;
}

/** A mount of `node`, found by `entry`, that is like `from` otherwise, and stands nowhere; null when memory is out. */
export function copyMount(from: Mount, node: Node, entry: Entry | null): Mount | null {
  const copy = newMount(from.system, node, from.flags);
  if (copy === null) return null;
  if (entry !== null) keepEntry(entry);
  copy.rootEntry = entry;
  if (nameSource(copy, from.source, from.sourceLength)) return copy;
  freeMount(copy);
  return null;
}

/** `mount` is told to be of the `length` bytes at `source`. False when memory is out. */
export function nameSource(mount: Mount, source: usize, length: u32): bool {
  if (source === 0) return true;
  // A source without a name is one all the same.
  const bytes = max<u32>(length, 1);
  const copy = allocate(bytes);
  if (copy === 0) return false;
  memory.copy(copy, source, length);
  mount.source = copy;
  mount.sourceLength = length;
  return true;
}

/** Directory `node` is `above` or lies below it, in one file system. */
export function isWithin(node: Node, above: Node): bool {
  let at = node;
  while (at !== above) {
    const parent = at.parent;
    if (parent === null || parent === at) return false;
    at = parent;
  }
  return true;
}

/** `mount` stands on `node` or below it. */
function standsWithin(mount: Mount, node: Node): bool {
  const point = mount.point as Node;
  const entry = mount.entry;
  return point === node || isWithin(entry === null ? point : entry.directory, node);
}

/** What stands on `mount` of `tree`, whose top shows no more than `node`, is to be copied. */
function isCopied(mount: Mount, tree: Mount, node: Node, all: bool): bool {
  if (mount.unbindable !== 0 && !all) return false;
  return mount.parent !== tree || standsWithin(mount, node);
}

/**
 * A copy of the tree of `from` from `node`, found by `entry`, on, which stands nowhere; with mounts that cannot be bound where `all` is set. Null
 * when memory is out.
 */
export function copyTree(from: Mount, node: Node, entry: Entry | null, all: bool): Mount | null {
  const top = copyMount(from, node, entry);
  if (top === null) return null;
  let at = from;
  let copy: Mount = top;
  let next = from.children;
  while (true) {
    if (next !== null) {
      const mount = next as Mount;
      if (!isCopied(mount, from, node, all)) {
        next = mount.nextChild;
        continue;
      }
      const made = copyMount(mount, mount.root, mount.rootEntry);
      if (made === null) {
        unmountTree(top);
        return null;
      }
      made.unbindable = mount.unbindable;
      putOn(made, copy, mount.point as Node, mount.entry);
      at = mount;
      copy = made;
      next = mount.children;
      continue;
    }
    if (at === from) return top;
    next = at.nextChild;
    at = at.parent as Mount;
    copy = copy.parent as Mount;
  }
}

/** `namespace` has one user less; with the last its mounts go. */
export function leaveNamespace(namespace: Namespace): void {
  namespace.users--;
  if (namespace.users !== 0) return;
  while (namespace.first !== null) unmountTree(namespace.first as Mount);
  destroyNamespace(namespace);
}

/** Directory `node` of `mount` is reached from `above` of `from` downwards. */
export function isBelow(mount: Mount, node: Node, from: Mount, above: Node): bool {
  let at = mount;
  if (at === from) return isWithin(node, above);
  while (true) {
    const parent: Mount | null = at.parent;
    if (parent === null) return false;
    if (parent === from) return standsWithin(at, above);
    at = parent;
  }
}

/** `mount` is `above` or stands on it, on what stands on it, and so on. */
export function standsOn(mount: Mount, above: Mount): bool {
  let at: Mount | null = mount;
  while (at !== null && at !== above) at = at.parent;
  return at !== null;
}
