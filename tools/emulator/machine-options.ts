// What a machine is made of, and the checks of it. Files come as bytes or readers, output goes to functions: what
// they are on the host is the business of host/ (Node) or of a page.

import type { CoreImports } from "./core/interface.ts";
import type { CoreSource } from "./core/load.ts";
import { MAX_CPUS } from "./core/protocol.ts";
import { AHCI_PORTS, addedAhci } from "./devices/ata/ahci.ts";
import { CHIPSETS, type Chipset } from "./devices/chipset.ts";
import type {
  AttachedMedia,
  BoardPart,
  DeviceRequest,
  OptionValues,
  UsbInput,
} from "./devices/device.ts";
import {
  FIRST_MAC,
  MAX_CARDS,
  MODELS_WITH_ROM,
  NETWORK_CARD_MODELS,
  type NetworkCardModel,
} from "./devices/net/network-card.ts";
import { USB_PORTS, XHCI_DEVICE } from "./devices/usb/xhci-registers.ts";
import type { Disassemble } from "./inspect/disassembly.ts";
import type { Accel } from "./jit/accel.ts";
import { LoadError } from "./load-error.ts";
import type { Module } from "./loader/modules.ts";
import { Disk, type DiskBus, type DiskKind } from "./media/disk.ts";
import type { FailureAction, WriteFailureAction } from "./media/disk-failures.ts";
import { openFormat } from "./media/formats.ts";
import { bytesImage, type ImageFormat, type ImageSource } from "./media/image.ts";
import { type MediumName, mediumOf } from "./media/medium.ts";
import { ADDABLE_DEVICES } from "./platform/addable-devices.ts";
import type { BootKind } from "./platform/firmware/bios-state.ts";
import type { BootCard } from "./platform/firmware/boot-order.ts";
import type { BiosFaults } from "./platform/firmware/faults.ts";
import type { FlashChip } from "./platform/firmware/flash-chips.ts";
import type { BootMenu } from "./platform/firmware/guest-firmware.ts";
import type { SmbiosOptions } from "./platform/firmware/smbios.ts";
import { GIB, MAX_RAM, MIB, MIN_RAM } from "./platform/memory-map.ts";

export { MAX_CPUS };

/** Drives of a floppy controller. */
const FLOPPY_DRIVES = 2;
/** Disks of virtio devices: as many as there are slots for them. */
const VIRTIO_DISKS = 28;

/** The first slot for devices that are added: behind the host bridge, pc's bridge to ISA, and the display adapter. */
const firstSlot = ({ machine, vga = true }: MachineOptions): number =>
  (machine === "pc" ? 2 : 1) + (vga ? 1 : 0);

/** Power-on time of the RTC unless told otherwise: runs must not depend on the host's clock. */
const DEFAULT_EPOCH = Date.UTC(2026, 0, 1) / 1000;

/** Kinds of media, in the words of -drive. */
export type MediaKind = DiskKind;

export interface ModuleOptions {
  /** Contents. */
  file: Uint8Array;
  /** For messages; "module0" and so on by default. */
  name?: string;
  /** The string the kernel sees for the module; the name by default. */
  commandLine?: string;
}

export interface DiskOptions {
  kind: MediaKind;
  /**
   * Contents, or a reader of them. They are not changed unless the disk is persistent. A drive for CDs or floppies may go
   * without, until `input` puts something in.
   */
  image?: Uint8Array | ImageSource;
  /** What the contents are; found out by how they begin by default. For readers that have one already it says nothing. */
  format?: ImageFormat;
  /** What the guest writes goes to the image; otherwise it is kept beside it and lost with the machine (the default). */
  persistent?: boolean;
  /** "usb" for a stick (or a CD) on USB, "virtio" for a disk of a virtio device of its own; "ata" by default. */
  bus?: DiskBus;
  /** Writes fail. */
  readOnly?: boolean;
  /** What the disk says of itself: virtio's serial number. */
  serial?: string;
  /** What becomes of reads that the host fails: the guest is told ("report", the default), and others of `FailureAction`. */
  onReadFailure?: FailureAction;
  /** The same of writes and flushes; "enospc" stops the machine where the host has no space, and reports all else. */
  onWriteFailure?: WriteFailureAction;
  /**
   * Drive A (0) or B (1), or where a disk or CD is: the port of q35's controller (0–5), 2 × channel + device of pc's (0–3);
   * or the number that a virtio device's option `drive` has. The first free one by default.
   */
  index?: number;
  /** Number of the AHCI controller of `devices` (its option `index`) that the disk is at; the board's own by default. */
  controller?: number;
  /** Place in the boot order, smallest first, before what `bootOrder` says. */
  bootIndex?: number;
  /** What the monitor calls the drive; what QEMU makes of its place by default, such as "ide2-cd0". */
  id?: string;
  /** What the monitor calls the device that the drive is in; nothing by default. */
  deviceId?: string;
}

