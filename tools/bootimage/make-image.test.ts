// Images of kernels with modules and of folders, and what is refused of a folder.

import { spawnSync } from "node:child_process";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hasTool, isLinux } from "../testing/host-tools.ts";
import { readFileTable } from "./file-table.ts";
import { standInLoader, standInMultiboot, standInMultiboot2 } from "./fuzz/stand-in.ts";
import { type BootSystem, makeBootImage, makeBootImageOfFolder } from "./make-image.ts";
import { readParameters } from "./parameters.ts";

let directory: string;
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), "make-image-test-")));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const at = (name: string): string => join(directory, name);
const loader = standInLoader();

function write(path: string, contents: string | Uint8Array = path): string {
  mkdirSync(dirname(at(path)), { recursive: true });
  writeFileSync(at(path), contents);
  return at(path);
}

/** Files of an image by path, as the loader finds them. */
function filesOf(image: string): Record<string, string> {
  const bytes = readFileSync(image);
  const { tableBlock, tableBytes } = readParameters(bytes.subarray(21 * 2048, 36 * 2048));
  const table = readFileTable(bytes.subarray(tableBlock * 2048, tableBlock * 2048 + tableBytes));
  const text = ({ block, size }: { block: number; size: number }): string =>
    bytes.subarray(block * 2048, block * 2048 + size).toString("latin1");
  return Object.fromEntries(table.map((entry) => [entry.path, text(entry)]));
}

async function message(made: Promise<unknown>): Promise<string> {
  const error = await made.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toMatchObject({ name: "BootImageError" });
  expect((error as Error).message).not.toContain("\n");
  return (error as Error).message.replaceAll(directory, "DIR");
}

describe("kernels with modules", () => {
  const make = (...systems: BootSystem[]) =>
    makeBootImage({ output: at("out.img"), systems, loader });

  test("get paths of their names, and a boot.conf", async () => {
    const kernel = write("a/kernel", standInMultiboot());
    const other = write("b/kernel", standInMultiboot2());
    const module = write("my module", "module");
    await makeBootImage({
      output: at("out.img"),
      loader,
      timeout: 3,
      defaultSystem: 2,
      systems: [
        {
          kernel: { file: kernel, commandLine: " a  b " },
          modules: [{ file: module, commandLine: "x y" }, { file: module }],
        },
        {
          title: "Second",
          kernel: { file: other },
          modules: [{ file: { name: "boot.conf", contents: Buffer.from("no configuration") } }],
          protocol: "multiboot2",
          video: { width: 800, height: 600, depth: 0 },
        },
      ],
    });
    const { "boot/boot.conf": configuration, ...files } = filesOf(at("out.img"));
    expect(configuration).toBe(
      [
        "timeout 3",
        "default 2",
        "title kernel",
        "kernel boot/kernel a  b",
        'module "boot/my module" x y',
        'module "boot/my module"',
        "title Second",
        "kernel boot/2-kernel",
        "module boot/2-boot.conf",
        "protocol multiboot2",
        "video 800x600",
        "",
      ].join("\n"),
    );
    expect(Object.keys(files).sort()).toEqual([
      "boot/2-boot.conf",
      "boot/2-kernel",
      "boot/kernel",
      "boot/my module",
    ]);
    expect(files["boot/my module"]).toBe("module");
    expect(files["boot/2-boot.conf"]).toBe("no configuration");
  });

  test("are refused where they are none or there are none", async () => {
    expect(await message(make())).toBe("there is no kernel to make an image of");
    expect(await message(make({ kernel: { file: write("x", "#!/bin/sh") } }))).toMatch(
      /^DIR\/x: is no kernel: a script;/,
    );
    const kernel = { file: write("k", standInMultiboot()), commandLine: "a\nb" };
    expect(await message(make({ kernel }))).toBe('command line "a\\nb": must be one line');
  });
});

