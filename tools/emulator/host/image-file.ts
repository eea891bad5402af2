// Disk images from files: sectors are read when they are asked for, so that large images cost nothing.

import { fstatSync, openSync, readSync } from "node:fs";
import { LoadError } from "../load-error.ts";
import type { ImageSource } from "../media/image.ts";
import { reasonOf } from "./files.ts";

/** Opens an image file for reading. Throws `LoadError` with the system's reason. */
export function openImage(path: string): ImageSource {
  let fd: number;
  let size: number;
  try {
    fd = openSync(path, "r");
    const stat = fstatSync(fd);
    if (stat.isDirectory()) throw new LoadError(`disk ${path}: it is a directory`);
    size = stat.size;
  } catch (error) {
    if (error instanceof LoadError) throw error;
    throw new LoadError(`disk ${path}: ${reasonOf(error)}`);
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
