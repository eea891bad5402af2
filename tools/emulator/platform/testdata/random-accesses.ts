// Random accesses to every device of a board, the same for the same seed: port and memory reads and
// writes, time that passes, input from outside.

import type { BareBoard } from "./bare-board.ts";

/** xorshift32: numbers 0 … 2^32 - 1. */
export function random(seed: number): () => number {
  let x = seed >>> 0 || 1;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

/** Ports and memory where devices are; other places are trivial. */
const PORTS = [
  0x20, 0x21, 0x40, 0x41, 0x42, 0x43, 0x60, 0x61, 0x64, 0x70, 0x71, 0x80, 0x92, 0xa0, 0xa1, 0xb2,
  0xb3, 0xe9, 0x1ce, 0x1cf, 0x3b4, 0x3b5, 0x3c0, 0x3c1, 0x3c2, 0x3c4, 0x3c5, 0x3c6, 0x3c7, 0x3c8,
  0x3c9, 0x3ce, 0x3cf, 0x3d4, 0x3d5, 0x3da, 0x3f8, 0x3f9, 0x3fa, 0x3fb, 0x3fc, 0x3fd, 0x3fe, 0x3ff,
  0x4d0, 0x4d1, 0x510, 0x511, 0x514, 0x518, 0x600, 0x602, 0x604, 0x608, 0x620, 0x628, 0xcf8, 0xcf9,
  0xcfc, 0xcfd, 0xcfe, 0xffff,
] as const;
const REGIONS = [
  0xa0000, 0xb8000, 0xb0000000, 0xb0008000, 0xb00f8000, 0xfd000000, 0xfebd4400, 0xfebd4500,
  0xfec00000, 0xfed00000, 0xfed00100,
] as const;
const VALUES = [0, 1, 0xff, 0x80, 0xffff, 0xffffffff] as const;

/** One step; what was read, or undefined. */
function step(bare: BareBoard, next: () => number): number | undefined {
  const { board } = bare;
  const size = [1, 2, 4][next() % 3] as number;
  const value = next() % 3 === 0 ? (VALUES[next() % VALUES.length] as number) : next();
  const port = PORTS[next() % PORTS.length] as number;
  const region = REGIONS[next() % REGIONS.length] as number;
  const address = region + ((next() % 0x200) & ~(size - 1));
  let read: number | undefined;
  switch (next() % 4) {
    case 0:
      board.ports.write(port, value >>> 0, size);
      break;
    case 1:
      read = board.ports.read(port, size);
      break;
    case 2:
      board.mmio.write(address, value >>> 0, size);
      break;
    default:
      read = board.mmio.read(address, size);
  }
  if (next() % 16 === 0) bare.advance(next() % 50_000);
  if (next() % 64 === 0) board.serialPorts[0]?.receive([value & 0xff]);
  if (next() % 64 === 0) board.keyboard.key(value & 0x7f, (value & 0x80) === 0);
  if (next() % 64 === 0) board.mouse.move((value & 0xff) - 128, 3, 0, value & 7);
  if (next() % 64 === 0) board.ioapic.endOfInterrupt(value & 0xff);
  if (next() % 256 === 0) read = board.pic.acknowledge();
  return read;
}

/** Performs `count` steps; the values read, with -1 for steps that read nothing. */
export function randomAccesses(bare: BareBoard, next: () => number, count: number): number[] {
  return Array.from({ length: count }, () => step(bare, next) ?? -1);
}
