// What is in a drive: an image as a whole number of sectors, with what can be done to it.

import { LoadError } from "../load-error.ts";
import { assisted, floppyFormat, type Geometry, sectorsOf, translated } from "./geometry.ts";
import type { ImageFormat, ImageSource } from "./image.ts";

export type DiskKind = "disk" | "cdrom" | "floppy";
/** What a disk is attached to: a USB disk ("stick") tells no geometry and is removable. */
export type DiskBus = "ata" | "usb" | "virtio";

export interface Medium {
  readonly source: ImageSource;
  readonly readOnly: boolean;
  /** What is written goes to the image. */
  readonly persistent: boolean;
  readonly sectors: number;
  /** Cylinders, heads and sectors; none for CDs. */
  readonly geometry: Geometry;
  /** Drive type as INT 13h, AH=08h tells it for floppies; 0 for others. */
  readonly driveType: number;
}

/** A medium that is put into a drive, as the host finds it again. */
export interface MediumName {
  path: string;
  /** Found out where it is not given. */
  format?: ImageFormat;
  readOnly: boolean;
}

export interface MediumTraits {
  readOnly?: boolean;
  persistent?: boolean;
  /** For media that have one of their own; the others get what BIOSes make up. */
  geometry?: Geometry;
}

interface DriveTraits {
  readonly kind: DiskKind;
  readonly bus: DiskBus;
  readonly sectorBytes: number;
}

/** Throws `LoadError` for an image that is no medium for the drive. */
export function mediumOf(drive: DriveTraits, source: ImageSource, traits: MediumTraits): Medium {
  const { kind, bus, sectorBytes } = drive;
  const readOnly = traits.readOnly ?? false;
  const persistent = !readOnly && (traits.persistent ?? false);
  if (persistent && source.write === undefined) {
    throw new LoadError(
      `disk ${source.name}: its image cannot be changed, so it must be read-only`,
    );
  }
  // As in QEMU an image ends with a whole sector of 512 bytes, the last one filled up with zeros.
  const whole = Math.floor((Math.ceil(source.size / 512) * 512) / sectorBytes);
  if (whole === 0) {
    throw new LoadError(
      `disk ${source.name}: ${source.size} bytes, expected at least one sector of ${sectorBytes}`,
    );
  }
  const floppy = kind === "floppy" ? floppyFormat(source.size) : undefined;
  if (kind === "floppy" && floppy === undefined) {
    throw new LoadError(
      `floppy ${source.name}: ${source.size} bytes, expected at most 2.88 MB (2949120)`,
    );
  }
  // An image may end before its floppy does; the rest is empty.
  const sectors = floppy === undefined ? whole : sectorsOf(floppy);
  const geometry = traits.geometry ?? floppy ?? geometryOf(kind, bus, sectors);
  return { source, readOnly, persistent, sectors, geometry, driveType: floppy?.drive ?? 0 };
}

function geometryOf(kind: DiskKind, bus: DiskBus, sectors: number): Geometry {
  if (kind === "cdrom") return { cylinders: 0, heads: 0, sectors: 0 };
  return bus === "usb" ? assisted(sectors) : translated(sectors);
}
