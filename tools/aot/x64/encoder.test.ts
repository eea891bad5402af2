// Every form of the encoder against iced-x86's encoder: the same instruction, the same bytes.

import { Code, Encoder as IcedEncoder, Instruction, MemoryOperand, Register } from "iced-x86";
import { describe, expect, test } from "vitest";
import { type Address, ALU, at, CC, Encoder, RAX, SHIFT } from "./encoder.ts";

const R64 = Array.from({ length: 16 }, (_, n) => Register.RAX + n);
const R32 = Array.from({ length: 16 }, (_, n) => Register.EAX + n);
const R16 = Array.from({ length: 16 }, (_, n) => Register.AX + n);
/** AL CL DL BL SPL BPL SIL DIL R8L…: the byte registers with a REX prefix. */
const R8 = [
  Register.AL,
  Register.CL,
  Register.DL,
  Register.BL,
  Register.SPL,
  Register.BPL,
  Register.SIL,
  Register.DIL,
].concat(Array.from({ length: 8 }, (_, n) => Register.R8L + n));
const XMM = Array.from({ length: 16 }, (_, n) => Register.XMM0 + n);
const GENERAL = Array.from({ length: 16 }, (_, n) => n);

const ADDRESSES: Address[] = [
  ...[0, 1, 3, 4, 5, 6, 8, 12, 13, 15].flatMap((base) => [
    at(base),
    at(base, 8),
    at(base, -128),
    at(base, 127),
    at(base, 128),
    at(base, -0x80000000),
  ]),
  ...[0, 4, 5, 12, 13, 15].flatMap((base) =>
    [0, 1, 5, 8, 12, 13].map((index) => at(base, 0, index)),
  ),
  at(15, 0x400, 2, 4),
  at(5, 0, 9, 8),
  at(-1, 0x1000),
  at(-1, 0x12345678, 3, 4),
  at(-1, -8, 13, 8),
];

