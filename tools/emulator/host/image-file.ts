// Disk images from files, as QEMU opens them: read as needed, written where that is asked for, with backing files beside
// them. An image that is written is closed when the process ends in any way that it can notice.

import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  type Stats,
  statSync,
  writeSync,
} from "node:fs";
import { dirname, isAbsolute, join } from "node:path";
import { LoadError } from "../load-error.ts";
import { IMAGE_FORMATS, noReader, openFormat } from "../media/formats.ts";
import type { ImageFormat, ImageSource } from "../media/image.ts";
import { reasonOf } from "./files.ts";
import { type FileIdentity, lockImage } from "./image-locks.ts";

export interface ImageFileOptions {
  /** It is to be changed, by nobody else at the same time; otherwise it is only read (the default). */
  writable?: boolean;
  /** Found out by default, as QEMU does. */
  format?: ImageFormat;
}

/** Backing files of backing files, and so on. */
const MAX_LAYERS = 32;

const KINDS: readonly (readonly [is: (stat: Stats) => boolean, what: string])[] = [
  [(s) => s.isDirectory(), "it is a directory"],
  [(s) => s.isBlockDevice() || s.isCharacterDevice(), "it is a device, not a file"],
  [(s) => s.isFIFO(), "it is a FIFO, not a file"],
  [(s) => s.isSocket(), "it is a socket, not a file"],
];

const WRITES_ELSEWHERE =
  "readonly=on only reads it, and snapshot=on (or -snapshot) keeps apart what is written";

function whyNotOpened(error: unknown, writable: boolean): string {
  const { code } = error as NodeJS.ErrnoException;
  if (writable && (code === "EACCES" || code === "EPERM")) {
    return `it may not be written; ${WRITES_ELSEWHERE}`;
  }
  if (writable && code === "EROFS") {
    return `it is on a file system that is only read; ${WRITES_ELSEWHERE}`;
  }
  return reasonOf(error);
}

interface OpenedFile {
  file: ImageSource;
  identity: FileIdentity;
}

/** Opens a file that is one. `admit` may refuse it by its identity. Throws `LoadError`. */
function openFile(
  path: string,
  writable: boolean,
  admit: (identity: FileIdentity) => void,
): OpenedFile {
  let fd: number | undefined;
  try {
    // A FIFO would wait for its other end.
    const kind = KINDS.find(([is]) => is(statSync(path)));
    if (kind !== undefined) throw new LoadError(`disk ${path}: ${kind[1]}`);
    fd = openSync(path, (writable ? constants.O_RDWR : constants.O_RDONLY) | constants.O_NONBLOCK);
    const { dev, ino, size } = fstatSync(fd, { bigint: true });
    if (size === 0n) throw new LoadError(`disk ${path}: the file is empty`);
    admit({ dev, ino });
    const release = lockImage(path, { dev, ino }, writable);
    return { file: fileImage(path, fd, Number(size), writable, release), identity: { dev, ino } };
  } catch (error) {
    if (fd !== undefined) closeSync(fd);
    if (error instanceof LoadError) throw error;
    throw new LoadError(`disk ${path}: ${whyNotOpened(error, writable)}`);
  }
}

function fileImage(
  name: string,
  fd: number,
  bytes: number,
  writable: boolean,
  release: () => void,
): ImageSource {
  let size = bytes;
  let open = true;
  const flush = (): void => {
    if (!open) return;
    const now = fstatSync(fd);
    if (now.nlink === 0) throw new Error("the file has been deleted");
    if (now.size < size) throw new Error("the file has become shorter");
    fsyncSync(fd);
  };
  return {
    name,
    get size() {
      return size;
    },
    read(offset, length) {
      const out = new Uint8Array(length);
      const wanted = Math.min(length, size - offset);
      for (let done = 0; done < wanted; ) {
        const n = readSync(fd, out, done, wanted - done, offset + done);
        if (n === 0) throw new Error("the file has become shorter");
        done += n;
      }
      return out;
    },
    ...(writable && {
      write(offset: number, data: Uint8Array) {
        for (let done = 0; done < data.length; ) {
          done += writeSync(fd, data, done, data.length - done, offset + done);
        }
        size = Math.max(size, offset + data.length);
      },
      flush,
    }),
    close() {
      if (!open) return;
      try {
        if (writable) flush();
      } finally {
        open = false;
        closeSync(fd);
        release();
      }
    },
  };
}

