// Images made, looked at and checked by QEMU's own tools.

import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { HANG_MS, hasTool } from "../../../testing/host-tools.ts";

export const hasQemuImg = hasTool("qemu-img") && hasTool("qemu-io");

export function qemuImg(...args: string[]): string {
  return execFileSync("qemu-img", args, { encoding: "utf8", stdio: "pipe", timeout: HANG_MS });
}

export function qemuIo(path: string, ...commands: string[]): string {
  const args = commands.flatMap((command) => ["-c", command]);
  return execFileSync("qemu-io", [...args, path], {
    encoding: "utf8",
    stdio: "pipe",
    timeout: HANG_MS,
  });
}

/** What is wrong with an image: leaks are named, errors throw. */
export function checkImage(path: string): { leaks: number; errors: number } {
  const { stdout, stderr } = spawnSync(
    "qemu-img",
    ["check", "--output=json", "-f", "qcow2", path],
    {
      encoding: "utf8",
      timeout: HANG_MS,
    },
  );
  try {
    const found = JSON.parse(stdout) as Record<string, number>;
    return {
      leaks: found.leaks ?? 0,
      errors: (found.corruptions ?? 0) + (found["check-errors"] ?? 0),
    };
  } catch {
    throw new Error(`qemu-img check ${path}: ${stdout}${stderr}`);
  }
}

/** The disk in an image, as QEMU reads it. */
export function contentsOf(path: string): Uint8Array {
  const raw = `${path}.raw`;
  qemuImg("convert", "-f", "qcow2", "-O", "raw", path, raw);
  return readFileSync(raw);
}
