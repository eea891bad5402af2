// The file tree in memory: directories, files, symbolic links, a few devices (nodes) and their names
// (entries). What a file has is file_pages.ts. Paths are resolved as path_resolution(7) says, with the credentials of
// the call under way.

import { removeAttributes } from "./attribute_list";
import { actor, MAY_EXECUTE, mayAccess } from "./credentials";
import {
  enterDirectory,
  enterNames,
  entryOf,
  leaveDirectory,
  leaveNames,
} from "./directory_entries";
import { EACCES, ELOOP, ENAMETOOLONG, ENOENT, ENOMEM, ENOTDIR, EXDEV } from "./errno";
import { freeContents } from "./file_pages";
import {
  enterSystem,
  FileSystem,
  forgetFileSystems,
  freeSystem,
  leaveSystem,
  newSystemRecord,
  systemOf,
  TYPE_PROC,
  TYPE_TMPFS,
} from "./file_system";
import { allocate, create, destroy, release } from "./heap";
import { Mount, MS_NOSYMFOLLOW, mountOn, newMount } from "./mount";
import { Entry, F_SEAL_SEAL, Node, Refresh } from "./node";

export { Entry, entryOf, Node, Refresh };

export const KIND_FILE: u32 = 0;
export const KIND_DIRECTORY: u32 = 1;
export const KIND_LINK: u32 = 2;
/** A character device; a pipe, with a name or without; what has no place in the tree: event descriptors. */
export const KIND_DEVICE: u32 = 3;
export const KIND_PIPE: u32 = 4;
export const KIND_ANONYMOUS: u32 = 5;
/** A socket, or the name of one. */
export const KIND_SOCKET: u32 = 6;
/** A block device. */
export const KIND_BLOCK: u32 = 7;

export const NAME_MAX: u32 = 255;
export const PATH_MAX: u32 = 4096;
const LINKS_MAX: u32 = 40;
/** Largest file in bytes: MAX_LFS_FILESIZE of Linux. */
export const FILE_MAX: i64 = i64.MAX_VALUE;

/** Below are positions in front of all entries and behind them (read_directory.ts). */
const FIRST_COOKIE: u64 = 4;

/** Bytes that an entry of a directory, "." and ".." too, counts for: BOGO_DIRENT_SIZE of mm/shmem.c. */
const ENTRY_BYTES: u64 = 20;

/** The node is one of those that are computed. */
export function isComputed(node: Node): bool {
  const system = systemOf(node);
  return system !== null && system.type === TYPE_PROC;
}

/** What is told as the size of `node`, in bytes; computed directories have none. */
export function sizeOf(node: Node): u64 {
  if (node.kind !== KIND_DIRECTORY) return node.size;
  return isComputed(node) ? 0 : (node.size + 2) * ENTRY_BYTES;
}

/** To be called before somebody looks at what is in `node`. */
export function refreshNode(node: Node): void {
  if (node.refresh !== 0) changetype<Refresh>(node.refresh)(node);
}

/** The name has been taken away; the record is kept for open files. */
export function isRemoved(entry: Entry): bool {
  return entry.cookie === 0;
}

type Gone = (node: Node) => void;

function nothingToTell(_node: Node): void {}

let nodeGone: Gone = nothingToTell;

/** `gone` tells those who watch a node that it is about to be freed (file_events.ts). */
export function setNodeGone(gone: Gone): void {
  nodeGone = gone;
}

let watchesEnd: Gone = nothingToTell;

/** `end` ends the watches on a node whose file system goes (file_events.ts). */
export function setWatchesEnd(end: Gone): void {
  watchesEnd = end;
}

/** The file system of `node`, which is watched, goes. */
export function endWatches(node: Node): void {
  watchesEnd(node);
}

let rootNode: Node | null = null;
let mountOfRoot: Mount | null = null;
let inodes: u32 = 0;
let cookies: u64 = FIRST_COOKIE;

/** Makes an empty tree, and a mount of it that stands nowhere yet. False when memory is out. */
export function initTree(): bool {
  inodes = 0;
  forgetFileSystems();
  const system = newFileSystem(TYPE_TMPFS, 0o755);
  if (system === null) return false;
  rootNode = system.root;
  const mount = newMount(system, system.root, 0);
  mountOfRoot = mount;
  if (mount === null) return false;
  // It never goes, whoever unmounts it.
  mount.users++;
  seeFrom(mount, system.root);
  return true;
}

