// Which blocks wait: they branch back to their own start and on the way only look at memory or at the time-stamp
// counter, or only count a register down. What one of their iterations does then depends on memory, on the time and on
// registers that do not change, and op/wait.ts may skip iterations whose outcome is known. Encodings from Intel SDM
// vol. 2. Knows what compilers make of such loops; any other instruction means that the block does not wait.

import { RCX, REGS } from "../../state";
import { WAIT_COUNT, WAIT_MEMORY, WAIT_NONE, WAIT_TIME } from "../op/wait";

let at: usize = 0;
let end: usize = 0;
/** Code size: 0 16, 1 32, 2 64 bits. */
let mode: u32 = 0;
let rex: u32 = 0;
/** Operand size in bytes. */
let width: i32 = 0;
let mod: u32 = 0;
let reg: u32 = 0;
let rm: u32 = 0;

/** Registers, a bit each, that have been written as a whole, and in their low 8 and low 16 bits alone. */
let whole: u32 = 0;
let low8: u32 = 0;
let low16: u32 = 0;
/** Registers that have been read before they were written. */
let inherited: u32 = 0;
/** The time-stamp counter is read; something is done that need not grow with it. */
let timed: bool = false;
let bends: bool = false;
/** The last instruction compares registers or memory of 32 or 64 bits. */
let compares: bool = false;
/** Address of the register that the one counting instruction counts down, and the number of other instructions. */
let counted: usize = 0;
let others: i32 = 0;
/** Width of the counter in bytes. */
let countWidth: i32 = 0;

/** Address of the register that a WAIT_COUNT block counts down, and its width in bytes. */
export function counterOf(): usize {
  return counted;
}
export function counterWidth(): i32 {
  return countWidth;
}

function byte(): u32 {
  if (at >= end) return 0;
  return load<u8>(at++);
}

/** Reads of `size` bytes of register `n`. */
function reads(n: u32, size: i32): bool {
  const bit = (<u32>1) << n;
  if ((whole & bit) != 0) return true;
  if ((low8 & bit) != 0) return size == 1;
  if ((low16 & bit) != 0) return size == 2;
  inherited |= bit;
  return true;
}

function writes(n: u32, size: i32): bool {
  const bit = (<u32>1) << n;
  if ((inherited & bit) != 0) return false;
  if ((whole & bit) != 0) return true;
  if (size >= 4) {
    whole |= bit;
    return ((low8 | low16) & bit) == 0;
  }
  if (size == 1) low8 |= bit;
  else low16 |= bit;
  return (low8 & low16 & bit) == 0;
}

/** Whether a register operand of 8 bits is the low byte of a register. */
function plain(n: u32): bool {
  return width != 1 || rex != 0 || n < 4;
}

/** ModRM and what belongs to it; the registers of an address count as read. */
function modRm(): bool {
  const m = byte();
  mod = m >> 6;
  reg = ((m >> 3) & 7) | ((rex & 4) << 1);
  rm = (m & 7) | ((rex & 1) << 3);
  if (mod == 3) return true;
  const size = mode == 2 ? 8 : 4;
  if (mode == 0) {
    const kind = m & 7;
    if (kind == 6 && mod == 0) {
      at += 2;
      return true;
    }
    at += mod;
    // BX+SI, BX+DI, BP+SI, BP+DI, SI, DI, BP, BX
    if (kind < 2 || kind == 7) if (!reads(3, 2)) return false;
    if (kind == 2 || kind == 3 || kind == 6) if (!reads(5, 2)) return false;
    if (kind == 0 || kind == 2 || kind == 4) if (!reads(6, 2)) return false;
    if (kind == 1 || kind == 3 || kind == 5) if (!reads(7, 2)) return false;
    return true;
  }
  if ((m & 7) == 4) {
    const sib = byte();
    const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    const base = (sib & 7) | ((rex & 1) << 3);
    if (index != 4 && !reads(index, size)) return false;
    if ((sib & 7) == 5 && mod == 0) at += 4;
    else if (!reads(base, size)) return false;
  } else if ((m & 7) == 5 && mod == 0) {
    at += 4;
    return true;
  } else if (!reads(rm, size)) return false;
  at += mod == 1 ? 1 : mod == 2 ? 4 : 0;
  return true;
}

