// PCI functions on a board: base address registers, interrupt pins on shared lines, MSI, bus
// mastering. What they must do follows from PCI Local Bus 3.0, 6.2 and 6.8; guest-oracle.test.ts
// compares the way of an interrupt with QEMU.

import { expect, test } from "vitest";
import { DEVICE_KINDS } from "../platform/devices.ts";
import { ALL_DEVICES, type BareBoard, bareBoard } from "../platform/testdata/bare-board.ts";
import { DMA, ICR, ICS, IMC, IMS, testNic } from "../platform/testdata/test-nic.ts";

const NICS = [3, 7];

/** A board with network controllers in slots 3 and 7, which share PIRQH. */
function board(messages = 1): BareBoard {
  const nics = NICS.map((device) => ({ kind: "test-nic", options: { device, messages } }));
  return bareBoard([...ALL_DEVICES, ...nics], [...DEVICE_KINDS, testNic]);
}

/** Configuration space of a device, through the ports. */
const config = ({ board: { ports } }: BareBoard, device = 3) => {
  const select = (register: number): void =>
    ports.write(0xcf8, (0x80000000 | (device << 11) | (register & ~3)) >>> 0, 4);
  return {
    read(register: number, size: 1 | 2 | 4 = 4): number {
      select(register);
      return ports.read(0xcfc + (register & 3), size);
    },
    write(register: number, value: number, size: 1 | 2 | 4 = 4): void {
      select(register);
      ports.write(0xcfc + (register & 3), value, size);
    },
  };
};

/** Physical address of a device's registers. */
const registers = (b: BareBoard, device = 3): number => config(b, device).read(0x10) & ~15;
const write = (b: BareBoard, register: number, value: number, device = 3): void =>
  b.board.mmio.write((registers(b, device) >>> 0) + register, value, 4);
const read = (b: BareBoard, register: number, device = 3): number =>
  b.board.mmio.read((registers(b, device) >>> 0) + register, 4);

const irr = (b: BareBoard): number => {
  b.board.ports.write(0x20, 0x0a, 1);
  b.board.ports.write(0xa0, 0x0a, 1);
  return b.board.ports.read(0x20, 1) | (b.board.ports.read(0xa0, 1) << 8);
};

/** IRQ 5, 10 and 11 are level triggered. */
const levelTriggered = (b: BareBoard): void => {
  b.board.ports.write(0x4d0, 0x20, 1);
  b.board.ports.write(0x4d1, 0x0c, 1);
};

test("firmware gives every BAR room of its own, and an interrupt line", () => {
  const b = board();
  const bars = NICS.flatMap((device) => [
    { start: registers(b, device) >>> 0, size: 0x20000 },
    { start: config(b, device).read(0x18) & ~3, size: 32 },
  ]);
  for (const { start, size } of bars) expect(start % size).toBe(0);
  const [m0, io0, m1, io1] = bars.map((bar) => bar.start);
  expect(Math.abs((m0 as number) - (m1 as number))).toBeGreaterThanOrEqual(0x20000);
  expect(Math.abs((io0 as number) - (io1 as number))).toBeGreaterThanOrEqual(32);
  expect(config(b).read(0x18) & 3).toBe(1);
  expect(config(b).read(0x3c, 2)).toBe(0x010b);
});

test("a BAR that is written with ones shows its size, and is decoded nowhere meanwhile", () => {
  const b = board();
  const before = config(b).read(0x10);
  config(b).write(0x10, 0xffffffff);
  expect(config(b).read(0x10)).toBe(0xfffe0000);
  config(b).write(0x18, 0xffffffff);
  expect(config(b).read(0x18)).toBe(0xffffffe1);
  expect(b.board.mmio.read(before, 4)).toBe(0xffffffff);
  config(b).write(0x10, before);
  expect(b.board.mmio.read(before + IMS, 4)).toBe(0);
});

test("a BAR is decoded where it is moved to, while the command register says so", () => {
  const b = board();
  const old = registers(b) >>> 0;
  write(b, IMS, 0x55);
  config(b).write(0x10, 0xe0000000);
  expect(b.board.mmio.read(0xe0000000 + IMS, 4)).toBe(0x55);
  expect(b.board.mmio.read(old + IMS, 4)).toBe(0xffffffff);
  config(b).write(4, 0, 2);
  expect(b.board.mmio.read(0xe0000000 + IMS, 4)).toBe(0xffffffff);
  config(b).write(4, 2, 2);
  expect(b.board.mmio.read(0xe0000000 + IMS, 4)).toBe(0x55);
});

