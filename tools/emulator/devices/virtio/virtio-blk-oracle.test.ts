// The virtio disk against QEMU's: the same requests, the same answers, the same contents afterwards, by the registers of
// version 1 and of legacy drivers. What is not compared says why.

import { describe, expect, test } from "vitest";
import { hasQemu } from "../../../testing/host-tools.ts";
import type { Access } from "../../platform/testdata/bus-guest.ts";
import { load, store, storeBytes } from "../ata/testdata/script.ts";
import { type Attached, answers, type Descriptor, Place, Rings } from "./testdata/script.ts";

const SECTORS = 2048;
const DISK = new Place(2);
const FIXED = new Place(3);
const MANY = new Place(4);

/** Each dword says where it is. */
function pattern(): Uint8Array {
  const view = new DataView(new ArrayBuffer(SECTORS * 512));
  for (let at = 0; at < SECTORS * 512; at += 4) view.setUint32(at, 0x1000_0000 + at, true);
  return new Uint8Array(view.buffer);
}

const attached: Attached = {
  disks: [
    { kind: "disk", image: pattern(), bus: "virtio", serial: "a serial number" },
    { kind: "disk", image: pattern(), bus: "virtio", readOnly: true },
    { kind: "disk", image: pattern(), bus: "virtio", serial: "one of 20 characters and more" },
  ],
  devices: [
    { kind: "virtio-blk-pci", options: { addr: 2, drive: 0 } },
    { kind: "virtio-blk-pci", options: { addr: 3, drive: 1 } },
    { kind: "virtio-blk-pci", options: { addr: 4, drive: 2, "num-queues": 3 } },
  ],
  qemu: [
    ...["-drive", "if=none,id=d,file=FILE0,format=raw"],
    ...["-device", "virtio-blk-pci,addr=2,drive=d,serial=a serial number"],
    ...["-drive", "if=none,id=e,file=FILE1,format=raw,readonly=on"],
    ...["-device", "virtio-blk-pci,addr=3,drive=e"],
    ...["-drive", "if=none,id=f,file=FILE2,format=raw"],
    ...[
      "-device",
      "virtio-blk-pci,addr=4,drive=f,num-queues=3,serial=one of 20 characters and more",
    ],
  ],
};

const HEADER = 0x30_0000;
const STATUS = 0x30_0100;
const DATA = 0x31_0000;
const PENDING = 0xffff_ffff;

interface Request {
  type: number;
  sector?: number;
  sectorHigh?: number;
  /** Bytes of each piece of data. */
  data?: readonly number[];
  /** The device writes the data. */
  read?: boolean;
  /** Data of the driver. */
  bytes?: readonly number[];
  queue?: number;
}

/** Chain of a request: header, data, status; each request of a batch has its own places. */
function prepare(rings: Rings, r: Request, n = 0): Access[] {
  const header = HEADER + n * 16;
  const status = STATUS + n * 4;
  let at = DATA + n * 0x1_0000;
  const pieces = (r.data ?? []).map((bytes): Descriptor => {
    const piece = { address: at, bytes, write: r.read ?? false };
    at += bytes;
    return piece;
  });
  return [
    store(header, r.type),
    store(header + 4, 0),
    store(header + 8, r.sector ?? 0),
    store(header + 12, r.sectorHigh ?? 0),
    store(status, PENDING),
    ...(r.bytes ? storeBytes(DATA + n * 0x1_0000, r.bytes) : []),
    ...rings.chain(
      [{ address: header, bytes: 16 }, ...pieces, { address: status, bytes: 1, write: true }],
      n * 8,
    ),
  ];
}

/** Requests one after the other, the first the queue's `index`-th, with their answers. */
function perform(at: Place, requests: readonly Request[], index = 1, q = 0): Access[] {
  const rings = new Rings(q, 64);
  return requests.flatMap((r, i) => [
    ...prepare(rings, r),
    ...rings.offer(index + i, 0),
    at.notify(q),
    ...at.interrupted(),
    load(STATUS),
    load(rings.used),
    // How much was written: all that there was room for, as in QEMU, in a ring that starts anew after 64.
    load(rings.used + 4 + ((index + i - 1) % 64) * 8 + 4),
    ...(r.read ? sample(r.data ?? []) : []),
  ]);
}

