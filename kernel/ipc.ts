// Calls, replies and event messages between ECs of one CPU. The caller's scheduling context goes with
// the call (donation); whoever finds a handler busy runs it on its own time until it is free (helping).

import { ABORT, BAD_CAP, BAD_CPU, CALL_NONBLOCKING, PERM_SM_DOWN, TIMEOUT } from "./abi";
import { beginLine, endLine, print, printHex } from "./console";
import { Cpu, copyFpuState, cpuById, Switch, switchEc } from "./cpu";
import {
  CONT_ABORTED,
  CONT_CALL,
  CONT_DEAD,
  CONT_HYPERCALL,
  CONT_IRET,
  CONT_RECEIVE,
  CONT_RECV_ITEMS,
  CONT_SEND_EVENT,
  CONT_SYSRET,
  Ec,
  endOperation,
  finish,
  flagsOf,
  isBlocked,
  selectorOf,
} from "./ec";
import { dropRef } from "./kobject";
import { EXIT_IRET, EXIT_SYSRET, STAY, USER_BITS } from "./layout";
import { fatal } from "./panic";
import { spend } from "./piece";
import { Pt } from "./pt";
import { isRootEc } from "./root";
import { isAbandoned, nextSc, waitForEc } from "./sc";
import { down, isBound, Sm } from "./sm";
import { lookupSm, Objects } from "./space_obj";
import {
  hasTyped,
  loadState,
  Message,
  storeState,
  transferTyped,
  transferTypedToTrapped,
} from "./utcb";

/** Busy handlers that may be helped in a row before the caller is taken for deadlocked. */
const HELP_LIMIT: u32 = 100;

/**
 * Calls that can be under way below a thread's own, exceptions included: bounds the way along a call chain. Of those
 * that go further a `call` answers ABORT, and an exception ends the EC.
 */
const NESTING_LIMIT: u32 = 1024;

/** Units of work (piece.ts) of a step along a call chain, and of going on to another SC. */
const LINK_COST: u32 = 4;
const TURN_COST: u32 = 80;

/** The EC that `ec` waits for, directly or not; itself if it waits for none. */
export function endOfCalls(ec: Ec): Ec {
  while (changetype<usize>(ec.partner) !== 0) {
    ec = ec.partner;
    spend(LINK_COST);
  }
  return ec;
}

