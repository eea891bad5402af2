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

async function newMachine(): Promise<Machine> {
  const made = await Machine.create();
  const archive = await tarOf([{ name: "bin/sample", mode: 0o755, data: sampleProgram() }]);
  expect(made.unpack(archive)).toBe(true);
  return made;
}

beforeEach(async () => {
  machine = await newMachine();
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

/** Pages that rounds of two programs take after the first ones: what is kept of programs for the summary, and what is lost. */
function taken(round: (id: number) => void): number {
  let left = 0;
  for (let n = 0; n < ROUNDS; n++) {
    const id = 2 * n + 1;
    machine.launch("linux bin/sample");
    machine.launch("linux bin/sample");
    round(id);
    machine.exports.reap(id);
    machine.exports.reap(id + 1);
    if (n === WARM) left = machine.exports.free();
  }
  return left - machine.exports.free();
}

it("gives a removed root back with the process", async () => {
  const kept = taken(() => {});
  machine = await newMachine();
  const all = taken((id) => {
    enterRemoved(id);
    // Another program, whose root is everybody's, removes it.
    machine.poke(id + 1, TEXT, Buffer.from("/tmp/d\0"));
    expect(machine.call(id + 1, SYS_rmdir, TEXT)).toBe(0n);
    machine.poke(id, TEXT, Buffer.from("/new\0"));
    expect(machine.call(id, SYS_mkdir, TEXT, 0o755)).toBe(ENOENT);
  });
  // A directory for each round would be six pages; what is kept of programs may have begun another page already.
  expect(all - kept).toBeLessThan(2);
});