/** The first and the last dword of each sector that was read. */
const sample = (data: readonly number[]): Access[] => {
  const bytes = data.reduce((a, b) => a + b, 0);
  return Array.from({ length: Math.ceil(bytes / 512) }, (_, i) => [
    load(DATA + i * 512),
    load(DATA + i * 512 + 508),
  ]).flat();
};

const ready = (at: Place, features = 0): Access[] => [...at.bringUp(), ...at.start(features, 64)];

const read = (sector: number, ...data: number[]): Request => ({
  type: 0,
  sector,
  data,
  read: true,
});
const write = (sector: number, ...data: number[]): Request => ({ type: 1, sector, data });
const FLUSH: Request = { type: 4 };
const ID = (bytes: number): Request => ({ type: 8, data: [bytes], read: true });

/** One segment to discard or write zeroes to. */
const segment = (type: number, sector: number, count: number, flags = 0): Request => ({
  type,
  data: [16],
  bytes: [sector, count, flags].flatMap((word, i) => {
    const four = [0, 8, 16, 24].map((shift) => (word >>> shift) & 0xff);
    return i === 0 ? [...four, 0, 0, 0, 0] : four;
  }),
});

const fill = (value: number, bytes: number): Access[] =>
  Array.from({ length: bytes / 256 }, (_, i) => store(DATA + i * 256, value + i));

