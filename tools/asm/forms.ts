// Form selection and encoding: a mnemonic with operands becomes bytes plus the fields that are known only
// when the program is laid out. The forms are iced-x86's OpCodeInfo table (Intel SDM vol. 2 and AMD APM
// vol. 3 opcode tables); legacy, VEX and 3DNow! encodings are used, EVEX, XOP and MVEX are left out.

import {
  Code,
  CodeExt,
  Encoder,
  EncodingKind,
  Instruction,
  OpCodeOperandKind as Kind,
  MandatoryPrefix,
  MemorySizeExt,
  Mnemonic,
  type OpCodeInfo,
  OpKind,
  Register,
} from "iced-x86";
import type { RelocationKind } from "../elf/index.ts";
import {
  type Difference,
  type Memory,
  type Operand,
  type Reg,
  type RegisterClass,
  type SymbolRef,
  show,
  sym,
} from "./operands.ts";

export type Bits = 16 | 32 | 64;

export interface Prefixes {
  lock?: boolean;
  rep?: boolean;
  repne?: boolean;
  segment?: Reg;
}

/** A field in encoded bytes that holds a symbol's address or a distance. */
export interface Fixup {
  /** Byte offset of the field in the instruction. */
  offset: number;
  kind: RelocationKind;
  value: SymbolRef | Difference;
}

/** A relative branch to a label: one or both of the forms exist; the field is the last one of the instruction. */
export interface BranchForms {
  target: SymbolRef;
  short: { bytes: Uint8Array; kind: "pc8" } | undefined;
  near: { bytes: Uint8Array; kind: "pc16" | "pc32" } | undefined;
}

export type Encoded = { bytes: Uint8Array; fixups: Fixup[] } | BranchForms;

/** Operands that do not exist in a form, an immediate too wide, a size missing: the message shows the instruction. */
export class AsmError extends Error {
  override name = "AsmError";
}

interface Form {
  code: Code;
  kinds: Kind[];
  /** Indices of the operands the programmer writes. */
  visible: number[];
  memorySize: number;
  isFarMemory: boolean;
  /** Only the low 16 bits of its register are read, so that a 16-bit register needs no size prefix. */
  readsSelector: boolean;
  modes: Record<Bits, boolean>;
  mandatoryPrefix: boolean;
}

/** Mnemonics and codes that iced's names do not reach: condition synonyms and forms chosen by operand size alone. */
const CONDITION_SYNONYMS = {
  z: "e",
  nz: "ne",
  c: "b",
  nae: "b",
  nc: "ae",
  nb: "ae",
  na: "be",
  nbe: "a",
  pe: "p",
  po: "np",
  nge: "l",
  nl: "ge",
  ng: "le",
  nle: "g",
} as const;

const EXPLICIT_SIZE = {
  retfw: ["Retfw", "Retfw_imm16"],
  retfd: ["Retfd", "Retfd_imm16"],
  retfq: ["Retfq", "Retfq_imm16"],
  sysretd: ["Sysretd"],
  sysexitd: ["Sysexitd"],
} as const satisfies Record<string, readonly (keyof typeof Code)[]>;

const IMPLICIT_MEMORY: ReadonlySet<Kind> = new Set([
  Kind.seg_rSI,
  Kind.es_rDI,
  Kind.seg_rDI,
  Kind.seg_rBX_al,
]);

/** Without a stated size these take the environment format of the current mode. */
const MODE_SIZED: ReadonlySet<string> = new Set([
  "fldenv",
  "fstenv",
  "fnstenv",
  "fsave",
  "fnsave",
  "frstor",
]);

