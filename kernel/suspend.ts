// Suspend to RAM: all CPUs put what they have into memory, the machine sleeps, and afterwards each goes on with the
// EC it had. ACPI Specification 6.5, 7.4.2 and 16.1 to 16.3; doc/kernel-interface.md of the reference,
// "machine_ctrl_suspend".

import { BAD_FTR, BAD_PAR, SUCCESS } from "./abi";
import { enableAcpi, hasLegacyPic } from "./acpi";
import { initConsole } from "./console";
import {
  Cpu,
  cpuById,
  cpuCount,
  HAZARD_PARK,
  loadState,
  saveState,
  switchPd,
  thisCpu,
} from "./cpu";
import { initRegisters } from "./cpu_start";
import { finish } from "./ec";
import { restoreIoapics, saveIoapics } from "./ioapic";
import { kernelPd } from "./kernel_pd";
import { initLapic, sendReschedule, startTimer } from "./lapic";
import { AP_START } from "./layout";
import { IA32_TSC } from "./msr_number";
import { disablePic } from "./pic";
import {
  disableEvents,
  enterSleepState,
  hasSleepStates,
  restoreWakingVector,
  setWakingVector,
} from "./sleep_state";
import { lendLowMemory, restartProcessors, restoreLowMemory } from "./smp";
import { idle, open_window } from "./stub";
import { ap_cpu, ap_wakes } from "./symbol";
import { checkTimeouts } from "./timeout";
import { rdtsc, store32, wbinvd, wrmsr } from "./x86";

let isSuspending: bool = false;
let tscAtSleep: u64 = 0;
/** What the TSC has lost in the sleep: the same for all CPUs, which are reset together. */
let tscLoss: u64 = 0;

/** Puts the current EC's state into memory, where its registers are already. */
function leave(cpu: Cpu): void {
  saveState(cpu.ec);
  // The user's address space is not loaded after a reset.
  switchPd(cpu, kernelPd());
  cpu.parked = true;
}

/** Undoes that. With the lock. */
export function comeBack(cpu: Cpu): void {
  cpu.parked = false;
  cpu.hazard &= ~HAZARD_PARK;
  loadState(cpu.ec);
  switchPd(cpu, cpu.ec.domain);
  // The timer is off after a reset.
  checkTimeouts();
}

/** Waits for the end of the suspension, which may be a reset: the current EC goes on then. */
export function park(cpu: Cpu): void {
  leave(cpu);
  while (isSuspending) {
    // Nobody else reaches this CPU's caches. Interrupts come in meanwhile.
    wbinvd();
    idle();
  }
  comeBack(cpu);
}

function isParked(): bool {
  const self = thisCpu();
  for (let i: u32 = 0; i < cpuCount(); i++) {
    const cpu = cpuById(i);
    if (cpu !== self && cpu.online && !cpu.parked) return false;
  }
  return true;
}

function signalOthers(): void {
  const self = thisCpu();
  for (let i: u32 = 0; i < cpuCount(); i++) {
    const cpu = cpuById(i);
    if (cpu === self || !cpu.online) continue;
    if (isSuspending) cpu.hazard |= HAZARD_PARK;
    sendReschedule(cpu);
  }
}

/** The hypercall: sleep types of PM1a and PM1b control. Its status is SUCCESS when the machine has woken up. */
export function suspend(typeA: u32, typeB: u32): i32 {
  if (!hasSleepStates()) return BAD_FTR;
  // Somebody else is about to, and waits for this CPU.
  if (isSuspending) return BAD_PAR;
  isSuspending = true;
  signalOthers();
  while (!isParked()) open_window();

  const cpu = thisCpu();
  finish(cpu.ec, SUCCESS);
  leave(cpu);
  saveIoapics();
  lendLowMemory();
  // Whichever CPU this is, the boot CPU wakes up.
  store32(ap_cpu(), <u64>changetype<usize>(cpuById(0)));
  store32(ap_wakes(), 1);
  setWakingVector(AP_START);
  tscAtSleep = rdtsc();
  wbinvd();
  enterSleepState(typeA, typeB);

  // It was no deep sleep: all CPUs have kept what they had.
  store32(ap_wakes(), 0);
  restoreWakingVector();
  restoreLowMemory();
  isSuspending = false;
  signalOthers();
  comeBack(cpu);
  return SUCCESS;
}

/** A CPU after its reset, before it competes for the lock. */
export function wakeCpu(cpu: Cpu): void {
  initRegisters(cpu);
  // Deadlines count on it.
  if (tscLoss !== 0) wrmsr(IA32_TSC, rdtsc() + tscLoss);
  initLapic();
  startTimer();
}

/** The machine after its reset, on the boot CPU. */
export function wakeMachine(cpu: Cpu): void {
  const now = rdtsc();
  tscLoss = now < tscAtSleep ? tscAtSleep - now : 0;
  wakeCpu(cpu);
  restoreWakingVector();
  initConsole();
  if (hasLegacyPic()) disablePic();
  enableAcpi();
  disableEvents();
  restartProcessors();
  // Not before: a CPU whose local APIC is still off loses what is sent to it.
  restoreIoapics();
  restoreLowMemory();
  isSuspending = false;
  comeBack(cpu);
}
