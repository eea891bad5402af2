// The instruction forms a snippet may contain: every 64-bit-mode form that iced-x86 knows (legacy and VEX
// encodings) and the chosen instruction sets include. Left out, with the reason: what would leave the
// sandbox (system calls, far transfers, segment loads) and what has no single right answer
// (time stamps, random numbers, CPUID, table registers).
import {
  Code,
  CodeExt,
  CpuidFeature,
  EncodingKind,
  Instruction,
  type MandatoryPrefix,
  type MemorySize,
  MemorySizeExt,
  Mnemonic,
  type OpCodeInfo,
  OpCodeOperandKind,
  type OpCodeTableKind,
} from "iced-x86";
import type { CodeSize } from "./record.ts";

/** Instruction sets by the names of `--isa`; each maps to iced's CPUID feature names. */
export const ISA_FEATURES: Readonly<Record<string, readonly string[]>> = {
  base: [
    "INTEL8086",
    "INTEL186",
    "INTEL286",
    "INTEL386",
    "INTEL486",
    "X64",
    "CMOV",
    "CX8",
    "CMPXCHG16B",
    "MULTIBYTENOP",
    "PAUSE",
    "MSR",
    "CLFSH",
    "PREFETCHW",
  ],
  x87: ["FPU", "FPU287", "FPU387"],
  mmx: ["MMX"],
  fxsr: ["FXSR"],
  sse: ["SSE"],
  sse2: ["SSE2"],
  sse3: ["SSE3"],
  ssse3: ["SSSE3"],
  sse4_1: ["SSE4_1"],
  sse4_2: ["SSE4_2"],
  popcnt: ["POPCNT"],
  aes: ["AES"],
  pclmul: ["PCLMULQDQ"],
  avx: ["AVX"],
  f16c: ["F16C"],
  fsgsbase: ["FSGSBASE"],
  avx2: ["AVX2"],
  bmi1: ["BMI1"],
  bmi2: ["BMI2"],
  lzcnt: ["LZCNT"],
  movbe: ["MOVBE"],
  fma: ["FMA"],
  adx: ["ADX"],
  sha: ["SHA"],
};

/** Mnemonics that never run: they leave the sandbox, or their result is not a function of the state. */
const EXCLUDED_MNEMONICS = new Set(
  (
    "Syscall Sysenter Sysexit Sysret Int Iret Iretd Iretq Retf " +
    "Les Lds Lss Lfs Lgs Lar Lsl Verr Verw Sgdt Sidt Sldt Str Smsw Lmsw Lgdt Lidt Lldt Ltr " +
    "Rdtsc Rdtscp Rdpmc Rdrand Rdseed Rdpid Cpuid Xgetbv Xsetbv Xbegin Xabort " +
    "Xsave Xsave64 Xsaveopt Xsaveopt64 Xrstor Xrstor64 Monitor Mwait Loadall Loadallsys Umov " +
    "Fxsave Fxsave64 Fxrstor Fxrstor64 Ud0 Ud1 Fdisi Feni Fsetpm Fndisi Fneni Fnsetpm Frstpm Fnstdw Fnstsg Fstdw Fstsg " +
    "Rsm Cpuw Storeall Zalloc Prefetch_exclusive Reservednop"
  ).split(" "),
);

/** Forms that Intel's manual does not have or leaves undefined, that change segments, that AMD reads more memory for (MOVSXD r16), or (INT1) that virtual machines get wrong. */
const EXCLUDED_CODES = new Set(
  (
    "Mov_Sreg_r16 Mov_Sreg_r32m16 Mov_Sreg_r64m16 Mov_Sreg_rm16 Pop_fs Pop_gs Popw_FS Popw_GS Popq_FS Popq_GS " +
    "Mov_cr_r64 Mov_r64_cr Mov_dr_r64 Mov_r64_dr Mov_tr_r32 Mov_r32_tr " +
    "Mov_cr_r32 Mov_r32_cr Mov_dr_r32 Mov_r32_dr " +
    "Jmp_rm16 Call_rm16 Jmp_m1616 Jmp_m1632 Jmp_m1664 Call_m1616 Call_m1632 Call_m1664 " +
    "Int1 Bswap_r16 Movsxd_r16_rm16 Retnw Retnw_imm16 Xbts_r16_rm16 Ibts_rm16_r16"
  ).split(" "),
);

/** Real mode may load segments and take software interrupts. */
const REAL_MODE_ONLY = new Set("Les Lds Lss Lfs Lgs Int".split(" "));

const NEAR_BRANCH_16 = new Set("Jmp_rm16 Call_rm16 Retnw Retnw_imm16".split(" "));

/** What ends or leaves the virtual machine, or depends on it. */
const EXCLUDED_REAL = new Set(
  "In Out Insb Insw Insd Outsb Outsw Outsd Hlt Invd Wbinvd Rdmsr Wrmsr Popf Popfd Popfw Int1 Invlpg Clts".split(
    " ",
  ),
);

export interface Form {
  code: Code;
  /** iced's name of the form, e.g. `Add_rm32_r32`. */
  name: string;
  mnemonic: string;
  isa: string;
  vex: boolean;
  table: OpCodeTableKind;
  prefix: MandatoryPrefix;
  opcode: number;
  opcodeLength: number;
  /** ModRM.reg fixed by the form, or -1. */
  group: number;
  /** ModRM.rm fixed by the form, or -1. */
  rmGroup: number;
  /** The low three opcode bits are a register number. */
  opcodeRegister: boolean;
  modrm: boolean;
  operandSize: number;
  w: number;
  l: number;
  canLock: boolean;
  canRep: boolean;
  branch: boolean;
  /** Type of one element of the memory operand, or `MemorySize.Unknown`. */
  element: MemorySize;
}

