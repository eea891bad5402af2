// The least that the BIOS loader starts from, for its tests: the first sector of a disk, a volume descriptor with the
// image's id, an El Torito catalogue and the loader, without a file system.

import {
  BLOCK_BYTES,
  type BootParameters,
  IMAGE_ID_BYTES,
  IMAGE_ID_OFFSET,
} from "../../../parameters.ts";
import { installBiosLoader } from "../install.ts";

const VOLUME_BLOCK = 16;
const BOOT_RECORD_BLOCK = 17;
const CATALOGUE_BLOCK = 19;
export const LOADER_BLOCK = 20;
const MBR_SIGNATURE = 0xaa55;

/** El Torito specification 1.0, figures 2 to 4: validation entry and an initial entry without emulation. */
function catalogue(): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = 1;
  view.setUint16(30, 0xaa55, true);
  let sum = 0;
  for (let at = 0; at < 32; at += 2) sum += view.getUint16(at, true);
  view.setUint16(28, -sum & 0xffff, true);
  bytes[32] = 0x88;
  view.setUint16(38, BLOCK_BYTES / 512, true);
  view.setUint32(40, LOADER_BLOCK, true);
  return bytes;
}

/** Disk and CD at once. `bytes`: of the whole medium, more than the loader needs. */
export function makeMedium(
  files: { mbr: Uint8Array; image: Uint8Array },
  bytes = 4 << 20,
): Uint8Array {
  const parameters: BootParameters = {
    imageId: Uint8Array.from({ length: IMAGE_ID_BYTES }, (_, i) => i + 1),
    tableBlock: 0,
    tableBytes: 0,
    tableCrc: 0,
    loaderBlock: LOADER_BLOCK,
    loaderBytes: files.image.length - BLOCK_BYTES,
  };
  const { mbr, image } = installBiosLoader(files, parameters);
  const medium = new Uint8Array(bytes);
  const view = new DataView(medium.buffer);
  medium.set(mbr);
  // One bootable partition of everything.
  medium.set([0x80, 0, 1, 0, 0x17, 0xfe, 0xff, 0xff], 446);
  view.setUint32(458, bytes / 512, true);
  view.setUint16(510, MBR_SIGNATURE, true);
  const text = new TextEncoder();
  medium.set(text.encode("\x01CD001\x01"), VOLUME_BLOCK * BLOCK_BYTES);
  medium.set(parameters.imageId, VOLUME_BLOCK * BLOCK_BYTES + IMAGE_ID_OFFSET);
  medium.set(text.encode("\0CD001\x01EL TORITO SPECIFICATION"), BOOT_RECORD_BLOCK * BLOCK_BYTES);
  view.setUint32(BOOT_RECORD_BLOCK * BLOCK_BYTES + 0x47, CATALOGUE_BLOCK, true);
  medium.set(catalogue(), CATALOGUE_BLOCK * BLOCK_BYTES);
  medium.set(image, LOADER_BLOCK * BLOCK_BYTES);
  return medium;
}
