// The booted kernel, on two CPUs that create, use and destroy domains and revoke each other's meanwhile: afterwards
// it has exactly as much memory as before. `npm run fuzz:kernel -- --generations N` does it at length.

import { beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { hasQemu } from "../tools/testing/host-tools.ts";
import { buildKernel } from "./build.ts";
import { KERNEL_GUEST } from "./options.ts";
import {
  type Capacity,
  generationsInEmulator,
  generationsOnQemu,
} from "./testing/count_generations.ts";
import { LAST_LINE } from "./testing/generations.ts";

/** On each CPU. */
const GENERATIONS = 400;

describe("memory after generations of domains on two CPUs", () => {
  let kernel: Uint8Array;

  beforeAll(async () => {
    const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
    kernel = buildKernel(wasm, sourceMap);
  });

  function check({ before, after, output }: Capacity): void {
    expect(output).toContain(LAST_LINE);
    expect(before).toBeGreaterThan(10_000);
    expect(after).toBe(before);
    expect(output).not.toContain("panic");
  }

  it("is what it was, in the emulator", async () => {
    check(await generationsInEmulator(kernel, GENERATIONS));
  });

  it.skipIf(!hasQemu)("is what it was, on QEMU", async () => {
    check(await generationsOnQemu(kernel, GENERATIONS));
  });
});
