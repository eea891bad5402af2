// Which numbers a SYSCALL instruction finds in RAX: followed backwards from there, over moves, the stack, branches and,
// at the beginning of a function, to those who call it. Constants that are found this way do reach the instruction as
// far as the code says; what comes from elsewhere (memory, arithmetic, a caller nobody knows) is unknown, and says why.
// The stack is taken to hold what was stored there by the same register and offset.

import {
  type Instruction,
  InstructionInfoFactory,
  Mnemonic,
  OpAccess,
  OpKind,
  Register,
  RegisterExt,
} from "iced-x86";
import { Flow, type ProgramCode } from "./code.ts";

/** Where the number is: in a register, or in memory at a register plus an offset; `add` is to be added to it. */
interface Place {
  register: Register;
  /** Offset in memory; undefined for the register itself. */
  offset?: number;
  add: number;
}

export interface Numbers {
  /** Constants, as unsigned 32-bit numbers: Linux looks at no more of RAX. */
  known: Set<number>;
  /** Why there may be others; empty where there are none. */
  unknown: Set<string>;
}

/** Instructions that are looked at for one SYSCALL, and for all. */
const STEPS_MAX = 20_000;
const ALL_STEPS_MAX = 3_000_000;
/** How far up callers are followed. */
const CALLERS_MAX = 12;

/** Registers that a called function gives back as they were (System V ABI AMD64 supplement, 3.2.1). */
const KEPT: ReadonlySet<Register> = new Set([
  Register.RBX,
  Register.RBP,
  Register.RSP,
  Register.R12,
  Register.R13,
  Register.R14,
  Register.R15,
]);

interface Step {
  /** The instruction in front of which the number is at `place`. */
  at: number;
  place: Place;
  depth: number;
}

/** What an instruction makes of a place: constants, places in front of it, or a reason to give up. */
type Origin = { constant: bigint } | { places: Place[] } | { unknown: string };

const full = (register: Register): Register => RegisterExt.fullRegister(register);

/** Whether operand `index` is memory at a register plus an offset, without index register. */
function memoryPlace(instruction: Instruction, index: number): Place | undefined {
  if (instruction.opKind(index) !== OpKind.Memory) return undefined;
  if (instruction.memoryIndex !== Register.None || instruction.memoryBase === Register.None)
    return undefined;
  if (instruction.memoryBase === Register.RIP || instruction.segmentPrefix !== Register.None)
    return undefined;
  const offset = Number(instruction.memoryDisplacement);
  if (!Number.isSafeInteger(offset)) return undefined;
  return { register: full(instruction.memoryBase), offset, add: 0 };
}

/** The place or constant that operand `index` is. */
function operand(instruction: Instruction, index: number, add: number): Origin {
  const kind = instruction.opKind(index);
  if (kind === OpKind.Register)
    return { places: [{ register: full(instruction.opRegister(index)), add }] };
  const memory = memoryPlace(instruction, index);
  if (memory && memory.offset !== undefined && isStack(memory.register))
    return { places: [{ ...memory, add }] };
  if (kind === OpKind.Memory) return { unknown: "read from memory" };
  return { constant: instruction.immediate(index) + BigInt(add) };
}

/** Only what lies on the stack is followed through memory. */
const isStack = (register: Register): boolean =>
  register === Register.RSP || register === Register.RBP;

export class NumberTracer {
  readonly #code: ProgramCode;
  readonly #info = new InstructionInfoFactory();
  #steps = 0;

  constructor(code: ProgramCode) {
    this.#code = code;
  }

  free(): void {
    this.#info.free();
  }

  /** The numbers that SYSCALL instruction `site` may find. */
  trace(site: number): Numbers {
    const result: Numbers = { known: new Set(), unknown: new Set() };
    const seen = new Set<string>();
    const work: Step[] = [{ at: site, place: { register: Register.RAX, add: 0 }, depth: 0 }];
    for (let step = work.pop(), steps = 0; step; step = work.pop(), steps++) {
      if (steps === STEPS_MAX || this.#steps++ >= ALL_STEPS_MAX) {
        result.unknown.add("too many ways lead there");
        return result;
      }
      const { register, offset, add } = step.place;
      const key = `${step.at} ${register} ${offset} ${add}`;
      if (seen.has(key)) continue;
      seen.add(key);
      this.#arrive(step, work, result);
    }
    return result;
  }

