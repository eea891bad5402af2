// Who owns each page of the kernel's pool and each slot of its slabs, found out by walking everything that is
// reachable: CPUs, domains, their spaces and page tables, threads, queues, free lists. Guest code, for tests: it
// is no part of the kernel's image. A page or slot with two owners, with none, or free and in use is an error.

import { CRD_OBJ, CRD_PIO, NUM_CPU, NUM_GSI, NUM_PORTS, NUM_SELECTORS } from "../abi";
import { Cpu, cpuById, cpuCount } from "../cpu";
import { Ec } from "../ec";
import { fpuIsPage } from "../fpu";
import { hipAddress } from "../hip";
import { kernelPd } from "../kernel_pd";
import { firstDying, Kobject, TYPE_EC, TYPE_PD, TYPE_PT, TYPE_SC, TYPE_SM } from "../kobject";
import { KERNEL_END, KERNEL_POOL } from "../layout";
import { firstForgotten } from "../lost_thread";
import { Mdb } from "../mdb";
import { lookupNode, NODE_TABLE_BYTES } from "../node_table";
import {
  availablePages,
  entriesOf,
  firstFreePage,
  firstFreshPage,
  linkedPage,
  PAGE_BYTES,
} from "../page";
import {
  firstDetachedTable,
  PTE_ADDRESS,
  PTE_LARGE,
  PTE_NODELEG,
  PTE_P,
  PTE_W,
} from "../page_table";
import { Pd } from "../pd";
import { poolEnd, poolStart } from "../pool";
import { Pt } from "../pt";
import { Queue } from "../queue";
import { Sc } from "../sc";
import { SLAB_MIN_BYTES, SlabPage } from "../slab";
import { Sm } from "../sm";

// Owners of pages, in the map of pages; the order is that of OWNERS in machine.ts.
const NONE: u8 = 0;
const PERMANENT: u8 = 1;
const FREE: u8 = 2;
const FRESH: u8 = 3;
const SLAB: u8 = 4;
const NODE_TABLE: u8 = 5;
const PAGE_TABLE: u8 = 6;
const UTCB: u8 = 7;
const FPU: u8 = 8;
const PORT_MAP: u8 = 9;

/** What is wrong: the messages are in machine.ts. */
const TWO_OWNERS: i32 = 1;
const NO_OWNER: i32 = 2;
const SLOT_TWICE: i32 = 3;
const SLOT_LOST: i32 = 4;
const FREE_COUNT: i32 = 5;
const BAD_RING: i32 = 6;
const BAD_ENTRY: i32 = 7;
const STRAY_MAPPING: i32 = 8;
const COUNT_WRONG: i32 = 9;
const SLOT_OUTSIDE: i32 = 10;
const BAD_COUNT: i32 = 11;

const SLOT: usize = SLAB_MIN_BYTES;
const POOL_BYTES: usize = KERNEL_END - KERNEL_POOL;
const PAGES: usize = POOL_BYTES >> 12;
const SLOTS: usize = POOL_BYTES / SLOT;

/** Physical address of the pool's first byte. */
export function pool_start(): usize {
  return poolStart();
}

export function pool_end(): usize {
  return poolEnd();
}

/** Scratch memory, bytes: map of pages, map of slots, worklist. */
export function audit_bytes(): usize {
  return PAGES + SLOTS + SLOTS * 4;
}

let pages: usize = 0;
let slots: usize = 0;
let work: usize = 0;
let workCount: usize = 0;
let wrong: i32 = 0;
let wrongAt: usize = 0;

function fail(what: i32, where: usize): void {
  if (wrong !== 0) return;
  wrong = what;
  wrongAt = where;
}

/** Physical address of what the last audit found wrong. */
export function audit_where(): usize {
  return wrongAt;
}

function isInPool(address: usize): bool {
  return address >= poolStart() && address < poolEnd();
}

function pageSlot(page: usize): usize {
  return pages + ((page - poolStart()) >> 12);
}

function own(page: usize, owner: u8): void {
  if (!isInPool(page) || page & (PAGE_BYTES - 1)) {
    fail(BAD_ENTRY, page);
    return;
  }
  const at = pageSlot(page);
  if (load<u8>(at) !== NONE) fail(TWO_OWNERS, page);
  store<u8>(at, owner);
}

/** Marks the slot of an object; false if it has been marked already. */
function mark(object: usize): bool {
  if (!isInPool(object)) {
    fail(SLOT_OUTSIDE, object);
    return false;
  }
  const at = slots + (object - poolStart()) / SLOT;
  if (load<u8>(at) !== 0) return false;
  store<u8>(at, 1);
  const page = object & ~(PAGE_BYTES - 1);
  if (load<u8>(pageSlot(page)) !== SLAB) own(page, SLAB);
  return true;
}

