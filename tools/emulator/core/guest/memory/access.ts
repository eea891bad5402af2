// Access to linear memory: inline fast paths through the TLB and the slow paths behind them. Follows Intel SDM
// vol. 3A, 4.10 and vol. 1, 3.3.7 (canonical addresses).

import { PAGE_MMIO, PAGE_RAM } from "../../protocol";
import {
  FAULT_AGAIN,
  PAGE_CODEBITS,
  PAGE_CODEMAP,
  PAGE_HOST,
  RAM_BASE,
  S_COARSE,
  S_CPU,
  S_EFER,
  S_FAULT,
  S_LIN_MASK,
  S_TLB,
  S_WRAPPING,
  TLB_ADDEND,
  TLB_CODEMAP,
  TLB_EXEC,
  TLB_LOG_LENGTH,
  TLB_LOG_STRIDE,
  TLB_LOGS,
  TLB_READ,
  TLB_WRITE,
} from "../../state";
import { EFER_LMA, NO_ADDRESS, PAGE_MASK } from "../processor/control_bits";
import { raiseCode } from "../processor/fault";
import { noteData } from "../processor/hardware_breakpoints";
import { canonical } from "./canonical";
import { codeMap, holdsCode, unwatchWrites } from "./code_pages";
import { crowded, frameOf, NO_FRAME } from "./high_memory";
import { Host, hostOf, isRam, keepsTime, physicalRead, physicalWrite } from "./physical";
import { EXEC, READ, SYSTEM, WRITE } from "./rights";
import { checksAlignment, clearEntry, noteLargePage, slowOnly, supervisorEntry, Tlb } from "./tlb";
import { noteWrite, UNNOTED, unnoted } from "./video_memory";
import { translate, walkPageBits, walkReadable, walkWritable } from "./walk";
import { noteAccess, watchedPage, watching } from "./watchpoints";

/** #AC(0) for a misaligned user access while CR0.AM and EFLAGS.AC are set. */
export function misaligned(linear: u64, size: i32, access: i32): bool {
  if ((linear & <u64>(size - 1)) == 0 || (access & SYSTEM) != 0 || !checksAlignment()) return false;
  raiseCode(17, 0);
  return true;
}

function fillTlb(linear: u64, physical: u64, access: i32): void {
  if (!slowOnly()) fillEntry(Mem.entry(linear), linear, physical, access);
}

/** Fills an entry of the set that fits the rights of the access which has just been translated. */
function fillEntry(e: usize, linear: u64, physical: u64, access: i32): void {
  const frame = frameOf(physical);
  if (frame == NO_FRAME) return;
  const page = load<u32>(PAGE_HOST + (frame << 2));
  const kind = page & 3;
  if (kind == PAGE_MMIO) return;
  const tag = linear & PAGE_MASK;
  const r = load<u64>(e, TLB_READ);
  const w = load<u64>(e, TLB_WRITE);
  const x = load<u64>(e, TLB_EXEC);
  const addend = (page & 0xfffff000) - <u32>tag;
  if ((r & w & x) == 1) {
    const log = TLB_LOGS + load<i32>(S_CPU) * TLB_LOG_STRIDE;
    let count = load<u32>(log) + 1;
    if (count > <u32>TLB_LOG_LENGTH) count = TLB_LOG_LENGTH + 1;
    else store<u32>(log + (count << 2), e);
    store<u32>(log, count);
  } else if (
    (r != 1 && r != tag) ||
    (w != 1 && (w & PAGE_MASK) != tag) ||
    (x != 1 && x != tag) ||
    load<u32>(e, TLB_ADDEND) != addend
  ) {
    clearEntry(e);
  }
  if (walkPageBits != 12) noteLargePage(linear, walkPageBits);
  store<u32>(e, addend, TLB_ADDEND);
  if ((access & EXEC) != 0) {
    store<u64>(e, tag, TLB_EXEC);
    store<u32>(e, codeMap(frame), TLB_CODEMAP);
    return;
  }
  if (watching != 0 && watchedPage(tag)) return;
  if (walkReadable) store<u64>(e, tag, TLB_READ);
  if (!walkWritable || kind != PAGE_RAM) return;
  if (load<u64>(PAGE_CODEBITS + (frame << 3)) == 0) {
    unwatchWrites(frame);
    if ((access & WRITE) != 0) noteWrite(page);
    store<u64>(e, unnoted(page) ? tag | UNNOTED : tag, TLB_WRITE);
  } else if ((page & 0xfffff000) == RAM_BASE + (frame << 12))
    store<u64>(e, tag | BESIDE_CODE, TLB_WRITE);
}

