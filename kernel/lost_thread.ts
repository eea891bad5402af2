// Threads that nobody can name any more: neither capability nor portal nor scheduling context leads to them. Such a
// thread may still be in a semaphore's queue or in the middle of calls, where it would wait for somebody who need not
// ever come. Whoever lets go of a thread has it looked at by `reap` (kobject.ts): one that nobody needs is taken out of
// where it waits. If its domain is gone it is ended, and its caller gets ABORT.

import { cpuById, thisCpu } from "./cpu";
import { CONT_DEAD, Ec, HAZARD_END } from "./ec";
import { abortCaller, endOfCalls } from "./ipc";
import { addRef, askToReap, dropRef } from "./kobject";
import { sendReschedule } from "./lapic";
import { isQueued } from "./queue";
import { releaseWaiting } from "./sc";
import { leaveQueue } from "./sm";

/** First of those that are looked at later, linked by `nextForgotten`. */
let forgotten: Ec = changetype<Ec>(0);

/** Somebody has let go of `ec`: is it needed any more? */
export function forgetEc(ec: Ec): void {
  if (ec.refs === 0 || ec.isForgotten) return;
  ec.isForgotten = true;
  addRef(ec);
  ec.nextForgotten = forgotten;
  forgotten = ec;
  askToReap();
}

/** First of the ECs that are to be looked at. For tests. */
export function firstForgotten(): Ec {
  return forgotten;
}

/** Looks at one thread; false if there is none to look at. */
export function judgeForgotten(): bool {
  const ec = forgotten;
  if (changetype<usize>(ec) === 0) return false;
  forgotten = ec.nextForgotten;
  ec.isForgotten = false;
  if (!isNamed(ec) && !isNeeded(ec)) end(ec);
  dropRef(ec);
  return true;
}

function isCurrent(ec: Ec): bool {
  return cpuById(ec.cpu).ec === ec;
}

/** Whether there are more pointers to `ec` than from where it waits and runs, and from who looks at it. */
function isNamed(ec: Ec): bool {
  let known: u32 = 1 + ec.strays;
  if (isCurrent(ec)) known++;
  if (isQueued(ec)) known++;
  if (ec.isReleasing) known++;
  if (changetype<usize>(ec.caller) !== 0) known++;
  if (changetype<usize>(ec.partner) !== 0) known++;
  return ec.refs !== known;
}

/** Whether something comes of it if the thread goes on. What is left of a domain that is gone is not asked for. */
function isNeeded(ec: Ec): bool {
  if (ec.domain.retired) return false;
  return changetype<usize>(ec.caller) !== 0 || ec.strays !== 0 || isCurrent(ec);
}

function end(ec: Ec): void {
  if (isCurrent(ec)) {
    const cpu = cpuById(ec.cpu);
    ec.hazard |= HAZARD_END;
    if (cpu !== thisCpu()) sendReschedule(cpu);
    return;
  }
  if (changetype<usize>(ec.caller) !== 0) abortCaller(ec);
  ec.cont = CONT_DEAD;
  if (isQueued(ec)) leaveQueue(ec);
  else if (changetype<usize>(ec.partner) !== 0) cutOff(ec);
}

/** Ends the call that `ec` waits for. Its handler goes on as long as somebody gives it time. */
function cutOff(ec: Ec): void {
  const callee = ec.partner;
  // SCs that wait for the handler's end because of this thread find out that they need not, or go over to it.
  releaseWaiting(endOfCalls(callee));
  if (ec.strays !== 0) return;
  ec.partner = changetype<Ec>(0);
  callee.caller = changetype<Ec>(0);
  dropRef(ec);
  dropRef(callee);
  forgetEc(callee);
}
