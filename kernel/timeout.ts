// Timeouts of one CPU: a list of blocked ECs sorted by deadline, and the end of the current SC's
// budget. The earlier of the two is what the local APIC timer is set to. Times are TSC values.

import { Cpu, cpuById, HAZARD_SCHEDULE, HAZARD_WORK, thisCpu } from "./cpu";
import { Ec } from "./ec";
import { setTimer } from "./lapic";
import { pieceIsOver, spend } from "./piece";
import { timedOut, WAKE_COST } from "./sm";
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
  let before = changetype<Ec>(0);
  let after = cpu.timeouts;
  while (changetype<usize>(after) !== 0 && after.timeoutAt < deadline) {
    before = after;
    after = after.timeoutNext;
  }
  ec.timeoutAt = deadline;
  ec.timeoutActive = true;
  ec.timeoutPrev = before;
  ec.timeoutNext = after;
  if (changetype<usize>(after) !== 0) after.timeoutPrev = ec;
  if (changetype<usize>(before) !== 0) before.timeoutNext = ec;
  else {
    cpu.timeouts = ec;
    programTimer(cpu);
  }
}

export function cancelTimeout(ec: Ec): void {
  if (!ec.timeoutActive) return;
  ec.timeoutActive = false;
  const before = ec.timeoutPrev;
  const after = ec.timeoutNext;
  if (changetype<usize>(after) !== 0) after.timeoutPrev = before;
  if (changetype<usize>(before) !== 0) before.timeoutNext = after;
  // The timer may now fire early; checkTimeouts finds nothing and sets it again.
  else cpuById(ec.cpu).timeouts = after;
  ec.timeoutPrev = changetype<Ec>(0);
  ec.timeoutNext = changetype<Ec>(0);
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
