// Timers and interrupt controllers together, in virtual time. Expected moments follow from the
// datasheets' frequencies; the interrupt path is the PC's.

import { expect, test } from "vitest";
import { bareBoard } from "../platform/testdata/bare-board.ts";
import { type Access, runOnBoard } from "../platform/testdata/bus-guest.ts";
import { board, MS, pics, read, service } from "../platform/testdata/scripted-board.ts";

const HPET = 0xfed00000;

/** Channel 0 in `mode` with `count`. */
const pit0 = (mode: number, count: number): Access[] => [
  ["out", 0x43, 0x30 | (mode << 1)],
  ["out", 0x40, count & 0xff],
  ["out", 0x40, count >> 8],
];

test("8259A: higher priorities interrupt lower ones, an EOI lets the next through", () => {
  const b = board(...pics(0xec));
  const { pic } = b.board;
  pic.setInput(4, true);
  expect(pic.acknowledge()).toBe(0x24);
  pic.setInput(1, true);
  expect(b.intr()).toBe(true);
  expect(pic.acknowledge()).toBe(0x21);
  pic.setInput(4, false);
  pic.setInput(4, true);
  expect(b.intr()).toBe(false);
  runOnBoard(b.board, [["out", 0x20, 0x20]]);
  expect(b.intr()).toBe(false);
  runOnBoard(b.board, [["out", 0x20, 0x20]]);
  expect(pic.acknowledge()).toBe(0x24);
});

test("8259A: a level request that goes away before INTA is spurious on input 7", () => {
  const b = board(["out", 0x4d0, 0x20], ...pics(0xdf));
  b.board.pic.setInput(5, true);
  expect(b.intr()).toBe(true);
  b.board.pic.setInput(5, false);
  expect(b.intr()).toBe(false);
  expect(b.board.pic.acknowledge()).toBe(0x27);
  expect(read(b, ["out", 0x20, 0x0b], ["in", 0x20])).toBe(0);
});

test("8259A: the slave's vectors come through the master's input 2", () => {
  const b = board(...pics(0xfb), ["out", 0xa1, 0xef]);
  b.board.pic.setInput(12, true);
  expect(b.board.pic.acknowledge()).toBe(0x2c);
  expect(read(b, ["out", 0x20, 0x0b], ["in", 0x20])).toBe(4);
});

test("IOAPIC: a level interrupt comes again after EOI while the line is high, an edge does not", () => {
  const b = board(
    ["store", 0xfec00000, 0x10 + 2 * 9, 4],
    ["store", 0xfec00010, 0x8039, 4],
    ["store", 0xfec00000, 0x10 + 2 * 4, 4],
    ["store", 0xfec00010, 0x0034, 4],
  );
  const { ioapic } = b.board;
  ioapic.setPin(9, true);
  ioapic.setPin(4, true);
  expect(b.vectors).toEqual([0x39, 0x34]);
  ioapic.endOfInterrupt(0x34);
  ioapic.endOfInterrupt(0x39);
  expect(b.vectors).toEqual([0x39, 0x34, 0x39]);
  ioapic.setPin(9, false);
  ioapic.endOfInterrupt(0x39);
  expect(b.vectors.length).toBe(3);
});

test("HPET: one-shot and periodic timers fire when the counter says so", () => {
  const b = board(
    ["store", 0xfec00000, 0x10 + 2 * 16, 4],
    ["store", 0xfec00010, 0x50, 4],
    // Timer 0: GSI 16, enabled, periodic, SET_VALUE, 32 bits.
    ["store", HPET + 0x100, (16 << 9) | 0x14c, 4],
    ["store", HPET + 0x108, 100_000, 4],
    ["store", HPET + 0x108, 50_000, 4],
    ["store", HPET + 0x10, 1, 4],
  );
  b.advance(0.99 * MS);
  expect(b.vectors).toEqual([]);
  b.advance(0.02 * MS);
  expect(b.vectors).toEqual([0x50]);
  b.advance(MS);
  expect(b.vectors).toEqual([0x50, 0x50, 0x50]);
  expect(read(b, ["load", HPET + 0xf0, 4])).toBe(201_000);
});

