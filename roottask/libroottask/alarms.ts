// Alarms: what the personality and the roottask itself do at times of their own, whatever programs do meanwhile. They ring where
// the roottask waits for a program's end, so that a program that never makes a call gets its signals, too.

import { smDown, smUp } from "../libhedron/hypercalls";
import { deadline, monotonic } from "./clock";
import { enterTree, firstKeyed, Keyed, leaveTree } from "./keyed_tree";
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

/** What the roottask itself does at a time: calls `ring` with `owner`, once. */
@unmanaged
export class Alarm extends Keyed {
  armed: u32;
  ring: (owner: usize) => void;
  owner: usize;
}

/** Tree of those that are set. */
const own = memory.data(4);

let next: NextAlarm = never;
let ring: RingAlarms = ringNothing;
let areSet: AlarmsSet = noneIsSet;
/** Semaphore at which the roottask waits, 0 while it does not, and until when, 0 for ever. */
let sleeper: u64 = 0;
let until: u64 = 0;

/** Must be called before one is set. */
export function initAlarms(): void {
  store<usize>(own, 0);
}

function firstOwn(): Alarm | null {
  return changetype<Alarm | null>(firstKeyed(own));
}

/** Sets `alarm`, which is not set, to `due`, monotonic nanoseconds. */
export function setAlarm(alarm: Alarm, due: u64): void {
  alarm.order = due;
  alarm.armed = 1;
  enterTree(own, alarm);
  alarmSet(due);
}

export function cancelAlarm(alarm: Alarm): void {
  if (alarm.armed === 0) return;
  alarm.armed = 0;
  leaveTree(own, alarm);
}

/** Rings all whose time has come, those of the personality too. */
function ringAll(): void {
  ring();
  const now = monotonic();
  for (let alarm = firstOwn(); alarm !== null && alarm.order <= now; alarm = firstOwn()) {
    cancelAlarm(alarm);
    const then = alarm.ring;
    then(alarm.owner);
  }
}

/** When the next one rings, 0 for never. */
function nextOfAll(): u64 {
  const due = next();
  const first = firstOwn();
  return first !== null && (due === 0 || first.order < due) ? first.order : due;
}

/** The personality has alarms. */
export function setAlarms(when: NextAlarm, then: RingAlarms, pending: AlarmsSet): void {
  next = when;
  ring = then;
  areSet = pending;
}

/** Some alarm may wake a thread that waits. */
export function alarmsAreSet(): bool {
  return firstOwn() !== null || areSet();
}

/** An alarm has been set to `due`. */
export function alarmSet(due: u64): void {
  if (sleeper !== 0 && (until === 0 || due < until)) smUp(sleeper);
}

/** Waits for `semaphore` or the next alarm, which rings; called with the lock held by the roottask itself. */
export function waitForAlarms(semaphore: u64): void {
  ringAll();
  const due = nextOfAll();
  const now = monotonic();
  sleeper = semaphore;
  until = due;
  leave();
  smDown(semaphore, due === 0 ? 0 : deadline(due > now ? due - now : 1));
  enter();
  sleeper = 0;
  ringAll();
}
