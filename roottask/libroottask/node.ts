// The records of the file tree (tree.ts): nodes, what files, directories and links are, and entries, their names.

/** No seals can be added: of every file but some of memfd_create(2) (seals.ts). */
export const F_SEAL_SEAL: u32 = 1;

/** A name in a directory. */
@unmanaged
export class Entry {
  directory: Node;
  node: Node;
  /** Next entry of the directory. */
  next: Entry | null;
  /** Another name of the same node. */
  other: Entry | null;
  name: usize;
  nameLength: u32;
  /** Its place when the directory is read: ascending along the list, never used twice; 0 once it has been taken away. */
  cookie: u64;
  /** Open files that were found by it, which keep the record. */
  users: u32;
}

@unmanaged
export class Node {
  /** The directory a directory is in; the root is in itself. */
  parent: Node | null;
  /** First entry of a directory. */
  entries: Entry | null;
  /** Names of the node, the newest first. */
  names: Entry | null;
  kind: u32;
  /** Permission bits. */
  mode: u32;
  inode: u32;
  /** Target of a link; of a file what its pages come from while nobody changes them (file_pages.ts). */
  data: usize;
  /** Bytes at `data` that still count in a file, and those that belong to this node: 0 where the archive has them. */
  base: u32;
  capacity: u32;
  /** Bytes of a file's contents, of a link's target. */
  size: u64;
  /** Root and levels of the tree of a file's pages, and the frames in it. */
  pages: usize;
  height: u32;
  pageCount: u32;
  /** The first of the areas that map it. */
  mappings: usize;
  /** Names; of a directory also its own "." and the ".." of the directories in it. */
  links: u32;
  /** It may be given its first name: of O_TMPFILE without O_EXCL. */
  linkable: u32;
  /** Open files and mappings that use it. */
  users: u32;
  /** Open files that may write to it, and programs that run it: never both (write_access.ts). */
  writers: u32;
  executions: u32;
  /** F_SEAL_… of a file. */
  seals: u32;
  /** Windows of mediators on it (shared_files.ts). */
  windows: u32;
  /** Locks of open files on it (file_lock.ts), and whether the one is exclusive. */
  locks: u32;
  lockedExclusively: u32;
  /** Locks of ranges of it (record_locks.ts). */
  records: usize;
  /** What open files on it can do, where its kind does not say so (FileOperations). */
  operations: usize;
  /** Segment of shared memory whose contents it is (linux/ipc/memory.ts), 0 for none. */
  segment: usize;
  /** What its kind keeps beyond the tree's record: a pipe's bytes, an event descriptor's count. */
  object: usize;
  /** Who is told when it becomes ready, the first of the watches (readiness.ts). */
  watches: usize;
  /** The first of the marks of who watches what happens to it (file_events.ts). */
  marks: usize;
  /** A Refresh, 0 for none: its entries, or where it leads, are computed. */
  refresh: usize;
  /** The first of its extended attributes (attribute_list.ts). */
  attributes: usize;
  /** Where a link leads whatever the name of that is; null where its text says so. */
  target: Node | null;
  /** Number of a device: major << 8 | minor. */
  device: u32;
  /** User and group it belongs to. */
  owner: u32;
  group: u32;
  /** Nanoseconds of the seconds below. */
  nanoseconds: u32;
  accessNanoseconds: u32;
  changeNanoseconds: u32;
  /** Times of the last change of the contents, of access as far as it is kept, and of any change: seconds since 1970. */
  time: i64;
  accessTime: i64;
  changeTime: i64;
}

/** Brings the entries of a directory, or where a link leads, up to date. */
export type Refresh = (node: Node) => void;
