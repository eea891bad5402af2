// INT 13h: disks by cylinder, head and sector (IBM PC/AT technical reference, "BIOS listing"; Ralf Brown's
// interrupt list). Functions 41h and up are disk-extensions.ts. Where BIOSes differ, answers are SeaBIOS's.

import type { Disk } from "../../media/disk.ts";
import type { BiosStateHolder } from "./bios-state.ts";
import { DiskExtensions, EDD_VERSION } from "./disk-extensions.ts";
import { BAD_COMMAND, MEDIUM_CHANGED, OK, WRITE_PROTECTED } from "./disk-status.ts";
import { classOf, type Drives, HARD_DISK } from "./drives.ts";
import type { DiskFaults } from "./faults.ts";
import type { GuestSpace } from "./guest-space.ts";
import type { Registers } from "./registers.ts";
import { BIOS_CODE, DISKETTE_PARAMETERS } from "./rom.ts";

const BDA = 0x400;
const FLOPPY_STATUS = BDA + 0x41;
const DISK_STATUS = BDA + 0x74;

/** Most sectors of AH=02h to 04h: 64 KiB. */
const MAX_COUNT = 128;
const READ = 2;
const WRITE = 3;
/** AH=08h keeps the last cylinder of hard disks to itself, as the PC/AT's does for tests. */
const RESERVED_CYLINDERS = 1;

/** Functions of hard disks. */
const NOT_OF_FLOPPIES: readonly number[] = [0x09, 0x0c, 0x0d, 0x10, 0x11, 0x14];
const WITHOUT_CHANGE_LINE = 1;
const IS_HARD_DISK = 3;

export class DiskServices {
  readonly #drives: Drives;
  readonly #space: GuestSpace;
  readonly #extensions: DiskExtensions;
  readonly #faults: DiskFaults;

  constructor(drives: Drives, space: GuestSpace, bios: BiosStateHolder, faults: DiskFaults) {
    this.#drives = drives;
    this.#space = space;
    this.#faults = faults;
    this.#extensions = new DiskExtensions(drives, space, bios);
  }

  serve(r: Registers): void {
    const drive = r.dx & 0xff;
    const last = drive < HARD_DISK ? FLOPPY_STATUS : DISK_STATUS;
    const disk = this.#drives.get(drive);
    if (r.ah === 0x01 && disk !== undefined) {
      r.ah = r.byte(last);
      r.carry = r.ah !== OK;
      return;
    }
    const command = r.ah;
    const status = this.#command(r, drive, disk);
    r.ah = status;
    r.carry = status !== OK;
    r.setByte(last, status);
    if (status !== OK) return;
    // Two functions say something in AH although they have succeeded.
    if (command === 0x15) r.ah = disk?.kind === "disk" ? IS_HARD_DISK : WITHOUT_CHANGE_LINE;
    else if (command === 0x41) r.ah = EDD_VERSION;
  }

  #command(r: Registers, drive: number, disk: Disk | undefined): number {
    if (r.ah === 0x4b) return this.#extensions.emulation(r);
    const extended = r.ah >= 0x41 && r.ah <= 0x4e;
    if (extended && (this.#faults.noExtensions || drive < HARD_DISK)) return BAD_COMMAND;
    if (disk === undefined || (this.#isDiskette(disk) && NOT_OF_FLOPPIES.includes(r.ah))) {
      return BAD_COMMAND;
    }
    if (extended) return this.#extensions.command(r, drive, disk);
    switch (r.ah) {
      // Resets, seek, recalibration, tests: nothing to do.
      case 0x00:
      case 0x09:
      case 0x0c:
      case 0x0d:
      case 0x10:
      case 0x11:
      case 0x14:
        return OK;
      case 0x02:
      case 0x03:
      case 0x04:
      case 0x05:
        return this.#byGeometry(r, drive, disk);
      case 0x08:
        return this.#parameters(r, drive, disk);
      case 0x15:
        if (disk.kind === "disk") {
          const { cylinders, heads, sectors } = disk.geometry;
          const count = (cylinders - RESERVED_CYLINDERS) * heads * sectors;
          r.cx = count >>> 16;
          r.dx = count & 0xffff;
        }
        return OK;
      case 0x16:
        return drive < HARD_DISK ? MEDIUM_CHANGED : BAD_COMMAND;
      default:
        return BAD_COMMAND;
    }
  }

  /** A floppy that is no CD's. */
  #isDiskette(disk: Disk): boolean {
    return disk.kind === "floppy" && disk !== this.#drives.emulated;
  }

  #byGeometry(r: Registers, drive: number, disk: Disk): number {
    const { cylinders, heads, sectors } = disk.geometry;
    const cylinder = (r.cx >> 8) | ((r.cx & 0xc0) << 2);
    const head = r.dx >> 8;
    const sector = r.cx & 0x3f;
    const count = r.al;
    const hasTrack = head < heads && cylinder < cylinders;
    if (r.ah === 0x05 && hasTrack) return disk.readOnly ? WRITE_PROTECTED : OK;
    const exists = hasTrack && sector > 0 && sector <= sectors;
    if (count === 0 || count > MAX_COUNT || !exists) return BAD_COMMAND;
    const first = (cylinder * heads + head) * sectors + sector - 1;
    const buffer = r.at("es", r.bx);
    const moved =
      r.ah === READ
        ? this.#drives.read(drive, disk, first, count, buffer)
        : r.ah === WRITE
          ? this.#drives.write(disk, first, count, buffer, () =>
              this.#space.read(buffer, count * disk.sectorBytes),
            )
          : this.#drives.verify(disk, first, count);
    this.#space.write(buffer, moved.bytes);
    r.al = moved.count;
    return moved.status;
  }

  #parameters(r: Registers, drive: number, disk: Disk): number {
    if (disk.kind === "cdrom") return BAD_COMMAND;
    const { cylinders, heads, sectors } = disk.geometry;
    const reserved = disk.kind === "disk" ? RESERVED_CYLINDERS : 0;
    const last = Math.max(0, cylinders - 1 - reserved);
    r.cx = ((last & 0xff) << 8) | ((last >> 2) & 0xc0) | sectors;
    r.dx = ((heads - 1) << 8) | this.#drives.count(classOf(drive));
    r.al = 0;
    if (disk.kind === "floppy") {
      r.bx = disk.driveType;
      r.es = BIOS_CODE;
      r.di = DISKETTE_PARAMETERS;
    }
    return OK;
  }
}
