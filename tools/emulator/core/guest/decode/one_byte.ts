// The one-byte opcode map: a decoder for each opcode, which reads the operands and picks the handler. Follows
// Intel SDM vol. 2D, appendix A, table A-2.

import { REGS } from "../../state";
import { TEST } from "../integer/alu";
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
import { divAccumulator, imul, mulAccumulator } from "../integer/multiply";
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
import { INS, OUTS, stringOp } from "../integer/string";
import { CMPS, LODS, MOVS, SCAS, STOS } from "../integer/string_bulk";
import { UNARY } from "../integer/unary";
import { DS, ES } from "../memory/segments";
import { ENTERS } from "../op/lookup";
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
import { aluImmediate, aluRegisterMemory, exchangeForm, shiftGroup } from "./alu_forms";
import {
  addressSize,
  allowLock,
  branchDisplacement,
  decodeModrm,
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
  peek8,
  portSize,
  prefixRep,
  registers,
  relative,
  rex,
  rm,
  segmentOverride,
  setSegmentOf,
  signed8,
  sizeBy,
  sizeIndex,
  stackSize,
  ud,
  use,
  useEnd,
} from "./cursor";
import { decodeTwoByte } from "./two_byte";
import { decodeVex } from "./vector";
import { decodeX87 } from "./x87";

/** Opcodes that do not exist, and those of prefixes, which have been taken before. */
function invalid(_b: u32): void {
  ud();
}

function aluToRm(b: u32): void {
  aluRegisterMemory(<i32>(b >> 3), sizeBy(b), false);
}

function aluToRegister(b: u32): void {
  aluRegisterMemory(<i32>(b >> 3), sizeBy(b), true);
}

function aluAccumulator(b: u32): void {
  const size = sizeBy(b);
  op.dst = gpr(0, size);
  op.imm = immediate(size);
  aluImmediate(<i32>(b >> 3), size, false);
}

function twoByte(_b: u32): void {
  decodeTwoByte();
}

function x87(b: u32): void {
  decodeX87(b);
}

function stringInstruction(kind: u8, size: i32): void {
  op.sub = kind;
  op.size = <u8>size;
  const segment = segmentOverride >= 0 ? segmentOverride : DS;
  const rep = prefixRep == 0xf3 ? 1 : prefixRep == 0xf2 ? 2 : 0;
  op.aux = <u32>addressSize | ((<u32>rep) << 4) | ((<u32>segment) << 8);
  use(stringOp);
}

function pushSreg(b: u32): void {
  if (mode == 2) return ud();
  op.sub = <u8>(b >> 3);
  use(pushSegment);
}

function popSreg(b: u32): void {
  if (mode == 2) return ud();
  op.sub = <u8>(b >> 3);
  useEnd(popSegment);
}

function decimal(b: u32): void {
  if (mode == 2) return ud();
  op.sub = <u8>b;
  use(bcd);
}

function incDec(b: u32): void {
  op.ea = EA_REGISTER;
  op.src = gpr(b & 7, opSize);
  use(UNARY[((b & 8) != 0 ? 4 : 0) + sizeIndex(opSize)]);
}

function pushRegister(b: u32): void {
  op.size = <u8>stackSize();
  op.dst = gpr((b & 7) | ((rex & 1) << 3), 8);
  use(op.size == 8 ? pushR64 : pushR);
}

function popRegister(b: u32): void {
  op.size = <u8>stackSize();
  op.dst = gpr((b & 7) | ((rex & 1) << 3), 8);
  use(op.size == 8 ? popR64 : popR);
}

function pushAll(_b: u32): void {
  if (mode == 2) return ud();
  use(pusha);
}

function popAll(_b: u32): void {
  if (mode == 2) return ud();
  use(popa);
}

function checkBounds(_b: u32): void {
  if (mode == 2) return ud(); // EVEX
  modrmOf(opSize);
  if (mod == 3) return ud();
  use(bound);
}

function signExtendOrArpl(_b: u32): void {
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
}

function pushImmediate(_b: u32): void {
  op.size = <u8>stackSize();
  op.imm = immediate(op.size == 2 ? 2 : 4);
  use(pushI);
}

function pushByte(_b: u32): void {
  op.size = <u8>stackSize();
  op.imm = signed8();
  use(pushI);
}

function multiplyImmediate(b: u32): void {
  modrmOf(opSize);
  op.imm = b == 0x6b ? signed8() : immediate(opSize);
  op.sub = 1;
  use(imul);
}

function inputString(b: u32): void {
  stringInstruction(INS, portSize(b));
}

