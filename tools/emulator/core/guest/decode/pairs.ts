// Two instructions in one step of the interpreter: the handler in the first one's record executes both, where they often
// stand behind each other. Most of a step's time goes by because the host does not foresee which handler is next, above all
// in code that executes seldom; of a pair the second one is known. Records stay as they are, so that whoever begins at the
// second instruction, or wants the first one alone (`plain_handler`), finds it.

import { OP_SIZE } from "../../state";
import {
  addRI32,
  addRI64,
  addRR32,
  addRR64,
  andRI32,
  cmpRM32,
  cmpRR64,
  smallMI8,
  smallRI8,
  smallRR8,
  subRI64,
  subRM64,
  subRR32,
  subRR64,
  xorRR32,
} from "../integer/alu";
import {
  call64,
  cmpJccRI32,
  cmpJccRI64,
  cmpJccRR32,
  cmpJccRR64,
  j_nb,
  j_nz,
  j_z,
  jmp,
  ret64,
  testJccRR32,
  testJccRR64,
} from "../integer/branch";
import {
  cmov,
  lea,
  lea64,
  movMI64,
  movMR16,
  movMR32,
  movMR64,
  movRI32,
  movRM32,
  movRM64,
  movRR32,
  movRR64,
  movSXR32to64,
  movZXM8,
  movZXM16,
  setcc,
} from "../integer/move";
import { imul } from "../integer/multiply";
import { sar32i, shift32, shl64i, shr32i, shr64i } from "../integer/shift";
import { popR64, pushR64 } from "../integer/stack";
import { dec32 } from "../integer/unary";
import { Op } from "../op/op";
import { handlerOf } from "./cursor";

type Handler = (op: Op) => usize;

/** Table indices of handlers are below this: regions come behind them. */
const HANDLERS: u32 = 4096;
/** More than the handlers that are first ones, or second ones. */
const MOST: u32 = 64;

/** u8 by table index: number of a handler among those that are first ones, and among second ones; 0 for all others. */
const FIRSTS: usize = memory.data(4096);
const SECONDS: usize = memory.data(4096);
let firsts: u32 = 0;
let seconds: u32 = 0;
/** u16 by both numbers: table index of the handler of both, or 0. */
const PAIRS: usize = memory.data(8192);
/** u16 by table index: of the handler of a pair that of the first instruction; 0 for all others. */
const PLAIN: usize = memory.data(8192);

function popR64_popR64(op: Op): usize {
  const next = popR64(op);
  return next == op.next() ? popR64(changetype<Op>(next)) : next;
}

function popR64_ret64(op: Op): usize {
  const next = popR64(op);
  return next == op.next() ? ret64(changetype<Op>(next)) : next;
}

function popR64_jmp(op: Op): usize {
  const next = popR64(op);
  return next == op.next() ? jmp(changetype<Op>(next)) : next;
}

function pushR64_movRR64(op: Op): usize {
  const next = pushR64(op);
  return next == op.next() ? movRR64(changetype<Op>(next)) : next;
}

function pushR64_pushR64(op: Op): usize {
  const next = pushR64(op);
  return next == op.next() ? pushR64(changetype<Op>(next)) : next;
}

function pushR64_movRR32(op: Op): usize {
  const next = pushR64(op);
  return next == op.next() ? movRR32(changetype<Op>(next)) : next;
}

function movRR64_movRR64(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? movRR64(changetype<Op>(next)) : next;
}

function movRR64_call64(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? call64(changetype<Op>(next)) : next;
}

function movRR64_pushR64(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? pushR64(changetype<Op>(next)) : next;
}

function movRR64_movRR32(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? movRR32(changetype<Op>(next)) : next;
}

function movRR64_movRM64(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? movRM64(changetype<Op>(next)) : next;
}

function movRR64_imul(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? imul(changetype<Op>(next)) : next;
}

function movRR64_subRR64(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? subRR64(changetype<Op>(next)) : next;
}

