// Opcode table: instructions with a VEX encoding only (AVX, AVX2, F16C, FMA, BMI), and AES, PCLMULQDQ,
// SHA, SSE4.2 strings, ADX. Follows Intel SDM vol. 2D, tables.

import {
  aesdec,
  aesdeclast,
  aesenc,
  aesenclast,
  aesimc,
  aeskeygenassist,
  initAes,
  pclmulqdq,
} from "./aes";
import {
  gatherDword32,
  gatherDword64,
  gatherQword32,
  gatherQword64,
  maskLoad32,
  maskLoad64,
  maskStore32,
  maskStore64,
  storeHalves,
  vbroadcastf128,
  vbroadcastsd,
  vbroadcastss,
  vextractf128,
  vinsertf128,
  vpbroadcastb,
  vpbroadcastw,
  vperm2f128,
  vpermd,
  vpermq,
  vzero,
} from "./avx";
import {
  adcx,
  adox,
  andn,
  bextr,
  blsi,
  blsmsk,
  blsr,
  bzhi,
  mulx,
  pdep,
  pext,
  rorx,
  sarx,
  shlx,
  shrx,
} from "./bmi";
import { vtestpd, vtestps } from "./compare";
import { vcvtph2ps, vcvtps2ph } from "./convert";
import { initCrc32 } from "./crc32";
import { both, legacy, vex } from "./define";
import { ADX, AES, AVX, AVX2, BMI1, BMI2, F16C, FMA, PCLMUL, SHA, SSE42 } from "./features";
import {
  ALTERNATE,
  fmapd,
  fmaps,
  fmasd,
  fmass,
  fusedMultiply,
  NEGATE_ADDEND,
  NEGATE_PRODUCT,
} from "./fma";
import { floatPacked, laneCount, laneMemory, laneRegister } from "./forms";
import { ldmxcsr, stmxcsr } from "./fxsave";
import {
  sha1msg1,
  sha1msg2,
  sha1nexte,
  sha1rnds4,
  sha256msg1,
  sha256msg2,
  sha256rnds2,
} from "./sha";
import { vpsllvd, vpsllvq, vpsravd, vpsrlvd, vpsrlvq } from "./shift";
import {
  blendps,
  blendvpd,
  blendvps,
  pblendvb,
  pshufd,
  vpermilpd,
  vpermilpdImmediate,
  vpermilps,
} from "./shuffle";
import { pcmpestri, pcmpestrm, pcmpistri, pcmpistrm } from "./string";
import {
  DEST_V,
  entryAt,
  FULL,
  HALF,
  IMM8,
  IS4,
  L0,
  L1,
  L1_AVX2,
  Lane,
  LEGACY,
  LIG,
  MAP_0F3A,
  MAP_0F38,
  member,
  NO_MODRM,
  NP,
  P66,
  PF2,
  PF3,
  put,
  REG_G,
  REGISTER_AVX2,
  RM_G,
  UNALIGNED,
  V_G,
  V_NONE,
  V_X,
  VEX_W0,
  VEX_W1,
  VSIB,
} from "./table";

/** A lane operation with VEX.W = `w` (0, 1). */
function lane(
  w: u32,
  key: u32,
  f: Lane,
  kinds: u32,
  flags: u32,
  feature: u32,
  immShift: u32 = 0,
): void {
  put(
    entryAt(VEX_W0 + w, key),
    laneRegister.index,
    laneMemory.index,
    f.index,
    kinds,
    FULL,
    flags,
    feature,
    immShift,
  );
}

/** A handler of its own with VEX.W = `w`. */
function own(
  w: u32,
  key: u32,
  reg: i32,
  mem: i32,
  kinds: u32,
  size: u32,
  flags: u32,
  feature: u32,
): void {
  put(entryAt(VEX_W0 + w, key), reg, mem, 0, kinds, size, flags, feature, 0);
}

/** Broadcast of `size` bytes, W0; the register form needs AVX2. */
function broadcast(opcode: u32, f: Lane, size: u32, flags: u32, feature: u32): void {
  const h = laneCount.index;
  const e = entryAt(VEX_W0, MAP_0F38 | P66 | opcode);
  put(e, size == 16 ? 0 : h, h, f.index, V_NONE, size, flags, feature, 0);
}

