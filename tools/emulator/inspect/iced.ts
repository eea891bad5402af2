// Disassembly through iced-x86, loaded only when somebody wants to read code: it costs start-up time.

import type { Formatter, Instruction } from "iced-x86";
import type { Disassemble, Line } from "./disassembly.ts";

type Iced = typeof import("iced-x86");

/** Columns of a mnemonic in QEMU's monitor. */
const MNEMONIC = 8;

const HINTS = /^((xacquire|xrelease) (?!lock)|rep (?=ret))/;

/** How an instruction is written; `free` when there are no more. */
interface Writer {
  write(instruction: Instruction): string;
  free(): void;
}

function intelWriter({ Formatter, FormatterSyntax }: Iced): Writer {
  const formatter = new Formatter(FormatterSyntax.Intel);
  return { write: (instruction) => formatter.format(instruction), free: () => formatter.free() };
}

/** Numbers and spaces as Capstone has them, which QEMU disassembles by. */
function likeCapstone(formatter: Formatter): void {
  formatter.gasShowMnemonicSizeSuffix = true;
  formatter.gasSpaceAfterMemoryOperandComma = true;
  formatter.spaceAfterOperandSeparator = true;
  formatter.uppercaseHex = false;
  formatter.signedImmediateOperands = false;
  formatter.branchLeadingZeros = false;
  formatter.ripRelativeAddresses = true;
  formatter.preferSt0 = true;
}

function attWriter(iced: Iced): Writer {
  const { Code, Formatter, FormatterSyntax, Mnemonic, OpKind } = iced;
  const formatter = new Formatter(FormatterSyntax.Gas);
  likeCapstone(formatter);
  /** Immediates that are shorter than what they are added to, say, show their sign; masks show their bits. */
  const extended: ReadonlySet<number> = new Set([
    ...[OpKind.Immediate8to16, OpKind.Immediate8to32, OpKind.Immediate8to64],
    OpKind.Immediate32to64,
  ]);
  const masks: ReadonlySet<number> = new Set([Mnemonic.And, Mnemonic.Or, Mnemonic.Xor]);
  const nothing: ReadonlySet<number> = new Set([Mnemonic.Nop, Mnemonic.Reservednop]);
  const far: ReadonlySet<number> = new Set([OpKind.FarBranch16, OpKind.FarBranch32]);
  const destinations: ReadonlySet<number> = new Set([OpKind.MemoryESDI, OpKind.MemoryESEDI]);
  const exchanges: ReadonlySet<number> = new Set([
    ...[Code.Xchg_r16_AX, Code.Xchg_r32_EAX, Code.Xchg_r64_RAX],
  ]);
  const operandsOf = (instruction: Instruction): string => {
    const kinds = Array.from({ length: instruction.opCount }, (_, n) => instruction.opKind(n));
    const { mnemonic } = instruction;
    formatter.signedImmediateOperands =
      kinds.some((kind) => extended.has(kind)) && !masks.has(mnemonic);
    // A base without an index has a comma behind it where a SIB byte holds it.
    const operands = formatter.formatAllOperands(instruction).replaceAll(", )", ")");
    if (mnemonic === Mnemonic.Xlatb) return "";
    // What is reserved has a register in its code, and none in its name.
    if (nothing.has(mnemonic) && instruction.opCount === 2) {
      return operands.slice(operands.indexOf(", ") + 2);
    }
    const isSquare =
      mnemonic === Mnemonic.Imul &&
      instruction.opCount === 3 &&
      instruction.op0Register === instruction.op1Register;
    if (isSquare) return `${operands}, ${formatter.formatRegister(instruction.op0Register)}`;
    if (kinds.some((kind) => far.has(kind))) return operands.replace(", ", ":");
    if (exchanges.has(instruction.code)) return operands.split(", ").reverse().join(", ");
    // The segment of a string's destination cannot be another one.
    if (kinds.some((kind) => destinations.has(kind)))
      return operands.replace(/\((%e?di)\)/, "%es:($1)");
    return operands;
  };
  return {
    write: (instruction) => {
      const operands = operandsOf(instruction);
      // Prefixes without an effect are not told: hints without a lock, and one of RET's.
      const mnemonic = formatter.formatMnemonic(instruction).replace(HINTS, "");
      return `${mnemonic.padEnd(MNEMONIC)} ${operands}`;
    },
    free: () => formatter.free(),
  };
}

/** Loads iced and returns a function that needs no waiting. */
export async function loadDisassembler(): Promise<Disassemble> {
  const iced = await import("iced-x86");
  const { Code, Decoder, DecoderOptions, FlowControl } = iced;
  const branches: ReadonlySet<number> = new Set([
    FlowControl.Call,
    FlowControl.UnconditionalBranch,
    FlowControl.ConditionalBranch,
  ]);
  return (code, address, bits, count, describe, syntax = "intel") => {
    const writer = syntax === "intel" ? intelWriter(iced) : attWriter(iced);
    const decoder = new Decoder(bits, code, DecoderOptions.None);
    decoder.ip = address;
    const lines: Line[] = [];
    let at = 0;
    while (at < code.length && lines.length < count) {
      const instruction = decoder.decode();
      let { length } = instruction;
      let text = writer.write(instruction);
      if (syntax === "att" && instruction.code === Code.INVALID) {
        // A byte that begins nothing is data, and the next one may begin something.
        length = 1;
        decoder.position = at + 1;
        decoder.ip = address + BigInt(at + 1);
        text = `${".byte".padEnd(MNEMONIC)} 0x${(code[at] as number).toString(16).padStart(2, "0")}`;
      }
      const name = branches.has(instruction.flowControl)
        ? (describe?.(instruction.nearBranchTarget) ?? "")
        : "";
      lines.push({
        address: address + BigInt(at),
        bytes: code.slice(at, at + length),
        text: name === "" ? text : `${text} <${name}>`,
      });
      at += length;
      instruction.free();
    }
    decoder.free();
    writer.free();
    return lines;
  };
}
