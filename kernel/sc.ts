// Scheduling context: CPU time with a priority and a quantum. Priority round robin per CPU: there is
// one ready queue per priority; a preempted SC that has budget left goes to the head of its queue,
// one that has used it up to the tail with a fresh budget.

import { NUM_PRIORITIES, PERM_SC_CTRL } from "./abi";
import { Cpu, cpuById, HAZARD_SCHEDULE, HAZARD_WORK, thisCpu } from "./cpu";
import { CONT_DEAD, CONT_RECEIVE, Ec } from "./ec";
import { addRef, dropRef, Kobject, TYPE_SC } from "./kobject";
import { sendReschedule, tscKilohertz } from "./lapic";
import { forgetEc } from "./lost_thread";
import { initKobject, Pd } from "./pd";
import { pieceIsOver, spend } from "./piece";
import { Queue } from "./queue";
import { allocObject } from "./slab";
import { cancelBudget, setBudget } from "./timeout";
import { rdtsc } from "./x86";

/** Units of work (piece.ts) of making an SC ready, or ending it. */
const RELEASE_COST: u32 = 80;

@unmanaged
export class Sc extends Kobject {
  /** TSC ticks of a full quantum, ticks left of it, ticks used so far, and when it last started or stopped. */
  budget: u64;
  left: u64;
  time: u64;
  since: u64;
  ec: Ec;
  /** The EC that it waits for; null for one that runs or is in a ready queue. */
  waitsFor: Ec;
  /** Neighbours in a ready queue, or among the SCs that wait for an EC. */
  queuePrev: Sc;
  queueNext: Sc;
  cpu: u32;
  prio: u32;
}

/** An SC that runs `ec` with a quantum in microseconds; null when memory is out. */
export function createSc(owner: Pd, base: u32, ec: Ec, prio: u32, quantum: u32): Sc {
  const sc = changetype<Sc>(allocObject(offsetof<Sc>()));
  if (changetype<usize>(sc) === 0) return sc;
  initKobject(sc, TYPE_SC, owner, base, PERM_SC_CTRL);
  addRef(ec);
  sc.ec = ec;
  sc.cpu = ec.cpu;
  sc.prio = prio;
  sc.budget = (<u64>tscKilohertz() * <u64>quantum) / 1000;
  if (sc.budget === 0) sc.budget = 1;
  return sc;
}

export function destroySc(sc: Sc): void {
  const ec = sc.ec;
  if (!ec.isGlobal) ec.strays--;
  dropRef(ec);
  forgetEc(ec);
}

// --- The SCs that wait for an EC ---

function waitingFor(ec: Ec): Queue<Sc> {
  return changetype<Queue<Sc>>(changetype<usize>(ec) + offsetof<Ec>("waiting"));
}

/** Adds `sc`, which the caller holds a reference for, to those that wait until `ec` can run. */
export function waitForEc(ec: Ec, sc: Sc): void {
  waitingFor(ec).enqueue(sc);
  sc.waitsFor = ec;
}

function firstWaiting(ec: Ec): Sc {
  const sc = waitingFor(ec).dequeue();
  sc.waitsFor = changetype<Ec>(0);
  return sc;
}

/**
 * Lets the SCs that wait for `ec` run again. The first is ready at once, the others before their CPU returns to
 * user space: there can be as many as memory has room for.
 */
export function releaseWaiting(ec: Ec): void {
  const waiting = waitingFor(ec);
  if (waiting.isEmpty()) return;
  release(firstWaiting(ec));
  if (waiting.isEmpty()) return;
  const cpu = cpuById(ec.cpu);
  if (!ec.isReleasing) {
    ec.isReleasing = true;
    addRef(ec);
    ec.nextReleasing = cpu.releasing;
    cpu.releasing = ec;
  }
  cpu.hazard |= HAZARD_WORK;
  if (cpu !== thisCpu()) sendReschedule(cpu);
}

/** Makes released SCs of this CPU ready, until the piece is over; true if none is left. */
export function releaseOthers(cpu: Cpu): bool {
  for (let ec = cpu.releasing; changetype<usize>(ec) !== 0; ec = cpu.releasing) {
    const waiting = waitingFor(ec);
    while (!waiting.isEmpty()) {
      if (pieceIsOver()) return false;
      release(firstWaiting(ec));
      spend(RELEASE_COST);
    }
    cpu.releasing = ec.nextReleasing;
    ec.isReleasing = false;
    dropRef(ec);
    forgetEc(ec);
  }
  return true;
}

/** Makes an SC ready. One without capabilities ends here, unless a call depends on it. */
function release(sc: Sc): void {
  if (isAbandoned(sc)) dropRef(sc);
  else makeReady(sc);
}

// --- SCs without capabilities ---

/**
 * Whether nobody can name the SC any more and no handler needs it. It leaves its EC for the handler that this has
 * called: that one comes to its end, however long it takes, and the EC need not stay for it.
 */
