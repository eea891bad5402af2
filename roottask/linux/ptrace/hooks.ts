// What tracing does at places that stops themselves are built on (stops.ts): signals that are taken, stops of processes, ends.

import { Utcb } from "../../libhedron/utcb";
import { Thread } from "../../libroottask/program";

type Choose = (thread: Thread, regs: Utcb, signal: u32) => u32;
type Act = (thread: Thread, regs: Utcb) => void;
type Ask = (thread: Thread, regs: Utcb) => bool;
type Tell = (thread: Thread, event: u32, message: u64) => void;

function chooseNothing(_thread: Thread, _regs: Utcb, signal: u32): u32 {
  return signal;
}

function doNothing(_thread: Thread, _regs: Utcb): void {}

function saysNo(_thread: Thread, _regs: Utcb): bool {
  return false;
}

function tellsNobody(_thread: Thread, _event: u32, _message: u64): void {}

let signalHook: Choose = chooseNothing;
let stopHook: Act = doNothing;
let returnHook: Act = doNothing;
let enteredHook: Ask = saysNo;
let eventHook: Tell = tellsNobody;

/** Stops do what is to be done: for a signal, with a process, behind a call, at the first instruction of a handler, for an event. */
export function setTracing(
  signal: Choose,
  stop: Act,
  returns: Act,
  entered: Ask,
  event: Tell,
): void {
  signalHook = signal;
  stopHook = stop;
  returnHook = returns;
  enteredHook = entered;
  eventHook = event;
}

/** A tracee is to get `signal`, of which `signalInfo` tells: the one that its tracer gives it instead, 0 for none. */
export function chosenSignal(thread: Thread, regs: Utcb, signal: u32): u32 {
  return signalHook(thread, regs, signal);
}

/** A tracee stops with its process, or since its tracer wants it to. */
export function stopTraced(thread: Thread, regs: Utcb): void {
  stopHook(thread, regs);
}

/** `thread` returns from a call. */
export function returnTraced(thread: Thread, regs: Utcb): void {
  returnHook(thread, regs);
}

/** `thread` has stepped out of the code around handlers; false where it has not been there. */
export function hasEntered(thread: Thread, regs: Utcb): bool {
  return enteredHook(thread, regs);
}

/** The tracer of `thread`, if there is one, may want to know of `event`. */
export function tellEvent(thread: Thread, event: u32, message: u64): void {
  eventHook(thread, event, message);
}
