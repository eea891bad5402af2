// Execution context: a thread (global, runs on a scheduling context of its own) or a portal handler
// (local, runs on the caller's). Holds the user registers while the EC is not running; what it does
// when it runs next is its continuation (run.ts).

import { ARG1_FLAGS_SHIFT, ARG1_SELECTOR_SHIFT, EVENT_STARTUP, PERM_EC_ALL } from "./abi";
import { allocFpu, freeFpu } from "./fpu";
import { dropRef, Kobject, TYPE_EC } from "./kobject";
import {
  EC_ENTRY,
  EC_ENTRY_BYTES,
  EC_ENTRY_STACK,
  EC_REGS,
  EC_UTCB,
  FRAME_CR2,
  FRAME_CS,
  FRAME_ERR,
  FRAME_R11,
  FRAME_RFLAGS,
  FRAME_RIP,
  FRAME_RSP,
  FRAME_SS,
  FRAME_VEC,
  SEL_USER_CODE,
  SEL_USER_CODE_L,
  SEL_USER_DATA,
} from "./layout";
import { allocPage, freePage } from "./page";
import { holdPd, initKobject, Pd } from "./pd";
import { isQueued } from "./queue";
import { orphanRevocation } from "./revoke";
import { Sc } from "./sc";
import { allocObject } from "./slab";
import { Sm } from "./sm";
import { mapKernelPage, unmapKernelPage } from "./space_mem";
import { window } from "./x86";

// Continuations.
/** A local EC waiting for a message: its portals can be called. */
export const CONT_RECEIVE: u32 = 0;
export const CONT_SYSRET: u32 = 1;
export const CONT_IRET: u32 = 2;
/** Send the message for event `vec` to a portal of the EC's own domain. */
export const CONT_SEND_EVENT: u32 = 3;
/** Repeat the `call` in the registers. */
export const CONT_CALL: u32 = 4;
/** Take the typed items of the message. */
export const CONT_RECV_ITEMS: u32 = 5;
export const CONT_DOWN_SUCCESS: u32 = 6;
export const CONT_DOWN_TIMEOUT: u32 = 7;
export const CONT_DOWN_BAD_CAP: u32 = 8;
export const CONT_ABORTED: u32 = 9;
export const CONT_DEAD: u32 = 10;
export const CONT_IDLE: u32 = 11;
/** Go on with the hypercall in the registers. */
export const CONT_HYPERCALL: u32 = 12;

/** Status of a hypercall that goes on in the next piece (piece.ts). */
export const UNFINISHED: i32 = -1;

// EC hazards: what has to be done before the EC returns to user space.
/** Its domain is gone, and so is all that leads to it: it ends. */
export const HAZARD_END: u32 = 1;
export const HAZARD_RECALL: u32 = 2;

/** RFLAGS: reserved bit 1 and IF. */
const RFLAGS_INITIAL: u64 = 0x202;

@unmanaged
export class Ec extends Kobject {
  r15: u64;
  r14: u64;
  r13: u64;
  r12: u64;
  r11: u64;
  r10: u64;
  r9: u64;
  r8: u64;
  rdi: u64;
  rsi: u64;
  rbp: u64;
  cr2: u64;
  rbx: u64;
  rdx: u64;
  rcx: u64;
  rax: u64;
  /** Vector of the last trap; the event that is sent. */
  vec: u64;
  err: u64;
  rip: u64;
  cs: u64;
  rflags: u64;
  rsp: u64;
  ss: u64;
  fsBase: u64;
  gsBase: u64;
  /** Where its foreign system calls enter user mode (asm/entry.ts): 0, or code, its bytes, and RSP. */
  entry: u64;
  entryBytes: u64;
  entryStack: u64;
  /** With the word behind it, its address in the window (asm/entry.ts). */
  utcb: usize;
  windowHigh: u32;
  cont: u32;
  /** Message transfer descriptor of the event portal, while the EC waits for the reply. */
  mtd: u64;
  userUtcb: u64;
  timeoutAt: u64;
  cpu: u32;
  hazard: u32;
  eventBase: u32;
  isGlobal: bool;
  timeoutActive: bool;
  /** How many wait for this EC, directly or through others that it serves; of one that is not called, at its last call. */
  nesting: u32;
  /** The EC this one serves: its caller. */
  caller: Ec;
  /** The EC this one waits for: its callee. */
  partner: Ec;
  /** Neighbours in a semaphore's queue; not null means blocked. */
  queuePrev: Ec;
  queueNext: Ec;
  /** Place among the CPU's timeouts (timeout_heap.ts). */
  timeoutParent: Ec;
  timeoutLeft: Ec;
  timeoutRight: Ec;
  timeoutRank: u32;
  /** The semaphore whose queue this EC is in. */
  semaphore: Sm;
  domain: Pd;
  /** The domain in which the UTCB is mapped. */
  utcbDomain: Pd;
  fpu: usize;
  /** A long operation is under way: the item of the message it is at, how far it is with that, its revocation. */
  underWay: bool;
  item: u32;
  progress: u64;
  ticket: u64;
  /** The domain it is about, held. */
  subject: Pd;
  /** First of the scheduling contexts that wait until this EC can run (sc.ts). */
  waiting: Sc;
  /** Some of them are released in pieces: the EC is in a list of its CPU, held, before this one. */
  isReleasing: bool;
  /** It is in the list of those that are looked at, held, before this one (lost_thread.ts). */
  isForgotten: bool;
  nextReleasing: Ec;
  nextForgotten: Ec;
  /** SCs that nobody can name and that have gone over to this EC from its caller (sc.ts). */
  strays: u32;
  /** Neighbours among the ECs of their domain, as long as that is not gone. */
  peerPrev: Ec;
  peerNext: Ec;
}

