// CPUs run one after the other for a quantum of virtual time each, so that a run is deterministic.

import {
  EXIT_DEAD,
  EXIT_DEADLINE,
  EXIT_DEBUG,
  EXIT_IDLE,
  EXIT_REQUESTED,
  EXIT_TRIPLE_FAULT,
  EXIT_UNIMPLEMENTED,
  KIND_EXTERNAL,
  KIND_HARDWARE,
} from "../../protocol";
import {
  ACTIVE,
  EVENT_INIT,
  EVENT_NMI,
  EVENT_SIPI,
  FAULT_UNIMPLEMENTED,
  HALTED,
  KEY_SINGLE,
  OP_HANDLER,
  S_ACTIVITY,
  S_BUDGET,
  S_CPU,
  S_EFLAGS,
  S_EVENTS,
  S_FAULT,
  S_KEY,
  S_NMI_BLOCKED,
  S_RESERVE,
  S_RIP,
  S_SHADOW,
  S_STOP,
  S_TRAP,
  SCHEDULER,
  SHADOW_SS,
  SHUTDOWN,
  SLOTS,
  STATE,
  STATE_SIZE,
  WAIT_SIPI,
} from "../../state";
import { arenaFlush } from "../memory/code_pages";
import { CS, Seg, updateMode } from "../memory/segments";
import { a20, setA20 } from "../memory/walk";
import { clearWatchHit, watchHit } from "../memory/watchpoints";
import { breakpointHit, clearBreakpointHit } from "../op/debugger";
import { lookup } from "../op/lookup";
import { Op } from "../op/op";
import {
  acceptVector,
  checkTimer,
  extIntPending,
  pendingVector,
  timerExpiry,
} from "../processor/apic";
import {
  beginSlice,
  now,
  QUANTUM,
  restoreBudget,
  setTscState,
  sliceEvent,
  sliceUsed,
  tscState,
} from "../processor/clock";
import { NO_ADDRESS } from "../processor/control_bits";
import { cpuCount, stateOf } from "../processor/cpus";
import { interrupt_acknowledge } from "../processor/env";
import { leaveNow } from "../processor/fault";
import { IF, RF, TF } from "../processor/flags";
import {
  instructionBreakpoints,
  reportDebug,
  SINGLE_STEP,
  STEP_DONE,
} from "../processor/hardware_breakpoints";
import { init, startUp } from "../system/reset";
import {
  clearTripleFault,
  deliverFault,
  deliverWithEscalation,
  tripleFault,
} from "../transfer/deliver";

/** `run` goes on. */
const EXIT_NONE: i32 = -1;

/** Longest slice of a lone CPU, ns. */
const LONG_SLICE: f64 = 1000000;

/** Virtual time up to which every CPU has run. */
let clock: f64 = 0;
/** Latest moment that any CPU has reached. */
let latest: f64 = 0;
let deadlineTime: f64 = 0;
let retired: f64 = 0;
let exitReason: i32 = EXIT_NONE;
let exitCpu: i32 = 0;
let exitDetail: u32 = 0;
let running: bool = false;
/** First CPU of the next round, when the last one was cut short. */
let nextCpu: i32 = 0;
/** End of the round in progress. */
let roundEnd: f64 = 0;

/** Begins at moment 0. */
export function startClock(): void {
  clock = 0;
  latest = 0;
  setTscState(0);
  retired = 0;
  nextCpu = 0;
}

// ---- Switching the live state

export function switchTo(cpu: i32): void {
  const live = load<i32>(S_CPU);
  if (live == cpu) return;
  memory.copy(SLOTS + live * STATE_SIZE, STATE, STATE_SIZE);
  memory.copy(STATE, SLOTS + cpu * STATE_SIZE, STATE_SIZE);
}

// ---- Events of the executing CPU

