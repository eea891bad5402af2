// Dispatch of I/O ports and of memory that is not RAM. A port access wider than what a device
// decodes is split into bytes at consecutive ports, as an ISA bridge does; what nobody decodes
// reads as all ones (a floating bus) and swallows writes.

import {
  allOnes,
  ClaimError,
  type DeviceMemory,
  type GuestLog,
  type MmioHandler,
  type PortHandler,
  type ShownPart,
} from "../devices/device.ts";

const PAGE_SHIFT = 12;
const PAGE = 1 << PAGE_SHIFT;

/** A stretch of addresses or ports, both ends included, and who answers there. */
export interface BusRegion {
  name: string;
  first: number;
  last: number;
}

interface PortRange {
  name: string;
  first: number;
  count: number;
  handler: PortHandler;
  /** Bit mask of access sizes the device decodes: 1, 2, 4. */
  sizes: number;
  /** A base address register's: the guest moves it. */
  movable: boolean;
}

/** "0x60", or "0x60–0x64". */
export const hexRange = (first: number, last: number): string =>
  first === last ? `0x${first.toString(16)}` : `0x${first.toString(16)}–0x${last.toString(16)}`;

export class PortBus {
  /** Number of the range that decodes a port, 0 for none. */
  readonly #index = new Uint16Array(0x10000);
  readonly #ranges: (PortRange | undefined)[] = [undefined];
  /** Numbers of ranges that the guest can move, in order of name. */
  #movable: number[] = [];
  readonly #log: GuestLog;
  readonly #reported = new Set<number>();

  constructor(log: GuestLog) {
    this.#log = log;
  }

  /**
   * Claims `count` ports from `first` for good. `sizes` is the sum of the access widths (1, 2, 4) the
   * device decodes itself. Throws `ClaimError` if another device has one of them.
   */
  claim(name: string, first: number, count: number, handler: PortHandler, sizes = 1): void {
    const last = first + count - 1;
    if (first < 0 || count < 1 || last > 0xffff) {
      throw new ClaimError(`${name} wants ports ${hexRange(first, last)}: there are 0x0–0xffff`);
    }
    for (let port = first; port <= last; port++) {
      const other = this.#ranges[this.#index[port] as number];
      if (other === undefined) continue;
      const theirs = hexRange(other.first, other.first + other.count - 1);
      throw new ClaimError(
        `${name} wants ports ${hexRange(first, last)}, but ${other.name} has ${theirs}`,
      );
    }
    this.#index.fill(this.#ranges.length, first, first + count);
    this.#ranges.push({ name, first, count, handler, sizes, movable: false });
  }

