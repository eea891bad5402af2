// Disk images from files: sectors are read when they are asked for, so that large images cost nothing.

import { fstatSync, openSync, readSync } from "node:fs";
import { LoadError } from "../../loader/load-error.ts";
import { Disk, type DiskKind, type ImageSource } from "./disk.ts";

function fromFile(path: string): ImageSource {
  let fd: number;
  let size: number;
  try {
    fd = openSync(path, "r");
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw new LoadError(`disk ${path}: it is a directory`);
    size = stat.size;
  } catch (error) {
    if (error instanceof LoadError) throw error;
    const code = (error as NodeJS.ErrnoException).code;
    const reason = code === "ENOENT" ? "there is no such file" : (error as Error).message;
    throw new LoadError(`disk ${path}: ${reason}`);
  }
  return {
    name: path,
    size,
    read(offset, length) {
      const out = new Uint8Array(length);
      let done = 0;
      while (done < length) {
        const n = readSync(fd, out, done, length - done, offset + done);
        if (n === 0) break;
        done += n;
      }
      return out;
    },
  };
}

function fromBytes(name: string, data: Uint8Array): ImageSource {
  return {
    name,
    size: data.length,
    read(offset, length) {
      const out = new Uint8Array(length);
      out.set(data.subarray(offset, offset + length));
      return out;
    },
  };
}

/** Opens an image. Throws `LoadError`. */
export function openDisk(name: string, kind: DiskKind, image: string | Uint8Array): Disk {
  return new Disk(name, kind, typeof image === "string" ? fromFile(image) : fromBytes(name, image));
}