/** Memory that only one thing may point to. */
function markOnce(object: usize): void {
  if (!mark(object)) fail(SLOT_TWICE, object);
}

/** A table has as many entries as its page's record says, and is not empty. */
function checkCount(table: usize, entryBytes: usize): void {
  let count: u32 = 0;
  for (let at = table; at < table + PAGE_BYTES; at += entryBytes) {
    if (entryBytes === 4 ? load<u32>(at) !== 0 : load<u64>(at) !== 0) count++;
  }
  if (count === 0 || count !== entriesOf(table)) fail(BAD_COUNT, table);
}

/** An object to be looked at, whoever points to it. */
function visit(object: usize): void {
  if (object === 0 || !mark(object)) return;
  store<u32>(work + (workCount << 2), <u32>object);
  workCount++;
}

function visitSpace(root: usize, pd: Pd, kind: u32, limit: u32): void {
  markOnce(root);
  for (let i: usize = 0; i < NODE_TABLE_BYTES; i += 4) {
    const middle = <usize>load<u32>(root + i);
    if (middle === 0) continue;
    own(middle, NODE_TABLE);
    checkCount(middle, 4);
    for (let j: usize = 0; j < PAGE_BYTES; j += 4) {
      const entry = load<u32>(middle + j);
      if (entry === 0) continue;
      const first: u32 = <u32>((i << 18) + (j << 8));
      if (entry & 1) visitNode(entry & ~1, root, pd, kind, first, limit);
      else {
        own(<usize>entry, NODE_TABLE);
        checkCount(<usize>entry, 4);
        for (let k: usize = 0; k < PAGE_BYTES; k += 4) {
          const node = <usize>load<u32>(<usize>entry + k);
          if (node !== 0) visitNode(node, root, pd, kind, first + <u32>(k >> 2), limit);
        }
      }
    }
  }
}

function visitNode(at: usize, root: usize, pd: Pd, kind: u32, index: u32, limit: u32): void {
  const node = changetype<Mdb>(at);
  if (!isInPool(at)) {
    fail(BAD_ENTRY, at);
    return;
  }
  const last: u64 = <u64>node.base + ((<u64>1) << (<u64>node.order));
  if (node.kind !== kind || node.pd !== pd || index < node.base || <u64>index >= last) {
    fail(BAD_ENTRY, at);
  }
  if (last > <u64>limit || lookupNode(root, <u64>index) !== node) fail(BAD_ENTRY, at);
  if (node.next.prev !== node || node.prev.next !== node) fail(BAD_RING, at);
  if (changetype<usize>(node.parent) !== 0 && node.depth !== node.parent.depth + 1) {
    fail(BAD_RING, at);
  }
  if (kind === CRD_OBJ && <usize>node.target === at) visit(at);
  else {
    mark(at);
    if (kind === CRD_OBJ) visit(<usize>node.target);
  }
}

function visitPageTable(table: usize, level: u32): void {
  own(table, PAGE_TABLE);
  if (level < 3) checkCount(table, 8);
  const entries: usize = level === 3 ? 511 : 512;
  for (let i: usize = 0; i < entries; i++) {
    const entry = load<u64>(table + (i << 3));
    if ((entry & PTE_P) === 0) {
      if (entry !== 0) fail(BAD_ENTRY, table + (i << 3));
      continue;
    }
    const address = entry & PTE_ADDRESS;
    if (level > 0 && (entry & PTE_LARGE) === 0) {
      visitPageTable(<usize>address, level - 1);
      continue;
    }
    const end = address + ((<u64>PAGE_BYTES) << (9 * <u64>level));
    if (end <= <u64>poolStart() || address >= <u64>poolEnd()) continue;
    // What user space sees of the pool: the information page, for reading, and UTCBs.
    const isHip = level === 0 && address === <u64>hipAddress() && (entry & PTE_W) === 0;
    if (isHip) continue;
    if (level !== 0 || (entry & PTE_NODELEG) === 0) fail(STRAY_MAPPING, table + (i << 3));
    else {
      store<u32>(work + (SLOTS << 2) - ((mappedCount + 1) << 2), <u32>address);
      mappedCount++;
    }
  }
}

let mappedCount: usize = 0;

/** A table that has been given up, and those below it: what it maps counts no more. */
function visitDetachedTable(table: usize, level: u32): void {
  own(table, PAGE_TABLE);
  if (level === 0) return;
  for (let i: usize = 0; i < PAGE_BYTES; i += 8) {
    const entry = load<u64>(table + i);
    if ((entry & (PTE_P | PTE_LARGE)) === PTE_P) {
      visitDetachedTable(<usize>(entry & PTE_ADDRESS), level - 1);
    }
  }
}

