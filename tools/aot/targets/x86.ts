// The import module `x86`: privileged and other instructions as inline code. The contract is
// docs/toolchain.md; encodings are from the Intel SDM vol. 2. Arguments are put into the registers
// listed, so that each function is a constant byte sequence.

import type { Builder, IntrinsicCall } from "../ir/build.ts";
import { I32, I64, NONE, Op, type Type, type Value } from "../ir/ir.ts";
import { R8, R9, R10, R11, RAX, RBX, RCX, RDI, RDX, RSI } from "../x64/encoder.ts";
import type { FixedCode } from "../x64/lower.ts";

/** Parameter types and result type as letters: i (i32), l (i64), v (none). */
export interface IntrinsicDef extends IntrinsicCall {
  params: Type[];
  result: Type;
}

/** A function that is a routine of the compiler's, called by the System V convention. */
export interface RoutineDef {
  params: Type[];
  result: Type;
  /** Symbol of the routine. */
  routine: string;
}

const LETTER: Record<string, Type> = { i: I32, l: I64, v: NONE };

function signature(text: string): { params: Type[]; result: Type } {
  const [params, result] = text.split(":") as [string, string];
  return {
    params: [...params].map((c) => LETTER[c] as Type),
    result: LETTER[result] as Type,
  };
}

/** An intrinsic of constant machine code. */
export function fixed(
  text: string,
  args: number[],
  bytes: number[],
  result = -1,
  clobbers: number[] = [],
  pushed?: FixedCode["pushed"],
): IntrinsicDef {
  const { params, result: type } = signature(text);
  const code: FixedCode = { args, bytes, result, clobbers, ...(pushed ? { pushed } : {}) };
  return {
    params,
    result: type,
    emit(b: Builder, values: Value[]): Value | undefined {
      const v = b.emit(Op.Intrinsic, type, values);
      v.aux = code;
      return type === NONE ? undefined : v;
    },
  };
}

function custom(
  text: string,
  emit: (b: Builder, args: Value[]) => Value | undefined,
): IntrinsicDef {
  return { ...signature(text), emit };
}

/** A word of 64 bits at a symbol of the compiler's. */
export function storedWord(symbol: string): IntrinsicDef {
  return custom(":l", (b) => {
    const address = b.emit(Op.SymbolAddress, I64, []);
    address.aux = symbol;
    const v = b.emit(Op.LoadAbs, I64, [address]);
    v.size = 8;
    return v;
  });
}

function load(size: number): IntrinsicDef {
  return custom("l:l", (b, args) => {
    const v = b.emit(Op.LoadAbs, I64, args);
    v.size = size;
    return v;
  });
}

function store(size: number): IntrinsicDef {
  return custom("ll:v", (b, args) => {
    b.emit(Op.StoreAbs, NONE, args).size = size;
    return undefined;
  });
}

/** MOV RAX ← control or debug register: 0F 20/21 /r. */
const readRegister = (opcode: number, n: number): IntrinsicDef =>
  fixed(":l", [], [0x0f, opcode, 0xc0 | (n << 3)], RAX);
const writeRegister = (opcode: number, n: number): IntrinsicDef =>
  fixed("l:v", [RAX], [0x0f, opcode, 0xc0 | (n << 3)]);
/** XSAVE family: address in RCX, mask in EDX:EAX made from RAX. */
const xsave = (...bytes: number[]): IntrinsicDef =>
  fixed("ll:v", [RCX, RAX], [0x48, 0x89, 0xc2, 0x48, 0xc1, 0xea, 0x20, ...bytes], -1, [RDX]);
/** EDX:EAX → RAX. */
const COMBINE = [0x48, 0xc1, 0xe2, 0x20, 0x48, 0x09, 0xd0];
/** RAX → EDX:EAX. */
const SPLIT = [0x48, 0x89, 0xc2, 0x48, 0xc1, 0xea, 0x20];

