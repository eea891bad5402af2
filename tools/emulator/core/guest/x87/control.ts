// The x87's control instructions: initialization, control and status word, stack pointer, environment and
// state images, FWAIT, and the tag word in its full form. Follows Intel SDM vol. 1, 8.1.7–8.1.10 (figures
// 8-9 to 8-12) and vol. 2.

import {
  REGS,
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
} from "../../state";
import { Mem, probe } from "../memory/access";
import { READ, WRITE } from "../memory/rights";
import { realStyle } from "../memory/segments";
import { Op } from "../op/op";
import { raise } from "../processor/fault";
import { BUSY, clearC1, ES, Fpu, notePointers, ready, readyNoWait } from "./arithmetic";

const CR0_MP_TS: u32 = 0xa;

/** State after FNINIT. */
export function x87Init(): void {
  store<u32>(S_FCW, 0x37f);
  store<u32>(S_FSW, 0);
  store<u32>(S_FTOP, 0);
  store<u32>(S_FTAG, 0);
  store<u32>(S_FOP, 0);
  store<u64>(S_FIP, 0);
  store<u64>(S_FDP, 0);
  store<u32>(S_FCS, 0);
  store<u32>(S_FDS, 0);
}

/** Status word with TOP. */
export function x87Status(): u32 {
  return load<u32>(S_FSW) | (load<u32>(S_FTOP) << 11);
}

/** Sets status word and TOP from an image. ES and B follow from the control word. */
export function x87SetStatus(fsw: u32): void {
  store<u32>(S_FTOP, (fsw >> 11) & 7);
  store<u32>(S_FSW, fsw & 0x477f);
  updateSummary();
}

/** Control word from memory: bit 6 is always set, reserved bits are not kept. */
export function x87SetControl(fcw: u32): void {
  store<u32>(S_FCW, (fcw & 0x1f3f) | 0x40);
}

/** Recomputes ES and B from flags and masks. */
export function updateSummary(): void {
  const fsw = load<u32>(S_FSW) & ~(ES | BUSY);
  const pending = (fsw & ~load<u32>(S_FCW) & 0x3f) != 0;
  store<u32>(S_FSW, pending ? fsw | ES | BUSY : fsw);
}

/** Tag word of two bits a register: 0 valid, 1 zero, 2 special, 3 empty. */
export function x87FullTag(): u32 {
  let tags: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) {
    const p = S_FPR + <usize>(i << 4);
    const exponent = <u32>load<u16>(p, 8) & 0x7fff;
    const low = load<u64>(p);
    let tag: u32;
    if (((load<u32>(S_FTAG) >> i) & 1) == 0) tag = 3;
    else if (exponent == 0 && low == 0) tag = 1;
    else if (exponent == 0 || exponent == 0x7fff || low >> 63 == 0) tag = 2;
    else tag = 0;
    tags |= tag << (2 * i);
  }
  return tags;
}

export function x87SetFullTag(tags: u32): void {
  let abridged: u32 = 0;
  for (let i: u32 = 0; i < 8; i++) {
    if (((tags >> (2 * i)) & 3) != 3) abridged |= 1 << i;
  }
  store<u32>(S_FTAG, abridged);
}

// ---- Instructions

export function fnop(op: Op): usize {
  if (!ready()) return op.fault();
  notePointers(op);
  return op.next();
}

/** FWAIT: #NM needs both CR0.MP and CR0.TS. */
export function fwait(op: Op): usize {
  if ((load<u32>(S_CR0) & CR0_MP_TS) == CR0_MP_TS) {
    raise(7);
    return op.fault();
  }
  if ((load<u32>(S_FSW) & ES) != 0) {
    raise(16);
    return op.fault();
  }
  return op.next();
}

export function fninit(op: Op): usize {
  if (!readyNoWait()) return op.fault();
  x87Init();
  return op.next();
}

export function fnclex(op: Op): usize {
  if (!readyNoWait()) return op.fault();
  store<u32>(S_FSW, load<u32>(S_FSW) & 0x7f00);
  return op.next();
}