const REGISTER_KINDS: ReadonlyMap<Kind, RegisterClass> = new Map<Kind, RegisterClass>([
  ...pairs("r8", [Kind.r8_or_mem, Kind.r8_reg, Kind.r8_opcode]),
  ...pairs("r16", [Kind.r16_or_mem, Kind.r16_reg, Kind.r16_reg_mem, Kind.r16_rm, Kind.r16_opcode]),
  ...pairs("r32", [Kind.r32_or_mem, Kind.r32_reg, Kind.r32_reg_mem, Kind.r32_rm]),
  ...pairs("r32", [Kind.r32_opcode, Kind.r32_vvvv]),
  ...pairs("r64", [Kind.r64_or_mem, Kind.r64_reg, Kind.r64_reg_mem, Kind.r64_rm]),
  ...pairs("r64", [Kind.r64_opcode, Kind.r64_vvvv]),
  ...pairs("seg", [Kind.seg_reg]),
  ...pairs("mm", [Kind.mm_or_mem, Kind.mm_reg, Kind.mm_rm]),
  ...pairs("xmm", [Kind.xmm_or_mem, Kind.xmm_reg, Kind.xmm_rm, Kind.xmm_vvvv]),
  ...pairs("xmm", [Kind.xmm_is4, Kind.xmm_is5]),
  ...pairs("ymm", [Kind.ymm_or_mem, Kind.ymm_reg, Kind.ymm_rm, Kind.ymm_vvvv]),
  ...pairs("ymm", [Kind.ymm_is4, Kind.ymm_is5]),
  ...pairs("cr", [Kind.cr_reg]),
  ...pairs("dr", [Kind.dr_reg]),
  ...pairs("st", [Kind.sti_opcode]),
]);

const MEMORY_KINDS: ReadonlySet<Kind> = new Set([
  Kind.mem,
  Kind.mem_vsib32x,
  Kind.mem_vsib64x,
  Kind.mem_vsib32y,
  Kind.mem_vsib64y,
  Kind.r8_or_mem,
  Kind.r16_or_mem,
  Kind.r32_or_mem,
  Kind.r64_or_mem,
  Kind.mm_or_mem,
  Kind.xmm_or_mem,
  Kind.ymm_or_mem,
]);

const FIXED_REGISTERS: ReadonlyMap<Kind, Register> = new Map([
  [Kind.es, Register.ES],
  [Kind.cs, Register.CS],
  [Kind.ss, Register.SS],
  [Kind.ds, Register.DS],
  [Kind.fs, Register.FS],
  [Kind.gs, Register.GS],
  [Kind.al, Register.AL],
  [Kind.cl, Register.CL],
  [Kind.ax, Register.AX],
  [Kind.dx, Register.DX],
  [Kind.eax, Register.EAX],
  [Kind.rax, Register.RAX],
  [Kind.st0, Register.ST0],
]);

interface ImmediateRule {
  opKind: OpKind;
  /** Width of the field, bits. */
  field: number;
  /** Width the field is sign-extended to; 0 where it is taken as it is. */
  extended: number;
  /** Relocation for a symbol; a sign-extended byte holds none. */
  relocation: RelocationKind | undefined;
}

const IMMEDIATES: ReadonlyMap<Kind, ImmediateRule> = new Map<Kind, ImmediateRule>([
  [Kind.imm8, { opKind: OpKind.Immediate8, field: 8, extended: 0, relocation: "abs8" }],
  [Kind.imm4_m2z, { opKind: OpKind.Immediate8, field: 4, extended: 0, relocation: undefined }],
  [
    Kind.imm8sex16,
    { opKind: OpKind.Immediate8to16, field: 8, extended: 16, relocation: undefined },
  ],
  [
    Kind.imm8sex32,
    { opKind: OpKind.Immediate8to32, field: 8, extended: 32, relocation: undefined },
  ],
  [
    Kind.imm8sex64,
    { opKind: OpKind.Immediate8to64, field: 8, extended: 64, relocation: undefined },
  ],
  [Kind.imm16, { opKind: OpKind.Immediate16, field: 16, extended: 0, relocation: "abs16" }],
  [Kind.imm32, { opKind: OpKind.Immediate32, field: 32, extended: 0, relocation: "abs32" }],
  [
    Kind.imm32sex64,
    { opKind: OpKind.Immediate32to64, field: 32, extended: 64, relocation: "abs32s" },
  ],
  [Kind.imm64, { opKind: OpKind.Immediate64, field: 64, extended: 0, relocation: "abs64" }],
]);

interface BranchRule {
  bits: Bits;
  kind: "pc8" | "pc16" | "pc32";
}

