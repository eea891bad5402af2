// The instruction decoder: one instruction of any mode into one micro-op record. Follows Intel SDM vol. 2,
// chapter 2 and appendix A.

import { REGS } from "../../state";
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
} from "../integer/alu";
import { bcd, salc } from "../integer/bcd";
import {
  bound,
  call64,
  callIndirect,
  callRelative,
  JCC,
  jmp,
  jmpIndirect,
  loop,
  ret,
  ret64,
} from "../integer/branch";
import { XCHG } from "../integer/exchange";
import { input, output } from "../integer/io";
import {
  convertA,
  convertD,
  lahf,
  lea,
  lea64,
  MOV_MI,
  MOV_MR,
  MOV_RI,
  MOV_RM,
  MOV_RR,
  MOV_SXM,
  MOV_SXR,
  nop,
  sahf,
  xlat,
} from "../integer/move";
import {
  BY_CL,
  divAccumulator,
  imul,
  mulAccumulator,
  SHIFT,
  sar32i,
  sar64i,
  shl32i,
  shl64i,
  shr32i,
  shr64i,
} from "../integer/shift";
import {
  enter,
  leave,
  popa,
  popR,
  popR64,
  popRm,
  pusha,
  pushI,
  pushR,
  pushR64,
  pushRm,
} from "../integer/stack";
import { CMPS, INS, LODS, MOVS, OUTS, SCAS, STOS, stringOp } from "../integer/string";
import { UNARY } from "../integer/unary";
import { DS, ES } from "../memory/segments";
import { EA_REGISTER } from "../op/op";
import { carryOp, cli, directionOp, popFlags, pushFlags, sti } from "../system/flag_writes";
import {
  loadFarPointer,
  movFromSegment,
  movToSegment,
  popSegment,
  pushSegment,
} from "../system/segment_moves";
import { arpl } from "../system/tables";
import { hlt, pause } from "../system/waiting";
import { farDirect, farIndirect, retFar } from "../transfer/far";
import { iret } from "../transfer/iret";
import { into, softwareInterrupt } from "../transfer/software";
import {
  addressSize,
  allowLock,
  beginInstruction,
  branchDisplacement,
  decodeModrm,
  decodePrefixes,
  endInstruction,
  fetch8,
  fetch16,
  fetch32,
  fetch64,
  gpr,
  immediate,
  mod,
  mode,
  modrmByte,
  modrmOf,
  op,
  opSize,
  overrun,
  peek8,
  prefixRep,
  registers,
  relative,
  rex,
  rm,
  segmentOverride,
  setSegmentOf,
  signed8,
  sizeIndex,
  stackSize,
  ud,
  use,
  useEnd,
} from "./cursor";
import { decodeTwoByte } from "./two_byte";
import { decodeVex } from "./vector";
import { decodeX87 } from "./x87";

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
  beginInstruction(at, bytes, available, index, key);
  const b = decodePrefixes();
  if (overrun) return 0;
  if (b == 0x0f) decodeTwoByte();
  else decodeOneByte(b);
  return endInstruction(offset);
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
    allowLock(k < CMP);
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
    allowLock(k < CMP);
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
      allowLock(true);
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
      if (mode == 2 || peek8(0) >= 0xc0) {
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
        allowLock(true);
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
        allowLock(true);
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
