// System calls: hypercalls by number, and foreign system calls, which the kernel knows nothing about
// and passes on as messages. doc/kernel-interface.md of the reference; its syscall.cpp for the order
// of checks.

import {
  ABORT,
  ARG1_FLAGS_SHIFT,
  ARG1_SELECTOR_SHIFT,
  BAD_CAP,
  BAD_HYP,
  BAD_PAR,
  CRD_MEM,
  EC_CTRL_ENTRY,
  EC_CTRL_RECALL,
  EC_CTRL_STATE,
  ENTRY_PAGES_MASK,
  HC_ASSIGN_GSI,
  HC_ASSIGN_PCI,
  HC_CALL,
  HC_CREATE_EC,
  HC_CREATE_PD,
  HC_CREATE_PT,
  HC_CREATE_SC,
  HC_CREATE_SM,
  HC_EC_CTRL,
  HC_MACHINE_CTRL,
  HC_PD_CTRL,
  HC_PT_CTRL,
  HC_REPLY,
  HC_REVOKE,
  HC_SC_CTRL,
  HC_SM_CTRL,
  PAGE_BITS,
  PERM_EC_CTRL,
  PERM_PT_CTRL,
  PERM_SC_CTRL,
  PERM_SM_UP,
  REVOKE_REMOTE,
  REVOKE_SELF,
  SM_CTRL_UP,
  SM_CTRL_ZERO,
  SUCCESS,
  USER_ADDR,
} from "./abi";
import { Cpu, cpuById } from "./cpu";
import { crdKind, revokeCrd } from "./delegate";
import {
  CONT_DOWN_SUCCESS,
  conclude,
  Ec,
  finish,
  flagsOf,
  HAZARD_RECALL,
  selectorOf,
  setSubject,
  UNFINISHED,
} from "./ec";
import { copyFpu } from "./fpu";
import { gsiOf, unmaskGsi } from "./gsi";
import { blockCurrent, call, die, reply, sendState } from "./ipc";
import { reap, TYPE_PT, TYPE_SM } from "./kobject";
import { sendReschedule, tscKilohertz } from "./lapic";
import { FAST_DONE, FAST_NOT, STAY } from "./layout";
import { takeExhausted } from "./page_table";
import { Pd } from "./pd";
import { Pt } from "./pt";
import { timeUsed } from "./sc";
import { down, isBound, Sm, up } from "./sm";
import { lookupEc, lookupPd, lookupPtWith, lookupSc, lookupSm, Objects } from "./space_obj";
import { sysCreateEc, sysCreatePd, sysCreatePt, sysCreateSc, sysCreateSm } from "./syscall_create";
import { sysAssignGsi, sysAssignPci, sysMachineCtrl } from "./syscall_device";
import { sysPdCtrl } from "./syscall_pd";

/**
 * A system call of a foreign domain: a message to the portal for this CPU, counted from the EC's event base like
 * those of events. The state a handler gets is that after the SYSCALL instruction, RIP and RSP included; RFLAGS are
 * the caller's. Returns EXIT_SYSRET where the handler can leave to user space at once, unless the CPU has a hazard, or
 * STAY.
 */
export function foreignSyscall(cpu: Cpu, ec: Ec): i32 {
  const event = ec.domain.syscallBase + <u64>ec.cpu;
  const pt = Objects.findPt(ec.domain, <u64>ec.eventBase + event);
  if (changetype<usize>(pt) === 0) {
    die(cpu, "no portal for foreign system calls");
    return STAY;
  }
  // A repetition of the message, after a busy handler has been helped, finds the same portal.
  ec.vec = event;
  return sendState(cpu, ec, pt);
}

