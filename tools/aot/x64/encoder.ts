// x86-64 encoder: appends instructions to a growing code buffer. Only the forms the compiler emits.
// Follows the Intel SDM vol. 2, chapter 2 (prefixes, ModRM, SIB, REX); 64-bit mode only, no VEX.

/** General registers by number. */
export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RBX = 3;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;
export const R8 = 8;
export const R9 = 9;
export const R10 = 10;
export const R11 = 11;
export const R12 = 12;
export const R13 = 13;
export const R14 = 14;
export const R15 = 15;
/** First SSE register in the common numbering of the register allocator. */
export const XMM0 = 16;
export const XMM15 = 31;

/** Condition codes (SDM vol. 2, appendix B.1.4.7); `cc ^ 1` is the inverse. */
export const CC = {
  O: 0,
  NO: 1,
  B: 2,
  AE: 3,
  E: 4,
  NE: 5,
  BE: 6,
  A: 7,
  S: 8,
  NS: 9,
  P: 10,
  NP: 11,
  L: 12,
  GE: 13,
  LE: 14,
  G: 15,
} as const;

/** Arithmetic group 1 by its /digit. */
export const ALU = { ADD: 0, OR: 1, ADC: 2, SBB: 3, AND: 4, SUB: 5, XOR: 6, CMP: 7 } as const;
/** Shift group 2 by its /digit. */
export const SHIFT = { ROL: 0, ROR: 1, SHL: 4, SHR: 5, SAR: 7 } as const;

/** A memory operand with machine registers; base and index are -1 when absent. */
export interface Address {
  base: number;
  index: number;
  scale: number;
  disp: number;
  /** Data symbol: RIP-relative with a relocation. */
  symbol?: string | undefined;
}

export function at(base: number, disp = 0, index = -1, scale = 1): Address {
  return { base, index, scale, disp };
}

/** A reference from code to a symbol; `offset` is that of the 4- or 8-byte field. */
export interface CodeFixup {
  offset: number;
  kind: "pc32" | "abs64";
  symbol: string;
  addend: number;
}

const SCALE_BITS: Record<number, number> = { 1: 0, 2: 1, 4: 2, 8: 3 };

