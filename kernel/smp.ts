// Start of the application processors, one after the other: INIT, start-up interrupt, wait until the
// CPU says that it is there. Intel SDM vol. 3A, 8.4.4. The low memory used is restored.

import { beginLine, endLine, print, printDecimal } from "./console";
import { Cpu, cpuById, cpuCount } from "./cpu";
import { prepareCpu } from "./cpu_start";
import { deadlineIn, sendInit, sendStartup } from "./lapic";
import { AP_START, AP_START_SIZE } from "./layout";
import { ap_cpu, ap_trampoline } from "./symbol";
import { load32, rdtsc, store32, window } from "./x86";

/** Microseconds. Processors since the Pentium 4 need no longer pause after INIT. */
const INIT_PAUSE: u32 = 200;
/** Microseconds between two looks for the processor. */
const LOOK_PAUSE: u32 = 100;
/** How often to look: for 2 s, since a virtual one may have to wait its turn, and for 20 s where it has run before. */
const LOOKS: u32 = 20_000;
const LOOKS_AGAIN: u32 = 200_000;
/**
 * After this many looks the start-up interrupt is sent again, and every so many from then on. One that comes before a
 * virtual processor has had the time to take its INIT is lost; one that has started ignores it.
 */
const REPEAT_AT: u32 = 10;
const REPEAT_EVERY: u32 = 100;

/** What the low memory has while it is lent. */
const backup: usize = memory.data(512);
if (AP_START_SIZE > 512) ERROR("AP_START_SIZE");

function isUp(cpu: Cpu): bool {
  const address = window() + <u64>(changetype<usize>(cpu) + offsetof<Cpu>("online"));
  return (load32(address) & 0xff) !== 0;
}

/**
 * Without PAUSE: on QEMU that takes the lock of the whole machine each time, for most of the time if it is all that
 * is done, and a processor that is to start waits for the same lock.
 */
function spin(micros: u32): void {
  const end = deadlineIn(micros);
  while (rdtsc() < end) {}
}

function start(cpu: Cpu, looks: u32): bool {
  store32(ap_cpu(), <u64>changetype<usize>(cpu));
  sendInit(cpu.apicId);
  spin(INIT_PAUSE);
  sendStartup(cpu.apicId, AP_START >> 12);
  for (let look: u32 = 0; look < looks; look++) {
    if (isUp(cpu)) return true;
    spin(LOOK_PAUSE);
    if (look % REPEAT_EVERY === REPEAT_AT && !isUp(cpu)) sendStartup(cpu.apicId, AP_START >> 12);
  }
  // Whatever it is doing, it must not come up later.
  sendInit(cpu.apicId);
  return false;
}

/** Puts the code that processors start with where they do. */
export function lendLowMemory(): void {
  memory.copy(backup, AP_START, AP_START_SIZE);
  memory.copy(AP_START, <usize>ap_trampoline(), AP_START_SIZE);
}

/** Gives that memory back as it was. */
export function restoreLowMemory(): void {
  memory.copy(AP_START, backup, AP_START_SIZE);
}

function startOrSay(cpu: Cpu, looks: u32): void {
  if (start(cpu, looks)) return;
  beginLine("CPU ");
  printDecimal(cpu.id);
  print(" does not start");
  endLine();
}

/** Starts every processor of the MADT; one that does not answer stays offline, with a line in the log. */
export function startProcessors(): void {
  if (cpuCount() <= 1) return;
  lendLowMemory();
  // Before any of them runs: the window's mapping changes, and nobody else may have it in a TLB.
  for (let i: u32 = 1; i < cpuCount(); i++) prepareCpu(cpuById(i));
  for (let i: u32 = 1; i < cpuCount(); i++) startOrSay(cpuById(i), LOOKS);
  restoreLowMemory();
}

/** Starts those that ran before a sleep state, while the low memory is lent. */
export function restartProcessors(): void {
  for (let i: u32 = 1; i < cpuCount(); i++) {
    const cpu = cpuById(i);
    if (!cpu.online) continue;
    cpu.online = false;
    startOrSay(cpu, LOOKS_AGAIN);
  }
}
