// The jobs of the worker processes. Each reads files, writes files and returns JSON; what takes long to load
// (asc, the assembler, the wasm compiler) is loaded when the first job needs it.

import { readFile, writeFile } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import type { GuestOptions } from "../asc/guest.ts";
import type { LoaderFiles } from "../bootimage/loader-files.ts";

export interface AscOptions {
  guest: GuestOptions;
  /** Does not ask the cache. */
  fresh: boolean;
  wasm: string;
  /** Where the source map goes, if it is wanted. */
  sourceMap?: string;
}

/** Compiles a guest program; returns what was looked for, with hashes. */
export async function asc(options: AscOptions): Promise<Readonly<Record<string, string>>> {
  const { guestModule } = await import("../asc/guest.ts");
  const { wasm, sourceMap, reads } = await guestModule(options.guest, options.fresh);
  await writeFile(options.wasm, wasm);
  if (options.sourceMap !== undefined) await writeFile(options.sourceMap, sourceMap);
  return reads;
}

export interface LinkOptions {
  /**
   * Absolute path of the TypeScript module and the function of it that makes the executable: `(wasm, sourceMap, ...args)`,
   * with `parts` as the first of `args` where there are some, to its bytes, or to an object of bytes where there are files beside it: `image` is the executable.
   */
  module: string;
  builder: string;
  args?: unknown[];
  /** Wasm file and source map of guest programs that become a part of it, by name. */
  parts?: Readonly<Record<string, readonly [string, string]>>;
  wasm: string;
  sourceMap: string;
  output: string;
  /** Where files beside the executable go, by their names in the builder's object. */
  beside: Readonly<Record<string, string>>;
}

/** Turns a compiled guest program into an executable through a room's builder. */
export async function link(options: LinkOptions): Promise<void> {
  const room = (await import(pathToFileURL(options.module).href)) as Record<string, unknown>;
  const builder = room[options.builder];
  if (typeof builder !== "function") {
    throw new Error(`${options.module} exports no function ${options.builder}`);
  }
  const wasm = new Uint8Array(await readFile(options.wasm));
  const sourceMap = await readFile(options.sourceMap, "utf8");
  const parts: Record<string, { wasm: Uint8Array; sourceMap: string }> = {};
  for (const [name, [file, map]] of Object.entries(options.parts ?? {})) {
    parts[name] = {
      wasm: new Uint8Array(await readFile(file)),
      sourceMap: await readFile(map, "utf8"),
    };
  }
  const first = Object.keys(parts).length === 0 ? [] : [parts];
  const made = (await builder(wasm, sourceMap, ...first, ...(options.args ?? []))) as
    | Uint8Array
    | Readonly<Record<string, Uint8Array>>;
  const files = made instanceof Uint8Array ? { image: made } : made;
  const write = async (name: string, path: string, mode?: number): Promise<void> => {
    const bytes = (files as Readonly<Record<string, Uint8Array>>)[name];
    if (bytes === undefined) throw new Error(`${options.builder} makes no file called ${name}`);
    await writeFile(path, bytes, { mode });
  };
  await write("image", options.output, 0o755);
  for (const [name, path] of Object.entries(options.beside)) await write(name, path);
}

export interface TarOptions {
  entries: { name: string; path: string; executable: boolean }[];
  output: string;
}

/** Packs files into a reproducible archive. */
export async function tar(options: TarOptions): Promise<void> {
  const { makeTar } = await import("./tar.ts");
  const entries = await Promise.all(
    options.entries.map(async ({ name, path, executable }) => ({
      name,
      data: new Uint8Array(await readFile(path)),
      executable,
    })),
  );
  await writeFile(options.output, await makeTar(entries));
}

export interface BootImageOptions {
  /** boot.conf on the host. */
  configuration: string;
  /** Paths in the image and on the host. */
  files: { path: string; source: string }[];
  /** The loader's files. */
  loader: { mbr: string; bios: string; efi: string };
  output: string;
}

/** Writes a boot image. */
export async function bootImage(options: BootImageOptions): Promise<void> {
  const { writeBootImage } = await import("../bootimage/image.ts");
  const { loader, files, output } = options;
  const [mbr, bios, efi] = await Promise.all([loader.mbr, loader.bios, loader.efi].map(read));
  await writeBootImage({
    output,
    files,
    configuration: new TextDecoder().decode(await read(options.configuration)),
    loader: { mbr, bios, efi } as LoaderFiles,
  });
}

async function read(path: string): Promise<Uint8Array> {
  return new Uint8Array(await readFile(path));
}