  /** Goes from in front of an instruction to those that lead to it. */
  #arrive(step: Step, work: Step[], result: Numbers): void {
    const code = this.#code;
    const address = code.address(step.at);
    const callers = code.calls.get(address) ?? [];
    const jumps = code.jumps.get(address) ?? [];
    for (const from of jumps) this.#pass(from, step, work, result);
    const previous = code.before(step.at);
    const flow = previous === undefined ? Flow.end : code.flow(previous);
    const falls = flow !== Flow.end && flow !== Flow.jump;
    if (previous !== undefined && falls && !(callers.length > 0 && this.#isSeam(previous))) {
      this.#pass(previous, step, work, result);
    }
    if (callers.length > 0) this.#enterCallers(callers, address, step, work, result);
    else if (!falls && jumps.length === 0) this.#deadEnd(step, address, result);
  }

  /** Whether functions may end there: a call that does not return, or what fills the space to the next one. */
  #isSeam(number: number): boolean {
    if (this.#code.flow(number) === Flow.call) return true;
    const instruction = this.#code.instruction(number);
    const { mnemonic } = instruction;
    instruction.free();
    return mnemonic === Mnemonic.Nop || mnemonic === Mnemonic.Int3;
  }

  #enterCallers(
    callers: number[],
    address: number,
    step: Step,
    work: Step[],
    result: Numbers,
  ): void {
    const { place, depth } = step;
    if (depth === CALLERS_MAX) {
      result.unknown.add("too many callers in a row");
      return;
    }
    if (place.offset !== undefined && (place.register !== Register.RSP || place.offset < 8)) {
      result.unknown.add("not set by the function that reads it");
      return;
    }
    // The return address is on top of the caller's stack.
    const outside = place.offset === undefined ? place : { ...place, offset: place.offset - 8 };
    for (const at of callers) work.push({ at, place: outside, depth: depth + 1 });
    if (this.#code.isAddressTaken(address))
      result.unknown.add("its function is also called by address");
  }

  /** Nothing leads there that is known; what only fills space, nothing leads to. */
  #deadEnd(step: Step, address: number, result: Numbers): void {
    const instruction = this.#code.instruction(step.at);
    const { mnemonic } = instruction;
    instruction.free();
    if (mnemonic === Mnemonic.Nop || mnemonic === Mnemonic.Int3) return;
    result.unknown.add(
      address === this.#code.entry
        ? "set before the program begins"
        : "reached by address or table only",
    );
  }

  /** Goes over instruction `number`, backwards. */
  #pass(number: number, step: Step, work: Step[], result: Numbers): void {
    const instruction = this.#code.instruction(number);
    const origin = this.#origin(instruction, number, step.place);
    instruction.free();
    if ("constant" in origin) result.known.add(Number(BigInt.asUintN(32, origin.constant)));
    else if ("unknown" in origin) result.unknown.add(origin.unknown);
    else for (const place of origin.places) work.push({ at: number, place, depth: step.depth });
  }

  #origin(instruction: Instruction, number: number, place: Place): Origin {
    const isCall = this.#code.flow(number) === Flow.call;
    if (isCall) {
      if (!KEPT.has(place.register)) return { unknown: "what a function returns or leaves" };
      return { places: [place] };
    }
    if (place.offset !== undefined) return this.#memoryOrigin(instruction, place, place.offset);
    return this.#writes(instruction, place.register)
      ? registerOrigin(instruction, place)
      : { places: [place] };
  }

  #writes(instruction: Instruction, register: Register): boolean {
    const info = this.#info.info(instruction);
    let writes = false;
    for (const used of info.usedRegisters()) {
      const { access } = used;
      const isWrite =
        access !== OpAccess.Read && access !== OpAccess.CondRead && access !== OpAccess.None;
      if (isWrite && full(used.register) === register) writes = true;
      used.free();
    }
    info.free();
    return writes;
  }

  /** Memory at `place`, `offset` bytes from its register. */
  #memoryOrigin(instruction: Instruction, place: Place, offset: number): Origin {
    const { mnemonic } = instruction;
    const { register, add } = place;
    const moved = (by: number): Origin => ({ places: [{ ...place, offset: offset + by }] });
    if (register === Register.RSP) {
      if (mnemonic === Mnemonic.Push)
        return offset === 0 ? operand(instruction, 0, add) : moved(-8);
      if (mnemonic === Mnemonic.Pop) return moved(8);
    }
    const target = memoryPlace(instruction, 0);
    if (mnemonic === Mnemonic.Mov && target?.register === register && target.offset === offset) {
      return operand(instruction, 1, add);
    }
    if (!this.#writes(instruction, register)) return { places: [place] };
    if (mnemonic === Mnemonic.Leave && register === Register.RSP) {
      return { places: [{ ...place, register: Register.RBP, offset: offset + 8 }] };
    }
    if (instruction.opCount === 0) return { unknown: "on a stack that moves" };
    const [first, second] = [
      instruction.opKind(0),
      instruction.opCount > 1 ? instruction.opKind(1) : undefined,
    ];
    if (first !== OpKind.Register || second === undefined)
      return { unknown: "on a stack that moves" };
    if (mnemonic === Mnemonic.Mov && second === OpKind.Register) {
      return { places: [{ ...place, register: full(instruction.opRegister(1)) }] };
    }
    const source = memoryPlace(instruction, 1);
    if (mnemonic === Mnemonic.Lea && source && isStack(source.register)) {
      return {
        places: [{ ...place, register: source.register, offset: offset + (source.offset ?? 0) }],
      };
    }
    if (second === OpKind.Register || second === OpKind.Memory)
      return { unknown: "on a stack that moves" };
    if (mnemonic === Mnemonic.Sub) return moved(-Number(instruction.immediate(1)));
    if (mnemonic === Mnemonic.Add) return moved(Number(instruction.immediate(1)));
    return { unknown: "on a stack that moves" };
  }
}

