// MSRs at CPL 0: which exist, which can be written, and which bits are reserved. Every expectation is of Intel SDM
// vol. 4, table 2-2 (architectural MSRs) and vol. 3A, table 11-6 (x2APIC registers).

import { beforeAll, expect, test } from "vitest";
import { dword, eax, ecx, edx, esp } from "../../asm/index.ts";
import { Machine } from "../host/machine.ts";
import { guest, loadIdt } from "../platform/testdata/guest.ts";

/** Read or written value, and whether that is #GP. */
type Case = readonly [what: string, msr: number, write: bigint | undefined, faults: boolean];

const X2APIC = 0xfee0_0d00n;
const high = (bits: bigint): bigint => bits << 32n;
const NON_CANONICAL = 0x8000_0000_0000n;

const CASES: readonly Case[] = [
  ["there is no such MSR", 0x1234_5678, undefined, true],
  ["BIOS_UPDT_TRIG is write-only", 0x79, undefined, true],
  ["MTRRcap", 0xfe, undefined, false],
  ["MTRRcap is read-only", 0xfe, 0n, true],
  ["PLATFORM_INFO is read-only", 0xce, 0n, true],
  ["MCG_CAP is read-only", 0x179, 0n, true],
  ["MCG_CTL is not in MCG_CAP", 0x17b, undefined, true],
  ["APIC_BASE bit 9", 0x1b, 0xfee0_0b00n, true],
  ["APIC_BASE beyond the physical address width", 0x1b, 0xfee0_0900n | high(0x80n), true],
  ["APIC_BASE, EXTD without EN", 0x1b, 0xfee0_0500n, true],
  ["EFER reserved bits", 0xc000_0080, 2n, true],
  ["EFER reserved upper half", 0xc000_0080, high(1n), true],
  ["EFER.SCE", 0xc000_0080, 1n, false],
  ["PAT of a reserved type", 0x277, 2n, true],
  ["PAT", 0x277, 0x0007_0406_0007_0406n, false],
  ["MTRR type 2", 0x200, 2n, true],
  ["MTRR base bits 11:8", 0x200, 0x100n, true],
  ["MTRR base", 0x200, 6n, false],
  ["MTRR mask bits 10:0", 0x201, 0x400n, true],
  ["MTRR mask", 0x201, 0x800n, false],
  ["fixed MTRR with UC-", 0x250, 7n, true],
  ["MTRRdefType bit 9", 0x2ff, 0x200n, true],
  ["MTRRdefType of a reserved type", 0x2ff, 0xc02n, true],
  ["MTRRdefType upper half", 0x2ff, high(1n) | 0xc06n, true],
  ["MTRRdefType", 0x2ff, 0xc06n, false],
  ["DEBUGCTL bit 2", 0x1d9, 4n, true],
  ["DEBUGCTL.BTF", 0x1d9, 2n, false],
  ["MISC_ENABLE bit 1", 0x1a0, 3n, true],
  ["MISC_ENABLE", 0x1a0, 1n, false],
  ["MISC_FEATURES_ENABLES bit 1", 0x140, 2n, true],
  ["FEATURE_CONTROL without VMX", 0x3a, 4n, true],
  ["SYSENTER_ESP not canonical", 0x175, NON_CANONICAL, true],
  ["SYSENTER_EIP not canonical", 0x176, NON_CANONICAL, true],
  ["STAR", 0xc000_0081, high(0x23_0010n), false],
  ["LSTAR not canonical", 0xc000_0082, NON_CANONICAL, true],
  ["CSTAR not canonical", 0xc000_0083, NON_CANONICAL, true],
  ["FMASK, reserved upper half included", 0xc000_0084, high(0xffff_ffffn) | 0xffff_ffffn, false],
  ["FS base not canonical", 0xc000_0100, NON_CANONICAL, true],
  ["GS base not canonical", 0xc000_0101, NON_CANONICAL, true],
  ["kernel GS base not canonical", 0xc000_0102, NON_CANONICAL, true],
  ["TSC_AUX upper half", 0xc000_0103, high(1n), true],
  ["MC0_STATUS of anything but 0", 0x401, 1n, true],
  ["MC0_STATUS", 0x401, 0n, false],
  ["x2APIC registers outside x2APIC mode", 0x802, undefined, true],
  ["APIC_BASE, to x2APIC mode", 0x1b, X2APIC, false],
  ["APIC_BASE, from x2APIC to xAPIC mode", 0x1b, 0xfee0_0900n, true],
  ["x2APIC ID", 0x802, undefined, false],
  ["x2APIC ID is read-only", 0x802, 0n, true],
  ["version is read-only", 0x803, 0n, true],
  ["TPR", 0x808, 0xf0n, false],
  ["TPR bits 31:8", 0x808, 0x100n, true],
  ["PPR is read-only", 0x80a, 0n, true],
  ["EOI is write-only", 0x80b, undefined, true],
  ["EOI of anything but 0", 0x80b, 1n, true],
  ["LDR is read-only", 0x80d, 0n, true],
  ["there is no DFR", 0x80e, undefined, true],
  ["SVR", 0x80f, 0x1ffn, false],
  ["SVR bit 10", 0x80f, 0x5ffn, true],
  ["SVR bit 16", 0x80f, 0x1_01ffn, true],
  ["SVR upper half", 0x80f, high(1n) | 0x1ffn, true],
  ["ISR is read-only", 0x810, 0n, true],
  ["IRR", 0x820, undefined, false],
  ["ESR of anything but 0", 0x828, 1n, true],
  ["there is no CMCI entry", 0x82f, undefined, true],
  ["ICR bits 31:20", 0x830, 0x10_0000n, true],
  ["timer entry bit 19", 0x832, 0x8_0000n, true],
  ["timer entry", 0x832, 0x1_0041n, false],
  ["LINT0 entry bit 17", 0x835, 0x2_0000n, true],
  ["error entry, delivery mode", 0x837, 0x400n, true],
  ["initial count", 0x838, 0n, false],
  ["current count is read-only", 0x839, 0n, true],
  ["divide configuration bit 2", 0x83e, 4n, true],
  ["SELF IPI is write-only", 0x83f, undefined, true],
  ["SELF IPI bits 31:8", 0x83f, 0x100n, true],
  ["APIC_BASE, off", 0x1b, 0xfee0_0100n, false],
  ["APIC_BASE, from off to x2APIC mode", 0x1b, X2APIC, true],
];

