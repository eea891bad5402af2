// Local APIC: end of interrupt, inter-processor interrupts, the timer that ends quanta and timeouts.
// x2APIC mode where the CPU has it, registers as MSRs (Intel SDM vol. 3A, 11.12); otherwise xAPIC mode, registers in
// memory (11.4). The timer runs in TSC-deadline mode where
// the CPU has it, otherwise one-shot at a rate measured against the ACPI PM timer or the PIT.

import { pmTimerMask, pmTimerPort } from "./acpi";
import { Cpu, cpuHasTscDeadline } from "./cpu";
import {
  LAPIC_BASE,
  VEC_IPI_RRQ,
  VEC_IPI_TLB,
  VEC_LVT_ERROR,
  VEC_LVT_TIMER,
  VEC_SPURIOUS,
} from "./layout";
import { IA32_APIC_BASE, IA32_TSC_DEADLINE, IA32_X2APIC } from "./msr_number";
import { lapic_x2 } from "./symbol";
import {
  cpuid,
  inb,
  inl,
  load32,
  mfence,
  outb,
  pause,
  rdmsr,
  rdtsc,
  store32,
  window,
  wrmsr,
} from "./x86";

const APIC_ENABLE: u64 = 1 << 11;
const APIC_X2: u64 = 1 << 10;
/** CPUID leaf 1, ECX. */
const CPUID_X2APIC: u32 = 1 << 21;
/** An 8-bit destination for all: IDs from here on can be named in x2APIC mode alone. */
const BROADCAST: u32 = 0xff;

const ID: usize = 0x20;
const VERSION: usize = 0x30;
const TPR: usize = 0x80;
const EOI: usize = 0xb0;
const SVR: usize = 0xf0;
const ESR: usize = 0x280;
const ICR_LOW: usize = 0x300;
const ICR_HIGH: usize = 0x310;
const LVT_TIMER: usize = 0x320;
const LVT_THERMAL: usize = 0x330;
const LVT_PERFORMANCE: usize = 0x340;
const LVT_LINT0: usize = 0x350;
const LVT_LINT1: usize = 0x360;
const LVT_ERROR: usize = 0x370;
const TIMER_INITIAL: usize = 0x380;
const TIMER_CURRENT: usize = 0x390;
const TIMER_DIVIDE: usize = 0x3e0;

const LVT_MASKED: u32 = 1 << 16;
const LVT_NMI: u32 = 4 << 8;
const LVT_EXTINT: u32 = 7 << 8;
const TIMER_TSC_DEADLINE: u32 = 2 << 17;
const DIVIDE_BY_1: u32 = 0xb;
const ICR_PENDING: u32 = 1 << 12;
const ICR_ALL_BUT_SELF: u32 = 3 << 18;
const ICR_ASSERT: u32 = 1 << 14;
const ICR_INIT: u32 = 5 << 8;
const ICR_STARTUP: u32 = 6 << 8;

const PM_TIMER_HZ: u64 = 3579545;
const PIT_HZ: u64 = 1193182;
/** Calibration takes this long: 1/400 s. */
const CALIBRATION_DIVISOR: u64 = 400;

const LAPIC: u64 = <u64>LAPIC_BASE;
let tscKhz: u32 = 1000000;
let busKhz: u32 = 1000000;

/** Whether local APICs run in x2APIC mode: all of them, or none. */
let isX2: bool = false;

function msrOf(register: usize): i32 {
  return IA32_X2APIC + <i32>(register >> 4);
}

function read(register: usize): u32 {
  if (isX2) return <u32>rdmsr(msrOf(register));
  return <u32>load32(window() + LAPIC + <u64>register);
}

function write(register: usize, value: u32): void {
  if (isX2) {
    wrmsr(msrOf(register), <u64>value);
    return;
  }
  store32(window() + LAPIC + <u64>register, <u64>value);
}

/** Physical address of the local APIC's page. */
export function lapicAddress(): u64 {
  return LAPIC;
}

/** TSC and timer frequencies in kHz; both at least 1. */
export function tscKilohertz(): u32 {
  return tscKhz;
}