/** What `instruction`, which writes the register at `place`, makes of it. */
function registerOrigin(instruction: Instruction, place: Place): Origin {
  const { add } = place;
  const isRegister = (index: number): boolean => instruction.opKind(index) === OpKind.Register;
  const same = (): boolean =>
    isRegister(0) && isRegister(1) && instruction.opRegister(0) === instruction.opRegister(1);
  const isConstant = (index: number): boolean =>
    !isRegister(index) && instruction.opKind(index) !== OpKind.Memory;
  switch (instruction.mnemonic) {
    case Mnemonic.Mov:
      // A byte or a word of a register leaves the rest of it.
      return RegisterExt.size(instruction.opRegister(0)) < 4
        ? { unknown: "put together" }
        : operand(instruction, 1, add);
    case Mnemonic.Movsxd:
    case Mnemonic.Movzx:
    case Mnemonic.Movsx:
      return operand(instruction, 1, add);
    case Mnemonic.Xor:
    case Mnemonic.Sub:
      if (same()) return { constant: BigInt(add) };
      if (instruction.mnemonic === Mnemonic.Sub && isConstant(1)) {
        return { places: [{ ...place, add: add - Number(instruction.immediate(1)) }] };
      }
      return { unknown: "computed" };
    case Mnemonic.Add:
      if (!isConstant(1)) return { unknown: "computed" };
      return { places: [{ ...place, add: add + Number(instruction.immediate(1)) }] };
    case Mnemonic.Inc:
      return { places: [{ ...place, add: add + 1 }] };
    case Mnemonic.Dec:
      return { places: [{ ...place, add: add - 1 }] };
    case Mnemonic.Or:
      return isConstant(1) && instruction.immediate(1) === -1n
        ? { constant: BigInt(add) - 1n }
        : { unknown: "computed" };
    case Mnemonic.Pop:
      return { places: [{ register: Register.RSP, offset: 0, add }] };
    case Mnemonic.Xchg: {
      if (!isRegister(0) || !isRegister(1)) return { unknown: "read from memory" };
      const other = full(instruction.opRegister(0)) === place.register ? 1 : 0;
      return operand(instruction, other, add);
    }
    case Mnemonic.Lea: {
      const source = memoryPlace(instruction, 1);
      if (source?.offset === undefined) return { unknown: "computed" };
      return { places: [{ register: source.register, add: add + source.offset }] };
    }
    case Mnemonic.Cmova:
    case Mnemonic.Cmovae:
    case Mnemonic.Cmovb:
    case Mnemonic.Cmovbe:
    case Mnemonic.Cmove:
    case Mnemonic.Cmovg:
    case Mnemonic.Cmovge:
    case Mnemonic.Cmovl:
    case Mnemonic.Cmovle:
    case Mnemonic.Cmovne:
    case Mnemonic.Cmovno:
    case Mnemonic.Cmovnp:
    case Mnemonic.Cmovns:
    case Mnemonic.Cmovo:
    case Mnemonic.Cmovp:
    case Mnemonic.Cmovs: {
      const taken = operand(instruction, 1, add);
      return "places" in taken ? { places: [...taken.places, place] } : taken;
    }
    case Mnemonic.Syscall:
      return { unknown: "the result of another call" };
    default:
      return { unknown: "computed" };
  }
}
