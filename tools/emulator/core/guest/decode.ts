// The instruction decoder: one instruction of any mode into one micro-op record. Follows Intel SDM vol. 2,
// chapter 2 and appendix A. The SSE, AVX and x87 maps are in decode_vector.ts and decode_x87.ts.

import { KEY_FLAT, KEY_SIZE, OP_SIZE, REGS, S_RIP_BASE, S_ZERO } from "../state";
import {
  ALU_MI,
  ALU_MR,
  ALU_RI,
  ALU_RM,
  ALU_RR,
  CMP,
  SMALL_MI,
  SMALL_MR,
  SMALL_RI,
  SMALL_RM,
  SMALL_RR,
  TEST,
  UNARY,
} from "./alu";
import { bcd } from "./bcd";
import {
  call64,
  callIndirect,
  callRelative,
  cmpJccRI32,
  cmpJccRI64,
  cmpJccRR32,
  cmpJccRR64,
  JCC,
  jmp,
  jmpIndirect,
  loop,
  ret,
  ret64,
  testJccRI32,
  testJccRI64,
  testJccRR32,
  testJccRR64,
} from "./branch";
import {
  alignmentFlag,
  arpl,
  carryOp,
  cli,
  clts,
  directionOp,
  hlt,
  invlpg,
  invpcid,
  larLsl,
  lldt,
  lmsw,
  loadTable,
  ltr,
  monitorMwait,
  movFromSegment,
  movToSegment,
  pause,
  popFlags,
  popSegment,
  pushFlags,
  pushSegment,
  rdpmc,
  rdtsc,
  readCr,
  readDr,
  segmentBase,
  smsw,
  sti,
  storeSystemSelector,
  storeTable,
  swapgs,
  syscall,
  sysenter,
  sysexit,
  sysret,
  verify,
  wbinvd,
  writeCr,
  writeDr,
  xcr,
} from "./control";
import { cpuid, cpuModel } from "./cpuid";
import {
  bswap,
  CMPXCHG,
  cmov,
  cmpxchgPair,
  convertA,
  convertD,
  enter,
  lahf,
  lea,
  lea64,
  leave,
  MOV_MI,
  MOV_MR,
  MOV_RI,
  MOV_RM,
  MOV_RR,
  MOV_SXM,
  MOV_SXR,
  MOV_ZXM,
  MOV_ZXR,
  movbe,
  movzx8to16,
  nop,
  popa,
  popR,
  popR64,
  popRm,
  pusha,
  pushI,
  pushR,
  pushR64,
  pushRm,
  sahf,
  setcc,
  XADD,
  XCHG,
  xlat,
} from "./data";
import { decodeVector, decodeVex } from "./decode_vector";
import { decodeX87 } from "./decode_x87";
import { bound, clflush, crc32, into, randomNumber, salc } from "./extra";
import { farDirect, farIndirect, loadFarPointer, retFar } from "./far";
import { iret, softwareInterrupt } from "./interrupts";
import { input, output } from "./io";
import { rdmsr, wrmsr } from "./msr";
import {
  EA_BASE,
  EA_CHECK,
  EA_MASK16,
  EA_MASK32,
  EA_REGISTER,
  generalProtection,
  Op,
  undefinedOpcode,
  unimplemented,
} from "./op";
import { CS, DS, ES, FS, GS, LDTR, SS, TR } from "./segments";
import {
  BY_CL,
  bitCount,
  bitScan,
  bitTest,
  divAccumulator,
  doubleShift,
  imul,
  mulAccumulator,
  SHIFT,
  sar32i,
  sar64i,
  shl32i,
  shl64i,
  shr32i,
  shr64i,
} from "./shift";
import { CMPS, INS, LODS, MOVS, OUTS, SCAS, STOS, stringOp } from "./string";

/** The last instruction ends its block. */
export let endsBlock: bool = false;
/** The instruction reaches beyond the bytes given. */
export let overrun: bool = false;

// ---- State of the instruction being decoded
let start: usize = 0;
let p: usize = 0;
let limit: usize = 0;
/** Code size: 0 16, 1 32, 2 64 bits. */
export let mode: u32 = 0;
let flat: bool = false;
export let rex: u32 = 0;
/** Operand size prefix 0x66. */
export let prefix66: bool = false;
/** 0, 0xF2 or 0xF3: the last one. */
export let prefixRep: u32 = 0;
let lock: bool = false;
let segmentOverride: i32 = -1;
/** Operand size in bytes: 2, 4, 8. */
export let opSize: i32 = 4;
/** Address size in bytes. */
export let addressSize: i32 = 8;
export let modrmByte: u32 = 0;
export let mod: u32 = 0;
/** reg and r/m fields with their REX bits. */
export let reg: u32 = 0;
export let rm: u32 = 0;
export let op: Op = changetype<Op>(0);

export function handlerOf(fn: (op: Op) => usize): u32 {
  return load<u32>(changetype<usize>(fn));
}

export function use(fn: (op: Op) => usize): void {
  op.h = load<u32>(changetype<usize>(fn));
}

/** An instruction that leaves its block. */
export function useEnd(fn: (op: Op) => usize): void {
  op.h = load<u32>(changetype<usize>(fn));
  endsBlock = true;
}

export function ud(): void {
  useEnd(undefinedOpcode);
}

/** Exists, but not here yet. */
export function notYet(): void {
  useEnd(unimplemented);
}

export function fetch8(): u32 {
  if (p >= limit) {
    overrun = true;
    return 0;
  }
  return <u32>load<u8>(p++);
}

/** The byte `n` places ahead, or 0 beyond the bytes given. */
export function peek8(n: u32): u32 {
  return p + n < limit ? <u32>load<u8>(p + n) : 0;
}

/** Sets REX as a VEX prefix implies it. */
export function setRex(value: u32): void {
  rex = value;
}