const BRANCHES: ReadonlyMap<Kind, BranchRule> = new Map<Kind, BranchRule>([
  [Kind.br16_1, { bits: 16, kind: "pc8" }],
  [Kind.br32_1, { bits: 32, kind: "pc8" }],
  [Kind.br64_1, { bits: 64, kind: "pc8" }],
  [Kind.br16_2, { bits: 16, kind: "pc16" }],
  [Kind.br32_4, { bits: 32, kind: "pc32" }],
  [Kind.br64_4, { bits: 64, kind: "pc32" }],
]);

const BRANCH_OPERAND = {
  16: OpKind.NearBranch16,
  32: OpKind.NearBranch32,
  64: OpKind.NearBranch64,
} as const;

function pairs(registerClass: RegisterClass, kinds: Kind[]): [Kind, RegisterClass][] {
  return kinds.map((kind) => [kind, registerClass]);
}

/** Names of the instructions that an assembler has as methods. */
export type MnemonicName =
  | Lowercase<keyof typeof Mnemonic>
  | keyof typeof EXPLICIT_SIZE
  | `${"j" | "set" | "cmov"}${keyof typeof CONDITION_SYNONYMS}`;

const forms = new Map<string, Form[]>();
const codesOf = collectCodes();

/** All mnemonics in lower case, synonyms included. */
export const mnemonicNames: readonly string[] = [...codesOf.keys()];

function collectCodes(): Map<string, Code[]> {
  const table = new Map<string, Code[]>();
  const usable: ReadonlySet<EncodingKind> = new Set([
    EncodingKind.Legacy,
    EncodingKind.VEX,
    EncodingKind.D3NOW,
  ]);
  for (const code of Object.values(Code)) {
    if (typeof code !== "number") continue;
    const info = CodeExt.opCode(code);
    // Only the first steps of the 80486 had it there.
    const isGone = /^Cmpxchg486_/.test(Code[code] as string);
    if (info.isInstruction && usable.has(info.encoding) && !isGone) {
      const name = (Mnemonic[info.mnemonic] as string).toLowerCase();
      const list = table.get(name);
      if (list) list.push(code);
      else table.set(name, [code]);
    }
    info.free();
  }
  for (const stem of ["j", "set", "cmov"]) {
    for (const [synonym, condition] of Object.entries(CONDITION_SYNONYMS)) {
      table.set(stem + synonym, table.get(stem + condition) as Code[]);
    }
  }
  for (const [name, codes] of Object.entries(EXPLICIT_SIZE)) {
    table.set(
      name,
      codes.map((each) => Code[each]),
    );
  }
  return table;
}

function formsOf(mnemonic: string): Form[] {
  let list = forms.get(mnemonic);
  if (!list) {
    const codes = codesOf.get(mnemonic);
    if (!codes) throw new AsmError(`${mnemonic}: no such instruction`);
    list = codes.map(formOf);
    forms.set(mnemonic, list);
  }
  return list;
}

function formOf(code: Code): Form {
  const info = CodeExt.opCode(code);
  const kinds = Array.from({ length: info.opCount }, (_, i) => info.opKind(i));
  const isString = kinds.includes(Kind.seg_rSI) || kinds.includes(Kind.es_rDI);
  const form = {
    code,
    kinds,
    visible: isString
      ? []
      : [...kinds.keys()].filter((i) => !IMPLICIT_MEMORY.has(kinds[i] as Kind)),
    memorySize: MemorySizeExt.size(info.memorySize),
    isFarMemory: isFarMemory(info),
    readsSelector: /^(Ltr|Lldt|Verr|Verw|Lmsw|Mov_Sreg)_r32m16$/.test(Code[code] as string),
    modes: {
      16: info.isAvailableInMode(16),
      32: info.isAvailableInMode(32),
      64: info.isAvailableInMode(64),
    },
    mandatoryPrefix:
      info.mandatoryPrefix === MandatoryPrefix.P66 || info.encoding !== EncodingKind.Legacy,
  };
  info.free();
  return form;
}

function isFarMemory(info: OpCodeInfo): boolean {
  return /\b(JMP|CALL) m16:/.test(info.instructionString);
}

/**
 * Encodes one instruction for `bits`-bit code. Of the forms that take the operands the shortest is used, a
 * form without an operand-size prefix first; a symbol gets the widest field. Throws `AsmError`.
 */
