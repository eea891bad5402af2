// Keyboard and mouse behind the 8042; board-oracle.test.ts compares every command with QEMU's.

import { expect, test } from "vitest";
import type { BareBoard } from "../platform/testdata/bare-board.ts";
import { runOnBoard } from "../platform/testdata/bus-guest.ts";
import { board, read } from "../platform/testdata/scripted-board.ts";

test("keyboard: pressed keys arrive as set 1 codes through the translating controller", () => {
  const b = board(["out", 0x64, 0x60], ["out", 0x60, 0x45]);
  b.board.keyboard.key(0x1e, true);
  b.board.keyboard.key(0x1e, false);
  b.board.keyboard.key(0x48, true, true);
  const bytes = Array.from({ length: 4 }, () => read(b, ["in", 0x60]));
  expect(bytes).toEqual([0x1e, 0x9e, 0xe0, 0x48]);
  expect(read(b, ["in", 0x64]) & 1).toBe(0);
});

/** What is in the output buffer, byte after byte. */
function drain(b: BareBoard): number[] {
  const bytes: number[] = [];
  while (read(b, ["in", 0x64]) & 1 && bytes.length < 100) bytes.push(read(b, ["in", 0x60]));
  return bytes;
}

test("keyboard: keys in scan code sets 1, 2 and 3", () => {
  const b = board(["out", 0x64, 0x60], ["out", 0x60, 0x05]);
  const expected = {
    1: [0x1e, 0x9e, 0xe0, 0x48, 0xe0, 0xc8],
    2: [0x1c, 0xf0, 0x1c, 0xe0, 0x75, 0xe0, 0xf0, 0x75],
    3: [0x1c, 0xf0, 0x1c, 0x63, 0xf0, 0x63],
  };
  for (const [set, bytes] of Object.entries(expected)) {
    runOnBoard(b.board, [
      ["out", 0x60, 0xf0],
      ["out", 0x60, Number(set)],
    ]);
    drain(b);
    for (const down of [true, false]) b.board.keyboard.key(0x1e, down);
    for (const down of [true, false]) b.board.keyboard.key(0x48, down, true);
    expect(drain(b)).toEqual(bytes);
  }
});

test("keyboard: an invalid scan code set is refused with a resend, and the set stays", () => {
  const b = board(["out", 0x64, 0x60], ["out", 0x60, 0x05], ["out", 0x60, 0xf0], ["out", 0x60, 9]);
  expect(drain(b)).toEqual([0xfe]);
  runOnBoard(b.board, [
    ["out", 0x60, 0xf0],
    ["out", 0x60, 0],
  ]);
  expect(drain(b)).toEqual([0xfa, 2]);
});

test("keyboard: the answer to a command comes before keys that wait, resend repeats a byte", () => {
  const b = board(["out", 0x64, 0x60], ["out", 0x60, 0x15]);
  b.board.keyboard.key(0x1e, true);
  runOnBoard(b.board, [["out", 0x60, 0xee]]);
  expect(drain(b)).toEqual([0xee, 0x1c]);
  runOnBoard(b.board, [["out", 0x60, 0xfe]]);
  expect(drain(b)).toEqual([0x1c]);
});

test("mouse: packets of three, four and five buttons' kind", () => {
  const b = board(["out", 0x64, 0x60], ["out", 0x60, 0x07]);
  const send = (...bytes: number[]): number[] =>
    bytes.flatMap((byte) => {
      runOnBoard(b.board, [
        ["out", 0x64, 0xd4],
        ["out", 0x60, byte],
      ]);
      return drain(b);
    });
  send(0xf4);
  b.board.mouse.move(5, -3, 0, 1);
  expect(drain(b)).toEqual([0x29, 5, 0xfd]);
  send(0xf3, 200, 0xf3, 100, 0xf3, 80);
  b.board.mouse.move(0, 0, 1, 0);
  expect(drain(b)).toEqual([8, 0, 0, 0xff]);
  send(0xf3, 200, 0xf3, 200, 0xf3, 80);
  expect(send(0xf2)).toEqual([0xfa, 4]);
  b.board.mouse.move(0, 0, -1, 0x18);
  expect(drain(b)).toEqual([8, 0, 0, 0x31]);
  // Unknown commands are refused.
  expect(send(0xe1)).toEqual([0xfe]);
});

test("8042: a guest that never reads cannot fill memory", () => {
  const b = board();
  for (let i = 0; i < 2000; i++) {
    runOnBoard(b.board, [
      ["out", 0x64, 0xd2],
      ["out", 0x60, i & 0xff],
      ["out", 0x64, 0xd4],
      ["out", 0x60, 0xeb],
      ["out", 0x60, 0xf2],
    ]);
    b.board.mouse.move(1, 1, 0, 0);
    b.board.keyboard.key(i & 0x7f, true);
  }
  const { i8042, ...devices } = b.board.save().devices;
  const size = (name: string): number => JSON.stringify(devices[name]).length;
  expect(JSON.stringify(i8042).length + size("ps2-keyboard") + size("ps2-mouse")).toBeLessThan(
    9000,
  );
});
