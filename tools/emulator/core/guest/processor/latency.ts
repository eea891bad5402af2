// What takes longer than the nanosecond of every instruction, in nanoseconds on a processor of about 3 GHz. So much time
// passes besides, which makes programs that wait execute as few instructions as they do on hardware. Sources: Agner Fog,
// Instruction tables, Ivy Bridge (RDTSC 27 cycles, CPUID 100 to 250, WBINVD); Intel 64 and IA-32 Architectures
// Optimization Reference Manual, 2.6.4 (PAUSE: up to 140 cycles); Linux, Documentation/x86/pti.rst (MOV to CR3: about a
// hundred cycles), taken for what serializes like it (SDM vol. 3A, 9.3); Linux, arch/x86/include/asm/io.h and io_delay.c
// (a port of the ISA bus: about a microsecond). Reads of a device's memory go to the chipset and back, writes are posted
// (PCI Express Base Specification, 2.4); the local APIC is on the die.

import { S_BUDGET, S_CHARGED } from "../../state";

/** IN, OUT; an element of INS or OUTS. */
export const PORT: i32 = 1000;
/** A read of memory that is a device's. */
export const DEVICE_READ: i32 = 300;
export const DEVICE_WRITE: i32 = 100;
export const LOCAL_APIC: i32 = 15;
export const PAUSE: i32 = 45;
/** RDTSC, RDTSCP. */
export const RDTSC: i32 = 9;
export const CPUID: i32 = 50;
/** RDMSR, WRMSR. */
export const MSR: i32 = 35;
/** MOV to CR0, CR3, CR4, LMSW; loads of descriptor tables; INVLPG, INVPCID. */
export const SERIALIZING: i32 = 35;
/** INVD, WBINVD: the caches are written back. */
export const CACHES: i32 = 100_000;

/** Latencies count; otherwise time is instructions. */
let latencies: bool = true;
export function setLatencies(on: bool): void {
  latencies = on;
}

/** Lets `ns` nanoseconds pass that are no instructions. */
export function spend(ns: i32): void {
  store<i32>(S_BUDGET, load<i32>(S_BUDGET) - ns);
  store<i32>(S_CHARGED, load<i32>(S_CHARGED) + ns);
}

/** Lets the latency of something of this file pass, if latencies count. */
export function charge(ns: i32): void {
  if (latencies) spend(ns);
}