export function encode(
  mnemonic: string,
  operands: readonly Operand[],
  bits: Bits,
  prefixes: Prefixes,
): Encoded {
  return select(mnemonic, formsOf(mnemonic), operands, bits, prefixes);
}

/** Encodes exactly the form with iced's name `name`, such as `Mov_r64_imm64`. */
export function encodeForm(
  name: keyof typeof Code,
  operands: readonly Operand[],
  bits: Bits,
  prefixes: Prefixes,
): Encoded {
  return select(name, [formOf(Code[name])], operands, bits, prefixes);
}

function select(
  mnemonic: string,
  candidates: Form[],
  operands: readonly Operand[],
  bits: Bits,
  prefixes: Prefixes,
): Encoded {
  const text = `${mnemonic} ${operands.map(show).join(", ")}`.trim();
  const matching = candidates.filter((form) => form.modes[bits] && accepts(form, operands, bits));
  if (matching.length === 0 && operands.length === 2 && /^(test|xchg)$/.test(mnemonic)) {
    // Their operands commute, and the tables hold one order only.
    const [first, second] = operands as [Operand, Operand];
    if (typeof second === "object" && second.kind === "memory") {
      return select(mnemonic, candidates, [second, first], bits, prefixes);
    }
  }
  if (matching.length === 0) throw noForm(text, candidates, operands, bits);

  const target = operands.find((_, i) => matching.some((form) => isBranch(form, i, bits)));
  if (target !== undefined) {
    const name = typeof target === "string" ? sym(target) : target;
    if (typeof name !== "object" || name.kind !== "symbol") {
      throw new AsmError(`${text}: the target of a branch is a label or a symbol`);
    }
    return encodeBranch(matching, name, bits, prefixes);
  }

  const memory = operands.find(isMemory);
  const sizes = new Set(matching.map((form) => form.memorySize));
  if (memory && memory.size === undefined && sizes.size > 1 && !MODE_SIZED.has(mnemonic)) {
    throw new AsmError(
      `${text}: the size of the memory operand is not known; use byte(), word(), dword(), qword(), …`,
    );
  }
  const failures: string[] = [];
  let best: { encoded: Encoded & { bytes: Uint8Array }; rank: number } | undefined;
  for (const form of matching) {
    let encoded: ReturnType<typeof encodeOne>;
    try {
      encoded = encodeOne(form, operands, bits, prefixes);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
      continue;
    }
    const rank = rankOf(form, encoded, operands);
    if (!best || rank < best.rank) best = { encoded, rank };
  }
  if (!best) throw new AsmError(`${text}: ${failures[0]}`);
  return best.encoded;
}

function rankOf(
  form: Form,
  encoded: { bytes: Uint8Array; fixups: Fixup[] },
  operands: readonly Operand[],
): number {
  const resized = encoded.bytes[0] === 0x66 && !form.mandatoryPrefix ? 1 : 0;
  const immediate = operands.find(isSymbolic);
  const widest =
    immediate === undefined
      ? 0
      : 64 - Math.max(0, ...form.kinds.map((kind) => IMMEDIATES.get(kind)?.field ?? 0));
  return widest * 10_000 + resized * 1000 + encoded.bytes.length;
}

function isMemory(operand: Operand): operand is Memory {
  return typeof operand === "object" && operand.kind === "memory";
}

function isSymbolic(operand: Operand): operand is string | SymbolRef | Difference {
  return (
    typeof operand === "string" ||
    (typeof operand === "object" && (operand.kind === "symbol" || operand.kind === "difference"))
  );
}

function isBranch(form: Form, operand: number, bits: Bits): boolean {
  const index = form.visible[operand];
  return index !== undefined && BRANCHES.get(form.kinds[index] as Kind)?.bits === bits;
}

function accepts(form: Form, operands: readonly Operand[], bits: Bits): boolean {
  if (form.visible.length !== operands.length) return false;
  return form.visible.every((index, i) =>
    acceptsOperand(form, form.kinds[index] as Kind, operands[i] as Operand, bits),
  );
}