function fetch16(): u32 {
  const a = fetch8();
  return a | (fetch8() << 8);
}

function fetch32(): u32 {
  if (p + 4 <= limit) {
    const v = load<u32>(p);
    p += 4;
    return v;
  }
  const a = fetch16();
  return a | (fetch16() << 16);
}

function fetch64(): u64 {
  const a = <u64>fetch32();
  return a | ((<u64>fetch32()) << 32);
}

export function signed8(): i64 {
  return <i64>(<i8>fetch8());
}

/** Immediate of the operand size; at most 32 bits, sign-extended. */
function immediate(size: i32): i64 {
  if (size == 1) return <i64>(<i8>fetch8());
  if (size == 2) return <i64>(<i16>fetch16());
  return <i64>(<i32>fetch32());
}

/** Address of general-purpose register `n` of `size` bytes. */
export function gpr(n: u32, size: i32): u16 {
  if (size == 1 && rex == 0 && n >= 4 && n < 8) return <u16>(REGS + ((n - 4) << 3) + 1);
  return <u16>(REGS + (n << 3));
}

export function sizeIndex(size: i32): i32 {
  return size == 1 ? 0 : size == 2 ? 1 : size == 4 ? 2 : 3;
}

/** Decodes ModRM, SIB and displacement. A register r/m is left to `registers`. */
export function decodeModrm(): void {
  modrmByte = fetch8();
  mod = modrmByte >> 6;
  reg = ((modrmByte >> 3) & 7) | ((rex & 4) << 1);
  rm = (modrmByte & 7) | ((rex & 1) << 3);
  if (mod == 3) {
    op.ea = EA_REGISTER;
    return;
  }
  let segment: i32 = DS;
  op.index = <u16>S_ZERO;
  op.scale = 0;
  if (addressSize == 2) {
    segment = decode16();
  } else {
    let base = modrmByte & 7;
    op.disp = 0;
    if (base == 4) {
      const sib = fetch8();
      const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
      if (index != 4) {
        op.index = <u16>(REGS + (index << 3));
        op.scale = <u8>(sib >> 6);
      }
      base = sib & 7;
      if (base == 5 && mod == 0) {
        op.base = <u16>S_ZERO;
        op.disp = <i64>(<i32>fetch32());
      } else {
        const b = base | ((rex & 1) << 3);
        op.base = <u16>(REGS + (b << 3));
        if (b == 4 || b == 5) segment = SS;
      }
    } else if (base == 5 && mod == 0) {
      op.disp = <i64>(<i32>fetch32());
      if (mode == 2) {
        // RIP-relative: completed when the length is known.
        op.base = <u16>S_RIP_BASE;
        ripRelative = true;
      } else op.base = <u16>S_ZERO;
    } else {
      const b = base | ((rex & 1) << 3);
      op.base = <u16>(REGS + (b << 3));
      if (b == 5) segment = SS;
    }
    if (mod == 1) op.disp += signed8();
    else if (mod == 2) op.disp += <i64>(<i32>fetch32());
  }
  setSegmentOf(segment);
}

let ripRelative: bool = false;

/** Sets `ea` for the default segment `segment` or the override. */
export function setSegmentOf(segment: i32): void {
  if (segmentOverride >= 0) segment = segmentOverride;
  let ea: i32 = 0;
  if (mode == 2) {
    if (addressSize == 4) ea = EA_MASK32;
    if (segment == FS || segment == GS) ea |= EA_BASE | (segment << 2);
  } else {
    ea = (addressSize == 2 ? EA_MASK16 : EA_MASK32) | (segment << 2);
    if (!flat || segment == FS || segment == GS || segment == CS) ea |= EA_CHECK;
  }
  op.ea = <u8>ea;
}

function decode16(): i32 {
  let segment: i32 = DS;
  const form = modrmByte & 7;
  op.base = <u16>S_ZERO;
  op.disp = 0;
  if (form == 6 && mod == 0) {
    op.disp = <i64>fetch16();
  } else {
    // BX+SI BX+DI BP+SI BP+DI SI DI BP BX
    const hasBp = form == 2 || form == 3 || form == 6;
    if (hasBp) segment = SS;
    if (form < 4) {
      op.base = <u16>(REGS + ((hasBp ? 5 : 3) << 3));
      op.index = <u16>(REGS + (((form & 1) != 0 ? 7 : 6) << 3));
    } else {
      const r = form == 4 ? 6 : form == 5 ? 7 : form == 6 ? 5 : 3;
      op.base = <u16>(REGS + (r << 3));
    }
    if (mod == 1) op.disp = signed8();
    else if (mod == 2) op.disp = <i64>(<i16>fetch16());
  }
  return segment;
}

/** Fills dst with the reg field's register and src with the r/m register. */
export function registers(regSize: i32, rmSize: i32): void {
  op.dst = gpr(reg, regSize);
  if (mod == 3) op.src = gpr(rm, rmSize);
}

/** ModRM and both register fields of one size. */
function modrmOf(size: i32): void {
  decodeModrm();
  registers(size, size);
  op.size = <u8>size;
}

/** LOCK is allowed on this instruction: its destination is memory. */
let lockable: bool = false;

/**
 * Decodes the instruction at host address `bytes` (of which `available` may be read) into the record at
 * `at`. Returns its length. `offset` is its page offset, `index` its number in the block.
 */