/** A network card. */
export interface NetworkCardOptions {
  /** The board's unless given: "e1000e" on q35, "e1000" on pc. */
  model?: NetworkCardModel;
  /** Its address: six pairs of hexadecimal digits with colons; 52:54:00:12:34:56 and the following ones unless given. */
  mac?: string;
  /** Of virtio's: `vectors`, `disable-legacy` and the like. */
  properties?: OptionValues;
  /** Contents of its expansion ROM, which firmware of `bios` boots from a network by; not of virtio's. */
  rom?: Uint8Array;
  /** Device number on the PCI bus; the first free one unless given. */
  slot?: number;
  /** What the monitor calls the card; its model and a number by default, such as "e1000.0". */
  id?: string;
  /** What is behind it, for the monitor: its name, and what it is in QEMU's words, such as "type=user". */
  peer?: { name: string; description: string };
  /** Place in the boot order, as a disk's, for firmware that boots from a network. */
  bootIndex?: number;
}

/** A chip of flash. */
export interface FlashOptions {
  /** Contents, or a reader of them: whole 4 KiB. */
  image: Uint8Array | ImageSource;
  /** Nothing can be written to it. */
  readOnly?: boolean;
  /** What is written goes to the image. */
  persistent?: boolean;
}

export interface MachineOptions {
  /** The compiled CPU core (emulator-core.wasm). */
  core: CoreSource;
  /** The board: "q35" (the default), or "pc" with the older chipset 440FX and IDE in place of SATA. */
  machine?: Chipset["name"];
  /** What the board lacks: "acpi" (tables, and on "pc" power management), "hpet", "s3" (ACPI's sleep state); nothing by default. */
  without?: readonly BoardPart[];
  /** RAM in bytes, or as on the command line: "2048M", "1G". 128 MiB by default. */
  memory?: number | string;
  /**
   * Bytes of RAM above 4 GiB that the CPUs have at hand, up to 1 GiB, which is the default; the rest is kept apart in pages,
   * to and fro as they are used. It shows in nothing but speed.
   */
  residentHighRam?: number;
  /** 1–32, 1 by default. */
  cpus?: number;
  /**
   * The CPU model as -cpu takes it: a name of `CPU_MODEL_NAMES`, then features to add or leave out and the vendor, such as
   * "Haswell,-avx2,vendor=AuthenticAMD". "default" (Ivy Bridge level) by default; "max" has everything that there is.
   */
  cpu?: string;
  /** How guest code is executed; it shows in nothing but the time that a run takes. `{ kind: "jit" }` by default. */
  accel?: Accel;
  /** Every instruction takes a nanosecond, whatever it does: time counts instructions. */
  icount?: boolean;
  /** Iterations of loops that wait are skipped where their outcome is known; it shows in nothing but speed. On by default. */
  skipWaits?: boolean;
  /** Kernel: contents. Together with `bios` or `flash` a Linux image, which that starts. */
  kernel?: Uint8Array;
  /** The kernel's name on its command line and in messages; "kernel" by default. */
  kernelName?: string;
  /** Boot modules. */
  modules?: readonly ModuleOptions[];
  /** Kernel command line behind the kernel's name. */
  append?: string;
  /** Firmware in place of our BIOS: a flash image that ends at 4 GiB. Such firmware boots from disks, or starts `kernel`. */
  bios?: Uint8Array;
  /** For messages; "bios" by default. */
  biosName?: string;
  /**
   * Firmware in chips of flash that it can write, in place of `bios`: the first ends at 4 GiB, a second one, for variables,
   * lies below it. What is written is lost with the machine unless a chip is persistent.
   */
  flash?: readonly FlashOptions[];
  /** What such firmware is told about its boot menu. */
  bootMenu?: BootMenu;
  /** What the machine says of itself in SMBIOS tables, where that is to be something else. */
  smbios?: SmbiosOptions;
  /** More files of the firmware configuration device. */
  firmwareFiles?: readonly { name: string; data: Uint8Array }[];
  /**
   * More expansion ROMs for such firmware, with a place in the boot order where that has to start something by one. SeaBIOS
   * starts a kernel by QEMU's "linuxboot_dma.bin".
   */
  optionRoms?: readonly { name: string; data: Uint8Array; bootIndex?: number }[];
  /** The display adapter's expansion ROM for such firmware: its video BIOS. */
  vgaRom?: Uint8Array;
  /** Disk images, which the BIOS boots from where there is no kernel. */
  disks?: readonly DiskOptions[];
  /** Opens images that are put into drives while the machine runs; none can be unless given. Throws `Error` of one line. */
  openMedium?: (medium: MediumName, writable: boolean) => ImageSource;
  /** Closes what `openMedium` has opened. */
  closeMedium?: (source: ImageSource) => void;
  /** What the BIOS tries, in order; hard disks, floppies, CDs by default. */
  bootOrder?: readonly BootKind[];
  /** The same for the first start alone, before any reset. */
  bootOnce?: readonly BootKind[];
  /** What the BIOS lacks or gets wrong, for tests of boot loaders. */
  biosFaults?: BiosFaults;
  /** RTC at power-on; 2026-01-01 by default. */
  clockStart?: Date;
  /** Which of COM1 to COM4 there are, in this order; COM1 alone by default. */
  serialPorts?: readonly boolean[];
  /** The debug console; on by default, at port 0xE9 unless `debugConsolePort` is another. */
  debugConsole?: boolean;
  debugConsolePort?: number;
  debugExit?: { iobase: number; iosize: number };
  /** More devices, as -device names them (platform/devices.ts). */
  devices?: readonly DeviceRequest[];
  /** Network cards; none unless given. What they send goes to `onFrame`, what arrives is `input` of kind "frame". */
  networkCards?: readonly NetworkCardOptions[];
  /** What is on USB beside media, up to eight devices with them; `[]` is a controller with nothing more. */
  usb?: readonly UsbInput[];
  /** VGA; on by default. */
  vga?: boolean;
  /** A guest's reset starts it again; otherwise it ends the run (the default). */
  reboot?: boolean;
  /** Idle time is waited out instead of skipped; runs are then not repeatable. */
  realTime?: boolean;
  /** Makes instructions readable for `report`; without one reports show bytes. */
  disassembler?: () => Promise<Disassemble>;
  /** Each byte that the guest sends on a serial port; `port` is 0 for COM1, 4 for the first port of virtio consoles. */
  onSerial?: (byte: number, port: number) => void;
  onDebugConsole?: (byte: number) => void;
  /** Each frame that the guest sends on a network card. */
  onFrame?: (frame: Uint8Array, card: number) => void;
  onUnimplemented?: (what: string) => void;
  onAbsent?: (what: string) => void;
  onGuestError?: (what: string) => void;
  /** The host failed to do what the guest asked for, as reading a disk's image; the guest sees an error of the device. */
  onHostError?: (what: string) => void;
  onTrace?: CoreImports["trace"];
}

