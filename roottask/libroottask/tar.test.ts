// The archive reader: what tar writers write becomes the tree that GNU tar makes of it, what can't be used is
// left out with a line, and no archive makes it read outside the module.

import { execFileSync, spawnSync } from "node:child_process";
import {
  linkSync,
  mkdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  archive,
  directory,
  extracted,
  file,
  gnuTar,
  hardLink,
  header,
  hostTree,
  inFolder,
  long,
  numberField,
  padded,
  pax,
  type Seen,
  setChecksum,
  symbolicLink,
  type Tree,
} from "../testing/archives.ts";
import { Machine } from "../testing/machine.ts";
import { sampleProgram, tarOf } from "../testing/samples.ts";

const DATA = 0x40_2000n;
const PATH = DATA + 0x8000n;
const CHUNK = 0x4000;

const base = await tarOf([{ name: "bin/sample", mode: 0o755, data: sampleProgram() }]);

/** The reader's lines about an archive, and a program that looks at what became of it. */
class Unpacked {
  readonly lines: string[];
  readonly machine: Machine;

  constructor(machine: Machine, lines: string[]) {
    this.machine = machine;
    this.lines = lines;
  }

  #path(path: string): bigint {
    this.machine.poke(1, PATH, Buffer.from(`${path}\0`, "latin1"));
    return PATH;
  }

  names(path: string): string[] {
    const fd = this.machine.call(1, 2, this.#path(path), 0o200000, 0);
    expect(fd, path).toBeGreaterThanOrEqual(0n);
    const names: string[] = [];
    for (;;) {
      const length = Number(this.machine.call(1, 217, fd, DATA, CHUNK));
      if (length <= 0) break;
      const records = this.machine.peek(1, DATA, length);
      for (let at = 0; at < length; at += records.readUInt16LE(at + 16)) {
        const name = records.toString("latin1", at + 19, records.indexOf(0, at + 19));
        if (name !== "." && name !== "..") names.push(name);
      }
    }
    this.machine.call(1, 3, fd);
    return names;
  }

  contents(path: string): Buffer {
    const fd = this.machine.call(1, 2, this.#path(path), 0, 0);
    const pieces: Buffer[] = [];
    for (;;) {
      const length = Number(this.machine.call(1, 0, fd, DATA, CHUNK));
      if (length <= 0) break;
      pieces.push(this.machine.peek(1, DATA, length));
    }
    this.machine.call(1, 3, fd);
    return Buffer.concat(pieces);
  }

  /** lstat(2), with the contents; undefined where there is no such name. */
  look(path: string): Seen | undefined {
    if (this.machine.call(1, 6, this.#path(path), DATA) !== 0n) return undefined;
    const status = this.machine.peek(1, DATA, 144);
    const type = status.readUInt32LE(24) & 0o170000;
    const kind = type === 0o040000 ? "directory" : type === 0o120000 ? "link" : "file";
    if (kind === "file" && type !== 0o100000) return undefined;
    let data: Buffer = Buffer.alloc(0);
    if (kind === "link") {
      const length = this.machine.call(1, 89, this.#path(path), DATA, CHUNK);
      data = this.machine.peek(1, DATA, Number(length));
    }
    if (kind === "file") {
      data = this.contents(path);
      expect(data.length, path).toBe(Number(status.readBigInt64LE(48)));
    }
    return {
      kind,
      mode: status.readUInt32LE(24) & 0o7777,
      time: status.readBigInt64LE(88) * 1_000_000_000n + status.readBigInt64LE(96),
      links: Number(status.readBigInt64LE(16)),
      data,
    };
  }

  /** Everything but what the system adds. */
  tree(): Tree {
    const tree: Tree = new Map();
    const visit = (path: string) => {
      for (const name of this.names(path || "/")) {
        const at = `${path}/${name}`;
        if (at === "/dev" || at === "/proc" || at === "/tmp") continue;
        const seen = this.look(at);
        if (!seen) continue;
        tree.set(at.slice(1), seen);
        if (seen.kind === "directory") visit(at);
      }
    };
    visit("");
    return tree;
  }
}

/** A machine whose program 1 looks at trees; it serves some archives, as memory is never given back. */
let machine: Machine | undefined;
let served = 0;

async function watcher(): Promise<Machine> {
  if (machine && served++ < 20) return machine;
  served = 0;
  machine = await Machine.create();
  machine.unpack(base);
  expect(machine.launch("linux bin/sample")).toBe(0);
  return machine;
}

/** Unpacks an archive that lies between `around` and `around`. */
async function unpack(tar: Uint8Array, around = Buffer.alloc(0)): Promise<Unpacked> {
  const machine = await watcher();
  const from = machine.log.length;
  const module = machine.place(Buffer.concat([around, tar, around]));
  machine.exports.unpack(module + around.length, tar.length);
  const lines = machine.log.slice(from).replaceAll("[roottask] archive: ", "").split("\n");
  return new Unpacked(machine, lines.slice(0, -1));
}

/** How many entries of an archive are directories of a name. */
type Named = Map<string, number>;

/** Without the empty directories that GNU tar makes on the way to an entry it then fails to make. */
function withoutLeftovers(tree: Tree, named: Named): Tree {
  const kept = new Map(tree);
  for (const path of [...tree.keys()].reverse()) {
    const empty = ![...kept.keys()].some((other) => other.startsWith(`${path}/`));
    if (tree.get(path)?.kind === "directory" && !named.has(path) && empty) kept.delete(path);
  }
  return kept;
}

/**
 * A tree as text, a line a name. Directories that the archive does not name have the time of whoever makes
 * them. GNU tar sets mode and time of directories last, so that the first entry wins where there are several,
 * and what has replaced a directory gets that directory's.
 */
function listing(tree: Tree, named?: Named): string[] {
  const lines = [...tree].map(([path, { kind, mode, time, links, data }]) => {
    const isDirectory = kind === "directory";
    const shown =
      data.length > 40
        ? `${data.length} bytes, sum ${data.reduce((a, b) => a + b)}`
        : data.toString("latin1");
    const known = !named || (named.get(path) ?? 0) === (isDirectory ? 1 : 0);
    const status = known ? [kind === "link" ? "" : mode.toString(8), time] : [];
    if (isDirectory) return `${path}/ ${status.join(" ")}`;
    return `${path} ${kind} ${status.join(" ")} ${links} ${shown}`;
  });
  return lines.sort();
}

const hello = file("etc/a", "hello\n");

describe("entries that are used", () => {
  const used: [string, Buffer, Record<string, Partial<Seen> | undefined>][] = [
    [
      "times before 1970 in base-256",
      file("a", "x", { time: -1000 }),
      { a: { time: -1000_000_000_000n } },
    ],
    [
      "sizes in base-256",
      file("a", "x", { size: Buffer.from([0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]) }),
      { a: { data: Buffer.from("x") } },
    ],
    [
      "checksums over signed bytes",
      file(Buffer.from("\xe4", "latin1"), "x", { signed: true }),
      { "\xe4": {} },
    ],
    ["names that are no UTF-8", file(Buffer.from("\xff\xfe", "latin1"), "x"), { "\xff\xfe": {} }],
    [
      "V7 headers",
      Buffer.concat([
        file("d/", "", { format: "v7", type: "\0" }),
        file("d/f", "x", { format: "v7", type: "\0" }),
      ]),
      { d: { kind: "directory" }, "d/f": {} },
    ],
    [
      "numbers between blanks",
      file("a", "x", {
        size: Buffer.from("          1 "),
        mode: Buffer.from("   755 \0"),
        time: Buffer.from("    1750\0   "),
      }),
      { a: { mode: 0o755, time: 1000_000_000_000n } },
    ],
    [
      "a number behind a NUL",
      file("a", "x", { size: Buffer.from("\x000000000001 ") }),
      { a: { data: Buffer.from("x") } },
    ],
    ["contiguous files", file("a", "x", { type: "7" }), { a: { data: Buffer.from("x") } }],
    [
      "directories of incremental dumps",
      file("d", "Yf\0\0", { type: "D" }),
      { d: { kind: "directory" } },
    ],
    ["a ustar prefix", file("f", "x", { prefix: "p/q" }), { "p/q/f": {} }],
    [
      "no prefix in GNU headers",
      file("f", "x", { prefix: "p/q", format: "gnu" }),
      { f: {}, p: undefined },
    ],
    ["absolute names, ./ and doubled slashes", file("//a/./b//c", "x"), { "a/b/c": {} }],
    [
      "mode and time of the root",
      Buffer.concat([directory("./", { mode: 0o700, time: 5 })]),
      { ".": { mode: 0o700, time: 5_000_000_000n } },
    ],
    [
      "GNU long names and links",
      Buffer.concat([
        long("L", "n".repeat(200)),
        long("K", "t".repeat(300)),
        symbolicLink("n", "t"),
      ]),
      { ["n".repeat(200)]: { data: Buffer.from("t".repeat(300)) } },
    ],
    [
      "pax names, links, sizes, times",
      Buffer.concat([
        pax([
          ["path", "p/x"],
          ["size", "3"],
          ["mtime", "1234567890.123456789"],
          ["comment", "none"],
          ["uid", "12"],
          ["SCHILY.dev", "1"],
        ]),
        header({ name: "short", size: 700 }),
        padded("abc"),
        pax([["linkpath", "to"]]),
        symbolicLink("l", "-"),
      ]),
      {
        "p/x": { data: Buffer.from("abc"), time: 1234567890_123456789n },
        l: { data: Buffer.from("to") },
      },
    ],
    [
      "pax times before 1970",
      Buffer.concat([pax([["mtime", "-1.25"]]), file("a", "x")]),
      { a: { time: -1_250_000_000n } },
    ],
    [
      "a pax name over a GNU one, in either order",
      Buffer.concat([
        pax([["path", "q"]]),
        long("L", "n"),
        file("x", "1"),
        long("L", "n"),
        pax([["path", "r"]]),
        file("x", "2"),
      ]),
      { q: {}, r: {}, n: undefined },
    ],
    [
      "global pax headers until they are taken back",
      Buffer.concat([
        pax([["mtime", "7"]], "g"),
        file("a", "x"),
        pax([["mtime", "8"]]),
        file("b", "x"),
        pax([["mtime", ""]]),
        file("c", "x"),
      ]),
      { a: { time: 7_000_000_000n }, b: { time: 8_000_000_000n }, c: { time: 1000_000_000_000n } },
    ],
    [
      "a pax header's end for the next entry",
      Buffer.concat([
        pax([
          ["path", "p"],
          ["mtime", "3"],
        ]),
        file("a", "1"),
        file("b", "2"),
      ]),
      { p: { time: 3_000_000_000n }, b: { time: 1000_000_000_000n } },
    ],
    [
      "Solaris's pax headers",
      Buffer.concat([pax([["path", "p"]], "X"), file("a", "1")]),
      { p: {} },
    ],
    [
      "directories with a size and no data",
      Buffer.concat([directory("d", { size: 700 }), file("b", "x")]),
      { d: { kind: "directory" }, b: {} },
    ],
    [
      "directories with a size and data",
      Buffer.concat([directory("d", { size: 700 }), padded("q".repeat(700)), file("b", "x")]),
      { d: { kind: "directory" }, b: {} },
    ],
    [
      "links with a size and no data",
      Buffer.concat([
        file("t", "tt"),
        symbolicLink("s", "t", { size: 2 }),
        hardLink("h", "t", { size: 2 }),
        file("b", "x"),
      ]),
      { s: { data: Buffer.from("t") }, h: { links: 2, data: Buffer.from("tt") }, b: {} },
    ],
    [
      "hard links with data",
      Buffer.concat([
        file("t", "tt"),
        hardLink("h", "t", { size: 2 }),
        padded("tt"),
        file("b", "x"),
      ]),
      { h: { links: 2 }, t: { links: 2 }, b: {} },
    ],
    [
      "hard links to symbolic links",
      Buffer.concat([symbolicLink("s", "nowhere"), hardLink("h", "s")]),
      { h: { kind: "link", links: 2 }, s: { links: 2 } },
    ],
    [
      "hard links whose target climbs, from the root",
      Buffer.concat([file("t", "tt"), hardLink("d/h", "../../t"), hardLink("i", "/t")]),
      { "d/h": { links: 3 } },
    ],
    [
      "a hard link to itself",
      Buffer.concat([file("t", "tt"), hardLink("t", "./t")]),
      { t: { links: 1, data: Buffer.from("tt") } },
    ],
    [
      "a later file in an earlier one's place, whose other names stay",
      Buffer.concat([file("a", "1"), hardLink("b", "a"), file("a", "22")]),
      { a: { links: 1, data: Buffer.from("22") }, b: { links: 1, data: Buffer.from("1") } },
    ],
    [
      "a later entry of another kind",
      Buffer.concat([
        hello,
        symbolicLink("etc/a", "../x"),
        directory("d"),
        file("d", "x"),
        symbolicLink("l", "x"),
        directory("l"),
        file("l/f", "y"),
      ]),
      { "etc/a": { kind: "link" }, d: { kind: "file" }, l: { kind: "directory" }, "l/f": {} },
    ],
    [
      "a directory named again",
      Buffer.concat([file("d/f", "x"), directory("d", { mode: 0o700, time: 9 })]),
      { d: { mode: 0o700, time: 9_000_000_000n }, "d/f": {} },
    ],
    [
      "names below symbolic links to directories",
      Buffer.concat([directory("usr/lib"), symbolicLink("lib", "usr/lib"), file("lib/f", "x")]),
      { "usr/lib/f": {}, lib: { kind: "link" } },
    ],
    [
      "what is in the way of the system's own",
      Buffer.concat([file("dev", "x"), symbolicLink("tmp", "nowhere")]),
      {
        "dev/null": undefined,
        dev: { kind: "directory" },
        tmp: { kind: "directory", mode: 0o1777 },
      },
    ],
    ["an archive without an end", hello, { "etc/a": {} }],
  ];
  it.each(used)("%s", async (name, entries, expected) => {
    const unpacked = await unpack(name.includes("without an end") ? entries : archive(entries));
    for (const [path, status] of Object.entries(expected)) {
      const seen = unpacked.look(`/${path}`);
      if (status) expect(seen, `${path}: ${unpacked.lines}`).toMatchObject(status);
      else expect(seen, path).toBeUndefined();
    }
    if (!name.includes("in the way")) expect(unpacked.lines).toEqual([]);
  });
});

/** A segment list of old GNU headers. */
function segments(...numbers: number[]): Buffer {
  return Buffer.concat(numbers.map((number) => numberField(number, 12)));
}

describe("sparse files", () => {
  const unpackedData = Buffer.alloc(5000);
  unpackedData.write("first", 512);
  unpackedData.write("second", 4000);
  const packed = padded("firstsecond");
  const packedSize = 11;
  const list = "2\n512\n5\n4000\n6\n";
  const sparse: [string, Buffer][] = [
    [
      "old GNU",
      Buffer.concat([
        header({
          name: "s",
          type: "S",
          format: "gnu",
          size: packedSize,
          raw: [
            [386, segments(512, 5, 4000, 6, 5000, 0)],
            [483, numberField(5000, 12)],
          ],
        }),
        packed,
      ]),
    ],
    [
      "old GNU with more segments",
      Buffer.concat([
        header({
          name: "s",
          type: "S",
          format: "gnu",
          size: packedSize,
          raw: [
            [386, segments(0, 0, 512, 2, 514, 2, 516, 1)],
            [482, Buffer.from([1])],
            [483, numberField(5000, 12)],
          ],
        }),
        Buffer.concat([segments(4000, 6), Buffer.alloc(488)]),
        packed,
      ]),
    ],
    [
      "pax 0.0",
      Buffer.concat([
        pax([
          ["GNU.sparse.size", "5000"],
          ["GNU.sparse.numblocks", "2"],
          ["GNU.sparse.offset", "512"],
          ["GNU.sparse.numbytes", "5"],
          ["GNU.sparse.offset", "4000"],
          ["GNU.sparse.numbytes", "6"],
        ]),
        header({ name: "s", size: packedSize }),
        packed,
      ]),
    ],
    [
      "pax 0.1",
      Buffer.concat([
        pax([
          ["GNU.sparse.size", "5000"],
          ["GNU.sparse.numblocks", "2"],
          ["GNU.sparse.map", "512,5,4000,6"],
          ["GNU.sparse.name", "s"],
        ]),
        header({ name: "GNUSparseFile.1/s", size: packedSize }),
        packed,
      ]),
    ],
    [
      "pax 1.0",
      Buffer.concat([
        pax([
          ["GNU.sparse.major", "1"],
          ["GNU.sparse.minor", "0"],
          ["GNU.sparse.name", "s"],
          ["GNU.sparse.realsize", "5000"],
        ]),
        header({ name: "GNUSparseFile.1/s", size: 512 + packedSize }),
        padded(list),
        packed,
      ]),
    ],
  ];
  it.each(sparse)("%s format is unpacked", async (_name, entries) => {
    const unpacked = await unpack(archive(entries, hello));
    expect(unpacked.lines).toEqual([]);
    expect(unpacked.look("/s")?.data).toEqual(unpackedData);
    expect([...unpacked.tree().keys()].sort()).toEqual(["etc", "etc/a", "s"]);
  });

  const broken: [string, Buffer, string][] = [
    [
      "a segment behind the file's end",
      file("s", "x", {
        type: "S",
        raw: [
          [386, segments(512, 1)],
          [483, numberField(512, 12)],
        ],
      }),
      "sparse file whose list of segments is malformed",
    ],
    [
      "more segments than data",
      file("s", "x", {
        type: "S",
        raw: [
          [386, segments(0, 2)],
          [483, numberField(512, 12)],
        ],
      }),
      "sparse file whose list of segments is malformed",
    ],
    [
      "a list longer than the data",
      Buffer.concat([
        pax([
          ["GNU.sparse.major", "1"],
          ["GNU.sparse.minor", "0"],
          ["GNU.sparse.realsize", "9"],
        ]),
        file("s", "999999999999\n1\n"),
      ]),
      "sparse file whose list of segments is malformed",
    ],
    [
      "half a pair",
      Buffer.concat([
        pax([
          ["GNU.sparse.size", "9"],
          ["GNU.sparse.map", "1,2,3"],
        ]),
        file("s", "xx"),
      ]),
      "sparse file whose list of segments is malformed",
    ],
    [
      "a version to come",
      Buffer.concat([
        pax([
          ["GNU.sparse.major", "2"],
          ["GNU.sparse.minor", "0"],
          ["GNU.sparse.realsize", "9"],
        ]),
        file("s", "x"),
      ]),
      "sparse file of an unknown format",
    ],
    [
      "a terabyte",
      Buffer.concat([
        pax([
          ["GNU.sparse.size", "1099511627776"],
          ["GNU.sparse.map", ""],
        ]),
        file("s", ""),
      ]),
      "sparse file of more than 256 MiB",
    ],
    [
      "more than there is memory",
      Buffer.concat([
        pax([
          ["GNU.sparse.size", "200000000"],
          ["GNU.sparse.map", ""],
        ]),
        file("s", ""),
      ]),
      "out of memory",
    ],
    [
      "star's format",
      Buffer.concat([pax([["SCHILY.realsize", "5000"]]), file("s", "x")]),
      "sparse file in star's format",
    ],
  ];
  it.each(broken)("with %s are left out with a line", async (_name, entries, why) => {
    const unpacked = await unpack(archive(entries, hello));
    expect(unpacked.lines).toEqual([`s skipped: ${why}`]);
    expect([...unpacked.tree().keys()].sort()).toEqual(["etc", "etc/a"]);
  });
});

describe("entries that are left out with one line", () => {
  const device = (type: string) =>
    header({ name: "etc/dev", type, raw: [[329, Buffer.from("0000001\x000000003\0")]] });
  const tooLong = `${"d/".repeat(2100)}f`;
  const left: [string, Buffer, string][] = [
    ["FIFOs", device("6"), "etc/dev skipped: FIFO"],
    ["character devices", device("3"), "etc/dev skipped: character device"],
    ["block devices", device("4"), "etc/dev skipped: block device"],
    ["volume labels", header({ name: "Volume 1", type: "V" }), "Volume 1 skipped: volume label"],
    [
      "continuations",
      file("big", "rest", { type: "M" }),
      "big skipped: continuation of a file on another volume",
    ],
    [
      "old lists of names",
      file("././@MaNgLeD", "Rename", { type: "N" }),
      "././@MaNgLeD skipped: list of long names of GNU tar before 1.13",
    ],
    ["types nobody knows", file("z", "data", { type: "Z" }), "z skipped: unknown type of entry"],
    [
      "names with ..",
      file("etc/sub/../b", "no"),
      "etc/sub/../b skipped: its name has a component ..",
    ],
    ["empty names", file("", "no"), " skipped: its name is empty"],
    ["files named as the root", file("./.", "no"), "./. skipped: its name is that of the root"],
    [
      "names of 4096 bytes",
      Buffer.concat([long("L", tooLong), file("x", "no")]),
      `${tooLong.slice(0, 200)}... skipped: its name is longer than 4095 bytes`,
    ],
    [
      "components of 256 bytes",
      Buffer.concat([long("L", `${"n".repeat(256)}`), file("x", "no")]),
      `${"n".repeat(200)}... skipped: a component of its name is longer than 255 bytes`,
    ],
    [
      "directories of 256 bytes",
      Buffer.concat([long("L", `${"n".repeat(256)}/f`), file("x", "no")]),
      `${"n".repeat(200)}... skipped: a component of its name is longer than 255 bytes`,
    ],
    [
      "hard links to nothing",
      hardLink("h", "etc/none"),
      "h skipped: hard link to what is not there, etc/none",
    ],
    [
      "hard links to directories",
      Buffer.concat([directory("etc"), hardLink("h", "etc")]),
      "h skipped: hard link to a directory, etc",
    ],
    [
      "symbolic links to nothing",
      symbolicLink("l", ""),
      "l skipped: symbolic link without a target",
    ],
    [
      "names below files",
      Buffer.concat([file("f", "x"), file("f/g", "y")]),
      "f/g skipped: its name goes through something that is not a directory",
    ],
    [
      "names below links to nothing",
      Buffer.concat([symbolicLink("l", "none"), file("l/g", "y")]),
      "l/g skipped: its name goes through something that is not a directory",
    ],
    [
      "names below circles of links",
      Buffer.concat([symbolicLink("l", "m"), symbolicLink("m", "l"), file("l/g", "y")]),
      "l/g skipped: too many symbolic links on its way",
    ],
    [
      "files in the place of a full directory",
      Buffer.concat([file("d/f", "x"), file("d", "y")]),
      "d skipped: a directory with entries has its name",
    ],
    [
      "sizes that are no numbers",
      header({ name: "f", size: Buffer.from("zzzzzzzzzzzz") }),
      "f skipped: its size is not a number",
    ],
    ["sizes below 0", header({ name: "f", size: -5 }), "f skipped: its size is not a number"],
  ];
  it.each(left)("%s", async (_name, entries, text) => {
    const unpacked = await unpack(archive(entries, hello));
    expect(unpacked.lines).toEqual([text]);
    expect(unpacked.look("/etc/a")?.data.toString()).toBe("hello\n");
  });

  it("are counted where there are very many", async () => {
    const fifos = Array.from({ length: 250 }, (_, index) =>
      header({ name: `f${index}`, type: "6" }),
    );
    const { lines, ...unpacked } = await unpack(archive(...fifos, hello));
    expect(lines).toHaveLength(101);
    expect(lines[100]).toBe("150 more lines like these left out");
    expect(unpacked).toBeDefined();
  });
});

describe("damage", () => {
  const damaged: [string, Buffer, string[], string[]][] = [
    [
      "a mode that is no number",
      archive(file("f", "x", { mode: Buffer.from("zzzzzzzz") })),
      ["f: its mode is not a number, 644 or 755 taken"],
      ["f"],
    ],
    [
      "a time that is no number",
      archive(file("f", "x", { time: Buffer.from("zzzzzzzzzzzz") })),
      ["f: its time is not a number, 0 taken"],
      ["f"],
    ],
    [
      "a pax value that is no number",
      archive(
        pax([
          ["mtime", "abc"],
          ["path", "g"],
        ]),
        file("f", "x"),
      ),
      ["g: malformed pax header, a value is not a number"],
      ["g"],
    ],
    [
      "a pax length that is no number",
      archive(pax(Buffer.from("13 path=good\nxx garbage")), file("f", "x")),
      ["good: malformed pax header, a record does not begin with its length"],
      ["good"],
    ],
    [
      "a pax length that is wrong",
      archive(pax(Buffer.from("99 path=good\n")), file("f", "x")),
      ["f: malformed pax header, a record's length is wrong"],
      ["f"],
    ],
    [
      "a pax record without an equals sign",
      archive(pax(Buffer.from("8 path \n")), file("f", "x")),
      ["f: malformed pax header, a record has no equals sign"],
      ["f"],
    ],
    [
      "a malformed global pax header",
      archive(pax(Buffer.from("x"), "g"), file("f", "x")),
      ["malformed global pax header, offset 0 of 3072 bytes"],
      ["f"],
    ],
    [
      "blocks that belong to nothing",
      archive(hello, Buffer.alloc(1024, "garbage"), file("f", "x")),
      ["no header where one belongs, going on with the next one, offset 1024 of 4096 bytes"],
      ["etc/a", "f"],
    ],
    [
      "a header's checksum",
      archive(
        file("e", "x"),
        Buffer.concat([Buffer.from("?"), file("f", "y").subarray(1)]),
        file("g", "z"),
      ),
      ["no header where one belongs, going on with the next one, offset 1024 of 4096 bytes"],
      ["e", "g"],
    ],
    [
      "data that is cut off",
      Buffer.concat([hello, file("f", "x".repeat(2000)).subarray(0, 900)]),
      ["f skipped: the archive ends inside it, after 1924 bytes"],
      ["etc/a"],
    ],
    [
      "a header that is cut off",
      Buffer.concat([hello, hello.subarray(0, 300)]),
      ["the archive ends inside a header, offset 1024 of 1324 bytes"],
      ["etc/a"],
    ],
    ["padding that is cut off", file("f", "x").subarray(0, 513), [], ["f"]],
    [
      "what follows the end",
      Buffer.concat([archive(hello), Buffer.alloc(5000, "garbage")]),
      [],
      ["etc/a"],
    ],
    [
      "a lone block of zeroes",
      archive(hello, Buffer.alloc(512), file("f", "x")),
      [
        "a lone block of zeroes ends the archive before the entry behind it, offset 1024 of 3584 bytes",
      ],
      ["etc/a"],
    ],
    [
      "what is no archive",
      Buffer.alloc(2048, "garbage"),
      ["this is not a tar archive, offset 0 of 2048 bytes"],
      [],
    ],
    [
      "a compressed archive",
      Buffer.concat([Buffer.from([0x1f, 0x8b, 8]), Buffer.alloc(2000, 1)]),
      ["compressed by gzip, unpack it first, offset 0 of 2003 bytes"],
      [],
    ],
    ["nothing", Buffer.alloc(0), ["it is empty, offset 0 of 0 bytes"], []],
  ];
  it.each(damaged)("%s is named, what is whole is used", async (_name, tar, lines, files) => {
    const unpacked = await unpack(tar);
    expect(unpacked.lines).toEqual(lines);
    const found = [...unpacked.tree()].filter(([, { kind }]) => kind === "file");
    expect(found.map(([path]) => path).sort()).toEqual(files);
  });
});

/** A repeatable source of numbers below `n`. */
function generator(seed: number): (n: number) => number {
  let state = seed * 2654435761 + 1;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

interface Random {
  tar: Buffer;
  named: Named;
}

/** An archive of a few names that come back as other things, in any format. */
function randomArchive(seed: number): Random {
  const below = generator(seed);
  const pick = <T>(of: readonly T[]): T => of[below(of.length)] as T;
  const named: Named = new Map();
  const entries: Buffer[] = [];
  const paths = ["a"];
  const name = () => {
    const parts = Array.from({ length: 1 + below(3) }, () => pick(["a", "b", "c", "d", "e\xe9"]));
    if (below(12) === 0) parts.push(pick(["x", "y"]).repeat(90 + below(150)));
    return parts.join("/");
  };
  const decorate = (path: string) =>
    pick(["", "", "", "./", "/", ".//"]) + path.replace("/", pick(["/", "/", "//", "/./"]));
  const count = 3 + below(14);
  for (let i = 0; i < count; i++) {
    const path = name();
    const bytes = Buffer.from(decorate(path), "latin1");
    const before: Buffer[] = [];
    const format = pick(["v7", "ustar", "gnu"] as const);
    const of: Partial<Header> & { format: typeof format } = { format };
    if (format !== "v7") of.time = pick([0, 1, 1000, -1, -100000, 2 ** 33]);
    of.mode = 0o600 | below(0o1000);
    if (bytes.length > 100) {
      const text = bytes.toString("latin1");
      before.push(
        below(2)
          ? pax([["path", bytes]])
          : file("././@LongLink", Buffer.concat([bytes, Buffer.alloc(1)]), {
              type: "L",
              format: "gnu",
            }),
      );
      expect(text.length).toBeGreaterThan(100);
    }
    if (below(6) === 0)
      before.push(
        pax([
          ["mtime", pick(["5.5", "-7.25", "1234567890.000000001"])],
          ["uname", "who"],
        ]),
      );
    if (below(25) === 0) before.push(Buffer.alloc(512, "?"));
    const kind = below(20);
    const short = bytes.subarray(0, 100);
    let entry: Buffer;
    if (kind < 8) {
      entry = file(short, Buffer.alloc(below(1500), i + 65), {
        ...of,
        type: format === "v7" ? "\0" : pick(["0", "7"]),
      });
    } else if (kind < 12) {
      entry = header({ ...of, name: short, type: "5", mode: 0o700 | below(0o1000) });
      named.set(path, (named.get(path) ?? 0) + 1);
    } else if (kind < 15) {
      entry = header({
        ...of,
        name: short,
        type: "2",
        link: pick(["a", "b", "c/d", "nowhere", "a/b/c"]),
      });
    } else if (kind < 19) {
      entry = header({
        ...of,
        name: short,
        type: "1",
        link: decorate(below(8) ? pick(paths) : name()),
      });
    } else {
      entry = file(
        Buffer.from(`${path}/../${pick(["a", "q"])}`, "latin1").subarray(0, 100),
        "climbs",
        of,
      );
    }
    entries.push(...before, entry);
    paths.push(path);
  }
  return { tar: archive(...entries), named };
}
type Header = Parameters<typeof header>[0];

describe.skipIf(!gnuTar)("as GNU tar", () => {
  it("unpacks random archives", async () => {
    let compared = 0;
    for (let seed = 1; compared < 100; seed++) {
      const { tar, named } = randomArchive(seed);
      const unpacked = await unpack(tar);
      // For such a link GNU tar makes the directories first, which can be in a later entry's way.
      if (unpacked.lines.some((line) => line.includes("hard link to"))) continue;
      const ours = listing(withoutLeftovers(unpacked.tree(), named), named);
      const theirs = listing(withoutLeftovers(await extracted(tar), named), named);
      expect(ours, `seed ${seed}: ${unpacked.lines.join("; ")}`).toEqual(theirs);
      compared++;
    }
  });

  it("reads what it writes in each of its formats", async () => {
    const cases = ["v7", "oldgnu", "gnu", "ustar", "pax"].map((format) => [`--format=${format}`]);
    cases.push(["--format=gnu", "--sparse"], ["--format=gnu", "--label=volume"]);
    for (const version of ["0.0", "0.1", "1.0"])
      cases.push(["--format=pax", "--sparse", `--sparse-version=${version}`]);
    await inFolder(async (folder) => {
      const source = join(folder, "in");
      makeTree(source);
      for (const options of cases) {
        const output = join(folder, "out.tar");
        spawnSync(gnuTar ?? "tar", [...options, "-C", source, "-cf", output, "."]);
        const unpacked = await unpack(readFileSync(output));
        const whole = options[0] === "--format=pax" || options[0] === "--format=gnu";
        const shortNames = (tree: Tree) =>
          new Map([...tree].filter(([path]) => whole || !path.includes("long")));
        const coarse = (tree: Tree) =>
          new Map(
            [...tree].map(([path, seen]) => [
              path,
              options[0] === "--format=pax"
                ? seen
                : { ...seen, time: (seen.time / 1_000_000_000n) * 1_000_000_000n },
            ]),
          );
        expect(listing(shortNames(unpacked.tree())), options.join(" ")).toEqual(
          listing(shortNames(coarse(hostTree(source)))),
        );
      }
    });
  });
});

/** Files of every kind on the host. */
function makeTree(root: string): void {
  const deep = join(root, "long-directory-name/".repeat(8));
  mkdirSync(deep, { recursive: true });
  mkdirSync(join(root, "d"), { mode: 0o750 });
  writeFileSync(join(deep, "f"), "content");
  writeFileSync(join(root, "d/f"), "x".repeat(3000), { mode: 0o640 });
  writeFileSync(join(root, "empty"), "");
  linkSync(join(root, "d/f"), join(root, "hard"));
  symlinkSync("d/../d/f", join(root, "link"));
  symlinkSync("long-target/".repeat(30), join(root, "link-with-long-target"));
  writeFileSync(join(root, "sparse"), "start");
  truncateSync(join(root, "sparse"), 1 << 20);
  writeFileSync(join(root, "sparse"), "end", { flag: "a" });
  utimesSync(join(root, "d/f"), 1234567890.125, 1234567890.125);
}

describe("hostile archives", () => {
  it("never trap, never hang, never make it look outside the module", async () => {
    const below = generator(4711);
    const bait = Buffer.concat([file("outside", "x"), file("outside2", "y")]);
    for (let round = 0; round < 120; round++) {
      const tar = Buffer.from(randomArchive(1000 + round).tar);
      for (let change = 1 + below(4); change > 0; change--) {
        const at = below(tar.length);
        const block = at & ~511;
        const field = below(2)
          ? at
          : block +
            ([0, 100, 124, 135, 136, 156, 157, 257, 345, 386, 482, 483][below(12)] as number);
        tar[field] = [0, 32, 45, 48, 55, 57, 128, 255, 83, 120, 76, below(256)][
          below(12)
        ] as number;
        if (below(4) && tar.subarray(block, block + 512).some((byte) => byte !== 0))
          setChecksum(tar.subarray(block, block + 512));
      }
      const cut = below(3) ? tar : tar.subarray(0, below(tar.length));
      const one = await unpack(cut, Buffer.alloc(1024, 0xff));
      const two = await unpack(cut, bait);
      expect(two.lines, `round ${round}`).toEqual(one.lines);
      expect(listing(two.tree()), `round ${round}`).toEqual(listing(one.tree()));
    }
  });
});

it("reads what tar-stream writes", async () => {
  const name = `${"directory/".repeat(12)}file`;
  const tar = await tarOf([
    { name: "etc", type: "directory", mode: 0o700 },
    { name: "etc/motd", data: "welcome\n" },
    { name: "etc/link", type: "symlink", linkname: "motd" },
    { name: "etc/hard", type: "link", linkname: "etc/motd" },
    { name, data: "deep" },
    { name: "n".repeat(200), data: "long name" },
  ]);
  const unpacked = await unpack(tar);
  expect(unpacked.lines).toEqual([]);
  expect(unpacked.contents("/etc/hard").toString()).toBe("welcome\n");
  expect(unpacked.look("/etc/motd")?.links).toBe(2);
  expect(unpacked.contents("/etc/../etc/./link").toString()).toBe("welcome\n");
  expect(unpacked.contents(`/${name}`).toString()).toBe("deep");
  expect(unpacked.contents(`/${"n".repeat(200)}`).toString()).toBe("long name");
});

/** Other writers where the host has them: a command that packs the current directory to standard output. */
const writers = [
  ["busybox tar", ["busybox", "tar", "-cf", "-", "."]],
  ["bsdtar", ["bsdtar", "-cf", "-", "."]],
  ["bsdtar's ustar", ["bsdtar", "--format", "ustar", "-cf", "-", "."]],
  [
    "Python's tarfile",
    [
      "python3",
      "-c",
      "import sys,tarfile; tarfile.open(fileobj=sys.stdout.buffer, mode='w|').add('.')",
    ],
  ],
  ["star", ["star", "-c", "f=-", "."]],
] as const;
describe.each(writers)("as the host has it: %s", (name, [command, ...args]) => {
  const present = spawnSync(command, ["--version"]).error === undefined;
  it.skipIf(!present)("is read", async () => {
    await inFolder(async (folder) => {
      makeTree(folder);
      const tar = execFileSync(command, args, {
        cwd: folder,
        maxBuffer: 1 << 26,
        stdio: ["ignore", "pipe", "ignore"],
      });
      const unpacked = await unpack(tar);
      const seconds = (tree: Tree) =>
        new Map(
          [...tree]
            .filter(([path]) => !name.includes("ustar") || !path.includes("long"))
            .map(([path, seen]) => [path, { ...seen, time: seen.time / 1_000_000_000n }]),
        );
      expect(listing(seconds(unpacked.tree()))).toEqual(listing(seconds(hostTree(folder))));
    });
  });
});
