// Opcode table: floating-point instructions of SSE to SSE4.1 and their VEX forms.
// Follows Intel SDM vol. 2D, tables.

import { vmovddup } from "./avx";
import { cmppd, cmpps, cmpsd, cmpss, comisd, comiss, ptest, ucomisd, ucomiss } from "./compare";
import {
  cvtdq2pd,
  cvtdq2ps,
  cvtpd2dq,
  cvtpd2ps,
  cvtpi2ps,
  cvtps2dq,
  cvtps2pd,
  cvtps2pi,
  cvtsd2si,
  cvtsd2ss,
  cvtsi2sd,
  cvtsi2ss,
  cvtss2sd,
  cvtss2si,
  cvttpd2dq,
  cvttps2dq,
  cvttps2pi,
  cvttsd2si,
  cvttss2si,
} from "./convert";
import {
  addFlags,
  bitwise,
  both,
  legacy,
  narrowing,
  packed,
  scalar32,
  scalar64,
  setHandler,
  setMemory,
  vex,
} from "./define";
import { dppd, dpps } from "./dot";
import { AVX, SSE, SSE2, SSE3, SSE41 } from "./features";
import {
  addpd,
  addps,
  addsd,
  addss,
  addsubpd,
  addsubps,
  divpd,
  divps,
  divsd,
  divss,
  haddpd,
  haddps,
  hsubpd,
  hsubps,
  maxpd,
  maxps,
  maxsd,
  maxss,
  minpd,
  minps,
  minsd,
  minss,
  mulpd,
  mulps,
  mulsd,
  mulss,
  rcpps,
  rcpss,
  roundpd,
  roundps,
  roundsd,
  roundss,
  rsqrtps,
  rsqrtss,
  sqrtpd,
  sqrtps,
  sqrtsd,
  sqrtss,
  subpd,
  subps,
  subsd,
  subss,
} from "./float";
import { laneMemory, laneRegister } from "./forms";
import { pand, pandn, por, pxor } from "./integer";
import { floatToMmx, mmxToFloat } from "./mmx";
import { insertpsMemory } from "./moves";
import {
  addsdDirect,
  addssDirect,
  divsdDirect,
  divssDirect,
  maxsdDirect,
  maxssDirect,
  minsdDirect,
  minssDirect,
  mulsdDirect,
  mulssDirect,
  sqrtsdDirect,
  sqrtssDirect,
  subsdDirect,
  subssDirect,
} from "./scalar";
import {
  blendpd,
  blendps,
  blendvpd,
  blendvps,
  insertps,
  movddup,
  movshdup,
  movsldup,
  pblendvb,
  punpckhdq,
  punpckhqdq,
  punpckldq,
  punpcklqdq,
  shufpd,
  shufps,
} from "./shuffle";
import {
  entryAt,
  FULL,
  HALF,
  IMM3,
  IMM8,
  IS4,
  L0,
  LEGACY,
  LIG,
  MAP_0F3A,
  MAP_0F38,
  NP,
  P66,
  PF2,
  PF3,
  put,
  REG_G,
  REG_M,
  RM_G,
  RM_M,
  V_NONE,
  V_X,
} from "./table";

