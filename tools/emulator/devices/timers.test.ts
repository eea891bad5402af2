// Timers and interrupt controllers together, in virtual time. Expected moments follow from the
// datasheets' frequencies; the interrupt path is the PC's.

import { expect, test } from "vitest";
import { type BareBoard, bareBoard } from "../platform/testdata/bare-board.ts";
import type { Access } from "../platform/testdata/bus-guest.ts";
import { runOnBoard } from "../platform/testdata/bus-guest.ts";

const MS = 1_000_000;
const HPET = 0xfed00000;

function board(...script: Access[]): BareBoard {
  const bare = bareBoard();
  runOnBoard(bare.board, script);
  return bare;
}

const read = (b: BareBoard, ...access: Access[]): number =>
  Number.parseInt(runOnBoard(b.board, access).at(-1) ?? "", 16);

/** 8259A pair at vectors 0x20 and 0x28 with the given master mask. */
const pics = (mask: number): Access[] => [
  ["out", 0x20, 0x11],
  ["out", 0x21, 0x20],
  ["out", 0x21, 4],
  ["out", 0x21, 1],
  ["out", 0xa0, 0x11],
  ["out", 0xa1, 0x28],
  ["out", 0xa1, 2],
  ["out", 0xa1, 1],
  ["out", 0x21, mask],
  ["out", 0xa1, 0xff],
];

/** Channel 0 in `mode` with `count`. */
const pit0 = (mode: number, count: number): Access[] => [
  ["out", 0x43, 0x30 | (mode << 1)],
  ["out", 0x40, count & 0xff],
  ["out", 0x40, count >> 8],
];

/** Takes every pending 8259A interrupt with an EOI. */
function service(b: BareBoard): number[] {
  const vectors: number[] = [];
  while (b.intr()) {
    vectors.push(b.board.pic.acknowledge());
    runOnBoard(b.board, [
      ["out", 0x20, 0x20],
      ["out", 0xa0, 0x20],
    ]);
  }
  return vectors;
}

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

test("keyboard: pressed keys arrive as set 1 codes through the translating controller", () => {
  const b = board(["out", 0x64, 0x60], ["out", 0x60, 0x45]);
  b.board.keyboard.key(0x1e, true);
  b.board.keyboard.key(0x1e, false);
  b.board.keyboard.key(0x48, true, true);
  const bytes = Array.from({ length: 4 }, () => read(b, ["in", 0x60]));
  expect(bytes).toEqual([0x1e, 0x9e, 0xe0, 0x48]);
  expect(read(b, ["in", 0x64]) & 1).toBe(0);
});

test("device state survives a copy: a restored board reads the same", () => {
  const script: Access[] = [...pics(0xb8), ...pit0(3, 4660), ["out", 0x3ff, 0x77]];
  const b = board(...script);
  const saved = b.board.devices().map((d) => structuredClone(d.state));
  const fresh = bareBoard();
  fresh.board.devices().forEach((d, i) => {
    d.state = structuredClone(saved[i]) as object;
  });
  for (const d of fresh.board.devices()) d.restored?.();
  const look: Access[] = [
    ["in", 0x21],
    ["in", 0x3ff],
    ["out", 0x43, 0xe2],
    ["in", 0x40],
  ];
  expect(runOnBoard(fresh.board, look)).toEqual(runOnBoard(b.board, look));
});
