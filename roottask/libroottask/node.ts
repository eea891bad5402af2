// The records of the file tree (tree.ts): nodes, what files, directories and links are, and entries, their names; file systems
// (file_system.ts) and mounts (mount.ts).

import { Link } from "./balanced_tree";

/** No seals can be added: of every file but some of memfd_create(2) (seals.ts). */
export const F_SEAL_SEAL: u32 = 1;

/** A name in a directory, and as such in a tree of its names (directory_entries.ts). */
@unmanaged
export class Entry extends Link {
  directory: Node;
  node: Node;
  /** Its neighbours in the directory. */
  previous: Entry | null;
  next: Entry | null;
  /** Other names of the same node, newer and older. */
  otherPrevious: Entry | null;
  other: Entry | null;
  name: usize;
  nameLength: u32;
  hash: u32;
  /** Another Link: in the tree of the directory's places. */
  placeParent: usize;
  placeLow: usize;
  placeHigh: usize;
  placeHeight: u32;
  /** Its place when the directory is read: ascending along the list, never used twice; 0 once it has been taken away. */
  cookie: u64;
  /** Open files that were found by it, which keep the record. */
  users: u32;
}

@unmanaged
export class Node {
  /** The directory a directory is in; the root is in itself. */
  parent: Node | null;
  /** First and last entry of a directory, and the trees of names and places. */
  entries: Entry | null;
  lastEntry: Entry | null;
  entryNames: usize;
  entryPlaces: usize;
  /** Names of the node, the newest first. */
  names: Entry | null;
  kind: u32;
  /** Permission bits. */
  mode: u32;
  /** FS_…_FL (file_flags.ts). */
  flags: u32;
  inode: u32;
  /** Target of a link; of a file what its pages come from while nobody changes them (file_pages.ts). */
  data: usize;
  /** Bytes at `data` that still count in a file, and those that belong to this node: 0 where the archive has them. */
  base: u32;
  capacity: u32;
  /** Bytes of a file's contents, of a link's target; entries of a directory. */
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
  /** Leases on it (linux/leases.ts). */
  leases: usize;
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
  /** Where a link leads whatever the name of that is, and through which Mount; null where its text says so. */
  target: Node | null;
  targetMount: usize;
  /** The FileSystem it belongs to (file_system.ts), 0 where it has no place in any. */
  system: usize;
  /** The first Mount that stands on it (mount.ts). */
  covers: usize;
  /** Number of a device: major << 8 | minor; of what /proc has of a descriptor, that. */
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

/** What nodes of one tree have in common. */
@unmanaged
export class FileSystem {
  /** TYPE_…. */
  type: u32;
  /** Minor number of its device, whose major number is 0. */
  device: u32;
  root: Node;
  /** Mounts of it. */
  mounts: u32;
  /** Nothing in it may be changed. */
  readOnly: u32;
  /** SB_SYNCHRONOUS and its like, which are told again and change nothing. */
  flags: u32;
  /** Files open for writing, and mappings that may write. */
  writers: u32;
  /** Pages that contents take, and may take: 0 for any number. */
  pages: u32;
  pagesMax: u32;
  /** Nodes, and names of files beyond the first of each; and the most of these, 0 for any number. */
  inodes: u32;
  inodesMax: u32;
  /** Number of the last node. */
  lastInode: u32;
  /** What mount(2) made it with is told to those who list mounts; what its root was to be like. */
  listed: u32;
  mode: u32;
  owner: u32;
  group: u32;
  /** Next of all, by device. */
  next: FileSystem | null;
}

/** What threads see of mounts: a tree of them, and how often it has changed. */
@unmanaged
export class Namespace {
  /** FsStates that are in it. */
  users: u32;
  /** Changes so far: who has read the list learns by it that there is another. */
  events: u32;
  count: u32;
  /** What is told of changes (watches.ts). */
  node: Node;
  /** The Node that /proc/PID/ns/mnt leads to (linux/namespaces/files.ts), 0 before somebody has asked for it. */
  file: usize;
  /** All its mounts, in the order of their coming. */
  first: Mount | null;
  last: Mount | null;
}

@unmanaged
export class Mount {
  id: u32;
  /** MS_…. */
  flags: u32;
  /** Files, working directories, roots, mappings and executables that were found through it. */
  users: u32;
  /** Files open for writing through it, and mappings that may write. */
  writers: u32;
  system: FileSystem;
  /** The node of the system that stands at the place: its root, or what a bind mount shows. */
  root: Node;
  /** The name that it was bound by, which tells where it was when it has been removed; null where it had none. */
  rootEntry: Entry | null;
  /** Where it stands: a node of the mount `parent`, by `entry` where it is no directory. Null for the outermost, and once it has gone. */
  parent: Mount | null;
  point: Node | null;
  entry: Entry | null;
  /** Next of those on the same node, of whatever mount that is seen. */
  nextOnPoint: Mount | null;
  /** Mounts on nodes of this one, the oldest first. */
  children: Mount | null;
  lastChild: Mount | null;
  nextChild: Mount | null;
  /** The namespace that it is in, and its neighbours there; null once it has gone. */
  namespace: Namespace | null;
  previous: Mount | null;
  next: Mount | null;
  /** What mount(2) was told that is mounted, `sourceLength` bytes; 0 where it was told nothing. */
  source: usize;
  sourceLength: u32;
  /** Walks that have come to it from below, and how many there are when umount2(2) asks for the next time, if no other comes (MNT_EXPIRE). */
  crossings: u32;
  expiring: u32;
  /** It cannot be bound (MS_UNBINDABLE). */
  unbindable: u32;
  /** Numbers of its peer group and of that whose slave it is, 0 for none (propagation.ts); its neighbours among those who are in any. */
  group: u32;
  master: u32;
  nextShared: Mount | null;
  previousShared: Mount | null;
  /** While something is mounted: it sees that, through whom, the copy that is made for it, and the next of those who do. */
  receives: u32;
  from: Mount | null;
  copy: Mount | null;
  nextReceiver: Mount | null;
  /** Next of those that go with another. */
  nextGone: Mount | null;
}
