// Control and debug registers, descriptor-table and task registers, flags, SYSCALL and SYSENTER, HLT and
// the other privileged instructions. Follows Intel SDM vol. 2 and vol. 3A, chapters 2 and 5.

import {
  HALTED,
  REGS,
  S_ACTIVITY,
  S_BUDGET,
  S_CPL,
  S_CR0,
  S_CR2,
  S_CR3,
  S_CR4,
  S_CR8,
  S_DR,
  S_EFER,
  S_EFLAGS,
  S_FAULT,
  S_GDT_BASE,
  S_GDT_LIMIT,
  S_IDT_BASE,
  S_IDT_LIMIT,
  S_KERNEL_GS,
  S_LSTAR,
  S_MONITOR,
  S_PDPTE,
  S_RIP,
  S_SFMASK,
  S_SHADOW,
  S_STAR,
  S_SYSENTER_CS,
  S_SYSENTER_EIP,
  S_SYSENTER_ESP,
  S_TSC_AUX,
  S_XCR0,
  SHADOW_SS,
  SHADOW_STI,
} from "../state";
import { readTsc } from "./clock";
import { cpuModel } from "./cpuid";
import { drop, peek, push, stackFault } from "./data";
import { inspectable } from "./far";
import {
  AC,
  DF,
  eflags,
  ID,
  IF,
  IOPL,
  NT,
  RF,
  STATUS,
  setStatusFlags,
  TF,
  VIF,
  VIP,
  VM,
} from "./flags";
import { reportDebug } from "./hardware_breakpoints";
import { failed, writeFlags } from "./interrupts";
import {
  canonical,
  cpuCount,
  flushPage,
  flushTlb,
  hostOf,
  leaveSoon,
  Mem,
  PHYSICAL_BITS,
  raise,
  raiseCode,
  selectTlb,
  systemRead,
  systemWrite,
} from "./memory";
import {
  EA_REGISTER,
  leaveAfter,
  leaveTo,
  Op,
  readLinear,
  readRegister,
  readRm,
  undefinedOpcode,
  writeLinear,
  writeRegister,
  writeRm,
} from "./op";
import {
  CS,
  code64,
  descAddress,
  descAttr,
  descBase,
  descHigh,
  descLimit,
  fetchDescriptor,
  GP,
  LDTR,
  loadDataSegment,
  longMode,
  NP,
  protectedMode,
  realStyle,
  Seg,
  SS,
  setNull,
  setSegment,
  TR,
  updateMode,
  vm86,
} from "./segments";

const RAX: usize = REGS;
const RCX: usize = REGS + 8;
const RDX: usize = REGS + 16;
const RSP: usize = REGS + 32;
const R11: usize = REGS + 88;

export function isPrivileged(): bool {
  return load<u32>(S_CPL) == 0;
}

/** Checks CPL 0; #GP(0) pending if not. */
export function requireRing0(): bool {
  if (load<u32>(S_CPL) == 0) return true;
  raiseCode(GP, 0);
  return false;
}

// ---- Control registers

/** Loads the four PDPTEs of PAE paging; false if a reserved bit is set. */
export function loadPdptes(cr3: u64): bool {
  const table = cr3 & 0xffffffe0;
  const reserved: u64 = 0x1e6 | (0xffffffffffffffff << PHYSICAL_BITS);
  for (let i = 0; i < 4; i++) {
    const h = hostOf(table + <u64>(i * 8));
    const v = h != 0 ? load<u64>(h) : 0;
    if ((v & 1) != 0 && (v & reserved) != 0) return false;
  }
  for (let i = 0; i < 4; i++) {
    const h = hostOf(table + <u64>(i * 8));
    store<u64>(S_PDPTE + (i << 3), h != 0 ? load<u64>(h) : 0);
  }
  return true;
}

