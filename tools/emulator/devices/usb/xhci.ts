// A USB controller: eXtensible Host Controller Interface 1.0 (specification 1.1), as QEMU's qemu-xhci: eight ports of USB 2
// and four of USB 3, where nothing is, one interrupter with INTx and MSI. No hubs, no isochronous transfers, no streams, no power states of
// links. What is attached is there from power-on.

import {
  allOnes,
  type Device,
  type DeviceKind,
  type MmioHandler,
  peekRegisters,
  type Slot,
} from "../device.ts";
import type { PciFunction } from "../pci.ts";
import type { Timer } from "../timers.ts";
import type { HidDevice } from "./hid-device.ts";
import { MassStorage } from "./mass-storage.ts";
import {
  address,
  type EventRingState,
  flushEvents,
  freshEventRing,
  highOf,
  postEvent,
  type RingState,
  takeTrb,
  withLow,
} from "./trb-ring.ts";
import type { UsbDevice, UsbDeviceState } from "./usb-device.ts";
import { UsbKeyboard } from "./usb-keyboard.ts";
import { UsbPointer } from "./usb-pointer.ts";
import {
  CMD,
  CODE,
  CRCR,
  DOORBELLS,
  EP,
  HANDLER_BUSY,
  HIGH_SPEED,
  IMAN,
  INT,
  LINK,
  OP,
  OPERATIONAL,
  PORTS,
  PORTSC,
  REGISTER_BYTES,
  RUNTIME,
  STS,
  TRB,
  USB_PORTS,
  USB3_PORTS,
  XHCI_DEVICE,
} from "./xhci-registers.ts";
import { freshSlots, SLOT_COUNT, type SlotState, Slots } from "./xhci-slots.ts";
import { Transfers } from "./xhci-transfers.ts";

const PORT_BYTES = 16;
const PORT_COUNT = USB_PORTS + USB3_PORTS;

/** Capability registers (5.3), and behind them what the ports are (7.2). */
const CAPABILITIES: readonly number[] = [
  0x0100_0040,
  (PORT_COUNT << 24) | (1 << 8) | SLOT_COUNT,
  0x0000_000f,
  0,
  // 64-bit addresses; the extended capabilities are at 0x20 and 0x30.
  0x0008_0001,
  DOORBELLS,
  RUNTIME,
  0,
  0x0200_0402,
  0x2042_5355,
  (USB_PORTS << 8) | 1,
  0,
  0x0300_0002,
  0x2042_5355,
  (USB3_PORTS << 8) | (USB_PORTS + 1),
  0,
];

/** Between a doorbell and what follows from it, and a byte on the bus, ns (480 Mbit/s). */
const REACTION = 10_000;
const PER_BYTE = 20;
/** Done at a time: a host that never stops filling rings gets its turn. */
const MAX_COMMANDS = 64;
const MAX_TRANSFERS = 32;
/** A microframe, ns. */
const MICROFRAME = 125_000;

interface XhciState {
  command: number;
  status: number;
  notifications: number;
  configure: number;
  contexts: number;
  commands: RingState;
  commandsRun: boolean;
  management: number;
  moderation: number;
  table: number;
  tableSize: number;
  busy: boolean;
  events: EventRingState;
  ports: number[];
  slots: SlotState[];
  devices: UsbDeviceState[];
  /** Doorbells that have been rung: slot × 32 + endpoint, 0 for commands. */
  rung: number[];
  /** Endpoints whose device had nothing for them. */
  waiting: number[];
}