function movRR64_shr64i(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? shr64i(changetype<Op>(next)) : next;
}

function movRR64_lea64(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? lea64(changetype<Op>(next)) : next;
}

function movRR64_addRR64(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? addRR64(changetype<Op>(next)) : next;
}

function movRR64_cmov(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? cmov(changetype<Op>(next)) : next;
}

function movRR64_j_z(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? j_z(changetype<Op>(next)) : next;
}

function movRR64_jmp(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? jmp(changetype<Op>(next)) : next;
}

function movRR64_movMR64(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? movMR64(changetype<Op>(next)) : next;
}

function movRR64_testJccRR64(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? testJccRR64(changetype<Op>(next)) : next;
}

function movRR64_xorRR32(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? xorRR32(changetype<Op>(next)) : next;
}

function movRR64_popR64(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? popR64(changetype<Op>(next)) : next;
}

function movRR64_addRI64(op: Op): usize {
  const next = movRR64(op);
  return next == op.next() ? addRI64(changetype<Op>(next)) : next;
}

function movRM64_movRM64(op: Op): usize {
  const next = movRM64(op);
  return next == op.next() ? movRM64(changetype<Op>(next)) : next;
}

function movRM64_movRR64(op: Op): usize {
  const next = movRM64(op);
  return next == op.next() ? movRR64(changetype<Op>(next)) : next;
}

function movRM64_movMR64(op: Op): usize {
  const next = movRM64(op);
  return next == op.next() ? movMR64(changetype<Op>(next)) : next;
}

function movRM64_lea64(op: Op): usize {
  const next = movRM64(op);
  return next == op.next() ? lea64(changetype<Op>(next)) : next;
}

function movRM64_testJccRR64(op: Op): usize {
  const next = movRM64(op);
  return next == op.next() ? testJccRR64(changetype<Op>(next)) : next;
}

function movRM64_subRM64(op: Op): usize {
  const next = movRM64(op);
  return next == op.next() ? subRM64(changetype<Op>(next)) : next;
}

function movRM64_cmpJccRR64(op: Op): usize {
  const next = movRM64(op);
  return next == op.next() ? cmpJccRR64(changetype<Op>(next)) : next;
}

function movRM64_cmpJccRI64(op: Op): usize {
  const next = movRM64(op);
  return next == op.next() ? cmpJccRI64(changetype<Op>(next)) : next;
}

function movRM64_addRI64(op: Op): usize {
  const next = movRM64(op);
  return next == op.next() ? addRI64(changetype<Op>(next)) : next;
}

function movRM64_call64(op: Op): usize {
  const next = movRM64(op);
  return next == op.next() ? call64(changetype<Op>(next)) : next;
}

function smallMI8_j_nz(op: Op): usize {
  const next = smallMI8(op);
  return next == op.next() ? j_nz(changetype<Op>(next)) : next;
}

function smallMI8_j_z(op: Op): usize {
  const next = smallMI8(op);
  return next == op.next() ? j_z(changetype<Op>(next)) : next;
}

function smallRI8_j_nz(op: Op): usize {
  const next = smallRI8(op);
  return next == op.next() ? j_nz(changetype<Op>(next)) : next;
}

function smallRI8_j_z(op: Op): usize {
  const next = smallRI8(op);
  return next == op.next() ? j_z(changetype<Op>(next)) : next;
}

function movMR64_movMR64(op: Op): usize {
  const next = movMR64(op);
  return next == op.next() ? movMR64(changetype<Op>(next)) : next;
}

function movMR64_movRM64(op: Op): usize {
  const next = movMR64(op);
  return next == op.next() ? movRM64(changetype<Op>(next)) : next;
}

function movMR64_addRI64(op: Op): usize {
  const next = movMR64(op);
  return next == op.next() ? addRI64(changetype<Op>(next)) : next;
}

function movMR64_cmpJccRR64(op: Op): usize {
  const next = movMR64(op);
  return next == op.next() ? cmpJccRR64(changetype<Op>(next)) : next;
}