/** What a backing file's name means beside the image that has it. Throws `LoadError` for what is no file. */
function backingPath(image: string, name: string): string {
  const path = name.replace(/^file:/, "");
  // "protocol:…", as QEMU tells it from a path.
  if (/^[^/:]*:/.test(path)) {
    throw new LoadError(`disk ${image}: its backing file "${name}" is not a file's path`);
  }
  return isAbsolute(path) ? path : join(dirname(image), path);
}

function checkedFormat(image: string, format: string | undefined): ImageFormat | undefined {
  if (format === undefined) return undefined;
  const known = IMAGE_FORMATS.find((name) => name === format);
  if (known === undefined) throw new LoadError(`disk ${image}: ${noReader(format)}`);
  return known;
}

/** An image with what it stands on; `above` are those that stand on it. */
function openLayer(
  path: string,
  { writable = false, format }: ImageFileOptions,
  above: readonly FileIdentity[],
): ImageSource {
  const { file, identity } = openFile(path, writable, ({ dev, ino }) => {
    if (above.some((other) => other.dev === dev && other.ino === ino)) {
      throw new LoadError(`disk ${path}: it is among its own backing files`);
    }
    if (above.length >= MAX_LAYERS) {
      throw new LoadError(`disk ${path}: more than ${MAX_LAYERS} backing files`);
    }
  });
  try {
    return openFormat(file, format, (name, of) =>
      openLayer(backingPath(path, name), { format: checkedFormat(path, of) }, [...above, identity]),
    );
  } catch (error) {
    file.close?.();
    throw error;
  }
}

/** Images that have to be closed. */
const written = new Set<ImageSource>();

function closeWritten(): void {
  for (const image of written) {
    try {
      image.close?.();
    } catch (error) {
      process.stderr.write(`disk ${image.name}: cannot close it: ${(error as Error).message}\n`);
    }
  }
  written.clear();
}

/** What QEMU has in place of a file's path, and what to do instead. */
const PROTOCOLS: Readonly<Record<string, string>> = {
  fat: "folders are no images here; mkfs.fat and mcopy make one of it",
  nbd: "images are files; qemu-img convert makes one of it",
  ...Object.fromEntries(
    ["http", "https", "ftp", "ftps", "ssh", "iscsi", "rbd", "gluster"].map((name) => [
      name,
      "images are files; fetch it first",
    ]),
  ),
};

/** The file that a name means: QEMU's "file:PATH" is a path. Throws `LoadError` for what is none. */
function filePath(name: string): string {
  const [, protocol = ""] = /^([a-z]+):/.exec(name) ?? [];
  if (protocol === "file") return name.slice("file:".length);
  const instead = PROTOCOLS[protocol];
  if (instead !== undefined) throw new LoadError(`disk ${name}: ${instead}`);
  return name;
}

/** Opens an image file. Throws `LoadError` with the system's reason. */
export function openImage(name: string, options: ImageFileOptions = {}): ImageSource {
  const path = filePath(name);
  const image = openLayer(path, options, []);
  if (options.writable) {
    if (written.size === 0) process.once("exit", closeWritten);
    written.add(image);
  }
  return image;
}

/** Closes what `openImage` has opened. Throws `Error` where the host cannot write what there was to be written. */
export function closeImage(image: ImageSource): void {
  if (written.delete(image) && written.size === 0) process.off("exit", closeWritten);
  image.close?.();
}
