// The hypercalls as functions: arguments packed as the kernel's interface document says, status
// returned as it comes. Nothing is checked here; a caller that cannot go on checks the status.

import {
  ARG1_FLAGS_SHIFT,
  ARG1_SELECTOR_SHIFT,
  CALL_NONBLOCKING,
  CRD_NULL,
  CREATE_EC_GLOBAL,
  CREATE_PD_FOREIGN,
  CREATE_PD_PORTALS_SHIFT,
  crd,
  EC_CTRL_ENTRY,
  EC_CTRL_STATE,
  HC_ASSIGN_GSI,
  HC_CALL,
  HC_CREATE_EC,
  HC_CREATE_PD,
  HC_CREATE_PT,
  HC_CREATE_SC,
  HC_CREATE_SM,
  HC_EC_CTRL,
  HC_PD_CTRL,
  HC_PT_CTRL,
  HC_REPLY,
  HC_REVOKE,
  HC_SC_CTRL,
  HC_SM_CTRL,
  PD_CTRL_DELEGATE,
  PERM_ALL,
  QPD_QUANTUM_SHIFT,
  REVOKE_SELF,
  SM_CTRL_DOWN,
  STATUS_MASK,
  SUCCESS,
  XFER_DELEGATE,
} from "./abi";
import { hypercall, hypercall3 } from "./hedron";

/** IPC to portal `portal`; the message is in the caller's UTCB. */
export function call(portal: u64): u64 {
  return hypercall(HC_CALL | (portal << ARG1_SELECTOR_SHIFT), 0, 0, 0, 0) & STATUS_MASK;
}

/** As `call`, but TIMEOUT where the portal's handler is busy. */
export function callIfIdle(portal: u64): u64 {
  const arg1 = HC_CALL | (CALL_NONBLOCKING << ARG1_FLAGS_SHIFT) | (portal << ARG1_SELECTOR_SHIFT);
  return hypercall(arg1, 0, 0, 0, 0) & STATUS_MASK;
}

/** A handler EC's answer, which is in its UTCB, to whoever called it. Does not return. */
export function reply(): void {
  hypercall(HC_REPLY, 0, 0, 0, 0);
}

/** New native PD at `selector`, child of `parent`. */
export function createPd(selector: u64, parent: u64): u64 {
  return (
    hypercall(HC_CREATE_PD | (selector << ARG1_SELECTOR_SHIFT), parent, CRD_NULL, 0, 0) &
    STATUS_MASK
  );
}

/** New foreign PD: a system call of CPU n goes to the portal at `portalBase` + n. */
export function createForeignPd(selector: u64, parent: u64, portalBase: u64): u64 {
  const arg4 = (portalBase << CREATE_PD_PORTALS_SHIFT) | CREATE_PD_FOREIGN;
  return (
    hypercall(HC_CREATE_PD | (selector << ARG1_SELECTOR_SHIFT), parent, CRD_NULL, arg4, 0) &
    STATUS_MASK
  );
}

function createEc(
  selector: u64,
  pd: u64,
  cpu: u32,
  utcb: u64,
  stack: u64,
  events: u64,
  flags: u64,
): u64 {
  const arg1 = HC_CREATE_EC | (flags << ARG1_FLAGS_SHIFT) | (selector << ARG1_SELECTOR_SHIFT);
  return hypercall(arg1, pd, utcb | (cpu as u64), stack, events) & STATUS_MASK;
}

/** New EC that runs portal handlers: `utcb` is a page address in `pd`, `stack` the RSP at portal entry. */
export function createLocalEc(
  selector: u64,
  pd: u64,
  cpu: u32,
  utcb: u64,
  stack: u64,
  events: u64,
): u64 {
  return createEc(selector, pd, cpu, utcb, stack, events, 0);
}

/** New EC that an SC can be bound to; its first run raises the startup event. */
export function createGlobalEc(selector: u64, pd: u64, cpu: u32, utcb: u64, events: u64): u64 {
  return createEc(selector, pd, cpu, utcb, 0, events, CREATE_EC_GLOBAL);
}

/** New SC for EC `ec`: `priority` 1…127, `quantum` in microseconds. */
export function createSc(selector: u64, pd: u64, ec: u64, priority: u64, quantum: u64): u64 {
  const qpd = (quantum << QPD_QUANTUM_SHIFT) | priority;
  return hypercall(HC_CREATE_SC | (selector << ARG1_SELECTOR_SHIFT), pd, ec, qpd, 0) & STATUS_MASK;
}

/** New portal into local EC `ec` at `entry`; `mtd` is what an event message carries. */
export function createPt(selector: u64, pd: u64, ec: u64, mtd: u64, entry: u64): u64 {
  return (
    hypercall(HC_CREATE_PT | (selector << ARG1_SELECTOR_SHIFT), pd, ec, mtd, entry) & STATUS_MASK
  );
}

const out = memory.data(16, 8);

