// Memory capabilities: pages of a domain's page table. Delegation copies translations with reduced
// rights; there is no record of who got them from whom, as in the reference. The kernel's own domain
// stands for all physical memory the kernel has not claimed.

import { MEM_W, MEM_X, PAGE_SIZE, SUBSPACE_HOST, USER_ADDR } from "./abi";
import { Cpu, cpuById, cpuCount, physicalAddressBits, thisCpu } from "./cpu";
import { sendTlbShootdown } from "./lapic";
import { CPU_TLB_REQUEST, KERNEL_POOL, KERNEL_START } from "./layout";
import { releaseParkedPages } from "./page";
import {
  copySmallPages,
  findMapping,
  foundAttr,
  foundEntry,
  foundOrder,
  foundPhys,
  isExhausted,
  PTE_NODELEG,
  PTE_NX,
  PTE_USER,
  PTE_W,
  PTE_WC,
  passedOn,
  takeExhausted,
  takeStale,
  updateRange,
} from "./page_table";
import { Pd } from "./pd";
import { pieceIsOver, spend } from "./piece";
import { poolEnd, poolStart } from "./pool";
import { yieldScreen } from "./screen";
import { cr3, load64, pause, set_cr3, window } from "./x86";

const ALL_RIGHTS: u64 = PTE_USER | PTE_W;

/** Device pages only the kernel may touch (local APIC, IOAPICs): physical addresses. */
const claimed: usize = memory.data(80);
let claimedCount: u32 = 0;
const MAX_CLAIMED: u32 = 10;
/** The range that all of them lie in, and the framebuffer. */
let claimedFirst: u64 = ~(<u64>0);
let claimedEnd: u64 = 0;

/** The framebuffer's pages, which are write-combining wherever they are mapped. */
let screenFirst: u64 = ~(<u64>0);
let screenEnd: u64 = 0;

/** The page in the kernel's memory that may be read: the HIP. */
let hipPage: u64 = 0;

/** Takes a device page away from user space. */
export function claimDevicePage(address: u64): void {
  if (claimedCount === MAX_CLAIMED) return;
  const page = address & ~(<u64>PAGE_SIZE - 1);
  store<u64>(claimed + (claimedCount << 3), page);
  claimedFirst = min<u64>(claimedFirst, page);
  claimedEnd = max<u64>(claimedEnd, page + PAGE_SIZE);
  claimedCount++;
}

/** Makes the framebuffer at the physical addresses [first, end) write-combining for those who get it. */
export function claimScreen(first: u64, end: u64): void {
  screenFirst = first & ~(<u64>PAGE_SIZE - 1);
  screenEnd = (end + PAGE_SIZE - 1) & ~(<u64>PAGE_SIZE - 1);
  claimedFirst = min<u64>(claimedFirst, screenFirst);
  claimedEnd = max<u64>(claimedEnd, screenEnd);
}

export function setHipPage(address: u64): void {
  hipPage = address;
}

/** Result of `findSource`, like that of `findMapping`. */
let sourcePhys: u64 = 0;
let sourceAttr: u64 = 0;
let sourceOrder: u32 = 0;

/** log2 of the largest aligned block around `at` that does not contain `other`, a different address. */
function orderWithout(at: u64, other: u64): u32 {
  return <u32>(63 - clz<u64>(at ^ other));
}

/** What differs between `at` and the nearest byte of [first, end), beside which it lies: an aligned block is below. */
function difference(at: u64, first: u64, end: u64): u64 {
  return at ^ (at < first ? first : end - 1);
}

/** A block of [first, end), which is the kernel's own but for the information page. */
function findOwn(page: u64, first: u64, end: u64): void {
  if (page === hipPage) {
    sourceAttr = PTE_USER | PTE_NX;
    sourceOrder = 12;
    return;
  }
  sourceOrder = min<u32>(
    orderWithout(page, hipPage),
    min<u32>(orderWithout(page, first - 1), orderWithout(page, end)),
  );
}

