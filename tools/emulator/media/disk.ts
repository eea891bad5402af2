// Disk images as a BIOS sees them: sectors of 512 bytes on hard disks, 2048 on CDs. Images are not
// changed: what a guest writes is kept beside them and lost at the end of the run.

import type { Device } from "../devices/device.ts";
import { LoadError } from "../load-error.ts";
import type { ImageSource } from "./image.ts";

export type DiskKind = "disk" | "cdrom" | "floppy";

export interface Geometry {
  cylinders: number;
  heads: number;
  sectors: number;
}

export class Disk implements Device {
  readonly name: string;
  readonly kind: DiskKind;
  readonly sectorBytes: number;
  readonly sectors: number;
  /** Sectors that have been written, by number. */
  state: { written: Map<number, Uint8Array> } = { written: new Map() };
  readonly #source: ImageSource;
  readonly #geometry: Geometry | undefined;

  /** `geometry` is given for media that have one; the others get one of the BIOS's choice. */
  constructor(name: string, kind: DiskKind, source: ImageSource, geometry?: Geometry) {
    this.name = name;
    this.#geometry = geometry;
    this.kind = kind;
    this.#source = source;
    this.sectorBytes = kind === "cdrom" ? 2048 : 512;
    this.sectors = Math.floor(source.size / this.sectorBytes);
    if (this.sectors === 0) {
      throw new LoadError(
        `disk ${source.name}: ${source.size} bytes, expected at least one sector of ${this.sectorBytes}`,
      );
    }
  }

  /** Contents are the medium's: a reset changes nothing. */
  reset(): void {}

  /** Geometry as BIOSes invent it for disks of this size: 63 sectors, 16 to 255 heads. */
  get geometry(): Geometry {
    if (this.#geometry !== undefined) return this.#geometry;
    const sectors = 63;
    const heads = [16, 32, 64, 128].find((h) => this.sectors / (h * sectors) <= 1024) ?? 255;
    return {
      cylinders: Math.min(1024, Math.max(1, Math.floor(this.sectors / (heads * sectors)))),
      heads,
      sectors,
    };
  }

  /** `count` sectors from `first`, or undefined if they are not all on the disk. */
  read(first: number, count: number): Uint8Array | undefined {
    if (first + count > this.sectors) return undefined;
    const out = this.#source.read(first * this.sectorBytes, count * this.sectorBytes);
    if (this.state.written.size > 0) {
      for (let i = 0; i < count; i++) {
        const changed = this.state.written.get(first + i);
        if (changed !== undefined) out.set(changed, i * this.sectorBytes);
      }
    }
    return out;
  }

  /** False if the sectors are not all on the disk or it cannot be written. */
  write(first: number, bytes: Uint8Array): boolean {
    const count = bytes.length / this.sectorBytes;
    if (this.kind !== "disk" || first + count > this.sectors) return false;
    for (let i = 0; i < count; i++) {
      this.state.written.set(
        first + i,
        bytes.slice(i * this.sectorBytes, (i + 1) * this.sectorBytes),
      );
    }
    return true;
  }
}

/** A boot image of an El Torito catalogue. */
export interface BootEntry {
  /** 0 no emulation, 1–3 floppy of 1.2, 1.44, 2.88 MB, 4 hard disk. */
  media: number;
  /** Segment to load to. */
  segment: number;
  /** Sectors of 512 bytes to load. */
  count: number;
  /** First sector of 2048 bytes. */
  start: number;
}

/** The default boot entry for x86 (El Torito specification 1.0, figures 2 to 4), or undefined. */
export function elTorito(disk: Disk): BootEntry | undefined {
  const record = disk.read(17, 1);
  if (record === undefined) return undefined;
  const text = String.fromCharCode(...record.subarray(1, 6), ...record.subarray(7, 30));
  if (record[0] !== 0 || !text.startsWith("CD001EL TORITO SPECIFICATION")) return undefined;
  const catalogue = disk.read(new DataView(record.buffer).getUint32(0x47, true), 1);
  if (catalogue === undefined) return undefined;
  const view = new DataView(catalogue.buffer);
  let sum = 0;
  for (let i = 0; i < 32; i += 2) sum += view.getUint16(i, true);
  const valid = catalogue[0] === 1 && (sum & 0xffff) === 0 && view.getUint16(30, true) === 0xaa55;
  if (!valid || catalogue[32] !== 0x88) return undefined;
  return {
    media: (catalogue[33] as number) & 15,
    segment: view.getUint16(34, true) || 0x7c0,
    count: view.getUint16(38, true),
    start: view.getUint32(40, true),
  };
}

/** Geometries of floppies that a CD can pretend to be, by media type. */
const FLOPPIES: Record<number, Geometry> = {
  1: { cylinders: 80, heads: 2, sectors: 15 },
  2: { cylinders: 80, heads: 2, sectors: 18 },
  3: { cylinders: 80, heads: 2, sectors: 36 },
};

/** The floppy that a boot entry emulates, read from the CD; undefined for other media types. */
export function emulatedFloppy(cd: Disk, entry: BootEntry): Disk | undefined {
  const geometry = FLOPPIES[entry.media];
  if (geometry === undefined) return undefined;
  const size = geometry.cylinders * geometry.heads * geometry.sectors * 512;
  const source: ImageSource = {
    name: cd.name,
    size,
    read(offset, length) {
      const first = Math.floor(offset / 2048);
      const last = Math.ceil((offset + length) / 2048);
      const count = Math.min(last - first, cd.sectors - entry.start - first);
      const out = new Uint8Array(length);
      const bytes = count > 0 ? cd.read(entry.start + first, count) : undefined;
      if (bytes !== undefined) out.set(bytes.subarray(offset % 2048).subarray(0, length));
      return out;
    },
  };
  return new Disk(`${cd.name}-floppy`, "floppy", source, geometry);
}
