// A legacy BIOS: the ROM with its interrupt stubs, and the services behind them. It sets the machine
// up at power-on, then loads the first boot medium that has something to start (hard disk: MBR with
// signature 0xAA55; CD: El Torito without emulation or with a floppy).

import type { Device, PortHandler, Slot } from "../../devices/device.ts";
import { type Disk, elTorito, emulatedFloppy } from "../../media/disk.ts";
import type { CpuAccess } from "../cpu-access.ts";
import type { GuestRam } from "../guest-ram.ts";
import { BIOS_SEGMENT, type MemoryMap } from "../memory-map.ts";
import type { Board } from "../pc.ts";
import { type BiosState, freshState } from "./bios-state.ts";
import { CD_DRIVE, DiskServices, FLOPPY, HARD_DISK } from "./disk-services.ts";
import { KeyboardServices } from "./keyboard-services.ts";
import { firmwareData } from "./low-memory.ts";
import { leaveAsFirmwareDoes } from "./post-firmware.ts";
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
import { VideoServices } from "./video-services.ts";

const BOOT_ADDRESS = 0x7c00;

export interface BiosMachine {
  board: Board;
  cpus: readonly CpuAccess[];
  ram: GuestRam;
  map: MemoryMap;
}

export class Bios implements Device {
  readonly name: string;
  state: BiosState = freshState();
  readonly #machine: BiosMachine;
  readonly #rom: Rom = buildRom();
  readonly #disks: Map<number, Disk>;
  readonly #video: VideoServices;
  readonly #disk: DiskServices;
  readonly #system: SystemServices;
  readonly #keyboard: KeyboardServices;
  /** No medium boots, which otherwise only a screen would show. */
  onUnbootable: () => void = () => {};

  constructor(slot: Slot, machine: BiosMachine, disks: readonly Disk[]) {
    this.name = slot.name;
    this.#machine = machine;
    const numbered = new Map<number, Disk>();
    let hard = HARD_DISK;
    let optical = CD_DRIVE;
    for (const d of disks) numbered.set(d.kind === "disk" ? hard++ : optical++, d);
    this.#disks = numbered;
    this.#video = new VideoServices(machine.board, this);
    this.#disk = new DiskServices(numbered, this);
    this.#keyboard = new KeyboardServices(machine.board);
    this.#system = new SystemServices(machine.board, machine.map, this);
    slot.ports(SERVICE_PORT, 1, this.#port());
  }

  reset(): void {
    this.state = freshState();
    this.restored();
  }

  /** The emulated floppy follows from the CD that has it. */
  restored(): void {
    this.#disks.delete(FLOPPY);
    const { floppy } = this.state;
    const cd = floppy && this.#disks.get(floppy.cd);
    const disk = cd && emulatedFloppy(cd, floppy.entry);
    if (disk !== undefined) this.#disks.set(FLOPPY, disk);
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
        if (cpu === undefined) return;
        const r = new Registers(cpu, this.#machine.ram);
        r.finish(this.#serve(r, value));
      },
    };
  }

  /** One service; false asks the stub to wait (or, for INT 19h, says that nothing was found). */
  #serve(r: Registers, service: number): boolean {
    switch (service) {
      case SERVICE_POWER_ON:
        this.#powerOn(r);
        return true;
      case SERVICE_BOOT_FAILED:
        this.#video.print(r, "No bootable medium found.\r\n");
        this.onUnbootable();
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
        return this.#system.system(r);
      case 0x16:
        return this.#keyboard.serve(r);
      case 0x17:
        this.#system.printer(r);
        return true;
      case 0x19:
        return this.#boot(r);
      case 0x1a:
        this.#system.time(r);
        return true;
      default:
        return true;
    }
  }

  #powerOn(r: Registers): void {
    const { board, ram, cpus } = this.#machine;
    ram.write(0, vectorTable(this.#rom));
    for (const p of firmwareData(board.serialAddresses())) ram.write(p.address, p.data);
    const hardDisks = [...this.#disks.values()].filter((d) => d.kind === "disk").length;
    r.setByte(0x475, hardDisks);
    leaveAsFirmwareDoes(board, cpus);
    this.#video.setTextMode(r);
    const seconds = (board.rtc.state.epoch + Math.floor(board.scheduler.clock.now() / 1e9)) % 86400;
    this.#system.setTicks(r, seconds);
  }

  /** Loads the first medium that boots and makes the stub return into it. */
  #boot(r: Registers): boolean {
    for (const kind of this.state.order) {
      for (const [number, disk] of this.#disks) {
        if (disk.kind !== kind) continue;
        const segment = kind === "disk" ? this.#loadMbr(disk) : this.#loadCd(disk, number);
        if (segment < 0) continue;
        r.dx = this.#disks.has(FLOPPY) && kind === "cdrom" ? FLOPPY : number;
        r.enter(segment, segment === 0 ? BOOT_ADDRESS : 0);
        return true;
      }
    }
    return false;
  }

  #loadMbr(disk: Disk): number {
    const sector = disk.read(0, 1);
    if (sector === undefined || sector[510] !== 0x55 || sector[511] !== 0xaa) return -1;
    this.#machine.ram.write(BOOT_ADDRESS, sector);
    return 0;
  }

  #loadCd(disk: Disk, number: number): number {
    const entry = elTorito(disk);
    if (entry === undefined) return -1;
    this.state.floppy = { cd: number, entry };
    this.restored();
    const floppy = this.#disks.get(FLOPPY);
    if (floppy !== undefined) return this.#loadMbr(floppy);
    if (entry.media !== 0) return -1;
    const sectors = Math.ceil(Math.max(1, entry.count) / 4);
    const image = disk.read(entry.start, sectors);
    if (image === undefined) return -1;
    this.#machine.ram.write(entry.segment * 16, image.subarray(0, Math.max(1, entry.count) * 512));
    return entry.segment === 0x7c0 ? 0 : entry.segment;
  }
}
