// Flags of files and directories that forbid changes whoever asks, or are only told: ioctl_iflags(2), of those that Linux
// 6.1 has on a tmpfs (mm/shmem.c). Who may set them is linux/file_flags.ts.

import { Node } from "./node";

/** FS_…_FL of include/uapi/linux/fs.h. */
export const FS_IMMUTABLE_FL: u32 = 0x10;
export const FS_APPEND_FL: u32 = 0x20;
export const FS_NODUMP_FL: u32 = 0x40;
export const FS_NOATIME_FL: u32 = 0x80;

/** What a new node has from its directory. */
export const FLAGS_INHERITED: u32 = FS_NODUMP_FL | FS_NOATIME_FL;

/** Nothing about `node` may be changed but by those who have it open already. */
export function isImmutable(node: Node): bool {
  return (node.flags & FS_IMMUTABLE_FL) !== 0;
}

/** Contents of `node` may only grow, and names in it stay. */
export function isAppendOnly(node: Node): bool {
  return (node.flags & FS_APPEND_FL) !== 0;
}

/** Names, owners, mode and attributes of `node` stay as they are. */
export function isFixed(node: Node): bool {
  return (node.flags & (FS_IMMUTABLE_FL | FS_APPEND_FL)) !== 0;
}
