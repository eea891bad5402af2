// Boot parameters: where they go in a binary, and which binaries are refused.

import { expect, test } from "vitest";
import { type BootParameters, readParameters, writeParameters } from "./parameters.ts";

const parameters: BootParameters = {
  imageId: Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i),
  tableBlock: 0x1234,
  tableBytes: 0x5678,
  tableCrc: 0xdeadbeef,
  loaderBlock: 0xffffffff,
  loaderBytes: 77777,
};

function binary(size: number, ...places: number[]): Uint8Array {
  const bytes = Buffer.alloc(size, 0x90);
  for (const place of places) bytes.write("TRIHBOOT", place, "latin1");
  return bytes;
}

test("fills in the 48 bytes behind the magic and nothing else", () => {
  const bytes = binary(200, 61);
  writeParameters(bytes, parameters);
  const expected = Buffer.alloc(200, 0x90);
  expected.write(
    `${Buffer.from("TRIHBOOT").toString("hex")}a0a1a2a3a4a5a6a7a8a9aaabacadaeaf` +
      "3412000078560000efbeaddeffffffffd12f010000000000",
    61,
    "hex",
  );
  expect(Buffer.from(bytes)).toEqual(expected);
  expect(readParameters(bytes)).toEqual(parameters);
});

test("a binary has exactly one place, wholly inside", () => {
  const write = (bytes: Uint8Array) => () => writeParameters(bytes, parameters, "bios.bin");
  expect(write(binary(48, 0))).not.toThrow();
  expect(write(binary(100))).toThrow("bios.bin: has no place for boot parameters");
  expect(write(binary(100, 53))).toThrow("bios.bin: has no place for boot parameters");
  expect(write(binary(300, 5, 200))).toThrow("bios.bin: has two places for boot parameters");
});
