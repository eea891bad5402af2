// Paths: from a directory of the program's to the directory and the name that a call is about. A path is first
// made canonical by its text alone, as the other implementations do, and may not lead above its directory. It is
// then walked component by component, without the kernel following a link, so that no link leads out of the
// directory either, whoever makes it meanwhile. Needs nothing newer than O_PATH (Linux 2.6.39).

import {
  call1,
  call4,
  O_CLOEXEC,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_PATH,
  SYS_CLOSE,
  SYS_OPENAT,
  SYS_READLINKAT,
} from "./calls";
import {
  EINVAL,
  ELOOP,
  ENAMETOOLONG,
  ENOENT,
  ENOTCAPABLE,
  ENOTDIR,
  errorOf,
  SUCCESS,
} from "./errno";
import { PATH_ROOM, PATHS, scratch, TARGET } from "./scratch";
import { load8, store8 } from "./x86";

/** Bytes of a path with its zero (PATH_MAX). */
const MOST: u64 = 4096;
/** Links that are followed before it counts as a circle. */
const MOST_LINKS: u32 = 32;
/** How directories on the way are opened: they need not be readable, and links are none. */
const DIRECTORY_FLAGS: u64 = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
const SLASH: u64 = 0x2f;
const DOT: u64 = 0x2e;

/** What becomes of a link in the last component: never followed; only before a slash; followed. */
export const NEVER: i32 = 0;
export const BEFORE_SLASH: i32 = 1;
export const ALWAYS: i32 = 2;

/** Linux descriptor of the directory that the last component is in. */
export let parent: u64 = 0;
/** Address of the last component, which a zero ends. */
export let name: u64 = 0;
/** Whether the path ends with a slash: it means a directory. */
export let hasSlash: bool = false;

/** Closes the directory that a walk from `top` has ended in. */
export function leave(directory: u64, top: u64): void {
  if (directory !== top) call1(SYS_CLOSE, directory);
}

/** Gives the name the slash that the path ends with, for calls that follow no link there. */
export function putSlash(): void {
  if (!hasSlash) return;
  const end = componentEnd(name);
  store8(end, SLASH);
  store8(end + 1, 0);
}

/** The error of a path by its text alone. */
export function check(path: u32, length: u32): i32 {
  return canonical(path, length, scratch(PATHS) + PATH_ROOM);
}

/** Whether the component from `at` to `end` is `.` (1) or `..` (2). */
function isDots(at: u64, end: u64, dots: u64): bool {
  if (end - at !== dots || load8(at) !== DOT) return false;
  return dots === 1 || load8(at + 1) === DOT;
}

function componentEnd(at: u64): u64 {
  while (load8(at) !== 0 && load8(at) !== SLASH) at++;
  return at;
}

/**
 * Copies the path to `to`, without empty components, `.`, and what `..` takes back. A slash at the end stays. The
 * empty path is what is left of the directory itself.
 */
function canonical(path: u32, length: u32, to: u64): i32 {
  if (length === 0) return EINVAL;
  if (load<u8>(path) === SLASH) return ENOTCAPABLE;
  if (length >= MOST) return ENAMETOOLONG;
  let out = to;
  for (let i: u32 = 0; i < length; ) {
    let end = i;
    while (end < length && load<u8>(path + end) !== SLASH) {
      if (load<u8>(path + end) === 0) {
        // A zero at the very end is none of the path's.
        if (end !== length - 1) return EINVAL;
        length--;
        break;
      }
      end++;
    }
    const size = end - i;
    const dots =
      size > 0 && size <= 2 && load<u8>(path + i) === DOT && load<u8>(path + end - 1) === DOT;
    if (dots && size === 2) {
      if (out === to) return ENOTCAPABLE;
      out--;
      while (out !== to && load8(out - 1) !== SLASH) out--;
    } else if (size > 0 && !dots) {
      while (i < end) store8(out++, load<u8>(path + i++));
      store8(out++, SLASH);
    }
    i = end + 1;
  }
  hasSlash = length > 0 && load<u8>(path + length - 1) === SLASH;
  if (out !== to) out--;
  store8(out, 0);
  return SUCCESS;
}

/** The error where what is there is no directory. */
function checkDirectory(directory: u64, at: u64): i32 {
  const opened = call4(SYS_OPENAT, directory, at, DIRECTORY_FLAGS, 0);
  if (opened >= 0) call1(SYS_CLOSE, opened);
  return errorOf(opened);
}

