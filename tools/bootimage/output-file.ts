// A file that appears under its name only when it is complete: written beside it, then renamed.

import { constants } from "node:fs";
import { access, type FileHandle, open, realpath, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { BootImageError } from "./error.ts";

/** Which file of the host a path leads to. */
export interface FileIdentity {
  dev: bigint;
  ino: bigint;
}

/** What the system said, in words for people where it is usual. */
export function systemProblem(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const words: Record<string, string> = {
    ENOENT: "no such file or folder",
    EACCES: "permission denied",
    EPERM: "not permitted",
    EISDIR: "is a folder",
    ENOTDIR: "a part of the path is no folder",
    ELOOP: "symbolic links lead in a circle",
    ENAMETOOLONG: "the name is too long for the file system",
    ENOSPC: "no room left on the disk",
    EDQUOT: "the quota is used up",
    EFBIG: "the file gets larger than is allowed here",
    EROFS: "the file system is read-only",
    EIO: "the disk does not answer",
  };
  return (code === undefined ? undefined : words[code]) ?? message;
}

const MOST_ATTEMPTS = 1000;

export class OutputFile {
  readonly path: string;
  readonly #aside: string;
  readonly #handle: FileHandle;

  private constructor(path: string, aside: string, handle: FileHandle) {
    this.path = path;
    this.#aside = aside;
    this.#handle = handle;
  }

  /**
   * Begins a file. One of `inputs` is not overwritten, nor is anything but a file. Throws `BootImageError`.
   */
  static async create(
    path: string,
    inputs: ReadonlyMap<string, FileIdentity>,
  ): Promise<OutputFile> {
    const target = await replaceable(path, inputs);
    const folder = dirname(target);
    for (let attempt = 0; ; attempt++) {
      const aside = join(folder, `.mkbootimage-${process.pid}-${attempt}`);
      try {
        return new OutputFile(target, aside, await open(aside, "wx"));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "EEXIST" && attempt < MOST_ATTEMPTS) continue;
        throw new BootImageError(`${path}: cannot be written: ${systemProblem(error)}`);
      }
    }
  }

  /** Throws `BootImageError`, with what the system says. */
  async write(bytes: Uint8Array, position: number): Promise<void> {
    try {
      for (let at = 0; at < bytes.length; ) {
        const rest = bytes.length - at;
        const { bytesWritten } = await this.#handle.write(bytes, at, rest, position + at);
        at += bytesWritten;
      }
    } catch (error) {
      throw new BootImageError(`${this.path}: cannot be written: ${systemProblem(error)}`);
    }
  }

  /** The file gets its name. Throws `BootImageError`. */
  async complete(): Promise<void> {
    try {
      await this.#handle.close();
      await rename(this.#aside, this.path);
    } catch (error) {
      throw new BootImageError(`${this.path}: cannot be written: ${systemProblem(error)}`);
    }
  }

  /** The file was not to be. */
  async discard(): Promise<void> {
    await this.#handle.close().catch(() => undefined);
    await rm(this.#aside, { force: true });
  }
}

/** Where the file really goes: a symbolic link stays, and what it leads to is replaced. */
async function replaceable(
  path: string,
  inputs: ReadonlyMap<string, FileIdentity>,
): Promise<string> {
  const wrong = (what: string): BootImageError => new BootImageError(`${path}: ${what}`);
  if (path === "") throw new BootImageError("the image needs a name");
  if (path.endsWith("/")) throw wrong("is a folder; the image needs the name of a file");
  try {
    const found = await stat(path, { bigint: true }).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
    if (found === undefined) {
      const folder = await realpath(dirname(path));
      await access(folder, constants.W_OK);
      return join(folder, basename(path));
    }
    if (found.isDirectory()) throw wrong("is a folder; the image needs the name of a file");
    if (!found.isFile()) {
      throw wrong("is no ordinary file; write the image to a file and copy that to the device");
    }
    for (const [input, { dev, ino }] of inputs) {
      if (dev === found.dev && ino === found.ino) {
        throw wrong(`the image would overwrite its own input ${input}`);
      }
    }
    const target = await realpath(path);
    await access(target, constants.W_OK);
    return target;
  } catch (error) {
    if (error instanceof BootImageError) throw error;
    throw wrong(`cannot be written: ${systemProblem(error)}`);
  }
}