/** Executes each case and records whether its fault came, a byte each. */
const FAULTS = 0x20_0000;
const kernel = guest((a) => {
  // #GP: note it, and go on behind RDMSR or WRMSR, two bytes each.
  loadIdt(a, { 13: "fault" });
  a.jmp("begin");
  a.label("fault");
  a.mov(dword(FAULTS - 4), 1)
    .add(esp, 4)
    .add(dword(esp), 2)
    .iretd();
  a.label("begin");
  CASES.forEach(([, msr, write], i) => {
    a.mov(dword(FAULTS - 4), 0).mov(ecx, msr | 0);
    if (write === undefined) a.rdmsr();
    else {
      a.mov(eax, Number(write & 0xffff_ffffn) | 0).mov(edx, Number(write >> 32n) | 0);
      a.wrmsr();
    }
    a.mov(eax, dword(FAULTS - 4)).mov(dword(FAULTS + 4 * i), eax);
  });
});

let faults: boolean[] = [];
beforeAll(async () => {
  const machine = await Machine.create({ kernel, memory: "4M" });
  machine.runSync({ instructions: 1_000_000 });
  const bytes = machine.readPhysical(FAULTS, 4 * CASES.length);
  faults = CASES.map((_, i) => bytes[4 * i] !== 0);
});

test.each(CASES.map((c, i) => [c[0], c[3], i] as const))("%s: #GP %s", (_what, expected, i) => {
  expect(faults[i]).toBe(expected);
});
