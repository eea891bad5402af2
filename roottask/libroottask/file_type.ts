// What a node is, as st_mode and d_type tell it (POSIX <sys/stat.h>, the values of Linux' include/uapi/linux/stat.h).

import {
  KIND_ANONYMOUS,
  KIND_BLOCK,
  KIND_DEVICE,
  KIND_DIRECTORY,
  KIND_FILE,
  KIND_LINK,
  KIND_SOCKET,
  Node,
} from "./tree";

const S_IFIFO: u32 = 0o010000;
const S_IFCHR: u32 = 0o020000;
const S_IFDIR: u32 = 0o040000;
const S_IFBLK: u32 = 0o060000;
const S_IFREG: u32 = 0o100000;
const S_IFLNK: u32 = 0o120000;
const S_IFSOCK: u32 = 0o140000;
/** d_type is the type of st_mode without its low zeroes. */
const TYPE_SHIFT: u32 = 12;

/** The file type bits of st_mode. */
export function typeOf(node: Node): u32 {
  switch (node.kind) {
    case KIND_FILE:
      return S_IFREG;
    case KIND_DIRECTORY:
      return S_IFDIR;
    case KIND_LINK:
      return S_IFLNK;
    case KIND_DEVICE:
      return S_IFCHR;
    case KIND_BLOCK:
      return S_IFBLK;
    case KIND_SOCKET:
      return S_IFSOCK;
    case KIND_ANONYMOUS:
      return 0;
    default:
      return S_IFIFO;
  }
}

/** d_type of getdents64(2). */
export function directoryType(node: Node): u8 {
  return (typeOf(node) >> TYPE_SHIFT) as u8;
}