export function decodeOne(
  at: usize,
  bytes: usize,
  available: u32,
  offset: u32,
  index: i32,
  key: u32,
): u32 {
  op = changetype<Op>(at);
  memory.fill(at, 0, OP_SIZE);
  start = bytes;
  p = bytes;
  // One byte beyond the 15 allowed, to notice that an instruction is too long.
  limit = bytes + (available > 16 ? 16 : available);
  mode = key & KEY_SIZE;
  flat = (key & KEY_FLAT) != 0;
  rex = 0;
  prefix66 = false;
  prefixRep = 0;
  lock = false;
  lockable = false;
  segmentOverride = -1;
  endsBlock = false;
  overrun = false;
  ripRelative = false;
  op.base = <u16>S_ZERO;
  op.index = <u16>S_ZERO;
  op.idx = <u16>index;
  let prefix67 = false;
  let b: u32;
  for (;;) {
    b = fetch8();
    if (overrun) return 0;
    if (p - start > 15) break;
    if (b == 0x66) prefix66 = true;
    else if (b == 0x67) prefix67 = true;
    else if (b == 0xf2 || b == 0xf3) prefixRep = b;
    else if (b == 0xf0) lock = true;
    else if (b == 0x2e || b == 0x36 || b == 0x3e || b == 0x26) {
      if (mode != 2) segmentOverride = <i32>((b >> 3) & 3);
    } else if (b == 0x64) segmentOverride = FS;
    else if (b == 0x65) segmentOverride = GS;
    else if (mode == 2 && (b & 0xf0) == 0x40) {
      // REX counts only directly before the opcode.
      rex = b;
      continue;
    } else break;
    rex = 0;
  }
  if (mode == 2) {
    opSize = (rex & 8) != 0 ? 8 : prefix66 ? 2 : 4;
    addressSize = prefix67 ? 4 : 8;
  } else {
    opSize = (mode == 1) != prefix66 ? 4 : 2;
    addressSize = (mode == 1) != prefix67 ? 4 : 2;
  }
  op.size = <u8>opSize;
  if (b == 0x0f) decodeTwoByte();
  else decodeOneByte(b);
  const length = <u32>(p - start);
  if (length > 15) {
    // Too long whatever it is, even where the bytes beyond cannot be read.
    overrun = false;
    op.off = <u16>((offset & 0xfff) | (15 << 12));
    useEnd(generalProtection);
    return 15;
  }
  if (overrun) return 0;
  // Every encoding has a handler; a hole in a table must show itself as one.
  if (op.h == 0) notYet();
  op.off = <u16>((offset & 0xfff) | (length << 12));
  if (ripRelative) op.disp += <i64>(offset + length);
  if (lock && (!lockable || op.ea == EA_REGISTER)) ud();
  return length;
}

/** Default operand size of stack and near-branch instructions. */
function stackSize(): i32 {
  if (mode == 2) return prefix66 ? 2 : 8;
  return opSize;
}

/** Relative branch of displacement size `size` (1, 2, 4). Intel ignores 0x66 in 64-bit mode. */
function relative(size: i32): void {
  const displacement =
    size == 1 ? signed8() : size == 2 ? <i64>(<i16>fetch16()) : <i64>(<i32>fetch32());
  // `decodeOne` adds the page offset of the next instruction.
  op.disp = displacement;
  ripRelative = true;
  op.size = mode == 2 ? 8 : <u8>opSize;
}

function branchDisplacement(): i32 {
  return mode != 2 && opSize == 2 ? 2 : 4;
}

function aluRegisterMemory(k: i32, size: i32, toRegister: bool): void {
  modrmOf(size);
  op.sub = <u8>k;
  const small = size < 4;
  const i = k * 2 + (size == 8 ? 1 : 0);
  const s = size == 1 ? 0 : 1;
  if (mod == 3) {
    if (!toRegister) {
      const t = op.dst;
      op.dst = op.src;
      op.src = t;
    }
    use(small ? SMALL_RR[s] : ALU_RR[i]);
  } else if (toRegister) use(small ? SMALL_RM[s] : ALU_RM[i]);
  else {
    lockable = k < CMP;
    use(small ? SMALL_MR[s] : ALU_MR[i]);
  }
}

/** Operation on r/m (decoded) or the accumulator with `imm`. */
function aluImmediate(k: i32, size: i32, memoryForm: bool): void {
  op.sub = <u8>k;
  const small = size < 4;
  const i = k * 2 + (size == 8 ? 1 : 0);
  const s = size == 1 ? 0 : 1;
  if (memoryForm) {
    lockable = k < CMP;
    use(small ? SMALL_MI[s] : ALU_MI[i]);
  } else use(small ? SMALL_RI[s] : ALU_RI[i]);
}

function shiftGroup(size: i32, count: i32): void {
  modrmOf(size);
  const k = (modrmByte >> 3) & 7;
  op.sub = <u8>k;
  if (count == 0) op.imm = <i64>fetch8();
  else if (count == 1) op.imm = 1;
  else op.sub = <u8>k | BY_CL;
  const n = op.imm & (size == 8 ? 63 : 31);
  if (mod == 3 && count != 2 && n != 0 && size >= 4 && k >= 4) {
    op.imm = n;
    if (k == 5) use(size == 8 ? shr64i : shr32i);
    else if (k == 7) use(size == 8 ? sar64i : sar32i);
    else use(size == 8 ? shl64i : shl32i);
    return;
  }
  use(SHIFT[sizeIndex(size)]);
}

function stringInstruction(kind: u8, size: i32): void {
  op.sub = kind;
  op.size = <u8>size;
  const segment = segmentOverride >= 0 ? segmentOverride : DS;
  const rep = prefixRep == 0xf3 ? 1 : prefixRep == 0xf2 ? 2 : 0;
  op.aux = <u32>addressSize | ((<u32>rep) << 4) | ((<u32>segment) << 8);
  use(stringOp);
}

