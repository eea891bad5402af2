// The DMA controllers from a device's end: what a channel moves, where to, and how it ends.

import { describe, expect, test } from "vitest";
import { leaveAsFirmwareDoes } from "../platform/firmware/post-firmware.ts";
import { type BareBoard, bareBoard } from "../platform/testdata/bare-board.ts";
import { Dma8237, type DmaChannel } from "./dma8237.ts";

interface Bench extends BareBoard {
  out(port: number, value: number): void;
  read(port: number): number;
  channel(n: number): DmaChannel;
}

function bench(): Bench {
  const bare = bareBoard();
  leaveAsFirmwareDoes(bare.board);
  return {
    ...bare,
    out: (port, value) => bare.board.ports.write(port, value, 1),
    read: (port) => bare.board.ports.read(port, 1),
    channel: (n) => (bare.board.find(Dma8237) as Dma8237).channel(n),
  };
}

/** Programs channel 2 (`wide`: 6) and unmasks it. */
function program(
  b: Bench,
  mode: number,
  address: number,
  count: number,
  page = 1,
  wide = false,
): void {
  const at = (register: number): number => (wide ? 0xc0 + 2 * register : register);
  b.out(at(12), 0);
  b.out(at(11), mode | 2);
  for (const [register, value] of [
    [4, address],
    [5, count],
  ] as const) {
    b.out(at(register), value & 0xff);
    b.out(at(register), value >> 8);
  }
  b.out(wide ? 0x89 : 0x81, page);
  b.out(at(10), 2);
}

const bytes = (...values: number[]): Uint8Array => Uint8Array.from(values);
const word = (b: Bench, port: number): number => {
  b.out(0x0c, 0);
  return b.read(port) | (b.read(port) << 8);
};

describe("8237A", () => {
  test("moves bytes to memory and ends at the count, then is masked", () => {
    const b = bench();
    program(b, 0x44, 0x1000, 3);
    expect(b.channel(2).put(bytes(1, 2))).toEqual({ moved: 2, terminalCount: false });
    expect([word(b, 4), word(b, 5), b.read(8)]).toEqual([0x1002, 1, 0]);
    expect(b.channel(2).put(bytes(3, 4, 5))).toEqual({ moved: 2, terminalCount: true });
    expect([...b.ram.subarray(0x11000, 0x11005)]).toEqual([1, 2, 3, 4, 0]);
    expect([word(b, 4), word(b, 5), b.read(8), b.read(8)]).toEqual([0x1004, 0xffff, 4, 0]);
    expect(b.read(9)).toBe(0x0f);
    expect(b.channel(2).put(bytes(6))).toEqual({ moved: 0, terminalCount: false });
  });

  test("moves bytes from memory", () => {
    const b = bench();
    b.ram.set([7, 8, 9], 0x11000);
    program(b, 0x48, 0x1000, 2);
    expect(b.channel(2).take(8)).toEqual({
      moved: 3,
      terminalCount: true,
      bytes: bytes(7, 8, 9, 0, 0, 0, 0, 0),
    });
  });

  test("begins anew where the mode says so", () => {
    const b = bench();
    program(b, 0x54, 0x1000, 1);
    expect(b.channel(2).put(bytes(1, 2, 3))).toEqual({ moved: 2, terminalCount: true });
    expect([word(b, 4), word(b, 5), b.read(9)]).toEqual([0x1000, 1, 0x0b]);
    expect(b.channel(2).put(bytes(9)).moved).toBe(1);
    expect([...b.ram.subarray(0x11000, 0x11002)]).toEqual([9, 2]);
  });

  test("goes downwards, and round within its page", () => {
    const b = bench();
    program(b, 0x64, 1, 3);
    expect(b.channel(2).put(bytes(1, 2, 3, 4)).moved).toBe(4);
    expect([b.ram[0x10001], b.ram[0x10000], b.ram[0x1ffff], b.ram[0x1fffe]]).toEqual([1, 2, 3, 4]);
    program(b, 0x04, 0xffff, 1);
    b.channel(2).put(bytes(5, 6));
    expect([b.ram[0x1ffff], b.ram[0x10000], b.ram[0x20000]]).toEqual([5, 6, 0]);
  });

  test("counts alone when it verifies, and does nothing the other way round", () => {
    const b = bench();
    program(b, 0x40, 0x1000, 1);
    expect(b.channel(2).put(bytes(1, 2, 3))).toEqual({ moved: 2, terminalCount: true });
    expect(b.ram[0x11000]).toBe(0);
    for (const mode of [0x48, 0x4c, 0xc4]) {
      program(b, mode, 0x1000, 1);
      expect(b.channel(2).put(bytes(1, 2)).moved).toBe(0);
    }
  });

  test("moves words on the second controller, whose pages are of 128 KiB", () => {
    const b = bench();
    program(b, 0x44, 0x8001, 1, 3, true);
    expect(b.channel(6).put(bytes(1, 2, 3, 4, 5, 6))).toEqual({ moved: 4, terminalCount: true });
    expect([...b.ram.subarray(0x30002, 0x30008)]).toEqual([1, 2, 3, 4, 0, 0]);
  });

  test("serves nobody while it is off, masked, or the cascade is", () => {
    const b = bench();
    const moves = (): number => {
      program(b, 0x44, 0x1000, 0xff);
      return b.channel(2).put(bytes(1)).moved;
    };
    expect(moves()).toBe(1);
    b.out(8, 4);
    expect(moves()).toBe(0);
    b.out(8, 0);
    b.out(0xd4, 4);
    expect(moves()).toBe(0);
    b.out(0xd4, 0);
    expect(moves()).toBe(1);
    b.out(0x0d, 0);
    expect(b.channel(2).put(bytes(1)).moved).toBe(0);
  });

  test("shows requests of devices and of software", () => {
    const b = bench();
    b.channel(2).request(true);
    expect(b.read(8)).toBe(0x40);
    b.channel(2).request(false);
    b.out(9, 7);
    expect(b.read(8)).toBe(0x80);
    expect(b.remarks).toContain("DMA transfer that software requests");
    b.out(9, 3);
    expect(b.read(8)).toBe(0);
  });
});