function acceptsOperand(form: Form, kind: Kind, operand: Operand, bits: Bits): boolean {
  if (typeof operand === "object" && operand.kind === "register") {
    const fixed = FIXED_REGISTERS.get(kind);
    if (fixed !== undefined) return fixed === operand.code;
    const registerClass = REGISTER_KINDS.get(kind);
    return (
      registerClass === operand.class ||
      (form.readsSelector && registerClass === "r32" && operand.class === "r16")
    );
  }
  if (isMemory(operand)) {
    if (operand.far !== (form.isFarMemory || isFarLoad(form, operand))) return false;
    const fits =
      operand.size === undefined || form.memorySize === 0 || operand.size === form.memorySize;
    if (kind === Kind.mem_offs) return fits && takesOffset(operand, bits);
    return fits && MEMORY_KINDS.has(kind);
  }
  if (typeof operand === "object" && operand.kind === "far") {
    const isShort =
      typeof operand.offset === "object" ||
      typeof operand.offset === "string" ||
      operand.offset <= 0xffff;
    return kind === Kind.farbr4_2 || (kind === Kind.farbr2_2 && isShort);
  }
  const branch = BRANCHES.get(kind);
  if (branch) return branch.bits === bits;
  if (isSymbolic(operand)) return IMMEDIATES.get(kind)?.relocation !== undefined;
  if (kind === Kind.imm8_const_1) return BigInt(operand) === 1n;
  const rule = IMMEDIATES.get(kind);
  return rule !== undefined && immediateFits(BigInt(operand), rule);
}

/** LDS, LES, LFS, LGS, LSS read a far pointer too, their size says which. */
function isFarLoad(form: Form, operand: Memory): boolean {
  return operand.far && /^L[defgs]s_/i.test(Code[form.code] as string);
}

/** The short MOV between the accumulator and an absolute address; in 64-bit code only where no other form reaches it. */
function takesOffset(memory: Memory, bits: Bits): boolean {
  if (memory.base || memory.index || memory.ripRelative) return false;
  if (bits !== 64) return true;
  const address = memory.displacement;
  return typeof address !== "object" && BigInt.asIntN(32, BigInt(address)) !== BigInt(address);
}

function immediateFits(value: bigint, rule: ImmediateRule): boolean {
  if (rule.extended === 0) {
    return value >= -(1n << BigInt(rule.field - 1)) && value < 1n << BigInt(rule.field);
  }
  if (value < -(1n << BigInt(rule.extended - 1)) || value >= 1n << BigInt(rule.extended))
    return false;
  const signed = BigInt.asIntN(rule.extended, value);
  return BigInt.asIntN(rule.field, signed) === signed;
}

function noForm(
  text: string,
  candidates: Form[],
  operands: readonly Operand[],
  bits: Bits,
): AsmError {
  const available = candidates.filter((form) => form.modes[bits]);
  if (available.length === 0) return new AsmError(`${text}: does not exist in ${bits}-bit code`);
  const shown = available
    .filter((form) => form.visible.length === operands.length)
    .slice(0, 12)
    .map((form) => {
      const info = CodeExt.opCode(form.code);
      const syntax = info.instructionString;
      info.free();
      return syntax;
    });
  const counts = [...new Set(available.map((form) => form.visible.length))].sort().join(" or ");
  return new AsmError(
    shown.length > 0
      ? `${text}: no form takes these operands; there are: ${[...new Set(shown)].join("; ")}`
      : `${text}: takes ${counts} operands, not ${operands.length}`,
  );
}

function encodeBranch(
  matching: Form[],
  target: SymbolRef,
  bits: Bits,
  prefixes: Prefixes,
): BranchForms {
  const result: BranchForms = { target, short: undefined, near: undefined };
  for (const form of matching) {
    const rule = BRANCHES.get(form.kinds[0] as Kind) as BranchRule;
    const instruction = new Instruction();
    instruction.code = form.code;
    instruction.setOpKind(0, BRANCH_OPERAND[bits]);
    applyPrefixes(instruction, prefixes);
    const { bytes } = run(instruction, bits);
    if (rule.kind === "pc8") {
      if (!result.short || bytes.length < result.short.bytes.length) {
        result.short = { bytes, kind: "pc8" };
      }
    } else if (!result.near || bytes.length < result.near.bytes.length) {
      result.near = { bytes, kind: rule.kind };
    }
  }
  return result;
}

