// Reproducible tar archives (POSIX ustar through tar-stream): entries in the given order, owner 0, one fixed
// time, so that the same inputs give the same bytes.

import { pack } from "tar-stream";
import { MakeError } from "./task.ts";

export interface TarEntry {
  /** Path in the archive, without a leading slash; a trailing slash makes a folder. */
  name: string;
  data: Uint8Array;
  executable: boolean;
}

/** The time of every entry: 2020-01-01T00:00:00Z. */
const FIXED_TIME = new Date(Date.UTC(2020, 0, 1));

/** Builds the archive; folders on the way to an entry are added before it. Throws `MakeError` for a bad or repeated name. */
export async function makeTar(entries: TarEntry[]): Promise<Uint8Array> {
  const archive = pack();
  const seen = new Set<string>();
  const add = (name: string, data: Uint8Array, mode: number, type: "file" | "directory"): void => {
    const header = { name, size: data.length, mode, type, mtime: FIXED_TIME, uid: 0, gid: 0 };
    archive.entry({ ...header, uname: "root", gname: "root" }, Buffer.from(data));
  };
  for (const entry of entries) {
    const parts = entry.name.split("/").filter((part) => part !== "");
    if (parts.length === 0 || parts.includes("..") || entry.name.startsWith("/")) {
      throw new MakeError(`${entry.name || "(empty)"}: not a path inside an archive`);
    }
    for (let depth = 1; depth < parts.length; depth++) {
      const folder = `${parts.slice(0, depth).join("/")}/`;
      if (seen.has(folder)) continue;
      seen.add(folder);
      add(folder, new Uint8Array(0), 0o755, "directory");
    }
    if (seen.has(entry.name)) throw new MakeError(`${entry.name}: twice in one archive`);
    seen.add(entry.name);
    if (entry.name.endsWith("/")) add(entry.name, new Uint8Array(0), 0o755, "directory");
    else add(entry.name, entry.data, entry.executable ? 0o755 : 0o644, "file");
  }
  archive.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of archive) chunks.push(chunk as Buffer);
  return new Uint8Array(Buffer.concat(chunks));
}
