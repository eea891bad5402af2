// FAT file systems (Microsoft's FAT specification 1.03; ECMA-107): FAT12, FAT16 or FAT32, whichever the number of
// clusters makes it, for an EFI system partition. Files have names of 8.3 characters and lie in one piece, on
// multiples of 2048 bytes.

import { BootImageError } from "../error.ts";
import { SECTOR_BYTES } from "./mbr.ts";

export interface FatFile {
  /** Folders and name of 8.3 characters each: `EFI/BOOT/BOOTX64.EFI`. */
  path: string;
  contents: Uint8Array;
}

export interface FatOptions {
  /** Bytes of the file system, a multiple of 2048. */
  bytes: number;
  /** Sectors of the disk in front of it. */
  hiddenSectors: number;
  /** 32 bits. */
  serial: number;
  /** Up to 11 characters. */
  label: string;
  files: readonly FatFile[];
}

export interface FatImage {
  bytes: Uint8Array;
  /** Where each file begins, in bytes from the file system's start. */
  offsets: ReadonlyMap<string, number>;
}

type FatBits = 12 | 16 | 32;

const SECTORS_PER_CLUSTER = 4;
export const CLUSTER_BYTES = SECTORS_PER_CLUSTER * SECTOR_BYTES;
/** The number of clusters alone says which FAT it is (section 3.5). */
const LEAST_CLUSTERS_FAT16 = 4085;
const LEAST_CLUSTERS_FAT32 = 65_525;
const MOST_CLUSTERS_FAT32 = 0x0fff_fff5;
const LEAST_RESERVED_FAT32 = 32;
const FATS = 2;
const RECORD_BYTES = 32;
const ROOT_RECORDS = 512;
const MEDIA_FIXED = 0xf8;
const ATTRIBUTE_VOLUME = 0x08;
const ATTRIBUTE_DIRECTORY = 0x10;
const ATTRIBUTE_ARCHIVE = 0x20;
/** 1 January 1980, the first day there is. */
const FIRST_DATE = 0x0021;
const BACKUP_BOOT_SECTOR = 6;
const INFO_SECTOR = 1;

/** Sectors of the areas in front of the clusters. */
interface Geometry {
  bits: FatBits;
  reserved: number;
  fatSectors: number;
  rootSectors: number;
  clusters: number;
  /** First sector of the clusters. */
  data: number;
}

/**
 * The areas for a kind of FAT. Reserved sectors fill up until the clusters begin on a multiple of their size.
 */
function areasOf(sectors: number, bits: FatBits): Geometry {
  const least = bits === 32 ? LEAST_RESERVED_FAT32 : 1;
  const rootSectors = bits === 32 ? 0 : (ROOT_RECORDS * RECORD_BYTES) / SECTOR_BYTES;
  const most = Math.floor((sectors - least - rootSectors) / SECTORS_PER_CLUSTER);
  const fatSectors = Math.ceil(((most + 2) * bits) / 8 / SECTOR_BYTES);
  const needed = least + FATS * fatSectors + rootSectors;
  const data = Math.ceil(needed / SECTORS_PER_CLUSTER) * SECTORS_PER_CLUSTER;
  const reserved = least + data - needed;
  const clusters = Math.floor((sectors - data) / SECTORS_PER_CLUSTER);
  return { bits, reserved, fatSectors, rootSectors, clusters, data };
}

/** The kind that the number of clusters makes it, where a kind that leaves fewer may take some of them away. */
function geometryOf(bytes: number): Geometry {
  const sectors = Math.floor(bytes / SECTOR_BYTES);
  const kinds = [
    { ...areasOf(sectors, 32), least: LEAST_CLUSTERS_FAT32, most: MOST_CLUSTERS_FAT32 },
    { ...areasOf(sectors, 16), least: LEAST_CLUSTERS_FAT16, most: LEAST_CLUSTERS_FAT32 - 1 },
    { ...areasOf(sectors, 12), least: 1, most: LEAST_CLUSTERS_FAT16 - 1 },
  ];
  const kind = kinds.find(({ clusters, least }) => clusters >= least);
  if (kind === undefined || kind.clusters > MOST_CLUSTERS_FAT32) {
    throw new BootImageError(
      `no FAT file system has ${bytes} bytes in clusters of ${CLUSTER_BYTES}`,
    );
  }
  const { least, most, clusters, ...areas } = kind;
  return { ...areas, clusters: Math.min(clusters, most) };
}

/** A folder while the tree is built. */
interface Folder {
  name: string;
  folders: Map<string, Folder>;
  files: Map<string, FatFile>;
  /** Its first cluster; 0 for the root of FAT12 and FAT16. */
  cluster: number;
}

/** Makes the file system. Throws `BootImageError` for names that are not 8.3 and files that find no room. */
export function writeFat(options: FatOptions): FatImage {
  const geometry = geometryOf(options.bytes);
  const fat = new Fat(geometry, options);
  return fat.write();
}

