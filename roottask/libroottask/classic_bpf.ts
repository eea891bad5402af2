// The classic BPF machine (bpf_check_classic() and bpf_prog_run() of Linux; McCanne and Jacobson, The BSD Packet Filter): what
// is a program, and what one says. It has two registers of 32 bits, 16 words of memory and no jumps backward, so each comes to
// its end. What instructions load beside, and which there are more, is its user's: filters of system calls
// (linux/seccomp/filter_program.ts) and of packets (packet_filter.ts).

import { allocate, release } from "./heap";
import { totalPages } from "./pages";

/** struct sock_filter: code, u16; where a test jumps if it is true and if not, u8 each; k, u32. */
export const INSTRUCTION_BYTES: u32 = 8;
/** BPF_MAXINSNS: instructions of a program at most. */
export const INSTRUCTIONS_MAX: u32 = 4096;

/** All programs together may have this part of the memory. */
const SHARE: u64 = 32;
const PAGE: u64 = 4096;

const WORDS: u32 = 16;

/** Instructions: class, size or operation, mode or source. */
const LD_IMM: u32 = 0x00;
const LDX_IMM: u32 = 0x01;
const ST: u32 = 0x02;
const STX: u32 = 0x03;
export const JA: u32 = 0x05;
export const RET_K: u32 = 0x06;
const TAX: u32 = 0x07;
const RET_A: u32 = 0x16;
const LD_MEM: u32 = 0x60;
const LDX_MEM: u32 = 0x61;
const LD_LEN: u32 = 0x80;
const LDX_LEN: u32 = 0x81;
const NEG: u32 = 0x84;
const TXA: u32 = 0x87;

export const CLASS: u32 = 0x07;
const CLASS_LDX: u32 = 0x01;
export const CLASS_ALU: u32 = 0x04;
export const CLASS_JMP: u32 = 0x05;
export const OPERATION: u32 = 0xf0;
export const SOURCE_X: u32 = 0x08;

const ADD: u32 = 0x00;
const SUB: u32 = 0x10;
const MUL: u32 = 0x20;
export const DIV: u32 = 0x30;
const OR: u32 = 0x40;
const AND: u32 = 0x50;
const LSH: u32 = 0x60;
const RSH: u32 = 0x70;
export const MOD: u32 = 0x90;
const XOR: u32 = 0xa0;

const JEQ: u32 = 0x10;
const JGT: u32 = 0x20;
const JGE: u32 = 0x30;
export const JSET: u32 = 0x40;

/** Words that are known to be written where an instruction is come to by a jump: u16 for each. */
const masks = memory.data(2 * 4096);
const words = memory.data(4 * 16);

export function codeAt(program: usize, index: u32): u32 {
  return load<u16>(program + index * INSTRUCTION_BYTES) as u32;
}

export function valueAt(program: usize, index: u32): u32 {
  return load<u32>(program + index * INSTRUCTION_BYTES, 4);
}

/** The jumps of the test at `index`: as many instructions are left out. */
export function ifTrue(program: usize, index: u32): u32 {
  return load<u8>(program + index * INSTRUCTION_BYTES, 2) as u32;
}

export function ifFalse(program: usize, index: u32): u32 {
  return load<u8>(program + index * INSTRUCTION_BYTES, 3) as u32;
}

/** An arithmetic instruction may be `code` with the constant `value`. */
function isArithmetic(code: u32, value: u32): bool {
  if (code === NEG) return true;
  const constant = (code & SOURCE_X) === 0;
  switch (code & ~(CLASS | SOURCE_X)) {
    case ADD:
    case SUB:
    case MUL:
    case OR:
    case AND:
    case XOR:
      return true;
    case DIV:
      return !constant || value !== 0;
    case LSH:
    case RSH:
      return !constant || value < 32;
    default:
      return false;
  }
}

/** The jump at `index` of a program of `length` instructions is one, and stays inside. */
function isJump(program: usize, index: u32, length: u32): bool {
  const code = codeAt(program, index);
  const left = length - index - 1;
  if (code === JA) return valueAt(program, index) < left;
  const operation = code & ~(CLASS | SOURCE_X);
  if (operation < JEQ || operation > JSET) return false;
  return ifTrue(program, index) < left && ifFalse(program, index) < left;
}

/** `code` with the constant `value` is an instruction beside those of every program. */
export type Knows = (code: u32, value: u32) => bool;

function isInstruction(program: usize, index: u32, length: u32, knows: Knows): bool {
  const code = codeAt(program, index);
  const value = valueAt(program, index);
  switch (code) {
    case LD_IMM:
    case LDX_IMM:
    case RET_K:
    case RET_A:
    case TAX:
    case TXA:
    case LD_LEN:
    case LDX_LEN:
      return true;
    case ST:
    case STX:
    case LD_MEM:
    case LDX_MEM:
      return value < WORDS;
    default:
      break;
  }
  if (code > 0xff) return false;
  if (knows(code, value)) return true;
  if ((code & CLASS) === CLASS_ALU) return isArithmetic(code, value);
  return (code & CLASS) === CLASS_JMP && isJump(program, index, length);
}

