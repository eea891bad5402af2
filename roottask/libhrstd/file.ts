// Files and directories as objects, for native programs. Paths are literals; a function that fails returns null, false or
// -1, as it says, and the file is as it was.

import { free, malloc } from "./allocator";
import {
  closeFile,
  DirectoryEntry,
  Metadata,
  makeDirectory,
  NAME_MAX,
  openFile,
  readDirectory,
  readFile,
  removeDirectory,
  seekFile,
  statFile,
  statOpenFile,
  unlinkFile,
  writeFile,
} from "./services";

/** How a file is opened: one of the first three, with any of the others (open(2)). */
export const READ: u32 = 0;
export const WRITE: u32 = 1;
export const READ_WRITE: u32 = 2;
/** Make it where it is not there. */
export const CREATE: u32 = 0o100;
/** With CREATE: it must not be there. */
export const NEW: u32 = 0o200;
/** Forget what is in it. */
export const TRUNCATE: u32 = 0o1000;
/** Every write goes to the end. */
export const APPEND: u32 = 0o2000;
/** It must be a directory. */
const DIRECTORY: u32 = 0o200000;

/** Types in the mode of a file (st_mode of stat(2)). */
const TYPE: u32 = 0o170000;
const TYPE_FILE: u32 = 0o100000;
const TYPE_DIRECTORY: u32 = 0o040000;
/** Type of a directory in its entry (d_type of getdents64(2)). */
export const ENTRY_DIRECTORY: u32 = 4;

/** Longest path, with room for the roottask to refuse a longer one. */
const PATH_MAX: u32 = 4000;
const path = memory.data(4000);

/** Puts a literal into `path`, as UTF-8; its length, or 0 where it is too long. */
function pathOf(literal: string): u32 {
  if ((String.UTF8.byteLength(literal, false) as u32) > PATH_MAX) return 0;
  return String.UTF8.encodeUnsafe(changetype<usize>(literal), literal.length, path, false) as u32;
}

export function isFile(metadata: Metadata): bool {
  return (metadata.mode & TYPE) === TYPE_FILE;
}

export function isDirectory(metadata: Metadata): bool {
  return (metadata.mode & TYPE) === TYPE_DIRECTORY;
}

@unmanaged
export class File {
  descriptor: i64;

  /** Opens `name`; `mode` are the permission bits of one that is made. Null where that cannot be. */
  static open(name: string, options: u32, mode: u32 = 0o666): File | null {
    const descriptor = openFile(path, pathOf(name), options, mode);
    if (descriptor < 0) return null;
    const file = changetype<File>(malloc(offsetof<File>()));
    if (changetype<usize>(file) === 0) {
      closeFile(descriptor);
      return null;
    }
    file.descriptor = descriptor;
    return file;
  }

  /** Reads up to `length` bytes to `target`: how many, 0 at the end, or -1. */
  read(target: usize, length: u32): i64 {
    return readFile(this.descriptor, target, length);
  }

  /** Reads until `length` bytes or the end have come: how many, or -1. */
  readAll(target: usize, length: u32): i64 {
    let done: u32 = 0;
    while (done < length) {
      const count = this.read(target + done, length - done);
      if (count < 0) return -1;
      if (count === 0) break;
      done += count as u32;
    }
    return done as i64;
  }

  /** Writes up to `length` bytes from `source`: how many, or -1. */
  write(source: usize, length: u32): i64 {
    return writeFile(this.descriptor, source, length);
  }

  /** Writes all `length` bytes. */
  writeAll(source: usize, length: u32): bool {
    let done: u32 = 0;
    while (done < length) {
      const count = this.write(source + done, length - done);
      if (count <= 0) return false;
      done += count as u32;
    }
    return true;
  }

  /** Goes to `position` from the start; false where there is none. */
  seek(position: u64): bool {
    return seekFile(this.descriptor, position) >= 0;
  }

  metadata(result: Metadata): bool {
    return statOpenFile(this.descriptor, result) === 0;
  }

  /** Closes it; it is no more. */
  close(): bool {
    const closed = closeFile(this.descriptor) === 0;
    free(changetype<usize>(this));
    return closed;
  }
}

/** A directory that is read, entry by entry. */
@unmanaged
export class Directory {
  descriptor: i64;

  static open(name: string): Directory | null {
    const descriptor = openFile(path, pathOf(name), READ | DIRECTORY, 0);
    if (descriptor < 0) return null;
    const directory = changetype<Directory>(
      malloc(offsetof<Directory>() + offsetof<DirectoryEntry>() + (NAME_MAX as usize)),
    );
    if (changetype<usize>(directory) === 0) {
      closeFile(descriptor);
      return null;
    }
    directory.descriptor = descriptor;
    return directory;
  }

  /** What `next` found. */
  get entry(): DirectoryEntry {
    return changetype<DirectoryEntry>(changetype<usize>(this) + offsetof<Directory>());
  }

  /** Goes to the next entry; false at the end, or where the directory is no more. */
  next(): bool {
    return readDirectory(this.descriptor, this.entry) === 1;
  }

  close(): bool {
    const closed = closeFile(this.descriptor) === 0;
    free(changetype<usize>(this));
    return closed;
  }
}

/** What is at `name`; false where nothing is. */
export function metadataOf(name: string, result: Metadata): bool {
  return statFile(path, pathOf(name), result) === 0;
}

/** Takes the name of a file away. */
export function unlink(name: string): bool {
  return unlinkFile(path, pathOf(name)) === 0;
}

export function createDirectory(name: string, mode: u32 = 0o777): bool {
  return makeDirectory(path, pathOf(name), mode) === 0;
}

/** Removes an empty directory. */
export function deleteDirectory(name: string): bool {
  return removeDirectory(path, pathOf(name)) === 0;
}
