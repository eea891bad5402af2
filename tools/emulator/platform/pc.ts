// The board: devices on their ports, addresses and interrupt lines, as QEMU's q35 or pc wires them.
// Which devices there are is said in devices.ts, what each occupies in its own file, what the boards
// differ in beyond that in devices/chipset.ts; what connects two devices is here. It knows the CPU core only by the functions in `CpuPins`.

import { AcpiPm } from "../devices/acpi-pm.ts";
import { type Chipset, firmwareIrq } from "../devices/chipset.ts";
import { DebugConsole } from "../devices/debug-console.ts";
import {
  type A20Gate,
  type AttachedMedia,
  type BoardFacts,
  type BoardPart,
  ClaimError,
  completeOptions,
  type Device,
  type DeviceClass,
  type DeviceKind,
  type DeviceMemory,
  type DeviceRequest,
  type FirmwareFile,
  type FlashMemory,
  type GuestLog,
  type GuestMemory,
  NO_MEDIA,
  type ShadowedArea,
  type Slot,
  type UsbInput,
} from "../devices/device.ts";
import { Hpet } from "../devices/hpet.ts";
import { InterruptLines } from "../devices/interrupt-lines.ts";
import { IoApic } from "../devices/ioapic.ts";
import { isNetworkCard, type NetworkCard } from "../devices/net/network-card.ts";
import { PciBus, type PciFabric } from "../devices/pci.ts";
import { Pic8259 } from "../devices/pic8259.ts";
import { Pit8254 } from "../devices/pit8254.ts";
import { Ps2Keyboard } from "../devices/ps2-keyboard.ts";
import { Ps2Mouse } from "../devices/ps2-mouse.ts";
import { HostBridge } from "../devices/q35.ts";
import { ResetControl } from "../devices/reset-control.ts";
import { Rtc } from "../devices/rtc.ts";
import { type Clock, Scheduler } from "../devices/timers.ts";
import { COM_PORTS, comName, Uart16550 } from "../devices/uart16550.ts";
import { Xhci } from "../devices/usb/xhci.ts";
import { Vga } from "../devices/vga.ts";
import { VirtioPort } from "../devices/virtio/virtio-port.ts";
import { MmioBus, PortBus } from "./bus.ts";
import { DEVICE_KINDS } from "./devices.ts";
import { type MemoryMap, MIB, SHADOW_START } from "./memory-map.ts";
import { type Attachments, BoardSlot } from "./slot.ts";

/** What the board does to the CPUs. */
export interface CpuPins {
  setIntr(level: boolean): void;
  apicMessage(
    destination: number,
    logical: number,
    delivery: number,
    vector: number,
    level: number,
  ): boolean;
  setA20(enabled: boolean): void;
  /** Has C0000–FFFFF be RAM or ROM from now on, as the host bridge says. */
  shadow(areas: readonly ShadowedArea[]): void;
  /** A write there that does not go to RAM by itself. */
  writeShadowed(address: number, value: number, size: number): void;
  /** Makes memory of a device that they access as RAM; for one device. Throws `LoadError` if there is no room for it. */
  videoMemory(bytes: number): DeviceMemory;
}

/** How the guest, or its hardware, ends the run. */
export type BoardEvent =
  | { kind: "power-off" }
  /** ACPI S3: `pm.state.asleep`. */
  | { kind: "suspended" }
  | { kind: "reset" }
  | { kind: "debug-exit"; status: number };

export interface BoardOptions {
  chipset: Chipset;
  /** What it lacks of what boards have; nothing unless given. */
  without?: readonly BoardPart[];
  map: MemoryMap;
  cpus: number;
  /** Time of the RTC at power-on, seconds since 1970. */
  epoch: number;
  /** Devices beside those that every board has. */
  devices: readonly DeviceRequest[];
  /** Firmware is the guest's own: devices are as they come out of a reset. */
  bare?: boolean;
  /** Files of the firmware configuration device; none unless given. */
  firmwareFiles?: readonly FirmwareFile[];
  /** Its other items, by their keys. */
  firmwareItems?: ReadonlyMap<number, Uint8Array>;
  /** Chips of flash that firmware lies in; none unless given. */
  flash?: readonly FlashMemory[];
  /** Contents of the display adapter's expansion ROM, for such firmware. */
  vgaRom?: Uint8Array | undefined;
  /** The same of network cards. */
  cardRoms?: readonly (Uint8Array | undefined)[];
  /** What the controllers of disks find at their ports; nothing unless given. */
  media?: AttachedMedia;
  /** What its user has on USB; the controller is there if it is given. */
  usbInput?: readonly UsbInput[] | undefined;
  /** Gates of address line 20 that take what is written to them and do nothing. */
  stuckA20?: readonly A20Gate[];
}

