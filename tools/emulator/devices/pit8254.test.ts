// The 8254 in virtual time: expected moments and counts follow from the datasheet, the interrupt path
// is the PC's.

import { expect, test } from "vitest";
import type { BareBoard } from "../platform/testdata/bare-board.ts";
import { type Access, runOnBoard } from "../platform/testdata/bus-guest.ts";
import { board, MS, pics, read, service } from "../platform/testdata/scripted-board.ts";

/** Channel 0 in `mode` with `count`. */
const pit0 = (mode: number, count: number): Access[] => [
  ["out", 0x43, 0x30 | (mode << 1)],
  ["out", 0x40, count & 0xff],
  ["out", 0x40, count >> 8],
];

test("8254 channel 0 in mode 2 interrupts once a period", () => {
  const b = board(...pics(0xfe), ...pit0(2, 11932));
  service(b);
  const seen: number[] = [];
  for (let i = 0; i < 50; i++) {
    b.advance(MS);
    seen.push(...service(b));
  }
  // 50 ms at 1193182 / 11932 Hz are five periods, the first edge being the end of the first.
  expect(seen).toEqual([0x20, 0x20, 0x20, 0x20, 0x20].slice(0, seen.length));
  expect(seen.length).toBeGreaterThanOrEqual(4);
});

test("8254 channel 0 in mode 0 interrupts once, and not before its count has passed", () => {
  const b = board(...pics(0xfe), ...pit0(0, 1193));
  b.advance(0.99 * MS);
  expect(service(b)).toEqual([]);
  b.advance(0.02 * MS);
  expect(service(b)).toEqual([0x20]);
  b.advance(100 * MS);
  expect(service(b)).toEqual([]);
});

test("8254 edges that nobody listens to set the request register, and no alarm is kept for them", () => {
  const b = board(...pics(0xff), ...pit0(2, 11932));
  expect(b.board.scheduler.next()).toBe(Number.POSITIVE_INFINITY);
  b.advance(25 * MS);
  expect(read(b, ["out", 0x20, 0x0a], ["in", 0x20]) & 1).toBe(1);
  runOnBoard(b.board, [["out", 0x21, 0xfe]]);
  expect(service(b)).toEqual([0x20]);
  expect(b.board.scheduler.next()).toBeLessThan(40 * MS);
});

test("8254 latched count stays while the counter runs on", () => {
  const b = board(...pit0(2, 0));
  b.advance(MS);
  const latched = read(b, ["out", 0x43, 0x00], ["in", 0x40]);
  b.advance(MS);
  const high = read(b, ["in", 0x40]);
  // 1193 pulses have passed; the first one loaded the count.
  expect((high << 8) | latched).toBe(65536 - 1192);
});

test("8254 channel 2 shows its terminal count at port 0x61 and its gate holds it", () => {
  const b = board(["out", 0x61, 0], ["out", 0x43, 0xb0], ["out", 0x42, 0xa9], ["out", 0x42, 0x04]);
  b.advance(10 * MS);
  expect(read(b, ["in", 0x61]) & 0x20).toBe(0);
  runOnBoard(b.board, [["out", 0x61, 1]]);
  b.advance(0.9 * MS);
  expect(read(b, ["in", 0x61]) & 0x20).toBe(0);
  b.advance(0.2 * MS);
  expect(read(b, ["in", 0x61]) & 0x20).toBe(0x20);
});

test("8254 BCD counters count in decimal", () => {
  const b = board(["out", 0x43, 0x35], ["out", 0x40, 0x00], ["out", 0x40, 0x10]);
  b.advance(Math.ceil((101 * 1e9) / 1193182));
  const count = read(b, ["out", 0x43, 0x00], ["in", 0x40]) | (read(b, ["in", 0x40]) << 8);
  expect(count.toString(16)).toBe("900");
});

/** Moves time by `n` pulses of the 8254's clock, to just behind the last of them. */
const pulses = (b: BareBoard, n: number): void => b.advance(Math.ceil((n * 1e9) / 1193182));

/** The status byte of channel 2. */
const status2 = (b: BareBoard): number => read(b, ["out", 0x43, 0xe8], ["in", 0x42]);

test("8254 status shows mode bits as they were written, 6 and 7 too", () => {
  const b = board();
  for (let mode = 0; mode < 8; mode++) {
    runOnBoard(b.board, [["out", 0x43, 0xb0 | (mode << 1)]]);
    expect((status2(b) >> 1) & 7).toBe(mode);
    runOnBoard(b.board, [["out", 0x43, 0x50 | (mode << 1)]]);
    expect((read(b, ["out", 0x43, 0xe4], ["in", 0x41]) >> 1) & 7).toBe(mode);
  }
  // Modes 6 and 7 count as 2 and 3 do.
  runOnBoard(b.board, [...pit0(6, 1000), ...pics(0xfe)]);
  b.advance(100 * MS);
  expect(service(b).length).toBeGreaterThan(0);
});

