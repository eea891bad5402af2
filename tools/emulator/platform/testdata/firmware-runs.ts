// Runs of firmware by others, here and on QEMU: what it says on the debug console until it ends.

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { HANG_MS, QEMU } from "../../../testing/host-tools.ts";
import { Machine, type MachineOptions } from "../../host/machine.ts";

/** What firmware says on the debug console of QEMU's q35, or of another `-machine`, until it ends the run. */
export function firmwareOnQemu(options: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "emu-firmware-"));
  try {
    const log = join(folder, "log");
    spawnSync(
      QEMU,
      [
        ...["-accel", "tcg", "-machine", "q35,smm=off", "-m", "128M", "-display", "none"],
        ...["-monitor", "none", "-nodefaults", "-vga", "std", "-no-reboot"],
        ...["-debugcon", `file:${log}`, ...options],
      ],
      { timeout: HANG_MS },
    );
    return readFileSync(log, "latin1");
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same of this machine, with isa-debug-exit at 0xF4; `port` is the console's. */
export async function firmwareHere(
  bios: Uint8Array | string | undefined,
  port = 0xe9,
  more: MachineOptions = {},
): Promise<string> {
  let log = "";
  const machine = await Machine.create({
    ...(bios === undefined ? {} : { bios }),
    debugConsolePort: port,
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (byte) => {
      log += String.fromCharCode(byte);
    },
    ...more,
  });
  machine.runSync({ nanoseconds: 20e9 });
  return log;
}

/** The same of a flash image on QEMU, with isa-debug-exit. */
export function flashOnQemu(image: Uint8Array, options: readonly string[] = []): string {
  const folder = mkdtempSync(join(tmpdir(), "emu-flash-"));
  try {
    const file = join(folder, "flash");
    writeFileSync(file, image);
    const exit = ["-device", "isa-debug-exit,iobase=0xf4,iosize=4"];
    return firmwareOnQemu(["-bios", file, ...exit, ...options]);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
