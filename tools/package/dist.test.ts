// The package as it is built into build/dist/: complete, without anything of the repository's own, and at work.

import { spawn, spawnSync } from "node:child_process";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { canRunNative } from "../aot/fuzz/harness.ts";
import { Script } from "../aot/wasi/testing/script.ts";
import { BOOT_CONFIGURATION, bootPath, IMAGES, SHIPPED_ARCHIVE } from "./images.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const directory = mkdtempSync(join(tmpdir(), "dist-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Manifest {
  version: string;
  exports: unknown;
  bin: Record<string, string>;
}
const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;

/** Paths that a value of `exports` ends in. */
function targets(value: unknown): string[] {
  return typeof value === "string" ? [value] : Object.values(value as object).flatMap(targets);
}

function node(...args: string[]): { status: number | null; output: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: directory,
    encoding: "utf8",
  });
  return { status, output: stdout + stderr };
}
const command = (name: string): string => join(root, manifest.bin[name] ?? "");

beforeAll(() => {
  expect(node(join(root, "tools/bin/make"), "--quiet", "dist")).toEqual({ status: 0, output: "" });
});

test("has every file that the manifest names, commands with the execute bit", () => {
  for (const path of targets(manifest.exports))
    expect(existsSync(join(root, path)), path).toBe(true);
  for (const path of Object.values(manifest.bin)) {
    expect(statSync(join(root, path)).mode & 0o111, path).toBe(0o111);
    expect(readFileSync(join(root, path), "utf8")).toMatch(/^#!\/usr\/bin\/env node\n/);
  }
});

test("has no sources, no tests, and nothing that compiles", () => {
  const names = readdirSync(join(root, "build/dist"), { recursive: true }) as string[];
  expect(
    names.filter((name) =>
      /(?<!\.d)\.ts$|\.test\.|test(data|ing)\/|^(asc|make|loader)\//.test(name),
    ),
  ).toEqual([]);
});

test("declarations and modules import by names that are there", () => {
  const names = readdirSync(join(root, "build/dist"), { recursive: true }) as string[];
  for (const name of names.filter((each) => /\.(js|d\.ts)$/.test(each))) {
    const text = readFileSync(join(root, "build/dist", name), "utf8");
    expect(text, name).not.toMatch(/(from|import)\s*\(?\s*"\.[^"]*\.ts"/);
  }
});

test("the emulator's command has the version of the package", () => {
  const output = `emu (trihedron) ${manifest.version}\n`;
  expect(node(command("trihedron-emu"), "-version")).toEqual({ status: 0, output });
});

test("the emulator's command serves a page with all of its files", async () => {
  const disk = join(directory, "halts.img");
  writeFileSync(disk, new Uint8Array(512).fill(0x55, 510, 511).fill(0xaa, 511));
  const args = [command("trihedron-emu"), "-drive", `file=${disk}`, "-display", "web", "-S"];
  const emulator = spawn(process.execPath, args, { cwd: directory, env: { PATH: "" } });
  try {
    let said = "";
    for await (const text of emulator.stderr) {
      said += text;
      if (/http:\S+\s/.test(said)) break;
    }
    const url = /http:\S+/.exec(said)?.[0] ?? "";
    expect(said).toMatch(/http:\/\/127\.0\.0\.1:\d+\/\w+\//);
    const page = await fetch(url);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain('data-machine="process"');
    for (const name of ["page.js", "machine.css", "picture-worker.js", "pictures.wasm"]) {
      expect((await fetch(`${url}${name}`)).status, name).toBe(200);
    }
  } finally {
    emulator.kill("SIGKILL");
  }
});

test("the emulator's command runs a disk", () => {
  const disk = new Uint8Array(512);
  disk.set([0xb0, 0x21, 0xe6, 0xf4]); // MOV AL,21h; OUT F4h,AL
  disk.set([0x55, 0xaa], 510);
  writeFileSync(join(directory, "disk"), disk);
  const args = [
    "-hda",
    "disk",
    "-device",
    "isa-debug-exit,iobase=0xf4,iosize=4",
    "-display",
    "none",
  ];
  expect(node(command("trihedron-emu"), ...args)).toEqual({ status: 0x43, output: "" });
});

test("make puts the system into build/ once, and again what was damaged", () => {
  const make = (...args: string[]) => node(command("trihedron-make"), ...args);
  const written =
    "build/kernel.elf32 written\nbuild/roottask-bin written\nbuild/userland.tar written\n";
  expect(make("-n").output).toContain("would write build/kernel.elf32");
  expect(existsSync(join(directory, "build"))).toBe(false);
  expect(make("check", "all")).toEqual({ status: 0, output: expect.stringContaining(written) });
  expect(make()).toEqual({ status: 0, output: "all: everything is up to date in build/\n" });
  writeFileSync(join(directory, "build/userland.tar"), "damaged");
  expect(make("-s")).toEqual({ status: 0, output: "" });
  expect(readFileSync(join(directory, "build/userland.tar"))).toEqual(
    readFileSync(join(root, SHIPPED_ARCHIVE)),
  );
});

test("make writes the boot image that the repository writes of the same files", () => {
  const { status, output } = node(command("trihedron-make"), "bootimage");
  expect({ status, output }).toEqual({
    status: 0,
    output: expect.stringMatching(/build\/legacy_boot_x86\.img written\n$/),
  });
  mkdirSync(join(directory, "files/boot"), { recursive: true });
  for (const { name } of IMAGES) {
    copyFileSync(join(directory, "build", name), join(directory, "files", bootPath(name)));
  }
  const config = join(root, BOOT_CONFIGURATION);
  const own = [join(root, "tools/bin/mkbootimage"), "--config", config, "files", "-o", "same.img"];
  expect(node(...own)).toEqual({ status: 0, output: "" });
  const image = (path: string): Buffer => readFileSync(join(directory, path));
  expect(image("build/legacy_boot_x86.img").equals(image("same.img"))).toBe(true);
});

test("the boot image's command makes one of any kernel, without a compiler", () => {
  const kernel = join(root, "build/kernel.elf32");
  const make = (...args: string[]) => node(command("trihedron-mkbootimage"), ...args);
  expect(make("--kernel", kernel, "-o", "own.img")).toEqual({ status: 0, output: "" });
  const image = readFileSync(join(directory, "own.img"));
  expect(image.includes(readFileSync(kernel))).toBe(true);
  expect(make("--kernel", "x.wasm", "-o", "no.img").output).toMatch(
    /^mkbootimage: x\.wasm: [^\n]*\n$/,
  );
});

test("make refuses in one line what it does not know, and what needs the sources", () => {
  const make = (name: string) => node(command("trihedron-make"), name);
  expect(make("run_nogi")).toEqual({
    status: 1,
    output:
      "make: no target is called run_nogi; did you mean run_nogui? trihedron-make help lists all\n",
  });
  expect(make("microkernel").output).toMatch(/^make: microkernel needs the sources[^\n]*\n$/);
  expect(make("toString").output).toMatch(/^make: no target is called toString[^\n]*\n$/);
});

test("the compiler's command says what is wrong with its input", () => {
  writeFileSync(join(directory, "x.wasm"), "no module");
  const { status, output } = node(command("trihedron-aot"), "x.wasm", "-o", "x");
  expect(status).toBe(1);
  expect(output).toMatch(/^aot: [^\n]*x\.wasm[^\n]*\n$/);
});

test("the compiler's command makes a Linux program of one for WASI", () => {
  const script = new Script();
  script.write(1, "hello");
  writeFileSync(join(directory, "wasi.wasm"), script.module());
  const { status, output } = node(command("trihedron-aot"), "wasi.wasm", "-o", "wasi");
  expect({ status, output }).toEqual({ status: 0, output: "" });
  if (!canRunNative) return;
  const { stdout } = spawnSync(join(directory, "wasi"), { encoding: "latin1" });
  expect(stdout).toMatch(/^hello\nfd_write=\0\0/);
});