const scripts: Record<string, readonly Access[]> = {
  "reading, in pieces of any size": [
    ...ready(DISK),
    ...perform(DISK, [
      read(5, 512),
      read(9, 512, 512, 1024),
      read(100, 2, 510, 1000, 24),
      read(2047, 512),
      read(0, 0x8000),
    ]),
  ],
  "writing, and reading it back": [
    ...ready(DISK),
    ...fill(0x1234_0000, 2048),
    ...perform(DISK, [write(300, 2048)]),
    ...fill(0x5678_0000, 2048),
    ...perform(DISK, [write(302, 6, 506), FLUSH], 2),
    ...fill(0, 4096),
    ...perform(DISK, [read(299, 3072)], 4),
  ],
  "addresses that are not there, and sizes that are none": [
    ...ready(DISK),
    ...perform(DISK, [
      read(2048, 512),
      read(2047, 1024),
      { ...read(0, 512), sectorHigh: 0x8000_0000 },
      { ...read(0, 512), sectorHigh: 0x0080_0000 },
      write(2048, 512),
      write(2047, 512, 512),
      read(0, 511),
      read(0, 513),
      write(0, 100),
      { type: 0 },
      { type: 1 },
      read(2047, 512),
    ]),
  ],
  "flushes, serial numbers and what there is not": [
    ...ready(DISK),
    ...perform(DISK, [FLUSH, { ...FLUSH, data: [512] }, FLUSH]),
    ...[20, 8, 64].flatMap((bytes, i) => [
      ...fill(0xffff_ffff, 256),
      ...perform(DISK, [ID(bytes)], 4 + i),
      ...[0, 4, 8, 12, 16].map((at) => load(DATA + at)),
    ]),
    // SCSI commands (2, 3) are IOERR without their pieces in QEMU 7.2, and types that differ in bit 0 are the same.
    ...perform(
      DISK,
      [6, 7, 10, 12, 14, 15, 16, 20, 0x100].map((type) => ({ type })),
      7,
    ),
    ...perform(DISK, [{ ...read(3, 512), type: 0x8000_0000 }], 16),
  ],
  "serial numbers of none and of many characters": [FIXED, MANY].flatMap((at) => [
    ...ready(at),
    ...storeBytes(DATA, new Array(32).fill(0xee)),
    ...perform(at, [ID(20)]),
    ...[0, 4, 8, 12, 16, 20].map((offset) => load(DATA + offset)),
  ]),
  "zeroes and discarding": [
    ...ready(DISK),
    ...perform(DISK, [
      segment(13, 10, 4),
      read(9, 512 * 6),
      segment(13, 20, 1, 1),
      read(20, 512),
      // Discarding leaves what there is, as usual in QEMU.
      segment(11, 30, 8),
      read(30, 512),
      segment(11, 30, 8, 1),
      segment(13, 30, 8, 2),
      segment(13, 2047, 2),
      segment(11, 2048, 1),
      segment(13, 0, 0x40_0000),
      segment(13, 40, 0),
      { ...segment(13, 0, 1), data: [32] },
      segment(12, 0, 1),
      read(0, 512),
    ]),
  ],
  "a disk that is not written": [
    ...ready(FIXED),
    store(FIXED.common(0), 0),
    load(FIXED.common(4)),
    ...perform(FIXED, [read(7, 512), write(7, 512), read(7, 512), FLUSH, segment(13, 7, 1)]),
  ],
  "the write cache": [
    ...ready(DISK, 0),
    ["load", DISK.config(32), 1],
    ...ready(DISK, 0x200),
    ["load", DISK.config(32), 1],
    ...ready(DISK, 0xa00),
    ["store", DISK.config(32), 0, 1],
    ["load", DISK.config(32), 1],
    ["store", DISK.config(0), 5, 4],
    load(DISK.config(0)),
    ...perform(DISK, [write(1, 512)]),
    ["store", DISK.config(32), 1, 1],
    ["load", DISK.config(32), 1],
    ...DISK.status(0),
    ["load", DISK.config(32), 1],
  ],
  "several requests at once": [
    ...ready(DISK, 0x2000_0000),
    ...(() => {
      const rings = new Rings(0, 64);
      const batch = [read(1, 512), write(60, 512), read(2, 1024), FLUSH];
      return [
        ...batch.flatMap((r, n) => prepare(rings, r, n)),
        ...rings.offer(1, 0, 8, 16, 24),
        DISK.notify(),
        // Four in any order: only then bit 2 of the index is set.
        rings.wait(4),
        ...batch.map((_, n) => load(STATUS + n * 4)),
        load(rings.used),
        load(DATA),
        load(DATA + 0x2_0000),
        load(DATA + 0x2_0200),
      ];
    })(),
  ],
  "several queues": [
    ...MANY.bringUp(),
    store(MANY.common(0), 0),
    load(MANY.common(4)),
    ["load", MANY.common(18), 2],
    ...MANY.start(0x1000, 64, [0, 1, 2]),
    ...[2, 0, 1].flatMap((q) => perform(MANY, [read(q + 40, 512)], 1, q)),
  ],
};

/** What is no request: the device needs a reset. */
function broken(descriptors: readonly Descriptor[]): Access[] {
  const rings = new Rings(0, 64);
  return [
    ...ready(DISK),
    store(HEADER, 0),
    store(HEADER + 8, 1),
    store(HEADER + 12, 0),
    ...rings.chain(descriptors),
    ...rings.offer(1, 0),
    DISK.notify(),
    // QEMU 7.2 sets the bit of queues as well.
    ...DISK.interrupted(2),
    ["load", DISK.common(20), 1],
    ...ready(DISK),
    ...perform(DISK, [read(5, 512)]),
  ];
}

const header = { address: HEADER, bytes: 16 };
const status = { address: STATUS, bytes: 1, write: true };
scripts["requests without header, without status, with half a segment"] = [
  broken([status]),
  broken([header]),
  broken([{ ...header, bytes: 15 }, status]),
].flat();

describe("the virtio disk answers as QEMU's does", () => {
  for (const [what, script] of Object.entries(scripts)) {
    test.skipIf(!hasQemu)(what, async () => {
      const { ours, theirs } = await answers(script, attached);
      expect(theirs.at(-1)).not.toMatch(/nothing/);
      expect(ours).toEqual(theirs);
    });
  }
});
