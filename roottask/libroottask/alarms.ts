// Alarms: what the personality does at times of its own, whatever programs do meanwhile. They ring where the roottask
// waits for a program's end, so that a program that never makes a call gets its signals, too.

import { smDown, smUp } from "../libhedron/hypercalls";
import { deadline, monotonic } from "./clock";
import { enter, leave } from "./lock";

/** When the next alarm rings, as monotonic nanoseconds; 0 for never. */
export type NextAlarm = () => u64;
/** Rings all alarms whose time has come. */
export type RingAlarms = () => void;
/** Some alarm will ring even if no thread ever runs again. */
export type AlarmsSet = () => bool;

function never(): u64 {
  return 0;
}

function ringNothing(): void {}

function noneIsSet(): bool {
  return false;
}

let next: NextAlarm = never;
let ring: RingAlarms = ringNothing;
let areSet: AlarmsSet = noneIsSet;
/** Semaphore at which the roottask waits, 0 while it does not, and until when, 0 for ever. */
let sleeper: u64 = 0;
let until: u64 = 0;

/** The personality has alarms. */
export function setAlarms(when: NextAlarm, then: RingAlarms, pending: AlarmsSet): void {
  next = when;
  ring = then;
  areSet = pending;
}

/** Some alarm may wake a thread that waits. */
export function alarmsAreSet(): bool {
  return areSet();
}

/** An alarm has been set to `due`. */
export function alarmSet(due: u64): void {
  if (sleeper !== 0 && (until === 0 || due < until)) smUp(sleeper);
}

/** Waits for `semaphore` or the next alarm, which rings; called with the lock held by the roottask itself. */
export function waitForAlarms(semaphore: u64): void {
  ring();
  const due = next();
  const now = monotonic();
  sleeper = semaphore;
  until = due;
  leave();
  smDown(semaphore, due === 0 ? 0 : deadline(due > now ? due - now : 1));
  enter();
  sleeper = 0;
  ring();
}
