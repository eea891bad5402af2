// A kernel with a roottask on QEMU: what it says on the serial line, up to a line that the caller waits for.

import { type ChildProcess, execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
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
 * `until`; when QEMU ends or hangs before that, with a last line that says so.
 */
export async function bootOnQemu(options: readonly string[], until: string): Promise<string> {
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
    for (const start = Date.now(); Date.now() - start < HANG_MS; ) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const ended = child.exitCode ?? child.signalCode;
      const text = read();
      if (text.includes(until)) return text;
      if (ended !== null) return `${text}\nQEMU ended with ${ended}`;
    }
    return `${read()}\nno "${until}"`;
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The options for a kernel that is loaded directly, with its first boot module. */
export function kernelOptions(kernel: string, module?: { file: string; args: string }): string[] {
  return [
    ...["-accel", "tcg", "-kernel", kernel],
    ...(module ? ["-initrd", `${module.file} ${module.args}`] : []),
  ];
}
