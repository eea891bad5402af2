// Machine code of vector operations for x86-64-v2 (SSE4.2, SSSE3): one recipe for each wasm instruction
// that is an operation on vectors (core specification 2.0, 4.3.3 and 4.4.3). Encodings are from the Intel
// SDM vol. 2. Recipes may overwrite XMM15.

import { vectorOpcode } from "../../wasm/simd.ts";
import { type Address, ALU, CC, type Encoder, XMM15 } from "./encoder.ts";
import type { ConstantPool } from "./pool.ts";
import { POOL_SYMBOL } from "./symbols.ts";

/** Operands of a recipe: registers, -1 where it has none. */
interface Operands {
  to: number;
  a: number;
  b: number;
  c: number;
  temp: number;
  /** Lane, or shift count where it is constant. */
  imm: number;
  constantCount: boolean;
  /** Of a shuffle, from the lowest byte up. */
  lanes: bigint;
}

/** Vocabulary of the recipes. */
export class VectorCode {
  readonly e: Encoder;
  readonly o: Operands;
  private readonly pool: ConstantPool;

  constructor(e: Encoder, pool: ConstantPool, operands: Operands) {
    this.e = e;
    this.pool = pool;
    this.o = operands;
  }

  /** An instruction with prefix 66: `dst ← dst op src`. */
  op(opcode: number, dst: number, src: number): void {
    this.e.rr(0x66, false, opcode, dst, src);
  }

  /** With another prefix, or none. */
  ps(prefix: number, opcode: number, dst: number, src: number): void {
    this.e.rr(prefix, false, opcode, dst, src);
  }

  opImm(opcode: number, dst: number, src: number, imm: number): void {
    this.op(opcode, dst, src);
    this.e.u8(imm);
  }

  private constant(bits: bigint): Address {
    const disp = this.pool.offset(bits, 16);
    return { base: -1, index: -1, scale: 1, disp, symbol: POOL_SYMBOL };
  }

  /** `dst ← dst op constant`; with MOVDQA, a load. */
  opConst(opcode: number, dst: number, bits: bigint): void {
    this.e.rm(0x66, false, opcode, dst, this.constant(bits));
  }

  load(dst: number, bits: bigint): void {
    this.opConst(MOVDQA, dst, bits);
  }

  move(dst: number, src: number): void {
    if (dst !== src) this.e.rr(0, false, 0x0f28, dst, src);
  }

  zero(dst: number): void {
    this.op(PXOR, dst, dst);
  }

  ones(dst: number): void {
    this.op(PCMPEQD, dst, dst);
  }

  /** Shift by a constant: `opcode` and /digit of groups 12…14. */
  shift([opcode, digit]: readonly [number, number], dst: number, count: number): void {
    this.opImm(opcode, digit, dst, count);
  }
}

/** How a vector operation becomes machine code. */
export interface VectorRecipe {
  /** The result overwrites the first operand. */
  same: boolean;
  /** Operands in reverse order. */
  swapped: boolean;
  /** The operands are read before anything is written: they may share a register with the result. */
  early: boolean;
  /** The second operand is a shift count, an immediate where it is constant. */
  count: boolean;
  /** Vector registers besides. */
  temps: number;
  emit(v: VectorCode): void;
}

export const VECTOR_RECIPES: (VectorRecipe | undefined)[] = [];

const MOVDQA = 0x0f6f;
const PXOR = 0x0fef;
const POR = 0x0feb;
const PAND = 0x0fdb;
const PCMPEQD = 0x0f76;
const PSHUFB = 0x0f3800;
const PSHUFD = 0x0f70;
const PTEST = 0x0f3817;
const PMADDUBSW = 0x0f3804;
const PMADDWD = 0x0ff5;
const PADDD = 0x0ffe;
const PADDQ = 0x0fd4;
const PSUBQ = 0x0ffb;
const PMULUDQ = 0x0ff4;
const ANDPS = 0x0f54;
const ANDNPS = 0x0f55;
const ORPS = 0x0f56;
const XORPS = 0x0f57;
const ADD = 0x0f58;
const SUB = 0x0f5c;
const MIN = 0x0f5d;
const MAX = 0x0f5f;
const CMP = 0x0fc2;
const CVTDQ2PS = 0x0f5b;
/** Shifts by constants: opcode and /digit. */
const PSRLW = [0x0f71, 2] as const;
const PSRLD = [0x0f72, 2] as const;
const PSRAD = [0x0f72, 4] as const;
const PSRLQ = [0x0f73, 2] as const;
const PSLLQ = [0x0f73, 6] as const;
const PSRLDQ = [0x0f73, 3] as const;

/** A value in every lane of `width` bits. */
function lanes(width: number, value: bigint): bigint {
  let bits = 0n;
  for (let i = 0; i < 128; i += width) bits |= BigInt.asUintN(width, value) << BigInt(i);
  return bits;
}

function recipe(name: string, form: Partial<VectorRecipe>, emit: VectorRecipe["emit"]): void {
  VECTOR_RECIPES[vectorOpcode(name)] = {
    same: false,
    swapped: false,
    early: false,
    count: false,
    temps: 0,
    ...form,
    emit,
  };
}

const SAME = { same: true };
const EARLY = { early: true };

/** One instruction `to ← to op b`. */
function binary(name: string, opcode: number, prefix = 0x66, swapped = false): void {
  recipe(name, { same: true, swapped }, (v) => v.ps(prefix, opcode, v.o.to, v.o.b));
}

/** One instruction `to ← op a`. */
function unary(name: string, opcode: number, prefix = 0x66): void {
  recipe(name, EARLY, (v) => v.ps(prefix, opcode, v.o.to, v.o.a));
}

/** To what another recipe makes of the same operands, its complement. */
function complement(name: string, of: string): void {
  const original = VECTOR_RECIPES[vectorOpcode(of)] as VectorRecipe;
  recipe(name, original, (v) => {
    original.emit(v);
    v.ones(XMM15);
    v.op(PXOR, v.o.to, XMM15);
  });
}

/** The same with the operands in reverse order. */
function mirror(name: string, of: string): void {
  const original = VECTOR_RECIPES[vectorOpcode(of)] as VectorRecipe;
  recipe(name, { ...original, swapped: !original.swapped }, original.emit);
}

// Lanes.
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
const MOVD = 0x0f6e;
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
  v.op(SUBTRACT.i32x4, to, XMM15);
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
  v.op(MAX_S.i32x4, temp, XMM15);
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