function defineAvxMoves(): void {
  broadcast(0x18, vbroadcastss, 4, REGISTER_AVX2, AVX);
  broadcast(0x19, vbroadcastsd, 8, L1 | REGISTER_AVX2, AVX);
  broadcast(0x1a, vbroadcastf128, 16, L1, AVX);
  broadcast(0x58, vbroadcastss, 4, 0, AVX2);
  broadcast(0x59, vbroadcastsd, 8, 0, AVX2);
  broadcast(0x5a, vbroadcastf128, 16, L1, AVX2);
  broadcast(0x78, vpbroadcastb, 1, 0, AVX2);
  broadcast(0x79, vpbroadcastw, 2, 0, AVX2);

  lane(0, MAP_0F38 | P66 | 0x0c, vpermilps, V_X, 0, AVX);
  lane(0, MAP_0F38 | P66 | 0x0d, vpermilpd, V_X, 0, AVX);
  lane(0, MAP_0F3A | P66 | 0x04, pshufd, V_NONE, IMM8, AVX);
  lane(0, MAP_0F3A | P66 | 0x05, vpermilpdImmediate, V_NONE, IMM8, AVX, 2);
  lane(0, MAP_0F3A | P66 | 0x02, blendps, V_X, IMM8, AVX2, 4);
  lane(0, MAP_0F3A | P66 | 0x4a, blendvps, V_X, IMM8 | IS4, AVX);
  lane(0, MAP_0F3A | P66 | 0x4b, blendvpd, V_X, IMM8 | IS4, AVX);
  lane(0, MAP_0F3A | P66 | 0x4c, pblendvb, V_X, IMM8 | IS4 | L1_AVX2, AVX);
  lane(0, MAP_0F38 | P66 | 0x45, vpsrlvd, V_X, 0, AVX2);
  lane(1, MAP_0F38 | P66 | 0x45, vpsrlvq, V_X, 0, AVX2);
  lane(0, MAP_0F38 | P66 | 0x46, vpsravd, V_X, 0, AVX2);
  lane(0, MAP_0F38 | P66 | 0x47, vpsllvd, V_X, 0, AVX2);
  lane(1, MAP_0F38 | P66 | 0x47, vpsllvq, V_X, 0, AVX2);

  const insert = vinsertf128.index;
  own(0, MAP_0F3A | P66 | 0x18, insert, insert, V_X, 16, IMM8 | L1, AVX);
  own(0, MAP_0F3A | P66 | 0x38, insert, insert, V_X, 16, IMM8 | L1, AVX2);
  const extract = vextractf128.index;
  own(0, MAP_0F3A | P66 | 0x19, extract, extract, V_NONE, 16, IMM8 | L1, AVX);
  own(0, MAP_0F3A | P66 | 0x39, extract, extract, V_NONE, 16, IMM8 | L1, AVX2);
  const perm2 = vperm2f128.index;
  own(0, MAP_0F3A | P66 | 0x06, perm2, perm2, V_X, FULL, IMM8 | L1, AVX);
  own(0, MAP_0F3A | P66 | 0x46, perm2, perm2, V_X, FULL, IMM8 | L1, AVX2);
  const permq = vpermq.index;
  own(1, MAP_0F3A | P66 | 0x00, permq, permq, V_NONE, FULL, IMM8 | L1, AVX2);
  own(1, MAP_0F3A | P66 | 0x01, permq, permq, V_NONE, FULL, IMM8 | L1, AVX2);
  const permd = vpermd.index;
  own(0, MAP_0F38 | P66 | 0x16, permd, permd, V_X, FULL, L1, AVX2);
  own(0, MAP_0F38 | P66 | 0x36, permd, permd, V_X, FULL, L1, AVX2);

  own(0, MAP_0F38 | P66 | 0x0e, vtestps.index, vtestps.index, V_NONE, FULL, 0, AVX);
  own(0, MAP_0F38 | P66 | 0x0f, vtestpd.index, vtestpd.index, V_NONE, FULL, 0, AVX);
  own(0, MAP_0F38 | P66 | 0x2c, 0, maskLoad32.index, V_X, FULL, 0, AVX);
  own(0, MAP_0F38 | P66 | 0x2d, 0, maskLoad64.index, V_X, FULL, 0, AVX);
  own(0, MAP_0F38 | P66 | 0x2e, 0, maskStore32.index, V_X, FULL, 0, AVX);
  own(0, MAP_0F38 | P66 | 0x2f, 0, maskStore64.index, V_X, FULL, 0, AVX);
  own(0, MAP_0F38 | P66 | 0x8c, 0, maskLoad32.index, V_X, FULL, 0, AVX2);
  own(1, MAP_0F38 | P66 | 0x8c, 0, maskLoad64.index, V_X, FULL, 0, AVX2);
  own(0, MAP_0F38 | P66 | 0x8e, 0, maskStore32.index, V_X, FULL, 0, AVX2);
  own(1, MAP_0F38 | P66 | 0x8e, 0, maskStore64.index, V_X, FULL, 0, AVX2);
  for (let k: u32 = 0; k < 4; k += 2) {
    own(0, MAP_0F38 | P66 | (0x90 + k), 0, gatherDword32.index, V_X, 4, VSIB, AVX2);
    own(1, MAP_0F38 | P66 | (0x90 + k), 0, gatherDword64.index, V_X, 8, VSIB, AVX2);
    own(0, MAP_0F38 | P66 | (0x91 + k), 0, gatherQword32.index, V_X, 4, VSIB, AVX2);
    own(1, MAP_0F38 | P66 | (0x91 + k), 0, gatherQword64.index, V_X, 8, VSIB, AVX2);
  }
  vex(NP | 0x77, vzero.index, vzero.index, 0, V_NONE, 0, NO_MODRM, AVX, 0);
  for (let w: u32 = VEX_W0; w <= VEX_W1; w++) {
    member(w, NP | 0xae, 2, 0, ldmxcsr.index, 0, V_NONE, 4, L0, AVX);
    member(w, NP | 0xae, 3, 0, stmxcsr.index, 0, V_NONE, 4, L0, AVX);
  }

  const half = floatPacked.index;
  put(
    entryAt(VEX_W0, MAP_0F38 | P66 | 0x13),
    half,
    half,
    vcvtph2ps.index,
    V_NONE,
    HALF,
    0,
    F16C,
    0,
  );
  const store = storeHalves.index;
  put(
    entryAt(VEX_W0, MAP_0F3A | P66 | 0x1d),
    store,
    store,
    vcvtps2ph.index,
    V_NONE,
    HALF,
    IMM8,
    F16C,
    0,
  );
}

