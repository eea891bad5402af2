// The software TLB: choice of the set that fits the rights of the executing CPU, and flushes. Its layout is in
// state.ts, it is filled by access.ts.

import { MAX_CPUS } from "../../protocol";
import {
  LARGE_PAGES,
  LARGE_PAGES_GIB,
  LARGE_PAGES_SIZE,
  NEAR_BANK_SIZE,
  NEAR_BANKS,
  NEAR_LIMIT,
  NEAR_PAGE_SIZE,
  NEAR_PAGES,
  NEAR_SET,
  NEAR_THERE,
  PAGE_HOST,
  S_CPL,
  S_CPU,
  S_CR0,
  S_CR4,
  S_EFLAGS,
  S_TLB,
  TLB_ADDEND,
  TLB_CPU_SIZE,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_EXEC,
  TLB_HASHED,
  TLB_INDEX_BITS,
  TLB_LOG_LENGTH,
  TLB_LOG_STRIDE,
  TLB_LOGS,
  TLB_READ,
  TLB_SET_SIZE,
  TLB_SETS,
  TLB_WRITE,
  TLBS,
} from "../../state";
import { CR0_AM, CR4_SMAP } from "../processor/control_bits";
import { cpuCount } from "../processor/cpus";
import { AC } from "../processor/flags";
import { watchesData } from "../processor/hardware_breakpoints";
import { UNNOTED, videoBase, videoLength } from "./video_memory";

const EMPTY: u32 = TLBS + MAX_CPUS * TLB_CPU_SIZE;

export class Tlb {
  /**
   * Offset in a set of the entry that `linear` maps to. The page number is hashed with the bits above the index, so
   * that buffers at a distance of a power of two do not evict each other. Neighbours never share an entry: accesses look
   * at the entry of their first byte for the page of their last one. So the lowest bit is the page number's.
   */
  @inline static offset(linear: u64): u32 {
    const x = <u32>(linear >> 9);
    return (x ^ ((x >> TLB_INDEX_BITS) & TLB_HASHED)) & ((TLB_ENTRIES - 1) * TLB_ENTRY_SIZE);
  }
}

function setOf(cpu: i32, set: i32): usize {
  return TLBS + cpu * TLB_CPU_SIZE + set * TLB_SET_SIZE;
}

function clearSet(base: usize): void {
  for (let i = 0; i < TLB_ENTRIES; i++) clearEntry(base + i * TLB_ENTRY_SIZE);
}

/** Fast paths do not write to a frame any more. */
export function dropWriteTags(frame: u32): void {
  withdrawWriteTags(load<u32>(PAGE_HOST + (frame << 2)) & 0xfffff000, 1, false);
}

/** The next write to each page of video memory is noted. */
export function unnoteWriteTags(): void {
  withdrawWriteTags(videoBase(), videoLength(), true);
}

/**
 * Takes the write tags away that are for pages which begin at one of `length` host addresses from `first` on, or lets
 * them say that writes are to be noted.
 */
function withdrawWriteTags(first: u32, length: u32, note: bool): void {
  for (let cpu = 0; cpu < cpuCount; cpu++) {
    const log = TLB_LOGS + cpu * TLB_LOG_STRIDE;
    const count = load<u32>(log);
    if (count <= <u32>TLB_LOG_LENGTH) {
      for (let i: u32 = 1; i <= count; i++)
        withdrawWriteTag(load<u32>(log + (i << 2)), first, length, note);
    } else {
      for (let set = 0; set < TLB_SETS; set++) {
        const base = setOf(cpu, set);
        for (let i = 0; i < TLB_ENTRIES; i++)
          withdrawWriteTag(base + i * TLB_ENTRY_SIZE, first, length, note);
      }
    }
  }
}

function withdrawWriteTag(e: usize, first: u32, length: u32, note: bool): void {
  const tag = load<u64>(e, TLB_WRITE);
  if (tag == 1) return;
  if (<u32>(tag & ~UNNOTED) + load<u32>(e, TLB_ADDEND) - first >= length) return;
  forgetNearPages();
  store<u64>(e, note ? tag | UNNOTED : 1, TLB_WRITE);
}

/** Compiled regions look into the TLB again. */
export function forgetNearPages(): void {
  for (let n = 0; n < NEAR_BANKS; n++) forgetNearBank(NEAR_PAGES + n * NEAR_BANK_SIZE);
}

function forgetNearBank(bank: usize): void {
  let there = load<u32>(bank, NEAR_THERE);
  if (there == 0) return;
  store<u32>(bank, 0, NEAR_THERE);
  for (; there != 0; there &= there - 1) {
    const page = bank + <usize>ctz(there) * NEAR_PAGE_SIZE;
    v128.store(page, i64x2.splat(0), NEAR_LIMIT);
    store<u64>(page, 0, NEAR_LIMIT + 16);
  }
}

/** Drops all translations of the CPU that executes. */
export function flushTlb(): void {
  flushCpuTlb(load<i32>(S_CPU));
}

