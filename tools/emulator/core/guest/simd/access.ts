// What every vector instruction does around its operation: the checks of CR0, CR4 and XCR0, reaching the
// memory operand (alignment, page crossing), clearing upper halves, SIMD floating-point exceptions.
// Follows Intel SDM vol. 2A, 2.4 (exception classes 1–7) and vol. 1, 11.5.

import {
  S_CR0,
  S_CR4,
  S_EFLAGS,
  S_FAULT,
  S_FPR,
  S_FSW,
  S_FTAG,
  S_FTOP,
  S_LIN_MASK,
  S_MXCSR,
  S_TMP0,
  S_XCR0,
  TLB_ADDEND,
  TLB_READ,
  TLB_WRITE,
} from "../../state";
import { canonicalRange, knownWritable, Mem, misaligned, probe } from "../memory/access";
import { READ, WRITE } from "../memory/rights";
import { EA_REGISTER, Op } from "../op/op";
import { PAGE_MASK } from "../processor/control_bits";
import { raise, raiseCode } from "../processor/fault";
import { Sf } from "../softfloat/format";
import { settleFlags } from "../softfloat/sse";

/** `Op.sub`: VEX encoded (upper halves are cleared), 256 bits wide, alignment is checked, 64-bit operand (REX.W, VEX.W). */
export const VEX: u32 = 1;
export const WIDE256: u32 = 2;
export const CHECK_ALIGNED: u32 = 4;
export const WIDE64: u32 = 8;

const UD: u32 = 6;
const NM: u32 = 7;
const MF: u32 = 16;
const XM: u32 = 19;
const CR0_EM: u32 = 4;
const CR0_TS: u32 = 8;
const CR4_OSFXSR: u32 = 0x200;
const CR4_OSXMMEXCPT: u32 = 0x400;
const CR4_OSXSAVE: u32 = 0x40000;
const EFLAGS_VM: u32 = 0x20000;

export class Vec {
  /** Address of the first source: VEX.vvvv, or the destination of a legacy instruction. */
  @inline static first(op: Op): usize {
    return op.aux & 0xffff;
  }

  @inline static lane(op: Op): u32 {
    return op.aux >> 16;
  }

  /** SSE or AVX instructions may execute; otherwise #UD or #NM is pending. */
  @inline static ready(op: Op): bool {
    return (op.sub & VEX) != 0
      ? Vec.avxReady()
      : ((load<u32>(S_CR0) & (CR0_EM | CR0_TS)) | (~load<u32>(S_CR4) & CR4_OSFXSR)) == 0
        ? true
        : sseFault();
  }

  /** Protected mode, not VM86, TS clear, OSXSAVE, XMM and YMM state enabled. */
  @inline static avxReady(): bool {
    return ((load<u32>(S_CR0) ^ 1) & (1 | CR0_TS)) |
      (load<u32>(S_EFLAGS) & EFLAGS_VM) |
      (~load<u32>(S_CR4) & CR4_OSXSAVE) |
      (~load<u32>(S_XCR0) & 6)
      ? avxFault()
      : true;
  }

  @inline static sseReady(): bool {
    return ((load<u32>(S_CR0) & (CR0_EM | CR0_TS)) | (~load<u32>(S_CR4) & CR4_OSFXSR)) == 0
      ? true
      : sseFault();
  }

  /** A VEX-encoded instruction clears the bits of its destination above those it writes. */
  @inline static clearUpper(d: usize): void {
    v128.store(d, i64x2.splat(0), 16);
  }
}

function sseFault(): bool {
  if ((load<u32>(S_CR0) & CR0_EM) != 0 || (load<u32>(S_CR4) & CR4_OSFXSR) == 0) raise(UD);
  else raise(NM);
  return false;
}

/** VEX-encoded instructions on general-purpose registers need protected mode, nothing else. */
export function vexReady(): bool {
  if ((load<u32>(S_CR0) & 1) != 0 && (load<u32>(S_EFLAGS) & EFLAGS_VM) == 0) return true;
  raise(UD);
  return false;
}

function avxFault(): bool {
  const enabled =
    (load<u32>(S_CR0) & 1) != 0 &&
    (load<u32>(S_EFLAGS) & EFLAGS_VM) == 0 &&
    (load<u32>(S_CR4) & CR4_OSXSAVE) != 0 &&
    (load<u32>(S_XCR0) & 6) == 6;
  raise(enabled ? NM : UD);
  return false;
}

/** MMX instructions may execute; otherwise #UD, #NM or #MF is pending. */
export function mmxReady(): bool {
  const cr0 = load<u32>(S_CR0);
  if ((cr0 & (CR0_EM | CR0_TS)) == 0 && (load<u32>(S_FSW) & 0x80) == 0) return true;
  if ((cr0 & CR0_EM) != 0) raise(UD);
  else if ((cr0 & CR0_TS) != 0) raise(NM);
  else raise(MF);
  return false;
}

