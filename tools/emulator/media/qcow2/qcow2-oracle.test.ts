// Images of QEMU's: what is written here, qemu-img reads, and finds nothing wrong with; the other way round too.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ImageSource } from "../image.ts";
import { bytesImage } from "../image.ts";
import { MemoryFile } from "../testdata/memory-file.ts";
import { checkImage, contentsOf, hasQemuImg, qemuImg, qemuIo } from "../testdata/qemu-img.ts";
import { openQcow2 } from "./image.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "qcow2-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

let made = 0;
const path = (): string => join(folder, `${made++}.qcow2`);

const noBacking = (): ImageSource => {
  throw new Error("no backing file is expected");
};

/** Numbers that look random, always the same. */
function random(seed: number): (below: number) => number {
  let state = seed + 1;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

const pattern = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

const SHAPES = [
  "compat=0.10",
  "compat=1.1",
  "cluster_size=512",
  "cluster_size=512,refcount_bits=1",
  "cluster_size=1024,refcount_bits=2",
  "cluster_size=4096,refcount_bits=4",
  "cluster_size=4096,refcount_bits=8",
  "cluster_size=2M,refcount_bits=32",
  "cluster_size=512,refcount_bits=64",
  "lazy_refcounts=on",
  "preallocation=metadata",
];
const DISK = 6 << 20;

/** Writes at random places, of a few bytes to some clusters; what the disk has to be afterwards. */
function writeSome(
  image: ImageSource,
  contents: Uint8Array,
  rounds: number,
  seed: number,
  flushes = true,
): void {
  const next = random(seed);
  for (let i = 0; i < rounds; i++) {
    const length = 512 * (1 + next(next(8) === 0 ? 300 : 8));
    const offset = 512 * next((contents.length - length) / 512 + 1);
    const bytes = pattern(length, 1 + next(255));
    image.write?.(offset, bytes);
    contents.set(bytes, offset);
    if (flushes && next(20) === 0) image.flush?.();
    const at = 512 * next(contents.length / 512 - 4);
    expect(image.read(at, 2048)).toEqual(contents.slice(at, at + 2048));
  }
}

describe.skipIf(!hasQemuImg)("qcow2 images, with qemu-img", () => {
  test.each(SHAPES)("are read and written: %s", (shape) => {
    const file = path();
    qemuImg("create", "-q", "-f", "qcow2", "-o", shape, file, `${DISK}`);
    qemuIo(file, "write -P 17 1M 300k", "write -z 1200k 64k", "write -P 18 5M 1k");
    const contents = new Uint8Array(contentsOf(file));
    const memory = new MemoryFile(file, readFileSync(file));
    const image = openQcow2(memory, noBacking);
    expect(image.size).toBe(DISK);
    expect(Buffer.compare(image.read(0, DISK), contents)).toBe(0);
    writeSome(image, contents, 200, SHAPES.indexOf(shape));
    image.close?.();
    writeFileSync(file, memory.bytes);
    expect(checkImage(file)).toEqual({ leaks: 0, errors: 0 });
    expect(Buffer.compare(contentsOf(file), contents)).toBe(0);
    expect(Buffer.compare(openQcow2(memory, noBacking).read(0, DISK), contents)).toBe(0);
  });

  test("tables of refcounts grow", () => {
    const file = path();
    qemuImg("create", "-q", "-f", "qcow2", "-o", "cluster_size=512,refcount_bits=64", file, "5M");
    const memory = new MemoryFile(file, readFileSync(file));
    const image = openQcow2(memory, noBacking);
    const contents = new Uint8Array(5 << 20);
    for (let at = 0; at < contents.length; at += 1 << 16) {
      const bytes = pattern(1 << 16, 1 + ((at >> 16) % 255));
      image.write?.(at, bytes);
      contents.set(bytes, at);
    }
    image.close?.();
    writeFileSync(file, memory.bytes);
    expect(checkImage(file)).toEqual({ leaks: 0, errors: 0 });
    expect(Buffer.compare(contentsOf(file), contents)).toBe(0);
  });

  test.each(["512", "4096", "65536", "2M"])(
    "compressed clusters of %s are read and replaced",
    (size) => {
      const raw = join(folder, `${made++}.raw`);
      const contents = new Uint8Array(DISK);
      const next = random(5);
      // Some of it can be compressed well, some hardly.
      for (let i = 0; i < DISK / 2; i++) contents[i] = i < DISK / 4 ? i >> 9 : next(256);
      writeFileSync(raw, contents);
      const file = path();
      qemuImg("convert", "-q", "-c", "-O", "qcow2", "-o", `cluster_size=${size}`, raw, file);
      const memory = new MemoryFile(file, readFileSync(file));
      const image = openQcow2(memory, noBacking);
      expect(Buffer.compare(image.read(0, DISK), contents)).toBe(0);
      writeSome(image, contents, 200, 9);
      image.close?.();
      writeFileSync(file, memory.bytes);
      expect(checkImage(file)).toEqual({ leaks: 0, errors: 0 });
      expect(Buffer.compare(contentsOf(file), contents)).toBe(0);
    },
  );

  test.each(["512", "65536"])("internal snapshots stay what they are, clusters of %s", (size) => {
    const file = path();
    qemuImg("create", "-q", "-f", "qcow2", "-o", `cluster_size=${size}`, file, `${DISK}`);
    qemuIo(file, "write -P 1 0 2M", "write -P 2 3M 100k");
    const before = new Uint8Array(contentsOf(file));
    qemuImg("snapshot", "-c", "kept", file);
    const memory = new MemoryFile(file, readFileSync(file));
    const image = openQcow2(memory, noBacking);
    const contents = before.slice();
    writeSome(image, contents, 300, 3);
    image.close?.();
    writeFileSync(file, memory.bytes);
    expect(checkImage(file)).toEqual({ leaks: 0, errors: 0 });
    expect(Buffer.compare(contentsOf(file), contents)).toBe(0);
    qemuImg("snapshot", "-a", "kept", file);
    expect(Buffer.compare(contentsOf(file), before)).toBe(0);
    qemuImg("snapshot", "-d", "kept", file);
    expect(checkImage(file)).toEqual({ leaks: 0, errors: 0 });
  });

  test.each(["1.1", "0.10"])("backing files show through, version %s", (compat) => {
    const base = join(folder, `${made++}.raw`);
    const below = pattern(2 << 20, 99);
    writeFileSync(base, below);
    const file = path();
    const options = ["-o", `compat=${compat},cluster_size=4096`, "-b", base, "-F", "raw"];
    qemuImg("create", "-q", "-f", "qcow2", ...options, file, `${DISK}`);
    const memory = new MemoryFile(file, readFileSync(file));
    const image = openQcow2(memory, (name, format) => {
      expect([name, format]).toEqual([base, "raw"]);
      return bytesImage(name, below);
    });
    const contents = new Uint8Array(DISK);
    contents.set(below);
    expect(Buffer.compare(image.read(0, DISK), contents)).toBe(0);
    writeSome(image, contents, 200, 4);
    image.close?.();
    writeFileSync(file, memory.bytes);
    expect(checkImage(file)).toEqual({ leaks: 0, errors: 0 });
    expect(Buffer.compare(contentsOf(file), contents)).toBe(0);
    expect(Buffer.compare(readFileSync(base), below)).toBe(0);
  });

  test("a process that dies anywhere leaves clusters at most, and what was flushed", () => {
    const file = path();
    qemuImg("create", "-q", "-f", "qcow2", "-o", "cluster_size=512", file, "1M");
    qemuIo(file, "write -P 1 0 300k");
    qemuImg("snapshot", "-c", "kept", file);
    const original = readFileSync(file);
    const next = random(8);
    for (let round = 0; round < 25; round++) {
      const memory = new MemoryFile(file, new Uint8Array(original));
      const image = openQcow2(memory, noBacking);
      const flushed = new Uint8Array(image.read(0, 1 << 20));
      writeSome(image, flushed, 60, round);
      image.flush?.();
      memory.dieAfter(next(400));
      const later = flushed.slice();
      writeSome(image, later, 60, round + 100);
      image.close?.();
      writeFileSync(file, memory.bytes);
      expect(checkImage(file).errors, `round ${round}`).toBe(0);
      const now = contentsOf(file);
      for (let at = 0; at < now.length; at += 512) {
        const same = (other: Uint8Array): boolean =>
          Buffer.compare(now.subarray(at, at + 512), other.subarray(at, at + 512)) === 0;
        if (same(flushed) || same(later)) continue;
        // Between the two it may be what was there in between, but only where it was written again.
        expect(
          Buffer.compare(flushed.subarray(at, at + 512), later.subarray(at, at + 512)),
        ).not.toBe(0);
      }
    }
  });

  test.each(SHAPES)("are written in turns with QEMU: %s", (shape) => {
    const file = path();
    qemuImg("create", "-q", "-f", "qcow2", "-o", shape, file, "2M");
    const next = random(SHAPES.indexOf(shape) + 40);
    const contents = new Uint8Array(2 << 20);
    const hasSnapshots = !shape.includes("refcount_bits=1");
    for (let turn = 0; turn < 4; turn++) {
      const commands: string[] = [];
      for (let i = 0; i < 12; i++) {
        const length = 512 * (1 + next(60));
        const offset = 512 * next((contents.length - length) / 512);
        const value = 1 + next(255);
        // Zeros of version 3 are entries of their own; what is discarded reads as zeros here.
        const how = next(4);
        const zeros = how === 0 ? "write -z" : how === 1 ? "write -z -u" : undefined;
        commands.push(`${zeros ?? `write -P ${value}`} ${offset} ${length}`);
        contents.fill(zeros === undefined ? value : 0, offset, offset + length);
      }
      qemuIo(file, ...commands);
      if (turn === 1 && hasSnapshots) qemuImg("snapshot", "-c", "between", file);
      const memory = new MemoryFile(file, readFileSync(file));
      const image = openQcow2(memory, noBacking);
      expect(Buffer.compare(image.read(0, contents.length), contents)).toBe(0);
      writeSome(image, contents, 40, turn);
      image.close?.();
      writeFileSync(file, memory.bytes);
      expect(checkImage(file)).toEqual({ leaks: 0, errors: 0 });
    }
    expect(Buffer.compare(contentsOf(file), contents)).toBe(0);
  });

  test("flags that others set are cleared or heeded", () => {
    const file = path();
    qemuImg("create", "-q", "-f", "qcow2", file, "1M");
    qemuImg("bitmap", "--add", file, "changes");
    const memory = new MemoryFile(file, readFileSync(file));
    const image = openQcow2(memory, noBacking);
    image.write?.(0, pattern(512, 5));
    image.close?.();
    writeFileSync(file, memory.bytes);
    expect(checkImage(file).errors).toBe(0);
    expect(contentsOf(file)[0]).toBe(5);
  });
});
