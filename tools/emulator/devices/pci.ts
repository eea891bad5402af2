// PCI bus 0: configuration mechanism 1 (ports 0xCF8, 0xCFC) and ECAM (PCI Local Bus 3.0, 3.2.2.3;
// PCI Express Base 2.0, 7.2.2), type-0 functions with base address registers, interrupt pins and
// MSI (PCI Local Bus 3.0, 6.1, 6.2 and 6.8.1); MSI-X is in msix.ts. There are no bridges and no per-vector masks of MSI.

import {
  allOnes,
  ClaimError,
  type Device,
  type DeviceKind,
  type DeviceMemory,
  type GuestMemory,
  type MmioHandler,
  type NumberOption,
  type PortHandler,
  peekRegisters,
  type Slot,
} from "./device.ts";
import type { IrqLine } from "./interrupt-lines.ts";

const CONFIG_BYTES = 256;
/** With extended capabilities (PCI Express Base 2.0, 7.2). */
const EXTENDED_BYTES = 4096;
const COMMAND = 0x04;
const STATUS = 0x06;
const BAR0 = 0x10;
const ROM_BAR = 0x30;
const ROM_ENABLE = 1;
const CAPABILITIES = 0x34;
const INTERRUPT_LINE = 0x3c;
const INTERRUPT_PIN = 0x3d;
const FIRST_CAPABILITY = 0x40;

const COMMAND_IO = 1;
const COMMAND_MEMORY = 2;
const COMMAND_MASTER = 4;
const COMMAND_INTX_OFF = 0x400;
const STATUS_INTERRUPT = 0x08;
const STATUS_CAPABILITIES = 0x10;

const CAPABILITY_MSI = 0x05;
export const CAPABILITY_MSIX = 0x11;
const MSI_ENABLE = 1;
const MSI_GRANTED = 0x70;
const MSI_64BIT = 0x80;
const MSIX_ENABLE = 0x8000;

/** Device numbers 1 to 30 on bus 0. The chipset's is the last. */
export const SLOT_OPTION: NumberOption = { default: 2, minimum: 1, maximum: 30, isSlot: true };

/** A base address register. */
export interface PciBar {
  /** 0–5; a 64-bit one also takes the next. */
  readonly index: number;
  readonly kind: "io" | "memory" | "memory64";
  /** Bytes, a power of two: at least 4 for I/O, 16 for memory. */
  readonly size: number;
  readonly prefetchable?: boolean;
  /** Where firmware puts it; unless given, where there is room. */
  readonly address?: number;
  /** `offset` is relative to the start of the region, for I/O too. */
  readonly handler: MmioHandler;
  /** Memory that shows there: CPUs access it without the handler, except for pages that another region begins or ends in. */
  readonly memory?: DeviceMemory;
}

/** A capability in configuration space (PCI Local Bus 3.0, 6.7), without its ID and next pointer. */
export interface PciCapability {
  readonly id: number;
  /** Offset in configuration space; behind the last one unless given. */
  readonly at?: number;
  /** Contents behind the two header bytes. */
  readonly bytes: readonly number[];
  /** Which bits of them a guest may write; none unless given. */
  readonly writable?: readonly number[];
}

/** Number of messages, a power of two up to 32, and where the capability is. */
export interface MsiPlace {
  readonly messages: 1 | 2 | 4 | 8 | 16 | 32;
  readonly at?: number;
}

