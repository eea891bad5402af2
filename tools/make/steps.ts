// Ready-made build steps: compile a guest program, turn it into an executable, pack an archive, write a boot
// image. Makefile.ts puts them together with those of foreign.ts.

import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ascArguments, GUEST_COMPILER, type GuestOptions } from "../asc/guest.ts";
import type { Task } from "./task.ts";

const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));

/** A guest program and its name in the build folder: `kernel` gives build/guest/kernel.wasm and .wasm.map. */
export interface Guest extends GuestOptions {
  name: string;
}

function wasmOf(guest: Guest): string {
  return `build/guest/${guest.name}.wasm`;
}

/** asc: TypeScript to wasm and, unless `debug` is off, a source map. The files it looks for become inputs. */
export function ascStep(guest: Guest, wasm = wasmOf(guest)): Task {
  const { name, ...options } = guest;
  const map = options.debug === false ? undefined : `${wasm}.map`;
  return {
    name: `asc ${name}`,
    inputs: [options.entry],
    outputs: [wasm, ...(map === undefined ? [] : [map])],
    tools: [...GUEST_COMPILER],
    options: ascArguments(options),
    run: async (context) => ({
      discovered: await context.job("asc", {
        guest: options,
        fresh: context.force,
        wasm: context.output(wasm),
        ...(map === undefined ? {} : { sourceMap: context.output(map) }),
      }),
    }),
  };
}

export interface Executable {
  guest: Guest;
  /** Where the executable goes, relative to the repository. */
  output: string;
  /** Where files beside the executable go, by their names in what the builder returns: `symbols` for debuggers. */
  beside?: Readonly<Record<string, string>>;
  /** Module with the builder, relative to the repository. */
  module: string;
  builder: string;
  args?: unknown[];
  /** Further guest programs that become a part of it; the builder gets them compiled, by these names. */
  parts?: Readonly<Record<string, Guest>>;
}

/** Compiles a guest program and turns it into an executable with our own compiler and linker. */
export function executableStep(executable: Executable): Task {
  const { guest, output, beside = {}, module, builder, args = [], parts = {} } = executable;
  const wasm = wasmOf(guest);
  const files = (program: Guest): [string, string] => [wasmOf(program), `${wasmOf(program)}.map`];
  return {
    name: `link ${output.replace(/^build\//, "")}`,
    inputs: [guest, ...Object.values(parts)].flatMap(files),
    outputs: [output, ...Object.values(beside)],
    code: [module],
    options: { builder, args, beside, parts: Object.keys(parts) },
    after: [guest, ...Object.values(parts)].map((program) => ascStep(program)),
    run: async (context) => {
      await context.job("link", {
        module: join(REPOSITORY, module),
        builder,
        args,
        parts: Object.fromEntries(
          Object.entries(parts).map(([name, part]) => {
            const [code, map] = files(part);
            return [name, [join(REPOSITORY, code), join(REPOSITORY, map)] as const];
          }),
        ),
        wasm: join(REPOSITORY, wasm),
        sourceMap: join(REPOSITORY, `${wasm}.map`),
        output: context.output(output),
        beside: Object.fromEntries(
          Object.entries(beside).map(([name, path]) => [name, context.output(path)]),
        ),
      });
      return undefined;
    },
  };
}

export interface ArchiveEntry {
  /** Path in the archive. */
  name: string;
  /** File, relative to the repository. */
  path: string;
  executable: boolean;
}

/** Packs files, in the given order, into a reproducible tar archive. */
export function tarStep(output: string, entries: ArchiveEntry[], after: Task[]): Task {
  return {
    name: `tar ${output.replace(/^build\//, "")}`,
    inputs: entries.map((entry) => entry.path),
    outputs: [output],
    code: ["tools/make/tar.ts"],
    options: entries,
    after,
    run: async (context) => {
      await context.job("tar", {
        entries: entries.map((entry) => ({ ...entry, path: join(REPOSITORY, entry.path) })),
        output: context.output(output),
      });
      return undefined;
    },
  };
}

/** What a boot image is made of; paths are relative to the repository. */
export interface BootImageParts {
  /** boot.conf. */
  configuration: string;
  /** Path in the image and file. */
  files: { path: string; source: string }[];
  loader: { mbr: string; bios: string; efi: string };
}

/** Writes an image that BIOS and UEFI start. */
export function bootImageStep(output: string, parts: BootImageParts, after: Task[]): Task {
  const { configuration, files, loader } = parts;
  const inRepository = (path: string): string => join(REPOSITORY, path);
  return {
    name: `image ${output.replace(/^build\//, "")}`,
    inputs: [configuration, ...files.map(({ source }) => source), ...Object.values(loader)],
    outputs: [output],
    code: ["tools/bootimage/image.ts"],
    options: parts,
    after,
    run: async (context) => {
      await context.job("bootImage", {
        configuration: inRepository(configuration),
        files: files.map(({ path, source }) => ({ path, source: inRepository(source) })),
        loader: {
          mbr: inRepository(loader.mbr),
          bios: inRepository(loader.bios),
          efi: inRepository(loader.efi),
        },
        output: context.output(output),
      });
      return undefined;
    },
  };
}