/** The root of the tree that the archive was unpacked into, and the mount of that. */
export function root(): Node {
  return rootNode as Node;
}

export function rootMount(): Mount {
  return mountOfRoot as Mount;
}

/** Where the absolute paths of the call under way begin, and ".." ends. */
let viewNode: Node = changetype<Node>(0);
let viewMount: Mount = changetype<Mount>(0);

/** What follows is done for a program whose root is `node` of `mount`. */
export function seeFrom(mount: Mount, node: Node): void {
  viewMount = mount;
  viewNode = node;
}

/** A node outside the tree, the caller's. */
export function newNode(kind: u32, mode: u32): Node | null {
  const node = create<Node>();
  if (node === null) return null;
  node.kind = kind;
  node.mode = mode;
  node.inode = ++inodes;
  node.owner = actor.fileUser;
  node.group = actor.fileGroup;
  node.seals = F_SEAL_SEAL;
  return node;
}

/** A file system with a root of `mode` and no mount; null when memory is out. */
export function newFileSystem(type: u32, mode: u32): FileSystem | null {
  const system = newSystemRecord(type);
  if (system === null) return null;
  const root = newNode(KIND_DIRECTORY, mode);
  if (root === null) {
    freeSystem(system);
    return null;
  }
  system.mode = mode;
  root.links = 2;
  root.parent = root;
  enterSystem(root, system);
  system.root = root;
  return system;
}

/** Gives `node` a name in `directory`, after what is there; the name is copied. Returns 0 or -ENOMEM. */
export function attach(directory: Node, node: Node, name: usize, length: u32): i64 {
  const entry = newEntry(name, length);
  if (entry === null) return -ENOMEM;
  attachEntry(entry, directory, node);
  return 0;
}

/** A name in no directory yet, copied; null when memory is out. */
export function newEntry(name: usize, length: u32): Entry | null {
  const copy = allocate(length);
  if (copy === 0) return null;
  const entry = create<Entry>();
  if (entry === null) {
    release(copy, length);
    return null;
  }
  memory.copy(copy, name, length);
  entry.name = copy;
  entry.nameLength = length;
  return entry;
}

/** Makes `entry`, which is new, the name of `node` in `directory`, after what is there. */
export function attachEntry(entry: Entry, directory: Node, node: Node): void {
  const system = systemOf(directory);
  if (system !== null) {
    if (node.system === 0) enterSystem(node, system);
    else if (node.links !== 0) system.inodes++;
  }
  entry.directory = directory;
  entry.node = node;
  entry.cookie = cookies++;
  enterNames(entry);
  node.links++;
  if (node.kind === KIND_DIRECTORY) {
    // A directory that moves no longer keeps the one it was in.
    const left = node.parent;
    if (left !== null) {
      left.users--;
      dispose(left);
    }
    node.parent = directory;
    node.links++;
    directory.links++;
  }
  enterDirectory(entry);
}

/** Gives `entry` another name, after what is in `directory`; the name is copied. Returns 0 or -ENOMEM. */
export function moveEntry(entry: Entry, directory: Node, name: usize, length: u32): i64 {
  const copy = allocate(length);
  if (copy === 0) return -ENOMEM;
  memory.copy(copy, name, length);
  const node = entry.node;
  leaveDirectory(entry);
  if (node.kind === KIND_DIRECTORY) {
    entry.directory.links--;
    directory.links++;
    node.parent = directory;
  }
  release(entry.name, entry.nameLength);
  entry.name = copy;
  entry.nameLength = length;
  entry.directory = directory;
  entry.cookie = cookies++;
  enterDirectory(entry);
  return 0;
}

/** Takes a name away; its node is freed once nothing names or uses it. */
export function detach(entry: Entry): void {
  const node = entry.node;
  leaveDirectory(entry);
  leaveNames(entry);
  node.links--;
  if (node.kind === KIND_DIRECTORY) {
    node.links--;
    entry.directory.links--;
    // ".." of a removed directory still leads there.
    entry.directory.users++;
  } else if (node.links !== 0) {
    const system = systemOf(node);
    if (system !== null) system.inodes--;
  }
  entry.cookie = 0;
  if (entry.users !== 0) entry.directory.users++;
  else freeEntry(entry);
  dispose(node);
}

