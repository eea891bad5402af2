// FPU and vector state in memory: FXSAVE, FXRSTOR, XSAVE, XSAVEOPT, XRSTOR, LDMXCSR, STMXCSR.
// Follows Intel SDM vol. 1, 10.5 (FXSAVE layout, table 10-2) and chapter 13 (XSAVE, standard form; the
// compacted form is not in CPUID). XSAVEOPT leaves out components in their initial state, like XSAVE's XINUSE.

import {
  REGS,
  S_CR0,
  S_CR4,
  S_FAULT,
  S_FCS,
  S_FCW,
  S_FDP,
  S_FDS,
  S_FIP,
  S_FOP,
  S_FPR,
  S_FSW,
  S_FTAG,
  S_FTOP,
  S_KEY,
  S_MXCSR,
  S_PKRU,
  S_XCR0,
  S_YMM,
} from "../../state";
import { Mem, probe } from "../memory/access";
import { setPkru } from "../memory/protection_keys";
import { READ, WRITE } from "../memory/rights";
import { Op } from "../op/op";
import { raise, raiseCode } from "../processor/fault";
import { hasBit, LEAF1_ECX, LEAF7_ECX } from "../processor/model";
import { Vec, WIDE64 } from "./access";

const UD: u32 = 6;
const NM: u32 = 7;
const GP: u32 = 13;
/** MXCSR bits that exist; stored as MXCSR_MASK. */
const MXCSR_MASK: u32 = 0xffff;
const CR0_EM_TS: u32 = 12;
const CR4_OSXSAVE: u32 = 0x40000;
/** State components. */
const X87: u64 = 1;
const SSE: u64 = 2;
const AVX: u64 = 4;
const PKRU: u64 = 0x200;
/** XSAVE area: legacy region, header, and where Intel's processors have the components AVX and PKRU. */
const HEADER: u64 = 512;
export const AVX_OFFSET: u64 = 576;
export const PKRU_OFFSET: u64 = 2688;

/** State components that XCR0 can enable. */
export function stateComponents(): u64 {
  const avx = hasBit(LEAF1_ECX, 28) ? AVX : 0;
  return X87 | SSE | avx | (hasBit(LEAF7_ECX, 3) ? PKRU : 0);
}

/** Bytes of an XSAVE area up to the last of these components. */
export function areaSize(components: u64): u32 {
  if ((components & PKRU) != 0) return <u32>PKRU_OFFSET + 8;
  return (components & AVX) != 0 ? <u32>AVX_OFFSET + 256 : <u32>AVX_OFFSET;
}

function code64(): bool {
  return (load<u32>(S_KEY) & 3) == 2;
}

function vectorRegisters(): u32 {
  return code64() ? 16 : 8;
}

// ---- Components of the legacy region at linear address `a`, already probed

function saveX87(a: u64, wide: bool): void {
  Mem.write<u16>(a, load<u32>(S_FCW));
  Mem.write<u16>(a + 2, <u64>(load<u32>(S_FSW) | (load<u32>(S_FTOP) << 11)));
  Mem.write<u16>(a + 4, <u64>(load<u32>(S_FTAG) & 0xff));
  Mem.write<u16>(a + 6, <u64>load<u32>(S_FOP));
  if (wide) {
    Mem.write<u64>(a + 8, load<u64>(S_FIP));
    Mem.write<u64>(a + 16, load<u64>(S_FDP));
  } else {
    Mem.write<u32>(a + 8, load<u64>(S_FIP));
    Mem.write<u32>(a + 12, <u64>load<u32>(S_FCS) & 0xffff);
    Mem.write<u32>(a + 16, load<u64>(S_FDP));
    Mem.write<u32>(a + 20, <u64>load<u32>(S_FDS) & 0xffff);
  }
  const top = load<u32>(S_FTOP);
  for (let i: u32 = 0; i < 8; i++) {
    const p = S_FPR + (((top + i) & 7) << 4);
    const at = a + 32 + ((<u64>i) << 4);
    Mem.write<u64>(at, load<u64>(p));
    Mem.write<u64>(at + 8, <u64>load<u16>(p, 8));
  }
}

