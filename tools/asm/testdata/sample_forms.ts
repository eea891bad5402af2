// One sample of operands for every form that the assembler offers, made from the operand kinds of iced's
// tables. Branches, gather loads and forms whose operands must differ in a special way have tests of their own.

import { Code, CodeExt, EncodingKind, OpCodeOperandKind as Kind, MemorySizeExt } from "iced-x86";
import type { Bits } from "../index.ts";
import * as o from "../operands.ts";

export interface FormSample {
  code: Code;
  name: keyof typeof Code;
  operands: o.Operand[];
}

const HIDDEN = new Set([Kind.seg_rSI, Kind.es_rDI, Kind.seg_rDI, Kind.seg_rBX_al]);

/** A sample value for each operand kind; `m` is the memory operand of the form. */
const SAMPLES: [RegExp, (m: o.Memory) => o.Operand][] = [
  [/^(mem|mem_mib)$/, (m) => m],
  [/^r8_or_mem$/, () => o.cl],
  [/^r16_or_mem$/, () => o.cx],
  [/^r32_or_mem$/, () => o.ecx],
  [/^r64_or_mem$/, () => o.rcx],
  [/^(mm|xmm|ymm)_or_mem$/, (m) => m],
  [/^r8_/, () => o.dl],
  [/^r16_/, () => o.dx],
  [/^r32_/, () => o.edx],
  [/^r64_/, () => o.rdx],
  [/^seg_reg$/, () => o.ds],
  [/^mm_/, () => o.mm3],
  [/^xmm_/, () => o.xmm5],
  [/^ymm_/, () => o.ymm5],
  [/^cr_reg$/, () => o.cr3],
  [/^dr_reg$/, () => o.dr6],
  [/^sti_opcode$/, () => o.st2],
  [/^es$/, () => o.es],
  [/^cs$/, () => o.cs],
  [/^ss$/, () => o.ss],
  [/^ds$/, () => o.ds],
  [/^fs$/, () => o.fs],
  [/^gs$/, () => o.gs],
  [/^al$/, () => o.al],
  [/^cl$/, () => o.cl],
  [/^ax$/, () => o.ax],
  [/^dx$/, () => o.dx],
  [/^eax$/, () => o.eax],
  [/^rax$/, () => o.rax],
  [/^st0$/, () => o.st0],
  [/^imm8_const_1$/, () => 1],
  [/^imm4_m2z$/, () => 3],
  [/^imm8$/, () => 0x45],
  [/^imm8sex/, () => -5],
  [/^imm16$/, () => 0x1234],
  [/^imm32/, () => 0x1234_5678],
  [/^imm64$/, () => 0x1234_5678_9abc_def0n],
];

export function* sampleForms(bits: Bits): Generator<FormSample> {
  for (const [name, code] of Object.entries(Code)) {
    if (typeof code !== "number") continue;
    const info = CodeExt.opCode(code);
    const usable =
      info.isInstruction &&
      (info.encoding === EncodingKind.Legacy || info.encoding === EncodingKind.VEX) &&
      info.isAvailableInMode(bits) &&
      info.intelDecoder64 === info.intelDecoder32 &&
      !info.requiresUniqueRegNums;
    const kinds = Array.from({ length: info.opCount }, (_, i) => info.opKind(i));
    const size = MemorySizeExt.size(info.memorySize);
    const isFar = /\bm16:/.test(info.instructionString);
    info.free();
    if (!usable || isFar || SKIPPED.test(name)) continue;
    const isString = kinds.includes(Kind.seg_rSI) || kinds.includes(Kind.es_rDI);
    const base = { 16: o.bx, 32: o.ebx, 64: o.rbx }[bits];
    const memory = { ...o.mem(base, { disp: 0x20 }), size: size || undefined };
    const operands: o.Operand[] = [];
    let known = true;
    for (const kind of kinds) {
      if (HIDDEN.has(kind) || isString) continue;
      const sample = SAMPLES.find(([pattern]) => pattern.test(Kind[kind] as string));
      if (sample) operands.push(sample[1](memory));
      else known = false;
    }
    if (known) yield { code, name: name as keyof typeof Code, operands };
  }
}

/** Forms of vendors or modes that the default decoder reads as something else, and aliases of other encodings. */
const SKIPPED =
  /^(F(stenv|stcw|stsw|clex|init|save|eni|disi|setpm)(_|$)|Reservednop|Movdir64b|Enqcmd|Ud0|Loadall|Cmpxchg486|Umov|Ibts|Xbts|Jmpe|Montmul|Xsha|Xcrypt|Xstore|Ccs|Altinst|Cl1invmb|Udbm|Undoc|Via_|Frstpm|Fstdw|Fstsg|Rdudbg|Wrudbg|Svdc|Rsdc|Svldt|Rsldt|Svts|Rsts|Rdshr|Wrshr|Smint|Dmint|Rdm|Bb0_reset|Bb1_reset|Cpu_|Cflsh|Pcommit|Getsecq|Maskmov|Wbnoinvd|Tdcall|Seam|Psmash|Pvalidate|Rmp|Skinit|Xbegin|Xabort)/;