function decodeOneByte(b: u32): void {
  // ADD OR ADC SBB AND SUB XOR CMP
  if (b < 0x40 && (b & 7) < 6) {
    const k = <i32>(b >> 3);
    const form = b & 7;
    const size = (form & 1) == 0 ? 1 : opSize;
    if (form < 4) aluRegisterMemory(k, size, form >= 2);
    else {
      op.dst = gpr(0, size);
      op.imm = immediate(size);
      aluImmediate(k, size, false);
    }
    return;
  }
  switch (b) {
    case 0x06:
    case 0x0e:
    case 0x16:
    case 0x1e:
      if (mode == 2) return ud();
      op.sub = <u8>(b >> 3);
      use(pushSegment);
      return;
    case 0x07:
    case 0x17:
    case 0x1f:
      if (mode == 2) return ud();
      op.sub = <u8>(b >> 3);
      useEnd(popSegment);
      return;
    case 0x27:
    case 0x2f:
    case 0x37:
    case 0x3f:
      if (mode == 2) return ud();
      op.sub = <u8>b;
      use(bcd);
      return;
    case 0x40:
    case 0x41:
    case 0x42:
    case 0x43:
    case 0x44:
    case 0x45:
    case 0x46:
    case 0x47:
    case 0x48:
    case 0x49:
    case 0x4a:
    case 0x4b:
    case 0x4c:
    case 0x4d:
    case 0x4e:
    case 0x4f:
      op.ea = EA_REGISTER;
      op.src = gpr(b & 7, opSize);
      use(UNARY[((b & 8) != 0 ? 4 : 0) + sizeIndex(opSize)]);
      return;
    case 0x50:
    case 0x51:
    case 0x52:
    case 0x53:
    case 0x54:
    case 0x55:
    case 0x56:
    case 0x57:
      op.size = <u8>stackSize();
      op.dst = gpr((b & 7) | ((rex & 1) << 3), 8);
      use(op.size == 8 ? pushR64 : pushR);
      return;
    case 0x58:
    case 0x59:
    case 0x5a:
    case 0x5b:
    case 0x5c:
    case 0x5d:
    case 0x5e:
    case 0x5f:
      op.size = <u8>stackSize();
      op.dst = gpr((b & 7) | ((rex & 1) << 3), 8);
      use(op.size == 8 ? popR64 : popR);
      return;
    case 0x60:
      if (mode == 2) return ud();
      use(pusha);
      return;
    case 0x61:
      if (mode == 2) return ud();
      use(popa);
      return;
    case 0x62:
      if (mode == 2) return ud(); // EVEX
      modrmOf(opSize);
      if (mod == 3) return ud();
      use(bound);
      return;
    case 0x63:
      if (mode == 2) {
        decodeModrm();
        registers(opSize, 4);
        if (opSize == 8) use(mod == 3 ? MOV_SXR[8] : MOV_SXM[8]);
        else if (opSize == 4) use(mod == 3 ? MOV_RR[2] : MOV_RM[2]);
        else use(mod == 3 ? MOV_RR[1] : MOV_RM[1]);
        return;
      }
      modrmOf(2);
      use(arpl);
      return;
    case 0x68:
      op.size = <u8>stackSize();
      op.imm = immediate(op.size == 2 ? 2 : 4);
      use(pushI);
      return;
    case 0x6a:
      op.size = <u8>stackSize();
      op.imm = signed8();
      use(pushI);
      return;
    case 0x69:
    case 0x6b:
      modrmOf(opSize);
      op.imm = b == 0x6b ? signed8() : immediate(opSize);
      op.sub = 1;
      use(imul);
      return;
    case 0x6c:
    case 0x6d:
      stringInstruction(INS, (b & 1) == 0 ? 1 : opSize == 8 ? 4 : opSize);
      return;
    case 0x6e:
    case 0x6f:
      stringInstruction(OUTS, (b & 1) == 0 ? 1 : opSize == 8 ? 4 : opSize);
      return;
    case 0x70:
    case 0x71:
    case 0x72:
    case 0x73:
    case 0x74:
    case 0x75:
    case 0x76:
    case 0x77:
    case 0x78:
    case 0x79:
    case 0x7a:
    case 0x7b:
    case 0x7c:
    case 0x7d:
    case 0x7e:
    case 0x7f:
      relative(1);
      op.sub = <u8>(b & 15);
      useEnd(JCC[b & 15]);
      return;
    case 0x80:
    case 0x81:
    case 0x82:
    case 0x83: {
      if (b == 0x82 && mode == 2) return ud();
      const size = (b & 1) == 0 ? 1 : opSize;
      modrmOf(size);
      const k = <i32>((modrmByte >> 3) & 7);
      op.imm = b == 0x81 ? immediate(size) : signed8();
      op.dst = op.src;
      aluImmediate(k, size, mod != 3);
      return;
    }
    case 0x84:
    case 0x85: {
      const size = (b & 1) == 0 ? 1 : opSize;
      aluRegisterMemory(TEST, size, true);
      return;
    }
    case 0x86:
    case 0x87: {
      const size = (b & 1) == 0 ? 1 : opSize;
      modrmOf(size);
      lockable = true;
      use(XCHG[sizeIndex(size)]);
      return;
    }
    case 0x88:
    case 0x89: {
      const size = (b & 1) == 0 ? 1 : opSize;
      modrmOf(size);
      const i = sizeIndex(size);
      if (mod == 3) {
        const t = op.dst;
        op.dst = op.src;
        op.src = t;
        use(MOV_RR[i]);
      } else use(MOV_MR[i]);
      return;
    }
    case 0x8a:
    case 0x8b: {
      const size = (b & 1) == 0 ? 1 : opSize;
      modrmOf(size);
      use(mod == 3 ? MOV_RR[sizeIndex(size)] : MOV_RM[sizeIndex(size)]);
      return;
    }
    case 0x8c:
      modrmOf(opSize);
      if (((modrmByte >> 3) & 7) > 5) return ud();
      op.sub = <u8>((modrmByte >> 3) & 7);
      use(movFromSegment);
      return;
    case 0x8d:
      modrmOf(opSize);
      if (mod == 3) return ud();
      // LEA ignores the segment.
      op.ea &= 3;
      use(op.ea == 0 && opSize == 8 ? lea64 : lea);
      return;
    case 0x8e: {
      modrmOf(opSize);
      const s = (modrmByte >> 3) & 7;
      if (s > 5 || s == 1) return ud();
      op.sub = <u8>s;
      useEnd(movToSegment);
      return;
    }
    case 0x8f:
      op.size = <u8>stackSize();
      decodeModrm();
      if (((modrmByte >> 3) & 7) != 0) return ud();
      if (mod == 3) op.src = gpr(rm, 8);
      use(popRm);
      return;
    case 0x90:
      if ((rex & 1) == 0) {
        use(prefixRep == 0xf3 ? pause : nop);
        return;
      }
      exchangeAccumulator(b);
      return;
    case 0x91:
    case 0x92:
    case 0x93:
    case 0x94:
    case 0x95:
    case 0x96:
    case 0x97:
      exchangeAccumulator(b);
      return;
    case 0x98:
      use(convertA);
      return;
    case 0x99:
      use(convertD);
      return;
    case 0x9a:
    case 0xea:
      if (mode == 2) return ud();
      op.imm = opSize == 2 ? <i64>fetch16() : <i64>fetch32();
      op.aux = fetch16();
      op.sub = b == 0x9a ? 1 : 0;
      useEnd(farDirect);
      return;
    case 0x9b:
      decodeX87(b);
      return;
    case 0x9c:
      op.size = <u8>stackSize();
      use(pushFlags);
      return;
    case 0x9d:
      op.size = <u8>stackSize();
      useEnd(popFlags);
      return;
    case 0x9e:
      use(sahf);
      return;
    case 0x9f:
      use(lahf);
      return;
    case 0xa0:
    case 0xa1:
    case 0xa2:
    case 0xa3: {
      const size = (b & 1) == 0 ? 1 : opSize;
      op.disp =
        addressSize == 8 ? <i64>fetch64() : addressSize == 4 ? <i64>fetch32() : <i64>fetch16();
      setSegmentOf(DS);
      op.dst = gpr(0, 8);
      use(b < 0xa2 ? MOV_RM[sizeIndex(size)] : MOV_MR[sizeIndex(size)]);
      return;
    }
    case 0xa4:
    case 0xa5:
      stringInstruction(MOVS, (b & 1) == 0 ? 1 : opSize);
      return;
    case 0xa6:
    case 0xa7:
      stringInstruction(CMPS, (b & 1) == 0 ? 1 : opSize);
      return;
    case 0xa8:
    case 0xa9: {
      const size = (b & 1) == 0 ? 1 : opSize;
      op.dst = gpr(0, size);
      op.imm = immediate(size);
      aluImmediate(TEST, size, false);
      return;
    }
    case 0xaa:
    case 0xab:
      stringInstruction(STOS, (b & 1) == 0 ? 1 : opSize);
      return;
    case 0xac:
    case 0xad:
      stringInstruction(LODS, (b & 1) == 0 ? 1 : opSize);
      return;
    case 0xae:
    case 0xaf:
      stringInstruction(SCAS, (b & 1) == 0 ? 1 : opSize);
      return;
    case 0xb0:
    case 0xb1:
    case 0xb2:
    case 0xb3:
    case 0xb4:
    case 0xb5:
    case 0xb6:
    case 0xb7:
      op.dst = gpr((b & 7) | ((rex & 1) << 3), 1);
      op.imm = <i64>fetch8();
      use(MOV_RI[0]);
      return;
    case 0xb8:
    case 0xb9:
    case 0xba:
    case 0xbb:
    case 0xbc:
    case 0xbd:
    case 0xbe:
    case 0xbf:
      op.dst = gpr((b & 7) | ((rex & 1) << 3), opSize);
      op.imm = opSize == 8 ? <i64>fetch64() : opSize == 4 ? <i64>fetch32() : <i64>fetch16();
      use(MOV_RI[sizeIndex(opSize)]);
      return;
    case 0xc0:
      shiftGroup(1, 0);
      return;
    case 0xc1:
      shiftGroup(opSize, 0);
      return;
    case 0xd0:
      shiftGroup(1, 1);
      return;
    case 0xd1:
      shiftGroup(opSize, 1);
      return;
    case 0xd2:
      shiftGroup(1, 2);
      return;
    case 0xd3:
      shiftGroup(opSize, 2);
      return;
    case 0xc2:
    case 0xc3:
      op.imm = b == 0xc2 ? <i64>fetch16() : 0;
      op.size = mode == 2 ? 8 : <u8>opSize;
      useEnd(mode == 2 ? ret64 : ret);
      return;
    case 0xc4:
    case 0xc5:
      if (mode == 2 || (p < limit && load<u8>(p) >= 0xc0)) {
        decodeVex(b);
        return;
      }
      modrmOf(opSize);
      op.sub = <u8>(b == 0xc4 ? ES : DS);
      useEnd(loadFarPointer);
      return;
    case 0xc6:
    case 0xc7: {
      const size = (b & 1) == 0 ? 1 : opSize;
      modrmOf(size);
      if (((modrmByte >> 3) & 7) != 0) return ud();
      op.imm = immediate(size);
      op.dst = op.src;
      use(mod == 3 ? MOV_RI[sizeIndex(size)] : MOV_MI[sizeIndex(size)]);
      return;
    }
    case 0xc8:
      op.size = <u8>stackSize();
      op.imm = <i64>fetch16();
      op.aux = fetch8();
      use(enter);
      return;
    case 0xc9:
      op.size = <u8>stackSize();
      use(leave);
      return;
    case 0xca:
    case 0xcb:
      op.imm = b == 0xca ? <i64>fetch16() : 0;
      useEnd(retFar);
      return;
    case 0xcc:
      op.imm = 3;
      op.sub = 1;
      useEnd(softwareInterrupt);
      return;
    case 0xcd:
      op.imm = <i64>fetch8();
      useEnd(softwareInterrupt);
      return;
    case 0xce:
      if (mode == 2) return ud();
      op.imm = 4;
      op.sub = 2;
      use(into);
      return;
    case 0xcf:
      useEnd(iret);
      return;
    case 0xd4:
    case 0xd5:
      if (mode == 2) return ud();
      op.sub = <u8>b;
      op.imm = <i64>fetch8();
      use(bcd);
      return;
    case 0xd6:
      if (mode == 2) return ud();
      use(salc);
      return;
    case 0xd7:
      op.base = <u16>(REGS + 24);
      setSegmentOf(DS);
      use(xlat);
      return;
    case 0xd8:
    case 0xd9:
    case 0xda:
    case 0xdb:
    case 0xdc:
    case 0xdd:
    case 0xde:
    case 0xdf:
      decodeX87(b);
      return;
    case 0xe0:
    case 0xe1:
    case 0xe2:
    case 0xe3:
      relative(1);
      op.sub = <u8>(b & 3);
      op.aux = <u32>addressSize;
      useEnd(loop);
      return;
    case 0xe4:
    case 0xe5:
    case 0xe6:
    case 0xe7:
    case 0xec:
    case 0xed:
    case 0xee:
    case 0xef:
      op.size = (b & 1) == 0 ? 1 : opSize == 8 ? 4 : <u8>opSize;
      if ((b & 8) == 0) op.imm = <i64>fetch8();
      else op.sub = 1;
      useEnd((b & 2) == 0 ? input : output);
      return;
    case 0xe8:
      relative(branchDisplacement());
      useEnd(mode == 2 ? call64 : callRelative);
      return;
    case 0xe9:
      relative(branchDisplacement());
      useEnd(jmp);
      return;
    case 0xeb:
      relative(1);
      useEnd(jmp);
      return;
    case 0xf1:
      op.imm = 1;
      op.sub = 1;
      useEnd(softwareInterrupt);
      return;
    case 0xf4:
      useEnd(hlt);
      return;
    case 0xf5:
      op.sub = 2;
      use(carryOp);
      return;
    case 0xf6:
    case 0xf7: {
      const size = (b & 1) == 0 ? 1 : opSize;
      modrmOf(size);
      const k = (modrmByte >> 3) & 7;
      op.sub = <u8>k;
      if (k < 2) {
        op.imm = immediate(size);
        op.dst = op.src;
        aluImmediate(TEST, size, mod != 3);
      } else if (k < 4) {
        lockable = true;
        use(UNARY[k * 4 + sizeIndex(size)]);
      } else if (k < 6) use(mulAccumulator);
      else use(divAccumulator);
      return;
    }
    case 0xf8:
    case 0xf9:
      op.sub = <u8>(b & 1);
      use(carryOp);
      return;
    case 0xfa:
      use(cli);
      return;
    case 0xfb:
      useEnd(sti);
      return;
    case 0xfc:
    case 0xfd:
      op.sub = <u8>(b & 1);
      use(directionOp);
      return;
    case 0xfe:
    case 0xff: {
      const size = (b & 1) == 0 ? 1 : opSize;
      decodeModrm();
      const k = (modrmByte >> 3) & 7;
      if (k < 2) {
        registers(size, size);
        lockable = true;
        use(UNARY[k * 4 + sizeIndex(size)]);
        return;
      }
      if (b == 0xfe || k == 7) return ud();
      if (k == 3 || k == 5) {
        if (mod == 3) return ud();
        op.sub = k == 3 ? 1 : 0;
        useEnd(farIndirect);
        return;
      }
      if (mod == 3) op.src = gpr(rm, 8);
      if (k == 6) {
        op.size = <u8>stackSize();
        use(pushRm);
        return;
      }
      op.size = mode == 2 ? 8 : <u8>opSize;
      useEnd(k == 2 ? callIndirect : jmpIndirect);
      return;
    }
    default:
      return ud();
  }
}