function movMR64_ret64(op: Op): usize {
  const next = movMR64(op);
  return next == op.next() ? ret64(changetype<Op>(next)) : next;
}

function movMR64_movMR32(op: Op): usize {
  const next = movMR64(op);
  return next == op.next() ? movMR32(changetype<Op>(next)) : next;
}

function smallRR8_j_z(op: Op): usize {
  const next = smallRR8(op);
  return next == op.next() ? j_z(changetype<Op>(next)) : next;
}

function smallRR8_j_nz(op: Op): usize {
  const next = smallRR8(op);
  return next == op.next() ? j_nz(changetype<Op>(next)) : next;
}

function addRI64_cmpJccRR64(op: Op): usize {
  const next = addRI64(op);
  return next == op.next() ? cmpJccRR64(changetype<Op>(next)) : next;
}

function addRI64_popR64(op: Op): usize {
  const next = addRI64(op);
  return next == op.next() ? popR64(changetype<Op>(next)) : next;
}

function addRI64_movRR64(op: Op): usize {
  const next = addRI64(op);
  return next == op.next() ? movRR64(changetype<Op>(next)) : next;
}

function addRI64_movMR64(op: Op): usize {
  const next = addRI64(op);
  return next == op.next() ? movMR64(changetype<Op>(next)) : next;
}

function movZXM16_movRR32(op: Op): usize {
  const next = movZXM16(op);
  return next == op.next() ? movRR32(changetype<Op>(next)) : next;
}

function movRR32_movRR64(op: Op): usize {
  const next = movRR32(op);
  return next == op.next() ? movRR64(changetype<Op>(next)) : next;
}

function movRR32_addRR32(op: Op): usize {
  const next = movRR32(op);
  return next == op.next() ? addRR32(changetype<Op>(next)) : next;
}

function movRR32_shr64i(op: Op): usize {
  const next = movRR32(op);
  return next == op.next() ? shr64i(changetype<Op>(next)) : next;
}

function movRR32_lea64(op: Op): usize {
  const next = movRR32(op);
  return next == op.next() ? lea64(changetype<Op>(next)) : next;
}

function movRR32_shift32(op: Op): usize {
  const next = movRR32(op);
  return next == op.next() ? shift32(changetype<Op>(next)) : next;
}

function movRR32_movRR32(op: Op): usize {
  const next = movRR32(op);
  return next == op.next() ? movRR32(changetype<Op>(next)) : next;
}

function movRR32_subRR32(op: Op): usize {
  const next = movRR32(op);
  return next == op.next() ? subRR32(changetype<Op>(next)) : next;
}

function movRR32_pushR64(op: Op): usize {
  const next = movRR32(op);
  return next == op.next() ? pushR64(changetype<Op>(next)) : next;
}

function movRR32_call64(op: Op): usize {
  const next = movRR32(op);
  return next == op.next() ? call64(changetype<Op>(next)) : next;
}

function movRR32_sar32i(op: Op): usize {
  const next = movRR32(op);
  return next == op.next() ? sar32i(changetype<Op>(next)) : next;
}

function movRR32_andRI32(op: Op): usize {
  const next = movRR32(op);
  return next == op.next() ? andRI32(changetype<Op>(next)) : next;
}

function movRM32_movRM32(op: Op): usize {
  const next = movRM32(op);
  return next == op.next() ? movRM32(changetype<Op>(next)) : next;
}

function movRM32_movRM64(op: Op): usize {
  const next = movRM32(op);
  return next == op.next() ? movRM64(changetype<Op>(next)) : next;
}

function movRM32_movRR32(op: Op): usize {
  const next = movRM32(op);
  return next == op.next() ? movRR32(changetype<Op>(next)) : next;
}

function movRM32_testJccRR32(op: Op): usize {
  const next = movRM32(op);
  return next == op.next() ? testJccRR32(changetype<Op>(next)) : next;
}