const OPCODE_REGISTER_KINDS = new Set<OpCodeOperandKind>([
  OpCodeOperandKind.r8_opcode,
  OpCodeOperandKind.r16_opcode,
  OpCodeOperandKind.r32_opcode,
  OpCodeOperandKind.r64_opcode,
  OpCodeOperandKind.sti_opcode,
]);

const BRANCH_KINDS = new Set<OpCodeOperandKind>([
  OpCodeOperandKind.br16_1,
  OpCodeOperandKind.br32_1,
  OpCodeOperandKind.br64_1,
  OpCodeOperandKind.br16_2,
  OpCodeOperandKind.br32_4,
  OpCodeOperandKind.br64_4,
]);

/** Operand kinds that come from a ModRM byte. */
function usesModRm(kind: OpCodeOperandKind): boolean {
  const name = OpCodeOperandKind[kind] as unknown as string;
  return /(_or_mem|_reg|_rm|_reg_mem)(_mpx)?$|^mem($|_vsib)/.test(name) && name !== "mem_offs";
}

/** All forms of the given instruction sets (names of `ISA_FEATURES`) that code of this size has, in the order of iced's `Code`. */
export function listForms(isas: readonly string[], bits: CodeSize = 64): Form[] {
  const featureIsa = new Map<number, string>();
  for (const isa of isas) {
    const features = ISA_FEATURES[isa];
    if (!features)
      throw new Error(
        `unknown instruction set "${isa}"; known: ${Object.keys(ISA_FEATURES).join(", ")}`,
      );
    for (const feature of features) {
      featureIsa.set(CpuidFeature[feature as keyof typeof CpuidFeature], isa);
    }
  }
  const forms: Form[] = [];
  for (const name of Object.keys(Code)) {
    const code = Code[name as keyof typeof Code];
    if (typeof code !== "number" || !Number.isNaN(Number(name))) continue;
    const form = makeForm(code, name, featureIsa, bits);
    if (form) forms.push(form);
  }
  return forms;
}

function cpuidFeatures(code: Code): number[] {
  const instruction = Instruction.create(code);
  try {
    return Array.from(instruction.cpuidFeatures());
  } finally {
    instruction.free();
  }
}

function makeForm(
  code: Code,
  name: string,
  featureIsa: Map<number, string>,
  bits: CodeSize,
): Form | undefined {
  const info = CodeExt.opCode(code);
  try {
    if (
      !info.isInstruction ||
      !(bits === 64 ? info.mode64 : bits === 32 ? info.mode32 : info.mode16) ||
      info.fwait ||
      info.isReservedNop
    )
      return undefined;
    if (info.encoding !== EncodingKind.Legacy && info.encoding !== EncodingKind.VEX)
      return undefined;
    if (info.addressSize === 16 && bits === 64) return undefined;
    const mnemonic = Mnemonic[info.mnemonic] as unknown as string;
    if (bits === 16) {
      if (info.encoding === EncodingKind.VEX || EXCLUDED_REAL.has(mnemonic)) return undefined;
      if (REAL_MODE_ONLY.has(mnemonic) || /^(Mov_Sreg|Pop[wd]_(ES|SS|DS|FS|GS))/.test(name)) {
        return describe(info, code, name, mnemonic, "base");
      }
    }
    if (
      EXCLUDED_MNEMONICS.has(mnemonic) ||
      (EXCLUDED_CODES.has(name) && !(bits === 16 && NEAR_BRANCH_16.has(name))) ||
      (bits !== 16 && /_rel(8_)?16/.test(name)) ||
      /_ptr16|^Pop[wdq]?_(ES|SS|DS|FS|GS)$/.test(name)
    )
      return undefined;
    const isas = cpuidFeatures(code).map((feature) => featureIsa.get(feature));
    const isa = isas.includes("x87") ? "x87" : isas[isas.length - 1];
    if (isas.includes(undefined) || isa === undefined) return undefined;
    return describe(info, code, name, mnemonic, isa);
  } finally {
    info.free();
  }
}

/** What the generator needs to know of a form. */
function describe(info: OpCodeInfo, code: Code, name: string, mnemonic: string, isa: string): Form {
  let modrm = info.isGroup || info.isRmGroup;
  let opcodeRegister = false;
  let branch = false;
  for (let i = 0; i < info.opCount; i++) {
    const kind = info.opKind(i);
    if (usesModRm(kind)) modrm = true;
    if (OPCODE_REGISTER_KINDS.has(kind)) opcodeRegister = true;
    if (BRANCH_KINDS.has(kind)) branch = true;
  }
  return {
    code,
    name,
    mnemonic,
    isa,
    vex: info.encoding === EncodingKind.VEX,
    table: info.table,
    prefix: info.mandatoryPrefix,
    opcode: info.opCode,
    opcodeLength: info.opCodeLength,
    group: info.groupIndex,
    rmGroup: info.rmGroupIndex,
    opcodeRegister,
    modrm,
    operandSize: info.operandSize,
    w: info.W,
    l: info.L,
    canLock: info.canUseLockPrefix,
    canRep: info.canUseRepPrefix || info.canUseRepnePrefix,
    branch,
    element: MemorySizeExt.elementType(info.memorySize),
  };
}
