// INT 13h: disks by cylinder, head and sector and by block address (IBM PC/AT; Phoenix Enhanced Disk
// Drive specification 3.0; El Torito 1.0, 4Bh). Drive 0x80 is the hard disk, 0xE0 a CD, as BIOSes
// number them. Floppies exist where a CD emulates one.

import type { Disk } from "../../media/disk.ts";
import type { BiosStateHolder } from "./bios-state.ts";
import { Registers } from "./registers.ts";

export const FLOPPY = 0x00;
export const HARD_DISK = 0x80;
export const CD_DRIVE = 0xe0;

const OK = 0;
const BAD_COMMAND = 0x01;
const NOT_FOUND = 0x04;
const WRITE_PROTECTED = 0x03;
const TIMEOUT = 0x80;

export class DiskServices {
  readonly #disks: ReadonlyMap<number, Disk>;
  readonly #bios: BiosStateHolder;

  constructor(disks: ReadonlyMap<number, Disk>, bios: BiosStateHolder) {
    this.#disks = disks;
    this.#bios = bios;
  }

  serve(r: Registers): void {
    const disk = this.#disks.get(r.dx & 0xff);
    const status = disk === undefined ? TIMEOUT : this.#command(r, disk);
    if (status >= 0) {
      if (r.ah !== 0x15 || status !== OK) r.ah = status;
      this.#bios.state.diskStatus = status;
      r.carry = status !== OK;
    }
  }

  /** The status, or -1 if AH and CF have been set already. */
  #command(r: Registers, disk: Disk): number {
    switch (r.ah) {
      case 0x00:
      case 0x05:
      case 0x09:
      case 0x0c:
      case 0x0d:
      case 0x10:
      case 0x11:
      case 0x47:
        return OK;
      case 0x01:
        r.ah = this.#bios.state.diskStatus;
        r.carry = this.#bios.state.diskStatus !== OK;
        return -1;
      case 0x02:
      case 0x03:
      case 0x04:
        return this.#byGeometry(r, disk);
      case 0x08:
        return this.#parameters(r, disk);
      case 0x15: {
        // Floppy without change line: type 1. Hard disk: type 3 and its size.
        if (disk.kind === "floppy") {
          r.ah = 1;
          r.carry = false;
          return -1;
        }
        r.ah = 3;
        r.cx = disk.sectors >>> 16;
        r.dx = disk.sectors & 0xffff;
        r.carry = false;
        return -1;
      }
      case 0x41:
        if (r.bx !== 0x55aa) return BAD_COMMAND;
        r.bx = 0xaa55;
        // Version 3.0; packet access, EDD.
        r.ah = 0x30;
        r.cx = 5;
        r.carry = false;
        return -1;
      case 0x42:
      case 0x43:
      case 0x44:
        return this.#byPacket(r, disk);
      case 0x48:
        return this.#extendedParameters(r, disk);
      case 0x4b:
        return this.#emulationStatus(r, disk);
      default:
        return BAD_COMMAND;
    }
  }

  #transfer(
    r: Registers,
    disk: Disk,
    command: number,
    first: number,
    count: number,
    buffer: number,
  ): number {
    const write = (command & 0x0f) === 3;
    const verify = (command & 0x0f) === 4;
    if (write) {
      if (disk.kind !== "disk") return WRITE_PROTECTED;
      return disk.write(first, r.ram.read(buffer, count * disk.sectorBytes)) ? OK : NOT_FOUND;
    }
    const bytes = disk.read(first, count);
    if (bytes === undefined) return NOT_FOUND;
    if (!verify) r.ram.write(buffer, bytes);
    return OK;
  }

  #byGeometry(r: Registers, disk: Disk): number {
    const { cylinders, heads, sectors } = disk.geometry;
    const cylinder = (r.cx >> 8) | ((r.cx & 0xc0) << 2);
    const head = r.dx >> 8;
    const sector = r.cx & 0x3f;
    const count = r.al;
    if (sector === 0 || count === 0 || sector > sectors || head >= heads || cylinder >= cylinders) {
      return BAD_COMMAND;
    }
    const first = (cylinder * heads + head) * sectors + sector - 1;
    return this.#transfer(r, disk, r.ah, first, count, r.at("es", r.bx));
  }

  #parameters(r: Registers, disk: Disk): number {
    if (disk.kind === "cdrom") return BAD_COMMAND;
    const { cylinders, heads, sectors } = disk.geometry;
    const last = cylinders - 1;
    r.cx = ((last & 0xff) << 8) | ((last >> 2) & 0xc0) | sectors;
    const alike = [...this.#disks.values()].filter((d) => d.kind === disk.kind).length;
    r.dx = ((heads - 1) << 8) | alike;
    // BL: drive type, 4 for a 1.44 MB floppy.
    if (disk.kind === "floppy") r.bx = (r.bx & 0xff00) | 4;
    r.al = 0;
    return OK;
  }

  /** Disk address packet at DS:SI: size, 0, count, buffer, block; the count is what was moved. */
  #byPacket(r: Registers, disk: Disk): number {
    const at = r.at("ds", r.si);
    const packet = new DataView(r.ram.read(at, 24).buffer);
    if (packet.byteLength < 24 || packet.getUint8(0) < 16) return BAD_COMMAND;
    const count = packet.getUint16(2, true);
    const [offset, segment] = [packet.getUint16(4, true), packet.getUint16(6, true)];
    const flat = offset === 0xffff && segment === 0xffff && packet.getUint8(0) >= 24;
    const buffer = flat ? Number(packet.getBigUint64(16, true)) : Registers.far(segment, offset);
    const first = Number(packet.getBigUint64(8, true));
    const status = this.#transfer(r, disk, r.ah, first, count, buffer);
    if (status !== OK) r.setWord(at + 2, 0);
    return status;
  }

  #extendedParameters(r: Registers, disk: Disk): number {
    const at = r.at("ds", r.si);
    if (r.word(at) < 26) return BAD_COMMAND;
    const { cylinders, heads, sectors } = disk.geometry;
    const view = new DataView(new ArrayBuffer(26));
    view.setUint16(0, 26, true);
    // Geometry is valid for disks; a CD is removable and has none.
    view.setUint16(2, disk.kind === "disk" ? 2 : 0x74, true);
    view.setUint32(4, cylinders, true);
    view.setUint32(8, heads, true);
    view.setUint32(12, sectors, true);
    view.setBigUint64(16, BigInt(disk.sectors), true);
    view.setUint16(24, disk.sectorBytes, true);
    r.ram.write(at, new Uint8Array(view.buffer));
    return OK;
  }

  /** 4B01h: the specification packet of a CD that was booted without emulation. */
  #emulationStatus(r: Registers, disk: Disk): number {
    if (disk.kind !== "cdrom") return BAD_COMMAND;
    if (r.al === 0) return OK;
    const packet = new Uint8Array(19);
    packet[0] = 19;
    packet[2] = CD_DRIVE;
    r.ram.write(r.at("ds", r.si), packet);
    return OK;
  }
}
