// The boot image: one file that BIOS and UEFI start as a disk, a stick or a CD. docs/bootimage.md shows its layout.
// Sizes are known before anything is written; contents are read once, piece by piece, and what depends on them
// (file table, id, the loaders' parameters) is written last.

import { createHash } from "node:crypto";
import { checkEntries } from "./check.ts";
import {
  type BootConfiguration,
  CONFIGURATION_PATH,
  formatConfiguration,
  parseConfiguration,
} from "./config.ts";
import { crc32c } from "./crc32.ts";
import { BootImageError } from "./error.ts";
import { type FileTableEntry, fileTableBytes, writeFileTable } from "./file-table.ts";
import { writeCatalogue } from "./iso9660/el-torito.ts";
import { blocksOf, type IsoLayout, layOutVolume } from "./iso9660/layout.ts";
import { type IsoFile, shownPath } from "./iso9660/tree.ts";
import { DESCRIPTOR_BLOCKS, FIRST_DESCRIPTOR_BLOCK, writeDescriptors } from "./iso9660/volume.ts";
import { installBiosLoader } from "./loader/bios/install.ts";
import { installUefiLoader } from "./loader/uefi/install.ts";
import type { LoaderFiles } from "./loader-files.ts";
import { type FileIdentity, OutputFile } from "./output-file.ts";
import { BLOCK_BYTES, type BootParameters, IMAGE_ID_BYTES } from "./parameters.ts";
import { CLUSTER_BYTES, writeFat } from "./partition/fat.ts";
import { type GptPartition, writeGpt } from "./partition/gpt.ts";
import { derivedGuid, guidBytes } from "./partition/guid.ts";
import { SECTOR_BYTES, writeMbr } from "./partition/mbr.ts";
import { examineSource, readSource, type Source, type SourceFile } from "./sources.ts";

/** A file of the image. */
export interface ImageFile {
  /** Path in the image, from its root, `/` between folders. */
  path: string;
  /** Path on the host, or the contents. */
  source: Source;
}

/** What an AbortSignal is to an image's writer. */
export interface StopSignal {
  /** Throws where the work is to end. */
  throwIfAborted(): void;
}

export interface BootImageOptions {
  /** Where the image goes; it appears only when it is complete. An older file is replaced. */
  output: string;
  files: readonly ImageFile[];
  /** What is started, or the text of boot.conf itself. */
  configuration: BootConfiguration | string;
  /** The loader's files, or what gives them out once everything else is found to be right. */
  loader: LoaderFiles | (() => Promise<LoaderFiles>);
  /** Name of the medium: up to 16 capital letters, digits and underscores; TRIHEDRON by default. */
  volume?: string;
  /** Ends the work; nothing is left of the image. */
  signal?: StopSignal;
}

export interface BootImage {
  /** Bytes of the whole image. */
  size: number;
  /** 16 bytes that stand for its contents. */
  imageId: Uint8Array;
}

const TABLE_PATH = "boot/files.tab";
const BIOS_PATH = "boot/bios.bin";
const EFI_PATH = "boot/efi.img";
const CATALOGUE_PATH = "boot/boot.cat";
/** Paths that are taken in every image. */
export const OWN_PATHS: readonly string[] = [
  CONFIGURATION_PATH,
  TABLE_PATH,
  BIOS_PATH,
  EFI_PATH,
  CATALOGUE_PATH,
];
/** The loader in the EFI system partition, where UEFI looks on removable media (specification 2.10, 3.5.1.1). */
const EFI_LOADER = "EFI/BOOT/BOOTX64.EFI";

const CATALOGUE_BLOCK = FIRST_DESCRIPTOR_BLOCK + DESCRIPTOR_BLOCKS;
/** Partitions begin on multiples of 1 MiB. */
const ALIGNMENT = (1024 * 1024) / BLOCK_BYTES;
const SECTORS_PER_BLOCK = BLOCK_BYTES / SECTOR_BYTES;
/** Room in the EFI system partition beside the loader, for what firmware writes there. */
const EFI_FREE_BYTES = 256 * 1024;
const MOST_BLOCKS = 0xffff_ffff;