/** The functions of module `x86`; `window` is the base of linear memory, or undefined in R15. */
export function x86Intrinsics(window: bigint | undefined): Record<string, IntrinsicDef> {
  // [RSI + disp] is out + window: R15 is added where it holds the base.
  const addWindow = window === 0n ? [] : [0x4c, 0x01, 0xfe];
  return {
    inb: fixed("i:i", [RDX], [0xec, 0x0f, 0xb6, 0xc0], RAX),
    inw: fixed("i:i", [RDX], [0x66, 0xed, 0x0f, 0xb7, 0xc0], RAX),
    inl: fixed("i:i", [RDX], [0xed], RAX),
    outb: fixed("ii:v", [RDX, RAX], [0xee]),
    outw: fixed("ii:v", [RDX, RAX], [0x66, 0xef]),
    outl: fixed("ii:v", [RDX, RAX], [0xef]),
    rdmsr: fixed("i:l", [RCX], [0x0f, 0x32, ...COMBINE], RAX, [RDX]),
    wrmsr: fixed("il:v", [RCX, RAX], [...SPLIT, 0x0f, 0x30], -1, [RDX]),
    rdtsc: fixed(":l", [], [0x0f, 0x31, ...COMBINE], RAX, [RDX]),
    cpuid: fixed(
      "iii:v",
      [RAX, RCX, RSI],
      // mov esi, esi; cpuid; mov [rsi], eax; mov [rsi+4], ebx; mov [rsi+8], ecx; mov [rsi+12], edx
      [
        0x89,
        0xf6,
        ...addWindow,
        0x0f,
        0xa2,
        0x89,
        0x06,
        0x89,
        0x5e,
        0x04,
        0x89,
        0x4e,
        0x08,
        0x89,
        0x56,
        0x0c,
      ],
      -1,
      [RBX, RDX],
    ),
    cli: fixed(":v", [], [0xfa]),
    sti: fixed(":v", [], [0xfb]),
    hlt: fixed(":v", [], [0xf4]),
    sti_hlt: fixed(":v", [], [0xfb, 0xf4]),
    pause: fixed(":v", [], [0xf3, 0x90]),
    mfence: fixed(":v", [], [0x0f, 0xae, 0xf0]),
    wbinvd: fixed(":v", [], [0x0f, 0x09]),
    clts: fixed(":v", [], [0x0f, 0x06]),
    invlpg: fixed("l:v", [RAX], [0x0f, 0x01, 0x38]),
    cr0: readRegister(0x20, 0),
    cr2: readRegister(0x20, 2),
    cr3: readRegister(0x20, 3),
    cr4: readRegister(0x20, 4),
    set_cr0: writeRegister(0x22, 0),
    set_cr3: writeRegister(0x22, 3),
    set_cr4: writeRegister(0x22, 4),
    dr6: readRegister(0x21, 6),
    dr7: readRegister(0x21, 7),
    set_dr6: writeRegister(0x23, 6),
    set_dr7: writeRegister(0x23, 7),
    xgetbv: fixed("i:l", [RCX], [0x0f, 0x01, 0xd0, ...COMBINE], RAX, [RDX]),
    xsetbv: fixed("il:v", [RCX, RAX], [...SPLIT, 0x0f, 0x01, 0xd1], -1, [RDX]),
    fxsave: fixed("l:v", [RAX], [0x48, 0x0f, 0xae, 0x00]),
    fxrstor: fixed("l:v", [RAX], [0x48, 0x0f, 0xae, 0x08]),
    xsave: xsave(0x48, 0x0f, 0xae, 0x21),
    xrstor: xsave(0x48, 0x0f, 0xae, 0x29),
    xsaveopt: xsave(0x48, 0x0f, 0xae, 0x31),
    fninit: fixed(":v", [], [0xdb, 0xe3]),
    // push rax; ldmxcsr [rsp]; pop rax
    ldmxcsr: fixed("i:v", [RAX], [0x50, 0x0f, 0xae, 0x14, 0x24, 0x58], -1, [], { from: 1, to: 6 }),
    rdfsbase: fixed(":l", [], [0xf3, 0x48, 0x0f, 0xae, 0xc0], RAX),
    wrfsbase: fixed("l:v", [RAX], [0xf3, 0x48, 0x0f, 0xae, 0xd0]),
    rdgsbase: fixed(":l", [], [0xf3, 0x48, 0x0f, 0xae, 0xc8], RAX),
    wrgsbase: fixed("l:v", [RAX], [0xf3, 0x48, 0x0f, 0xae, 0xd8]),
    swapgs: fixed(":v", [], [0x0f, 0x01, 0xf8]),
    lgdt: fixed("l:v", [RAX], [0x0f, 0x01, 0x10]),
    lidt: fixed("l:v", [RAX], [0x0f, 0x01, 0x18]),
    ltr: fixed("i:v", [RAX], [0x0f, 0x00, 0xd8]),
    // movsxd rax, eax; mov rax, gs:[rax]
    gs_load64: fixed("i:l", [RAX], [0x48, 0x63, 0xc0, 0x65, 0x48, 0x8b, 0x00], RAX),
    gs_store64: fixed("il:v", [RAX, RCX], [0x48, 0x63, 0xc0, 0x65, 0x48, 0x89, 0x08]),
    load8: load(1),
    load16: load(2),
    load32: load(4),
    load64: load(8),
    store8: store(1),
    store16: store(2),
    store32: store(4),
    store64: store(8),
    umulh: custom("ll:l", (b, args) => b.binary(Op.MulHiU, args[0] as Value, args[1] as Value)),
    window: custom(":l", (b) =>
      window === undefined ? b.emit(Op.WindowBase, I64, []) : b.f.bits(I64, window),
    ),
    ud2: fixed(":v", [], [0x0f, 0x0b]),
  };
}