export class Xhci implements Device {
  readonly name: string;
  state: XhciState;
  readonly #fn: PciFunction;
  readonly #slot: Slot;
  readonly #timer: Timer;
  readonly #slots: Slots;
  /** When a device has something without being asked anew. */
  readonly #reminder: Timer;
  readonly #devices: readonly UsbDevice[];

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#slot = slot;
    this.#fn = slot.pci({
      device: XHCI_DEVICE,
      vendor: 0x1b36,
      deviceId: 0x000d,
      classCode: 0x0c0330,
      revision: 1,
      bars: [{ index: 0, kind: "memory", size: REGISTER_BYTES, handler: this.#registers() }],
      interruptPin: 1,
      msi: { messages: 1, at: 0x70 },
    });
    // Serial bus release number (5.2.3).
    this.#fn.config[0x60] = 0x30;
    this.#fn.config[0x61] = 0x20;
    this.#fn.sealPowerOn();
    const now = (): number => slot.clock.now();
    this.#devices = [
      ...slot.board.media.usb.map(
        (disk, i) => new MassStorage(disk, `TH${`${i}`.padStart(10, "0")}`),
      ),
      ...(slot.board.usbInput ?? []).map((kind) =>
        kind === "keyboard" ? new UsbKeyboard(now) : new UsbPointer(kind === "tablet", now),
      ),
    ];
    const askAgain = (): void => {
      for (const doorbell of this.state.waiting) this.#ring(doorbell);
    };
    for (const device of this.#devices) device.wake = askAgain;
    this.#reminder = slot.timer(askAgain, "reminder");
    this.#timer = slot.timer(() => this.#work());
    this.#slots = new Slots({
      memory: this.#fn.dma,
      deviceAt: (port) => (this.#isEnabled(port) ? this.#devices[port - 1] : undefined),
      contexts: () => this.state.contexts,
      stopped: (number, id) => this.#stopWaiting(number, id),
    });
    this.state = this.#fresh();
  }

  #fresh(): XhciState {
    for (const device of this.#devices) device.reset();
    this.#slots.state = freshSlots();
    return {
      command: 0,
      status: STS.halted,
      notifications: 0,
      configure: 0,
      contexts: 0,
      commands: { at: 0, cycle: 0 },
      commandsRun: false,
      management: 0,
      moderation: 4000,
      table: 0,
      tableSize: 0,
      busy: false,
      events: freshEventRing(),
      ports: Array.from({ length: PORT_COUNT }, (_, i) => this.#unreset(i)),
      slots: this.#slots.state,
      devices: this.#devices.map((device) => device.state),
      rung: [],
      waiting: [],
    };
  }

  /** PORTSC of a port that has power and has not been reset. */
  #unreset(port: number): number {
    if (this.#devices[port] === undefined)
      return PORTSC.power | (LINK.rxDetect << PORTSC.linkShift);
    const link = LINK.polling << PORTSC.linkShift;
    const speed = HIGH_SPEED << PORTSC.speedShift;
    return PORTSC.power | PORTSC.connected | PORTSC.connectChange | link | speed;
  }

  /** The device in use that keys go to: the one that was given last. */
  get keyboard(): UsbKeyboard | undefined {
    return this.#used(UsbKeyboard).at(-1);
  }

  /** The mouse in use for movements, the tablet for places, buttons and the wheel, or the one for all. */
  pointerFor(what: "places" | "movements"): UsbPointer | undefined {
    const wanted = what === "places";
    const all = this.#used(UsbPointer);
    return all.filter(({ isTablet }) => isTablet === wanted).at(-1) ?? all.at(-1);
  }

  /** Devices that a host uses. */
  #used<D extends HidDevice>(kind: abstract new (...args: never[]) => D): D[] {
    return this.#devices.filter(
      (device): device is UsbDevice & D => device instanceof kind && device.isUsed,
    );
  }

  reset(): void {
    this.#timer.cancel();
    this.#reminder.cancel();
    this.state = this.#fresh();
    this.#update();
  }

  restored(): void {
    this.#slots.state = this.state.slots;
    this.#devices.forEach((device, i) => {
      device.state = this.state.devices[i] as UsbDeviceState;
      device.restored();
    });
  }

  #isEnabled(port: number): boolean {
    return ((this.state.ports[port - 1] ?? 0) & PORTSC.enabled) !== 0;
  }

  get #runs(): boolean {
    return (this.state.command & CMD.run) !== 0;
  }

  // ---- Events and interrupts

  #event(low: number, high: number, status: number, control: number): void {
    const s = this.state;
    if (!postEvent(this.#fn.dma, s.events, [low >>> 0, high >>> 0, status >>> 0, control >>> 0])) {
      this.#fail(STS.controllerError);
      return;
    }
    s.management |= IMAN.pending;
    s.status |= STS.event;
    s.busy = true;
    this.#update();
  }

  /** The controller stops: it has met what is no memory, or a host that does not listen. */
  #fail(why: number): void {
    const s = this.state;
    s.status |= why | STS.halted;
    s.command &= ~CMD.run;
    s.rung = [];
    this.#timer.cancel();
  }

  /** Brings the interrupt up to date. A message takes what is pending with it (5.5.2.1). */
  #update(): void {
    const s = this.state;
    const wanted =
      (s.command & CMD.interrupts) !== 0 &&
      (s.management & (IMAN.pending | IMAN.enabled)) === (IMAN.pending | IMAN.enabled);
    if (wanted && this.#fn.usesMessages) {
      s.management &= ~IMAN.pending;
      this.#fn.sendMessage(0);
    }
    this.#fn.setInterrupt(wanted && !this.#fn.usesMessages);
  }

  // ---- Work that doorbells ask for

  #ring(doorbell: number): void {
    const s = this.state;
    if (!this.#runs) return;
    if (!s.rung.includes(doorbell)) s.rung.push(doorbell);
    this.#soon(REACTION);
  }

  #soon(delay: number): void {
    const when = this.#slot.clock.now() + delay;
    if (when < this.#timer.when) this.#timer.set(when);
  }

  #work(): void {
    const s = this.state;
    const rung = s.rung;
    s.rung = [];
    let moved = 0;
    for (const doorbell of rung) {
      if (!this.#runs) return;
      if (doorbell === 0) this.#commands();
      else moved += this.#endpoint(doorbell >> 5, doorbell & 31);
    }
    if (s.rung.length > 0) this.#soon(REACTION + moved * PER_BYTE);
  }

  #commands(): void {
    const s = this.state;
    for (let n = 0; s.commandsRun && n < MAX_COMMANDS; n++) {
      const trb = takeTrb(this.#fn.dma, s.commands);
      if (trb === "fault") this.#fail(STS.hostError);
      if (trb === undefined || trb === "fault") return;
      const { code, slot } = this.#slots.command(trb);
      const control = (slot << 24) | (TRB.commandEvent << 10);
      this.#event(trb.at, highOf(trb.at), code << 24, control);
    }
    if (s.commandsRun) this.#ring(0);
  }

  /** Does the transfers of an endpoint; bytes moved. */
  #endpoint(number: number, id: number): number {
    const s = this.state;
    const slot = this.#slots.at(number);
    const endpoint = slot?.endpoints[id];
    const device = slot && this.#slots.deviceOf(slot);
    if (slot === undefined || endpoint === undefined || device === undefined) return 0;
    if (endpoint.state !== EP.running) return 0;
    const doorbell = number * 32 + id;
    s.waiting = s.waiting.filter((other) => other !== doorbell);
    const transfers = new Transfers(device, id, endpoint, {
      memory: this.#fn.dma,
      event: ({ low, high }, code, rest, isData) => {
        const control = (number << 24) | (id << 16) | (TRB.transferEvent << 10) | (isData ? 4 : 0);
        this.#event(low, high, (code << 24) | (rest & 0xff_ffff), control);
      },
    });
    for (let n = 0; n < MAX_TRANSFERS && this.#runs; n++) {
      const outcome = transfers.next();
      if (outcome === "fault") {
        this.#fail(STS.hostError);
        return transfers.moved;
      }
      if (outcome === "done") continue;
      if (outcome === "waiting") {
        s.waiting.push(doorbell);
        if (device.again >= 0 && device.again < this.#reminder.when)
          this.#reminder.set(device.again);
      }
      this.#slots.tellEndpoint(slot, id);
      // What this endpoint has brought may be what others of the device have waited for.
      const others = s.waiting.filter((other) => other >> 5 === number && other !== doorbell);
      if (transfers.moved > 0) for (const other of others) this.#ring(other);
      return transfers.moved;
    }
    this.#ring(doorbell);
    return transfers.moved;
  }

  /** An endpoint is stopped with a transfer that has not begun (4.6.9). */
  #stopWaiting(number: number, id: number): void {
    const s = this.state;
    const doorbell = number * 32 + id;
    s.rung = s.rung.filter((other) => other !== doorbell);
    if (!s.waiting.includes(doorbell)) return;
    s.waiting = s.waiting.filter((other) => other !== doorbell);
    const at = this.#slots.at(number)?.endpoints[id]?.at ?? 0;
    const control = (number << 24) | (id << 16) | (TRB.transferEvent << 10);
    this.#event(at, highOf(at), CODE.stopped << 24, control);
  }

  // ---- Ports

  #writePort(port: number, value: number): void {
    const s = this.state;
    const now = s.ports[port] ?? 0;
    let next = now & ~(value & PORTSC.changes) & ~PORTSC.wake;
    next |= value & PORTSC.wake;
    // Power cannot be taken away; writing a one disables.
    if (value & PORTSC.enabled) next &= ~PORTSC.enabled;
    if (value & PORTSC.linkStrobe) {
      next = (next & ~PORTSC.link) | (value & PORTSC.link);
    }
    s.ports[port] = next >>> 0;
    if (value & PORTSC.reset) this.#resetPort(port);
  }

  /** A reset of the bus is over at once (4.19.5). */
  #resetPort(port: number): void {
    const s = this.state;
    const device = this.#devices[port];
    if (device === undefined) return;
    device.reset();
    s.devices[port] = device.state;
    const now = (s.ports[port] ?? 0) & ~PORTSC.link;
    s.ports[port] =
      (now | PORTSC.enabled | (LINK.u0 << PORTSC.linkShift) | PORTSC.resetChange) >>> 0;
    this.#portChanged(port);
  }

  #portChanged(port: number): void {
    this.state.status |= STS.portChange;
    if (!this.#runs) return;
    this.#event((port + 1) << 24, 0, CODE.success << 24, TRB.portEvent << 10);
  }

  // ---- Registers

  #read(offset: number): number {
    if (offset < OPERATIONAL) return CAPABILITIES[offset / 4] ?? 0;
    if (offset < PORTS) return this.#readOperational(offset - OPERATIONAL);
    if (offset < PORTS + PORT_COUNT * PORT_BYTES) {
      const port = Math.floor((offset - PORTS) / PORT_BYTES);
      return (offset - PORTS) % PORT_BYTES === 0 ? (this.state.ports[port] ?? 0) : 0;
    }
    if (offset >= RUNTIME && offset < DOORBELLS) return this.#readRuntime(offset - RUNTIME);
    return 0;
  }

  #readOperational(offset: number): number {
    const s = this.state;
    switch (offset) {
      case OP.command:
        return s.command;
      case OP.status:
        return s.status;
      case OP.pageSize:
        return 1;
      case OP.notifications:
        return s.notifications;
      case OP.commandRing:
        return s.commandsRun ? CRCR.running : 0;
      case OP.contexts:
        return s.contexts >>> 0;
      case OP.contextsHigh:
        return highOf(s.contexts);
      case OP.configure:
        return s.configure;
    }
    return 0;
  }

  #readRuntime(offset: number): number {
    const s = this.state;
    switch (offset) {
      case INT.frame:
        return this.#runs ? Math.floor(this.#slot.clock.now() / MICROFRAME) & 0x3fff : 0;
      case INT.management:
        return s.management;
      case INT.moderation:
        return s.moderation;
      case INT.tableSize:
        return s.tableSize;
      case INT.table:
        return s.table >>> 0;
      case INT.tableHigh:
        return highOf(s.table);
      case INT.dequeue:
        return ((s.events.dequeue >>> 0) | (s.busy ? HANDLER_BUSY : 0)) >>> 0;
      case INT.dequeueHigh:
        return highOf(s.events.dequeue);
    }
    return 0;
  }

  #write(offset: number, value: number): void {
    if (offset < OPERATIONAL) return;
    if (offset < PORTS) this.#writeOperational(offset - OPERATIONAL, value);
    else if (offset < PORTS + PORT_COUNT * PORT_BYTES) {
      const port = Math.floor((offset - PORTS) / PORT_BYTES);
      if ((offset - PORTS) % PORT_BYTES === 0) this.#writePort(port, value);
    } else if (offset >= DOORBELLS) {
      const number = (offset - DOORBELLS) / 4;
      if (number === 0) {
        this.state.commandsRun = this.#runs;
        this.#ring(0);
      } else if (number <= SLOT_COUNT && (value & 0xff) > 0 && (value & 0xff) < 32) {
        this.#ring(number * 32 + (value & 0xff));
      }
    } else if (offset >= RUNTIME) this.#writeRuntime(offset - RUNTIME, value);
  }

  #writeOperational(offset: number, value: number): void {
    const s = this.state;
    switch (offset) {
      case OP.command:
        this.#control(value);
        break;
      case OP.status:
        s.status &= ~(value & (STS.hostError | STS.event | STS.portChange | STS.restoreError));
        break;
      case OP.notifications:
        s.notifications = value & 0xffff;
        break;
      case OP.commandRing:
        if (value & (CRCR.stop | CRCR.abort) && s.commandsRun) {
          s.commandsRun = false;
          const { at } = s.commands;
          const control = TRB.commandEvent << 10;
          this.#event(at, highOf(at), CODE.ringStopped << 24, control);
        } else if (!s.commandsRun) {
          s.commands = {
            at: withLow(s.commands.at, value & ~63),
            cycle: value & 1,
          };
        }
        break;
      case OP.commandRingHigh:
        if (!s.commandsRun) s.commands.at = address(s.commands.at, value);
        break;
      case OP.contexts:
        s.contexts = withLow(s.contexts, value & ~63);
        break;
      case OP.contextsHigh:
        s.contexts = address(s.contexts, value);
        break;
      case OP.configure:
        s.configure = value & 0xff;
        break;
    }
  }

  #control(value: number): void {
    const s = this.state;
    if (value & CMD.reset) {
      this.reset();
      return;
    }
    // Nothing is saved beside the registers, so a host has to begin anew.
    if (value & CMD.restore) s.status |= STS.restoreError;
    s.command = value & CMD.kept;
    if (this.#runs) s.status &= ~STS.halted;
    else {
      s.status |= STS.halted;
      s.commandsRun = false;
      s.rung = [];
      this.#timer.cancel();
    }
    this.#update();
  }

  #writeRuntime(offset: number, value: number): void {
    const s = this.state;
    switch (offset) {
      case INT.management:
        s.management &= ~(value & IMAN.pending);
        s.management = (s.management & IMAN.pending) | (value & IMAN.enabled);
        this.#update();
        break;
      case INT.moderation:
        s.moderation = value;
        break;
      case INT.tableSize:
        s.tableSize = value & 0xffff;
        break;
      case INT.table:
        s.table = withLow(s.table, value & ~63);
        break;
      case INT.tableHigh:
        s.table = address(s.table, value);
        this.#openEvents();
        break;
      case INT.dequeue:
        if (value & HANDLER_BUSY) s.busy = false;
        s.events.dequeue = withLow(s.events.dequeue, value & ~15);
        this.#flush();
        break;
      case INT.dequeueHigh:
        s.events.dequeue = address(s.events.dequeue, value);
        this.#flush();
        break;
    }
  }

  /** The host has taken events: those that waited for room may follow. */
  #flush(): void {
    if (!flushEvents(this.#fn.dma, this.state.events)) this.#fail(STS.hostError);
  }

  /** The upper half of the table's address completes it: the ring begins anew with its one segment (6.5). */
  #openEvents(): void {
    const s = this.state;
    const bytes = this.#fn.dma.read(s.table, 16);
    if (s.tableSize === 0) return;
    if (bytes.length < 16) {
      this.#fail(STS.hostError);
      return;
    }
    const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
    const size = view.getUint32(8, true) & 0xffff;
    const base = address(view.getUint32(0, true) & ~63, view.getUint32(4, true));
    s.events = { ...freshEventRing(), base, size, dequeue: s.events.dequeue };
  }

  /** Registers of 32 bits, which may be read in parts; writes are of whole ones. */
  #registers(): MmioHandler {
    return {
      read: (offset, size) =>
        ((this.#read(offset & ~3) >>> (8 * (offset & 3))) & allOnes(size)) >>> 0,
      peek: peekRegisters((offset) => this.#read(offset)),
      write: (offset, value, size) => {
        if (size === 4 && (offset & 3) === 0) this.#write(offset, value >>> 0);
      },
    };
  }
}

export const xhci: DeviceKind = {
  name: "qemu-xhci",
  what: "USB controller with sticks, keyboards and pointers",
  builtIn: true,
  wanted: ({ media, usbInput }) => media.usb.length > 0 || usbInput !== undefined,
  create: (slot) => new Xhci(slot),
};
