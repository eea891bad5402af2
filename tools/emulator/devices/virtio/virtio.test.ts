// What only this side of the bus can show of virtio devices: failing hosts, snapshots in the middle of a request, and
// drivers that write anything.

import { expect, test } from "vitest";
import { Machine, type MachineOptions } from "../../host/machine.ts";
import type { ImageSource } from "../../media/image.ts";
import { type Access, busGuest, encodeScript } from "../../platform/testdata/bus-guest.ts";
import { load, store } from "../ata/testdata/script.ts";
import { Place, Rings } from "./testdata/script.ts";
import { VirtioPci } from "./virtio-pci.ts";

const AT = new Place(2);
const rings = new Rings();
const [HEADER, STATUS, DATA] = [0x30_0000, 0x30_0100, 0x31_0000];

async function run(script: readonly Access[], options: MachineOptions): Promise<string[]> {
  let output = "";
  const machine = await Machine.create({
    kernel: busGuest(),
    modules: [{ file: encodeScript(script) }],
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (b) => {
      output += String.fromCharCode(b);
    },
    ...options,
  });
  expect(machine.runSync({ nanoseconds: 1e9 }).kind).toBe("debug-exit");
  return output.trim().split("\n");
}

/** One request, the queue's `index`-th; its status is read. */
function request(index: number, type: number, sector: number, bytes: number): Access[] {
  const data = { address: DATA, bytes, write: type === 0 };
  return [
    store(HEADER, type),
    store(HEADER + 8, sector),
    store(STATUS, 0xff),
    ...rings.chain([
      { address: HEADER, bytes: 16 },
      ...(bytes === 0 ? [] : [data]),
      { address: STATUS, bytes: 1, write: true },
    ]),
    ...rings.offer(index, 0),
    AT.notify(),
    rings.wait(index),
    load(STATUS),
  ];
}

const driver = (...requests: Access[][]): Access[] => [
  ...AT.bringUp(),
  ...AT.start(0x200),
  ...requests.flat(),
];

/** An image whose host fails behind some point, as a full or shortened file does. */
function failing(good: { write: number; read: number }): {
  image: ImageSource;
  flushed: Uint8Array;
} {
  const now = new Uint8Array(64 * 512);
  const flushed = new Uint8Array(64 * 512);
  const image: ImageSource = {
    name: "image",
    size: now.length,
    read(offset, length) {
      if (offset + length > good.read) throw new Error("input/output error");
      return now.slice(offset, offset + length);
    },
    write(offset, bytes) {
      if (offset + bytes.length > good.write) throw new Error("no space left on device");
      now.set(bytes, offset);
    },
    flush() {
      flushed.set(now);
    },
  };
  return { image, flushed };
}

test("what the host fails to do is an error of the request, and what was flushed is there", async () => {
  const { image, flushed } = failing({ write: 16 * 512, read: 32 * 512 });
  const said: string[] = [];
  const answers = await run(
    driver(
      [store(DATA, 0x1234_5678)],
      request(1, 1, 3, 512),
      request(2, 4, 0, 0),
      [store(DATA, 0x5555_5555)],
      request(3, 1, 15, 1024),
      request(4, 1, 16, 512),
      request(5, 0, 31, 1024),
      request(6, 0, 3, 512),
    ),
    {
      disks: [{ kind: "disk", image, bus: "virtio", persistent: true }],
      onHostError: (what) => said.push(what),
    },
  );
  expect(answers.map((a) => Number.parseInt(a, 16))).toEqual([0, 0, 1, 1, 1, 0]);
  expect(new DataView(flushed.buffer).getUint32(3 * 512, true)).toBe(0x1234_5678);
  expect(new DataView(flushed.buffer).getUint32(15 * 512, true)).toBe(0);
  expect(said).toEqual([
    "disk image: cannot write it: no space left on device",
    "disk image: cannot read it: input/output error",
  ]);
});

test("a driver that does not flush gets a disk without a cache", async () => {
  const { image, flushed } = failing({ write: 64 * 512, read: 64 * 512 });
  const script = [...AT.bringUp(), ...AT.start(), store(DATA, 7), ...request(1, 1, 3, 512)];
  await run(script, { disks: [{ kind: "disk", image, bus: "virtio", persistent: true }] });
  expect(flushed[3 * 512]).toBe(7);
});

