// Makes snippets: random encodings of the chosen instruction forms with the register and memory state that
// makes them interesting. Encodings are built from the opcode tables byte by byte and then read back with
// iced-x86's decoder, so redundant prefixes and odd encodings occur as well. Flags that Intel's manual
// leaves undefined are tracked and never feed a later instruction.
import {
  Decoder,
  FlowControl,
  type Instruction,
  InstructionInfoFactory,
  MemorySize,
  MemorySizeExt,
  Mnemonic,
  OpAccess,
  OpKind,
  Register,
  RegisterExt,
  RflagsBits,
} from "iced-x86";
import { randomEncoding } from "./encoding.ts";
import type { Form } from "./forms.ts";
import { Random } from "./random.ts";
import {
  CODE_SIZE,
  type CodeSize,
  Field,
  Memory,
  RealMode,
  RFLAGS_STATUS,
  StateRecord,
} from "./record.ts";

export interface TestCase {
  /** State before, code included. */
  before: StateRecord;
  /** RFLAGS status bits that the snippet leaves undefined. */
  undefinedFlags: number;
  /** x87 condition code bits (of FSW) left undefined. */
  undefinedFsw: number;
  /** The result is an approximation: compare with the tolerance of this kind. */
  tolerance: Tolerance;
  forms: Form[];
  /** Number of instructions in the snippet. */
  length: number;
  /** Bit n: XMM/YMM register n is an operand. */
  usedVectors: number;
  /** Explicit memory operands. */
  touched: MemoryNeed[];
  /** The last instruction is a LOOP to the first one, which is taken at least once (loop.ts). */
  looped?: boolean;
}

/** "x87": last bits of a transcendental result differ between CPUs; "reciprocal": 1.5 * 2^-12 relative error. */
export type Tolerance = "exact" | "x87" | "reciprocal";

const TRANSCENDENTAL = new Set([
  "F2xm1",
  "Fyl2x",
  "Fyl2xp1",
  "Fptan",
  "Fpatan",
  "Fsin",
  "Fcos",
  "Fsincos",
]);
const RECIPROCAL = /^V?R(cp|sqrt)[ps]s$/i;
const X87_OR_MMX = /^(F|Emms|Wait)|Pi2p|2pi$/;
/** With a count of 0 these leave the flags as they were. */
const KEEPS_FLAGS = /^(Cmps[bwdq]|Scas[bwdq]|Rol|Ror|Rcl|Rcr|Shl|Sal|Shr|Sar|Shld|Shrd)$/;
const X87_IMAGE = /^F(ldenv|nstenv|rstor|nsave)$/;
const STRING = /^(Movs|Cmps|Stos|Lods|Scas|Ins|Outs)[bwdq]$/;

interface Choice {
  form: Form;
  instruction: Instruction;
  bytes: Uint8Array;
}

/** A memory operand: linear address and size in bytes. */
export interface MemoryNeed {
  address: bigint;
  size: number;
}

/** Instructions whose operands AMD's CPUs do not want to be aligned as Intel's manual demands. */
const ALIGNED_ON_INTEL = /^Sha(1|256)/;

/** A source of snippets. Two generators with equal forms and seed make equal snippets. */
export class Generator {
  readonly #forms: readonly Form[];
  readonly #random: Random;
  readonly #info = new InstructionInfoFactory();
  #next = 0;
  #usedVectors = 0;
  #touched: MemoryNeed[] = [];

  readonly #alignment: boolean;
  readonly #bits: CodeSize;

  /**
   * With `alignment`, some snippets run with EFLAGS.AC set, so that unaligned accesses raise #AC. `bits` is
   * the size of the code segment, which `forms` were listed for.
   */
  constructor(
    forms: readonly Form[],
    seed: number,
    stream = 0,
    alignment = false,
    bits: CodeSize = 64,
  ) {
    this.#alignment = alignment;
    this.#bits = bits;
    if (forms.length === 0) throw new Error("no instruction form is selected");
    this.#forms = forms;
    this.#random = new Random(seed, stream);
    this.#next = this.#random.below(forms.length);
  }

  /** The next snippet. Forms are visited in turn; every fourth snippet has several instructions. */
  next(): TestCase {
    for (let attempt = 0; attempt < 200; attempt++) {
      const form = this.#forms[this.#next % this.#forms.length] as Form;
      this.#next++;
      for (let tries = 0; tries < 12; tries++) {
        const made = this.#make(form);
        if (made) return made;
      }
    }
    throw new Error("no snippet could be made from the selected instruction forms");
  }

