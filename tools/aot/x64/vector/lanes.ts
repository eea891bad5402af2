// Recipes of lanes: shuffles, splats, extraction and replacement (core specification 2.0, 4.4.3).

import { XMM15 } from "../encoder.ts";
import { EARLY, lanes, MOVD, POR, PSHUFB, PSHUFD, recipe, SAME } from "./recipe.ts";

recipe("i8x16.shuffle", SAME, (v) => {
  const { to, b, lanes: selected } = v.o;
  const part = (from: number): bigint => {
    let mask = 0n;
    for (let i = 0n; i < 128n; i += 8n) {
      const lane = Number((selected >> i) & 255n) - from;
      mask |= BigInt(lane >= 0 && lane < 16 ? lane : 0x80) << i;
    }
    return mask;
  };
  const [low, high] = [part(0), part(16)];
  v.opConst(PSHUFB, to, low);
  if (high === lanes(8, 0x80n)) return;
  v.move(XMM15, b);
  v.opConst(PSHUFB, XMM15, high);
  v.op(POR, to, XMM15);
});
recipe("i8x16.swizzle", SAME, (v) => {
  // Indices from 16 on get their top bit set: PSHUFB makes zeros of them.
  v.move(XMM15, v.o.b);
  v.opConst(0x0fdc, XMM15, lanes(8, 0x70n));
  v.op(PSHUFB, v.o.to, XMM15);
});
recipe("i8x16.splat", EARLY, (v) => {
  v.op(MOVD, v.o.to, v.o.a);
  v.zero(XMM15);
  v.op(PSHUFB, v.o.to, XMM15);
});
recipe("i16x8.splat", EARLY, (v) => {
  v.op(MOVD, v.o.to, v.o.a);
  v.ps(0xf2, PSHUFD, v.o.to, v.o.to);
  v.e.u8(0);
  v.opImm(PSHUFD, v.o.to, v.o.to, 0);
});
recipe("i32x4.splat", EARLY, (v) => {
  v.op(MOVD, v.o.to, v.o.a);
  v.opImm(PSHUFD, v.o.to, v.o.to, 0);
});
recipe("i64x2.splat", EARLY, (v) => {
  v.e.rr(0x66, true, MOVD, v.o.to, v.o.a);
  v.opImm(PSHUFD, v.o.to, v.o.to, 0x44);
});
recipe("f32x4.splat", EARLY, (v) => v.opImm(PSHUFD, v.o.to, v.o.a, 0));
recipe("f64x2.splat", EARLY, (v) => v.opImm(PSHUFD, v.o.to, v.o.a, 0x44));
for (const sign of ["s", "u"]) {
  recipe(`i8x16.extract_lane_${sign}`, EARLY, (v) => {
    v.opImm(0x0f3a14, v.o.a, v.o.to, v.o.imm);
    if (sign === "s") v.e.extend(1, true, 4, v.o.to, v.o.to);
  });
  recipe(`i16x8.extract_lane_${sign}`, EARLY, (v) => {
    v.opImm(0x0fc5, v.o.to, v.o.a, v.o.imm);
    if (sign === "s") v.e.extend(2, true, 4, v.o.to, v.o.to);
  });
}
recipe("i32x4.extract_lane", EARLY, (v) => v.opImm(0x0f3a16, v.o.a, v.o.to, v.o.imm));
recipe("i64x2.extract_lane", EARLY, (v) => {
  v.e.rr(0x66, true, 0x0f3a16, v.o.a, v.o.to);
  v.e.u8(v.o.imm);
});
recipe("f32x4.extract_lane", EARLY, (v) => {
  if (v.o.imm === 0) v.move(v.o.to, v.o.a);
  else v.opImm(PSHUFD, v.o.to, v.o.a, v.o.imm);
});
recipe("f64x2.extract_lane", EARLY, (v) => {
  if (v.o.imm === 0) v.move(v.o.to, v.o.a);
  else v.opImm(PSHUFD, v.o.to, v.o.a, 0xee);
});
recipe("i8x16.replace_lane", SAME, (v) => v.opImm(0x0f3a20, v.o.to, v.o.b, v.o.imm));
recipe("i16x8.replace_lane", SAME, (v) => v.opImm(0x0fc4, v.o.to, v.o.b, v.o.imm));
recipe("i32x4.replace_lane", SAME, (v) => v.opImm(0x0f3a22, v.o.to, v.o.b, v.o.imm));
recipe("i64x2.replace_lane", SAME, (v) => {
  v.e.rr(0x66, true, 0x0f3a22, v.o.to, v.o.b);
  v.e.u8(v.o.imm);
});
recipe("f32x4.replace_lane", SAME, (v) => v.opImm(0x0f3a21, v.o.to, v.o.b, v.o.imm << 4));
recipe("f64x2.replace_lane", SAME, (v) => {
  // MOVSD for the low lane, UNPCKLPD for the high one.
  if (v.o.imm === 0) v.ps(0xf2, 0x0f10, v.o.to, v.o.b);
  else v.op(0x0f14, v.o.to, v.o.b);
});