/** Puts the link's target, in TARGET, in the place of the component from `from` to `to` of the path at `path`. */
function splice(path: u64, from: u64, to: u64, length: u64): i32 {
  const target = scratch(TARGET);
  if (load8(target) === SLASH) return ENOTCAPABLE;
  let rest: u64 = 0;
  while (load8(to + rest) !== 0) rest++;
  if (from - path + length + rest >= MOST) return ENAMETOOLONG;
  // Backwards or forwards, as memmove does.
  if (from + length > to)
    for (let i = rest + 1; i > 0; i--) store8(from + length + i - 1, load8(to + i - 1));
  else for (let i: u64 = 0; i <= rest; i++) store8(from + length + i, load8(to + i));
  for (let i: u64 = 0; i < length; i++) store8(from + i, load8(target + i));
  return SUCCESS;
}

/** Takes the component before `from` out of the path, and the `..` from there to `to`. */
function stepBack(path: u64, from: u64, to: u64): bool {
  let before = from;
  while (before !== path && load8(before - 1) === SLASH) before--;
  if (before === path) return false;
  while (before !== path && load8(before - 1) !== SLASH) before--;
  for (; load8(to) === SLASH; to++) {}
  let i: u64 = 0;
  do store8(before + i, load8(to + i));
  while (load8(to + i++) !== 0);
  return true;
}

/**
 * Finds where `path` leads from the directory `top`, a Linux descriptor, and sets `parent`, `name` and so on. `area` is 0 or 1: two paths
 * can be held at a time. After success the caller owes `leave(parent, top)`.
 */
export function walk(top: u64, path: u32, length: u32, follow: i32, area: u64): i32 {
  const text = scratch(PATHS) + area * PATH_ROOM;
  hasSlash = false;
  const error = canonical(path, length, text);
  if (error !== SUCCESS) return error;
  let links: u32 = 0;
  let directory = top;
  let at = text;
  while (true) {
    while (load8(at) === SLASH) at++;
    const end = componentEnd(at);
    if (end === at || isDots(at, end, 1)) {
      if (load8(end) !== 0) {
        at = end;
        continue;
      }
      // The directory itself: what came before has been walked.
      store8(text, DOT);
      store8(text + 1, 0);
      name = text;
      parent = directory;
      return SUCCESS;
    }
    if (isDots(at, end, 2)) {
      leave(directory, top);
      directory = top;
      if (!stepBack(text, at, end)) return ENOTCAPABLE;
      at = text;
      continue;
    }
    let behind = end;
    while (load8(behind) === SLASH) behind++;
    const isLast = load8(behind) === 0;
    if (isLast && behind !== end) hasSlash = true;
    if (isLast && (follow === NEVER || (follow === BEFORE_SLASH && !hasSlash))) {
      store8(end, 0);
      name = at;
      parent = directory;
      return SUCCESS;
    }
    const separator = load8(end);
    store8(end, 0);
    let size: i64 = -1;
    let problem = SUCCESS;
    if (isLast) {
      size = call4(SYS_READLINKAT, directory, at, scratch(TARGET), MOST);
      problem = errorOf(size);
      // What is no link, or not there, is what the call is about.
      if (problem === EINVAL) problem = hasSlash ? checkDirectory(directory, at) : SUCCESS;
      if (problem === ENOENT) problem = SUCCESS;
    } else {
      const next = call4(SYS_OPENAT, directory, at, DIRECTORY_FLAGS, 0);
      problem = errorOf(next);
      if (problem === SUCCESS) {
        store8(end, separator);
        leave(directory, top);
        directory = next;
        at = end + 1;
        continue;
      }
      if (problem === ENOTDIR || problem === ELOOP) {
        size = call4(SYS_READLINKAT, directory, at, scratch(TARGET), MOST);
        if (size >= 0) problem = SUCCESS;
      }
    }
    if (problem === SUCCESS && size < 0) {
      name = at;
      parent = directory;
      return SUCCESS;
    }
    leave(directory, top);
    if (problem !== SUCCESS) return problem;
    if (++links >= MOST_LINKS) return ELOOP;
    store8(end, separator);
    problem = splice(text, at, end, size);
    if (problem !== SUCCESS) return problem;
    directory = top;
    at = text;
  }
}
