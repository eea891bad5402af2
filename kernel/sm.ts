// Semaphore: a counter and a first-come first-served queue of ECs. Those of the kernel's own domain
// stand for interrupts (gsi.ts). A signal is a semaphore that is bound to another one and counts for itself: who
// takes from the other one gets the signal's value and count. Interrupts can be bound to a signal.

import { PERM_SM_DOWN, PERM_SM_UP } from "./abi";
import { CONT_DOWN_BAD_CAP, CONT_DOWN_SUCCESS, CONT_DOWN_TIMEOUT, CONT_IRET, Ec } from "./ec";
import { addRef, dropRef, Kobject, TYPE_SM } from "./kobject";
import { initKobject, Pd } from "./pd";
import { pieceIsOver, spend } from "./piece";
import { isQueued, Queue } from "./queue";
import { releaseWaiting } from "./sc";
import { allocObject } from "./slab";
import { cancelTimeout, setTimeoutOf } from "./timeout";

/** Units of work (piece.ts) of waking a thread. */
export const WAKE_COST: u32 = 400;

@unmanaged
export class Sm extends Kobject {
  counter: u64;
  /** Neither an interrupt's nor in any way bound: `up` and `down` are about the counter and waiting ECs alone. */
  plain: bool;
  /** Stands for an interrupt. Not asked of the domain, which may be gone while a binding holds the semaphore. */
  isInterrupt: bool;
  /** First of the waiting ECs: the head of `queueOf`. */
  waiting: Ec;
  /** What a signal or an interrupt is bound to; null for an ordinary semaphore. */
  bound: Sm;
  /** A signal's value, by which its receiver knows it. */
  value: u64;
  /** The first of the signals that have been upped and not taken from this semaphore, and how many they are. */
  signals: Sm;
  pending: u32;
  /** Neighbours among the signals of `bound`; not null means pending. */
  queuePrev: Sm;
  queueNext: Sm;
}

/** A semaphore known to `owner` under selector `base`; null when memory is out. */
export function createSm(owner: Pd, base: u32, counter: u64): Sm {
  const sm = changetype<Sm>(allocObject(offsetof<Sm>()));
  if (changetype<usize>(sm) === 0) return sm;
  initKobject(sm, TYPE_SM, owner, base, PERM_SM_UP | PERM_SM_DOWN);
  sm.counter = counter;
  sm.isInterrupt = owner.isKernel;
  sm.plain = !owner.isKernel;
  return sm;
}

/** A signal with this value, bound to the ordinary semaphore `bound`; otherwise as `createSm`. */
export function createSignal(owner: Pd, base: u32, value: u64, bound: Sm): Sm {
  const sm = createSm(owner, base, 0);
  if (changetype<usize>(sm) === 0) return sm;
  addRef(bound);
  bound.plain = false;
  sm.plain = false;
  sm.bound = bound;
  sm.value = value;
  return sm;
}

export function destroySm(sm: Sm): void {
  const bound = sm.bound;
  if (changetype<usize>(bound) === 0) return;
  if (isQueued(sm)) takeSignal(bound, sm);
  dropRef(bound);
}

/** Whether the semaphore passes on what it is upped, so that nothing can be taken from it. */
export function isBound(sm: Sm): bool {
  return changetype<usize>(sm.bound) !== 0;
}

/**
 * Binds an interrupt's semaphore to another one, or to none if that is null. What it has counted goes there. Until
 * the piece is over; true when done, otherwise to be repeated.
 */
export function bindInterrupt(sm: Sm, bound: Sm): bool {
  const before = sm.bound;
  if (changetype<usize>(bound) !== 0) addRef(bound);
  sm.bound = bound;
  if (changetype<usize>(before) !== 0) dropRef(before);
  const counted = sm.counter;
  if (changetype<usize>(bound) === 0 || counted === 0) return true;
  sm.counter = 0;
  if (isBound(bound)) {
    // A signal is pending once, however often it has come.
    bound.counter += counted - 1;
    signal(bound);
  } else sm.counter = upTimes(bound, counted);
  return sm.counter === 0;
}