/** Handles the hypercall in the current EC's registers, or goes on with it (CONT_HYPERCALL). */
export function hypercall(cpu: Cpu, ec: Ec): void {
  switch (<u32>(ec.rdi & 0xff)) {
    case HC_CALL:
      call(cpu, ec);
      break;
    case HC_REPLY:
      reply(cpu, ec);
      break;
    case HC_CREATE_PD:
      conclude(ec, sysCreatePd(ec));
      break;
    case HC_CREATE_EC:
      finish(ec, sysCreateEc(ec));
      break;
    case HC_CREATE_SC:
      finish(ec, sysCreateSc(ec));
      break;
    case HC_CREATE_PT:
      finish(ec, sysCreatePt(ec));
      break;
    case HC_CREATE_SM:
      finish(ec, sysCreateSm(ec));
      break;
    case HC_REVOKE:
      conclude(ec, sysRevoke(ec));
      break;
    case HC_PD_CTRL:
      conclude(ec, sysPdCtrl(ec));
      break;
    case HC_EC_CTRL:
      finish(ec, sysEcCtrl(cpu, ec));
      break;
    case HC_SC_CTRL:
      finish(ec, sysScCtrl(ec));
      break;
    case HC_PT_CTRL:
      finish(ec, sysPtCtrl(ec));
      break;
    case HC_SM_CTRL:
      sysSmCtrl(cpu, ec);
      break;
    case HC_ASSIGN_PCI:
      finish(ec, sysAssignPci(ec));
      break;
    case HC_ASSIGN_GSI:
      conclude(ec, sysAssignGsi(ec));
      break;
    case HC_MACHINE_CTRL:
      finish(ec, sysMachineCtrl(ec));
      break;
    default:
      finish(ec, BAD_HYP);
  }
}

/** Stages of a revocation, in `item`: taking capabilities back, then taking apart what has died of it. */
const REVOKING: u32 = 0;
const REAPING: u32 = 1;

function sysRevoke(ec: Ec): i32 {
  if (ec.item === REVOKING) {
    let pd: Pd = ec.domain;
    if (changetype<usize>(ec.subject) !== 0) pd = ec.subject;
    else if (flagsOf(ec) & REVOKE_REMOTE) {
      pd = lookupPd(pd, ec.rdx, 0);
      if (changetype<usize>(pd) === 0) return BAD_CAP;
    }
    if (!revokeCrd(ec, pd, ec.rsi, (flagsOf(ec) & REVOKE_SELF) !== 0)) {
      setSubject(ec, pd);
      return UNFINISHED;
    }
    // A large page could not be split.
    if (crdKind(ec.rsi) === CRD_MEM && takeExhausted()) return ABORT;
    ec.item = REAPING;
  }
  if (!reap(u32.MAX_VALUE)) return UNFINISHED;
  ec.item = REVOKING;
  ec.progress = 0;
  // A semaphore, if it is there still, tells that it is done.
  const done = lookupSm(ec.domain, selectorOf(ec), PERM_SM_UP);
  if (changetype<usize>(done) !== 0) up(done);
  return SUCCESS;
}

/** ec_ctrl entry: system calls of a foreign EC go to code in user mode, but for those that are made there. */
function setEntry(ec: Ec): i32 {
  const target = lookupEc(ec.domain, selectorOf(ec), PERM_EC_CTRL);
  if (changetype<usize>(target) === 0 || !target.domain.foreign) return BAD_PAR;
  const pages = ec.rsi & ENTRY_PAGES_MASK;
  const entry = ec.rsi - pages;
  const bytes = pages << PAGE_BITS;
  if (entry > <u64>USER_ADDR || bytes > <u64>USER_ADDR - entry) return BAD_PAR;
  // It may be running on another CPU: what it takes of both is an address of user space.
  target.entry = 0;
  target.entryBytes = bytes;
  target.entryStack = ec.rdx;
  if (pages !== 0) target.entry = entry;
  return SUCCESS;
}

/** The EC gets the floating-point and vector state of the one in ARG2; neither runs, so that both are saved. */
function copyState(ec: Ec): i32 {
  const target = lookupEc(ec.domain, selectorOf(ec), PERM_EC_CTRL);
  const source = lookupEc(ec.domain, ec.rsi, PERM_EC_CTRL);
  if (changetype<usize>(target) === 0 || changetype<usize>(source) === 0) return BAD_PAR;
  if (cpuById(target.cpu).ec === target || cpuById(source.cpu).ec === source) return BAD_PAR;
  if (target !== source) copyFpu(target.fpu, source.fpu);
  return SUCCESS;
}

