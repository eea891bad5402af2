// Media as controllers and the BIOS see them: sectors of 512 bytes on hard disks and floppies, 2048 on CDs. What a guest
// writes goes to the image of a persistent disk; otherwise it is kept beside it and lost at the end of the run.

import { LoadError } from "../load-error.ts";
import { assisted, floppyFormat, type Geometry, sectorsOf, translated } from "./geometry.ts";
import type { ImageFormat, ImageSource } from "./image.ts";

export type DiskKind = "disk" | "cdrom" | "floppy";
/** What a disk is attached to: a USB disk ("stick") tells no geometry and is removable. */
export type DiskBus = "ata" | "usb" | "virtio";

export interface DiskTraits {
  bus?: DiskBus;
  /** Writes fail; CDs are so always. */
  readOnly?: boolean;
  /** What is written goes to the image, which must be one that can be changed. */
  persistent?: boolean;
  /** What it says of itself where it is asked; nothing unless given. */
  serial?: string;
  /** For media that have one of their own; the others get what BIOSes make up. */
  geometry?: Geometry;
}

/** A device to snapshots: it has a name and a state. */
export class Disk {
  readonly name: string;
  readonly kind: DiskKind;
  readonly bus: DiskBus;
  readonly readOnly: boolean;
  /** What is written goes to the image: snapshots, which would have to take it back, cannot be. */
  readonly persistent: boolean;
  readonly serial: string;
  readonly sectorBytes: number;
  readonly sectors: number;
  /** Cylinders, heads and sectors; none for CDs. */
  readonly geometry: Geometry;
  /** Drive type as INT 13h, AH=08h tells it for floppies; 0 for others. */
  readonly driveType: number;
  /** Where it is attached, in QEMU's words where there are any. */
  attachedTo: string;
  /** Called when the host fails to read or write the image; the guest gets an error of the medium. */
  onFailure: (what: string) => void = () => {};
  /** Sectors that have been written and are kept beside the image, by number. */
  state: { written: Map<number, Uint8Array> } = { written: new Map() };
  readonly #source: ImageSource;
  #said: string | undefined;

  /** Throws `LoadError` for an image that is no medium of the kind. */
  constructor(name: string, kind: DiskKind, source: ImageSource, traits: DiskTraits = {}) {
    this.name = name;
    this.kind = kind;
    this.bus = traits.bus ?? "ata";
    this.serial = traits.serial ?? "";
    this.attachedTo = `BIOS (${this.bus})`;
    this.readOnly = kind === "cdrom" || (traits.readOnly ?? false);
    this.persistent = !this.readOnly && (traits.persistent ?? false);
    this.#source = source;
    this.sectorBytes = kind === "cdrom" ? 2048 : 512;
    if (this.persistent && source.write === undefined) {
      throw new LoadError(
        `disk ${source.name}: its image cannot be changed, so it must be read-only`,
      );
    }
    // As in QEMU an image ends with a whole sector of 512 bytes, the last one filled up with zeros.
    const whole = Math.floor((Math.ceil(source.size / 512) * 512) / this.sectorBytes);
    if (whole === 0) {
      throw new LoadError(
        `disk ${source.name}: ${source.size} bytes, expected at least one sector of ${this.sectorBytes}`,
      );
    }
    const floppy = kind === "floppy" ? floppyFormat(source.size) : undefined;
    if (kind === "floppy" && floppy === undefined) {
      throw new LoadError(
        `floppy ${source.name}: ${source.size} bytes, expected at most 2.88 MB (2949120)`,
      );
    }
    this.driveType = floppy?.drive ?? 0;
    // An image may end before its floppy does; the rest is empty.
    this.sectors = floppy === undefined ? whole : sectorsOf(floppy);
    this.geometry = traits.geometry ?? floppy ?? geometryOf(kind, this.bus, this.sectors);
  }

  /** The image's name: its path, where it is a file. */
  get imageName(): string {
    return this.#source.name;
  }

  get format(): ImageFormat {
    return this.#source.format ?? "raw";
  }

  /** The names of the images below its own, from the nearest one on. */
  get backingNames(): string[] {
    const names: string[] = [];
    for (let below = this.#source.backing; below; below = below.backing) names.push(below.name);
    return names;
  }

  /** Contents are the medium's: a reset changes nothing. */
  reset(): void {}

  /** `count` sectors from `first`, or undefined if they are not all on the disk or its image cannot be read there. */
  read(first: number, count: number): Uint8Array | undefined {
    if (!this.#has(first, count)) return undefined;
    const source = this.#source;
    const out = this.#try("read", () =>
      source.read(first * this.sectorBytes, count * this.sectorBytes),
    );
    const { written } = this.state;
    for (let i = 0; i < count && out !== undefined && written.size > 0; i++) {
      const changed = written.get(first + i);
      if (changed !== undefined) out.set(changed, i * this.sectorBytes);
    }
    return out;
  }

  /** Whole sectors from `first`; false if they are not all on the disk, or it or its image cannot be written there. */
  write(first: number, bytes: Uint8Array): boolean {
    const count = bytes.length / this.sectorBytes;
    if (this.readOnly || !this.#has(first, count)) return false;
    if (this.persistent) {
      const source = this.#source;
      const done = this.#try("write", () => {
        source.write?.(first * this.sectorBytes, bytes);
        return true;
      });
      return done ?? false;
    }
    for (let i = 0; i < count; i++) {
      this.state.written.set(
        first + i,
        bytes.slice(i * this.sectorBytes, (i + 1) * this.sectorBytes),
      );
    }
    return true;
  }

  /** What has been written is as safe as it gets; false if the host cannot see to it. */
  flush(): boolean {
    if (!this.persistent) return true;
    const done = this.#try("flush", () => {
      this.#source.flush?.();
      return true;
    });
    return done ?? false;
  }

  #has(first: number, count: number): boolean {
    return first >= 0 && first + count <= this.sectors;
  }

  #try<T>(what: string, action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      const said = `disk ${this.imageName}: cannot ${what} it: ${(error as Error).message}`;
      // A guest that tries again hears of it each time; whoever looks at the host needs it once.
      if (said !== this.#said) this.onFailure(said);
      this.#said = said;
      return undefined;
    }
  }
}

function geometryOf(kind: DiskKind, bus: DiskBus, sectors: number): Geometry {
  if (kind === "cdrom") return { cylinders: 0, heads: 0, sectors: 0 };
  return bus === "usb" ? assisted(sectors) : translated(sectors);
}
