// The kernel image, in the emulator and on QEMU: it boots, starts all CPUs, and answers the probe (testing/probe.ts)
// exactly as the reference kernel did on QEMU (two CPUs, 256 MiB).

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { Machine } from "../tools/emulator/host/machine.ts";
import { buildKernel } from "./build.ts";
import { KERNEL_GUEST } from "./options.ts";
import { buildHostile, comparableEvents, expectedEvents } from "./testing/hostile.ts";
import { buildProbe } from "./testing/probe.ts";
import { bootOnQemu, kernelOptions, onQemu } from "./testing/qemu.ts";

const expected = readFileSync(new URL("testing/probe.expected.txt", import.meta.url), "utf8");

/** What depends on the machine, not on the kernel. */
const isComparable = (line: string) => !line.startsWith("machine ") && !line.startsWith("[kernel]");

const lines = (text: string) => text.replaceAll("\r\n", "\n").split("\n").filter(isComparable);
let kernel: Uint8Array;

beforeAll(async () => {
  const { wasm, sourceMap } = await guestModule(KERNEL_GUEST);
  kernel = buildKernel(wasm, sourceMap);
});

describe("the kernel in the emulator", () => {
  const MODELS = ["default", "max"] as const;

  const boot = async (cpu: (typeof MODELS)[number], file: Uint8Array, until: string) => {
    const modules = [{ file, name: "probe" }];
    const machine = await Machine.create({ kernel, memory: "256M", cpu, cpus: 2, modules });
    machine.runSync({ until: `${until}\n`, nanoseconds: 60e9 });
    return machine.serialOutput;
  };

  it.each(MODELS)("answers every hypercall as the reference does, CPU %s", async (cpu) => {
    expect(lines(await boot(cpu, buildProbe(), "probe ends"))).toEqual(lines(expected));
  });

  it.each(MODELS)("survives hostile code, CPU %s", async (cpu) => {
    const text = (await boot(cpu, buildHostile(), "attacks end")).replaceAll("\r\n", "\n");
    expect(comparableEvents(text)).toEqual(expectedEvents(cpu === "max"));
    expect(text).not.toContain("panic");
  });
});

describe.skipIf(!onQemu)("the kernel on QEMU", () => {
  let folder = "";

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "trihedron-kernel-"));
    writeFileSync(join(folder, "kernel"), kernel);
    writeFileSync(join(folder, "probe"), buildProbe());
    writeFileSync(join(folder, "hostile"), buildHostile());
    writeFileSync(join(folder, "garbage"), "this is no executable");
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  /** Boots with an initial module and returns the serial output as soon as it contains `until`. */
  function boot(module: string | undefined, until: string, options: string[]): Promise<string> {
    const first = module ? { file: join(folder, module), args: module } : undefined;
    return bootOnQemu([...kernelOptions(join(folder, "kernel"), first), ...options], until);
  }

  // qemu64 has neither XSAVE nor FSGSBASE nor a TSC deadline timer, max has all of them.
  for (const cpu of ["qemu64", "max"]) {
    it(`answers every hypercall as the reference does, CPU ${cpu}`, async () => {
      const text = await boot("probe", "probe ends", ["-m", "256M", "-smp", "2", "-cpu", cpu]);
      expect(lines(text)).toEqual(lines(expected));
    });
  }

  // QEMU up to 9.0 reads the stack of a user's IRET and far return as the supervisor, which SMAP refuses.
  it.each(["qemu64", "max,-smap"])("survives hostile code, CPU %s", async (cpu) => {
    const text = await boot("hostile", "attacks end", ["-m", "256M", "-smp", "2", "-cpu", cpu]);
    expect(comparableEvents(text)).toEqual(expectedEvents(cpu !== "qemu64"));
    expect(text).not.toContain("panic");
  });

  it("starts all processors", async () => {
    const text = await boot("probe", "probe starts", ["-m", "256M", "-smp", "4"]);
    expect(text).toContain("CPUs 4,");
  });

  it("needs no ACPI", async () => {
    const until = "down with a deadline\n  status 1\n  deadline reached 1";
    const text = await boot("probe", until, ["-m", "256M", "-no-acpi"]);
    expect(text).toContain("CPUs 1,");
    expect(text).toContain(until);
  });

  it("says what is wrong with the roottask and stops", async () => {
    expect(await boot(undefined, "fatal", ["-m", "128M"])).toContain("No ELF: no boot module");
    expect(await boot("garbage", "fatal", ["-m", "128M"])).toContain(
      "No ELF: the first boot module",
    );
  });
});