/** The domain in whose space its capability was is not among what a domain leads to: it may be gone before. */
function visitPd(pd: Pd): void {
  visitSpace(pd.objects, pd, CRD_OBJ, NUM_SELECTORS);
  visitSpace(pd.ports, pd, CRD_PIO, NUM_PORTS);
  if (pd.portMap0 !== 0) own(pd.portMap0, PORT_MAP);
  if (pd.portMap1 !== 0) own(pd.portMap1, PORT_MAP);
  if (pd.pageTable !== 0) visitPageTable(pd.pageTable, 3);
}

function visitScs(head: Sc): void {
  if (changetype<usize>(head) === 0) return;
  let sc = head;
  do {
    visit(changetype<usize>(sc));
    if (sc.queueNext.queuePrev !== sc) fail(BAD_RING, changetype<usize>(sc));
    sc = sc.queueNext;
  } while (sc !== head);
}

function visitEc(ec: Ec): void {
  visit(changetype<usize>(ec.domain));
  visit(changetype<usize>(ec.utcbDomain));
  visit(changetype<usize>(ec.caller));
  visit(changetype<usize>(ec.partner));
  visit(changetype<usize>(ec.semaphore));
  if (ec.timeoutActive) {
    const left = ec.timeoutLeft;
    const right = ec.timeoutRight;
    if (changetype<usize>(left) !== 0) visitTimeout(left, ec);
    if (changetype<usize>(right) !== 0) visitTimeout(right, ec);
    const leftRank = changetype<usize>(left) === 0 ? 0 : left.timeoutRank;
    const rightRank = changetype<usize>(right) === 0 ? 0 : right.timeoutRank;
    if (leftRank < rightRank || ec.timeoutRank !== rightRank + 1) {
      fail(BAD_RING, changetype<usize>(ec));
    }
  }
  visitScs(ec.waiting);
  visit(changetype<usize>(ec.subject));
  if (ec.utcb !== 0) own(ec.utcb, UTCB);
  if (ec.fpu === 0) return;
  if (fpuIsPage()) own(ec.fpu, FPU);
  else markOnce(ec.fpu);
}

function visitSm(sm: Sm): void {
  visit(changetype<usize>(sm.bound));
  const first = sm.signals;
  if (changetype<usize>(first) !== 0) {
    let signal = first;
    do {
      visit(changetype<usize>(signal));
      if (signal.queueNext.queuePrev !== signal) fail(BAD_RING, changetype<usize>(signal));
      signal = signal.queueNext;
    } while (signal !== first);
  }
  const head = sm.waiting;
  if (changetype<usize>(head) === 0) return;
  let ec = head;
  do {
    visit(changetype<usize>(ec));
    if (ec.queueNext.queuePrev !== ec || ec.semaphore !== sm) {
      fail(BAD_RING, changetype<usize>(ec));
    }
    ec = ec.queueNext;
  } while (ec !== head);
}

function visitObject(object: Kobject): void {
  const type = object.type;
  if (type === TYPE_PD) visitPd(changetype<Pd>(object));
  else if (type === TYPE_EC) visitEc(changetype<Ec>(object));
  else if (type === TYPE_SC) visit(changetype<usize>(changetype<Sc>(object).ec));
  else if (type === TYPE_PT) visit(changetype<usize>(changetype<Pt>(object).ec));
  else if (type === TYPE_SM) visitSm(changetype<Sm>(object));
  else fail(BAD_ENTRY, changetype<usize>(object));
}

/** A node of the heap of deadlines: it is in order, and right of it is no more than left of it. */
function visitTimeout(ec: Ec, parent: Ec): void {
  visit(changetype<usize>(ec));
  if (ec.timeoutParent !== parent || !ec.timeoutActive) fail(BAD_RING, changetype<usize>(ec));
  if (changetype<usize>(parent) !== 0 && ec.timeoutAt < parent.timeoutAt) {
    fail(BAD_RING, changetype<usize>(ec));
  }
}

function visitCpu(cpu: Cpu): void {
  visit(changetype<usize>(cpu.ec));
  visit(changetype<usize>(cpu.sc));
  visit(changetype<usize>(cpu.pd));
  visit(changetype<usize>(cpu.idleEc));
  for (let prio: usize = 0; prio <= <usize>cpu.topPrio; prio++) {
    visitScs(changetype<Queue<Sc>>(cpu.ready + prio * offsetof<Queue<Sc>>()).head);
  }
  for (let ec = cpu.releasing; changetype<usize>(ec) !== 0; ec = ec.nextReleasing) {
    visit(changetype<usize>(ec));
  }
  if (changetype<usize>(cpu.timeouts) !== 0) visitTimeout(cpu.timeouts, changetype<Ec>(0));
}