describe("a folder", () => {
  const make = () =>
    makeBootImageOfFolder({
      output: at("out.img"),
      folder: at("folder"),
      configuration: at("folder/boot/boot.conf"),
      loader,
    });

  beforeEach(() => {
    write("folder/k", standInMultiboot());
    write("folder/boot/boot.conf", "# kept\ntitle T\nkernel k\n");
  });

  test("comes into the image whole, links as what they lead to", async () => {
    write("folder/a/b/c");
    write("elsewhere/d/e");
    symlinkSync("../elsewhere", at("folder/link"));
    symlinkSync("a/b/c", at("folder/file link"));
    await make();
    const files = filesOf(at("out.img"));
    expect(Object.keys(files).sort()).toEqual(
      ["a/b/c", "boot/boot.conf", "file link", "k", "link/d/e"].sort(),
    );
    expect(files["boot/boot.conf"]).toBe("# kept\ntitle T\nkernel k\n");
    expect(files["link/d/e"]).toBe("elsewhere/d/e");
    expect(files["file link"]).toBe("folder/a/b/c");
  });

  test("is the same image whatever it is called and in whatever order it was filled", async () => {
    for (const name of ["b", "a", "c/d", "c/a"]) write(`folder/${name}`, name);
    await make();
    const first = readFileSync(at("out.img"));
    for (const name of ["c/a", "k", "c/d", "a", "b"]) {
      write(`other/${name}`, name === "k" ? standInMultiboot() : name);
    }
    const configuration = write("x.conf", "# kept\ntitle T\nkernel k\n");
    await makeBootImageOfFolder({
      output: at("2.img"),
      folder: at("other"),
      configuration,
      loader,
    });
    expect(readFileSync(at("2.img")).equals(first)).toBe(true);
  });

  test("with links in a circle is refused, twice the same folder is not", async () => {
    symlinkSync("a", at("folder/again"));
    write("folder/a/x");
    await make();
    symlinkSync("..", at("folder/a/up"));
    expect(await message(make())).toBe("DIR/folder/a/up: a symbolic link leads back to DIR/folder");
  });

  test("with what is no file is refused by its name", async () => {
    symlinkSync("nowhere", at("folder/dangling"));
    expect(await message(make())).toBe(
      "DIR/folder/dangling: cannot be read: no such file or folder",
    );
    rmSync(at("folder/dangling"));
    symlinkSync("/dev/null", at("folder/device"));
    expect(await message(make())).toBe("DIR/folder/device: is neither a file nor a folder");
  });

  test.skipIf(!isLinux)("with a name that is no text is refused", async () => {
    writeFileSync(Buffer.concat([Buffer.from(at("folder/")), Buffer.from([0x61, 0xff])]), "");
    expect(await message(make())).toBe("DIR/folder/aÿ: the name is not UTF-8; give it another one");
  });

  test.skipIf(!isLinux || !hasTool("mkfifo"))(
    "with a pipe is refused and does not wait",
    async () => {
      spawnSync("mkfifo", [at("folder/pipe")]);
      expect(await message(make())).toBe("DIR/folder/pipe: is neither a file nor a folder");
    },
  );

  test("with a boot.conf of its own beside another is refused", async () => {
    const configuration = write("other.conf", "title T\nkernel k\n");
    const made = makeBootImageOfFolder({
      output: at("out.img"),
      folder: at("folder"),
      configuration,
      loader,
    });
    expect(await message(made)).toBe(
      "DIR/folder/boot/boot.conf: DIR/other.conf would take its place; remove one of them",
    );
  });

  test("says the name and line of what is wrong in boot.conf", async () => {
    write("folder/boot/boot.conf", "title T\n\nkernle k\n");
    expect(await message(make())).toBe(
      'DIR/folder/boot/boot.conf:3: "kernle" is no keyword; did you mean kernel?',
    );
    write("folder/boot/boot.conf", Buffer.from([0xff]));
    expect(await message(make())).toBe("DIR/folder/boot/boot.conf: is no text in UTF-8");
    expect(readdirSync(directory)).toEqual(["folder"]);
  });

  test("that is none, and an image inside of itself", async () => {
    const made = makeBootImageOfFolder({
      output: at("folder/out.img"),
      folder: at("folder/k"),
      configuration: at("folder/boot/boot.conf"),
      loader,
    });
    expect(await message(made)).toBe(
      "DIR/folder/k: cannot be read: a part of the path is no folder",
    );
    const inside = () =>
      makeBootImageOfFolder({
        output: at("folder/out.img"),
        folder: at("folder"),
        configuration: at("folder/boot/boot.conf"),
        loader,
      });
    await inside();
    expect(await message(inside())).toBe(
      "DIR/folder/out.img: the image would overwrite its own input DIR/folder/out.img",
    );
  });
});
