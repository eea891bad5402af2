// The map of opcodes 0F xx: as one_byte.ts, with the vector map for all that is not an integer or system
// instruction. Follows Intel SDM vol. 2D, appendix A, table A-3.

import { REGS } from "../../state";
import { JCC } from "../integer/branch";
import { CMPXCHG, cmpxchgPair, XADD } from "../integer/exchange";
import {
  bswap,
  cmov,
  MOV_MR,
  MOV_RM,
  MOV_RR,
  MOV_SXM,
  MOV_SXR,
  MOV_ZXM,
  MOV_ZXR,
  movbe,
  movzx8to16,
  nop,
  setcc,
} from "../integer/move";
import { imul } from "../integer/multiply";
import { BY_CL, bitCount, bitScan, bitTest, doubleShift } from "../integer/shift";
import { DS, FS, GS, LDTR, SS, TR } from "../memory/segments";
import { EXTENDED_EDX, hasBit, LEAF1_ECX, LEAF7_EBX, LEAF7_ECX } from "../processor/model";
import { crc32 } from "../simd/crc32";
import { BMI1, has, LZCNT, MOVBE, POPCNT, RDRAND, RDSEED, SSE42 } from "../simd/features";
import { cpuid } from "../system/cpuid";
import { readDr, writeDr } from "../system/debug_registers";
import { alignmentFlag } from "../system/flag_writes";
import { flushLine, invlpg, invpcid, wbinvd } from "../system/invalidate";
import { rdmsr, wrmsr } from "../system/msr";
import { randomNumber } from "../system/random";
import { clts, lmsw, pkru, readCr, smsw, writeCr, xcr } from "../system/registers";
import {
  loadFarPointer,
  popSegment,
  pushSegment,
  segmentBase,
  swapgs,
} from "../system/segment_moves";
import {
  larLsl,
  lldt,
  loadTable,
  ltr,
  storeSystemSelector,
  storeTable,
  verify,
} from "../system/tables";
import { monitorMwait, rdpmc, rdtsc } from "../system/waiting";
import { syscall, sysenter, sysexit, sysret } from "../transfer/fast_calls";
import { exchangeForm } from "./alu_forms";
import {
  allowLock,
  branchDisplacement,
  decodeModrm,
  decodeRegisters,
  fetch8,
  gpr,
  mod,
  mode,
  modrmByte,
  modrmOf,
  op,
  opSize,
  peek8,
  prefix66,
  prefixRep,
  reg,
  registers,
  relative,
  rex,
  rm,
  setSegmentOf,
  sizeIndex,
  stackSize,
  ud,
  use,
  useEnd,
} from "./cursor";
import { decodeVector } from "./vector";

function vector(b: u32): void {
  decodeVector(b);
}

function jumpNearIf(b: u32): void {
  relative(branchDisplacement());
  op.sub = <u8>(b & 15);
  useEnd(JCC[b & 15]);
}

function setByte(b: u32): void {
  decodeModrm();
  registers(1, 1);
  op.sub = <u8>(b & 15);
  use(setcc);
}

function moveIf(b: u32): void {
  modrmOf(opSize);
  op.sub = <u8>(b & 15);
  use(cmov);
}

function swapBytes(b: u32): void {
  op.dst = gpr((b & 7) | ((rex & 1) << 3), 8);
  use(bswap);
}

function group6(_b: u32): void {
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
}

function inspectSelector(b: u32): void {
  modrmOf(opSize);
  op.sub = <u8>(b - 2);
  use(larLsl);
}

function systemCall(_b: u32): void {
  useEnd(syscall);
}

function clearTaskSwitched(_b: u32): void {
  useEnd(clts);
}

function systemReturn(_b: u32): void {
  useEnd(sysret);
}

function flushCaches(_b: u32): void {
  use(wbinvd);
}

/** UD2, and UD0 and UD1, which have operands. */
function alwaysInvalid(b: u32): void {
  if (b != 0x0b) decodeModrm();
  ud();
}

