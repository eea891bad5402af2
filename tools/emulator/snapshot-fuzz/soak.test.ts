// A soak in small: a guest that works in bursts on two disks and a network card, saved and restored at random moments in
// processes of their own, is in the same states as one that runs through. And what a soak says where it is not.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { load, store } from "../devices/ata/testdata/script.ts";
import { at, bringUp, frameAt } from "../devices/net/testdata/nic-script.ts";
import { Place, Rings } from "../devices/virtio/testdata/script.ts";
import type { MachineOptions } from "../host/machine.ts";
import { type Access, busGuest, encodeScript } from "../platform/testdata/bus-guest.ts";
import { runSoak } from "./soak.ts";
import { machineOf, runTo, type SoakPlan, soakPlan } from "./soak-plan.ts";

const folder = mkdtempSync(join(tmpdir(), "soak-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

const SECTORS = 64;
const BURSTS = 12;
const HPET = 0xfed0_0000;

/** 2.6 ms, by a bit of the HPET's counter: somewhere in the second slice from here. */
const sleep: Access[] = [
  store(HPET + 0x10, 0),
  store(HPET + 0xf0, 0),
  store(HPET + 0xf4, 0),
  store(HPET + 0x10, 1),
  ["until-set", HPET + 0xf0, 0x4_0000],
];

/** A sector of the IDE disk by PIO: two dwords of it are printed, or the first one changes. */
const command = (sector: number, opcode: number): Access[] => [
  ...[1, sector, 0, 0, 0xe0, opcode].map((value, i): Access => ["out", 0x1f2 + i, value]),
  ["until-port-set", 0x1f7, 0x08],
];
const dataIn = Array.from({ length: 128 }, (_, i): Access => ["in", 0x1f0, 4, i < 2 ? -1 : 0]);
const readSector = (sector: number): Access[] => [...command(sector, 0x20), ...dataIn];
const writeSector = (sector: number, value: number): Access[] => [
  ...command(sector, 0x30),
  ...Array.from({ length: 128 }, (_, i): Access => ["out", 0x1f0, value + i, 4]),
  ["until-port-clear", 0x1f7, 0x80],
];

const DISK = new Place(3);
const RANDOM = new Place(4);
const RINGS = new Rings();
const OTHER_RINGS = new Rings(1);
const [HEADER, STATUS, DATA] = [0x40_0000, 0x40_0100, 0x40_1000];

/** Request `index` of the virtio disk, which writes or reads a sector. */
const request = (index: number, type: 0 | 1, sector: number): Access[] => [
  ...[type, 0, sector, 0].map((word, i) => store(HEADER + 4 * i, word)),
  ...RINGS.chain([
    { address: HEADER, bytes: 16 },
    { address: DATA, bytes: 512, write: type === 0 },
    { address: STATUS, bytes: 1, write: true },
  ]),
  ...RINGS.offer(index, 0),
  DISK.notify(),
  RINGS.wait(index),
  load(DATA),
];

/** What the entropy device says, by its queue 0 with the rings of another place. */
const entropy = (index: number): Access[] => [
  ...OTHER_RINGS.chain([{ address: DATA + 0x1000, bytes: 16, write: true }]),
  ...OTHER_RINGS.offer(index, 0),
  RANDOM.notify(),
  OTHER_RINGS.wait(index),
  load(DATA + 0x1000),
];

const startRandom = (): Access[] => [
  ...RANDOM.bringUp(),
  ...RANDOM.negotiate(),
  ...OTHER_RINGS.clear(),
  ["store", RANDOM.common(22), 0, 2],
  ["store", RANDOM.common(24), 8, 2],
  store(RANDOM.common(32), OTHER_RINGS.descriptors),
  store(RANDOM.common(40), OTHER_RINGS.available),
  store(RANDOM.common(48), OTHER_RINGS.used),
  ["store", RANDOM.common(28), 1, 2],
  ...RANDOM.status(0xf),
];

const [SENT, RECEIVED, BUFFERS, FRAME] = [0x50_0000, 0x50_1000, 0x51_0000, 0x52_0000];
/** Who has 10.0.2.2, for 10.0.2.15 (RFC 826). */
const ARP = [
  ...[0, 1, 8, 0, 6, 4, 0, 1, 0x52, 0x54, 0, 1, 2, 3, 10, 0, 2, 15],
  ...[0, 0, 0, 0, 0, 0, 10, 0, 2, 2],
];
const EVERYBODY = new Array<number>(6).fill(0xff);

/** Sixteen buffers for what arrives, and a question for the gateway's hardware address. */
const network: Access[] = [
  ...bringUp(),
  ...Array.from({ length: 16 }, (_, i) => [
    store(RECEIVED + 16 * i, BUFFERS + 2048 * i),
    ...[4, 8, 12].map((n) => store(RECEIVED + 16 * i + n, 0)),
  ]).flat(),
  ...[RECEIVED, 0, 256].map((value, i) => store(at(0x2800 + 4 * i), value)),
  store(at(0x2810), 0),
  store(at(0x2818), 15),
  // Frames for any address, and those for everybody.
  store(at(0x100), 0x800a),
  ...[SENT, 0, 256].map((value, i) => store(at(0x3800 + 4 * i), value)),
  store(at(0x400), 0x0004_00fa),
  ...frameAt(FRAME, 60, EVERYBODY, 0x0806),
  ...ARP.map((value, i): Access => ["store", FRAME + 14 + i, value, 1]),
];

const ask = (burst: number): Access[] => [
  store(SENT + 16 * (burst % 16), FRAME),
  store(SENT + 16 * (burst % 16) + 8, 0x0b00_0000 | 60),
  store(at(0x3818), (burst + 1) % 16),
];
/** The answer has come: its sender's address, behind an interrupt's cause. */
const heard = (burst: number): Access[] => [
  load(RECEIVED + 16 * (burst % 16) + 8),
  load(BUFFERS + 2048 * (burst % 16) + 28),
];

/** The gateway's address in what has come. */
const ANSWERED = "0202000a";

const burst = (n: number): Access[] => [
  ...writeSector(n % SECTORS, 0x1000_0000 + n),
  ...ask(n),
  ...readSector((n * 7) % SECTORS),
  ...request(2 * n + 1, 1, (n * 5) % SECTORS),
  ...entropy(n + 1),
  ...sleep,
  ...request(2 * n + 2, 0, (n * 3) % SECTORS),
  ...heard(n),
];

function options(): MachineOptions {
  const script = [
    ...network,
    ...DISK.bringUp(),
    ...DISK.start(),
    ...startRandom(),
    ...Array.from({ length: BURSTS }, (_, n) => burst(n)).flat(),
    // It is not over when the last mark comes.
    ["until-set", FRAME, 0] as const satisfies Access,
  ];
  const [kernel, module] = [join(folder, "kernel"), join(folder, "script")];
  writeFileSync(kernel, busGuest());
  writeFileSync(module, encodeScript(script));
  const contents = new Uint8Array(SECTORS * 512).map((_, i) => (i * 3 + (i >> 9)) & 0xff);
  return {
    machine: "pc",
    kernel,
    modules: [{ file: module }],
    memory: "16M",
    vga: false,
    disks: [
      { kind: "disk", image: contents, index: 0 },
      { kind: "disk", image: contents, bus: "virtio" },
    ],
    networkCards: [{ slot: 2 }],
    devices: [
      { kind: "virtio-blk-pci", options: { addr: 3, drive: 0 } },
      { kind: "virtio-rng-pci", options: { addr: 4 } },
    ],
  };
}

const END = 60e6;
/** How long answers are on their way, ns (machine.ts). */
const ANSWER = 100e3;

test("disks and a network that are saved at random go on as if they had not been", async () => {
  const plan = soakPlan(options(), { end: END, every: 10e6, saves: 5, seed: 3 });
  const found = await runSoak(plan, folder);
  expect(found).toEqual({
    differences: [],
    equal: 6,
    restores: 5,
    instructions: expect.anything(),
  });
});

test("the guest works all the time, and the gateway answers", async () => {
  let said = "";
  const onDebugConsole = (byte: number): void => {
    said += String.fromCharCode(byte);
  };
  const plan = { options: { ...options(), onDebugConsole }, marks: [END], saves: [], manners: [] };
  const { machine, wire } = await machineOf(plan, {});
  let onTheirWay = 0;
  for (let time = ANSWER / 2; time <= END; time += ANSWER / 2) {
    for (const mark of runTo(machine, [], time)) expect(mark).toBeUndefined();
    onTheirWay += wire.state.length;
  }
  const lines = said.split("\n");
  expect(lines.length).toBeGreaterThan(1000);
  expect(lines.filter((line) => line === ANSWERED).length).toBeGreaterThan(5);
  // What a snapshot does not hold is there to be kept, too.
  expect(onTheirWay).toBeGreaterThan(3);
});

test("what differs is said, with the moment", async () => {
  const given = options();
  const plan: SoakPlan = soakPlan(given, { end: 12e6, every: 6e6, saves: 1, seed: 1 });
  // Something that is no matter of manner.
  const other = { ...plan, manners: [plan.manners[0], { ...plan.manners[1], icount: true }] };
  const found = await runSoak(other as SoakPlan, folder);
  expect(found.differences.length).toBeGreaterThan(0);
  expect(found.differences[0]).toMatch(/^at (0.006|0.012) s, after [01] restores: /);
});
