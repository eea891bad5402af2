// Recipes of integer operations: comparisons, bits, arithmetic, conversions and shifts (core specification 2.0,
// 4.3.2 and 4.4.3).

import { ALU, CC, XMM15 } from "../encoder.ts";
import {
  binary,
  complement,
  EARLY,
  lanes,
  MOVD,
  mirror,
  PADDD,
  PADDQ,
  PAND,
  PCMPEQD,
  PMADDUBSW,
  PMADDWD,
  PMULUDQ,
  POR,
  PSHUFB,
  PSHUFD,
  PSLLQ,
  PSRLDQ,
  PSRLQ,
  PSRLW,
  PSUBQ,
  PTEST,
  PXOR,
  recipe,
  SAME,
  unary,
  type VectorCode,
} from "./recipe.ts";

// Comparisons: what the machine lacks is an operation with swapped operands or a complement.
const EQUAL = { i8x16: 0x0f74, i16x8: 0x0f75, i32x4: PCMPEQD, i64x2: 0x0f3829 };
const GREATER = { i8x16: 0x0f64, i16x8: 0x0f65, i32x4: 0x0f66, i64x2: 0x0f3837 };
const MIN_S = { i8x16: 0x0f3838, i16x8: 0x0fea, i32x4: 0x0f3839 };
const MAX_S = { i8x16: 0x0f383c, i16x8: 0x0fee, i32x4: 0x0f383d };
const MIN_U = { i8x16: 0x0fda, i16x8: 0x0f383a, i32x4: 0x0f383b };
const MAX_U = { i8x16: 0x0fde, i16x8: 0x0f383e, i32x4: 0x0f383f };
for (const shape of ["i8x16", "i16x8", "i32x4", "i64x2"] as const) {
  binary(`${shape}.eq`, EQUAL[shape]);
  complement(`${shape}.ne`, `${shape}.eq`);
  binary(`${shape}.gt_s`, GREATER[shape]);
  mirror(`${shape}.lt_s`, `${shape}.gt_s`);
  complement(`${shape}.le_s`, `${shape}.gt_s`);
  mirror(`${shape}.ge_s`, `${shape}.le_s`);
  if (shape === "i64x2") continue;
  // The lesser one of both is the second: the first is greater or equal.
  recipe(`${shape}.ge_u`, SAME, (v) => {
    v.op(MIN_U[shape], v.o.to, v.o.b);
    v.op(EQUAL[shape], v.o.to, v.o.b);
  });
  recipe(`${shape}.le_u`, SAME, (v) => {
    v.op(MAX_U[shape], v.o.to, v.o.b);
    v.op(EQUAL[shape], v.o.to, v.o.b);
  });
  complement(`${shape}.gt_u`, `${shape}.le_u`);
  complement(`${shape}.lt_u`, `${shape}.ge_u`);
  binary(`${shape}.min_s`, MIN_S[shape]);
  binary(`${shape}.max_s`, MAX_S[shape]);
  binary(`${shape}.min_u`, MIN_U[shape]);
  binary(`${shape}.max_u`, MAX_U[shape]);
}

// Bits.
recipe("v128.not", SAME, (v) => {
  v.ones(XMM15);
  v.op(PXOR, v.o.to, XMM15);
});
binary("v128.and", PAND);
binary("v128.andnot", 0x0fdf, 0x66, true);
binary("v128.or", POR);
binary("v128.xor", PXOR);
recipe("v128.bitselect", SAME, (v) => {
  v.op(PXOR, v.o.to, v.o.b);
  v.op(PAND, v.o.to, v.o.c);
  v.op(PXOR, v.o.to, v.o.b);
});
function truth(v: VectorCode, cc: number, tested: number): void {
  v.e.aluRR(4, ALU.XOR, v.o.to, v.o.to);
  v.op(PTEST, tested, tested);
  v.e.setcc(cc, v.o.to);
}
recipe("v128.any_true", EARLY, (v) => truth(v, CC.NE, v.o.a));
for (const shape of ["i8x16", "i16x8", "i32x4", "i64x2"] as const) {
  recipe(`${shape}.all_true`, EARLY, (v) => {
    v.zero(XMM15);
    v.op(EQUAL[shape], XMM15, v.o.a);
    truth(v, CC.E, XMM15);
  });
}
recipe("i8x16.bitmask", EARLY, (v) => v.op(0x0fd7, v.o.to, v.o.a));
recipe("i16x8.bitmask", EARLY, (v) => {
  v.move(XMM15, v.o.a);
  v.op(0x0f63, XMM15, v.o.a);
  v.op(0x0fd7, v.o.to, XMM15);
  v.e.extend(1, false, 4, v.o.to, v.o.to);
});
recipe("i32x4.bitmask", EARLY, (v) => v.ps(0, 0x0f50, v.o.to, v.o.a));
recipe("i64x2.bitmask", EARLY, (v) => v.op(0x0f50, v.o.to, v.o.a));