/** FNENI, FNDISI, FNSETPM: of the 8087 and 80287, without effect. */
export function ignored(op: Op): usize {
  return readyNoWait() ? op.next() : op.fault();
}

/** FINCSTP, FDECSTP: `sub` is what is added to TOP. */
export function moveTop(op: Op): usize {
  if (!ready()) return op.fault();
  notePointers(op);
  clearC1();
  store<u32>(S_FTOP, (load<u32>(S_FTOP) + <u32>op.sub) & 7);
  return op.next();
}

/** FFREE, FFREEP (`aux` bit 20). */
export function free(op: Op): usize {
  if (!ready()) return op.fault();
  notePointers(op);
  Fpu.setEmpty(op.sub);
  if ((op.aux & 0x100000) != 0) Fpu.pop();
  return op.next();
}

export function loadControl(op: Op): usize {
  if (!ready()) return op.fault();
  const v = <u32>Mem.read<u16>(op.address(2, false));
  if (load<u32>(S_FAULT) != 0) return op.fault();
  x87SetControl(v);
  updateSummary();
  return op.next();
}

export function storeControl(op: Op): usize {
  if (!readyNoWait()) return op.fault();
  Mem.write<u16>(op.address(2, true), <u64>load<u32>(S_FCW));
  return load<u32>(S_FAULT) != 0 ? op.fault() : op.done();
}

export function storeStatus(op: Op): usize {
  if (!readyNoWait()) return op.fault();
  Mem.write<u16>(op.address(2, true), <u64>x87Status());
  return load<u32>(S_FAULT) != 0 ? op.fault() : op.done();
}

export function storeStatusAx(op: Op): usize {
  if (!readyNoWait()) return op.fault();
  store<u16>(REGS, <u16>x87Status());
  return op.next();
}

// ---- Environment: 14 bytes with a 16-bit, 28 with a 32-bit operand size; two formats each

function environmentSize(op: Op): i32 {
  return op.size == 2 ? 14 : 28;
}

/** Size of its elements: #AC asks for no more, for the registers of FNSAVE neither (SDM vol. 3A, table 6-7). */
function elementSize(op: Op): i32 {
  return op.size == 2 ? 2 : 4;
}

/** Writes the environment at `a`, which has been probed. */
function writeEnvironment(op: Op, a: u64): void {
  const real = realStyle();
  const fip = <u32>load<u64>(S_FIP);
  const fdp = <u32>load<u64>(S_FDP);
  const fop = load<u32>(S_FOP);
  const selector = real ? ((fip >> 4) & 0xf000) | fop : load<u32>(S_FCS);
  const data = real ? (fdp >> 4) & 0xf000 : load<u32>(S_FDS);
  if (op.size == 2) {
    Mem.write<u16>(a, <u64>load<u32>(S_FCW));
    Mem.write<u16>(a + 2, <u64>x87Status());
    Mem.write<u16>(a + 4, <u64>x87FullTag());
    Mem.write<u16>(a + 6, <u64>fip);
    Mem.write<u16>(a + 8, <u64>selector);
    Mem.write<u16>(a + 10, <u64>fdp);
    Mem.write<u16>(a + 12, <u64>data);
    return;
  }
  Mem.write<u32>(a, <u64>(load<u32>(S_FCW) | 0xffff0000));
  Mem.write<u32>(a + 4, <u64>(x87Status() | 0xffff0000));
  Mem.write<u32>(a + 8, <u64>(x87FullTag() | 0xffff0000));
  if (real) {
    Mem.write<u32>(a + 12, <u64>((fip & 0xffff) | 0xffff0000));
    Mem.write<u32>(a + 16, <u64>(((fip & 0xffff0000) >> 4) | fop));
    Mem.write<u32>(a + 20, <u64>((fdp & 0xffff) | 0xffff0000));
    Mem.write<u32>(a + 24, <u64>((fdp & 0xffff0000) >> 4));
  } else {
    Mem.write<u32>(a + 12, <u64>fip);
    Mem.write<u32>(a + 16, <u64>(selector | (fop << 16)));
    Mem.write<u32>(a + 20, <u64>fdp);
    Mem.write<u32>(a + 24, <u64>(data | 0xffff0000));
  }
}