function memory(m: Address): MemoryOperand {
  const base = m.base < 0 ? Register.None : (R64[m.base] as Register);
  const index = m.index < 0 ? Register.None : (R64[m.index] as Register);
  const size = m.base < 0 ? 8 : m.disp === 0 ? 0 : 1;
  return new MemoryOperand(base, index, m.scale, BigInt(m.disp), size, false, Register.None);
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function iced(instruction: Instruction): string {
  const encoder = new IcedEncoder(64);
  encoder.encode(instruction, 0n);
  const bytes = encoder.takeBuffer();
  encoder.free();
  return hex(bytes);
}

function ours(emit: (e: Encoder) => void): string {
  const e = new Encoder();
  emit(e);
  return hex(e.bytes.subarray(0, e.length));
}

function same(emit: (e: Encoder) => void, instruction: Instruction): void {
  expect(ours(emit), instruction.toString()).toBe(iced(instruction));
}

/** All pairs of registers with few repetitions: every register occurs in both places. */
function pairs(check: (a: number, b: number) => void): void {
  for (const a of GENERAL) for (const b of [0, 3, 4, 5, 7, 8, 12, 13, 15]) check(a, b);
}

const reg = (size: number, n: number): Register =>
  (size === 8 ? R64 : size === 4 ? R32 : size === 2 ? R16 : R8)[n] as Register;
const code = (name: string): Code => {
  const value = (Code as unknown as Record<string, number>)[name];
  if (value === undefined) throw new Error(`iced-x86 has no Code.${name}`);
  return value as Code;
};
const ALU_NAMES = ["Add", "Or", "Adc", "Sbb", "And", "Sub", "Xor", "Cmp"];

describe("integer forms", () => {
  test("mov and the arithmetic group between registers", () => {
    pairs((a, b) => {
      for (const size of [4, 8]) {
        const s = size * 8;
        same(
          (e) => e.movRR(size, a, b),
          Instruction.createRegReg(code(`Mov_r${s}_rm${s}`), reg(size, a), reg(size, b)),
        );
        ALU_NAMES.forEach((name, op) => {
          same(
            (e) => e.aluRR(size, op, a, b),
            Instruction.createRegReg(code(`${name}_r${s}_rm${s}`), reg(size, a), reg(size, b)),
          );
        });
        same(
          (e) => e.testRR(size, a, b),
          Instruction.createRegReg(code(`Test_rm${s}_r${s}`), reg(size, a), reg(size, b)),
        );
        same(
          (e) => e.xchg(size, a, b),
          Instruction.createRegReg(code(`Xchg_rm${s}_r${s}`), reg(size, b), reg(size, a)),
        );
        for (const cc of [CC.E, CC.L, CC.A]) {
          const name = { [CC.E]: "Cmove", [CC.L]: "Cmovl", [CC.A]: "Cmova" }[cc];
          same(
            (e) => e.cmov(size, cc, a, b),
            Instruction.createRegReg(code(`${name}_r${s}_rm${s}`), reg(size, a), reg(size, b)),
          );
        }
      }
    });
  });

  test("the arithmetic group with immediates", () => {
    for (const size of [4, 8]) {
      const s = size * 8;
      for (const r of GENERAL) {
        ALU_NAMES.forEach((name, op) => {
          for (const imm of [0, 1, -1, 127, -128]) {
            same(
              (e) => e.aluRI(size, op, r, imm),
              Instruction.createRegI32(code(`${name}_rm${s}_imm8`), reg(size, r), imm),
            );
          }
          for (const imm of [128, -129, 0x7fffffff, -0x80000000]) {
            const form = r === RAX ? (size === 8 ? "RAX_imm32" : "EAX_imm32") : `rm${s}_imm32`;
            same(
              (e) => e.aluRI(size, op, r, imm),
              Instruction.createRegI32(code(`${name}_${form}`), reg(size, r), imm),
            );
          }
        });
        for (const imm of [0, 1, 127]) {
          const form = r === RAX ? "Test_AL_imm8" : "Test_rm8_imm8";
          same((e) => e.testRI(size, r, imm), Instruction.createRegI32(code(form), reg(1, r), imm));
        }
        if (size >= 4) {
          same((e) => e.bswap(size, r), Instruction.createReg(code(`Bswap_r${s}`), reg(size, r)));
          same(
            (e) => e.btRI(size, r, size * 8 - 1),
            Instruction.createRegI32(code(`Bt_rm${s}_imm8`), reg(size, r), size * 8 - 1),
          );
        }
        for (const imm of [128, -1]) {
          const form = r === RAX ? `Test_${size === 8 ? "RAX" : "EAX"}_imm32` : `Test_rm${s}_imm32`;
          same(
            (e) => e.testRI(size, r, imm),
            Instruction.createRegI32(code(form), reg(size, r), imm),
          );
        }
      }
    }
  });

  test("mov with immediates takes the shortest form", () => {
    for (const r of GENERAL) {
      same(
        (e) => e.movImm(r, 0n),
        Instruction.createRegReg(code("Xor_rm32_r32"), reg(4, r), reg(4, r)),
      );
      same(
        (e) => e.movImm(r, 0x12345678n),
        Instruction.createRegI32(code("Mov_r32_imm32"), reg(4, r), 0x12345678),
      );
      same(
        (e) => e.movImm32(r, -1),
        Instruction.createRegI32(code("Mov_r32_imm32"), reg(4, r), -1),
      );
      same(
        (e) => e.movImm(r, -2n),
        Instruction.createRegI32(code("Mov_rm64_imm32"), reg(8, r), -2),
      );
      same(
        (e) => e.movImm(r, 0x123456789abcdef0n),
        Instruction.createRegU64(code("Mov_r64_imm64"), reg(8, r), 0x123456789abcdef0n),
      );
    }
  });

  test("memory operands of every shape", () => {
    for (const m of ADDRESSES) {
      for (const r of [0, 3, 4, 5, 7, 8, 13, 15]) {
        same(
          (e) => e.lea(8, r, m),
          Instruction.createRegMem(code("Lea_r64_m"), reg(8, r), memory(m)),
        );
        same(
          (e) => e.lea(4, r, m),
          Instruction.createRegMem(code("Lea_r32_m"), reg(4, r), memory(m)),
        );
        for (const [size, signed, to, form, width] of [
          [8, false, 8, "Mov_r64_rm64", 8],
          [4, false, 8, "Mov_r32_rm32", 4],
          [4, true, 8, "Movsxd_r64_rm32", 8],
          [1, false, 4, "Movzx_r32_rm8", 4],
          [2, false, 8, "Movzx_r32_rm16", 4],
          [1, true, 4, "Movsx_r32_rm8", 4],
          [2, true, 4, "Movsx_r32_rm16", 4],
          [1, true, 8, "Movsx_r64_rm8", 8],
          [2, true, 8, "Movsx_r64_rm16", 8],
        ] as const) {
          same(
            (e) => e.load(size, signed, to, r, m),
            Instruction.createRegMem(code(form), reg(width, r), memory(m)),
          );
        }
        for (const size of [1, 2, 4, 8]) {
          const s = size * 8;
          same(
            (e) => e.store(size, r, m),
            Instruction.createMemReg(code(`Mov_rm${s}_r${s}`), memory(m), reg(size, r)),
          );
          same(
            (e) => e.aluMR(size, ALU.ADD, m, r),
            Instruction.createMemReg(code(`Add_rm${s}_r${s}`), memory(m), reg(size, r)),
          );
          same(
            (e) => e.aluRM(size, ALU.XOR, r, m),
            Instruction.createRegMem(code(`Xor_r${s}_rm${s}`), reg(size, r), memory(m)),
          );
        }
        for (const size of [4, 8]) {
          const s = size * 8;
          same(
            (e) => e.cmovM(size, CC.NE, r, m),
            Instruction.createRegMem(code(`Cmovne_r${s}_rm${s}`), reg(size, r), memory(m)),
          );
          same(
            (e) => e.rm(0, size === 8, 0x0faf, r, m),
            Instruction.createRegMem(code(`Imul_r${s}_rm${s}`), reg(size, r), memory(m)),
          );
          same(
            (e) => e.rm(0, size === 8, 0x87, r, m),
            Instruction.createMemReg(code(`Xchg_rm${s}_r${s}`), memory(m), reg(size, r)),
          );
        }
        for (const size of [1, 2, 4, 8]) {
          const s = size * 8;
          same(
            (e) => e.sized(size, 0x0fc1, 0x0fc0, r, m, 0),
            Instruction.createMemReg(code(`Xadd_rm${s}_r${s}`), memory(m), reg(size, r)),
          );
          same(
            (e) => e.sized(size, 0x0fb1, 0x0fb0, r, m, 0),
            Instruction.createMemReg(code(`Cmpxchg_rm${s}_r${s}`), memory(m), reg(size, r)),
          );
        }
      }
      for (const size of [1, 2, 4, 8]) {
        const s = size * 8;
        const form = size === 8 ? "Mov_rm64_imm32" : `Mov_rm${s}_imm${s}`;
        same(
          (e) => e.storeImm(size, 0x12, m),
          Instruction.createMemI32(code(form), memory(m), 0x12),
        );
        same(
          (e) => e.aluMI(size, ALU.CMP, m, 5),
          Instruction.createMemI32(code(`Cmp_rm${s}_imm8`), memory(m), 5),
        );
        same(
          (e) => e.testMI(size, m, 3),
          Instruction.createMemI32(code(`Test_rm${s}_imm${size === 8 ? 32 : s}`), memory(m), 3),
        );
        if (size > 1) {
          same(
            (e) => e.aluMI(size, ALU.SUB, m, 300),
            Instruction.createMemI32(code(`Sub_rm${s}_imm${size === 2 ? 16 : 32}`), memory(m), 300),
          );
        }
      }
      same((e) => e.group3M(8, 4, m), Instruction.createMem(code("Mul_rm64"), memory(m)));
      same((e) => e.rm(0, false, 0xff, 6, m), Instruction.createMem(code("Push_rm64"), memory(m)));
      same((e) => e.rm(0, false, 0x8f, 0, m), Instruction.createMem(code("Pop_rm64"), memory(m)));
      same((e) => e.rm(0, false, 0xff, 2, m), Instruction.createMem(code("Call_rm64"), memory(m)));
    }
  });

  test("extensions, shifts, unary operations, setcc, push and pop", () => {
    pairs((a, b) => {
      const forms = [
        [1, false, 4, "Movzx_r32_rm8", 4],
        [2, false, 4, "Movzx_r32_rm16", 4],
        [1, true, 4, "Movsx_r32_rm8", 4],
        [2, true, 4, "Movsx_r32_rm16", 4],
        [1, true, 8, "Movsx_r64_rm8", 8],
        [2, true, 8, "Movsx_r64_rm16", 8],
        [4, true, 8, "Movsxd_r64_rm32", 8],
        [4, false, 4, "Mov_r32_rm32", 4],
      ] as const;
      for (const [size, signed, to, form, width] of forms) {
        same(
          (e) => e.extend(size, signed, to, a, b),
          Instruction.createRegReg(code(form), reg(width, a), reg(size, b)),
        );
      }
      for (const size of [4, 8]) {
        const s = size * 8;
        same(
          (e) => e.rr(0, size === 8, 0x0faf, a, b),
          Instruction.createRegReg(code(`Imul_r${s}_rm${s}`), reg(size, a), reg(size, b)),
        );
        same(
          (e) => e.rr(0, size === 8, 0x0fbd, a, b),
          Instruction.createRegReg(code(`Bsr_r${s}_rm${s}`), reg(size, a), reg(size, b)),
        );
        same(
          (e) => e.rr(0, size === 8, 0x0fbc, a, b),
          Instruction.createRegReg(code(`Bsf_r${s}_rm${s}`), reg(size, a), reg(size, b)),
        );
        same(
          (e) => e.rr(0xf3, size === 8, 0x0fb8, a, b),
          Instruction.createRegReg(code(`Popcnt_r${s}_rm${s}`), reg(size, a), reg(size, b)),
        );
        same(
          (e) => {
            e.rr(0, size === 8, 0x6b, a, b);
            e.u8(7);
          },
          Instruction.createRegRegI32(
            code(`Imul_r${s}_rm${s}_imm8`),
            reg(size, a),
            reg(size, b),
            7,
          ),
        );
      }
    });
    const shifts = {
      [SHIFT.ROL]: "Rol",
      [SHIFT.ROR]: "Ror",
      [SHIFT.SHL]: "Shl",
      [SHIFT.SHR]: "Shr",
      [SHIFT.SAR]: "Sar",
    };
    for (const r of GENERAL) {
      for (const size of [4, 8]) {
        const s = size * 8;
        for (const [op, name] of Object.entries(shifts)) {
          same(
            (e) => e.shiftImm(size, Number(op), r, 1),
            Instruction.createRegI32(code(`${name}_rm${s}_1`), reg(size, r), 1),
          );
          same(
            (e) => e.shiftImm(size, Number(op), r, 5),
            Instruction.createRegI32(code(`${name}_rm${s}_imm8`), reg(size, r), 5),
          );
          same(
            (e) => e.shiftCl(size, Number(op), r),
            Instruction.createRegReg(code(`${name}_rm${s}_CL`), reg(size, r), Register.CL),
          );
        }
        ["Not", "Neg", "Mul", "Imul", "Div", "Idiv"].forEach((name, i) => {
          same(
            (e) => e.group3(size, i + 2, r),
            Instruction.createReg(code(`${name}_rm${s}`), reg(size, r)),
          );
        });
      }
      [
        "Seto",
        "Setno",
        "Setb",
        "Setae",
        "Sete",
        "Setne",
        "Setbe",
        "Seta",
        "Sets",
        "Setns",
        "Setp",
        "Setnp",
        "Setl",
        "Setge",
        "Setle",
        "Setg",
      ].forEach((name, cc) => {
        same((e) => e.setcc(cc, r), Instruction.createReg(code(`${name}_rm8`), reg(1, r)));
      });
      same((e) => e.push(r), Instruction.createReg(code("Push_r64"), reg(8, r)));
      same((e) => e.pop(r), Instruction.createReg(code("Pop_r64"), reg(8, r)));
      same((e) => e.rr(0, false, 0xff, 4, r), Instruction.createReg(code("Jmp_rm64"), reg(8, r)));
      same(
        (e) => {
          e.rr(0, true, 0x0fba, 7, r);
          e.u8(63);
        },
        Instruction.createRegI32(code("Btc_rm64_imm8"), reg(8, r), 63),
      );
    }
    same((e) => e.ud2(), Instruction.create(code("Ud2")));
  });
});

describe("SSE forms", () => {
  const SCALAR: [number, string][] = [
    [0x51, "Sqrt"],
    [0x58, "Add"],
    [0x59, "Mul"],
    [0x5c, "Sub"],
    [0x5d, "Min"],
    [0x5e, "Div"],
    [0x5f, "Max"],
  ];

  test("scalar arithmetic, moves and conversions between registers", () => {
    pairs((a, b) => {
      const x = XMM[a] as Register;
      const y = XMM[b] as Register;
      const [p, q] = [a + 16, b + 16];
      for (const [op, name] of SCALAR) {
        same(
          (e) => e.sse(true, op, p, q),
          Instruction.createRegReg(code(`${name}sd_xmm_xmmm64`), x, y),
        );
        same(
          (e) => e.sse(false, op, p, q),
          Instruction.createRegReg(code(`${name}ss_xmm_xmmm32`), x, y),
        );
      }
      same(
        (e) => e.sse(true, 0x5a, p, q),
        Instruction.createRegReg(code("Cvtsd2ss_xmm_xmmm64"), x, y),
      );
      same(
        (e) => e.sse(false, 0x5a, p, q),
        Instruction.createRegReg(code("Cvtss2sd_xmm_xmmm32"), x, y),
      );
      same(
        (e) => e.rr(0, false, 0x0f28, p, q),
        Instruction.createRegReg(code("Movaps_xmm_xmmm128"), x, y),
      );
      same(
        (e) => e.rr(0, false, 0x0f54, p, q),
        Instruction.createRegReg(code("Andps_xmm_xmmm128"), x, y),
      );
      same(
        (e) => e.rr(0, false, 0x0f56, p, q),
        Instruction.createRegReg(code("Orps_xmm_xmmm128"), x, y),
      );
      same(
        (e) => e.rr(0, false, 0x0f57, p, q),
        Instruction.createRegReg(code("Xorps_xmm_xmmm128"), x, y),
      );
      same(
        (e) => e.rr(0x66, false, 0x0f2e, p, q),
        Instruction.createRegReg(code("Ucomisd_xmm_xmmm64"), x, y),
      );
      same(
        (e) => e.rr(0, false, 0x0f2e, p, q),
        Instruction.createRegReg(code("Ucomiss_xmm_xmmm32"), x, y),
      );
      for (const size of [4, 8]) {
        const wide = size === 8;
        const rm = `rm${size * 8}`;
        same(
          (e) => e.rr(0xf2, wide, 0x0f2a, p, b),
          Instruction.createRegReg(code(`Cvtsi2sd_xmm_${rm}`), x, reg(size, b)),
        );
        same(
          (e) => e.rr(0xf3, wide, 0x0f2a, p, b),
          Instruction.createRegReg(code(`Cvtsi2ss_xmm_${rm}`), x, reg(size, b)),
        );
        same(
          (e) => e.rr(0xf2, wide, 0x0f2c, a, q),
          Instruction.createRegReg(code(`Cvttsd2si_r${size * 8}_xmmm64`), reg(size, a), y),
        );
        same(
          (e) => e.rr(0xf3, wide, 0x0f2c, a, q),
          Instruction.createRegReg(code(`Cvttss2si_r${size * 8}_xmmm32`), reg(size, a), y),
        );
        const mov = wide ? "Movq" : "Movd";
        same(
          (e) => e.rr(0x66, wide, 0x0f6e, p, b),
          Instruction.createRegReg(code(`${mov}_xmm_${rm}`), x, reg(size, b)),
        );
        same(
          (e) => e.rr(0x66, wide, 0x0f7e, p, b),
          Instruction.createRegReg(code(`${mov}_${rm}_xmm`), reg(size, b), x),
        );
      }
      for (const [op, name] of [
        [0x0f3a0b, "Roundsd_xmm_xmmm64_imm8"],
        [0x0f3a0a, "Roundss_xmm_xmmm32_imm8"],
      ] as const) {
        same(
          (e) => {
            e.rr(0x66, false, op, p, q);
            e.u8(9);
          },
          Instruction.createRegRegI32(code(name), x, y, 9),
        );
      }
    });
  });

  test("scalar loads, stores and operands in memory", () => {
    for (const m of ADDRESSES) {
      for (const n of [0, 7, 8, 15]) {
        const x = XMM[n] as Register;
        same(
          (e) => e.sseM(true, 0x10, n + 16, m),
          Instruction.createRegMem(code("Movsd_xmm_xmmm64"), x, memory(m)),
        );
        same(
          (e) => e.sseM(false, 0x10, n + 16, m),
          Instruction.createRegMem(code("Movss_xmm_xmmm32"), x, memory(m)),
        );
        same(
          (e) => e.sseM(true, 0x11, n + 16, m),
          Instruction.createMemReg(code("Movsd_xmmm64_xmm"), memory(m), x),
        );
        same(
          (e) => e.sseM(false, 0x11, n + 16, m),
          Instruction.createMemReg(code("Movss_xmmm32_xmm"), memory(m), x),
        );
        same(
          (e) => e.sseM(true, 0x59, n + 16, m),
          Instruction.createRegMem(code("Mulsd_xmm_xmmm64"), x, memory(m)),
        );
        same(
          (e) => e.rm(0x66, false, 0x0f2e, n + 16, m),
          Instruction.createRegMem(code("Ucomisd_xmm_xmmm64"), x, memory(m)),
        );
        same(
          (e) => e.rm(0, false, 0x0f54, n + 16, m),
          Instruction.createRegMem(code("Andps_xmm_xmmm128"), x, memory(m)),
        );
      }
    }
  });
});

test("a reference to a symbol leaves a field that counts the bytes behind it", () => {
  const e = new Encoder();
  e.storeImm(4, 1, { base: -1, index: -1, scale: 1, disp: 12, symbol: "x" });
  e.movSymbol(9, "y", 3);
  expect(e.fixups).toEqual([
    { offset: 2, kind: "pc32", symbol: "x", addend: 12 - 8 },
    { offset: 12, kind: "abs64", symbol: "y", addend: 3 },
  ]);
});
