// Guest memory: software TLB, page walks, slow paths of reads and writes, tracking of pages that hold
// decoded code. Follows Intel SDM vol. 3A, chapter 4 (32-bit, PAE and 4-level paging, faults 4.7).
// Leaves out: memory types (all accesses are coherent), 57-bit addresses, protection keys.

import {
  ARENA,
  ARENA_END,
  DEBUG_WATCHPOINTS,
  EVENT_CODE_FLUSH,
  FAULT_ERROR,
  FAULT_SET,
  PAGE_CODEBITS,
  PAGE_CODEMAP,
  PAGE_HOST,
  S_BUDGET,
  S_CPL,
  S_CPU,
  S_CR0,
  S_CR2,
  S_CR3,
  S_CR4,
  S_EFER,
  S_EFLAGS,
  S_EVENTS,
  S_FAULT,
  S_FAULT_CODE,
  S_LIN_MASK,
  S_PDPTE,
  S_RESERVE,
  S_STOP,
  S_TLB,
  TLB_ADDEND,
  TLB_CODEMAP,
  TLB_CPU_SIZE,
  TLB_ENTRIES,
  TLB_ENTRY_SIZE,
  TLB_EXEC,
  TLB_LOG_STRIDE,
  TLB_LOGS,
  TLB_READ,
  TLB_SET_SIZE,
  TLB_WRITE,
  TLBS,
} from "../state";
import { apicBasePage, apicRead, apicWrite } from "./apic";
import { mmio_read, mmio_write } from "./env";
import { AC } from "./flags";
import { noteData, watchesData } from "./hardware_breakpoints";

export const PAGE_MASK: u64 = 0xfffffffffffff000;
/** Physical address width reported by CPUID leaf 0x80000008. */
export const PHYSICAL_BITS: i32 = 39;
const PHYSICAL_MASK: u64 = 0x7fffffffff;
const FRAME_MASK: u64 = 0x7ffffff000;
const NX: u64 = 0x8000000000000000;

export const READ: i32 = 0;
export const WRITE: i32 = 1;
export const EXEC: i32 = 2;
/** Supervisor access whatever the CPL: descriptor tables, TSS. */
export const SYSTEM: i32 = 4;

/** Returned by `translate` when a fault is pending. */
export const NO_ADDRESS: u64 = 0xffffffffffffffff;

const CR0_WP: u64 = 0x10000;
const CR0_AM: u64 = 0x40000;
const CR0_PG: u64 = 0x80000000;
const CR4_PSE: u64 = 0x10;
const CR4_PAE: u64 = 0x20;
const CR4_SMEP: u64 = 0x100000;
const CR4_SMAP: u64 = 0x200000;
const EFER_LMA: u64 = 0x400;
const EFER_NXE: u64 = 0x800;

export let cpuCount: i32 = 1;
export function setCpuCount(n: i32): void {
  cpuCount = n;
}

/** Makes an exception pending. The first one wins: an instruction raises one fault. */
export function raise(vector: u32): void {
  if (load<u32>(S_FAULT) == 0) store<u32>(S_FAULT, FAULT_SET | vector);
}

export function raiseCode(vector: u32, code: u32): void {
  if (load<u32>(S_FAULT) == 0) {
    store<u32>(S_FAULT, FAULT_SET | FAULT_ERROR | vector);
    store<u32>(S_FAULT_CODE, code);
  }
}

/** Makes the CPU leave its blocks at the next block end. */
export function leaveSoon(): void {
  store<i32>(S_RESERVE, load<i32>(S_RESERVE) + load<i32>(S_BUDGET));
  store<i32>(S_BUDGET, 0);
}

/** Makes the CPU leave after the current instruction. */
export function leaveNow(): void {
  store<u32>(S_STOP, 1);
  leaveSoon();
}

// ---- Physical memory

/** Host address of a physical address in RAM or ROM, or 0. */
export function hostOf(physical: u64): usize {
  if (physical >> 32 != 0) return 0;
  const page = load<u32>(PAGE_HOST + ((<u32>(physical >> 12)) << 2));
  if ((page & 3) == 0) return 0;
  return (page & 0xfffff000) + (<u32>physical & 0xfff);
}