// Integer arithmetic.
unary("i8x16.abs", 0x0f381c);
unary("i16x8.abs", 0x0f381d);
unary("i32x4.abs", 0x0f381e);
recipe("i64x2.abs", SAME, (v) => {
  v.zero(XMM15);
  v.op(GREATER.i64x2, XMM15, v.o.to);
  v.op(PXOR, v.o.to, XMM15);
  v.op(PSUBQ, v.o.to, XMM15);
});
const SUBTRACT = { i8x16: 0x0ff8, i16x8: 0x0ff9, i32x4: 0x0ffa, i64x2: PSUBQ };
for (const shape of ["i8x16", "i16x8", "i32x4", "i64x2"] as const) {
  recipe(`${shape}.neg`, {}, (v) => {
    v.zero(v.o.to);
    v.op(SUBTRACT[shape], v.o.to, v.o.a);
  });
  binary(`${shape}.sub`, SUBTRACT[shape]);
}
binary("i8x16.add", 0x0ffc);
binary("i16x8.add", 0x0ffd);
binary("i32x4.add", PADDD);
binary("i64x2.add", PADDQ);
binary("i8x16.add_sat_s", 0x0fec);
binary("i8x16.add_sat_u", 0x0fdc);
binary("i8x16.sub_sat_s", 0x0fe8);
binary("i8x16.sub_sat_u", 0x0fd8);
binary("i16x8.add_sat_s", 0x0fed);
binary("i16x8.add_sat_u", 0x0fdd);
binary("i16x8.sub_sat_s", 0x0fe9);
binary("i16x8.sub_sat_u", 0x0fd9);
binary("i8x16.avgr_u", 0x0fe0);
binary("i16x8.avgr_u", 0x0fe3);
binary("i16x8.mul", 0x0fd5);
binary("i32x4.mul", 0x0f3840);
recipe("i64x2.mul", { same: true, temps: 1 }, (v) => {
  const { to, b, temp } = v.o;
  // The low half of each product is that of the low halves, plus both mixed products at the top.
  v.move(temp, to);
  v.shift(PSRLQ, temp, 32);
  v.op(PMULUDQ, temp, b);
  v.move(XMM15, b);
  v.shift(PSRLQ, XMM15, 32);
  v.op(PMULUDQ, XMM15, to);
  v.op(PADDQ, temp, XMM15);
  v.shift(PSLLQ, temp, 32);
  v.op(PMULUDQ, to, b);
  v.op(PADDQ, to, temp);
});
recipe("i8x16.popcnt", { same: true, temps: 1 }, (v) => {
  const { to, temp } = v.o;
  // Bits in each number of four bits, looked up.
  const table = 0x04030302_03020201_03020201_02010100n;
  const nibbles = lanes(8, 15n);
  v.move(XMM15, to);
  v.opConst(PAND, XMM15, nibbles);
  v.load(temp, table);
  v.op(PSHUFB, temp, XMM15);
  v.shift(PSRLW, to, 4);
  v.opConst(PAND, to, nibbles);
  v.load(XMM15, table);
  v.op(PSHUFB, XMM15, to);
  v.move(to, temp);
  v.op(0x0ffc, to, XMM15);
});
binary("i8x16.narrow_i16x8_s", 0x0f63);
binary("i8x16.narrow_i16x8_u", 0x0f67);
binary("i16x8.narrow_i32x4_s", 0x0f6b);
binary("i16x8.narrow_i32x4_u", 0x0f382b);
binary("i32x4.dot_i16x8_s", PMADDWD);
recipe("i16x8.q15mulr_sat_s", SAME, (v) => {
  // PMULHRSW overflows for one product only, -1 times -1.
  v.op(0x0f380b, v.o.to, v.o.b);
  v.load(XMM15, lanes(16, 0x8000n));
  v.op(EQUAL.i16x8, XMM15, v.o.to);
  v.op(PXOR, v.o.to, XMM15);
});
recipe("i16x8.extadd_pairwise_i8x16_s", {}, (v) => {
  // The first operand of PMADDUBSW is unsigned, the second signed.
  v.load(v.o.to, lanes(8, 1n));
  v.op(PMADDUBSW, v.o.to, v.o.a);
});
recipe("i16x8.extadd_pairwise_i8x16_u", SAME, (v) => v.opConst(PMADDUBSW, v.o.to, lanes(8, 1n)));
recipe("i32x4.extadd_pairwise_i16x8_s", SAME, (v) => v.opConst(PMADDWD, v.o.to, lanes(16, 1n)));
recipe("i32x4.extadd_pairwise_i16x8_u", SAME, (v) => {
  // Made signed by -2^15 each, which is added again.
  v.opConst(PXOR, v.o.to, lanes(16, 0x8000n));
  v.opConst(PMADDWD, v.o.to, lanes(16, 1n));
  v.opConst(PADDD, v.o.to, lanes(32, 0x10000n));
});
for (const [shape, from, signed, unsigned] of [
  ["i16x8", "i8x16", 0x0f3820, 0x0f3830],
  ["i32x4", "i16x8", 0x0f3823, 0x0f3833],
  ["i64x2", "i32x4", 0x0f3825, 0x0f3835],
] as const) {
  for (const [sign, opcode] of [
    ["s", signed],
    ["u", unsigned],
  ] as const) {
    const high = (v: VectorCode, to: number, of: number): void => {
      v.opImm(PSHUFD, to, of, 0xee);
      v.op(opcode, to, to);
    };
    unary(`${shape}.extend_low_${from}_${sign}`, opcode);
    recipe(`${shape}.extend_high_${from}_${sign}`, EARLY, (v) => high(v, v.o.to, v.o.a));
    if (shape === "i64x2") continue;
    const multiply = shape === "i16x8" ? 0x0fd5 : 0x0f3840;
    recipe(`${shape}.extmul_low_${from}_${sign}`, EARLY, (v) => {
      v.op(opcode, XMM15, v.o.b);
      v.op(opcode, v.o.to, v.o.a);
      v.op(multiply, v.o.to, XMM15);
    });
    recipe(`${shape}.extmul_high_${from}_${sign}`, EARLY, (v) => {
      high(v, XMM15, v.o.b);
      high(v, v.o.to, v.o.a);
      v.op(multiply, v.o.to, XMM15);
    });
  }
}
for (const [half, order] of [
  ["low", 0x50],
  ["high", 0xfa],
] as const) {
  for (const [sign, multiply] of [
    ["s", 0x0f3828],
    ["u", PMULUDQ],
  ] as const) {
    recipe(`i64x2.extmul_${half}_i32x4_${sign}`, EARLY, (v) => {
      v.opImm(PSHUFD, XMM15, v.o.b, order);
      v.opImm(PSHUFD, v.o.to, v.o.a, order);
      v.op(multiply, v.o.to, XMM15);
    });
  }
}