/** State of all devices, as plain data. */
export interface BoardState {
  devices: Record<string, object>;
  /** Contents of devices' memories, such as video memory. */
  memories: Record<string, Uint8Array>;
  /** When each timer fires. */
  timers: Record<string, number>;
}

/** Interrupt messages are writes to this MiB (Intel SDM vol. 3A, 11.11.1). */
const MESSAGE_BASE = 0xfee00000;

export class Board {
  readonly ports: PortBus;
  readonly mmio: MmioBus;
  readonly scheduler: Scheduler;
  readonly lines: InterruptLines;
  readonly pic: Pic8259;
  readonly ioapic: IoApic;
  readonly pit: Pit8254;
  readonly rtc: Rtc;
  readonly pm: AcpiPm;
  readonly keyboard: Ps2Keyboard;
  readonly usb: Xhci | undefined;
  readonly mouse: Ps2Mouse;
  readonly pci: PciBus;
  /** COM1 to COM4, those that there are. */
  readonly serialPorts: readonly (Uart16550 | undefined)[];
  readonly debugConsole: DebugConsole | undefined;
  readonly vga: Vga | undefined;
  onEvent: (event: BoardEvent) => void = () => {};

  readonly #cpus: CpuPins;
  readonly #attachments: Attachments;
  readonly #devices: { device: Device; claims: readonly string[] }[] = [];

