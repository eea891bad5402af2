// Boot images: reproducible, complete or not there, and one line about every input that makes none. How other
// programs read them is readers.test.ts.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { readFileTable } from "./file-table.ts";
import {
  standInLinux,
  standInLoader,
  standInMultiboot,
  standInMultiboot2,
} from "./fuzz/stand-in.ts";
import { type BootImageOptions, type ImageFile, writeBootImage } from "./image.ts";
import { readParameters } from "./parameters.ts";

let directory: string;
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "image-test-")));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const at = (name: string): string => join(directory, name);
const kernel: ImageFile = { path: "k", source: standInMultiboot() };
const CONFIGURATION = "title T\nkernel k\n";

function options(rest: Partial<BootImageOptions> = {}): BootImageOptions {
  return {
    output: at("out.img"),
    files: [kernel],
    configuration: CONFIGURATION,
    loader: standInLoader(),
    ...rest,
  };
}
const image = (): Buffer => readFileSync(at("out.img"));

/** The message of a refusal; nothing of an image may be left. */
async function refusal(rest: Partial<BootImageOptions>): Promise<string> {
  const before = readdirSync(directory, { recursive: true }).length;
  const error = await writeBootImage(options(rest)).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: "BootImageError" });
  expect(readdirSync(directory, { recursive: true }).length).toBe(before);
  const { message } = error as Error;
  expect(message).not.toContain("\n");
  return message.replaceAll(directory, "DIR");
}

describe("an image", () => {
  test("is the same for the same input, whenever and from wherever it is made", async () => {
    await writeBootImage(options());
    const first = image();
    mkdirSync(at("elsewhere"));
    writeFileSync(at("elsewhere/kernel"), kernel.source);
    const files = [{ path: "k", source: at("elsewhere/kernel") }];
    const loader = standInLoader();
    await writeBootImage(options({ files, loader }));
    const { size } = await writeBootImage(options({ files, loader }));
    expect(image().equals(first)).toBe(true);
    expect(size).toBe(first.length);
  });

  test("has another id for other contents, names, loaders", async () => {
    const other = standInMultiboot();
    other[4000] = 99;
    const loader = standInLoader();
    loader.efi[100] = 1;
    const ids = new Set<string>();
    for (const rest of [
      {},
      { files: [{ path: "k", source: other }] },
      { files: [kernel, { path: "l", source: new Uint8Array() }] },
      { files: [kernel, { path: "m", source: new Uint8Array() }] },
      { configuration: "title U\nkernel k\n" },
      { loader },
      { volume: "OTHER" },
    ]) {
      const { imageId } = await writeBootImage(options(rest));
      ids.add(Buffer.from(imageId).toString("hex"));
    }
    expect(ids.size).toBe(7);
  });

  test("holds once what is named twice", async () => {
    const big = new Uint8Array(3_000_000).fill(1);
    writeFileSync(at("big"), big);
    const files = ["a", "b", "c"].map((path) => ({ path, source: at("big") }));
    const { size } = await writeBootImage(options({ files: [kernel, ...files] }));
    expect(size).toBeLessThan(8_000_000);
    const bytes = image();
    const { tableBlock, tableBytes } = readParameters(bytes.subarray(21 * 2048, 40 * 2048));
    const table = readFileTable(bytes.subarray(tableBlock * 2048).subarray(0, tableBytes));
    const entries = table.filter(({ path }) => /^[abc]$/.test(path));
    expect(new Set(entries.map(({ block, crc, size }) => `${block} ${crc} ${size}`)).size).toBe(1);
    expect(entries).toHaveLength(3);
  });

  test("replaces an older one, through a link too", async () => {
    writeFileSync(at("old.img"), "old");
    chmodSync(at("old.img"), 0o640);
    symlinkSync("old.img", at("out.img"));
    await writeBootImage(options());
    expect(image().length).toBeGreaterThan(1000);
    expect(readdirSync(directory).sort()).toEqual(["old.img", "out.img"]);
    expect(statSync(at("old.img")).size).toBe(image().length);
  });

  test("is not there when it was ended", async () => {
    const ended = new AbortController();
    const files = [kernel, { path: "big", source: new Uint8Array(20_000_000) }];
    const made = writeBootImage(options({ files, signal: ended.signal }));
    setImmediate(() => ended.abort(new Error("enough")));
    await expect(made).rejects.toThrow("enough");
    expect(readdirSync(directory)).toEqual([]);
  });

  test("starts kernels of every kind, by the protocol that is asked for", async () => {
    const files = [
      { path: "1", source: standInMultiboot() },
      { path: "2", source: standInMultiboot2() },
      { path: "3", source: standInLinux() },
    ];
    const configuration = [1, 2, 3].map((name) => `title T\nkernel ${name}\n`).join("");
    await writeBootImage(options({ files, configuration }));
    expect(await refusal({ files, configuration: "title T\nkernel 2\nprotocol linux" })).toBe(
      'entry "T": 2 is started by multiboot2, not by linux',
    );
  });
});

