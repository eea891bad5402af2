// The instructions that programs are made of: random encodings of all forms that compute and fall through to the next
// one, with a description of their memory operand. Kept by kind, since uniform choice among forms would give little
// but vector instructions. Entry n of a kind is the same in every process.

import {
  Decoder,
  FlowControl,
  type Instruction,
  InstructionInfoFactory,
  OpAccess,
  OpKind,
  Register,
  RegisterExt,
} from "iced-x86";
import { randomEncoding } from "../cputest/encoding.ts";
import { type Form, ISA_FEATURES, listForms } from "../cputest/forms.ts";
import { Random } from "../cputest/random.ts";

export type Bits = 16 | 32 | 64;
export const KINDS = ["common", "general", "sse", "vector", "x87", "string"] as const;
export type Kind = (typeof KINDS)[number];

export interface MemoryOperand {
  /** General register, 0–15, or undefined. */
  base: number | undefined;
  index: number | undefined;
  scale: number;
  displacement: bigint;
  /** Where the displacement is, and its bytes; 0 if there is none. */
  at: number;
  size: number;
  relative: boolean;
  segment: "es" | "cs" | "ss" | "ds" | "fs" | "gs";
  /** Width of the address, bits. */
  width: 16 | 32 | 64;
  /** Bytes accessed. */
  bytes: number;
}

export interface Encoding {
  bytes: Uint8Array;
  memory: MemoryOperand | undefined;
  /** First byte and bytes of the immediate. */
  immediate: { at: number; size: number } | undefined;
}

/** Encodings of one kind. */
const POOL_SIZE = 4000;
const POOL_SEED = 0x7e57;

const COMMON =
  /^(Mov|Add|Sub|Adc|Sbb|And|Or|Xor|Cmp|Test|Inc|Dec|Neg|Not|Lea|Movzx|Movsx|Movsxd|Sh[lr]|Sar|Ro[lr]|Rc[lr]|Sh[lr]d|Imul|Mul|Xchg|Cmov\w+|Set\w+|Bt[src]?|Bs[fr]|Bswap|Cwd|Cdq|Cqo|Cbw|Cwde|Cdqe|Xadd|Cmpxchg|Lahf|Sahf|St[cd]|Cl[cd]|Cmc)$/;
const STRING = /^(Movs|Cmps|Stos|Lods|Scas)[bwdq]$/;
/**
 * What has statements of its own, or would leave the program: stack, ports, privileges, segments and their bases. FS
 * stays flat.
 */
const EXCLUDED =
  /^(In|Out|Ins[bwd]|Outs[bwd]|Hlt|Cli|Sti|Popf?[dq]?w?|Pusha?[dw]*|Popa?[dw]*|Pushf[dq]?|Enter|Leave|Int|Into|Int[13]|Ud2|Les|Lds|Lss|Lfs|Lgs|Wrfsbase|Wrgsbase|Clts|Invd|Wbinvd|Invlpg|Rdmsr|Wrmsr|Lmsw|Bound|Std|Xbegin|Mov_cr|Wait|Pause)$/;
const SEGMENT_LOAD = /^(Mov_Sreg|Mov_\w+_[cdt]r$|Mov_[cdt]r_|Pop[wdq]?_[A-Z]S)/;

function kindOf({ mnemonic, name, isa }: Form): Kind | undefined {
  if (EXCLUDED.test(mnemonic) || SEGMENT_LOAD.test(name)) return undefined;
  if (STRING.test(mnemonic)) return "string";
  if (isa === "base") return COMMON.test(mnemonic) ? "common" : "general";
  if (/^(mmx|fxsr)$/.test(isa)) return "vector";
  if (isa === "x87") return "x87";
  if (/^sse2?$/.test(isa)) return "sse";
  return /^(bmi|lzcnt|movbe|adx|popcnt|fsgsbase)/.test(isa) ? "general" : "vector";
}

const SEGMENTS = new Map<Register, MemoryOperand["segment"]>([
  [Register.ES, "es"],
  [Register.CS, "cs"],
  [Register.SS, "ss"],
  [Register.DS, "ds"],
  [Register.FS, "fs"],
  [Register.GS, "gs"],
]);

const SP = 4;
/** R12 to R14, the counters of loops in 64-bit code. */
const isReserved = (number: number, bits: Bits): boolean =>
  number === SP || (bits === 64 && number >= 12 && number <= 14);

const general = (register: Register): number | undefined =>
  register !== Register.None && RegisterExt.isGPR(register)
    ? RegisterExt.number(RegisterExt.fullRegister(register))
    : undefined;

