// Dispatch of I/O ports and of memory that is not RAM. A port access wider than what a device
// decodes is split into bytes at consecutive ports, as an ISA bridge does; what nobody decodes
// reads as all ones (a floating bus) and swallows writes.

import type { GuestLog, MmioHandler, PortHandler } from "../devices/device.ts";

const PAGE_SHIFT = 12;

interface PortRange {
  name: string;
  handler: PortHandler;
  /** Bit mask of access sizes the device decodes: 1, 2, 4. */
  sizes: number;
}

const allOnes = (size: number): number => (size === 4 ? 0xffffffff : (1 << (size * 8)) - 1);

export class PortBus {
  readonly #index = new Uint16Array(0x10000);
  readonly #ranges: (PortRange | undefined)[] = [undefined];
  readonly #log: GuestLog;
  readonly #reported = new Set<number>();

  constructor(log: GuestLog) {
    this.#log = log;
  }

  /** Claims `count` ports from `first`. `sizes` is the sum of the access widths (1, 2, 4) the device decodes itself. */
  map(name: string, first: number, count: number, handler: PortHandler, sizes = 1): void {
    this.#ranges.push({ name, handler, sizes });
    this.#index.fill(this.#ranges.length - 1, first, first + count);
  }

  unmap(first: number, count: number): void {
    this.#index.fill(0, first, first + count);
  }

  /** True if some device decodes `port`. */
  claimed(port: number): boolean {
    return this.#index[port & 0xffff] !== 0;
  }

  read(port: number, size: number): number {
    const range = this.#ranges[this.#index[port & 0xffff] as number];
    if (range === undefined) {
      if (size > 1 && this.#neighbourClaimed(port, size)) return this.#readBytes(port, size);
      this.#floating("read from", port);
      return allOnes(size);
    }
    if (range.sizes & size) return range.handler.read(port & 0xffff, size) >>> 0;
    return this.#readBytes(port, size);
  }

  write(port: number, value: number, size: number): void {
    const range = this.#ranges[this.#index[port & 0xffff] as number];
    if (range === undefined) {
      if (size > 1 && this.#neighbourClaimed(port, size)) this.#writeBytes(port, value, size);
      else this.#floating("write to", port);
      return;
    }
    if (range.sizes & size) range.handler.write(port & 0xffff, (value & allOnes(size)) >>> 0, size);
    else this.#writeBytes(port, value, size);
  }

  #neighbourClaimed(port: number, size: number): boolean {
    for (let i = 1; i < size; i++) if (this.claimed(port + i)) return true;
    return false;
  }

  #readBytes(port: number, size: number): number {
    let value = 0;
    // A device that decodes no bytes at all (fw_cfg's selector) does not answer the split access.
    for (let i = 0; i < size; i++) value |= (this.#byteRead(port + i) & 0xff) << (8 * i);
    return value >>> 0;
  }

  #byteRead(port: number): number {
    const range = this.#ranges[this.#index[port & 0xffff] as number];
    return range !== undefined && range.sizes & 1 ? range.handler.read(port & 0xffff, 1) : 0xff;
  }

  #writeBytes(port: number, value: number, size: number): void {
    for (let i = 0; i < size; i++) {
      const at = (port + i) & 0xffff;
      const range = this.#ranges[this.#index[at] as number];
      if (range !== undefined && range.sizes & 1)
        range.handler.write(at, (value >>> (8 * i)) & 0xff, 1);
    }
  }

  #floating(what: string, port: number): void {
    const at = port & 0xffff;
    if (this.#reported.has(at)) return;
    this.#reported.add(at);
    this.#log.absent(`${what} port 0x${at.toString(16)}, which no device decodes`);
  }
}

interface MmioRegion {
  name: string;
  start: number;
  /** Bytes. */
  length: number;
  handler: MmioHandler;
}

export class MmioBus {
  readonly #byPage = new Map<number, MmioRegion[]>();
  readonly #log: GuestLog;
  readonly #reported = new Set<number>();

  constructor(log: GuestLog) {
    this.#log = log;
  }

  /** Claims `length` bytes of physical address space from `start`; a later region hides an earlier one. */
  map(name: string, start: number, length: number, handler: MmioHandler): void {
    const region = { name, start, length, handler };
    for (let page = start >>> PAGE_SHIFT; page <= (start + length - 1) >>> PAGE_SHIFT; page++) {
      const list = this.#byPage.get(page);
      if (list === undefined) this.#byPage.set(page, [region]);
      else list.unshift(region);
    }
  }

  unmap(start: number, length: number): void {
    for (let page = start >>> PAGE_SHIFT; page <= (start + length - 1) >>> PAGE_SHIFT; page++) {
      const rest = (this.#byPage.get(page) ?? []).filter((r) => r.start !== start);
      if (rest.length === 0) this.#byPage.delete(page);
      else this.#byPage.set(page, rest);
    }
  }

  read(address: number, size: number): number {
    const region = this.#find(address);
    if (region === undefined) {
      this.#floating("read from", address);
      return allOnes(size);
    }
    return region.handler.read((address >>> 0) - region.start, size) >>> 0;
  }

  write(address: number, value: number, size: number): void {
    const region = this.#find(address);
    if (region === undefined) this.#floating("write to", address);
    else region.handler.write((address >>> 0) - region.start, (value & allOnes(size)) >>> 0, size);
  }

  #find(address: number): MmioRegion | undefined {
    const at = address >>> 0;
    const regions = this.#byPage.get(at >>> PAGE_SHIFT);
    return regions?.find((r) => at >= r.start && at - r.start < r.length);
  }

  #floating(what: string, address: number): void {
    const page = address >>> PAGE_SHIFT;
    if (this.#reported.has(page)) return;
    this.#reported.add(page);
    this.#log.guestError(
      `${what} physical address 0x${(address >>> 0).toString(16)}, where there is nothing`,
    );
  }
}
