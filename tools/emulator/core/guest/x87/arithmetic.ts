// The x87 FPU: register stack, status word, exception delivery, and the data movement, arithmetic and
// comparison instructions of opcodes D8–DF. Follows Intel SDM vol. 1, chapter 8 and vol. 2. The opcode table
// is in x87_decode.ts, control and environment instructions in x87_control.ts, transcendental functions in
// x87_transcendental.ts. Left out: FERR# and IRQ 13 (with CR0.NE = 0 an unmasked exception is #MF as well).

import {
  RBP,
  RSP,
  S_CR0,
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
  S_TMP0,
  S_TMP1,
} from "../../state";
import { Mem, probe } from "../memory/access";
import { WRITE } from "../memory/rights";
import { CS, DS, Seg, SS } from "../memory/segments";
import { EA_BASE, EA_CHECK, in64BitMode, Op, offsetOf } from "../op/op";
import { raise } from "../processor/fault";
import { condition, setStatusFlags } from "../processor/flags";
import { DE, IE, PE, Sf, TOP_BIT, ZE } from "../softfloat/format";
import { EQUAL, GREATER, LESS, UNORDERED } from "../softfloat/sse";
import {
  add80,
  compare80,
  divide80,
  extract80,
  integer80,
  loadDouble,
  loadSingle,
  multiply80,
  NO_STORE,
  narrow80,
  remainder80,
  roundInteger80,
  scale80,
  setIndefinite,
  setResult,
  special1,
  squareRoot80,
  storeRegister,
  toBcd80,
  toInteger80,
  X80,
} from "../softfloat/x80";
import { compareNormal, Normal, REFUSED } from "./normal";

/** Status word bits. TOP is kept apart in S_FTOP. */
export const SF: u32 = 0x40;
export const ES: u32 = 0x80;
export const BUSY: u32 = 0x8000;
export const C0: u32 = 0x100;
export const C1: u32 = 0x200;
export const C2: u32 = 0x400;
export const C3: u32 = 0x4000;

const NM: u32 = 7;
const MF: u32 = 16;
const CR0_EM_TS: u32 = 0xc;

/** `Op.aux`: bits 0–10 FOP, then what the handler is to do. */
export const AUX_OPERATION: u32 = 16;
export const AUX_TO_STI: u32 = 0x80000;
export const AUX_POPS: u32 = 20;
export const AUX_QUIET: u32 = 0x400000;
export const AUX_KIND: u32 = 24;

/** Memory operand kinds in `aux >> AUX_KIND`. */
export const M32: u32 = 0;
export const M64: u32 = 1;
export const I16: u32 = 2;
export const I32: u32 = 3;
export const I64: u32 = 4;

export class Fpu {
  /** Address of ST(i). */
  @inline static st(i: u32): usize {
    return S_FPR + <usize>(((load<u32>(S_FTOP) + i) & 7) << 4);
  }
  @inline static empty(i: u32): bool {
    return ((load<u32>(S_FTAG) >> ((load<u32>(S_FTOP) + i) & 7)) & 1) == 0;
  }
  @inline static setValid(i: u32): void {
    store<u32>(S_FTAG, load<u32>(S_FTAG) | (1 << ((load<u32>(S_FTOP) + i) & 7)));
  }
  @inline static setEmpty(i: u32): void {
    store<u32>(S_FTAG, load<u32>(S_FTAG) & ~(1 << ((load<u32>(S_FTOP) + i) & 7)));
  }
  @inline static pop(): void {
    Fpu.setEmpty(0);
    store<u32>(S_FTOP, (load<u32>(S_FTOP) + 1) & 7);
  }
  /** Pops as many times as `aux` says. */
  @inline static popAfter(aux: u32): void {
    const n = (aux >> AUX_POPS) & 3;
    if (n != 0) Fpu.pop();
    if (n == 2) Fpu.pop();
  }

  /** ST(0) and ST(i) are not empty. */
  @inline static bothFull(i: u32): bool {
    const tags = load<u32>(S_FTAG);
    const top = load<u32>(S_FTOP);
    return ((tags >> top) & (tags >> ((top + i) & 7)) & 1) != 0;
  }
  /** Result of the last operation to ST(i). */
  @inline static put(i: u32): void {
    storeRegister(Fpu.st(i), Sf.xhi, Sf.xlo);
    Fpu.setValid(i);
  }
}

