// Names in expressions: registers with a dollar, as QEMU's monitor and as manuals call them, and the kernel's symbols.

import type { Machine } from "../machine.ts";
import {
  type CpuAccess,
  GENERAL_NAMES,
  type GeneralName,
  SEGMENT_NAMES,
  type SegmentName,
  type WideName,
} from "../platform/cpu-access.ts";
import type { Lookup } from "./expression.ts";

const WIDE: readonly WideName[] = ["rip", "cr0", "cr2", "cr3", "cr4", "cr8", "efer"];

const READERS: Readonly<Record<string, (cpu: CpuAccess) => bigint>> = {
  ...Object.fromEntries(GENERAL_NAMES.map((name) => [name, (cpu) => cpu.general(name)])),
  // QEMU's names for the same registers, as wide as they are.
  ...Object.fromEntries(
    GENERAL_NAMES.slice(0, 8).map((name: GeneralName) => [
      `e${name.slice(1)}`,
      (cpu) => cpu.general(name),
    ]),
  ),
  ...Object.fromEntries(WIDE.map((name) => [name, (cpu) => cpu.wide(name)])),
  ...Object.fromEntries([0, 1, 2, 3, 6, 7].map((n) => [`dr${n}`, (cpu) => cpu.debug(n)])),
  ...Object.fromEntries(
    SEGMENT_NAMES.flatMap((name: SegmentName) => [
      [name, (cpu: CpuAccess) => BigInt(cpu.segment(name).selector)],
      [`${name}.base`, (cpu: CpuAccess) => cpu.segment(name).base],
      [`${name}.limit`, (cpu: CpuAccess) => BigInt(cpu.segment(name).limit)],
    ]),
  ),
  "gdt.base": (cpu) => cpu.table("gdt").base,
  "gdt.limit": (cpu) => BigInt(cpu.table("gdt").limit),
  "idt.base": (cpu) => cpu.table("idt").base,
  "idt.limit": (cpu) => BigInt(cpu.table("idt").limit),
  eflags: (cpu) => cpu.rflags,
  rflags: (cpu) => cpu.rflags,
  // Where the next instruction is, behind the code segment's base.
  pc: (cpu) => cpu.linearRip,
  eip: (cpu) => cpu.linearRip,
};

/** Names of registers with their dollar, for completion. */
export const REGISTER_NAMES: readonly string[] = Object.keys(READERS).map((name) => `$${name}`);

/** What names mean on CPU `cpu` of a machine. */
export function namesOf(machine: Machine, cpu: number): Lookup {
  return (name) => {
    if (!name.startsWith("$")) return machine.symbols()?.address(name);
    const access = machine.cpus[cpu];
    const register = name.slice(1);
    if (access === undefined || !Object.hasOwn(READERS, register)) return undefined;
    return READERS[register]?.(access);
  };
}
