// Sleep states: the probe that sleeps (testing/suspend_probe.ts) prints what it printed on the reference, on one, two
// and four CPUs; and machines that cannot sleep say so. The sleeps need GRUB and QEMU.

import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { guestModule } from "../tools/asc/guest.ts";
import * as abi from "./abi.ts";
import { buildKernel } from "./build.ts";
import { KERNEL_GUEST } from "./options.ts";
import { bootThroughGrub, GRUB_CONFIG, hasGrub } from "./testing/grub.ts";
import { Machine, rootElf } from "./testing/machine.ts";
import { SUSPEND_MACHINE, suspendRecordingOf } from "./testing/record.ts";
import { buildSuspendProbe, SUSPEND_END } from "./testing/suspend_probe.ts";

describe("machine_ctrl suspend", () => {
  it("answers BAD_FTR where ACPI describes no sleep states", async () => {
    const machine = await Machine.boot(rootElf());
    const status = machine.hypercall(abi.HC_MACHINE_CTRL, 0x101, abi.MACHINE_CTRL_SUSPEND);
    expect(status).toBe(abi.BAD_FTR);
  });
});

describe.skipIf(!hasGrub)("a machine that has slept", () => {
  const image = guestModule(KERNEL_GUEST).then(({ wasm, sourceMap }) =>
    buildKernel(wasm, sourceMap),
  );
  const recorded = (cpus: number) => readFileSync(suspendRecordingOf(cpus), "latin1").split("\n");

  async function sleep(options: readonly string[]): Promise<string[]> {
    const machine = [...SUSPEND_MACHINE, ...options];
    const probe = buildSuspendProbe();
    const text = await bootThroughGrub(GRUB_CONFIG, await image, probe, machine, SUSPEND_END);
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