/** Frees an entry that is in no directory. */
export function freeEntry(entry: Entry): void {
  release(entry.name, entry.nameLength);
  destroy<Entry>(entry);
}

/** Keeps the record of `entry` until `dropEntry`. */
export function keepEntry(entry: Entry): void {
  entry.users++;
}

export function dropEntry(entry: Entry): void {
  entry.users--;
  if (entry.users !== 0 || !isRemoved(entry)) return;
  const directory = entry.directory;
  freeEntry(entry);
  directory.users--;
  dispose(directory);
}

/** `entry` is in `directory` from now on, not in `old`, with what that means of its node. */
function changeDirectory(entry: Entry, old: Node, directory: Node): void {
  const node = entry.node;
  entry.directory = directory;
  entry.cookie = cookies++;
  if (node.kind === KIND_DIRECTORY) {
    old.links--;
    directory.links++;
    node.parent = directory;
  }
  enterDirectory(entry);
}

/**
 * Two entries, of which neither lies below the other, exchange their names and places; open files keep theirs. They are as young
 * as if they had been moved, the first even more so.
 */
export function swapNames(a: Entry, b: Entry): void {
  if (a.node === b.node) return;
  const directory = a.directory;
  const other = b.directory;
  const name = a.name;
  const length = a.nameLength;
  leaveDirectory(a);
  leaveDirectory(b);
  a.name = b.name;
  a.nameLength = b.nameLength;
  b.name = name;
  b.nameLength = length;
  changeDirectory(b, other, directory);
  changeDirectory(a, directory, other);
}

/** Frees a node that nothing names or uses. */
export function dispose(node: Node): void {
  if (node.links !== 0 || node.users !== 0) return;
  if (node.marks !== 0) nodeGone(node);
  freeContents(node);
  if (node.attributes !== 0) removeAttributes(node);
  if (node.capacity !== 0) release(node.data, node.capacity);
  const parent = node.parent;
  if (node.system !== 0) leaveSystem(node);
  destroy<Node>(node);
  if (parent === null) return;
  parent.users--;
  dispose(parent);
}

/** Sets all times: seconds since 1970 and the nanoseconds of that second. */
export function setTime(node: Node, seconds: i64, nanoseconds: u32): void {
  node.time = seconds;
  node.nanoseconds = nanoseconds;
  node.accessTime = seconds;
  node.accessNanoseconds = nanoseconds;
  node.changeTime = seconds;
  node.changeNanoseconds = nanoseconds;
}

/**
 * Result of `walk`: the directory of the last component, its name, and the node and its entry where it
 * exists. The root and what "." and ".." lead to have no entry. Each node was found through a mount, but for what has no
 * place in any tree.
 */
export let walkMount: Mount | null = null;
export let walkDirectoryMount: Mount | null = null;
export let walkDirectory: Node | null = null;
export let walkEntry: Entry | null = null;
export let walkName: usize = 0;
export let walkNameLength: u32 = 0;
export let walkNode: Node | null = null;
/** The path ended in "/", so it has to be a directory. */
export let walkSlash: bool = false;

/** What a walk refuses: the bits of openat2(2), include/uapi/linux/openat2.h. */
export const RESOLVE_NO_XDEV: u32 = 1;
export const RESOLVE_NO_MAGICLINKS: u32 = 2;
export const RESOLVE_NO_SYMLINKS: u32 = 4;
/** The walk stays below where it begins: what leads out is an error, or with the second is taken to begin there. */
export const RESOLVE_BENEATH: u32 = 8;
export const RESOLVE_IN_ROOT: u32 = 16;
const SCOPED: u32 = RESOLVE_BENEATH | RESOLVE_IN_ROOT;

/** Limits of the walk under way, and of the next one. */
let limits: u32 = 0;
let limitsOfNext: u32 = 0;

/** The next walk refuses what `bits` say. */
export function limitWalk(bits: u32): void {
  limitsOfNext = bits;
}

