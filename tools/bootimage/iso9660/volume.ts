// Volume descriptors (ECMA-119, 8): the primary one, Joliet's supplementary one, El Torito's boot record, the end.

import { BLOCK_BYTES, IMAGE_ID_OFFSET } from "../parameters.ts";
import { type Extent, rootRecord } from "./directory.ts";
import { NO_TIME, paddedText, paddedUtf16, setBoth16, setBoth32, VOLUME_TIME } from "./fields.ts";

const TYPE_BOOT = 0;
const TYPE_PRIMARY = 1;
const TYPE_SUPPLEMENTARY = 2;
const TYPE_END = 255;
/** UCS-2 of level 3 (Joliet, "Escape Sequences Field"). */
const JOLIET_ESCAPE = "%/E";
const BOOT_SYSTEM = "EL TORITO SPECIFICATION";

/** The descriptors' blocks, from the end of the system area on. El Torito's place is fixed (specification 1.0, 2.0). */
export const FIRST_DESCRIPTOR_BLOCK = 16;
export const DESCRIPTOR_BLOCKS = 4;

export interface TreePlaces {
  root: Extent;
  pathTableBytes: number;
  /** Blocks of the path tables of type L and M. */
  pathTableL: number;
  pathTableM: number;
}

export interface VolumeOptions {
  /** Name of the volume: up to 16 characters, those of the plain tree's names. */
  volume: string;
  /** Blocks of the whole image. */
  blocks: number;
  /** 16 bytes for the primary descriptor's application use. */
  imageId: Uint8Array;
  plain: TreePlaces;
  joliet: TreePlaces;
  /** Block of the boot catalogue. */
  catalogue: number;
}

/** The four descriptors. */
export function writeDescriptors(options: VolumeOptions): Uint8Array {
  const primary = volumeDescriptor(TYPE_PRIMARY, options, options.plain, paddedText);
  primary.set(options.imageId, IMAGE_ID_OFFSET);
  const joliet = volumeDescriptor(TYPE_SUPPLEMENTARY, options, options.joliet, paddedUtf16);
  joliet.set(new TextEncoder().encode(JOLIET_ESCAPE), 88);
  const descriptors = [primary, bootRecord(options.catalogue), joliet, descriptor(TYPE_END)];
  return Buffer.concat(descriptors);
}

function descriptor(type: number): Uint8Array {
  const bytes = new Uint8Array(BLOCK_BYTES);
  bytes[0] = type;
  bytes.set(new TextEncoder().encode("CD001"), 1);
  bytes[6] = 1;
  return bytes;
}

/** Primary or supplementary descriptor (8.4 and 8.5). */
function volumeDescriptor(
  type: number,
  { volume, blocks }: VolumeOptions,
  places: TreePlaces,
  text: (text: string, length: number) => Uint8Array,
): Uint8Array {
  const bytes = descriptor(type);
  const view = new DataView(bytes.buffer);
  bytes.set(text("", 32), 8);
  bytes.set(text(volume, 32), 40);
  setBoth32(view, 80, blocks);
  setBoth16(view, 120, 1);
  setBoth16(view, 124, 1);
  setBoth16(view, 128, BLOCK_BYTES);
  setBoth32(view, 132, places.pathTableBytes);
  view.setUint32(140, places.pathTableL, true);
  view.setUint32(148, places.pathTableM, false);
  bytes.set(rootRecord(places.root), 156);
  // Volume set, publisher, preparer and application; names of files with copyright, abstract and bibliography.
  bytes.set(text("", 128), 190);
  bytes.set(text("", 128), 318);
  bytes.set(text("TRIHEDRON", 128), 446);
  bytes.set(text("", 128), 574);
  for (const at of [702, 739, 776]) bytes.set(text("", 36), at);
  for (const [at, time] of [VOLUME_TIME, VOLUME_TIME, NO_TIME, NO_TIME].entries()) {
    bytes.set(time, 813 + 17 * at);
  }
  view.setUint8(881, 1);
  return bytes;
}

/** Boot record volume descriptor (El Torito 1.0, figure 7). */
function bootRecord(catalogue: number): Uint8Array {
  const bytes = descriptor(TYPE_BOOT);
  bytes.set(new TextEncoder().encode(BOOT_SYSTEM), 7);
  new DataView(bytes.buffer).setUint32(0x47, catalogue, true);
  return bytes;
}
