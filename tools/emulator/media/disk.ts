// Media as controllers and the BIOS see them: sectors of 512 bytes on hard disks and floppies, 2048 on CDs. What a guest
// writes goes to the image of a persistent disk; otherwise it is kept beside it and lost at the end of the run. What the
// host fails to do the guest is told, or the machine stops for it (disk-failures.ts). CDs and floppies may be taken out of
// their drives, and others be put in.

import { LoadError } from "../load-error.ts";
import {
  actionFor,
  type DiskFailure,
  type FailureAction,
  type HeldRequest,
  isNoSpace,
  type WriteFailureAction,
} from "./disk-failures.ts";
import type { Geometry } from "./geometry.ts";
import type { ImageFormat, ImageSource } from "./image.ts";
import { type DiskBus, type DiskKind, type Medium, type MediumName, mediumOf } from "./medium.ts";

export type { DiskBus, DiskKind } from "./medium.ts";

/** What a drive's controller has of it, as those know who change media. */
export interface Tray {
  readonly isOpen: boolean;
  readonly isLocked: boolean;
  /** Somebody presses the button; a lock stays unless that is forced. */
  request(force: boolean): void;
  /** Opens or closes. */
  move(open: boolean): void;
}

/** A floppy of 2.88 MB, INT 13h AH=08h: the type of a drive that nobody has said anything about. */
const EMPTY_DRIVE_TYPE = 5;
const EMPTY_FLOPPY: Geometry = { cylinders: 80, heads: 2, sectors: 36 };
const NO_GEOMETRY: Geometry = { cylinders: 0, heads: 0, sectors: 0 };

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
  /** What users call the drive, and the device that it is in. */
  id?: string;
  deviceId?: string;
}

/** What is in a drive, as its state has it. */
type Inside = MediumName | null | undefined;

interface DiskState {
  /** Sectors that have been written and are kept beside the image, by number. */
  written: Map<number, Uint8Array>;
  /** What has been put in since the machine was made; null where something was taken out. Not there as long as neither was. */
  medium?: MediumName | null;
  /** How often what is written has gone to the image by `commit`; not there where it never has. */
  commits?: number;
}

/** Opens an image anew, for writing or not. Throws `Error` of one line. */
type OpenImage = (name: MediumName, writable: boolean) => ImageSource;

/** A device to snapshots: it has a name and a state. */
export class Disk {
  readonly name: string;
  readonly kind: DiskKind;
  readonly bus: DiskBus;
  /** What is written goes to the image, of media that can be written. */
  readonly #persists: boolean;
  readonly #protects: boolean;
  /** As `state.commits`, whatever snapshots say. */
  #commits = 0;
  readonly serial: string;
  readonly sectorBytes: number;
  /** Drive type as INT 13h, AH=08h tells it for floppies; 0 for others. */
  readonly driveType: number;
  /** Where it is attached, in QEMU's words where there are any. */
  attachedTo: string;
  /** What users call the drive: its id, or what QEMU makes of its place. */
  driveName: string;
  readonly deviceId: string | undefined;
  readonly onReadFailure: FailureAction;
  readonly onWriteFailure: WriteFailureAction;
  /** Called when the host fails to read or write the image. */
  onFailure: (failure: DiskFailure) => void = () => {};
  /** Opens what is put in by its name; throws `Error` where that cannot be. */
  reopen: (medium: MediumName) => Medium = ({ path }) => {
    throw new Error(`disk ${path}: it cannot be opened here`);
  };
  /** Gives back what is no longer needed. */
  release: (source: ImageSource) => void = () => {};
  /** Of drives that have one. */
  tray: Tray | undefined;
  /** Called when the guest, or `moveTray`, has opened or closed it. */
  onTray: (open: boolean) => void = () => {};
  /** A medium was put into a drive without a tray, or taken out of it. */
  onChange: () => void = () => {};
  state: DiskState = { written: new Map() };
  #original: Medium | undefined;
  #medium: Medium | undefined;
  /** The name of `#medium`, as `state` has it. */
  #inside: Inside;
  /** What is about to be put in. */
  #ready: Medium | undefined;
  #readyName: MediumName | undefined;
  #said: string | undefined;
  #held: HeldRequest[] = [];
  #noSpace = false;

  /** An empty drive where there is no source. Throws `LoadError` for an image that is no medium of the kind. */
  constructor(
    name: string,
    kind: DiskKind,
    source: ImageSource | undefined,
    traits: DiskTraits = {},
  ) {
    this.name = name;
    this.kind = kind;
    this.bus = traits.bus ?? "ata";
    this.serial = traits.serial ?? "";
    this.attachedTo = `BIOS (${this.bus})`;
    this.driveName = traits.id ?? name;
    this.deviceId = traits.deviceId;
    this.#protects = kind === "cdrom" || (traits.readOnly ?? false);
    this.#persists = traits.persistent ?? false;
    this.onReadFailure = traits.onReadFailure ?? "report";
    this.onWriteFailure = traits.onWriteFailure ?? "report";
    this.sectorBytes = kind === "cdrom" ? 2048 : 512;
    if (source === undefined && !this.isRemovable) {
      throw new LoadError(`disk ${name}: Device needs media, but drive is empty`);
    }
    this.#original = source && mediumOf(this, source, { ...traits, readOnly: this.#protects });
    this.#medium = this.#original;
    this.driveType = this.#medium?.driveType ?? (kind === "floppy" ? EMPTY_DRIVE_TYPE : 0);
  }

  /** Its medium can be taken out by its user. */
  get isRemovable(): boolean {
    return this.bus === "ata" && this.kind !== "disk";
  }

  /** There is a medium, and nothing is between it and its drive. */
  get isReady(): boolean {
    return this.#medium !== undefined && !(this.tray?.isOpen ?? false);
  }

