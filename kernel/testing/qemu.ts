// A kernel with a roottask on QEMU: what it says on the serial line, up to a line that the caller waits for.

import { type ChildProcess, execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { HANG_MS, QEMU } from "../../tools/testing/host-tools.ts";

/** Wakes the machine up whenever it sleeps. QEMU Machine Protocol: events SUSPEND, command system_wakeup. */
function wakeUp(child: ChildProcess): void {
  const command = (name: string) => child.stdin?.write(`{"execute": "${name}"}\n`);
  // Who writes to a QEMU that has ended learns it from its exit.
  child.stdin?.on("error", () => {});
  if (!child.stdout) return;
  createInterface({ input: child.stdout }).on("line", (line) => {
    const { QMP: greeting, event } = JSON.parse(line) as { QMP?: unknown; event?: string };
    if (greeting) command("qmp_capabilities");
    if (event === "SUSPEND") command("system_wakeup");
  });
}

/**
 * Boots with QEMU's `options` on a q35 without display and returns the serial output as soon as it contains
 * `until`; when QEMU ends before that or has not come to it in `limit` ms, with a last line that says so.
 */
export async function bootOnQemu(
  options: readonly string[],
  until: string,
  limit = HANG_MS,
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "trihedron-qemu-"));
  const serial = join(folder, "serial");
  const read = (): string => {
    try {
      return readFileSync(serial, "latin1");
    } catch {
      return "";
    }
  };
  const child = execFile(QEMU, [
    ...["-machine", "q35", "-display", "none", "-no-reboot", "-serial", `file:${serial}`],
    ...["-qmp", "stdio"],
    ...options,
  ]);
  wakeUp(child);
  try {
    for (const start = Date.now(); Date.now() - start < limit; ) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const ended = child.exitCode ?? child.signalCode;
      const text = read();
      if (text.includes(until)) return text;
      if (ended !== null) return `${text}\nQEMU ended with ${ended}`;
    }
    // Without the text itself, which nobody must take for the kernel's.
    return `${read()}\nQEMU has been stopped after ${limit} ms`;
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** What `bootImages` boots, and how. */
export interface Images {
  kernel: Uint8Array;
  roottask: Uint8Array;
  options: readonly string[];
  /** QEMU's -accel; "tcg" by default. */
  accelerator?: string;
  /** In ms, as for `bootOnQemu`. */
  limit?: number;
}

/** Boots a kernel with a roottask whose bytes are at hand; otherwise as `bootOnQemu`. */
export async function bootImages(images: Images, until: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "trihedron-images-"));
  try {
    const [kernel, roottask] = [join(folder, "kernel"), join(folder, "roottask")];
    writeFileSync(kernel, images.kernel);
    writeFileSync(roottask, images.roottask);
    const own = kernelOptions(kernel, { file: roottask, args: "roottask" }, images.accelerator);
    return await bootOnQemu([...own, ...images.options], until, images.limit);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The options for a kernel that is loaded directly, with its first boot module. */
export function kernelOptions(
  kernel: string,
  module?: { file: string; args: string },
  accelerator = "tcg",
): string[] {
  return [
    ...["-accel", accelerator, "-kernel", kernel],
    ...(module ? ["-initrd", `${module.file} ${module.args}`] : []),
  ];
}