function setCr0(v: u64): bool {
  const old = load<u64>(S_CR0);
  if (v >> 32 != 0) return false;
  v = (v & 0xe005003f) | 0x10;
  if ((v & 0x80000001) == 0x80000000) return false; // PG without PE
  if ((v & 0x60000000) == 0x20000000) return false; // NW without CD
  const cr4 = load<u64>(S_CR4);
  if ((v & 0x80000000) != 0 && (old & 0x80000000) == 0) {
    if ((load<u64>(S_EFER) & 0x100) != 0) {
      if ((cr4 & 0x20) == 0 || (Seg.attr(CS) & 0x2000) != 0) return false;
      store<u64>(S_EFER, load<u64>(S_EFER) | 0x400);
    } else if ((cr4 & 0x20) != 0 && !loadPdptes(load<u64>(S_CR3))) return false;
  }
  if ((v & 0x80000000) == 0 && (old & 0x80000000) != 0) {
    if (code64() || (cr4 & 0x20000) != 0) return false;
    store<u64>(S_EFER, load<u64>(S_EFER) & ~0x400);
  }
  store<u64>(S_CR0, v);
  if (((old ^ v) & 0x80010001) != 0) flushTlb();
  updateMode();
  return true;
}

function setCr3(v: u64): bool {
  const cr4 = load<u64>(S_CR4);
  if (longMode()) {
    const keep = v >> 63 != 0 && (cr4 & 0x20000) != 0;
    if (keep) v &= 0x7fffffffffffffff;
    if (v >> PHYSICAL_BITS != 0) return false;
  } else {
    v &= 0xffffffff;
    if ((load<u64>(S_CR0) & 0x80000000) != 0 && (cr4 & 0x20) != 0 && !loadPdptes(v)) return false;
  }
  store<u64>(S_CR3, v);
  flushTlb();
  return true;
}

/** CR4 bits that exist: VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT FSGSBASE PCIDE OSXSAVE SMEP (SMAP). */
function cr4Mask(): u64 {
  return cpuModel == 0 ? 0x1707ff : 0x3707ff;
}

function setCr4(v: u64): bool {
  const old = load<u64>(S_CR4);
  if ((v & ~cr4Mask()) != 0) return false;
  if (longMode() && (v & 0x20) == 0) return false;
  if ((v & 0x20000) != 0 && (old & 0x20000) == 0) {
    if (!longMode() || (load<u64>(S_CR3) & 0xfff) != 0) return false;
  }
  if (
    ((old ^ v) & 0xb0) != 0 &&
    !longMode() &&
    (load<u64>(S_CR0) & 0x80000000) != 0 &&
    (v & 0x20) != 0
  ) {
    if (!loadPdptes(load<u64>(S_CR3))) return false;
  }
  store<u64>(S_CR4, v);
  if (((old ^ v) & 0x3200b0) != 0) flushTlb();
  updateMode();
  return true;
}

/** MOV r, CRn: number in `sub`. */
export function readCr(op: Op): usize {
  if (!requireRing0()) return op.fault();
  let v: u64 = 0;
  switch (op.sub) {
    case 0:
      v = load<u64>(S_CR0);
      break;
    case 2:
      v = load<u64>(S_CR2);
      break;
    case 3:
      v = load<u64>(S_CR3);
      break;
    case 4:
      v = load<u64>(S_CR4);
      break;
    case 8:
      v = load<u64>(S_CR8);
      break;
    default:
      return undefinedOpcode(op);
  }
  writeRegister(<usize>op.src, code64() ? 8 : 4, v);
  return op.next();
}

/** MOV CRn, r. */
export function writeCr(op: Op): usize {
  if (!requireRing0()) return op.fault();
  const v = readRegister(<usize>op.src, code64() ? 8 : 4);
  let ok = true;
  switch (op.sub) {
    case 0:
      ok = setCr0(v);
      break;
    case 2:
      store<u64>(S_CR2, v);
      break;
    case 3:
      ok = setCr3(v);
      break;
    case 4:
      ok = setCr4(v);
      break;
    case 8:
      if (v > 15) ok = false;
      else store<u64>(S_CR8, v);
      break;
    default:
      return undefinedOpcode(op);
  }
  if (!ok) return failed(op, GP, 0);
  return leaveAfter(op);
}

export function clts(op: Op): usize {
  if (!requireRing0()) return op.fault();
  store<u64>(S_CR0, load<u64>(S_CR0) & ~8);
  return leaveAfter(op);
}

export function smsw(op: Op): usize {
  if (op.ea == EA_REGISTER) writeRegister(<usize>op.src, <i32>op.size, load<u64>(S_CR0));
  else writeRm(op, 2, load<u64>(S_CR0));
  if (load<u32>(S_FAULT) != 0) return op.fault();
  return op.done();
}

export function lmsw(op: Op): usize {
  if (!requireRing0()) return op.fault();
  const v = readRm(op, 2);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  // PE can be set, not cleared.
  const old = load<u64>(S_CR0);
  setCr0((old & ~14) | (v & 15));
  return leaveAfter(op);
}

