// Roots of processes and memory: a root keeps its directory, removed or not, until the process ends. What programs see of
// roots is compared with Linux (tools/compare-linux/cases/c/chroot.c).

import { beforeEach, expect, it } from "vitest";
import { Machine } from "../testing/machine.ts";
import { sampleProgram, tarOf } from "../testing/samples.ts";
import { SYS_chdir, SYS_chroot, SYS_getcwd, SYS_mkdir, SYS_rmdir } from "./numbers.ts";

const TEXT = 0x40_2000n;
const ENOENT = -2n;
const ROUNDS = 40;
/** The first ones leave slots and records behind, for the next. */
const WARM = 4;

let machine: Machine;

beforeEach(async () => {
  machine = await Machine.create();
  expect(
    machine.unpack(await tarOf([{ name: "bin/sample", mode: 0o755, data: sampleProgram() }])),
  ).toBe(true);
});

/** Program `id` has a root that nobody else has, which is gone but for that. */
function enterRemoved(id: number): void {
  const put = (text: string) => {
    machine.poke(id, TEXT, Buffer.from(`${text}\0`));
    return TEXT;
  };
  const call = (number: number, ...args: (number | bigint)[]) => machine.call(id, number, ...args);
  expect(call(SYS_mkdir, put("/tmp/d"), 0o755)).toBe(0n);
  expect(call(SYS_chroot, put("/tmp/d"))).toBe(0n);
  expect(call(SYS_chdir, put("/"))).toBe(0n);
  expect(call(SYS_getcwd, TEXT, 64)).toBe(2n);
  expect(call(SYS_mkdir, put("inside"), 0o755)).toBe(0n);
  expect(call(SYS_rmdir, put("/../inside"))).toBe(0n);
}

it("gives a removed root back with the process", () => {
  let left = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const id = 2 * round + 1;
    machine.launch("linux bin/sample");
    enterRemoved(id);
    // Another program, whose root is everybody's, removes it.
    machine.launch("linux bin/sample");
    machine.poke(id + 1, TEXT, Buffer.from("/tmp/d\0"));
    expect(machine.call(id + 1, SYS_rmdir, TEXT)).toBe(0n);
    machine.poke(id, TEXT, Buffer.from("/new\0"));
    expect(machine.call(id, SYS_mkdir, TEXT, 0o755)).toBe(ENOENT);
    machine.exports.reap(id);
    machine.exports.reap(id + 1);
    if (round === WARM) left = machine.exports.free();
  }
  // A directory for each round would be more than a page.
  expect(machine.exports.free()).toBe(left);
});
