// The files of a folder of the host, for an image: symbolic links are followed, what is no file is refused.

import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { BootImageError } from "./error.ts";
import type { ImageFile } from "./image.ts";
import { pathProblem, shownPath } from "./iso9660/tree.ts";
import { systemProblem } from "./output-file.ts";

const fatalText = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A folder that is to be read, and the real paths of those that it is in. */
interface OpenFolder {
  /** On the host. */
  source: string;
  /** In the image, with a slash at its end unless it is the root. */
  path: string;
  ancestors: readonly string[];
}

/**
 * All files below a folder, in the order of their paths. Throws `BootImageError` for links that lead nowhere or in
 * a circle, for devices, for names that are no text and for what cannot be read.
 */
export async function filesOfFolder(folder: string): Promise<ImageFile[]> {
  const files: ImageFile[] = [];
  const open: OpenFolder[] = [{ source: folder, path: "", ancestors: [] }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { source, path, ancestors } = next;
    const real = await attempt(source, () => realpath(source));
    if (ancestors.includes(real)) {
      throw new BootImageError(
        `${shownPath(source)}: a symbolic link leads back to ${shownPath(real)}`,
      );
    }
    for (const entry of await entriesOf(source)) {
      const name = nameOf(source, entry.name);
      const inside = { source: `${source}/${name}`, path: `${path}${name}` };
      const kind = await kindOf(entry, inside.source);
      if (kind === "folder") {
        open.push({ ...inside, path: `${inside.path}/`, ancestors: [...ancestors, real] });
      } else files.push(inside);
    }
  }
  return files.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

async function attempt<T>(source: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw new BootImageError(`${shownPath(source)}: cannot be read: ${systemProblem(error)}`);
  }
}

/** In falling order: the last one of a list is worked off first, and errors are to be the same everywhere. */
async function entriesOf(source: string): Promise<Dirent<Buffer>[]> {
  const entries = await attempt(source, () =>
    readdir(source, { withFileTypes: true, encoding: "buffer" }),
  );
  return entries.sort((a, b) => Buffer.compare(b.name, a.name));
}

/** Names are bytes; only those that are UTF-8 can be told to every reader of the image. */
function nameOf(source: string, bytes: Buffer): string {
  let name: string;
  try {
    name = fatalText.decode(bytes);
  } catch {
    const shown = shownPath(`${source}/${bytes.toString("latin1")}`);
    throw new BootImageError(`${shown}: the name is not UTF-8; give it another one`);
  }
  const problem = pathProblem(name);
  if (problem !== undefined)
    throw new BootImageError(`${shownPath(`${source}/${name}`)}: ${problem}`);
  return name;
}

async function kindOf(entry: Dirent<Buffer>, source: string): Promise<"file" | "folder"> {
  const found = entry.isSymbolicLink() ? await attempt(source, () => stat(source)) : entry;
  if (found.isDirectory()) return "folder";
  if (found.isFile()) return "file";
  throw new BootImageError(`${shownPath(source)}: is neither a file nor a folder`);
}
