// Scripts of accesses to a USB controller and a stick at its first port: rings, doorbells, and the events that follow.

import type { Access } from "../../../platform/testdata/bus-guest.ts";
import { XHCI_DEVICE } from "../xhci-registers.ts";

export const BASE = 0xe000_0000;
export const OPERATIONAL = BASE + 0x40;
export const RUNTIME = BASE + 0x1000;
export const DOORBELLS = BASE + 0x2000;
export const [PORTS, FIRST_PORT] = [BASE + 0x440, BASE + 0x440];
/** Where the script has what the controller reads and writes. */
const CONTEXTS = 0x20_0000;
const COMMANDS = 0x20_1000;
const EVENTS = 0x20_2000;
const TABLE = 0x20_3000;
export const OUTPUT = 0x20_4000;
const INPUT = 0x20_5000;
export const CONTROL = 0x20_6000;
const BULK_IN = 0x20_7000;
const BULK_OUT = 0x20_8000;
export const DATA = 0x20_9000;
const COMMAND_BLOCK = 0x20_a000;

export const load = (address: number, mask?: number): Access => ["load", address, 4, mask];
export const store = (address: number, value: number): Access => ["store", address, value >>> 0, 4];
export const put = (address: number, ...values: number[]): Access[] =>
  values.map((value, i) => store(address + 4 * i, value));
export const dump = (address: number, dwords: number): Access[] =>
  Array.from({ length: dwords }, (_, i) => load(address + 4 * i));
const clear = (address: number, dwords: number): Access[] =>
  put(address, ...new Array<number>(dwords).fill(0));

const pciWrite = (register: number, value: number): Access[] => [
  ["out", 0xcf8, (0x8000_0000 | (XHCI_DEVICE << 11) | register) >>> 0, 4],
  ["out", 0xcfc, value >>> 0, 4],
];

/** Where the registers are; on QEMU firmware has used the controller before. */
const locate: Access[] = [
  ...pciWrite(0x10, BASE),
  ...pciWrite(0x14, 0),
  ...pciWrite(4, 6),
  store(OPERATIONAL, 2),
  ["until-clear", OPERATIONAL, 2],
];

type Trb = [low: number, high: number, status: number, control: number];

/** A script that rings doorbells and waits for the events that follow. */
export class Script {
  readonly accesses: Access[] = [...locate];
  #events = 0;
  readonly #next: Record<number, number> = {};

  add(...accesses: Access[]): this {
    this.accesses.push(...accesses);
    return this;
  }

  /** Memory is set up and the controller runs. */
  start(): this {
    for (const at of [CONTEXTS, COMMANDS, OUTPUT, INPUT, CONTROL, BULK_IN, BULK_OUT, DATA])
      this.add(...clear(at, 64));
    this.add(
      ...clear(EVENTS, 256),
      ...put(TABLE, EVENTS, 0, 64, 0),
      ...put(CONTEXTS + 8, OUTPUT, 0),
    );
    this.add(store(OPERATIONAL + 0x38, 8), ...put(OPERATIONAL + 0x30, CONTEXTS, 0));
    this.add(...put(OPERATIONAL + 0x18, COMMANDS | 1, 0));
    this.add(store(RUNTIME + 0x28, 1), ...put(RUNTIME + 0x38, EVENTS, 0));
    this.add(...put(RUNTIME + 0x30, TABLE, 0), store(RUNTIME + 0x20, 2), store(OPERATIONAL, 5));
    return this;
  }

