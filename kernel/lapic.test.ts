// The mode of the local APICs: x2APIC where CPUs have it, with the registers that belong to it, otherwise xAPIC.
// Intel SDM vol. 3A, 11.12. The boot tests have the first in the emulator and the second on QEMU.

import { describe, expect, it } from "vitest";
import * as abi from "./abi.ts";
import { IA32_APIC_BASE, IA32_X2APIC } from "./msr_number.ts";
import { Machine, rootElf } from "./testing/machine.ts";

const X2_ENABLED = 0xc00n;
const ENABLED = 0x800n;
const REGISTERS = { eoi: 0xb, spurious: 0xf, icr: 0x30, timer: 0x32 };
const ROOT = 0x410_0000;
/** An MSI page's GSI and the vector it has. */
const GSI = 30;

const boot = (x2apic: boolean) => Machine.boot(rootElf(), ROOT, [], { cpus: 2, x2apic });
const register = (m: Machine, index: number) => m.msrs.get(IA32_X2APIC + index);

describe("local APICs", () => {
  it("run in x2APIC mode where CPUs have it, and start and call other CPUs in it", async () => {
    const m = await boot(true);
    expect((m.msrs.get(IA32_APIC_BASE) ?? 0n) & X2_ENABLED).toBe(X2_ENABLED);
    expect(register(m, REGISTERS.spurious)).toBe(0x1ffn);
    expect(m.log).toContain("CPUs 2,");
    m.msrs.delete(IA32_X2APIC + REGISTERS.eoi);
    m.trap(abi.NUM_EXC + GSI);
    expect(register(m, REGISTERS.eoi)).toBe(0n);
    // An EC on CPU 1 that is made ready: an interrupt for APIC ID 1, in the upper half of the register.
    expect(m.createEc(100, { global: true, cpu: 1 })).toBe(abi.SUCCESS);
    expect(m.createSc(101, 100, 2, 1000)).toBe(abi.SUCCESS);
    expect((register(m, REGISTERS.icr) ?? 0n) >> 32n).toBe(1n);
  });

  it("run in xAPIC mode where they do not", async () => {
    const m = await boot(false);
    expect((m.msrs.get(IA32_APIC_BASE) ?? 0n) & X2_ENABLED).toBe(ENABLED);
    expect(m.log).toContain("CPUs 2,");
    expect(Object.values(REGISTERS).map((index) => register(m, index))).toEqual(
      Object.values(REGISTERS).map(() => undefined),
    );
  });
});
