// Segment registers, descriptors and the processor mode. Follows Intel SDM vol. 3A, chapters 3 and 5.

import {
  KEY_FLAT,
  KEY_SINGLE,
  KEY_STACK32,
  S_CPL,
  S_CR0,
  S_EFER,
  S_EFLAGS,
  S_FAULT,
  S_GDT_BASE,
  S_GDT_LIMIT,
  S_KEY,
  S_LIN_MASK,
  S_SEG,
  S_SHADOW,
  SEG_ATTR,
  SEG_BASE,
  SEG_LIMIT,
  SEG_SELECTOR,
  SEG_STRIDE,
  SEG_VALID,
} from "../../state";
import { GP, NP, raiseCode, SSF } from "../processor/fault";
import { VM } from "../processor/flags";
import { needsSingle } from "../processor/hardware_breakpoints";
import { SystemMem, setWrapping, systemWrite } from "./access";
import { selectTlb } from "./tlb";

/**
 * After a return to less privilege: data segments that are more privileged become null. Only the selector
 * and the rights go; a base stays, as 64-bit code goes on using those of FS and GS.
 */
export function dropInnerSegments(cpl: u32): void {
  // Systems in long mode have them all null, mostly.
  if ((Seg.traces(ES) | Seg.traces(DS) | Seg.traces(FS) | Seg.traces(GS)) == 0) return;
  let dropped = false;
  for (let seg = 0; seg < 6; seg++) {
    if (seg == CS || seg == SS) continue;
    const s = Seg.at(seg);
    const a = load<u32>(s, SEG_ATTR);
    const conforming = (a & 0xc) == 0xc;
    const usable = load<u32>(s, SEG_VALID) != 0;
    if (usable && ((a & ATTR_S) == 0 || conforming || ((a >> 5) & 3) >= cpl)) continue;
    store<u32>(s, 0, SEG_SELECTOR);
    store<u32>(s, 0, SEG_VALID);
    dropped = true;
  }
  // What data segments are is nothing that 64-bit code depends on.
  if (dropped && !code64()) updateMode();
}

export function setVm86Segment(seg: i32, selector: u32): void {
  setSegment(seg, selector, <u64>(selector << 4), 0xffff, 0xf3);
}

export const ES: i32 = 0;
export const CS: i32 = 1;
export const SS: i32 = 2;
export const DS: i32 = 3;
export const FS: i32 = 4;
export const GS: i32 = 5;
export const LDTR: i32 = 6;
export const TR: i32 = 7;

/** A non-canonical address that no TLB entry matches: accesses there do nothing while a fault is pending. */
export const NOWHERE: u64 = 0x8000000000000000;

export const ATTR_S: u32 = 0x10;
export const ATTR_P: u32 = 0x80;
export const ATTR_L: u32 = 0x2000;
export const ATTR_DB: u32 = 0x4000;
export const ATTR_G: u32 = 0x8000;

export class Seg {
  @inline static at(seg: i32): usize {
    return S_SEG + <usize>(seg * SEG_STRIDE);
  }
  @inline static base(seg: i32): u64 {
    return load<u64>(Seg.at(seg), SEG_BASE);
  }
  @inline static limit(seg: i32): u32 {
    return load<u32>(Seg.at(seg), SEG_LIMIT);
  }
  @inline static selector(seg: i32): u32 {
    return load<u32>(Seg.at(seg), SEG_SELECTOR);
  }
  @inline static attr(seg: i32): u32 {
    return load<u32>(Seg.at(seg), SEG_ATTR);
  }
  /** 0 where the segment is unusable and its selector 0. */
  @inline static traces(seg: i32): u32 {
    return load<u32>(Seg.at(seg), SEG_SELECTOR) | load<u32>(Seg.at(seg), SEG_VALID);
  }
}

export function setSegment(seg: i32, selector: u32, base: u64, limit: u32, attr: u32): void {
  const s = Seg.at(seg);
  store<u64>(s, base, SEG_BASE);
  store<u32>(s, limit, SEG_LIMIT);
  store<u32>(s, selector, SEG_SELECTOR);
  store<u32>(s, attr, SEG_ATTR);
  store<u32>(s, 1, SEG_VALID);
}