function flushCpuTlb(cpu: i32): void {
  const log = TLB_LOGS + cpu * TLB_LOG_STRIDE;
  const count = load<u32>(log);
  if (count <= <u32>TLB_LOG_LENGTH) {
    for (let i: u32 = 1; i <= count; i++) clearEntry(load<u32>(log + (i << 2)));
  } else {
    for (let set = 0; set < TLB_SETS; set++) clearSet(setOf(cpu, set));
  }
  store<u32>(log, 0);
  memory.fill(largePages(cpu), 0, LARGE_PAGES_SIZE);
}

function largePages(cpu: i32): usize {
  return LARGE_PAGES + cpu * LARGE_PAGES_SIZE;
}

/** A part of a page of 2^`bits` bytes, more than 4 KiB, comes into the TLB of the CPU that executes. */
export function noteLargePage(linear: u64, bits: u64): void {
  const noted = largePages(load<i32>(S_CPU));
  if (bits < 30) {
    const at = noted + <usize>((linear >> 25) & 511);
    const piece = <u32>(linear >> 22) & 7;
    const bit: u32 = 1 << piece;
    store<u8>(at, load<u8>(at) | <u8>bit);
  } else {
    const one: u64 = 1;
    const bit = one << ((linear >> 30) & 63);
    store<u64>(noted, load<u64>(noted, LARGE_PAGES_GIB) | bit, LARGE_PAGES_GIB);
  }
}

export function flushAllCpus(): void {
  for (let i = 0; i < cpuCount; i++) flushCpuTlb(i);
}

/** Empties TLBs that have never been used (zeroed memory would match linear page 0). */
export function initTlbs(): void {
  clearSet(EMPTY);
  for (let cpu = 0; cpu < cpuCount; cpu++) {
    for (let set = 0; set < TLB_SETS; set++) clearSet(setOf(cpu, set));
  }
}

export function clearEntry(e: usize): void {
  forgetNearPages();
  store<u64>(e, 1, TLB_READ);
  store<u64>(e, 1, TLB_WRITE);
  store<u64>(e, 1, TLB_EXEC);
}

/**
 * INVLPG: drops one page from all sets of the CPU that executes; of a large page all parts, whatever maps the address
 * now (Intel SDM vol. 3A, 4.10.4.1).
 */
export function flushPage(linear: u64): void {
  const cpu = load<i32>(S_CPU);
  const noted = largePages(cpu);
  if (((load<u64>(noted, LARGE_PAGES_GIB) >> ((linear >> 30) & 63)) & 1) != 0) {
    flushCpuTlb(cpu);
    return;
  }
  if (((load<u8>(noted + <usize>((linear >> 25) & 511)) >> <u8>((linear >> 22) & 7)) & 1) != 0) {
    const first = linear & ~(<u64>0x3f_ffff);
    for (let page = first; page < first + 0x40_0000; page += 0x1000) dropPage(cpu, page);
  } else dropPage(cpu, linear & ~(<u64>0xfff));
}

/** Drops the entries of one page of 4 KiB. */
function dropPage(cpu: i32, page: u64): void {
  const offset = Tlb.offset(page);
  for (let set = 0; set < TLB_SETS; set++) {
    const e = setOf(cpu, set) + offset;
    if (
      load<u64>(e, TLB_READ) == page ||
      load<u64>(e, TLB_EXEC) == page ||
      (load<u64>(e, TLB_WRITE) & ~(<u64>0xfff)) == page
    )
      clearEntry(e);
  }
}

/**
 * The entry for accesses with supervisor rights that EFLAGS.AC gives no more: those of kernels while it is clear, and those
 * to descriptor tables and the TSS, at any CPL (Intel SDM vol. 3A, 4.6.1).
 */
export function supervisorEntry(linear: u64): usize {
  return setOf(load<i32>(S_CPU), 0) + Tlb.offset(linear);
}

/** The TLB set that fits CPL, SMAP and EFLAGS.AC, or the empty one. */
export function selectTlb(): void {
  let tlb: u32 = EMPTY;
  if (!checksAlignment() && !watchesData()) {
    let set = 0;
    if (load<u32>(S_CPL) == 3) set = 1;
    else if ((load<u64>(S_CR4) & CR4_SMAP) != 0 && (load<u32>(S_EFLAGS) & AC) != 0) set = 2;
    tlb = <u32>setOf(load<i32>(S_CPU), set);
  }
  const bank = NEAR_PAGES + (load<u32>(S_CPL) == 3 ? NEAR_BANK_SIZE : 0);
  if (load<u32>(bank, NEAR_SET) != tlb) {
    forgetNearBank(bank);
    store<u32>(bank, tlb, NEAR_SET);
  }
  store<u32>(S_TLB, tlb);
}

/** The empty set is in use, so that every access passes the alignment and breakpoint checks of the slow paths. */
export function slowOnly(): bool {
  return load<u32>(S_TLB) == EMPTY;
}

/** Whether misaligned user accesses raise #AC. */
export function checksAlignment(): bool {
  return (
    load<u32>(S_CPL) == 3 && (load<u32>(S_EFLAGS) & AC) != 0 && (load<u64>(S_CR0) & CR0_AM) != 0
  );
}
