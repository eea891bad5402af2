// Operands of the assembler: registers, memory references, symbols, label differences and far pointers.
// Names and meanings are those of the Intel SDM vol. 2, chapter 3 notation. Leaves out AVX-512 and MPX.

import { Register } from "iced-x86";

export type RegisterClass =
  | "r8"
  | "r16"
  | "r32"
  | "r64"
  | "seg"
  | "st"
  | "mm"
  | "xmm"
  | "ymm"
  | "cr"
  | "dr";

export interface Reg {
  readonly kind: "register";
  readonly name: string;
  readonly class: RegisterClass;
  /** iced's number of the register. */
  readonly code: Register;
}

/** Address of a symbol plus a constant, in bytes. */
export interface SymbolRef {
  readonly kind: "symbol";
  readonly name: string;
  readonly addend: bigint;
}

/** Distance of two labels of one section plus a constant, in bytes. */
export interface Difference {
  readonly kind: "difference";
  readonly to: string;
  readonly from: string;
  readonly addend: bigint;
}

/** selector:offset of a direct far JMP or CALL. */
export interface FarPointer {
  readonly kind: "far";
  readonly selector: number;
  readonly offset: Value;
}

export interface Memory {
  readonly kind: "memory";
  /** Bytes accessed; undefined where the other operand or the instruction says it. */
  readonly size: number | undefined;
  /** A far pointer (offset, then selector) is stored there. */
  readonly far: boolean;
  readonly base: Reg | undefined;
  readonly index: Reg | undefined;
  readonly scale: 1 | 2 | 4 | 8;
  readonly displacement: Exclude<Value, string>;
  readonly segment: Reg | undefined;
  readonly ripRelative: boolean;
}

/** A number, or something that becomes one when the program is laid out; a string names a symbol. */
export type Value = number | bigint | string | SymbolRef | Difference;

export type Operand = Reg | Memory | FarPointer | Value;

export interface MemoryParts {
  index?: Reg;
  scale?: 1 | 2 | 4 | 8;
  /** Displacement: bytes, or a symbol whose address is added. */
  disp?: Value;
  /** Segment override. */
  segment?: Reg;
}

/** Symbol `name` plus `addend` bytes. */
export function sym(name: string, addend: number | bigint = 0): SymbolRef {
  return { kind: "symbol", name, addend: BigInt(addend) };
}

/** `to` - `from` + `addend`; both labels must stand in the same section. */
export function diff(to: string, from: string, addend: number | bigint = 0): Difference {
  return { kind: "difference", to, from, addend: BigInt(addend) };
}

/** Target of a direct far JMP or CALL (16- and 32-bit code only). */
export function far(selector: number, offset: Value): FarPointer {
  return { kind: "far", selector, offset };
}

type Base = Reg | Memory | Value | MemoryParts;

function isParts(base: Base): base is MemoryParts {
  return typeof base === "object" && !("kind" in base);
}

function build(size: number | undefined, isFar: boolean, base: Base, parts: MemoryParts): Memory {
  if (isParts(base)) return build(size, isFar, base.disp ?? 0, base);
  if (typeof base === "object" && base.kind === "memory") return { ...base, size, far: isFar };
  let register: Reg | undefined;
  let given: Value;
  if (typeof base === "object" && base.kind === "register") {
    register = base;
    given = parts.disp ?? 0;
  } else {
    given = base;
  }
  return {
    kind: "memory",
    size,
    far: isFar,
    base: register,
    index: parts.index,
    scale: parts.scale ?? 1,
    displacement: typeof given === "string" ? sym(given) : given,
    segment: parts.segment,
    ripRelative: false,
  };
}

type MemoryBuilder = (base: Base, parts?: MemoryParts) => Memory;

function sized(size: number | undefined, isFar = false): MemoryBuilder {
  return (base, parts = {}) => build(size, isFar, base, parts);
}

/** Memory of no stated size, for LEA, LGDT and where a register says it. The base is a register, an address, a symbol, `rip(...)` or only the parts. */
export const mem = sized(undefined);
export const byte = sized(1);
export const word = sized(2);
export const dword = sized(4);
export const qword = sized(8);
export const tbyte = sized(10);
export const xmmword = sized(16);
export const ymmword = sized(32);
/** A far pointer in memory: 16-bit selector behind an offset of 16, 32 or 64 bits. */
export const farptr16 = sized(4, true);
export const farptr32 = sized(6, true);
export const farptr64 = sized(10, true);

/** RIP-relative reference to a symbol plus `addend` bytes, 64-bit code only. */
export function rip(name: string, addend: number | bigint = 0): Memory {
  return { ...mem(sym(name, addend)), ripRelative: true };
}

type Family<Names extends readonly string[]> = { [K in keyof Names]: Reg };

