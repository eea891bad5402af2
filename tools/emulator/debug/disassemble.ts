// Disassembly through iced-x86, loaded only when somebody wants to read code: it costs start-up time.

import type { SymbolTable } from "./symbols.ts";

export interface Line {
  address: bigint;
  bytes: Uint8Array;
  text: string;
}

/** Lines "address: instruction" of a piece of code, at once. */
export type Disassembler = (code: Uint8Array, address: bigint, bits: 16 | 32 | 64) => string[];

/** Loads iced and returns a function that needs no waiting. */
export async function disassembler(): Promise<Disassembler> {
  const iced = await import("iced-x86");
  return (code, address, bits) =>
    decode(iced, code, address, bits, code.length).map(
      (line) => `0x${line.address.toString(16)}: ${line.text}`,
    );
}

/** Decodes up to `count` instructions of `bits`-wide code that begins at `address`. */
export async function disassemble(
  code: Uint8Array,
  address: bigint,
  bits: 16 | 32 | 64,
  count: number,
  symbols?: SymbolTable,
): Promise<Line[]> {
  return decode(await import("iced-x86"), code, address, bits, count, symbols);
}

function decode(
  iced: typeof import("iced-x86"),
  code: Uint8Array,
  address: bigint,
  bits: 16 | 32 | 64,
  count: number,
  symbols?: SymbolTable,
): Line[] {
  const { Decoder, DecoderOptions, Formatter, FormatterSyntax, FlowControl } = iced;
  const decoder = new Decoder(bits, code, DecoderOptions.None);
  decoder.ip = address;
  const formatter = new Formatter(FormatterSyntax.Intel);
  const lines: Line[] = [];
  let at = 0;
  while (at < code.length && lines.length < count) {
    const instruction = decoder.decode();
    const length = instruction.length;
    let text = formatter.format(instruction);
    const flow = instruction.flowControl;
    if (
      flow === FlowControl.Call ||
      flow === FlowControl.UnconditionalBranch ||
      flow === FlowControl.ConditionalBranch
    ) {
      const name = symbols?.describe(instruction.nearBranchTarget) ?? "";
      if (name !== "") text += ` <${name}>`;
    }
    lines.push({ address: address + BigInt(at), bytes: code.slice(at, at + length), text });
    at += length;
    instruction.free();
  }
  decoder.free();
  formatter.free();
  return lines;
}