export function defineFloat(): void {
  // Arithmetic.
  packed(NP | 0x58, addps, SSE, V_X);
  packed(P66 | 0x58, addpd, SSE2, V_X);
  scalar32(PF3 | 0x58, addss, SSE);
  setHandler(PF3 | 0x58, addssDirect.index);
  scalar64(PF2 | 0x58, addsd, SSE2);
  setHandler(PF2 | 0x58, addsdDirect.index);
  packed(NP | 0x59, mulps, SSE, V_X);
  packed(P66 | 0x59, mulpd, SSE2, V_X);
  scalar32(PF3 | 0x59, mulss, SSE);
  setHandler(PF3 | 0x59, mulssDirect.index);
  scalar64(PF2 | 0x59, mulsd, SSE2);
  setHandler(PF2 | 0x59, mulsdDirect.index);
  packed(NP | 0x5c, subps, SSE, V_X);
  packed(P66 | 0x5c, subpd, SSE2, V_X);
  scalar32(PF3 | 0x5c, subss, SSE);
  setHandler(PF3 | 0x5c, subssDirect.index);
  scalar64(PF2 | 0x5c, subsd, SSE2);
  setHandler(PF2 | 0x5c, subsdDirect.index);
  packed(NP | 0x5d, minps, SSE, V_X);
  packed(P66 | 0x5d, minpd, SSE2, V_X);
  scalar32(PF3 | 0x5d, minss, SSE);
  setHandler(PF3 | 0x5d, minssDirect.index);
  scalar64(PF2 | 0x5d, minsd, SSE2);
  setHandler(PF2 | 0x5d, minsdDirect.index);
  packed(NP | 0x5e, divps, SSE, V_X);
  packed(P66 | 0x5e, divpd, SSE2, V_X);
  scalar32(PF3 | 0x5e, divss, SSE);
  setHandler(PF3 | 0x5e, divssDirect.index);
  scalar64(PF2 | 0x5e, divsd, SSE2);
  setHandler(PF2 | 0x5e, divsdDirect.index);
  packed(NP | 0x5f, maxps, SSE, V_X);
  packed(P66 | 0x5f, maxpd, SSE2, V_X);
  scalar32(PF3 | 0x5f, maxss, SSE);
  setHandler(PF3 | 0x5f, maxssDirect.index);
  scalar64(PF2 | 0x5f, maxsd, SSE2);
  setHandler(PF2 | 0x5f, maxsdDirect.index);
  packed(NP | 0x51, sqrtps, SSE, V_NONE);
  packed(P66 | 0x51, sqrtpd, SSE2, V_NONE);
  scalar32(PF3 | 0x51, sqrtss, SSE);
  setHandler(PF3 | 0x51, sqrtssDirect.index);
  scalar64(PF2 | 0x51, sqrtsd, SSE2);
  setHandler(PF2 | 0x51, sqrtsdDirect.index);
  packed(NP | 0x52, rsqrtps, SSE, V_NONE);
  scalar32(PF3 | 0x52, rsqrtss, SSE);
  packed(NP | 0x53, rcpps, SSE, V_NONE);
  scalar32(PF3 | 0x53, rcpss, SSE);
  packed(P66 | 0x7c, haddpd, SSE3, V_X);
  packed(PF2 | 0x7c, haddps, SSE3, V_X);
  packed(P66 | 0x7d, hsubpd, SSE3, V_X);
  packed(PF2 | 0x7d, hsubps, SSE3, V_X);
  packed(P66 | 0xd0, addsubpd, SSE3, V_X);
  packed(PF2 | 0xd0, addsubps, SSE3, V_X);
  both(MAP_0F3A | P66 | 0x40, dpps.index, dpps.index, 0, V_X, FULL, IMM8, IMM8, SSE41);
  both(MAP_0F3A | P66 | 0x41, dppd.index, dppd.index, 0, V_X, 16, IMM8, IMM8 | L0, SSE41);
  packed(MAP_0F3A | P66 | 0x08, roundps, SSE41, V_NONE, IMM8);
  packed(MAP_0F3A | P66 | 0x09, roundpd, SSE41, V_NONE, IMM8);
  scalar32(MAP_0F3A | P66 | 0x0a, roundss, SSE41, IMM8);
  scalar64(MAP_0F3A | P66 | 0x0b, roundsd, SSE41, IMM8);
  // Comparison.
  packed(NP | 0xc2, cmpps, SSE, V_X, IMM8 | IMM3);
  packed(P66 | 0xc2, cmppd, SSE2, V_X, IMM8 | IMM3);
  scalar32(PF3 | 0xc2, cmpss, SSE, IMM8 | IMM3);
  scalar64(PF2 | 0xc2, cmpsd, SSE2, IMM8 | IMM3);
  both(NP | 0x2e, ucomiss.index, ucomiss.index, 0, V_NONE, 4, 0, LIG, SSE);
  both(P66 | 0x2e, ucomisd.index, ucomisd.index, 0, V_NONE, 8, 0, LIG, SSE2);
  both(NP | 0x2f, comiss.index, comiss.index, 0, V_NONE, 4, 0, LIG, SSE);
  both(P66 | 0x2f, comisd.index, comisd.index, 0, V_NONE, 8, 0, LIG, SSE2);
  both(MAP_0F38 | P66 | 0x17, ptest.index, ptest.index, 0, V_NONE, FULL, 0, 0, SSE41);
  // Bitwise operations and shuffles.
  bitwise(NP | 0x54, pand, SSE);
  bitwise(P66 | 0x54, pand, SSE2);
  bitwise(NP | 0x55, pandn, SSE);
  bitwise(P66 | 0x55, pandn, SSE2);
  bitwise(NP | 0x56, por, SSE);
  bitwise(P66 | 0x56, por, SSE2);
  bitwise(NP | 0x57, pxor, SSE);
  bitwise(P66 | 0x57, pxor, SSE2);
  bitwise(NP | 0x14, punpckldq, SSE);
  bitwise(P66 | 0x14, punpcklqdq, SSE2);
  bitwise(NP | 0x15, punpckhdq, SSE);
  bitwise(P66 | 0x15, punpckhqdq, SSE2);
  bitwise(NP | 0xc6, shufps, SSE, IMM8);
  bitwise(P66 | 0xc6, shufpd, SSE2, IMM8, 2);
  bitwise(PF3 | 0x12, movsldup, SSE3, 0, 0, V_NONE);
  bitwise(PF3 | 0x16, movshdup, SSE3, 0, 0, V_NONE);
  bitwise(MAP_0F3A | P66 | 0x0c, blendps, SSE41, IMM8, 4);
  bitwise(MAP_0F3A | P66 | 0x0d, blendpd, SSE41, IMM8, 2);
  legacy(
    MAP_0F38 | P66 | 0x10,
    laneRegister.index,
    laneMemory.index,
    pblendvb.index,
    0,
    FULL,
    IS4,
    SSE41,
  );
  legacy(
    MAP_0F38 | P66 | 0x14,
    laneRegister.index,
    laneMemory.index,
    blendvps.index,
    0,
    FULL,
    IS4,
    SSE41,
  );
  legacy(
    MAP_0F38 | P66 | 0x15,
    laneRegister.index,
    laneMemory.index,
    blendvpd.index,
    0,
    FULL,
    IS4,
    SSE41,
  );
  bitwise(MAP_0F3A | P66 | 0x21, insertps, SSE41, IMM8);
  setMemory(MAP_0F3A | P66 | 0x21, insertpsMemory.index, 4);
  addFlags(MAP_0F3A | P66 | 0x21, L0);
  // Conversions.
  packed(NP | 0x5b, cvtdq2ps, SSE2, V_NONE);
  packed(P66 | 0x5b, cvtps2dq, SSE2, V_NONE);
  packed(PF3 | 0x5b, cvttps2dq, SSE2, V_NONE);
  packed(NP | 0x5a, cvtps2pd, SSE2, V_NONE, 0, HALF);
  packed(PF3 | 0xe6, cvtdq2pd, SSE2, V_NONE, 0, HALF);
  narrowing(P66 | 0x5a, cvtpd2ps, SSE2);
  narrowing(PF2 | 0xe6, cvtpd2dq, SSE2);
  narrowing(P66 | 0xe6, cvttpd2dq, SSE2);
  scalar64(PF3 | 0x5a, cvtss2sd, SSE2, 0, 4);
  scalar32(PF2 | 0x5a, cvtsd2ss, SSE2, 0, 8);
  both(PF3 | 0x2a, cvtsi2ss.index, cvtsi2ss.index, RM_G, V_X, 0, 0, LIG, SSE);
  both(PF2 | 0x2a, cvtsi2sd.index, cvtsi2sd.index, RM_G, V_X, 0, 0, LIG, SSE2);
  both(PF3 | 0x2c, cvttss2si.index, cvttss2si.index, REG_G, V_NONE, 4, 0, LIG, SSE);
  both(PF2 | 0x2c, cvttsd2si.index, cvttsd2si.index, REG_G, V_NONE, 8, 0, LIG, SSE2);
  both(PF3 | 0x2d, cvtss2si.index, cvtss2si.index, REG_G, V_NONE, 4, 0, LIG, SSE);
  both(PF2 | 0x2d, cvtsd2si.index, cvtsd2si.index, REG_G, V_NONE, 8, 0, LIG, SSE2);
  legacy(NP | 0x2a, mmxToFloat.index, mmxToFloat.index, cvtpi2ps.index, RM_M, 8, 0, SSE);
  legacy(P66 | 0x2a, mmxToFloat.index, mmxToFloat.index, cvtdq2pd.index, RM_M, 8, 0, SSE2);
  legacy(NP | 0x2c, floatToMmx.index, floatToMmx.index, cvttps2pi.index, REG_M, 8, 0, SSE);
  legacy(P66 | 0x2c, floatToMmx.index, floatToMmx.index, cvttpd2dq.index, REG_M, 16, 0, SSE2);
  legacy(NP | 0x2d, floatToMmx.index, floatToMmx.index, cvtps2pi.index, REG_M, 8, 0, SSE);
  legacy(P66 | 0x2d, floatToMmx.index, floatToMmx.index, cvtpd2dq.index, REG_M, 16, 0, SSE2);
  put(
    entryAt(LEGACY, PF2 | 0x12),
    laneRegister.index,
    laneMemory.index,
    movddup.index,
    0,
    8,
    0,
    SSE3,
    0,
  );
  vex(PF2 | 0x12, vmovddup.index, vmovddup.index, 0, V_NONE, 0, 0, AVX, 0);
}