const EFI_SYSTEM_PARTITION = guidBytes("C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
const LINUX_DATA = guidBytes("0FC63DAF-8483-4772-8E79-3D69D8477DE4");
/** Attribute of a partition that nobody writes to (Discoverable Partitions Specification). */
const READ_ONLY = 1n << 60n;

const aligned = (block: number): number => Math.ceil(block / ALIGNMENT) * ALIGNMENT;

/** A file of the image whose place and source are known. */
interface PlacedFile extends IsoFile {
  source: SourceFile;
}

/** Writes a boot image. Throws `BootImageError`, and the signal's reason where that ends the work. */
export async function writeBootImage(options: BootImageOptions): Promise<BootImage> {
  const { configuration, volume = "TRIHEDRON", signal } = options;
  if (!/^[A-Z0-9_]{1,16}$/.test(volume)) {
    throw new BootImageError(
      `volume name ${JSON.stringify(volume)}: up to 16 capital letters, digits and underscores are possible`,
    );
  }
  const text =
    typeof configuration === "string" ? configuration : formatConfiguration(configuration);
  const parsed = parseConfiguration(text, CONFIGURATION_PATH);
  const files = await examineFiles(options.files, text);
  // Of two files with one path the first one counts here; that there are two is for the layout to say.
  await checkEntries(
    parsed,
    new Map(files.map(({ path, source }) => [path, source] as const).reverse()),
  );
  const loader = typeof options.loader === "function" ? await options.loader() : options.loader;
  const plan = planImage(files, loader);
  signal?.throwIfAborted();
  const inputs = new Map<string, FileIdentity>();
  for (const { source } of files) {
    if (source.identity !== undefined) inputs.set(source.source as string, source.identity);
  }
  const output = await OutputFile.create(options.output, inputs);
  try {
    const imageId = await new ImageWriter(plan, output, loader, volume, signal).write();
    await output.complete();
    return { size: plan.blocks * BLOCK_BYTES, imageId };
  } catch (error) {
    await output.discard();
    throw error;
  }
}

/** Sources with their sizes, boot.conf among them; files of the host that are named twice are stored once. */
async function examineFiles(files: readonly ImageFile[], text: string): Promise<PlacedFile[]> {
  const placed: PlacedFile[] = [];
  const known = new Map<unknown, PlacedFile>();
  const configuration: ImageFile = {
    path: CONFIGURATION_PATH,
    source: new TextEncoder().encode(text),
  };
  for (const { path, source } of files) {
    if (OWN_PATHS.includes(path)) {
      throw new BootImageError(
        `${path}: the image has a file of its own there; choose another path`,
      );
    }
    if (typeof source === "string" && source.includes("\0")) {
      throw new BootImageError(`${shownPath(source)}: a path has no NUL character`);
    }
  }
  for (const { path, source } of [configuration, ...files]) {
    const examined = await examineSource(source);
    const { identity, size } = examined;
    const key = identity ? `${identity.dev} ${identity.ino}` : source;
    const same = known.get(key);
    const file: PlacedFile = { path, size, source: examined };
    if (same !== undefined) file.sameAs = same;
    else known.set(key, file);
    placed.push(file);
  }
  return placed;
}

/** Where everything lies, in blocks. */
interface Plan {
  files: readonly PlacedFile[];
  layout: IsoLayout;
  tableBytes: number;
  table: number;
  bios: number;
  efi: number;
  efiBytes: number;
  /** First block of path tables and directories; files follow. */
  directories: number;
  /** The first block behind the files, aligned. */
  filesEnd: number;
  /** Of the whole image. */
  blocks: number;
}

/**
 * Boot records and the BIOS loader come first, where even an old BIOS reads; then the EFI system partition; then
 * directories and files, which are a partition too, so that nobody takes their place for free. Behind all of it
 * is as much again as a partition's alignment: the backup of the GPT, and room for CD drives that read ahead.
 */
function planImage(files: readonly PlacedFile[], loader: LoaderFiles): Plan {
  const bios = CATALOGUE_BLOCK + 1;
  const efi = aligned(bios + blocksOf(loader.bios.length));
  const efiBytes = aligned(blocksOf(loader.efi.length + EFI_FREE_BYTES)) * BLOCK_BYTES;
  const directories = efi + efiBytes / BLOCK_BYTES;
  const tableBytes = fileTableBytes(files.map(({ path }) => path));
  const table: IsoFile = { path: TABLE_PATH, size: tableBytes };
  const own: IsoFile[] = [
    { path: CATALOGUE_PATH, size: BLOCK_BYTES, block: CATALOGUE_BLOCK },
    { path: BIOS_PATH, size: loader.bios.length, block: bios },
    { path: EFI_PATH, size: efiBytes, block: efi },
    table,
  ];
  const layout = layOutVolume([...own, ...files], directories);
  const filesEnd = aligned(layout.end);
  const blocks = filesEnd + ALIGNMENT;
  if (blocks > MOST_BLOCKS) {
    throw new BootImageError("the image gets larger than the 8 TiB that ISO 9660 counts");
  }
  return {
    files,
    layout,
    tableBytes,
    table: layout.blocks.get(table) as number,
    bios,
    efi,
    efiBytes,
    directories,
    filesEnd,
    blocks,
  };
}

class ImageWriter {
  readonly #plan: Plan;
  readonly #output: OutputFile;
  readonly #loader: LoaderFiles;
  readonly #volume: string;
  readonly #signal: StopSignal | undefined;
  readonly #hash = createHash("sha256");

  constructor(
    plan: Plan,
    output: OutputFile,
    loader: LoaderFiles,
    volume: string,
    signal: StopSignal | undefined,
  ) {
    this.#plan = plan;
    this.#output = output;
    this.#loader = loader;
    this.#volume = volume;
    this.#signal = signal;
  }

  /** Writes everything; the image's id. */
  async write(): Promise<Uint8Array> {
    const { layout, directories, table, tableBytes, blocks } = this.#plan;
    await this.#put(directories, layout.directories);
    await this.#zeros(table * BLOCK_BYTES + tableBytes, blocksOf(tableBytes) + table);
    const entries = await this.#copyFiles();
    await this.#zeros(layout.end * BLOCK_BYTES, blocks);
    const tableContents = writeFileTable(entries);
    await this.#put(table, tableContents);
    const imageId = this.#imageId();
    const parameters = { imageId, tableBlock: table, tableBytes, tableCrc: crc32c(tableContents) };
    await this.#writeFront(parameters);
    const { backup } = this.#gpt(imageId);
    await this.#output.write(backup, blocks * BLOCK_BYTES - backup.length);
    return imageId;
  }

  #put(block: number, bytes: Uint8Array): Promise<void> {
    return this.#output.write(bytes, block * BLOCK_BYTES);
  }

  /** Zeros from a byte on up to the beginning of a block: an image has no holes, wherever it is copied to. */
  async #zeros(from: number, toBlock: number): Promise<void> {
    const zeros = new Uint8Array(Math.min(toBlock * BLOCK_BYTES - from, 1024 * 1024));
    for (let at = from; at < toBlock * BLOCK_BYTES; at += zeros.length) {
      const rest = toBlock * BLOCK_BYTES - at;
      await this.#output.write(zeros.subarray(0, Math.min(rest, zeros.length)), at);
    }
  }

  /** Copies contents, with their checksums on the way. */
  async #copyFiles(): Promise<FileTableEntry[]> {
    const { files, layout } = this.#plan;
    const checksums = new Map<IsoFile, number>();
    const entries: FileTableEntry[] = [];
    this.#describe(this.#volume, this.#loader.mbr.length, this.#loader.bios.length);
    this.#hash.update(this.#loader.mbr).update(this.#loader.bios).update(this.#loader.efi);
    for (const file of files) {
      const { path, size, source, sameAs } = file;
      const block = layout.blocks.get(file) as number;
      this.#describe(path, size, block);
      if (sameAs === undefined) {
        let crc = 0;
        let at = block * BLOCK_BYTES;
        for await (const piece of readSource(source)) {
          this.#signal?.throwIfAborted();
          crc = crc32c(piece, crc);
          this.#hash.update(piece);
          await this.#output.write(piece, at);
          at += piece.length;
        }
        await this.#zeros(at, block + blocksOf(size));
        checksums.set(file, crc);
      }
      entries.push({ path, size, block, crc: checksums.get(sameAs ?? file) as number });
    }
    return entries;
  }

  #describe(...facts: (string | number)[]): void {
    this.#hash.update(`${JSON.stringify(facts)}\n`);
  }

  #imageId(): Uint8Array {
    return new Uint8Array(this.#hash.digest().subarray(0, IMAGE_ID_BYTES));
  }

  /** Boot records, descriptors and loaders. */
  async #writeFront(found: Omit<BootParameters, "loaderBlock" | "loaderBytes">): Promise<void> {
    const { bios, efi, efiBytes, layout, blocks } = this.#plan;
    // Copies: a Buffer's slice would be the caller's own bytes.
    const { mbr, image } = installBiosLoader(
      { mbr: new Uint8Array(this.#loader.mbr), image: new Uint8Array(this.#loader.bios) },
      { ...found, loaderBlock: bios, loaderBytes: this.#loader.bios.length },
    );
    const { plain, joliet } = layout;
    const front = new Uint8Array(efi * BLOCK_BYTES);
    front.set(this.#mbr(mbr, found.imageId));
    front.set(this.#gpt(found.imageId).primary, SECTOR_BYTES);
    front.set(
      writeDescriptors({
        volume: this.#volume,
        blocks,
        imageId: found.imageId,
        plain,
        joliet,
        catalogue: CATALOGUE_BLOCK,
      }),
      FIRST_DESCRIPTOR_BLOCK * BLOCK_BYTES,
    );
    const catalogue = writeCatalogue({ biosBlock: bios, efiBlock: efi, efiBytes });
    front.set(catalogue, CATALOGUE_BLOCK * BLOCK_BYTES);
    front.set(image, bios * BLOCK_BYTES);
    await this.#put(0, front);
    await this.#put(efi, this.#efiPartition(found));
  }

  /** The EFI system partition: the place of the loader in it is among the loader's own parameters. */
  #efiPartition(found: Omit<BootParameters, "loaderBlock" | "loaderBytes">): Uint8Array {
    const { efi, efiBytes } = this.#plan;
    const contents = this.#loader.efi;
    const fat = writeFat({
      bytes: efiBytes,
      hiddenSectors: efi * SECTORS_PER_BLOCK,
      serial: new DataView(found.imageId.buffer, found.imageId.byteOffset).getUint32(4, true),
      label: "TRIHEDRON",
      files: [{ path: EFI_LOADER, contents }],
    });
    const offset = fat.offsets.get(EFI_LOADER) as number;
    const loaderBlock = efi + offset / CLUSTER_BYTES;
    const inside = fat.bytes.subarray(offset, offset + contents.length);
    installUefiLoader(inside, { ...found, loaderBlock, loaderBytes: contents.length });
    return fat.bytes;
  }

  #mbr(code: Uint8Array, imageId: Uint8Array): Uint8Array {
    const signature = new DataView(imageId.buffer, imageId.byteOffset).getUint32(0, true);
    return writeMbr({ code, signature, sectors: this.#plan.blocks * SECTORS_PER_BLOCK });
  }

  #gpt(imageId: Uint8Array): { primary: Uint8Array; backup: Uint8Array } {
    const { blocks, efi, directories, filesEnd } = this.#plan;
    const partition = (from: number, to: number) => ({
      first: from * SECTORS_PER_BLOCK,
      last: to * SECTORS_PER_BLOCK - 1,
    });
    const partitions: GptPartition[] = [
      {
        type: EFI_SYSTEM_PARTITION,
        id: derivedGuid(imageId, "EFI system partition"),
        ...partition(efi, directories),
        name: "EFI system partition",
      },
      {
        type: LINUX_DATA,
        id: derivedGuid(imageId, "files"),
        ...partition(directories, filesEnd),
        name: "Files of the image",
        attributes: READ_ONLY,
      },
    ];
    const diskId = derivedGuid(imageId, "disk");
    return writeGpt({ sectors: blocks * SECTORS_PER_BLOCK, diskId, partitions });
  }
}