/** Ups an ordinary semaphore several times, until the piece is over; how often is left. */
function upTimes(sm: Sm, times: u64): u64 {
  const queue = queueOf(sm);
  for (; times !== 0 && !queue.isEmpty(); times--) {
    if (pieceIsOver()) return times;
    wake(sm, queue.head);
    spend(WAKE_COST);
  }
  sm.counter += times;
  return 0;
}

function signalsOf(sm: Sm): Queue<Sm> {
  return changetype<Queue<Sm>>(changetype<usize>(sm) + offsetof<Sm>("signals"));
}

/** Takes a pending signal out of the queue of the semaphore it is bound to. */
function takeSignal(sm: Sm, signal: Sm): void {
  signalsOf(sm).remove(signal);
  sm.pending--;
}

/** OUT2 and OUT3 of a `down` that has got a signal: its value, and how often it was upped. */
function tellSignal(ec: Ec, signal: Sm): void {
  const count = signal.counter;
  signal.counter = 0;
  // One that waits by a reply repeats its call, or goes on behind an exception, with its own registers.
  if (ec.cont !== CONT_DOWN_SUCCESS) return;
  ec.rsi = signal.value;
  ec.rdx = count;
}

/** `up` of a semaphore that is bound to another one. */
function signal(sm: Sm): void {
  const bound = sm.bound;
  if (sm.isInterrupt) {
    up(bound);
    return;
  }
  sm.counter++;
  if (isQueued(sm)) return;
  const queue = queueOf(bound);
  if (queue.isEmpty()) {
    signalsOf(bound).enqueue(sm);
    bound.pending++;
    bound.counter++;
    return;
  }
  tellSignal(queue.head, sm);
  wake(bound, queue.head);
}

function queueOf(sm: Sm): Queue<Ec> {
  return changetype<Queue<Ec>>(changetype<usize>(sm) + offsetof<Sm>("waiting"));
}

/** Lets a waiting EC go on with its continuation. */
function wake(sm: Sm, ec: Ec): void {
  queueOf(sm).remove(ec);
  ec.semaphore = changetype<Sm>(0);
  cancelTimeout(ec);
  releaseWaiting(ec);
  dropRef(ec);
}

export function up(sm: Sm): void {
  if (isBound(sm)) {
    signal(sm);
    return;
  }
  const queue = queueOf(sm);
  if (queue.isEmpty()) sm.counter++;
  else wake(sm, queue.head);
}

/**
 * Takes one from the counter, or all of it if `zero` but for signals that are told later, and returns true; or
 * queues `ec`, which may not go on then. Its continuation says how it does. `deadline` is a TSC value, 0 for none.
 */
export function down(sm: Sm, ec: Ec, zero: bool, deadline: u64): bool {
  if (sm.counter !== 0) {
    const first = sm.signals;
    if (changetype<usize>(first) !== 0) {
      takeSignal(sm, first);
      tellSignal(ec, first);
    }
    sm.counter = zero ? <u64>sm.pending : sm.counter - 1;
    return true;
  }
  addRef(ec);
  ec.semaphore = sm;
  queueOf(sm).enqueue(ec);
  if (deadline !== 0) setTimeoutOf(ec, deadline);
  return false;
}

/** Lets `ec`, which waits for a semaphore, go on before its turn. */
export function leaveQueue(ec: Ec): void {
  wake(ec.semaphore, ec);
}

/** The deadline of a waiting EC has passed. */
export function timedOut(ec: Ec): void {
  ec.cont = CONT_DOWN_TIMEOUT;
  leaveQueue(ec);
}

/** The semaphore's capability is gone: nobody will ever call `up`. Until the piece is over; true when done. */
export function retireSm(sm: Sm): bool {
  const queue = queueOf(sm);
  while (!queue.isEmpty()) {
    if (pieceIsOver()) return false;
    const ec = queue.head;
    // One that waits behind an exception just goes on.
    if (ec.cont !== CONT_IRET) ec.cont = CONT_DOWN_BAD_CAP;
    wake(sm, ec);
    spend(WAKE_COST);
  }
  return true;
}
