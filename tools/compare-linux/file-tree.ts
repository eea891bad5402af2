// The file tree that programs find, the same on both sides: busybox with a link for each applet, the files of tree/, and
// those of the programs.

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { names } from "../../roottask/programs.ts";
import { tarOf } from "../../roottask/testing/samples.ts";
import { readElf, SegmentType } from "../elf/index.ts";
import type { Program, TreeFile } from "./program.ts";

const EXTRA = fileURLToPath(new URL("tree/", import.meta.url));

/** Path of an executable without an interpreter, if it is there. */
function staticProgram(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  const kinds = readElf(readFileSync(path), path).segments.map((segment) => segment.type);
  return kinds.includes(SegmentType.Interp) ? undefined : path;
}

/** Debian's packages busybox-static and bash-static bring them. */
export const busybox = staticProgram("/bin/busybox");
export const bash = staticProgram("/bin/bash-static");

/** All files below `folder`, by their paths from there. */
export function filesBelow(folder: string): TreeFile[] {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" }).sort();
  return names.flatMap((name) => {
    const path = join(folder, name);
    const status = statSync(path);
    if (!status.isFile()) return [];
    const mode = status.mode & 0o100 ? 0o755 : 0o644;
    return [{ name: relative(folder, path), mode, data: readFileSync(path) }];
  });
}

function shells(): TreeFile[] {
  if (busybox === undefined) throw new Error("no static busybox: Debian has it in busybox-static");
  const { stdout } = spawnSync(busybox, ["--list"], { encoding: "utf8" });
  const applets = stdout.split("\n").filter((name) => name !== "" && name !== "busybox");
  const links = applets.map(
    (name): TreeFile => ({ name: `bin/${name}`, type: "symlink", linkname: "busybox" }),
  );
  const files: TreeFile[] = [
    { name: "bin/busybox", mode: 0o755, data: readFileSync(busybox) },
    ...links,
  ];
  if (bash) files.push({ name: "bin/bash", mode: 0o755, data: readFileSync(bash) });
  return files;
}

/** Names of hosts and services, as the system's own archives have them. */
function nameFiles(): TreeFile[] {
  return names.map(({ path, file }) => ({
    name: path,
    mode: 0o644,
    data: readFileSync(fileURLToPath(new URL(`../../${file}`, import.meta.url))),
  }));
}

let common: TreeFile[] | undefined;

/** A tar archive with what all programs have, what these have, and a start file. */
export function archiveOf(programs: readonly Program[], startFile: string): Promise<Uint8Array> {
  common ??= [...shells(), ...nameFiles(), ...filesBelow(EXTRA)];
  const all = new Map<string, TreeFile>();
  const own = programs.flatMap(({ files }) => files);
  for (const file of [...common, ...own, { name: "userland.conf", data: startFile }])
    all.set(file.name, file);
  const folders = new Set<string>();
  for (const name of all.keys()) {
    for (let at = dirname(name); at !== "."; at = dirname(at)) folders.add(at);
  }
  return tarOf([
    ...[...folders].sort().map((name) => ({ name, type: "directory" as const, mode: 0o755 })),
    ...all.values(),
  ]);
}