// ---- Debug registers

export function readDr(op: Op): usize {
  const n = drNumber(op);
  if (n < 0) return load<u32>(S_FAULT) != 0 ? op.fault() : undefinedOpcode(op);
  writeRegister(<usize>op.src, code64() ? 8 : 4, load<u64>(S_DR + (n << 3)));
  return op.next();
}

export function writeDr(op: Op): usize {
  const n = drNumber(op);
  if (n < 0) return load<u32>(S_FAULT) != 0 ? op.fault() : undefinedOpcode(op);
  let v = readRegister(<usize>op.src, code64() ? 8 : 4);
  if (n >= 6 && v >> 32 != 0) return failed(op, GP, 0);
  if (n == 6) v = (v & 0xe00f) | 0xffff0ff0;
  if (n == 7) v = (v & 0xffff2bff) | 0x400;
  if (n < 4 && !canonical(v)) return failed(op, GP, 0);
  store<u64>(S_DR + (n << 3), v);
  updateMode();
  return leaveAfter(op);
}

/** Number of the debug register, 4 and 5 aliased; -1 for #UD or with a fault pending. */
function drNumber(op: Op): i32 {
  let n = <i32>op.sub;
  if (n == 4 || n == 5) {
    if ((load<u64>(S_CR4) & 8) != 0) return -1;
    n += 2;
  }
  if (n > 7) return -1;
  if (!requireRing0()) return -1;
  if ((load<u64>(S_DR + 56) & 0x2000) != 0) {
    // General detect.
    reportDebug(0x2000);
    raise(1);
    return -1;
  }
  return n;
}

// ---- Descriptor tables

/** SGDT (`sub` 0), SIDT (1). */
export function storeTable(op: Op): usize {
  const wide = code64();
  const at = op.address(wide ? 10 : 6, true);
  const base = load<u64>(op.sub == 0 ? S_GDT_BASE : S_IDT_BASE);
  const limit = load<u32>(op.sub == 0 ? S_GDT_LIMIT : S_IDT_LIMIT);
  writeLinear(at, 2, <u64>limit);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  writeLinear(at + 2, wide ? 8 : 4, base);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  return op.done();
}

/** LGDT (`sub` 0), LIDT (1). */
export function loadTable(op: Op): usize {
  if (!requireRing0()) return op.fault();
  const wide = code64();
  const at = op.address(wide ? 10 : 6, false);
  const limit = <u32>readLinear(at, 2);
  let base = readLinear(at + 2, wide ? 8 : 4);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  if (!wide && op.size == 2) base &= 0xffffff;
  if (!canonical(base)) return failed(op, GP, 0);
  store<u64>(op.sub == 0 ? S_GDT_BASE : S_IDT_BASE, base);
  store<u32>(op.sub == 0 ? S_GDT_LIMIT : S_IDT_LIMIT, limit);
  return leaveAfter(op);
}

/** SLDT (`sub` 6), STR (7). */
export function storeSystemSelector(op: Op): usize {
  if (realStyle()) return undefinedOpcode(op);
  const v = <u64>Seg.selector(<i32>op.sub);
  if (op.ea == EA_REGISTER) writeRegister(<usize>op.src, <i32>op.size, v);
  else writeRm(op, 2, v);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  return op.done();
}

export function lldt(op: Op): usize {
  if (realStyle()) return undefinedOpcode(op);
  if (!requireRing0()) return op.fault();
  const selector = <u32>readRm(op, 2);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const code = selector & 0xfffc;
  if (code == 0) {
    setNull(LDTR, selector);
    return leaveAfter(op);
  }
  if ((selector & 4) != 0 || !fetchDescriptor(selector)) return failed(op, GP, code);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  if ((descAttr() & 0x1f) != 2) return failed(op, GP, code);
  if ((descAttr() & 0x80) == 0) return failed(op, NP, code);
  return installSystem(op, LDTR, selector);
}

export function ltr(op: Op): usize {
  if (realStyle()) return undefinedOpcode(op);
  if (!requireRing0()) return op.fault();
  const selector = <u32>readRm(op, 2);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const code = selector & 0xfffc;
  if (code == 0) return failed(op, GP, 0);
  if ((selector & 4) != 0 || !fetchDescriptor(selector)) return failed(op, GP, code);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const type = descAttr() & 0x1f;
  if (type != 9 && (type != 1 || longMode())) return failed(op, GP, code);
  if ((descAttr() & 0x80) == 0) return failed(op, NP, code);
  return installSystem(op, TR, selector);
}