function outputString(b: u32): void {
  stringInstruction(OUTS, portSize(b));
}

function jumpIf(b: u32): void {
  relative(1);
  op.sub = <u8>(b & 15);
  useEnd(JCC[b & 15]);
}

function group1(b: u32): void {
  if (b == 0x82 && mode == 2) return ud();
  const size = sizeBy(b);
  modrmOf(size);
  const k = <i32>((modrmByte >> 3) & 7);
  op.imm = b == 0x81 ? immediate(size) : signed8();
  op.dst = op.src;
  aluImmediate(k, size, mod != 3);
}

function testRm(b: u32): void {
  const size = sizeBy(b);
  aluRegisterMemory(TEST, size, true);
}

function exchange(b: u32): void {
  exchangeForm(b, XCHG);
}

function moveToRm(b: u32): void {
  const size = sizeBy(b);
  modrmOf(size);
  const i = sizeIndex(size);
  if (mod == 3) {
    const t = op.dst;
    op.dst = op.src;
    op.src = t;
    use(MOV_RR[i]);
  } else use(MOV_MR[i]);
}

function moveToRegister(b: u32): void {
  const size = sizeBy(b);
  modrmOf(size);
  use(mod == 3 ? MOV_RR[sizeIndex(size)] : MOV_RM[sizeIndex(size)]);
}

function storeSegment(_b: u32): void {
  modrmOf(opSize);
  if (((modrmByte >> 3) & 7) > 5) return ud();
  op.sub = <u8>((modrmByte >> 3) & 7);
  use(movFromSegment);
}

function loadAddress(_b: u32): void {
  modrmOf(opSize);
  if (mod == 3) return ud();
  // LEA ignores the segment.
  op.ea &= 3;
  use(op.ea == 0 && opSize == 8 ? lea64 : lea);
}

function loadSegment(_b: u32): void {
  modrmOf(opSize);
  const s = (modrmByte >> 3) & 7;
  if (s > 5 || s == 1) return ud();
  op.sub = <u8>s;
  useEnd(movToSegment);
}

function group1A(_b: u32): void {
  op.size = <u8>stackSize();
  decodeModrm();
  if (((modrmByte >> 3) & 7) != 0) return ud();
  if (mod == 3) op.src = gpr(rm, 8);
  use(popRm);
}

function nopOrPause(b: u32): void {
  if ((rex & 1) == 0) {
    use(prefixRep == 0xf3 ? pause : nop);
    return;
  }
  exchangeAccumulator(b);
}

function convertAccumulator(_b: u32): void {
  use(convertA);
}

function convertDouble(_b: u32): void {
  use(convertD);
}

function farTransfer(b: u32): void {
  if (mode == 2) return ud();
  op.imm = opSize == 2 ? <i64>fetch16() : <i64>fetch32();
  op.aux = fetch16();
  op.sub = b == 0x9a ? 1 : 0;
  useEnd(farDirect);
}

function pushF(_b: u32): void {
  op.size = <u8>stackSize();
  use(pushFlags);
}

function popF(_b: u32): void {
  op.size = <u8>stackSize();
  useEnd(popFlags);
}

function storeAh(_b: u32): void {
  use(sahf);
}

function loadAh(_b: u32): void {
  use(lahf);
}

function moveOffset(b: u32): void {
  const size = sizeBy(b);
  op.disp = addressSize == 8 ? <i64>fetch64() : addressSize == 4 ? <i64>fetch32() : <i64>fetch16();
  setSegmentOf(DS);
  op.dst = gpr(0, 8);
  use(b < 0xa2 ? MOV_RM[sizeIndex(size)] : MOV_MR[sizeIndex(size)]);
}

function moveString(b: u32): void {
  stringInstruction(MOVS, sizeBy(b));
}

function compareString(b: u32): void {
  stringInstruction(CMPS, sizeBy(b));
}

function testAccumulator(b: u32): void {
  const size = sizeBy(b);
  op.dst = gpr(0, size);
  op.imm = immediate(size);
  aluImmediate(TEST, size, false);
}

function storeString(b: u32): void {
  stringInstruction(STOS, sizeBy(b));
}

function loadString(b: u32): void {
  stringInstruction(LODS, sizeBy(b));
}

function scanString(b: u32): void {
  stringInstruction(SCAS, sizeBy(b));
}

function moveByteImmediate(b: u32): void {
  op.dst = gpr((b & 7) | ((rex & 1) << 3), 1);
  op.imm = <i64>fetch8();
  use(MOV_RI[0]);
}

