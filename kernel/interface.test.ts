// What the hypercalls answer at the boundaries of their arguments (testing/interface_probe.ts): on QEMU, with one,
// two and four CPUs, as the reference kernel did on one and two, but for the differences that are meant.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { hasQemu } from "../tools/testing/host-tools.ts";
import { buildKernel } from "./build.ts";
import { KERNEL_GUEST } from "./options.ts";
import { DIFFERENCES, expectedHere } from "./testing/differences.ts";
import { buildInterfaceProbe } from "./testing/interface_probe.ts";
import { bootOnQemu, kernelOptions } from "./testing/qemu.ts";
import { INTERFACE_END, INTERFACE_MACHINE, recordingOf } from "./testing/record.ts";

const recorded = (cpus: number): string[] => readFileSync(recordingOf(cpus), "latin1").split("\n");

describe("the recordings of the reference", () => {
  it("have every line that this kernel means to answer otherwise, once", () => {
    for (const { reference, here } of DIFFERENCES) {
      const counts = [1, 2].map(
        (cpus) => recorded(cpus).filter((line) => line === reference).length,
      );
      expect([reference, Math.max(...counts)]).toEqual([reference, 1]);
      expect(here).not.toBe(reference);
    }
  });
});

describe.skipIf(!hasQemu)("the interface on QEMU", () => {
  let folder = "";

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "trihedron-interface-"));
    const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
    writeFileSync(join(folder, "kernel"), buildKernel(wasm, sourceMap));
    writeFileSync(join(folder, "probe"), buildInterfaceProbe());
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const isProbes = (line: string) => !line.startsWith("[kernel]");

  // The probe uses two CPUs: what it sees on four is what it sees on two.
  it.each([
    [1, 1],
    [2, 2],
    [4, 2],
  ])("answers on %i CPUs as the reference does", async (cpus, recording) => {
    const module = { file: join(folder, "probe"), args: "probe" };
    const options = [
      ...kernelOptions(join(folder, "kernel"), module),
      ...INTERFACE_MACHINE,
      ...["-smp", `${cpus}`],
    ];
    const text = await bootOnQemu(options, INTERFACE_END);
    expect(text.split("\n").filter(isProbes)).toEqual(expectedHere(recorded(recording)));
  });
});
