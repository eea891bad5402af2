// info cpus, registers and lapic, laid out as QEMU lays them out.

import { floatLines, registerLines } from "../inspect/registers.ts";
import type { Machine } from "../machine.ts";
import type { CpuAccess } from "../platform/cpu-access.ts";
import type { MonitorContext } from "./command.ts";

const ACTIVITIES = ["", " (halted)", " (waiting for SIPI)", " (shut down)"] as const;

/** The number behind "thread_id" is that of the CPU's thread as gdb counts them: there are none on the host. */
export function cpuList({ control, cpu: selected }: MonitorContext): string {
  return control.machine.cpus
    .map(
      (cpu) =>
        `${cpu.cpu === selected ? "*" : " "} CPU #${cpu.cpu}: thread_id=${cpu.cpu + 1} pc=0x${cpu.linearRip.toString(16).padStart(16, "0")}${ACTIVITIES[cpu.activity] ?? ""}`,
    )
    .join("\n");
}

export function registers(cpus: readonly CpuAccess[]): string {
  return cpus
    .map((cpu) => ["", `CPU#${cpu.cpu}`, ...registerLines(cpu), ...floatLines(cpu)].join("\n"))
    .join("\n");
}

// ---- Local APIC (Intel SDM vol. 3A, chapter 11)

const NMI = 4;
const DELIVERY = ["Fixed", "LowPri", "SMI", "...", "NMI", "INIT", "SIPI", "ExtINT"] as const;
const SHORTHANDS = ["no-shorthand", "self", "all-self", "all"] as const;
/** Bits of local vector table entries and of the interrupt command register. */
const PENDING = 1 << 12;
const ACTIVE_LOW = 1 << 13;
const LEVEL = 1 << 15;
const MASKED = 1 << 16;
const LOGICAL = 1 << 11;
const ASSERT = 1 << 14;
const TIMER_MODES = ["one-shot", "periodic", "tsc-deadline", "reserved"] as const;
/** Entries as QEMU lists them, by their index in the local vector table. */
const LVT_ORDER: readonly [name: string, index: number][] = [
  ["LVT0", 3],
  ["LVT1", 4],
  ["LVTPC", 2],
  ["LVTERR", 5],
  ["LVTTHMR", 1],
  ["LVTT", 0],
];

const hex = (value: number, digits: number): string =>
  (value >>> 0).toString(16).padStart(digits, "0");

function vectorLine(name: string, entry: number, isTimer: boolean): string {
  const delivery = (entry >> 8) & 7;
  const words = [
    entry & ACTIVE_LOW ? "active-lo" : "active-hi",
    (entry & LEVEL ? "level" : "edge").padEnd(5),
    (entry & MASKED ? "masked" : "").padEnd(6),
    (entry & PENDING ? "pending" : "").padEnd(7),
    (isTimer ? (TIMER_MODES[(entry >> 17) & 3] ?? "") : "").padEnd(12),
    (DELIVERY[delivery] ?? "").padEnd(6),
  ];
  const vector = delivery === NMI ? "" : ` (vec ${entry & 0xff})`;
  return `${name}\t 0x${hex(entry, 8)} ${words.join(" ")}${vector}`;
}

/** The state of the local APIC of CPU `index`. */
export function localApicState(machine: Machine, index: number): string {
  const cpu = machine.cpus[index] as CpuAccess;
  const apic = cpu.localApic();
  const divider = 1 << (((apic.divide & 3) + ((apic.divide >> 1) & 4) + 1) & 7);
  const left = Math.max(0, (apic.timerExpiry ?? 0) - machine.core.time());
  const current = Math.min(apic.initialCount, Math.ceil(left / divider));
  const [low, high] = apic.icr;
  const logical = (low & LOGICAL) !== 0;
  const shorthand = (low >>> 18) & 3;
  const target =
    shorthand !== 0
      ? ""
      : logical
        ? ` mask ${hex(high >>> 24, 2)}`
        : ` cpu ${high >>> 24} (APIC ID)`;
  const vectors = (of: readonly number[], levels: readonly number[]): string =>
    of.length === 0
      ? "(none)"
      : of.map((n) => `${n}${levels.includes(n) ? "(level)" : ""} `).join("");
  const inService = apic.isr.at(-1) ?? 0;
  const processorPriority = apic.priority >> 4 >= inService >> 4 ? apic.priority : inService & 0xf0;
  return [
    `dumping local APIC state for CPU ${`${index}`.padEnd(2)}`,
    "",
    ...LVT_ORDER.map(([name, at]) => vectorLine(name, apic.lvt[at] ?? 0, at === 0)),
    `Timer\t DCR=0x${hex(apic.divide, 1)} (divide by ${divider}) initial_count = ${apic.initialCount} current_count = ${current}`,
    `SPIV\t 0x${hex(apic.spurious, 8)} APIC ${apic.spurious & 0x100 ? "enabled" : "disabled"}, focus=${apic.spurious & 0x200 ? "on" : "off"}, spurious vec ${apic.spurious & 0xff}`,
    `ICR\t 0x${hex(low, 8)} ${logical ? "logical" : "physical"} ${low & LEVEL ? "level" : "edge"} ${low & ASSERT ? "assert" : "de-assert"} ${SHORTHANDS[shorthand] ?? ""}`,
    `ICR2\t 0x${hex(high, 8)}${target}`,
    `ESR\t 0x${hex(apic.esr, 8)}`,
    `ISR\t ${vectors(apic.isr, apic.tmr)}`,
    `IRR\t ${vectors(apic.irr, apic.tmr)}`,
    "",
    `APR 0x00 TPR 0x${hex(apic.priority, 2)} DFR 0x${hex(apic.dfr >>> 28, 2)} LDR 0x${hex(apic.ldr >>> 24, 2)} PPR 0x${hex(processorPriority, 2)}`,
  ].join("\n");
}