function exchangeAccumulator(b: u32): void {
  op.ea = EA_REGISTER;
  op.dst = gpr(0, 8);
  op.src = gpr((b & 7) | ((rex & 1) << 3), 8);
  use(XCHG[sizeIndex(opSize)]);
}

function decodeTwoByte(): void {
  const b = fetch8();
  if (b >= 0x80 && b < 0x90) {
    relative(branchDisplacement());
    op.sub = <u8>(b & 15);
    useEnd(JCC[b & 15]);
    return;
  }
  if (b >= 0x90 && b < 0xa0) {
    decodeModrm();
    registers(1, 1);
    op.sub = <u8>(b & 15);
    use(setcc);
    return;
  }
  if (b >= 0x40 && b < 0x50) {
    modrmOf(opSize);
    op.sub = <u8>(b & 15);
    use(cmov);
    return;
  }
  if (b >= 0xc8 && b < 0xd0) {
    op.dst = gpr((b & 7) | ((rex & 1) << 3), 8);
    use(bswap);
    return;
  }
  switch (b) {
    case 0x00: {
      modrmOf(opSize);
      const k = (modrmByte >> 3) & 7;
      op.sub = <u8>k;
      if (k == 0) {
        op.sub = <u8>LDTR;
        use(storeSystemSelector);
      } else if (k == 1) {
        op.sub = <u8>TR;
        use(storeSystemSelector);
      } else if (k == 2) useEnd(lldt);
      else if (k == 3) useEnd(ltr);
      else if (k < 6) {
        op.sub = <u8>(k - 2);
        use(verify);
      } else ud();
      return;
    }
    case 0x01:
      decodeGroup7();
      return;
    case 0x02:
    case 0x03:
      modrmOf(opSize);
      op.sub = <u8>(b - 2);
      use(larLsl);
      return;
    case 0x05:
      useEnd(syscall);
      return;
    case 0x06:
      useEnd(clts);
      return;
    case 0x07:
      useEnd(sysret);
      return;
    case 0x08:
    case 0x09:
      use(wbinvd);
      return;
    case 0x0b:
    case 0xff:
    case 0xb9:
      if (b != 0x0b) decodeModrm();
      return ud();
    case 0x0d:
    case 0x18:
    case 0x19:
    case 0x1a:
    case 0x1b:
    case 0x1c:
    case 0x1d:
    case 0x1e:
    case 0x1f:
      modrmOf(opSize);
      use(nop);
      return;
    case 0x20:
    case 0x22:
    case 0x21:
    case 0x23:
      // The mod field is ignored: always registers.
      modrmByte = fetch8();
      op.sub = <u8>(((modrmByte >> 3) & 7) | ((rex & 4) << 1));
      op.src = <u16>(REGS + (((modrmByte & 7) | ((rex & 1) << 3)) << 3));
      op.ea = EA_REGISTER;
      if (b == 0x20) use(readCr);
      else if (b == 0x22) useEnd(writeCr);
      else if (b == 0x21) use(readDr);
      else useEnd(writeDr);
      return;
    case 0x30:
      useEnd(wrmsr);
      return;
    case 0x31:
      use(rdtsc);
      return;
    case 0x32:
      use(rdmsr);
      return;
    case 0x33:
      use(rdpmc);
      return;
    case 0x34:
      useEnd(sysenter);
      return;
    case 0x35:
      useEnd(sysexit);
      return;
    case 0xa0:
    case 0xa8:
      op.size = <u8>stackSize();
      op.sub = <u8>(b == 0xa0 ? FS : GS);
      use(pushSegment);
      return;
    case 0xa1:
    case 0xa9:
      op.size = <u8>stackSize();
      op.sub = <u8>(b == 0xa1 ? FS : GS);
      useEnd(popSegment);
      return;
    case 0xa2:
      use(cpuid);
      return;
    case 0xa3:
    case 0xab:
    case 0xb3:
    case 0xbb:
      modrmOf(opSize);
      op.aux = 1;
      op.sub = <u8>((b >> 3) & 3);
      lockable = b != 0xa3;
      use(bitTest);
      return;
    case 0xba: {
      modrmOf(opSize);
      const k = (modrmByte >> 3) & 7;
      if (k < 4) return ud();
      op.imm = <i64>fetch8();
      op.sub = <u8>(k & 3);
      lockable = k != 4;
      use(bitTest);
      return;
    }
    case 0xa4:
    case 0xac:
      modrmOf(opSize);
      op.sub = b == 0xac ? 1 : 0;
      op.imm = <i64>fetch8();
      use(doubleShift);
      return;
    case 0xa5:
    case 0xad:
      modrmOf(opSize);
      op.sub = (b == 0xad ? 1 : 0) | BY_CL;
      use(doubleShift);
      return;
    case 0xaf:
      modrmOf(opSize);
      op.sub = 0;
      use(imul);
      return;
    case 0xb0:
    case 0xb1: {
      const size = (b & 1) == 0 ? 1 : opSize;
      modrmOf(size);
      lockable = true;
      use(CMPXCHG[sizeIndex(size)]);
      return;
    }
    case 0xc0:
    case 0xc1: {
      const size = (b & 1) == 0 ? 1 : opSize;
      modrmOf(size);
      lockable = true;
      use(XADD[sizeIndex(size)]);
      return;
    }
    case 0xb2:
    case 0xb4:
    case 0xb5:
      modrmOf(opSize);
      if (mod == 3) return ud();
      op.sub = <u8>(b == 0xb2 ? SS : b == 0xb4 ? FS : GS);
      useEnd(loadFarPointer);
      return;
    case 0xb6:
    case 0xb7: {
      const from = b == 0xb6 ? 1 : 2;
      decodeModrm();
      registers(opSize, from);
      if (opSize == 2) use(from == 1 ? movzx8to16 : mod == 3 ? MOV_RR[1] : MOV_RM[1]);
      else use(mod == 3 ? MOV_ZXR[from - 1] : MOV_ZXM[from - 1]);
      return;
    }
    case 0xbe:
    case 0xbf: {
      const from = b == 0xbe ? 1 : 2;
      decodeModrm();
      registers(opSize, from);
      const i = (from - 1) * 3 + sizeIndex(opSize) - 1;
      use(mod == 3 ? MOV_SXR[i] : MOV_SXM[i]);
      return;
    }
    case 0xb8:
      if (prefixRep != 0xf3) return ud();
      modrmOf(opSize);
      op.sub = 0;
      use(bitCount);
      return;
    case 0xbc:
    case 0xbd:
      modrmOf(opSize);
      if (prefixRep == 0xf3 && cpuModel != 0) {
        op.sub = b == 0xbc ? 1 : 2;
        use(bitCount);
        return;
      }
      op.sub = b == 0xbc ? 0 : 1;
      use(bitScan);
      return;
    case 0xc3:
      // MOVNTI
      if (prefix66 || prefixRep != 0) return ud();
      modrmOf(opSize);
      if (mod == 3) return ud();
      use(MOV_MR[sizeIndex(opSize)]);
      return;
    case 0xc7:
      decodeGroup9();
      return;
    case 0xae:
      if (decodeGroup15()) return;
      break;
    case 0x38:
    case 0x3a:
      if (decodeThreeByteInteger(b)) return;
      break;
  }
  decodeVector(b);
}

