// A legacy BIOS: the ROM with its interrupt stubs, and the services behind them. It sets the machine
// up at power-on, then, unless a kernel is started directly, loads the first boot medium that has something to start (disk or floppy: first
// sector with signature 0xAA55; CD: El Torito without emulation, with a floppy or a hard disk).

import type { Device, PortHandler, Slot } from "../../devices/device.ts";
import type { Disk } from "../../media/disk.ts";
import { elTorito } from "../../media/el-torito.ts";
import type { CpuAccess } from "../cpu-access.ts";
import type { GuestRam } from "../guest-ram.ts";
import { BIOS_SEGMENT, EBDA_BASE, type MemoryMap } from "../memory-map.ts";
import type { Board } from "../pc.ts";
import { type BiosState, BOOT_ORDER, freshState } from "./bios-state.ts";
import { BOOT_SEGMENT } from "./disk-extensions.ts";
import { DiskServices } from "./disk-services.ts";
import { OK } from "./disk-status.ts";
import { Drives } from "./drives.ts";
import type { BiosFaults } from "./faults.ts";
import { GuestSpace } from "./guest-space.ts";
import { KeyboardServices } from "./keyboard-services.ts";
import { firmwareData, type Placement } from "./low-memory.ts";
import { MemoryServices } from "./memory-services.ts";
import { PciServices } from "./pci-services.ts";
import { leaveAsFirmwareDoes } from "./post-firmware.ts";
import { PowerServices } from "./power-services.ts";
import { Registers } from "./registers.ts";
import {
  buildRom,
  type Rom,
  SERVICE_BOOT_FAILED,
  SERVICE_PORT,
  SERVICE_POWER_ON,
  vectorTable,
} from "./rom.ts";
import { SystemServices } from "./system-services.ts";
import { TimeServices } from "./time-services.ts";
import { VideoServices } from "./video-services.ts";

const BOOT_ADDRESS = 0x7c00;
/** INT 1Ah, AH: the PCI BIOS's functions. */
const PCI = 0xb1;
const APM = 0x53;
const CD_SECTORS_AT_ONCE = 16;
const HARD_DISK_COUNT = 0x475;

export interface BiosMachine {
  board: Board;
  cpus: readonly CpuAccess[];
  ram: GuestRam;
  map: MemoryMap;
  /** Makes the service in progress take up to so many nanoseconds longer, but not beyond what is due next. */
  passTime(nanoseconds: number): void;
}

export interface Medium {
  disk: Disk;
  /** Place in the boot order; infinite for one that the order of kinds decides about. */
  bootIndex: number;
}

export class Bios implements Device {
  readonly name: string;
  state: BiosState = freshState();
  readonly #machine: BiosMachine;
  readonly #rom: Rom = buildRom();
  readonly #media: readonly Medium[];
  readonly #space: GuestSpace;
  readonly #drives: Drives;
  readonly #video: VideoServices;
  readonly #disk: DiskServices;
  readonly #system: SystemServices;
  readonly #power: PowerServices;
  readonly #keyboard: KeyboardServices;
  readonly #memory: MemoryServices;
  readonly #time: TimeServices;
  readonly #pci: PciServices;
  readonly #faults: BiosFaults;
  /** No medium boots, or none is left after what was started, which otherwise only a screen would show. */
  onUnbootable: (started: boolean) => void = () => {};
  /** Does what follows a jump to the reset vector instead of booting from a medium. */
  onPowerOn: (() => void) | undefined;