const encoders = new Map<Bits, Encoder>();

/** Encodes at address 0; frees the instruction. */
function run(
  instruction: Instruction,
  bits: Bits,
): { bytes: Uint8Array; displacement: number; displacementSize: number; immediate: number } {
  let encoder = encoders.get(bits);
  if (!encoder) {
    encoder = new Encoder(bits);
    encoders.set(bits, encoder);
  }
  try {
    encoder.encode(instruction, 0n);
    const bytes = encoder.takeBuffer();
    const offsets = encoder.getConstantOffsets();
    const result = {
      bytes,
      displacement: offsets.displacementOffset,
      displacementSize: offsets.displacementSize,
      immediate: offsets.immediateOffset,
    };
    offsets.free();
    return result;
  } catch (error) {
    encoder.takeBuffer();
    throw error;
  } finally {
    instruction.free();
  }
}

function applyPrefixes(instruction: Instruction, prefixes: Prefixes): void {
  if (prefixes.lock) instruction.hasLockPrefix = true;
  if (prefixes.rep) instruction.hasRepPrefix = true;
  if (prefixes.repne) instruction.hasRepnePrefix = true;
  if (prefixes.segment) instruction.segmentPrefix = prefixes.segment.code;
}

function encodeOne(
  form: Form,
  operands: readonly Operand[],
  bits: Bits,
  prefixes: Prefixes,
): { bytes: Uint8Array; fixups: Fixup[] } {
  const instruction = new Instruction();
  instruction.code = form.code;
  applyPrefixes(instruction, prefixes);
  let displacement: SymbolRef | Difference | undefined;
  let displacementRule: RelocationKind = "abs32";
  let ripRelative = false;
  let immediate: { value: SymbolRef | Difference; kind: RelocationKind } | undefined;
  let immediates = 0;
  for (const [index, kind] of form.kinds.entries()) {
    const given = form.visible.indexOf(index);
    const operand = given < 0 ? undefined : operands[given];
    if (operand === undefined) {
      setImplicit(instruction, index, kind, bits);
    } else if (typeof operand === "object" && operand.kind === "register") {
      instruction.setOpKind(index, OpKind.Register);
      const widened = form.readsSelector && operand.class === "r16";
      instruction.setOpRegister(
        index,
        widened ? operand.code - Register.AX + Register.EAX : operand.code,
      );
    } else if (isMemory(operand)) {
      const width = setMemory(instruction, index, operand, bits, kind === Kind.mem_offs);
      if (typeof operand.displacement === "object") {
        displacement = operand.displacement;
        const absolute = { 2: "abs16", 4: "abs32", 8: "abs32s" } as const;
        displacementRule = operand.ripRelative ? "pc32" : absolute[width];
        // An absolute address without a base in 32-bit addressing is not sign-extended.
        ripRelative = operand.ripRelative;
      }
    } else if (typeof operand === "object" && operand.kind === "far") {
      const offset = typeof operand.offset === "string" ? sym(operand.offset) : operand.offset;
      const wide = kind === Kind.farbr4_2;
      instruction.setOpKind(index, wide ? OpKind.FarBranch32 : OpKind.FarBranch16);
      instruction.farBranchSelector = operand.selector;
      if (typeof offset === "object") {
        immediate = { value: offset, kind: wide ? "abs32" : "abs16" };
      } else if (wide) instruction.farBranch32 = Number(offset);
      else instruction.farBranch16 = Number(offset);
    } else {
      const value = typeof operand === "string" ? sym(operand) : operand;
      const rule = IMMEDIATES.get(kind);
      const opKind = rule?.opKind ?? OpKind.Immediate8;
      instruction.setOpKind(
        index,
        opKind === OpKind.Immediate8 && immediates > 0 ? OpKind.Immediate8_2nd : opKind,
      );
      immediates++;
      if (typeof value === "object") {
        immediate = { value, kind: rule?.relocation as RelocationKind };
      } else {
        instruction.setImmediateI64(index, BigInt.asIntN(64, BigInt(value)));
      }
    }
  }
  const encoded = run(instruction, bits);
  const fixups: Fixup[] = [];
  if (displacement) {
    const field = encoded.displacement;
    const behind = BigInt(encoded.bytes.length - field);
    encoded.bytes.fill(0, field, field + encoded.displacementSize);
    const kind = encoded.displacementSize === 8 ? "abs64" : displacementRule;
    fixups.push({
      offset: field,
      kind,
      value: ripRelative ? shift(displacement, -behind) : displacement,
    });
  }
  if (immediate)
    fixups.push({ offset: encoded.immediate, kind: immediate.kind, value: immediate.value });
  return { bytes: encoded.bytes, fixups };
}

