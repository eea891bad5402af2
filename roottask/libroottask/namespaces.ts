// Namespaces of mounts, and whose root and working directory is in which (mount_namespaces(7)).

import { ENOMEM } from "./errno";
import { TYPE_ROOTFS } from "./file_system";
import { FsState, firstFsState, setDirectory, setRoot } from "./fs_state";
import { create, destroy } from "./heap";
import { Mount, MS_RELATIME, Namespace, newMount, topOf } from "./mount";
import {
  copyTree,
  destroyNamespace,
  enterNamespace,
  following,
  leaveNamespace,
  mountTree,
  nameSource,
  setMountsChanged,
} from "./mount_tree";
import { POLLPRI } from "./poll_events";
import { copyLiteral } from "./text";
import { KIND_ANONYMOUS, Node, newFileSystem, newNode, rootMount } from "./tree";
import { notify } from "./watches";

const text = memory.data(16);
let initial: Namespace = changetype<Namespace>(0);

/** The namespace that programs of the start file begin in. */
export function firstNamespace(): Namespace {
  return initial;
}

function tell(namespace: Namespace): void {
  notify(namespace.node, POLLPRI);
}

/** An empty namespace that nobody is in; null when memory is out. */
function newNamespace(): Namespace | null {
  const namespace = create<Namespace>();
  if (namespace === null) return null;
  const node = newNode(KIND_ANONYMOUS, 0);
  if (node === null) {
    destroy<Namespace>(namespace);
    return null;
  }
  node.users++;
  namespace.node = node;
  return namespace;
}

/**
 * Gives the tree of the archive a place: on the root of an empty file system that nobody sees, as Linux has it, so that it can
 * be moved. Comes behind `initTree`. False when memory is out.
 */
export function initMounts(): bool {
  setMountsChanged(tell);
  const namespace = newNamespace();
  const system = newFileSystem(TYPE_ROOTFS, 0o755);
  if (namespace === null || system === null) return false;
  const outermost = newMount(system, system.root, MS_RELATIME);
  if (outermost === null) return false;
  outermost.users++;
  // It is the roottask's, and never goes.
  namespace.users++;
  initial = namespace;
  enterNamespace(outermost, namespace);
  const mount = rootMount();
  mount.flags = MS_RELATIME;
  const name = "tmpfs";
  copyLiteral(text, name);
  if (!nameSource(mount, text, name.length as u32)) return false;
  return mountTree(mount, outermost, system.root, null) === 0;
}

/** The mount in the tree of `copy` that stands where `mount` stands in the tree of `from`, of which the one is a copy. */
function counterpart(mount: Mount, from: Mount, copy: Mount): Mount | null {
  let at: Mount | null = from;
  let other: Mount | null = copy;
  while (at !== null && other !== null) {
    if (at === mount) return other;
    at = following(at, from);
    other = following(other, copy);
  }
  return null;
}

/** Gives `state` a namespace of its own, a copy of the one it has. Returns 0 or a negative error. */
export function ownNamespace(state: FsState): i64 {
  const old = state.namespace;
  const top = old.first;
  const namespace = newNamespace();
  if (namespace === null) return -ENOMEM;
  if (top !== null) {
    const copy = copyTree(top, top.root, null, true);
    if (copy === null) {
      destroyNamespace(namespace);
      return -ENOMEM;
    }
    const ownRoot = counterpart(state.rootMount, top, copy);
    const ownDirectory = counterpart(state.directoryMount, top, copy);
    let at: Mount | null = copy;
    while (at !== null) {
      enterNamespace(at, namespace);
      at = following(at, copy);
    }
    if (ownRoot !== null) setRoot(state, ownRoot, state.root);
    if (ownDirectory !== null) setDirectory(state, ownDirectory, state.directory);
  }
  namespace.users++;
  state.namespace = namespace;
  leaveNamespace(old);
  return 0;
}

/** `state` is in `namespace` from now on, at its root (mntns_install() of fs/namespace.c). */
export function joinNamespace(state: FsState, namespace: Namespace): void {
  const old = state.namespace;
  namespace.users++;
  state.namespace = namespace;
  const first = namespace.first;
  if (first !== null) {
    const top = topOf(first);
    setRoot(state, top, top.root);
    setDirectory(state, top, top.root);
  }
  leaveNamespace(old);
}

/** Who has `node` of `mount` for root or working directory has `other` of `to` instead (chroot_fs_refs()). */
export function replaceRoots(mount: Mount, node: Node, to: Mount, other: Node): void {
  let state = firstFsState();
  while (state !== null) {
    if (state.root === node && state.rootMount === mount) setRoot(state, to, other);
    if (state.directory === node && state.directoryMount === mount) setDirectory(state, to, other);
    state = state.next;
  }
}
