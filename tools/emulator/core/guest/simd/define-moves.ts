// Opcode table: moves, insertions and extractions of MMX to SSE4.1 and their VEX forms.
// Follows Intel SDM vol. 2D, tables.

import { both, legacy } from "./define";
import { MMX, SSE, SSE2, SSE3, SSE41 } from "./features";
import {
  emms,
  maskmovq,
  mmxFromGeneral,
  mmxPextrw,
  mmxPinsrw,
  mmxPmovmskb,
  mmxToGeneral,
  movdq2q,
  movq2dq,
  movqLoad,
  movqReversed,
  movqStore,
} from "./mmx";
import {
  extractps,
  fromGeneral,
  loadHigh,
  loadLow,
  loadZero,
  maskmovdqu,
  moveLoad,
  moveQuad,
  moveQuadReversed,
  moveRegister,
  moveReversed,
  moveScalar32,
  moveScalar64,
  moveScalarReversed32,
  moveScalarReversed64,
  moveStore,
  movhlps,
  movlhps,
  movmskpd,
  movmskps,
  movnti,
  pextrb,
  pextrdq,
  pextrw,
  pextrwMemory,
  pinsrb,
  pinsrdq,
  pinsrw,
  pmovmskb,
  storeHigh,
  toGeneral,
} from "./moves";
import {
  ALIGNED,
  FULL,
  IMM8,
  L0,
  L1_AVX2,
  LIG,
  MAP_0F3A,
  MAP_0F38,
  NO_MODRM,
  NP,
  P66,
  PF2,
  PF3,
  REG_G,
  REG_M,
  RM_G,
  RM_M,
  UNALIGNED,
  V_NONE,
  V_REGISTER,
  V_X,
} from "./table";