function movRM32_cmpJccRR32(op: Op): usize {
  const next = movRM32(op);
  return next == op.next() ? cmpJccRR32(changetype<Op>(next)) : next;
}

function shr32i_imul(op: Op): usize {
  const next = shr32i(op);
  return next == op.next() ? imul(changetype<Op>(next)) : next;
}

function lea64_movRR64(op: Op): usize {
  const next = lea64(op);
  return next == op.next() ? movRR64(changetype<Op>(next)) : next;
}

function lea64_lea64(op: Op): usize {
  const next = lea64(op);
  return next == op.next() ? lea64(changetype<Op>(next)) : next;
}

function lea64_movMR64(op: Op): usize {
  const next = lea64(op);
  return next == op.next() ? movMR64(changetype<Op>(next)) : next;
}

function lea64_movZXM8(op: Op): usize {
  const next = lea64(op);
  return next == op.next() ? movZXM8(changetype<Op>(next)) : next;
}

function imul_imul(op: Op): usize {
  const next = imul(op);
  return next == op.next() ? imul(changetype<Op>(next)) : next;
}

function imul_movRR64(op: Op): usize {
  const next = imul(op);
  return next == op.next() ? movRR64(changetype<Op>(next)) : next;
}

function imul_cmpJccRR32(op: Op): usize {
  const next = imul(op);
  return next == op.next() ? cmpJccRR32(changetype<Op>(next)) : next;
}

function movMR32_movZXM16(op: Op): usize {
  const next = movMR32(op);
  return next == op.next() ? movZXM16(changetype<Op>(next)) : next;
}

function movMR32_movMR32(op: Op): usize {
  const next = movMR32(op);
  return next == op.next() ? movMR32(changetype<Op>(next)) : next;
}

function addRR64_addRR64(op: Op): usize {
  const next = addRR64(op);
  return next == op.next() ? addRR64(changetype<Op>(next)) : next;
}

function addRR64_cmpRR64(op: Op): usize {
  const next = addRR64(op);
  return next == op.next() ? cmpRR64(changetype<Op>(next)) : next;
}

function addRR64_cmpJccRR64(op: Op): usize {
  const next = addRR64(op);
  return next == op.next() ? cmpJccRR64(changetype<Op>(next)) : next;
}

function addRR64_movRR64(op: Op): usize {
  const next = addRR64(op);
  return next == op.next() ? movRR64(changetype<Op>(next)) : next;
}

function xorRR32_movRR32(op: Op): usize {
  const next = xorRR32(op);
  return next == op.next() ? movRR32(changetype<Op>(next)) : next;
}

function xorRR32_jmp(op: Op): usize {
  const next = xorRR32(op);
  return next == op.next() ? jmp(changetype<Op>(next)) : next;
}

function xorRR32_popR64(op: Op): usize {
  const next = xorRR32(op);
  return next == op.next() ? popR64(changetype<Op>(next)) : next;
}

function xorRR32_movRI32(op: Op): usize {
  const next = xorRR32(op);
  return next == op.next() ? movRI32(changetype<Op>(next)) : next;
}

function xorRR32_ret64(op: Op): usize {
  const next = xorRR32(op);
  return next == op.next() ? ret64(changetype<Op>(next)) : next;
}

function addRR32_movRR32(op: Op): usize {
  const next = addRR32(op);
  return next == op.next() ? movRR32(changetype<Op>(next)) : next;
}

function addRR32_shr32i(op: Op): usize {
  const next = addRR32(op);
  return next == op.next() ? shr32i(changetype<Op>(next)) : next;
}

function movZXM8_smallRR8(op: Op): usize {
  const next = movZXM8(op);
  return next == op.next() ? smallRR8(changetype<Op>(next)) : next;
}

function movZXM8_addRI64(op: Op): usize {
  const next = movZXM8(op);
  return next == op.next() ? addRI64(changetype<Op>(next)) : next;
}

