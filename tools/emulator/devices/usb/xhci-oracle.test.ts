// The USB controller and a stick against QEMU's: the same accesses, performed by a guest, read the same. QEMU's
// nec-usb-xhci can be had with the same ports of USB 2; it is qemu-xhci but for its IDs. What is not compared says why.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import { Machine } from "../../host/machine.ts";
import { type Access, busGuest, encodeScript, shown } from "../../platform/testdata/bus-guest.ts";
import { BY_INSTRUCTIONS, runOnQemu } from "../../platform/testdata/qemu.ts";
import { XHCI_DEVICE } from "./xhci-registers.ts";

const BASE = 0xe000_0000;
const OPERATIONAL = BASE + 0x40;
const RUNTIME = BASE + 0x1000;
const DOORBELLS = BASE + 0x2000;
const [PORTS, FIRST_PORT] = [BASE + 0x440, BASE + 0x440];
/** Where the script has what the controller reads and writes. */
const CONTEXTS = 0x20_0000;
const COMMANDS = 0x20_1000;
const EVENTS = 0x20_2000;
const TABLE = 0x20_3000;
const OUTPUT = 0x20_4000;
const INPUT = 0x20_5000;
const CONTROL = 0x20_6000;
const BULK_IN = 0x20_7000;
const BULK_OUT = 0x20_8000;
const DATA = 0x20_9000;
const COMMAND_BLOCK = 0x20_a000;

const SECTORS = 2048;

function image(): Uint8Array {
  const view = new DataView(new ArrayBuffer(SECTORS * 512));
  for (let at = 0; at < view.byteLength; at += 4) view.setUint32(at, at + 0x4000_0000, true);
  return new Uint8Array(view.buffer);
}

const load = (address: number, mask?: number): Access => ["load", address, 4, mask];
const store = (address: number, value: number): Access => ["store", address, value >>> 0, 4];
const put = (address: number, ...values: number[]): Access[] =>
  values.map((value, i) => store(address + 4 * i, value));
const dump = (address: number, dwords: number): Access[] =>
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

/** A port that has changed is told in USBSTS too (5.4.2); not in QEMU 7.2. */
const NOT_CHANGED = ~0x10;
/** Its configuration has no name here. */
const UNNAMED = 0xff00_ffff;
/** A request is refused in its data stage (USB 2.0, 8.5.3.4), of which nothing has been moved; QEMU refuses its setup stage. */
const REFUSED = { at: 0, status: 0xff00_0000 } as const;
/** How many ports, slots and interrupters there are differs; and how many ports are of USB 3. */
const COUNTS = 0;
/** QEMU 7.2 tells of changes at ports that nothing is at. */
const UNCHANGED = ~0x2_0000;
/** The pointer of the command ring reads as 0, and its cycle (5.4.5); in QEMU 7.2 as what was written, and never as running. */
const RING = 0;
/** The moderation interval is 4000 at first (5.5.2.2); 0 in QEMU. */
const MODERATION = 0;
/** A command about a slot that is not enabled is one about it; QEMU has 0 there. */
const NO_SLOT = 0xff_ffff;
/** An endpoint that does not run cannot be stopped (4.6.9); QEMU 7.2 says that it was. */
const STOPPED_TWICE = 0;

type Trb = [low: number, high: number, status: number, control: number];