function moveImmediate(b: u32): void {
  op.dst = gpr((b & 7) | ((rex & 1) << 3), opSize);
  op.imm = opSize == 8 ? <i64>fetch64() : opSize == 4 ? <i64>fetch32() : <i64>fetch16();
  use(MOV_RI[sizeIndex(opSize)]);
}

function shiftImmediate(b: u32): void {
  shiftGroup(sizeBy(b), 0);
}

function shiftOne(b: u32): void {
  shiftGroup(sizeBy(b), 1);
}

function shiftByCl(b: u32): void {
  shiftGroup(sizeBy(b), 2);
}

function returnNear(b: u32): void {
  op.imm = b == 0xc2 ? <i64>fetch16() : 0;
  op.size = mode == 2 ? 8 : <u8>opSize;
  useEnd(mode == 2 ? ret64 : ret);
}

function farPointerOrVex(b: u32): void {
  if (mode == 2 || peek8(0) >= 0xc0) {
    decodeVex(b);
    return;
  }
  modrmOf(opSize);
  op.sub = <u8>(b == 0xc4 ? ES : DS);
  useEnd(loadFarPointer);
}

function group11(b: u32): void {
  const size = sizeBy(b);
  modrmOf(size);
  if (((modrmByte >> 3) & 7) != 0) return ud();
  op.imm = immediate(size);
  op.dst = op.src;
  use(mod == 3 ? MOV_RI[sizeIndex(size)] : MOV_MI[sizeIndex(size)]);
}

function enterFrame(_b: u32): void {
  op.size = <u8>stackSize();
  op.imm = <i64>fetch16();
  op.aux = fetch8();
  use(enter);
}

function leaveFrame(_b: u32): void {
  op.size = <u8>stackSize();
  use(leave);
}

function returnFar(b: u32): void {
  op.imm = b == 0xca ? <i64>fetch16() : 0;
  useEnd(retFar);
}

function breakpoint(_b: u32): void {
  op.imm = 3;
  op.sub = 1;
  useEnd(softwareInterrupt);
}

function interrupt(_b: u32): void {
  op.imm = <i64>fetch8();
  useEnd(softwareInterrupt);
}

function overflow(_b: u32): void {
  if (mode == 2) return ud();
  op.imm = 4;
  op.sub = 2;
  use(into);
}

function interruptReturn(_b: u32): void {
  useEnd(iret);
}

function adjustImmediate(b: u32): void {
  if (mode == 2) return ud();
  op.sub = <u8>b;
  op.imm = <i64>fetch8();
  use(bcd);
}

function setAlFromCarry(_b: u32): void {
  if (mode == 2) return ud();
  use(salc);
}

function translate(_b: u32): void {
  op.base = <u16>(REGS + 24);
  setSegmentOf(DS);
  use(xlat);
}

function loopByte(b: u32): void {
  relative(1);
  op.sub = <u8>(b & 3);
  op.aux = <u32>addressSize;
  useEnd(loop);
}

function portInOut(b: u32): void {
  op.size = <u8>portSize(b);
  if ((b & 8) == 0) op.imm = <i64>fetch8();
  else op.sub = 1;
  useEnd((b & 2) == 0 ? input : output);
}

function callNear(_b: u32): void {
  relative(branchDisplacement());
  op.sub = ENTERS;
  useEnd(mode == 2 ? call64 : callRelative);
}

function jumpNear(_b: u32): void {
  relative(branchDisplacement());
  useEnd(jmp);
}

function jumpByte(_b: u32): void {
  relative(1);
  useEnd(jmp);
}

function interrupt1(_b: u32): void {
  op.imm = 1;
  op.sub = 1;
  useEnd(softwareInterrupt);
}

function haltCpu(_b: u32): void {
  useEnd(hlt);
}

function complementCarry(_b: u32): void {
  op.sub = 2;
  use(carryOp);
}

function group3(b: u32): void {
  const size = sizeBy(b);
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
}

function carry(b: u32): void {
  op.sub = <u8>(b & 1);
  use(carryOp);
}

function clearInterrupt(_b: u32): void {
  use(cli);
}

function setInterrupt(_b: u32): void {
  useEnd(sti);
}

function direction(b: u32): void {
  op.sub = <u8>(b & 1);
  use(directionOp);
}

function groups4And5(b: u32): void {
  const size = sizeBy(b);
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
}

function exchangeAccumulator(b: u32): void {
  op.ea = EA_REGISTER;
  op.dst = gpr(0, 8);
  op.src = gpr((b & 7) | ((rex & 1) << 3), 8);
  use(XCHG[sizeIndex(opSize)]);
}

