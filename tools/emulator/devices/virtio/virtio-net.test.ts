// The virtio network card where QEMU is no oracle: buffers and requests that make no sense, snapshots with frames that
// wait, legacy drivers.

import { expect, test } from "vitest";
import { Machine } from "../../host/machine.ts";
import { type Access, busGuest, encodeScript } from "../../platform/testdata/bus-guest.ts";
import { load } from "../ata/testdata/script.ts";
import { Place, Rings } from "./testdata/script.ts";
import { VirtioNetCard } from "./virtio-net.ts";

const NET = new Place(2);
const [RX, TX, CONTROL] = [new Rings(0), new Rings(1), new Rings(2)];
const DATA = 0x40_0000;
const BUFFERS = 0x50_0000;
const MERGEABLE = 0x8000;

async function machine(script: readonly Access[]) {
  let output = "";
  const sent: Uint8Array[] = [];
  const made = await Machine.create({
    kernel: busGuest(),
    modules: [{ file: encodeScript(script) }],
    networkCards: [{ model: "virtio-net-pci" }],
    debugExit: { iobase: 0xf4, iosize: 4 },
    onFrame: (frame) => sent.push(frame),
    onDebugConsole: (b) => {
      output += String.fromCharCode(b);
    },
  });
  return { made, sent, lines: () => output.trim().split("\n") };
}

const frame = (length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i < 6 ? 0xff : i & 0xff));
const start = (features = MERGEABLE): Access[] => [
  ...NET.bringUp(),
  ...NET.start(features, 8, [0, 1, 2]),
];

test("requests of all sizes are given back, and only frames are sent", async () => {
  const sizes = [1, 11, 12, 20, 26, 12 + 1514, 12 + 65550, 12 + 65551];
  const { made, sent } = await machine([
    ...start(),
    ...sizes.flatMap((bytes, i) => TX.chain([{ address: DATA, bytes }], i)),
    ...TX.offer(1, ...sizes.map((_, i) => i)),
    NET.notify(1),
    TX.wait(8),
  ]);
  expect(made.runSync({ nanoseconds: 1e9 }).kind).toBe("debug-exit");
  expect(sent.map(({ length }) => length)).toEqual([14, 1514, 65550]);
});

test("a chain without an end, and one to nowhere, have the device need a reset", async () => {
  for (const descriptor of [
    { address: DATA, bytes: 100, next: 0 },
    { address: 0xf000_0000, bytes: 100 },
  ]) {
    const { made, sent, lines } = await machine([
      ...start(),
      ...TX.chain([descriptor]),
      ...TX.offer(1, 0),
      NET.notify(1),
      ["until-set", NET.common(20), 0x40],
      load(TX.used),
    ]);
    made.input({ kind: "frame", card: 0, bytes: frame(100) });
    expect(made.runSync({ nanoseconds: 1e9 }).kind).toBe("debug-exit");
    made.input({ kind: "frame", card: 0, bytes: frame(100) });
    expect(sent).toEqual([]);
    expect(lines()).toEqual(["00000000"]);
  }
});

test("commands that are none are refused, however short", async () => {
  const { made, lines } = await machine([
    ...start(0x009f_0020),
    ...CONTROL.chain([
      { address: DATA, bytes: 1 },
      { address: DATA + 16, bytes: 1, write: true },
    ]),
    ...CONTROL.chain([{ address: DATA, bytes: 2 }], 2),
    ...CONTROL.offer(1, 0, 2),
    ["store", DATA + 16, 0xee, 1],
    NET.notify(2),
    CONTROL.wait(2),
    ["load", DATA + 16, 1],
  ]);
  expect(made.runSync({ nanoseconds: 1e9 }).kind).toBe("debug-exit");
  expect(lines()).toEqual(["00000001"]);
});

test("frames that wait are limited, and in snapshots", async () => {
  const script: Access[] = [
    ...start(),
    ["until-set", DATA, 1],
    ...RX.chain([{ address: BUFFERS, bytes: 2000, write: true }]),
    ...RX.offer(1, 0),
    NET.notify(0),
    RX.wait(1),
    load(RX.used + 8),
    load(BUFFERS + 12 + 16),
  ];
  const { made } = await machine(script);
  made.runSync({ nanoseconds: 2e6 });
  const card = made.networkCards[0] as VirtioNetCard;
  expect(card).toBeInstanceOf(VirtioNetCard);
  for (let i = 0; i < 500; i++) made.input({ kind: "frame", card: 0, bytes: frame(1000) });
  const { fifo } = card.function.state as { fifo: Uint8Array[] };
  expect(fifo).toHaveLength(262);
  const saved = made.snapshot();
  const other = await machine(script);
  other.made.restore(saved);
  for (const each of [made, other.made]) {
    each.ram.write(DATA, Uint8Array.of(1));
    expect(each.runSync({ nanoseconds: 1e9 }).kind).toBe("debug-exit");
  }
  expect(other.lines()).toEqual(["000003f4", "13121110"]);
  expect(other.made.stateHash()).toBe(made.stateHash());
});

test("a card that no driver has started takes nothing", async () => {
  const { made } = await machine([["until-set", DATA, 1]]);
  made.input({ kind: "frame", card: 0, bytes: frame(100) });
  const card = made.networkCards[0] as VirtioNetCard;
  expect((card.function.state as { fifo: unknown[] }).fifo).toEqual([]);
});