if (offsetof<Ec>("r15") !== EC_REGS) ERROR("EC_REGS");
if (offsetof<Ec>("r11") !== EC_REGS + FRAME_R11) ERROR("FRAME_R11");
if (offsetof<Ec>("cr2") !== EC_REGS + FRAME_CR2) ERROR("FRAME_CR2");
if (offsetof<Ec>("vec") !== EC_REGS + FRAME_VEC) ERROR("FRAME_VEC");
if (offsetof<Ec>("err") !== EC_REGS + FRAME_ERR) ERROR("FRAME_ERR");
if (offsetof<Ec>("rip") !== EC_REGS + FRAME_RIP) ERROR("FRAME_RIP");
if (offsetof<Ec>("cs") !== EC_REGS + FRAME_CS) ERROR("FRAME_CS");
if (offsetof<Ec>("rflags") !== EC_REGS + FRAME_RFLAGS) ERROR("FRAME_RFLAGS");
if (offsetof<Ec>("rsp") !== EC_REGS + FRAME_RSP) ERROR("FRAME_RSP");
if (offsetof<Ec>("ss") !== EC_REGS + FRAME_SS) ERROR("FRAME_SS");
if (offsetof<Ec>("entry") !== EC_ENTRY) ERROR("EC_ENTRY");
if (offsetof<Ec>("entryBytes") !== EC_ENTRY_BYTES) ERROR("EC_ENTRY_BYTES");
if (offsetof<Ec>("entryStack") !== EC_ENTRY_STACK) ERROR("EC_ENTRY_STACK");
if (offsetof<Ec>("utcb") !== EC_UTCB) ERROR("EC_UTCB");
if (offsetof<Ec>("windowHigh") !== EC_UTCB + 4) ERROR("EC_UTCB");

/** ARG1[63:12] of the hypercall: the selector most of them have there. */
export function selectorOf(ec: Ec): u64 {
  return ec.rdi >> ARG1_SELECTOR_SHIFT;
}

/** ARG1[11:8] of the hypercall: flags and operation. */
export function flagsOf(ec: Ec): u32 {
  return <u32>(ec.rdi >> ARG1_FLAGS_SHIFT) & 0xf;
}

/**
 * An EC of `domain` on CPU `cpu`, known to `owner` under selector `base`; null when memory is out. A
 * global EC starts by sending the startup event, a local one waits for calls. `userUtcb` is the page
 * address of its UTCB in `utcbDomain`, 0 for none.
 */
