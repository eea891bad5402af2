// INT 13h, AH=41h to 4Eh: disks by block address (Phoenix Enhanced Disk Drive specification 3.0; T13 project
// 1226DT), and AH=4Bh, what a CD emulates (El Torito 1.0). Where BIOSes differ, answers are SeaBIOS's.

import type { Disk } from "../../media/disk.ts";
import { outgrows, physical } from "../../media/geometry.ts";
import type { BiosStateHolder } from "./bios-state.ts";
import {
  BAD_COMMAND,
  LOCKED,
  MEDIUM_CHANGED,
  NOT_LOCKED,
  NOT_REMOVABLE,
  OK,
  TOO_MANY_LOCKS,
} from "./disk-status.ts";
import { CD_DRIVE, type Drives, type Moved } from "./drives.ts";
import type { GuestSpace } from "./guest-space.ts";
import { Registers } from "./registers.ts";

/** What AH=41h answers in AH: version 3.0. */
export const EDD_VERSION = 0x30;
/** Where boot sectors go if the catalogue does not say. */
export const BOOT_SEGMENT = 0x7c0;
const CHECK = 0x55aa;
const CHECKED = 0xaa55;
/** Packet access, locking and ejecting, EDD. */
const ALL_SUBSETS = 7;

/** AH=42h to 44h and 47h. */
const READ = 0x42;
const WRITE = 0x43;
const SEEK = 0x47;
const PACKET_BYTES = 16;
/** With a 64-bit flat address behind, where segment and offset are all ones. */
const FLAT_PACKET_BYTES = 24;

/** Locks that a drive counts. */
const MAX_LOCKS = 255;

/** Sizes of the answer to AH=48h: EDD 1.1, with a device parameter table extension, with device path of EDD 3.0 and of T13. */
const PARAMETERS = 26;
const WITH_EXTENSION = 30;
const WITH_PATH = 66;
const WITH_T13_PATH = 74;
const PATH_KEY = 0xbedd;
const GEOMETRY_IS_VALID = 0x02;
/** Removable, with change notification and lock; geometry is not valid. */
const CD_INFORMATION = 0x74;
/** PCI functions where a board has its SATA and USB controllers. */
const CONTROLLERS = {
  ata: { device: 0x1f, function: 2 },
  usb: { device: 0x14, function: 0 },
} as const;

export class DiskExtensions {
  readonly #drives: Drives;
  readonly #space: GuestSpace;
  readonly #bios: BiosStateHolder;

  constructor(drives: Drives, space: GuestSpace, bios: BiosStateHolder) {
    this.#drives = drives;
    this.#space = space;
    this.#bios = bios;
  }