/** FMADDSUB FMSUBADD FMADD FMADDs FMSUB FMSUBs FNMADD FNMADDs FNMSUB FNMSUBs from opcode column 6 to F. */
function fma(column: u32, variant: u32, scalar: bool): void {
  const h = fusedMultiply.index;
  for (let order: u32 = 0; order < 3; order++) {
    const key = MAP_0F38 | P66 | (0x90 + (order << 4) + column);
    const v = variant | order;
    const flags = scalar ? LIG : 0;
    const single = scalar ? fmass.index : fmaps.index;
    const double = scalar ? fmasd.index : fmapd.index;
    put(entryAt(VEX_W0, key), h, h, single, V_X, scalar ? 4 : FULL, flags, FMA, v);
    put(entryAt(VEX_W1, key), h, h, double, V_X, scalar ? 8 : FULL, flags, FMA, v);
  }
}

function defineFma(): void {
  fma(0x6, ALTERNATE, false);
  fma(0x7, ALTERNATE | NEGATE_ADDEND, false);
  fma(0x8, 0, false);
  fma(0x9, 0, true);
  fma(0xa, NEGATE_ADDEND, false);
  fma(0xb, NEGATE_ADDEND, true);
  fma(0xc, NEGATE_PRODUCT, false);
  fma(0xd, NEGATE_PRODUCT, true);
  fma(0xe, NEGATE_PRODUCT | NEGATE_ADDEND, false);
  fma(0xf, NEGATE_PRODUCT | NEGATE_ADDEND, true);
}

/** AES or PCLMULQDQ: legacy and VEX.128. */
function block(key: u32, f: Lane, vvvv: u32, flags: u32, feature: u32): void {
  const r = laneRegister.index;
  const m = laneMemory.index;
  put(entryAt(LEGACY, key), r, m, f.index, V_NONE, FULL, flags, feature, 0);
  vex(key, r, m, f.index, vvvv, FULL, flags | L0, AVX, 0);
}

function sha(key: u32, f: Lane, flags: u32): void {
  legacy(key, laneRegister.index, laneMemory.index, f.index, 0, FULL, flags, SHA);
}

