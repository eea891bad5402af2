// What a device under construction claims: each claim goes to the bus, the wires or the timers that
// it is about, and is remembered for lists of devices.

import type {
  BoardFacts,
  BoardPins,
  Device,
  DeviceClass,
  DeviceMemory,
  GuestLog,
  GuestMemory,
  MmioHandler,
  PortHandler,
  Slot,
} from "../devices/device.ts";
import type { InterruptLines, IrqLine } from "../devices/interrupt-lines.ts";
import type { PciFabric, PciFunction, PciHeader } from "../devices/pci.ts";
import { PciBus } from "../devices/pci.ts";
import type { Clock, Scheduler, Timer } from "../devices/timers.ts";
import { hexRange, type MmioBus, type PortBus } from "./bus.ts";

/** The parts of a board that devices are attached to. */
export interface Attachments {
  readonly ports: PortBus;
  readonly mmio: MmioBus;
  readonly lines: InterruptLines;
  readonly scheduler: Scheduler;
  readonly memory: GuestMemory;
  readonly log: GuestLog;
  readonly facts: BoardFacts;
  readonly pins: BoardPins;
  readonly pciFabric: PciFabric;
  videoMemory(bytes: number): DeviceMemory;
  find<D extends Device>(kind: DeviceClass<D>, name?: string): D | undefined;
  devices<D extends Device>(kind: DeviceClass<D>): D[];
}

export class BoardSlot implements Slot {
  readonly name: string;
  readonly label: string;
  readonly clock: Clock;
  readonly log: GuestLog;
  readonly memory: GuestMemory;
  readonly board: BoardFacts;
  readonly pins: BoardPins;
  /** What has been claimed, a phrase each. */
  readonly claims: string[] = [];
  readonly #to: Attachments;

  constructor(name: string, to: Attachments, label = "") {
    this.name = name;
    this.label = label;
    this.clock = to.scheduler.clock;
    this.log = to.log;
    this.memory = to.memory;
    this.board = to.facts;
    this.pins = to.pins;
    this.#to = to;
  }

  ports(first: number, count: number, handler: PortHandler, sizes = 1): void {
    this.#to.ports.claim(this.name, first, count, handler, sizes);
    this.claims.push(`port ${hexRange(first, first + count - 1)}`);
  }

  mmio(start: number, length: number, handler: MmioHandler): void {
    this.#to.mmio.claim(this.name, start, length, handler);
    this.claims.push(`memory ${hexRange(start, start + length - 1)}`);
  }

  isaIrq(irq: number): IrqLine {
    this.claims.push(`IRQ ${irq}`);
    return this.#to.lines.isa(irq);
  }

  gsi(pin: number): IrqLine {
    this.claims.push(`GSI ${pin}`);
    return this.#to.lines.gsi(pin);
  }

  timer(fire: (now: number) => void, suffix?: string): Timer {
    const name = suffix === undefined ? this.name : `${this.name}-${suffix}`;
    this.claims.push(`timer ${name}`);
    return this.#to.scheduler.timer(name, fire);
  }

  videoMemory(bytes: number): DeviceMemory {
    return this.#to.videoMemory(bytes);
  }

  pci(header: PciHeader): PciFunction {
    const pin = header.interruptPin === undefined ? "" : ` INT${"?ABCD"[header.interruptPin]}`;
    this.claims.push(`PCI 0:${header.device.toString(16)}.${header.fn ?? 0}${pin}`);
    return this.find(PciBus).add(header.name ?? this.name, header, this.#to.pciFabric);
  }

  find<D extends Device>(kind: DeviceClass<D>, name?: string): D {
    const device = this.#to.find(kind, name);
    if (device === undefined) {
      throw new Error(
        `${this.name} needs a device ${name ?? kind.name}, and there is none before it`,
      );
    }
    return device;
  }

  devices<D extends Device>(kind: DeviceClass<D>): D[] {
    return this.#to.devices(kind);
  }
}