/**
 * Parses a size as -m takes it: bytes with a suffix K, M or G, mebibytes without. Throws `LoadError`; `option` is what
 * stands in front of the text.
 */
export function parseMemory(value: string, option = "memory "): number {
  const match = /^(?:size=)?(\d+)([kKmMgGbB]?)$/.exec(value);
  if (match === null) {
    throw new LoadError(`${option}${value}: expected a number with K, M or G, such as 2048M`);
  }
  const unit =
    { "": MIB, b: 1, k: 1024, m: MIB, g: 2 ** 30 }[(match[2] as string).toLowerCase()] ?? 1;
  return Number(match[1]) * unit;
}

/** RAM in bytes. Throws `LoadError` for sizes the board does not take. */
export function checkedRam(memory: MachineOptions["memory"]): number {
  const bytes = typeof memory === "string" ? parseMemory(memory) : (memory ?? 128 * MIB);
  if (!Number.isInteger(bytes) || bytes < MIN_RAM || bytes > MAX_RAM || bytes % 4096 !== 0) {
    throw new LoadError(
      `memory of ${bytes} bytes: expected ${MIN_RAM / MIB}M to ${MAX_RAM / GIB}G`,
    );
  }
  return bytes;
}

/** The board's chipset. Throws `LoadError`. */
export function checkedChipset(machine: MachineOptions["machine"] = "q35"): Chipset {
  const chipset = CHIPSETS.find(({ name }) => name === machine);
  if (chipset !== undefined) return chipset;
  const names = CHIPSETS.map(({ name }) => name).join(", ");
  throw new LoadError(`machine ${machine}: expected one of ${names}`);
}