/** Every slot of the page is free or somebody's, and the page's count says how many are which. */
function checkSlab(page: usize): void {
  const slab = changetype<SlabPage>(page);
  const size = <usize>slab.slotSize;
  let used: u32 = 0;
  for (let at = page + size; at < page + PAGE_BYTES; at += size) {
    if (load<u8>(slots + (at - poolStart()) / SLOT) === 1) used++;
  }
  if (used !== slab.used) fail(used < slab.used ? SLOT_LOST : COUNT_WRONG, page);
  let free: u32 = 0;
  for (let slot = slab.freeSlots; slot !== 0; slot = <usize>load<u32>(slot)) {
    const at = slots + (slot - poolStart()) / SLOT;
    if ((slot & ~(PAGE_BYTES - 1)) !== page || load<u8>(at) !== 0) {
      fail(SLOT_TWICE, slot);
      return;
    }
    store<u8>(at, 2);
    free++;
  }
  if (used + free !== <u32>(PAGE_BYTES / size - 1)) fail(SLOT_LOST, page);
}

/**
 * Looks at all of the pool; 0, or what is wrong. `scratch`: `audit_bytes` bytes outside of the pool, whose first
 * part becomes the map of pages, one byte each. Where `baseline` is true, pages without an owner, those that the
 * kernel takes when it starts and keeps, become permanent; later audits are given that map back.
 */
export function audit(scratch: usize, baseline: bool): i32 {
  pages = scratch;
  slots = pages + PAGES;
  work = slots + SLOTS;
  workCount = 0;
  mappedCount = 0;
  wrong = 0;
  wrongAt = 0;
  for (let i: usize = 0; i < PAGES; i++) {
    if (baseline || load<u8>(pages + i) !== PERMANENT) store<u8>(pages + i, NONE);
  }
  memory.fill(slots, 0, SLOTS);

  let free: u32 = 0;
  for (let page = firstFreePage(); page !== 0; page = <usize>load<u32>(page)) {
    own(page, FREE);
    if (wrong !== 0) return wrong;
    free++;
  }
  for (let page = firstFreshPage(); page < poolEnd(); page += PAGE_BYTES) {
    own(page, FRESH);
    free++;
  }
  if (free !== availablePages()) fail(FREE_COUNT, 0);

  visit(changetype<usize>(kernelPd()));
  for (let gsi: u64 = 0; gsi < <u64>NUM_GSI; gsi++) {
    const node = lookupNode(kernelPd().objects, gsi + <u64>NUM_CPU);
    visit(changetype<usize>(node));
  }
  for (let i: u32 = 0; i < cpuCount(); i++) {
    if (cpuById(i).online) visitCpu(cpuById(i));
  }
  for (let list: u32 = 0; list < 3; list++) {
    for (let object = firstDying(list); changetype<usize>(object) !== 0; ) {
      visit(changetype<usize>(object));
      object = list === 0 ? changetype<Kobject>(0) : object.nextDying;
    }
  }
  for (let ec = firstForgotten(); changetype<usize>(ec) !== 0; ec = ec.nextForgotten) {
    visit(changetype<usize>(ec));
  }
  for (let level: u32 = 1; level < 4; level++) {
    for (let table = firstDetachedTable(level); table !== 0; table = linkedPage(table)) {
      visitDetachedTable(table, level);
    }
  }
  while (workCount !== 0 && wrong === 0) {
    workCount--;
    visitObject(changetype<Kobject>(<usize>load<u32>(work + (workCount << 2))));
  }

  for (let i: usize = 0; i < mappedCount; i++) {
    const page = <usize>load<u32>(work + (SLOTS << 2) - ((i + 1) << 2));
    if (load<u8>(pageSlot(page)) !== UTCB) fail(STRAY_MAPPING, page);
  }
  for (let page: usize = poolStart(); page < poolEnd() && wrong === 0; page += PAGE_BYTES) {
    const owner = load<u8>(pageSlot(page));
    if (owner === SLAB) checkSlab(page);
    else if (owner === NONE) {
      if (baseline) store<u8>(pageSlot(page), PERMANENT);
      else fail(NO_OWNER, page);
    }
  }
  return wrong;
}

/** Free pages, as the kernel counts them. */
export function available_pages(): u32 {
  return availablePages();
}