const RNG: MachineOptions["devices"] = [{ kind: "virtio-rng-pci" }];
const entropy = (index: number): Access[] => [
  ...rings.chain([{ address: DATA, bytes: 16, write: true }]),
  ...rings.offer(index, 0),
  AT.notify(),
  rings.wait(index),
  ...[0, 4, 8, 12].map((at) => load(DATA + at)),
];

test("our firmware gives every device registers of its own", async () => {
  const machine = await Machine.create({
    disks: [{ kind: "disk", image: new Uint8Array(512), bus: "virtio" }],
    devices: Array.from({ length: 6 }, () => ({ kind: "virtio-rng-pci" })),
  });
  const places = [...machine.board.pci.functions()].flatMap((fn) =>
    (fn.header.bars ?? []).map((bar) => {
      const at = fn.get32(0x10 + bar.index * 4) & ~(bar.size - 1);
      return { io: bar.kind === "io", first: at >>> 0, end: (at >>> 0) + bar.size };
    }),
  );
  const overlap = places.filter((a, i) =>
    places.some((b, j) => i < j && a.io === b.io && a.first < b.end && b.first < a.end),
  );
  expect(places.length).toBe(25);
  expect(overlap).toEqual([]);
});

test("entropy is a stream that is the same in every run, and goes on", async () => {
  const script = [...AT.bringUp(), ...AT.start(), ...entropy(1), ...entropy(2)];
  const first = await run(script, { devices: RNG });
  expect(await run(script, { devices: RNG })).toEqual(first);
  expect(new Set(first).size).toBe(8);
});

test("a snapshot between a notification and its work goes on as the run did", async () => {
  const script = [...AT.bringUp(), ...AT.start(), ...entropy(1), ...entropy(2)];
  const machine = await Machine.create({
    kernel: busGuest(),
    modules: [{ file: encodeScript(script) }],
    debugExit: { iobase: 0xf4, iosize: 4 },
    devices: RNG,
  });
  const device = machine.board.find(VirtioPci) as VirtioPci;
  const kicked = (): boolean => device.state.queues[0]?.kicked === true;
  for (let i = 0; i < 2000 && !kicked(); i++) machine.runSync({ nanoseconds: 1000 });
  expect(kicked()).toBe(true);
  const other = await machine.clone();
  expect(other.stateHash()).toBe(machine.stateHash());
  for (const m of [machine, other]) expect(m.runSync({ nanoseconds: 1e9 }).kind).toBe("debug-exit");
  expect(other.stateHash()).toBe(machine.stateHash());
});

/** What the device says after a notification: its status and whether it asks for a reset, and after one. */
const verdict = (features: number, what: readonly Access[]): Access[] => [
  ...AT.bringUp(),
  ...AT.start(features),
  ...what,
  AT.notify(),
  ...AT.interrupted(),
  ["load", AT.common(20), 1],
  ...AT.status(0),
  ["load", AT.common(20), 1],
];

// QEMU 7.2 takes these: RATIONALE.md of platform/.
test.each<[string, number, Access[]]>([
  ["a buffer that is no RAM", 0, rings.chain([{ address: 0xf000_0000, bytes: 16, write: true }])],
  [
    "a buffer that begins in RAM",
    0,
    rings.chain([{ address: (128 << 20) - 8, bytes: 16, write: true }]),
  ],
  [
    "a buffer beyond 4 GiB",
    0,
    rings.chain([{ address: 0, addressHigh: 1, bytes: 16, write: true }]),
  ],
  [
    "an indirect table in an indirect table",
    0x1000_0000,
    [
      ...rings.chain([{ address: DATA + 64, bytes: 16, flags: 4 }], 0, DATA),
      ...rings.chain([{ address: DATA + 128, bytes: 16, write: true }], 0, DATA + 64),
      ...rings.chain([{ address: DATA, bytes: 16, flags: 4 }]),
    ],
  ],
  [
    "an indirect table that nobody has agreed to",
    0,
    [
      ...rings.chain([{ address: DATA + 128, bytes: 16, write: true }], 0, DATA),
      ...rings.chain([{ address: DATA, bytes: 16, flags: 4 }]),
    ],
  ],
  [
    "an indirect table beyond RAM",
    0x1000_0000,
    rings.chain([{ address: 0xf000_0000, bytes: 16, flags: 4 }]),
  ],
])("%s has the device need a reset", async (_what, features, chain) => {
  const read = await run(verdict(features, [...chain, ...rings.offer(1, 0)]), { devices: RNG });
  expect(read.map((a) => Number.parseInt(a, 16))).toEqual([2, 0x4f, 0]);
});