test("HPET: legacy replacement takes IRQ 0 from the 8254", () => {
  const b = board(
    ...pics(0xfe),
    ...pit0(2, 1193),
    ["store", HPET + 0x100, 0x104, 4],
    ["store", HPET + 0x108, 500_000, 4],
    ["store", HPET + 0x10, 3, 4],
  );
  service(b);
  b.advance(4.9 * MS);
  expect(service(b)).toEqual([]);
  b.advance(0.2 * MS);
  expect(service(b)).toEqual([0x20]);
});

test("RTC: the update interrupt comes every second on IRQ 8 until register C is read", () => {
  const b = board(...pics(0xfb), ["out", 0xa1, 0xfe], ["out", 0x70, 11], ["out", 0x71, 0x12]);
  b.advance(1001 * MS);
  expect(service(b)).toEqual([0x28]);
  b.advance(2000 * MS);
  expect(service(b)).toEqual([]);
  expect(read(b, ["out", 0x70, 12], ["in", 0x71]) & 0x90).toBe(0x90);
  b.advance(1000 * MS);
  expect(service(b)).toEqual([0x28]);
});

test("RTC: the periodic interrupt follows the rate in register A", () => {
  const b = board(
    ...pics(0xfb),
    ["out", 0xa1, 0xfe],
    ["out", 0x70, 10],
    ["out", 0x71, 0x26],
    ["out", 0x70, 11],
    ["out", 0x71, 0x42],
  );
  let count = 0;
  for (let i = 0; i < 1000; i++) {
    b.advance(0.1 * MS);
    count += service(b).length;
    runOnBoard(b.board, [
      ["out", 0x70, 12],
      ["in", 0x71],
    ]);
  }
  // 1024 Hz for 100 ms.
  expect(count).toBe(102);
});

test("RTC: the date carries over the end of a month", () => {
  const b = board();
  b.advance(11_000 * MS);
  const at = (i: number): number => read(b, ["out", 0x70, i], ["in", 0x71]);
  expect([at(0), at(2), at(4), at(7), at(8), at(9), at(0x32)]).toEqual([1, 0, 0, 1, 2, 0x26, 0x20]);
});

test("UART: received characters interrupt at the trigger level, and after a timeout below it", () => {
  const b = board(
    ...pics(0xef),
    ["out", 0x3fb, 0x83],
    ["out", 0x3f8, 1],
    ["out", 0x3f9, 0],
    ["out", 0x3fb, 0x03],
    ["out", 0x3fa, 0x81],
    ["out", 0x3f9, 1],
  );
  b.board.serialPorts[0]?.receive([1, 2, 3]);
  b.advance(0.09 * MS);
  expect(read(b, ["in", 0x3fd]) & 1).toBe(1);
  expect(service(b)).toEqual([]);
  b.advance(0.5 * MS);
  expect(service(b)).toEqual([0x24]);
  expect(read(b, ["in", 0x3fa]) & 0x0f).toBe(0x0c);
  b.board.serialPorts[0]?.receive([4, 5, 6, 7, 8]);
  b.advance(0.2 * MS);
  expect(read(b, ["in", 0x3fa]) & 0x0f).toBe(4);
  const bytes = Array.from({ length: 8 }, () => read(b, ["in", 0x3f8]));
  expect(bytes).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  expect(read(b, ["in", 0x3fd])).toBe(0x60);
});

test("UART: COM1 to COM4 are at their addresses, and COM3 shares IRQ 4 with COM1", () => {
  const com = [0, 1, 2, 3].map((index) => ({ kind: "isa-serial", options: { index } }));
  const b = bareBoard(com);
  runOnBoard(b.board, pics(0xe7));
  [0x3f8, 0x2f8, 0x3e8, 0x2e8].forEach((port, i) => {
    runOnBoard(b.board, [["out", port + 7, 0x10 + i]]);
    expect(read(b, ["in", port + 7])).toBe(0x10 + i);
    // The transmitter is empty.
    runOnBoard(b.board, [["out", port + 1, 2]]);
    expect(service(b)).toEqual(i % 2 === 0 ? (i === 0 ? [0x24] : []) : i === 1 ? [0x23] : []);
  });
  // The line stays high while one of its ports wants service, and gives an edge after it was low.
  expect(read(b, ["in", 0x3e8 + 2])).toBe(2);
  expect(service(b)).toEqual([]);
  expect(read(b, ["in", 0x3f8 + 2])).toBe(2);
  runOnBoard(b.board, [["out", 0x3e8, 0x41]]);
  expect(service(b)).toEqual([0x24]);
});

