// MSI-X (PCI Local Bus 3.0, 6.8.2): the table of messages and the array of pending ones of any PCI function, in a base
// address register of their own as QEMU's devices have them, and the capability that names it.

import type { MmioHandler } from "./device.ts";
import { CAPABILITY_MSIX, type PciBar, type PciCapability, type PciFunction } from "./pci.ts";

const ENTRY_BYTES = 16;
const VECTOR_CONTROL = 12;
const MASKED = 1;
const MAX_ENTRIES = 2048;
/** The smallest region, whose upper half has the pending bits. */
const SMALLEST = 4096;

/** Of the message control register. */
const ENABLE = 0x8000;
const MASK_ALL = 0x4000;

export interface MsixState {
  /** Address, upper address, data and vector control of each entry, as a guest reads them. */
  table: Uint8Array;
  /** Entries that have something to send and may not. */
  pending: boolean[];
}

/** The part of a function that sends numbered messages. Its `state` belongs into that of the device. */
export class Msix {
  readonly entries: number;
  readonly bar: PciBar;
  readonly capability: PciCapability;
  state: MsixState;
  readonly #pendingAt: number;
  #fn: PciFunction | undefined;

  /**
   * `entries` messages, 1 to 2048, in base address register `bar` of at least `smallest` bytes; the capability at offset
   * `at`.
   */
  constructor(entries: number, bar: number, at?: number, smallest = SMALLEST) {
    if (entries < 1 || entries > MAX_ENTRIES) throw new Error(`${entries} MSI-X messages`);
    this.entries = entries;
    this.#pendingAt = Math.max(smallest / 2, entries * ENTRY_BYTES);
    const pendingBytes = Math.ceil(entries / 64) * 8;
    const size = 2 ** Math.ceil(Math.log2(Math.max(smallest, this.#pendingAt + pendingBytes)));
    this.bar = { index: bar, kind: "memory", size, handler: this.#handler() };
    const place = this.#pendingAt | bar;
    this.capability = {
      id: CAPABILITY_MSIX,
      ...(at === undefined ? {} : { at }),
      bytes: [
        (entries - 1) & 0xff,
        (entries - 1) >> 8,
        ...[bar, 0, 0, 0],
        ...[place & 0xff, (place >> 8) & 0xff, (place >> 16) & 0xff, 0],
      ],
      writable: [0, 0xc0],
    };
    this.state = this.#fresh();
  }

  /** To be called with the function that has the capability, as soon as there is one. */
  attach(fn: PciFunction): void {
    this.#fn = fn;
  }

  #fresh(): MsixState {
    const table = new Uint8Array(this.entries * ENTRY_BYTES);
    for (let i = 0; i < this.entries; i++) table[i * ENTRY_BYTES + VECTOR_CONTROL] = MASKED;
    return { table, pending: new Array<boolean>(this.entries).fill(false) };
  }

  reset(): void {
    this.state = this.#fresh();
  }

  get enabled(): boolean {
    return (this.#control & ENABLE) !== 0;
  }

  get #control(): number {
    return this.#fn?.msixControl ?? 0;
  }

  /** Sends message `entry`, now or when its mask is taken away. Nothing happens while MSI-X is off or for what is no entry. */
  send(entry: number): void {
    if (!this.enabled || entry >= this.entries) return;
    if (this.#masked(entry)) {
      this.state.pending[entry] = true;
      return;
    }
    const at = entry * ENTRY_BYTES;
    if (this.#word(at + 4) === 0) this.#fn?.message(this.#word(at), this.#word(at + 8));
  }

  /** Message `entry` shall not be sent when its mask is taken away. */
  withdraw(entry: number): void {
    if (entry < this.entries) this.state.pending[entry] = false;
  }

  /** The capability's control register may have been written. */
  controlChanged(): void {
    if (!this.enabled) return;
    for (let entry = 0; entry < this.entries; entry++) this.#sendPending(entry);
  }

  #sendPending(entry: number): void {
    if (!this.state.pending[entry] || !this.enabled || this.#masked(entry)) return;
    this.state.pending[entry] = false;
    this.send(entry);
  }

  #masked(entry: number): boolean {
    const control = this.#word(entry * ENTRY_BYTES + VECTOR_CONTROL);
    return (control & MASKED) !== 0 || (this.#control & MASK_ALL) !== 0;
  }

  #word(at: number): number {
    const { table } = this.state;
    return new DataView(table.buffer, table.byteOffset, table.length).getUint32(at, true);
  }

  #read(offset: number): number {
    if (offset < this.entries * ENTRY_BYTES) return this.#word(offset);
    const first = (offset - this.#pendingAt) * 8;
    let bits = 0;
    for (let i = 0; first >= 0 && i < 32; i++) if (this.state.pending[first + i]) bits |= 1 << i;
    return bits >>> 0;
  }

  #write(offset: number, value: number): void {
    if (offset >= this.entries * ENTRY_BYTES) return;
    const { table } = this.state;
    const isControl = offset % ENTRY_BYTES === VECTOR_CONTROL;
    const view = new DataView(table.buffer, table.byteOffset, table.length);
    view.setUint32(offset, isControl ? value & MASKED : value, true);
    if (isControl) this.#sendPending(Math.floor(offset / ENTRY_BYTES));
  }

  /** Whole dwords alone, as 6.8.2 wants them; narrower accesses read as 0 and write nothing. */
  #handler(): MmioHandler {
    const aligned = (offset: number, size: number): boolean => size === 4 && (offset & 3) === 0;
    return {
      read: (offset, size) => (aligned(offset, size) ? this.#read(offset) : 0),
      peek: (offset) => (this.#read(offset & ~3) >>> (8 * (offset & 3))) & 0xff,
      write: (offset, value, size) => {
        if (aligned(offset, size)) this.#write(offset, value);
      },
    };
  }
}
