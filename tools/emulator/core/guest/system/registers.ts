// Control registers, XCR0 and PKRU. Follows Intel SDM vol. 3A, 2.5 and 4.1, and vol. 1, 13.3.

import {
  RAX,
  RCX,
  RDX,
  S_CPL,
  S_CR0,
  S_CR2,
  S_CR3,
  S_CR4,
  S_CR8,
  S_EFER,
  S_FAULT,
  S_PKRU,
  S_XCR0,
} from "../../state";
import { setPkru } from "../memory/protection_keys";
import { CS, code64, longMode, Seg, updateMode } from "../memory/segments";
import { flushTlb } from "../memory/tlb";
import { loadPdptes } from "../memory/walk";
import { failed, goAfter, maySeeSystemState, requireRing0 } from "../op/leave";
import {
  EA_REGISTER,
  Op,
  readRegister,
  readRm,
  undefinedOpcode,
  writeRegister,
  writeRm,
} from "../op/op";
import {
  CR4_FSGSBASE,
  CR4_LA57,
  CR4_OSXSAVE,
  CR4_PCIDE,
  CR4_PKE,
  CR4_PKS,
  CR4_SMAP,
  CR4_SMEP,
  CR4_UMIP,
  PHYSICAL_BITS,
} from "../processor/control_bits";
import { GP } from "../processor/fault";
import { charge, SERIALIZING } from "../processor/latency";
import { hasBit, LEAF1_ECX, LEAF7_EBX, LEAF7_ECX } from "../processor/model";
import { stateComponents } from "../simd/fxsave";

export function isPrivileged(): bool {
  return load<u32>(S_CPL) == 0;
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

/** CR4 bits that always exist: VME PVI TSD DE PSE PAE MCE PGE PCE OSFXSR OSXMMEXCPT. */
const CR4_BITS: u64 = 0x7ff;

function cr4Mask(): u64 {
  let mask = CR4_BITS;
  if (hasBit(LEAF7_EBX, 0)) mask |= CR4_FSGSBASE;
  if (hasBit(LEAF1_ECX, 17)) mask |= CR4_PCIDE;
  if (hasBit(LEAF1_ECX, 26)) mask |= CR4_OSXSAVE;
  if (hasBit(LEAF7_EBX, 7)) mask |= CR4_SMEP;
  if (hasBit(LEAF7_EBX, 20)) mask |= CR4_SMAP;
  if (hasBit(LEAF7_ECX, 2)) mask |= CR4_UMIP;
  if (hasBit(LEAF7_ECX, 3)) mask |= CR4_PKE;
  if (hasBit(LEAF7_ECX, 16)) mask |= CR4_LA57;
  if (hasBit(LEAF7_ECX, 31)) mask |= CR4_PKS;
  return mask;
}

function setCr4(v: u64): bool {
  const old = load<u64>(S_CR4);
  if ((v & ~cr4Mask()) != 0) return false;
  // PAE is needed there, and the number of levels stays.
  if (longMode() && ((v & 0x20) == 0 || ((old ^ v) & CR4_LA57) != 0)) return false;
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
  if (((old ^ v) & (0x3200b0 | CR4_PKE | CR4_PKS)) != 0) flushTlb();
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
  if (op.sub != 2 && op.sub != 8) charge(SERIALIZING);
  return goAfter(op);
}

export function clts(op: Op): usize {
  if (!requireRing0()) return op.fault();
  store<u64>(S_CR0, load<u64>(S_CR0) & ~8);
  return goAfter(op);
}

export function smsw(op: Op): usize {
  if (!maySeeSystemState()) return op.fault();
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
  charge(SERIALIZING);
  return goAfter(op);
}

/** RDPKRU (`sub` 0), WRPKRU (1). */
export function pkru(op: Op): usize {
  if ((load<u64>(S_CR4) & CR4_PKE) == 0) return undefinedOpcode(op);
  if (load<u32>(RCX) != 0) return failed(op, GP, 0);
  if (op.sub == 0) {
    store<u64>(RAX, <u64>load<u32>(S_PKRU));
    store<u64>(RDX, 0);
    return op.next();
  }
  if (load<u32>(RDX) != 0) return failed(op, GP, 0);
  setPkru(load<u32>(RAX));
  return op.next();
}

/** XGETBV (`sub` 0), XSETBV (1). */
export function xcr(op: Op): usize {
  if ((load<u64>(S_CR4) & 0x40000) == 0) return undefinedOpcode(op);
  if (<u32>load<u64>(RCX) != 0) return failed(op, GP, 0);
  if (op.sub == 0) {
    const v = load<u64>(S_XCR0);
    store<u64>(RAX, v & 0xffffffff);
    store<u64>(RDX, v >> 32);
    return goAfter(op);
  }
  if (load<u32>(S_CPL) != 0) return failed(op, GP, 0);
  const v = (load<u64>(RDX) << 32) | <u64>load<u32>(RAX);
  // x87 always; AVX needs SSE.
  if ((v & ~stateComponents()) != 0 || (v & 1) == 0 || (v & 6) == 4) return failed(op, GP, 0);
  store<u64>(S_XCR0, v);
  updateMode();
  return goAfter(op);
}
