// One make at a time: build/.make/lock holds the process id of the one that builds. A lock whose process is
// gone is taken over; the others wait.

import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** Takes the lock, waiting for a running make; `onWait` is called once with its process id. Returns the release. */
export async function takeLock(path: string, onWait: (pid: number) => void): Promise<() => void> {
  mkdirSync(dirname(path), { recursive: true });
  const own = `${path}.${process.pid}`;
  writeFileSync(own, `${process.pid}\n`);
  let told = false;
  for (;;) {
    try {
      // A hard link appears with its content in one step, or not at all.
      linkSync(own, path);
      rmSync(own);
      return () => {
        if (holder(path) === process.pid) rmSync(path, { force: true });
      };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    const pid = holder(path);
    if (pid === undefined || pid === process.pid || !isAlive(pid)) {
      rmSync(path, { force: true });
      continue;
    }
    if (!told) onWait(pid);
    told = true;
    await sleep(100);
  }
}

function holder(path: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(path, "utf8"), 10);
    return Number.isFinite(pid) && pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
