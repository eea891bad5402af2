// A whole boot image with the BIOS loader and the kernel of kernel.ts.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { guestModule } from "../../../../asc/guest.ts";
import { standInLoader } from "../../../fuzz/stand-in.ts";
import { type ImageFile, writeBootImage } from "../../../image.ts";
import { buildBiosLoader } from "../build.ts";
import { BIOS_LOADER_GUEST } from "../options.ts";
import { testKernel } from "./kernel.ts";

/**
 * An image of `files` (with a stand-in for the loader for UEFI), with boot/kernel that `lines` of boot.conf start; `head`
 * comes before the first title.
 */
export async function testImage(
  lines = "kernel boot/kernel started\n",
  files: readonly ImageFile[] = [],
  head = "",
): Promise<Uint8Array> {
  const { wasm, sourceMap } = await guestModule(BIOS_LOADER_GUEST);
  const { mbr, image } = buildBiosLoader(wasm, sourceMap);
  const folder = mkdtempSync(join(tmpdir(), "bios-image-"));
  try {
    const output = join(folder, "image");
    await writeBootImage({
      output,
      loader: { mbr, bios: image, efi: standInLoader().efi },
      files: [{ path: "boot/kernel", source: testKernel() }, ...files],
      configuration: `${head}title test\n${lines}`,
    });
    return new Uint8Array(readFileSync(output));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