  /** Puts TRBs on a ring. */
  queue(ring: number, ...trbs: Trb[]): this {
    for (const [low, high, status, control] of trbs) {
      const at = ring + 16 * (this.#next[ring] ?? 0);
      this.#next[ring] = (this.#next[ring] ?? 0) + 1;
      this.add(...put(at, low, high, status, control | 1));
    }
    return this;
  }

  ring(doorbell: number, value: number): this {
    return this.add(store(DOORBELLS + 4 * doorbell, value));
  }

  /** Waits for `count` more events and reads them. */
  events(count: number, status?: number, control?: number, parameter?: number): this {
    const first = EVENTS + 16 * this.#events;
    this.#events += count;
    this.add(["until-set", EVENTS + 16 * this.#events - 4, 1]);
    for (let n = 0; n < count; n++) {
      this.add(
        load(first + 16 * n, parameter),
        load(first + 16 * n + 4),
        load(first + 16 * n + 8, status),
        load(first + 16 * n + 12, control),
      );
    }
    return this;
  }

  command(trb: Trb, status?: number, control?: number): this {
    return this.queue(COMMANDS, trb).ring(0, 0).events(1, status, control);
  }

  /** A control transfer's three stages, or two where nothing is moved. */
  control(low: number, high: number, toHost = true): this {
    const length = high >>> 16;
    this.queue(CONTROL, [
      low,
      high,
      8,
      (2 << 10) | 0x40 | (length === 0 ? 0 : toHost ? 3 << 16 : 2 << 16),
    ]);
    if (length > 0)
      this.queue(CONTROL, [DATA, 0, length, (3 << 10) | (toHost ? 1 << 16 : 0) | 0x24]);
    return this.queue(CONTROL, [
      0,
      0,
      0,
      (4 << 10) | (length > 0 && toHost ? 0 : 1 << 16) | 0x20,
    ]).ring(1, 1);
  }

  /** The device at the first port has an address. */
  address(): this {
    this.add(store(FIRST_PORT, 0x210), ["until-clear", FIRST_PORT, 0x10]).events(1);
    this.add(store(FIRST_PORT, 0x22_0200));
    this.command([0, 0, 0, 9 << 10]);
    this.add(...put(INPUT, 0, 3), ...put(INPUT + 32, (1 << 27) | (3 << 20), 1 << 16));
    this.add(...put(INPUT + 64, 0, (4 << 3) | (64 << 16) | 6, CONTROL | 1, 0, 8));
    return this.command([INPUT, 0, 0, (1 << 24) | (11 << 10)]);
  }

  /** … and its endpoints run. */
  configure(): this {
    this.address().control(0x0001_0900, 0).events(1);
    this.add(...put(INPUT, 0, 0x19), ...put(INPUT + 32, (4 << 27) | (3 << 20), 1 << 16));
    this.add(...put(INPUT + 128, 0, (6 << 3) | (512 << 16) | 6, BULK_IN | 1, 0, 512));
    this.add(...put(INPUT + 160, 0, (2 << 3) | (512 << 16) | 6, BULK_OUT | 1, 0, 512));
    return this.command([INPUT, 0, 0, (1 << 24) | (12 << 10)]);
  }

  /** A command block is sent. */
  block(length: number, toHost: boolean, ...command: number[]): this {
    const bytes = [...new Array<number>(15).fill(0), ...command]
      .concat(new Array(16).fill(0))
      .slice(0, 32);
    const view = new DataView(Uint8Array.from(bytes).buffer);
    view.setUint32(0, 0x43425355, true);
    view.setUint32(4, 0x1234_0000 + this.#events, true);
    view.setUint32(8, length, true);
    view.setUint8(12, toHost ? 0x80 : 0);
    view.setUint8(14, command.length);
    const words = Array.from({ length: 8 }, (_, i) => view.getUint32(4 * i, true));
    this.add(...put(COMMAND_BLOCK, ...words));
    return this.queue(BULK_OUT, [COMMAND_BLOCK, 0, 31, (1 << 10) | 0x20])
      .ring(1, 4)
      .events(1);
  }

  /** Data, and the status that follows. */
  input(length: number): this {
    return this.queue(BULK_IN, [DATA, 0, length, (1 << 10) | 0x24])
      .ring(1, 3)
      .events(1);
  }

  output(length: number): this {
    return this.queue(BULK_OUT, [DATA, 0, length, (1 << 10) | 0x24])
      .ring(1, 4)
      .events(1);
  }

  status(): this {
    this.queue(BULK_IN, [DATA + 0x800, 0, 13, (1 << 10) | 0x24])
      .ring(1, 3)
      .events(1);
    return this.add(...dump(DATA + 0x800, 3), load(DATA + 0x80c, 0xff));
  }
}
