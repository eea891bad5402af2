// RAM above 4 GiB: what a guest computes there is what QEMU computes, and which of its pages are at hand, in which tier it
// is executed and whether it was saved on the way shows in nothing.

import { expect, test } from "vitest";
import { hasQemu } from "../../testing/host-tools.ts";
import { benchKernel } from "../bench/frame.ts";
import { Machine } from "../host/machine.ts";
import type { Accel } from "../jit/accel.ts";
import { runOnQemu } from "../platform/testdata/qemu.ts";
import { highMemoryWorkload } from "./testdata/high_memory_guest.ts";

const PAGE = 4096;
const GIB = 2 ** 30;
const FOUR_GIB = 4 * GIB;
const MEMORY = "8G";
const ROUNDS = 10_000;

const kernels = ([1, 2] as const).map((cpus) => benchKernel(highMemoryWorkload(ROUNDS, cpus)));

interface Run {
  cpus?: 1 | 2;
  accel?: Accel;
  /** Pages at hand. */
  pages?: number;
  between?: (machine: Machine, piece: number) => void;
}

/** What the guest sends, and the state every 0.3 ms. */
async function run({ cpus = 1, accel, pages, between }: Run) {
  const output: number[] = [];
  const machine = await Machine.create({
    kernel: kernels[cpus - 1] as Uint8Array,
    memory: MEMORY,
    cpu: "max",
    cpus,
    ...(accel === undefined ? {} : { accel }),
    ...(pages === undefined ? {} : { residentHighRam: pages * PAGE }),
    debugExit: { iobase: 0xf4, iosize: 4 },
    onDebugConsole: (byte) => output.push(byte),
  });
  const states: string[] = [];
  for (let piece = 0; piece < 100; piece++) {
    const { kind } = machine.runSync({ nanoseconds: 300_000 });
    states.push(`${machine.core.instructions()} ${machine.stateHash()}`);
    if (kind !== "limit") break;
    between?.(machine, piece);
  }
  return { output: Buffer.from(output).toString("hex"), states };
}

const whole = kernels.map((_, i) => run({ cpus: (i + 1) as 1 | 2, accel: { kind: "interp" } }));

test.skipIf(!hasQemu)("computes what QEMU computes", async () => {
  const { debugcon } = runOnQemu(kernels[0] as Uint8Array, [], ["-m", MEMORY, "-cpu", "max"]);
  const { output } = await (whole[0] as ReturnType<typeof run>);
  expect(output).toBe(Buffer.from(debugcon, "latin1").toString("hex"));
  expect(output).toMatch(/^53.*45[0-9a-f]{16}$/);
});

const variants: [string, Run][] = [
  ["few pages at hand", { accel: { kind: "interp" }, pages: 40 }],
  ["one page at hand", { accel: { kind: "interp" }, pages: 1 }],
  ["few pages at hand, all code compiled", { accel: { kind: "jit", threshold: 0 }, pages: 40 }],
  ["some pages at hand, hot code compiled", { accel: { kind: "jit", threshold: 50 }, pages: 500 }],
  ["few pages at hand, two CPUs", { cpus: 2, accel: { kind: "jit", threshold: 10 }, pages: 60 }],
];

test.each(variants)("goes the same way with %s", async (_, options) => {
  const expected = await (whole[(options.cpus ?? 1) - 1] as ReturnType<typeof run>);
  expect(expected.states.length).toBeGreaterThan(3);
  expect(await run(options)).toEqual(expected);
});

test.each([undefined, 40])(
  "goes the same way when it was saved (%s pages at hand)",
  async (pages) => {
    const expected = await (whole[0] as ReturnType<typeof run>);
    const saved = await run({
      accel: { kind: "interp" },
      ...(pages === undefined ? {} : { pages }),
      between: (machine, piece) => {
        if (piece % 2 === 0) machine.restore(machine.snapshot());
      },
    });
    expect(saved).toEqual(expected);
  },
);

test("the host reads and writes it wherever it is, across pages, and nothing beyond its end", async () => {
  const { ram } = await Machine.create({
    kernel: kernels[0] as Uint8Array,
    memory: MEMORY,
    residentHighRam: PAGE,
  });
  const end = FOUR_GIB + 6 * GIB;
  expect([ram.size, ram.lowBytes, ram.highBytes]).toEqual([8 * GIB, 2 * GIB, 6 * GIB]);
  const bytes = Uint8Array.from({ length: 3 * PAGE }, (_, i) => i % 251);
  for (const at of [FOUR_GIB, FOUR_GIB + 0x123, end - bytes.length]) {
    ram.write(at, bytes);
    expect(Buffer.compare(ram.read(at, bytes.length), bytes)).toBe(0);
    ram.fill(at, bytes.length);
    expect(ram.read(at, bytes.length).some((byte) => byte !== 0)).toBe(false);
  }
  expect([...ram.usedPages()].every(([frame]) => frame < FOUR_GIB / PAGE)).toBe(true);
  ram.write(end - 2, Uint8Array.of(1, 2, 3, 4));
  expect([...ram.read(end - 2, 100)]).toEqual([1, 2]);
  expect(ram.read(end, 1).length).toBe(0);
  expect(ram.read(2 * GIB - 1, 10).length).toBe(1);
  expect([ram.holds(end - 8, 8), ram.holds(end - 7, 8), ram.holds(2 * GIB, 1)]).toEqual([
    true,
    false,
    false,
  ]);
  expect(ram.read64(end - 8)).toBe(0x0201_0000_0000_0000n);
});
