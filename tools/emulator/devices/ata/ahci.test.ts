// The SATA controller where QEMU is no oracle: memory that is not there, errors of the medium, queued commands that
// fail, interrupts, snapshots in the middle of a command.

import { expect, test } from "vitest";
import { Disk } from "../../media/disk.ts";
import { bytesImage } from "../../media/image.ts";
import { ALL_DEVICES, type BareBoard, bareBoard } from "../../platform/testdata/bare-board.ts";
import { CMD, IRQ, PORT } from "./ahci-registers.ts";

const ABAR = 0xfebd_5000;
const LIST = 0x1_0000;
const FISES = 0x1_1000;
const TABLE = 0x1_2000;
const DATA = 0x2_0000;
const SECTORS = 2048;

function image(): Uint8Array {
  const bytes = new Uint8Array(SECTORS * 512);
  for (let i = 0; i < SECTORS; i++) bytes.fill(i & 0xff, i * 512, i * 512 + 512);
  return bytes;
}

interface Rig extends BareBoard {
  read(register: number): number;
  write(register: number, value: number): void;
  dword(address: number): number;
  put(address: number, ...values: number[]): void;
  command(opcode: number, more?: Partial<Command>): void;
}

interface Command {
  slot: number;
  lba: number;
  count: number;
  features: number;
  device: number;
  write: boolean;
  /** Address and bytes of each region. */
  regions: readonly (readonly [number, number])[];
  table: number;
}

/** A board with a disk at port 0, which has been started. */
function rig(disk = new Disk("disk0", "disk", bytesImage("disk", image())), other?: Disk): Rig {
  const b = bareBoard(ALL_DEVICES, undefined, { ata: [disk, other], floppies: [], usb: [] });
  const { mmio, ports } = b.board;
  const view = new DataView(b.ram.buffer);
  const write = (register: number, value: number): void =>
    mmio.write(ABAR + 0x100 + register, value >>> 0, 4);
  const put = (address: number, ...values: number[]): void => {
    values.forEach((value, i) => {
      view.setUint32(address + 4 * i, value >>> 0, true);
    });
  };
  ports.write(0xcf8, 0x8000_fa04, 4);
  ports.write(0xcfc, 7, 2);
  write(PORT.clb, LIST);
  write(PORT.fb, FISES);
  write(PORT.cmd, CMD.receive);
  write(PORT.cmd, CMD.receive | CMD.start);
  return Object.assign(b, {
    read: (register: number) => mmio.read(ABAR + 0x100 + register, 4),
    write,
    put,
    dword: (address: number) => view.getUint32(address, true),
    command(opcode: number, more: Partial<Command> = {}) {
      const { slot = 0, lba = 0, count = 1, features = 0, device = 0x40, regions = [] } = more;
      const table = more.table ?? TABLE + slot * 0x400;
      put(LIST + slot * 32, 5 | (more.write ? 0x40 : 0) | (regions.length << 16), 0, table, 0);
      if (table + 0x80 < b.ram.length) {
        put(table, 0x8027 | (opcode << 16) | (features << 24));
        put(table + 4, (lba & 0xff_ffff) | (device << 24));
        put(table + 8, Math.floor(lba / 2 ** 24) | ((features >> 8) << 24), count);
        regions.forEach(([at, bytes], i) => {
          put(table + 0x80 + i * 16, at, 0, 0, bytes - 1);
        });
      }
      write(PORT.ci, 1 << slot);
    },
  });
}

const READ_DMA = 0x25;
const WRITE_DMA = 0x35;
const one = [[DATA, 512]] as const;

test("a command ends a while after it was issued, and not before", () => {
  const r = rig();
  r.command(READ_DMA, { lba: 7, regions: one });
  expect([r.read(PORT.ci), r.read(PORT.tfd) & 0x80]).toEqual([1, 0x80]);
  r.advance(10_000);
  expect([r.read(PORT.ci), r.ram[DATA]]).toEqual([1, 0]);
  r.advance(20_000);
  expect([r.read(PORT.ci), r.read(PORT.tfd), r.ram[DATA + 511]]).toEqual([0, 0x50, 7]);
});