  /** Throws `ClaimError` if two devices want the same, or a request names what does not exist. */
  constructor(
    options: BoardOptions,
    cpus: CpuPins,
    clock: Clock,
    memory: GuestMemory,
    log: GuestLog,
    kinds: readonly DeviceKind[] = DEVICE_KINDS,
  ) {
    this.#cpus = cpus;
    this.ports = new PortBus(log);
    this.mmio = new MmioBus(log);
    this.scheduler = new Scheduler(clock);
    this.lines = new InterruptLines(
      {
        pic: (input, level) => this.pic.setInput(input, level),
        ioapic: (pin, level) => this.ioapic.setPin(pin, level),
      },
      options.chipset.firstPirqPin,
    );
    this.add(this.lines);
    const facts: BoardFacts = {
      chipset: options.chipset,
      without: options.without ?? [],
      lowBytes: options.map.lowBytes,
      highBytes: options.map.highBytes,
      ecam: options.map.ecam,
      bare: options.bare ?? false,
      firmwareFiles: options.firmwareFiles ?? [],
      firmwareItems: options.firmwareItems ?? new Map(),
      flash: options.flash ?? [],
      vgaRom: options.vgaRom,
      cardRoms: options.cardRoms ?? [],
      cpus: options.cpus,
      epoch: options.epoch,
      media: options.media ?? NO_MEDIA,
      usbInput: options.usbInput,
    };
    this.#attachments = {
      ports: this.ports,
      mmio: this.mmio,
      lines: this.lines,
      scheduler: this.scheduler,
      memory,
      log,
      facts,
      pins: {
        reset: () => this.onEvent({ kind: "reset" }),
        powerOff: () => this.onEvent({ kind: "power-off" }),
        shadow: (areas) => cpus.shadow(areas),
        suspend: () => this.onEvent({ kind: "suspended" }),
        exit: (status) => this.onEvent({ kind: "debug-exit", status }),
        setA20: (enabled, by) => {
          if (by === undefined || !options.stuckA20?.includes(by)) this.setA20(enabled);
        },
      },
      pciFabric: this.#pciFabric(memory, facts),
      videoMemory: (bytes) => cpus.videoMemory(bytes),
      find: (kind, name) => this.find(kind, name),
      devices: (kind) => this.all(kind),
    };
    this.mmio.claim("bios", SHADOW_START, MIB - SHADOW_START, {
      read: () => 0xff,
      write: (offset, value, size) => cpus.writeShadowed(SHADOW_START + offset, value, size),
    });
    this.#populate(kinds, options.devices);
    const the = <D extends Device>(kind: DeviceClass<D>): D => this.find(kind) as D;
    this.pic = the(Pic8259);
    this.ioapic = the(IoApic);
    this.pit = the(Pit8254);
    this.rtc = the(Rtc);
    this.pm = the(AcpiPm);
    this.keyboard = the(Ps2Keyboard);
    this.mouse = the(Ps2Mouse);
    this.usb = this.find(Xhci);
    this.pci = the(PciBus);
    this.serialPorts = COM_PORTS.map((_, index) => this.find(Uart16550, comName(index)));
    this.debugConsole = this.find(DebugConsole);
    this.vga = this.find(Vga);
    this.#wire();
  }

  #populate(kinds: readonly DeviceKind[], requests: readonly DeviceRequest[]): void {
    for (const request of requests) {
      if (!kinds.some((k) => k.name === request.kind)) {
        throw new ClaimError(
          `there is no device ${request.kind}; there are ${kinds.map((k) => k.name).join(", ")}`,
        );
      }
    }
    for (const kind of kinds) {
      const wanted = requests.filter((r) => r.kind === kind.name);
      const own = kind.builtIn && (kind.wanted?.(this.#attachments.facts) ?? true);
      const unasked: DeviceRequest = { kind: kind.name };
      for (const { options, label } of own ? [unasked, ...wanted] : wanted) {
        const complete = completeOptions(kind, options);
        const name = kind.nameOf?.(complete) ?? kind.name;
        this.put(name, (slot) => kind.create(slot, complete), label);
      }
    }
  }

  /** Puts a device on the board. Throws `ClaimError` if its name or something it occupies is taken. */
  put<D extends Device>(name: string, create: (slot: Slot) => D, label?: string): D {
    const slot = new BoardSlot(name, this.#attachments, label);
    if (this.#devices.some((d) => d.device.name === name)) {
      throw new ClaimError(`there is a device ${name} already`);
    }
    const device = create(slot);
    this.#devices.push({ device, claims: slot.claims });
    return device;
  }

  /** Adds something that occupies nothing to what is reset and kept in snapshots. */
  add(device: Device): void {
    this.#devices.push({ device, claims: [] });
  }

  /** The device of a class, and with a name where there are several. */
  find<D extends Device>(kind: DeviceClass<D>, name?: string): D | undefined {
    for (const { device } of this.#devices) {
      if (device instanceof kind && (name === undefined || device.name === name)) return device;
    }
    return undefined;
  }

  /** All devices of a class, in a fixed order. */
  all<D extends Device>(kind: DeviceClass<D>): D[] {
    return this.devices().flatMap((device) => (device instanceof kind ? [device] : []));
  }

  /** Ports of virtio consoles, by their lines. */
  get virtioPorts(): VirtioPort[] {
    return this.all(VirtioPort).sort((a, b) => a.line - b.line);
  }

  /** I/O addresses of the serial ports that there are. */
  serialAddresses(): number[] {
    return COM_PORTS.filter((_, i) => this.serialPorts[i] !== undefined).map((p) => p.iobase);
  }

  /** Where the window of PCI configuration is, or -1 where it is turned off or there is none. */
  get ecam(): number {
    return this.find(HostBridge)?.windowStart ?? -1;
  }

  /** Network cards, by their numbers. */
  networkCards(): NetworkCard[] {
    return this.devices()
      .filter(isNetworkCard)
      .sort((a, b) => a.index - b.index);
  }

  /** Every device, in a fixed order. */
  devices(): readonly Device[] {
    return this.#devices.map((d) => d.device);
  }

  /** A line for each device: its name and what it occupies. */
  describe(): string[] {
    return this.#devices
      .filter((d) => d.claims.length > 0)
      .map(({ device, claims }) => `${device.name}: ${claims.join(", ")}`);
  }

  reset(): void {
    for (const device of this.devices()) device.reset();
  }

  save(): BoardState {
    const devices = this.devices();
    const memories = devices.flatMap((d) =>
      d.memory === undefined ? [] : [[d.name, d.memory.slice()] as const],
    );
    return {
      devices: Object.fromEntries(devices.map((d) => [d.name, structuredClone(d.state)])),
      memories: Object.fromEntries(memories),
      timers: this.scheduler.save(),
    };
  }

  /** Throws `Error` if a state was saved by a board with other devices. */
  checkSaved(saved: BoardState): void {
    const ours = this.devices().map((d) => d.name);
    const theirs = Object.keys(saved.devices);
    const odd = [...ours, ...theirs].find((n) => !ours.includes(n) || !theirs.includes(n));
    if (odd !== undefined) {
      const [has, lacks] = ours.includes(odd)
        ? ["this machine", "the snapshot"]
        : ["the snapshot", "this machine"];
      throw new Error(`${has} has a device ${odd}, ${lacks} has none`);
    }
    for (const device of this.devices()) {
      device.checkSaved?.(saved.devices[device.name] as object);
    }
  }

  /** Takes over a state that a board with the same devices has saved. Throws `Error` if it had others. */
  restore(saved: BoardState): void {
    this.checkSaved(saved);
    for (const device of this.devices()) {
      device.state = structuredClone(saved.devices[device.name]) as object;
      const contents = saved.memories[device.name];
      if (contents !== undefined) device.memory?.set(contents);
    }
    this.scheduler.load(saved.timers);
    for (const device of this.devices()) device.restored?.();
  }

  #pciFabric(memory: GuestMemory, { bare, chipset }: BoardFacts): PciFabric {
    return {
      memory,
      bare,
      decode: (what, kind, start, size, handler, shown) => {
        if (kind === "memory") return this.mmio.decode(what, start, size, handler, shown);
        return this.ports.decode(what, start, size, {
          read: (port, bytes) => handler.read(port - start, bytes),
          write: (port, value, bytes) => handler.write(port - start, value, bytes),
        });
      },
      interruptLine: (device, pin) => this.lines.pirq(chipset.pirqOf(device, pin)),
      firmwareIrq: (device, pin) => firmwareIrq(chipset, device, pin),
      message: (address, data) => {
        if ((address & 0xfff00000) >>> 0 === MESSAGE_BASE) this.#interruptMessage(address, data);
        else {
          const bytes = new Uint8Array(4);
          new DataView(bytes.buffer).setUint32(0, data, true);
          memory.write(address, bytes);
        }
      },
    };
  }

  /** Address bits 19:12 destination, 2 destination mode; data bits 7:0 vector, 10:8 delivery, 15 trigger, 14 level. */
  #interruptMessage(address: number, data: number): void {
    const level = (data >> 15) & 1;
    if (level === 1 && !(data & 0x4000)) return;
    this.#cpus.apicMessage(
      (address >>> 12) & 0xff,
      (address >> 2) & 1,
      (data >> 8) & 7,
      data & 0xff,
      level,
    );
  }

  #wire(): void {
    const { pic, ioapic, pit } = this;
    const hpet = this.find(Hpet);
    pic.onIntr = (level) => {
      this.#cpus.setIntr(level);
      ioapic.setPin(0, level);
    };
    ioapic.onMessage = (...message) => this.#cpus.apicMessage(...message);
    pit.isHeard = () => pic.listens(0) || ioapic.listens(2);
    const catchUp = (): void => pit.catchUp();
    pic.onUnmask = catchUp;
    pic.onQuery = catchUp;
    ioapic.onUnmask = catchUp;
    if (hpet === undefined) return;
    hpet.onLegacy = (on) => {
      pit.connect(!on);
      this.rtc.connect(!on);
    };
  }

  /** Switches address line 20, whatever becomes of the gates. */
  setA20(enabled: boolean): void {
    this.find(ResetControl)?.showA20(enabled);
    this.#cpus.setA20(enabled);
  }
}