/** Makes a segment register unusable (null selector). */
export function setNull(seg: i32, selector: u32): void {
  const s = Seg.at(seg);
  store<u64>(s, 0, SEG_BASE);
  store<u32>(s, 0, SEG_LIMIT);
  store<u32>(s, selector, SEG_SELECTOR);
  // In 64-bit mode a null SS keeps the RPL as DPL.
  store<u32>(s, (selector & 3) << 5, SEG_ATTR);
  store<u32>(s, 0, SEG_VALID);
}

export function protectedMode(): bool {
  return (load<u32>(S_CR0) & 1) != 0;
}

export function vm86(): bool {
  return (load<u32>(S_EFLAGS) & VM) != 0;
}

/** Real-address mode or VM86: selectors are paragraphs. */
export function realStyle(): bool {
  return (load<u32>(S_CR0) & 1) == 0 || (load<u32>(S_EFLAGS) & VM) != 0;
}

export function longMode(): bool {
  return (load<u32>(S_EFER) & 0x400) != 0;
}

export function code64(): bool {
  return (load<u32>(S_KEY) & 3) == 2;
}

function flat(seg: i32): bool {
  const s = Seg.at(seg);
  // Writable, expand-up data, base 0, limit 4 GiB.
  return (
    load<u64>(s, SEG_BASE) == 0 &&
    load<u32>(s, SEG_LIMIT) == 0xffffffff &&
    load<u32>(s, SEG_VALID) != 0 &&
    (load<u32>(s, SEG_ATTR) & 0x9e) == 0x92
  );
}

/** Derives block key, linear mask and TLB set after a change of mode, CS, data segments, CPL or TF. */
export function updateMode(): void {
  let key: u32 = 0;
  const cs = Seg.attr(CS);
  if (longMode() && (cs & ATTR_L) != 0 && protectedMode()) {
    key = 2 | KEY_FLAT | KEY_STACK32;
    store<u64>(S_LIN_MASK, 0xffffffffffffffff);
  } else {
    store<u64>(S_LIN_MASK, 0xffffffff);
    if ((cs & ATTR_DB) != 0) key |= 1;
    if (flat(DS) && flat(ES) && flat(SS)) key |= KEY_FLAT;
    if ((Seg.attr(SS) & ATTR_DB) != 0) key |= KEY_STACK32;
  }
  if (load<u32>(S_SHADOW) != 0 || needsSingle()) key |= KEY_SINGLE;
  store<u32>(S_KEY, key);
  selectTlb();
}

// ---- Descriptors

/** The descriptor last fetched: both halves, and its linear address. */
export let descLow: u32 = 0;
export let descHigh: u32 = 0;
export let descAddress: u64 = 0;

/** Fetches the descriptor of `selector`; false when it is outside its table (nothing is raised then). */
export function fetchDescriptor(selector: u32): bool {
  let base: u64;
  let limit: u32;
  if ((selector & 4) != 0) {
    if (load<u32>(Seg.at(LDTR), SEG_VALID) == 0) return false;
    base = Seg.base(LDTR);
    limit = Seg.limit(LDTR);
  } else {
    base = load<u64>(S_GDT_BASE);
    limit = load<u32>(S_GDT_LIMIT);
  }
  if ((selector & 0xfff8) + 7 > limit) return false;
  descAddress = base + <u64>(selector & 0xfff8);
  const d = SystemMem.read(descAddress, 8);
  descLow = <u32>d;
  descHigh = <u32>(d >> 32);
  return true;
}

/** What the halves of a descriptor say. */
class Halves {
  @inline static base(low: u32, high: u32): u64 {
    return <u64>((low >> 16) | ((high & 0xff) << 16) | (high & 0xff000000));
  }
  @inline static limit(low: u32, high: u32): u32 {
    const limit = (low & 0xffff) | (high & 0xf0000);
    return (high & 0x800000) != 0 ? (limit << 12) | 0xfff : limit;
  }
  @inline static attr(high: u32): u32 {
    return (high >> 8) & 0xf0ff;
  }
}