/** The number of CPUs. Throws `LoadError`. */
export function checkedCpus(cpus: MachineOptions["cpus"]): number {
  const n = cpus ?? 1;
  if (!Number.isInteger(n) || n < 1 || n > MAX_CPUS) {
    throw new LoadError(`${n} CPUs: expected 1 to ${MAX_CPUS}`);
  }
  return n;
}

/** The RTC's time at power-on, seconds since 1970. */
export function powerOnTime(start: MachineOptions["clockStart"]): number {
  return start === undefined ? DEFAULT_EPOCH : Math.floor(start.getTime() / 1000);
}

/** Reads an address such as 52:54:00:12:34:56. Throws `LoadError`. */
export function parseMac(text: string): number {
  const digits = /^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$/i.test(text)
    ? text.replaceAll(/[:-]/g, "")
    : "";
  const mac = Number.parseInt(digits, 16);
  // Bit 40 is that of groups.
  if (Number.isNaN(mac) || Math.floor(mac / 2 ** 40) & 1) {
    throw new LoadError(`mac ${text}: expected an address of one card, such as 52:54:00:12:34:56`);
  }
  return mac;
}

/** The network cards of the options, those without an address with the next one that nobody has. Throws `LoadError`. */
function cardRequests({ networkCards: cards = [], machine }: MachineOptions): DeviceRequest[] {
  const { networkCard } = checkedChipset(machine);
  if (cards.length > MAX_CARDS) {
    throw new LoadError(`${cards.length} network cards: expected at most ${MAX_CARDS}`);
  }
  const taken = new Set(cards.flatMap(({ mac }) => (mac === undefined ? [] : [parseMac(mac)])));
  return cards.map(({ model = networkCard, mac, slot, properties, rom }, index) => {
    let own = mac === undefined ? FIRST_MAC : parseMac(mac);
    while (mac === undefined && taken.has(own)) own++;
    taken.add(own);
    if (rom !== undefined && !MODELS_WITH_ROM.includes(model))
      throw new LoadError(`${model} takes no ROM`);
    const place: OptionValues = slot === undefined ? {} : { addr: slot };
    return { kind: model, options: { ...properties, index, mac: own, ...place } };
  });
}

/** What the monitor calls the cards, by their numbers. */
export function cardNames({ networkCards = [], machine }: MachineOptions): string[] {
  const counts = new Map<string, number>();
  return networkCards.map(({ id, model = checkedChipset(machine).networkCard }) => {
    if (id !== undefined) return id;
    const count = counts.get(model) ?? 0;
    counts.set(model, count + 1);
    return `${model}.${count}`;
  });
}

/** The devices that the options ask for, beside those on every board. */
export function deviceRequests(options: MachineOptions): DeviceRequest[] {
  const { debugExit } = options;
  return withSlots(options, [
    ...(options.serialPorts ?? [true]).flatMap((there, index) =>
      there ? [{ kind: "isa-serial", options: { index } }] : [],
    ),
    ...((options.debugConsole ?? true)
      ? [{ kind: "isa-debugcon", options: { iobase: options.debugConsolePort ?? 0xe9 } }]
      : []),
    ...(debugExit === undefined ? [] : [{ kind: "isa-debug-exit", options: debugExit }]),
    ...(options.flash ?? []).map((_, unit) => ({ kind: "cfi.pflash01", options: { unit } })),
    ...cardRequests(options),
    ...((options.vga ?? true) ? [{ kind: "VGA" }] : []),
    ...(options.devices ?? []),
    ...virtioDisks(options),
  ]);
}