export function busKilohertz(): u32 {
  return busKhz;
}

export function ownApicId(): u32 {
  return isX2 ? read(ID) : read(ID) >> 24;
}

/** Whether a CPU with this ID can be sent interrupts. */
export function isReachable(apicId: u32): bool {
  return isX2 || apicId < BROADCAST;
}

/** Turns this CPU's APIC on, in the mode that all have. From off to x2APIC there is no way but through xAPIC. */
export function enableLapic(): void {
  const base = rdmsr(IA32_APIC_BASE) | APIC_ENABLE;
  wrmsr(IA32_APIC_BASE, base);
  if (isX2 && (base & APIC_X2) === 0) wrmsr(IA32_APIC_BASE, base | APIC_X2);
}

/**
 * Decides on the mode, on the boot CPU, and turns its APIC on: x2APIC mode where the CPU has it, which firmware may
 * have entered, and which cannot be left for the other. False if the registers are not where the kernel expects them.
 */
export function findLapic(): bool {
  const out = memory.data(16);
  cpuid(1, 0, out);
  isX2 = (load<u32>(out, 8) & CPUID_X2APIC) !== 0;
  const base = rdmsr(IA32_APIC_BASE);
  if (!isX2 && ((base & 0x000f_ffff_ffff_f000) !== LAPIC || (base & APIC_X2) !== 0)) return false;
  if (isX2) store32(lapic_x2(), 1);
  enableLapic();
  return true;
}

function lastLvt(): u32 {
  return (read(VERSION) >> 16) & 0xff;
}

/** Copies the state firmware left to the HIP, as ten u32 at `out`. */
export function describeLapic(out: usize): void {
  const maxLvt = lastLvt();
  // As in xAPIC mode, which is what the interface knows.
  store<u32>(out, ownApicId() << 24);
  store<u32>(out, read(VERSION), 4);
  store<u32>(out, read(SVR), 8);
  store<u32>(out, read(LVT_TIMER), 16);
  store<u32>(out, read(LVT_LINT0), 20);
  store<u32>(out, read(LVT_LINT1), 24);
  store<u32>(out, read(LVT_ERROR), 28);
  if (maxLvt >= 4) store<u32>(out, read(LVT_PERFORMANCE), 32);
  if (maxLvt >= 5) store<u32>(out, read(LVT_THERMAL), 36);
}

/** Sets up this CPU's APIC, but for its timer's interrupt. */
export function initLapic(): void {
  const maxLvt = lastLvt();
  write(SVR, 0x100 | VEC_SPURIOUS);
  // Performance and thermal interrupts have no receiver in the interface.
  if (maxLvt >= 4) write(LVT_PERFORMANCE, LVT_MASKED);
  if (maxLvt >= 5) write(LVT_THERMAL, LVT_MASKED);
  write(LVT_ERROR, VEC_LVT_ERROR);
  write(LVT_LINT1, LVT_NMI);
  write(LVT_LINT0, LVT_MASKED | LVT_EXTINT);
  write(LVT_TIMER, LVT_MASKED | VEC_LVT_TIMER);
  write(TIMER_DIVIDE, DIVIDE_BY_1);
  write(TIMER_INITIAL, 0);
  write(TPR, 0);
}

/** Lets the timer interrupt; after calibration. */
export function startTimer(): void {
  write(LVT_TIMER, VEC_LVT_TIMER | (cpuHasTscDeadline() ? TIMER_TSC_DEADLINE : 0));
}

/** PIT channel 2, gated by port 0x61: counts down from 65536 once. Intel 8254 datasheet. */
function startPit(): void {
  outb(0x61, (inb(0x61) & ~2) | 1);
  outb(0x43, 0xb0);
  outb(0x42, 0xff);
  outb(0x42, 0xff);
}

function readPit(): u32 {
  outb(0x43, 0x80);
  const low = <u32>inb(0x42);
  return ((<u32>inb(0x42)) << 8) | low;
}