function physicalRead64(physical: u64): u64 {
  const h = hostOf(physical);
  return h != 0 ? load<u64>(h) : 0;
}

function physicalRead32(physical: u64): u32 {
  const h = hostOf(physical);
  return h != 0 ? load<u32>(h) : 0;
}

/** Sets accessed and dirty bits in a paging-structure entry. */
function physicalOr(physical: u64, bits: u32): void {
  const h = hostOf(physical);
  if (h == 0) return;
  const v = load<u32>(h);
  if ((v & bits) != bits) {
    store<u32>(h, v | bits);
    codeWritten(physical, 4);
  }
}

/** Reads a device or unmapped memory; `size` 1, 2, 4 or 8, inside one page. */
export function physicalRead(physical: u64, size: i32): u64 {
  const h = hostOf(physical);
  if (h != 0) {
    if (size == 8) return load<u64>(h);
    if (size == 4) return <u64>load<u32>(h);
    if (size == 2) return <u64>load<u16>(h);
    return <u64>load<u8>(h);
  }
  if (physical >> 32 != 0) return 0xffffffffffffffff;
  const address = <u32>physical;
  const cpu = load<i32>(S_CPU);
  if ((physical & PAGE_MASK) == apicBasePage()) {
    let v = <u64>apicRead(address & 0xfff) >> (<u64>(address & 3) * 8);
    if (size == 8) v |= (<u64>apicRead((address + 4) & 0xfff)) << 32;
    return v;
  }
  if (<i32>(address & 3) + size <= 4) return <u64>mmio_read(cpu, address, size);
  let v: u64 = 0;
  let done = 0;
  while (done < size) {
    const at = address + done;
    let part = size - done;
    if (part > 4 - <i32>(at & 3)) part = 4 - <i32>(at & 3);
    if (part == 3) part = (at & 1) != 0 ? 1 : 2;
    const bits = <u64>mmio_read(cpu, at, part) & (((<u64>1) << (<u64>part * 8)) - 1);
    v |= bits << (<u64>done * 8);
    done += part;
  }
  return v;
}

/** Writes RAM (with code tracking), a device, or ROM (goes to the platform); inside one page. */
export function physicalWrite(physical: u64, size: i32, value: u64): void {
  if (physical >> 32 != 0) return;
  const page = load<u32>(PAGE_HOST + ((<u32>(physical >> 12)) << 2));
  if ((page & 3) == 1) {
    const h = (page & 0xfffff000) + (<u32>physical & 0xfff);
    if (size == 8) store<u64>(h, value);
    else if (size == 4) store<u32>(h, <u32>value);
    else if (size == 2) store<u16>(h, <u16>value);
    else store<u8>(h, <u8>value);
    codeWritten(physical, size);
    return;
  }
  const address = <u32>physical;
  const cpu = load<i32>(S_CPU);
  if ((physical & PAGE_MASK) == apicBasePage()) {
    apicWrite(address & 0xfff, <u32>value);
    if (size == 8) apicWrite((address + 4) & 0xfff, <u32>(value >> 32));
    return;
  }
  let done = 0;
  while (done < size) {
    const at = address + done;
    let part = size - done;
    if (part > 4 - <i32>(at & 3)) part = 4 - <i32>(at & 3);
    if (part == 3) part = (at & 1) != 0 ? 1 : 2;
    const bits = (value >> (<u64>done * 8)) & (((<u64>1) << (<u64>part * 8)) - 1);
    mmio_write(cpu, at, part, <u32>bits);
    done += part;
  }
}

// ---- Decoded code in pages

/** Next free byte of the block arena. */
export let arenaTop: usize = ARENA;
/** Incremented by every arena flush; links between blocks are valid within one generation. */
export let arenaGeneration: u32 = 0;

/** Takes `size` bytes from the arena; the caller has made sure that they are there. */
export function arenaTake(size: usize): usize {
  const at = arenaTop;
  arenaTop = (at + size + 15) & ~15;
  return at;
}

