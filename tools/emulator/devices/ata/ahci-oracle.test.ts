// The SATA controller and its disk against QEMU's: the same accesses, performed by a guest, read the same.
// What is not compared says why.

import { describe, expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import type { Access } from "../../platform/testdata/bus-guest.ts";
import {
  ABAR,
  answers,
  bringUp,
  DATA,
  dump,
  FISES,
  issue,
  LIST,
  load,
  pciRead,
  pciWrite,
  port,
  prepare,
  recover,
  start,
  store,
  storeBytes,
} from "./testdata/script.ts";

const RECEIVED_REGISTERS = FISES + 0x40;

/** QEMU 7.2 keeps no more messages than there are, and bits of the message's data that are reserved. */
const MESSAGE_MASKS: Record<number, number> = { 128: 0xff8f_ffff, 140: 0xffff };
/** Firmware places base addresses by what else there is. */
const configuration: Access[] = [
  ...Array.from({ length: 64 }, (_, i) => i * 4)
    .filter((register) => register !== 0x20 && register !== 0x24)
    .flatMap((register) => pciRead(0x1f, 2, register)),
  ...[0x20, 0x24].flatMap((register): Access[] => [
    ...pciWrite(0x1f, 2, register, 0xffffffff),
    ["in", 0xcfc, 4],
  ]),
  // What a guest may write.
  ...[0x04, 0x0c, 0x3c, 0x80, 0x84, 0x88, 0x8c, 0xa8, 0xac].flatMap((register): Access[] => [
    ...pciWrite(0x1f, 2, register, 0xffffffff),
    ["in", 0xcfc, 4, MESSAGE_MASKS[register]],
  ]),
];

/** By the manual data that PIO moves to the host end with a PIO setup; QEMU 7.2 sends the registers too. */
const PIO_END = 0xffff_fffe;
/** The setup of the first block of data to the device does not interrupt by the manual. */
const FIRST_BLOCK = 0xffff_fffd;
/** Addresses and counts after a success are not defined; QEMU tells where it has got to. */
const AFTER = { address: 0xff00_0000, count: 0 } as const;
/** An address beyond the end is IDNF by the manual, ABRT in QEMU 7.2. */
const WRONG_ADDRESS = 0x00ff;
/** The status after a reset is 50h of a disk and the FIS without an interrupt; QEMU 7.2 has 30h and an interrupt. */
const AFTER_RESET = 0xff88;
const RESET_FIS = 0xff88_00ff;

/** What there is to see of a command that went well, in bits of PxIS. */
const outcome = (n = 0, bits = -1): Access[] => [
  load(port(n, 0x10), bits),
  load(port(n, 0x20)),
  load(port(n, 0x38)),
  load(RECEIVED_REGISTERS),
  load(RECEIVED_REGISTERS + 4, AFTER.address),
  load(LIST + 4),
];
/** … or failed: QEMU 7.2 takes the failed command off the list, which by the manual it stays on. */
const failure = (n = 0, status = 0xffff): Access[] => [
  load(port(n, 0x10), FIRST_BLOCK),
  load(port(n, 0x20), status),
  load(RECEIVED_REGISTERS, 0xff_ffff | ((status & 0xff00) << 16)),
  ...recover(n),
  load(port(n, 0x10)),
  load(port(n, 0x38)),
];

/** A command without data, and its end. */
const plain = (opcode: number, fields: Parameters<typeof issue>[1] = {}): Access[] => [
  ...issue(opcode, fields),
  ...outcome(0, fields?.write ? FIRST_BLOCK : -1),
  store(port(0, 0x10), 0xffff_ffff),
];
const refused = (opcode: number, fields: Parameters<typeof issue>[1] = {}): Access[] => [
  ...issue(opcode, { ...fields, fails: true }),
  ...failure(),
];

/**
 * IDENTIFY DEVICE without names, logs (84, 87: QEMU 7.2 has none), TRIM (69, 169) and what SET MULTIPLE MODE has set
 * (59: in QEMU 7.2 it is what it was when IDENTIFY was first asked for).
 */
const identifyMask = (): Record<number, number> => {
  const words = new Array<number>(256).fill(0xffff);
  for (const [first, last] of [
    [10, 19],
    [23, 46],
    [59, 59],
    [69, 69],
    [169, 169],
  ] as const) {
    words.fill(0, first, last + 1);
  }
  words[84] = 0xffdf;
  words[87] = 0xffdf;
  return Object.fromEntries(
    Array.from({ length: 128 }, (_, i) => [
      i,
      ((words[2 * i] as number) | ((words[2 * i + 1] as number) << 16)) >>> 0,
    ]),
  );
};

const identify: Access[] = [
  ...issue(0xec, { regions: [512] }),
  load(port(0, 0x10), PIO_END),
  load(port(0, 0x20)),
  load(port(0, 0x38)),
  load(LIST + 4),
  ...dump(DATA, 512, identifyMask()),
  store(port(0, 0x10), 0xffff_ffff),
];

/** Some of what a command has read: the first words of each sector. */
const sectors = (count: number): Access[] =>
  Array.from({ length: count }, (_, i) => dump(DATA + i * 512, 8)).flat();

interface Queued {
  slot: number;
  lba: number;
  sectors: number;
  write?: boolean;
}

const prepareQueued = (
  opcode: number,
  { slot, lba, sectors: n, write = false }: Queued,
): Access[] =>
  prepare(opcode, {
    slot,
    lba,
    features: n,
    count: slot << 3,
    write,
    regions: [n * 512],
  });

/** The error register stays what a reset has made it in QEMU 7.2. */
const STATUS = 0xff;
/** A queued command from its issue to the end of its tag. */
const queued = (opcode: number, q: Queued): Access[] => [
  ...prepareQueued(opcode, q),
  store(port(0, 0x34), (1 << q.slot) >>> 0),
  store(port(0, 0x38), (1 << q.slot) >>> 0),
  ["until-clear", port(0, 0x34), (1 << q.slot) >>> 0],
  load(port(0, 0x10)),
  load(port(0, 0x20), STATUS),
  load(port(0, 0x38)),
  store(port(0, 0x10), 0xffff_ffff),
];

const scripts: Record<string, readonly Access[]> = {
  "configuration space": configuration,
  "registers after the adapter's reset": [
    ...bringUp(),
    ...dump(ABAR, 0x30),
    // Addresses of lists stay, from the BIOS: which was none here.
    ...[0, 1].flatMap((n) => dump(port(n, 0x10), 0x70)),
    load(ABAR + 0x800),
    ["load", ABAR + 2, 2],
    ["load", ABAR + 0x11, 1],
  ],
  "what can be written into registers": [
    ...bringUp(),
    ...[0, 0x0c, 0x10, 0x14, 0x24].flatMap((r) => [store(ABAR + r, 0xffff_ffff), load(ABAR + r)]),
    ...[0x14, 0x20, 0x24, 0x28, 0x30].flatMap((r) => [
      store(port(0, r), 0xffff_ffff),
      load(port(0, r)),
    ]),
    store(ABAR + 4, 2),
    load(ABAR + 4),
    store(ABAR + 4, 0),
    load(ABAR + 4),
  ],
  "index and data registers": [
    ...bringUp(),
    ...pciWrite(0x1f, 2, 0x20, 0xc101),
    ["out", 0xc110, 0x10, 4],
    ["in", 0xc110, 4],
    ["in", 0xc114, 4],
    ["out", 0xc110, 0x114, 4],
    ["out", 0xc114, 0x40, 4],
    load(port(0, 0x14)),
    ["out", 0xc110, 0xffff_ffff, 4],
    ["in", 0xc110, 4, 0xfff],
  ],
  "a port's start": [
    ...bringUp(),
    load(port(0, 0x18)),
    ...start(),
    load(port(0, 0x18)),
    load(port(0, 0x20), AFTER_RESET),
    load(port(0, 0x24)),
    load(port(0, 0x28)),
    load(RECEIVED_REGISTERS, RESET_FIS),
    load(RECEIVED_REGISTERS + 4, 0x00ff_ffff),
    ...dump(RECEIVED_REGISTERS + 8, 12),
    store(port(0, 0x18), 6),
    load(port(0, 0x18)),
  ],
  "a port without a device": [
    ...bringUp(),
    ...start(1).filter(([kind]) => kind !== "until-clear"),
    // QEMU 7.2 has a status and a signature there.
    ...[0x18, 0x28, 0x2c, 0x30, 0x34, 0x38].map((register) => load(port(1, register))),
  ],
  "COMRESET and software reset": [
    ...bringUp(),
    ...start(),
    store(port(0, 0x18), 0x16),
    store(port(0, 0x2c), 1),
    load(port(0, 0x28), 0xff0),
    store(port(0, 0x2c), 0),
    ["until-clear", port(0, 0x20), 0x80],
    load(port(0, 0x24)),
    load(port(0, 0x20), AFTER_RESET),
    load(port(0, 0x28)),
    store(port(0, 0x18), 0x17),
    ...prepare(0, { flags: 0x500 }),
    ...storeBytes(0x21_0000, [0x27, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4]),
    store(port(0, 0x38), 1),
    ["until-clear", port(0, 0x38), 1],
    ...storeBytes(0x21_0000, [0x27, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
    store(port(0, 0x38), 1),
    ["until-clear", port(0, 0x38), 1],
    ["until-clear", port(0, 0x20), 0x80],
    load(port(0, 0x24)),
    load(port(0, 0x20), AFTER_RESET),
    load(RECEIVED_REGISTERS, RESET_FIS),
    load(RECEIVED_REGISTERS + 4, 0x00ff_ffff),
  ],
  "IDENTIFY DEVICE": [...bringUp(), ...start(), ...identify],
  "reading: 28 and 48 bits, DMA, PIO, multiple, by geometry": [
    ...bringUp(),
    ...start(),
    ...plain(0xc8, { lba: 5, count: 2, regions: [512, 512] }),
    ...sectors(2),
    ...plain(0x25, { lba: 9000, count: 4, regions: [2, 510, 1024, 512] }),
    ...sectors(4),
    ...[0x20, 0x24, 0xc4, 0x29].flatMap((opcode): Access[] => [
      ...issue(opcode, { lba: 77, count: 3, regions: [1536] }),
      load(port(0, 0x10), PIO_END),
      load(port(0, 0x20)),
      load(port(0, 0x38)),
      load(LIST + 4),
      ...sectors(3),
      store(port(0, 0x10), 0xffff_ffff),
    ]),
    // Cylinder 3, head 2, sector 5.
    ...plain(0xc8, { lba: 0x0305, device: 2, count: 1, regions: [512] }),
    ...sectors(1),
    // 256 sectors by a count of 0, into several regions.
    ...plain(0xc8, { lba: 100, count: 0, regions: [65536, 65536] }),
    load(DATA + 0x1fffc),
  ],
  "writing, and reading it back": [
    ...bringUp(),
    ...start(),
    ...[
      [0xca, 200],
      [0x35, 3000],
      [0x30, 4000],
      [0x34, 5000],
      [0xc5, 6000],
      [0x39, 7000],
    ].flatMap(([opcode, lba]): Access[] => [
      ...Array.from({ length: 4 }, (_, i) =>
        store(DATA + i * 256, (opcode as number) * 0x1000 + i),
      ),
      ...plain(opcode as number, {
        lba: lba as number,
        count: 2,
        regions: [256, 768],
        write: true,
      }),
      ...Array.from({ length: 4 }, (_, i) => store(DATA + i * 256, 0)),
      ...issue(0xc8, { lba: (lba as number) - 1, count: 4, regions: [2048] }),
      ...Array.from({ length: 8 }, (_, i) => load(DATA + i * 256)),
      store(port(0, 0x10), 0xffff_ffff),
    ]),
    ...plain(0xe7),
    ...plain(0xea),
  ],
  "commands without data": [
    ...bringUp(),
    ...start(),
    ...plain(0x40, { lba: 100, count: 8 }),
    ...plain(0x42, { lba: 20000, count: 100 }),
    ...plain(0x10),
    ...plain(0x70, { lba: 10 }),
    ...plain(0xc6, { count: 8 }),
    ...plain(0xef, { features: 0x03, count: 0x42 }),
    ...plain(0xef, { features: 0x82 }),
    ...identify,
    ...plain(0xef, { features: 0x02 }),
    ...plain(0xef, { features: 0x03, count: 0x22 }),
    ...plain(0xc6, { count: 0 }),
    ...identify,
    // Seek complete, which was a bit of long ago, is off in QEMU 7.2.
    ...[0xe1, 0xe3, 0x95, 0x97].flatMap((opcode): Access[] => [
      ...issue(opcode),
      load(port(0, 0x10)),
      load(port(0, 0x20), 0xffef),
    ]),
    ...issue(0xe5),
    ...outcome(),
    load(RECEIVED_REGISTERS + 12),
  ],
  "the last address": [
    ...bringUp(),
    ...start(),
    ...[0xf8, 0x27].flatMap((opcode): Access[] => [
      ...issue(opcode),
      load(port(0, 0x20)),
      ...dump(RECEIVED_REGISTERS, 12, { 1: 0x0fff_ffff }),
      store(port(0, 0x10), 0xffff_ffff),
    ]),
  ],
  "commands that are refused": [
    ...bringUp(),
    ...start(),
    ...[0x00, 0x01, 0x08, 0xa0, 0xa1, 0xf0, 0xff, 0x2d].flatMap((opcode) => refused(opcode)),
    ...refused(0xc6, { count: 3 }),
    ...refused(0xc6, { count: 32 }),
    ...refused(0xef, { features: 0x04 }),
    ...refused(0xef, { features: 0x03, count: 0x80 }),
    ...plain(0xc6, { count: 0 }),
    ...refused(0xc4, { lba: 1, count: 1, regions: [512] }),
  ],
  "addresses that are not there": [
    ...bringUp(),
    ...start(),
    ...[0xc8, 0x20, 0xca, 0x30].flatMap((opcode): Access[] => [
      ...issue(opcode, {
        lba: 20159,
        count: 2,
        regions: [1024],
        write: opcode !== 0xc8,
        fails: true,
      }),
      ...failure(0, WRONG_ADDRESS),
    ]),
    ...issue(0x25, { lba: 2 ** 40, count: 1, regions: [512], fails: true }),
    ...failure(0, WRONG_ADDRESS),
    // After an error the port goes on. QEMU 7.2 has written the first of the two sectors that PIO wanted to write.
    ...plain(0xc8, { lba: 20158, count: 1, regions: [512] }),
    ...sectors(1),
  ],
  "several commands at once": [
    ...bringUp(),
    ...start(),
    ...[3, 9, 31].flatMap((slot, i) =>
      prepare(0xc8, { slot, lba: slot, count: 1, regions: i === 2 ? [512] : [512] }),
    ),
    store(port(0, 0x38), 0x8000_0208),
    ["until-clear", port(0, 0x38), 0x8000_0208],
    load(port(0, 0x20)),
    load(port(0, 0x10)),
    ...[3, 9, 31].map((slot) => load(LIST + slot * 32 + 4)),
  ],
  "queued commands": [
    ...bringUp(),
    ...start(),
    ...Array.from({ length: 4 }, (_, i) => store(DATA + i * 256, 0x1111 * i)),
    ...queued(0x61, { slot: 5, lba: 300, sectors: 2, write: true }),
    ...dump(FISES + 0x58, 8, { 0: 0x00ff_ffff }),
    ...queued(0x60, { slot: 31, lba: 299, sectors: 4 }),
    ...dump(FISES + 0x58, 8, { 0: 0x00ff_ffff }),
    ...Array.from({ length: 8 }, (_, i) => load(DATA + i * 256)),
    // Two at once, which may end in either order, but both.
    ...[2, 17].flatMap((slot) => prepareQueued(0x60, { slot, lba: 50 + slot, sectors: 1 })),
    store(port(0, 0x34), 0x2_0004),
    store(port(0, 0x38), 0x2_0004),
    ["until-clear", port(0, 0x34), 0x2_0004],
    load(port(0, 0x20), STATUS),
    load(port(0, 0x38)),
    ...prepareQueued(0x60, { slot: 3, lba: 20159, sectors: 2 }),
    store(port(0, 0x10), 0xffff_ffff),
    store(port(0, 0x34), 8),
    store(port(0, 0x38), 8),
    ["until-set", port(0, 0x10), 0x4000_0008],
    load(port(0, 0x20), WRONG_ADDRESS),
    load(port(0, 0x34)),
  ],
  SMART: [
    ...bringUp(),
    ...start(),
    ...plain(0xb0, { features: 0xda, lba: 0xc24f00 }),
    load(RECEIVED_REGISTERS + 4, 0x00ff_ffff),
    ...plain(0xb0, { features: 0xd2, lba: 0xc24f00, count: 0xf1 }),
    ...refused(0xb0, { features: 0xda, lba: 0 }),
    ...refused(0xb0, { features: 0x99, lba: 0xc24f00 }),
    ...issue(0xb0, { features: 0xd0, lba: 0xc24f00, regions: [512] }),
    ...dump(DATA, 0x60),
    store(port(0, 0x10), 0xffff_ffff),
    ...issue(0xb0, { features: 0xd1, lba: 0xc24f00, regions: [512] }),
    ...dump(DATA, 0x60),
    store(port(0, 0x10), 0xffff_ffff),
    ...plain(0xb0, { features: 0xd9, lba: 0xc24f00 }),
    ...refused(0xb0, { features: 0xda, lba: 0xc24f00 }),
    ...plain(0xb0, { features: 0xd8, lba: 0xc24f00 }),
    ...plain(0xb0, { features: 0xda, lba: 0xc24f00 }),
  ],
  "interrupts are pending by port": [
    ...bringUp(),
    ...start(),
    store(port(0, 0x14), 0),
    ...issue(0xc8, { lba: 5, count: 1, regions: [512] }),
    load(ABAR + 8),
    store(port(0, 0x14), 1),
    load(ABAR + 8),
    store(ABAR + 8, 1),
    load(ABAR + 8),
    // The port's bits first, then the adapter's: in QEMU 7.2 the first is enough.
    store(port(0, 0x10), 0xffff_ffff),
    store(ABAR + 8, 1),
    load(ABAR + 8),
    load(port(0, 0x10)),
    // A region that wants to be told about.
    ...prepare(0xc8, { lba: 5, count: 1, regions: [512] }),
  ],
};

describe("the SATA controller reads as QEMU's does", () => {
  for (const [what, script] of Object.entries(scripts)) {
    test.skipIf(!hasQemu)(what, async () => {
      const { ours, theirs } = await answers(script);
      expect(theirs.at(-1)).not.toMatch(/nothing/);
      expect(ours).toEqual(theirs);
    });
  }
});
