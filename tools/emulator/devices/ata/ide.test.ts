// The PIIX3's IDE function where QEMU is no oracle: interrupts, DMA of a CD, tables that end early or name what is no
// memory, resets and snapshots in the middle of a command.

import { expect, test } from "vitest";
import { Disk } from "../../media/disk.ts";
import { bytesImage } from "../../media/image.ts";
import { DEVICE_KINDS } from "../../platform/devices.ts";
import { ALL_DEVICES, type BareBoard, bareBoard } from "../../platform/testdata/bare-board.ts";
import { I440FX } from "../chipset.ts";

const PRIMARY = 0x1f0;
const SECONDARY = 0x170;
const MASTER = 0xd000;
const TABLE = 0x1_0000;
const DATA = 0x2_0000;

const pattern = (sectors: number, bytes: number): Uint8Array => {
  const image = new Uint8Array(sectors * bytes);
  for (let i = 0; i < sectors; i++) image.fill(i & 0xff, i * bytes, (i + 1) * bytes);
  return image;
};

interface Rig extends BareBoard {
  out(port: number, value: number, size?: number): void;
  in(port: number, size?: number): number;
  /** A command of 28 bits on a channel. */
  command(base: number, opcode: number, lba?: number, count?: number, features?: number): void;
  /** Descriptors: address, bytes; the last one says so. */
  table(base: number, ...regions: (readonly [number, number])[]): void;
}

function rig(): Rig {
  const disk = new Disk("disk0", "disk", bytesImage("disk", pattern(1024, 512)));
  const cd = new Disk("disk1", "cdrom", bytesImage("cd", pattern(64, 2048)));
  const media = { ata: [disk, undefined, cd, undefined], floppies: [], usb: [] };
  const b = bareBoard(ALL_DEVICES, DEVICE_KINDS, media, I440FX);
  const { ports } = b.board;
  const out = (port: number, value: number, size = 1): void => ports.write(port, value, size);
  out(0xcf8, 0x8000_0920, 4);
  out(0xcfc, MASTER, 4);
  out(0xcf8, 0x8000_0904, 4);
  out(0xcfc, 5, 2);
  return Object.assign(b, {
    out,
    in: (port: number, size = 1) => ports.read(port, size),
    command(base: number, opcode: number, lba = 0, count = 1, features = 0) {
      out(base + 6, 0x40 | (lba >>> 24));
      for (const [i, v] of [features, count, lba, lba >> 8, lba >> 16].entries()) {
        out(base + 1 + i, v & 0xff);
      }
      out(base + 7, opcode);
    },
    table(base: number, ...regions: (readonly [number, number])[]) {
      const view = new DataView(b.ram.buffer);
      regions.forEach(([address, bytes], i) => {
        view.setUint32(TABLE + i * 8, address, true);
        const last = i === regions.length - 1 ? 0x8000_0000 : 0;
        view.setUint32(TABLE + i * 8 + 4, ((bytes & 0xffff) | last) >>> 0, true);
      });
      const master = MASTER + (base === PRIMARY ? 0 : 8);
      out(master, 0);
      out(master + 2, 6);
      out(master + 4, TABLE, 4);
    },
  });
}

/** Whether IRQ 14 or 15 is up at the I/O APIC. */
const irq = (r: Rig, n: number): boolean => (r.board.ioapic.state.lines & (1 << n)) !== 0;

test("a command interrupts when it ends, until its status is read; nIEN holds that back", () => {
  const r = rig();
  r.command(PRIMARY, 0x40, 5);
  expect([r.in(0x3f6), irq(r, 14)]).toEqual([0x80, false]);
  r.advance(30_000);
  expect([r.in(0x3f6), irq(r, 14), r.in(MASTER + 2)]).toEqual([0x50, true, 4]);
  expect([r.in(PRIMARY + 7), irq(r, 14)]).toEqual([0x50, false]);
  r.out(0x3f6, 2);
  r.out(MASTER + 2, 4);
  r.command(PRIMARY, 0x40, 5);
  r.advance(30_000);
  expect([irq(r, 14), r.in(MASTER + 2)]).toEqual([false, 0]);
  r.out(0x3f6, 0);
  expect([irq(r, 14), r.in(MASTER + 2)]).toEqual([true, 4]);
});

