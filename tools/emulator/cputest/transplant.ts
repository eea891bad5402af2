// Recorded 64-bit vectors as vectors for a 32-bit code segment: where the same bytes mean the same instruction
// on the same operands in both (Intel SDM vol. 1, 3.6.1 and vol. 2A, 2.2.1), the recorded result holds in both.
// Recordings of 32-bit code cover general instructions only; this covers x87, MMX, SSE and AVX there.
import {
  Decoder,
  type Instruction,
  InstructionInfoFactory,
  OpKind,
  Register,
  RegisterExt,
} from "iced-x86";
import { CODE_SIZE, Field, type StateRecord } from "./record.ts";
import type { Vector } from "./vectors.ts";

const LIMIT = 1n << 32n;
/** Instructions that store or load pointers whose form depends on the mode. */
const X87_IMAGE = /^F(n?stenv|n?save|ldenv|rstor|xsave|xrstor)/i;
/** These clear eight registers in 32-bit code and sixteen in 64-bit code. */
const CLEARS_REGISTERS = /Vzero(all|upper)/;
/** Implicit operands that a 32-bit segment addresses by the same register's low half. */
const FULL_POINTERS = new Set([OpKind.MemorySegRSI, OpKind.MemorySegRDI, OpKind.MemoryESRDI]);
const info = new InstructionInfoFactory();

/** The vector for 32-bit code, or undefined if it would mean something else there. */
export function transplant(vector: Vector): Vector | undefined {
  const { before, after, name } = vector;
  if (before.bits !== 64 || name.includes(" ")) return undefined;
  if (X87_IMAGE.test(name) || CLEARS_REGISTERS.test(name)) return undefined;
  if (!sameInstruction(before)) return undefined;
  return { ...vector, before: narrowed(before), after: narrowed(after) };
}

function narrowed(state: StateRecord): StateRecord {
  const out = state.clone();
  out.setU32(Field.mode, 32);
  for (let i = 0; i < 16; i++) out.setGpr(i, i < 8 ? BigInt.asUintN(32, state.gpr(i)) : 0n);
  return out;
}

function sameInstruction(before: StateRecord): boolean {
  const code = before.bytes.slice(Field.code, Field.code + CODE_SIZE);
  const [wide, narrow] = ([64, 32] as const).map((bits) => {
    const decoder = new Decoder(bits, code, 0);
    decoder.ip = before.u64(Field.rip);
    const instruction = decoder.decode();
    decoder.free();
    return instruction;
  }) as [Instruction, Instruction];
  try {
    return (
      wide.code === narrow.code &&
      wide.length === narrow.length &&
      !wide.isStackInstruction &&
      sameOperands(wide, narrow, before) &&
      usesLowRegisters(wide, before)
    );
  } finally {
    wide.free();
    narrow.free();
  }
}

function sameOperands(wide: Instruction, narrow: Instruction, before: StateRecord): boolean {
  for (let i = 0; i < wide.opCount; i++) {
    const kind = wide.opKind(i);
    if (kind === OpKind.Register) {
      if (narrow.opRegister(i) !== wide.opRegister(i)) return false;
    } else if (kind >= OpKind.MemorySegSI && kind <= OpKind.MemoryESRDI) {
      if (!FULL_POINTERS.has(kind)) return false;
    } else if (kind === OpKind.Memory) {
      // Overrides of CS, DS, ES and SS do nothing in 64-bit mode.
      const segment = wide.segmentPrefix;
      if (segment !== Register.None && segment < Register.FS) return false;
      if (narrow.segmentPrefix !== segment) return false;
      if (RegisterExt.isVectorRegister(wide.memoryIndex)) return false;
      const [a, b] = [addressOf(wide, before), addressOf(narrow, before)];
      if (a === undefined || a !== b || a < 0x1000n || a >= LIMIT - 0x1000n) return false;
    }
  }
  return true;
}

/** Linear address of the memory operand; undefined when it is relative to RIP. */
function addressOf(instruction: Instruction, before: StateRecord): bigint | undefined {
  const { memoryBase, memoryIndex, memorySegment } = instruction;
  const registers = [memoryBase, memoryIndex].filter((register) => register !== Register.None);
  if (!registers.every((register) => RegisterExt.isGPR(register))) return undefined;
  const value = (register: Register): bigint =>
    register === Register.None
      ? 0n
      : BigInt.asUintN(
          RegisterExt.size(register) * 8,
          before.gpr(RegisterExt.number(RegisterExt.fullRegister(register))),
        );
  const width = registers.length > 0 ? RegisterExt.size(registers[0] as Register) * 8 : 64;
  const offset = BigInt.asUintN(
    width,
    value(memoryBase) +
      value(memoryIndex) * BigInt(instruction.memoryIndexScale) +
      instruction.memoryDisplacement,
  );
  if (memorySegment === Register.FS) return offset + before.u64(Field.fsBase);
  return memorySegment === Register.GS ? offset + before.u64(Field.gsBase) : offset;
}

/** Whether every general register that is used has a value that 32 bits hold. */
function usesLowRegisters(instruction: Instruction, before: StateRecord): boolean {
  const used = info.info(instruction);
  let low = true;
  for (const use of used.usedRegisters()) {
    const { register } = use;
    use.free();
    if (!RegisterExt.isGPR(register)) continue;
    const index = RegisterExt.number(RegisterExt.fullRegister(register));
    if (index > 7 || before.gpr(index) >= LIMIT) low = false;
  }
  used.free();
  return low;
}
