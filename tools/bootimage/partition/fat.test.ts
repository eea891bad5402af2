// FAT file systems against the checkers and readers of others: dosfstools and mtools.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { hasTool } from "../../testing/host-tools.ts";
import { type FatFile, type FatOptions, writeFat } from "./fat.ts";

const MIB = 1024 * 1024;
const directory = mkdtempSync(join(tmpdir(), "fat-test-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const contents = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 7 + (at >> 8) + seed) & 0xff);

const FILES: FatFile[] = [
  { path: "EFI/BOOT/BOOTX64.EFI", contents: contents(300_001, 1) },
  { path: "EFI/BOOT/A", contents: contents(1, 2) },
  { path: "EFI/EMPTY.TXT", contents: new Uint8Array() },
  { path: "README.TXT", contents: contents(2048, 3) },
];

function options(bytes: number, files: readonly FatFile[] = FILES): FatOptions {
  return { bytes, hiddenSectors: 2048, serial: 0x1234abcd, label: "Trihedron", files };
}

/** FAT12, FAT16, FAT32, and sizes around the counts of clusters that part them. */
const SIZES: [number, number][] = [
  [MIB, 12],
  [8 * MIB, 12],
  [4084 * 2048 + 56 * 512, 12],
  [4084 * 2048 + 60 * 512, 12],
  [4085 * 2048 + 60 * 512, 12],
  [4085 * 2048 + 64 * 512, 12],
  [4085 * 2048 + 68 * 512, 16],
  [9 * MIB, 16],
  [128 * MIB, 16],
  [65_525 * 2048 + 1056 * 512, 16],
  [65_525 * 2048 + 1060 * 512, 32],
  [130 * MIB, 32],
];

/** The kind that the number of clusters makes it: section 3.5 of the specification. */
function kindOf(bytes: Uint8Array): number {
  const view = new DataView(bytes.buffer);
  const sectors = view.getUint16(19, true) || view.getUint32(32, true);
  const fatSectors = view.getUint16(22, true) || view.getUint32(36, true);
  const root = (view.getUint16(17, true) * 32) / 512;
  const clusters = Math.floor((sectors - view.getUint16(14, true) - 2 * fatSectors - root) / 4);
  return clusters < 4085 ? 12 : clusters < 65_525 ? 16 : 32;
}

for (const [size, kind] of SIZES) {
  describe(`FAT${kind} of ${size} bytes`, () => {
    const image = join(directory, `${size}.img`);
    const made = writeFat(options(size));

    test("says the kind that its clusters make", () => {
      const name = Buffer.from(made.bytes)
        .toString("latin1", kind === 32 ? 82 : 54)
        .slice(0, 5);
      expect(name).toBe(`FAT${kind}`);
      expect(kindOf(made.bytes)).toBe(kind);
    });

    test("says where files are, in one piece on multiples of 2048", () => {
      for (const { path, contents } of FILES) {
        const offset = made.offsets.get(path) as number;
        expect(offset % 2048).toBe(0);
        const there = made.bytes.subarray(offset, offset + contents.length);
        expect(Buffer.from(there).equals(contents), path).toBe(true);
      }
    });

    test.skipIf(!hasTool("fsck.fat", ["--help"]))("fsck.fat finds nothing", () => {
      writeFileSync(image, made.bytes);
      const { status, stdout } = spawnSync("fsck.fat", ["-n", "-v", image], { encoding: "utf8" });
      expect({ status, stdout }).toEqual({ status: 0, stdout: expect.anything() });
      expect(stdout).not.toMatch(/differ|wrong|error/i);
    });

    test.skipIf(!hasTool("mtype"))("mtools read what was put in", () => {
      writeFileSync(image, made.bytes);
      for (const { path, contents } of FILES) {
        const { stdout } = spawnSync("mtype", ["-i", image, `::${path}`]);
        expect(stdout.equals(contents), path).toBe(true);
      }
      const { stdout } = spawnSync("mdir", ["-i", image, "-b", "-/", "::"], { encoding: "utf8" });
      expect(
        stdout
          .split(/\s+/)
          .filter((name) => name && !name.endsWith("/"))
          .sort(),
      ).toEqual(FILES.map(({ path }) => `::/${path}`).sort());
    });
  });
}

test("what does not fit or has no short name is refused", () => {
  const big = { path: "BIG", contents: new Uint8Array(MIB) };
  expect(() => writeFat(options(MIB, [big]))).toThrow("1048576 bytes are too few for its files");
  expect(() => writeFat(options(2048))).toThrow("no FAT file system has 2048 bytes");
  for (const path of ["bootx64.efi", "BOOTX64.EFIX", "A/TOO-LONG-", "A//B", ".A"]) {
    const file = { path, contents: new Uint8Array() };
    expect(() => writeFat(options(MIB, [file])), path).toThrow("has no name of 8.3 characters");
  }
  const twice = [FILES[1], FILES[1]] as FatFile[];
  expect(() => writeFat(options(MIB, twice))).toThrow("EFI/BOOT/A is there twice");
});