/** Installs the system descriptor last fetched, with the upper half of its base in long mode. */
function installSystem(op: Op, seg: i32, selector: u32): usize {
  let base = descBase();
  const limit = descLimit();
  let attr = descAttr();
  const at = descAddress;
  const high = descHigh;
  if (longMode()) {
    const upper = systemRead(at + 8, 8);
    if (load<u32>(S_FAULT) != 0) return op.fault();
    if (((upper >> 40) & 0x1f) != 0) return failed(op, GP, selector & 0xfffc);
    base |= upper << 32;
    if (!canonical(base)) return failed(op, GP, selector & 0xfffc);
  }
  if (seg == TR) {
    attr |= 2;
    systemWrite(at + 4, 4, <u64>(high | 0x200));
    if (load<u32>(S_FAULT) != 0) return op.fault();
  }
  setSegment(seg, selector, base, limit, attr);
  return leaveAfter(op);
}

/** LAR (`sub` 0), LSL (1). */
export function larLsl(op: Op): usize {
  if (realStyle()) return undefinedOpcode(op);
  const selector = <u32>readRm(op, 2) & 0xffff;
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const ok = inspectable(selector, op.sub);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  if (ok)
    writeRegister(
      <usize>op.dst,
      <i32>op.size,
      <u64>(op.sub == 0 ? (descHigh & 0xf0ff00) | (descHigh & 0xf0000) : descLimit()),
    );
  const f = eflags() & STATUS & ~0x40;
  setStatusFlags(ok ? f | 0x40 : f);
  return op.next();
}

/** VERR (`sub` 2), VERW (3). */
export function verify(op: Op): usize {
  if (realStyle()) return undefinedOpcode(op);
  const selector = <u32>readRm(op, 2) & 0xffff;
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const ok = inspectable(selector, op.sub);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const f = eflags() & STATUS & ~0x40;
  setStatusFlags(ok ? f | 0x40 : f);
  return op.next();
}

export function arpl(op: Op): usize {
  if (realStyle()) return undefinedOpcode(op);
  const a = readRm(op, 2);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const b = <u64>load<u16>(<usize>op.dst);
  const less = (a & 3) < (b & 3);
  if (less) {
    writeRm(op, 2, (a & ~3) | (b & 3));
    if (load<u32>(S_FAULT) != 0) return op.fault();
  }
  const f = eflags() & STATUS & ~0x40;
  setStatusFlags(less ? f | 0x40 : f);
  return op.done();
}

// ---- Segment registers

/** MOV Sreg, r/m16: segment in `sub`. */
export function movToSegment(op: Op): usize {
  const v = <u32>readRm(op, 2);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  loadDataSegment(<i32>op.sub, v);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  if (op.sub == SS) shadow(SHADOW_SS);
  return leaveAfter(op);
}

export function movFromSegment(op: Op): usize {
  const v = <u64>Seg.selector(<i32>op.sub);
  if (op.ea == EA_REGISTER) writeRegister(<usize>op.src, <i32>op.size, v);
  else writeRm(op, 2, v);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  return op.done();
}

