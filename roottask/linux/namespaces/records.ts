// Namespaces of names of the host and of IPC (uts_namespaces(7), ipc_namespaces(7)) beside the first ones, which are those of
// a line of the start file: who is in them, and what they hold. One goes with the last thread and open file that has it.

import { create, destroy } from "../../libroottask/heap";
import { dispose, Node } from "../../libroottask/tree";

/** Frees what a namespace holds. */
export type FreeContents = (contents: usize) => void;

@unmanaged
export class OwnNamespace {
  /** Threads that are in it, and open files that mean it. */
  users: u32;
  /** The Node that links in /proc/PID/ns lead to (files.ts), 0 before somebody has asked for it. */
  file: usize;
  /** What the kind keeps, and what frees that. */
  contents: usize;
  free: FreeContents;
}

/** A namespace of `contents` with one user; null when memory is out. */
export function newOwnNamespace(contents: usize, free: FreeContents): OwnNamespace | null {
  const namespace = create<OwnNamespace>();
  if (namespace === null) return null;
  namespace.users = 1;
  namespace.contents = contents;
  namespace.free = free;
  return namespace;
}

/** The namespace at `address`, 0 for a first one, has one user more. Returns `address`. */
export function keepNamespace(address: usize): usize {
  if (address !== 0) changetype<OwnNamespace>(address).users++;
  return address;
}

/** It has one user less, and goes with the last. */
export function dropNamespace(address: usize): void {
  if (address === 0) return;
  const namespace = changetype<OwnNamespace>(address);
  namespace.users--;
  if (namespace.users !== 0) return;
  const free = namespace.free;
  free(namespace.contents);
  const file = changetype<Node | null>(namespace.file);
  destroy<OwnNamespace>(namespace);
  if (file === null) return;
  file.links = 0;
  file.users--;
  dispose(file);
}