function hint(_b: u32): void {
  modrmOf(opSize);
  use(nop);
}

function controlOrDebug(b: u32): void {
  decodeRegisters();
  op.sub = <u8>reg;
  op.src = gpr(rm, 8);
  if (b == 0x20) use(readCr);
  else if (b == 0x22) useEnd(writeCr);
  else if (b == 0x21) use(readDr);
  else useEnd(writeDr);
}

function writeMsr(_b: u32): void {
  useEnd(wrmsr);
}

function timeStamp(_b: u32): void {
  use(rdtsc);
}

function readMsr(_b: u32): void {
  use(rdmsr);
}

function performanceCounter(_b: u32): void {
  use(rdpmc);
}

function enterSystem(_b: u32): void {
  useEnd(sysenter);
}

function exitSystem(_b: u32): void {
  useEnd(sysexit);
}

function pushFsGs(b: u32): void {
  op.size = <u8>stackSize();
  op.sub = <u8>(b == 0xa0 ? FS : GS);
  use(pushSegment);
}

function popFsGs(b: u32): void {
  op.size = <u8>stackSize();
  op.sub = <u8>(b == 0xa1 ? FS : GS);
  useEnd(popSegment);
}

function identify(_b: u32): void {
  use(cpuid);
}

function bitByRegister(b: u32): void {
  modrmOf(opSize);
  op.aux = 1;
  op.sub = <u8>((b >> 3) & 3);
  allowLock(b != 0xa3);
  use(bitTest);
}

function group8(_b: u32): void {
  modrmOf(opSize);
  const k = (modrmByte >> 3) & 7;
  if (k < 4) return ud();
  op.imm = <i64>fetch8();
  op.sub = <u8>(k & 3);
  allowLock(k != 4);
  use(bitTest);
}

function doubleShiftImmediate(b: u32): void {
  modrmOf(opSize);
  op.sub = b == 0xac ? 1 : 0;
  op.imm = <i64>fetch8();
  use(doubleShift);
}

function doubleShiftByCl(b: u32): void {
  modrmOf(opSize);
  op.sub = (b == 0xad ? 1 : 0) | BY_CL;
  use(doubleShift);
}

function multiply(_b: u32): void {
  modrmOf(opSize);
  op.sub = 0;
  use(imul);
}

function compareExchange(b: u32): void {
  exchangeForm(b, CMPXCHG);
}

function exchangeAdd(b: u32): void {
  exchangeForm(b, XADD);
}

function loadPointer(b: u32): void {
  modrmOf(opSize);
  if (mod == 3) return ud();
  op.sub = <u8>(b == 0xb2 ? SS : b == 0xb4 ? FS : GS);
  useEnd(loadFarPointer);
}

function zeroExtend(b: u32): void {
  const from = b == 0xb6 ? 1 : 2;
  decodeModrm();
  registers(opSize, from);
  if (opSize == 2) use(from == 1 ? movzx8to16 : mod == 3 ? MOV_RR[1] : MOV_RM[1]);
  else use(mod == 3 ? MOV_ZXR[from - 1] : MOV_ZXM[from - 1]);
}

function signExtend(b: u32): void {
  const from = b == 0xbe ? 1 : 2;
  decodeModrm();
  registers(opSize, from);
  const i = (from - 1) * 3 + sizeIndex(opSize) - 1;
  use(mod == 3 ? MOV_SXR[i] : MOV_SXM[i]);
}

/** Bits of leaf 1, ECX, of leaf 80000001h, EDX, and of leaf 7, EBX and ECX. */
const MONITOR: u32 = 3;
const CX16: u32 = 13;
const RDTSCP: u32 = 27;
const INVPCID: u32 = 10;
const SMAP: u32 = 20;
const CLWB: u32 = 24;
const PKU: u32 = 3;

function populationCount(_b: u32): void {
  if (prefixRep != 0xf3 || !has(POPCNT)) return ud();
  modrmOf(opSize);
  op.sub = 0;
  use(bitCount);
}

