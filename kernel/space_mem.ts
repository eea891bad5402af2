// Memory capabilities: pages of a domain's page table. Delegation copies translations with reduced
// rights; there is no record of who got them from whom, as in the reference. The kernel's own domain
// stands for all physical memory the kernel has not claimed.

import { MEM_W, MEM_X, PAGE_SIZE, SUBSPACE_HOST, USER_ADDR } from "./abi";
import { Cpu, cpuById, cpuCount, physicalAddressBits, thisCpu } from "./cpu";
import { sendTlbShootdown } from "./lapic";
import { CPU_TLB_REQUEST, KERNEL_END, KERNEL_START } from "./layout";
import { releaseParkedPages } from "./page";
import {
  findMapping,
  foundAttr,
  foundOrder,
  foundPhys,
  PTE_NODELEG,
  PTE_NX,
  PTE_P,
  PTE_U,
  PTE_USER,
  PTE_W,
  updateRange,
} from "./page_table";
import { Pd } from "./pd";
import { yieldScreen } from "./vga_text";
import { cr3, load64, pause, set_cr3, window } from "./x86";

const ALL_RIGHTS: u64 = PTE_USER | PTE_W;

/** Device pages only the kernel may touch (local APIC, IOAPICs): physical addresses. */
const claimed: usize = memory.data(80);
let claimedCount: u32 = 0;
const MAX_CLAIMED: u32 = 10;

/** The page in the kernel's memory that may be read: the HIP. */
let hipPage: u64 = 0;

/** Takes a device page away from user space. */
export function claimDevicePage(address: u64): void {
  if (claimedCount === MAX_CLAIMED) return;
  store<u64>(claimed + (claimedCount << 3), address & ~(<u64>PAGE_SIZE - 1));
  claimedCount++;
}

export function setHipPage(address: u64): void {
  hipPage = address;
}

function touchesKernel(first: u64, order: u32): bool {
  const end = first + ((<u64>1) << (<u64>order));
  if (first < <u64>KERNEL_END && end > <u64>KERNEL_START) return true;
  for (let i: u32 = 0; i < claimedCount; i++) {
    const page = load<u64>(claimed + (i << 3));
    if (page >= first && page < end) return true;
  }
  return false;
}

/** Result of `findSource`, like that of `findMapping`. */
let sourcePhys: u64 = 0;
let sourceAttr: u64 = 0;
let sourceOrder: u32 = 0;

/** Finds the largest aligned block around physical address `at` that can be given away, or a hole. */
function findPhysical(at: u64): void {
  const limit = physicalAddressBits();
  sourceOrder = 12;
  sourcePhys = at & ~(<u64>PAGE_SIZE - 1);
  if (sourcePhys >> <u64>limit !== 0) {
    sourceAttr = 0;
    sourceOrder = limit;
    return;
  }
  if (touchesKernel(sourcePhys, 12)) {
    sourceAttr = sourcePhys === hipPage ? PTE_USER | PTE_NX : 0;
    return;
  }
  sourceAttr = ALL_RIGHTS;
  while (sourceOrder + 1 < limit) {
    const order = sourceOrder + 1;
    const first = at & ~(((<u64>1) << (<u64>order)) - 1);
    if (touchesKernel(first, order)) break;
    sourceOrder = order;
    sourcePhys = first;
  }
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
  if (sourceAttr & PTE_NODELEG || (sourceAttr & PTE_U) === 0) sourceAttr = 0;
}

/** Page-table attributes for memory permissions; 0 for none. */
function wantedAttr(rights: u32): u64 {
  if (rights === 0) return 0;
  let attr = PTE_USER;
  if (rights & MEM_W) attr |= PTE_W;
  if ((rights & MEM_X) === 0) attr |= PTE_NX;
  return attr;
}

function mergeAttr(source: u64, wanted: u64): u64 {
  if ((source & wanted & PTE_P) === 0) return 0;
  return PTE_USER | (source & wanted & PTE_W) | ((source | wanted) & PTE_NX);
}

function isValidRange(first: u64, order: u32): bool {
  const bytes: u64 = (<u64>1) << (<u64>order);
  if (order >= 47 || (first & (bytes - 1)) !== 0) return false;
  return first < <u64>USER_ADDR && bytes <= <u64>USER_ADDR - first;
}

/**
 * Gives `to` at `rcvBase` what `from` has at `sndBase`, byte addresses of naturally aligned blocks of
 * 2^order bytes; `rights` 0 takes away. Ranges outside user space are ignored, as in the reference.
 */
export function delegateMemory(
  to: Pd,
  from: Pd,
  sndBase: u64,
  rcvBase: u64,
  order: u32,
  rights: u32,
  sub: u32,
): void {
  if (to.isKernel || (sub & SUBSPACE_HOST) === 0) return;
  if (!isValidRange(rcvBase, order)) return;
  const bytes: u64 = (<u64>1) << (<u64>order);
  const wanted = wantedAttr(rights);
  let stale = false;
  if (wanted === 0) {
    stale = updateRange(to.pageTable, rcvBase, bytes, 0, 0);
  } else {
    if (!isValidRange(sndBase, order)) return;
    if (from.isKernel) yieldScreen(sndBase, bytes);
    const end = sndBase + bytes;
    let at = sndBase;
    while (at < end) {
      findSource(from, at);
      const blockBytes: u64 = (<u64>1) << (<u64>sourceOrder);
      const offset = at & (blockBytes - 1);
      const rest = blockBytes - offset;
      const step = min<u64>(rest, end - at);
      const attr = mergeAttr(sourceAttr, wanted);
      if (updateRange(to.pageTable, at - sndBase + rcvBase, step, sourcePhys + offset, attr)) {
        stale = true;
      }
      at += step;
    }
  }
  if (stale) shootdown(to);
  releaseParkedPages();
}

/** Removes all rights to a block of 2^order pages. */
export function revokeMemory(pd: Pd, page: u64, order: u32): void {
  const address = page << 12;
  delegateMemory(pd, pd, address, address, order + 12, 0, SUBSPACE_HOST);
}

/** Maps a page of the kernel's pool (a UTCB) that the domain cannot pass on; false when memory is out. */
export function mapKernelPage(pd: Pd, address: u64, page: usize): bool {
  const attr = PTE_USER | PTE_W | PTE_NX | PTE_NODELEG;
  if (updateRange(pd.pageTable, address, PAGE_SIZE, <u64>page, attr)) shootdown(pd);
  releaseParkedPages();
  findMapping(pd.pageTable, address);
  return foundPhys === <u64>page;
}

/** Removes a page mapped by mapKernelPage, unless something else has taken its place. */
export function unmapKernelPage(pd: Pd, address: u64, page: usize): void {
  findMapping(pd.pageTable, address);
  if (foundAttr === 0 || foundPhys !== <u64>page) return;
  if (updateRange(pd.pageTable, address, PAGE_SIZE, 0, 0)) shootdown(pd);
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
