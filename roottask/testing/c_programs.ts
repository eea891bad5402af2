// The C programs of testing/programs as tests run them: compiled for Linux, started by a start file of the test's own.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { zigBinary } from "../../tools/make/zig.ts";
import { hasTool } from "../../tools/testing/host-tools.ts";
import type { SampleFile } from "./samples.ts";

/** A C compiler that links statically: musl's own, or Zig's. */
function compiler(): string[] | undefined {
  if (hasTool("musl-gcc")) return ["musl-gcc"];
  const zig = zigBinary();
  return zig ? [zig, "cc", "-target", "x86_64-linux-musl"] : undefined;
}

/** Command and first options; undefined where there is none. */
export const cc = compiler();

/** Compiles `name`.c into `directory`, by `command`; the program's path. */
export function compileProgram(
  name: string,
  directory: string,
  command: readonly string[] = cc ?? [],
): string {
  const [program = "", ...args] = command;
  const output = join(directory, name);
  const source = fileURLToPath(new URL(`programs/${name}.c`, import.meta.url));
  const caches = { ZIG_LOCAL_CACHE_DIR: directory, ZIG_GLOBAL_CACHE_DIR: directory };
  execFileSync(
    program,
    [...args, "-O1", "-static", "-w", "-o", output, source, "-lm", "-lpthread"],
    { env: { ...process.env, ...caches } },
  );
  return output;
}

/** A program as a file of the archive. */
export function program(name: string, file: string): SampleFile {
  return { name: `bin/${name}`, mode: 0o755, data: readFileSync(file) };
}

export function startFile(...lines: string[]): SampleFile {
  return { name: "userland.conf", data: `${lines.join("\n")}\n` };
}

/** What the programs printed: the log without the roottask's lines, the last of which may lack its end on QEMU. */
export function output(log: string): string {
  return log.replace(/^\[roottask\].*(\n|$)/gm, "");
}
