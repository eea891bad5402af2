// What a thread keeps of the file system: root, working directory and mask of modes. Threads share it, and so do processes that
// were made with CLONE_FS (clone(2)); unshare(2) ends that.

import { create, destroy } from "./heap";
import { dispose, Node } from "./tree";

@unmanaged
export class FsState {
  /** Threads that have it. */
  users: u32;
  /** What "/" is: chroot(2). */
  root: Node;
  directory: Node;
  /** umask(2): bits of modes that are left out. */
  umask: u32;
}

function drop(node: Node): void {
  node.users--;
  dispose(node);
}

/** Makes `node` the working directory. */
export function setDirectory(state: FsState, node: Node): void {
  const old = state.directory;
  node.users++;
  state.directory = node;
  if (changetype<usize>(old) !== 0) drop(old);
}

/** Makes `node` what absolute paths begin at. */
export function setRoot(state: FsState, node: Node): void {
  const old = state.root;
  node.users++;
  state.root = node;
  if (changetype<usize>(old) !== 0) drop(old);
}

/** One that nobody has yet; null when memory is out. */
export function newFsState(root: Node, directory: Node, umask: u32): FsState | null {
  const state = create<FsState>();
  if (state === null) return null;
  setRoot(state, root);
  setDirectory(state, directory);
  state.umask = umask;
  return state;
}

/** A copy that nobody has yet; null when memory is out. */
export function copyFsState(state: FsState): FsState | null {
  return newFsState(state.root, state.directory, state.umask);
}

/** A thread has `state` no more. */
export function dropFsState(state: FsState): void {
  state.users--;
  if (state.users !== 0) return;
  drop(state.root);
  drop(state.directory);
  destroy<FsState>(state);
}