export function createEc(
  owner: Pd,
  base: u32,
  domain: Pd,
  isGlobal: bool,
  cpu: u32,
  eventBase: u32,
  userUtcb: u64,
  utcbDomain: Pd,
  stack: u64,
): Ec {
  const ec = changetype<Ec>(allocObject(offsetof<Ec>()));
  if (changetype<usize>(ec) === 0) return ec;
  initKobject(ec, TYPE_EC, owner, base, PERM_EC_ALL);
  ec.domain = holdPd(domain);
  enterDomain(ec);
  ec.utcbDomain = holdPd(utcbDomain);
  ec.isGlobal = isGlobal;
  ec.cpu = cpu;
  ec.eventBase = eventBase;
  ec.cs = SEL_USER_CODE;
  ec.ss = SEL_USER_DATA;
  ec.rflags = RFLAGS_INITIAL;
  ec.vec = EVENT_STARTUP;
  ec.cont = isGlobal ? CONT_SEND_EVENT : CONT_RECEIVE;
  // A global EC starts through IRET, a local one through SYSRET, which takes RSP from R11.
  if (isGlobal) ec.rsp = stack;
  else ec.r11 = stack;
  ec.utcb = allocPage();
  ec.windowHigh = <u32>(window() >> 32);
  ec.fpu = allocFpu();
  let complete = ec.utcb !== 0 && ec.fpu !== 0;
  if (complete && userUtcb !== 0) {
    ec.userUtcb = userUtcb;
    complete = mapKernelPage(utcbDomain, userUtcb, ec.utcb);
  }
  if (!complete) {
    retireEc(ec);
    dropRef(ec);
    return changetype<Ec>(0);
  }
  return ec;
}

/** The EC's capability is gone: its UTCB disappears from user space. */
export function retireEc(ec: Ec): void {
  if (ec.userUtcb === 0) return;
  unmapKernelPage(ec.utcbDomain, ec.userUtcb, ec.utcb);
  ec.userUtcb = 0;
}

export function destroyEc(ec: Ec): void {
  retireEc(ec);
  if (ec.ticket !== 0) orphanRevocation(ec.ticket);
  endOperation(ec);
  if (ec.utcb !== 0) freePage(ec.utcb);
  if (ec.fpu !== 0) freeFpu(ec.fpu);
  leaveDomain(ec);
  dropRef(ec.domain);
  dropRef(ec.utcbDomain);
}

function enterDomain(ec: Ec): void {
  const next = ec.domain.firstEc;
  ec.peerNext = next;
  if (changetype<usize>(next) !== 0) next.peerPrev = ec;
  ec.domain.firstEc = ec;
}

/** Takes the EC out of the list of its domain, if it is there still. */
export function leaveDomain(ec: Ec): void {
  const before = ec.peerPrev;
  const next = ec.peerNext;
  if (changetype<usize>(before) !== 0) before.peerNext = next;
  else if (ec.domain.firstEc === ec) ec.domain.firstEc = next;
  if (changetype<usize>(next) !== 0) next.peerPrev = before;
  ec.peerPrev = changetype<Ec>(0);
  ec.peerNext = changetype<Ec>(0);
}

export function isBlocked(ec: Ec): bool {
  return isQueued(ec) || ec.cont === CONT_RECEIVE;
}

/** Turns an EC that would leave through SYSRET into one that leaves through IRET to the same place. */
export function redirectToIret(ec: Ec): void {
  ec.rsp = ec.r11;
  ec.rip = ec.rcx;
  ec.rflags = RFLAGS_INITIAL;
  ec.cs = SEL_USER_CODE_L;
  ec.ss = SEL_USER_DATA;
  ec.err = 0;
  ec.cr2 = 0;
}

/** The hypercall is over with this status. */
export function finish(ec: Ec, status: i32): void {
  ec.rdi = <u64>status;
  ec.cont = CONT_SYSRET;
}

/** The long operation is about `pd`, which is held until it ends. */
export function setSubject(ec: Ec, pd: Pd): void {
  if (changetype<usize>(ec.subject) === 0) ec.subject = holdPd(pd);
}

/** Forgets how far a long operation was. */
export function endOperation(ec: Ec): void {
  ec.underWay = false;
  ec.item = 0;
  ec.progress = 0;
  ec.ticket = 0;
  if (changetype<usize>(ec.subject) !== 0) dropRef(ec.subject);
  ec.subject = changetype<Pd>(0);
}

/** The hypercall is over with this status, or goes on. */
export function conclude(ec: Ec, status: i32): void {
  if (status === UNFINISHED) {
    ec.underWay = true;
    ec.cont = CONT_HYPERCALL;
    return;
  }
  if (ec.underWay) endOperation(ec);
  finish(ec, status);
}