/** Recommended multi-byte forms, Intel SDM vol. 2, "NOP". */
const NOPS: number[][] = [
  [0x90],
  [0x66, 0x90],
  [0x0f, 0x1f, 0x00],
  [0x0f, 0x1f, 0x40, 0x00],
  [0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
  [0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
  [0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
  [0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
];

export class Encoder {
  bytes: Uint8Array = new Uint8Array(1 << 16);
  length = 0;
  readonly fixups: CodeFixup[] = [];

  private grow(): void {
    const bigger = new Uint8Array(this.bytes.length * 2);
    bigger.set(this.bytes);
    this.bytes = bigger;
  }

  /** Fills up to a multiple of `to` with INT3. */
  align(to: number): void {
    while (this.length & (to - 1)) this.u8(0xcc);
  }

  u8(value: number): void {
    if (this.length + 16 > this.bytes.length) this.grow();
    this.bytes[this.length++] = value;
  }

  u32(value: number): void {
    this.u8(value & 0xff);
    this.u8((value >> 8) & 0xff);
    this.u8((value >> 16) & 0xff);
    this.u8((value >>> 24) & 0xff);
  }

  raw(bytes: ArrayLike<number>): void {
    for (let i = 0; i < bytes.length; i++) this.u8(bytes[i] as number);
  }

  patch32(offset: number, value: number): void {
    this.bytes[offset] = value & 0xff;
    this.bytes[offset + 1] = (value >> 8) & 0xff;
    this.bytes[offset + 2] = (value >> 16) & 0xff;
    this.bytes[offset + 3] = (value >>> 24) & 0xff;
  }

  /**
   * Opcode with a register operand: prefix (0 or 0x66/0xf2/0xf3), REX, opcode bytes, ModRM.
   * `opcode` has 1…3 bytes, most significant first. `byteReg` forces REX for SPL…DIL.
   */
  rr(
    prefix: number,
    wide: boolean,
    opcode: number,
    reg: number,
    rm: number,
    byteRegs = false,
  ): void {
    if (prefix) this.u8(prefix);
    let rex = (wide ? 8 : 0) | ((reg & 8) >> 1) | ((rm & 8) >> 3);
    if (rex || (byteRegs && ((reg & 15) >= 4 || (rm & 15) >= 4))) {
      rex |= 0x40;
      this.u8(rex);
    }
    this.opcode(opcode);
    this.u8(0xc0 | ((reg & 7) << 3) | (rm & 7));
  }

  private opcode(opcode: number): void {
    if (opcode > 0xffff) this.u8(opcode >> 16);
    if (opcode > 0xff) this.u8((opcode >> 8) & 0xff);
    this.u8(opcode & 0xff);
  }

  /** Opcode with a memory operand; `tail` is the number of immediate bytes that follow. */
  rm(
    prefix: number,
    wide: boolean,
    opcode: number,
    reg: number,
    m: Address,
    tail = 0,
    byteReg = false,
  ): void {
    if (prefix) this.u8(prefix);
    const base = m.symbol === undefined ? m.base : -1;
    const index = m.symbol === undefined ? m.index : -1;
    const rex =
      (wide ? 8 : 0) |
      ((reg & 8) >> 1) |
      (index >= 0 ? (index & 8) >> 2 : 0) |
      (base >= 0 ? (base & 8) >> 3 : 0);
    if (rex || (byteReg && (reg & 15) >= 4)) this.u8(0x40 | rex);
    this.opcode(opcode);
    const r = (reg & 7) << 3;
    if (m.symbol !== undefined) {
      this.u8(0x05 | r);
      this.fixups.push({
        offset: this.length,
        kind: "pc32",
        symbol: m.symbol,
        addend: m.disp - 4 - tail,
      });
      this.u32(0);
      return;
    }
    const { disp } = m;
    if (base < 0) {
      // No base: SIB with base 101 and disp32 (an index is optional).
      this.u8(0x04 | r);
      this.u8(
        (((SCALE_BITS[m.scale] as number) << 6) | ((index >= 0 ? index & 7 : 4) << 3) | 5) & 0xff,
      );
      this.u32(disp);
      return;
    }
    const short = disp >= -128 && disp <= 127;
    const mod = disp === 0 && (base & 7) !== 5 ? 0 : short ? 0x40 : 0x80;
    if (index >= 0 || (base & 7) === 4) {
      this.u8(mod | r | 4);
      this.u8(
        ((SCALE_BITS[m.scale] as number) << 6) | ((index >= 0 ? index & 7 : 4) << 3) | (base & 7),
      );
    } else this.u8(mod | r | (base & 7));
    if (mod === 0x40) this.u8(disp & 0xff);
    else if (mod === 0x80) this.u32(disp);
  }

  /** MOV between general registers; size 4 clears the upper half. */
  movRR(size: number, dst: number, src: number): void {
    this.rr(0, size === 8, 0x8b, dst, src);
  }

  /** MOV with an immediate; `value` is taken modulo 2^64, the shortest form is used. */
  movImm(dst: number, value: bigint): void {
    const u = BigInt.asUintN(64, value);
    const s = BigInt.asIntN(64, value);
    if (u === 0n) {
      this.rr(0, false, 0x31, dst, dst);
    } else if (u <= 0xffffffffn) {
      this.movImm32(dst, Number(u));
    } else if (s >= -0x80000000n && s < 0n) {
      this.u8(dst & 8 ? 0x49 : 0x48);
      this.u8(0xc7);
      this.u8(0xc0 | (dst & 7));
      this.u32(Number(s));
    } else {
      this.u8(dst & 8 ? 0x49 : 0x48);
      this.u8(0xb8 | (dst & 7));
      this.u32(Number(u & 0xffffffffn));
      this.u32(Number(u >> 32n));
    }
  }

  /** MOV r32, imm32; leaves the flags alone. */
  movImm32(dst: number, value: number): void {
    if (dst & 8) this.u8(0x41);
    this.u8(0xb8 | (dst & 7));
    this.u32(value);
  }

  /** MOV r64, imm64 with the address of a symbol. */
  movSymbol(dst: number, symbol: string, addend = 0): void {
    this.u8(dst & 8 ? 0x49 : 0x48);
    this.u8(0xb8 | (dst & 7));
    this.fixups.push({ offset: this.length, kind: "abs64", symbol, addend });
    this.u32(0);
    this.u32(0);
  }

  aluRR(size: number, op: number, dst: number, src: number): void {
    this.rr(0, size === 8, op * 8 + 3, dst, src);
  }

  aluRM(size: number, op: number, dst: number, m: Address): void {
    this.sized(size, op * 8 + 3, op * 8 + 2, dst, m, 0);
  }

  aluMR(size: number, op: number, m: Address, src: number): void {
    this.sized(size, op * 8 + 1, op * 8, src, m, 0);
  }

  aluRI(size: number, op: number, dst: number, imm: number): void {
    if (imm >= -128 && imm <= 127) {
      this.rr(0, size === 8, 0x83, op, dst);
      this.u8(imm & 0xff);
    } else if ((dst & 15) === RAX) {
      if (size === 8) this.u8(0x48);
      this.u8(op * 8 + 5);
      this.u32(imm);
    } else {
      this.rr(0, size === 8, 0x81, op, dst);
      this.u32(imm);
    }
  }

  aluMI(size: number, op: number, m: Address, imm: number): void {
    if (size === 1) {
      this.rm(0, false, 0x80, op, m, 1);
      this.u8(imm & 0xff);
    } else if (imm >= -128 && imm <= 127) {
      this.rm(size === 2 ? 0x66 : 0, size === 8, 0x83, op, m, 1);
      this.u8(imm & 0xff);
    } else if (size === 2) {
      this.rm(0x66, false, 0x81, op, m, 2);
      this.u8(imm & 0xff);
      this.u8((imm >> 8) & 0xff);
    } else {
      this.rm(0, size === 8, 0x81, op, m, 4);
      this.u32(imm);
    }
  }

  /** Memory form of an instruction that has a byte and a word/dword/qword opcode. */
  sized(
    size: number,
    opcode: number,
    byteOpcode: number,
    reg: number,
    m: Address,
    tail: number,
  ): void {
    if (size === 1) this.rm(0, false, byteOpcode, reg, m, tail, true);
    else this.rm(size === 2 ? 0x66 : 0, size === 8, opcode, reg, m, tail);
  }

  testRR(size: number, a: number, b: number): void {
    this.rr(0, size === 8, 0x85, b, a);
  }

  testRI(size: number, a: number, imm: number): void {
    if (imm >= 0 && imm <= 127) {
      // The byte form sets the same flags: the upper bits of the mask are zero, SF stays clear.
      if ((a & 15) === RAX) {
        this.u8(0xa8);
      } else this.rr(0, false, 0xf6, 0, a, true);
      this.u8(imm & 0xff);
    } else if ((a & 15) === RAX) {
      if (size === 8) this.u8(0x48);
      this.u8(0xa9);
      this.u32(imm);
    } else {
      this.rr(0, size === 8, 0xf7, 0, a);
      this.u32(imm);
    }
  }

  /** `count` bytes that do nothing, up to 15, in as few instructions as NOP's forms of up to 9 bytes allow. */
  nops(count: number): void {
    for (let rest = count; rest > 0; ) {
      const n = Math.min(rest, 9);
      this.raw(NOPS[n - 1] as number[]);
      rest -= n;
    }
  }

  bswap(size: number, r: number): void {
    const rex = (size === 8 ? 0x48 : 0x40) | ((r & 15) >> 3);
    if (rex !== 0x40) this.u8(rex);
    this.u8(0x0f);
    this.u8(0xc8 | (r & 7));
  }

  /** BT r, imm8: the bit goes to CF. */
  btRI(size: number, a: number, bit: number): void {
    this.rr(0, size === 8, 0x0fba, 4, a);
    this.u8(bit);
  }

  testMI(size: number, m: Address, imm: number): void {
    if (size === 1) {
      this.rm(0, false, 0xf6, 0, m, 1);
      this.u8(imm & 0xff);
    } else if (size === 2) {
      this.rm(0x66, false, 0xf7, 0, m, 2);
      this.u8(imm & 0xff);
      this.u8((imm >> 8) & 0xff);
    } else {
      this.rm(0, size === 8, 0xf7, 0, m, 4);
      this.u32(imm);
    }
  }

  lea(size: number, dst: number, m: Address): void {
    this.rm(0, size === 8, 0x8d, dst, m);
  }

  /** Load with zero (or sign) extension from `size` bytes to `to` bytes (4 or 8). */
  load(size: number, signed: boolean, to: number, dst: number, m: Address): void {
    if (size === 8) this.rm(0, true, 0x8b, dst, m);
    else if (size === 4) {
      if (signed && to === 8) this.rm(0, true, 0x63, dst, m);
      else this.rm(0, false, 0x8b, dst, m);
    } else {
      const opcode = (signed ? 0x0fbe : 0x0fb6) + (size === 2 ? 1 : 0);
      this.rm(0, signed && to === 8, opcode, dst, m);
    }
  }

  /** Extension from `size` bytes of a register to `to` bytes (4 or 8). */
  extend(size: number, signed: boolean, to: number, dst: number, src: number): void {
    if (size === 4) {
      if (signed) this.rr(0, true, 0x63, dst, src);
      else this.movRR(4, dst, src);
    } else {
      const opcode = (signed ? 0x0fbe : 0x0fb6) + (size === 2 ? 1 : 0);
      const rexNeeded = size === 1 && src >= 4 && src < 8;
      if (rexNeeded && !(signed && to === 8) && dst < 8) {
        this.u8(0x40);
        this.rr(0, false, opcode, dst, src);
      } else this.rr(0, signed && to === 8, opcode, dst, src);
    }
  }

  store(size: number, src: number, m: Address): void {
    this.sized(size, 0x89, 0x88, src, m, 0);
  }

  storeImm(size: number, imm: number, m: Address): void {
    this.sized(size, 0xc7, 0xc6, 0, m, size === 8 ? 4 : size);
    if (size === 1) this.u8(imm & 0xff);
    else if (size === 2) {
      this.u8(imm & 0xff);
      this.u8((imm >> 8) & 0xff);
    } else this.u32(imm);
  }

  shiftImm(size: number, op: number, dst: number, count: number): void {
    if (count === 1) this.rr(0, size === 8, 0xd1, op, dst);
    else {
      this.rr(0, size === 8, 0xc1, op, dst);
      this.u8(count);
    }
  }

  shiftCl(size: number, op: number, dst: number): void {
    this.rr(0, size === 8, 0xd3, op, dst);
  }

  /** Group 3 by /digit: 2 NOT, 3 NEG, 4 MUL, 5 IMUL, 6 DIV, 7 IDIV. */
  group3(size: number, digit: number, reg: number): void {
    this.rr(0, size === 8, 0xf7, digit, reg);
  }

  group3M(size: number, digit: number, m: Address): void {
    this.rm(0, size === 8, 0xf7, digit, m);
  }

  setcc(cc: number, dst: number): void {
    this.rr(0, false, 0x0f90 | cc, 0, dst, true);
  }

  cmov(size: number, cc: number, dst: number, src: number): void {
    this.rr(0, size === 8, 0x0f40 | cc, dst, src);
  }

  cmovM(size: number, cc: number, dst: number, m: Address): void {
    this.rm(0, size === 8, 0x0f40 | cc, dst, m);
  }

  xchg(size: number, a: number, b: number): void {
    this.rr(0, size === 8, 0x87, a, b);
  }

  push(reg: number): void {
    if (reg & 8) this.u8(0x41);
    this.u8(0x50 | (reg & 7));
  }

  pop(reg: number): void {
    if (reg & 8) this.u8(0x41);
    this.u8(0x58 | (reg & 7));
  }

  ret(): void {
    this.u8(0xc3);
  }

  /** Short jump forward to where `land` is given what this returns; `cc` below 0: always. */
  skip(cc: number): number {
    this.u8(cc < 0 ? 0xeb : 0x70 | cc);
    this.u8(0);
    return this.length;
  }

  /** Lets a jump of `skip` lead here. Throws an error beyond the reach of a short jump. */
  land(from: number): void {
    const distance = this.length - from;
    if (distance > 127) throw new Error(`a short jump spans ${distance} bytes`);
    this.bytes[from - 1] = distance;
  }

  /** Short jump back to an offset; `cc` as for `skip`. Throws an error beyond its reach. */
  jumpBack(cc: number, target: number): void {
    this.u8(cc < 0 ? 0xeb : 0x70 | cc);
    const distance = target - (this.length + 1);
    if (distance < -128) throw new Error(`a short jump spans ${-distance} bytes`);
    this.u8(distance & 0xff);
  }

  ud2(): void {
    this.u8(0x0f);
    this.u8(0x0b);
  }

  /** CALL rel32 to a symbol. */
  callSymbol(symbol: string): void {
    this.u8(0xe8);
    this.fixups.push({ offset: this.length, kind: "pc32", symbol, addend: -4 });
    this.u32(0);
  }

  /** JMP rel32 to a symbol. */
  jumpSymbol(symbol: string): void {
    this.u8(0xe9);
    this.fixups.push({ offset: this.length, kind: "pc32", symbol, addend: -4 });
    this.u32(0);
  }

  /** Scalar SSE operation: prefix 0xf2 (f64) or 0xf3 (f32). */
  sse(type64: boolean, opcode: number, dst: number, src: number): void {
    this.rr(type64 ? 0xf2 : 0xf3, false, 0x0f00 | opcode, dst & 15, src & 15);
  }

  /** Load of 4, 8 (the rest becomes zero) or 16 bytes into an SSE register, of any alignment. */
  loadSse(size: number, dst: number, m: Address): void {
    if (size === 16) this.rm(0, false, 0x0f10, dst & 15, m);
    else this.sseM(size === 8, 0x10, dst, m);
  }

  /** Store of the low 4, 8 or 16 bytes of an SSE register, of any alignment. */
  storeSse(size: number, src: number, m: Address): void {
    if (size === 16) this.rm(0, false, 0x0f11, src & 15, m);
    else this.sseM(size === 8, 0x11, src, m);
  }

  sseM(type64: boolean, opcode: number, dst: number, m: Address): void {
    this.rm(type64 ? 0xf2 : 0xf3, false, 0x0f00 | opcode, dst & 15, m);
  }
}
