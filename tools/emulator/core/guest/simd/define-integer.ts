// Opcode table: packed integer instructions of MMX to SSE4.2 and their VEX forms.
// Follows Intel SDM vol. 2D, tables and B-*.

import {
  addFlags,
  integer,
  integerUnary,
  mmx,
  mmxPair,
  mmxUnpack,
  setImmediateShift,
  shiftCount,
  shiftImmediate,
} from "./define";
import { SSE2, SSE41, SSE42, SSSE3 } from "./features";
import {
  mpsadbw,
  pabsb,
  pabsd,
  pabsw,
  paddb,
  paddd,
  paddq,
  paddsb,
  paddsw,
  paddusb,
  paddusw,
  paddw,
  pand,
  pandn,
  pavgb,
  pavgw,
  pcmpeqb,
  pcmpeqd,
  pcmpeqq,
  pcmpeqw,
  pcmpgtb,
  pcmpgtd,
  pcmpgtq,
  pcmpgtw,
  phaddd,
  phaddsw,
  phaddw,
  phminposuw,
  phsubd,
  phsubsw,
  phsubw,
  pmaddubsw,
  pmaddwd,
  pmaxsb,
  pmaxsd,
  pmaxsw,
  pmaxub,
  pmaxud,
  pmaxuw,
  pminsb,
  pminsd,
  pminsw,
  pminub,
  pminud,
  pminuw,
  pmuldq,
  pmulhrsw,
  pmulhuw,
  pmulhw,
  pmulld,
  pmullw,
  pmuludq,
  por,
  psadbw,
  psignb,
  psignd,
  psignw,
  psubb,
  psubd,
  psubq,
  psubsb,
  psubsw,
  psubusb,
  psubusw,
  psubw,
  pxor,
} from "./integer";
import {
  pslld,
  pslldi,
  pslldq,
  psllq,
  psllqi,
  psllw,
  psllwi,
  psrad,
  psradi,
  psraw,
  psrawi,
  psrld,
  psrldi,
  psrldq,
  psrlq,
  psrlqi,
  psrlw,
  psrlwi,
} from "./shift";
import {
  packssdw,
  packsswb,
  packusdw,
  packuswb,
  palignr,
  palignrMmx,
  pblendw,
  pmovsxbd,
  pmovsxbq,
  pmovsxbw,
  pmovsxdq,
  pmovsxwd,
  pmovsxwq,
  pmovzxbd,
  pmovzxbq,
  pmovzxbw,
  pmovzxdq,
  pmovzxwd,
  pmovzxwq,
  pshufb,
  pshufbMmx,
  pshufd,
  pshufhw,
  pshuflw,
  punpckhbw,
  punpckhdq,
  punpckhqdq,
  punpckhwd,
  punpcklbw,
  punpckldq,
  punpcklqdq,
  punpcklwd,
} from "./shuffle";
import {
  EIGHTH,
  FULL,
  HALF,
  IMM8,
  L0,
  Lane,
  MAP_0F3A,
  MAP_0F38,
  P66,
  PF2,
  PF3,
  QUARTER,
} from "./table";

function both(opcode: u32, f: Lane, feature: u32): void {
  integer(opcode, f, feature);
  mmx(opcode, f);
}

