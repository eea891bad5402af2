// Images by how they begin, and images whose every field may be anything.

import { describe, expect, test } from "vitest";
import { LoadError } from "../load-error.ts";
import { openFormat } from "./formats.ts";
import type { ImageSource } from "./image.ts";
import { bytesImage } from "./image.ts";
import { MemoryFile } from "./testdata/memory-file.ts";
import { smallImage } from "./testdata/small-image.ts";

const noBacking = (name: string): ImageSource => {
  throw new LoadError(`disk ${name}: there is no such file`);
};

const beginning = (text: string, at = 0): Uint8Array => {
  const bytes = new Uint8Array(4096);
  bytes.set(
    [...text].map((c) => c.charCodeAt(0)),
    at,
  );
  return bytes;
};

test.each([
  ["qcow", beginning("QFI\xfb\0\0\0\x01")],
  ["qed", beginning("QED\0")],
  ["vmdk", beginning("KDMV\x01")],
  ["vmdk", beginning("# Disk DescriptorFile\n")],
  ["vdi", beginning("\x7f\x10\xda\xbe", 0x40)],
  ["vhdx", beginning("vhdxfile")],
  ["vpc", beginning("conectix")],
  ["parallels", beginning("WithoutFreeSpace")],
])("%s images are refused by name", (format, bytes) => {
  expect(() => openFormat(bytesImage("x", bytes), undefined, noBacking)).toThrow(
    `disk x: there is no reader for ${format} images; qemu-img convert -O qcow2`,
  );
  expect(openFormat(bytesImage("x", bytes), "raw", noBacking).size).toBe(4096);
});

test("a guest cannot make its raw disk an image of another format unless raw was said", () => {
  const image = openFormat(new MemoryFile("x", new Uint8Array(4096)), undefined, noBacking);
  expect(() => image.write?.(0, beginning("QFI\xfb\0\0\0\x03"))).toThrow(
    /format=raw was not given/,
  );
  expect(() => image.write?.(2, Uint8Array.of(1, 2))).not.toThrow();
  expect(image.read(0, 4)).toEqual(Uint8Array.of(0, 0, 1, 2));
  const raw = openFormat(new MemoryFile("x", new Uint8Array(4096)), "raw", noBacking);
  expect(() => raw.write?.(0, beginning("QFI\xfb\0\0\0\x03"))).not.toThrow();
});

const changed = (change: (view: DataView) => void): Uint8Array => {
  const bytes = smallImage();
  change(new DataView(bytes.buffer));
  return bytes;
};

describe("a qcow2 header", () => {
  test.each<[string, (view: DataView) => void]>([
    ["qcow version 4", (v) => v.setUint32(4, 4)],
    ["clusters of 2\\^22 bytes", (v) => v.setUint32(20, 22)],
    ["it is encrypted \\(LUKS\\)", (v) => v.setUint32(32, 2)],
    ["it is encrypted \\(AES\\)", (v) => v.setUint32(32, 1)],
    ["it has an external data file", (v) => v.setUint32(76, 4)],
    ["it has extended L2 entries", (v) => v.setUint32(76, 16)],
    [
      "its clusters are compressed with zstd",
      (v) => {
        v.setUint32(76, 8);
        v.setUint32(100, 112);
        v.setUint8(104, 1);
      },
    ],
    ["it has the feature of bit 40", (v) => v.setUint32(72, 1 << 8)],
    ["it is marked as corrupt", (v) => v.setUint32(76, 2)],
    ["it was not closed", (v) => v.setUint32(76, 1)],
    ["a disk of more than 2\\^53 bytes", (v) => v.setUint32(24, 0x40000000)],
    ["its L1 table has 1 entries, and a disk of", (v) => v.setUint32(24, 1)],
    ["its L1 table reaches beyond the end", (v) => v.setUint32(36, 100000)],
    ["its L1 table has .* expected at most", (v) => v.setUint32(36, 0xffffffff)],
    ["its L1 table does not begin with a cluster", (v) => v.setUint32(44, 1)],
    ["its refcount table reaches beyond the end", (v) => v.setUint32(56, 100)],
    ["it has no refcount table", (v) => v.setUint32(56, 0)],
    ["refcounts of 2\\^7 bits", (v) => v.setUint32(96, 7)],
    ["a header of 8 bytes", (v) => v.setUint32(100, 8)],
    [
      "a header extension reaches beyond",
      (v) => {
        v.setUint32(104, 1);
        v.setUint32(108, 0xfffffff0);
      },
    ],
    [
      "the name of its backing file is not where",
      (v) => {
        v.setUint32(12, 500);
        v.setUint32(16, 100);
      },
    ],
    [
      "disk abc: there is no such file",
      (v) => {
        v.setUint32(12, 200);
        v.setUint32(16, 3);
        for (const [i, c] of [0x61, 0x62, 0x63].entries()) v.setUint8(200 + i, c);
      },
    ],
  ])("that cannot be is refused: %s", (message, change) => {
    const open = () => openFormat(new MemoryFile("x", changed(change)), undefined, noBacking);
    expect(open).toThrow(LoadError);
    expect(open).toThrow(new RegExp(message));
  });

  test("of a corrupt image may be read", () => {
    const bytes = changed((v) => v.setUint32(76, 2));
    const image = openFormat(bytesImage("x", bytes), undefined, noBacking);
    expect(image.read(0, 3)).toEqual(Uint8Array.of(1, 1, 1));
  });
});

