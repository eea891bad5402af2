// The create_* hypercalls: new kernel objects in the caller's object space.

import {
  ABORT,
  BAD_CAP,
  BAD_CPU,
  BAD_FTR,
  BAD_PAR,
  CRD_OBJ,
  CRD_ORDER_MAX,
  CREATE_EC_GLOBAL,
  CREATE_EC_UTCB_IN_CALLER,
  CREATE_EC_VCPU,
  CREATE_PD_FOREIGN,
  CREATE_PD_PASSTHROUGH,
  CREATE_PD_PORTALS_SHIFT,
  PERM_ALL,
  PERM_EC_CREATE_PT,
  PERM_EC_CREATE_SC,
  PERM_PD_CREATE,
  PERM_SM_UP,
  QPD_QUANTUM_SHIFT,
  SUCCESS,
  USER_ADDR,
} from "./abi";
import { isOnline } from "./cpu";
import { delegateCrd, makeCrd, unfinished } from "./delegate";
import { createEc, Ec, flagsOf, selectorOf, setSubject, UNFINISHED } from "./ec";
import { addRef, capabilitiesGone, Kobject } from "./kobject";
import { createPd, Pd } from "./pd";
import { createPt } from "./pt";
import { createSc, isValidQpd, makeReady } from "./sc";
import { createSignal, createSm, isBound, Sm } from "./sm";
import { insertObject, isSelector, isTaken, lookupEc, lookupPd, lookupSm } from "./space_obj";

/** Enters the new object, or drops it; the status of the hypercall. */
function enter(object: Kobject): i32 {
  if (insertObject(object)) return SUCCESS;
  capabilitiesGone(object);
  return ABORT;
}

/** Whether the destination selector of the hypercall can be used: BAD_CAP if not, as for a taken one. */
function freeSelector(ec: Ec): bool {
  return isSelector(selectorOf(ec)) && !isTaken(ec.domain, selectorOf(ec));
}

function mayCreate(ec: Ec): bool {
  return changetype<usize>(lookupPd(ec.domain, ec.rsi, PERM_PD_CREATE)) !== 0;
}

/** The new domain, entered, or null with `createPdStatus`. */
function newPd(ec: Ec): Pd {
  createPdStatus = BAD_CAP;
  const none = changetype<Pd>(0);
  const parent = lookupPd(ec.domain, ec.rsi, PERM_PD_CREATE);
  if (changetype<usize>(parent) === 0 || !freeSelector(ec)) return none;
  createPdStatus = ABORT;
  const pd: Pd = createPd(ec.domain, <u32>selectorOf(ec), PERM_PD_CREATE, false);
  if (changetype<usize>(pd) === 0) return none;
  pd.passthrough = parent.passthrough && (flagsOf(ec) & CREATE_PD_PASSTHROUGH) !== 0;
  pd.foreign = (ec.rax & CREATE_PD_FOREIGN) !== 0;
  pd.syscallBase = ec.rax >> CREATE_PD_PORTALS_SHIFT;
  return enter(pd) === SUCCESS ? pd : none;
}

let createPdStatus: i32 = SUCCESS;

/** Creates the domain, then gives it its first capabilities, in pieces. */
export function sysCreatePd(ec: Ec): i32 {
  if (!ec.underWay) {
    const pd = newPd(ec);
    if (changetype<usize>(pd) === 0) return createPdStatus;
    setSubject(ec, pd);
    ec.underWay = true;
  }
  const all = makeCrd(CRD_OBJ, 0, CRD_ORDER_MAX, PERM_ALL);
  delegateCrd(ec.subject, ec.domain, all, ec.rdx, 0, 0, ec.progress);
  ec.progress = unfinished;
  return unfinished === 0 ? SUCCESS : UNFINISHED;
}

export function sysCreateEc(ec: Ec): i32 {
  const flags = flagsOf(ec);
  const cpu = ec.rdx & 0xfff;
  const page = ec.rdx & ~(<u64>0xfff);
  if (!isOnline(cpu)) return BAD_CPU;
  // Virtual CPUs need VMX or SVM, which the HIP does not announce.
  if (flags & CREATE_EC_VCPU) return BAD_FTR;
  const pd = lookupPd(ec.domain, ec.rsi, PERM_PD_CREATE);
  if (changetype<usize>(pd) === 0) return BAD_CAP;
  if (page >= <u64>USER_ADDR) return BAD_PAR;
  if (!freeSelector(ec)) return BAD_CAP;
  const created = createEc(
    ec.domain,
    <u32>selectorOf(ec),
    pd,
    (flags & CREATE_EC_GLOBAL) !== 0,
    <u32>cpu,
    <u32>ec.r8,
    page,
    flags & CREATE_EC_UTCB_IN_CALLER ? ec.domain : pd,
    ec.rax,
  );
  if (changetype<usize>(created) === 0) return ABORT;
  return enter(created);
}

export function sysCreateSc(ec: Ec): i32 {
  if (!mayCreate(ec)) return BAD_CAP;
  const target = lookupEc(ec.domain, ec.rdx, PERM_EC_CREATE_SC);
  if (changetype<usize>(target) === 0 || !target.isGlobal) return BAD_CAP;
  const prio = <u32>ec.rax & 0xff;
  const quantum = <u32>(ec.rax >> QPD_QUANTUM_SHIFT);
  if (!isValidQpd(prio, quantum)) return BAD_PAR;
  if (!freeSelector(ec)) return BAD_CAP;
  const sc = createSc(ec.domain, <u32>selectorOf(ec), target, prio, quantum);
  if (changetype<usize>(sc) === 0) return ABORT;
  const status = enter(sc);
  if (status === SUCCESS) {
    addRef(sc);
    makeReady(sc);
  }
  return status;
}

export function sysCreatePt(ec: Ec): i32 {
  if (!mayCreate(ec)) return BAD_CAP;
  const handler = lookupEc(ec.domain, ec.rdx, PERM_EC_CREATE_PT);
  if (changetype<usize>(handler) === 0 || handler.isGlobal) return BAD_CAP;
  if (!freeSelector(ec)) return BAD_CAP;
  const pt = createPt(ec.domain, <u32>selectorOf(ec), handler, ec.rax, ec.r8);
  if (changetype<usize>(pt) === 0) return ABORT;
  return enter(pt);
}

export function sysCreateSm(ec: Ec): i32 {
  if (!mayCreate(ec)) return BAD_CAP;
  // ARG4 is the semaphore that a signal is bound to, one level deep; ARG3 is its value then.
  let bound = changetype<Sm>(0);
  if (ec.rax !== 0) {
    bound = lookupSm(ec.domain, ec.rax, PERM_SM_UP);
    if (changetype<usize>(bound) === 0 || isBound(bound)) return BAD_CAP;
  }
  if (!freeSelector(ec)) return BAD_CAP;
  const base = <u32>selectorOf(ec);
  const sm =
    changetype<usize>(bound) === 0
      ? createSm(ec.domain, base, ec.rdx)
      : createSignal(ec.domain, base, ec.rdx, bound);
  if (changetype<usize>(sm) === 0) return ABORT;
  return enter(sm);
}