  #make(form: Form): TestCase | undefined {
    const random = this.#random;
    const before = new StateRecord();
    this.#fillState(before, form);
    this.#usedVectors = 0;
    this.#touched = [];
    const count = random.oneIn(4) ? 2 + random.below(4) : 1;
    const nearEnd = random.oneIn(40) && this.#bits !== 16;
    const chosen: Choice[] = [];
    const tests: Form[] = [];
    /** Registers whose initial value an instruction relies on, and registers already written. */
    const fixed = new Set<Register>();
    const written = new Set<Register>();
    let used = 0;
    const taint = new Taint();
    let tolerance: Tolerance = "exact";
    const codePages = this.#bits === 16 ? RealMode.code : Memory.code;
    const start = nearEnd
      ? Memory.code + Memory.codeSize - 1 - random.below(20)
      : codePages + 0x100 * random.below(8) + random.below(64);
    const release = (): undefined => {
      for (const choice of chosen) choice.instruction.free();
      return undefined;
    };
    for (let i = 0; i < count; i++) {
      const next = i === count - 1 ? form : (random.pick(this.#forms) as Form);
      const kind = toleranceOf(next);
      if (kind !== "exact" && count > 1) return release();
      // What has gone before may have moved an operand that has to lie as it does.
      if (i > 0 && ALIGNED_ON_INTEL.test(next.mnemonic)) return release();
      const choice = this.#encode(
        next,
        BigInt(start + used - (this.#bits === 16 ? codePages : 0)),
        before,
        fixed,
        written,
        i === count - 1,
      );
      if (!choice) return release();
      const { instruction } = choice;
      chosen.push(choice);
      if (!taint.step(instruction)) return release();
      if (kind !== "exact") tolerance = kind;
      if (used + choice.bytes.length > CODE_SIZE - 24) return release();
      used += choice.bytes.length;
      tests.push(next);
    }
    const code = new Uint8Array(used);
    let at = 0;
    for (const choice of chosen) {
      code.set(choice.bytes, at);
      at += choice.bytes.length;
    }
    before.setCode(code, start);
    release();
    if (nearEnd && start + used > Memory.code + Memory.codeSize && random.below(4) !== 0)
      return undefined;
    return {
      before,
      undefinedFlags: taint.flags,
      undefinedFsw: taint.fsw,
      tolerance,
      forms: tests,
      length: count,
      usedVectors: this.#usedVectors,
      touched: this.#touched,
    };
  }

  #fillState(before: StateRecord, form: Form): void {
    const random = this.#random;
    const { bytes } = before;
    before.setU32(Field.mode, this.#bits);
    for (let i = 0; i < (this.#bits === 64 ? 16 : 8); i++) {
      before.setGpr(i, this.#masked(random.integer()));
    }
    if (this.#bits === 16) this.#fillSegments(before);
    before.setGpr(4, this.#pointer(before, Register.RSP, 8));
    if (random.oneIn(2)) before.setGpr(5, this.#pointer(before, Register.RBP, 8));
    for (const i of [6, 7]) {
      if (STRING.test(form.mnemonic) || this.#bits === 32 || random.oneIn(3))
        before.setGpr(i, this.#pointer(before, i === 6 ? Register.RSI : Register.RDI, 8));
    }
    if (STRING.test(form.mnemonic))
      before.setGpr(1, BigInt(random.below(random.oneIn(4) ? 200 : 12)));
    if (this.#bits !== 16) {
      before.setU64(Field.fsBase, BigInt(Memory.windowA + 0x80 + random.below(64)));
      before.setU64(Field.gsBase, BigInt(Memory.windowA + 0x200 + random.below(64)));
    }
    let flags = 0x202 | (random.u32() & RFLAGS_STATUS);
    if (random.oneIn(8)) flags |= 0x400;
    if (this.#alignment && random.oneIn(40)) flags |= 0x4_0000;
    if (this.#bits !== 16 && random.oneIn(60)) flags |= 0x100;
    before.setU64(Field.rflags, BigInt(flags));

    const { element } = form;
    for (let i = 0; i < 16; i++) {
      this.#fillLanes(bytes, Field.xmm + i * 16, 16, element);
      this.#fillLanes(bytes, Field.ymmHigh + i * 16, 16, element);
    }
    this.#fillLanes(
      bytes,
      Field.windowA,
      Memory.windowASize,
      random.oneIn(3) ? MemorySize.UInt8 : element,
    );
    this.#fillLanes(bytes, Field.windowB, Memory.windowBSize, element);
    this.#fillMxcsr(before);
    this.#fillX87(before, form);
  }

  /** A register value as wide as the mode's registers. */
  #masked(value: bigint): bigint {
    return BigInt.asUintN(this.#bits === 64 ? 64 : 32, value);
  }

  /** Real-mode data segments somewhere below the data, so that every offset that is needed is positive. */
  #fillSegments(before: StateRecord): void {
    for (let i = 0; i < 6; i++) {
      before.setU16(Field.segments + 2 * i, (RealMode.data >> 4) - this.#random.below(0x100));
    }
    before.setU16(Field.segments + 2, RealMode.codeSelector);
  }

  /** Where a segment that snippets may use starts: FS and GS in protected modes, all in real mode. */
  #segmentBase(before: StateRecord, segment: Register): bigint {
    if (this.#bits === 16) {
      return BigInt(before.u16(Field.segments + 2 * RegisterExt.number(segment)) * 16);
    }
    if (segment === Register.FS) return before.u64(Field.fsBase);
    return segment === Register.GS ? before.u64(Field.gsBase) : 0n;
  }

  /** A value for a pointer register that addresses data through its usual segment. */
  #pointer(before: StateRecord, register: Register, size: number, inside = false): bigint {
    let segment: Register = Register.DS;
    if (register === Register.RSP || register === Register.RBP) segment = Register.SS;
    if (register === Register.RDI) segment = Register.ES;
    return this.#masked(this.#address(size, inside) - this.#segmentBase(before, segment));
  }

  #fillMxcsr(before: StateRecord): void {
    const random = this.#random;
    let mxcsr = 0x1f80;
    if (random.oneIn(2)) {
      mxcsr = random.u32() & 0xe07f;
      const masks = random.oneIn(2) ? 0x3f : random.u32() & random.u32() & 0x3f;
      mxcsr |= (random.oneIn(2) ? 0x3f : masks) << 7;
      if (random.oneIn(2)) mxcsr &= ~0x8040;
      if (random.oneIn(3)) mxcsr &= ~0x3f;
    }
    before.setU32(Field.mxcsr, mxcsr);
  }

  #fillX87(before: StateRecord, form: Form): void {
    const random = this.#random;
    if (form.isa !== "x87" && form.isa !== "mmx" && !X87_OR_MMX.test(form.mnemonic)) {
      before.setU16(Field.fcw, 0x37f);
      return;
    }
    let fcw = 0x37f;
    if (random.oneIn(2)) {
      fcw = (random.u32() & 0xc00) | (random.pick([0, 2, 3, 3, 3, 3]) << 8) | 0x7f;
      if (random.oneIn(3)) fcw &= ~(random.u32() & random.u32() & 0x3f);
    }
    let fsw = (random.u32() & 0x4700) | (random.below(8) << 11);
    if (random.oneIn(3)) fsw |= random.u32() & 0x7f & (random.oneIn(8) ? 0x7f : fcw | 0x40);
    if ((fsw & ~fcw & 0x3f) !== 0) fsw |= 0x8080;
    before.setU16(Field.fcw, fcw);
    before.setU16(Field.fsw, fsw);
    before.bytes[Field.ftw] = random.pick([
      0xff,
      0xff,
      0xff,
      0,
      random.u32() & 0xff,
      random.u32() & 0xff,
    ]);
    for (let i = 0; i < 8; i++) {
      const { high, low } = random.float80();
      before.setU64(Field.st + i * 16, low);
      before.setU16(Field.st + i * 16 + 8, high);
    }
    // Outside these ranges the result is not defined.
    const limit =
      form.mnemonic === "F2xm1" ? 0x3ffe : form.mnemonic === "Fyl2xp1" ? 0x3ffc : 0x7fff;
    const exponent = before.u16(Field.st + 8) & 0x7fff;
    if (exponent > limit && exponent !== 0x7fff) {
      before.setU16(Field.st + 8, (before.u16(Field.st + 8) & 0x8000) | (limit - random.below(80)));
    }
    if (random.oneIn(3)) {
      const high = before.u16(Field.st + 8);
      const near = (high & 0x8000) | ((high + random.below(70) - 35) & 0x7fff);
      before.setU16(Field.st + 24, near);
    }
  }

  /** Fills 16-byte groups with values of one element type each, mostly `element`. */
  #fillLanes(bytes: Uint8Array, from: number, length: number, element: MemorySize): void {
    const random = this.#random;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let at = from; at < from + length; at += 16) {
      let type = element;
      if (type === MemorySize.Unknown || random.oneIn(4)) {
        type = random.pick([
          MemorySize.Float32,
          MemorySize.Float64,
          MemorySize.UInt32,
          MemorySize.UInt8,
          MemorySize.UInt64,
        ]);
      }
      switch (type) {
        case MemorySize.Float32:
          for (let i = 0; i < 16; i += 4) view.setUint32(at + i, random.float32(), true);
          break;
        case MemorySize.Float64:
          for (let i = 0; i < 16; i += 8) view.setBigUint64(at + i, random.float64(), true);
          break;
        case MemorySize.Float80: {
          const { high, low } = random.float80();
          view.setBigUint64(at, low, true);
          view.setBigUint64(at + 8, (random.u64() << 16n) | BigInt(high), true);
          break;
        }
        case MemorySize.UInt8:
        case MemorySize.Int8:
          random.fill(bytes, at, at + 16);
          break;
        case MemorySize.UInt16:
        case MemorySize.Int16:
        case MemorySize.Float16:
          for (let i = 0; i < 16; i += 2)
            view.setUint16(at + i, Number(random.integer() & 0xffffn), true);
          break;
        case MemorySize.UInt32:
        case MemorySize.Int32:
          for (let i = 0; i < 16; i += 4)
            view.setUint32(at + i, Number(random.integer() & 0xffff_ffffn), true);
          break;
        default:
          for (let i = 0; i < 16; i += 8) view.setBigUint64(at + i, random.integer(), true);
      }
    }
  }

  /** An address for an access of `size` bytes: mostly aligned inside window A, sometimes at an edge or outside. */
  #address(size: number, inside = false): bigint {
    const random = this.#random;
    const choice = inside ? random.below(75) : random.below(100);
    const step = Math.max(size, 1);
    if (this.#bits === 16) {
      const random16 =
        choice < 80 ? 32 * random.below(16) : random.below(Memory.windowASize - step);
      return BigInt(RealMode.windowA + 0x100 * Number(choice < 80) + random16);
    }
    if (choice < 60) return BigInt(Memory.windowA + 0x100 + 32 * random.below(16));
    if (choice < 72) return BigInt(Memory.windowA + random.below(Memory.windowASize - step));
    if (choice < 80) return BigInt(Memory.data + 0x1000 - random.below(step + 1));
    if (choice < 90) return BigInt(Memory.data + Memory.dataSize - random.below(2 * step + 1));
    if (choice < 94) return BigInt(Memory.readOnly + random.below(Memory.readOnlySize - step));
    if (choice < 96) return BigInt(Memory.data - random.below(step + 1));
    if (choice < 98) {
      const end = this.#bits === 64 ? 0x0000_8000_0000_0000n : 0x1_0000_0000n;
      return end - BigInt(random.below(step + 1)) + BigInt(random.below(64));
    }
    return BigInt(Memory.readOnly + Memory.readOnlySize - random.below(step + 1));
  }

  /** Random bytes that decode to `form`, with its registers and memory prepared in `before`. */
  #encode(
    form: Form,
    ip: bigint,
    before: StateRecord,
    fixed: Set<Register>,
    written: Set<Register>,
    last: boolean,
  ): Choice | undefined {
    for (let tries = 0; tries < 30; tries++) {
      const bytes = randomEncoding(form, this.#bits, this.#random);
      const decoder = new Decoder(this.#bits, bytes, 0);
      decoder.ip = ip;
      const instruction = decoder.decode();
      if (instruction.code === form.code && instruction.length <= 15) {
        const offsets = decoder.getConstantOffsets(instruction);
        const finished = this.#prepare(
          form,
          instruction,
          bytes,
          offsets,
          ip,
          before,
          fixed,
          written,
          last,
        );
        offsets.free();
        decoder.free();
        instruction.free();
        if (!finished) continue;
        // Read again: what is undefined depends on immediates.
        const again = new Decoder(this.#bits, finished, 0);
        again.ip = ip;
        const decoded = again.decode();
        again.free();
        return { form, instruction: decoded, bytes: finished };
      }
      instruction.free();
      decoder.free();
    }
    return undefined;
  }

  /** Patches displacement and immediates and sets the initial registers that the instruction needs. */
  #prepare(
    form: Form,
    instruction: Instruction,
    raw: Uint8Array,
    offsets: ReturnType<Decoder["getConstantOffsets"]>,
    ip: bigint,
    before: StateRecord,
    fixed: Set<Register>,
    written: Set<Register>,
    last: boolean,
  ): Uint8Array | undefined {
    const random = this.#random;
    const bytes = raw.slice(0, instruction.length);
    const view = new DataView(bytes.buffer);
    const flow = instruction.flowControl;
    if (flow !== FlowControl.Next && !last) return undefined;
    // With REX.B it is an XCHG, which iced-x86 does not say.
    if (form.mnemonic === "Pause" && !last) return undefined;
    if (form.branch) {
      const distance = random.below(16);
      if (offsets.immediateSize === 1) view.setInt8(offsets.immediateOffset, distance);
      else if (offsets.immediateSize === 2) view.setInt16(offsets.immediateOffset, distance, true);
      else if (offsets.immediateSize === 4) view.setInt32(offsets.immediateOffset, distance, true);
      else return undefined;
    } else if (offsets.hasImmediate && offsets.immediateSize > 0) {
      putInteger(view, offsets.immediateOffset, offsets.immediateSize, random.integer());
    }
    const pins: [Register, bigint][] = [];
    let need: MemoryNeed | undefined;
    const needInside =
      flow === FlowControl.IndirectBranch ||
      flow === FlowControl.IndirectCall ||
      flow === FlowControl.Return;
    for (let i = 0; i < instruction.opCount; i++) {
      if (instruction.opKind(i) !== OpKind.Memory) continue;
      if (form.mnemonic === "Lea" || form.mnemonic === "Nop") break;
      const made = this.#memoryOperand(form, instruction, view, offsets, ip, before, needInside);
      if (!made) return undefined;
      pins.push(...made.pins);
      need = made.need;
    }
    if (needInside) {
      const page = this.#bits === 16 ? 0 : Memory.code;
      const target = BigInt(page + 0x1800 + random.below(0x100));
      if (flow === FlowControl.Return) {
        const pointer = this.#pointer(before, Register.RSP, 8, true);
        pins.push([Register.RSP, pointer]);
        need = { address: pointer + this.#segmentBase(before, Register.SS), size: 8 };
      }
      if (need) pokeMemory(before, need.address, target, this.#bits === 64 ? 8 : 4);
      else pins.push([RegisterExt.fullRegister(instruction.opRegister(0)), target]);
    }
    if (form.mnemonic === "Maskmovq" || form.mnemonic.endsWith("askmovdqu"))
      pins.push([Register.RDI, this.#pointer(before, Register.RDI, 16)]);
    if (/^I?div$/.test(form.mnemonic) && random.oneIn(2))
      before.setGpr(2, random.oneIn(2) ? 0n : BigInt(random.below(8)));
    // With a count of 0 AMD checks the I/O permission, Intel does not.
    if (/^(Ins|Outs)/.test(form.mnemonic)) pins.push([Register.RCX, BigInt(1 + random.below(5))]);
    if (form.mnemonic === "Xlatb")
      pins.push([Register.RBX, this.#pointer(before, Register.RBX, 256)]);
    // Which registers a faulting POPA has loaded differs between CPUs.
    if (/^Popa/.test(form.mnemonic))
      pins.push([Register.RSP, this.#pointer(before, Register.RSP, 32, true)]);
    if (form.mnemonic === "Leave")
      pins.push([Register.RBP, this.#pointer(before, Register.RBP, 8)]);
    if (form.mnemonic === "Enter") {
      bytes[bytes.length - 1] = random.oneIn(2) ? 0 : random.below(5);
      pins.push([Register.RBP, this.#pointer(before, Register.RBP, 8, true)]);
    }
    if ((form.mnemonic === "Shld" || form.mnemonic === "Shrd") && form.operandSize === 16) {
      if (form.name.endsWith("CL")) pins.push([Register.RCX, BigInt(random.below(17))]);
      else bytes[bytes.length - 1] = random.below(17);
    }
    if (/^Bt[scr]?$/.test(form.mnemonic) && instruction.opKind(1) === OpKind.Register && need) {
      const index = RegisterExt.fullRegister(instruction.opRegister(1));
      const value = BigInt(random.below(600) - 300);
      if (!pins.some(([register]) => register === index))
        pins.push([index, BigInt.asUintN(64, value)]);
    }
    if (form.mnemonic === "Ldmxcsr" || form.mnemonic === "Vldmxcsr") {
      if (!need) return undefined;
      pokeMemory(
        before,
        need.address,
        BigInt(random.u32() & (random.oneIn(4) ? 0x1ffff : 0xffff)),
        4,
      );
    }
    // Which operand of CMPS faults first differs between CPUs, so one of them is inside.
    if (/^Cmps[bwdq]_m/.test(form.name) && this.#bits !== 16) {
      if (instruction.opKind(0) === OpKind.MemorySegSI) return undefined;
      const far = [Register.FS, Register.GS].includes(instruction.memorySegment);
      const inside = far || random.oneIn(2) ? Register.RDI : Register.RSI;
      pins.push([inside, this.#pointer(before, inside, 8, true)]);
    }
    // A base of 57 bits is for processors with 5-level paging, which the host may be or not.
    if (/^Wr[fg]sbase_r64/.test(form.name)) {
      const source = instruction.opRegister(0);
      const value = before.gpr(RegisterExt.number(source));
      const narrow = BigInt.asUintN(64, BigInt.asIntN(48, value));
      const needs57 = value !== narrow && BigInt.asUintN(64, BigInt.asIntN(57, value)) === value;
      pins.push([source, needs57 ? narrow : value]);
    }
    for (const pin of pins) pin[1] = this.#masked(pin[1]);
    if (pins.some(([a, x]) => pins.some(([b, y]) => a === b && x !== y))) return undefined;
    for (const [register, value] of pins) {
      if (written.has(register)) return undefined;
      if (fixed.has(register) && before.gpr(RegisterExt.number(register)) !== value)
        return undefined;
    }
    for (const [register, value] of pins) {
      fixed.add(register);
      before.setGpr(RegisterExt.number(register), value);
    }
    const info = this.#info.info(instruction);
    for (const use of info.usedRegisters()) {
      if (RegisterExt.isVectorRegister(use.register)) {
        this.#usedVectors |= 1 << RegisterExt.number(use.register);
      }
      if (
        use.access !== OpAccess.Read &&
        use.access !== OpAccess.CondRead &&
        use.access !== OpAccess.NoMemAccess
      ) {
        written.add(RegisterExt.fullRegister(use.register));
      }
      use.free();
    }
    info.free();
    return bytes;
  }

  #memoryOperand(
    form: Form,
    instruction: Instruction,
    view: DataView,
    offsets: ReturnType<Decoder["getConstantOffsets"]>,
    ip: bigint,
    before: StateRecord,
    inside: boolean,
  ): { pins: [Register, bigint][]; need: MemoryNeed } | undefined {
    const random = this.#random;
    const size = Math.max(1, MemorySizeExt.size(instruction.memorySize));
    // Which byte of an x87 state image faults first differs between CPUs.
    let address = this.#address(size, inside || X87_IMAGE.test(form.mnemonic));
    if (ALIGNED_ON_INTEL.test(form.mnemonic)) address &= ~15n;
    if (size > 64) {
      address = BigInt((this.#bits === 16 ? RealMode : Memory).windowA + 16 * random.below(8));
    }
    const { memoryBase, memoryIndex, memoryIndexScale } = instruction;
    if (this.#bits === 16 && instruction.memorySegment === Register.CS) return undefined;
    const segmentBase = this.#segmentBase(before, instruction.memorySegment);
    const width = addressWidth(instruction, this.#bits, offsets.displacementSize);
    let displacement = instruction.memoryDisplacement;
    const pins: [Register, bigint][] = [];
    const target = address - segmentBase;
    if (target < 0n && this.#bits !== 64) return undefined;
    let indexValue = 0n;
    const isVector = RegisterExt.isVectorRegister(memoryIndex);
    if (memoryIndex !== Register.None && !isVector) {
      const full = RegisterExt.fullRegister(memoryIndex);
      if (full === RegisterExt.fullRegister(memoryBase)) return undefined;
      indexValue = BigInt.asIntN(
        64,
        random.oneIn(3) ? random.integer() : BigInt(random.below(256) - 128),
      );
      pins.push([full, BigInt.asUintN(64, indexValue)]);
      if (full === Register.RSP) return undefined;
    }
    if (isVector) {
      const at = Field.xmm + RegisterExt.number(memoryIndex) * 16;
      const high = Field.ymmHigh + RegisterExt.number(memoryIndex) * 16;
      for (const start of [at, high]) {
        for (let i = 0; i < 16; i += 4) {
          const wide = /q[dqp]/.test(form.mnemonic.slice(8)) || /gatherq/.test(form.mnemonic);
          const value = wide && i % 8 === 4 ? 0 : random.below(24);
          before.setU32(start + i, random.oneIn(40) ? 0x4000_0000 : value);
        }
      }
    }
    const scaled = indexValue * BigInt(memoryIndexScale);
    if (memoryBase === Register.RIP || memoryBase === Register.EIP) {
      const next = ip + BigInt(instruction.length);
      const distance = target - next;
      if (distance !== BigInt.asIntN(32, distance) || offsets.displacementSize !== 4)
        return undefined;
      view.setInt32(offsets.displacementOffset, Number(distance), true);
    } else if (memoryBase === Register.None) {
      const distance = target - scaled;
      if (width === 16) {
        view.setUint16(offsets.displacementOffset, Number(BigInt.asUintN(16, distance)), true);
      } else if (offsets.displacementSize === 8) {
        view.setBigUint64(offsets.displacementOffset, BigInt.asUintN(64, distance), true);
      } else {
        if (offsets.displacementSize !== 4) return undefined;
        displacement = width === 32 ? BigInt.asIntN(32, distance) : distance;
        if (displacement !== BigInt.asIntN(32, displacement)) return undefined;
        view.setInt32(offsets.displacementOffset, Number(displacement), true);
      }
    } else {
      const base = BigInt.asUintN(width, target - scaled - displacement);
      const upper = width === 64 ? 0n : (random.u64() >> BigInt(width)) << BigInt(width);
      pins.push([RegisterExt.fullRegister(memoryBase), upper | base]);
    }
    if (width !== 64) {
      address = this.#masked(segmentBase + BigInt.asUintN(width, target));
    }
    this.#touched.push({ address, size });
    this.#fillAt(before, address, instruction.memorySize);
    return { pins, need: { address, size } };
  }

  /** Puts typed values where the instruction will read, as far as that is inside a window. */
  #fillAt(before: StateRecord, address: bigint, size: MemorySize): void {
    const length = MemorySizeExt.size(size);
    if (length === 0 || length > 64 || this.#random.oneIn(4)) return;
    const type = MemorySizeExt.elementType(size);
    const value = new Uint8Array(64);
    this.#fillLanes(value, 0, Math.ceil(length / 16) * 16, type);
    for (let i = 0; i < length; i++) {
      const at = windowOffset(address + BigInt(i));
      if (at >= 0) before.bytes[at] = value[i] as number;
    }
  }
}

/** Instructions that store the x87's status word with its condition codes, alone or in an image. */
const STORES_FSW = /^(Fn?(save|stenv|stsw)|Fxsave|Xsave)/;

/** Follows which flags and condition codes the manual leaves undefined. */
class Taint {
  #bits = 0;
  fsw = 0;

  get flags(): number {
    return statusBits(this.#bits);
  }

  /** Takes the next instruction. False if it reads an undefined flag or condition code. */
  step(instruction: Instruction): boolean {
    if ((instruction.rflagsRead & this.#bits) !== 0) return false;
    const mnemonic = Mnemonic[instruction.mnemonic] as unknown as string;
    if (this.fsw !== 0 && STORES_FSW.test(mnemonic)) return false;
    if (!KEEPS_FLAGS.test(mnemonic)) this.#bits &= ~instruction.rflagsModified;
    this.#bits |= instruction.rflagsUndefined;
    this.fsw |= fswBits(instruction.rflagsUndefined);
    // Intel's manual has them clear C1, AMD's CPUs leave it.
    if (/^Fu?comip?$/.test(mnemonic)) this.fsw |= 0x200;
    return true;
  }
}

/**
 * Undefined flags after the instructions of `code` that end at or before byte `stop`, at most `count`; or
 * undefined if one of them reads such a flag. With `looped` they may have run several times before.
 */
export function undefinedAfter(
  code: Uint8Array,
  bits: CodeSize,
  count: number,
  stop = Number.POSITIVE_INFINITY,
  looped = false,
): { undefinedFlags: number; undefinedFsw: number } | undefined {
  const decoder = new Decoder(bits, code, 0);
  const taint = new Taint();
  let clean = true;
  let [undefinedFlags, undefinedFsw] = [0, 0];
  const end = (): void => {
    undefinedFlags |= taint.flags;
    undefinedFsw |= taint.fsw;
  };
  // What the first round leaves undefined can be read in the second one; later ones add nothing.
  for (let left = looped ? 2 : 1; left > 0; left--) {
    decoder.position = 0;
    let stopped = false;
    for (let i = 0; i < count && !(stopped && left === 1); i++) {
      const instruction = decoder.decode();
      if (decoder.position > stop && !stopped) {
        end();
        stopped = true;
      }
      if (!stopped || left > 1) clean &&= taint.step(instruction);
      instruction.free();
    }
    if (left === 1 && !stopped) end();
  }
  decoder.free();
  return clean ? { undefinedFlags, undefinedFsw } : undefined;
}

/** The test with what is undefined where the host stopped: an exception keeps later instructions from defining flags. */
export function stoppedAt(test: TestCase, after: StateRecord): TestCase {
  if (test.length === 1) return test;
  const start = test.before.u64(Field.rip);
  const stop = Number(after.u64(Field.rip) - start);
  if (stop < 0 || stop > CODE_SIZE) return test;
  const code = test.before.bytes.slice(Field.code, Field.code + CODE_SIZE);
  return { ...test, ...undefinedAfter(code, test.before.bits, test.length, stop, test.looped) };
}

/** Position of a window byte in the record, or -1. */
export function windowOffset(address: bigint): number {
  let a = Number(address);
  if (a >= RealMode.data && a < RealMode.data + Memory.dataSize) a += Memory.data - RealMode.data;
  if (a >= Memory.windowA && a < Memory.windowA + Memory.windowASize)
    return Field.windowA + a - Memory.windowA;
  if (a >= Memory.windowB && a < Memory.windowB + Memory.windowBSize)
    return Field.windowB + a - Memory.windowB;
  return -1;
}

function pokeMemory(before: StateRecord, address: bigint, value: bigint, length = 8): void {
  for (let i = 0; i < length; i++) {
    const at = windowOffset(address + BigInt(i));
    if (at >= 0) before.bytes[at] = Number((value >> BigInt(8 * i)) & 0xffn);
  }
}

/** Bits of the effective address: 16, 32 or 64. */
function addressWidth(
  instruction: Instruction,
  bits: CodeSize,
  displacementSize: number,
): 16 | 32 | 64 {
  const { memoryBase, memoryIndex } = instruction;
  if (memoryBase === Register.EIP) return 32;
  if (memoryBase === Register.RIP) return 64;
  const register = memoryBase || (RegisterExt.isVectorRegister(memoryIndex) ? 0 : memoryIndex);
  if (register !== Register.None) return (RegisterExt.size(register) * 8) as 16 | 32 | 64;
  return bits === 64 ? 64 : displacementSize === 2 ? 16 : 32;
}

function putInteger(view: DataView, offset: number, size: number, value: bigint): void {
  for (let i = 0; i < size; i++)
    view.setUint8(offset + i, Number((value >> BigInt(8 * i)) & 0xffn));
}

function toleranceOf(form: Form): Tolerance {
  if (TRANSCENDENTAL.has(form.mnemonic)) return "x87";
  return RECIPROCAL.test(form.mnemonic) ? "reciprocal" : "exact";
}

function statusBits(bits: number): number {
  let flags = 0;
  if (bits & RflagsBits.CF) flags |= 1;
  if (bits & RflagsBits.PF) flags |= 4;
  if (bits & RflagsBits.AF) flags |= 0x10;
  if (bits & RflagsBits.ZF) flags |= 0x40;
  if (bits & RflagsBits.SF) flags |= 0x80;
  if (bits & RflagsBits.OF) flags |= 0x800;
  return flags;
}

function fswBits(bits: number): number {
  let fsw = 0;
  if (bits & RflagsBits.C0) fsw |= 0x100;
  if (bits & RflagsBits.C1) fsw |= 0x200;
  if (bits & RflagsBits.C2) fsw |= 0x400;
  if (bits & RflagsBits.C3) fsw |= 0x4000;
  return fsw;
}