/** Narrows the block of a page that lies among devices to those that are nobody's and the framebuffer. */
function findBesideDevices(page: u64): void {
  if (page >= screenFirst && page < screenEnd) {
    sourceAttr |= PTE_WC;
    const other = min<u64>(page ^ (screenFirst - 1), page ^ screenEnd);
    sourceOrder = min<u32>(sourceOrder, <u32>(63 - clz<u64>(other)));
  } else {
    const other = difference(page, screenFirst, screenEnd);
    sourceOrder = min<u32>(sourceOrder, <u32>(63 - clz<u64>(other)));
  }
  for (let i: u32 = 0; i < claimedCount; i++) {
    const device = load<u64>(claimed + (i << 3));
    if (device === page) {
      sourceAttr = 0;
      sourceOrder = 12;
      break;
    }
    sourceOrder = min<u32>(sourceOrder, orderWithout(page, device));
  }
}

/** Finds the largest aligned block around physical address `at` that can be given away, or a hole. */
function findPhysical(at: u64): void {
  const page = at & ~(<u64>PAGE_SIZE - 1);
  if (page >= <u64>poolEnd() && page < claimedFirst) {
    // Most memory: behind the pool, which is behind the image, and before all devices.
    sourceAttr = ALL_RIGHTS;
    const other = min<u64>(page ^ (<u64>poolEnd() - 1), page ^ claimedFirst);
    sourceOrder = <u32>(63 - clz<u64>(other));
    sourcePhys = page & ~(((<u64>1) << (<u64>sourceOrder)) - 1);
    return;
  }
  const limit = physicalAddressBits();
  sourceAttr = 0;
  sourceOrder = limit;
  if (page >> <u64>limit !== 0) {
    sourceOrder = limit;
  } else if (page - KERNEL_START < <u64>(KERNEL_POOL - KERNEL_START)) {
    findOwn(page, KERNEL_START, KERNEL_POOL);
  } else if (page >= <u64>poolStart() && page < <u64>poolEnd()) {
    findOwn(page, poolStart(), poolEnd());
  } else {
    sourceAttr = ALL_RIGHTS;
    let other = difference(page, KERNEL_START, KERNEL_POOL);
    other = min<u64>(other, difference(page, poolStart(), poolEnd()));
    const isOutside = page < claimedFirst || page >= claimedEnd;
    if (isOutside) other = min<u64>(other, difference(page, claimedFirst, claimedEnd));
    sourceOrder = min<u32>(limit - 1, <u32>(63 - clz<u64>(other)));
    if (!isOutside) findBesideDevices(page);
  }
  sourcePhys = page & ~(((<u64>1) << (<u64>sourceOrder)) - 1);
}

function findSource(pd: Pd, at: u64): void {
  if (pd.isKernel) {
    findPhysical(at);
    return;
  }
  findMapping(pd.pageTable, at);
  sourcePhys = foundPhys;
  sourceAttr = foundAttr;
  sourceOrder = foundOrder;
}

/** Page-table attributes for memory permissions; 0 for none. */
function wantedAttr(rights: u32): u64 {
  if (rights === 0) return 0;
  // The memory type is the sender's.
  let attr = PTE_USER | PTE_WC;
  if (rights & MEM_W) attr |= PTE_W;
  if ((rights & MEM_X) === 0) attr |= PTE_NX;
  return attr;
}

function isValidRange(first: u64, order: u32): bool {
  const bytes: u64 = (<u64>1) << (<u64>order);
  if (order >= 47 || (first & (bytes - 1)) !== 0) return false;
  return first < <u64>USER_ADDR && bytes <= <u64>USER_ADDR - first;
}

/**
 * Gives `to` at `rcvBase` what `from` has at `sndBase`, byte addresses of naturally aligned blocks of
 * 2^order bytes; `rights` 0 takes away. Ranges outside user space are ignored, as in the reference. Starts at byte
 * `done` of the block and returns where the piece was over: 2^order if all is done, or memory out (which
 * `takeExhausted` tells).
 */
