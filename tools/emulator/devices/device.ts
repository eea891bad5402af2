// What every device looks like to the machine, and what a board offers to a device that is put on it.
// A device claims all that it occupies through its slot, in its constructor; all that a guest can
// observe lives in `state`, a plain structured-cloneable object, so that a snapshot is a copy and
// restoring is an assignment.

import { LoadError } from "../load-error.ts";
import type { Disk } from "../media/disk.ts";
import type { Chipset } from "./chipset.ts";
import type { IrqLine } from "./interrupt-lines.ts";
import type { PciFunction, PciHeader } from "./pci.ts";
import type { Clock, Timer } from "./timers.ts";

export interface Device {
  /** Unique in the machine: `Slot.name`. Key of the device's state in a snapshot. */
  readonly name: string;
  state: object;
  /** Contents too large for `state`, such as video memory: snapshots copy the bytes. It may be another array each time. */
  readonly memory?: Uint8Array;
  /** Power-on or hardware reset. */
  reset(): void;
  /** Called after `state` and `memory` have been replaced by a snapshot's: recompute what is derived from them. */
  restored?(): void;
  /** Throws `Error` of one line where a state of the device cannot be restored here. */
  checkSaved?(state: object): void;
}

/** A place on a board for one device. Claims that collide with another device's throw `ClaimError`. */
export interface Slot {
  /** The device's name. */
  readonly name: string;
  /** What the request calls it to guests; "" for nothing. */
  readonly label: string;
  readonly clock: Clock;
  readonly log: GuestLog;
  /** Guest-physical memory for devices that are bus masters. */
  readonly memory: GuestMemory;
  readonly board: BoardFacts;
  readonly pins: BoardPins;
  /**
   * Claims I/O ports `first` … `first + count - 1`. `sizes` is the sum of the access widths (1, 2, 4
   * bytes) that the device decodes itself; wider accesses arrive as bytes.
   */
  ports(first: number, count: number, handler: PortHandler, sizes?: number): void;
  /** Claims `length` bytes of physical address space from `start`. */
  mmio(start: number, length: number, handler: MmioHandler): void;
  /** A source on ISA IRQ 0–15, which reaches the 8259A pair and the IOAPIC. Sources share a line by OR. */
  isaIrq(irq: number): IrqLine;
  /** A source on IOAPIC pin 0–23 alone. */
  gsi(pin: number): IrqLine;
  /** An alarm; a device with several gives each a suffix of its own. */
  timer(fire: (now: number) => void, suffix?: string): Timer;
  /** Memory that a base address register shows and CPUs access as RAM, `bytes` a multiple of 4096. There is one on a board. */
  videoMemory(bytes: number): DeviceMemory;
  /** A function on PCI bus 0, with its base address registers, interrupt pin and MSI capability. */
  pci(header: PciHeader): PciFunction;
  /** A device that was put on the board before this one. Throws if there is none. */
  find<D extends Device>(kind: DeviceClass<D>, name?: string): D;
  /** All of a class that were. */
  devices<D extends Device>(kind: DeviceClass<D>): D[];
}

export type DeviceClass<D extends Device> = abstract new (...args: never[]) => D;

/** A piece of a device's memory, in whole pages of 4 KiB, and the physical address at which it shows. */
export interface ShownPart {
  readonly address: number;
  readonly offset: number;
  /** Bytes. */
  readonly length: number;
}

/** A device's memory that CPUs access without asking the device. */
export interface DeviceMemory {
  /** Its contents. It may be another array each time. */
  readonly bytes: Uint8Array;
  /** To be told after the device has changed bytes: some of them may be code. */
  changed(offset: number, length: number): void;
  /** Numbers of the pages of 4 KiB that CPUs have written since the last call, in order. */
  takeWritten(): number[];
  /** For the bus: where it is seen from now on, and nowhere else. */
  show(parts: readonly ShownPart[]): void;
}

/** What a device may want to know of the machine it is in. */
/** What a board can be without: its ACPI tables (and power management, where that is a function of its own), the HPET, S3. */
export const BOARD_PARTS = ["acpi", "hpet", "s3"] as const;
export type BoardPart = (typeof BOARD_PARTS)[number];