function family<const Names extends readonly string[]>(
  registerClass: RegisterClass,
  names: Names,
): Family<Names> {
  const registers = names.map((name): Reg => {
    // iced calls the low bytes R8L to R15L.
    const key = name.replace(/^(r\d+)b$/, "$1l").toUpperCase() as keyof typeof Register;
    return { kind: "register", name, class: registerClass, code: Register[key] };
  });
  return registers as Family<Names>;
}

// biome-ignore format: one register file in one block
export const [al, cl, dl, bl, ah, ch, dh, bh, spl, bpl, sil, dil,
  r8b, r9b, r10b, r11b, r12b, r13b, r14b, r15b] = family("r8", [
  "al", "cl", "dl", "bl", "ah", "ch", "dh", "bh", "spl", "bpl", "sil", "dil",
  "r8b", "r9b", "r10b", "r11b", "r12b", "r13b", "r14b", "r15b"]);

// biome-ignore format: one register file in one block
export const [ax, cx, dx, bx, sp, bp, si, di,
  r8w, r9w, r10w, r11w, r12w, r13w, r14w, r15w] = family("r16", [
  "ax", "cx", "dx", "bx", "sp", "bp", "si", "di",
  "r8w", "r9w", "r10w", "r11w", "r12w", "r13w", "r14w", "r15w"]);

// biome-ignore format: one register file in one block
export const [eax, ecx, edx, ebx, esp, ebp, esi, edi,
  r8d, r9d, r10d, r11d, r12d, r13d, r14d, r15d] = family("r32", [
  "eax", "ecx", "edx", "ebx", "esp", "ebp", "esi", "edi",
  "r8d", "r9d", "r10d", "r11d", "r12d", "r13d", "r14d", "r15d"]);

// biome-ignore format: one register file in one block
export const [rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi,
  r8, r9, r10, r11, r12, r13, r14, r15] = family("r64", [
  "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
  "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15"]);

export const [es, cs, ss, ds, fs, gs] = family("seg", ["es", "cs", "ss", "ds", "fs", "gs"]);

// biome-ignore format: one register file in one block
export const [st0, st1, st2, st3, st4, st5, st6, st7] = family("st", [
  "st0", "st1", "st2", "st3", "st4", "st5", "st6", "st7"]);

// biome-ignore format: one register file in one block
export const [mm0, mm1, mm2, mm3, mm4, mm5, mm6, mm7] = family("mm", [
  "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7"]);

// biome-ignore format: one register file in one block
export const [xmm0, xmm1, xmm2, xmm3, xmm4, xmm5, xmm6, xmm7,
  xmm8, xmm9, xmm10, xmm11, xmm12, xmm13, xmm14, xmm15] = family("xmm", [
  "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
  "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15"]);

// biome-ignore format: one register file in one block
export const [ymm0, ymm1, ymm2, ymm3, ymm4, ymm5, ymm6, ymm7,
  ymm8, ymm9, ymm10, ymm11, ymm12, ymm13, ymm14, ymm15] = family("ymm", [
  "ymm0", "ymm1", "ymm2", "ymm3", "ymm4", "ymm5", "ymm6", "ymm7",
  "ymm8", "ymm9", "ymm10", "ymm11", "ymm12", "ymm13", "ymm14", "ymm15"]);

export const [cr0, cr2, cr3, cr4, cr8] = family("cr", ["cr0", "cr2", "cr3", "cr4", "cr8"]);

export const [dr0, dr1, dr2, dr3, dr6, dr7] = family("dr", [
  "dr0",
  "dr1",
  "dr2",
  "dr3",
  "dr6",
  "dr7",
]);

/** The operand in assembler notation, for messages. */
export function show(operand: Operand): string {
  if (typeof operand === "string") return operand;
  if (typeof operand !== "object") return operand < 0 ? `${operand}` : `0x${operand.toString(16)}`;
  const plus = (addend: bigint): string =>
    addend === 0n ? "" : addend < 0n ? `${addend}` : `+${addend}`;
  switch (operand.kind) {
    case "register":
      return operand.name;
    case "symbol":
      return operand.name + plus(operand.addend);
    case "difference":
      return `${operand.to}-${operand.from}${plus(operand.addend)}`;
    case "far":
      return `0x${operand.selector.toString(16)}:${show(operand.offset)}`;
    case "memory": {
      const parts = [
        operand.ripRelative ? "rip" : operand.base?.name,
        operand.index && `${operand.index.name}*${operand.scale}`,
        operand.displacement === 0 && (operand.base ?? operand.index)
          ? undefined
          : show(operand.displacement),
      ].filter((part) => part !== undefined);
      const sizes: Record<number, string> = {
        1: "byte ",
        2: "word ",
        4: "dword ",
        8: "qword ",
        10: "tbyte ",
        16: "xmmword ",
        32: "ymmword ",
      };
      const size = operand.far ? "far " : operand.size ? (sizes[operand.size] ?? "") : "";
      return `${size}${operand.segment ? `${operand.segment.name}:` : ""}[${parts.join("+")}]`;
    }
  }
}