  get isInserted(): boolean {
    return this.#medium !== undefined;
  }

  /** Writes fail. */
  get readOnly(): boolean {
    return this.#medium?.readOnly ?? this.#protects;
  }

  /** What is written goes to the image: snapshots, which would have to take it back, cannot be. */
  get persistent(): boolean {
    return this.#medium?.persistent ?? false;
  }

  /** Whether what is written to media that are put in goes to their images. */
  get persists(): boolean {
    return this.#persists;
  }

  /** 0 without a medium. */
  get sectors(): number {
    return this.#medium?.sectors ?? 0;
  }

  /** Cylinders, heads and sectors; none for CDs. */
  get geometry(): Geometry {
    return this.#medium?.geometry ?? (this.kind === "floppy" ? EMPTY_FLOPPY : NO_GEOMETRY);
  }

  get #source(): ImageSource {
    if (this.#medium === undefined) throw new Error("there is no medium");
    return this.#medium.source;
  }

  /** The image's name: its path, where it is a file; empty without a medium. */
  get imageName(): string {
    return this.#medium?.source.name ?? "";
  }

  get format(): ImageFormat {
    return this.#medium?.source.format ?? "raw";
  }

  /** The names of the images below its own, from the nearest one on. */
  get backingNames(): string[] {
    const names: string[] = [];
    for (let below = this.#medium?.source.backing; below; below = below.backing) {
      names.push(below.name);
    }
    return names;
  }

  // ---- Media

  /** Opens or closes the tray for its user. */
  moveTray(open: boolean): void {
    const was = this.tray?.isOpen;
    this.tray?.move(open);
    if (was !== open) this.onTray(open);
  }

  /** Opens a medium that is to be put in. Throws `Error` of one line. */
  prepare(name: MediumName): void {
    this.#ready = this.reopen(name);
    this.#readyName = name;
  }

  /** There is something that is kept beside an image which could be changed. */
  get hasUncommitted(): boolean {
    return this.#medium !== undefined && !this.persistent && this.state.written.size > 0;
  }

  /**
   * Writes what is kept beside the image to it, which is opened anew for that. Throws `Error` where that cannot be; what is
   * kept is then still there.
   */
  commit(open: OpenImage): void {
    const medium = this.#medium;
    if (medium === undefined) return;
    const { source } = medium;
    const name: MediumName = {
      path: source.name,
      readOnly: true,
      // What was found to be raw is found to be so again, or refused.
      ...(source.format === "qcow2" ? { format: source.format } : {}),
    };
    const wasOriginal = medium === this.#original;
    // An image is written by one, or read by several.
    this.release(source);
    try {
      this.#writeAll(open({ ...name, readOnly: false }, true));
      this.state.written = new Map();
      this.state.commits = (this.state.commits ?? 0) + 1;
      this.#commits = this.state.commits;
    } finally {
      this.#medium = { ...medium, source: reopened(source, () => open(name, false)) };
      if (wasOriginal) this.#original = this.#medium;
    }
  }

  #writeAll(source: ImageSource): void {
    try {
      if (source.write === undefined) throw new Error("Operation not supported");
      for (const [sector, bytes] of this.state.written) {
        source.write(sector * this.sectorBytes, bytes);
      }
      source.flush?.();
    } finally {
      this.release(source);
    }
  }

  /** Takes the medium out, if there is one, with what was written beside its image. */
  remove(): void {
    if (this.#medium === undefined) return;
    this.#put(undefined, null);
    this.state = { ...this.state, written: new Map(), medium: null };
  }

  /** Puts a medium in. Throws `Error` where it cannot be opened. */
  insert(name: MediumName): void {
    const { path, format, readOnly } = name;
    // In one order, since states are compared as text.
    const medium = { path, readOnly, ...(format === undefined ? {} : { format }) };
    this.#put(this.#opened(name), medium);
    this.state = { ...this.state, written: new Map(), medium };
  }

  /** What `prepare` has opened, once. */
  #opened(name: MediumName): Medium {
    const ready = isSame(name, this.#readyName) ? this.#ready : undefined;
    this.#readyName = undefined;
    this.#ready = undefined;
    return ready ?? this.reopen(name);
  }

  #put(medium: Medium | undefined, name: Inside): void {
    const out = this.#medium;
    this.#held = [];
    if (out !== undefined) {
      this.flush();
      // A snapshot may want back what was there from the beginning.
      if (out !== this.#original || out.persistent) this.release(out.source);
    }
    this.#medium = medium;
    this.#inside = name;
  }

  /** Throws `Error` where a state needs a medium that is not to be had; otherwise that is ready. */
  checkSaved(state: object): void {
    const { medium: name, commits = 0 } = state as DiskState;
    if (commits !== this.#commits) {
      throw new Error(`disk ${this.imageName}: commit has changed its image since the snapshot`);
    }
    const isThere = isSame(name, this.#inside) || isSame(name, this.#readyName);
    if (name && !isThere) this.prepare(name);
  }

  restored(): void {
    const { medium: name } = this.state;
    if (isSame(name, this.#inside)) return;
    this.#put(name ? this.#opened(name) : name === null ? undefined : this.#original, name);
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

/** An image again, or, where it is no longer to be had, one that cannot be read. */
function reopened(source: ImageSource, open: () => ImageSource): ImageSource {
  try {
    return open();
  } catch (error) {
    const { name, size } = source;
    return {
      name,
      size,
      read() {
        throw error;
      },
    };
  }
}

function isSame(a: Inside, b: Inside): boolean {
  if (!a || !b) return a === b;
  return a.path === b.path && a.format === b.format && a.readOnly === b.readOnly;
}
