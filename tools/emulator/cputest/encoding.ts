// Random bytes that may decode to an instruction form: prefixes that an assembler would not emit, redundant ones, any
// registers and memory operands. Who wants the form reads them back with a decoder (Intel SDM vol. 2A, chapter 2).

import { MandatoryPrefix, OpCodeTableKind } from "iced-x86";
import type { Form } from "./forms.ts";
import type { Random } from "./random.ts";
import type { CodeSize } from "./record.ts";

/** Bytes of an encoding and what follows it, more than the longest instruction has. */
const LENGTH = 30;

const VEX_PP: Partial<Record<MandatoryPrefix, number>> = {
  [MandatoryPrefix.PNP]: 0,
  [MandatoryPrefix.None]: 0,
  [MandatoryPrefix.P66]: 1,
  [MandatoryPrefix.PF3]: 2,
  [MandatoryPrefix.PF2]: 3,
};

/** An encoding of `form` for code of this size, most of the time; displacement and immediates are random. */
export function randomEncoding(form: Form, bits: CodeSize, random: Random): Uint8Array {
  const out: number[] = [];
  // With shorter addresses AMD wraps each element of a masked move at 64 KiB or 4 GiB where it does not access the
  // operand in one piece; Intel's element is so many bytes behind the operand's address, which alone has no more bits
  // than that (SDM vol. 2C, VMASKMOV).
  const wraps = /^Vp?maskmov/.test(form.mnemonic);
  if (random.oneIn(12) && !wraps) out.push(0x67);
  if (random.oneIn(12)) out.push(random.pick([0x64, 0x65, 0x64, 0x65, 0x2e, 0x36, 0x3e, 0x26]));
  if (form.vex) {
    const pp = VEX_PP[form.prefix] ?? 0;
    const vvvv = random.oneIn(2) ? 15 : random.below(16) | (bits === 64 ? 0 : 8);
    // Outside 64-bit mode the bits that make C4 and C5 a prefix are set.
    const inverted = bits === 64 ? random.u32() & 7 : 7;
    const lBit = random.oneIn(8) ? form.l ^ 1 : form.l;
    // Outside 64-bit mode Intel ignores VEX.W of VPINSRD and VPEXTRD, AMD does not.
    const w0 = random.oneIn(8) && bits === 64 ? form.w ^ 1 : form.w;
    if (form.table === OpCodeTableKind.T0F && random.oneIn(2)) {
      out.push(0xc5, ((inverted & 1) << 7) | (vvvv << 3) | (lBit << 2) | pp);
    } else {
      out.push(0xc4, (inverted << 5) | form.table, (w0 << 7) | (vvvv << 3) | (lBit << 2) | pp);
    }
  } else {
    const other = bits === 16 ? 32 : 16;
    if (form.operandSize === other || (form.operandSize === 0 && random.oneIn(16))) {
      if (form.prefix !== MandatoryPrefix.P66) out.push(0x66);
    }
    if (form.prefix === MandatoryPrefix.P66) out.push(0x66);
    if (form.prefix === MandatoryPrefix.PF3) out.push(0xf3);
    if (form.prefix === MandatoryPrefix.PF2) out.push(0xf2);
    if (form.canRep && random.oneIn(2)) out.push(random.pick([0xf2, 0xf3]));
    if (form.canLock ? random.oneIn(3) : random.oneIn(200)) out.push(0xf0);
    for (let i = out.length - 1; i > 0; i--) {
      const j = random.below(i + 1);
      [out[i], out[j]] = [out[j] as number, out[i] as number];
    }
    const wide = form.operandSize === 64 || form.w === 1;
    if (bits === 64 && (wide || random.oneIn(2)))
      out.push(0x40 | (wide ? 8 : 0) | (random.u32() & (random.oneIn(8) ? 15 : 7)));
    if (form.table !== OpCodeTableKind.Normal) out.push(0x0f);
    if (form.table === OpCodeTableKind.T0F38) out.push(0x38);
    if (form.table === OpCodeTableKind.T0F3A) out.push(0x3a);
  }
  let opcode = form.opcode;
  if (form.opcodeRegister) opcode |= random.below(8);
  if (form.opcodeLength === 2) out.push(opcode >>> 8);
  out.push(opcode & 0xff);
  if (form.modrm) {
    let modrm = random.u32() & 0xff;
    if (random.oneIn(3)) modrm |= 0xc0;
    if (form.group >= 0) modrm = (modrm & ~0x38) | (form.group << 3);
    if (form.rmGroup >= 0) modrm = (modrm & ~7) | form.rmGroup;
    out.push(modrm);
  }
  while (out.length < LENGTH) out.push(random.u32() >>> 24);
  return Uint8Array.from(out.slice(0, LENGTH));
}
