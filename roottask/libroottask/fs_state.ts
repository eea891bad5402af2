// What a thread keeps of the file system: root, working directory, mask of modes and namespace of mounts. Threads share it,
// and so do processes that were made with CLONE_FS (clone(2)); unshare(2) ends that.

import { create, destroy } from "./heap";
import { Mount, Namespace } from "./mount";
import { leaveNamespace } from "./mount_tree";
import { dropMount, keepMount } from "./mount_users";
import { dispose, Node } from "./tree";

@unmanaged
export class FsState {
  /** Threads that have it. */
  users: u32;
  /** umask(2): bits of modes that are left out. */
  umask: u32;
  /** What "/" is: chroot(2). */
  root: Node;
  rootMount: Mount;
  directory: Node;
  directoryMount: Mount;
  namespace: Namespace;
  /** Neighbours among all. */
  previous: FsState | null;
  next: FsState | null;
}

let first: FsState | null = null;

/** The first of all, that changes of mounts have to go through. */
export function firstFsState(): FsState | null {
  return first;
}

function drop(mount: Mount, node: Node): void {
  node.users--;
  dispose(node);
  dropMount(mount);
}

/** Makes `node` of `mount` the working directory. */
export function setDirectory(state: FsState, mount: Mount, node: Node): void {
  const old = state.directory;
  const oldMount = state.directoryMount;
  node.users++;
  keepMount(mount);
  state.directory = node;
  state.directoryMount = mount;
  if (changetype<usize>(old) !== 0) drop(oldMount, old);
}

/** Makes `node` of `mount` what absolute paths begin at. */
export function setRoot(state: FsState, mount: Mount, node: Node): void {
  const old = state.root;
  const oldMount = state.rootMount;
  node.users++;
  keepMount(mount);
  state.root = node;
  state.rootMount = mount;
  if (changetype<usize>(old) !== 0) drop(oldMount, old);
}

/** One that nobody has yet, with `node` of `mount` for root and working directory; null when memory is out. */
export function newFsState(
  namespace: Namespace,
  mount: Mount,
  node: Node,
  umask: u32,
): FsState | null {
  const state = create<FsState>();
  if (state === null) return null;
  setRoot(state, mount, node);
  setDirectory(state, mount, node);
  state.umask = umask;
  state.namespace = namespace;
  namespace.users++;
  const next = first;
  state.next = next;
  if (next !== null) next.previous = state;
  first = state;
  return state;
}

/** A copy that nobody has yet; null when memory is out. */
export function copyFsState(state: FsState): FsState | null {
  const copy = newFsState(state.namespace, state.rootMount, state.root, state.umask);
  if (copy !== null) setDirectory(copy, state.directoryMount, state.directory);
  return copy;
}

/** A thread has `state` no more. */
export function dropFsState(state: FsState): void {
  state.users--;
  if (state.users !== 0) return;
  const previous = state.previous;
  const next = state.next;
  if (previous === null) first = next;
  else previous.next = next;
  if (next !== null) next.previous = previous;
  drop(state.rootMount, state.root);
  drop(state.directoryMount, state.directory);
  leaveNamespace(state.namespace);
  destroy<FsState>(state);
}