export function descBase(): u64 {
  return Halves.base(descLow, descHigh);
}

export function descLimit(): u32 {
  return Halves.limit(descLow, descHigh);
}

export function descAttr(): u32 {
  return Halves.attr(descHigh);
}

/** The GDT of 64-bit code, as far as the TLB has it. */
export class Gdt {
  /**
   * The descriptor of `selector` if the TLB has it and its rights, those of `rights`, are `expected`, P among them;
   * otherwise 0.
   */
  @inline static usual(selector: u32, rights: u32, expected: u32): u64 {
    // Not null, not in the LDT, inside of the table.
    if (selector < 8 || (selector & 4) != 0 || (selector | 7) > load<u32>(S_GDT_LIMIT)) return 0;
    const host = SystemMem.host(load<u64>(S_GDT_BASE) + <u64>(selector & 0xfff8), 8);
    const d = host != 0 ? load<u64>(host) : 0;
    return (Halves.attr(<u32>(d >> 32)) & rights) == expected ? d : 0;
  }

  /** Loads a segment register with a descriptor that `usual` has returned. */
  @inline static install(seg: i32, selector: u32, d: u64): void {
    const low = <u32>d;
    const high = <u32>(d >> 32);
    setSegment(seg, selector, Halves.base(low, high), Halves.limit(low, high), Halves.attr(high));
  }
}

export function descDpl(): u32 {
  return (descHigh >> 13) & 3;
}

/** Sets the accessed bit of the code or data descriptor last fetched. */
export function markAccessed(): void {
  if ((descHigh & 0x100) == 0) {
    descHigh |= 0x100;
    systemWrite(descAddress + 4, 4, descHigh);
  }
}

/** Installs the descriptor last fetched. */
export function installDescriptor(seg: i32, selector: u32): void {
  setSegment(seg, selector, descBase(), descLimit(), descAttr());
}

/** MOV, POP, LxS to ES, SS, DS, FS, GS. Faults are pending afterwards if S_FAULT is set. */
export function loadDataSegment(seg: i32, selector: u32): void {
  selector &= 0xffff;
  if (realStyle()) {
    const s = Seg.at(seg);
    store<u64>(s, <u64>(selector << 4), SEG_BASE);
    store<u32>(s, selector, SEG_SELECTOR);
    store<u32>(s, 1, SEG_VALID);
    if (vm86()) {
      store<u32>(s, 0xffff, SEG_LIMIT);
      store<u32>(s, 0xf3, SEG_ATTR);
    } else if ((load<u32>(s, SEG_ATTR) & 0x80) == 0) {
      store<u32>(s, 0xffff, SEG_LIMIT);
      store<u32>(s, 0x93, SEG_ATTR);
    }
    updateMode();
    return;
  }
  const cpl = load<u32>(S_CPL);
  const code = selector & 0xfffc;
  if (code == 0) {
    if (seg == SS && (!code64() || cpl == 3 || (selector & 3) != cpl)) {
      raiseCode(GP, 0);
      return;
    }
    setNull(seg, selector);
    updateMode();
    return;
  }
  if (!fetchDescriptor(selector)) {
    raiseCode(GP, code);
    return;
  }
  if (load<u32>(S_FAULT) != 0) return;
  const attr = descAttr();
  const rpl = selector & 3;
  if (seg == SS) {
    // Writable data segment of exactly this privilege.
    if (rpl != cpl || (attr & 0x1a) != 0x12 || descDpl() != cpl) {
      raiseCode(GP, code);
      return;
    }
    if ((attr & ATTR_P) == 0) {
      raiseCode(SSF, code);
      return;
    }
  } else {
    // Data, or readable code; conforming code needs no privilege check.
    if ((attr & ATTR_S) == 0 || (attr & 0xa) == 8) {
      raiseCode(GP, code);
      return;
    }
    if ((attr & 0xc) != 0xc && (rpl > descDpl() || cpl > descDpl())) {
      raiseCode(GP, code);
      return;
    }
    if ((attr & ATTR_P) == 0) {
      raiseCode(NP, code);
      return;
    }
  }
  markAccessed();
  if (load<u32>(S_FAULT) != 0) return;
  installDescriptor(seg, selector);
  updateMode();
}

