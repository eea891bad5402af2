// Makes build/dist/, what the npm package consists of: JavaScript modules with declarations, the compiled core, the
// system's images. TypeScript compiles what is reachable from the package's entries; what only the repository
// needs (the compiler of guest code) is replaced by what is shipped in its place, or left behind.

import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, posix } from "node:path";
import { execa } from "execa";
import { rolldown } from "rolldown";
import { LOADER_FILE_NAMES } from "../bootimage/loader-files.ts";
import { hashOf } from "../cache/files.ts";
import { bundlePage } from "../emulator/web/bundle.ts";
import { importsOf } from "../lint/imports.ts";
import { MakeError } from "../make/task.ts";
import { BOOT_CONFIGURATION, IMAGES } from "./images.ts";

/** Modules that programs import or run, or that are threads of these, below build/dist/, without ending. */
const ENTRIES = ["emulator/host/index", "aot/index", "bootimage/index"];
const COMMANDS = [
  "package/bin/aot",
  "package/bin/emu",
  "package/bin/make",
  "package/bin/mkbootimage",
];
const THREADS = ["emulator/host/web-thread"];
const WEB = "package/web";
const CORE = "emulator-core.wasm";
/** For programs in C that use the kernel's interface. */
const HEADER = "hedron.h";

/** A compiled guest program in the place of the module that compiles it. Paths are below build/dist/, without ending. */
interface Shipped {
  /** File in build/. */
  wasm: string;
  /** Module with its bytes in Base64, and their name there. */
  bytes: string;
  constant: string;
  /** What gives them out, and what it replaces. */
  by: string;
  replaces: string;
}

const SHIPPED: readonly Shipped[] = [
  {
    wasm: CORE,
    bytes: "package/core-bytes",
    constant: "CORE_BASE64",
    by: "package/shipped-core",
    replaces: "emulator/host/core",
  },
  {
    wasm: "wasi.wasm",
    bytes: "package/wasi-bytes",
    constant: "WASI_BASE64",
    by: "package/shipped-wasi",
    replaces: "aot/wasi/module",
  },
];

interface Manifest {
  dependencies: Record<string, string>;
}

/** Makes build/dist/ anew from sources and from what is built in build/. Throws `MakeError`. */
export async function makeDist(root: string): Promise<void> {
  const aside = join(root, "build/dist.aside");
  rmSync(aside, { recursive: true, force: true });
  await emit(root, aside);
  copyFileSync(join(root, "build", CORE), join(aside, CORE));
  for (const shipped of SHIPPED) ship(root, aside, shipped);
  shipLoader(root, aside);
  replaceModule(aside, "emulator/host/page-files", "package/shipped-page");
  await bundleWeb(aside);
  rmSync(join(aside, `${WEB}.js`));
  keepReachable(aside, root);
  await shipPage(aside);
  shipImages(root, aside);
  copyFileSync(join(root, "static-foreign-apps/C", HEADER), join(aside, HEADER));
  for (const name of COMMANDS) chmodSync(join(aside, `${name}.js`), 0o755);
  rmSync(join(root, "build/dist"), { recursive: true, force: true });
  renameSync(aside, join(root, "build/dist"));
}

async function emit(root: string, outDir: string): Promise<void> {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const args = [tsc, "-p", join(root, "tsconfig.package.json"), "--outDir", outDir];
  const { exitCode, all } = await execa(process.execPath, args, { all: true, reject: false });
  if (exitCode !== 0) throw new MakeError(`the package's modules: ${all}`);
  for (const name of filesBelow(outDir).filter((path) => path.endsWith(".d.ts"))) {
    const path = join(outDir, name);
    writeFileSync(path, portableDeclaration(name, readFileSync(path, "utf8")));
  }
  writeFileSync(join(outDir, WEB_ASSEMBLY), WEB_ASSEMBLY_TEXT);
}

/** Names of WebAssembly for programs whose `lib` has no DOM; where it has, this adds nothing. */
const WEB_ASSEMBLY = "package/webassembly.d.ts";
const WEB_ASSEMBLY_TEXT = `declare namespace WebAssembly {
  interface Memory {}
  interface Module {}
}
`;

