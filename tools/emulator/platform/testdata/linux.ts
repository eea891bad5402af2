// Linux as a distribution has it: a kernel with modules, which are seldom installed where tests run. LINUX_ROOT may name a
// folder that a package of one was unpacked into. And a first process of busybox, which loads them.

import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { cpioOf } from "../../../compare-linux/kernel/cpio.ts";

export const BUSYBOX = "/bin/busybox";

export interface Linux {
  kernel: string;
  /** Paths of modules by their names. */
  modules: Map<string, string>;
}

/** A kernel with these modules among its own, which are not compressed. */
export function findLinux(
  wanted: readonly string[],
  root = process.env.LINUX_ROOT ?? "/",
): Linux | undefined {
  const folders = [join(root, "lib/modules"), join(root, "usr/lib/modules")].filter(existsSync);
  for (const folder of folders) {
    for (const version of readdirSync(folder)) {
      const kernel = join(root, `boot/vmlinuz-${version}`);
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
function inOrder({ modules }: Linux, names: readonly string[]): string[] {
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

/**
 * An initial RAM disk whose first process is a busybox script: it mounts /proc and /dev, loads the modules with those that
 * they need, and goes on with `script`, in which $B is busybox.
 */
export function busyboxInitrd(linux: Linux, names: readonly string[], script: string): Uint8Array {
  const modules = inOrder(linux, names);
  const first = `#!/bin/busybox sh
B=/bin/busybox
$B mount -t proc proc /proc
$B mount -t devtmpfs dev /dev
for m in ${modules.join(" ")}; do $B insmod /m/$m.ko; done
`;
  return cpioOf([
    { name: "init", mode: 0o755, data: first + script },
    { name: "bin/busybox", mode: 0o755, data: readFileSync(BUSYBOX) },
    ...["mnt", "proc", "dev", "sys"].map((folder) => ({ name: `${folder}/.keep` })),
    ...modules.map((name) => ({
      name: `m/${name}.ko`,
      data: readFileSync(linux.modules.get(name) as string),
    })),
  ]);
}
