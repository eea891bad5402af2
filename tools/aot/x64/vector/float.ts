// Recipes of floating point: arithmetic, comparisons, rounding and conversions (core specification 2.0, 4.3.3 and
// 4.4.3).

import { XMM15 } from "../encoder.ts";
import {
  ADD,
  ANDNPS,
  ANDPS,
  binary,
  CMP,
  CVTDQ2PS,
  EARLY,
  lanes,
  MAX,
  MIN,
  mirror,
  ORPS,
  PADDD,
  PAND,
  PSRAD,
  PSRLD,
  PSRLQ,
  PXOR,
  recipe,
  SAME,
  SUB,
  unary,
  type VectorCode,
  XORPS,
} from "./recipe.ts";

const PSUBD = 0x0ffa;
const PMAXSD = 0x0f383d;

// Floating point.
for (const [shape, prefix, width] of [
  ["f32x4", 0, 32],
  ["f64x2", 0x66, 64],
] as const) {
  const sign = 1n << BigInt(width - 1);
  recipe(`${shape}.abs`, SAME, (v) => v.opConst(PAND, v.o.to, lanes(width, sign - 1n)));
  recipe(`${shape}.neg`, SAME, (v) => v.opConst(PXOR, v.o.to, lanes(width, sign)));
  unary(`${shape}.sqrt`, 0x0f51, prefix);
  binary(`${shape}.add`, ADD, prefix);
  binary(`${shape}.sub`, SUB, prefix);
  binary(`${shape}.mul`, 0x0f59, prefix);
  binary(`${shape}.div`, 0x0f5e, prefix);
  // MIN and MAX return the second operand unless the first is less (greater): so does pmin of (b, a).
  binary(`${shape}.pmin`, MIN, prefix, true);
  binary(`${shape}.pmax`, MAX, prefix, true);
  for (const [name, predicate] of [
    ["eq", 0],
    ["lt", 1],
    ["le", 2],
    ["ne", 4],
  ] as const) {
    recipe(`${shape}.${name}`, SAME, (v) => {
      v.ps(prefix, CMP, v.o.to, v.o.b);
      v.e.u8(predicate);
    });
  }
  mirror(`${shape}.gt`, `${shape}.lt`);
  mirror(`${shape}.ge`, `${shape}.le`);
  // Where a lane is NaN: the quiet bit and the exponent stay, the payload below goes.
  const unordered = (v: VectorCode): void => {
    v.ps(prefix, CMP, v.o.to, XMM15);
    v.e.u8(3);
  };
  const clearPayload = (v: VectorCode): void => {
    v.shift(width === 32 ? PSRLD : PSRLQ, v.o.to, width === 32 ? 10 : 13);
    v.ps(0, ANDNPS, v.o.to, XMM15);
  };
  recipe(`${shape}.min`, SAME, (v) => {
    const { to, b } = v.o;
    // In both orders: zeros of different sign meet in OR, and a NaN comes through one of them.
    v.move(XMM15, b);
    v.ps(prefix, MIN, XMM15, to);
    v.ps(prefix, MIN, to, b);
    v.ps(0, ORPS, XMM15, to);
    unordered(v);
    v.ps(0, ORPS, XMM15, to);
    clearPayload(v);
  });
  recipe(`${shape}.max`, SAME, (v) => {
    const { to, b } = v.o;
    v.move(XMM15, b);
    v.ps(prefix, MAX, XMM15, to);
    v.ps(prefix, MAX, to, b);
    // Zeros of different sign: their XOR is -0, and +0 remains when it is subtracted.
    v.ps(0, XORPS, to, XMM15);
    v.ps(0, ORPS, XMM15, to);
    v.ps(prefix, SUB, XMM15, to);
    unordered(v);
    clearPayload(v);
  });
  const round = shape === "f32x4" ? 0x0f3a08 : 0x0f3a09;
  for (const [name, mode] of [
    ["nearest", 0],
    ["floor", 1],
    ["ceil", 2],
    ["trunc", 3],
  ] as const) {
    recipe(`${shape}.${name}`, EARLY, (v) => v.opImm(round, v.o.to, v.o.a, mode | 8));
  }
}
unary("f32x4.demote_f64x2_zero", 0x0f5a);
unary("f64x2.promote_low_f32x4", 0x0f5a, 0);
unary("f32x4.convert_i32x4_s", CVTDQ2PS, 0);
recipe("f32x4.convert_i32x4_u", SAME, (v) => {
  // The low 16 bits and, halved, the rest: both convert exactly, their sum is rounded once.
  const { to } = v.o;
  v.zero(XMM15);
  v.opImm(0x0f3a0e, XMM15, to, 0x55);
  v.op(PSUBD, to, XMM15);
  v.ps(0, CVTDQ2PS, XMM15, XMM15);
  v.shift(PSRLD, to, 1);
  v.ps(0, CVTDQ2PS, to, to);
  v.ps(0, ADD, to, to);
  v.ps(0, ADD, to, XMM15);
});
unary("f64x2.convert_low_i32x4_s", 0x0fe6, 0xf3);
recipe("f64x2.convert_low_i32x4_u", SAME, (v) => {
  // As the low part of 2^52, which is subtracted.
  v.opConst(0x0f62, v.o.to, lanes(32, 0x43300000n));
  v.opConst(SUB, v.o.to, lanes(64, 0x4330000000000000n));
});
const CVTTPS2DQ = 0x0f5b;
recipe("i32x4.trunc_sat_f32x4_s", SAME, (v) => {
  const { to } = v.o;
  // NaN becomes 0.
  v.move(XMM15, to);
  v.ps(0, CMP, XMM15, XMM15);
  v.e.u8(0);
  v.ps(0, ANDPS, to, XMM15);
  // What is positive and converts to the least number becomes the greatest.
  v.op(PXOR, XMM15, to);
  v.ps(0xf3, CVTTPS2DQ, to, to);
  v.op(PAND, XMM15, to);
  v.shift(PSRAD, XMM15, 31);
  v.op(PXOR, to, XMM15);
});
recipe("i32x4.trunc_sat_f32x4_u", { same: true, temps: 1 }, (v) => {
  const { to, temp } = v.o;
  // NaN and what is negative become 0.
  v.zero(XMM15);
  v.ps(0, MAX, to, XMM15);
  // What exceeds 2^31, clamped, is converted on its own and added.
  v.load(XMM15, lanes(32, 0x4f000000n));
  v.move(temp, to);
  v.ps(0, SUB, temp, XMM15);
  v.ps(0, CMP, XMM15, temp);
  v.e.u8(2);
  v.ps(0xf3, CVTTPS2DQ, temp, temp);
  v.op(PXOR, temp, XMM15);
  v.zero(XMM15);
  v.op(PMAXSD, temp, XMM15);
  v.ps(0xf3, CVTTPS2DQ, to, to);
  v.op(PADDD, to, temp);
});
recipe("i32x4.trunc_sat_f64x2_s_zero", SAME, (v) => {
  const { to } = v.o;
  // NaN is replaced by the 0 that the mask leaves of 2^31 - 1.
  v.move(XMM15, to);
  v.op(CMP, XMM15, XMM15);
  v.e.u8(0);
  v.opConst(PAND, XMM15, lanes(64, 0x41dfffffffc00000n));
  v.op(MIN, to, XMM15);
  v.op(0x0fe6, to, to);
});
recipe("i32x4.trunc_sat_f64x2_u_zero", SAME, (v) => {
  const { to } = v.o;
  v.zero(XMM15);
  v.op(MAX, to, XMM15);
  v.opConst(MIN, to, lanes(64, 0x41efffffffe00000n));
  v.opImm(0x0f3a09, to, to, 0x0b);
  // The low halves of the sum with 2^52 are the integers.
  v.opConst(ADD, to, lanes(64, 0x4330000000000000n));
  v.ps(0, 0x0fc6, to, XMM15);
  v.e.u8(0x88);
});