/** In a write tag: the page can be written, but holds code, so that the fast path must not match. */
const BESIDE_CODE: u64 = 2;

/**
 * A write of `size` bytes to a page that the TLB knows, but not for fast paths: it holds code, or the write is to be
 * noted. False if the TLB does not know it.
 */
function writeKnown(linear: u64, size: i32, value: u64): bool {
  const host = knownWritable(linear, size);
  if (host != 0) {
    Host.store(host, size, value);
    return true;
  }
  const e = Mem.entry(linear);
  const tag = (linear + <u64>size - 1) & PAGE_MASK;
  if (load<u64>(e, TLB_WRITE) != (tag | BESIDE_CODE)) return false;
  physicalWrite(<u64>(<u32>linear + load<u32>(e, TLB_ADDEND) - RAM_BASE), size, value);
  return true;
}

/**
 * Host address of `linear`, if the TLB knows that `size` bytes of one page can be written there; otherwise 0. It is the
 * way of accesses whose fast path has not matched: a page that is to be noted is noted, and matches from now on.
 */
export function knownWritable(linear: u64, size: i32): usize {
  const e = Mem.entry(linear);
  const page = (linear + <u64>size - 1) & PAGE_MASK;
  const tag = load<u64>(e, TLB_WRITE);
  if ((tag & ~UNNOTED) != page) return 0;
  const host = <u32>linear + load<u32>(e, TLB_ADDEND);
  if (tag != page) {
    noteWrite(host);
    store<u64>(e, page, TLB_WRITE);
  }
  return host;
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
 * Sets the linear address of the last access that wraps around at 4 GiB because its segment's base is not 0. Whether a
 * flat one there faults afterwards is open (SDM vol. 3A, 5.3); a fault ends the permission.
 */
export function setWrapping(linear: u64): void {
  store<u64>(S_WRAPPING, linear);
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
  const inside = last <= mask || linear > mask || linear - load<u64>(S_WRAPPING) < LONGEST;
  if (inside && canonical(linear) && canonical(last & mask)) return true;
  raiseCode(13, 0);
  // A descriptor table is no operand.
  if ((access & SYSTEM) == 0) nonCanonical = true;
  return false;
}

/** Translates for an access of `size` bytes inside one page and fills the TLB. */
function reach(linear: u64, access: i32): u64 {
  if (!canonical(linear)) {
    raiseCode(13, 0);
    return NO_ADDRESS;
  }
  // Before anything more comes into the core's memory, and nothing of it is held yet.
  if (crowded && load<u32>(S_COARSE) != 0 && (access & (EXEC | SYSTEM)) == 0) {
    store<u32>(S_FAULT, FAULT_AGAIN);
    return NO_ADDRESS;
  }
  const physical = translate(linear, access);
  if (physical == NO_ADDRESS) return physical;
  if ((access & SYSTEM) != 0) {
    fillEntry(supervisorEntry(linear), linear, physical, access);
    return physical;
  }
  if (!isRam(physical) && (access & EXEC) == 0 && load<u32>(S_COARSE) != 0) {
    if (keepsTime(physical, access)) {
      store<u32>(S_FAULT, FAULT_AGAIN);
      return NO_ADDRESS;
    }
  }
  fillTlb(linear, physical, access);
  return physical;
}

export function readSlow(linear: u64, size: i32, access: i32): u64 {
  if (load<u32>(S_FAULT) != 0) return 0;
  if (watching != 0) {
    noteAccess(linear, size, 2);
    if (load<u32>(S_FAULT) != 0) return 0;
  }
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
  if ((access & SYSTEM) == 0 && writeKnown(linear, size, value)) return;
  if (watching != 0) {
    noteAccess(linear, size, 1);
    if (load<u32>(S_FAULT) != 0) return;
  }
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
export function probe(linear: u64, size: i32, access: i32, alignment: i32): bool {
  if (load<u32>(S_FAULT) != 0) return false;
  if (!canonicalRange(linear, size, access)) return false;
  if (misaligned(linear, size <= 8 ? size : alignment, access)) return false;
  if (reach(linear, access) == NO_ADDRESS) return false;
  if (watching != 0) {
    noteAccess(linear, size, (access & WRITE) != 0 ? 1 : 2);
    if (load<u32>(S_FAULT) != 0) return false;
  }
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

/** The page frame of code at `linear`, if the TLB has it for fetches: it need not be translated again. Or NO_FRAME. */
export function frameOfCode(linear: u64): u32 {
  const e = Mem.entry(linear);
  const tag = linear & PAGE_MASK;
  if (load<u64>(e, TLB_EXEC) != tag) return NO_FRAME;
  const host = <u32>tag + load<u32>(e, TLB_ADDEND);
  const frame = (host - RAM_BASE) >> 12;
  // Pages that are no RAM lie elsewhere, and so does RAM above 4 GiB.
  const known =
    (load<u32>(PAGE_HOST + (frame << 2)) & 0xfffff000) == host &&
    load<u32>(PAGE_CODEMAP + (frame << 2)) == load<u32>(e, TLB_CODEMAP);
  return known ? frame : NO_FRAME;
}

/** Reads with supervisor rights (descriptor tables, TSS): 1, 2, 4 or 8 bytes. */
export function systemRead(linear: u64, size: i32): u64 {
  return SystemMem.read(linear, size);
}

export function systemWrite(linear: u64, size: i32, value: u64): void {
  writeSlow(linear & linearMask(SYSTEM), size, value, SYSTEM);
}

/**
 * Host address of `linear`, if `length` bytes of its page from page offset `first` on can be read (or written) there as
 * one by one, without a device, a watchpoint or a breakpoint in the debug registers, and hold no decoded code that
 * would be written. Otherwise 0, with #PF pending if the access faults. Does not depend on what the TLB holds.
 */
export function hostOfRun(linear: u64, first: u32, length: u32, access: i32): usize {
  const writes = (access & WRITE) != 0;
  const e = Mem.entry(linear);
  if (writes) {
    const host = knownWritable(linear, 1);
    if (host != 0) return host;
  } else if (load<u64>(e, TLB_READ) == (linear & PAGE_MASK)) {
    return <u32>linear + load<u32>(e, TLB_ADDEND);
  }
  if (slowOnly() || (watching != 0 && watchedPage(linear & PAGE_MASK)) || !canonical(linear))
    return 0;
  const physical = translate(linear, access);
  if (physical == NO_ADDRESS || !isRam(physical)) return 0;
  fillTlb(linear, physical, access);
  if (writes && holdsCode(frameOf(physical), first, length)) return 0;
  const host = hostOf(physical);
  if (writes) noteWrite(host);
  return host;
}

// ---- Fast paths

export class SystemMem {
  /** Reads `size` bytes with supervisor rights, zero-extended; check S_FAULT afterwards. */
  @inline static read(linear: u64, size: i32): u64 {
    const at = linear & linearMask(SYSTEM);
    const e = supervisorEntry(at);
    if (load<u64>(e, TLB_READ) != ((at + <u64>size - 1) & PAGE_MASK) || load<u32>(S_FAULT) != 0)
      return readSlow(at, size, SYSTEM);
    return Host.load(<u32>at + load<u32>(e, TLB_ADDEND), size);
  }

  /** Host address of the `size` bytes at `linear` if the TLB of 64-bit code has them in one page; otherwise 0. */
  @inline static host(linear: u64, size: i32): usize {
    const e = supervisorEntry(linear);
    if (load<u64>(e, TLB_READ) != ((linear + <u64>size - 1) & PAGE_MASK)) return 0;
    return <u32>linear + load<u32>(e, TLB_ADDEND);
  }
}

export class Mem {
  /** TLB entry that `linear` maps to. */
  @inline static entry(linear: u64): usize {
    return load<u32>(S_TLB) + Tlb.offset(linear);
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
  if (load<u32>(S_FAULT) != 0) return 0;
  const host = knownWritable(linear, size);
  if (host != 0) return Host.load(host, size);
  if (!probe(linear, size, WRITE, 1)) return 0;
  return readSlow(linear, size, READ);
}