test("a snapshot in the middle of commands goes on with them", () => {
  const r = rig();
  r.command(READ_DMA, { lba: 7, regions: one });
  r.command(READ_DMA, { slot: 4, lba: 9, regions: [[DATA + 512, 512]] });
  r.advance(10_000);
  const saved = structuredClone(r.board.save());
  const other = rig();
  other.ram.set(r.ram);
  other.setTime(10_000);
  other.board.restore(saved);
  for (const b of [r, other]) {
    b.advance(50_000);
    expect([b.read(PORT.ci), b.read(PORT.is), b.ram[DATA], b.ram[DATA + 512]]).toEqual([
      0, 1, 7, 9,
    ]);
  }
  const [a, b] = [other.board.save(), r.board.save()];
  expect([a.devices, a.timers]).toEqual([b.devices, b.timers]);
});

test("a port that is stopped forgets its commands", () => {
  const r = rig();
  r.command(READ_DMA, { lba: 7, regions: one });
  r.write(PORT.cmd, CMD.receive);
  r.advance(50_000);
  expect([r.read(PORT.ci), r.read(PORT.tfd), r.ram[DATA]]).toEqual([0, 0x150, 0]);
  r.write(PORT.ci, 1);
  expect(r.read(PORT.ci)).toBe(0);
});

test.each([
  ["a command table beyond memory", { table: 0x0800_0000, regions: one }],
  ["a region beyond memory", { regions: [[0x0800_0000, 512]] as const }],
  ["a region across the end of memory", { regions: [[0x07ff_ff00, 512]] as const }],
])("%s is a fatal error of the bus, and waits for the port's restart", (_, more) => {
  const r = rig();
  r.command(READ_DMA, { lba: 7, ...more });
  r.advance(50_000);
  expect(r.read(PORT.is) & (IRQ.busFatal | IRQ.register)).toBe(IRQ.busFatal);
  expect(r.read(PORT.ci)).toBe(1);
  r.command(READ_DMA, { slot: 1, lba: 7, regions: one });
  r.advance(50_000);
  expect(r.read(PORT.ci)).toBe(3);
  r.write(PORT.cmd, CMD.receive);
  r.write(PORT.is, 0xffff_ffff);
  r.write(PORT.cmd, CMD.receive | CMD.start);
  r.command(READ_DMA, { lba: 7, regions: one });
  r.advance(50_000);
  expect([r.read(PORT.ci), r.read(PORT.is), r.ram[DATA]]).toEqual([0, 1, 7]);
});

test("lists at addresses without memory stop the port", () => {
  for (const [register, value] of [
    [PORT.clb, 0xf000_0000],
    [PORT.clbu, 1],
    [PORT.fbu, 5],
  ] as const) {
    const r = rig();
    r.write(register, value);
    r.command(READ_DMA, { lba: 7, regions: one });
    r.advance(50_000);
    expect(r.read(PORT.is) & IRQ.busFatal).toBe(IRQ.busFatal);
  }
});

test("a FIS that is none is an error of the interface", () => {
  const r = rig();
  r.command(READ_DMA, { lba: 7, regions: one });
  r.put(TABLE, 0x34);
  r.advance(50_000);
  expect(r.read(PORT.is)).toBe(IRQ.interfaceFatal);
});

test("data that there is no room for are thrown away, and the guest is told", () => {
  const r = rig();
  r.command(READ_DMA, { lba: 7, count: 4, regions: [[DATA, 1024]] });
  r.advance(50_000);
  expect(r.read(PORT.is) >>> 0).toBe((IRQ.overflow | IRQ.register) >>> 0);
  expect([r.read(PORT.ci), r.dword(LIST + 4), r.ram[DATA + 1023]]).toEqual([0, 1024, 8]);
  expect(r.ram[DATA + 1024]).toBe(0);
});

test("a write whose data end too early is aborted", () => {
  const r = rig();
  r.command(WRITE_DMA, { lba: 7, count: 4, regions: [[DATA, 1024]], write: true });
  r.advance(50_000);
  expect(r.read(PORT.is) >>> 0).toBe((IRQ.overflow | IRQ.taskFile | IRQ.register) >>> 0);
  expect(r.read(PORT.tfd)).toBe(0x0441);
});