describe("refused in one line", () => {
  test("inputs that are no files or not there", async () => {
    mkdirSync(at("folder"));
    symlinkSync("loop", at("loop"));
    const file = (source: string) => ({ files: [kernel, { path: "x", source }] });
    expect(await refusal(file(at("absent")))).toBe(
      "DIR/absent: cannot be read: no such file or folder",
    );
    expect(await refusal(file(at("folder")))).toBe("DIR/folder: is a folder, not a file");
    expect(await refusal(file(at("loop")))).toBe(
      "DIR/loop: cannot be read: symbolic links lead in a circle",
    );
    expect(await refusal(file("/dev/null"))).toBe("/dev/null: is no ordinary file");
    expect(await refusal(file(at("x".repeat(300))))).toMatch(
      /: the name is too long for the file system$/,
    );
    expect(await refusal(file("a\0b"))).toBe('"a\\u0000b": a path has no NUL character');
  });

  test.skipIf(process.getuid?.() === 0)("a file that may not be read", async () => {
    writeFileSync(at("secret"), "", { mode: 0 });
    expect(await refusal({ files: [kernel, { path: "x", source: at("secret") }] })).toBe(
      "DIR/secret: cannot be read: permission denied",
    );
  });

  test("paths that no volume has", async () => {
    const path = (path: string) => ({ files: [kernel, { path, source: new Uint8Array() }] });
    expect(await refusal(path("k"))).toBe("k: two files of the image have this path");
    expect(await refusal(path("k/x"))).toMatch(/^k\/x: .* both a file and a folder/);
    expect(await refusal(path("a/../b"))).toBe("a/../b: .. is no name for a file in an image");
    expect(await refusal(path("/a"))).toBe("/a: a name in the path is empty");
    expect(await refusal(path(""))).toBe('"": the path is empty');
    expect(await refusal(path("a\0"))).toBe('"a\\u0000": a name has a NUL character');
    expect(await refusal(path("\ud800"))).toBe("\ud800: a name is no Unicode text");
    expect(await refusal(path(`a/${"ü".repeat(128)}`))).toMatch(
      /: a name has 256 bytes, more than 255$/,
    );
    for (const own of ["boot.conf", "files.tab", "bios.bin", "efi.img", "boot.cat"]) {
      expect(await refusal(path(`boot/${own}`))).toBe(
        `boot/${own}: the image has a file of its own there; choose another path`,
      );
    }
  });

  test("outputs that are no place for an image", async () => {
    mkdirSync(at("folder"));
    writeFileSync(at("file"), kernel.source);
    const output = (output: string) =>
      refusal({ output, files: [{ path: "k", source: at("file") }] });
    expect(await output(at("absent/x.img"))).toBe(
      "DIR/absent/x.img: cannot be written: no such file or folder",
    );
    expect(await output(at("file/x.img"))).toBe(
      "DIR/file/x.img: cannot be written: a part of the path is no folder",
    );
    expect(await output(at("folder"))).toBe(
      "DIR/folder: is a folder; the image needs the name of a file",
    );
    expect(await output("/dev/null")).toBe(
      "/dev/null: is no ordinary file; write the image to a file and copy that to the device",
    );
    expect(await output("")).toBe("the image needs a name");
    expect(await output(at("file"))).toBe(
      "DIR/file: the image would overwrite its own input DIR/file",
    );
    symlinkSync("file", at("link"));
    expect(await output(at("link"))).toBe(
      "DIR/link: the image would overwrite its own input DIR/file",
    );
    expect(readFileSync(at("file")).equals(kernel.source as Uint8Array)).toBe(true);
  });

  test("files that are not kernels, by what they are", async () => {
    const source = (text: string | Uint8Array) => ({
      files: [{ path: "k", source: Buffer.from(text) }],
    });
    const rest = "; Multiboot, Multiboot 2 and Linux bzImage kernels can be started";
    const says: [string | Uint8Array, string][] = [
      ["", `is no kernel: the file is empty${rest}`],
      ["hello", `is no kernel: its first 32 KiB have no header of one${rest}`],
      ["\x7fELF", `is no kernel: an ELF file without a Multiboot header${rest}`],
      ["MZ", `is no kernel: a program for Windows or UEFI${rest}`],
      ["#!/bin/sh", `is no kernel: a script${rest}`],
      [
        standInLinux(5000, 0x0205),
        "is a Linux kernel of boot protocol 2.05; 2.06 (Linux 2.6.22) or newer can be started",
      ],
    ];
    for (const [text, what] of says) expect(await refusal(source(text))).toBe(`k: ${what}`);
    const late = Buffer.concat([Buffer.alloc(8192), standInMultiboot()]);
    expect(await refusal(source(late))).toMatch(/^k: is no kernel/);
  });

  test("what boot.conf names and the image has not, or no kernel takes", async () => {
    expect(await refusal({ configuration: "title T\nkernel boot/x" })).toBe(
      'entry "T": boot/x is not in the image',
    );
    expect(await refusal({ configuration: `${CONFIGURATION}module boot/x` })).toBe(
      'entry "T": boot/x is not in the image',
    );
    expect(await refusal({ configuration: "kernel k" })).toBe(
      "boot/boot.conf:1: kernel before the first title",
    );
    const files = [{ path: "k", source: standInLinux(5000, 0x20f, 10) }];
    expect(await refusal({ files, configuration: "title T\nkernel k 12345678901" })).toBe(
      'entry "T": the command line has 11 bytes, k takes 10',
    );
    await writeBootImage(options({ files, configuration: "title T\nkernel k 1234567890" }));
  });

  test("modules of more than an address space", async () => {
    writeFileSync(at("huge"), "");
    truncateSync(at("huge"), 2 ** 32 - 5000);
    const files = [kernel, { path: "m", source: at("huge") }];
    expect(await refusal({ files, configuration: `${CONFIGURATION}module m` })).toBe(
      'entry "T": kernel and modules have 4 GiB or more together, which no protocol can tell',
    );
  });

  test("loaders without a place for parameters, names of volumes", async () => {
    const loader = { ...standInLoader(), efi: new Uint8Array(5000) };
    expect(await refusal({ loader })).toBe(
      "bootx64.efi: has no place for boot parameters; build it again",
    );
    expect(await refusal({ volume: "Trihedron" })).toBe(
      'volume name "Trihedron": up to 16 capital letters, digits and underscores are possible',
    );
    expect(existsSync(at("out.img"))).toBe(false);
  });
});