test("8254 null count goes with the pulse that loads the count", () => {
  const b = board(["out", 0x61, 1], ["out", 0x43, 0xb0]);
  expect(status2(b) & 0xc0).toBe(0x40);
  runOnBoard(b.board, [
    ["out", 0x42, 10],
    ["out", 0x42, 0],
  ]);
  expect(status2(b) & 0xc0).toBe(0x40);
  pulses(b, 1);
  expect(status2(b) & 0xc0).toBe(0);
  pulses(b, 9);
  expect(status2(b) & 0xc0).toBe(0);
  pulses(b, 1);
  expect(status2(b) & 0xc0).toBe(0x80);
});

test("8254 one-shot and hardware strobe wait for the gate, and start again with each rising edge", () => {
  for (const [mode, during, after] of [
    [1, 0, 0x20],
    [5, 0x20, 0x20],
  ] as const) {
    const b = board(["out", 0x61, 0], ["out", 0x43, 0x90 | (mode << 1)], ["out", 0x42, 100]);
    pulses(b, 1000);
    expect(read(b, ["in", 0x61]) & 0x20).toBe(0x20);
    expect(status2(b) & 0x40).toBe(0x40);
    runOnBoard(b.board, [["out", 0x61, 1]]);
    pulses(b, 60);
    expect(status2(b) & 0x40).toBe(0);
    expect(read(b, ["in", 0x61]) & 0x20).toBe(during);
    // A falling gate changes nothing, the next rising one starts anew.
    runOnBoard(b.board, [
      ["out", 0x61, 0],
      ["out", 0x61, 1],
    ]);
    pulses(b, 60);
    expect(read(b, ["in", 0x61]) & 0x20).toBe(during);
    pulses(b, 41);
    // Mode 1 is over after 100 pulses, mode 5 is low for the one behind them.
    expect(read(b, ["in", 0x61]) & 0x20).toBe(mode === 5 ? 0 : after);
    pulses(b, 1);
    expect(read(b, ["in", 0x61]) & 0x20).toBe(after);
  }
});

test("8254 half a count stops mode 0, and its output is low meanwhile", () => {
  const b = board(["out", 0x61, 1], ["out", 0x43, 0xb0], ["out", 0x42, 100], ["out", 0x42, 0]);
  pulses(b, 200);
  expect(read(b, ["in", 0x61]) & 0x20).toBe(0x20);
  runOnBoard(b.board, [["out", 0x42, 50]]);
  pulses(b, 500);
  expect(read(b, ["in", 0x61]) & 0x20).toBe(0);
  runOnBoard(b.board, [["out", 0x42, 0]]);
  pulses(b, 50);
  expect(read(b, ["in", 0x61]) & 0x20).toBe(0);
  pulses(b, 1);
  expect(read(b, ["in", 0x61]) & 0x20).toBe(0x20);
});

test.each([
  // [control, count, pulses, value]: mode 3 counts by two, odd counts without their lowest bit.
  [0x96, 10, 1, 0x0a],
  [0x96, 10, 3, 0x06],
  [0x96, 10, 6, 0x0a],
  [0x96, 7, 4, 0x00],
  [0x96, 7, 5, 0x06],
  [0x96, 7, 7, 0x02],
  [0x96, 7, 8, 0x06],
  // Mode 2 goes from the count down to 1.
  [0x94, 3, 1, 3],
  [0x94, 3, 3, 1],
  [0x94, 3, 4, 3],
  // Mode 0 goes on through 0, in decimal to 9999.
  [0x90, 5, 7, 0xff],
  [0x91, 5, 7, 0x99],
])("8254 control 0x%i, count %i reads after %i pulses as %i", (control, count, n, expected) => {
  const b = board(["out", 0x61, 1], ["out", 0x43, control], ["out", 0x42, count]);
  pulses(b, n);
  expect(read(b, ["in", 0x42])).toBe(expected);
});

test("8254 a latched count goes when the counter is programmed anew", () => {
  const b = board(
    ["out", 0x43, 0xb4],
    ["out", 0x42, 0x34],
    ["out", 0x42, 0x12],
    ["out", 0x43, 0x80],
  );
  runOnBoard(b.board, [
    ["out", 0x43, 0x94],
    ["out", 0x42, 0x77],
  ]);
  expect(read(b, ["in", 0x42])).toBe(0x77);
});
