// QEMU's firmware configuration device: selector port 0x510, data port 0x511, DMA at 0x514 (QEMU
// docs/specs/fw_cfg.rst). Items are fixed when the machine is built, files are made when they are first selected; guests
// cannot write them.

import type { Device, DeviceKind, FirmwareFile, GuestMemory, PortHandler, Slot } from "./device.ts";

const FW_CFG_PORT = 0x510;
const FW_CFG_DMA_PORT = 0x514;

const SIGNATURE = 0x00;
const ID = 0x01;
const RAM_SIZE = 0x03;
const NB_CPUS = 0x05;
const MAX_CPUS = 0x0f;
const FILE_DIR = 0x19;
/** Key of the first file. */
const FIRST_FILE = 0x20;
const NAME_BYTES = 56;
/** Traditional interface and DMA. */
const ID_BITS = 3;

const DMA_ERROR = 1;
const DMA_READ = 2;
const DMA_SKIP = 4;
const DMA_SELECT = 8;
const DMA_WRITE = 16;
/** "QEMU CFG", what the DMA address register reads as. */
const DMA_SIGNATURE = [0x51454d55, 0x20434647] as const;

const swap32 = (v: number): number =>
  ((v << 24) | ((v & 0xff00) << 8) | ((v >>> 8) & 0xff00) | (v >>> 24)) >>> 0;

class FwCfg implements Device {
  readonly name: string;
  state = { selected: 0, offset: 0, dmaHigh: 0 };
  readonly #items = new Map<number, Uint8Array>();
  readonly #files: readonly FirmwareFile[];
  /** The directory and files that have been selected, by their keys. */
  readonly #made = new Map<number, Uint8Array>();
  readonly #memory: GuestMemory;

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#memory = slot.memory;
    slot.ports(FW_CFG_PORT, 2, this.#ports(), 3);
    slot.ports(FW_CFG_DMA_PORT, 8, this.#dmaPorts(), 4);
    const { lowBytes, highBytes, cpus } = slot.board;
    const number = (key: number, value: number, bytes: number): void => {
      const data = new Uint8Array(8);
      new DataView(data.buffer).setBigUint64(0, BigInt(value), true);
      this.#items.set(key, data.subarray(0, bytes));
    };
    this.#items.set(SIGNATURE, new TextEncoder().encode("QEMU"));
    number(ID, ID_BITS, 4);
    number(RAM_SIZE, lowBytes + highBytes, 8);
    number(NB_CPUS, cpus, 4);
    number(MAX_CPUS, cpus, 4);
    for (const [key, item] of slot.board.firmwareItems) this.#items.set(key, item);
    // Sorted by name, as QEMU has them.
    this.#files = [...slot.board.firmwareFiles].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  reset(): void {
    this.state = { selected: 0, offset: 0, dmaHigh: 0 };
    this.#made.clear();
  }

  restored(): void {
    // What a file holds follows from the board, which is another one now.
    this.#made.clear();
  }

  #item(): Uint8Array {
    const key = this.state.selected & 0x3fff;
    const item = this.#items.get(key) ?? this.#made.get(key);
    if (item !== undefined) return item;
    const made = key === FILE_DIR ? this.#directory() : this.#files[key - FIRST_FILE]?.contents();
    if (made !== undefined) this.#made.set(key, made);
    return made ?? new Uint8Array(0);
  }

  /** The files: their number, then size, key and name of each, big-endian. */
  #directory(): Uint8Array {
    const bytes = new Uint8Array(4 + this.#files.length * (8 + NAME_BYTES));
    const view = new DataView(bytes.buffer);
    view.setUint32(0, this.#files.length);
    this.#files.forEach((file, i) => {
      const at = 4 + i * (8 + NAME_BYTES);
      view.setUint32(at, file.contents().length);
      view.setUint16(at + 4, FIRST_FILE + i);
      bytes.set(new TextEncoder().encode(file.name), at + 8);
    });
    return bytes;
  }

  #select(key: number): void {
    this.state.selected = key;
    this.state.offset = 0;
  }

  /** Ports 0x510 (16-bit select) and 0x511 (8-bit data). */
  #ports(): PortHandler {
    return {
      read: (port, size) => {
        if (port === FW_CFG_PORT || size !== 1) return 0;
        return this.#item()[this.state.offset++] ?? 0;
      },
      write: (port, value, size) => {
        if (port === FW_CFG_PORT && size === 2) this.#select(value);
      },
    };
  }

  /** Ports 0x514–0x51B, 32-bit big-endian halves of the control block's address; the low one starts it. */
  #dmaPorts(): PortHandler {
    return {
      read: (port) => swap32(DMA_SIGNATURE[(port - FW_CFG_DMA_PORT) >> 2] ?? 0),
      write: (port, value) => {
        if (port === FW_CFG_DMA_PORT) this.state.dmaHigh = swap32(value);
        else if (port === FW_CFG_DMA_PORT + 4) {
          if (this.state.dmaHigh === 0) this.#dma(swap32(value));
          this.state.dmaHigh = 0;
        }
      },
    };
  }

  #dma(address: number): void {
    const block = this.#memory.read(address, 16);
    if (block.length < 16) return;
    const view = new DataView(block.buffer, block.byteOffset, 16);
    const control = view.getUint32(0);
    let length = view.getUint32(4);
    const target = view.getUint32(12);
    const aboveFourGig = view.getUint32(8) !== 0;
    if (control & DMA_SELECT) this.#select(control >>> 16);
    let failed = (control & DMA_WRITE) !== 0 || (aboveFourGig && (control & DMA_READ) !== 0);
    if (control & DMA_READ && !failed) {
      const item = this.#item();
      const have = item.subarray(this.state.offset, this.state.offset + length);
      const missing = length - have.length;
      const fits = this.#memory.read(target, 1).length > 0 && target + length <= 2 ** 32;
      if (!fits && length > 0) failed = true;
      else {
        this.#memory.write(target, have);
        // Beyond the item the guest reads zeros, up to a sane amount.
        if (missing > 0)
          this.#memory.write(target + have.length, new Uint8Array(Math.min(missing, 1 << 20)));
      }
    } else if (!(control & DMA_SKIP)) {
      length = 0;
    }
    this.state.offset = Math.min(this.state.offset + length, 0xffffffff);
    const done = new Uint8Array(4);
    new DataView(done.buffer).setUint32(0, failed ? DMA_ERROR : 0);
    this.#memory.write(address, done);
  }
}

export const fwCfg: DeviceKind = {
  name: "fw_cfg",
  what: "QEMU's firmware configuration with DMA",
  builtIn: true,
  create: (slot) => new FwCfg(slot),
};