test("UART: more than sixteen characters arrive in order, none lost", () => {
  const b = board(["out", 0x3fa, 0x01], ["out", 0x3fb, 0x03]);
  const sent = Array.from({ length: 100 }, (_, i) => i);
  b.board.serialPorts[0]?.receive(sent);
  const got: number[] = [];
  for (let i = 0; i < 1000 && got.length < 100; i++) {
    b.advance(MS);
    while (read(b, ["in", 0x3fd]) & 1) got.push(read(b, ["in", 0x3f8]));
  }
  expect(got).toEqual(sent);
});

test("ACPI PM timer runs at 3.579545 MHz with 24 bits", () => {
  const b = board();
  b.advance(1000 * MS);
  expect(read(b, ["in", 0x608, 4])).toBe(3579545);
  b.advance(4000 * MS);
  expect(read(b, ["in", 0x608, 4])).toBe((5 * 3579545) & 0xffffff);
});

test("ACPI: sleep type 0 powers off, others are remarked upon", () => {
  const b = board();
  const events: string[] = [];
  b.board.onEvent = (e) => events.push(e.kind);
  runOnBoard(b.board, [["out", 0x604, 0x3400, 2]]);
  expect(events).toEqual([]);
  expect(b.remarks.at(-1)).toContain("sleep type 5");
  runOnBoard(b.board, [["out", 0x604, 0x2000, 2]]);
  expect(events).toEqual(["power-off"]);
});

test("every reset register resets", () => {
  for (const script of [
    [
      ["out", 0xcf9, 0x02],
      ["out", 0xcf9, 0x06],
    ],
    [["out", 0x64, 0xfe]],
    [["out", 0x92, 0x03]],
  ] as Access[][]) {
    const b = board();
    const events: string[] = [];
    b.board.onEvent = (e) => events.push(e.kind);
    runOnBoard(b.board, script);
    expect(events, JSON.stringify(script)).toEqual(["reset"]);
  }
});

test("isa-debug-exit gives twice the value plus one", () => {
  const b = board();
  let status = -1;
  b.board.onEvent = (e) => {
    if (e.kind === "debug-exit") status = e.status;
  };
  runOnBoard(b.board, [["out", 0xf4, 0x15, 4]]);
  expect(status).toBe(43);
});

test("no counter is ahead of where it was started, whatever the time of the CPU that reads it", () => {
  const b = board(
    ["out", 0x61, 1],
    ["out", 0x43, 0xb4],
    ["out", 0x42, 0],
    ["out", 0x42, 0],
    ["out", 0x70, 11],
    ["out", 0x71, 0x42],
  );
  b.advance(MS);
  runOnBoard(b.board, [
    ["store", HPET + 0x10, 1, 4],
    ["out", 0x43, 0xb4],
    ["out", 0x42, 0],
    ["out", 0x42, 0],
    ["out", 0x70, 12],
    ["in", 0x71],
    ["out", 0x602, 1, 2],
  ]);
  // The CPU whose turn is next is still 10 µs behind.
  b.setTime(MS - 10_000);
  expect([read(b, ["load", HPET + 0xf0, 4]), read(b, ["load", HPET + 0xf4, 4])]).toEqual([0, 0]);
  expect(read(b, ["out", 0x43, 0x80], ["in", 0x42]) | (read(b, ["in", 0x42]) << 8)).toBe(0);
  expect(read(b, ["in", 0x71]) & 0x70).toBe(0);
  expect(read(b, ["in", 0x600, 2]) & 1).toBe(0);
  // An alarm that was set for later does not come earlier for it, nor now and again.
  runOnBoard(b.board, [
    ["store", 0xfec00000, 0x10 + 2 * 16, 4],
    ["store", 0xfec00010, 0x50, 4],
    ["store", HPET + 0x100, (16 << 9) | 0x104, 4],
    ["store", HPET + 0x108, 100, 4],
  ]);
  b.advance(10_999);
  expect(b.vectors).toEqual([]);
  b.advance(1);
  expect(b.vectors).toEqual([0x50]);
});