class Fat {
  readonly #geometry: Geometry;
  readonly #options: FatOptions;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #offsets = new Map<string, number>();
  #next = 2;

  constructor(geometry: Geometry, options: FatOptions) {
    this.#geometry = geometry;
    this.#options = options;
    this.#bytes = new Uint8Array(options.bytes);
    this.#view = new DataView(this.#bytes.buffer);
  }

  write(): FatImage {
    const { bits } = this.#geometry;
    const root = treeOf(this.#options.files);
    this.#setEntry(0, 0x0fff_ff00 | MEDIA_FIXED);
    this.#setEntry(1, 0x0fff_ffff);
    const label = [record(padded(this.#options.label.toUpperCase(), 11), ATTRIBUTE_VOLUME, 0, 0)];
    if (bits === 32) root.cluster = this.#allocate(this.#folderBytes(root, label.length));
    const records = [...label, ...this.#place(root)];
    this.#put(records, root.cluster === 0 ? this.#rootOffset() : this.#offsetOf(root.cluster));
    if (root.cluster === 0 && records.length > ROOT_RECORDS) {
      throw new BootImageError(`FAT: more than ${ROOT_RECORDS - 1} files in the root folder`);
    }
    this.#writeBootSector(root.cluster);
    this.#copyFat();
    return { bytes: this.#bytes, offsets: this.#offsets };
  }

  #rootOffset(): number {
    const { reserved, fatSectors } = this.#geometry;
    return (reserved + FATS * fatSectors) * SECTOR_BYTES;
  }

  #offsetOf(cluster: number): number {
    return this.#geometry.data * SECTOR_BYTES + (cluster - 2) * CLUSTER_BYTES;
  }

  #folderBytes(folder: Folder, more: number): number {
    return (folder.folders.size + folder.files.size + more) * RECORD_BYTES;
  }

  /** A chain of clusters in one piece; 0 for none. */
  #allocate(bytes: number): number {
    const count = Math.ceil(bytes / CLUSTER_BYTES);
    if (count === 0) return 0;
    const first = this.#next;
    if (first + count > this.#geometry.clusters + 2) {
      throw new BootImageError(`FAT: ${this.#options.bytes} bytes are too few for its files`);
    }
    this.#next += count;
    for (let cluster = first; cluster < this.#next - 1; cluster++) {
      this.#setEntry(cluster, cluster + 1);
    }
    this.#setEntry(this.#next - 1, 0x0fff_ffff);
    return first;
  }

  /** Records of a folder's members, which are placed on the way. */
  #place(folder: Folder, path = ""): Uint8Array[] {
    const records: Uint8Array[] = [];
    for (const [name, inner] of folder.folders) {
      inner.cluster = this.#allocate(this.#folderBytes(inner, 2));
      records.push(record(shortName(name, path), ATTRIBUTE_DIRECTORY, inner.cluster, 0));
      this.#put(
        [
          record(padded(".", 11), ATTRIBUTE_DIRECTORY, inner.cluster, 0),
          // The root counts as cluster 0 here whatever it is (section 6.5).
          record(padded("..", 11), ATTRIBUTE_DIRECTORY, path === "" ? 0 : folder.cluster, 0),
          ...this.#place(inner, `${path}${name}/`),
        ],
        this.#offsetOf(inner.cluster),
      );
    }
    for (const [name, { contents }] of folder.files) {
      const cluster = this.#allocate(contents.length);
      records.push(record(shortName(name, path), ATTRIBUTE_ARCHIVE, cluster, contents.length));
      if (cluster !== 0) this.#bytes.set(contents, this.#offsetOf(cluster));
      this.#offsets.set(`${path}${name}`, cluster === 0 ? 0 : this.#offsetOf(cluster));
    }
    return records;
  }

