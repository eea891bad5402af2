// Puts a built BIOS loader into an image: the boot parameters into the loader, and into both first stages where it
// lies and what its blocks add up to.

import { BootImageError } from "../../error.ts";
import { BLOCK_BYTES, type BootParameters, writeParameters } from "../../parameters.ts";
import { MBR_BYTES, PATCH_BYTES } from "./layout.ts";

/** What is on a disk's first sector, and the contents of the loader's file. */
export interface InstalledBiosLoader {
  /** 440 bytes of code. */
  mbr: Uint8Array;
  /** The boot sector of a CD, 2048 bytes, and the loader behind it. */
  image: Uint8Array;
}

/** Where in a first stage its 12 bytes are: layout.ts. */
function patch(stage: Uint8Array, block: number, blocks: number, checksum: number): void {
  const at = stage.byteOffset + stage.length - PATCH_BYTES;
  const view = new DataView(stage.buffer, at, PATCH_BYTES);
  view.setUint32(0, block, true);
  view.setUint32(4, blocks, true);
  view.setUint32(8, checksum, true);
}

/** What the first stages compute over the loader's blocks. */
function checksumOf(loader: Uint8Array, blocks: number): number {
  const padded = new Uint8Array(blocks * BLOCK_BYTES);
  padded.set(loader);
  const view = new DataView(padded.buffer);
  let sum = 0;
  for (let at = 0; at < padded.length; at += 4) {
    sum = (((sum << 1) | (sum >>> 31)) + view.getUint32(at, true)) >>> 0;
  }
  return sum;
}

/**
 * Copies of `mbr` and `image` as built (`buildBiosLoader`) for an image in which they are at `parameters.loaderBlock`,
 * followed by zeros up to the end of the block. Throws `BootImageError` where they are none.
 */
export function installBiosLoader(
  files: { mbr: Uint8Array; image: Uint8Array },
  parameters: BootParameters,
): InstalledBiosLoader {
  if (files.mbr.length !== MBR_BYTES) {
    throw new BootImageError(
      `mbr.bin: has ${files.mbr.length} bytes instead of ${MBR_BYTES}; build the loader again`,
    );
  }
  const mbr = new Uint8Array(files.mbr);
  const image = new Uint8Array(files.image);
  writeParameters(image, parameters, "bios.bin");
  const loader = image.subarray(BLOCK_BYTES);
  const blocks = Math.ceil(loader.length / BLOCK_BYTES);
  const checksum = checksumOf(loader, blocks);
  const first = parameters.loaderBlock + 1;
  patch(mbr, first, blocks, checksum);
  patch(image.subarray(0, BLOCK_BYTES), first, blocks, checksum);
  return { mbr, image };
}