export function isAbandoned(sc: Sc): bool {
  if (sc.refs !== 1) return false;
  let ec = sc.ec;
  while (changetype<usize>(ec.partner) !== 0 && (ec.isGlobal || ec.cont === CONT_DEAD)) {
    const callee = ec.partner;
    addRef(callee);
    callee.strays++;
    sc.ec = callee;
    if (!ec.isGlobal) ec.strays--;
    dropRef(ec);
    forgetEc(ec);
    ec = callee;
    spend(RELEASE_COST);
  }
  if (changetype<usize>(ec.partner) !== 0) return false;
  return ec.isGlobal || ec.cont === CONT_RECEIVE || ec.cont === CONT_DEAD;
}

/** The SC's capabilities are gone: it ends where it waits, if nothing depends on it. */
export function abandonSc(sc: Sc): void {
  const cpu = cpuById(sc.cpu);
  // One that runs is looked at when it stops.
  if (cpu.sc === sc || !isAbandoned(sc)) return;
  const ec = sc.waitsFor;
  if (changetype<usize>(ec) !== 0) waitingFor(ec).remove(sc);
  else {
    readyQueue(cpu, sc.prio).remove(sc);
    lowerTop(cpu);
  }
  dropRef(sc);
}

// --- Ready queue ---

function readyQueue(cpu: Cpu, prio: u32): Queue<Sc> {
  return changetype<Queue<Sc>>(cpu.ready + prio * offsetof<Queue<Sc>>());
}

/** Puts an SC into the ready queue of its CPU; the caller's reference goes with it. */
export function makeReady(sc: Sc): void {
  const cpu = cpuById(sc.cpu);
  enqueue(cpu, sc, rdtsc());
  if (cpu !== thisCpu() && cpu.hazard & HAZARD_SCHEDULE) sendReschedule(cpu);
}

function enqueue(cpu: Cpu, sc: Sc, now: u64): void {
  const prio = sc.prio;
  if (prio > cpu.topPrio) cpu.topPrio = prio;
  const queue = readyQueue(cpu, prio);
  if (sc.left !== 0) queue.enqueueFirst(sc);
  else queue.enqueue(sc);
  const current = cpu.sc;
  if (prio > current.prio || (sc !== current && prio === current.prio && sc.left !== 0)) {
    cpu.hazard |= HAZARD_SCHEDULE;
  }
  if (sc.left === 0) sc.left = sc.budget;
  sc.since = now;
}

/** The highest priority of ready SCs is one of those that there are. */
function lowerTop(cpu: Cpu): void {
  while (cpu.topPrio > 0 && readyQueue(cpu, cpu.topPrio).isEmpty()) cpu.topPrio--;
}

/**
 * Takes out the next SC that runs. Those that have lost their last capability meanwhile end here, until the piece is
 * over: the idle SC runs then, and looks again at once.
 */
function dequeueTop(cpu: Cpu, now: u64): Sc {
  for (;;) {
    let top = cpu.topPrio;
    if (pieceIsOver()) {
      top = 0;
      cpu.hazard |= HAZARD_SCHEDULE;
    }
    const sc = readyQueue(cpu, top).dequeue();
    lowerTop(cpu);
    if (isAbandoned(sc)) {
      dropRef(sc);
      spend(RELEASE_COST);
      continue;
    }
    sc.since = now;
    return sc;
  }
}

/** TSC ticks that `sc` has used up to now. */
export function timeUsed(sc: Sc): u64 {
  return cpuById(sc.cpu).sc === sc ? sc.time + (rdtsc() - sc.since) : sc.time;
}

/**
 * Takes the CPU from its current SC and gives it to the next one. `suspend`: the SC is not ready any
 * more; its reference has gone to whoever wakes it up, or is dropped here if `drop`.
 */
export function nextSc(cpu: Cpu, suspend: bool, drop: bool): Sc {
  const now = rdtsc();
  const current = cpu.sc;
  const deadline = cancelBudget(cpu);
  current.time += now - current.since;
  current.left = deadline > now ? deadline - now : 0;
  cpu.hazard &= ~HAZARD_SCHEDULE;
  // Preempted: back into the queue, unless its last capability has been revoked or its EC is dead.
  if (!suspend) {
    if (isAbandoned(current)) dropRef(current);
    else enqueue(cpu, current, now);
    cpu.hazard &= ~HAZARD_SCHEDULE;
  } else if (drop) dropRef(current);
  const next = dequeueTop(cpu, now);
  cpu.sc = next;
  cpu.helpCount = 0;
  // The idle SC has nobody to make room for: without timeouts no timer runs, and a machine that can
  // never wake up again can be recognised as such.
  if (next.prio !== 0) setBudget(cpu, now + next.left);
  return next;
}

/** Whether an SC with this priority and quantum can be created. */
export function isValidQpd(prio: u32, quantum: u32): bool {
  return prio !== 0 && prio < <u32>NUM_PRIORITIES && quantum !== 0;
}
