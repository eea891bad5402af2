// Virtio's transport against QEMU's: the same accesses, performed by a guest, read the same. What is not compared says
// why. Each script is of a block and an entropy device, one of which is enough where both have the same.

import { describe, expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import type { Access } from "../../platform/testdata/bus-guest.ts";
import { load, pciRead, pciWrite, store } from "../ata/testdata/script.ts";
import { type Attached, answers, Place, Rings } from "./testdata/script.ts";

const BLK = new Place(2);
const RNG = new Place(3);
const NEITHER = new Place(4);
const OLD = new Place(5);
const NEW = new Place(6);
const ALL = [BLK, RNG, NEITHER, OLD, NEW];

const attached: Attached = {
  disks: [{ kind: "disk", image: new Uint8Array(1 << 20), bus: "virtio" }],
  devices: [
    { kind: "virtio-blk-pci", options: { addr: 2, drive: 0 } },
    { kind: "virtio-rng-pci", options: { addr: 3 } },
    { kind: "virtio-rng-pci", options: { addr: 4, vectors: 0, event_idx: 0, indirect_desc: 0 } },
    { kind: "virtio-rng-pci", options: { addr: 5, "disable-modern": 1 } },
    { kind: "virtio-rng-pci", options: { addr: 6, "disable-legacy": 1 } },
  ],
  qemu: [
    ...["-drive", "if=none,id=d,file=FILE0,format=raw"],
    ...["-device", "virtio-blk-pci,addr=2,drive=d", "-device", "virtio-rng-pci,addr=3"],
    ...["-device", "virtio-rng-pci,addr=4,vectors=0,event_idx=off,indirect_desc=off"],
    ...["-device", "virtio-rng-pci,addr=5,disable-modern=on"],
    ...["-device", "virtio-rng-pci,addr=6,disable-legacy=on"],
  ],
};

const range = (from: number, to: number, step = 4): number[] =>
  Array.from({ length: (to - from) / step }, (_, i) => from + i * step);
const in8 = (port: number, mask?: number): Access => ["in", port, 1, mask];
const in16 = (port: number): Access => ["in", port, 2];
const in32 = (port: number): Access => ["in", port, 4];
const load8 = (address: number, mask?: number): Access => ["load", address, 1, mask];
const load16 = (address: number): Access => ["load", address, 2];
const store16 = (address: number, value: number): Access => ["store", address, value, 2];
const out = (port: number, value: number, size: 1 | 2 | 4): Access => ["out", port, value, size];

/** Where firmware has put things, and the window, which it has used. */
const FIRMWARES = new Set([0x04, 0x10, 0x14, 0x20, 0x24, 0x88, 0x8c, 0x90, 0x94]);
/** The interrupt line is firmware's too. */
const configMask = (register: number): number | undefined =>
  register === 0x3c ? 0xffff_ff00 : undefined;

const scripts: Record<string, readonly Access[]> = {
  "configuration space": ALL.flatMap((at) => [
    ...range(0, 0x100)
      .filter((register) => !FIRMWARES.has(register))
      .flatMap((register) => pciRead(at.slot, 0, register, configMask(register))),
    // What a guest may write. QEMU 7.2 lets it write whatever is no capability.
    ...[0x04, 0x0c, 0x10, 0x14, 0x18, 0x20, 0x24, 0x3c, 0x44, 0x70, 0x84, 0x88, 0x98, 0x9c].flatMap(
      (register): Access[] =>
        (at === OLD && register > 0x40) || (at === NEITHER && register >= 0x98)
          ? []
          : [...pciWrite(at.slot, 0, register, 0xffff_ffff), in32(0xcfc)],
    ),
    ...pciWrite(at.slot, 0, 4, 0, 2),
  ]),
  "common configuration after a reset, features, queues and the device's own": [
    BLK,
    RNG,
    NEITHER,
    NEW,
  ].flatMap((at) => [
    ...at.bringUp(),
    ...[0, 1, 2, 0xffff_ffff].flatMap((half) => [store(at.common(0), half), load(at.common(4))]),
    load(at.common(0)),
    ...[16, 18, 22].map((r) => load16(at.common(r))),
    ...[20, 21].map((r) => load8(at.common(r))),
    ...[0, 1, 2, 1023].flatMap((q) => [
      store16(at.common(22), q),
      load16(at.common(22)),
      ...[24, 26, 28, 30].map((r) => load16(at.common(r))),
      ...range(32, 56).map((r) => load(at.common(r))),
    ]),
    // A register is read by its first byte, of whatever width.
    load(at.common(16)),
    load8(at.common(24)),
    load8(at.common(25)),
    load8(at.isr),
    load(at.modern + 0x3000),
    ...range(0, 64, 1).map((offset) => load8(at.config(offset))),
    ...range(0, 64).map((offset) => load(at.config(offset))),
    load16(at.config(54)),
    load16(at.config(56)),
  ]),
  "what can be written into common configuration": [BLK, RNG, NEITHER].flatMap((at) => [
    ...at.bringUp(),
    ...[0, 1].flatMap((half) => [
      store(at.common(8), half),
      store(at.common(12), 0x1234_5678),
      load(at.common(12)),
    ]),
    store(at.common(8), 2),
    store(at.common(12), 0xff),
    load(at.common(12)),
    ...[5, 1023, 1024, 0xffff].flatMap((q) => [store16(at.common(22), q), load16(at.common(22))]),
    store16(at.common(22), 0),
    ...range(32, 56).flatMap((r) => [store(at.common(r), 0x1234_0000 + r), load(at.common(r))]),
    ...[26, 16].flatMap((r) =>
      [0, 1, 2, 0xfffe, 0xffff, 1].flatMap((v) => [store16(at.common(r), v), load16(at.common(r))]),
    ),
    ...[0, 1024, 8, 2048, 4].flatMap((n) => [store16(at.common(24), n), load16(at.common(24))]),
    // A reset. QEMU 7.2 goes on to show which features have been written.
    ...at.status(0),
    ...[16, 18, 24, 26, 28].map((r) => load16(at.common(r))),
    ...range(32, 56).map((r) => load(at.common(r))),
  ]),
  "device status": [
    ...RNG.bringUp(),
    ...[1, 3, 0x83, 0].flatMap((v) => [...RNG.status(v), load8(RNG.common(20))]),
    ...RNG.negotiate(0x2000_0000),
    load8(RNG.common(20)),
    // Features stay what they are from here on.
    store(RNG.common(8), 0),
    store(RNG.common(12), 0),
    in32(RNG.legacy + 4),
    ...RNG.status(0),
    in32(RNG.legacy + 4),
    in8(RNG.legacy + 18),
  ],
  "legacy registers": [BLK, RNG, NEITHER, OLD].flatMap((at) => [
    ...at.bringUp(),
    out(at.legacy + 18, 0, 1),
    ...[0, 4, 8].map((r) => in32(at.legacy + r)),
    ...[12, 14, 20, 22].map((r) => in16(at.legacy + r)),
    ...[18, 19].map((r) => in8(at.legacy + r)),
    // What is in the middle of a register is nothing.
    ...[1, 2, 5, 13, 16, 17].map((r) => in8(at.legacy + r)),
    ...range(20, 32, 1).map((r) => in8(at.legacy + r)),
    out(at.legacy + 4, 0x2100_0001, 4),
    in32(at.legacy + 4),
    // The bit that says that a driver has not looked.
    out(at.legacy + 4, 0x7900_0000, 4),
    in32(at.legacy + 4),
    out(at.legacy + 14, 1, 2),
    in16(at.legacy + 12),
    in32(at.legacy + 8),
    out(at.legacy + 14, 0, 2),
    out(at.legacy + 8, 0x300, 4),
    in32(at.legacy + 8),
    ...[1, 3, 7].flatMap((v) => [out(at.legacy + 18, v, 1), in8(at.legacy + 18)]),
    out(at.legacy + 8, 0, 4),
    in8(at.legacy + 18),
    in32(at.legacy + 8),
  ]),
  "legacy registers with MSI-X": [BLK, RNG, OLD].flatMap((at) => [
    ...at.bringUp(),
    ...pciWrite(at.slot, 0, at === OLD ? 0x40 : 0x98, 0x8000_0011),
    ...[20, 22].map((r) => in16(at.legacy + r)),
    ...[20, 22].flatMap((r) =>
      [0, 1, 2, 0xffff].flatMap((v) => [out(at.legacy + r, v, 2), in16(at.legacy + r)]),
    ),
    ...range(20, 32, 1).map((r) => in8(at.legacy + r)),
    ...pciWrite(at.slot, 0, at === OLD ? 0x40 : 0x98, 0x11),
    ...range(20, 28, 1).map((r) => in8(at.legacy + r)),
  ]),
  "the window in configuration space": [BLK, RNG].flatMap((at) => [
    ...at.bringUp(),
    ...pciWrite(at.slot, 0, 0x88, 4, 1),
    ...[
      [0x14, 1, 0x03],
      [0x16, 2, 0],
      [0x08, 4, 1],
      [0x20, 4, 0x1234_5678],
      [0x2000, 4, 0],
      [0x18, 2, 0],
    ].flatMap(([offset, length, value]): Access[] => [
      ...pciWrite(at.slot, 0, 0x8c, offset as number),
      ...pciWrite(at.slot, 0, 0x90, length as number),
      ...pciWrite(at.slot, 0, 0x94, value as number, length as 1 | 2 | 4),
      ["in", 0xcfc, length as 1 | 2 | 4],
    ]),
    load8(at.common(20)),
    load16(at.common(22)),
    load(at.common(8)),
    load(at.common(0x20)),
  ]),
  "the table of messages": [
    ...BLK.bringUp(),
    ...range(0, 0x40).map((offset) => load(BLK.msix + offset)),
    ...[0x800, 0x804, 0x900].map((offset) => load(BLK.msix + offset)),
    // QEMU 7.2 keeps bits of the vector control that are reserved.
    ...range(0, 0x20).flatMap((offset) => [
      store(BLK.msix + offset, 0x1111_1110 + offset),
      load(BLK.msix + offset, offset % 16 === 12 ? 1 : undefined),
    ]),
    store(BLK.msix + 0x800, 0xffff_ffff),
    load(BLK.msix + 0x800),
    ["load", BLK.msix + 4, 2],
    ["store", BLK.msix + 4, 0x55, 1],
    load(BLK.msix + 4),
  ],
};

/** A request for 16 bytes of entropy, `index` counted from 1. */
const entropy = (rings: Rings, index: number): Access[] => [
  ...rings.chain([{ address: 0x30_0000, bytes: 16, write: true }]),
  ...rings.offer(index, 0),
];

const rings = new Rings();
const EVENT_INDEX = 0x2000_0000;
const INDIRECT = 0x1000_0000;

/** The request is performed, and the interrupt told. */
const requests: Record<string, readonly Access[]> = {
  "a request by modern registers": [
    ...RNG.bringUp(),
    ...RNG.start(),
    load16(RNG.common(28)),
    ...entropy(rings, 1),
    RNG.notify(),
    ...RNG.interrupted(),
    load8(RNG.isr),
    ...rings.usedEntries(1),
    ...entropy(rings, 2),
    RNG.notify(),
    ...RNG.interrupted(),
    ...rings.usedEntries(2),
    // No interrupt is wanted; the next one is.
    ["store", rings.available, 1, 2],
    ...entropy(rings, 3),
    RNG.notify(),
    rings.wait(3),
    load8(RNG.isr),
    ["store", rings.available, 0, 2],
    ...entropy(rings, 4),
    RNG.notify(),
    ...RNG.interrupted(),
    ...rings.usedEntries(4),
  ],
  "a request by legacy registers, with an interrupt when nothing is left": [
    ...RNG.bringUp(),
    out(RNG.legacy + 18, 1, 1),
    out(RNG.legacy + 18, 3, 1),
    out(RNG.legacy + 4, 0x0100_0000, 4),
    out(RNG.legacy + 14, 0, 2),
    // 8 entries: descriptors, 128 bytes, and the used ring on the next page.
    ...(() => {
      const legacy = new Rings(0, 8, 0x40_0000);
      const place = { ...legacy, available: 0x40_0080, used: 0x40_1000 };
      const at = Object.assign(Object.create(Rings.prototype), place) as Rings;
      return [
        ...at.clear(),
        out(RNG.legacy + 8, 0x400, 4),
        out(RNG.legacy + 18, 7, 1),
        ["store", at.available, 1, 2] as Access,
        ...at.chain([{ address: 0x30_0000, bytes: 24, write: true }], 5),
        ...at.offer(1, 5),
        out(RNG.legacy + 16, 0, 2),
        at.wait(1),
        ["out", 0xcf8, (0x8000_0004 | (RNG.slot << 11)) >>> 0, 4] as Access,
        ["until-port-set", 0xcfe, 8] as Access,
        in8(RNG.legacy + 19),
        in8(RNG.legacy + 19),
        ...at.usedEntries(1),
      ];
    })(),
  ],
  "event indexes": [
    ...RNG.bringUp(),
    ...RNG.start(EVENT_INDEX),
    // Behind the rings: which one is to be told of.
    store16(rings.available + 4 + 16, 1),
    ...entropy(rings, 1),
    RNG.notify(),
    // The first is told whatever the index says.
    ...RNG.interrupted(),
    load16(rings.used + 4 + 64),
    ...entropy(rings, 2),
    RNG.notify(),
    ...RNG.interrupted(),
    load16(rings.used + 4 + 64),
    store16(rings.available + 4 + 16, 3),
    ...entropy(rings, 3),
    RNG.notify(),
    rings.wait(3),
    load8(RNG.isr),
    ...entropy(rings, 4),
    RNG.notify(),
    ...RNG.interrupted(),
    ...rings.usedEntries(4),
  ],
  "indirect tables": [
    ...RNG.bringUp(),
    ...RNG.start(INDIRECT),
    ...rings.chain(
      [
        { address: 0x30_0000, bytes: 8, write: true },
        { address: 0x30_0100, bytes: 4, write: true },
        { address: 0x30_0200, bytes: 20, write: true },
      ],
      0,
      0x31_0000,
    ),
    ...rings.chain([{ address: 0x31_0000, bytes: 48, flags: 4 }], 3),
    ...rings.offer(1, 3),
    RNG.notify(),
    ...RNG.interrupted(),
    ...rings.usedEntries(1),
  ],
  "messages, masked and not": [
    ...RNG.bringUp(),
    // Message 1 is a write to memory, which goes nowhere while it is masked.
    store(RNG.msix + 0x10, 0xfee0_0000),
    store(RNG.msix + 0x14, 0),
    store(RNG.msix + 0x18, 0x4041),
    ...pciWrite(RNG.slot, 0, 0x98, 0x8000_0011),
    ...RNG.negotiate(),
    ...RNG.enable(0),
    store16(RNG.common(26), 1),
    load16(RNG.common(26)),
    ...RNG.status(0xf),
    ...entropy(rings, 1),
    RNG.notify(),
    ["until-set", RNG.msix + 0x800, 2],
    load(RNG.msix + 0x800),
    // The status bit of the pin stays off.
    ...pciRead(RNG.slot, 0, 4),
    // All masked, the entry not: still pending.
    ...pciWrite(RNG.slot, 0, 0x98, 0xc000_0011),
    store(RNG.msix + 0x1c, 0),
    load(RNG.msix + 0x800),
    ...pciWrite(RNG.slot, 0, 0x98, 0x8000_0011),
    load(RNG.msix + 0x800),
  ],
  "a queue's reset": [
    ...RNG.bringUp(),
    ...RNG.negotiate(),
    store(RNG.common(8), 1),
    ...RNG.status(0),
    ...RNG.status(3),
    store(RNG.common(8), 0),
    store(RNG.common(12), 0),
    store(RNG.common(8), 1),
    store(RNG.common(12), 0x101),
    ...RNG.status(0xb),
    load8(RNG.common(20)),
    ...RNG.enable(0),
    ...RNG.status(0xf),
    load16(RNG.common(28)),
    store16(RNG.common(58), 1),
    load16(RNG.common(58)),
    load16(RNG.common(28)),
    ...RNG.enable(0),
    load16(RNG.common(28)),
    ...entropy(rings, 1),
    RNG.notify(),
    ...RNG.interrupted(),
    ...rings.usedEntries(1),
  ],
};

/** A ring that cannot be: the device needs a reset, which helps. QEMU 7.2 sets the bit of queues in ISR as well. */
function broken(what: readonly Access[], features = 0): Access[] {
  return [
    ...RNG.bringUp(),
    ...RNG.start(features),
    ...what,
    RNG.notify(),
    ...RNG.interrupted(2),
    load8(RNG.common(20)),
    load8(RNG.common(21)),
    // Nothing is done any more.
    ...entropy(rings, 1),
    RNG.notify(),
    load(rings.used),
    ...RNG.status(0),
    load8(RNG.common(20)),
    ...RNG.start(),
    ...entropy(rings, 1),
    RNG.notify(),
    ...RNG.interrupted(),
    ...rings.usedEntries(1),
  ];
}

const one = { address: 0x30_0000, bytes: 16, write: true };
const hostile: Record<string, readonly Access[]> = {
  "an index beyond the ring": broken(rings.offer(1, ...new Array(9).fill(0))),
  "a head that is no descriptor": broken(rings.offer(1, 8)),
  "a next that is none": broken([...rings.chain([{ ...one, next: 8 }]), ...rings.offer(1, 0)]),
  "a loop": broken([...rings.chain([one, { ...one, next: 0 }]), ...rings.offer(1, 0)]),
  "a buffer of no bytes": broken([
    ...rings.chain([one, { ...one, bytes: 0 }]),
    ...rings.offer(1, 0),
  ]),
  "what is read behind what is written": broken([
    ...rings.chain([one, { ...one, write: false }]),
    ...rings.offer(1, 0),
  ]),
  "indirect tables of no and of odd sizes": [0, 24].flatMap((bytes) =>
    broken(
      [...rings.chain([{ address: 0x31_0000, bytes, flags: 4 }]), ...rings.offer(1, 0)],
      INDIRECT,
    ),
  ),
  "a loop in an indirect table": broken(
    [
      ...rings.chain([one, { ...one, next: 0 }], 0, 0x31_0000),
      ...rings.chain([{ address: 0x31_0000, bytes: 32, flags: 4 }]),
      ...rings.offer(1, 0),
    ],
    INDIRECT,
  ),
  "a queue that is enabled by 2": broken([store16(RNG.common(28), 2)]),
};

describe("virtio devices read as QEMU's do", () => {
  for (const [what, script] of Object.entries({ ...scripts, ...requests, ...hostile })) {
    test.skipIf(!hasQemu)(what, async () => {
      const { ours, theirs } = await answers(script, attached);
      expect(theirs.at(-1)).not.toMatch(/nothing/);
      expect(ours).toEqual(theirs);
    });
  }
});