/** Measures TSC and timer against a clock of known rate; on the boot CPU, once. */
export function calibrate(): void {
  const port = pmTimerPort();
  const usePm = port !== 0;
  const hz = usePm ? PM_TIMER_HZ : PIT_HZ;
  const wanted = hz / CALIBRATION_DIVISOR;
  const mask = usePm ? pmTimerMask() : 0xffff;
  if (!usePm) startPit();
  write(TIMER_INITIAL, 0xffffffff);
  // The clock is read before and after each pair of samples, so that slow port reads do not count.
  const clock0 = usePm ? <u32>inl(port) : readPit();
  const tsc0 = rdtsc();
  const timer0 = read(TIMER_CURRENT);
  let elapsed: u64 = 0;
  let spins: u32 = 0;
  while (elapsed < wanted && spins < 10000000) {
    pause();
    spins++;
    const now = usePm ? <u32>inl(port) : readPit();
    elapsed = <u64>((usePm ? now - clock0 : clock0 - now) & mask);
  }
  const tsc1 = rdtsc();
  const timer1 = read(TIMER_CURRENT);
  write(TIMER_INITIAL, 0);
  if (elapsed === 0) return;
  tscKhz = <u32>(((tsc1 - tsc0) * hz) / (elapsed * 1000));
  busKhz = <u32>((<u64>(timer0 - timer1) * hz) / (elapsed * 1000));
  if (tscKhz === 0) tscKhz = 1;
  if (busKhz === 0) busKhz = 1;
}

/** Interrupts this CPU when the TSC reaches `deadline`, at once if it has. */
export function setTimer(deadline: u64): void {
  if (cpuHasTscDeadline()) {
    wrmsr(IA32_TSC_DEADLINE, deadline);
    return;
  }
  const now = rdtsc();
  const ticks = deadline > now ? deadline - now : 0;
  // Beyond an hour's worth of ticks the product could overflow; the timer fires early then and is set again.
  const limit: u64 = (<u64>1) << 40;
  const count = ((ticks < limit ? ticks : limit) * <u64>busKhz) / <u64>tscKhz + 1;
  write(TIMER_INITIAL, count > 0xffffffff ? 0xffffffff : <u32>count);
}

export function endOfInterrupt(): void {
  write(EOI, 0);
}

/** Reads the error register, which clears it. */
export function clearErrors(): void {
  write(ESR, 0);
}

function sendIpi(apicId: u32, command: u32): void {
  if (isX2) {
    sendX2(apicId, command);
    return;
  }
  while (read(ICR_LOW) & ICR_PENDING) pause();
  write(ICR_HIGH, apicId << 24);
  write(ICR_LOW, command);
}

/** One write of both halves. It does not wait for stores before it, which the receiver may look at, as the other does. */
function sendX2(apicId: u32, command: u32): void {
  mfence();
  wrmsr(msrOf(ICR_LOW), ((<u64>apicId) << 32) | <u64>command);
}

/** Makes `cpu` enter the kernel and look at its hazards. */
export function sendReschedule(cpu: Cpu): void {
  sendIpi(cpu.apicId, ICR_ASSERT | VEC_IPI_RRQ);
}

export function sendTlbShootdown(cpu: Cpu): void {
  sendIpi(cpu.apicId, ICR_ASSERT | VEC_IPI_TLB);
}

/** INIT to all other CPUs: they wait for a start-up interrupt that never comes. */
export function parkOthers(): void {
  sendIpi(0, ICR_ALL_BUT_SELF | ICR_ASSERT | ICR_INIT);
}

export function sendInit(apicId: u32): void {
  sendIpi(apicId, ICR_ASSERT | ICR_INIT);
}

/** Starts a CPU at a page below 1 MiB. */
export function sendStartup(apicId: u32, page: u32): void {
  sendIpi(apicId, ICR_ASSERT | ICR_STARTUP | page);
}

/** What the TSC is so much later than now, at least. */
export function deadlineIn(micros: u32): u64 {
  return rdtsc() + (<u64>tscKhz * <u64>micros) / 1000;
}