/** The operand r/m is read. */
function readsRm(): bool {
  return mod != 3 || (plain(rm) && reads(rm, width));
}

function immediate(): void {
  at += width == 1 ? 1 : width == 2 ? 2 : 4;
}

/** ADD OR ADC SBB AND SUB XOR CMP, by number, of a register and something that has been read. */
function arithmetic(operation: u32, target: u32): bool {
  if (!plain(target) || operation == 2 || operation == 3) return false;
  if (!reads(target, width)) return false;
  if (operation == 7) {
    compares = width >= 4;
    if (!compares) bends = true;
    return true;
  }
  // The register is read and written: it must have been written before.
  if ((((<u32>1) << target) & inherited) != 0) return false;
  if (operation != 0 && operation != 1 && operation != 5) bends = true;
  return writes(target, width);
}

/** Takes SUB or DEC of 32 or 64 bits as the counting instruction. */
function counts(n: u32): bool {
  if (counted != 0 || width < 4) return false;
  counted = REGS + <usize>(n << 3);
  countWidth = width;
  return true;
}

/** One instruction; false if the block does not wait. */
function instruction(): bool {
  rex = 0;
  width = mode == 0 ? 2 : 4;
  let pause = false;
  let b = byte();
  for (;;) {
    if (b == 0x66) width = mode == 0 ? 4 : 2;
    else if (b == 0xf3) pause = true;
    else if (b != 0x2e && b != 0x36 && b != 0x3e && b != 0x26 && b != 0x64 && b != 0x65) break;
    b = byte();
  }
  if (mode == 2 && (b & 0xf0) == 0x40) {
    rex = b;
    if ((b & 8) != 0) width = 8;
    b = byte();
  }
  // With REX.B it is XCHG, F3 or not.
  if (b == 0x90 && (rex & 1) == 0) return true;
  if (pause) return false;
  compares = false;
  // DEC r
  if ((b & 0xf8) == 0x48) return counts(b & 7);
  others++;
  if (b < 0x40 && (b & 7) < 6) {
    if ((b & 1) == 0) width = 1;
    const operation = b >> 3;
    if ((b & 4) != 0) {
      immediate();
      return arithmetic(operation, 0);
    }
    if (!modRm()) return false;
    const cmp = operation == 7;
    if ((b & 2) == 0) {
      // To r/m, which must be a register unless it is only compared.
      if (!plain(reg) || !reads(reg, width)) return false;
      if (mod != 3) {
        if (cmp) compares = width >= 4;
        if (cmp && !compares) bends = true;
        return cmp;
      }
      return arithmetic(operation, rm);
    }
    return readsRm() && arithmetic(operation, reg);
  }
  switch (b) {
    case 0x63:
      return mode == 2 && modRm() && readsRm() && writes(reg, width);
    case 0x80:
    case 0x81:
    case 0x83: {
      if (b == 0x80) width = 1;
      if (!modRm()) return false;
      const operation = reg & 7;
      const by = load<u8>(at);
      if (b == 0x81) immediate();
      else at++;
      if (b == 0x83 && operation == 5 && by == 1 && mod == 3 && (whole & (1 << rm)) == 0) {
        others--;
        return counts(rm);
      }
      if (mod != 3) {
        compares = operation == 7 && width >= 4;
        if (!compares) bends = true;
        return operation == 7;
      }
      return arithmetic(operation, rm);
    }
    case 0x84:
    case 0x85:
      if (b == 0x84) width = 1;
      bends = true;
      return modRm() && readsRm() && plain(reg) && reads(reg, width);
    case 0x88:
    case 0x89:
      if (b == 0x88) width = 1;
      return (
        modRm() && mod == 3 && plain(reg) && reads(reg, width) && plain(rm) && writes(rm, width)
      );
    case 0x8a:
    case 0x8b:
      if (b == 0x8a) width = 1;
      return modRm() && readsRm() && plain(reg) && writes(reg, width);
    case 0x8d:
      return modRm() && mod != 3 && width >= 4 && writes(reg, width);
    case 0xa0:
    case 0xa1:
      if (b == 0xa0) width = 1;
      at += mode == 2 ? 8 : mode == 1 ? 4 : 2;
      return writes(0, width);
    case 0xa8:
    case 0xa9:
      if (b == 0xa8) width = 1;
      immediate();
      bends = true;
      return reads(0, width);
    case 0xc1: {
      const ok = modRm() && mod == 3;
      at++;
      // SHL, SHR
      if ((reg & 7) != 4) bends = true;
      return ok && ((reg & 7) == 4 || (reg & 7) == 5) && width >= 4 && arithmetic(5, rm);
    }
    case 0xf6:
    case 0xf7: {
      if (b == 0xf6) width = 1;
      const ok = modRm() && (reg & 7) == 0;
      immediate();
      bends = true;
      return ok && readsRm();
    }
    case 0xff:
      if (!modRm() || mod != 3 || (reg & 7) != 1) return false;
      others--;
      return counts(rm);
    case 0x0f:
      return twoByte();
  }
  return false;
}

