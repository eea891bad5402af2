// The two 8237A DMA controllers of the PC as the ICH9 has them (Intel 8237A datasheet; ICH9 datasheet, 5.5 and 13.2):
// channels 0 to 3 move bytes, 5 to 7 words, 4 is the cascade through which the first controller gets at the bus. A page
// register has the address bits above a channel's 16. There is no memory-to-memory transfer, as in the ICH9.

import type { Device, DeviceKind, GuestLog, GuestMemory, Slot } from "./device.ts";

interface ChannelState {
  mode: number;
  page: number;
  baseAddress: number;
  baseCount: number;
  address: number;
  count: number;
}

interface ControllerState {
  command: number;
  /** Channels that have reached terminal count since the status was read. */
  ended: number;
  /** Channels whose device requests service. */
  lines: number;
  /** Channels that software has requested. */
  requests: number;
  masks: number;
  /** The next byte of an address or a count is the high one. */
  high: boolean;
  channels: ChannelState[];
}

/** Command register: the controller is off. */
const DISABLED = 0x04;
/** Mode register. */
const DECREMENT = 0x20;
const AUTO_INITIALIZE = 0x10;
const CASCADE = 0xc0;
const TRANSFER = 0x0c;
const VERIFY = 0x00;
const TO_MEMORY = 0x04;
const FROM_MEMORY = 0x08;

const ALL = 0x0f;
const FIRST_PORTS = [0x00, 0xc0] as const;
/** Ports of page registers by channel; channel 4's is that of refreshes. */
const PAGE_PORTS = [0x87, 0x83, 0x81, 0x82, 0x8f, 0x8b, 0x89, 0x8a] as const;
/** Runs of ports that have page registers, the others up to 8Fh are nobody's. */
const PAGE_RUNS = [
  [0x81, 3],
  [0x87, 1],
  [0x89, 3],
  [0x8f, 1],
] as const;

/** What a request has come to. */
export interface DmaOutcome {
  /** Bytes that have been moved: fewer than asked for where the channel reached its terminal count, or is off. */
  moved: number;
  /** The controller has signalled terminal count. */
  terminalCount: boolean;
}

/** A device's end of a channel. Whole words are moved on channels 5 to 7. */
export interface DmaChannel {
  /** The request line, which programs see in the status register. */
  request(level: boolean): void;
  /** Moves bytes of the device to memory; if the channel verifies, they are counted. */
  put(bytes: Uint8Array): DmaOutcome;
  /** Moves bytes of memory to the device; what is not moved is 0. */
  take(length: number): DmaOutcome & { bytes: Uint8Array };
}

const NOTHING: DmaOutcome = { moved: 0, terminalCount: false };

export class Dma8237 implements Device {
  readonly name: string;
  state: { controllers: ControllerState[] } = { controllers: [] };
  readonly #memory: GuestMemory;
  readonly #log: GuestLog;

  constructor(slot: Slot) {
    this.name = slot.name;
    this.#memory = slot.memory;
    this.#log = slot.log;
    this.state.controllers = FIRST_PORTS.map(() => ({
      command: 0,
      ended: 0,
      lines: 0,
      requests: 0,
      masks: ALL,
      high: false,
      channels: Array.from({ length: 4 }, () => ({
        mode: 0,
        page: 0,
        baseAddress: 0,
        baseCount: 0,
        address: 0,
        count: 0,
      })),
    }));
    FIRST_PORTS.forEach((first, i) => {
      // The second controller's registers are at even ports; the odd ones repeat them.
      const register = (port: number): number => (port - first) >> i;
      slot.ports(first, 16 << i, {
        read: (port) => this.#read(this.#controller(i), register(port)),
        write: (port, value) => this.#write(this.#controller(i), register(port), value),
      });
    });
    for (const [first, count] of PAGE_RUNS) {
      slot.ports(first, count, {
        read: (port) => this.#paged(port).page,
        write: (port, value) => {
          this.#paged(port).page = value;
        },
      });
    }
  }

  /** What master clear does; page registers, addresses, counts and modes stay. */
  reset(): void {
    for (const controller of this.state.controllers) {
      clear(controller);
      controller.lines = 0;
    }
  }

