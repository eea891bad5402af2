// The boot parameters: 48 bytes in each loader's binary that tell it which image it belongs to and where in it
// the file table lies. A binary is built once; whoever makes an image fills in the parameters.
//
//   offset size
//        0    8  "TRIHBOOT"
//        8   16  image id, which stands in the primary volume descriptor too (IMAGE_ID_OFFSET)
//       24    4  first block of the file table
//       28    4  bytes of the file table
//       32    4  CRC-32C of the whole file table
//       36    4  first block of the loader
//       40    4  bytes of the loader
//       44    4  reserved, 0
//
// Numbers are little-endian, blocks have 2048 bytes and count from the image's start.

import { BootImageError } from "./error.ts";

export interface BootParameters {
  /** 16 bytes, a hash of the image's contents. */
  imageId: Uint8Array;
  /** First block of the file table. */
  tableBlock: number;
  tableBytes: number;
  /** CRC-32C of the whole table. */
  tableCrc: number;
  /** First block of the loader itself, bios.bin or bootx64.efi. */
  loaderBlock: number;
  loaderBytes: number;
}

/** Bytes of a block of the image. */
export const BLOCK_BYTES = 2048;
/** What the parameters begin with, eight ASCII letters. */
export const PARAMETERS_MAGIC = "TRIHBOOT";
export const PARAMETERS_BYTES = 48;
export const IMAGE_ID_BYTES = 16;
/** Where the image id stands in the primary volume descriptor: in its area for application use (ECMA-119, 8.4.32). */
export const IMAGE_ID_OFFSET = 883;

/** Offset of the only occurrence of the parameters' magic. Throws `BootImageError`. */
export function findParameters(binary: Uint8Array, name = "the loader"): number {
  const bytes = Buffer.from(binary.buffer, binary.byteOffset, binary.byteLength);
  const at = bytes.indexOf(PARAMETERS_MAGIC, 0, "latin1");
  if (at < 0 || at + PARAMETERS_BYTES > bytes.length) {
    throw new BootImageError(`${name}: has no place for boot parameters; build it again`);
  }
  if (bytes.indexOf(PARAMETERS_MAGIC, at + 1, "latin1") >= 0) {
    throw new BootImageError(`${name}: has two places for boot parameters; build it again`);
  }
  return at;
}

/** Fills in the boot parameters of a loader, in place. `name` is said in errors. Throws `BootImageError`. */
export function writeParameters(
  binary: Uint8Array,
  parameters: BootParameters,
  name?: string,
): void {
  const at = findParameters(binary, name);
  const view = new DataView(binary.buffer, binary.byteOffset + at, PARAMETERS_BYTES);
  binary.set(parameters.imageId.subarray(0, IMAGE_ID_BYTES), at + 8);
  view.setUint32(24, parameters.tableBlock, true);
  view.setUint32(28, parameters.tableBytes, true);
  view.setUint32(32, parameters.tableCrc, true);
  view.setUint32(36, parameters.loaderBlock, true);
  view.setUint32(40, parameters.loaderBytes, true);
  view.setUint32(44, 0, true);
}

/** The boot parameters of a loader. Throws `BootImageError`. */
export function readParameters(binary: Uint8Array, name?: string): BootParameters {
  const at = findParameters(binary, name);
  const view = new DataView(binary.buffer, binary.byteOffset + at, PARAMETERS_BYTES);
  return {
    imageId: new Uint8Array(binary.subarray(at + 8, at + 8 + IMAGE_ID_BYTES)),
    tableBlock: view.getUint32(24, true),
    tableBytes: view.getUint32(28, true),
    tableCrc: view.getUint32(32, true),
    loaderBlock: view.getUint32(36, true),
    loaderBytes: view.getUint32(40, true),
  };
}