// Shifts: the count is below the lane's width, in XMM15 or constant.
const COUNT = { same: true, count: true };
type Shift = readonly [byRegister: number, group: number, digit: number];

function loadCount(v: VectorCode): void {
  if (!v.o.constantCount) v.op(MOVD, XMM15, v.o.b);
}

function shiftLanes(v: VectorCode, [byRegister, group, digit]: Shift, dst: number): void {
  if (v.o.constantCount) v.shift([group, digit], dst, v.o.imm);
  else v.op(byRegister, dst, XMM15);
}
const SLLW = [0x0ff1, 0x0f71, 6] as const;
const SRAW = [0x0fe1, 0x0f71, 4] as const;
const SRLW = [0x0fd1, 0x0f71, 2] as const;
const SRLQ = [0x0fd3, 0x0f73, 2] as const;
for (const [name, shift] of [
  ["i16x8.shl", SLLW],
  ["i16x8.shr_s", SRAW],
  ["i16x8.shr_u", SRLW],
  ["i32x4.shl", [0x0ff2, 0x0f72, 6]],
  ["i32x4.shr_s", [0x0fe2, 0x0f72, 4]],
  ["i32x4.shr_u", [0x0fd2, 0x0f72, 2]],
  ["i64x2.shl", [0x0ff3, 0x0f73, 6]],
  ["i64x2.shr_u", SRLQ],
] as const) {
  recipe(name, COUNT, (v) => {
    loadCount(v);
    shiftLanes(v, shift, v.o.to);
  });
}
recipe("i64x2.shr_s", { ...COUNT, temps: 1 }, (v) => {
  // Shifted without sign; where the sign bit has come to is extended from.
  const { to, temp } = v.o;
  loadCount(v);
  v.load(temp, lanes(64, 1n << 63n));
  shiftLanes(v, SRLQ, temp);
  shiftLanes(v, SRLQ, to);
  v.op(PXOR, to, temp);
  v.op(PSUBQ, to, temp);
});
recipe("i8x16.shl", { ...COUNT, temps: 1 }, (v) => {
  // In words that have zeros above each byte.
  const { to, temp } = v.o;
  loadCount(v);
  v.move(temp, to);
  v.shift(PSRLDQ, temp, 8);
  for (const part of [temp, to]) {
    v.op(0x0f3830, part, part);
    shiftLanes(v, SLLW, part);
    v.opConst(PAND, part, lanes(16, 0xffn));
  }
  v.op(0x0f67, to, temp);
});
for (const [name, shift, pack] of [
  ["i8x16.shr_s", SRAW, 0x0f63],
  ["i8x16.shr_u", SRLW, 0x0f67],
] as const) {
  recipe(name, { ...COUNT, temps: 1 }, (v) => {
    // In words that have each byte at their top: the count has 8 added.
    const { to, temp } = v.o;
    loadCount(v);
    v.move(temp, to);
    v.op(0x0f68, temp, temp);
    v.op(0x0f60, to, to);
    shiftLanes(v, shift, temp);
    shiftLanes(v, shift, to);
    v.op(pack, to, temp);
  });
}
