// Trees of mounts (mount_namespaces(7), fs/namespace.c of Linux 6.1): how mounts come into a namespace, go, move and are
// copied. Who may do that, and what stands against it, is linux/mounts.ts.

import { ENOENT, ENOMEM, ENOSPC } from "./errno";
import { allocate, destroy } from "./heap";
import { Mount, mountOn, Namespace, newMount } from "./mount";
import { freeMount, putOn, takeOff } from "./mount_users";
import {
  dropReceivers,
  findReceivers,
  joinGroup,
  makePrivate,
  makeShared,
  placeCopy,
} from "./propagation";
import { dispose, Entry, isRemoved, KIND_DIRECTORY, keepEntry, Node } from "./tree";

/** Mounts that a namespace may have (fs.mount-max of Linux, which has 100000): few enough for lists of them. */
export const MOUNTS_MAX: u32 = 4096;

export function destroyNamespace(namespace: Namespace): void {
  const node = namespace.node;
  const file = changetype<Node | null>(namespace.file);
  destroy<Namespace>(namespace);
  node.users--;
  dispose(node);
  if (file === null) return;
  file.links = 0;
  file.users--;
  dispose(file);
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

/** A copy of the tree of `top` for `receiver`, or null. */
function copyFor(receiver: Mount): Mount | null {
  let from = receiver.from as Mount;
  while (from.copy === null) from = from.from as Mount;
  const source = from.copy as Mount;
  const copy = copyTree(source, source.root, source.rootEntry, true);
  let at: Mount | null = copy;
  while (at !== null) {
    placeCopy(at, receiver);
    at = following(at, copy as Mount);
  }
  return copy;
}

/** Lets go of the copies that have been made for those who see what is mounted on `parent`. */
function dropCopies(parent: Mount): void {
  let at = parent.nextReceiver;
  while (at !== null) {
    const copy: Mount | null = at.copy;
    if (copy !== null) unmountTree(copy, false);
    at = at.nextReceiver;
  }
  dropReceivers();
}

/**
 * Makes a copy of the tree of `top`, which is to stand on `node` of `parent`, for each mount that sees it there, too. Returns 0,
 * with the copies for `settle`, or -ENOMEM or -ENOSPC, or -ENOENT where the root of `top` has been removed, since something
 * might have to stand on that (attach_recursive_mnt() of Linux).
 */
function spread(top: Mount, parent: Mount, node: Node, entry: Entry | null): i64 {
  if (!canCarry(top.root, top.rootEntry)) return -ENOENT;
  const size = countTree(top);
  let total: u32 = top.namespace === null ? size : 0;
  if (total > MOUNTS_MAX - (parent.namespace as Namespace).count) return -ENOSPC;
  let shared: Mount | null = top;
  while (shared !== null && parent.group !== 0) {
    makeShared(shared);
    shared = following(shared, top);
  }
  findReceivers(parent);
  parent.copy = top;
  let error: i64 = 0;
  let at = parent.nextReceiver;
  while (at !== null && error === 0) {
    if (shows(at, node, entry)) {
      total += size;
      const namespace = at.namespace as Namespace;
      if (total > MOUNTS_MAX - namespace.count) error = -ENOSPC;
      else at.copy = copyFor(at);
      if (at.copy === null && error === 0) error = -ENOMEM;
    }
    at = at.nextReceiver;
  }
  if (error !== 0) dropCopies(parent);
  return error;
}

/** `node`, found by `entry`, is in what `mount` shows. */
function shows(mount: Mount, node: Node, entry: Entry | null): bool {
  const name = nameOfPoint(node, entry);
  return mount.root === node || isWithin(name === null ? node : name.directory, mount.root);
}

function enterTree(top: Mount, namespace: Namespace): void {
  let at: Mount | null = top;
  while (at !== null) {
    enterNamespace(at, namespace);
    at = following(at, top);
  }
}

/** Puts the copies that `spread` has made in their places; what stands there already stands on them then. */
function settle(parent: Mount, node: Node, entry: Entry | null): void {
  const name = nameOfPoint(node, entry);
  let at = parent.nextReceiver;
  while (at !== null) {
    const copy: Mount | null = at.copy;
    if (copy !== null) {
      const over = mountOn(at, node, name);
      if (over !== null) takeOff(over);
      putOn(copy, at, node, name);
      enterTree(copy, at.namespace as Namespace);
      // What is in the namespace already must not come in again with the copy's tree.
      if (over !== null) putOn(over, copy, copy.root, null);
      noteMounts(at.namespace as Namespace);
    }
    at = at.nextReceiver;
  }
  dropReceivers();
  noteMounts(parent.namespace as Namespace);
}

/**
 * Puts the tree of `top`, which stands nowhere, on `node` of `parent`, and copies of it where that is seen. Returns 0, or
 * an error of `spread` where nothing has changed.
 */
export function mountTree(top: Mount, parent: Mount, node: Node, entry: Entry | null): i64 {
  const error = spread(top, parent, node, entry);
  if (error !== 0) return error;
  putOn(top, parent, node, nameOfPoint(node, entry));
  enterTree(top, parent.namespace as Namespace);
  settle(parent, node, entry);
  return 0;
}

/** `top`, which is there, moves with all that stands on it to `node` of `parent`. Returns as `mountTree` does. */
export function moveTree(top: Mount, parent: Mount, node: Node, entry: Entry | null): i64 {
  const error = spread(top, parent, node, entry);
  if (error !== 0) return error;
  takeOff(top);
  putOn(top, parent, node, nameOfPoint(node, entry));
  settle(parent, node, entry);
  return 0;
}

/** What covers the whole of `mount`, where nothing else stands on that; else null. */
function topper(mount: Mount): Mount | null {
  const child = mount.children;
  const alone = child !== null && child.nextChild === null && child.point === mount.root;
  return alone ? child : null;
}

/**
 * Those that stand where `mount`, of the tree of `top`, stands on what sees that: the first, others by `nextGone`. Not those of
 * the tree, nor those that something stands on, unless it covers the whole (propagate_umount() of Linux).
 */
function counterparts(mount: Mount, top: Mount): Mount | null {
  const parent = mount.parent;
  if (parent === null || parent.group === 0) return null;
  let found: Mount | null = null;
  findReceivers(parent);
  let at = parent.nextReceiver;
  while (at !== null) {
    const child = mountOn(at, mount.point as Node, mount.entry);
    if (child !== null && !standsOn(child, top)) {
      const over = topper(child);
      if (child.children === null || (over !== null && over !== top)) {
        child.nextGone = found;
        found = child;
      }
    }
    at = at.nextReceiver;
  }
  dropReceivers();
  return found;
}

/** `mount`, which nothing stands on, or what would go with it is used. */
export function isUsed(mount: Mount): bool {
  if (mount.users !== 0) return true;
  let at = counterparts(mount, mount);
  while (at !== null) {
    if (at.users !== 0) return true;
    at = at.nextGone;
  }
  return false;
}

/** Takes `mount` away; what covers it stands in its place then. */
function removeBelow(mount: Mount): void {
  const over = topper(mount);
  if (over !== null) {
    takeOff(over);
    putOn(over, mount.parent as Mount, mount.point as Node, mount.entry);
  }
  remove(mount);
}

/** Takes `mount`, which nothing stands on, away. */
function remove(mount: Mount): void {
  const namespace = mount.namespace;
  takeOff(mount);
  makePrivate(mount);
  if (namespace !== null) {
    leave(mount, namespace);
    noteMounts(namespace);
  }
  freeMount(mount);
}

/**
 * Takes the tree of `top` away, whoever uses it: what is used goes with its last user. Where it `spreads`, what stands in the
 * same places elsewhere goes as well.
 */
export function unmountTree(top: Mount, spreads: bool): void {
  let at = top;
  while (true) {
    const child = at.children;
    if (child !== null) {
      at = child;
      continue;
    }
    const parent = at.parent;
    const last = at === top;
    let gone: Mount | null = null;
    if (spreads) gone = counterparts(at, top);
    while (gone !== null) {
      const next: Mount | null = gone.nextGone;
      removeBelow(gone);
      gone = next;
    }
    remove(at);
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
      unmountTree(mount, false);
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
  if (nameSource(copy, from.source, from.sourceLength)) {
    joinGroup(copy, from);
    return copy;
  }
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
        unmountTree(top, false);
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
  while (namespace.first !== null) unmountTree(namespace.first as Mount, false);
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