function movZXM8_movZXM16(op: Op): usize {
  const next = movZXM8(op);
  return next == op.next() ? movZXM16(changetype<Op>(next)) : next;
}

function subRR32_movRR32(op: Op): usize {
  const next = subRR32(op);
  return next == op.next() ? movRR32(changetype<Op>(next)) : next;
}

function subRR32_subRR32(op: Op): usize {
  const next = subRR32(op);
  return next == op.next() ? subRR32(changetype<Op>(next)) : next;
}

function subRR32_addRI32(op: Op): usize {
  const next = subRR32(op);
  return next == op.next() ? addRI32(changetype<Op>(next)) : next;
}

function movMR16_cmpJccRI32(op: Op): usize {
  const next = movMR16(op);
  return next == op.next() ? cmpJccRI32(changetype<Op>(next)) : next;
}

function shl64i_addRR64(op: Op): usize {
  const next = shl64i(op);
  return next == op.next() ? addRR64(changetype<Op>(next)) : next;
}

function addRI32_j_nz(op: Op): usize {
  const next = addRI32(op);
  return next == op.next() ? j_nz(changetype<Op>(next)) : next;
}

function subRI64_movRM64(op: Op): usize {
  const next = subRI64(op);
  return next == op.next() ? movRM64(changetype<Op>(next)) : next;
}

function movMI64_movMI64(op: Op): usize {
  const next = movMI64(op);
  return next == op.next() ? movMI64(changetype<Op>(next)) : next;
}

function cmpRR64_movRR64(op: Op): usize {
  const next = cmpRR64(op);
  return next == op.next() ? movRR64(changetype<Op>(next)) : next;
}

function cmpRR64_setcc(op: Op): usize {
  const next = cmpRR64(op);
  return next == op.next() ? setcc(changetype<Op>(next)) : next;
}

function sar32i_addRR32(op: Op): usize {
  const next = sar32i(op);
  return next == op.next() ? addRR32(changetype<Op>(next)) : next;
}

function cmov_addRR64(op: Op): usize {
  const next = cmov(op);
  return next == op.next() ? addRR64(changetype<Op>(next)) : next;
}

function dec32_j_z(op: Op): usize {
  const next = dec32(op);
  return next == op.next() ? j_z(changetype<Op>(next)) : next;
}

function cmpRM32_j_nb(op: Op): usize {
  const next = cmpRM32(op);
  return next == op.next() ? j_nb(changetype<Op>(next)) : next;
}

function andRI32_j_z(op: Op): usize {
  const next = andRI32(op);
  return next == op.next() ? j_z(changetype<Op>(next)) : next;
}

function lea_addRR32(op: Op): usize {
  const next = lea(op);
  return next == op.next() ? addRR32(changetype<Op>(next)) : next;
}

function movSXR32to64_subRR64(op: Op): usize {
  const next = movSXR32to64(op);
  return next == op.next() ? subRR64(changetype<Op>(next)) : next;
}

function subRR64_xorRR32(op: Op): usize {
  const next = subRR64(op);
  return next == op.next() ? xorRR32(changetype<Op>(next)) : next;
}

function movRI32_movRR64(op: Op): usize {
  const next = movRI32(op);
  return next == op.next() ? movRR64(changetype<Op>(next)) : next;
}

function movRI32_call64(op: Op): usize {
  const next = movRI32(op);
  return next == op.next() ? call64(changetype<Op>(next)) : next;
}

function define(first: Handler, second: Handler, both: Handler): void {
  const a = FIRSTS + handlerOf(first);
  if (load<u8>(a) == 0) store<u8>(a, <u8>++firsts);
  const b = SECONDS + handlerOf(second);
  if (load<u8>(b) == 0) store<u8>(b, <u8>++seconds);
  store<u16>(PAIRS + ((load<u8>(a) * MOST + load<u8>(b)) << 1), <u16>handlerOf(both));
  store<u16>(PLAIN + (handlerOf(both) << 1), <u16>handlerOf(first));
}

