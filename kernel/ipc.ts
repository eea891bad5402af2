// Calls, replies and event messages between ECs of one CPU. The caller's scheduling context goes with
// the call (donation); whoever finds a handler busy runs it on its own time until it is free (helping).

import { ABORT, BAD_CAP, BAD_CPU, CALL_NONBLOCKING, PERM_SM_DOWN, TIMEOUT } from "./abi";
import { beginLine, endLine, print, printHex } from "./console";
import { Cpu, copyFpuState, switchEc, switchTo } from "./cpu";
import {
  CONT_ABORTED,
  CONT_CALL,
  CONT_DEAD,
  CONT_IRET,
  CONT_RECEIVE,
  CONT_RECV_ITEMS,
  CONT_SEND_EVENT,
  CONT_SYSRET,
  Ec,
  finish,
  flagsOf,
  isBlocked,
  selectorOf,
} from "./ec";
import { addRef, dropRef } from "./kobject";
import { fatal } from "./panic";
import { Pt } from "./pt";
import { isRootEc } from "./root";
import { nextSc, waitForEc } from "./sc";
import { down, isBound, Sm } from "./sm";
import { lookupPt, lookupSm } from "./space_obj";
import {
  copyWords,
  hasTyped,
  loadState,
  storeState,
  transferTyped,
  transferTypedToTrapped,
} from "./utcb";

/** Busy handlers that may be helped in a row before the caller is taken for deadlocked. */
const HELP_LIMIT: u32 = 100;

/** Makes the end of the call chain from `ec` current; while that is blocked, goes on to other SCs. */
export function activate(cpu: Cpu, ec: Ec): void {
  for (;;) {
    let length: u32 = 0;
    while (changetype<usize>(ec.partner) !== 0) {
      ec = ec.partner;
      length++;
    }
    cpu.chainLength = length;
    if (!isBlocked(ec)) {
      switchEc(cpu, ec);
      return;
    }
    waitForEc(ec, cpu.sc);
    ec = nextSc(cpu, true, false).ec;
  }
}

/** Gives the CPU to the next SC. `suspend`: the current one is dropped, otherwise it stays ready. */
export function schedule(cpu: Cpu, suspend: bool): void {
  activate(cpu, nextSc(cpu, suspend, suspend).ec);
}

/** The current EC has been queued by a semaphore: its SC waits with it. */
export function blockCurrent(cpu: Cpu): void {
  activate(cpu, cpu.ec);
}

function connect(cpu: Cpu, caller: Ec, callee: Ec): void {
  addRef(callee);
  caller.partner = callee;
  addRef(caller);
  callee.caller = caller;
  cpu.chainLength++;
}

/** Ends the connection; returns whether the caller is in the current SC's call chain. */
function disconnectCaller(cpu: Cpu, caller: Ec): bool {
  const callee = caller.partner;
  callee.caller = changetype<Ec>(0);
  caller.partner = changetype<Ec>(0);
  dropRef(caller);
  dropRef(callee);
  if (cpu.chainLength === 0) return false;
  cpu.chainLength--;
  return true;
}

/** Makes the handler of `pt`, which waits for a message of `caller`, current; it starts at the portal's address. */
function enterPortal(cpu: Cpu, caller: Ec, pt: Pt): void {
  const callee = pt.ec;
  connect(cpu, caller, callee);
  callee.cont = CONT_SYSRET;
  callee.rdi = pt.id;
  callee.rcx = pt.ip;
  switchTo(cpu, callee);
}

/** Runs the busy `handler` in place of the current EC, which repeats `cont` later; false if that is pointless. */
function help(cpu: Cpu, handler: Ec, cont: u32): bool {
  if (handler.cont === CONT_DEAD) return false;
  cpu.ec.cont = cont;
  if (++cpu.helpCount >= HELP_LIMIT) {
    die(cpu, "livelock");
    return true;
  }
  activate(cpu, handler);
  return true;
}

/** The `call` hypercall. */
export function call(cpu: Cpu, caller: Ec): void {
  const pt = lookupPt(caller.domain, selectorOf(caller));
  if (changetype<usize>(pt) === 0) {
    finish(caller, BAD_CAP);
    return;
  }
  const callee = pt.ec;
  if (callee.cpu !== caller.cpu || callee.isGlobal) {
    finish(caller, BAD_CPU);
    return;
  }
  if (callee.cont === CONT_RECEIVE) {
    caller.cont = CONT_SYSRET;
    enterPortal(cpu, caller, pt);
    copyWords(caller.utcb, callee.utcb);
    if (hasTyped(caller.utcb)) callee.cont = CONT_RECV_ITEMS;
    return;
  }
  const blocking = (flagsOf(caller) & CALL_NONBLOCKING) === 0;
  if (!blocking || !help(cpu, callee, CONT_CALL)) finish(caller, TIMEOUT);
}

