// The floppy controller where QEMU is no oracle: what the manual has and QEMU 7.2 has not, and programs that do anything.

import { expect, test } from "vitest";
import { Disk } from "../../media/disk.ts";
import { bytesImage } from "../../media/image.ts";
import { DEVICE_KINDS } from "../../platform/devices.ts";
import { leaveAsFirmwareDoes } from "../../platform/firmware/post-firmware.ts";
import { ALL_DEVICES, type BareBoard, bareBoard } from "../../platform/testdata/bare-board.ts";
import { floppyImage } from "./testdata/script.ts";

interface Bench extends BareBoard {
  disk: Disk;
  out(port: number, value: number): void;
  read(port: number): number;
  /** A command's bytes, and its answer after `ms`. */
  run(bytes: readonly number[], ms?: number): number[];
}

const MSR = 0x3f4;
const FIFO = 0x3f5;

function bench(readOnly = false): Bench {
  const disk = new Disk("disk0", "floppy", bytesImage("f", floppyImage()), { readOnly });
  const bare = bareBoard(ALL_DEVICES, DEVICE_KINDS, {
    ata: [],
    floppies: [disk, undefined],
    usb: [],
  });
  leaveAsFirmwareDoes(bare.board);
  const out = (port: number, value: number): void => bare.board.ports.write(port, value, 1);
  const read = (port: number): number => bare.board.ports.read(port, 1);
  const answer = (): number[] => {
    const results: number[] = [];
    while ((read(MSR) & 0xf0) === 0xd0 && results.length < 20) results.push(read(FIFO));
    return results;
  };
  const run = (bytes: readonly number[], ms = 30): number[] => {
    for (const b of bytes) out(FIFO, b);
    bare.advance(ms * 1e6);
    return answer();
  };
  out(0x3f2, 0);
  out(0x3f2, 0x1c);
  for (let i = 0; i < 4; i++) run([0x08]);
  run([0x03, 0xdf, 0x02]);
  return { ...bare, disk, out, read, run };
}

/** Channel 2 for `bytes` at 10000h. */
function dma(b: Bench, mode: number, bytes: number): void {
  for (const [port, value] of [
    [0x0a, 6],
    [0x0c, 0],
    [0x0b, mode],
    [0x04, 0],
    [0x04, 0],
    [0x81, 1],
    [0x05, (bytes - 1) & 0xff],
    [0x05, (bytes - 1) >> 8],
    [0x0a, 2],
  ] as const) {
    b.out(port, value);
  }
}

const rw = (opcode: number, c: number, h: number, r: number, eot = 18, dtl = 0xff): number[] => [
  ...[opcode, h << 2, c, h, r, 2, eot, 0x1b, dtl],
];
const seek = (b: Bench, cylinder: number): number[] => {
  b.run([0x0f, 0, cylinder]);
  return b.run([0x08]);
};

test("a board without floppies has no controller", () => {
  expect(bareBoard().board.ports.claimed(0x3f4)).toBe(false);
  expect(bench().board.ports.claimed(0x3f4)).toBe(true);
});

test("a seek takes its time and shows as busy", () => {
  const b = bench();
  expect(b.run([0x0f, 0, 9], 0)).toEqual([]);
  expect(b.read(MSR)).toBe(0x81);
  b.advance(1e6);
  expect(b.read(MSR)).toBe(0x80);
  expect(b.run([0x08])).toEqual([0x20, 9]);
  expect(b.run([0x08])).toEqual([0x80]);
});

test("without terminal count a command ends at the end of the cylinder", () => {
  const b = bench();
  dma(b, 0x46, 0x8000);
  expect(b.run(rw(0x46, 0, 0, 17))).toEqual([0x40, 0x80, 0, 1, 0, 1, 2]);
  expect(b.ram[0x10000]).toBe(16);
});

test("a command that DMA does not serve is overrun", () => {
  const b = bench();
  dma(b, 0x46, 512);
  b.out(0x0a, 6);
  expect(b.run(rw(0x46, 0, 0, 1)).slice(0, 3)).toEqual([0x40, 0x10, 0]);
  // The other direction.
  dma(b, 0x4a, 512);
  expect(b.run(rw(0x46, 0, 0, 1)).slice(0, 3)).toEqual([0x40, 0x10, 0]);
});

test("sectors are found by the whole address, or after an implied seek", () => {
  const b = bench();
  dma(b, 0x46, 512);
  expect(b.run(rw(0x46, 3, 0, 1)).slice(0, 3)).toEqual([0x40, 0x04, 0x10]);
  // The head that is on is not the address's; another size.
  expect(b.run([0x46, 4, 0, 0, 1, 2, 18, 0x1b, 0xff]).slice(1, 3)).toEqual([0x04, 0]);
  expect(b.run([0x46, 0, 0, 0, 1, 3, 18, 0x1b, 0xff]).slice(1, 3)).toEqual([0x04, 0]);
  // FM.
  expect(b.run(rw(0x06, 0, 0, 1)).slice(1, 3)).toEqual([0x01, 0]);
  b.run([0x13, 0, 0x57, 0]);
  expect(b.run(rw(0x46, 3, 0, 1)).slice(0, 3)).toEqual([0, 0, 0]);
  expect(b.ram[0x10000]).toBe(3 * 36);
});

test("a drive without a medium, and one that is not there", () => {
  const b = bench();
  expect(b.run([0x46, 1, 0, 0, 1, 2, 18, 0x1b, 0xff]).slice(0, 3)).toEqual([0x41, 0x01, 0]);
  expect(b.run([0x4a, 3], 300).slice(0, 3)).toEqual([0x43, 0x01, 0]);
  b.run([0x07, 1]);
  expect(b.run([0x08])).toEqual([0x71, 0]);
});

