// What the roottask takes from the hypervisor information page: RAM without the kernel, the modules and
// everything reserved; modules by their command lines. Layout: include/hip.hpp of the published kernel.

import { beforeEach, describe, expect, it } from "vitest";
import { Machine } from "../testing/machine.ts";

const MIB = 0x10_0000;
const AVAILABLE = 1;
const RESERVED = 2;
const HYPERVISOR = 0xffff_ffff;
const MODULE = 0xffff_fffe;
const MEMORY_OFFSET = 0x700;
const STATES = 256;

interface Region {
  start: number;
  size: number;
  type: number;
  aux?: number;
}

let machine: Machine;

beforeEach(async () => {
  machine = await Machine.create();
});

function describeMachine(regions: Region[]): void {
  const hip = machine.exports.informationPage();
  const view = machine.view;
  view.setUint32(hip, 0x4156_4f4e, true);
  view.setUint16(hip + 0x06, MEMORY_OFFSET + regions.length * 24, true);
  view.setUint16(hip + 0x10, MEMORY_OFFSET, true);
  view.setUint16(hip + 0x12, 24, true);
  for (const [index, { start, size, type, aux = 0 }] of regions.entries()) {
    const at = hip + MEMORY_OFFSET + index * 24;
    view.setBigUint64(at, BigInt(start), true);
    view.setBigUint64(at + 8, BigInt(size), true);
    view.setUint32(at + 16, type, true);
    view.setUint32(at + 20, aux, true);
  }
}

describe("claimRam", () => {
  it("leaves out the first MiB, the kernel, modules and what is reserved", () => {
    describeMachine([
      { start: 0, size: 0x9_f000, type: AVAILABLE },
      { start: 20 * MIB, size: 40 * MIB, type: AVAILABLE },
      { start: 22 * MIB, size: MIB, type: HYPERVISOR },
      { start: 30 * MIB + 100, size: 5000, type: MODULE },
      { start: 40 * MIB, size: 0x1000, type: RESERVED },
    ]);
    const pages = 40 * 256 - 256 - 2 - 1;
    expect(machine.exports.claim()).toBe(pages - STATES);
    for (const taken of [0x5000, 22 * MIB, 23 * MIB - 4096, 30 * MIB, 30 * MIB + 4096, 40 * MIB]) {
      expect(machine.exports.pageFree(taken), taken.toString(16)).toBe(0);
    }
    for (const free of [22 * MIB - 4096, 24 * MIB, 30 * MIB + 8192, 60 * MIB - 4096]) {
      expect(machine.exports.pageFree(free), free.toString(16)).toBe(1);
    }
    const claimed = machine.delegations.filter(({ kind }) => kind === 1);
    expect(claimed.every(({ base, at, rights }) => base === at && rights === 7)).toBe(true);
    expect(claimed.reduce((sum, { order }) => sum + 2 ** order, 0)).toBe(pages);
    expect(claimed.every(({ base, order }) => base % 2 ** order === 0)).toBe(true);
  });

  it("copes with overlapping, unaligned and unsorted descriptors", () => {
    describeMachine([
      { start: 45 * MIB, size: 10 * MIB + 5, type: AVAILABLE },
      { start: 50 * MIB, size: 20 * MIB, type: HYPERVISOR },
      { start: 48 * MIB + 1, size: 3 * MIB, type: RESERVED },
      { start: 20 * MIB + 1, size: 8 * MIB, type: AVAILABLE },
    ]);
    const pages = 3 * 256 + (8 * 256 - 1);
    expect(machine.exports.claim()).toBe(pages - STATES);
  });

  it("refuses a machine without memory and a page it does not know", () => {
    describeMachine([{ start: 20 * MIB, size: MIB, type: AVAILABLE }]);
    expect(machine.exports.claim()).toBe(0);
    describeMachine([{ start: 20 * MIB, size: 30 * MIB, type: AVAILABLE }]);
    machine.view.setUint32(machine.exports.informationPage(), 0, true);
    expect(machine.exports.claim()).toBe(0);
  });
});

describe("findModule", () => {
  function text(at: number, value: string): number {
    new Uint8Array(machine.exports.memory.buffer).set(Buffer.from(`${value}\0`), at);
    return at;
  }

  it("goes by the last word of the command line", () => {
    describeMachine([
      { start: 30 * MIB, size: 4096, type: MODULE, aux: text(20 * MIB, "roottask-bin roottask") },
      { start: 31 * MIB, size: 4096, type: MODULE },
      { start: 32 * MIB, size: 4096, type: MODULE, aux: text(21 * MIB, "/boot/u.tar userland ") },
    ]);
    expect(machine.exports.moduleAt()).toBe(32 * MIB);
    text(21 * MIB, "u.tar userlander");
    expect(machine.exports.moduleAt()).toBe(0);
  });
});