/** The network cards that have a place in the boot order. */
export function bootCards(options: MachineOptions): BootCard[] {
  const cards = deviceRequests(options).filter(({ kind }) =>
    NETWORK_CARD_MODELS.some((model) => model === kind),
  );
  return (options.networkCards ?? []).flatMap(({ bootIndex }, index) => {
    const slot = cards.find((request) => request.options?.index === index)?.options?.addr;
    return bootIndex === undefined || slot === undefined ? [] : { slot, bootIndex };
  });
}

const VIRTIO_DISK = "virtio-blk-pci";

/** A device for each virtio disk that no request names. */
function virtioDisks({ disks = [], devices = [] }: MachineOptions): DeviceRequest[] {
  const named = new Set(
    devices.filter((d) => d.kind === VIRTIO_DISK).map((d) => d.options?.drive ?? 0),
  );
  const count = disks.filter(({ bus }) => bus === "virtio").length;
  return Array.from({ length: count }, (_, drive) => drive)
    .filter((drive) => !named.has(drive))
    .map((drive) => ({ kind: VIRTIO_DISK, options: { drive } }));
}

/** Gives those that want a slot of the PCI bus and do not say which the next free one, in order, as QEMU does. */
function withSlots(options: MachineOptions, requests: readonly DeviceRequest[]): DeviceRequest[] {
  const wants = (kind: string): boolean =>
    ADDABLE_DEVICES.some((k) => k.name === kind && k.options !== undefined && "addr" in k.options);
  const taken = new Set(
    requests.flatMap(({ options: o }) => (o?.addr === undefined ? [] : o.addr)),
  );
  if (options.usb !== undefined || options.disks?.some(({ bus }) => bus === "usb")) {
    taken.add(XHCI_DEVICE);
  }
  let next = firstSlot(options);
  return requests.map((request) => {
    if (!wants(request.kind) || request.options?.addr !== undefined) return request;
    while (taken.has(next)) next++;
    return { ...request, options: { ...request.options, addr: next++ } };
  });
}

/** Boot modules as the loaders take them. */
export function bootModules(modules: MachineOptions["modules"] = []): Module[] {
  return modules.map(({ file, name, commandLine }, i) => {
    const input = { name: name ?? `module${i}`, data: file };
    return { file: input, commandLine: commandLine ?? input.name };
  });
}

/** The chips of flash of the options, in order. */
export function chipsOf({ flash = [] }: MachineOptions): FlashChip[] {
  return flash.map(({ image, readOnly = false, persistent = false }, i) => ({
    image: ArrayBuffer.isView(image) ? bytesImage(`flash${i}`, image) : image,
    readOnly,
    persistent: persistent && !readOnly,
  }));
}

/** A medium, and where it comes in the boot order: infinity where it has no place of its own. */
export interface BootMedium {
  readonly disk: Disk;
  readonly bootIndex: number;
}

/** Media in the order in which the BIOS numbers them, and where they are attached. */
export interface MachineMedia {
  readonly inBootOrder: readonly BootMedium[];
  readonly attached: AttachedMedia;
}

/** The disks of the options. Throws `LoadError` for those that there is no place for. */
export function mediaOf(options: MachineOptions): MachineMedia {
  const { drives } = checkedChipset(options.machine);
  const media = (options.disks ?? []).map(
    ({ kind, image, format, bootIndex, index, controller, ...traits }, i) => {
      const name = `disk${i}`;
      const source =
        image !== undefined && ArrayBuffer.isView(image)
          ? imageOfBytes(name, image, format)
          : image;
      const disk = new Disk(name, kind, source, traits);
      serveMedia(disk, options);
      return { disk, index, controller, bootIndex: bootIndex ?? Number.POSITIVE_INFINITY };
    },
  );
  const floppies = media.filter(({ disk }) => disk.kind === "floppy");
  const usb = media.filter(({ disk }) => disk.kind !== "floppy" && disk.bus === "usb");
  const virtio = media.filter(({ disk }) => disk.bus === "virtio");
  const sata = media.filter(({ disk }) => disk.kind !== "floppy" && disk.bus === "ata");
  const ata = sata.filter(({ controller }) => controller === undefined);
  return {
    // Of those without a place virtio's come last, as SeaBIOS finds them.
    inBootOrder: media.sort((a, b) =>
      a.bootIndex === b.bootIndex ? late(a.disk) - late(b.disk) : a.bootIndex - b.bootIndex,
    ),
    attached: {
      ata: attach(ata, drives.places, "disks and CDs", drives.nameOf, (place, { kind }) => {
        const [bus, unit] = drives.cableOf(place);
        return `ide${bus}-${kind === "cdrom" ? "cd" : "hd"}${unit}`;
      }),
      ahci: addedControllers(options, sata),
      floppies: attach(floppies, FLOPPY_DRIVES, "floppies", (place) => `floppy.${place}`),
      usb: attach(usb, usbPlaces(options), "media on USB", (place) => `usb.${place}`).filter(
        (disk) => disk !== undefined,
      ),
      virtio: attach(virtio, VIRTIO_DISKS, "virtio disks", (place) => `virtio.${place}`),
    },
  };
}