function decodeGroup7(): void {
  decodeModrm();
  const k = (modrmByte >> 3) & 7;
  op.dst = gpr(reg, 8);
  if (mod == 3) op.src = gpr(rm, 8);
  if (mod != 3) {
    if (k == 0 || k == 1) {
      op.sub = <u8>k;
      use(storeTable);
    } else if (k == 2 || k == 3) {
      op.sub = <u8>(k - 2);
      useEnd(loadTable);
    } else if (k == 4) use(smsw);
    else if (k == 6) useEnd(lmsw);
    else if (k == 7) useEnd(invlpg);
    else ud();
    return;
  }
  if (k == 4) {
    use(smsw);
    return;
  }
  if (k == 6) {
    useEnd(lmsw);
    return;
  }
  switch (modrmByte) {
    case 0xc8:
    case 0xc9:
      op.sub = <u8>(modrmByte & 1);
      op.base = <u16>REGS;
      op.disp = 0;
      setSegmentOf(DS);
      use(monitorMwait);
      return;
    case 0xca:
    case 0xcb:
      if (cpuModel == 0) return ud();
      op.sub = <u8>(modrmByte & 1);
      use(alignmentFlag);
      return;
    case 0xd0:
    case 0xd1:
      op.sub = <u8>(modrmByte & 1);
      useEnd(xcr);
      return;
    case 0xf8:
      if (mode != 2) return ud();
      use(swapgs);
      return;
    case 0xf9:
      op.sub = 1;
      use(rdtsc);
      return;
    default:
      return ud();
  }
}