/** AH, CH, DH, BH have the numbers of their registers here. */
function memoryOf(
  instruction: Instruction,
  bits: Bits,
  at: number,
  size: number,
): MemoryOperand | undefined | "unfit" {
  const kinds = Array.from({ length: instruction.opCount }, (_, i) => instruction.opKind(i));
  if (!kinds.includes(OpKind.Memory)) return undefined;
  const { memoryBase, memoryIndex } = instruction;
  const relative = memoryBase === Register.RIP || memoryBase === Register.EIP;
  const base = general(memoryBase);
  const index = general(memoryIndex);
  if (base !== undefined && (isReserved(base, bits) || base === index)) return "unfit";
  if (index !== undefined && isReserved(index, bits)) return "unfit";
  const sized = base !== undefined ? memoryBase : index !== undefined ? memoryIndex : undefined;
  const usual = bits === 64 ? 64 : size === 2 ? 16 : 32;
  const width = (sized === undefined ? usual : RegisterExt.size(sized) * 8) as 16 | 32 | 64;
  // Of a 32-bit address space 16-bit addresses reach the start alone.
  if (width === 16 && bits === 32) return "unfit";
  if (relative && memoryBase === Register.EIP) return "unfit";
  return {
    base,
    index,
    scale: instruction.memoryIndexScale,
    displacement: relative ? 0n : BigInt.asIntN(64, instruction.memoryDisplacement),
    at,
    size,
    relative,
    segment: SEGMENTS.get(instruction.memorySegment) ?? "ds",
    width,
    bytes: 16,
  };
}

/** One kind of instruction for one code size. */
class Pool {
  readonly #bits: Bits;
  readonly #forms: readonly Form[];
  readonly #stream: number;
  readonly #entries: (Encoding | undefined)[] = [];
  readonly #info = new InstructionInfoFactory();

  constructor(bits: Bits, kind: Kind) {
    this.#bits = bits;
    this.#forms = listForms(Object.keys(ISA_FEATURES), bits).filter((f) => kindOf(f) === kind);
    this.#stream = bits * 16 + KINDS.indexOf(kind);
  }

  entry(n: number): Encoding {
    let encoding = this.#entries[n];
    if (encoding === undefined) {
      encoding = this.#make(new Random(POOL_SEED + n, this.#stream));
      this.#entries[n] = encoding;
    }
    return encoding;
  }

  #make(random: Random): Encoding {
    for (;;) {
      const form = random.pick(this.#forms);
      for (let tries = 0; tries < 30; tries++) {
        const found = this.#decode(form, randomEncoding(form, this.#bits, random));
        if (found !== undefined) return found;
      }
    }
  }

  #decode(form: Form, bytes: Uint8Array): Encoding | undefined {
    const decoder = new Decoder(this.#bits, bytes, 0);
    const instruction = decoder.decode();
    try {
      if (instruction.code !== form.code || instruction.length > 15) return undefined;
      if (instruction.flowControl !== FlowControl.Next || instruction.isPrivileged)
        return undefined;
      if (instruction.stackPointerIncrement !== 0 || !this.#leavesReserved(instruction)) {
        return undefined;
      }
      const offsets = decoder.getConstantOffsets(instruction);
      const at = offsets.displacementOffset;
      const memory = memoryOf(instruction, this.#bits, at, offsets.displacementSize);
      if (memory === "unfit") return undefined;
      const immediate = offsets.hasImmediate
        ? { at: offsets.immediateOffset, size: offsets.immediateSize }
        : undefined;
      return { bytes: bytes.slice(0, instruction.length), memory, immediate };
    } finally {
      instruction.free();
      decoder.free();
    }
  }

  #leavesReserved(instruction: Instruction): boolean {
    const info = this.#info.info(instruction);
    let fine = true;
    for (const use of info.usedRegisters()) {
      const number = general(use.register);
      const reads = use.access === OpAccess.Read || use.access === OpAccess.CondRead;
      if (number !== undefined && !reads && isReserved(number, this.#bits)) fine = false;
      use.free();
    }
    info.free();
    return fine;
  }
}

const pools = new Map<string, Pool>();

/** A random instruction of a kind. */
export function pickEncoding(bits: Bits, kind: Kind, random: Random): Encoding {
  const name = `${bits} ${kind}`;
  let pool = pools.get(name);
  if (pool === undefined) {
    pool = new Pool(bits, kind);
    pools.set(name, pool);
  }
  return pool.entry(random.below(POOL_SIZE));
}
