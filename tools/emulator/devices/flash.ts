// A flash chip that firmware lies in, with the command set of Intel's StrataFlash (JEDEC JESD68, CFI command set 0001h;
// Intel 28F128J3 datasheet, 9 to 13), 8 bits wide and with blocks of 4 KiB as on QEMU's PCs. Programming clears bits,
// erasing a block sets them. Chips identify themselves by zeros there, and have one CFI table.

import {
  type Device,
  type DeviceKind,
  type FlashMemory,
  type MmioHandler,
  peekRegisters,
  type Slot,
} from "./device.ts";

const BLOCK = 0x1000;
const BUFFER_BYTES = 2048;

const READ_ARRAY = 0xff;
const PROGRAM = 0x40;
const PROGRAM_AGAIN = 0x10;
const ERASE = 0x20;
const CLEAR_STATUS = 0x50;
const LOCK = 0x60;
const READ_STATUS = 0x70;
const READ_ID = 0x90;
const QUERY = 0x98;
const WRITE_BUFFER = 0xe8;
const CONFIRM = 0xd0;
const LOCK_BLOCK = 0x01;

/** Status register: ready, errors of erasing and programming; a wrong sequence is both (datasheet, table 21). */
const READY = 0x80;
const ERASE_ERROR = 0x20;
const PROGRAM_ERROR = 0x10;

/** The CFI table from index 10h on, for `bytes` in blocks of 4 KiB (JESD68, 2 and 3). */
function cfiTable(bytes: number): Uint8Array {
  const table = new Uint8Array(0x52);
  const blocks = bytes / BLOCK;
  table.set([0x51, 0x52, 0x59, 1, 0, 0x31, 0], 0x10);
  // Voltages, time-outs of a word, a buffer, a block, and their maxima.
  table.set([0x45, 0x55, 0, 0, 7, 7, 10, 0, 4, 4, 4, 0], 0x1b);
  table.set([Math.ceil(Math.log2(bytes)), 2, 0, Math.log2(BUFFER_BYTES), 0, 1], 0x27);
  table.set([(blocks - 1) & 0xff, (blocks - 1) >> 8, BLOCK >> 8, BLOCK >> 16], 0x2d);
  // The primary table of command set 0001h, version 1.0.
  table.set([0x50, 0x52, 0x49, 0x31, 0x30], 0x31);
  table[0x3f] = 1;
  return table;
}

export class Flash implements Device {
  readonly name: string;
  state = {
    /** What reading gives, and what the next write is an argument of. */
    command: READ_ARRAY,
    /** Writes that belong to the command, so far. */
    cycle: 0,
    status: READY,
    /** Of a buffered write: where and what, and how many bytes are still to come. */
    buffer: [] as [offset: number, value: number][],
    left: 0,
  };
  readonly #memory: FlashMemory;
  readonly #cfi: Uint8Array;

  constructor(slot: Slot, unit: number) {
    this.name = slot.name;
    const chip = slot.board.flash[unit];
    if (chip === undefined) throw new Error(`there is no flash chip ${unit}`);
    this.#memory = chip;
    this.#cfi = cfiTable(chip.bytes.length);
    slot.mmio(chip.start, chip.bytes.length, this.#handler());
  }

  /** The chip's contents, for snapshots. */
  get memory(): Uint8Array {
    return this.#memory.bytes;
  }

  reset(): void {
    this.state = { command: READ_ARRAY, cycle: 0, status: READY, buffer: [], left: 0 };
    this.#memory.show(true);
  }

  restored(): void {
    this.#memory.show(this.state.command === READ_ARRAY);
    this.#memory.changed(0, this.#memory.bytes.length);
  }

  /** Addresses of the array are CPUs' own to read; what comes here is another mode, or a write. */
  #handler(): MmioHandler {
    const read = (offset: number, size: number): number => {
      let value = 0;
      for (let i = size - 1; i >= 0; i--) value = value * 256 + this.#readByte(offset + i);
      return value;
    };
    return {
      read,
      peek: peekRegisters(read),
      write: (offset, value) => this.#write(offset, value),
    };
  }