function twoByte(): bool {
  const b = byte();
  switch (b) {
    case 0x1f:
      return modRm();
    case 0x31:
      timed = true;
      return writes(0, 8) && writes(2, 8);
    case 0xae: {
      // LFENCE, MFENCE
      const m = byte();
      return m == 0xe8 || m == 0xf0;
    }
    case 0xb6:
    case 0xb7:
    case 0xbe:
    case 0xbf: {
      const target = width;
      width = (b & 1) == 0 ? 1 : 2;
      bends = true;
      return modRm() && readsRm() && writes(reg, target);
    }
    case 0xba: {
      const ok = modRm() && (reg & 7) == 4;
      at++;
      bends = true;
      return ok && readsRm();
    }
  }
  return false;
}

/** JB, JAE, JBE, JA, JL, JGE, JLE, JG: what decides about an order. */
function orders(condition: u32): bool {
  return condition == 2 || condition == 3 || condition == 6 || condition == 7 || condition >= 12;
}

/**
 * How the block of `length` bytes at `start` waits, WAIT_*; its last instruction is a branch whose target is given
 * relative to the block. `size` is its code size as in block keys.
 */
export function waitsHow(start: usize, length: u32, target: i64, size: u32): u32 {
  if (target != 0 || length > 64) return WAIT_NONE;
  at = start;
  end = start + length;
  mode = size;
  whole = low8 = low16 = inherited = 0;
  timed = bends = compares = false;
  counted = 0;
  others = 0;
  for (;;) {
    const left = <u32>(end - at);
    const b = load<u8>(at);
    const short = left == 2;
    const condition = short ? b : <u32>load<u8>(at + 1);
    const near = b == 0x0f && (left == 6 || left == 4) && condition >> 4 == 8;
    if (short && (b & 0xf0) == 0x70) break;
    if (near) break;
    if (short && b == 0xe2 && others == 0 && counted == 0) {
      counted = RCX;
      countWidth = mode == 2 ? 8 : mode == 1 ? 4 : 2;
      return WAIT_COUNT;
    }
    if ((short && b == 0xeb) || (b == 0xe9 && left <= 5)) {
      // Without a condition nothing ends it but an interrupt.
      return counted == 0 && !timed ? WAIT_MEMORY : WAIT_NONE;
    }
    if (left <= 2 || !instruction() || at >= end) return WAIT_NONE;
  }
  const first = <u32>load<u8>(at);
  const condition = (first == 0x0f ? <u32>load<u8>(at + 1) : first) & 15;
  if (counted != 0) return others == 0 && condition == 5 ? WAIT_COUNT : WAIT_NONE;
  if (!timed) return WAIT_MEMORY;
  return compares && !bends && orders(condition) ? WAIT_TIME : WAIT_NONE;
}
