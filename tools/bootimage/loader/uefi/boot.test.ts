// The loader for UEFI on OVMF, without the image that it belongs to.

import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { guestModule } from "../../../asc/guest.ts";
import { hasTool } from "../../../testing/host-tools.ts";
import { hasOvmf, OvmfMachine } from "../../testing/ovmf.ts";
import { buildUefiLoader } from "./build.ts";
import { UEFI_LOADER_GUEST } from "./options.ts";

const directory = mkdtempSync(join(tmpdir(), "uefi-loader-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A FAT file system with the application where firmware looks for it. */
function fatWith(efi: Uint8Array): string {
  const image = join(directory, "fat.img");
  const file = join(directory, "BOOTX64.EFI");
  writeFileSync(file, efi);
  writeFileSync(image, new Uint8Array(4 << 20));
  execFileSync("mformat", ["-i", image, "::"]);
  execFileSync("mmd", ["-i", image, "::/EFI", "::/EFI/BOOT"]);
  execFileSync("mcopy", ["-i", image, file, "::/EFI/BOOT/BOOTX64.EFI"]);
  return image;
}

describe.skipIf(!hasOvmf || !hasTool("mformat"))("on OVMF (needs QEMU, ovmf and mtools)", () => {
  test("a loader without its image says so and goes back to the firmware", async () => {
    const { wasm, sourceMap } = await guestModule(UEFI_LOADER_GUEST);
    const disk = fatWith(buildUefiLoader(wasm, sourceMap));
    const machine = new OvmfMachine(["-drive", `format=raw,file=${disk}`]);
    try {
      const text = await machine.seen("belongs to");
      expect(text).toContain(
        "error: no disk, stick or CD holds the image that this loader belongs to\n",
      );
      machine.type("x");
      // The boot manager of EDK II.
      expect(await machine.seen("failed to start")).toMatch(/failed to start .*: Load Error/);
    } finally {
      machine.end();
    }
  });
});