/** A script that rings doorbells and waits for the events that follow. */
class Script {
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

async function answers({ accesses }: Script) {
  const guest = busGuest();
  const encoded = encodeScript(accesses);
  let output = "";
  const machine = await Machine.create({
    kernel: guest,
    modules: [{ file: encoded }],
    disks: [{ kind: "disk", bus: "usb", image: image() }],
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (b) => {
      output += String.fromCharCode(b);
    },
  });
  machine.runSync({ nanoseconds: 5e9 });
  const directory = mkdtempSync(join(tmpdir(), "emu-usb-"));
  try {
    const file = join(directory, "stick");
    writeFileSync(file, image());
    const oracle = runOnQemu(
      guest,
      [encoded],
      [
        ...[...BY_INSTRUCTIONS, "-nic", "none", "-drive", `if=none,id=s,format=raw,file=${file}`],
        ...["-device", `nec-usb-xhci,p2=8,p3=0,addr=0x${XHCI_DEVICE.toString(16)},id=x`],
        ...["-device", "usb-storage,bus=x.0,drive=s,port=1"],
      ],
    );
    return { ours: shown(accesses, output), theirs: shown(accesses, oracle.debugcon) };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const registers = new Script()
  .add(load(BASE), load(BASE + 4, COUNTS), ...dump(BASE + 8, 10), ...dump(BASE + 0x30, 2))
  .add(...dump(OPERATIONAL, 16), load(PORTS))
  .add(...Array.from({ length: 7 }, (_, i) => load(PORTS + 16 * (i + 1), UNCHANGED)))
  .add(
    ...Array.from({ length: 8 }, (_, i) =>
      [4, 8, 12].map((at) => load(PORTS + 16 * i + at)),
    ).flat(),
  )
  .add(...dump(RUNTIME + 4, 8), load(RUNTIME + 0x24, MODERATION), ...dump(RUNTIME + 0x28, 6))
  .add(["load", BASE, 1], load(DOORBELLS + 4))
  .start()
  .add(
    load(OPERATIONAL),
    load(OPERATIONAL + 4),
    load(OPERATIONAL + 0x18, RING),
    load(OPERATIONAL + 0x30),
  )
  .add(load(RUNTIME + 0x20), ...dump(RUNTIME + 0x28, 6))
  .add(store(OPERATIONAL + 4, 0x18), load(OPERATIONAL + 4))
  .add(store(OPERATIONAL, 0), load(OPERATIONAL + 4), store(OPERATIONAL, 2))
  .add(...dump(OPERATIONAL, 16), load(RUNTIME + 0x20), ...dump(RUNTIME + 0x28, 6), load(PORTS));

const commands = new Script()
  .start()
  .command([0, 0, 0, 23 << 10])
  .command([0, 0, 0, (5 << 24) | (10 << 10)], -1, NO_SLOT)
  .address()
  .add(
    ...dump(OUTPUT, 16),
    load(FIRST_PORT),
    load(OPERATIONAL + 4, NOT_CHANGED),
    load(OPERATIONAL + 0x18, RING),
  )
  .command([0, 0, 0, (1 << 24) | (1 << 16) | (15 << 10)])
  .command([0, 0, 0, (1 << 24) | (1 << 16) | (15 << 10)], STOPPED_TWICE)
  .command([0, 0, 0, (1 << 24) | (5 << 16) | (15 << 10)])
  .command([(CONTROL + 64) | 1, 0, 0, (1 << 24) | (1 << 16) | (16 << 10)])
  .add(...dump(OUTPUT + 32, 4))
  .command([0, 0, 0, (1 << 24) | (10 << 10)])
  .command([0, 0, 0, 9 << 10]);

const requests = new Script()
  .start()
  .address()
  .control(0x0100_0680, 64 << 16)
  .events(2)
  .add(load(DATA), load(DATA + 4), load(DATA + 8), load(DATA + 12, 0xff))
  .control(0x0200_0680, 9 << 16)
  .events(2)
  .add(load(DATA), load(DATA + 4, UNNAMED))
  .control(0x0001_0900, 0)
  .events(1)
  .control(0x0000_0880, 1 << 16)
  .events(2)
  .add(load(DATA, 0xff))
  .control(0x0000_fea1, 1 << 16)
  .events(2)
  .add(load(DATA, 0xff))
  // What is not known halts the endpoint.
  .control(0x0000_0780, 4 << 16)
  .events(1, REFUSED.status, -1, REFUSED.at)
  .add(load(OUTPUT + 32), load(OUTPUT + 36));

const disk = new Script()
  .start()
  .configure()
  .add(...dump(OUTPUT, 3), load(OUTPUT + 12), load(OUTPUT + 96), ...dump(OUTPUT + 128, 4))
  // READ CAPACITY, READ(10), WRITE(10) and what is there then.
  .block(8, true, 0x25, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  .input(8)
  .add(...dump(DATA, 2))
  .status()
  .block(1024, true, 0x28, 0, 0, 0, 0, 7, 0, 0, 2, 0)
  .input(1024)
  .add(...dump(DATA, 4), ...dump(DATA + 0x3f0, 4))
  .status()
  .add(...put(DATA, 1, 2, 3, 4))
  .block(512, false, 0x2a, 0, 0, 0, 0, 9, 0, 0, 1, 0)
  .output(512)
  .status()
  .block(512, true, 0x28, 0, 0, 0, 0, 9, 0, 0, 1, 0)
  .input(512)
  .add(...dump(DATA, 8))
  .status()
  // Nothing to move.
  .block(0, false, 0x35, 0, 0, 0, 0, 0, 0, 0, 0, 0)
  .status();

const cases: [string, Script][] = [
  ["registers", registers],
  ["commands", commands],
  ["requests to a device", requests],
  ["a stick's commands", disk],
];

test.skipIf(!hasQemu).each(cases)("%s", async (_, script) => {
  const { ours, theirs } = await answers(script);
  expect(ours.length).toBeGreaterThan(20);
  expect(ours).toEqual(theirs);
});
