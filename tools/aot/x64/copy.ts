// The loops of the routines that copy and fill memory: blocks of 32 bytes through SSE registers where the
// target has them, else of 16 bytes through general ones, and string instructions for what is long.
// The rest of a length is one block that overlaps the last whole one; for copies it is read first, so that
// source and target may overlap. Addresses are absolute; only caller-saved registers are overwritten.

import {
  type Address,
  ALU,
  at,
  CC,
  type Encoder,
  R8,
  R9,
  R10,
  RAX,
  RCX,
  RDI,
  RDX,
  RSI,
  SHIFT,
  XMM0,
} from "./encoder.ts";

/**
 * Bytes from which string instructions are faster: they take some thirty cycles to start, but then move
 * whole cache lines.
 */
const STRING_WITH_SSE = 1536;
const STRING_WITHOUT = 256;

/** MOVUPS between register and memory. */
function sseLoad(e: Encoder, register: number, m: Address): void {
  e.rm(0, false, 0x0f10, register, m);
}

function sseStore(e: Encoder, register: number, m: Address): void {
  e.rm(0, false, 0x0f11, register, m);
}

class Loops {
  readonly e: Encoder;
  readonly sse: boolean;
  /** Bytes of a block: two words of `word` bytes. */
  readonly block: number;
  readonly word: number;
  private readonly pairs: [number, number][];

  constructor(e: Encoder, sse: boolean) {
    this.e = e;
    this.sse = sse;
    this.word = sse ? 16 : 8;
    this.block = this.word * 2;
    this.pairs = sse
      ? [
          [XMM0, XMM0 + 1],
          [XMM0 + 2, XMM0 + 3],
        ]
      : [
          [RAX, RCX],
          [R8, R10],
        ];
  }

  private load(register: number, m: Address): void {
    if (this.sse) sseLoad(this.e, register, m);
    else this.e.load(8, false, 8, register, m);
  }

  private store(register: number, m: Address): void {
    if (this.sse) sseStore(this.e, register, m);
    else this.e.store(8, register, m);
  }

  /** Reads a block at `base + disp + index` into register pair `n`. */
  private read(n: number, base: number, disp = 0, index = -1): void {
    const [low, high] = this.pairs[n] as [number, number];
    this.load(low, at(base, disp, index));
    this.load(high, at(base, disp + this.word, index));
  }

  private write(n: number, base: number, disp = 0, index = -1): void {
    const [low, high] = this.pairs[n] as [number, number];
    this.store(low, at(base, disp, index));
    this.store(high, at(base, disp + this.word, index));
  }

  /** Up to a block's size: two words of equal size that overlap, both read before either is written. */
  private copySmall(): void {
    const { e } = this;
    for (let size = this.word; size > 1; size >>= 1) {
      e.aluRI(8, ALU.CMP, RDX, size);
      const smaller = this.e.skip(CC.B);
      if (size === 16) {
        sseLoad(e, XMM0, at(RSI));
        sseLoad(e, XMM0 + 1, at(RSI, -16, RDX));
        sseStore(e, XMM0, at(RDI));
        sseStore(e, XMM0 + 1, at(RDI, -16, RDX));
      } else {
        e.load(size, false, 8, RAX, at(RSI));
        e.load(size, false, 8, RCX, at(RSI, -size, RDX));
        e.store(size, RAX, at(RDI));
        e.store(size, RCX, at(RDI, -size, RDX));
      }
      this.e.ret();
      this.e.land(smaller);
    }
    e.testRR(8, RDX, RDX);
    const nothing = this.e.skip(CC.E);
    e.load(1, false, 4, RAX, at(RSI));
    e.store(1, RAX, at(RDI));
    this.e.land(nothing);
    this.e.ret();
  }

