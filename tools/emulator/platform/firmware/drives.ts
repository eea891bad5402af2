// The BIOS's drives: which medium has which number, with what a CD emulates in between, and the moving of sectors
// with the faults that a test has asked for.

import type { Disk } from "../../media/disk.ts";
import { type BootEntry, emulatedDisk } from "../../media/el-torito.ts";
import type { BiosStateHolder } from "./bios-state.ts";
import {
  BAD_COMMAND,
  BAD_TRACK,
  DMA_BOUNDARY,
  OK,
  SECTOR_NOT_FOUND,
  TIMEOUT,
  UNCORRECTABLE,
  WRITE_FAULT,
  WRITE_PROTECTED,
} from "./disk-status.ts";
import type { DiskFaults, ReadFault } from "./faults.ts";

export const FLOPPY = 0x00;
export const HARD_DISK = 0x80;
/** CDs, from here on. */
export const CD_DRIVE = 0xe0;

/** Bytes of one transfer: a segment. */
const MAX_BYTES = 0x10000;

export type DriveClass = "floppy" | "disk" | "cdrom";
const FIRST: Readonly<Record<DriveClass, number>> = {
  floppy: FLOPPY,
  disk: HARD_DISK,
  cdrom: CD_DRIVE,
};

export const classOf = (drive: number): DriveClass =>
  drive >= CD_DRIVE ? "cdrom" : drive >= HARD_DISK ? "disk" : "floppy";

export interface Moved {
  status: number;
  /** Sectors. */
  count: number;
  bytes: Uint8Array;
}

const nothing = (status: number): Moved => ({ status, count: 0, bytes: new Uint8Array(0) });

export class Drives {
  readonly #media: Readonly<Record<DriveClass, readonly Disk[]>>;
  readonly #bios: BiosStateHolder;
  readonly #faults: DiskFaults;
  #emulated: Disk | undefined;

  /** `disks` in the order of their numbers. */
  constructor(disks: readonly Disk[], bios: BiosStateHolder, faults: DiskFaults) {
    const those = (kind: DriveClass): Disk[] => disks.filter((d) => d.kind === kind);
    this.#media = { floppy: those("floppy"), disk: those("disk"), cdrom: those("cdrom") };
    this.#bios = bios;
    this.#faults = faults;
  }

  /** What a CD emulates follows from the state, which a snapshot may have replaced. */
  restored(): void {
    const { cdBoot } = this.#bios.state;
    const cd = cdBoot?.emulates ? this.#media.cdrom[cdBoot.cd - CD_DRIVE] : undefined;
    this.#emulated = cd && cdBoot && emulatedDisk(cd, cdBoot.entry);
  }

  /** Has CD `number` emulate what a boot entry says. */
  boot(number: number, entry: BootEntry): Disk | undefined {
    this.#bios.state.cdBoot = { cd: number, entry, emulates: entry.media !== 0 };
    this.restored();
    return this.#emulated;
  }

  /** Ends the emulation (INT 13h, AX=4B00h). */
  endEmulation(): void {
    const { cdBoot } = this.#bios.state;
    if (cdBoot !== undefined) cdBoot.emulates = false;
    this.restored();
  }

  get emulated(): Disk | undefined {
    return this.#emulated;
  }

  /** Number of the drive that the emulated medium has: it comes before the others of its class. */
  get emulatedDrive(): number {
    return this.#emulated?.kind === "disk" ? HARD_DISK : FLOPPY;
  }

  #all(kind: DriveClass): readonly Disk[] {
    const there = this.#media[kind];
    return this.#emulated?.kind === kind ? [this.#emulated, ...there] : there;
  }

  count(kind: DriveClass): number {
    return this.#all(kind).length;
  }

  get(drive: number): Disk | undefined {
    const kind = classOf(drive);
    return this.#all(kind)[drive - FIRST[kind]];
  }

  /** Media of a kind with their numbers, without what is emulated. */
  media(kind: DriveClass): [drive: number, disk: Disk][] {
    return this.#media[kind].map((disk, i) => [FIRST[kind] + i, disk]);
  }

  /** Why a transfer cannot be, or OK. `address` is the buffer's. */
  #refusal(disk: Disk, first: number, count: number, address: number): number {
    const bytes = count * disk.sectorBytes;
    const { maxSectors = Number.POSITIVE_INFINITY, dmaBoundary } = this.#faults;
    if (!disk.isReady) return disk.kind === "cdrom" ? BAD_TRACK : TIMEOUT;
    if (first >= disk.sectors || count > maxSectors) return BAD_COMMAND;
    if (bytes > MAX_BYTES) return DMA_BOUNDARY;
    // Floppies go by the ISA bus's DMA.
    if (
      (dmaBoundary || (disk.kind === "floppy" && disk !== this.#emulated)) &&
      Math.floor(address / MAX_BYTES) !== Math.floor((address + bytes - 1) / MAX_BYTES)
    ) {
      return DMA_BOUNDARY;
    }
    return first + count > disk.sectors ? SECTOR_NOT_FOUND : OK;
  }

  /** The first sector that a fault is for, and the fault; what happens is counted. */
  #fault(drive: number, first: number, count: number): [at: number, fault: ReadFault] | undefined {
    const { failed } = this.#bios.state;
    let found: [at: number, fault: ReadFault] | undefined;
    let which = -1;
    this.#faults.reads?.forEach((fault, i) => {
      if (fault.drive !== undefined && fault.drive !== drive) return;
      if ((failed[i] ?? 0) >= (fault.times ?? Number.POSITIVE_INFINITY)) return;
      const at = Math.max(first, fault.first);
      if (at >= Math.min(first + count, fault.first + (fault.count ?? 1))) return;
      if (found !== undefined && found[0] <= at) return;
      found = [at, fault];
      which = i;
    });
    if (which >= 0) failed[which] = (failed[which] ?? 0) + 1;
    return found;
  }

  /** Reads `count` sectors for a buffer at physical `address`. */
  read(drive: number, disk: Disk, first: number, count: number, address: number): Moved {
    const refusal = this.#refusal(disk, first, count, address);
    if (refusal !== OK) return nothing(refusal);
    const fault = this.#fault(drive, first, count);
    const status = fault?.[1].status ?? OK;
    const moved = fault === undefined ? count : fault[1].partial ? fault[0] - first : 0;
    if (moved <= 0) return nothing(status);
    const bytes = disk.readSome(first, moved);
    if (bytes === undefined) return nothing(UNCORRECTABLE);
    const read = bytes.length / disk.sectorBytes;
    return { status: read < moved ? UNCORRECTABLE : status, count: read, bytes };
  }

  /** Writes what `buffer` gives for `count` sectors. */
  write(
    disk: Disk,
    first: number,
    count: number,
    address: number,
    buffer: () => Uint8Array,
  ): Moved {
    if (disk.readOnly) return nothing(WRITE_PROTECTED);
    const refusal = this.#refusal(disk, first, count, address);
    if (refusal !== OK) return nothing(refusal);
    const written = disk.writeSome(first, buffer());
    return { ...nothing(written < count ? WRITE_FAULT : OK), count: written };
  }

  /** Verifies sectors: that they are there and can be read. */
  verify(disk: Disk, first: number, count: number): Moved {
    const refusal = this.#refusal(disk, first, count, 0);
    if (refusal !== OK) return nothing(refusal);
    const read = (disk.readSome(first, count)?.length ?? 0) / disk.sectorBytes;
    return { ...nothing(read < count ? UNCORRECTABLE : OK), count: read };
  }
}
