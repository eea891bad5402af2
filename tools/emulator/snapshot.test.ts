// The state's hash covers whatever a guest can observe: every field of core/state.ts, the local APICs, the timers.

import { beforeAll, describe, expect, test } from "vitest";
import * as layout from "./core/state.ts";
import { derivedStateGuest } from "./core/testdata/derived_state_guest.ts";
import { Machine } from "./host/machine.ts";
import type { Disk } from "./media/disk.ts";

const { APIC_STRIDE, APICS, MACHINE, MACHINE_SIZE, STATE, STATE_SIZE } = layout;

/** Fields that say where the interpreter is, or follow from others. */
const UNOBSERVED = new Set([
  ...["S_RIP_BASE", "S_FAULT", "S_FAULT_CODE", "S_STOP", "S_BUDGET", "S_RESERVE", "S_TLB", "S_KEY"],
  ...["S_INSN_INDEX", "S_HELD", "S_COARSE", "S_AGAIN", "S_LIN_MASK", "S_WRAPPING"],
  ...["S_TMP0", "S_TMP1", "S_TMP2"],
  ...["M_CLOCK", "M_LATEST", "M_RETIRED", "M_ROUND_END", "M_NEXT_CPU"],
]);
/** All fields but the flags' two words, of which several values stand for the same flags. */
const fields = Object.entries(layout).filter(([name]) => /^[SM]_(?!LF_)/.test(name));
/** Fields of the CPUs: they are found from STATE on, whichever CPU executes. */
const ofCpu = fields.filter(([, at]) => at >= STATE && at < STATE + STATE_SIZE);
const ofMachine = fields.filter(([, at]) => at >= MACHINE && at < MACHINE + MACHINE_SIZE);

describe("the state's hash", () => {
  let machine: Machine;
  let hash = "";
  beforeAll(async () => {
    const kernel = derivedStateGuest();
    machine = await Machine.create({ kernel, memory: "6M", cpus: 2, cpu: "max" });
    machine.runSync({ nanoseconds: 500_000 });
    hash = machine.stateHash();
  });
  /** The hash with the byte at `address` of the core's memory changed. */
  const changed = (address: number): string => {
    const memory = new Uint8Array(machine.core.memory.buffer);
    const before = memory[address] as number;
    memory[address] = before ^ 0xff;
    try {
      return machine.stateHash();
    } finally {
      memory[address] = before;
    }
  };

  test("is as it was when nothing has changed", () => {
    expect(machine.stateHash()).toBe(hash);
  });

  /** Names of a CPU's fields that the hash does not depend on. */
  const unseen = (cpu: number, names: (name: string) => boolean): string[] => {
    const start = machine.core.cpu_state(cpu) - STATE;
    return ofCpu
      .filter(([name, at]) => names(name) && changed(start + at) === hash)
      .map(([name]) => name);
  };

  test("covers every field of a CPU but the interpreter's own", () => {
    expect(ofCpu.length).toBeGreaterThan(60);
    const own = ofCpu.map(([name]) => name).filter((name) => UNOBSERVED.has(name));
    expect(unseen(1, () => true)).toEqual(own);
    expect(unseen(0, (name) => /^S_(CR|TSC)/.test(name))).toEqual([]);
  });

  test("covers the machine's clocks, gate and random numbers", () => {
    const covered = ofMachine.filter(([, at]) => changed(at) !== hash).map(([name]) => name);
    expect(covered.filter((name) => !UNOBSERVED.has(name))).toEqual(
      ofMachine.map(([name]) => name).filter((name) => !UNOBSERVED.has(name)),
    );
  });

  test("covers the local APICs", () => {
    for (const cpu of [0, 1]) {
      for (let at = 0; at < 212; at += 8) {
        expect(changed(APICS + APIC_STRIDE * cpu + at), `byte ${at}`).not.toBe(hash);
      }
    }
  });

  test("covers the devices' timers", () => {
    const { scheduler } = machine.board;
    const saved = scheduler.save();
    const names = Object.keys(saved);
    expect(names.length).toBeGreaterThan(3);
    for (const name of names) {
      scheduler.load({ ...saved, [name]: machine.core.time() + 1_000_000 });
      expect(machine.stateHash(), name).not.toBe(hash);
    }
    scheduler.load(saved);
    expect(machine.stateHash()).toBe(hash);
  });
});

test("the state's hash covers what is written beside an image, however much that is", async () => {
  const MIB = 1 << 20;
  const image = { name: "big", size: 256 * MIB, read: (_: number, n: number) => new Uint8Array(n) };
  const machine = await Machine.create({ memory: "6M", disks: [{ kind: "disk", image }] });
  const disk = [...machine.board.devices()].find(({ name }) => name === "disk0") as Disk;
  // A string of all of it would be too long for JavaScript.
  const piece = new Uint8Array(MIB).fill(0xff);
  for (let i = 0; i < 136; i++) disk.write(i * 2048, piece);
  const hash = machine.stateHash();
  const written = disk.state.written.get(5000) as Uint8Array;
  written[100] = 0;
  expect(machine.stateHash()).not.toBe(hash);
});