  /** Copies RDX bytes from RSI to RDI as if through a buffer. */
  copy(): void {
    const { e, block } = this;
    e.aluRI(8, ALU.CMP, RDX, block);
    const large = this.e.skip(CC.A);
    this.copySmall();
    this.e.land(large);
    // Forward unless the target starts inside the source.
    e.movRR(8, RAX, RDI);
    e.aluRR(8, ALU.SUB, RAX, RSI);
    e.aluRR(8, ALU.CMP, RAX, RDX);
    e.raw([0x0f, 0x80 | CC.AE]);
    e.u32(0);
    const forward = e.length;
    // From the end; the first block is read ahead and stored last.
    this.read(1, RSI);
    if (this.sse) this.copyLinesDown();
    const down = e.length;
    this.read(0, RSI, -block, RDX);
    this.write(0, RDI, -block, RDX);
    e.aluRI(8, ALU.SUB, RDX, block);
    e.aluRI(8, ALU.CMP, RDX, block);
    this.e.jumpBack(CC.A, down);
    this.write(1, RDI);
    this.e.ret();
    e.patch32(forward - 4, e.length - forward);
    this.copyWords();
    this.read(1, RSI, -block, RDX);
    e.lea(8, R9, at(RDI, -block, RDX));
    if (this.sse) this.copyLines();
    const up = e.length;
    this.read(0, RSI);
    e.aluRI(8, ALU.ADD, RSI, block);
    this.write(0, RDI);
    e.aluRI(8, ALU.ADD, RDI, block);
    e.aluRR(8, ALU.CMP, RDI, R9);
    this.e.jumpBack(CC.B, up);
    this.write(1, R9);
    this.e.ret();
  }

  /** What is long goes in aligned lines of 64 bytes, as far as they go. */
  private copyLines(): void {
    const { e } = this;
    e.aluRI(8, ALU.CMP, RDX, 160);
    const short = this.e.skip(CC.B);
    // The first 16 bytes, then on from the next multiple of 16 of the target.
    sseLoad(e, XMM0, at(RSI));
    e.movRR(8, RCX, RDI);
    e.group3(8, 3, RCX);
    e.aluRI(8, ALU.AND, RCX, 15);
    e.movRR(8, R10, RDI);
    e.aluRR(8, ALU.ADD, RSI, RCX);
    e.aluRR(8, ALU.ADD, RDI, RCX);
    e.lea(8, R8, at(R9, -64));
    for (let i = 0; i < 4; i++) sseLoad(e, XMM0 + 4 + i, at(RSI, i * 16));
    sseStore(e, XMM0, at(R10));
    e.u8(0xeb);
    e.u8(0);
    const enter = e.length;
    const again = e.length;
    for (let i = 0; i < 4; i++) sseLoad(e, XMM0 + 4 + i, at(RSI, i * 16));
    this.e.land(enter);
    for (let i = 0; i < 4; i++) e.rm(0, false, 0x0f29, XMM0 + 4 + i, at(RDI, i * 16));
    e.aluRI(8, ALU.ADD, RSI, 64);
    e.aluRI(8, ALU.ADD, RDI, 64);
    e.aluRR(8, ALU.CMP, RDI, R8);
    this.e.jumpBack(CC.BE, again);
    e.aluRR(8, ALU.CMP, RDI, R9);
    const rest = this.e.skip(CC.B);
    this.write(1, R9);
    this.e.ret();
    this.e.land(rest);
    this.e.land(short);
  }

  /** As `copyLines`, from the end; leaves more than a block. */
  private copyLinesDown(): void {
    const { e } = this;
    e.aluRI(8, ALU.CMP, RDX, 160);
    const short = this.e.skip(CC.B);
    // The last 16 bytes, stored when the line below them is read, then on from a multiple of 16 of the target.
    sseLoad(e, XMM0, at(RSI, -16, RDX));
    e.lea(8, R10, at(RDI, 0, RDX));
    e.movRR(8, RCX, R10);
    e.aluRI(8, ALU.AND, RCX, 15);
    e.aluRR(8, ALU.SUB, RDX, RCX);
    for (let i = 0; i < 4; i++) sseLoad(e, XMM0 + 4 + i, at(RSI, i * 16 - 64, RDX));
    sseStore(e, XMM0, at(R10, -16));
    e.u8(0xeb);
    e.u8(0);
    const enter = e.length;
    const again = e.length;
    for (let i = 0; i < 4; i++) sseLoad(e, XMM0 + 4 + i, at(RSI, i * 16 - 64, RDX));
    this.e.land(enter);
    for (let i = 0; i < 4; i++) e.rm(0, false, 0x0f29, XMM0 + 4 + i, at(RDI, i * 16 - 64, RDX));
    e.aluRI(8, ALU.SUB, RDX, 64);
    e.aluRI(8, ALU.CMP, RDX, 96);
    this.e.jumpBack(CC.A, again);
    this.e.land(short);
  }