export function pushSegment(op: Op): usize {
  const size = <i32>op.size;
  const v = <u64>Seg.selector(<i32>op.sub);
  if (size == 4) {
    // A 32-bit push of a segment register writes 16 bits.
    const sp = load<u64>(RSP);
    push(v, 4);
    if (load<u32>(S_FAULT) != 0) {
      store<u64>(RSP, sp);
      return stackFault(op);
    }
  } else push(v, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  return op.done();
}

export function popSegment(op: Op): usize {
  const size = <i32>op.size;
  const v = <u32>peek(0, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  loadDataSegment(<i32>op.sub, v);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  drop(size);
  if (op.sub == SS) shadow(SHADOW_SS);
  return leaveAfter(op);
}

/** Holds interrupts back for one instruction, after MOV SS and POP SS debug traps as well. */
function shadow(kind: u32): void {
  store<u32>(S_SHADOW, kind);
  updateMode();
}

// ---- Flags

export function pushFlags(op: Op): usize {
  if (vm86() && (load<u32>(S_EFLAGS) & IOPL) != IOPL) {
    if ((load<u64>(S_CR4) & 1) == 0 || op.size == 4) return failed(op, GP, 0);
    // VME: IF shows VIF, IOPL reads 3.
    let f = (eflags() & ~IF) | IOPL;
    if ((f & VIF) != 0) f |= IF;
    push(<u64>f, 2);
  } else push(<u64>(eflags() & 0xfcffff), <i32>op.size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  return op.done();
}

export function popFlags(op: Op): usize {
  const size = <i32>op.size;
  const cpl = load<u32>(S_CPL);
  const iopl = (load<u32>(S_EFLAGS) >> 12) & 3;
  let mask: u32 = STATUS | TF | DF | NT | AC | ID;
  if (vm86()) {
    if (iopl != 3) {
      if ((load<u64>(S_CR4) & 1) == 0 || size == 4) return failed(op, GP, 0);
      const f = <u32>peek(0, 2);
      if (load<u32>(S_FAULT) != 0) return stackFault(op);
      if ((f & TF) != 0 || ((f & IF) != 0 && (load<u32>(S_EFLAGS) & VIP) != 0))
        return failed(op, GP, 0);
      drop(2);
      store<u32>(S_EFLAGS, (load<u32>(S_EFLAGS) & ~VIF) | ((f & IF) != 0 ? VIF : 0));
      writeFlags(f, (STATUS | TF | DF | NT) & 0xffff);
      return leaveAfter(op);
    }
    mask |= IF;
  } else {
    if (!protectedMode() || cpl == 0) mask |= IOPL;
    if (!protectedMode() || cpl <= iopl) mask |= IF;
  }
  const f = <u32>peek(0, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  drop(size);
  if (size == 2) mask &= 0xffff;
  else if (!vm86()) mask |= RF | (cpl == 0 || !protectedMode() ? VIF | VIP : 0);
  writeFlags(f & ~(RF | VIF | VIP), mask);
  return leaveAfter(op);
}

/** CLC (`sub` 0), STC (1), CMC (2). */
export function carryOp(op: Op): usize {
  const f = eflags() & STATUS;
  setStatusFlags(op.sub == 0 ? f & ~1 : op.sub == 1 ? f | 1 : f ^ 1);
  return op.next();
}

/** CLD (`sub` 0), STD (1). */
export function directionOp(op: Op): usize {
  const f = load<u32>(S_EFLAGS);
  store<u32>(S_EFLAGS, op.sub == 0 ? f & ~DF : f | DF);
  return op.next();
}

/** Whether CLI and STI act on IF; 2: on VIF; 0: #GP pending. */
function interruptFlagRight(): i32 {
  const f = load<u32>(S_EFLAGS);
  if (!protectedMode()) return 1;
  const iopl = (f >> 12) & 3;
  if (vm86()) {
    if (iopl == 3) return 1;
    if ((load<u64>(S_CR4) & 1) != 0) return 2;
  } else {
    if (load<u32>(S_CPL) <= iopl) return 1;
    if (load<u32>(S_CPL) == 3 && (load<u64>(S_CR4) & 2) != 0) return 2;
  }
  raiseCode(GP, 0);
  return 0;
}

export function cli(op: Op): usize {
  const right = interruptFlagRight();
  if (right == 0) return op.fault();
  store<u32>(S_EFLAGS, load<u32>(S_EFLAGS) & ~(right == 1 ? IF : VIF));
  return op.next();
}

export function sti(op: Op): usize {
  const right = interruptFlagRight();
  if (right == 0) return op.fault();
  const f = load<u32>(S_EFLAGS);
  if (right == 2) {
    if ((f & VIP) != 0) return failed(op, GP, 0);
    store<u32>(S_EFLAGS, f | VIF);
    return leaveAfter(op);
  }
  store<u32>(S_EFLAGS, f | IF);
  if ((f & IF) == 0) shadow(SHADOW_STI);
  return leaveAfter(op);
}

/** CLAC (`sub` 0), STAC (1). */
export function alignmentFlag(op: Op): usize {
  if (load<u32>(S_CPL) != 0) return undefinedOpcode(op);
  const f = load<u32>(S_EFLAGS);
  store<u32>(S_EFLAGS, op.sub == 0 ? f & ~AC : f | AC);
  selectTlb();
  return op.next();
}

// ---- System calls

export function syscall(op: Op): usize {
  if ((load<u64>(S_EFER) & 1) == 0 || !code64()) return undefinedOpcode(op);
  const star = load<u64>(S_STAR);
  store<u64>(RCX, op.nextRip());
  store<u64>(R11, <u64>(eflags() & ~RF));
  const flags = eflags() & ~(<u32>load<u64>(S_SFMASK)) & ~RF;
  setStatusFlags(flags);
  store<u32>(S_EFLAGS, flags & ~STATUS & 0x3fff00);
  const cs = <u32>(star >> 32) & 0xfffc;
  setSegment(CS, cs, 0, 0xffffffff, 0xa09b);
  setSegment(SS, cs + 8, 0, 0xffffffff, 0xc093);
  store<u32>(S_CPL, 0);
  updateMode();
  return leaveTo(op, load<u64>(S_LSTAR));
}

export function sysret(op: Op): usize {
  if ((load<u64>(S_EFER) & 1) == 0 || !code64()) return undefinedOpcode(op);
  if (!requireRing0()) return op.fault();
  const star = load<u64>(S_STAR);
  const wide = op.size == 8;
  const target = wide ? load<u64>(RCX) : load<u64>(RCX) & 0xffffffff;
  if (!canonical(target)) return failed(op, GP, 0);
  const base = <u32>(star >> 48);
  const flags = (<u32>load<u64>(R11) & 0x3c7fd7) | 2;
  setStatusFlags(flags);
  store<u32>(S_EFLAGS, flags & ~STATUS & 0x3fff00);
  setSegment(CS, ((base + (wide ? 16 : 0)) & 0xffff) | 3, 0, 0xffffffff, wide ? 0xa0fb : 0xc0fb);
  setSegment(SS, ((base + 8) & 0xffff) | 3, 0, 0xffffffff, 0xc0f3);
  store<u32>(S_CPL, 3);
  updateMode();
  return leaveTo(op, target);
}

export function sysenter(op: Op): usize {
  if (!protectedMode()) return failed(op, GP, 0);
  const cs = <u32>load<u64>(S_SYSENTER_CS);
  if ((cs & 0xfffc) == 0) return failed(op, GP, 0);
  const long = longMode();
  store<u32>(S_EFLAGS, load<u32>(S_EFLAGS) & ~(VM | IF | RF));
  setSegment(CS, cs & 0xfffc, 0, 0xffffffff, long ? 0xa09b : 0xc09b);
  setSegment(SS, (cs & 0xfffc) + 8, 0, 0xffffffff, 0xc093);
  store<u32>(S_CPL, 0);
  updateMode();
  const mask: u64 = long ? 0xffffffffffffffff : 0xffffffff;
  store<u64>(RSP, load<u64>(S_SYSENTER_ESP) & mask);
  return leaveTo(op, load<u64>(S_SYSENTER_EIP) & mask);
}

export function sysexit(op: Op): usize {
  const cs = <u32>load<u64>(S_SYSENTER_CS);
  if (!protectedMode() || load<u32>(S_CPL) != 0 || (cs & 0xfffc) == 0) return failed(op, GP, 0);
  const wide = op.size == 8;
  const rip = load<u64>(RDX);
  const rsp = load<u64>(RCX);
  if (wide && (!canonical(rip) || !canonical(rsp))) return failed(op, GP, 0);
  const selector = (cs & 0xfffc) + (wide ? 32 : 16);
  setSegment(CS, selector | 3, 0, 0xffffffff, wide ? 0xa0fb : 0xc0fb);
  setSegment(SS, (selector + 8) | 3, 0, 0xffffffff, 0xc0f3);
  store<u32>(S_CPL, 3);
  updateMode();
  store<u64>(RSP, wide ? rsp : rsp & 0xffffffff);
  return leaveTo(op, wide ? rip : rip & 0xffffffff);
}

export function swapgs(op: Op): usize {
  if (!requireRing0()) return op.fault();
  const base = Seg.base(5);
  store<u64>(Seg.at(5), load<u64>(S_KERNEL_GS));
  store<u64>(S_KERNEL_GS, base);
  return op.next();
}

/** RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE: segment in `sub` & 7, write if bit 3. */
export function segmentBase(op: Op): usize {
  if ((load<u64>(S_CR4) & 0x10000) == 0) return undefinedOpcode(op);
  const size = <i32>op.size;
  const at = Seg.at(<i32>(op.sub & 7));
  if ((op.sub & 8) == 0) {
    writeRegister(<usize>op.src, size, load<u64>(at));
    return op.next();
  }
  const v = readRegister(<usize>op.src, size);
  if (!canonical(v)) return failed(op, GP, 0);
  store<u64>(at, v);
  return op.next();
}

// ---- Waiting, time, caches

export function hlt(op: Op): usize {
  if (!requireRing0()) return op.fault();
  store<u32>(S_ACTIVITY, HALTED);
  leaveSoon();
  return leaveAfter(op);
}

/** PAUSE: with other CPUs waiting their turn, the rest of the slice passes idle. */
export function pause(op: Op): usize {
  if (cpuCount > 1) {
    const rest = load<i32>(S_BUDGET) - <i32>op.idx - 1;
    if (rest > 0) {
      store<u64>(S_RIP, op.nextRip());
      store<i32>(S_BUDGET, 0);
      return 0;
    }
  }
  return op.next();
}

/** MONITOR (`sub` 0) arms an address; MWAIT (1) is a hint that ends like HLT would, at once. */
export function monitorMwait(op: Op): usize {
  if (load<u32>(S_CPL) != 0) return undefinedOpcode(op);
  if (op.sub == 0) {
    if (<u32>load<u64>(RCX) != 0) return failed(op, GP, 0);
    const at = op.address(1, false);
    Mem.read<u8>(at);
    if (load<u32>(S_FAULT) != 0) return op.fault();
    store<u64>(S_MONITOR, at);
    return op.next();
  }
  if ((<u32>load<u64>(RCX) & ~1) != 0) return failed(op, GP, 0);
  return pause(op);
}

/** RDTSC (`sub` 0), RDTSCP (1). */
export function rdtsc(op: Op): usize {
  if ((load<u64>(S_CR4) & 4) != 0 && load<u32>(S_CPL) != 0) return failed(op, GP, 0);
  const t = readTsc(op.idx);
  store<u64>(RAX, t & 0xffffffff);
  store<u64>(RDX, t >> 32);
  if (op.sub == 1) store<u64>(RCX, load<u64>(S_TSC_AUX) & 0xffffffff);
  return op.next();
}

/** RDPMC: the three fixed and four general counters count nothing. */
export function rdpmc(op: Op): usize {
  if (load<u32>(S_CPL) != 0 && (load<u64>(S_CR4) & 0x100) == 0) return failed(op, GP, 0);
  return failed(op, GP, 0);
}

/** INVD, WBINVD: memory is coherent. */
export function wbinvd(op: Op): usize {
  if (!requireRing0()) return op.fault();
  return op.next();
}

export function invlpg(op: Op): usize {
  if (!requireRing0()) return op.fault();
  flushPage(op.address(1, false));
  store<u32>(S_FAULT, 0);
  return leaveAfter(op);
}

/** INVPCID: everything is dropped, which each of its types allows. */
export function invpcid(op: Op): usize {
  if (!requireRing0()) return op.fault();
  const type = readRegister(<usize>op.dst, code64() ? 8 : 4);
  const at = op.address(16, false);
  const low = readLinear(at, 8);
  const linear = readLinear(at + 8, 8);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  const pcids = (load<u64>(S_CR4) & 0x20000) != 0;
  if (
    type > 3 ||
    (type < 2 && (low >> 12 != 0 || (!pcids && low != 0))) ||
    (type == 0 && !canonical(linear))
  )
    return failed(op, GP, 0);
  flushTlb();
  return leaveAfter(op);
}

/** XGETBV (`sub` 0), XSETBV (1). */
export function xcr(op: Op): usize {
  if ((load<u64>(S_CR4) & 0x40000) == 0) return undefinedOpcode(op);
  if (<u32>load<u64>(RCX) != 0) return failed(op, GP, 0);
  if (op.sub == 0) {
    const v = load<u64>(S_XCR0);
    store<u64>(RAX, v & 0xffffffff);
    store<u64>(RDX, v >> 32);
    return leaveAfter(op);
  }
  if (load<u32>(S_CPL) != 0) return failed(op, GP, 0);
  const v = (load<u64>(RDX) << 32) | <u64>load<u32>(RAX);
  // x87 always; AVX needs SSE.
  if ((v & ~7) != 0 || (v & 1) == 0 || (v & 6) == 4) return failed(op, GP, 0);
  store<u64>(S_XCR0, v);
  updateMode();
  return leaveAfter(op);
}
