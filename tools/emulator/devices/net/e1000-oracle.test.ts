// The network card against QEMU's e1000: the same accesses, performed by a guest, read the same. What is not compared
// says why.

import { describe, expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import type { Access } from "../../platform/testdata/bus-guest.ts";
import {
  answers,
  at,
  BROADCAST,
  bringUp,
  causes,
  context,
  datagram,
  dump,
  EOP_RS_FCS,
  frameAt,
  GROUP,
  load,
  loopback,
  looped,
  OTHER,
  OWN,
  pciRead,
  pciWrite,
  phy,
  received,
  receiveRing,
  SLOT,
  send,
  store,
  TX_DATA,
  TX_RING,
  transmitRing,
  USUAL,
  waitForLink,
  waitForQemu,
} from "./testdata/nic-script.ts";

/** Everything of configuration space; firmware places base addresses by what else there is. */
const configuration: Access[] = [
  ...Array.from({ length: 64 }, (_, i) => i * 4)
    .filter((register) => ![0x10, 0x14].includes(register))
    .flatMap((register) => pciRead(SLOT, 0, register)),
  ...[0x10, 0x14, 0x18, 0x30, 0x04, 0x0c, 0x3c].flatMap((register): Access[] => [
    ...pciWrite(SLOT, 0, register, 0xffff_ffff),
    ["in", 0xcfc, 4],
  ]),
];

/** Registers that QEMU 7.2 has not, and reads as 0. */
const OURS = [
  ...[0x18, 0x28, 0x2c, 0x30, 0x170, 0x178, 0x180, 0x410, 0x2160, 0x2168, 0x2828, 0x2c00, 0x3820],
  ...[0x3830, 0x5000],
];

/** A bit of the EEPROM by EECD: the clock goes up and down with DI as given, and DO is read after it. */
const clocked = (di: number): Access[] => [
  store(at(0x10), 0x42 | (di << 2)),
  store(at(0x10), 0x43 | (di << 2)),
  store(at(0x10), 0x42 | (di << 2)),
  load(at(0x10)),
];
const microwire = (opcode: number, address: number, bits: number): Access[] => [
  store(at(0x10), 0x40),
  store(at(0x10), 0x42),
  ...Array.from({ length: 9 }, (_, i) =>
    clocked((((opcode << 6) | address) >> (8 - i)) & 1),
  ).flat(),
  ...Array.from({ length: bits }, () => clocked(0)).flat(),
  store(at(0x10), 0x40),
  load(at(0x10)),
];

/** By the manual sizes are counted with the check sequence; QEMU leaves it out where it is taken off. */
const statistics = (): Access[] => dump(at(0x4000), 0x100, { 23: 0, 54: 0 });
const scripts: Record<string, readonly Access[]> = {
  "configuration space": configuration,
  "registers after a reset": [
    ...bringUp(),
    ...[0x0000, 0x0400, 0x0e00, 0x1000, 0x2400, 0x2800, 0x3400, 0x3800].flatMap((first) =>
      dump(at(first), 0x100).filter(([, address]) => !OURS.includes(address - at(0))),
    ),
    ...statistics(),
    ...dump(at(0x5200), 0x700),
  ],
  "what can be written into registers": [
    ...bringUp(),
    ...[
      ...[
        0x38, 0xc4, 0xe00, 0x1000, 0x2410, 0x2418, 0x2420, 0x2428, 0x2430, 0x2800, 0x2804, 0x2808,
      ],
      ...[0x2810, 0x2818, 0x2820, 0x282c, 0x3410, 0x3418, 0x3420, 0x3428, 0x3430, 0x3800, 0x3804],
      ...[0x3808, 0x3810, 0x3818, 0x3828, 0x382c, 0x5200, 0x53fc, 0x5400, 0x547c, 0x5600, 0x57fc],
      ...[0x5800, 0x5808, 0x5810, 0x5838, 0x5840, 0x5858, 0x5880, 0x5a00, 0x5f00, 0x458],
      ...[0x4000, 0x8, 0x40c0, 0x5820],
    ].flatMap((register) => [
      store(at(register), 0xffff_ffff),
      load(at(register)),
      store(at(register), 0x1234_5678),
      load(at(register)),
    ]),
  ],
  "the EEPROM by EERD": [
    ...bringUp(),
    ...Array.from({ length: 66 }, (_, word) => [
      store(at(0x14), (word << 8) | 1),
      load(at(0x14)),
    ]).flat(),
    store(at(0x14), 0x500),
    load(at(0x14)),
  ],
  "the EEPROM by EECD": [
    ...bringUp(),
    load(at(0x10)),
    store(at(0x10), 0xffff_ffff),
    load(at(0x10)),
    ...microwire(6, 0, 18),
    ...microwire(6, 63, 34),
    ...microwire(4, 0x30, 4),
    ...microwire(5, 1, 17),
  ],
  "the PHY": [
    ...bringUp(),
    ...Array.from({ length: 32 }, (_, register) => phy(register)).flat(),
    ...Array.from({ length: 32 }, (_, register) =>
      register === 0 ? [] : [...phy(register, 0xa5a5), ...phy(register)],
    ).flat(),
    ...phy(0, 0xedff & ~0x200),
    ...phy(0),
    // Another PHY, an operation that is none, an interrupt when it is done.
    store(at(0x20), 0x0841_0000),
    load(at(0x20)),
    store(at(0x20), 0x0021_0000),
    load(at(0x20)),
    causes(),
    store(at(0x20), 0x2821_0000),
    causes(),
    causes(),
  ],
  "auto-negotiation": [
    ...bringUp(),
    ...phy(0, 0x1340),
    ...phy(1),
    ...phy(5),
    load(at(0x8)),
    causes(),
    ...waitForLink(),
    ...phy(1),
    ...phy(5),
    load(at(0x8)),
    causes(),
  ],
  "causes of interrupts and their mask": [
    ...bringUp(),
    store(at(0xc8), 0x1234),
    load(at(0xc8)),
    load(at(0xd0)),
    store(at(0xd0), 0xff),
    load(at(0xd0)),
    ...pciRead(SLOT, 0, 4),
    store(at(0xd8), 0x0f),
    load(at(0xd0)),
    load(at(0xd8)),
    store(at(0xc0), 0x0004),
    load(at(0xc8)),
    ...pciRead(SLOT, 0, 4),
    causes(),
    causes(),
    ...pciRead(SLOT, 0, 4),
  ],
  "frames of many sizes in loopback": [
    ...looped([
      [60, BROADCAST],
      [80, OWN],
      [110, OWN],
      [300, BROADCAST],
      [600, OWN],
      [1514, OWN],
    ]),
    ...dump(TX_RING, 96),
    ...received(6, 128),
    causes(),
    ...statistics(),
    ...statistics(),
  ],
  "short frames are padded": [
    ...looped([
      [14, BROADCAST],
      [20, OWN],
    ]),
    ...received(2),
    ...statistics(),
  ],
  "addresses are filtered": [
    ...looped(
      [
        [64, OTHER],
        [65, BROADCAST],
        [66, GROUP],
        [67, OWN],
      ],
      0x0400_0000,
    ),
    ...received(1),
    ...statistics(),
  ],
  promiscuous: [
    ...looped(
      [
        [64, OTHER],
        [65, BROADCAST],
        [66, GROUP],
      ],
      0x0400_8018,
    ),
    ...received(3),
  ],
  "the multicast table by each of its offsets": [0, 1, 2, 3].flatMap((offset) => {
    const hash = (0xfb00 >> ([4, 3, 2, 0][offset] as number)) & 0xfff;
    return [
      ...looped(
        [
          [64, GROUP],
          [66, [1, 0, 0x5e, 1, 1, 1]],
        ],
        0x0400_0000 | (offset << 12),
        [store(at(0x5200 + 4 * (hash >> 5)), (1 << (hash & 31)) >>> 0)],
      ),
      ...received(1),
      store(at(0x5200 + 4 * (hash >> 5)), 0),
    ];
  }),
  "a second address": [
    ...looped([[64, OTHER]], USUAL, [
      store(at(0x5408), 0x9900_5452),
      store(at(0x540c), 0x8000_9999),
    ]),
    ...received(1),
  ],
  "buffers that are too small, and several for a frame": [
    // 256 bytes each.
    ...looped([[1000, OWN]], USUAL | 0x3_0000),
    ...received(4, 256),
    causes(),
  ],
  "large frames": [
    ...looped([[1523, OWN]], USUAL),
    load(at(0x2810)),
    load(at(0x40ac)),
    ...looped([[3000, OWN]], USUAL | 0x20),
    ...received(2),
  ],
  "VLAN tags go out and in": [
    ...looped([[100, OWN, 0x8100]], USUAL, [store(at(0), 0x4014_0240)]),
    ...received(1),
    ...bringUp(),
    ...transmitRing([
      { buffer: TX_DATA, command: 0x4b00_0000 | 80, status: 0x2345_0000 },
      { buffer: TX_DATA, command: EOP_RS_FCS | 80, status: 0x2345_0000 },
    ]),
    ...receiveRing(USUAL | 0x4_0000),
    store(at(0), 0x0014_0240),
    ...waitForQemu(),
    store(at(0), 0x4014_0240),
    // VLAN 345h is not in the table, then it is.
    ...send(1),
    load(at(0x2810)),
    store(at(0x5600 + 4 * (0x345 >> 5)), 1 << (0x345 & 31)),
    store(at(0x3810), 0),
    store(at(0x3818), 0),
    ...send(1),
    ...received(1),
  ],
  "a packet in pieces": [
    ...bringUp(),
    ...loopback(),
    ...frameAt(TX_DATA, 400, OWN),
    ...transmitRing([
      { buffer: TX_DATA, command: 0x0800_0000 | 14 },
      { buffer: TX_DATA + 14, command: 0 },
      { buffer: TX_DATA + 14, command: 100 },
      { buffer: TX_DATA + 114, command: EOP_RS_FCS | 286 },
    ]),
    ...receiveRing(USUAL),
    ...waitForQemu(),
    ...send(2),
    ...dump(TX_RING, 64),
    load(at(0x2810)),
    causes(),
    ...send(4),
    ...dump(TX_RING, 64),
    ...received(1, 400),
    causes(),
  ],
  "checksums are put in": [
    ...bringUp(),
    ...loopback(),
    ...datagram(TX_DATA, 6, 101),
    ...datagram(TX_DATA + 0x1000, 17, 77),
    ...transmitRing([
      context(true),
      { buffer: TX_DATA, command: 0x2b10_0000 | 155, status: 0x300 },
      context(false),
      { buffer: TX_DATA + 0x1000, command: 0x2b10_0000 | 119, status: 0x300 },
      { buffer: TX_DATA + 0x1000, command: 0x2b10_0000 | 119, status: 0x100 },
      { buffer: TX_DATA + 0x1000, command: 0x2b10_0000 | 119, status: 0x200 },
    ]),
    ...receiveRing(USUAL),
    ...waitForQemu(),
    ...send(6),
    ...received(4, 160),
  ],
  "TCP is cut into segments": [
    ...bringUp(),
    ...loopback(),
    ...datagram(TX_DATA, 6, 1000),
    ...transmitRing([
      // 1000 = 3 × 300 + 100.
      context(true, 0x0c00_0000, 300, 1000),
      { buffer: TX_DATA, command: 0x2610_0000 | 54, status: 0x300 },
      { buffer: TX_DATA + 54, command: 0x2f10_0000 | 1000, status: 0x300 },
    ]),
    ...receiveRing(USUAL),
    ...waitForQemu(),
    ...send(3),
    ...dump(TX_RING, 48),
    ...received(4, 360),
    ...statistics(),
  ],
  "UDP is cut into fragments": [
    ...bringUp(),
    ...loopback(),
    ...datagram(TX_DATA, 17, 500),
    ...transmitRing([
      context(false, 0x0c00_0000, 200, 500),
      { buffer: TX_DATA, command: 0x2f10_0000 | 542, status: 0x300 },
    ]),
    ...receiveRing(USUAL),
    ...waitForQemu(),
    ...send(2),
    ...received(3, 256),
  ],
  "no buffers, and rings that are nearly empty": [
    ...looped([[100, OWN]], USUAL),
    causes(),
    ...bringUp(),
    ...transmitRing(
      Array.from({ length: 6 }, () => ({ buffer: TX_DATA, command: EOP_RS_FCS | 100 })),
    ),
    ...receiveRing(USUAL | 0x100, 8, 7),
    ...waitForQemu(),
    ...[1, 2, 3, 4, 5, 6].flatMap((tail) => [...send(tail), causes()]),
    load(at(0x2810)),
  ],
  "rings around their end": [
    ...looped([[100, OWN]], USUAL, []),
    store(at(0x3810), 6),
    store(at(0x3818), 6),
    ...[6, 7].flatMap((n) => [
      store(TX_RING + 16 * n, TX_DATA),
      store(TX_RING + 16 * n + 4, 0),
      store(TX_RING + 16 * n + 8, EOP_RS_FCS | 100),
      store(TX_RING + 16 * n + 12, 0),
    ]),
    ...send(1),
    load(at(0x2810)),
    ...dump(TX_RING, 128),
  ],
  "a tail that the head never meets": [
    ...bringUp(),
    ...transmitRing([{ buffer: TX_DATA, command: EOP_RS_FCS | 100 }]),
    store(at(0x3818), 1000),
    load(at(0x3810)),
    causes(),
  ],
};

describe("the network card reads as QEMU's e1000 does", () => {
  for (const [what, script] of Object.entries(scripts)) {
    test.skipIf(!hasQemu)(what, async () => {
      const { ours, theirs } = await answers(script);
      expect(theirs.at(-1)).not.toMatch(/nothing/);
      expect(ours).toEqual(theirs);
    });
  }
});