  /**
   * Decodes ports of a base address register until the result is called. Fixed devices come first;
   * where two such regions overlap, the name decides, so that their history does not matter.
   */
  decode(name: string, first: number, count: number, handler: PortHandler): () => void {
    const free = this.#ranges.indexOf(undefined, 1);
    const number = free > 0 ? free : this.#ranges.length;
    this.#ranges[number] = { name, first, count, handler, sizes: 7, movable: true };
    const nameOf = (n: number): string => (this.#ranges[n] as PortRange).name;
    this.#movable = [...this.#movable, number].sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
    this.#fill(first, count);
    return () => {
      this.#movable = this.#movable.filter((n) => n !== number);
      this.#fill(first, count);
      this.#ranges[number] = undefined;
    };
  }

  /** Looks up again which movable range has each of the ports that no fixed device has. */
  #fill(first: number, count: number): void {
    for (let port = first; port < first + count && port <= 0xffff; port++) {
      const now = this.#index[port] as number;
      if (now !== 0 && !this.#ranges[now]?.movable) continue;
      const next = this.#movable.find((n) => {
        const r = this.#ranges[n] as PortRange;
        return port >= r.first && port < r.first + r.count;
      });
      this.#index[port] = next ?? 0;
    }
  }

  /** Who decodes which ports, by ascending ports; of ranges that overlap what is heard. */
  regions(): BusRegion[] {
    const found: BusRegion[] = [];
    let before = 0;
    this.#index.forEach((number, port) => {
      const last = found.at(-1);
      if (number !== 0 && number === before && last !== undefined) last.last = port;
      else if (number !== 0) {
        found.push({ name: (this.#ranges[number] as PortRange).name, first: port, last: port });
      }
      before = number;
    });
    return found;
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
  /** What CPUs access there without the handler, in pages that no other region hides a part of. */
  memory?: DeviceMemory | undefined;
}

export class MmioBus {
  readonly #fixed: MmioRegion[] = [];
  /** Regions that the guest can move, in order of name. */
  #movable: MmioRegion[] = [];
  /** All of them, which are few, those that hide others first. */
  #regions: readonly MmioRegion[] = [];
  readonly #log: GuestLog;
  readonly #reported = new Set<number>();

  constructor(log: GuestLog) {
    this.#log = log;
  }

  /** Claims `length` bytes of physical address space for good. Throws `ClaimError` if a device has some of them. */
  claim(name: string, start: number, length: number, handler: MmioHandler): void {
    for (const other of this.#fixed) {
      if (start >= other.start + other.length || other.start >= start + length) continue;
      const theirs = hexRange(other.start, other.start + other.length - 1);
      throw new ClaimError(
        `${name} wants memory ${hexRange(start, start + length - 1)}, but ${other.name} has ${theirs}`,
      );
    }
    this.#fixed.push({ name, start, length, handler });
    this.#arrange();
  }

  /**
   * Decodes memory of a base address register until the result is called. Fixed devices come first;
   * where two such regions overlap, the name decides, so that their history does not matter.
   */
  decode(
    name: string,
    start: number,
    length: number,
    handler: MmioHandler,
    memory?: DeviceMemory,
  ): () => void {
    const region = { name, start, length, handler, memory };
    this.#movable = [...this.#movable, region].sort((a, b) => (a.name < b.name ? -1 : 1));
    this.#arrange();
    return () => {
      this.#movable = this.#movable.filter((r) => r !== region);
      this.#arrange();
      memory?.show([]);
    };
  }

  /** Which region hides which, and where memory shows, after one has come or gone. */
  #arrange(): void {
    this.#regions = [...this.#fixed, ...this.#movable];
    for (const region of this.#movable) region.memory?.show(this.#visible(region));
  }

  /** What a region has for itself. */
  #visible(region: MmioRegion): ShownPart[] {
    const { start, length } = region;
    let stretches: [from: number, to: number][] = [[start, start + length]];
    for (const other of this.#regions) {
      if (other === region) break;
      const first = (other.start >>> PAGE_SHIFT) * PAGE;
      const end = Math.ceil((other.start + other.length) / PAGE) * PAGE;
      stretches = stretches.flatMap(([from, to]): [number, number][] => [
        [from, Math.min(to, first)],
        [Math.max(from, end), to],
      ]);
      stretches = stretches.filter(([from, to]) => from < to);
    }
    return stretches.map(([from, to]) => ({
      address: from,
      offset: from - start,
      length: to - from,
    }));
  }

  /** Who answers at which addresses, by ascending addresses. */
  regions(): BusRegion[] {
    return this.#regions
      .map(({ name, start, length }) => ({ name, first: start, last: start + length - 1 }))
      .sort((a, b) => a.first - b.first);
  }

  read(address: number, size: number): number {
    const region = this.#find(address);
    if (region === undefined) {
      this.#floating("read from", address);
      return allOnes(size);
    }
    return region.handler.read((address >>> 0) - region.start, size) >>> 0;
  }

  /** Up to `length` bytes without an effect on any device; it ends where there are none, or reading them would have one. */
  peek(address: number, length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      const region = this.#find(address + i);
      const byte = region?.handler.peek?.(((address + i) >>> 0) - region.start);
      if (byte === undefined) return bytes.slice(0, i);
      bytes[i] = byte;
    }
    return bytes;
  }

  write(address: number, value: number, size: number): void {
    const region = this.#find(address);
    if (region === undefined) this.#floating("write to", address);
    else region.handler.write((address >>> 0) - region.start, (value & allOnes(size)) >>> 0, size);
  }

  #find(address: number): MmioRegion | undefined {
    const at = address >>> 0;
    for (const region of this.#regions) {
      if (at >= region.start && at - region.start < region.length) return region;
    }
    return undefined;
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
