// The floppy controller against QEMU's: the same accesses, performed by a guest, read the same. What is not compared says
// why.

import { describe, expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import type { Access } from "../../platform/testdata/bus-guest.ts";
import {
  answers,
  channel,
  command,
  DATA,
  DOR,
  data,
  FIFO,
  interrupt,
  MSR,
  out,
  read,
  recalibrate,
  restart,
  results,
  sectorsAt,
  seek,
} from "./testdata/script.ts";

/** ST0 without seek end: QEMU 7.2 sets it wherever it goes to another track. */
const ST0 = 0xdf;
const ALL = 0xff;
/** An answer to a data command that went well. */
const done = (masks: readonly number[] = [ST0, ALL, ALL, ALL, ALL, ALL, ALL]): Access[] => [
  ["until-port-set", MSR, 0x80],
  ...interrupt,
  ...results(...masks),
  read(MSR),
  ...interrupt,
];
/** An address that was not found: QEMU 7.2 says end of cylinder or nothing, by the manual there are no data. */
const LOST = [ST0, 0, 0, ALL, ALL, ALL, ALL];

const scripts: Record<string, readonly Access[]> = {
  "CMOS memory": [0x10, 0x14].flatMap((i): Access[] => [out(0x70, i), read(0x71)]),
  "reset, registers": [
    ...restart(),
    read(DOR),
    read(MSR),
    read(0x3f0),
    // A reset has QEMU 7.2 forget motors that are on.
    read(0x3f1, 0xfc),
    read(0x3f3),
    read(0x3f7),
    out(0x3f3, 0),
    read(0x3f3),
    out(DOR, 0x2d),
    read(DOR),
    read(0x3f1),
    out(DOR, 0x1c),
    // A reset by the rate register.
    out(MSR, 0x80),
    ["until-port-set", MSR, 0x80],
    ...interrupt,
    ...command(0x08),
    ...results(ALL, ALL),
    read(MSR),
  ],
  "commands that answer at once": [
    ...restart(),
    ...command(0x10),
    read(MSR),
    ...results(ALL),
    read(MSR),
    ...command(0x18),
    ...results(ALL),
    ...command(0x94),
    ...results(ALL),
    ...command(0x14),
    ...results(ALL),
    ...command(0x13, 0, 0x57, 0x09),
    ...command(0x0f, 0, 5),
    ["until-port-clear", MSR, 1],
    ...command(0x08),
    ...results(ALL, ALL),
    ...command(0x12, 0x80),
    ...command(0x0e),
    // Steps and head times are a nibble and seven bits in QEMU 7.2, the sectors those of the medium.
    ...results(ALL, ALL, ALL, ALL, 0, 0, 0, ALL, ALL, ALL),
    ...command(0x04, 0),
    ...results(ALL),
    ...command(0x04, 4),
    ...results(ALL),
    read(MSR),
  ],
  "commands that there are not": [
    ...restart(),
    ...[0x00, 0x01, 0x0b, 0x1f, 0x15, 0xff].flatMap((opcode) => [
      ...command(opcode),
      ...results(ALL),
      read(MSR),
    ]),
    // Nothing to sense.
    ...command(0x08),
    ...results(ALL),
  ],
  "bytes of a command, and accesses that nobody waits for": [
    ...restart(),
    out(FIFO, 0x0f),
    read(MSR),
    read(FIFO),
    out(FIFO, 0),
    read(MSR),
    out(FIFO, 3),
    ["until-port-clear", MSR, 1],
    ...interrupt,
    ...command(0x08),
    read(MSR),
    out(FIFO, 0x10),
    ...results(ALL, ALL),
    read(MSR),
  ],
  "seeks, and the changed disk": [
    ...restart(),
    read(0x3f7),
    ...recalibrate(),
    read(0x3f7),
    ...seek(10),
    read(0x3f7),
    ...command(0x04, 0),
    ...results(ALL),
    ...seek(79),
    ...command(0xcf, 0, 0),
    ["until-port-clear", MSR, 1],
    ...command(0x08),
    ...results(ALL, ALL),
    ...command(0x8f, 0, 9),
    ["until-port-clear", MSR, 1],
    ...command(0x08),
    ...results(ALL, ALL),
    ...recalibrate(),
    ...command(0x04, 0),
    ...results(ALL),
  ],
  "READ DATA by DMA": [
    ...restart(),
    ...recalibrate(),
    ...channel(0x46, 512),
    ...data(0xe6, { cylinder: 0, head: 0, sector: 1 }),
    ...done(),
    ...sectorsAt(2),
    read(0x08),
    ...seek(5),
    ...channel(0x46, 3 * 512),
    ...data(0x46, { cylinder: 5, head: 1, sector: 7 }),
    ...done(),
    ...sectorsAt(4),
    // A whole cylinder, by multi-track.
    ...channel(0x46, 36 * 512),
    ...data(0xe6, { cylinder: 5, head: 0, sector: 1 }),
    ...done(),
    ...sectorsAt(36),
    read(0x04),
    read(0x04),
    read(0x05),
    read(0x05),
    // A track.
    ...channel(0x46, 18 * 512),
    ...data(0x66, { cylinder: 5, head: 0, sector: 1 }),
    ...done(),
    ...sectorsAt(18),
  ],
  "WRITE DATA by DMA, and reading it back": [
    ...restart(),
    ...recalibrate(),
    ...seek(40),
    ...Array.from({ length: 8 }, (_, i): Access => ["store", DATA + i * 256, 0x1111 * (i + 1), 4]),
    ...channel(0x4a, 1024),
    ...data(0xc5, { cylinder: 40, head: 1, sector: 3 }),
    ...done(),
    ...Array.from({ length: 8 }, (_, i): Access => ["store", DATA + i * 256, 0, 4]),
    ...channel(0x46, 4 * 512),
    ...data(0xe6, { cylinder: 40, head: 1, sector: 2 }),
    ...done(),
    ...Array.from({ length: 8 }, (_, i): Access => ["load", DATA + i * 256, 4]),
  ],
  "READ ID": [
    ...restart(),
    ...recalibrate(),
    ...seek(7),
    ...command(0x4a, 4),
    // Which sector passes is chance.
    ...done([ST0, ALL, ALL, ALL, ALL, 0, ALL]),
  ],
  "READ and WRITE DATA through the data register": [
    ...restart(),
    ...command(0x03, 0xdf, 0x03),
    ...recalibrate(),
    ...data(0xe6, { cylinder: 0, head: 0, sector: 2, last: 2 }),
    ["until-port-set", MSR, 0x80],
    ...interrupt,
    ...Array.from({ length: 512 }, (): Access[] => [read(MSR), read(FIFO)]).flat(),
    // QEMU 7.2 moves as much again for multi-track, and has no end of cylinder.
    out(DOR, 0),
    ...restart(),
    ...command(0x03, 0xdf, 0x03),
    ...recalibrate(),
    ...data(0x45, { cylinder: 0, head: 0, sector: 4, last: 4 }),
    ["until-port-set", MSR, 0x80],
    read(MSR),
    ...Array.from({ length: 511 }, (_, i): Access => out(FIFO, i * 3)),
    read(MSR),
    out(DOR, 0),
    ...restart(),
    ...recalibrate(),
    ...channel(0x46, 2 * 512),
    ...data(0xe6, { cylinder: 0, head: 0, sector: 4 }),
    ...done(),
    // A sector that has not been filled is not written.
    ...sectorsAt(2),
  ],
  "addresses that are not there": [
    ...restart(),
    ...recalibrate(),
    ...channel(0x46, 512),
    ...data(0xe6, { cylinder: 0, head: 0, sector: 19 }),
    ...done(LOST),
    ...data(0xe6, { cylinder: 90, head: 0, sector: 1 }),
    ...done(LOST),
    // The rate of 720 KB.
    out(0x3f7, 2),
    ...data(0xe6, { cylinder: 0, head: 0, sector: 1 }),
    ...done(),
    ...command(0x4a, 0),
    ...done([ST0, ALL, ALL, ALL, ALL, 0, ALL]),
  ],
};

/** A medium that cannot be written. */
const protectedScript: readonly Access[] = [
  ...restart(),
  ...recalibrate(),
  ...command(0x04, 0),
  ...results(ALL),
  ...channel(0x4a, 512),
  ...data(0xc5, { cylinder: 0, head: 0, sector: 1 }),
  ...done(),
  ...channel(0x46, 512),
  ...data(0xe6, { cylinder: 0, head: 0, sector: 1 }),
  ...done(),
  ...sectorsAt(1),
];

describe("the floppy controller reads as QEMU's does", () => {
  for (const [what, script] of Object.entries(scripts)) {
    test.skipIf(!hasQemu)(what, async () => {
      const { ours, theirs } = await answers(script);
      expect(theirs.at(-1)).not.toMatch(/nothing/);
      expect(ours).toEqual(theirs);
    });
  }

  test.skipIf(!hasQemu)("a medium that is write-protected", async () => {
    const { ours, theirs } = await answers(protectedScript, { readOnly: true });
    expect(theirs.at(-1)).not.toMatch(/nothing/);
    expect(ours).toEqual(theirs);
  });
});
