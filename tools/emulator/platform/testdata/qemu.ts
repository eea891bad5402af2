// Runs a Multiboot kernel on the QEMU that is installed, as the oracle of platform tests.

import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HANG_MS, QEMU } from "../../../testing/host-tools.ts";

export interface QemuRun {
  debugcon: string;
  serial: string;
  status: number | null;
}

/** Time by instructions, 16 ns each: what the oracle says then does not depend on the host's load. */
export const BY_INSTRUCTIONS = ["-icount", "shift=4,sleep=off"] as const;

/** Boots `kernel` with `modules` on q35 under TCG; isa-debug-exit is at 0xF4. */
export function runOnQemu(
  kernel: Uint8Array,
  modules: readonly Uint8Array[],
  extra: readonly string[] = [],
): QemuRun {
  const directory = mkdtempSync(join(tmpdir(), "emu-oracle-"));
  try {
    const file = (name: string): string => join(directory, name);
    writeFileSync(file("kernel"), kernel);
    modules.forEach((m, i) => {
      writeFileSync(file(`module${i}`), m);
    });
    const initrd = modules.map((_, i) => file(`module${i}`)).join(",");
    const run = spawnSync(
      QEMU,
      [
        ...["-accel", "tcg", "-machine", "q35", "-cpu", "qemu64", "-display", "none", "-no-reboot"],
        ...["-kernel", file("kernel"), ...(initrd === "" ? [] : ["-initrd", initrd])],
        ...["-serial", `file:${file("serial")}`, "-debugcon", `file:${file("debugcon")}`],
        ...["-device", "isa-debug-exit,iobase=0xf4,iosize=4", "-monitor", "none", ...extra],
      ],
      { timeout: HANG_MS },
    );
    return {
      debugcon: readFileSync(file("debugcon"), "latin1"),
      serial: readFileSync(file("serial"), "latin1"),
      status: run.status,
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** What a guest on `image` prints on COM1 under SeaBIOS; `drive` are QEMU's options for a file with the image. */
export function bootOnQemu(image: Uint8Array, drive: (file: string) => readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), "emu-oracle-"));
  try {
    const [disk, serial] = [join(directory, "image"), join(directory, "serial")];
    writeFileSync(disk, image);
    spawnSync(
      QEMU,
      [
        ...["-accel", "tcg", "-machine", "q35", "-m", "128M", "-display", "none", "-no-reboot"],
        ...["-monitor", "none", "-nic", "none", "-rtc", "base=2026-01-01T00:00:00,clock=vm"],
        ...["-serial", `file:${serial}`, ...drive(disk)],
      ],
      { timeout: HANG_MS },
    );
    return readFileSync(serial, "latin1");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/**
 * QEMU's screen dumps of `kernel`, portable pixmaps: one at each byte that it sends on COM1, after which it gets one
 * back. It ends the run by isa-debug-exit or power-off.
 */
export async function screensOnQemu(kernel: Uint8Array): Promise<Uint8Array[]> {
  const directory = mkdtempSync(join(tmpdir(), "emu-oracle-"));
  const file = (name: string): string => join(directory, name);
  writeFileSync(file("kernel"), kernel);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(file("serial"), resolve));
  const child = spawn(
    QEMU,
    [
      ...[
        "-accel",
        "tcg",
        "-machine",
        "q35",
        "-display",
        "none",
        "-no-reboot",
        "-monitor",
        "stdio",
      ],
      ...["-kernel", file("kernel"), "-serial", `unix:${file("serial")}`],
    ],
    { stdio: ["pipe", "pipe", "ignore"], timeout: HANG_MS },
  );
  const pictures: Uint8Array[] = [];
  let answers = "";
  let wanted: Socket | undefined;
  child.stdin.on("error", () => {});
  child.stdout.on("data", (data: Buffer) => {
    answers += data.toString("latin1");
    // The command, echoed, and the prompt behind its end.
    if (wanted === undefined || !/screendump[^\n]*\n[^\n]*\(qemu\) $/.test(answers)) return;
    pictures.push(readFileSync(file("picture")));
    answers = "";
    const peer = wanted;
    wanted = undefined;
    peer.write(".");
  });
  server.on("connection", (peer) => {
    peer.on("error", () => {});
    peer.on("data", () => {
      wanted = peer;
      answers = "";
      child.stdin.write(`screendump ${file("picture")}\n`);
    });
  });
  try {
    await new Promise((resolve) => child.on("exit", resolve));
    return pictures;
  } finally {
    server.close();
    rmSync(directory, { recursive: true, force: true });
  }
}
