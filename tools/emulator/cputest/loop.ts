// Snippets as bodies of loops, for cores that compile loops: a LOOP behind the last instruction, which leaves the flags
// alone, takes the host's CPU and the core through the same rounds (Intel SDM vol. 2, LOOP).

import {
  Decoder,
  FlowControl,
  type Instruction,
  InstructionInfoFactory,
  Mnemonic,
  OpAccess,
  Register,
  RegisterExt,
} from "iced-x86";
import { type TestCase, undefinedAfter } from "./generate.ts";
import { CODE_SIZE, Field } from "./record.ts";

const LOOP = 0xe2;
const LOOP_SIZE = 2;
const RCX = 1;
const SHA = /^Sha(1|256)/;
/** Rounds of a loop: enough for a core that compiles it in the second one. */
const LEAST_ROUNDS = 4;
const MORE_ROUNDS = 5;

const info = new InstructionInfoFactory();

/** The code of a loop around `body`. */
export function loopAround(body: Uint8Array): Uint8Array {
  return Uint8Array.of(...body, LOOP, 256 - LOOP_SIZE - body.length);
}

/** Whether an instruction goes on to the next one and leaves RCX alone; a count in CL may be what it is. */
function fits(instruction: Instruction): boolean {
  if (instruction.flowControl !== FlowControl.Next) return false;
  // Where operands have to be aligned AMD's CPUs differ, and a round may have moved them.
  if (SHA.test(Mnemonic[instruction.mnemonic] as unknown as string)) return false;
  let fine = true;
  for (const use of info.info(instruction).usedRegisters()) {
    const isCounter =
      RegisterExt.isGPR(use.register) && RegisterExt.fullRegister(use.register) === Register.RCX;
    const isCount = use.register === Register.CL && use.access === OpAccess.Read;
    if (isCounter && !isCount) fine = false;
    use.free();
  }
  return fine;
}

/** The test's instructions as the body of a loop, or undefined where that is not the same for every CPU. */
export function looped(test: TestCase): TestCase | undefined {
  const { before, length } = test;
  if (before.bits === 16 || test.tolerance !== "exact" || test.undefinedFsw !== 0) return undefined;
  const code = before.bytes.slice(Field.code, Field.code + CODE_SIZE);
  const decoder = new Decoder(before.bits, code, 0);
  let fine = true;
  for (let i = 0; i < length; i++) {
    const instruction = decoder.decode();
    fine &&= fits(instruction);
    instruction.free();
  }
  const size = decoder.position;
  decoder.free();
  if (!fine || size + LOOP_SIZE > before.u32(Field.codeLength)) return undefined;
  const after = before.clone();
  const loop = loopAround(code.subarray(0, size));
  after.setCode(loop, before.u32(Field.codeAddress));
  after.setGpr(RCX, BigInt(LEAST_ROUNDS + (size % MORE_ROUNDS)));
  const defined = undefinedAfter(loop, before.bits, length + 1, undefined, true);
  if (defined === undefined || defined.undefinedFsw !== 0) return undefined;
  return { ...test, ...defined, before: after, length: length + 1, looped: true };
}