/** MSI with 64-bit addresses (6.8.1). */
export function msiCapability({ messages, at }: MsiPlace): PciCapability {
  const control = (Math.log2(messages) << 1) | MSI_64BIT;
  return {
    id: CAPABILITY_MSI,
    ...(at === undefined ? {} : { at }),
    // Control, 64-bit address, data.
    bytes: [control, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
    writable: [
      messages === 1 ? MSI_ENABLE : MSI_ENABLE | MSI_GRANTED,
      ...[0, 0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    ],
  };
}

/** An extended capability (PCI Express Base 2.0, 7.9.3), without its header. */
export interface PciExtendedCapability {
  readonly id: number;
  readonly version: number;
  readonly at: number;
  /** Contents behind the header, dwords, and which bits of them a guest may write; none unless given. */
  readonly words: readonly number[];
  readonly writable?: readonly number[];
}

/** The expansion ROM among the base address registers, as QEMU counts them. */
const ROM_INDEX = 6;

function romHandler(rom: Uint8Array): MmioHandler {
  const view = new DataView(rom.buffer, rom.byteOffset, rom.byteLength);
  const read = (offset: number, size: number): number =>
    size === 4
      ? view.getUint32(offset, true)
      : size === 2
        ? view.getUint16(offset, true)
        : view.getUint8(offset);
  return { read, peek: (offset) => view.getUint8(offset), write: () => {} };
}

/** What a function is when it comes out of reset and firmware has set it up. */
export interface PciHeader {
  /** Name in lists; the device's unless given. */
  readonly name?: string;
  /** 0–31 on bus 0. */
  readonly device: number;
  /** 0–7. */
  readonly fn?: number;
  /** The device has other functions. */
  readonly multifunction?: boolean;
  readonly vendor: number;
  readonly deviceId: number;
  /** Class, subclass, interface: 24 bits. */
  readonly classCode: number;
  readonly revision?: number;
  /** Subsystem ID << 16 | subsystem vendor ID. */
  readonly subsystem?: number;
  readonly bars?: readonly PciBar[];
  /** INTA is 1, INTD 4. */
  readonly interruptPin?: 1 | 2 | 3 | 4;
  /** The first of the capabilities; functions with another order have it among them. */
  readonly msi?: MsiPlace;
  readonly capabilities?: readonly PciCapability[];
  /** In order, from 100h on: those of a PCI Express function, whose configuration space has 4096 bytes. */
  readonly extended?: readonly PciExtendedCapability[];
  /** Contents of the expansion ROM, a power of two of at least 2048 bytes. */
  readonly rom?: Uint8Array | undefined;
}

/** What a function needs of the board. */
export interface PciFabric {
  readonly memory: GuestMemory;
  /** Firmware is the guest's: it places base address registers and turns decoding on. */
  readonly bare: boolean;
  /** Decodes an I/O or memory region from now on; the result ends that. */
  decode(
    what: string,
    kind: "io" | "memory",
    start: number,
    size: number,
    handler: MmioHandler,
    memory?: DeviceMemory,
  ): () => void;
  /** The wire behind INTA (1) to INTD (4) of device 0–31. */
  interruptLine(device: number, pin: number): IrqLine;
  /** ISA IRQ that firmware writes into the interrupt line register. */
  firmwareIrq(device: number, pin: number): number;
  /** A memory write of `data` to `address` that is an interrupt message (Intel SDM vol. 3A, 11.11). */
  message(address: number, data: number): void;
}

interface FunctionState {
  config: Uint8Array;
  /** The function wants service: its interrupt pin, whatever disables it. */
  interrupt: boolean;
}

/** One function: 256 bytes of configuration space, or 4096, and a mask of what a guest may write. */
export class PciFunction {
  readonly name: string;
  /** Device << 3 | function. */
  readonly devfn: number;
  readonly header: PciHeader;
  state: FunctionState;
  readonly #writable: Uint8Array;
  readonly #powerOn: Uint8Array;
  readonly #fabric: PciFabric;
  readonly #line: IrqLine | undefined;
  readonly #msi: number = 0;
  readonly #msix: number = 0;
  /** Decoded regions: the BAR's index, where, and how to end it. */
  readonly #decoded = new Map<number, { address: number; end: () => void }>();
  /** Configuration bytes changed, by the guest, a reset or a snapshot. */
  onWrite: (offset: number, size: number) => void = () => {};
  /** The guest has written configuration bytes: what comes of that is not to come again when a snapshot is restored. */
  onGuestWrite: (offset: number, size: number) => void = () => {};
  /** Configuration bytes are about to be read: those that show something else than they hold can be brought up to date. */
  onRead: (offset: number, size: number) => void = () => {};

  /** `placeBar` says where firmware puts a BAR that has no address of its own. */
  constructor(
    name: string,
    header: PciHeader,
    fabric: PciFabric,
    placeBar: (bar: PciBar) => number,
  ) {
    this.name = name;
    this.header = header;
    this.#fabric = fabric;
    this.devfn = (header.device << 3) | (header.fn ?? 0);
    const bytes = header.extended === undefined ? CONFIG_BYTES : EXTENDED_BYTES;
    this.state = { config: new Uint8Array(bytes), interrupt: false };
    this.#writable = new Uint8Array(bytes);
    this.set16(0, header.vendor);
    this.set16(2, header.deviceId);
    // Firmware turns decoding on, and SERR.
    if (!fabric.bare) this.set16(COMMAND, 0x0100 | COMMAND_IO | COMMAND_MEMORY);
    this.set32(8, (header.classCode << 8) | (header.revision ?? 0));
    if (header.multifunction) this.config[0x0e] = 0x80;
    this.set32(0x2c, header.subsystem ?? 0x1100_1af4);
    // Command: I/O, memory, bus master, SERR, interrupt disable. Cache line, interrupt line.
    this.allow16(COMMAND, 0x0507);
    this.#writable[0x0c] = 0xff;
    this.#writable[INTERRUPT_LINE] = 0xff;
    for (const bar of header.bars ?? []) {
      this.#addBar(bar, fabric.bare ? 0 : (bar.address ?? placeBar(bar)));
    }
    if (header.rom !== undefined)
      this.allow32(ROM_BAR, (~(header.rom.length - 1) | ROM_ENABLE) >>> 0);
    const pin = header.interruptPin;
    if (pin !== undefined) {
      this.#line = fabric.interruptLine(header.device, pin);
      this.config[INTERRUPT_PIN] = pin;
      if (!fabric.bare) this.config[INTERRUPT_LINE] = fabric.firmwareIrq(header.device, pin);
    }
    let last = CAPABILITIES;
    let free = FIRST_CAPABILITY;
    const first = header.msi === undefined ? [] : [msiCapability(header.msi)];
    for (const capability of [...first, ...(header.capabilities ?? [])]) {
      const at = capability.at ?? free;
      if (capability.id === CAPABILITY_MSI) this.#msi = at;
      if (capability.id === CAPABILITY_MSIX) this.#msix = at;
      this.config[last] = at;
      this.config.set([capability.id, 0, ...capability.bytes], at);
      this.#writable.set(capability.writable ?? [], at + 2);
      last = at + 1;
      free = Math.max(free, (at + 2 + capability.bytes.length + 3) & ~3);
      this.config[STATUS] = (this.config[STATUS] as number) | STATUS_CAPABILITIES;
    }
    this.#addExtended(header.extended ?? []);
    this.#powerOn = this.config.slice();
  }

  #addExtended(capabilities: readonly PciExtendedCapability[]): void {
    for (const [i, { id, version, at, words, writable = [] }] of capabilities.entries()) {
      const next = capabilities[i + 1]?.at ?? 0;
      this.set32(at, (id | (version << 16) | (next << 20)) >>> 0);
      for (const [n, word] of words.entries()) {
        this.set32(at + 4 + 4 * n, word);
        this.allow32(at + 4 + 4 * n, writable[n] ?? 0);
      }
    }
  }

  /** The 256 bytes. Changes made while the device is built last over resets if `sealPowerOn` follows. */
  get config(): Uint8Array {
    return this.state.config;
  }

  get16(at: number): number {
    return (this.config[at] as number) | ((this.config[at + 1] as number) << 8);
  }

  get32(at: number): number {
    return (this.get16(at) | (this.get16(at + 2) << 16)) >>> 0;
  }

  set16(at: number, value: number): void {
    this.config[at] = value & 0xff;
    this.config[at + 1] = (value >>> 8) & 0xff;
  }

  set32(at: number, value: number): void {
    this.set16(at, value & 0xffff);
    this.set16(at + 2, value >>> 16);
  }

  allow8(at: number, mask: number): void {
    this.#writable[at] = mask;
  }

  allow16(at: number, mask: number): void {
    this.allow8(at, mask & 0xff);
    this.allow8(at + 1, mask >>> 8);
  }

  allow32(at: number, mask: number): void {
    this.allow16(at, mask & 0xffff);
    this.allow16(at + 2, mask >>> 16);
  }

  #addBar(bar: PciBar, address: number): void {
    const at = BAR0 + bar.index * 4;
    const kind = bar.kind === "io" ? 1 : bar.kind === "memory64" ? 4 : 0;
    this.set32(at, address | kind | (bar.prefetchable ? 8 : 0));
    this.allow32(at, ~(bar.size - 1) >>> 0);
    if (bar.kind === "memory64") this.allow32(at + 4, 0xffffffff);
  }

  /** What is set now is what a reset returns to. */
  sealPowerOn(): void {
    this.#powerOn.set(this.config);
  }

  reset(): void {
    this.config.set(this.#powerOn);
    this.state.interrupt = false;
    this.changed();
  }

  read(offset: number, size: number): number {
    this.onRead(offset, size);
    return this.peek(offset, size);
  }

  /** What the bytes hold, without anybody's being told of it. */
  peek(offset: number, size: number): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + (this.config[offset + i] ?? 0);
    return value;
  }

  write(offset: number, value: number, size: number): void {
    for (let i = 0; i < size; i++) {
      const at = offset + i;
      const mask = this.#writable[at] ?? 0;
      if (mask === 0) continue;
      const byte = (value >>> (8 * i)) & 0xff;
      this.config[at] = ((this.config[at] as number) & ~mask) | (byte & mask);
    }
    if (offset < ROM_BAR + 4 && offset + size > COMMAND) this.#remap();
    this.#updateLine();
    this.onWrite(offset, size);
    this.onGuestWrite(offset, size);
  }

  /** The whole configuration may be another one. */
  changed(): void {
    this.#remap();
    this.#updateLine();
    this.onWrite(0, this.config.length);
  }

  /** Where a BAR is decoded by its register's contents, or -1. */
  #decodedAt(bar: PciBar): number {
    const at = BAR0 + bar.index * 4;
    const enabled = this.get16(COMMAND) & (bar.kind === "io" ? COMMAND_IO : COMMAND_MEMORY);
    if (!enabled || (bar.kind === "memory64" && this.get32(at + 4) !== 0)) return -1;
    const address = (this.get32(at) & ~(bar.size - 1)) >>> 0;
    // A guest that sizes the BAR writes ones: that is no place to be.
    const end = bar.kind === "io" ? 0x10000 : 0xffff_f000;
    return address !== 0 && address + bar.size <= end ? address : -1;
  }

  #remap(): void {
    for (const bar of this.header.bars ?? []) {
      const target = this.#decodedAt(bar);
      const present = this.#decoded.get(bar.index);
      if (target === (present?.address ?? -1)) continue;
      present?.end();
      this.#decoded.delete(bar.index);
      if (target < 0) continue;
      const kind = bar.kind === "io" ? "io" : "memory";
      const what = `${this.name} BAR ${bar.index}`;
      const end = this.#fabric.decode(what, kind, target, bar.size, bar.handler, bar.memory);
      this.#decoded.set(bar.index, { address: target, end });
    }
    this.#showRom();
  }

  /** Has the expansion ROM show where its register says (PCI Local Bus 3.0, 6.2.5.2). */
  #showRom(): void {
    const { rom } = this.header;
    if (rom === undefined) return;
    const register = this.get32(ROM_BAR);
    const address = (register & ~(rom.length - 1)) >>> 0;
    const on = register & ROM_ENABLE && this.get16(COMMAND) & COMMAND_MEMORY;
    const target = on && address !== 0 && address + rom.length <= 0xffff_f000 ? address : -1;
    const present = this.#decoded.get(ROM_INDEX);
    if (target === (present?.address ?? -1)) return;
    present?.end();
    this.#decoded.delete(ROM_INDEX);
    if (target < 0) return;
    const end = this.decode(`${this.name} ROM`, "memory", target, rom.length, romHandler(rom));
    this.#decoded.set(ROM_INDEX, { address: target, end });
  }

  /** Decodes a window that a register of the function places, until the result is called. */
  decode(
    what: string,
    kind: "io" | "memory",
    start: number,
    size: number,
    handler: MmioHandler,
  ): () => void {
    return this.#fabric.decode(what, kind, start, size, handler);
  }

  // ---- Interrupts and bus mastering

  get #msiEnabled(): boolean {
    return this.#msi !== 0 && (this.get16(this.#msi + 2) & MSI_ENABLE) !== 0;
  }

  /** Message control of MSI-X; 0 without it. */
  get msixControl(): number {
    return this.#msix === 0 ? 0 : this.get16(this.#msix + 2);
  }

  /** Interrupts are messages, not levels of the pin. */
  get usesMessages(): boolean {
    return this.#msiEnabled || (this.msixControl & MSIX_ENABLE) !== 0;
  }

  /** A memory write that is an interrupt message, if the guest has turned bus mastering on. */
  message(address: number, data: number): void {
    if (this.isMaster) this.#fabric.message(address, data);
  }

  /** The level of the interrupt pin; with MSI on, a rising edge sends message 0 instead. */
  setInterrupt(level: boolean): void {
    const rising = level && !this.state.interrupt;
    this.state.interrupt = level;
    if (rising && this.#msiEnabled) this.sendMessage(0);
    this.#updateLine();
  }

  /** Sends MSI message `n`, 0–31, if the guest has turned MSI and bus mastering on; fewer messages granted share. */
  sendMessage(n: number): void {
    if (!this.#msiEnabled) return;
    const at = this.#msi;
    const granted = 1 << Math.min(5, (this.get16(at + 2) >> 4) & 7);
    const data = (this.get16(at + 12) & ~(granted - 1)) | (n & (granted - 1));
    if (this.get32(at + 8) === 0) this.message(this.get32(at + 4), data);
  }

  #updateLine(): void {
    if (this.#line === undefined) return;
    const level = this.state.interrupt && !this.usesMessages;
    const status = this.config[STATUS] as number;
    this.config[STATUS] = level ? status | STATUS_INTERRUPT : status & ~STATUS_INTERRUPT;
    this.#line.set(level && !(this.get16(COMMAND) & COMMAND_INTX_OFF));
  }

  /** Guest memory for the function's own transfers, which need bus mastering turned on: without it nothing is read or written. */
  readonly dma: GuestMemory = {
    holds: (address, length) => this.isMaster && this.#fabric.memory.holds(address, length),
    read: (address, length) =>
      this.isMaster ? this.#fabric.memory.read(address, length) : new Uint8Array(0),
    write: (address, bytes) => {
      if (this.isMaster) this.#fabric.memory.write(address, bytes);
    },
  };

  /** The guest lets it access memory. */
  get isMaster(): boolean {
    return (this.get16(COMMAND) & COMMAND_MASTER) !== 0;
  }
}

/** Where firmware puts BARs without an address of their own: I/O upwards, memory downwards. */
const FIRMWARE_IO = 0xc000;
const FIRMWARE_MEMORY = 0xfebd_0000;
const FIRMWARE_LARGE_MEMORY = 0xfd00_0000;
const LARGE = 1 << 20;

export class PciBus implements Device {
  readonly name: string;
  state: { address: number; functions: Record<string, FunctionState> } = {
    address: 0,
    functions: {},
  };
  readonly #functions = new Map<number, PciFunction>();
  readonly #next = {
    io: FIRMWARE_IO,
    memory: FIRMWARE_MEMORY,
    large: FIRMWARE_LARGE_MEMORY,
  };

  constructor(slot: Slot) {
    this.name = slot.name;
    slot.ports(0xcf8, 1, this.#addressPort(), 4);
    slot.ports(0xcfc, 4, this.#dataPorts(), 7);
  }

  /** Puts a function on the bus. Throws `ClaimError` if another has its place. */
  add(name: string, header: PciHeader, fabric: PciFabric): PciFunction {
    const fn = new PciFunction(name, header, fabric, (bar) => this.#placeBar(bar));
    const other = this.#functions.get(fn.devfn);
    if (other !== undefined) {
      const place = `PCI device ${header.device}, function ${header.fn ?? 0}`;
      throw new ClaimError(`${name} wants ${place}, but ${other.name} has it`);
    }
    this.#functions.set(fn.devfn, fn);
    this.state.functions[name] = fn.state;
    fn.changed();
    return fn;
  }

  functions(): Iterable<PciFunction> {
    return this.#functions.values();
  }

  #placeBar(bar: PciBar): number {
    if (bar.kind === "io") {
      let address = Math.ceil(this.#next.io / bar.size) * bar.size;
      while (this.#isTaken(address, bar.size)) address += bar.size;
      this.#next.io = address + bar.size;
      return address;
    }
    const room = bar.size >= LARGE ? "large" : "memory";
    const address = Math.floor((this.#next[room] - bar.size) / bar.size) * bar.size;
    this.#next[room] = address;
    return address;
  }

  /** A function that is there has I/O of its own choice in these ports. */
  #isTaken(first: number, size: number): boolean {
    const bars = [...this.#functions.values()].flatMap(({ header }) => header.bars ?? []);
    return bars.some(
      ({ kind, address = -1, size: bytes }) =>
        kind === "io" && address >= 0 && first < address + bytes && address < first + size,
    );
  }

  reset(): void {
    this.state.address = 0;
    for (const fn of this.#functions.values()) fn.reset();
  }

  restored(): void {
    for (const fn of this.#functions.values()) {
      const state = this.state.functions[fn.name];
      if (state !== undefined) fn.state = state;
      fn.changed();
    }
  }

  /** Ports 0xCF8–0xCFB (CONFIG_ADDRESS, 32-bit accesses alone) and 0xCFC–0xCFF (CONFIG_DATA). */
  #addressPort(): PortHandler {
    return {
      read: () => this.state.address,
      write: (_port, value) => {
        this.state.address = (value & 0x80fffffc) >>> 0;
      },
    };
  }

  #dataPorts(): PortHandler {
    return {
      read: (port, size) => {
        const { address } = this.state;
        if (!(address & 0x80000000)) return 0xffffffff;
        return this.#read((address >> 8) & 0xffff, (address & 0xfc) + (port & 3), size);
      },
      write: (port, value, size) => {
        const { address } = this.state;
        if (!(address & 0x80000000)) return;
        this.#write((address >> 8) & 0xffff, (address & 0xfc) + (port & 3), value, size);
      },
    };
  }

  /** What shows in the configuration window (ECAM), which the host bridge places. */
  readonly window: MmioHandler = this.#ecam();

  /** ECAM: bus in bits 27:20, device and function in 19:12, register in 11:0. */
  #ecam(): MmioHandler {
    return {
      read: (offset, size) => this.#read(offset >>> 12, offset & 0xfff, size),
      peek: peekRegisters((offset) => this.#peek(offset >>> 12, offset & 0xfff)),
      write: (offset, value, size) => this.#write(offset >>> 12, offset & 0xfff, value, size),
    };
  }

  #read(bdf: number, register: number, size: number): number {
    const fn = this.#functions.get(bdf);
    if (fn === undefined) return allOnes(size);
    // Conventional PCI functions have no extended configuration space.
    return register >= fn.config.length ? allOnes(size) : fn.read(register, size);
  }

  #peek(bdf: number, register: number): number {
    const fn = this.#functions.get(bdf);
    return fn === undefined || register >= fn.config.length ? allOnes(4) : fn.peek(register, 4);
  }

  #write(bdf: number, register: number, value: number, size: number): void {
    const fn = this.#functions.get(bdf);
    if (fn !== undefined && register < fn.config.length) fn.write(register, value, size);
  }
}

export const pci: DeviceKind = {
  name: "pci",
  what: "PCI bus 0: configuration space through ports and ECAM",
  builtIn: true,
  create: (slot) => new PciBus(slot),
};