/** The x87 may execute a waiting instruction; otherwise #NM or #MF is pending. */
function allowed(): bool {
  if ((load<u32>(S_CR0) & CR0_EM_TS) != 0) {
    raise(NM);
    return false;
  }
  if ((load<u32>(S_FSW) & ES) != 0) {
    raise(MF);
    return false;
  }
  return true;
}

/** The same; starts the operation's modes. */
export function ready(): bool {
  if (!allowed()) return false;
  begin();
  return true;
}

/** Takes the modes for softfloat from the control word. */
function begin(): void {
  const fcw = load<u32>(S_FCW);
  Sf.beginX87(fcw);
  X80.denormal = false;
  const control = (fcw >> 8) & 3;
  X80.precision = control == 3 ? 64 : control == 2 ? 53 : control == 0 ? 24 : 64;
}

/** The same for instructions that do not wait for pending exceptions: only #NM. */
export function readyNoWait(): bool {
  if ((load<u32>(S_CR0) & CR0_EM_TS) == 0) return true;
  raise(NM);
  return false;
}

/** Notes instruction and operand pointers: every instruction but the control ones. */
export function notePointers(op: Op): void {
  store<u64>(S_FIP, op.rip());
  store<u32>(S_FCS, Seg.selector(CS));
  store<u32>(S_FOP, op.aux & 0x7ff);
}

export function noteOperand(op: Op): void {
  notePointers(op);
  store<u64>(S_FDP, offsetOf(op));
  const ea = <u32>op.ea;
  let segment = DS;
  if ((ea & (EA_CHECK | EA_BASE)) != 0 || !in64BitMode()) segment = <i32>((ea >> 2) & 7);
  else if (op.base == RSP || op.base == RBP) segment = SS;
  store<u32>(S_FDS, Seg.selector(segment));
}

/** Takes the operation's flags into the status word; C1 tells that rounding went up. True if no pre-computation exception is unmasked. */
export function settle(): bool {
  const flags = Sf.flags;
  let fsw = load<u32>(S_FSW) & ~C1;
  if (flags == 0) {
    store<u32>(S_FSW, fsw);
    return true;
  }
  const unmasked = flags & ~load<u32>(S_FCW) & 0x3f;
  const before = (unmasked & (IE | DE | ZE)) != 0;
  if (before) fsw |= flags & (IE | DE | ZE);
  else {
    fsw |= flags;
    if (Sf.up && (flags & PE) != 0) fsw |= C1;
  }
  if (unmasked != 0) fsw |= ES | BUSY;
  store<u32>(S_FSW, fsw);
  return !before;
}

/** Stack overflow (C1 set) or underflow. True if masked: then the result is the indefinite. */
export function stackFault(overflow: bool): bool {
  let fsw = (load<u32>(S_FSW) & ~C1) | IE | SF;
  if (overflow) fsw |= C1;
  const masked = (load<u32>(S_FCW) & IE) != 0;
  if (!masked) fsw |= ES | BUSY;
  store<u32>(S_FSW, fsw);
  setIndefinite();
  return masked;
}

export function clearC1(): void {
  store<u32>(S_FSW, load<u32>(S_FSW) & ~C1);
}

export function setConditions(bits: u32): void {
  store<u32>(S_FSW, (load<u32>(S_FSW) & ~(C0 | C2 | C3)) | bits);
}

/** Pushes Sf.xhi/xlo; handles overflow. */
export function push(): void {
  if (!Fpu.empty(7)) {
    if (!stackFault(true)) return;
  } else clearC1();
  store<u32>(S_FTOP, (load<u32>(S_FTOP) - 1) & 7);
  Fpu.put(0);
}

// ---- Arithmetic

/** `operation` is the reg field of D8: 0 ADD, 1 MUL, 4 SUB, 5 SUBR, 6 DIV, 7 DIVR. */
function compute(operation: u32, a: usize, b: usize): void {
  switch (operation) {
    case 0:
      add80(a, b, 0);
      break;
    case 1:
      multiply80(a, b);
      break;
    case 4:
      add80(a, b, 1);
      break;
    case 5:
      add80(b, a, 1);
      break;
    case 6:
      divide80(a, b);
      break;
    default:
      divide80(b, a);
  }
}

