// The linear framebuffer is memory: every kind of access does there what it does in RAM, in every tier, wherever the
// guest has put it; a display sees each change, and no guest sees a display.

import { describe, expect, test } from "vitest";
import { Display } from "../display.ts";
import { Machine } from "../host/machine.ts";
import type { Accel } from "../jit/accel.ts";
import {
  AREA_BYTES,
  accessesGuest,
  codeGuest,
  FRAMEBUFFER,
  FRAMEBUFFER_BYTES,
  movingGuest,
  PLACES,
  RESULTS,
  ROUNDS,
  readingGuest,
  SCREEN_WIDTH,
  STORES,
  staleGuest,
  storesGuest,
  tablesGuest,
} from "./testdata/framebuffer-guests.ts";

const TIERS: readonly Accel[] = [
  { kind: "interp" },
  { kind: "jit", threshold: 0 },
  { kind: "jit", threshold: 8 },
];
/** Tiers, and after how many pieces of a run somebody looks each time. */
const LOOKS: readonly (readonly [accel: Accel, lookEvery: number])[] = [
  [{ kind: "interp" }, Number.POSITIVE_INFINITY],
  [{ kind: "interp" }, 2],
  [{ kind: "jit", threshold: 0 }, 5],
  [{ kind: "jit", threshold: 8 }, Number.POSITIVE_INFINITY],
  [{ kind: "jit", threshold: 8 }, 3],
];
/** RAM that random accesses use for comparison. */
const RAM_AREA = 0x40_0000;

const machineOf = (kernel: Uint8Array, accel: Accel = TIERS[0] as Accel): Promise<Machine> =>
  Machine.create({ kernel, memory: "16M", accel });

const displayOf = (machine: Machine): Display => Display.of(machine) as Display;

/** Runs to the end in pieces, and looks after those that `looks` says. */
function runLooking(machine: Machine, looks: (piece: number) => boolean): Display {
  const display = displayOf(machine);
  for (let piece = 0; ; piece++) {
    const stop = machine.runSync({ nanoseconds: 1000 + ((piece * 7919) % 4001) });
    if (looks(piece)) display.look();
    if (stop.kind !== "limit") {
      expect(stop.kind).toBe("dead");
      display.look();
      return display;
    }
  }
}

const framebuffer = (machine: Machine, bytes: number): Uint8Array =>
  (machine.board.vga?.memory ?? new Uint8Array()).subarray(0, bytes);

function words(machine: Machine, count: number): number[] {
  const bytes = machine.readPhysical(RESULTS, 4 * count);
  return [...new Uint32Array(bytes.slice().buffer)];
}

const isShown = (machine: Machine, display: Display): boolean =>
  Buffer.from(display.data).equals(Buffer.from(machine.screenRgba()?.data ?? []));

describe.each([1, 2])("random accesses, seed %i", (seed) => {
  test("do what they do in RAM, in every tier, whether somebody looks or not", async () => {
    const inRam = await machineOf(accessesGuest(RAM_AREA, seed));
    runLooking(inRam, () => false);
    const want = inRam.readPhysical(RAM_AREA, AREA_BYTES);
    const hashes = new Set<string>();
    for (const [accel, lookEvery] of LOOKS) {
      const machine = await machineOf(accessesGuest(FRAMEBUFFER, seed), accel);
      const display = runLooking(machine, (piece) => piece % lookEvery === 1);
      expect(Buffer.compare(framebuffer(machine, AREA_BYTES), want)).toBe(0);
      expect(words(machine, 8)).toEqual(words(inRam, 8));
      expect(machine.core.instructions()).toBe(inRam.core.instructions());
      expect(machine.core.time()).toBe(inRam.core.time());
      expect(isShown(machine, display)).toBe(true);
      hashes.add(machine.stateHash());
    }
    expect(hashes.size).toBe(1);
  });

  test("go on from a snapshot to the same end", async () => {
    const accel = TIERS[2] as Accel;
    const machine = await machineOf(accessesGuest(FRAMEBUFFER, seed), accel);
    machine.runSync({ nanoseconds: 40_000 });
    displayOf(machine).look();
    const saved = structuredClone(machine.snapshot());
    const restored = await machineOf(accessesGuest(FRAMEBUFFER, seed), accel);
    const before = displayOf(restored);
    before.look();
    restored.restore(saved);
    before.look();
    expect(isShown(restored, before)).toBe(true);
    runLooking(machine, () => false);
    const display = runLooking(restored, (piece) => piece % 3 === 0);
    expect(restored.stateHash()).toBe(machine.stateHash());
    expect(isShown(restored, display)).toBe(true);
  });
});

