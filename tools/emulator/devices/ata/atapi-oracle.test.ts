// The CD drive against QEMU's: packets through the SATA controller, and what comes back. What is not compared says why.

import { describe, expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import type { Access } from "../../platform/testdata/bus-guest.ts";
import {
  answers,
  bringUp,
  DATA,
  dump,
  FISES,
  issue,
  LIST,
  load,
  port,
  recover,
  start,
  store,
} from "./testdata/script.ts";

const CD = 2;
const RECEIVED_REGISTERS = FISES + 0x40;
const BY_DMA = 1;
/** The last PIO setup comes with an interrupt in QEMU 7.2 alone. */
const NO_PIO_SETUP = 0xffff_fffd;

type Bytes = readonly number[];

interface Packet {
  bytes: number;
  features?: number;
  /** Byte count of a block of PIO. */
  limit?: number;
  masks?: Readonly<Record<number, number>>;
}

/** Fills memory, so that it shows what an answer has not written. */
const clear = (bytes: number): Access[] =>
  Array.from({ length: bytes / 4 }, (_, i) => store(DATA + i * 4, 0xeeee_eeee));

/** A packet that goes well, with `bytes` of room. */
function packet(what: Bytes, p: Packet): Access[] {
  const { bytes, features = BY_DMA, limit = 0, masks } = p;
  return [
    ...clear(bytes),
    ...issue(0xa0, {
      port: CD,
      features,
      lba: limit << 8,
      packet: what,
      regions: bytes > 0 ? [bytes] : [],
    }),
    load(port(CD, 0x10), NO_PIO_SETUP),
    load(port(CD, 0x20)),
    load(port(CD, 0x38)),
    load(RECEIVED_REGISTERS),
    load(RECEIVED_REGISTERS + 12, 7),
    ...(bytes > 0 ? [load(LIST + 4)] : []),
    ...dump(DATA, Math.min(bytes, 96), masks),
    store(port(CD, 0x10), 0xffff_ffff),
  ];
}

const sense = packet([3, 0, 0, 0, 18], { bytes: 20 });

/** A packet that is refused, and why. */
const refused = (what: Bytes, bytes = 512): Access[] => [
  ...issue(0xa0, { port: CD, features: BY_DMA, packet: what, regions: [bytes], fails: true }),
  load(port(CD, 0x10), NO_PIO_SETUP),
  load(port(CD, 0x20)),
  ...recover(CD),
  ...sense,
];

const begin = (): Access[] => [...bringUp(), ...start(CD)];

/** Names are ours. QEMU 7.2 tells of queuing in words 75 and 76, which there is none for packets. */
const identifyMasks = Object.fromEntries(
  [37, 38, 5, 6, 7, 8, 9, ...Array.from({ length: 12 }, (_, i) => 11 + i)].map((i) => [i, 0]),
);

const scripts: Record<string, readonly Access[]> = {
  signature: [
    ...begin(),
    load(port(CD, 0x24)),
    load(port(CD, 0x28)),
    load(RECEIVED_REGISTERS + 4, 0x00ff_ffff),
  ],
  "IDENTIFY PACKET DEVICE, and what a disk would understand": [
    ...begin(),
    ...issue(0xa1, { port: CD, regions: [512] }),
    load(port(CD, 0x20)),
    load(LIST + 4),
    ...dump(DATA, 512, identifyMasks),
    ...[0xec, 0x20, 0xc8, 0x35, 0x00].flatMap((opcode): Access[] => [
      ...issue(opcode, { port: CD, regions: [512], fails: true }),
      load(port(CD, 0x20)),
      load(port(CD, 0x10), NO_PIO_SETUP),
      load(RECEIVED_REGISTERS + 4, opcode === 0xec ? 0x00ff_ffff : 0),
      ...recover(CD),
    ]),
  ],
  "TEST UNIT READY, REQUEST SENSE, INQUIRY": [
    ...begin(),
    ...packet([0], { bytes: 0 }),
    ...sense,
    // Vendor, product, version.
    ...packet([0x12, 0, 0, 0, 36], {
      bytes: 64,
      masks: Object.fromEntries([2, 3, 4, 5, 6, 7, 8].map((i) => [i, 0])),
    }),
    ...packet([0x12, 0, 0, 0, 6], { bytes: 16 }),
  ],
  reading: [
    ...begin(),
    ...packet([0x28, 0, 0, 0, 0, 5, 0, 0, 2], { bytes: 4096 }),
    load(DATA + 2048),
    load(DATA + 4092),
    ...packet([0xa8, 0, 0, 0, 2, 0, 0, 0, 0, 1], { bytes: 2048 }),
    ...packet([0xbe, 0, 0, 0, 0, 9, 0, 0, 1, 0x10], { bytes: 2048 }),
    ...packet([0xbe, 0, 0, 0, 0, 9, 0, 0, 1, 0xf8], { bytes: 2352 }),
    load(DATA + 2352 - 292),
    load(DATA + 2352 - 4),
    ...packet([0x28, 0, 0, 0, 0, 5, 0, 0, 2], { bytes: 4096, features: 0, limit: 2048 }),
    load(DATA + 4092),
    ...packet([0x28, 0, 0, 0, 0, 5, 0, 0, 0], { bytes: 0 }),
    ...packet([0x2b, 0, 0, 0, 0, 5], { bytes: 0 }),
  ],
  "answers about the medium": [
    ...begin(),
    ...packet([0x25], { bytes: 16 }),
    ...[0, 2].flatMap((msf) =>
      [0, 1, 2].flatMap((format) =>
        packet([0x43, msf, 0, 0, 0, 0, 0, 0, 0xff, format << 6], { bytes: 64 }),
      ),
    ),
    ...packet([0x43, 0, 0, 0, 0, 0, 0xaa, 0, 12], { bytes: 64 }),
    ...packet([0x51, 0, 0, 0, 0, 0, 0, 0, 34], { bytes: 64 }),
    ...packet([0xbd, 0, 0, 0, 0, 0, 0, 0, 0, 8], { bytes: 16 }),
    // The length of what follows, 6 by MMC-5, 6.7.2; 4 in QEMU 7.2.
    ...packet([0x4a, 1, 0, 0, 0x10, 0, 0, 0, 8], { bytes: 16, masks: { 0: 0xffff_00ff } }),
  ],
  "answers about the drive": [
    ...begin(),
    // The length of all: QEMU 7.2 has no features behind the profiles.
    ...packet([0x46, 0, 0, 0, 0, 0, 0, 0, 20], { bytes: 32, masks: { 0: 0 } }),
    ...[1, 0x2a].flatMap((page) => packet([0x5a, 0, page, 0, 0, 0, 0, 0, 0xff], { bytes: 64 })),
    ...packet([0x1e, 0, 0, 0, 1], { bytes: 0 }),
    ...packet([0x5a, 0, 0x2a, 0, 0, 0, 0, 0, 0xff], { bytes: 64 }),
    ...packet([0x1e, 0, 0, 0, 0], { bytes: 0 }),
    ...packet([0xbb], { bytes: 0 }),
  ],
  "packets that are refused": [
    ...begin(),
    ...refused([0xff]),
    ...refused([0x2a, 0, 0, 0, 0, 0, 0, 0, 1]),
    ...refused([0x28, 0, 0, 0, 2, 0xbc, 0, 0, 1]),
    ...refused([0x28, 0, 0, 0, 2, 0xbb, 0, 0, 2]),
    ...refused([0xa8, 0, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 1]),
    ...refused([0xbe, 0, 0, 0, 0, 1, 0, 0, 1, 0x20]),
    ...refused([0x43, 0, 0, 0, 0, 0, 2, 0, 12]),
    ...refused([0x43, 0, 0, 0, 0, 0, 0, 0, 12, 0xc0]),
    ...refused([0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8]),
    ...refused([0x5a, 0, 0x3e, 0, 0, 0, 0, 0, 0xff]),
    ...refused([0x5a, 0, 0xea, 0, 0, 0, 0, 0, 0xff]),
    ...packet([0], { bytes: 0 }),
  ],
  "a tray that is locked, opens and closes": [
    ...begin(),
    ...packet([0x1e, 0, 0, 0, 1], { bytes: 0 }),
    // Key 5, as MMC-5 has it; 2 in QEMU 7.2.
    ...issue(0xa0, { port: CD, packet: [0x1b, 0, 0, 0, 2], fails: true }),
    load(port(CD, 0x20), 0xff),
    ...recover(CD),
    ...packet([0x1e, 0, 0, 0, 0], { bytes: 0 }),
    ...packet([0x1b, 0, 0, 0, 2], { bytes: 0 }),
    ...refused([0x25]),
    ...packet([0x1b, 0, 0, 0, 3], { bytes: 0 }),
  ],
};

describe("the CD drive answers as QEMU's does", () => {
  for (const [what, script] of Object.entries(scripts)) {
    test.skipIf(!hasQemu)(what, async () => {
      const { ours, theirs } = await answers(script, { cd: CD });
      expect(theirs.at(-1)).not.toMatch(/nothing/);
      expect(ours).toEqual(theirs);
    });
  }
});