function scanBits(b: u32): void {
  modrmOf(opSize);
  if (prefixRep == 0xf3 && has(b == 0xbc ? BMI1 : LZCNT)) {
    op.sub = b == 0xbc ? 1 : 2;
    use(bitCount);
    return;
  }
  op.sub = b == 0xbc ? 0 : 1;
  use(bitScan);
}

function moveNonTemporal(_b: u32): void {
  // MOVNTI
  if (prefix66 || prefixRep != 0) return ud();
  modrmOf(opSize);
  if (mod == 3) return ud();
  use(MOV_MR[sizeIndex(opSize)]);
}

function group7(_b: u32): void {
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
      if (!hasBit(LEAF1_ECX, MONITOR)) return ud();
      op.sub = <u8>(modrmByte & 1);
      op.base = <u16>REGS;
      op.disp = 0;
      setSegmentOf(DS);
      use(monitorMwait);
      return;
    case 0xca:
    case 0xcb:
      if (!hasBit(LEAF7_EBX, SMAP)) return ud();
      op.sub = <u8>(modrmByte & 1);
      use(alignmentFlag);
      return;
    case 0xd0:
    case 0xd1:
      op.sub = <u8>(modrmByte & 1);
      useEnd(xcr);
      return;
    case 0xee:
    case 0xef:
      if (!hasBit(LEAF7_ECX, PKU) || prefix66 || prefixRep != 0) return ud();
      op.sub = <u8>(modrmByte & 1);
      use(pkru);
      return;
    case 0xf8:
      if (mode != 2) return ud();
      use(swapgs);
      return;
    case 0xf9:
      if (!hasBit(EXTENDED_EDX, RDTSCP)) return ud();
      op.sub = 1;
      use(rdtsc);
      return;
    default:
      return ud();
  }
}

function group9(_b: u32): void {
  decodeModrm();
  const k = (modrmByte >> 3) & 7;
  if (mod != 3) {
    // VMX is not there.
    if (k != 1 || (opSize == 8 && !hasBit(LEAF1_ECX, CX16))) return ud();
    op.size = opSize == 8 ? 8 : 4;
    allowLock(true);
    use(cmpxchgPair);
    return;
  }
  if (has(k == 6 ? RDRAND : RDSEED) && k >= 6) {
    op.src = gpr(rm, opSize);
    op.size = <u8>opSize;
    use(randomNumber);
    return;
  }
  ud();
}