test.each(TIERS)(
  "the line that a store changes is reported, and no other, $kind $threshold",
  async (accel) => {
    const machine = await machineOf(storesGuest(), accel);
    const display = displayOf(machine);
    for (const [n, kind] of Object.keys(STORES).entries()) {
      for (const again of [0, 1]) {
        expect(machine.runSync({ until: "." }).kind).toBe("matched");
        const { resized, changed } = display.look();
        const rows = changed.map(({ x, y, height }) => ({ kind, again, x, y, height }));
        if (!resized) expect(rows).toEqual([{ kind, again, x: 0, y: 2 * n + 1, height: 1 }]);
        expect(display.look().changed).toEqual([]);
        expect(isShown(machine, display)).toBe(true);
        machine.sendSerial(".");
      }
    }
    expect(machine.runSync().kind).toBe("power-off");
    expect(display.width).toBe(SCREEN_WIDTH);
  },
);

test("a translation that the guest relies on though it has changed is kept over looks", async () => {
  const hashes = new Set<string>();
  for (const accel of TIERS) {
    for (const lookEvery of [Number.POSITIVE_INFINITY, 2]) {
      const machine = await machineOf(staleGuest(), accel);
      runLooking(machine, (piece) => piece % lookEvery === 1);
      hashes.add(machine.stateHash());
    }
  }
  expect(hashes.size).toBe(1);
});

test.each(TIERS)("the framebuffer is where its register says, $kind $threshold", async (accel) => {
  const machine = await machineOf(movingGuest(), accel);
  expect(machine.runSync().kind).toBe("power-off");
  const ones = 0xffff_ffff;
  expect(words(machine, 14)).toEqual([
    0x1111,
    ones,
    0x1111,
    ...[ones, 0x1111, 0x3333],
    ...[ones, 0x1111, 0x3333],
    1,
    0x50,
    ones,
    0x3334,
    0xffff_2101,
  ]);
  expect([...machine.readPhysical(FRAMEBUFFER + FRAMEBUFFER_BYTES - 2, 4)].length).toBe(2);
  expect(machine.board.vga?.memory.slice(0, 12)).toEqual(
    new Uint8Array([0x11, 0x11, 0, 0, 0x33, 0x33, 0, 0, 0x34, 0x33, 0, 0]),
  );
  // What lies where interrupt controllers answer has not been written.
  const vram = machine.board.vga?.memory as Uint8Array;
  expect(vram[0xfec0_0000 - PLACES[1]]).toBe(0);
  expect(vram[0xfee0_0080 - PLACES[1]]).toBe(0);
});

test.each(TIERS)(
  "code in the framebuffer is what is there now, $kind $threshold",
  async (accel) => {
    const machine = await machineOf(codeGuest(), accel);
    const display = displayOf(machine);
    expect(machine.runSync({ until: "." }).kind).toBe("matched");
    display.look();
    expect(machine.runSync().kind).toBe("power-off");
    expect(display.look().changed.length).toBe(1);
    expect(isShown(machine, display)).toBe(true);
    const want: number[] = [];
    let number = 0;
    for (let round = ROUNDS; round > 0; round--) {
      want.push(number, round);
      number = (round & ~0xff00) | (((round << 4) & 0xff) << 8);
      want.push(number);
    }
    expect(words(machine, 3 * ROUNDS)).toEqual(want);
  },
);

test("page tables in the framebuffer translate, and get accessed and dirty bits", async () => {
  for (const accel of TIERS) {
    const machine = await machineOf(tablesGuest(), accel);
    expect(machine.runSync().kind).toBe("power-off");
    expect(words(machine, 5)).toEqual([0x7777, 0x7777, 0xa3, 0xa3, 0xe3]);
    expect(machine.translate(0x7000_0000n + BigInt(RESULTS))).toBe(RESULTS);
  }
});

test("a reset leaves video memory beside the text as it is and shows text again", async () => {
  const machine = await machineOf(accessesGuest(FRAMEBUFFER, 1));
  const display = runLooking(machine, () => true);
  // The BIOS writes characters and attributes, which are at even offsets of the planes.
  const kept = (): Uint8Array =>
    machine.readPhysical(FRAMEBUFFER + 0x1_0000, 0x1000).filter((_, i) => (i & 4) !== 0);
  const before = kept();
  expect(before.some((byte) => byte !== 0)).toBe(true);
  machine.reset();
  expect(kept()).toEqual(before);
  display.look();
  expect(display.mode().kind).toBe("text");
  expect(isShown(machine, display)).toBe(true);
});

test.each(TIERS)(
  "a region over a part of the framebuffer answers there, $kind $threshold",
  async (accel) => {
    const machine = await machineOf(readingGuest(0x5010, 0x5000), accel);
    (machine.board.vga as { memory: Uint8Array }).memory.fill(7, 0x4000, 0x8000);
    const read = (): number[] => {
      machine.runSync({ nanoseconds: 100_000 });
      return words(machine, 2);
    };
    expect(read()).toEqual([0x07070707, 0x07070707]);
    const handler = { read: () => 0x42, write: () => {} };
    const end = machine.board.mmio.decode("a region", FRAMEBUFFER + 0x5010, 0x20, handler);
    expect(read()).toEqual([0x42, 0x07070707]);
    end();
    expect(read()).toEqual([0x07070707, 0x07070707]);
  },
);
