// A snapshot that goes to another process goes on there as the machine does that it was taken from. The guests:
// one that uses every source of change in the core, and our own system's boot.

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serialize } from "node:v8";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeSystem } from "../../../roottask/testing/boot.ts";
import { derivedStateGuest } from "../core/testdata/derived_state_guest.ts";
import { Machine, type MachineOptions } from "../host/machine.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "snapshot-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** State hash after `nanoseconds` from the snapshot in `file`, in a new process. */
function elsewhere(file: string, options: MachineOptions, nanoseconds: number): string {
  const child = spawnSync(
    process.execPath,
    [
      ...["--import", join(root, "tools/loader/register.mjs")],
      join(root, "tools/emulator/platform/testdata/restore.ts"),
      ...[file, JSON.stringify(options), String(nanoseconds)],
    ],
    { encoding: "utf8" },
  );
  expect(child.stderr).toBe("");
  return child.stdout;
}

/** Points of time between 0 and `end`, reproducible. */
function points(count: number, end: number, seed: number): number[] {
  let state = seed;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * end);
  });
}

/** Takes a snapshot at `point`; both processes must be in the same state `nanoseconds` later. */
async function goesOn(options: MachineOptions, point: number, nanoseconds: number): Promise<void> {
  const machine = await Machine.create(options);
  machine.runSync({ nanoseconds: point });
  const file = join(folder, `at-${point}`);
  writeFileSync(file, serialize(machine.snapshot()));
  machine.runSync({ nanoseconds });
  expect(`at ${point}: ${elsewhere(file, options, nanoseconds)}`).toBe(
    `at ${point}: ${machine.stateHash()}`,
  );
}

test.each([1, 2])("a busy guest on %i CPUs", async (cpus) => {
  const kernel = join(folder, "kernel");
  writeFileSync(kernel, derivedStateGuest());
  const options = { kernel, memory: "6M", cpus, cpu: "max" } as const;
  for (const point of points(2, 1_000_000, cpus)) await goesOn(options, point, 300_000);
});

beforeAll(makeSystem);

test("the system's boot", async () => {
  const options = {
    kernel: join(root, "build/kernel.elf32"),
    append: "serial",
    modules: `${join(root, "build/roottask-bin")} roottask`,
    memory: "256M",
    cpus: 2,
  };
  for (const point of points(3, 20_000_000, 7)) await goesOn(options, point, 30_000_000);
});