test("data are not written over tables: the image is marked as corrupt instead", () => {
  // The first cluster of the disk is said to be the header.
  const bytes = changed((v) => v.setUint32(5 * 512 + 4, 0x200 * 3));
  const file = new MemoryFile("x", bytes);
  const image = openFormat(file, undefined, noBacking);
  expect(() => image.write?.(0, new Uint8Array(512))).toThrow(/written over its tables/);
  expect(() => image.write?.(1024, new Uint8Array(512))).toThrow(/written over its tables/);
  expect(file.bytes[79]).toBe(2);
});

test("a full disk of the host is an error to the guest, and the image stays whole", () => {
  const file = new MemoryFile("x", smallImage());
  const image = openFormat(file, undefined, noBacking);
  const nines = new Uint8Array(512).fill(9);
  file.room = file.size;
  // Two clusters of the file are free.
  image.write?.(8192, nines);
  image.write?.(9216, nines);
  expect(() => image.write?.(10240, nines)).toThrow("no space left");
  expect(image.read(10240, 1)).toEqual(Uint8Array.of(0));
  file.room = 1 << 20;
  image.write?.(10240, nines);
  image.flush?.();
  const again = openFormat(bytesImage("x", file.bytes), undefined, noBacking);
  for (const at of [8192, 9216, 10240]) expect(again.read(at, 1)).toEqual(Uint8Array.of(9));
});

test("images with anything anywhere are refused or give errors, soon and in little memory", () => {
  const original = smallImage();
  let state = 1;
  const next = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const began = performance.now();
  let opened = 0;
  for (let round = 0; round < 3000; round++) {
    const bytes = original.slice();
    for (let i = 0; i <= next(6); i++) {
      // Mostly where tables are, and mostly values that mean something.
      const at = next(2) === 0 ? next(112) : next(bytes.length);
      const value = [0, 1, 255, 0x80, 0x40, next(256)][next(6)] as number;
      bytes[at] = value;
    }
    const size = next(10) === 0 ? next(bytes.length) : bytes.length;
    const file = new MemoryFile("x", bytes.subarray(0, size));
    try {
      const image = openFormat(file, "qcow2", noBacking);
      opened++;
      for (let i = 0; i < 8; i++) {
        const at = 512 * next(Math.min(image.size / 512, 128));
        try {
          if (next(2) === 0) image.read(at, 4096);
          else image.write?.(at, new Uint8Array(1024).fill(next(256)));
          if (next(4) === 0) image.flush?.();
        } catch (error) {
          expect((error as Error).message).toMatch(/./);
          expect(error).not.toBeInstanceOf(RangeError);
          expect(error).not.toBeInstanceOf(TypeError);
        }
      }
    } catch (error) {
      expect(error).toBeInstanceOf(LoadError);
    }
  }
  expect(opened).toBeGreaterThan(500);
  // A hang is what this is about, not speed.
  expect(performance.now() - began).toBeLessThan(120_000);
});
