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
  FAULT_AGAIN,
  FAULT_UNIMPLEMENTED,
  HALTED,
  KEY_SINGLE,
  M_CLOCK,
  M_LATEST,
  M_NEXT_CPU,
  M_RETIRED,
  M_ROUND_END,
  OP_HANDLER,
  S_ACTIVITY,
  S_AGAIN,
  S_BUDGET,
  S_COARSE,
  S_CPU,
  S_DEBUGCTL,
  S_EFLAGS,
  S_EVENTS,
  S_FAULT,
  S_INSN_INDEX,
  S_KEY,
  S_NMI_BLOCKED,
  S_REPEAT,
  S_RESERVE,
  S_RIP,
  S_SHADOW,
  S_STOP,
  S_TRAP,
  SHADOW_SS,
  SHUTDOWN,
  SLOTS,
  STATE,
  STATE_SIZE,
  STOP_CODE,
  STOP_MIDDLE,
  WAIT_SIPI,
} from "../../state";
import { plain_handler } from "../decode/pairs";
import { arenaFlush } from "../memory/code_pages";
import { crowded, makeRoom, putAllOut } from "../memory/high_memory";
import { CS, Seg, updateMode } from "../memory/segments";
import { forgetNearPages } from "../memory/tlb";
import { clearWatchHit, watchHit } from "../memory/watchpoints";
import { breakpointHit, clearBreakpointHit } from "../op/debugger";
import { lookup } from "../op/lookup";
import { Op } from "../op/op";
import {
  acceptVector,
  checkTimer,
  extIntPending,
  interruptPending,
  pendingVector,
  timerExpiry,
} from "../processor/apic";
import {
  beginSlice,
  now,
  passTime,
  QUANTUM,
  restoreBudget,
  shownTime,
  sliceEvent,
  sliceInstructions,
} from "../processor/clock";
import { cpuCount, stateOf } from "../processor/cpus";
import { interrupt_acknowledge } from "../processor/env";
import { leaveNow } from "../processor/fault";
import { IF, RF, TF } from "../processor/flags";
import {
  BTF,
  instructionBreakpoints,
  reportDebug,
  SINGLE_STEP,
  STEP_DONE,
  TRAP_BITS,
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

let deadlineTime: f64 = 0;
let exitReason: i32 = EXIT_NONE;
let exitCpu: i32 = 0;
let exitDetail: u32 = 0;
let running: bool = false;

function clock(): f64 {
  return load<f64>(M_CLOCK);
}

/** The executing CPU has reached moment `t`. */
function reached(t: f64): void {
  if (t > load<f64>(M_LATEST)) store<f64>(M_LATEST, t);
}

/** The instructions of the slice that ends are done. */
function retire(): void {
  store<f64>(M_RETIRED, load<f64>(M_RETIRED) + <f64>sliceInstructions());
}

// ---- Switching the live state

export function switchTo(cpu: i32): void {
  const live = load<i32>(S_CPU);
  if (live == cpu) return;
  forgetNearPages();
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

/** Executes from `op` on, until the CPU leaves its blocks. */
function execute(op: usize): void {
  store<u32>(S_REPEAT, 0);
  store<u32>(S_COARSE, 1);
  for (;;) {
    while (op != 0) op = call_indirect<usize>(load<u32>(op, OP_HANDLER), changetype<Op>(op));
    if (load<u32>(S_FAULT) != FAULT_AGAIN) break;
    // A device is accessed: once more, with the time made exact. Or there was no room for a page.
    store<u32>(S_FAULT, 0);
    if (crowded) makeRoom();
    const again = changetype<Op>(<usize>load<u32>(S_AGAIN));
    store<u32>(S_COARSE, 0);
    store<u32>(S_INSN_INDEX, <u32>again.idx);
    op = call_indirect<usize>(plain_handler(again.h), again);
    store<u32>(S_INSN_INDEX, 0);
    store<u32>(S_COARSE, 1);
  }
  store<u32>(S_COARSE, 0);
}

/** The same, and again where a block has been left only because code was dropped: no event is taken there. */
function executeOn(): void {
  for (;;) {
    const op = lookup();
    if (op == 0) return;
    execute(op);
    if (load<u32>(S_STOP) != (STOP_CODE | STOP_MIDDLE) || load<u32>(S_FAULT) != 0) return;
    if (crowded) makeRoom();
    store<u32>(S_STOP, 0);
    restoreBudget();
  }
}

/** Runs the live CPU until its budget is used up, it halts, or the run must end. */
function runLive(): void {
  for (;;) {
    if (crowded) makeRoom();
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
    // An interrupt may have switched to a task that traps.
    settleTraps();
    if (tripleFault) {
      endTripleFault();
      return;
    }
    if (load<i32>(S_BUDGET) <= 0) return;
    if ((load<u32>(S_KEY) & KEY_SINGLE) != 0) oneInstruction();
    else executeOn();
    if (!settleFault()) return;
    settleTraps();
  }
}

/** Delivers the pending fault; false if that ends the run. */
function settleFault(): bool {
  if (load<u32>(S_FAULT) == 0) return true;
  // Of an instruction that faults no trap remains.
  store<u32>(S_TRAP, 0);
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
function oneInstruction(): void {
  const shadow = load<u32>(S_SHADOW);
  const linear =
    (load<u32>(S_KEY) & 3) == 2 ? load<u64>(S_RIP) : (load<u64>(S_RIP) + Seg.base(CS)) & 0xffffffff;
  // An instruction breakpoint hits before a string instruction, not between its iterations.
  const held = shadow == SHADOW_SS || load<u32>(S_REPEAT) != 0;
  const hits = held ? 0 : instructionBreakpoints(linear);
  if (hits != 0) {
    reportDebug(hits);
    deliverWithEscalation(1, KIND_HARDWARE, false, 0);
    return;
  }
  const single = (load<u32>(S_EFLAGS) & TF) != 0;
  const first = lookup();
  if (first == 0) return;
  const next = changetype<Op>(first).nextRip();
  // RF serves one instruction; a fault pushes it set again.
  store<u32>(S_EFLAGS, load<u32>(S_EFLAGS) & ~RF);
  // The block holds one instruction and an end op; the budget of 1 makes the end leave.
  const left = load<i32>(S_BUDGET);
  store<i32>(S_BUDGET, 1);
  store<i32>(S_RESERVE, load<i32>(S_RESERVE) + left - 1);
  execute(first);
  // A second STI or MOV SS does not prolong the shadow.
  if (shadow != 0) store<u32>(S_SHADOW, 0);
  updateMode();
  if (single && load<u32>(S_FAULT) == 0 && load<u32>(S_SHADOW) != SHADOW_SS) noteStep(next);
}

/** The instruction that was stepped, with the next one at `next`, is complete. */
function noteStep(next: u64): void {
  const trap = load<u32>(S_TRAP);
  if ((trap & STEP_DONE) != 0) return;
  // With BTF set a step goes to the next branch that is taken.
  const branches = (load<u32>(S_DEBUGCTL) & BTF) != 0;
  if (branches && (load<u64>(S_RIP) == next || load<u32>(S_REPEAT) != 0)) return;
  store<u32>(S_TRAP, trap | SINGLE_STEP);
}

/** Delivers the debug traps of the instruction that is complete; those of MOV SS wait for the next one. */
function settleTraps(): void {
  const trap = load<u32>(S_TRAP);
  if (trap == 0 || load<u32>(S_SHADOW) == SHADOW_SS) return;
  store<u32>(S_TRAP, 0);
  const bits = trap & TRAP_BITS;
  if (bits == 0) return;
  // A debug trap after HLT ends it at once.
  store<u32>(S_ACTIVITY, ACTIVE);
  reportDebug(bits);
  deliverWithEscalation(1, KIND_HARDWARE, false, 0);
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
  return interruptPending(cpu);
}

/** Runs CPU `cpu` from `clock` to the round's end, which devices may bring nearer meanwhile. */
function slice(cpu: i32): void {
  switchTo(cpu);
  let t = clock();
  while (exitReason == EXIT_NONE) {
    const until = load<f64>(M_ROUND_END);
    if (t >= until) break;
    checkTimer(cpu, t);
    let stop = until;
    const timer = timerExpiry(cpu);
    if (timer < stop) stop = timer;
    beginSlice(t, <i32>Math.ceil(stop - t));
    runLive();
    retire();
    if (load<u32>(S_ACTIVITY) != ACTIVE && exitReason == EXIT_NONE) {
      // Idle until its timer, if that is in this slice.
      const next = timerExpiry(cpu);
      t = now();
      beginSlice(t, 0);
      if (next < load<f64>(M_ROUND_END) && load<u32>(S_ACTIVITY) == HALTED) {
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
    const start = clock();
    if (start >= deadlineTime) {
      exitReason = EXIT_DEADLINE;
      break;
    }
    let active = 0;
    for (let i = 0; i < cpuCount; i++) if (runnable(i)) active++;
    if (active == 0) {
      let timers = false;
      let canWake = false;
      for (let i = 0; i < cpuCount; i++) {
        checkTimer(i, start);
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
    let until = start + (active > 1 || cpuCount > 1 ? QUANTUM : LONG_SLICE);
    if (until > deadlineTime) until = deadlineTime;
    store<f64>(M_ROUND_END, until);
    let last = start;
    let cpu = load<i32>(M_NEXT_CPU);
    while (cpu < cpuCount && exitReason == EXIT_NONE) {
      if (runnable(cpu) || timerExpiry(cpu) < load<f64>(M_ROUND_END)) {
        slice(cpu);
        const t = now();
        if (t > last) last = t;
        reached(t);
      }
      cpu++;
    }
    if (cpu >= cpuCount) {
      cpu = 0;
      // A lone CPU may have stopped early (halted); several are all at the end of the round.
      const end = load<f64>(M_ROUND_END);
      const moved = cpuCount == 1 ? last : active > 1 || last > end ? end : last;
      store<f64>(M_CLOCK, Math.max(moved, last));
    }
    store<i32>(M_NEXT_CPU, cpu);
  }
  running = false;
  return exitReason;
}

/** One instruction of one CPU, for a debugger: no interrupts are taken unless the CPU halts. */
export function step(cpu: i32): i32 {
  exitReason = EXIT_NONE;
  running = true;
  switchTo(cpu);
  checkTimer(cpu, clock());
  beginSlice(clock(), 1);
  if (crowded) makeRoom();
  store<u32>(S_STOP, 0);
  if (load<u32>(S_ACTIVITY) == ACTIVE || handleEvents()) {
    store<u32>(S_KEY, load<u32>(S_KEY) | KEY_SINGLE);
    oneInstruction();
    updateMode();
    if (settleFault()) settleTraps();
  }
  if (watchHit != 0 && exitReason == EXIT_NONE) end(EXIT_DEBUG, watchHit);
  clearWatchHit();
  restoreBudget();
  retire();
  const t = now();
  beginSlice(t, 0);
  if (t > clock()) store<f64>(M_CLOCK, t);
  reached(t);
  running = false;
  return exitReason == EXIT_NONE ? EXIT_DEADLINE : exitReason;
}

/** The state in memory has been replaced by a snapshot's: drops everything that is derived from it. */
export function state_loaded(): void {
  exitReason = EXIT_NONE;
  beginSlice(clock(), 0);
  putAllOut();
  arenaFlush();
}

export function time(): f64 {
  if (running) return shownTime();
  return Math.max(load<f64>(M_LATEST), clock());
}

export function advance_to(t: f64): void {
  if (t > clock()) store<f64>(M_CLOCK, t);
}

export function next_timer(): f64 {
  let next = Infinity;
  for (let i = 0; i < cpuCount; i++) {
    const t = timerExpiry(i);
    if (t < next) next = t;
  }
  return next;
}

export function pass_time(ns: u32): void {
  if (running) passTime(<i32>min<u32>(ns, 0x7fffffff));
}

export function request_exit(): void {
  if (!running) return;
  if (exitReason == EXIT_NONE) end(EXIT_REQUESTED, 0);
  leaveNow();
}

export function shorten_deadline(deadline: f64): void {
  if (deadline < deadlineTime) deadlineTime = deadline;
  if (deadline < load<f64>(M_ROUND_END)) store<f64>(M_ROUND_END, deadline);
  if (running) sliceEvent(deadline);
}

export function exit_cpu(): i32 {
  return exitCpu;
}

export function exit_detail(): u32 {
  return exitDetail;
}

export function instructions(): f64 {
  return load<f64>(M_RETIRED) + (running ? <f64>sliceInstructions() : 0);
}
