// A kernel with a roottask on QEMU: what it says on the serial line, up to a line that the caller waits for.

import { type ChildProcess, execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { HANG_MS, hasQemu, QEMU } from "../../tools/testing/host-tools.ts";

/** Whether tests boot on QEMU: not when BOOT_ON=emu in the environment asks for the emulator alone. */
export const onQemu = hasQemu && process.env.BOOT_ON !== "emu";

/** A command of the QEMU Machine Protocol; the promise is kept when QEMU has carried it out. */
export type Execute = (command: string, args?: Record<string, unknown>) => Promise<void>;

interface Monitor {
  execute: Execute;
  /** The machine stands still, with its screen drawn; broken when QEMU ends before that. */
  stopped: Promise<void>;
}

/** Talks to a QEMU by its standard streams, and wakes the machine up whenever it sleeps (event SUSPEND). */
function monitor(child: ChildProcess): Monitor {
  let stop = (): void => {};
  const stopped = new Promise<void>((resolve, reject) => {
    stop = resolve;
    child.once("exit", () => reject(new Error("QEMU has ended before its machine was looked at")));
  });
  // Most callers wait for something else.
  stopped.catch(() => {});
  const waiting: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const send = (execute: string, args?: Record<string, unknown>) =>
    new Promise<void>((resolve, reject) => {
      waiting.push({ resolve, reject });
      child.stdin?.write(`${JSON.stringify({ execute, arguments: args })}\n`);
    });
  // Who writes to a QEMU that has ended learns it from its exit.
  child.stdin?.on("error", () => {});
  if (!child.stdout) return { execute: send, stopped };
  createInterface({ input: child.stdout }).on("line", (line) => {
    const message = JSON.parse(line) as Record<string, { desc?: string } | string>;
    if (message.QMP) void send("qmp_capabilities");
    if (message.event === "SUSPEND") void send("system_wakeup");
    if (message.event === "STOP") stop();
    if (message.error) waiting.shift()?.reject(new Error(JSON.stringify(message.error)));
    if (message.return) waiting.shift()?.resolve();
  });
  return { execute: send, stopped };
}

/**
 * Boots with QEMU's `options` on a q35 without display and returns the serial output as soon as it contains
 * `until`; when QEMU ends before that or has not come to it in `limit` ms, with a last line that says so. `inspect` may look
 * at the machine once that has come to its end, for which it needs -no-shutdown.
 */
export async function bootOnQemu(
  options: readonly string[],
  until: string,
  limit = HANG_MS,
  inspect?: (execute: Execute) => Promise<void>,
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
  const { execute, stopped } = monitor(child);
  try {
    for (const start = Date.now(); Date.now() - start < limit; ) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const ended = child.exitCode ?? child.signalCode;
      const text = read();
      if (text.includes(until)) {
        if (inspect === undefined) return text;
        await stopped;
        await inspect(execute);
        return read();
      }
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
