// Formats of disk images, told by how they begin as QEMU tells them (its drivers' bdrv_probe); those without a reader are
// refused by name.

import { LoadError } from "../load-error.ts";
import type { ImageFormat, ImageSource } from "./image.ts";
import { CONVERT, MAGIC } from "./qcow2/header.ts";
import { type OpenBacking, openQcow2 } from "./qcow2/image.ts";

export const IMAGE_FORMATS: readonly ImageFormat[] = ["raw", "qcow2"];
/** Formats of QEMU's that there is no reader for. */
export const FOREIGN_FORMATS = [
  ...["qcow", "qed", "vmdk", "vdi", "vhdx", "vpc", "parallels"],
  ...["bochs", "cloop", "dmg", "luks"],
] as const;
export type ForeignFormat = (typeof FOREIGN_FORMATS)[number];

const PROBED = 512;
const TEXTS: readonly (readonly [at: number, text: string, format: ForeignFormat])[] = [
  [0, "QED\0", "qed"],
  [0, "KDMV", "vmdk"],
  [0, "COWD", "vmdk"],
  [0, "# Disk DescriptorFile", "vmdk"],
  [0x40, "\x7f\x10\xda\xbe", "vdi"],
  [0, "vhdxfile", "vhdx"],
  [0, "conectix", "vpc"],
  [0, "WithoutFreeSpace", "parallels"],
  [0, "WithouFreSpacExt", "parallels"],
];

/** What the beginning of a file says that it is. */
function formatOf(head: Uint8Array): ImageFormat | ForeignFormat {
  const text = String.fromCharCode(...head.subarray(0, PROBED));
  const found = TEXTS.find(([at, word]) => text.startsWith(word, at));
  if (found !== undefined) return found[2];
  if (head.length < 8) return "raw";
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  if (view.getUint32(0) !== MAGIC) return "raw";
  return view.getUint32(4) === 1 ? "qcow" : "qcow2";
}

/** What to say of a format without a reader. */
export const noReader = (format: string): string =>
  `there is no reader for ${format} images; ${CONVERT}`;

/**
 * The disk in a file. Without a format it is found out; then the first sector of a raw disk cannot become the beginning
 * of another format, with which a guest could name any file of the host as backing file. Throws `LoadError`.
 */
export function openFormat(
  file: ImageSource,
  format: ImageFormat | undefined,
  openBacking: OpenBacking,
): ImageSource {
  if (format === "raw") return file;
  if (format === "qcow2") return openQcow2(file, openBacking);
  const found = formatOf(file.read(0, Math.min(PROBED, file.size)));
  if (found === "qcow2") return openQcow2(file, openBacking);
  if (found !== "raw") throw new LoadError(`disk ${file.name}: ${noReader(found)}`);
  return file.write === undefined ? file : guarded(file);
}

function guarded(file: ImageSource): ImageSource {
  return {
    name: file.name,
    size: file.size,
    read: (offset, length) => file.read(offset, length),
    write(offset, bytes) {
      if (offset < PROBED) {
        const head = file.read(0, Math.min(PROBED, file.size));
        head.set(bytes.subarray(0, head.length - offset), offset);
        const found = formatOf(head);
        if (found !== "raw") {
          throw new Error(
            `its first sector would make it a ${found} image, and format=raw was not given`,
          );
        }
      }
      file.write?.(offset, bytes);
    },
    flush: () => file.flush?.(),
    close: () => file.close?.(),
  };
}