/** CPU time that SC `selector` has used, in microseconds; 0 where there is none. */
export function timeOfSc(selector: u64): u64 {
  const arg1 = HC_SC_CTRL | (selector << ARG1_SELECTOR_SHIFT);
  if ((hypercall3(arg1, 0, 0, 0, 0, out) & STATUS_MASK) !== SUCCESS) return 0;
  return (load<u64>(out) << 32) | (load<u64>(out, 8) & 0xffff_ffff);
}

/** Sets the id that the portal's handler gets in RDI. */
export function ptCtrl(portal: u64, id: u64): u64 {
  return hypercall(HC_PT_CTRL | (portal << ARG1_SELECTOR_SHIFT), id, 0, 0, 0) & STATUS_MASK;
}

/** Routes the interrupt behind semaphore `selector` to `cpu`; what it is bound to stays. */
export function assignGsi(selector: u64, cpu: u32): u64 {
  const keep = ~(0 as u64);
  const arg1 = HC_ASSIGN_GSI | (selector << ARG1_SELECTOR_SHIFT);
  return hypercall(arg1, 0, cpu as u64, keep, 0) & STATUS_MASK;
}

export function createSm(selector: u64, pd: u64, count: u64): u64 {
  return hypercall(HC_CREATE_SM | (selector << ARG1_SELECTOR_SHIFT), pd, count, 0, 0) & STATUS_MASK;
}

export function smUp(selector: u64): u64 {
  return hypercall(HC_SM_CTRL | (selector << ARG1_SELECTOR_SHIFT), 0, 0, 0, 0) & STATUS_MASK;
}

/** Waits for the semaphore; `deadline` is a TSC value, 0 for ever. */
export function smDown(selector: u64, deadline: u64): u64 {
  const arg1 = HC_SM_CTRL | (SM_CTRL_DOWN << ARG1_FLAGS_SHIFT) | (selector << ARG1_SELECTOR_SHIFT);
  return hypercall(arg1, deadline >> 32, deadline & 0xffff_ffff, 0, 0) & STATUS_MASK;
}

/** Copies capabilities; `source` and `target` are CRDs of the same kind and order, `flags` beyond XFER_DELEGATE. */
export function delegate(from: u64, to: u64, source: u64, target: u64, flags: u64): u64 {
  const arg1 = HC_PD_CTRL | (PD_CTRL_DELEGATE << ARG1_FLAGS_SHIFT) | (from << ARG1_SELECTOR_SHIFT);
  return hypercall(arg1, to, source, flags | XFER_DELEGATE, target) & STATUS_MASK;
}

/** Copies one range of 2^`order` capabilities of `kind` with `rights` from number `base` to number `at`. */
export function delegateRange(
  from: u64,
  to: u64,
  kind: u32,
  base: u64,
  at: u64,
  order: u64,
  rights: u32,
  flags: u64,
): u64 {
  return delegate(from, to, crd(kind, base, order, rights), crd(kind, at, order, rights), flags);
}

/** Makes EC `selector` raise the recall event before it executes its next instruction. */
export function recall(selector: u64): u64 {
  return hypercall(HC_EC_CTRL | (selector << ARG1_SELECTOR_SHIFT), 0, 0, 0, 0) & STATUS_MASK;
}

/**
 * Lets system calls of foreign EC `selector` enter user mode: `pages` pages of code at `entry`, `stack` for RSP. BAD_PAR
 * on a kernel that cannot do that.
 */
export function setEntry(selector: u64, entry: u64, pages: u64, stack: u64): u64 {
  const arg1 = HC_EC_CTRL | (EC_CTRL_ENTRY << ARG1_FLAGS_SHIFT) | (selector << ARG1_SELECTOR_SHIFT);
  return hypercall(arg1, entry | pages, stack, 0, 0) & STATUS_MASK;
}

/**
 * Gives EC `selector` the floating-point and vector state of EC `from`, where neither runs. BAD_PAR on a kernel that cannot
 * do that.
 */
export function copyState(selector: u64, from: u64): u64 {
  const arg1 = HC_EC_CTRL | (EC_CTRL_STATE << ARG1_FLAGS_SHIFT) | (selector << ARG1_SELECTOR_SHIFT);
  return hypercall(arg1, from, 0, 0, 0) & STATUS_MASK;
}

/** Removes the capabilities of `range` from everybody, the caller included. */
export function revoke(kind: u32, base: u64, order: u64): u64 {
  const arg1 = HC_REVOKE | (REVOKE_SELF << ARG1_FLAGS_SHIFT);
  return hypercall(arg1, crd(kind, base, order, PERM_ALL), 0, 0, 0) & STATUS_MASK;
}

/** Removes the copies that were made of the capabilities of `range`, but not the caller's own. */
export function revokeCopies(kind: u32, base: u64, order: u64): u64 {
  return hypercall(HC_REVOKE, crd(kind, base, order, PERM_ALL), 0, 0, 0) & STATUS_MASK;
}