/** By opcode. What is not there in 64-bit mode says so itself. */
// biome-ignore format: eight opcodes a line, as the manual's map has them
const ONE_BYTE: StaticArray<(b: u32) => void> = [
  // 00
  aluToRm, aluToRm, aluToRegister, aluToRegister, aluAccumulator, aluAccumulator, pushSreg, popSreg,
  aluToRm, aluToRm, aluToRegister, aluToRegister, aluAccumulator, aluAccumulator, pushSreg, twoByte,
  // 10
  aluToRm, aluToRm, aluToRegister, aluToRegister, aluAccumulator, aluAccumulator, pushSreg, popSreg,
  aluToRm, aluToRm, aluToRegister, aluToRegister, aluAccumulator, aluAccumulator, pushSreg, popSreg,
  // 20
  aluToRm, aluToRm, aluToRegister, aluToRegister, aluAccumulator, aluAccumulator, invalid, decimal,
  aluToRm, aluToRm, aluToRegister, aluToRegister, aluAccumulator, aluAccumulator, invalid, decimal,
  // 30
  aluToRm, aluToRm, aluToRegister, aluToRegister, aluAccumulator, aluAccumulator, invalid, decimal,
  aluToRm, aluToRm, aluToRegister, aluToRegister, aluAccumulator, aluAccumulator, invalid, decimal,
  // 40
  incDec, incDec, incDec, incDec, incDec, incDec, incDec, incDec,
  incDec, incDec, incDec, incDec, incDec, incDec, incDec, incDec,
  // 50
  pushRegister, pushRegister, pushRegister, pushRegister, pushRegister, pushRegister, pushRegister, pushRegister,
  popRegister, popRegister, popRegister, popRegister, popRegister, popRegister, popRegister, popRegister,
  // 60
  pushAll, popAll, checkBounds, signExtendOrArpl, invalid, invalid, invalid, invalid,
  pushImmediate, multiplyImmediate, pushByte, multiplyImmediate, inputString, inputString, outputString, outputString,
  // 70
  jumpIf, jumpIf, jumpIf, jumpIf, jumpIf, jumpIf, jumpIf, jumpIf,
  jumpIf, jumpIf, jumpIf, jumpIf, jumpIf, jumpIf, jumpIf, jumpIf,
  // 80
  group1, group1, group1, group1, testRm, testRm, exchange, exchange,
  moveToRm, moveToRm, moveToRegister, moveToRegister, storeSegment, loadAddress, loadSegment, group1A,
  // 90
  nopOrPause, exchangeAccumulator, exchangeAccumulator, exchangeAccumulator, exchangeAccumulator, exchangeAccumulator, exchangeAccumulator, exchangeAccumulator,
  convertAccumulator, convertDouble, farTransfer, x87, pushF, popF, storeAh, loadAh,
  // A0
  moveOffset, moveOffset, moveOffset, moveOffset, moveString, moveString, compareString, compareString,
  testAccumulator, testAccumulator, storeString, storeString, loadString, loadString, scanString, scanString,
  // B0
  moveByteImmediate, moveByteImmediate, moveByteImmediate, moveByteImmediate, moveByteImmediate, moveByteImmediate, moveByteImmediate, moveByteImmediate,
  moveImmediate, moveImmediate, moveImmediate, moveImmediate, moveImmediate, moveImmediate, moveImmediate, moveImmediate,
  // C0
  shiftImmediate, shiftImmediate, returnNear, returnNear, farPointerOrVex, farPointerOrVex, group11, group11,
  enterFrame, leaveFrame, returnFar, returnFar, breakpoint, interrupt, overflow, interruptReturn,
  // D0
  shiftOne, shiftOne, shiftByCl, shiftByCl, adjustImmediate, adjustImmediate, setAlFromCarry, translate,
  x87, x87, x87, x87, x87, x87, x87, x87,
  // E0
  loopByte, loopByte, loopByte, loopByte, portInOut, portInOut, portInOut, portInOut,
  callNear, jumpNear, farTransfer, jumpByte, portInOut, portInOut, portInOut, portInOut,
  // F0
  invalid, interrupt1, invalid, invalid, haltCpu, complementCarry, group3, group3,
  carry, carry, clearInterrupt, setInterrupt, direction, direction, groups4And5, groups4And5,
];

/** Decodes the operands of opcode `b`, whose prefixes have been taken, and picks its handler. */
export function decodeOneByte(b: u32): void {
  unchecked(ONE_BYTE[b])(b);
}