/** FADD … FDIVR of ST(0) and ST(i), with the result in either and an optional pop. */
export function arithmeticRegister(op: Op): usize {
  if (!allowed()) return op.fault();
  notePointers(op);
  const i = <u32>op.sub;
  const aux = op.aux;
  if (Fpu.bothFull(i)) {
    const a = Fpu.st(0);
    const b = Fpu.st(i);
    const to = (aux & AUX_TO_STI) != 0 ? b : a;
    const operation = (aux >> AUX_OPERATION) & 7;
    if (Normal.compute(operation, to, X80.high(a), X80.low(a), X80.high(b), X80.low(b))) {
      Fpu.popAfter(aux);
      return op.next();
    }
  }
  x87Arithmetic(aux, i);
  return op.next();
}

export function x87Arithmetic(aux: u32, i: u32): void {
  begin();
  if (Fpu.empty(0) || Fpu.empty(i)) {
    if (!stackFault(false)) return;
  } else {
    compute((aux >> AUX_OPERATION) & 7, Fpu.st(0), Fpu.st(i));
    if (!settle()) return;
  }
  Fpu.put((aux & AUX_TO_STI) != 0 ? i : 0);
  Fpu.popAfter(aux);
}

/** A memory operand of arithmetic and loads, of any kind. */
class Operand {
  /** Reads the memory operand, integers with their sign extended; S_FAULT tells of a fault. */
  @inline static read(op: Op): u64 {
    const kind = op.aux >> AUX_KIND;
    if (kind == M32) return <u64>Mem.read<u32>(op.address(4, false));
    if (kind == I16) return <i64>(<i16>Mem.read<u16>(op.address(2, false)));
    if (kind == I32) return <i64>(<i32>Mem.read<u32>(op.address(4, false)));
    return Mem.read<u64>(op.address(8, false));
  }

  /** Sign and exponent of a memory operand; what is no number, or denormal, gets an exponent that fits no normal number. */
  @inline static high(kind: u32, bits: u64): u32 {
    if (kind == M32) {
      const sign = <u32>(bits >> 16) & 0x8000;
      const e = <u32>(bits >> 23) & 0xff;
      return sign | (bits << 33 == 0 ? 0 : <u32>(e - 1) < 0xfe ? e + 16256 : 0x7fff);
    }
    if (kind == M64) {
      const sign = <u32>(bits >> 48) & 0x8000;
      const e = <u32>(bits >> 52) & 0x7ff;
      return sign | (bits << 1 == 0 ? 0 : <u32>(e - 1) < 0x7fe ? e + 15360 : 0x7fff);
    }
    if (bits == 0) return 0;
    const magnitude = <i64>bits < 0 ? 0 - bits : bits;
    return (<u32>(bits >> 48) & 0x8000) | (16446 - <u32>clz(magnitude));
  }

  /** The significand that goes with `high`. */
  @inline static low(kind: u32, bits: u64): u64 {
    if (kind == M32) return bits << 33 == 0 ? 0 : (bits << 40) | TOP_BIT;
    if (kind == M64) return bits << 1 == 0 ? 0 : (bits << 11) | TOP_BIT;
    const magnitude = <i64>bits < 0 ? 0 - bits : bits;
    return bits == 0 ? 0 : magnitude << clz(magnitude);
  }
}

/** The memory operand `bits` as a register image in S_TMP0. */
function unpackOperand(kind: u32, bits: u64): void {
  if (kind == M32) loadSingle(S_TMP0, <u32>bits);
  else if (kind == M64) loadDouble(S_TMP0, bits);
  else {
    integer80(<i64>bits);
    storeRegister(S_TMP0, Sf.xhi, Sf.xlo);
  }
}