test("FORMAT fills sectors, and takes no address that there is no place for", () => {
  const b = bench();
  seek(b, 2);
  for (let i = 0; i < 18; i++) b.ram.set([2, 1, i + 1, 2], 0x10000 + 4 * i);
  dma(b, 0x4a, 72);
  expect(b.run([0x4d, 4, 2, 18, 0x54, 0xf6]).slice(0, 3)).toEqual([4, 0, 0]);
  const first = (2 * 2 + 1) * 18;
  const track = b.disk.read(first, 18) as Uint8Array;
  expect(track.every((byte) => byte === 0xf6)).toBe(true);
  expect(b.disk.read(first - 1, 1)?.[0]).toBe(first - 1);
  b.ram[0x10002] = 19;
  dma(b, 0x4a, 72);
  expect(b.run([0x4d, 4, 2, 18, 0x54, 0xf6]).slice(0, 3)).toEqual([0x44, 0x04, 0]);
});

test("nothing is written to a medium that is write-protected", () => {
  const b = bench(true);
  for (const bytes of [rw(0x45, 0, 0, 1), [0x4d, 0, 2, 18, 0x54, 0xf6]]) {
    dma(b, 0x4a, 512);
    expect(b.run(bytes).slice(0, 3)).toEqual([0x40, 0x02, 0]);
  }
  expect(b.disk.state.written.size).toBe(0);
});

test("VERIFY and SCAN", () => {
  const b = bench();
  expect(b.run(rw(0xd6, 0, 0, 1)).slice(0, 3)).toEqual([0, 0, 0]);
  expect(b.run([0x56, 0x80, 0, 0, 3, 2, 18, 0x1b, 4])).toEqual([0, 0, 0, 0, 0, 7, 2]);
  b.ram.set(floppyImage().subarray(512, 1024), 0x10000);
  b.ram.set(floppyImage().subarray(1024, 1536), 0x10200);
  dma(b, 0x4a, 1024);
  expect(b.run(rw(0x51, 0, 0, 2, 18, 1)).slice(0, 3)).toEqual([0, 0, 8]);
  dma(b, 0x4a, 1024);
  expect(b.run(rw(0x51, 0, 0, 5, 18, 1)).slice(0, 3)).toEqual([0, 0, 4]);
});

test("through the data register, to the end of the cylinder", () => {
  const b = bench();
  b.run([0x03, 0xdf, 0x03]);
  b.run(rw(0x45, 0, 0, 17), 1);
  for (let i = 0; i < 1024; i++) {
    expect(b.read(MSR)).toBe(0xb0);
    b.out(FIFO, i);
  }
  expect(b.run([])).toEqual([0x40, 0x80, 0, 1, 0, 1, 2]);
  expect([...(b.disk.read(16, 2) as Uint8Array)]).toEqual(
    Array.from({ length: 1024 }, (_, i) => i & 0xff),
  );
});

test("a reset takes back what is not locked", () => {
  const b = bench();
  const configuration = (): number[] => b.run([0x0e]).slice(8);
  const reset = (): void => {
    b.out(0x3f2, 0x18);
    b.out(0x3f2, 0x1c);
  };
  b.run([0x13, 0, 0x57, 0x09]);
  reset();
  expect(configuration()).toEqual([0x20, 0]);
  b.run([0x13, 0, 0x57, 0x09]);
  b.run([0x94]);
  reset();
  expect(configuration()).toEqual([0x07, 0x09]);
  // In the middle of a command.
  b.run(rw(0x46, 0, 0, 1), 0);
  reset();
  b.advance(1e9);
  expect(b.read(MSR)).toBe(0x80);
});

test("a snapshot in the middle of a command goes on", () => {
  const [b, other] = [bench(), bench()];
  dma(b, 0x46, 512);
  b.run(rw(0x46, 0, 0, 5), 0);
  other.board.restore(b.board.save());
  expect(other.run([])).toEqual([0, 0, 0, 0, 0, 6, 2]);
  expect(other.ram[0x10000]).toBe(4);
  b.run([0x03, 0xdf, 0x03]);
  b.run([]);
  b.run([0x03, 0xdf, 0x03]);
  b.run(rw(0x46, 0, 0, 8), 1);
  expect([b.read(FIFO), b.read(FIFO)]).toEqual([7, 0]);
  other.board.restore(b.board.save());
  expect([other.read(FIFO), other.read(FIFO)]).toEqual([0x0b, 0xf1]);
});

test("programs that do anything stop nothing", () => {
  const b = bench();
  let seed = 1;
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
    return (seed >>> 8) % below;
  };
  for (let i = 0; i < 40_000; i++) {
    const port = [0x3f5, 0x3f5, 0x3f5, 0x3f5, 0x3f2, 0x3f4, 0x3f7, 0x3f3, 0x0a, 0x0b, 0x05, 0x08];
    const at = port[random(port.length)] as number;
    if (random(3) === 0) expect(b.read(at)).toBeLessThan(256);
    else b.out(at, at === 0x3f2 && random(8) > 0 ? 0x1c : random(256));
    if (random(16) === 0) b.advance(random(1_000_000));
  }
  b.out(0x3f2, 0);
  b.out(0x3f2, 0x1c);
  expect(b.read(MSR)).toBe(0x80);
  expect(b.run([0x08])).toEqual([0xc0, 0]);
});
