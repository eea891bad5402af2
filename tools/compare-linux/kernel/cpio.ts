// An archive as Linux unpacks it for its first process: cpio's "new ASCII" form (Documentation/driver-api/early-userspace/
// buffer-format.rst). Regular files and the folders above them.

import { dirname } from "node:path";
import type { TreeFile } from "../program.ts";

const FOLDER = 0o040755;
const REGULAR = 0o100000;

function entry(name: string, mode: number, data: Uint8Array, inode: number): Buffer {
  // Inode, mode, user, group, links, time, size, device, special device, length of the name with its 0, checksum.
  const bytes = Buffer.from(`${name}\0`, "utf8");
  const numbers = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, 0, 0, bytes.length, 0];
  const head = `070701${numbers.map((value) => value.toString(16).padStart(8, "0")).join("")}`;
  const padded = (buffer: Uint8Array) =>
    Buffer.concat([buffer, Buffer.alloc(-buffer.length & 3)], (buffer.length + 3) & ~3);
  return Buffer.concat([padded(Buffer.concat([Buffer.from(head), bytes])), padded(data)]);
}

/** The files, each behind the folders that it is in. */
export function cpioOf(files: readonly TreeFile[]): Buffer {
  const folders = new Set<string>();
  for (const { name } of files)
    for (let at = dirname(name); at !== "."; at = dirname(at)) folders.add(at);
  const none = new Uint8Array(0);
  let inode = 1;
  return Buffer.concat([
    ...[...folders].sort().map((name) => entry(name, FOLDER, none, inode++)),
    ...files.map(({ name, mode = 0o644, data = "" }) =>
      entry(name, REGULAR | mode, Buffer.from(data), inode++),
    ),
    entry("TRAILER!!!", 0, none, 0),
  ]);
}