export interface BoardFacts {
  readonly chipset: Chipset;
  readonly without: readonly BoardPart[];
  /** RAM from address 0, and RAM from 4 GiB on, bytes. */
  readonly lowBytes: number;
  readonly highBytes: number;
  readonly cpus: number;
  /** Firmware is the guest's: registers are as hardware comes out of a reset, not as our BIOS leaves them. */
  readonly bare: boolean;
  /** Files that the firmware configuration device offers. */
  readonly firmwareFiles: readonly FirmwareFile[];
  /** Its items that are no files, by their keys: those of a kernel that firmware starts. */
  readonly firmwareItems: ReadonlyMap<number, Uint8Array>;
  /** Chips of flash that firmware lies in, the first one up to 4 GiB, the next below it; none where firmware is a ROM. */
  readonly flash: readonly FlashMemory[];
  /** Contents of network cards' expansion ROMs, by the cards' numbers. */
  readonly cardRoms: readonly (Uint8Array | undefined)[];
  /** Contents of the display adapter's expansion ROM. */
  readonly vgaRom: Uint8Array | undefined;
  /** Start of the 256 MiB PCI configuration window, where firmware is ours; -1 where there is none. */
  readonly ecam: number;
  /** Time of the RTC at power-on, seconds since 1970. */
  readonly epoch: number;
  readonly media: AttachedMedia;
  /** What is on a USB controller behind the media; undefined where they alone bring one. */
  readonly usbInput: readonly UsbInput[] | undefined;
}

/** What its user has on a machine's USB. */
export type UsbInput = "keyboard" | "mouse" | "tablet";

/** A file of the firmware configuration device. */
export interface FirmwareFile {
  /** Up to 55 characters. */
  readonly name: string;
  /** Made anew after each reset, when it is first selected. */
  contents(): Uint8Array;
}

/** What a flash chip holds; CPUs read it as ROM unless it answers something else. */
export interface FlashMemory {
  /** Physical address. */
  readonly start: number;
  /** Contents. It may be another array each time. */
  readonly bytes: Uint8Array;
  /** Changes contents, and the image behind them where there is one; false where that cannot be. */
  write(offset: number, bytes: Uint8Array): boolean;
  /** To be told after contents have been replaced otherwise. */
  changed(offset: number, length: number): void;
  /** Whether CPUs read the contents; otherwise reads go to the chip. */
  show(contents: boolean): void;
}

/** A stretch of C0000–FFFFF and what the host bridge's PAM registers make of it. */
export interface ShadowedArea {
  readonly start: number;
  /** Bytes. */
  readonly length: number;
  /** Reads reach RAM, otherwise firmware's flash or nothing. */
  readonly readsRam: boolean;
  /** Writes reach RAM, otherwise nothing. */
  readonly writesRam: boolean;
}

/** Media by the place at which they are attached; undefined where nothing is. */
export interface AttachedMedia {
  /** Hard disks and CDs: the port of an AHCI controller, 2 × channel + unit of an IDE controller. */
  readonly ata: readonly (Disk | undefined)[];
  /** Those of AHCI controllers that were added, by the numbers of these, each by port. */
  readonly ahci?: readonly (readonly (Disk | undefined)[])[];
  /** Drives A and B. */
  readonly floppies: readonly (Disk | undefined)[];
  /** Sticks, and CDs on USB, from the first port on. */
  readonly usb: readonly Disk[];
  /** Disks of virtio devices, by the number that the device has in its options. */
  readonly virtio?: readonly (Disk | undefined)[];
}

export const NO_MEDIA: AttachedMedia = { ata: [], floppies: [], usb: [] };

/** Signals from devices to the rest of the machine. */
export interface BoardPins {
  /** Resets the machine, or ends the run. */
  reset(): void;
  powerOff(): void;
  /** Stops the machine until it is woken: ACPI S3. */
  suspend(): void;
  /** Has C0000–FFFFF be RAM or ROM from now on. */
  shadow(areas: readonly ShadowedArea[]): void;
  /** Ends the run with an exit status, 0–255. */
  exit(status: number): void;
  /** The gate of address line 20; `by` is the register that was written, none for a reset. */
  setA20(enabled: boolean, by?: A20Gate): void;
}

/** Registers with a gate of A20: system control port A, the keyboard controller's output port. */
export type A20Gate = "port92" | "keyboard";