function sysEcCtrl(cpu: Cpu, ec: Ec): i32 {
  if ((flagsOf(ec) & 3) === EC_CTRL_ENTRY) return setEntry(ec);
  if ((flagsOf(ec) & 3) === EC_CTRL_STATE) return copyState(ec);
  if ((flagsOf(ec) & 3) !== EC_CTRL_RECALL) return BAD_PAR;
  const target = lookupEc(ec.domain, selectorOf(ec), PERM_EC_CTRL);
  if (changetype<usize>(target) === 0) return BAD_CAP;
  target.hazard |= HAZARD_RECALL;
  const other = cpuById(target.cpu);
  if (other !== cpu && other.ec === target) sendReschedule(other);
  return SUCCESS;
}

/** CPU time used, in microseconds, up to now of an SC that runs. */
function sysScCtrl(ec: Ec): i32 {
  const sc = lookupSc(ec.domain, selectorOf(ec), PERM_SC_CTRL);
  if (changetype<usize>(sc) === 0) return BAD_CAP;
  const khz = <u64>tscKilohertz();
  const time = timeUsed(sc);
  const micros = (time / khz) * 1000 + ((time % khz) * 1000) / khz;
  ec.rsi = micros >> 32;
  ec.rdx = micros;
  return SUCCESS;
}

function sysPtCtrl(ec: Ec): i32 {
  const pt = lookupPtWith(ec.domain, selectorOf(ec), PERM_PT_CTRL);
  if (changetype<usize>(pt) === 0) return BAD_CAP;
  pt.id = ec.rsi;
  return SUCCESS;
}

/** As `sysPtCtrl` with its arguments, or FAST_NOT where that is not a success. */
export function fastPtCtrl(cpu: Cpu, arg1: u64, id: u64): i32 {
  const node = Objects.nodeOf(cpu.pd, arg1 >> ARG1_SELECTOR_SHIFT);
  if (!Objects.allows(node, TYPE_PT, PERM_PT_CTRL)) return FAST_NOT;
  changetype<Pt>(<usize>node.target).id = id;
  return FAST_DONE;
}

/** As `sysSmCtrl` with its arguments, or FAST_NOT where an EC would be woken up, or wait, or nothing changes. */
export function fastSmCtrl(cpu: Cpu, arg1: u64): i32 {
  const operation = <u32>(arg1 >> ARG1_FLAGS_SHIFT) & 1;
  const node = Objects.nodeOf(cpu.pd, arg1 >> ARG1_SELECTOR_SHIFT);
  if (!Objects.allows(node, TYPE_SM, (<u32>1) << operation)) return FAST_NOT;
  const sm = changetype<Sm>(<usize>node.target);
  if (!sm.plain) return FAST_NOT;
  const counter = sm.counter;
  if (operation === SM_CTRL_UP) {
    if (changetype<usize>(sm.waiting) !== 0) return FAST_NOT;
    sm.counter = counter + 1;
    return FAST_DONE;
  }
  if (counter === 0) return FAST_NOT;
  sm.counter = arg1 & (SM_CTRL_ZERO << ARG1_FLAGS_SHIFT) ? 0 : counter - 1;
  return FAST_DONE;
}

function sysSmCtrl(cpu: Cpu, ec: Ec): void {
  const flags = flagsOf(ec);
  const operation = flags & 1;
  const sm = lookupSm(ec.domain, selectorOf(ec), (<u32>1) << operation);
  if (changetype<usize>(sm) === 0) {
    finish(ec, BAD_CAP);
    return;
  }
  if (operation === SM_CTRL_UP) {
    up(sm);
    finish(ec, SUCCESS);
    return;
  }
  if (sm.isInterrupt) unmaskGsi(gsiOf(sm));
  // Nothing can be taken from a signal. An interrupt that is bound to one has been unmasked: that is all.
  if (isBound(sm)) {
    finish(ec, sm.isInterrupt ? SUCCESS : BAD_CAP);
    return;
  }
  ec.cont = CONT_DOWN_SUCCESS;
  if (down(sm, ec, (flags & SM_CTRL_ZERO) !== 0, (ec.rsi << 32) | ec.rdx)) finish(ec, SUCCESS);
  else blockCurrent(cpu);
}