test("an I/O BAR is decoded in the port space, and never takes ports from fixed devices", () => {
  const b = board();
  const { ports } = b.board;
  config(b).write(0x18, 0xd000);
  ports.write(0xd000, IMS, 4);
  ports.write(0xd004, 0x77, 4);
  expect(ports.read(0xd004, 4)).toBe(0x77);
  // 0x20–0x3F has the 8259A at its beginning.
  ports.write(0x21, 0x5a, 1);
  config(b).write(0x18, 0x20);
  expect(ports.read(0x21, 1)).toBe(0x5a);
  expect(ports.read(0x24, 4)).toBe(0x77);
  config(b).write(0x18, 0xd000);
  expect(ports.read(0x21, 1)).toBe(0x5a);
  expect(ports.read(0x24, 1)).toBe(0xff);
});

test("a memory BAR never hides fixed devices, and two at one place do not end each other", () => {
  const b = board();
  const { mmio } = b.board;
  config(b).write(0x10, 0xfec00000);
  mmio.write(0xfec00000, 1, 4);
  expect(mmio.read(0xfec00010, 4)).toBe(0x00170020);
  for (const device of NICS) config(b, device).write(0x10, 0xe0000000);
  config(b, 7).write(0x10, 0xe1000000);
  expect(mmio.read(0xe0000000 + IMS, 4)).toBe(0);
  config(b, 3).write(0x10, 0xe2000000);
  expect(mmio.read(0xe0000000 + IMS, 4)).toBe(0xffffffff);
});

test("interrupt pins share their line: it is high while one of them is", () => {
  const b = board();
  levelTriggered(b);
  for (const device of NICS) write(b, IMS, 1, device);
  write(b, ICS, 1, 3);
  write(b, ICS, 1, 7);
  expect(irr(b) & 0x0800).toBe(0x0800);
  expect(b.board.ioapic.state.lines & (1 << 23)).not.toBe(0);
  read(b, ICR, 3);
  expect(irr(b) & 0x0800).toBe(0x0800);
  write(b, IMC, 1, 7);
  expect(irr(b) & 0x0800).toBe(0);
  expect(b.board.ioapic.state.lines & (1 << 23)).toBe(0);
});

test("a PIRQ that is high moves with its route, and leaves the old line", () => {
  const b = board();
  levelTriggered(b);
  write(b, IMS, 1);
  write(b, ICS, 1);
  const lpc = config(b, 0x1f);
  lpc.write(0x6b, 5, 1);
  expect(irr(b) & 0x0820).toBe(0x0020);
  lpc.write(0x6b, 0x85, 1);
  expect(irr(b) & 0x0820).toBe(0);
  // Reserved values are no route.
  lpc.write(0x6b, 8, 1);
  expect(irr(b) & 0xff20).toBe(0);
  lpc.write(0x6b, 10, 1);
  expect(irr(b) & 0x0c00).toBe(0x0400);
  expect(b.board.ioapic.state.lines & (1 << 23)).not.toBe(0);
});

test("turning the interrupt pin off in the command register lowers the line", () => {
  const b = board();
  levelTriggered(b);
  write(b, IMS, 1);
  write(b, ICS, 1);
  config(b).write(4, 0x0403, 2);
  expect(irr(b) & 0x0800).toBe(0);
  expect(config(b).read(6, 2) & 8).toBe(8);
  config(b).write(4, 0x0003, 2);
  expect(irr(b) & 0x0800).toBe(0x0800);
});

/** Turns MSI on with address and data; `granted` is log2 of the number of messages. */
function enableMsi(b: BareBoard, data: number, granted = 0, address = 0xfee01004): void {
  const c = config(b);
  c.write(0xd4, address);
  c.write(0xd8, 0);
  c.write(0xdc, data, 2);
  c.write(0xd2, 1 | (granted << 4), 2);
}