export function delegateMemory(
  to: Pd,
  from: Pd,
  sndBase: u64,
  rcvBase: u64,
  order: u32,
  rights: u32,
  sub: u32,
  done: u64,
): u64 {
  const bytes: u64 = (<u64>1) << (<u64>order);
  if (to.isKernel || (sub & SUBSPACE_HOST) === 0 || !isValidRange(rcvBase, order)) return bytes;
  // What a message says can have changed between two pieces.
  done &= ~(<u64>PAGE_SIZE - 1);
  if (done >= bytes) return bytes;
  const wanted = wantedAttr(rights);
  takeExhausted();
  if (wanted === 0) {
    done += updateRange(to.pageTable, rcvBase + done, bytes - done, 0, 0);
    if (isExhausted()) done = bytes;
  } else if (!isValidRange(sndBase, order)) return bytes;
  else {
    if (from.isKernel) yieldScreen(sndBase, bytes);
    done = copyMappings(to, from, sndBase, rcvBase, bytes, wanted, done);
  }
  if (takeStale()) shootdown(to);
  releaseParkedPages();
  return done;
}

function copyMappings(
  to: Pd,
  from: Pd,
  sndBase: u64,
  rcvBase: u64,
  bytes: u64,
  wanted: u64,
  done: u64,
): u64 {
  do {
    const at = sndBase + done;
    const target = rcvBase + done;
    findSource(from, at);
    const blockBytes: u64 = (<u64>1) << (<u64>sourceOrder);
    const offset = at & (blockBytes - 1);
    const step = min<u64>(blockBytes - offset, bytes - done);
    spend(100);
    if (sourceOrder === 12 && !from.isKernel) {
      const pages = <u32>min<u64>((bytes - done) >> 12, 512);
      done += (<u64>copySmallPages(to.pageTable, target, foundEntry, pages, wanted)) << 12;
    } else {
      const attr = passedOn(sourceAttr, wanted);
      done += updateRange(to.pageTable, target, step, sourcePhys + offset, attr);
    }
    if (isExhausted()) return bytes;
  } while (done < bytes && !pieceIsOver());
  return done;
}

/** Maps a page of the kernel's pool (a UTCB) that the domain cannot pass on; false when memory is out. */
export function mapKernelPage(pd: Pd, address: u64, page: usize): bool {
  const attr = PTE_USER | PTE_W | PTE_NX | PTE_NODELEG;
  takeExhausted();
  updateRange(pd.pageTable, address, PAGE_SIZE, <u64>page, attr);
  if (takeStale()) shootdown(pd);
  releaseParkedPages();
  return !takeExhausted();
}

/** Removes a page mapped by mapKernelPage, unless something else has taken its place. */
export function unmapKernelPage(pd: Pd, address: u64, page: usize): void {
  findMapping(pd.pageTable, address);
  if (foundAttr === 0 || foundPhys !== <u64>page) return;
  updateRange(pd.pageTable, address, PAGE_SIZE, 0, 0);
  if (takeStale()) shootdown(pd);
  releaseParkedPages();
}

/**
 * Makes every CPU forget stale translations of `pd`: those that run it before this function returns, the
 * others before they do.
 */
function shootdown(pd: Pd): void {
  const self = thisCpu();
  pd.staleOn = ~(<u64>0);
  if (self.pd === pd) {
    // Bit 63 is read as 0: everything of the number loaded is dropped.
    set_cr3(cr3());
    pd.staleOn &= ~((<u64>1) << self.id);
  }
  // All are asked before the first is waited for: what a virtual CPU takes that the host does not run just then
  // does not come on top of what the others take.
  let asked: u64 = 0;
  for (let i: u32 = 0; i < cpuCount(); i++) {
    const cpu: Cpu = cpuById(i);
    if (cpu === self || !cpu.online || cpu.pd !== pd) continue;
    cpu.tlbRequest = 1;
    sendTlbShootdown(cpu);
    asked |= (<u64>1) << cpu.id;
  }
  for (let i: u32 = 0; i < cpuCount(); i++) {
    // The stub on the other side answers from user mode and while it waits for the kernel lock.
    const request = window() + <u64>(changetype<usize>(cpuById(i)) + CPU_TLB_REQUEST);
    while (load64(request) !== 0) pause();
  }
  pd.staleOn &= ~asked;
}
