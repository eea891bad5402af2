// Volumes that are too large for a test's disk: extents of files over 4 GiB, and what a volume cannot count.

import { expect, test } from "vitest";
import { layOutVolume } from "./layout.ts";
import type { IsoFile } from "./tree.ts";

const GIB = 2 ** 30;
const FIRST = 1000;

interface DirectoryRecord {
  name: string;
  block: number;
  bytes: number;
  /** Another extent of the file follows. */
  goesOn: boolean;
}

/** Records of the root in the plain tree or in Joliet's, without the folder's own two. */
function rootRecords(files: IsoFile[], tree: "plain" | "joliet"): DirectoryRecord[] {
  const { directories, [tree]: places } = layOutVolume(files, FIRST);
  const start = (places.root.block - FIRST) * 2048;
  const bytes = Buffer.from(directories.subarray(start, start + places.root.bytes));
  const records: DirectoryRecord[] = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUInt8(at);
    if (length === 0) {
      at = (Math.floor(at / 2048) + 1) * 2048;
      continue;
    }
    expect(bytes.readUInt32LE(at + 2)).toBe(bytes.readUInt32BE(at + 6));
    expect(bytes.readUInt32LE(at + 10)).toBe(bytes.readUInt32BE(at + 14));
    const text = bytes.subarray(at + 33, at + 33 + bytes.readUInt8(at + 32));
    const isUnicode = tree === "joliet" && text.length > 1;
    records.push({
      name: isUnicode ? Buffer.from(text).swap16().toString("utf16le") : text.toString("latin1"),
      block: bytes.readUInt32LE(at + 2),
      bytes: bytes.readUInt32LE(at + 10),
      goesOn: (bytes.readUInt8(at + 25) & 0x80) !== 0,
    });
    at += length;
  }
  return records.slice(2);
}

test("a file of 4 GiB and more has extents of whole blocks, one behind the other", () => {
  const sizes = [4 * GIB - 2048, 4 * GIB - 2047, 4 * GIB, 13 * GIB + 777];
  const files = sizes.map((size, at) => ({ path: `F${at}`, size }));
  const { blocks, end } = layOutVolume(files, FIRST);
  for (const tree of ["plain", "joliet"] as const) {
    const records = rootRecords(files, tree);
    for (const [at, file] of files.entries()) {
      const own = records.filter(({ name }) => name.startsWith(`F${at}`));
      expect(own).toHaveLength([1, 2, 2, 4][at] as number);
      expect(own.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(file.size);
      expect(own.map(({ goesOn }) => goesOn)).toEqual(
        own.map((_, index) => index < own.length - 1),
      );
      let block = blocks.get(file) as number;
      for (const record of own) {
        expect(record.block).toBe(block);
        block += Math.ceil(record.bytes / 2048);
      }
    }
  }
  const total = sizes.reduce((sum, size) => sum + Math.ceil(size / 2048), 0);
  expect(end - (blocks.get(files[0] as IsoFile) as number)).toBe(total);
});

test("more than blocks of 32 bits count is refused by the file that is too much", () => {
  const files = [
    { path: "small", size: 5 },
    { path: "large", size: 8 * 1024 * GIB - 2048 },
  ];
  expect(() => layOutVolume(files, FIRST)).toThrow(
    "large: the image gets larger than the 8 TiB that ISO 9660 counts",
  );
});

test("more folders than a path table counts are refused", () => {
  const paths = (count: number) =>
    Array.from({ length: count }, (_, at) => ({ path: `${at}/x`, size: 0 }));
  expect(() => layOutVolume(paths(65_535), FIRST)).toThrow("more than 65535 folders");
});

test("a folder of twenty thousand files, folders a thousand deep", () => {
  const files = Array.from({ length: 20_000 }, (_, at) => ({
    path: `many/file ${at}`,
    size: at % 3,
  }));
  expect(layOutVolume(files, FIRST).blocks.size).toBe(20_000);
  const deep = { path: `${"d/".repeat(1000)}x`, size: 1 };
  expect(layOutVolume([deep], FIRST).blocks.get(deep)).toBeGreaterThan(FIRST + 2000);
});