test("each block of PIO interrupts, the first one for the device does not", () => {
  const r = rig();
  r.command(PRIMARY, 0x20, 5, 2);
  r.advance(30_000);
  for (const sector of [5, 6]) {
    expect([irq(r, 14), r.in(PRIMARY + 7), irq(r, 14)]).toEqual([true, 0x58, false]);
    for (let i = 0; i < 128; i++) expect(r.in(PRIMARY, 4)).toBe(sector * 0x0101_0101);
  }
  expect([irq(r, 14), r.in(PRIMARY + 7)]).toEqual([false, 0x50]);
  r.command(PRIMARY, 0x30, 9, 1);
  r.advance(30_000);
  expect([irq(r, 14), r.in(PRIMARY + 7)]).toEqual([false, 0x58]);
  for (let i = 0; i < 256; i++) r.out(PRIMARY, 0x1234, 2);
  expect([irq(r, 14), r.in(PRIMARY + 7)]).toEqual([true, 0x50]);
});

test("data of the host are taken right behind the command, as drivers that wait for nothing send them", () => {
  const r = rig();
  r.command(PRIMARY, 0x30, 9, 1);
  expect(r.in(0x3f6)).toBe(0x58);
  for (let i = 0; i < 256; i++) r.out(PRIMARY, 0x1234, 2);
  r.command(SECONDARY, 0xa0);
  expect([r.in(0x376), r.in(SECONDARY + 2) & 7]).toEqual([0x58, 1]);
  r.command(PRIMARY, 0x20, 9, 1);
  r.advance(30_000);
  expect([r.in(0x3f6), r.in(PRIMARY, 2)]).toEqual([0x58, 0x1234]);
});

test("a CD is read by DMA, whether the bus master starts before the packet or behind it", () => {
  for (const early of [true, false]) {
    const r = rig();
    r.table(SECONDARY, [DATA, 1024], [DATA + 1024, 3072]);
    r.command(SECONDARY, 0xa0, 0, 0, 1);
    r.advance(30_000);
    if (early) r.out(MASTER + 8, 9);
    const packet = [0x28, 0, 0, 0, 0, 5, 0, 0, 2, 0, 0, 0];
    for (let i = 0; i < 12; i += 2) {
      r.out(SECONDARY, (packet[i] as number) | ((packet[i + 1] as number) << 8), 2);
    }
    r.advance(30_000);
    if (!early) {
      expect(r.in(SECONDARY + 7)).toBe(0x58);
      r.out(MASTER + 8, 9);
      r.advance(30_000);
    }
    expect([irq(r, 15), r.in(SECONDARY + 7), r.in(SECONDARY + 2) & 7]).toEqual([true, 0x50, 3]);
    expect([r.in(MASTER + 10), r.ram[DATA], r.ram[DATA + 4095]]).toEqual([4, 5, 6]);
  }
});

test.each([
  ["ends before the data", [[DATA, 512]] as const],
  ["names what is no memory", [[0x0800_0000, 1024]] as const],
])("a table that %s ends the command with an error of both", (_, regions) => {
  const r = rig();
  r.table(PRIMARY, ...regions);
  r.command(PRIMARY, 0xc8, 5, 2);
  r.out(MASTER, 9);
  r.advance(50_000);
  expect([irq(r, 14), r.in(MASTER + 2)]).toEqual([true, 6]);
  expect([r.in(PRIMARY + 7), r.in(PRIMARY + 1)]).toEqual([0x41, 4]);
});

test("a reset ends a command; DEVICE RESET does for a CD drive alone", () => {
  const r = rig();
  r.command(PRIMARY, 0x20, 5, 2);
  r.out(0x3f6, 4);
  expect(r.in(0x3f6)).toBe(0x80);
  r.advance(50_000);
  r.out(0x3f6, 0);
  expect([r.in(PRIMARY + 7), r.in(PRIMARY + 1), r.in(PRIMARY + 2)]).toEqual([0x50, 1, 1]);
  r.command(SECONDARY, 0xa0);
  r.advance(30_000);
  expect(r.in(SECONDARY + 7)).toBe(0x58);
  r.command(SECONDARY, 0x08);
  r.advance(30_000);
  expect([r.in(SECONDARY + 7), r.in(SECONDARY + 5)]).toEqual([0, 0xeb]);
});

test("a snapshot in the middle of a command goes on with it", () => {
  for (const when of [10_000, 30_000]) {
    const r = rig();
    r.command(PRIMARY, 0x20, 5, 1);
    r.advance(when);
    if (when > 20_000) for (let i = 0; i < 64; i++) r.in(PRIMARY, 4);
    const other = rig();
    other.setTime(when);
    other.board.restore(structuredClone(r.board.save()));
    for (const b of [r, other]) {
      b.advance(30_000);
      const left = when > 20_000 ? 64 : 128;
      for (let i = 0; i < left; i++) expect(b.in(PRIMARY, 4)).toBe(0x0505_0505);
      expect(b.in(PRIMARY + 7)).toBe(0x50);
    }
    expect(other.board.save().devices).toEqual(r.board.save().devices);
  }
});