const linkPath = memory.data(8192);
const otherPath = memory.data(8192);

/**
 * Follows `path` from `base` of `mount` (or from the root). 0: the directory exists, `walkNode` is the node or null
 * where the last component does not exist; otherwise a negative error number. The last component is
 * followed through symbolic links when `follow` is set.
 */
export function walk(mount: Mount | null, base: Node, path: usize, length: u32, follow: bool): i64 {
  return resolve(mount, base, path, length, follow, false, false);
}

/**
 * As `walk`, for calls that make, move or remove the last component: what it names is neither followed nor has to be a
 * directory, whatever slashes come behind it, and it is the node of the directory, not what is mounted there.
 */
export function walkToName(mount: Mount | null, base: Node, path: usize, length: u32): i64 {
  return resolve(mount, base, path, length, false, true, false);
}

/**
 * As `walk`, for a file that is made where it is not there: no file has a slash behind its name, so that ends the walk,
 * and `walkSlash` tells of it.
 */
export function walkToFile(
  mount: Mount | null,
  base: Node,
  path: usize,
  length: u32,
  follow: bool,
): i64 {
  return resolve(mount, base, path, length, follow, true, true);
}

function onlySlashes(from: usize, end: usize): bool {
  let at = from;
  while (at < end && load<u8>(at) === 47) at++;
  return at === end;
}

/** The walk goes to what is mounted on `walkNode`, which something is mounted on, by whatever mount it is seen. */
function cross(): void {
  let mount = walkMount;
  let node = walkNode as Node;
  while (mount !== null && node.covers !== 0) {
    const over: Mount | null = mountOn(mount, node, walkEntry);
    if (over === null) break;
    over.crossings++;
    mount = over;
    node = over.root;
  }
  walkMount = mount;
  walkNode = node;
}

/** The walk goes from `at` of `walkMount` to the directory above, which is on another mount where `at` is the mount's root. */
function ascend(at: Node): void {
  let node = at;
  let mount = walkMount;
  while (mount !== null && node === mount.root) {
    if (node === viewNode && mount === viewMount) break;
    const parent: Mount | null = mount.parent;
    if (parent === null) break;
    node = mount.point as Node;
    mount = parent;
  }
  walkMount = mount;
  const top = node === viewNode && mount === viewMount;
  const outermost = mount !== null && node === mount.root;
  walkNode = top || outermost ? node : node.parent;
  if ((walkNode as Node).covers !== 0) cross();
}

/** The walk has come from mount `before` to another, and is not to. */
function hasLeft(before: Mount | null): bool {
  return (limits & RESOLVE_NO_XDEV) !== 0 && walkMount !== before;
}

/** The walk, which is at `at`, may go to the directory above. */
function mayAscend(at: Node): bool {
  return (limits & RESOLVE_BENEATH) === 0 || at !== viewNode || walkMount !== viewMount;
}

/** The walk may go where a magic link leads, to what `mount` shows: 0 or a negative error. */
function mayJump(mount: Mount | null): i64 {
  if ((limits & RESOLVE_NO_MAGICLINKS) !== 0) return -ELOOP;
  if ((limits & SCOPED) !== 0) return -EXDEV;
  return (limits & RESOLVE_NO_XDEV) !== 0 && walkMount !== mount ? -EXDEV : 0;
}

/** `follow`, `asName` and `asFile` are as the functions above have them; limits count for this walk alone. */
function resolve(
  mount: Mount | null,
  base: Node,
  path: usize,
  length: u32,
  follow: bool,
  asName: bool,
  asFile: bool,
): i64 {
  limits = limitsOfNext;
  limitsOfNext = 0;
  if ((limits & SCOPED) === 0)
    return resolveFrom(mount, base, path, length, follow, asName, asFile);
  const seenMount = viewMount;
  const seenNode = viewNode;
  if (mount !== null) viewMount = mount;
  viewNode = base;
  const result = resolveFrom(mount, base, path, length, follow, asName, asFile);
  viewMount = seenMount;
  viewNode = seenNode;
  return result;
}