  /** The device's end of channel 0–3 or 5–7. */
  channel(n: number): DmaChannel {
    const controller = (): ControllerState => this.#controller(n >> 2);
    return {
      request: (level) => {
        const c = controller();
        const bit = 1 << (n & 3);
        c.lines = level ? c.lines | bit : c.lines & ~bit;
      },
      put: (bytes) =>
        this.#move(n, TO_MEMORY, bytes.length, (address, offset, length) =>
          this.#memory.write(address, bytes.subarray(offset, offset + length)),
        ),
      take: (wanted) => {
        const bytes = new Uint8Array(wanted);
        const outcome = this.#move(n, FROM_MEMORY, wanted, (address, offset, length) =>
          bytes.set(this.#memory.read(address, length), offset),
        );
        return { ...outcome, bytes };
      },
    };
  }

  #controller(i: number): ControllerState {
    return this.state.controllers[i] as ControllerState;
  }

  #channel(n: number): ChannelState {
    return this.#controller(n >> 2).channels[n & 3] as ChannelState;
  }

  #paged(port: number): ChannelState {
    return this.#channel(PAGE_PORTS.indexOf(port as (typeof PAGE_PORTS)[number]));
  }

  /** Whether a request on the channel gets at the bus. */
  #serves(n: number): boolean {
    const c = this.#controller(n >> 2);
    const on = !(c.command & DISABLED) && !((c.masks >> (n & 3)) & 1);
    const cascades = (this.#channel(n).mode & CASCADE) === CASCADE;
    if (n >= 4) return on && cascades === (n === 4);
    return on && !cascades && this.#serves(4);
  }

  /** Counts up to `length` bytes and has `access` move them, unless the channel verifies. */
  #move(
    n: number,
    direction: number,
    length: number,
    access: (address: number, offset: number, length: number) => void,
  ): DmaOutcome {
    const ch = this.#channel(n);
    const transfer = ch.mode & TRANSFER;
    if (!this.#serves(n) || (transfer !== direction && transfer !== VERIFY)) return NOTHING;
    const shift = n >> 2;
    const page = (shift ? ch.page & 0xfe : ch.page) * 0x10000;
    const wanted = length >> shift;
    let moved = 0;
    while (moved < wanted) {
      // The address goes round within its 16 bits: pages do not change.
      const straight = ch.mode & DECREMENT ? 1 : 0x10000 - ch.address;
      const run = Math.min(wanted - moved, ch.count + 1, straight);
      if (transfer !== VERIFY) access(page + (ch.address << shift), moved << shift, run << shift);
      ch.address = (ch.mode & DECREMENT ? ch.address - run : ch.address + run) & 0xffff;
      ch.count -= run;
      moved += run;
      if (ch.count < 0) {
        this.#end(n);
        return { moved: moved << shift, terminalCount: true };
      }
    }
    return { moved: moved << shift, terminalCount: false };
  }

  /** Terminal count: the channel begins anew, or is masked. */
  #end(n: number): void {
    const c = this.#controller(n >> 2);
    const ch = this.#channel(n);
    const bit = 1 << (n & 3);
    c.ended |= bit;
    c.requests &= ~bit;
    ch.count = 0xffff;
    if (ch.mode & AUTO_INITIALIZE) {
      ch.address = ch.baseAddress;
      ch.count = ch.baseCount;
    } else c.masks |= bit;
  }

  #read(c: ControllerState, register: number): number {
    if (register < 8) {
      const ch = c.channels[register >> 1] as ChannelState;
      const value = register & 1 ? ch.count : ch.address;
      const { high } = c;
      c.high = !high;
      return high ? value >> 8 : value & 0xff;
    }
    if (register === 8) {
      const status = ((c.lines | c.requests) << 4) | c.ended;
      c.ended = 0;
      return status;
    }
    // Masks read back at the request register, as in QEMU; the rest can only be written.
    return register === 9 ? c.masks : 0;
  }

  #write(c: ControllerState, register: number, value: number): void {
    const bit = 1 << (value & 3);
    if (register < 8) this.#writeHalf(c, register, value);
    else if (register === 8) c.command = value;
    else if (register === 9) {
      c.requests = value & 4 ? c.requests | bit : c.requests & ~bit;
      if (value & 4) this.#log.unimplemented("DMA transfer that software requests");
    } else if (register === 10) c.masks = value & 4 ? c.masks | bit : c.masks & ~bit;
    else if (register === 11) (c.channels[value & 3] as ChannelState).mode = value & 0xfc;
    else if (register === 12) c.high = false;
    else if (register === 13) clear(c);
    else c.masks = register === 14 ? 0 : value & ALL;
  }

  /** A byte of an address or a count, of the base and of what is counted. */
  #writeHalf(c: ControllerState, register: number, value: number): void {
    const ch = c.channels[register >> 1] as ChannelState;
    const put = (word: number): number =>
      c.high ? (word & 0xff) | (value << 8) : (word & 0xff00) | value;
    if (register & 1) {
      ch.baseCount = put(ch.baseCount);
      ch.count = ch.baseCount;
    } else {
      ch.baseAddress = put(ch.baseAddress);
      ch.address = ch.baseAddress;
    }
    c.high = !c.high;
  }
}

function clear(c: ControllerState): void {
  c.command = 0;
  c.ended = 0;
  c.requests = 0;
  c.masks = ALL;
  c.high = false;
}

export const dma8237: DeviceKind = {
  name: "i8257",
  what: "two 8237A DMA controllers",
  builtIn: true,
  create: (slot) => new Dma8237(slot),
};
