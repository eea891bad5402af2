// The stack: PUSH, POP, ENTER, LEAVE and their kin, and the addressing they share with CALL, RET and IRET.
// Follows Intel SDM vol. 2; stack addressing vol. 1, 6.2.

import {
  KEY_FLAT,
  KEY_STACK32,
  RBP,
  REGS,
  RSP,
  S_FAULT,
  S_KEY,
  TLB_ADDEND,
  TLB_READ,
} from "../../state";
import { Mem, readForWrite } from "../memory/access";
import { SS, segmentLinear } from "../memory/segments";
import { EA_REGISTER, faultAt, Op, readLinear, readRm, writeLinear, writeRegister } from "../op/op";
import { PAGE_MASK } from "../processor/control_bits";
import { SSF } from "../processor/fault";

export function alignmentGp(op: Op): usize {
  store<u32>(S_FAULT, 0x300 | 13);
  store<u32>(S_FAULT + 4, 0);
  return faultAt(op);
}

/** A fault of a stack access: a non-canonical address is #SS(0) here. */
export function stackFault(op: Op): usize {
  if ((load<u32>(S_FAULT) & 0xff) == 13) store<u32>(S_FAULT, 0x300 | SSF);
  return faultAt(op);
}

/** Stack pointer mask: 64, 32 or 16 bits. */
export function stackMask(): u64 {
  const key = load<u32>(S_KEY);
  if ((key & 3) == 2) return 0xffffffffffffffff;
  return (key & KEY_STACK32) != 0 ? 0xffffffff : 0xffff;
}

export function stackPointer(): u64 {
  return load<u64>(RSP) & stackMask();
}

export function setStackPointer(v: u64): void {
  const key = load<u32>(S_KEY);
  if ((key & 3) == 2) store<u64>(RSP, v);
  else if ((key & KEY_STACK32) != 0) store<u64>(RSP, v & 0xffffffff);
  else store<u16>(RSP, <u16>v);
}

/** Linear address of stack offset `sp`. */
export function stackLinear(sp: u64, size: i32, writing: bool): u64 {
  if ((load<u32>(S_KEY) & KEY_FLAT) != 0) return sp;
  return segmentLinear(SS, sp, size, writing);
}

/** Pushes in any mode; RSP moves only if the write succeeds. */
export function push(v: u64, size: i32): void {
  if (load<u32>(S_FAULT) != 0) return;
  const sp = (load<u64>(RSP) - <u64>size) & stackMask();
  writeLinear(stackLinear(sp, size, true), size, v);
  if (load<u32>(S_FAULT) == 0) setStackPointer(sp);
}

/** Reads `offset` bytes above the top of the stack, in any mode. */
export function peek(offset: i32, size: i32): u64 {
  const sp = (load<u64>(RSP) + <u64>offset) & stackMask();
  return readLinear(stackLinear(sp, size, false), size);
}

/**
 * Host address of the `size` bytes from the top of the stack on, for 64-bit code, if the TLB has them in one page that can
 * be read; otherwise 0.
 */
export function hostOfStack(size: u64): usize {
  const sp = load<u64>(RSP);
  const e = Mem.entry(sp);
  return load<u64>(e, TLB_READ) == ((sp + size - 1) & PAGE_MASK)
    ? <u32>sp + load<u32>(e, TLB_ADDEND)
    : 0;
}

export function drop(bytes: i64): void {
  setStackPointer((load<u64>(RSP) + bytes) & stackMask());
}

export class Stack {
  /** 64-bit push; check S_FAULT. */
  @inline static push64(v: u64): void {
    const sp = load<u64>(RSP) - 8;
    Mem.write<u64>(sp, v);
    if (load<u32>(S_FAULT) == 0) store<u64>(RSP, sp);
  }
}

export function pushR64(op: Op): usize {
  Stack.push64(load<u64>(<usize>op.dst));
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  return op.done();
}

export function popR64(op: Op): usize {
  const sp = load<u64>(RSP);
  const v = Mem.read<u64>(sp);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  store<u64>(RSP, sp + 8);
  store<u64>(<usize>op.dst, v);
  return op.next();
}

/** PUSH register in any mode and size. */
export function pushR(op: Op): usize {
  push(load<u64>(<usize>op.dst), <i32>op.size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  return op.done();
}

export function pushI(op: Op): usize {
  push(<u64>op.imm, <i32>op.size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  return op.done();
}

export function popR(op: Op): usize {
  const size = <i32>op.size;
  const v = peek(0, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  drop(size);
  writeRegister(<usize>op.dst, size, v);
  return op.next();
}

/** PUSH r/m. */
export function pushRm(op: Op): usize {
  const v = readRm(op, <i32>op.size);
  if (load<u32>(S_FAULT) != 0) return op.fault();
  push(v, <i32>op.size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  return op.done();
}

/** POP r/m: the address is computed after RSP has moved. */
export function popRm(op: Op): usize {
  const size = <i32>op.size;
  const v = peek(0, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  const before = load<u64>(RSP);
  drop(size);
  if (op.ea == EA_REGISTER) {
    writeRegister(<usize>op.src, size, v);
    return op.next();
  }
  writeLinear(op.address(size, true), size, v);
  if (load<u32>(S_FAULT) != 0) {
    store<u64>(RSP, before);
    return op.fault();
  }
  return op.done();
}

export function pusha(op: Op): usize {
  const size = <i32>op.size;
  const before = load<u64>(RSP);
  for (let i = 0; i < 8; i++) {
    push(i == 4 ? before : load<u64>(REGS + (i << 3)), size);
    if (load<u32>(S_FAULT) != 0) {
      store<u64>(RSP, before);
      return stackFault(op);
    }
  }
  return op.done();
}

export function popa(op: Op): usize {
  const size = <i32>op.size;
  // All reads first: a fault leaves the registers alone.
  for (let i = 0; i < 8; i++) peek(i * size, size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  for (let i = 7; i >= 0; i--) {
    if (i != 4) writeRegister(REGS + (i << 3), size, peek((7 - i) * size, size));
  }
  drop(size * 8);
  return op.next();
}

/** ENTER imm16, imm8: the writes happen one by one, RSP and RBP change only if all of them succeed. */
export function enter(op: Op): usize {
  const size = <i32>op.size;
  const level = <i32>(op.aux & 31);
  const before = load<u64>(RSP);
  const mask = stackMask();
  let bp = load<u64>(RBP);
  push(bp, size);
  const frame = load<u64>(RSP);
  for (let i = 1; i < level; i++) {
    bp -= <u64>size;
    const at = bp & mask;
    push(readLinear(stackLinear(at, size, false), size), size);
  }
  if (level > 0) push(frame, size);
  const sp = (load<u64>(RSP) - <u64>op.imm) & mask;
  // The final top of the stack must be writable.
  readForWrite(stackLinear(sp, 1, true), 1);
  if (load<u32>(S_FAULT) != 0) {
    store<u64>(RSP, before);
    return stackFault(op);
  }
  setStackPointer(sp);
  writeRegister(RBP, size, frame);
  return op.done();
}

export function leave(op: Op): usize {
  const size = <i32>op.size;
  const mask = stackMask();
  const bp = load<u64>(RBP) & mask;
  const v = readLinear(stackLinear(bp, size, false), size);
  if (load<u32>(S_FAULT) != 0) return stackFault(op);
  setStackPointer((bp + <u64>size) & mask);
  writeRegister(RBP, size, v);
  return op.next();
}
