// Kernel and roottask on a CD that GRUB 2 boots: the way they start on PCs. QEMU's own Multiboot loader puts the
// image into memory again at every reset of the machine, so that nothing outlasts a sleep state there.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasTool, QEMU } from "../../tools/testing/host-tools.ts";
import { bootOnQemu } from "./qemu.ts";

export const hasGrub =
  existsSync("/usr/lib/grub/i386-pc/multiboot2.mod") &&
  ["grub-mkrescue", "xorriso", "mformat", QEMU].every((tool) => hasTool(tool));

/** The configuration for a kernel with the roottask as its only module. */
export const GRUB_CONFIG = `multiboot2 /boot/kernel novga
module2 /boot/probe probe
boot
`;

/**
 * Boots on QEMU with `options` from a CD with this `grub.cfg` and two files, /boot/kernel and /boot/probe; the serial
 * output as soon as it contains `until` (`bootOnQemu`). Throws if the CD cannot be made.
 */
export async function bootThroughGrub(
  config: string,
  kernel: Uint8Array,
  probe: Uint8Array,
  options: readonly string[],
  until: string,
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "trihedron-grub-"));
  try {
    const files = join(folder, "iso/boot");
    mkdirSync(join(files, "grub"), { recursive: true });
    writeFileSync(join(files, "kernel"), kernel);
    writeFileSync(join(files, "probe"), probe);
    writeFileSync(join(files, "grub/grub.cfg"), config);
    const image = join(folder, "iso.img");
    const made = spawnSync("grub-mkrescue", ["-o", image, join(folder, "iso")]);
    if (made.status !== 0) throw new Error(`grub-mkrescue: ${made.stderr}`);
    return await bootOnQemu([...options, "-cdrom", image], until);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