test("the largest list of the largest regions ends", () => {
  const r = rig();
  r.command(READ_DMA, { lba: 0, count: 1024, regions: one });
  r.put(LIST, 5 | (0xffff << 16));
  for (let at = TABLE + 0x80; at < r.ram.length; at += 16) r.put(at, DATA, 0, 0, 0xffff_ffff);
  r.advance(50_000);
  expect([r.read(PORT.ci), r.dword(LIST + 4)]).toEqual([0, 1024 * 512]);
});

test("a sector that cannot be read is told by its address, and those before it are there", () => {
  const bad = { ...bytesImage("disk", image()) };
  const { read } = bad;
  bad.read = (offset, length) => {
    if (offset <= 9 * 512 && offset + length > 9 * 512) throw new Error("broken");
    return read(offset, length);
  };
  const r = rig(new Disk("disk0", "disk", bad));
  r.command(READ_DMA, { lba: 6, count: 8, regions: [[DATA, 4096]] });
  r.advance(50_000);
  expect(r.read(PORT.tfd)).toBe(0x4041);
  expect(r.dword(FISES + 0x44) & 0xff_ffff).toBe(9);
  expect([r.ram[DATA + 1024], r.ram[DATA + 1536]]).toEqual([8, 0]);
  expect(r.dword(LIST + 4)).toBe(3 * 512);
  r.write(PORT.cmd, CMD.receive);
  r.write(PORT.cmd, CMD.receive | CMD.start);
  r.command(0x42, { lba: 0, count: 32 });
  r.advance(50_000);
  expect([r.read(PORT.tfd), r.dword(FISES + 0x44) & 0xff_ffff]).toEqual([0x4041, 9]);
});

test("a disk that is read-only aborts writes; an address beyond the end is not found", () => {
  const r = rig(new Disk("disk0", "disk", bytesImage("disk", image()), { readOnly: true }));
  r.command(WRITE_DMA, { lba: 7, regions: one, write: true });
  r.advance(50_000);
  expect(r.read(PORT.tfd)).toBe(0x0441);
  r.write(PORT.cmd, CMD.receive);
  r.write(PORT.cmd, CMD.receive | CMD.start);
  r.command(0x42, { lba: SECTORS - 1, count: 2 });
  r.advance(50_000);
  expect(r.read(PORT.tfd)).toBe(0x1041);
  expect(r.dword(FISES + 0x44) & 0xff_ffff).toBe(SECTORS);
});

test("queued commands end by their tags; one that fails stops the others until its log is read", () => {
  const r = rig();
  const queue = (slot: number, lba: number): void => {
    r.write(PORT.sact, 1 << slot);
    r.command(0x60, {
      slot,
      lba,
      features: 1,
      count: slot << 3,
      regions: [[DATA + slot * 512, 512]],
    });
  };
  for (const slot of [1, 2]) queue(slot, slot + 20);
  r.advance(100_000);
  expect([r.read(PORT.ci), r.read(PORT.sact), r.read(PORT.is)]).toEqual([0, 0, IRQ.deviceBits]);
  expect([r.ram[DATA + 512], r.ram[DATA + 1024]]).toEqual([21, 22]);
  expect(r.dword(FISES + 0x5c)).toBe(4);
  queue(3, SECTORS + 5);
  queue(4, 30);
  r.advance(100_000);
  expect(r.read(PORT.is) & IRQ.taskFile).toBe(IRQ.taskFile);
  expect([r.read(PORT.sact), r.ram[DATA + 4 * 512]]).toEqual([0x18, 0]);
  const restart = (): void => {
    r.write(PORT.cmd, CMD.receive);
    r.write(PORT.is, 0xffff_ffff);
    r.write(PORT.cmd, CMD.receive | CMD.start);
  };
  restart();
  expect(r.read(PORT.sact)).toBe(0);
  r.command(READ_DMA, { lba: 7, regions: one });
  r.advance(50_000);
  expect(r.read(PORT.tfd)).toBe(0x0441);
  restart();
  r.command(0x2f, { lba: 0x10, regions: one });
  r.advance(50_000);
  expect([r.ram[DATA], r.ram[DATA + 2], r.ram[DATA + 3]]).toEqual([3, 0x41, 0x10]);
  restart();
  r.command(READ_DMA, { lba: 7, regions: one });
  r.advance(50_000);
  expect(r.read(PORT.tfd)).toBe(0x50);
});

