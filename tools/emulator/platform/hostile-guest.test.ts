// A guest that writes anything anywhere: no device may throw, hang, or schedule itself into the past.
// What it has done to the devices is in their state: a board that takes it over goes on the same way.

import { expect, test } from "vitest";
import type { Vga } from "../devices/vga.ts";
import { scanoutOf } from "../devices/vga-scanout.ts";
import { type BareBoard, bareBoard } from "./testdata/bare-board.ts";
import { random, randomAccesses } from "./testdata/random-accesses.ts";

const seed = (n: number): (() => number) => random(0x9e3779b9 * n);

test.each([1, 2, 3, 4])("random accesses, seed %i", (n) => {
  const next = seed(n);
  const bare = bareBoard();
  const { board } = bare;
  for (let round = 0; round < 4000; round++) {
    const wrong = randomAccesses(bare, next, 16).find(
      (v) => !Number.isInteger(v) || v < -1 || v > 0xffffffff,
    );
    expect(wrong).toBeUndefined();
    expect(board.scheduler.next()).toBeGreaterThanOrEqual(0);
  }
  // Looking at whatever mode the display is in must work as well.
  const scanout = scanoutOf(board.vga as Vga, { cursor: true, characters: true });
  const pixels = new Uint32Array(scanout.width * scanout.height);
  for (let row = 0; row < scanout.rows; row++) scanout.draw(row, pixels);
  expect(pixels.every((pixel) => pixel >>> 24 === 0xff)).toBe(true);
  board.reset();
});

/** Without a list of millions of differences. */
const sameBytes = (a: Uint8Array | undefined, b: Uint8Array | undefined): boolean =>
  a !== undefined && b !== undefined && Buffer.compare(a, b) === 0;

/** Everything that a guest or the CPUs can see of a board after `count` more accesses. */
function goOn(bare: BareBoard, n: number, count: number) {
  bare.messages.length = 0;
  const reads = randomAccesses(bare, seed(n), count);
  const { devices, timers, memories } = bare.board.save();
  return { memories, rest: { reads, messages: bare.messages, devices, timers } };
}

test.each([11, 12, 13, 14, 15, 16])(
  "a board that takes over another's state goes on as that one does, seed %i",
  (n) => {
    const first = bareBoard();
    randomAccesses(first, seed(n), 20_000);
    const saved = first.board.save();
    // The other board has a past of its own.
    const second = bareBoard();
    randomAccesses(second, seed(n + 100), 20_000);
    second.setTime(first.board.scheduler.clock.now());
    second.board.restore(saved);
    const went = goOn(first, n + 200, 20_000);
    const other = goOn(second, n + 200, 20_000);
    expect(other.rest).toEqual(went.rest);
    expect(sameBytes(other.memories.vga, went.memories.vga)).toBe(true);
  },
);
