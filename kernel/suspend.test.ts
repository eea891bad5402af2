// Sleep states: the probe that sleeps (testing/suspend_probe.ts) prints what it printed on the reference, on one, two
// and four CPUs, in the emulator and on QEMU; and machines that cannot sleep say so. On QEMU the sleeps need GRUB.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import { Machine as Emulator } from "../tools/emulator/host/machine.ts";
import * as abi from "./abi.ts";
import { buildKernel } from "./build.ts";
import { KERNEL_GUEST } from "./options.ts";
import { bootThroughGrub, GRUB_CONFIG, hasGrub } from "./testing/grub.ts";
import { Machine, rootElf } from "./testing/machine.ts";
import { SUSPEND_MACHINE, suspendRecordingOf } from "./testing/record.ts";
import { buildSuspendProbe, SUSPEND_END } from "./testing/suspend_probe.ts";

/** In ms: a machine that does not wake up is not waited for as long as for what is slow. */
const LIMIT = 5 * 60_000;

describe("machine_ctrl suspend", () => {
  it("answers BAD_FTR where ACPI describes no sleep states", async () => {
    const machine = await Machine.boot(rootElf());
    const status = machine.hypercall(abi.HC_MACHINE_CTRL, 0x101, abi.MACHINE_CTRL_SUSPEND);
    expect(status).toBe(abi.BAD_FTR);
  });
});

const image = guestModule(KERNEL_GUEST).then(({ wasm, sourceMap }) => buildKernel(wasm, sourceMap));
const recorded = (cpus: number) => readFileSync(suspendRecordingOf(cpus), "latin1").split("\n");

describe("an emulated machine that has slept", () => {
  async function machineOf(cpus: number, cpu: "default" | "max"): Promise<Emulator> {
    const modules = [{ file: buildSuspendProbe(), name: "probe" }];
    return Emulator.create({ kernel: await image, modules, cpus, cpu, memory: "128M" });
  }

  /** Runs to the end, and wakes the machine up whenever it sleeps; `asleep` may replace it meanwhile. */
  function run(machine: Emulator, asleep = (sleeper: Emulator) => sleeper): Emulator {
    const limits = { until: SUSPEND_END, nanoseconds: 60e9 };
    for (let sleeps = 0; ; ) {
      const stop = machine.runSync(limits);
      if (stop.kind === "matched") {
        expect(sleeps).toBeGreaterThan(1);
        return machine;
      }
      expect(stop, machine.serialOutput).toEqual({ kind: "suspended" });
      expect(machine.runSync(limits)).toEqual({ kind: "suspended" });
      machine = asleep(machine);
      expect(machine.wakeUp()).toBe(true);
      sleeps++;
    }
  }

  const linesOf = (machine: Emulator): string[] =>
    machine.serialOutput.split("\n").filter((line) => !line.startsWith("[kernel]"));

  it.each([
    [1, 1, "max"],
    [2, 2, "default"],
    [2, 2, "max"],
    [4, 2, "max"],
  ] as const)("goes on as with the reference, %i CPUs as %i, CPU %s", async (cpus, as, cpu) => {
    expect(linesOf(run(await machineOf(cpus, cpu)))).toEqual(recorded(as));
  });

  it("goes on in another machine that has the snapshot of its sleep", async () => {
    const other = await machineOf(2, "max");
    const end = run(await machineOf(2, "max"), (machine) => {
      other.restore(machine.snapshot());
      expect(other.asleep).toBe(true);
      return other;
    });
    expect(end).toBe(other);
    expect(linesOf(end)).toEqual(recorded(2));
  });

  it("is not woken while it is awake", async () => {
    expect((await machineOf(1, "default")).wakeUp()).toBe(false);
  });
});

describe.skipIf(!hasGrub)("a machine that has slept", () => {
  async function sleep(options: readonly string[]): Promise<string[]> {
    const machine = [...SUSPEND_MACHINE, ...options];
    const probe = buildSuspendProbe();
    const text = await bootThroughGrub(
      GRUB_CONFIG,
      await image,
      probe,
      machine,
      SUSPEND_END,
      LIMIT,
    );
    return text.split("\n").filter((line) => !line.startsWith("[kernel]"));
  }

  // max has x2APIC mode, XSAVE, FSGSBASE and a TSC deadline timer, qemu64 none of them.
  it.each([
    [1, 1, "max"],
    [2, 2, "qemu64"],
    [2, 2, "max"],
    [4, 2, "max"],
  ])("goes on as with the reference, %i CPUs as %i, CPU %s", async (cpus, recording, cpu) => {
    expect(await sleep(["-smp", `${cpus}`, "-cpu", cpu])).toEqual(recorded(recording));
  });

  // SeaBIOS leaves q35's power management ports off, which read as ones then: the next sleeps end at once, as S1 does.
  it("goes on where a sleep state ends without a reset", async () => {
    const portsMayBeOff = (line: string) => !line.startsWith("PM1 enable");
    const lines = await sleep(["-machine", "q35", "-smp", "2"]);
    expect(lines.filter(portsMayBeOff)).toEqual(recorded(2).filter(portsMayBeOff));
  });
});