/**
 * Checks an access of `size` bytes at `offset` in a legacy segment and returns the linear address.
 * Raises #SS(0) for SS and #GP(0) for the others.
 */
export function segmentLinear(seg: i32, offset: u64, size: i32, writing: bool): u64 {
  const s = Seg.at(seg);
  // Data, expand-up, and writable if it is written.
  const usual: u32 = writing ? 2 : 0;
  if (load<u32>(s, SEG_VALID) != 0 && (load<u32>(s, SEG_ATTR) & (0xc | usual)) == usual) {
    // Up to the limit or to the end of the address space: one comparison, with a constant where segments stay.
    const base = <u64>load<u32>(s, SEG_BASE);
    const room = min(<u64>load<u32>(s, SEG_LIMIT), 0xffffffff - base);
    if (offset + <u64>size - 1 <= room) return base + offset;
  }
  return segmentAddress(seg, offset, size, writing);
}

function min(a: u64, b: u64): u64 {
  return a < b ? a : b;
}

/** The same in all cases. Compiled regions call this. */
export function segmentAddress(seg: i32, offset: u64, size: i32, writing: bool): u64 {
  const s = Seg.at(seg);
  const attr = load<u32>(s, SEG_ATTR);
  const limit = <u64>load<u32>(s, SEG_LIMIT);
  const last = offset + <u64>size - 1;
  let ok = load<u32>(s, SEG_VALID) != 0;
  if ((attr & 8) != 0) {
    // Code: readable, never writable (in real mode CS is as writable as any).
    if (protectedMode() && !vm86() && (writing || (attr & 2) == 0)) ok = false;
    if (last > limit) ok = false;
  } else {
    if (writing && (attr & 2) == 0) ok = false;
    if ((attr & 4) != 0) {
      const top: u64 = (attr & ATTR_DB) != 0 ? 0xffffffff : 0xffff;
      if (offset <= limit || last > top) ok = false;
    } else if (last > limit) ok = false;
  }
  if (!ok) {
    raiseCode(seg == SS ? SSF : GP, 0);
    return NOWHERE;
  }
  const linear = (load<u64>(s, SEG_BASE) + offset) & 0xffffffff;
  if (linear + <u64>size > 0x100000000) setWrapping(linear);
  return linear;
}

/**
 * Bytes that elements of `size` bytes may occupy in a legacy segment from the one at `offset` on, upwards or downwards,
 * without a fault; less than `size` if that one faults. Raises nothing.
 */
export function segmentRoom(seg: i32, offset: u64, size: i32, writing: bool, down: bool): u64 {
  const s = Seg.at(seg);
  const attr = load<u32>(s, SEG_ATTR);
  if (load<u32>(s, SEG_VALID) == 0) return 0;
  let end = <u64>load<u32>(s, SEG_LIMIT) + 1;
  let start: u64 = 0;
  if ((attr & 8) != 0) {
    if (protectedMode() && !vm86() && (writing || (attr & 2) == 0)) return 0;
  } else {
    if (writing && (attr & 2) == 0) return 0;
    if ((attr & 4) != 0) {
      start = end;
      end = (attr & ATTR_DB) != 0 ? 0x100000000 : 0x10000;
    }
  }
  if (offset < start || offset + <u64>size > end) return 0;
  return down ? offset + <u64>size - start : end - offset;
}

/** CPL of the code that executes, with its consequences for mode and TLB. */
export function setCpl(cpl: u32): void {
  store<u32>(S_CPL, cpl);
  selectTlb();
}
