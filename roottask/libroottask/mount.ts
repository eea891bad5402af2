// Mounts: which tree of nodes stands at which place (path_resolution(7), mount_namespaces(7)). A place is a mount and a node
// of its file system. Here is what walks and checks ask; how mounts are counted, come and go is mount_users.ts and
// mount_tree.ts.

import { EROFS } from "./errno";
import { create } from "./heap";
import { Entry, FileSystem, Mount, Namespace, Node } from "./node";

export { Mount, Namespace };

/** Flags of a mount, by the numbers that mount(2) has for them (include/uapi/linux/mount.h). */
export const MS_RDONLY: u32 = 1;
export const MS_NOSUID: u32 = 2;
export const MS_NODEV: u32 = 4;
export const MS_NOEXEC: u32 = 8;
export const MS_NOSYMFOLLOW: u32 = 0x100;
export const MS_NOATIME: u32 = 0x400;
export const MS_NODIRATIME: u32 = 0x800;
export const MS_RELATIME: u32 = 0x20_0000;

let ids: u32 = 0;

/** A mount of `node`, of `system`, that stands nowhere and nobody uses; null when memory is out. */
export function newMount(system: FileSystem, node: Node, flags: u32): Mount | null {
  const mount = create<Mount>();
  if (mount === null) return null;
  mount.id = ++ids;
  mount.flags = flags;
  mount.system = system;
  mount.root = node;
  system.mounts++;
  node.users++;
  return mount;
}

/** The mount on `node` of `parent`, null where there is none. `entry` is the name that the node was found by. */
export function mountOn(parent: Mount, node: Node, entry: Entry | null): Mount | null {
  let mount = changetype<Mount | null>(node.covers);
  while (mount !== null) {
    const name = mount.entry;
    if (mount.parent === parent && (name === null || name === entry)) return mount;
    mount = mount.nextOnPoint;
  }
  return null;
}

/** The topmost of the mounts that stand on `mount`'s own root, or itself. */
export function topOf(mount: Mount): Mount {
  let top = mount;
  while (top.root.covers !== 0) {
    const over = mountOn(top, top.root, null);
    if (over === null) break;
    top = over;
  }
  return top;
}

/** Nothing may be changed through `mount`. */
export function isReadOnly(mount: Mount | null): bool {
  if (mount === null) return false;
  return (mount.flags & MS_RDONLY) !== 0 || mount.system.readOnly !== 0;
}

/** 0, or -EROFS where nothing may be changed through `mount`. */
export function permitChange(mount: Mount | null): i64 {
  return isReadOnly(mount) ? -EROFS : 0;
}

/** `mount` is there and has `flag`. */
export function hasFlag(mount: Mount | null, flag: u32): bool {
  return mount !== null && (mount.flags & flag) !== 0;
}
