// What files of the host an image is made of: looked at before anything is written, read in pieces afterwards.

import { constants } from "node:fs";
import { access, open, stat } from "node:fs/promises";
import { BootImageError } from "./error.ts";
import { type FileIdentity, systemProblem } from "./output-file.ts";

/** Path of a file of the host, or contents. */
export type Source = string | Uint8Array;

/** Bytes that are read at once. */
const PIECE_BYTES = 1024 * 1024;

export interface SourceFile {
  source: Source;
  /** Bytes. */
  size: number;
  /** Only files of the host have one. */
  identity?: FileIdentity;
}

/** Size of a source that can be read. Throws `BootImageError` for what is no file or cannot be read. */
export async function examineSource(source: Source): Promise<SourceFile> {
  if (typeof source !== "string") return { source, size: source.length };
  try {
    const found = await stat(source, { bigint: true });
    if (found.isDirectory()) throw new BootImageError(`${source}: is a folder, not a file`);
    if (!found.isFile()) throw new BootImageError(`${source}: is no ordinary file`);
    await access(source, constants.R_OK);
    return { source, size: Number(found.size), identity: { dev: found.dev, ino: found.ino } };
  } catch (error) {
    if (error instanceof BootImageError) throw error;
    throw new BootImageError(`${source}: cannot be read: ${systemProblem(error)}`);
  }
}

/** A source's bytes, piece by piece; a piece is only good until the next one. Throws `BootImageError`. */
export async function* readSource({ source, size }: SourceFile): AsyncGenerator<Uint8Array> {
  if (typeof source !== "string") {
    for (let at = 0; at < size; at += PIECE_BYTES) yield source.subarray(at, at + PIECE_BYTES);
    return;
  }
  try {
    const handle = await open(source);
    try {
      const piece = new Uint8Array(Math.min(PIECE_BYTES, Math.max(size, 1)));
      let at = 0;
      for (;;) {
        const { bytesRead } = await handle.read(piece, 0, piece.length, at);
        at += bytesRead;
        if (at > size || (bytesRead === 0 && at < size)) {
          throw new BootImageError(`${source}: changed its size while it was read`);
        }
        if (bytesRead === 0) return;
        yield piece.subarray(0, bytesRead);
      }
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof BootImageError) throw error;
    throw new BootImageError(`${source}: cannot be read: ${systemProblem(error)}`);
  }
}

/** The first bytes of a source, at most `most`. Throws `BootImageError`. */
export async function readBeginning(file: SourceFile, most: number): Promise<Uint8Array> {
  for await (const piece of readSource(file)) return piece.slice(0, most);
  return new Uint8Array();
}