/**
 * Module `hedron`: SYSCALL with ARG1…ARG5 in RDI, RSI, RDX, RAX, R8; OUT1 comes back in RDI, OUT2
 * in RSI, OUT3 in RDX. RCX and R11 carry the return address and the stack pointer. `window` is the
 * address of linear memory offset 0: 0, or another one that R15 holds.
 */
export function hedronIntrinsics(window: bigint | undefined): Record<string, IntrinsicDef> {
  // mov [rcx], rsi where a pointer is an address; mov [r15 + rcx], rsi where it counts from the window.
  const storeOut2 = window === 0n ? [0x48, 0x89, 0x31] : [0x49, 0x89, 0x34, 0x0f];
  // The same with RDX and 8 bytes further on.
  const storeOut3 = window === 0n ? [0x48, 0x89, 0x51, 8] : [0x49, 0x89, 0x54, 0x0f, 8];
  const clobbers = [RCX, R11, R9, R10];
  // The out pointer waits on the stack: mov r9d, r9d; push r9; syscall; pop rcx
  const withPointer = [0x45, 0x89, 0xc9, 0x41, 0x51, 0x0f, 0x05, 0x59];
  const arguments6 = [RDI, RSI, RDX, RAX, R8, R9];
  return {
    hypercall: fixed("lllll:l", [RDI, RSI, RDX, RAX, R8], [0x0f, 0x05], RDI, clobbers),
    hypercall2: fixed("llllli:l", arguments6, [...withPointer, ...storeOut2], RDI, clobbers, {
      from: 5,
      to: 8,
    }),
    hypercall3: fixed(
      "llllli:l",
      arguments6,
      [...withPointer, ...storeOut2, ...storeOut3],
      RDI,
      clobbers,
      { from: 5, to: 8 },
    ),
  };
}

/** Module `linux`: the system call, and the stack pointer at entry. */
export function linuxIntrinsics(stackSymbol: string): Record<string, IntrinsicDef> {
  return {
    syscall: fixed("lllllll:l", [RAX, RDI, RSI, RDX, R10, R8, R9], [0x0f, 0x05], RAX, [RCX, R11]),
    stack: storedWord(stackSymbol),
  };
}