/** Handles what is pending at an instruction boundary; true if the CPU can execute. */
function handleEvents(): bool {
  const events = load<u32>(S_EVENTS);
  if (events != 0) {
    store<u32>(S_EVENTS, 0);
    if ((events & EVENT_INIT) != 0) init();
    if ((events & EVENT_SIPI) != 0 && load<u32>(S_ACTIVITY) == WAIT_SIPI) startUp();
    if ((events & EVENT_NMI) != 0) {
      if (
        load<u32>(S_NMI_BLOCKED) != 0 ||
        load<u32>(S_SHADOW) != 0 ||
        load<u32>(S_ACTIVITY) == WAIT_SIPI
      )
        store<u32>(S_EVENTS, load<u32>(S_EVENTS) | EVENT_NMI);
      else {
        store<u32>(S_NMI_BLOCKED, 1);
        store<u32>(S_ACTIVITY, ACTIVE);
        deliverWithEscalation(2, KIND_EXTERNAL, false, 0);
      }
    }
  }
  const activity = load<u32>(S_ACTIVITY);
  if (activity > <u32>HALTED) return false;
  if ((load<u32>(S_EFLAGS) & IF) != 0 && load<u32>(S_SHADOW) == 0) {
    if (extIntPending(load<i32>(S_CPU))) {
      const vector = interrupt_acknowledge(load<i32>(S_CPU));
      store<u32>(S_ACTIVITY, ACTIVE);
      deliverWithEscalation(<u32>vector & 0xff, KIND_EXTERNAL, false, 0);
    } else {
      const vector = pendingVector(load<i32>(S_CPU));
      if (vector >= 0) {
        acceptVector(vector);
        store<u32>(S_ACTIVITY, ACTIVE);
        deliverWithEscalation(<u32>vector, KIND_EXTERNAL, false, 0);
      }
    }
  }
  return load<u32>(S_ACTIVITY) == ACTIVE;
}

/** Runs the live CPU until its budget is used up, it halts, or the run must end. */
function runLive(): void {
  for (;;) {
    store<u32>(S_STOP, 0);
    restoreBudget();
    if (watchHit != 0) {
      end(EXIT_DEBUG, watchHit);
      clearWatchHit();
    } else if (breakpointHit) {
      end(EXIT_DEBUG, 0);
      clearBreakpointHit();
    }
    if (exitReason != EXIT_NONE) return;
    if (!handleEvents()) return;
    if (tripleFault) {
      endTripleFault();
      return;
    }
    if (load<i32>(S_BUDGET) <= 0) return;
    const shadow = load<u32>(S_SHADOW);
    if ((load<u32>(S_KEY) & KEY_SINGLE) != 0) {
      oneInstruction(shadow);
    } else {
      let op = lookup();
      while (op != 0) op = call_indirect<usize>(load<u32>(op, OP_HANDLER), changetype<Op>(op));
    }
    if (!settleFault()) return;
  }
}

/** Delivers the pending fault; false if that ends the run. */
function settleFault(): bool {
  if (load<u32>(S_FAULT) == 0) return true;
  if ((load<u32>(S_FAULT) & FAULT_UNIMPLEMENTED) != 0) {
    store<u32>(S_FAULT, 0);
    end(EXIT_UNIMPLEMENTED, 0);
    return false;
  }
  deliverFault();
  if (!tripleFault) return true;
  endTripleFault();
  return false;
}

function endTripleFault(): void {
  clearTripleFault();
  store<u32>(S_ACTIVITY, SHUTDOWN);
  end(EXIT_TRIPLE_FAULT, 0);
}

