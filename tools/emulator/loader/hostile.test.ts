// Files that are broken in every which way: the loaders either lay them out inside the machine's
// memory or say in one line what is wrong, and never anything else.

import { expect, test } from "vitest";
import { LoadError } from "../load-error.ts";
import { busGuest } from "../platform/testdata/bus-guest.ts";
import { loadKernel } from "./kernel.ts";

const ramBytes = 64 << 20;
const machine = { ramBytes, hasDisplay: true };

/** xorshift32: the same mutations in every run. */
function random(seed: number): () => number {
  let x = seed;
  return () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
}

/** A bzImage header with plausible fields. */
function bzImage(): Uint8Array {
  const data = new Uint8Array(8192);
  const view = new DataView(data.buffer);
  data[0x1f1] = 1;
  view.setUint16(0x1fe, 0xaa55, true);
  view.setUint32(0x202, 0x53726448, true);
  view.setUint16(0x206, 0x020f, true);
  data[0x201] = 0x6a;
  data[0x211] = 1;
  view.setUint32(0x22c, 0x7fffffff, true);
  view.setUint32(0x230, 0x200000, true);
  data[0x234] = 1;
  view.setUint16(0x236, 1, true);
  view.setUint32(0x238, 2047, true);
  view.setBigUint64(0x258, 0x1000000n, true);
  view.setUint32(0x260, 0x100000, true);
  return data;
}

/** A Multiboot 2 header with an address tag and a module list behind it. */
function multiboot2(): Uint8Array {
  const data = new Uint8Array(4096);
  const view = new DataView(data.buffer);
  const words = [0xe85250d6, 0, 48, 0, 2, 24, 0x100000, 0x100000, 0, 0, 0, 8];
  words[3] = -(0xe85250d6 + 48) >>> 0;
  words.forEach((w, i) => {
    view.setUint32(i * 4, w, true);
  });
  return data;
}

test.each([
  ["Multiboot 1 ELF", busGuest()],
  ["Multiboot 2 image", multiboot2()],
  ["bzImage", bzImage()],
])("mutated files: %s", (_what, good) => {
  const next = random(0x1234567);
  let loaded = 0;
  let refused = 0;
  for (let i = 0; i < 3000; i++) {
    const data = good.slice(0, next() % 8 === 0 ? next() % good.length : good.length);
    const changes = 1 + (next() % 4);
    // Most of what loaders read is in the first KiB.
    for (let k = 0; k < changes && data.length > 0; k++) {
      data[next() % Math.min(data.length, 0x280)] = [0, 0xff, 0x80, 0x7f, next() & 0xff][
        next() % 5
      ] as number;
    }
    const modules = [{ file: { name: "m", data: new Uint8Array(100) }, commandLine: "m" }];
    try {
      const image = loadKernel({ name: "k", data }, modules, "x", machine);
      for (const c of image.chunks) {
        expect(c.address + c.size).toBeLessThanOrEqual(64 << 20);
        expect(c.size).toBeGreaterThanOrEqual(c.data.length);
      }
      loaded++;
    } catch (error) {
      expect(error).toBeInstanceOf(LoadError);
      expect((error as Error).message).not.toContain("\n");
      refused++;
    }
  }
  expect(loaded).toBeGreaterThan(100);
  expect(refused).toBeGreaterThan(100);
});
