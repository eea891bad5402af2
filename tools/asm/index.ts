// The assembler room's public face.

export {
  Assembler,
  type AssemblerOptions,
  type FlatBinary,
  type LabelOptions,
  type SectionOptions,
} from "./assembler.ts";
export { AsmError, type Bits, type MnemonicName, mnemonicNames } from "./forms.ts";
export { CALLED, type FrameState, frameRegister, OUTERMOST, RETURN_ADDRESS } from "./frame.ts";
export * from "./operands.ts";