  /** `media` in the order in which the BIOS numbers them. */
  constructor(slot: Slot, machine: BiosMachine, media: readonly Medium[], faults: BiosFaults = {}) {
    this.name = slot.name;
    this.#machine = machine;
    this.#faults = faults;
    this.#space = new GuestSpace(machine.ram, machine.board.mmio);
    this.#media = media;
    const disks = media.map(({ disk }) => disk);
    this.#drives = new Drives(disks, this, faults.disk ?? {});
    this.#video = new VideoServices(machine.board, this.#space, this);
    this.#disk = new DiskServices(this.#drives, this.#space, this, faults.disk ?? {});
    this.#keyboard = new KeyboardServices(machine, this);
    this.#system = new SystemServices(machine.board, this);
    this.#power = new PowerServices(machine.board, this);
    this.#time = new TimeServices(machine.board);
    this.#pci = new PciServices(machine.board);
    this.#memory = new MemoryServices(machine.board, this.#space, machine.map, faults);
    slot.ports(SERVICE_PORT, 1, this.#port());
  }

  reset(): void {
    this.state = freshState();
    this.restored();
  }

  restored(): void {
    this.#drives.restored();
  }

  /** Puts the ROM into its segment; CPU 0 finds it at the reset vector. */
  install(): void {
    this.#machine.ram.write(BIOS_SEGMENT, this.#rom.bytes);
  }

  #port(): PortHandler {
    return {
      read: () => 0,
      write: (_port, value) => {
        const cpu = this.#machine.cpus[0];
        // Others write to a port that a PC does not have.
        if (cpu?.segment("cs").base !== BigInt(BIOS_SEGMENT)) return;
        const r = new Registers(cpu, this.#machine.ram);
        r.finish(this.#serve(r, value));
      },
    };
  }

  /** One service; false asks the stub to wait (or, for INT 19h, says that nothing was found). */
  #serve(r: Registers, service: number): boolean {
    switch (service) {
      case SERVICE_POWER_ON:
        if (this.onPowerOn === undefined) this.#powerOn(r);
        else this.onPowerOn();
        return true;
      case SERVICE_BOOT_FAILED:
        this.#video.print(r, "No bootable medium found.\r\n");
        this.onUnbootable(this.state.started >= 0);
        return true;
      case 0x09:
        this.#keyboard.interrupt(r);
        return true;
      case 0x10:
        this.#video.serve(r);
        return true;
      case 0x11:
        this.#system.equipment(r);
        return true;
      case 0x12:
        this.#system.memorySize(r);
        return true;
      case 0x13:
        this.#disk.serve(r);
        return true;
      case 0x14:
        this.#system.serial(r);
        return true;
      case 0x15:
        if (r.ah === APM) return this.#power.serve(r);
        return this.#memory.serve(r) || this.#system.system(r);
      case 0x16:
        return this.#keyboard.serve(r);
      case 0x17:
        this.#system.printer(r);
        return true;
      case 0x18:
        return this.#boot(r);
      case 0x19:
        this.state.started = -1;
        return this.#boot(r);
      case 0x1a:
        if (r.ah === PCI) this.#pci.serve(r);
        else this.#time.serve(r);
        return true;
      default:
        return true;
    }
  }

  /** Does at once, for a kernel that is started directly, what the code at the reset vector asks for. */
  powerOn(): void {
    const { cpus, ram } = this.#machine;
    this.#powerOn(new Registers(cpus[0] as CpuAccess, ram));
  }

  #powerOn(r: Registers): void {
    const { board, ram, cpus, map } = this.#machine;
    ram.write(0, vectorTable(this.#rom));
    for (const p of this.#lowMemory()) ram.write(p.address, p.data);
    leaveAsFirmwareDoes(board, cpus, map.lowBytes);
    board.setA20(this.#faults.a20?.on ?? true);
    this.#video.start(r);
    const seconds = (board.rtc.state.epoch + Math.floor(board.scheduler.clock.now() / 1e9)) % 86400;
    this.#time.setTicks(r, seconds);
  }

  #lowMemory(): Placement[] {
    const { board } = this.#machine;
    const conventional = this.#faults.memory?.conventionalKib;
    const geometries = this.#drives.media("disk").map(([, disk]) => disk.geometry);
    return firmwareData(board.serialAddresses(), {
      ebda: conventional === undefined ? EBDA_BASE : conventional * 1024,
      floppies: this.#drives.count("floppy"),
      hardDisks: geometries,
    });
  }

  /**
   * Loads the first medium that boots, behind the one that was started last, and makes the stub return into it: a program
   * that gives up and leaves by INT 18h has the next one tried (BIOS Boot Specification 1.01, 6.5).
   */
  #boot(r: Registers): boolean {
    if (this.#drives.emulated !== undefined) {
      this.#drives.endEmulation();
      this.#countDrives(r);
    }
    const candidates = this.#candidates();
    for (let place = this.state.started + 1; place < candidates.length; place++) {
      const [number, disk] = candidates[place] as [number, Disk];
      const boots =
        disk.kind === "cdrom" ? this.#bootCd(r, number, disk) : this.#bootSector(r, number);
      if (boots) {
        this.state.started = place;
        return true;
      }
    }
    return false;
  }

  /** What to try, in order: media with a place of their own, then the kinds. */
  #candidates(): [drive: number, disk: Disk][] {
    const numbered = [...BOOT_ORDER].flatMap((kind) => this.#drives.media(kind));
    const placed = this.#media.flatMap(({ disk, bootIndex }) =>
      Number.isFinite(bootIndex) ? numbered.filter(([, d]) => d === disk) : [],
    );
    const others = this.state.order.flatMap((kind) =>
      kind === "network" ? [] : this.#drives.media(kind),
    );
    return [...placed, ...others.filter((other) => !placed.some(([, d]) => d === other[1]))];
  }

  #start(r: Registers, drive: number, segment: number): true {
    r.dx = drive;
    r.ax = 0xaa55;
    r.enter(segment === BOOT_SEGMENT ? 0 : segment, segment === BOOT_SEGMENT ? BOOT_ADDRESS : 0);
    return true;
  }

  /** Tells programs of the drives that there are, an emulated one included. */
  #countDrives(r: Registers): void {
    r.setByte(HARD_DISK_COUNT, this.#drives.count("disk"));
    this.#system.setFloppies(r, this.#drives.count("floppy"));
  }

  /** The first sector of a disk or floppy. */
  #bootSector(r: Registers, drive: number): boolean {
    const disk = this.#drives.get(drive);
    if (disk === undefined) return false;
    const { status, bytes } = this.#drives.read(drive, disk, 0, 1, BOOT_ADDRESS);
    if (status !== OK || bytes[510] !== 0x55 || bytes[511] !== 0xaa) return false;
    this.#machine.ram.write(BOOT_ADDRESS, bytes);
    return this.#start(r, drive, BOOT_SEGMENT);
  }

  #bootCd(r: Registers, drive: number, disk: Disk): boolean {
    const entry = disk.isReady ? elTorito(disk) : undefined;
    if (entry === undefined) return false;
    const emulated = this.#drives.boot(drive, entry);
    if (emulated !== undefined) {
      this.#countDrives(r);
      return this.#bootSector(r, this.#drives.emulatedDrive);
    }
    if (entry.media !== 0) return false;
    const segment = entry.segment || BOOT_SEGMENT;
    const bytes = Math.max(1, entry.count) * 512;
    const sectors = Math.ceil(bytes / disk.sectorBytes);
    // Larger than one transfer where the whole loader is to be loaded.
    for (let done = 0; done < sectors; ) {
      const count = Math.min(sectors - done, CD_SECTORS_AT_ONCE);
      const at = segment * 16 + done * disk.sectorBytes;
      const moved = this.#drives.read(drive, disk, entry.start + done, count, at);
      if (moved.status !== OK) return false;
      this.#space.write(at, moved.bytes.subarray(0, bytes - done * disk.sectorBytes));
      done += count;
    }
    return this.#start(r, drive, segment);
  }
}
