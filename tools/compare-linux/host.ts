// What comparing needs of this host.

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { busybox } from "./file-tree.ts";
import { enterRoot } from "./linux.ts";

/** What is not here and without which nothing can be compared. */
export function whatIsMissing(): string | undefined {
  if (enterRoot === undefined) return "a clean root on Linux (chroot or a user namespace)";
  return busybox === undefined ? "a static busybox" : undefined;
}

/** Makes kernel and roottask; throws with make's messages. */
export function makeSystem(): void {
  const make = fileURLToPath(new URL("../bin/make", import.meta.url));
  const words = [make, "--quiet", "microkernel", "roottask"];
  const { status, stdout, stderr } = spawnSync(process.execPath, words, { encoding: "utf8" });
  if (status !== 0) throw new Error(`make: ${stdout}${stderr}`);
}
