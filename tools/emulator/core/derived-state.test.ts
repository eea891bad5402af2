// What the core derives from its state (decoded code, translations) can be dropped at any moment without a
// trace: the run that never drops anything is the oracle.

import { expect, test } from "vitest";
import { Machine } from "../host/machine.ts";
import { derivedStateGuest } from "./testdata/derived_state_guest.ts";

const STEPS = 300;

const PIECES = 20;

/** Hashes of the state after every `PIECES` of `STEPS` pieces of uneven length. */
async function states(cpus: number, between: (machine: Machine, step: number) => void) {
  const kernel = derivedStateGuest();
  const machine = await Machine.create({ kernel, memory: "6M", cpus, cpu: "max" });
  const hashes: string[] = [];
  for (let step = 0; step < STEPS; step++) {
    expect(machine.runSync({ nanoseconds: 500 + ((step * 7919) % 3001) }).kind).toBe("limit");
    if (step % PIECES === PIECES - 1) hashes.push(machine.stateHash());
    between(machine, step);
  }
  return hashes;
}

test.each([1, 2])(
  "dropping decoded code and translations changes nothing on %i CPUs",
  async (n) => {
    const kept = await states(n, () => {});
    expect(new Set(kept).size).toBe(STEPS / PIECES);
    expect(await states(n, (machine) => machine.core.state_loaded())).toEqual(kept);
  },
);

test("neither does a snapshot, and the restored machine goes the same way", async () => {
  const kept = await states(1, () => {});
  expect(
    await states(1, (machine, step) => {
      if (step % 10 === 3) machine.restore(machine.snapshot());
    }),
  ).toEqual(kept);
});

test("nor a debugger's breakpoint that is not reached", async () => {
  const kept = await states(1, () => {});
  const elsewhere = 0x20_0000n;
  // Breakpoints are tested by their offset in the page: those of the code are met, elsewhere.
  const planted = await states(1, (machine, step) => {
    if (step === 0) {
      for (let at = 0n; at < 0x400n; at += 5n) machine.core.set_breakpoint(elsewhere + at, 1);
    }
  });
  expect(planted).toEqual(kept);
});
