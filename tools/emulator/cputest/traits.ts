// What a snippet asks of the CPU that runs it, in words: its instruction forms and the kinds of state that it
// starts from and ends with. A host that gets something wrong gets it wrong for one of these (judge.ts).
import { Code, Decoder, type Instruction, OpKind, Register, RegisterExt } from "iced-x86";
import { type Form, ISA_FEATURES, listForms } from "./forms.ts";
import {
  CODE_SIZE,
  Field,
  Memory,
  type StateRecord,
  VECTOR_NO_ANSWER,
  VECTOR_TIMEOUT,
} from "./record.ts";

export interface Traits {
  /** Each executed form with the kind of its operands, such as "Add_rm32_r32 with a memory operand". */
  cells: readonly string[];
  /** The kinds of state, such as "RSP not canonical" or "ending in #PF". */
  kinds: readonly string[];
  /** Everything that may be the cause of a wrong answer, the traits above included, from broad to narrow. */
  causes: readonly Cause[];
}

export interface Cause {
  /** A "kind" of state, instruction "set", "form" (or family of forms), or family and outcome: "narrow". */
  level: "kind" | "set" | "form" | "narrow";
  name: string;
}

/** Exceptions by their names in the Intel SDM vol. 3A, table 6-1. */
const EXCEPTIONS: Readonly<Record<number, string>> = {
  0: "#DE",
  1: "#DB",
  3: "#BP",
  4: "#OF",
  5: "#BR",
  6: "#UD",
  7: "#NM",
  8: "#DF",
  10: "#TS",
  11: "#NP",
  12: "#SS",
  13: "#GP",
  14: "#PF",
  16: "#MF",
  17: "#AC",
  19: "#XM",
  [VECTOR_TIMEOUT]: "no end",
  [VECTOR_NO_ANSWER]: "no answer",
};

/** A vector's name for reports. */
export function exceptionName(vector: number): string {
  return EXCEPTIONS[vector] ?? `vector ${vector}`;
}

const USER_END = 0x7fff_ffff_f000n;
const UPPER_HALF = 0xffff_8000_0000_0000n;
const STRING_FORM = /^(Movs|Cmps|Lods|Stos|Scas|Ins|Outs)[bwdq]_(m|AL|AX|EAX|RAX|DX)/;

let isaOfForm: ReadonlyMap<string, string> | undefined;

function isaOf(form: string): string {
  isaOfForm ??= new Map(
    ([32, 64] as const).flatMap((bits) =>
      listForms(Object.keys(ISA_FEATURES), bits).map((f: Form) => [f.name, f.isa] as const),
    ),
  );
  return isaOfForm.get(form) ?? "base";
}

/** The instruction that several forms belong to: `Cmpsd_m32_m32` is CMPS, `VEX_Vaddps_…` is VADDPS. */
function familyOf(form: string): string {
  const string = STRING_FORM.exec(form);
  if (string) return (string[1] as string).toUpperCase();
  return (form.replace(/^VEX_/, "").split("_")[0] as string).toUpperCase();
}

/** Names of the forms in `count` instructions of a snippet, as iced-x86 calls them. */
export function formsIn(before: StateRecord, count: number): string[] {
  return decoded(before, count, (instruction) => Code[instruction.code] as unknown as string);
}

/** Calls `visit` with each instruction and its offset and collects the results. */
function decoded<T>(
  before: StateRecord,
  count: number,
  visit: (instruction: Instruction, at: number) => T,
): T[] {
  const decoder = new Decoder(
    before.bits,
    before.bytes.slice(Field.code, Field.code + CODE_SIZE),
    0,
  );
  const out: T[] = [];
  for (let i = 0; i < count && decoder.canDecode; i++) {
    const at = decoder.position;
    const instruction = decoder.decode();
    out.push(visit(instruction, at));
    instruction.free();
  }
  decoder.free();
  return out;
}

/** String instructions that write where RDI points. */
const STORING = new Set(["INS", "MOVS", "STOS"]);
const RDI = 7;

/** Whether one of a snippet's repeated string instructions has come to the pages of code, in one of the outcomes. */
export function repeatsOverCode(
  before: StateRecord,
  count: number,
  outcomes: readonly StateRecord[],
): boolean {
  const comesThere = outcomes.some((state) => {
    const at = state.gpr(RDI) - BigInt(Memory.code);
    return at >= 0n && at <= BigInt(Memory.codeSize);
  });
  if (!comesThere) return false;
  return decoded(before, count, (instruction) => {
    const repeated = instruction.hasRepPrefix || instruction.hasRepnePrefix;
    return repeated && STORING.has(familyOf(Code[instruction.code] as unknown as string));
  }).some((found) => found);
}

/**
 * The traits of a snippet of `count` instructions. `outcomes` are states that someone reached from it: what one
 * host, the recording or the core says that it ended with.
 */