export function arenaFree(): usize {
  return ARENA_END - arenaTop;
}

/** Drops all decoded code. */
export function arenaFlush(): void {
  memory.fill(PAGE_CODEMAP, 0, 0x400000);
  memory.fill(PAGE_CODEBITS, 0, 0x800000);
  arenaTop = ARENA;
  arenaGeneration++;
  flushAllCpus();
}

/** Code map of a page frame, made on first use. */
export function codeMap(frame: u32): usize {
  const slot = PAGE_CODEMAP + (frame << 2);
  let map = load<u32>(slot);
  if (map == 0) {
    map = arenaTake(0x4000);
    memory.fill(map, 0, 0x4000);
    store<u32>(slot, map);
  }
  return map;
}

/** Bits of the code bitmap for `length` bytes at page offset `offset`. */
function chunkBits(offset: u32, length: u32): u64 {
  const first = offset >> 6;
  let last = (offset + length - 1) >> 6;
  if (last > 63) last = 63;
  return (<u64>-1 >> (63 - <u64>(last - first))) << (<u64>first);
}

/** Marks bytes as decoded: writes to their page take the slow path from now on. */
export function markCode(frame: u32, offset: u32, length: u32): void {
  const slot = PAGE_CODEBITS + (frame << 3);
  const old = load<u64>(slot);
  store<u64>(slot, old | chunkBits(offset, length));
  if (old == 0) dropWriteTags(frame);
}

function dropWriteTags(frame: u32): void {
  const host = load<u32>(PAGE_HOST + (frame << 2)) & 0xfffff000;
  for (let cpu = 0; cpu < cpuCount; cpu++) {
    const log = TLB_LOGS + cpu * TLB_LOG_STRIDE;
    const count = load<u32>(log);
    if (count <= 2047) {
      for (let i: u32 = 1; i <= count; i++) dropWriteTag(load<u32>(log + (i << 2)), host);
    } else {
      const base = TLBS + cpu * TLB_CPU_SIZE;
      for (let e: usize = base; e < <usize>(base + TLB_CPU_SIZE); e += TLB_ENTRY_SIZE)
        dropWriteTag(e, host);
    }
  }
}

function dropWriteTag(e: usize, host: u32): void {
  const tag = load<u64>(e, TLB_WRITE);
  if (tag != 1 && <u32>tag + load<u32>(e, TLB_ADDEND) == host) store<u64>(e, 1, TLB_WRITE);
}

/** RAM at `physical` has changed: drops blocks decoded from there. `length` stays inside the page. */
export function codeWritten(physical: u64, length: u32): void {
  const frame = <u32>(physical >> 12);
  const slot = PAGE_CODEBITS + (frame << 3);
  const bits = load<u64>(slot);
  if (bits == 0) return;
  if ((bits & chunkBits(<u32>physical & 0xfff, length)) == 0) return;
  dropCode(frame);
}

/** Drops all blocks of a page. */
export function dropCode(frame: u32): void {
  store<u64>(PAGE_CODEBITS + (frame << 3), 0);
  const map = load<u32>(PAGE_CODEMAP + (frame << 2));
  if (map != 0) memory.fill(map, 0, 0x4000);
  store<u32>(S_EVENTS, load<u32>(S_EVENTS) | EVENT_CODE_FLUSH);
  leaveNow();
}

// ---- TLB

/** Drops all translations of the CPU that executes. */
export function flushTlb(): void {
  flushCpuTlb(load<i32>(S_CPU));
}

function flushCpuTlb(cpu: i32): void {
  const log = TLB_LOGS + cpu * TLB_LOG_STRIDE;
  const count = load<u32>(log);
  if (count <= 2047) {
    for (let i: u32 = 1; i <= count; i++) clearEntry(load<u32>(log + (i << 2)));
  } else {
    const base = TLBS + cpu * TLB_CPU_SIZE;
    for (let e: usize = base; e < <usize>(base + TLB_CPU_SIZE); e += TLB_ENTRY_SIZE) clearEntry(e);
  }
  store<u32>(log, 0);
}