/** What is at the ports of AHCI controllers that were added. Throws `LoadError` for disks at others. */
function addedControllers(
  { devices = [] }: MachineOptions,
  media: readonly (Placed & { controller?: number | undefined })[],
): (Disk | undefined)[][] {
  const there = devices.flatMap(({ kind, options }) =>
    kind === addedAhci.name ? (options?.index ?? 0) : [],
  );
  const lost = media.find(({ controller: n }) => n !== undefined && !there.includes(n));
  if (lost !== undefined) {
    const { imageName } = lost.disk;
    throw new LoadError(`disk ${imageName}: there is no AHCI controller ${lost.controller}`);
  }
  return Array.from({ length: Math.max(-1, ...there) + 1 }, (_, n) => {
    const own = media.filter(({ controller }) => controller === n);
    return attach(own, AHCI_PORTS, "disks and CDs", (port) => `ahci${n}.${port}`);
  });
}

/** Lets a disk have again what a snapshot says was put in. */
function serveMedia(disk: Disk, { openMedium, closeMedium }: MachineOptions): void {
  if (openMedium !== undefined) {
    disk.reopen = (name) => {
      const persistent = disk.persists && !name.readOnly;
      const source = openMedium(name, persistent);
      try {
        return mediumOf(disk, source, { readOnly: name.readOnly, persistent });
      } catch (error) {
        closeMedium?.(source);
        throw error;
      }
    };
  }
  if (closeMedium !== undefined) disk.release = closeMedium;
}

/** Ports that there are for media. Throws `LoadError` where the other devices do not fit. */
function usbPlaces({ usb = [] }: MachineOptions): number {
  if (usb.length > USB_PORTS) {
    throw new LoadError(`${usb.length} devices on USB: expected at most ${USB_PORTS}`);
  }
  return USB_PORTS - usb.length;
}

const late = (disk: Disk): number => (disk.bus === "virtio" ? 1 : 0);

function imageOfBytes(name: string, bytes: Uint8Array, format?: ImageFormat): ImageSource {
  return openFormat(bytesImage(name, bytes), format, (backing) => {
    throw new LoadError(`disk ${name}: its backing file "${backing}" is not there`);
  });
}

interface Placed {
  disk: Disk;
  index?: number | undefined;
}

/** Media by their place: those with an index at theirs, the others where there is room. */
function attach(
  media: readonly Placed[],
  places: number,
  what: string,
  nameOf: (place: number) => string,
  driveNameOf: (place: number, disk: Disk) => string = (place) => nameOf(place).replace(".", ""),
): (Disk | undefined)[] {
  if (media.length > places) {
    throw new LoadError(`${media.length} ${what}: expected at most ${places}`);
  }
  const at: (Disk | undefined)[] = new Array(places).fill(undefined);
  for (const { disk, index } of media) {
    if (index === undefined) continue;
    const name = `disk ${disk.imageName}: index ${index}`;
    if (!Number.isInteger(index) || index < 0 || index >= places) {
      throw new LoadError(`${name}: expected 0 to ${places - 1}`);
    }
    const other = at[index];
    if (other !== undefined) throw new LoadError(`${name} is that of ${other.imageName} already`);
    at[index] = disk;
  }
  for (const { disk, index } of media) {
    if (index === undefined) at[at.indexOf(undefined)] = disk;
  }
  for (const [place, disk] of at.entries()) {
    if (disk === undefined) continue;
    disk.attachedTo = nameOf(place);
    if (disk.driveName === disk.name) disk.driveName = driveNameOf(place, disk);
  }
  return at;
}
