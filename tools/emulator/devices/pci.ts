// PCI bus 0: configuration mechanism 1 (ports 0xCF8, 0xCFC) and ECAM (PCI Local Bus 3.0, 3.2.2.3;
// PCI Express Base 2.0, 7.2.2), type-0 functions with memory and I/O BARs. There are no bridges.

import type { Device, MmioHandler, PortHandler } from "./device.ts";

const CONFIG_BYTES = 256;
const COMMAND = 4;
const BAR0 = 0x10;

export interface PciBar {
  /** 0–5. */
  index: number;
  /** Bytes, a power of two. */
  size: number;
  kind: "memory" | "io";
  prefetchable?: boolean;
  /** Where it is decoded now, or -1. */
  mapped: number;
  map(address: number): void;
  unmap(address: number): void;
}

/** One function: 256 bytes of configuration space and a mask of what a guest may write. */
export class PciFunction {
  readonly name: string;
  /** Device << 3 | function. */
  readonly devfn: number;
  config: Uint8Array = new Uint8Array(CONFIG_BYTES);
  readonly writable = new Uint8Array(CONFIG_BYTES);
  readonly bars: PciBar[] = [];
  /** Configuration bytes changed. */
  onWrite: (offset: number, size: number) => void = () => {};
  readonly #powerOn = new Uint8Array(CONFIG_BYTES);

  constructor(
    name: string,
    device: number,
    fn: number,
    ids: {
      vendor: number;
      device: number;
      classCode: number;
      revision: number;
      subsystem?: number;
    },
  ) {
    this.name = name;
    this.devfn = (device << 3) | fn;
    this.set16(0, ids.vendor);
    this.set16(2, ids.device);
    this.set32(8, (ids.classCode << 8) | ids.revision);
    this.set32(0x2c, ids.subsystem ?? 0x1100_1af4);
    // Command: I/O, memory, bus master, parity, SERR, interrupt disable. Cache line, interrupt line.
    this.allow16(COMMAND, 0x0547);
    this.writable[0x0c] = 0xff;
    this.writable[0x3c] = 0xff;
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

  allow16(at: number, mask: number): void {
    this.writable[at] = mask & 0xff;
    this.writable[at + 1] = mask >>> 8;
  }

  allow32(at: number, mask: number): void {
    this.allow16(at, mask & 0xffff);
    this.allow16(at + 2, mask >>> 16);
  }

  /** Adds a base address register at `address`, as firmware would have set it. */
  addBar(bar: Omit<PciBar, "mapped">, address: number): void {
    const at = BAR0 + bar.index * 4;
    const flags = bar.kind === "io" ? 1 : bar.prefetchable ? 8 : 0;
    this.set32(at, address | flags);
    this.allow32(at, ~(bar.size - 1) >>> 0);
    this.bars.push({ ...bar, mapped: -1 });
  }

  /** What is set now is what a reset returns to. */
  sealPowerOn(): void {
    this.#powerOn.set(this.config);
  }

  reset(): void {
    this.config.set(this.#powerOn);
    this.remap();
  }

  read(offset: number, size: number): number {
    let value = 0;
    for (let i = size - 1; i >= 0; i--) value = value * 256 + (this.config[offset + i] ?? 0);
    return value;
  }

  write(offset: number, value: number, size: number): void {
    for (let i = 0; i < size; i++) {
      const at = offset + i;
      const mask = this.writable[at] ?? 0;
      if (mask === 0) continue;
      const byte = (value >>> (8 * i)) & 0xff;
      this.config[at] = ((this.config[at] as number) & ~mask) | (byte & mask);
    }
    if (offset < BAR0 + 24 && offset + size > COMMAND) this.remap();
    this.onWrite(offset, size);
  }

  /** Maps every BAR where the configuration says, if decoding is on. */
  remap(): void {
    const command = this.get16(COMMAND);
    for (const bar of this.bars) {
      const enabled = (command & (bar.kind === "io" ? 1 : 2)) !== 0;
      const address = (this.get32(BAR0 + bar.index * 4) & ~(bar.kind === "io" ? 3 : 15)) >>> 0;
      // A guest that sizes the BAR writes ones: that is no place to be.
      const sane = address !== 0 && address + bar.size <= 0xffff_f000;
      const target = enabled && sane ? address : -1;
      if (target === bar.mapped) continue;
      if (bar.mapped >= 0) bar.unmap(bar.mapped);
      bar.mapped = target;
      if (target >= 0) bar.map(target);
    }
  }
}

export class PciBus implements Device {
  readonly name = "pci";
  state: { address: number; configs: Record<string, Uint8Array> } = { address: 0, configs: {} };
  readonly #functions = new Map<number, PciFunction>();

  add(fn: PciFunction): void {
    fn.sealPowerOn();
    this.#functions.set(fn.devfn, fn);
    this.state.configs[fn.name] = fn.config;
    fn.remap();
  }

  functions(): Iterable<PciFunction> {
    return this.#functions.values();
  }

  reset(): void {
    this.state.address = 0;
    for (const fn of this.#functions.values()) fn.reset();
  }

  restored(): void {
    for (const fn of this.#functions.values()) {
      const config = this.state.configs[fn.name];
      if (config !== undefined) fn.config = config;
      fn.remap();
      fn.onWrite(0, CONFIG_BYTES);
    }
  }

  /** Ports 0xCF8–0xCFB (CONFIG_ADDRESS, 32-bit accesses alone) and 0xCFC–0xCFF (CONFIG_DATA). */
  addressPort(): PortHandler {
    return {
      read: () => this.state.address,
      write: (_port, value) => {
        this.state.address = (value & 0x80fffffc) >>> 0;
      },
    };
  }

  dataPorts(): PortHandler {
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

  /** ECAM: bus in bits 27:20, device and function in 19:12, register in 11:0. */
  ecam(): MmioHandler {
    return {
      read: (offset, size) => this.#read(offset >>> 12, offset & 0xfff, size),
      write: (offset, value, size) => this.#write(offset >>> 12, offset & 0xfff, value, size),
    };
  }

  #read(bdf: number, register: number, size: number): number {
    const fn = this.#functions.get(bdf);
    if (fn === undefined) return size === 4 ? 0xffffffff : (1 << (size * 8)) - 1;
    return register >= CONFIG_BYTES ? 0 : fn.read(register, size);
  }

  #write(bdf: number, register: number, value: number, size: number): void {
    if (register < CONFIG_BYTES) this.#functions.get(bdf)?.write(register, value, size);
  }
}