function decodeGroup9(): void {
  decodeModrm();
  const k = (modrmByte >> 3) & 7;
  if (mod != 3) {
    if (k != 1) return ud(); // VMX is not there
    op.size = opSize == 8 ? 8 : 4;
    lockable = true;
    use(cmpxchgPair);
    return;
  }
  if (k == 6 || (k == 7 && cpuModel != 0)) {
    op.src = gpr(rm, opSize);
    op.size = <u8>opSize;
    use(randomNumber);
    return;
  }
  ud();
}

/** FS and GS base instructions and fences; false for the FPU and SSE state instructions. */
function decodeGroup15(): bool {
  const byte = p < limit ? <u32>load<u8>(p) : 0xc0;
  const k = (byte >> 3) & 7;
  if (byte < 0xc0 && k != 7) return false;
  decodeModrm();
  if (mod != 3) {
    // CLFLUSH
    if (prefixRep != 0) ud();
    else use(clflush);
    return true;
  }
  if (prefixRep == 0xf3) {
    if (mode != 2 || k > 3) {
      ud();
      return true;
    }
    op.src = gpr(rm, opSize);
    op.size = opSize == 8 ? 8 : 4;
    op.sub = <u8>((k & 1) != 0 ? GS : FS) | (k >= 2 ? 8 : 0);
    use(segmentBase);
    return true;
  }
  if (prefixRep != 0 || prefix66 || k < 5) {
    ud();
    return true;
  }
  use(nop);
  return true;
}