function shift<T extends SymbolRef | Difference>(value: T, by: bigint): T {
  return { ...value, addend: value.addend + by };
}

function setImplicit(instruction: Instruction, index: number, kind: Kind, bits: Bits): void {
  const source = { 16: OpKind.MemorySegSI, 32: OpKind.MemorySegESI, 64: OpKind.MemorySegRSI };
  const target = { 16: OpKind.MemoryESDI, 32: OpKind.MemoryESEDI, 64: OpKind.MemoryESRDI };
  const masked = { 16: OpKind.MemorySegDI, 32: OpKind.MemorySegEDI, 64: OpKind.MemorySegRDI };
  const table = { 16: Register.BX, 32: Register.EBX, 64: Register.RBX };
  const fixed = FIXED_REGISTERS.get(kind);
  if (fixed !== undefined) {
    instruction.setOpKind(index, OpKind.Register);
    instruction.setOpRegister(index, fixed);
  } else if (kind === Kind.seg_rSI) {
    instruction.setOpKind(index, source[bits]);
  } else if (kind === Kind.es_rDI) {
    instruction.setOpKind(index, target[bits]);
  } else if (kind === Kind.seg_rDI) {
    instruction.setOpKind(index, masked[bits]);
  } else {
    instruction.setOpKind(index, OpKind.Memory);
    instruction.memoryBase = table[bits];
    instruction.memoryIndex = Register.AL;
  }
}

/** Returns the address size in bytes. */
function setMemory(
  instruction: Instruction,
  index: number,
  memory: Memory,
  bits: Bits,
  isOffset: boolean,
): 2 | 4 | 8 {
  instruction.setOpKind(index, OpKind.Memory);
  if (memory.segment) instruction.segmentPrefix = memory.segment.code;
  if (memory.ripRelative) {
    instruction.memoryBase = Register.RIP;
    instruction.memoryDisplSize = 8;
    return 8;
  }
  const general = [memory.base, memory.index].find(
    (each) => each && /^r(16|32|64)$/.test(each.class),
  );
  const widths = { r16: 2, r32: 4, r64: 8 } as const;
  const width = general
    ? widths[general.class as keyof typeof widths]
    : ({ 16: 2, 32: 4, 64: 8 } as const)[bits];
  if (memory.base) instruction.memoryBase = memory.base.code;
  if (memory.index) {
    instruction.memoryIndex = memory.index.code;
    instruction.memoryIndexScale = memory.scale;
  }
  const displacement = memory.displacement;
  if (typeof displacement === "object") {
    instruction.memoryDisplSize = width;
    return width;
  }
  const value = signedDisplacement(BigInt(displacement), width, isOffset);
  const plain = memory.base === undefined;
  instruction.memoryDisplacement = BigInt.asUintN(width === 2 ? 16 : 64, value);
  instruction.memoryDisplSize =
    plain || value < -128n || value > 127n ? width : value === 0n ? 0 : 1;
  return width;
}

function signedDisplacement(value: bigint, width: 2 | 4 | 8, isOffset: boolean): bigint {
  if (isOffset) return value;
  const field = width === 2 ? 16 : 32;
  const limit = width === 8 ? 1n << 31n : 1n << BigInt(field);
  const low = -(1n << BigInt(field - 1));
  // Addresses of the top 2 GiB may be written as unsigned 64-bit numbers.
  const signed = width === 8 ? BigInt.asIntN(64, value) : value;
  if (signed < low || signed >= limit) {
    throw new AsmError(`displacement 0x${value.toString(16)} does not fit ${field} bits`);
  }
  return BigInt.asIntN(field, signed);
}
