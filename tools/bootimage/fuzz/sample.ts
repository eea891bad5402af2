// One random boot image, written and read again by the loader's own way: file table, blocks, checksums. Other
// programs read it afterwards (readers.ts).

import { closeSync, openSync, readSync, statSync } from "node:fs";
import { crc32c } from "../crc32.ts";
import { readFileTable } from "../file-table.ts";
import { writeBootImage } from "../image.ts";
import type { LoaderFiles } from "../loader-files.ts";
import { BLOCK_BYTES, IMAGE_ID_OFFSET, readParameters } from "../parameters.ts";
import { randomFiles, type SetFile } from "./file-sets.ts";
import type { ReadImage } from "./readers.ts";
import { standInLoader, standInMultiboot } from "./stand-in.ts";

const CONFIGURATION = "title T\nkernel k a b c\n";
/** Where the loaders are: El Torito and GPT tell the same to firmware. */
const BIOS_BLOCK = 21;

export interface Sample extends ReadImage {
  /** What the loader's own way of reading finds wrong. */
  complaints: string[];
}

/** Loaders of sizes that differ from seed to seed, the smallest and large ones among them. */
function loaderOf(seed: number): LoaderFiles {
  const sizes = [2048 + 5100, 30_000, 200_001, 1_100_000];
  return standInLoader(sizes[seed % 4], 8000 + ((seed * 70_001) % 3_000_000));
}

/** Writes the image of a seed to `output`. */
export async function writeSample(seed: number, output: string): Promise<Sample> {
  const files = [{ path: "k", contents: standInMultiboot() }, ...randomFiles(seed)];
  const { imageId, size } = await writeBootImage({
    output,
    files: files.map(({ path, contents }) => ({ path, source: contents })),
    configuration: CONFIGURATION,
    loader: loaderOf(seed),
  });
  return readSample(output, files, imageId, size);
}

function readSample(
  image: string,
  files: readonly SetFile[],
  imageId: Uint8Array,
  size: number,
): Sample {
  const file = openSync(image, "r");
  const read = (block: number, bytes: number): Uint8Array => {
    const part = new Uint8Array(bytes);
    readSync(file, part, 0, bytes, block * BLOCK_BYTES);
    return part;
  };
  try {
    const complaints: string[] = [];
    const expect = (truth: boolean, what: string): void => {
      if (!truth) complaints.push(what);
    };
    expect(statSync(image).size === size, "has another size than it says");
    const biosBytes = readParameters(read(BIOS_BLOCK, 10_000)).loaderBytes;
    const bios = read(BIOS_BLOCK, biosBytes);
    const parameters = readParameters(bios);
    expect(parameters.loaderBlock === BIOS_BLOCK, "bios.bin does not know its place");
    const descriptor = read(16, BLOCK_BYTES).subarray(IMAGE_ID_OFFSET, IMAGE_ID_OFFSET + 16);
    for (const id of [imageId, parameters.imageId]) {
      expect(Buffer.from(descriptor).equals(id), "the image's ids differ");
    }
    const table = read(parameters.tableBlock, parameters.tableBytes);
    expect(crc32c(table) === parameters.tableCrc, "the file table has another checksum");
    const entries = new Map(readFileTable(table).map((entry) => [entry.path, entry]));
    const configuration = { path: "boot/boot.conf", contents: Buffer.from(CONFIGURATION) };
    expect(entries.size === files.length + 1, "the file table has other files");
    for (const { path, contents } of [configuration, ...files]) {
      const entry = entries.get(path);
      const there = entry && read(entry.block, entry.size);
      expect(there !== undefined && Buffer.from(there).equals(contents), `${path}: other contents`);
      expect(entry?.crc === crc32c(contents), `${path}: another checksum`);
    }
    const efi = efiPartition(read(0, 2 * BLOCK_BYTES));
    const partition = read(efi.offset / BLOCK_BYTES, efi.bytes);
    const inside = readParameters(partition);
    const start = inside.loaderBlock * BLOCK_BYTES - efi.offset;
    const loader = partition.slice(start, start + inside.loaderBytes);
    const own = [
      { path: "boot/boot.cat", contents: read(20, BLOCK_BYTES) },
      { path: "boot/bios.bin", contents: bios },
      { path: "boot/files.tab", contents: table },
      { path: "boot/efi.img", contents: partition },
    ];
    return { image, files: [configuration, ...files, ...own], efi: { ...efi, loader }, complaints };
  } finally {
    closeSync(file);
  }
}

/** The first partition of the GPT behind the MBR. */
function efiPartition(beginning: Uint8Array): { offset: number; bytes: number } {
  const entry = new DataView(beginning.buffer, beginning.byteOffset + 2 * 512, 128);
  const first = Number(entry.getBigUint64(32, true));
  const last = Number(entry.getBigUint64(40, true));
  return { offset: first * 512, bytes: (last - first + 1) * 512 };
}
