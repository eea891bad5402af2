// Kernel and roottask on a CD that GRUB 2 boots: the way they start on PCs. QEMU's own Multiboot loader puts the
// image into memory again at every reset of the machine, so that nothing outlasts a sleep state there.

import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hasTool, QEMU } from "../../tools/testing/host-tools.ts";
import { bootOnQemu } from "./qemu.ts";

export const hasGrub =
  existsSync("/usr/lib/grub/i386-pc/multiboot2.mod") &&
  ["grub-mkrescue", "xorriso", "mformat", QEMU].every((tool) => hasTool(tool));

const OVMF = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const OVMF_VARIABLES = "/usr/share/OVMF/OVMF_VARS_4M.fd";

/** Whether GRUB and firmware for EFI machines are there too. */
export const hasGrubEfi =
  hasGrub &&
  [OVMF, OVMF_VARIABLES, "/usr/lib/grub/x86_64-efi/multiboot2.mod"].every((file) =>
    existsSync(file),
  );

/** QEMU's options for a machine with EFI firmware, whose variables are kept in `folder`. */
export function efiOptions(folder: string): string[] {
  const variables = join(folder, "ovmf-variables");
  copyFileSync(OVMF_VARIABLES, variables);
  const flash = (unit: number, file: string, more: string) =>
    `if=pflash,unit=${unit},format=raw,file=${file}${more}`;
  return ["-drive", flash(0, OVMF, ",readonly=on"), "-drive", flash(1, variables, "")];
}

/** The configuration for a kernel with the roottask as its only module. */
export const GRUB_CONFIG = `multiboot2 /boot/kernel novga
module2 /boot/probe probe
boot
`;

/** Makes a CD with this `grub.cfg` and these files of /boot in `folder`, for BIOS and, where GRUB has it, EFI. */
export function grubImage(
  config: string,
  boot: Readonly<Record<string, Uint8Array>>,
  folder: string,
): string {
  const files = join(folder, "iso/boot");
  mkdirSync(join(files, "grub"), { recursive: true });
  for (const [name, data] of Object.entries(boot)) writeFileSync(join(files, name), data);
  writeFileSync(join(files, "grub/grub.cfg"), config);
  const image = join(folder, "iso.img");
  const made = spawnSync("grub-mkrescue", ["-o", image, join(folder, "iso")]);
  if (made.status !== 0) throw new Error(`grub-mkrescue: ${made.stderr}`);
  return image;
}

/**
 * Boots on QEMU with `options` from a CD with this `grub.cfg` and two files, /boot/kernel and /boot/probe; the serial
 * output as soon as it contains `until`, or in `limit` ms (`bootOnQemu`). Throws if the CD cannot be made.
 */
export async function bootThroughGrub(
  config: string,
  kernel: Uint8Array,
  probe: Uint8Array,
  options: readonly string[],
  until: string,
  limit?: number,
): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "trihedron-grub-"));
  try {
    const image = grubImage(config, { kernel, probe }, folder);
    return await bootOnQemu([...options, "-cdrom", image], until, limit);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