function loadX87(a: u64, wide: bool): void {
  store<u32>(S_FCW, (<u32>Mem.read<u16>(a) & 0x1f7f) | 0x40);
  const fsw = <u32>Mem.read<u16>(a + 2);
  const top = (fsw >> 11) & 7;
  store<u32>(S_FTOP, top);
  // ES and B follow from the exceptions and their masks.
  const pending = (fsw & ~load<u32>(S_FCW) & 0x3f) != 0;
  store<u32>(S_FSW, (fsw & ~0xb880) | (pending ? 0x8080 : 0));
  store<u32>(S_FTAG, <u32>Mem.read<u8>(a + 4));
  store<u32>(S_FOP, <u32>Mem.read<u16>(a + 6) & 0x7ff);
  if (wide) {
    store<u64>(S_FIP, Mem.read<u64>(a + 8));
    store<u64>(S_FDP, Mem.read<u64>(a + 16));
    store<u32>(S_FCS, 0);
    store<u32>(S_FDS, 0);
  } else {
    store<u64>(S_FIP, Mem.read<u32>(a + 8));
    store<u32>(S_FCS, <u32>Mem.read<u16>(a + 12));
    store<u64>(S_FDP, Mem.read<u32>(a + 16));
    store<u32>(S_FDS, <u32>Mem.read<u16>(a + 20));
  }
  for (let i: u32 = 0; i < 8; i++) {
    const p = S_FPR + (((top + i) & 7) << 4);
    const at = a + 32 + ((<u64>i) << 4);
    store<u64>(p, Mem.read<u64>(at));
    store<u64>(p, Mem.read<u16>(at + 8), 8);
  }
}

function initX87(): void {
  store<u32>(S_FCW, 0x37f);
  store<u32>(S_FSW, 0);
  store<u32>(S_FTOP, 0);
  store<u32>(S_FTAG, 0);
  store<u32>(S_FOP, 0);
  store<u64>(S_FIP, 0);
  store<u64>(S_FDP, 0);
  store<u32>(S_FCS, 0);
  store<u32>(S_FDS, 0);
  memory.fill(S_FPR, 0, 128);
}

function saveXmm(a: u64): void {
  const count = vectorRegisters();
  for (let i: u32 = 0; i < count; i++) {
    const p = S_YMM + (i << 5);
    const at = a + 160 + ((<u64>i) << 4);
    Mem.write<u64>(at, load<u64>(p));
    Mem.write<u64>(at + 8, load<u64>(p, 8));
  }
}

function loadXmm(a: u64): void {
  const count = vectorRegisters();
  for (let i: u32 = 0; i < count; i++) {
    const p = S_YMM + (i << 5);
    const at = a + 160 + ((<u64>i) << 4);
    store<u64>(p, Mem.read<u64>(at));
    store<u64>(p, Mem.read<u64>(at + 8), 8);
  }
}

/** Reads the MXCSR field; false with #GP pending if it has reserved bits. */
function checkMxcsr(a: u64): bool {
  if ((<u32>Mem.read<u32>(a) & ~MXCSR_MASK) == 0) return true;
  raiseCode(GP, 0);
  return false;
}

// ---- FXSAVE, FXRSTOR

/** Address of the operand, after the checks that both instructions make; `ok` is false with a fault pending. */
let ok: bool = false;
function area(op: Op, size: i32, alignment: u64, writing: bool): u64 {
  ok = false;
  const a = op.address(size, writing);
  if (load<u32>(S_FAULT) != 0) return a;
  if ((a & (alignment - 1)) != 0) {
    raiseCode(GP, 0);
    return a;
  }
  ok = probe(a, size, writing ? WRITE : READ, 1);
  return a;
}

export function fxsave(op: Op): usize {
  if ((load<u32>(S_CR0) & CR0_EM_TS) != 0) raise(NM);
  const a = area(op, 512, 16, true);
  if (!ok) return op.fault();
  saveX87(a, (op.sub & WIDE64) != 0);
  Mem.write<u32>(a + 24, <u64>load<u32>(S_MXCSR));
  Mem.write<u32>(a + 28, <u64>MXCSR_MASK);
  saveXmm(a);
  return op.done();
}

export function fxrstor(op: Op): usize {
  if ((load<u32>(S_CR0) & CR0_EM_TS) != 0) raise(NM);
  const a = area(op, 512, 16, false);
  if (!ok || !checkMxcsr(a + 24)) return op.fault();
  loadX87(a, (op.sub & WIDE64) != 0);
  store<u32>(S_MXCSR, <u32>Mem.read<u32>(a + 24));
  loadXmm(a);
  return op.next();
}

// ---- XSAVE, XRSTOR

function xsaveReady(): bool {
  if ((load<u32>(S_CR4) & CR4_OSXSAVE) == 0) raise(UD);
  else if ((load<u32>(S_CR0) & 8) != 0) raise(NM);
  return load<u32>(S_FAULT) == 0;
}

/** Components asked for in EDX:EAX that XCR0 enables. */
function requested(): u64 {
  return load<u64>(S_XCR0) & (<u64>load<u32>(REGS) | ((<u64>load<u32>(REGS + 16)) << 32));
}

function allZero(p: usize, bytes: usize, stride: usize): bool {
  let any = i64x2.splat(0);
  for (let i: usize = 0; i < bytes; i += stride) any = v128.or(any, v128.load(p + i));
  return !v128.any_true(any);
}