/** Reads the environment at `a`, which has been probed. */
function readEnvironment(op: Op, a: u64): void {
  const real = realStyle();
  const step: u64 = op.size == 2 ? 2 : 4;
  const fcw = <u32>Mem.read<u16>(a);
  const fsw = <u32>Mem.read<u16>(a + step);
  const tags = <u32>Mem.read<u16>(a + 2 * step);
  let fip: u32;
  let selector: u32;
  let fdp: u32;
  let data: u32;
  let fop: u32;
  if (op.size == 2) {
    fip = <u32>Mem.read<u16>(a + 6);
    selector = <u32>Mem.read<u16>(a + 8);
    fdp = <u32>Mem.read<u16>(a + 10);
    data = <u32>Mem.read<u16>(a + 12);
    if (real) {
      fop = selector & 0x7ff;
      fip |= (selector & 0xf000) << 4;
      fdp |= (data & 0xf000) << 4;
    } else fop = 0;
  } else {
    fip = <u32>Mem.read<u32>(a + 12);
    selector = <u32>Mem.read<u32>(a + 16);
    fdp = <u32>Mem.read<u32>(a + 20);
    data = <u32>Mem.read<u32>(a + 24);
    if (real) {
      fop = selector & 0x7ff;
      fip = (fip & 0xffff) | ((selector & 0x0ffff000) << 4);
      fdp = (fdp & 0xffff) | ((data & 0x0ffff000) << 4);
    } else fop = (selector >> 16) & 0x7ff;
  }
  x87SetControl(fcw);
  x87SetStatus(fsw);
  x87SetFullTag(tags);
  store<u64>(S_FIP, <u64>fip);
  store<u64>(S_FDP, <u64>fdp);
  store<u32>(S_FOP, fop);
  store<u32>(S_FCS, real ? 0 : selector & 0xffff);
  store<u32>(S_FDS, real ? 0 : data & 0xffff);
}

/** `size` bytes at `a` can be accessed; the first element's fault comes before one for where the others are. */
function reaches(op: Op, a: u64, size: i32, access: i32): bool {
  const element = elementSize(op);
  return probe(a, element, access, element) && probe(a, size, access, element);
}

export function storeEnvironment(op: Op): usize {
  if (!readyNoWait()) return op.fault();
  const size = environmentSize(op);
  const a = op.address(size, true);
  if (!reaches(op, a, size, WRITE)) return op.fault();
  writeEnvironment(op, a);
  store<u32>(S_FCW, load<u32>(S_FCW) | 0x3f);
  updateSummary();
  return op.done();
}

export function loadEnvironment(op: Op): usize {
  if (!ready()) return op.fault();
  const size = environmentSize(op);
  const a = op.address(size, false);
  if (!reaches(op, a, size, READ)) return op.fault();
  readEnvironment(op, a);
  return op.next();
}

export function saveState(op: Op): usize {
  if (!readyNoWait()) return op.fault();
  const size = environmentSize(op);
  const a = op.address(size + 80, true);
  if (!reaches(op, a, size + 80, WRITE)) return op.fault();
  writeEnvironment(op, a);
  for (let i: u32 = 0; i < 8; i++) {
    const p = Fpu.st(i);
    const to = a + <u64>size + <u64>(i * 10);
    for (let n: u32 = 0; n < 10; n += 2) Mem.write<u16>(to + n, <u64>load<u16>(p + n));
  }
  x87Init();
  return op.done();
}

export function restoreState(op: Op): usize {
  if (!ready()) return op.fault();
  const size = environmentSize(op);
  const a = op.address(size + 80, false);
  if (!reaches(op, a, size + 80, READ)) return op.fault();
  readEnvironment(op, a);
  for (let i: u32 = 0; i < 8; i++) {
    const p = Fpu.st(i);
    const from = a + <u64>size + <u64>(i * 10);
    for (let n: u32 = 0; n < 10; n += 2) store<u16>(p + n, <u16>Mem.read<u16>(from + n));
  }
  return op.next();
}