  /** MOVSQ, of which machines that count instructions count eight times fewer than of MOVSB. */
  private copyWords(): void {
    const { e } = this;
    e.aluRI(8, ALU.CMP, RDX, this.sse ? STRING_WITH_SSE : STRING_WITHOUT);
    const short = this.e.skip(CC.B);
    e.load(8, false, 8, R8, at(RSI, -8, RDX));
    e.lea(8, R9, at(RDI, -8, RDX));
    e.movRR(8, RCX, RDX);
    e.shiftImm(8, SHIFT.SHR, RCX, 3);
    e.raw([0xf3, 0x48, 0xa5]);
    e.store(8, R8, at(R9));
    this.e.ret();
    this.e.land(short);
  }

  /** Fills RDX bytes from RDI on with the byte AL. */
  fill(): void {
    const { e, block, word } = this;
    // The byte in all eight lanes.
    e.extend(1, false, 4, RAX, RAX);
    e.movImm(RCX, 0x0101010101010101n);
    e.rr(0, true, 0x0faf, RAX, RCX);
    e.aluRI(8, ALU.CMP, RDX, 16);
    const large = this.e.skip(CC.A);
    for (let size = 8; size > 1; size >>= 1) {
      e.aluRI(8, ALU.CMP, RDX, size);
      const smaller = this.e.skip(CC.B);
      e.store(size, RAX, at(RDI));
      e.store(size, RAX, at(RDI, -size, RDX));
      this.e.ret();
      this.e.land(smaller);
    }
    e.testRR(8, RDX, RDX);
    const nothing = this.e.skip(CC.E);
    e.store(1, RAX, at(RDI));
    this.e.land(nothing);
    this.e.ret();
    this.e.land(large);
    const value = this.sse ? XMM0 : RAX;
    if (this.sse) {
      // movq xmm0, rax; punpcklqdq xmm0, xmm0
      e.raw([0x66, 0x48, 0x0f, 0x6e, 0xc0, 0x66, 0x0f, 0x6c, 0xc0]);
      e.aluRI(8, ALU.CMP, RDX, block);
      const blocks = this.e.skip(CC.A);
      this.store(value, at(RDI));
      this.store(value, at(RDI, -word, RDX));
      this.e.ret();
      this.e.land(blocks);
    }
    e.aluRI(8, ALU.CMP, RDX, this.sse ? STRING_WITH_SSE : STRING_WITHOUT);
    const short = this.e.skip(CC.B);
    e.store(8, RAX, at(RDI, -8, RDX));
    e.movRR(8, RCX, RDX);
    e.shiftImm(8, SHIFT.SHR, RCX, 3);
    e.raw([0xf3, 0x48, 0xab]);
    this.e.ret();
    this.e.land(short);
    e.lea(8, R9, at(RDI, -block, RDX));
    const again = e.length;
    this.store(value, at(RDI));
    this.store(value, at(RDI, word));
    e.aluRI(8, ALU.ADD, RDI, block);
    e.aluRR(8, ALU.CMP, RDI, R9);
    this.e.jumpBack(CC.B, again);
    this.store(value, at(R9));
    this.store(value, at(R9, word));
    this.e.ret();
  }
}

/** Appends code that copies RDX bytes from RSI to RDI as if through a buffer, and returns. */
export function emitCopy(e: Encoder, sse: boolean): void {
  new Loops(e, sse).copy();
}

/** Appends code that fills RDX bytes from RDI on with AL, and returns. */
export function emitFill(e: Encoder, sse: boolean): void {
  new Loops(e, sse).fill();
}