export function defineMoves(): void {
  // Whole registers.
  both(NP | 0x10, moveRegister.index, moveLoad.index, 0, V_NONE, FULL, UNALIGNED, 0, SSE);
  both(NP | 0x11, moveReversed.index, moveStore.index, 0, V_NONE, FULL, UNALIGNED, 0, SSE);
  both(NP | 0x28, moveRegister.index, moveLoad.index, 0, V_NONE, FULL, 0, ALIGNED, SSE);
  both(NP | 0x29, moveReversed.index, moveStore.index, 0, V_NONE, FULL, 0, ALIGNED, SSE);
  both(NP | 0x2b, 0, moveStore.index, 0, V_NONE, FULL, 0, ALIGNED, SSE);
  both(P66 | 0x10, moveRegister.index, moveLoad.index, 0, V_NONE, FULL, UNALIGNED, 0, SSE2);
  both(P66 | 0x11, moveReversed.index, moveStore.index, 0, V_NONE, FULL, UNALIGNED, 0, SSE2);
  both(P66 | 0x28, moveRegister.index, moveLoad.index, 0, V_NONE, FULL, 0, ALIGNED, SSE2);
  both(P66 | 0x29, moveReversed.index, moveStore.index, 0, V_NONE, FULL, 0, ALIGNED, SSE2);
  both(P66 | 0x2b, 0, moveStore.index, 0, V_NONE, FULL, 0, ALIGNED, SSE2);
  both(P66 | 0x6f, moveRegister.index, moveLoad.index, 0, V_NONE, FULL, 0, ALIGNED, SSE2);
  both(PF3 | 0x6f, moveRegister.index, moveLoad.index, 0, V_NONE, FULL, UNALIGNED, 0, SSE2);
  both(P66 | 0x7f, moveReversed.index, moveStore.index, 0, V_NONE, FULL, 0, ALIGNED, SSE2);
  both(PF3 | 0x7f, moveReversed.index, moveStore.index, 0, V_NONE, FULL, UNALIGNED, 0, SSE2);
  both(P66 | 0xe7, 0, moveStore.index, 0, V_NONE, FULL, 0, ALIGNED, SSE2);
  both(PF2 | 0xf0, 0, moveLoad.index, 0, V_NONE, FULL, UNALIGNED, 0, SSE3);
  both(MAP_0F38 | P66 | 0x2a, 0, moveLoad.index, 0, V_NONE, FULL, 0, ALIGNED | L1_AVX2, SSE41);
  // Scalars and halves.
  both(PF3 | 0x10, moveScalar32.index, loadZero.index, 0, V_X, 4, 0, LIG | V_REGISTER, SSE);
  both(PF2 | 0x10, moveScalar64.index, loadZero.index, 0, V_X, 8, 0, LIG | V_REGISTER, SSE2);
  both(
    PF3 | 0x11,
    moveScalarReversed32.index,
    moveStore.index,
    0,
    V_X,
    4,
    0,
    LIG | V_REGISTER,
    SSE,
  );
  both(
    PF2 | 0x11,
    moveScalarReversed64.index,
    moveStore.index,
    0,
    V_X,
    8,
    0,
    LIG | V_REGISTER,
    SSE2,
  );
  both(PF3 | 0x7e, moveQuad.index, loadZero.index, 0, V_NONE, 8, 0, L0, SSE2);
  both(P66 | 0xd6, moveQuadReversed.index, moveStore.index, 0, V_NONE, 8, 0, L0, SSE2);
  both(NP | 0x12, movhlps.index, loadLow.index, 0, V_X, 8, 0, L0, SSE);
  both(P66 | 0x12, 0, loadLow.index, 0, V_X, 8, 0, L0, SSE2);
  both(NP | 0x13, 0, moveStore.index, 0, V_NONE, 8, 0, L0, SSE);
  both(P66 | 0x13, 0, moveStore.index, 0, V_NONE, 8, 0, L0, SSE2);
  both(NP | 0x16, movlhps.index, loadHigh.index, 0, V_X, 8, 0, L0, SSE);
  both(P66 | 0x16, 0, loadHigh.index, 0, V_X, 8, 0, L0, SSE2);
  both(NP | 0x17, 0, storeHigh.index, 0, V_NONE, 8, 0, L0, SSE);
  both(P66 | 0x17, 0, storeHigh.index, 0, V_NONE, 8, 0, L0, SSE2);
  // General-purpose registers.
  both(P66 | 0x6e, fromGeneral.index, fromGeneral.index, RM_G, V_NONE, 0, 0, L0, SSE2);
  both(P66 | 0x7e, toGeneral.index, toGeneral.index, RM_G, V_NONE, 0, 0, L0, SSE2);
  legacy(NP | 0xc3, 0, movnti.index, 0, REG_G, 0, 0, SSE2);
  both(NP | 0x50, movmskps.index, 0, REG_G, V_NONE, FULL, 0, 0, SSE);
  both(P66 | 0x50, movmskpd.index, 0, REG_G, V_NONE, FULL, 0, 0, SSE2);
  both(P66 | 0xd7, pmovmskb.index, 0, REG_G, V_NONE, FULL, 0, L1_AVX2, SSE2);
  both(P66 | 0xc4, pinsrw.index, pinsrw.index, RM_G, V_X, 2, IMM8, IMM8 | L0, SSE2);
  both(P66 | 0xc5, pextrw.index, 0, REG_G, V_NONE, FULL, IMM8, IMM8 | L0, SSE2);
  both(MAP_0F3A | P66 | 0x20, pinsrb.index, pinsrb.index, RM_G, V_X, 1, IMM8, IMM8 | L0, SSE41);
  both(MAP_0F3A | P66 | 0x22, pinsrdq.index, pinsrdq.index, RM_G, V_X, 0, IMM8, IMM8 | L0, SSE41);
  both(MAP_0F3A | P66 | 0x14, pextrb.index, pextrb.index, RM_G, V_NONE, 1, IMM8, IMM8 | L0, SSE41);
  both(
    MAP_0F3A | P66 | 0x15,
    pextrwMemory.index,
    pextrwMemory.index,
    RM_G,
    V_NONE,
    2,
    IMM8,
    IMM8 | L0,
    SSE41,
  );
  both(
    MAP_0F3A | P66 | 0x16,
    pextrdq.index,
    pextrdq.index,
    RM_G,
    V_NONE,
    0,
    IMM8,
    IMM8 | L0,
    SSE41,
  );
  both(
    MAP_0F3A | P66 | 0x17,
    extractps.index,
    extractps.index,
    RM_G,
    V_NONE,
    4,
    IMM8,
    IMM8 | L0,
    SSE41,
  );
  both(P66 | 0xf7, maskmovdqu.index, 0, 0, V_NONE, FULL, 0, L0, SSE2);
  // MMX.
  legacy(NP | 0x6f, movqLoad.index, movqLoad.index, 0, REG_M | RM_M, 8, 0, MMX);
  legacy(NP | 0x7f, movqReversed.index, movqStore.index, 0, REG_M | RM_M, 8, 0, MMX);
  legacy(NP | 0xe7, 0, movqStore.index, 0, REG_M | RM_M, 8, 0, MMX);
  legacy(NP | 0x6e, mmxFromGeneral.index, mmxFromGeneral.index, 0, REG_M | RM_G, 0, 0, MMX);
  legacy(NP | 0x7e, mmxToGeneral.index, mmxToGeneral.index, 0, REG_M | RM_G, 0, 0, MMX);
  legacy(PF3 | 0xd6, movq2dq.index, 0, 0, RM_M, 8, 0, SSE2);
  legacy(PF2 | 0xd6, movdq2q.index, 0, 0, REG_M, 8, 0, SSE2);
  legacy(NP | 0xd7, mmxPmovmskb.index, 0, 0, REG_G | RM_M, 8, 0, MMX);
  legacy(NP | 0xc4, mmxPinsrw.index, mmxPinsrw.index, 0, REG_M | RM_G, 2, IMM8, MMX);
  legacy(NP | 0xc5, mmxPextrw.index, 0, 0, REG_G | RM_M, 8, IMM8, MMX);
  legacy(NP | 0xf7, maskmovq.index, 0, 0, REG_M | RM_M, 8, 0, MMX);
  legacy(NP | 0x77, emms.index, emms.index, 0, 0, 8, NO_MODRM, MMX);
}