test("the adapter's interrupt waits for its acknowledgement, and messages tell each port", () => {
  const r = rig();
  const is = (): number => r.board.mmio.read(ABAR + 8, 4);
  r.write(PORT.ie, IRQ.register);
  r.board.mmio.write(ABAR + 4, 0x8000_0002, 4);
  r.command(READ_DMA, { lba: 7, regions: one });
  r.advance(50_000);
  expect([is(), r.board.ioapic.state.lines & (1 << 16)]).toEqual([1, 1 << 16]);
  r.write(PORT.is, 1);
  expect(is()).toBe(1);
  r.board.mmio.write(ABAR + 8, 1, 4);
  expect([is(), r.board.ioapic.state.lines & (1 << 16)]).toEqual([0, 0]);
  // MSI.
  for (const [register, value] of [
    [0x84, 0xfee0_0000],
    [0x8c, 0x41],
    [0x80, 0x0001_0005],
  ] as const) {
    r.board.ports.write(0xcf8, 0x8000_fa00 + register, 4);
    r.board.ports.write(0xcfc, value, 4);
  }
  r.command(READ_DMA, { lba: 7, regions: one });
  r.advance(50_000);
  expect(r.vectors).toEqual([0x41]);
  // What is acknowledged too early is told again.
  r.board.mmio.write(ABAR + 8, 1, 4);
  expect([is(), r.vectors.length]).toEqual([1, 2]);
});

test("without bus mastering nothing is moved", () => {
  const r = rig();
  r.board.ports.write(0xcf8, 0x8000_fa04, 4);
  r.board.ports.write(0xcfc, 3, 2);
  r.command(READ_DMA, { lba: 7, regions: one });
  r.advance(50_000);
  expect([r.read(PORT.is), r.ram[DATA]]).toEqual([IRQ.busFatal, 0]);
});

test("registers, lists and tables full of anything end no worse than in an error", () => {
  let seed = 7;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return Math.floor((seed / 2 ** 32) * below);
  };
  const cd = new Disk("disk1", "cdrom", bytesImage("cd", image()));
  for (let round = 0; round < 40; round++) {
    const r = rig(undefined, cd);
    for (let at = LIST; at < LIST + 0x8000; at += 4) r.put(at, random(2 ** 32));
    for (let slot = 0; slot < 32; slot++) {
      // Mostly commands, with tables that are there.
      const table = TABLE + slot * 0x100;
      r.put(LIST + slot * 32, 5 | random(0x800) | (random(64) << 16), 0, table, 0);
      r.put(table, 0x8027 | (random(256) << 16) | (random(256) << 24));
      r.put(table + 4, random(0x1000) | (random(16) << 28), random(4), random(64));
      r.ram[table + 0x40] = random(256);
      r.put(table + 0x80, DATA + random(0x1_0000), 0, 0, random(0x4000));
    }
    for (const port of [0, 1]) {
      const write = (register: number, value: number): void =>
        r.board.mmio.write(ABAR + 0x100 + port * 0x80 + register, value, 4);
      write(PORT.clb, LIST);
      write(PORT.fb, FISES);
      for (let i = 0; i < 20; i++) {
        write(PORT.cmd, CMD.receive);
        write(PORT.cmd, CMD.receive | CMD.start);
        write(PORT.sact, random(2 ** 32));
        write(PORT.ci, random(2 ** 32));
        r.advance(random(100_000));
        if (random(4) === 0) write(random(16) * 4, random(2 ** 32));
      }
    }
    r.board.mmio.write(ABAR + 4, 0x8000_0001, 4);
    r.write(PORT.clb, LIST);
    r.write(PORT.fb, FISES);
    r.write(PORT.clbu, 0);
    r.write(PORT.fbu, 0);
    r.write(PORT.cmd, CMD.receive);
    r.write(PORT.cmd, CMD.receive | CMD.start);
    r.command(0xec, { regions: one });
    r.advance(50_000);
    expect([r.read(PORT.ci), r.ram[DATA]]).toEqual([0, 0x40]);
  }
});