/** How a value of `-device NAME,key=value` is read. */
export interface NumberOption {
  readonly default: number;
  readonly minimum: number;
  readonly maximum: number;
  /** A slot of the PCI bus as QEMU writes it: hexadecimal, with ".0" behind it or not. */
  readonly isSlot?: true;
  /** Words that stand for values. */
  readonly names?: Readonly<Record<string, number>>;
}

export const ON_OFF = { on: 1, off: 0 } as const;

export type OptionValues = Record<string, number>;

/** A kind of device: what the board's list of devices consists of. */
export interface DeviceKind<O extends OptionValues = OptionValues> {
  /** As `-device` names it: QEMU's name where it has one. */
  readonly name: string;
  /** One line, for lists of devices. */
  readonly what: string;
  /** On every board, once; the others are on a board that asks for them. */
  readonly builtIn?: true;
  /** Of those on every board: the boards that do without say so here. */
  wanted?(facts: BoardFacts): boolean;
  readonly options?: { readonly [K in keyof O]: NumberOption };
  /** Name of the device itself where it is not the kind's: kinds that may be there several times. */
  nameOf?(options: O): string;
  create(slot: Slot, options: O): Device;
}

/** A device that a board shall have beside those on every board. */
export interface DeviceRequest {
  /** Name of the kind. */
  kind: string;
  /** Options that differ from their defaults. */
  options?: OptionValues;
  /** What guests know it by, where that is a text: the name of a virtserialport. */
  label?: string;
}

/** Two devices want the same, or there is no such kind or option. One line. */
export class ClaimError extends LoadError {}

/** The kind's options, with defaults for those not given. Throws `ClaimError`. */
export function completeOptions(kind: DeviceKind, given: OptionValues = {}): OptionValues {
  const rules = kind.options ?? {};
  for (const [key, value] of Object.entries(given)) {
    const rule = rules[key];
    if (rule === undefined) {
      const known = Object.keys(rules);
      throw new ClaimError(
        `device ${kind.name} has no option ${key}${known.length > 0 ? `; it has ${known.join(", ")}` : ""}`,
      );
    }
    if (!Number.isInteger(value) || value < rule.minimum || value > rule.maximum) {
      throw new ClaimError(
        `device ${kind.name}: ${key} is ${value}, expected ${rule.minimum} to ${rule.maximum}`,
      );
    }
  }
  const defaults = Object.entries(rules).map(([key, rule]) => [key, rule.default] as const);
  return { ...Object.fromEntries(defaults), ...given };
}

/** Device that answers on I/O ports. `port` is absolute, `size` one of the sizes it registered for. */
export interface PortHandler {
  read(port: number, size: number): number;
  write(port: number, value: number, size: number): void;
}

/** Device that answers on memory addresses. `offset` is relative to the region's start. */
export interface MmioHandler {
  read(offset: number, size: number): number;
  write(offset: number, value: number, size: number): void;
  /** The byte that a read would give, where that changes nothing; undefined elsewhere. Not there: undefined throughout. */
  peek?(offset: number): number | undefined;
}

/** Looks at registers of 32 bits whose reading changes nothing. */
export const peekRegisters =
  (read: (offset: number, size: number) => number): ((offset: number) => number) =>
  (offset) =>
    (read(offset & ~3, 4) >>> (8 * (offset & 3))) & 0xff;

/** What `size` bytes of a bus read as where nobody answers. */
export const allOnes = (size: number): number => 2 ** (8 * size) - 1;

/** Guest-physical RAM as a bus master sees it. */
export interface GuestMemory {
  /** Whether `length` bytes are all memory. */
  holds(address: number, length: number): boolean;
  /** A copy of up to `length` bytes; shorter where RAM ends. */
  read(address: number, length: number): Uint8Array;
  /** What lies beyond RAM is dropped. */
  write(address: number, bytes: Uint8Array): void;
}

/** What the platform remarks about a guest's doing. */
export interface GuestLog {
  /** The guest used something real hardware would have and this machine lacks: always told. */
  unimplemented(what: string): void;
  /** The guest touched a port that no device decodes, as probing does: QEMU's `-d unimp`. */
  absent(what: string): void;
  /** The guest did what no hardware answers sensibly: QEMU's `-d guest_errors`. */
  guestError(what: string): void;
}