function resolveFrom(
  mount: Mount | null,
  base: Node,
  path: usize,
  length: u32,
  follow: bool,
  asName: bool,
  asFile: bool,
): i64 {
  if (length === 0) return -ENOENT;
  if (length >= PATH_MAX) return -ENAMETOOLONG;
  let links: u32 = 0;
  let at = base;
  let rest = path;
  let end = path + length;
  let buffer = linkPath;
  walkMount = mount;
  // Who follows the path has looked for the root: until then a link to an absolute path leads to another mount.
  let knowsRoot = (limits & SCOPED) !== 0 || load<u8>(rest) === 47;
  if (load<u8>(rest) === 47) {
    if ((limits & RESOLVE_BENEATH) !== 0) return -EXDEV;
    at = viewNode;
    walkMount = viewMount;
  }
  walkDirectory = at;
  walkDirectoryMount = walkMount;
  walkName = 0;
  walkNameLength = 0;
  walkEntry = null;
  walkNode = at;
  walkSlash = load<u8>(end - 1) === 47;
  while (true) {
    while (rest < end && load<u8>(rest) === 47) rest++;
    if (rest === end) {
      const node = walkNode;
      if (asName || !walkSlash || node === null) return 0;
      return node.kind === KIND_DIRECTORY ? 0 : -ENOTDIR;
    }
    const current = walkNode;
    if (current === null) return -ENOENT;
    if (current.kind !== KIND_DIRECTORY) return -ENOTDIR;
    refreshNode(current);
    at = current;
    if (!mayAccess(at.owner, at.group, at.mode, true, MAY_EXECUTE)) return -EACCES;
    const name = rest;
    while (rest < end && load<u8>(rest) !== 47) rest++;
    const size = (rest - name) as u32;
    if (size > NAME_MAX) return -ENAMETOOLONG;
    walkDirectory = at;
    walkDirectoryMount = walkMount;
    walkName = name;
    walkNameLength = size;
    walkEntry = null;
    if (size === 1 && load<u8>(name) === 46) {
      walkNode = at;
      continue;
    }
    if (size === 2 && load<u8>(name) === 46 && load<u8>(name + 1) === 46) {
      knowsRoot = true;
      if (!mayAscend(at)) return -EXDEV;
      ascend(at);
      if (hasLeft(walkDirectoryMount)) return -EXDEV;
      continue;
    }
    if (asFile && walkSlash && onlySlashes(rest, end)) {
      walkNode = null;
      return 0;
    }
    const entry = entryOf(at, name, size);
    walkEntry = entry;
    walkNode = entry === null ? null : entry.node;
    if (entry === null) continue;
    const node = entry.node;
    if (node.kind !== KIND_LINK) {
      if (node.covers !== 0 && (asFile || !asName || !onlySlashes(rest, end))) cross();
      if (hasLeft(walkDirectoryMount)) return -EXDEV;
      continue;
    }
    if (!follow && (asName || !walkSlash) && onlySlashes(rest, end)) continue;
    if (++links > LINKS_MAX || (limits & RESOLVE_NO_SYMLINKS) !== 0) return -ELOOP;
    const through = walkMount;
    if (through !== null && (through.flags & MS_NOSYMFOLLOW) !== 0) return -ELOOP;
    refreshNode(node);
    const target = node.target;
    if (target !== null) {
      const refused = mayJump(changetype<Mount | null>(node.targetMount));
      if (refused !== 0) return refused;
      walkEntry = null;
      walkNode = target;
      walkMount = changetype<Mount | null>(node.targetMount);
      continue;
    }
    if (node.size === 0) return -ENOENT;
    const remaining = (end - rest) as u32;
    const targetLength = node.size as u32;
    if (targetLength + remaining >= PATH_MAX) return -ENAMETOOLONG;
    const whole = buffer === linkPath ? otherPath : linkPath;
    memory.copy(whole, node.data, targetLength);
    memory.copy(whole + targetLength, rest, remaining);
    buffer = whole;
    rest = whole;
    end = whole + targetLength + remaining;
    walkSlash = load<u8>(end - 1) === 47;
    walkEntry = null;
    walkNode = at;
    if (load<u8>(rest) === 47) {
      if ((limits & RESOLVE_BENEATH) !== 0) return -EXDEV;
      if ((limits & RESOLVE_NO_XDEV) !== 0 && !knowsRoot) return -EXDEV;
      knowsRoot = true;
      walkNode = viewNode;
      walkMount = viewMount;
      if (hasLeft(walkDirectoryMount)) return -EXDEV;
    }
  }
}

