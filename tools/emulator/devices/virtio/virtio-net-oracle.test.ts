// The virtio network card against QEMU's, on a user network each: the same accesses, performed by a guest, read the same.

import { describe, expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import type { Machine } from "../../host/machine.ts";
import { NodeNetwork } from "../../host/network/node-network.ts";
import { DEFAULT_NETWORK } from "../../net/user/options.ts";
import { arpRequest, ping } from "../../net/user/testdata/guest-frames.ts";
import { UserNetwork } from "../../net/user/user-network.ts";
import type { Access } from "../../platform/testdata/bus-guest.ts";
import { load, pciRead, store, storeBytes } from "../ata/testdata/script.ts";
import { waitUntil } from "../net/testdata/nic-script.ts";
import { type Attached, answers, type Descriptor, Place, Rings } from "./testdata/script.ts";

const NET = new Place(2);
const RX = new Rings(0);
const TX = new Rings(1);
const CONTROL = new Rings(2);
const DATA = 0x40_0000;
const BUFFERS = 0x50_0000;

/** Low halves of features: all of QEMU's, and those of a card that can hardly do anything. */
const ALL = 0x30bf_8024;
const MERGEABLE = 0x8000;
const CONTROLS = 0x009f_0020;

const attached: Attached = {
  devices: [{ kind: "virtio-net-pci", options: { addr: 2 } }],
  qemu: [...["-netdev", "user,id=n", "-device", "virtio-net-pci,netdev=n,romfile=,addr=2"]],
  onMachine: (machine: Machine) => {
    const network = new UserNetwork(DEFAULT_NETWORK, new NodeNetwork("test"));
    const [card] = machine.networkCards;
    if (card === undefined) throw new Error("no card");
    card.onFrame = (frame) => network.send(frame);
    network.onFrame = (bytes) => {
      // QEMU's come padded to 64 bytes.
      const padded = new Uint8Array(Math.max(64, bytes.length));
      padded.set(bytes);
      machine.input({ kind: "frame", card: 0, bytes: padded });
    };
  },
};

const range = (from: number, to: number, step = 4): number[] =>
  Array.from({ length: (to - from) / step }, (_, i) => from + i * step);
const load8 = (address: number): Access => ["load", address, 1];
/** Where firmware has put things, and the window, which it has used. */
const FIRMWARES = new Set([0x04, 0x10, 0x14, 0x20, 0x24, 0x3c, 0x88, 0x8c, 0x90, 0x94]);

/** Bits of the HPET's counter, in units of 10 ns, that are set after 0.3 ms: whoever answers has done so. */
const ANSWERED = 0x8000;

const HEADER = 12;
/** Sends a frame as the `index`-th, behind a header of `header` bytes. */
const send = (index: number, frame: Uint8Array, header = HEADER): Access[] => [
  ...storeBytes(DATA, [...new Array(header).fill(0), ...frame]),
  ...TX.chain([{ address: DATA, bytes: header + frame.length }], index - 1),
  ...TX.offer(index, index - 1),
  NET.notify(1),
  TX.wait(index),
];
/** Buffers for the receiver, each of these chains. */
const offer = (...chains: readonly (readonly Descriptor[])[]): Access[] => {
  const heads: number[] = [];
  let head = 0;
  const accesses = chains.flatMap((chain) => {
    heads.push(head);
    head += chain.length;
    return RX.chain(chain, head - chain.length);
  });
  return [...accesses, ...RX.offer(1, ...heads), NET.notify(0)];
};
const buffer = (n: number, bytes: number): Descriptor => ({
  address: BUFFERS + n * 0x1000,
  bytes,
  write: true,
});
/** QEMU says in the flags that it wants no notifications, which it may. */
const used = (): Access => load(RX.used, 0xffff_0000);
const received = (count: number, bytes: number): Access[] => [
  ...RX.usedEntries(count).map((a): Access => (a[1] === RX.used ? used() : a)),
  ...range(0, count).flatMap((_, n) =>
    range(0, bytes).map((at) => load(BUFFERS + n * 0x1000 + at)),
  ),
];

let commands = 0;
/** A command, and the answer. */
function command(kind: number, number: number, data: readonly number[]): Access[] {
  commands++;
  const at = DATA + 0x1000;
  return [
    ...storeBytes(at, [kind, number, ...data]),
    ["store", at + 0x800, 0xee, 1],
    ...CONTROL.chain([
      { address: at, bytes: 2 },
      { address: at + 2, bytes: Math.max(1, data.length) },
      { address: at + 0x800, bytes: 1, write: true },
    ]),
    ...CONTROL.offer(commands, 0),
    NET.notify(2),
    ["until-clear", at + 0x800, 0xfe],
    load8(at + 0x800),
  ];
}
function commandsOf(script: () => Access[]): Access[] {
  commands = 0;
  return script();
}

const scripts: Record<string, readonly Access[]> = {
  "configuration space": range(0, 0x100)
    .filter((register) => !FIRMWARES.has(register))
    .flatMap((register) => pciRead(2, 0, register)),
  "features, queues and configuration": [
    ...NET.bringUp(),
    ...[0, 1].flatMap((half) => [store(NET.common(0), half), load(NET.common(4))]),
    ["load", NET.common(18), 2],
    ...[0, 1, 2, 3].flatMap((q): Access[] => [
      ["store", NET.common(22), q, 2],
      ["load", NET.common(24), 2],
      ["load", NET.common(30), 2],
    ]),
    ...range(0, 12, 1).map((at) => load8(NET.config(at))),
    // QEMU offers legacy drivers GSO, which is of no use without checksums.
    ...range(0, 32, 1).map((at): Access => ["in", NET.legacy + at, 1, at === 0 ? 0xbf : 0xff]),
  ],
  "frames out and in, with mergeable buffers": [
    ...NET.bringUp(),
    ...NET.start(ALL & ~0x3000_0000, 8, [0, 1, 2]),
    ...offer([buffer(0, 1000)], [buffer(1, 1000)], [buffer(2, 1000)]),
    ...send(1, arpRequest("10.0.2.2")),
    RX.wait(1),
    ...received(1, 80),
    ...TX.usedEntries(1),
  ],
  "a frame in several buffers": [
    ...NET.bringUp(),
    ...NET.start(MERGEABLE, 8, [0, 1]),
    ...offer([buffer(0, 32)], [buffer(1, 24)], [buffer(2, 200)]),
    ...send(1, arpRequest("10.0.2.2")),
    ["until-set", RX.used, 3 << 16],
    ...received(3, 32),
  ],
  "a frame in one buffer of several pieces, without mergeable ones": [
    ...NET.bringUp(),
    ...NET.start(0, 8, [0, 1]),
    ...offer([buffer(0, 12), buffer(1, 200)], [buffer(2, 12), buffer(3, 200)]),
    ...send(1, arpRequest("10.0.2.2")),
    RX.wait(1),
    ...received(2, 64),
  ],
  "frames wait for buffers": [
    ...NET.bringUp(),
    ...NET.start(MERGEABLE, 8, [0, 1]),
    ...send(1, arpRequest("10.0.2.2")),
    ...send(2, arpRequest("10.0.2.3")),
    used(),
    ...offer([buffer(0, 1000)], [buffer(1, 1000)]),
    ["until-set", RX.used, 2 << 16],
    ...received(2, 64),
  ],
  "what commands are answered": commandsOf(() => [
    ...NET.bringUp(),
    ...NET.start(ALL & ~0x3000_0000, 8, [0, 1, 2]),
    ...[0, 1, 2, 3, 4, 5, 6].flatMap((mode) => command(0, mode, [1])),
    ...command(1, 1, [0x52, 0x54, 0, 1, 2, 3]),
    ...range(0, 8, 1).map((at) => load8(NET.config(at))),
    ...command(1, 1, [1, 2]),
    ...command(1, 0, [1, 0, 0, 0, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0]),
    ...command(1, 0, [1, 0, 0, 0, 1, 2, 3]),
    ...command(1, 7, [0]),
    ...command(2, 0, [1, 0]),
    ...command(2, 1, [1, 0]),
    ...command(2, 0, [0, 0x10]),
    ...command(2, 2, [1, 0]),
    ...command(3, 0, [0]),
    ...command(4, 0, [1, 0]),
    ...command(5, 0, [0, 0, 0, 0, 0, 0, 0, 0]),
    ...command(5, 0, [1, 0, 0, 0, 0, 0, 0, 0]),
    ...command(9, 0, [0]),
  ]),
  "what is not for the card is not taken": commandsOf(() => [
    ...NET.bringUp(),
    ...NET.start(CONTROLS | MERGEABLE, 8, [0, 1, 2]),
    ...offer([buffer(0, 1000)], [buffer(1, 1000)]),
    ...command(0, 0, [0]),
    // Another address: the answer is for the old one.
    ...command(1, 1, [0x52, 0x54, 0, 1, 2, 3]),
    ...send(1, arpRequest("10.0.2.2")),
    ...waitUntil(ANSWERED),
    used(),
    ...command(1, 0, [1, 0, 0, 0, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 0, 0, 0, 0]),
    ...send(2, ping("10.0.2.2", "0123456789".repeat(5))),
    RX.wait(1),
    used(),
  ]),
};

describe("the virtio network card reads as QEMU's does", () => {
  for (const [what, script] of Object.entries(scripts)) {
    test.skipIf(!hasQemu)(what, async () => {
      const { ours, theirs } = await answers(script, attached);
      expect(theirs.at(-1)).not.toMatch(/nothing/);
      expect(ours).toEqual(theirs);
    });
  }
});