  #put(records: readonly Uint8Array[], offset: number): void {
    for (const [index, bytes] of records.entries()) {
      this.#bytes.set(bytes, offset + index * RECORD_BYTES);
    }
  }

  #setEntry(cluster: number, value: number): void {
    const { bits, reserved } = this.#geometry;
    const start = reserved * SECTOR_BYTES;
    if (bits === 32) this.#view.setUint32(start + 4 * cluster, value & 0x0fff_ffff, true);
    if (bits === 16) this.#view.setUint16(start + 2 * cluster, value & 0xffff, true);
    if (bits !== 12) return;
    const at = start + Math.floor((cluster * 3) / 2);
    const both = this.#view.getUint16(at, true);
    const odd = cluster % 2 === 1;
    const merged = odd
      ? (both & 0x000f) | ((value & 0xfff) << 4)
      : (both & 0xf000) | (value & 0xfff);
    this.#view.setUint16(at, merged, true);
  }

  #copyFat(): void {
    const { reserved, fatSectors } = this.#geometry;
    const start = reserved * SECTOR_BYTES;
    const bytes = fatSectors * SECTOR_BYTES;
    this.#bytes.copyWithin(start + bytes, start, start + bytes);
  }

  /** Boot sector with the BIOS parameter block (sections 3.1 to 3.3), and FAT32's further sectors. */
  #writeBootSector(rootCluster: number): void {
    const { bits, reserved, fatSectors, rootSectors, clusters, data } = this.#geometry;
    const { hiddenSectors, serial, label } = this.#options;
    const boot = this.#bytes.subarray(0, SECTOR_BYTES);
    const view = this.#view;
    const sectors = data + clusters * SECTORS_PER_CLUSTER;
    const text = new TextEncoder();
    const isFat32 = bits === 32;
    const extended = isFat32 ? 64 : 36;
    // A jump over the parameters to an endless loop: nothing boots from here by itself.
    boot.set([0xeb, extended + 26 - 2, 0x90]);
    boot.set([0xeb, 0xfe], extended + 26);
    boot.set(text.encode("MSWIN4.1"), 3);
    view.setUint16(11, SECTOR_BYTES, true);
    view.setUint8(13, SECTORS_PER_CLUSTER);
    view.setUint16(14, reserved, true);
    view.setUint8(16, FATS);
    view.setUint16(17, (rootSectors * SECTOR_BYTES) / RECORD_BYTES, true);
    if (!isFat32 && sectors < 0x1_0000) view.setUint16(19, sectors, true);
    else view.setUint32(32, sectors, true);
    view.setUint8(21, MEDIA_FIXED);
    if (!isFat32) view.setUint16(22, fatSectors, true);
    view.setUint16(24, 63, true);
    view.setUint16(26, 255, true);
    view.setUint32(28, hiddenSectors, true);
    if (isFat32) {
      view.setUint32(36, fatSectors, true);
      view.setUint32(44, rootCluster, true);
      view.setUint16(48, INFO_SECTOR, true);
      view.setUint16(50, BACKUP_BOOT_SECTOR, true);
    }
    view.setUint8(extended, 0x80);
    view.setUint8(extended + 2, 0x29);
    view.setUint32(extended + 3, serial, true);
    boot.set(padded(label.toUpperCase(), 11), extended + 7);
    boot.set(padded(`FAT${bits}`, 8), extended + 18);
    boot.set([0x55, 0xaa], 510);
    if (!isFat32) return;
    const info = INFO_SECTOR * SECTOR_BYTES;
    view.setUint32(info, 0x4161_5252, true);
    view.setUint32(info + 484, 0x6141_7272, true);
    view.setUint32(info + 488, clusters + 2 - this.#next, true);
    view.setUint32(info + 492, this.#next, true);
    view.setUint32(info + 508, 0xaa55_0000, true);
    this.#bytes.copyWithin(BACKUP_BOOT_SECTOR * SECTOR_BYTES, 0, 2 * SECTOR_BYTES);
  }
}

function treeOf(files: readonly FatFile[]): Folder {
  const folder = (name: string): Folder => ({
    name,
    folders: new Map(),
    files: new Map(),
    cluster: 0,
  });
  const root = folder("");
  for (const file of files) {
    const parts = file.path.split("/");
    const name = parts.pop() ?? "";
    let place = root;
    for (const part of parts) {
      const inner = place.folders.get(part) ?? folder(part);
      place.folders.set(part, inner);
      place = inner;
    }
    if (place.files.has(name) || place.folders.has(name)) {
      throw new BootImageError(`FAT: ${file.path} is there twice`);
    }
    place.files.set(name, file);
  }
  return root;
}

function padded(text: string, length: number): Uint8Array {
  return new TextEncoder().encode(text.padEnd(length)).subarray(0, length);
}

/** The 11 characters of a record's name. */
function shortName(name: string, path: string): Uint8Array {
  const match = /^(?<base>[A-Z0-9_-]{1,8})(?:\.(?<extension>[A-Z0-9_-]{1,3}))?$/.exec(name);
  if (match === null) throw new BootImageError(`FAT: ${path}${name} has no name of 8.3 characters`);
  const { base = "", extension = "" } = match.groups ?? {};
  return padded(base.padEnd(8) + extension, 11);
}

/** A directory record (section 6). */
function record(name: Uint8Array, attributes: number, cluster: number, bytes: number): Uint8Array {
  const record = new Uint8Array(RECORD_BYTES);
  const view = new DataView(record.buffer);
  record.set(name);
  view.setUint8(11, attributes);
  view.setUint16(16, FIRST_DATE, true);
  view.setUint16(18, FIRST_DATE, true);
  view.setUint16(20, cluster >>> 16, true);
  view.setUint16(24, FIRST_DATE, true);
  view.setUint16(26, cluster & 0xffff, true);
  view.setUint32(28, bytes, true);
  return record;
}
