// Extended attributes and memory: what they take comes from what files may have, and goes with the file. What programs
// see of them is compared with Linux (tools/compare-linux/cases/c/xattrs.c).

import { beforeEach, expect, it } from "vitest";
import { Machine } from "../testing/machine.ts";
import { sampleProgram, tarOf } from "../testing/samples.ts";
import {
  SYS_close,
  SYS_creat,
  SYS_listxattr,
  SYS_mmap,
  SYS_removexattr,
  SYS_setxattr,
  SYS_unlink,
} from "./numbers.ts";

const TEXT = 0x40_2000n;
const ENOSPC = -28n;
const VALUE_BYTES = 65_536n;

let machine: Machine;
let value: bigint;

beforeEach(async () => {
  machine = await Machine.create();
  expect(
    machine.unpack(await tarOf([{ name: "bin/sample", mode: 0o755, data: sampleProgram() }])),
  ).toBe(true);
  expect(machine.launch("linux bin/sample")).toBe(0);
  value = machine.call(1, SYS_mmap, 0, VALUE_BYTES, 3, 0x22, -1, 0);
});

function put(text: string, at = TEXT): bigint {
  machine.poke(1, at, Buffer.from(`${text}\0`));
  return at;
}

const file = () => put("/tmp/f");
const set = (name: string) =>
  machine.call(1, SYS_setxattr, file(), put(name, TEXT + 64n), value, VALUE_BYTES, 0);

it("has no room left before memory is out, and gives it back with the file", () => {
  expect(machine.call(1, SYS_creat, file(), 0o644)).toBe(3n);
  expect(set("user.first")).toBe(0n);
  expect(machine.call(1, SYS_removexattr, file(), TEXT + 64n)).toBe(0n);
  const before = machine.exports.free();
  let count = 0;
  while (set(`user.${count}`) === 0n) count++;
  expect(set("user.more")).toBe(ENOSPC);
  expect(count).toBeGreaterThan(10);
  expect(machine.exports.free()).toBeGreaterThan(before / 32);
  expect(machine.call(1, SYS_listxattr, file(), 0, 0)).toBeGreaterThan(10n);
  expect(machine.call(1, SYS_unlink, file())).toBe(0n);
  expect(machine.exports.free()).toBeLessThan(before / 2);
  expect(machine.call(1, SYS_close, 3)).toBe(0n);
  // Pages of small records stay the heap's: less than 64 bytes for an attribute.
  expect(before - machine.exports.free()).toBeLessThan((count * 64) / 4096 + 2);
});
