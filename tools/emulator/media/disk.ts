// Media as controllers and the BIOS see them: sectors of 512 bytes on hard disks and floppies, 2048 on CDs. What a guest
// writes goes to the image of a persistent disk; otherwise it is kept beside it and lost at the end of the run. What the
// host fails to do the guest is told, or the machine stops for it (disk-failures.ts).

import { LoadError } from "../load-error.ts";
import {
  actionFor,
  type DiskFailure,
  type FailureAction,
  type HeldRequest,
  isNoSpace,
  type WriteFailureAction,
} from "./disk-failures.ts";
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
  /** What becomes of reads that the host fails; the guest is told by default. */
  onReadFailure?: FailureAction;
  /** … and of writes and flushes. */
  onWriteFailure?: WriteFailureAction;
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
  readonly onReadFailure: FailureAction;
  readonly onWriteFailure: WriteFailureAction;
  /** Called when the host fails to read or write the image. */
  onFailure: (failure: DiskFailure) => void = () => {};
  /** Sectors that have been written and are kept beside the image, by number. */
  state: { written: Map<number, Uint8Array> } = { written: new Map() };
  readonly #source: ImageSource;
  #said: string | undefined;
  #held: HeldRequest[] = [];
  #noSpace = false;

  /** Throws `LoadError` for an image that is no medium of the kind. */
  constructor(name: string, kind: DiskKind, source: ImageSource, traits: DiskTraits = {}) {
    this.name = name;
    this.kind = kind;
    this.bus = traits.bus ?? "ata";
    this.serial = traits.serial ?? "";
    this.attachedTo = `BIOS (${this.bus})`;
    this.readOnly = kind === "cdrom" || (traits.readOnly ?? false);
    this.persistent = !this.readOnly && (traits.persistent ?? false);
    this.onReadFailure = traits.onReadFailure ?? "report";
    this.onWriteFailure = traits.onWriteFailure ?? "report";
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

  /** Contents are the medium's: a reset changes nothing. What waits is forgotten, as by devices. */
  reset(): void {
    this.#held = [];
  }

  /** Requests wait for the machine to go on. */
  get waits(): boolean {
    return this.#held.length > 0;
  }

  /** QEMU's word for how the image does: what has stopped the machine, if that has. */
  get ioStatus(): "ok" | "failed" | "nospace" {
    if (!this.waits) return "ok";
    return this.#noSpace ? "nospace" : "failed";
  }

  /** The machine goes on: what waits is tried again, in order. False if something still waits. */
  goOn(): boolean {
    const held = this.#held;
    this.#held = [];
    for (const request of held) {
      if (request.operation === "write") this.write(request.first, request.bytes);
      else if (request.operation === "flush") this.flush();
      else request.again();
    }
    return !this.waits;
  }

  /**
   * `count` sectors from `first`, or undefined if they are not all on the disk or its image cannot be read there. A device
   * that can make the request again says how: it may then have to, if `waits`.
   */
  read(first: number, count: number, again?: () => void): Uint8Array | undefined {
    if (!this.#has(first, count)) return undefined;
    const { sectorBytes } = this;
    const action = again === undefined && this.onReadFailure === "stop" ? "report" : undefined;
    const out = this.#try<Uint8Array | undefined>(
      "read",
      action ?? this.onReadFailure,
      () => this.#source.read(first * sectorBytes, count * sectorBytes),
      {
        report: () => undefined,
        ignore: () => new Uint8Array(count * sectorBytes),
        stop: () => {
          if (again !== undefined) this.#held.push({ operation: "read", again });
          return undefined;
        },
      },
    );
    if (out !== undefined) this.#showWritten(first, count, out);
    return out;
  }

  /** As many of the sectors as can be read from the first one on; undefined where that cannot be. */
  readSome(first: number, count: number, again?: () => void): Uint8Array | undefined {
    const all = this.read(first, count, again);
    if (all !== undefined || this.waits || count === 1) return all;
    const half = count >> 1;
    const start = this.readSome(first, half);
    if (start === undefined || start.length < half * this.sectorBytes) return start;
    const rest = this.readSome(first + half, count - half);
    if (rest === undefined) return start;
    const joined = new Uint8Array(start.length + rest.length);
    joined.set(start);
    joined.set(rest, start.length);
    return joined;
  }

  /** Whole sectors from `first`; false if they are not all on the disk, or it or its image cannot be written there. */
  write(first: number, bytes: Uint8Array): boolean {
    const { sectorBytes, state } = this;
    const count = bytes.length / sectorBytes;
    if (this.readOnly || !this.#has(first, count)) return false;
    if (this.persistent) return this.#writeThrough(first, bytes);
    for (let i = 0; i < count; i++) {
      state.written.set(first + i, bytes.slice(i * sectorBytes, (i + 1) * sectorBytes));
    }
    return true;
  }

  /** As many of the sectors as can be written, from the first one on: how many these are. */
  writeSome(first: number, bytes: Uint8Array): number {
    const count = bytes.length / this.sectorBytes;
    if (this.write(first, bytes)) return count;
    if (count === 1 || this.readOnly) return 0;
    const half = count >> 1;
    const at = half * this.sectorBytes;
    const done = this.writeSome(first, bytes.subarray(0, at));
    return done < half ? done : done + this.writeSome(first + half, bytes.subarray(at));
  }

  #writeThrough(first: number, bytes: Uint8Array): boolean {
    const hold = (): boolean => {
      this.#held.push({ operation: "write", first, bytes: bytes.slice() });
      return true;
    };
    // Behind what waits comes what was wanted later.
    if (this.waits) return hold();
    return this.#try(
      "write",
      this.onWriteFailure,
      () => {
        this.#source.write?.(first * this.sectorBytes, bytes);
        return true;
      },
      { report: () => false, ignore: () => true, stop: hold },
    );
  }

  /** What has been written is as safe as it gets; false if the host cannot see to it. */
  flush(): boolean {
    if (!this.persistent) return true;
    const hold = (): boolean => {
      this.#held.push({ operation: "flush" });
      return true;
    };
    if (this.waits) return hold();
    return this.#try(
      "flush",
      this.onWriteFailure,
      () => {
        this.#source.flush?.();
        return true;
      },
      { report: () => false, ignore: () => true, stop: hold },
    );
  }

  /** What has been written beside the image, or waits. */
  #showWritten(first: number, count: number, out: Uint8Array): void {
    const { sectorBytes, state } = this;
    for (let i = 0; i < count && state.written.size > 0; i++) {
      const changed = state.written.get(first + i);
      if (changed !== undefined) out.set(changed, i * sectorBytes);
    }
    for (const held of this.#held) {
      if (held.operation !== "write") continue;
      for (let at = 0; at < held.bytes.length; at += sectorBytes) {
        const sector = held.first + at / sectorBytes - first;
        if (sector >= 0 && sector < count) {
          out.set(held.bytes.subarray(at, at + sectorBytes), sector * sectorBytes);
        }
      }
    }
  }

  #has(first: number, count: number): boolean {
    return first >= 0 && first + count <= this.sectors;
  }

  #try<T>(
    operation: DiskFailure["operation"],
    wanted: WriteFailureAction,
    perform: () => T,
    otherwise: Readonly<Record<FailureAction, () => T>>,
  ): T {
    try {
      return perform();
    } catch (error) {
      const reason = (error as Error).message;
      const action = actionFor(wanted, error);
      const text = `disk ${this.imageName}: cannot ${operation} it: ${reason}`;
      const isNew = text !== this.#said;
      this.#said = text;
      const result = otherwise[action]();
      this.#noSpace = isNoSpace(error);
      this.onFailure({ text, operation, action, noSpace: this.#noSpace, reason, isNew });
      return result;
    }
  }
}

function geometryOf(kind: DiskKind, bus: DiskBus, sectors: number): Geometry {
  if (kind === "cdrom") return { cylinders: 0, heads: 0, sectors: 0 };
  return bus === "usb" ? assisted(sectors) : translated(sectors);
}
