// Timeouts of one CPU: the blocked ECs that have a deadline, and the end of the current SC's budget. The earliest
// is what the local APIC timer is set to. Times are TSC values.

import { Cpu, cpuById, HAZARD_SCHEDULE, HAZARD_WORK, thisCpu } from "./cpu";
import { Ec } from "./ec";
import { setTimer } from "./lapic";
import { pieceIsOver, spend } from "./piece";
import { timedOut, WAKE_COST } from "./sm";
import { addDeadline, removeDeadline } from "./timeout_heap";
import { rdtsc } from "./x86";

function programTimer(cpu: Cpu): void {
  let at = cpu.budgetEnd;
  const first = cpu.timeouts;
  if (changetype<usize>(first) !== 0 && (at === 0 || first.timeoutAt < at)) at = first.timeoutAt;
  if (at !== 0 && at !== cpu.timerAt) {
    cpu.timerAt = at;
    setTimer(at);
  }
}

/** The current SC may run until `end`. */
export function setBudget(cpu: Cpu, end: u64): void {
  cpu.budgetEnd = end;
  programTimer(cpu);
}

/** Returns when the current SC's budget would have ended. */
export function cancelBudget(cpu: Cpu): u64 {
  const end = cpu.budgetEnd;
  cpu.budgetEnd = 0;
  return end;
}

/** Wakes `ec`, which waits for a semaphore and runs on this CPU, at `deadline`. */
export function setTimeoutOf(ec: Ec, deadline: u64): void {
  const cpu = cpuById(ec.cpu);
  ec.timeoutAt = deadline;
  ec.timeoutActive = true;
  cpu.timeouts = addDeadline(cpu.timeouts, ec);
  if (cpu.timeouts === ec) programTimer(cpu);
}

export function cancelTimeout(ec: Ec): void {
  if (!ec.timeoutActive) return;
  ec.timeoutActive = false;
  // The timer may now fire early; checkTimeouts finds nothing and sets it again.
  const cpu = cpuById(ec.cpu);
  cpu.timeouts = removeDeadline(cpu.timeouts, ec);
}

/** The timer of this CPU has fired, or what was due then is not done. Until the piece is over. */
export function checkTimeouts(): void {
  const cpu = thisCpu();
  cpu.timerAt = 0;
  const now = rdtsc();
  for (;;) {
    const ec = cpu.timeouts;
    if (changetype<usize>(ec) === 0 || ec.timeoutAt > now) break;
    if (pieceIsOver()) {
      cpu.hazard |= HAZARD_WORK;
      break;
    }
    timedOut(ec);
    spend(WAKE_COST);
  }
  if (cpu.budgetEnd !== 0 && cpu.budgetEnd <= now) cpu.hazard |= HAZARD_SCHEDULE;
  else if ((cpu.hazard & HAZARD_WORK) === 0) programTimer(cpu);
}