function meet(index: u32, written: u32): void {
  const place = masks + 2 * index;
  store<u16>(place, (load<u16>(place) & written) as u16);
}

/** No word is read that has not been written on every way to there. */
function readsWhatIsWritten(program: usize, length: u32): bool {
  memory.fill(masks, 0xff, 2 * length);
  let written: u32 = 0;
  for (let i: u32 = 0; i < length; i++) {
    const code = codeAt(program, i);
    const value = valueAt(program, i);
    written &= load<u16>(masks + 2 * i) as u32;
    if (code === ST || code === STX) {
      written |= (1 as u32) << value;
    } else if (code === LD_MEM || code === LDX_MEM) {
      if ((written & ((1 as u32) << value)) === 0) return false;
    } else if ((code & CLASS) === CLASS_JMP) {
      if (code === JA) {
        meet(i + 1 + value, written);
      } else {
        meet(i + 1 + ifTrue(program, i), written);
        meet(i + 1 + ifFalse(program, i), written);
      }
      written = 0xffff;
    }
  }
  return true;
}

/** The `length` instructions at `program`, 1 to INSTRUCTIONS_MAX, are a program, of those that every one has and `knows`. */
export function isProgram(program: usize, length: u32, knows: Knows): bool {
  for (let i: u32 = 0; i < length; i++) {
    if (!isInstruction(program, i, length, knows)) return false;
  }
  const last = codeAt(program, length - 1);
  return (last === RET_K || last === RET_A) && readsWhatIsWritten(program, length);
}

/** A division by 0, or a load from where there is nothing, ends a program with the value 0. */
let failed: bool = false;

/** Of a Load: there is nothing. */
export function failLoad(): u32 {
  failed = true;
  return 0;
}

/** What an instruction loads whose code, constant and index these are. */
export type Load = (code: u32, value: u32, index: u32) => u32;

function calculate(operation: u32, left: u32, right: u32): u32 {
  switch (operation) {
    case ADD:
      return left + right;
    case SUB:
      return left - right;
    case MUL:
      return left * right;
    case DIV:
      failed = right === 0;
      return failed ? 0 : left / right;
    case MOD:
      failed = right === 0;
      return failed ? 0 : left % right;
    case OR:
      return left | right;
    case AND:
      return left & right;
    case LSH:
      return left << (right & 31);
    case RSH:
      return left >> (right & 31);
    default:
      return left ^ right;
  }
}

function test(operation: u32, left: u32, right: u32): bool {
  if (operation === JEQ) return left === right;
  if (operation === JGT) return left > right;
  if (operation === JGE) return left >= right;
  return (left & right) !== 0;
}

/** What the program at `program` says of what `size` bytes long is and `loads` loads from. */
export function runProgram(program: usize, size: u32, loads: Load): u32 {
  failed = false;
  let accumulator: u32 = 0;
  let index: u32 = 0;
  for (let at: u32 = 0; at < INSTRUCTIONS_MAX; at++) {
    const code = codeAt(program, at);
    const value = valueAt(program, at);
    switch (code) {
      case RET_K:
        return value;
      case RET_A:
        return accumulator;
      case LD_IMM:
        accumulator = value;
        continue;
      case LDX_IMM:
        index = value;
        continue;
      case LD_LEN:
        accumulator = size;
        continue;
      case LDX_LEN:
        index = size;
        continue;
      case LD_MEM:
        accumulator = load<u32>(words + 4 * value);
        continue;
      case LDX_MEM:
        index = load<u32>(words + 4 * value);
        continue;
      case ST:
        store<u32>(words + 4 * value, accumulator);
        continue;
      case STX:
        store<u32>(words + 4 * value, index);
        continue;
      case TAX:
        index = accumulator;
        continue;
      case TXA:
        accumulator = index;
        continue;
      case NEG:
        accumulator = 0 - accumulator;
        continue;
      case JA:
        at += value;
        continue;
      default:
        break;
    }
    const kind = code & CLASS;
    if (kind <= CLASS_LDX) {
      const loaded = loads(code, value, index);
      if (failed) return 0;
      if (kind === CLASS_LDX) index = loaded;
      else accumulator = loaded;
      continue;
    }
    const operand = (code & SOURCE_X) !== 0 ? index : value;
    if (kind === CLASS_ALU) {
      accumulator = calculate(code & OPERATION, accumulator, operand);
      if (failed) return 0;
    } else {
      const holds = test(code & OPERATION, accumulator, operand);
      at += holds ? ifTrue(program, at) : ifFalse(program, at);
    }
  }
  // Each ends by an answer.
  return 0;
}

/** Bytes of all programs. */
let programBytes: u64 = 0;

/** Room for a program of `length` instructions; 0 where there is none. */
export function newProgramRoom(length: u32): usize {
  const bytes = length * INSTRUCTION_BYTES;
  if (programBytes + (bytes as u64) > ((totalPages() as u64) * PAGE) / SHARE) return 0;
  const program = allocate(bytes);
  if (program !== 0) programBytes += bytes as u64;
  return program;
}

export function dropProgram(program: usize, length: u32): void {
  const bytes = length * INSTRUCTION_BYTES;
  programBytes -= bytes as u64;
  release(program, bytes);
}
