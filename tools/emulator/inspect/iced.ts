// Disassembly through iced-x86, loaded only when somebody wants to read code: it costs start-up time.

import type { Disassemble, Line } from "./disassembly.ts";

/** Loads iced and returns a function that needs no waiting. */
export async function loadDisassembler(): Promise<Disassemble> {
  const { Decoder, DecoderOptions, FlowControl, Formatter, FormatterSyntax } = await import(
    "iced-x86"
  );
  const branches: ReadonlySet<number> = new Set([
    FlowControl.Call,
    FlowControl.UnconditionalBranch,
    FlowControl.ConditionalBranch,
  ]);
  return (code, address, bits, count, describe) => {
    const decoder = new Decoder(bits, code, DecoderOptions.None);
    decoder.ip = address;
    const formatter = new Formatter(FormatterSyntax.Intel);
    const lines: Line[] = [];
    let at = 0;
    while (at < code.length && lines.length < count) {
      const instruction = decoder.decode();
      const { length } = instruction;
      const name = branches.has(instruction.flowControl)
        ? (describe?.(instruction.nearBranchTarget) ?? "")
        : "";
      const text = formatter.format(instruction);
      lines.push({
        address: address + BigInt(at),
        bytes: code.slice(at, at + length),
        text: name === "" ? text : `${text} <${name}>`,
      });
      at += length;
      instruction.free();
    }
    decoder.free();
    formatter.free();
    return lines;
  };
}