/** One instruction in an interrupt shadow, with TF or RF set, or with breakpoints in the debug registers. */
function oneInstruction(shadow: u32): void {
  const linear =
    (load<u32>(S_KEY) & 3) == 2 ? load<u64>(S_RIP) : (load<u64>(S_RIP) + Seg.base(CS)) & 0xffffffff;
  const hits = shadow == SHADOW_SS ? 0 : instructionBreakpoints(linear);
  if (hits != 0) {
    reportDebug(hits);
    deliverWithEscalation(1, KIND_HARDWARE, false, 0);
    return;
  }
  const single = (load<u32>(S_EFLAGS) & TF) != 0;
  const op = lookup();
  if (op == 0) return;
  // RF serves one instruction; a fault pushes it set again.
  store<u32>(S_EFLAGS, load<u32>(S_EFLAGS) & ~RF);
  // The block holds one instruction and an end op; the budget of 1 makes the end leave.
  const left = load<i32>(S_BUDGET);
  store<i32>(S_BUDGET, 1);
  store<i32>(S_RESERVE, load<i32>(S_RESERVE) + left - 1);
  let at = op;
  while (at != 0) at = call_indirect<usize>(load<u32>(at, OP_HANDLER), changetype<Op>(at));
  // A second STI or MOV SS does not prolong the shadow.
  if (shadow != 0) store<u32>(S_SHADOW, 0);
  updateMode();
  const trap = load<u32>(S_TRAP);
  if (load<u32>(S_FAULT) != 0) {
    store<u32>(S_TRAP, 0);
    return;
  }
  // After MOV SS data breakpoints wait for the next instruction, a single step is lost.
  if (load<u32>(S_SHADOW) == SHADOW_SS) return;
  store<u32>(S_TRAP, 0);
  let bits = trap & 0x800f;
  if (single && (trap & STEP_DONE) == 0) bits |= SINGLE_STEP;
  if (bits != 0) {
    // A debug trap after HLT ends it at once.
    store<u32>(S_ACTIVITY, ACTIVE);
    reportDebug(bits);
    deliverWithEscalation(1, KIND_HARDWARE, false, 0);
  }
}

function end(reason: i32, detail: u32): void {
  exitReason = reason;
  exitCpu = load<i32>(S_CPU);
  exitDetail = detail;
}

// ---- Scheduling

/** Whether a CPU could do something now: active, or something is pending for it. */
function runnable(cpu: i32): bool {
  const activity = load<u32>(stateOf(cpu, S_ACTIVITY));
  if (activity == ACTIVE) return true;
  if (load<u32>(stateOf(cpu, S_EVENTS)) != 0) return true;
  if (activity != HALTED) return false;
  if ((load<u32>(stateOf(cpu, S_EFLAGS)) & IF) == 0) return false;
  return extIntPending(cpu) || pendingVector(cpu) >= 0;
}

/** Runs CPU `cpu` from `clock` to `until`. */
function slice(cpu: i32, until: f64): void {
  switchTo(cpu);
  const from = clock;
  let t = from;
  while (t < until && exitReason == EXIT_NONE) {
    checkTimer(cpu, t);
    let stop = until;
    const timer = timerExpiry(cpu);
    if (timer < stop) stop = timer;
    beginSlice(t, <i32>Math.ceil(stop - t));
    runLive();
    retired += <f64>sliceUsed();
    if (load<u32>(S_ACTIVITY) != ACTIVE && exitReason == EXIT_NONE) {
      // Idle until its timer, if that is in this slice.
      const next = timerExpiry(cpu);
      t = now();
      beginSlice(t, 0);
      if (next < until && load<u32>(S_ACTIVITY) == HALTED) {
        t = Math.max(next, t);
        continue;
      }
      break;
    }
    t = now();
    beginSlice(t, 0);
  }
}

export function run(deadline: f64): i32 {
  exitReason = EXIT_NONE;
  deadlineTime = deadline;
  running = true;
  while (exitReason == EXIT_NONE) {
    if (clock >= deadlineTime) {
      exitReason = EXIT_DEADLINE;
      break;
    }
    let active = 0;
    for (let i = 0; i < cpuCount; i++) if (runnable(i)) active++;
    if (active == 0) {
      let timers = false;
      let canWake = false;
      for (let i = 0; i < cpuCount; i++) {
        checkTimer(i, clock);
        if (runnable(i)) timers = true;
        if (
          load<u32>(stateOf(i, S_ACTIVITY)) == HALTED &&
          (load<u32>(stateOf(i, S_EFLAGS)) & IF) != 0
        )
          canWake = true;
      }
      if (timers) continue;
      exitReason = canWake ? EXIT_IDLE : EXIT_DEAD;
      break;
    }
    let until = clock + (active > 1 || cpuCount > 1 ? QUANTUM : LONG_SLICE);
    if (until > deadlineTime) until = deadlineTime;
    roundEnd = until;
    const start = clock;
    let last = start;
    while (nextCpu < cpuCount && exitReason == EXIT_NONE) {
      if (runnable(nextCpu) || timerExpiry(nextCpu) < roundEnd) {
        slice(nextCpu, roundEnd);
        const t = now();
        if (t > last) last = t;
        if (t > latest) latest = t;
      }
      nextCpu++;
    }
    if (nextCpu >= cpuCount) {
      nextCpu = 0;
      // A lone CPU may have stopped early (halted); several are all at the end of the round.
      clock = cpuCount == 1 ? last : active > 1 || last > roundEnd ? roundEnd : last;
      if (clock < last) clock = last;
    }
  }
  running = false;
  return exitReason;
}