export function defineInteger(): void {
  // Element-wise, with an MMX form.
  both(0xfc, paddb, SSE2);
  both(0xfd, paddw, SSE2);
  both(0xfe, paddd, SSE2);
  both(0xd4, paddq, SSE2);
  both(0xf8, psubb, SSE2);
  both(0xf9, psubw, SSE2);
  both(0xfa, psubd, SSE2);
  both(0xfb, psubq, SSE2);
  both(0xec, paddsb, SSE2);
  both(0xed, paddsw, SSE2);
  both(0xdc, paddusb, SSE2);
  both(0xdd, paddusw, SSE2);
  both(0xe8, psubsb, SSE2);
  both(0xe9, psubsw, SSE2);
  both(0xd8, psubusb, SSE2);
  both(0xd9, psubusw, SSE2);
  both(0xe0, pavgb, SSE2);
  both(0xe3, pavgw, SSE2);
  both(0xda, pminub, SSE2);
  both(0xde, pmaxub, SSE2);
  both(0xea, pminsw, SSE2);
  both(0xee, pmaxsw, SSE2);
  both(0x74, pcmpeqb, SSE2);
  both(0x75, pcmpeqw, SSE2);
  both(0x76, pcmpeqd, SSE2);
  both(0x64, pcmpgtb, SSE2);
  both(0x65, pcmpgtw, SSE2);
  both(0x66, pcmpgtd, SSE2);
  both(0xdb, pand, SSE2);
  both(0xdf, pandn, SSE2);
  both(0xeb, por, SSE2);
  both(0xef, pxor, SSE2);
  both(0xd5, pmullw, SSE2);
  both(0xe5, pmulhw, SSE2);
  both(0xe4, pmulhuw, SSE2);
  both(0xf4, pmuludq, SSE2);
  both(0xf5, pmaddwd, SSE2);
  both(0xf6, psadbw, SSE2);
  // Unpacks and packs.
  integer(0x60, punpcklbw, SSE2);
  integer(0x68, punpckhbw, SSE2);
  mmxUnpack(0x60, 0x68, punpcklbw);
  integer(0x61, punpcklwd, SSE2);
  integer(0x69, punpckhwd, SSE2);
  mmxUnpack(0x61, 0x69, punpcklwd);
  integer(0x62, punpckldq, SSE2);
  integer(0x6a, punpckhdq, SSE2);
  mmxUnpack(0x62, 0x6a, punpckldq);
  integer(0x6c, punpcklqdq, SSE2);
  integer(0x6d, punpckhqdq, SSE2);
  integer(0x63, packsswb, SSE2);
  mmxPair(0x63, packsswb);
  integer(0x67, packuswb, SSE2);
  mmxPair(0x67, packuswb);
  integer(0x6b, packssdw, SSE2);
  mmxPair(0x6b, packssdw);
  // Shifts.
  shiftCount(0xf1, psllw);
  shiftCount(0xf2, pslld);
  shiftCount(0xf3, psllq);
  shiftCount(0xd1, psrlw);
  shiftCount(0xd2, psrld);
  shiftCount(0xd3, psrlq);
  shiftCount(0xe1, psraw);
  shiftCount(0xe2, psrad);
  shiftImmediate(0x71, 2, psrlwi, true);
  shiftImmediate(0x71, 4, psrawi, true);
  shiftImmediate(0x71, 6, psllwi, true);
  shiftImmediate(0x72, 2, psrldi, true);
  shiftImmediate(0x72, 4, psradi, true);
  shiftImmediate(0x72, 6, pslldi, true);
  shiftImmediate(0x73, 2, psrlqi, true);
  shiftImmediate(0x73, 3, psrldq, false);
  shiftImmediate(0x73, 6, psllqi, true);
  shiftImmediate(0x73, 7, pslldq, false);
  // Shuffles.
  integerUnary(P66 | 0x70, pshufd, SSE2, FULL, IMM8);
  integerUnary(PF3 | 0x70, pshufhw, SSE2, FULL, IMM8);
  integerUnary(PF2 | 0x70, pshuflw, SSE2, FULL, IMM8);
  mmx(0x70, pshuflw, IMM8);
  // SSSE3.
  integer(MAP_0F38 | 0x00, pshufb, SSSE3);
  mmx(MAP_0F38 | 0x00, pshufbMmx);
  integer(MAP_0F38 | 0x04, pmaddubsw, SSSE3);
  mmx(MAP_0F38 | 0x04, pmaddubsw);
  integer(MAP_0F38 | 0x08, psignb, SSSE3);
  mmx(MAP_0F38 | 0x08, psignb);
  integer(MAP_0F38 | 0x09, psignw, SSSE3);
  mmx(MAP_0F38 | 0x09, psignw);
  integer(MAP_0F38 | 0x0a, psignd, SSSE3);
  mmx(MAP_0F38 | 0x0a, psignd);
  integer(MAP_0F38 | 0x0b, pmulhrsw, SSSE3);
  mmx(MAP_0F38 | 0x0b, pmulhrsw);
  integer(MAP_0F38 | 0x01, phaddw, SSSE3);
  mmxPair(MAP_0F38 | 0x01, phaddw);
  integer(MAP_0F38 | 0x02, phaddd, SSSE3);
  mmxPair(MAP_0F38 | 0x02, phaddd);
  integer(MAP_0F38 | 0x03, phaddsw, SSSE3);
  mmxPair(MAP_0F38 | 0x03, phaddsw);
  integer(MAP_0F38 | 0x05, phsubw, SSSE3);
  mmxPair(MAP_0F38 | 0x05, phsubw);
  integer(MAP_0F38 | 0x06, phsubd, SSSE3);
  mmxPair(MAP_0F38 | 0x06, phsubd);
  integer(MAP_0F38 | 0x07, phsubsw, SSSE3);
  mmxPair(MAP_0F38 | 0x07, phsubsw);
  integerUnary(MAP_0F38 | P66 | 0x1c, pabsb, SSSE3, FULL);
  mmx(MAP_0F38 | 0x1c, pabsb);
  integerUnary(MAP_0F38 | P66 | 0x1d, pabsw, SSSE3, FULL);
  mmx(MAP_0F38 | 0x1d, pabsw);
  integerUnary(MAP_0F38 | P66 | 0x1e, pabsd, SSSE3, FULL);
  mmx(MAP_0F38 | 0x1e, pabsd);
  integer(MAP_0F3A | 0x0f, palignr, SSSE3, IMM8);
  mmx(MAP_0F3A | 0x0f, palignrMmx, IMM8);
  // SSE4.1 and SSE4.2.
  integer(MAP_0F38 | 0x28, pmuldq, SSE41);
  integer(MAP_0F38 | 0x29, pcmpeqq, SSE41);
  integer(MAP_0F38 | 0x2b, packusdw, SSE41);
  integer(MAP_0F38 | 0x38, pminsb, SSE41);
  integer(MAP_0F38 | 0x39, pminsd, SSE41);
  integer(MAP_0F38 | 0x3a, pminuw, SSE41);
  integer(MAP_0F38 | 0x3b, pminud, SSE41);
  integer(MAP_0F38 | 0x3c, pmaxsb, SSE41);
  integer(MAP_0F38 | 0x3d, pmaxsd, SSE41);
  integer(MAP_0F38 | 0x3e, pmaxuw, SSE41);
  integer(MAP_0F38 | 0x3f, pmaxud, SSE41);
  integer(MAP_0F38 | 0x40, pmulld, SSE41);
  integer(MAP_0F38 | 0x37, pcmpgtq, SSE42);
  integerUnary(MAP_0F38 | P66 | 0x20, pmovsxbw, SSE41, HALF);
  integerUnary(MAP_0F38 | P66 | 0x21, pmovsxbd, SSE41, QUARTER);
  integerUnary(MAP_0F38 | P66 | 0x22, pmovsxbq, SSE41, EIGHTH);
  integerUnary(MAP_0F38 | P66 | 0x23, pmovsxwd, SSE41, HALF);
  integerUnary(MAP_0F38 | P66 | 0x24, pmovsxwq, SSE41, QUARTER);
  integerUnary(MAP_0F38 | P66 | 0x25, pmovsxdq, SSE41, HALF);
  integerUnary(MAP_0F38 | P66 | 0x30, pmovzxbw, SSE41, HALF);
  integerUnary(MAP_0F38 | P66 | 0x31, pmovzxbd, SSE41, QUARTER);
  integerUnary(MAP_0F38 | P66 | 0x32, pmovzxbq, SSE41, EIGHTH);
  integerUnary(MAP_0F38 | P66 | 0x33, pmovzxwd, SSE41, HALF);
  integerUnary(MAP_0F38 | P66 | 0x34, pmovzxwq, SSE41, QUARTER);
  integerUnary(MAP_0F38 | P66 | 0x35, pmovzxdq, SSE41, HALF);
  integer(MAP_0F3A | 0x0e, pblendw, SSE41, IMM8);
  integer(MAP_0F3A | 0x42, mpsadbw, SSE41, IMM8);
  setImmediateShift(MAP_0F3A | P66 | 0x42, 3);
  integerUnary(MAP_0F38 | P66 | 0x41, phminposuw, SSE41, FULL);
  addFlags(MAP_0F38 | P66 | 0x41, L0);
}