/** MOVBE, CRC32, INVPCID; false for the vector maps (nothing has been consumed then). */
function decodeThreeByteInteger(map: u32): bool {
  if (map != 0x38 || p >= limit) return false;
  const b = <u32>load<u8>(p);
  if (b == 0xf0 || b == 0xf1) {
    if (prefixRep == 0xf2) {
      p++;
      const size = b == 0xf0 ? 1 : opSize;
      decodeModrm();
      registers(opSize == 8 ? 8 : 4, size);
      op.size = <u8>size;
      use(crc32);
      return true;
    }
    if (prefixRep == 0) {
      p++;
      modrmOf(opSize);
      if (mod == 3 || cpuModel == 0) {
        ud();
        return true;
      }
      op.sub = b == 0xf0 ? 0 : 1;
      use(movbe);
      return true;
    }
  }
  if (b == 0x82 && prefix66 && prefixRep == 0) {
    p++;
    modrmOf(opSize);
    if (mod == 3 || cpuModel == 0) {
      ud();
      return true;
    }
    useEnd(invpcid);
    return true;
  }
  return false;
}

/**
 * Merges CMP or TEST with the Jcc that ends the block (`end` is behind it). Returns the new end of the
 * block. The pair cannot fault, so that the flags need not be seen in between.
 */
export function fuse(first: usize, end: usize): usize {
  const branch = end - OP_SIZE;
  const before = branch - OP_SIZE;
  if (before < first) return end;
  const j = changetype<Op>(branch);
  if (j.sub > 15 || j.h != handlerOf(JCC[<i32>j.sub])) return end;
  const c = changetype<Op>(before);
  const h = c.h;
  let fused: u32 = 0;
  const cmp32 = CMP * 2;
  const test32 = TEST * 2;
  if (h == handlerOf(ALU_RR[cmp32])) fused = handlerOf(cmpJccRR32);
  else if (h == handlerOf(ALU_RR[cmp32 + 1])) fused = handlerOf(cmpJccRR64);
  else if (h == handlerOf(ALU_RI[cmp32])) fused = handlerOf(cmpJccRI32);
  else if (h == handlerOf(ALU_RI[cmp32 + 1])) fused = handlerOf(cmpJccRI64);
  else if (h == handlerOf(ALU_RR[test32])) fused = handlerOf(testJccRR32);
  else if (h == handlerOf(ALU_RR[test32 + 1])) fused = handlerOf(testJccRR64);
  else if (h == handlerOf(ALU_RI[test32])) fused = handlerOf(testJccRI32);
  else if (h == handlerOf(ALU_RI[test32 + 1])) fused = handlerOf(testJccRI64);
  else return end;
  // The branch record takes the comparison's operands; its own position and target stay.
  c.aux = <u32>c.imm;
  c.imm = 0;
  c.h = fused;
  c.off = j.off;
  c.idx = j.idx;
  c.disp = j.disp;
  c.sub = j.sub;
  c.size = j.size;
  return branch;
}