  /** AH=41h to 4Eh except 4Bh; the status. */
  command(r: Registers, drive: number, disk: Disk): number {
    const isCd = disk.kind === "cdrom";
    switch (r.ah) {
      case 0x41:
        if (r.bx !== CHECK) return BAD_COMMAND;
        r.bx = CHECKED;
        r.cx = ALL_SUBSETS;
        return OK;
      case 0x42:
      case 0x43:
      case 0x44:
      case 0x47:
        return this.#byPacket(r, drive, disk);
      case 0x45:
        return isCd ? this.#lock(r, drive) : OK;
      case 0x46:
        if (!isCd) return NOT_REMOVABLE;
        return (this.#bios.state.locks[drive] ?? 0) > 0 ? LOCKED : OK;
      case 0x48:
        return this.#parameters(r, drive, disk);
      case 0x49:
        return isCd ? MEDIUM_CHANGED : OK;
      case 0x4e:
        // Prefetching and DMA off or on, in pairs: nothing to do for those that change nothing here.
        return r.al === 1 || r.al === 3 || r.al === 4 || r.al === 6 ? OK : BAD_COMMAND;
      default:
        return BAD_COMMAND;
    }
  }

  /** Disk address packet at DS:SI: size, 0, count, buffer, block; the count becomes what was moved. */
  #byPacket(r: Registers, drive: number, disk: Disk): number {
    const at = r.at("ds", r.si);
    const packet = new DataView(this.#space.read(at, FLAT_PACKET_BYTES).buffer);
    const size = packet.getUint8(0);
    if (size < PACKET_BYTES) return BAD_COMMAND;
    const count = packet.getUint16(2, true);
    const [offset, segment] = [packet.getUint16(4, true), packet.getUint16(6, true)];
    const flat = offset === 0xffff && segment === 0xffff && size >= FLAT_PACKET_BYTES;
    const buffer = flat ? Number(packet.getBigUint64(16, true)) : Registers.far(segment, offset);
    const first = Number(packet.getBigUint64(8, true));
    if (first >= disk.sectors || !Number.isSafeInteger(buffer)) return BAD_COMMAND;
    if (count === 0 || r.ah === SEEK) return OK;
    const moved = this.#move(r.ah, drive, disk, first, count, buffer);
    this.#space.write(buffer, moved.bytes);
    r.setWord(at + 2, moved.count);
    return moved.status;
  }

  #move(
    command: number,
    drive: number,
    disk: Disk,
    first: number,
    count: number,
    buffer: number,
  ): Moved {
    if (command === READ) return this.#drives.read(drive, disk, first, count, buffer);
    if (command !== WRITE) return this.#drives.verify(disk, first, count);
    return this.#drives.write(disk, first, count, buffer, () =>
      this.#space.read(buffer, count * disk.sectorBytes),
    );
  }

  /** AH=45h: AL 0 locks, 1 unlocks, 2 asks; AL becomes whether the door is locked. */
  #lock(r: Registers, drive: number): number {
    const { locks } = this.#bios.state;
    let held = locks[drive] ?? 0;
    if (r.al > 2) return BAD_COMMAND;
    if (r.al === 0 && held === MAX_LOCKS) {
      r.al = 1;
      return TOO_MANY_LOCKS;
    }
    if (r.al === 1 && held === 0) {
      r.al = 0;
      return NOT_LOCKED;
    }
    held += r.al === 0 ? 1 : r.al === 1 ? -1 : 0;
    locks[drive] = held;
    r.al = held > 0 ? 1 : 0;
    return OK;
  }

  /** AH=48h: as much as the caller has room for. */
  #parameters(r: Registers, drive: number, disk: Disk): number {
    const at = r.at("ds", r.si);
    const room = r.word(at);
    // The specification has no name for virtio as an interface: such disks have no path.
    const paths = disk.bus === "virtio" ? [] : [WITH_T13_PATH, WITH_PATH];
    const size = [...paths, WITH_EXTENSION, PARAMETERS].find((n) => n <= room);
    if (size === undefined) return BAD_COMMAND;
    const { cylinders, heads, sectors } =
      disk.kind === "disk" && disk.bus !== "usb" ? physical(disk.sectors) : disk.geometry;
    const bytes = new Uint8Array(size);
    const view = new DataView(bytes.buffer);
    const isCd = disk.kind === "cdrom";
    view.setUint16(0, size, true);
    view.setUint16(2, isCd ? CD_INFORMATION : outgrows(disk.sectors) ? 0 : GEOMETRY_IS_VALID, true);
    view.setUint32(4, isCd ? 0xffffffff : cylinders, true);
    view.setUint32(8, isCd ? 0xffffffff : heads, true);
    view.setUint32(12, isCd ? 0xffffffff : sectors, true);
    view.setBigUint64(16, isCd ? 0xffff_ffff_ffff_ffffn : BigInt(disk.sectors), true);
    view.setUint16(24, disk.sectorBytes, true);
    // There is no device parameter table extension.
    if (size >= WITH_EXTENSION) view.setUint32(26, 0xffffffff, true);
    if (size >= WITH_PATH && disk.bus !== "virtio") this.#path(bytes, drive, disk, disk.bus);
    this.#space.write(at, bytes);
    return OK;
  }

  /** The device path: key, its length, bus, interface, place on both, and a checksum over it. */
  #path(bytes: Uint8Array, drive: number, disk: Disk, bus: keyof typeof CONTROLLERS): void {
    const view = new DataView(bytes.buffer);
    const text = (at: number, length: number, value: string): void => {
      bytes.set(new TextEncoder().encode(value.padEnd(length)), at);
    };
    const controller = CONTROLLERS[bus];
    view.setUint16(30, PATH_KEY, true);
    view.setUint8(32, bytes.length - 30);
    text(36, 4, "PCI");
    const ata = disk.kind === "cdrom" ? "ATAPI" : "ATA";
    text(40, 8, bus === "usb" ? "USB" : ata);
    bytes.set([0, controller.device, controller.function, 0xff], 48);
    // Device path: the unit on the bus.
    bytes[56] = drive & 0x1f;
    let sum = 0;
    for (const b of bytes.subarray(30)) sum += b;
    bytes[bytes.length - 1] = -sum & 0xff;
  }

  /** AH=4Bh: AL 0 ends emulation, 1 only tells what there is, by the specification packet at DS:SI. */
  emulation(r: Registers): number {
    const { cdBoot } = this.#bios.state;
    const packet = new Uint8Array(19);
    packet[0] = 19;
    if (cdBoot !== undefined) {
      const { entry, cd } = cdBoot;
      const view = new DataView(packet.buffer);
      const emulated = this.#drives.emulated;
      packet[1] = emulated === undefined ? 0 : entry.media;
      packet[2] = emulated === undefined ? cd : this.#drives.emulatedDrive;
      view.setUint32(4, entry.start, true);
      view.setUint16(8, cd - CD_DRIVE, true);
      view.setUint16(12, entry.segment || BOOT_SEGMENT, true);
      view.setUint16(14, entry.count, true);
      if (emulated !== undefined) {
        const { cylinders, heads, sectors } = emulated.geometry;
        packet[16] = (cylinders - 1) & 0xff;
        packet[17] = sectors | (((cylinders - 1) >> 2) & 0xc0);
        packet[18] = heads - 1;
      }
    }
    this.#space.write(r.at("ds", r.si), packet);
    if (r.al === 0) this.#drives.endEmulation();
    return OK;
  }
}