test("MSI sends one message for each rising edge, to where its address says, instead of the pin", () => {
  const b = board();
  levelTriggered(b);
  config(b).write(4, 7, 2);
  enableMsi(b, 0x0061);
  write(b, IMS, 1);
  write(b, ICS, 1);
  write(b, ICS, 1);
  const message = { destination: 1, logical: 1, delivery: 0, vector: 0x61, level: 0 };
  expect(b.messages).toEqual([message]);
  expect(irr(b) & 0x0800).toBe(0);
  expect(config(b).read(6, 2) & 8).toBe(0);
  read(b, ICR);
  write(b, ICS, 1);
  expect(b.messages).toEqual([message, message]);
  // The cause is still there when MSI goes off: now the pin says so.
  config(b).write(0xd2, 0, 2);
  expect(irr(b) & 0x0800).toBe(0x0800);
});

test("MSI needs bus mastering; messages granted replace the low bits of the data", () => {
  const b = board(4);
  expect(config(b).read(0xd2, 2)).toBe(0x84);
  enableMsi(b, 0x4163, 2, 0xfee00000);
  const nic = b.board.pci.functions();
  const fn = [...nic].find((f) => f.header.device === 3);
  fn?.sendMessage(2);
  expect(b.messages).toEqual([]);
  config(b).write(4, 7, 2);
  for (const n of [0, 2, 3, 5]) fn?.sendMessage(n);
  expect(b.vectors).toEqual([0x60, 0x62, 0x63, 0x61]);
  expect(b.messages[0]).toMatchObject({ destination: 0, logical: 0, delivery: 1 });
});

test("a message to an address in RAM is a write there", () => {
  const b = board();
  config(b).write(4, 7, 2);
  enableMsi(b, 0xbeef, 0, 0x8000);
  write(b, IMS, 1);
  write(b, ICS, 1);
  expect(b.vectors).toEqual([]);
  expect([...b.ram.subarray(0x8000, 0x8005)]).toEqual([0xef, 0xbe, 0, 0, 0]);
});

test("a function that is no bus master neither reads nor writes memory", () => {
  const b = board();
  write(b, DMA, 0x9000);
  b.ram[0x9000] = 0x33;
  write(b, DMA, 0x11);
  expect(b.ram[0x9000]).toBe(0x33);
  config(b).write(4, 7, 2);
  write(b, DMA, 0x9000);
  write(b, DMA, 0x44);
  expect([...b.ram.subarray(0x9000, 0x9002)]).toEqual([0x44, 0x33]);
});

test("a restored board has BARs, routes, pins and MSI where the saved one had them", () => {
  const b = board();
  levelTriggered(b);
  config(b).write(0x10, 0xe0000000);
  config(b).write(4, 7, 2);
  config(b, 0x1f).write(0x6b, 5, 1);
  enableMsi(b, 0x61);
  write(b, IMS, 1, 7);
  write(b, ICS, 1, 7);
  const saved = b.board.save();
  const other = board();
  other.board.restore(saved);
  expect(irr(other) & 0x0820).toBe(0x20);
  read(other, ICR, 7);
  expect(irr(other) & 0x0820).toBe(0);
  other.board.mmio.write(0xe0000000 + IMS, 1, 4);
  other.board.mmio.write(0xe0000000 + ICS, 1, 4);
  expect(other.vectors).toEqual([0x61]);
});

test("a reset takes BARs, routes and MSI back to what firmware set", () => {
  const b = board();
  const at = registers(b);
  config(b).write(0x10, 0xe0000000);
  config(b, 0x1f).write(0x6b, 5, 1);
  enableMsi(b, 0x61);
  b.board.reset();
  expect(registers(b)).toBe(at);
  expect(config(b, 0x1f).read(0x6b, 1)).toBe(11);
  expect(config(b).read(0xd2, 2) & 1).toBe(0);
  levelTriggered(b);
  write(b, IMS, 1);
  write(b, ICS, 1);
  expect(irr(b) & 0x0820).toBe(0x0800);
});

test("two functions in one place are refused", () => {
  const nics = [{ kind: "test-nic", options: { device: 1 } }, { kind: "VGA" }];
  expect(() => bareBoard(nics, [...DEVICE_KINDS, testNic])).toThrow(
    "test-nic-1 wants PCI device 1, function 0, but vga has it",
  );
});