/** One instruction of one CPU, for a debugger: no interrupts are taken unless the CPU halts. */
export function step(cpu: i32): i32 {
  exitReason = EXIT_NONE;
  running = true;
  switchTo(cpu);
  checkTimer(cpu, clock);
  beginSlice(clock, 1);
  store<u32>(S_STOP, 0);
  if (load<u32>(S_ACTIVITY) == ACTIVE || handleEvents()) {
    const shadow = load<u32>(S_SHADOW);
    store<u32>(S_KEY, load<u32>(S_KEY) | KEY_SINGLE);
    oneInstruction(shadow);
    updateMode();
    settleFault();
  }
  if (watchHit != 0 && exitReason == EXIT_NONE) end(EXIT_DEBUG, watchHit);
  clearWatchHit();
  restoreBudget();
  retired += <f64>sliceUsed();
  const t = now();
  beginSlice(t, 0);
  if (t > clock) clock = t;
  if (t > latest) latest = t;
  running = false;
  return exitReason == EXIT_NONE ? EXIT_DEADLINE : exitReason;
}

/** Copies the scheduler's state to SCHEDULER, for a snapshot. */
export function save_scheduler(): void {
  store<f64>(SCHEDULER, clock);
  store<f64>(SCHEDULER, retired, 8);
  store<f64>(SCHEDULER, roundEnd, 16);
  store<u64>(SCHEDULER, a20(), 24);
  store<i32>(SCHEDULER, nextCpu, 32);
  store<f64>(SCHEDULER, latest, 40);
  store<u64>(SCHEDULER, tscState(), 48);
}

/** Takes the scheduler's state from SCHEDULER and drops everything derived from memory that changed. */
export function load_scheduler(): void {
  clock = load<f64>(SCHEDULER);
  retired = load<f64>(SCHEDULER, 8);
  roundEnd = load<f64>(SCHEDULER, 16);
  setA20(load<u64>(SCHEDULER, 24) == NO_ADDRESS);
  nextCpu = load<i32>(SCHEDULER, 32);
  latest = load<f64>(SCHEDULER, 40);
  setTscState(load<u64>(SCHEDULER, 48));
  exitReason = EXIT_NONE;
  beginSlice(clock, 0);
  arenaFlush();
}

export function time(): f64 {
  if (running) return now();
  return Math.max(latest, clock);
}

export function advance_to(t: f64): void {
  if (t > clock) clock = t;
}

export function next_timer(): f64 {
  let next = Infinity;
  for (let i = 0; i < cpuCount; i++) {
    const t = timerExpiry(i);
    if (t < next) next = t;
  }
  return next;
}

export function request_exit(): void {
  if (!running) return;
  if (exitReason == EXIT_NONE) end(EXIT_REQUESTED, 0);
  leaveNow();
}

export function shorten_deadline(deadline: f64): void {
  if (deadline < deadlineTime) deadlineTime = deadline;
  if (deadline < roundEnd) roundEnd = deadline;
  if (running) sliceEvent(deadline);
}

export function exit_cpu(): i32 {
  return exitCpu;
}

export function exit_detail(): u32 {
  return exitDetail;
}

export function instructions(): f64 {
  return running ? retired + <f64>sliceUsed() : retired;
}