/** Declarations keep the endings of the sources, where some tools look for such files. */
function portableDeclaration(name: string, text: string): string {
  const renamed = text.replace(/((?:from|import)\s*\(?\s*"\.{1,2}\/[^"]+)\.ts"/g, '$1.js"');
  if (!/\bWebAssembly\./.test(text)) return renamed;
  const path = posix.relative(posix.dirname(name), WEB_ASSEMBLY);
  return `/// <reference path="${path}" />\n${renamed}`;
}

/** Puts a compiled guest program where modules of the package look for it. */
function ship(root: string, dist: string, { wasm, bytes, constant, by, replaces }: Shipped): void {
  const text = readFileSync(join(root, "build", wasm)).toString("base64");
  writeFileSync(
    join(dist, `${bytes}.js`),
    `// Base64 of ${wasm}.\nexport const ${constant} =\n  "${text}";\n`,
  );
  replaceModule(dist, replaces, by);
}

/** Puts a module of the package in the place of one that compiles. */
function replaceModule(dist: string, replaces: string, by: string): void {
  const path = posix.relative(posix.dirname(replaces), by);
  const here = `export * from "${path}.js";\n`;
  for (const ending of [".js", ".d.ts"]) writeFileSync(join(dist, `${replaces}${ending}`), here);
}

/** The boot loader's files, in the place of what builds them. */
function shipLoader(root: string, dist: string): void {
  mkdirSync(join(dist, "boot-loader"));
  for (const name of Object.values(LOADER_FILE_NAMES)) {
    copyFileSync(join(root, "build/loader", name), join(dist, "boot-loader", name));
  }
  replaceModule(dist, "bootimage/loader/built", "package/shipped-loader");
}

/** The page of `-display web`. */
async function shipPage(dist: string): Promise<void> {
  mkdirSync(join(dist, "page"));
  for (const [name, bytes] of await bundlePage("process")) {
    writeFileSync(join(dist, "page", name), bytes);
  }
}

/** One module for pages, without a bundler too: packages are inside, the core's bytes are beside it. */
async function bundleWeb(dist: string): Promise<void> {
  const build = await rolldown({
    input: join(dist, `${WEB}.js`),
    platform: "browser",
    onLog: (_level, { code, message }) => {
      // The rest is advice about the order of loading.
      if (code !== "UNRESOLVED_IMPORT") return;
      throw new MakeError(`the package's module for browsers: ${message}`);
    },
  });
  await build.write({
    dir: join(dist, "web"),
    format: "esm",
    entryFileNames: "index.js",
    chunkFileNames: "[name].js",
  });
  await build.close();
}

/** Removes modules and declarations that no entry leads to, and makes sure that what is imported is installed. */
function keepReachable(dist: string, root: string): void {
  const manifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as Manifest;
  const names = filesBelow(dist);
  const modules = new Map(
    names
      .filter((name) => name.endsWith(".js"))
      .map((name) => [name, readFileSync(join(dist, name), "utf8")]),
  );
  // Declarations import each other by the names of the modules that they declare.
  const declarations = new Map(
    names
      .filter((name) => name.endsWith(".d.ts"))
      .map((name) => [name.replace(/\.d\.ts$/, ".js"), readFileSync(join(dist, name), "utf8")]),
  );
  const run = reachable([...ENTRIES, ...COMMANDS, ...THREADS, "web/index"], modules);
  const declared = reachable([...ENTRIES, WEB], declarations);
  const known = new Set(Object.keys(manifest.dependencies));
  for (const name of [...run.packages, ...declared.packages]) {
    const owner = name.startsWith("@") ? name.split("/", 2).join("/") : (name.split("/")[0] ?? "");
    if (name.startsWith("node:") ? declared.packages.has(name) : !known.has(owner)) {
      throw new MakeError(`the package imports ${name}, which it does not depend on`);
    }
  }
  for (const name of names) {
    const isModule = name.endsWith(".js");
    const isDeclaration = name.endsWith(".d.ts");
    if (name === WEB_ASSEMBLY) continue;
    const isNeeded = isDeclaration
      ? declared.files.has(name.replace(/\.d\.ts$/, ".js"))
      : !isModule || run.files.has(name);
    if (!isNeeded) rmSync(join(dist, name));
  }
}

function reachable(
  entries: string[],
  sources: ReadonlyMap<string, string>,
): { files: Set<string>; packages: Set<string> } {
  const files = new Set<string>();
  const packages = new Set<string>();
  const open = entries.map((name) => `${name}.js`);
  const missing = open.find((path) => !sources.has(path));
  if (missing !== undefined) throw new MakeError(`the package has no module ${missing}`);
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    if (files.has(path)) continue;
    files.add(path);
    for (const { to } of importsOf(path, sources)) {
      if (sources.has(to)) open.push(to);
      else packages.add(to);
    }
  }
  return { files, packages };
}

function shipImages(root: string, dist: string): void {
  const hashes: Record<string, string> = {};
  mkdirSync(join(dist, "images"));
  for (const { name, shipped } of IMAGES) {
    const path = join(root, shipped ?? `build/${name}`);
    copyFileSync(path, join(dist, "images", name));
    hashes[name] = hashOf(readFileSync(path));
  }
  copyFileSync(join(root, BOOT_CONFIGURATION), join(dist, "images/boot.conf"));
  writeFileSync(join(dist, "images/hashes.json"), `${JSON.stringify(hashes, null, 2)}\n`);
}

/** Files below a folder, `/` between names. */
function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1));
}

/** Packs build/dist/ as `npm pack` does; returns the archive's path relative to the repository. */
export async function packPackage(root: string): Promise<string> {
  const args = ["pack", "--ignore-scripts", "--json", "--pack-destination", "build"];
  const { stdout } = await execa("npm", args, { cwd: root });
  const [packed] = JSON.parse(stdout) as [{ filename: string }];
  return `build/${packed.filename}`;
}
