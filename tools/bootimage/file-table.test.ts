// The file table, byte for byte, and what a damaged one says.

import { expect, test } from "vitest";
import { fileTableBytes, readFileTable, writeFileTable } from "./file-table.ts";

const entries = [
  { path: "boot/boot.conf", size: 100, block: 25, crc: 0xcafebabe },
  { path: "häus", size: 5 * 2 ** 32 + 1, block: 0xfffffffe, crc: 0 },
  { path: "", size: 0, block: 0, crc: 1 },
];

test("has the layout that the loader reads", () => {
  const table = Buffer.from(writeFileTable(entries));
  expect(table.subarray(0, 12).toString("latin1")).toBe("TRIHTAB1\x03\0\0\0");
  const lines = [
    "6400000000000000 19000000 bebafeca 0e00 626f6f742f626f6f742e636f6e66",
    "0100000005000000 feffffff 00000000 0500 68c3a4757300",
    "0000000000000000 00000000 01000000 0000 000000000000",
  ];
  expect(table.subarray(16).toString("hex")).toBe(lines.join("").replaceAll(" ", ""));
  expect(table.length).toBe(fileTableBytes(entries.map(({ path }) => path)));
  expect(readFileTable(table)).toEqual(entries);
});

test("a damaged or cut table is refused", () => {
  const table = writeFileTable(entries);
  for (let at = 0; at < table.length; at++) {
    if (at >= 8 && at < 12) continue; // the number of entries, see below
    const damaged = table.slice();
    damaged[at] = (damaged[at] as number) ^ 0x10;
    expect(() => readFileTable(damaged), `byte ${at}`).toThrow(/^file table: /);
  }
  const more = table.slice();
  more[8] = 4;
  expect(() => readFileTable(more)).toThrow("file table: ends within entry 3");
  expect(() => readFileTable(table.subarray(0, 10))).toThrow("file table: does not begin with");
});

test("a path that no entry can hold is refused", () => {
  const path = "x".repeat(65536);
  expect(() => writeFileTable([{ path, size: 0, block: 0, crc: 0 }])).toThrow("65535");
});