  #readByte(offset: number): number {
    switch (this.state.command) {
      case READ_ARRAY:
        return this.#memory.bytes[offset] ?? 0xff;
      case READ_ID:
        return 0;
      case QUERY:
        return this.#cfi[offset & 0xff] ?? 0;
      default:
        return this.state.status;
    }
  }

  #enter(command: number): void {
    const s = this.state;
    if ((s.command === READ_ARRAY) !== (command === READ_ARRAY)) {
      this.#memory.show(command === READ_ARRAY);
    }
    s.command = command;
    s.cycle = 0;
  }

  /** The chip takes commands and data by bytes, of wider accesses the low one. */
  #write(offset: number, value: number): void {
    const byte = value & 0xff;
    if (this.state.cycle === 0) this.#command(byte);
    else this.#argument(offset, byte);
  }

  #command(command: number): void {
    const s = this.state;
    switch (command) {
      case PROGRAM:
      case PROGRAM_AGAIN:
      case ERASE:
      case LOCK:
      case WRITE_BUFFER:
        this.#enter(command);
        s.cycle = 1;
        s.buffer = [];
        if (command === ERASE || command === WRITE_BUFFER) s.status |= READY;
        break;
      case READ_STATUS:
      case READ_ID:
      case QUERY:
        this.#enter(command);
        break;
      case CLEAR_STATUS:
        // Ready goes, too, until the next command is done: by that OVMF tells such a chip from RAM and ROM.
        s.status = 0;
        this.#enter(READ_ARRAY);
        break;
      default:
        this.#enter(READ_ARRAY);
    }
  }

  #argument(offset: number, value: number): void {
    const s = this.state;
    s.status |= READY;
    switch (s.command) {
      case PROGRAM:
      case PROGRAM_AGAIN:
        s.cycle = 0;
        this.#program([[offset, value]]);
        break;
      case ERASE:
        s.cycle = 0;
        if (value === CONFIRM) this.#erase(offset);
        else this.#wrongSequence(value);
        break;
      case LOCK:
        s.cycle = 0;
        if (value !== CONFIRM && value !== LOCK_BLOCK) this.#wrongSequence(value);
        break;
      default:
        this.#buffered(offset, value);
    }
  }

  /** Of a buffered write: the number of bytes less one, the bytes, the confirmation. */
  #buffered(offset: number, value: number): void {
    const s = this.state;
    if (s.cycle === 1) {
      s.left = value + 1;
      s.cycle = 2;
    } else if (s.left > 0) {
      s.buffer.push([offset, value]);
      s.left--;
    } else {
      s.cycle = 0;
      const { buffer } = s;
      s.buffer = [];
      if (value === CONFIRM) this.#program(buffer);
      else this.#wrongSequence(value);
    }
  }

  #wrongSequence(value: number): void {
    this.state.status |= ERASE_ERROR | PROGRAM_ERROR;
    if (value === READ_ARRAY) this.#enter(READ_ARRAY);
  }

  #program(bytes: readonly [offset: number, value: number][]): void {
    for (const [offset, value] of bytes) {
      const old = this.#memory.bytes[offset] ?? 0xff;
      if (!this.#memory.write(offset, Uint8Array.of(old & value)))
        this.state.status |= PROGRAM_ERROR;
    }
  }

  #erase(offset: number): void {
    const start = offset & ~(BLOCK - 1);
    if (!this.#memory.write(start, new Uint8Array(BLOCK).fill(0xff)))
      this.state.status |= ERASE_ERROR;
  }
}

export const flash: DeviceKind<{ unit: number }> = {
  name: "cfi.pflash01",
  what: "a flash chip that firmware lies in",
  options: { unit: { default: 0, minimum: 0, maximum: 1 } },
  nameOf: ({ unit }) => `flash${unit}`,
  create: (slot, { unit }) => new Flash(slot, unit),
};
