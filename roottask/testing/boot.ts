// Boots the built kernel and roottask with an archive of the test's own, on QEMU where it is installed, else
// (or with BOOT_ON=emu in the environment) in our emulator: what the serial line says, and how it ended.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HANG_MS, hasQemu, QEMU } from "../../tools/testing/host-tools.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** What boots the system. */
export type Engine = "QEMU" | "the emulator";

const COMMANDS: Readonly<Record<Engine, readonly string[]>> = {
  QEMU: [QEMU, "-accel", "tcg"],
  "the emulator": [process.execPath, join(root, "tools/bin/emu")],
};
const usual: Engine = process.env.BOOT_ON !== "emu" && hasQemu ? "QEMU" : "the emulator";

/** Those that are here. */
export const engines: readonly Engine[] = hasQemu ? ["the emulator", "QEMU"] : ["the emulator"];

/** Makes targets of the Makefile; throws with make's messages. */
export function makeTargets(...targets: string[]): void {
  const command = [join(root, "tools/bin/make"), ...targets];
  const make = spawnSync(process.execPath, command, { encoding: "utf8" });
  if (make.status !== 0) throw new Error(`make: ${make.stdout}${make.stderr}`);
}

/** Makes kernel and roottask. */
export function makeSystem(): void {
  makeTargets("microkernel", "roottask");
}

export interface Boot {
  status: number | null;
  /** Serial line without the kernel's own lines. */
  log: string;
  serial: string;
  debugConsole: string;
}

/**
 * Runs the system with `archive` as module `userland`, or without one; `words` are the roottask's options, `options`
 * the machine's.
 */
export function boot(
  archive: Uint8Array | undefined,
  options: string[] = [],
  engine: Engine = usual,
  words: string[] = [],
): Boot {
  const folder = mkdtempSync(join(tmpdir(), "boot-"));
  const modules = [[join(root, "build/roottask-bin"), ...words, "roottask"].join(" ")];
  if (archive) {
    writeFileSync(join(folder, "userland.tar"), archive);
    modules.push(`${join(folder, "userland.tar")} userland`);
  }
  const console = join(folder, "debugcon");
  // biome-ignore format: one option with its value a line
  const args = [
    "-cpu", "max", "-machine", "q35", "-m", "1024M",
    "-kernel", join(root, "build/kernel.elf32"),
    "-initrd", modules.join(","),
    "-serial", "stdio", "-debugcon", `file:${console}`,
    "-device", "isa-debug-exit,iobase=0xf4,iosize=4",
    "-display", "none", "-no-reboot",
    ...options,
  ];
  const [program = "", ...first] = COMMANDS[engine];
  const { status, stdout } = spawnSync(program, [...first, ...args], {
    timeout: HANG_MS,
    encoding: "latin1",
  });
  const debugConsole = readFileSync(console, "latin1");
  rmSync(folder, { recursive: true });
  const log = stdout.replaceAll("\r\n", "\n").replace(/^\[kernel\].*\n/gm, "");
  return { status, log, serial: stdout, debugConsole };
}
