// Bochs with its own BIOS, as Debian packages it, without a window: what a medium writes to COM1 there.

import { spawn } from "node:child_process";
import {
  closeSync,
  existsSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HANG_MS, hasTool } from "../../testing/host-tools.ts";

const BIOS = "/usr/share/bochs/BIOS-bochs-latest";
const VGA_BIOS = "/usr/share/bochs/VGABIOS-lgpl-latest";
export const hasBochs =
  existsSync(BIOS) && existsSync(VGA_BIOS) && hasTool("bochs", ["--help", "cpu"]);

const POLL_MS = 50;

/** A screen that nobody looks at: the server of a remote one that waits for no client. */
function settings(kind: "disk" | "cdrom", medium: string, megabytes: number): string {
  const drive =
    kind === "disk"
      ? `type=disk, path=${medium}, mode=flat, cylinders=0`
      : `type=cdrom, path=${medium}, status=inserted`;
  return [
    "config_interface: textconfig",
    'display_library: rfb, options="timeout=0"',
    `romimage: file=${BIOS}`,
    `vgaromimage: file=${VGA_BIOS}`,
    `megs: ${megabytes}`,
    "cpu: model=corei7_sandy_bridge_2600k, count=1, ips=50000000",
    `ata0-master: ${drive}`,
    `boot: ${kind}`,
    "com1: enabled=1, mode=file, dev=com1.txt",
    "log: bochs.log",
    "panic: action=fatal",
    "",
  ].join("\n");
}

/**
 * Runs until COM1 has had `last`, or Bochs ends by itself; returns what was written until then. Throws Error with the end
 * of Bochs's log where that takes too long.
 */
export async function bootOnBochs(
  kind: "disk" | "cdrom",
  image: Uint8Array,
  last: string,
  megabytes = 64,
): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "bochs-"));
  const written = (name: string): string => {
    const file = join(directory, name);
    return existsSync(file) ? readFileSync(file, "latin1") : "";
  };
  writeFileSync(join(directory, "medium.img"), image);
  writeFileSync(join(directory, "bochsrc"), settings(kind, "medium.img", megabytes));
  // Debian's Bochs has a debugger, which is to continue. The standard input is no socket, as Node's pipes are: the
  // screen's server sends to it what it has for a client that is not there.
  const commands = join(directory, "commands");
  writeFileSync(commands, "c\n");
  const input = openSync(commands, "r");
  const bochs = spawn("bochs", ["-q", "-f", "bochsrc"], {
    cwd: directory,
    stdio: [input, "ignore", "ignore"],
  });
  closeSync(input);
  try {
    const ended = new Promise<void>((resolve) => bochs.once("close", () => resolve()));
    let running = true;
    void ended.then(() => {
      running = false;
    });
    const end = Date.now() + HANG_MS;
    while (running && !written("com1.txt").includes(last)) {
      if (Date.now() > end) {
        throw new Error(`Bochs: no "${last}" on COM1; ${written("bochs.log").slice(-1000)}`);
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    bochs.kill("SIGKILL");
    await ended;
    return written("com1.txt");
  } finally {
    bochs.kill("SIGKILL");
    rmSync(directory, { recursive: true, force: true });
  }
}