function defineCrypto(): void {
  initAes();
  initCrc32();
  block(MAP_0F38 | P66 | 0xdb, aesimc, V_NONE, 0, AES);
  block(MAP_0F38 | P66 | 0xdc, aesenc, V_X, 0, AES);
  block(MAP_0F38 | P66 | 0xdd, aesenclast, V_X, 0, AES);
  block(MAP_0F38 | P66 | 0xde, aesdec, V_X, 0, AES);
  block(MAP_0F38 | P66 | 0xdf, aesdeclast, V_X, 0, AES);
  block(MAP_0F3A | P66 | 0xdf, aeskeygenassist, V_NONE, IMM8, AES);
  block(MAP_0F3A | P66 | 0x44, pclmulqdq, V_X, IMM8, PCLMUL);
  sha(MAP_0F38 | 0xc8, sha1nexte, 0);
  sha(MAP_0F38 | 0xc9, sha1msg1, 0);
  sha(MAP_0F38 | 0xca, sha1msg2, 0);
  sha(MAP_0F38 | 0xcb, sha256rnds2, IS4);
  sha(MAP_0F38 | 0xcc, sha256msg1, 0);
  sha(MAP_0F38 | 0xcd, sha256msg2, 0);
  sha(MAP_0F3A | 0xcc, sha1rnds4, IMM8);
  const imm = IMM8 | UNALIGNED;
  const vexImm = IMM8 | L0;
  both(MAP_0F3A | P66 | 0x60, pcmpestrm.index, pcmpestrm.index, 0, V_NONE, 16, imm, vexImm, SSE42);
  both(MAP_0F3A | P66 | 0x61, pcmpestri.index, pcmpestri.index, 0, V_NONE, 16, imm, vexImm, SSE42);
  both(MAP_0F3A | P66 | 0x62, pcmpistrm.index, pcmpistrm.index, 0, V_NONE, 16, imm, vexImm, SSE42);
  both(MAP_0F3A | P66 | 0x63, pcmpistri.index, pcmpistri.index, 0, V_NONE, 16, imm, vexImm, SSE42);
}

/** A VEX-encoded instruction on general-purpose registers. */
function general(key: u32, h: i32, vvvv: u32, flags: u32, feature: u32): void {
  vex(key, h, h, 0, REG_G | RM_G | vvvv, 0, flags | L0, feature, 0);
}

function defineBits(): void {
  general(MAP_0F38 | 0xf2, andn.index, V_G, 0, BMI1);
  general(MAP_0F38 | 0xf7, bextr.index, V_G, 0, BMI1);
  general(MAP_0F38 | P66 | 0xf7, shlx.index, V_G, 0, BMI2);
  general(MAP_0F38 | PF3 | 0xf7, sarx.index, V_G, 0, BMI2);
  general(MAP_0F38 | PF2 | 0xf7, shrx.index, V_G, 0, BMI2);
  general(MAP_0F38 | 0xf5, bzhi.index, V_G, 0, BMI2);
  general(MAP_0F38 | PF3 | 0xf5, pext.index, V_G, 0, BMI2);
  general(MAP_0F38 | PF2 | 0xf5, pdep.index, V_G, 0, BMI2);
  general(MAP_0F38 | PF2 | 0xf6, mulx.index, V_G, 0, BMI2);
  general(MAP_0F3A | PF2 | 0xf0, rorx.index, V_NONE, IMM8, BMI2);
  const kinds = REG_G | RM_G | V_G;
  for (let w: u32 = VEX_W0; w <= VEX_W1; w++) {
    const key = MAP_0F38 | 0xf3;
    member(w, key, 1, blsr.index, blsr.index, 0, kinds, 0, L0 | DEST_V, BMI1);
    member(w, key, 2, blsmsk.index, blsmsk.index, 0, kinds, 0, L0 | DEST_V, BMI1);
    member(w, key, 3, blsi.index, blsi.index, 0, kinds, 0, L0 | DEST_V, BMI1);
  }
  legacy(MAP_0F38 | P66 | 0xf6, adcx.index, adcx.index, 0, REG_G | RM_G, 0, 0, ADX);
  legacy(MAP_0F38 | PF3 | 0xf6, adox.index, adox.index, 0, REG_G | RM_G, 0, 0, ADX);
}

export function defineExtensions(): void {
  defineAvxMoves();
  defineFma();
  defineCrypto();
  defineBits();
}