export function arithmeticMemory(op: Op): usize {
  if (!allowed()) return op.fault();
  const bits = Operand.read(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  noteOperand(op);
  const aux = op.aux;
  if (!Fpu.empty(0)) {
    const kind = aux >> AUX_KIND;
    const a = Fpu.st(0);
    const high = Operand.high(kind, bits);
    const low = Operand.low(kind, bits);
    const operation = (aux >> AUX_OPERATION) & 7;
    if (Normal.compute(operation, a, X80.high(a), X80.low(a), high, low)) return op.next();
  }
  x87ArithmeticMemory(aux, bits);
  return op.next();
}

export function x87ArithmeticMemory(aux: u32, bits: u64): void {
  begin();
  if (Fpu.empty(0)) {
    if (!stackFault(false)) return;
  } else {
    unpackOperand(aux >> AUX_KIND, bits);
    compute((aux >> AUX_OPERATION) & 7, Fpu.st(0), S_TMP0);
    if (!settle()) return;
  }
  Fpu.put(0);
}

// ---- Comparison

function conditionBits(relation: u32): u32 {
  if (relation == EQUAL) return C3;
  if (relation == LESS) return C0;
  return relation == GREATER ? 0 : C0 | C2 | C3;
}

function compareWith(aux: u32, b: usize): void {
  // Condition codes are written even when an unmasked exception withholds the pop.
  const relation = compare80(Fpu.st(0), b, (aux & AUX_QUIET) != 0);
  setConditions(conditionBits(relation));
  if (settle()) Fpu.popAfter(aux);
}

function compareEmpty(aux: u32): void {
  setConditions(C0 | C2 | C3);
  if (stackFault(false)) Fpu.popAfter(aux);
}

/** Compares ST(0) with a normal number or 0; false leaves it to the general way. */
function comparesNormal(aux: u32, high: u32, low: u64): bool {
  const a = Fpu.st(0);
  const relation = compareNormal(X80.high(a), X80.low(a), high, low);
  if (relation == REFUSED) return false;
  store<u32>(S_FSW, (load<u32>(S_FSW) & ~(C0 | C1 | C2 | C3)) | conditionBits(relation));
  Fpu.popAfter(aux);
  return true;
}

/** FCOM, FCOMP, FCOMPP, FUCOM, FUCOMP, FUCOMPP with ST(i). */
export function compareRegister(op: Op): usize {
  if (!allowed()) return op.fault();
  notePointers(op);
  const i = <u32>op.sub;
  if (Fpu.bothFull(i)) {
    const b = Fpu.st(i);
    if (comparesNormal(op.aux, X80.high(b), X80.low(b))) return op.next();
  }
  x87Compare(op.aux, i);
  return op.next();
}

export function x87Compare(aux: u32, i: u32): void {
  begin();
  if (Fpu.empty(0) || Fpu.empty(i)) compareEmpty(aux);
  else compareWith(aux, Fpu.st(i));
}

export function compareMemory(op: Op): usize {
  if (!allowed()) return op.fault();
  const bits = Operand.read(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  noteOperand(op);
  const aux = op.aux;
  const kind = aux >> AUX_KIND;
  if (!Fpu.empty(0) && comparesNormal(aux, Operand.high(kind, bits), Operand.low(kind, bits)))
    return op.next();
  x87CompareMemory(aux, bits);
  return op.next();
}

export function x87CompareMemory(aux: u32, bits: u64): void {
  begin();
  if (Fpu.empty(0)) compareEmpty(aux);
  else {
    unpackOperand(aux >> AUX_KIND, bits);
    compareWith(aux, S_TMP0);
  }
}

export function test(op: Op): usize {
  if (!allowed()) return op.fault();
  notePointers(op);
  if (!Fpu.empty(0) && comparesNormal(op.aux, 0, 0)) return op.next();
  // An integer 0 in memory is the same.
  x87CompareMemory((op.aux & 0xffffff) | (I64 << AUX_KIND), 0);
  return op.next();
}

function setRelation(relation: u32): void {
  setStatusFlags(relation == EQUAL ? 0x40 : relation == LESS ? 1 : relation == GREATER ? 0 : 0x45);
}

/** FCOMI, FUCOMI and their popping forms: ZF, PF, CF; OF, SF, AF become 0. */
export function compareFlags(op: Op): usize {
  if (!allowed()) return op.fault();
  notePointers(op);
  const i = <u32>op.sub;
  const aux = op.aux;
  let relation = REFUSED;
  if (Fpu.bothFull(i)) {
    const a = Fpu.st(0);
    const b = Fpu.st(i);
    relation = compareNormal(X80.high(a), X80.low(a), X80.high(b), X80.low(b));
  }
  if (relation != REFUSED) {
    clearC1();
    Fpu.popAfter(aux);
  } else relation = x87CompareFlags(aux, i);
  setRelation(relation);
  return op.next();
}

/** The relation decides the flags even when an unmasked exception withholds the pop. */
export function x87CompareFlags(aux: u32, i: u32): u32 {
  begin();
  let relation = UNORDERED;
  let complete: bool;
  if (Fpu.empty(0) || Fpu.empty(i)) complete = stackFault(false);
  else {
    relation = compare80(Fpu.st(0), Fpu.st(i), (aux & AUX_QUIET) != 0);
    complete = settle();
  }
  if (complete) Fpu.popAfter(aux);
  return relation;
}

export function examine(op: Op): usize {
  if (!ready()) return op.fault();
  notePointers(op);
  const p = Fpu.st(0);
  const high = X80.high(p);
  const low = X80.low(p);
  const exponent = high & 0x7fff;
  let bits: u32;
  if (Fpu.empty(0)) bits = C3 | C0;
  else if (exponent == 0) bits = low == 0 ? C3 : C3 | C2;
  else if (low >> 63 == 0) bits = 0;
  else if (exponent == 0x7fff) bits = low << 1 == 0 ? C2 | C0 : C0;
  else bits = C2;
  setConditions(bits);
  store<u32>(S_FSW, (load<u32>(S_FSW) & ~C1) | ((high & 0x8000) != 0 ? C1 : 0));
  return op.next();
}

// ---- Data movement

/** Pushes a value. */
function pushValue(high: u32, low: u64): void {
  const top = (load<u32>(S_FTOP) - 1) & 7;
  const tags = load<u32>(S_FTAG);
  if (((tags >> top) & 1) != 0) {
    if (!stackFault(true)) return;
    high = Sf.xhi;
    low = Sf.xlo;
  } else clearC1();
  store<u32>(S_FTOP, top);
  store<u32>(S_FTAG, tags | (1 << top));
  storeRegister(S_FPR + <usize>(top << 4), high, low);
}

export function loadRegister(op: Op): usize {
  if (!allowed()) return op.fault();
  notePointers(op);
  if (Fpu.empty(op.sub)) {
    if (!stackFault(false)) return op.next();
    store<u32>(S_FTOP, (load<u32>(S_FTOP) - 1) & 7);
    Fpu.put(0);
    return op.next();
  }
  const p = Fpu.st(op.sub);
  pushValue(X80.high(p), X80.low(p));
  return op.next();
}

/** FLD m32, m64 and FILD. */
export function loadMemory(op: Op): usize {
  if (!allowed()) return op.fault();
  const bits = Operand.read(op);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  noteOperand(op);
  const kind = op.aux >> AUX_KIND;
  const high = Operand.high(kind, bits);
  if ((high & 0x7fff) != 0x7fff) pushValue(high, Operand.low(kind, bits));
  else x87Load(kind, bits);
  return op.next();
}

/** FLD of what may be no number, or denormal. */
export function x87Load(kind: u32, bits: u64): void {
  if (!Fpu.empty(7)) {
    push();
    return;
  }
  begin();
  unpackOperand(kind, bits);
  if (!special1(S_TMP0)) {
    setResult(X80.high(S_TMP0), X80.low(S_TMP0));
    if (X80.denormal) Sf.raise(DE);
  }
  // An unmasked DE does not keep the value from being pushed.
  if (!settle() && (Sf.flags & IE) != 0) return;
  store<u32>(S_FTOP, (load<u32>(S_FTOP) - 1) & 7);
  Fpu.put(0);
}

export function loadExtended(op: Op): usize {
  if (!allowed()) return op.fault();
  const a = op.address(10, false);
  const low = Mem.read<u64>(a);
  const high = <u32>Mem.read<u16>(a + 8);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  noteOperand(op);
  pushValue(high, low);
  return op.next();
}

export function loadBcd(op: Op): usize {
  if (!ready()) return op.fault();
  const a = op.address(10, false);
  let low = Mem.read<u64>(a);
  const high = <u32>Mem.read<u16>(a + 8);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  noteOperand(op);
  let value: u64 = <u64>((high >> 4) & 15) * 10 + <u64>(high & 15);
  for (let i = 0; i < 16; i++) {
    value = value * 10 + (low >> 60);
    low <<= 4;
  }
  integer80(<i64>value);
  Sf.xhi |= high & 0x8000;
  push();
  return op.next();
}

/** FLD1, FLDL2T, FLDL2E, FLDPI, FLDLG2, FLDLN2, FLDZ: nearest value and whether rounding towards zero is one less. */
const CONSTANTS = memory.data<u64>([
  0x3fff, 0x8000000000000000, 0, 0x4000, 0xd49a784bcd1b8afe, 1, 0x3fff, 0xb8aa3b295c17f0bc, 2,
  0x4000, 0xc90fdaa22168c235, 2, 0x3ffd, 0x9a209a84fbcff799, 2, 0x3ffe, 0xb17217f7d1cf79ac, 2, 0, 0,
  0,
]);

export function loadConstant(op: Op): usize {
  if (!allowed()) return op.fault();
  notePointers(op);
  const p = CONSTANTS + <usize>op.sub * 24;
  const rc = (load<u32>(S_FCW) >> 10) & 3;
  let low = load<u64>(p, 8);
  const kind = load<u64>(p, 16);
  if (kind == 1 && rc == 2) low++;
  if (kind == 2 && (rc & 1) != 0) low--;
  pushValue(<u32>load<u64>(p), low);
  return op.next();
}

/** FST, FSTP to ST(i). */
export function storeToRegister(op: Op): usize {
  if (!allowed()) return op.fault();
  notePointers(op);
  const to = Fpu.st(op.sub);
  if (Fpu.empty(0)) {
    if (!stackFault(false)) return op.next();
    storeRegister(to, Sf.xhi, Sf.xlo);
  } else {
    const p = Fpu.st(0);
    storeRegister(to, X80.high(p), X80.low(p));
    clearC1();
  }
  Fpu.setValid(op.sub);
  Fpu.popAfter(op.aux);
  return op.next();
}

class Store {
  @inline static size(kind: u32): i32 {
    return kind == I16 ? 2 : kind == M32 || kind == I32 ? 4 : 8;
  }
  @inline static write(a: u64, size: i32, value: u64): void {
    if (size == 2) Mem.write<u16>(a, value);
    else if (size == 4) Mem.write<u32>(a, value);
    else Mem.write<u64>(a, value);
  }
}

/** FST, FSTP m32, m64; FIST, FISTP, FISTTP (AUX_QUIET: truncating). */
export function storeMemory(op: Op): usize {
  if (!allowed()) return op.fault();
  const aux = op.aux;
  const kind = aux >> AUX_KIND;
  const size = Store.size(kind);
  const control = load<u32>(S_FCW) & 0xc20;
  // Bits that are kept and those behind them (bit 63 is half a unit), truncating or to nearest with PE masked.
  const truncate =
    kind > M64 && (control == 0xc20 || ((aux & AUX_QUIET) != 0 && (control & PE) != 0));
  if (Fpu.empty(0) || (!truncate && control != PE)) return storeGeneral(op);
  const p = Fpu.st(0);
  const high = X80.high(p);
  const low = X80.low(p);
  let kept: u64 = 0;
  let rest: u64 = 0;
  let exponent: u64 = 0;
  if (!Normal.isZero(high, low)) {
    if (!Normal.isNormal(high, low)) return storeGeneral(op);
    if (kind <= M64) {
      // The leading bit and a carry out of rounding count up the exponent; it must not reach infinity's.
      const e = <i32>(high & 0x7fff) - (kind == M32 ? 16257 : 15361);
      if (<u32>e >= (kind == M32 ? <u32>0xfd : 0x7fd)) return storeGeneral(op);
      kept = low >> (kind == M32 ? 40 : 11);
      rest = low << (kind == M32 ? 24 : 53);
      exponent = (<u64>e) << (kind == M32 ? 23 : 52);
    } else {
      const e = <i32>(high & 0x7fff) - 16383;
      if (e >= size * 8 - 2) return storeGeneral(op);
      if (e >= 0) {
        kept = low >> (63 - <u64>e);
        rest = low << (<u64>e + 1);
      } else rest = e == -1 ? low : 1;
    }
  }
  const up = !truncate && Normal.isUp((kept & 1) != 0, rest);
  let value = exponent + kept + <u64>up;
  const sign = <u64>(high >> 15);
  if (kind <= M64) value |= sign << (kind == M32 ? 31 : 63);
  else value = (value ^ (0 - sign)) + sign;
  Store.write(op.address(size, true), size, value);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  noteOperand(op);
  Normal.setRounded(rest != 0, up);
  Fpu.popAfter(aux);
  return op.done();
}

/** All cases of the same. */
function storeGeneral(op: Op): usize {
  begin();
  const kind = op.aux >> AUX_KIND;
  const size = Store.size(kind);
  let value: u64;
  const underflow = Fpu.empty(0);
  if (underflow) {
    Sf.raise(IE);
    if (kind == M32) value = 0xffc00000;
    else if (kind == M64) value = 0xfff8000000000000;
    else value = (<u64>1) << (<u64>size * 8 - 1);
  } else if (kind <= M64) value = narrow80(Fpu.st(0), kind == M32 ? 24 : 53);
  else value = toInteger80(Fpu.st(0), size * 8, (op.aux & AUX_QUIET) != 0);
  const withheld = (Sf.flags & NO_STORE & ~load<u32>(S_FCW)) != 0;
  const a = op.address(size, true);
  if (withheld) {
    // Memory faults come first all the same.
    if (!probe(a, size, WRITE, 1)) return op.fault();
    Sf.up = false;
    Sf.flags &= ~PE;
  } else {
    Store.write(a, size, value);
    if (load<u32>(S_FAULT) != 0) return op.fault();
  }
  noteOperand(op);
  if (underflow) stackFault(false);
  else settle();
  if (!withheld) Fpu.popAfter(op.aux);
  return op.done();
}

/** Writes ten bytes, all or nothing, or only checks that it could (`withheld`); false with a fault pending. */
function writeTen(a: u64, high: u32, low: u64, withheld: bool): bool {
  // Inside a page the first write fails if any does; the first eight bytes fault before the others do.
  if (withheld || (a & 0xfff) > 0xff6) {
    if (!probe(a, 8, WRITE, 8) || !probe(a, 10, WRITE, 8)) return false;
  }
  if (withheld) return true;
  Mem.write<u64>(a, low);
  Mem.write<u16>(a + 8, <u64>high);
  return load<u32>(S_FAULT) == 0;
}

export function storeExtended(op: Op): usize {
  if (!allowed()) return op.fault();
  const p = Fpu.st(0);
  const underflow = Fpu.empty(0);
  const withheld = underflow && (load<u32>(S_FCW) & IE) == 0;
  // What an empty register gives is the indefinite.
  const high = underflow ? 0xffff : X80.high(p);
  const low = underflow ? 0xc000000000000000 : X80.low(p);
  if (!writeTen(op.address(10, true), high, low, withheld)) return op.fault();
  noteOperand(op);
  if (underflow) stackFault(false);
  else clearC1();
  if (!withheld) Fpu.pop();
  return op.done();
}

export function storeBcd(op: Op): usize {
  if (!ready()) return op.fault();
  const underflow = Fpu.empty(0);
  let low: u64 = 0xc000000000000000;
  let high: u32 = 0xffff;
  if (underflow) Sf.raise(IE);
  else {
    let magnitude = toBcd80(Fpu.st(0));
    if ((Sf.flags & IE) == 0) {
      low = 0;
      for (let i: u64 = 0; i < 64; i += 4) {
        low |= (magnitude % 10) << i;
        magnitude /= 10;
      }
      high = <u32>(magnitude % 10) | ((<u32>(magnitude / 10)) << 4) | (Sf.rsign << 15);
    }
  }
  const withheld = (Sf.flags & IE & ~load<u32>(S_FCW)) != 0;
  if (!writeTen(op.address(10, true), high, low, withheld)) return op.fault();
  noteOperand(op);
  if (underflow) stackFault(false);
  else settle();
  if (!withheld) Fpu.pop();
  return op.done();
}

/** FSTPNCE (D9 D8+i): like FSTP, but an empty ST(0) is popped and nothing else happens. */
export function storeNoCheck(op: Op): usize {
  if (!ready()) return op.fault();
  notePointers(op);
  clearC1();
  if (!Fpu.empty(0)) {
    const p = Fpu.st(0);
    setResult(X80.high(p), X80.low(p));
    Fpu.put(op.sub);
  }
  Fpu.pop();
  return op.next();
}

export function exchange(op: Op): usize {
  if (!allowed()) return op.fault();
  notePointers(op);
  const i = <u32>op.sub;
  if (Fpu.bothFull(i)) clearC1();
  else {
    const emptyTop = Fpu.empty(0);
    const emptyOther = Fpu.empty(i);
    if (!stackFault(false)) return op.next();
    if (emptyTop) Fpu.put(0);
    if (emptyOther) Fpu.put(i);
  }
  const a = Fpu.st(0);
  const b = Fpu.st(i);
  const high = X80.high(a);
  const low = X80.low(a);
  storeRegister(a, X80.high(b), X80.low(b));
  storeRegister(b, high, low);
  return op.next();
}

/** FCMOVcc: condition CF, ZF, CF or ZF, PF in the operation field, negated with AUX_QUIET. */
export function conditionalMove(op: Op): usize {
  if (!ready()) return op.fault();
  notePointers(op);
  if (Fpu.empty(0) || Fpu.empty(op.sub)) {
    if (stackFault(false)) Fpu.put(0);
    return op.next();
  }
  const kind = (op.aux >> AUX_OPERATION) & 3;
  const cc = kind == 0 ? 2 : kind == 1 ? 4 : kind == 2 ? 6 : 10;
  if (condition(cc) != ((op.aux & AUX_QUIET) != 0)) {
    const p = Fpu.st(op.sub);
    setResult(X80.high(p), X80.low(p));
    Fpu.put(0);
  }
  return op.next();
}

// ---- One operand

/** FCHS and FABS (operation 1). */
export function changeSign(op: Op): usize {
  if (!allowed()) return op.fault();
  notePointers(op);
  if (Fpu.empty(0)) {
    if (stackFault(false)) Fpu.put(0);
    return op.next();
  }
  clearC1();
  const p = Fpu.st(0);
  const high = X80.high(p);
  store<u16>(p, <u16>((op.aux >> AUX_OPERATION) & 1 ? high & 0x7fff : high ^ 0x8000), 8);
  return op.next();
}

/** FSQRT, FRNDINT (operation 1). */
export function unary(op: Op): usize {
  if (!ready()) return op.fault();
  notePointers(op);
  if (Fpu.empty(0)) {
    if (!stackFault(false)) return op.next();
  } else {
    if (((op.aux >> AUX_OPERATION) & 1) != 0) roundInteger80(Fpu.st(0));
    else squareRoot80(Fpu.st(0));
    if (!settle()) return op.next();
  }
  Fpu.put(0);
  return op.next();
}

/** FSCALE, FPREM (operation 1), FPREM1 (operation 2): ST(0) and ST(1) to ST(0). */
export function binary(op: Op): usize {
  if (!ready()) return op.fault();
  notePointers(op);
  const operation = (op.aux >> AUX_OPERATION) & 3;
  if (operation != 0) store<u32>(S_FSW, load<u32>(S_FSW) & ~C2);
  if (Fpu.empty(0) || Fpu.empty(1)) {
    if (stackFault(false)) Fpu.put(0);
    return op.next();
  }
  if (operation == 0) scale80(Fpu.st(0), Fpu.st(1));
  else remainder80(Fpu.st(0), Fpu.st(1), operation == 2);
  if (!settle()) return op.next();
  if (operation != 0 && X80.reduced) {
    const q = X80.quotient;
    let bits: u32 = 0;
    if (X80.partial) bits = C2;
    else {
      if ((q & 4) != 0) bits |= C0;
      if ((q & 2) != 0) bits |= C3;
      if ((q & 1) != 0) store<u32>(S_FSW, load<u32>(S_FSW) | C1);
    }
    setConditions(bits);
  }
  Fpu.put(0);
  return op.next();
}

/** FXTRACT: exponent to ST(0), then the significand is pushed. */
export function extract(op: Op): usize {
  if (!ready()) return op.fault();
  notePointers(op);
  if (Fpu.empty(0) || !Fpu.empty(7)) {
    if (!stackFault(!Fpu.empty(0))) return op.next();
    Fpu.put(0);
    store<u32>(S_FTOP, (load<u32>(S_FTOP) - 1) & 7);
    Fpu.put(0);
    return op.next();
  }
  extract80(Fpu.st(0), S_TMP1);
  if (!settle()) return op.next();
  Fpu.put(0);
  setResult(X80.high(S_TMP1), X80.low(S_TMP1));
  store<u32>(S_FTOP, (load<u32>(S_FTOP) - 1) & 7);
  Fpu.put(0);
  return op.next();
}
