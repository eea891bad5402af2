// tar archives for tests, made header by header so that they can be anything a writer may write, and the tree
// that GNU tar makes of an archive.

import { execFileSync, spawnSync } from "node:child_process";
import {
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasToolOf } from "../../tools/testing/host-tools.ts";

const BLOCK = 512;

export interface Header {
  name: string | Buffer;
  type?: string;
  mode?: number | Buffer;
  size?: number | Buffer;
  /** Seconds; a Buffer is put into the field as it is. */
  time?: number | Buffer;
  link?: string;
  prefix?: string;
  format?: "v7" | "ustar" | "gnu";
  /** The checksum is over signed bytes. */
  signed?: boolean;
  /** Bytes to put at an offset, before the checksum is made. */
  raw?: [number, Buffer][];
}

/** An octal field with its NUL, or base-256 where that is too small or negative. */
export function numberField(value: number, length: number): Buffer {
  const octal = value < 0 ? "" : value.toString(8);
  if (value >= 0 && octal.length < length)
    return Buffer.from(`${octal.padStart(length - 1, "0")}\0`);
  const field = Buffer.alloc(length, value < 0 ? 255 : 0);
  field.writeBigInt64BE(BigInt(value), length - 8);
  field[0] = value < 0 ? 255 : 128;
  return field;
}

function field(value: number | Buffer, length: number): Buffer {
  return typeof value === "number" ? numberField(value, length) : value;
}

export function setChecksum(header: Buffer, signed = false): void {
  header.fill(32, 148, 156);
  let sum = 0;
  for (const byte of header.subarray(0, BLOCK)) sum += signed && byte > 127 ? byte - 256 : byte;
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
}

export function header(of: Header): Buffer {
  const { type = "0", mode = 0o644, size = 0, time = 1000, link = "", format = "ustar" } = of;
  const block = Buffer.alloc(BLOCK);
  Buffer.from(of.name).copy(block, 0, 0, 100);
  field(mode, 8).copy(block, 100);
  numberField(0, 8).copy(block, 108);
  numberField(0, 8).copy(block, 116);
  field(size, 12).copy(block, 124);
  field(time, 12).copy(block, 136);
  block.write(type, 156, "latin1");
  block.write(link, 157, 100);
  if (format === "ustar") block.write("ustar\x0000", 257, "latin1");
  if (format === "gnu") block.write("ustar  \0", 257, "latin1");
  if (of.prefix) block.write(of.prefix, 345, 155);
  for (const [offset, bytes] of of.raw ?? []) bytes.copy(block, offset);
  setChecksum(block, of.signed);
  return block;
}

/** Bytes padded to whole blocks. */
export function padded(data: string | Buffer): Buffer {
  const bytes = Buffer.from(data);
  return Buffer.concat([bytes, Buffer.alloc((BLOCK - (bytes.length % BLOCK)) % BLOCK)]);
}

export function file(
  name: string | Buffer,
  data: string | Buffer,
  of: Partial<Header> = {},
): Buffer {
  return Buffer.concat([header({ name, size: Buffer.from(data).length, ...of }), padded(data)]);
}

export function directory(name: string, of: Partial<Header> = {}): Buffer {
  return header({ name, type: "5", mode: 0o755, ...of });
}

export function symbolicLink(name: string, link: string, of: Partial<Header> = {}): Buffer {
  return header({ name, link, type: "2", mode: 0o777, ...of });
}

export function hardLink(name: string, link: string, of: Partial<Header> = {}): Buffer {
  return header({ name, link, type: "1", ...of });
}

/** One record of a pax header. */
export function record(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = rest.length + 1;
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}

/** A pax header with the given records, or with the given text. */
export function pax(records: [string, string | Buffer][] | Buffer, type = "x"): Buffer {
  const text = Buffer.isBuffer(records)
    ? records
    : Buffer.concat(records.map(([key, value]) => record(key, value)));
  return file("pax", text, { type });
}

/** GNU tar's long name (L) or long link (K). */
export function long(type: "L" | "K", name: string): Buffer {
  return file("././@LongLink", `${name}\0`, { type, format: "gnu" });
}

/** The entries with the two blocks that end an archive. */
export function archive(...entries: Buffer[]): Buffer {
  return Buffer.concat([...entries, Buffer.alloc(2 * BLOCK)]);
}

/** What can be seen of a name in a tree. */
export interface Seen {
  kind: "file" | "directory" | "link";
  mode: number;
  /** Nanoseconds since 1970. */
  time: bigint;
  links: number;
  /** Contents of a file, target of a link. */
  data: Buffer;
}

/** Names, as latin1, with what they are. */
export type Tree = Map<string, Seen>;

export const gnuTar = ["tar", "gtar"].find((command) => hasToolOf(command, "GNU tar"));

/** The tree below a folder of the host. */
export function hostTree(folder: string): Tree {
  const tree: Tree = new Map();
  const visit = (path: Buffer, name: string) => {
    for (const entry of readdirSync(path, { encoding: "buffer" })) {
      const at = Buffer.concat([path, Buffer.from("/"), entry]);
      const status = lstatSync(at, { bigint: true });
      const full = name + entry.toString("latin1");
      const isDirectory = status.isDirectory();
      const isLink = status.isSymbolicLink();
      if (!isDirectory && !isLink && !status.isFile()) continue;
      tree.set(full, {
        kind: isDirectory ? "directory" : isLink ? "link" : "file",
        mode: Number(status.mode & 0o7777n),
        time: status.mtimeNs,
        links: Number(status.nlink),
        data: isDirectory
          ? Buffer.alloc(0)
          : isLink
            ? readlinkSync(at, { encoding: "buffer" })
            : readFileSync(at),
      });
      if (isDirectory) visit(at, `${full}/`);
    }
  };
  visit(Buffer.from(folder), "");
  return tree;
}

/** Runs `use` with a fresh folder. */
export async function inFolder<T>(use: (folder: string) => T | Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "roottask-tar-"));
  try {
    return await use(folder);
  } finally {
    execFileSync("chmod", ["-R", "u+rwx", folder]);
    rmSync(folder, { recursive: true });
  }
}

/** What GNU tar makes of an archive. */
export function extracted(tar: Buffer): Promise<Tree> {
  return inFolder((folder) => {
    const out = join(folder, "out");
    const path = join(folder, "in.tar");
    mkdirSync(out);
    writeFileSync(path, tar);
    const options = ["--delay-directory-restore", "--no-same-owner", "-xpf", path, "-C", out];
    spawnSync(gnuTar ?? "tar", options);
    return hostTree(out);
  });
}
