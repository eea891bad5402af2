// A snapshot that goes to another process goes on there as the machine does that it was taken from. The guests:
// one that uses every source of change in the core, and our own system from boot to power-off. And what a campaign
// says where two runs differ.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeSystem } from "../../../roottask/testing/boot.ts";
import { sampleProgram, tarOf } from "../../../roottask/testing/samples.ts";
import {
  APIC_STRIDE,
  APIC_SVR,
  APICS,
  M_RANDOM,
  S_CPU,
  S_CR2,
  SLOTS,
  STATE,
  STATE_SIZE,
} from "../core/state.ts";
import { derivedStateGuest } from "../core/testdata/derived_state_guest.ts";
import { Machine } from "../host/machine.ts";
import { resume, runCampaign } from "./campaign.ts";
import { differences } from "./difference.ts";
import { advance, readPoint, writePlan, writePoint } from "./points.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "snapshot-"));
afterAll(() => rmSync(folder, { recursive: true }));

const kernel = join(folder, "kernel");
writeFileSync(kernel, derivedStateGuest());
const busy = { kernel, memory: "6M", cpus: 2, cpu: "max" } as const;

const system = {
  kernel: join(root, "build/kernel.elf32"),
  append: "serial",
  modules: `${join(root, "build/roottask-bin")} roottask`,
  memory: "256M",
  cpus: 2,
};

test.each([1, 2])("a busy guest on %i CPUs", async (cpus) => {
  const options = { ...busy, cpus };
  const end = 1_300_000;
  const campaign = { options, points: 2, seed: cpus, end, folder: join(folder, `busy-${cpus}`) };
  expect(await runCampaign(campaign)).toEqual([]);
});

beforeAll(makeSystem);

test("the system from its boot to its end", async () => {
  const userland = join(folder, "userland.tar");
  const files = [
    { name: "userland.conf", data: "linux bin/sample\n" },
    { name: "bin/sample", mode: 0o755, data: sampleProgram() },
  ];
  writeFileSync(userland, await tarOf(files));
  const said: string[] = [];
  const campaign = {
    options: { ...system, modules: `${system.modules},${userland} userland` },
    points: 3,
    seed: 7,
    folder: join(folder, "system"),
    say: (line: string): unknown => said.push(line),
  };
  expect(await runCampaign(campaign)).toEqual([]);
  expect(said).toContainEqual(expect.stringMatching(/^point 3 at .* power-off$/));
  expect(said.filter((line) => line.startsWith("restored"))).toHaveLength(3);
});

test("a guest that ends before all points is no proof", async () => {
  // Without a userland the roottask gives up.
  const campaign = {
    options: system,
    points: 2,
    seed: 1,
    end: 1e9,
    folder: join(folder, "short"),
  };
  expect(await runCampaign(campaign)).toEqual([expect.stringContaining("nothing was compared")]);
});

/** Points 0 and 1 of a campaign's folder. */
async function recorded(name: string): Promise<string> {
  const at = join(folder, name);
  const machine = await Machine.create(busy);
  writePlan(at, { options: busy, times: [300_000, 400_000] });
  for (const [i, time] of [300_000, 400_000].entries()) writePoint(at, i, advance(machine, time));
  return at;
}

test("a difference is found where it is, by the point", async () => {
  const at = await recorded("tampered");
  expect(resume(at, 0, 1)).toEqual({ compared: 2 });
  const point = readPoint(at, 1);
  const page = point.snapshot.pages.get(0x100) as Uint8Array;
  page[0x10] = (page[0x10] as number) ^ 0xff;
  writePoint(at, 1, { ...point, stop: "power-off" });
  expect(resume(at, 0, 1)).toEqual({
    compared: 2,
    differs: {
      point: 1,
      lines: [
        'the run ended with "limit", expected "power-off"',
        expect.stringMatching(/^RAM page 0x100: 0x[0-9a-f]+ at byte 0x10, expected 0x/),
      ],
    },
  });
});

test("registers, devices, timers and output are named", async () => {
  const { snapshot } = readPoint(await recorded("named"), 0);
  const other = structuredClone(snapshot);
  expect([...differences(other, snapshot)]).toEqual([]);
  const write = (address: number, value: number): void => {
    for (const [start, bytes] of other.core) {
      if (address >= start && address < start + bytes.length) bytes[address - start] = value;
    }
  };
  const executing = snapshot.core[0]?.[1][S_CPU - STATE] as number;
  write(S_CR2 + 3, 0xee);
  write(SLOTS + STATE_SIZE * (1 - executing) + (S_CR2 - STATE), 0xee);
  // Not in use.
  write(SLOTS + STATE_SIZE * executing, 0xee);
  write(APICS + APIC_STRIDE + APIC_SVR, 0xee);
  write(M_RANDOM, 0xee);
  Object.assign(other.board.devices.hpet as object, { added: 1 });
  other.board.timers.added = 5;
  other.serialOutput[0] = "x";
  expect([...differences(other, snapshot)].map((line) => line.replace(/: .*/, ""))).toEqual([
    "the CPU that executes, S_CR2+0x3",
    `CPU ${1 - executing}, S_CR2`,
    "local APIC 1, byte 0xc",
    "machine, M_RANDOM",
    "device.hpet.added",
    "timer.added",
    "serial output.0",
  ]);
});