test("a chain may end in an indirect table, and rings may wrap", async () => {
  const chain = [
    ...rings.chain([{ address: DATA + 256, bytes: 8, write: true }], 0, DATA),
    ...rings.chain([
      { address: DATA + 264, bytes: 8, write: true },
      { address: DATA, bytes: 16, flags: 4 },
    ]),
  ];
  const script = [
    ...AT.bringUp(),
    ...AT.start(0x1000_0000),
    ...chain,
    // The available ring of 8 twice and a half.
    ...Array.from({ length: 20 }, (_, i) => [
      ...rings.offer(i + 1, 0),
      AT.notify(),
      rings.wait(i + 1),
      load(rings.used + 4 + (i % 8) * 8 + 4),
    ]).flat(),
  ];
  const read = await run(script, { devices: RNG });
  expect(new Set(read)).toEqual(new Set(["00000010"]));
});

test("rings that are no RAM, sizes that are none, and features that nobody offers", async () => {
  const size = (n: number): Access[] => [
    ["store", AT.common(24), n, 2],
    ["load", AT.common(24), 2],
  ];
  const read = await run(
    [
      ...AT.bringUp(),
      ...[0, 3, 0x8000, 0xffff, 2048, 4].flatMap(size),
      ...AT.status(3),
      store(AT.common(8), 0),
      store(AT.common(12), 4),
      ...AT.status(0xb),
      ["load", AT.common(20), 1],
      ...AT.bringUp(),
      ...AT.negotiate(),
      ...AT.enable(0),
      ["store", AT.common(28), 1, 2],
      store(AT.common(40), 0xffff_fff0),
      store(AT.common(44), 0xffff_ffff),
      ...AT.status(0xf),
      AT.notify(),
      ...AT.interrupted(),
      ["load", AT.common(20), 1],
    ],
    { devices: RNG },
  );
  expect(read.map((a) => Number.parseInt(a, 16))).toEqual([8, 8, 8, 8, 8, 4, 3, 2, 0x4f]);
});

test("drivers that write anything get errors of the device alone", async () => {
  const image = new Uint8Array(64 * 512);
  const machine = await Machine.create({
    kernel: busGuest(),
    modules: [{ file: encodeScript(AT.bringUp()) }],
    debugExit: { iobase: 0xf4, iosize: 4 },
    disks: [{ kind: "disk", image, bus: "virtio" }],
  });
  machine.runSync({ nanoseconds: 1e8 });
  const { board, ram } = machine;
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const device = board.find(VirtioPci) as VirtioPci;
  let broken = 0;
  for (let round = 0; round < 300; round++) {
    // A ring of anything near to what could be one.
    const noise = Uint8Array.from({ length: 0x9000 }, () => (random(3) === 0 ? random(256) : 0));
    ram.write(rings.descriptors, noise);
    for (const a of [...AT.bringUp(), ...AT.start(random(2) * 0x3000_0200)]) {
      if (a[0] === "store" && a[1] >= AT.msix) board.mmio.write(a[1], a[2], a[3] ?? 1);
      else if (a[0] === "out") board.ports.write(a[1], a[2], a[3] ?? 1);
    }
    for (let i = 0; i < 8; i++) {
      ram.write(rings.descriptors + i * 16, Uint8Array.of(random(256), random(256), 0x30, 0));
      ram.write(rings.descriptors + i * 16 + 4, new Uint8Array(4));
    }
    ram.write(rings.available, Uint8Array.of(0, 0, random(9), 0));
    for (let i = 0; i < 20; i++) {
      const offset = random(0x4000);
      if (random(4) === 0) board.mmio.write(AT.modern + offset, random(2 ** 32), 4);
      board.mmio.write(AT.modern + 0x3000, 0, 2);
      board.ports.write(AT.legacy + random(0x60), random(256), 1);
      board.ports.read(AT.legacy + random(0x60), 4);
      board.scheduler.runDue(machine.core.time() + 25_000);
    }
    if (device.state.broken) broken++;
  }
  expect(broken).toBeGreaterThan(50);
});