/** Every MMX instruction but EMMS: all registers become valid, TOP = 0 (Intel SDM vol. 1, 9.5.1). */
export function enterMmx(): void {
  store<u32>(S_FTOP, 0);
  store<u32>(S_FTAG, 0xff);
}

/** Writes an MMX register: sign and exponent of the x87 register become all ones. */
export function writeMmx(p: usize, v: u64): void {
  store<u64>(p, v);
  store<u16>(p, 0xffff, 8);
}

export function mmxRegister(n: u32): usize {
  return S_FPR + <usize>(n << 4);
}

/** Address of the bytes of the r/m operand, register or memory; 0 with a fault pending. */
export function source(op: Op): usize {
  if (op.ea == EA_REGISTER) return op.src;
  return memorySource(op, op.size);
}

/** Address of `size` (1 to 32) readable bytes of the memory operand; 0 with a fault pending. */
export function memorySource(op: Op, size: u32): usize {
  const a = op.address(size, false);
  if ((op.sub & CHECK_ALIGNED) != 0 && (a & (size - 1)) != 0) raiseCode(13, 0);
  if (load<u32>(S_FAULT) != 0) return 0;
  const e = Mem.entry(a);
  if (load<u64>(e, TLB_READ) == ((a + size - 1) & PAGE_MASK))
    return <u32>a + load<u32>(e, TLB_ADDEND);
  return readSlowly(a, size);
}

export function readSlowly(a: u64, size: u32): usize {
  if (
    load<u32>(S_FAULT) != 0 ||
    !canonicalRange(a, size) ||
    misaligned(a, min<i32>(size, 16), READ)
  )
    return 0;
  const mask = load<u64>(S_LIN_MASK);
  if (size >= 8) {
    for (let i: u32 = 0; i < size; i += 8) {
      const v = Mem.read<u64>((a + i) & mask);
      if (load<u32>(S_FAULT) != 0) return 0;
      store<u64>(S_TMP0 + i, v);
    }
    return S_TMP0;
  }
  let v: u64;
  if (size == 4) v = Mem.read<u32>(a);
  else if (size == 2) v = Mem.read<u16>(a);
  else v = Mem.read<u8>(a);
  if (load<u32>(S_FAULT) != 0) return 0;
  store<u64>(S_TMP0, v);
  return S_TMP0;
}

/** Writes `size` (1 to 32) bytes from `from` to the memory operand, all or nothing; false with a fault pending. */
export function memoryStore(op: Op, from: usize, size: u32): bool {
  const a = op.address(size, true);
  if ((op.sub & CHECK_ALIGNED) != 0 && (a & (size - 1)) != 0) raiseCode(13, 0);
  return storeAt(a, from, size);
}

/** Checks a write of `size` bytes: canonical, aligned where that matters, permitted. */
export function writable(a: u64, size: u32): bool {
  return (
    canonicalRange(a, size) && !misaligned(a, min<i32>(size, 16), WRITE) && probe(a, size, WRITE, 1)
  );
}

/** Writes `size` bytes at a linear address, all or nothing; false with a fault pending. */
export function storeAt(a: u64, from: usize, size: u32): bool {
  if (load<u32>(S_FAULT) != 0) return false;
  const e = Mem.entry(a);
  if (load<u64>(e, TLB_WRITE) == ((a + size - 1) & PAGE_MASK)) {
    const host: usize = <u32>a + load<u32>(e, TLB_ADDEND);
    if (size == 16) v128.store(host, v128.load(from));
    else if (size == 8) store<u64>(host, load<u64>(from));
    else if (size == 4) store<u32>(host, load<u32>(from));
    else memory.copy(host, from, size);
    return true;
  }
  return storeSlowly(a, from, size);
}

export function storeSlowly(a: u64, from: usize, size: u32): bool {
  const host = knownWritable(a, size);
  if (host != 0) {
    memory.copy(host, from, size);
    return true;
  }
  if (!writable(a, size)) return false;
  if (size >= 8) {
    const mask = load<u64>(S_LIN_MASK);
    for (let i: u32 = 0; i < size; i += 8) Mem.write<u64>((a + i) & mask, load<u64>(from + i));
  } else if (size == 4) Mem.write<u32>(a, load<u32>(from));
  else if (size == 2) Mem.write<u16>(a, load<u16>(from));
  else Mem.write<u8>(a, load<u8>(from));
  return load<u32>(S_FAULT) == 0;
}

// ---- SIMD floating-point exceptions

/** Starts a floating-point operation with MXCSR's modes; exceptions collect in Sf.flags. */
export function beginFloat(): void {
  Sf.begin(load<u32>(S_MXCSR));
}

/** Takes the exceptions detected into MXCSR; false if one is unmasked: #XM (or #UD) is pending then. */
export function endFloat(): bool {
  if (Sf.flags == 0) return true;
  const unmasked = settleFlags();
  store<u32>(S_MXCSR, load<u32>(S_MXCSR) | Sf.flags);
  if (unmasked == 0) return true;
  raise((load<u32>(S_CR4) & CR4_OSXMMEXCPT) != 0 ? XM : UD);
  return false;
}
