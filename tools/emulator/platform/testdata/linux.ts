// A distribution's Linux with its modules, for tests of its own drivers. Such a kernel is seldom installed where tests run:
// LINUX_ROOT may name a folder that a package of one was unpacked into.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cpioOf } from "../../../compare-linux/kernel/cpio.ts";

const ROOT = process.env.LINUX_ROOT ?? "/";
export const BUSYBOX = "/bin/busybox";

export interface Linux {
  kernel: string;
  /** Paths of modules by their names. */
  modules: Map<string, string>;
}

/** A kernel with these modules among its own, which are not compressed. */
export function findLinux(...wanted: readonly string[]): Linux | undefined {
  const folders = [join(ROOT, "lib/modules"), join(ROOT, "usr/lib/modules")].filter(existsSync);
  for (const folder of folders) {
    for (const version of readdirSync(folder)) {
      const kernel = join(ROOT, `boot/vmlinuz-${version}`);
      const modules = new Map<string, string>();
      for (const path of readdirSync(join(folder, version), { recursive: true }) as string[]) {
        const name = /([^/]+)\.ko$/.exec(path)?.[1];
        if (name !== undefined) modules.set(name.replaceAll("-", "_"), join(folder, version, path));
      }
      if (existsSync(kernel) && wanted.every((name) => modules.has(name))) {
        return { kernel, modules };
      }
    }
  }
  return undefined;
}

/** The modules that have to be loaded for some, in order. Such as are built in are not among them. */
export function modulesInOrder({ modules }: Linux, names: readonly string[]): string[] {
  const order: string[] = [];
  const add = (name: string): void => {
    const path = modules.get(name);
    if (path === undefined || order.includes(name)) return;
    const needs = /\0depends=([^\0]*)\0/.exec(readFileSync(path, "latin1"))?.[1] ?? "";
    for (const other of needs.split(",")) add(other.replaceAll("-", "_"));
    order.push(name);
  };
  for (const name of names) add(name);
  return order;
}

/** An initrd with busybox, these modules in /m, and `script` as its init. */
export const initrdOf = (
  { modules }: Linux,
  names: readonly string[],
  script: string,
): Uint8Array =>
  cpioOf([
    { name: "init", mode: 0o755, data: script },
    { name: "bin/busybox", mode: 0o755, data: readFileSync(BUSYBOX) },
    ...["mnt", "proc", "dev", "sys"].map((folder) => ({ name: `${folder}/.keep` })),
    ...names.map((name) => ({
      name: `m/${name}.ko`,
      data: readFileSync(modules.get(name) as string),
    })),
  ]);
