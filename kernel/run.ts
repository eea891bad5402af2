// The kernel's main loop: what every entry ends in. It runs the current EC's continuation until one
// wants to leave to user space with nothing left to do before. Handlers never nest: one that gives the
// CPU to another EC just makes it current and returns here.

import { BAD_CAP, EVENT_RECALL, EXC_GP, SUCCESS, TIMEOUT } from "./abi";
import { Cpu, HAZARD_PARK, HAZARD_WORK } from "./cpu";
import {
  CONT_ABORTED,
  CONT_CALL,
  CONT_DEAD,
  CONT_DOWN_BAD_CAP,
  CONT_DOWN_SUCCESS,
  CONT_DOWN_TIMEOUT,
  CONT_HYPERCALL,
  CONT_IDLE,
  CONT_IRET,
  CONT_RECV_ITEMS,
  CONT_SEND_EVENT,
  CONT_SYSRET,
  Ec,
  finish,
  HAZARD_END,
  HAZARD_RECALL,
  redirectToIret,
} from "./ec";
import { aborted, call, die, receiveItems, schedule, sendEvent } from "./ipc";
import { isNothingDying, reap } from "./kobject";
import { EXIT_IRET, EXIT_SYSRET, STAY, USER_BITS } from "./layout";
import { panic } from "./panic";
import { pieceIsOver, startPiece } from "./piece";
import { releaseOthers } from "./sc";
import { idle, open_window } from "./stub";
import { park } from "./suspend";
import { hypercall } from "./syscall";
import { checkTimeouts } from "./timeout";

/** Deals with the hazards of this CPU: who is to run is known when all that can has been made ready. */
function attend(cpu: Cpu): void {
  if (cpu.hazard & HAZARD_PARK) {
    park(cpu);
    return;
  }
  if (cpu.hazard & HAZARD_WORK) {
    cpu.hazard &= ~HAZARD_WORK;
    if (!releaseOthers(cpu)) cpu.hazard |= HAZARD_WORK;
    else checkTimeouts();
    return;
  }
  schedule(cpu, false);
}

/**
 * Whether `ec` may leave to user space now. A hazard is dealt with instead, as is a RIP that neither
 * SYSRET nor IRET can load: either would fault in the kernel.
 */
function mayLeave(cpu: Cpu, ec: Ec): bool {
  if (cpu.hazard !== 0) {
    attend(cpu);
    return false;
  }
  if (ec.hazard & HAZARD_END) {
    die(cpu, "its domain is gone");
    return false;
  }
  if (ec.hazard & HAZARD_RECALL) {
    ec.hazard &= ~HAZARD_RECALL;
    if (ec.cont === CONT_SYSRET) redirectToIret(ec);
    ec.vec = EVENT_RECALL;
    ec.cont = CONT_SEND_EVENT;
    return false;
  }
  const rip = ec.cont === CONT_SYSRET ? ec.rcx : ec.rip;
  // The canonical hole and the kernel's half: user code cannot run there, and could not get there.
  if (rip >> USER_BITS !== 0) {
    if (ec.cont === CONT_SYSRET) redirectToIret(ec);
    ec.vec = EXC_GP;
    ec.err = 0;
    ec.cont = CONT_SEND_EVENT;
    return false;
  }
  return true;
}

/** Runs the continuation of `ec`, which is current. */
function step(cpu: Cpu, ec: Ec): i32 {
  switch (ec.cont) {
    case CONT_SYSRET:
      if (mayLeave(cpu, ec)) return EXIT_SYSRET;
      break;
    case CONT_IRET:
      if (mayLeave(cpu, ec)) return EXIT_IRET;
      break;
    case CONT_RECV_ITEMS:
      receiveItems(ec);
      break;
    case CONT_SEND_EVENT:
      sendEvent(cpu, ec);
      break;
    case CONT_CALL:
      call(cpu, ec);
      break;
    case CONT_DOWN_SUCCESS:
      finish(ec, SUCCESS);
      break;
    case CONT_DOWN_TIMEOUT:
      finish(ec, TIMEOUT);
      break;
    case CONT_DOWN_BAD_CAP:
      finish(ec, BAD_CAP);
      break;
    case CONT_ABORTED:
      aborted(ec);
      break;
    case CONT_DEAD:
      die(cpu, "its handler is dead");
      break;
    case CONT_HYPERCALL:
      ec.cont = CONT_SYSRET;
      hypercall(cpu, ec);
      break;
    case CONT_IDLE:
      if (cpu.hazard !== 0) attend(cpu);
      else if (!isNothingDying()) reap(u32.MAX_VALUE);
      else idle();
      break;
    default:
      panic("an EC without continuation is current");
  }
  return STAY;
}

/** How many dead objects are taken apart on the way, whoever has let them die. */
const REAP_ON_THE_WAY: u32 = 32;

/** A piece of work is over: lets other CPUs and interrupts in, and whoever is to run instead then. */
function endPiece(cpu: Cpu): void {
  open_window();
  startPiece();
  if (cpu.hazard !== 0) attend(cpu);
}

/** Runs continuations; returns EXIT_SYSRET or EXIT_IRET, with the registers to load in the current EC. */
export function run(cpu: Cpu): i32 {
  let exit: i32;
  do {
    if (!isNothingDying()) reap(REAP_ON_THE_WAY);
    if (pieceIsOver()) endPiece(cpu);
    exit = step(cpu, cpu.ec);
  } while (exit === STAY);
  return exit;
}