export function traitsOf(
  before: StateRecord,
  count: number,
  outcomes: readonly StateRecord[],
): Traits {
  const start = before.u64(Field.rip);
  // Instructions behind the last place where anyone stopped have not run.
  const stops = outcomes.map((state) => state.u64(Field.rip) - start);
  const inside = stops.every((stop) => stop >= 0n && stop <= BigInt(CODE_SIZE));
  const stop = inside ? Math.max(...stops.map(Number)) : CODE_SIZE;
  const cells = new Set<string>();
  const kinds = new Set<string>();
  const forms = new Set<string>();
  decoded(before, count, (instruction, at) => {
    if (at > stop) return;
    const name = Code[instruction.code] as unknown as string;
    const operands = operandsOf(instruction);
    forms.add(name);
    cells.add(`${name} ${operands}`);
    kinds.add(operands);
    if (instruction.hasLockPrefix) kinds.add("LOCK");
    if (instruction.hasRepPrefix || instruction.hasRepnePrefix) kinds.add("REP");
    if (instruction.segmentPrefix !== Register.None) kinds.add("a segment prefix");
    if (!/^(Lea|Nop|Reservednop)_/.test(name)) segmentKinds(instruction, kinds);
  });
  stateKinds(before, kinds);
  const ends = new Set<string>();
  for (const state of outcomes) {
    const vector = state.u32(Field.vector);
    ends.add(`ending in ${exceptionName(vector)}`);
    if (vector === 14 && state.u64(Field.cr2) >= USER_END) {
      kinds.add("a page fault above user addresses");
    }
    const rsp = rspKind(state.gpr(4));
    if (rsp) kinds.add(`${rsp} at the end`);
  }
  for (const end of ends) kinds.add(end);
  return {
    cells: [...cells],
    kinds: [...kinds],
    causes: causesOf(before, forms, cells, kinds, ends),
  };
}

function causesOf(
  before: StateRecord,
  forms: ReadonlySet<string>,
  cells: ReadonlySet<string>,
  kinds: ReadonlySet<string>,
  ends: ReadonlySet<string>,
): Cause[] {
  const causes: Cause[] = [{ level: "kind", name: `${before.bits}-bit code` }];
  const add = (level: Cause["level"], name: string): void => {
    causes.push({ level, name });
  };
  for (const kind of kinds) add("kind", kind);
  for (const isa of new Set([...forms].map(isaOf))) {
    add("set", `instructions of ${isa}`);
    for (const end of ends) add("set", `instructions of ${isa} ${end}`);
  }
  const families = new Set([...forms].map(familyOf));
  for (const family of families) {
    add("form", family);
    for (const end of ends) add("narrow", `${family} ${end}`);
  }
  for (const form of forms) add("form", form);
  for (const cell of cells) add("form", cell);
  return causes;
}

/** Which segments are used beyond the flat ones, and which selectors are looked at. */
function segmentKinds(instruction: Instruction, kinds: Set<string>): void {
  for (let i = 0; i < instruction.opCount; i++) {
    const kind = instruction.opKind(i);
    if (kind === OpKind.Register) {
      const register = instruction.opRegister(i);
      if (RegisterExt.isSegmentRegister(register)) {
        kinds.add(`the selector of ${Register[register]}`);
      }
    } else if (kind === OpKind.Memory || (kind >= OpKind.MemorySegSI && kind < OpKind.MemoryESDI)) {
      const segment = instruction.memorySegment;
      if (segment === Register.FS || segment === Register.GS) {
        kinds.add(`an address through ${Register[segment]}`);
      }
    }
  }
}

/** "with a memory operand", "with an implicit memory operand" (stack, strings) or "with registers". */
function operandsOf(instruction: Instruction): string {
  for (let i = 0; i < instruction.opCount; i++) {
    const kind = instruction.opKind(i);
    if (kind === OpKind.Memory) return "with a memory operand";
    if (kind >= OpKind.MemorySegSI && kind <= OpKind.MemoryESRDI) {
      return "with an implicit memory operand";
    }
  }
  return instruction.isStackInstruction ? "with an implicit memory operand" : "with registers";
}

function rspKind(rsp: bigint): string | undefined {
  if (rsp >= UPPER_HALF) return "RSP in the upper half";
  if (rsp > 0x7fff_ffff_ffffn) return "RSP not canonical";
  return rsp >= USER_END ? "RSP in the last user page" : undefined;
}

/** Kinds of the state before: what a kernel or hypervisor has to load, and may not. */
function stateKinds(before: StateRecord, kinds: Set<string>): void {
  const rsp = rspKind(before.gpr(4));
  if (rsp) kinds.add(rsp);
  const flags = before.u32(Field.rflags);
  if (flags & 0x100) kinds.add("TF set");
  if (flags & 0x400) kinds.add("DF set");
  if (flags & 0x4_0000) kinds.add("AC set");
  const mxcsr = before.u32(Field.mxcsr);
  if ((mxcsr & 0x1f80) !== 0x1f80) kinds.add("unmasked SIMD exceptions");
  if (mxcsr & 0x6000) kinds.add("SIMD rounding not to nearest");
  if (mxcsr & 0x8040) kinds.add("SIMD denormals as zeros");
  const fcw = before.u16(Field.fcw);
  if ((fcw & 0x3f) !== 0x3f) kinds.add("unmasked x87 exceptions");
  if ((fcw & 0xc00) !== 0) kinds.add("x87 rounding not to nearest");
  if ((fcw & 0x300) !== 0x300) kinds.add("x87 precision not extended");
  if (before.u16(Field.fsw) & 0x80) kinds.add("an x87 exception pending");
  if (before.u32(Field.codeAddress) + CODE_SIZE > Memory.code + Memory.codeSize) {
    kinds.add("code at the end of a page");
  }
}
