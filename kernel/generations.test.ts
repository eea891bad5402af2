// The booted kernel, on two CPUs that create, use and destroy domains and revoke each other's meanwhile: afterwards
// it has exactly as much memory as before.

import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { builtCore, Machine } from "../tools/emulator/host/index.ts";
import { hasQemu } from "../tools/testing/host-tools.ts";
import { buildKernel } from "./build.ts";
import { KERNEL_GUEST } from "./options.ts";
import { buildGenerations, CAPACITY_LINES, LAST_LINE } from "./testing/generations.ts";
import { bootImages } from "./testing/qemu.ts";

/** On each CPU. */
const GENERATIONS = 400;
const LIMIT = 3_000_000_000;

describe("memory after generations of domains on two CPUs", () => {
  let kernel: Uint8Array;
  const roottask = buildGenerations(GENERATIONS);

  beforeAll(async () => {
    const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
    kernel = buildKernel(wasm, sourceMap);
  });

  function check(output: string): void {
    expect(output).toContain(LAST_LINE);
    const capacities = CAPACITY_LINES.map((line) => {
      const found = output.split(/\r?\n/).find((each) => each.startsWith(line));
      return Number.parseInt(found?.slice(line.length) ?? "", 16);
    });
    expect(capacities[0]).toBeGreaterThan(10_000);
    expect(capacities[1]).toBe(capacities[0]);
    expect(output).not.toContain("panic");
  }

  it("is what it was, in the emulator", async () => {
    const modules = [{ file: roottask, name: "generations" }];
    const core = await builtCore();
    const machine = await Machine.create({ core, kernel, modules, cpus: 2, vga: false });
    machine.runSync({ until: LAST_LINE, instructions: LIMIT });
    check(machine.serialOutput);
  });

  it.skipIf(!hasQemu)("is what it was, on QEMU", async () => {
    // In one thread of the host: in two, each waits for the kernel's lock while the other is not running.
    const options = ["-m", "256M", "-smp", "2"];
    check(
      await bootImages({ kernel, roottask, options, accelerator: "tcg,thread=single" }, LAST_LINE),
    );
  });
});