/** Fills the tables; once per instance, before anything is decoded. */
export function definePairs(): void {
  define(popR64, popR64, popR64_popR64);
  define(popR64, ret64, popR64_ret64);
  define(popR64, jmp, popR64_jmp);
  define(pushR64, movRR64, pushR64_movRR64);
  define(pushR64, pushR64, pushR64_pushR64);
  define(pushR64, movRR32, pushR64_movRR32);
  define(movRR64, movRR64, movRR64_movRR64);
  define(movRR64, call64, movRR64_call64);
  define(movRR64, pushR64, movRR64_pushR64);
  define(movRR64, movRR32, movRR64_movRR32);
  define(movRR64, movRM64, movRR64_movRM64);
  define(movRR64, imul, movRR64_imul);
  define(movRR64, subRR64, movRR64_subRR64);
  define(movRR64, shr64i, movRR64_shr64i);
  define(movRR64, lea64, movRR64_lea64);
  define(movRR64, addRR64, movRR64_addRR64);
  define(movRR64, cmov, movRR64_cmov);
  define(movRR64, j_z, movRR64_j_z);
  define(movRR64, jmp, movRR64_jmp);
  define(movRR64, movMR64, movRR64_movMR64);
  define(movRR64, testJccRR64, movRR64_testJccRR64);
  define(movRR64, xorRR32, movRR64_xorRR32);
  define(movRR64, popR64, movRR64_popR64);
  define(movRR64, addRI64, movRR64_addRI64);
  define(movRM64, movRM64, movRM64_movRM64);
  define(movRM64, movRR64, movRM64_movRR64);
  define(movRM64, movMR64, movRM64_movMR64);
  define(movRM64, lea64, movRM64_lea64);
  define(movRM64, testJccRR64, movRM64_testJccRR64);
  define(movRM64, subRM64, movRM64_subRM64);
  define(movRM64, cmpJccRR64, movRM64_cmpJccRR64);
  define(movRM64, cmpJccRI64, movRM64_cmpJccRI64);
  define(movRM64, addRI64, movRM64_addRI64);
  define(movRM64, call64, movRM64_call64);
  define(smallMI8, j_nz, smallMI8_j_nz);
  define(smallMI8, j_z, smallMI8_j_z);
  define(smallRI8, j_nz, smallRI8_j_nz);
  define(smallRI8, j_z, smallRI8_j_z);
  define(movMR64, movMR64, movMR64_movMR64);
  define(movMR64, movRM64, movMR64_movRM64);
  define(movMR64, addRI64, movMR64_addRI64);
  define(movMR64, cmpJccRR64, movMR64_cmpJccRR64);
  define(movMR64, ret64, movMR64_ret64);
  define(movMR64, movMR32, movMR64_movMR32);
  define(smallRR8, j_z, smallRR8_j_z);
  define(smallRR8, j_nz, smallRR8_j_nz);
  define(addRI64, cmpJccRR64, addRI64_cmpJccRR64);
  define(addRI64, popR64, addRI64_popR64);
  define(addRI64, movRR64, addRI64_movRR64);
  define(addRI64, movMR64, addRI64_movMR64);
  define(movZXM16, movRR32, movZXM16_movRR32);
  define(movRR32, movRR64, movRR32_movRR64);
  define(movRR32, addRR32, movRR32_addRR32);
  define(movRR32, shr64i, movRR32_shr64i);
  define(movRR32, lea64, movRR32_lea64);
  define(movRR32, shift32, movRR32_shift32);
  define(movRR32, movRR32, movRR32_movRR32);
  define(movRR32, subRR32, movRR32_subRR32);
  define(movRR32, pushR64, movRR32_pushR64);
  define(movRR32, call64, movRR32_call64);
  define(movRR32, sar32i, movRR32_sar32i);
  define(movRR32, andRI32, movRR32_andRI32);
  define(movRM32, movRM32, movRM32_movRM32);
  define(movRM32, movRM64, movRM32_movRM64);
  define(movRM32, movRR32, movRM32_movRR32);
  define(movRM32, testJccRR32, movRM32_testJccRR32);
  define(movRM32, cmpJccRR32, movRM32_cmpJccRR32);
  define(shr32i, imul, shr32i_imul);
  define(lea64, movRR64, lea64_movRR64);
  define(lea64, lea64, lea64_lea64);
  define(lea64, movMR64, lea64_movMR64);
  define(lea64, movZXM8, lea64_movZXM8);
  define(imul, imul, imul_imul);
  define(imul, movRR64, imul_movRR64);
  define(imul, cmpJccRR32, imul_cmpJccRR32);
  define(movMR32, movZXM16, movMR32_movZXM16);
  define(movMR32, movMR32, movMR32_movMR32);
  define(addRR64, addRR64, addRR64_addRR64);
  define(addRR64, cmpRR64, addRR64_cmpRR64);
  define(addRR64, cmpJccRR64, addRR64_cmpJccRR64);
  define(addRR64, movRR64, addRR64_movRR64);
  define(xorRR32, movRR32, xorRR32_movRR32);
  define(xorRR32, jmp, xorRR32_jmp);
  define(xorRR32, popR64, xorRR32_popR64);
  define(xorRR32, movRI32, xorRR32_movRI32);
  define(xorRR32, ret64, xorRR32_ret64);
  define(addRR32, movRR32, addRR32_movRR32);
  define(addRR32, shr32i, addRR32_shr32i);
  define(movZXM8, smallRR8, movZXM8_smallRR8);
  define(movZXM8, addRI64, movZXM8_addRI64);
  define(movZXM8, movZXM16, movZXM8_movZXM16);
  define(subRR32, movRR32, subRR32_movRR32);
  define(subRR32, subRR32, subRR32_subRR32);
  define(subRR32, addRI32, subRR32_addRI32);
  define(movMR16, cmpJccRI32, movMR16_cmpJccRI32);
  define(shl64i, addRR64, shl64i_addRR64);
  define(addRI32, j_nz, addRI32_j_nz);
  define(subRI64, movRM64, subRI64_movRM64);
  define(movMI64, movMI64, movMI64_movMI64);
  define(cmpRR64, movRR64, cmpRR64_movRR64);
  define(cmpRR64, setcc, cmpRR64_setcc);
  define(sar32i, addRR32, sar32i_addRR32);
  define(cmov, addRR64, cmov_addRR64);
  define(dec32, j_z, dec32_j_z);
  define(cmpRM32, j_nb, cmpRM32_j_nb);
  define(andRI32, j_z, andRI32_j_z);
  define(lea, addRR32, lea_addRR32);
  define(movSXR32to64, subRR64, movSXR32to64_subRR64);
  define(subRR64, xorRR32, subRR64_xorRR32);
  define(movRI32, movRR64, movRI32_movRR64);
  define(movRI32, call64, movRI32_call64);
}

/** Table index of the handler of the first instruction alone, where `handler` executes two; otherwise the same. */
export function plain_handler(handler: u32): u32 {
  const first = handler < HANDLERS ? <u32>load<u16>(PLAIN + (handler << 1)) : 0;
  return first != 0 ? first : handler;
}

/** Makes pairs among a block's records, from `first` up to `end`. */
export function pairUp(first: usize, end: usize): void {
  let at = first;
  while (at + OP_SIZE < end) {
    const op = changetype<Op>(at);
    at += OP_SIZE;
    const row = <u32>load<u8>(FIRSTS + op.h);
    if (row == 0) continue;
    const column = <u32>load<u8>(SECONDS + changetype<Op>(at).h);
    const both = <u32>load<u16>(PAIRS + ((row * MOST + column) << 1));
    if (both == 0) continue;
    op.h = both;
    at += OP_SIZE;
  }
}