/** Sends the message for event `vec` of the current EC to its portal. */
export function sendEvent(cpu: Cpu, ec: Ec): void {
  const pt = lookupPt(ec.domain, <u64>ec.eventBase + ec.vec);
  if (changetype<usize>(pt) === 0) die(cpu, "no portal for the event");
  else sendState(cpu, ec, pt);
}

/** Sends the state of the current EC to `pt`, the portal of event `vec`. */
export function sendState(cpu: Cpu, ec: Ec, pt: Pt): void {
  const handler = pt.ec;
  if (handler.cpu !== ec.cpu || handler.isGlobal) {
    die(cpu, "the event's portal is on another CPU");
    return;
  }
  if (handler.cont === CONT_RECEIVE) {
    ec.cont = CONT_IRET;
    ec.mtd = pt.mtd;
    enterPortal(cpu, ec, pt);
    if (storeState(ec, handler.utcb)) copyFpuState(cpu, ec, handler);
    return;
  }
  if (!help(cpu, handler, CONT_SEND_EVENT)) die(cpu, "the event's handler is dead");
}

/** Continuation of a handler: takes the typed items of a `call`. */
export function receiveItems(ec: Ec): void {
  transferTyped(ec.caller, ec);
  ec.cont = CONT_SYSRET;
}

/**
 * The `reply` with a semaphore: the caller goes on when it has got something from `sm`. A call is repeated then
 * instead of answered, an exception is answered as ever.
 */
function replyAndWait(cpu: Cpu, ec: Ec, caller: Ec, sm: Sm): void {
  if (caller.cont === CONT_SYSRET) caller.cont = CONT_CALL;
  else answerTrapped(cpu, ec, caller);
  ec.cont = CONT_RECEIVE;
  const inChain = disconnectCaller(cpu, caller);
  if (cpu.sc.ec === caller && cpu.sc.refs === 1) schedule(cpu, true);
  else if (down(sm, caller, false, 0) && inChain) switchEc(cpu, caller);
  else activate(cpu, cpu.sc.ec);
}

/** Transfers the answer to an exception. */
function answerTrapped(cpu: Cpu, ec: Ec, caller: Ec): void {
  if (hasTyped(ec.utcb)) transferTypedToTrapped(ec, caller);
  if (loadState(caller, ec.utcb)) copyFpuState(cpu, ec, caller);
}

/** The `reply` hypercall: transfers the answer and waits for the next message. */
export function reply(cpu: Cpu, ec: Ec): void {
  const caller = ec.caller;
  const selector = selectorOf(ec);
  if (selector !== 0 && changetype<usize>(caller) !== 0) {
    const sm = lookupSm(ec.domain, selector, PERM_SM_DOWN);
    if (changetype<usize>(sm) !== 0 && !isBound(sm)) {
      replyAndWait(cpu, ec, caller, sm);
      return;
    }
  }
  if (changetype<usize>(caller) !== 0) {
    if (caller.cont === CONT_SYSRET) {
      if (hasTyped(ec.utcb)) transferTyped(ec, caller);
      copyWords(ec.utcb, caller.utcb);
    } else answerTrapped(cpu, ec, caller);
  }
  leave(cpu, ec, CONT_RECEIVE);
}

/** The EC gives up control for good (CONT_DEAD) or until the next message (CONT_RECEIVE). */
function leave(cpu: Cpu, ec: Ec, cont: u32): void {
  ec.cont = cont;
  if (ec.isGlobal) {
    schedule(cpu, true);
    return;
  }
  const caller = ec.caller;
  if (changetype<usize>(caller) === 0) {
    activate(cpu, cpu.sc.ec);
    return;
  }
  const inChain = disconnectCaller(cpu, caller);
  // The thread whose time this is has lost its last capability: it ends instead of going on.
  if (cpu.sc.ec === caller && cpu.sc.refs === 1) {
    schedule(cpu, true);
    return;
  }
  if (inChain) switchEc(cpu, caller);
  else activate(cpu, cpu.sc.ec);
}

/** Ends the current EC, with a line in the log. Its caller gets the status ABORT, or ends too. */
export function die(cpu: Cpu, reason: string): void {
  const ec = cpu.ec;
  beginLine("EC killed: ");
  print(reason);
  print(", vector ");
  printHex(ec.vec);
  print(" error ");
  printHex(ec.err);
  print(" rip ");
  printHex(ec.rip);
  print(" cr2 ");
  printHex(ec.cr2);
  print(" cpu ");
  printHex(ec.cpu);
  endLine();
  const caller = ec.caller;
  if (changetype<usize>(caller) !== 0) {
    caller.cont = caller.cont === CONT_SYSRET ? CONT_ABORTED : CONT_DEAD;
  }
  const lost = isRootEc(ec) || (isRootEc(caller) && caller.cont === CONT_DEAD);
  if (lost) fatal("the roottask has ended, its last lines say why");
  leave(cpu, ec, CONT_DEAD);
}

/** Continuation of a caller whose handler has died. */
export function aborted(ec: Ec): void {
  finish(ec, ABORT);
}
