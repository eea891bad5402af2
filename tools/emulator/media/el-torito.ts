// Boot catalogues of CDs (Phoenix/IBM "El Torito" bootable CD-ROM format specification 1.0, figures 2 to 6), and
// the floppy or hard disk that a boot entry can ask the BIOS to make of its image.

import { Disk, type DiskKind } from "./disk.ts";
import type { Geometry } from "./geometry.ts";
import type { ImageSource } from "./image.ts";

/** A boot image of the catalogue. */
export interface BootEntry {
  /** 0 no emulation, 1–3 floppy of 1.2, 1.44, 2.88 MB, 4 hard disk. */
  media: number;
  /** Segment to load to, as the catalogue has it: 0 stands for 07C0h. */
  segment: number;
  /** Sectors of 512 bytes to load. */
  count: number;
  /** First sector of 2048 bytes. */
  start: number;
}

const CD_SECTOR = 2048;
/** The boot record volume descriptor, and where it has the catalogue's sector. */
const BOOT_RECORD = 17;
const CATALOGUE_AT = 0x47;
const ENTRY_BYTES = 32;
const BOOTABLE = 0x88;
const SECTION_HEADER = 0x90;
const LAST_SECTION_HEADER = 0x91;
const EXTENSION = 0x44;
const PLATFORM_X86 = 0;
/** Sectors of the catalogue that are looked at: 256 entries. */
const CATALOGUE_SECTORS = 4;

function bootEntry(entry: DataView): BootEntry {
  return {
    media: entry.getUint8(1) & 15,
    segment: entry.getUint16(2, true),
    count: entry.getUint16(6, true),
    start: entry.getUint32(8, true),
  };
}

/** The first entry for x86 BIOSes that is bootable, of all sections; undefined if the CD has none. */
export function elTorito(disk: Disk): BootEntry | undefined {
  const record = disk.read(BOOT_RECORD, 1);
  if (record === undefined) return undefined;
  const text = String.fromCharCode(...record.subarray(1, 6), ...record.subarray(7, 30));
  if (record[0] !== 0 || !text.startsWith("CD001EL TORITO SPECIFICATION")) return undefined;
  const first = new DataView(record.buffer).getUint32(CATALOGUE_AT, true);
  const sectors = Math.min(CATALOGUE_SECTORS, disk.sectors - first);
  const catalogue = sectors > 0 ? disk.read(first, sectors) : undefined;
  if (catalogue === undefined) return undefined;
  const entry = (i: number): DataView =>
    new DataView(catalogue.buffer, i * ENTRY_BYTES, ENTRY_BYTES);
  const validation = entry(0);
  let sum = 0;
  for (let i = 0; i < ENTRY_BYTES; i += 2) sum += validation.getUint16(i, true);
  if (validation.getUint8(0) !== 1 || (sum & 0xffff) !== 0) return undefined;
  if (validation.getUint16(30, true) !== 0xaa55) return undefined;
  let platform = validation.getUint8(1);
  const entries = (sectors * CD_SECTOR) / ENTRY_BYTES;
  // The default entry follows; then sections, each a header with its platform and number of entries.
  let left = 1;
  let last = false;
  for (let i = 1; i < entries; i++) {
    const here = entry(i);
    const kind = here.getUint8(0);
    if (kind === EXTENSION) continue;
    if (left > 0) {
      if (platform === PLATFORM_X86 && kind === BOOTABLE) return bootEntry(here);
      left--;
    } else if (!last && (kind === SECTION_HEADER || kind === LAST_SECTION_HEADER)) {
      platform = here.getUint8(1);
      left = here.getUint16(2, true);
      last = kind === LAST_SECTION_HEADER;
    } else return undefined;
  }
  return undefined;
}

/** Geometries of floppies that a CD can pretend to be, by media type. */
const FLOPPIES: Readonly<Record<number, Geometry>> = {
  1: { cylinders: 80, heads: 2, sectors: 15 },
  2: { cylinders: 80, heads: 2, sectors: 18 },
  3: { cylinders: 80, heads: 2, sectors: 36 },
};
const HARD_DISK = 4;

/** The geometry that a hard disk image tells by the end of the first partition in its boot record. */
function partitionedGeometry(cd: Disk, start: number): Geometry | undefined {
  const record = cd.read(start, 1);
  if (record === undefined || record[510] !== 0x55 || record[511] !== 0xaa) return undefined;
  const [head, sector, cylinder] = [record[0x1c3], record[0x1c4], record[0x1c5]] as [
    number,
    number,
    number,
  ];
  const sectors = sector & 0x3f;
  if (sectors === 0) return undefined;
  return { cylinders: (cylinder | ((sector & 0xc0) << 2)) + 1, heads: head + 1, sectors };
}

/** The medium that a boot entry emulates, read from the CD; undefined without emulation, or for an image that is none. */
export function emulatedDisk(cd: Disk, entry: BootEntry): Disk | undefined {
  const kind: DiskKind = entry.media === HARD_DISK ? "disk" : "floppy";
  const geometry =
    entry.media === HARD_DISK ? partitionedGeometry(cd, entry.start) : FLOPPIES[entry.media];
  if (geometry === undefined) return undefined;
  const size = geometry.cylinders * geometry.heads * geometry.sectors * 512;
  const source: ImageSource = {
    name: cd.name,
    size,
    read(offset, length) {
      const first = Math.floor(offset / CD_SECTOR);
      const last = Math.ceil((offset + length) / CD_SECTOR);
      const count = Math.min(last - first, cd.sectors - entry.start - first);
      const out = new Uint8Array(length);
      const bytes = count > 0 ? cd.read(entry.start + first, count) : undefined;
      if (bytes !== undefined) out.set(bytes.subarray(offset % CD_SECTOR).subarray(0, length));
      return out;
    },
  };
  return new Disk(`${cd.name}-emulated`, kind, source, { geometry, readOnly: true });
}