/** The node at `path` from the root, links followed, or null. */
export function find(path: usize, length: u32): Node | null {
  return walk(rootMount(), root(), path, length, true) === 0 ? walkNode : null;
}

/**
 * Makes the directories of `path`, seen from the root, that do not exist; links on the way are followed.
 * The last one is in walkNode. Returns 0 or a negative error.
 */
export function makeDirectories(path: usize, length: u32, mode: u32, time: i64): i64 {
  let at = root();
  let rest: u32 = 0;
  while (rest < length) {
    if (load<u8>(path + rest) === 47) {
      rest++;
      continue;
    }
    const name = path + rest;
    while (rest < length && load<u8>(path + rest) !== 47) rest++;
    const size = (path + rest - name) as u32;
    const error = walk(rootMount(), at, name, size, true);
    if (error !== 0) return error;
    let node = walkNode;
    if (node === null) {
      if (entryOf(at, name, size) !== null) return -ENOENT;
      node = newNode(KIND_DIRECTORY, mode);
      if (node === null) return -ENOMEM;
      node.time = time;
      const attached = attach(at, node, name, size);
      if (attached !== 0) return attached;
    }
    if (node.kind !== KIND_DIRECTORY) return -ENOTDIR;
    at = node;
  }
  walkNode = at;
  return 0;
}

/**
 * The last `pathOf` did not come to the root that the call under way sees: its path begins at the root of all, or at that of
 * a mount that stands nowhere.
 */
export let pathOutside: bool = false;

/**
 * Writes the path of `node`, seen through `mount`, from the root that the call under way sees to `target` (room for PATH_MAX
 * bytes); returns its length or -ENOENT.
 */
export function pathOf(mount: Mount | null, node: Node, target: usize): i64 {
  return pathOfName(mount, node, null, target);
}

/** The same by the name `name` where that is one of the node's still, its newest otherwise. */
export function pathOfName(
  mount: Mount | null,
  node: Node,
  name: Entry | null,
  target: usize,
): i64 {
  const kept = name !== null && !isRemoved(name) && name.node === node;
  let end = target + PATH_MAX;
  let at = node;
  let through = mount;
  pathOutside = false;
  while (at !== viewNode || through !== viewMount) {
    let entry = kept && at === node ? name : at.names;
    if (through !== null && at === through.root) {
      const parent: Mount | null = through.parent;
      if (parent === null) {
        pathOutside = true;
        break;
      }
      at = through.point as Node;
      entry = through.entry;
      through = parent;
      // What stands on another mount's root stands where that does.
      if (entry === null || at === through.root) continue;
    }
    if (at.parent === at) {
      pathOutside = true;
      break;
    }
    if (entry === null || end - target < entry.nameLength + 1) return -ENOENT;
    end -= entry.nameLength;
    memory.copy(end, entry.name, entry.nameLength);
    store<u8>(--end, 47);
    at = entry.directory;
  }
  const length = target + PATH_MAX - end;
  if (length === 0) {
    store<u8>(target, 47);
    return 1;
  }
  memory.copy(target, end, length);
  return length as i64;
}

/** The last `pathWithin` was of something that has been removed. */
export let pathRemoved: bool = false;

/** Writes the path of what `mount` shows within its file system to `target`, as `pathOf` does. */
export function pathWithin(mount: Mount, target: usize): i64 {
  const node = mount.root;
  const entry = mount.rootEntry;
  pathRemoved = entry !== null && isRemoved(entry);
  if (entry === null || !pathRemoved) return pathOf(null, node, target);
  const length = pathOf(null, entry.directory, target);
  if (length < 0) return length;
  let end = length as u32;
  if (end + entry.nameLength >= PATH_MAX) return -ENOENT;
  if (end !== 1) store<u8>(target + end++, 47);
  memory.copy(target + end, entry.name, entry.nameLength);
  return (end + entry.nameLength) as i64;
}