export function flushAllCpus(): void {
  for (let i = 0; i < cpuCount; i++) flushCpuTlb(i);
}

/** Empties a TLB that has never been used (zeroed memory would match linear page 0). */
export function initTlb(cpu: i32): void {
  store<u32>(TLB_LOGS + cpu * TLB_LOG_STRIDE, 0xffff);
  flushCpuTlb(cpu);
}

function clearEntry(e: usize): void {
  store<u64>(e, 1, TLB_READ);
  store<u64>(e, 1, TLB_WRITE);
  store<u64>(e, 1, TLB_EXEC);
}

/** INVLPG: drops one page from all sets of the CPU that executes. */
export function flushPage(linear: u64): void {
  const base = TLBS + load<i32>(S_CPU) * TLB_CPU_SIZE;
  const index = (<u32>(linear >> 12) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
  for (let set = 0; set < 4; set++) {
    const e = base + set * TLB_SET_SIZE + index;
    clearEntry(e);
  }
}

/** The TLB set that fits CPL, SMAP and EFLAGS.AC, or the empty one. */
export function selectTlb(): void {
  let set = 0;
  if (checksAlignment() || watchesData()) set = 3;
  else if (load<u32>(S_CPL) == 3) set = 1;
  else if ((load<u64>(S_CR4) & CR4_SMAP) != 0 && (load<u32>(S_EFLAGS) & AC) != 0) set = 2;
  store<u32>(S_TLB, TLBS + load<i32>(S_CPU) * TLB_CPU_SIZE + set * TLB_SET_SIZE);
}

/** Set 3 stays empty, so that every access passes the alignment and breakpoint checks of the slow paths. */
function slowOnly(): bool {
  return (
    load<u32>(S_TLB) == TLBS + <usize>(load<i32>(S_CPU) * TLB_CPU_SIZE) + <usize>(3 * TLB_SET_SIZE)
  );
}

/** #AC(0) for a misaligned user access while CR0.AM and EFLAGS.AC are set. */
export function misaligned(linear: u64, size: i32, access: i32): bool {
  if ((linear & <u64>(size - 1)) == 0 || (access & SYSTEM) != 0 || !checksAlignment()) return false;
  raiseCode(17, 0);
  return true;
}

/** Whether misaligned user accesses raise #AC. */
export function checksAlignment(): bool {
  return (
    load<u32>(S_CPL) == 3 && (load<u32>(S_EFLAGS) & AC) != 0 && (load<u64>(S_CR0) & CR0_AM) != 0
  );
}

// ---- Watchpoints (see debugger.ts)

/** Number of watchpoints. */
export let watching: i32 = 0;
export function setWatching(n: i32): void {
  watching = n;
}
/** 1 + number of the watchpoint hit by the current instruction, 0 for none. */
export let watchHit: u32 = 0;
export function clearWatchHit(): void {
  watchHit = 0;
}

function watchedPage(tag: u64): bool {
  for (let i = 0; i < watching; i++) {
    const at = DEBUG_WATCHPOINTS + (i << 4);
    const first = load<u64>(at);
    if ((first & PAGE_MASK) == tag || ((first + load<u32>(at, 8) - 1) & PAGE_MASK) == tag)
      return true;
  }
  return false;
}

/** Notes an access of kind 1 (write) or 2 (read); the CPU stops after the instruction. */
function noteAccess(linear: u64, size: i32, kind: u32): void {
  for (let i = 0; i < watching; i++) {
    const at = DEBUG_WATCHPOINTS + (i << 4);
    const first = load<u64>(at);
    if ((load<u32>(at, 12) & kind) == 0) continue;
    if (linear + <u64>size <= first || first + <u64>load<u32>(at, 8) <= linear) continue;
    watchHit = i + 1;
    leaveNow();
    return;
  }
}

function fillTlb(linear: u64, physical: u64, access: i32): void {
  if (physical >> 32 != 0 || slowOnly()) return;
  const frame = <u32>(physical >> 12);
  const page = load<u32>(PAGE_HOST + (frame << 2));
  const kind = page & 3;
  if (kind == 0) return;
  const tag = linear & PAGE_MASK;
  const e = load<u32>(S_TLB) + (<u32>(linear >> 12) & (TLB_ENTRIES - 1)) * TLB_ENTRY_SIZE;
  const r = load<u64>(e, TLB_READ);
  const w = load<u64>(e, TLB_WRITE);
  const x = load<u64>(e, TLB_EXEC);
  const addend = (page & 0xfffff000) - <u32>tag;
  if ((r & w & x) == 1) {
    const log = TLB_LOGS + load<i32>(S_CPU) * TLB_LOG_STRIDE;
    let count = load<u32>(log) + 1;
    if (count > 2047) count = 0xffff;
    else store<u32>(log + (count << 2), e);
    store<u32>(log, count);
  } else if (
    (r != 1 && r != tag) ||
    (w != 1 && w != tag) ||
    (x != 1 && x != tag) ||
    load<u32>(e, TLB_ADDEND) != addend
  ) {
    clearEntry(e);
  }
  store<u32>(e, addend, TLB_ADDEND);
  if ((access & EXEC) != 0) {
    store<u64>(e, tag, TLB_EXEC);
    store<u32>(e, codeMap(frame), TLB_CODEMAP);
    return;
  }
  if (watching != 0 && watchedPage(tag)) return;
  if (walkReadable) store<u64>(e, tag, TLB_READ);
  if (walkWritable && kind == 1 && load<u64>(PAGE_CODEBITS + (frame << 3)) == 0)
    store<u64>(e, tag, TLB_WRITE);
}

// ---- Page walk

let walkReadable: bool = false;
/** The walk found the page writable for this access's mode, and its dirty bit set. */
let walkWritable: bool = false;
let a20Mask: u64 = NO_ADDRESS;

export function a20(): u64 {
  return a20Mask;
}

export function setA20(enabled: bool): void {
  a20Mask = enabled ? NO_ADDRESS : ~((<u64>1) << 20);
  flushAllCpus();
}

function pageFault(linear: u64, access: i32, user: bool, code: u32): u64 {
  if (load<u32>(S_FAULT) != 0) return NO_ADDRESS;
  const nx =
    ((load<u64>(S_CR4) & CR4_PAE) != 0 && (load<u64>(S_EFER) & EFER_NXE) != 0) ||
    (load<u64>(S_CR4) & CR4_SMEP) != 0;
  let e = code;
  if ((access & WRITE) != 0) e |= 2;
  if (user) e |= 4;
  if ((access & EXEC) != 0 && nx) e |= 16;
  store<u64>(S_CR2, linear);
  raiseCode(14, e);
  return NO_ADDRESS;
}

/** Whether `linear` is canonical for 48-bit addresses. */
export function canonical(linear: u64): bool {
  return <i64>(linear << 16) >> 16 == <i64>linear;
}

/**
 * Translates one linear address (already canonical or 32-bit) and sets accessed and dirty bits.
 * Returns the physical address, or NO_ADDRESS with #PF pending.
 */
export function translate(linear: u64, access: i32): u64 {
  const user = load<u32>(S_CPL) == 3 && (access & SYSTEM) == 0;
  const cr0 = load<u64>(S_CR0);
  if ((cr0 & CR0_PG) == 0) {
    walkReadable = true;
    walkWritable = true;
    return linear & a20Mask;
  }
  const cr4 = load<u64>(S_CR4);
  const efer = load<u64>(S_EFER);
  const writing = (access & WRITE) != 0;
  let rights: u32 = 6; // U/S and R/W, combined over the levels
  let noExecute: bool = false;
  let entryAddress: u64 = 0;
  let entry: u64 = 0;
  let physical: u64 = 0;
  const nxe = (efer & EFER_NXE) != 0;

  if ((cr4 & CR4_PAE) == 0) {
    // 32-bit paging.
    entryAddress = (load<u64>(S_CR3) & 0xfffff000) + ((linear >> 22) << 2);
    entry = <u64>physicalRead32(entryAddress & a20Mask);
    if ((entry & 1) == 0) return pageFault(linear, access, user, 0);
    if ((entry & 0x80) != 0 && (cr4 & CR4_PSE) != 0) {
      // 4 MiB page; bits 20:13 are address bits 39:32 (PSE-36), bit 21 is reserved.
      if ((entry & 0x200000) != 0 || (((entry >> 13) & 0xff) << 32) >> PHYSICAL_BITS != 0)
        return pageFault(linear, access, user, 9);
      rights &= <u32>entry;
      physical = (entry & 0xffc00000) | (((entry >> 13) & 0xff) << 32) | (linear & 0x3fffff);
    } else {
      rights &= <u32>entry;
      const upper = entryAddress;
      const upperEntry = entry;
      entryAddress = (entry & 0xfffff000) + (((linear >> 12) & 0x3ff) << 2);
      entry = <u64>physicalRead32(entryAddress & a20Mask);
      if ((upperEntry & 0x20) == 0) physicalOr(upper & a20Mask, 0x20);
      if ((entry & 1) == 0) return pageFault(linear, access, user, 0);
      rights &= <u32>entry;
      physical = (entry & 0xfffff000) | (linear & 0xfff);
    }
  } else {
    let level: i32;
    let table: u64;
    const long = (efer & EFER_LMA) != 0;
    const reserved: u64 = ~PHYSICAL_MASK & (nxe ? ~NX : NO_ADDRESS);
    if (long) {
      level = 4;
      table = load<u64>(S_CR3) & FRAME_MASK;
    } else {
      level = 2;
      const pdpte = load<u64>(S_PDPTE + ((<u32>(linear >> 30)) << 3));
      if ((pdpte & 1) == 0) return pageFault(linear, access, user, 0);
      table = pdpte & FRAME_MASK;
    }
    // Bits 51:39 must be 0 everywhere; bits 62:52 are ignored in 4-level, reserved in PAE paging.
    const mustBeZero: u64 = long ? reserved & 0x800fffffffffffff : reserved;
    for (;;) {
      const shift = <u64>(level * 9 + 3);
      entryAddress = table + (((linear >> shift) & 0x1ff) << 3);
      entry = physicalRead64(entryAddress & a20Mask);
      if ((entry & 1) == 0) return pageFault(linear, access, user, 0);
      if ((entry & mustBeZero) != 0) return pageFault(linear, access, user, 9);
      rights &= <u32>entry;
      if (entry >> 63 != 0) noExecute = true;
      if (level == 1) {
        physical = (entry & FRAME_MASK) | (linear & 0xfff);
        break;
      }
      if ((entry & 0x80) != 0) {
        if (level == 4) return pageFault(linear, access, user, 9);
        const low = ((<u64>1) << shift) - 1;
        if ((entry & low & 0x7fffffe000) != 0) return pageFault(linear, access, user, 9);
        physical = (entry & FRAME_MASK & ~low) | (linear & low);
        break;
      }
      if ((entry & 0x20) == 0) physicalOr(entryAddress & a20Mask, 0x20);
      table = entry & FRAME_MASK;
      level--;
    }
  }

  const userPage = (rights & 4) != 0;
  let writable = (rights & 2) != 0;
  let readable = true;
  if (user) {
    if (!userPage) return pageFault(linear, access, user, 1);
  } else {
    if ((cr0 & CR0_WP) == 0) writable = true;
    if (userPage) {
      if ((access & EXEC) != 0) {
        if ((cr4 & CR4_SMEP) != 0) return pageFault(linear, access, user, 1);
      } else if ((cr4 & CR4_SMAP) != 0) {
        const explicitAllowed =
          (access & SYSTEM) == 0 && (load<u32>(S_EFLAGS) & AC) != 0 && load<u32>(S_CPL) != 3;
        if (!explicitAllowed) return pageFault(linear, access, user, 1);
      }
      if ((cr4 & CR4_SMAP) != 0 && (load<u32>(S_EFLAGS) & AC) == 0) readable = false;
    }
  }
  if (writing && !writable) return pageFault(linear, access, user, 1);
  if ((access & EXEC) != 0 && noExecute) return pageFault(linear, access, user, 1);
  const bits: u32 = writing ? 0x60 : 0x20;
  if ((<u32>entry & bits) != bits) physicalOr(entryAddress & a20Mask, bits);
  walkReadable = readable;
  walkWritable = writable && (writing || (entry & 0x40) != 0) && readable;
  return physical & a20Mask;
}

// ---- Slow paths

/** The pending #GP(0) is for a non-canonical address: #SS(0) if the stack segment was used. */
export let nonCanonical: bool = false;
export function clearNonCanonical(): void {
  nonCanonical = false;
}

/**
 * Wrap-around mask of an access. Descriptor tables and stacks of interrupt handlers have 64-bit addresses
 * in compatibility mode too.
 */
function linearMask(access: i32): u64 {
  return (access & SYSTEM) != 0 && (load<u64>(S_EFER) & EFER_LMA) != 0
    ? NO_ADDRESS
    : load<u64>(S_LIN_MASK);
}

/**
 * Linear address of the last access that wraps around at 4 GiB because its segment's base is not 0. Whether a
 * flat one there faults afterwards is open (SDM vol. 3A, 5.3); a fault ends the permission.
 */
let wrapping: u64 = NO_ADDRESS;
export function setWrapping(linear: u64): void {
  wrapping = linear;
}
/** Longest memory operand (FXSAVE). */
const LONGEST: u64 = 512;

/**
 * Whether the first and the last byte are canonical and, outside 64-bit mode, inside a flat segment's 4 GiB;
 * otherwise #GP(0) is pending.
 */
export function canonicalRange(linear: u64, size: i32, access: i32 = READ): bool {
  const mask = linearMask(access);
  const last = linear + <u64>size - 1;
  const inside = last <= mask || linear > mask || linear - wrapping < LONGEST;
  if (inside && canonical(linear) && canonical(last & mask)) return true;
  raiseCode(13, 0);
  nonCanonical = true;
  return false;
}

/** Translates for an access of `size` bytes inside one page and fills the TLB. */
function reach(linear: u64, access: i32): u64 {
  if (!canonical(linear)) {
    raiseCode(13, 0);
    return NO_ADDRESS;
  }
  const physical = translate(linear, access);
  if (physical != NO_ADDRESS && (access & SYSTEM) == 0) fillTlb(linear, physical, access);
  return physical;
}

export function readSlow(linear: u64, size: i32, access: i32): u64 {
  if (load<u32>(S_FAULT) != 0) return 0;
  if (watching != 0) noteAccess(linear, size, 2);
  if (slowOnly() && (access & SYSTEM) == 0) noteData(linear, size, false);
  if (!canonicalRange(linear, size, access) || misaligned(linear, size, access)) return 0;
  const inPage = 0x1000 - <i32>(<u32>linear & 0xfff);
  if (size <= inPage) {
    const physical = reach(linear, access);
    return physical == NO_ADDRESS ? 0 : physicalRead(physical, size);
  }
  const next = (linear + <u64>inPage) & linearMask(access);
  const p0 = reach(linear, access);
  if (p0 == NO_ADDRESS) return 0;
  const p1 = reach(next, access);
  if (p1 == NO_ADDRESS) return 0;
  let v: u64 = 0;
  for (let i = 0; i < size; i++) {
    const p = i < inPage ? p0 + <u64>i : p1 + <u64>(i - inPage);
    v |= physicalRead(p, 1) << (<u64>i * 8);
  }
  return v;
}

export function writeSlow(linear: u64, size: i32, value: u64, access: i32): void {
  if (load<u32>(S_FAULT) != 0) return;
  if (watching != 0) noteAccess(linear, size, 1);
  if (slowOnly() && (access & SYSTEM) == 0) noteData(linear, size, true);
  if (!canonicalRange(linear, size, access) || misaligned(linear, size, access)) return;
  const inPage = 0x1000 - <i32>(<u32>linear & 0xfff);
  if (size <= inPage) {
    const physical = reach(linear, access | WRITE);
    if (physical != NO_ADDRESS) physicalWrite(physical, size, value);
    return;
  }
  const next = (linear + <u64>inPage) & linearMask(access);
  const p0 = reach(linear, access | WRITE);
  if (p0 == NO_ADDRESS) return;
  const p1 = reach(next, access | WRITE);
  if (p1 == NO_ADDRESS) return;
  for (let i = 0; i < size; i++) {
    const p = i < inPage ? p0 + <u64>i : p1 + <u64>(i - inPage);
    physicalWrite(p, 1, (value >> (<u64>i * 8)) & 0xff);
  }
}

/**
 * Makes sure that `size` bytes (up to 4096) can be written (or read) without a fault. Operands of more than
 * 8 bytes have to be aligned only if `alignment` says so. Returns false with the fault pending.
 */
export function probe(linear: u64, size: i32, access: i32, alignment: i32 = 1): bool {
  if (load<u32>(S_FAULT) != 0) return false;
  if (!canonicalRange(linear, size, access)) return false;
  if (misaligned(linear, size <= 8 ? size : alignment, access)) return false;
  if (reach(linear, access) == NO_ADDRESS) return false;
  if (watching != 0) noteAccess(linear, size, (access & WRITE) != 0 ? 1 : 2);
  const inPage = 0x1000 - <i32>(<u32>linear & 0xfff);
  if (size > inPage) {
    const next = (linear + <u64>inPage) & linearMask(access);
    if (reach(next, access) == NO_ADDRESS) return false;
  }
  return true;
}

/** Fetch: physical address of the code byte at `linear`, TLB filled, or NO_ADDRESS with a fault pending. */
export function reachCode(linear: u64): u64 {
  return reach(linear, EXEC);
}

/** Reads with supervisor rights (descriptor tables, TSS). */
export function systemRead(linear: u64, size: i32): u64 {
  return readSlow(linear & linearMask(SYSTEM), size, SYSTEM);
}

export function systemWrite(linear: u64, size: i32, value: u64): void {
  writeSlow(linear & linearMask(SYSTEM), size, value, SYSTEM);
}

// ---- Fast paths

export class Mem {
  /** TLB entry that `linear` maps to. */
  @inline static entry(linear: u64): usize {
    return load<u32>(S_TLB) + ((<u32>(linear >> 12) & (TLB_ENTRIES - 1)) << 5);
  }

  /** Reads T (u8, u16, u32 or u64) zero-extended; check S_FAULT afterwards. */
  @inline static read<T>(linear: u64): u64 {
    const e = Mem.entry(linear);
    if (load<u64>(e, TLB_READ) == ((linear + sizeof<T>() - 1) & PAGE_MASK)) {
      return <u64>load<T>(<u32>linear + load<u32>(e, TLB_ADDEND));
    }
    return readSlow(linear, sizeof<T>(), READ);
  }

  /** Writes the low bytes of `value`; check S_FAULT afterwards. */
  @inline static write<T>(linear: u64, value: u64): void {
    const e = Mem.entry(linear);
    if (load<u64>(e, TLB_WRITE) == ((linear + sizeof<T>() - 1) & PAGE_MASK)) {
      store<T>(<u32>linear + load<u32>(e, TLB_ADDEND), <T>value);
    } else {
      writeSlow(linear, sizeof<T>(), value, READ);
    }
  }

  /** Host address for a read-modify-write inside one ordinary page, or 0: then use readForWrite and write. */
  @inline static writable<T>(linear: u64): usize {
    const e = Mem.entry(linear);
    return load<u64>(e, TLB_WRITE) == ((linear + sizeof<T>() - 1) & PAGE_MASK)
      ? <u32>linear + load<u32>(e, TLB_ADDEND)
      : 0;
  }
}

/** First half of a read-modify-write that misses `Mem.writable`: faults as a write, returns the old value. */
export function readForWrite(linear: u64, size: i32): u64 {
  if (!probe(linear, size, WRITE)) return 0;
  return readSlow(linear, size, READ);
}
