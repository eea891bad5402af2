// Decoder of the MMX, SSE and AVX maps: mandatory prefixes, VEX prefixes, and the operands of the table in
// simd/. Follows Intel SDM vol. 2A, 2.1.2 and 2.3.

import { REGS, S_TMP2, S_YMM } from "../../state";
import { DS } from "../memory/segments";
import { WIDE64 } from "../simd/access";
import { simdDecode, simdFind, simdHasImmediate, simdHasModRm, simdIndexed } from "../simd/decode";
import { fxrstor, fxsave, ldmxcsr, stmxcsr, xrstor, xsave } from "../simd/fxsave";
import {
  addressSize,
  decodeModrm,
  fetch8,
  mod,
  mode,
  modrmByte,
  op,
  opSize,
  peek8,
  prefix66,
  prefixRep,
  reg,
  rex,
  rm,
  setRex,
  setSegmentOf,
  ud,
  use,
} from "./cursor";

/** Mandatory prefix of a legacy instruction: F2 and F3 win over 66. */
function mandatory(): u32 {
  if (prefixRep == 0xf3) return 2;
  if (prefixRep == 0xf2) return 3;
  return prefix66 ? 1 : 0;
}

/** Legacy opcode `b` of map 0F; for 38 and 3A the next byte is the opcode. */
export function decodeVector(b: u32): void {
  let map: u32 = 1;
  if (b == 0x38 || b == 0x3a) {
    map = b == 0x38 ? 2 : 3;
    b = fetch8();
  }
  if (map == 1 && b == 0xae) return decodeState();
  const token = simdFind(map, mandatory(), b, false, 0);
  if (token == 0) return ud();
  operands(token, map, b, false, 0, 0, (rex >> 3) & 1);
}

/** FXSAVE FXRSTOR LDMXCSR STMXCSR XSAVE XRSTOR XSAVEOPT: group 15 with a memory operand. */
function decodeState(): void {
  decodeModrm();
  const k = reg & 7;
  if (mod == 3 || prefixRep != 0 || prefix66) return ud();
  op.sub = (rex & 8) != 0 && mode == 2 ? <u8>WIDE64 : 0;
  op.size = 4;
  if (k == 0) use(fxsave);
  else if (k == 1) use(fxrstor);
  else if (k == 2) use(ldmxcsr);
  else if (k == 3) use(stmxcsr);
  else if (k == 4) use(xsave);
  else if (k == 5) use(xrstor);
  else if (k == 6) {
    op.sub |= 0x80;
    use(xsave);
  } else ud();
}

/** VEX prefix C4 or C5. Real and virtual-8086 mode are refused when the instruction executes. */
export function decodeVex(b: u32): void {
  const early = prefix66 || prefixRep != 0 || rex != 0;
  let map: u32 = 1;
  let w: u32 = 0;
  const first = fetch8();
  let last = first;
  let extension: u32 = (~first >> 5) & 4;
  if (b == 0xc4) {
    map = first & 31;
    extension = (~first >> 5) & 7;
    last = fetch8();
    w = last >> 7;
  }
  const opcode = fetch8();
  if (early || map == 0 || map > 3) return ud();
  setRex(mode == 2 ? extension | (w << 3) : 0);
  const token = simdFind(map, last & 3, opcode, true, w);
  if (token == 0) return ud();
  let vvvv = (~last >> 3) & 15;
  if (mode != 2) vvvv &= 7;
  operands(token, map, opcode, true, vvvv, (last >> 2) & 1, w);
}

function operands(token: usize, map: u32, opcode: u32, vex: bool, vvvv: u32, l: u32, w: u32): void {
  let register: i32 = 0;
  const sib = peek8(1);
  if (simdHasModRm(token)) {
    decodeModrm();
    register = mod == 3 ? <i32>rm : -1;
  }
  const immediate = simdHasImmediate(token) ? fetch8() : 0;
  if (!simdDecode(op, token, vex, reg, register, vvvv, l, w, opSize, immediate)) return ud();
  if (simdIndexed(token)) {
    // VSIB: the index is a vector register; S_TMP2 holds the element in turn.
    if (modrmByte >> 6 === 3 || (modrmByte & 7) !== 4 || addressSize === 2) return ud();
    const index = ((sib >> 3) & 7) | ((rex & 2) << 2);
    const address = S_YMM + (index << 5);
    if (index == reg || index == vvvv || reg == vvvv) return ud();
    op.imm = <i64>address;
    op.index = <u16>S_TMP2;
    op.scale = <u8>(sib >> 6);
  }
  if (map == 1 && opcode == 0xf7) {
    // MASKMOVQ, MASKMOVDQU: the memory operand is implicit, [DS:rDI].
    op.base = <u16>(REGS + 56);
    op.disp = 0;
    setSegmentOf(DS);
  }
}