/** Cache line instructions, FS and GS base instructions and fences; false for the FPU and SSE state instructions. */
function stateless15(): bool {
  const byte = peek8(0);
  const k = (byte >> 3) & 7;
  // CLFLUSH, and with 66 CLFLUSHOPT and CLWB; processors without CLFLUSHOPT ignore the prefix.
  const line = k == 7 || (k == 6 && prefix66 && hasBit(LEAF7_EBX, CLWB));
  if (byte < 0xc0 && !line) return false;
  decodeModrm();
  if (mod != 3) {
    if (prefixRep != 0) ud();
    else use(flushLine);
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
function threeByteInteger(): bool {
  const b = peek8(0);
  if (b == 0xf0 || b == 0xf1) {
    if (prefixRep == 0xf2 && has(SSE42)) {
      fetch8();
      const size = b == 0xf0 ? 1 : opSize;
      decodeModrm();
      registers(opSize == 8 ? 8 : 4, size);
      op.size = <u8>size;
      use(crc32);
      return true;
    }
    if (prefixRep == 0) {
      fetch8();
      modrmOf(opSize);
      if (mod == 3 || !has(MOVBE)) {
        ud();
        return true;
      }
      op.sub = b == 0xf0 ? 0 : 1;
      use(movbe);
      return true;
    }
  }
  if (b == 0x82 && prefix66 && prefixRep == 0) {
    fetch8();
    modrmOf(opSize);
    if (mod == 3 || !hasBit(LEAF7_EBX, INVPCID)) {
      ud();
      return true;
    }
    useEnd(invpcid);
    return true;
  }
  return false;
}

function group15(b: u32): void {
  if (!stateless15()) decodeVector(b);
}

function threeByte(b: u32): void {
  if (!threeByteInteger()) decodeVector(b);
}

// biome-ignore format: eight opcodes a line, as the manual's map has them
const TWO_BYTE: StaticArray<(b: u32) => void> = [
  // 0F 00
  group6, group7, inspectSelector, inspectSelector, vector, systemCall, clearTaskSwitched, systemReturn,
  flushCaches, flushCaches, vector, alwaysInvalid, vector, hint, vector, vector,
  // 0F 10
  vector, vector, vector, vector, vector, vector, vector, vector,
  hint, hint, hint, hint, hint, hint, hint, hint,
  // 0F 20
  controlOrDebug, controlOrDebug, controlOrDebug, controlOrDebug, vector, vector, vector, vector,
  vector, vector, vector, vector, vector, vector, vector, vector,
  // 0F 30
  writeMsr, timeStamp, readMsr, performanceCounter, enterSystem, exitSystem, vector, vector,
  threeByte, vector, vector, vector, vector, vector, vector, vector,
  // 0F 40
  moveIf, moveIf, moveIf, moveIf, moveIf, moveIf, moveIf, moveIf,
  moveIf, moveIf, moveIf, moveIf, moveIf, moveIf, moveIf, moveIf,
  // 0F 50
  vector, vector, vector, vector, vector, vector, vector, vector,
  vector, vector, vector, vector, vector, vector, vector, vector,
  // 0F 60
  vector, vector, vector, vector, vector, vector, vector, vector,
  vector, vector, vector, vector, vector, vector, vector, vector,
  // 0F 70
  vector, vector, vector, vector, vector, vector, vector, vector,
  vector, vector, vector, vector, vector, vector, vector, vector,
  // 0F 80
  jumpNearIf, jumpNearIf, jumpNearIf, jumpNearIf, jumpNearIf, jumpNearIf, jumpNearIf, jumpNearIf,
  jumpNearIf, jumpNearIf, jumpNearIf, jumpNearIf, jumpNearIf, jumpNearIf, jumpNearIf, jumpNearIf,
  // 0F 90
  setByte, setByte, setByte, setByte, setByte, setByte, setByte, setByte,
  setByte, setByte, setByte, setByte, setByte, setByte, setByte, setByte,
  // 0F A0
  pushFsGs, popFsGs, identify, bitByRegister, doubleShiftImmediate, doubleShiftByCl, vector, vector,
  pushFsGs, popFsGs, vector, bitByRegister, doubleShiftImmediate, doubleShiftByCl, group15, multiply,
  // 0F B0
  compareExchange, compareExchange, loadPointer, bitByRegister, loadPointer, loadPointer, zeroExtend, zeroExtend,
  populationCount, alwaysInvalid, group8, bitByRegister, scanBits, scanBits, signExtend, signExtend,
  // 0F C0
  exchangeAdd, exchangeAdd, vector, moveNonTemporal, vector, vector, vector, group9,
  swapBytes, swapBytes, swapBytes, swapBytes, swapBytes, swapBytes, swapBytes, swapBytes,
  // 0F D0
  vector, vector, vector, vector, vector, vector, vector, vector,
  vector, vector, vector, vector, vector, vector, vector, vector,
  // 0F E0
  vector, vector, vector, vector, vector, vector, vector, vector,
  vector, vector, vector, vector, vector, vector, vector, vector,
  // 0F F0
  vector, vector, vector, vector, vector, vector, vector, vector,
  vector, vector, vector, vector, vector, vector, vector, alwaysInvalid,
];

/** Decodes what follows opcode byte 0F. */
export function decodeTwoByte(): void {
  const b = fetch8();
  unchecked(TWO_BYTE[b])(b);
}