/** Makes the end of the call chain from `ec` current; while that is blocked, goes on to other SCs. */
export function activate(cpu: Cpu, ec: Ec): void {
  for (;;) {
    cpu.chainStart = ec;
    ec = endOfCalls(ec);
    if (!isBlocked(ec)) {
      switchEc(cpu, ec);
      return;
    }
    spend(TURN_COST);
    // A global EC that has replied never runs again: an SC that waited for it would hold it for ever, and it the SC.
    const ended = (ec.isGlobal && ec.cont === CONT_RECEIVE) || isAbandoned(cpu.sc);
    if (!ended) waitForEc(ec, cpu.sc);
    ec = nextSc(cpu, true, ended).ec;
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

/** Ends the connection; returns whether the caller is in the current SC's call chain. */
function disconnectCaller(cpu: Cpu, caller: Ec): bool {
  const callee = caller.partner;
  callee.caller = changetype<Ec>(0);
  caller.partner = changetype<Ec>(0);
  dropRef(caller);
  dropRef(callee);
  return callee !== cpu.chainStart;
}

/** What every message goes through: inlined into the entries (main.ts), so that no call has registers to save. */
export class Ipc {
  /**
   * Makes the handler of `pt`, which waits for a message of the current EC, current; it starts at the portal's address.
   * Every pointer to an EC is counted: the handler gets one from its caller, who waits for it, and that of the CPU,
   * which goes over from the caller, whom the handler holds from now on instead.
   */
  @inline static enterPortal(cpu: Cpu, caller: Ec, pt: Pt): void {
    const callee = pt.ec;
    callee.refs += 2;
    caller.partner = callee;
    callee.caller = caller;
    callee.nesting = caller.nesting + 1;
    callee.cont = CONT_SYSRET;
    callee.rdi = pt.id;
    callee.rcx = pt.ip;
    Switch.to(cpu, caller, callee);
  }

  /** The `call` hypercall of the current EC. Returns EXIT_SYSRET if the handler can leave at once, or STAY. */
  @inline static call(cpu: Cpu, caller: Ec): i32 {
    const pt = Objects.findPt(caller.domain, selectorOf(caller));
    if (changetype<usize>(pt) === 0) {
      finish(caller, BAD_CAP);
      return STAY;
    }
    const callee = pt.ec;
    if (callee.cpu !== caller.cpu) {
      finish(caller, BAD_CPU);
      return STAY;
    }
    if (callee.cont !== CONT_RECEIVE) {
      callBusy(cpu, caller, callee);
      return STAY;
    }
    if (caller.nesting >= NESTING_LIMIT) {
      finish(caller, ABORT);
      return STAY;
    }
    caller.cont = CONT_SYSRET;
    Ipc.enterPortal(cpu, caller, pt);
    if (Message.copy(caller.utcb, callee.utcb)) {
      callee.cont = CONT_RECV_ITEMS;
      return STAY;
    }
    if (callee.hazard !== 0) return STAY;
    if (callee.rcx >> USER_BITS !== 0) return STAY;
    return EXIT_SYSRET;
  }

  /** Sends the message for event `vec` of the current EC to its portal. Returns as `sendState` does. */
  @inline static raiseEvent(cpu: Cpu, ec: Ec): i32 {
    const pt = Objects.findPt(ec.domain, <u64>ec.eventBase + ec.vec);
    if (changetype<usize>(pt) === 0) {
      die(cpu, "no portal for the event");
      return STAY;
    }
    return sendState(cpu, ec, pt);
  }

  /**
   * The `reply` hypercall of the current EC: transfers the answer and waits for the next message. Returns how the
   * caller can leave at once, EXIT_SYSRET or EXIT_IRET, or else STAY.
   */
  @inline static reply(cpu: Cpu, ec: Ec): i32 {
    const caller = ec.caller;
    if (changetype<usize>(caller) === 0) {
      leave(cpu, ec, CONT_RECEIVE);
      return STAY;
    }
    if (selectorOf(ec) !== 0 && replyTo(cpu, ec, caller)) return STAY;
    if (caller.cont === CONT_SYSRET) {
      if (hasTyped(ec.utcb) && !replyItems(ec, caller, true)) return STAY;
      Message.copy(ec.utcb, caller.utcb);
      if (!Ipc.returnTo(cpu, ec, caller)) return STAY;
      if (caller.rcx >> USER_BITS !== 0) return STAY;
      return EXIT_SYSRET;
    }
    if (!answerTrapped(cpu, ec, caller)) return STAY;
    if (!Ipc.returnTo(cpu, ec, caller)) return STAY;
    if (caller.cont !== CONT_IRET) return STAY;
    if (caller.rip >> USER_BITS !== 0) return STAY;
    return EXIT_IRET;
  }

  /** What `leave` does for a handler that stays, where the caller simply goes on; false if that is not all. */
  @inline static returnTo(cpu: Cpu, ec: Ec, caller: Ec): bool {
    // The last reference, a chain that another SC has begun, a caller whose time is up: see `leave`.
    const isUsual =
      ec.refs > 2 && cpu.chainStart !== ec && (cpu.sc.ec !== caller || cpu.sc.refs !== 1);
    if (!isUsual) {
      leave(cpu, ec, CONT_RECEIVE);
      return false;
    }
    ec.cont = CONT_RECEIVE;
    ec.caller = changetype<Ec>(0);
    caller.partner = changetype<Ec>(0);
    // The caller's reference and the CPU's, which is the caller's now in place of the handler's.
    ec.refs -= 2;
    Switch.to(cpu, ec, caller);
    return caller.hazard === 0;
  }
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

function callBusy(cpu: Cpu, caller: Ec, callee: Ec): void {
  const blocking = (flagsOf(caller) & CALL_NONBLOCKING) === 0;
  if (!blocking || !help(cpu, callee, CONT_CALL)) finish(caller, TIMEOUT);
}

/** The same, to go on in the main loop. */
export function call(cpu: Cpu, caller: Ec): void {
  Ipc.call(cpu, caller);
}

/** The same, to go on in the main loop. */
export function sendEvent(cpu: Cpu, ec: Ec): void {
  Ipc.raiseEvent(cpu, ec);
}

/**
 * Sends the state of the current EC to `pt`, the portal of event `vec`. Returns EXIT_SYSRET if the handler can leave
 * at once, or STAY.
 */
export function sendState(cpu: Cpu, ec: Ec, pt: Pt): i32 {
  const handler = pt.ec;
  if (handler.cpu !== ec.cpu) {
    die(cpu, "the event's portal is on another CPU");
    return STAY;
  }
  if (handler.cont !== CONT_RECEIVE) {
    if (!help(cpu, handler, CONT_SEND_EVENT)) die(cpu, "the event's handler is dead");
    return STAY;
  }
  if (ec.nesting >= NESTING_LIMIT) {
    die(cpu, "calls are nested too deeply");
    return STAY;
  }
  ec.cont = CONT_IRET;
  ec.mtd = pt.mtd;
  Ipc.enterPortal(cpu, ec, pt);
  if (storeState(ec, handler.utcb)) copyFpuState(cpu, ec, handler);
  if (handler.hazard !== 0) return STAY;
  if (handler.rcx >> USER_BITS !== 0) return STAY;
  return EXIT_SYSRET;
}

/** Continuation of a handler: takes the typed items of a `call`, until the piece is over. */
export function receiveItems(ec: Ec): void {
  if (!transferTyped(ec.caller, ec, ec)) return;
  ec.cont = CONT_SYSRET;
}

/**
 * The `reply` with a semaphore: the caller goes on when it has got something from `sm`. A call is repeated then
 * instead of answered, an exception is answered as ever.
 */
function replyAndWait(cpu: Cpu, ec: Ec, caller: Ec, sm: Sm): void {
  if (caller.cont === CONT_SYSRET) {
    // An answer of which a part has been transferred, until the semaphore was there.
    if (ec.underWay) endOperation(ec);
    caller.cont = CONT_CALL;
  } else if (!answerTrapped(cpu, ec, caller)) return;
  ec.cont = CONT_RECEIVE;
  const inChain = disconnectCaller(cpu, caller);
  if (cpu.sc.ec === caller && cpu.sc.refs === 1) schedule(cpu, true);
  else if (down(sm, caller, false, 0) && inChain) switchEc(cpu, caller);
  else activate(cpu, cpu.sc.ec);
}

/** Whether the selector of the `reply` is a semaphore; all is done then, or goes on later. */
function replyTo(cpu: Cpu, ec: Ec, caller: Ec): bool {
  const sm = lookupSm(ec.domain, selectorOf(ec), PERM_SM_DOWN);
  if (changetype<usize>(sm) === 0 || isBound(sm)) return false;
  replyAndWait(cpu, ec, caller, sm);
  return true;
}

/** The items of a reply, until the piece is over; false if there are more. */
function replyItems(ec: Ec, caller: Ec, isCall: bool): bool {
  const done = isCall ? transferTyped(ec, caller, ec) : transferTypedToTrapped(ec, caller);
  if (!done) ec.cont = CONT_HYPERCALL;
  return done;
}

/** Transfers the answer to an exception; false if that goes on later. */
function answerTrapped(cpu: Cpu, ec: Ec, caller: Ec): bool {
  if (hasTyped(ec.utcb) && !replyItems(ec, caller, false)) return false;
  if (loadState(caller, ec.utcb)) copyFpuState(cpu, ec, caller);
  return true;
}

/** The same, to go on in the main loop; or what is left of one whose items were too much for a piece. */
export function reply(cpu: Cpu, ec: Ec): void {
  // The message has been changed meanwhile.
  if (ec.underWay && !hasTyped(ec.utcb)) endOperation(ec);
  Ipc.reply(cpu, ec);
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
    // The time of a caller that is gone: nothing is left to do with it.
    if (cpu.sc.ec === ec) schedule(cpu, true);
    else activate(cpu, cpu.sc.ec);
    return;
  }
  const inChain = disconnectCaller(cpu, caller);
  // The thread whose time this is has lost its last capability: it ends instead of going on.
  if (cpu.sc.ec === caller && cpu.sc.refs === 1) {
    schedule(cpu, true);
    return;
  }
  if (inChain) switchEc(cpu, caller);
  else if (cpu.sc.ec === ec) schedule(cpu, true);
  else activate(cpu, cpu.sc.ec);
}

/** The caller of `ec`, which ends, gets the status ABORT, or ends too if it waits for the answer to an event. */
function failCaller(ec: Ec): void {
  const caller = ec.caller;
  caller.cont = caller.cont === CONT_SYSRET ? CONT_ABORTED : CONT_DEAD;
}

/** The same, and nobody waits for `ec` any more, which does not run. */
export function abortCaller(ec: Ec): void {
  failCaller(ec);
  disconnectCaller(cpuById(ec.cpu), ec.caller);
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
  if (changetype<usize>(caller) !== 0) failCaller(ec);
  const lost = isRootEc(ec) || (isRootEc(caller) && caller.cont === CONT_DEAD);
  if (lost) fatal("the roottask has ended, its last lines say why");
  leave(cpu, ec, CONT_DEAD);
}

/** Continuation of a caller whose handler has died. */
export function aborted(ec: Ec): void {
  finish(ec, ABORT);
}