/** Components that are not in their initial state (XINUSE). */
function inUse(): u64 {
  let r: u64 = 0;
  const idle =
    load<u32>(S_FCW) == 0x37f &&
    load<u32>(S_FSW) == 0 &&
    load<u32>(S_FTOP) == 0 &&
    load<u32>(S_FTAG) == 0 &&
    load<u32>(S_FOP) == 0 &&
    load<u64>(S_FIP) == 0 &&
    load<u64>(S_FDP) == 0 &&
    allZero(S_FPR, 128, 16);
  if (!idle) r |= X87;
  const bytes = (<usize>vectorRegisters()) << 5;
  if (!allZero(S_YMM, bytes, 32)) r |= SSE;
  if (!allZero(S_YMM + 16, bytes, 32)) r |= AVX;
  if (load<u32>(S_PKRU) != 0) r |= PKRU;
  return r;
}

/** XSAVE, and XSAVEOPT if `sub` has bit 7. */
export function xsave(op: Op): usize {
  if (!xsaveReady()) return op.fault();
  const rfbm = requested();
  const a = area(op, <i32>areaSize(rfbm), 64, true);
  if (!ok) return op.fault();
  const used = inUse();
  const write = (op.sub & 0x80) != 0 ? rfbm & used : rfbm;
  if ((write & X87) != 0) saveX87(a, (op.sub & WIDE64) != 0);
  if ((rfbm & (SSE | AVX)) != 0) {
    Mem.write<u32>(a + 24, <u64>load<u32>(S_MXCSR));
    Mem.write<u32>(a + 28, <u64>MXCSR_MASK);
  }
  if ((write & SSE) != 0) saveXmm(a);
  if ((write & AVX) != 0) {
    const count = vectorRegisters();
    for (let i: u32 = 0; i < count; i++) {
      const p = S_YMM + (i << 5);
      const at = a + AVX_OFFSET + ((<u64>i) << 4);
      Mem.write<u64>(at, load<u64>(p, 16));
      Mem.write<u64>(at + 8, load<u64>(p, 24));
    }
  }
  if ((write & PKRU) != 0) Mem.write<u64>(a + PKRU_OFFSET, <u64>load<u32>(S_PKRU));
  const old = Mem.read<u64>(a + HEADER);
  Mem.write<u64>(a + HEADER, (old & ~rfbm) | (used & rfbm));
  return op.done();
}

export function xrstor(op: Op): usize {
  if (!xsaveReady()) return op.fault();
  const rfbm = requested();
  const a = area(op, <i32>areaSize(rfbm), 64, false);
  if (!ok) return op.fault();
  const present = Mem.read<u64>(a + HEADER);
  if (
    (present & ~load<u64>(S_XCR0)) != 0 ||
    (Mem.read<u64>(a + HEADER + 8) | Mem.read<u64>(a + HEADER + 16)) != 0
  ) {
    raiseCode(GP, 0);
    return op.fault();
  }
  if ((rfbm & (SSE | AVX)) != 0 && !checkMxcsr(a + 24)) return op.fault();
  if ((rfbm & X87) != 0) {
    if ((present & X87) != 0) loadX87(a, (op.sub & WIDE64) != 0);
    else initX87();
  }
  const count = vectorRegisters();
  if ((rfbm & SSE) != 0) {
    if ((present & SSE) != 0) loadXmm(a);
    else for (let i: u32 = 0; i < count; i++) v128.store(S_YMM + (i << 5), i64x2.splat(0));
  }
  if ((rfbm & AVX) != 0) {
    for (let i: u32 = 0; i < count; i++) {
      const p = S_YMM + (i << 5);
      const at = a + AVX_OFFSET + ((<u64>i) << 4);
      store<u64>(p, (present & AVX) != 0 ? Mem.read<u64>(at) : 0, 16);
      store<u64>(p, (present & AVX) != 0 ? Mem.read<u64>(at + 8) : 0, 24);
    }
  }
  if ((rfbm & (SSE | AVX)) != 0) store<u32>(S_MXCSR, <u32>Mem.read<u32>(a + 24));
  // Last: the area itself may have a key.
  if ((rfbm & PKRU) != 0) setPkru((present & PKRU) != 0 ? <u32>Mem.read<u32>(a + PKRU_OFFSET) : 0);
  return op.next();
}

// ---- MXCSR

export function ldmxcsr(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  const v = <u32>Mem.read<u32>(op.address(4, false));
  if (load<u32>(S_FAULT) != 0) return op.fault();
  if ((v & ~MXCSR_MASK) != 0) {
    raiseCode(GP, 0);
    return op.fault();
  }
  store<u32>(S_MXCSR, v);
  return op.next();
}

export function stmxcsr(op: Op): usize {
  if (!Vec.ready(op)) return op.fault();
  Mem.write<u32>(op.address(4, true), <u64>load<u32>(S_MXCSR));
  if (load<u32>(S_FAULT) != 0) return op.fault();
  return op.done();
}
